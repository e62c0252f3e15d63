//! PostgreSQL goes away under load, by a fast stop, an immediate one, and a kill, and comes back.

use crate::{cluster::Cluster, kill::nobody_is_left, support::database::TestDatabase, world::World};

/// So many changes are acknowledged before it goes, and after it is back.
const CHANGES: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_postgres_changes_are_refused_and_then_made_again() {
    let Some(cluster) = Cluster::start().await else { return };
    let database = TestDatabase::at(&cluster.url);
    let mut world = World::found("PostgreSQL lost", &database).await;
    let mut server = world.server(&cluster.url).await;
    let mut in_the_middle = 0;
    for way in ["fast", "immediate", "kill -9"] {
        let (before, refused) = (world.ledger.acknowledged(), world.ledger.refused_at_all());
        let load = world.load(&[&server]);
        wait_until!(world.ledger.acknowledged() >= before + CHANGES, "changes are acknowledged: {}", server.said());
        in_the_middle += usize::from(world.ledger.in_flight() > 0);
        if way == "kill -9" {
            cluster.kill9();
        } else {
            cluster.stop(way);
        }
        wait_until!(world.ledger.refused_at_all() > refused, "{way}: changes are refused: {}", server.said());
        if way == "kill -9" {
            // It leaves processes behind that answer for a moment.
            wait_until!(server.browser().get("/health/ready").await.status == 503, "{way}: it is noticed: {}", server.said());
        }
        let health = server.browser().get("/health/ready").await;
        assert_eq!((health.status.as_u16(), health.text()), (503, "The database doesn't answer.\n"), "{way}");
        let gone = world.ledger.acknowledged();
        let refused = world.ledger.refused_at_all();
        wait_until!(world.ledger.refused_at_all() >= refused + 3, "{way}: and go on being refused");
        assert_eq!(world.ledger.acknowledged(), gone, "{way}: nothing is acknowledged without a database");
        cluster.start_again().await;
        // The same server, which nobody started again.
        wait_until!(world.ledger.acknowledged() >= gone + CHANGES, "{way}: it is back: {}", server.said());
        world.loaders = load.end().await;
        assert_eq!(server.browser().get("/health/ready").await.status, 200);
        world.check(&database).await;
    }
    server.kill9();
    nobody_is_left(&database).await;
    cluster.stop("fast");
    let said = server.restart().await.expect_err("there is no database");
    assert!(said.contains("countersign can't go on: the database postgres://localhost"), "{said}");
    assert!(said.contains("can't be reached"), "{said}");
    world.report(&format!("3 losses, {in_the_middle} of them while changes were being committed"));
    assert!(in_the_middle >= 1);
    assert!(world.ledger.acknowledged() >= 6 * CHANGES);
    assert_eq!(world.ledger.missing(), 0, "the server answers everything");
}

//! The program is killed at random moments, again and again.

use crate::{
    support::database::TestDatabase,
    world::{World, rounds},
};
use sqlx::{Connection, PgConnection};
use std::time::Duration;
use tokio::time::sleep;

/// So many changes are acknowledged in each round before the kill may come.
const BEFORE: usize = 6;

on_both_databases!(a_server_that_is_killed_loses_nothing);

async fn a_server_that_is_killed_loses_nothing(database: &TestDatabase) {
    let name = if database.is_postgres() { "killed, on PostgreSQL" } else { "killed, on SQLite" };
    let mut world = World::found(name, database).await;
    let mut server = world.server(database.url()).await;
    let mut in_the_middle = 0;
    for _ in 0..rounds() {
        let before = world.ledger.acknowledged();
        let load = world.load(&[&server]);
        wait_until!(world.ledger.acknowledged() >= before + BEFORE, "changes are acknowledged: {}", server.said());
        sleep(Duration::from_micros(world.random.u64(..80_000))).await;
        let in_flight = world.ledger.in_flight();
        assert!(server.kill9(), "it ran until it was killed: {}", server.said());
        in_the_middle += usize::from(in_flight > 0);
        world.loaders = load.gone().await;
        nobody_is_left(database).await;
        server.restart().await.unwrap_or_else(|said| panic!("{said}"));
        world.check(database).await;
    }
    assert!(server.stop().success(), "{}", server.said());
    world.check(database).await;
    world.report(&format!("{} kills, {in_the_middle} of them while changes were being committed", rounds()));
    assert!(in_the_middle * 2 >= rounds(), "{in_the_middle} kills in the middle of a load");
    assert!(world.ledger.acknowledged() >= rounds() * BEFORE);
    assert_eq!(world.ledger.refused_at_all(), 0, "a server that isn't killed refuses nothing");
}

/// What a killed server was at may still be done by PostgreSQL for a moment.
pub async fn nobody_is_left(database: &TestDatabase) {
    if database.is_postgres() {
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        let others = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        wait_until!(
            sqlx::query_scalar::<_, i64>(others).fetch_one(&mut connection).await.unwrap() == 0,
            "the killed server's connections end"
        );
        connection.close().await.unwrap();
    }
}

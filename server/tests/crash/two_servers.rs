//! Two servers on one database: one is killed, the other doesn't even notice, and sends the mails of both.

use crate::{
    support::{
        app::TestApp,
        database::TestDatabase,
        live::{free_origin, present},
    },
    world::World,
};
use app::domain::time::Timestamp;
use server::{mail::worker::LEASE, storage::outbox};
use std::collections::BTreeSet;
use tokio::net::TcpListener;

/// So many changes are acknowledged before the one is killed, and after.
const CHANGES: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn when_one_of_two_servers_is_killed_the_other_goes_on() {
    let Some(database) = TestDatabase::postgres().await else { return };
    let mut world = World::found("two servers", &database).await;
    // A mail server that takes calls and never says a word: whoever wants to send a mail has it in hand until they are killed.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mail = format!("smtp://localhost:{}", silent.local_addr().unwrap().port());
    let settings = [("COUNTERSIGN_SMTP_URL", mail.as_str()), ("COUNTERSIGN_MAIL_FROM", "countersign@example.org")];
    let mut killed = world.server_with(database.url(), &settings).await;
    let elsewhere = free_origin().replace("http://localhost", "127.0.0.1");
    let other = world.server_with(database.url(), &[("COUNTERSIGN_LISTEN", elsewhere.as_str())]).await;

    let app = TestApp::init(&database).with_origin(&world.origin).await;
    let load = world.load(&[&killed, &other]);
    // One has mails in hand, and both execute changes.
    let in_hand = "SELECT COUNT(*) FROM outbox WHERE sent_at IS NULL AND attempts > 0 AND recipient LIKE 'guest%'";
    wait_until!(app.number(in_hand).await > 0, "the first server has a mail in hand: {}", killed.said());
    wait_until!(world.ledger.acknowledged() >= CHANGES, "changes are acknowledged");
    for server in [&killed, &other] {
        wait_until!(server.said().contains("a change was executed"), "each of the two executes some");
    }
    let in_flight = world.ledger.in_flight();
    assert!(killed.kill9());
    let lease = i64::try_from(LEASE.as_millis()).unwrap();
    let latest = present() + lease;
    let at_the_kill = world.ledger.acknowledged();
    // Those whose server was killed are gone. The others go on at once.
    wait_until!(world.ledger.acknowledged() >= at_the_kill + CHANGES, "the other server goes on: {}", other.said());
    world.loaders = load.end().await;
    assert_eq!(world.ledger.refused_at_all(), 0, "the other server refuses nothing");
    assert!(!other.said().contains("ERROR"), "{}", other.said());
    drop(killed);

    // The mails that nobody has in hand are delivered by the one that is left.
    let held = "SELECT COUNT(*) FROM outbox WHERE sent_at IS NULL";
    let others = format!("SELECT COUNT(*) FROM outbox WHERE sent_at IS NULL AND (attempts = 0 OR next_attempt_at > {latest})");
    wait_until!(app.number(&others).await == 0, "the other server delivers what the killed one hasn't in hand");
    let rows: Vec<(String, i64)> = sqlx::query_as("SELECT id, next_attempt_at FROM outbox WHERE sent_at IS NULL")
        .fetch_all(&mut *app.connection().await)
        .await
        .unwrap();
    assert!((1..=4).contains(&rows.len()), "one server has at most four mails in hand: {rows:?}");
    // Nobody gets one before its time, and then whoever asks first.
    let first = rows.iter().map(|(_, at)| *at).min().unwrap();
    let now = present();
    assert!(rows.iter().all(|(_, at)| (now..=latest).contains(at)), "{LEASE:?} after it was taken in hand: {rows:?}, now {now}");
    let mut transaction = app.services.storage.begin().await.unwrap();
    let early = outbox::claim(&mut transaction, Timestamp::from_millis(first - 1), LEASE).await.unwrap();
    assert!(early.is_none(), "{early:?}");
    let mut claimed = BTreeSet::new();
    let over = Timestamp::from_millis(latest);
    while let Some(mail) = outbox::claim(&mut transaction, over, LEASE).await.unwrap() {
        assert_eq!(mail.attempts, 2);
        claimed.insert(mail.id.to_string());
    }
    assert_eq!(claimed, rows.iter().map(|(id, _)| id.clone()).collect());
    drop(transaction);
    // As if that time was over: the server that is left delivers them.
    app.run(&format!("UPDATE outbox SET next_attempt_at = next_attempt_at - {lease} WHERE sent_at IS NULL")).await;
    wait_until!(app.number(held).await == 0, "the other server delivers the killed one's mails: {}", other.said());
    let twice = "SELECT COUNT(*) FROM outbox WHERE attempts = 2 AND last_answer = 'kept in the local mailbox'";
    assert_eq!(app.number(twice).await, i64::try_from(rows.len()).unwrap());
    app.services.storage.close().await;
    world.check(&database).await;
    let mails = rows.len();
    world.report(&format!("1 kill, {in_flight} changes being committed, {mails} mails in hand"));
    assert!(world.ledger.acknowledged() >= 2 * CHANGES);
}

//! PostgreSQL's host loses its power, and another takes its place: the connections to it stay open, and nothing comes by them any more.

use crate::{proxy::Proxy, support::database::TestDatabase};
use server::storage::Storage;
use std::time::Duration;
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connections_to_a_host_that_is_gone_do_not_take_the_place_of_others() {
    let Some(database) = TestDatabase::postgres().await else { return };
    let mut proxy = Proxy::start(database.url()).await;
    let storage = Storage::open(&proxy.url.parse().unwrap()).await.unwrap();
    let mut connections = Vec::new();
    while let Ok(connection) = timeout(Duration::from_secs(1), storage.connection()).await {
        connections.push(connection.unwrap());
    }
    assert!(connections.len() >= 8, "{}", connections.len());
    proxy.falls_silent();
    // Each is in the middle of something that whoever asked gives up in the end.
    for connection in &mut connections {
        let asked = timeout(Duration::from_millis(50), sqlx::query("SELECT 1").execute(&mut **connection)).await;
        assert!(asked.is_err(), "nothing comes: {asked:?}");
    }
    drop(connections);
    wait_until!(storage.ping().await.is_ok(), "the host that took its place is used");
    assert_eq!(proxy.cuts().await, 0);
    storage.close().await;
}

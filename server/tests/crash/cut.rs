//! The connection is cut between the commit and its answer: on PostgreSQL's side of the server, and on its client's.

use crate::{
    load::Loader,
    proxy::{Cut, Proxy},
    support::{
        answer::{DONE, refused},
        database::TestDatabase,
        live::Server,
    },
    world::World,
};
use app::{
    action::change::Change,
    refusal::Code,
    rpc::change::{Prepared, Receipt},
};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

/// How often each is tried.
const TIMES: usize = 6;

on_both_databases!(a_client_that_went_away_can_hand_it_in_again);

/// Something signed that nobody has handed in.
pub struct Signed {
    pub change: Change,
    pub prepared: Prepared,
    pub signature: Value,
}

impl Loader {
    /// An invitation, signed at this server.
    pub async fn sign_in_advance(&mut self, server: &Server) -> Signed {
        self.client.moves_to(server);
        let change = self.invitation();
        let prepared = self.client.person.prepared(&change).await;
        let signature = self.client.person.signature(&prepared);
        Signed { change, prepared, signature }
    }
}

impl World {
    /// Handed in once more: it isn't executed twice, and the receipt says that it was done before.
    async fn again(&self, signed: &Signed) {
        let answer = self.ledger.hand_in(&self.aside, &signed.change, &signed.prepared, &signed.signature).await;
        let receipt: Receipt = answer.done();
        assert!(receipt.is_repeat && receipt.created.is_some(), "{receipt:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whether_a_commit_was_done_is_found_out_when_its_answer_is_lost() {
    let Some(database) = TestDatabase::postgres().await else { return };
    let mut world = World::found("cut from PostgreSQL", &database).await;
    let mut proxy = Proxy::start(database.url()).await;
    let mut server = world.server(&proxy.url).await;
    for number in 0..2 * TIMES {
        let cut = if number % 2 == 0 { Cut::BeforeTheAnswer } else { Cut::AtOnce };
        let signed = world.aside.sign_in_advance(&server).await;
        proxy.arm(&signed.prepared.action.to_string(), cut);
        let answer = world.ledger.hand_in(&world.aside, &signed.change, &signed.prepared, &signed.signature).await;
        assert_eq!(proxy.cuts().await, number + 1, "it was cut");
        assert_eq!(answer.verdict(), DONE, "{cut:?}: {}", answer.text());
        assert!(!answer.done::<Receipt>().is_repeat);
        world.again(&signed).await;
    }
    for _ in 0..2 {
        let signed = world.aside.sign_in_advance(&server).await;
        proxy.arm(&signed.prepared.action.to_string(), Cut::AndClosed);
        let answer = world.ledger.hand_in(&world.aside, &signed.change, &signed.prepared, &signed.signature).await;
        assert_eq!(answer.verdict(), refused(Code::Unavailable), "{}", answer.text());
        assert!(answer.refusal().message.contains("it isn't known whether it was done"), "{}", answer.text());
        proxy.opens();
        world.again(&signed).await;
    }
    world.goes_on(&server, TIMES).await;
    assert!(server.stop().success(), "{}", server.said());
    world.check(&database).await;
    world.report(&format!("{} commits cut from their answer", proxy.cuts().await));
    assert_eq!(world.ledger.unknown(), 2, "only where PostgreSQL couldn't be asked");
}

async fn a_client_that_went_away_can_hand_it_in_again(database: &TestDatabase) {
    let name = if database.is_postgres() { "a client goes away, on PostgreSQL" } else { "a client goes away, on SQLite" };
    let mut world = World::found(name, database).await;
    let mut server = world.server(database.url()).await;
    let mut had_been_done = 0;
    for _ in 0..4 * TIMES {
        let signed = world.aside.sign_in_advance(&server).await;
        let browser = server.browser();
        browser.set_session(&world.aside.client.person.browser.session().unwrap());
        let body = json!({ "action": signed.prepared.action, "response": signed.signature });
        let sending = tokio::spawn(async move { browser.call_json("commit_change", &body).await });
        // Sometimes before the server has begun, sometimes after it is done.
        sleep(Duration::from_micros(world.random.u64(..60_000))).await;
        // With it goes the connection.
        sending.abort();
        let _ = sending.await;
        let answer = world.ledger.hand_in(&world.aside, &signed.change, &signed.prepared, &signed.signature).await;
        had_been_done += usize::from(answer.done::<Receipt>().is_repeat);
    }
    assert!(server.stop().success(), "{}", server.said());
    world.check(database).await;
    world.report(&format!("{} clients gone, {had_been_done} after it was done", 4 * TIMES));
    assert_eq!(world.ledger.acknowledged(), 4 * TIMES);
    assert_eq!(world.ledger.refused_at_all(), 0);
}

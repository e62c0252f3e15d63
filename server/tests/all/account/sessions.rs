//! One's own sessions: listed, and ended one by one or all but this one; never anybody else's.

use crate::support::{
    answer::{DONE, refused},
    app::TestApp,
    browser::Browser,
    database::TestDatabase,
};
use app::{
    refusal::Code,
    rpc::sessions::{SessionList, SessionRow},
};
use std::time::Duration;

on_both_databases!(
    every_browser_is_listed_and_knows_itself,
    ending_one_ends_it_at_once,
    ending_ones_own_signs_out,
    ending_all_others_keeps_this_one,
    nobody_ends_anybody_elses_session,
    a_deactivated_user_sees_and_ends_none,
    what_ran_out_is_not_listed,
    reading_an_address_ends_nothing,
);

impl Browser {
    async fn sessions(&self) -> Vec<SessionRow> {
        self.call("sessions", &[]).await.done::<SessionList>().sessions
    }
}

async fn every_browser_is_listed_and_knows_itself(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let laptop = ada.browser.clone();
    app.advance(Duration::from_mins(5));
    let phone = app.browser();
    assert_eq!(ada.sign_in_with(&phone).await.verdict(), DONE);
    let listed = phone.sessions().await;
    assert_eq!(listed.iter().map(|session| session.is_this).collect::<Vec<_>>(), [true, false], "the latest first");
    assert_eq!(listed[1].last_seen_at.plus(Duration::from_hours(12)), listed[1].ends_at);
    let seen_by_laptop = laptop.sessions().await;
    let own: Vec<_> = seen_by_laptop.iter().filter(|session| session.is_this).collect();
    assert_eq!((own.len(), &own[0].id), (1, &listed[1].id));
    assert!(!laptop.session().unwrap().contains(&listed[1].id), "it is no cookie");
}

async fn ending_one_ends_it_at_once(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let phone = app.browser();
    assert_eq!(ada.sign_in_with(&phone).await.verdict(), DONE);
    let other = ada.browser.sessions().await.into_iter().find(|session| !session.is_this).unwrap();
    for _ in 0..2 {
        assert_eq!(ada.browser.call("end_session", &[("id", &other.id)]).await.verdict(), DONE);
    }
    assert_eq!(phone.viewer().await.verdict(), refused(Code::SignedOut));
    assert_eq!(ada.browser.sessions().await.len(), 1);
}

async fn ending_ones_own_signs_out(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let phone = app.browser();
    assert_eq!(ada.sign_in_with(&phone).await.verdict(), DONE);
    let own = ada.browser.sessions().await.into_iter().find(|session| session.is_this).unwrap();
    let answer = ada.browser.call("end_session", &[("id", &own.id)]).await;
    assert_eq!((answer.verdict(), answer.location()), (DONE, "/login?signed=out"));
    assert_eq!(ada.browser.session(), None, "the browser forgets the cookie");
    assert_eq!(phone.viewer().await.verdict(), DONE, "the other one goes on");
    assert_eq!(app.count("sessions").await, 1);

    // Without JavaScript, one that is gone already.
    let answer = phone.submit("end_session", &[("id", &own.id)], "/account").await;
    assert_eq!((answer.status.as_u16(), answer.location()), (302, "/account#sessions"));
    assert_eq!(app.count("sessions").await, 1);
}

async fn ending_all_others_keeps_this_one(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let others = [app.browser(), app.browser()];
    for other in &others {
        assert_eq!(ada.sign_in_with(other).await.verdict(), DONE);
    }
    assert_eq!(ada.browser.sessions().await.len(), 3);
    assert_eq!(ada.browser.call("end_other_sessions", &[]).await.verdict(), DONE);
    assert_eq!(ada.browser.sessions().await.len(), 1);
    for other in &others {
        assert_eq!(other.viewer().await.verdict(), refused(Code::SignedOut));
    }
}

async fn nobody_ends_anybody_elses_session(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let (bob, _) = app.colleague(&mut ada, "bob@example.org", &[]).await;
    let eve = app.admin("eve@example.com").await;
    let of_ada = ada.browser.sessions().await.remove(0).id;
    for other in [&bob.browser, &eve.browser] {
        assert!(other.sessions().await.iter().all(|session| session.id != of_ada));
        assert_eq!(other.call("end_session", &[("id", &of_ada)]).await.verdict(), DONE, "nothing tells whether there is one");
        assert_eq!(other.call("end_other_sessions", &[]).await.verdict(), DONE);
    }
    assert_eq!(ada.browser.viewer().await.verdict(), DONE);
    for function in ["sessions", "end_session", "end_other_sessions"] {
        assert_eq!(app.browser().call(function, &[("id", &of_ada)]).await.verdict(), refused(Code::SignedOut), "{function}");
    }
    assert_eq!(ada.browser.viewer().await.verdict(), DONE);
}

/// Their session may still be there; it is good for nothing.
async fn a_deactivated_user_sees_and_ends_none(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    assert_eq!(ada.sign_in_with(&app.browser()).await.verdict(), DONE);
    let id = ada.browser.sessions().await.remove(1).id;
    app.run("UPDATE users SET deactivated_at = 1").await;
    for function in ["sessions", "end_session", "end_other_sessions"] {
        assert_eq!(ada.browser.call(function, &[("id", &id)]).await.verdict(), refused(Code::SignedOut), "{function}");
    }
    assert_eq!(app.count("sessions").await, 2);
}

async fn what_ran_out_is_not_listed(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let idle = app.browser();
    assert_eq!(ada.sign_in_with(&idle).await.verdict(), DONE);
    app.advance(Duration::from_hours(11));
    assert_eq!(ada.browser.viewer().await.verdict(), DONE);
    app.advance(Duration::from_hours(2));
    assert_eq!(ada.browser.sessions().await.len(), 1);
}

async fn reading_an_address_ends_nothing(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    assert_eq!(ada.sign_in_with(&app.browser()).await.verdict(), DONE);
    let id = ada.browser.sessions().await.remove(1).id;
    for path in [format!("/rpc/end_session?id={id}"), "/rpc/end_other_sessions".to_owned()] {
        let answer = ada.browser.get(&path).await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.status);
    }
    assert_eq!(ada.browser.sessions().await.len(), 2);
}

//! When the database is gone, locked, or comes back: nothing is acknowledged that wasn't done, and it mends by itself.

use crate::support::{
    answer::{DONE, refused},
    app::TestApp,
    database::TestDatabase,
    device::RecoveryKit,
};
use app::{
    refusal::Code,
    rpc::get_started::{CodeState, Registration},
};
use std::time::Duration;

on_both_databases!(
    without_a_database_everything_is_refused_with_a_number_to_quote,
    a_locked_database_is_refused_and_then_works_again,
    a_row_that_is_locked_while_finishing_leaves_nothing_half_done,
    a_connection_that_was_cut_is_made_anew,
    whoever_is_known_can_read_while_nothing_can_be_written,
);

async fn without_a_database_everything_is_refused_with_a_number_to_quote(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let person = app.with_passkey("bob@example.org").await;
    let registration: Registration = person.browser.registration().await.done();
    let challenge = admin.browser.sign_in_challenge().await;
    let assertion = admin.device.get(&challenge.options);
    let (signed_in, registering) = (admin.browser.session(), person.browser.session());
    let before = app.dump().await;
    app.services.storage.close().await;

    let organization = person.organization.to_string();
    for (what, answer) in [
        ("create_organization", app.browser().create_organization("eve@example.org", "Eve", "Evil").await),
        ("send_new_code", app.browser().send_new_code("bob@example.org", "").await),
        ("code_state", app.browser().code_state("bob@example.org", &organization).await),
        ("activate", app.browser().activate("bob@example.org", "", &person.code).await),
        ("registration", person.browser.registration().await),
        ("start_passkey", person.browser.start_passkey().await),
        ("finish_registration", person.browser.finish(&RecoveryKit::new().proof(&registration.challenge)).await),
        ("start_sign_in", app.browser().start_sign_in().await),
        ("finish_sign_in", app.browser().finish_sign_in(&challenge, &assertion).await),
        ("viewer", admin.browser.viewer().await),
        ("sign_out", admin.browser.sign_out().await),
        ("sign_out_everywhere", admin.browser.call("sign_out_everywhere", &[]).await),
        ("local_mails", app.browser().local_mails().await),
    ] {
        assert_eq!(answer.verdict(), refused(Code::Unavailable), "{what}: {}", answer.text());
        let refusal = answer.refusal();
        assert_eq!(refusal.incident.as_deref().map(str::len), Some(8), "{what}");
        assert_eq!(refusal.message, "The server's storage doesn't answer at the moment. Nothing was changed. Try again in a minute.");
        assert!(!answer.headers.contains_key("set-cookie"), "{what} changes the cookie");
    }
    for path in ["/org", "/get-started/passkey", "/dev/mail"] {
        let browser = if path == "/org" { &admin.browser } else { &person.browser };
        assert_eq!(browser.get(path).await.status, 503, "{path}");
    }
    assert_eq!(app.browser().get("/login").await.status, 200, "what needs no database is there");
    let health = app.browser().get("/health/ready").await;
    assert_eq!((health.status.as_u16(), health.text()), (503, "The database doesn't answer.\n"));
    assert_eq!((admin.browser.session(), person.browser.session()), (signed_in, registering));

    // As if it had never happened.
    let again = TestApp::init(database).with_clock_of(&app).await;
    assert_eq!(again.dump().await, before);
}

/// Another program holds what the server needs.
async fn a_locked_database_is_refused_and_then_works_again(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let other = TestApp::init(database).await;
    let mut lock = other.services.storage.begin().await.unwrap();
    if database.is_postgres() {
        sqlx::query("LOCK TABLE organizations IN ACCESS EXCLUSIVE MODE").execute(&mut *lock).await.unwrap();
    }
    let answer = app.browser().create_organization("ada@example.org", "Ada", "Acme").await;
    assert_eq!(answer.verdict(), refused(Code::Unavailable), "{}", answer.text());
    assert!(answer.refusal().incident.is_some());
    drop(lock);
    assert_eq!(app.count("organizations").await, 0);
    let person = app.founder("ada@example.org").await;
    assert!(matches!(person.code_state().await, CodeState::Live { .. }));
    assert_eq!(app.mails().await.len(), 1);
}

async fn whoever_is_known_can_read_while_nothing_can_be_written(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let browser = admin.browser.clone();
    let caller = app.caller(&mut admin).await;
    // It would be noted that they were here.
    app.advance(Duration::from_mins(2));
    let other = TestApp::init(database).await;
    let mut lock = other.services.storage.begin().await.unwrap();
    if database.is_postgres() {
        sqlx::query("LOCK TABLE users IN SHARE MODE").execute(&mut *lock).await.unwrap();
    }
    let (page, call) = tokio::join!(browser.get("/org/users"), caller.get("/auth/users"));
    assert_eq!(page.status, 200, "{}", page.text());
    assert_eq!(call.status, 200, "{}", call.text());
    let refused = browser.create_organization("bob@example.org", "Bob", "Acme").await;
    assert_eq!(refused.refusal().code, Code::Unavailable, "{}", refused.text());
    drop(lock);
}

async fn a_row_that_is_locked_while_finishing_leaves_nothing_half_done(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.with_passkey("ada@example.org").await;
    let other = TestApp::init(database).await;
    let before = app.dump().await;
    let mut lock = other.services.storage.begin().await.unwrap();
    sqlx::query("UPDATE organizations SET name = name").execute(&mut *lock).await.unwrap();
    let answer = person.finish().await;
    assert_eq!(answer.verdict(), refused(Code::Unavailable), "{}", answer.text());
    drop(lock);
    assert_eq!(app.dump().await, before);
    assert_eq!(person.finish().await.verdict(), DONE, "and the next try works");
}

async fn a_connection_that_was_cut_is_made_anew(database: &TestDatabase) {
    if !database.is_postgres() {
        return;
    }
    let app = TestApp::init(database).await;
    let person = app.admin("ada@example.org").await;
    let other = TestApp::init(database).await;
    let cut = "SELECT COUNT(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()) x";
    assert!(other.number(cut).await >= 1);
    assert_eq!(person.browser.viewer().await.verdict(), DONE);
    assert_eq!(app.browser().get("/health/ready").await.status, 200);
}

//! The session behind the cookie: new at every step up, known by its hash only, ended for good.

use crate::support::{
    answer::{DONE, refused},
    app::TestApp,
    database::TestDatabase,
    device::{base64url, random},
};
use app::{refusal::Code, rpc::sign_in::Viewer};
use ring::digest::{SHA256, digest};
use server::ambient::Ambient;
use std::time::Duration;

on_both_databases!(
    strangers_get_no_session,
    every_step_up_gets_a_new_session,
    a_session_that_was_planted_is_not_taken_over,
    a_session_is_stored_by_its_hash_only,
    the_cookie_is_for_this_site_and_its_server_only,
    a_session_ends_after_twelve_idle_hours,
    a_session_ends_after_seven_days_however_busy,
    signing_out_ends_the_session_for_good,
    signing_out_everywhere_ends_all_of_ones_own_sessions,
    signing_in_again_ends_the_session_before,
    reading_pages_does_not_write_to_the_session_at_every_turn,
    cookies_that_make_no_sense_count_as_none,
);

async fn strangers_get_no_session(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let browser = app.browser();
    for answer in [
        browser.get("/").await,
        browser.get("/login").await,
        browser.about().await,
        browser.viewer().await,
        browser.start_sign_in().await,
        browser.create_organization("ada@example.org", "Ada", "Acme").await,
        browser.send_new_code("ada@example.org", "").await,
        browser.sign_out().await,
        browser.get("/nothing/here").await,
        browser.get("/health/ready").await,
    ] {
        assert!(!answer.headers.contains_key("set-cookie"), "{answer:?}");
    }
    assert_eq!(app.count("sessions").await, 0);
}

async fn every_step_up_gets_a_new_session(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut person = app.registering("ada@example.org").await;
    let registering = person.browser.session().unwrap();
    assert_eq!(person.make_passkey().await, DONE);
    assert_eq!(person.browser.session().unwrap(), registering);
    assert_eq!(person.finish().await.verdict(), DONE);
    let finished = person.browser.session().unwrap();
    assert_ne!(finished, registering);

    // Signing in over a session of any kind.
    assert_eq!(person.sign_in().await.verdict(), DONE);
    let signed_in = person.browser.session().unwrap();
    assert_ne!(signed_in, finished);
    let other = app.registering("bob@example.org").await.browser;
    let others = other.session().unwrap();
    assert_eq!(person.sign_in_with(&other).await.verdict(), DONE);
    assert_ne!(other.session().unwrap(), others);

    for old in [registering, finished, others] {
        let thief = app.browser();
        thief.set_session(&old);
        assert_eq!(thief.viewer().await.verdict(), refused(Code::SignedOut));
        assert_eq!(thief.registration().await.verdict(), refused(Code::NoRegistration));
    }
    assert_eq!(app.count("sessions").await, 2);
}

/// Session fixation: someone puts a cookie of their own making into another's browser and waits.
async fn a_session_that_was_planted_is_not_taken_over(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut person = app.founder("ada@example.org").await;
    let planted = base64url(&random::<16>());

    person.browser.set_session(&planted);
    assert_eq!(person.activate().await.verdict(), DONE);
    assert_ne!(person.browser.session().unwrap(), planted, "the registration took over a planted session");
    assert_eq!(person.make_passkey().await, DONE);
    assert_eq!(person.finish().await.verdict(), DONE);

    person.browser.set_session(&planted);
    assert_eq!(person.sign_in().await.verdict(), DONE);
    assert_ne!(person.browser.session().unwrap(), planted, "signing in took over a planted session");
    let attacker = app.browser();
    attacker.set_session(&planted);
    assert_eq!(attacker.viewer().await.verdict(), refused(Code::SignedOut));
}

async fn a_session_is_stored_by_its_hash_only(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.admin("ada@example.org").await;
    let cookie = person.browser.session().unwrap();
    let id: [u8; 16] = data_encoding::BASE64URL_NOPAD.decode(cookie.as_bytes()).unwrap().try_into().unwrap();
    let tables = format!("{:?}", app.dump().await);
    // tower-sessions writes a number's bytes into the cookie the other way round.
    let reversed: Vec<u8> = id.iter().rev().copied().collect();
    for spelling in [cookie.clone(), base64url(&reversed), i128::from_le_bytes(id).to_string()] {
        assert!(!tables.contains(&spelling), "{spelling}");
    }
    let hash = base64url(digest(&SHA256, &reversed).as_ref());
    assert_eq!(app.text("SELECT id_hash FROM sessions").await, hash);
    assert_eq!(app.text("SELECT address FROM sessions").await, "127.0.0.1");
    assert_eq!(app.text("SELECT user_agent FROM sessions").await, "Story/1.0");
    let viewer: Viewer = person.viewer().await;
    assert_eq!(app.text("SELECT user_id FROM sessions").await, viewer.user.to_string());
    assert_eq!(app.text("SELECT organization_id FROM sessions").await, viewer.organization.to_string());
}

async fn the_cookie_is_for_this_site_and_its_server_only(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    // Max-Age is computed with this machine's clock.
    app.clock.set(Ambient::of_this_machine().now());
    let mut person = app.admin("ada@example.org").await;
    let answer = person.sign_in().await;
    let cookie = answer.header("set-cookie");
    let mut attributes: Vec<&str> = cookie.split("; ").skip(1).filter(|attribute| !attribute.starts_with("Max-Age=")).collect();
    attributes.sort_unstable();
    assert!(cookie.starts_with("countersign="), "{cookie}");
    assert_eq!(attributes, ["HttpOnly", "Path=/", "SameSite=Lax"]);
    let max_age: i64 = cookie.split("Max-Age=").nth(1).unwrap().split(';').next().unwrap().parse().unwrap();
    assert!((604_000..=604_801).contains(&max_age), "{cookie}");

    let secure = TestApp::init(database).with_origin("https://id.example.org").with_mail_server().await;
    secure.clock.set(Ambient::of_this_machine().now());
    let person = secure.founder("bob@example.org").await;
    let answer = person.activate().await;
    let cookie = answer.header("set-cookie");
    let mut attributes: Vec<&str> = cookie.split("; ").skip(1).filter(|attribute| !attribute.starts_with("Max-Age=")).collect();
    attributes.sort_unstable();
    assert!(cookie.starts_with("__Host-countersign="), "{cookie}");
    assert_eq!(attributes, ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]);
}

async fn a_session_ends_after_twelve_idle_hours(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.admin("ada@example.org").await;
    for _ in 0..3 {
        app.advance(Duration::from_hours(12) - Duration::from_mins(2));
        assert_eq!(person.browser.viewer().await.verdict(), DONE, "whoever comes back in time stays signed in");
    }
    app.advance(Duration::from_hours(12) + Duration::from_secs(1));
    assert_eq!(person.browser.viewer().await.verdict(), refused(Code::SignedOut));
    assert_eq!(person.browser.get("/org").await.location(), "/login?next=/org");
    server::service::sweep(&app.services).await.unwrap();
    assert_eq!(app.count("sessions").await, 0);
}

async fn a_session_ends_after_seven_days_however_busy(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.admin("ada@example.org").await;
    for _ in 0..27 {
        app.advance(Duration::from_hours(6));
        assert_eq!(person.browser.viewer().await.verdict(), DONE);
    }
    app.advance(Duration::from_hours(6) - Duration::from_mins(1));
    assert_eq!(person.browser.viewer().await.verdict(), DONE);
    app.advance(Duration::from_mins(1));
    assert_eq!(person.browser.viewer().await.verdict(), refused(Code::SignedOut));
    server::service::sweep(&app.services).await.unwrap();
    assert_eq!(app.count("sessions").await, 0);
}

async fn signing_out_ends_the_session_for_good(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.admin("ada@example.org").await;
    let thief = person.browser.twin();
    let answer = person.browser.sign_out().await;
    assert_eq!((answer.verdict(), answer.location()), (DONE, "/login?signed=out"));
    assert_eq!(person.browser.session(), None, "the browser forgets the cookie: {}", answer.header("set-cookie"));
    assert_eq!(app.count("sessions").await, 0);
    assert_eq!(thief.viewer().await.verdict(), refused(Code::SignedOut), "the cookie is worth nothing to anyone");
    assert_eq!(app.count("sessions").await, 0, "and using it brings nothing back");
    assert_eq!(person.browser.sign_out().await.verdict(), DONE, "signing out twice is no mistake");

    // Without JavaScript, too.
    let other = app.admin("bob@example.org").await.browser;
    let answer = other.submit("sign_out", &[], "/org").await;
    assert_eq!((answer.status.as_u16(), answer.location(), other.session()), (302, "/login?signed=out", None));
    assert_eq!(app.count("sessions").await, 0);
}

async fn signing_out_everywhere_ends_all_of_ones_own_sessions(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let bob = app.admin("bob@example.org").await;
    let (phone, laptop) = (app.browser(), app.browser());
    assert_eq!(ada.sign_in_with(&phone).await.verdict(), DONE);
    assert_eq!(ada.sign_in_with(&laptop).await.verdict(), DONE);
    assert_eq!(app.count("sessions").await, 4);
    assert_eq!(phone.call("sign_out_everywhere", &[]).await.verdict(), DONE);
    for browser in [&ada.browser, &phone, &laptop] {
        assert_eq!(browser.viewer().await.verdict(), refused(Code::SignedOut));
    }
    assert_eq!(bob.browser.viewer().await.verdict(), DONE);
    assert_eq!(app.count("sessions").await, 1);
    assert_eq!(phone.call("sign_out_everywhere", &[]).await.verdict(), refused(Code::SignedOut));
    assert_eq!(ada.sign_in_with(&phone).await.verdict(), DONE);
}

async fn signing_in_again_ends_the_session_before(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut person = app.admin("ada@example.org").await;
    let before = person.browser.twin();
    assert_eq!(person.sign_in().await.verdict(), DONE);
    assert_eq!(before.viewer().await.verdict(), refused(Code::SignedOut));
    assert_eq!(app.count("sessions").await, 1);
    // In another browser it goes on.
    let other = app.browser();
    assert_eq!(person.sign_in_with(&other).await.verdict(), DONE);
    assert_eq!(person.browser.viewer().await.verdict(), DONE);
    assert_eq!(app.count("sessions").await, 2);
}

async fn reading_pages_does_not_write_to_the_session_at_every_turn(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.admin("ada@example.org").await;
    let seen = "SELECT last_seen_at FROM sessions";
    let first = app.number(seen).await;
    for _ in 0..3 {
        assert_eq!(person.browser.get("/org").await.status, 200);
    }
    assert_eq!(app.number(seen).await, first);
    app.advance(Duration::from_mins(2));
    let answer = person.browser.get("/org").await;
    assert!(app.number(seen).await > first);
    assert!(!answer.headers.contains_key("set-cookie"), "nor does it send the cookie again");
}

async fn cookies_that_make_no_sense_count_as_none(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let long = "A".repeat(4000);
    for cookie in
        ["", "x", "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAA==", "../../etc/passwd", "'; DROP TABLE sessions; --", long.as_str()]
    {
        let browser = app.browser();
        browser.set_session(cookie);
        assert_eq!(browser.viewer().await.verdict(), refused(Code::SignedOut), "{cookie}");
        assert_eq!(browser.get("/").await.status, 200, "{cookie}");
        assert_eq!(browser.sign_out().await.verdict(), DONE, "{cookie}");
    }
    assert_eq!(app.count("sessions").await, 0);
}

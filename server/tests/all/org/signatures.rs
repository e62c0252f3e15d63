//! What doesn't count as a signature over a change: nothing is changed, and the action can still be signed rightly.

use crate::support::{
    answer::{DONE, refused},
    app::TestApp,
    database::TestDatabase,
    device::Device,
    person::Person,
    signing::{create_user, options},
};
use app::{
    action::change::Change,
    domain::id::ActionId,
    refusal::Code,
    rpc::change::{Prepared, Receipt},
};
use serde_json::{Value, json};
use std::time::Duration;

on_both_databases!(
    only_the_actors_own_passkey_counts,
    a_signature_over_something_else_does_not_count,
    what_the_strict_verifier_refuses_changes_nothing,
    an_action_is_executed_once_and_in_time,
    a_sign_in_is_no_signature_and_a_signature_no_sign_in,
    a_counter_that_goes_back_is_refused_unless_the_passkey_is_synced,
    an_action_belongs_to_whoever_asked_for_it,
);

/// Nothing was changed by whatever was refused.
async fn unchanged(app: &TestApp, admin: &mut Person, prepared: &Prepared, what: &str, response: &Value) {
    let (users, entries, mails) = (app.count("users").await, app.count("history").await, app.count("outbox").await);
    let answer = admin.commit(prepared, response).await;
    assert_eq!(answer.verdict(), refused(Code::PasskeyRefused), "{what}: {}", answer.text());
    assert_eq!((app.count("users").await, app.count("history").await, app.count("outbox").await), (users, entries, mails), "{what}");
}

async fn only_the_actors_own_passkey_counts(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let full_admin = admin.permission("Full admin").await;
    let (mut bob, _) = app.colleague(&mut admin, "bob@example.org", &[&full_admin]).await;
    let mut stranger = app.admin("eve@example.org").await;
    let prepared = admin.prepared(&create_user("carl@example.org")).await;
    let of_bob = bob.signature(&prepared);
    unchanged(&app, &mut admin, &prepared, "a coworker's", &of_bob).await;
    let of_stranger = stranger.signature(&prepared);
    unchanged(&app, &mut admin, &prepared, "another organization's", &of_stranger).await;
    let mut unknown = Device::security_key(&app.origin());
    let of_unknown = unknown.get_with(&options(&prepared), |says| says.user_handle = None);
    unchanged(&app, &mut admin, &prepared, "nobody's", &of_unknown).await;
    // The right id, but another key.
    let forged = unknown.with_credential_id(&admin.device.credential_id).get_with(&options(&prepared), |says| says.user_handle = None);
    unchanged(&app, &mut admin, &prepared, "a forged one", &forged).await;
    let right = admin.signature(&prepared);
    assert_eq!(admin.commit(&prepared, &right).await.verdict(), DONE);
    app.verify(admin.organization).await;
}

async fn a_signature_over_something_else_does_not_count(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let prepared = admin.prepared(&create_user("bob@example.org")).await;
    let other = admin.prepared(&create_user("eve@example.org")).await;
    let of_other = admin.signature(&other);
    unchanged(&app, &mut admin, &prepared, "over another document", &of_other).await;
    let mut changed = prepared.clone();
    let place = changed.document.0.len() / 2;
    changed.document.0[place] ^= 1;
    let of_changed = admin.signature(&changed);
    unchanged(&app, &mut admin, &prepared, "over a changed document", &of_changed).await;
    for response in [json!({}), json!("text"), Value::Null, json!({ "id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": {} })]
    {
        unchanged(&app, &mut admin, &prepared, "no signature at all", &response).await;
    }
}

async fn what_the_strict_verifier_refuses_changes_nothing(database: &TestDatabase) {
    const USER_PRESENT: u8 = 0x01;
    const USER_VERIFIED: u8 = 0x04;
    const BACKUP_ELIGIBLE: u8 = 0x08;
    const BACKED_UP: u8 = 0x10;
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let prepared = admin.prepared(&create_user("bob@example.org")).await;
    let asked = options(&prepared);
    for (what, flags) in [
        ("UV missing", USER_PRESENT),
        ("UP missing", USER_VERIFIED),
        ("backed up but not eligible", USER_PRESENT | USER_VERIFIED | BACKED_UP),
        ("eligible all of a sudden", USER_PRESENT | USER_VERIFIED | BACKUP_ELIGIBLE),
    ] {
        let response = admin.device.get_with(&asked, |says| says.flags = flags);
        unchanged(&app, &mut admin, &prepared, what, &response).await;
    }
    for (what, member, value) in [
        ("made to register", "type", json!("webauthn.create")),
        ("another origin", "origin", json!("http://localhost:3001")),
        ("an origin with a path", "origin", json!("http://localhost:3000/")),
        ("in a foreign frame", "crossOrigin", json!(true)),
        ("below another page", "topOrigin", json!("http://localhost:3000")),
        ("a padded challenge", "challenge", json!(format!("{}=", asked["challenge"].as_str().unwrap()))),
    ] {
        let response = admin.device.get_with(&asked, |says| says.claim(member, value));
        unchanged(&app, &mut admin, &prepared, what, &response).await;
    }
    let response = admin.device.get_with(&asked, |says| "example.org".clone_into(&mut says.rp_id));
    unchanged(&app, &mut admin, &prepared, "another relying party", &response).await;
    let response = admin.device.get_with(&asked, |says| says.trailing = vec![0]);
    unchanged(&app, &mut admin, &prepared, "trailing bytes", &response).await;
    let right = admin.signature(&prepared);
    assert_eq!(admin.commit(&prepared, &right).await.verdict(), DONE, "and then signed rightly");
    app.verify(admin.organization).await;
}

async fn an_action_is_executed_once_and_in_time(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let prepared = admin.prepared(&create_user("bob@example.org")).await;
    let response = admin.signature(&prepared);
    let again = admin.signature(&prepared);
    let receipt: Receipt = admin.commit(&prepared, &response).await.done();
    assert!(!receipt.is_repeat);
    assert_eq!(admin.commit(&prepared, &again).await.verdict(), refused(Code::ActionOver), "another signature");
    // The very same: whoever hands it in again didn't get the answer. Also when others have signed since, and much later.
    admin.invite("erna@example.org").await;
    for _ in 0..2 {
        let repeat: Receipt = admin.commit(&prepared, &response).await.done();
        assert_eq!(repeat, Receipt { is_repeat: true, ..receipt.clone() });
        app.advance(Duration::from_hours(1));
    }
    // Two at the same moment: exactly one wins.
    let user = admin.users().await.users.remove(1).user;
    let prepared = admin.prepared(&Change::DeactivateUser { user }).await;
    let (first, second) = (admin.signature(&prepared), admin.signature(&prepared));
    let (one, other) = tokio::join!(admin.commit(&prepared, &first), admin.commit(&prepared, &second));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses[0], 200, "{} {}", one.text(), other.text());
    assert_eq!(statuses[1], Code::ActionOver.status(), "{} {}", one.text(), other.text());
    // Five minutes, and not a moment longer.
    let prepared = admin.prepared(&create_user("carl@example.org")).await;
    let late = admin.prepared(&create_user("dora@example.org")).await;
    app.advance(Duration::from_secs(299));
    let response = admin.signature(&prepared);
    assert_eq!(admin.commit(&prepared, &response).await.verdict(), DONE);
    app.advance(Duration::from_secs(1));
    let response = admin.signature(&late);
    assert_eq!(admin.commit(&late, &response).await.verdict(), refused(Code::ActionOver));
    assert_eq!(app.number("SELECT COUNT(*) FROM users WHERE email = 'dora@example.org'").await, 0);
    let unknown = Prepared { action: ActionId::from_bytes([9; 16]), ..late };
    assert_eq!(admin.commit(&unknown, &response).await.verdict(), refused(Code::ActionOver));
    app.verify(admin.organization).await;
}

async fn a_sign_in_is_no_signature_and_a_signature_no_sign_in(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let prepared = admin.prepared(&create_user("bob@example.org")).await;
    let challenge = admin.browser.sign_in_challenge().await;
    let sign_in = admin.device.get(&challenge.options);
    unchanged(&app, &mut admin, &prepared, "a sign-in", &sign_in).await;
    let signature = admin.signature(&prepared);
    assert_eq!(app.browser().finish_sign_in(&challenge, &signature).await.verdict(), refused(Code::PasskeyRefused));
}

async fn a_counter_that_goes_back_is_refused_unless_the_passkey_is_synced(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    admin.invite("bob@example.org").await;
    let prepared = admin.prepared(&create_user("carl@example.org")).await;
    let clone = admin.device.get_with(&options(&prepared), |says| says.sign_count = 1);
    unchanged(&app, &mut admin, &prepared, "a copy of the authenticator", &clone).await;

    let mut synced = app.admin_with("dora@example.org", Device::password_manager(&app.origin())).await;
    synced.invite("eve@example.org").await;
    for number in 0..3_u8 {
        let prepared = synced.prepared(&create_user(&format!("user{number}@example.org"))).await;
        let response = synced.device.get_with(&options(&prepared), |says| says.sign_count = u32::from(5 - number));
        assert_eq!(synced.commit(&prepared, &response).await.verdict(), DONE, "each copy counts on its own");
    }
    app.verify(synced.organization).await;
}

async fn an_action_belongs_to_whoever_asked_for_it(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let full_admin = admin.permission("Full admin").await;
    let (mut bob, _) = app.colleague(&mut admin, "bob@example.org", &[&full_admin]).await;
    let mut stranger = app.admin("eve@example.org").await;
    let prepared = admin.prepared(&create_user("carl@example.org")).await;
    for other in [&mut bob, &mut stranger] {
        let response = other.signature(&prepared);
        assert_eq!(other.commit(&prepared, &response).await.verdict(), refused(Code::ActionOver));
    }
    let response = admin.signature(&prepared);
    assert_eq!(
        app.browser().call_json("commit_change", &json!({ "action": prepared.action, "response": response })).await.verdict(),
        refused(Code::SignedOut)
    );
    assert_eq!(admin.commit(&prepared, &response).await.verdict(), DONE);
}

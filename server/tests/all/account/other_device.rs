//! A passkey on another device: a code here, a passkey there, and the last word here again.

use crate::support::{
    answer::{DONE, refused},
    app::TestApp,
    database::TestDatabase,
    device::{Device, USER_PRESENT},
    signing::create_user,
};
use app::{
    action::change::Change,
    refusal::Code,
    rpc::other_device::{Addition, OfferState},
};
use std::{sync::Arc, time::Duration};
use tokio::{sync::Barrier, task::JoinSet};

on_both_databases!(
    a_passkey_made_elsewhere_counts_once_it_is_confirmed,
    a_code_works_once_for_five_minutes_and_for_its_owner,
    five_wrong_tries_end_a_code,
    whoever_typed_a_code_is_signed_in_nowhere,
    what_does_not_hold_is_not_shown_and_nothing_is_shown_twice,
    another_user_sees_and_confirms_nothing,
    what_ends_an_account_ends_what_is_added_to_it,
);

async fn a_passkey_made_elsewhere_counts_once_it_is_confirmed(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut person = app.admin("ada@example.org").await;
    let offer = person.offer_passkey().await;
    assert_eq!(person.offered(&offer).await, OfferState::Waiting);
    let elsewhere = app.browser();
    // As people type it.
    let typed = offer.code.to_lowercase().replace('-', " ");
    assert_eq!(elsewhere.type_device_code(&person.email, &typed).await.verdict(), DONE);
    assert_eq!(person.offered(&offer).await, OfferState::Taken);
    let mut phone = Device::password_manager(&app.origin());
    let passkey = elsewhere.make_offered(&mut phone).await;
    assert_eq!(elsewhere.present(&passkey).await.verdict(), DONE);
    let OfferState::Presented(presented) = person.offered(&offer).await else { panic!("it was presented") };
    assert_eq!((&presented.passkey, presented.name.as_str()), (&passkey, "Passkey 2"));
    assert!(presented.from.contains("127.0.0.1"), "{}", presented.from);
    // It is seen, and counts for nothing.
    assert!(!elsewhere.call("addition", &[]).await.done::<Addition>().is_added);
    let challenge = elsewhere.sign_in_challenge().await;
    let answer = app.browser().finish_sign_in(&challenge, &phone.get(&challenge.options)).await;
    assert_eq!(answer.verdict(), refused(Code::UnknownPasskey));
    let change = person.confirming(&offer).await;
    person.sign(&change).await;
    assert!(elsewhere.call("addition", &[]).await.done::<Addition>().is_added);
    person.device = phone;
    assert_eq!(person.sign_in_with(&elsewhere).await.verdict(), DONE);
    assert_eq!(person.verdict_on(&change).await, refused(Code::InvalidInput), "it is there already, by this name");
    app.verify(person.organization).await;
}

async fn a_code_works_once_for_five_minutes_and_for_its_owner(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.admin("ada@example.org").await;
    let first = person.offer_passkey().await;
    let second = person.offer_passkey().await;
    let type_it = async |email: &str, code: &str| app.browser().type_device_code(email, code).await.verdict();
    assert_eq!(type_it(&person.email, &first.code).await, refused(Code::WrongCode), "a newer one was made");
    assert_eq!(type_it("eve@example.org", &second.code).await, refused(Code::WrongCode));
    // Of two that type it at the same moment one goes on.
    let start = Arc::new(Barrier::new(2));
    let mut typing = JoinSet::new();
    for _ in 0..2 {
        let (browser, start, email, code) = (app.browser(), Arc::clone(&start), person.email.clone(), second.code.clone());
        typing.spawn(async move {
            start.wait().await;
            browser.type_device_code(&email, &code).await.verdict()
        });
    }
    let verdicts = typing.join_all().await;
    assert_eq!(verdicts.iter().filter(|verdict| **verdict == DONE).count(), 1, "{verdicts:?}");
    let late = person.offer_passkey().await;
    app.advance(Duration::from_mins(5));
    assert_eq!(type_it(&person.email, &late.code).await, refused(Code::WrongCode));
    assert_eq!(person.offered(&late).await, OfferState::Taken);
    assert_eq!(app.number("SELECT COUNT(*) FROM registration_codes WHERE hash NOT LIKE '$argon2id$%'").await, 0, "only hashes are kept");
    assert_eq!(type_it(&person.email, "7Q2-MXK").await, refused(Code::InvalidInput));
    // A code for a device signs nobody up and recovers nothing.
    let live = person.offer_passkey().await;
    assert_eq!(app.browser().type_recovery_code(&person.email, "1234567890123456").await.verdict(), refused(Code::WrongCode));
    assert_eq!(type_it(&person.email, &live.code).await, DONE, "wrong recovery codes don't count for it");
}

async fn five_wrong_tries_end_a_code(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.admin("ada@example.org").await;
    let offer = person.offer_passkey().await;
    let wrong = if offer.code.starts_with('0') { "111-111-111" } else { "000-000-000" };
    for _ in 0..5 {
        assert_eq!(app.browser().type_device_code(&person.email, wrong).await.verdict(), refused(Code::WrongCode));
    }
    assert_eq!(app.browser().type_device_code(&person.email, &offer.code).await.verdict(), refused(Code::WrongCode));
}

async fn whoever_typed_a_code_is_signed_in_nowhere(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.admin("ada@example.org").await;
    let (elsewhere, _) = app.adding_elsewhere(&person).await;
    assert_eq!(elsewhere.viewer().await.verdict(), refused(Code::SignedOut));
    assert_eq!(elsewhere.call("account", &[]).await.verdict(), refused(Code::SignedOut));
    assert_eq!(elsewhere.call("sessions", &[]).await.verdict(), refused(Code::SignedOut));
    let prepared = elsewhere.call_json("prepare_change", &serde_json::json!({ "change": create_user("eve@example.org") })).await;
    assert_eq!(prepared.verdict(), refused(Code::SignedOut));
    app.advance(Duration::from_mins(15));
    assert_eq!(elsewhere.call("addition", &[]).await.verdict(), refused(Code::NoAddition));
}

async fn what_does_not_hold_is_not_shown_and_nothing_is_shown_twice(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.admin("ada@example.org").await;
    let (elsewhere, offer) = app.adding_elsewhere(&person).await;
    let unverified = elsewhere.make_offered(&mut Device::security_key(&app.origin()).with_flags(USER_PRESENT)).await;
    assert_eq!(elsewhere.present(&unverified).await.verdict(), refused(Code::BadRequest));
    assert_eq!(person.offered(&offer).await, OfferState::Taken);
    let first = elsewhere.make_offered(&mut Device::password_manager(&app.origin())).await;
    assert_eq!(elsewhere.present(&first).await.verdict(), DONE);
    // What was seen and compared can't be exchanged.
    let second = elsewhere.make_offered(&mut Device::password_manager(&app.origin())).await;
    assert_eq!(elsewhere.present(&second).await.verdict(), refused(Code::Conflict));
    let OfferState::Presented(presented) = person.offered(&offer).await else { panic!("it was presented") };
    assert_eq!(presented.passkey, first);
}

async fn another_user_sees_and_confirms_nothing(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let (mut bob, _) = app.colleague(&mut admin, "bob@example.org", &[]).await;
    let mut eve = app.admin("eve@example.org").await;
    let (elsewhere, offer) = app.adding_elsewhere(&bob).await;
    let passkey = elsewhere.make_offered(&mut Device::password_manager(&app.origin())).await;
    assert_eq!(elsewhere.present(&passkey).await.verdict(), DONE);
    let change = bob.confirming(&offer).await;
    for other in [&mut admin, &mut eve] {
        assert_eq!(other.offered(&offer).await, OfferState::Taken);
        assert_eq!(other.verdict_on(&change).await, refused(Code::ActionOver));
    }
    bob.sign(&change).await;
    app.verify(admin.organization).await;
}

async fn what_ends_an_account_ends_what_is_added_to_it(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let (mut bob, user) = app.colleague(&mut admin, "bob@example.org", &[]).await;
    // A recovery ends the code, and the passkey that wasn't confirmed can't be by the old device.
    let (elsewhere, offer) = app.adding_elsewhere(&bob).await;
    let passkey = elsewhere.make_offered(&mut Device::password_manager(&app.origin())).await;
    assert_eq!(elsewhere.present(&passkey).await.verdict(), DONE);
    let change = bob.confirming(&offer).await;
    let prepared = bob.prepared(&change).await;
    let signature = bob.signature(&prepared);
    let (code, browser) = (bob.offer_passkey().await, bob.browser.clone());
    assert_eq!(app.recover(&mut bob).await.verdict(), DONE);
    assert_eq!(app.browser().type_device_code("bob@example.org", &code.code).await.verdict(), refused(Code::WrongCode));
    let stale = browser.call_json("commit_change", &serde_json::json!({ "action": prepared.action, "response": signature })).await;
    assert_eq!(stale.verdict(), refused(Code::SignedOut));
    // Whoever is deactivated adds nothing.
    let (elsewhere, _) = app.adding_elsewhere(&bob).await;
    admin.sign(&Change::DeactivateUser { user }).await;
    assert_eq!(elsewhere.call("addition", &[]).await.verdict(), refused(Code::NoAddition));
    app.verify(admin.organization).await;
}

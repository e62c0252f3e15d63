//! "Test my kit": its key signs a fresh challenge. It is noted that the kit works, and nothing else comes of it.

use crate::support::{
    answer::{Answer, DONE, refused},
    app::TestApp,
    database::TestDatabase,
    device::{RecoveryKit, base64url},
    person::Person,
};
use app::{
    action::recovery_key::{recovery_key_message, recovery_test_message},
    refusal::Code,
    rpc::account::KitTest,
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::json;
use std::time::Duration;

on_both_databases!(
    a_kit_that_works_is_noted_and_not_used_up,
    another_kits_signature_is_told_from_a_mistyped_code,
    only_a_signature_over_this_very_test_counts,
    a_test_is_answered_once_and_within_its_time,
    a_test_of_another_user_is_no_test_of_ones_own,
    the_account_is_shown_to_its_owner_only,
);

impl Person {
    async fn kit_test(&self) -> KitTest {
        self.browser.call_json("start_kit_test", &json!({})).await.done()
    }

    async fn answer_kit_test(&self, test: &KitTest, signature: &str) -> Answer {
        self.browser.call_json("finish_kit_test", &json!({ "id": test.id, "signature": signature })).await
    }
}

fn challenge(test: &KitTest) -> Vec<u8> {
    BASE64URL_NOPAD.decode(test.challenge.as_bytes()).unwrap()
}

fn signed(kit: &RecoveryKit, test: &KitTest) -> String {
    kit.sign(&recovery_test_message(&challenge(test)))
}

async fn a_kit_that_works_is_noted_and_not_used_up(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.admin("ada@example.org").await;
    assert_eq!(person.account().await.kit.unwrap().tested_at, None);
    for _ in 0..2 {
        let test = person.kit_test().await;
        assert_eq!(test.salt, base64url(&person.kit.salt));
        app.advance(Duration::from_mins(1));
        assert_eq!(person.answer_kit_test(&test, &signed(&person.kit, &test)).await.verdict(), DONE);
        let account = person.account().await;
        // The clock goes on while it is asked.
        let ago = account.now.minus(Duration::from_secs(30));
        assert!(account.kit.unwrap().tested_at.is_some_and(|tested_at| ago < tested_at && tested_at <= account.now));
    }
    assert_eq!(app.count("history").await, 1, "a test changes nothing in the organization");
}

async fn another_kits_signature_is_told_from_a_mistyped_code(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.admin("ada@example.org").await;
    let test = person.kit_test().await;
    let answer = person.answer_kit_test(&test, &signed(&RecoveryKit::new(), &test)).await;
    assert_eq!(answer.verdict(), refused(Code::WrongKit));
    assert!(answer.refusal().message.contains("isn't of your present kit"), "{}", answer.text());
    assert_eq!(person.account().await.kit.unwrap().tested_at, None);
}

async fn only_a_signature_over_this_very_test_counts(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.admin("ada@example.org").await;
    let earlier = person.kit_test().await;
    for what in ["registration", "bare", "earlier", "empty", "no base64url"] {
        let test = person.kit_test().await;
        let signature = match what {
            "registration" => person.kit.sign(&recovery_key_message(&challenge(&test))),
            "bare" => person.kit.sign(&challenge(&test)),
            "earlier" => signed(&person.kit, &earlier),
            "empty" => String::new(),
            _ => "!".to_owned(),
        };
        assert_eq!(person.answer_kit_test(&test, &signature).await.verdict(), refused(Code::WrongKit), "{what}");
    }
    assert_eq!(person.account().await.kit.unwrap().tested_at, None);
}

async fn a_test_is_answered_once_and_within_its_time(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.admin("ada@example.org").await;
    let test = person.kit_test().await;
    assert_eq!(person.answer_kit_test(&test, &signed(&person.kit, &test)).await.verdict(), DONE);
    assert_eq!(person.answer_kit_test(&test, &signed(&person.kit, &test)).await.verdict(), refused(Code::BadRequest));
    let test = person.kit_test().await;
    app.advance(Duration::from_mins(15));
    assert_eq!(person.answer_kit_test(&test, &signed(&person.kit, &test)).await.verdict(), refused(Code::BadRequest));
    // A sign-in's challenge waits in the same place, and is none of these.
    let sign_in = person.browser.sign_in_challenge().await;
    let not_a_test = KitTest { id: sign_in.challenge, ..test };
    assert_eq!(person.answer_kit_test(&not_a_test, &signed(&person.kit, &not_a_test)).await.verdict(), refused(Code::BadRequest));
}

async fn a_test_of_another_user_is_no_test_of_ones_own(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let (ada, eve) = (app.admin("ada@example.org").await, app.admin("eve@example.org").await);
    let test = ada.kit_test().await;
    assert_eq!(eve.answer_kit_test(&test, &signed(&ada.kit, &test)).await.verdict(), refused(Code::BadRequest));
    assert_eq!(eve.account().await.kit.unwrap().tested_at, None);
    assert_eq!(ada.account().await.kit.unwrap().tested_at, None);
}

async fn the_account_is_shown_to_its_owner_only(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.admin("ada@example.org").await;
    let account = person.account().await;
    assert_eq!(account.passkeys.len(), 1);
    assert_eq!(account.passkeys[0].name, "Passkey");
    assert_eq!(account.passkeys[0].transports, ["usb", "nfc"]);
    let stranger = app.browser();
    assert_eq!(stranger.call("account", &[]).await.verdict(), refused(Code::SignedOut));
    assert_eq!(stranger.call_json("start_kit_test", &json!({})).await.verdict(), refused(Code::SignedOut));
}

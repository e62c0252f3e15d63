//! A new recovery kit in place of the one before.

use crate::support::{
    answer::{DONE, refused},
    app::TestApp,
    at_once::{Ready, at_once},
    database::TestDatabase,
    device::RecoveryKit,
    person::Person,
};
use app::{
    action::{account_change::AccountChange, bytes::Bytes, change::Change, recovery_key::recovery_test_message},
    refusal::Code,
    rpc::account::KitTest,
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::json;
use std::time::Duration;

on_both_databases!(the_new_kit_works_and_the_old_one_does_not, a_key_whose_owner_did_not_sign_is_no_kit, of_two_new_kits_one_stays,);

async fn works(person: &Person, kit: &RecoveryKit) -> bool {
    let test: KitTest = person.browser.call_json("start_kit_test", &json!({})).await.done();
    let challenge = BASE64URL_NOPAD.decode(test.challenge.as_bytes()).unwrap();
    let signature = kit.sign(&recovery_test_message(&challenge));
    person.browser.call_json("finish_kit_test", &json!({ "id": test.id, "signature": signature })).await.verdict() == DONE
}

async fn the_new_kit_works_and_the_old_one_does_not(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut person = app.admin("ada@example.org").await;
    assert!(works(&person, &person.kit).await);
    let (change, kit) = person.replacing_kit().await;
    assert!(works(&person, &person.kit).await && !works(&person, &kit).await, "nothing is signed yet");
    let before = person.account().await.kit.unwrap();
    app.advance(Duration::from_mins(1));
    person.sign(&change).await;
    let after = person.account().await.kit.unwrap();
    assert!(after.made_at > before.made_at && after.tested_at.is_none(), "{after:?}");
    assert!(works(&person, &kit).await && !works(&person, &person.kit).await);
    assert_eq!(app.number("SELECT COUNT(*) FROM credentials WHERE kind = 'RecoveryKey'").await, 1);
    assert!(app.mails_to("ada@example.org").await.iter().any(|mail| mail.subject == "Your recovery kit was replaced"));
    app.verify(person.organization).await;
}

async fn a_key_whose_owner_did_not_sign_is_no_kit(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut person = app.admin("ada@example.org").await;
    let mut eve = app.admin("eve@example.org").await;
    let (change, _) = person.replacing_kit().await;
    assert_eq!(eve.verdict_on(&change).await, refused(Code::ActionOver), "it was asked of someone else");
    let Change::OwnAccount(AccountChange::ReplaceRecoveryKey { challenge, recovery_key }) = change else { panic!("{change:?}") };
    let another = RecoveryKit::new();
    let mut with_anothers_key = recovery_key.clone();
    with_anothers_key.public_key = another.new_key(&challenge).public_key;
    let over_something_else = another.new_key(&Bytes(vec![1; 32]));
    let mut without_salt = recovery_key.clone();
    without_salt.salt = Bytes(Vec::new());
    for recovery_key in [with_anothers_key, over_something_else, without_salt] {
        let change = Change::OwnAccount(AccountChange::ReplaceRecoveryKey { challenge: challenge.clone(), recovery_key });
        assert_eq!(person.verdict_on(&change).await, refused(Code::BadRequest));
    }
    assert!(works(&person, &person.kit).await);
    app.advance(Duration::from_mins(30));
    let late = Change::OwnAccount(AccountChange::ReplaceRecoveryKey { challenge, recovery_key });
    assert_eq!(person.verdict_on(&late).await, refused(Code::ActionOver));
    app.verify(person.organization).await;
}

async fn of_two_new_kits_one_stays(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut person = app.admin("ada@example.org").await;
    let ((first, one), (second, other)) = (person.replacing_kit().await, person.replacing_kit().await);
    let ready = [Ready::of(&mut person, &first).await, Ready::of(&mut person, &second).await];
    at_once(ready).await;
    assert_eq!(app.number("SELECT COUNT(*) FROM credentials WHERE kind = 'RecoveryKey'").await, 1);
    assert!(works(&person, &one).await != works(&person, &other).await);
    app.verify(person.organization).await;
}

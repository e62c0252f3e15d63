//! One's own passkeys: one more, another name, one less. Each is signed, and none of it needs a permission.

use crate::support::{
    answer::{DONE, refused},
    app::TestApp,
    at_once::{Ready, at_once},
    database::TestDatabase,
    device::{Device, USER_PRESENT},
    own_account::{presented, removing, renaming},
    person::Person,
    signing::{create_permission, create_user},
};
use app::{
    action::{account_change::AccountChange, change::Change},
    domain::operation::Operation,
    refusal::Code,
};
use serde_json::{Value, json};
use std::time::Duration;

on_sqlite!(people_are_told_to_keep_their_devices);

on_both_databases!(
    a_passkey_that_was_added_signs_in_and_signs,
    a_passkey_counts_for_nothing_before_its_change_is_signed,
    only_what_the_server_asked_this_user_for_is_added,
    a_registration_that_does_not_hold_is_refused,
    a_passkey_is_renamed_by_its_owner_and_by_nobody_else,
    a_passkey_that_was_removed_neither_signs_in_nor_signs,
    the_last_passkey_stays_whoever_is_faster,
    a_registration_is_added_once_whoever_is_faster,
    its_owner_is_told_by_mail,
);

async fn names(person: &Person) -> Vec<String> {
    person.account().await.passkeys.into_iter().map(|passkey| passkey.name).collect()
}

async fn a_passkey_that_was_added_signs_in_and_signs(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let (mut bob, _) = app.colleague(&mut admin, "bob@example.org", &[]).await;
    for person in [&mut admin, &mut bob] {
        let mut second = Device::password_manager(&app.origin());
        person.add_passkey("Laptop", &mut second).await;
        assert_eq!(names(person).await, ["Passkey", "Laptop"]);
        assert_eq!(person.viewer().await.passkeys, 2);
        person.device = second;
        person.browser = app.browser();
        assert_eq!(person.sign_in().await.verdict(), DONE);
    }
    // A third one, signed for with the second, and used: its worth hangs on a chain.
    let mut third = Device::signing_with_rsa(&app.origin());
    admin.add_passkey("Desk", &mut third).await;
    admin.device = third;
    admin.sign(&create_permission("Readers", &[Operation::UsersRead])).await;
    assert_eq!(bob.verdict_on(&create_user("eve@example.org")).await, refused(Code::NotPermitted));
    app.verify(admin.organization).await;
}

async fn a_passkey_counts_for_nothing_before_its_change_is_signed(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let mut second = Device::password_manager(&app.origin());
    let change = admin.adding("Laptop", &mut second).await;
    let prepared = admin.prepared(&change).await;
    let challenge = admin.browser.sign_in_challenge().await;
    let answer = app.browser().finish_sign_in(&challenge, &second.get(&challenge.options)).await;
    assert_eq!(answer.verdict(), refused(Code::UnknownPasskey));
    // Nor does it sign for itself.
    let first = std::mem::replace(&mut admin.device, second);
    let own = admin.signature(&prepared);
    assert_eq!(admin.commit(&prepared, &own).await.verdict(), refused(Code::PasskeyRefused));
    assert_eq!(names(&admin).await, ["Passkey"]);
    admin.device = first;
    let response = admin.signature(&prepared);
    assert_eq!(admin.commit(&prepared, &response).await.verdict(), DONE);
    assert_eq!(names(&admin).await, ["Passkey", "Laptop"]);
}

async fn only_what_the_server_asked_this_user_for_is_added(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let (mut bob, _) = app.colleague(&mut admin, "bob@example.org", &[]).await;
    let mut eve = app.admin("eve@example.org").await;
    let over = refused(Code::ActionOver);
    // Asked for by Ada: a colleague and a stranger can't bring it in.
    let adas = admin.adding("Laptop", &mut Device::password_manager(&app.origin())).await;
    assert_eq!(bob.verdict_on(&adas).await, over);
    assert_eq!(eve.verdict_on(&adas).await, over);
    // A challenge of another kind that waits: a sign-in's, a recovery key's.
    let sign_in = admin.browser.sign_in_challenge().await;
    let Value::String(kit) = admin.browser.call_json("start_new_kit", &json!({})).await.done() else { panic!("a challenge") };
    for challenge in [sign_in.options["challenge"].as_str().unwrap(), &kit] {
        let mut device = Device::password_manager(&app.origin());
        let user = json!({ "id": crate::support::device::base64url(&admin.device.user_handle) });
        let options = json!({ "challenge": challenge, "rp": { "id": "localhost" }, "user": user });
        let passkey = presented(&device.create(&options), challenge);
        let change = Change::OwnAccount(AccountChange::AddPasskey { name: crate::support::own_account::passkey_name("Laptop"), passkey });
        assert_eq!(admin.verdict_on(&change).await, over, "{challenge}");
    }
    // Too late.
    app.advance(Duration::from_mins(30));
    assert_eq!(admin.verdict_on(&adas).await, over);
    // In time, once.
    let again = admin.adding("Laptop", &mut Device::password_manager(&app.origin())).await;
    assert_eq!(admin.verdict_on(&again).await, DONE);
    assert_eq!(admin.verdict_on(&renamed(&again, "Twice")).await, over);
    assert_eq!((names(&admin).await, names(&bob).await), (vec!["Passkey".to_owned(), "Laptop".to_owned()], vec!["Passkey".to_owned()]));
    app.verify(admin.organization).await;
}

/// The same registration under another name.
fn renamed(change: &Change, name: &str) -> Change {
    let Change::OwnAccount(AccountChange::AddPasskey { passkey, .. }) = change.clone() else { panic!("{change:?}") };
    Change::OwnAccount(AccountChange::AddPasskey { name: crate::support::own_account::passkey_name(name), passkey })
}

async fn a_registration_that_does_not_hold_is_refused(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let (own, anothers) = (admin.device.credential_id.clone(), app.admin("eve@example.org").await.device.credential_id);
    for (what, mut device, expected) in [
        ("not verified", Device::security_key(&app.origin()).with_flags(USER_PRESENT), Code::BadRequest),
        ("another page", Device::security_key("http://localhost:4000"), Code::BadRequest),
        ("a short id", Device::security_key(&app.origin()).with_credential_id(&[1; 8]), Code::BadRequest),
        ("registered already", Device::security_key(&app.origin()).with_credential_id(&own), Code::BadRequest),
        ("registered by someone else", Device::security_key(&app.origin()).with_credential_id(&anothers), Code::Conflict),
    ] {
        let change = admin.adding("Laptop", &mut device).await;
        let before = app.count("history").await;
        assert_eq!(admin.verdict_on(&change).await, refused(expected), "{what}");
        assert_eq!((names(&admin).await.len(), app.count("history").await), (1, before), "{what}");
    }
    let change = admin.adding("Passkey", &mut Device::security_key(&app.origin())).await;
    let answer = admin.prepare(&change).await;
    assert_eq!(answer.refusal().fields[0].field, "name", "{}", answer.text());
    app.verify(admin.organization).await;
}

async fn a_passkey_is_renamed_by_its_owner_and_by_nobody_else(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let (mut bob, _) = app.colleague(&mut admin, "bob@example.org", &[]).await;
    let second = bob.add_passkey("Laptop", &mut Device::password_manager(&app.origin())).await;
    let first = bob.passkeys().await[0];
    assert_eq!(admin.verdict_on(&renaming(first, "Passkey", "Ada's")).await, refused(Code::NotFound));
    assert_eq!(admin.verdict_on(&removing(second, "Laptop")).await, refused(Code::NotFound));
    assert_eq!(bob.verdict_on(&renaming(first, "Safe", "Desk")).await, refused(Code::Conflict));
    assert_eq!(bob.verdict_on(&renaming(first, "Passkey", "Passkey")).await, refused(Code::Conflict));
    let taken = bob.prepare(&renaming(first, "Passkey", "Laptop")).await;
    assert_eq!(taken.refusal().fields[0].field, "name", "{}", taken.text());
    bob.sign(&renaming(first, "Passkey", "Desk")).await;
    assert_eq!(names(&bob).await, ["Desk", "Laptop"]);
    // A recovery key is no passkey.
    let kit = app.text("SELECT id FROM credentials WHERE kind = 'RecoveryKey' ORDER BY created_at DESC LIMIT 1").await.parse().unwrap();
    assert_eq!(bob.verdict_on(&removing(kit, "Recovery kit")).await, refused(Code::NotFound));
    app.verify(admin.organization).await;
}

async fn a_passkey_that_was_removed_neither_signs_in_nor_signs(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let first = admin.passkeys().await[0];
    assert_eq!(admin.verdict_on(&removing(first, "Passkey")).await, refused(Code::Conflict), "the last one stays");
    let mut second = Device::password_manager(&app.origin());
    admin.add_passkey("Laptop", &mut second).await;
    // It was asked to sign before it was removed, and answers after.
    let prepared = admin.prepared(&create_user("bob@example.org")).await;
    let late = admin.signature(&prepared);
    let lost = std::mem::replace(&mut admin.device, second);
    admin.sign(&removing(first, "Passkey")).await;
    assert_eq!(admin.commit(&prepared, &late).await.verdict(), refused(Code::PasskeyRefused));
    let second = std::mem::replace(&mut admin.device, lost);
    let browser = app.browser();
    assert_eq!(admin.sign_in_with(&browser).await.verdict(), refused(Code::UnknownPasskey));
    admin.device = second;
    assert_eq!(admin.sign_in_with(&browser).await.verdict(), DONE);
    // Its authenticator may come back as a new one.
    assert_eq!(names(&admin).await, ["Laptop"]);
    app.verify(admin.organization).await;
}

async fn the_last_passkey_stays_whoever_is_faster(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let first = admin.passkeys().await[0];
    let second = admin.add_passkey("Laptop", &mut Device::password_manager(&app.origin())).await;
    let ready = [Ready::of(&mut admin, &removing(first, "Passkey")).await, Ready::of(&mut admin, &removing(second, "Laptop")).await];
    let answers = at_once(ready).await;
    assert!(answers.iter().filter(|answer| answer.verdict() == DONE).count() <= 1, "{answers:?}");
    assert!(!names(&admin).await.is_empty());
    app.verify(admin.organization).await;
}

async fn a_registration_is_added_once_whoever_is_faster(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let change = admin.adding("Laptop", &mut Device::password_manager(&app.origin())).await;
    let ready = [Ready::of(&mut admin, &change).await, Ready::of(&mut admin, &renamed(&change, "Desk")).await];
    let answers = at_once(ready).await;
    assert_eq!(answers.iter().filter(|answer| answer.verdict() == DONE).count(), 1, "{answers:?}");
    assert_eq!(names(&admin).await.len(), 2);
    app.verify(admin.organization).await;
}

async fn its_owner_is_told_by_mail(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let id = admin.add_passkey("Laptop", &mut Device::password_manager(&app.origin())).await;
    admin.sign(&renaming(id, "Laptop", "Old laptop")).await;
    admin.sign(&removing(id, "Old laptop")).await;
    let mut mails = app.mails_to("ada@example.org").await;
    mails.reverse();
    let [_, added, renamed, removed] = mails.as_slice() else { panic!("{mails:?}") };
    assert_eq!(added.subject, "A passkey was added to your account");
    for (mail, said) in [
        (added, "The passkey “Laptop” was added to your account."),
        (renamed, "Your passkey “Laptop” is called “Old laptop” now."),
        (removed, "The passkey “Old laptop” was removed from your account."),
    ] {
        let words = mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [said, "When: 2100-01-01", "UTC", "From:", "127.0.0.1", "Organization: Acme", "If it wasn't, act now", "/account"] {
            assert!(words.contains(part), "{part}: {words}");
        }
    }
}

async fn people_are_told_to_keep_their_devices(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let newcomer = app.registering("eve@example.org").await;
    let page = newcomer.browser.get("/get-started/passkey").await;
    assert!(page.text().contains("Keep it locked; if it is lost, remove its passkey"), "{}", page.text());
    let person = app.admin("ada@example.org").await;
    let page = person.browser.get("/account").await;
    assert!(page.text().contains("Keep your devices locked, and remove what is lost or stolen at once."), "{}", page.text());
}

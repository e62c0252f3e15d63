//! The way back of someone who lost every passkey: a code by mail and the kit, a new passkey and a new kit.

use crate::support::{
    answer::{DONE, refused},
    app::TestApp,
    at_once,
    database::TestDatabase,
    device::{Device, RecoveryKit},
    own_account::{presented, removing},
    person::Person,
    signing::{create_permission, create_user},
};
use app::{
    action::{
        account_change::AccountChange,
        change::Change,
        document::challenge_message,
        recovery_key::{recovery_message, recovery_test_message},
    },
    domain::operation::Operation,
    refusal::Code,
    rpc::recovery::{PreparedRecovery, Recovery},
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::{sync::Barrier, task::JoinSet};

on_both_databases!(
    whoever_has_mail_and_kit_comes_back_and_everything_before_ends,
    the_kit_that_was_used_is_used_up,
    an_unknown_address_hears_the_same,
    a_code_ends_by_its_time_by_wrong_tries_and_by_a_newer_one,
    neither_code_nor_kit_is_worth_anything_alone,
    a_wrong_kit_is_told_before_anything_is_made,
    only_the_kits_signature_over_this_very_document_counts,
    the_change_must_be_a_recovery,
    nobody_comes_back_around_a_deactivation,
    a_code_or_kit_of_another_organization_is_worth_nothing,
    of_two_recoveries_one_wins,
    a_recovery_and_a_passkey_being_added_end_in_one_state,
    whoever_enrols_again_can_not_recover,
    the_owner_and_every_admin_are_told,
);

async fn whoever_has_mail_and_kit_comes_back_and_everything_before_ends(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let readers = admin.define("Readers", &[Operation::UsersRead]).await;
    let (mut bob, user) = app.colleague(&mut admin, "bob@example.org", &[&readers]).await;
    bob.add_passkey("Laptop", &mut Device::password_manager(&app.origin())).await;
    let (before, lost) = (bob.browser.clone(), std::mem::replace(&mut bob.device, Device::security_key(&app.origin())));
    assert_eq!(app.recovering(&bob).await.prove_kit(&bob.kit).await.verdict(), DONE);
    assert_eq!(app.recover(&mut bob).await.verdict(), DONE);

    let account = bob.account().await;
    assert_eq!(account.passkeys.len(), 1);
    assert_eq!(bob.as_user().await, user, "they are who they were");
    assert_eq!(bob.viewer().await.operations, [Operation::UsersRead].into_iter().collect());
    assert_eq!(before.viewer().await.verdict(), refused(Code::SignedOut));
    let new = std::mem::replace(&mut bob.device, lost);
    assert_eq!(bob.sign_in_with(&app.browser()).await.verdict(), refused(Code::UnknownPasskey));
    bob.device = new;
    assert_eq!(bob.sign_in_with(&app.browser()).await.verdict(), DONE);
    // What the new passkey signs counts, and so does what comes of it.
    bob.add_passkey("Laptop", &mut Device::password_manager(&app.origin())).await;
    app.verify(admin.organization).await;
}

async fn the_kit_that_was_used_is_used_up(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut person = app.admin("ada@example.org").await;
    let ready = app.ready_to_recover(&person).await;
    assert_eq!(ready.hand_in().await.verdict(), DONE);
    // The same again, and the same kit in a recovery of its own.
    assert_eq!(ready.hand_in().await.verdict(), refused(Code::NoRecovery), "this browser is signed in by now");
    assert_eq!(app.recover(&mut person).await.verdict(), refused(Code::WrongKit));
    person.kit = ready.kit;
    assert_eq!(app.recover(&mut person).await.verdict(), DONE);
    app.verify(person.organization).await;
}

async fn an_unknown_address_hears_the_same(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.admin("ada@example.org").await;
    let (known, unknown) = (app.browser(), app.browser());
    let answers = [known.start_recovery(&person.email).await, unknown.start_recovery("eve@example.org").await];
    assert_eq!(answers[0].verdict(), DONE);
    assert_eq!((answers[0].verdict(), answers[0].text()), (answers[1].verdict(), answers[1].text()));
    let code = app.recovery_code(&person.email, 1).await;
    let wrong = if code.starts_with('0') { "1".repeat(16) } else { "0".repeat(16) };
    let answers = [known.type_recovery_code(&person.email, &wrong).await, unknown.type_recovery_code("eve@example.org", &wrong).await];
    assert_eq!(answers[0].verdict(), refused(Code::WrongCode));
    assert_eq!(answers[0].text(), answers[1].text());
    assert_eq!(app.mails_to("eve@example.org").await, []);
    assert_eq!(unknown.start_recovery("no address").await.verdict(), refused(Code::InvalidInput));
}

async fn a_code_ends_by_its_time_by_wrong_tries_and_by_a_newer_one(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.admin("ada@example.org").await;
    let browser = app.browser();
    browser.start_recovery(&person.email).await;
    let first = app.recovery_code(&person.email, 1).await;
    browser.start_recovery(&person.email).await;
    let second = app.recovery_code(&person.email, 2).await;
    assert_ne!(first, second);
    assert_eq!(browser.type_recovery_code(&person.email, &first).await.verdict(), refused(Code::WrongCode));
    app.advance(Duration::from_mins(10));
    assert_eq!(browser.type_recovery_code(&person.email, &second).await.verdict(), refused(Code::ExpiredCode));
    browser.start_recovery(&person.email).await;
    // The mails of before ran out with their codes.
    let third = app.recovery_code(&person.email, 1).await;
    for _ in 0..5 {
        assert_eq!(browser.type_recovery_code(&person.email, &first).await.verdict(), refused(Code::WrongCode));
    }
    assert_eq!(browser.type_recovery_code(&person.email, &third).await.verdict(), refused(Code::EndedCode));
    // Signing up isn't recovering: the codes aren't each other's.
    assert_eq!(browser.activate(&person.email, &person.organization.to_string(), &third).await.verdict(), refused(Code::WrongCode));
    let invited = app.founder("bob@example.org").await;
    assert_eq!(browser.type_recovery_code("bob@example.org", &invited.code).await.verdict(), refused(Code::WrongCode));
    // A browser that recovers has an hour for it.
    let recovering = app.recovering(&person).await;
    app.advance(Duration::from_hours(1));
    assert_eq!(recovering.recovery().await.verdict(), refused(Code::NoRecovery));
}

async fn neither_code_nor_kit_is_worth_anything_alone(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut person = app.admin("ada@example.org").await;
    // Mail, and another kit.
    let own = std::mem::replace(&mut person.kit, RecoveryKit::new());
    assert_eq!(app.recover(&mut person).await.verdict(), refused(Code::WrongKit));
    person.kit = own;
    // The kit, and no mail.
    let thief = app.browser();
    assert_eq!(thief.recovery().await.verdict(), refused(Code::NoRecovery));
    assert_eq!(thief.call_json("start_recovery_passkey", &json!({})).await.verdict(), refused(Code::NoRecovery));
    // A session alone, neither.
    let change = {
        let recovering = app.recovering(&person).await;
        recovering.recovery_change(&mut Device::password_manager(&app.origin()), &RecoveryKit::new()).await
    };
    assert_eq!(person.browser.prepare_recovery(&change).await.verdict(), refused(Code::NoRecovery));
    assert_eq!(person.prepare(&Change::OwnAccount(change)).await.verdict(), refused(Code::Conflict));
    assert_eq!(app.count("history").await, 1);
}

async fn a_wrong_kit_is_told_before_anything_is_made(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.admin("ada@example.org").await;
    let browser = app.recovering(&person).await;
    assert_eq!(browser.prove_kit(&RecoveryKit::new()).await.verdict(), refused(Code::WrongKit));
    assert_eq!(browser.prove_kit(&person.kit).await.verdict(), DONE);
    let account = person.account().await;
    assert!(account.activity.iter().any(|event| event.kind == app::domain::activity::ActivityKind::RecoveryRefused), "{account:?}");
    assert_eq!(account.kit.unwrap().tested_at, None, "that isn't a test");
}

async fn only_the_kits_signature_over_this_very_document_counts(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.admin("ada@example.org").await;
    let other = app.ready_to_recover(&person).await;
    let mut ready = app.ready_to_recover(&person).await;
    let document = ready.prepared.document.0.clone();
    let good = ready.signature.clone();
    for (what, signature) in [
        ("another document's", other.signature.clone()),
        ("another purpose's", person.kit.sign(&recovery_test_message(&document))),
        ("an action's", person.kit.sign(&challenge_message(&document))),
        ("bare", person.kit.sign(&document)),
        ("the new kit's", ready.kit.sign(&recovery_message(&document))),
        ("none", String::new()),
    ] {
        ready.signature = signature;
        assert_eq!(ready.hand_in().await.verdict(), refused(Code::WrongKit), "{what}");
    }
    assert_eq!(app.count("history").await, 1);
    ready.signature = good;
    app.advance(Duration::from_mins(5));
    assert_eq!(ready.hand_in().await.verdict(), refused(Code::ActionOver), "its time is over");
    assert_eq!(app.ready_to_recover(&person).await.hand_in().await.verdict(), DONE);
    app.verify(person.organization).await;
}

async fn the_change_must_be_a_recovery(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut person = app.admin("ada@example.org").await;
    let id = person.add_passkey("Laptop", &mut Device::password_manager(&app.origin())).await;
    let browser = app.recovering(&person).await;
    let Change::OwnAccount(removal) = removing(id, "Laptop") else { panic!("one's own") };
    assert_eq!(browser.prepare_recovery(&removal).await.verdict(), refused(Code::Conflict));
    // A passkey that was made over another challenge, and a key that didn't sign this one.
    let mut device = Device::password_manager(&app.origin());
    let honest = browser.recovery_change(&mut device, &RecoveryKit::new()).await;
    let AccountChange::Recover { name, passkey, recovery_key } = honest else { panic!("a recovery") };
    let options = person.browser.call_json("start_new_passkey", &json!({})).await.done::<Value>();
    let elsewhere = presented(&device.create(&options), options["challenge"].as_str().unwrap());
    let change = AccountChange::Recover { name: name.clone(), passkey: elsewhere, recovery_key: recovery_key.clone() };
    assert_eq!(browser.prepare_recovery(&change).await.verdict(), refused(Code::ActionOver));
    let mut forged = recovery_key;
    forged.public_key = RecoveryKit::new().new_key(&passkey.challenge).public_key;
    let change = AccountChange::Recover { name, passkey, recovery_key: forged };
    assert_eq!(browser.prepare_recovery(&change).await.verdict(), refused(Code::BadRequest));
    // What a person prepared to sign with a passkey isn't signed by the kit either.
    let prepared = person.prepared(&create_user("eve@example.org")).await;
    let signature = person.kit.sign(&recovery_message(&prepared.document.0));
    let prepared = PreparedRecovery { action: prepared.action, document: prepared.document };
    assert_eq!(browser.commit_recovery(&prepared, &signature).await.verdict(), refused(Code::Conflict));
    app.verify(person.organization).await;
}

async fn nobody_comes_back_around_a_deactivation(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let (mut bob, user) = app.colleague(&mut admin, "bob@example.org", &[]).await;
    let ready = app.ready_to_recover(&bob).await;
    let asked = app.recovering(&bob).await;
    admin.sign(&Change::DeactivateUser { user: user.clone() }).await;
    assert_eq!(ready.hand_in().await.verdict(), refused(Code::Conflict));
    assert_eq!(asked.recovery().await.verdict(), refused(Code::Conflict));
    let mails = app.mails_to("bob@example.org").await.len();
    assert_eq!(app.browser().start_recovery("bob@example.org").await.verdict(), DONE, "the answer is the same");
    app.settle().await;
    assert_eq!(app.mails_to("bob@example.org").await.len(), mails, "but no mail is sent");
    admin.sign(&Change::ActivateUser { user }).await;
    assert_eq!(app.recover(&mut bob).await.verdict(), DONE);
    app.verify(admin.organization).await;
}

async fn a_code_or_kit_of_another_organization_is_worth_nothing(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let (mut home, mut elsewhere) = (app.admin("ada@example.org").await, app.admin("ada@example.org").await);
    assert_ne!(home.organization, elsewhere.organization);
    // One address, two accounts: each gets a code of its own, and the code says which account it opens.
    let browser = app.browser();
    browser.start_recovery("ada@example.org").await;
    app.recovery_code("ada@example.org", 2).await;
    let of = |person: &Person| person.organization.to_string();
    for person in [&home, &elsewhere] {
        let mails = app.mails_to("ada@example.org").await;
        let mail = mails.iter().find(|mail| mail.subject.starts_with("Recover") && mail.text.contains(&of(person))).unwrap();
        let browser = app.browser();
        let code = crate::support::person::code_in(&mail.text);
        assert_eq!(browser.type_recovery_code("ada@example.org", &code).await.verdict(), DONE);
        assert_eq!(browser.recovery().await.done::<Recovery>().signer.organization, person.organization);
        let other = if person.organization == home.organization { &elsewhere } else { &home };
        assert_eq!(browser.prove_kit(&other.kit).await.verdict(), refused(Code::WrongKit));
        assert_eq!(browser.prove_kit(&person.kit).await.verdict(), DONE);
    }
    // What was prepared for one isn't executed for the other.
    let bob = app.admin("bob@example.org").await;
    let (ready, theirs) = (app.ready_to_recover(&bob).await, app.recovering(&app.admin("eve@example.org").await).await);
    assert_eq!(theirs.commit_recovery(&ready.prepared, &ready.signature).await.verdict(), refused(Code::ActionOver));
    for person in [&mut home, &mut elsewhere] {
        assert_eq!(person.sign_in().await.verdict(), DONE);
        app.verify(person.organization).await;
    }
}

async fn of_two_recoveries_one_wins(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.admin("ada@example.org").await;
    let all = [app.ready_to_recover(&person).await, app.ready_to_recover(&person).await];
    let start = Arc::new(Barrier::new(all.len()));
    let mut recovering = JoinSet::new();
    for ready in all {
        let start = Arc::clone(&start);
        recovering.spawn(async move {
            start.wait().await;
            ready.hand_in().await.verdict()
        });
    }
    let verdicts = recovering.join_all().await;
    assert_eq!(verdicts.iter().filter(|verdict| **verdict == DONE).count(), 1, "{verdicts:?}");
    assert_eq!(app.number("SELECT COUNT(*) FROM credentials WHERE kind = 'Fido2'").await, 1);
    assert_eq!(app.number("SELECT COUNT(*) FROM credentials WHERE kind = 'RecoveryKey'").await, 1);
    app.verify(person.organization).await;
}

async fn a_recovery_and_a_passkey_being_added_end_in_one_state(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut person = app.admin("ada@example.org").await;
    let change = person.adding("Laptop", &mut Device::password_manager(&app.origin())).await;
    let adding = at_once::Ready::of(&mut person, &change).await;
    let ready = app.ready_to_recover(&person).await;
    let (added, recovered) = tokio::join!(adding.hand_in(), ready.hand_in());
    assert_eq!(recovered.verdict(), DONE, "{}", recovered.text());
    assert!(added.verdict() == DONE || added.verdict().0 >= 400, "{}", added.text());
    // Whichever was first: what was added before is gone, and what comes after isn't signed by anything that counts.
    assert_eq!(app.number("SELECT COUNT(*) FROM credentials WHERE kind = 'Fido2'").await, 1);
    person.device = ready.device;
    assert_eq!(person.sign_in_with(&app.browser()).await.verdict(), DONE);
    app.verify(person.organization).await;
}

async fn whoever_enrols_again_can_not_recover(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let (bob, user) = app.colleague(&mut admin, "bob@example.org", &[]).await;
    let ready = app.ready_to_recover(&bob).await;
    app.browser().start_recovery("bob@example.org").await;
    let code = app.recovery_code("bob@example.org", 2).await;
    admin.sign(&Change::ReEnrolUser { user }).await;
    assert_eq!(ready.hand_in().await.verdict(), refused(Code::Conflict));
    assert_eq!(app.browser().type_recovery_code("bob@example.org", &code).await.verdict(), refused(Code::WrongCode));
    // Their new code works, and their new kit.
    let mut bob = app.accept("bob@example.org", admin.organization).await;
    assert_eq!(app.recover(&mut bob).await.verdict(), DONE);
    app.verify(admin.organization).await;
}

async fn the_owner_and_every_admin_are_told(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let full_admin = admin.permission("Full admin").await;
    app.colleague(&mut admin, "cleo@example.org", &[&full_admin]).await;
    let readers = admin.define("Readers", &[Operation::UsersRead]).await;
    let (mut bob, _) = app.colleague(&mut admin, "bob@example.org", &[&readers]).await;
    app.colleague(&mut admin, "dora@example.org", &[]).await;
    app.recover(&mut bob).await;
    let newest = async |email: &str| app.mails_to(email).await.remove(0);
    let own = newest("bob@example.org").await;
    assert_eq!(own.subject, "Your account was recovered");
    assert!(own.text.contains("127.0.0.1") && own.text.contains("UTC"), "{}", own.text);
    for email in ["ada@example.org", "cleo@example.org"] {
        let mail = newest(email).await;
        assert_eq!(mail.subject, "A user of your organization recovered their account");
        assert!(mail.text.contains("bob@example.org") && mail.text.contains("deactivate them"), "{}", mail.text);
    }
    assert!(!newest("dora@example.org").await.subject.contains("recovered"));
    admin.sign(&create_permission("More", &[Operation::UsersRead])).await;
    app.verify(admin.organization).await;
}

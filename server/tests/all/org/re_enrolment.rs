//! Someone who lost every passkey and the kit: an admin lets them enrol again. They stay who they are.

use crate::support::{
    answer::{DONE, refused},
    app::TestApp,
    database::TestDatabase,
    device::{Device, RecoveryKit},
};
use app::{
    action::change::Change,
    domain::{operation::Operation, user::UserStatus},
    refusal::Code,
};

on_both_databases!(
    whoever_enrols_again_keeps_id_and_permissions_and_nothing_else,
    nobody_gains_by_letting_someone_enrol_again,
    what_was_signed_before_still_verifies,
    of_two_that_let_someone_enrol_again_at_once_one_does,
    a_registration_that_was_under_way_for_another_user_is_untouched,
);

async fn whoever_enrols_again_keeps_id_and_permissions_and_nothing_else(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let inviters = ada.define("Inviters", &[Operation::UsersRead, Operation::UsersCreate]).await;
    let (mut bob, user) = app.colleague(&mut ada, "bob@example.org", &[&inviters]).await;
    let before = ada.user_details(&user).await;
    let waiting = bob.prepared(&crate::support::signing::create_user("x@example.org")).await;

    ada.sign(&Change::ReEnrolUser { user: user.clone() }).await;
    let between = ada.user_details(&user).await;
    assert_eq!((between.row.status, between.passkeys.len()), (UserStatus::Invited, 0));
    assert_eq!(between.permissions, before.permissions);
    assert_eq!(bob.browser.viewer().await.verdict(), refused(Code::SignedOut), "sessions end at once");
    assert_eq!(bob.sign_in().await.verdict(), refused(Code::UnknownPasskey));
    let signature = bob.signature(&waiting);
    assert_eq!(bob.commit(&waiting, &signature).await.verdict(), refused(Code::SignedOut));
    app.verify(ada.organization).await;

    let mails = app.mails_to("bob@example.org").await;
    let mail = mails.iter().find(|mail| mail.text.contains("has ended your passkeys")).expect("they are told");
    assert!(mail.text.contains("ada@example.org") && mail.text.contains("tell another admin at once"), "{}", mail.text);
    bob.code = crate::support::person::code_in(&mail.text);
    (bob.device, bob.kit) = (Device::password_manager(&app.origin()), RecoveryKit::new());
    assert_eq!(bob.activate().await.verdict(), DONE);
    assert_eq!(bob.make_passkey().await, DONE);
    assert_eq!(bob.finish().await.verdict(), DONE);
    let viewer = bob.viewer().await;
    assert_eq!((viewer.user, viewer.passkeys), (user.id, 1));
    assert!(viewer.operations.allows(Operation::UsersRead));
    app.verify(ada.organization).await;
}

async fn nobody_gains_by_letting_someone_enrol_again(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let inviters = ada.define("Inviters", &[Operation::UsersRead, Operation::UsersCreate]).await;
    let full_admin = ada.permission("Full admin").await;
    let (mut mallory, _) = app.colleague(&mut ada, "mallory@example.org", &[&inviters]).await;
    let (_, carl) = app.colleague(&mut ada, "carl@example.org", &[&full_admin]).await;
    let re_enrol = Change::ReEnrolUser { user: carl.clone() };
    let answer = mallory.try_to_sign(&re_enrol).await;
    assert_eq!(answer.verdict(), refused(Code::Conflict));
    assert!(answer.refusal().message.contains("holds what you don't"), "{}", answer.text());
    // Nor once somebody else has begun it.
    ada.sign(&re_enrol).await;
    for change in [Change::ShareInvitation { user: carl.clone() }, Change::ResendInvitation { user: carl.clone() }] {
        assert_eq!(mallory.verdict_on(&change).await, refused(Code::Conflict), "{change:?}");
    }
    assert!(ada.sign(&Change::ShareInvitation { user: carl }).await.invitation.is_some());
    let own = ada.as_user().await;
    assert_eq!(
        ada.verdict_on(&Change::ReEnrolUser { user: own }).await,
        refused(Code::Conflict),
        "the last admin can't shut themselves out"
    );
}

async fn what_was_signed_before_still_verifies(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let full_admin = ada.permission("Full admin").await;
    let (mut bob, user) = app.colleague(&mut ada, "bob@example.org", &[&full_admin]).await;
    bob.sign(&crate::support::signing::create_user("carl@example.org")).await;
    ada.sign(&Change::ReEnrolUser { user: user.clone() }).await;
    app.verify(ada.organization).await;
    // An old passkey may be registered anew: nobody else has it.
    let device = std::mem::replace(&mut bob.device, Device::security_key(&app.origin()));
    let mails = app.mails_to("bob@example.org").await;
    let mail = mails.iter().find(|mail| mail.text.contains("has ended your passkeys")).unwrap();
    bob.code = crate::support::person::code_in(&mail.text);
    bob.device = device;
    assert_eq!(bob.activate().await.verdict(), DONE);
    assert_eq!(bob.make_passkey().await, DONE);
    assert_eq!(bob.finish().await.verdict(), DONE);
    bob.sign(&crate::support::signing::create_user("dora@example.org")).await;
    app.verify(ada.organization).await;
}

async fn of_two_that_let_someone_enrol_again_at_once_one_does(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let full_admin = ada.permission("Full admin").await;
    let (mut carl, _) = app.colleague(&mut ada, "carl@example.org", &[&full_admin]).await;
    let (_, user) = app.colleague(&mut ada, "bob@example.org", &[]).await;
    let change = Change::ReEnrolUser { user };
    let (first, second) = (ada.prepared(&change).await, carl.prepared(&change).await);
    let signatures = (ada.signature(&first), carl.signature(&second));
    let answers = tokio::join!(ada.commit(&first, &signatures.0), carl.commit(&second, &signatures.1));
    let mut verdicts = [answers.0.verdict(), answers.1.verdict()];
    verdicts.sort_by_key(|verdict| verdict.0);
    assert_eq!(verdicts, [DONE, refused(Code::Conflict)]);
    app.verify(ada.organization).await;
}

async fn a_registration_that_was_under_way_for_another_user_is_untouched(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let (_, user) = app.colleague(&mut ada, "bob@example.org", &[]).await;
    ada.invite("carl@example.org").await;
    let mut carl = app.invited("carl@example.org", ada.organization).await;
    assert_eq!(carl.activate().await.verdict(), DONE);
    ada.sign(&Change::ReEnrolUser { user }).await;
    assert_eq!(carl.make_passkey().await, DONE);
    assert_eq!(carl.finish().await.verdict(), DONE);
    app.verify(ada.organization).await;
}

//! Users: inviting, deactivating, activating, deleting.

use crate::support::{
    answer::{DONE, refused},
    app::TestApp,
    database::TestDatabase,
    signing::create_user,
};
use app::{
    action::change::Change,
    domain::{
        operation::Operations,
        text::{EmailAddress, ExternalId},
        user::{UserKind, UserStatus},
    },
    refusal::Code,
};

on_both_databases!(
    an_admin_invites_a_coworker_who_comes_in_by_mail,
    a_deactivated_user_is_out_at_once,
    a_deleted_user_leaves_only_history,
    the_last_admin_stays,
);

async fn an_admin_invites_a_coworker_who_comes_in_by_mail(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    assert_eq!(admin.viewer().await.operations, Operations::All);
    let change = Change::CreateUser {
        email: EmailAddress::parse("bob@example.org").unwrap(),
        kind: UserKind::Employee,
        external_id: Some(ExternalId::parse("4711").unwrap()),
    };
    let receipt = admin.sign(&change).await;
    assert_eq!(receipt.index, 1, "the genesis is entry 0");
    let mails = app.mails_to("bob@example.org").await;
    assert_eq!(mails.len(), 1);
    assert!(mails[0].text.contains("ada@example.org invites you to the organization Acme"), "{}", mails[0].text);

    let bob = app.accept("bob@example.org", admin.organization).await;
    let viewer = bob.viewer().await;
    assert_eq!(Some(viewer.user.to_string()), receipt.created);
    assert_eq!((viewer.operations, viewer.organization), (Operations::NONE, admin.organization));
    let list = admin.users().await.users;
    assert_eq!(
        list.iter().map(|row| (row.user.handle.as_str(), row.status)).collect::<Vec<_>>(),
        [("ada@example.org", UserStatus::Active), ("bob@example.org", UserStatus::Active)]
    );
    assert_eq!(list[1].external_id.as_deref(), Some("4711"));
    // A second invitation of the same address is told at its field.
    let refusal = admin.prepare(&create_user("BOB@example.org")).await.refusal();
    assert!(refusal.field("email").is_some_and(|complaint| complaint.contains("already")), "{refusal:?}");
    app.verify(admin.organization).await;
}

async fn a_deactivated_user_is_out_at_once(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let full_admin = admin.permission("Full admin").await;
    let (mut bob, user) = app.colleague(&mut admin, "bob@example.org", &[&full_admin]).await;
    let prepared = bob.prepared(&create_user("eve@example.org")).await;
    let response = bob.signature(&prepared);

    admin.sign(&Change::DeactivateUser { user: user.clone() }).await;
    assert_eq!(bob.browser.viewer().await.verdict(), refused(Code::SignedOut));
    assert_eq!(bob.commit(&prepared, &response).await.verdict(), refused(Code::SignedOut));
    assert_eq!(bob.sign_in().await.verdict(), refused(Code::SignedOut));
    assert_eq!(admin.user_details(&user).await.row.status, UserStatus::Deactivated);

    admin.sign(&Change::ActivateUser { user: user.clone() }).await;
    assert_eq!(bob.sign_in().await.verdict(), DONE);
    assert_eq!(bob.viewer().await.operations, Operations::All, "with what they had");
    assert!(app.mails_to("eve@example.org").await.is_empty());
    app.verify(admin.organization).await;
}

async fn a_deleted_user_leaves_only_history(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let end_user = admin.permission("End user").await;
    let (mut bob, user) = app.colleague(&mut admin, "bob@example.org", &[&end_user]).await;
    admin.sign(&Change::DeleteUser { user: user.clone() }).await;

    assert_eq!(bob.browser.viewer().await.verdict(), refused(Code::SignedOut));
    assert_eq!(bob.sign_in().await.verdict(), refused(Code::UnknownPasskey));
    assert_eq!(admin.browser.call("user", &[("id", &user.id.to_string())]).await.verdict(), refused(Code::NotFound));
    for table in ["credentials", "sessions", "assignments", "registration_codes"] {
        assert_eq!(app.number(&format!("SELECT COUNT(*) FROM {table} WHERE user_id = '{}'", user.id)).await, 0, "{table}");
    }
    // The address is free again.
    let again = admin.invite("bob@example.org").await;
    assert_ne!(again.id, user.id);
    app.accept("bob@example.org", admin.organization).await;
    app.verify(admin.organization).await;
}

async fn the_last_admin_stays(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let me = admin.as_user().await;
    let stripping = admin.revocation("Full admin", &me).await;
    let full_admin = admin.permission("Full admin").await;
    for change in [Change::DeactivateUser { user: me.clone() }, Change::DeleteUser { user: me.clone() }, stripping.clone()] {
        let refusal = admin.prepare(&change).await.refusal();
        assert_eq!(refusal.code, Code::Conflict);
        assert!(refusal.message.contains("last active admin"), "{refusal:?}");
    }
    // A second one, who isn't active, doesn't help.
    let (mut bob, user) = app.colleague(&mut admin, "bob@example.org", &[&full_admin]).await;
    admin.sign(&Change::DeactivateUser { user: user.clone() }).await;
    assert_eq!(admin.verdict_on(&stripping).await, refused(Code::Conflict));
    admin.sign(&Change::ActivateUser { user: user.clone() }).await;
    assert_eq!(bob.sign_in().await.verdict(), DONE);
    // Each takes the other's away at the same moment: only one of them gets through.
    let (mine, theirs) = (admin.revocation("Full admin", &user).await, bob.revocation("Full admin", &me).await);
    let (of_mine, of_theirs) = (admin.prepared(&mine).await, bob.prepared(&theirs).await);
    let (signed_mine, signed_theirs) = (admin.signature(&of_mine), bob.signature(&of_theirs));
    let (one, other) = tokio::join!(admin.commit(&of_mine, &signed_mine), bob.commit(&of_theirs, &signed_theirs));
    let mut verdicts = [one.verdict(), other.verdict()];
    verdicts.sort_by_key(|(status, _)| *status);
    assert_eq!(verdicts, [DONE, refused(Code::NotPermitted)], "{} {}", one.text(), other.text());
    app.verify(admin.organization).await;
}

//! Permissions: defining, changing, archiving, giving, revoking.

use crate::support::{
    answer::{DONE, refused},
    app::TestApp,
    database::TestDatabase,
    signing::{assign, create_permission, create_user, terms, update},
};
use app::{
    action::change::Change,
    domain::operation::{Operation, Operations},
    refusal::Code,
};

on_both_databases!(
    a_permission_lets_someone_do_just_that,
    nobody_gives_more_than_they_hold,
    an_edit_of_an_old_version_says_what_changed,
    names_that_look_alike_are_taken_also_by_archived_ones,
    managed_permissions_stay_as_they_are,
    invited_users_have_no_permission,
);

async fn a_permission_lets_someone_do_just_that(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let inviters = admin.define("Inviters", &[Operation::UsersRead, Operation::UsersCreate]).await;
    let (mut bob, user) = app.colleague(&mut admin, "bob@example.org", &[]).await;
    assert_eq!(bob.browser.call("users", &[("search", ""), ("status", ""), ("after", "")]).await.verdict(), refused(Code::NotPermitted));
    assert_eq!(bob.verdict_on(&create_user("eve@example.org")).await, refused(Code::NotPermitted));

    admin.give(&inviters, &user).await;
    let eve = bob.invite("eve@example.org").await;
    assert_eq!(bob.users().await.users.len(), 3);
    assert_eq!(bob.verdict_on(&Change::DeactivateUser { user: eve }).await, refused(Code::NotPermitted));

    let revocation = admin.revocation("Inviters", &user).await;
    admin.sign(&revocation).await;
    assert_eq!(bob.verdict_on(&create_user("carl@example.org")).await, refused(Code::NotPermitted));
    assert_eq!(admin.verdict_on(&revocation).await, refused(Code::Conflict), "it is gone");
    app.verify(admin.organization).await;
}

async fn nobody_gives_more_than_they_hold(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let every: Vec<Operation> = Operation::ALL.iter().copied().filter(|operation| operation.is_offered()).collect();
    let managers =
        admin.define("Managers", &[Operation::PermissionsCreate, Operation::PermissionsUpdate, Operation::PermissionsAssign]).await;
    let all = admin.define("Everything of today", &every).await;
    let (mut bob, user) = app.colleague(&mut admin, "bob@example.org", &[&managers]).await;
    let full_admin = admin.permission("Full admin").await;

    for change in [
        create_permission("Deleters", &[Operation::UsersDelete]),
        assign(&all, &user),
        assign(&full_admin, &user),
        update(&managers, terms("Managers", &[Operation::PermissionsCreate, Operation::UsersDelete])),
    ] {
        let refusal = bob.prepare(&change).await.refusal();
        assert_eq!(refusal.code, Code::InvalidInput, "{change:?}");
        assert!(refusal.field("operations").is_some_and(|complaint| complaint.contains("You can only give what you hold")), "{refusal:?}");
    }
    // Not even someone who holds every operation of today gives what comes later.
    admin.give(&all, &user).await;
    assert_eq!(bob.verdict_on(&assign(&full_admin, &user)).await, refused(Code::InvalidInput));
    assert_eq!(bob.verdict_on(&create_permission("Deleters", &[Operation::UsersDelete])).await, DONE);
    app.verify(admin.organization).await;
}

async fn an_edit_of_an_old_version_says_what_changed(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let auditors = admin.define("Auditors", &[Operation::HistoryRead]).await;
    let (_, user) = app.colleague(&mut admin, "bob@example.org", &[]).await;
    let change = update(&auditors, terms("Auditors", &[Operation::HistoryRead, Operation::UsersRead]));
    let other = update(&auditors, terms("Readers", &[Operation::HistoryRead]));
    let giving = assign(&auditors, &user);
    let (prepared, too_late) = (admin.prepared(&other).await, admin.prepared(&giving).await);
    admin.sign(&change).await;

    for prepared in [prepared, too_late] {
        let response = admin.signature(&prepared);
        let refusal = admin.commit(&prepared, &response).await.refusal();
        assert_eq!(refusal.code, Code::Conflict);
        assert!(refusal.message.contains("It is called “Auditors” now and allows: Auth:Users:Read, Auth:Logs:Read"), "{}", refusal.message);
    }
    let now = admin.permission("Auditors").await;
    assert_eq!((now.permission.version, now.holders), (2, Some(0)));
    assert_eq!(
        admin.verdict_on(&update(&now, terms("Auditors", &[Operation::UsersRead, Operation::HistoryRead]))).await,
        refused(Code::Conflict)
    );
    app.verify(admin.organization).await;
}

async fn names_that_look_alike_are_taken_also_by_archived_ones(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let auditors = admin.define("Auditors", &[Operation::HistoryRead]).await;
    let (_, user) = app.colleague(&mut admin, "bob@example.org", &[&auditors]).await;
    let archive = Change::ArchivePermission { permission: auditors.permission.clone() };
    let refusal = admin.prepare(&archive).await.refusal();
    assert!(refusal.message.contains("1 holder still has"), "{}", refusal.message);
    let revocation = admin.revocation("Auditors", &user).await;
    admin.sign(&revocation).await;
    admin.sign(&archive).await;

    let archived = admin.permission("Auditors").await;
    assert!(archived.is_archived);
    assert_eq!(admin.verdict_on(&assign(&archived, &user)).await, refused(Code::Conflict));
    // The first letter is Cyrillic.
    for name in ["Auditors", "auditors", "\u{0410}uditors"] {
        let refusal = admin.prepare(&create_permission(name, &[Operation::UsersRead])).await.refusal();
        assert!(refusal.field("name").is_some_and(|complaint| complaint.contains("“Auditors”")), "{name}: {refusal:?}");
    }
    app.verify(admin.organization).await;
}

async fn managed_permissions_stay_as_they_are(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let admin = app.admin("ada@example.org").await;
    let end_user = admin.permission("End user").await;
    assert_eq!((end_user.is_managed, &end_user.operations), (true, &Operations::of_end_users()));
    for change in [
        update(&end_user, terms("End users", &[Operation::WalletsRead])),
        Change::ArchivePermission { permission: end_user.permission.clone() },
        Change::ArchivePermission { permission: admin.permission("Full admin").await.permission },
    ] {
        let refusal = admin.prepare(&change).await.refusal();
        assert!(refusal.message.contains("came with the organization"), "{}", refusal.message);
    }
    app.verify(admin.organization).await;
}

async fn invited_users_have_no_permission(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let user = admin.invite("bob@example.org").await;
    let end_user = admin.permission("End user").await;
    let refusal = admin.prepare(&assign(&end_user, &user)).await.refusal();
    assert!(refusal.message.contains("bob@example.org is invited now"), "{}", refusal.message);
    assert_eq!(admin.user_details(&user).await.permissions, Some(Vec::new()));
}

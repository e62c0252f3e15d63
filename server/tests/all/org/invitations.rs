//! Invitations: sent again, shown, revoked.

use crate::support::{
    answer::{DONE, refused},
    app::TestApp,
    database::TestDatabase,
};
use app::{action::change::Change, refusal::Code, rpc::users::MailState};

on_both_databases!(
    an_invitation_that_is_sent_again_ends_the_one_before,
    an_invitation_that_is_shown_works_and_is_nowhere_in_history,
    a_revoked_invitation_lets_nobody_in,
);

async fn an_invitation_that_is_sent_again_ends_the_one_before(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let user = admin.invite("bob@example.org").await;
    assert_eq!(admin.user_details(&user).await.mail, Some((MailState::Queued, None)));
    let before = app.invited("bob@example.org", admin.organization).await;
    app.advance(std::time::Duration::from_mins(1));
    admin.sign(&Change::ResendInvitation { user: user.clone() }).await;
    assert_eq!(app.mails_to("bob@example.org").await.len(), 2);
    assert_eq!(before.activate().await.verdict(), refused(Code::EndedCode));
    app.accept("bob@example.org", admin.organization).await;
    // Now there is nothing to send again.
    assert_eq!(admin.verdict_on(&Change::ResendInvitation { user }).await, refused(Code::Conflict));
    app.verify(admin.organization).await;
}

async fn an_invitation_that_is_shown_works_and_is_nowhere_in_history(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let user = admin.invite("bob@example.org").await;
    let shown = admin.sign(&Change::ShareInvitation { user }).await.invitation.expect("the change is to show it");
    assert!(shown.link.starts_with("http://localhost:3000/get-started/activate?"), "{}", shown.link);
    assert!(!shown.link.contains(&shown.code));
    let mut bob = app.invited("bob@example.org", admin.organization).await;
    assert_eq!(bob.activate().await.verdict(), refused(Code::EndedCode), "the one in the mail");
    bob.code = shown.code.clone();
    assert_eq!(bob.activate().await.verdict(), DONE);
    for (table, rows) in app.dump().await {
        assert!(rows.iter().all(|row| !row.contains(&shown.code)), "{table}");
    }
    app.verify(admin.organization).await;
}

async fn a_revoked_invitation_lets_nobody_in(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let user = admin.invite("bob@example.org").await;
    let mut bob = app.invited("bob@example.org", admin.organization).await;
    assert_eq!(bob.activate().await.verdict(), DONE);
    assert_eq!(bob.make_passkey().await, DONE);
    let registration = bob.browser.registration().await.done::<app::rpc::get_started::Registration>();
    admin.sign(&Change::RevokeInvitation { user: user.clone() }).await;

    assert_eq!(bob.browser.finish(&bob.kit.proof(&registration.challenge)).await.verdict(), refused(Code::NoRegistration));
    assert_eq!(bob.activate().await.verdict(), refused(Code::EndedCode));
    // Asking for a new code doesn't help either: nothing is sent.
    assert_eq!(bob.browser.send_new_code("bob@example.org", &bob.organization.to_string()).await.verdict(), DONE);
    app.settle().await;
    assert_eq!(app.mails_to("bob@example.org").await.len(), 1);
    assert_eq!(admin.verdict_on(&Change::RevokeInvitation { user: user.clone() }).await, refused(Code::Conflict));
    // Until it is sent again.
    app.advance(std::time::Duration::from_mins(1));
    admin.sign(&Change::ResendInvitation { user }).await;
    app.accept("bob@example.org", admin.organization).await;
    app.verify(admin.organization).await;
}

//! Break-glass: the operator lets someone enrol again who lost everything. It is loud, and does nothing else.

use crate::support::{
    answer::{DONE, refused},
    app::TestApp,
    database::TestDatabase,
    device::{Device, RecoveryKit},
    person::Person,
    signing::create_user,
};
use app::{action::change::Change, action::history::entry::Entry, domain::id::UserId, refusal::Code, rpc::history::HistoryPage};
use server::action::{ActionError, Actor};

on_both_databases!(
    a_lone_admin_who_lost_everything_comes_back_as_who_they_were,
    everyone_is_told_and_history_shows_it,
    a_deactivated_user_or_a_stranger_is_not_let_in,
    under_another_secret_nothing_is_done,
);

async fn actor(person: &Person) -> Actor {
    Actor { organization: person.organization, user: person.viewer().await.user }
}

async fn a_lone_admin_who_lost_everything_comes_back_as_who_they_were(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let whom = actor(&admin).await;
    let (before, ready) = (admin.browser.clone(), app.ready_to_recover(&admin).await);
    let invitation = app.services.road.break_glass(whom).await.unwrap();
    // Nothing of before counts any more: session, passkey, kit, and a recovery under way.
    assert_eq!(before.viewer().await.verdict(), refused(Code::SignedOut));
    assert_eq!(admin.sign_in_with(&app.browser()).await.verdict(), refused(Code::UnknownPasskey));
    assert_eq!(ready.hand_in().await.verdict(), refused(Code::Conflict));
    (admin.browser, admin.device, admin.kit) = (app.browser(), Device::security_key(&app.origin()), RecoveryKit::new());
    admin.code = invitation.code;
    assert_eq!(admin.activate().await.verdict(), DONE);
    assert_eq!(admin.make_passkey().await, DONE);
    assert_eq!(admin.finish().await.verdict(), DONE);
    assert_eq!(actor(&admin).await, whom);
    assert_eq!(admin.verdict_on(&create_user("bob@example.org")).await, DONE, "with their permissions");
    app.verify(admin.organization).await;
}

async fn everyone_is_told_and_history_shows_it(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let full_admin = admin.permission("Full admin").await;
    app.colleague(&mut admin, "cleo@example.org", &[&full_admin]).await;
    let (bob, user) = app.colleague(&mut admin, "bob@example.org", &[]).await;
    app.services.road.break_glass(actor(&bob).await).await.unwrap();
    for (email, subject) in [
        ("ada@example.org", "Break-glass: the server's operator opened an account of your organization"),
        ("cleo@example.org", "Break-glass: the server's operator opened an account of your organization"),
        ("bob@example.org", "Break-glass: your account was opened by the server's operator"),
    ] {
        let mail = app.mails_to(email).await.remove(0);
        assert_eq!(mail.subject, subject);
        assert!(mail.text.contains("the server's own machine"), "{}", mail.text);
    }
    let page: HistoryPage = admin.browser.call("history", &[]).await.done();
    let newest = Entry::parse(&page.lines[0]).unwrap();
    assert!(newest.is_loud());
    assert_eq!(newest.summary().unwrap().sentence, "Break-glass: let bob@example.org enrol again, without anyone's signature");
    assert!(page.registrations.iter().any(|line| Entry::parse(line).unwrap().index == 0), "the server's key is in the first entry");
    let changes = admin.user_details(&user).await.changes.unwrap();
    assert!(changes[0].is_loud && changes[0].who == "The server's operator", "{changes:?}");
    for path in ["/org/history", &format!("/org/history/{}", newest.index), &format!("/org/users/{}", user.id)] {
        let html = admin.browser.get(path).await.text().to_owned();
        assert!(html.contains("loud") && html.contains("Break-glass"), "{path}: {html}");
    }
    app.verify(admin.organization).await;
}

async fn a_deactivated_user_or_a_stranger_is_not_let_in(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let (bob, user) = app.colleague(&mut admin, "bob@example.org", &[]).await;
    let bobs = actor(&bob).await;
    admin.sign(&Change::DeactivateUser { user }).await;
    let elsewhere = Actor { organization: app.admin("eve@example.org").await.organization, ..bobs };
    let nobody = Actor { user: UserId::from_bytes([7; 16]), ..bobs };
    let before = app.dump().await;
    for whom in [bobs, elsewhere, nobody] {
        assert!(matches!(app.services.road.break_glass(whom).await, Err(ActionError::NotActive)));
    }
    assert_eq!(app.dump().await, before);
}

async fn under_another_secret_nothing_is_done(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let whom = actor(&app.admin("ada@example.org").await).await;
    // As if the history had begun at a server with another key.
    app.run("UPDATE history SET line = REPLACE(line, '\"checkpoint_key\":\"localhost:3000+', '\"checkpoint_key\":\"elsewhere:3000+')")
        .await;
    let before = app.dump().await;
    assert!(matches!(app.services.road.break_glass(whom).await, Err(ActionError::AnotherSecret)));
    assert_eq!(app.dump().await, before);
}

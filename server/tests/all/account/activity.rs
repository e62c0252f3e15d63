//! Activity: what happens around an account is told to its owner and to those who may read users, and kept for some months.

use crate::support::{
    answer::{DONE, refused},
    app::TestApp,
    database::TestDatabase,
    person::Person,
};
use app::{
    domain::{
        activity::ActivityKind::{self, KitTestRefused, KitTested, MailWritten, SignInRefused, SignedIn, SignedOut, SignedOutEverywhere},
        operation::Operation,
    },
    refusal::Code,
    rpc::account::Account,
};
use std::time::Duration;

on_both_databases!(
    what_happens_is_noted_newest_first,
    a_deactivated_user_who_tries_is_noted,
    others_activity_is_for_those_who_may_read_users,
    activity_is_removed_after_ninety_days,
);

async fn kinds(person: &Person) -> Vec<ActivityKind> {
    let account: Account = person.browser.call("account", &[]).await.done();
    account.activity.iter().map(|event| event.kind).collect()
}

async fn what_happens_is_noted_newest_first(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    assert_eq!(kinds(&ada).await, [SignedIn, MailWritten]);

    let tick = || app.advance(Duration::from_secs(1));
    tick();
    assert_eq!(ada.browser.sign_out().await.verdict(), DONE);
    tick();
    let challenge = ada.browser.sign_in_challenge().await;
    let forged = ada.device.get_with(&challenge.options, |says| says.flags &= !crate::support::device::USER_VERIFIED);
    assert_eq!(ada.browser.finish_sign_in(&challenge, &forged).await.verdict(), refused(Code::PasskeyRefused));
    tick();
    assert_eq!(ada.sign_in().await.verdict(), DONE);
    tick();
    assert_eq!(ada.browser.call("sign_out_everywhere", &[]).await.verdict(), DONE);
    tick();
    assert_eq!(ada.sign_in().await.verdict(), DONE);
    assert_eq!(kinds(&ada).await, [SignedIn, SignedOutEverywhere, SignedIn, SignInRefused, SignedOut, SignedIn, MailWritten]);

    let account: Account = ada.browser.call("account", &[]).await.done();
    assert!(account.activity[0].from.is_some(), "a browser did it");
    let mail = account.activity.last().unwrap();
    assert_eq!((mail.from.as_ref(), mail.detail.as_str()), (None, "Activate Acme on Countersign: your code"));
}

async fn a_deactivated_user_who_tries_is_noted(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let (mut bob, user) = app.colleague(&mut ada, "bob@example.org", &[]).await;
    ada.sign(&app::action::change::Change::DeactivateUser { user: user.clone() }).await;
    app.advance(Duration::from_secs(1));
    assert_eq!(bob.sign_in().await.verdict(), refused(Code::SignedOut));
    assert_eq!(ada.user_details(&user).await.activity[0].kind, SignInRefused);
}

async fn others_activity_is_for_those_who_may_read_users(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let readers = ada.define("Readers", &[Operation::UsersRead]).await;
    let (bob, user) = app.colleague(&mut ada, "bob@example.org", &[&readers]).await;
    let (carl, _) = app.colleague(&mut ada, "carl@example.org", &[]).await;
    let of_bob: Vec<_> = ada.user_details(&user).await.activity.iter().map(|event| event.kind).collect();
    assert_eq!(of_bob, kinds(&bob).await);
    assert!(
        of_bob.contains(&SignedIn) && of_bob.contains(&MailWritten) && !of_bob.contains(&KitTested) && !of_bob.contains(&KitTestRefused)
    );
    let own = ada.as_user().await;
    assert!(!bob.user_details(&own).await.activity.is_empty());
    assert_eq!(carl.browser.call("user", &[("id", &user.id.to_string())]).await.verdict(), refused(Code::NotPermitted));
    let eve = app.admin("eve@example.com").await;
    assert_eq!(eve.browser.call("user", &[("id", &user.id.to_string())]).await.verdict(), refused(Code::NotFound));
}

async fn activity_is_removed_after_ninety_days(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    app.admin("ada@example.org").await;
    let before = app.count("activity").await;
    app.advance(Duration::from_hours(89 * 24));
    server::service::sweep(&app.services).await.unwrap();
    assert_eq!(app.count("activity").await, before);
    app.advance(Duration::from_hours(2 * 24));
    server::service::sweep(&app.services).await.unwrap();
    assert_eq!(app.count("activity").await, 0);
}

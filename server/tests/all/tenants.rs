//! Organizations never meet: what belongs to one is worth nothing with another one's ids.

use crate::support::{
    answer::{DONE, refused},
    app::TestApp,
    database::TestDatabase,
    person::code_in,
};
use app::{
    refusal::Code,
    rpc::get_started::{CodeState, Registration},
};
use server::storage::{credentials, users};

on_both_databases!(
    a_code_is_worth_nothing_in_another_organization,
    a_new_code_is_sent_for_the_organization_that_was_named,
    wrong_codes_for_one_do_not_count_for_another,
    what_is_looked_up_by_another_organizations_id_is_not_there,
    a_session_that_names_another_organization_is_nobodys,
);

async fn a_code_is_worth_nothing_in_another_organization(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let ada = app.founder("ada@example.org").await;
    let bob = app.founder("bob@example.org").await;
    let adas_other = app.founder("ada@example.org").await;
    let browser = app.browser();
    for (email, organization, code) in [
        ("ada@example.org", bob.organization, &ada.code),
        ("bob@example.org", ada.organization, &bob.code),
        ("bob@example.org", bob.organization, &ada.code),
        ("ada@example.org", adas_other.organization, &ada.code),
        ("ada@example.org", ada.organization, &adas_other.code),
    ] {
        let answer = browser.activate(email, &organization.to_string(), code).await;
        assert_eq!(answer.verdict(), refused(Code::WrongCode), "{email} {organization}");
    }
    assert_eq!(browser.session(), None);
    assert_eq!(browser.code_state("ada@example.org", &bob.organization.to_string()).await.done::<CodeState>(), CodeState::NotLive);
    for person in [&ada, &bob, &adas_other] {
        assert_eq!(person.activate().await.verdict(), DONE);
        assert_eq!(person.browser.registration().await.done::<Registration>().organization, person.organization);
    }
}

async fn a_new_code_is_sent_for_the_organization_that_was_named(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let first = app.founder("ada@example.org").await;
    let second = app.founder("ada@example.org").await;
    let other = app.founder("bob@example.org").await;
    // With a stranger's organization: nothing.
    assert_eq!(app.browser().send_new_code("ada@example.org", &other.organization.to_string()).await.verdict(), DONE);
    app.settle().await;
    assert_eq!(app.count("outbox").await, 3);
    assert_eq!(app.browser().send_new_code("ada@example.org", &first.organization.to_string()).await.verdict(), DONE);
    let mails = app.mails_to_arrive("ada@example.org", 3).await;
    assert!(mails[0].text.contains(&first.organization.to_string()), "{}", mails[0].text);
    assert_eq!(first.type_code(&code_in(&mails[0].text)).await.verdict(), DONE);
    assert_eq!(first.type_code(&first.code).await.verdict(), refused(Code::EndedCode));
    assert_eq!(second.activate().await.verdict(), DONE, "the other organization's code still works");
    assert_eq!(other.activate().await.verdict(), DONE);
}

async fn wrong_codes_for_one_do_not_count_for_another(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let first = app.founder("ada@example.org").await;
    let second = app.founder("ada@example.org").await;
    for _ in 0..6 {
        assert_eq!(first.type_code(&first.wrong_code()).await.verdict(), refused(Code::WrongCode));
    }
    assert_eq!(first.activate().await.verdict(), refused(Code::EndedCode));
    assert_eq!(second.activate().await.verdict(), DONE);
}

async fn what_is_looked_up_by_another_organizations_id_is_not_there(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let ada = app.admin("ada@example.org").await.viewer().await;
    let bob = app.admin("bob@example.org").await.viewer().await;
    let db = &mut *app.connection().await;
    assert!(users::find(db, ada.organization, ada.user).await.unwrap().is_some());
    assert!(users::find(db, bob.organization, ada.user).await.unwrap().is_none());
    assert!(!users::register(db, bob.organization, ada.user, app.services.ambient.now()).await.unwrap());
    assert_eq!(credentials::count_passkeys(db, ada.organization, ada.user).await.unwrap(), 1);
    assert_eq!(credentials::count_passkeys(db, bob.organization, ada.user).await.unwrap(), 0);
    assert_eq!(credentials::records(db, ada.organization, ada.user).await.unwrap().len(), 2);
    assert_eq!(credentials::records(db, bob.organization, ada.user).await.unwrap(), []);
}

async fn a_session_that_names_another_organization_is_nobodys(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let ada = app.admin("ada@example.org").await;
    let bob = app.admin("bob@example.org").await;
    let data = app.text("SELECT data FROM sessions ORDER BY created_at LIMIT 1").await;
    let mixed = data.replace(&ada.organization.to_string(), &bob.organization.to_string());
    assert_ne!(mixed, data);
    app.run(&format!("UPDATE sessions SET data = '{mixed}' WHERE data = '{data}'")).await;
    assert_eq!(ada.browser.viewer().await.verdict(), refused(Code::SignedOut));
    assert_eq!(bob.browser.viewer().await.verdict(), DONE);
}

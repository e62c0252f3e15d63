//! What a change promises by mail: in the same transaction, and the code in it nowhere else.

use crate::support::{
    answer::{Answer, DONE, refused},
    app::TestApp,
    company::Company,
    database::TestDatabase,
    logs::Logs,
    person::code_in,
    signing::create_user,
};
use app::{
    action::{
        change::Change,
        history::entry::{Entry, What},
    },
    domain::id::OrganizationId,
    refusal::Code,
    rpc::change::Receipt,
};
use std::time::Duration;

on_both_databases!(
    what_fails_at_the_last_moment_leaves_neither_change_nor_mail,
    signing_up_is_an_entry_of_its_own,
    a_code_is_in_its_mail_and_nowhere_else,
    a_code_is_shown_to_whoever_signed_for_it_and_nowhere_else,
);

/// The place in history is taken, as only a fault could take it: so everything before it has been done when this is found.
async fn take_the_next_place(app: &TestApp, organization: OrganizationId) {
    app.run(&format!(
        "INSERT INTO history (organization_id, entry_index, line, credential_id, actor_id) \
         SELECT id, history_size, '{{}}', 'nobody', 'nobody' FROM organizations WHERE id = '{organization}'"
    ))
    .await;
}

async fn what_fails_at_the_last_moment_leaves_neither_change_nor_mail(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut company = Company::open(&app, "example.org").await;
    let organization = company.admin.organization;
    for change in company.every_change() {
        let prepared = company.admin.prepared(&change).await;
        let response = company.admin.signature(&prepared);
        take_the_next_place(&app, organization).await;
        let before = app.dump().await;
        let answer = company.admin.commit(&prepared, &response).await;
        assert_eq!(answer.verdict(), refused(Code::Conflict), "{change:?}: {}", answer.text());
        assert!(answer.refusal().message.contains("Nothing was changed."), "{}", answer.text());
        assert_eq!(app.dump().await, before, "{change:?}");
        app.run("DELETE FROM history WHERE line = '{}'").await;
    }
    app.verify(organization).await;
    // The invitation of before still works, and the very same signature, once nothing is in its way.
    let carl = app.invited(company.invited.handle.as_str(), organization).await;
    let prepared = company.admin.prepared(&create_user("new@example.org")).await;
    let response = company.admin.signature(&prepared);
    take_the_next_place(&app, organization).await;
    assert_eq!(company.admin.commit(&prepared, &response).await.verdict(), refused(Code::Conflict));
    assert_eq!(app.mails_to("new@example.org").await, []);
    app.run("DELETE FROM history WHERE line = '{}'").await;
    assert_eq!(company.admin.commit(&prepared, &response).await.verdict(), DONE);
    assert_eq!(app.mails_to("new@example.org").await.len(), 1);
    assert_eq!(carl.activate().await.verdict(), DONE);
    app.verify(organization).await;
}

async fn signing_up_is_an_entry_of_its_own(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let user = admin.invite("bob@example.org").await;
    let mut bob = app.invited("bob@example.org", admin.organization).await;
    assert_eq!(bob.activate().await.verdict(), DONE);
    assert_eq!(bob.make_passkey().await, DONE);
    assert_eq!(app.count("history").await, 2, "nothing is registered yet");
    take_the_next_place(&app, admin.organization).await;
    let before = app.dump().await;
    assert!(bob.finish().await.status.is_client_error());
    assert_eq!(app.dump().await, before, "both or none");
    app.run("DELETE FROM history WHERE line = '{}'").await;
    assert_eq!(bob.finish().await.verdict(), DONE);

    let (lines, _) = app.export(admin.organization).await;
    assert_eq!(lines.len(), 3);
    let What::Registration(registration) = Entry::parse(&lines[2]).unwrap().what else { panic!("{}", lines[2]) };
    assert_eq!(registration.user, user);
    assert_eq!(registration.credentials.passkey.credential_id.0, bob.device.credential_id);
    assert_eq!(registration.credentials.recovery_key.public_key.to_string(), bob.kit.public_key());
    assert_eq!(registration.credentials.origin, "http://localhost:3000");
    app.verify(admin.organization).await;
}

/// Digits, as they are stored or typed, in groups, or in groups with hyphens.
fn spellings(code: &str) -> [String; 3] {
    let groups: Vec<&str> = (0..4).map(|group| &code[group * 4..group * 4 + 4]).collect();
    [code.to_owned(), groups.join(" "), groups.join("-")]
}

/// That none of these codes is in the database, nor in any of these texts.
async fn assert_nowhere(app: &TestApp, codes: &[String], texts: &[String]) {
    let mut everything: Vec<String> = texts.to_vec();
    everything.extend(app.dump().await.into_values().flatten());
    assert!(codes.len() >= 2 && everything.len() > 20);
    for spelling in codes.iter().flat_map(|code| spellings(code)) {
        let found: Vec<&String> = everything.iter().filter(|text| text.contains(&spelling)).collect();
        assert!(found.is_empty(), "{spelling} in {found:?}");
    }
}

async fn a_code_is_in_its_mail_and_nowhere_else(database: &TestDatabase) {
    let logs = Logs::listen();
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let mut answers: Vec<Answer> = vec![admin.try_to_sign(&create_user("bob@example.org")).await];
    let bob = admin.users().await.users.remove(1).user;
    app.advance(Duration::from_mins(1));
    answers.push(admin.try_to_sign(&Change::ResendInvitation { user: bob.clone() }).await);
    let mails = app.mails_to("bob@example.org").await;
    let codes: Vec<String> = mails.iter().map(|mail| code_in(&mail.text)).collect();
    assert_eq!(codes.len(), 2);
    assert_ne!(codes[0], codes[1]);
    for (mail, code) in mails.iter().zip(&codes) {
        assert!(spellings(code).iter().all(|spelling| !mail.subject.contains(spelling)));
        let link = mail.text.lines().find(|line| line.contains("/get-started/activate?")).expect("the mail has a link");
        assert!(spellings(code).iter().all(|spelling| !link.contains(spelling)), "{link}");
    }
    for path in ["/org/users", &format!("/org/users/{}", bob.id), "/org/history", "/org/history/1", "/org/history/2", "/org/history/export"]
    {
        answers.push(admin.browser.get(path).await);
    }
    answers.push(admin.browser.call("user", &[("id", &bob.id.to_string())]).await);
    // Typed and used up.
    app.accept("bob@example.org", admin.organization).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert!(answers[..2].iter().all(|answer| answer.done::<Receipt>().invitation.is_none()));
    let mut texts: Vec<String> = answers.iter().map(|answer| format!("{:?} {}", answer.headers, answer.text())).collect();
    let logged = logs.text();
    assert!(logged.contains("a change was executed"), "{logged}");
    texts.push(logged);
    assert_nowhere(&app, &codes, &texts).await;
    app.verify(admin.organization).await;
}

async fn a_code_is_shown_to_whoever_signed_for_it_and_nowhere_else(database: &TestDatabase) {
    let logs = Logs::listen();
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let user = admin.invite("bob@example.org").await;
    let mut codes = Vec::new();
    for _ in 0..2 {
        let receipt = admin.sign(&Change::ShareInvitation { user: user.clone() }).await;
        let shown = receipt.invitation.expect("it is shown");
        assert!(shown.code.len() == 16 && !shown.link.contains(&shown.code), "{shown:?}");
        assert!(!receipt.checkpoint.contains(&shown.code));
        codes.push(shown.code);
    }
    assert_ne!(codes[0], codes[1]);
    assert_eq!(app.mails_to("bob@example.org").await.len(), 1, "what is shown isn't mailed");
    let mut texts = Vec::new();
    for path in
        ["/org/users", &format!("/org/users/{}", user.id), "/org/history", "/org/history/2", "/org/history/3", "/org/history/export"]
    {
        let answer = admin.browser.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        texts.push(answer.text().to_owned());
    }
    // The first one died with the second.
    let mut bob = app.invited("bob@example.org", admin.organization).await;
    assert_eq!(bob.type_code(&codes[0]).await.verdict(), refused(Code::EndedCode));
    bob.code.clone_from(&codes[1]);
    assert_eq!(bob.activate().await.verdict(), DONE);
    assert_eq!(bob.make_passkey().await, DONE);
    assert_eq!(bob.finish().await.verdict(), DONE);
    texts.push(logs.text());
    assert_nowhere(&app, &codes, &texts).await;
    app.verify(admin.organization).await;
}

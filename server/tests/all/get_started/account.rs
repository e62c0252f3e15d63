//! `/rpc/create_organization`: who may, what may be typed, and that nobody learns who has an account.

use crate::support::{
    answer::{DONE, refused},
    app::TestApp,
    database::TestDatabase,
    html::tags,
};
use app::{
    refusal::{Code, Refusal},
    rpc::about::{About, Founding, MailDelivery},
};
use server::config::Organizations;
use std::time::Duration;

on_both_databases!(
    nobody_learns_whether_an_address_has_an_account,
    the_mail_alone_tells_of_accounts_elsewhere,
    what_can_not_be_right_is_refused_at_its_field_and_nothing_is_written,
    names_with_markup_or_other_scripts_are_shown_as_they_were_typed,
    one_person_may_found_several_organizations,
    only_the_first_organization_is_taken_when_the_operator_says_so,
    organizations_that_were_begun_before_the_first_one_stay_inactive,
    of_two_that_finish_at_once_only_one_becomes_the_first,
    a_closed_server_says_whom_to_ask,
    organizations_that_nobody_activates_are_removed_after_seven_days,
    a_form_works_without_javascript,
);

async fn nobody_learns_whether_an_address_has_an_account(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let known = app.admin("known@example.org").await;
    let stranger = app.browser();
    let organization = known.organization.to_string();
    // Where the answer repeats what was asked, it says `who` instead.
    let neutral = |answer: crate::support::answer::Answer, email: &str| {
        let (status, headers, body) = answer.comparable();
        let id = if answer.location().contains("organization=") { answer.organization().to_string() } else { organization.clone() };
        let cleaned = |text: &str| text.replace(&id, "ORGANIZATION").replace(&email.replace('@', "%40"), "WHO");
        (status, headers.into_iter().map(|(name, value)| (name, cleaned(&value))).collect::<Vec<_>>(), cleaned(&body))
    };

    for (function, fields) in [
        ("create_organization", vec![("name", "Eve"), ("organization", "Evil")]),
        ("send_new_code", vec![("organization", "")]),
        ("send_new_code", vec![("organization", organization.as_str())]),
        ("code_state", vec![("organization", "")]),
        ("code_state", vec![("organization", organization.as_str())]),
        ("activate", vec![("organization", ""), ("code", "0000 0000 0000 0000")]),
        ("activate", vec![("organization", organization.as_str()), ("code", "0000 0000 0000 0000")]),
    ] {
        let mut answers = Vec::new();
        for email in ["known@example.org", "never@example.org"] {
            let fields: Vec<_> = fields.iter().copied().chain([("email", email)]).collect();
            answers.push(neutral(stranger.call(function, &fields).await, email));
        }
        assert_eq!(answers[0], answers[1], "{function} {fields:?}");
    }
}

async fn the_mail_alone_tells_of_accounts_elsewhere(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let known = app.admin("ada@example.org").await;
    app.browser().create_organization("ADA@example.org", "Ada", "Second").await;
    app.browser().create_organization("bob@example.org", "Bob", "Third").await;

    let [to_known] = app.mails_to("ADA@example.org").await.try_into().unwrap();
    assert!(to_known.text.contains("You already have an account in:\n\n  * Acme"), "{}", to_known.text);
    assert!(to_known.text.contains("http://localhost:3000/login"), "{}", to_known.text);
    let [to_unknown] = app.mails_to("bob@example.org").await.try_into().unwrap();
    assert!(!to_unknown.text.contains("already"), "{}", to_unknown.text);
    assert!(!to_unknown.html.contains("already"), "{}", to_unknown.html);
    assert_eq!(to_known.subject.replace("Second", "Third"), to_unknown.subject, "the subject, seen on locked screens, doesn't tell");
    assert_eq!(known.viewer().await.passkeys, 1);
}

async fn what_can_not_be_right_is_refused_at_its_field_and_nothing_is_written(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let browser = app.browser();
    let before = app.dump().await;
    let long = "x".repeat(10_000);
    let names = [
        ("", "Fill in this field."),
        ("   ", "Fill in this field."),
        (long.as_str(), "This is longer than 100 characters. Shorten it."),
        ("Ada\r\nBcc: eve@example.org", "This contains a line break or an invisible character. Type it again on one line."),
        ("Ada\nX", "This contains a line break or an invisible character. Type it again on one line."),
        ("Ada\u{85}X", "This contains a line break or an invisible character. Type it again on one line."),
        ("Ada\u{2028}X", "This contains a line break or an invisible character. Type it again on one line."),
        ("Ada\0", "This contains a line break or an invisible character. Type it again on one line."),
        ("Ada\u{202E}ecalevoL", "This contains a line break or an invisible character. Type it again on one line."),
        ("Ada\u{200B}", "This contains a line break or an invisible character. Type it again on one line."),
        ("<script>alert(1)</script>", "Leave out < and >."),
    ];
    let long_address = format!("{long}@example.org");
    let addresses = [
        ("", "Fill in this field."),
        ("ada", "This is not a complete mail address, such as ada@example.org."),
        ("ada@localhost", "This is not a complete mail address, such as ada@example.org."),
        ("ada@example.org, eve@example.org", "This is not a complete mail address, such as ada@example.org."),
        ("<ada@example.org>", "This is not a complete mail address, such as ada@example.org."),
        ("ada@bücher.example", "Only mail addresses of plain letters, digits and the usual signs work here."),
        ("ada@example.org\r\nBcc: eve@example.org", "This contains a line break or an invisible character. Type it again on one line."),
        (long_address.as_str(), "This is longer than 254 characters. Shorten it."),
    ];
    for (typed, complaint) in names {
        let at_name = browser.create_organization("ada@example.org", typed, "Acme").await;
        assert_eq!(complaints(&at_name.refusal()), [("name", complaint)], "{typed:?}");
        let at_organization = browser.create_organization("ada@example.org", "Ada", typed).await;
        assert_eq!(complaints(&at_organization.refusal()), [("organization", complaint)], "{typed:?}");
        assert_eq!(at_organization.verdict(), refused(Code::InvalidInput));
    }
    for (typed, complaint) in addresses {
        let at_email = browser.create_organization(typed, "Ada", "Acme").await;
        assert_eq!(complaints(&at_email.refusal()), [("email", complaint)], "{typed:?}");
        let new_code = browser.send_new_code(typed, "").await;
        assert_eq!(complaints(&new_code.refusal()), [("email", complaint)], "{typed:?}");
    }
    let everywhere = browser.create_organization("", "", "").await.refusal();
    assert_eq!(complaints(&everywhere).len(), 3);
    insta::allow_duplicates! {
        insta::assert_json_snapshot!(everywhere, @r#"
        {
          "code": "invalid_input",
          "message": "Some of this can't be right yet. Nothing was saved.",
          "fields": [
            {
              "field": "email",
              "message": "Fill in this field."
            },
            {
              "field": "name",
              "message": "Fill in this field."
            },
            {
              "field": "organization",
              "message": "Fill in this field."
            }
          ]
        }
        "#);
    }
    assert_eq!(app.dump().await, before);
}

fn complaints(refusal: &Refusal) -> Vec<(&str, &str)> {
    refusal.fields.iter().map(|error| (error.field.as_str(), error.message.as_str())).collect()
}

async fn names_with_markup_or_other_scripts_are_shown_as_they_were_typed(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    for (number, name) in
        ["\"onmouseover=\"alert(1)", "O’Connor & Söhne", "محمد", "{{7*7}}${7*7}", "'; DROP TABLE users; --"].into_iter().enumerate()
    {
        let email = format!("ada{number}@example.org");
        let browser = app.browser();
        let organization = browser.create_organization(&email, name, name).await.organization();
        let [mail] = app.mails_to(&email).await.try_into().unwrap();
        assert!(!tags(&mail.html).contains("onmouseover"), "{}", mail.html);
        let code = crate::support::person::code_in(&mail.text);
        assert_eq!(browser.activate(&email, &organization.to_string(), &code).await.verdict(), DONE);
        let registration: app::rpc::get_started::Registration = browser.registration().await.done();
        assert_eq!((registration.name.as_str(), registration.organization_name.as_str()), (name, name));
        let page = browser.get("/get-started/passkey").await;
        assert!(!tags(page.text()).contains("onmouseover"), "{}", page.text());
        let shown = name.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        assert!(page.text().contains(&format!("<strong>{shown}</strong>")), "{}", page.text());
    }
}

async fn one_person_may_found_several_organizations(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let first = app.admin("ada@example.org").await;
    let second = app.admin("ada@example.org").await;
    assert_ne!(first.organization, second.organization);
    assert_eq!(first.viewer().await.organization, first.organization);
    assert_eq!(second.viewer().await.organization, second.organization);
    assert_ne!(first.viewer().await.user, second.viewer().await.user);
}

async fn only_the_first_organization_is_taken_when_the_operator_says_so(database: &TestDatabase) {
    let app = TestApp::init(database).with_organizations(Organizations::First).with_contact("it@example.org").await;
    let about: About = app.browser().about().await.done();
    assert_eq!(about, About { origin: "http://localhost:3000".to_owned(), founding: Founding::Open, mail: MailDelivery::LocalMailbox });
    // As long as none is active, everyone may begin one: else a stranger could block the place.
    let ada = app.with_passkey("ada@example.org").await;
    assert_eq!(app.browser().create_organization("bob@example.org", "Bob", "Bob & Co").await.verdict(), DONE);
    assert_eq!(ada.finish().await.verdict(), DONE);

    let refusal = app.browser().create_organization("eve@example.org", "Eve", "Evil").await;
    assert_eq!(refusal.verdict(), refused(Code::Closed));
    assert_eq!(refusal.refusal().message, "New organizations can't be created here. Ask it@example.org.");
    assert_eq!(app.mails_to("eve@example.org").await, []);
    let about: About = app.browser().about().await.done();
    assert_eq!(about.founding, Founding::Closed { contact: Some("it@example.org".to_owned()) });
    assert_eq!(ada.viewer().await.organization, ada.organization);
}

async fn organizations_that_were_begun_before_the_first_one_stay_inactive(database: &TestDatabase) {
    let app = TestApp::init(database).with_organizations(Organizations::First).await;
    let late = app.with_passkey("bob@example.org").await;
    app.admin("ada@example.org").await;
    let refusal = late.finish().await;
    assert_eq!(refusal.verdict(), refused(Code::Closed));
    assert!(!app.is_active(late.organization).await);
    assert_eq!(app.count("credentials").await, 2, "Ada's only");
    assert_eq!(late.browser.viewer().await.verdict(), refused(Code::SignedOut));
}

async fn of_two_that_finish_at_once_only_one_becomes_the_first(database: &TestDatabase) {
    let app = TestApp::init(database).with_organizations(Organizations::First).await;
    let mut ready = Vec::new();
    for number in 0..6 {
        ready.push(app.with_passkey(&format!("person{number}@example.org")).await);
    }
    let mut finishing = tokio::task::JoinSet::new();
    for person in ready {
        finishing.spawn(async move { person.finish().await.verdict() });
    }
    let verdicts = finishing.join_all().await;
    assert_eq!(app.active_organizations().await, 1, "{verdicts:?}");
    assert_eq!(verdicts.iter().filter(|verdict| **verdict == DONE).count(), 1, "{verdicts:?}");
}

async fn a_closed_server_says_whom_to_ask(database: &TestDatabase) {
    let app = TestApp::init(database).with_organizations(Organizations::Closed).with_contact("Grace, room 12").await;
    let refusal = app.browser().create_organization("ada@example.org", "Ada", "Acme").await;
    assert_eq!(refusal.verdict(), refused(Code::Closed));
    assert_eq!(refusal.refusal().message, "New organizations can't be created here. Ask Grace, room 12.");
    assert_eq!(app.count("organizations").await, 0);
    let page = app.browser().get("/get-started").await;
    assert!(page.text().contains("Grace, room 12"), "{}", page.text());
    assert!(!page.text().contains("name=\"email\""), "{}", page.text());
}

async fn organizations_that_nobody_activates_are_removed_after_seven_days(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let active = app.admin("ada@example.org").await;
    let forgotten = app.with_passkey("bob@example.org").await;
    app.advance(Duration::from_hours(7 * 24) - Duration::from_mins(1));
    server::service::sweep(&app.services).await.unwrap();
    assert_eq!(app.count("organizations").await, 2);
    let young = app.founder("young@example.org").await;
    app.advance(Duration::from_mins(2));
    server::service::sweep(&app.services).await.unwrap();

    assert_eq!(app.count("organizations").await, 2);
    assert!(app.is_active(active.organization).await);
    for table in ["users", "registration_codes", "registrations", "credentials", "outbox"] {
        let left = app.number(&format!("SELECT COUNT(*) FROM {table} WHERE organization_id = '{}'", forgotten.organization)).await;
        assert_eq!(left, 0, "{table}");
    }
    assert_eq!(young.activate().await.verdict(), DONE);
    // What ran out goes, too: Ada's and Bob's sessions, and the texts of old mails.
    assert_eq!(app.count("sessions").await, 1);
    assert_eq!(app.number("SELECT COUNT(*) FROM outbox WHERE sealed IS NOT NULL").await, 1);
}

async fn a_form_works_without_javascript(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let browser = app.browser();
    let fields = [("email", "ada@example.org"), ("name", "Ada"), ("organization", "Acme")];
    let sent = browser.submit("create_organization", &fields, "/get-started").await;
    assert_eq!(sent.status, 302);
    assert!(sent.location().starts_with("/get-started/mail?email=ada%40example.org&organization=or-"), "{}", sent.location());
    let [mail] = app.mails_to("ada@example.org").await.try_into().unwrap();
    let organization = sent.organization().to_string();

    // A wrong code: back to the page, which says so without being told what to say.
    let page = format!("/get-started/activate?email=ada%40example.org&organization={organization}");
    let typed = [("email", "ada@example.org"), ("organization", organization.as_str()), ("code", "1111 2222 3333 4444")];
    let refused = browser.submit("activate", &typed, &page).await;
    assert_eq!(refused.status, 302);
    assert!(refused.location().starts_with(&format!("http://localhost:3000{page}")), "{}", refused.location());
    assert!(!refused.location().contains("1111"), "what was typed isn't in the address: {}", refused.location());
    let address = refused.location().trim_start_matches("http://localhost:3000").to_owned();
    let shown = browser.get(&address).await;
    assert!(shown.text().contains("This is not the code that was sent."), "{}", shown.text());

    // The right one: on to the passkey, in a session.
    let code = crate::support::person::code_in(&mail.text);
    let typed = [("email", "ada@example.org"), ("organization", organization.as_str()), ("code", code.as_str())];
    let activated = browser.submit("activate", &typed, &page).await;
    assert_eq!((activated.status.as_u16(), activated.location()), (302, "/get-started/passkey"));
    assert_eq!(browser.get("/get-started/passkey").await.status, 200);
}

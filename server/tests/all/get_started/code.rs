//! `/rpc/activate`, `/rpc/code_state`, `/rpc/send_new_code`: the registration code.

use crate::{
    operations::wait_for,
    support::{
        answer::{DONE, refused},
        app::TestApp,
        database::TestDatabase,
        logs::Logs,
        person::{Person, code_in},
    },
};
use app::{refusal::Code, rpc::get_started::CodeState};
use std::{sync::Arc, time::Duration};
use tokio::task::JoinSet;

on_both_databases!(
    a_code_is_read_however_it_is_spaced,
    what_is_no_code_is_said_so_and_costs_no_try,
    wrong_codes_are_refused_and_the_fifth_ends_the_code_but_not_the_user,
    a_right_code_gives_its_try_back,
    tries_at_the_same_time_are_counted,
    a_code_works_for_four_hours,
    a_registration_outlives_its_code,
    a_new_code_ends_the_one_before,
    new_codes_asked_for_at_once_leave_exactly_one_that_works,
    a_code_is_used_up_by_finishing,
    a_new_code_for_someone_who_is_registered_or_unknown_is_not_sent,
    a_registration_that_is_under_way_survives_a_new_code,
    only_who_has_the_link_learns_whether_a_code_waits,
    the_code_is_written_nowhere,
);

async fn a_code_is_read_however_it_is_spaced(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.founder("ada@example.org").await;
    let groups: Vec<&str> = [0, 4, 8, 12].map(|start| &person.code[start..start + 4]).to_vec();
    for typed in [person.code.clone(), groups.join(" "), groups.join("-"), format!("  {}\n", groups.join(" – "))] {
        assert_eq!(person.type_code(&typed).await.verdict(), DONE, "{typed:?}");
    }
    // And without the link, by the address alone.
    assert_eq!(app.browser().activate("ADA@EXAMPLE.ORG", "", &person.code).await.verdict(), DONE);
}

async fn what_is_no_code_is_said_so_and_costs_no_try(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.founder("ada@example.org").await;
    let before = app.dump().await;
    let long = "1".repeat(10_000);
    for (typed, complaint) in [
        ("", "A code has 16 digits; these are 0. Compare them with the mail."),
        ("123", "A code has 16 digits; these are 3. Compare them with the mail."),
        ("1234 5678 9012 3456 7", "A code has 16 digits; these are 17. Compare them with the mail."),
        ("1234 5678 9012 345x", "A code has only digits. Compare it with the mail."),
        ("' OR '1'='1", "A code has only digits. Compare it with the mail."),
        ("١٢٣٤٥٦٧٨٩٠١٢٣٤٥٦", "A code has only digits. Compare it with the mail."),
        (long.as_str(), "A code has 16 digits; these are 200. Compare them with the mail."),
    ] {
        let answer = person.type_code(typed).await;
        assert_eq!(answer.verdict(), refused(Code::InvalidInput), "{typed:?}");
        assert_eq!(answer.refusal().field("code"), Some(complaint), "{typed:?}");
    }
    assert_eq!(app.dump().await, before);
    assert_eq!(person.activate().await.verdict(), DONE);
}

async fn wrong_codes_are_refused_and_the_fifth_ends_the_code_but_not_the_user(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.founder("ada@example.org").await;
    for number in 1..=5 {
        assert!(matches!(person.code_state().await, CodeState::Live { .. }), "before try {number}");
        let answer = person.type_code(&person.wrong_code()).await;
        assert_eq!(answer.verdict(), refused(Code::WrongCode), "try {number}");
        assert!(answer.refusal().field("code").is_some());
    }
    assert_eq!(person.code_state().await, CodeState::NotLive);
    let ended = person.activate().await;
    assert_eq!(ended.verdict(), refused(Code::EndedCode));
    assert_eq!(ended.refusal().message, "This code was stopped after five wrong tries. Send a new code; your account is untouched.");
    assert_eq!(person.type_code(&person.wrong_code()).await.verdict(), refused(Code::WrongCode));
    assert_eq!(app.count("sessions").await, 0);

    // The way on.
    let mut person = with_new_code(&app, person).await;
    assert_eq!(person.activate().await.verdict(), DONE);
    assert_eq!(person.make_passkey().await, DONE);
    assert_eq!(person.finish().await.verdict(), DONE);
}

async fn a_right_code_gives_its_try_back(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.founder("ada@example.org").await;
    for _ in 0..4 {
        assert_eq!(person.type_code(&person.wrong_code()).await.verdict(), refused(Code::WrongCode));
    }
    for number in 0..7 {
        assert_eq!(person.type_code_in(&app.browser(), &person.code).await.verdict(), DONE, "time {number}");
    }
    assert_eq!(app.number("SELECT tries FROM registration_codes").await, 4);
}

async fn tries_at_the_same_time_are_counted(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.founder("ada@example.org").await;
    let mut typing = JoinSet::new();
    for number in 0..12 {
        let (browser, email, organization) = (app.browser(), person.email.clone(), person.organization.to_string());
        let wrong = format!("{:016}", number + 1);
        typing.spawn(async move { browser.activate(&email, &organization, &wrong).await.verdict() });
    }
    assert_eq!(typing.join_all().await, [refused(Code::WrongCode); 12]);
    assert_eq!(app.number("SELECT tries FROM registration_codes").await, 5);
    assert_eq!(person.activate().await.verdict(), refused(Code::EndedCode));
}

async fn a_code_works_for_four_hours(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.founder("ada@example.org").await;
    let CodeState::Live { expires_at } = person.code_state().await else { panic!("the code waits") };
    let [mail] = app.mails_to("ada@example.org").await.try_into().unwrap();
    assert!(mail.text.contains(&expires_at.to_minute()), "{}", mail.text);

    app.advance(Duration::from_hours(4) - Duration::from_secs(1));
    assert_eq!(person.activate().await.verdict(), DONE);
    app.advance(Duration::from_secs(2));
    let late = person.activate().await;
    assert_eq!(late.verdict(), refused(Code::ExpiredCode));
    assert_eq!(late.refusal().message, "This code was right, but its four hours are over. Send a new code.");
    assert_eq!(person.type_code(&person.wrong_code()).await.verdict(), refused(Code::WrongCode), "only the right one is told");
    assert_eq!(person.code_state().await, CodeState::NotLive);
    let person = with_new_code(&app, person).await;
    assert_eq!(person.activate().await.verdict(), DONE);
}

/// Whoever typed it in time has the hour that they were told.
async fn a_registration_outlives_its_code(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut person = app.founder("ada@example.org").await;
    app.advance(Duration::from_hours(4) - Duration::from_secs(1));
    assert_eq!(person.activate().await.verdict(), DONE);
    app.advance(Duration::from_mins(30));
    server::service::sweep(&app.services).await.unwrap();
    assert_eq!(person.make_passkey().await, DONE);
    assert_eq!(person.finish().await.verdict(), DONE);
}

async fn a_new_code_ends_the_one_before(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let old = app.founder("ada@example.org").await;
    let first = old.code.clone();
    let person = with_new_code(&app, old).await;
    assert_ne!(person.code, first);
    let ended = person.type_code(&first).await;
    assert_eq!(ended.verdict(), refused(Code::EndedCode));
    assert_eq!(ended.refusal().message, "A newer code was sent, so this one no longer works. Use the newest mail, or send a new code.");
    assert_eq!(person.activate().await.verdict(), DONE);
    assert_eq!(app.count("registration_codes").await, 2);
    assert_eq!(app.number("SELECT COUNT(*) FROM registration_codes WHERE ended_at IS NULL").await, 1);
    let answer = person.browser.send_new_code(&person.email, &person.organization.to_string()).await;
    assert_eq!(answer.location(), format!("/get-started/mail?email=ada%40example.org&organization={}&sent=again", person.organization));
}

async fn new_codes_asked_for_at_once_leave_exactly_one_that_works(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.founder("ada@example.org").await;
    let holders = Arc::strong_count(&app.services);
    let mut asking = JoinSet::new();
    for _ in 0..3 {
        let (browser, email, organization) = (app.browser(), person.email.clone(), person.organization.to_string());
        asking.spawn(async move { browser.send_new_code(&email, &organization).await.verdict() });
    }
    assert_eq!(asking.join_all().await, [DONE; 3]);
    app.mails_to_arrive("ada@example.org", 2).await;
    // What goes on behind the answers holds the server.
    wait_for(|| Arc::strong_count(&app.services) == holders).await;
    assert_eq!(app.number("SELECT COUNT(*) FROM registration_codes WHERE ended_at IS NULL").await, 1);
    let mut working = 0;
    for mail in app.mails_to("ada@example.org").await {
        working += usize::from(person.type_code_in(&app.browser(), &code_in(&mail.text)).await.verdict() == DONE);
    }
    assert_eq!(working, 1, "exactly one of the mails has a code that works");
}

async fn a_code_is_used_up_by_finishing(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.admin("ada@example.org").await;
    let used = person.type_code_in(&app.browser(), &person.code).await;
    assert_eq!(used.verdict(), refused(Code::EndedCode));
    assert_eq!(used.refusal().message, "This code was used: you are registered already. Sign in with your passkey.");
    assert_eq!(person.type_code_in(&app.browser(), &person.wrong_code()).await.verdict(), refused(Code::WrongCode));
    assert_eq!(person.code_state().await, CodeState::NotLive);
    assert_eq!(person.viewer().await.passkeys, 1);
}

async fn a_new_code_for_someone_who_is_registered_or_unknown_is_not_sent(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.admin("ada@example.org").await;
    let before = app.count("outbox").await;
    for (email, organization) in
        [("ada@example.org", person.organization.to_string()), ("ada@example.org", String::new()), ("eve@example.org", String::new())]
    {
        assert_eq!(app.browser().send_new_code(email, &organization).await.verdict(), DONE);
    }
    app.settle().await;
    assert_eq!(app.count("outbox").await, before);
    assert_eq!(app.count("registration_codes").await, 1);
}

/// Anyone who knows the address can ask for a new code. That must not take away what its owner is in the middle of.
async fn a_registration_that_is_under_way_survives_a_new_code(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut person = app.registering("ada@example.org").await;
    assert_eq!(app.browser().send_new_code("ada@example.org", "").await.verdict(), DONE);
    app.mails_to_arrive("ada@example.org", 2).await;
    assert_eq!(person.make_passkey().await, DONE);
    let finished = person.finish().await;
    assert_eq!(finished.verdict(), DONE, "{}", finished.text());
    // And the code that the stranger caused is good for nothing.
    let newest = &app.mails_to("ada@example.org").await[0];
    assert_eq!(person.type_code_in(&app.browser(), &code_in(&newest.text)).await.verdict(), refused(Code::EndedCode));
}

async fn only_who_has_the_link_learns_whether_a_code_waits(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.founder("ada@example.org").await;
    let stranger = app.browser();
    assert_eq!(stranger.code_state("ada@example.org", "").await.done::<CodeState>(), CodeState::NotLive);
    assert_eq!(stranger.code_state("ada@example.org", "no id").await.done::<CodeState>(), CodeState::NotLive);
    assert_eq!(stranger.code_state("no address", &person.organization.to_string()).await.done::<CodeState>(), CodeState::NotLive);
    assert!(matches!(person.code_state().await, CodeState::Live { .. }));
}

async fn the_code_is_written_nowhere(database: &TestDatabase) {
    let logs = Logs::listen();
    let app = TestApp::init(database).await;
    let mut person = app.founder("ada@example.org").await;
    let mut codes = vec![person.code.clone(), person.wrong_code()];
    assert_eq!(person.type_code(&person.wrong_code()).await.verdict(), refused(Code::WrongCode));
    person = with_new_code(&app, person).await;
    codes.push(person.code.clone());
    assert_eq!(person.activate().await.verdict(), DONE);
    assert_eq!(person.make_passkey().await, DONE);
    let registering_session = person.browser.session().unwrap();
    assert_eq!(person.finish().await.verdict(), DONE);

    let tables = format!("{:?}", app.dump().await);
    let logged = logs.text();
    assert!(logged.contains("/rpc/activate"), "the log was listened to: {logged}");
    for code in &codes {
        let grouped = [0, 4, 8, 12].map(|start| &code[start..start + 4]).join(" ");
        for secret in [code.as_str(), &grouped, &data_encoding::BASE64.encode(code.as_bytes())] {
            assert!(!tables.contains(secret), "{secret} is in a table");
            assert!(!logged.contains(secret), "{secret} is in the log");
        }
    }
    for session in [registering_session, person.browser.session().unwrap()] {
        assert!(!tables.contains(&session), "a session's id is in a table");
        assert!(!logged.contains(&session), "a session's id is in the log");
    }
    assert!(!logged.contains("ada@example.org"), "an address is in the log");
}

async fn with_new_code(app: &TestApp, person: Person) -> Person {
    let before = app.mails_to(&person.email).await.len();
    assert_eq!(person.browser.send_new_code(&person.email, &person.organization.to_string()).await.verdict(), DONE);
    let mails = app.mails_to_arrive(&person.email, before + 1).await;
    Person { code: code_in(&mails[0].text), ..person }
}

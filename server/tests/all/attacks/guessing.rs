//! Guessing codes and kits: the tries are few, however they come, and the account stays what it was.

use crate::support::{
    answer::{Answer, DONE, Verdict, refused},
    app::TestApp,
    at_once::together,
    browser::Browser,
    database::TestDatabase,
    device::{Device, RecoveryKit},
    person::Person,
    recovery::Ready,
    signing::create_user,
};
use app::{
    action::{change::Change, recovery_key::recovery_test_message},
    domain::id::OrganizationId,
    refusal::Code,
    rpc::recovery::Recovery,
};
use axum::http::Method;
use serde_json::json;
use std::time::Duration;

on_both_databases!(
    many_tries_from_everywhere_at_the_same_moment_are_no_more_than_five,
    every_road_on_which_a_code_is_typed_counts_for_the_address,
    every_road_on_which_a_code_is_typed_counts_for_the_network,
    many_tries_at_the_same_moment_are_no_more_than_an_address_has,
    guessing_neither_locks_an_account_nor_ends_anything_of_it,
    a_kit_is_guessed_a_few_times_from_wherever,
    many_kits_at_the_same_moment_are_no_more_than_an_account_has,
);

const WRONG: &str = "0000 0000 0000 0000";
const WRONG_OF_A_DEVICE: &str = "000-000-000";

/// A browser in another network each time.
fn from_network(app: &TestApp, number: usize) -> Browser {
    app.browser().at(&format!("198.51.100.{number}"))
}

/// The same browser in another network.
fn moved(browser: &Browser, number: usize) -> Browser {
    browser.twin().at(&format!("198.51.100.{number}"))
}

/// What a code is typed for.
#[derive(Debug, Clone, Copy)]
enum Road {
    SigningUp,
    Recovering,
    AnotherDevice,
    SigningUpByTheApi,
    RecoveringByTheApi,
}

impl Road {
    const ALL: [Self; 5] = [Self::SigningUp, Self::Recovering, Self::AnotherDevice, Self::SigningUpByTheApi, Self::RecoveringByTheApi];

    async fn guess(self, browser: &Browser, email: &str, organization: OrganizationId) -> Answer {
        self.try_code(browser, email, organization, if matches!(self, Self::AnotherDevice) { WRONG_OF_A_DEVICE } else { WRONG }).await
    }

    async fn try_code(self, browser: &Browser, email: &str, organization: OrganizationId, code: &str) -> Answer {
        match self {
            Self::SigningUp => browser.activate(email, &organization.to_string(), code).await,
            Self::Recovering => browser.type_recovery_code(email, code).await,
            Self::AnotherDevice => browser.type_device_code(email, code).await,
            Self::SigningUpByTheApi => {
                let body = json!({ "orgId": organization, "username": email, "registrationCode": code });
                browser.api_json(Method::POST, "/auth/registration/init", &body).await
            }
            Self::RecoveringByTheApi => {
                let body = json!({ "orgId": organization, "username": email, "verificationCode": code, "credentialId": "none" });
                browser.api_json(Method::POST, "/auth/recover/user/init", &body).await
            }
        }
    }

    /// What whoever guessed wrongly hears.
    fn wrong(self) -> u16 {
        match self {
            Self::SigningUp | Self::Recovering | Self::AnotherDevice => Code::WrongCode.status(),
            Self::SigningUpByTheApi | Self::RecoveringByTheApi => 400,
        }
    }

    /// What the right code is told when it was stopped.
    fn ended(self) -> u16 {
        match self {
            // It doesn't say that it was the right one.
            Self::AnotherDevice => Code::WrongCode.status(),
            Self::SigningUp | Self::Recovering => Code::EndedCode.status(),
            Self::SigningUpByTheApi | Self::RecoveringByTheApi => 400,
        }
    }
}

/// Someone whose code of this kind waits, and that code: whoever signs up is new, everybody else is an admin.
async fn waiting(app: &TestApp, road: Road, number: usize) -> (Person, String) {
    let email = format!("user{number}@example.org");
    match road {
        Road::SigningUp | Road::SigningUpByTheApi => {
            let person = app.founder(&email).await;
            let code = person.code.clone();
            (person, code)
        }
        Road::Recovering | Road::RecoveringByTheApi => {
            let person = app.admin(&email).await;
            app.browser().start_recovery(&email).await;
            let code = app.recovery_code(&email, 1).await;
            (person, code)
        }
        Road::AnotherDevice => {
            let person = app.admin(&email).await;
            let code = person.offer_passkey().await.code;
            (person, code)
        }
    }
}

async fn many_tries_from_everywhere_at_the_same_moment_are_no_more_than_five(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    for (number, road) in Road::ALL.into_iter().enumerate() {
        let (person, code) = waiting(&app, road, number).await;
        let guessing = (0..8).map(|guess| {
            let (browser, email, organization) = (from_network(&app, guess), person.email.clone(), person.organization);
            async move { road.guess(&browser, &email, organization).await.status.as_u16() }
        });
        assert_eq!(together(guessing).await, [road.wrong(); 8], "{road:?}");
        let tries =
            format!("SELECT MAX(tries) FROM registration_codes c JOIN users u ON u.id = c.user_id WHERE u.email = '{}'", person.email);
        assert_eq!(app.number(&tries).await, 5, "{road:?}");
        let right = road.try_code(&app.browser(), &person.email, person.organization, &code).await;
        assert_eq!(right.status.as_u16(), road.ended(), "{road:?}: {}", right.text());
    }
}

/// An hour's six tries for an address, in whatever way.
async fn every_road_on_which_a_code_is_typed_counts_for_the_address(database: &TestDatabase) {
    let app = TestApp::init(database).with_mails_per_hour(1).await;
    let known = app.admin("known@example.org").await;
    // Five roads, then one of them again; whoever signed up has typed one code.
    for (email, before) in [("known@example.org", 1), ("never@example.org", 0)] {
        for (number, road) in Road::ALL.into_iter().cycle().take(6 - before).enumerate() {
            let wrong = road.guess(&from_network(&app, number), email, known.organization).await;
            assert_eq!(wrong.status.as_u16(), road.wrong(), "{road:?} {email}: {}", wrong.text());
        }
        for (number, road) in Road::ALL.into_iter().enumerate() {
            // However it is written.
            let answer = road.guess(&from_network(&app, 10 + number), &email.to_uppercase(), known.organization).await;
            assert_eq!(answer.status, 429, "{road:?} {email}: {}", answer.text());
            let seconds: u64 = answer.header("retry-after").parse().unwrap();
            assert!((1..=600).contains(&seconds), "{seconds}");
        }
    }
    // Nobody else waits for that, and the time that was told is enough.
    let other = Road::SigningUp.guess(&app.browser(), "other@example.org", known.organization).await;
    assert_eq!(other.verdict(), refused(Code::WrongCode));
    let told: u64 =
        Road::Recovering.guess(&app.browser(), "known@example.org", known.organization).await.header("retry-after").parse().unwrap();
    app.advance(Duration::from_secs(told));
    let guesses = [Road::Recovering, Road::AnotherDevice];
    let mut verdicts = Vec::new();
    for road in guesses {
        verdicts.push(road.guess(&app.browser(), "known@example.org", known.organization).await.verdict());
    }
    assert_eq!(verdicts, [refused(Code::WrongCode), refused(Code::TooMany)], "one more, and no more");
}

/// An hour's sixty tries from a network, for whatever addresses: each costs a slow hash, whether there is such an account or not.
async fn every_road_on_which_a_code_is_typed_counts_for_the_network(database: &TestDatabase) {
    let app = TestApp::init(database).with_mails_per_hour(1).await;
    let organization = OrganizationId::from_bytes([7; 16]);
    let from = |number: usize| app.browser().at(&format!("2001:db8:1:2::{number:x}"));
    for (number, road) in Road::ALL.into_iter().cycle().take(60).enumerate() {
        let wrong = road.guess(&from(number), &format!("user{number}@example.org"), organization).await;
        assert_eq!(wrong.status.as_u16(), road.wrong(), "{road:?}: {}", wrong.text());
    }
    for road in Road::ALL {
        let answer = road.guess(&from(100), "nobody@example.org", organization).await;
        assert_eq!(answer.status, 429, "{road:?}: {}", answer.text());
        assert!(answer.text().contains("Too many codes were tried from your network."), "{}", answer.text());
    }
    // Nobody elsewhere waits for that, for whatever address.
    for email in ["nobody@example.org", "user1@example.org"] {
        let other = Road::SigningUp.guess(&app.browser().at("2001:db8:1:3::1"), email, organization).await;
        assert_eq!(other.verdict(), refused(Code::WrongCode), "{email}");
    }
}

async fn many_tries_at_the_same_moment_are_no_more_than_an_address_has(database: &TestDatabase) {
    let app = TestApp::init(database).with_mails_per_hour(1).await;
    let second = TestApp::init(database).with_mails_per_hour(1).with_clock_of(&app).await;
    let organization = OrganizationId::from_bytes([7; 16]);
    let guessing = (0..20).map(|number| {
        // On SQLite a second server would only wait for the first one's lock.
        let server = if database.is_postgres() && number % 2 == 0 { &second } else { &app };
        let (browser, road) = (from_network(server, number), Road::ALL[number % 3]);
        async move { road.guess(&browser, "ada@example.org", organization).await.verdict() }
    });
    let verdicts = together(guessing).await;
    let of = |code| verdicts.iter().filter(|verdict| **verdict == refused(code)).count();
    assert_eq!((of(Code::WrongCode), of(Code::TooMany)), (6, 14), "{verdicts:?}");
}

async fn guessing_neither_locks_an_account_nor_ends_anything_of_it(database: &TestDatabase) {
    let app = TestApp::init(database).with_mails_per_hour(2).await;
    let mut ada = app.admin("ada@example.org").await;
    let (mut bob, _) = app.colleague(&mut ada, "bob@example.org", &[]).await;
    let carl = ada.invite("carl@example.org").await;
    app.browser().start_recovery(&bob.email).await;
    app.recovery_code(&bob.email, 1).await;
    let offer = bob.offer_passkey().await;
    let (users, credentials, sessions) = (app.count("users").await, app.count("credentials").await, app.count("sessions").await);
    for email in ["bob@example.org", "carl@example.org"] {
        for number in 0..13 {
            Road::ALL[number % 5].guess(&from_network(&app, number), email, ada.organization).await;
        }
        let more = Road::SigningUp.guess(&app.browser(), email, ada.organization).await;
        assert_eq!(more.verdict(), refused(Code::TooMany), "{email}");
    }
    let now = (app.count("users").await, app.count("credentials").await, app.count("sessions").await);
    assert_eq!(now, (users, credentials, sessions));

    // Whoever was guessed about is in, gets in, and changes what they may.
    assert_eq!(bob.browser.viewer().await.verdict(), DONE);
    assert_eq!(bob.sign_in_with(&app.browser()).await.verdict(), DONE);
    bob.add_passkey("Spare", &mut Device::password_manager(&app.origin())).await;
    assert_eq!(app.browser().type_device_code(&bob.email, &offer.code).await.verdict(), refused(Code::TooMany), "only codes have to wait");
    // After an hour, with a new code, so does whoever was invited, or has lost everything.
    app.advance(Duration::from_hours(1));
    assert_eq!(app.recover(&mut bob).await.verdict(), DONE);
    ada.sign(&Change::ResendInvitation { user: carl }).await;
    app.accept("carl@example.org", ada.organization).await;
    ada.sign(&create_user("dora@example.org")).await;
    app.verify(ada.organization).await;
}

/// Another kit than theirs, tried in a browser where the code from their mail was typed.
async fn guess_kit(browser: &Browser) -> Answer {
    browser.prove_kit(&RecoveryKit::new()).await
}

/// The same by the last step, which needs no proof before.
async fn guess_at_the_end(ready: &Ready, browser: &Browser) -> Verdict {
    let wrong = RecoveryKit::new().sign(&ready.prepared.document.0);
    browser.commit_recovery(&ready.prepared, &wrong).await.verdict()
}

/// An hour's six, by both steps together.
async fn a_kit_is_guessed_a_few_times_from_wherever(database: &TestDatabase) {
    let app = TestApp::init(database).with_mails_per_hour(1).await;
    let mut ada = app.admin("ada@example.org").await;
    // Whoever has read their mail.
    app.advance(Duration::from_hours(1));
    let ready = app.ready_to_recover(&ada).await;
    for number in 0..3 {
        assert_eq!(guess_kit(&moved(&ready.browser, number)).await.verdict(), refused(Code::WrongKit));
        assert_eq!(guess_at_the_end(&ready, &moved(&ready.browser, 10 + number)).await, refused(Code::WrongKit));
    }
    let answer = guess_kit(&moved(&ready.browser, 20)).await;
    assert_eq!(answer.verdict(), refused(Code::TooMany));
    let seconds: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=600).contains(&seconds), "{seconds}");
    assert_eq!(guess_at_the_end(&ready, &moved(&ready.browser, 21)).await, refused(Code::TooMany));
    // Then not even the right one tells anything.
    assert_eq!(ready.browser.prove_kit(&ada.kit).await.verdict(), refused(Code::TooMany));
    // The account is what it was, and nobody else's kit waits.
    assert_eq!(ada.browser.viewer().await.verdict(), DONE);
    assert_eq!(ada.sign_in_with(&app.browser()).await.verdict(), DONE);
    let mut eve = app.admin("eve@example.com").await;
    app.advance(Duration::from_hours(1));
    assert_eq!(app.recover(&mut eve).await.verdict(), DONE);
    assert_eq!(app.recover(&mut ada).await.verdict(), DONE);
    app.verify(ada.organization).await;
}

async fn many_kits_at_the_same_moment_are_no_more_than_an_account_has(database: &TestDatabase) {
    let app = TestApp::init(database).with_mails_per_hour(1).await;
    let ada = app.admin("ada@example.org").await;
    app.advance(Duration::from_hours(1));
    let browser = app.recovering(&ada).await;
    let recovery: Recovery = browser.recovery().await.done();
    let guessing = (0..20).map(|number| {
        let browser = moved(&browser, number);
        let signature = RecoveryKit::new().sign(&recovery_test_message(&recovery.challenge.0));
        async move { browser.call_json("prove_recovery_kit", &json!({ "signature": signature })).await.verdict() }
    });
    let verdicts = together(guessing).await;
    let of = |code| verdicts.iter().filter(|verdict| **verdict == refused(code)).count();
    assert_eq!((of(Code::WrongKit), of(Code::TooMany)), (6, 14), "{verdicts:?}");
}

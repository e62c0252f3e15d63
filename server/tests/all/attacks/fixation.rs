//! Session fixation: an attacker knows the cookie in somebody's browser beforehand, and waits for what that browser becomes.

use crate::{
    authorization::FUNCTIONS,
    support::{
        answer::{DONE, refused},
        app::TestApp,
        browser::Browser,
        database::TestDatabase,
        device::{base64url, random},
        own_account::{passkey_name, presented},
        person::{Person, code_in},
        recovery::Ready,
    },
};
use app::{
    action::{account_change::AccountChange, change::Change},
    refusal::Code,
    rpc::sign_in::Viewer,
};
use serde_json::{Value, json};

on_both_databases!(
    whatever_a_browser_becomes_it_is_under_a_new_id,
    what_begins_in_a_planted_session_ends_what_was_in_it,
    an_id_that_nobody_gave_out_is_never_taken_on,
);

/// What a browser becomes, and under a new id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// A registration's.
    TypesACode,
    /// Somebody's who has just registered.
    Registers,
    /// Somebody's.
    SignsIn,
    /// A recovery's.
    TypesARecoveryCode,
    /// Somebody's who has just recovered.
    Recovers,
    /// Another device's.
    TypesADeviceCode,
}

/// Somebody before that step, with what they need for it.
enum Victim {
    Founder(Person),
    Registering(Person),
    SignedOut(Person),
    Forgetful(Person, String),
    Recovering(Ready),
    OnAnotherDevice(Person, String),
}

impl Step {
    const ALL: [Self; 6] =
        [Self::TypesACode, Self::Registers, Self::SignsIn, Self::TypesARecoveryCode, Self::Recovers, Self::TypesADeviceCode];

    async fn before(self, app: &TestApp, number: usize) -> Victim {
        let email = format!("victim{number}@example.org");
        match self {
            Self::TypesACode => Victim::Founder(app.founder(&email).await),
            Self::Registers => Victim::Registering(app.with_passkey(&email).await),
            Self::SignsIn => Victim::SignedOut(app.admin(&email).await),
            Self::TypesARecoveryCode => {
                let person = app.admin(&email).await;
                app.browser().start_recovery(&email).await;
                let code = app.recovery_code(&email, 1).await;
                Victim::Forgetful(person, code)
            }
            Self::Recovers => {
                let person = app.admin(&email).await;
                Victim::Recovering(app.ready_to_recover(&person).await)
            }
            Self::TypesADeviceCode => {
                let person = app.admin(&email).await;
                let code = person.offer_passkey().await.code;
                Victim::OnAnotherDevice(person, code)
            }
        }
    }
}

impl Victim {
    /// Takes the step in this browser, where it doesn't begin in their own.
    async fn step_in(self, browser: &Browser) {
        let answer = match self {
            Self::Founder(person) => person.type_code_in(browser, &person.code).await,
            Self::SignedOut(mut person) => person.sign_in_with(browser).await,
            Self::Forgetful(person, code) => browser.type_recovery_code(&person.email, &code).await,
            Self::OnAnotherDevice(person, code) => browser.type_device_code(&person.email, &code).await,
            Self::Registering(person) => person.finish().await,
            Self::Recovering(ready) => ready.hand_in().await,
        };
        assert_eq!(answer.verdict(), DONE, "{}", answer.text());
    }

    /// The browser in which it began already.
    fn own_browser(&self) -> Option<Browser> {
        match self {
            Self::Registering(person) => Some(person.browser.clone()),
            Self::Recovering(ready) => Some(ready.browser.clone()),
            _ => None,
        }
    }
}

/// Asserts that this cookie is nobody's session, and in nothing that goes on in a browser.
async fn is_worthless(app: &TestApp, cookie: &str, what: &str) {
    let browser = app.browser();
    browser.set_session(cookie);
    for (function, code) in [
        ("viewer", Code::SignedOut),
        ("registration", Code::NoRegistration),
        ("recovery", Code::NoRecovery),
        ("addition", Code::NoAddition),
    ] {
        browser.set_session(cookie);
        assert_eq!(browser.call(function, &[]).await.verdict(), refused(code), "{what}: {function}");
    }
}

/// Also where the attacker's own session, of whatever kind, was there before.
async fn whatever_a_browser_becomes_it_is_under_a_new_id(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let attackers: [Browser; 4] = [
        app.browser(),
        app.registering("registering@evil.example").await.browser,
        app.admin("signed-in@evil.example").await.browser,
        app.recovering(&app.admin("recovering@evil.example").await).await,
    ];
    attackers[0].set_session(&base64url(&random::<16>()));
    for (number, step) in Step::ALL.into_iter().enumerate() {
        let victim = step.before(&app, number).await;
        // What began in their own browser has a cookie that nobody else knew; it may have been stolen since.
        let (browser, planted) = if let Some(own) = victim.own_browser() {
            let stolen = own.session().unwrap();
            (own, stolen)
        } else {
            let browser = app.browser();
            // Each attacker's session is gone once somebody stepped up in it.
            let planted = attackers[number % attackers.len()].session().unwrap();
            browser.set_session(&planted);
            (browser, planted)
        };
        victim.step_in(&browser).await;
        assert_ne!(browser.session().unwrap(), planted, "{step:?}");
        is_worthless(&app, &planted, &format!("{step:?}")).await;
    }
}

/// A thief's session in the victim's browser doesn't go on beside what the victim begins there.
async fn what_begins_in_a_planted_session_ends_what_was_in_it(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut victim = app.admin("victim@example.org").await;
    let mut attacker = app.admin("eve@evil.example").await;
    // A passkey that is asked for in one session is of no use in the next.
    let options: Value = attacker.browser.call_json("start_new_passkey", &json!({})).await.done();
    let planted = attacker.browser.twin();
    assert_eq!(victim.sign_in_with(&planted).await.verdict(), DONE);
    assert_eq!(attacker.browser.viewer().await.verdict(), refused(Code::SignedOut), "the attacker isn't in the victim's browser any more");
    let passkey = presented(&attacker.device.create(&options), options["challenge"].as_str().unwrap());
    let change = Change::OwnAccount(AccountChange::AddPasskey { name: passkey_name("Spare"), passkey });
    let prepared = planted.call_json("prepare_change", &json!({ "change": change })).await;
    assert_eq!(prepared.verdict(), refused(Code::ActionOver), "it was asked of somebody else");
    let viewer: Viewer = planted.viewer().await.done();
    assert_eq!(viewer.email.as_str(), "victim@example.org");
}

/// Whatever is asked with it, by whoever.
async fn an_id_that_nobody_gave_out_is_never_taken_on(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let ada = app.founder("ada@example.org").await;
    let planted = base64url(&random::<16>());
    for (function, _) in FUNCTIONS {
        for is_form in [true, false] {
            let browser = app.browser();
            browser.set_session(&planted);
            let fields = [("email", "ada@example.org"), ("organization", ""), ("code", "0000 0000 0000 0000")];
            let answer = if is_form { browser.call(function, &fields).await } else { browser.call_json(function, &json!({})).await };
            let kept = browser.session();
            assert!(kept.is_none() || kept.as_ref() == Some(&planted), "{function}: {:?}", answer.headers);
            assert!(!answer.header("set-cookie").contains(&planted), "{function}: {:?}", answer.headers);
        }
    }
    for path in ["/", "/login", "/get-started", "/get-started/passkey", "/recover", "/recover/kit", "/add-passkey", "/org", "/account"] {
        let browser = app.browser();
        browser.set_session(&planted);
        assert!(!browser.get(path).await.header("set-cookie").contains(&planted), "{path}");
    }
    assert_eq!(app.count("sessions").await, 0);
    // It stays nobody's when somebody signs up in the same browser.
    let browser = app.browser();
    browser.set_session(&planted);
    let code = code_in(&app.mails_to("ada@example.org").await[0].text);
    assert_eq!(ada.type_code_in(&browser, &code).await.verdict(), DONE);
    is_worthless(&app, &planted, "an invented id").await;
}

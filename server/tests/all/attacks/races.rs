//! Everything that works once, tried many times at the same moment: exactly one counts. On PostgreSQL, half of those who try come
//! through a second server.

use crate::support::{
    answer::{Answer, DONE, Verdict, refused},
    app::TestApp,
    at_once::{Ready, at_once, together},
    browser::Browser,
    caller::passkey_assertion,
    database::TestDatabase,
    device::{Device, RecoveryKit, base64url},
    key::KeyPair,
    own_account::passkey_name,
    person::{Person, code_in},
    signing::create_user,
};
use app::{
    action::{
        account_change::AccountChange,
        change::Change,
        recovery_key::{recovery_message, recovery_test_message},
    },
    domain::id::OrganizationId,
    refusal::Code,
    rpc::{account::KitTest, change::Receipt, recovery::PreparedRecovery},
};
use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

on_both_databases!(
    a_code_that_is_typed_in_many_browsers_goes_on_in_one,
    one_passkey_is_kept_for_a_registration,
    an_invitation_registers_one_key_whoever_has_its_link,
    a_temporary_token_registers_one_key,
    a_customers_temporary_token_registers_one_key,
    a_code_and_a_kit_recover_once,
    a_temporary_token_recovers_once,
    a_code_for_another_device_is_typed_once,
    one_passkey_is_presented_for_a_code,
    a_challenge_of_the_api_signs_in_once,
    a_signature_executes_a_change_once_and_all_get_its_receipt,
    a_signature_handed_in_while_it_is_executed_gets_the_receipt,
    a_challenge_of_the_api_is_signed_once,
    what_shows_a_signature_is_shown_once,
    a_new_passkeys_challenge_is_answered_once,
    a_new_kits_challenge_is_answered_once,
    a_code_of_the_api_lets_one_credential_in,
    a_kit_is_tested_once_by_one_signature,
);

const MANY: usize = 8;

/// One server, or two of one database.
struct Servers([TestApp; 2]);

impl Servers {
    async fn of(app: &TestApp, database: &TestDatabase) -> Self {
        let second = if database.is_postgres() { TestApp::init(database).with_clock_of(app).await } else { app.clone() };
        Self([app.clone(), second])
    }

    /// Browsers that were never here.
    fn strangers(&self) -> Vec<Browser> {
        (0..MANY).map(|number| self.0[number % 2].browser()).collect()
    }

    /// Browsers that have the same session as this one.
    fn twins(&self, browser: &Browser) -> Vec<Browser> {
        let twins = self.strangers();
        for twin in &twins {
            twin.set_session(&browser.session().expect("it has one"));
        }
        twins
    }
}

/// Asserts that exactly one was done, and that the others were refused so.
#[track_caller]
fn one_counts(verdicts: &[Verdict], others: &[Code]) {
    assert_eq!(verdicts.iter().filter(|verdict| **verdict == DONE).count(), 1, "{verdicts:?}");
    let expected = |verdict: &Verdict| *verdict == DONE || others.iter().any(|code| *verdict == refused(*code));
    assert!(verdicts.iter().all(expected), "{verdicts:?}");
}

/// The same, of calls of the API.
#[track_caller]
fn one_call_counts(answers: &[Answer], others: &[(u16, &str)]) -> Value {
    let mut done = None;
    for answer in answers {
        if answer.status == 200 {
            assert!(done.replace(answer.answer()).is_none(), "two count: {done:?} {}", answer.text());
        } else {
            let (status, code) = answer.error();
            assert!(others.contains(&(status, code.as_str())), "{}", answer.text());
        }
    }
    done.expect("one counts")
}

/// A call with a temporary or another token.
async fn call(browser: &Browser, path: &str, token: &str, body: &Value) -> Answer {
    let request = Request::post(path).header("authorization", format!("Bearer {token}")).header("content-type", "application/json");
    browser.send(request.body(Body::from(body.to_string())).unwrap()).await
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// What registers a new key of somebody's own, over this challenge.
fn with_key(challenge: &Value) -> Value {
    let info = KeyPair::ed25519().info(challenge["challenge"].as_str().unwrap());
    json!({ "firstFactorCredential": { "credentialKind": "Key", "credentialInfo": info } })
}

async fn begin(browser: &Browser, organization: OrganizationId, email: &str, code: &str) -> Answer {
    let body = json!({ "orgId": organization, "username": email, "registrationCode": code });
    browser.api_json(Method::POST, "/auth/registration/init", &body).await
}

/// An invitation's code.
async fn invited(app: &TestApp, admin: &mut Person, email: &str) -> String {
    admin.invite(email).await;
    code_in(&app.mails_to(email).await[0].text)
}

/// Hands in the same, many times: its challenge's token lets one in.
async fn finish_at_once(servers: &Servers, path: &'static str, challenge: &Value, bodies: Vec<Value>) -> Vec<Answer> {
    let token = text(&challenge["temporaryAuthenticationToken"]);
    let trying = servers.strangers().into_iter().zip(bodies).map(|(browser, body)| {
        let token = token.clone();
        async move { call(&browser, path, &token, &body).await }
    });
    together(trying).await
}

async fn a_code_that_is_typed_in_many_browsers_goes_on_in_one(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let servers = Servers::of(&app, database).await;
    let person = app.founder("ada@example.org").await;
    let typing = servers.strangers().into_iter().map(|browser| {
        let (email, organization, code) = (person.email.clone(), person.organization.to_string(), person.code.clone());
        async move { (browser.activate(&email, &organization, &code).await.verdict(), browser) }
    });
    let typed = together(typing).await;
    let mut going_on = 0;
    for (verdict, browser) in &typed {
        // Each has a try while it is compared, and there are five.
        let expected = [DONE, refused(Code::Conflict), refused(Code::EndedCode)];
        assert!(expected.contains(verdict), "{verdict:?}");
        let verdict = browser.registration().await.verdict();
        assert!(verdict == DONE || verdict == refused(Code::NoRegistration), "{verdict:?}");
        going_on += usize::from(verdict == DONE);
    }
    assert_eq!(going_on, 1);
    assert_eq!(app.number("SELECT COUNT(*) FROM registrations WHERE ended_at IS NULL").await, 1);
}

async fn one_passkey_is_kept_for_a_registration(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let servers = Servers::of(&app, database).await;
    let mut person = app.registering("ada@example.org").await;
    let options = person.browser.passkey_options().await;
    let keeping = servers.twins(&person.browser).into_iter().map(|browser| {
        let mut device = Device::security_key(&app.origin());
        let made = device.create(&options);
        async move { (browser.keep_passkey(&made).await.verdict(), device) }
    });
    let kept = together(keeping).await;
    one_counts(&kept.iter().map(|(verdict, _)| *verdict).collect::<Vec<_>>(), &[Code::BadRequest]);
    person.device = kept.into_iter().find(|(verdict, _)| *verdict == DONE).unwrap().1;
    assert_eq!(person.finish().await.verdict(), DONE);
    assert_eq!(app.count("credentials").await, 2);
    assert_eq!(person.sign_in().await.verdict(), DONE, "it is the one that was told so");
}

async fn an_invitation_registers_one_key_whoever_has_its_link(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let servers = Servers::of(&app, database).await;
    let mut ada = app.admin("ada@example.org").await;
    let code = invited(&app, &mut ada, "bob@example.org").await;
    let organization = ada.organization;
    let registering = servers.strangers().into_iter().map(|browser| {
        let code = code.clone();
        async move {
            let begun = begin(&browser, organization, "bob@example.org", &code).await;
            if begun.status != 200 {
                return begun;
            }
            let challenge = begun.answer();
            call(&browser, "/auth/registration", &text(&challenge["temporaryAuthenticationToken"]), &with_key(&challenge)).await
        }
    });
    let answers = together(registering).await;
    // Whoever began later has ended what was begun before; whoever came after the winner finds the code used up.
    one_call_counts(&answers, &[(400, "AlreadyUsed"), (409, "Conflict")]);
    assert_eq!(app.number("SELECT COUNT(*) FROM credentials WHERE kind = 'Key'").await, 1);
    app.verify(organization).await;
}

async fn a_temporary_token_registers_one_key(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let servers = Servers::of(&app, database).await;
    let mut ada = app.admin("ada@example.org").await;
    let code = invited(&app, &mut ada, "bob@example.org").await;
    let challenge = begin(&app.browser(), ada.organization, "bob@example.org", &code).await.answer();
    let bodies = (0..MANY).map(|_| with_key(&challenge)).collect();
    let answers = finish_at_once(&servers, "/auth/registration", &challenge, bodies).await;
    one_call_counts(&answers, &[(400, "AlreadyUsed")]);
    assert_eq!(app.number("SELECT COUNT(*) FROM credentials WHERE kind = 'Key'").await, 1);
    app.verify(ada.organization).await;
}

async fn a_customers_temporary_token_registers_one_key(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let servers = Servers::of(&app, database).await;
    let mut ada = app.admin("ada@example.org").await;
    let new = json!({ "email": "buyer@example.com", "kind": "EndUser" });
    let challenge = app.caller(&mut ada).await.call(Method::POST, "/auth/registration/delegated", &new).await.answer();
    let bodies = (0..MANY).map(|_| {
        let mut body = with_key(&challenge);
        body["wallets"] = json!([]);
        body
    });
    let answers = finish_at_once(&servers, "/auth/registration/enduser", &challenge, bodies.collect()).await;
    one_call_counts(&answers, &[(400, "AlreadyUsed")]);
    assert_eq!(app.number("SELECT COUNT(*) FROM credentials WHERE kind = 'Key'").await, 1);
    app.verify(ada.organization).await;
}

async fn a_code_and_a_kit_recover_once(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let servers = Servers::of(&app, database).await;
    let person = app.admin("ada@example.org").await;
    app.browser().start_recovery(&person.email).await;
    let code = app.recovery_code(&person.email, 1).await;
    // The same code goes on in several browsers, as many as it has tries; what is done in one ends it in all.
    let typing = servers.strangers().into_iter().take(5).map(|browser| {
        let (email, code) = (person.email.clone(), code.clone());
        async move {
            assert_eq!(browser.type_recovery_code(&email, &code).await.verdict(), DONE);
            browser
        }
    });
    let browsers = together(typing).await;
    let mut ready = Vec::new();
    for browser in browsers {
        let change = browser.recovery_change(&mut Device::password_manager(&app.origin()), &RecoveryKit::new()).await;
        let prepared: PreparedRecovery = browser.prepare_recovery(&change).await.done();
        let signature = person.kit.sign(&recovery_message(&prepared.document.0));
        ready.push((browser, prepared, signature));
    }
    let recovering = ready.into_iter().map(|(browser, prepared, signature)| async move {
        let verdict = browser.commit_recovery(&prepared, &signature).await.verdict();
        (verdict, browser)
    });
    let recovered = together(recovering).await;
    one_counts(&recovered.iter().map(|(verdict, _)| *verdict).collect::<Vec<_>>(), &[Code::WrongKit]);
    for (verdict, browser) in recovered {
        // And nobody is left inside who only typed the code.
        assert_eq!(browser.viewer().await.verdict() == DONE, verdict == DONE);
        assert_eq!(browser.call("recovery", &[]).await.verdict(), refused(Code::NoRecovery));
    }
    assert_eq!(app.browser().type_recovery_code(&person.email, &code).await.verdict(), refused(Code::WrongCode));
    assert_eq!(app.count("history").await, 2);
    assert_eq!(app.number("SELECT COUNT(*) FROM credentials WHERE kind = 'Fido2'").await, 1);
    assert_eq!(app.number("SELECT COUNT(*) FROM credentials WHERE kind = 'RecoveryKey'").await, 1);
    app.verify(person.organization).await;
}

async fn a_temporary_token_recovers_once(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let servers = Servers::of(&app, database).await;
    let mut ada = app.admin("ada@example.org").await;
    let code = invited(&app, &mut ada, "bob@example.org").await;
    let (browser, organization, recovery) = (app.browser(), ada.organization, KeyPair::p256());
    let challenge = begin(&browser, organization, "bob@example.org", &code).await.answer();
    let mut body = with_key(&challenge);
    let info = recovery.info(challenge["challenge"].as_str().unwrap());
    body["recoveryCredential"] = json!({ "credentialKind": "RecoveryKey", "credentialInfo": info });
    call(&browser, "/auth/registration", &text(&challenge["temporaryAuthenticationToken"]), &body).await.answer();
    let whom = json!({ "orgId": organization, "username": "bob@example.org" });
    browser.api_json(Method::POST, "/auth/recover/user/code", &whom).await.answer();
    let mut coming = whom.clone();
    coming["verificationCode"] = json!(app.recovery_code("bob@example.org", 1).await);
    coming["credentialId"] = json!(recovery.id);
    let challenge = browser.api_json(Method::POST, "/auth/recover/user/init", &coming).await.answer();
    let bodies = (0..MANY).map(|_| {
        let new = with_key(&challenge);
        let assertion = recovery.assertion(&base64url(new.to_string().as_bytes()));
        json!({ "recovery": { "kind": "RecoveryKey", "credentialAssertion": assertion }, "newCredentials": new })
    });
    let answers = finish_at_once(&servers, "/auth/recover/user", &challenge, bodies.collect()).await;
    one_call_counts(&answers, &[(400, "AlreadyUsed")]);
    assert_eq!(app.number("SELECT COUNT(*) FROM credentials WHERE kind = 'Key'").await, 1);
    app.verify(organization).await;
}

async fn a_code_for_another_device_is_typed_once(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let servers = Servers::of(&app, database).await;
    let person = app.admin("ada@example.org").await;
    let offer = person.offer_passkey().await;
    let typing = servers.strangers().into_iter().map(|browser| {
        let (email, code) = (person.email.clone(), offer.code.clone());
        async move { (browser.type_device_code(&email, &code).await.verdict(), browser) }
    });
    // As many at the same time as it has tries.
    let typed = together(typing.take(5)).await;
    one_counts(&typed.iter().map(|(verdict, _)| *verdict).collect::<Vec<_>>(), &[Code::WrongCode]);
    for (verdict, browser) in typed {
        assert_eq!(browser.call("addition", &[]).await.verdict() == DONE, verdict == DONE);
    }
}

async fn one_passkey_is_presented_for_a_code(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let servers = Servers::of(&app, database).await;
    let mut person = app.admin("ada@example.org").await;
    let (elsewhere, offer) = app.adding_elsewhere(&person).await;
    let mut made = Vec::new();
    for twin in servers.twins(&elsewhere) {
        let mut device = Device::password_manager(&app.origin());
        let passkey = twin.make_offered(&mut device).await;
        made.push((twin, device, passkey));
    }
    let presenting = made.into_iter().map(|(browser, device, passkey)| async move {
        let verdict = browser.present(&passkey).await.verdict();
        (verdict, device)
    });
    let presented = together(presenting).await;
    one_counts(&presented.iter().map(|(verdict, _)| *verdict).collect::<Vec<_>>(), &[Code::Conflict]);
    let change = person.confirming(&offer).await;
    person.sign(&change).await;
    person.device = presented.into_iter().find(|(verdict, _)| *verdict == DONE).unwrap().1;
    assert_eq!(person.sign_in_with(&app.browser()).await.verdict(), DONE, "what was confirmed is what was told so");
    app.verify(person.organization).await;
}

async fn a_challenge_of_the_api_signs_in_once(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let servers = Servers::of(&app, database).await;
    let mut ada = app.admin("ada@example.org").await;
    let asked = json!({ "orgId": ada.organization, "username": ada.email });
    let challenge = app.browser().api_json(Method::POST, "/auth/login/init", &asked).await.answer();
    let assertion = passkey_assertion(&mut ada.device, &challenge);
    let body = json!({ "challengeIdentifier": challenge["challengeIdentifier"], "firstFactor": assertion });
    let signing_in = servers.strangers().into_iter().map(|browser| {
        let body = body.clone();
        async move { browser.api_json(Method::POST, "/auth/login", &body).await }
    });
    one_call_counts(&together(signing_in).await, &[(400, "BadRequest")]);
    assert_eq!(app.count("tokens").await, 1);
}

async fn a_signature_executes_a_change_once_and_all_get_its_receipt(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let servers = Servers::of(&app, database).await;
    let mut ada = app.admin("ada@example.org").await;
    let prepared = ada.prepared(&create_user("bob@example.org")).await;
    let response = ada.signature(&prepared);
    let twins = servers.twins(&ada.browser).into_iter();
    let all = twins.map(|browser| Ready { browser, prepared: prepared.clone(), response: response.clone() });
    let receipts: Vec<Receipt> = at_once(all).await.iter().map(Answer::done).collect();
    assert_eq!(receipts.iter().filter(|receipt| !receipt.is_repeat).count(), 1, "{receipts:?}");
    assert!(receipts.iter().all(|receipt| (receipt.index, &receipt.created) == (1, &receipts[0].created)), "{receipts:?}");
    assert_eq!((app.count("history").await, app.mails_to("bob@example.org").await.len()), (2, 1));
    app.verify(ada.organization).await;
}

async fn a_signature_handed_in_while_it_is_executed_gets_the_receipt(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let servers = Servers::of(&app, database).await;
    let mut ada = app.admin_with("ada@example.org", Device::security_key(&app.origin())).await;
    for round in 0..6 {
        let ready = Ready::of(&mut ada, &create_user(&format!("guest{round}@example.org"))).await;
        let twins = (0..5).flat_map(|_| servers.twins(&ada.browser)).enumerate();
        let all = twins.map(|(number, browser)| {
            let again = Ready { browser, prepared: ready.prepared.clone(), response: ready.response.clone() };
            async move {
                // Some begin before the first is done and go on after it, when the passkey has counted this signature.
                sleep(Duration::from_micros(700) * u32::try_from(number).unwrap()).await;
                again.hand_in().await
            }
        });
        let receipts: Vec<Receipt> = together(all).await.iter().map(Answer::done).collect();
        assert_eq!(receipts.iter().filter(|receipt| !receipt.is_repeat).count(), 1, "{receipts:?}");
    }
}

async fn a_challenge_of_the_api_is_signed_once(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let servers = Servers::of(&app, database).await;
    let mut ada = app.admin("ada@example.org").await;
    let caller = app.caller(&mut ada).await;
    let new = json!({ "email": "bob@example.org", "kind": "CustomerEmployee" });
    let challenge = caller.announce(Method::POST, "/auth/users", &new.to_string()).await.answer();
    let assertion = passkey_assertion(caller.device, &challenge);
    let body = json!({ "challengeIdentifier": challenge["challengeIdentifier"], "firstFactor": assertion });
    let signing = servers.strangers().into_iter().map(|browser| {
        let (token, body) = (caller.token.clone(), body.clone());
        async move { call(&browser, "/auth/action", &token, &body).await }
    });
    let signed = one_call_counts(&together(signing).await, &[(400, "AlreadyUsed")]);
    caller.show(Method::POST, "/auth/users", &new.to_string(), &text(&signed["userAction"])).await.answer();
    app.verify(caller.organization).await;
}

async fn what_shows_a_signature_is_shown_once(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let servers = Servers::of(&app, database).await;
    let mut ada = app.admin("ada@example.org").await;
    let mut caller = app.caller(&mut ada).await;
    let new = json!({ "email": "bob@example.org", "kind": "CustomerEmployee" }).to_string();
    let user_action = caller.user_action(Method::POST, "/auth/users", &new).await;
    let showing = servers.strangers().into_iter().map(|browser| {
        let request = caller.request(Method::POST, "/auth/users").header("x-dfns-useraction", &user_action);
        let request = request.header("content-type", "application/json").body(Body::from(new.clone())).unwrap();
        async move { browser.send(request).await }
    });
    one_call_counts(&together(showing).await, &[(400, "AlreadyUsed")]);
    assert_eq!((app.count("history").await, app.mails_to("bob@example.org").await.len()), (2, 1));
    app.verify(caller.organization).await;
}

/// Someone whose passkey doesn't count its signatures, so that none is refused for that.
async fn uncounted(app: &TestApp) -> Person {
    app.admin_with("ada@example.org", Device::password_manager(&app.origin())).await
}

/// Changes that would each use up the same, signed and handed in at once.
async fn sign_at_once(servers: &Servers, person: &mut Person, changes: Vec<Change>) -> Vec<Verdict> {
    let mut all = Vec::new();
    for (change, browser) in changes.iter().zip(servers.twins(&person.browser)) {
        all.push(Ready { browser, ..Ready::of(person, change).await });
    }
    at_once(all).await.iter().map(Answer::verdict).collect()
}

async fn a_new_passkeys_challenge_is_answered_once(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let servers = Servers::of(&app, database).await;
    let mut person = uncounted(&app).await;
    let first = person.adding("Phone 0", &mut Device::security_key(&app.origin())).await;
    let Change::OwnAccount(AccountChange::AddPasskey { passkey, .. }) = first else { panic!("it adds one") };
    let named =
        |number| Change::OwnAccount(AccountChange::AddPasskey { name: passkey_name(&format!("Phone {number}")), passkey: passkey.clone() });
    let verdicts = sign_at_once(&servers, &mut person, (0..MANY).map(named).collect()).await;
    one_counts(&verdicts, &[Code::ActionOver]);
    assert_eq!(person.account().await.passkeys.len(), 2);
    app.verify(person.organization).await;
}

async fn a_new_kits_challenge_is_answered_once(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let servers = Servers::of(&app, database).await;
    let mut person = uncounted(&app).await;
    let (first, _) = person.replacing_kit().await;
    let Change::OwnAccount(AccountChange::ReplaceRecoveryKey { challenge, .. }) = first else { panic!("it replaces one") };
    let with_new_kit = |_| {
        let recovery_key = RecoveryKit::new().new_key(&challenge);
        Change::OwnAccount(AccountChange::ReplaceRecoveryKey { challenge: challenge.clone(), recovery_key })
    };
    let verdicts = sign_at_once(&servers, &mut person, (0..MANY).map(with_new_kit).collect()).await;
    one_counts(&verdicts, &[Code::ActionOver]);
    assert_eq!(app.number("SELECT COUNT(*) FROM credentials WHERE kind = 'RecoveryKey'").await, 1);
    app.verify(person.organization).await;
}

async fn a_code_of_the_api_lets_one_credential_in(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let servers = Servers::of(&app, database).await;
    let mut ada = app.admin("ada@example.org").await;
    let until = app.services.ambient.now().plus(Duration::from_mins(4)).to_string();
    let made = app.caller(&mut ada).await.call(Method::POST, "/auth/credentials/code", &json!({ "expiration": until })).await.answer();
    let wanted = json!({ "credentialKind": "Key", "code": made["code"] });
    // Two challenges by one code, each answered by many.
    let browser = app.browser();
    let mut challenges = Vec::new();
    for _ in 0..2 {
        challenges.push(browser.api_json(Method::POST, "/auth/credentials/code/init", &wanted).await.answer());
    }
    let adding = servers.strangers().into_iter().enumerate().map(|(number, browser)| {
        let asked = &challenges[number % 2];
        let body = json!({
            "credentialKind": "Key", "credentialName": format!("Key {number}"),
            "credentialInfo": KeyPair::ed25519().info(asked["challenge"].as_str().unwrap()),
            "challengeIdentifier": asked["challengeIdentifier"],
        });
        async move { browser.api_json(Method::POST, "/auth/credentials/code/verify", &body).await }
    });
    one_call_counts(&together(adding).await, &[(400, "AlreadyUsed")]);
    assert_eq!(app.number("SELECT COUNT(*) FROM credentials WHERE kind = 'Key'").await, 1);
    app.verify(ada.organization).await;
}

async fn a_kit_is_tested_once_by_one_signature(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let servers = Servers::of(&app, database).await;
    let person = app.admin("ada@example.org").await;
    let test: KitTest = person.browser.call_json("start_kit_test", &json!({})).await.done();
    let challenge = data_encoding::BASE64URL_NOPAD.decode(test.challenge.as_bytes()).unwrap();
    let body = json!({ "id": test.id, "signature": person.kit.sign(&recovery_test_message(&challenge)) });
    let testing = servers.twins(&person.browser).into_iter().map(|browser| {
        let body = body.clone();
        async move { browser.call_json("finish_kit_test", &body).await.verdict() }
    });
    one_counts(&together(testing).await, &[Code::BadRequest]);
    let told = app.mails_to(&person.email).await.iter().filter(|mail| mail.subject == "Your recovery kit was tested").count();
    assert_eq!(told, 1);
}

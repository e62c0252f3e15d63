//! What somebody had in hand before they were shut out, or lost what they may do: from that moment on it is worth nothing, also
//! once they are let in again.

use crate::{
    api::programs::{Program, access_token},
    support::{
        answer::{Answer, DONE, refused},
        app::TestApp,
        at_once::{Ready, together},
        browser::Browser,
        caller::USER_ACTION,
        database::TestDatabase,
        device::{Device, RecoveryKit, base64url, random},
        key::KeyPair,
        person::{Person, code_in},
        recovery,
        signing::{create_user, terms, update},
    },
};
use app::{
    action::{
        change::{Change, UserRef},
        recovery_key::recovery_test_message,
    },
    domain::{
        id::{CredentialId, OrganizationId, TokenId},
        operation::{Operation, Operations},
    },
    refusal::Code,
    rpc::{account::KitTest, get_started::Registration, sign_in::SignInChallenge},
};
use axum::{
    body::Body,
    http::{Method, Request, header::CONTENT_TYPE, request::Builder},
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use server::{
    action::Actor,
    storage::{
        sessions::{self, Session},
        tokens::{self, Token, TokenKind},
    },
};
use std::time::Duration;

on_both_databases!(
    all_of_it_counts_while_nothing_happens,
    what_was_begun_before_a_deactivation_is_worth_nothing,
    what_was_begun_before_enrolling_again_is_worth_nothing,
    what_was_begun_before_a_recovery_is_worth_nothing,
    what_was_begun_before_the_glass_was_broken_is_worth_nothing,
    what_was_begun_before_a_removal_is_worth_nothing,
    what_is_signed_by_whoever_may_not_do_it_any_more_is_refused,
    what_an_old_code_began_ends_with_the_invitation,
    what_an_old_code_began_does_not_outlive_a_registration,
    a_code_goes_on_where_it_was_typed_last,
    nobody_is_signed_in_who_was_shut_out_since_they_showed_who_they_are,
    whoever_signs_in_while_everything_ends_is_not_in,
);

/// What somebody had in hand, or a thief of theirs.
struct Before {
    /// Signed in on the pages, and in the API.
    session: Browser,
    token: String,
    access_token: Program,
    /// Signed on the pages, and not handed in.
    change: Ready,
    /// Signed in the API, and not called: a body, and what shows the signature.
    call: (String, String),
    /// A challenge to sign in, answered and not handed in.
    sign_in: (SignInChallenge, Value),
    kit_test: (KitTest, String),
    /// A code for another device, and a browser where one was typed.
    device_code: (String, String),
    adding: Browser,
    /// A code for one more credential, and a challenge by it.
    credential_code: Value,
    credential_challenge: Value,
    /// A code to recover with, and a recovery that its kit signed.
    recovery_code: (String, String),
    recovery: recovery::Ready,
}

/// A colleague whose passkey doesn't count its signatures: so they can be handed in in any order.
async fn colleague(app: &TestApp, admin: &mut Person, email: &str) -> (Person, UserRef) {
    let user = admin.invite(email).await;
    let person = app.invited(email, admin.organization).await;
    let mut person = Person { device: Device::password_manager(&app.origin()), ..person };
    assert_eq!(person.activate().await.verdict(), DONE);
    assert_eq!(person.make_passkey().await, DONE);
    assert_eq!(person.finish().await.verdict(), DONE);
    (person, user)
}

/// One who invites others and makes access tokens.
async fn somebody(app: &TestApp, admin: &mut Person, email: &str) -> (Person, UserRef) {
    let (person, user) = colleague(app, admin, email).await;
    let inviters = admin.define("Inviters", &[Operation::UsersRead, Operation::UsersCreate, Operation::TokensCreate]).await;
    admin.give(&inviters, &user).await;
    (person, user)
}

impl Before {
    async fn of(app: &TestApp, person: &mut Person) -> Self {
        let (access_token, _) = access_token(app, person, "Script", None).await;
        let change = Ready::of(person, &create_user("signed@example.org")).await;
        let change = Ready { browser: person.browser.twin(), ..change };
        let body = json!({ "email": "called@example.org", "kind": "CustomerEmployee" }).to_string();
        let mut caller = app.caller(person).await;
        let token = caller.token.clone();
        let user_action = caller.user_action(Method::POST, "/auth/users", &body).await;
        let until = app.services.ambient.now().plus(Duration::from_mins(4)).to_string();
        let allowed = caller.call(Method::POST, "/auth/credentials/code", &json!({ "expiration": until })).await.answer();
        let wanted = json!({ "credentialKind": "Key", "code": allowed["code"] });
        let asked = app.browser().api_json(Method::POST, "/auth/credentials/code/init", &wanted).await.answer();
        let challenge = app.browser().sign_in_challenge().await;
        let answered = person.device.get(&challenge.options);
        let test: KitTest = person.browser.call_json("start_kit_test", &json!({})).await.done();
        let tested = person.kit.sign(&recovery_test_message(&BASE64URL_NOPAD.decode(test.challenge.as_bytes()).unwrap()));
        let (adding, _) = app.adding_elsewhere(person).await;
        let device_code = person.offer_passkey().await.code;
        let recovery = app.ready_to_recover(person).await;
        app.browser().start_recovery(&person.email).await;
        let recovery_code = app.recovery_code(&person.email, 2).await;
        Self {
            session: person.browser.twin(),
            token,
            access_token,
            change,
            call: (body, user_action),
            sign_in: (challenge, answered),
            kit_test: (test, tested),
            device_code: (person.email.clone(), device_code),
            adding,
            credential_code: wanted,
            credential_challenge: asked,
            recovery_code: (person.email.clone(), recovery_code),
            recovery,
        }
    }

    /// What of it counts, when all of it is tried. The last one ends the others where it counts.
    async fn counts(&self, app: &TestApp) -> Vec<&'static str> {
        let browser = app.browser();
        let (body, user_action) = &self.call;
        let (test, tested) = &self.kit_test;
        let (challenge, answered) = &self.sign_in;
        let asked = &self.credential_challenge;
        let new_key = json!({
            "credentialKind": "Key", "credentialName": "Thief",
            "credentialInfo": KeyPair::ed25519().info(asked["challenge"].as_str().unwrap()),
            "challengeIdentifier": asked["challengeIdentifier"],
        });
        let tried = [
            ("session", self.session.viewer().await),
            ("change that was signed", self.change.hand_in().await),
            ("test of the kit", self.session.call_json("finish_kit_test", &json!({ "id": test.id, "signature": tested })).await),
            ("log-in", get(app, &self.token, "/auth/credentials").await),
            ("call that was signed", invite(app, &self.token, body, user_action).await),
            ("access token", self.access_token.get("/auth/users").await),
            ("answer to sign in by", app.browser().finish_sign_in(challenge, answered).await),
            ("code for a device", app.browser().type_device_code(&self.device_code.0, &self.device_code.1).await),
            ("other device", self.adding.call("addition", &[]).await),
            ("code for a key", browser.api_json(Method::POST, "/auth/credentials/code/init", &self.credential_code).await),
            ("challenge for a key", browser.api_json(Method::POST, "/auth/credentials/code/verify", &new_key).await),
            ("code to recover by", app.browser().type_recovery_code(&self.recovery_code.0, &self.recovery_code.1).await),
            ("browser that recovers", self.recovery.browser.recovery().await),
            ("recovery that was signed", self.recovery.hand_in().await),
        ];
        tried.iter().filter(|(_, answer)| counts(answer)).map(|(what, _)| *what).collect()
    }
}

/// Whether something came of it. It mustn't end in a fault either.
fn counts(answer: &Answer) -> bool {
    assert!(answer.status.as_u16() < 500, "{} {}", answer.status, answer.text());
    answer.status == 200
}

fn authorized(method: Method, path: &str, token: &str) -> Builder {
    Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}")).header(CONTENT_TYPE, "application/json")
}

async fn get(app: &TestApp, token: &str, path: &str) -> Answer {
    app.browser().send(authorized(Method::GET, path, token).body(Body::empty()).unwrap()).await
}

/// The call that was signed: somebody is invited.
async fn invite(app: &TestApp, token: &str, body: &str, user_action: &str) -> Answer {
    let request = authorized(Method::POST, "/auth/users", token).header(USER_ACTION, user_action);
    app.browser().send(request.body(Body::from(body.to_owned())).unwrap()).await
}

/// Otherwise the stories below would tell nothing.
async fn all_of_it_counts_while_nothing_happens(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let (mut bob, _) = somebody(&app, &mut ada, "bob@example.org").await;
    let before = Before::of(&app, &mut bob).await;
    let counts = before.counts(&app).await;
    assert_eq!(counts.len(), 14, "{counts:?}");
    app.verify(ada.organization).await;
}

async fn what_was_begun_before_a_deactivation_is_worth_nothing(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let (mut bob, user) = somebody(&app, &mut ada, "bob@example.org").await;
    let before = Before::of(&app, &mut bob).await;
    ada.sign(&Change::DeactivateUser { user: user.clone() }).await;
    assert_eq!(before.counts(&app).await, [""; 0]);
    ada.sign(&Change::ActivateUser { user }).await;
    // Their kit and their program are what they were. A browser where a code was typed is let in nowhere; what it goes on with needs
    // that kit, or a signature of theirs.
    let again = ["access token", "other device", "browser that recovers", "recovery that was signed"];
    assert_eq!(before.counts(&app).await, again);
    app.verify(ada.organization).await;
}

async fn what_was_begun_before_enrolling_again_is_worth_nothing(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let (mut bob, user) = somebody(&app, &mut ada, "bob@example.org").await;
    let before = Before::of(&app, &mut bob).await;
    ada.sign(&Change::ReEnrolUser { user }).await;
    assert_eq!(before.counts(&app).await, [""; 0]);
    let again = app.accept("bob@example.org", ada.organization).await;
    assert_eq!(before.counts(&app).await, [""; 0]);
    assert_eq!(again.browser.viewer().await.verdict(), DONE);
    app.verify(ada.organization).await;
}

async fn what_was_begun_before_a_recovery_is_worth_nothing(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let (mut bob, _) = somebody(&app, &mut ada, "bob@example.org").await;
    let before = Before::of(&app, &mut bob).await;
    assert_eq!(app.recover(&mut bob).await.verdict(), DONE);
    assert_eq!(before.counts(&app).await, [""; 0]);
    assert_eq!(bob.browser.viewer().await.verdict(), DONE);
    app.verify(ada.organization).await;
}

async fn what_was_begun_before_the_glass_was_broken_is_worth_nothing(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let (mut bob, user) = somebody(&app, &mut ada, "bob@example.org").await;
    let before = Before::of(&app, &mut bob).await;
    let invitation = app.services.road.break_glass(Actor { organization: ada.organization, user: user.id }).await.unwrap();
    assert_eq!(before.counts(&app).await, [""; 0]);
    let (device, kit) = (Device::security_key(&app.origin()), RecoveryKit::new());
    let mut again = Person { code: invitation.code, browser: app.browser(), device, kit, ..bob };
    assert_eq!(again.activate().await.verdict(), DONE);
    assert_eq!(again.make_passkey().await, DONE);
    assert_eq!(again.finish().await.verdict(), DONE);
    assert_eq!(before.counts(&app).await, [""; 0]);
    app.verify(ada.organization).await;
}

async fn what_was_begun_before_a_removal_is_worth_nothing(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let (mut bob, user) = somebody(&app, &mut ada, "bob@example.org").await;
    let before = Before::of(&app, &mut bob).await;
    ada.sign(&Change::DeleteUser { user }).await;
    assert_eq!(before.counts(&app).await, [""; 0]);
    // Somebody else of the same address doesn't inherit it.
    ada.invite("bob@example.org").await;
    app.accept("bob@example.org", ada.organization).await;
    assert_eq!(before.counts(&app).await, [""; 0]);
    app.verify(ada.organization).await;
}

/// By whatever way it was lost, and whatever it was signed in.
async fn what_is_signed_by_whoever_may_not_do_it_any_more_is_refused(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let (mut bob, user) = somebody(&app, &mut ada, "bob@example.org").await;
    let whole = ada.permission("Inviters").await.operations;
    for loses_all in [false, true] {
        // With what they hold until then.
        let email = format!("signed-{loses_all}@example.org");
        let ready = Ready::of(&mut bob, &create_user(&email)).await;
        let (script, _) = access_token(&app, &mut bob, &format!("Script {loses_all}"), None).await;
        assert_eq!(script.get("/auth/users").await.status, 200);
        let body = json!({ "email": format!("called-{loses_all}@example.org"), "kind": "CustomerEmployee" }).to_string();
        let (token, user_action) = {
            let mut caller = app.caller(&mut bob).await;
            let user_action = caller.user_action(Method::POST, "/auth/users", &body).await;
            (caller.token, user_action)
        };
        let less = terms("Inviters", &[Operation::TokensCreate]);
        let change = if loses_all { ada.revocation("Inviters", &user).await } else { update(&ada.permission("Inviters").await, less) };
        ada.sign(&change).await;

        let entries = app.count("history").await;
        assert_eq!(ready.hand_in().await.verdict(), refused(Code::NotPermitted), "{change:?}");
        for call in
            [invite(&app, &token, &body, &user_action).await, get(&app, &token, "/auth/users").await, script.get("/auth/users").await]
        {
            assert_eq!(call.error(), (403, "NotPermitted".to_owned()), "{change:?}: {}", call.text());
        }
        let listed = bob.browser.call("users", &[("search", ""), ("status", ""), ("after", "")]).await;
        assert_eq!(listed.verdict(), refused(Code::NotPermitted), "{change:?}");
        assert!(!bob.viewer().await.operations.allows(Operation::UsersCreate), "{change:?}");
        assert_eq!((app.count("history").await, app.mails_to(&email).await.len()), (entries, 0), "{change:?}");
        if !loses_all {
            let Operations::These(operations) = whole.clone() else { panic!("it has these") };
            let before = ada.permission("Inviters").await;
            ada.sign(&update(&before, terms("Inviters", &operations.into_iter().collect::<Vec<_>>()))).await;
        }
    }
    app.verify(ada.organization).await;
}

/// What a thief of somebody's mail begins by the code in it, in the API.
async fn begin(app: &TestApp, organization: OrganizationId, email: &str, code: &str) -> Value {
    let body = json!({ "orgId": organization, "username": email, "registrationCode": code });
    app.browser().api_json(Method::POST, "/auth/registration/init", &body).await.answer()
}

/// What they try to end it with: a key of their own.
async fn end(app: &TestApp, challenge: &Value) -> Answer {
    let info = KeyPair::ed25519().info(challenge["challenge"].as_str().unwrap());
    let body = json!({ "firstFactorCredential": { "credentialKind": "Key", "credentialInfo": info } });
    let request = authorized(Method::POST, "/auth/registration", challenge["temporaryAuthenticationToken"].as_str().unwrap());
    app.browser().send(request.body(Body::from(body.to_string())).unwrap()).await
}

fn used_already() -> (u16, String) {
    (400, "AlreadyUsed".to_owned())
}

async fn what_an_old_code_began_ends_with_the_invitation(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let (mut in_the_api, mut on_the_pages) = (Vec::new(), Vec::new());
    for (number, is_revoked) in [false, true].into_iter().enumerate() {
        let emails = [format!("api{number}@example.org"), format!("pages{number}@example.org")];
        for email in &emails {
            let user = ada.invite(email).await;
            let mut thief = app.invited(email, ada.organization).await;
            if email.starts_with("api") {
                in_the_api.push(begin(&app, ada.organization, email, &thief.code).await);
            } else {
                assert_eq!(thief.activate().await.verdict(), DONE);
                assert_eq!(thief.make_passkey().await, DONE);
                let registration: Registration = thief.browser.registration().await.done();
                on_the_pages.push((thief.browser, thief.kit.proof(&registration.challenge)));
            }
            if is_revoked {
                ada.sign(&Change::RevokeInvitation { user: user.clone() }).await;
            } else {
                ada.sign(&Change::DeactivateUser { user: user.clone() }).await;
                ada.sign(&Change::ActivateUser { user: user.clone() }).await;
            }
            app.advance(Duration::from_mins(1));
            ada.sign(&Change::ResendInvitation { user }).await;
        }
    }
    for challenge in &in_the_api {
        assert_eq!(end(&app, challenge).await.error(), used_already());
    }
    for (browser, proof) in &on_the_pages {
        assert_eq!(browser.finish(proof).await.verdict(), refused(Code::NoRegistration));
    }
    for email in ["api0@example.org", "api1@example.org", "pages0@example.org", "pages1@example.org"] {
        app.accept(email, ada.organization).await;
    }
    app.verify(ada.organization).await;
}

/// The thief waits until an admin lets them enrol again, to be the first.
async fn what_an_old_code_began_does_not_outlive_a_registration(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let user = ada.invite("bob@example.org").await;
    let code = code_in(&app.mails_to("bob@example.org").await[0].text);
    let challenge = begin(&app, ada.organization, "bob@example.org", &code).await;
    app.accept("bob@example.org", ada.organization).await;
    assert_eq!(end(&app, &challenge).await.error(), used_already());
    app.advance(Duration::from_mins(1));
    ada.sign(&Change::ReEnrolUser { user }).await;
    assert_eq!(end(&app, &challenge).await.error(), used_already());
    assert_eq!(app.number("SELECT COUNT(*) FROM credentials WHERE kind = 'Key'").await, 0);
    app.accept("bob@example.org", ada.organization).await;
    app.verify(ada.organization).await;
}

async fn a_code_goes_on_where_it_was_typed_last(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    ada.invite("bob@example.org").await;
    let bob = app.invited("bob@example.org", ada.organization).await;
    let organization = ada.organization;
    let first = begin(&app, organization, "bob@example.org", &bob.code).await;
    let second = begin(&app, organization, "bob@example.org", &bob.code).await;
    assert_eq!(end(&app, &first).await.error(), used_already(), "begun again in the API");
    assert_eq!(bob.activate().await.verdict(), DONE);
    assert_eq!(end(&app, &second).await.error(), used_already(), "begun again on the pages");
    let third = begin(&app, organization, "bob@example.org", &bob.code).await;
    assert_eq!(bob.browser.start_passkey().await.verdict(), refused(Code::NoRegistration), "begun again in the API");
    // Whoever asks for a new code doesn't take it away.
    assert_eq!(app.browser().send_new_code("bob@example.org", &organization.to_string()).await.verdict(), DONE);
    app.mails_to_arrive("bob@example.org", 2).await;
    assert_eq!(end(&app, &third).await.status, 200);
    app.verify(organization).await;
}

/// Between the answer that was verified and the session that is written, an admin can be quicker.
async fn nobody_is_signed_in_who_was_shut_out_since_they_showed_who_they_are(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let (_, bob) = app.colleague(&mut ada, "bob@example.org", &[]).await;
    let (by, _) = app.credentials(ada.organization, bob.id).await.remove(0);
    let organization = ada.organization;
    let write = async |by: Option<CredentialId>| {
        let now = app.services.ambient.now();
        let session = Session {
            id_hash: base64url(&random::<32>()),
            user: Some((organization, bob.id)),
            data: "{}".to_owned(),
            address: String::new(),
            user_agent: String::new(),
            created_at: now,
            last_seen_at: now,
            expires_at: now.plus(Duration::from_hours(1)),
        };
        let token = Token {
            id: TokenId::from_bytes(random()),
            organization,
            user: bob.id,
            kind: TokenKind::LogIn,
            created_at: now,
            expires_at: session.expires_at,
            last_used_at: None,
        };
        let mut db = app.services.storage.begin().await.unwrap();
        (sessions::insert(&mut db, &session, by).await.unwrap(), tokens::insert(&mut db, &token, by).await.unwrap())
    };
    assert_eq!([write(Some(by)).await, write(None).await], [(true, true); 2]);
    assert_eq!(write(Some(CredentialId::from_bytes(random()))).await, (false, false), "by what isn't there any more");
    let (of_ada, _) = app.credentials(ada.organization, ada.as_user().await.id).await.remove(0);
    assert_eq!(write(Some(of_ada)).await, (false, false), "by somebody else's");
    for change in [Change::DeactivateUser { user: bob.clone() }, Change::ActivateUser { user: bob.clone() }] {
        let is_in = matches!(change, Change::ActivateUser { .. });
        ada.sign(&change).await;
        assert_eq!([write(Some(by)).await, write(None).await], [(is_in, is_in); 2], "{change:?}");
    }
    ada.sign(&Change::ReEnrolUser { user: bob.clone() }).await;
    assert_eq!([write(Some(by)).await, write(None).await], [(false, false); 2]);
}

/// What is signed in at the same moment is signed out with the rest, or was too late.
async fn whoever_signs_in_while_everything_ends_is_not_in(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    for number in 0..4 {
        let email = format!("bob{number}@example.org");
        let (mut bob, user) = colleague(&app, &mut ada, &email).await;
        let mut signing_in = Vec::new();
        for _ in 0..4 {
            let browser = app.browser();
            let challenge = browser.sign_in_challenge().await;
            let answer = bob.device.get(&challenge.options);
            signing_in.push(async move { browser.finish_sign_in(&challenge, &answer).await.status.as_u16() });
        }
        let all = together(signing_in);
        let own = if number % 2 == 0 {
            let shut_out = Ready::of(&mut ada, &Change::DeactivateUser { user: user.clone() }).await;
            let (statuses, ended) = tokio::join!(all, shut_out.hand_in());
            assert_eq!(ended.verdict(), DONE);
            assert!(statuses.iter().all(|status| *status < 500), "{statuses:?}");
            0
        } else {
            let ready = app.ready_to_recover(&bob).await;
            let (statuses, ended) = tokio::join!(all, ready.hand_in());
            assert_eq!(ended.verdict(), DONE, "{}", ended.text());
            assert!(statuses.iter().all(|status| *status < 500), "{statuses:?}");
            1
        };
        let sessions = format!("SELECT COUNT(*) FROM sessions WHERE user_id = '{}'", user.id);
        assert_eq!(app.number(&sessions).await, own, "{number}");
    }
    app.verify(ada.organization).await;
}

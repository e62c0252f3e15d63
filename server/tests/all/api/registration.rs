//! Registering by an invitation, recovering, and what the client's passkey signer makes of a challenge.

use super::refused;
use crate::support::{
    answer::Answer,
    app::TestApp,
    browser::Browser,
    caller::passkey_assertion,
    database::TestDatabase,
    device::{Device, base64url},
    key::KeyPair,
    person::{Person, code_in},
};
use app::{action::change::Change, domain::id::OrganizationId};
use axum::http::{Method, Request};
use serde_json::{Value, json};
use std::time::Duration;

on_both_databases!(
    whoever_is_invited_registers_a_key,
    the_clients_own_passkey_signer_works_here_and_on_the_pages,
    a_registration_is_finished_once,
    what_does_not_hold_registers_nothing,
    whoever_lost_their_key_recovers,
    a_recovery_needs_code_key_and_what_it_signed,
);

async fn invited(app: &TestApp, admin: &mut Person, email: &str) -> (String, String) {
    let user = admin.invite(email).await;
    (user.id.to_string(), code_in(&app.mails_to(email).await[0].text))
}

async fn begin(browser: &Browser, organization: OrganizationId, email: &str, code: &str) -> Answer {
    let body = json!({ "orgId": organization, "username": email, "registrationCode": code });
    browser.api_json(Method::POST, "/auth/registration/init", &body).await
}

async fn finish(browser: &Browser, path: &str, challenge: &Value, body: &Value) -> Answer {
    let token = challenge["temporaryAuthenticationToken"].as_str().unwrap();
    let request = Request::post(path).header("authorization", format!("Bearer {token}")).header("content-type", "application/json");
    browser.send(request.body(axum::body::Body::from(body.to_string())).unwrap()).await
}

fn with_key(key: &KeyPair, challenge: &Value) -> Value {
    let info = key.info(challenge["challenge"].as_str().unwrap());
    json!({ "firstFactorCredential": { "credentialKind": "Key", "credentialInfo": info } })
}

fn with_recovery_key(mut body: Value, key: &KeyPair, challenge: &Value) -> Value {
    let info = key.info(challenge["challenge"].as_str().unwrap());
    body["recoveryCredential"] =
        json!({ "credentialKind": "RecoveryKey", "credentialInfo": info, "encryptedPrivateKey": "sealed by its owner" });
    body
}

async fn log_in(browser: &Browser, organization: OrganizationId, email: &str, key: &KeyPair) -> Answer {
    let body = json!({ "orgId": organization, "username": email });
    let challenge = browser.api_json(Method::POST, "/auth/login/init", &body).await.answer();
    let assertion = json!({ "kind": "Key", "credentialAssertion": key.assertion(challenge["challenge"].as_str().unwrap()) });
    let body = json!({ "challengeIdentifier": challenge["challengeIdentifier"], "firstFactor": assertion });
    browser.api_json(Method::POST, "/auth/login", &body).await
}

async fn whoever_is_invited_registers_a_key(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let browser = app.browser();
    for (key, email) in [(KeyPair::ed25519(), "bob@example.org"), (KeyPair::p256(), "carl@example.org")] {
        let (user, code) = invited(&app, &mut ada, email).await;
        let challenge = begin(&browser, ada.organization, email, &code).await.answer();
        let body = with_recovery_key(with_key(&key, &challenge), &KeyPair::p256(), &challenge);
        let registered = finish(&browser, "/auth/registration", &challenge, &body).await.answer();
        assert_eq!(
            registered,
            json!({
                "credential": { "uuid": registered["credential"]["uuid"], "kind": "Key", "name": "Key" },
                "user": { "id": user, "username": email, "orgId": ada.organization },
            })
        );
        let token = log_in(&browser, ada.organization, email, &key).await.answer()["token"].as_str().unwrap().to_owned();
        let request = Request::get("/auth/credentials").header("authorization", format!("Bearer {token}"));
        let own = browser.send(request.body(axum::body::Body::empty()).unwrap()).await.answer();
        let items = own["items"].as_array().unwrap();
        assert_eq!(items.iter().map(|item| item["kind"].as_str().unwrap()).collect::<Vec<_>>(), ["Key", "RecoveryKey"]);
        assert_eq!((&items[0]["publicKey"], &items[0]["credentialId"]), (&json!(key.pem()), &json!(key.id)));
        assert!(!own.to_string().contains("sealed"), "only a recovery gets it back: {own}");
        refused(&log_in(&browser, ada.organization, email, &KeyPair::ed25519()).await, 403, "SignatureRefused");
    }
    app.verify(ada.organization).await;
}

/// `@dfns/sdk-browser` hands the authenticator the text of the challenge and of the user's id, and not their bytes.
async fn the_clients_own_passkey_signer_works_here_and_on_the_pages(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let browser = app.browser();
    let (_, code) = invited(&app, &mut ada, "bob@example.org").await;
    let challenge = begin(&browser, ada.organization, "bob@example.org", &code).await.answer();
    let as_text = |text: &Value| base64url(text.as_str().unwrap().as_bytes());
    let mut device = Device::security_key(&app.origin());
    let made = device.create(&json!({
        "rp": challenge["rp"],
        "user": { "id": as_text(&challenge["user"]["id"]), "name": "bob", "displayName": "bob" },
        "challenge": as_text(&challenge["challenge"]),
        "pubKeyCredParams": challenge["pubKeyCredParams"],
    }));
    let info = json!({
        "credId": made["id"],
        "clientData": made["response"]["clientDataJSON"],
        "attestationData": made["response"]["attestationObject"],
    });
    let body = json!({ "firstFactorCredential": { "credentialKind": "Fido2", "credentialInfo": info, "credentialName": "Mine" } });
    let registered = finish(&browser, "/auth/registration", &challenge, &body).await.answer();
    assert_eq!((&registered["credential"]["kind"], &registered["credential"]["name"]), (&json!("Fido2"), &json!("Mine")));
    for text in [true, false] {
        let asked = json!({ "orgId": ada.organization });
        let mut challenge = browser.api_json(Method::POST, "/auth/login/init", &asked).await.answer();
        if text {
            challenge["challenge"] = json!(as_text(&challenge["challenge"]));
        }
        let body =
            json!({ "challengeIdentifier": challenge["challengeIdentifier"], "firstFactor": passkey_assertion(&mut device, &challenge) });
        assert!(browser.api_json(Method::POST, "/auth/login", &body).await.answer()["token"].is_string());
    }
    // The same passkey signs in on the pages.
    let asked = browser.sign_in_challenge().await;
    let response = device.get(&asked.options);
    assert_eq!(browser.finish_sign_in(&asked, &response).await.status.as_u16(), 200);
    app.verify(ada.organization).await;
}

async fn a_registration_is_finished_once(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let browser = app.browser();
    let (_, code) = invited(&app, &mut ada, "bob@example.org").await;
    let [first, second] = [
        begin(&browser, ada.organization, "bob@example.org", &code).await.answer(),
        begin(&browser, ada.organization, "bob@example.org", &code).await.answer(),
    ];
    let (one, other) = (KeyPair::ed25519(), KeyPair::ed25519());
    let (bodies, path) = ([with_key(&one, &first), with_key(&other, &second)], "/auth/registration");
    let (left, right) = tokio::join!(finish(&browser, path, &first, &bodies[0]), finish(&browser, path, &second, &bodies[1]));
    let mut statuses = [left.status.as_u16(), right.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400], "{} {}", left.text(), right.text());
    refused(&finish(&browser, path, &first, &bodies[0]).await, 400, "AlreadyUsed");
    assert_eq!(begin(&browser, ada.organization, "bob@example.org", &code).await.status.as_u16(), 400, "the code is used up");
    app.verify(ada.organization).await;
}

async fn what_does_not_hold_registers_nothing(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let browser = app.browser();
    let (_, code) = invited(&app, &mut ada, "bob@example.org").await;
    let wrong = begin(&browser, ada.organization, "bob@example.org", "0000 0000 0000 0000").await;
    assert_eq!(wrong.error().0, 400);
    let unknown = begin(&browser, ada.organization, "nobody@example.org", "0000 0000 0000 0000").await;
    assert_eq!((unknown.error(), wrong.error().1), (wrong.error(), unknown.error().1));
    let challenge = begin(&browser, ada.organization, "bob@example.org", &code).await.answer();
    let key = KeyPair::ed25519();
    let path = "/auth/registration";
    let other = json!({ "challenge": base64url(&[7; 32]) });
    let mut password = with_key(&key, &challenge);
    password["firstFactorCredential"]["credentialKind"] = json!("Password");
    let mut second = with_key(&key, &challenge);
    second["secondFactorCredential"] = json!({});
    let mut recovery = with_key(&key, &challenge);
    recovery["firstFactorCredential"]["credentialKind"] = json!("RecoveryKey");
    let mut sealed = with_key(&key, &challenge);
    sealed["firstFactorCredential"]["encryptedPrivateKey"] = json!("x");
    let mut odd = with_key(&key, &challenge);
    odd["firstFactorCredential"]["credentialInfo"]["credId"] = json!("a b");
    for body in [with_key(&key, &other), password, second, recovery, sealed, odd, json!({})] {
        refused(&finish(&browser, path, &challenge, &body).await, 400, "BadRequest");
    }
    // A token of another kind, and none.
    let caller = app.caller(&mut ada).await.token;
    let as_caller = json!({ "temporaryAuthenticationToken": caller });
    refused(&finish(&browser, path, &as_caller, &with_key(&key, &challenge)).await, 401, "Unauthorized");
    refused(&browser.api_json(Method::POST, path, &with_key(&key, &challenge)).await, 401, "Unauthorized");
    let as_api = Request::get("/auth/credentials")
        .header("authorization", format!("Bearer {}", challenge["temporaryAuthenticationToken"].as_str().unwrap()));
    refused(&browser.send(as_api.body(axum::body::Body::empty()).unwrap()).await, 401, "Unauthorized");
    // It still stands, until its time is over or the invitation is revoked.
    app.advance(Duration::from_mins(29));
    ada.sign_in().await;
    let user = ada.users().await.users.into_iter().find(|row| row.user.handle.as_str() == "bob@example.org").unwrap().user;
    ada.sign(&Change::RevokeInvitation { user }).await;
    refused(&finish(&browser, path, &challenge, &with_key(&key, &challenge)).await, 400, "AlreadyUsed");
    assert_eq!(log_in(&browser, ada.organization, "bob@example.org", &key).await.status.as_u16(), 403);
    app.verify(ada.organization).await;
}

struct Lost {
    ada: Person,
    key: KeyPair,
    recovery: KeyPair,
}

/// Bob has a key and a recovery key, and has lost the first.
async fn lost(app: &TestApp) -> Lost {
    let mut ada = app.admin("ada@example.org").await;
    let browser = app.browser();
    let (_, code) = invited(app, &mut ada, "bob@example.org").await;
    let challenge = begin(&browser, ada.organization, "bob@example.org", &code).await.answer();
    let (key, recovery) = (KeyPair::ed25519(), KeyPair::p256());
    let body = with_recovery_key(with_key(&key, &challenge), &recovery, &challenge);
    finish(&browser, "/auth/registration", &challenge, &body).await.answer();
    Lost { ada, key, recovery }
}

async fn recovery_code(app: &TestApp, organization: OrganizationId) -> String {
    let body = json!({ "orgId": organization, "username": "bob@example.org" });
    app.browser().api_json(Method::POST, "/auth/recover/user/code", &body).await.answer();
    app.recovery_code("bob@example.org", 1).await
}

async fn come_back(app: &TestApp, organization: OrganizationId, code: &str, credential: &str) -> Answer {
    let body = json!({ "orgId": organization, "username": "bob@example.org", "verificationCode": code, "credentialId": credential });
    app.browser().api_json(Method::POST, "/auth/recover/user/init", &body).await
}

fn signed(recovery: &KeyPair, new: &Value) -> Value {
    let assertion = recovery.assertion(&base64url(new.to_string().as_bytes()));
    json!({ "recovery": { "kind": "RecoveryKey", "credentialAssertion": assertion }, "newCredentials": new })
}

async fn whoever_lost_their_key_recovers(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let Lost { ada, key, recovery } = lost(&app).await;
    let browser = app.browser();
    let code = recovery_code(&app, ada.organization).await;
    let challenge = come_back(&app, ada.organization, &code, &recovery.id).await.answer();
    assert_eq!(challenge["allowedRecoveryCredentials"], json!([{ "id": recovery.id, "encryptedRecoveryKey": "sealed by its owner" }]));
    let token = log_in(&browser, ada.organization, "bob@example.org", &key).await.answer()["token"].as_str().unwrap().to_owned();
    let (new_key, new_recovery) = (KeyPair::p256(), KeyPair::ed25519());
    let new = with_recovery_key(with_key(&new_key, &challenge), &new_recovery, &challenge);
    let recovered = finish(&browser, "/auth/recover/user", &challenge, &signed(&recovery, &new)).await.answer();
    assert_eq!(recovered["user"]["username"], "bob@example.org");
    let request = Request::get("/auth/credentials").header("authorization", format!("Bearer {token}"));
    refused(&browser.send(request.body(axum::body::Body::empty()).unwrap()).await, 401, "Unauthorized");
    refused(&log_in(&browser, ada.organization, "bob@example.org", &key).await, 403, "SignatureRefused");
    log_in(&browser, ada.organization, "bob@example.org", &new_key).await.answer();
    let subjects: Vec<String> = app.mails_to("bob@example.org").await.into_iter().map(|mail| mail.subject).collect();
    assert!(subjects.iter().any(|subject| subject.contains("was recovered")), "{subjects:?}");
    assert!(!app.mails_to("ada@example.org").await.iter().all(|mail| !mail.subject.contains("recovered")));
    // Neither the code nor the old recovery key is worth anything any more.
    assert_eq!(come_back(&app, ada.organization, &code, &new_recovery.id).await.status.as_u16(), 400);
    refused(&finish(&browser, "/auth/recover/user", &challenge, &signed(&recovery, &new)).await, 400, "AlreadyUsed");
    app.verify(ada.organization).await;
}

async fn a_recovery_needs_code_key_and_what_it_signed(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let Lost { mut ada, key, recovery } = lost(&app).await;
    let browser = app.browser();
    let code = recovery_code(&app, ada.organization).await;
    assert_eq!(come_back(&app, ada.organization, "0000 0000 0000 0000", &recovery.id).await.status.as_u16(), 400);
    refused(&come_back(&app, ada.organization, &code, &key.id).await, 404, "NotFound");
    let challenge = come_back(&app, ada.organization, &code, &recovery.id).await.answer();
    let (path, new_key) = ("/auth/recover/user", KeyPair::p256());
    let new = with_key(&new_key, &challenge);
    // Another key, another text, and a text that another one was made of.
    refused(&finish(&browser, path, &challenge, &signed(&KeyPair::p256(), &new)).await, 403, "SignatureRefused");
    refused(&finish(&browser, path, &challenge, &signed(&key, &new)).await, 403, "SignatureRefused");
    let mut other = signed(&recovery, &new);
    other["newCredentials"] = with_key(&KeyPair::ed25519(), &challenge);
    refused(&finish(&browser, path, &challenge, &other).await, 403, "NotSigned");
    let registration = json!({ "firstFactorCredential": new["firstFactorCredential"] });
    refused(&finish(&browser, "/auth/registration", &challenge, &registration).await, 401, "Unauthorized");
    let user = ada.users().await.users.into_iter().find(|row| row.user.handle.as_str() == "bob@example.org").unwrap().user;
    ada.sign(&Change::DeactivateUser { user: user.clone() }).await;
    refused(&finish(&browser, path, &challenge, &signed(&recovery, &new)).await, 401, "Unauthorized");
    ada.sign(&Change::ActivateUser { user }).await;
    finish(&browser, path, &challenge, &signed(&recovery, &new)).await.answer();
    app.verify(ada.organization).await;
}

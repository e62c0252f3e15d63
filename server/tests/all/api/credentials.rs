//! `/auth/credentials`: adding, deactivating, and adding by a code.

use super::refused;
use crate::support::{
    app::TestApp,
    caller::Caller,
    database::TestDatabase,
    device::{Device, base64url},
    key::KeyPair,
};
use axum::http::Method;
use serde_json::{Value, json};
use std::time::Duration;

on_both_databases!(
    a_key_is_added_signs_and_is_shut_out,
    a_passkey_and_a_recovery_key_are_added,
    a_code_lets_one_credential_in,
    what_was_not_asked_for_is_refused,
);

async fn challenge(caller: &Caller<'_>, kind: &str) -> Value {
    let body = json!({ "kind": kind }).to_string();
    caller.send(caller.request(Method::POST, "/auth/credentials/init"), &body).await.answer()
}

fn body(kind: &str, name: &str, info: Value, challenge: &Value) -> Value {
    json!({
        "credentialKind": kind, "credentialName": name, "credentialInfo": info,
        "challengeIdentifier": challenge["challengeIdentifier"],
    })
}

async fn a_key_is_added_signs_and_is_shut_out(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let mut caller = app.caller(&mut ada).await;
    let key = KeyPair::ed25519();
    let asked = challenge(&caller, "Key").await;
    assert!(asked["excludeCredentials"].is_null() && asked["authenticatorSelection"].is_null(), "{asked}");
    let new = body("Key", "Robot", key.info(asked["challenge"].as_str().unwrap()), &asked);
    let added = caller.call(Method::POST, "/auth/credentials", &new).await.answer();
    assert_eq!((&added["kind"], &added["name"], &added["isActive"]), (&json!("Key"), &json!("Robot"), &json!(true)));
    // It signs in its owner's name.
    let body = r#"{"name":"Readers","operations":["Auth:Users:Read"]}"#;
    let announced = caller.announce(Method::POST, "/permissions", body).await.answer();
    assert_eq!(announced["allowCredentials"]["key"], json!([{ "type": "public-key", "id": key.id }]));
    let assertion = json!({ "kind": "Key", "credentialAssertion": key.assertion(announced["challenge"].as_str().unwrap()) });
    let signature = json!({ "challengeIdentifier": announced["challengeIdentifier"], "firstFactor": assertion });
    let shown = caller.send(caller.request(Method::POST, "/auth/action"), &signature.to_string()).await.answer();
    caller.show(Method::POST, "/permissions", body, shown["userAction"].as_str().unwrap()).await.answer();

    let which = json!({ "credentialUuid": added["credentialUuid"] });
    caller.call(Method::PUT, "/auth/credentials/deactivate", &which).await.answer();
    refused(&caller.call(Method::PUT, "/auth/credentials/deactivate", &which).await, 422, "Impossible");
    let announced = caller.announce(Method::POST, "/permissions", r#"{"name":"More","operations":["Auth:Users:Read"]}"#).await.answer();
    assert_eq!(announced["allowCredentials"]["key"], json!([]));
    let assertion = json!({ "kind": "Key", "credentialAssertion": key.assertion(announced["challenge"].as_str().unwrap()) });
    let signature = json!({ "challengeIdentifier": announced["challengeIdentifier"], "firstFactor": assertion });
    refused(&caller.send(caller.request(Method::POST, "/auth/action"), &signature.to_string()).await, 403, "SignatureRefused");
    // Of what signs, one stays.
    let own = caller.get("/auth/credentials").await.answer();
    let first = json!({ "credentialUuid": own["items"][0]["credentialUuid"] });
    refused(&caller.call(Method::PUT, "/auth/credentials/deactivate", &first).await, 422, "Impossible");
    caller.call(Method::PUT, "/auth/credentials/activate", &which).await.answer();
    let kit = json!({ "credentialUuid": own["items"][1]["credentialUuid"] });
    refused(&caller.call(Method::PUT, "/auth/credentials/deactivate", &kit).await, 422, "Impossible");
    let nobody = json!({ "credentialUuid": "cr-00000-00000-0000000000000000" });
    refused(&caller.call(Method::PUT, "/auth/credentials/activate", &nobody).await, 404, "NotFound");
    app.verify(ada.organization).await;
    let subjects: Vec<String> = app.mails_to("ada@example.org").await.into_iter().map(|mail| mail.subject).collect();
    assert!(subjects.iter().any(|subject| subject == "A key was added to your account"), "{subjects:?}");
}

async fn a_passkey_and_a_recovery_key_are_added(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let mut caller = app.caller(&mut ada).await;
    let asked = challenge(&caller, "Fido2").await;
    assert_eq!(asked["excludeCredentials"].as_array().unwrap().len(), 1);
    let made = Device::password_manager(&app.origin()).create(&json!({
        "rp": asked["rp"],
        "user": { "id": base64url(asked["user"]["id"].as_str().unwrap().as_bytes()), "name": "ada", "displayName": "ada" },
        "challenge": asked["challenge"],
        "pubKeyCredParams": asked["pubKeyCredParams"],
    }));
    let info = json!({ "credId": made["id"], "clientData": made["response"]["clientDataJSON"], "attestationData": made["response"]["attestationObject"] });
    let added = caller.call(Method::POST, "/auth/credentials", &body("Fido2", "Phone", info, &asked)).await.answer();
    assert_eq!(added["kind"], "Fido2");

    let (asked, key) = (challenge(&caller, "RecoveryKey").await, KeyPair::p256());
    let mut new = body("RecoveryKey", "Safe", key.info(asked["challenge"].as_str().unwrap()), &asked);
    new["encryptedPrivateKey"] = json!("sealed");
    let added = caller.call(Method::POST, "/auth/credentials", &new).await.answer();
    assert_eq!((&added["kind"], &added["credentialId"]), (&json!("RecoveryKey"), &json!(key.id)));
    let own = caller.get("/auth/credentials").await.answer();
    let kinds: Vec<&str> = own["items"].as_array().unwrap().iter().map(|item| item["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Fido2", "Fido2", "RecoveryKey"], "the kit of before is gone");
    app.verify(ada.organization).await;
    let (lines, _) = app.export(ada.organization).await;
    assert!(!lines.iter().any(|line| line.contains("sealed\"") && line.contains("encryptedPrivateKey")), "history keeps its hash only");
}

async fn a_code_lets_one_credential_in(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let mut caller = app.caller(&mut ada).await;
    let browser = app.browser();
    for wrong in [
        json!("soon"),
        json!(0),
        json!(app.services.ambient.now().plus(Duration::from_mins(6)).to_string()),
        json!(app.services.ambient.now().as_millis()),
    ] {
        refused(&caller.call(Method::POST, "/auth/credentials/code", &json!({ "expiration": wrong })).await, 400, "BadRequest");
    }
    let until = app.services.ambient.now().plus(Duration::from_mins(4));
    let made = caller.call(Method::POST, "/auth/credentials/code", &json!({ "expiration": until.to_string() })).await.answer();
    let code = made["code"].as_str().unwrap();
    assert!(!format!("{:?}", app.dump().await).contains(code), "only its hash is kept");
    let init = async |code: &str| {
        browser.api_json(Method::POST, "/auth/credentials/code/init", &json!({ "credentialKind": "Key", "code": code })).await
    };
    refused(&init("AAAA").await, 400, "AlreadyUsed");
    let [first, second] = [init(code).await.answer(), init(code).await.answer()];
    let verify = async |asked: &Value, key: &KeyPair| {
        let new = body("Key", "Robot", key.info(asked["challenge"].as_str().unwrap()), asked);
        browser.api_json(Method::POST, "/auth/credentials/code/verify", &new).await
    };
    let (one, other) = (KeyPair::ed25519(), KeyPair::p256());
    let (left, right) = tokio::join!(verify(&first, &one), verify(&second, &other));
    let mut statuses = [left.status.as_u16(), right.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400], "{} {}", left.text(), right.text());
    refused(&init(code).await, 400, "AlreadyUsed");
    app.verify(ada.organization).await;

    // One that runs out between both calls.
    let mut caller = app.caller(&mut ada).await;
    let until = app.services.ambient.now().plus(Duration::from_mins(2));
    let made = caller.call(Method::POST, "/auth/credentials/code", &json!({ "expiration": until.as_millis() })).await.answer();
    let asked = init(made["code"].as_str().unwrap()).await.answer();
    app.advance(Duration::from_mins(2));
    refused(&verify(&asked, &KeyPair::ed25519()).await, 400, "AlreadyUsed");
    app.verify(ada.organization).await;
}

async fn what_was_not_asked_for_is_refused(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let (mut bob, _) = app.colleague(&mut ada, "bob@example.org", &[]).await;
    let foreign = challenge(&app.caller(&mut bob).await, "Key").await;
    let mut caller = app.caller(&mut ada).await;
    let asked = challenge(&caller, "Key").await;
    let key = KeyPair::ed25519();
    let info = key.info(asked["challenge"].as_str().unwrap());
    // Somebody else's challenge, another challenge's key, a name that is taken, a member too many.
    let theirs = body("Key", "Robot", key.info(foreign["challenge"].as_str().unwrap()), &foreign);
    refused(&caller.call(Method::POST, "/auth/credentials", &theirs).await, 400, "AlreadyUsed");
    let mixed = body("Key", "Robot", key.info(foreign["challenge"].as_str().unwrap()), &asked);
    refused(&caller.call(Method::POST, "/auth/credentials", &mixed).await, 400, "BadRequest");
    let mut sealed = body("Key", "Robot", info.clone(), &asked);
    sealed["encryptedPrivateKey"] = json!("x");
    refused(&caller.call(Method::POST, "/auth/credentials", &sealed).await, 400, "BadRequest");
    for kind in ["Password", "Totp", "PasswordProtectedKey"] {
        let body = json!({ "kind": kind }).to_string();
        refused(&caller.send(caller.request(Method::POST, "/auth/credentials/init"), &body).await, 400, "BadRequest");
    }
    caller.call(Method::POST, "/auth/credentials", &body("Key", "Robot", info.clone(), &asked)).await.answer();
    refused(&caller.call(Method::POST, "/auth/credentials", &body("Key", "Robot", info, &asked)).await, 400, "AlreadyUsed");
    let again = challenge(&caller, "Key").await;
    let info = KeyPair::ed25519().info(again["challenge"].as_str().unwrap());
    refused(&caller.call(Method::POST, "/auth/credentials", &body("Key", "Robot", info, &again)).await, 409, "Duplicate");
    let mut taken = key.info(again["challenge"].as_str().unwrap());
    taken["credId"] = json!(key.id);
    refused(&caller.call(Method::POST, "/auth/credentials", &body("Key", "Twin", taken, &again)).await, 409, "Conflict");
    app.verify(ada.organization).await;
}

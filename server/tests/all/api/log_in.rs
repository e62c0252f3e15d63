//! Tokens: who gets one, and when it ends.

use super::refused;
use crate::support::{app::TestApp, caller::passkey_assertion, database::TestDatabase, device::Device};
use app::{action::change::Change, domain::id::OrganizationId};
use axum::http::Method;
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use std::time::Duration;

on_both_databases!(
    a_token_names_organization_user_and_itself,
    a_token_ends,
    whoever_signs_in_must_be_who_they_say,
    an_answer_does_not_tell_who_is_known,
    cookies_and_tokens_are_not_each_other,
);

async fn a_token_names_organization_user_and_itself(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let user = ada.as_user().await.id;
    let caller = app.caller(&mut ada).await;
    let claims = caller.token.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&BASE64URL_NOPAD.decode(claims.as_bytes()).unwrap()).unwrap();
    let metadata = &claims["https://custom/app_metadata"];
    assert_eq!((&metadata["orgId"], &metadata["userId"]), (&json!(caller.organization), &json!(user)));
    assert!(metadata["tokenId"].as_str().unwrap().starts_with("to-"), "{claims}");
    assert!(!format!("{:?}", app.dump().await).contains(&caller.token), "a stolen database lets nobody in");
}

async fn a_token_ends(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let (mut bob, bob_user) = app.colleague(&mut ada, "bob@example.org", &[]).await;
    let credentials = "/auth/logout";
    // One by its owner,
    let one = app.caller(&mut bob).await;
    assert_eq!(one.send(one.request(Method::PUT, credentials), "{}").await.answer(), json!({ "message": "Signed out." }));
    refused(&one.send(one.request(Method::PUT, credentials), "{}").await, 401, "Unauthorized");
    // all of them with the sessions in browsers,
    let (first, second) = (app.caller(&mut bob).await.token, app.caller(&mut bob).await);
    second.send(second.request(Method::PUT, credentials), r#"{"allSessions":true}"#).await.answer();
    assert_eq!(bob.browser.viewer().await.status.as_u16(), 401);
    let mut again = app.caller(&mut bob).await;
    again.token = first;
    refused(&again.send(again.request(Method::PUT, credentials), "{}").await, 401, "Unauthorized");
    // in time,
    let late = app.caller(&mut bob).await.token;
    app.advance(Duration::from_hours(6));
    let mut again = app.caller(&mut bob).await;
    let fresh = std::mem::replace(&mut again.token, late);
    refused(&again.send(again.request(Method::PUT, credentials), "{}").await, 401, "Unauthorized");
    // and when their owner is shut out; nothing is left of it when they are let in again.
    ada.sign_in().await;
    ada.sign(&Change::DeactivateUser { user: bob_user.clone() }).await;
    let mut again = Some(fresh);
    for _ in 0..2 {
        let token = again.clone().unwrap();
        let request = axum::http::Request::put(credentials).header("authorization", format!("Bearer {token}"));
        let answer = app.browser().send(request.body(axum::body::Body::empty()).unwrap()).await;
        refused(&answer, 401, "Unauthorized");
        if ada.user_details(&bob_user).await.row.status != app::domain::user::UserStatus::Active {
            ada.sign(&Change::ActivateUser { user: bob_user.clone() }).await;
        }
        again = Some(token);
    }
}

async fn whoever_signs_in_must_be_who_they_say(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let mut eve = app.admin("eve@elsewhere.example").await;
    let browser = app.browser();
    let organization = ada.organization;
    let init = async |body: Value| browser.api_json(Method::POST, "/auth/login/init", &body).await;
    let finish = async |challenge: &Value, assertion: &Value| {
        let body = json!({ "challengeIdentifier": challenge["challengeIdentifier"], "firstFactor": assertion });
        browser.api_json(Method::POST, "/auth/login", &body).await
    };
    // Another organization's passkey, and another user's name.
    let challenge = init(json!({ "orgId": organization })).await.answer();
    let assertion = passkey_assertion(&mut eve.device, &challenge);
    refused(&finish(&challenge, &assertion).await, 403, "SignatureRefused");
    let challenge = init(json!({ "orgId": organization, "username": "bob@example.org" })).await.answer();
    let assertion = passkey_assertion(&mut ada.device, &challenge);
    refused(&finish(&challenge, &assertion).await, 403, "SignatureRefused");
    // A challenge is answered once, whoever it was.
    let challenge = init(json!({ "orgId": organization, "username": "ADA@example.org" })).await.answer();
    let assertion = passkey_assertion(&mut ada.device, &challenge);
    assert!(finish(&challenge, &assertion).await.answer()["token"].is_string());
    refused(&finish(&challenge, &assertion).await, 400, "BadRequest");
    // A passkey that nobody registered.
    let challenge = init(json!({ "orgId": organization })).await.answer();
    let assertion = passkey_assertion(&mut stray(&app), &challenge);
    refused(&finish(&challenge, &assertion).await, 403, "SignatureRefused");
    for body in [
        json!({}),
        json!({ "orgId": "acme" }),
        json!({ "orgId": organization, "username": "x" }),
        json!({ "orgId": organization, "password": "x" }),
    ] {
        refused(&init(body).await, 400, "BadRequest");
    }
    for kind in ["Password", "Totp"] {
        let assertion = json!({ "kind": kind, "password": "hunter2" });
        refused(&finish(&challenge, &assertion).await, 400, "BadRequest");
    }
}

/// A passkey of nobody here.
fn stray(app: &TestApp) -> Device {
    let mut device = Device::password_manager(&app.origin());
    let id = BASE64URL_NOPAD.encode(&[7; 16]);
    let options = json!({
        "rp": { "id": "localhost", "name": "Countersign" },
        "user": { "id": id, "name": "x", "displayName": "x" },
        "challenge": BASE64URL_NOPAD.encode(&[7; 32]),
        "pubKeyCredParams": [{ "type": "public-key", "alg": -7 }],
    });
    device.create(&options);
    device
}

async fn an_answer_does_not_tell_who_is_known(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let ada = app.admin("ada@example.org").await;
    let browser = app.browser();
    let mut shapes = Vec::new();
    for (organization, name) in [
        (ada.organization, "ada@example.org"),
        (ada.organization, "nobody@example.org"),
        (OrganizationId::from_bytes([9; 16]), "ada@example.org"),
    ] {
        let mut answer =
            browser.api_json(Method::POST, "/auth/login/init", &json!({ "orgId": organization, "username": name })).await.answer();
        for random in ["challenge", "challengeIdentifier"] {
            assert!(answer[random].is_string());
            answer[random] = Value::Null;
        }
        // Of whoever has none, an id that is nobody's, and always the same.
        assert_eq!(answer["allowCredentials"]["key"][0]["id"].as_str().unwrap().len(), 43);
        answer["allowCredentials"]["key"][0]["id"] = Value::Null;
        shapes.push(answer);
    }
    assert!(shapes.windows(2).all(|pair| pair[0] == pair[1]), "{shapes:?}");
}

async fn cookies_and_tokens_are_not_each_other(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    refused(&ada.browser.get("/auth/users").await, 401, "Unauthorized");
    let browser = ada.browser.clone();
    let caller = app.caller(&mut ada).await;
    let page = caller.get("/org/users").await;
    assert!(page.status.is_redirection(), "{}", page.status);
    for authorization in ["", "Bearer", "Bearer ", "Bearer x.y.z", "Basic YTpi", &format!("Token {}", caller.token)] {
        let request = axum::http::Request::get("/auth/users").header("authorization", authorization);
        refused(&browser.send(request.body(axum::body::Body::empty()).unwrap()).await, 401, "Unauthorized");
    }
    let lower = axum::http::Request::get("/auth/users").header("authorization", format!("bearer {}", caller.token));
    assert_eq!(browser.send(lower.body(axum::body::Body::empty()).unwrap()).await.status.as_u16(), 200);
}

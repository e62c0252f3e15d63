//! No change without a signature over exactly that change.

use super::refused;
use crate::support::{answer::Answer, app::TestApp, caller::Caller, database::TestDatabase};
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

on_both_databases!(
    what_was_signed_is_what_is_executed,
    a_signature_is_used_once,
    a_call_that_is_sent_again_gets_the_receipt_though_what_it_was_about_is_gone,
    nobody_uses_anothers_signature,
    signatures_run_out,
    a_query_belongs_to_what_is_signed,
    what_is_no_call_is_not_signed,
);

const BOB: &str = r#"{"email":"bob@example.org","kind":"CustomerEmployee","externalId":"4711"}"#;

fn body(answer: &Answer) -> Value {
    serde_json::from_str(answer.text()).unwrap()
}

async fn bob_is_there(caller: &Caller<'_>) -> bool {
    caller.get("/auth/users").await.text().contains("bob@example.org")
}

async fn what_was_signed_is_what_is_executed(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let mut caller = app.caller(&mut ada).await;
    refused(&caller.send(caller.request(Method::POST, "/auth/users"), BOB).await, 403, "NotSigned");
    let shown = caller.user_action(Method::POST, "/auth/users", BOB).await;
    for other in [
        r#"{"email":"eve@example.org","kind":"CustomerEmployee","externalId":"4711"}"#,
        r#"{"email":"bob@example.org","kind":"CustomerEmployee"}"#,
        r#"{"email":"Bob@example.org","kind":"CustomerEmployee","externalId":"4711"}"#,
    ] {
        refused(&caller.show(Method::POST, "/auth/users", other, &shown).await, 403, "NotSigned");
    }
    let twice = r#"{"email":"eve@example.org","email":"bob@example.org","kind":"CustomerEmployee","externalId":"4711"}"#;
    refused(&caller.show(Method::POST, "/auth/users", twice, &shown).await, 400, "BadRequest");
    let permission = r#"{"name":"X","operations":["Auth:Users:Read"]}"#;
    refused(&caller.show(Method::POST, "/permissions", permission, &shown).await, 403, "NotSigned");
    refused(&caller.show(Method::POST, "/auth/users", BOB, "AAAA").await, 403, "NotSigned");
    assert!(!bob_is_there(&caller).await);
    // The same, written otherwise.
    let otherwise = "{ \"externalId\": \"4711\",\n\"kind\": \"CustomerEmployee\", \"email\": \"bob@ex\\u0061mple.org\" }";
    assert_eq!(caller.show(Method::POST, "/auth/users", otherwise, &shown).await.status, StatusCode::OK);
    assert!(bob_is_there(&caller).await);
}

async fn a_signature_is_used_once(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let mut caller = app.caller(&mut ada).await;
    let challenge = caller.announce(Method::POST, "/auth/users", BOB).await.answer();
    let first = caller.sign(&challenge).await.answer();
    refused(&caller.sign(&challenge).await, 400, "AlreadyUsed");
    let shown = first["userAction"].as_str().unwrap();
    let show = || caller.show(Method::POST, "/auth/users", BOB, shown);
    let (one, other) = tokio::join!(show(), show());
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400], "{} {}", one.text(), other.text());
    // Whoever got no answer finds out that it was done, and as what.
    let lost = caller.show(Method::POST, "/auth/users", BOB, shown).await;
    refused(&lost, 400, "AlreadyUsed");
    let users = caller.get("/auth/users").await.answer();
    assert_eq!(users["items"].as_array().unwrap().len(), 2);
    let receipt = &body(&lost)["error"]["receipt"];
    app.verify(caller.organization).await;
    let latest = app.export(caller.organization).await.0.len() - 1;
    assert_eq!(receipt["index"], latest);
    assert!(users["items"].as_array().unwrap().iter().any(|user| user["userId"] == receipt["created"]), "{receipt}");
    assert!(receipt["checkpoint"] == caller.get("/countersign/v1/checkpoint").await.text(), "{receipt}");
    // For another call than the one that was signed it is no receipt; nor for anybody else.
    let eve = BOB.replace("bob@", "eve@");
    refused(&caller.show(Method::POST, "/auth/users", &eve, shown).await, 403, "NotSigned");
}

async fn a_call_that_is_sent_again_gets_the_receipt_though_what_it_was_about_is_gone(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let mut caller = app.caller(&mut ada).await;
    let bob = caller.call(Method::POST, "/auth/users", &serde_json::from_str(BOB).unwrap()).await.answer();
    let path = format!("/auth/users/{}", bob["userId"].as_str().unwrap());
    let shown = caller.user_action(Method::DELETE, &path, "").await;
    assert_eq!(caller.show(Method::DELETE, &path, "", &shown).await.status, StatusCode::OK);
    // Also after the time in which it could have been executed.
    app.advance(Duration::from_mins(6));
    let again = caller.show(Method::DELETE, &path, "", &shown).await;
    refused(&again, 400, "AlreadyUsed");
    assert!(body(&again)["error"]["receipt"]["index"].is_u64(), "{}", again.text());
    app.verify(ada.organization).await;
}

async fn nobody_uses_anothers_signature(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let full_admin = ada.permission("Full admin").await;
    let (mut carl, _) = app.colleague(&mut ada, "carl@example.org", &[&full_admin]).await;
    let mut elsewhere = app.admin("eve@elsewhere.example").await;
    let mut caller = app.caller(&mut ada).await;
    let challenge = caller.announce(Method::POST, "/auth/users", BOB).await.answer();
    for other in [&mut carl, &mut elsewhere] {
        let mut other = app.caller(other).await;
        // With a passkey of their own.
        let mut theirs = challenge.clone();
        theirs["allowCredentials"] = json!({ "webauthn": [], "key": [] });
        assert_ne!(other.sign(&theirs).await.status, StatusCode::OK);
    }
    let shown = caller.sign(&challenge).await.answer()["userAction"].as_str().unwrap().to_owned();
    for other in [&mut carl, &mut elsewhere] {
        let other = app.caller(other).await;
        refused(&other.show(Method::POST, "/auth/users", BOB, &shown).await, 403, "NotSigned");
    }
    assert!(!bob_is_there(&caller).await);
}

async fn signatures_run_out(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let mut caller = app.caller(&mut ada).await;
    let shown = caller.user_action(Method::POST, "/auth/users", BOB).await;
    let waiting = caller.announce(Method::POST, "/auth/users", BOB).await.answer();
    app.advance(Duration::from_mins(5));
    refused(&caller.show(Method::POST, "/auth/users", BOB, &shown).await, 403, "NotSigned");
    refused(&caller.sign(&waiting).await, 400, "AlreadyUsed");
    assert!(!bob_is_there(&caller).await);
}

async fn a_query_belongs_to_what_is_signed(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let readers = ada.define("Readers", &[app::domain::operation::Operation::UsersRead]).await;
    let (_, bob) = app.colleague(&mut ada, "bob@example.org", &[&readers]).await;
    let assignment = ada.user_details(&bob).await.permissions.unwrap()[0].assignment;
    let path = format!("/permissions/{}/assignments/{assignment}", readers.permission.id);
    let mut caller = app.caller(&mut ada).await;
    let forced = format!("{path}?force=true");
    let shown = caller.user_action(Method::DELETE, &forced, "{}").await;
    refused(&caller.show(Method::DELETE, &path, "{}", &shown).await, 403, "NotSigned");
    refused(&caller.show(Method::DELETE, &format!("{path}?force=false"), "{}", &shown).await, 403, "NotSigned");
    refused(&caller.show(Method::DELETE, &format!("{path}?force=perhaps"), "{}", &shown).await, 400, "BadRequest");
    refused(&caller.show(Method::DELETE, &format!("{path}?other=true"), "{}", &shown).await, 400, "BadRequest");
    // The client signs the path alone: here it asks for what is done anyway.
    let shown = caller.user_action(Method::DELETE, &path, "").await;
    assert_eq!(caller.show(Method::DELETE, &forced, "{}", &shown).await.status, StatusCode::NO_CONTENT);
}

async fn what_is_no_call_is_not_signed(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let caller = app.caller(&mut ada).await;
    for (method, path, body) in [
        (Method::GET, "/auth/users", ""),
        (Method::POST, "/auth/nothing", "{}"),
        (Method::POST, "auth/users", BOB),
        (Method::POST, "/auth/users/", BOB),
        (Method::POST, "//auth/users", BOB),
        (Method::POST, "/auth/users?force=true", BOB),
        (Method::POST, "/auth/users", ""),
        (Method::POST, "/auth/users", "{"),
        (Method::POST, "/auth/users", "{}{}"),
    ] {
        refused(&caller.announce(method, path, body).await, 400, "BadRequest");
    }
    let unknown = "us-00000-00000-0000000000000000";
    refused(&caller.announce(Method::DELETE, &format!("/auth/users/{unknown}"), "").await, 404, "NotFound");
    refused(&caller.announce(Method::DELETE, "/auth/users/nobody", "").await, 404, "NotFound");
    refused(&caller.announce(Method::DELETE, &format!("/auth/users/{unknown}"), r#"{"force":true}"#).await, 400, "BadRequest");
}

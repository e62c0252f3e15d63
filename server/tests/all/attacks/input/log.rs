//! What of it gets into the log.

use super::assert_unreadable;
use crate::{
    operations::{start, wait_for},
    support::{database::TestDatabase, live::free_origin},
};
use axum::http::Method;
use serde_json::json;

on_sqlite!(no_line_of_the_log_is_anybody_elses);

/// Whoever reads the log relies on each line being the server's own.
async fn no_line_of_the_log_is_anybody_elses(database: &TestDatabase) {
    let origin = free_origin();
    let (server, _folder) = start(database, &origin, &[]).await;
    let browser = server.browser();
    let forged = "x\n2100-01-01T00:00:00.000000Z  INFO zebra: forged\r\n\u{1b}[31mzebra";
    for body in [json!({ forged: 1 }), json!({ "orgId": forged }), json!({ "orgId": "x", "username": forged })] {
        let answer = browser.api_json(Method::POST, "/auth/login/init", &body).await;
        assert!(answer.status.is_client_error(), "{}", answer.text());
    }
    let kind = json!({ "challengeIdentifier": forged, "firstFactor": { "kind": forged, "credentialAssertion": {} } });
    assert_unreadable("kind", &browser.api_json(Method::POST, "/auth/login", &kind).await);
    let query: String = url::form_urlencoded::byte_serialize(forged.as_bytes()).collect();
    for path in [format!("/auth/users?{query}=1"), format!("/{query}"), format!("/login?next={query}"), format!("/auth/{query}")] {
        browser.get(&path).await;
    }
    browser.call(&query, &[(forged, forged)]).await;
    for response in [
        json!({ "id": "x", "rawId": "AAAA", "type": forged, "response": {} }),
        json!({ "id": forged, forged: forged }),
        json!({ "response": { "transports": [forged] } }),
    ] {
        let challenge = browser.sign_in_challenge().await;
        browser.finish_sign_in(&challenge, &response).await;
        browser.keep_passkey(&response).await;
    }
    browser.create_organization("eve@example.org", forged, forged).await;
    let begun = browser.create_organization("eve@example.org", "Eve", "Evil").await;
    browser.activate("eve@example.org", &begun.organization().to_string(), forged).await;
    let last = browser.api_json(Method::POST, "/auth/login/init", &json!({})).await.header("x-request-id").to_owned();
    wait_for(|| server.said().contains(&last)).await;
    let said = server.said();
    let foreign: Vec<&str> =
        said.lines().filter(|line| !line.starts_with("20") || line.starts_with("2100") || line.contains('\u{1b}')).collect();
    assert!(foreign.is_empty(), "{foreign:#?}");
    assert!(!said.contains('\r'), "{said}");
}

//! What is true of every call: methods, media types, sizes, limits, other sites' pages.

use super::refused;
use crate::support::{app::TestApp, database::TestDatabase};
use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};

on_sqlite!(
    other_methods_and_media_types_are_told,
    what_is_too_large_is_refused,
    whoever_asks_too_often_waits,
    pages_of_other_sites_may_not_call,
    pages_of_named_sites_may_call,
    every_answer_has_the_security_headers,
);

fn request(method: Method, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path)
}

async fn other_methods_and_media_types_are_told(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let browser = app.browser();
    let answer = browser.send(request(Method::PATCH, "/auth/users").body(Body::empty()).unwrap()).await;
    refused(&answer, 405, "MethodNotAllowed");
    assert_eq!(answer.header("allow"), "GET,HEAD,POST");
    let options = browser.send(request(Method::OPTIONS, "/auth/users").body(Body::empty()).unwrap()).await;
    assert_eq!((options.status, options.header("allow")), (StatusCode::NO_CONTENT, "GET,HEAD,POST"));
    let head = browser.send(request(Method::HEAD, "/auth/users").body(Body::empty()).unwrap()).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::UNAUTHORIZED, 0));
    for path in ["/auth/nothing", "/auth/users/x/y/z", "/permissions/x/y/z/w"] {
        refused(&browser.get(path).await, 404, "NotFound");
    }
    for (media_type, body) in [("text/plain", "{}"), ("", "{}"), ("application/x-www-form-urlencoded", "orgId=x")] {
        let sent = request(Method::POST, "/auth/login/init").header("content-type", media_type).body(Body::from(body)).unwrap();
        refused(&browser.send(sent).await, 415, "UnsupportedMediaType");
    }
    let sent = request(Method::POST, "/auth/login/init").header("content-type", "application/JSON; charset=utf-8");
    refused(&browser.send(sent.body(Body::from("{")).unwrap()).await, 400, "BadRequest");
}

async fn what_is_too_large_is_refused(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let body = format!(r#"{{"orgId":"{}"}}"#, "x".repeat(100_000));
    for length in [true, false] {
        let mut sent = request(Method::POST, "/auth/login/init").header("content-type", "application/json");
        if length {
            sent = sent.header("content-length", body.len());
        }
        refused(&app.browser().send(sent.body(Body::from(body.clone())).unwrap()).await, 413, "TooLarge");
    }
    let nested = format!(r#"{{"orgId":{}1{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    let sent = request(Method::POST, "/auth/login/init").header("content-type", "application/json");
    refused(&app.browser().send(sent.body(Body::from(nested)).unwrap()).await, 400, "BadRequest");
}

async fn whoever_asks_too_often_waits(database: &TestDatabase) {
    let app = TestApp::init(database).with_requests_per_minute(3).await;
    let browser = app.browser();
    let ask = || {
        browser.send(request(Method::POST, "/auth/login/init").header("content-type", "application/json").body(Body::from("{}")).unwrap())
    };
    for _ in 0..3 {
        refused(&ask().await, 400, "BadRequest");
    }
    let answer = ask().await;
    refused(&answer, 429, "TooMany");
    assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|seconds| (1..=21).contains(&seconds)), "{:?}", answer.headers);
    assert_eq!(browser.get("/auth/users").await.status, StatusCode::UNAUTHORIZED, "reading goes on");
}

async fn preflight(app: &TestApp, origin: &str) -> crate::support::answer::Answer {
    let sent = request(Method::OPTIONS, "/auth/users")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,x-dfns-useraction");
    app.browser().send(sent.body(Body::empty()).unwrap()).await
}

async fn pages_of_other_sites_may_not_call(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let answer = preflight(&app, "https://app.example.org").await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
    let sent = request(Method::GET, "/auth/users").header("origin", "https://app.example.org").header("sec-fetch-site", "cross-site");
    let answer = app.browser().send(sent.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
}

async fn pages_of_named_sites_may_call(database: &TestDatabase) {
    let app = TestApp::init(database).with_api_origin("https://app.example.org").await;
    let answer = preflight(&app, "https://app.example.org").await;
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example.org");
    assert!(answer.header("access-control-allow-headers").contains("x-dfns-useraction"));
    assert_eq!(answer.header("access-control-allow-credentials"), "", "cookies never come along");
    assert_eq!(preflight(&app, "https://evil.example").await.header("access-control-allow-origin"), "");
    let sent = request(Method::POST, "/auth/login/init")
        .header("origin", "https://app.example.org")
        .header("sec-fetch-site", "cross-site")
        .header("content-type", "application/json");
    let answer = app.browser().send(sent.body(Body::from("{}")).unwrap()).await;
    refused(&answer, 400, "BadRequest");
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example.org");
    // The pages' own functions stay closed.
    let sent = request(Method::POST, "/rpc/sign_out").header("origin", "https://app.example.org").header("sec-fetch-site", "cross-site");
    assert_eq!(app.browser().send(sent.body(Body::empty()).unwrap()).await.status, StatusCode::FORBIDDEN);
}

async fn every_answer_has_the_security_headers(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    for path in ["/auth/users", "/auth/nothing"] {
        let answer = app.browser().get(path).await;
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"), "{path}");
        assert_eq!((answer.header("cache-control"), answer.header("x-content-type-options")), ("no-store", "nosniff"), "{path}");
        assert_eq!(answer.header("set-cookie"), "", "{path}");
    }
}

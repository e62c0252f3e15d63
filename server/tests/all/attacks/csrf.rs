//! Another site's page, open in the browser of somebody who is signed in here, sends what it likes to this server. The browser says
//! where it comes from, and that is looked at before anything else.

use crate::{
    authorization::FUNCTIONS,
    support::{answer::DONE, app::TestApp, database::TestDatabase},
};
use axum::{
    body::Body,
    http::{
        Method, Request,
        header::{CONTENT_TYPE, COOKIE, HOST},
    },
};
use serde_json::Value;
use std::collections::BTreeSet;

on_both_databases!(nothing_that_another_site_sends_is_done);

on_sqlite!(
    what_our_own_pages_send_is_not_taken_for_another_sites,
    the_origin_counts_before_anything_else_is_looked_at,
    programs_calls_do_not_count_by_the_cookie,
    another_site_begins_no_export,
);

/// What a browser says of a request that another site's page made. Scripts can't set these headers.
const FOREIGN: [(&str, &[(&str, &str)]); 17] = [
    ("another site", &[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")]),
    ("another site, without its origin", &[("sec-fetch-site", "cross-site")]),
    ("a subdomain", &[("origin", "https://blog.id.example.org"), ("sec-fetch-site", "same-site")]),
    ("a sibling", &[("origin", "https://blog.example.org"), ("sec-fetch-site", "same-site")]),
    ("a sibling, without its origin", &[("sec-fetch-site", "same-site")]),
    ("this site by http", &[("origin", "http://id.example.org"), ("sec-fetch-site", "cross-site")]),
    ("another port", &[("origin", "https://id.example.org:8443"), ("sec-fetch-site", "same-site")]),
    ("a sandbox, or a redirect", &[("origin", "null"), ("sec-fetch-site", "cross-site")]),
    ("what no browser says", &[("sec-fetch-site", "Same-Origin")]),
    ("two answers in one", &[("sec-fetch-site", "same-origin, cross-site")]),
    ("an old browser: another site", &[("origin", "https://evil.example")]),
    ("an old browser: a sibling", &[("origin", "https://blog.example.org")]),
    ("an old browser: another port", &[("origin", "https://id.example.org:8443")]),
    ("an old browser: a sandbox", &[("origin", "null")]),
    ("an old browser: our name alone", &[("origin", "id.example.org")]),
    ("an old browser: a name that begins alike", &[("origin", "https://id.example.org.evil.example")]),
    ("an old browser: with our name before an @", &[("origin", "https://id.example.org@evil.example")]),
];

/// All that it is told.
const WORDS: &str = "Another site's page asked for this. Nothing was changed.";

async fn public(database: &TestDatabase) -> TestApp {
    TestApp::init(database).with_origin("https://id.example.org").with_mail_server().await
}

async fn nothing_that_another_site_sends_is_done(database: &TestDatabase) {
    let app = public(database).await;
    let admin = app.admin("ada@example.org").await;
    let person = app.with_passkey("bob@example.org").await;
    let before = app.dump().await;
    let form = "email=eve%40example.org&name=Eve&organization=Evil&code=1111222233334444&id=us-01040-g2081-040g2081040g2081";
    for (what, headers) in FOREIGN {
        for (function, _) in FUNCTIONS {
            // All that a form of another site can be made of, and JSON, which it can send as text.
            for (content_type, body) in [
                ("application/x-www-form-urlencoded", form),
                ("text/plain", "{}"),
                ("multipart/form-data; boundary=x", "--x--"),
                ("application/json", "{}"),
            ] {
                for browser in [&admin.browser, &person.browser] {
                    let mut request = Request::post(format!("/rpc/{function}")).header(CONTENT_TYPE, content_type);
                    for (name, value) in headers {
                        request = request.header(*name, *value);
                    }
                    let answer = browser.send(request.body(Body::from(body)).unwrap()).await;
                    assert_eq!(answer.status, 403, "{what} {function} {content_type}");
                    assert!(answer.text().contains(WORDS), "{what} {function} {content_type}: {}", answer.text());
                    assert!(!answer.headers.contains_key("set-cookie"), "{what} {function}");
                }
            }
        }
    }
    app.settle().await;
    assert_eq!(app.dump().await, before);
    assert_eq!(admin.browser.viewer().await.verdict(), DONE);
}

/// So that the table above refuses for the reason that it says.
async fn what_our_own_pages_send_is_not_taken_for_another_sites(database: &TestDatabase) {
    let app = public(database).await;
    let admin = app.admin("ada@example.org").await;
    let own: [(&str, &[(&str, &str)]); 4] = [
        ("a page of ours", &[("origin", "https://id.example.org"), ("sec-fetch-site", "same-origin")]),
        ("a page of ours that says nothing of itself", &[("sec-fetch-site", "same-origin")]),
        ("an old browser: a page of ours", &[("origin", "https://id.example.org")]),
        // Browsers without any of it are as old as those without passkeys; and no other site's page can be one that isn't a browser's.
        ("no browser", &[]),
    ];
    for (what, headers) in own {
        let mut request = Request::post("/rpc/viewer").header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        assert_eq!(admin.browser.send(request.body(Body::empty()).unwrap()).await.verdict(), DONE, "{what}");
    }
}

/// Neither how large it is, nor how often, nor whether there is such a thing is told to another site.
async fn the_origin_counts_before_anything_else_is_looked_at(database: &TestDatabase) {
    let app = TestApp::init(database).with_origin("https://id.example.org").with_mail_server().with_requests_per_minute(1).await;
    let browser = app.browser();
    for (method, path) in [
        (Method::POST, "/rpc/nothing"),
        (Method::POST, "/"),
        (Method::POST, "/nothing"),
        (Method::POST, "/seal.svg"),
        (Method::PUT, "/rpc/sign_out"),
        (Method::DELETE, "/rpc/sign_out"),
        (Method::PATCH, "/org"),
        (Method::TRACE, "/org"),
    ] {
        for (name, value) in [("x-http-method-override", "GET"), ("x-forwarded-host", "evil.example"), ("content-length", "70000")] {
            let request = Request::builder().method(method.clone()).uri(path).header("sec-fetch-site", "same-site").header(name, value);
            let answer = browser.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status, 403, "{method} {path} {name}");
            assert!(answer.text().contains(WORDS), "{method} {path} {name}: {}", answer.text());
        }
    }
    // None of that used up what this address may ask for.
    assert_eq!(browser.about().await.verdict(), DONE);
}

/// The API needs no check of the origin, because nothing that a browser sends by itself counts there.
async fn programs_calls_do_not_count_by_the_cookie(database: &TestDatabase) {
    let app = public(database).await;
    let admin = app.admin("ada@example.org").await;
    let cookie = format!("__Host-countersign={}", admin.browser.cookies()["__Host-countersign"]);
    let before = app.dump().await;
    let description: Value = serde_json::from_str(app.browser().get("/openapi.json").await.text()).unwrap();
    let mut asked = BTreeSet::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, call) in methods.as_object().unwrap() {
            let Ok(method) = method.to_uppercase().parse::<Method>() else { continue };
            if call["security"].as_array().is_none_or(Vec::is_empty) {
                continue;
            }
            let path = path.replace(['{', '}'], "");
            let request = Request::builder().method(method.clone()).uri(&path).header(COOKIE, &cookie).header(HOST, "id.example.org");
            let request = request.header(CONTENT_TYPE, "application/json").header("sec-fetch-site", "same-origin");
            let answer = app.browser().send(request.body(Body::from("{}")).unwrap()).await;
            assert_eq!(answer.error(), (401, "Unauthorized".to_owned()), "{method} {path}");
            // With a scheme of the browser's own, it isn't a token either.
            let basic = Request::builder().method(method.clone()).uri(&path).header("authorization", "Basic YWRhOmFkYQ==");
            let answer = app.browser().send(basic.header(CONTENT_TYPE, "application/json").body(Body::from("{}")).unwrap()).await;
            assert_eq!(answer.error(), (401, "Unauthorized".to_owned()), "{method} {path}");
            asked.insert((path, method.to_string()));
        }
    }
    assert!(asked.len() >= 35, "{asked:?}");
    assert_eq!(app.dump().await, before);
}

/// It is a download by GET, which a link on any page could begin, and costs as much as the history is long.
async fn another_site_begins_no_export(database: &TestDatabase) {
    let app = public(database).await;
    let admin = app.admin("ada@example.org").await;
    for (site, status) in
        [(Some("cross-site"), 403), (Some("same-site"), 403), (Some("same-origin"), 200), (Some("none"), 200), (None, 200)]
    {
        let mut request = Request::get("/org/history/export");
        if let Some(site) = site {
            request = request.header("sec-fetch-site", site);
        }
        let answer = admin.browser.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, status, "{site:?}");
        assert_eq!(answer.text().contains("genesis"), status == 200, "{site:?}: {}", answer.text());
    }
}

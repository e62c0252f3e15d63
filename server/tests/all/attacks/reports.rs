//! What browsers report of a page whose policy was violated. Anybody can write a report, and a browser's can hold what is private.

use crate::support::{answer::Answer, app::TestApp, browser::Browser, database::TestDatabase, logs::Logs};
use axum::{
    body::Body,
    http::{Request, header::CONTENT_TYPE},
};
use serde_json::{Value, json};

async fn report(browser: &Browser, body: &str) -> Answer {
    let request = Request::post("/csp-report").header(CONTENT_TYPE, "application/csp-report").header("sec-fetch-site", "same-origin");
    browser.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

fn violation(page: &str, blocked: &str) -> Value {
    json!({ "csp-report": {
        "document-uri": page,
        "referrer": "http://localhost:3000/get-started?email=ada@example.org",
        "violated-directive": "script-src-elem",
        "effective-directive": "script-src-elem",
        "original-policy": "default-src 'none'",
        "disposition": "enforce",
        "blocked-uri": blocked,
        "line-number": 7,
        "source-file": "http://localhost:3000/pkg/x.js?secret",
        "status-code": 200,
        "script-sample": "let code = 1111222233334444",
    } })
}

#[tokio::test]
async fn a_violation_is_noted_without_what_is_private() {
    let app = TestApp::init(&TestDatabase::sqlite()).await;
    let browser = app.browser();
    let logs = Logs::listen();
    let page = "http://localhost:3000/get-started/mail?email=ada@example.org#3CODE";
    let answer = report(&browser, &violation(page, "https://evil.example/x.js?y").to_string()).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (204, ""));
    let text = logs.text();
    let line = text.lines().find(|line| line.contains("a page's policy was violated")).unwrap_or_else(|| panic!("{text}"));
    for part in [
        "WARN",
        "page=\"http://localhost:3000/get-started/mail\"",
        "directive=\"script-src-elem\"",
        "blocked=\"https://evil.example/x.js\"",
        "line=7",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    for private in ["ada@example.org", "3CODE", "1111222233334444", "secret"] {
        assert!(!text.contains(private), "{private}: {text}");
    }
}

#[tokio::test]
async fn a_report_can_not_forge_a_line_or_fill_the_log() {
    let app = TestApp::init(&TestDatabase::sqlite()).await;
    let logs = Logs::listen();
    let forged = "x\n2100-01-01T00:00:00Z ERROR server: the database is gone\r\u{1b}[2J".to_owned() + &"y".repeat(10_000);
    assert_eq!(report(&app.browser(), &violation(&forged, &forged).to_string()).await.status, 204);
    let text = logs.text();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("the database is gone")).collect();
    assert_eq!(lines.len(), 1, "{text}");
    assert!(lines[0].contains("a page's policy was violated") && lines[0].len() < 1_500 && !lines[0].contains('\u{1b}'), "{text}");
}

#[tokio::test]
async fn what_is_no_report_is_refused_and_not_noted() {
    let app = TestApp::init(&TestDatabase::sqlite()).with_requests_per_minute(12).await;
    let browser = app.browser();
    let logs = Logs::listen();
    for body in ["", "{}", "[]", "null", "{\"csp-report\":1}", "{\"csp-report\":{\"blocked-uri\":1}}", "<csp-report/>"] {
        assert_eq!(report(&browser, body).await.status, 400, "{body}");
    }
    assert_eq!(report(&browser, &"[".repeat(60_000)).await.status, 400, "too deep");
    assert_eq!(report(&browser, &format!("{{\"csp-report\":{{\"blocked-uri\":\"{}\"}}}}", "a".repeat(70_000))).await.status, 413);
    let evil = Request::post("/csp-report").header("sec-fetch-site", "cross-site").body(Body::from("{\"csp-report\":{}}")).unwrap();
    assert_eq!(browser.send(evil).await.status, 403, "another site's page");
    assert!(!logs.text().contains("a page's policy was violated"), "{}", logs.text());
    // A report counts like every request that isn't only reading.
    let mut statuses = Vec::new();
    while statuses.last() != Some(&429) && statuses.len() < 12 {
        statuses.push(report(&browser, "{\"csp-report\":{}}").await.status.as_u16());
    }
    assert_eq!((statuses[0], *statuses.last().unwrap()), (204, 429), "{statuses:?}");
}

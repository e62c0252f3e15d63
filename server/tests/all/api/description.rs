//! The API's description: committed, so that a diff shows what changes for whoever builds on it; and as it is served.

use crate::support::{app::TestApp, blessed::assert_committed, database::TestDatabase};
use axum::http::StatusCode;
use serde_json::Value;
use server::api::description;
use std::collections::BTreeSet;

on_sqlite!(it_is_served_to_programs_and_to_people);

/// What stands in the members of this name, wherever they are.
fn values<'a>(name: &str, value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get(name).and_then(Value::as_str));
            members.values().for_each(|value| values(name, value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| values(name, value, found)),
        _ => {}
    }
}

#[test]
fn the_committed_description_is_the_servers() {
    let text = serde_json::to_string_pretty(&description()).unwrap();
    assert_committed("../docs/openapi.json", &format!("{text}\n"));
}

#[test]
fn every_reference_leads_somewhere_and_every_call_has_its_own_name() {
    let description = serde_json::to_value(description()).unwrap();
    assert_eq!(description["openapi"], "3.1.0");
    let mut references = Vec::new();
    values("$ref", &description, &mut references);
    assert!(references.len() > 100, "{}", references.len());
    for reference in references {
        let place = reference.strip_prefix('#').unwrap();
        assert!(description.pointer(place).is_some(), "{reference} leads nowhere");
    }
    let mut names = Vec::new();
    values("operationId", &description["paths"], &mut names);
    let calls: usize = description["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len()).sum();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), calls, "{names:?}");
}

async fn it_is_served_to_programs_and_to_people(database: &TestDatabase) {
    let browser = TestApp::init(database).await.browser();
    let served = browser.get("/openapi.json").await;
    assert_eq!((served.status, served.header("content-type")), (StatusCode::OK, "application/json"));
    assert_eq!(served.answer(), serde_json::to_value(description()).unwrap());
    let page = browser.get("/docs").await;
    assert_eq!((page.status, page.header("content-type")), (StatusCode::OK, "text/html; charset=utf-8"));
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'self';") && !policy.contains("script"), "{policy}");
    assert!(page.text().contains("POST</") && page.text().contains("/auth/action/init") && !page.text().contains("<script"));
}

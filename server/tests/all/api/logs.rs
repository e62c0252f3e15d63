//! `/auth/action/logs`: history for programs, each entry verifiable by what it holds.

use super::refused;
use crate::support::{app::TestApp, database::TestDatabase, device::Device};
use app::action::history::entry::Entry;
use axum::http::Method;
use data_encoding::{BASE64, BASE64URL_NOPAD};
use ring::{
    digest::{SHA256, digest},
    signature::{ECDSA_P256_SHA256_ASN1, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey},
};
use serde_json::{Value, json};
use std::time::Duration;

on_both_databases!(a_table_of_what_was_done, an_entry_is_verified_by_what_it_holds);

on_sqlite!(a_table_that_is_too_long_says_that_it_was_cut);

const ALWAYS: &str = "startTime=2000-01-01T00:00:00Z&endTime=2200-01-01T00:00:00%2B01:00";

async fn a_table_of_what_was_done(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let user = ada.as_user().await.id;
    let (_, bob) = app.colleague(&mut ada, "bob@example.org", &[]).await;
    app.advance(Duration::from_mins(1));
    let evening = app.services.ambient.now();
    let mut caller = app.caller(&mut ada).await;
    caller.call(Method::POST, "/permissions", &json!({ "name": "Readers, all", "operations": ["Auth:Users:Read"] })).await.answer();
    let path = format!("/auth/action/logs?{ALWAYS}");
    let request = caller.request(Method::GET, &path).header("accept", "text/csv");
    let answer = caller.browser.send(request.body(axum::body::Body::empty()).unwrap()).await;
    let in_json: String = caller.get(&path).await.done();
    assert_eq!(in_json, answer.text());
    assert_eq!((answer.header("content-type"), answer.header("x-truncated")), ("text/csv; charset=utf-8", "false"));
    let mut table = csv::Reader::from_reader(answer.body.as_slice());
    assert_eq!(table.headers().unwrap(), ["id", "action", "userId", "username", "datePerformed", "description"].as_slice());
    let rows: Vec<Vec<String>> = table.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
    let actions: Vec<&str> = rows.iter().map(|row| row[1].as_str()).collect();
    assert_eq!(actions, ["create_organization", "create_user", "register", "create_permission"]);
    assert_eq!(rows[3][2..4], [user.to_string(), "ada@example.org".to_owned()]);
    assert_eq!(rows[3][5], "Create permission “Readers, all” with 1 operation");
    assert_eq!(rows[2][2], bob.id.to_string());

    let count = async |query: &str| {
        let answer = caller.get(&format!("/auth/action/logs?{query}")).await;
        answer.done::<String>().lines().count() - 1
    };
    assert_eq!(count(&format!("{ALWAYS}&userId={}", bob.id)).await, 1);
    assert_eq!(count(&format!("startTime={evening}&endTime=2200-01-01T00:00:00Z")).await, 1);
    assert_eq!(count(&format!("startTime=2000-01-01T00:00:00Z&endTime={evening}")).await, 3);
    assert_eq!(count("startTime=2200-01-01T00:00:00Z&endTime=2000-01-01T00:00:00Z").await, 0);
    for query in [
        "",
        "startTime=2000-01-01T00:00:00Z",
        "startTime=yesterday&endTime=today",
        &format!("{ALWAYS}&userId=bob"),
        &format!("{ALWAYS}&x=1"),
    ] {
        refused(&caller.get(&format!("/auth/action/logs?{query}")).await, 400, "BadRequest");
    }
}

async fn a_table_that_is_too_long_says_that_it_was_cut(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let first = Entry::parse(&app.export(ada.organization).await.0[0]).unwrap();
    let another = |index| Entry { index, ..first.clone() }.to_line().unwrap();
    let path = format!("/auth/action/logs?{ALWAYS}");
    app.lengthen(ada.organization, (1..10_000).map(another)).await;
    let caller = app.caller(&mut ada).await;
    for (is_cut, more) in [("false", 10_000), ("true", 10_001)] {
        let answer = caller.get(&path).await;
        assert_eq!((answer.header("x-truncated"), answer.done::<String>().lines().count()), (is_cut, 10_001), "with the heading");
        app.lengthen(caller.organization, [another(more)]).await;
    }
}

async fn an_entry_is_verified_by_what_it_holds(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    for device in [Device::security_key(&app.origin()), Device::signing_with_rsa(&app.origin())] {
        let mut ada = app.admin_with("ada@example.org", device).await;
        let mut caller = app.caller(&mut ada).await;
        caller.call(Method::POST, "/permissions", &json!({ "name": "Readers", "operations": ["Auth:Users:Read"] })).await.answer();
        let table: String = caller.get(&format!("/auth/action/logs?{ALWAYS}")).await.done();
        let ids: Vec<&str> = table.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
        let genesis = caller.get(&format!("/auth/action/logs/{}", ids[0])).await.answer();
        assert_eq!((&genesis["action"], &genesis["firstFactorCredential"]["assertion"]), (&json!("create_organization"), &Value::Null));
        verify(&caller.get(&format!("/auth/action/logs/{}", ids[1])).await.answer());
        refused(&caller.get("/auth/action/logs/uj-00000-00000-0000000000000009").await, 404, "NotFound");
        refused(&caller.get("/auth/action/logs/1").await, 404, "NotFound");
    }
}

/// As someone else would who has nothing but this answer.
fn verify(log: &Value) {
    let bytes = |value: &Value| BASE64URL_NOPAD.decode(value.as_str().unwrap().as_bytes()).unwrap();
    let credential = &log["firstFactorCredential"];
    let (document, assertion) = (bytes(&log["actionToken"]), &credential["assertion"]);
    let client_data = bytes(&assertion["clientData"]);
    let says: Value = serde_json::from_slice(&client_data).unwrap();
    let length = u32::try_from(document.len()).unwrap().to_be_bytes();
    let framed = [b"countersign/action/v1\0", length.as_slice(), &document].concat();
    assert_eq!(bytes(&says["challenge"]), digest(&SHA256, &framed).as_ref());
    let message = [bytes(&assertion["authenticatorData"]), digest(&SHA256, &client_data).as_ref().to_vec()].concat();
    let pem: String = credential["publicKey"].as_str().unwrap().lines().filter(|line| !line.starts_with('-')).collect();
    let spki = BASE64.decode(pem.as_bytes()).unwrap();
    let signature = bytes(&assertion["signature"]);
    // A point is the last 65 bytes; an RSA key is what is behind 24 bytes.
    let verified = if spki.len() == 91 {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &spki[26..]).verify(&message, &signature)
    } else {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &spki[24..]).verify(&message, &signature)
    };
    verified.expect("the signature holds");
    assert_eq!((&log["action"], &credential["kind"]), (&json!("create_permission"), &json!("Fido2")));
}

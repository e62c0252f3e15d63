//! JSON that means two things, or none, or costs whoever reads it dear: wherever JSON is taken in. And lists, asked for more than there
//! is or for what is somebody else's. A file for each that reads it; here is what they are all given.

mod api;
mod log;
mod pages;
mod verify;

use super::wire::assert_clear;
use crate::support::{
    answer::Answer,
    app::TestApp,
    browser::Browser,
    company::Company,
    key::KeyPair,
    person::{Person, code_in},
};
use axum::{
    body::Body,
    http::{
        Method, Request,
        header::{AUTHORIZATION, CONTENT_TYPE},
    },
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The JSON pointers of the objects in it.
fn objects(value: &Value, path: String) -> Vec<String> {
    match value {
        Value::Object(members) => {
            let inner: Vec<String> = members.iter().flat_map(|(name, member)| objects(member, format!("{path}/{name}"))).collect();
            [vec![path], inner].concat()
        }
        Value::Array(items) => items.iter().enumerate().flat_map(|(place, item)| objects(item, format!("{path}/{place}"))).collect(),
        _ => Vec::new(),
    }
}

/// JSON whose object at this pointer begins with `more`, which no JSON tree could hold.
pub fn written(value: &Value, path: &str, at: &str, more: &str) -> String {
    match value {
        Value::Object(members) => {
            let own = members
                .iter()
                .map(|(name, member)| format!("{}:{}", Value::from(name.as_str()), written(member, &format!("{path}/{name}"), at, more)));
            let first = (path == at).then(|| more.to_owned());
            format!("{{{}}}", first.into_iter().chain(own).collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            let own = items.iter().enumerate().map(|(place, item)| written(item, &format!("{path}/{place}"), at, more));
            format!("[{}]", own.collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

/// The same JSON, but somewhere in it a member comes twice, once as something else, or one that nobody knows.
pub fn ambiguous(value: &Value) -> Vec<String> {
    let mut texts = Vec::new();
    for at in objects(value, String::new()) {
        texts.push(written(value, "", &at, r#""zebra":null"#));
        for (name, member) in value.pointer(&at).unwrap().as_object().unwrap() {
            let other = if member.is_null() { json!("other") } else { Value::Null };
            texts.push(written(value, "", &at, &format!("{}:{other}", Value::from(name.as_str()))));
            texts.push(written(value, "", &at, &format!("{}:{member}", Value::from(name.as_str()))));
            let spelled = name.chars().map(|char| format!("\\u{:04x}", u32::from(char))).collect::<Vec<_>>().concat();
            texts.push(written(value, "", &at, &format!("\"{spelled}\":{other}")));
        }
    }
    texts
}

fn utf16(text: &str) -> Vec<u8> {
    [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

/// The same JSON, but spoiled: no reader of JSON should take it, whatever it is about.
pub fn spoiled(value: &Value) -> Vec<Vec<u8>> {
    let text = value.to_string();
    // What follows a member that is put before the others.
    let rest = if text == "{}" { "}".to_owned() } else { format!(",{}", &text[1..]) };
    let mut spoiled: Vec<Vec<u8>> = [
        format!("\u{feff}{text}"),
        format!("{text}{text}"),
        format!("{text},"),
        format!("{text}\0"),
        format!("\0{text}"),
        format!("[{text}]"),
        format!("({text})"),
        format!(")]}}',\n{text}"),
        format!("{text}//"),
        format!("/**/{text}"),
        text.replace('"', "'"),
        format!("{},}}", &text[..text.len() - 1]),
        text[..text.len() - 1].to_owned(),
        Value::from(text.clone()).to_string(),
        format!("{{\"\":{{}}{rest}"),
    ]
    .map(String::into_bytes)
    .to_vec();
    for value in [
        "NaN",
        "Infinity",
        "-",
        "01",
        "+1",
        ".5",
        "1.",
        "0x1",
        "1e",
        "1e400",
        "-1e400",
        "1e99999999999",
        "True",
        "undefined",
        "\"\\ud800\"",
        "\"\\udc00\\ud800\"",
        "\"\\x41\"",
        "\"\n\"",
        "\"\0\"",
    ] {
        spoiled.push(format!("{{\"zebra\":{value}{rest}").into_bytes());
    }
    spoiled.push(utf16(&text));
    for odd in [b"\"\xff\"".as_slice(), b"\"\xc0\xaf\"", b"\"\xed\xa0\x80\""] {
        spoiled.push([b"{\"zebra\":".as_slice(), odd, rest.as_bytes()].concat());
    }
    // Without a bottom, as far as a body goes.
    let depth = 30_000;
    spoiled.push(format!("{{\"zebra\":{}{}{rest}", "[".repeat(depth), "]".repeat(depth)).into_bytes());
    spoiled.push("{\"zebra\":".repeat(6000).into_bytes());
    spoiled.push("[".repeat(60_000).into_bytes());
    // An empty object has no quotation marks that could be others.
    spoiled.retain(|spoiled| *spoiled != text.as_bytes());
    spoiled
}

/// A call with this token, its body as it is written here.
pub async fn call(browser: &Browser, method: Method, path: &str, token: &str, content_type: &str, body: impl Into<Body>) -> Answer {
    let request =
        Request::builder().method(method).uri(path).header(AUTHORIZATION, format!("Bearer {token}")).header(CONTENT_TYPE, content_type);
    browser.send(request.body(body.into()).unwrap()).await
}

/// Asserts that nothing was written but that a user and a token were heard of.
pub async fn assert_unchanged(app: &TestApp, before: &BTreeMap<String, Vec<String>>) {
    let after = app.dump().await;
    for (table, rows) in before.iter().filter(|(table, _)| !["tokens", "users"].contains(&table.as_str())) {
        assert_eq!(rows, &after[table], "{table}");
    }
}

#[track_caller]
pub fn assert_unreadable(what: &str, answer: &Answer) {
    assert_eq!(answer.error(), (400, "BadRequest".to_owned()), "{what}: {}", answer.text());
    assert_clear(what, answer);
    assert!(answer.body.len() < 1000, "{what}: it repeats all that was sent");
}

/// The token with which an invited user registers.
pub async fn temporary_token(app: &TestApp, admin: &mut Person, email: &str) -> Value {
    admin.invite(email).await;
    let code = code_in(&app.mails_to(email).await[0].text);
    let body = json!({ "orgId": admin.organization, "username": email, "registrationCode": code });
    app.browser().api_json(Method::POST, "/auth/registration/init", &body).await.answer()
}

pub fn credential(kind: &str, key: &KeyPair, challenge: &Value) -> Value {
    json!({ "credentialKind": kind, "credentialInfo": key.info(challenge["challenge"].as_str().unwrap()), "credentialName": kind })
}

/// A new user registered this key and this recovery key.
pub async fn registered(app: &TestApp, admin: &mut Person, email: &str) -> (KeyPair, KeyPair) {
    let challenge = temporary_token(app, admin, email).await;
    let (key, recovery) = (KeyPair::ed25519(), KeyPair::p256());
    let body = json!({
        "firstFactorCredential": credential("Key", &key, &challenge),
        "recoveryCredential": credential("RecoveryKey", &recovery, &challenge),
    });
    let token = challenge["temporaryAuthenticationToken"].as_str().unwrap();
    for text in ambiguous(&body) {
        assert_unreadable(&text, &call(&app.browser(), Method::POST, "/auth/registration", token, "application/json", text.clone()).await);
    }
    call(&app.browser(), Method::POST, "/auth/registration", token, "application/json", body.to_string()).await.answer();
    (key, recovery)
}

/// Another company, and places in its lists.
pub async fn foreign_places(app: &TestApp) -> (Company, Vec<String>) {
    let mut other = Company::open(app, "example.net").await;
    let foreign = app.caller(&mut other.admin).await;
    let mut tokens = Vec::new();
    for list in ["/auth/users", "/auth/service-accounts", "/permissions"] {
        tokens.extend(foreign.get(&format!("{list}?limit=1")).await.answer()["nextPageToken"].as_str().map(str::to_owned));
    }
    assert!(tokens.len() >= 2, "{tokens:?}");
    (other, tokens)
}

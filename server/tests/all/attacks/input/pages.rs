//! What the pages' server functions read.

use super::{ambiguous, assert_unchanged, foreign_places, spoiled, written};
use crate::{
    attacks::wire::assert_clear,
    support::{
        answer::{Answer, DONE, refused},
        app::TestApp,
        browser::Browser,
        company::Company,
        database::TestDatabase,
        signing::{create_user, options},
    },
};
use app::{
    domain::id::{ActionId, ChallengeId, CodeId},
    refusal::Code,
};
use axum::{body::Body, http::header::CONTENT_TYPE};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, path::Path};

on_sqlite!(
    no_server_function_reads_what_is_no_json_of_its_own,
    what_a_browser_says_twice_is_not_read,
    what_a_browser_was_told_is_no_place_to_hide_depth,
    other_kinds_of_content_are_refused,
);
on_both_databases!(lists_on_pages_have_no_foreign_places);

async fn send(browser: &Browser, function: &str, content_type: &str, body: impl Into<Body>) -> Answer {
    browser.send(browser.post(function).header(CONTENT_TYPE, content_type).body(body.into()).unwrap()).await
}

/// The server functions that take JSON, by what is declared.
fn taking_json() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../app/src/rpc");
    let sources = fs::read_dir(folder).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let mut functions = BTreeSet::new();
    for source in sources {
        for attribute in source.lines().filter(|line| line.trim_start().starts_with("#[server(") && line.contains("input")) {
            assert!(attribute.contains("input = StrictJson"), "{attribute}: JSON is read strictly");
            functions.insert(attribute.split("endpoint = \"").nth(1).unwrap().split('"').next().unwrap().to_owned());
        }
    }
    functions
}

/// Arguments that each of them can read; of the changes, one of each kind.
fn arguments(company: &Company) -> Vec<(&'static str, Value)> {
    let changes: Vec<Value> = company.every_change().iter().map(|change| serde_json::to_value(change).unwrap()).collect();
    let own = |place: &str| changes.iter().find_map(|change| change.pointer(&format!("/own_account/{place}"))).unwrap().clone();
    let mut arguments: Vec<(&str, Value)> = [
        "start_passkey",
        "start_sign_in",
        "start_kit_test",
        "start_new_passkey",
        "start_new_kit",
        "start_recovery_passkey",
        "offer_passkey",
        "start_offered_passkey",
    ]
    .map(|function| (function, json!({})))
    .to_vec();
    arguments.extend([
        ("commit_change", json!({ "action": ActionId::from_bytes([7; 16]), "response": {} })),
        ("commit_recovery", json!({ "action": ActionId::from_bytes([7; 16]), "signature": "" })),
        ("finish_kit_test", json!({ "id": ChallengeId::from_bytes([7; 16]), "signature": "" })),
        ("finish_registration", json!({ "recovery_key": own("replace_recovery_key/recovery_key") })),
        ("finish_sign_in", json!({ "challenge": ChallengeId::from_bytes([7; 16]), "response": {} })),
        ("keep_passkey", json!({ "response": {} })),
        ("offered_passkey", json!({ "id": CodeId::from_bytes([7; 16]) })),
        ("prepare_recovery", json!({ "change": { "remove_passkey": own("remove_passkey") } })),
        ("present_passkey", json!({ "passkey": own("add_passkey/passkey") })),
        ("prove_recovery_kit", json!({ "signature": "" })),
    ]);
    arguments.extend(changes.into_iter().map(|change| ("prepare_change", json!({ "change": change }))));
    arguments
}

async fn no_server_function_reads_what_is_no_json_of_its_own(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let company = Company::open(&app, "example.org").await;
    let browser = &company.admin.browser;
    let arguments = arguments(&company);
    assert_eq!(arguments.iter().map(|(function, _)| (*function).to_owned()).collect::<BTreeSet<_>>(), taking_json());
    let before = app.dump().await;
    let mut tried = 0;
    for (function, value) in &arguments {
        // What a browser says of a passkey is its own JSON, and is told about below.
        let mut value = value.clone();
        let response = value.as_object_mut().unwrap().remove("response");
        let in_full = |text: String| match &response {
            Some(response) => {
                let comma = if text == "{}" { "" } else { "," };
                format!("{{\"response\":{response}{comma}{}", &text[1..])
            }
            None => text,
        };
        let mut texts: Vec<Vec<u8>> = ambiguous(&value).into_iter().map(|text| in_full(text).into_bytes()).collect();
        if response.is_some() {
            texts.push(in_full(in_full(value.to_string())).into_bytes());
        }
        let whole: Value = serde_json::from_str(&in_full(value.to_string())).unwrap();
        // How JSON is spoiled is the same for every change.
        if *function != "prepare_change" || value.pointer("/change/create_user").is_some() {
            texts.extend(spoiled(&whole));
        }
        for text in texts {
            let what = format!("{function} {}", text.escape_ascii().to_string().chars().take(300).collect::<String>());
            let answer = send(browser, function, "application/json", text).await;
            assert_eq!(answer.verdict(), refused(Code::BadRequest), "{what}: {}", answer.text());
            assert!(answer.text().contains("couldn't read this request"), "{what}: {}", answer.text());
            assert_clear(&what, &answer);
            tried += 1;
        }
    }
    assert_eq!(app.dump().await, before);
    assert!(tried > 1500, "{tried}");
    // As it is, each is read, whatever comes of it then.
    for (function, value) in &arguments {
        let answer = send(browser, function, "application/json", value.to_string()).await;
        assert!(!answer.text().contains("couldn't read this request"), "{function} {value}: {}", answer.text());
        let larger = format!("{}{}", value, " ".repeat(200_000));
        assert_eq!(send(browser, function, "application/json", larger).await.status, 413, "{function}");
    }
}

/// A passkey's answer with a member twice, at this pointer.
fn twice(answer: &Value, at: &str, member: &str) -> String {
    written(answer, "", at, &format!("\"{member}\":\"AAAA\""))
}

async fn what_a_browser_says_twice_is_not_read(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let places =
        [("", "id"), ("", "rawId"), ("", "type"), ("/response", "clientDataJSON"), ("/response", "signature"), ("/response", "zebra")];
    // One reader takes the honest answer, another one what stands before it.
    for (at, member) in places {
        let more = if member == "zebra" { "zebra\":1,\"zebra" } else { member };
        let challenge = admin.browser.sign_in_challenge().await;
        let answer = admin.device.get(&challenge.options);
        let body = format!(r#"{{"challenge":"{}","response":{}}}"#, challenge.challenge, twice(&answer, at, more));
        let refusal = send(&app.browser(), "finish_sign_in", "application/json", body).await;
        assert!(refusal.status.is_client_error(), "{at} {member}: {}", refusal.text());
        assert_clear(member, &refusal);
        let prepared = admin.prepared(&create_user("bob@example.org")).await;
        let answer = admin.signature(&prepared);
        let body = format!(r#"{{"action":"{}","response":{}}}"#, prepared.action, twice(&answer, at, more));
        let refusal = send(&admin.browser, "commit_change", "application/json", body).await;
        assert_eq!(refusal.verdict(), refused_passkey(), "{at} {member}: {}", refusal.text());
        assert_clear(member, &refusal);
    }
    assert_eq!(app.count("users").await, 1);
    for (at, member) in [("", "id"), ("/response", "attestationObject"), ("/response", "transports"), ("", "clientExtensionResults")] {
        let mut person = app.registering("eve@example.org").await;
        let options = person.browser.passkey_options().await;
        let answer = person.device.create(&options);
        let body = format!(r#"{{"response":{}}}"#, twice(&answer, at, member));
        let refusal = send(&person.browser, "keep_passkey", "application/json", body).await;
        assert_eq!(refusal.verdict(), refused_passkey(), "{at} {member}: {}", refusal.text());
        assert_eq!(person.browser.keep_passkey(&answer).await.verdict(), DONE, "it was only that");
    }
}

const fn refused_passkey() -> (u16, Option<Code>) {
    refused(Code::PasskeyRefused)
}

async fn what_a_browser_was_told_is_no_place_to_hide_depth(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    for more in [
        format!(r#","a":{}{}"#, "[".repeat(20_000), "]".repeat(20_000)),
        format!(r#","a":{}1{}"#, r#"{"a":"#.repeat(5000), "}".repeat(5000)),
        r#","a":1e400"#.to_owned(),
        r#","a":{"b":1,"b":1}"#.to_owned(),
        r#","type":"webauthn.get""#.to_owned(),
        r#","a":"\ud800""#.to_owned(),
        "}{".to_owned(),
    ] {
        let prepared = admin.prepared(&create_user("bob@example.org")).await;
        let options = options(&prepared);
        let origin = app.origin();
        let text =
            format!(r#"{{"type":"webauthn.get","challenge":{},"origin":"{origin}","crossOrigin":false{more}}}"#, options["challenge"]);
        let answer = admin.device.get_with(&options, |says| says.client_data_text = Some(text));
        let refusal = admin.commit(&prepared, &answer).await;
        assert_eq!(refusal.verdict(), refused_passkey(), "{}: {}", &more[..more.len().min(40)], refusal.text());
        assert_clear("client data", &refusal);
    }
    assert_eq!(app.count("users").await, 1);
    app.verify(admin.organization).await;
}

async fn other_kinds_of_content_are_refused(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let admin = app.admin("ada@example.org").await;
    let before = app.dump().await;
    let form = "email=eve%40example.org&name=Eve&organization=Evil";
    let change = json!({ "change": create_user("eve@example.org") }).to_string();
    // What other sites' forms could send without asking first, and what nobody sends.
    for kind in [
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/xml",
        "text/json",
        "application/jsonp",
        "application/json-seq",
        "application/cbor",
        "application/x-ndjson",
        "",
        "*/*",
        "application/json, text/plain",
        "text/plain; application/json",
        "json",
    ] {
        for (function, body) in [("create_organization", form), ("prepare_change", change.as_str()), ("start_sign_in", "{}")] {
            let answer = send(&admin.browser, function, kind, body.to_owned()).await;
            assert_eq!(answer.status, 415, "{function} {kind:?}: {}", answer.text());
            assert_eq!(answer.refusal().code, Code::BadRequest);
            assert_clear(kind, &answer);
        }
    }
    // One kind where the other is due.
    assert_eq!(send(&admin.browser, "prepare_change", "application/json", form.to_owned()).await.verdict(), refused(Code::BadRequest));
    let json = r#"{"email":"eve@example.org","name":"Eve","organization":"Evil"}"#;
    for kind in ["application/json", "application/x-www-form-urlencoded"] {
        assert_eq!(send(&admin.browser, "create_organization", kind, json.to_owned()).await.verdict(), refused(Code::BadRequest), "{kind}");
    }
    assert_eq!(app.dump().await, before);
    for kind in ["application/json", "Application/JSON; charset=utf-8", " application/json ;x=y"] {
        assert_eq!(send(&admin.browser, "prepare_change", kind, change.clone()).await.verdict(), DONE, "{kind}");
    }
}

/// A place in somebody else's list, and texts as long as there can be.
async fn lists_on_pages_have_no_foreign_places(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let company = Company::open(&app, "example.org").await;
    let (other, tokens) = foreign_places(&app).await;
    let browser = &company.admin.browser;
    let before = app.dump().await;
    let long = "a".repeat(60_000);
    for (function, field) in [
        ("users", "after"),
        ("users", "search"),
        ("users", "status"),
        ("permissions", "after"),
        ("service_accounts", "after"),
        ("access_tokens", "after"),
    ] {
        for text in tokens.iter().map(String::as_str).chain([
            long.as_str(),
            "\u{10ffff}",
            "a\0b",
            other.active.handle.as_str(),
            &other.active.id.to_string(),
            &other.free.permission.id.to_string(),
        ]) {
            let fields: Vec<(&str, &str)> =
                ["search", "status", "after"].map(|name| (name, if name == field { text } else { "" })).to_vec();
            let answer = browser.call(function, &fields).await;
            let what = format!("{function} {field} {:?}", text.chars().take(40).collect::<String>());
            assert!(answer.status == 200 || answer.status.is_client_error(), "{what}: {} {}", answer.status, answer.text());
            assert!(!answer.text().contains("example.net") || text.contains("example.net"), "{what}: {}", answer.text());
            assert!(answer.status == 200 || !answer.text().contains(text), "{what}");
        }
    }
    assert_unchanged(&app, &before).await;
}

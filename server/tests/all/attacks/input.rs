//! JSON that means two things, or none, or costs whoever reads it dear: wherever JSON is taken in. And lists, asked for more than there
//! is or for what is somebody else's.

use super::wire::assert_clear;
use crate::{
    operations::{start, wait_for},
    support::{
        answer::{Answer, DONE, refused},
        app::TestApp,
        browser::Browser,
        caller::passkey_assertion,
        company::Company,
        database::TestDatabase,
        device::base64url,
        key::KeyPair,
        live::free_origin,
        person::{Person, code_in},
        signing::{create_user, options},
    },
};
use app::{
    action::{
        document::Document,
        history::entry::{Entry, What},
    },
    domain::{
        id::{ActionId, ChallengeId, CodeId, OrganizationId, TokenId},
        operation::Operation,
    },
    refusal::Code,
};
use axum::{
    body::Body,
    http::{
        Method, Request,
        header::{AUTHORIZATION, CONTENT_TYPE},
    },
};
use serde_json::{Value, json};
use server::api::description;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
    time::Duration,
};

on_sqlite!(
    no_server_function_reads_what_is_no_json_of_its_own,
    what_a_browser_says_twice_is_not_read,
    what_a_browser_was_told_is_no_place_to_hide_depth,
    no_call_reads_what_is_no_json_of_its_own,
    no_signed_call_says_anything_twice,
    no_registration_says_anything_twice,
    no_recovery_says_anything_twice,
    no_history_says_anything_twice_or_has_no_bottom,
    other_kinds_of_content_are_refused,
    no_line_of_the_log_is_anybody_elses,
);

on_both_databases!(
    lists_have_an_end_and_no_foreign_pages,
    places_in_history_that_there_can_not_be_are_refused,
    lists_on_pages_have_no_foreign_places,
    no_text_of_a_call_breaks_the_database,
);

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
fn written(value: &Value, path: &str, at: &str, more: &str) -> String {
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
fn ambiguous(value: &Value) -> Vec<String> {
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
fn spoiled(value: &Value) -> Vec<Vec<u8>> {
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

/// A call with this token, its body as it is written here.
async fn call(browser: &Browser, method: Method, path: &str, token: &str, content_type: &str, body: impl Into<Body>) -> Answer {
    let request =
        Request::builder().method(method).uri(path).header(AUTHORIZATION, format!("Bearer {token}")).header(CONTENT_TYPE, content_type);
    browser.send(request.body(body.into()).unwrap()).await
}

/// Asserts that nothing was written but that a user and a token were heard of.
async fn assert_unchanged(app: &TestApp, before: &BTreeMap<String, Vec<String>>) {
    let after = app.dump().await;
    for (table, rows) in before.iter().filter(|(table, _)| !["tokens", "users"].contains(&table.as_str())) {
        assert_eq!(rows, &after[table], "{table}");
    }
}

#[track_caller]
fn assert_unreadable(what: &str, answer: &Answer) {
    assert_eq!(answer.error(), (400, "BadRequest".to_owned()), "{what}: {}", answer.text());
    assert_clear(what, answer);
    assert!(answer.body.len() < 1000, "{what}: it repeats all that was sent");
}

/// The token with which an invited user registers.
async fn temporary_token(app: &TestApp, admin: &mut Person, email: &str) -> Value {
    admin.invite(email).await;
    let code = code_in(&app.mails_to(email).await[0].text);
    let body = json!({ "orgId": admin.organization, "username": email, "registrationCode": code });
    app.browser().api_json(Method::POST, "/auth/registration/init", &body).await.answer()
}

async fn no_call_reads_what_is_no_json_of_its_own(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut company = Company::open(&app, "example.org").await;
    let challenge = temporary_token(&app, &mut company.admin, "eve@example.org").await;
    let temporary = challenge["temporaryAuthenticationToken"].as_str().unwrap();
    let places = [
        ("{userId}", company.active.id.to_string()),
        ("{serviceAccountId}", company.robot.id.to_string()),
        ("{tokenId}", TokenId::from_bytes([7; 16]).to_string()),
        ("{permissionId}", company.free.permission.id.to_string()),
        ("{assignmentId}", company.assignment.to_string()),
    ];
    let caller = app.caller(&mut company.admin).await;
    // A token's first use is noted, whatever it is for.
    caller.get("/auth/users").await.answer();
    let before = app.dump().await;
    let description = serde_json::to_value(description()).unwrap();
    let mut calls = 0;
    for (path, methods) in description["paths"].as_object().unwrap() {
        let path = places.iter().fold(path.clone(), |path, (name, id)| path.replace(name, id));
        for method in methods.as_object().unwrap().keys().filter(|method| *method != "get") {
            let method: Method = method.to_uppercase().parse().unwrap();
            let begun = ["/auth/registration", "/auth/registration/enduser", "/auth/recover/user"].contains(&path.as_str());
            let token = if begun { temporary } else { &caller.token };
            let mut texts = spoiled(&json!({ "orgId": "x" }));
            texts.extend(ambiguous(&json!({ "username": "x", "email": "x", "zebra": {} })).into_iter().map(String::into_bytes));
            texts.extend(["null", "1", "\"{}\"", "[]", "[\"x\"]", "{", " ", "{\"\":1}"].map(|text| text.as_bytes().to_vec()));
            texts.push(format!("{{\"{}\":1}}", "<zebra>".repeat(5000)).into_bytes());
            for text in texts {
                let what = format!("{method} {path} {}", text.escape_ascii().to_string().chars().take(60).collect::<String>());
                assert_unreadable(&what, &call(&caller.browser, method.clone(), &path, token, "application/json", text).await);
            }
            let huge = format!("{{\"zebra\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
            let answer = call(&caller.browser, method.clone(), &path, token, "application/json", huge).await;
            assert_eq!(answer.error(), (413, "TooLarge".to_owned()), "{method} {path}");
            calls += 1;
        }
    }
    assert!(calls > 35, "{calls}");
    assert_unchanged(&app, &before).await;
}

async fn no_signed_call_says_anything_twice(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let permission = admin.define("Readers", &[Operation::UsersRead]).await;
    let organization = admin.organization;
    let caller = app.caller(&mut admin).await;
    let assignments = format!("/permissions/{}/assignments", permission.permission.id);
    for (method, path, body) in [
        (Method::POST, "/auth/users", json!({ "email": "bob@example.org", "kind": "CustomerEmployee", "externalId": "4711" })),
        (Method::POST, "/permissions", json!({ "name": "Auditors", "operations": ["Auth:Logs:Read"] })),
        (Method::POST, "/auth/service-accounts", json!({ "name": "Robot", "publicKey": KeyPair::p256().pem(), "daysValid": 30 })),
        (Method::POST, "/auth/registration/delegated", json!({ "email": "buyer@example.org", "kind": "EndUser" })),
        (
            Method::POST,
            "/auth/credentials/code",
            json!({ "expiration": app.services.ambient.now().plus(Duration::from_mins(3)).to_string() }),
        ),
        (Method::POST, assignments.as_str(), json!({ "identityId": caller.get("/auth/users").await.answer()["items"][0]["userId"] })),
    ] {
        let before = app.dump().await;
        for text in ambiguous(&body) {
            assert_unreadable(&format!("{path} {text}"), &caller.announce(method.clone(), path, &text).await);
        }
        // Nor does what announces it.
        let announced =
            json!({ "userActionPayload": body.to_string(), "userActionHttpMethod": method.as_str(), "userActionHttpPath": path });
        for text in ambiguous(&announced) {
            let answer = caller.send(caller.request(Method::POST, "/auth/action/init"), &text).await;
            assert_unreadable(&text, &answer);
        }
        assert_eq!(app.dump().await, before, "{path}");
        let answer = caller.announce(method.clone(), path, &body.to_string()).await;
        // One of them is held already.
        assert!(answer.status == 200 || answer.status == 409, "{path}: {}", answer.text());
    }
    // Nor does what signs it, or the call itself.
    let (path, body) = ("/auth/users", json!({ "email": "bob@example.org", "kind": "CustomerEmployee" }));
    let challenge = caller.announce(Method::POST, path, &body.to_string()).await.answer();
    let signed =
        json!({ "challengeIdentifier": challenge["challengeIdentifier"], "firstFactor": passkey_assertion(caller.device, &challenge) });
    for text in ambiguous(&signed) {
        assert_unreadable(&text, &caller.send(caller.request(Method::POST, "/auth/action"), &text).await);
    }
    let user_action = caller.send(caller.request(Method::POST, "/auth/action"), &signed.to_string()).await.answer()["userAction"].clone();
    for text in ambiguous(&body) {
        assert_unreadable(&text, &caller.show(Method::POST, path, &text, user_action.as_str().unwrap()).await);
    }
    assert_eq!(caller.show(Method::POST, path, &body.to_string(), user_action.as_str().unwrap()).await.status, 200);
    // Nor does what signs in.
    let asked = json!({ "orgId": organization, "username": "ada@example.org" });
    for text in ambiguous(&asked) {
        assert_unreadable(&text, &call(&caller.browser, Method::POST, "/auth/login/init", "", "application/json", text.clone()).await);
    }
    let challenge = caller.browser.api_json(Method::POST, "/auth/login/init", &asked).await.answer();
    let signed =
        json!({ "challengeIdentifier": challenge["challengeIdentifier"], "firstFactor": passkey_assertion(caller.device, &challenge) });
    for text in ambiguous(&signed) {
        assert_unreadable(&text, &call(&caller.browser, Method::POST, "/auth/login", "", "application/json", text.clone()).await);
    }
    assert_eq!(caller.browser.api_json(Method::POST, "/auth/login", &signed).await.status, 200);
    app.verify(organization).await;
}

fn credential(kind: &str, key: &KeyPair, challenge: &Value) -> Value {
    json!({ "credentialKind": kind, "credentialInfo": key.info(challenge["challenge"].as_str().unwrap()), "credentialName": kind })
}

/// A new user registered this key and this recovery key.
async fn registered(app: &TestApp, admin: &mut Person, email: &str) -> (KeyPair, KeyPair) {
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

async fn no_registration_says_anything_twice(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let organization = admin.organization;
    registered(&app, &mut admin, "bob@example.org").await;
    // What a key says when it is registered is JSON inside of JSON.
    let challenge = temporary_token(&app, &mut admin, "carl@example.org").await;
    let token = challenge["temporaryAuthenticationToken"].as_str().unwrap();
    let honest = credential("Key", &KeyPair::ed25519(), &challenge);
    let inner = |member: &str| -> Value {
        let text = honest["credentialInfo"][member].as_str().unwrap();
        serde_json::from_slice(&data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).unwrap()).unwrap()
    };
    let deep = format!(r#"{{"zebra":{}{}}}"#, "[".repeat(15_000), "]".repeat(15_000));
    for member in ["clientData", "attestationData"] {
        for text in ambiguous(&inner(member)).into_iter().chain([deep.clone()]) {
            // Unknown members of client data are somebody's right.
            if member == "clientData" && text.contains("\"zebra\":null") {
                continue;
            }
            let mut other = honest.clone();
            other["credentialInfo"][member] = json!(base64url(text.as_bytes()));
            let body = json!({ "firstFactorCredential": other }).to_string();
            let answer = call(&app.browser(), Method::POST, "/auth/registration", token, "application/json", body).await;
            assert_unreadable(&text, &answer);
        }
    }
    let body = json!({ "firstFactorCredential": honest }).to_string();
    call(&app.browser(), Method::POST, "/auth/registration", token, "application/json", body).await.answer();
    app.verify(organization).await;
}

/// Unreadable, or another thing than was signed.
#[track_caller]
fn assert_not_signed(what: &str, answer: &Answer) {
    let (status, code) = answer.error();
    assert!([(400, "BadRequest"), (403, "NotSigned")].contains(&(status, code.as_str())), "{what}: {}", answer.text());
    assert_clear(what, answer);
}

/// What the recovery key signed is a text; what comes with it must be that, and nothing that two readers could take for two things.
async fn no_recovery_says_anything_twice(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let organization = admin.organization;
    let (_, recovery) = registered(&app, &mut admin, "bob@example.org").await;
    let asked = json!({ "orgId": organization, "username": "bob@example.org" });
    app.browser().api_json(Method::POST, "/auth/recover/user/code", &asked).await.answer();
    let code = app.recovery_code("bob@example.org", 1).await;
    let coming = json!({ "orgId": organization, "username": "bob@example.org", "verificationCode": code, "credentialId": recovery.id });
    let challenge = app.browser().api_json(Method::POST, "/auth/recover/user/init", &coming).await.answer();
    let token = challenge["temporaryAuthenticationToken"].as_str().unwrap();
    let new = json!({ "firstFactorCredential": credential("Key", &KeyPair::ed25519(), &challenge), "recoveryCredential": null });
    let body = |signed: &str, shown: &str| {
        let assertion = recovery.assertion(&base64url(signed.as_bytes()));
        format!(r#"{{"recovery":{{"kind":"RecoveryKey","credentialAssertion":{assertion}}},"newCredentials":{shown}}}"#)
    };
    let hand_in = async |body: String| call(&app.browser(), Method::POST, "/auth/recover/user", token, "application/json", body).await;
    let before = app.dump().await;
    for text in ambiguous(&new) {
        // Signed like that, shown like that, or both.
        for (signed, shown) in [(text.as_str(), text.as_str()), (&text, &new.to_string()), (&new.to_string(), &text)] {
            assert_not_signed(&format!("{signed} {shown}"), &hand_in(body(signed, shown)).await);
        }
    }
    let whole: Value = serde_json::from_str(&body(&new.to_string(), &new.to_string())).unwrap();
    for text in ambiguous(&whole) {
        assert_not_signed(&text, &hand_in(text.clone()).await);
    }
    let deep = format!(r#"{{"zebra":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    for (signed, shown) in [(deep.as_str(), deep.as_str()), (&deep, "{}"), (&new.to_string(), &deep), ("", "null"), ("null", "null")] {
        assert_not_signed("deep", &hand_in(body(signed, shown)).await);
    }
    assert_eq!(app.dump().await, before);
    hand_in(body(&new.to_string(), &new.to_string())).await.answer();
    app.verify(organization).await;
}

/// Runs `countersign verify` on this file; its exit code, and what it said.
fn verify(file: &Path, content: &[u8]) -> (Option<i32>, String) {
    fs::write(file, content).unwrap();
    let ran = Command::new(env!("CARGO_BIN_EXE_countersign")).arg("verify").arg(file).env_clear().output().unwrap();
    (ran.status.code(), String::from_utf8(ran.stderr).unwrap())
}

/// With the entry's document, or statement, written as `write` says. Whether it is signed is looked at after it was read.
fn rewritten(line: &str, write: impl Fn(&Value) -> String) -> Option<String> {
    let mut entry: Value = serde_json::from_str(line).unwrap();
    let place = ["/what/action/document", "/what/recovery/document", "/what/break_glass/statement", "/what/key_change/statement"]
        .into_iter()
        .find(|place| entry.pointer(place).is_some())?;
    let bytes = data_encoding::BASE64URL_NOPAD.decode(entry.pointer(place)?.as_str()?.as_bytes()).unwrap();
    let document: Value = serde_json::from_slice(&bytes).unwrap();
    *entry.pointer_mut(place)? = json!(base64url(write(&document).as_bytes()));
    Some(entry.to_string())
}

async fn no_history_says_anything_twice_or_has_no_bottom(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let company = Company::open(&app, "example.org").await;
    let mut admin = company.admin;
    registered(&app, &mut admin, "zoe@example.org").await;
    app.recover(&mut admin).await;
    let (lines, checkpoint) = app.export(admin.organization).await;
    let kinds: BTreeSet<String> = lines.iter().map(|line| Entry::parse(line).unwrap().kind()).collect();
    assert!(kinds.len() > 10, "{kinds:?}");
    // Every entry, and every document in one, as each reader of them reads it.
    let mut tried = 0;
    for line in &lines {
        let entry: Value = serde_json::from_str(line).unwrap();
        for text in ambiguous(&entry).into_iter().chain(
            ["1e400", "1.0", "-1", "18446744073709551616"]
                .map(|index| line.replacen(&format!("\"index\":{}", entry["index"]), &format!("\"index\":{index}"), 1)),
        ) {
            assert!(Entry::parse(&text).is_err(), "{text}");
            tried += 1;
        }
        let bytes = match Entry::parse(line).unwrap().what {
            What::Action(action) => action.document.0,
            What::Recovery(recovery) => recovery.document.0,
            _ => continue,
        };
        for text in ambiguous(&serde_json::from_slice(&bytes).unwrap()) {
            assert!(Document::parse(text.as_bytes()).is_err(), "{text}");
            tried += 1;
        }
    }
    assert!(tried > 1000, "{tried}");

    // The command says which, and why, and neither breaks nor runs out of stack.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.jsonl");
    let export = |place: usize, line: &str| {
        let mut all = lines.clone();
        line.clone_into(&mut all[place]);
        all.push(json!({ "checkpoint": checkpoint }).to_string());
        all.join("\n") + "\n"
    };
    assert_eq!(verify(&file, export(0, &lines[0]).as_bytes()).0, Some(0));
    let signed = lines.iter().position(|line| line.contains("\"document\"")).unwrap();
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for (what, place, line) in [
        ("deep", 0, deep(100_000)),
        ("deeper than a line", 0, deep(1_000_000)),
        ("deep objects", 0, "{\"what\":".repeat(100_000)),
        ("a deep member", 0, lines[0].replacen("\"v\":1", &format!("\"v\":{}", deep(100_000)), 1)),
        ("an unknown deep member", 0, lines[0].replacen("\"v\":1", &format!("\"v\":1,\"zebra\":{}", deep(100_000)), 1)),
        ("twice", 0, lines[0].replacen("\"v\":1", "\"v\":2,\"v\":1", 1)),
        ("huge numbers", 0, lines[0].replacen("\"v\":1", &format!("\"v\":1{}", "0".repeat(100_000)), 1)),
        ("huge exponents", 0, lines[0].replacen("\"v\":1", "\"v\":1e-999999999", 1)),
        ("a surrogate", 0, lines[0].replacen("\"v\":1", "\"v\":\"\\ud800\"", 1)),
        ("a deep document", signed, rewritten(&lines[signed], |_| deep(16_000)).unwrap()),
        ("a document larger than any", signed, rewritten(&lines[signed], |_| deep(100_000)).unwrap()),
        (
            "a document that says something twice",
            signed,
            rewritten(&lines[signed], |document| written(document, "", "", "\"v\":1")).unwrap(),
        ),
        (
            "a document with more in it",
            signed,
            rewritten(&lines[signed], |document| written(document, "", "/change", "\"zebra\":1")).unwrap(),
        ),
    ] {
        let (code, said) = verify(&file, export(place, &line).as_bytes());
        assert!(said.len() < 2000, "{what}: {} bytes are said", said.len());
        assert_eq!(code, Some(1), "{what}: {said}");
        assert!(
            said.starts_with(&format!("Not verified: entry {place} is bad: the ")) && said.matches('\n').count() == 1,
            "{what}: {said}"
        );
        assert!(!said.contains("panicked"), "{what}: {said}");
    }
    // Bytes that are no text, and a last line like those.
    let good = export(0, &lines[0]);
    let whole = &good[..=good[..good.len() - 1].rfind('\n').unwrap()];
    for (what, last) in [
        ("no text", b"\xff\xfe\n".to_vec()),
        ("a deep end", format!("{{\"checkpoint\":{}}}\n", deep(100_000)).into_bytes()),
        ("two ends in one", format!("{{\"checkpoint\":\"x\",\"checkpoint\":{}}}\n", Value::from(checkpoint.as_str())).into_bytes()),
        ("an end with more in it", format!("{{\"checkpoint\":{},\"zebra\":1}}\n", Value::from(checkpoint.as_str())).into_bytes()),
        ("an end that has none", json!({ "checkpoint": "x".repeat(900_000) }).to_string().into_bytes()),
        ("zeros", vec![0; 3_000_000]),
    ] {
        let (code, said) = verify(&file, &[whole.as_bytes(), &last].concat());
        assert_eq!(code, Some(1), "{what}: {said}");
        assert!(said.starts_with("Not verified: ") && said.matches('\n').count() == 1 && said.len() < 2000, "{what}: {said}");
    }
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

/// Another company, and places in its lists.
async fn foreign_places(app: &TestApp) -> (Company, Vec<String>) {
    let mut other = Company::open(app, "example.net").await;
    let foreign = app.caller(&mut other.admin).await;
    let mut tokens = Vec::new();
    for list in ["/auth/users", "/auth/service-accounts", "/permissions"] {
        tokens.extend(foreign.get(&format!("{list}?limit=1")).await.answer()["nextPageToken"].as_str().map(str::to_owned));
    }
    assert!(tokens.len() >= 2, "{tokens:?}");
    (other, tokens)
}

async fn lists_have_an_end_and_no_foreign_pages(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut company = Company::open(&app, "example.org").await;
    let (_, tokens) = foreign_places(&app).await;
    let free = company.free.permission.id;
    let caller = app.caller(&mut company.admin).await;
    let before = app.dump().await;
    let lists = ["/auth/users", "/auth/service-accounts", "/permissions"].map(str::to_owned);
    for list in lists.into_iter().chain([format!("/permissions/{free}/assignments")]) {
        let own = caller.get(&list).await.answer()["items"].as_array().unwrap().clone();
        for limit in [
            "0",
            "201",
            "1000000",
            "-1",
            "1.5",
            "1e2",
            "0x10",
            "",
            "%00",
            "1%00",
            "NaN",
            "4294967297",
            "18446744073709551617",
            "%D9%A1",
            "1&limit=2",
            "1;",
            "null",
        ] {
            assert_unreadable(limit, &caller.get(&format!("{list}?limit={limit}")).await);
        }
        assert_eq!(caller.get(&format!("{list}?limit=200")).await.status, 200, "{list}");
        let mut cursors: Vec<String> =
            ["", "A", "=", "%00", "AA==", "!!!!", "..%2f..", "null", "%ff", "AAAA&paginationToken=AAAA"].map(str::to_owned).to_vec();
        cursors.extend(
            [
                b"\0".as_slice(),
                b"a\0b",
                b"\xff\xfe",
                b"'; DROP TABLE users; --",
                b"%",
                b"\xef\xbf\xbf",
                &b"x".repeat(15_000),
                b"9".repeat(400).as_slice(),
            ]
            .map(base64url),
        );
        cursors.extend(tokens.clone());
        for cursor in cursors {
            let answer = caller.get(&format!("{list}?paginationToken={cursor}")).await;
            let what = format!("{list} {}", &cursor[..cursor.len().min(60)]);
            if answer.status == 200 {
                // Whatever it says, it is a place in a list of their own.
                for item in answer.answer()["items"].as_array().unwrap() {
                    assert!(own.contains(item), "{what}: {item}");
                }
            } else {
                assert_unreadable(&what, &answer);
            }
        }
        assert_unreadable("unknown", &caller.get(&format!("{list}?offset=1")).await);
    }
    assert_unchanged(&app, &before).await;
}

async fn places_in_history_that_there_can_not_be_are_refused(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let browser = admin.browser.clone();
    let caller = app.caller(&mut admin).await;
    let before = app.dump().await;
    for (path, parameters) in [
        (
            "/countersign/v1/history",
            vec![
                "from=-1",
                "from=1.0",
                "from=1e1",
                "from=18446744073709551616",
                "from=",
                "from=0&from=0",
                "to=1",
                "from=18446744073709551615",
                "from=9223372036854775808",
            ],
        ),
        (
            "/countersign/v1/consistency",
            vec![
                "from=0",
                "from=1&to=0",
                "from=1&to=18446744073709551615",
                "from=1&to=9223372036854775808",
                "from=-1&to=1",
                "from=1&to=1e1",
                "",
            ],
        ),
        (
            "/auth/action/logs",
            vec![
                "",
                "startTime=x&endTime=y",
                "startTime=2100-01-01T00:00:00Z",
                "startTime=99999-01-01T00:00:00Z&endTime=2100-01-01T00:00:00Z",
                "startTime=2100-01-01T00:00:00Z&endTime=2100-02-30T00:00:00Z",
                "startTime=-1&endTime=1e400",
                "startTime=2100-01-01T00:00:00Z&endTime=2100-01-02T00:00:00Z&userId=%00",
            ],
        ),
    ] {
        for query in parameters {
            assert_unreadable(query, &caller.get(&format!("{path}?{query}")).await);
        }
    }
    for index in [
        "-1",
        "1.0",
        "18446744073709551615",
        "9223372036854775807",
        "9223372036854775808",
        "99999999999999999999",
        "%00",
        "0x0",
        "1e0",
        "%D9%A1",
    ] {
        let answer = caller.get(&format!("/countersign/v1/entries/{index}")).await;
        assert!([400, 404].contains(&answer.status.as_u16()), "{index}: {} {}", answer.status, answer.text());
        assert_clear(index, &answer);
        let page = browser.call("history_entry", &[("index", index)]).await;
        assert!([400, 404].contains(&page.status.as_u16()), "{index}: {} {}", page.status, page.text());
        let page = browser.call("history", &[("before", index)]).await;
        assert!([200, 400].contains(&page.status.as_u16()), "{index}: {} {}", page.status, page.text());
    }
    assert_unchanged(&app, &before).await;
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

/// Every text of every call that anybody may make, and of some that only a user may, as something that databases take badly.
async fn no_text_of_a_call_breaks_the_database(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let organization: OrganizationId = admin.organization;
    let info = KeyPair::p256().info(&base64url(&[7; 32]));
    let assertion = json!({ "kind": "Key", "credentialAssertion": KeyPair::p256().assertion(&base64url(&[7; 32])) });
    let ada = "ada@example.org";
    let caller = app.caller(&mut admin).await;
    let id = ChallengeId::from_bytes([7; 16]);
    for (method, path, body) in [
        (Method::POST, "/auth/login/init", json!({ "orgId": organization, "username": ada })),
        (Method::POST, "/auth/login", json!({ "challengeIdentifier": id, "firstFactor": assertion })),
        (
            Method::POST,
            "/auth/registration/init",
            json!({ "orgId": organization, "username": ada, "registrationCode": "0000 0000 0000 0000" }),
        ),
        (Method::PUT, "/auth/registration/code", json!({ "orgId": organization, "username": ada })),
        (Method::POST, "/auth/recover/user/code", json!({ "orgId": organization, "username": ada })),
        (
            Method::POST,
            "/auth/recover/user/init",
            json!({ "orgId": organization, "username": ada, "verificationCode": "0000 0000 0000 0000", "credentialId": "x" }),
        ),
        (Method::POST, "/auth/credentials/code/init", json!({ "code": "x", "credentialKind": "Key" })),
        (
            Method::POST,
            "/auth/credentials/code/verify",
            json!({ "challengeIdentifier": id, "credentialKind": "Key", "credentialName": "x", "credentialInfo": info }),
        ),
        (Method::POST, "/auth/action", json!({ "challengeIdentifier": id, "firstFactor": assertion })),
        (
            Method::POST,
            "/auth/action/init",
            json!({ "userActionPayload": "{}", "userActionHttpMethod": "POST", "userActionHttpPath": "/auth/users" }),
        ),
        (Method::POST, "/auth/credentials/init", json!({ "kind": "Key" })),
        (Method::PUT, "/auth/credentials/activate", json!({ "credentialUuid": "x" })),
        (Method::POST, "/auth/users", json!({ "email": ada, "kind": "CustomerEmployee", "externalId": "x" })),
        (Method::POST, "/permissions", json!({ "name": "x", "operations": ["x"] })),
        (Method::POST, "/auth/service-accounts", json!({ "name": "x", "publicKey": "x", "externalId": "x" })),
    ] {
        for at in texts(&body, String::new()) {
            for text in ["\0", "a\0b", "'", "\u{10ffff}", "\u{fffe}", "\u{202e}", "\r\nx: y", "<zebra>", &"a".repeat(30_000)] {
                let mut other = body.clone();
                *other.pointer_mut(&at).unwrap() = json!(text);
                let answer = call(&caller.browser, method.clone(), path, &caller.token, "application/json", other.to_string()).await;
                let what = format!("{path} {at} {:?}", text.chars().take(20).collect::<String>());
                assert!(answer.status.as_u16() < 500, "{what}: {} {}", answer.status, answer.text());
                assert!(!answer.headers.contains_key("x"), "{what}");
            }
        }
    }
    app.settle().await;
    app.verify(organization).await;
}

/// The JSON pointers of the texts in it.
fn texts(value: &Value, path: String) -> Vec<String> {
    match value {
        Value::Object(members) => members.iter().flat_map(|(name, member)| texts(member, format!("{path}/{name}"))).collect(),
        Value::Array(items) => items.iter().enumerate().flat_map(|(place, item)| texts(item, format!("{path}/{place}"))).collect(),
        Value::String(_) => vec![path],
        _ => Vec::new(),
    }
}

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

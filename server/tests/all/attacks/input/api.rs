//! What the API reads.

use super::{ambiguous, assert_unchanged, assert_unreadable, call, credential, foreign_places, registered, spoiled, temporary_token};
use crate::{
    attacks::wire::assert_clear,
    support::{
        answer::Answer, app::TestApp, caller::passkey_assertion, company::Company, database::TestDatabase, device::base64url, key::KeyPair,
    },
};
use app::domain::{
    id::{ChallengeId, OrganizationId, TokenId},
    operation::Operation,
};
use axum::http::Method;
use serde_json::{Value, json};
use server::api::description;
use std::time::Duration;

on_sqlite!(
    no_call_reads_what_is_no_json_of_its_own,
    no_signed_call_says_anything_twice,
    no_registration_says_anything_twice,
    no_recovery_says_anything_twice,
);
on_both_databases!(
    lists_have_an_end_and_no_foreign_pages,
    places_in_history_that_there_can_not_be_are_refused,
    no_text_of_a_call_breaks_the_database,
);

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

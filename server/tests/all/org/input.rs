//! What people and programs may send that nobody should: it is refused with a sentence, nothing is written, and nothing
//! breaks. What is allowed and only looks dangerous is kept and shown as the text that it is.

use crate::support::{
    answer::{Answer, DONE, refused},
    app::TestApp,
    browser::Browser,
    company::Company,
    database::TestDatabase,
    html::tags,
    signing::{assign, create_permission, create_user, terms, update},
};
use app::{
    action::change::Change,
    domain::{
        operation::Operation,
        text::{EmailAddress, ExternalId},
        user::UserKind,
    },
    refusal::Code,
    rpc::users::UserList,
};
use axum::{
    body::Body,
    http::header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use serde_json::{Value, json};

on_both_databases!(
    no_value_of_any_change_may_be_hostile,
    what_can_be_typed_wrong_is_said_at_its_field,
    names_that_look_like_a_managed_one_are_taken,
    what_is_no_change_is_refused,
    what_is_asked_for_may_be_anything,
    text_that_only_looks_dangerous_stays_text,
);

/// Refused by whatever takes a text.
fn hostile_texts() -> Vec<String> {
    let long = "x".repeat(10_000);
    [
        "",
        "   ",
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "two\nlines",
        "two\u{b}lines",
        "two\u{c}lines",
        "two\u{85}lines",
        "two\u{2028}lines",
        "two\u{2029}lines",
        "ada@example.org\r\nBcc: eve@example.org",
        "nul\0",
        "escape\u{1b}[2J",
        // Right to left from here on, and marks that only change the direction.
        "gro.elpmaxe@\u{202E}ada",
        "\u{2066}ada\u{2069}",
        "\u{200F}ada",
        // What takes no room.
        "a\u{200B}da",
        "\u{FEFF}ada",
        // Tags that nobody sees.
        "ada\u{E0041}",
        &long,
    ]
    .map(str::to_owned)
    .to_vec()
}

/// The JSON pointers of everything in a change that isn't a list or an object.
fn values(value: &Value, path: String) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().enumerate().flat_map(|(place, item)| values(item, format!("{path}/{place}"))).collect(),
        Value::Object(members) => members.iter().flat_map(|(name, member)| values(member, format!("{path}/{name}"))).collect(),
        _ => vec![path],
    }
}

/// A refusal that someone can read and do something about, without a word about what is inside.
#[track_caller]
fn assert_clear(answer: &Answer, what: &str) {
    assert!(answer.status.is_client_error(), "{what}: {} {}", answer.status, answer.text());
    let refusal = answer.refusal();
    let sentences = refusal.fields.iter().map(|field| &field.message).chain([&refusal.message]);
    for sentence in sentences {
        assert!(sentence.ends_with('.') && sentence.starts_with(|first: char| !first.is_lowercase()), "{what}: {sentence}");
    }
    for inside in ["line 1", "column", "missing field", "unknown", "expected", "serde", "SQL", "database"] {
        assert!(!answer.text().contains(inside), "{what}: {}", answer.text());
    }
}

async fn prepare(browser: &Browser, change: &Value) -> Answer {
    browser.call_json("prepare_change", &json!({ "change": change })).await
}

/// Sends a body as it is.
async fn send(browser: &Browser, function: &str, content_type: &str, body: String) -> Answer {
    let request = browser.post(function).header(CONTENT_TYPE, content_type).header(CONTENT_LENGTH, body.len());
    browser.send(request.body(Body::from(body)).unwrap()).await
}

async fn no_value_of_any_change_may_be_hostile(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let company = Company::open(&app, "example.org").await;
    let browser = &company.admin.browser;
    let mut tried = 0;
    for change in company.every_change() {
        let before = app.dump().await;
        let change = serde_json::to_value(&change).unwrap();
        for path in values(&change, String::new()) {
            let mut hostile: Vec<Value> = match change.pointer(&path).unwrap() {
                Value::String(_) => hostile_texts().into_iter().map(Value::from).chain([json!(7)]).collect(),
                Value::Number(_) => [
                    json!(-1),
                    json!(1.5),
                    json!("1"),
                    json!(1_u64 << 53),
                    json!(u64::MAX),
                    serde_json::from_str("1e400").unwrap_or_default(),
                ]
                .to_vec(),
                other => panic!("{path} is {other}"),
            };
            hostile.extend([json!(true), json!([]), json!({}), json!([1]), json!({ "$ne": "" })]);
            if path.ends_with("/name") {
                hostile.extend(["Harmless” from bob, and “Auditors", "\"Auditors\""].map(Value::from));
            }
            // Leaving the external id out is allowed.
            if !path.ends_with("/external_id") {
                hostile.push(Value::Null);
            }
            for value in hostile {
                let mut other = change.clone();
                *other.pointer_mut(&path).unwrap() = value.clone();
                let answer = prepare(browser, &other).await;
                assert_clear(&answer, &format!("{path} {}", value.to_string().chars().take(60).collect::<String>()));
                tried += 1;
            }
        }
        assert_eq!(app.dump().await, before, "{change}");
    }
    assert!(tried > 800, "{tried}");
    app.verify(company.admin.organization).await;
}

async fn what_can_be_typed_wrong_is_said_at_its_field(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut company = Company::open(&app, "example.org").await;
    let deputies = company
        .admin
        .define(
            "Deputies",
            &[Operation::PermissionsCreate, Operation::PermissionsUpdate, Operation::PermissionsAssign, Operation::UsersRead],
        )
        .await;
    let (deputy, _) = app.colleague(&mut company.admin, "eve@example.org", &[&deputies]).await;
    let before = app.dump().await;
    let full_admin = company.admin.permission("Full admin").await;
    let admin = &company.admin;
    for (person, change, field, words) in [
        (admin, create_user("Bob@Example.org"), "email", "Bob@example.org is a user of this organization already."),
        (admin, create_user("CARL@example.org"), "email", "CARL@example.org is a user of this organization already."),
        (
            admin,
            create_permission("readers", &[Operation::UsersRead]),
            "name",
            "There is a permission called “Readers” already, perhaps an archived one, and this name is the same or looks like it. \
             Choose another name.",
        ),
        (
            admin,
            update(&company.free, terms("Readers", &[Operation::HistoryRead])),
            "name",
            "There is a permission called “Readers” already, perhaps an archived one, and this name is the same or looks like it. \
             Choose another name.",
        ),
        (admin, create_permission("Nothing", &[]), "operations", "Pick at least one operation."),
        (admin, update(&company.free, terms("Auditors", &[])), "operations", "Pick at least one operation."),
        (
            &deputy,
            create_permission("Deleters", &[Operation::UsersRead, Operation::UsersDelete, Operation::HistoryRead]),
            "operations",
            "You can only give what you hold yourself. You don't hold: Auth:Users:Delete, Auth:Logs:Read.",
        ),
        (
            &deputy,
            assign(&full_admin, &company.active),
            "operations",
            "You can only give what you hold yourself. You don't hold: every operation, also future ones.",
        ),
    ] {
        let answer = person.prepare(&change).await;
        assert_eq!(answer.verdict(), refused(Code::InvalidInput), "{change:?}: {}", answer.text());
        assert_eq!(answer.refusal().field(field), Some(words), "{change:?}");
        assert_clear(&answer, words);
    }
    assert_eq!(app.dump().await, before);
}

async fn names_that_look_like_a_managed_one_are_taken(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let admin = app.admin("ada@example.org").await;
    let before = app.dump().await;
    for name in [
        "Full admin",
        "FULL  ADMIN",
        // A no-break space, and one that isn't seen.
        "Full\u{00A0}admin",
        "Fu\u{200D}ll admin",
        "Full admin\u{FE0F}",
        // Cyrillic, Greek, full width, mathematical.
        "Full \u{0430}dmin",
        "Fu\u{04CF}l admin",
        "F\u{03C5}ll admin",
        "\u{FF26}ull admin",
        "\u{1D405}ull admin",
        "End us\u{0435}r",
    ] {
        let answer = admin.prepare(&create_permission(name, &[Operation::UsersRead])).await;
        assert_eq!(answer.verdict(), refused(Code::InvalidInput), "{name:?}: {}", answer.text());
        assert!(answer.refusal().field("name").is_some_and(|words| words.starts_with("There is a permission called")), "{name:?}");
    }
    assert_eq!(app.dump().await, before);
    // Another name is another name.
    for name in ["Full admins", "Fuller admin", "管理者", "المديرون"] {
        assert_eq!(admin.prepare(&create_permission(name, &[Operation::UsersRead])).await.verdict(), DONE, "{name}");
    }
}

async fn what_is_no_change_is_refused(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let company = Company::open(&app, "example.org").await;
    let browser = &company.admin.browser;
    let before = app.dump().await;
    let (user, permission) = (json!(company.active), json!(company.free.permission));
    let email = "eve@example.org";
    let mut named = user.clone();
    named["name"] = json!("Eve");
    let operation = |name: &str| json!({ "create_permission": { "terms": { "name": "Mine", "operations": [name] } } });
    for change in [
        // What isn't there, or not yet.
        json!({ "promote_user": { "user": user } }),
        json!({ "CreateUser": { "email": email, "kind": "CustomerEmployee" } }),
        json!({ "": {} }),
        json!("create_user"),
        json!({}),
        json!([]),
        Value::Null,
        operation("Auth:Users:create"),
        operation("Auth:Users:*"),
        operation("*"),
        json!({ "create_permission": { "terms": { "name": "Mine", "operations": "all" } } }),
        json!({ "create_user": { "email": email, "kind": "Admin" } }),
        // Two at once.
        json!({ "delete_user": { "user": user }, "activate_user": { "user": user } }),
        json!([{ "delete_user": { "user": user } }]),
        // Members that nobody knows.
        json!({ "create_user": { "email": email, "kind": "CustomerEmployee", "admin": true } }),
        json!({ "create_user": { "email": email, "kind": "CustomerEmployee", "permissions": [permission] } }),
        json!({ "delete_user": { "user": named } }),
        json!({ "create_permission": { "terms": { "name": "Mine", "operations": ["Auth:Users:Read"], "managed": true } } }),
        json!({ "assign_permission": { "permission": permission, "operations": { "these": ["Auth:Logs:Read"], "all": true }, "user": user } }),
        // Members that are missing.
        json!({ "create_user": { "email": email } }),
        json!({ "delete_user": {} }),
        json!({ "delete_user": { "user": company.active.id } }),
        json!({ "archive_permission": { "permission": { "id": company.free.permission.id } } }),
    ] {
        let answer = prepare(browser, &change).await;
        assert_eq!(answer.verdict(), refused(Code::BadRequest), "{change}: {}", answer.text());
        assert_clear(&answer, &change.to_string());
    }
    // What a JSON tree can't hold: members that come twice, and depth.
    let deep = |depth: usize| format!("{{\"change\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    let one = format!("\"create_user\":{{\"email\":\"{email}\",\"kind\":\"CustomerEmployee\"}}");
    let action = format!("\"action\":\"{}\"", company.action);
    for (function, body) in [
        (
            "prepare_change",
            format!("{{\"change\":{{\"create_user\":{{\"email\":\"{email}\",\"email\":\"{email}\",\"kind\":\"CustomerEmployee\"}}}}}}"),
        ),
        ("prepare_change", format!("{{\"change\":{{{one},{one}}}}}")),
        ("prepare_change", format!("{{\"change\":{{{one}}},\"change\":{{{one}}}}}")),
        ("prepare_change", format!("{{\"change\":{{{one}}}}}{{}}")),
        ("prepare_change", format!("{{\"change\":{{{one}}}")),
        ("prepare_change", deep(100)),
        ("prepare_change", deep(30_000)),
        ("prepare_change", "{\"change\":".repeat(6_000)),
        ("prepare_change", String::new()),
        ("prepare_change", "null".to_owned()),
        ("commit_change", format!("{{{action}}}")),
        ("commit_change", format!("{{{action},{action},\"response\":{{}}}}")),
        ("commit_change", format!("{{\"action\":\"{}\",\"response\":{{}}}}", company.active.id)),
        ("commit_change", "{\"action\":null,\"response\":{}}".to_owned()),
    ] {
        let answer = send(browser, function, "application/json", body.clone()).await;
        let what: String = body.chars().take(80).collect();
        assert_eq!(answer.verdict(), refused(Code::BadRequest), "{function} {what}: {}", answer.text());
        assert_clear(&answer, &what);
    }
    // A deep answer of a passkey can be read past, and is none.
    for depth in [200, 30_000] {
        let body = format!("{{{action},\"response\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        let answer = send(browser, "commit_change", "application/json", body).await;
        assert_eq!(answer.verdict(), refused(Code::PasskeyRefused), "{depth}: {}", answer.text());
    }
    // Sent as something else, or not as text at all.
    for content_type in ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data"] {
        let answer = send(browser, "prepare_change", content_type, format!("change[{one}]=1")).await;
        assert!(answer.status.is_client_error(), "{content_type}: {} {}", answer.status, answer.text());
    }
    let request = browser.post("prepare_change").header(CONTENT_TYPE, "application/json").body(Body::from(vec![0xff; 100])).unwrap();
    assert_eq!(browser.send(request).await.verdict(), refused(Code::BadRequest));
    // A byte more than a request may have, whatever is in it.
    for function in ["prepare_change", "commit_change"] {
        let padded = |size: usize| format!("{{\"change\":{{{one}}}{}}}", " ".repeat(size - one.len() - 13));
        assert_eq!(padded(64 * 1024).len(), 64 * 1024);
        assert_eq!(send(browser, function, "application/json", padded(64 * 1024 + 1)).await.status, 413, "{function}");
    }
    assert_eq!(app.dump().await, before);
}

/// Questions change nothing, and whatever stands in them they are answered.
async fn what_is_asked_for_may_be_anything(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let company = Company::open(&app, "example.org").await;
    let browser = &company.admin.browser;
    let before = app.dump().await;
    let permission = company.held.permission.id.to_string();
    let mut hostile = hostile_texts();
    hostile
        .extend(["'; DROP TABLE users; --", "%", "_", "\\", "%%%\\", "\u{10FFFF}", "-1", "18446744073709551616", "NaN"].map(str::to_owned));
    for text in &hostile {
        let what: String = text.chars().take(60).collect();
        for fields in [[text.as_str(), "", ""], ["", text, ""], ["", "", text], [text, text, text]] {
            let [search, status, after] = fields;
            let answer = browser.call("users", &[("search", search), ("status", status), ("after", after)]).await;
            assert!(answer.status == 200 || answer.status.is_client_error(), "{what:?}: {} {}", answer.status, answer.text());
        }
        for (function, fields) in [
            ("user", [("id", text.as_str()), ("after", "")]),
            ("permission", [("id", text), ("after", "")]),
            ("permission", [("id", &permission), ("after", text)]),
            ("permissions", [("after", text), ("id", "")]),
            ("history", [("before", text), ("id", "")]),
            ("history_entry", [("index", text), ("id", "")]),
        ] {
            let answer = browser.call(function, &fields).await;
            assert!(answer.status == 200 || answer.status.is_client_error(), "{function} {what:?}: {} {}", answer.status, answer.text());
        }
        let escaped: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        for path in [
            format!("/org/users?q={escaped}&status={escaped}&after={escaped}"),
            format!("/org/permissions?after={escaped}"),
            format!("/org/permissions/{permission}?after={escaped}"),
            format!("/org/history?before={escaped}"),
            format!("/org/users/{}", escaped.replace('+', "%20")),
            format!("/org/history/{}", escaped.replace('+', "%20")),
        ] {
            // Nobody's address is as long as this.
            if path.len() > 60_000 {
                continue;
            }
            let answer = browser.get(&path).await;
            assert!([200, 404].contains(&answer.status.as_u16()), "{what:?} in {}: {}", &path[..path.len().min(40)], answer.status);
            let tags = tags(answer.text());
            assert!(!tags.contains(" on") && !tags.contains("<img src=x"), "{what:?}: {tags}");
        }
    }
    assert_eq!(app.dump().await, before);
}

async fn text_that_only_looks_dangerous_stays_text(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let names = [
        "\" onmouseover=\"alert(1)",
        "' onfocus='x",
        "&lt;script&gt;",
        "{{7*7}} ${7*7}",
        "'); DROP TABLE users; --",
        "\\u003cb\\u003e",
        "محمد &amp; اسم",
        "\u{1F511} keys",
    ];
    for (number, name) in names.iter().enumerate() {
        // A permission's name has no quotation marks: sentences set it in some.
        admin.sign(&create_permission(&name.replace('"', "'"), &[Operation::UsersRead])).await;
        let change = Change::CreateUser {
            email: EmailAddress::parse(&format!("o'user{number}+{{}}&`x`@example.org")).unwrap(),
            kind: UserKind::Employee,
            external_id: Some(ExternalId::parse(name).unwrap()),
        };
        admin.sign(&change).await;
    }
    let list: UserList = admin.users().await;
    let kept: Vec<&str> = list.users.iter().filter_map(|row| row.external_id.as_deref()).collect();
    assert_eq!(kept, names);
    let user = admin.users().await.users.remove(1).user;
    let permission = admin.permission("' onmouseover='alert(1)").await;
    let mut pages =
        vec!["/org/users".to_owned(), format!("/org/users/{}", user.id), "/org/permissions".to_owned(), "/org/history".to_owned()];
    pages.push(format!("/org/permissions/{}", permission.permission.id));
    pages.push(format!("/org/permissions/{}/edit", permission.permission.id));
    pages.extend((0..16).map(|index| format!("/org/history/{index}")));
    for path in &pages {
        let page = admin.browser.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        let tags = tags(page.text());
        assert!(!tags.contains(" on") && !tags.contains("<b>") && !tags.contains("<script>alert"), "{path}: {tags}");
    }
    let mails = app.mails_to(user.handle.as_str()).await;
    assert_eq!(mails.len(), 1);
    assert!(!tags(&mails[0].html).contains(" on"), "{}", mails[0].html);
    app.verify(admin.organization).await;
}

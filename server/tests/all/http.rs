//! What holds for every request, whatever it asks for: methods, sizes, limits, headers. Hostile ones are in `attacks`.

use crate::support::{
    answer::{DONE, refused},
    app::TestApp,
    browser::Browser,
    database::TestDatabase,
    html::tags,
};
use app::refusal::Code;
use axum::{
    body::Body,
    http::{
        Method, Request,
        header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, ORIGIN},
    },
};
use std::{collections::BTreeSet, fs};

on_both_databases!(only_post_reaches_a_server_function);

on_sqlite!(
    pages_allow_no_script_but_their_own,
    https_is_insisted_on_where_there_is_https,
    what_is_too_large_is_refused,
    what_can_not_be_read_is_refused,
    addresses_that_lead_nowhere_say_so,
    what_a_link_says_is_not_believed,
    files_are_kept_by_browsers_and_answers_are_not,
    password_managers_learn_where_passkeys_are_managed,
    too_many_requests_are_told_to_wait,
    an_address_can_not_pretend_to_be_another,
    too_many_mails_to_one_address_are_refused,
    too_many_codes_for_one_address_are_refused,
    every_request_has_an_id,
);

async fn pages_allow_no_script_but_their_own(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.admin("ada@example.org").await;
    let mut nonces = BTreeSet::new();
    let pages = [
        "/",
        "/login",
        "/get-started",
        "/get-started/mail",
        "/get-started/activate",
        "/get-started/passkey",
        "/org",
        "/dev/mail",
        "/nothing",
    ];
    for path in pages {
        let page = person.browser.get(path).await;
        let policy = page.header("content-security-policy").to_owned();
        let nonce = policy.split("'nonce-").nth(1).unwrap_or_else(|| panic!("{path}: {policy}")).split('\'').next().unwrap().to_owned();
        assert_eq!(
            policy.replace(&nonce, "NONCE"),
            "default-src 'none'; script-src 'nonce-NONCE' 'strict-dynamic' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; \
             font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; manifest-src 'self'; \
             require-trusted-types-for 'script'; trusted-types default; report-uri /csp-report"
        );
        for script in page.text().split("<script").skip(1) {
            assert!(
                script.split('>').next().unwrap().contains(&nonce),
                "{path}: a script without the nonce: {}",
                &script[..script.len().min(200)]
            );
        }
        let tags = tags(page.text());
        assert!(!tags.contains(" style="), "{path} has an inline style: {tags}");
        assert!(!tags.contains(" on") && !page.text().contains("javascript:"), "{path} has an inline script: {tags}");
        nonces.insert(nonce);
    }
    assert_eq!(nonces.len(), pages.len(), "each answer has a nonce of its own");
}

async fn https_is_insisted_on_where_there_is_https(database: &TestDatabase) {
    let local = TestApp::init(database).await;
    assert_eq!(local.browser().get("/").await.header("strict-transport-security"), "");
    let public = TestApp::init(database).with_origin("https://id.example.org").with_mail_server().await;
    for path in ["/", "/nothing", "/rpc/viewer", "/health/ready"] {
        let answer = public.browser().get(path).await;
        assert_eq!(answer.header("strict-transport-security"), "max-age=63072000; includeSubDomains", "{path}");
    }
}

async fn only_post_reaches_a_server_function(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.admin("ada@example.org").await;
    let before = app.dump().await;
    for (function, _) in crate::authorization::FUNCTIONS {
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE, Method::PATCH] {
            let path = format!("/rpc/{function}?email=eve%40example.org&name=Eve&organization=Evil&code=1111222233334444");
            let answer = person.browser.open(method.clone(), &path).await;
            assert_eq!(answer.status, 405, "{method} {function}");
        }
    }
    app.settle().await;
    assert_eq!(app.dump().await, before);
}

async fn what_is_too_large_is_refused(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.registering("ada@example.org").await;
    let before = app.dump().await;
    let body = |size: usize| format!("{{\"response\":\"{}\"}}", "a".repeat(size - 15));
    let post = || person.browser.post("keep_passkey").header(CONTENT_TYPE, "application/json");
    let announced = |size: usize| post().header(CONTENT_LENGTH, size).body(Body::from(body(size))).unwrap();

    assert_eq!(person.browser.send(announced(64 * 1024)).await.verdict(), refused(Code::PasskeyRefused));
    assert_eq!(person.browser.send(announced(64 * 1024 + 1)).await.status, 413);
    // Without saying beforehand how long it is.
    let unannounced = person.browser.send(post().body(Body::from(body(70_000))).unwrap()).await;
    assert!(unannounced.status.is_client_error(), "{} {}", unannounced.status, unannounced.text());
    let form = person.browser.call("create_organization", &[("email", &"a".repeat(70_000))]).await;
    assert_eq!(form.status, 413);
    assert_eq!(app.dump().await, before);
}

async fn what_can_not_be_read_is_refused(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.registering("ada@example.org").await;
    let before = app.dump().await;
    for (function, content_type, body) in [
        ("keep_passkey", "application/json", "{"),
        ("keep_passkey", "application/json", ""),
        ("keep_passkey", "application/json", "[]"),
        ("keep_passkey", "application/json", "{\"respons\":1}"),
        ("finish_sign_in", "application/json", "{\"challenge\":\"us-1g64s-36d1n-6rvkgeb1c9hp8sb6\",\"response\":{}}"),
        ("finish_sign_in", "application/json", "{\"challenge\":1,\"response\":{}}"),
        (
            "finish_registration",
            "application/json",
            "{\"recovery_key\":{\"public_key\":\"\",\"salt\":\"\",\"signature\":\"\",\"admin\":true}}",
        ),
        ("create_organization", "application/x-www-form-urlencoded", "email=ada%40example.org"),
        ("create_organization", "application/x-www-form-urlencoded", "email[a]=1&email[b]=2&name=x&organization=x"),
        ("create_organization", "application/x-www-form-urlencoded", "email=a&email=b&name=x&organization=x"),
        ("activate", "application/json", "{\"email\":\"ada@example.org\"}"),
    ] {
        let request = person.browser.post(function).header(CONTENT_TYPE, content_type).body(Body::from(body.to_owned())).unwrap();
        let answer = person.browser.send(request).await;
        assert_eq!(answer.verdict(), refused(Code::BadRequest), "{function} {body}: {}", answer.text());
        assert!(!answer.text().contains("line 1") && !answer.text().contains("missing field"), "internals: {}", answer.text());
    }
    // Too deep to be anything.
    let nested = format!("{{\"response\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
    let request = person.browser.post("keep_passkey").header(CONTENT_TYPE, "application/json").body(Body::from(nested)).unwrap();
    let answer = person.browser.send(request).await;
    assert!(answer.status.is_client_error(), "{} {}", answer.status, answer.text());
    assert_eq!(app.dump().await, before);
}

async fn addresses_that_lead_nowhere_say_so(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    fs::write(app.site().parent().unwrap().join("countersign-test-outside"), "secret").ok();
    for path in [
        "/nothing",
        "/get-started/nothing",
        "/org/nothing",
        "/pkg/",
        "/pkg/nothing.js",
        "/../Cargo.toml",
        "/%2e%2e/countersign-test-outside",
        "/pkg/..%2f..%2fcountersign-test-outside",
        "/.git/config",
        "//evil.example",
    ] {
        let answer = app.browser().get(path).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
        assert!(!answer.text().contains("secret"), "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
    fs::remove_file(app.site().parent().unwrap().join("countersign-test-outside")).ok();
    let post = Request::post("/login").header(ORIGIN, "http://localhost:3000").body(Body::empty()).unwrap();
    assert_eq!(app.browser().send(post).await.status, 405);
}

/// Anyone can write a link.
async fn what_a_link_says_is_not_believed(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let refusal = data_encoding::BASE64URL
        .encode(br#"{"code":"wrong_code","message":"Call +1 555 0100 now","fields":[{"field":"code","message":"Send it to eve"}]}"#);
    for path in [
        format!("/get-started/activate?email=ada%40example.org&__path=/rpc/activate&__err={refusal}"),
        format!("/get-started?__path=/rpc/create_organization&__err={refusal}"),
        "/get-started?__path=/rpc/create_organization&__err=%3Cscript%3Ealert(1)%3C/script%3E".to_owned(),
        "/get-started/mail?email=%3Cscript%3Ealert(1)%3C/script%3E&organization=%3Cscript%3Ealert(1)%3C/script%3E".to_owned(),
        "/get-started/activate?email=%22%3E%3Cscript%3Ealert(1)%3C/script%3E".to_owned(),
        "/get-started/mail?email=call%20eve%20now&sent=again".to_owned(),
        "/login?next=https://evil.example/".to_owned(),
        "/login?next=//evil.example/".to_owned(),
        "/login?next=/%5Cevil.example/".to_owned(),
        "/login?signed=%3Cscript%3Ealert(1)%3C/script%3E".to_owned(),
        "/%3Cscript%3Ealert(1)%3C/script%3E".to_owned(),
    ] {
        let page = app.browser().get(&path).await;
        for words in ["555 0100", "Send it to eve", "<script>alert", "call eve now", "evil.example"] {
            assert!(!page.text().contains(words), "{path} shows {words}");
        }
    }
}

async fn files_are_kept_by_browsers_and_answers_are_not(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    fs::write(app.site().join("pkg/countersign.abc123.js"), "export {}").unwrap();
    fs::write(app.site().join("seal.svg"), "<svg/>").unwrap();
    let browser = app.admin("ada@example.org").await.browser;
    for (path, kept) in [
        ("/pkg/countersign.abc123.js", "public, max-age=31536000, immutable"),
        ("/seal.svg", "public, max-age=3600"),
        ("/pkg/nothing.js", "no-store"),
        ("/", "no-store"),
        ("/org", "no-store"),
        ("/login", "no-store"),
    ] {
        assert_eq!(browser.get(path).await.header("cache-control"), kept, "{path}");
    }
    assert_eq!(browser.viewer().await.header("cache-control"), "no-store");
}

async fn password_managers_learn_where_passkeys_are_managed(database: &TestDatabase) {
    let app = TestApp::init(database).with_origin("https://id.example.org").with_mail_server().await;
    let answer = app.browser().get("/.well-known/passkey-endpoints").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.text(), r#"{"enroll":"https://id.example.org/account#passkeys","manage":"https://id.example.org/account"}"#);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "public, max-age=3600");
    assert_eq!(answer.header("set-cookie"), "");
    // There are no passwords to change.
    assert_eq!(app.browser().get("/.well-known/change-password").await.status, 404);
}

async fn too_many_requests_are_told_to_wait(database: &TestDatabase) {
    let app = TestApp::init(database).with_requests_per_minute(3).await;
    let browser = app.browser().at("192.0.2.1");
    for _ in 0..3 {
        assert_eq!(browser.about().await.verdict(), DONE);
    }
    let answer = browser.create_organization("ada@example.org", "Ada", "Acme").await;
    assert_eq!(answer.verdict(), refused(Code::TooMany));
    let seconds: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(answer.refusal().retry_after, Some(seconds));
    assert!(answer.refusal().message.contains("Too many requests came from your network."), "{}", answer.text());
    assert_eq!(app.count("organizations").await, 0);

    assert_eq!(browser.get("/").await.status, 200, "reading isn't counted");
    assert_eq!(app.browser().at("192.0.2.2").about().await.verdict(), DONE, "nor are others");
    let counted = |address: &'static str| app.browser().at(address);
    for address in ["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2:ffff::3"] {
        assert_eq!(counted(address).about().await.verdict(), DONE);
    }
    assert_eq!(counted("2001:db8:1:2:abcd::4").about().await.verdict(), refused(Code::TooMany), "one network of IPv6 is one household");
    assert_eq!(counted("2001:db8:1:3::1").about().await.verdict(), DONE);
}

async fn an_address_can_not_pretend_to_be_another(database: &TestDatabase) {
    let app = TestApp::init(database).with_requests_per_minute(2).with_trusted_proxy("10.0.0.1").await;
    let ask = async |browser: &Browser, forwarded: &str| {
        let request = browser.post("about").header("x-forwarded-for", forwarded).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        browser.send(request.body(Body::empty()).unwrap()).await.verdict()
    };
    let stranger = app.browser().at("192.0.2.1");
    assert_eq!(ask(&stranger, "198.51.100.1").await, DONE);
    assert_eq!(ask(&stranger, "198.51.100.2").await, DONE);
    assert_eq!(ask(&stranger, "198.51.100.3").await, refused(Code::TooMany));
    let proxy = app.browser().at("10.0.0.1");
    assert_eq!(ask(&proxy, "198.51.100.1").await, DONE);
    assert_eq!(ask(&proxy, "1.1.1.1, 198.51.100.1").await, DONE);
    assert_eq!(ask(&proxy, "2.2.2.2, 198.51.100.1").await, refused(Code::TooMany));
    assert_eq!(ask(&proxy, "198.51.100.2").await, DONE);
}

async fn too_many_mails_to_one_address_are_refused(database: &TestDatabase) {
    let app = TestApp::init(database).with_mails_per_hour(2).await;
    app.admin("known@example.org").await;
    for email in ["known@example.org", "never@example.org"] {
        let browser = app.browser();
        if email == "never@example.org" {
            assert_eq!(browser.create_organization(email, "Eve", "Evil").await.verdict(), DONE);
        }
        assert_eq!(browser.send_new_code(email, "").await.verdict(), DONE);
        // However it is written, and wherever it is asked for.
        let answer = browser.send_new_code(&email.to_uppercase(), "").await;
        assert_eq!(answer.verdict(), refused(Code::TooMany), "{email}");
        assert!(answer.header("retry-after").parse::<u64>().unwrap() > 60);
        let other = app.browser().at("192.0.2.2").create_organization(email, "Eve", "Evil").await;
        assert_eq!(other.verdict(), refused(Code::TooMany), "{email}");
        assert_eq!(other.refusal().message.split('.').next(), Some("Too many mails were asked for at this address"));
    }
    assert_eq!(app.browser().create_organization("bob@example.org", "Bob", "Bob & Co").await.verdict(), DONE);
}

async fn too_many_codes_for_one_address_are_refused(database: &TestDatabase) {
    let app = TestApp::init(database).with_mails_per_hour(1).await;
    let person = app.founder("ada@example.org").await;
    for email in ["ada@example.org", "never@example.org"] {
        for _ in 0..6 {
            let wrong = app.browser().activate(email, "", &person.wrong_code()).await;
            assert_eq!(wrong.verdict(), refused(Code::WrongCode));
        }
        let answer = app.browser().at("192.0.2.2").activate(email, "", &person.wrong_code()).await;
        assert_eq!(answer.verdict(), refused(Code::TooMany), "{email}");
        assert!(answer.header("retry-after").parse::<u64>().is_ok());
    }
}

async fn every_request_has_an_id(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let (first, second) = (app.browser().get("/").await, app.browser().get("/").await);
    assert!(first.header("x-request-id").len() >= 32);
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
    let odd = Request::get("/").header(HOST, "localhost:3000").header("x-request-id", "from-a-proxy").body(Body::empty()).unwrap();
    assert_eq!(app.browser().send(odd).await.header("x-request-id"), "from-a-proxy");
}

//! What every answer carries, whatever was asked for and however that went: so that a browser lets no other site do anything with it.

use crate::{
    authorization::FUNCTIONS,
    support::{
        answer::{Answer, DONE},
        app::{CHEAP, SECRET, TestApp},
        browser::Browser,
        company::Company,
        database::TestDatabase,
        html::tags,
        person::Person,
    },
};
use app::domain::time::Timestamp;
use axum::{
    body::Body,
    http::{
        HeaderMap, Method, Request, StatusCode,
        header::{ACCEPT_ENCODING, CONTENT_LENGTH, COOKIE, HOST, IF_MODIFIED_SINCE, ORIGIN, RANGE},
    },
};
use serde_json::Value;
use server::{
    ambient::{Ambient, Clock},
    code::Codes,
    http::{
        self, Stopping,
        listener::{self, Room},
    },
    mail::Outbox,
    passkey::Ceremonies,
    secret::ServerSecret,
    service::Services,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    future::pending,
    path::Path,
    sync::Arc,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

on_both_databases!(every_kind_of_answer_carries_every_header);

on_sqlite!(
    other_sites_are_told_nothing_whatever_they_ask_for,
    a_head_is_what_the_page_would_have,
    what_is_kept_by_a_cache_is_for_everybody,
    no_page_has_inline_code_or_styles,
    every_page_has_a_nonce_of_its_own_and_no_file_has_one,
    what_is_text_says_in_which_letters_it_is_written,
    a_session_that_ends_takes_along_what_its_pages_stored,
    what_is_no_http_is_answered_without_a_word,
);

/// With `NONCE` for this answer's own.
const OF_PAGES: &str = "default-src 'none'; script-src 'nonce-NONCE' 'strict-dynamic' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; \
                        font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; manifest-src 'self'; \
                        require-trusted-types-for 'script'; trusted-types default; report-uri /csp-report";
const OF_DOCS: &str =
    "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const OF_THE_REST: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What each kind of answer has to be among the answers of the table, so that none is left out unnoticed.
const STATUSES: [u16; 19] = [200, 204, 206, 302, 303, 304, 400, 401, 403, 404, 405, 413, 415, 416, 421, 422, 429, 500, 503];

/// How some of the answers of the table end, so that each is one of the kind that it is called.
const ENDS: [(&str, u16); 19] = [
    ("GET / by a stranger", 200),
    ("GET /org by an admin", 200),
    ("GET /org by a stranger", 303),
    ("GET /get-started/passkey by a stranger", 401),
    ("GET /no/such/page by a stranger", 404),
    ("GET /pkg/countersign.abc123.css by an admin", 200),
    ("GET /seal.svg by an admin", 200),
    ("GET /pkg/nothing.js by an admin", 404),
    ("viewer", 200),
    ("viewer for a stranger", 401),
    ("GET /rpc/viewer by a stranger", 405),
    ("no function", 400),
    ("/rpc/sign_out for another site", 403),
    ("too large", 413),
    ("GET /health/ready by a stranger", 200),
    ("a broken row", 500),
    ("too often", 429),
    ("no database", 503),
    ("not ready", 503),
];

/// A page's nonce.
fn nonce(answer: &Answer) -> Option<&str> {
    answer.header("content-security-policy").split_once("'nonce-")?.1.split('\'').next()
}

/// What this answer lacks, or has that it shouldn't.
pub fn faults(path: &str, is_https: bool, answer: &Answer) -> Vec<String> {
    let is_page = answer.header("content-type").starts_with("text/html");
    let policy = match nonce(answer) {
        Some(nonce) => answer.header("content-security-policy").replace(nonce, "NONCE"),
        None => answer.header("content-security-policy").to_owned(),
    };
    let camera = if ["/account", "/recover/kit"].contains(&path) { "(self)" } else { "()" };
    let permissions = format!(
        "publickey-credentials-create=(self), publickey-credentials-get=(self), camera={camera}, microphone=(), geolocation=(), payment=(), usb=()"
    );
    let expected = [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", permissions.as_str()),
        ("strict-transport-security", if is_https { "max-age=63072000; includeSubDomains" } else { "" }),
    ];
    let mut faults: Vec<String> = expected
        .iter()
        .filter(|(name, value)| answer.header(name) != *value)
        .map(|(name, _)| format!("{name}: {}", answer.header(name)))
        .collect();
    let wanted = match (is_page, path) {
        (true, "/docs") => OF_DOCS,
        (true, _) => OF_PAGES,
        (false, _) => OF_THE_REST,
    };
    if policy != wanted {
        faults.push(format!("content-security-policy: {policy}"));
    }
    let mut once = expected.map(|(name, _)| name).to_vec();
    once.extend(["content-security-policy", "cache-control", "x-request-id", "content-type", "set-cookie"]);
    faults.extend(once.iter().filter(|name| answer.headers.get_all(**name).iter().count() > 1).map(|name| format!("{name} twice")));
    for name in ["server", "x-powered-by", "via", "access-control-allow-origin", "access-control-allow-credentials"] {
        if answer.headers.contains_key(name) {
            faults.push(format!("{name}: {}", answer.header(name)));
        }
    }
    if answer.header("x-request-id").is_empty() {
        faults.push("no x-request-id".to_owned());
    }
    if !answer.body.is_empty() && answer.header("content-type").is_empty() {
        faults.push("no content-type".to_owned());
    }
    let is_file = path.contains('.') || path == "/.well-known/passkey-endpoints";
    let kept = answer.header("cache-control");
    if kept != "no-store" && !(is_file && kept.starts_with("public, max-age=") && !answer.headers.contains_key("set-cookie")) {
        faults.push(format!("cache-control: {kept}"));
    }
    faults
}

/// What came back for what, of one server.
#[derive(Default)]
struct Table(Vec<(String, String, bool, Answer)>);

impl Table {
    fn note(&mut self, what: &str, path: &str, answer: Answer) {
        self.0.push((what.to_owned(), path.to_owned(), true, answer));
    }

    /// Asked by this method, as if the address was typed.
    async fn ask(&mut self, who: &str, browser: &Browser, method: Method, path: &str) {
        let answer = browser.open(method.clone(), path).await;
        self.note(&format!("{method} {path} by {who}"), path.split('?').next().unwrap(), answer);
    }
}

/// Every page's route, from the site map.
fn routes() -> Vec<String> {
    let site_map = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../app/src/lib.rs")).unwrap();
    let routes: Vec<String> = site_map.split("path!(\"").skip(1).map(|route| route.split('"').next().unwrap().to_owned()).collect();
    assert!(routes.len() >= 30, "{routes:?}");
    routes
}

/// Every path of the API with what it can be asked, from its description.
async fn calls(browser: &Browser) -> Vec<(Method, String)> {
    let description: Value = serde_json::from_str(browser.get("/openapi.json").await.text()).unwrap();
    let mut calls = Vec::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        let path: String =
            path.split('{').map(|part| part.split_once('}').map_or(part.to_owned(), |(_, rest)| format!("x{rest}"))).collect();
        let methods = methods.as_object().unwrap().keys().filter_map(|method| method.to_uppercase().parse::<Method>().ok());
        calls.extend(methods.map(|method| (method, path.clone())));
    }
    assert!(calls.len() >= 50, "{calls:?}");
    calls
}

/// A server that browsers reach by https, with some files.
async fn public(database: &TestDatabase) -> TestApp {
    let app = TestApp::init(database).with_origin("https://id.example.org").with_mail_server().await;
    fs::write(app.site().join("pkg/countersign.abc123.css"), "body {}").unwrap();
    fs::write(app.site().join("pkg/countersign.abc123.css.br"), "compressed").unwrap();
    fs::write(app.site().join("seal.svg"), "<svg xmlns=\"http://www.w3.org/2000/svg\"/>").unwrap();
    app
}

async fn every_kind_of_answer_carries_every_header(database: &TestDatabase) {
    let app = public(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let (stranger, browser) = (app.browser(), admin.browser.clone());
    let mut table = Table::default();
    pages_and_functions(&mut table, &stranger, &browser).await;
    files(&mut table, &browser).await;
    calls_of_programs(&mut table, &app, &mut admin).await;
    forms(&mut table, &app).await;
    for path in
        ["/health/live", "/health/ready", "/health", "/no/such/page", "/rpc/nothing", "/rpc/", "/auth/nothing", "/docs", "/openapi.json"]
    {
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::POST] {
            table.ask("a stranger", &stranger, method, path).await;
        }
    }
    // From here on the server is worse and worse off.
    let busy = TestApp::init(database).with_origin("https://id.example.org").with_mail_server().with_requests_per_minute(1).await;
    for _ in 0..2 {
        table.note("too often", "/rpc/viewer", busy.browser().viewer().await);
        let call = Request::post("/auth/login/init").body(Body::empty()).unwrap();
        table.note("a call too often", "/auth/login/init", busy.browser().send(call).await);
    }
    table.note("a panic", "/rpc/start_sign_in", with_a_broken_clock(&app).start_sign_in().await);
    app.run("UPDATE users SET email = 'broken by hand'").await;
    table.note("a broken row", "/rpc/viewer", browser.viewer().await);
    table.note("a page of a broken row", "/org", browser.get("/org").await);
    table.note("signed out", "/rpc/sign_out", browser.sign_out().await);
    app.services.storage.close().await;
    table.note("no database", "/rpc/start_sign_in", stranger.start_sign_in().await);
    table.note("a page without a database", "/org", stranger.get("/org").await);
    table.note("a call without a database", "/auth/login/init", {
        let body = serde_json::json!({ "orgId": admin.organization });
        stranger.api_json(Method::POST, "/auth/login/init", &body).await
    });
    table.note("not ready", "/health/ready", stranger.get("/health/ready").await);

    let local = TestApp::init(&TestDatabase::sqlite()).await;
    for (what, path, host) in
        [("local", "/", "localhost:3000"), ("under another name", "/", "evil.example"), ("local file", "/x.css", "localhost:3000")]
    {
        let answer = local.browser().send(Request::get(path).header(HOST, host).body(Body::empty()).unwrap()).await;
        table.0.push((what.to_owned(), path.to_owned(), false, answer));
    }

    let found: Vec<String> = table
        .0
        .iter()
        .flat_map(|(what, path, is_https, answer)| {
            faults(path, *is_https, answer).into_iter().map(move |fault| format!("{what} ({}): {fault}", answer.status))
        })
        .collect();
    assert!(found.is_empty(), "{} of {}:\n{}", found.len(), table.0.len(), found.join("\n"));
    let statuses: BTreeSet<u16> = table.0.iter().map(|(.., answer)| answer.status.as_u16()).collect();
    let missing: Vec<&u16> = STATUSES.iter().filter(|status| !statuses.contains(status)).collect();
    assert!(missing.is_empty(), "no answer of the table is {missing:?}: {statuses:?}");
    for (what, status) in ENDS {
        let (.., answer) = table.0.iter().rfind(|(other, ..)| other == what).unwrap_or_else(|| panic!("nothing is called {what}"));
        assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.text());
    }
    let panicked = &table.0.iter().find(|(what, ..)| what == "a panic").unwrap().3;
    assert_eq!((panicked.status.as_u16(), panicked.text()), (500, "Something went wrong on the server. Nothing was changed.\n"));
}

async fn pages_and_functions(table: &mut Table, stranger: &Browser, browser: &Browser) {
    for route in routes() {
        let path = route.replace(":id", "us-01040-g2081-040g2081040g2081").replace(":index", "0");
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::POST, Method::PUT, Method::TRACE] {
            table.ask("a stranger", stranger, method.clone(), &path).await;
            table.ask("an admin", browser, method, &path).await;
        }
    }
    table.ask("an admin", browser, Method::GET, "/org/history/export").await;
    table.ask("a stranger", stranger, Method::GET, "/org/history/export").await;
    for (function, _) in FUNCTIONS {
        let path = format!("/rpc/{function}");
        for method in [Method::GET, Method::OPTIONS, Method::POST] {
            table.ask("a stranger", stranger, method, &path).await;
        }
        let evil = Request::post(&path).header(ORIGIN, "https://evil.example").header("sec-fetch-site", "cross-site");
        table.note(&format!("{path} for another site"), &path, browser.send(evil.body(Body::empty()).unwrap()).await);
    }
    table.note("viewer", "/rpc/viewer", browser.viewer().await);
    table.note("viewer for a stranger", "/rpc/viewer", stranger.viewer().await);
    table.note("no function", "/rpc/nothing", stranger.call("nothing", &[]).await);
    let large = stranger.post("activate").header(CONTENT_LENGTH, 70_000).body(Body::from(vec![b'a'; 70_000])).unwrap();
    table.note("too large", "/rpc/activate", stranger.send(large).await);
}

async fn files(table: &mut Table, browser: &Browser) {
    for path in
        ["/pkg/countersign.abc123.css", "/seal.svg", "/pkg/nothing.js", "/pkg", "/pkg/", "/.well-known/passkey-endpoints", "/../Cargo.toml"]
    {
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::POST] {
            table.ask("an admin", browser, method, path).await;
        }
    }
    let modified = browser.get("/seal.svg").await.header("last-modified").to_owned();
    for path in ["/seal.svg", "/pkg/countersign.abc123.css"] {
        for (name, value) in [
            (RANGE, "bytes=0-3"),
            (RANGE, "bytes=90000-"),
            (IF_MODIFIED_SINCE, modified.as_str()),
            (ACCEPT_ENCODING, "br"),
            (ACCEPT_ENCODING, "gzip"),
        ] {
            let what = format!("{path} with {name}: {value}");
            table.note(&what, path, browser.send(Request::get(path).header(name, value).body(Body::empty()).unwrap()).await);
        }
    }
}

async fn calls_of_programs(table: &mut Table, app: &TestApp, admin: &mut Person) {
    let stranger = app.browser();
    let mut paths = BTreeSet::new();
    for (method, path) in calls(&stranger).await {
        table.ask("a program without a token", &stranger, method.clone(), &path).await;
        if method != Method::GET {
            table.note(&format!("{method} {path}, nothing"), &path, stranger.api_json(method, &path, &serde_json::json!({})).await);
        }
        paths.insert(path);
    }
    let caller = app.caller(admin).await;
    for path in paths {
        for method in [Method::HEAD, Method::OPTIONS, Method::PATCH] {
            table.ask("a program without a token", &stranger, method, &path).await;
        }
        table.note(&format!("{path} with a token"), &path, caller.get(&path).await);
    }
    let large = Request::post("/auth/login/init").header(CONTENT_LENGTH, 70_000).body(Body::from(vec![b'a'; 70_000])).unwrap();
    table.note("too large a call", "/auth/login/init", stranger.send(large).await);
}

/// Without JavaScript: answers lead to the next page, or back.
async fn forms(table: &mut Table, app: &TestApp) {
    let browser = app.browser();
    let fields = [("email", "eve@example.org"), ("name", "Eve"), ("organization", "Evil")];
    table.note("a form", "/rpc/create_organization", browser.submit("create_organization", &fields, "/get-started").await);
    let wrong = [("email", "eve@localhost"), ("name", ""), ("organization", "")];
    table.note("a wrong form", "/rpc/create_organization", browser.submit("create_organization", &wrong, "/get-started").await);
    table.note("a wrong form by script", "/rpc/create_organization", browser.create_organization("eve@localhost", "", "").await);
    let person = app.founder("bob@example.org").await;
    table.note("a code, which gives a cookie", "/rpc/activate", person.activate().await);
}

/// A clock that breaks, and with it whatever asks for the time.
struct Broken;

impl Clock for Broken {
    fn now(&self) -> Timestamp {
        panic!("the clock broke")
    }
}

fn with_a_broken_clock(app: &TestApp) -> Browser {
    let ambient = Ambient { clock: Arc::new(Broken), random: Ambient::of_this_machine().random };
    let outbox = Outbox::new(ServerSecret::parse(SECRET).unwrap(), ambient.clone());
    let config = app.services.config.clone();
    let ceremonies = Ceremonies::new(&config.origin).unwrap();
    let services = Services::new(config, ambient, app.services.storage.clone(), ceremonies, outbox, Codes::new(CHEAP)).unwrap();
    Browser::new(http::router(Arc::new(services), Stopping::default()), app.origin())
}

async fn other_sites_are_told_nothing_whatever_they_ask_for(database: &TestDatabase) {
    let app = public(database).await;
    let admin = app.admin("ada@example.org").await;
    let cookie = format!("__Host-countersign={}", admin.browser.cookies()["__Host-countersign"]);
    let named =
        TestApp::init(database).with_origin("https://id.example.org").with_mail_server().with_api_origin("https://app.example.org").await;
    let mut paths: BTreeSet<String> = calls(&app.browser()).await.into_iter().map(|(_, path)| path).collect();
    paths.extend(["/docs", "/openapi.json"].map(str::to_owned));
    let of_programs = paths.clone();
    paths.extend(routes());
    paths.extend(FUNCTIONS.map(|(function, _)| format!("/rpc/{function}")));
    paths.extend(["/health/ready", "/seal.svg", "/nothing", "/org/history/export"].map(str::to_owned));
    // Those that a list by the beginning, the end, or a pattern with a dot would let in are among them.
    let evil = [
        "https://evil.example",
        "null",
        "https://app.example.org.evil.example",
        "https://evilapp.example.org",
        "https://appxexample.org",
        "http://app.example.org",
    ];
    for path in &paths {
        for (server, allowed) in [(&app, false), (&named, of_programs.contains(path))] {
            for origin in evil.into_iter().chain(["https://app.example.org"]) {
                let is_named = allowed && origin == "https://app.example.org";
                let preflight = Request::options(path).header("access-control-request-method", "POST");
                for request in [Request::get(path), preflight] {
                    let request = request.header(ORIGIN, origin).header("sec-fetch-site", "cross-site").header(COOKIE, &cookie);
                    let headers = server.browser().send(request.body(Body::empty()).unwrap()).await.headers;
                    let told: Vec<_> = headers.get_all("access-control-allow-origin").iter().collect();
                    assert_eq!(told, if is_named { vec!["https://app.example.org"] } else { vec![] }, "{path} for {origin}");
                    assert!(!headers.contains_key("access-control-allow-credentials"), "{path}: cookies never come along");
                    assert!(told.is_empty() || is_varied(&headers), "{path}: a cache could give it to another site");
                }
            }
        }
    }
}

fn is_varied(headers: &HeaderMap) -> bool {
    headers.get_all("vary").iter().any(|value| value.to_str().unwrap().to_ascii_lowercase().contains("origin"))
}

async fn a_head_is_what_the_page_would_have(database: &TestDatabase) {
    let app = public(database).await;
    let browser = app.admin("ada@example.org").await.browser;
    let comparable = |answer: &Answer| {
        let nonce = nonce(answer).unwrap_or("none").to_owned();
        let headers = answer.headers.iter().filter(|(name, _)| !["x-request-id", "content-length", "date"].contains(&name.as_str()));
        let headers: BTreeMap<String, String> =
            headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().replace(&nonce, "NONCE"))).collect();
        (answer.status, headers)
    };
    for path in ["/", "/org", "/org/users", "/nothing", "/seal.svg", "/docs", "/openapi.json", "/health/ready", "/org/history/export"] {
        let (get, head) = (browser.get(path).await, browser.open(Method::HEAD, path).await);
        assert_eq!(comparable(&get), comparable(&head), "{path}");
        assert!(head.body.is_empty(), "{path}");
    }
}

/// A cache in front of the server, or in the browser, gives what it keeps to whoever asks for it.
async fn what_is_kept_by_a_cache_is_for_everybody(database: &TestDatabase) {
    let app = public(database).await;
    let path = "/pkg/countersign.abc123.css";
    let modified = app.browser().get(path).await.header("last-modified").to_owned();
    for cookie in ["", "__Host-countersign=", "__Host-countersign=nonsense", "__Host-countersign=AAAAAAAAAAAAAAAAAAAAAA", "other=1"] {
        for since in [None, Some(&modified)] {
            let mut request = Request::get(path).header(COOKIE, cookie);
            if let Some(since) = since {
                request = request.header(IF_MODIFIED_SINCE, since);
            }
            let answer = app.browser().send(request.body(Body::empty()).unwrap()).await;
            let is_kept = answer.header("cache-control") == "public, max-age=31536000, immutable";
            assert!(is_kept != answer.headers.contains_key("set-cookie"), "{cookie:?} {since:?}: {:?}", answer.headers);
            assert!(is_kept || answer.header("cache-control") == "no-store", "{cookie:?} {since:?}: {:?}", answer.headers);
        }
    }
    let again = app.browser().send(Request::get(path).header(IF_MODIFIED_SINCE, modified).body(Body::empty()).unwrap()).await;
    assert_eq!((again.status, again.header("cache-control")), (StatusCode::NOT_MODIFIED, "public, max-age=31536000, immutable"));
}

/// Every page, by whoever sees it, with something on it.
async fn every_page(app: &TestApp) -> Vec<(String, Answer)> {
    let mut company = Company::open(app, "example.org").await;
    let stranger = app.browser();
    let registering = app.registering("eve@example.org").await.browser;
    let keeping = app.with_passkey("mallory@example.org").await.browser;
    let lost = app.admin("lost@example.net").await;
    let (recovering, proven) = (app.recovering(&lost).await, app.recovering(&lost).await);
    assert_eq!(proven.prove_kit(&lost.kit).await.verdict(), DONE);
    let adding = app.adding_elsewhere(&company.admin).await.0;
    let none = app.colleague(&mut company.admin, "none@example.org", &[]).await.0.browser;
    let admin = &company.admin.browser;
    let mut pages = Vec::new();
    for route in routes() {
        let browser = match route.as_str() {
            "/get-started/passkey" => &registering,
            "/get-started/recovery-kit" => &keeping,
            "/recover/kit" => &recovering,
            "/recover/new-kit" => &proven,
            "/add-passkey/make" => &adding,
            path if path.starts_with("/org") || path.starts_with("/account") => admin,
            _ => &stranger,
        };
        let id = match route.as_str() {
            "/org/users/:id" => company.active.id.to_string(),
            "/org/service-accounts/:id" => company.robot.id.to_string(),
            "/account/access-tokens/:id" => company.token.id.to_string(),
            _ => company.free.permission.id.to_string(),
        };
        let path = route.replace(":id", &id).replace(":index", "1");
        let page = browser.get(&path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.text());
        pages.push((path, page));
    }
    for path in [
        "/docs",
        "/nothing",
        "/recover/kit",
        "/get-started/mail?email=%3Cb%20style%3Dx%3E%40example.org",
        "/login?next=%22%20onload%3D%22x",
    ] {
        pages.push((path.to_owned(), stranger.get(path).await));
    }
    for path in ["/org", "/org/users", "/org/users/us-01040-g2081-040g2081040g2081"] {
        pages.push((format!("{path} for somebody without permissions"), none.get(path).await));
    }
    pages.push(("not there".to_owned(), admin.get("/org/users/us-01040-g2081-040g2081040g2081").await));
    app.services.storage.close().await;
    pages.push(("no database".to_owned(), admin.get("/org").await));
    pages
}

async fn no_page_has_inline_code_or_styles(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    for (path, page) in every_page(&app).await {
        let (html, nonce) = (page.text(), nonce(&page));
        let tags = tags(html);
        assert!(tags.contains("<html"), "{path}: {html}");
        assert!(!tags.contains(" style") && !tags.contains("<style"), "{path} has an inline style: {tags}");
        assert!(!tags.contains(" on") && !html.contains("javascript:"), "{path} has inline code: {tags}");
        assert!(
            !tags.contains("<base") && !tags.contains("<object") && !tags.contains("<embed") && !tags.contains("<iframe"),
            "{path}: {tags}"
        );
        for script in html.split("<script").skip(1) {
            let nonce = nonce.unwrap_or_else(|| panic!("{path} has a script"));
            assert!(
                script.split('>').next().unwrap().contains(&format!("nonce=\"{nonce}\"")),
                "{path}: a script without the nonce: {script}"
            );
        }
        // All that is loaded is ours.
        for attribute in
            [" src=\"", "<link rel=\"preload\" href=\"", "<link rel=\"stylesheet\" href=\"", "<link rel=\"modulepreload\" href=\""]
        {
            for loaded in html.split(attribute).skip(1) {
                assert!(
                    loaded.starts_with('/') && !loaded.starts_with("//") || loaded.starts_with("data:image/"),
                    "{path} loads {loaded:.80}"
                );
            }
        }
    }
}

async fn every_page_has_a_nonce_of_its_own_and_no_file_has_one(database: &TestDatabase) {
    let app = public(database).await;
    let mut nonces = BTreeSet::new();
    let paths: Vec<String> = routes().into_iter().filter(|route| !route.contains(':')).chain(["/nothing".to_owned()]).collect();
    for path in paths.iter().chain(&paths) {
        let page = app.browser().get(path).await;
        let nonce = nonce(&page).unwrap_or_else(|| panic!("{path}: {:?}", page.headers)).to_owned();
        let bytes = data_encoding::BASE64URL_NOPAD
            .decode(nonce.trim_end_matches('=').as_bytes())
            .unwrap_or_else(|error| panic!("{nonce}: {error}"));
        assert!(bytes.len() >= 16, "{nonce}");
        assert_eq!(page.header("cache-control"), "no-store", "{path}: a page that is kept would be shown with an old nonce");
        nonces.insert(nonce);
    }
    assert_eq!(nonces.len(), paths.len() * 2, "each answer has a nonce of its own");
    for path in ["/seal.svg", "/pkg/countersign.abc123.css", "/docs", "/openapi.json", "/rpc/viewer"] {
        assert!(!app.browser().get(path).await.header("content-security-policy").contains("nonce"), "{path}");
    }
}

/// Whatever can't be read as a request is answered by hyper, before any of our code is asked. That answer can't carry headers; so it
/// must say nothing, which no browser could take for a page.
async fn what_is_no_http_is_answered_without_a_word(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = http::router(Arc::clone(&app.services), Stopping::default());
    let serving = tokio::spawn(listener::serve(listener, router, Room::of(8), pending()));
    let long = "a".repeat(40_000);
    for (what, head, status) in [
        ("no method", "<script>alert(1)</script>\r\n\r\n".to_owned(), "400 Bad Request"),
        ("no target", "GET\r\n\r\n".to_owned(), "400 Bad Request"),
        ("an odd version", "GET / HTTP/3.0\r\n\r\n".to_owned(), "400 Bad Request"),
        ("an odd target", "GET /<script>\u{1} HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), "400 Bad Request"),
        ("a name that is none", "GET / HTTP/1.1\r\nHost: localhost\r\n<b>: 1\r\n\r\n".to_owned(), "400 Bad Request"),
        (
            "a body of two lengths",
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n".to_owned(),
            "400 Bad Request",
        ),
        ("a body of no length", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n".to_owned(), "400 Bad Request"),
        (
            "a body in pieces of an odd kind",
            "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n".to_owned(),
            "400 Bad Request",
        ),
        ("too large a head", format!("GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: {long}\r\n\r\n"), "431 Request Header Fields Too Large"),
        (
            "too many headers",
            format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "a: b\r\n".repeat(200)),
            "431 Request Header Fields Too Large",
        ),
        ("too long an address", format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"), "431 Request Header Fields Too Large"),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // It may end the connection before it has read everything.
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        let (first, rest) = answer.split_once("\r\n").unwrap_or_else(|| panic!("{what}: {answer:?}"));
        assert_eq!(first, format!("HTTP/1.1 {status}"), "{what}");
        let (headers, body) = rest.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{what}: {answer:?}"));
        let names: BTreeSet<&str> = headers.lines().map(|line| line.split(':').next().unwrap()).collect();
        assert!(names.is_subset(&BTreeSet::from(["connection", "content-length", "date"])), "{what}: {headers}");
        assert_eq!(body, "", "{what}");
    }
    serving.abort();
}

async fn what_is_text_says_in_which_letters_it_is_written(database: &TestDatabase) {
    let app = public(database).await;
    for name in ["pkg/countersign.abc123.js", "fonts/OFL.txt"] {
        fs::create_dir_all(app.site().join("fonts")).unwrap();
        fs::write(app.site().join(name), "text").unwrap();
    }
    let admin = app.admin("ada@example.org").await;
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/nothing", "text/html; charset=utf-8"),
        ("/docs", "text/html; charset=utf-8"),
        ("/pkg/countersign.abc123.css", "text/css; charset=utf-8"),
        ("/pkg/countersign.abc123.js", "text/javascript; charset=utf-8"),
        ("/seal.svg", "image/svg+xml; charset=utf-8"),
        ("/fonts/OFL.txt", "text/plain; charset=utf-8"),
        ("/health/ready", "text/plain; charset=utf-8"),
        ("/rpc/viewer", "text/plain; charset=utf-8"),
        ("/org/history/export", "application/jsonl; charset=utf-8"),
        // Which is in UTF-8 by definition.
        ("/openapi.json", "application/json"),
        ("/auth/nothing", "application/json"),
    ] {
        assert_eq!(admin.browser.get(path).await.header("content-type"), kind, "{path}");
    }
}

async fn a_session_that_ends_takes_along_what_its_pages_stored(database: &TestDatabase) {
    let app = public(database).await;
    let admin = app.admin("ada@example.org").await;
    let clears = |answer: &Answer| answer.header("clear-site-data").to_owned();
    assert_eq!(clears(&admin.browser.get("/org").await), "");
    let elsewhere = admin.browser.twin();
    let out = admin.browser.sign_out().await;
    assert_eq!((out.verdict(), clears(&out).as_str()), (DONE, "\"storage\""));
    assert_eq!(clears(&elsewhere.get("/org").await), "\"storage\"", "in another tab, with what it still has");
    // Whoever has no session has nothing to lose, and whoever gets one keeps what they have.
    let person = app.founder("bob@example.org").await;
    assert_eq!(clears(&person.activate().await), "");
    assert_eq!(clears(&app.browser().get("/org").await), "");
}

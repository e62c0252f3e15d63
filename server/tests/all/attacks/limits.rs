//! Pretending to come from somewhere else, to be counted there or to be named there: in limits, sessions and mails.

use crate::support::{
    answer::{DONE, refused},
    app::TestApp,
    at_once::together,
    browser::Browser,
    database::TestDatabase,
    person::Person,
};
use app::refusal::Code;
use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Method, Request, header::CONTENT_TYPE},
};
use serde_json::json;

on_sqlite!(
    only_what_a_trusted_proxy_adds_names_an_address,
    headers_of_other_proxies_are_not_believed,
    one_network_of_ipv6_is_one_behind_a_proxy_too,
    whoever_is_limited_is_limited_on_every_road,
    many_requests_at_the_same_moment_are_no_more_than_the_limit,
    a_header_that_can_not_be_read_hides_nobody,
);

const PROXY: &str = "10.0.0.1";
const SECOND_PROXY: &str = "10.0.0.2";

/// Signs in by a connection from this peer, with these headers; the address that the session is noted under.
async fn noted(app: &TestApp, person: &mut Person, peer: &str, headers: &[(&str, &[u8])]) -> String {
    let browser = app.browser().at(peer);
    let challenge = browser.sign_in_challenge().await;
    let body = json!({ "challenge": challenge.challenge, "response": person.device.get(&challenge.options) }).to_string();
    let mut request = browser.post("finish_sign_in").header(CONTENT_TYPE, "application/json");
    for (name, value) in headers {
        request = request.header(HeaderName::try_from(*name).unwrap(), HeaderValue::from_bytes(value).unwrap());
    }
    assert_eq!(browser.send(request.body(Body::from(body)).unwrap()).await.verdict(), DONE);
    app.text("SELECT address FROM sessions ORDER BY created_at DESC LIMIT 1").await
}

async fn only_what_a_trusted_proxy_adds_names_an_address(database: &TestDatabase) {
    let app = TestApp::init(database).with_trusted_proxy(PROXY).with_trusted_proxy(SECOND_PROXY).await;
    let mut ada = app.admin("ada@example.org").await;
    // From whom it comes, what each header X-Forwarded-For says, and who it is then.
    let rows: [(&str, &[&str], &str); 18] = [
        // Whoever isn't a proxy says what they like.
        ("203.0.113.9", &[], "203.0.113.9"),
        ("203.0.113.9", &["198.51.100.7"], "203.0.113.9"),
        ("203.0.113.9", &["127.0.0.1"], "203.0.113.9"),
        ("203.0.113.9", &["198.51.100.7, 10.0.0.1"], "203.0.113.9"),
        ("10.0.0.3", &["198.51.100.7"], "10.0.0.3"),
        // Of what a proxy hands on, only the end is its own.
        (PROXY, &["198.51.100.7"], "198.51.100.7"),
        (PROXY, &["127.0.0.1, 198.51.100.7"], "198.51.100.7"),
        (PROXY, &["1.1.1.1, 2.2.2.2,198.51.100.7 "], "198.51.100.7"),
        (PROXY, &["1.1.1.1", "127.0.0.1", "198.51.100.7"], "198.51.100.7"),
        (PROXY, &["1.1.1.1, 198.51.100.7", "10.0.0.2"], "198.51.100.7"),
        ("::ffff:10.0.0.1", &["1.1.1.1, ::ffff:198.51.100.7"], "198.51.100.7"),
        (PROXY, &["1.1.1.1, 2001:db8::7"], "2001:db8::7"),
        // Where the end is no address, nobody is named but the proxy; what stands before it least of all.
        (PROXY, &[], PROXY),
        (PROXY, &["198.51.100.7, unknown"], PROXY),
        (PROXY, &["198.51.100.7,"], PROXY),
        (PROXY, &["198.51.100.7, 198.51.100.8:4711"], PROXY),
        (PROXY, &["198.51.100.7, [2001:db8::7]"], PROXY),
        (PROXY, &["10.0.0.2, 10.0.0.1"], PROXY),
    ];
    for (peer, forwarded, expected) in rows {
        let headers: Vec<(&str, &[u8])> = forwarded.iter().map(|value| ("x-forwarded-for", value.as_bytes())).collect();
        assert_eq!(noted(&app, &mut ada, peer, &headers).await, expected, "{forwarded:?} from {peer}");
    }
}

async fn headers_of_other_proxies_are_not_believed(database: &TestDatabase) {
    let app = TestApp::init(database).with_trusted_proxy(PROXY).await;
    let mut ada = app.admin("ada@example.org").await;
    for (name, value) in [
        ("forwarded", "for=198.51.100.7"),
        ("x-real-ip", "198.51.100.7"),
        ("x-client-ip", "198.51.100.7"),
        ("x-forwarded", "198.51.100.7"),
        ("forwarded-for", "198.51.100.7"),
        ("x-cluster-client-ip", "198.51.100.7"),
        ("true-client-ip", "198.51.100.7"),
        ("cf-connecting-ip", "198.51.100.7"),
        ("via", "1.1 198.51.100.7"),
    ] {
        let header: (&str, &[u8]) = (name, value.as_bytes());
        assert_eq!(noted(&app, &mut ada, PROXY, &[header]).await, PROXY, "{name}");
        assert_eq!(noted(&app, &mut ada, "203.0.113.9", &[header]).await, "203.0.113.9", "{name}");
        assert_eq!(noted(&app, &mut ada, PROXY, &[header, ("x-forwarded-for", b"198.51.100.8")]).await, "198.51.100.8", "{name}");
    }
}

/// A byte that isn't ASCII makes the whole value unreadable to whoever asks for text, and the proxy appends to that value.
async fn a_header_that_can_not_be_read_hides_nobody(database: &TestDatabase) {
    let app = TestApp::init(database).with_trusted_proxy(PROXY).await;
    let mut ada = app.admin("ada@example.org").await;
    for value in [b"\xff, 198.51.100.7".as_slice(), "é,198.51.100.7".as_bytes(), b"\t\xff\xfe,127.0.0.1,198.51.100.7"] {
        assert_eq!(noted(&app, &mut ada, PROXY, &[("x-forwarded-for", value)]).await, "198.51.100.7", "{value:?}");
    }
    let lines: [(&str, &[u8]); 2] = [("x-forwarded-for", b"127.0.0.1"), ("x-forwarded-for", b"\xff, 198.51.100.7")];
    assert_eq!(noted(&app, &mut ada, PROXY, &lines).await, "198.51.100.7");
}

/// A request that is counted, as a proxy hands it on.
async fn ask(proxy: &Browser, forwarded: &str) -> u16 {
    let request = proxy.post("about").header("x-forwarded-for", forwarded).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    proxy.send(request.body(Body::empty()).unwrap()).await.status.as_u16()
}

async fn one_network_of_ipv6_is_one_behind_a_proxy_too(database: &TestDatabase) {
    let app = TestApp::init(database).with_requests_per_minute(3).with_trusted_proxy(PROXY).await;
    let proxy = app.browser().at(PROXY);
    let mut statuses = Vec::new();
    for address in ["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2:3:4:5:6"] {
        // What its owner puts before it changes nothing.
        statuses.push(ask(&proxy, &format!("2001:db8:{}::1, {address}", statuses.len())).await);
    }
    assert_eq!(statuses, [200, 200, 200, 429]);
    assert_eq!(ask(&proxy, "2001:db8:1:3::1").await, 200, "another network");
    // An IPv4 address is the same in its other form.
    let mut statuses = Vec::new();
    for address in ["198.51.100.7", "::ffff:198.51.100.7", "::ffff:c633:6407", "198.51.100.7"] {
        statuses.push(ask(&proxy, address).await);
    }
    assert_eq!(statuses, [200, 200, 200, 429]);
}

/// A call of the API without a token.
async fn call(browser: &Browser, method: Method, path: &str) -> crate::support::answer::Answer {
    let request = Request::builder().method(method).uri(path).header(CONTENT_TYPE, "application/json");
    browser.send(request.body(Body::from("{}")).unwrap()).await
}

async fn whoever_is_limited_is_limited_on_every_road(database: &TestDatabase) {
    let app = TestApp::init(database).with_requests_per_minute(4).await;
    let browser = app.browser().at("203.0.113.9");
    // One of each kind that changes something, on the pages and in the API.
    assert_eq!(browser.about().await.verdict(), DONE);
    assert_eq!(call(&browser, Method::POST, "/auth/login/init").await.status, 400);
    assert_eq!(call(&browser, Method::PUT, "/auth/registration/code").await.status, 400);
    assert_eq!(call(&browser, Method::DELETE, "/auth/users/us-0").await.status, 401);
    let page = browser.about().await;
    assert_eq!(page.verdict(), refused(Code::TooMany));
    let mut answers = vec![page];
    for (method, path) in [
        (Method::POST, "/auth/login/init"),
        (Method::POST, "/auth/credentials/code/init"),
        (Method::PUT, "/auth/registration/code"),
        (Method::DELETE, "/auth/users/us-0"),
        (Method::PUT, "/auth/logout"),
    ] {
        let answer = call(&browser, method, path).await;
        assert_eq!(answer.error(), (429, "TooMany".to_owned()), "{path}");
        answers.push(answer);
    }
    for answer in answers {
        let seconds: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
    }
    // Neither another name nor another session is another address; reading isn't counted, and nobody else waits.
    let disguised = app.browser().at("203.0.113.9").post("about").header("user-agent", "Another/1.0").body(Body::empty()).unwrap();
    assert_eq!(browser.send(disguised).await.status, 429);
    assert_eq!(browser.get("/").await.status, 200);
    assert_eq!(call(&browser, Method::GET, "/countersign/v1/health").await.status, 200);
    assert_eq!(app.browser().at("203.0.113.10").about().await.verdict(), DONE);
}

async fn many_requests_at_the_same_moment_are_no_more_than_the_limit(database: &TestDatabase) {
    let app = TestApp::init(database).with_requests_per_minute(5).await;
    let asking = (0..40).map(|_| {
        let browser = app.browser().at("203.0.113.9");
        async move { browser.about().await.status.as_u16() }
    });
    let statuses = together(asking).await;
    // While they are asked, time goes on, and one more may come every twelve seconds.
    let through = statuses.iter().filter(|status| **status == 200).count();
    assert!((5..=6).contains(&through), "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 200 | 429)), "{statuses:?}");
}

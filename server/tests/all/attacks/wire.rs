//! Requests as no browser writes them, byte by byte: two readers of them could disagree about where one ends, or about what it asks
//! for. The port here is the program's own listener.

use super::headers::faults;
use crate::{
    operations::SOON,
    support::{answer::Answer, app::TestApp, database::TestDatabase},
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use server::http::{
    self, Stopping,
    listener::{self, Room},
};
use std::{fs, future::pending, net::SocketAddr, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

on_sqlite!(
    what_two_readers_could_take_for_two_requests_is_one,
    a_body_whose_length_is_in_doubt_is_no_body,
    pieces_that_do_not_add_up_are_refused,
    requests_that_come_at_once_are_answered_in_order,
    a_request_names_one_host_and_a_path,
    heads_may_be_large_but_not_larger,
    odd_bytes_in_addresses_break_nothing,
    odd_bytes_in_headers_break_nothing,
    no_method_does_what_nobody_meant,
    nothing_is_too_large_for_a_refusal,
    a_body_that_is_packed_is_never_unpacked,
    only_what_is_meant_to_be_seen_is_a_file,
    a_file_is_not_sent_many_times_over,
);

/// What would found an organization, if it were a request.
const SMUGGLED: &str = "POST /rpc/create_organization HTTP/1.1\r\nhost: localhost:3000\r\norigin: http://localhost:3000\r\n\
                        content-type: application/x-www-form-urlencoded\r\ncontent-length: 47\r\n\r\n\
                        email=eve%40example.org&name=Eve&organization=E";
/// What no answer may tell of the server's insides.
const INSIDES: [&str; 13] = [
    "serde",
    "expected struct",
    "panicked",
    ".rs:",
    "sqlx",
    "axum::",
    "hyper::",
    "#[server]",
    "tower_http",
    "stack backtrace",
    "length limit",
    "deserialize",
    "invalid digit",
];

/// Opens the port.
pub async fn open(app: &TestApp) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(listener::serve(listener, http::router(Arc::clone(&app.services), Stopping::default()), Room::of(1000), pending()));
    address
}

/// Sends these bytes; what was answered until the server ended the connection.
async fn say(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // What it doesn't want to hear any more may be refused.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = timeout(SOON, stream.read_to_end(&mut answer)).await.unwrap_or_else(|_| panic!("it waits for more: {}", answer.escape_ascii()));
    String::from_utf8_lossy(&answer).into_owned()
}

/// The one answer to these bytes.
async fn answer(address: SocketAddr, bytes: &[u8]) -> Answer {
    let said = say(address, bytes).await;
    assert_eq!(statuses(&said).len(), 1, "one answer to {}: {said:?}", bytes[..bytes.len().min(200)].escape_ascii());
    let (head, body) = said.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{said:?}"));
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse::<StatusCode>().unwrap();
    let headers: HeaderMap = lines
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())
        })
        .collect();
    Answer::new(status, headers, body.as_bytes().to_vec())
}

/// The status of each answer on a connection.
fn statuses(said: &str) -> Vec<u16> {
    said.split("HTTP/1.").skip(1).map(|answer| answer[2..5].parse().unwrap()).collect()
}

/// A request to a server function that answers everybody, up to what is said about its body.
fn about(more: &str) -> String {
    format!(
        "POST /rpc/about HTTP/1.1\r\nhost: localhost:3000\r\norigin: http://localhost:3000\r\naccept: application/json\r\n\
         content-type: application/x-www-form-urlencoded\r\n{more}"
    )
}

fn get(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost:3000\r\nconnection: close\r\n{more}\r\n")
}

/// Asserts that a refusal carries what every answer does, is in words, and tells nothing of the insides.
#[track_caller]
pub fn assert_clear(what: &str, answer: &Answer) {
    assert!(answer.status.is_client_error(), "{what}: {} {}", answer.status, answer.text());
    assert_eq!(faults("", false, answer), Vec::<String>::new(), "{what}: {}", answer.status);
    assert!(answer.text().trim().len() > 15, "{what}: {} {:?}", answer.status, answer.text());
    for inside in INSIDES {
        assert!(!answer.text().contains(inside), "{what} tells of {inside}: {}", answer.text());
    }
    // No browser takes JSON for markup.
    let is_json = answer.header("content-type") == "application/json";
    assert!(is_json || !answer.text().contains("<zebra"), "{what} is markup: {}", answer.text());
}

/// Asserts that it was no request at all: hyper's own refusal, without a word.
#[track_caller]
fn assert_no_request(what: &str, said: &str, allowed: &[u16]) {
    let statuses = statuses(said);
    assert!(statuses.len() == 1 && allowed.contains(&statuses[0]), "{what}: {said:?}");
    assert!(said.ends_with("\r\n\r\n"), "{what}: {said:?}");
}

async fn what_two_readers_could_take_for_two_requests_is_one(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let (address, before) = (open(&app).await, app.dump().await);
    let length = SMUGGLED.len() + 5;
    for head in [
        format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n\r\n"),
        format!("transfer-encoding: chunked\r\ncontent-length: {length}\r\n\r\n"),
        format!("content-length: {length}\r\ntransfer-encoding: chunked\r\nconnection: keep-alive\r\n\r\n"),
        format!("content-length: 0\r\ntransfer-encoding: chunked\r\ncontent-length: {length}\r\n\r\n"),
        "content-length: nonsense\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n".to_owned(),
    ] {
        // To whom the length counts, all of it is the body; to whom the pieces count, the body is empty and a second request follows.
        let said = say(address, [about(&head).as_str(), "0\r\n\r\n", SMUGGLED].concat().as_bytes()).await;
        assert_eq!(statuses(&said).len(), 1, "{head}: {said}");
        // The other way round: the length ends within the first piece.
        let said =
            say(address, [about(&head).as_str(), &format!("{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len())].concat().as_bytes()).await;
        assert_eq!(statuses(&said).len(), 1, "{head}: {said}");
    }
    app.settle().await;
    assert_eq!(app.dump().await, before);
    // As two requests it is two: what was tried above would have worked on somebody else.
    let two =
        [about("content-length: 0\r\n\r\n").as_str(), &SMUGGLED.replace("content-length", "connection: close\r\ncontent-length")].concat();
    assert_eq!(statuses(&say(address, two.as_bytes()).await).len(), 2);
    assert_eq!(app.count("organizations").await, 1);
}

async fn a_body_whose_length_is_in_doubt_is_no_body(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let address = open(&app).await;
    for lengths in [
        "content-length: 5\r\ncontent-length: 6",
        "content-length: 5, 5",
        "content-length: 5, 6",
        "content-length: +5",
        "content-length: -5",
        "content-length: 0x5",
        "content-length: 5 5",
        "content-length: 5.0",
        "content-length: 1e1",
        "content-length:",
        "content-length: 18446744073709551616",
        "content-length: 340282366920938463463374607431768211456",
        "content-length : 5",
        " content-length: 5",
        "content-length: 5\r\n 6",
        "content-length: 5\r\n\t",
        "content-length: 5\rx: y",
        "content-length\0: 5",
        "transfer-encoding: xchunked",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        "transfer-encoding: identity",
        "transfer-encoding: gzip",
        "transfer-encoding: chunk ed",
        "transfer-encoding: \"chunked\"",
        "transfer-encoding: chunked;q=0",
        "transfer-encoding: \u{b}chunked",
        "transfer-encoding:\r\n chunked",
        "transfer-encoding : chunked",
        "transfer-encoding\t: chunked",
        "x: y\r\n transfer-encoding: chunked",
        "x: \0",
        "x\u{7f}: y",
    ] {
        let bytes = [about(lengths).as_str(), "\r\n\r\n", "0\r\n\r\n", SMUGGLED].concat();
        assert_no_request(lengths, &say(address, bytes.as_bytes()).await, &[400, 413, 431]);
    }
    let old = about("transfer-encoding: chunked\r\n\r\n0\r\n\r\n").replace("HTTP/1.1", "HTTP/1.0");
    assert_no_request("pieces before there were any", &say(address, old.as_bytes()).await, &[400]);
    assert_eq!(app.count("organizations").await, 0);
}

async fn pieces_that_do_not_add_up_are_refused(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let address = open(&app).await;
    let long = "a".repeat(200_000);
    for (what, pieces) in [
        ("no number", "zz\r\nhello\r\n0\r\n\r\n".to_owned()),
        ("less than nothing", "-1\r\nhello\r\n0\r\n\r\n".to_owned()),
        ("a plus", "+5\r\nhello\r\n0\r\n\r\n".to_owned()),
        ("more than there can be", "FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n".to_owned()),
        ("nothing", "\r\nhello\r\n0\r\n\r\n".to_owned()),
        ("longer than it says", "3\r\nhello\r\n0\r\n\r\n".to_owned()),
        ("a hexadecimal prefix", "0x5\r\nhello\r\n0\r\n\r\n".to_owned()),
        ("an endless remark", format!("5;{long}\r\nhello\r\n0\r\n\r\n")),
        ("endless remarks", format!("{}0\r\n\r\n", "1;a=b\r\na\r\n".repeat(20_000))),
        ("an endless end", format!("0\r\nx: {long}\r\n\r\n")),
        ("too many ends", format!("0\r\n{}\r\n", "x: y\r\n".repeat(20_000))),
    ] {
        let answer = answer(address, about(&format!("transfer-encoding: chunked\r\n\r\n{pieces}")).as_bytes()).await;
        assert!([400, 413].contains(&answer.status.as_u16()), "{what}: {}", answer.status);
        assert_clear(what, &answer);
    }
    // As it should be, in pieces or not.
    let whole = about("connection: close\r\ntransfer-encoding: chunked\r\n\r\n2;a=b\r\na=\r\n1\r\nb\r\n0\r\nx: y\r\n\r\n");
    assert_eq!(answer(address, whole.as_bytes()).await.status, 200);
}

async fn requests_that_come_at_once_are_answered_in_order(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let address = open(&app).await;
    let ask = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: localhost:3000\r\n\r\n");
    let (live, nothing, end) = (ask("/health/live"), ask("/health/nothing"), get("/health/live", ""));
    let said = say(address, [live.as_str(), &nothing, &live, &end].concat().as_bytes()).await;
    assert_eq!(statuses(&said), [200, 404, 200, 200]);
    // What can't be read ends it, and what follows isn't looked at.
    let said = say(address, [live.as_str(), "nonsense\r\n\r\n", &live, &end].concat().as_bytes()).await;
    assert_eq!(statuses(&said), [200, 400]);
    // The same with a body that is too large to be taken: its end is nowhere that anybody could agree on.
    let large = about(&format!("content-length: 70000\r\n\r\n{}{SMUGGLED}", "a".repeat(100)));
    let said = say(address, large.as_bytes()).await;
    assert_eq!(statuses(&said), [413], "{said}");
    // A thousand at once are as good as one after the other.
    let many = [live.repeat(1000).as_str(), &end].concat();
    assert_eq!(statuses(&say(address, many.as_bytes()).await), vec![200; 1001]);
    assert_eq!(app.count("organizations").await, 0);
}

async fn a_request_names_one_host_and_a_path(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let address = open(&app).await;
    let long = format!("{}.localhost:3000", "a".repeat(20_000));
    for (status, head) in [
        (400, "GET / HTTP/1.1\r\n".to_owned()),
        (400, "GET / HTTP/1.1\r\nhost: localhost:3000\r\nhost: evil.example\r\n".to_owned()),
        (400, "GET / HTTP/1.1\r\nhost: localhost:3000\r\nhost: localhost:3000\r\n".to_owned()),
        (400, "GET localhost:3000 HTTP/1.1\r\nhost: localhost:3000\r\n".to_owned()),
        (400, "CONNECT evil.example:443 HTTP/1.1\r\nhost: localhost:3000\r\n".to_owned()),
        (400, "OPTIONS * HTTP/1.1\r\nhost: localhost:3000\r\n".to_owned()),
        (400, "GET * HTTP/1.1\r\nhost: localhost:3000\r\n".to_owned()),
        (421, "GET / HTTP/1.1\r\nhost: evil.example\r\n".to_owned()),
        (421, "GET / HTTP/1.1\r\nhost: localhost:3000, evil.example\r\n".to_owned()),
        (421, "GET / HTTP/1.1\r\nhost: evil@localhost:3000\r\n".to_owned()),
        (421, "GET / HTTP/1.1\r\nhost: localhost:3000@evil.example\r\n".to_owned()),
        (421, "GET / HTTP/1.1\r\nhost: <zebra>\r\n".to_owned()),
        (421, "GET / HTTP/1.1\r\nhost:\r\n".to_owned()),
        (421, "GET /auth/users HTTP/1.1\r\nhost: evil.example\r\n".to_owned()),
        (421, "GET http://localhost:3000/ HTTP/1.1\r\nhost: evil.example\r\n".to_owned()),
        (421, format!("GET / HTTP/1.1\r\nhost: {long}\r\n")),
    ] {
        let answer = answer(address, format!("{head}connection: close\r\n\r\n").as_bytes()).await;
        let what: String = head.chars().take(100).collect();
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        assert_clear(&what, &answer);
    }
    // Health checks of proxies, and what is asked through one.
    assert_eq!(answer(address, b"GET /health/live HTTP/1.0\r\n\r\n").await.status, 200);
    let absolute = answer(address, b"GET http://evil.example/login HTTP/1.1\r\nhost: localhost:3000\r\nconnection: close\r\n\r\n").await;
    assert_eq!(absolute.status, 200);
    assert!(!absolute.text().contains("evil.example"), "{}", absolute.text());
}

async fn heads_may_be_large_but_not_larger(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let address = open(&app).await;
    let cookies = (0..1500).map(|number| format!("c{number}=<zebra>; ")).collect::<Vec<_>>().concat();
    let parameters = (0..3000).map(|number| format!("&q{number}=")).collect::<Vec<_>>().concat();
    for (what, head, status) in [
        ("a large header", get("/login", &format!("x-large: {}\r\n", "a".repeat(30_000))), 200),
        ("many headers", get("/login", &"x: <zebra>\r\n".repeat(90)), 200),
        ("many cookies", get("/login", &format!("cookie: {cookies}\r\n")), 200),
        ("the cookie many times", get("/login", &format!("cookie: {}\r\n", "countersign=x; ".repeat(1500))), 200),
        ("many headers of cookies", get("/login", &"cookie: countersign=x\r\n".repeat(90)), 200),
        ("many parameters", get(&format!("/login?next=/org{parameters}"), ""), 200),
        ("one parameter many times", get(&format!("/login?next=/org{}", "&next=//evil.example".repeat(1000)), ""), 200),
        ("a parameter of a call many times", get(&format!("/auth/users?{}", "limit=1&".repeat(3000)), ""), 401),
        ("a long name", get(&format!("/{}", "a".repeat(256)), ""), 404),
        ("a long address", get(&format!("/{}", "a".repeat(30_000)), ""), 404),
        ("a long file", get(&format!("/pkg/{}.js", "%61".repeat(300)), ""), 404),
        ("a deep address", get(&"/a".repeat(15_000), ""), 404),
        ("a long id", get(&format!("/org/users/us-{}", "a".repeat(30_000)), ""), 303),
        ("a long id of a call", get(&format!("/auth/users/us-{}", "a".repeat(30_000)), ""), 401),
        ("many ways", get("/login", &format!("x-forwarded-for: {}\r\n", "1.2.3.4,".repeat(3500))), 200),
        ("a long language", get("/login", &format!("accept-language: {}\r\n", "de;q=0.1,".repeat(3000))), 200),
    ] {
        let answer = answer(address, head.as_bytes()).await;
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        assert!(!answer.text().contains("<zebra"), "{what}");
    }
    for (what, head, status) in [
        ("a larger header", get("/login", &format!("x-large: {}\r\n", "a".repeat(33_000))), 431),
        ("more headers", get("/login", &"x: y\r\n".repeat(100)), 431),
        ("a name that is no end", get("/login", &format!("{}: x\r\n", "a".repeat(33_000))), 431),
        ("a longer address", get(&format!("/{}", "a".repeat(33_000)), ""), 431),
        ("a method that is no end", format!("{} / HTTP/1.1\r\nhost: localhost:3000\r\n\r\n", "A".repeat(40_000)), 431),
    ] {
        let said = say(address, head.as_bytes()).await;
        assert_no_request(what, &said, &[status, 400]);
    }
}

async fn odd_bytes_in_addresses_break_nothing(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let address = open(&app).await;
    for path in [
        "/%",
        "/%f",
        "/%zz",
        "/%00",
        "/%ff",
        "/%ff%fe",
        "/%c0%ae%c0%ae/",
        "/%ed%a0%80",
        "/%u0041",
        "/%25%30%30",
        "/%0d%0aset-cookie:%20zebra=1",
        "/org/users/%ff",
        "/org/users/%00",
        "/org/history/%ff",
        "/org/history/9999999999999999999999",
        "/org/history/-1",
        "/org/permissions/%2e%2e",
        "/get-started/activate?email=%ff%fe&organization=%00",
        "/get-started/mail?email=%0d%0aset-cookie:%20zebra=1",
        "/login?next=%0d%0aset-cookie:zebra=1",
        "/login?next=%ff",
        "/login?%",
        "/login?=&=&&&",
        "/login?%00=%00",
        "/login?[]=1&a[b][c][d][e][f][g][h]=1",
        "/login?__err=%ff&__path=%ff",
        "/login#x",
        "/auth/users/%ff",
        "/auth/users/%00",
        "/auth/users?limit=%ff",
        "/auth/users?paginationToken=%00",
        "/permissions/%2e%2e/archive",
        "/rpc/%ff",
        "/rpc/%00",
        "/\u{e9}",
        "/pkg?\u{e9}",
        "/pkg/\u{202e}gpj.exe",
        "/login?next=/\u{9b}31m",
        "/pkg/%5c..%5c..",
        "/pkg/con",
        "/;x=y/login",
        "/login;x=y",
        "/LOGIN",
        "/./login",
    ] {
        let answer = answer(address, get(path, "").as_bytes()).await;
        assert!(answer.status.as_u16() < 500, "{path}: {} {}", answer.status, answer.text());
        assert!(!answer.headers.contains_key("set-cookie"), "{path}: {:?}", answer.headers);
        if answer.status.is_client_error() {
            assert_clear(path, &answer);
        }
    }
    for head in [
        b"GET /\xff HTTP/1.1\r\n".as_slice(),
        b"GET /\x01 HTTP/1.1\r\n",
        b"GET /a b HTTP/1.1\r\n",
        b"GET /\xed\xa0\x80 HTTP/1.1\r\n",
        b"G\xffT / HTTP/1.1\r\n",
    ] {
        let said = say(address, &[head, b"host: localhost:3000\r\n\r\n"].concat()).await;
        assert_no_request(&head.escape_ascii().to_string(), &said, &[400]);
    }
}

/// What headers hold may be any bytes; some are read.
async fn odd_bytes_in_headers_break_nothing(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let address = open(&app).await;
    for name in [
        "accept",
        "accept-encoding",
        "accept-language",
        "authorization",
        "content-type",
        "cookie",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "origin",
        "range",
        "referer",
        "sec-fetch-site",
        "user-agent",
        "x-dfns-useraction",
        "x-forwarded-for",
        "x-request-id",
        "te",
        "upgrade",
        "expect",
        "islands-router",
        "access-control-request-method",
    ] {
        for value in [
            b"\xff\xfe".as_slice(),
            b"\xc3\xa9",
            b"<zebra>",
            b"",
            b"\t",
            b"a, b;q=9, *;q=-1, ;",
            b"bytes=-9999999999999999999999",
            b"%00%ff",
            b"Bearer \xff",
            b"=;=;countersign",
        ] {
            for request in
                [get("/login", ""), get("/seal.svg", ""), get("/auth/users", ""), about("connection: close\r\ncontent-length: 0\r\n\r\n")]
            {
                let (first, rest) = request.split_once("\r\n").unwrap();
                // One that is there already would be there twice.
                let rest: String =
                    rest.split_inclusive("\r\n").filter(|line| !line.to_lowercase().starts_with(&format!("{name}:"))).collect();
                let bytes = [first.as_bytes(), b"\r\n", name.as_bytes(), b": ", value, b"\r\n", rest.as_bytes()].concat();
                let answer = answer(address, &bytes).await;
                let what = format!("{first} {name}: {}", value.escape_ascii());
                assert!(answer.status.as_u16() < 500, "{what}: {} {}", answer.status, answer.text());
                assert!(!answer.text().contains("<zebra"), "{what}: {}", answer.text());
            }
        }
    }
}

async fn no_method_does_what_nobody_meant(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    fs::write(app.site().join("seal.svg"), "<svg/>").unwrap();
    let (address, before) = (open(&app).await, app.dump().await);
    let paths = [
        "/",
        "/login",
        "/org/history/export",
        "/seal.svg",
        "/nothing",
        "/%00",
        "/rpc/about",
        "/rpc/nothing",
        "/auth/users",
        "/docs",
        "/openapi.json",
        "/health/live",
    ];
    for path in paths {
        for method in
            ["TRACE", "TRACK", "DEBUG", "PROPFIND", "BREW", "get", "PUT", "DELETE", "PATCH", "PRI", "M-SEARCH", "Aa0!#$%&'*+-.^_`|~"]
        {
            let head = format!(
                "{method} {path}?email=eve%40example.org HTTP/1.1\r\nhost: localhost:3000\r\norigin: http://localhost:3000\r\n\
                 x-secret: <zebra>\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            );
            let answer = answer(address, head.as_bytes()).await;
            let what = format!("{method} {path}");
            assert!([404, 405].contains(&answer.status.as_u16()), "{what}: {} {}", answer.status, answer.text());
            assert_clear(&what, &answer);
        }
        // What a head would be sent with is sent without a body.
        let head = answer(address, get(path, "").replacen("GET", "HEAD", 1).as_bytes()).await;
        assert!(head.body.is_empty() && head.status.as_u16() < 500, "{path}: {}", head.status);
        // Nobody is led on to another protocol.
        let upgrade = get(path, "upgrade: h2c, websocket\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\n")
            .replace("connection: close", "connection: upgrade, close");
        let plain = answer(address, get(path, "").as_bytes()).await;
        assert_eq!(answer(address, upgrade.as_bytes()).await.status, plain.status, "{path}");
        // Nor is a method taken from where some frameworks look for it.
        let other = format!(
            "GET {path}?_method=DELETE HTTP/1.1\r\nhost: localhost:3000\r\nx-http-method-override: DELETE\r\nx-method-override: PUT\r\n\
             connection: close\r\n\r\n"
        );
        assert_eq!(answer(address, other.as_bytes()).await.status, plain.status, "{path}");
    }
    app.settle().await;
    assert_eq!(app.dump().await, before);
}

async fn nothing_is_too_large_for_a_refusal(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    fs::write(app.site().join("seal.svg"), "<svg/>").unwrap();
    let (address, before) = (open(&app).await, app.dump().await);
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let json = "content-type: application/json\r\n";
    // With the answer to a body that nobody announced: who doesn't read it doesn't mind it.
    let rows = [
        ("POST", "/rpc/create_organization", form, 413),
        ("POST", "/rpc/prepare_change", json, 413),
        ("POST", "/rpc/finish_sign_in", json, 413),
        ("POST", "/rpc/nothing", json, 413),
        ("POST", "/auth/login/init", json, 413),
        ("PUT", "/auth/registration/code", json, 413),
        ("POST", "/auth/action/init", json, 401),
        ("POST", "/login", form, 405),
        ("POST", "/nothing", form, 405),
        ("GET", "/login", "", 200),
        ("GET", "/org/history/export", "", 401),
        ("GET", "/seal.svg", "", 200),
        ("GET", "/auth/users", "", 401),
        ("GET", "/openapi.json", "", 200),
    ];
    for (method, path, kind, unannounced) in rows {
        let what = format!("{method} {path}");
        let head = |more: &str| {
            format!(
                "{method} {path} HTTP/1.1\r\nhost: localhost:3000\r\norigin: http://localhost:3000\r\nconnection: close\r\n\
                 {kind}{more}\r\n\r\n"
            )
        };
        // Announced, sent or not, however large.
        for length in ["65537", "10000000000", "9223372036854775807"] {
            for more in ["", "\r\nexpect: 100-continue"] {
                let answer = answer(address, head(&format!("content-length: {length}{more}")).as_bytes()).await;
                assert_eq!(answer.status, 413, "{what} {length}{more}: {}", answer.text());
                assert_clear(&what, &answer);
            }
        }
        let pieces = format!("{}0\r\n\r\n", format!("4000\r\n{}\r\n", "a".repeat(0x4000)).repeat(64));
        let chunked = answer(address, [head("transfer-encoding: chunked").as_str(), &pieces].concat().as_bytes()).await;
        assert_eq!(chunked.status, unannounced, "{what}: {}", chunked.text());
        if unannounced != 200 {
            assert_clear(&what, &chunked);
        }
        // One that says it is short, and goes on: what goes on is another request, and none.
        let lying = answer(address, [head("content-length: 2").as_str(), "{}", SMUGGLED].concat().as_bytes()).await;
        assert_ne!(lying.status, 500, "{what}");
    }
    app.settle().await;
    assert_eq!(app.dump().await, before);
}

/// A gzip file whose content is written as it is (RFC 1951, section 3.2.4).
fn gzip(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap();
    let crc = !content.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    });
    let head: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    [head, &length.to_le_bytes(), &(!length).to_le_bytes(), content, &crc.to_le_bytes(), &u32::from(length).to_le_bytes()].concat()
}

/// A Zstandard frame whose content is written as it is (RFC 8878, section 3.1.1).
fn zstd(content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    let block = (u32::from(length) << 3 | 1).to_le_bytes();
    [&[0x28, 0xb5, 0x2f, 0xfd, 0x20, length], &block[..3], content].concat()
}

async fn a_body_that_is_packed_is_never_unpacked(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let admin = app.admin("ada@example.org").await;
    let address = open(&app).await;
    let form = "email=eve%40example.org&name=Eve&organization=Evil";
    let call = format!(r#"{{"orgId":"{}"}}"#, admin.organization);
    // Sent as it is, each of them is done.
    for (path, kind, content, done) in [
        ("/rpc/create_organization", "application/x-www-form-urlencoded", form, 200),
        ("/rpc/start_sign_in", "application/json", "{}", 200),
        ("/auth/login/init", "application/json", call.as_str(), 200),
    ] {
        let before = app.dump().await;
        let head = |encoding: &str, length: usize| {
            format!(
                "POST {path} HTTP/1.1\r\nhost: localhost:3000\r\norigin: http://localhost:3000\r\naccept: application/json\r\n\
                 content-type: {kind}\r\n\
                 content-encoding: {encoding}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
            )
        };
        let packed = [("gzip", gzip(content.as_bytes())), ("x-gzip", gzip(content.as_bytes())), ("zstd", zstd(content.as_bytes()))];
        // What isn't one would make whoever unpacks say so.
        let broken = ["gzip", "br", "zstd", "deflate", "compress", "gzip, gzip, gzip"]
            .map(|encoding| (encoding, vec![0x1f, 0x8b, 0xff, 0xff, 0xff]));
        for (encoding, body) in packed.into_iter().chain(broken) {
            let answer = answer(address, &[head(encoding, body.len()).as_bytes(), &body].concat()).await;
            assert_eq!(answer.status, 400, "{path} {encoding}: {}", answer.text());
            assert_clear(path, &answer);
        }
        assert_eq!(app.dump().await, before, "{path}");
        let plain = answer(address, [head("identity", content.len()).as_str(), content].concat().as_bytes()).await;
        assert_eq!(plain.status, done, "{path}: {}", plain.text());
    }
}

async fn only_what_is_meant_to_be_seen_is_a_file(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let (address, site) = (open(&app).await, app.site().to_owned());
    let beside = site.with_extension("outside");
    fs::create_dir_all(site.join("pkg/.git")).unwrap();
    fs::create_dir_all(&beside).unwrap();
    for file in [site.join(".env"), site.join("pkg/.git/config"), site.join("pkg/.countersign.js.swp"), beside.join("secret.txt")] {
        fs::write(file, "zebra").unwrap();
    }
    fs::write(site.join("pkg/seen.js"), "export {}").unwrap();
    let outside = beside.file_name().unwrap().to_str().unwrap();
    let absolute = beside.join("secret.txt");
    let mut paths: Vec<String> = Vec::new();
    for up in [
        "../",
        "..%2f",
        "%2e%2e/",
        "%2e%2e%2f",
        ".%2e/",
        "..%5c",
        "..\\",
        "%252e%252e%252f",
        "%2e%2e%5c",
        "..%c0%af",
        "..%00/",
        ".../",
        "..;/",
    ] {
        for before in ["/", "/pkg/", "//", "/./", "/pkg/./", "/pkg/%2e/"] {
            for times in 1..4 {
                paths.push(format!("{before}{}{outside}/secret.txt", up.repeat(times)));
            }
            paths.push(format!("{before}{}etc/passwd", up.repeat(12)));
        }
    }
    paths.extend([
        format!("/{}", absolute.display()),
        format!("//{}", absolute.display()),
        format!("/%2f{}", absolute.display()),
        format!("/file:{}", absolute.display()),
    ]);
    let hidden = [
        "/.env",
        "/%2eenv",
        "/%2Eenv",
        "//.env",
        "/./.env",
        "/pkg/../.env",
        "/pkg/.git/config",
        "/pkg%2f.git%2fconfig",
        "/pkg/%2egit/config",
        "/pkg/.countersign.js.swp",
    ];
    paths.extend(hidden.map(str::to_owned));
    // Folders have no list of what is in them, and lead nowhere.
    paths.extend(
        [
            "/pkg",
            "/pkg/",
            "//pkg",
            "///pkg",
            "/pkg/.",
            "/pkg//",
            "/%2fpkg",
            "/pkg?next=//evil.example",
            "/pkg?\u{e9}",
            "/seen.js",
            "/pkg/seen.js/",
            "/pkg/seen.js%00.html",
        ]
        .map(str::to_owned),
    );
    // What would tell how the browser's part was built.
    paths.extend(["/pkg/seen.js.map", "/pkg/countersign.wasm.map", "/hash.txt", "/Cargo.toml", "/data/secret"].map(str::to_owned));
    for path in &paths {
        let answer = answer(address, get(path, "").as_bytes()).await;
        assert_eq!(answer.status, 404, "{path}: {:?} {}", answer.headers, answer.text());
        assert!(!answer.text().contains("zebra") && !answer.text().contains("root:"), "{path}: {}", answer.text());
        assert_eq!((answer.header("location"), answer.header("cache-control")), ("", "no-store"), "{path}");
    }
    assert_eq!(answer(address, get("/pkg/seen.js", "").as_bytes()).await.text(), "export {}");
    fs::remove_dir_all(beside).unwrap();
}

async fn a_file_is_not_sent_many_times_over(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    fs::write(app.site().join("pkg/file.bin"), vec![b'a'; 100_000]).unwrap();
    let address = open(&app).await;
    let overlapping = format!("bytes={}", "0-,".repeat(1000));
    for range in [
        overlapping.as_str(),
        "bytes=0-9,5-14",
        "bytes=100000-",
        "bytes=9-0",
        "bytes=-0",
        "bytes=0-18446744073709551616",
        "bytes=a-b",
        "lines=1-2",
        "bytes=",
        "bytes=--1",
    ] {
        let answer = answer(address, get("/pkg/file.bin", &format!("range: {range}\r\n")).as_bytes()).await;
        assert!([200, 206, 416].contains(&answer.status.as_u16()), "{range}: {}", answer.status);
        assert!(answer.body.len() <= 100_000, "{range}: {}", answer.body.len());
        if answer.status == StatusCode::RANGE_NOT_SATISFIABLE {
            assert_clear(range, &answer);
        }
    }
    let part = answer(address, get("/pkg/file.bin", "range: bytes=0-9\r\n").as_bytes()).await;
    assert_eq!((part.status.as_u16(), part.body.len()), (206, 10));
}

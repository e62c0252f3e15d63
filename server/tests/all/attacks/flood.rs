//! Crowds: connections that are slow, silent, greedy or many. Others are served meanwhile, and what a crowd costs has an end. How each
//! single one of them loses its connection is told in `operations`.

use crate::{
    operations::{connect, start, until_the_end, wait_for},
    support::{
        browser::Browser,
        database::TestDatabase,
        live::{Server, empty_site, free_origin, through},
    },
};
use axum::{Router, routing::get};
use server::http::listener::{self, Room};
use std::{
    fs,
    future::pending,
    net::{IpAddr, SocketAddr},
    ops::Range,
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    time::{Instant, sleep, timeout},
};

on_sqlite!(
    slow_crowds_keep_nobody_waiting,
    who_reads_nothing_costs_little,
    who_comes_and_goes_leaves_nothing_behind,
    who_asks_for_everything_at_once_gets_it_piece_by_piece,
    one_address_can_not_shut_the_others_out,
);

/// How many connections a crowd has: far fewer than there is room for, and than one machine can open.
const CROWD: usize = 600;
/// What everybody else may have to wait for an answer, with a crowd on the same two processors and other tests beside: less than it
/// takes until the first of a crowd lose their connections.
const WAIT: Duration = Duration::from_secs(12);
/// By how much the server may grow under a crowd, in MB: a debug build is not the one whose memory is measured, so it is only that a
/// crowd isn't kept whole.
const GROWTH: u64 = 150;
/// The same under those who read nothing: about 60, of what is kept for each and what is on its way. It would be 200, if as much was kept
/// for each as hyper keeps unless it is told.
const UNREAD: u64 = 110;

/// How many of them come from one address: fewer than it may have.
const NEIGHBOURS: usize = 150;
/// The next address of this machine that a crowd comes from.
static NEXT: AtomicU16 = AtomicU16::new(1 << 8);

/// A connection from this address of this machine.
async fn connect_from(address: [u8; 4], server: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((address, 0).into()).unwrap();
    socket.connect(server).await.unwrap()
}

/// Where the server of an origin listens.
fn address(origin: &str) -> SocketAddr {
    origin.replace("http://localhost", "127.0.0.1").parse().unwrap()
}

/// Sends the beginning of something on so many connections, from several addresses.
async fn crowd(origin: &str, number: usize, begins: &[u8]) -> Vec<TcpStream> {
    let (mut crowd, mut from) = (Vec::new(), [0; 4]);
    for place in 0..number {
        if place % NEIGHBOURS == 0 {
            let [third, fourth] = NEXT.fetch_add(1, Ordering::SeqCst).to_be_bytes();
            from = [127, 0, third, fourth];
        }
        let mut stream = connect_from(from, address(origin)).await;
        stream.write_all(begins).await.unwrap();
        crowd.push(stream);
    }
    crowd
}

/// Asserts that whoever comes now is answered soon, by a new connection each.
async fn assert_serving(server: &Server, what: &str) {
    for (path, status) in [("/health/ready", 200), ("/login", 200), ("/auth/users", 401), ("/nothing", 404)] {
        let began = Instant::now();
        let answer = timeout(Duration::from_mins(1), server.browser().get(path)).await.unwrap();
        assert_eq!(answer.status, status, "{what}: {path} {}", answer.text());
        assert!(began.elapsed() < WAIT, "{what}: {path} after {:?}", began.elapsed());
    }
    let began = Instant::now();
    assert_eq!(server.browser().start_sign_in().await.status, 200, "{what}");
    assert!(began.elapsed() < WAIT, "{what}: {:?}", began.elapsed());
}

fn host(origin: &str) -> &str {
    origin.strip_prefix("http://").unwrap()
}

/// Asserts that each connection of a crowd ends after so many seconds.
async fn assert_ended(crowd: Vec<TcpStream>, began: Instant, seconds: Range<u64>, what: &str) {
    for stream in crowd {
        let (answer, _) = until_the_end(stream).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 503"), "{what}: {answer}");
    }
    assert!(seconds.contains(&began.elapsed().as_secs()), "{what}: {:?}", began.elapsed());
}

async fn slow_crowds_keep_nobody_waiting(database: &TestDatabase) {
    let origin = free_origin();
    let (server, _folder) = start(database, &origin, &[]).await;
    assert_serving(&server, "nobody else").await;
    let head = format!("GET /login HTTP/1.1\r\nhost: {}\r\nx-slow: ", host(&origin));
    let post = |path: &str, kind: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\norigin: {origin}\r\ncontent-type: {kind}\r\ncontent-length: 60000\r\n\r\n{{",
            host(&origin)
        )
    };
    let (call, function) = (post("/auth/login/init", "application/json"), post("/rpc/prepare_change", "application/json"));
    let pieces = function.replace("content-length: 60000", "transfer-encoding: chunked").replace("\r\n\r\n{", "\r\n\r\nffff\r\n{");
    // Bodies are the dear ones, and have the most time.
    let bodies_began = Instant::now();
    let mut bodies = crowd(&origin, CROWD / 3, call.as_bytes()).await;
    bodies.extend(crowd(&origin, CROWD / 3, function.as_bytes()).await);
    bodies.extend(crowd(&origin, CROWD / 3, pieces.as_bytes()).await);
    let began = Instant::now();
    let silent = crowd(&origin, CROWD, b"").await;
    let heads = crowd(&origin, CROWD, head.as_bytes()).await;
    assert_serving(&server, "slow crowds").await;
    assert!(began.elapsed() < Duration::from_secs(14), "they were all there: {:?}", began.elapsed());
    // None of them stays, and who has a body to send is told.
    assert_ended(silent, began, 14..25, "silent").await;
    assert_ended(heads, began, 14..25, "heads").await;
    assert_serving(&server, "slow bodies").await;
    assert_ended(bodies, bodies_began, 29..45, "bodies").await;
    assert_serving(&server, "afterwards").await;
}

async fn who_reads_nothing_costs_little(database: &TestDatabase) {
    let origin = free_origin();
    let (server, folder) = start(database, &origin, &[]).await;
    fs::write(folder.path().join("site/pkg/large.bin"), vec![b'a'; 8 << 20]).unwrap();
    assert_serving(&server, "nobody else").await;
    let before = server.memory();
    let asks = format!("GET /pkg/large.bin HTTP/1.1\r\nhost: {}\r\n\r\n", host(&origin)).repeat(100);
    let greedy = crowd(&origin, CROWD * 2 / 3, asks.as_bytes()).await;
    // Each is rendered, read or not: few, since it isn't the rendering that is tried here.
    let pages = format!("GET /login HTTP/1.1\r\nhost: {}\r\n\r\n", host(&origin)).repeat(10);
    let readers = crowd(&origin, CROWD / 10, pages.as_bytes()).await;
    sleep(Duration::from_secs(3)).await;
    assert_serving(&server, "greedy crowds").await;
    let grown = server.memory().saturating_sub(before);
    assert!(grown < UNREAD, "it grew by {grown} MB");
    drop((greedy, readers));
}

async fn who_comes_and_goes_leaves_nothing_behind(database: &TestDatabase) {
    let origin = free_origin();
    let (server, _folder) = start(database, &origin, &[]).await;
    assert_serving(&server, "nobody else").await;
    let open = || fs::read_dir(format!("/proc/{}/fd", server.id())).unwrap().count();
    let (files, memory) = (open(), server.memory());
    let half = format!("POST /rpc/about HTTP/1.1\r\nhost: {}\r\norigin: {origin}\r\ncontent-length: 60000\r\n\r\n", host(&origin));
    let mut begins = ["", "\r\n\r\n", "\0", "GET", "GET / HTTP/1.1\r\nhost: x\r\n"].map(str::to_owned).to_vec();
    begins.extend([format!("{half}{}", "a".repeat(1000)), "\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03\x03".to_owned(), half]);
    for round in 0..5 {
        for begin in &begins {
            // One after the other, gone at once.
            drop(crowd(&origin, 100, begin.as_bytes()).await);
        }
        assert_serving(&server, &format!("round {round}")).await;
    }
    let began = Instant::now();
    while open() > files + 10 {
        assert!(began.elapsed() < Duration::from_secs(20), "{} files are open, {files} were", open());
        sleep(Duration::from_millis(100)).await;
    }
    let grown = server.memory().saturating_sub(memory);
    assert!(grown < GROWTH, "it grew by {grown} MB");
    assert!(!server.said().contains("panicked") && !server.said().contains("ERROR"), "{}", server.said());
}

async fn who_asks_for_everything_at_once_gets_it_piece_by_piece(database: &TestDatabase) {
    let origin = free_origin();
    let (server, _folder) = start(database, &origin, &[]).await;
    assert_serving(&server, "nobody else").await;
    let before = server.memory();
    // Two megabytes of requests in one go, which nobody has to read before the first is answered.
    let ask = format!("GET /health/live HTTP/1.1\r\nhost: {}\r\n\r\n", host(&origin));
    let last = ask.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
    let number = (2 << 20) / ask.len();
    let (mut reads, mut writes) = connect(&origin).await.into_split();
    let all = [ask.repeat(number), last].concat();
    let sends = tokio::spawn(async move {
        let _ = writes.write_all(all.as_bytes()).await;
        writes
    });
    assert_serving(&server, "a queue").await;
    let mut answers = Vec::new();
    timeout(Duration::from_mins(2), reads.read_to_end(&mut answers)).await.unwrap().unwrap();
    drop(sends.await.unwrap());
    assert_eq!(String::from_utf8(answers).unwrap().matches("HTTP/1.1 200 OK").count(), number + 1);
    let grown = server.memory().saturating_sub(before);
    assert!(grown < GROWTH, "it grew by {grown} MB");
}

/// Whether a connection is there for whoever asks by it.
async fn is_served(stream: &mut TcpStream) -> bool {
    // One that was closed takes nothing.
    let _ = stream.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await;
    let mut answer = [0; 1024];
    let read = timeout(Duration::from_secs(5), stream.read(&mut answer)).await.expect("nobody waits for a place");
    matches!(read, Ok(length @ 1..) if answer[..length].ends_with(b"here\n"))
}

#[tokio::test]
async fn an_address_has_a_fourth_of_the_room_and_its_proxy_all_of_it() {
    const PROXY: [u8; 4] = [127, 0, 0, 9];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    let room = Room::shared(16, &[IpAddr::from(PROXY)]);
    tokio::spawn(listener::serve(listener, Router::new().route("/", get(async || "here\n")), room, pending()));
    let mut greedy = Vec::new();
    for number in 0..6 {
        let mut stream = connect_from([127, 0, 0, 2], server).await;
        assert_eq!(is_served(&mut stream).await, number < 4, "{number}");
        greedy.push(stream);
    }
    let mut other = connect_from([127, 0, 0, 3], server).await;
    assert!(is_served(&mut other).await, "another address has its own");
    // What it gives back it gets again.
    drop(greedy.remove(0));
    sleep(Duration::from_millis(100)).await;
    let mut again = connect_from([127, 0, 0, 2], server).await;
    assert!(is_served(&mut again).await);
    assert!(!is_served(&mut connect_from([127, 0, 0, 2], server).await).await);
    // There are five, and the proxy takes nearly all that is left.
    let mut behind = Vec::new();
    for number in 0..10 {
        let mut stream = connect_from(PROXY, server).await;
        assert!(is_served(&mut stream).await, "{number}");
        behind.push(stream);
    }
}

async fn one_address_can_not_shut_the_others_out(database: &TestDatabase) {
    const TRIES: usize = 400;
    // With so many files there is room for 372.
    const SHARE: usize = 93;
    let (origin, prometheus) = (free_origin(), address(&free_origin()).to_string());
    let folder = tempfile::tempdir().unwrap();
    let site = empty_site(folder.path());
    let command = ["sh", "-c", "ulimit -n 1000; exec \"$0\"", env!("CARGO_BIN_EXE_countersign")];
    let settings = [("COUNTERSIGN_SITE_ROOT", site.to_str().unwrap()), ("COUNTERSIGN_METRICS_LISTEN", prometheus.as_str())];
    let server = Server::start_by(&command, &origin, database.url(), &settings).await.unwrap_or_else(|said| panic!("{said}"));
    let mut greedy = Vec::new();
    for _ in 0..TRIES {
        greedy.push(connect_from([127, 0, 0, 2], address(&origin)).await);
    }
    assert_serving(&server, "all the room for one").await;
    let metrics = Browser::new(through(&prometheus), format!("http://{prometheus}")).get("/metrics").await;
    let turned_away = format!("\ncountersign_http_connections_turned_away_total {}\n", TRIES - SHARE);
    assert!(metrics.text().contains(&turned_away), "{}", metrics.text());
    // One who floods doesn't fill the log either, and that is said.
    wait_for(|| server.said().contains("there are too many of these")).await;
    let said = server.said();
    let lines = said.lines().filter(|line| line.contains("a connection was closed: its address has too many")).count();
    assert_eq!(lines, 120 + 1, "{said}");
    drop(greedy);
}

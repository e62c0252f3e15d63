//! Crowds: connections that are slow, silent, greedy or many. Others are served meanwhile, and what a crowd costs has an end. How each
//! single one of them loses its connection is told in `operations`.

use crate::{
    operations::{connect, start, until_the_end},
    support::{
        database::TestDatabase,
        live::{Server, free_origin},
    },
};
use std::{fs, ops::Range, time::Duration};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

on_sqlite!(
    slow_crowds_keep_nobody_waiting,
    who_reads_nothing_costs_little,
    who_comes_and_goes_leaves_nothing_behind,
    who_asks_for_everything_at_once_gets_it_piece_by_piece,
);

/// How many connections a crowd has: far fewer than there is room for, and than one machine can open.
const CROWD: usize = 600;
/// What everybody else may have to wait for an answer, with a crowd on the same two processors and other tests beside: less than it
/// takes until the first of a crowd lose their connections.
const WAIT: Duration = Duration::from_secs(12);
/// By how much the server may grow under a crowd, in MB: a debug build is not the one whose memory is measured, so it is only that a
/// crowd isn't kept whole.
const GROWTH: u64 = 150;

/// Sends the beginning of something on so many connections.
async fn crowd(origin: &str, number: usize, begins: &[u8]) -> Vec<TcpStream> {
    let mut crowd = Vec::new();
    for _ in 0..number {
        let mut stream = connect(origin).await;
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
    let began = Instant::now();
    let silent = crowd(&origin, CROWD, b"").await;
    let heads = crowd(&origin, CROWD, head.as_bytes()).await;
    let mut bodies = crowd(&origin, CROWD / 3, call.as_bytes()).await;
    bodies.extend(crowd(&origin, CROWD / 3, function.as_bytes()).await);
    bodies.extend(crowd(&origin, CROWD / 3, pieces.as_bytes()).await);
    assert_serving(&server, "slow crowds").await;
    assert!(began.elapsed() < Duration::from_secs(14), "they were all there: {:?}", began.elapsed());
    // None of them stays, and who has a body to send is told.
    assert_ended(silent, began, 14..25, "silent").await;
    assert_ended(heads, began, 14..25, "heads").await;
    assert_serving(&server, "slow bodies").await;
    assert_ended(bodies, began, 29..45, "bodies").await;
    assert_serving(&server, "afterwards").await;
}

async fn who_reads_nothing_costs_little(database: &TestDatabase) {
    let origin = free_origin();
    let (server, folder) = start(database, &origin, &[]).await;
    fs::write(folder.path().join("site/pkg/large.bin"), vec![b'a'; 8 << 20]).unwrap();
    assert_serving(&server, "nobody else").await;
    let before = server.memory();
    let asks = format!("GET /pkg/large.bin HTTP/1.1\r\nhost: {}\r\n\r\n", host(&origin)).repeat(100);
    let greedy = crowd(&origin, CROWD / 2, asks.as_bytes()).await;
    // Each is rendered, read or not: few, since it isn't the rendering that is tried here.
    let pages = format!("GET /login HTTP/1.1\r\nhost: {}\r\n\r\n", host(&origin)).repeat(10);
    let readers = crowd(&origin, CROWD / 10, pages.as_bytes()).await;
    sleep(Duration::from_secs(3)).await;
    assert_serving(&server, "greedy crowds").await;
    let grown = server.memory().saturating_sub(before);
    assert!(grown < GROWTH, "it grew by {grown} MB");
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
    timeout(Duration::from_mins(2), tokio::io::AsyncReadExt::read_to_end(&mut reads, &mut answers)).await.unwrap().unwrap();
    drop(sends.await.unwrap());
    assert_eq!(String::from_utf8(answers).unwrap().matches("HTTP/1.1 200 OK").count(), number + 1);
    let grown = server.memory().saturating_sub(before);
    assert!(grown < GROWTH, "it grew by {grown} MB");
}

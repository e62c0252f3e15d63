//! What whoever runs the server relies on: health, metrics, logs, limits of connections, the end, and the help. Most of it is asked of
//! the real program, over TCP.

#![expect(clippy::float_cmp, reason = "what is counted is whole")]

use crate::support::{
    app::TestApp,
    browser::Browser,
    database::TestDatabase,
    live::{Server, empty_site, free_origin, through},
};
use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
    routing::get,
};
use serde_json::Value;
use server::{
    http::{
        self, Stopping,
        listener::{self, Room},
    },
    service::sweep,
    storage::{outbox, sessions},
};
use std::{
    fs::{self, File},
    future::pending,
    path::Path,
    process::Command,
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep, timeout},
};

on_both_databases!(
    it_is_ready_while_the_database_answers_and_it_was_not_asked_to_stop,
    a_database_that_keeps_it_waiting_is_noticed_within_a_second,
    what_waits_and_who_is_there_is_counted,
);

on_sqlite!(
    metrics_are_told_at_an_address_of_their_own,
    metrics_never_have_what_a_request_brought,
    every_line_of_a_request_has_its_id,
    a_foreign_id_that_is_more_than_an_id_is_replaced,
    slow_clients_lose_their_connections,
    when_it_stops_it_says_so_and_answers_who_is_there,
    nobody_can_keep_it_from_stopping,
    who_asks_twice_is_not_kept_waiting,
    it_goes_on_when_there_were_no_files_left,
);

/// How long the program may take for what it does at once.
pub const SOON: Duration = Duration::from_secs(20);

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_countersign"))
}

/// The real server over a database, and a folder that ends with it.
pub async fn start(database: &TestDatabase, origin: &str, settings: &[(&str, &str)]) -> (Server, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let site = empty_site(folder.path());
    let mut all = vec![("COUNTERSIGN_SITE_ROOT", site.to_str().unwrap())];
    all.extend(settings);
    let server = Server::start(program(), origin, database.url(), &all).await.unwrap_or_else(|said| panic!("{said}"));
    (server, folder)
}

/// Where the server of an origin listens.
fn address(origin: &str) -> String {
    origin.replace("http://localhost", "127.0.0.1")
}

pub async fn connect(origin: &str) -> TcpStream {
    let stream = TcpStream::connect(address(origin)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// All that comes until the connection ends, and how long that took.
pub async fn until_the_end(mut stream: TcpStream) -> (String, Duration) {
    let began = Instant::now();
    let mut bytes = Vec::new();
    // One that was reset has ended, too.
    let _ = timeout(Duration::from_mins(1), stream.read_to_end(&mut bytes)).await.expect("the connection ends");
    (String::from_utf8_lossy(&bytes).into_owned(), began.elapsed())
}

fn terminate(server: &Server) {
    signal(server, "-TERM");
}

fn signal(server: &Server, which: &str) {
    assert!(Command::new("sh").args(["-c", "kill $0 $1", which, &server.id().to_string()]).status().unwrap().success());
}

async fn it_is_ready_while_the_database_answers_and_it_was_not_asked_to_stop(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let stopping = Stopping::default();
    let browser = Browser::new(http::router(Arc::clone(&app.services), stopping.clone()), app.origin());
    let ask = async |path: &str| {
        let answer = browser.get(path).await;
        (answer.status.as_u16(), answer.text().to_owned())
    };
    assert_eq!(ask("/health/live").await, (200, "ok\n".to_owned()));
    assert_eq!(ask("/health/ready").await, (200, "ok\n".to_owned()));
    assert_eq!(ask("/health").await.0, 404);

    stopping.begin();
    assert_eq!(ask("/health/ready").await, (503, "The server is stopping.\n".to_owned()));
    assert_eq!(ask("/health/live").await, (200, "ok\n".to_owned()));

    app.services.storage.close().await;
    let app = app.browser();
    assert_eq!(app.get("/health/ready").await.text(), "The database doesn't answer.\n");
    assert_eq!(app.get("/health/ready").await.status, 503);
    assert_eq!(app.get("/health/live").await.status, 200);
}

async fn a_database_that_keeps_it_waiting_is_noticed_within_a_second(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut taken = Vec::new();
    while let Ok(connection) = timeout(Duration::from_secs(1), app.services.storage.connection()).await {
        taken.push(connection.unwrap());
    }
    assert_eq!(app.services.storage.connections(), (u32::try_from(taken.len()).unwrap(), 0));
    assert!(taken.len() >= 8, "{}", taken.len());
    let began = Instant::now();
    assert_eq!(app.browser().get("/health/ready").await.status, 503);
    assert!((900..3000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    taken.clear();
    assert_eq!(app.browser().get("/health/ready").await.status, 200);
}

async fn what_waits_and_who_is_there_is_counted(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut db = app.services.storage.connection().await.unwrap();
    assert!(matches!(outbox::backlog(&mut db).await.unwrap(), outbox::Backlog { mails: 0, oldest: None }));
    let idle = Duration::from_hours(12);
    let now = app.services.ambient.now();
    assert_eq!(sessions::count_signed_in(&mut db, now, now.minus(idle)).await.unwrap(), 0);

    app.admin("ada@example.org").await;
    app.with_passkey("bob@example.org").await;
    let backlog = outbox::backlog(&mut db).await.unwrap();
    assert_eq!(backlog.mails, u64::try_from(app.count("outbox").await).unwrap());
    assert!(backlog.mails >= 2 && backlog.oldest.is_some_and(|oldest| oldest >= now), "{backlog:?}");
    app.run("UPDATE outbox SET sent_at = created_at WHERE recipient = 'ada@example.org'").await;
    let left = outbox::backlog(&mut db).await.unwrap();
    assert!(left.mails < backlog.mails && left.mails > 0, "{left:?}");
    // Whoever registers has a session, too, and nobody is signed in with it.
    let now = app.services.ambient.now();
    assert_eq!(sessions::count_signed_in(&mut db, now, now.minus(idle)).await.unwrap(), 1);
    assert_eq!(sessions::count_signed_in(&mut db, now.plus(idle), now).await.unwrap(), 0, "heard of last before then");
    drop(db);
    app.advance(Duration::from_hours(24));
    sweep(&app.services).await.unwrap();
}

/// What Prometheus is told at this address.
async fn metrics(origin: &str) -> String {
    let answer = Browser::new(through(&address(origin)), origin.to_owned()).get("/metrics").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    answer.text().to_owned()
}

/// The number on the line that begins so.
fn told(metrics: &str, line: &str) -> f64 {
    let found = metrics.lines().find_map(|all| all.strip_prefix(line)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("no {line} in\n{metrics}")).parse().unwrap()
}

async fn metrics_are_told_at_an_address_of_their_own(database: &TestDatabase) {
    let (origin, prometheus) = (free_origin(), free_origin());
    let app = TestApp::init(database).with_origin(&origin).await;
    app.live_in_the_present();
    let (_, mut clients) = app.with_clients(1).await;
    app.services.storage.close().await;
    let (server, _folder) = start(database, &origin, &[("COUNTERSIGN_METRICS_LISTEN", &address(&prometheus))]).await;
    assert_eq!(server.browser().get("/metrics").await.status, 404, "nobody else is told");

    let client = &mut clients[0];
    client.moves_to(&server);
    client.by_a_person().await;
    client.by_a_program().await;
    assert_eq!(client.person.browser.get("/org").await.status, 200);

    let told_now = metrics(&prometheus).await;
    let told = |line: &str| told(&told_now, line);
    assert!(told("countersign_changes_total{outcome=\"executed\"}") >= 2.0);
    // The program's is checked when it is handed in, too.
    assert!(told("countersign_signature_check_duration_seconds_count") >= 3.0);
    assert!(told("countersign_sqlite_commit_duration_seconds_count") >= 4.0);
    assert!(told("countersign_sqlite_commit_transactions_bucket{le=\"1\"}") >= 1.0);
    assert_eq!(told("countersign_http_requests_total{route=\"/rpc/commit_change\",method=\"POST\",status=\"2xx\"}"), 1.0);
    assert_eq!(told("countersign_http_requests_total{route=\"/auth/action/init\",method=\"POST\",status=\"2xx\"}"), 1.0);
    assert_eq!(told("countersign_http_requests_total{route=\"/org\",method=\"GET\",status=\"2xx\"}"), 1.0);
    assert_eq!(told("countersign_http_request_duration_seconds_count{route=\"/org\",method=\"GET\"}"), 1.0);
    assert!(told("countersign_sessions") >= 2.0, "the admin and a colleague");
    assert!(told("countersign_outbox_mails") < 100.0 && told("countersign_outbox_oldest_mail_age_seconds") >= 0.0);
    assert!(told("countersign_database_connections{state=\"idle\"}") + told("countersign_database_connections{state=\"in use\"}") >= 1.0);
    assert!(told("countersign_http_connections") >= 2.0, "this one's, and that one's");
    assert_eq!(told("countersign_http_connections_turned_away_total"), 0.0);
    assert_eq!(told(&format!("countersign_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"))), 1.0);
    assert!(told("process_start_time_seconds") > 1.7e9);
    assert!(told("process_resident_memory_bytes") > 1e6 && told("process_open_fds") > 5.0);

    for line in told_now.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        assert!(name.starts_with("countersign_") || name.starts_with("process_"), "{line}");
        assert!(told_now.contains(&format!("# HELP {} ", base(name))), "{name} isn't explained");
    }
}

/// A histogram's lines have the name of the histogram with an ending.
fn base(name: &str) -> &str {
    let is_histogram = name.contains("duration_seconds") || name.contains("commit_transactions");
    let ending = ["_bucket", "_sum", "_count"].into_iter().find(|ending| is_histogram && name.ends_with(ending));
    ending.map_or(name, |ending| name.strip_suffix(ending).unwrap())
}

async fn metrics_never_have_what_a_request_brought(database: &TestDatabase) {
    let (origin, prometheus) = (free_origin(), free_origin());
    let (server, _folder) = start(database, &origin, &[("COUNTERSIGN_METRICS_LISTEN", &address(&prometheus))]).await;
    let browser = server.browser();
    for number in 0..20 {
        browser.get(&format!("/zebra{number}?zebra={number}")).await;
        browser.get(&format!("/org/users/us-zebra{number}")).await;
        browser.get(&format!("/pkg/zebra{number}.js")).await;
        browser.get(&format!("/auth/users/zebra{number}")).await;
        browser.get(&format!("/auth/zebra{number}")).await;
        browser.call(&format!("zebra{number}"), &[]).await;
        let odd = Request::builder().method(format!("ZEBRA{number}").as_str()).uri("/login").body(Body::empty()).unwrap();
        browser.send(odd).await;
    }
    let told_now = metrics(&prometheus).await;
    assert!(!told_now.to_lowercase().contains("zebra"), "{told_now}");
    for (line, times) in [
        ("{route=\"file\",method=\"GET\",status=\"4xx\"}", 60.0),
        ("{route=\"/auth/users/{userId}\",method=\"GET\",status=\"4xx\"}", 20.0),
        ("{route=\"/rpc/{*function}\",method=\"POST\",status=\"4xx\"}", 20.0),
        ("{route=\"/login\",method=\"other\",status=\"4xx\"}", 20.0),
    ] {
        assert_eq!(told(&told_now, &format!("countersign_http_requests_total{line}")), times, "{line}\n{told_now}");
    }
}

/// What the server wrote, when each line is JSON.
fn lines(server: &Server) -> Vec<Value> {
    let said = server.said();
    // The last one may be on its way.
    let whole = said.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// The lines that belong to this request.
fn of_request<'a>(lines: &'a [Value], id: &str) -> Vec<&'a Value> {
    let belongs = |span: &Value| span["name"] == "request" && span["id"] == id;
    lines.iter().filter(|line| line["spans"].as_array().is_some_and(|spans| spans.iter().any(belongs))).collect()
}

async fn every_line_of_a_request_has_its_id(database: &TestDatabase) {
    let origin = free_origin();
    let app = TestApp::init(database).with_origin(&origin).await;
    app.live_in_the_present();
    let admin = app.admin("ada@example.org").await;
    let session = admin.browser.session().unwrap();
    let (server, _folder) = start(database, &origin, &[("COUNTERSIGN_LOG_FORMAT", "json")]).await;
    let browser = server.browser();
    browser.set_session(&session);
    browser.create_organization("eve@example.org", "Eve", "Evil").await;
    assert_eq!(browser.get("/org").await.status, 200);
    let fine = browser.viewer().await.header("x-request-id").to_owned();
    app.run(&format!("UPDATE users SET email = 'broken by hand' WHERE organization_id = '{}'", admin.organization)).await;

    for (what, answer) in [("viewer", browser.viewer().await), ("page", browser.get("/org").await)] {
        assert_eq!(answer.status, 500, "{what}: {}", answer.text());
        let id = answer.header("x-request-id").to_owned();
        wait_for(|| of_request(&lines(&server), &id).iter().any(|line| line["fields"]["message"] == "response failed")).await;
        let all = lines(&server);
        let own = of_request(&all, &id);
        let closing: Vec<_> = own.iter().filter(|line| line["fields"]["message"] == "response failed").collect();
        assert_eq!(closing.len(), 1, "{what}: one line says that it failed: {own:#?}");
        assert_eq!(closing[0]["level"], "ERROR");
        assert!(closing[0]["fields"]["classification"].as_str().unwrap().contains("500"), "{closing:?}");
        let reason = own.iter().find(|line| line["fields"]["message"] == "a request failed");
        let incident = reason.unwrap_or_else(|| panic!("{what}: no reason in {own:#?}"))["fields"]["incident"].as_str().unwrap().to_owned();
        assert!(answer.text().contains(&incident), "{what}: the person may quote it");
    }
    assert!(of_request(&lines(&server), &fine).is_empty(), "what went well is no line");
    // What is done after the answer belongs to it, too.
    app.run("UPDATE users SET kind = 'broken by hand' WHERE email = 'eve@example.org'").await;
    let answered = browser.send_new_code("eve@example.org", "").await;
    assert_eq!(answered.status, 200);
    wait_for(|| of_request(&lines(&server), answered.header("x-request-id")).len() == 1).await;
    // No line of a failed request is without its request.
    let all = lines(&server);
    let lost: Vec<_> =
        all.iter().filter(|line| line["fields"]["message"] == "a request failed" && line["spans"][0]["name"] != "request").collect();
    assert!(lost.is_empty(), "{lost:#?}");
    let mail = || lines(&server).into_iter().find(|line| line["fields"]["message"] == "mail kept in the local mailbox");
    wait_for(|| mail().is_some()).await;
    assert_eq!(mail().unwrap()["span"]["name"], "mail");
    let said = server.said();
    assert!(!said.contains("eve@example.org") && !said.contains(&session), "neither addresses nor sessions are logged");
}

pub async fn wait_for(mut it: impl FnMut() -> bool) {
    let began = Instant::now();
    while !it() {
        assert!(began.elapsed() < SOON, "it doesn't happen");
        sleep(Duration::from_millis(20)).await;
    }
}

async fn a_foreign_id_that_is_more_than_an_id_is_replaced(database: &TestDatabase) {
    let origin = free_origin();
    for form in ["text", "json"] {
        let (server, _folder) =
            start(database, &origin, &[("COUNTERSIGN_LOG_FORMAT", form), ("COUNTERSIGN_LOG", "info,tower_http=debug")]).await;
        let id_of = async |headers: &[u8]| {
            let mut stream = connect(&origin).await;
            let host = origin.strip_prefix("http://").unwrap();
            stream.write_all(format!("GET /health/live HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n").as_bytes()).await.unwrap();
            stream.write_all(headers).await.unwrap();
            stream.write_all(b"\r\n").await.unwrap();
            let (answer, _) = until_the_end(stream).await;
            let ids: Vec<String> = answer.lines().filter_map(|line| line.strip_prefix("x-request-id: ").map(str::to_owned)).collect();
            assert_eq!(ids.len(), 1, "{answer}");
            ids[0].clone()
        };
        let longest = "a".repeat(64);
        for harmless in ["from-a-proxy", "0aF.9_-", &longest] {
            assert_eq!(id_of(format!("x-request-id: {harmless}\r\n").as_bytes()).await, harmless);
        }
        let long = format!("x-request-id: {}\r\n", "a".repeat(65));
        for trick in [
            long.as_bytes(),
            b"x-request-id: zebra\"} ERROR forged{id=\"1\r\n",
            b"x-request-id: zebra\tERROR forged\r\n",
            b"x-request-id: zebra \xc2\x9b31m\r\n",
            b"x-request-id: zebra<script>\r\n",
            b"x-request-id:\r\n",
            b"x-request-id: zebra1\r\nx-request-id: zebra2\r\n",
        ] {
            let id = id_of(trick).await;
            assert!(id.len() == 36 && id.chars().all(|char| char.is_ascii_hexdigit() || char == '-'), "{id}");
            wait_for(|| server.said().contains(&id)).await;
        }
        let said = server.said();
        assert!(said.contains("from-a-proxy") && !said.contains("zebra"), "{said}");
        if form == "json" {
            assert!(!of_request(&lines(&server), "from-a-proxy").is_empty());
        } else {
            assert!(said.contains("request{id=from-a-proxy method=GET path=\"/health/live\"}"), "{said}");
        }
    }
}

/// A request that promises a body and sends only its beginning.
pub async fn begin_to_post(origin: &str) -> TcpStream {
    let mut stream = connect(origin).await;
    let host = origin.strip_prefix("http://").unwrap();
    let head = format!(
        "POST /rpc/about HTTP/1.1\r\nhost: {host}\r\norigin: {origin}\r\naccept: application/json\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: 60\r\n\r\na="
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// One byte a second, for as long as anybody takes them; what was answered and when.
async fn trickle(stream: TcpStream) -> (String, Duration) {
    let (mut reads, mut writes) = stream.into_split();
    let sends = tokio::spawn(async move {
        while writes.write_all(b"a").await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
    });
    let began = Instant::now();
    let mut bytes = Vec::new();
    let _ = timeout(Duration::from_mins(1), reads.read_to_end(&mut bytes)).await.expect("the connection ends");
    sends.abort();
    (String::from_utf8_lossy(&bytes).into_owned(), began.elapsed())
}

/// A file that is larger than what lies between the server and a client.
fn huge_file(site: &Path) {
    File::create(site.join("pkg/huge.bin")).unwrap().set_len(4 << 30).unwrap();
}

async fn slow_clients_lose_their_connections(database: &TestDatabase) {
    let (origin, prometheus) = (free_origin(), free_origin());
    let (server, folder) = start(database, &origin, &[("COUNTERSIGN_METRICS_LISTEN", &address(&prometheus))]).await;
    huge_file(&folder.path().join("site"));
    let get = format!("GET /health/live HTTP/1.1\r\nhost: {}\r\n", origin.strip_prefix("http://").unwrap());

    let says_nothing = async { until_the_end(connect(&origin).await).await };
    let trickles_a_head = async {
        let mut stream = connect(&origin).await;
        stream.write_all(get.as_bytes()).await.unwrap();
        stream.write_all(b"x-slow: ").await.unwrap();
        trickle(stream).await
    };
    let is_idle = async {
        let mut stream = connect(&origin).await;
        stream.write_all(format!("{get}\r\n").as_bytes()).await.unwrap();
        until_the_end(stream).await
    };
    let trickles_a_body = async { trickle(begin_to_post(&origin).await).await };
    let has_a_large_head = async {
        let mut stream = connect(&origin).await;
        // What it doesn't read any more may be refused.
        let _ = stream.write_all(format!("{get}x-large: {}\r\n\r\n", "a".repeat(40_000)).as_bytes()).await;
        until_the_end(stream).await
    };
    // Nothing here ends a connection whose other end is silent: it is looked for where connections are counted.
    let mut does_not_read = connect(&origin).await;
    does_not_read.write_all(get.replace("/health/live", "/pkg/huge.bin").as_bytes()).await.unwrap();
    does_not_read.write_all(b"\r\n").await.unwrap();

    let (silent, head, idle, body, large) = tokio::join!(says_nothing, trickles_a_head, is_idle, trickles_a_body, has_a_large_head);
    let within = |seconds: std::ops::Range<u64>, (what, took): &(String, Duration)| {
        assert!(seconds.contains(&took.as_secs()), "it took {took:?}: {what}");
    };
    within(14..20, &silent);
    assert_eq!(silent.0, "");
    within(14..20, &head);
    assert_eq!(head.0, "");
    within(14..20, &idle);
    assert!(idle.0.starts_with("HTTP/1.1 200") && idle.0.ends_with("ok\n"), "{}", idle.0);
    within(29..36, &body);
    assert!(body.0.starts_with("HTTP/1.1 503"), "{}", body.0);
    within(0..5, &large);
    assert!(large.0.starts_with("HTTP/1.1 431"), "{}", large.0);

    let began = Instant::now();
    // Who asks for the metrics has one.
    while told(&metrics(&prometheus).await, "countersign_http_connections") > 1.0 {
        assert!(began.elapsed() < SOON, "somebody who reads nothing keeps a connection for ever");
        sleep(Duration::from_millis(500)).await;
    }
    drop(does_not_read);
    assert_eq!(server.browser().get("/health/ready").await.status, 200);
}

#[tokio::test]
async fn more_connections_than_there_is_room_for_wait() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    let router = Router::new().route("/", get(async || "here\n"));
    tokio::spawn(listener::serve(listener, router, Room::of(2), pending()));
    let ask = async |stream: &mut TcpStream, patience: Duration| {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
        let mut answer = [0; 1024];
        let length = timeout(patience, stream.read(&mut answer)).await.ok()?.unwrap();
        Some(String::from_utf8_lossy(&answer[..length]).into_owned())
    };
    let (mut first, mut second, mut third) = (connect(&origin).await, connect(&origin).await, connect(&origin).await);
    assert!(ask(&mut first, SOON).await.unwrap().ends_with("here\n"));
    assert!(ask(&mut second, SOON).await.unwrap().ends_with("here\n"));
    assert_eq!(ask(&mut third, Duration::from_secs(1)).await, None, "there is no place yet");
    drop(first);
    let mut answer = [0; 1024];
    let length = timeout(SOON, third.read(&mut answer)).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&answer[..length]).ends_with("here\n"));
    assert!(ask(&mut second, SOON).await.unwrap().ends_with("here\n"), "whoever had one keeps it");
}

async fn when_it_stops_it_says_so_and_answers_who_is_there(database: &TestDatabase) {
    let origin = free_origin();
    let (mut server, _folder) = start(database, &origin, &[("COUNTERSIGN_STOP_DELAY", "6")]).await;
    let browser = server.browser();
    let mut under_way = begin_to_post(&origin).await;
    let idle = connect(&origin).await;
    let began = Instant::now();
    terminate(&server);
    wait_for(|| server.said().contains("asked to stop")).await;
    // Others are still answered, so that nobody is turned away before a balancer has asked.
    let ready = browser.get("/health/ready").await;
    assert_eq!((ready.status.as_u16(), ready.text()), (503, "The server is stopping.\n"));
    assert_eq!(server.browser().get("/health/live").await.status, 200, "by a new connection, too");
    assert!(began.elapsed() < Duration::from_secs(6), "it was looked at in time");
    while TcpStream::connect(address(&origin)).await.is_ok() {
        assert!(began.elapsed() < SOON, "the port is closed in the end");
        sleep(Duration::from_millis(50)).await;
    }
    assert!(began.elapsed() >= Duration::from_secs(6));
    under_way.write_all(&[b'a'; 58]).await.unwrap();
    let (answer, _) = until_the_end(under_way).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "who was there before is answered: {answer}");
    assert_eq!(until_the_end(idle).await.0, "");
    assert!(server.stop().success(), "{}", server.said());
    assert!(began.elapsed() < SOON, "it didn't wait for anybody: {:?}", began.elapsed());
}

async fn nobody_can_keep_it_from_stopping(database: &TestDatabase) {
    let origin = free_origin();
    let (mut server, folder) = start(database, &origin, &[]).await;
    huge_file(&folder.path().join("site"));
    let mut reader = connect(&origin).await;
    let host = origin.strip_prefix("http://").unwrap();
    reader.write_all(format!("GET /pkg/huge.bin HTTP/1.1\r\nhost: {host}\r\n\r\n").as_bytes()).await.unwrap();
    // It takes something all the time, and would have enough for hours.
    let reads = tokio::spawn(async move {
        let mut piece = vec![0; 64 * 1024];
        let mut taken = 0;
        while let Ok(length @ 1..) = reader.read(&mut piece).await {
            taken += length;
            sleep(Duration::from_millis(100)).await;
        }
        taken
    });
    sleep(Duration::from_secs(1)).await;
    let began = Instant::now();
    terminate(&server);
    let status = tokio::task::spawn_blocking(move || {
        let status = server.stop();
        (status, server.said())
    });
    let (status, said) = status.await.unwrap();
    assert!(status.success(), "{said}");
    assert!((29..40).contains(&began.elapsed().as_secs()), "{:?}: {said}", began.elapsed());
    assert!(said.contains("some connections didn't end in time"), "{said}");
    assert!(reads.await.unwrap() > 1_000_000);
}

async fn who_asks_twice_is_not_kept_waiting(database: &TestDatabase) {
    let (mut server, _folder) = start(database, &free_origin(), &[("COUNTERSIGN_STOP_DELAY", "300")]).await;
    signal(&server, "-INT");
    wait_for(|| server.said().contains("asked to stop")).await;
    // The first one was heard; from now on the next one counts.
    wait_for(|| {
        signal(&server, "-INT");
        server.said().contains("asked to stop at once")
    })
    .await;
    assert_eq!(server.stop().code(), Some(130), "{}", server.said());
}

fn limit_files(server: &Server, most: usize) {
    let (process, files) = (format!("--pid={}", server.id()), format!("--nofile={most}:"));
    assert!(Command::new("prlimit").args([process, files]).status().unwrap().success());
}

async fn it_goes_on_when_there_were_no_files_left(database: &TestDatabase) {
    let origin = free_origin();
    let folder = tempfile::tempdir().unwrap();
    let site = empty_site(folder.path());
    let command = ["sh", "-c", "ulimit -n 200; exec \"$0\"", program().to_str().unwrap()];
    let settings = [("COUNTERSIGN_SITE_ROOT", site.to_str().unwrap())];
    let server = Server::start_by(&command, &origin, database.url(), &settings).await.unwrap_or_else(|said| panic!("{said}"));
    assert!(server.said().contains("few files may be open"), "{}", server.said());
    let open = fs::read_dir(format!("/proc/{}/fd", server.id())).unwrap().count();
    limit_files(&server, open + 2);
    let mut crowd = Vec::new();
    for _ in 0..10 {
        crowd.push(connect(&origin).await);
    }
    wait_for(|| server.said().contains("no connection can be accepted, trying again")).await;
    drop(crowd);
    let began = Instant::now();
    while server.browser().get("/health/ready").await.status != StatusCode::OK {
        assert!(began.elapsed() < SOON, "{}", server.said());
        sleep(Duration::from_millis(100)).await;
    }
}

/// What `countersign` with these arguments prints.
fn printed(arguments: &[&str]) -> String {
    let secrets = [("COUNTERSIGN_SECRET", "zebra"), ("COUNTERSIGN_SMTP_URL", "smtp://zebra:zebra@zebra"), ("COUNTERSIGN_CONTACT", "zebra")];
    let output = Command::new(program()).args(arguments).env_clear().envs(secrets).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_help_says_what_there_is() {
    for help in [printed(&["--help"]), printed(&["-h"])] {
        for (place, words) in [
            ("commands", "  serve "),
            ("commands", "  check "),
            ("commands", "  backup "),
            ("commands", "  export "),
            ("commands", "  verify "),
            ("commands", "  break-glass "),
            ("commands", "  rotate-secret "),
            ("groups", "\nWhere it is reached:\n"),
            ("groups", "\nWhat it keeps:\n"),
            ("groups", "\nMail:\n"),
            ("groups", "\nWho may do how much:\n"),
            ("groups", "\nHow it is run:\n"),
            ("examples", "\nExamples:\n  countersign\n"),
            ("variables", "[env: COUNTERSIGN_DATABASE_URL]"),
            ("variables", "COUNTERSIGN_LOG,"),
            ("defaults", "[default: http://localhost:3000]"),
        ] {
            assert!(help.contains(words), "{place}: no {words:?} in\n{help}");
        }
        assert!(!help.contains("zebra"), "what is set isn't shown: {help}");
    }
    for verb in ["serve", "check", "backup", "export", "verify", "break-glass", "rotate-secret"] {
        let help = printed(&[verb, "--help"]);
        assert!(help.lines().next().is_some_and(|line| line.len() > 15), "{verb}: {help}");
    }
    assert_eq!(printed(&["--version"]), format!("countersign {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_proxies_of_the_guide_hold_what_is_said_of_them() {
    let guide = include_str!("../../../docs/operations.md");
    let example = |language: &str| guide.split(&format!("```{language}\n")).nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let (nginx, caddy) = (example("nginx"), example("caddyfile"));
    assert!(nginx.contains("location ~ ^/(auth|permissions|countersign)(/|$) {\n        return 403;"), "{nginx}");
    assert!(nginx.contains("ssl_protocols       TLSv1.2 TLSv1.3;"), "{nginx}");
    assert!(nginx.contains("ssl_ciphers         ECDHE+AESGCM:ECDHE+CHACHA20;\n    ssl_prefer_server_ciphers on;"), "{nginx}");
    assert!(caddy.contains("@api path /auth/* /permissions /permissions/* /countersign/*\n\thandle @api {\n\t\trespond 403"), "{caddy}");
}

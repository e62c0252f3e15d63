//! What the bars are measured with: a load generator over real HTTP against the release build, with real signatures by keys
//! that were made before. `make bench` runs it and prints a table.
//!
//! The organization is set up in this process, as in the tests; then the server is started on the same database, and every
//! client has a connection, a person or program, and a service account of its own that it shuts out and lets in again.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a measurement may panic, and prints")]
#![allow(clippy::disallowed_methods, reason = "what is measured is the real time")]
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "figures for people")]

#[allow(dead_code, unused_macros, reason = "the tests use more of it")]
#[macro_use]
#[path = "../tests/all/support/mod.rs"]
mod support;

use app::{
    action::change::{Change, NewProgram, UserRef},
    domain::{handle::Handle, operation::Operation, text::ProgramName, time::Timestamp},
    rpc::{change::NewToken, sign_in::SignInChallenge},
};
use axum::{Router, body::Body, extract::Request, response::Response};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use support::{
    app::{SECRET, TestApp},
    browser::Browser,
    database::TestDatabase,
    key::KeyPair,
    person::Person,
    signing::{assign, new_program_with},
};
use tokio::{net::TcpStream, sync::Mutex};

/// How many clients there are at most.
const CLIENTS: usize = 32;
/// How often each figure is taken; the table has the median.
const RUNS: usize = 3;

/// How long one run takes, in seconds: `COUNTERSIGN_BENCH_SECONDS`.
fn seconds() -> u64 {
    env::var("COUNTERSIGN_BENCH_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5)
}

/// The release build, which `make bench` has made.
struct Server {
    child: Child,
    origin: String,
    started_in: Duration,
}

impl Server {
    async fn start(origin: &str, database: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let program = root.join("target/release/countersign");
        let address = origin.replace("http://localhost", "127.0.0.1");
        let began = Instant::now();
        let child = Command::new(&program)
            .env_clear()
            .current_dir(&root)
            .envs([
                ("COUNTERSIGN_ORIGIN", origin),
                ("COUNTERSIGN_LISTEN", &address),
                ("COUNTERSIGN_DATABASE_URL", database),
                ("COUNTERSIGN_SECRET", SECRET),
                ("COUNTERSIGN_REQUESTS_PER_MINUTE", "4000000000"),
                ("COUNTERSIGN_MAILS_PER_HOUR", "4000000000"),
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; build it with `make build`", program.display()));
        let mut server = Self { child, origin: origin.to_owned(), started_in: Duration::ZERO };
        while TcpStream::connect(&address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(1)).await;
            assert!(server.child.try_wait().unwrap().is_none(), "the server stopped");
        }
        assert_eq!(server.browser().await.get("/health").await.status, 200);
        server.started_in = began.elapsed();
        server
    }

    /// A browser with one connection to the server.
    async fn browser(&self) -> Browser {
        Browser::new(through(&self.origin).await, self.origin.clone())
    }

    /// Resident memory, in MB.
    fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse::<u64>().ok()).unwrap_or_default() / 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What takes requests and hands them to the server over one connection that stays open.
async fn through(origin: &str) -> Router {
    let stream = TcpStream::connect(origin.replace("http://localhost", "127.0.0.1")).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (sender, connection) = http1::handshake::<_, Body>(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let sender = Arc::new(Mutex::new(sender));
    Router::new().fallback(move |request: Request| {
        let sender = Arc::clone(&sender);
        async move { hand_on(&mut *sender.lock().await, request).await }
    })
}

async fn hand_on(sender: &mut SendRequest<Body>, request: Request) -> Response {
    sender.ready().await.unwrap();
    sender.send_request(request).await.unwrap().map(Body::new)
}

/// Somebody who changes something, again and again.
struct Client {
    person: Person,
    /// What they shut out and let in.
    target: UserRef,
    is_shut_out: bool,
    /// Their service account: what it shows, and signs with.
    token: String,
    key: KeyPair,
}

impl Client {
    fn next(&mut self) -> Change {
        self.is_shut_out = !self.is_shut_out;
        let user = self.target.clone();
        if self.is_shut_out { Change::DeactivateUser { user } } else { Change::ActivateUser { user } }
    }

    /// As a page does it: two requests.
    async fn by_a_person(&mut self) {
        let change = self.next();
        self.person.sign(&change).await;
    }

    /// As a program does it: three requests.
    async fn by_a_program(&mut self) {
        let verb = match self.next() {
            Change::DeactivateUser { .. } => "deactivate",
            _ => "activate",
        };
        let path = format!("/auth/service-accounts/{}/{verb}", self.target.id);
        let announced = json!({ "userActionPayload": "{}", "userActionHttpMethod": "PUT", "userActionHttpPath": path });
        let challenge = self.call("POST", "/auth/action/init", None, &announced).await;
        let assertion = self.key.assertion(challenge["challenge"].as_str().unwrap());
        let signed = json!({
            "challengeIdentifier": challenge["challengeIdentifier"],
            "firstFactor": { "kind": "Key", "credentialAssertion": assertion },
        });
        let action = self.call("POST", "/auth/action", None, &signed).await;
        self.call("PUT", &path, action["userAction"].as_str(), &json!({})).await;
    }

    async fn call(&self, method: &str, path: &str, action: Option<&str>, body: &Value) -> Value {
        let mut request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {}", self.token));
        request = request.header("content-type", "application/json");
        if let Some(action) = action {
            request = request.header("x-dfns-useraction", action);
        }
        let body = body.to_string();
        self.person.browser.send(request.header("content-length", body.len()).body(Body::from(body)).unwrap()).await.answer()
    }
}

/// What came of it.
struct Figures {
    per_second: f64,
    /// Milliseconds.
    p50: f64,
    p95: f64,
    p99: f64,
}

impl Figures {
    fn of(mut millis: Vec<f64>, took: Duration) -> Self {
        millis.sort_by(f64::total_cmp);
        let at = |share: f64| millis.get(((millis.len() as f64 * share) as usize).min(millis.len().saturating_sub(1))).copied();
        let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|share| at(share).unwrap_or(f64::NAN));
        Self { per_second: millis.len() as f64 / took.as_secs_f64(), p50, p95, p99 }
    }
}

/// The run in the middle, by how many were done.
fn median(mut runs: Vec<Figures>) -> Figures {
    runs.sort_by(|one, other| one.per_second.total_cmp(&other.per_second));
    runs.swap_remove(runs.len() / 2)
}

fn print(what: &str, clients: usize, figures: &Figures, bar: &str) {
    let Figures { per_second, p50, p95, p99 } = figures;
    println!("| {what} | {clients} | {per_second:.0} | {p50:.1} | {p95:.1} | {p99:.1} | {bar} |");
}

/// Lets so many of the clients go on until the time is over; the figures of the run in the middle.
macro_rules! measure {
    ($clients:expr, $number:expr, $method:ident) => {{
        let mut runs = Vec::new();
        for _ in 0..RUNS {
            let began = Instant::now();
            let until = began + Duration::from_secs(seconds());
            let mut tasks = Vec::new();
            for mut client in $clients.drain(..$number) {
                tasks.push(tokio::spawn(async move {
                    let mut millis = Vec::new();
                    while Instant::now() < until {
                        let began = Instant::now();
                        client.$method().await;
                        millis.push(began.elapsed().as_secs_f64() * 1000.0);
                    }
                    (client, millis)
                }));
            }
            let mut all = Vec::new();
            for task in tasks {
                let (client, millis) = task.await.unwrap();
                $clients.push(client);
                all.extend(millis);
            }
            runs.push(Figures::of(all, began.elapsed()));
        }
        median(runs)
    }};
}

/// Sets an organization up with so many clients; their browsers are still those of this process.
async fn set_up(app: &TestApp) -> (Person, Vec<Client>) {
    let mut admin = app.admin("ada@example.org").await;
    let full = admin.permission("Full admin").await;
    let keepers = [Operation::ServiceAccountsRead, Operation::ServiceAccountsActivate, Operation::ServiceAccountsDeactivate];
    let keepers = admin.define("Keepers", &keepers).await;
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let (person, _) = app.colleague(&mut admin, &format!("user{number}@example.org"), &[&full]).await;
        let (target, _) = program(app, &mut admin, &format!("Target {number}"), &KeyPair::ed25519()).await;
        let mut key = KeyPair::p256();
        let (robot, shown) = program(app, &mut admin, &format!("Robot {number}"), &key).await;
        key.id = shown.key;
        admin.sign(&assign(&keepers, &robot)).await;
        clients.push(Client { person, target, is_shut_out: false, token: shown.token, key });
    }
    (admin, clients)
}

/// A service account, and what is shown of it once.
async fn program(app: &TestApp, admin: &mut Person, name: &str, key: &KeyPair) -> (UserRef, NewToken) {
    let until = app.services.ambient.now().plus(Duration::from_hours(24 * 30));
    let receipt = admin.sign(&Change::CreateServiceAccount(NewProgram { until, ..new_program_with(name, key) })).await;
    let handle = Handle::ServiceAccount(ProgramName::parse(name).unwrap());
    (UserRef { id: receipt.created.unwrap().parse().unwrap(), handle }, receipt.access_token.unwrap())
}

/// Somebody signs in: what is measured is the second half, with the session stored.
async fn sign_ins(server: &Server, clients: &mut [Client]) -> Figures {
    const EACH: usize = 200;
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let mut tasks = Vec::new();
        for client in clients.iter_mut() {
            let browser = server.browser().await;
            let mut ready: Vec<(SignInChallenge, Value)> = Vec::new();
            for _ in 0..EACH {
                let challenge = browser.sign_in_challenge().await;
                let answer = client.person.device.get(&challenge.options);
                ready.push((challenge, answer));
            }
            tasks.push((browser, ready));
        }
        let began = Instant::now();
        let tasks: Vec<_> = tasks
            .into_iter()
            .map(|(browser, ready)| {
                tokio::spawn(async move {
                    let mut millis = Vec::new();
                    for (challenge, answer) in ready {
                        let began = Instant::now();
                        assert_eq!(browser.finish_sign_in(&challenge, &answer).await.status, 200);
                        millis.push(began.elapsed().as_secs_f64() * 1000.0);
                    }
                    millis
                })
            })
            .collect();
        let mut all = Vec::new();
        for task in tasks {
            all.extend(task.await.unwrap());
        }
        runs.push(Figures::of(all, began.elapsed()));
    }
    median(runs)
}

/// Opens a page, again and again.
struct Reader {
    browser: Browser,
    path: &'static str,
}

impl Reader {
    async fn open(&mut self) {
        assert_eq!(self.browser.get(self.path).await.status, 200);
    }
}

async fn pages(server: &Server, session: &str, path: &'static str) -> Figures {
    let mut readers = Vec::new();
    for _ in 0..CLIENTS {
        let browser = server.browser().await;
        browser.set_session(session);
        readers.push(Reader { browser, path });
    }
    measure!(readers, CLIENTS, open)
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn binary_size() -> (u64, PathBuf) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/countersign");
    (fs::metadata(&path).map(|file| file.len() / 1_000_000).unwrap_or_default(), path)
}

async fn on(database: &TestDatabase, name: &str) {
    let origin = format!("http://localhost:{}", free_port());
    let app = TestApp::init(database).with_origin(&origin).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    // A little earlier, so that the server's clock goes on from there.
    app.clock.set(Timestamp::from_millis(i64::try_from(now.as_millis()).unwrap() - 600_000));
    let (admin, mut clients) = set_up(&app).await;
    app.services.storage.close().await;
    let server = Server::start(&origin, database.url()).await;
    println!("\n{name}: started in {} ms, {} MB resident\n", server.started_in.as_millis(), server.memory());
    println!("| what | clients | per second | p50 ms | p95 ms | p99 ms | bar |\n|---|---|---|---|---|---|---|");
    for client in &mut clients {
        let browser = server.browser().await;
        browser.set_session(&client.person.browser.session().unwrap());
        client.person.browser = browser;
    }
    print("signed change, by a person (2 requests)", 1, &measure!(clients, 1, by_a_person), "p50 ≤ 6 ms");
    print("signed change, by a person (2 requests)", CLIENTS, &measure!(clients, CLIENTS, by_a_person), "≥ 1,000/s, p50 ≤ 20, p99 ≤ 60");
    print("signed change, by a program (3 requests)", 1, &measure!(clients, 1, by_a_program), "p50 ≤ 6 ms");
    print("signed change, by a program (3 requests)", CLIENTS, &measure!(clients, CLIENTS, by_a_program), "≥ 1,000/s, p50 ≤ 20, p99 ≤ 60");
    print("sign-in, finished", CLIENTS, &sign_ins(&server, &mut clients).await, "≥ 1,500/s");
    let session = admin.browser.session().unwrap();
    print("Users page, 33 users", CLIENTS, &pages(&server, &session, "/org/users").await, "≥ 2,000/s");
    print("History page, 50 entries", CLIENTS, &pages(&server, &session, "/org/history").await, "");
    println!("\nAfter that: {} MB resident", server.memory());
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!(
        "{cores} cores shared with the load generator, release build of {} MB, {RUNS} runs of {} s, the one in the middle",
        binary_size().0,
        seconds()
    );
    runtime.block_on(async {
        on(&TestDatabase::sqlite(), "SQLite, WAL, synchronous=FULL").await;
        if let Some(database) = TestDatabase::postgres().await {
            on(&database, "PostgreSQL").await;
        }
    });
}

//! The real program: started as a child, killed, stopped and started again; and clients that speak to it over HTTP.

use super::{
    app::{SECRET, TestApp},
    browser::Browser,
    key::KeyPair,
    person::Person,
    signing::{assign, new_program_with},
};
use app::{
    action::change::{Change, NewProgram, UserRef},
    domain::{handle::Handle, operation::Operation, text::ProgramName, time::Timestamp},
    rpc::change::NewToken,
};
use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderName, StatusCode},
    response::{IntoResponse, Response},
};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Bytes,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::{
    fs, io,
    net::TcpListener,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex as Lock,
        atomic::{AtomicU16, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::{net::TcpStream, sync::Mutex, time::sleep};

/// How long a start or an end may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// What an answer has that never came: its reason stands in the body.
pub const NO_ANSWER: HeaderName = HeaderName::from_static("x-no-answer");

/// How a server is started.
#[derive(Clone)]
struct Launch {
    /// The program, and before it what starts it otherwise than directly.
    command: Vec<String>,
    address: String,
    settings: Vec<(String, String)>,
}

/// The program, running. It ends with the test.
pub struct Server {
    launch: Launch,
    child: Child,
    said: Arc<Lock<String>>,
    pub origin: String,
    /// From the start to the first answer.
    pub started_in: Duration,
}

impl Server {
    /// Starts this program for this database with the tests' secret, no limits, and settings of the caller's own
    /// (`COUNTERSIGN_LISTEN` for a second server of one origin). It is there when this returns.
    ///
    /// # Errors
    /// When it stops instead: what it said.
    pub async fn start(program: &Path, origin: &str, database: &str, settings: &[(&str, &str)]) -> Result<Self, String> {
        Self::start_by(&[program.to_str().unwrap()], origin, database, settings).await
    }

    /// The same, by a command that becomes the program in the end (`exec`), so that it is the same process.
    ///
    /// # Errors
    /// When it stops instead: what it said.
    pub async fn start_by(command: &[&str], origin: &str, database: &str, settings: &[(&str, &str)]) -> Result<Self, String> {
        let elsewhere = settings.iter().find(|(name, _)| *name == "COUNTERSIGN_LISTEN");
        let address = elsewhere.map_or_else(|| address(origin), |(_, address)| (*address).to_owned());
        let common = [
            ("COUNTERSIGN_ORIGIN", origin),
            ("COUNTERSIGN_LISTEN", address.as_str()),
            ("COUNTERSIGN_DATABASE_URL", database),
            ("COUNTERSIGN_SECRET", SECRET),
            ("COUNTERSIGN_REQUESTS_PER_MINUTE", "4000000000"),
            ("COUNTERSIGN_MAILS_PER_HOUR", "4000000000"),
            ("COUNTERSIGN_INVITATIONS_PER_HOUR", "4000000000"),
            ("NO_COLOR", "1"),
        ];
        let settings = common.iter().chain(settings).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        Self::launch(Launch { command, address, settings }, origin).await
    }

    async fn launch(launch: Launch, origin: &str) -> Result<Self, String> {
        let began = Instant::now();
        let mut child = Command::new(&launch.command[0])
            .args(&launch.command[1..])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .envs(launch.settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}; is it built?", launch.command[0]))?;
        let said = Arc::new(Lock::new(String::new()));
        let (mut errors, heard) = (child.stderr.take().unwrap(), Arc::clone(&said));
        // Not into a file: a test that lets the disk be full would meet this one, too.
        let listening = thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(length @ 1..) = io::Read::read(&mut errors, &mut buffer) {
                heard.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..length]));
            }
        });
        let mut server = Self { launch, child, said, origin: origin.to_owned(), started_in: Duration::ZERO };
        while !server.answers().await {
            if let Some(status) = server.child.try_wait().unwrap() {
                listening.join().unwrap();
                return Err(format!("{}it stopped: {status}", server.said()));
            }
            if began.elapsed() > PATIENCE {
                return Err(format!("{}it doesn't answer after {} s", server.said(), PATIENCE.as_secs()));
            }
            sleep(Duration::from_millis(1)).await;
        }
        server.started_in = began.elapsed();
        Ok(server)
    }

    async fn answers(&self) -> bool {
        TcpStream::connect(&self.launch.address).await.is_ok() && self.browser().get("/health/ready").await.status == StatusCode::OK
    }

    /// Starts it again as it was started, on the same port.
    ///
    /// # Errors
    /// When it stops instead: what it said.
    pub async fn restart(&mut self) -> Result<(), String> {
        self.kill9();
        *self = Self::launch(self.launch.clone(), &self.origin.clone()).await?;
        Ok(())
    }

    /// Lets it have no time for anything; whether it was there to be killed.
    pub fn kill9(&mut self) -> bool {
        let _ = self.child.kill();
        self.child.wait().is_ok_and(|status| status.signal() == Some(9))
    }

    /// Asks it to stop, as service managers do, and waits for that.
    pub fn stop(&mut self) -> ExitStatus {
        let asked = Instant::now();
        let kill = Command::new("sh").args(["-c", "kill -TERM $0", &self.id().to_string()]).status().unwrap();
        assert!(kill.success(), "the server is there to be stopped");
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(asked.elapsed() < PATIENCE, "the server doesn't stop: {}", self.said());
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it said on standard error since its start: its log, or why it stopped.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// A browser with one connection to the server.
    pub fn browser(&self) -> Browser {
        Browser::new(through(&self.launch.address), self.origin.clone())
    }

    /// Resident memory, in MB.
    pub fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse::<u64>().ok()).unwrap_or_default() / 1024
    }
}

/// When the test failed, with the end of what it said.
impl Drop for Server {
    fn drop(&mut self) {
        self.kill9();
        if thread::panicking() {
            let said = self.said();
            let lines: Vec<&str> = said.lines().collect();
            eprintln!("The server said in the end:\n{}", lines[lines.len().saturating_sub(30)..].join("\n"));
        }
    }
}

/// Where the server of an origin listens.
fn address(origin: &str) -> String {
    origin.replace("http://localhost", "127.0.0.1")
}

/// An origin with a port that nobody has. It isn't one of those from which connections go out: while a server is down, its port
/// stays free.
pub fn free_origin() -> String {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() * 61 % 16_000).unwrap();
    loop {
        let port = 12_000 + (first + NEXT.fetch_add(1, Ordering::SeqCst)) % 16_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return format!("http://localhost:{port}");
        }
    }
}

/// What takes requests and hands them to the server at this address over one connection that stays open, and is made anew when it was cut.
/// When no whole answer comes, there is one that has [`NO_ANSWER`].
pub fn through(address: &str) -> Router {
    let address: Arc<str> = address.into();
    let connection = Arc::new(Mutex::new(None));
    Router::new().fallback(move |request: Request| {
        let (address, connection) = (Arc::clone(&address), Arc::clone(&connection));
        async move {
            let mut connection = connection.lock().await;
            match hand_on(&address, &mut connection, request).await {
                Ok(response) => response,
                Err(reason) => {
                    *connection = None;
                    (StatusCode::BAD_GATEWAY, [(NO_ANSWER, "true")], reason).into_response()
                }
            }
        }
    })
}

async fn hand_on(address: &str, connection: &mut Option<SendRequest<Body>>, request: Request) -> Result<Response, String> {
    let sender = match connection {
        Some(sender) if !sender.is_closed() => sender,
        _ => connection.insert(connect(address).await.map_err(|error| error.to_string())?),
    };
    sender.ready().await.map_err(|error| error.to_string())?;
    let (parts, body) = sender.send_request(request).await.map_err(|error| error.to_string())?.into_parts();
    let body: Bytes = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
    Ok(Response::from_parts(parts, Body::new(Full::new(body))))
}

async fn connect(address: &str) -> Result<SendRequest<Body>, Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake::<_, Body>(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Somebody who changes something, again and again.
pub struct Client {
    pub person: Person,
    /// What they shut out and let in.
    pub target: UserRef,
    pub is_shut_out: bool,
    /// Their service account: what it shows, and signs with.
    pub token: String,
    pub key: KeyPair,
}

impl Client {
    /// The next change, while it isn't made.
    pub fn toggle(&self) -> Change {
        let user = self.target.clone();
        if self.is_shut_out { Change::ActivateUser { user } } else { Change::DeactivateUser { user } }
    }

    /// As a page does it: two requests.
    pub async fn by_a_person(&mut self) {
        let change = self.toggle();
        self.person.sign(&change).await;
        self.is_shut_out = !self.is_shut_out;
    }

    /// As a program does it: three requests.
    pub async fn by_a_program(&mut self) {
        let verb = if self.is_shut_out { "activate" } else { "deactivate" };
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
        self.is_shut_out = !self.is_shut_out;
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

    /// From now on they speak to this server; they stay signed in.
    pub fn moves_to(&mut self, server: &Server) {
        let browser = server.browser();
        browser.set_session(&self.person.browser.session().unwrap());
        self.person.browser = browser;
    }
}

impl TestApp {
    /// Puts the clock a little before this machine's, so that a real server's goes on from there.
    pub fn live_in_the_present(&self) {
        self.clock.set(Timestamp::from_millis(present() - 600_000));
    }

    /// An organization with its admin and so many clients; their browsers are those of this process still.
    pub async fn with_clients(&self, number: usize) -> (Person, Vec<Client>) {
        let mut admin = self.admin("ada@example.org").await;
        let full = admin.permission("Full admin").await;
        let keepers = [Operation::ServiceAccountsRead, Operation::ServiceAccountsActivate, Operation::ServiceAccountsDeactivate];
        let keepers = admin.define("Keepers", &keepers).await;
        let mut clients = Vec::new();
        for number in 0..number {
            let (person, _) = self.colleague(&mut admin, &format!("user{number}@example.org"), &[&full]).await;
            let (target, _) = self.program(&mut admin, &format!("Target {number}"), &KeyPair::ed25519()).await;
            let mut key = KeyPair::p256();
            let (robot, shown) = self.program(&mut admin, &format!("Robot {number}"), &key).await;
            key.id = shown.key;
            admin.sign(&assign(&keepers, &robot)).await;
            clients.push(Client { person, target, is_shut_out: false, token: shown.token, key });
        }
        (admin, clients)
    }

    /// A service account with this key, and what is shown of it once.
    async fn program(&self, admin: &mut Person, name: &str, key: &KeyPair) -> (UserRef, NewToken) {
        let until = self.services.ambient.now().plus(Duration::from_hours(24 * 30));
        let receipt = admin.sign(&Change::CreateServiceAccount(NewProgram { until, ..new_program_with(name, key) })).await;
        let handle = Handle::ServiceAccount(ProgramName::parse(name).unwrap());
        (UserRef { id: receipt.created.unwrap().parse().unwrap(), handle }, receipt.access_token.unwrap())
    }
}

/// By this machine's clock, in milliseconds since 1970.
pub fn present() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// A folder that passes for the browser's files.
pub fn empty_site(folder: &Path) -> PathBuf {
    let site = folder.join("site");
    fs::create_dir_all(site.join("pkg")).unwrap();
    site
}

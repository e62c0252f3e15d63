//! Stands between the server and PostgreSQL, and cuts the connection when the commit of a certain action has gone through.

use std::{
    future::pending,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
    task::JoinSet,
};
use url::Url;

/// How the connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// When PostgreSQL has said that it committed: nobody hears it.
    BeforeTheAnswer,
    /// As soon as PostgreSQL was told to commit: it may be at it still.
    AtOnce,
    /// As [`Cut::BeforeTheAnswer`], and from then on nobody gets through, until [`Proxy::opens`].
    AndClosed,
}

#[derive(Default)]
struct State {
    /// What the transaction has in it whose commit is awaited, and what happens then.
    armed: Option<(String, Cut)>,
    cuts: usize,
    is_closed: bool,
    /// How often it fell silent.
    silences: usize,
}

pub struct Proxy {
    pub url: String,
    state: Arc<Mutex<State>>,
    connections: Arc<tokio::sync::Mutex<JoinSet<()>>>,
    _accepting: JoinSet<()>,
}

impl Proxy {
    /// Before the database with this URL.
    pub async fn start(database: &str) -> Self {
        let mut url: Url = database.parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = Arc::new(url.clone());
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        url.set_query(Some("sslmode=disable"));
        let state = Arc::<Mutex<State>>::default();
        let mut accepting = JoinSet::new();
        let shared = Arc::clone(&state);
        let connections = Arc::<tokio::sync::Mutex<JoinSet<()>>>::default();
        let all = Arc::clone(&connections);
        accepting.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let born = {
                    let state = shared.lock().unwrap();
                    if state.is_closed {
                        continue;
                    }
                    state.silences
                };
                let (target, state) = (Arc::clone(&target), Arc::clone(&shared));
                all.lock().await.spawn(async move {
                    let folder = target.query_pairs().find_map(|(name, value)| (name == "host").then(|| value.into_owned()));
                    let port = target.port().unwrap_or(5432);
                    if let Some(folder) = folder {
                        let database = UnixStream::connect(format!("{folder}/.s.PGSQL.{port}")).await.unwrap();
                        pass(client, database, born, &state).await;
                    } else {
                        let database = TcpStream::connect((target.host_str().unwrap(), port)).await.unwrap();
                        pass(client, database, born, &state).await;
                    }
                });
            }
        });
        Self { url: url.into(), state, connections, _accepting: accepting }
    }

    /// Waits for the commit of the transaction that has this in it.
    pub fn arm(&self, needle: &str, cut: Cut) {
        self.state.lock().unwrap().armed = Some((needle.to_owned(), cut));
    }

    /// How many connections were cut. Whatever went wrong in here is heard of now.
    pub async fn cuts(&mut self) -> usize {
        while let Some(ended) = self.connections.lock().await.try_join_next() {
            ended.unwrap();
        }
        self.state.lock().unwrap().cuts
    }

    /// The host loses its power: connections that there are stay open, and never say a word again. Another host takes its place.
    pub fn falls_silent(&self) {
        self.state.lock().unwrap().silences += 1;
    }

    pub fn opens(&self) {
        self.state.lock().unwrap().is_closed = false;
    }
}

/// Passes everything on in both directions, until one of them ends or the commit that is awaited comes.
async fn pass(mut client: TcpStream, mut database: impl AsyncRead + AsyncWrite + Unpin, born: usize, state: &Mutex<State>) {
    let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
    // What the client said since it began its transaction.
    let mut transaction = Vec::new();
    loop {
        tokio::select! {
            length = client.read(&mut up) => {
                let Ok(length @ 1..) = length else { return };
                let said = &up[..length];
                if has(said, b"BEGIN") {
                    transaction.clear();
                }
                transaction.extend_from_slice(said);
                if database.write_all(said).await.is_err() {
                    return;
                }
                let Some(cut) = cut(&transaction, said, state) else { continue };
                if cut != Cut::AtOnce {
                    // PostgreSQL answers when it is done.
                    let _ = database.read(&mut down).await;
                    assert!(has(&down, b"COMMIT\0"), "PostgreSQL committed");
                }
                return;
            }
            length = database.read(&mut down) => {
                let Ok(length @ 1..) = length else { return };
                if client.write_all(&down[..length]).await.is_err() {
                    return;
                }
            }
            () = becomes(state, |state| state.is_closed) => return,
            () = becomes(state, |state| state.silences > born) => pending().await,
        }
    }
}

async fn becomes(state: &Mutex<State>, it: impl Fn(&State) -> bool) {
    while !it(&state.lock().unwrap()) {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}

/// Whether this is the commit that is awaited, which then isn't any more.
fn cut(transaction: &[u8], said: &[u8], state: &Mutex<State>) -> Option<Cut> {
    let mut state = state.lock().unwrap();
    let (needle, cut) = state.armed.clone()?;
    if !has(said, b"COMMIT\0") || !has(transaction, needle.as_bytes()) {
        return None;
    }
    state.armed = None;
    state.cuts += 1;
    state.is_closed = cut == Cut::AndClosed;
    Some(cut)
}

fn has(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

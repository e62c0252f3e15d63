//! The port: how many connections there may be, how long one may say nothing, and how all of them end.
//!
//! ```text
//! room for one more? ─► accept ─► not too many from there? ─► head (15 s) ─► router ─► answer, while it is read ─► next head, or end
//! asked to stop ─► no more are accepted, idle ones end ─► what is under way gets 30 s ─► whoever is left is cut off
//! ```

use super::LONGEST_REQUEST;
use crate::{
    log::SECURITY,
    metrics::{OpenConnection, count_turned_away},
    service::AddressBlock,
};
use axum::{Router, extract::ConnectInfo};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use std::{
    collections::HashMap,
    io::ErrorKind,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_io_timeout::TimeoutStream;
use tower::Service;

/// So many connections at once, if the system lets this process have as many files open. Whoever comes then waits for a place.
const MOST_CONNECTIONS: u64 = 4096;
/// What part of the room one address may take, or one network of IPv6: others always find a place.
const SHARE: usize = 4;
/// Files that a connection may need: its own, and the one that it is sent.
const FILES_EACH: u64 = 2;
/// Files that are open besides: the database's, and those of mail servers.
const OTHER_FILES: u64 = 256;
/// From the opening of a connection, or from the last answer, to the end of the next head. So it ends idle connections, too.
const HEAD: Duration = Duration::from_secs(15);
/// For how long the other end may take nothing of an answer.
const STALLED: Duration = Duration::from_secs(30);
/// Pages' links and the API's tokens need a few hundred bytes.
const LARGEST_HEAD: usize = 32 * 1024;
/// About so much is kept of what a connection sends, and of what it doesn't read: all of them together must fit into memory.
const LARGEST_BUFFER: usize = 64 * 1024;
/// How long to wait after a connection couldn't be accepted: no files left, perhaps.
const PAUSE: Duration = Duration::from_secs(1);

/// How many connections there may be at once. Asks the system for as many files first, which many give only then.
pub fn room() -> usize {
    let wanted = MOST_CONNECTIONS * FILES_EACH + OTHER_FILES;
    let files = rlimit::increase_nofile_limit(wanted).unwrap_or_else(|error| {
        tracing::warn!(%error, "how many files may be open can't be asked");
        wanted
    });
    let room = MOST_CONNECTIONS.min(files.saturating_sub(OTHER_FILES).max(files / 2) / FILES_EACH);
    if room < MOST_CONNECTIONS {
        tracing::warn!(files, room, "few files may be open, so there is room for few connections only: raise the limit (ulimit -n)");
    }
    usize::try_from(room).unwrap_or(usize::MAX)
}

/// How many connections there may be, and of whom.
pub struct Room {
    places: Arc<Semaphore>,
    shares: Option<Arc<Shares>>,
}

impl Room {
    /// So many places, for whoever comes.
    pub fn of(places: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), shares: None }
    }

    /// So many places, of which no address takes more than a fourth, but for these proxies: everybody comes through them.
    pub fn shared(places: usize, proxies: &[IpAddr]) -> Self {
        let proxies = proxies.iter().map(IpAddr::to_canonical).collect();
        Self { shares: Some(Arc::new(Shares { most: (places / SHARE).max(1), proxies, taken: Mutex::default() })), ..Self::of(places) }
    }
}

/// How many connections each address has.
struct Shares {
    most: usize,
    proxies: Vec<IpAddr>,
    taken: Mutex<HashMap<AddressBlock, usize>>,
}

impl Shares {
    /// One more for this address, if it may have it.
    fn take(self: &Arc<Self>, address: IpAddr) -> Option<Share> {
        if self.proxies.contains(&address.to_canonical()) {
            return Some(Share(None));
        }
        let block = AddressBlock::from(address);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let number = taken.entry(block).or_default();
        if *number >= self.most {
            return None;
        }
        *number += 1;
        Some(Share(Some((Arc::clone(self), block))))
    }
}

/// One connection of an address, until it is dropped. Of a proxy, nobody's.
struct Share(Option<(Arc<Shares>, AddressBlock)>);

impl Drop for Share {
    fn drop(&mut self) {
        let Some((shares, block)) = &self.0 else { return };
        let mut taken = shares.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = taken.get_mut(block) {
            *number -= 1;
            if *number == 0 {
                taken.remove(block);
            }
        }
    }
}

/// A connection's place, and what its address has of the others.
type Place = (Option<OwnedSemaphorePermit>, Share);

/// Answers who connects, as far as there is room, until it is asked to stop; then ends in [`LONGEST_REQUEST`] at most.
pub async fn serve(listener: TcpListener, router: Router, room: Room, asked_to_stop: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(HEAD).max_header_size(LARGEST_HEAD).max_buf_size(LARGEST_BUFFER);
    let mut connections = JoinSet::new();
    let mut asked_to_stop = pin!(asked_to_stop);
    loop {
        tokio::select! {
            (stream, peer, place) = accept(&listener, &room) => {
                let connection = protocol.serve_connection(TokioIo::new(Box::pin(patient(stream))), service_of(&router, peer));
                let connection = graceful.watch(connection);
                connections.spawn(async move {
                    let _counted = OpenConnection::begin();
                    if let Err(error) = connection.await {
                        tracing::debug!(%error, "a connection broke off");
                    }
                    drop(place);
                });
            }
            Some(_) = connections.join_next() => {}
            () = &mut asked_to_stop => break,
        }
    }
    drop(listener);
    if timeout(LONGEST_REQUEST, graceful.shutdown()).await.is_err() {
        tracing::warn!("some connections didn't end in time: they are cut off");
    }
    connections.shutdown().await;
}

/// Waits for a place, and for who takes it. Whoever has too many connections already loses the new one at once.
async fn accept(listener: &TcpListener, room: &Room) -> (TcpStream, SocketAddr, Place) {
    // A semaphore that nobody closes always has a place in the end.
    let place = Arc::clone(&room.places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                if let Some(share) = room.shares.as_ref().map_or(Some(Share(None)), |shares| shares.take(peer.ip())) {
                    return (stream, peer, (place, share));
                }
                count_turned_away();
                tracing::warn!(target: SECURITY, "a connection was closed: its address has too many. Is it a proxy that isn't listed?");
            }
            // Only that one went away.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted, trying again");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Answers go out at once, and not for ever to somebody who doesn't read.
fn patient(stream: TcpStream) -> TimeoutStream<TcpStream> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection doesn't send at once");
    }
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(STALLED));
    stream
}

/// The router, told who is at the other end.
fn service_of(
    router: &Router,
    peer: SocketAddr,
) -> impl hyper::service::Service<
    hyper::Request<Incoming>,
    Response = axum::response::Response,
    Error = std::convert::Infallible,
    Future = <Router as Service<hyper::Request<Incoming>>>::Future,
> + use<> {
    let router = router.clone();
    service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        // A router is always ready.
        router.clone().call(request)
    })
}

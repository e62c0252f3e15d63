//! What is counted, for Prometheus. Without a recorder, which only `serve` installs and only when it is told where to listen,
//! nothing here does anything.
//!
//! ```text
//! requests, changes, signatures, commits ─► counted where they happen ─┐
//! mails, sessions, connections, memory ────► looked at when asked ─────┴► GET /metrics, at an address of its own
//! ```
//!
//! Labels have few values, and none from outside: a route is the router's pattern.

use crate::{
    action::{ActionError, Executed},
    ambient::Stopwatch,
    service::{Services, session::IDLE},
    storage::{StorageError, outbox, sessions},
};
use app::domain::time::Timestamp;
use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{Method, header::CONTENT_TYPE},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::get,
};
use leptos::server_fn::axum::server_fn_paths;
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use std::{collections::HashSet, fs, sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};

const REQUESTS: &str = "countersign_http_requests_total";
const REQUEST_DURATION: &str = "countersign_http_request_duration_seconds";
const CONNECTIONS: &str = "countersign_http_connections";
const TURNED_AWAY: &str = "countersign_http_connections_turned_away_total";
const CHANGES: &str = "countersign_changes_total";
const SIGNATURE_DURATION: &str = "countersign_signature_check_duration_seconds";
const COMMIT_DURATION: &str = "countersign_sqlite_commit_duration_seconds";
const COMMIT_SIZE: &str = "countersign_sqlite_commit_transactions";
const MAILS: &str = "countersign_outbox_mails";
const OLDEST_MAIL: &str = "countersign_outbox_oldest_mail_age_seconds";
const SESSIONS: &str = "countersign_sessions";
const DATABASE_CONNECTIONS: &str = "countersign_database_connections";
const BUILD: &str = "countersign_build_info";
const START: &str = "process_start_time_seconds";
const MEMORY: &str = "process_resident_memory_bytes";
const FILES: &str = "process_open_fds";

/// From a tenth of a millisecond on: a signature takes about that.
const DURATIONS: [f64; 15] = [0.0001, 0.0003, 0.001, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0];
const SIZES: [f64; 7] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];
/// How long a look at the database may take when metrics are asked for.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often what was measured is put together, whether anybody asks or not: single measurements take room.
const UPKEEP: Duration = Duration::from_secs(5);

/// Why nothing can be counted.
#[derive(Debug, thiserror::Error)]
#[error("metrics can't be set up")]
pub struct MetricsError(#[from] BuildError);

/// What tells all that was counted since it was installed.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Counts from now on, in this process.
    ///
    /// # Errors
    /// When something else counts already.
    pub fn install(now: Timestamp) -> Result<Self, MetricsError> {
        let handle = PrometheusBuilder::new()
            .set_buckets(&DURATIONS)?
            .set_buckets_for_metric(Matcher::Full(COMMIT_SIZE.to_owned()), &SIZES)?
            .install_recorder()?;
        describe();
        gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        gauge!(START).set(seconds(now.as_millis()));
        Ok(Self(handle))
    }

    /// Puts what was measured together, for ever.
    pub async fn keep_up(self) {
        loop {
            sleep(UPKEEP).await;
            self.0.run_upkeep();
        }
    }

    /// What Prometheus asks.
    pub fn router(&self, services: Arc<Services>) -> Router {
        Router::new().route("/metrics", get(tell)).with_state((self.clone(), services))
    }
}

async fn tell(State((metrics, services)): State<(Metrics, Arc<Services>)>) -> Response {
    look(&services).await;
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.0.render()).into_response()
}

fn describe() {
    describe_counter!(REQUESTS, "Requests answered, by route, method and class of the status.");
    describe_histogram!(REQUEST_DURATION, Unit::Seconds, "From a request's head to the head of its answer.");
    describe_gauge!(CONNECTIONS, "Connections that are open.");
    describe_counter!(TURNED_AWAY, "Connections that were closed at once, because their address had too many.");
    // It is told from the beginning.
    counter!(TURNED_AWAY).absolute(0);
    describe_counter!(CHANGES, "Signed changes that came to be executed, by what became of them.");
    describe_histogram!(SIGNATURE_DURATION, Unit::Seconds, "The checking of one signature.");
    describe_histogram!(COMMIT_DURATION, Unit::Seconds, "One commit of SQLite, with the waiting for the disk.");
    describe_histogram!(COMMIT_SIZE, "Transactions that shared one commit of SQLite.");
    describe_gauge!(MAILS, "Mails in the database that wait to be sent.");
    describe_gauge!(OLDEST_MAIL, Unit::Seconds, "For how long the oldest of them has waited.");
    describe_gauge!(SESSIONS, "Sessions in the database in which somebody is signed in.");
    describe_gauge!(DATABASE_CONNECTIONS, "Connections to the database, by whether they are in use.");
    describe_gauge!(BUILD, "Always 1; the label says the version.");
    describe_gauge!(START, Unit::Seconds, "When this process began, since 1970.");
    describe_gauge!(MEMORY, Unit::Bytes, "Memory of this process that is in use.");
    describe_gauge!(FILES, "Files and connections that this process has open.");
}

/// Looks at what isn't counted. What can't be known now is told as NaN.
async fn look(services: &Services) {
    let (in_use, idle) = services.storage.connections();
    gauge!(DATABASE_CONNECTIONS, "state" => "in use").set(in_use);
    gauge!(DATABASE_CONNECTIONS, "state" => "idle").set(idle);
    let now = services.ambient.now();
    let backlog = within(async { outbox::backlog(&mut *services.storage.connection().await?).await }).await;
    let oldest = backlog.map(|backlog| backlog.oldest.map_or(0, |oldest| now.as_millis().saturating_sub(oldest.as_millis()).max(0)));
    gauge!(MAILS).set(backlog.map_or(f64::NAN, |backlog| number(backlog.mails)));
    gauge!(OLDEST_MAIL).set(oldest.map_or(f64::NAN, seconds));
    let alive = within(async { sessions::count_signed_in(&mut *services.storage.connection().await?, now, now.minus(IDLE)).await });
    gauge!(SESSIONS).set(alive.await.map_or(f64::NAN, number));
    // Linux's; elsewhere they are left out.
    if let Some(memory) = fs::read_to_string("/proc/self/status").ok().and_then(|status| resident(&status)) {
        gauge!(MEMORY).set(number(memory));
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        gauge!(FILES).set(number(u64::try_from(files.count()).unwrap_or(u64::MAX)));
    }
}

async fn within<T>(work: impl Future<Output = Result<T, StorageError>>) -> Option<T> {
    match timeout(PATIENCE, work).await {
        Ok(Ok(found)) => Some(found),
        Ok(Err(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "metrics: the database doesn't answer");
            None
        }
        Err(_) => {
            tracing::warn!("metrics: the database doesn't answer in time");
            None
        }
    }
}

/// Of `/proc/self/status`, in bytes.
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, and more is near enough")]
fn number(value: u64) -> f64 {
    value as f64
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are exact")]
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

/// The paths of the server functions that there are: a path from outside may be any other.
#[derive(Clone)]
pub struct Functions(Arc<HashSet<&'static str>>);

impl Functions {
    /// All of this program's.
    pub fn known() -> Self {
        Self(Arc::new(server_fn_paths().map(|(path, _)| path).collect()))
    }

    fn route<'a>(&self, request: &'a Request) -> &'a str {
        let path = request.uri().path();
        match request.extensions().get::<MatchedPath>() {
            Some(pattern) if pattern.as_str().starts_with("/rpc/") && self.0.contains(path) => path,
            Some(pattern) => pattern.as_str(),
            None => "file",
        }
    }
}

/// Counts a request and measures how long its answer takes to begin.
pub async fn count_request(State(functions): State<Functions>, request: Request, next: Next) -> Response {
    let route = functions.route(&request).to_owned();
    let method = match *request.method() {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    };
    let began = Stopwatch::start();
    let response = next.run(request).await;
    let status = match response.status().as_u16() / 100 {
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        5 => "5xx",
        _ => "other",
    };
    histogram!(REQUEST_DURATION, "route" => route.clone(), "method" => method).record(began.elapsed());
    counter!(REQUESTS, "route" => route, "method" => method, "status" => status).increment(1);
    response
}

/// A connection that is open, until it is dropped.
pub struct OpenConnection(());

impl OpenConnection {
    /// Counts it from now on.
    pub fn begin() -> Self {
        gauge!(CONNECTIONS).increment(1);
        Self(())
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        gauge!(CONNECTIONS).decrement(1);
    }
}

/// Counts a connection of an address that has too many.
pub fn count_turned_away() {
    counter!(TURNED_AWAY).increment(1);
}

/// Counts a signed change that was executed, or wasn't.
pub fn count_change(outcome: &Result<Executed, ActionError>) {
    let outcome = match outcome {
        Ok(_) => "executed",
        Err(ActionError::Denied(_) | ActionError::NotActive) => "denied",
        Err(ActionError::Over | ActionError::Expired | ActionError::DoneAlready(_)) => "over",
        Err(ActionError::Storage(
            StorageError::Unavailable(_) | StorageError::NotSaved | StorageError::Unanswered(_) | StorageError::ReadOnly(_),
        )) => "unavailable",
        Err(
            ActionError::NotTheirPasskey
            | ActionError::Malformed(_)
            | ActionError::Signature(_)
            | ActionError::NotTheirKit
            | ActionError::UsedTwice,
        ) => "signature refused",
        Err(
            ActionError::NotAsked
            | ActionError::NewPasskey(_)
            | ActionError::NewKey(_)
            | ActionError::NotNamed
            | ActionError::CredentialIdTaken
            | ActionError::RecoveryKey,
        ) => "credential refused",
        Err(_) => "failed",
    };
    counter!(CHANGES, "outcome" => outcome).increment(1);
}

/// Measures the checking of a signature.
pub fn checking_signature<T>(check: impl FnOnce() -> T) -> T {
    let began = Stopwatch::start();
    let outcome = check();
    histogram!(SIGNATURE_DURATION).record(began.elapsed());
    outcome
}

/// Counts a commit of SQLite that so many transactions shared.
pub fn count_commit(transactions: usize, began: &Stopwatch) {
    histogram!(COMMIT_DURATION).record(began.elapsed());
    histogram!(COMMIT_SIZE).record(number(u64::try_from(transactions).unwrap_or(u64::MAX)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_as_linux_writes_it() {
        assert_eq!(resident("Name:\tcountersign\nVmHWM:\t   99 kB\nVmRSS:\t   5128 kB\nThreads:\t3\n"), Some(5128 * 1024));
        assert_eq!(resident("Name:\tcountersign\n"), None);
    }
}

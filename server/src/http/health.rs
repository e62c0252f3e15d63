//! Whether the server lives, and whether it can be sent requests: for whoever starts, stops and balances servers.

use crate::service::Services;
use axum::{Router, extract::State, http::StatusCode, routing::get};
use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::timeout;

/// Whoever asks wants to know soon.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether the server was asked to stop.
#[derive(Debug, Clone, Default)]
pub struct Stopping(Arc<AtomicBool>);

impl Stopping {
    /// From now on.
    pub fn begin(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn has_begun(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// `/health/live` says that the program answers, `/health/ready` that it can do its work.
pub(super) fn router(services: &Arc<Services>, stopping: Stopping) -> Router {
    Router::new()
        .route("/health/live", get(|| ready("ok\n")))
        .route("/health/ready", get(is_ready).with_state((Arc::clone(services), stopping)))
}

async fn is_ready(State((services, stopping)): State<(Arc<Services>, Stopping)>) -> (StatusCode, &'static str) {
    if stopping.has_begun() {
        return (StatusCode::SERVICE_UNAVAILABLE, "The server is stopping.\n");
    }
    match timeout(PATIENCE, services.storage.ping()).await {
        Ok(Ok(())) => return (StatusCode::OK, "ok\n"),
        Ok(Err(error)) => tracing::warn!(error = &error as &dyn std::error::Error, "not ready: the database doesn't answer"),
        Err(_) => tracing::warn!("not ready: the database doesn't answer in time"),
    }
    (StatusCode::SERVICE_UNAVAILABLE, "The database doesn't answer.\n")
}

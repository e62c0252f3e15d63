//! `/countersign/v1`: what Countersign has beyond the published client: the history as it is, with proofs for whoever keeps a
//! checkpoint, and how the server is.

use super::{
    caller::Caller,
    error::{ApiError, Code, Errors},
    input::{Id, Parameters},
};
use crate::{
    action::server_keys,
    service::Services,
    storage::{Connection, history},
};
use app::{
    action::history::merkle::{Frontier, ProofPlan},
    domain::operation::Operation,
};
use axum::{
    Json,
    body::Body,
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// From where on history is read.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct From {
    /// The index of the first entry that is wanted: how many are there already.
    #[serde(default)]
    #[param(default = 0)]
    from: u64,
}

/// Reads the history
///
/// JSON lines: an entry on each, from the oldest to the newest, and on the last one the checkpoint over all of them, as in
/// `{"checkpoint": "…"}`. It is what `countersign verify` takes. Each entry's line is a leaf of the tree, without its line break.
#[utoipa::path(
    get,
    path = "/countersign/v1/history",
    tag = "History",
    params(From),
    responses((status = 200, body = String, content_type = "application/jsonl"), Errors),
    security(("token" = []))
)]
pub(super) async fn read(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Parameters(From { from }): Parameters<From>,
) -> Result<Response, ApiError> {
    drop(caller.reading(Operation::HistoryRead).await?);
    let export = services.road.export(caller.actor.organization, from).await.map_err(|error| ApiError::of_action(&services, error))?;
    let export = export.ok_or_else(|| ApiError::bad_request(format!("History has fewer than {from} entries.")))?;
    Ok(([(CONTENT_TYPE, "application/jsonl; charset=utf-8")], Body::from_stream(export.into_stream())).into_response())
}

/// Shows the checkpoint
///
/// The server's signed statement of how many entries there are and what the root of the tree over them is, in the form of C2SP's
/// `tlog-checkpoint`. The key that it is signed with stands in the history: in its first entry, or in the last one that changed it.
#[utoipa::path(
    get,
    path = "/countersign/v1/checkpoint",
    tag = "History",
    responses((status = 200, body = String, content_type = "text/plain"), Errors),
    security(("token" = []))
)]
pub(super) async fn checkpoint(State(services): State<Arc<Services>>, caller: Caller) -> Result<String, ApiError> {
    let mut db = caller.reading(Operation::HistoryRead).await?;
    let head = head(&caller, &mut db).await?;
    sign(&services, &caller, &head)
}

/// A key of the server.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ServerKey {
    /// It signs the checkpoints that count so many entries or more, until the next key.
    from: u64,
    /// The key, in the form of C2SP's `signed-note`: `name+hash+base64`.
    key: String,
}

/// The keys of the server.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ServerKeys {
    /// The oldest first.
    items: Vec<ServerKey>,
}

/// Lists the keys that checkpoints are signed with
///
/// One, unless the operator exchanged the server's secret. They stand in the history, each signed by the one before: this is for
/// whoever doesn't read it.
#[utoipa::path(
    get,
    path = "/countersign/v1/keys",
    tag = "History",
    responses((status = 200, body = ServerKeys), Errors),
    security(("token" = []))
)]
pub(super) async fn keys(caller: Caller) -> Result<Json<ServerKeys>, ApiError> {
    let mut db = caller.reading(Operation::HistoryRead).await?;
    let keys = server_keys(&mut db, caller.actor.organization).await.map_err(caller.failed())?;
    Ok(Json(ServerKeys { items: keys.into_iter().map(|named| ServerKey { from: named.from, key: named.key }).collect() }))
}

/// An entry, and that it is in the history.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProvenEntry {
    /// Its place, counted from 0.
    index: u64,
    /// Its line, which is a leaf of the tree.
    line: String,
    /// The hashes beside the way from the leaf to the root (RFC 6962, section 2.1.1), each in base64.
    inclusion_proof: Vec<String>,
    /// The checkpoint that the proof leads to.
    checkpoint: String,
}

/// Shows an entry, with the proof that it is in the history
#[utoipa::path(
    get,
    path = "/countersign/v1/entries/{index}",
    tag = "History",
    params(("index" = u64, Path, description = "Its place in history, counted from 0.")),
    responses((status = 200, body = ProvenEntry), Errors),
    security(("token" = []))
)]
pub(super) async fn entry(
    State(services): State<Arc<Services>>,
    caller: Caller,
    Id(index): Id<u64>,
) -> Result<Json<ProvenEntry>, ApiError> {
    let missing = || ApiError::not_found("entry");
    let mut db = caller.reading(Operation::HistoryRead).await?;
    let head = head(&caller, &mut db).await?;
    let plan = ProofPlan::inclusion(index, head.size()).ok_or_else(missing)?;
    let line = history::from(&mut db, caller.actor.organization, index, 1).await.map_err(caller.failed())?.pop().ok_or_else(missing)?;
    let inclusion_proof = fill(&caller, &mut db, &plan).await?;
    Ok(Json(ProvenEntry { index, line, inclusion_proof, checkpoint: sign(&services, &caller, &head)? }))
}

/// Between which sizes.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Sizes {
    /// How many entries the earlier checkpoint counts.
    #[param(minimum = 1)]
    from: u64,
    /// How many the later one counts.
    #[param(minimum = 1)]
    to: u64,
}

/// That a longer history begins with a shorter one.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Consistency {
    from: u64,
    to: u64,
    /// The hashes that lead from the earlier root to the later one (RFC 6962, section 2.1.2), each in base64; none between
    /// equal sizes.
    consistency_proof: Vec<String>,
}

/// Proves that nothing was changed between two checkpoints
///
/// Whoever kept an earlier checkpoint finds with this that the history of a later one begins with all that the earlier one
/// counts, without reading it.
#[utoipa::path(
    get,
    path = "/countersign/v1/consistency",
    tag = "History",
    params(Sizes),
    responses((status = 200, body = Consistency), Errors),
    security(("token" = []))
)]
pub(super) async fn consistency(caller: Caller, Parameters(sizes): Parameters<Sizes>) -> Result<Json<Consistency>, ApiError> {
    let Sizes { from, to } = sizes;
    let mut db = caller.reading(Operation::HistoryRead).await?;
    let size = head(&caller, &mut db).await?.size();
    let plan = ProofPlan::consistency(from, to).filter(|_| to <= size);
    let plan = plan.ok_or_else(|| ApiError::bad_request(format!("`from` must be from 1 to `to`, and `to` at most {size}.")))?;
    Ok(Json(Consistency { from, to, consistency_proof: fill(&caller, &mut db, &plan).await? }))
}

async fn head(caller: &Caller, db: &mut Connection) -> Result<Frontier, ApiError> {
    let head = history::head(db, caller.actor.organization).await.map_err(caller.failed())?;
    head.ok_or_else(|| ApiError::not_found("history"))
}

fn sign(services: &Services, caller: &Caller, head: &Frontier) -> Result<String, ApiError> {
    services.road.checkpoint(caller.actor.organization, head).map_err(|error| ApiError::of_action(services, error.into()))
}

async fn fill(caller: &Caller, db: &mut Connection, plan: &ProofPlan) -> Result<Vec<String>, ApiError> {
    let roots = history::roots(db, caller.actor.organization, plan.subtrees()).await.map_err(caller.failed())?;
    let proof = plan.fill(|subtree| roots.get(&subtree).copied());
    let proof = proof.ok_or_else(|| ApiError::new(Code::Internal, "The proof can't be made: a part of the tree is missing."))?;
    Ok(proof.iter().map(|hash| BASE64.encode(hash)).collect())
}

/// Whether the server does its work.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// Always `ok`.
    status: &'static str,
}

/// Says whether the server does its work
#[utoipa::path(get, path = "/countersign/v1/health", tag = "Server", responses((status = 200, body = Health), Errors))]
pub(super) async fn health(State(services): State<Arc<Services>>) -> Result<Json<Health>, ApiError> {
    services.storage.ping().await.map_err(|error| ApiError::of_storage(&services, error))?;
    Ok(Json(Health { status: "ok" }))
}

/// Which server this is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Version {
    /// As releases are numbered.
    version: &'static str,
}

/// Says which version the server is
#[utoipa::path(get, path = "/countersign/v1/version", tag = "Server", responses((status = 200, body = Version), Errors))]
pub(super) async fn version() -> Json<Version> {
    Json(Version { version: env!("CARGO_PKG_VERSION") })
}

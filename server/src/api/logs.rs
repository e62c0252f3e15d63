//! `/auth/action/logs`: history as the client reads it. Each entry holds what another program needs to verify its signature.

use super::{
    caller::Caller,
    error::{ApiError, Code, Errors},
    input::{Id, Parameters},
};
use crate::storage::{Connection, StorageError, history};
use app::{
    action::{
        bytes::Bytes,
        history::{
            entry::{Entry, What, Who},
            reader,
        },
    },
    domain::{
        id::{CredentialId, EntryId, OrganizationId, UserId},
        operation::Operation,
        time::Timestamp,
    },
};
use axum::{
    Json,
    http::{
        HeaderMap, HeaderName,
        header::{ACCEPT, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use std::io;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use utoipa::{IntoParams, ToSchema};

/// Says whether entries were left out at the end, because there were too many for one answer.
pub(super) const TRUNCATED: HeaderName = HeaderName::from_static("x-truncated");
/// One answer has at most so many entries.
const MOST: usize = 10_000;
const CHUNK: i64 = 1000;

/// Which part of history.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// From this time on.
    #[param(format = DateTime)]
    start_time: String,
    /// Until before this time.
    #[param(format = DateTime)]
    end_time: String,
    /// What this user did only.
    user_id: Option<String>,
}

/// Lists what was done, as CSV
///
/// As a JSON string, as the published client reads it; as it is, for whoever accepts `text/csv`. The header `X-Truncated` says whether there was more than one answer holds; ask again from the last entry's time on.
#[utoipa::path(
    get,
    path = "/auth/action/logs",
    tag = "History",
    params(Which),
    responses(
        (status = 200, content((String = "application/json"), (String = "text/csv")), headers(("x-truncated" = bool))),
        Errors
    ),
    security(("token" = []))
)]
pub(super) async fn list(caller: Caller, headers: HeaderMap, Parameters(which): Parameters<Which>) -> Result<Response, ApiError> {
    let [from, until] = [("startTime", &which.start_time), ("endTime", &which.end_time)].map(|(name, text)| time(name, text));
    let (from, until) = (from?, until?);
    let user = which.user_id.filter(|id| !id.is_empty()).map(|id| id.parse::<UserId>()).transpose();
    let user = user.map_err(|_| ApiError::bad_request("`userId` isn't the id of a user."))?;
    let mut db = caller.reading(Operation::HistoryRead).await?;
    let (entries, truncated) = between(&mut db, caller.actor.organization, from, until, user).await.map_err(caller.failed())?;
    drop(db);
    let table = table(&entries).map_err(|error| ApiError::new(Code::Internal, format!("The list couldn't be written: {error}.")))?;
    let truncated = [(TRUNCATED, if truncated { "true" } else { "false" })];
    let accepts_csv = headers.get_all(ACCEPT).iter().any(|value| value.to_str().is_ok_and(|types| types.contains("text/csv")));
    if accepts_csv {
        return Ok((truncated, [(CONTENT_TYPE, "text/csv; charset=utf-8")], table).into_response());
    }
    Ok((truncated, Json(table)).into_response())
}

fn time(name: &str, text: &str) -> Result<Timestamp, ApiError> {
    let malformed = || ApiError::bad_request(format!("`{name}` must be a time in ISO 8601, as in 2026-11-22T10:30:00Z."));
    let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| malformed())?;
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).map(Timestamp::from_millis).map_err(|_| malformed())
}

/// The entries of this time, and whether there are more than one answer holds.
async fn between(
    db: &mut Connection,
    organization: OrganizationId,
    from: Timestamp,
    until: Timestamp,
    user: Option<UserId>,
) -> Result<(Vec<Entry>, bool), StorageError> {
    let mut entries = Vec::new();
    let mut next = first_at(db, organization, from).await?;
    loop {
        let lines = history::of_actor(db, organization, user, next, CHUNK).await?;
        let Some(last) = lines.last().and_then(|line| Entry::parse(line).ok()) else { return Ok((entries, false)) };
        next = last.index + 1;
        let chunk = lines.iter().filter_map(|line| Entry::parse(line).ok());
        for entry in chunk.filter(|entry| entry.executed_at < until) {
            if entries.len() == MOST {
                return Ok((entries, true));
            }
            entries.push(entry);
        }
        if last.executed_at >= until {
            return Ok((entries, false));
        }
    }
}

/// The place of the first entry that was executed at this time or later: entries stand in the order of their times.
async fn first_at(db: &mut Connection, organization: OrganizationId, from: Timestamp) -> Result<u64, StorageError> {
    let (mut low, mut high) = (0, history::head(db, organization).await?.unwrap_or_default().size());
    while low < high {
        let middle = low + (high - low) / 2;
        let line = history::from(db, organization, middle, 1).await?.into_iter().next();
        let is_before = line.and_then(|line| Entry::parse(&line).ok()).is_some_and(|entry| entry.executed_at < from);
        if is_before { low = middle + 1 } else { high = middle }
    }
    Ok(low)
}

fn table(entries: &[Entry]) -> Result<String, csv::Error> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(["id", "action", "userId", "username", "datePerformed", "description"])?;
    for entry in entries {
        let done = Done::of(entry);
        let [username, description] = [done.username.unwrap_or_default(), done.sentence].map(|text| plain(&text));
        let id = EntryId::new(entry.organization, entry.index).to_string();
        let user = done.user.map(|user| user.to_string()).unwrap_or_default();
        table.write_record([&id, &done.action, &user, &username, &entry.executed_at.to_string(), &description])?;
    }
    let bytes = table.into_inner().map_err(csv::IntoInnerError::into_error)?;
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error).into())
}

/// Spreadsheets take a cell that begins so for a formula.
fn plain(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t']) { format!("'{text}") } else { text.to_owned() }
}

/// An entry in the client's words.
struct Done {
    action: String,
    user: Option<UserId>,
    username: Option<String>,
    sentence: String,
}

impl Done {
    fn of(entry: &Entry) -> Self {
        let summary = entry.summary().ok();
        let username = summary.as_ref().and_then(|summary| match &summary.who {
            Who::User(email) => Some(email.to_string()),
            Who::Operator => None,
        });
        Self { action: entry.kind(), user: entry.actor(), username, sentence: summary.map(|summary| summary.sentence).unwrap_or_default() }
    }
}

/// An entry of history.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditLog)]
pub(super) struct Log {
    id: String,
    /// What was done.
    action: String,
    /// What was signed: the action document's bytes, base64url. The challenge is SHA-256 over
    /// `"countersign/action/v1" ‖ 0x00 ‖ u32be(length) ‖ bytes`. Of what isn't an action, the entry's own line.
    action_token: String,
    /// Who did it; nobody of the organization, when the server's operator did.
    user_id: Option<String>,
    /// Their mail address then.
    username: Option<String>,
    #[schema(format = DateTime)]
    date_performed: Option<String>,
    first_factor_credential: Evidence,
}

/// By what it was signed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditLogCredential)]
struct Evidence {
    /// The credential's id.
    id: String,
    /// Its kind.
    kind: Option<String>,
    /// Its public key, PEM.
    public_key: String,
    /// The signature; none, where nobody's credential signed a document.
    assertion: Option<AssertionEvidence>,
}

/// A signature.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditLogAssertion)]
struct AssertionEvidence {
    /// What the authenticator said, base64url; none for a key.
    authenticator_data: Option<String>,
    /// What was signed beside it, base64url: its challenge is the document's.
    client_data: String,
    /// Of a passkey over `authenticatorData ‖ SHA-256(clientData)`, of a key over `clientData`; base64url.
    signature: String,
}

/// Shows an entry, with what its signature is verified from
#[utoipa::path(
    get,
    path = "/auth/action/logs/{id}",
    tag = "History",
    params(("id" = String, Path)),
    responses((status = 200, body = Log), Errors),
    security(("token" = []))
)]
pub(super) async fn show(caller: Caller, Id(id): Id<EntryId>) -> Result<Json<Log>, ApiError> {
    let mut db = caller.reading(Operation::HistoryRead).await?;
    let organization = caller.actor.organization;
    let index = id.index(organization).ok_or_else(|| ApiError::not_found("entry"))?;
    let line = history::from(&mut db, organization, index, 1).await.map_err(caller.failed())?.into_iter().next();
    let line = line.ok_or_else(|| ApiError::not_found("entry"))?;
    let entry = Entry::parse(&line).map_err(|error| ApiError::new(Code::Internal, format!("The entry can't be read: {error}.")))?;
    let evidence = evidence(&mut db, organization, &entry).await.map_err(caller.failed())?;
    let done = Done::of(&entry);
    let token = match &entry.what {
        What::Action(action) => action.document.clone(),
        What::Recovery(recovery) => recovery.document.clone(),
        What::BreakGlass(order) => order.statement.clone(),
        What::KeyChange(change) => change.statement.clone(),
        What::Genesis(_) | What::Registration(_) | What::Enrolment(_) => Bytes(line.into_bytes()),
    };
    Ok(Json(Log {
        id: id.to_string(),
        action: done.action,
        action_token: token.to_string(),
        user_id: done.user.map(|user| user.to_string()),
        username: done.username,
        date_performed: Some(entry.executed_at.to_string()),
        first_factor_credential: evidence,
    }))
}

async fn evidence(db: &mut Connection, organization: OrganizationId, entry: &Entry) -> Result<Evidence, StorageError> {
    let credential = entry.summary().ok().and_then(|summary| summary.credential);
    let (kind, public_key) = match credential {
        Some(id) => key(db, organization, id).await?.unwrap_or_default(),
        None => Default::default(),
    };
    let assertion = match &entry.what {
        What::Action(action) => Some(AssertionEvidence {
            authenticator_data: action.authenticator_data.as_ref().map(Bytes::to_string),
            client_data: action.client_data.to_string(),
            signature: action.signature.to_string(),
        }),
        What::Genesis(_) | What::Registration(_) | What::Recovery(_) | What::BreakGlass(_) | What::Enrolment(_) | What::KeyChange(_) => {
            None
        }
    };
    Ok(Evidence { id: credential.map(|id| id.to_string()).unwrap_or_default(), kind, public_key, assertion })
}

/// A credential's kind and key, from the entry that registered it: it may be gone since.
async fn key(
    db: &mut Connection,
    organization: OrganizationId,
    id: CredentialId,
) -> Result<Option<(Option<String>, String)>, StorageError> {
    let Some(line) = history::registration_of(db, organization, id).await? else { return Ok(None) };
    let key = Entry::parse(&line).ok().and_then(|entry| reader::public_key(&entry, id));
    Ok(key.map(|(kind, key)| (Some(kind.name().to_owned()), key.to_pem())))
}

//! Who calls: the bearer of a token that still counts, whose owner is active.

use super::{
    error::ApiError,
    token::{Metadata, Purpose},
};
use crate::{
    action::{Actor, held_by_active},
    client::Client,
    service::Services,
    storage::{Connection, PooledConnection, StorageError, Transaction, commit, tokens, users},
};
use app::domain::{
    id::{TokenId, UserId},
    operation::{Operation, Operations},
    time::Timestamp,
};
use axum::{
    extract::FromRequestParts,
    http::{header::AUTHORIZATION, request::Parts},
};
use std::{sync::Arc, time::Duration};

/// That a token was used is noted once in this time.
const NOTED: Duration = Duration::from_mins(1);

/// Whoever calls.
pub(super) struct Caller {
    /// As the road of a change knows them.
    pub(super) actor: Actor,
    /// By which token.
    pub(super) token: TokenId,
    /// What they may do.
    pub(super) may: Operations,
    /// In whose name: of an access token, its owner's.
    pub(super) whose: UserId,
    /// Whether it is a program.
    pub(super) is_program: bool,
    services: Arc<Services>,
}

impl Caller {
    /// A connection to read with, for whoever may do this.
    pub(super) async fn reading(&self, operation: Operation) -> Result<PooledConnection, ApiError> {
        if !self.may.allows(operation) {
            return Err(ApiError::not_permitted(operation));
        }
        self.connection().await
    }

    /// The time by the server's clock.
    pub(super) fn now(&self) -> Timestamp {
        self.services.ambient.now()
    }

    pub(super) async fn connection(&self) -> Result<PooledConnection, ApiError> {
        self.services.storage.connection().await.map_err(self.failed())
    }

    /// A transaction, for what isn't a change of the organization.
    pub(super) async fn writing(&self) -> Result<Transaction, ApiError> {
        self.services.storage.begin().await.map_err(self.failed())
    }

    /// What is answered when the database fails.
    pub(super) fn failed(&self) -> impl Fn(StorageError) -> ApiError + Send + Sync + '_ {
        |error| ApiError::of_storage(&self.services, error)
    }
}

impl FromRequestParts<Arc<Services>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Arc<Services>) -> Result<Self, ApiError> {
        let token = bearer(parts).ok_or_else(ApiError::unauthorized)?;
        let now = services.ambient.now();
        let says = services.tokens.read(token, Purpose::Api, now).ok_or_else(ApiError::unauthorized)?;
        let failed = |error| ApiError::of_storage(services, error);
        let mut db = services.storage.connection().await.map_err(failed)?;
        let token = counting(&mut db, &says, now).await.map_err(failed)?.ok_or_else(ApiError::unauthorized)?;
        let actor = Actor { organization: token.organization, user: token.user };
        let (identity, may) = held_by_active(&mut db, actor).await.map_err(|error| ApiError::of_action(services, error))?;
        if token.last_used_at.is_none_or(|last| last.plus(NOTED) <= now) {
            drop(db);
            // Where nothing can be written, there is still something to read.
            if let Err(error) = note_use(services, actor, token.id, now).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "it wasn't noted that a token was used");
            }
        }
        if let Some(client) = parts.extensions.get::<Client>() {
            client.lines.are_about(actor);
        }
        let (whose, is_program) = (identity.owner.unwrap_or(actor.user), !identity.kind.is_person());
        Ok(Self { actor, token: token.id, may, whose, is_program, services: Arc::clone(services) })
    }
}

/// RFC 6750, section 2.1.
pub(super) fn bearer(parts: &Parts) -> Option<&str> {
    let (scheme, token) = parts.headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

async fn note_use(services: &Services, actor: Actor, token: TokenId, now: Timestamp) -> Result<(), StorageError> {
    let mut db = services.storage.begin().await?;
    users::note_seen(&mut db, actor.organization, actor.user, now).await?;
    tokens::note_use(&mut db, token, now).await?;
    commit(db).await
}

/// The token's row, if there is one; whose it is stands there.
async fn counting(db: &mut Connection, says: &Metadata, now: Timestamp) -> Result<Option<tokens::Token>, StorageError> {
    let Ok(id) = says.token_id.parse() else { return Ok(None) };
    let found = tokens::find(db, id, now).await?;
    Ok(found.filter(|token| token.organization == says.org_id))
}

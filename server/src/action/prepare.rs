//! The first half of the road: authorizes (a dry run), writes the document, keeps it.

use super::{ActionError, Actor, Road, enrolment::Use, facts::gather};
use crate::storage::{
    actions::{self, PreparedAction},
    commit,
    credentials::{self, AllowedPasskey},
};
use app::{
    action::{
        bytes::Bytes,
        change::Change,
        document::{self, Document},
        rules::{self, Signer},
    },
    domain::id::ActionId,
};
use std::time::Duration;

/// From the document to its signature.
pub const ACTION_LIFE: Duration = Duration::from_mins(5);

/// A document that waits, and who may sign it.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The document and its action.
    pub action: PreparedAction,
    /// The actor's passkeys.
    pub passkeys: Vec<AllowedPasskey>,
}

impl Road {
    /// Writes and keeps the document of a change that may be made now, to be signed with this; with it, the request of the API that
    /// has to come, if one has.
    ///
    /// # Errors
    /// Why it may not be made, or what failed; then nothing was kept.
    pub async fn prepare(&self, actor: Actor, change: Change, signer: Signer, request: Option<&str>) -> Result<Waiting, ActionError> {
        let mut db = self.storage.connection().await?;
        let now = self.ambient.now();
        let (identity, facts) = gather(&mut db, actor, &change, signer, now).await?;
        rules::check(&change, &facts)?;
        self.check_new(&mut db, actor, &change, Use::Look).await?;
        let expires_at = now.plus(ACTION_LIFE);
        let id = ActionId::from_bytes(self.ambient.bytes());
        let document = Document {
            v: document::VERSION,
            id,
            organization: actor.organization,
            origin: self.site.origin.clone(),
            rp_id: self.site.rp_id.clone(),
            actor: identity.as_user(),
            operation: change.operation(),
            change,
            issued_at: now,
            expires_at,
            nonce: Bytes(self.ambient.bytes::<{ document::NONCE_LENGTH }>().to_vec()),
        };
        let action = PreparedAction { id, organization: actor.organization, user: actor.user, document: document.to_bytes()?, expires_at };
        let passkeys = credentials::allowed(&mut db, actor.organization, actor.user).await?;
        drop(db);
        let mut transaction = self.storage.begin().await?;
        actions::insert(&mut transaction, &action).await?;
        if let Some(request) = request {
            actions::await_request(&mut transaction, id, request).await?;
        }
        commit(transaction).await?;
        Ok(Waiting { action, passkeys })
    }
}

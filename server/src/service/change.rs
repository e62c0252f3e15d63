//! The road of a change for whoever is signed in, and how its errors are said to people.

use super::{RequestBackend, Services, sign_in::signed_out};
use crate::{
    action::{ActionError, Actor, Executed, Proof, Shown, held_by_active, require},
    log::SECURITY,
    passkey::Signature,
    storage::{Connection, PooledConnection},
};
use app::{
    action::{
        bytes::Bytes,
        change::Change,
        document::DocumentError,
        rules::{Denial, Signer},
    },
    domain::{
        id::ActionId,
        operation::{Operation, Operations},
    },
    refusal::{Code, FieldError, Refusal},
    rpc::change::{NewToken, Prepared, Receipt},
};
use serde_json::{Value, json};
use tracing::field::display;

pub(super) async fn prepare(backend: &RequestBackend, change: Change) -> Result<Prepared, Refusal> {
    let actor = backend.actor().await?;
    let waiting =
        backend.services.road.prepare(actor, change.clone(), Signer::Passkey, None).await.map_err(|error| refused(backend, error))?;
    // Only of those who may make the change: nobody else is to use up what somebody gets.
    backend.services.count_mails_of(actor.organization, &change).await?;
    let credentials: Vec<Value> = waiting
        .passkeys
        .iter()
        .map(|passkey| {
            let transports: Value = serde_json::from_str(&passkey.transports).unwrap_or_default();
            json!({ "type": "public-key", "id": passkey.credential_id, "transports": transports })
        })
        .collect();
    Ok(Prepared { action: waiting.action.id, document: Bytes(waiting.action.document), credentials: Value::from(credentials).into() })
}

pub(super) async fn commit(backend: &RequestBackend, action: ActionId, response: Value) -> Result<Receipt, Refusal> {
    let actor = backend.actor().await?;
    let signature = Signature::read(response).map_err(|error| refused(backend, error.into()))?;
    receipt(backend, backend.services.road.commit(actor, action, Proof::Passkey(&signature), &backend.client).await)
}

/// What whoever signed gets back, also for what had been done before.
pub(super) fn receipt(backend: &RequestBackend, outcome: Result<Executed, ActionError>) -> Result<Receipt, Refusal> {
    let (executed, is_repeat) = match outcome {
        Ok(executed) => (executed, false),
        Err(ActionError::DoneAlready(executed)) => (*executed, true),
        Err(error) => return Err(refused(backend, error)),
    };
    let Executed { index, executed_at, checkpoint, created, shown } = executed;
    let (mut invitation, mut access_token) = (None, None);
    match shown {
        Some(Shown::Invitation(shown)) => invitation = Some(shown),
        Some(Shown::Token(token)) => {
            let written = backend.services.write_token(&token.row, token.whose).map_err(|error| backend.hide(Code::Internal, &error))?;
            access_token = Some(NewToken { token: written, key: token.key.to_string() });
        }
        // Pages have codes of their own for other devices.
        Some(Shown::Code(_)) | None => {}
    }
    Ok(Receipt { is_repeat, index, executed_at, checkpoint, created, invitation, access_token })
}

impl RequestBackend {
    /// Lets only those on who are signed in and active, for what concerns nobody but them.
    pub(super) async fn active(&self) -> Result<(PooledConnection, Actor), Refusal> {
        let actor = self.actor().await?;
        let mut db = self.services.storage.connection().await.map_err(|error| self.storage_failed(error))?;
        held_by_active(&mut db, actor).await.map_err(|error| refused(self, error))?;
        Ok((db, actor))
    }

    /// The same, for what opens a transaction of its own: whoever holds a connection while waiting for another can wait for ever.
    pub(super) async fn active_actor(&self) -> Result<Actor, Refusal> {
        self.active().await.map(|(_, actor)| actor)
    }

    /// Lets only those read on who may; what else they may do.
    pub(super) async fn require(&self, db: &mut Connection, actor: Actor, operation: Operation) -> Result<Operations, Refusal> {
        require(db, actor, operation).await.map_err(|error| refused(self, error))
    }
}

pub(super) fn refused(backend: &RequestBackend, error: ActionError) -> Refusal {
    backend.services.refused(error)
}

impl Services {
    /// What a person is told. What they can't do anything about is logged and gets a number.
    pub fn refused(&self, error: ActionError) -> Refusal {
        match error {
            ActionError::Denied(denial) => denied(&denial),
            ActionError::NotActive => signed_out(),
            ActionError::Over => Refusal::new(
                Code::ActionOver,
                "This was signed already, or took too long. Look whether it was done; if not, ask for it again.",
            ),
            ActionError::DoneAlready(executed) => Refusal::new(
                Code::ActionOver,
                format!("This was done already, as entry {} of the history. Nothing was done twice.", executed.index),
            ),
            ActionError::Expired => {
                Refusal::new(Code::ActionOver, "More than five minutes went by, so nothing was changed. Ask for it again and sign.")
            }
            ActionError::NotTheirPasskey | ActionError::Malformed(_) | ActionError::Signature(_) => {
                tracing::warn!(target: SECURITY, %error, "a signature was refused");
                Refusal::new(
                    Code::PasskeyRefused,
                    "The signature couldn't be verified, so nothing was changed. Use a passkey of the account that you are signed in with.",
                )
            }
            ActionError::NotAsked => Refusal::new(
                Code::ActionOver,
                "This took too long, or was done already, so nothing was changed. Begin again; a passkey that your device made for it can be deleted there.",
            ),
            ActionError::NotTheirKit => {
                tracing::warn!(target: SECURITY, "a recovery kit was refused");
                Refusal::new(
                    Code::WrongKit,
                    "This code isn't of the account's present kit, so nothing was changed. Perhaps it belongs to another account, or to a kit that was replaced or used.",
                )
            }
            error @ ActionError::NewPasskey(_) => {
                tracing::warn!(target: SECURITY, %error, "a new passkey was refused");
                Refusal::new(
                    Code::BadRequest,
                    "The new passkey couldn't be verified. Nothing was changed. Make another one, or use another device.",
                )
            }
            ActionError::NewKey(error) => {
                tracing::warn!(target: SECURITY, %error, "a new key was refused");
                Refusal::new(Code::BadRequest, format!("The new key couldn't be verified, so nothing was changed. {error}"))
            }
            ActionError::NotNamed => Refusal::new(
                Code::BadRequest,
                "What the recovery key signed isn't what is registered, so nothing was changed. It signs the JSON of `newCredentials`.",
            ),
            ActionError::CredentialIdTaken => Refusal::new(
                Code::Conflict,
                "There is a credential with this id already, so nothing was changed. Choose another id, best a random one.",
            ),
            ActionError::RecoveryKey => {
                Refusal::new(Code::BadRequest, "The recovery key's proof doesn't hold. Nothing was changed. Reload the page and try again.")
            }
            ActionError::UsedTwice => {
                Refusal::new(Code::Conflict, "This passkey was used twice at the same moment. Nothing was changed. Try again.")
            }
            ActionError::Storage(crate::storage::StorageError::Conflict(_)) => Refusal::new(
                Code::Conflict,
                "Somebody else made a change that this one can't go with. Nothing was changed. Reload the page.",
            ),
            ActionError::Storage(error) => self.storage_failed(error),
            ActionError::Document(DocumentError::TooLarge | DocumentError::Integer) => {
                Refusal::new(Code::BadRequest, "This change is too large to be signed. Nothing was changed.")
            }
            error @ (ActionError::Document(_)
            | ActionError::Entry(_)
            | ActionError::AnotherSecret
            | ActionError::Checkpoint(_)
            | ActionError::Code(_)
            | ActionError::NoCode
            | ActionError::Mail(_)) => self.hide(Code::Internal, &error),
        }
    }
}

fn denied(denial: &Denial) -> Refusal {
    if denial.is_for_lack_of_rights() {
        let operation = denial.operation().map(display);
        tracing::warn!(target: SECURITY, operation, "somebody isn't allowed what they asked for");
    }
    let code = match denial {
        Denial::NotPermitted(_) => Code::NotPermitted,
        Denial::NoSuchUser | Denial::NoSuchPermission | Denial::NoSuchPasskey => Code::NotFound,
        _ => Code::Conflict,
    };
    match denial.field() {
        Some(field) => Refusal::invalid(vec![FieldError { field: field.to_owned(), message: denial.to_string() }]),
        None => Refusal::new(code, denial.to_string()),
    }
}

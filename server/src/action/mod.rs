//! The road of a change: prepare, commit, authorize, apply. No HTTP and no SQL text here.
//!
//! ```text
//! prepare:  facts ──► rules ──► document ──► kept for five minutes
//! commit:   one transaction ─ history's head ─ not over ─ signature ─ facts ──► rules ─ apply ─ entry ─ mail
//! ```
//!
//! What the database is asked for is in [`facts`]; what follows from it is in `app::action::rules`, where whoever verifies a
//! history finds the same; what is done is in [`apply`], the only place that alters an organization.

mod apply;
mod break_glass;
mod commit;
mod difference;
mod enrol;
mod enrolment;
mod export;
mod facts;
mod inspect;
mod key_change;
mod prepare;
mod record;
mod tell;

pub use commit::{Executed, KeyProof, NewToken, Proof, Shown};
pub use enrol::{Enrolled, NewCredentials, NewSigner, RecoverySignature};
pub use enrolment::{Grounds, Request, check_recovery_key, passkey_credential, recovery_credential};
pub use export::Export;
pub use facts::{held_by_active, require};
pub use inspect::{Inspected, first_bad, inspect};
pub use key_change::{Fit, key_in_force, server_keys};
pub use record::Registered;
pub use tell::Event;

use crate::{
    ambient::Ambient,
    code::Codes,
    mail::{MailError, Outbox},
    passkey::{Ceremonies, PasskeyError},
    secret::{SealError, ServerSecret},
    storage::{
        Connection, Storage, StorageError,
        credentials::{self, NewCredential},
    },
};
use app::{
    action::{
        document::DocumentError,
        history::{
            checkpoint::{Checkpoint, CheckpointError, CheckpointSigner},
            entry::EntryError,
            merkle::Frontier,
        },
        key::KeyError,
        rules::Denial,
        verify::AssertionError,
    },
    domain::id::{OrganizationId, UserId},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Who asks for a change: a user with a session, which remembers this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Their organization.
    pub organization: OrganizationId,
    /// Who.
    pub user: UserId,
}

/// Why a change wasn't prepared or executed; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    /// The rules don't allow it.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// Whoever asked isn't an active user any more.
    #[error("the actor isn't an active user")]
    NotActive,
    /// There is no such action of theirs that waits: executed, or gone.
    #[error("no such action waits for its signature")]
    Over,
    /// It was executed before, by this very signature.
    #[error("the action was executed before, as entry {} of the history", .0.index)]
    DoneAlready(Box<Executed>),
    /// Its five minutes are over.
    #[error("the action's time is over")]
    Expired,
    /// The passkey isn't the actor's, or isn't known.
    #[error("the passkey isn't one of the actor's")]
    NotTheirPasskey,
    /// What the browser sent isn't a signature.
    #[error(transparent)]
    Malformed(#[from] PasskeyError),
    /// The signature doesn't hold.
    #[error(transparent)]
    Signature(#[from] AssertionError),
    /// The signature isn't by the key of the actor's recovery kit, or they have none.
    #[error("the signature isn't by the actor's recovery key")]
    NotTheirKit,
    /// The new credential was never asked for, too long ago, or it came twice.
    #[error("no challenge waits for this credential")]
    NotAsked,
    /// The new passkey doesn't hold.
    #[error("the new passkey doesn't hold: {0}")]
    NewPasskey(PasskeyError),
    /// The new key doesn't hold.
    #[error("the new key doesn't hold: {0}")]
    NewKey(KeyError),
    /// What was registered isn't what the recovery key signed.
    #[error("what is registered isn't what the recovery key signed")]
    NotNamed,
    /// Another credential has the id that this one's authenticator, or owner, chose.
    #[error("another credential has this id")]
    CredentialIdTaken,
    /// The new recovery key's owner didn't sign with it.
    #[error("the new recovery key's proof doesn't hold")]
    RecoveryKey,
    /// The passkey was used elsewhere at the same moment.
    #[error("the passkey was used twice at the same moment")]
    UsedTwice,
    /// The document can't be written or read.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// What this server signs isn't by the key that is in force in the history.
    #[error(
        "the server's secret isn't the one whose key is in force in this history: give the right one (COUNTERSIGN_SECRET, or the data folder)"
    )]
    AnotherSecret,
    /// The entry can't be written.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The checkpoint can't be signed.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The registration code can't be hashed.
    #[error("the registration code can't be hashed: {0}")]
    Code(argon2::password_hash::Error),
    /// A change that invites came without a registration code: a fault of this program.
    #[error("there is no registration code to invite with")]
    NoCode,
    /// The mail can't be queued.
    #[error(transparent)]
    Mail(MailError),
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// What the database says is said as such, wherever it was asked.
impl From<MailError> for ActionError {
    fn from(error: MailError) -> Self {
        match error {
            MailError::Storage(error) => Self::Storage(error),
            error => Self::Mail(error),
        }
    }
}

/// Keeps a new credential.
async fn keep_credential(db: &mut Connection, credential: &NewCredential) -> Result<(), ActionError> {
    credentials::insert(db, credential).await.map_err(|error| match error {
        StorageError::Conflict(_) => ActionError::CredentialIdTaken,
        error => error.into(),
    })
}

/// Where this server is, as signatures name it, and who is there.
#[derive(Debug, Clone)]
pub struct Site {
    /// As in `https://id.example.org`.
    pub origin: String,
    /// As in `id.example.org`.
    pub rp_id: String,
    /// Whom people may ask, in the operator's words.
    pub contact: Option<String>,
}

/// What the road needs.
pub struct Road {
    ambient: Ambient,
    storage: Storage,
    outbox: Outbox,
    codes: Arc<Codes>,
    ceremonies: Arc<Ceremonies>,
    site: Site,
    signer: CheckpointSigner,
}

/// Why the road can't be laid.
#[derive(Debug, thiserror::Error)]
pub enum RoadError {
    /// The key of the checkpoints can't be derived.
    #[error(transparent)]
    Secret(#[from] SealError),
    /// The server's name can't be one of a key.
    #[error(transparent)]
    Signer(#[from] CheckpointError),
}

/// What signs checkpoints: under the host and port of the origin, by a key derived from the server's secret.
///
/// # Errors
/// When there can't be a key with this name.
pub fn checkpoint_signer(origin: &str, secret: &ServerSecret) -> Result<CheckpointSigner, RoadError> {
    let name = origin.split_once("://").map_or(origin, |(_, host)| host);
    Ok(CheckpointSigner::new(name, &secret.checkpoint_seed()?)?)
}

impl Road {
    /// Lays the road.
    ///
    /// # Errors
    /// When there can't be a key with this name.
    pub fn new(
        ambient: Ambient,
        storage: Storage,
        outbox: Outbox,
        codes: Arc<Codes>,
        ceremonies: Arc<Ceremonies>,
        site: Site,
    ) -> Result<Self, RoadError> {
        let signer = checkpoint_signer(&site.origin, outbox.secret())?;
        Ok(Self { ambient, storage, outbox, codes, ceremonies, site, signer })
    }

    /// The checkpoint over what is in history, as a signed note.
    ///
    /// # Errors
    /// Never in practice.
    pub fn checkpoint(&self, organization: OrganizationId, head: &Frontier) -> Result<String, CheckpointError> {
        self.signer.sign(&Checkpoint { organization, size: head.size(), root: head.root() })
    }
}

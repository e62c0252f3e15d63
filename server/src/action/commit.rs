//! The second half of the road: one transaction from history's head to the queued mail, or nothing.

use super::{
    ActionError, Actor, Road,
    apply::{Brought, Context, FreshCode, apply},
    enrolment::Use,
    facts::{gather, held_by_active},
};
use crate::{
    client::Client,
    code::RegistrationCode,
    passkey::Signature,
    storage::{
        Connection, StorageError, actions, commit as save,
        credentials::{self, Passkey},
        history,
    },
};
use app::{
    action::{
        account_change::AccountChange,
        bytes::Bytes,
        challenge::sha256,
        change::Change,
        cose::{Algorithm, InvalidSignature},
        document::{self, Document},
        history::{
            entry::{self, Entry, Hashes, SignedAction, SigningKey, What},
            reader::created,
        },
        rules,
        verify::AssertionError,
    },
    domain::{
        id::{ActionId, CredentialId, UserId},
        time::Timestamp,
    },
    rpc::change::Invitation,
};
use data_encoding::BASE64URL_NOPAD;

/// A change that was executed.
#[derive(Debug)]
pub struct Executed {
    /// Its place in history.
    pub index: u64,
    /// When.
    pub executed_at: Timestamp,
    /// The checkpoint that counts it as its last.
    pub checkpoint: String,
    /// The id of what was created.
    pub created: Option<String>,
    /// The invitation, where the change was to show it.
    pub invitation: Option<Invitation>,
}

impl Road {
    /// Executes a prepared action that was signed, as `client` hands it in.
    ///
    /// # Errors
    /// Why it wasn't; then nothing was changed, and the action can be signed again unless it is over.
    pub async fn commit(&self, actor: Actor, action: ActionId, signature: &Signature, client: &Client) -> Result<Executed, ActionError> {
        let mut db = self.storage.connection().await?;
        let prepared = actions::find_prepared(&mut db, actor.organization, actor.user, action).await?.ok_or(ActionError::Over)?;
        drop(db);
        let document = Document::parse(&prepared.document)?;
        // Hashing takes a while: not while others wait for the head.
        let code = self.code_for(&document.change).await?;

        let mut transaction = self.storage.begin().await?;
        let head = history::claim_head(&mut transaction, actor.organization).await?.ok_or(ActionError::NotActive)?;
        let now = self.ambient.now();
        if !actions::mark_executed(&mut transaction, action).await? {
            return Err(ActionError::Over);
        }
        if now >= prepared.expires_at {
            return Err(ActionError::Expired);
        }
        let (_, may) = held_by_active(&mut transaction, actor).await?;
        let challenge = document::challenge(&prepared.document);
        let bits = document::created_id(&challenge);
        let passkey = find_passkey(&mut transaction, actor, signature).await?;
        let signed = SignedAction {
            document: Bytes(prepared.document),
            credential: passkey.id,
            authenticator_data: Bytes(signature.authenticator_data().to_vec()),
            client_data: Bytes(signature.client_data().to_vec()),
            signature: Bytes(signature.bytes().to_vec()),
            created: created(&document.change, bits),
        };
        verify(&mut transaction, &passkey, &document, challenge, &signed, now).await?;
        rules::check(&document.change, &gather(&mut transaction, actor, &document.change, may).await?)?;
        let passkey = self.check_new(&mut transaction, actor, &document.change, Use::Take).await?;

        let context = Context { road: self, organization: actor.organization, actor: &document.actor, client, now };
        let invitation = apply(&mut transaction, &context, &document.change, bits, Brought { code, passkey }).await?;
        let subject = match &document.change {
            Change::CreateUser { .. } => Some(UserId::from_bytes(bits)),
            other => other.user().map(|user| user.id),
        };
        let (index, credential, created) = (head.size(), signed.credential, signed.created.clone());
        let line =
            Entry { v: entry::VERSION, index, organization: actor.organization, executed_at: now, what: What::Action(Box::new(signed)) }
                .to_line()?;
        let entry = history::NewEntry {
            organization: actor.organization,
            line: &line,
            action: Some(action),
            credential,
            actor: actor.user,
            subject,
            registers: &registers(&document.change, bits),
        };
        let head = history::append(&mut transaction, head, entry).await?;
        let checkpoint = self.checkpoint(actor.organization, &head)?;
        save(transaction).await?;
        self.outbox.wake();
        tracing::info!(%action, index, "a change was executed");
        Ok(Executed { index, executed_at: now, checkpoint, created, invitation })
    }

    async fn code_for(&self, change: &Change) -> Result<Option<FreshCode>, ActionError> {
        if !matches!(
            change,
            Change::CreateUser { .. } | Change::ResendInvitation { .. } | Change::ShareInvitation { .. } | Change::ReEnrolUser { .. }
        ) {
            return Ok(None);
        }
        let code = RegistrationCode::generate(&self.ambient);
        let hash = self.codes.hash(&code, &self.ambient).await.map_err(ActionError::Code)?;
        Ok(Some(FreshCode { code, hash }))
    }
}

/// Which credentials a change registers.
fn registers(change: &Change, bits: [u8; 16]) -> Vec<CredentialId> {
    match change {
        Change::OwnAccount(AccountChange::AddPasskey { .. } | AccountChange::ReplaceRecoveryKey { .. }) => {
            vec![CredentialId::from_bytes(bits)]
        }
        _ => Vec::new(),
    }
}

/// The passkey that made the signature, if it is one of the actor's active ones.
async fn find_passkey(db: &mut Connection, actor: Actor, signature: &Signature) -> Result<Passkey, ActionError> {
    if signature.user_handle().is_some_and(|handle| handle != actor.user.to_bytes()) {
        return Err(ActionError::NotTheirPasskey);
    }
    credentials::find_passkey(db, &signature.credential_id())
        .await?
        .filter(|passkey| passkey.organization == actor.organization && passkey.user == actor.user)
        .ok_or(ActionError::NotTheirPasskey)
}

/// Verifies by the same code as whoever reads history, and notes that the passkey was used.
async fn verify(
    db: &mut Connection,
    passkey: &Passkey,
    document: &Document,
    challenge: [u8; 32],
    signed: &SignedAction,
    now: Timestamp,
) -> Result<(), ActionError> {
    let inconsistent = |column| StorageError::Inconsistent { table: "credentials", column };
    let key = SigningKey {
        public_key_cose: BASE64URL_NOPAD.decode(passkey.public_key.as_bytes()).map_err(|_| inconsistent("public_key"))?,
        algorithm: Algorithm::from_cose_id(passkey.algorithm).ok_or(inconsistent("algorithm"))?,
        sign_count: passkey.sign_count,
        backup_eligible: passkey.backup_eligible,
    };
    let hashes = Hashes { rp_id: sha256(document.rp_id.as_bytes()), challenge, client_data: sha256(&signed.client_data.0) };
    let checked = signed.check(document, &hashes, &key)?;
    checked.public_key().verify(checked.message(), checked.signature()).map_err(|InvalidSignature| AssertionError::InvalidSignature)?;
    let verified =
        checked.signature_was_valid().inspect_err(|error| tracing::warn!(credential = %passkey.id, %error, "a signature was refused"))?;
    if !credentials::note_use(db, passkey, verified.sign_count, verified.backed_up, &passkey.webauthn, now).await? {
        return Err(ActionError::UsedTwice);
    }
    Ok(())
}

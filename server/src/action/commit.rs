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
        tokens::Token,
    },
};
use app::{
    action::{
        account_change::AccountChange,
        bytes::Bytes,
        challenge::sha256,
        change::Change,
        cose::{Algorithm, InvalidSignature, PublicKey},
        document::{self, Document},
        history::{
            entry::{self, Entry, Hashes, SignedAction, SignedRecovery, SignerKey, SigningKey, What},
            reader::created,
        },
        recovery_key::recovery_message,
        rules::{self, Signer},
        verify::AssertionError,
    },
    domain::{
        id::{ActionId, CredentialId, UserId},
        text::KeyId,
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
    /// What the change was to show, once.
    pub shown: Option<Shown>,
}

/// A new program's token.
#[derive(Debug)]
pub struct NewToken {
    /// Its row.
    pub row: Token,
    /// In whose name it acts.
    pub whose: UserId,
    /// The program's key.
    pub key: CredentialId,
}

/// What is shown to whoever signed, once.
#[derive(Debug)]
pub enum Shown {
    /// An invitation.
    Invitation(Invitation),
    /// A code by which one credential can be added.
    Code(String),
    /// A new program's token, for whoever writes tokens.
    Token(NewToken),
}

/// What a document was signed with.
#[derive(Debug, Clone, Copy)]
pub enum Proof<'a> {
    /// A passkey's answer.
    Passkey(&'a Signature),
    /// A key's.
    Key(&'a KeyProof),
    /// Ed25519 by the key of the actor's recovery kit, over the document, framed.
    RecoveryKey(&'a [u8]),
}

/// What a key signed.
#[derive(Debug, Clone)]
pub struct KeyProof {
    /// The id that its owner chose.
    pub credential_id: KeyId,
    /// What was signed: the document's challenge is in it.
    pub client_data: Vec<u8>,
    /// The signature; of ECDSA, DER.
    pub signature: Vec<u8>,
}

impl Road {
    /// Executes a prepared action that was signed, as `client` hands it in.
    ///
    /// # Errors
    /// Why it wasn't; then nothing was changed, and the action can be signed again unless it is over.
    pub async fn commit(&self, actor: Actor, action: ActionId, proof: Proof<'_>, client: &Client) -> Result<Executed, ActionError> {
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
        let (identity, may) = held_by_active(&mut transaction, actor).await?;
        let signed = Signed::new(prepared.document, &document);
        let (what, credential) = signed.by(&mut transaction, actor, proof, Some(now)).await?;
        let facts = gather(&mut transaction, actor.organization, &identity, &document.change, may, proof.signer(), now).await?;
        rules::check(&document.change, &facts)?;
        let new = self.check_new(&mut transaction, actor, &document.change, Use::Take).await?;

        let ids = signed.ids;
        let context = Context { road: self, organization: actor.organization, actor: &document.actor, client, now };
        let shown = apply(&mut transaction, &context, &document, ids, Brought { code, new }).await?;
        let subject = match &document.change {
            Change::CreateUser { .. } | Change::RegisterEndUser { .. } | Change::CreateServiceAccount(_) | Change::CreateAccessToken(_) => {
                Some(UserId::from_bytes(ids.created))
            }
            other => other.user().map(|user| user.id),
        };
        let (index, created) = (head.size(), created(&document.change, ids.created));
        let line = Entry { v: entry::VERSION, index, organization: actor.organization, executed_at: now, what }.to_line()?;
        let entry = history::NewEntry {
            organization: actor.organization,
            line: &line,
            action: Some(action),
            credential: Some(credential),
            actor: actor.user,
            subject,
            registers: &ids.registered(&document.change),
        };
        let head = history::append(&mut transaction, head, entry).await?;
        let checkpoint = self.checkpoint(actor.organization, &head)?;
        save(transaction).await?;
        self.outbox.wake();
        tracing::info!(%action, index, "a change was executed");
        Ok(Executed { index, executed_at: now, checkpoint, created, shown })
    }

    /// Checks a signature as [`Road::commit`] would, and executes nothing.
    ///
    /// # Errors
    /// Why it doesn't hold, or its action doesn't wait.
    pub async fn check_signature(&self, actor: Actor, action: ActionId, proof: Proof<'_>) -> Result<(), ActionError> {
        let mut db = self.storage.connection().await?;
        let prepared = actions::find_prepared(&mut db, actor.organization, actor.user, action).await?.ok_or(ActionError::Over)?;
        let now = self.ambient.now();
        if now >= prepared.expires_at {
            return Err(ActionError::Expired);
        }
        let document = Document::parse(&prepared.document)?;
        // That the credential was used is noted when the action is executed.
        Signed::new(prepared.document, &document).by(&mut db, actor, proof, None).await?;
        Ok(())
    }

    async fn code_for(&self, change: &Change) -> Result<Option<FreshCode>, ActionError> {
        if !matches!(
            change,
            Change::CreateUser { .. } | Change::ResendInvitation { .. } | Change::ShareInvitation { .. } | Change::ReEnrolUser { .. }
        ) {
            return Ok(None);
        }
        self.fresh_code().await.map(Some)
    }

    /// A registration code with its hash.
    pub(super) async fn fresh_code(&self) -> Result<FreshCode, ActionError> {
        let code = RegistrationCode::generate(&self.ambient);
        let hash = self.codes.hash(code.digits(), &self.ambient).await.map_err(ActionError::Code)?;
        Ok(FreshCode { code, hash })
    }
}

impl Proof<'_> {
    const fn signer(self) -> Signer {
        match self {
            Self::Passkey(_) | Self::Key(_) => Signer::Passkey,
            Self::RecoveryKey(_) => Signer::RecoveryKey,
        }
    }
}

/// The ids of what a document creates, as bits; they follow from it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ids {
    /// Of whatever it is.
    pub(super) created: [u8; 16],
    /// Of the recovery key that a recovery registers beside a passkey.
    pub(super) recovery_key: [u8; 16],
    /// Of the key of a new program.
    pub(super) key: [u8; 16],
    /// Of the assignment that a new program begins with.
    pub(super) assignment: [u8; 16],
}

impl Ids {
    fn of(challenge: &[u8; 32]) -> Self {
        Self {
            created: document::created_id(challenge),
            recovery_key: document::created_recovery_key_id(challenge),
            key: document::created_key_id(challenge),
            assignment: document::created_assignment_id(challenge),
        }
    }

    /// Which credentials a change registers.
    fn registered(self, change: &Change) -> Vec<CredentialId> {
        let change = match change {
            Change::CreateServiceAccount(_) | Change::CreateAccessToken(_) => return vec![CredentialId::from_bytes(self.key)],
            Change::OwnAccount(change) => change,
            _ => return Vec::new(),
        };
        let bits = match change {
            AccountChange::AddPasskey { .. }
            | AccountChange::AddKey { .. }
            | AccountChange::ReplaceRecoveryKey { .. }
            | AccountChange::SetRecoveryKey { .. } => vec![self.created],
            AccountChange::Recover { .. } => vec![self.created, self.recovery_key],
            AccountChange::RenamePasskey { .. }
            | AccountChange::RemovePasskey { .. }
            | AccountChange::DeactivateCredential { .. }
            | AccountChange::ActivateCredential { .. }
            | AccountChange::AllowCredential { .. } => Vec::new(),
        };
        bits.into_iter().map(CredentialId::from_bytes).collect()
    }
}

/// A document that someone claims to have signed.
struct Signed<'a> {
    bytes: Vec<u8>,
    challenge: [u8; 32],
    ids: Ids,
    document: &'a Document,
}

impl<'a> Signed<'a> {
    fn new(bytes: Vec<u8>, document: &'a Document) -> Self {
        let challenge = document::challenge(&bytes);
        Self { bytes, challenge, ids: Ids::of(&challenge), document }
    }

    /// What goes into history, and which credential signed; that it was used at this time is noted, if one is given.
    async fn by(
        &self,
        db: &mut Connection,
        actor: Actor,
        proof: Proof<'_>,
        used_at: Option<Timestamp>,
    ) -> Result<(What, CredentialId), ActionError> {
        match proof {
            Proof::Passkey(signature) => self.by_passkey(db, actor, signature, used_at).await,
            Proof::Key(proof) => self.by_key(db, actor, proof, used_at).await,
            Proof::RecoveryKey(signature) => self.by_recovery_key(db, actor, signature).await,
        }
    }

    async fn by_passkey(
        &self,
        db: &mut Connection,
        actor: Actor,
        signature: &Signature,
        used_at: Option<Timestamp>,
    ) -> Result<(What, CredentialId), ActionError> {
        let passkey = find_passkey(db, actor, signature).await?;
        let signed = SignedAction {
            document: Bytes(self.bytes.clone()),
            credential: passkey.id,
            authenticator_data: Some(Bytes(signature.authenticator_data().to_vec())),
            client_data: Bytes(signature.client_data().to_vec()),
            signature: Bytes(signature.bytes().to_vec()),
            created: created(&self.document.change, self.ids.created),
            key: self.key(),
        };
        verify(db, &passkey, self.document, &self.hashes(&signed), &signed, used_at).await?;
        Ok((What::Action(Box::new(signed)), passkey.id))
    }

    async fn by_key(
        &self,
        db: &mut Connection,
        actor: Actor,
        proof: &KeyProof,
        used_at: Option<Timestamp>,
    ) -> Result<(What, CredentialId), ActionError> {
        let key = credentials::find_key(db, &proof.credential_id)
            .await?
            .filter(|key| key.organization == actor.organization && key.user == actor.user)
            .ok_or(ActionError::NotTheirPasskey)?;
        let signed = SignedAction {
            document: Bytes(self.bytes.clone()),
            credential: key.id,
            authenticator_data: None,
            client_data: Bytes(proof.client_data.clone()),
            signature: Bytes(proof.signature.clone()),
            created: created(&self.document.change, self.ids.created),
            key: self.key(),
        };
        let hashes = self.hashes(&signed);
        let checked = signed.check(self.document, &hashes, &SignerKey::Key(key.key))?;
        checked.public_key().verify(checked.message(), checked.signature()).map_err(|InvalidSignature| AssertionError::InvalidSignature)?;
        if let Some(now) = used_at
            && !credentials::note_key_use(db, key.id, now).await?
        {
            return Err(ActionError::NotTheirPasskey);
        }
        Ok((What::Action(Box::new(signed)), key.id))
    }

    /// Our id of the key of a program, if one is created.
    fn key(&self) -> Option<CredentialId> {
        let is_program = matches!(self.document.change, Change::CreateServiceAccount(_) | Change::CreateAccessToken(_));
        is_program.then(|| CredentialId::from_bytes(self.ids.key))
    }

    fn hashes(&self, signed: &SignedAction) -> Hashes {
        Hashes { rp_id: sha256(self.document.rp_id.as_bytes()), challenge: self.challenge, client_data: sha256(&signed.client_data.0) }
    }

    async fn by_recovery_key(&self, db: &mut Connection, actor: Actor, signature: &[u8]) -> Result<(What, CredentialId), ActionError> {
        let key = credentials::find_recovery_key(db, actor.organization, actor.user).await?.ok_or(ActionError::NotTheirKit)?;
        let inconsistent = || StorageError::Inconsistent { table: "credentials", column: "public_key" };
        let public_key = Bytes::decode(&key.public_key).and_then(|key| key.0.try_into().ok()).ok_or_else(inconsistent)?;
        PublicKey::Ed25519(public_key)
            .verify(&recovery_message(&self.bytes), signature)
            .map_err(|InvalidSignature| ActionError::NotTheirKit)?;
        let signed = SignedRecovery {
            document: Bytes(self.bytes.clone()),
            credential: key.id,
            signature: Bytes(signature.to_vec()),
            passkey: CredentialId::from_bytes(self.ids.created),
            recovery_key: CredentialId::from_bytes(self.ids.recovery_key),
        };
        Ok((What::Recovery(Box::new(signed)), key.id))
    }
}

/// The passkey that made the signature, if it is one of the actor's active ones.
async fn find_passkey(db: &mut Connection, actor: Actor, signature: &Signature) -> Result<Passkey, ActionError> {
    if signature.user_handle().is_some_and(|handle| handle != actor.user) {
        return Err(ActionError::NotTheirPasskey);
    }
    credentials::find_passkey(db, &signature.credential_id())
        .await?
        .filter(|passkey| passkey.organization == actor.organization && passkey.user == actor.user)
        .ok_or(ActionError::NotTheirPasskey)
}

/// Verifies by the same code as whoever reads history, and notes that the passkey was used, if it is said when.
async fn verify(
    db: &mut Connection,
    passkey: &Passkey,
    document: &Document,
    hashes: &Hashes,
    signed: &SignedAction,
    used_at: Option<Timestamp>,
) -> Result<(), ActionError> {
    let inconsistent = |column| StorageError::Inconsistent { table: "credentials", column };
    let key = SigningKey {
        public_key_cose: BASE64URL_NOPAD.decode(passkey.public_key.as_bytes()).map_err(|_| inconsistent("public_key"))?,
        algorithm: Algorithm::from_cose_id(passkey.algorithm).ok_or(inconsistent("algorithm"))?,
        sign_count: passkey.sign_count,
        backup_eligible: passkey.backup_eligible,
    };
    let checked = signed.check(document, hashes, &SignerKey::Passkey(key))?;
    checked.public_key().verify(checked.message(), checked.signature()).map_err(|InvalidSignature| AssertionError::InvalidSignature)?;
    let verified =
        checked.signature_was_valid().inspect_err(|error| tracing::warn!(credential = %passkey.id, %error, "a signature was refused"))?;
    if let Some((verified, now)) = verified.zip(used_at)
        && !credentials::note_use(db, passkey, verified.sign_count, verified.backed_up, &passkey.webauthn, now).await?
    {
        return Err(ActionError::UsedTwice);
    }
    Ok(())
}

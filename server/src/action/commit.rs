//! The second half of the road: one transaction from history's head to the queued mail, or nothing.

use super::{
    ActionError, Actor, Road,
    apply::{Brought, Context, FreshCode, apply},
    enrolment::Use,
    facts::gather,
    key_change::key_in_force,
};
use crate::{
    client::Client,
    code::RegistrationCode,
    log::SECURITY,
    metrics::{checking_signature, count_change},
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
        verify::{AssertionError, VerifiedAssertion},
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
    /// The checkpoint that counts it as its last; if the server's key was changed since, the first one by the key of now.
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

/// What is to be executed: whose, until when, signed how, handed in by whom.
struct Asked<'a> {
    actor: Actor,
    action: ActionId,
    expires_at: Timestamp,
    proof: Proof<'a>,
    client: &'a Client,
}

impl Road {
    /// Executes a prepared action that was signed, as `client` hands it in.
    ///
    /// # Errors
    /// Why it wasn't; then nothing was changed, and the action can be signed again unless it is over.
    pub async fn commit(&self, actor: Actor, action: ActionId, proof: Proof<'_>, client: &Client) -> Result<Executed, ActionError> {
        let outcome = self.execute(actor, action, proof, client).await;
        count_change(&outcome);
        outcome
    }

    async fn execute(&self, actor: Actor, action: ActionId, proof: Proof<'_>, client: &Client) -> Result<Executed, ActionError> {
        let mut db = self.storage.connection().await?;
        let Some(prepared) = actions::find_prepared(&mut db, actor.organization, actor.user, action).await? else {
            return Err(self.over(&mut db, actor, action, proof).await?);
        };
        let document = Document::parse(&prepared.document)?;
        let signed = Signed::new(prepared.document, &document);
        // Verifying and hashing take a while: not while others wait for the head.
        let verified = match signed.by(&mut db, actor, proof).await {
            Ok(verified) => verified,
            // Somebody who handed in the same signature at this moment has moved the passkey's counter on.
            Err(error) => return Err(self.repeated(&mut db, actor, action, proof).await?.unwrap_or(error)),
        };
        drop(db);
        let code = self.code_for(&document.change).await?;

        let mut transaction = self.storage.begin().await?;
        let asked = Asked { actor, action, expires_at: prepared.expires_at, proof, client };
        let executed = match self.alter(&mut transaction, asked, &signed, verified, code).await {
            // Whoever did it at this moment may share a commit with this that is still to come: it is waited for.
            Err(ActionError::Over) => {
                drop(transaction);
                save(self.storage.begin().await?).await?;
                return Err(self.over(&mut *self.storage.connection().await?, actor, action, proof).await?);
            }
            outcome => outcome?,
        };
        match save(transaction).await {
            Err(error @ StorageError::Unanswered(_)) => self.look_whether_saved(actor, action, error).await?,
            known => known?,
        }
        self.outbox.wake();
        tracing::info!(%action, index = executed.index, "a change was executed");
        Ok(executed)
    }

    /// Everything in the one transaction, but for its end.
    async fn alter(
        &self,
        db: &mut Connection,
        asked: Asked<'_>,
        signed: &Signed<'_>,
        (mut what, mut used): (What, Used),
        code: Option<FreshCode>,
    ) -> Result<Executed, ActionError> {
        let Asked { actor, action, expires_at, proof, client } = asked;
        let document = signed.document;
        let head = history::claim_head(db, actor.organization).await?.ok_or(ActionError::NotActive)?;
        let now = self.ambient.now();
        if !actions::mark_executed(db, action).await? {
            return Err(ActionError::Over);
        }
        if now >= expires_at {
            return Err(ActionError::Expired);
        }
        let (_, facts) = gather(db, actor, &document.change, proof.signer(), now).await?;
        if !used.note(db, actor, now).await? {
            // What it was verified by has changed since. Nobody changes it now.
            (what, used) = signed.by(db, actor, proof).await?;
            if !used.note(db, actor, now).await? {
                return Err(ActionError::UsedTwice);
            }
        }
        rules::check(&document.change, &facts)?;
        let new = self.check_new(db, actor, &document.change, Use::Take).await?;

        let ids = signed.ids;
        let context = Context { road: self, organization: actor.organization, actor: &document.actor, client, now };
        let shown = apply(db, &context, document, ids, Brought { code, new }).await?;
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
            credential: Some(used.credential()),
            actor: Some(actor.user),
            subject,
            registers: &ids.registered(&document.change),
        };
        let head = history::append(db, head, entry).await?;
        let checkpoint = self.checkpoint(actor.organization, &head)?;
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
        Signed::new(prepared.document, &document).by(&mut db, actor, proof).await?;
        Ok(())
    }

    /// The connection broke off before the commit was answered: asks by another one. Should the database be at it still, it holds
    /// the head, and is waited for.
    async fn look_whether_saved(&self, actor: Actor, action: ActionId, error: StorageError) -> Result<(), StorageError> {
        let looked = async {
            let mut transaction = self.storage.begin().await?;
            history::claim_head(&mut transaction, actor.organization).await?;
            history::of_action(&mut transaction, actor.organization, actor.user, action).await
        };
        let found = looked.await;
        let is_done = found.as_ref().map(Option::is_some);
        tracing::warn!(%action, error = &error as &dyn std::error::Error, ?is_done, "a commit wasn't answered: looked whether it was done");
        match found {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(StorageError::NotSaved),
            Err(_) => Err(error),
        }
    }

    /// What is said of an action that doesn't wait any more.
    async fn over(&self, db: &mut Connection, actor: Actor, action: ActionId, proof: Proof<'_>) -> Result<ActionError, ActionError> {
        Ok(self.repeated(db, actor, action, proof).await?.unwrap_or(ActionError::Over))
    }

    /// Whoever hands in the very signature that an action was executed by gets the receipt: the answer before didn't reach them.
    async fn repeated(
        &self,
        db: &mut Connection,
        actor: Actor,
        action: ActionId,
        proof: Proof<'_>,
    ) -> Result<Option<ActionError>, ActionError> {
        let Some(line) = history::of_action(db, actor.organization, actor.user, action).await? else { return Ok(None) };
        let Entry { index, executed_at, what, .. } = Entry::parse(&line)?;
        let (signature, created) = match what {
            What::Action(signed) => (signed.signature, signed.created),
            What::Recovery(signed) => (signed.signature, None),
            _ => return Ok(None),
        };
        if signature.0 != proof.signature() {
            return Ok(None);
        }
        // By the key of today, none of before it was in force would count.
        let in_force = key_in_force(db, actor.organization).await?.map_or(0, |key| key.from);
        let head = history::head_at(db, actor.organization, in_force.max(index + 1)).await?;
        let head = head.ok_or(StorageError::Inconsistent { table: "history", column: "subtree_roots" })?;
        let checkpoint = self.checkpoint(actor.organization, &head)?;
        Ok(Some(ActionError::DoneAlready(Box::new(Executed { index, executed_at, checkpoint, created, shown: None }))))
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

impl<'a> Proof<'a> {
    fn signature(self) -> &'a [u8] {
        match self {
            Self::Passkey(signature) => signature.bytes(),
            Self::Key(proof) => &proof.signature,
            Self::RecoveryKey(signature) => signature,
        }
    }

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

    /// What goes into history, and which credential signed.
    async fn by(&self, db: &mut Connection, actor: Actor, proof: Proof<'_>) -> Result<(What, Used), ActionError> {
        match proof {
            Proof::Passkey(signature) => self.by_passkey(db, actor, signature).await,
            Proof::Key(proof) => self.by_key(db, actor, proof).await,
            Proof::RecoveryKey(signature) => self.by_recovery_key(db, actor, signature).await,
        }
    }

    async fn by_passkey(&self, db: &mut Connection, actor: Actor, signature: &Signature) -> Result<(What, Used), ActionError> {
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
        let verified = verify(&passkey, self.document, &self.hashes(&signed), &signed)?;
        Ok((What::Action(Box::new(signed)), Used::Passkey(Box::new(passkey), verified)))
    }

    async fn by_key(&self, db: &mut Connection, actor: Actor, proof: &KeyProof) -> Result<(What, Used), ActionError> {
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
        checking_signature(|| checked.public_key().verify(checked.message(), checked.signature()))
            .map_err(|InvalidSignature| AssertionError::InvalidSignature)?;
        Ok((What::Action(Box::new(signed)), Used::Key(key.id)))
    }

    /// Our id of the key of a program, if one is created.
    fn key(&self) -> Option<CredentialId> {
        let is_program = matches!(self.document.change, Change::CreateServiceAccount(_) | Change::CreateAccessToken(_));
        is_program.then(|| CredentialId::from_bytes(self.ids.key))
    }

    fn hashes(&self, signed: &SignedAction) -> Hashes {
        Hashes { rp_id: sha256(self.document.rp_id.as_bytes()), challenge: self.challenge, client_data: sha256(&signed.client_data.0) }
    }

    async fn by_recovery_key(&self, db: &mut Connection, actor: Actor, signature: &[u8]) -> Result<(What, Used), ActionError> {
        let key = credentials::find_recovery_key(db, actor.organization, actor.user).await?.ok_or(ActionError::NotTheirKit)?;
        let inconsistent = || StorageError::Inconsistent { table: "credentials", column: "public_key" };
        let public_key = Bytes::decode(&key.public_key).and_then(|key| key.0.try_into().ok()).ok_or_else(inconsistent)?;
        checking_signature(|| PublicKey::Ed25519(public_key).verify(&recovery_message(&self.bytes), signature))
            .map_err(|InvalidSignature| ActionError::NotTheirKit)?;
        let signed = SignedRecovery {
            document: Bytes(self.bytes.clone()),
            credential: key.id,
            signature: Bytes(signature.to_vec()),
            passkey: CredentialId::from_bytes(self.ids.created),
            recovery_key: CredentialId::from_bytes(self.ids.recovery_key),
        };
        Ok((What::Recovery(Box::new(signed)), Used::RecoveryKey(key.id)))
    }
}

/// The credential that a signature was verified by, as it was then.
enum Used {
    Passkey(Box<Passkey>, VerifiedAssertion),
    Key(CredentialId),
    RecoveryKey(CredentialId),
}

impl Used {
    fn credential(&self) -> CredentialId {
        match self {
            Self::Passkey(passkey, _) => passkey.id,
            Self::Key(id) | Self::RecoveryKey(id) => *id,
        }
    }

    /// Notes that it was used; whether it still is what it was.
    async fn note(&self, db: &mut Connection, actor: Actor, now: Timestamp) -> Result<bool, StorageError> {
        match self {
            Self::Passkey(passkey, verified) => {
                credentials::note_use(db, passkey, verified.sign_count, verified.backed_up, None, now).await
            }
            Self::Key(id) => credentials::note_key_use(db, *id, now).await,
            Self::RecoveryKey(id) => {
                let now = credentials::find_recovery_key(db, actor.organization, actor.user).await?;
                Ok(now.is_some_and(|key| key.id == *id))
            }
        }
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

/// Verifies by the same code as whoever reads history.
fn verify(passkey: &Passkey, document: &Document, hashes: &Hashes, signed: &SignedAction) -> Result<VerifiedAssertion, ActionError> {
    let inconsistent = |column| StorageError::Inconsistent { table: "credentials", column };
    let key = SigningKey {
        public_key_cose: BASE64URL_NOPAD.decode(passkey.public_key.as_bytes()).map_err(|_| inconsistent("public_key"))?,
        algorithm: Algorithm::from_cose_id(passkey.algorithm).ok_or(inconsistent("algorithm"))?,
        sign_count: passkey.sign_count,
        backup_eligible: passkey.backup_eligible,
    };
    let checked = signed.check(document, hashes, &SignerKey::Passkey(key))?;
    checking_signature(|| checked.public_key().verify(checked.message(), checked.signature()))
        .map_err(|InvalidSignature| AssertionError::InvalidSignature)?;
    let verified = checked
        .signature_was_valid()
        .inspect_err(|error| tracing::warn!(target: SECURITY, credential = %passkey.id, %error, "a signature was refused"))?;
    verified.ok_or(ActionError::NotTheirPasskey)
}

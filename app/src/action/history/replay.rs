//! Verifies a history from its lines alone: every document hashes to its challenge; every signature is by a credential that
//! at this point belonged to the actor, who was active and held the operation; every change was one that the rules allow;
//! nothing is missing, repeated or in another place; and the tree's root is the checkpoint's.
//!
//! ```text
//! line ──► Replay::entry ──► signatures to check (on any thread) ──► InvalidSignature, or nothing
//! checkpoint ──► Replay::finish ──► Summary
//! ```
//!
//! What it can't show is that entries were cut off at the end, unless someone kept a later checkpoint.

use super::{
    checkpoint::{Checkpoint, CheckpointError},
    entry::{
        Credentials, Enrolment, Entry, EntryError, Genesis, Grounds, Hashes, NewSigner, Registration, SignedAction, SignedRecovery,
        SignerKey, SigningKey, What,
    },
    merkle::Frontier,
    reader::created,
    state::{self, Chosen, Index, Permission, Program, RecoveryKey, State, User},
    statement::{BreakGlass, KeyChange, KeyStatement, ServerKey, Statement, server_key},
};
use crate::{
    action::{
        account_change::{AccountChange, NewPasskey, NewRecoveryKey},
        bytes::Bytes,
        challenge::sha256,
        change::Change,
        client_data::{Ceremony, check_key_client_data},
        cose::{InvalidSignature, PublicKey},
        document::{self, Document, DocumentError},
        key::{KeyError, KeySignature, NewKey},
        recovery_key::recovery_message,
        rules::{self, Denial, Facts, Signer},
        verify::{AssertionError, CeremonyError, RegistrationError},
    },
    domain::{
        handle::Handle,
        id::{ActionId, AssignmentId, CredentialId, OrganizationId, PermissionId, UserId},
        operation::Operations,
        text::PermissionName,
        time::Timestamp,
        user::{UserKind, UserStatus},
    },
};
use std::collections::{BTreeMap, HashSet};

/// The managed permissions' names.
pub const FULL_ADMIN: &str = "Full admin";
/// The managed permissions' names.
pub const END_USER: &str = "End user";

/// Why a history isn't what it claims to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// Not an entry.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The line isn't written in the one way that counts.
    #[error("the entry isn't canonical JSON: it was written by another program, or changed")]
    NotCanonical,
    /// Out of its place.
    #[error("this is entry {found} where entry {expected} must be")]
    Index {
        /// What stands there.
        found: u64,
        /// What must.
        expected: u64,
    },
    /// Another organization's.
    #[error("the entry belongs to the history of {0}")]
    Organization(OrganizationId),
    /// The first entry must be the genesis, and no other.
    #[error("a history has one genesis, at its beginning")]
    Genesis,
    /// The relying party isn't that of the genesis.
    #[error("this was signed for {found}, but the history began at {expected}")]
    RelyingParty {
        /// What it says.
        found: String,
        /// What it must say.
        expected: String,
    },
    /// The origin isn't one of the relying party's own.
    #[error("this was signed at {origin}, which isn't a page of {rp_id}")]
    Origin {
        /// What it says.
        origin: String,
        /// Whose it must be.
        rp_id: String,
    },
    /// A registration that doesn't hold.
    #[error("the passkey's registration doesn't hold: {0}")]
    Registration(#[from] RegistrationError),
    /// A key that doesn't hold.
    #[error("the key's registration doesn't hold: {0}")]
    Key(#[from] KeyError),
    /// What was registered isn't what the recovery key signed.
    #[error("what was registered isn't what the recovery key signed")]
    NotNamed,
    /// Nobody allowed this at this point.
    #[error("{0} didn't let anyone add a credential at this point")]
    NotAllowed(UserId),
    /// The server's statement is about another entry.
    #[error("the server's statement is about another entry than this one")]
    Statement,
    /// The key in force, or the one that follows it, can't be read.
    #[error("the server's key can't be read")]
    ServerKey,
    /// A recovery key that can't be one.
    #[error("the recovery key isn't an Ed25519 key")]
    RecoveryKey,
    /// Someone signed up who wasn't invited at this point.
    #[error("{0} signed up, but wasn't invited at this point")]
    NotInvited(UserId),
    /// An id that is in use.
    #[error("the id {0} is in use already")]
    IdTaken(String),
    /// Not a document.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The document is another organization's.
    #[error("the document belongs to {0}")]
    DocumentOrganization(OrganizationId),
    /// The document was executed before.
    #[error("the action {0} was executed before")]
    Repeated(ActionId),
    /// The document was executed too late.
    #[error("the document expired at {expired}, and was executed at {executed}")]
    Expired {
        /// Until when it could be.
        expired: Timestamp,
        /// When it was.
        executed: Timestamp,
    },
    /// No such actor at this point, or not active.
    #[error("{0} asked for this, but wasn't an active user at this point")]
    Actor(UserId),
    /// The credential isn't the actor's at this point.
    #[error("the credential {0} wasn't the actor's at this point")]
    Credential(CredentialId),
    /// The signature's surroundings are wrong.
    #[error("the signature doesn't count: {0}")]
    Assertion(#[from] AssertionError),
    /// The signature is wrong.
    #[error("the signature isn't valid for this credential and this document")]
    Signature,
    /// The rules didn't allow it.
    #[error("this wasn't allowed at this point: {0}")]
    Denied(#[from] Denial),
    /// The id of what was created doesn't follow from the document.
    #[error("the entry says that it created {found}, but its document creates {expected}")]
    Created {
        /// What it says.
        found: String,
        /// What follows from the document.
        expected: String,
    },
}

/// Why an export's checkpoint doesn't fit its entries.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FinishError {
    /// There is nothing that it could be about.
    #[error("there is no entry at all")]
    Empty,
    /// The checkpoint itself.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Another organization's.
    #[error("the checkpoint is of {0}")]
    Organization(OrganizationId),
    /// Another length.
    #[error("the checkpoint counts {checkpoint} entries, and here are {found}")]
    Size {
        /// What it says.
        checkpoint: u64,
        /// How many there are.
        found: u64,
    },
    /// Another root.
    #[error("the entries aren't the ones that the checkpoint was signed over: the roots differ")]
    Root,
}

/// A signature that everything around was found right of; its mathematics remains.
#[derive(Debug)]
pub struct PendingSignature {
    key: PublicKey,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl From<KeySignature> for PendingSignature {
    fn from(KeySignature { key, message, signature }: KeySignature) -> Self {
        Self { key, message, signature }
    }
}

impl PendingSignature {
    /// Does the mathematics.
    ///
    /// # Errors
    /// When the signature isn't valid.
    pub fn verify(&self) -> Result<(), InvalidSignature> {
        self.key.verify(&self.message, &self.signature)
    }
}

/// A history on its way through.
#[derive(Debug, Clone, Default)]
pub struct Replay {
    begun: Option<Begun>,
    tree: Frontier,
}

#[derive(Debug, Clone)]
struct Begun {
    state: State,
    index: Index,
    rp_id: String,
    rp_id_hash: [u8; 32],
    /// The oldest first. There is one at least.
    keys: Vec<ServerKey>,
    executed: HashSet<ActionId>,
    break_glasses: Vec<u64>,
}

impl Replay {
    /// How many entries went through.
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The organization after the entries that went through.
    pub fn state(&self) -> Option<&State> {
        self.begun.as_ref().map(|begun| &begun.state)
    }

    /// The entries that nobody of the organization signed, but the server alone.
    pub fn break_glasses(&self) -> &[u64] {
        self.begun.as_ref().map_or(&[], |begun| &begun.break_glasses)
    }

    /// The server's keys, the oldest first: each but the last counted until the next did.
    pub fn keys(&self) -> &[ServerKey] {
        self.begun.as_ref().map_or(&[], |begun| &begun.keys)
    }

    /// Takes the next line; the signatures that it leaves to be checked.
    ///
    /// # Errors
    /// What is wrong with it. Whatever comes after it proves nothing.
    pub fn entry(&mut self, line: &str) -> Result<Vec<PendingSignature>, ReplayError> {
        let entry = Entry::parse(line)?;
        if entry.to_line()? != line {
            return Err(ReplayError::NotCanonical);
        }
        if entry.index != self.size() {
            return Err(ReplayError::Index { found: entry.index, expected: self.size() });
        }
        let signatures = match (&mut self.begun, entry.what) {
            (None, What::Genesis(genesis)) => {
                let (begun, signature) = Begun::from_genesis(entry.organization, *genesis)?;
                self.begun = Some(begun);
                vec![signature]
            }
            (None, _) | (Some(_), What::Genesis(_)) => return Err(ReplayError::Genesis),
            (Some(begun), _) if begun.state.organization != entry.organization => {
                return Err(ReplayError::Organization(entry.organization));
            }
            (Some(begun), What::Registration(registration)) => vec![begun.register(&registration)?],
            (Some(begun), What::Action(action)) => begun.act(&action, entry.executed_at)?,
            (Some(begun), What::Recovery(recovery)) => begun.recover(&recovery, entry.executed_at)?,
            (Some(begun), What::Enrolment(enrolment)) => begun.enrol(&enrolment, entry.executed_at)?,
            (Some(begun), What::BreakGlass(order)) => vec![begun.break_glass(&order, entry.index, entry.executed_at)?],
            (Some(begun), What::KeyChange(change)) => begun.change_key(&change, entry.index, entry.executed_at)?,
        };
        self.tree.append(line.as_bytes());
        Ok(signatures)
    }

    /// Compares with the checkpoint that the entries must lead to. It must be signed by the key that is in force after them.
    ///
    /// # Errors
    /// What doesn't fit.
    pub fn finish(&self, note: &str) -> Result<Checkpoint, FinishError> {
        let begun = self.begun.as_ref().ok_or(FinishError::Empty)?;
        let checkpoint = Checkpoint::verify(note, begun.key_in_force())?;
        if checkpoint.organization != begun.state.organization {
            return Err(FinishError::Organization(checkpoint.organization));
        }
        if checkpoint.size != self.size() {
            return Err(FinishError::Size { checkpoint: checkpoint.size, found: self.size() });
        }
        if checkpoint.root != self.tree.root() {
            return Err(FinishError::Root);
        }
        Ok(checkpoint)
    }
}

impl Begun {
    fn from_genesis(organization: OrganizationId, genesis: Genesis) -> Result<(Self, PendingSignature), ReplayError> {
        let Genesis { name, admin, full_admin, end_user, assignment, checkpoint_key, credentials } = genesis;
        let managed = |name: &str, operations| {
            // Both names are ordinary ones.
            let name = PermissionName::parse(name).map_err(|error| EntryError::Malformed(error.to_string()))?;
            Ok::<_, ReplayError>(Permission { name, operations, version: 1, is_managed: true, is_archived: false })
        };
        if full_admin == end_user {
            return Err(ReplayError::IdTaken(end_user.to_string()));
        }
        let permissions = BTreeMap::from([
            (full_admin, managed(FULL_ADMIN, Operations::All)?),
            (end_user, managed(END_USER, Operations::of_end_users())?),
        ]);
        let mut begun = Self {
            state: State { organization, name, users: BTreeMap::new(), permissions, credentials: BTreeMap::new() },
            index: Index::default(),
            rp_id_hash: sha256(credentials.rp_id.as_bytes()),
            rp_id: credentials.rp_id.clone(),
            keys: vec![ServerKey { from: 1, key: checkpoint_key }],
            executed: HashSet::new(),
            break_glasses: Vec::new(),
        };
        let user = User::invited(admin.handle, UserKind::Employee, None);
        begun.state.add_user(&mut begun.index, admin.id, user);
        begun.state.assign(&mut begun.index, assignment, full_admin, admin.id);
        let signature = begun.add_credentials(admin.id, &credentials)?;
        Ok((begun, signature))
    }

    fn register(&mut self, registration: &Registration) -> Result<PendingSignature, ReplayError> {
        let (id, handle) = (registration.user.id, &registration.user.handle);
        let invited =
            self.state.users.get(&id).is_some_and(|user| {
                user.handle == *handle && user.status == UserStatus::Invited && !user.is_registered && !user.is_revoked
            });
        if !invited {
            return Err(ReplayError::NotInvited(id));
        }
        self.add_credentials(id, &registration.credentials)
    }

    fn add_credentials(&mut self, user: UserId, credentials: &Credentials) -> Result<PendingSignature, ReplayError> {
        self.check_site(&credentials.rp_id, &credentials.origin)?;
        let key = credentials.check_passkey(self.rp_id_hash)?;
        let (recovery_key, message) = credentials.recovery_proof().ok_or(ReplayError::RecoveryKey)?;
        self.add_passkey(credentials.passkey.id, user, key, &credentials.passkey.credential_id)?;
        let new = RecoveryKey { id: credentials.recovery_key.id, key: recovery_key.clone(), chosen: None };
        self.state.set_recovery_key(&mut self.index, user, new).map_err(ReplayError::IdTaken)?;
        self.state.alter(user, |user| {
            user.status = UserStatus::Active;
            user.is_registered = true;
        });
        Ok(PendingSignature { key: recovery_key, message, signature: credentials.recovery_key.signature.0.clone() })
    }

    fn add_passkey(&mut self, id: CredentialId, owner: UserId, key: SigningKey, chosen: &Bytes) -> Result<(), ReplayError> {
        let signer = state::Signer { owner, key: SignerKey::Passkey(key), chosen: Chosen::Passkey(chosen.0.clone()), is_active: true };
        self.state.add_signer(&mut self.index, id, signer).map_err(ReplayError::IdTaken)
    }

    /// A key that somebody brings, to sign with; the signature that proves it.
    fn add_key(&mut self, id: CredentialId, owner: UserId, new: &NewKey, challenge: &Bytes) -> Result<PendingSignature, ReplayError> {
        let proof = new.check(&challenge.0, sha256(&new.client_data.0))?;
        let chosen = Chosen::Key(new.credential_id.to_string());
        let signer = state::Signer { owner, key: SignerKey::Key(proof.key.clone()), chosen, is_active: true };
        self.state.add_signer(&mut self.index, id, signer).map_err(ReplayError::IdTaken)?;
        Ok(proof.into())
    }

    /// The same, to recover with.
    fn set_own_recovery_key(
        &mut self,
        id: CredentialId,
        owner: UserId,
        new: &NewKey,
        challenge: &Bytes,
    ) -> Result<PendingSignature, ReplayError> {
        let proof = new.check(&challenge.0, sha256(&new.client_data.0))?;
        let chosen = Some(Chosen::Key(new.credential_id.to_string()));
        let recovery_key = RecoveryKey { id, key: proof.key.clone(), chosen };
        self.state.set_recovery_key(&mut self.index, owner, recovery_key).map_err(ReplayError::IdTaken)?;
        Ok(proof.into())
    }

    /// What someone registered through the API, with the signatures that prove it.
    fn enrol(&mut self, enrolment: &Enrolment, executed_at: Timestamp) -> Result<Vec<PendingSignature>, ReplayError> {
        self.check_site(&enrolment.rp_id, &enrolment.origin)?;
        let user = &enrolment.user;
        let now = self.state.users.get(&user.id).filter(|now| now.handle == user.handle);
        let mut signatures = Vec::new();
        match &enrolment.grounds {
            Grounds::Invitation => {
                let is_invited = |now: &User| now.status == UserStatus::Invited && !now.is_registered && !now.is_revoked;
                if !now.is_some_and(is_invited) || enrolment.signer.is_none() {
                    return Err(ReplayError::NotInvited(user.id));
                }
                self.state.alter(user.id, |user| (user.status, user.is_registered) = (UserStatus::Active, true));
            }
            Grounds::Code { action } => {
                let is_active = now.is_some_and(|now| now.status == UserStatus::Active);
                let is_one = enrolment.registers().len() == 1;
                if !is_active || !is_one || !self.index.take_allowance(user.id, *action, executed_at) {
                    return Err(ReplayError::NotAllowed(user.id));
                }
            }
            Grounds::Recovery(proof) => {
                if !now.is_some_and(|now| now.status == UserStatus::Active) || enrolment.signer.is_none() {
                    return Err(ReplayError::Actor(user.id));
                }
                let old = self.index.recovery_key(user.id).filter(|old| old.id == proof.credential);
                let key = old.ok_or(ReplayError::Credential(proof.credential))?.key.clone();
                check_key_client_data(&proof.client_data.0, Ceremony::KeyUse, &proof.new_credentials.0)
                    .map_err(|error| ReplayError::Assertion(CeremonyError::from(error).into()))?;
                if !enrolment.is_named_by(proof) {
                    return Err(ReplayError::NotNamed);
                }
                signatures.push(PendingSignature { key, message: proof.client_data.0.clone(), signature: proof.signature.0.clone() });
                self.state.drop_credentials(&mut self.index, user.id);
                self.state.drop_tokens(&mut self.index, user.id);
            }
        }
        match &enrolment.signer {
            Some(NewSigner::Passkey(passkey)) => {
                let key = enrolment.check_passkey(passkey, self.rp_id_hash)?;
                self.add_passkey(passkey.id, user.id, key, &passkey.credential_id)?;
            }
            Some(NewSigner::Key(new)) => signatures.push(self.add_key(new.id, user.id, &new.key, &enrolment.challenge)?),
            None => {}
        }
        if let Some(new) = &enrolment.recovery_key {
            signatures.push(self.set_own_recovery_key(new.id, user.id, &new.key, &enrolment.challenge)?);
        }
        Ok(signatures)
    }

    /// The document in an entry: this history's, for the first time, in time, and by someone active.
    fn document(&mut self, bytes: &[u8], executed_at: Timestamp) -> Result<Document, ReplayError> {
        let document = Document::parse(bytes)?;
        if document.organization != self.state.organization {
            return Err(ReplayError::DocumentOrganization(document.organization));
        }
        self.check_site(&document.rp_id, &document.origin)?;
        if !self.executed.insert(document.id) {
            return Err(ReplayError::Repeated(document.id));
        }
        if executed_at >= document.expires_at {
            return Err(ReplayError::Expired { expired: document.expires_at, executed: executed_at });
        }
        let actor = document.actor.id;
        if !self.state.active(actor).is_some_and(|user| user.handle == document.actor.handle) {
            return Err(ReplayError::Actor(actor));
        }
        Ok(document)
    }

    fn act(&mut self, action: &SignedAction, executed_at: Timestamp) -> Result<Vec<PendingSignature>, ReplayError> {
        let document = self.document(&action.document.0, executed_at)?;
        let actor = document.actor.id;
        let challenge = document::challenge(&action.document.0);
        let signature = self.check_signature(action, &document, challenge)?;
        let facts = self.state.facts(&self.index, &document.change, actor, executed_at);
        rules::check(&document.change, &facts)?;
        let bits = document::created_id(&challenge);
        self.check_created(action.created.as_deref(), &document.change, bits)?;
        let mut signatures = vec![signature];
        self.take_in_program(action, &document, challenge)?;
        if let Change::OwnAccount(change) = &document.change {
            signatures.extend(self.take_in(change, actor, &document.origin, CredentialId::from_bytes(bits))?);
            if let AccountChange::AllowCredential { until } = change {
                self.index.allow(actor, document.id, *until);
            }
        }
        self.state.apply(&mut self.index, document.change, bits);
        Ok(signatures)
    }

    /// The program that a change creates, if it creates one.
    fn take_in_program(&mut self, action: &SignedAction, document: &Document, challenge: [u8; 32]) -> Result<(), ReplayError> {
        let (new, owner) = match &document.change {
            Change::CreateServiceAccount(new) => (new, None),
            Change::CreateAccessToken(new) => (new, Some(document.actor.id)),
            _ if action.key.is_none() => return Ok(()),
            _ => return Err(ReplayError::Created { found: or_nothing(action.key), expected: or_nothing(None) }),
        };
        let expected = CredentialId::from_bytes(document::created_key_id(&challenge));
        if action.key != Some(expected) {
            return Err(ReplayError::Created { found: or_nothing(action.key), expected: or_nothing(Some(expected)) });
        }
        let handle = match (owner, document.actor.handle.email()) {
            (None, _) => Handle::ServiceAccount(new.terms.name.clone()),
            (Some(_), Some(owner)) => Handle::AccessToken { name: new.terms.name.clone(), owner: owner.clone() },
            (Some(_), None) => return Err(Denial::PeopleOnly.into()),
        };
        let assignment = AssignmentId::from_bytes(document::created_assignment_id(&challenge));
        let program = Program {
            handle,
            owner,
            external_id: new.terms.external_id.clone(),
            key_id: expected,
            key: PublicKey::from_pem(new.public_key.as_str()).map_err(KeyError::from)?,
            permission: new.permission.as_ref().map(|given| (assignment, given.permission.id)),
        };
        let id = UserId::from_bytes(document::created_id(&challenge));
        self.state.add_program(&mut self.index, id, program).map_err(ReplayError::IdTaken)
    }

    /// The credential that a change brings, if it brings one; the signature that proves it.
    fn take_in(
        &mut self,
        change: &AccountChange,
        owner: UserId,
        origin: &str,
        id: CredentialId,
    ) -> Result<Option<PendingSignature>, ReplayError> {
        match change {
            AccountChange::AddPasskey { passkey, .. } => self.take_in_passkey(passkey, owner, origin, id).map(|()| None),
            AccountChange::ReplaceRecoveryKey { challenge, recovery_key } => {
                self.take_in_recovery_key(recovery_key, challenge, owner, id).map(Some)
            }
            AccountChange::AddKey { challenge, key, .. } => self.add_key(id, owner, key, challenge).map(Some),
            AccountChange::SetRecoveryKey { challenge, key, .. } => self.set_own_recovery_key(id, owner, key, challenge).map(Some),
            // What a recovery brings isn't brought by an action: the rules say so.
            AccountChange::RenamePasskey { .. }
            | AccountChange::RemovePasskey { .. }
            | AccountChange::DeactivateCredential { .. }
            | AccountChange::ActivateCredential { .. }
            | AccountChange::AllowCredential { .. }
            | AccountChange::Recover { .. } => Ok(None),
        }
    }

    /// Everything that its owner had goes, and a passkey and a recovery key come, by the word of the recovery key before.
    fn recover(&mut self, recovery: &SignedRecovery, executed_at: Timestamp) -> Result<Vec<PendingSignature>, ReplayError> {
        let document = self.document(&recovery.document.0, executed_at)?;
        let actor = document.actor.id;
        let old = self.index.recovery_key(actor).filter(|old| old.id == recovery.credential);
        let key = &old.ok_or(ReplayError::Credential(recovery.credential))?.key;
        let message = recovery_message(&recovery.document.0);
        let by_old_key = PendingSignature { key: key.clone(), message, signature: recovery.signature.0.clone() };
        let facts = Facts { signer: Signer::RecoveryKey, ..self.state.facts(&self.index, &document.change, actor, executed_at) };
        rules::check(&document.change, &facts)?;
        let Change::OwnAccount(AccountChange::Recover { passkey, recovery_key, .. }) = &document.change else {
            return Err(Denial::NeedsPasskey.into());
        };
        let challenge = document::challenge(&recovery.document.0);
        for (found, bits) in
            [(recovery.passkey, document::created_id(&challenge)), (recovery.recovery_key, document::created_recovery_key_id(&challenge))]
        {
            let expected = CredentialId::from_bytes(bits);
            if found != expected {
                return Err(ReplayError::Created { found: found.to_string(), expected: expected.to_string() });
            }
        }
        self.state.drop_credentials(&mut self.index, actor);
        self.state.drop_tokens(&mut self.index, actor);
        self.take_in_passkey(passkey, actor, &document.origin, recovery.passkey)?;
        let by_new_key = self.take_in_recovery_key(recovery_key, &passkey.challenge, actor, recovery.recovery_key)?;
        Ok(vec![by_old_key, by_new_key])
    }

    /// Nobody of the organization signed it: the server says so itself, and may only do what this does.
    fn break_glass(&mut self, order: &BreakGlass, index: u64, executed_at: Timestamp) -> Result<PendingSignature, ReplayError> {
        let statement = order.statement()?;
        let user = &statement.user;
        let expected = Statement { index, organization: self.state.organization, executed_at, user: user.clone() };
        if statement != expected {
            return Err(ReplayError::Statement);
        }
        let is_theirs = |now: &User| now.handle == user.handle && now.status != UserStatus::Deactivated;
        if !self.state.users.get(&user.id).is_some_and(is_theirs) {
            return Err(ReplayError::Actor(user.id));
        }
        let key = server_key(self.key_in_force()).ok_or(ReplayError::ServerKey)?;
        self.state.begin_anew(&mut self.index, user.id);
        self.break_glasses.push(index);
        Ok(PendingSignature { key, message: order.message(), signature: order.signature.0.clone() })
    }

    fn key_in_force(&self) -> &str {
        self.keys.last().map_or("", |last| &last.key)
    }

    /// Nobody of the organization signed it, either: the key in force says which one follows it, and that one that it is there.
    fn change_key(&mut self, change: &KeyChange, index: u64, executed_at: Timestamp) -> Result<Vec<PendingSignature>, ReplayError> {
        let statement = change.statement()?;
        let expected = KeyStatement { index, organization: self.state.organization, executed_at, key: statement.key.clone() };
        if statement != expected {
            return Err(ReplayError::Statement);
        }
        let before = server_key(self.key_in_force()).ok_or(ReplayError::ServerKey)?;
        let new = server_key(&statement.key).ok_or(ReplayError::ServerKey)?;
        self.keys.push(ServerKey { from: index + 1, key: statement.key });
        Ok(change.signatures(before, new).map(PendingSignature::from).into())
    }

    fn take_in_passkey(&mut self, new: &NewPasskey, owner: UserId, origin: &str, id: CredentialId) -> Result<(), ReplayError> {
        let key = new.check(origin, self.rp_id_hash)?.into();
        self.add_passkey(id, owner, key, &new.credential_id)
    }

    fn take_in_recovery_key(
        &mut self,
        new: &NewRecoveryKey,
        challenge: &Bytes,
        owner: UserId,
        id: CredentialId,
    ) -> Result<PendingSignature, ReplayError> {
        let (key, message) = new.proof(challenge).ok_or(ReplayError::RecoveryKey)?;
        let recovery_key = RecoveryKey { id, key: key.clone(), chosen: None };
        self.state.set_recovery_key(&mut self.index, owner, recovery_key).map_err(ReplayError::IdTaken)?;
        Ok(PendingSignature { key, message, signature: new.signature.0.clone() })
    }

    fn check_signature(
        &mut self,
        action: &SignedAction,
        document: &Document,
        challenge: [u8; 32],
    ) -> Result<PendingSignature, ReplayError> {
        let hashes = Hashes { rp_id: self.rp_id_hash, challenge, client_data: sha256(&action.client_data.0) };
        let signer = self
            .index
            .signers
            .get_mut(&action.credential)
            .filter(|signer| signer.owner == document.actor.id && signer.is_active)
            .ok_or(ReplayError::Credential(action.credential))?;
        let checked = action.check(document, &hashes, &signer.key)?;
        let pending = PendingSignature {
            key: checked.public_key().clone(),
            message: checked.message().to_vec(),
            signature: checked.signature().to_vec(),
        };
        if let (Some(verified), SignerKey::Passkey(key)) = (checked.signature_was_valid()?, &mut signer.key) {
            key.sign_count = verified.sign_count;
        }
        Ok(pending)
    }

    /// The relying party is the genesis's. The origin is a page of its own, by https unless it is this machine; its port may
    /// have changed since.
    fn check_site(&self, rp_id: &str, origin: &str) -> Result<(), ReplayError> {
        if rp_id != self.rp_id {
            return Err(ReplayError::RelyingParty { found: rp_id.to_owned(), expected: self.rp_id.clone() });
        }
        let is_own = origin.split_once("://").is_some_and(|(scheme, host)| {
            let (name, port) = host.split_once(':').unwrap_or((host, "443"));
            name == rp_id && port.parse::<u16>().is_ok() && (scheme == "https" || (scheme == "http" && name == "localhost"))
        });
        if is_own { Ok(()) } else { Err(ReplayError::Origin { origin: origin.to_owned(), rp_id: rp_id.to_owned() }) }
    }

    fn check_created(&self, found: Option<&str>, change: &Change, bits: [u8; 16]) -> Result<(), ReplayError> {
        let expected = created(change, bits);
        if found != expected.as_deref() {
            let or_nothing = |id: Option<&str>| id.unwrap_or("nothing").to_owned();
            return Err(ReplayError::Created { found: or_nothing(found), expected: or_nothing(expected.as_deref()) });
        }
        let is_taken = match change {
            Change::CreateUser { .. } | Change::RegisterEndUser { .. } | Change::CreateServiceAccount(_) | Change::CreateAccessToken(_) => {
                self.state.users.contains_key(&UserId::from_bytes(bits))
            }
            Change::CreatePermission { .. } => self.state.permissions.contains_key(&PermissionId::from_bytes(bits)),
            _ => false,
        };
        if is_taken { Err(ReplayError::IdTaken(expected.unwrap_or_default())) } else { Ok(()) }
    }
}

fn or_nothing(id: Option<CredentialId>) -> String {
    id.map_or_else(|| "no key".to_owned(), |id| id.to_string())
}

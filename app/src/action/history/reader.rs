//! What can be found out about one entry by whoever has nothing but it and the entry that registered its passkey: a person
//! who looks at a page of history. Hashes and signatures' mathematics are up to WebCrypto; everything else is here.
//!
//! ```text
//! registration's line ──► registration ──► key, recovery key's proof ─────┐
//! action's line ──► entry ──► document ──► hashes ──► SignedAction::check ├──► signatures ──► Verdict
//! ```
//!
//! What only the whole history shows isn't asked here: whether an entry is missing or comes twice, and whether the actor was
//! active and allowed to do this at that point. `replay` asks that.

use super::{
    entry::{Credentials, Enrolment, Entry, EntryError, SignedAction, SignedRecovery, SignerKey, What},
    statement::{BreakGlass, KeyChange, server_key},
};
use crate::{
    action::{
        account_change::AccountChange,
        bytes::Bytes,
        change::{Change, UserRef},
        cose::PublicKey,
        document::{Document, DocumentError},
        key::{KeyError, KeySignature},
        verify::{AssertionError, RegistrationError},
    },
    domain::{
        handle::Handle,
        id::{AssignmentId, CredentialId, OrganizationId, PermissionId, UserId},
        time::Timestamp,
    },
};

/// What came of verifying an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Everything was right.
    Verified,
    /// Something wasn't; how so, as the end of a sentence.
    Broken(String),
    /// It couldn't be found out; why, as a sentence.
    Unknown(String),
}

/// Why an entry doesn't verify; its text is the end of a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The line isn't an entry.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// Another entry than the one that belongs there.
    #[error("it is entry {found}, where entry {expected} must be")]
    Index {
        /// What stands there.
        found: u64,
        /// What must.
        expected: u64,
    },
    /// Another organization's.
    #[error("it belongs to the history of another organization, {0}")]
    Organization(OrganizationId),
    /// The first entry must be the genesis, and no other.
    #[error("a history has one beginning, and that is entry 0")]
    Genesis,
    /// The document can't be read.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The document is another organization's.
    #[error("its document belongs to another organization, {0}")]
    DocumentOrganization(OrganizationId),
    /// Executed too late.
    #[error("its document expired at {expired}, but was executed at {executed}")]
    Expired {
        /// Until when it could be.
        expired: Timestamp,
        /// When it was.
        executed: Timestamp,
    },
    /// Nobody registered the passkey.
    #[error("the entry that registered its passkey, {0}, isn't here or can't be read")]
    NotRegistered(CredentialId),
    /// The passkey is someone else's.
    #[error("its passkey isn't one of {0}")]
    NotTheirPasskey(Handle),
    /// The passkey was registered for another site, or the document signed for one.
    #[error("it was signed for {document}, but its passkey was registered for {passkey}")]
    RelyingParty {
        /// What the document says.
        document: String,
        /// What the registration says.
        passkey: String,
    },
    /// The passkey was registered after it signed.
    #[error("its passkey was registered later, by entry {0}")]
    RegisteredLater(u64),
    /// The passkey's registration doesn't hold.
    #[error("the registration of its passkey doesn't hold. {0}")]
    Registration(#[from] RegistrationError),
    /// A key's registration doesn't hold.
    #[error("the registration of its key doesn't hold. {0}")]
    Key(#[from] KeyError),
    /// What was registered isn't what the recovery key signed.
    #[error("what it registers isn't what the recovery key signed")]
    NotNamed,
    /// The recovery key isn't one.
    #[error("its recovery key isn't an Ed25519 key")]
    RecoveryKey,
    /// The recovery key didn't sign the registration.
    #[error("the recovery key's signature over the registration isn't valid")]
    RecoverySignature,
    /// The signature's surroundings are wrong.
    #[error("its signature doesn't count. {0}")]
    Assertion(#[from] AssertionError),
    /// The signature is wrong.
    #[error("its signature isn't valid for this passkey and this document")]
    Signature,
    /// The id of what was created doesn't follow from the document.
    #[error("it says that it created {found}, but its document creates {expected}")]
    Created {
        /// What it says.
        found: String,
        /// What follows from the document.
        expected: String,
    },
    /// A recovery of something else.
    #[error("it is signed by a recovery key, but is no recovery")]
    NoRecovery,
    /// The server's statement is about another entry.
    #[error("the server's statement is about another entry than this one")]
    Statement,
    /// Nobody knows the server's key.
    #[error("an entry that names the server's key isn't here or can't be read")]
    ServerKey,
    /// What the page shows isn't the document's.
    #[error("the fingerprint that is shown isn't its document's, which is {0}")]
    Fingerprint(String),
}

/// Reads the line that stands at this place of this organization's history.
///
/// # Errors
/// When another one stands there.
pub fn entry(line: &str, organization: OrganizationId, index: u64) -> Result<Entry, Problem> {
    let entry = Entry::parse(line)?;
    if entry.index != index {
        return Err(Problem::Index { found: entry.index, expected: index });
    }
    if entry.organization != organization {
        return Err(Problem::Organization(entry.organization));
    }
    if matches!(entry.what, What::Genesis(_)) != (index == 0) {
        return Err(Problem::Genesis);
    }
    Ok(entry)
}

/// The document in this entry.
///
/// # Errors
/// When it can't be read, is another organization's, or was executed when its time was over.
pub fn document(entry: &Entry, bytes: &Bytes) -> Result<Document, Problem> {
    let document = Document::parse(&bytes.0)?;
    if document.organization != entry.organization {
        return Err(Problem::DocumentOrganization(document.organization));
    }
    if entry.executed_at >= document.expires_at {
        return Err(Problem::Expired { expired: document.expires_at, executed: entry.executed_at });
    }
    Ok(document)
}

/// Where a credential comes from.
#[derive(Debug)]
pub enum Source<'a> {
    /// Someone signed up with it: a passkey and a recovery key together.
    SignUp(&'a Credentials),
    /// Its owner's change brought it: it is worth as much as the signature in that entry.
    Change(Box<Brought<'a>>),
    /// Its owner registered it through the API.
    Enrolment(&'a Entry, &'a Enrolment),
}

/// An entry whose change brought a credential.
#[derive(Debug)]
pub struct Brought<'a> {
    /// The entry.
    pub entry: &'a Entry,
    /// Its document.
    pub document: Document,
}

impl Brought<'_> {
    /// What its owner signs with, if it brought that. `rp_id_hash` is SHA-256 of the document's relying party.
    ///
    /// # Errors
    /// When its registration doesn't hold. Of a key, its signature is checked with the entry.
    pub fn signer(&self, rp_id_hash: [u8; 32]) -> Result<Option<SignerKey>, RegistrationError> {
        Ok(match &self.document.change {
            Change::OwnAccount(AccountChange::AddPasskey { passkey, .. } | AccountChange::Recover { passkey, .. }) => {
                Some(SignerKey::Passkey(passkey.check(&self.document.origin, rp_id_hash)?.into()))
            }
            Change::OwnAccount(AccountChange::AddKey { key, .. }) => key.public_key().map(SignerKey::Key),
            Change::CreateServiceAccount(new) | Change::CreateAccessToken(new) => {
                PublicKey::from_pem(new.public_key.as_str()).ok().map(SignerKey::Key)
            }
            _ => None,
        })
    }

    /// The recovery key that it brought, if it did.
    pub fn recovery_key(&self) -> Option<PublicKey> {
        match &self.document.change {
            Change::OwnAccount(AccountChange::ReplaceRecoveryKey { recovery_key, .. } | AccountChange::Recover { recovery_key, .. }) => {
                ed25519(&recovery_key.public_key)
            }
            Change::OwnAccount(AccountChange::SetRecoveryKey { key, .. }) => key.public_key(),
            _ => None,
        }
    }
}

fn ed25519(key: &Bytes) -> Option<PublicKey> {
    key.0.as_slice().try_into().map(PublicKey::Ed25519).ok()
}

impl Source<'_> {
    /// The recovery key that comes from here, if one does.
    pub fn recovery_key(&self) -> Option<PublicKey> {
        match self {
            Self::SignUp(credentials) => ed25519(&credentials.recovery_key.public_key),
            Self::Change(brought) => brought.recovery_key(),
            Self::Enrolment(_, enrolment) => enrolment.recovery_key.as_ref()?.key.public_key(),
        }
    }
}

/// Finds the entry, among `registrations`, that registered the credential with which this user signed, for this relying party,
/// what is in this entry. It comes before that entry.
///
/// # Errors
/// When there is none, or the credential is another user's, another site's, or too young.
pub fn registration<'a>(
    registrations: &'a [Entry],
    entry: &Entry,
    credential: CredentialId,
    user: &UserRef,
    rp_id: &str,
) -> Result<Source<'a>, Problem> {
    let (registered, owner, registered_for, source) = registrations
        .iter()
        .filter(|registered| registered.organization == entry.organization)
        .find_map(|registered| source(registered, credential))
        .ok_or(Problem::NotRegistered(credential))?;
    if owner != user.id {
        return Err(Problem::NotTheirPasskey(user.handle.clone()));
    }
    if registered.index >= entry.index {
        return Err(Problem::RegisteredLater(registered.index));
    }
    if registered_for != rp_id {
        return Err(Problem::RelyingParty { document: rp_id.to_owned(), passkey: registered_for });
    }
    Ok(source)
}

/// The credential with this id, if this entry registers it; whose it is, and for which relying party.
fn source(entry: &Entry, id: CredentialId) -> Option<(&Entry, UserId, String, Source<'_>)> {
    if let Some((owner, credentials)) = entry.credentials() {
        let is_here = [credentials.passkey.id, credentials.recovery_key.id].contains(&id);
        return is_here.then(|| (entry, owner, credentials.rp_id.clone(), Source::SignUp(credentials)));
    }
    if let What::Enrolment(enrolment) = &entry.what {
        let is_here = enrolment.registers().contains(&id);
        return is_here.then(|| (entry, enrolment.user.id, enrolment.rp_id.clone(), Source::Enrolment(entry, enrolment)));
    }
    let (bytes, is_here) = match &entry.what {
        What::Action(action) => (&action.document, action.created == Some(id.to_string()) || action.key == Some(id)),
        What::Recovery(recovery) => (&recovery.document, [recovery.passkey, recovery.recovery_key].contains(&id)),
        What::Genesis(_) | What::Registration(_) | What::BreakGlass(_) | What::Enrolment(_) | What::KeyChange(_) => return None,
    };
    if !is_here {
        return None;
    }
    let document = document(entry, bytes).ok()?;
    // A program's key is its own.
    let owner = match (&entry.what, &document.change) {
        (What::Action(action), Change::CreateServiceAccount(_) | Change::CreateAccessToken(_)) => action.created.as_ref()?.parse().ok()?,
        _ => document.actor.id,
    };
    let rp_id = document.rp_id.clone();
    Some((entry, owner, rp_id, Source::Change(Box::new(Brought { entry, document }))))
}

/// Kind and public key of the credential with this id, if this entry registers it. Whether its registration holds is another
/// question.
#[cfg(feature = "ssr")]
pub fn public_key(entry: &Entry, id: CredentialId) -> Option<(crate::domain::credential::CredentialKind, PublicKey)> {
    use super::entry::NewSigner;
    use crate::{
        action::{challenge::sha256, cose::PASSKEY_ALGORITHMS},
        domain::credential::CredentialKind,
    };

    let (_, _, rp_id, source) = source(entry, id)?;
    let rp_id_hash = sha256(rp_id.as_bytes());
    let is_recovery_key = match &source {
        Source::SignUp(credentials) => credentials.recovery_key.id == id,
        Source::Enrolment(_, enrolment) => enrolment.recovery_key.as_ref().is_some_and(|key| key.id == id),
        Source::Change(brought) => match &brought.entry.what {
            What::Recovery(recovery) => recovery.recovery_key == id,
            _ => brought.recovery_key().is_some(),
        },
    };
    if is_recovery_key {
        return source.recovery_key().map(|key| (CredentialKind::RecoveryKey, key));
    }
    let signer = match source {
        Source::SignUp(credentials) => Some(SignerKey::Passkey(credentials.check_passkey(rp_id_hash).ok()?)),
        Source::Change(brought) => brought.signer(rp_id_hash).ok()?,
        Source::Enrolment(_, enrolment) => match enrolment.signer.as_ref()? {
            NewSigner::Passkey(passkey) => Some(SignerKey::Passkey(enrolment.check_passkey(passkey, rp_id_hash).ok()?)),
            NewSigner::Key(new) => new.key.public_key().map(SignerKey::Key),
        },
    };
    match signer? {
        SignerKey::Passkey(key) => {
            PublicKey::from_cose(&key.public_key_cose, PASSKEY_ALGORITHMS).ok().map(|key| (CredentialKind::Passkey, key))
        }
        SignerKey::Key(key) => Some((CredentialKind::Key, key)),
    }
}

/// Compares the ids that a recovery names with those that follow from its document.
///
/// # Errors
/// When they differ.
pub fn check_recovered(recovery: &SignedRecovery, passkey: [u8; 16], recovery_key: [u8; 16]) -> Result<(), Problem> {
    for (found, bits) in [(recovery.passkey, passkey), (recovery.recovery_key, recovery_key)] {
        let expected = CredentialId::from_bytes(bits);
        if found != expected {
            return Err(Problem::Created { found: found.to_string(), expected: expected.to_string() });
        }
    }
    Ok(())
}

/// The server's key that is in force at this entry's place, by those of `registrations` that name one; and the signatures of the
/// changes that put it there.
fn key_in_force(registrations: &[Entry], entry: &Entry) -> Result<(PublicKey, Vec<KeySignature>), Problem> {
    let is_before = |named: &&Entry| named.organization == entry.organization && named.index < entry.index;
    let mut naming: Vec<_> = registrations.iter().filter(is_before).collect();
    naming.sort_by_key(|named| named.index);
    let mut in_force = None;
    let mut signatures = Vec::new();
    for named in naming {
        match (&named.what, in_force.take()) {
            (What::Genesis(genesis), None) => in_force = server_key(&genesis.checkpoint_key),
            (What::KeyChange(change), Some(before)) => {
                let new = new_key(named, change)?;
                signatures.extend(change.signatures(before, new.clone()));
                in_force = Some(new);
            }
            // Nothing can follow a key that nobody knows.
            (What::KeyChange(_), None) => return Err(Problem::ServerKey),
            (_, other) => in_force = other,
        }
    }
    Ok((in_force.ok_or(Problem::ServerKey)?, signatures))
}

/// The key that this change brings, if it is about its own entry.
fn new_key(entry: &Entry, change: &KeyChange) -> Result<PublicKey, Problem> {
    let statement = change.statement()?;
    if (statement.index, statement.organization, statement.executed_at) != (entry.index, entry.organization, entry.executed_at) {
        return Err(Problem::Statement);
    }
    server_key(&statement.key).ok_or(Problem::ServerKey)
}

/// What must be signed for this break-glass: the statement, by the key in force, and each change that put that one there. The first
/// of `registrations` names the first key.
///
/// # Errors
/// When the statement is about another entry, or an entry that names a key isn't here.
pub fn break_glass(registrations: &[Entry], entry: &Entry, order: &BreakGlass) -> Result<Vec<KeySignature>, Problem> {
    let statement = order.statement()?;
    if (statement.index, statement.organization, statement.executed_at) != (entry.index, entry.organization, entry.executed_at) {
        return Err(Problem::Statement);
    }
    let (key, mut signatures) = key_in_force(registrations, entry)?;
    signatures.push(KeySignature { key, message: order.message(), signature: order.signature.0.clone() });
    Ok(signatures)
}

/// The same for this change of the server's key: it is signed by the key in force and by the new one.
///
/// # Errors
/// When the statement is about another entry, or an entry that names a key isn't here.
pub fn key_change(registrations: &[Entry], entry: &Entry, change: &KeyChange) -> Result<Vec<KeySignature>, Problem> {
    let new = new_key(entry, change)?;
    let (before, mut signatures) = key_in_force(registrations, entry)?;
    signatures.extend(change.signatures(before, new));
    Ok(signatures)
}

/// Compares the id that the entry names with the one that follows from its document: `bits` are the first 16 bytes of
/// SHA-256 of [`created_message`](crate::action::document::created_message).
///
/// # Errors
/// When they differ.
pub fn check_created(action: &SignedAction, change: &Change, bits: [u8; 16]) -> Result<(), Problem> {
    let expected = created(change, bits);
    if action.created == expected {
        return Ok(());
    }
    let or_nothing = |id: Option<String>| id.unwrap_or_else(|| "nothing".to_owned());
    Err(Problem::Created { found: or_nothing(action.created.clone()), expected: or_nothing(expected) })
}

/// Compares the id of a new program's key that the entry names with the one that follows from its document: `bits` are the first
/// 16 bytes of SHA-256 of [`created_key_message`](crate::action::document::created_key_message).
///
/// # Errors
/// When they differ, or there is one and no new program.
pub fn check_created_key(action: &SignedAction, change: &Change, bits: [u8; 16]) -> Result<(), Problem> {
    let is_program = matches!(change, Change::CreateServiceAccount(_) | Change::CreateAccessToken(_));
    let expected = is_program.then(|| CredentialId::from_bytes(bits));
    if action.key == expected {
        return Ok(());
    }
    let or_nothing = |id: Option<CredentialId>| id.map_or_else(|| "no key".to_owned(), |id| id.to_string());
    Err(Problem::Created { found: or_nothing(action.key), expected: or_nothing(expected) })
}

/// The id of what a change creates, if it creates something, from the bits that follow from its document.
pub fn created(change: &Change, bits: [u8; 16]) -> Option<String> {
    match change {
        Change::CreateUser { .. } | Change::RegisterEndUser { .. } | Change::CreateServiceAccount(_) | Change::CreateAccessToken(_) => {
            Some(UserId::from_bytes(bits).to_string())
        }
        Change::CreatePermission { .. } => Some(PermissionId::from_bytes(bits).to_string()),
        Change::AssignPermission { .. } => Some(AssignmentId::from_bytes(bits).to_string()),
        Change::OwnAccount(
            AccountChange::AddPasskey { .. }
            | AccountChange::AddKey { .. }
            | AccountChange::ReplaceRecoveryKey { .. }
            | AccountChange::SetRecoveryKey { .. },
        ) => Some(CredentialId::from_bytes(bits).to_string()),
        Change::ResendInvitation { .. }
        | Change::ShareInvitation { .. }
        | Change::ReEnrolUser { .. }
        | Change::RevokeInvitation { .. }
        | Change::DeactivateUser { .. }
        | Change::ActivateUser { .. }
        | Change::DeleteUser { .. }
        | Change::UpdateProgram { .. }
        | Change::KeepSignIn { .. }
        | Change::LogInEndUser { .. }
        | Change::RecoverEndUser { .. }
        | Change::UpdatePermission { .. }
        | Change::ArchivePermission { .. }
        | Change::RestorePermission { .. }
        | Change::RevokeAssignment { .. }
        | Change::OwnAccount(
            AccountChange::RenamePasskey { .. }
            | AccountChange::RemovePasskey { .. }
            | AccountChange::DeactivateCredential { .. }
            | AccountChange::ActivateCredential { .. }
            | AccountChange::AllowCredential { .. }
            | AccountChange::Recover { .. },
        ) => None,
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests;

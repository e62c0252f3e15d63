//! One entry of history, and the checks that need nothing but it and the registration of the credential that signed it.

use crate::{
    action::{
        bytes::Bytes,
        change::UserRef,
        cose::{Algorithm, PublicKey},
        document::{Document, DocumentError},
        recovery_key::recovery_key_message,
        sentence::sentence,
        verify::{
            self, Assertion, AssertionError, CheckedAssertion, Expected, NewCredential, RegistrationError, RelyingParty, StoredCredential,
            UserVerification,
        },
    },
    domain::{
        id::{AssignmentId, CredentialId, OrganizationId, PermissionId, UserId},
        text::{EmailAddress, OrganizationName},
        time::Timestamp,
    },
};
use serde::{Deserialize, Serialize};

/// The version of the format.
pub const VERSION: u32 = 1;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// [`VERSION`].
    pub v: u32,
    /// Its place, from 0.
    pub index: u64,
    /// Whose history it is in.
    pub organization: OrganizationId,
    /// When the server executed it, by its clock.
    pub executed_at: Timestamp,
    /// What was executed.
    pub what: What,
}

/// What an entry holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum What {
    /// The beginning.
    Genesis(Box<Genesis>),
    /// An invited user signed up.
    Registration(Box<Registration>),
    /// A signed change.
    Action(Box<SignedAction>),
}

/// The beginning of an organization. What it says is the server's word; everything after it is proven from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// The organization's name.
    pub name: OrganizationName,
    /// Its first admin.
    pub admin: UserRef,
    /// The permission with every operation.
    pub full_admin: PermissionId,
    /// The permission of end users.
    pub end_user: PermissionId,
    /// The full admin's permission, given to the first admin.
    pub assignment: AssignmentId,
    /// By which key the server signs checkpoints, in C2SP's form `name+hash+base64`.
    pub checkpoint_key: String,
    /// What the first admin registered.
    pub credentials: Credentials,
}

/// An invited user's registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// Who.
    pub user: UserRef,
    /// What they registered.
    pub credentials: Credentials,
}

/// A passkey and a recovery key that were registered together, over one challenge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// Where.
    pub origin: String,
    /// For which relying party.
    pub rp_id: String,
    /// What the server asked for, random.
    pub challenge: Bytes,
    /// The passkey.
    pub passkey: PasskeyProof,
    /// The recovery key.
    pub recovery_key: RecoveryKeyProof,
}

/// A passkey as its browser presented it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasskeyProof {
    /// Our id of it.
    pub id: CredentialId,
    /// The id that the authenticator chose.
    pub credential_id: Bytes,
    /// `clientDataJSON`.
    pub client_data: Bytes,
    /// The attestation object, whole: the public key is in it.
    pub attestation_object: Bytes,
}

/// A recovery key and its proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoveryKeyProof {
    /// Our id of it.
    pub id: CredentialId,
    /// Ed25519, 32 bytes.
    pub public_key: Bytes,
    /// The salt of its derivation.
    pub salt: Bytes,
    /// Over the challenge, framed.
    pub signature: Bytes,
}

/// A change with its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedAction {
    /// The document's bytes.
    pub document: Bytes,
    /// Which credential signed it.
    pub credential: CredentialId,
    /// What the authenticator said.
    pub authenticator_data: Bytes,
    /// What the browser said.
    pub client_data: Bytes,
    /// The signature over both.
    pub signature: Bytes,
    /// The id of what was created, if anything was; it follows from the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
}

/// Why an entry can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Not JSON of this form.
    #[error("the entry can't be read: {0}")]
    Malformed(String),
    /// A version that this program doesn't know.
    #[error("the entry has the version {0}, which this program doesn't know")]
    Version(u32),
}

impl Entry {
    /// Reads an entry's line.
    ///
    /// # Errors
    /// When it isn't one.
    pub fn parse(line: &str) -> Result<Self, EntryError> {
        let entry: Self = serde_json::from_str(line).map_err(|error| EntryError::Malformed(error.to_string()))?;
        if entry.v == VERSION { Ok(entry) } else { Err(EntryError::Version(entry.v)) }
    }

    /// Writes the entry's line: canonical JSON (RFC 8785), without a line break.
    ///
    /// # Errors
    /// Never in practice: there is nothing in an entry that JSON can't say.
    #[cfg(feature = "ssr")]
    pub fn to_line(&self) -> Result<String, EntryError> {
        serde_json_canonicalizer::to_string(self).map_err(|error| EntryError::Malformed(error.to_string()))
    }

    /// What was done and by whom, in words.
    ///
    /// # Errors
    /// When its document can't be read.
    pub fn summary(&self) -> Result<Summary, DocumentError> {
        Ok(match &self.what {
            What::Genesis(genesis) => Summary {
                who: genesis.admin.email.clone(),
                sentence: format!("Created the organization “{}” and became its first admin", genesis.name),
                credential: genesis.credentials.passkey.id,
            },
            What::Registration(registration) => Summary {
                who: registration.user.email.clone(),
                sentence: "Signed up with a passkey and a recovery kit".to_owned(),
                credential: registration.credentials.passkey.id,
            },
            What::Action(action) => {
                let document = Document::parse(&action.document.0)?;
                Summary { who: document.actor.email.clone(), sentence: sentence(&document.change), credential: action.credential }
            }
        })
    }

    /// The credentials that it registers, and whose they are.
    pub fn credentials(&self) -> Option<(UserId, &Credentials)> {
        match &self.what {
            What::Genesis(genesis) => Some((genesis.admin.id, &genesis.credentials)),
            What::Registration(registration) => Some((registration.user.id, &registration.credentials)),
            What::Action(_) => None,
        }
    }
}

/// An entry in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Who did it.
    pub who: EmailAddress,
    /// What they did.
    pub sentence: String,
    /// The passkey that signed it; of a registration, the one that was registered.
    pub credential: CredentialId,
}

/// SHA-256 of what a signature's check needs: hashing is up to `ring` or WebCrypto.
#[derive(Debug, Clone, Copy)]
pub struct Hashes {
    /// Of the relying party's id.
    pub rp_id: [u8; 32],
    /// The document's challenge.
    pub challenge: [u8; 32],
    /// Of the client data.
    pub client_data: [u8; 32],
}

/// The key that a registered passkey signs with, and what it last said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// COSE key.
    pub public_key_cose: Vec<u8>,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// The last counter seen.
    pub sign_count: u32,
    /// Whether it may be synced.
    pub backup_eligible: bool,
}

impl From<NewCredential> for SigningKey {
    fn from(new: NewCredential) -> Self {
        Self {
            public_key_cose: new.public_key_cose,
            algorithm: new.algorithm,
            sign_count: new.sign_count,
            backup_eligible: new.backup_eligible,
        }
    }
}

impl Credentials {
    /// Checks the passkey's registration. `rp_id_hash` is SHA-256 of [`Credentials::rp_id`].
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check_passkey(&self, rp_id_hash: [u8; 32]) -> Result<SigningKey, RegistrationError> {
        let registration = verify::Registration {
            credential_id: &self.passkey.credential_id.0,
            client_data_json: &self.passkey.client_data.0,
            attestation_object: &self.passkey.attestation_object.0,
        };
        Ok(verify::check_passkey_registration(&self.origin, rp_id_hash, &self.challenge.0, &registration)?.into())
    }

    /// The recovery key and what it must have signed; nothing, when it isn't 32 bytes.
    pub fn recovery_proof(&self) -> Option<(PublicKey, Vec<u8>)> {
        let key = <[u8; 32]>::try_from(self.recovery_key.public_key.as_ref()).ok()?;
        Some((PublicKey::Ed25519(key), recovery_key_message(&self.challenge.0)))
    }
}

impl SignedAction {
    /// Checks the signature up to its mathematics: that it is one over this very document, made where the document says,
    /// by someone whom the authenticator knew.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check<'a>(&'a self, document: &Document, hashes: &Hashes, key: &SigningKey) -> Result<CheckedAssertion<'a>, AssertionError> {
        let relying_party = RelyingParty { id_hash: hashes.rp_id, origin: document.origin.clone() };
        verify::check_assertion(
            &Expected { relying_party: &relying_party, challenge: &hashes.challenge, user_verification: UserVerification::Required },
            &StoredCredential {
                public_key_cose: &key.public_key_cose,
                algorithm: key.algorithm,
                sign_count: key.sign_count,
                backup_eligible: Some(key.backup_eligible),
            },
            &Assertion {
                client_data_json: &self.client_data.0,
                authenticator_data: &self.authenticator_data.0,
                signature: &self.signature.0,
            },
            &hashes.client_data,
        )
    }
}

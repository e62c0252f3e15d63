//! One entry of history, and the checks that need nothing but it and the registration of the credential that signed it.

use crate::{
    action::{
        bytes::Bytes,
        challenge::{Purpose, frame},
        change::UserRef,
        client_data::challenge_handed,
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
use data_encoding::BASE64;
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
    /// Someone who had lost everything recovered their account.
    Recovery(Box<SignedRecovery>),
    /// The server's operator let someone enrol again, on the server's own machine: nobody of the organization signed it.
    BreakGlass(Box<BreakGlass>),
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

/// A recovery with its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedRecovery {
    /// The document's bytes; its change is a recovery.
    pub document: Bytes,
    /// The recovery key that signed it, and that ended with it.
    pub credential: CredentialId,
    /// Ed25519, over the document, framed.
    pub signature: Bytes,
    /// Our id of the new passkey; it follows from the document.
    pub passkey: CredentialId,
    /// Our id of the new recovery key; it follows from the document.
    pub recovery_key: CredentialId,
}

/// What the server says about a break-glass, with its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakGlass {
    /// The bytes of a [`Statement`].
    pub statement: Bytes,
    /// Ed25519 by the key of the checkpoints, over the statement, framed.
    pub signature: Bytes,
}

/// Whom a break-glass is about, and at which place of which history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The entry's place.
    pub index: u64,
    /// Whose history it is in.
    pub organization: OrganizationId,
    /// The entry's time.
    pub executed_at: Timestamp,
    /// Who may enrol again.
    pub user: UserRef,
}

#[cfg(feature = "ssr")]
impl Statement {
    /// The bytes that are signed: canonical JSON (RFC 8785).
    ///
    /// # Errors
    /// Never in practice: there is nothing in it that JSON can't say.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EntryError> {
        serde_json_canonicalizer::to_vec(self).map_err(|error| EntryError::Malformed(error.to_string()))
    }
}

impl BreakGlass {
    /// The statement.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn statement(&self) -> Result<Statement, DocumentError> {
        let malformed = |error: &dyn std::fmt::Display| DocumentError::Malformed(error.to_string());
        let text = std::str::from_utf8(&self.statement.0).map_err(|error| malformed(&error))?;
        serde_json::from_str(text).map_err(|error| malformed(&error))
    }

    /// What the server must have signed.
    pub fn message(&self) -> Vec<u8> {
        break_glass_message(&self.statement.0)
    }
}

/// What the server signs for a break-glass: the statement, framed.
pub fn break_glass_message(statement: &[u8]) -> Vec<u8> {
    frame(Purpose::BreakGlass, statement)
}

/// The Ed25519 key in C2SP's form of it, `name+hash+base64(1 ‖ key)` (`signed-note`).
pub fn server_key(checkpoint_key: &str) -> Option<PublicKey> {
    const ED25519: u8 = 1;
    // Base64 has plus signs of its own, names and hashes have none.
    let typed = BASE64.decode(checkpoint_key.splitn(3, '+').nth(2)?.as_bytes()).ok()?;
    let key = typed.strip_prefix(&[ED25519])?;
    Some(PublicKey::Ed25519(key.try_into().ok()?))
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
                who: Who::User(genesis.admin.email.clone()),
                sentence: format!("Created the organization “{}” and became its first admin", genesis.name),
                credential: Some(genesis.credentials.passkey.id),
            },
            What::Registration(registration) => Summary {
                who: Who::User(registration.user.email.clone()),
                sentence: "Signed up with a passkey and a recovery kit".to_owned(),
                credential: Some(registration.credentials.passkey.id),
            },
            What::Action(action) => {
                let document = Document::parse(&action.document.0)?;
                Summary { who: Who::User(document.actor.email), sentence: sentence(&document.change), credential: Some(action.credential) }
            }
            What::Recovery(recovery) => {
                let document = Document::parse(&recovery.document.0)?;
                Summary { who: Who::User(document.actor.email), sentence: sentence(&document.change), credential: Some(recovery.passkey) }
            }
            What::BreakGlass(order) => Summary {
                who: Who::Operator,
                sentence: format!("Break-glass: let {} enrol again, without anyone's signature", order.statement()?.user.email),
                credential: None,
            },
        })
    }

    /// The credentials that it registers, and whose they are.
    pub fn credentials(&self) -> Option<(UserId, &Credentials)> {
        match &self.what {
            What::Genesis(genesis) => Some((genesis.admin.id, &genesis.credentials)),
            What::Registration(registration) => Some((registration.user.id, &registration.credentials)),
            What::Action(_) | What::Recovery(_) | What::BreakGlass(_) => None,
        }
    }

    /// What kind of thing was done, in a word: an entry's kind, or its change's.
    #[cfg(feature = "ssr")]
    pub fn kind(&self) -> String {
        let word = |value: serde_json::Value| match value {
            serde_json::Value::Object(members) => members.into_iter().next(),
            _ => None,
        };
        let of_change = |bytes: &Bytes| {
            let change = serde_json::to_value(Document::parse(&bytes.0).ok()?.change).ok()?;
            match word(change)? {
                (own, inner) if own == "own_account" => word(inner).map(|(kind, _)| kind),
                (kind, _) => Some(kind),
            }
        };
        let kind = match &self.what {
            What::Genesis(_) => Some("create_organization".to_owned()),
            What::Registration(_) => Some("register".to_owned()),
            What::Action(action) => of_change(&action.document),
            What::Recovery(recovery) => of_change(&recovery.document),
            What::BreakGlass(_) => Some("break_glass".to_owned()),
        };
        kind.unwrap_or_default()
    }

    /// Who did it; nobody of the organization, when the server's operator did.
    pub fn actor(&self) -> Option<UserId> {
        match &self.what {
            What::Genesis(genesis) => Some(genesis.admin.id),
            What::Registration(registration) => Some(registration.user.id),
            What::Action(action) => Document::parse(&action.document.0).ok().map(|document| document.actor.id),
            What::Recovery(recovery) => Document::parse(&recovery.document.0).ok().map(|document| document.actor.id),
            What::BreakGlass(_) => None,
        }
    }

    /// Whether everyone who sees it should look twice.
    pub const fn is_loud(&self) -> bool {
        matches!(self.what, What::BreakGlass(_))
    }
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// A user, by the address that they had.
    User(EmailAddress),
    /// Whoever runs the server.
    Operator,
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User(email) => std::fmt::Display::fmt(email, f),
            Self::Operator => f.write_str("The server's operator"),
        }
    }
}

/// An entry in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Who did it.
    pub who: Who,
    /// What they did.
    pub sentence: String,
    /// The passkey that signed it; of a registration or a recovery, the one that was registered.
    pub credential: Option<CredentialId>,
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
        let challenge = challenge_handed(&self.client_data.0, &hashes.challenge);
        verify::check_assertion(
            &Expected { relying_party: &relying_party, challenge: &challenge, user_verification: UserVerification::Required },
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

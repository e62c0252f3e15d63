//! What the server states in a history by itself, signed by its own keys: a break-glass, and a change of its key.

use crate::{
    action::{
        bytes::Bytes,
        challenge::{Purpose, frame},
        change::UserRef,
        cose::PublicKey,
        document::DocumentError,
        key::KeySignature,
    },
    domain::{id::OrganizationId, time::Timestamp},
};
use data_encoding::BASE64;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// What the server says about a break-glass, with its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakGlass {
    /// The bytes of a [`Statement`].
    pub statement: Bytes,
    /// Ed25519 by the key of the checkpoints, over the statement, framed.
    pub signature: Bytes,
}

impl BreakGlass {
    /// The statement.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn statement(&self) -> Result<Statement, DocumentError> {
        read_statement(&self.statement)
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
    pub fn to_bytes(&self) -> Result<Vec<u8>, DocumentError> {
        write_statement(self)
    }
}

/// What the server says about a change of its key, with the signatures of both keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyChange {
    /// The bytes of a [`KeyStatement`].
    pub statement: Bytes,
    /// Ed25519 by the key that was in force, over the statement, framed.
    pub signature: Bytes,
    /// The same by the new key: whoever brings it has it.
    pub new_signature: Bytes,
}

/// Which key the server signs with from the next entry on, and at which place of which history it says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyStatement {
    /// The entry's place.
    pub index: u64,
    /// Whose history it is in.
    pub organization: OrganizationId,
    /// The entry's time.
    pub executed_at: Timestamp,
    /// The new key, in C2SP's form `name+hash+base64`.
    pub key: String,
}

#[cfg(feature = "ssr")]
impl KeyStatement {
    /// The bytes that are signed: canonical JSON (RFC 8785).
    ///
    /// # Errors
    /// Never in practice: there is nothing in it that JSON can't say.
    pub fn to_bytes(&self) -> Result<Vec<u8>, DocumentError> {
        write_statement(self)
    }
}

impl KeyChange {
    /// The statement.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn statement(&self) -> Result<KeyStatement, DocumentError> {
        read_statement(&self.statement)
    }

    /// What must be signed by the key that was in force, and by the new one.
    pub fn signatures(&self, before: PublicKey, new: PublicKey) -> [KeySignature; 2] {
        let message = key_change_message(&self.statement.0);
        [
            KeySignature { key: before, message: message.clone(), signature: self.signature.0.clone() },
            KeySignature { key: new, message, signature: self.new_signature.0.clone() },
        ]
    }
}

/// What both keys sign when the server's key is changed: the statement, framed.
pub fn key_change_message(statement: &[u8]) -> Vec<u8> {
    frame(Purpose::KeyChange, statement)
}

#[cfg(feature = "ssr")]
fn write_statement<T: Serialize>(statement: &T) -> Result<Vec<u8>, DocumentError> {
    serde_json_canonicalizer::to_vec(statement).map_err(|error| DocumentError::Malformed(error.to_string()))
}

fn read_statement<T: DeserializeOwned>(statement: &Bytes) -> Result<T, DocumentError> {
    let malformed = |error: &dyn std::fmt::Display| DocumentError::Malformed(error.to_string());
    let text = std::str::from_utf8(&statement.0).map_err(|error| malformed(&error))?;
    serde_json::from_str(text).map_err(|error| malformed(&error))
}

/// A key of the server: by it checkpoints count, and what the server says in history by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerKey {
    /// Of how many entries on: those of shorter histories are by the key before.
    pub from: u64,
    /// In C2SP's form `name+hash+base64`.
    pub key: String,
}

/// The Ed25519 key in C2SP's form of it, `name+hash+base64(1 ‖ key)` (`signed-note`).
pub fn server_key(checkpoint_key: &str) -> Option<PublicKey> {
    const ED25519: u8 = 1;
    // Base64 has plus signs of its own, names and hashes have none.
    let typed = BASE64.decode(checkpoint_key.splitn(3, '+').nth(2)?.as_bytes()).ok()?;
    let key = typed.strip_prefix(&[ED25519])?;
    Some(PublicKey::Ed25519(key.try_into().ok()?))
}

//! The action document: the bytes that a signature is over. The server writes it once; from then on nobody writes it again,
//! neither to sign nor to verify: the bytes that were stored are the bytes that count.
//!
//! ```text
//! Document ──(server, RFC 8785)──► bytes ──► challenge = SHA-256("countersign/action/v1" ‖ 0 ‖ u32be(length) ‖ bytes)
//!                                    └─────► parse ──► Document ──► sentence, rule, effect
//! ```

use super::{
    bytes::Bytes,
    challenge::{Purpose, frame},
    change::{Change, UserRef},
};
use crate::domain::{
    id::{ActionId, OrganizationId},
    operation::Operation,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// The version of the format.
pub const VERSION: u32 = 1;
/// A document has at most so many bytes.
pub const LARGEST: usize = 32 * 1024;
/// Integers stay below this: other programs that read JSON keep no more digits, and RFC 8785 writes none.
pub(super) const INTEGERS_END: u64 = 1 << 53;
/// How long the nonce is, in bytes.
pub const NONCE_LENGTH: usize = 32;

/// An action document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// [`VERSION`].
    pub v: u32,
    /// The action.
    pub id: ActionId,
    /// Whose history it goes into.
    pub organization: OrganizationId,
    /// Where it is signed, as in `https://id.example.org`.
    pub origin: String,
    /// For which relying party, as in `id.example.org`.
    pub rp_id: String,
    /// Who asks for it, and signs it.
    pub actor: UserRef,
    /// What the actor must be allowed to do; nothing, where it concerns only themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// What will be done.
    pub change: Change,
    /// When the document was written, in milliseconds since 1970.
    pub issued_at: Timestamp,
    /// Until when it can be executed.
    pub expires_at: Timestamp,
    /// 32 random bytes: no two documents are the same, and nobody can foresee one.
    pub nonce: Bytes,
}

/// Why bytes are no action document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// More than [`LARGEST`] bytes.
    #[error("the document has more than {LARGEST} bytes")]
    TooLarge,
    /// Not JSON of this form: a member is missing, unknown, there twice or of another type.
    #[error("the document can't be read: {0}")]
    Malformed(String),
    /// A version that this program doesn't know.
    #[error("the document has the version {0}, which this program doesn't know")]
    Version(u32),
    /// The operation isn't the one that the change needs.
    #[error("the document names the operation {}, but its change needs {}", or_none(*.named), or_none(*.needed))]
    Operation {
        /// What it says.
        named: Option<Operation>,
        /// What it needs.
        needed: Option<Operation>,
    },
    /// A time or a version of 2^53 or more.
    #[error("the document has an integer of 2^53 or more")]
    Integer,
    /// The nonce is too short or too long.
    #[error("the document's nonce doesn't have {NONCE_LENGTH} bytes")]
    Nonce,
    /// It ends before it begins.
    #[error("the document expires before it was issued")]
    Times,
}

const fn or_none(operation: Option<Operation>) -> &'static str {
    match operation {
        Some(operation) => operation.name(),
        None => "none",
    }
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        if bytes.len() > LARGEST {
            return Err(DocumentError::TooLarge);
        }
        // As a text, like everything else that is read as JSON here: reading bytes would double the code in the browser's bundle.
        let text = std::str::from_utf8(bytes).map_err(|error| DocumentError::Malformed(error.to_string()))?;
        let document: Self = serde_json::from_str(text).map_err(|error| DocumentError::Malformed(error.to_string()))?;
        if document.v != VERSION {
            return Err(DocumentError::Version(document.v));
        }
        let needed = document.change.operation();
        if document.operation != needed {
            return Err(DocumentError::Operation { named: document.operation, needed });
        }
        if !document.has_small_integers() {
            return Err(DocumentError::Integer);
        }
        if document.nonce.0.len() != NONCE_LENGTH {
            return Err(DocumentError::Nonce);
        }
        if document.expires_at <= document.issued_at {
            return Err(DocumentError::Times);
        }
        Ok(document)
    }

    /// Writes the document: canonical JSON (RFC 8785).
    ///
    /// # Errors
    /// [`DocumentError::TooLarge`] when it has more than [`LARGEST`] bytes; [`DocumentError::Integer`].
    #[cfg(feature = "ssr")]
    pub fn to_bytes(&self) -> Result<Vec<u8>, DocumentError> {
        if !self.has_small_integers() {
            return Err(DocumentError::Integer);
        }
        let bytes = serde_json_canonicalizer::to_vec(self).map_err(|error| DocumentError::Malformed(error.to_string()))?;
        if bytes.len() > LARGEST { Err(DocumentError::TooLarge) } else { Ok(bytes) }
    }

    fn has_small_integers(&self) -> bool {
        let times = [self.issued_at, self.expires_at].map(|time| time.as_millis().unsigned_abs());
        let until = self.change.until().map(|time| time.as_millis().unsigned_abs());
        times.into_iter().chain(self.change.version()).chain(until).all(|integer| integer < INTEGERS_END)
    }
}

/// What the challenge is the SHA-256 of.
pub fn challenge_message(document: &[u8]) -> Vec<u8> {
    frame(Purpose::Action, document)
}

/// The challenge of a document.
#[cfg(feature = "ssr")]
pub fn challenge(document: &[u8]) -> [u8; 32] {
    super::challenge::sha256(&challenge_message(document))
}

/// Eight Crockford symbols by which people compare a challenge in the dialog, on the receipt and in history: its first 40
/// bits, as in `7Q2M-XK04`.
pub fn fingerprint(challenge: &[u8; 32]) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let bits = challenge.iter().take(5).fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
    let symbol = |place: u64| char::from(ALPHABET[((bits >> (35 - 5 * place)) & 31) as usize]);
    (0..4).map(symbol).chain(['-']).chain((4..8).map(symbol)).collect()
}

/// What the id of whatever a document creates is the SHA-256 of, in its first 16 bytes.
///
/// So the signature covers the id as well, the server can't choose it, and executing a document twice would collide.
pub fn created_message(challenge: &[u8; 32]) -> Vec<u8> {
    frame(Purpose::CreatedId, challenge)
}

/// The same for the recovery key that a recovery registers beside a passkey.
pub fn created_recovery_key_message(challenge: &[u8; 32]) -> Vec<u8> {
    frame(Purpose::CreatedRecoveryKeyId, challenge)
}

/// The same for the key of a program that a document creates.
pub fn created_key_message(challenge: &[u8; 32]) -> Vec<u8> {
    frame(Purpose::CreatedKeyId, challenge)
}

/// The bits of an id: the first half of a hash.
pub fn id_bits(hash: &[u8; 32]) -> [u8; 16] {
    let mut bits = [0; 16];
    bits.copy_from_slice(&hash[..16]);
    bits
}

/// The bits of the id of whatever a document creates.
#[cfg(feature = "ssr")]
pub fn created_id(challenge: &[u8; 32]) -> [u8; 16] {
    id_bits(&super::challenge::sha256(&created_message(challenge)))
}

/// The bits of the id of the key of a program that a document creates.
#[cfg(feature = "ssr")]
pub fn created_key_id(challenge: &[u8; 32]) -> [u8; 16] {
    id_bits(&super::challenge::sha256(&created_key_message(challenge)))
}

/// The bits of the id of the assignment of a program that a document creates.
#[cfg(feature = "ssr")]
pub fn created_assignment_id(challenge: &[u8; 32]) -> [u8; 16] {
    id_bits(&super::challenge::sha256(&frame(Purpose::CreatedAssignmentId, challenge)))
}

/// The bits of the id of the recovery key that a recovery registers beside a passkey.
#[cfg(feature = "ssr")]
pub fn created_recovery_key_id(challenge: &[u8; 32]) -> [u8; 16] {
    id_bits(&super::challenge::sha256(&created_recovery_key_message(challenge)))
}

//! Checkpoints: how long a history is and what its root is, signed by the server, in the forms of C2SP (`tlog-checkpoint`,
//! `signed-note`). Whoever keeps one can show later that the history was cut or rewritten before it.

use super::merkle::Hash;
use crate::domain::id::OrganizationId;
use data_encoding::{BASE64, HEXLOWER};
use ring::signature::{Ed25519KeyPair, KeyPair};
use signed_note::{Note, StandardSigner, StandardVerifier, VerifierList, key_id};
use std::fmt;

/// The signature type of Ed25519 in a key (`signed-note`).
const ED25519: u8 = 1;

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose history.
    pub organization: OrganizationId,
    /// How many entries it has.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
}

/// Why a checkpoint doesn't count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The key that must have signed it can't be read.
    #[error("the key of the checkpoints can't be read: {0}")]
    Key(String),
    /// It isn't a signed note.
    #[error("the checkpoint isn't a signed note: {0}")]
    Note(String),
    /// It isn't signed by this key.
    #[error("the checkpoint's signature isn't valid: {0}")]
    Signature(String),
    /// The note's text isn't a checkpoint's.
    #[error("the checkpoint's text isn't of the form organization, size, root")]
    Text,
}

/// The organization (C2SP calls it the origin), the size and the root, a line each.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.organization, self.size, BASE64.encode(&self.root))
    }
}

/// Signs checkpoints under a name, and with the same key what the server says in history.
pub struct CheckpointSigner {
    pair: Ed25519KeyPair,
    secret: String,
    public: String,
}

impl CheckpointSigner {
    /// The signer with this Ed25519 seed, under a name without spaces and plus signs, such as `id.example.org`.
    ///
    /// # Errors
    /// [`CheckpointError::Key`] when the name can't be one.
    pub fn new(name: &str, seed: &[u8; 32]) -> Result<Self, CheckpointError> {
        let key = |error: &dyn fmt::Display| CheckpointError::Key(error.to_string());
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|error| key(&error))?;
        let typed = |bytes: &[u8]| [&[ED25519], bytes].concat();
        let public = typed(pair.public_key().as_ref());
        let hash = HEXLOWER.encode(&key_id(name, &public).to_be_bytes());
        let signer = Self {
            secret: format!("PRIVATE+KEY+{name}+{hash}+{}", BASE64.encode(&typed(seed))),
            public: format!("{name}+{hash}+{}", BASE64.encode(&public)),
            pair,
        };
        StandardSigner::new(&signer.secret).map_err(|error| key(&error))?;
        Ok(signer)
    }

    /// The key that checkpoints are verified by: `name+hash+base64`.
    pub fn key(&self) -> &str {
        &self.public
    }

    /// Ed25519 over a framed message: no note begins like one.
    pub fn sign_message(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }

    /// The checkpoint as a signed note.
    ///
    /// # Errors
    /// Never in practice: the key was tried when the signer was made, and a checkpoint is plain text.
    pub fn sign(&self, checkpoint: &Checkpoint) -> Result<String, CheckpointError> {
        let signer = StandardSigner::new(&self.secret).map_err(|error| CheckpointError::Key(error.to_string()))?;
        let note = |error: &dyn fmt::Display| CheckpointError::Note(error.to_string());
        let mut written = Note::new(checkpoint.to_string().as_bytes(), &[]).map_err(|error| note(&error))?;
        written.add_sigs(&[&signer]).map_err(|error| note(&error))?;
        String::from_utf8(written.to_bytes()).map_err(|error| note(&error))
    }
}

impl Checkpoint {
    /// Reads a signed note and verifies that this key signed it.
    ///
    /// # Errors
    /// When it isn't a checkpoint, or another key's.
    pub fn verify(note: &str, key: &str) -> Result<Self, CheckpointError> {
        let verifier = StandardVerifier::new(key).map_err(|error| CheckpointError::Key(error.to_string()))?;
        let note = Note::from_bytes(note.as_bytes()).map_err(|error| CheckpointError::Note(error.to_string()))?;
        note.verify(&VerifierList::new(vec![Box::new(verifier)])).map_err(|error| CheckpointError::Signature(error.to_string()))?;
        let text = std::str::from_utf8(note.text()).map_err(|_| CheckpointError::Text)?;
        let checkpoint = Self::read(text).ok_or(CheckpointError::Text)?;
        // Only one spelling of each.
        if checkpoint.to_string() == text { Ok(checkpoint) } else { Err(CheckpointError::Text) }
    }

    fn read(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let (organization, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        Some(Self {
            organization: organization.parse().ok()?,
            size: size.parse().ok()?,
            root: BASE64.decode(root.as_bytes()).ok()?.try_into().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::history::statement::server_key;

    fn checkpoint() -> Checkpoint {
        Checkpoint { organization: OrganizationId::from_bytes([1; 16]), size: 7, root: [2; 32] }
    }

    #[test]
    fn a_checkpoint_is_a_signed_note() {
        let signer = CheckpointSigner::new("id.example.org", &[3; 32]).unwrap();
        let note = signer.sign(&checkpoint()).unwrap();
        insta::assert_snapshot!(note, @"
        or-01040-g2081-040g2081040g2081
        7
        AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=

        — id.example.org eSNi6oe2vtNPObzgQggpyD24mjbRQOHDQeWMwe4f43eTR8t9cFd4dG7lDTfx9t/fDPCPr5NkJWLMlqIvKfW5XD0u/wo=
        ");
        assert_eq!(Checkpoint::verify(&note, signer.key()), Ok(checkpoint()));
    }

    /// Its base64 may have plus signs, which part a key's name from the rest, too.
    #[test]
    fn the_key_that_the_genesis_names_verifies_what_the_server_says() {
        for seed in 0..64 {
            let signer = CheckpointSigner::new("id.example.org:8443", &[seed; 32]).unwrap();
            let key = server_key(signer.key()).unwrap();
            assert_eq!(key.verify(b"said", &signer.sign_message(b"said")), Ok(()), "{}", signer.key());
        }
        for nonsense in ["", "id.example.org", "id.example.org+00000000+AAAA", "id.example.org+00000000+!"] {
            assert_eq!(server_key(nonsense), None);
        }
    }

    #[test]
    fn changed_or_signed_by_another_it_does_not_count() {
        let signer = CheckpointSigner::new("id.example.org", &[3; 32]).unwrap();
        let note = signer.sign(&checkpoint()).unwrap();
        let changed = note.replacen("\n7\n", "\n8\n", 1);
        assert!(matches!(Checkpoint::verify(&changed, signer.key()), Err(CheckpointError::Signature(_))));
        let other = CheckpointSigner::new("id.example.org", &[4; 32]).unwrap();
        assert!(matches!(Checkpoint::verify(&note, other.key()), Err(CheckpointError::Signature(_))));
        assert!(matches!(Checkpoint::verify("nonsense", signer.key()), Err(CheckpointError::Note(_))));
        assert!(matches!(Checkpoint::verify(&note, "nonsense"), Err(CheckpointError::Key(_))));
    }

    #[test]
    fn a_signed_text_counts_in_one_spelling() {
        let signer = CheckpointSigner::new("id.example.org", &[3; 32]).unwrap();
        let read = |text: &str| {
            let mut note = Note::new(text.as_bytes(), &[]).unwrap();
            note.add_sigs(&[&StandardSigner::new(&signer.secret).unwrap()]).unwrap();
            Checkpoint::verify(&String::from_utf8(note.to_bytes()).unwrap(), signer.key())
        };
        let text = checkpoint().to_string();
        assert_eq!(read(&text), Ok(checkpoint()));
        for other in [
            text.replace("\n7\n", "\n07\n"),
            text.replace("\n7\n", "\n+7\n"),
            text.replace("\n7\n", "\n-7\n"),
            text.replace("or-", "us-"),
            text.replace('=', ""),
            text.replace("AgICAg", ""),
            format!("{text}and more\n"),
            format!("{text}\n"),
            text.replacen('\n', "\n\n", 1),
            "\n".to_owned(),
        ] {
            assert_ne!(other, text);
            assert_eq!(read(&other), Err(CheckpointError::Text), "{other}");
        }
    }
}

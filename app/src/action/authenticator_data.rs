//! What the authenticator says about itself and the ceremony: `authenticatorData` (WebAuthn L3 §6.1).
//!
//! ```text
//! rpIdHash (32) │ flags (1) │ signCount (4) │ AAGUID (16) length (2) credential id, COSE key │ extensions
//!                                             └────────────── if AT is set ──────────────┘   └ if ED ┘
//! ```
//!
//! The two reserved flags (bits 1 and 5) are ignored, as the specification leaves their meaning to its next version;
//! should one of them ever announce more bytes, the exact length refuses them.

use thiserror::Error;

use super::cbor::{CborError, Reader};

/// The flags byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// UP: a person touched the authenticator.
    pub fn user_present(self) -> bool {
        self.has(0)
    }

    /// UV: the authenticator knows that it was its owner, by PIN or biometrics.
    pub fn user_verified(self) -> bool {
        self.has(2)
    }

    /// BE: the credential may be backed up, as synced passkeys are. It never changes.
    pub fn backup_eligible(self) -> bool {
        self.has(3)
    }

    /// BS: the credential is backed up now.
    pub fn backed_up(self) -> bool {
        self.has(4)
    }

    fn has_credential(self) -> bool {
        self.has(6)
    }

    fn has_extensions(self) -> bool {
        self.has(7)
    }

    fn has(self, bit: u8) -> bool {
        self.0 & (1 << bit) != 0
    }
}

/// Authenticator data, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticatorData<'a> {
    /// SHA-256 of the relying party id that the credential is for.
    pub rp_id_hash: [u8; 32],
    /// What happened, and what follows.
    pub flags: Flags,
    /// How often the credential has signed; 0 for ever where the authenticator doesn't count.
    pub sign_count: u32,
    /// The new credential, only in a registration.
    pub credential: Option<AttestedCredential<'a>>,
}

/// Attested credential data (WebAuthn L3 §6.5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttestedCredential<'a> {
    /// The authenticator's model; all zeros where it doesn't tell.
    pub aaguid: [u8; 16],
    /// The credential's id, of any length.
    pub credential_id: &'a [u8],
    /// The credential's public key: one well-formed CBOR value, not judged yet.
    pub public_key_cose: &'a [u8],
}

/// Why authenticator data was refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum AuthenticatorDataError {
    /// The bytes end too early.
    #[error("The authenticator data is too short for what it announces.")]
    Truncated,
    /// More bytes than the flags announce.
    #[error("The authenticator data has bytes after what it announces.")]
    TrailingBytes,
    /// BS without BE.
    #[error("The authenticator says that the passkey is backed up, and that it can't be.")]
    BackedUpButNotEligible,
    /// No CBOR where the public key should be.
    #[error("The authenticator data's public key can't be read. {0}")]
    PublicKey(#[source] CborError),
    /// No CBOR map where the extensions should be.
    #[error("The authenticator data's extensions can't be read. {0}")]
    Extensions(#[source] CborError),
}

impl<'a> AuthenticatorData<'a> {
    /// Takes the bytes apart, all of them.
    ///
    /// # Errors
    ///
    /// The bytes are not exactly what the flags announce, or the flags contradict each other.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, AuthenticatorDataError> {
        let mut rest = bytes;
        let rp_id_hash = take_array(&mut rest)?;
        let [flags] = take_array(&mut rest)?;
        let flags = Flags(flags);
        let sign_count = u32::from_be_bytes(take_array(&mut rest)?);
        // WebAuthn L3 §6.1.3: only what may be backed up can be.
        if flags.backed_up() && !flags.backup_eligible() {
            return Err(AuthenticatorDataError::BackedUpButNotEligible);
        }
        let credential = if flags.has_credential() { Some(take_credential(&mut rest)?) } else { None };
        if flags.has_extensions() {
            take_extensions(&mut rest)?;
        }
        if !rest.is_empty() {
            return Err(AuthenticatorDataError::TrailingBytes);
        }
        Ok(Self { rp_id_hash, flags, sign_count, credential })
    }
}

fn take_credential<'a>(rest: &mut &'a [u8]) -> Result<AttestedCredential<'a>, AuthenticatorDataError> {
    let aaguid = take_array(rest)?;
    let length = u16::from_be_bytes(take_array(rest)?);
    let (credential_id, after) = rest.split_at_checked(length.into()).ok_or(AuthenticatorDataError::Truncated)?;
    let mut reader = Reader::new(after);
    let public_key_cose = reader.item().map_err(AuthenticatorDataError::PublicKey)?;
    *rest = reader.rest();
    Ok(AttestedCredential { aaguid, credential_id, public_key_cose })
}

/// Extensions are a map from names to anything. None was asked for, and what an authenticator adds on its own is ignored
/// (WebAuthn L3 §9.4), but it must be there and end where it should.
fn take_extensions(rest: &mut &[u8]) -> Result<(), AuthenticatorDataError> {
    let mut reader = Reader::new(rest);
    reader.text_map().map_err(AuthenticatorDataError::Extensions)?;
    *rest = reader.rest();
    Ok(())
}

fn take_array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], AuthenticatorDataError> {
    let (array, after) = rest.split_first_chunk().ok_or(AuthenticatorDataError::Truncated)?;
    *rest = after;
    Ok(*array)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AT: u8 = 1 << 6;
    const ED: u8 = 1 << 7;

    fn bytes(flags: u8, rest: &[u8]) -> Vec<u8> {
        [&[0xab; 32][..], &[flags], &[0, 0, 1, 2], rest].concat()
    }

    fn credential(id: &[u8], key: &[u8]) -> Vec<u8> {
        let length = u16::try_from(id.len()).unwrap().to_be_bytes();
        [&[0xcd; 16][..], &length, id, key].concat()
    }

    #[test]
    fn the_plain_form_is_37_bytes() {
        let bytes = bytes(0b0000_0001, &[]);
        let data = AuthenticatorData::parse(&bytes).unwrap();
        assert_eq!(data.rp_id_hash, [0xab; 32]);
        assert_eq!(data.sign_count, 0x0102);
        assert_eq!(data.credential, None);
        assert!(data.flags.user_present());
        assert!(!data.flags.user_verified());
        for length in 0..37 {
            assert_eq!(AuthenticatorData::parse(&bytes[..length]), Err(AuthenticatorDataError::Truncated));
        }
    }

    #[test]
    fn flags_have_their_bits() {
        assert!(Flags(0x01).user_present());
        assert!(Flags(0x04).user_verified());
        assert!(Flags(0x08).backup_eligible());
        assert!(Flags(0x10).backed_up());
        assert!(Flags(0x40).has_credential());
        assert!(Flags(0x80).has_extensions());
    }

    #[test]
    fn reserved_flags_are_ignored() {
        assert!(AuthenticatorData::parse(&bytes(0b0010_0010, &[])).is_ok());
    }

    #[test]
    fn a_credential_is_read_whole() {
        let bytes = bytes(AT, &credential(b"0123456789abcdef", b"\xa1\x01\x02"));
        let credential = AuthenticatorData::parse(&bytes).unwrap().credential.unwrap();
        assert_eq!(credential.aaguid, [0xcd; 16]);
        assert_eq!(credential.credential_id, b"0123456789abcdef");
        assert_eq!(credential.public_key_cose, b"\xa1\x01\x02");
        for length in 37..bytes.len() {
            assert!(AuthenticatorData::parse(&bytes[..length]).is_err());
        }
    }

    #[test]
    fn extensions_follow_everything_else() {
        let extensions = b"\xa1\x6bhmac-secret\xf5";
        assert!(AuthenticatorData::parse(&bytes(ED, extensions)).is_ok());
        let both = [&credential(b"id", b"\xa0")[..], extensions].concat();
        assert!(AuthenticatorData::parse(&bytes(AT | ED, &both)).is_ok());
        assert_eq!(AuthenticatorData::parse(&bytes(ED, b"\x01")), Err(AuthenticatorDataError::Extensions(CborError::UnexpectedType)));
        assert_eq!(AuthenticatorData::parse(&bytes(ED, &[])), Err(AuthenticatorDataError::Extensions(CborError::Truncated)));
        assert_eq!(
            AuthenticatorData::parse(&bytes(ED, b"\xa2\x61a\x01\x61a\x01")),
            Err(AuthenticatorDataError::Extensions(CborError::DuplicateKey))
        );
    }

    #[test]
    fn bytes_that_nothing_announces_are_refused() {
        let trailing = Err(AuthenticatorDataError::TrailingBytes);
        assert_eq!(AuthenticatorData::parse(&bytes(0, b"\0")), trailing);
        assert_eq!(AuthenticatorData::parse(&bytes(0, &credential(b"id", b"\xa0"))), trailing);
        assert_eq!(AuthenticatorData::parse(&bytes(0, b"\xa0")), trailing);
        assert_eq!(AuthenticatorData::parse(&bytes(AT, &credential(b"id", b"\xa0\xa0"))), trailing);
        assert_eq!(AuthenticatorData::parse(&bytes(ED, b"\xa0\0")), trailing);
    }

    #[test]
    fn backed_up_implies_eligible() {
        assert_eq!(AuthenticatorData::parse(&bytes(0b0001_0000, &[])), Err(AuthenticatorDataError::BackedUpButNotEligible));
        let bytes = bytes(0b0001_1000, &[]);
        let flags = AuthenticatorData::parse(&bytes).unwrap().flags;
        assert!(flags.backup_eligible() && flags.backed_up());
    }

    #[test]
    fn a_key_that_is_no_cbor_is_refused() {
        assert_eq!(
            AuthenticatorData::parse(&bytes(AT, &credential(b"id", b"\xbf\xff"))),
            Err(AuthenticatorDataError::PublicKey(CborError::IndefiniteLength))
        );
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(
            flags in any::<u8>(),
            rest in proptest::collection::vec(any::<u8>(), 0..100),
            cut in 0..140_usize,
        ) {
            let bytes = bytes(flags, &rest);
            let _ = AuthenticatorData::parse(&bytes);
            let _ = AuthenticatorData::parse(&bytes[..cut.min(bytes.len())]);
        }
    }
}

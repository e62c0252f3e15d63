//! A recovery key shows that its owner holds it by signing a challenge: of its registration, or of a test of the kit. And
//! once, when everything else is lost, it signs a document: that of a recovery. Each has a tag of its own, so that no
//! signature does for anything else.
//!
//! Without the first, a browser could register somebody else's public key, or one that nobody holds.

use super::challenge::{Purpose, frame};

/// What a new recovery key signs: the registration's challenge, framed for [`Purpose::RecoveryKey`].
pub fn recovery_key_message(challenge: &[u8]) -> Vec<u8> {
    frame(Purpose::RecoveryKey, challenge)
}

/// What a recovery key signs when its kit is tested: the test's challenge, framed for [`Purpose::RecoveryKeyTest`].
pub fn recovery_test_message(challenge: &[u8]) -> Vec<u8> {
    frame(Purpose::RecoveryKeyTest, challenge)
}

/// What a recovery key signs to recover an account: the document, framed for [`Purpose::Recovery`].
pub fn recovery_message(document: &[u8]) -> Vec<u8> {
    frame(Purpose::Recovery, document)
}

/// Verifies that the owner of an Ed25519 public key (32 bytes, RFC 8032) signed [`recovery_key_message`].
///
/// # Errors
///
/// The signature isn't valid, or the key isn't.
#[cfg(feature = "ssr")]
pub fn verify_recovery_key(public_key: &[u8; 32], challenge: &[u8], signature: &[u8]) -> Result<(), super::cose::InvalidSignature> {
    super::cose::PublicKey::Ed25519(*public_key).verify(&recovery_key_message(challenge), signature)
}

/// Verifies that the owner of an Ed25519 public key (32 bytes, RFC 8032) signed [`recovery_test_message`].
///
/// # Errors
///
/// The signature isn't valid, or the key isn't.
#[cfg(feature = "ssr")]
pub fn verify_recovery_test(public_key: &[u8; 32], challenge: &[u8], signature: &[u8]) -> Result<(), super::cose::InvalidSignature> {
    super::cose::PublicKey::Ed25519(*public_key).verify(&recovery_test_message(challenge), signature)
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use ring::signature::{Ed25519KeyPair, KeyPair};

    use super::*;
    use crate::action::cose::InvalidSignature;

    #[test]
    fn only_a_signature_over_the_framed_challenge_counts() {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[1; 32]).unwrap();
        let key: [u8; 32] = pair.public_key().as_ref().try_into().unwrap();
        let signature = pair.sign(b"countersign/recovery-key/v1\0\0\0\0\x09challenge");

        assert_eq!(verify_recovery_key(&key, b"challenge", signature.as_ref()), Ok(()));

        let refused = Err(InvalidSignature);
        assert_eq!(verify_recovery_key(&key, b"challengf", signature.as_ref()), refused);
        assert_eq!(verify_recovery_key(&[2; 32], b"challenge", signature.as_ref()), refused);
        assert_eq!(verify_recovery_key(&key, b"challenge", &signature.as_ref()[1..]), refused);
        assert_eq!(verify_recovery_key(&key, b"challenge", b""), refused);
        let test = pair.sign(&recovery_test_message(b"challenge"));
        assert_eq!(verify_recovery_key(&key, b"challenge", test.as_ref()), refused);
        assert_eq!(verify_recovery_test(&key, b"challenge", test.as_ref()), Ok(()));
        assert_eq!(verify_recovery_test(&key, b"challenge", signature.as_ref()), refused);
        let unframed = pair.sign(b"challenge");
        assert_eq!(verify_recovery_key(&key, b"challenge", unframed.as_ref()), refused);
    }
}

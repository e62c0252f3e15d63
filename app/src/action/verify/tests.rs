use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use ring::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};

use super::*;
use crate::action::challenge::sha256;
use crate::action::cose::{KEY_ALGORITHMS, PASSKEY_ALGORITHMS};

const RP_ID: &str = "example.org";
const ORIGIN: &str = "https://example.org";
// "AQID" in base64url.
const CHALLENGE: &[u8] = &[1, 2, 3];
const CREDENTIAL_ID: &[u8] = b"0123456789abcdef";

const UP: u8 = 1;
const UV: u8 = 1 << 2;
const BE: u8 = 1 << 3;
const BS: u8 = 1 << 4;
const AT: u8 = 1 << 6;

fn client_data(kind: &str) -> Vec<u8> {
    format!(r#"{{"type":"{kind}","challenge":"AQID","origin":"{ORIGIN}","crossOrigin":false}}"#).into_bytes()
}

fn authenticator_data(flags: u8, sign_count: u32, rest: &[u8]) -> Vec<u8> {
    [&sha256(RP_ID.as_bytes())[..], &[flags], &sign_count.to_be_bytes(), rest].concat()
}

fn es256() -> SigningKey {
    SigningKey::from_slice(&[7; 32]).unwrap()
}

fn es256_cose() -> Vec<u8> {
    let point = es256().verifying_key().to_encoded_point(false);
    let (x, y) = (point.x().unwrap(), point.y().unwrap());
    [b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20", &x[..], b"\x22\x58\x20", y].concat()
}

fn sign_es256(message: &[u8]) -> Vec<u8> {
    let signature: Signature = es256().sign(message);
    signature.to_der().as_bytes().to_vec()
}

/// A signature by an ES256 passkey that verifies its owner, and what it is checked against; each test spoils one thing.
struct Story {
    client_data: Vec<u8>,
    authenticator_data: Vec<u8>,
    user_verification: UserVerification,
    public_key: Vec<u8>,
    algorithm: Algorithm,
    stored_sign_count: u32,
    stored_backup_eligible: Option<bool>,
    sign: fn(&[u8]) -> Vec<u8>,
}

impl Story {
    fn good() -> Self {
        Self {
            client_data: client_data("webauthn.get"),
            authenticator_data: authenticator_data(UP | UV, 5, &[]),
            user_verification: UserVerification::Required,
            public_key: es256_cose(),
            algorithm: Algorithm::Es256,
            stored_sign_count: 4,
            stored_backup_eligible: None,
            sign: sign_es256,
        }
    }

    fn flags(flags: u8) -> Self {
        Self { authenticator_data: authenticator_data(flags, 5, &[]), ..Self::good() }
    }

    fn counts(flags: u8, stored: u32, received: u32) -> Self {
        Self { authenticator_data: authenticator_data(flags, received, &[]), stored_sign_count: stored, ..Self::good() }
    }

    fn message(&self) -> Vec<u8> {
        [&self.authenticator_data[..], &sha256(&self.client_data)].concat()
    }

    fn end(&self) -> Result<VerifiedAssertion, AssertionError> {
        self.end_with(&(self.sign)(&self.message()))
    }

    fn end_with(&self, signature: &[u8]) -> Result<VerifiedAssertion, AssertionError> {
        let relying_party = RelyingParty::new(RP_ID, ORIGIN);
        verify_assertion(
            &Expected { relying_party: &relying_party, challenge: CHALLENGE, user_verification: self.user_verification },
            &StoredCredential {
                public_key_cose: &self.public_key,
                algorithm: self.algorithm,
                sign_count: self.stored_sign_count,
                backup_eligible: self.stored_backup_eligible,
            },
            &Assertion { client_data_json: &self.client_data, authenticator_data: &self.authenticator_data, signature },
        )
    }
}

#[test]
fn a_good_assertion_is_accepted() {
    assert_eq!(Story::good().end(), Ok(VerifiedAssertion { sign_count: 5, backup_eligible: false, backed_up: false, user_verified: true }));
    assert_eq!(
        Story::flags(UP | UV | BE | BS).end(),
        Ok(VerifiedAssertion { sign_count: 5, backup_eligible: true, backed_up: true, user_verified: true })
    );
}

#[test]
fn every_algorithm_signs() {
    const RSA: &[u8] = include_bytes!("../../../tests/vectors/rsa-2048.pk8");

    fn sign_rs256(message: &[u8]) -> Vec<u8> {
        let key = RsaKeyPair::from_pkcs8(RSA).unwrap();
        let mut signature = vec![0; key.public().modulus_len()];
        let random = ring::rand::SystemRandom::new();
        key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
        signature
    }

    fn sign_ed25519(message: &[u8]) -> Vec<u8> {
        let key = Ed25519KeyPair::from_seed_unchecked(&[3; 32]).unwrap();
        key.sign(message).as_ref().to_vec()
    }

    let rsa = RsaKeyPair::from_pkcs8(RSA).unwrap();
    let rsa: ring::rsa::PublicKeyComponents<Vec<u8>> = rsa.public().into();
    let rs256 = Story {
        public_key: [b"\xa4\x01\x03\x03\x39\x01\x00\x20\x59\x01\x00", &rsa.n[..], b"\x21\x43", &rsa.e].concat(),
        algorithm: Algorithm::Rs256,
        sign: sign_rs256,
        ..Story::good()
    };
    assert!(rs256.end().is_ok());

    let ed25519 = Ed25519KeyPair::from_seed_unchecked(&[3; 32]).unwrap();
    let ed25519 = Story {
        public_key: [b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20", ed25519.public_key().as_ref()].concat(),
        algorithm: Algorithm::Ed25519,
        sign: sign_ed25519,
        ..Story::good()
    };
    assert!(ed25519.end().is_ok());

    for story in [rs256, ed25519] {
        let mut signature = (story.sign)(&story.message());
        signature[10] ^= 1;
        assert_eq!(story.end_with(&signature), Err(AssertionError::InvalidSignature));
    }
}

#[test]
fn client_data_of_another_ceremony_is_refused() {
    let story = Story { client_data: client_data("webauthn.create"), ..Story::good() };
    assert!(matches!(story.end(), Err(AssertionError::Ceremony(CeremonyError::ClientData(ClientDataError::TypeDiffers { .. })))));
}

#[test]
fn authenticator_data_with_more_bytes_is_refused() {
    let story = Story { authenticator_data: authenticator_data(UP | UV, 5, &[0]), ..Story::good() };
    assert_eq!(story.end(), Err(CeremonyError::from(AuthenticatorDataError::TrailingBytes).into()));
}

#[test]
fn another_relying_party_is_refused() {
    let mut story = Story::good();
    story.authenticator_data[0] ^= 1;
    assert_eq!(story.end(), Err(CeremonyError::RelyingPartyDiffers.into()));
}

#[test]
fn an_absent_user_is_refused() {
    assert_eq!(Story::flags(UV).end(), Err(CeremonyError::UserAbsent.into()));
    let story = Story { user_verification: UserVerification::Preferred, ..Story::flags(0) };
    assert_eq!(story.end(), Err(CeremonyError::UserAbsent.into()));
}

#[test]
fn an_unverified_user_is_refused_where_verification_is_required() {
    assert_eq!(Story::flags(UP).end(), Err(CeremonyError::UserNotVerified.into()));
    let story = Story { user_verification: UserVerification::Preferred, ..Story::flags(UP) };
    assert!(!story.end().unwrap().user_verified);
}

#[test]
fn backed_up_without_eligible_is_refused() {
    assert_eq!(Story::flags(UP | UV | BS).end(), Err(CeremonyError::from(AuthenticatorDataError::BackedUpButNotEligible).into()));
}

#[test]
fn a_new_credential_in_an_assertion_is_refused() {
    let credential = attested(CREDENTIAL_ID, &es256_cose());
    let story = Story { authenticator_data: authenticator_data(UP | UV | AT, 5, &credential), ..Story::good() };
    assert_eq!(story.end(), Err(AssertionError::UnexpectedCredential));
}

#[test]
fn backup_eligibility_never_changes() {
    for (flags, stored, accepted) in [
        (UP | UV, Some(false), true),
        (UP | UV, Some(true), false),
        (UP | UV, None, true),
        (UP | UV | BE, Some(false), false),
        (UP | UV | BE, Some(true), true),
        (UP | UV | BE, None, true),
    ] {
        let end = Story { stored_backup_eligible: stored, ..Story::flags(flags) }.end();
        if accepted {
            assert!(end.is_ok());
        } else {
            assert_eq!(end, Err(AssertionError::BackupEligibilityChanged));
        }
    }
}

#[test]
fn the_stored_algorithm_is_the_only_one() {
    let story = Story { algorithm: Algorithm::Rs256, ..Story::good() };
    assert_eq!(story.end(), Err(AssertionError::PublicKey(CoseError::AlgorithmNotAllowed(Algorithm::Es256))));
}

#[test]
fn signatures_over_anything_else_are_refused() {
    let story = Story::good();
    let good = (story.sign)(&story.message());
    let cut = &good[..good.len() - 1];
    let longer = [&good[..], &[0]].concat();
    let of_another_message = sign_es256(b"something else");
    // WebAuthn has DER only, never the two numbers side by side.
    let fixed: Signature = es256().sign(&story.message());
    let fixed = fixed.to_bytes();
    for signature in [&[][..], cut, &longer, &of_another_message, &fixed[..]] {
        assert_eq!(story.end_with(signature), Err(AssertionError::InvalidSignature));
    }
    let mut another_key = story;
    another_key.public_key = {
        let point = SigningKey::from_slice(&[8; 32]).unwrap().verifying_key().to_encoded_point(false);
        let (x, y) = (point.x().unwrap(), point.y().unwrap());
        [b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20", &x[..], b"\x22\x58\x20", y].concat()
    };
    assert_eq!(another_key.end(), Err(AssertionError::InvalidSignature));
}

#[test]
fn sign_counts_only_grow() {
    for (flags, stored, received, accepted) in [
        (UP | UV, 0, 0, true),
        (UP | UV, 0, 1, true),
        (UP | UV, 4, 5, true),
        (UP | UV, 4, u32::MAX, true),
        (UP | UV, 4, 4, false),
        (UP | UV, 4, 3, false),
        (UP | UV, 4, 0, false),
        (UP | UV | BE, 4, 3, false),
        (UP | UV | BE | BS, 4, 4, true),
        (UP | UV | BE | BS, 4, 3, true),
        (UP | UV | BE | BS, 4, 0, true),
    ] {
        let end = Story::counts(flags, stored, received).end();
        if accepted {
            assert_eq!(end.unwrap().sign_count, received);
        } else {
            assert_eq!(end, Err(AssertionError::SignCountWentBack { stored, received }));
        }
    }
}

#[test]
fn who_cannot_sign_raises_no_alarm_about_copies() {
    let story = Story::counts(UP | UV, 4, 3);
    assert_eq!(story.end_with(&sign_es256(b"something else")), Err(AssertionError::InvalidSignature));
}

fn attested(id: &[u8], public_key: &[u8]) -> Vec<u8> {
    let length = u16::try_from(id.len()).unwrap().to_be_bytes();
    [&[0xcd; 16][..], &length, id, public_key].concat()
}

/// `{"fmt": "none", "attStmt": {}, "authData": data}`
fn attestation_object(data: &[u8]) -> Vec<u8> {
    [b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData", &byte_string(data)[..]].concat()
}

fn byte_string(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    let head = if bytes.len() < 256 { vec![0x58, length[1]] } else { vec![0x59, length[0], length[1]] };
    [&head[..], bytes].concat()
}

fn register(attestation_object: &[u8]) -> Result<NewCredential, RegistrationError> {
    register_as(&client_data("webauthn.create"), CREDENTIAL_ID, attestation_object, PASSKEY_ALGORITHMS)
}

fn register_as(
    client_data: &[u8],
    credential_id: &[u8],
    attestation_object: &[u8],
    allowed: &[Algorithm],
) -> Result<NewCredential, RegistrationError> {
    let relying_party = RelyingParty::new(RP_ID, ORIGIN);
    let expected = Expected { relying_party: &relying_party, challenge: CHALLENGE, user_verification: UserVerification::Required };
    let registration = Registration { credential_id, client_data_json: client_data, attestation_object };
    check_registration(&expected, &registration, allowed)
}

fn good_data() -> Vec<u8> {
    authenticator_data(UP | UV | BE | AT, 9, &attested(CREDENTIAL_ID, &es256_cose()))
}

#[test]
fn a_good_registration_is_accepted() {
    assert_eq!(
        register(&attestation_object(&good_data())),
        Ok(NewCredential {
            credential_id: CREDENTIAL_ID.to_vec(),
            public_key_cose: es256_cose(),
            algorithm: Algorithm::Es256,
            sign_count: 9,
            aaguid: [0xcd; 16],
            backup_eligible: true,
            backed_up: false,
            user_verified: true,
        })
    );
}

#[test]
fn both_ceremonies_share_their_rules() {
    let object = attestation_object(&good_data());
    assert!(matches!(
        register_as(&client_data("webauthn.get"), CREDENTIAL_ID, &object, PASSKEY_ALGORITHMS),
        Err(RegistrationError::Ceremony(CeremonyError::ClientData(ClientDataError::TypeDiffers { .. })))
    ));
    for (flags, error) in [
        (UV | AT, CeremonyError::UserAbsent),
        (UP | AT, CeremonyError::UserNotVerified),
        (UP | UV | BS | AT, AuthenticatorDataError::BackedUpButNotEligible.into()),
    ] {
        let data = authenticator_data(flags, 0, &attested(CREDENTIAL_ID, &es256_cose()));
        assert_eq!(register(&attestation_object(&data)), Err(error.into()));
    }
    let mut data = good_data();
    data.push(0);
    let trailing = CeremonyError::from(AuthenticatorDataError::TrailingBytes);
    assert_eq!(register(&attestation_object(&data)), Err(trailing.into()));
    let mut data = good_data();
    data[0] ^= 1;
    assert_eq!(register(&attestation_object(&data)), Err(CeremonyError::RelyingPartyDiffers.into()));
}

#[test]
fn a_registration_has_a_credential() {
    let data = authenticator_data(UP | UV, 0, &[]);
    assert_eq!(register(&attestation_object(&data)), Err(RegistrationError::NoCredential));
}

#[test]
fn credential_ids_have_16_to_1023_bytes() {
    let with_id = |id: &[u8]| {
        let data = authenticator_data(UP | UV | AT, 0, &attested(id, &es256_cose()));
        register_as(&client_data("webauthn.create"), id, &attestation_object(&data), PASSKEY_ALGORITHMS)
    };
    for length in [16, 32, 1023] {
        assert_eq!(with_id(&vec![1; length]).unwrap().credential_id.len(), length);
    }
    for length in [0, 15, 1024] {
        assert_eq!(with_id(&vec![1; length]), Err(RegistrationError::CredentialIdLength(length)));
    }
}

#[test]
fn the_credential_id_is_the_authenticators() {
    let object = attestation_object(&good_data());
    assert_eq!(
        register_as(&client_data("webauthn.create"), b"0123456789abcdeg", &object, PASSKEY_ALGORITHMS),
        Err(RegistrationError::CredentialIdDiffers)
    );
}

#[test]
fn only_allowed_keys_are_registered() {
    let key = [b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20", &[9_u8; 32][..]].concat();
    let data = authenticator_data(UP | UV | AT, 0, &attested(CREDENTIAL_ID, &key));
    let object = attestation_object(&data);
    assert_eq!(register(&object), Err(RegistrationError::PublicKey(CoseError::AlgorithmNotAllowed(Algorithm::Ed25519))));
    let registered = register_as(&client_data("webauthn.create"), CREDENTIAL_ID, &object, KEY_ALGORITHMS);
    assert_eq!(registered.unwrap().algorithm, Algorithm::Ed25519);
}

#[test]
fn keys_that_are_not_canonical_are_refused() {
    let good = es256_cose();
    let unsorted = [b"\xa5\x03\x26\x01\x02", &good[5..]].concat();
    let data = authenticator_data(UP | UV | AT, 0, &attested(CREDENTIAL_ID, &unsorted));
    assert_eq!(register(&attestation_object(&data)), Err(RegistrationError::PublicKey(CoseError::Cbor(CborError::KeysNotSorted))));
}

#[test]
fn attestation_objects_have_exactly_three_members() {
    let data = byte_string(&good_data());
    let members = Err(RegistrationError::AttestationMembers);
    let fewer = [b"\xa2\x63fmt\x64none\x68authData", &data[..]].concat();
    assert_eq!(register(&fewer), members);
    let more = [b"\xa4\x63fmt\x64none\x67attStmt\xa0\x68authData", &data[..], b"\x62ep\xf5"].concat();
    assert_eq!(register(&more), members);
    let other = [b"\xa3\x63fmt\x64none\x67attstmt\xa0\x68authData", &data[..]].concat();
    assert_eq!(register(&other), members);

    let any_order = [b"\xa3\x68authData", &data[..], b"\x67attStmt\xa0\x63fmt\x64none"].concat();
    assert!(register(&any_order).is_ok());
}

#[test]
fn attestation_objects_are_one_well_formed_map() {
    let refused = |bytes: &[u8], error| {
        assert_eq!(register(bytes), Err(RegistrationError::AttestationObject(error)));
    };
    let good = attestation_object(&good_data());
    refused(b"", CborError::Truncated);
    refused(b"\x80", CborError::UnexpectedType);
    refused(&good[..good.len() - 1], CborError::Truncated);
    refused(&[&good[..], &[0]].concat(), CborError::TrailingBytes);
    refused(&[b"\xbf", &good[1..], b"\xff"].concat(), CborError::IndefiniteLength);
    let data = byte_string(&good_data());
    refused(&[b"\xa3\x63fmt\x00\x67attStmt\xa0\x68authData", &data[..]].concat(), CborError::UnexpectedType);
    refused(&[b"\xa3\x63fmt\x64none\x67attStmt\x80\x68authData", &data[..]].concat(), CborError::UnexpectedType);
    refused(b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x60", CborError::UnexpectedType);
    refused(&[b"\xa4\x63fmt\x64none\x63fmt\x64none\x67attStmt\xa0\x68authData", &data[..]].concat(), CborError::DuplicateKey);
}

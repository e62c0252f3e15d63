//! `authenticatorData`, by itself and in an attestation object.

use super::{
    Growing, Target,
    cases::{CHALLENGE, ORIGIN, RELYING_PARTY, SIGNED},
};
use app::action::{
    authenticator_data::AuthenticatorData,
    client_data::Ceremony,
    cose::{PASSKEY_ALGORITHMS, PublicKey},
    verify::{
        Assertion, Expected, NewCredential, Registration, RegistrationError, StoredCredential, UserVerification, check_assertion,
        check_registration,
    },
};
use data_encoding::BASE64URL_NOPAD;

pub const TARGET: Target = Target { name: "authenticator_data", check, words: WORDS, growing };

const WORDS: &[&[u8]] = &[
    b"\xa0",
    b"\xa1",
    b"\xa3",
    b"\xbf",
    b"\xff",
    b"\x40",
    b"\x58\x20",
    b"\x59\x01\x00",
    b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x81\x81\x81\x81\x81\x81\x81\x81\x81",
    b"\xc0",
    b"\xf5",
    b"\xf6",
    b"\xf8\x20",
    b"\xfb\0\0\0\0\0\0\0\0",
    b"\x18\x17",
    b"\x63fmt",
    b"\x64none",
    b"\x67attStmt",
    b"\x68authData",
    b"\xa1\x6bhmac-secret\xf5",
    b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20",
];

fn growing() -> Vec<Growing> {
    // The hash, the flags with that of extensions, the count; then whatever the extensions begin with.
    let extensions = |begun: &[u8]| [&[0; 32][..], &[0x85], &[0, 0, 0, 1], begun].concat();
    vec![
        Growing::new(&extensions(b"\xb9\xff\xff"), b"\x66#\x00", b""),
        Growing::new(&extensions(b"\xa1\x61a\xba\xff\xff\xff\xff"), b"\x00", b""),
        Growing::new(&extensions(b"\xa1\x61a\x99\xff\xff"), b"\x81", b""),
        Growing::new(&extensions(b"\xa1\x61a\x99\xff\xff"), b"\x80", b""),
        Growing::new(&extensions(b"\xa1\x61a\x79\xf0\x00"), b"a", b""),
        Growing::new(b"\xb9\xff\xff", b"\x66#\x00", b""),
    ]
}

fn check(bytes: &[u8]) -> bool {
    let is_object = register(bytes).is_ok();
    let Ok(data) = AuthenticatorData::parse(bytes) else { return is_object };
    assert!(!is_object, "it is an attestation object as well");

    // Every byte is accounted for, and there is one way to write it.
    let (head, mut rest) = bytes.split_at(37);
    assert_eq!((&head[..32], &head[33..]), (&data.rp_id_hash[..], &data.sign_count.to_be_bytes()[..]));
    let bit = |number: u8| head[32] & (1 << number) != 0;
    assert_eq!((data.flags.user_present(), data.flags.user_verified()), (bit(0), bit(2)));
    assert_eq!((data.flags.backup_eligible(), data.flags.backed_up()), (bit(3), bit(4)));
    assert!(bit(3) || !bit(4), "backed up, and can't be");
    assert_eq!(data.credential.is_some(), bit(6));
    if let Some(credential) = &data.credential {
        let length = u16::try_from(credential.credential_id.len()).unwrap().to_be_bytes();
        let written = [&credential.aaguid[..], &length, credential.credential_id, credential.public_key_cose].concat();
        rest = rest.strip_prefix(written.as_slice()).expect("the credential is as it was written");
    }
    assert_eq!(!rest.is_empty(), bit(7), "extensions, as the flags say");
    assert!(AuthenticatorData::parse(&bytes[..bytes.len() - 1]).is_err(), "a byte less is no authenticator data");
    assert!(AuthenticatorData::parse(&[bytes, b"\0"].concat()).is_err(), "a byte more is no authenticator data");

    let is_ours = data.rp_id_hash == RELYING_PARTY.id_hash;
    let is_owner = bit(0) && bit(2);
    for (before, eligible) in [(0, None), (7, None), (u32::MAX, Some(true)), (0, Some(false))] {
        // Copies of a passkey that is backed up count by themselves.
        let counts = data.sign_count > before || (data.sign_count, before) == (0, 0) || bit(4);
        let is_same = eligible.is_none_or(|eligible| eligible == bit(3));
        let expected = is_ours && is_owner && data.credential.is_none() && counts && is_same;
        assert_eq!(asserts(bytes, before, eligible), expected, "after {before} signatures, {eligible:?}");
    }
    if let Some(credential) = &data.credential {
        let object = attestation_object(bytes);
        let (id, key) = (credential.credential_id, credential.public_key_cose);
        let new = register_as(&object, id);
        let is_sound = (16..=1023).contains(&id.len()) && PublicKey::from_cose(key, PASSKEY_ALGORITHMS).is_ok();
        assert_eq!(new.is_ok(), is_ours && is_owner && is_sound, "{new:?}");
        if let Ok(new) = new {
            assert_eq!((new.credential_id.as_slice(), new.public_key_cose.as_slice()), (id, key));
            assert!(register_as(&object, &[id, b"\0"].concat()).is_err(), "it counts under another id");
        }
    }
    true
}

fn expected() -> Expected<'static> {
    Expected { relying_party: &RELYING_PARTY, challenge: CHALLENGE, user_verification: UserVerification::Required }
}

/// Whether a passkey's signature over this would count, after what is known of the passkey.
fn asserts(authenticator_data: &[u8], sign_count: u32, backup_eligible: Option<bool>) -> bool {
    let signed = &SIGNED[0];
    let stored = StoredCredential { public_key_cose: &signed.key_cose, algorithm: signed.key.algorithm(), sign_count, backup_eligible };
    let assertion = Assertion { client_data_json: &signed.client_data, authenticator_data, signature: b"" };
    check_assertion(&expected(), &stored, &assertion, &[0; 32]).is_ok_and(|checked| checked.signature_was_valid().is_ok())
}

/// `{"fmt": "none", "attStmt": {}, "authData": …}` in CBOR.
fn attestation_object(authenticator_data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(authenticator_data.len()).unwrap().to_be_bytes();
    let length = match length {
        [0, 0, 0, short @ 0..24] => vec![0x40 | short],
        [0, 0, 0, long] => vec![0x58, long],
        [0, 0, high, low] => vec![0x59, high, low],
        [..] => [&[0x5a], &length[..]].concat(),
    };
    [b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData", length.as_slice(), authenticator_data].concat()
}

fn register_as(attestation_object: &[u8], credential_id: &[u8]) -> Result<NewCredential, RegistrationError> {
    let kind = Ceremony::Registration.client_data_type();
    let challenge = BASE64URL_NOPAD.encode(CHALLENGE);
    let client_data = format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{ORIGIN}"}}"#);
    let registration = Registration { credential_id, client_data_json: client_data.as_bytes(), attestation_object };
    check_registration(&expected(), &registration, PASSKEY_ALGORITHMS)
}

/// The input as an attestation object, under the id that the cases have.
fn register(bytes: &[u8]) -> Result<NewCredential, RegistrationError> {
    let new = register_as(bytes, &[0x1d; 16])?;
    assert_eq!(new.credential_id, [0x1d; 16]);
    let data = [&RELYING_PARTY.id_hash[..], &[0]].concat();
    assert!(bytes.windows(32).any(|window| window == &data[..32]), "it is for another relying party");
    Ok(new)
}

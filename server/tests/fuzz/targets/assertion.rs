//! A passkey's signature with what it is over: `case (1) │ length (2) authenticatorData │ length (2) clientDataJSON │ signature`.
//! The case says which signature it may be, of those that count; nothing but that one does.

use super::{
    Growing, Target,
    cases::{CHALLENGE, RELYING_PARTY, SIGNED, Signed},
};
use app::action::{
    challenge::sha256,
    cose::Algorithm,
    ecdsa::fixed_from_der,
    verify::{Assertion, Expected, StoredCredential, UserVerification, verify_assertion},
};

pub const TARGET: Target = Target { name: "assertion", check, words: WORDS, growing };

const WORDS: &[&[u8]] = &[
    b"\x30\x44\x02\x20",
    b"\x30\x45\x02\x21\x00",
    b"\x30\x46\x02\x21\x00",
    b"\x02\x21\x00",
    b"\x02\x20",
    b"\x02\x81\x20",
    b"\x30\x81\x44",
    b"\x02\x01\x00",
    b"\x02\x01\x01",
    b"\x00",
    // The order of P-256.
    b"\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51",
    b"\"crossOrigin\":true",
    b"\"type\":\"webauthn.get\"",
];

fn growing() -> Vec<Growing> {
    vec![Growing::new(b"\x00\x00\x00\x00\x00", b"\x30\x44", b""), Growing::new(b"\x01\x00\x00\x00\x00", b"\xff", b"")]
}

/// The input that a signature is.
pub fn input(case: u8, authenticator_data: &[u8], client_data: &[u8], signature: &[u8]) -> Vec<u8> {
    let length = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap().to_be_bytes();
    [&[case], &length(authenticator_data)[..], authenticator_data, &length(client_data), client_data, signature].concat()
}

fn check(bytes: &[u8]) -> bool {
    let Some((case, rest)) = bytes.split_first() else { return false };
    let signed = &SIGNED[usize::from(*case) % SIGNED.len()];
    let Some((authenticator_data, rest)) = part(rest) else { return false };
    let Some((client_data_json, signature)) = part(rest) else { return false };

    // Over what was signed there is no other signature, but for the one that ECDSA always has beside it.
    let message = [signed.authenticator_data.as_slice(), &sha256(&signed.client_data)].concat();
    if signed.key.verify(&message, signature).is_ok() {
        assert!(is_made(signed, signature), "another signature is valid as well: {signature:02x?}");
    }
    let stored = StoredCredential {
        public_key_cose: &signed.key_cose,
        algorithm: signed.key.algorithm(),
        sign_count: signed.stored.sign_count,
        backup_eligible: signed.stored.backup_eligible,
    };
    let user_verification = if signed.is_verification_required { UserVerification::Required } else { UserVerification::Preferred };
    let expected = Expected { relying_party: &RELYING_PARTY, challenge: CHALLENGE, user_verification };
    let verdict = verify_assertion(&expected, &stored, &Assertion { client_data_json, authenticator_data, signature });
    if verdict.is_ok() {
        // The same key made several.
        let mut own = SIGNED.iter().filter(|other| other.key == signed.key);
        let made = own.find(|made| made.authenticator_data == authenticator_data && made.client_data == client_data_json);
        assert!(made.is_some_and(|made| is_made(made, signature)), "nobody signed this");
    }
    verdict.is_ok()
}

/// Some bytes behind their length.
fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}

/// Whether it is the signature that was made, or the one that anybody can make from it: with -s in place of s.
fn is_made(signed: &Signed, signature: &[u8]) -> bool {
    if signed.key.algorithm() != Algorithm::Es256 {
        return signature == signed.signature;
    }
    // What the server takes for a signature, the browser must be able to read.
    let (made, found) = (fixed_from_der(&signed.signature).unwrap(), fixed_from_der(signature).expect("it is DER"));
    made[..32] == found[..32]
}

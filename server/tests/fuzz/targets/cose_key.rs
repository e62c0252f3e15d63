//! Public keys: as COSE keys, in DER, in PEM, and in what a program presents of a new key.

use super::{Growing, Target, json};
use app::{
    action::{
        bytes::Bytes,
        cose::{KEY_ALGORITHMS, PASSKEY_ALGORITHMS, PublicKey},
        key::NewKey,
    },
    domain::text::{KeyId, PublicKeyPem},
};

pub const TARGET: Target = Target { name: "cose_key", check, words: WORDS, growing };

const WORDS: &[&[u8]] = &[
    b"\xa4\x01\x03\x03\x39\x01\x00\x20",
    b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20",
    b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20",
    b"\x22\x58\x20",
    b"\x22\xf5",
    b"\x21\x43\x01\x00\x01",
    b"\x21\x44\xff\xff\xff\xff",
    b"\x59\x01\x00",
    b"\x04\x81\x02",
    b"\xbf",
    b"\xff",
    b"\x38\x22",
    b"\x02\x03\x01\x00\x01",
    b"\x30\x82",
    b"\x30\x84\xff\xff\xff\xff",
    b"\x30\x80",
    b"\x02\x82\x01\x01\x00",
    b"\x03\x82",
    b"-----BEGIN PUBLIC KEY-----",
    b"-----END PUBLIC KEY-----",
    b"-----BEGIN PUBLIC KEY-----\\n",
    b"{\"publicKey\":\"",
    b"\",\"signature\":\"00\"}",
    b"=",
    b"\n",
];

fn growing() -> Vec<Growing> {
    let mut all = json::growing();
    all.extend([
        Growing::new(b"\xb9\xff\xff", b"\x1a#", b""),
        Growing::new(b"\xb9\xff\xff", b"\x00\x00", b""),
        Growing::new(b"\xa1\x03\x59\xf0\x00", b"a", b""),
        Growing::new(b"-----BEGIN PUBLIC KEY-----", b"AAAA\n", b"-----END PUBLIC KEY-----"),
        Growing::new(b"-----BEGIN PUBLIC KEY-----", b"\n", b"-----END PUBLIC KEY-----"),
        Growing::new(b"", b"\x30\x84\x00\x00\xff\x00", b""),
    ]);
    all
}

fn check(bytes: &[u8]) -> bool {
    let cose = PublicKey::from_cose(bytes, KEY_ALGORITHMS).ok();
    if let Some(key) = &cose {
        assert_eq!(written(key), bytes, "there is one way to write a key");
        let is_of_passkeys = PASSKEY_ALGORITHMS.contains(&key.algorithm());
        assert_eq!(PublicKey::from_cose(bytes, PASSKEY_ALGORITHMS).is_ok(), is_of_passkeys);
    }
    let der = PublicKey::from_spki(bytes).ok();
    if let Some(key) = &der {
        assert_eq!(key.to_spki(), bytes, "there is one way to write a key");
    }
    let pem = std::str::from_utf8(bytes).ok().and_then(|text| PublicKey::from_pem(text).ok());
    let presented = presented(bytes);
    for key in [&cose, &der, &pem, &presented].into_iter().flatten() {
        // Whatever was read in one form can be read in the others.
        assert_eq!(PublicKey::from_cose(&written(key), KEY_ALGORITHMS).as_ref(), Ok(key));
        assert_eq!(PublicKey::from_spki(&key.to_spki()).as_ref(), Ok(key));
        assert_eq!(PublicKey::from_pem(&key.to_pem()).as_ref(), Ok(key));
        assert!(PublicKeyPem::parse(&key.to_pem()).is_ok());
        assert!(is_strong(key), "somebody could take it apart: {key:?}");
        for signature in [&b""[..], &[0; 64], &[1; 64], &[&[1][..], &[0; 63]].concat(), bytes] {
            assert!(key.verify(b"what nobody signed", signature).is_err(), "it is anybody's signature, by {key:?}");
        }
    }
    [cose, der, pem, presented].iter().any(Option::is_some)
}

/// Of RSA, 2048 to 8192 bits and an exponent from 65,537 on, both odd and without a zero before them.
fn is_strong(key: &PublicKey) -> bool {
    let PublicKey::Rs256 { n, e } = key else { return true };
    let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
    let is_long = n.len() <= 1024 && if n.len() == 256 { n[0] >= 0x80 } else { n.len() > 256 && n[0] > 0 };
    let is_large = if e.len() == 3 { e[..] >= [1, 0, 1][..] } else { e.len() == 4 && e[0] > 0 };
    is_long && is_large && is_odd(n) && is_odd(e)
}

/// What a program presents: JSON with the key in PEM.
fn presented(bytes: &[u8]) -> Option<PublicKey> {
    let present = |attestation: &[u8]| NewKey {
        credential_id: KeyId::parse("robot-1").unwrap(),
        client_data: Bytes(br#"{"type":"key.create","challenge":"AQID"}"#.to_vec()),
        attestation: Bytes(attestation.to_vec()),
    };
    let key = present(bytes).public_key()?;
    assert!(present(bytes).verify(&[1, 2, 3]).is_err(), "nobody signed this");
    let text = std::str::from_utf8(bytes).expect("JSON is text");
    for spoiled in json::with_a_member_twice(text).iter().chain(&json::with_an_unknown_member(text)) {
        assert_eq!(present(spoiled.as_bytes()).public_key(), None, "{spoiled}");
    }
    Some(key)
}

/// The COSE key, written by other means than those that read it.
fn written(key: &PublicKey) -> Vec<u8> {
    fn bytes(bytes: &[u8]) -> Vec<u8> {
        let head = match u16::try_from(bytes.len()).unwrap().to_be_bytes() {
            [0, short @ 0..24] => vec![0x40 | short],
            [0, long] => vec![0x58, long],
            long => [&[0x59], &long[..]].concat(),
        };
        [head, bytes.to_vec()].concat()
    }
    match key {
        PublicKey::Es256 { x, y } => [b"\xa5\x01\x02\x03\x26\x20\x01\x21", bytes(x).as_slice(), b"\x22", &bytes(y)].concat(),
        PublicKey::Ed25519(key) => [b"\xa4\x01\x01\x03\x27\x20\x06\x21", bytes(key).as_slice()].concat(),
        PublicKey::Rs256 { n, e } => [b"\xa4\x01\x03\x03\x39\x01\x00\x20", bytes(n).as_slice(), b"\x21", &bytes(e)].concat(),
    }
}

//! Kits are printed, so each version of them must work for ever: its code is read, makes the same key, and that key recovers.
//! The files, one a version, come from another implementation (Python's `cryptography`), not from this one.

#![cfg(feature = "ssr")]
#![allow(missing_docs, clippy::unwrap_used, reason = "a test that can't go on may panic where it stands")]

use app::action::{
    cose::PublicKey,
    recovery_code::{RECOVERY_HKDF_INFO, RecoveryCode},
    recovery_key::recovery_message,
};
use data_encoding::HEXLOWER;
use ring::{
    hkdf::{HKDF_SHA256, KeyType, Salt},
    signature::{Ed25519KeyPair, KeyPair},
};
use serde::Deserialize;
use std::{fs, path::Path};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kit {
    code: String,
    salt: String,
    public_key: String,
    document: String,
    signature: String,
}

struct Seed;

impl KeyType for Seed {
    fn len(&self) -> usize {
        32
    }
}

fn key_pair(code: &RecoveryCode, salt: &[u8]) -> Ed25519KeyPair {
    let secret = Salt::new(HKDF_SHA256, salt).extract(code.secret());
    let mut seed = [0; 32];
    secret.expand(&[RECOVERY_HKDF_INFO], Seed).unwrap().fill(&mut seed).unwrap();
    Ed25519KeyPair::from_seed_unchecked(&seed).unwrap()
}

#[test]
fn kits_of_every_version_recover() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kits");
    let mut read = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let kit: Kit = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let bytes = |text: &str| HEXLOWER.decode(text.as_bytes()).unwrap();
        // As the sheet has it, and as tired people type it.
        for typed in [kit.code.clone(), kit.code.to_lowercase().replace('-', " ")] {
            let pair = key_pair(&RecoveryCode::parse(&typed).unwrap(), &bytes(&kit.salt));
            assert_eq!(HEXLOWER.encode(pair.public_key().as_ref()), kit.public_key, "{}", path.display());
            let message = recovery_message(kit.document.as_bytes());
            assert_eq!(HEXLOWER.encode(pair.sign(&message).as_ref()), kit.signature);
            let key = PublicKey::Ed25519(bytes(&kit.public_key).try_into().unwrap());
            assert!(key.verify(&message, &bytes(&kit.signature)).is_ok());
        }
        read += 1;
    }
    assert!(read > 0);
}

//! A program's key pair, and what its owner says with it.

use super::device::{base64url, random};
use app::{
    action::{bytes::Bytes, cose::PublicKey, key::NewKey},
    domain::text::KeyId,
};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use ring::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use serde_json::{Value, json};

pub enum Pair {
    Ed25519(Box<Ed25519KeyPair>),
    P256(Box<EcdsaKeyPair>),
}

/// A key pair with the id that its owner chose.
pub struct KeyPair {
    pub id: String,
    pair: Pair,
}

impl KeyPair {
    pub fn ed25519() -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&random::<32>()).unwrap();
        Self { id: base64url(&random::<32>()), pair: Pair::Ed25519(Box::new(pair)) }
    }

    pub fn p256() -> Self {
        let source = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &source).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref(), &source).unwrap();
        Self { id: base64url(&random::<32>()), pair: Pair::P256(Box::new(pair)) }
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::P256(pair) => pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
        }
    }

    pub fn pem(&self) -> String {
        let key = match &self.pair {
            Pair::Ed25519(pair) => PublicKey::Ed25519(pair.public_key().as_ref().try_into().unwrap()),
            Pair::P256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                PublicKey::Es256 { x: x.try_into().unwrap(), y: y.try_into().unwrap() }
            }
        };
        key.to_pem()
    }

    /// `credentialInfo` over a challenge.
    pub fn info(&self, challenge: &str) -> Value {
        let client_data = json!({ "type": "key.create", "challenge": challenge }).to_string();
        let hash = HEXLOWER.encode(digest(&SHA256, client_data.as_bytes()).as_ref());
        let pem = self.pem();
        let message = format!(r#"{{"clientDataHash":"{hash}","publicKey":{}}}"#, serde_json::to_string(&pem).unwrap());
        let attestation = json!({ "publicKey": pem, "signature": HEXLOWER.encode(&self.sign(message.as_bytes())) });
        json!({
            "credId": self.id,
            "clientData": base64url(client_data.as_bytes()),
            "attestationData": base64url(attestation.to_string().as_bytes()),
        })
    }

    /// As a change brings it.
    pub fn new_key(&self, challenge: &str) -> NewKey {
        let info = self.info(challenge);
        let bytes = |member: &str| Bytes(BASE64URL_NOPAD.decode(info[member].as_str().unwrap().as_bytes()).unwrap());
        NewKey { credential_id: KeyId::parse(&self.id).unwrap(), client_data: bytes("clientData"), attestation: bytes("attestationData") }
    }

    /// `credentialAssertion` over a challenge.
    pub fn assertion(&self, challenge: &str) -> Value {
        let client_data = json!({ "type": "key.get", "challenge": challenge }).to_string();
        json!({
            "credId": self.id,
            "clientData": base64url(client_data.as_bytes()),
            "signature": base64url(&self.sign(client_data.as_bytes())),
        })
    }
}

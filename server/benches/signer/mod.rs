//! Somebody with a passkey, who signs change after change: what a browser and an authenticator would say, made by hand, so that a
//! hundred thousand signatures take no longer than their mathematics.

use app::{
    action::{
        bytes::Bytes,
        challenge::sha256,
        change::{Change, UserRef},
        document::{self, Document},
        history::{
            entry::{Entry, SignedAction, VERSION, What},
            reader::created,
        },
    },
    domain::{
        id::{ActionId, CredentialId, OrganizationId},
        time::Timestamp,
    },
};
use data_encoding::BASE64URL_NOPAD;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use std::time::Duration;

/// What makes a signature over a message; of P-256, in DER.
pub type Sign = Box<dyn Fn(&[u8]) -> Vec<u8> + Send>;

/// Whoever signs, and for what.
pub struct Signer {
    pub organization: OrganizationId,
    /// As in `https://id.example.org`.
    pub origin: String,
    /// As in `id.example.org`.
    pub rp_id: String,
    pub actor: UserRef,
    /// Our id of their passkey.
    pub passkey: CredentialId,
    /// The passkey's last counter.
    pub sign_count: u32,
    pub sign: Sign,
}

/// A change with its signature, and what follows from it.
pub struct Signed {
    pub action: ActionId,
    pub change: SignedAction,
    /// The bits of the id of whatever it creates.
    pub creates: [u8; 16],
}

impl Signer {
    /// The document of a change. No two are the same: the nonce is made of the counter.
    pub fn document(&self, change: Change, at: Timestamp) -> Document {
        let nonce = sha256(&[self.organization.to_bytes().as_slice(), &self.sign_count.to_be_bytes()].concat());
        Document {
            v: document::VERSION,
            id: ActionId::from_bytes(document::id_bits(&sha256(&nonce))),
            organization: self.organization,
            origin: self.origin.clone(),
            rp_id: self.rp_id.clone(),
            actor: self.actor.clone(),
            operation: change.operation(),
            change,
            issued_at: at,
            expires_at: at.plus(Duration::from_mins(5)),
            nonce: Bytes(nonce.to_vec()),
        }
    }

    pub fn sign(&mut self, change: Change, at: Timestamp) -> Signed {
        self.sign_count += 1;
        let document = self.document(change, at);
        let bytes = document.to_bytes().unwrap();
        let challenge = document::challenge(&bytes);
        let client_data = client_data("webauthn.get", &challenge, &self.origin);
        // Present and verified.
        let authenticator_data = authenticator_data(&self.rp_id, 0x05, self.sign_count);
        let signature = (self.sign)(&[authenticator_data.as_slice(), &sha256(&client_data)].concat());
        let creates = document::created_id(&challenge);
        Signed {
            action: document.id,
            change: SignedAction {
                document: Bytes(bytes),
                credential: self.passkey,
                key: None,
                authenticator_data: Some(Bytes(authenticator_data)),
                client_data: Bytes(client_data),
                signature: Bytes(signature),
                created: created(&document.change, creates),
            },
            creates,
        }
    }
}

/// An entry's line.
pub fn line(organization: OrganizationId, index: u64, executed_at: Timestamp, what: What) -> String {
    Entry { v: VERSION, index, organization, executed_at, what }.to_line().unwrap()
}

/// A new key pair, as most passkeys have one.
pub fn p256() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random).unwrap()
}

/// What signs with this key.
pub fn signing_with(key: EcdsaKeyPair) -> Sign {
    let random = SystemRandom::new();
    Box::new(move |message| key.sign(&random, message).unwrap().as_ref().to_vec())
}

/// The `COSE_Key` of a P-256 key, of which this is the uncompressed point.
pub fn cose_p256(point: &[u8]) -> Vec<u8> {
    let (x, y) = point[1..].split_at(32);
    [&[0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20], x, &[0x22, 0x58, 0x20], y].concat()
}

pub fn authenticator_data(rp_id: &str, flags: u8, count: u32) -> Vec<u8> {
    [sha256(rp_id.as_bytes()).as_slice(), &[flags], &count.to_be_bytes()].concat()
}

pub fn client_data(kind: &str, challenge: &[u8], origin: &str) -> Vec<u8> {
    let challenge = BASE64URL_NOPAD.encode(challenge);
    format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}","crossOrigin":false}}"#).into_bytes()
}

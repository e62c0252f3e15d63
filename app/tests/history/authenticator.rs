//! Authenticators and the browsers around them, honest unless a test makes them lie. Every byte is determined: keys follow
//! from seeds, and signatures are deterministic (RFC 6979, RFC 8032).

use app::{
    action::{
        bytes::Bytes,
        challenge::sha256,
        cose::{PASSKEY_ALGORITHMS, PublicKey},
        history::entry::{PasskeyProof, RecoveryKeyProof},
        recovery_key::recovery_key_message,
    },
    domain::id::CredentialId,
};
use data_encoding::BASE64URL_NOPAD;
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use ring::signature::{Ed25519KeyPair, KeyPair};

pub const PRESENT: u8 = 1;
pub const VERIFIED: u8 = 1 << 2;
pub const BACKUP_ELIGIBLE: u8 = 1 << 3;
pub const BACKED_UP: u8 = 1 << 4;
pub const HAS_CREDENTIAL: u8 = 1 << 6;

/// A passkey and whatever holds it.
pub struct Passkey {
    key: SigningKey,
    pub id: CredentialId,
    pub credential_id: Vec<u8>,
    pub flags: u8,
    pub sign_count: u32,
    /// By how much the count grows with each signature.
    pub counts_by: u32,
}

/// What a passkey and its browser are about to say.
pub struct Says {
    pub kind: &'static str,
    pub challenge: Vec<u8>,
    pub origin: String,
    pub cross_origin: bool,
    /// More members of the client data, each with a comma before it.
    pub more_members: &'static str,
    pub rp_id: String,
    pub flags: u8,
    pub sign_count: u32,
    /// Bytes after the authenticator data.
    pub trailing: Vec<u8>,
}

/// What came of `navigator.credentials.get()`.
pub struct Assertion {
    pub authenticator_data: Vec<u8>,
    pub client_data: Vec<u8>,
    pub signature: Vec<u8>,
}

impl Passkey {
    /// On a security key: it counts its signatures, and can't be copied.
    pub fn on_security_key(seed: [u8; 32], id: CredentialId) -> Self {
        let key = SigningKey::from_slice(&seed).unwrap();
        let credential_id = sha256(&seed).to_vec();
        Self { key, id, credential_id, flags: PRESENT | VERIFIED, sign_count: 0, counts_by: 1 }
    }

    /// In a password manager: synced, and not counting.
    pub fn in_password_manager(seed: [u8; 32], id: CredentialId) -> Self {
        let flags = PRESENT | VERIFIED | BACKUP_ELIGIBLE | BACKED_UP;
        Self { flags, counts_by: 0, ..Self::on_security_key(seed, id) }
    }

    pub fn about_to_say(&mut self, kind: &'static str, challenge: &[u8], origin: &str, rp_id: &str) -> Says {
        self.sign_count += self.counts_by;
        Says {
            kind,
            challenge: challenge.to_vec(),
            origin: origin.to_owned(),
            cross_origin: false,
            more_members: "",
            rp_id: rp_id.to_owned(),
            flags: self.flags,
            sign_count: self.sign_count,
            trailing: Vec::new(),
        }
    }

    /// Says it and signs it.
    pub fn sign(&self, says: &Says) -> Assertion {
        let (authenticator_data, client_data) = ([says.authenticator_data(), says.trailing.clone()].concat(), says.client_data());
        let signature: Signature = self.key.sign(&[authenticator_data.as_slice(), &sha256(&client_data)].concat());
        Assertion { authenticator_data, client_data, signature: signature.to_der().as_bytes().to_vec() }
    }

    /// Says it as a new passkey, without attestation.
    pub fn present(&self, says: &Says) -> PasskeyProof {
        let length = u16::try_from(self.credential_id.len()).unwrap().to_be_bytes();
        let data = says.authenticator_data();
        let data = [data.as_slice(), &[0xcd; 16], &length, &self.credential_id, &self.cose_key(), &says.trailing].concat();
        PasskeyProof {
            id: self.id,
            credential_id: Bytes(self.credential_id.clone()),
            client_data: Bytes(says.client_data()),
            attestation_object: Bytes(attestation_object(&data)),
        }
    }

    pub fn public_key(&self) -> PublicKey {
        PublicKey::from_cose(&self.cose_key(), PASSKEY_ALGORITHMS).unwrap()
    }

    /// RFC 9053, in CTAP2's canonical order.
    fn cose_key(&self) -> Vec<u8> {
        let point = self.key.verifying_key().to_encoded_point(false);
        let (x, y) = (point.x().unwrap(), point.y().unwrap());
        [b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20", &x[..], b"\x22\x58\x20", y].concat()
    }
}

impl Says {
    fn client_data(&self) -> Vec<u8> {
        let challenge = BASE64URL_NOPAD.encode(&self.challenge);
        let Self { kind, origin, cross_origin, more_members, .. } = self;
        format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}","crossOrigin":{cross_origin}{more_members}}}"#).into()
    }

    fn authenticator_data(&self) -> Vec<u8> {
        [sha256(self.rp_id.as_bytes()).as_slice(), &[self.flags], &self.sign_count.to_be_bytes()].concat()
    }
}

/// `{"fmt": "none", "attStmt": {}, "authData": …}`, for between 24 and 255 bytes of the latter.
fn attestation_object(authenticator_data: &[u8]) -> Vec<u8> {
    let length = u8::try_from(authenticator_data.len()).unwrap();
    [b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".as_slice(), &[length], authenticator_data].concat()
}

/// The same signature, spelled differently: with n − s in place of s, ECDSA's other valid value.
pub fn other_spelling(signature: &[u8]) -> Vec<u8> {
    let signature = Signature::from_der(signature).unwrap();
    let (r, s) = signature.split_scalars();
    Signature::from_scalars(r.to_bytes(), (-*s).to_bytes()).unwrap().to_der().as_bytes().to_vec()
}

/// The key of a recovery kit.
pub struct RecoveryKey {
    pair: Ed25519KeyPair,
    pub id: CredentialId,
    salt: [u8; 32],
}

impl RecoveryKey {
    pub fn new(seed: [u8; 32], id: CredentialId) -> Self {
        Self { pair: Ed25519KeyPair::from_seed_unchecked(&seed).unwrap(), id, salt: sha256(&seed) }
    }

    /// Shows that its owner holds it.
    pub fn prove(&self, challenge: &[u8]) -> RecoveryKeyProof {
        RecoveryKeyProof {
            id: self.id,
            public_key: Bytes(self.pair.public_key().as_ref().to_vec()),
            salt: Bytes(self.salt.to_vec()),
            signature: Bytes(self.sign(&recovery_key_message(challenge))),
        }
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

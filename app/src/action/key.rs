//! Keys: key pairs that programs sign with, and recovery keys that programs bring along. Their owner makes the pair and says
//! what it is called; what they sign is client data of a form of its own (`key.create`, `key.get`), made by a program and not by
//! a browser, so its origin is nobody's word and isn't looked at.
//!
//! ```text
//! new key:    clientData {type: key.create, challenge} ─┐
//!             attestation {publicKey, signature} ───────┴► signature over {clientDataHash, publicKey}
//! signature:  clientData {type: key.get, challenge} ────► signature over clientData
//! ```

use super::{
    bytes::Bytes,
    client_data::{Ceremony, ClientDataError, check_key_client_data},
    cose::{CoseError, PublicKey},
};
use crate::domain::text::KeyId;
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use serde::{Deserialize, Serialize};

/// A key as its owner presented it, over a challenge of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// The id that its owner chose.
    pub credential_id: KeyId,
    /// What says which challenge it was made for.
    pub client_data: Bytes,
    /// JSON: the key, and its signature.
    pub attestation: Bytes,
}

/// Why a key, or what it signed, was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// What was signed isn't for this challenge.
    #[error(transparent)]
    ClientData(#[from] ClientDataError),
    /// Not JSON of this form.
    #[error("The key's attestation isn't JSON with the members publicKey and signature, perhaps algorithm, and no others.")]
    Attestation,
    /// Not a signature in hexadecimal digits.
    #[error("The key's signature isn't written in hexadecimal digits.")]
    Signature,
    /// Another digest than the one that goes with the key.
    #[error("The key signs with SHA-256, or with what Ed25519 does by itself, and not with {0}.")]
    Digest(String),
    /// Not a key that can be used.
    #[error(transparent)]
    PublicKey(#[from] CoseError),
}

/// The attestation of a new key.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Attestation {
    public_key: String,
    signature: String,
    algorithm: Option<String>,
}

/// What a new key signs, its members in this order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fingerprint<'a> {
    client_data_hash: &'a str,
    public_key: &'a str,
}

/// A signature that everything around was found right of; its mathematics remains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySignature {
    /// By which key.
    pub key: PublicKey,
    /// Over what.
    pub message: Vec<u8>,
    /// The signature; of ES256, DER.
    pub signature: Vec<u8>,
}

impl NewKey {
    /// Checks that it was made for this challenge; the signature by which it shows that its owner has it. `client_data_hash` is
    /// SHA-256 of [`Self::client_data`].
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(&self, challenge: &[u8], client_data_hash: [u8; 32]) -> Result<KeySignature, KeyError> {
        check_key_client_data(&self.client_data.0, Ceremony::KeyRegistration, challenge)?;
        let unreadable = |_: serde_json::Error| KeyError::Attestation;
        let attestation: Attestation = serde_json::from_slice(&self.attestation.0).map_err(unreadable)?;
        check_digest(attestation.algorithm.as_deref())?;
        let key = PublicKey::from_pem(&attestation.public_key)?;
        let hash = HEXLOWER.encode(&client_data_hash);
        let message = serde_json::to_vec(&Fingerprint { client_data_hash: &hash, public_key: &attestation.public_key });
        let signature = HEXLOWER_PERMISSIVE.decode(attestation.signature.as_bytes()).map_err(|_| KeyError::Signature)?;
        Ok(KeySignature { key, message: message.map_err(unreadable)?, signature })
    }

    /// The key, whether or not its registration holds.
    pub fn public_key(&self) -> Option<PublicKey> {
        let attestation: Attestation = serde_json::from_slice(&self.attestation.0).ok()?;
        PublicKey::from_pem(&attestation.public_key).ok()
    }

    /// Checks it whole.
    ///
    /// # Errors
    /// The first rule that it breaks; [`KeyError::Signature`] when its owner doesn't have it.
    #[cfg(feature = "ssr")]
    pub fn verify(&self, challenge: &[u8]) -> Result<PublicKey, KeyError> {
        let KeySignature { key, message, signature } = self.check(challenge, super::challenge::sha256(&self.client_data.0))?;
        key.verify(&message, &signature).map_err(|_| KeyError::Signature)?;
        Ok(key)
    }
}

/// There is one digest for each kind of key, so naming another one can only be a mistake.
///
/// # Errors
/// [`KeyError::Digest`] when another one is named.
pub fn check_digest(named: Option<&str>) -> Result<(), KeyError> {
    match named {
        Some(name) if !["sha256", "sha-256", "rsa-sha256", ""].contains(&name.to_ascii_lowercase().as_str()) => {
            Err(KeyError::Digest(name.to_owned()))
        }
        _ => Ok(()),
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use crate::action::{challenge::sha256, cose::InvalidSignature};
    use data_encoding::BASE64URL_NOPAD;
    use ring::signature::{Ed25519KeyPair, KeyPair};

    const CHALLENGE: &[u8] = b"challenge of 32 bytes, or so many";

    fn made(change: impl FnOnce(&mut serde_json::Value, &mut serde_json::Value)) -> NewKey {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[1; 32]).unwrap();
        let pem = PublicKey::Ed25519(pair.public_key().as_ref().try_into().unwrap()).to_pem();
        let mut client_data = serde_json::json!({ "type": "key.create", "challenge": BASE64URL_NOPAD.encode(CHALLENGE) });
        let hash = HEXLOWER.encode(&sha256(client_data.to_string().as_bytes()));
        let message = format!(r#"{{"clientDataHash":"{hash}","publicKey":{}}}"#, serde_json::to_string(&pem).unwrap());
        let signature = HEXLOWER.encode(pair.sign(message.as_bytes()).as_ref());
        let mut attestation = serde_json::json!({ "publicKey": pem, "signature": signature });
        change(&mut client_data, &mut attestation);
        NewKey {
            credential_id: KeyId::parse("a-key").unwrap(),
            client_data: Bytes(client_data.to_string().into_bytes()),
            attestation: Bytes(attestation.to_string().into_bytes()),
        }
    }

    #[test]
    fn a_key_proves_itself_for_one_challenge() {
        let key = made(|_, _| {});
        assert!(key.verify(CHALLENGE).is_ok());
        assert!(matches!(key.verify(b"another"), Err(KeyError::ClientData(ClientDataError::ChallengeDiffers))));
        assert_eq!(key.public_key(), key.verify(CHALLENGE).ok());
    }

    #[test]
    fn whatever_is_changed_is_refused() {
        let refused = |change: fn(&mut serde_json::Value, &mut serde_json::Value)| made(change).verify(CHALLENGE).unwrap_err();
        assert!(matches!(refused(|data, _| data["type"] = "key.get".into()), KeyError::ClientData(_)));
        assert!(matches!(refused(|data, _| data["type"] = "webauthn.create".into()), KeyError::ClientData(_)));
        assert_eq!(refused(|data, _| data["origin"] = "https://elsewhere.example".into()), KeyError::Signature);
        assert!(matches!(refused(|data, _| data["crossOrigin"] = "no".into()), KeyError::ClientData(_)));
        assert_eq!(refused(|_, attestation| attestation["signature"] = "00".into()), KeyError::Signature);
        assert_eq!(refused(|_, attestation| attestation["signature"] = "x".into()), KeyError::Signature);
        assert_eq!(refused(|_, attestation| attestation["algorithm"] = "md5".into()), KeyError::Digest("md5".to_owned()));
        assert!(matches!(refused(|_, attestation| attestation["more"] = 1.into()), KeyError::Attestation));
        assert!(matches!(refused(|_, attestation| attestation["publicKey"] = "key".into()), KeyError::PublicKey(_)));
        let other = PublicKey::Ed25519([7; 32]).to_pem();
        let mut key = made(|_, _| {});
        let text = String::from_utf8(key.attestation.0).unwrap();
        let own = serde_json::from_str::<Attestation>(&text).unwrap().public_key;
        let escaped = |pem: &str| serde_json::to_string(pem).unwrap();
        key.attestation = Bytes(text.replace(&escaped(&own), &escaped(&other)).into_bytes());
        assert_eq!(key.verify(CHALLENGE), Err(KeyError::Signature));
        let _ = InvalidSignature;
    }
}

//! Tokens as they travel: JSON Web Tokens (RFC 7519) with one header, signed with Ed25519 (RFC 8037).
//!
//! There is exactly one header, which is compared and never read: no algorithm is chosen by whoever sends a token. A token only
//! says which row of the database it is about; whether that row still counts is looked up with every call.

use crate::secret::{SealError, ServerSecret};
use app::domain::{id::OrganizationId, time::Timestamp};
use data_encoding::BASE64URL_NOPAD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

const HEADER: &str = r#"{"alg":"EdDSA","typ":"JWT"}"#;

/// What a token lets its bearer do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Call the API.
    Api,
    /// Finish a registration.
    Registration,
    /// Finish a recovery.
    Recovery,
}

/// Whom a token is about: where the published client looks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Organization.
    pub org_id: OrganizationId,
    /// User.
    pub user_id: String,
    /// The token's row.
    pub token_id: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: Purpose,
    /// Seconds since 1970.
    iat: i64,
    exp: i64,
    #[serde(rename = "https://custom/app_metadata")]
    metadata: Metadata,
}

/// Signs tokens and reads them.
pub struct TokenSigner {
    issuer: String,
    key: Ed25519KeyPair,
}

impl TokenSigner {
    /// For tokens of this origin.
    ///
    /// # Errors
    /// Never in practice: every seed of 32 bytes is a key.
    pub fn new(issuer: String, secret: &ServerSecret) -> Result<Self, SealError> {
        let key = Ed25519KeyPair::from_seed_unchecked(&secret.token_seed()?).map_err(|_| SealError)?;
        Ok(Self { issuer, key })
    }

    /// Writes a token.
    ///
    /// # Errors
    /// Never in practice: there is nothing in it that JSON can't say.
    pub fn write(&self, purpose: Purpose, metadata: Metadata, from: Timestamp, until: Timestamp) -> serde_json::Result<String> {
        let [iat, exp] = [from, until].map(|time| time.as_millis().div_euclid(1000));
        let claims = serde_json::to_vec(&Claims { iss: self.issuer.clone(), aud: purpose, iat, exp, metadata })?;
        let signed = format!("{}.{}", BASE64URL_NOPAD.encode(HEADER.as_bytes()), BASE64URL_NOPAD.encode(&claims));
        let signature = BASE64URL_NOPAD.encode(self.key.sign(signed.as_bytes()).as_ref());
        Ok(format!("{signed}.{signature}"))
    }

    /// What a token says, if it is one of ours for this purpose, and its time isn't over.
    pub fn read(&self, token: &str, purpose: Purpose, now: Timestamp) -> Option<Metadata> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        if BASE64URL_NOPAD.decode(header.as_bytes()).ok()? != HEADER.as_bytes() {
            return None;
        }
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
        UnparsedPublicKey::new(&ED25519, self.key.public_key()).verify(signed.as_bytes(), &signature).ok()?;
        let claims: Claims = serde_json::from_slice(&BASE64URL_NOPAD.decode(claims.as_bytes()).ok()?).ok()?;
        let counts = claims.iss == self.issuer && claims.aud == purpose && now.as_millis() < claims.exp.saturating_mul(1000);
        counts.then_some(claims.metadata)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn signer(secret: &str) -> TokenSigner {
        TokenSigner::new("https://id.example.org".to_owned(), &ServerSecret::parse(&secret.repeat(32)).unwrap()).unwrap()
    }

    fn written(signer: &TokenSigner) -> (String, Metadata, Timestamp) {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let metadata = Metadata { org_id: OrganizationId::from_bytes([1; 16]), user_id: "us".to_owned(), token_id: "to".to_owned() };
        let token = signer.write(Purpose::Api, metadata.clone(), now, now.plus(Duration::from_mins(1))).unwrap();
        (token, metadata, now)
    }

    #[test]
    fn a_token_is_read_until_its_time_is_over() {
        let signer = signer("ab");
        let (token, metadata, now) = written(&signer);
        assert_eq!(signer.read(&token, Purpose::Api, now), Some(metadata));
        assert_eq!(signer.read(&token, Purpose::Api, now.plus(Duration::from_mins(1))), None);
    }

    #[test]
    fn no_bit_of_a_token_can_be_changed() {
        let signer = signer("ab");
        let (token, _, now) = written(&signer);
        for place in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(signer.read(&String::from_utf8(changed).unwrap(), Purpose::Api, now), None, "byte {place}");
        }
    }

    #[test]
    fn another_servers_token_and_other_headers_are_refused() {
        let (ours, theirs) = (signer("ab"), signer("cd"));
        let (token, _, now) = written(&theirs);
        assert_eq!(ours.read(&token, Purpose::Api, now), None);
        let (_, rest) = token.split_once('.').unwrap();
        let none = BASE64URL_NOPAD.encode(br#"{"alg":"none"}"#);
        for odd in [format!("{none}.{rest}"), format!("{none}."), String::new(), "..".to_owned(), "é.é.é".to_owned()] {
            assert_eq!(theirs.read(&odd, Purpose::Api, now), None, "{odd}");
        }
    }
}

//! Signatures as the client sends them.

use super::error::{ApiError, Code};
use crate::{
    action::{KeyProof, Proof},
    passkey::Signature,
};
use app::{
    action::{bytes::Bytes, key::check_digest},
    domain::text::KeyId,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// What somebody signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SigningCredentialKind)]
pub(super) enum CredentialKind {
    /// A passkey.
    Fido2,
    /// A key pair.
    Key,
}

/// A signature over a challenge.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", content = "credentialAssertion", deny_unknown_fields)]
pub(super) enum Assertion {
    /// By a passkey: what the browser's `navigator.credentials.get()` gave.
    Fido2(PasskeyAssertion),
    /// By a key.
    Key(KeyAssertion),
}

/// What a passkey's authenticator gave; all base64url.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PasskeyAssertion {
    /// The id that the authenticator chose.
    cred_id: String,
    /// `clientDataJSON`.
    client_data: String,
    /// What the authenticator said.
    authenticator_data: String,
    /// Over both.
    signature: String,
    /// Whose passkey it is, as the authenticator remembers.
    user_handle: Option<String>,
    /// Not needed: a passkey has one algorithm.
    algorithm: Option<String>,
}

/// What a key signed; all base64url but for the id.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct KeyAssertion {
    /// The id that the key's owner chose.
    cred_id: String,
    /// The JSON text `{"type":"key.get","challenge":…}`.
    client_data: String,
    /// Over it: of ECDSA in DER.
    signature: String,
    /// The digest: SHA-256 for P-256 and RSA; Ed25519 has its own.
    algorithm: Option<String>,
}

impl KeyAssertion {
    pub(super) fn read(&self) -> Result<KeyProof, ApiError> {
        check_digest(self.algorithm.as_deref()).map_err(|error| ApiError::bad_request(error.to_string()))?;
        Ok(KeyProof {
            credential_id: KeyId::parse(&self.cred_id).map_err(|error| ApiError::bad_request(format!("`credId`: {error}")))?,
            client_data: base64url("clientData", &self.client_data)?.0,
            signature: base64url("signature", &self.signature)?.0,
        })
    }
}

/// Reads a member that holds bytes.
pub(super) fn base64url(member: &str, text: &str) -> Result<Bytes, ApiError> {
    Bytes::decode(text).ok_or_else(|| ApiError::bad_request(format!("`{member}` isn't base64url without padding.")))
}

/// The signature, read as far as it can be without knowing whose it is.
pub(super) enum Signed {
    /// By a passkey.
    Passkey(Signature),
    /// By a key.
    Key(KeyProof),
}

impl Signed {
    /// As the road of a change takes it.
    pub(super) fn proof(&self) -> Proof<'_> {
        match self {
            Self::Passkey(signature) => Proof::Passkey(signature),
            Self::Key(proof) => Proof::Key(proof),
        }
    }
}

impl Assertion {
    /// Reads it.
    pub(super) fn read(&self) -> Result<Signed, ApiError> {
        match self {
            Self::Fido2(assertion) => assertion.read().map(Signed::Passkey),
            Self::Key(assertion) => assertion.read().map(Signed::Key),
        }
    }
}

impl PasskeyAssertion {
    /// As a browser would have sent it to the pages.
    fn read(&self) -> Result<Signature, ApiError> {
        let mut response = json!({
            "clientDataJSON": self.client_data,
            "authenticatorData": self.authenticator_data,
            "signature": self.signature,
        });
        // An empty one is how some signers say that there was none.
        if let Some(handle) = self.user_handle.as_ref().filter(|handle| !handle.is_empty()) {
            response["userHandle"] = Value::from(handle.as_str());
        }
        let answer = json!({
            "id": self.cred_id,
            "rawId": self.cred_id,
            "type": "public-key",
            "clientExtensionResults": {},
            "response": response,
        });
        Signature::read(answer).map_err(|error| ApiError::new(Code::BadRequest, format!("The assertion can't be read: {error}.")))
    }
}

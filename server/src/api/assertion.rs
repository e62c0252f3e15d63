//! Signatures as the client sends them.

use super::error::{ApiError, Code};
use crate::{action::Proof, passkey::Signature};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// What somebody signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) enum CredentialKind {
    /// A passkey.
    Fido2,
}

/// A signature over a challenge.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", content = "credentialAssertion", deny_unknown_fields)]
pub(super) enum Assertion {
    /// By a passkey: what the browser's `navigator.credentials.get()` gave.
    Fido2(PasskeyAssertion),
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

/// The signature, read as far as it can be without knowing whose it is.
pub(super) enum Signed {
    /// By a passkey.
    Passkey(Signature),
}

impl Signed {
    /// As the road of a change takes it.
    pub(super) fn proof(&self) -> Proof<'_> {
        match self {
            Self::Passkey(signature) => Proof::Passkey(signature),
        }
    }
}

impl Assertion {
    /// Reads it.
    pub(super) fn read(&self) -> Result<Signed, ApiError> {
        match self {
            Self::Fido2(assertion) => assertion.read().map(Signed::Passkey),
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

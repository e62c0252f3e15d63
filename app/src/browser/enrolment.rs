//! Making a passkey for a change: what the browser's authenticator says becomes part of the change that is signed.

use super::{
    passkey::{self, PasskeyError},
    signing::place,
    webcrypto::sha256,
};
use crate::{
    action::{account_change::NewPasskey, bytes::Bytes, document::fingerprint, verify::NewCredential},
    rpc::webauthn_json::WebAuthnJson,
};
use serde::Deserialize;

/// What is used of `PublicKeyCredentialCreationOptionsJSON`.
#[derive(Deserialize)]
struct Options {
    challenge: Bytes,
}

/// What is used of `RegistrationResponseJSON`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    raw_id: Bytes,
    response: Answer,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(rename = "clientDataJSON")]
    client_data: Bytes,
    attestation_object: Bytes,
    #[serde(default)]
    transports: Vec<String>,
}

/// By which people see that two devices speak of the same new passkey: eight symbols of its hash.
///
/// # Errors
/// A sentence, when this browser can't hash.
pub async fn mark(passkey: &NewPasskey) -> Result<String, String> {
    Ok(fingerprint(&sha256(&passkey.attestation_object.0).await?))
}

/// Makes a passkey by these options and checks it as the server will.
///
/// # Errors
/// Whatever the browser or the person said, or what is wrong with the passkey.
pub async fn make(options: &WebAuthnJson) -> Result<(NewPasskey, NewCredential), PasskeyError> {
    let other = |words: String| PasskeyError::Other(words);
    let asked: Options = serde_json::from_str(options.as_str()).map_err(|error| other(error.to_string()))?;
    let response = passkey::create(options).await?;
    let Response { raw_id, response } = serde_json::from_str(response.as_str()).map_err(|error| other(error.to_string()))?;
    let Answer { client_data, attestation_object, transports } = response;
    let new = NewPasskey { challenge: asked.challenge, credential_id: raw_id, client_data, attestation_object, transports };
    let (origin, host) = place().ok_or_else(|| other("it doesn't say which page this is".to_owned()))?;
    let rp_id_hash = sha256(host.as_bytes()).await.map_err(other)?;
    let credential = new.check(&origin, rp_id_hash).map_err(|error| other(error.to_string()))?;
    Ok((new, credential))
}

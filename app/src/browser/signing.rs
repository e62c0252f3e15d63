//! The browser's half of the road of a change: it takes the document that the server wrote, looks for itself whether that is
//! what was reviewed, computes the challenge from the very bytes, and only then asks for the passkey.
//!
//! ```text
//! Prepared ──► bytes ──► Document ──► review ──► Reviewed ──► passkey ──► answer, for commit
//!                └─────► SHA-256 of the framed bytes ──► challenge, fingerprint
//! ```

use super::{
    passkey::{self, PasskeyError},
    webcrypto,
};
use crate::{
    action::{
        change::Change,
        document::{Document, challenge_message, fingerprint},
        review::{ReviewError, Signer, review},
    },
    domain::id::ActionId,
    rpc::{change::Prepared, webauthn_json::WebAuthnJson},
};
use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;

/// How long the browser waits for the person: as long as an action lives. Milliseconds.
const TIMEOUT: u32 = 300_000;

/// A document that was found to be what was reviewed.
#[derive(Debug, Clone)]
pub struct Reviewed {
    /// The action.
    pub action: ActionId,
    /// The document, read from the bytes that will be signed.
    pub document: Document,
    /// The fingerprint of the challenge that this browser computed.
    pub fingerprint: String,
    options: WebAuthnJson,
}

/// Why nothing can be signed; its text is for the person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// The document isn't what was reviewed.
    #[error(transparent)]
    Review(#[from] ReviewError),
    /// This browser can't.
    #[error("{0} Nothing was signed.")]
    Browser(String),
}

/// WebAuthn's `PublicKeyCredentialRequestOptionsJSON`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Options<'a> {
    challenge: &'a str,
    rp_id: &'a str,
    allow_credentials: &'a WebAuthnJson,
    user_verification: &'static str,
    timeout: u32,
}

/// Checks that the server's document is the change that `signer` reviewed, and gets the passkey's question ready.
///
/// # Errors
/// Why it must not be signed here.
pub async fn open(reviewed: &Change, signer: &Signer, prepared: &Prepared) -> Result<Reviewed, SigningError> {
    let bytes = prepared.document.as_ref();
    let document = Document::parse(bytes).map_err(ReviewError::from)?;
    let (origin, host) = place().ok_or_else(|| SigningError::Browser("This browser doesn't say which page this is.".to_owned()))?;
    review(&document, reviewed, signer, prepared.action, &origin, &host)?;
    let challenge = webcrypto::sha256(&challenge_message(bytes)).await.map_err(SigningError::Browser)?;
    let options = Options {
        challenge: &BASE64URL_NOPAD.encode(&challenge),
        rp_id: &document.rp_id,
        allow_credentials: &prepared.credentials,
        user_verification: "required",
        timeout: TIMEOUT,
    };
    let options = serde_json::to_string(&options)
        .and_then(WebAuthnJson::parse)
        .map_err(|_| SigningError::Browser("The passkey's question can't be written.".to_owned()))?;
    Ok(Reviewed { action: prepared.action, fingerprint: fingerprint(&challenge), document, options })
}

/// Asks for the passkey's signature in the system's dialog; the answer is for `commit_change`.
///
/// # Errors
/// Whatever the browser or the person said.
pub async fn sign(reviewed: &Reviewed) -> Result<WebAuthnJson, PasskeyError> {
    passkey::get(&reviewed.options).await
}

/// This page's origin and host, as in `https://id.example.org:8443` and `id.example.org`.
pub(super) fn place() -> Option<(String, String)> {
    let location = web_sys::window()?.location();
    Some((location.origin().ok()?, location.hostname().ok()?))
}

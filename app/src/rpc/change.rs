//! The road of a change, as the browser goes it: prepare, sign, commit.

#![expect(missing_docs, reason = "the fields of the structs that `#[server]` makes are the documented arguments")]

use crate::{
    action::{bytes::Bytes, change::Change},
    domain::{id::ActionId, time::Timestamp},
    refusal::Refusal,
    rpc::{strict_json::StrictJson, webauthn_json::WebAuthnJson},
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// A document that waits for its signature.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Prepared {
    /// The action.
    pub action: ActionId,
    /// The document's bytes. The challenge isn't here: whoever signs computes it.
    pub document: Bytes,
    /// Which passkeys may sign: WebAuthn's `allowCredentials`.
    pub credentials: WebAuthnJson,
}

/// What the signer gets back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Whether it had been executed before, and what is shown once was shown then, or got lost on the way.
    pub is_repeat: bool,
    /// The entry's place in history.
    pub index: u64,
    /// When it was executed.
    pub executed_at: Timestamp,
    /// The checkpoint that counts this entry as its last: a signed note. Of what was executed before the server's key was changed, the
    /// first that the new key signs.
    pub checkpoint: String,
    /// The id of what was created, if something was.
    pub created: Option<String>,
    /// The invitation, where the change was to show it.
    pub invitation: Option<Invitation>,
    /// The token of a new program, shown once.
    pub access_token: Option<NewToken>,
}

/// What a new program needs beside the private half of its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewToken {
    /// For the header `Authorization: Bearer …`.
    pub token: String,
    /// By which its signatures name its key.
    pub key: String,
}

/// An invitation to pass on by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// Where to type the code.
    pub link: String,
    /// Sixteen digits.
    pub code: String,
    /// Until when it works.
    pub expires_at: Timestamp,
}

/// Asks for a document of a change; nothing is changed yet.
///
/// # Errors
/// When the change isn't allowed, or something has moved on.
#[server(prefix = "/rpc", endpoint = "prepare_change", input = StrictJson)]
pub async fn prepare_change(change: Change) -> Result<Prepared, Refusal> {
    super::answer(crate::port::backend()?.prepare_change(change).await)
}

/// Hands in the signature; the change is executed, or nothing is.
///
/// # Errors
/// When the signature doesn't hold, the time is over, or the change isn't allowed any more.
#[server(prefix = "/rpc", endpoint = "commit_change", input = StrictJson)]
pub async fn commit_change(action: ActionId, response: WebAuthnJson) -> Result<Receipt, Refusal> {
    super::answer(crate::port::backend()?.commit_change(action, response.into()).await)
}

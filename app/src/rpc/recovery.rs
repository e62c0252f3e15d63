//! Recovering an account: email, mailed code, kit, new passkey, new kit.

#![expect(missing_docs, reason = "the fields of the structs that `#[server]` makes are the documented arguments")]

use crate::{
    action::{account_change::AccountChange, bytes::Bytes, review::Signer},
    domain::{id::ActionId, time::Timestamp},
    refusal::Refusal,
    rpc::{account::KitIdentity, change::Receipt, strict_json::StrictJson, webauthn_json::WebAuthnJson},
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// The recovery that this browser is in, from the typed code to being recovered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// Whose account it is; they sign with the kit.
    pub signer: Signer,
    /// What stands on the new kit.
    pub identity: KitIdentity,
    /// What the kit's key signs to show that it is the right one.
    pub challenge: Bytes,
    /// The salt of the key's derivation, base64url.
    pub salt: String,
    /// Until when it must be finished.
    pub expires_at: Timestamp,
}

/// A document that waits for the kit's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreparedRecovery {
    /// The action.
    pub action: ActionId,
    /// The document's bytes.
    pub document: Bytes,
}

/// Sends a code to this address if an account has it, and goes on to where it is typed. Always answers the same.
///
/// # Errors
/// When the address can't be one, or it is too often; never because it is unknown.
#[server(prefix = "/rpc", endpoint = "start_recovery")]
pub async fn start_recovery(email: String) -> Result<(), Refusal> {
    let email = super::answer(crate::port::backend()?.start_recovery(email).await)?;
    leptos_axum::redirect(&crate::page::recover::code_path(&email));
    Ok(())
}

/// Checks a typed code and goes on to the kit.
///
/// # Errors
/// When the code is wrong, malformed, expired or ended.
#[server(prefix = "/rpc", endpoint = "type_recovery_code")]
pub async fn type_recovery_code(email: String, code: String) -> Result<(), Refusal> {
    super::answer(crate::port::backend()?.type_recovery_code(email, code).await)?;
    leptos_axum::redirect(crate::page::recover::KIT_PATH);
    Ok(())
}

/// The recovery that this browser is in.
///
/// # Errors
/// `NoRecovery` when there is none; `Conflict` when the account can't be recovered any more.
#[server(GetRecovery, prefix = "/rpc", endpoint = "recovery")]
pub async fn recovery() -> Result<Recovery, Refusal> {
    super::answer(crate::port::backend()?.recovery().await)
}

/// Shows that the kit is the right one, before anything is made.
///
/// # Errors
/// `WrongKit` when another kit's key made the signature.
#[server(prefix = "/rpc", endpoint = "prove_recovery_kit", input = StrictJson)]
pub async fn prove_recovery_kit(signature: Bytes) -> Result<(), Refusal> {
    super::answer(crate::port::backend()?.prove_recovery_kit(signature).await)
}

/// The options for `navigator.credentials.create()`.
///
/// # Errors
/// `NoRecovery` when this browser is in none.
#[server(prefix = "/rpc", endpoint = "start_recovery_passkey", input = StrictJson)]
pub async fn start_recovery_passkey() -> Result<WebAuthnJson, Refusal> {
    super::answer(crate::port::backend()?.start_recovery_passkey().await.map(WebAuthnJson::from))
}

/// Asks for the document of the recovery; nothing is changed yet.
///
/// # Errors
/// When the change isn't a recovery, or what it brings doesn't hold.
#[server(prefix = "/rpc", endpoint = "prepare_recovery", input = StrictJson)]
pub async fn prepare_recovery(change: AccountChange) -> Result<PreparedRecovery, Refusal> {
    super::answer(crate::port::backend()?.prepare_recovery(change).await)
}

/// Hands in the kit's signature over the document; the account is recovered and this browser signed in, or nothing is.
///
/// # Errors
/// `WrongKit` when the signature isn't by the kit's key; when the time is over, or another recovery was first.
#[server(prefix = "/rpc", endpoint = "commit_recovery", input = StrictJson)]
pub async fn commit_recovery(action: ActionId, signature: Bytes) -> Result<Receipt, Refusal> {
    super::answer(crate::port::backend()?.commit_recovery(action, signature).await)
}

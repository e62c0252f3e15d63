//! Adding a passkey on another device: a code on the first one, typed on the other.

#![expect(missing_docs, reason = "the fields of the structs that `#[server]` makes are the documented arguments")]

use crate::{
    action::account_change::NewPasskey,
    domain::{id::CodeId, text::PasskeyName, time::Timestamp},
    refusal::Refusal,
    rpc::{strict_json::StrictJson, webauthn_json::WebAuthnJson},
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// A code to be typed on another device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceOffer {
    /// By which its owner asks what became of it; no secret.
    pub id: CodeId,
    /// Nine symbols in groups of three.
    pub code: String,
    /// This server's, as in `https://id.example.org`.
    pub origin: String,
    /// Until when it works.
    pub expires_at: Timestamp,
    /// How long it works from now on, in milliseconds: clocks of people's devices are wrong too often.
    pub life: u64,
}

/// A passkey that another device made, for its owner to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presented {
    /// The passkey.
    pub passkey: NewPasskey,
    /// How it would be called.
    pub name: PasskeyName,
    /// From which browser and address.
    pub from: String,
}

/// What became of an offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferState {
    /// The code waits to be typed.
    Waiting,
    /// The code was typed, or its time is over.
    Taken,
    /// A passkey was made.
    Presented(Box<Presented>),
}

/// What the other device is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addition {
    /// Whose account it is.
    pub email: String,
    /// In which organization.
    pub organization_name: String,
    /// The passkey that was made here, if one was.
    pub presented: Option<NewPasskey>,
    /// Whether its owner has signed that it is theirs.
    pub is_added: bool,
    /// Until when it can be.
    pub expires_at: Timestamp,
}

/// Makes a code for another device; the one before stops working.
///
/// # Errors
/// `SignedOut` when nobody is signed in.
#[server(prefix = "/rpc", endpoint = "offer_passkey", input = StrictJson)]
pub async fn offer_passkey() -> Result<DeviceOffer, Refusal> {
    super::answer(crate::port::backend()?.offer_passkey().await)
}

/// What became of one's own offer.
///
/// # Errors
/// `SignedOut` when nobody is signed in.
#[server(prefix = "/rpc", endpoint = "offered_passkey", input = StrictJson)]
pub async fn offered_passkey(id: CodeId) -> Result<OfferState, Refusal> {
    super::answer(crate::port::backend()?.offered_passkey(id).await)
}

/// Checks a typed code, which is used up, and goes on to the passkey. Nobody is signed in by it.
///
/// # Errors
/// When the code is wrong, malformed, expired or used.
#[server(prefix = "/rpc", endpoint = "type_device_code")]
pub async fn type_device_code(email: String, code: String) -> Result<(), Refusal> {
    super::answer(crate::port::backend()?.type_device_code(email, code).await)?;
    leptos_axum::redirect("/add-passkey/make");
    Ok(())
}

/// What this device, which typed a code, is doing.
///
/// # Errors
/// `NoAddition` when no code was typed here, or it took too long.
#[server(GetAddition, prefix = "/rpc", endpoint = "addition")]
pub async fn addition() -> Result<Addition, Refusal> {
    super::answer(crate::port::backend()?.addition().await)
}

/// The options for `navigator.credentials.create()`.
///
/// # Errors
/// `NoAddition` when no code was typed here.
#[server(prefix = "/rpc", endpoint = "start_offered_passkey", input = StrictJson)]
pub async fn start_offered_passkey() -> Result<WebAuthnJson, Refusal> {
    super::answer(crate::port::backend()?.start_offered_passkey().await.map(WebAuthnJson::from))
}

/// Shows a passkey to the device on which its owner is signed in. It counts for nothing yet.
///
/// # Errors
/// When it doesn't hold, or one was made with this code already.
#[server(prefix = "/rpc", endpoint = "present_passkey", input = StrictJson)]
pub async fn present_passkey(passkey: NewPasskey) -> Result<(), Refusal> {
    super::answer(crate::port::backend()?.present_passkey(passkey).await)
}

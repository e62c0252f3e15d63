//! Creating an organization: account, mail, code, passkey, recovery kit.

#![expect(missing_docs, reason = "the fields of the structs that `#[server]` makes are the documented arguments")]

use crate::{
    action::account_change::NewRecoveryKey,
    domain::{id::OrganizationId, time::Timestamp},
    refusal::Refusal,
    rpc::{strict_json::StrictJson, webauthn_json::WebAuthnJson},
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// What the first page asks for, as typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewOrganization {
    /// Work email.
    pub email: String,
    /// The person's name.
    pub name: String,
    /// The organization's name.
    pub organization: String,
}

/// Where to go on after the first page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// The organization that now exists, not active.
    pub organization: OrganizationId,
    /// The address as it was understood.
    pub email: String,
}

/// Whether a registration code waits to be typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeState {
    /// Yes.
    Live {
        /// Until when it works.
        expires_at: Timestamp,
    },
    /// No, or not for this address.
    NotLive,
}

/// Which step of a registration comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationStep {
    /// Make a passkey.
    Passkey,
    /// The passkey is made and kept aside: save the recovery kit.
    RecoveryKit,
}

/// The registration that this browser is in, from the typed code to being registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Who registers.
    pub email: String,
    /// Their name.
    pub name: String,
    /// In which organization.
    pub organization: OrganizationId,
    /// Its name.
    pub organization_name: String,
    /// What comes next.
    pub step: RegistrationStep,
    /// The registration's challenge, base64url: what the recovery key signs to prove that it can.
    pub challenge: String,
    /// When this server began it; the date on the recovery kit.
    pub started_at: Timestamp,
    /// Until when it must be finished.
    pub expires_at: Timestamp,
    /// Where the recovery kit is used: the exact page's address.
    pub recovery_url: String,
}

/// Creates an organization that isn't active yet and goes on to the mail page.
///
/// # Errors
/// When something typed can't be right, founding is closed, or it is too often.
#[server(prefix = "/rpc", endpoint = "create_organization")]
pub async fn create_organization(email: String, name: String, organization: String) -> Result<(), Refusal> {
    let started = super::answer(crate::port::backend()?.create_organization(NewOrganization { email, name, organization }).await)?;
    leptos_axum::redirect(&crate::page::get_started::mail_path(&started.email, Some(started.organization)));
    Ok(())
}

/// Ends the live code, if there is one, sends a new one, and goes (back) to the mail page.
///
/// # Errors
/// When the address can't be one, or it is too often; never because it is unknown.
#[server(prefix = "/rpc", endpoint = "send_new_code")]
pub async fn send_new_code(email: String, organization: String) -> Result<(), Refusal> {
    let organization = parse_organization(&organization);
    super::answer(crate::port::backend()?.send_new_code(email.clone(), organization).await)?;
    leptos_axum::redirect(&format!("{}&sent=again", crate::page::get_started::mail_path(&email, organization)));
    Ok(())
}

/// Whether a code waits to be typed, and until when.
///
/// # Errors
/// When the server can't tell.
#[server(GetCodeState, prefix = "/rpc", endpoint = "code_state")]
pub async fn code_state(email: String, organization: String) -> Result<CodeState, Refusal> {
    super::answer(crate::port::backend()?.code_state(email, parse_organization(&organization)).await)
}

/// Checks a typed code and goes on to the passkey.
///
/// # Errors
/// When the code is wrong, malformed, expired, used up or ended.
#[server(prefix = "/rpc", endpoint = "activate")]
pub async fn activate(email: String, organization: String, code: String) -> Result<(), Refusal> {
    super::answer(crate::port::backend()?.activate(email, parse_organization(&organization), code).await)?;
    leptos_axum::redirect("/get-started/passkey");
    Ok(())
}

/// The registration that this browser is in.
///
/// # Errors
/// `NoRegistration` when there is none.
#[server(GetRegistration, prefix = "/rpc", endpoint = "registration")]
pub async fn registration() -> Result<Registration, Refusal> {
    super::answer(crate::port::backend()?.registration().await)
}

/// The options for `navigator.credentials.create()`.
///
/// # Errors
/// `NoRegistration` when this browser is in none.
#[server(prefix = "/rpc", endpoint = "start_passkey", input = StrictJson)]
pub async fn start_passkey() -> Result<WebAuthnJson, Refusal> {
    super::answer(crate::port::backend()?.start_passkey().await.map(WebAuthnJson::from))
}

/// Checks a new passkey and keeps it aside.
///
/// # Errors
/// When its answer doesn't hold.
#[server(prefix = "/rpc", endpoint = "keep_passkey", input = StrictJson)]
pub async fn keep_passkey(response: WebAuthnJson) -> Result<(), Refusal> {
    super::answer(crate::port::backend()?.keep_passkey(response.into()).await)
}

/// Registers passkey and recovery key, activates, signs in, and goes to the dashboard.
///
/// # Errors
/// When the proof doesn't hold or the registration is over; then nothing was registered.
#[server(prefix = "/rpc", endpoint = "finish_registration", input = StrictJson)]
pub async fn finish_registration(recovery_key: NewRecoveryKey) -> Result<(), Refusal> {
    super::answer(crate::port::backend()?.finish_registration(recovery_key).await)
}

/// What is in the hidden field is the link's; anything else than an id counts as none.
#[cfg(feature = "ssr")]
fn parse_organization(text: &str) -> Option<OrganizationId> {
    text.parse().ok()
}

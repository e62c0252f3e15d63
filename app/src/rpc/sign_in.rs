//! Signing in and out, and who is signed in.

#![expect(missing_docs, reason = "the fields of the structs that `#[server]` makes are the documented arguments")]

use crate::{
    action::{change::UserRef, review::Signer},
    domain::{
        id::{ChallengeId, OrganizationId, UserId},
        operation::Operations,
        text::EmailAddress,
    },
    refusal::Refusal,
    rpc::{strict_json::StrictJson, webauthn_json::WebAuthnJson},
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A challenge for signing in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignInChallenge {
    /// Handed back with the answer.
    pub challenge: ChallengeId,
    /// The options for `navigator.credentials.get()`.
    pub options: Value,
}

/// [`SignInChallenge`] as the browser takes it: the same JSON, its options unread.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SignInRequest {
    /// Handed back with the answer.
    pub challenge: ChallengeId,
    /// The options for `navigator.credentials.get()`.
    pub options: WebAuthnJson,
}

/// Who is signed in, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Viewer {
    /// The user.
    pub user: UserId,
    /// Their name; empty, when they were invited by address only.
    pub name: String,
    /// Their mail address.
    pub email: EmailAddress,
    /// Their organization.
    pub organization: OrganizationId,
    /// Its name.
    pub organization_name: String,
    /// How many passkeys they have.
    pub passkeys: u32,
    /// What they may do.
    pub operations: Operations,
    /// How long this browser's session goes on.
    pub session: SessionLife,
}

/// How long a session goes on from now, in milliseconds: clocks of people's devices are wrong too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionLife {
    /// Unless something is heard of the browser.
    pub idle: u64,
    /// Whatever happens.
    pub longest: u64,
}

impl Viewer {
    /// Who signs what this viewer changes.
    pub fn signer(&self) -> Signer {
        Signer { user: UserRef { id: self.user, handle: self.email.clone().into() }, organization: self.organization }
    }
}

/// A challenge for signing in with a passkey that the browser finds by itself.
///
/// # Errors
/// When it is too often or storage is gone.
#[server(prefix = "/rpc", endpoint = "start_sign_in", input = StrictJson)]
pub async fn start_sign_in() -> Result<SignInRequest, Refusal> {
    let SignInChallenge { challenge, options } = super::answer(crate::port::backend()?.start_sign_in().await)?;
    Ok(SignInRequest { challenge, options: options.into() })
}

/// Verifies the passkey's answer and signs this browser in.
///
/// # Errors
/// `UnknownPasskey` when nobody here has it, `PasskeyRefused` when the answer doesn't hold.
#[server(prefix = "/rpc", endpoint = "finish_sign_in", input = StrictJson)]
pub async fn finish_sign_in(challenge: ChallengeId, response: WebAuthnJson) -> Result<(), Refusal> {
    super::answer(crate::port::backend()?.finish_sign_in(challenge, response.into()).await)
}

/// Ends this browser's session and goes to the sign-in page.
///
/// # Errors
/// When storage is gone; then the session goes on.
#[server(prefix = "/rpc", endpoint = "sign_out")]
pub async fn sign_out() -> Result<(), Refusal> {
    super::answer(crate::port::backend()?.sign_out().await)?;
    leptos_axum::redirect("/login?signed=out");
    Ok(())
}

/// Ends all sessions of whoever is signed in, this one included, and goes to the sign-in page.
///
/// # Errors
/// `SignedOut` when nobody is; when storage is gone, then all sessions go on.
#[server(prefix = "/rpc", endpoint = "sign_out_everywhere")]
pub async fn sign_out_everywhere() -> Result<(), Refusal> {
    super::answer(crate::port::backend()?.sign_out_everywhere().await)?;
    leptos_axum::redirect("/login?signed=out");
    Ok(())
}

/// Who is signed in.
///
/// # Errors
/// `SignedOut` when nobody is.
#[server(GetViewer, prefix = "/rpc", endpoint = "viewer")]
pub async fn viewer() -> Result<Viewer, Refusal> {
    super::answer(crate::port::backend()?.viewer().await)
}

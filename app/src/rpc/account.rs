//! One's own account: what one signs with, whether the recovery kit works, and what happened.

#![expect(missing_docs, reason = "the fields of the structs that `#[server]` makes are the documented arguments")]

use crate::{
    action::bytes::Bytes,
    domain::{
        id::{ChallengeId, OrganizationId},
        time::Timestamp,
    },
    refusal::Refusal,
    rpc::{
        strict_json::StrictJson,
        users::{ActivityRow, KeyRow, PasskeyRow},
        webauthn_json::WebAuthnJson,
    },
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// A recovery kit, without anything secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kit {
    /// When it was made.
    pub made_at: Timestamp,
    /// When its owner last proved that it works.
    pub tested_at: Option<Timestamp>,
}

/// What one signs with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The passkeys, oldest first.
    pub passkeys: Vec<PasskeyRow>,
    /// The keys of programs, oldest first.
    pub keys: Vec<KeyRow>,
    /// The recovery kit; nothing, for an account that has none.
    pub kit: Option<Kit>,
    /// What happened around the account last, newest first.
    pub activity: Vec<ActivityRow>,
    /// The server's time, for "2 hours ago".
    pub now: Timestamp,
}

/// What a kit's key signs to prove that it works. Byte strings are base64url.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KitTest {
    /// Handed back with the signature.
    pub id: ChallengeId,
    /// 32 random bytes.
    pub challenge: String,
    /// The salt of the key's derivation.
    pub salt: String,
}

/// What stands on a recovery kit beside its code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KitIdentity {
    /// The owner's name.
    pub name: String,
    /// Their mail address.
    pub email: String,
    /// Their organization.
    pub organization: OrganizationId,
    /// Its name.
    pub organization_name: String,
    /// When it is made.
    pub made_at: Timestamp,
    /// Where it is used: the address that its owner compares.
    pub recovery_url: String,
}

/// What the viewer signs with.
///
/// # Errors
/// `SignedOut` when nobody is signed in.
#[server(GetAccount, prefix = "/rpc", endpoint = "account")]
pub async fn account() -> Result<Account, Refusal> {
    super::answer(crate::port::backend()?.account().await)
}

/// Begins a test of the viewer's recovery kit.
///
/// # Errors
/// `NotFound` when they have none.
#[server(prefix = "/rpc", endpoint = "start_kit_test", input = StrictJson)]
pub async fn start_kit_test() -> Result<KitTest, Refusal> {
    super::answer(crate::port::backend()?.start_kit_test().await)
}

/// Hands in the signature (base64url); that the kit works is noted, and the kit isn't used up.
///
/// # Errors
/// `WrongKit` when another kit's key made it; `BadRequest` when the test took too long or comes twice.
#[server(prefix = "/rpc", endpoint = "finish_kit_test", input = StrictJson)]
pub async fn finish_kit_test(id: ChallengeId, signature: String) -> Result<(), Refusal> {
    super::answer(crate::port::backend()?.finish_kit_test(id, signature).await)
}

/// Asks for one more passkey of the viewer: the options for `navigator.credentials.create()`. It counts once a change that
/// brings it is signed.
///
/// # Errors
/// `SignedOut` when nobody is signed in.
#[server(prefix = "/rpc", endpoint = "start_new_passkey", input = StrictJson)]
pub async fn start_new_passkey() -> Result<WebAuthnJson, Refusal> {
    super::answer(crate::port::backend()?.start_new_passkey().await).map(Into::into)
}

/// What would stand on a new recovery kit of the viewer.
///
/// # Errors
/// `SignedOut` when nobody is signed in.
#[server(GetKitIdentity, prefix = "/rpc", endpoint = "kit_identity")]
pub async fn kit_identity() -> Result<KitIdentity, Refusal> {
    super::answer(crate::port::backend()?.kit_identity().await)
}

/// Asks for a new recovery key of the viewer: the challenge that it must sign. It counts once a change that brings its key is signed.
///
/// # Errors
/// `SignedOut` when nobody is signed in.
#[server(prefix = "/rpc", endpoint = "start_new_kit", input = StrictJson)]
pub async fn start_new_kit() -> Result<Bytes, Refusal> {
    super::answer(crate::port::backend()?.start_new_kit().await)
}

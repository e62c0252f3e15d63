//! The organization's people.

#![expect(missing_docs, reason = "the fields of the structs that `#[server]` makes are the documented arguments")]

use crate::{
    action::change::{GivenPermission, PermissionRef, UserRef},
    domain::{
        activity::ActivityKind,
        id::{AssignmentId, CredentialId, UserId},
        operation::Operations,
        time::Timestamp,
        user::{UserKind, UserStatus},
    },
    refusal::Refusal,
    rpc::programs::ProgramRow,
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// A user, as lists show them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRow {
    /// Id and mail address.
    pub user: UserRef,
    /// Their name; empty, when they were invited by address only.
    pub name: String,
    /// What they are.
    pub kind: UserKind,
    /// By which another system knows them.
    pub external_id: Option<String>,
    /// What they can do at all.
    pub status: UserStatus,
    /// Whether their invitation was revoked.
    pub is_revoked: bool,
    /// Until when their registration code works, if one does.
    pub invited_until: Option<Timestamp>,
    /// The names of their permissions.
    pub permissions: Vec<String>,
    /// When they were last heard of.
    pub last_seen_at: Option<Timestamp>,
}

/// One page of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserList {
    /// In the order of their addresses.
    pub users: Vec<UserRow>,
    /// Where the next page begins, if there is one: for the address's `after`.
    pub next: Option<String>,
    /// The server's time, for "in 2 hours".
    pub now: Timestamp,
}

/// How an invitation's mail is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailState {
    /// Waits for its next attempt.
    Queued,
    /// The mail server took it.
    Sent,
    /// The mail server refused it, or it was given up.
    Refused,
}

/// A permission that a user has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldPermission {
    /// The assignment.
    pub assignment: AssignmentId,
    /// The permission.
    pub permission: PermissionRef,
    /// What it allows.
    pub operations: Operations,
}

/// A passkey, without anything secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasskeyRow {
    /// Our id.
    pub id: CredentialId,
    /// The id that the authenticator chose, base64url.
    pub credential_id: String,
    /// What people call it.
    pub name: String,
    /// Which provider or model it is in, if that is known.
    pub provider: Option<String>,
    /// How it can be reached, in WebAuthn's words.
    pub transports: Vec<String>,
    /// Whether it is synced, as by a password manager, or bound to one device.
    pub is_synced: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// Whether it can sign.
    pub is_active: bool,
}

/// The public half of a key pair with which a program signs in somebody's name, or recovers their account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRow {
    /// Our id.
    pub id: CredentialId,
    /// The id that its owner chose.
    pub credential_id: String,
    /// What people call it.
    pub name: String,
    /// The algorithm, as people know it.
    pub algorithm: String,
    /// Whether it is for recovering only.
    pub is_for_recovery: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// Whether it can sign.
    pub is_active: bool,
}

/// An entry of history that is about someone, or by them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentEntry {
    /// The entry.
    pub index: u64,
    /// By whom.
    pub who: String,
    /// What.
    pub sentence: String,
    /// When.
    pub at: Timestamp,
    /// Whether everyone who sees it should look twice.
    pub is_loud: bool,
}

/// Something that happened around someone's account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityRow {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: ActivityKind,
    /// A mail's subject; else empty.
    pub detail: String,
    /// By which browser, in words, and from which address; nothing, when it was the server itself.
    pub from: Option<(String, String)>,
}

/// Everything about one user that the viewer may know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserDetails {
    /// Who they are.
    pub row: UserRow,
    /// When they were created.
    pub created_at: Timestamp,
    /// The state of the newest mail to them, with the mail server's words.
    pub mail: Option<(MailState, Option<String>)>,
    /// Their permissions; nothing, when the viewer may not see them.
    pub permissions: Option<Vec<HeldPermission>>,
    /// The permissions that the viewer could give them.
    pub assignable: Vec<GivenPermission>,
    /// Their passkeys.
    pub passkeys: Vec<PasskeyRow>,
    /// Their keys.
    pub keys: Vec<KeyRow>,
    /// Their access tokens.
    pub tokens: Vec<ProgramRow>,
    /// The newest entries about them or by them; nothing, when the viewer may not read history.
    pub changes: Option<Vec<RecentEntry>>,
    /// What happened around their account last, newest first.
    pub activity: Vec<ActivityRow>,
    /// The server's time.
    pub now: Timestamp,
}

/// One page of the organization's people: those whose address, name or external id contains `search`, of this `status`
/// (`invited`, `active`, `deactivated`, or anything else for all), behind `after`.
///
/// # Errors
/// When the viewer may not read users.
#[server(GetUsers, prefix = "/rpc", endpoint = "users")]
pub async fn users(search: String, status: String, after: String) -> Result<UserList, Refusal> {
    super::answer(crate::port::backend()?.users(search, parse_status(&status), after).await)
}

/// One user.
///
/// # Errors
/// When there is no such user here, or the viewer may not read users.
#[server(GetUser, prefix = "/rpc", endpoint = "user")]
pub async fn user(id: UserId) -> Result<UserDetails, Refusal> {
    super::answer(crate::port::backend()?.user(id).await)
}

/// Whatever isn't a status means all.
#[cfg(feature = "ssr")]
fn parse_status(text: &str) -> Option<UserStatus> {
    [UserStatus::Invited, UserStatus::Active, UserStatus::Deactivated].into_iter().find(|status| status.label().eq_ignore_ascii_case(text))
}

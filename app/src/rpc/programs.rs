//! Programs: the organization's service accounts, and one's own access tokens.

#![expect(missing_docs, reason = "the fields of the structs that `#[server]` makes are the documented arguments")]

use crate::{
    action::change::{GivenPermission, UserRef},
    domain::{id::UserId, text::ExternalId, time::Timestamp, user::UserStatus},
    refusal::Refusal,
    rpc::users::{HeldPermission, RecentEntry},
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// A service account or an access token, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramRow {
    /// Id and name.
    pub user: UserRef,
    /// By which another system knows it.
    pub external_id: Option<ExternalId>,
    /// Whether it may act, while its token counts.
    pub status: UserStatus,
    /// Until when its token counts; nothing, when that is long over.
    pub until: Option<Timestamp>,
    /// When its token was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// The names of its permissions; nothing, when the viewer may not see them.
    pub permissions: Option<Vec<String>>,
}

/// One page of a list of programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramList {
    /// In the order of their names.
    pub programs: Vec<ProgramRow>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
    /// The server's time.
    pub now: Timestamp,
}

/// What a program signs with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramKey {
    /// By which its signatures name it.
    pub credential_id: String,
    /// The algorithm, as people know it.
    pub algorithm: String,
    /// The public key, PEM.
    pub pem: String,
}

/// Everything about one program that the viewer may know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramDetails {
    /// What it is.
    pub row: ProgramRow,
    /// When it was created.
    pub created_at: Timestamp,
    /// What it signs with.
    pub key: Option<ProgramKey>,
    /// Its permissions; nothing, when the viewer may not see them.
    pub permissions: Option<Vec<HeldPermission>>,
    /// The permissions that the viewer could give it.
    pub assignable: Vec<GivenPermission>,
    /// The newest entries about it or by it; nothing, when the viewer may not read history.
    pub changes: Option<Vec<RecentEntry>>,
    /// The server's time.
    pub now: Timestamp,
}

/// What the form for a new program offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramChoice {
    /// The permissions that it could have from the start.
    pub permissions: Vec<GivenPermission>,
    /// The server's time, from which the token's life is counted.
    pub now: Timestamp,
}

/// One page of the organization's service accounts, behind `after`.
///
/// # Errors
/// When the viewer may not read service accounts.
#[server(GetServiceAccounts, prefix = "/rpc", endpoint = "service_accounts")]
pub async fn service_accounts(after: String) -> Result<ProgramList, Refusal> {
    super::answer(crate::port::backend()?.service_accounts(after).await)
}

/// One service account.
///
/// # Errors
/// When there is no such service account here, or the viewer may not read service accounts.
#[server(GetServiceAccount, prefix = "/rpc", endpoint = "service_account")]
pub async fn service_account(id: UserId) -> Result<ProgramDetails, Refusal> {
    super::answer(crate::port::backend()?.service_account(id).await)
}

/// What a new service account could be.
///
/// # Errors
/// When the viewer may not create service accounts.
#[server(GetServiceAccountChoice, prefix = "/rpc", endpoint = "service_account_choice")]
pub async fn service_account_choice() -> Result<ProgramChoice, Refusal> {
    super::answer(crate::port::backend()?.service_account_choice().await)
}

/// The viewer's own access tokens, all of them.
///
/// # Errors
/// `SignedOut` when nobody is signed in.
#[server(GetAccessTokens, prefix = "/rpc", endpoint = "access_tokens")]
pub async fn access_tokens() -> Result<ProgramList, Refusal> {
    super::answer(crate::port::backend()?.access_tokens().await)
}

/// One of the viewer's own access tokens.
///
/// # Errors
/// When the viewer has no such access token.
#[server(GetAccessToken, prefix = "/rpc", endpoint = "access_token")]
pub async fn access_token(id: UserId) -> Result<ProgramDetails, Refusal> {
    super::answer(crate::port::backend()?.access_token(id).await)
}

/// What a new access token of the viewer's could be.
///
/// # Errors
/// When the viewer may not make access tokens.
#[server(GetAccessTokenChoice, prefix = "/rpc", endpoint = "access_token_choice")]
pub async fn access_token_choice() -> Result<ProgramChoice, Refusal> {
    super::answer(crate::port::backend()?.access_token_choice().await)
}

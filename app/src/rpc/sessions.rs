//! One's own sessions: which browsers are signed in, and ending them.

#![expect(missing_docs, reason = "the fields of the structs that `#[server]` makes are the documented arguments")]

use crate::{domain::time::Timestamp, refusal::Refusal};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// Where the list is.
#[cfg(feature = "ssr")]
const LIST: &str = "/account#sessions";

/// A signed-in browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRow {
    /// By which it is ended. It is a hash: nobody can sign in with it.
    pub id: String,
    /// In words, as in "Firefox on Windows".
    pub browser: String,
    /// The address it was begun from.
    pub address: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was last heard of.
    pub last_seen_at: Timestamp,
    /// When it ends, if it isn't heard of again.
    pub ends_at: Timestamp,
    /// Whether it is the one that asks.
    pub is_this: bool,
}

/// The viewer's sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionList {
    /// The latest first.
    pub sessions: Vec<SessionRow>,
    /// The server's time.
    pub now: Timestamp,
}

/// The viewer's sessions.
///
/// # Errors
/// `SignedOut` when nobody is signed in.
#[server(GetSessions, prefix = "/rpc", endpoint = "sessions")]
pub async fn sessions() -> Result<SessionList, Refusal> {
    super::answer(crate::port::backend()?.sessions().await)
}

/// Ends one of the viewer's sessions and goes back to the list, or to the sign-in page when it was this one. One that is gone
/// already is ended, too.
///
/// # Errors
/// `SignedOut` when nobody is signed in.
#[server(prefix = "/rpc", endpoint = "end_session")]
pub async fn end_session(id: String) -> Result<(), Refusal> {
    let was_this = super::answer(crate::port::backend()?.end_one_session(id).await)?;
    leptos_axum::redirect(if was_this { "/login?signed=out" } else { LIST });
    Ok(())
}

/// Ends all of the viewer's sessions but this one.
///
/// # Errors
/// `SignedOut` when nobody is signed in.
#[server(prefix = "/rpc", endpoint = "end_other_sessions")]
pub async fn end_other_sessions() -> Result<(), Refusal> {
    super::answer(crate::port::backend()?.end_other_sessions().await)?;
    leptos_axum::redirect(LIST);
    Ok(())
}

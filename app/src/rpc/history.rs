//! The organization's history, with what a browser needs to verify it.

#![expect(missing_docs, reason = "the fields of the structs that `#[server]` makes are the documented arguments")]

use crate::{domain::id::CredentialId, refusal::Refusal};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many entries are on one page.
pub const PAGE: u16 = 25;

/// Entries of history. Nothing in here has to be believed: the lines carry their signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryPage {
    /// The entries' lines, newest first.
    pub lines: Vec<String>,
    /// The lines of the entries that registered the passkeys which signed these.
    pub registrations: Vec<String>,
    /// What people call these passkeys; those that were removed are missing.
    pub passkeys: BTreeMap<CredentialId, String>,
    /// How many entries there are.
    pub size: u64,
    /// The checkpoint over all of them: a signed note.
    pub checkpoint: String,
    /// The next page is before this entry, if there is one.
    pub next: Option<u64>,
}

/// The entries before this one, or the newest; at most a page.
///
/// # Errors
/// When the viewer may not read history.
#[server(GetHistory, prefix = "/rpc", endpoint = "history")]
pub async fn history(before: Option<u64>) -> Result<HistoryPage, Refusal> {
    super::answer(crate::port::backend()?.history(before).await)
}

/// One entry.
///
/// # Errors
/// When there is no such entry, or the viewer may not read history.
#[server(GetHistoryEntry, prefix = "/rpc", endpoint = "history_entry")]
pub async fn history_entry(index: u64) -> Result<HistoryPage, Refusal> {
    super::answer(crate::port::backend()?.history_entry(index).await)
}

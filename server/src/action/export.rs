//! A history as a file: its lines, then the checkpoint over exactly these, all that an auditor needs.

use super::{ActionError, Road};
use crate::storage::{Storage, history};
use app::domain::id::OrganizationId;
use futures_util::stream::{self, Stream};
use std::fmt::Write;

/// How many lines are read at a time.
const CHUNK: i64 = 500;

/// An export on its way: what is appended while it goes on isn't part of it.
pub struct Export {
    storage: Storage,
    organization: OrganizationId,
    next: u64,
    size: u64,
    checkpoint: Option<String>,
}

impl Road {
    /// Begins an export with the entry at this index; nothing, when there is no such organization, or history is shorter.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn export(&self, organization: OrganizationId, from: u64) -> Result<Option<Export>, ActionError> {
        let mut db = self.storage.connection().await?;
        let head = history::head(&mut db, organization).await?.filter(|head| from <= head.size());
        let Some(head) = head else { return Ok(None) };
        let checkpoint = self.checkpoint(organization, &head)?;
        Ok(Some(Export { storage: self.storage.clone(), organization, next: from, size: head.size(), checkpoint: Some(checkpoint) }))
    }
}

impl Export {
    /// The next lines, each with its line break; nothing, once the checkpoint was given, which comes last.
    ///
    /// # Errors
    /// When the database fails; then what was given so far ends without a checkpoint, and verifies as incomplete.
    pub async fn next(&mut self) -> Result<Option<String>, ActionError> {
        if self.next == self.size {
            return Ok(self.checkpoint.take().map(|note| format!("{}\n", serde_json::json!({ "checkpoint": note }))));
        }
        let mut db = self.storage.connection().await?;
        let left = i64::try_from(self.size - self.next).unwrap_or(CHUNK).min(CHUNK);
        let lines = history::from(&mut db, self.organization, self.next, left).await?;
        if lines.is_empty() {
            // The organization is gone.
            self.next = self.size;
            self.checkpoint = None;
            return Ok(None);
        }
        self.next += lines.len() as u64;
        let mut text = String::new();
        for line in lines {
            // A String takes whatever is written to it.
            let _ = writeln!(text, "{line}");
        }
        Ok(Some(text))
    }

    /// All of it, as it is read.
    pub fn into_stream(self) -> impl Stream<Item = Result<String, ActionError>> {
        stream::try_unfold(self, |mut export| async move { Ok(export.next().await?.map(|chunk| (chunk, export))) })
    }
}

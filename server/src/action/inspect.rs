//! One organization, inspected: does its whole history verify, up to the checkpoint that this server signs over it, and is what
//! the database says of the organization what follows from the history?
//!
//! ```text
//! rows, some at a time ─► Replay ─► signatures, on every processor ─► head ─► checkpoint ─► Replay::state = the database's state?
//! ```

use super::difference::differences;
use crate::storage::{
    Connection, StorageError, history, organizations,
    state::{self, StateError},
    upkeep::{self, Kept},
};
use app::{
    action::{
        cose::InvalidSignature,
        history::{
            checkpoint::{Checkpoint, CheckpointSigner},
            merkle::Frontier,
            replay::{PendingSignature, Replay, ReplayError},
        },
    },
    domain::id::OrganizationId,
};
use data_encoding::BASE64URL_NOPAD;
use std::thread;

/// How many rows are read at a time.
const CHUNK: i64 = 1000;

/// What was found.
#[derive(Debug, Default)]
pub struct Inspected {
    /// How many entries its history has.
    pub entries: u64,
    /// How many users, programs among them.
    pub users: usize,
    /// How many permissions.
    pub permissions: usize,
    /// How many passkeys and keys.
    pub credentials: usize,
    /// What is wrong, a sentence each.
    pub wrong: Vec<String>,
}

/// Inspects an organization; nothing, when there is none with this id. Without a signer the checkpoint's signature is left out. `db`
/// must see one moment.
///
/// # Errors
/// When the database fails.
pub async fn inspect(
    db: &mut Connection,
    organization: OrganizationId,
    signer: Option<&CheckpointSigner>,
) -> Result<Option<Inspected>, StorageError> {
    let mut found = Inspected::default();
    let head = match history::head(db, organization).await {
        Ok(Some(head)) => Some(head),
        Ok(None) => return Ok(None),
        Err(error @ StorageError::Inconsistent { .. }) => {
            found.wrong.push(error.to_string());
            None
        }
        Err(error) => return Err(error),
    };
    let mut walk = Walk::default();
    let is_whole = walk.through(db, organization, &mut found.wrong).await?;
    found.entries = walk.tree.size();
    if is_whole {
        found.wrong.extend(walk.wrong_roots.take());
    }
    if is_whole && let Some(head) = &head {
        found.wrong.extend(walk.end(organization, head, signer));
    }
    let is_active = organizations::find_name(db, organization).await?.is_some();
    if is_active != (found.entries > 0) && is_whole {
        let words = if is_active { "it is active, and has no history" } else { "it has a history, and was never activated" };
        found.wrong.push(words.to_owned());
    }
    match state::find(db, organization).await {
        Ok(Some(database)) => {
            (found.users, found.permissions, found.credentials) =
                (database.users.len(), database.permissions.len(), database.credentials.len());
            match walk.replay.state() {
                Some(history) if is_whole => found.wrong.extend(differences(history, &database)),
                // What a broken history leads to says nothing about the database.
                _ if !is_whole => {}
                _ if found.permissions + found.credentials > 0 => {
                    found.wrong.push("it has no history, and permissions or passkeys all the same".to_owned());
                }
                _ => {}
            }
        }
        Ok(None) => {}
        Err(StateError::Storage(error)) => return Err(error),
        Err(error) => found.wrong.push(error.to_string()),
    }
    Ok(Some(found))
}

/// A history on its way through, with the tree that is kept beside it.
#[derive(Default)]
struct Walk {
    replay: Replay,
    tree: Frontier,
    /// The first roots that aren't right: proofs don't verify then, and the entries do.
    wrong_roots: Option<String>,
}

impl Walk {
    /// Goes through all rows, up to the first that is wrong; whether none is.
    async fn through(&mut self, db: &mut Connection, organization: OrganizationId, wrong: &mut Vec<String>) -> Result<bool, StorageError> {
        let mut next = 0;
        loop {
            let rows = upkeep::entries(db, organization, next, CHUNK).await?;
            let Some(last) = rows.last() else { return Ok(true) };
            next = last.index + 1;
            let mut signatures = Vec::new();
            let outcome = rows.iter().try_for_each(|row| self.row(row, &mut signatures));
            // Whatever is wrong before it is told first.
            let bad = first_bad(&signatures).map(|index| format!("entry {index} is bad: {}", ReplayError::Signature));
            if let Some(words) = bad.or(outcome.err()) {
                wrong.push(format!("{words}. What comes after it proves nothing, and what the database holds can't be compared"));
                return Ok(false);
            }
        }
    }

    fn row(&mut self, row: &Kept, signatures: &mut Vec<(u64, PendingSignature)>) -> Result<(), String> {
        let index = self.replay.size();
        if u64::try_from(row.index) != Ok(index) {
            return Err(format!("entry {index} is missing: the next one is {}", row.index));
        }
        let pending = self.replay.entry(&row.line).map_err(|error| format!("entry {index} is bad: {error}"))?;
        signatures.extend(pending.into_iter().map(|signature| (index, signature)));
        let roots = BASE64URL_NOPAD.encode(&self.tree.append(row.line.as_bytes()).concat());
        if row.roots.as_deref() != Some(roots.as_str()) && self.wrong_roots.is_none() {
            let which = if row.roots.is_some() { "aren't those of the tree" } else { "aren't there: the server's next start makes them" };
            self.wrong_roots = Some(format!("the roots that are kept for proofs with entry {index} {which}"));
        }
        Ok(())
    }

    /// Compares with the head, over which checkpoints are signed.
    fn end(&self, organization: OrganizationId, head: &Frontier, signer: Option<&CheckpointSigner>) -> Option<String> {
        if head.size() != self.tree.size() {
            return Some(format!("its head counts {} entries, and there are {}", head.size(), self.tree.size()));
        }
        if *head != self.tree {
            return Some("its head isn't that of its entries: what is signed over it doesn't verify".to_owned());
        }
        let signer = signer.filter(|_| head.size() > 0)?;
        let note = signer.sign(&Checkpoint { organization, size: head.size(), root: head.root() });
        match note.map(|note| self.replay.finish(&note)) {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(format!("its checkpoint doesn't fit: {error}")),
            Err(error) => Some(format!("its checkpoint can't be signed: {error}")),
        }
    }
}

/// The first entry with a signature that isn't valid, looked for on every processor.
pub fn first_bad(signatures: &[(u64, PendingSignature)]) -> Option<u64> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let share = signatures.len().div_ceil(processors).max(1);
    let bad = |share: &[(u64, PendingSignature)]| {
        share.iter().find(|(_, signature)| signature.verify() == Err(InvalidSignature)).map(|(index, _)| *index)
    };
    thread::scope(|scope| {
        let threads: Vec<_> = signatures.chunks(share).map(|share| scope.spawn(move || bad(share))).collect();
        // A thread that panics has found nothing good.
        threads.into_iter().filter_map(|thread| thread.join().unwrap_or(Some(0))).min()
    })
}

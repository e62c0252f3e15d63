//! Reading history, with what a browser needs to verify it.

use super::{RequestBackend, change::refused};
use crate::{
    action::{Actor, Export},
    storage::{Connection, StorageError, credentials, history},
};
use app::{
    action::history::entry::{Entry, Grounds, What},
    domain::{
        id::{CredentialId, OrganizationId},
        operation::Operation,
    },
    refusal::{Code, Refusal},
    rpc::history::{HistoryPage, PAGE},
};
use std::collections::{BTreeMap, BTreeSet};

pub(super) async fn page(backend: &RequestBackend, before: Option<u64>) -> Result<HistoryPage, Refusal> {
    let failed = |error| backend.storage_failed(error);
    let (actor, mut db) = reader(backend).await?;
    let lines = history::before(&mut db, actor.organization, before.unwrap_or(u64::MAX), i64::from(PAGE)).await.map_err(failed)?;
    with_proofs(backend, &mut db, actor, lines).await
}

pub(super) async fn entry(backend: &RequestBackend, index: u64) -> Result<HistoryPage, Refusal> {
    let failed = |error| backend.storage_failed(error);
    let (actor, mut db) = reader(backend).await?;
    let lines = history::from(&mut db, actor.organization, index, 1).await.map_err(failed)?;
    if lines.is_empty() {
        return Err(Refusal::new(Code::NotFound, "History has no such entry."));
    }
    with_proofs(backend, &mut db, actor, lines).await
}

impl RequestBackend {
    /// The whole history as a file, for whoever may read it.
    ///
    /// # Errors
    /// When nobody is signed in or they may not.
    pub async fn export(&self) -> Result<Export, Refusal> {
        let (actor, db) = reader(self).await?;
        drop(db);
        let export = self.services.road.export(actor.organization, 0).await.map_err(|error| refused(self, error))?;
        export.ok_or_else(|| Refusal::new(Code::NotFound, "There is no such history."))
    }
}

async fn reader(backend: &RequestBackend) -> Result<(Actor, crate::storage::PooledConnection), Refusal> {
    let actor = backend.actor().await?;
    let mut db = backend.services.storage.connection().await.map_err(|error| backend.storage_failed(error))?;
    backend.require(&mut db, actor, Operation::HistoryRead).await?;
    Ok((actor, db))
}

async fn with_proofs(backend: &RequestBackend, db: &mut Connection, actor: Actor, lines: Vec<String>) -> Result<HistoryPage, Refusal> {
    let failed = |error| backend.storage_failed(error);
    let entries: Vec<Entry> = lines.iter().filter_map(|line| Entry::parse(line).ok()).collect();
    let seen: BTreeSet<CredentialId> = entries.iter().filter_map(|entry| entry.summary().ok()?.credential).collect();
    let registrations = proofs(db, actor.organization, &entries).await.map_err(failed)?;
    let mut passkeys = BTreeMap::new();
    for id in seen {
        if let Some(name) = credentials::find_name(db, actor.organization, id).await.map_err(failed)? {
            passkeys.insert(id, name);
        }
    }
    let head = history::head(db, actor.organization).await.map_err(failed)?.unwrap_or_default();
    let next = entries.last().map(|entry| entry.index).filter(|oldest| *oldest > 0);
    Ok(HistoryPage {
        passkeys,
        lines,
        registrations,
        size: head.size(),
        checkpoint: backend.services.road.checkpoint(actor.organization, &head).map_err(|error| refused(backend, error.into()))?,
        next,
    })
}

/// The lines of the entries that registered what signed these, and of those that registered what signed them, and so on; and
/// those that name the server's keys, where the server itself signed.
async fn proofs(db: &mut Connection, organization: OrganizationId, entries: &[Entry]) -> Result<Vec<String>, StorageError> {
    let mut wanted: Vec<CredentialId> = entries.iter().filter_map(signer).collect();
    let mut seen = BTreeSet::new();
    let mut lines = BTreeSet::new();
    if entries.iter().any(|entry| matches!(entry.what, What::BreakGlass(_) | What::KeyChange(_))) {
        lines.extend(history::naming_keys(db, organization).await?);
    }
    while let Some(credential) = wanted.pop() {
        if seen.insert(credential)
            && let Some(line) = history::registration_of(db, organization, credential).await?
        {
            wanted.extend(Entry::parse(&line).ok().as_ref().and_then(signer));
            lines.insert(line);
        }
    }
    Ok(lines.into_iter().collect())
}

/// The credential that signed what is in an entry.
fn signer(entry: &Entry) -> Option<CredentialId> {
    match &entry.what {
        What::Action(action) => Some(action.credential),
        What::Recovery(recovery) => Some(recovery.credential),
        What::Enrolment(enrolment) => match &enrolment.grounds {
            Grounds::Recovery(proof) => Some(proof.credential),
            Grounds::Invitation | Grounds::Code { .. } => None,
        },
        What::Genesis(_) | What::Registration(_) | What::BreakGlass(_) | What::KeyChange(_) => None,
    }
}

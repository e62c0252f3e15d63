//! Reading history, with what a browser needs to verify it.

use super::{RequestBackend, change::refused};
use crate::{
    action::{Actor, Export},
    storage::{Connection, credentials, history},
};
use app::{
    action::history::entry::{Entry, What},
    domain::{id::CredentialId, operation::Operation},
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
        let export = self.services.road.export(actor.organization).await.map_err(|error| refused(self, error))?;
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
    let mut registrations = Vec::new();
    let mut seen = BTreeSet::<CredentialId>::new();
    for entry in &entries {
        let (credential, signs) = match &entry.what {
            What::Genesis(genesis) => (genesis.credentials.passkey.id, false),
            What::Registration(registration) => (registration.credentials.passkey.id, false),
            What::Action(action) => (action.credential, true),
        };
        let is_new = seen.insert(credential);
        if signs
            && is_new
            && let Some(line) = history::registration_of(db, actor.organization, credential).await.map_err(failed)?
        {
            registrations.push(line);
        }
    }
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

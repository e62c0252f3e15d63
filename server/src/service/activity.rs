//! Notes what happens around accounts, and tells it to those who may know.

use super::{RequestBackend, Services};
use crate::{
    action::Actor,
    client::Client,
    storage::{
        Connection, StorageError,
        activity::{self, Event},
        commit,
    },
};
use app::{
    domain::{
        activity::ActivityKind,
        browser,
        id::{ActivityId, OrganizationId, UserId},
    },
    rpc::users::ActivityRow,
};
use std::sync::Arc;
use tracing::Instrument;

/// What a page shows of it.
const SHOWN: i64 = 20;

impl RequestBackend {
    /// Notes what happens to a user by this request, with where it came from.
    pub(super) async fn note(&self, db: &mut Connection, whom: Actor, kind: ActivityKind) -> Result<(), StorageError> {
        self.services.note(db, whom, kind, &self.client).await
    }
}

impl Services {
    /// Notes what happens to a user by this client's request.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note(&self, db: &mut Connection, whom: Actor, kind: ActivityKind, client: &Client) -> Result<(), StorageError> {
        let event = Event {
            at: self.ambient.now(),
            kind,
            detail: String::new(),
            address: client.address.to_string(),
            user_agent: client.user_agent.clone(),
        };
        let id = ActivityId::from_bytes(self.ambient.bytes());
        activity::insert(db, id, whom.organization, whom.user, &event).await
    }
}

/// Notes what happens to these users behind the answer, which must take as long when there is nobody.
pub(super) fn note_behind(services: &Arc<Services>, client: &Client, whom: Vec<Actor>, kind: ActivityKind) {
    let (later, client) = (Arc::clone(services), client.clone());
    tokio::spawn(
        async move {
            let Ok(mut db) = later.storage.begin().await else { return };
            for actor in whom {
                // What can't be noted is still refused.
                let _ = later.note(&mut db, actor, kind, &client).await;
            }
            let _ = commit(db).await;
        }
        .in_current_span(),
    );
}

/// What happened last to a user, newest first.
pub(super) async fn recent(db: &mut Connection, organization: OrganizationId, user: UserId) -> Result<Vec<ActivityRow>, StorageError> {
    let events = activity::newest(db, organization, user, SHOWN).await?;
    Ok(events
        .into_iter()
        .map(|event| ActivityRow {
            at: event.at,
            kind: event.kind,
            detail: event.detail,
            from: (!event.address.is_empty()).then(|| (browser::in_words(&event.user_agent), event.address)),
        })
        .collect())
}

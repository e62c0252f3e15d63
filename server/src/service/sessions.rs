//! One's own sessions: reading and ending them.

use super::{
    RequestBackend,
    change::refused,
    session::IDLE,
    sign_in::{sign_out, signed_out},
};
use crate::{
    action::{Actor, Event},
    storage::{Connection, commit, sessions},
};
use app::{
    domain::{activity::ActivityKind, browser},
    refusal::Refusal,
    rpc::sessions::{SessionList, SessionRow},
};

pub(super) async fn list(backend: &RequestBackend) -> Result<SessionList, Refusal> {
    let failed = |error| backend.storage_failed(error);
    let (mut db, actor) = backend.active().await?;
    let this = backend.session_hash();
    let now = backend.services.ambient.now();
    let found = sessions::list(&mut db, actor.organization, actor.user, now, now.minus(IDLE)).await.map_err(failed)?;
    let sessions = found
        .into_iter()
        .map(|session| SessionRow {
            is_this: Some(&session.id_hash) == this.as_ref(),
            id: session.id_hash,
            browser: browser::in_words(&session.user_agent),
            address: session.address,
            started_at: session.created_at,
            last_seen_at: session.last_seen_at,
            ends_at: session.expires_at.min(session.last_seen_at.plus(IDLE)),
        })
        .collect();
    Ok(SessionList { sessions, now })
}

/// Whether it was this browser's.
pub(super) async fn end(backend: &RequestBackend, id: &str) -> Result<bool, Refusal> {
    let failed = |error| backend.storage_failed(error);
    let actor = backend.active_actor().await?;
    if backend.session_hash().as_deref() == Some(id) {
        sign_out(backend).await?;
        return Ok(true);
    }
    let mut db = backend.services.storage.begin().await.map_err(failed)?;
    if sessions::delete_own(&mut db, actor.organization, actor.user, id).await.map_err(failed)? {
        note_ended(backend, &mut db, actor).await?;
    }
    commit(db).await.map_err(failed)?;
    Ok(false)
}

pub(super) async fn end_others(backend: &RequestBackend) -> Result<(), Refusal> {
    let failed = |error| backend.storage_failed(error);
    let actor = backend.active_actor().await?;
    // Nobody is signed in without a session.
    let this = backend.session_hash().ok_or_else(signed_out)?;
    let mut db = backend.services.storage.begin().await.map_err(failed)?;
    if sessions::delete_others(&mut db, actor.organization, actor.user, &this).await.map_err(failed)? > 0 {
        note_ended(backend, &mut db, actor).await?;
    }
    commit(db).await.map_err(failed)
}

async fn note_ended(backend: &RequestBackend, db: &mut Connection, actor: Actor) -> Result<(), Refusal> {
    backend.note(db, actor, ActivityKind::SessionsEnded).await.map_err(|error| backend.storage_failed(error))?;
    backend.services.road.tell_active(db, actor, &Event::sessions_ended(), &backend.client).await.map_err(|error| refused(backend, error))
}

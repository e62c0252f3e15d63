//! Removes what ran out: organizations that were never activated, registrations, actions, challenges, sessions, tokens, texts of old mails,
//! old activity.

use super::{Services, session::IDLE};
use crate::storage::{StorageError, actions, activity, challenges, commit, organizations, outbox, registrations, sessions, tokens};
use std::time::Duration;

/// An organization that isn't activated by then is removed.
const NEVER_ACTIVATED: Duration = Duration::from_hours(7 * 24);

/// How long activity is kept.
const ACTIVITY: Duration = Duration::from_hours(90 * 24);

/// Sweeps once.
///
/// # Errors
/// When the database fails; then nothing was removed.
pub async fn sweep(services: &Services) -> Result<(), StorageError> {
    let now = services.ambient.now();
    services.limits.forget_idle();
    let mut db = services.storage.begin().await?;
    let organizations = organizations::remove_never_activated(&mut db, now.minus(NEVER_ACTIVATED)).await?;
    let registrations = registrations::remove_expired(&mut db, now).await?;
    let actions = actions::remove_expired(&mut db, now).await?;
    let challenges = challenges::remove_expired(&mut db, now).await?;
    let sessions = sessions::remove_expired(&mut db, now, now.minus(IDLE)).await?;
    let tokens = tokens::remove_expired(&mut db, now).await?;
    let mails = outbox::remove_expired(&mut db, now).await?;
    let events = activity::remove_before(&mut db, now.minus(ACTIVITY)).await?;
    commit(db).await?;
    if organizations + registrations + actions + challenges + sessions + tokens + mails + events > 0 {
        tracing::info!(organizations, registrations, actions, challenges, sessions, tokens, mails, events, "removed what ran out");
    }
    Ok(())
}

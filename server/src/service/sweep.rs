//! Removes what ran out, in small steps: whoever wants to write in between gets their turn.

use super::{Services, session::IDLE};
use crate::storage::{
    Connection, StorageError, actions, activity, challenges, commit, limits, organizations, outbox, registrations, sessions, tokens,
};
use app::domain::time::Timestamp;
use std::time::Duration;
use tokio::time::timeout;

/// An organization that isn't activated by then is removed.
const NEVER_ACTIVATED: Duration = Duration::from_hours(7 * 24);
/// How long activity is kept, and what became of mails.
const ACTIVITY: Duration = Duration::from_hours(90 * 24);
/// How long codes are kept after they ran out, so that whoever types one is told so.
const OLD_CODES: Duration = Duration::from_hours(30 * 24);

/// So many rows are removed in one transaction at most.
pub const STEP: i64 = 200;
/// A database that takes longer for a step doesn't answer any more.
const LONGEST_STEP: Duration = Duration::from_mins(1);

/// What runs out.
#[derive(Debug, Clone, Copy)]
enum Remains {
    Organizations,
    Registrations,
    Codes,
    Actions,
    Challenges,
    Sessions,
    Tokens,
    MailTexts,
    Mails,
    Activity,
    Limits,
}

impl Remains {
    const ALL: [Self; 11] = [
        Self::Organizations,
        Self::Registrations,
        Self::Codes,
        Self::Actions,
        Self::Challenges,
        Self::Sessions,
        Self::Tokens,
        Self::MailTexts,
        Self::Mails,
        Self::Activity,
        Self::Limits,
    ];

    /// Removes one step's worth; how much.
    async fn remove(self, db: &mut Connection, now: Timestamp) -> Result<u64, StorageError> {
        match self {
            // With all that they hold: one at a time.
            Self::Organizations => organizations::remove_never_activated(db, now.minus(NEVER_ACTIVATED), 1).await,
            Self::Registrations => registrations::remove_expired(db, now, STEP).await,
            Self::Codes => registrations::remove_old_codes(db, now.minus(OLD_CODES), STEP).await,
            Self::Actions => actions::remove_expired(db, now, STEP).await,
            Self::Challenges => challenges::remove_expired(db, now, STEP).await,
            Self::Sessions => sessions::remove_expired(db, now, now.minus(IDLE), STEP).await,
            Self::Tokens => tokens::remove_expired(db, now, STEP).await,
            Self::MailTexts => outbox::remove_expired(db, now, STEP).await,
            Self::Mails => outbox::remove_before(db, now.minus(ACTIVITY), STEP).await,
            Self::Activity => activity::remove_before(db, now.minus(ACTIVITY), STEP).await,
            Self::Limits => limits::remove_clear(db, now, STEP).await,
        }
    }
}

/// Sweeps once. Two servers may do it at the same time.
///
/// # Errors
/// The first failure of the database. The others are tried all the same, and what was removed stays removed.
pub async fn sweep(services: &Services) -> Result<(), StorageError> {
    let now = services.ambient.now();
    services.limits.forget_idle();
    let mut outcome = Ok(());
    for what in Remains::ALL {
        match remove_all(services, what, now).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(?what, removed, "removed what ran out"),
            Err(error) => outcome = outcome.and(Err(error)),
        }
    }
    outcome
}

async fn remove_all(services: &Services, what: Remains, now: Timestamp) -> Result<u64, StorageError> {
    let mut removed = 0;
    loop {
        let step = async {
            let mut db = services.storage.begin().await?;
            let step = what.remove(&mut db, now).await?;
            commit(db).await.map(|()| step)
        };
        let step = timeout(LONGEST_STEP, step).await.unwrap_or_else(|_| Err(StorageError::too_slow()))?;
        if step == 0 {
            return Ok(removed);
        }
        removed += step;
    }
}

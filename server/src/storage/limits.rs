//! How often is too often, counted for all servers of this database.

use super::{Connection, StorageError, in_steps, time};
use app::domain::time::Timestamp;
use std::time::Duration;

/// So many at once, and then one every so often (generic cell rate algorithm).
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// At once.
    pub burst: u32,
    /// After that.
    pub every: Duration,
}

/// Takes one, if there is one left; otherwise, when there will be.
///
/// # Errors
/// When the database fails.
pub async fn take(db: &mut Connection, id: &str, rate: Rate, now: Timestamp) -> Result<Option<Timestamp>, StorageError> {
    let every = i64::try_from(rate.every.as_millis()).unwrap_or(i64::MAX).max(1);
    let ahead = every.saturating_mul(i64::from(rate.burst.saturating_sub(1)));
    // Only a clock that was ahead and was set back leaves more than twice what there can be. It shall keep nobody out until then.
    let wrong = ahead.saturating_add(every).saturating_mul(2);
    let taken: Option<(i64,)> = sqlx::query_as(
        "INSERT INTO limits (id, clear_at) VALUES ($1, $2 + $3)
         ON CONFLICT (id) DO UPDATE
         SET clear_at = CASE WHEN limits.clear_at > $2 AND limits.clear_at <= $2 + $5 THEN limits.clear_at ELSE $2 END + $3
         WHERE limits.clear_at <= $2 + $4 OR limits.clear_at > $2 + $5
         RETURNING clear_at",
    )
    .bind(id)
    .bind(now.as_millis())
    .bind(every)
    .bind(ahead)
    .bind(wrong)
    .fetch_optional(&mut *db)
    .await?;
    if taken.is_some() {
        return Ok(None);
    }
    let (clear_at,): (i64,) = sqlx::query_as("SELECT clear_at FROM limits WHERE id = $1").bind(id).fetch_one(db).await?;
    Ok(Some(time(clear_at.saturating_sub(ahead))))
}

/// Forgets those that are as if nothing had been asked for, at most so many; how many.
///
/// # Errors
/// When the database fails.
pub async fn remove_clear(db: &mut Connection, now: Timestamp, at_most: i64) -> Result<u64, StorageError> {
    let statement =
        "DELETE FROM limits WHERE id IN (SELECT id FROM limits WHERE clear_at < $1 ORDER BY clear_at LIMIT $2) AND clear_at < $1";
    in_steps(db, statement, now, at_most).await
}

//! WebAuthn challenges that wait for their answer.

use super::{Connection, StorageError, in_steps};
use app::domain::{id::ChallengeId, time::Timestamp};

/// Writes a challenge with the state of its ceremony (JSON of webauthn-rs).
///
/// # Errors
/// When the database fails.
pub async fn insert(db: &mut Connection, id: ChallengeId, ceremony: &str, expires_at: Timestamp) -> Result<(), StorageError> {
    sqlx::query("INSERT INTO challenges (id, ceremony, expires_at) VALUES ($1, $2, $3)")
        .bind(id.to_string())
        .bind(ceremony)
        .bind(expires_at.as_millis())
        .execute(db)
        .await?;
    Ok(())
}

/// The ceremony of a challenge that goes on waiting, unless it ran out.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &mut Connection, id: ChallengeId, now: Timestamp) -> Result<Option<String>, StorageError> {
    let row: Option<(String,)> = sqlx::query_as("SELECT ceremony FROM challenges WHERE id = $1 AND expires_at > $2")
        .bind(id.to_string())
        .bind(now.as_millis())
        .fetch_optional(db)
        .await?;
    Ok(row.map(|(ceremony,)| ceremony))
}

/// Writes down more of what waits for a challenge's answer.
///
/// # Errors
/// When the database fails.
pub async fn update(db: &mut Connection, id: ChallengeId, ceremony: &str) -> Result<(), StorageError> {
    sqlx::query("UPDATE challenges SET ceremony = $2 WHERE id = $1").bind(id.to_string()).bind(ceremony).execute(db).await?;
    Ok(())
}

/// Takes a challenge away and gives its ceremony, unless it is gone or ran out: nobody gets it twice.
///
/// # Errors
/// When the database fails.
pub async fn take(db: &mut Connection, id: ChallengeId, now: Timestamp) -> Result<Option<String>, StorageError> {
    let row: Option<(String, i64)> = sqlx::query_as("DELETE FROM challenges WHERE id = $1 RETURNING ceremony, expires_at")
        .bind(id.to_string())
        .fetch_optional(db)
        .await?;
    Ok(row.filter(|(_, expires_at)| now.as_millis() < *expires_at).map(|(ceremony, _)| ceremony))
}

/// Removes challenges that ran out before this time, at most so many; how many.
///
/// # Errors
/// When the database fails.
pub async fn remove_expired(db: &mut Connection, before: Timestamp, at_most: i64) -> Result<u64, StorageError> {
    let statement = "DELETE FROM challenges WHERE id IN (SELECT id FROM challenges WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
    in_steps(db, statement, before, at_most).await
}

//! Organizations.

use super::{Connection, StorageError, in_steps, parse};
use app::domain::{id::OrganizationId, text::OrganizationName, time::Timestamp};

/// Writes a new organization, not active yet.
///
/// # Errors
/// When the database fails.
pub async fn insert(db: &mut Connection, id: OrganizationId, name: &OrganizationName, now: Timestamp) -> Result<(), StorageError> {
    sqlx::query("INSERT INTO organizations (id, name, created_at) VALUES ($1, $2, $3)")
        .bind(id.to_string())
        .bind(name.as_str())
        .bind(now.as_millis())
        .execute(db)
        .await?;
    Ok(())
}

/// Makes it active, unless it is.
///
/// # Errors
/// When the database fails.
pub async fn activate(db: &mut Connection, id: OrganizationId, now: Timestamp) -> Result<(), StorageError> {
    sqlx::query("UPDATE organizations SET activated_at = $2 WHERE id = $1 AND activated_at IS NULL")
        .bind(id.to_string())
        .bind(now.as_millis())
        .execute(db)
        .await?;
    Ok(())
}

/// Holds on to all organizations that aren't active yet: of two transactions that do this, the second waits for the first
/// and then sees what it did.
///
/// # Errors
/// When the database fails.
pub async fn lock_inactive(db: &mut Connection) -> Result<(), StorageError> {
    sqlx::query("UPDATE organizations SET activated_at = NULL WHERE activated_at IS NULL").execute(db).await?;
    Ok(())
}

/// Whether any organization other than this one is active.
///
/// # Errors
/// When the database fails.
pub async fn another_is_active(db: &mut Connection, than: Option<OrganizationId>) -> Result<bool, StorageError> {
    let found: Option<(String,)> = sqlx::query_as("SELECT id FROM organizations WHERE activated_at IS NOT NULL AND id <> $1 LIMIT 1")
        .bind(than.map(|id| id.to_string()).unwrap_or_default())
        .fetch_optional(db)
        .await?;
    Ok(found.is_some())
}

/// Removes those that were created before this time and never activated, with everything they hold, at most so many; how many.
///
/// # Errors
/// When the database fails.
pub async fn remove_never_activated(db: &mut Connection, before: Timestamp, at_most: i64) -> Result<u64, StorageError> {
    let statement = "DELETE FROM organizations WHERE activated_at IS NULL AND id IN
         (SELECT id FROM organizations WHERE activated_at IS NULL AND created_at < $1 ORDER BY created_at LIMIT $2)";
    in_steps(db, statement, before, at_most).await
}

/// The name of an active organization.
///
/// # Errors
/// When the database fails.
pub async fn find_name(db: &mut Connection, id: OrganizationId) -> Result<Option<String>, StorageError> {
    let row: Option<(String,)> = sqlx::query_as("SELECT name FROM organizations WHERE id = $1 AND activated_at IS NOT NULL")
        .bind(id.to_string())
        .fetch_optional(db)
        .await?;
    Ok(row.map(|(name,)| name))
}

/// The ids of all active organizations.
///
/// # Errors
/// When the database fails.
pub async fn active(db: &mut Connection) -> Result<Vec<OrganizationId>, StorageError> {
    let rows: Vec<(String,)> =
        sqlx::query_as("SELECT id FROM organizations WHERE activated_at IS NOT NULL ORDER BY created_at, id").fetch_all(db).await?;
    rows.into_iter().map(|(id,)| parse(&id, "organizations", "id")).collect()
}

//! Sessions, found by a hash of the cookie's id: a stolen database signs nobody in.

use super::{Connection, StorageError, run_together, time};
use app::domain::{
    id::{CredentialId, OrganizationId, UserId},
    time::Timestamp,
};
use sqlx::AssertSqlSafe;

/// A session's row.
#[derive(Debug, Clone)]
pub struct Session {
    /// SHA-256 of the cookie's id, base64url.
    pub id_hash: String,
    /// Who is signed in; nobody while registering.
    pub user: Option<(OrganizationId, UserId)>,
    /// JSON.
    pub data: String,
    /// The address it was begun from.
    pub address: String,
    /// The browser it was begun in, in its own words.
    pub user_agent: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last heard of.
    pub last_seen_at: Timestamp,
    /// When it ends, whatever happens.
    pub expires_at: Timestamp,
}

/// What a user who signs in must be, with what they signed in with: who was shut out since that was verified isn't let in. Call
/// [`users::note_seen`](super::users::note_seen) before it, in the same transaction.
pub(super) const IS_LET_IN: &str = "EXISTS (
    SELECT 1 FROM users u WHERE u.organization_id = $3 AND u.id = $2 AND u.registered_at IS NOT NULL AND u.deactivated_at IS NULL
    AND ($1 = '' OR EXISTS (SELECT 1 FROM credentials c WHERE c.id = $1 AND c.user_id = u.id AND c.deactivated_at IS NULL)))";

/// Writes a new session; whether its user is let in still, by this credential where it was one.
///
/// # Errors
/// [`StorageError::Conflict`] when the id is taken.
pub async fn insert(db: &mut Connection, session: &Session, by: Option<CredentialId>) -> Result<bool, StorageError> {
    let (organization, user) = split(session.user);
    let statement = format!(
        "INSERT INTO sessions (user_id, organization_id, id_hash, data, address, user_agent, created_at, last_seen_at, expires_at)
         SELECT $2, $3, $4, $5, $6, $7, $8, $9, $10 WHERE $2 IS NULL OR {IS_LET_IN}"
    );
    let done = sqlx::query(AssertSqlSafe(statement))
        .bind(by.map(|id| id.to_string()).unwrap_or_default())
        .bind(user)
        .bind(organization)
        .bind(&session.id_hash)
        .bind(&session.data)
        .bind(&session.address)
        .bind(&session.user_agent)
        .bind(session.created_at.as_millis())
        .bind(session.last_seen_at.as_millis())
        .bind(session.expires_at.as_millis())
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes what changed; whether the session still was there. One that was ended meanwhile isn't brought back.
///
/// # Errors
/// When the database fails.
pub async fn update(
    db: &mut Connection,
    id_hash: &str,
    user: Option<(OrganizationId, UserId)>,
    data: &str,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let (organization, user) = split(user);
    let done = sqlx::query(
        "UPDATE sessions SET user_id = $2, organization_id = $3, data = $4, last_seen_at = $6,
             expires_at = CASE WHEN expires_at < $5 THEN expires_at ELSE $5 END
         WHERE id_hash = $1",
    )
    .bind(id_hash)
    .bind(user)
    .bind(organization)
    .bind(data)
    .bind(expires_at.as_millis())
    .bind(now.as_millis())
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes that a session was heard of.
///
/// # Errors
/// When the database fails.
pub async fn touch(db: &mut Connection, id_hash: &str, now: Timestamp) -> Result<(), StorageError> {
    sqlx::query("UPDATE sessions SET last_seen_at = $2 WHERE id_hash = $1 AND last_seen_at < $2")
        .bind(id_hash)
        .bind(now.as_millis())
        .execute(db)
        .await?;
    Ok(())
}

/// The JSON, the last sign of life and the end of a session that didn't end and was heard of since `idle_since`.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &mut Connection,
    id_hash: &str,
    now: Timestamp,
    idle_since: Timestamp,
) -> Result<Option<(String, Timestamp, Timestamp)>, StorageError> {
    let row: Option<(String, i64, i64)> =
        sqlx::query_as("SELECT data, last_seen_at, expires_at FROM sessions WHERE id_hash = $1 AND expires_at > $2 AND last_seen_at > $3")
            .bind(id_hash)
            .bind(now.as_millis())
            .bind(idle_since.as_millis())
            .fetch_optional(db)
            .await?;
    Ok(row.map(|(data, seen, expires)| (data, time(seen), time(expires))))
}

/// Ends a session.
///
/// # Errors
/// When the database fails.
pub async fn delete(db: &mut Connection, id_hash: &str) -> Result<(), StorageError> {
    sqlx::query("DELETE FROM sessions WHERE id_hash = $1").bind(id_hash).execute(db).await?;
    Ok(())
}

/// Ends every session of a user, and the tokens that they signed in to the API with.
///
/// # Errors
/// When the database fails.
pub async fn delete_of_user(db: &mut Connection, organization: OrganizationId, user: UserId) -> Result<(), StorageError> {
    run_together(
        db,
        [
            "DELETE FROM sessions WHERE organization_id = $1 AND user_id = $2",
            "DELETE FROM tokens WHERE organization_id = $1 AND user_id = $2 AND kind = 'login'",
        ],
        |query| query.bind(organization.to_string()).bind(user.to_string()),
    )
    .await
}

/// A session as its owner sees it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// SHA-256 of the cookie's id, base64url.
    pub id_hash: String,
    /// The address it was begun from.
    pub address: String,
    /// The browser it was begun in, in its own words.
    pub user_agent: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last heard of.
    pub last_seen_at: Timestamp,
    /// When it ends, whatever happens.
    pub expires_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct ListedRow {
    id_hash: String,
    address: String,
    user_agent: String,
    created_at: i64,
    last_seen_at: i64,
    expires_at: i64,
}

/// A user's live sessions: those that didn't end and were heard of since `idle_since`, the latest first, at most a hundred.
///
/// # Errors
/// When the database fails.
pub async fn list(
    db: &mut Connection,
    organization: OrganizationId,
    user: UserId,
    now: Timestamp,
    idle_since: Timestamp,
) -> Result<Vec<Listed>, StorageError> {
    let rows: Vec<ListedRow> = sqlx::query_as(
        "SELECT id_hash, address, user_agent, created_at, last_seen_at, expires_at FROM sessions
         WHERE organization_id = $1 AND user_id = $2 AND expires_at > $3 AND last_seen_at > $4
         ORDER BY last_seen_at DESC, id_hash LIMIT 100",
    )
    .bind(organization.to_string())
    .bind(user.to_string())
    .bind(now.as_millis())
    .bind(idle_since.as_millis())
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Listed {
            id_hash: row.id_hash,
            address: row.address,
            user_agent: row.user_agent,
            created_at: time(row.created_at),
            last_seen_at: time(row.last_seen_at),
            expires_at: time(row.expires_at),
        })
        .collect())
}

/// How many sessions somebody is signed in with, of all organizations: they didn't end and were heard of since `idle_since`.
///
/// # Errors
/// When the database fails.
pub async fn count_signed_in(db: &mut Connection, now: Timestamp, idle_since: Timestamp) -> Result<u64, StorageError> {
    let (number,): (i64,) =
        sqlx::query_as("SELECT COUNT(*) FROM sessions WHERE user_id IS NOT NULL AND expires_at > $1 AND last_seen_at > $2")
            .bind(now.as_millis())
            .bind(idle_since.as_millis())
            .fetch_one(db)
            .await?;
    Ok(u64::try_from(number).unwrap_or_default())
}

/// Ends one session of this user; whether it was there.
///
/// # Errors
/// When the database fails.
pub async fn delete_own(db: &mut Connection, organization: OrganizationId, user: UserId, id_hash: &str) -> Result<bool, StorageError> {
    let done = sqlx::query("DELETE FROM sessions WHERE organization_id = $1 AND user_id = $2 AND id_hash = $3")
        .bind(organization.to_string())
        .bind(user.to_string())
        .bind(id_hash)
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends every session of this user but one; how many.
///
/// # Errors
/// When the database fails; then none is ended.
pub async fn delete_others(db: &mut Connection, organization: OrganizationId, user: UserId, kept: &str) -> Result<u64, StorageError> {
    let done = sqlx::query("DELETE FROM sessions WHERE organization_id = $1 AND user_id = $2 AND id_hash <> $3")
        .bind(organization.to_string())
        .bind(user.to_string())
        .bind(kept)
        .execute(db)
        .await?;
    Ok(done.rows_affected())
}

/// Removes sessions that ended before `now` or weren't heard of since `idle_since`, at most so many of each; how many.
///
/// # Errors
/// When the database fails.
pub async fn remove_expired(db: &mut Connection, now: Timestamp, idle_since: Timestamp, at_most: i64) -> Result<u64, StorageError> {
    // PostgreSQL looks at the outer condition again when a row was changed meanwhile: its session was heard of.
    let statement = "DELETE FROM sessions WHERE (expires_at <= $1 OR last_seen_at <= $2) AND (
             id_hash IN (SELECT id_hash FROM sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $3)
             OR id_hash IN (SELECT id_hash FROM sessions WHERE last_seen_at <= $2 ORDER BY last_seen_at LIMIT $3))";
    let done = sqlx::query(statement).bind(now.as_millis()).bind(idle_since.as_millis()).bind(at_most).execute(db).await?;
    Ok(done.rows_affected())
}

fn split(user: Option<(OrganizationId, UserId)>) -> (Option<String>, Option<String>) {
    user.map(|(organization, user)| (organization.to_string(), user.to_string())).unzip()
}

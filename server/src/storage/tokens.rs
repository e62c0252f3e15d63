//! Tokens of the API: which were given out, and still count.

use super::{Connection, StorageError, in_steps, parse, sessions::IS_LET_IN, time};
use app::domain::{
    id::{CredentialId, OrganizationId, TokenId, UserId},
    time::Timestamp,
};
use sqlx::AssertSqlSafe;

/// How long a token lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Somebody signed in: it ends when all of their sessions do.
    LogIn,
    /// A program's.
    Program,
}

impl TokenKind {
    const fn name(self) -> &'static str {
        match self {
            Self::LogIn => "login",
            Self::Program => "program",
        }
    }
}

/// A token that was given out.
#[derive(Debug, Clone, Copy)]
pub struct Token {
    /// Id.
    pub id: TokenId,
    /// Of which organization.
    pub organization: OrganizationId,
    /// Whose.
    pub user: UserId,
    /// How long it lives.
    pub kind: TokenKind,
    /// When.
    pub created_at: Timestamp,
    /// Until when it counts.
    pub expires_at: Timestamp,
    /// When it was last shown, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// Writes a new token, never used so far; whether its user is let in, by this credential where it is of somebody who signs in with one.
///
/// # Errors
/// When the database fails.
pub async fn insert(db: &mut Connection, new: &Token, by: Option<CredentialId>) -> Result<bool, StorageError> {
    let statement = format!(
        "INSERT INTO tokens (id, organization_id, user_id, kind, created_at, expires_at) SELECT $4, $3, $2, $5, $6, $7 WHERE {IS_LET_IN}"
    );
    let done = sqlx::query(AssertSqlSafe(statement))
        .bind(by.map(|id| id.to_string()).unwrap_or_default())
        .bind(new.user.to_string())
        .bind(new.organization.to_string())
        .bind(new.id.to_string())
        .bind(new.kind.name())
        .bind(new.created_at.as_millis())
        .bind(new.expires_at.as_millis())
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// The token with this id, unless it was revoked or ran out.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &mut Connection, id: TokenId, now: Timestamp) -> Result<Option<Token>, StorageError> {
    let row: Option<(String, String, String, i64, i64, Option<i64>)> = sqlx::query_as(
        "SELECT organization_id, user_id, kind, created_at, expires_at, last_used_at FROM tokens WHERE id = $1 AND expires_at > $2",
    )
    .bind(id.to_string())
    .bind(now.as_millis())
    .fetch_optional(db)
    .await?;
    row.map(|(organization, user, kind, created_at, expires_at, last_used_at)| {
        Ok(Token {
            id,
            organization: parse(&organization, "tokens", "organization_id")?,
            user: parse(&user, "tokens", "user_id")?,
            kind: [TokenKind::LogIn, TokenKind::Program]
                .into_iter()
                .find(|known| known.name() == kind)
                .ok_or(StorageError::Inconsistent { table: "tokens", column: "kind" })?,
            created_at: time(created_at),
            expires_at: time(expires_at),
            last_used_at: last_used_at.map(time),
        })
    })
    .transpose()
}

/// Notes that a token was shown.
///
/// # Errors
/// When the database fails.
pub async fn note_use(db: &mut Connection, id: TokenId, now: Timestamp) -> Result<(), StorageError> {
    sqlx::query("UPDATE tokens SET last_used_at = $2 WHERE id = $1").bind(id.to_string()).bind(now.as_millis()).execute(db).await?;
    Ok(())
}

/// Revokes a token.
///
/// # Errors
/// When the database fails.
pub async fn delete(db: &mut Connection, organization: OrganizationId, id: TokenId) -> Result<(), StorageError> {
    sqlx::query("DELETE FROM tokens WHERE organization_id = $1 AND id = $2")
        .bind(organization.to_string())
        .bind(id.to_string())
        .execute(db)
        .await?;
    Ok(())
}

/// Removes tokens that ran out before this time, at most so many; how many.
///
/// # Errors
/// When the database fails.
pub async fn remove_expired(db: &mut Connection, before: Timestamp, at_most: i64) -> Result<u64, StorageError> {
    let statement = "DELETE FROM tokens WHERE id IN (SELECT id FROM tokens WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
    in_steps(db, statement, before, at_most).await
}

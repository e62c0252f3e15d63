//! Actions that were prepared: documents that wait for their signature.

use super::{Connection, StorageError, in_steps, parse, time};
use app::domain::{
    id::{ActionId, OrganizationId, UserId},
    time::Timestamp,
};
use data_encoding::BASE64URL_NOPAD;

/// A prepared action.
#[derive(Debug, Clone)]
pub struct PreparedAction {
    /// Id.
    pub id: ActionId,
    /// Whose history it would go into.
    pub organization: OrganizationId,
    /// Who asked for it.
    pub user: UserId,
    /// The document's bytes.
    pub document: Vec<u8>,
    /// Until when it can be executed.
    pub expires_at: Timestamp,
}

/// Keeps a document until it is signed or runs out.
///
/// # Errors
/// When the database fails.
pub async fn insert(db: &mut Connection, action: &PreparedAction) -> Result<(), StorageError> {
    sqlx::query("INSERT INTO actions (id, organization_id, user_id, document, state, expires_at) VALUES ($1, $2, $3, $4, 'prepared', $5)")
        .bind(action.id.to_string())
        .bind(action.organization.to_string())
        .bind(action.user.to_string())
        .bind(BASE64URL_NOPAD.encode(&action.document))
        .bind(action.expires_at.as_millis())
        .execute(db)
        .await?;
    Ok(())
}

/// The action with this id that this user asked for in this organization, if it waits for its signature.
///
/// # Errors
/// When the database fails.
pub async fn find_prepared(
    db: &mut Connection,
    organization: OrganizationId,
    user: UserId,
    id: ActionId,
) -> Result<Option<PreparedAction>, StorageError> {
    let row: Option<(String, i64)> = sqlx::query_as(
        "SELECT document, expires_at FROM actions WHERE organization_id = $1 AND user_id = $2 AND id = $3 AND state = 'prepared'",
    )
    .bind(organization.to_string())
    .bind(user.to_string())
    .bind(id.to_string())
    .fetch_optional(db)
    .await?;
    row.map(|(document, expires_at)| {
        let document =
            BASE64URL_NOPAD.decode(document.as_bytes()).map_err(|_| StorageError::Inconsistent { table: "actions", column: "document" })?;
        Ok(PreparedAction { id, organization, user, document, expires_at: time(expires_at) })
    })
    .transpose()
}

/// Notes for which request of the API an action waits.
///
/// # Errors
/// When the database fails.
pub async fn await_request(db: &mut Connection, id: ActionId, request: &str) -> Result<(), StorageError> {
    sqlx::query("UPDATE actions SET request = $2 WHERE id = $1").bind(id.to_string()).bind(request).execute(db).await?;
    Ok(())
}

/// Keeps the signature of an action that waits for a request, with the hash of what that request will show; whether it was the
/// first one.
///
/// # Errors
/// When the database fails.
pub async fn keep_proof(db: &mut Connection, id: ActionId, proof: &str, user_action: &str) -> Result<bool, StorageError> {
    let done = sqlx::query(
        "UPDATE actions SET proof = $2, user_action = $3 WHERE id = $1 AND state = 'prepared' AND request IS NOT NULL AND proof IS NULL",
    )
    .bind(id.to_string())
    .bind(proof)
    .bind(user_action)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// An action that was signed, and waits for its request or was executed by it.
#[derive(Debug, Clone)]
pub struct SignedAction {
    /// Id.
    pub id: ActionId,
    /// In which organization.
    pub organization: OrganizationId,
    /// Whose.
    pub user: UserId,
    /// The request.
    pub request: String,
    /// The signature.
    pub proof: String,
    /// Whether it was executed.
    pub is_executed: bool,
    /// Until when it can be.
    pub expires_at: Timestamp,
}

/// The action whose request shows what has this hash.
///
/// # Errors
/// When the database fails.
pub async fn find_signed(db: &mut Connection, user_action: &str) -> Result<Option<SignedAction>, StorageError> {
    let row: Option<(String, String, String, String, String, String, i64)> = sqlx::query_as(
        "SELECT id, organization_id, user_id, request, proof, state, expires_at FROM actions WHERE user_action = $1 AND request IS NOT NULL AND proof IS NOT NULL",
    )
    .bind(user_action)
    .fetch_optional(db)
    .await?;
    row.map(|(id, organization, user, request, proof, state, expires_at)| {
        Ok(SignedAction {
            id: parse(&id, "actions", "id")?,
            organization: parse(&organization, "actions", "organization_id")?,
            user: parse(&user, "actions", "user_id")?,
            request,
            proof,
            is_executed: state != "prepared",
            expires_at: time(expires_at),
        })
    })
    .transpose()
}

/// Marks an action as executed; whether it waited for that. Of two at the same time exactly one hears yes.
///
/// # Errors
/// When the database fails.
pub async fn mark_executed(db: &mut Connection, id: ActionId) -> Result<bool, StorageError> {
    let done =
        sqlx::query("UPDATE actions SET state = 'executed' WHERE id = $1 AND state = 'prepared'").bind(id.to_string()).execute(db).await?;
    Ok(done.rows_affected() == 1)
}

/// Removes actions that ran out before this time, at most so many; how many. Those that were executed are in history.
///
/// # Errors
/// When the database fails.
pub async fn remove_expired(db: &mut Connection, before: Timestamp, at_most: i64) -> Result<u64, StorageError> {
    let statement = "DELETE FROM actions WHERE id IN (SELECT id FROM actions WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
    in_steps(db, statement, before, at_most).await
}

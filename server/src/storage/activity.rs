//! Activity: what happened around accounts, apart from history.

use super::{Connection, StorageError, in_steps, time};
use app::domain::{
    activity::ActivityKind,
    id::{ActivityId, OrganizationId, UserId},
    time::Timestamp,
};

/// Something that happened.
#[derive(Debug, Clone)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: ActivityKind,
    /// A mail's subject; else empty.
    pub detail: String,
    /// From which address; empty, when it was the server itself.
    pub address: String,
    /// In which browser, in its own words.
    pub user_agent: String,
}

/// Notes what happened to a user.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    db: &mut Connection,
    id: ActivityId,
    organization: OrganizationId,
    user: UserId,
    event: &Event,
) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO activity (id, organization_id, user_id, happened_at, kind, detail, address, user_agent)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(id.to_string())
    .bind(organization.to_string())
    .bind(user.to_string())
    .bind(event.at.as_millis())
    .bind(event.kind.name())
    .bind(&event.detail)
    .bind(&event.address)
    .bind(&event.user_agent)
    .execute(db)
    .await?;
    Ok(())
}

/// What happened last to a user, newest first.
///
/// # Errors
/// When the database fails.
pub async fn newest(db: &mut Connection, organization: OrganizationId, user: UserId, most: i64) -> Result<Vec<Event>, StorageError> {
    let rows: Vec<(i64, String, String, String, String)> = sqlx::query_as(
        "SELECT happened_at, kind, detail, address, user_agent FROM activity
         WHERE organization_id = $1 AND user_id = $2 ORDER BY happened_at DESC, id LIMIT $3",
    )
    .bind(organization.to_string())
    .bind(user.to_string())
    .bind(most)
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|(at, kind, detail, address, user_agent)| {
            let kind = ActivityKind::ALL.into_iter().find(|known| known.name() == kind);
            let kind = kind.ok_or(StorageError::Inconsistent { table: "activity", column: "kind" })?;
            Ok(Event { at: time(at), kind, detail, address, user_agent })
        })
        .collect()
}

/// Removes what happened before this time, at most so much; how much.
///
/// # Errors
/// When the database fails.
pub async fn remove_before(db: &mut Connection, before: Timestamp, at_most: i64) -> Result<u64, StorageError> {
    let statement = "DELETE FROM activity WHERE id IN (SELECT id FROM activity WHERE happened_at < $1 ORDER BY happened_at LIMIT $2)";
    in_steps(db, statement, before, at_most).await
}

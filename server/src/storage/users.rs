//! Users.

use super::{Connection, StorageError, parse, time};
use app::domain::{
    id::{OrganizationId, UserId},
    text::EmailAddress,
    time::Timestamp,
};

/// A user, with the name of their organization.
#[derive(Debug, Clone)]
pub struct User {
    /// Id.
    pub id: UserId,
    /// Their organization.
    pub organization: OrganizationId,
    /// Its name.
    pub organization_name: String,
    /// Mail address.
    pub email: EmailAddress,
    /// Name.
    pub name: String,
    /// Since when they have a passkey.
    pub registered_at: Option<Timestamp>,
    /// Since when they may do nothing.
    pub deactivated_at: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    organization_id: String,
    organization_name: String,
    email: String,
    name: String,
    registered_at: Option<i64>,
    deactivated_at: Option<i64>,
}

impl TryFrom<Row> for User {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        Ok(Self {
            id: parse(&row.id, "users", "id")?,
            organization: parse(&row.organization_id, "users", "organization_id")?,
            organization_name: row.organization_name,
            email: EmailAddress::parse(&row.email).map_err(|_| StorageError::Inconsistent { table: "users", column: "email" })?,
            name: row.name,
            registered_at: row.registered_at.map(time),
            deactivated_at: row.deactivated_at.map(time),
        })
    }
}

/// A user to write.
#[derive(Debug, Clone, Copy)]
pub struct NewUser<'a> {
    /// Id.
    pub id: UserId,
    /// Their organization.
    pub organization: OrganizationId,
    /// Mail address.
    pub email: &'a EmailAddress,
    /// Name.
    pub name: &'a str,
    /// When.
    pub created_at: Timestamp,
}

/// Writes a new Employee without any credential.
///
/// # Errors
/// [`StorageError::Conflict`] when the organization has a user with this address.
pub async fn insert(db: &mut Connection, user: NewUser<'_>) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO users (id, organization_id, email, email_key, name, kind, created_at) VALUES ($1, $2, $3, $4, $5, 'CustomerEmployee', $6)",
    )
    .bind(user.id.to_string())
    .bind(user.organization.to_string())
    .bind(user.email.as_str())
    .bind(user.email.key())
    .bind(user.name)
    .bind(user.created_at.as_millis())
    .execute(db)
    .await?;
    Ok(())
}

/// The user with this id in this organization.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &mut Connection, organization: OrganizationId, id: UserId) -> Result<Option<User>, StorageError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT u.id, u.organization_id, o.name AS organization_name, u.email, u.name, u.registered_at, u.deactivated_at
         FROM users u JOIN organizations o ON o.id = u.organization_id
         WHERE u.organization_id = $1 AND u.id = $2",
    )
    .bind(organization.to_string())
    .bind(id.to_string())
    .fetch_optional(db)
    .await?;
    row.map(User::try_from).transpose()
}

/// The user with this address in this organization or, without one, the newest anywhere, those who aren't registered yet
/// first.
///
/// # Errors
/// When the database fails.
pub async fn find_by_email(
    db: &mut Connection,
    email: &EmailAddress,
    organization: Option<OrganizationId>,
) -> Result<Option<User>, StorageError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT u.id, u.organization_id, o.name AS organization_name, u.email, u.name, u.registered_at, u.deactivated_at
         FROM users u JOIN organizations o ON o.id = u.organization_id
         WHERE u.email_key = $1 AND ($2 = '' OR u.organization_id = $2)
         ORDER BY CASE WHEN u.registered_at IS NULL THEN 0 ELSE 1 END, u.created_at DESC, u.id DESC LIMIT 1",
    )
    .bind(email.key())
    .bind(organization.map(|id| id.to_string()).unwrap_or_default())
    .fetch_optional(db)
    .await?;
    row.map(User::try_from).transpose()
}

/// The names of the organizations in which this address has a registered user, at most ten.
///
/// # Errors
/// When the database fails.
pub async fn organizations_of(db: &mut Connection, email: &EmailAddress) -> Result<Vec<String>, StorageError> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT o.name FROM users u JOIN organizations o ON o.id = u.organization_id
         WHERE u.email_key = $1 AND u.registered_at IS NOT NULL ORDER BY u.created_at LIMIT 10",
    )
    .bind(email.key())
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

/// Marks a user as registered; whether they weren't yet.
///
/// # Errors
/// When the database fails.
pub async fn register(db: &mut Connection, organization: OrganizationId, id: UserId, now: Timestamp) -> Result<bool, StorageError> {
    let done = sqlx::query(
        "UPDATE users SET registered_at = $3 WHERE organization_id = $1 AND id = $2 AND registered_at IS NULL AND deactivated_at IS NULL",
    )
    .bind(organization.to_string())
    .bind(id.to_string())
    .bind(now.as_millis())
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

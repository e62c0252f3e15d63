//! An organization as its rows say, in the form in which a replay of its history says it: the two must be equal.

use super::{
    Connection, StorageError,
    identities::{handle, kind},
    parse,
    permissions::{parse_name, parse_operations, parse_version},
};
use app::{
    action::history::state::{Permission, State, User},
    domain::{
        id::{CredentialId, OrganizationId, PermissionId, UserId},
        text::{ExternalId, OrganizationName},
        user::UserStatus,
    },
};
use std::collections::BTreeMap;

/// Why there is no state.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A row that can't be.
    #[error("the row {id} in {table} has an unreadable {column}")]
    Row {
        /// The table.
        table: &'static str,
        /// The row.
        id: String,
        /// The column.
        column: &'static str,
    },
    /// Something belongs to somebody who isn't of this organization.
    #[error("{table} has {id} for {user}, who isn't in this organization")]
    Stray {
        /// The table.
        table: &'static str,
        /// The row.
        id: String,
        /// Whose it is.
        user: String,
    },
    /// The database can't be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

#[derive(sqlx::FromRow)]
struct UserRow {
    id: String,
    kind: String,
    email: String,
    external_id: Option<String>,
    registered_at: Option<i64>,
    deactivated_at: Option<i64>,
    revoked_at: Option<i64>,
    owner_id: Option<String>,
    owner_email: Option<String>,
}

#[derive(sqlx::FromRow)]
struct PermissionRow {
    id: String,
    name: String,
    operations: String,
    managed: Option<String>,
    version: i64,
    archived_at: Option<i64>,
}

/// The organization with this id. Read it in a transaction that sees one moment.
///
/// # Errors
/// [`StateError`].
pub async fn find(db: &mut Connection, organization: OrganizationId) -> Result<Option<State>, StateError> {
    let name: Option<(String,)> = sqlx::query_as("SELECT name FROM organizations WHERE id = $1")
        .bind(organization.to_string())
        .fetch_optional(&mut *db)
        .await
        .map_err(StorageError::from)?;
    let Some((name,)) = name else { return Ok(None) };
    let unreadable = || StateError::Row { table: "organizations", id: organization.to_string(), column: "name" };
    let name = OrganizationName::parse(&name).map_err(|_| unreadable())?;
    let mut users = users(db, organization).await?;
    assignments(db, organization, &mut users).await?;
    let permissions = permissions(db, organization).await?;
    let credentials = credentials(db, organization, &users).await?;
    Ok(Some(State { organization, name, users, permissions, credentials }))
}

async fn users(db: &mut Connection, organization: OrganizationId) -> Result<BTreeMap<UserId, User>, StateError> {
    let rows: Vec<UserRow> = sqlx::query_as(
        "SELECT u.id, u.kind, u.email, u.external_id, u.registered_at, u.deactivated_at, u.revoked_at, u.owner_id, w.email AS owner_email
         FROM users u LEFT JOIN users w ON w.id = u.owner_id WHERE u.organization_id = $1",
    )
    .bind(organization.to_string())
    .fetch_all(db)
    .await
    .map_err(StorageError::from)?;
    rows.into_iter().map(|row| user(&row).map_err(|error| in_row(error, &row.id))).collect()
}

fn user(row: &UserRow) -> Result<(UserId, User), StorageError> {
    let kind = kind(&row.kind)?;
    let external_id = row.external_id.as_deref().map(ExternalId::parse).transpose();
    let user = User {
        handle: handle(kind, &row.email, row.owner_email.as_deref())?,
        owner: row.owner_id.as_deref().map(|id| parse(id, "users", "owner_id")).transpose()?,
        kind,
        external_id: external_id.map_err(|_| StorageError::Inconsistent { table: "users", column: "external_id" })?,
        status: match (row.deactivated_at, row.registered_at) {
            (Some(_), _) => UserStatus::Deactivated,
            (None, Some(_)) => UserStatus::Active,
            (None, None) => UserStatus::Invited,
        },
        is_registered: row.registered_at.is_some(),
        is_revoked: row.revoked_at.is_some(),
        assignments: BTreeMap::new(),
    };
    Ok((parse(&row.id, "users", "id")?, user))
}

async fn assignments(db: &mut Connection, organization: OrganizationId, users: &mut BTreeMap<UserId, User>) -> Result<(), StateError> {
    let rows: Vec<(String, String, String)> =
        sqlx::query_as("SELECT id, permission_id, user_id FROM assignments WHERE organization_id = $1")
            .bind(organization.to_string())
            .fetch_all(db)
            .await
            .map_err(StorageError::from)?;
    for (id, permission, user) in rows {
        let assignment = parse(&id, "assignments", "id").map_err(|error| in_row(error, &id))?;
        let permission = parse(&permission, "assignments", "permission_id").map_err(|error| in_row(error, &id))?;
        let owner = user.parse().ok().and_then(|user| users.get_mut(&user));
        let owner = owner.ok_or_else(|| StateError::Stray { table: "assignments", id, user })?;
        owner.assignments.insert(permission, assignment);
    }
    Ok(())
}

async fn permissions(db: &mut Connection, organization: OrganizationId) -> Result<BTreeMap<PermissionId, Permission>, StateError> {
    let rows: Vec<PermissionRow> =
        sqlx::query_as("SELECT id, name, operations, managed, version, archived_at FROM permissions WHERE organization_id = $1")
            .bind(organization.to_string())
            .fetch_all(db)
            .await
            .map_err(StorageError::from)?;
    rows.into_iter().map(|row| permission(&row).map_err(|error| in_row(error, &row.id))).collect()
}

fn permission(row: &PermissionRow) -> Result<(PermissionId, Permission), StorageError> {
    let permission = Permission {
        name: parse_name(&row.name)?,
        operations: parse_operations(&row.operations)?,
        version: parse_version(row.version)?,
        is_managed: row.managed.is_some(),
        is_archived: row.archived_at.is_some(),
    };
    Ok((parse(&row.id, "permissions", "id")?, permission))
}

async fn credentials(
    db: &mut Connection,
    organization: OrganizationId,
    users: &BTreeMap<UserId, User>,
) -> Result<BTreeMap<CredentialId, UserId>, StateError> {
    let rows: Vec<(String, String)> = sqlx::query_as("SELECT id, user_id FROM credentials WHERE organization_id = $1")
        .bind(organization.to_string())
        .fetch_all(db)
        .await
        .map_err(StorageError::from)?;
    let credential = |(id, user): (String, String)| {
        let read = parse(&id, "credentials", "id").map_err(|error| in_row(error, &id))?;
        let owner = user.parse().ok().filter(|user| users.contains_key(user));
        Ok((read, owner.ok_or(StateError::Stray { table: "credentials", id, user })?))
    };
    rows.into_iter().map(credential).collect()
}

/// Says which row it is.
fn in_row(error: StorageError, id: &str) -> StateError {
    match error {
        StorageError::Inconsistent { table, column } => StateError::Row { table, id: id.to_owned(), column },
        error => error.into(),
    }
}

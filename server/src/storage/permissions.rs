//! Permissions, and assignments of them to users.

use super::{
    Connection, StorageError,
    identities::{self, handle},
    parse, places, time, without_nul,
};
use app::{
    action::{
        change::{PermissionRef, UserRef},
        rules::{COUNTED_HOLDERS, PermissionFacts},
    },
    domain::{
        id::{AssignmentId, OrganizationId, PermissionId, UserId},
        operation::Operations,
        text::{EmailAddress, PermissionName},
        time::Timestamp,
    },
};
use sqlx::AssertSqlSafe;
use std::collections::HashMap;

const COUNTED: i64 = COUNTED_HOLDERS.cast_signed();

/// What the organization brings along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Managed {
    /// Every operation, also those that later versions bring.
    FullAdmin,
    /// Reading wallets and making transactions.
    EndUser,
}

impl Managed {
    const fn name(self) -> &'static str {
        match self {
            Self::FullAdmin => "full_admin",
            Self::EndUser => "end_user",
        }
    }
}

/// A permission to write.
#[derive(Debug, Clone, Copy)]
pub struct NewPermission<'a> {
    /// Id.
    pub id: PermissionId,
    /// Whose.
    pub organization: OrganizationId,
    /// Name.
    pub name: &'a PermissionName,
    /// What it allows.
    pub operations: &'a Operations,
    /// Whether it comes with the organization.
    pub managed: Option<Managed>,
    /// When.
    pub created_at: Timestamp,
}

/// An assignment to write.
#[derive(Debug, Clone, Copy)]
pub struct NewAssignment {
    /// Id.
    pub id: AssignmentId,
    /// Whose.
    pub organization: OrganizationId,
    /// Which permission.
    pub permission: PermissionId,
    /// To whom.
    pub user: UserId,
    /// When.
    pub created_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    name: String,
    operations: String,
    managed: Option<String>,
    version: i64,
    archived_at: Option<i64>,
    holders: i64,
}

impl TryFrom<Row> for PermissionFacts {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        Ok(Self {
            id: parse(&row.id, "permissions", "id")?,
            name: parse_name(&row.name)?,
            operations: parse_operations(&row.operations)?,
            version: parse_version(row.version)?,
            is_managed: row.managed.is_some(),
            is_archived: row.archived_at.is_some(),
            holders: u64::try_from(row.holders).unwrap_or_default(),
        })
    }
}

pub(super) fn parse_name(text: &str) -> Result<PermissionName, StorageError> {
    PermissionName::parse(text).map_err(|_| StorageError::Inconsistent { table: "permissions", column: "name" })
}

pub(super) fn parse_operations(json: &str) -> Result<Operations, StorageError> {
    serde_json::from_str(json).map_err(|_| StorageError::Inconsistent { table: "permissions", column: "operations" })
}

pub(super) fn parse_version(number: i64) -> Result<u64, StorageError> {
    u64::try_from(number).map_err(|_| StorageError::Inconsistent { table: "permissions", column: "version" })
}

fn write_operations(operations: &Operations) -> Result<String, StorageError> {
    serde_json::to_string(operations).map_err(|_| StorageError::Inconsistent { table: "permissions", column: "operations" })
}

/// Writes a permission in its first version.
///
/// # Errors
/// [`StorageError::Conflict`] when the organization has one whose name looks the same.
pub async fn insert(db: &mut Connection, new: NewPermission<'_>) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO permissions (id, organization_id, name, name_key, operations, managed, version, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, 1, $7)",
    )
    .bind(new.id.to_string())
    .bind(new.organization.to_string())
    .bind(new.name.as_str())
    .bind(new.name.look())
    .bind(write_operations(new.operations)?)
    .bind(new.managed.map(Managed::name))
    .bind(new.created_at.as_millis())
    .execute(db)
    .await?;
    Ok(())
}

/// Changes what a permission says, and counts its version up.
///
/// # Errors
/// [`StorageError::Conflict`] when another one's name looks the same.
pub async fn update(
    db: &mut Connection,
    organization: OrganizationId,
    id: PermissionId,
    name: &PermissionName,
    operations: &Operations,
    now: Timestamp,
) -> Result<(), StorageError> {
    sqlx::query(
        "UPDATE permissions SET name = $3, name_key = $4, operations = $5, updated_at = $6, version = version + 1
         WHERE organization_id = $1 AND id = $2",
    )
    .bind(organization.to_string())
    .bind(id.to_string())
    .bind(name.as_str())
    .bind(name.look())
    .bind(write_operations(operations)?)
    .bind(now.as_millis())
    .execute(db)
    .await?;
    Ok(())
}

/// Puts a permission away, and counts its version up.
///
/// # Errors
/// When the database fails.
pub async fn archive(db: &mut Connection, organization: OrganizationId, id: PermissionId, now: Timestamp) -> Result<(), StorageError> {
    sqlx::query("UPDATE permissions SET archived_at = $3, updated_at = $3, version = version + 1 WHERE organization_id = $1 AND id = $2")
        .bind(organization.to_string())
        .bind(id.to_string())
        .bind(now.as_millis())
        .execute(db)
        .await?;
    Ok(())
}

/// Takes a permission out again, and counts its version up.
///
/// # Errors
/// When the database fails.
pub async fn restore(db: &mut Connection, organization: OrganizationId, id: PermissionId, now: Timestamp) -> Result<(), StorageError> {
    sqlx::query("UPDATE permissions SET archived_at = NULL, updated_at = $3, version = version + 1 WHERE organization_id = $1 AND id = $2")
        .bind(organization.to_string())
        .bind(id.to_string())
        .bind(now.as_millis())
        .execute(db)
        .await?;
    Ok(())
}

/// The permission with this id in this organization. Its holders are counted up to [`COUNTED_HOLDERS`].
///
/// # Errors
/// When the database fails.
pub async fn find(db: &mut Connection, organization: OrganizationId, id: PermissionId) -> Result<Option<PermissionFacts>, StorageError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT p.id, p.name, p.operations, p.managed, p.version, p.archived_at,
             (SELECT COUNT(*) FROM (SELECT 1 FROM assignments a WHERE a.permission_id = p.id LIMIT $3) counted) AS holders
         FROM permissions p WHERE p.organization_id = $1 AND p.id = $2",
    )
    .bind(organization.to_string())
    .bind(id.to_string())
    .bind(COUNTED)
    .fetch_optional(db)
    .await?;
    row.map(PermissionFacts::try_from).transpose()
}

/// The name of a permission that looks like this one, other than `except`.
///
/// # Errors
/// When the database fails.
pub async fn find_look(
    db: &mut Connection,
    organization: OrganizationId,
    name: &PermissionName,
    except: Option<PermissionId>,
) -> Result<Option<String>, StorageError> {
    let row: Option<(String,)> = sqlx::query_as("SELECT name FROM permissions WHERE organization_id = $1 AND name_key = $2 AND id <> $3")
        .bind(organization.to_string())
        .bind(name.look())
        .bind(except.map(|id| id.to_string()).unwrap_or_default())
        .fetch_optional(db)
        .await?;
    Ok(row.map(|(name,)| name))
}

/// Permissions in the order in which people read them (managed ones first, archived ones last), behind the one with the id
/// `after`, at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn list(
    db: &mut Connection,
    organization: OrganizationId,
    after: Option<PermissionId>,
    limit: i64,
) -> Result<Vec<PermissionFacts>, StorageError> {
    let rows: Vec<Row> = sqlx::query_as(
        "WITH ranked AS (
             SELECT id, name, LOWER(name) AS word, operations, managed, version, archived_at,
                 CASE WHEN managed IS NOT NULL THEN 0 WHEN archived_at IS NULL THEN 1 ELSE 2 END AS place
             FROM permissions WHERE organization_id = $1
         )
         SELECT r.id, r.name, r.operations, r.managed, r.version, r.archived_at,
             (SELECT COUNT(*) FROM (SELECT 1 FROM assignments a WHERE a.permission_id = r.id LIMIT $4) counted) AS holders
         FROM ranked r LEFT JOIN ranked l ON l.id = $2
         WHERE l.id IS NULL OR r.place > l.place
             OR (r.place = l.place AND (r.word > l.word OR (r.word = l.word AND r.id > l.id)))
         ORDER BY r.place, r.word, r.id LIMIT $3",
    )
    .bind(organization.to_string())
    .bind(after.map(|id| id.to_string()).unwrap_or_default())
    .bind(limit)
    .bind(COUNTED)
    .fetch_all(db)
    .await?;
    rows.into_iter().map(PermissionFacts::try_from).collect()
}

/// When these permissions were created and last changed.
///
/// # Errors
/// When the database fails.
pub async fn dates(
    db: &mut Connection,
    organization: OrganizationId,
    permissions: &[PermissionId],
) -> Result<HashMap<PermissionId, [Timestamp; 2]>, StorageError> {
    let query = format!(
        "SELECT id, created_at, COALESCE(updated_at, created_at) FROM permissions WHERE organization_id = $1 AND id IN ({})",
        places(2, permissions.len())
    );
    // Only places for values are written into it.
    let mut query = sqlx::query_as::<_, (String, i64, i64)>(AssertSqlSafe(query)).bind(organization.to_string());
    for permission in permissions {
        query = query.bind(permission.to_string());
    }
    let rows = query.fetch_all(db).await?;
    rows.into_iter().map(|(id, created, updated)| Ok((parse(&id, "permissions", "id")?, [created, updated].map(time)))).collect()
}

/// Gives a user a permission.
///
/// # Errors
/// [`StorageError::Conflict`] when they have it.
pub async fn assign(db: &mut Connection, new: NewAssignment) -> Result<(), StorageError> {
    sqlx::query("INSERT INTO assignments (id, organization_id, permission_id, user_id, created_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(new.id.to_string())
        .bind(new.organization.to_string())
        .bind(new.permission.to_string())
        .bind(new.user.to_string())
        .bind(new.created_at.as_millis())
        .execute(db)
        .await?;
    Ok(())
}

/// Takes an assignment away.
///
/// # Errors
/// When the database fails.
pub async fn revoke(db: &mut Connection, organization: OrganizationId, id: AssignmentId) -> Result<(), StorageError> {
    sqlx::query("DELETE FROM assignments WHERE organization_id = $1 AND id = $2")
        .bind(organization.to_string())
        .bind(id.to_string())
        .execute(db)
        .await?;
    Ok(())
}

/// The assignment of this permission to this user, if there is one.
///
/// # Errors
/// When the database fails.
pub async fn find_assignment(
    db: &mut Connection,
    organization: OrganizationId,
    permission: PermissionId,
    user: UserId,
) -> Result<Option<AssignmentId>, StorageError> {
    let row: Option<(String,)> =
        sqlx::query_as("SELECT id FROM assignments WHERE organization_id = $1 AND permission_id = $2 AND user_id = $3")
            .bind(organization.to_string())
            .bind(permission.to_string())
            .bind(user.to_string())
            .fetch_optional(db)
            .await?;
    row.map(|(id,)| parse(&id, "assignments", "id")).transpose()
}

/// What a user has, with what it allows, by name.
///
/// # Errors
/// When the database fails.
pub async fn held_by(
    db: &mut Connection,
    organization: OrganizationId,
    user: UserId,
) -> Result<Vec<(AssignmentId, PermissionRef, Operations)>, StorageError> {
    let rows: Vec<(String, String, String, i64, String)> = sqlx::query_as(
        "SELECT a.id, p.id, p.name, p.version, p.operations FROM assignments a JOIN permissions p ON p.id = a.permission_id
         WHERE a.organization_id = $1 AND a.user_id = $2 AND p.archived_at IS NULL ORDER BY LOWER(p.name), p.id",
    )
    .bind(organization.to_string())
    .bind(user.to_string())
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|(assignment, id, name, version, operations)| {
            let permission =
                PermissionRef { id: parse(&id, "permissions", "id")?, name: parse_name(&name)?, version: parse_version(version)? };
            Ok((parse(&assignment, "assignments", "id")?, permission, parse_operations(&operations)?))
        })
        .collect()
}

/// What a user may do, as far as their permissions go: whether they are active is for the caller to know.
///
/// # Errors
/// When the database fails.
pub async fn operations_of(db: &mut Connection, organization: OrganizationId, user: UserId) -> Result<Operations, StorageError> {
    Ok(held_by(db, organization, user).await?.into_iter().map(|(_, _, operations)| operations).collect())
}

/// What each of these users has, by name: an assignment, of which permission, and what it allows.
///
/// # Errors
/// When the database fails.
pub async fn held_by_each(db: &mut Connection, organization: OrganizationId, users: &[UserId]) -> Result<Vec<Held>, StorageError> {
    let query = format!(
        "SELECT a.user_id, a.id, p.id, p.name, p.operations, p.managed
         FROM assignments a JOIN permissions p ON p.id = a.permission_id
         WHERE a.organization_id = $1 AND a.user_id IN ({}) AND p.archived_at IS NULL ORDER BY LOWER(p.name), p.id",
        places(2, users.len())
    );
    // Only places for values are written into it.
    let mut query = sqlx::query_as::<_, (String, String, String, String, String, Option<String>)>(AssertSqlSafe(query));
    query = query.bind(organization.to_string());
    for user in users {
        query = query.bind(user.to_string());
    }
    let rows = query.fetch_all(db).await?;
    rows.into_iter()
        .map(|(user, assignment, permission, name, operations, managed)| {
            Ok(Held {
                user: parse(&user, "assignments", "user_id")?,
                assignment: parse(&assignment, "assignments", "id")?,
                permission: parse(&permission, "permissions", "id")?,
                name: parse_name(&name)?,
                operations: parse_operations(&operations)?,
                is_managed: managed.is_some(),
            })
        })
        .collect()
}

/// A permission that a user has.
#[derive(Debug, Clone)]
pub struct Held {
    /// Who.
    pub user: UserId,
    /// The assignment.
    pub assignment: AssignmentId,
    /// Which permission.
    pub permission: PermissionId,
    /// Its name.
    pub name: PermissionName,
    /// What it allows.
    pub operations: Operations,
    /// Whether it came with the organization.
    pub is_managed: bool,
}

/// Who has a permission, and since when, in the order of their addresses, behind the address `after`, at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn holders(
    db: &mut Connection,
    organization: OrganizationId,
    permission: PermissionId,
    after: &str,
    limit: i64,
) -> Result<Vec<(AssignmentId, UserRef, Timestamp)>, StorageError> {
    // Few are looked up and sorted. Of many, users are gone through in their order until there are enough. SQLite has to be told by
    // the order of the tables.
    const MANY: i64 = 1000;
    let (number,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM (SELECT 1 FROM assignments WHERE permission_id = $1 LIMIT $2) counted")
        .bind(permission.to_string())
        .bind(MANY)
        .fetch_one(&mut *db)
        .await?;
    let tables = if number < MANY { "assignments a CROSS JOIN users u" } else { "users u CROSS JOIN assignments a" };
    let query = format!(
        "SELECT a.id, u.id, u.kind, u.email, w.email, a.created_at FROM {tables} LEFT JOIN users w ON w.id = u.owner_id
         WHERE a.user_id = u.id AND a.organization_id = $1 AND a.permission_id = $2 AND u.organization_id = $1 AND u.email_key > $3
         ORDER BY u.email_key LIMIT $4"
    );
    // Only names of tables are written into it.
    let rows: Vec<(String, String, String, String, Option<String>, i64)> = sqlx::query_as(AssertSqlSafe(query))
        .bind(organization.to_string())
        .bind(permission.to_string())
        .bind(without_nul(after))
        .bind(limit)
        .fetch_all(db)
        .await?;
    rows.into_iter()
        .map(|(assignment, id, kind, email, owner, created_at)| {
            Ok((parse(&assignment, "assignments", "id")?, user_ref(&id, &kind, &email, owner.as_deref())?, time(created_at)))
        })
        .collect()
}

/// Who has this permission by this assignment.
///
/// # Errors
/// When the database fails.
pub async fn holder(
    db: &mut Connection,
    organization: OrganizationId,
    permission: PermissionId,
    assignment: AssignmentId,
) -> Result<Option<UserRef>, StorageError> {
    let row: Option<(String, String, String, Option<String>)> = sqlx::query_as(
        "SELECT u.id, u.kind, u.email, w.email FROM assignments a JOIN users u ON u.id = a.user_id LEFT JOIN users w ON w.id = u.owner_id
         WHERE a.organization_id = $1 AND a.permission_id = $2 AND a.id = $3",
    )
    .bind(organization.to_string())
    .bind(permission.to_string())
    .bind(assignment.to_string())
    .fetch_optional(db)
    .await?;
    row.map(|(id, kind, email, owner)| user_ref(&id, &kind, &email, owner.as_deref())).transpose()
}

fn user_ref(id: &str, kind: &str, email: &str, owner: Option<&str>) -> Result<UserRef, StorageError> {
    Ok(UserRef { id: parse(id, "users", "id")?, handle: handle(identities::kind(kind)?, email, owner)? })
}

/// The active people who have every operation: id and mail address.
///
/// # Errors
/// When the database fails.
pub async fn full_admins(db: &mut Connection, organization: OrganizationId) -> Result<Vec<(UserId, EmailAddress)>, StorageError> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT u.id, u.email FROM permissions p JOIN assignments a ON a.permission_id = p.id JOIN users u ON u.id = a.user_id
         WHERE p.organization_id = $1 AND p.managed = 'full_admin' AND u.owner_id IS NULL AND u.kind <> 'ServiceAccount'
           AND u.registered_at IS NOT NULL AND u.deactivated_at IS NULL ORDER BY u.email_key",
    )
    .bind(organization.to_string())
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|(id, email)| {
            let email = EmailAddress::parse(&email).map_err(|_| StorageError::Inconsistent { table: "users", column: "email" })?;
            Ok((parse(&id, "users", "id")?, email))
        })
        .collect()
}

/// Whether any other person than this user is active and has every operation.
///
/// # Errors
/// When the database fails.
pub async fn another_full_admin(db: &mut Connection, organization: OrganizationId, than: UserId) -> Result<bool, StorageError> {
    let row: Option<(String,)> = sqlx::query_as(
        "SELECT u.id FROM permissions p JOIN assignments a ON a.permission_id = p.id JOIN users u ON u.id = a.user_id
         WHERE p.organization_id = $1 AND p.managed = 'full_admin' AND u.id <> $2 AND u.owner_id IS NULL AND u.kind <> 'ServiceAccount'
           AND u.registered_at IS NOT NULL AND u.deactivated_at IS NULL LIMIT 1",
    )
    .bind(organization.to_string())
    .bind(than.to_string())
    .fetch_optional(db)
    .await?;
    Ok(row.is_some())
}

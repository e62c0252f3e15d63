//! Whoever acts: people, service accounts and access tokens. They share a table with [`super::users`], which are the people among
//! them.

use super::{Connection, StorageError, parse, places, time};
use crate::storage::permissions;
use app::{
    action::{change::UserRef, rules::held_by_token},
    domain::{
        handle::Handle,
        id::{OrganizationId, UserId},
        operation::Operations,
        text::{EmailAddress, ExternalId, ProgramName},
        time::Timestamp,
        user::{UserKind, UserStatus},
    },
};
use sqlx::AssertSqlSafe;

/// Whoever acts.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Id.
    pub id: UserId,
    /// What they are known by.
    pub handle: Handle,
    /// What they are.
    pub kind: UserKind,
    /// Of an access token: in whose name it acts.
    pub owner: Option<UserId>,
    /// By which another system knows them.
    pub external_id: Option<ExternalId>,
    /// When they were created.
    pub created_at: Timestamp,
    /// What they can do at all. An access token can do what its owner can.
    pub status: UserStatus,
    /// Whether an access token's owner is active; true of everyone else.
    pub is_owner_active: bool,
    /// Whether nobody can sign up by their invitation.
    pub is_revoked: bool,
}

impl Identity {
    /// Whether they may act.
    pub fn may_act(&self) -> bool {
        self.status == UserStatus::Active && self.is_owner_active
    }

    /// As documents name them.
    pub fn as_user(&self) -> UserRef {
        UserRef { id: self.id, handle: self.handle.clone() }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    kind: String,
    email: String,
    external_id: Option<String>,
    created_at: i64,
    registered_at: Option<i64>,
    deactivated_at: Option<i64>,
    revoked_at: Option<i64>,
    owner_id: Option<String>,
    owner_email: Option<String>,
    owner_registered_at: Option<i64>,
    owner_deactivated_at: Option<i64>,
}

const COLUMNS: &str = "u.id, u.kind, u.email, u.external_id, u.created_at, u.registered_at, u.deactivated_at, u.revoked_at, u.owner_id,
     w.email AS owner_email, w.registered_at AS owner_registered_at, w.deactivated_at AS owner_deactivated_at";
const TABLES: &str = "users u LEFT JOIN users w ON w.id = u.owner_id";

impl TryFrom<Row> for Identity {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        let inconsistent = |column| StorageError::Inconsistent { table: "users", column };
        let kind = kind(&row.kind)?;
        Ok(Self {
            id: parse(&row.id, "users", "id")?,
            handle: handle(kind, &row.email, row.owner_email.as_deref())?,
            kind,
            owner: row.owner_id.map(|id| parse(&id, "users", "owner_id")).transpose()?,
            external_id: row.external_id.map(|id| ExternalId::parse(&id)).transpose().map_err(|_| inconsistent("external_id"))?,
            created_at: time(row.created_at),
            status: status(row.registered_at, row.deactivated_at),
            is_owner_active: row.owner_email.is_none() || status(row.owner_registered_at, row.owner_deactivated_at) == UserStatus::Active,
            is_revoked: row.revoked_at.is_some(),
        })
    }
}

fn status(registered_at: Option<i64>, deactivated_at: Option<i64>) -> UserStatus {
    match (deactivated_at, registered_at) {
        (Some(_), _) => UserStatus::Deactivated,
        (None, Some(_)) => UserStatus::Active,
        (None, None) => UserStatus::Invited,
    }
}

/// Reads the column that holds a kind.
///
/// # Errors
/// When there is no such kind.
pub(super) fn kind(text: &str) -> Result<UserKind, StorageError> {
    let found = UserKind::ALL.into_iter().find(|kind| kind.name() == text);
    found.ok_or(StorageError::Inconsistent { table: "users", column: "kind" })
}

/// Reads the columns that make a handle.
///
/// # Errors
/// When they don't.
pub(super) fn handle(kind: UserKind, email: &str, owner: Option<&str>) -> Result<Handle, StorageError> {
    let inconsistent = |_| StorageError::Inconsistent { table: "users", column: "email" };
    Ok(match kind {
        UserKind::Employee | UserKind::EndUser => Handle::Email(EmailAddress::parse(email).map_err(inconsistent)?),
        UserKind::ServiceAccount => Handle::ServiceAccount(ProgramName::parse(email).map_err(inconsistent)?),
        UserKind::AccessToken => Handle::AccessToken {
            name: ProgramName::parse(email).map_err(inconsistent)?,
            owner: EmailAddress::parse(owner.unwrap_or_default()).map_err(inconsistent)?,
        },
    })
}

/// Whoever has this id in this organization.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &mut Connection, organization: OrganizationId, id: UserId) -> Result<Option<Identity>, StorageError> {
    let row: Option<Row> =
        sqlx::query_as(AssertSqlSafe(format!("SELECT {COLUMNS} FROM {TABLES} WHERE u.organization_id = $1 AND u.id = $2")))
            .bind(organization.to_string())
            .bind(id.to_string())
            .fetch_optional(db)
            .await?;
    row.map(Identity::try_from).transpose()
}

/// Who has this handle in this organization.
///
/// # Errors
/// When the database fails.
pub async fn find_by_handle(db: &mut Connection, organization: OrganizationId, handle: &Handle) -> Result<Option<UserId>, StorageError> {
    let row: Option<(String,)> = sqlx::query_as("SELECT id FROM users WHERE organization_id = $1 AND email_key = $2")
        .bind(organization.to_string())
        .bind(handle.key())
        .fetch_optional(db)
        .await?;
    row.map(|(id,)| parse(&id, "users", "id")).transpose()
}

/// The organization's service accounts in the order of their names, behind the key `after`, at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn service_accounts(
    db: &mut Connection,
    organization: OrganizationId,
    after: &str,
    limit: i64,
) -> Result<Vec<Identity>, StorageError> {
    let statement = format!(
        "SELECT {COLUMNS} FROM {TABLES} WHERE u.organization_id = $1 AND u.kind = 'ServiceAccount' AND u.email_key > $2 ORDER BY u.email_key LIMIT $3"
    );
    let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(statement))
        .bind(organization.to_string())
        .bind(super::without_nul(after))
        .bind(limit)
        .fetch_all(db)
        .await?;
    rows.into_iter().map(Identity::try_from).collect()
}

/// A user's access tokens, by name.
///
/// # Errors
/// When the database fails.
pub async fn access_tokens(db: &mut Connection, organization: OrganizationId, owner: UserId) -> Result<Vec<Identity>, StorageError> {
    let statement = format!("SELECT {COLUMNS} FROM {TABLES} WHERE u.organization_id = $1 AND u.owner_id = $2 ORDER BY u.email_key");
    let rows: Vec<Row> =
        sqlx::query_as(AssertSqlSafe(statement)).bind(organization.to_string()).bind(owner.to_string()).fetch_all(db).await?;
    rows.into_iter().map(Identity::try_from).collect()
}

/// Somebody, with what their permissions allow.
#[derive(Debug, Clone)]
pub struct Holder {
    /// Who.
    pub identity: Identity,
    /// What each of their own permissions allows.
    pub own: Vec<Operations>,
    /// Of an access token: what each of its owner's does.
    pub of_owner: Vec<Operations>,
}

impl Holder {
    /// What they may do, as far as permissions go; an access token, as far as its owner may. Whether they may act is for the caller
    /// to know.
    pub fn may(&self) -> Operations {
        let own = || self.own.iter().cloned().collect();
        if self.identity.owner.is_none() {
            return own();
        }
        let narrowed: Option<Operations> = (!self.own.is_empty()).then(own);
        held_by_token(&self.of_owner.iter().cloned().collect(), narrowed.as_ref())
    }
}

#[derive(sqlx::FromRow)]
struct HolderRow {
    #[sqlx(flatten)]
    identity: Row,
    /// Whose the permission is, where there is one: theirs, or their owner's.
    holder_id: Option<String>,
    operations: Option<String>,
}

/// These, as far as they are in this organization, with what their permissions allow: in one statement, since every change asks.
///
/// # Errors
/// When the database fails.
pub async fn with_permissions(db: &mut Connection, organization: OrganizationId, ids: &[UserId]) -> Result<Vec<Holder>, StorageError> {
    let statement = format!(
        "SELECT {COLUMNS}, a.user_id AS holder_id, p.operations FROM {TABLES}
         LEFT JOIN assignments a ON a.user_id IN (u.id, u.owner_id)
         LEFT JOIN permissions p ON p.id = a.permission_id AND p.archived_at IS NULL
         WHERE u.organization_id = $1 AND u.id IN ({})",
        places(2, ids.len())
    );
    // Only columns and places for values are written into it.
    let mut query = sqlx::query_as::<_, HolderRow>(AssertSqlSafe(statement)).bind(organization.to_string());
    for id in ids {
        query = query.bind(id.to_string());
    }
    let mut found: Vec<Holder> = Vec::new();
    for HolderRow { identity, holder_id, operations } in query.fetch_all(db).await? {
        let identity = Identity::try_from(identity)?;
        let place = found.iter().position(|known| known.identity.id == identity.id).unwrap_or_else(|| {
            found.push(Holder { identity, own: Vec::new(), of_owner: Vec::new() });
            found.len() - 1
        });
        if let (Some(holder), Some(whose), Some(operations)) = (found.get_mut(place), holder_id, operations) {
            let is_own = parse::<UserId>(&whose, "assignments", "user_id")? == holder.identity.id;
            if is_own { &mut holder.own } else { &mut holder.of_owner }.push(permissions::parse_operations(&operations)?);
        }
    }
    Ok(found)
}

/// A program to write.
#[derive(Debug, Clone, Copy)]
pub struct NewProgram<'a> {
    /// Id.
    pub id: UserId,
    /// Its organization.
    pub organization: OrganizationId,
    /// What it is known by.
    pub handle: &'a Handle,
    /// Of an access token: in whose name it acts.
    pub owner: Option<UserId>,
    /// By which another system knows it.
    pub external_id: Option<&'a ExternalId>,
    /// When.
    pub created_at: Timestamp,
}

/// Writes a new program, which may act at once.
///
/// # Errors
/// [`StorageError::Conflict`] when its name is taken.
pub async fn insert_program(db: &mut Connection, new: NewProgram<'_>) -> Result<(), StorageError> {
    let kind = if new.owner.is_some() { UserKind::AccessToken } else { UserKind::ServiceAccount };
    sqlx::query(
        "INSERT INTO users (id, organization_id, email, email_key, name, kind, external_id, created_at, registered_at, owner_id)
         VALUES ($1, $2, $3, $4, $3, $5, $6, $7, $7, $8)",
    )
    .bind(new.id.to_string())
    .bind(new.organization.to_string())
    .bind(new.handle.as_str())
    .bind(new.handle.key())
    .bind(kind.name())
    .bind(new.external_id.map(ExternalId::as_str))
    .bind(new.created_at.as_millis())
    .bind(new.owner.map(|id| id.to_string()))
    .execute(db)
    .await?;
    Ok(())
}

/// Gives a program another handle and external id.
///
/// # Errors
/// [`StorageError::Conflict`] when the name is taken.
pub async fn rename_program(
    db: &mut Connection,
    organization: OrganizationId,
    id: UserId,
    handle: &Handle,
    external_id: Option<&ExternalId>,
) -> Result<(), StorageError> {
    sqlx::query("UPDATE users SET email = $3, email_key = $4, name = $3, external_id = $5 WHERE organization_id = $1 AND id = $2")
        .bind(organization.to_string())
        .bind(id.to_string())
        .bind(handle.as_str())
        .bind(handle.key())
        .bind(external_id.map(ExternalId::as_str))
        .execute(db)
        .await?;
    Ok(())
}

/// Removes a user's access tokens.
///
/// # Errors
/// When the database fails.
pub async fn delete_access_tokens(db: &mut Connection, organization: OrganizationId, owner: UserId) -> Result<(), StorageError> {
    sqlx::query("DELETE FROM users WHERE organization_id = $1 AND owner_id = $2")
        .bind(organization.to_string())
        .bind(owner.to_string())
        .execute(db)
        .await?;
    Ok(())
}

/// The tokens of these programs: until when each counts, and when it was last used.
///
/// # Errors
/// When the database fails.
pub async fn tokens_of(
    db: &mut Connection,
    organization: OrganizationId,
    programs: &[UserId],
) -> Result<std::collections::HashMap<UserId, (Timestamp, Option<Timestamp>)>, StorageError> {
    let query = format!(
        "SELECT user_id, expires_at, last_used_at FROM tokens WHERE organization_id = $1 AND kind = 'program' AND user_id IN ({})",
        places(2, programs.len())
    );
    // Only places for values are written into it.
    let mut query = sqlx::query_as::<_, (String, i64, Option<i64>)>(AssertSqlSafe(query)).bind(organization.to_string());
    for program in programs {
        query = query.bind(program.to_string());
    }
    let rows = query.fetch_all(db).await?;
    rows.into_iter().map(|(id, until, used)| Ok((parse(&id, "tokens", "user_id")?, (time(until), used.map(time))))).collect()
}

//! Users, as far as they are people.

use super::{Connection, StorageError, identities::kind, parse, time, without_nul};
use app::domain::{
    id::{OrganizationId, UserId},
    text::EmailAddress,
    time::Timestamp,
    user::{UserKind, UserStatus},
};
use sqlx::AssertSqlSafe;

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
    /// Name; empty, when they were invited by address only.
    pub name: String,
    /// What they are.
    pub kind: UserKind,
    /// By which another system knows them.
    pub external_id: Option<String>,
    /// When they were created.
    pub created_at: Timestamp,
    /// Since when they have a passkey.
    pub registered_at: Option<Timestamp>,
    /// Since when they may do nothing.
    pub deactivated_at: Option<Timestamp>,
    /// Since when nobody can sign up by their invitation.
    pub revoked_at: Option<Timestamp>,
    /// When they were last heard of.
    pub last_seen_at: Option<Timestamp>,
    /// Whether their organization is active.
    pub is_organization_active: bool,
}

impl User {
    /// What they can do at all.
    pub fn status(&self) -> UserStatus {
        match (self.deactivated_at, self.registered_at) {
            (Some(_), _) => UserStatus::Deactivated,
            (None, Some(_)) => UserStatus::Active,
            (None, None) => UserStatus::Invited,
        }
    }

    /// Whether someone with their code may sign up. Customers register by the program that they come from, without one.
    pub fn may_register(&self) -> bool {
        self.kind == UserKind::Employee && self.status() == UserStatus::Invited && self.revoked_at.is_none()
    }

    /// As a mail or a passkey calls them.
    pub fn called(&self) -> &str {
        if self.name.is_empty() { self.email.as_str() } else { &self.name }
    }
}

const COLUMNS: &str = "u.id, u.organization_id, o.name AS organization_name, o.activated_at, u.email, u.name, u.kind, u.external_id, u.created_at, \
     u.registered_at, u.deactivated_at, u.revoked_at, u.last_seen_at";

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    organization_id: String,
    organization_name: String,
    activated_at: Option<i64>,
    email: String,
    name: String,
    kind: String,
    external_id: Option<String>,
    created_at: i64,
    registered_at: Option<i64>,
    deactivated_at: Option<i64>,
    revoked_at: Option<i64>,
    last_seen_at: Option<i64>,
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
            kind: kind(&row.kind)?,
            external_id: row.external_id,
            created_at: time(row.created_at),
            registered_at: row.registered_at.map(time),
            deactivated_at: row.deactivated_at.map(time),
            revoked_at: row.revoked_at.map(time),
            last_seen_at: row.last_seen_at.map(time),
            is_organization_active: row.activated_at.is_some(),
        })
    }
}

/// People; programs are in [`super::identities`].
const PEOPLE: &str = "u.kind IN ('CustomerEmployee', 'EndUser')";

/// The id that is looked for in place of a user's who isn't there: with it, as many statements run, and they find nothing.
pub const NOBODY: UserId = UserId::from_bytes([0; 16]);

/// A user to write.
#[derive(Debug, Clone, Copy)]
pub struct NewUser<'a> {
    /// Id.
    pub id: UserId,
    /// Their organization.
    pub organization: OrganizationId,
    /// Mail address.
    pub email: &'a EmailAddress,
    /// Name; may be empty.
    pub name: &'a str,
    /// What they are.
    pub kind: UserKind,
    /// By which another system knows them.
    pub external_id: Option<&'a str>,
    /// When.
    pub created_at: Timestamp,
}

/// Writes a new user without any credential.
///
/// # Errors
/// [`StorageError::Conflict`] when the organization has a user with this address.
pub async fn insert(db: &mut Connection, user: NewUser<'_>) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO users (id, organization_id, email, email_key, name, kind, external_id, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(user.id.to_string())
    .bind(user.organization.to_string())
    .bind(user.email.as_str())
    .bind(user.email.key())
    .bind(user.name)
    .bind(user.kind.name())
    .bind(user.external_id)
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
    let row: Option<Row> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM users u JOIN organizations o ON o.id = u.organization_id WHERE u.organization_id = $1 AND u.id = $2 AND {PEOPLE}"
    )))
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
    let row: Option<Row> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM users u JOIN organizations o ON o.id = u.organization_id
         WHERE u.email_key = $1 AND ($2 = '' OR u.organization_id = $2)
         ORDER BY CASE WHEN u.registered_at IS NULL THEN 0 ELSE 1 END, u.created_at DESC, u.id DESC LIMIT 1"
    )))
    .bind(email.key())
    .bind(organization.map(|id| id.to_string()).unwrap_or_default())
    .fetch_optional(db)
    .await?;
    row.map(User::try_from).transpose()
}

/// The active users with this address, in whichever organization, newest first, at most six.
///
/// # Errors
/// When the database fails.
pub async fn active_by_email(db: &mut Connection, email: &EmailAddress) -> Result<Vec<User>, StorageError> {
    let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM users u JOIN organizations o ON o.id = u.organization_id
         WHERE u.email_key = $1 AND u.registered_at IS NOT NULL AND u.deactivated_at IS NULL ORDER BY u.created_at DESC, u.id DESC LIMIT 6"
    )))
    .bind(email.key())
    .fetch_all(db)
    .await?;
    rows.into_iter().map(User::try_from).collect()
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

/// Marks a user as registered; whether they were invited and weren't yet.
///
/// # Errors
/// When the database fails.
pub async fn register(db: &mut Connection, organization: OrganizationId, id: UserId, now: Timestamp) -> Result<bool, StorageError> {
    let done = sqlx::query(
        "UPDATE users SET registered_at = $3 WHERE organization_id = $1 AND id = $2 AND registered_at IS NULL AND deactivated_at IS NULL AND revoked_at IS NULL",
    )
    .bind(organization.to_string())
    .bind(id.to_string())
    .bind(now.as_millis())
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What may be noted about a user since when it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// They may do nothing.
    Deactivated,
    /// Nobody can sign up by their invitation.
    Revoked,
}

/// Notes since when something holds, or that it doesn't any more.
///
/// # Errors
/// When the database fails.
pub async fn mark(
    db: &mut Connection,
    organization: OrganizationId,
    id: UserId,
    what: Mark,
    since: Option<Timestamp>,
) -> Result<(), StorageError> {
    let statement = match what {
        Mark::Deactivated => "UPDATE users SET deactivated_at = $3 WHERE organization_id = $1 AND id = $2",
        Mark::Revoked => "UPDATE users SET revoked_at = $3 WHERE organization_id = $1 AND id = $2",
    };
    sqlx::query(statement).bind(organization.to_string()).bind(id.to_string()).bind(since.map(Timestamp::as_millis)).execute(db).await?;
    Ok(())
}

/// Makes a user one who is invited and hasn't signed up, as they were at first.
///
/// # Errors
/// When the database fails.
pub async fn begin_anew(db: &mut Connection, organization: OrganizationId, id: UserId) -> Result<(), StorageError> {
    sqlx::query("UPDATE users SET registered_at = NULL, revoked_at = NULL WHERE organization_id = $1 AND id = $2")
        .bind(organization.to_string())
        .bind(id.to_string())
        .execute(db)
        .await?;
    Ok(())
}

/// Removes a user with everything of theirs; history keeps what they did.
///
/// # Errors
/// When the database fails.
pub async fn delete(db: &mut Connection, organization: OrganizationId, id: UserId) -> Result<(), StorageError> {
    sqlx::query("DELETE FROM users WHERE organization_id = $1 AND id = $2")
        .bind(organization.to_string())
        .bind(id.to_string())
        .execute(db)
        .await?;
    Ok(())
}

/// Lets nobody else alter a user until the transaction is over. Whoever signs in notes it here before their session is written: so that
/// is written before whatever follows, or after the transaction, when it is seen what was ended. Whoever alters sessions or tokens of a
/// user, too, begins with the user: taken the other way round, two would wait for each other.
///
/// # Errors
/// When the database fails.
pub async fn hold(db: &mut Connection, organization: OrganizationId, id: UserId) -> Result<(), StorageError> {
    sqlx::query("UPDATE users SET last_seen_at = last_seen_at WHERE organization_id = $1 AND id = $2")
        .bind(organization.to_string())
        .bind(id.to_string())
        .execute(db)
        .await?;
    Ok(())
}

/// Notes that a user was heard of.
///
/// # Errors
/// When the database fails.
pub async fn note_seen(db: &mut Connection, organization: OrganizationId, id: UserId, now: Timestamp) -> Result<(), StorageError> {
    sqlx::query("UPDATE users SET last_seen_at = $3 WHERE organization_id = $1 AND id = $2")
        .bind(organization.to_string())
        .bind(id.to_string())
        .bind(now.as_millis())
        .execute(db)
        .await?;
    Ok(())
}

/// Which users a list shows.
#[derive(Debug, Clone, Copy)]
pub struct Filter<'a> {
    /// Whose address, name or external id contains this, whatever its case; empty for everyone.
    pub search: &'a str,
    /// Of this status only.
    pub status: Option<UserStatus>,
    /// Of this kind only.
    pub kind: Option<UserKind>,
    /// Behind this address, in lower case.
    pub after: &'a str,
}

/// Users in the order of their addresses, at most `limit`, each with the time until which their registration code works.
///
/// # Errors
/// When the database fails.
pub async fn list(
    db: &mut Connection,
    organization: OrganizationId,
    filter: Filter<'_>,
    limit: i64,
) -> Result<Vec<(User, Option<Timestamp>)>, StorageError> {
    // Written out, so that the partial indexes are found.
    let of_status = match filter.status {
        None => "",
        Some(UserStatus::Invited) => "AND u.registered_at IS NULL AND u.deactivated_at IS NULL",
        Some(UserStatus::Active) => "AND u.registered_at IS NOT NULL AND u.deactivated_at IS NULL",
        Some(UserStatus::Deactivated) => "AND u.deactivated_at IS NOT NULL",
    };
    let found = if filter.search.is_empty() {
        "AND $3 = $3"
    } else {
        // The database makes both sides small: databases differ in which letters they know.
        r"AND (u.email_key LIKE LOWER($3) ESCAPE '\' OR LOWER(u.name) LIKE LOWER($3) ESCAPE '\' OR LOWER(u.external_id) LIKE LOWER($3) ESCAPE '\')"
    };
    let statement = format!(
        "SELECT {COLUMNS},
             (SELECT MAX(c.expires_at) FROM registration_codes c WHERE c.user_id = u.id AND c.ended_at IS NULL AND u.registered_at IS NULL) AS invited_until
         FROM users u JOIN organizations o ON o.id = u.organization_id
         WHERE u.organization_id = $1 AND {PEOPLE} AND u.email_key > $2 AND ($4 = '' OR u.kind = $4) {found} {of_status}
         ORDER BY u.email_key LIMIT $5"
    );
    let rows: Vec<ListedRow> = sqlx::query_as(AssertSqlSafe(statement))
        .bind(organization.to_string())
        .bind(without_nul(filter.after))
        .bind(pattern(&without_nul(filter.search)))
        .bind(filter.kind.map(UserKind::name).unwrap_or_default())
        .bind(limit)
        .fetch_all(db)
        .await?;
    rows.into_iter().map(|row| Ok((User::try_from(row.user)?, row.invited_until.map(time)))).collect()
}

#[derive(sqlx::FromRow)]
struct ListedRow {
    #[sqlx(flatten)]
    user: Row,
    invited_until: Option<i64>,
}

/// Anything that contains the text: what LIKE takes for a sign of its own is escaped.
fn pattern(search: &str) -> String {
    let mut pattern = String::from("%");
    for char in search.chars() {
        if matches!(char, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(char);
    }
    pattern.push('%');
    pattern
}

/// Until when the user's registration code works, if one does.
///
/// # Errors
/// When the database fails.
pub async fn invited_until(db: &mut Connection, user: UserId) -> Result<Option<Timestamp>, StorageError> {
    let (until,): (Option<i64>,) = sqlx::query_as("SELECT MAX(expires_at) FROM registration_codes WHERE user_id = $1 AND ended_at IS NULL")
        .bind(user.to_string())
        .fetch_one(db)
        .await?;
    Ok(until.map(time))
}

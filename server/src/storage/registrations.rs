//! Codes that are mailed, and the registrations that begin when one was typed.

use super::{Connection, StorageError, in_steps, parse, places, run_together, time};
use app::domain::{
    id::{CodeId, OrganizationId, RegistrationId, UserId},
    text::EmailAddress,
    time::Timestamp,
};
use sqlx::AssertSqlSafe;

/// A registration code, of which only a slow hash is kept.
#[derive(Debug, Clone)]
pub struct Code {
    /// Id.
    pub id: CodeId,
    /// PHC string.
    pub hash: String,
    /// Until when it works.
    pub expires_at: Timestamp,
    /// How often it was typed wrongly, or is being tried at this moment.
    pub tries: i64,
    /// Since when it was used or replaced.
    pub ended_at: Option<Timestamp>,
}

/// What a mailed code is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To sign up.
    Registration,
    /// To begin a recovery.
    Recovery,
    /// To make a passkey on another device.
    Device,
    /// To register one credential through the API.
    Credential,
}

impl Purpose {
    const fn name(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::Recovery => "recovery",
            Self::Device => "device",
            Self::Credential => "credential",
        }
    }
}

/// A code to write.
#[derive(Debug, Clone, Copy)]
pub struct NewCode<'a> {
    /// Id.
    pub id: CodeId,
    /// The user's organization.
    pub organization: OrganizationId,
    /// Whom it lets in.
    pub user: UserId,
    /// What for.
    pub purpose: Purpose,
    /// PHC string.
    pub hash: &'a str,
    /// When.
    pub created_at: Timestamp,
    /// Until when it works.
    pub expires_at: Timestamp,
}

/// Ends the user's live code for this purpose, if there is one, and writes a new one. Call it in a transaction.
///
/// # Errors
/// [`StorageError::Conflict`] when another code is being written at the same time.
pub async fn replace_code(db: &mut Connection, code: NewCode<'_>) -> Result<(), StorageError> {
    end_codes_for(db, code.user, code.purpose, code.created_at).await?;
    sqlx::query(
        "INSERT INTO registration_codes (id, organization_id, user_id, hash, created_at, expires_at, purpose) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(code.id.to_string())
    .bind(code.organization.to_string())
    .bind(code.user.to_string())
    .bind(code.hash)
    .bind(code.created_at.as_millis())
    .bind(code.expires_at.as_millis())
    .bind(code.purpose.name())
    .execute(db)
    .await?;
    Ok(())
}

/// The user's codes to sign up with, newest first, at most three: one may be live, the others tell why an old one isn't.
///
/// # Errors
/// When the database fails.
pub async fn newest_codes(db: &mut Connection, user: UserId) -> Result<Vec<Code>, StorageError> {
    let rows: Vec<(String, String, i64, i64, Option<i64>)> = sqlx::query_as(
        "SELECT id, hash, expires_at, tries, ended_at FROM registration_codes WHERE user_id = $1 AND purpose = 'registration'
         ORDER BY created_at DESC, id DESC LIMIT 3",
    )
    .bind(user.to_string())
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|(id, hash, expires_at, tries, ended_at)| {
            Ok(Code {
                id: parse(&id, "registration_codes", "id")?,
                hash,
                expires_at: time(expires_at),
                tries,
                ended_at: ended_at.map(time),
            })
        })
        .collect()
}

/// A live code, and whose.
#[derive(Debug, Clone)]
pub struct LiveCode {
    /// Id.
    pub id: CodeId,
    /// The account's organization.
    pub organization: OrganizationId,
    /// The account.
    pub user: UserId,
    /// PHC string.
    pub hash: String,
    /// Until when it works.
    pub expires_at: Timestamp,
}

/// The live codes for this purpose of every account with this address, newest first, at most six.
///
/// # Errors
/// When the database fails.
pub async fn live_codes(db: &mut Connection, email: &EmailAddress, purpose: Purpose) -> Result<Vec<LiveCode>, StorageError> {
    let rows: Vec<(String, String, String, String, i64)> = sqlx::query_as(
        "SELECT c.id, c.organization_id, c.user_id, c.hash, c.expires_at FROM registration_codes c JOIN users u ON u.id = c.user_id
         WHERE u.email_key = $1 AND c.purpose = $2 AND c.ended_at IS NULL ORDER BY c.created_at DESC, c.id DESC LIMIT 6",
    )
    .bind(email.key())
    .bind(purpose.name())
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|(id, organization, user, hash, expires_at)| {
            Ok(LiveCode {
                id: parse(&id, "registration_codes", "id")?,
                organization: parse(&organization, "registration_codes", "organization_id")?,
                user: parse(&user, "registration_codes", "user_id")?,
                hash,
                expires_at: time(expires_at),
            })
        })
        .collect()
}

/// Stands where there is no code.
pub const NO_CODE: CodeId = CodeId::from_bytes([0; 16]);

/// Takes one try of each of these codes that is live, before they are compared, so that tries at the same time can't go beyond
/// the limit; which of them had one left. It is one statement, whether there is any code or none.
///
/// # Errors
/// When the database fails.
pub async fn take_tries<const N: usize>(db: &mut Connection, codes: [CodeId; N], limit: i64) -> Result<Vec<CodeId>, StorageError> {
    let statement = format!(
        "UPDATE registration_codes SET tries = tries + 1 WHERE tries < $1 AND ended_at IS NULL AND id IN ({}) RETURNING id",
        places(2, N)
    );
    let query = sqlx::query_as(AssertSqlSafe(statement)).bind(limit);
    let rows: Vec<(String,)> = codes.iter().fold(query, |query, code| query.bind(code.to_string())).fetch_all(db).await?;
    rows.iter().map(|(id,)| parse(id, "registration_codes", "id")).collect()
}

/// Gives a try back, after the code was typed rightly.
///
/// # Errors
/// When the database fails.
pub async fn give_try_back(db: &mut Connection, code: CodeId) -> Result<(), StorageError> {
    sqlx::query("UPDATE registration_codes SET tries = tries - 1 WHERE id = $1 AND tries > 0").bind(code.to_string()).execute(db).await?;
    Ok(())
}

/// Uses up one code; whether it was live. Of two at the same time exactly one hears yes.
///
/// # Errors
/// When the database fails.
pub async fn end_code(db: &mut Connection, code: CodeId, now: Timestamp) -> Result<bool, StorageError> {
    let done = sqlx::query("UPDATE registration_codes SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL")
        .bind(code.to_string())
        .bind(now.as_millis())
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Whether this code of this user still waits to be typed.
///
/// # Errors
/// When the database fails.
pub async fn is_live(
    db: &mut Connection,
    organization: OrganizationId,
    user: UserId,
    code: CodeId,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let row: Option<(String,)> = sqlx::query_as(
        "SELECT id FROM registration_codes WHERE organization_id = $1 AND user_id = $2 AND id = $3 AND ended_at IS NULL AND expires_at > $4",
    )
    .bind(organization.to_string())
    .bind(user.to_string())
    .bind(code.to_string())
    .bind(now.as_millis())
    .fetch_optional(db)
    .await?;
    Ok(row.is_some())
}

async fn end_codes_for(db: &mut Connection, user: UserId, purpose: Purpose, now: Timestamp) -> Result<(), StorageError> {
    sqlx::query("UPDATE registration_codes SET ended_at = $3 WHERE user_id = $1 AND purpose = $2 AND ended_at IS NULL")
        .bind(user.to_string())
        .bind(purpose.name())
        .bind(now.as_millis())
        .execute(db)
        .await?;
    Ok(())
}

/// Uses up the user's live codes, for whatever purpose: those that were typed, and newer ones that were asked for since.
///
/// # Errors
/// When the database fails.
pub async fn end_codes(db: &mut Connection, user: UserId, now: Timestamp) -> Result<(), StorageError> {
    sqlx::query("UPDATE registration_codes SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL")
        .bind(user.to_string())
        .bind(now.as_millis())
        .execute(db)
        .await?;
    Ok(())
}

/// The live code that lets whoever has it register a credential, by its hash: its id, and whose it is.
///
/// # Errors
/// When the database fails.
pub async fn find_credential_code(
    db: &mut Connection,
    hash: &str,
    now: Timestamp,
) -> Result<Option<(CodeId, OrganizationId, UserId)>, StorageError> {
    let row: Option<(String, String, String)> = sqlx::query_as(
        "SELECT id, organization_id, user_id FROM registration_codes
         WHERE purpose = 'credential' AND hash = $1 AND ended_at IS NULL AND expires_at > $2",
    )
    .bind(hash)
    .bind(now.as_millis())
    .fetch_optional(db)
    .await?;
    row.map(|(id, organization, user)| {
        Ok((
            parse(&id, "registration_codes", "id")?,
            parse(&organization, "registration_codes", "organization_id")?,
            parse(&user, "registration_codes", "user_id")?,
        ))
    })
    .transpose()
}

/// Ends such a code; whether it was live. Of two at the same time exactly one hears yes.
///
/// # Errors
/// When the database fails.
pub async fn take_credential_code(db: &mut Connection, id: CodeId, now: Timestamp) -> Result<bool, StorageError> {
    let done = sqlx::query(
        "UPDATE registration_codes SET ended_at = $2 WHERE id = $1 AND purpose = 'credential' AND ended_at IS NULL AND expires_at > $2",
    )
    .bind(id.to_string())
    .bind(now.as_millis())
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A registration: what happens in one browser between typing the code and being registered.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Id.
    pub id: RegistrationId,
    /// The user's organization.
    pub organization: OrganizationId,
    /// Who registers.
    pub user: UserId,
    /// By which code.
    pub code: CodeId,
    /// Base64url.
    pub challenge: String,
    /// JSON for the browser.
    pub options: String,
    /// JSON of webauthn-rs.
    pub ceremony: String,
    /// JSON of the passkey that is kept aside.
    pub passkey: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// Until when it must be finished.
    pub expires_at: Timestamp,
    /// Since when it was finished or gone on with elsewhere.
    pub ended_at: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    organization_id: String,
    user_id: String,
    code_id: String,
    challenge: String,
    options: String,
    ceremony: String,
    passkey: Option<String>,
    created_at: i64,
    expires_at: i64,
    ended_at: Option<i64>,
}

impl TryFrom<Row> for Registration {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        Ok(Self {
            id: parse(&row.id, "registrations", "id")?,
            organization: parse(&row.organization_id, "registrations", "organization_id")?,
            user: parse(&row.user_id, "registrations", "user_id")?,
            code: parse(&row.code_id, "registrations", "code_id")?,
            challenge: row.challenge,
            options: row.options,
            ceremony: row.ceremony,
            passkey: row.passkey,
            created_at: time(row.created_at),
            expires_at: time(row.expires_at),
            ended_at: row.ended_at.map(time),
        })
    }
}

/// Ends the user's registration in whatever browser it was, and begins this one. Call it in a transaction.
///
/// # Errors
/// [`StorageError::Conflict`] when another one begins at the same time.
pub async fn begin(db: &mut Connection, new: &Registration) -> Result<(), StorageError> {
    end_of_user(db, new.user, new.created_at).await?;
    sqlx::query(
        "INSERT INTO registrations (id, organization_id, user_id, code_id, challenge, options, ceremony, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(new.id.to_string())
    .bind(new.organization.to_string())
    .bind(new.user.to_string())
    .bind(new.code.to_string())
    .bind(&new.challenge)
    .bind(&new.options)
    .bind(&new.ceremony)
    .bind(new.created_at.as_millis())
    .bind(new.expires_at.as_millis())
    .execute(db)
    .await?;
    Ok(())
}

/// The registration with this id, over or not.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &mut Connection, id: RegistrationId) -> Result<Option<Registration>, StorageError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT id, organization_id, user_id, code_id, challenge, options, ceremony, passkey, created_at, expires_at, ended_at
         FROM registrations WHERE id = $1",
    )
    .bind(id.to_string())
    .fetch_optional(db)
    .await?;
    row.map(Registration::try_from).transpose()
}

/// Keeps the new passkey aside; whether the registration was under way and had none yet.
///
/// # Errors
/// When the database fails.
pub async fn keep_passkey(db: &mut Connection, id: RegistrationId, passkey: &str) -> Result<bool, StorageError> {
    let done = sqlx::query("UPDATE registrations SET passkey = $2 WHERE id = $1 AND ended_at IS NULL AND passkey IS NULL")
        .bind(id.to_string())
        .bind(passkey)
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends a registration; whether it was under way. Of two at the same time exactly one hears yes.
///
/// # Errors
/// When the database fails.
pub async fn end(db: &mut Connection, id: RegistrationId, now: Timestamp) -> Result<bool, StorageError> {
    let done = sqlx::query("UPDATE registrations SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL")
        .bind(id.to_string())
        .bind(now.as_millis())
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends the user's registration in whatever browser it is.
///
/// # Errors
/// When the database fails.
pub async fn end_of_user(db: &mut Connection, user: UserId, now: Timestamp) -> Result<(), StorageError> {
    sqlx::query("UPDATE registrations SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL")
        .bind(user.to_string())
        .bind(now.as_millis())
        .execute(db)
        .await?;
    Ok(())
}

/// Ends both: nobody goes on by a code that was sent, nor in a browser where it was typed already.
///
/// # Errors
/// When the database fails.
pub async fn end_enrolment(db: &mut Connection, user: UserId, now: Timestamp) -> Result<(), StorageError> {
    run_together(
        db,
        [
            "UPDATE registration_codes SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL",
            "UPDATE registrations SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL",
        ],
        |query| query.bind(user.to_string()).bind(now.as_millis()),
    )
    .await
}

/// Removes codes that ran out before this time, at most so many; how many. Of somebody who is invited, the newest stays: it tells
/// until when they could have signed up.
///
/// # Errors
/// When the database fails.
pub async fn remove_old_codes(db: &mut Connection, before: Timestamp, at_most: i64) -> Result<u64, StorageError> {
    let statement = "DELETE FROM registration_codes WHERE id IN (
             SELECT c.id FROM registration_codes c JOIN users u ON u.id = c.user_id
             WHERE c.expires_at < $1 AND (u.registered_at IS NOT NULL OR EXISTS (
                 SELECT 1 FROM registration_codes newer WHERE newer.user_id = c.user_id AND newer.created_at > c.created_at))
             ORDER BY c.expires_at LIMIT $2)";
    in_steps(db, statement, before, at_most).await
}

/// Removes registrations that ran out before this time, at most so many; how many.
///
/// # Errors
/// When the database fails.
pub async fn remove_expired(db: &mut Connection, before: Timestamp, at_most: i64) -> Result<u64, StorageError> {
    let statement =
        "DELETE FROM registrations WHERE id IN (SELECT id FROM registrations WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
    in_steps(db, statement, before, at_most).await
}

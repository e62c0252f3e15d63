//! The outbox: mails that were promised in a transaction and are delivered after it.

use super::{Connection, StorageError, in_steps, parse, time};
use app::domain::{
    id::{MailId, OrganizationId, UserId},
    text::EmailAddress,
    time::Timestamp,
};
use std::time::Duration;

/// A mail to write.
#[derive(Debug, Clone)]
pub struct NewMail {
    /// Id; the Message-ID is made of it.
    pub id: MailId,
    /// The organization it is about.
    pub organization: OrganizationId,
    /// The user it is for.
    pub user: UserId,
    /// Where it goes.
    pub recipient: EmailAddress,
    /// Subject and parts, encrypted.
    pub sealed: String,
    /// When.
    pub created_at: Timestamp,
    /// After this it isn't worth sending.
    pub expires_at: Timestamp,
}

/// A mail that waits.
#[derive(Debug, Clone)]
pub struct QueuedMail {
    /// Id.
    pub id: MailId,
    /// Where it goes.
    pub recipient: EmailAddress,
    /// Subject and parts, encrypted.
    pub sealed: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// After this it isn't worth sending.
    pub expires_at: Timestamp,
    /// How often it was tried, this time included.
    pub attempts: u32,
}

/// How a mail is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Waits for its next attempt.
    Queued,
    /// Accepted by the mail server.
    Sent,
    /// Given up.
    Refused,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    recipient: String,
    sealed: String,
    created_at: i64,
    expires_at: i64,
    attempts: i64,
}

impl TryFrom<Row> for QueuedMail {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        Ok(Self {
            id: parse(&row.id, "outbox", "id")?,
            recipient: EmailAddress::parse(&row.recipient)
                .map_err(|_| StorageError::Inconsistent { table: "outbox", column: "recipient" })?,
            sealed: row.sealed,
            created_at: time(row.created_at),
            expires_at: time(row.expires_at),
            attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
        })
    }
}

/// Queues a mail, due at once.
///
/// # Errors
/// When the database fails.
pub async fn insert(db: &mut Connection, mail: &NewMail) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO outbox (id, organization_id, user_id, recipient, sealed, created_at, expires_at, next_attempt_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $6)",
    )
    .bind(mail.id.to_string())
    .bind(mail.organization.to_string())
    .bind(mail.user.to_string())
    .bind(mail.recipient.as_str())
    .bind(&mail.sealed)
    .bind(mail.created_at.as_millis())
    .bind(mail.expires_at.as_millis())
    .execute(db)
    .await?;
    Ok(())
}

/// Whether a mail is due: looking costs little, [`claim`] wants to write.
///
/// # Errors
/// When the database fails.
pub async fn is_due(db: &mut Connection, now: Timestamp) -> Result<bool, StorageError> {
    let row: Option<(String,)> =
        sqlx::query_as("SELECT id FROM outbox WHERE sent_at IS NULL AND refused_at IS NULL AND next_attempt_at <= $1 LIMIT 1")
            .bind(now.as_millis())
            .fetch_optional(db)
            .await?;
    Ok(row.is_some())
}

/// What waits to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Backlog {
    /// So many mails.
    pub mails: u64,
    /// When the oldest of them was written.
    pub oldest: Option<Timestamp>,
}

/// What waits to be sent, of all organizations, whether it is its turn or not.
///
/// # Errors
/// When the database fails.
pub async fn backlog(db: &mut Connection) -> Result<Backlog, StorageError> {
    let (mails, oldest): (i64, Option<i64>) =
        sqlx::query_as("SELECT COUNT(*), MIN(created_at) FROM outbox WHERE sent_at IS NULL AND refused_at IS NULL").fetch_one(db).await?;
    Ok(Backlog { mails: u64::try_from(mails).unwrap_or_default(), oldest: oldest.map(time) })
}

/// Takes the mail that is due longest for `lease`: no other worker gets it before that, and a worker that dies holds it no
/// longer.
///
/// # Errors
/// When the database fails.
pub async fn claim(db: &mut Connection, now: Timestamp, lease: Duration) -> Result<Option<QueuedMail>, StorageError> {
    // The outer condition is checked again on PostgreSQL when two workers found the same row: the later one gets nothing.
    let row: Option<Row> = sqlx::query_as(
        "UPDATE outbox SET next_attempt_at = $2, attempts = attempts + 1
         WHERE id = (SELECT id FROM outbox WHERE sent_at IS NULL AND refused_at IS NULL AND next_attempt_at <= $1 ORDER BY next_attempt_at LIMIT 1)
           AND sent_at IS NULL AND refused_at IS NULL AND next_attempt_at <= $1
         RETURNING id, recipient, sealed, created_at, expires_at, attempts",
    )
    .bind(now.as_millis())
    .bind(now.plus(lease).as_millis())
    .fetch_optional(db)
    .await?;
    row.map(QueuedMail::try_from).transpose()
}

/// The mail server took it: the text is removed.
///
/// # Errors
/// When the database fails.
pub async fn mark_sent(db: &mut Connection, id: MailId, answer: &str, now: Timestamp) -> Result<(), StorageError> {
    sqlx::query("UPDATE outbox SET sent_at = $2, last_answer = $3, sealed = NULL WHERE id = $1")
        .bind(id.to_string())
        .bind(now.as_millis())
        .bind(answer)
        .execute(db)
        .await?;
    Ok(())
}

/// It stays here to be read, as in the local mailbox: done, but the text is left until it expires.
///
/// # Errors
/// When the database fails.
pub async fn mark_kept(db: &mut Connection, id: MailId, answer: &str, now: Timestamp) -> Result<(), StorageError> {
    sqlx::query("UPDATE outbox SET sent_at = $2, last_answer = $3 WHERE id = $1")
        .bind(id.to_string())
        .bind(now.as_millis())
        .bind(answer)
        .execute(db)
        .await?;
    Ok(())
}

/// It didn't work this time.
///
/// # Errors
/// When the database fails.
pub async fn postpone(db: &mut Connection, id: MailId, answer: &str, until: Timestamp) -> Result<(), StorageError> {
    sqlx::query("UPDATE outbox SET next_attempt_at = $2, last_answer = $3 WHERE id = $1")
        .bind(id.to_string())
        .bind(until.as_millis())
        .bind(answer)
        .execute(db)
        .await?;
    Ok(())
}

/// It will never work: the text is removed.
///
/// # Errors
/// When the database fails.
pub async fn mark_refused(db: &mut Connection, id: MailId, answer: &str, now: Timestamp) -> Result<(), StorageError> {
    sqlx::query("UPDATE outbox SET refused_at = $2, last_answer = $3, sealed = NULL WHERE id = $1")
        .bind(id.to_string())
        .bind(now.as_millis())
        .bind(answer)
        .execute(db)
        .await?;
    Ok(())
}

/// How the user's newest mail is doing, and what the mail server said last.
///
/// # Errors
/// When the database fails.
pub async fn newest_delivery(
    db: &mut Connection,
    organization: OrganizationId,
    user: UserId,
) -> Result<Option<(Delivery, Option<String>)>, StorageError> {
    let row: Option<(Option<i64>, Option<i64>, Option<String>)> = sqlx::query_as(
        "SELECT sent_at, refused_at, last_answer FROM outbox WHERE organization_id = $1 AND user_id = $2 ORDER BY created_at DESC, id DESC LIMIT 1",
    )
    .bind(organization.to_string())
    .bind(user.to_string())
    .fetch_optional(db)
    .await?;
    Ok(row.map(|(sent, refused, answer)| {
        let delivery = match (sent, refused) {
            (Some(_), _) => Delivery::Sent,
            (None, Some(_)) => Delivery::Refused,
            (None, None) => Delivery::Queued,
        };
        (delivery, answer)
    }))
}

/// Mails whose text is still there and that are worth reading, newest first, at most a hundred: the local mailbox.
///
/// # Errors
/// When the database fails.
pub async fn waiting(db: &mut Connection, now: Timestamp) -> Result<Vec<QueuedMail>, StorageError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, recipient, sealed, created_at, expires_at, attempts FROM outbox
         WHERE sealed IS NOT NULL AND expires_at > $1 ORDER BY created_at DESC, id DESC LIMIT 100",
    )
    .bind(now.as_millis())
    .fetch_all(db)
    .await?;
    rows.into_iter().map(QueuedMail::try_from).collect()
}

/// Every mail that still has to be sent: its id, and what it is encrypted to.
///
/// # Errors
/// When the database fails.
pub async fn to_send(db: &mut Connection, now: Timestamp) -> Result<Vec<(MailId, String)>, StorageError> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT id, sealed FROM outbox WHERE sealed IS NOT NULL AND sent_at IS NULL AND expires_at > $1 ORDER BY id")
            .bind(now.as_millis())
            .fetch_all(db)
            .await?;
    rows.into_iter().map(with_id).collect()
}

/// Every mail whose text is still there: its id, and what it is encrypted to.
///
/// # Errors
/// When the database fails.
pub async fn sealed(db: &mut Connection) -> Result<Vec<(MailId, String)>, StorageError> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT id, sealed FROM outbox WHERE sealed IS NOT NULL ORDER BY id").fetch_all(db).await?;
    rows.into_iter().map(with_id).collect()
}

fn with_id((id, sealed): (String, String)) -> Result<(MailId, String), StorageError> {
    Ok((parse(&id, "outbox", "id")?, sealed))
}

/// The same text, encrypted anew.
///
/// # Errors
/// When the database fails.
pub async fn seal_anew(db: &mut Connection, id: MailId, sealed: &str) -> Result<(), StorageError> {
    sqlx::query("UPDATE outbox SET sealed = $2 WHERE id = $1").bind(id.to_string()).bind(sealed).execute(db).await?;
    Ok(())
}

/// Removes the text of mails that ran out before this time, at most so many; how many.
///
/// # Errors
/// When the database fails.
pub async fn remove_expired(db: &mut Connection, before: Timestamp, at_most: i64) -> Result<u64, StorageError> {
    let statement = "UPDATE outbox SET refused_at = $1, sealed = NULL, last_answer = COALESCE(last_answer, 'never sent')
         WHERE id IN (SELECT id FROM outbox WHERE sealed IS NOT NULL AND expires_at < $1 ORDER BY expires_at LIMIT $2)";
    in_steps(db, statement, before, at_most).await
}

/// Removes mails that were written before this time and whose text is gone, at most so many; how many.
///
/// # Errors
/// When the database fails.
pub async fn remove_before(db: &mut Connection, before: Timestamp, at_most: i64) -> Result<u64, StorageError> {
    let statement =
        "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE created_at < $1 AND sealed IS NULL ORDER BY created_at LIMIT $2)";
    in_steps(db, statement, before, at_most).await
}

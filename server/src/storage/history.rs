//! History's lines, and the head of each organization's history.

use super::{Connection, StorageError, parse, places, run_together};
use app::{
    action::history::merkle::{Frontier, Hash, Subtree},
    domain::id::{ActionId, CredentialId, OrganizationId, UserId},
};
use data_encoding::BASE64URL_NOPAD;
use sqlx::AssertSqlSafe;
use std::collections::HashMap;

/// An entry to write.
#[derive(Debug, Clone, Copy)]
pub struct NewEntry<'a> {
    /// Whose history.
    pub organization: OrganizationId,
    /// Its line.
    pub line: &'a str,
    /// The action, if it is one.
    pub action: Option<ActionId>,
    /// The credential that signed, or the passkey that was registered; nothing, where the server itself signed.
    pub credential: Option<CredentialId>,
    /// Who did it; nobody, where the server changed its own key.
    pub actor: Option<UserId>,
    /// Whom it is about.
    pub subject: Option<UserId>,
    /// The credentials that it registers.
    pub registers: &'a [CredentialId],
}

/// Takes the head of an organization's history: whoever else wants it waits until this transaction is over, in this
/// organization only. The frontier is that of the entries so far; nothing, when there is no such organization.
///
/// On PostgreSQL this locks the organization's row, on SQLite it makes sure of the write lock, in one statement that both
/// understand.
///
/// # Errors
/// [`StorageError::Unavailable`] when the head isn't free in time.
pub async fn claim_head(db: &mut Connection, organization: OrganizationId) -> Result<Option<Frontier>, StorageError> {
    let row: Option<(i64, String)> = sqlx::query_as(
        "UPDATE organizations SET history_size = history_size + 1 WHERE id = $1 RETURNING history_size - 1, history_frontier",
    )
    .bind(organization.to_string())
    .fetch_optional(db)
    .await?;
    row.map(|(size, text)| frontier(size, &text)).transpose()
}

/// The head as it is, for reading.
///
/// # Errors
/// When the database fails.
pub async fn head(db: &mut Connection, organization: OrganizationId) -> Result<Option<Frontier>, StorageError> {
    let row: Option<(i64, String)> = sqlx::query_as("SELECT history_size, history_frontier FROM organizations WHERE id = $1")
        .bind(organization.to_string())
        .fetch_optional(db)
        .await?;
    row.map(|(size, text)| frontier(size, &text)).transpose()
}

fn frontier(size: i64, text: &str) -> Result<Frontier, StorageError> {
    u64::try_from(size)
        .ok()
        .and_then(|size| Frontier::from_text(size, text))
        .ok_or(StorageError::Inconsistent { table: "organizations", column: "history_frontier" })
}

/// Appends an entry to the frontier that [`claim_head`] gave, and leaves the new one for the next.
///
/// # Errors
/// [`StorageError::Conflict`] when the action was executed before.
pub async fn append(db: &mut Connection, mut head: Frontier, entry: NewEntry<'_>) -> Result<Frontier, StorageError> {
    let index = place(head.size())?;
    let roots = head.append(entry.line.as_bytes());
    run_together(
        db,
        [
            "INSERT INTO history (organization_id, entry_index, line, action_id, credential_id, actor_id, subject_id, subtree_roots)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            "UPDATE organizations SET history_frontier = $9 WHERE id = $1",
        ],
        |query| {
            query
                .bind(entry.organization.to_string())
                .bind(index)
                .bind(entry.line)
                .bind(entry.action.map(|id| id.to_string()))
                .bind(entry.credential.map(|id| id.to_string()).unwrap_or_default())
                .bind(entry.actor.map(|id| id.to_string()).unwrap_or_default())
                .bind(entry.subject.map(|id| id.to_string()))
                .bind(BASE64URL_NOPAD.encode(&roots.concat()))
                .bind(head.to_text())
        },
    )
    .await?;
    for credential in entry.registers {
        sqlx::query("INSERT INTO registered_credentials (credential_id, organization_id, entry_index) VALUES ($1, $2, $3)")
            .bind(credential.to_string())
            .bind(entry.organization.to_string())
            .bind(index)
            .execute(&mut *db)
            .await?;
    }
    Ok(head)
}

/// The line of the entry that executed this user's action, if it was executed.
///
/// # Errors
/// When the database fails.
pub async fn of_action(
    db: &mut Connection,
    organization: OrganizationId,
    user: UserId,
    action: ActionId,
) -> Result<Option<String>, StorageError> {
    let row: Option<(String,)> = sqlx::query_as("SELECT line FROM history WHERE action_id = $1 AND organization_id = $2 AND actor_id = $3")
        .bind(action.to_string())
        .bind(organization.to_string())
        .bind(user.to_string())
        .fetch_optional(db)
        .await?;
    Ok(row.map(|(line,)| line))
}

/// The head as it was when there were so many entries; nothing, if there never were.
///
/// # Errors
/// When the database fails.
pub async fn head_at(db: &mut Connection, organization: OrganizationId, size: u64) -> Result<Option<Frontier>, StorageError> {
    let known = roots(db, organization, Frontier::subtrees(size).into_iter()).await?;
    Ok(Frontier::at(size, |subtree| known.get(&subtree).copied()))
}

/// The lines before this entry, newest first, at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn before(db: &mut Connection, organization: OrganizationId, index: u64, limit: i64) -> Result<Vec<String>, StorageError> {
    let rows: Vec<(String,)> =
        sqlx::query_as("SELECT line FROM history WHERE organization_id = $1 AND entry_index < $2 ORDER BY entry_index DESC LIMIT $3")
            .bind(organization.to_string())
            .bind(i64::try_from(index).unwrap_or(i64::MAX))
            .bind(limit)
            .fetch_all(db)
            .await?;
    Ok(rows.into_iter().map(|(line,)| line).collect())
}

/// The lines from this entry on, oldest first, at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn from(db: &mut Connection, organization: OrganizationId, index: u64, limit: i64) -> Result<Vec<String>, StorageError> {
    let rows: Vec<(String,)> =
        sqlx::query_as("SELECT line FROM history WHERE organization_id = $1 AND entry_index >= $2 ORDER BY entry_index LIMIT $3")
            .bind(organization.to_string())
            .bind(i64::try_from(index).unwrap_or(i64::MAX))
            .bind(limit)
            .fetch_all(db)
            .await?;
    Ok(rows.into_iter().map(|(line,)| line).collect())
}

/// The newest lines of what a user did, or of what was done about them, at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn about(db: &mut Connection, organization: OrganizationId, user: UserId, limit: i64) -> Result<Vec<String>, StorageError> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT line, entry_index FROM (
             SELECT * FROM (SELECT line, entry_index FROM history WHERE organization_id = $1 AND actor_id = $2 ORDER BY entry_index DESC LIMIT $3) a
             UNION
             SELECT * FROM (SELECT line, entry_index FROM history WHERE organization_id = $1 AND subject_id = $2 ORDER BY entry_index DESC LIMIT $3) s
         ) theirs ORDER BY entry_index DESC LIMIT $3",
    )
    .bind(organization.to_string())
    .bind(user.to_string())
    .bind(limit)
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(line, _)| line).collect())
}

/// The lines from this entry on, oldest first, at most `limit`; of this user's deeds only, if one is named.
///
/// # Errors
/// When the database fails.
pub async fn of_actor(
    db: &mut Connection,
    organization: OrganizationId,
    actor: Option<UserId>,
    index: u64,
    limit: i64,
) -> Result<Vec<String>, StorageError> {
    let Some(actor) = actor else { return from(db, organization, index, limit).await };
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT line FROM history WHERE organization_id = $1 AND actor_id = $2 AND entry_index >= $3 ORDER BY entry_index LIMIT $4",
    )
    .bind(organization.to_string())
    .bind(actor.to_string())
    .bind(i64::try_from(index).unwrap_or(i64::MAX))
    .bind(limit)
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(line,)| line).collect())
}

/// The line of the entry that registered a credential.
///
/// # Errors
/// When the database fails.
pub async fn registration_of(
    db: &mut Connection,
    organization: OrganizationId,
    credential: CredentialId,
) -> Result<Option<String>, StorageError> {
    let row: Option<(String,)> = sqlx::query_as(
        "SELECT h.line FROM registered_credentials c JOIN history h ON h.organization_id = c.organization_id AND h.entry_index = c.entry_index
         WHERE c.organization_id = $1 AND c.credential_id = $2",
    )
    .bind(organization.to_string())
    .bind(credential.to_string())
    .fetch_optional(db)
    .await?;
    Ok(row.map(|(line,)| line))
}

/// The lines of the entries that name a key of the server, oldest first: the first one, and those that nobody did but the server.
///
/// # Errors
/// When the database fails.
pub async fn naming_keys(db: &mut Connection, organization: OrganizationId) -> Result<Vec<String>, StorageError> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT line, entry_index FROM (
             SELECT line, entry_index FROM history WHERE organization_id = $1 AND entry_index = 0
             UNION ALL
             SELECT line, entry_index FROM history WHERE organization_id = $1 AND actor_id = ''
         ) naming ORDER BY entry_index",
    )
    .bind(organization.to_string())
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(line, _)| line).collect())
}

/// The roots of these subtrees, as far as their last leaves are there.
///
/// # Errors
/// When the database fails.
pub async fn roots(
    db: &mut Connection,
    organization: OrganizationId,
    subtrees: impl Iterator<Item = Subtree>,
) -> Result<HashMap<Subtree, Hash>, StorageError> {
    let wanted: Vec<(i64, Subtree)> =
        subtrees.map(|subtree| Ok((place(subtree.last_leaf())?, subtree))).collect::<Result<_, StorageError>>()?;
    let query = format!(
        "SELECT entry_index, subtree_roots FROM history WHERE organization_id = $1 AND entry_index IN ({})",
        places(2, wanted.len())
    );
    // Only places for values are written into it.
    let mut query = sqlx::query_as::<_, (i64, String)>(AssertSqlSafe(query)).bind(organization.to_string());
    for (index, _) in &wanted {
        query = query.bind(*index);
    }
    let rows: HashMap<i64, String> = query.fetch_all(db).await?.into_iter().collect();
    wanted
        .into_iter()
        .filter_map(|(index, subtree)| rows.get(&index).map(|roots| (subtree, roots)))
        .map(|(subtree, roots)| {
            let inconsistent = || StorageError::Inconsistent { table: "history", column: "subtree_roots" };
            let roots = BASE64URL_NOPAD.decode(roots.as_bytes()).map_err(|_| inconsistent())?;
            let root = roots.chunks_exact(32).nth(subtree.level as usize).and_then(|root| root.try_into().ok());
            Ok((subtree, root.ok_or_else(inconsistent)?))
        })
        .collect()
}

/// Whether there are entries of before [`roots`] were kept.
///
/// # Errors
/// When the database fails.
pub(super) async fn lacks_roots(db: &mut Connection) -> Result<bool, StorageError> {
    let row: Option<(i64,)> =
        sqlx::query_as("SELECT entry_index FROM history WHERE subtree_roots IS NULL LIMIT 1").fetch_optional(db).await?;
    Ok(row.is_some())
}

/// Gives the entries of before [`roots`] were kept theirs.
///
/// # Errors
/// When the database fails.
pub(super) async fn complete_roots(db: &mut Connection) -> Result<(), StorageError> {
    const CHUNK: i64 = 1000;
    let lacking: Vec<(String,)> =
        sqlx::query_as("SELECT DISTINCT organization_id FROM history WHERE subtree_roots IS NULL").fetch_all(&mut *db).await?;
    for (organization,) in lacking {
        let organization = parse(&organization, "history", "organization_id")?;
        let mut tree = Frontier::default();
        loop {
            let lines = from(db, organization, tree.size(), CHUNK).await?;
            if lines.is_empty() {
                break;
            }
            for line in lines {
                let index = place(tree.size())?;
                sqlx::query(
                    "UPDATE history SET subtree_roots = $3 WHERE organization_id = $1 AND entry_index = $2 AND subtree_roots IS NULL",
                )
                .bind(organization.to_string())
                .bind(index)
                .bind(BASE64URL_NOPAD.encode(&tree.append(line.as_bytes()).concat()))
                .execute(&mut *db)
                .await?;
            }
        }
    }
    Ok(())
}

fn place(size: u64) -> Result<i64, StorageError> {
    i64::try_from(size).map_err(|_| StorageError::Inconsistent { table: "organizations", column: "history_size" })
}

//! Credentials: passkeys and recovery keys.

use super::{Connection, StorageError, parse, places, time};
use app::{
    action::cose::{Algorithm, PublicKey},
    domain::{
        credential::CredentialKind,
        id::{CredentialId, OrganizationId, UserId},
        text::{EmailAddress, KeyId},
        time::Timestamp,
    },
};
use data_encoding::BASE64URL_NOPAD;
use sqlx::AssertSqlSafe;
use std::collections::HashMap;

/// COSE number of `EdDSA`, which recovery keys sign with.
const ED25519: i64 = -8;

/// A credential to write. Byte strings are base64url.
#[derive(Debug, Clone)]
pub struct NewCredential {
    /// Our id.
    pub id: CredentialId,
    /// The user's organization.
    pub organization: OrganizationId,
    /// Whose.
    pub user: UserId,
    /// The rest, by kind.
    pub kind: NewKind,
    /// How people call it.
    pub name: String,
    /// What was signed at registration: clientDataJSON, or the framed challenge.
    pub client_data: String,
    /// The whole attestation object; of a recovery key, the signature that proved it.
    pub attestation_object: String,
    /// When.
    pub created_at: Timestamp,
}

/// What only one kind of credential has.
#[derive(Debug, Clone)]
pub enum NewKind {
    /// A passkey.
    Passkey {
        /// The id that the authenticator chose.
        credential_id: String,
        /// COSE number.
        algorithm: i64,
        /// COSE key.
        public_key: String,
        /// Signature counter.
        sign_count: u32,
        /// Which model or provider, as a UUID's bytes.
        aaguid: String,
        /// How it can be reached: JSON array of strings.
        transports: String,
        /// Whether it may be synced.
        backup_eligible: bool,
        /// Whether it is synced.
        backed_up: bool,
        /// webauthn-rs's own form of it, JSON.
        webauthn: String,
    },
    /// A recovery key: Ed25519.
    RecoveryKey {
        /// 32 bytes.
        public_key: String,
        /// HKDF salt.
        salt: String,
    },
    /// A program's key.
    Key(KeyPair),
    /// A recovery key that a program brought.
    OwnRecoveryKey {
        /// The key.
        pair: KeyPair,
        /// Its private half, as its owner sealed it.
        sealed: Option<String>,
    },
}

impl NewKind {
    /// Which kind it is.
    pub const fn kind(&self) -> CredentialKind {
        match self {
            Self::Passkey { .. } => CredentialKind::Passkey,
            Self::Key(_) => CredentialKind::Key,
            Self::RecoveryKey { .. } | Self::OwnRecoveryKey { .. } => CredentialKind::RecoveryKey,
        }
    }
}

/// The public half of a key pair.
#[derive(Debug, Clone)]
pub struct KeyPair {
    /// The id that its owner chose.
    pub credential_id: KeyId,
    /// The key.
    pub key: PublicKey,
}

impl KeyPair {
    fn columns(&self) -> (i64, String) {
        (i64::from(self.key.algorithm().cose_id()), BASE64URL_NOPAD.encode(&self.key.to_spki()))
    }
}

/// Reads a column that holds a key in DER.
fn spki(text: &str) -> Result<PublicKey, StorageError> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok();
    let key = bytes.and_then(|bytes| PublicKey::from_spki(&bytes).ok());
    key.ok_or(StorageError::Inconsistent { table: "credentials", column: "public_key" })
}

/// Kind, what the public key's column holds, and whether there is a salt: a recovery kit's key is 32 bytes of Ed25519, a
/// passkey's is COSE, every other one is in DER.
fn read_key(kind: CredentialKind, text: &str, algorithm: i64, has_salt: bool) -> Result<PublicKey, StorageError> {
    let inconsistent = || StorageError::Inconsistent { table: "credentials", column: "public_key" };
    let bytes = || BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| inconsistent());
    match kind {
        CredentialKind::Passkey => {
            let algorithm = Algorithm::from_cose_id(algorithm).ok_or_else(inconsistent)?;
            PublicKey::from_cose(&bytes()?, &[algorithm]).map_err(|_| inconsistent())
        }
        CredentialKind::RecoveryKey if has_salt => bytes()?.try_into().map(PublicKey::Ed25519).map_err(|_| inconsistent()),
        CredentialKind::Key | CredentialKind::RecoveryKey => spki(text),
    }
}

fn read_kind(text: &str) -> Result<CredentialKind, StorageError> {
    let found = CredentialKind::ALL.into_iter().find(|kind| kind.name() == text);
    found.ok_or(StorageError::Inconsistent { table: "credentials", column: "kind" })
}

/// A passkey as sign-in needs it.
#[derive(Debug, Clone)]
pub struct Passkey {
    /// Our id.
    pub id: CredentialId,
    /// The owner's organization.
    pub organization: OrganizationId,
    /// The owner.
    pub user: UserId,
    /// COSE key, base64url.
    pub public_key: String,
    /// COSE number of its algorithm.
    pub algorithm: i64,
    /// The last counter seen.
    pub sign_count: u32,
    /// Whether it may be synced; that never changes.
    pub backup_eligible: bool,
    /// webauthn-rs's own form of it, JSON.
    pub webauthn: String,
}

/// Writes a credential.
///
/// # Errors
/// [`StorageError::Conflict`] when its credential id is taken, by whomever.
pub async fn insert(db: &mut Connection, new: &NewCredential) -> Result<(), StorageError> {
    let id = new.id.to_string();
    let (credential_id, algorithm, public_key) = match &new.kind {
        NewKind::Passkey { credential_id, algorithm, public_key, .. } => (credential_id.as_str(), *algorithm, public_key.clone()),
        NewKind::RecoveryKey { public_key, .. } => (id.as_str(), ED25519, public_key.clone()),
        NewKind::Key(pair) | NewKind::OwnRecoveryKey { pair, .. } => {
            let (algorithm, key) = pair.columns();
            (pair.credential_id.as_str(), algorithm, key)
        }
    };
    sqlx::query(
        "INSERT INTO credentials (id, organization_id, user_id, kind, name, credential_id, algorithm, public_key, client_data, attestation_object, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(&id)
    .bind(new.organization.to_string())
    .bind(new.user.to_string())
    .bind(new.kind.kind().name())
    .bind(&new.name)
    .bind(credential_id)
    .bind(algorithm)
    .bind(public_key)
    .bind(&new.client_data)
    .bind(&new.attestation_object)
    .bind(new.created_at.as_millis())
    .execute(&mut *db)
    .await?;
    match &new.kind {
        NewKind::Passkey { sign_count, aaguid, transports, backup_eligible, backed_up, webauthn, .. } => {
            sqlx::query(
                "UPDATE credentials SET sign_count = $2, aaguid = $3, transports = $4, backup_eligible = $5, backed_up = $6, webauthn = $7 WHERE id = $1",
            )
            .bind(&id)
            .bind(i64::from(*sign_count))
            .bind(aaguid)
            .bind(transports)
            .bind(flag(*backup_eligible))
            .bind(flag(*backed_up))
            .bind(webauthn)
            .execute(db)
            .await?;
        }
        NewKind::RecoveryKey { salt, .. } => {
            sqlx::query("UPDATE credentials SET salt = $2 WHERE id = $1").bind(&id).bind(salt).execute(db).await?;
        }
        NewKind::OwnRecoveryKey { sealed, .. } => {
            sqlx::query("UPDATE credentials SET sealed_private_key = $2 WHERE id = $1").bind(&id).bind(sealed).execute(db).await?;
        }
        NewKind::Key(_) => {}
    }
    Ok(())
}

/// A key that signs.
#[derive(Debug, Clone)]
pub struct Key {
    /// Our id.
    pub id: CredentialId,
    /// The owner's organization.
    pub organization: OrganizationId,
    /// The owner.
    pub user: UserId,
    /// The key.
    pub key: PublicKey,
}

/// The active key with this id of its owner's choice, of whatever organization.
///
/// # Errors
/// When the database fails.
pub async fn find_key(db: &mut Connection, credential_id: &KeyId) -> Result<Option<Key>, StorageError> {
    let row: Option<(String, String, String, String)> = sqlx::query_as(
        "SELECT id, organization_id, user_id, public_key FROM credentials
         WHERE credential_id = $1 AND kind = 'Key' AND deactivated_at IS NULL",
    )
    .bind(credential_id.as_str())
    .fetch_optional(db)
    .await?;
    row.map(|(id, organization, user, key)| {
        Ok(Key {
            id: parse(&id, "credentials", "id")?,
            organization: parse(&organization, "credentials", "organization_id")?,
            user: parse(&user, "credentials", "user_id")?,
            key: spki(&key)?,
        })
    })
    .transpose()
}

/// Notes that a key was used; whether it was still active.
///
/// # Errors
/// When the database fails.
pub async fn note_key_use(db: &mut Connection, id: CredentialId, now: Timestamp) -> Result<bool, StorageError> {
    let done = sqlx::query("UPDATE credentials SET last_used_at = $2 WHERE id = $1 AND deactivated_at IS NULL")
        .bind(id.to_string())
        .bind(now.as_millis())
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// The ids of the keys that a user may sign with, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn allowed_keys(db: &mut Connection, organization: OrganizationId, user: UserId) -> Result<Vec<String>, StorageError> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT credential_id FROM credentials
         WHERE organization_id = $1 AND user_id = $2 AND kind = 'Key' AND deactivated_at IS NULL ORDER BY created_at, id",
    )
    .bind(organization.to_string())
    .bind(user.to_string())
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// The ids of the same keys, by their owner's address. It does as much for an address that nobody has as for somebody without keys.
///
/// # Errors
/// When the database fails.
pub async fn keys_by_email(db: &mut Connection, organization: OrganizationId, email: &EmailAddress) -> Result<Vec<String>, StorageError> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT c.credential_id FROM users u JOIN credentials c ON c.user_id = u.id
         WHERE u.organization_id = $1 AND u.email_key = $2 AND c.kind = 'Key' AND c.deactivated_at IS NULL ORDER BY c.created_at, c.id",
    )
    .bind(organization.to_string())
    .bind(email.key())
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// A credential, whatever it is.
#[derive(Debug, Clone)]
pub struct Credential {
    /// Our id.
    pub id: CredentialId,
    /// What it is.
    pub kind: CredentialKind,
    /// The id that was chosen for it.
    pub credential_id: String,
    /// What its owner calls it.
    pub name: String,
    /// Its public key.
    pub key: PublicKey,
    /// The private half, as its owner sealed it.
    pub sealed: Option<String>,
    /// Whether it is the key of a recovery kit.
    pub is_of_kit: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// Since when it can sign nothing.
    pub deactivated_at: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
struct CredentialRow {
    id: String,
    kind: String,
    credential_id: String,
    name: String,
    public_key: String,
    algorithm: i64,
    salt: Option<String>,
    sealed_private_key: Option<String>,
    created_at: i64,
    last_used_at: Option<i64>,
    deactivated_at: Option<i64>,
}

/// Every credential of a user, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &mut Connection, organization: OrganizationId, user: UserId) -> Result<Vec<Credential>, StorageError> {
    let rows: Vec<CredentialRow> = sqlx::query_as(
        "SELECT id, kind, credential_id, name, public_key, algorithm, salt, sealed_private_key, created_at, last_used_at, deactivated_at
         FROM credentials WHERE organization_id = $1 AND user_id = $2
         ORDER BY created_at, CASE kind WHEN 'RecoveryKey' THEN 1 ELSE 0 END, id",
    )
    .bind(organization.to_string())
    .bind(user.to_string())
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            let kind = read_kind(&row.kind)?;
            Ok(Credential {
                id: parse(&row.id, "credentials", "id")?,
                kind,
                key: read_key(kind, &row.public_key, row.algorithm, row.salt.is_some())?,
                credential_id: row.credential_id,
                name: row.name,
                sealed: row.sealed_private_key,
                is_of_kit: row.salt.is_some(),
                created_at: time(row.created_at),
                last_used_at: row.last_used_at.map(time),
                deactivated_at: row.deactivated_at.map(time),
            })
        })
        .collect()
}

/// Notes since when a credential of this user can sign nothing, or that it can again.
///
/// # Errors
/// When the database fails.
pub async fn mark_deactivated(
    db: &mut Connection,
    organization: OrganizationId,
    user: UserId,
    id: CredentialId,
    since: Option<Timestamp>,
) -> Result<(), StorageError> {
    sqlx::query("UPDATE credentials SET deactivated_at = $4 WHERE organization_id = $1 AND user_id = $2 AND id = $3")
        .bind(organization.to_string())
        .bind(user.to_string())
        .bind(id.to_string())
        .bind(since.map(Timestamp::as_millis))
        .execute(db)
        .await?;
    Ok(())
}

/// The active passkey with this id of its authenticator, of whatever organization: signing in begins with it.
///
/// # Errors
/// When the database fails.
pub async fn find_passkey(db: &mut Connection, credential_id: &str) -> Result<Option<Passkey>, StorageError> {
    let row: Option<PasskeyRow> = sqlx::query_as(
        "SELECT id, organization_id, user_id, public_key, algorithm, sign_count, backup_eligible, webauthn FROM credentials
         WHERE credential_id = $1 AND kind = 'Fido2' AND deactivated_at IS NULL",
    )
    .bind(credential_id)
    .fetch_optional(db)
    .await?;
    row.map(Passkey::try_from).transpose()
}

#[derive(sqlx::FromRow)]
struct PasskeyRow {
    id: String,
    organization_id: String,
    user_id: String,
    public_key: String,
    algorithm: i64,
    sign_count: i64,
    backup_eligible: Option<String>,
    webauthn: Option<String>,
}

impl TryFrom<PasskeyRow> for Passkey {
    type Error = StorageError;

    fn try_from(row: PasskeyRow) -> Result<Self, StorageError> {
        Ok(Self {
            id: parse(&row.id, "credentials", "id")?,
            organization: parse(&row.organization_id, "credentials", "organization_id")?,
            user: parse(&row.user_id, "credentials", "user_id")?,
            public_key: row.public_key,
            algorithm: row.algorithm,
            sign_count: u32::try_from(row.sign_count)
                .map_err(|_| StorageError::Inconsistent { table: "credentials", column: "sign_count" })?,
            backup_eligible: row.backup_eligible.as_deref() == Some("yes"),
            webauthn: row.webauthn.ok_or(StorageError::Inconsistent { table: "credentials", column: "webauthn" })?,
        })
    }
}

/// Notes that a passkey was used, unless it isn't there any more or another use changed its counter in between; whether it was noted.
/// What webauthn-rs keeps of it changes where it was asked.
///
/// # Errors
/// When the database fails.
pub async fn note_use(
    db: &mut Connection,
    used: &Passkey,
    sign_count: u32,
    backed_up: bool,
    webauthn: Option<&str>,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let done = sqlx::query(
        "UPDATE credentials SET sign_count = $3, backed_up = $4, webauthn = COALESCE($5, webauthn), last_used_at = $6
         WHERE id = $1 AND sign_count = $2 AND deactivated_at IS NULL",
    )
    .bind(used.id.to_string())
    .bind(i64::from(used.sign_count))
    .bind(i64::from(sign_count))
    .bind(flag(backed_up))
    .bind(webauthn)
    .bind(now.as_millis())
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A passkey that may sign, as a browser is told of it.
#[derive(Debug, Clone)]
pub struct AllowedPasskey {
    /// The id that the authenticator chose, base64url.
    pub credential_id: String,
    /// How it can be reached: JSON array of strings.
    pub transports: String,
}

/// The passkeys that a user may sign with, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn allowed(db: &mut Connection, organization: OrganizationId, user: UserId) -> Result<Vec<AllowedPasskey>, StorageError> {
    let rows: Vec<(String, Option<String>)> = sqlx::query_as(
        "SELECT credential_id, transports FROM credentials
         WHERE organization_id = $1 AND user_id = $2 AND kind = 'Fido2' AND deactivated_at IS NULL ORDER BY created_at, id",
    )
    .bind(organization.to_string())
    .bind(user.to_string())
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(credential_id, transports)| AllowedPasskey { credential_id, transports: transports.unwrap_or_else(|| "[]".to_owned()) })
        .collect())
}

/// The oldest passkey or key of each of these users who has one.
///
/// # Errors
/// When the database fails.
pub async fn first_of_each(
    db: &mut Connection,
    organization: OrganizationId,
    users: &[UserId],
) -> Result<HashMap<UserId, CredentialId>, StorageError> {
    let query = format!(
        "SELECT user_id, id FROM credentials WHERE organization_id = $1 AND user_id IN ({}) AND kind <> 'RecoveryKey'
         ORDER BY created_at DESC, id DESC",
        places(2, users.len())
    );
    // Only places for values are written into it.
    let mut query = sqlx::query_as::<_, (String, String)>(AssertSqlSafe(query)).bind(organization.to_string());
    for user in users {
        query = query.bind(user.to_string());
    }
    let rows = query.fetch_all(db).await?;
    rows.into_iter().map(|(user, id)| Ok((parse(&user, "credentials", "user_id")?, parse(&id, "credentials", "id")?))).collect()
}

/// A passkey as people see it.
#[derive(Debug, Clone)]
pub struct ListedPasskey {
    /// Our id.
    pub id: CredentialId,
    /// The id that the authenticator chose, base64url.
    pub credential_id: String,
    /// What they call it.
    pub name: String,
    /// Model or provider, base64url.
    pub aaguid: Option<String>,
    /// How it can be reached: JSON array of strings.
    pub transports: String,
    /// Whether it is synced.
    pub backed_up: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// Whether it can sign.
    pub is_active: bool,
}

/// A user's passkeys, also those that can't sign at the moment, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn list_passkeys(db: &mut Connection, organization: OrganizationId, user: UserId) -> Result<Vec<ListedPasskey>, StorageError> {
    let rows: Vec<ListedRow> = sqlx::query_as(
        "SELECT id, credential_id, name, aaguid, transports, backed_up, created_at, last_used_at, deactivated_at FROM credentials
         WHERE organization_id = $1 AND user_id = $2 AND kind = 'Fido2' ORDER BY created_at, id",
    )
    .bind(organization.to_string())
    .bind(user.to_string())
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(ListedPasskey {
                id: parse(&row.id, "credentials", "id")?,
                credential_id: row.credential_id,
                name: row.name,
                aaguid: row.aaguid,
                transports: row.transports.unwrap_or_else(|| "[]".to_owned()),
                backed_up: row.backed_up.as_deref() == Some("yes"),
                created_at: time(row.created_at),
                last_used_at: row.last_used_at.map(time),
                is_active: row.deactivated_at.is_none(),
            })
        })
        .collect()
}

#[derive(sqlx::FromRow)]
struct ListedRow {
    id: String,
    credential_id: String,
    name: String,
    aaguid: Option<String>,
    transports: Option<String>,
    backed_up: Option<String>,
    created_at: i64,
    last_used_at: Option<i64>,
    deactivated_at: Option<i64>,
}

/// A user's recovery key. Byte strings are base64url.
#[derive(Debug, Clone)]
pub struct RecoveryKey {
    /// Our id.
    pub id: CredentialId,
    /// Ed25519, 32 bytes.
    pub public_key: String,
    /// The salt of its derivation.
    pub salt: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its owner last proved that the kit works.
    pub tested_at: Option<Timestamp>,
}

/// The key of a user's recovery kit; there is at most one.
///
/// # Errors
/// When the database fails.
pub async fn find_recovery_key(
    db: &mut Connection,
    organization: OrganizationId,
    user: UserId,
) -> Result<Option<RecoveryKey>, StorageError> {
    let row: Option<RecoveryKeyRow> = sqlx::query_as(
        "SELECT id, public_key, salt, created_at, tested_at FROM credentials
         WHERE organization_id = $1 AND user_id = $2 AND kind = 'RecoveryKey' AND salt IS NOT NULL AND deactivated_at IS NULL",
    )
    .bind(organization.to_string())
    .bind(user.to_string())
    .fetch_optional(db)
    .await?;
    row.map(RecoveryKey::try_from).transpose()
}

#[derive(sqlx::FromRow)]
struct RecoveryKeyRow {
    id: String,
    public_key: String,
    salt: Option<String>,
    created_at: i64,
    tested_at: Option<i64>,
}

impl TryFrom<RecoveryKeyRow> for RecoveryKey {
    type Error = StorageError;

    fn try_from(row: RecoveryKeyRow) -> Result<Self, StorageError> {
        Ok(Self {
            id: parse(&row.id, "credentials", "id")?,
            public_key: row.public_key,
            salt: row.salt.ok_or(StorageError::Inconsistent { table: "credentials", column: "salt" })?,
            created_at: time(row.created_at),
            tested_at: row.tested_at.map(time),
        })
    }
}

/// Removes a user's passkeys and recovery key.
///
/// # Errors
/// When the database fails.
pub async fn delete_of_user(db: &mut Connection, organization: OrganizationId, user: UserId) -> Result<(), StorageError> {
    sqlx::query("DELETE FROM credentials WHERE organization_id = $1 AND user_id = $2")
        .bind(organization.to_string())
        .bind(user.to_string())
        .execute(db)
        .await?;
    Ok(())
}

/// Removes what a user recovers with.
///
/// # Errors
/// When the database fails.
pub async fn delete_recovery_keys(db: &mut Connection, organization: OrganizationId, user: UserId) -> Result<(), StorageError> {
    sqlx::query("DELETE FROM credentials WHERE organization_id = $1 AND user_id = $2 AND kind = 'RecoveryKey'")
        .bind(organization.to_string())
        .bind(user.to_string())
        .execute(db)
        .await?;
    Ok(())
}

/// Gives a credential of this user another name.
///
/// # Errors
/// When the database fails.
pub async fn rename(
    db: &mut Connection,
    organization: OrganizationId,
    user: UserId,
    id: CredentialId,
    name: &str,
) -> Result<(), StorageError> {
    sqlx::query("UPDATE credentials SET name = $4 WHERE organization_id = $1 AND user_id = $2 AND id = $3")
        .bind(organization.to_string())
        .bind(user.to_string())
        .bind(id.to_string())
        .bind(name)
        .execute(db)
        .await?;
    Ok(())
}

/// Removes one credential of this user.
///
/// # Errors
/// When the database fails.
pub async fn delete(db: &mut Connection, organization: OrganizationId, user: UserId, id: CredentialId) -> Result<(), StorageError> {
    sqlx::query("DELETE FROM credentials WHERE organization_id = $1 AND user_id = $2 AND id = $3")
        .bind(organization.to_string())
        .bind(user.to_string())
        .bind(id.to_string())
        .execute(db)
        .await?;
    Ok(())
}

/// Notes that a kit was found to work.
///
/// # Errors
/// When the database fails.
pub async fn note_test(db: &mut Connection, id: CredentialId, now: Timestamp) -> Result<(), StorageError> {
    sqlx::query("UPDATE credentials SET tested_at = $2 WHERE id = $1").bind(id.to_string()).bind(now.as_millis()).execute(db).await?;
    Ok(())
}

/// What people call a credential of this organization; nothing, when it was removed.
///
/// # Errors
/// When the database fails.
pub async fn find_name(db: &mut Connection, organization: OrganizationId, id: CredentialId) -> Result<Option<String>, StorageError> {
    let row: Option<(String,)> = sqlx::query_as("SELECT name FROM credentials WHERE organization_id = $1 AND id = $2")
        .bind(organization.to_string())
        .bind(id.to_string())
        .fetch_optional(db)
        .await?;
    Ok(row.map(|(name,)| name))
}

/// How many active passkeys a user has.
///
/// # Errors
/// When the database fails.
pub async fn count_passkeys(db: &mut Connection, organization: OrganizationId, user: UserId) -> Result<u32, StorageError> {
    let (count,): (i64,) = sqlx::query_as(
        "SELECT COUNT(*) FROM credentials WHERE organization_id = $1 AND user_id = $2 AND kind = 'Fido2' AND deactivated_at IS NULL",
    )
    .bind(organization.to_string())
    .bind(user.to_string())
    .fetch_one(db)
    .await?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// What registration kept of a credential, for whoever wants to check it again.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Record {
    /// `Fido2` or `RecoveryKey`.
    pub kind: String,
    /// The authenticator's id for it.
    pub credential_id: String,
    /// COSE number of the algorithm.
    pub algorithm: i64,
    /// Public key, base64url.
    pub public_key: String,
    /// Model or provider, base64url.
    pub aaguid: Option<String>,
    /// JSON array of strings.
    pub transports: Option<String>,
    /// `yes` or `no`.
    pub backup_eligible: Option<String>,
    /// `yes` or `no`.
    pub backed_up: Option<String>,
    /// What was signed, base64url.
    pub client_data: String,
    /// The attestation object, base64url.
    pub attestation_object: String,
    /// Salt of the derivation, base64url.
    pub salt: Option<String>,
}

/// A user's credentials as registration kept them, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn records(db: &mut Connection, organization: OrganizationId, user: UserId) -> Result<Vec<Record>, StorageError> {
    Ok(sqlx::query_as(
        "SELECT kind, credential_id, algorithm, public_key, aaguid, transports, backup_eligible, backed_up, client_data, attestation_object, salt
         FROM credentials WHERE organization_id = $1 AND user_id = $2 ORDER BY created_at, kind",
    )
    .bind(organization.to_string())
    .bind(user.to_string())
    .fetch_all(db)
    .await?)
}

fn flag(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

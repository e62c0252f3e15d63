//! Looking after a database from outside of the server: it is opened as it is, neither made nor brought up to date nor changed.
//!
//! ```text
//! AsItIs ──► schema · damage · references        of the database
//!    ├─────► snapshot ──► organizations, entries   as of one moment, while a server goes on
//!    └─────► copy_into                             a file of its own
//! ```

use super::{Connection, DatabaseUrl, MIGRATIONS, StorageError};
use app::domain::id::OrganizationId;
use sqlx::{
    Any, AnyConnection, AssertSqlSafe, ConnectOptions, Connection as _,
    any::{AnyConnectOptions, install_default_drivers},
    migrate::Migrate,
    sqlite::SqliteConnectOptions,
};
use std::{
    collections::HashMap,
    fs,
    ops::{Deref, DerefMut},
    path::PathBuf,
    str::FromStr,
};
use url::Url;

/// Where sqlx notes which migrations were applied.
const APPLIED: &str = "_sqlx_migrations";

/// A database, opened as it is, for reading.
pub struct AsItIs {
    connection: AnyConnection,
    is_sqlite: bool,
}

/// How a database's tables stand to this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// They are this program's.
    UpToDate,
    /// There are none yet.
    Missing,
    /// So many migrations weren't applied yet.
    Behind(usize),
    /// This migration is of a newer program.
    Newer(i64),
    /// This migration was applied in other words than this program's.
    Changed(i64),
    /// This migration broke off.
    Broken(i64),
}

/// An organization, as its row says. Whether its id can be read is for whoever asks.
#[derive(Debug, Clone)]
pub struct Named {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Whether it is active.
    pub is_active: bool,
}

/// A row of history.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Its place.
    pub index: i64,
    /// The entry's line.
    pub line: String,
    /// The roots of the subtrees that it completes, base64url; nothing, in a row of before they were kept.
    pub roots: Option<String>,
}

/// What is read as of one moment, whatever is written meanwhile.
pub struct Snapshot<'a>(sqlx::Transaction<'a, Any>);

impl Deref for Snapshot<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl DerefMut for Snapshot<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.0
    }
}

impl DatabaseUrl {
    /// The file, of SQLite.
    ///
    /// # Errors
    /// When SQLite doesn't take the URL.
    pub fn file(&self) -> Result<Option<PathBuf>, StorageError> {
        match self {
            Self::Sqlite(url) => Ok(Some(SqliteConnectOptions::from_str(url.as_str())?.get_filename().to_owned())),
            Self::Postgres(_) => Ok(None),
        }
    }

    /// As PostgreSQL's own programs take it, without the password and what else only this program knows.
    pub fn for_postgres_programs(&self) -> Option<String> {
        const KNOWN: [&str; 7] = ["host", "port", "user", "dbname", "sslmode", "sslrootcert", "sslcert"];
        let Self::Postgres(url) = self else { return None };
        let mut bare = url.clone();
        // It fails for a URL without a host, which has no password either.
        let _ = bare.set_password(None);
        let kept: Vec<&str> =
            url.query().unwrap_or_default().split('&').filter(|pair| KNOWN.contains(&pair.split('=').next().unwrap_or_default())).collect();
        bare.set_query((!kept.is_empty()).then(|| kept.join("&")).as_deref());
        Some(bare.to_string())
    }
}

impl AsItIs {
    /// Opens it. On SQLite this gives nothing when there is no file yet.
    ///
    /// # Errors
    /// When it can't be opened.
    pub async fn open(url: &DatabaseUrl) -> Result<Option<Self>, StorageError> {
        install_default_drivers();
        if let Some(file) = url.file()?
            && !fs::exists(file).map_err(sqlx::Error::Io)?
        {
            return Ok(None);
        }
        let (address, is_sqlite) = match url {
            DatabaseUrl::Sqlite(url) => (read_only(url), true),
            DatabaseUrl::Postgres(url) => (url.to_string(), false),
        };
        // A check, and a copy, may take long: that is nothing to warn of.
        let mut connection = AnyConnectOptions::from_str(&address)?.disable_statement_logging().connect().await?;
        // SQLite's file is opened for reading only.
        if !is_sqlite {
            sqlx::query("SET default_transaction_read_only = on").execute(&mut connection).await?;
        }
        Ok(Some(Self { connection, is_sqlite }))
    }

    /// Ends the connection.
    pub async fn close(self) {
        // Nothing was written: whatever goes wrong here is no loss.
        let _ = self.connection.close().await;
    }

    /// How its tables stand to this program.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn schema(&mut self) -> Result<Schema, StorageError> {
        let db = &mut self.connection;
        let query = if self.is_sqlite {
            "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = $1"
        } else {
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = $1"
        };
        let (tables,): (i64,) = sqlx::query_as(query).bind(APPLIED).fetch_one(&mut *db).await?;
        if tables == 0 {
            return Ok(Schema::Missing);
        }
        if let Some(version) = db.dirty_version(APPLIED).await? {
            return Ok(Schema::Broken(version));
        }
        let mut known: HashMap<i64, _> = MIGRATIONS.iter().map(|migration| (migration.version, &migration.checksum)).collect();
        for applied in db.list_applied_migrations(APPLIED).await? {
            match known.remove(&applied.version) {
                None => return Ok(Schema::Newer(applied.version)),
                Some(checksum) if *checksum != applied.checksum => return Ok(Schema::Changed(applied.version)),
                Some(_) => {}
            }
        }
        Ok(if known.is_empty() { Schema::UpToDate } else { Schema::Behind(known.len()) })
    }

    /// What is broken in the database itself. SQLite goes through its whole file; PostgreSQL says which of its constraints and indexes
    /// don't count.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn damage(&mut self) -> Result<Vec<String>, StorageError> {
        let query = if self.is_sqlite {
            "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'"
        } else {
            "SELECT 'the constraint ' || conname || ' of ' || conrelid::regclass::text || ' was never validated'
             FROM pg_constraint WHERE NOT convalidated AND connamespace = current_schema()::regnamespace
             UNION ALL
             SELECT 'the index ' || indexrelid::regclass::text || ' isn''t valid'
             FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
             WHERE NOT (indisvalid AND indisready) AND relnamespace = current_schema()::regnamespace
             UNION ALL
             SELECT DISTINCT 'the references of ' || tgrelid::regclass::text || ' aren''t enforced'
             FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
             WHERE tgisinternal AND tgenabled = 'D' AND relnamespace = current_schema()::regnamespace"
        };
        let rows: Vec<(String,)> = sqlx::query_as(query).fetch_all(&mut self.connection).await?;
        Ok(rows.into_iter().map(|(words,)| words).collect())
    }

    /// Which rows point to others that aren't there.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn broken_references(&mut self) -> Result<Vec<String>, StorageError> {
        let db = &mut self.connection;
        let found: Vec<(String, String, i64)> = if self.is_sqlite {
            sqlx::query_as("SELECT \"table\", parent, COUNT(*) FROM pragma_foreign_key_check GROUP BY 1, 2").fetch_all(db).await?
        } else {
            // Where rows were loaded past the constraints, as a restore may do.
            let references: Vec<(String, String, String, String)> = sqlx::query_as(
                "SELECT c.conrelid::regclass::text, quote_ident(a.attname), c.confrelid::regclass::text, quote_ident(f.attname)
                 FROM pg_constraint c
                 JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
                 JOIN pg_attribute f ON f.attrelid = c.confrelid AND f.attnum = c.confkey[1]
                 WHERE c.contype = 'f' AND cardinality(c.conkey) = 1 AND c.connamespace = current_schema()::regnamespace
                 ORDER BY 1, 2",
            )
            .fetch_all(&mut *db)
            .await?;
            let mut found = Vec::new();
            for (table, column, parent, key) in references {
                let query = format!(
                    "SELECT COUNT(*) FROM {table} c WHERE c.{column} IS NOT NULL
                     AND NOT EXISTS (SELECT 1 FROM {parent} p WHERE p.{key} = c.{column})"
                );
                // Only names that the database itself gave, quoted.
                let (number,): (i64,) = sqlx::query_as(AssertSqlSafe(query)).fetch_one(&mut *db).await?;
                if number > 0 {
                    found.push((table, parent, number));
                }
            }
            found
        };
        Ok(found.into_iter().map(|(table, parent, number)| format!("{number} × {table}, without its {parent}")).collect())
    }

    /// Begins to read as of one moment. Nobody who writes waits for it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn snapshot(&mut self) -> Result<Snapshot<'_>, StorageError> {
        let begin = if self.is_sqlite { "BEGIN DEFERRED" } else { "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" };
        Ok(Snapshot(self.connection.begin_with(begin).await?))
    }

    /// Writes a copy of an SQLite database, as of one moment, into this file, which is empty. Nobody who writes waits for it. That
    /// the file is on the disk is for the caller to see to.
    ///
    /// # Errors
    /// When it can't be written, or isn't empty; what is in it then is worth nothing.
    pub async fn copy_into(&mut self, file: &str) -> Result<(), StorageError> {
        sqlx::query("VACUUM INTO $1").bind(file).execute(&mut self.connection).await?;
        Ok(())
    }
}

/// SQLite's URL for reading a file that is there.
fn read_only(url: &Url) -> String {
    let text = url.as_str();
    let (file, options) = text.split_once('?').unwrap_or((text, ""));
    let options = options.split('&').filter(|option| !option.is_empty() && !option.starts_with("mode="));
    format!("{file}?{}", options.chain(["mode=ro"]).collect::<Vec<_>>().join("&"))
}

/// Every organization, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn organizations(db: &mut Connection) -> Result<Vec<Named>, StorageError> {
    let rows: Vec<(String, String, Option<i64>)> =
        sqlx::query_as("SELECT id, name, activated_at FROM organizations ORDER BY created_at, id").fetch_all(db).await?;
    Ok(rows.into_iter().map(|(id, name, activated_at)| Named { id, name, is_active: activated_at.is_some() }).collect())
}

/// The rows of a history from this place on, oldest first, at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn entries(db: &mut Connection, organization: OrganizationId, from: i64, limit: i64) -> Result<Vec<Kept>, StorageError> {
    let rows: Vec<(i64, String, Option<String>)> = sqlx::query_as(
        "SELECT entry_index, line, subtree_roots FROM history WHERE organization_id = $1 AND entry_index >= $2 ORDER BY entry_index LIMIT $3",
    )
    .bind(organization.to_string())
    .bind(from)
    .bind(limit)
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(index, line, roots)| Kept { index, line, roots }).collect())
}

//! Storage, the only place that names sqlx: one schema and one SQL text for SQLite and PostgreSQL.
//!
//! ```text
//! service ──► Storage ──► pool ──► a file a table: organizations, users, permissions, actions, history, …, outbox
//!                 └─► begin() ──► Transaction: the same functions, all of them or none
//! ```
//!
//! Functions stand in the file of their table and take any connection, so that each works alone and inside a transaction.
//! Everything bound is TEXT or BIGINT (see the migrations). "Not found" is an `Option`, never an error.

pub mod actions;
pub mod activity;
pub mod challenges;
pub mod credentials;
pub mod history;
pub mod identities;
pub mod limits;
pub mod organizations;
pub mod outbox;
pub mod permissions;
mod readers;
pub mod registrations;
pub mod sessions;
pub mod state;
pub mod tokens;
pub mod upkeep;
pub mod users;
mod writer;

use app::domain::time::Timestamp;
use readers::{Reader, Readers};
use sqlx::{
    Any, AnyConnection, AnyPool, AssertSqlSafe, Connection as _, Database, Sqlite,
    any::{AnyArguments, AnyPoolOptions, install_default_drivers},
    migrate::Migrator,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgSslMode},
    query::Query,
};
#[cfg(unix)]
use std::os::unix::fs::OpenOptionsExt;
use std::{
    fs::OpenOptions,
    net::IpAddr,
    ops::{Deref, DerefMut},
    str::FromStr,
    sync::Arc,
    time::Duration,
};
use tokio::time::timeout;
use url::Url;
use writer::{Turn, Writer};

/// A failure of storage, by what can be done about it.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Locked for too long or out of reach: worth another try later; nothing was changed.
    #[error("the database is locked or can't be reached")]
    Unavailable(#[source] sqlx::Error),
    /// Somebody else was first: a unique index said no.
    #[error("this exists already")]
    Conflict(#[source] sqlx::Error),
    /// A row that can't be: it was changed by hand or by a newer version.
    #[error("the row in {table} has an unreadable {column}")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// Anything else the driver says.
    #[error("the database refused")]
    Driver(#[source] sqlx::Error),
    /// The commit failed; nothing was changed.
    #[error("the database couldn't save it")]
    NotSaved,
    /// The connection broke off during the commit: nobody knows whether it was done, until the database is asked.
    #[error("the connection to the database broke off during the commit")]
    Unanswered(#[source] sqlx::Error),
    /// The file can be read only.
    #[error(
        "it can't be written: the user that runs this program needs write access to the file, to those beside it that end in -wal and -shm, and to their folder"
    )]
    ReadOnly(#[source] sqlx::Error),
    /// The schema couldn't be brought up to date.
    #[error("the database's schema couldn't be brought up to date")]
    Migrate(#[from] sqlx::migrate::MigrateError),
}

impl StorageError {
    /// What whoever waited long enough for the database has to say.
    pub const fn too_slow() -> Self {
        Self::Unavailable(sqlx::Error::PoolTimedOut)
    }
}

impl From<sqlx::Error> for StorageError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                Self::Unavailable(error)
            }
            sqlx::Error::Database(database) if database.is_unique_violation() => Self::Conflict(error),
            sqlx::Error::Database(database) if is_passing(database.code().as_deref()) => Self::Unavailable(error),
            sqlx::Error::Database(database) if is_read_only(database.code().as_deref()) => Self::ReadOnly(error),
            _ => Self::Driver(error),
        }
    }
}

/// SQLite's BUSY, LOCKED, IOERR, FULL and CANTOPEN (with their extended codes); PostgreSQL's `55P03` (a lock wasn't free in
/// time) and its classes 08 (connection), 53 (resources), 57 (operator intervention) and 40 (rolled back, try again).
fn is_passing(code: Option<&str>) -> bool {
    let Some(code) = code else { return false };
    match code.parse::<u32>() {
        Ok(sqlite) if code.len() < 5 => matches!(sqlite & 0xff, 5 | 6 | 10 | 13 | 14),
        _ => ["08", "53", "55P03", "57", "40"].iter().any(|prefix| code.starts_with(prefix)),
    }
}

/// SQLite's READONLY (with its extended codes).
fn is_read_only(code: Option<&str>) -> bool {
    code.filter(|code| code.len() < 5).and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xff == 8)
}

/// A database URL that can't be used, said without its password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// Not a URL at all.
    #[error("the database URL can't be read: use sqlite://path/to/file.db or postgres://user@host/database")]
    Malformed,
    /// A database that isn't supported.
    #[error("`{0}` databases are not supported: use sqlite://path/to/file.db or postgres://user@host/database")]
    Unsupported(String),
    /// A PostgreSQL elsewhere, to which nobody says how the connection is protected. As it comes, it is encrypted only if the server, or
    /// whoever sits in between, offers it.
    #[error(
        "PostgreSQL is on another machine ({0}), and the URL doesn't say how the connection to it is protected: add ?sslmode=verify-full, which encrypts it and checks the server's certificate. In a network of your own, require encrypts it without checking who is there, and disable does neither"
    )]
    Unprotected(String),
}

/// Which database, checked but not yet opened.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// A file of this machine.
    Sqlite(Url),
    /// A server.
    Postgres(Url),
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, DatabaseUrlError> {
        // `sqlite:file` and `sqlite://file` are both usual; a Url parses either.
        let url = Url::parse(text).map_err(|_| DatabaseUrlError::Malformed)?;
        match url.scheme() {
            "sqlite" => Ok(Self::Sqlite(url)),
            "postgres" | "postgresql" => match unprotected(&url) {
                Some(host) => Err(DatabaseUrlError::Unprotected(host)),
                None => Ok(Self::Postgres(url)),
            },
            other => Err(DatabaseUrlError::Unsupported(other.to_owned())),
        }
    }
}

/// The other machine that a URL leads to, unless it says whether the connection is encrypted. What the URL leaves out stands in the
/// environment (`PGHOST`, `PGSSLMODE`), as the driver reads it; what it can't read, it says itself.
fn unprotected(url: &Url) -> Option<String> {
    let options: PgConnectOptions = url.as_str().parse().ok()?;
    let host = options.get_host();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let is_here = options.get_socket().is_some()
        || host.starts_with('/')
        || host.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address| address.to_canonical().is_loopback());
    let is_said = !matches!(options.get_ssl_mode(), PgSslMode::Prefer | PgSslMode::Allow);
    (!is_here && !is_said).then(|| host.to_owned())
}

/// Without the password, for logs.
impl std::fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(url) => f.write_str(url.as_str()),
            Self::Postgres(url) => {
                write!(f, "postgres://{}{}", url.host_str().unwrap_or_default(), url.path())
            }
        }
    }
}

/// What runs a statement: a connection of the pool, inside or outside of a transaction.
pub type Connection = AnyConnection;

/// One of the pool's, given back when it is dropped.
pub struct PooledConnection(Pooled);

enum Pooled {
    Reader(Reader),
    OfServer(PoolConnection<Any>),
}

impl Deref for PooledConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        match &self.0 {
            Pooled::Reader(reader) => reader,
            Pooled::OfServer(connection) => connection,
        }
    }
}

impl DerefMut for PooledConnection {
    fn deref_mut(&mut self) -> &mut Connection {
        match &mut self.0 {
            Pooled::Reader(reader) => reader,
            Pooled::OfServer(connection) => connection,
        }
    }
}

/// Several statements, all of them or none: dropped without [`commit`], it leaves nothing behind.
pub struct Transaction(Kind);

enum Kind {
    /// It has a connection of its own, beside others: PostgreSQL locks rows.
    Own(sqlx::Transaction<'static, Any>),
    /// It shares its commit: SQLite has one writer.
    Shared(Turn),
}

impl Deref for Transaction {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        match &self.0 {
            Kind::Own(transaction) => transaction,
            Kind::Shared(turn) => turn,
        }
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut Connection {
        match &mut self.0 {
            Kind::Own(transaction) => transaction,
            Kind::Shared(turn) => turn,
        }
    }
}

/// What brings the schema of any database up to date.
static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// The connections.
#[derive(Clone)]
pub struct Storage(Connections);

#[derive(Clone)]
enum Connections {
    Sqlite { readers: Readers, writer: Writer },
    Postgres(AnyPool),
}

impl Storage {
    /// How long a statement waits for a lock or a connection before it is [`StorageError::Unavailable`].
    const PATIENCE: Duration = Duration::from_secs(5);
    /// PostgreSQL's.
    const CONNECTIONS: u32 = 16;
    /// SQLite's: each is a thread and a cache, and no more of them read at a time than there are processors.
    const READERS: usize = 8;

    /// Opens the database and brings its schema up to date.
    ///
    /// # Errors
    /// When it can't be opened or its schema is from a newer version.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, StorageError> {
        install_default_drivers();
        let (address, is_sqlite) = match url {
            DatabaseUrl::Sqlite(url) => (with_mode(url), true),
            DatabaseUrl::Postgres(url) => (url.to_string(), false),
        };
        make_private(url)?;
        let storage = if is_sqlite {
            // A pool tries for a while and doesn't say in the end what was wrong; this does.
            let mut first = AnyConnection::connect(&address).await?;
            tell(&mut first, SQLITE).await?;
            first.close().await?;
            let writing = open_pool(&address, 1, &[SQLITE, WRITER].concat()).await?;
            MIGRATIONS.run(&writing).await?;
            Self(Connections::Sqlite { readers: Readers::new(address, Self::READERS)?, writer: Writer::new(writing) })
        } else {
            let pool = open_pool(&address, Self::CONNECTIONS, POSTGRES).await?;
            MIGRATIONS.run(&pool).await?;
            Self(Connections::Postgres(pool))
        };
        if history::lacks_roots(&mut *storage.connection().await?).await? {
            let mut transaction = storage.begin().await?;
            history::complete_roots(&mut transaction).await?;
            commit(transaction).await?;
        } else {
            // SQLite opens a file that it may only read, too. That is said now, and not at the first change.
            let mut transaction = storage.begin().await?;
            sqlx::query("DELETE FROM actions WHERE 1 = 0").execute(&mut *transaction).await?;
            commit(transaction).await?;
        }
        Ok(storage)
    }

    /// A connection to read with; on SQLite, what tries to write by it is refused.
    ///
    /// # Errors
    /// When none is free in time.
    pub async fn connection(&self) -> Result<PooledConnection, StorageError> {
        Ok(PooledConnection(match &self.0 {
            Connections::Sqlite { readers, .. } => Pooled::Reader(readers.get().await?),
            Connections::Postgres(pool) => Pooled::OfServer(pool.acquire().await?),
        }))
    }

    /// Begins a transaction that will write. On SQLite, those that come at the same time are committed together.
    ///
    /// # Errors
    /// When no connection is free, or the lock isn't, in time.
    pub async fn begin(&self) -> Result<Transaction, StorageError> {
        Ok(Transaction(match &self.0 {
            Connections::Sqlite { writer, .. } => Kind::Shared(writer.begin().await?),
            Connections::Postgres(pool) => Kind::Own(pool.begin().await?),
        }))
    }

    /// How many connections are in use, and how many are open and wait. SQLite's writer isn't counted: there is one.
    pub fn connections(&self) -> (u32, u32) {
        let (open, idle) = match &self.0 {
            Connections::Sqlite { readers, .. } => readers.count(),
            Connections::Postgres(pool) => (pool.size(), u32::try_from(pool.num_idle()).unwrap_or(u32::MAX)),
        };
        (open.saturating_sub(idle), idle)
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it doesn't.
    pub async fn ping(&self) -> Result<(), StorageError> {
        sqlx::query("SELECT 1").execute(&mut *self.connection().await?).await?;
        Ok(())
    }

    /// Ends all connections.
    pub async fn close(&self) {
        match &self.0 {
            Connections::Sqlite { readers, writer } => {
                // Whoever closes last puts the log into the file.
                readers.close().await;
                writer.close().await;
            }
            Connections::Postgres(pool) => pool.close().await,
        }
    }
}

/// What every connection is told first.
const SQLITE: &[&str] = &["PRAGMA busy_timeout = 5000", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"];
/// After so many pages, of 4 kB, what is in the log goes into the database's file. A page that was written many times goes there once, so
/// seldom costs less than often; and it takes as long to start again after a crash.
///
/// What savepoints remember is kept in memory: it would be written into a temporary file otherwise, as often as the log is written.
const WRITER: &[&str] = &["PRAGMA foreign_keys = ON", "PRAGMA wal_autocheckpoint = 8000", "PRAGMA temp_store = MEMORY"];
/// A cache of 1 MB: behind it are those of the operating system, which all of them share.
const READER: &[&str] = &["PRAGMA query_only = ON", "PRAGMA cache_size = -1000"];
const POSTGRES: &[&str] = &["SET lock_timeout = '5s'", "SET idle_in_transaction_session_timeout = '60s'"];

/// Longer than a statement waits for a lock. What is asked of a connection that is given back is answered by then, or never.
const LONGEST_FAREWELL: Duration = Duration::from_secs(10);

async fn open_pool(address: &str, connections: u32, settings: &[&'static str]) -> Result<AnyPool, sqlx::Error> {
    let settings: Arc<[&'static str]> = settings.into();
    let options = AnyPoolOptions::new().max_connections(connections).acquire_timeout(Storage::PATIENCE);
    // A file doesn't go away like a server does, which may do so without a word: then nothing ends the connection for a quarter of an hour,
    // and the pool itself would wait that long for an answer, with the connection's place taken.
    let options = if address.starts_with("sqlite") {
        options.test_before_acquire(false)
    } else {
        options.after_release(|connection, _| {
            Box::pin(async move {
                let answered = timeout(LONGEST_FAREWELL, connection.ping()).await;
                answered.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map(|()| true)
            })
        })
    };
    let options = options.after_connect(move |connection, _| {
        let settings = Arc::clone(&settings);
        Box::pin(async move { tell(connection, &settings).await })
    });
    options.connect(address).await
}

/// Tells a new connection its settings.
async fn tell(connection: &mut Connection, settings: &[&'static str]) -> Result<(), sqlx::Error> {
    for setting in settings {
        sqlx::query(*setting).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Runs a statement that removes some of what ran out before a time (`$1`), at most so many rows (`$2`); how many they were.
async fn in_steps(db: &mut Connection, statement: &'static str, before: Timestamp, at_most: i64) -> Result<u64, StorageError> {
    let done = sqlx::query(statement).bind(before.as_millis()).bind(at_most).execute(db).await?;
    Ok(done.rows_affected())
}

/// Runs statements that belong together; each may use any of the values bound. SQLite takes all of them at once, because handing one
/// over costs more than most of them do; PostgreSQL takes one at a time.
async fn run_together<'q, const N: usize>(
    db: &mut Connection,
    statements: [&'static str; N],
    bind: impl Fn(Query<'q, Any, AnyArguments>) -> Query<'q, Any, AnyArguments>,
) -> Result<(), StorageError> {
    if db.backend_name() == Sqlite::NAME {
        bind(sqlx::query(AssertSqlSafe(statements.join("; ")))).execute(db).await?;
    } else {
        for statement in statements {
            bind(sqlx::query(statement)).execute(&mut *db).await?;
        }
    }
    Ok(())
}

/// Saves what the transaction did.
///
/// # Errors
/// When the database couldn't; then nothing was saved. [`StorageError::Unanswered`] when that isn't known.
pub async fn commit(transaction: Transaction) -> Result<(), StorageError> {
    match transaction.0 {
        Kind::Own(transaction) => transaction.commit().await.map_err(|error| match error {
            answered @ sqlx::Error::Database(_) => answered.into(),
            unanswered => StorageError::Unanswered(unanswered),
        }),
        Kind::Shared(turn) => turn.commit().await,
    }
}

/// Makes a new SQLite file its owner's alone, in whatever folder; SQLite gives the files beside it the same mode.
fn make_private(url: &DatabaseUrl) -> Result<(), StorageError> {
    let Some(file) = url.file()? else { return Ok(()) };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(0o600);
    // What is in the way, SQLite says.
    let _ = options.open(file);
    Ok(())
}

/// Creates the file where there is none, unless the URL says otherwise.
fn with_mode(url: &Url) -> String {
    let text = url.to_string();
    if url.query_pairs().any(|(name, _)| name == "mode") {
        text
    } else {
        format!("{text}{}mode=rwc", if url.query().is_some() { '&' } else { '?' })
    }
}

/// A text from outside to compare with. PostgreSQL takes none with a NUL, and nothing that is kept has one.
fn without_nul(text: &str) -> String {
    text.replace('\0', "")
}

/// So many places for values, from `$first` on, for `IN (…)`. Of none, it is a list that nothing is in.
fn places(first: usize, count: usize) -> String {
    if count == 0 {
        return "NULL".to_owned();
    }
    (first..first + count).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ")
}

/// Reads a column that holds an id or another checked text.
fn parse<T: FromStr>(text: &str, table: &'static str, column: &'static str) -> Result<T, StorageError> {
    text.parse().map_err(|_| StorageError::Inconsistent { table, column })
}

fn time(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

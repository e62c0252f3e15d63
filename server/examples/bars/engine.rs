//! The two databases that everything is measured with. PostgreSQL is the cluster that `COUNTERSIGN_TEST_POSTGRES` names; without it, one
//! of this process's own, which keeps what it acknowledges even when the power fails, as the tests' own doesn't.

use crate::support::database::TestDatabase;
use server::storage::Storage;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicU32, Ordering},
};
use tempfile::TempDir;
use url::Url;

pub enum Engine {
    Sqlite,
    /// That of the environment.
    Postgres,
    Own(Cluster),
}

impl Engine {
    pub async fn all() -> Vec<Self> {
        let postgres =
            if env::var_os("COUNTERSIGN_TEST_POSTGRES").is_some() { Some(Self::Postgres) } else { Cluster::start().await.map(Self::Own) };
        [Self::Sqlite].into_iter().chain(postgres).collect()
    }

    /// An empty one.
    pub async fn database(&self) -> TestDatabase {
        match self {
            Self::Sqlite => TestDatabase::sqlite(),
            Self::Postgres => TestDatabase::postgres().await.expect("the environment names a cluster"),
            Self::Own(cluster) => cluster.database().await,
        }
    }

    /// Its name, its version, and when it takes something for saved.
    pub async fn described(&self) -> String {
        let database = self.database().await;
        let storage = Storage::open(&database.url().parse().unwrap()).await.unwrap();
        let text = if matches!(self, Self::Sqlite) {
            // Connections that read are told the same as the one that writes.
            let synchronous = number(&storage, "PRAGMA synchronous").await;
            let synchronous = ["OFF", "NORMAL", "FULL", "EXTRA"][usize::try_from(synchronous).unwrap()];
            let (version, journal) = (text(&storage, "SELECT sqlite_version()").await, text(&storage, "PRAGMA journal_mode").await);
            format!("SQLite {version}, journal_mode={journal}, synchronous={synchronous}")
        } else {
            let version = text(&storage, "SHOW server_version").await;
            let (fsync, commit) = (text(&storage, "SHOW fsync").await, text(&storage, "SHOW synchronous_commit").await);
            format!("PostgreSQL {version}, fsync={fsync}, synchronous_commit={commit}")
        };
        storage.close().await;
        text
    }
}

async fn text(storage: &Storage, query: &str) -> String {
    sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_one(&mut *storage.connection().await.unwrap()).await.unwrap()
}

async fn number(storage: &Storage, query: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_one(&mut *storage.connection().await.unwrap()).await.unwrap()
}

/// How much of the disk a database takes, in MB.
pub async fn megabytes(database: &TestDatabase) -> u64 {
    let bytes = if let Some(file) = database.url().strip_prefix("sqlite:") {
        [file.to_owned(), format!("{file}-wal")].iter().filter_map(|file| fs::metadata(file).ok()).map(|file| file.len()).sum()
    } else {
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        let bytes: i64 = sqlx::query_scalar("SELECT pg_database_size(current_database())").fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        u64::try_from(bytes).unwrap()
    };
    bytes / 1_000_000
}

/// A PostgreSQL of this process's own. `server/tests/postgres.sh` makes it, and the settings by which it forgets are taken back.
pub struct Cluster {
    folder: PathBuf,
    url: Url,
    made: AtomicU32,
    _around: TempDir,
}

impl Cluster {
    /// Starts one, unless PostgreSQL isn't installed.
    async fn start() -> Option<Self> {
        let around = tempfile::tempdir().unwrap();
        // Whoever it belongs to has to get there.
        assert!(Command::new("chmod").arg("711").arg(around.path()).status().unwrap().success());
        let folder = around.path().join("pg");
        let started = script("start", &folder);
        let said = String::from_utf8_lossy(&started.stderr);
        if started.status.code() == Some(3) {
            eprintln!("PostgreSQL is left out: {said}");
            return None;
        }
        assert!(started.status.success(), "{said}");
        let url = String::from_utf8_lossy(&started.stdout).trim().parse().unwrap();
        let cluster = Self { folder, url, made: AtomicU32::new(0), _around: around };
        for setting in ["fsync = on", "synchronous_commit = on", "full_page_writes = on", "autovacuum = on"] {
            cluster.run(&format!("ALTER SYSTEM SET {setting}")).await;
        }
        cluster.run("SELECT pg_reload_conf()").await;
        Some(cluster)
    }

    async fn database(&self) -> TestDatabase {
        let name = format!("bench_{}", self.made.fetch_add(1, Ordering::SeqCst));
        self.run(&format!("CREATE DATABASE {name} TEMPLATE template0")).await;
        let mut url = self.url.clone();
        url.set_path(&name);
        TestDatabase::at(url.as_str())
    }

    async fn run(&self, statement: &str) {
        let mut connection = PgConnection::connect(self.url.as_str()).await.unwrap();
        sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        script("stop", &self.folder);
    }
}

fn script(what: &str, folder: &Path) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/postgres.sh");
    let output = Command::new(script).arg(what).arg(folder).output();
    output.expect("server/tests/postgres.sh can be run")
}

//! A new, empty database for each story, of either kind.

use super::postgres::PostgresDatabase;
use tempfile::TempDir;

/// A database that is gone when the test is over.
pub struct TestDatabase {
    url: String,
    _kind: Kind,
}

enum Kind {
    Sqlite {
        _folder: TempDir,
    },
    Postgres {
        _database: PostgresDatabase,
    },
    #[allow(dead_code, reason = "the crash tests have some")]
    Elsewhere,
}

impl TestDatabase {
    /// A file.
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").to_str().unwrap());
        Self { url, _kind: Kind::Sqlite { _folder: folder } }
    }

    /// A database of the cluster that the environment names, if it names one.
    pub async fn postgres() -> Option<Self> {
        let database = PostgresDatabase::create().await?;
        Some(Self { url: database.url().to_owned(), _kind: Kind::Postgres { _database: database } })
    }

    /// A database that somebody else made, and removes.
    #[allow(dead_code, reason = "the crash tests have some")]
    pub fn at(url: &str) -> Self {
        Self { url: url.to_owned(), _kind: Kind::Elsewhere }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn is_postgres(&self) -> bool {
        self.url.starts_with("postgres")
    }
}

/// Tells each story, an `async fn story(database: &TestDatabase)`, on SQLite and on PostgreSQL.
macro_rules! on_both_databases {
    ($($story:ident),+ $(,)?) => {$(
        mod $story {
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn sqlite() {
                super::$story(&crate::support::database::TestDatabase::sqlite()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn postgres() {
                if let Some(database) = crate::support::database::TestDatabase::postgres().await {
                    super::$story(&database).await;
                }
            }
        }
    )+};
}

/// Tells stories on SQLite only: what never comes near a difference between the databases.
macro_rules! on_sqlite {
    ($($story:ident),+ $(,)?) => {$(
        mod $story {
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn sqlite() {
                super::$story(&crate::support::database::TestDatabase::sqlite()).await;
            }
        }
    )+};
}

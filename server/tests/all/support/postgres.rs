//! PostgreSQL databases for single tests, in the cluster that `COUNTERSIGN_TEST_POSTGRES` names.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use std::sync::{
    Once,
    atomic::{AtomicU32, Ordering},
};
use tokio::sync::{Semaphore, SemaphorePermit};
use url::Url;

const CLUSTER: &str = "COUNTERSIGN_TEST_POSTGRES";
const REQUIRED: &str = "COUNTERSIGN_REQUIRE_POSTGRES";

/// Each story may hold 16 connections, and a cluster as it comes allows 100.
static ROOM: Semaphore = Semaphore::const_new(4);
static LEFT_OUT: Once = Once::new();
static NUMBER: AtomicU32 = AtomicU32::new(0);

pub struct PostgresDatabase {
    cluster: Url,
    name: String,
    url: String,
    _room: SemaphorePermit<'static>,
}

impl PostgresDatabase {
    /// Makes a database, unless no cluster is named and none is required.
    pub async fn create() -> Option<Self> {
        let Ok(cluster) = std::env::var(CLUSTER) else {
            assert!(std::env::var(REQUIRED).is_err(), "{REQUIRED} is set, but {CLUSTER} doesn't name a cluster");
            LEFT_OUT.call_once(|| {
                eprintln!("PostgreSQL is left out: set {CLUSTER} to a URL, as `server/tests/postgres.sh start` prints one");
            });
            return None;
        };
        let room = ROOM.acquire().await.unwrap();
        let cluster: Url = cluster.parse().unwrap();
        // Unique among test programs that run at the same time, too.
        let name = format!("countersign_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::SeqCst));
        execute(&cluster, format!("CREATE DATABASE {name} TEMPLATE template0")).await.expect("the cluster lets this user create databases");
        let mut url = cluster.clone();
        url.set_path(&name);
        Some(Self { cluster, name, url: url.into(), _room: room })
    }

    pub fn url(&self) -> &str {
        &self.url
    }
}

/// Also when the test failed. What can't be dropped goes with the cluster.
impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        let (cluster, statement) = (self.cluster.clone(), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        // A runtime can't wait inside of another one.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(execute(&cluster, statement))
        });
        if !matches!(dropped.join(), Ok(Ok(()))) {
            eprintln!("the database {} wasn't dropped", self.name);
        }
    }
}

async fn execute(cluster: &Url, statement: String) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(cluster.as_str()).await?;
    connection.execute(AssertSqlSafe(statement)).await?;
    connection.close().await
}

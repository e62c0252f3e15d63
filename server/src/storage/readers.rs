//! The readers of an SQLite database. sqlx's pool asks whether a connection still answers whenever one is given back. Of a server
//! that is worth knowing; a file doesn't go away, and the question costs as much as a statement: to SQLite's thread and back.

use super::{READER, SQLITE, Storage, tell};
use deadpool::{
    Runtime,
    managed::{Manager, Metrics, Object, Pool, PoolError, RecycleError, RecycleResult},
};
use sqlx::{AnyConnection, Connection as _};
use std::time::Duration;

/// After that long a connection is opened anew, as sqlx's pool does it: whatever may have befallen it ends then.
const LIFE: Duration = Duration::from_mins(30);

/// Opens them.
pub(super) struct Opening {
    address: String,
}

impl Manager for Opening {
    type Type = AnyConnection;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<AnyConnection, sqlx::Error> {
        let mut reader = AnyConnection::connect(&self.address).await?;
        tell(&mut reader, SQLITE).await?;
        tell(&mut reader, READER).await?;
        Ok(reader)
    }

    async fn recycle(&self, _: &mut AnyConnection, metrics: &Metrics) -> RecycleResult<sqlx::Error> {
        if metrics.age() < LIFE { Ok(()) } else { Err(RecycleError::message("it is old")) }
    }
}

/// One of them, given back when it is dropped.
pub(super) type Reader = Object<Opening>;

/// All of them.
#[derive(Clone)]
pub(super) struct Readers(Pool<Opening>);

impl Readers {
    /// At most so many at a time, each opened when it is needed first.
    pub(super) fn new(address: String, most: usize) -> Result<Self, sqlx::Error> {
        let pool = Pool::builder(Opening { address }).max_size(most).wait_timeout(Some(Storage::PATIENCE)).runtime(Runtime::Tokio1);
        Ok(Self(pool.build().map_err(sqlx::Error::config)?))
    }

    /// Waits for one that is free.
    pub(super) async fn get(&self) -> Result<Reader, sqlx::Error> {
        self.0.get().await.map_err(|error| match error {
            PoolError::Backend(error) => error,
            PoolError::Timeout(_) => sqlx::Error::PoolTimedOut,
            PoolError::Closed => sqlx::Error::PoolClosed,
            other @ (PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_)) => sqlx::Error::config(other),
        })
    }

    /// How many are open, and how many of them wait.
    pub(super) fn count(&self) -> (u32, u32) {
        let status = self.0.status();
        [status.size, status.available].map(|count| u32::try_from(count).unwrap_or(u32::MAX)).into()
    }

    /// Ends those that wait, and the others when they are given back.
    pub(super) async fn close(&self) {
        let waiting = self.0.retain(|_, _| false).removed;
        self.0.close();
        for reader in waiting {
            // It has nothing to save.
            let _ = reader.close().await;
        }
    }
}

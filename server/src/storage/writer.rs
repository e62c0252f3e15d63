//! The one writer of an SQLite database. It has one at a time whatever one does, and a commit that outlasts a power cut waits for
//! the disk: so whoever comes while others are at it shares their commit.
//!
//! ```text
//! begin ─► the turn ─ BEGIN IMMEDIATE ─ SAVEPOINT ─ statements ─ RELEASE ─► others wait: hands the turn on, and waits for the commit
//! begin ─────────────► the turn ─ SAVEPOINT ─ statements ─ RELEASE ─► nobody waits, or there are many: COMMIT ─► all are answered
//! ```
//!
//! Each has a savepoint of its own: what one of them does wrong is taken back alone. Nobody is answered before the commit, and if
//! it fails, all of them are told so. Nothing waits for company: one who is alone commits at once.

use super::{Storage, StorageError};
use sqlx::{Any, AnyConnection, AnyPool};
use std::{
    ops::{Deref, DerefMut},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    runtime::Handle,
    sync::{Mutex, OwnedMutexGuard, oneshot},
    time::timeout,
};

/// So many share a commit at most: those who came first shall not wait for ever.
const MOST: usize = 64;

/// Who may write, in turn.
#[derive(Clone)]
pub(super) struct Writer {
    pool: AnyPool,
    batch: Arc<Mutex<Batch>>,
    /// How many wait for their turn.
    waiting: Arc<AtomicUsize>,
}

/// What will be committed together.
#[derive(Default)]
struct Batch {
    transaction: Option<sqlx::Transaction<'static, Any>>,
    /// Who waits for the commit.
    members: Vec<oneshot::Sender<bool>>,
}

impl Writer {
    /// Over a pool of connections that may write, of which one is used.
    pub(super) fn new(pool: AnyPool) -> Self {
        Self { pool, batch: Arc::default(), waiting: Arc::default() }
    }

    /// Ends the connection, once whoever is at it is done.
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }

    /// Waits for the turn, and begins.
    pub(super) async fn begin(&self) -> Result<Turn, StorageError> {
        let waiting = Waiting::new(self);
        let batch = timeout(Storage::PATIENCE, Arc::clone(&self.batch).lock_owned())
            .await
            .map_err(|_| StorageError::Unavailable(sqlx::Error::PoolTimedOut))?;
        waiting.end();
        // From here on whatever becomes of this future, the turn is given back.
        let mut turn = Turn { batch: Some(batch), writer: self.clone() };
        if let Some(batch) = turn.batch.as_mut().filter(|batch| batch.transaction.is_none()) {
            batch.transaction = Some(self.pool.begin_with("BEGIN IMMEDIATE").await?);
        }
        sqlx::query("SAVEPOINT turn").execute(&mut *turn).await?;
        Ok(turn)
    }

    /// The end of a turn: hands it on to whoever waits, or commits for all.
    async fn settle(&self, mut batch: OwnedMutexGuard<Batch>) {
        if self.waiting.load(Ordering::SeqCst) > 0 && batch.members.len() < MOST {
            return;
        }
        let Some(transaction) = batch.transaction.take() else { return };
        let is_saved = match transaction.commit().await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, members = batch.members.len(), "a commit failed");
                false
            }
        };
        batch.tell(is_saved);
    }
}

impl Batch {
    /// Tells all who wait what became of it.
    fn tell(&mut self, is_saved: bool) {
        for member in self.members.drain(..) {
            // Whoever went away in the meantime doesn't hear of it.
            let _ = member.send(is_saved);
        }
    }

    /// Takes back what the last one did, and only that.
    async fn take_back(&mut self) {
        let Some(transaction) = &mut self.transaction else { return };
        let mut outcome = sqlx::query("ROLLBACK TO turn").execute(&mut **transaction).await;
        if outcome.is_ok() {
            outcome = sqlx::query("RELEASE turn").execute(&mut **transaction).await;
        }
        if let Err(error) = outcome {
            // The disk is full, perhaps: then the database itself has taken back everything, what the others did as well.
            tracing::error!(%error, members = self.members.len(), "a transaction broke off");
            self.transaction = None;
            self.tell(false);
        }
    }
}

/// One who waits for the turn. Whoever goes away before it comes may be the one for whom others left the commit.
struct Waiting<'a> {
    writer: &'a Writer,
    is_over: bool,
}

impl<'a> Waiting<'a> {
    fn new(writer: &'a Writer) -> Self {
        writer.waiting.fetch_add(1, Ordering::SeqCst);
        Self { writer, is_over: false }
    }

    fn end(mut self) {
        self.is_over = true;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.writer.waiting.fetch_sub(1, Ordering::SeqCst);
        if !self.is_over {
            let writer = self.writer.clone();
            spawn(async move {
                let batch = Arc::clone(&writer.batch).lock_owned().await;
                writer.settle(batch).await;
            });
        }
    }
}

/// What can't be waited for where it is found to be due. When the program ends, the database takes back by itself what isn't saved.
fn spawn(work: impl Future<Output = ()> + Send + 'static) {
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(work);
    }
}

/// One's turn. Dropped without [`Turn::commit`], it leaves nothing behind.
pub struct Turn {
    /// Until it is given back.
    batch: Option<OwnedMutexGuard<Batch>>,
    writer: Writer,
}

impl Turn {
    /// Waits until what was done is on the disk.
    pub(super) async fn commit(mut self) -> Result<(), StorageError> {
        sqlx::query("RELEASE turn").execute(&mut *self).await?;
        let (member, saved) = oneshot::channel();
        if let Some(mut batch) = self.batch.take() {
            batch.members.push(member);
            let writer = self.writer.clone();
            // On its own: whoever asked may go away, and others wait for this.
            spawn(async move { writer.settle(batch).await });
        }
        match saved.await {
            Ok(true) => Ok(()),
            _ => Err(StorageError::NotSaved),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(mut batch) = self.batch.take() else { return };
        let writer = self.writer.clone();
        spawn(async move {
            batch.take_back().await;
            writer.settle(batch).await;
        });
    }
}

#[expect(clippy::expect_used, reason = "a turn has a transaction until it is given back, and then nobody has the turn any more")]
impl Deref for Turn {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        self.batch.as_ref().and_then(|batch| batch.transaction.as_ref()).expect("a turn has a transaction until it is given back")
    }
}

#[expect(clippy::expect_used, reason = "as above")]
impl DerefMut for Turn {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        self.batch.as_mut().and_then(|batch| batch.transaction.as_mut()).expect("a turn has a transaction until it is given back")
    }
}

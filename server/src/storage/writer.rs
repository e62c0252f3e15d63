//! The one writer of an SQLite database. It has one at a time whatever one does, and a commit that outlasts a power cut waits for
//! the disk: so whoever comes while others are at it shares their commit.
//!
//! ```text
//! begin ─► the turn ─ BEGIN IMMEDIATE, SAVEPOINT ─ statements ─► others wait: hands the turn on, and waits for the commit
//! begin ─────────────► the turn ─ RELEASE, SAVEPOINT ─ statements ─► nobody waits, or there are many: COMMIT ─► all are answered
//! ```
//!
//! Each has a savepoint of its own: what one of them does wrong is taken back alone. Nobody is answered before the commit, and if
//! it fails, all of them are told so. Nothing waits for company: one who is alone commits at once.
//!
//! Whatever is handed to SQLite's thread and back costs more than most statements do, so one's savepoint is released together with
//! the beginning of the next one's, or by the commit.

use super::{Storage, StorageError};
use crate::{ambient::Stopwatch, metrics::count_commit};
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

/// So many turns share a commit at most: those who came first shall not wait for ever, whatever becomes of the others' turns.
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
    /// Whether the connection can't be trusted any more: where the database took a transaction back by itself, the driver believes
    /// that there is one for ever, and one that was made while the file was read-only never writes.
    has_failed: bool,
    /// How many turns the transaction had.
    turns: usize,
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
        let batch = timeout(Storage::PATIENCE, Arc::clone(&self.batch).lock_owned()).await.map_err(|_| StorageError::too_slow())?;
        waiting.end();
        // From here on whatever becomes of this future, the turn is given back.
        let mut turn = Turn { batch: Some(batch), writer: self.clone() };
        // On its own: if it could break off halfway, nobody would know which savepoint there is.
        let opening = tokio::spawn(async move {
            if let Some(batch) = &mut turn.batch {
                batch.open(&turn.writer.pool).await?;
            }
            Ok(turn)
        });
        // It doesn't panic; the runtime may end.
        opening.await.unwrap_or(Err(StorageError::NotSaved))
    }

    /// The end of a turn: hands it on to whoever waits, or commits for all.
    async fn settle(&self, mut batch: OwnedMutexGuard<Batch>) {
        if self.waiting.load(Ordering::SeqCst) > 0 && batch.turns < MOST {
            return;
        }
        let Some(transaction) = batch.transaction.take() else { return };
        let began = Stopwatch::start();
        let is_saved = match transaction.commit().await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, members = batch.members.len(), "a commit failed");
                batch.has_failed = true;
                false
            }
        };
        count_commit(batch.members.len(), &began);
        batch.tell(is_saved);
    }
}

impl Batch {
    /// Opens the savepoint of the next turn.
    async fn open(&mut self, pool: &AnyPool) -> Result<(), StorageError> {
        match &mut self.transaction {
            None => {
                // Until it is known that this one can begin.
                if std::mem::replace(&mut self.has_failed, true) {
                    pool.acquire().await?.close().await?;
                }
                self.transaction = Some(pool.begin_with("BEGIN IMMEDIATE; SAVEPOINT turn").await?);
                self.has_failed = false;
                self.turns = 1;
            }
            Some(transaction) => {
                if let Err(error) = sqlx::query("RELEASE turn; SAVEPOINT turn").execute(&mut **transaction).await {
                    self.break_off(&error);
                    return Err(error.into());
                }
                self.turns += 1;
            }
        }
        Ok(())
    }

    /// Gives everything up. The disk is full, perhaps: then the database itself has taken back what anybody did.
    fn break_off(&mut self, error: &sqlx::Error) {
        tracing::error!(%error, members = self.members.len(), "a transaction broke off");
        self.transaction = None;
        self.has_failed = true;
        self.tell(false);
    }

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
        // The second changes nothing; whether the file can be written at all shows in it.
        if let Err(error) = sqlx::query("ROLLBACK TO turn; DELETE FROM actions WHERE 1 = 0").execute(&mut **transaction).await {
            self.break_off(&error);
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

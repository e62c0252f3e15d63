//! Delivers what the outbox holds. A mail is claimed for a while, delivered, and then marked; a worker that dies in between
//! leaves it to the next one, which sends it again under the same Message-ID.
//!
//! ```text
//! claim ──► open ──► deliver ──► handed over: sent, text removed
//!   │         │         ├──────► kept here:   sent, text stays until it expires
//!   │         │         ├──────► not now:     2 s, 10 s, 1 min, 5 min, 15 min, then every 30 min until it expires
//!   └ expired ┴─────────┴──────► never:       refused, text removed
//! ```

use super::{
    Outbox,
    transport::{Accepted, DeliveryError, Outgoing, Transport},
};
use crate::storage::{
    Storage, StorageError, commit,
    outbox::{self, QueuedMail},
};
use app::domain::time::Timestamp;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

/// How long a claimed mail belongs to the worker that claimed it.
pub const LEASE: Duration = Duration::from_secs(90);
/// The longest wait between two looks at the outbox: another server may have written to it, and mails wait for their time.
const ROUND: Duration = Duration::from_secs(2);

/// Delivers until told to stop (`true`, or the sender is gone); the mail in hand is finished first. What the database
/// refuses is logged and tried again in the next round.
pub async fn run(storage: Storage, outbox: Outbox, transport: Arc<dyn Transport>, mut shutdown: watch::Receiver<bool>) {
    while !*shutdown.borrow() {
        // A database that never answers gets another try, too. By then the mail in hand is anybody's.
        match timeout(LEASE, deliver_next(&storage, &outbox, &*transport)).await.unwrap_or_else(|_| Err(StorageError::too_slow())) {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "the outbox can't be worked on, trying again"),
        }
        tokio::select! {
            () = outbox.wake.notified() => {}
            () = sleep(ROUND) => {}
            changed = shutdown.changed() => if changed.is_err() { return },
        }
    }
}

/// Delivers what is due now, each mail once; how many there were.
///
/// # Errors
/// When the database fails. A mail whose outcome couldn't be written is tried again after its [`LEASE`].
pub async fn deliver_due(storage: &Storage, outbox: &Outbox, transport: &dyn Transport) -> Result<usize, StorageError> {
    let mut delivered = 0;
    while deliver_next(storage, outbox, transport).await? {
        delivered += 1;
    }
    Ok(delivered)
}

/// Delivers the mail that is due longest; whether there was one.
async fn deliver_next(storage: &Storage, outbox: &Outbox, transport: &dyn Transport) -> Result<bool, StorageError> {
    let now = outbox.ambient.now();
    if !outbox::is_due(&mut *storage.connection().await?, now).await? {
        return Ok(false);
    }
    // No connection is held while a mail server takes its time.
    let mut transaction = storage.begin().await?;
    let claimed = outbox::claim(&mut transaction, now, LEASE).await;
    commit(transaction).await?;
    let mail = match claimed {
        Ok(Some(mail)) => mail,
        Ok(None) => return Ok(false),
        Err(error @ StorageError::Inconsistent { .. }) => {
            // It was claimed all the same, so the mails behind it get their turn.
            tracing::error!(error = &error as &dyn std::error::Error, "a mail in the outbox can't be read");
            return Ok(true);
        }
        Err(error) => return Err(error),
    };
    let outcome = attempt(outbox, transport, &mail, now).await;
    record(storage, &mail, outcome, outbox.ambient.now()).await?;
    Ok(true)
}

/// What is written down about an attempt.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Sent(String),
    Kept,
    Later { answer: String, at: Timestamp },
    Refused(String),
}

async fn attempt(outbox: &Outbox, transport: &dyn Transport, mail: &QueuedMail, now: Timestamp) -> Outcome {
    if now >= mail.expires_at {
        return Outcome::Refused("gave up: it expired before it could be sent".into());
    }
    let message = match outbox.open(mail) {
        Ok(message) => message,
        Err(error) => {
            tracing::error!(mail = %mail.id, error = &error as &dyn std::error::Error, "a queued mail can't be opened: was the server's secret changed?");
            return Outcome::Refused("its text can't be opened: the server's secret was changed. Send a new one".into());
        }
    };
    match transport.deliver(&Outgoing { id: mail.id, written_at: mail.created_at, message }).await {
        Ok(Accepted::Handed(answer)) => Outcome::Sent(answer),
        Ok(Accepted::Kept) => Outcome::Kept,
        Err(DeliveryError::Permanent(answer)) => Outcome::Refused(answer),
        Err(DeliveryError::Passing(answer)) => {
            let at = outbox.ambient.now().plus(backoff(mail.attempts));
            // Said at once, not when it expires: whoever waits for the mail can do something about it now.
            if at < mail.expires_at { Outcome::Later { answer, at } } else { Outcome::Refused(format!("gave up: {answer}")) }
        }
    }
}

/// How long to wait after this many attempts.
fn backoff(attempts: u32) -> Duration {
    const MINUTE: u64 = 60;
    Duration::from_secs(match attempts {
        0 | 1 => 2,
        2 => 10,
        3 => MINUTE,
        4 => 5 * MINUTE,
        5 => 15 * MINUTE,
        _ => 30 * MINUTE,
    })
}

/// Logs get the mail's id and, of failures, the mail server's words (which may name the recipient); nothing of the text.
async fn record(storage: &Storage, mail: &QueuedMail, outcome: Outcome, now: Timestamp) -> Result<(), StorageError> {
    let (id, attempt) = (mail.id, mail.attempts);
    let mut db = storage.begin().await?;
    match outcome {
        Outcome::Sent(answer) => {
            tracing::info!(mail = %id, attempt, "mail sent");
            outbox::mark_sent(&mut db, id, &answer, now).await
        }
        Outcome::Kept => {
            tracing::info!(mail = %id, attempt, "mail kept in the local mailbox");
            outbox::mark_kept(&mut db, id, "kept in the local mailbox", now).await
        }
        Outcome::Later { answer, at } => {
            tracing::warn!(mail = %id, attempt, %answer, next = %at, "mail not sent, trying again later");
            outbox::postpone(&mut db, id, &answer, at).await
        }
        Outcome::Refused(answer) => {
            tracing::error!(mail = %id, attempt, %answer, "mail given up");
            outbox::mark_refused(&mut db, id, &answer, now).await
        }
    }?;
    commit(db).await
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{
        ambient::{Ambient, Clock},
        mail::{Message, transport::LocalMailbox},
        secret::ServerSecret,
        storage::{
            organizations,
            outbox::Delivery,
            users::{self, NewUser},
        },
    };
    use app::domain::{
        id::{OrganizationId, UserId},
        text::{EmailAddress, OrganizationName},
        user::UserKind,
    };
    use async_trait::async_trait;
    use std::sync::{
        Mutex,
        atomic::{AtomicI64, Ordering},
    };

    const START: i64 = 1_795_343_400_000;

    struct TestClock(AtomicI64);

    impl Clock for TestClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::SeqCst))
        }
    }

    /// A database with one user, an outbox, and a clock that is set by hand.
    pub(in crate::mail) struct World {
        pub storage: Storage,
        pub outbox: Outbox,
        pub organization: OrganizationId,
        pub user: UserId,
        clock: Arc<TestClock>,
        _folder: tempfile::TempDir,
    }

    impl World {
        pub async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let url = format!("sqlite:{}", folder.path().join("test.db").display());
            let storage = Storage::open(&url.parse().unwrap()).await.unwrap();
            let clock = Arc::new(TestClock(AtomicI64::new(START)));
            let ambient = Ambient { clock: clock.clone(), ..Ambient::of_this_machine() };
            let (organization, user) = (OrganizationId::from_bytes([1; 16]), UserId::from_bytes([2; 16]));
            let email = EmailAddress::parse("ada@example.org").unwrap();
            let mut db = storage.begin().await.unwrap();
            organizations::insert(&mut db, organization, &OrganizationName::parse("Acme").unwrap(), ambient.now()).await.unwrap();
            users::insert(
                &mut db,
                NewUser {
                    id: user,
                    organization,
                    email: &email,
                    name: "Ada",
                    kind: UserKind::Employee,
                    external_id: None,
                    created_at: ambient.now(),
                },
            )
            .await
            .unwrap();
            commit(db).await.unwrap();
            let outbox = Outbox::new(ServerSecret::parse(&"ab".repeat(32)).unwrap(), ambient);
            Self { storage, outbox, organization, user, clock, _folder: folder }
        }

        /// Mails of these tests are worth sending for four hours.
        pub fn expiry() -> Timestamp {
            Timestamp::from_millis(START).plus(Duration::from_hours(4))
        }

        pub async fn queue(&self, message: &Message) {
            let mut transaction = self.storage.begin().await.unwrap();
            self.outbox.queue(&mut transaction, message, self.organization, self.user, Self::expiry()).await.unwrap();
            commit(transaction).await.unwrap();
        }

        pub async fn waiting(&self) -> Vec<QueuedMail> {
            outbox::waiting(&mut self.storage.connection().await.unwrap(), self.clock.now()).await.unwrap()
        }

        async fn queue_one(&self) {
            let to = EmailAddress::parse("ada@example.org").unwrap();
            self.queue(&Message { to, subject: "Welcome".into(), text: "code 1234".into(), html: "<p>code 1234</p>".into() }).await;
        }

        async fn delivery(&self) -> (Delivery, Option<String>) {
            let mut db = self.storage.connection().await.unwrap();
            outbox::newest_delivery(&mut db, self.organization, self.user).await.unwrap().unwrap()
        }

        async fn deliver(&self, transport: &dyn Transport) -> usize {
            deliver_due(&self.storage, &self.outbox, transport).await.unwrap()
        }

        fn pass(&self, seconds: i64) {
            self.clock.0.fetch_add(seconds * 1000, Ordering::SeqCst);
        }

        fn set(&self, second: i64) {
            self.clock.0.store(START + second * 1000, Ordering::SeqCst);
        }
    }

    /// Always gives the same answer and remembers what it got.
    struct Answering(Result<Accepted, DeliveryError>, Mutex<Vec<Outgoing>>);

    impl Answering {
        fn with(answer: Result<Accepted, DeliveryError>) -> Self {
            Self(answer, Mutex::default())
        }

        fn accepting() -> Self {
            Self::with(Ok(Accepted::Handed("250 2.0.0 queued as 7".into())))
        }

        fn busy() -> Self {
            Self::with(Err(DeliveryError::Passing("451 4.7.1 try later".into())))
        }

        fn got(&self) -> Vec<Outgoing> {
            self.1.lock().unwrap().clone()
        }
    }

    #[async_trait]
    impl Transport for Answering {
        async fn deliver(&self, mail: &Outgoing) -> Result<Accepted, DeliveryError> {
            self.1.lock().unwrap().push(mail.clone());
            self.0.clone()
        }
    }

    #[tokio::test]
    async fn a_sent_mail_is_marked_and_its_text_removed() {
        let world = World::new().await;
        world.queue_one().await;
        let server = Answering::accepting();
        assert_eq!(world.deliver(&server).await, 1);
        assert_eq!(world.delivery().await, (Delivery::Sent, Some("250 2.0.0 queued as 7".into())));
        assert!(world.waiting().await.is_empty());
        assert_eq!(server.got()[0].message.text, "code 1234");
        world.pass(24 * 3600);
        assert_eq!(world.deliver(&server).await, 0);
    }

    #[tokio::test]
    async fn a_busy_server_is_asked_again_ever_more_rarely_until_the_mail_expires() {
        let world = World::new().await;
        world.queue_one().await;
        let server = Answering::busy();
        for second in [0, 2, 12, 72, 372, 1272, 3072, 4872, 6672, 8472, 10_272, 12_072, 13_872] {
            assert_eq!(world.delivery().await.0, Delivery::Queued);
            world.set(second - 1);
            assert_eq!(world.deliver(&server).await, 0, "before second {second}");
            world.set(second);
            assert_eq!(world.deliver(&server).await, 1, "at second {second}");
        }
        assert_eq!(world.delivery().await, (Delivery::Refused, Some("gave up: 451 4.7.1 try later".into())));
        assert!(world.waiting().await.is_empty());
        let first = server.got()[0].clone();
        assert!(server.got().iter().all(|mail| *mail == first), "every attempt sends the same mail under the same id and date");
    }

    #[tokio::test]
    async fn a_server_that_recovers_gets_the_mail() {
        let world = World::new().await;
        world.queue_one().await;
        world.deliver(&Answering::busy()).await;
        assert_eq!(world.delivery().await, (Delivery::Queued, Some("451 4.7.1 try later".into())));
        assert_eq!(world.deliver(&Answering::accepting()).await, 0);
        world.pass(2);
        assert_eq!(world.deliver(&Answering::accepting()).await, 1);
        assert_eq!(world.delivery().await.0, Delivery::Sent);
    }

    #[tokio::test]
    async fn a_refused_mail_is_not_tried_again() {
        let world = World::new().await;
        world.queue_one().await;
        world.deliver(&Answering::with(Err(DeliveryError::Permanent("550 5.1.1 no such user".into())))).await;
        assert_eq!(world.delivery().await, (Delivery::Refused, Some("550 5.1.1 no such user".into())));
        assert!(world.waiting().await.is_empty());
        world.pass(3600);
        assert_eq!(world.deliver(&Answering::accepting()).await, 0);
    }

    #[tokio::test]
    async fn what_expired_while_the_server_was_down_is_not_sent() {
        let world = World::new().await;
        world.queue_one().await;
        world.pass(4 * 3600);
        let server = Answering::accepting();
        world.deliver(&server).await;
        assert_eq!(server.got(), []);
        assert_eq!(world.delivery().await, (Delivery::Refused, Some("gave up: it expired before it could be sent".into())));
    }

    #[tokio::test]
    async fn under_another_secret_a_mail_is_given_up_in_clear_words() {
        let world = World::new().await;
        world.queue_one().await;
        let changed = Outbox { secret: ServerSecret::parse(&"cd".repeat(32)).unwrap(), ..world.outbox.clone() };
        let server = Answering::accepting();
        assert_eq!(deliver_due(&world.storage, &changed, &server).await.unwrap(), 1);
        assert_eq!(server.got(), []);
        let (delivery, answer) = world.delivery().await;
        assert_eq!(delivery, Delivery::Refused);
        assert!(answer.unwrap().contains("secret was changed"));
    }

    #[tokio::test]
    async fn the_local_mailbox_keeps_the_text_until_it_expires() {
        let world = World::new().await;
        world.queue_one().await;
        assert_eq!(world.deliver(&LocalMailbox::announcing("http://localhost:3000", |_| ())).await, 1);
        assert_eq!(world.delivery().await, (Delivery::Sent, Some("kept in the local mailbox".into())));
        let kept = world.waiting().await.pop().unwrap();
        assert_eq!(world.outbox.open(&kept).unwrap().text, "code 1234");
        assert_eq!(world.deliver(&Answering::accepting()).await, 0, "it is announced once");
        world.pass(4 * 3600 + 1);
        assert!(world.waiting().await.is_empty());
        let mut db = world.storage.begin().await.unwrap();
        assert_eq!(outbox::remove_expired(&mut db, world.clock.now(), 10).await.unwrap(), 1);
        commit(db).await.unwrap();
        assert_eq!(world.delivery().await.0, Delivery::Sent);
    }

    #[tokio::test]
    async fn a_mail_of_a_worker_that_died_is_sent_by_the_next_one() {
        let world = World::new().await;
        world.queue_one().await;
        let mut db = world.storage.begin().await.unwrap();
        let claimed = outbox::claim(&mut db, world.clock.now(), LEASE).await.unwrap();
        commit(db).await.unwrap();
        assert!(claimed.is_some());
        assert_eq!(world.deliver(&Answering::accepting()).await, 0);
        world.pass(90);
        assert_eq!(world.deliver(&Answering::accepting()).await, 1);
    }

    #[tokio::test]
    async fn the_running_worker_is_woken_survives_a_dead_database_and_stops() {
        let world = World::new().await;
        let server = Arc::new(Answering::accepting());
        let (stop, stopping) = watch::channel(false);
        let worker = tokio::spawn(run(world.storage.clone(), world.outbox.clone(), server.clone(), stopping));
        world.queue_one().await;
        world.outbox.wake();
        timeout(Duration::from_secs(10), async {
            while server.got().is_empty() || world.delivery().await.0 != Delivery::Sent {
                sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .unwrap();
        world.storage.close().await;
        world.outbox.wake();
        sleep(Duration::from_millis(20)).await;
        assert!(!worker.is_finished());
        stop.send(true).unwrap();
        timeout(Duration::from_secs(10), worker).await.unwrap().unwrap();
    }
}

//! People who sign one change after the other, and the record of what they were answered.

use crate::support::{
    answer::{Answer, DONE, refused},
    live::{Client, NO_ANSWER, Server},
    signing::create_user,
};
use app::{
    action::change::Change,
    domain::id::ActionId,
    refusal::{Code, Refusal},
    rpc::change::{Prepared, Receipt},
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{task::JoinSet, time::sleep};

/// How long a test waits for what has to come.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until something is so.
macro_rules! wait_until {
    ($condition:expr, $($what:tt)+) => {{
        let began = std::time::Instant::now();
        while !$condition {
            assert!(began.elapsed() < $crate::load::PATIENCE, "in vain: {}", format!($($what)+));
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    }};
}

/// A change that was signed and handed in.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub action: ActionId,
    pub change: Change,
    pub outcome: Outcome,
}

/// What its signer knows of it.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It was done: here is the receipt.
    Acknowledged(Box<Receipt>),
    /// It wasn't done.
    Refused(Refusal),
    /// Nobody knows: no answer came, or one that says so.
    Unknown,
}

/// All that was handed in, and what is under way.
#[derive(Default)]
pub struct Ledger {
    attempts: Mutex<Vec<Attempt>>,
    in_flight: AtomicUsize,
    refused_before: AtomicUsize,
    missing: AtomicUsize,
}

impl Ledger {
    pub fn attempts(&self) -> Vec<Attempt> {
        self.attempts.lock().unwrap().clone()
    }

    fn count(&self, counts: impl Fn(&Outcome) -> bool) -> usize {
        self.attempts.lock().unwrap().iter().filter(|attempt| counts(&attempt.outcome)).count()
    }

    pub fn acknowledged(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Acknowledged(_)))
    }

    pub fn unknown(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Unknown))
    }

    /// How often there was no answer at all.
    pub fn missing(&self) -> usize {
        self.missing.load(Ordering::SeqCst)
    }

    /// Refused after it was signed.
    pub fn refused(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Refused(_)))
    }

    /// Refused when it was asked for, after or before it was signed.
    pub fn refused_at_all(&self) -> usize {
        self.refused() + self.refused_before.load(Ordering::SeqCst)
    }

    /// How many were handed in and aren't answered yet.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    pub fn figures(&self) -> String {
        let [acknowledged, refused, unknown] = [self.acknowledged(), self.refused_at_all(), self.unknown()];
        format!("{acknowledged} changes acknowledged, {refused} refused, {unknown} of which nobody knew")
    }

    pub fn note(&self, action: ActionId, change: &Change, outcome: Outcome) {
        self.attempts.lock().unwrap().push(Attempt { action, change: change.clone(), outcome });
    }

    /// Hands a signature in and writes down what came of it.
    pub async fn hand_in(&self, signer: &Loader, change: &Change, prepared: &Prepared, signature: &serde_json::Value) -> Answer {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        let answer = signer.client.person.commit(prepared, signature).await;
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        let outcome = if is_missing(&answer) {
            self.missing.fetch_add(1, Ordering::SeqCst);
            Outcome::Unknown
        } else if answer.verdict() == DONE {
            Outcome::Acknowledged(Box::new(answer.done()))
        } else {
            let refusal = in_words(&answer);
            if refusal.message.contains("isn't known") { Outcome::Unknown } else { Outcome::Refused(refusal) }
        };
        self.note(prepared.action, change, outcome);
        answer
    }
}

/// Whether there was none.
pub fn is_missing(answer: &Answer) -> bool {
    answer.headers.contains_key(NO_ANSWER)
}

/// A refusal for want of the database, as people are told it.
pub fn in_words(answer: &Answer) -> Refusal {
    assert_eq!(answer.verdict(), refused(Code::Unavailable), "{}", answer.text());
    let refusal = answer.refusal();
    let told =
        ["The server's storage doesn't answer at the moment. Nothing was changed.", "The server's storage broke off while this was saved"];
    assert!(told.iter().any(|words| refusal.message.starts_with(words)), "{}", refusal.message);
    assert_eq!(refusal.incident.as_deref().map(str::len), Some(8), "a number to quote");
    refusal
}

/// Somebody who goes on signing.
pub struct Loader {
    pub client: Client,
    random: fastrand::Rng,
    name: String,
    guests: usize,
}

enum Step {
    Answered,
    Refused,
    NoAnswer,
}

impl Loader {
    pub fn new(client: Client, random: fastrand::Rng, number: usize) -> Self {
        Self { client, random, name: format!("guest{number}"), guests: 0 }
    }

    /// An invitation that nobody had.
    pub fn invitation(&mut self) -> Change {
        self.guests += 1;
        create_user(&format!("{}.{}@example.org", self.name, self.guests))
    }

    /// One time in four an invitation; otherwise somebody is shut out or let in.
    fn choose(&mut self) -> Change {
        if self.random.u8(..4) == 0 { self.invitation() } else { self.client.toggle() }
    }

    async fn step(&mut self, ledger: &Ledger) -> Step {
        let change = self.choose();
        let answer = self.client.person.prepare(&change).await;
        if is_missing(&answer) {
            return Step::NoAnswer;
        }
        if answer.status == 409 {
            // What had no answer, or a refusal, was done after all.
            self.client.is_shut_out = !self.client.is_shut_out;
            return Step::Answered;
        }
        if answer.verdict() != DONE {
            in_words(&answer);
            ledger.refused_before.fetch_add(1, Ordering::SeqCst);
            return Step::Refused;
        }
        let prepared: Prepared = answer.done();
        let signature = self.client.person.signature(&prepared);
        let answer = ledger.hand_in(self, &change, &prepared, &signature).await;
        if is_missing(&answer) {
            return Step::NoAnswer;
        }
        if answer.verdict() != DONE {
            return Step::Refused;
        }
        if matches!(change, Change::DeactivateUser { .. } | Change::ActivateUser { .. }) {
            self.client.is_shut_out = !self.client.is_shut_out;
        }
        Step::Answered
    }
}

/// Many who sign at once.
pub struct Load {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<Loader>,
}

impl Load {
    /// They sign at these servers, in turn, until they are stopped or their server doesn't answer any more.
    pub fn begin(loaders: Vec<Loader>, servers: &[&Server], ledger: &Arc<Ledger>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for (number, mut loader) in loaders.into_iter().enumerate() {
            loader.client.moves_to(servers[number % servers.len()]);
            let (stop, ledger) = (Arc::clone(&stop), Arc::clone(ledger));
            tasks.spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    match loader.step(&ledger).await {
                        Step::Answered => {}
                        Step::Refused => sleep(Duration::from_millis(5)).await,
                        Step::NoAnswer => break,
                    }
                }
                loader
            });
        }
        Self { stop, tasks }
    }

    /// Lets them finish what they are at.
    pub async fn end(self) -> Vec<Loader> {
        self.stop.store(true, Ordering::SeqCst);
        self.gone().await
    }

    /// Waits until all of them have noticed that their server is gone.
    pub async fn gone(self) -> Vec<Loader> {
        let began = Instant::now();
        let mut loaders = tokio::time::timeout(PATIENCE, self.tasks.join_all()).await.unwrap_or_else(|_| panic!("a load doesn't end"));
        loaders.sort_by(|one, other| one.name.cmp(&other.name));
        assert!(began.elapsed() < PATIENCE);
        loaders
    }
}

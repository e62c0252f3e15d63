//! What comes from outside of the program and isn't a request: time and chance. Both are parameters, and `clippy.toml`
//! forbids reading them anywhere else, so that tests decide about them.

use app::domain::time::Timestamp;
use ring::rand::{SecureRandom, SystemRandom as Source};
use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Makes secrets, ids and nonces.
pub trait Random: Send + Sync {
    /// Fills the buffer with bytes that nobody can foresee.
    fn fill(&self, buffer: &mut [u8]);
}

impl dyn Random {
    /// So many bytes that nobody can foresee.
    pub fn bytes<const LENGTH: usize>(&self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        self.fill(&mut bytes);
        bytes
    }
}

/// Both, as they are handed around.
#[derive(Clone)]
pub struct Ambient {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes secrets, ids and nonces.
    pub random: Arc<dyn Random>,
}

impl Ambient {
    /// This machine's clock and random source.
    pub fn of_this_machine() -> Self {
        Self { clock: Arc::new(SystemClock), random: Arc::new(SystemRandom(Source::new())) }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The bits of a new id or secret.
    pub fn bytes<const LENGTH: usize>(&self) -> [u8; LENGTH] {
        self.random.bytes()
    }
}

/// How long something takes, for metrics. Nothing is decided by it, so it isn't a parameter.
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Begins.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Since it began.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn now(&self) -> Timestamp {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
    }
}

struct SystemRandom(Source);

impl Random for SystemRandom {
    #[expect(
        clippy::disallowed_methods,
        clippy::expect_used,
        reason = "the one place that reads it; without it nothing here is safe to go on"
    )]
    fn fill(&self, buffer: &mut [u8]) {
        self.0.fill(buffer).expect("the operating system gives random bytes");
    }
}

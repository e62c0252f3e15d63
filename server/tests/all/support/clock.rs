//! A clock that only goes when a test says so.

use app::domain::time::Timestamp;
use server::ambient::Clock;
use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

/// 2100-01-01T09:00:00Z. Later than today, because the session layer computes a cookie's Max-Age with this machine's clock:
/// one that began in the past would be thrown away by the browser.
const BEGINNING: i64 = 4_102_477_200_000;

/// Stands still, but for one millisecond at each reading: what happens later has a later time.
pub struct FakeClock(AtomicI64);

impl FakeClock {
    pub fn new() -> Self {
        Self(AtomicI64::new(BEGINNING))
    }

    /// Lets so much time pass.
    pub fn advance(&self, duration: Duration) {
        self.0.fetch_add(i64::try_from(duration.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Puts it to this time.
    pub fn set(&self, time: Timestamp) {
        self.0.store(time.as_millis(), Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

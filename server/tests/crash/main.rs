//! The real program is killed, and what it stands on is taken away, while several people sign changes: whatever was acknowledged is
//! there afterwards, nothing is half done, and it mends by itself.
//!
//! Every test prints its seed and how much happened. `COUNTERSIGN_CRASH_ROUNDS` says how often there is a kill (12 unless it is set),
//! `COUNTERSIGN_CRASH_SEED` repeats a seed; what the machine makes of it is never quite the same. PostgreSQL is named as for the other
//! tests; where it has to be stopped, there is a cluster of the test's own.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that can't go on may panic where it stands, and its name is its documentation"
)]
#![allow(clippy::disallowed_methods, reason = "a real server lives in real time")]

#[allow(dead_code, unused_macros, reason = "the other tests use more of it")]
#[macro_use]
#[path = "../all/support/mod.rs"]
mod support;

#[macro_use]
mod load;

mod cluster;
mod cut;
mod database_file;
mod full_disk;
mod kill;
mod lost_postgres;
mod proxy;
mod silent;
mod two_servers;
mod world;

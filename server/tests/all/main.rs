//! The server from the outside: requests in, answers, mails and tables out. The files are laid out like the URLs; a test
//! reads as a story. Every story that touches the database is told twice, on SQLite and on PostgreSQL.
//!
//! PostgreSQL is named by `COUNTERSIGN_TEST_POSTGRES` (`server/tests/postgres.sh start` prints a URL for it). Without it
//! that half is left out and says so; with `COUNTERSIGN_REQUIRE_POSTGRES=1` it fails instead.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that can't go on may panic where it stands, and its name is its documentation"
)]

#[macro_use]
mod support;

mod account;
mod api;
mod architecture;
mod asvs;
mod attacks;
mod authorization;
mod backup;
mod break_glass;
mod check;
mod concurrency;
mod dev_mail;
mod get_started;
mod http;
mod mail;
mod operations;
mod org;
mod programs;
mod recovery;
mod retention;
mod rotation;
mod sessions;
mod sign_in;
mod storage;
mod supply_chain;
mod tenants;
mod trouble;

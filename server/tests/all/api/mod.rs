//! The HTTP API, as a program sees it.

mod authorization;
mod countersign;
mod credentials;
mod customers;
mod description;
mod http;
mod log_in;
mod logs;
mod permissions;
pub(crate) mod programs;
mod registration;
mod signing;
mod users;

use crate::support::answer::Answer;

/// Asserts that a call was refused so.
#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.error(), (status, code.to_owned()), "{}", answer.text());
}

//! What the stories are told with.

#[macro_use]
pub mod database;
pub mod answer;
pub mod app;
pub mod at_once;
pub mod authenticator;
pub mod blessed;
pub mod browser;
pub mod caller;
pub mod clock;
pub mod company;
pub mod device;
pub mod html;
pub mod key;
#[allow(dead_code, clippy::disallowed_methods, reason = "the load generator and the crash tests use it, over real time")]
pub mod live;
pub mod logs;
pub mod other_device;
pub mod own_account;
pub mod person;
pub mod postgres;
pub mod recovery;
pub mod signing;
pub mod smtp;

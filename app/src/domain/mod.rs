//! The words of Countersign as types: ids, names, times, people, organizations.
//!
//! Pure: nothing here knows leptos, I/O, async or a clock, so that browser, server and command line share it.

pub mod activity;
pub mod browser;
pub mod credential;
pub mod handle;
pub mod id;
pub mod operation;
pub mod provider;
pub mod text;
pub mod time;
pub mod user;

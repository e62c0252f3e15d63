//! `/account`: kit, sessions, activity.

mod activity;
mod kit;
mod sessions;

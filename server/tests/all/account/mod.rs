//! `/account`: passkeys, kit, sessions, activity.

mod activity;
mod kit;
mod passkeys;
mod replacing_kit;
mod sessions;

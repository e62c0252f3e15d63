//! `/account`: passkeys, kit, sessions, activity.

mod activity;
mod kit;
mod other_device;
mod passkeys;
mod replacing_kit;
mod sessions;

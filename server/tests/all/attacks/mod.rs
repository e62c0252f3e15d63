//! From an attacker's side, against the whole server: each file is a way in that hostile people try.

mod cookies;
mod csrf;
mod enumeration;
mod fixation;
mod flood;
mod guessing;
mod headers;
mod input;
mod limits;
mod log;
mod mail;
mod races;
mod redirects;
mod reports;
mod secrets;
mod stale;
mod wire;

//! Documents and entries as bytes: what is signed today must read the same for ever. The files in `golden/` hold a document
//! of every change and an entry of every kind, byte for byte, and what their signatures commit to; whatever else a document
//! can hold is tried by chance.
//!
//! A change of the format shows as a change of these files. To write them anew:
//!
//! ```text
//! COUNTERSIGN_BLESS=1 cargo test -p app --features ssr --test documents
//! ```
#![cfg(feature = "ssr")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on may panic where it stands")]

#[path = "history/authenticator.rs"]
#[allow(dead_code, reason = "the histories' stories need more of it")]
mod authenticator;
#[path = "documents/chance.rs"]
mod chance;
#[path = "documents/every_change.rs"]
mod every_change;
#[path = "documents/golden.rs"]
mod golden;
#[path = "documents/spelling.rs"]
mod spelling;
#[path = "history/story.rs"]
#[allow(dead_code, reason = "the histories' stories need more of it")]
mod story;

//! Histories as an honest server writes them verify, and spoiled ones don't: whatever is changed, left out, repeated, or
//! signed by the wrong hand is found, and found where it is.
#![cfg(feature = "ssr")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on may panic where it stands")]

#[path = "history/authenticator.rs"]
mod authenticator;
#[path = "history/authority.rs"]
mod authority;
#[path = "history/documents.rs"]
mod documents;
#[path = "history/enrolment.rs"]
mod enrolment;
#[path = "history/own_account.rs"]
mod own_account;
#[path = "history/registrations.rs"]
mod registrations;
#[path = "history/server_key.rs"]
mod server_key;
#[path = "history/signatures.rs"]
mod signatures;
#[path = "history/story.rs"]
mod story;
#[path = "history/tampered.rs"]
mod tampered;
#[path = "history/whole.rs"]
mod whole;

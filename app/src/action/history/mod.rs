//! History: an organization's append-only list of what was executed, with the proofs.
//!
//! ```text
//! entry 0    genesis        the organization, its first admin, the credentials that they registered
//! entry n    registration   an invited user's credentials
//!            action         a signed document
//!            …              and what else `entry::What` names
//! ```
//!
//! An entry is one line of canonical JSON. The lines are the leaves of a Merkle tree ([`merkle`]); a [`checkpoint`] says how
//! many there are and what the tree's root is, signed by the server. [`replay`] goes through the lines of an export and
//! believes nothing; [`reader`] says what a single entry shows. What the server states in it by itself, signed by its own keys, is in
//! [`statement`].

#[cfg(feature = "ssr")]
pub mod checkpoint;
pub mod entry;
#[cfg(feature = "ssr")]
pub mod merkle;
pub mod reader;
#[cfg(feature = "ssr")]
pub mod replay;
#[cfg(feature = "ssr")]
pub mod state;
pub mod statement;

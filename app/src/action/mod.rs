//! What a signature means here: the strict reading of what an authenticator says, and the recovery kit's code.
//!
//! Everything is pure: bytes in, a verdict out, no clock, no randomness, no I/O. Hashing and signature checks belong to
//! the caller (`ring` on the server and the command line, WebCrypto in the browser), so that the browser's bundle
//! carries no cryptography.
//!
//! ```text
//! clientDataJSON    ──► client_data ──────────┐
//! authenticatorData ──► authenticator_data ───┤
//!                         │                   ├──► verify ──► message, key, signature ──► ring | WebCrypto
//!                         ▼                   │
//!                        cbor ◄── cose ───────┘
//! COSE public key   ───────────────►
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that can't go on may panic where it stands"))]

pub mod account_change;
pub mod authenticator_data;
pub mod bytes;
pub mod cbor;
pub mod challenge;
pub mod change;
pub mod client_data;
pub mod cose;
pub mod document;
pub mod ecdsa;
pub mod history;
pub mod key;
pub mod recovery_code;
pub mod recovery_key;
pub mod review;
pub mod rules;
pub mod sentence;
pub mod verify;

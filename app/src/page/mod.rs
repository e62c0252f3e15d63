//! The pages, one file (or folder) a route. They are rendered by the server only; what lives in the browser are their islands.

pub mod account;
pub mod add_passkey;
pub mod dev_mail;
pub mod get_started;
mod identity;
pub mod login;
pub mod not_found;
pub mod org;
mod program;
pub mod recover;
pub mod trouble;
pub mod welcome;

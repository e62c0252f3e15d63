//! The server: everything that needs a machine. `main.rs` only calls [`cli::run`].

pub mod action;
pub mod ambient;
pub mod api;
pub mod cli;
pub mod client;
pub mod code;
pub mod config;
pub mod http;
pub mod log;
pub mod mail;
pub mod metrics;
pub mod passkey;
pub mod secret;
pub mod service;
pub mod storage;

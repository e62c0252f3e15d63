//! What anyone may know about this server.

use crate::{domain::time::Timestamp, refusal::Refusal};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// Who may create an organization here, as the operator chose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Founding {
    /// Anyone who reaches the page.
    Open,
    /// Nobody (any more).
    Closed {
        /// Whom to ask, in the operator's words.
        contact: Option<String>,
    },
}

/// Where mails go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailDelivery {
    /// To the operator's mail server.
    Smtp,
    /// To `/dev/mail` on this machine, because no mail server was configured.
    LocalMailbox,
}

/// What this server is and allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Where people reach it, as in `https://id.example.org`.
    pub origin: String,
    /// Who may create organizations.
    pub founding: Founding,
    /// Where mails go.
    pub mail: MailDelivery,
}

/// One mail of the local mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalMail {
    /// Its id in the outbox.
    pub id: String,
    /// Whom it is for.
    pub to: String,
    /// Its subject.
    pub subject: String,
    /// Its plain text part.
    pub text: String,
    /// When it was written.
    pub written_at: Timestamp,
}

/// What this server is and allows.
///
/// # Errors
/// When the server can't tell.
#[server(GetAbout, prefix = "/rpc", endpoint = "about")]
pub async fn about() -> Result<About, Refusal> {
    super::answer(crate::port::backend()?.about().await)
}

/// The local mailbox, newest first.
///
/// # Errors
/// `NotFound` unless this server keeps one.
#[server(prefix = "/rpc", endpoint = "local_mails")]
pub async fn local_mails() -> Result<Vec<LocalMail>, Refusal> {
    super::answer(crate::port::backend()?.local_mails().await)
}

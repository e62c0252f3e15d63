//! Where mails go: the one thing that a mail server ([`super::smtp`]), the local mailbox, and tests have in common.

use super::Message;
use app::domain::{id::MailId, time::Timestamp};
use async_trait::async_trait;
use std::io::Write;

/// A mail on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Its id in the outbox; the Message-ID is made of it.
    pub id: MailId,
    /// When it was written, which is its date at every attempt.
    pub written_at: Timestamp,
    /// What it says.
    pub message: Message,
}

/// What became of a mail that a transport took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// A mail server has it, and said this: our copy is removed.
    Handed(String),
    /// It is read here: our copy stays until it expires.
    Kept,
}

/// Why a mail wasn't taken, in the mail server's own words, for admins; never with the mail's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// Worth another try.
    #[error("{0}")]
    Passing(String),
    /// This mail will never be taken.
    #[error("{0}")]
    Permanent(String),
}

/// Delivers mails.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Delivers one mail. It must come to an end in less than [`super::worker::LEASE`], or another worker may deliver the
    /// mail a second time.
    ///
    /// # Errors
    /// Tells whether another try makes sense.
    async fn deliver(&self, mail: &Outgoing) -> Result<Accepted, DeliveryError>;
}

/// The transport of a server on localhost without a mail server: mails stay in the outbox, where the page `/dev/mail` reads
/// them, and the terminal says that there is one.
pub struct LocalMailbox {
    page: String,
    announce: Box<dyn Fn(&str) + Send + Sync>,
}

impl LocalMailbox {
    /// Announces mails in the terminal. `origin` as in `http://localhost:3000`.
    pub fn new(origin: &str) -> Self {
        Self::announcing(origin, |line| {
            // A terminal that is gone must not stop the server, which `println!` would.
            let _ = writeln!(std::io::stdout(), "{line}");
        })
    }

    /// Announces mails this way, a line each.
    pub fn announcing(origin: &str, announce: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { page: format!("{}/dev/mail", origin.trim_end_matches('/')), announce: Box::new(announce) }
    }
}

#[async_trait]
impl Transport for LocalMailbox {
    async fn deliver(&self, mail: &Outgoing) -> Result<Accepted, DeliveryError> {
        // Never the text: terminals get recorded, and it holds a code.
        (self.announce)(&format!("Mail for {}: “{}”. Read it at {}", mail.message.to, mail.message.subject, self.page));
        Ok(Accepted::Kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use app::domain::text::EmailAddress;
    use std::sync::{Arc, Mutex};

    #[tokio::test]
    async fn the_local_mailbox_says_where_to_read_and_not_what() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let heard = lines.clone();
        let mailbox = LocalMailbox::announcing("http://localhost:3000/", move |line| heard.lock().unwrap().push(line.to_owned()));
        let message = Message {
            to: EmailAddress::parse("ada@example.org").unwrap(),
            subject: "Welcome".into(),
            text: "code 1234".into(),
            html: "code 1234".into(),
        };
        let mail = Outgoing { id: MailId::from_bytes([1; 16]), written_at: Timestamp::from_millis(0), message };
        assert_eq!(mailbox.deliver(&mail).await, Ok(Accepted::Kept));
        assert_eq!(*lines.lock().unwrap(), ["Mail for ada@example.org: “Welcome”. Read it at http://localhost:3000/dev/mail"]);
    }
}

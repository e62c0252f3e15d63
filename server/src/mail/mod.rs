//! Mail: what the server has to tell people outside of the browser, promised in the same transaction as the change it is
//! about, and delivered after it. The text waits encrypted, because it carries registration codes, and is removed from the
//! database once a mail server has it.
//!
//! ```text
//! transaction ──► Outbox::queue ──► outbox row, sealed ──(commit)──► worker ──► Transport ──► SMTP, or /dev/mail
//!      └── commit, then Outbox::wake ─────────────────────────────────▲  └──► sent · later · given up
//! ```

mod layout;
pub mod message;
pub mod smtp;
pub mod transport;
pub mod worker;

pub use layout::grouped;

use crate::{
    ambient::Ambient,
    secret::{SealError, ServerSecret},
    storage::{
        Connection, StorageError,
        activity::{self, Event},
        outbox,
    },
};
use app::domain::{
    activity::ActivityKind,
    id::{ActivityId, MailId, OrganizationId, UserId},
    text::EmailAddress,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, fmt, sync::Arc};
use tokio::sync::Notify;

/// A mail, as it will be read.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Where it goes.
    pub to: EmailAddress,
    /// One line; it holds no code, because notifications show it on locked screens.
    pub subject: String,
    /// The plain part.
    pub text: String,
    /// The HTML part, which says the same.
    pub html: String,
}

/// Without its parts, which hold codes.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("to", &self.to.as_str()).field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// Why a mail can't be queued or read.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// A line break or another control character where it could begin a header of its own.
    #[error("a mail's recipient or subject holds a control character")]
    Header,
    /// Sealed under another secret, or changed.
    #[error("a mail's text can't be sealed or opened")]
    Seal(#[from] SealError),
    /// Opened, but it isn't a mail's parts.
    #[error("a mail's text isn't in a form that this version reads")]
    Form(#[from] serde_json::Error),
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// What is sealed. The recipient isn't part of it: it has a column of its own.
#[derive(Serialize, Deserialize)]
struct Parts<'a> {
    subject: Cow<'a, str>,
    text: Cow<'a, str>,
    html: Cow<'a, str>,
}

/// Where mails are promised.
#[derive(Clone)]
pub struct Outbox {
    secret: ServerSecret,
    ambient: Ambient,
    wake: Arc<Notify>,
}

impl Outbox {
    /// An outbox whose mails are sealed under this secret. Clones wake the same worker.
    pub fn new(secret: ServerSecret, ambient: Ambient) -> Self {
        Self { secret, ambient, wake: Arc::new(Notify::new()) }
    }

    /// The server's secret, under which mails are sealed.
    pub fn secret(&self) -> &ServerSecret {
        &self.secret
    }

    /// Promises a mail in the caller's transaction. Call [`Outbox::wake`] once that is committed.
    ///
    /// # Errors
    /// [`MailError::Header`] when recipient or subject could break out of their header; [`MailError::Storage`] when the
    /// database fails. Nothing is queued then.
    pub async fn queue(
        &self,
        db: &mut Connection,
        message: &Message,
        organization: OrganizationId,
        user: UserId,
        expires_at: Timestamp,
    ) -> Result<(), MailError> {
        message.check_headers()?;
        let id = MailId::from_bytes(self.ambient.bytes());
        let parts = Parts { subject: (&message.subject).into(), text: (&message.text).into(), html: (&message.html).into() };
        let mail = outbox::NewMail {
            id,
            organization,
            user,
            recipient: message.to.clone(),
            sealed: self.secret.seal(&id.to_string(), &serde_json::to_string(&parts)?, &self.ambient)?,
            created_at: self.ambient.now(),
            expires_at,
        };
        outbox::insert(db, &mail).await?;
        let event = Event {
            at: mail.created_at,
            kind: ActivityKind::MailWritten,
            detail: message.subject.clone(),
            address: String::new(),
            user_agent: String::new(),
        };
        Ok(activity::insert(db, ActivityId::from_bytes(self.ambient.bytes()), organization, user, &event).await?)
    }

    /// Encrypts anew, in the caller's transaction, whatever waits under the secret of before. What opens under neither stays as it is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn seal_anew(&self, db: &mut Connection, before: &ServerSecret) -> Result<(), MailError> {
        for (id, sealed) in outbox::sealed(db).await? {
            if let Ok(text) = before.open(&id.to_string(), &sealed) {
                outbox::seal_anew(db, id, &self.secret.seal(&id.to_string(), &text, &self.ambient)?).await?;
            }
        }
        Ok(())
    }

    /// Tells the worker that something was committed, so that it doesn't wait for its next round.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Opens a queued mail: for the worker, and for the local mailbox's page.
    ///
    /// # Errors
    /// [`MailError::Seal`] or [`MailError::Form`] when it was sealed under another secret, changed, or written by another
    /// version.
    pub fn open(&self, mail: &outbox::QueuedMail) -> Result<Message, MailError> {
        let opened = self.secret.open(&mail.id.to_string(), &mail.sealed)?;
        let parts: Parts<'_> = serde_json::from_str(&opened)?;
        Ok(Message {
            to: mail.recipient.clone(),
            subject: parts.subject.into_owned(),
            text: parts.text.into_owned(),
            html: parts.html.into_owned(),
        })
    }
}

impl Message {
    /// The types of addresses and names let no such character in; this is the second lock, for what is said without them.
    fn check_headers(&self) -> Result<(), MailError> {
        if [self.to.as_str(), &self.subject].iter().any(|header| header.contains(char::is_control)) {
            Err(MailError::Header)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{worker::tests::World, *};

    fn message(subject: &str) -> Message {
        Message {
            to: EmailAddress::parse("ada@example.org").unwrap(),
            subject: subject.into(),
            text: "the code is 1234".into(),
            html: "<p>the code is 1234</p>".into(),
        }
    }

    #[tokio::test]
    async fn a_mail_is_queued_sealed_and_opens_again() {
        let world = World::new().await;
        let written = message("Welcome");
        world.queue(&written).await;
        let queued = world.waiting().await.pop().unwrap();
        assert!(!queued.sealed.contains("code"));
        assert_eq!(queued.recipient, written.to);
        assert_eq!(world.outbox.open(&queued).unwrap(), written);
        let moved = outbox::QueuedMail { id: MailId::from_bytes([9; 16]), ..queued };
        assert!(matches!(world.outbox.open(&moved), Err(MailError::Seal(_))));
    }

    #[tokio::test]
    async fn a_mail_belongs_to_the_transaction_it_was_promised_in() {
        let world = World::new().await;
        let mut transaction = world.storage.begin().await.unwrap();
        world.outbox.queue(&mut transaction, &message("Welcome"), world.organization, world.user, World::expiry()).await.unwrap();
        drop(transaction);
        assert!(world.waiting().await.is_empty());
    }

    #[tokio::test]
    async fn a_subject_can_not_begin_another_header() {
        let world = World::new().await;
        for subject in ["Hi\r\nBcc: eve@example.org", "Hi\nBcc: eve@example.org", "Hi\rX", "Hi\0"] {
            let mut db = world.storage.connection().await.unwrap();
            let refused = world.outbox.queue(&mut db, &message(subject), world.organization, world.user, World::expiry()).await;
            assert!(matches!(refused, Err(MailError::Header)), "{subject:?}");
        }
        assert!(world.waiting().await.is_empty());
    }

    #[test]
    fn debugging_a_mail_shows_no_code() {
        assert!(!format!("{:?}", message("Welcome")).contains("1234"));
    }
}

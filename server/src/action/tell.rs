//! Tells people by mail what happened to their account: when, from where, and what to do if it wasn't them.

use super::{ActionError, Actor, Road};
use crate::{
    client::Client,
    mail::message::{self, AccountEvent},
    storage::{Connection, organizations},
};
use app::{
    action::{account_change::AccountChange, change::UserRef},
    domain::{id::OrganizationId, time::Timestamp},
};
use std::time::Duration;

/// After that the news is old.
const WORTH_SENDING: Duration = Duration::from_hours(24);

/// What happened to someone's account.
pub struct Event {
    /// The mail's subject.
    pub subject: &'static str,
    /// The same with names, as a sentence.
    pub sentence: String,
}

impl Event {
    /// The recovery kit was tested.
    pub fn kit_tested() -> Self {
        Self { subject: "Your recovery kit was tested", sentence: "Your recovery kit was tested, and works. It isn't used up.".to_owned() }
    }

    /// Sessions were ended.
    pub fn sessions_ended() -> Self {
        Self {
            subject: "Sessions of your account were ended",
            sentence: "You were signed out in one or more browsers, from the one named below.".to_owned(),
        }
    }

    pub(super) fn of(change: &AccountChange) -> Self {
        match change {
            AccountChange::AddPasskey { name, .. } => Self {
                subject: "A passkey was added to your account",
                sentence: format!("The passkey “{name}” was added to your account. It can sign in as you, and sign in your name."),
            },
            AccountChange::RenamePasskey { before, after, .. } => Self {
                subject: "A passkey of your account was renamed",
                sentence: format!("Your passkey “{before}” is called “{after}” now."),
            },
            AccountChange::RemovePasskey { name, .. } => Self {
                subject: "A passkey was removed from your account",
                sentence: format!("The passkey “{name}” was removed from your account."),
            },
            AccountChange::ReplaceRecoveryKey { .. } => Self {
                subject: "Your recovery kit was replaced",
                sentence: "Your recovery kit was replaced. The one before doesn't work any more: destroy it.".to_owned(),
            },
        }
    }
}

impl Road {
    /// Queues the mail to the account's owner, in the caller's transaction.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tell(
        &self,
        db: &mut Connection,
        organization: OrganizationId,
        whom: &UserRef,
        event: &Event,
        from: &Client,
        at: Timestamp,
    ) -> Result<(), ActionError> {
        let organization_name = organizations::find_name(db, organization).await?.unwrap_or_default();
        let message = message::account_event(&AccountEvent {
            to: &whom.email,
            organization: &organization_name,
            subject: event.subject,
            sentence: &event.sentence,
            at,
            from: &from.in_words(),
            origin: &self.site.origin,
        });
        Ok(self.outbox.queue(db, &message, organization, whom.id, at.plus(WORTH_SENDING)).await?)
    }

    /// [`Self::tell`], by whoever knows only the ids.
    ///
    /// # Errors
    /// [`ActionError::NotActive`] when they aren't, or when the database fails.
    pub async fn tell_active(&self, db: &mut Connection, whom: Actor, event: &Event, from: &Client) -> Result<(), ActionError> {
        let (user, _) = super::held_by_active(db, whom).await?;
        self.tell(db, whom.organization, &user, event, from, self.ambient.now()).await?;
        self.outbox.wake();
        Ok(())
    }
}

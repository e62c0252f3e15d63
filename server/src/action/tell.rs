//! Tells people by mail what happened to their account: when, from where, and what to do if it wasn't them.

use super::{ActionError, Actor, Grounds, Road};
use crate::{
    client::Client,
    mail::message::{self, AccountEvent},
    storage::{Connection, organizations, permissions},
};
use app::{
    action::{account_change::AccountChange, change::UserRef},
    domain::{id::OrganizationId, text::EmailAddress, time::Timestamp},
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

    /// Something was registered through the API.
    pub(super) fn enrolled(grounds: Grounds) -> Self {
        match grounds {
            Grounds::Recovery => Self {
                subject: "Your account was recovered",
                sentence:
                    "Your account was recovered through the API with its recovery key. Every passkey, key and session of before has ended."
                        .to_owned(),
            },
            Grounds::OwnChange | Grounds::Invitation { .. } | Grounds::Code { .. } => Self {
                subject: "A passkey or key was added to your account",
                sentence:
                    "A passkey or key was added to your account through the API, by a code. It can sign in as you, and sign in your name."
                        .to_owned(),
            },
        }
    }

    /// The server's operator let its owner enrol again.
    pub(super) fn break_glass() -> Self {
        Self {
            subject: "Break-glass: your account was opened by the server's operator",
            sentence: "Whoever runs the server has ended your passkeys, your recovery kit and your sessions, and made a code with which you enrol \
                       again. They hand it to you by another way than mail."
                .to_owned(),
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
            AccountChange::Recover { name, .. } => Self {
                subject: "Your account was recovered",
                sentence: format!(
                    "Your account was recovered with its recovery kit. Every passkey, the kit and every session of before have ended; the new passkey \
                     is called “{name}”."
                ),
            },
            AccountChange::AddKey { name, .. } => Self {
                subject: "A key was added to your account",
                sentence: format!(
                    "The key “{name}” was added to your account. Whatever program has it can sign in as you, and sign in your name."
                ),
            },
            AccountChange::SetRecoveryKey { name, .. } => Self {
                subject: "Your recovery key was replaced",
                sentence: format!(
                    "“{name}” is the recovery key of your account now. The recovery kit or key before it doesn't work any more."
                ),
            },
            AccountChange::DeactivateCredential { name, .. } => Self {
                subject: "A passkey or key of your account was deactivated",
                sentence: format!("“{name}” can't sign in as you until you activate it again."),
            },
            AccountChange::ActivateCredential { name, .. } => Self {
                subject: "A passkey or key of your account was activated",
                sentence: format!("“{name}” can sign in as you again, and sign in your name."),
            },
            AccountChange::AllowCredential { until } => Self {
                subject: "A code was made that adds a credential to your account",
                sentence: format!("Whoever has the code can add one passkey or key to your account until {}.", until.to_minute()),
            },
            AccountChange::ReplaceRecoveryKey { .. } => Self {
                subject: "Your recovery kit was replaced",
                sentence: "Your recovery kit was replaced. The one before doesn't work any more: destroy it.".to_owned(),
            },
        }
    }
}

/// What admins are told of somebody's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AdminEvent {
    /// It was recovered with its kit.
    Recovered,
    /// The server's operator let its owner enrol again.
    BreakGlass,
}

impl AdminEvent {
    const fn subject(self) -> &'static str {
        match self {
            Self::Recovered => "A user of your organization recovered their account",
            Self::BreakGlass => "Break-glass: the server's operator opened an account of your organization",
        }
    }

    fn sentence(self, whom: &EmailAddress) -> String {
        match self {
            Self::Recovered => format!(
                "{whom} recovered their account with the recovery kit and a code from their mail. Every passkey and session of before has ended; \
                 their permissions stay. If they don't know of it, deactivate them at once."
            ),
            Self::BreakGlass => format!(
                "Whoever runs the server has ended the passkeys, the recovery kit and the sessions of {whom}, on the server's own machine, and made a \
                 code to enrol again. Nobody of the organization signed this; it stands in the history, marked. If you didn't ask for it, ask them now."
            ),
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
        from: &str,
        at: Timestamp,
    ) -> Result<(), ActionError> {
        // Programs read no mail.
        let Some(to) = whom.handle.email() else { return Ok(()) };
        let organization_name = organizations::find_name(db, organization).await?.unwrap_or_default();
        let message = message::account_event(&AccountEvent {
            to,
            organization: &organization_name,
            subject: event.subject,
            sentence: &event.sentence,
            at,
            from,
            origin: &self.site.origin,
            contact: self.site.contact.as_deref(),
        });
        Ok(self.outbox.queue(db, &message, organization, whom.id, at.plus(WORTH_SENDING)).await?)
    }

    /// Queues a mail to every other active admin, in the caller's transaction.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn tell_admins(
        &self,
        db: &mut Connection,
        organization: OrganizationId,
        whom: &UserRef,
        event: AdminEvent,
        from: &str,
        at: Timestamp,
    ) -> Result<(), ActionError> {
        let organization_name = organizations::find_name(db, organization).await?.unwrap_or_default();
        let Some(email) = whom.handle.email() else { return Ok(()) };
        let others = permissions::full_admins(db, organization).await?.into_iter().filter(|(admin, _)| *admin != whom.id);
        for (admin, to) in others {
            let message = message::admin_event(&message::AdminEvent {
                to: &to,
                organization: &organization_name,
                subject: event.subject(),
                sentence: &event.sentence(email),
                whom: email,
                at,
                from,
                link: &format!("{}/org/users/{}", self.site.origin, whom.id),
            });
            self.outbox.queue(db, &message, organization, admin, at.plus(WORTH_SENDING)).await?;
        }
        Ok(())
    }

    /// Queues a mail to every active admin that the server's key, of which the entry at `index` speaks, was changed, in the caller's
    /// transaction.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn tell_of_key_change(
        &self,
        db: &mut Connection,
        organization: OrganizationId,
        index: u64,
        at: Timestamp,
    ) -> Result<(), ActionError> {
        let organization_name = organizations::find_name(db, organization).await?.unwrap_or_default();
        for (admin, to) in permissions::full_admins(db, organization).await? {
            let message = message::key_change(&message::KeyChange {
                to: &to,
                organization: &organization_name,
                at,
                link: &format!("{}/org/history/{index}", self.site.origin),
            });
            self.outbox.queue(db, &message, organization, admin, at.plus(WORTH_SENDING)).await?;
        }
        Ok(())
    }

    /// [`Self::tell`], by whoever knows only the ids.
    ///
    /// # Errors
    /// [`ActionError::NotActive`] when they aren't, or when the database fails.
    pub async fn tell_active(&self, db: &mut Connection, whom: Actor, event: &Event, from: &Client) -> Result<(), ActionError> {
        let (identity, _) = super::held_by_active(db, whom).await?;
        self.tell(db, whom.organization, &identity.as_user(), event, &from.in_words(), self.ambient.now()).await?;
        self.outbox.wake();
        Ok(())
    }
}

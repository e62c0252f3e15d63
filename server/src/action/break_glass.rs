//! Break-glass: whoever runs the server lets someone enrol again who lost everything, where nobody else of the organization
//! could. Nobody signs that but the server, so it stands in history as what it is, and every admin is told.

use super::{ActionError, Actor, Event, Road, apply::end_all, key_change::key_in_force, tell::AdminEvent};
use crate::storage::{Connection, StorageError, commit as save, history, registrations, users};
use app::{
    action::{
        bytes::Bytes,
        change::UserRef,
        history::{
            entry::{self, Entry, What},
            statement::{BreakGlass, Statement, break_glass_message},
        },
    },
    domain::{time::Timestamp, user::UserStatus},
    rpc::change::Invitation,
};

impl Road {
    /// Ends everything that this user signs with, and makes a code with which they enrol again.
    ///
    /// # Errors
    /// [`ActionError::NotActive`] when there is no such user, or they are deactivated: that is for an admin to take back.
    /// [`ActionError::AnotherSecret`] when the key in force is another one's.
    pub async fn break_glass(&self, whom: Actor) -> Result<Invitation, ActionError> {
        let code = self.fresh_code().await?;
        let mut transaction = self.storage.begin().await?;
        let head = history::claim_head(&mut transaction, whom.organization).await?.ok_or(ActionError::NotActive)?;
        self.check_own_history(&mut transaction, whom).await?;
        let now = self.ambient.now();
        let user = users::find(&mut transaction, whom.organization, whom.user)
            .await?
            .filter(|user| user.status() != UserStatus::Deactivated && user.is_organization_active)
            .ok_or(ActionError::NotActive)?;
        let named = UserRef { id: user.id, handle: user.email.into() };
        begin_anew(&mut transaction, whom, now).await?;
        let invitation = self.invite(&mut transaction, whom.organization, &named, code, now).await?;
        let statement = Statement { index: head.size(), organization: whom.organization, executed_at: now, user: named.clone() };
        let statement = statement.to_bytes()?;
        let signature = self.signer.sign_message(&break_glass_message(&statement));
        let what = What::BreakGlass(Box::new(BreakGlass { statement: Bytes(statement), signature: Bytes(signature) }));
        let line = Entry { v: entry::VERSION, index: head.size(), organization: whom.organization, executed_at: now, what }.to_line()?;
        let new = history::NewEntry {
            organization: whom.organization,
            line: &line,
            action: None,
            credential: None,
            actor: Some(whom.user),
            subject: Some(whom.user),
            registers: &[],
        };
        history::append(&mut transaction, head, new).await?;
        let from = "the server's own machine";
        self.tell_admins(&mut transaction, whom.organization, &named, AdminEvent::BreakGlass, from, now).await?;
        self.tell(&mut transaction, whom.organization, &named, &Event::break_glass(), from, now).await?;
        save(transaction).await?;
        tracing::warn!(user = %whom.user, "the glass was broken");
        Ok(invitation)
    }

    /// Under another secret than the one whose key is in force, what is signed here would never verify, and everything after it
    /// neither.
    async fn check_own_history(&self, db: &mut Connection, whom: Actor) -> Result<(), ActionError> {
        match key_in_force(db, whom.organization).await? {
            Some(in_force) if in_force.key == self.signer.key() => Ok(()),
            Some(_) => Err(ActionError::AnotherSecret),
            None => Err(ActionError::NotActive),
        }
    }
}

/// What a user signs with ends, with what was under way.
pub(super) async fn begin_anew(db: &mut Connection, whom: Actor, now: Timestamp) -> Result<(), StorageError> {
    users::begin_anew(db, whom.organization, whom.user).await?;
    end_all(db, whom, now).await?;
    registrations::end_of_user(db, whom.user, now).await
}

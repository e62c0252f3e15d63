//! `countersign break-glass`: the way back for a lone admin who lost every passkey and the recovery kit. It leaves a mark in
//! history that everyone sees, and tells every admin.

use super::organization::{OrganizationError, chosen};
use crate::{
    action::{ActionError, Actor},
    service::Services,
    storage::{StorageError, users},
};
use app::{
    domain::{id::OrganizationId, text::EmailAddress},
    rpc::change::Invitation,
};
use std::io::{self, BufRead, Write};

/// Whom to let in.
#[derive(Debug, Clone, clap::Args)]
pub struct BreakGlass {
    /// Mail address of the user who lost every passkey and the recovery kit
    #[arg(long)]
    user: String,
    /// Their organization, by id; may be left out when there is one organization only
    #[arg(long)]
    organization: Option<OrganizationId>,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum BreakGlassError {
    /// Which organization isn't clear.
    #[error(transparent)]
    Organization(#[from] OrganizationError),
    /// There is no such user.
    #[error("nobody in this organization has the mail address {0}")]
    NoSuchUser(String),
    /// An admin shut them out, and only an admin can take that back.
    #[error("{0} is deactivated: only an admin of the organization can let them in again")]
    Deactivated(String),
    /// The operator thought better of it.
    #[error("what was typed isn't {0}: nothing was changed")]
    NotConfirmed(String),
    /// The terminal is gone.
    #[error("the answer can't be read: {0}")]
    Terminal(#[from] io::Error),
    /// The database can't be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// It can't be done.
    #[error(transparent)]
    Action(#[from] ActionError),
}

/// Asks whether it is meant, and does it; what to hand to the user.
///
/// # Errors
/// Why not; then nothing was changed.
pub async fn break_glass(
    services: &Services,
    what: &BreakGlass,
    answers: &mut dyn BufRead,
    words: &mut dyn Write,
) -> Result<Invitation, BreakGlassError> {
    let organization = chosen(services, what.organization).await?;
    let no_such_user = || BreakGlassError::NoSuchUser(what.user.clone());
    let email = EmailAddress::parse(&what.user).map_err(|_| no_such_user())?;
    let mut db = services.storage.connection().await?;
    let user = users::find_by_email(&mut db, &email, Some(organization)).await?.ok_or_else(no_such_user)?;
    drop(db);
    if user.deactivated_at.is_some() {
        return Err(BreakGlassError::Deactivated(user.email.into()));
    }
    writeln!(
        words,
        "This ends every passkey, the recovery kit and every session of {} in “{}” ({organization}),\n\
         and makes a code with which whoever has it enrols as this user, with their permissions.\n\
         It stands in the organization's history for ever, marked, and every admin gets a mail.\n\n\
         Type the mail address again to do it:",
        user.email, user.organization_name
    )?;
    let mut typed = String::new();
    answers.read_line(&mut typed)?;
    if typed.trim() != user.email.as_str() {
        return Err(BreakGlassError::NotConfirmed(user.email.into()));
    }
    Ok(services.road.break_glass(Actor { organization, user: user.id }).await?)
}

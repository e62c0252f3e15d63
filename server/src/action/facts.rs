//! What the rules must know of the database to judge a change, and what someone may read.

use super::{ActionError, Actor};
use crate::storage::{Connection, StorageError, permissions, users};
use app::{
    action::{
        change::{Change, UserRef},
        rules::{Denial, Facts, UserFacts},
    },
    domain::{
        id::OrganizationId,
        operation::{Operation, Operations},
        user::UserStatus,
    },
};

/// The actor as a document names them, and what they may do: nobody, unless they are active.
///
/// # Errors
/// [`ActionError::NotActive`] when they aren't.
pub async fn held_by_active(db: &mut Connection, actor: Actor) -> Result<(UserRef, Operations), ActionError> {
    let user = users::find(db, actor.organization, actor.user)
        .await?
        .filter(|user| user.status() == UserStatus::Active)
        .ok_or(ActionError::NotActive)?;
    let held = permissions::operations_of(db, actor.organization, actor.user).await?;
    Ok((UserRef { id: user.id, email: user.email }, held))
}

/// Lets only those go on who are active and may do this; what else they may do.
///
/// # Errors
/// [`ActionError::NotActive`], or [`Denial::NotPermitted`].
pub async fn require(db: &mut Connection, actor: Actor, operation: Operation) -> Result<Operations, ActionError> {
    let (_, held) = held_by_active(db, actor).await?;
    if held.allows(operation) { Ok(held) } else { Err(Denial::NotPermitted(operation).into()) }
}

/// Gathers the facts about this change.
pub(super) async fn gather(
    db: &mut Connection,
    organization: OrganizationId,
    change: &Change,
    held: Operations,
) -> Result<Facts, StorageError> {
    let mut facts = Facts { held, ..Facts::default() };
    if let Some(user) = change.user()
        && let Some(now) = users::find(db, organization, user.id).await?
    {
        facts.user = Some(UserFacts {
            status: now.status(),
            is_revoked: now.revoked_at.is_some(),
            held: permissions::operations_of(db, organization, user.id).await?,
            email: now.email,
        });
        facts.another_full_admin = permissions::another_full_admin(db, organization, user.id).await?;
    }
    if let Some(permission) = change.permission() {
        facts.permission = permissions::find(db, organization, permission).await?;
    }
    if let (Some(user), Some(permission)) = (change.user(), change.permission()) {
        let assignment = permissions::find_assignment(db, organization, permission, user.id).await?;
        facts.is_assigned = match change {
            Change::RevokeAssignment { id, .. } => assignment == Some(*id),
            _ => assignment.is_some(),
        };
    }
    facts.taken = match change {
        Change::CreateUser { email, .. } => users::is_taken(db, organization, email).await?.then(|| email.to_string()),
        Change::CreatePermission { terms } => permissions::find_look(db, organization, &terms.name, None).await?,
        Change::UpdatePermission { id, after, .. } => permissions::find_look(db, organization, &after.name, Some(*id)).await?,
        Change::ResendInvitation { .. }
        | Change::ShareInvitation { .. }
        | Change::ReEnrolUser { .. }
        | Change::RevokeInvitation { .. }
        | Change::DeactivateUser { .. }
        | Change::ActivateUser { .. }
        | Change::DeleteUser { .. }
        | Change::ArchivePermission { .. }
        | Change::AssignPermission { .. }
        | Change::RevokeAssignment { .. } => None,
    };
    Ok(facts)
}

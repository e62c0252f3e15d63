//! What the rules must know of the database to judge a change, and what someone may read.

use super::{ActionError, Actor};
use crate::storage::{
    Connection, StorageError,
    credentials::{self, Credential},
    permissions, users,
};
use app::{
    action::{
        account_change::AccountChange,
        change::{Change, UserRef},
        rules::{Denial, Facts, PasskeyFacts, Signer, UserFacts},
    },
    domain::{
        credential::CredentialKind,
        operation::{Operation, Operations},
        text::PasskeyName,
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
    actor: Actor,
    change: &Change,
    held: Operations,
    signer: Signer,
) -> Result<Facts, StorageError> {
    let organization = actor.organization;
    let mut facts = Facts { held, signer, ..Facts::default() };
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
        | Change::RestorePermission { .. }
        | Change::AssignPermission { .. }
        | Change::RevokeAssignment { .. }
        | Change::OwnAccount(_) => None,
    };
    if let Change::OwnAccount(change) = change {
        gather_own(db, actor, change, &mut facts).await?;
    }
    Ok(facts)
}

async fn gather_own(db: &mut Connection, actor: Actor, change: &AccountChange, facts: &mut Facts) -> Result<(), StorageError> {
    let all = credentials::list(db, actor.organization, actor.user).await?;
    let signers: Vec<&Credential> = all.iter().filter(|credential| credential.kind != CredentialKind::RecoveryKey).collect();
    let (about, new_name) = match change {
        AccountChange::AddPasskey { name, .. } | AccountChange::AddKey { name, .. } => (None, Some(name)),
        AccountChange::RenamePasskey { id, after, .. } => (Some(*id), Some(after)),
        AccountChange::RemovePasskey { id, .. }
        | AccountChange::DeactivateCredential { id, .. }
        | AccountChange::ActivateCredential { id, .. } => (Some(*id), None),
        AccountChange::ReplaceRecoveryKey { .. }
        | AccountChange::SetRecoveryKey { .. }
        | AccountChange::AllowCredential { .. }
        | AccountChange::Recover { .. } => (None, None),
    };
    facts.passkeys = signers.iter().filter(|signer| signer.deactivated_at.is_none()).count();
    let own = signers.iter().find(|signer| Some(signer.id) == about);
    facts.passkey =
        own.map(|signer| PasskeyFacts { name: PasskeyName::parse(&signer.name).ok(), is_active: signer.deactivated_at.is_none() });
    let taken = |name: &&PasskeyName| signers.iter().any(|signer| Some(signer.id) != about && signer.name == name.as_str());
    facts.taken = new_name.filter(taken).map(PasskeyName::to_string);
    Ok(())
}

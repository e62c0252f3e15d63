//! What the rules must know of the database to judge a change, and what someone may read.

use super::{ActionError, Actor};
use crate::storage::{
    Connection, StorageError,
    credentials::{self, Credential},
    identities::{self, Holder, Identity},
    permissions,
};
use app::{
    action::{
        account_change::AccountChange,
        change::Change,
        history::state::renamed,
        rules::{Denial, Facts, PasskeyFacts, Signer, UserFacts},
    },
    domain::{
        credential::CredentialKind,
        handle::Handle,
        id::{OrganizationId, UserId},
        operation::{Operation, Operations},
        text::PasskeyName,
        time::Timestamp,
    },
};

/// Who acts, and what they may do: nobody, unless they are active.
///
/// # Errors
/// [`ActionError::NotActive`] when they aren't.
pub async fn held_by_active(db: &mut Connection, actor: Actor) -> Result<(Identity, Operations), ActionError> {
    active(&mut identities::with_permissions(db, actor.organization, &[actor.user]).await?, actor)
}

/// Takes the actor out of whoever was found.
fn active(found: &mut Vec<Holder>, actor: Actor) -> Result<(Identity, Operations), ActionError> {
    let place = found.iter().position(|holder| holder.identity.id == actor.user && holder.identity.may_act());
    let holder = found.swap_remove(place.ok_or(ActionError::NotActive)?);
    let may = holder.may();
    Ok((holder.identity, may))
}

/// Lets only those go on who are active and may do this; what else they may do.
///
/// # Errors
/// [`ActionError::NotActive`], or [`Denial::NotPermitted`].
pub async fn require(db: &mut Connection, actor: Actor, operation: Operation) -> Result<Operations, ActionError> {
    let (_, held) = held_by_active(db, actor).await?;
    if held.allows(operation) { Ok(held) } else { Err(Denial::NotPermitted(operation).into()) }
}

/// Who acts, and the facts about this change.
///
/// # Errors
/// [`ActionError::NotActive`] when they aren't.
pub(super) async fn gather(
    db: &mut Connection,
    whom: Actor,
    change: &Change,
    signer: Signer,
    now: Timestamp,
) -> Result<(Identity, Facts), ActionError> {
    let organization = whom.organization;
    let about = change.user().map(|user| user.id);
    let asked: Vec<UserId> = std::iter::once(whom.user).chain(about.filter(|about| *about != whom.user)).collect();
    let mut found = identities::with_permissions(db, organization, &asked).await?;
    let itself = found.iter().find(|holder| about == Some(holder.identity.id)).cloned();
    let (actor, held) = active(&mut found, whom)?;
    let mut facts = Facts { held, signer, is_program: !actor.kind.is_person(), now, ..Facts::default() };
    if let Some(Holder { identity, own, .. }) = itself {
        let held: Operations = own.iter().cloned().collect();
        // Only of somebody who can do everything does it matter whether there is another.
        if held == Operations::All {
            facts.another_full_admin = permissions::another_full_admin(db, organization, identity.id).await?;
        }
        facts.user = Some(UserFacts {
            status: identity.status,
            kind: identity.kind,
            is_revoked: identity.is_revoked,
            permissions: own.len(),
            is_actors_token: identity.owner == Some(actor.id),
            held,
            external_id: identity.external_id,
            handle: identity.handle,
        });
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
        Change::CreateUser { email, .. } | Change::RegisterEndUser { email, .. } => {
            taken(db, organization, &email.clone().into(), None).await?
        }
        Change::CreateServiceAccount(new) => taken(db, organization, &Handle::ServiceAccount(new.terms.name.clone()), None).await?,
        Change::CreateAccessToken(new) => match actor.handle.email() {
            Some(owner) => {
                let handle = Handle::AccessToken { name: new.terms.name.clone(), owner: owner.clone() };
                taken(db, organization, &handle, None).await?
            }
            None => None,
        },
        Change::UpdateProgram { user, after, .. } => match renamed(&user.handle, &after.name) {
            Some(handle) => taken(db, organization, &handle, Some(user.id)).await?,
            None => None,
        },
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
        | Change::KeepSignIn { .. }
        | Change::LogInEndUser { .. }
        | Change::RecoverEndUser { .. }
        | Change::OwnAccount(_) => None,
    };
    if let Change::OwnAccount(change) = change {
        gather_own(db, whom, change, &mut facts).await?;
    }
    Ok((actor, facts))
}

/// The handle, if somebody else than this user has it.
async fn taken(
    db: &mut Connection,
    organization: OrganizationId,
    handle: &Handle,
    except: Option<UserId>,
) -> Result<Option<String>, StorageError> {
    let found = identities::find_by_handle(db, organization, handle).await?;
    Ok(found.filter(|id| Some(*id) != except).map(|_| handle.to_string()))
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
    let own = signers.iter().find(|signer| Some(signer.id) == about);
    let ends_a_passkey =
        matches!(change, AccountChange::RemovePasskey { .. }) && own.is_some_and(|own| own.kind == CredentialKind::Passkey);
    let counts = |signer: &&&Credential| signer.deactivated_at.is_none() && !(ends_a_passkey && signer.kind == CredentialKind::Key);
    facts.passkeys = signers.iter().filter(counts).count();
    facts.passkey =
        own.map(|signer| PasskeyFacts { name: PasskeyName::parse(&signer.name).ok(), is_active: signer.deactivated_at.is_none() });
    let taken = |name: &&PasskeyName| signers.iter().any(|signer| Some(signer.id) != about && signer.name == name.as_str());
    facts.taken = new_name.filter(taken).map(PasskeyName::to_string);
    Ok(())
}

//! What a change does to the database: the only place that alters an organization's users, permissions and assignments.
//! The rules allowed it, in the same transaction.

use super::{
    ActionError, Actor, Event, Road, Shown,
    break_glass::begin_anew,
    commit::Ids,
    enrolment::{New, key_credential},
    passkey_credential, recovery_credential,
    tell::AdminEvent,
};
use crate::{
    client::Client,
    code::{CODE_LIFE, RegistrationCode},
    mail::{
        Message,
        message::{self, By},
    },
    storage::{
        Connection, StorageError,
        credentials::{self, KeyPair, NewKind},
        organizations,
        permissions::{self, NewAssignment, NewPermission},
        registrations::{self, NewCode, Purpose},
        sessions,
        users::{self, Mark, NewUser},
    },
};
use app::{
    action::{
        account_change::AccountChange,
        change::{Change, UserRef},
        document::Document,
    },
    domain::{
        id::{AssignmentId, CodeId, CredentialId, OrganizationId, PermissionId, UserId},
        operation::Operations,
        text::{EmailAddress, ExternalId},
        time::Timestamp,
        user::UserKind,
    },
    page::get_started::activate_path,
    rpc::change::Invitation,
};

/// A registration code that was made for a change.
pub(super) struct FreshCode {
    pub(super) code: RegistrationCode,
    pub(super) hash: String,
}

/// What was made or checked for a change before it is applied.
pub(super) struct Brought {
    /// For the changes that invite.
    pub(super) code: Option<FreshCode>,
    /// For the changes that bring one.
    pub(super) new: Option<New>,
}

/// Where, by whom, from where and when.
pub(super) struct Context<'a> {
    pub(super) road: &'a Road,
    pub(super) organization: OrganizationId,
    pub(super) actor: &'a UserRef,
    pub(super) client: &'a Client,
    pub(super) now: Timestamp,
}

/// Makes the document's change; what it is to show, where that is the change.
pub(super) async fn apply(
    db: &mut Connection,
    context: &Context<'_>,
    document: &Document,
    ids: Ids,
    brought: Brought,
) -> Result<Option<Shown>, ActionError> {
    let Brought { code, new } = brought;
    let (organization, now, created) = (context.organization, context.now, ids.created);
    match &document.change {
        Change::CreateUser { email, kind, external_id } => {
            let id = UserId::from_bytes(created);
            create_user(db, context, id, email, *kind, external_id.as_ref()).await?;
            context.invite_by_mail(db, id, email, code, message::invitation).await?;
        }
        Change::ResendInvitation { user } => {
            users::mark(db, organization, user.id, Mark::Revoked, None).await?;
            context.invite_by_mail(db, user.id, &user.email, code, message::invitation).await?;
        }
        Change::ShareInvitation { user } => {
            users::mark(db, organization, user.id, Mark::Revoked, None).await?;
            let invitation = context.invite(db, user.id, &user.email, code).await?;
            return Ok(Some(Shown::Invitation(invitation)));
        }
        Change::RevokeInvitation { user } => {
            users::mark(db, organization, user.id, Mark::Revoked, Some(now)).await?;
            end_invitation(db, user.id, now).await?;
        }
        Change::ReEnrolUser { user } => {
            begin_anew(db, Actor { organization, user: user.id }, now).await?;
            context.invite_by_mail(db, user.id, &user.email, code, message::re_enrolment).await?;
        }
        Change::DeactivateUser { user } => {
            users::mark(db, organization, user.id, Mark::Deactivated, Some(now)).await?;
            end_invitation(db, user.id, now).await?;
            sessions::delete_of_user(db, organization, user.id).await?;
        }
        Change::ActivateUser { user } => users::mark(db, organization, user.id, Mark::Deactivated, None).await?,
        Change::DeleteUser { user } => users::delete(db, organization, user.id).await?,
        Change::CreatePermission { terms } => {
            let operations = Operations::These(terms.operations.clone());
            let new = NewPermission {
                id: PermissionId::from_bytes(created),
                organization,
                name: &terms.name,
                operations: &operations,
                managed: None,
                created_at: now,
            };
            permissions::insert(db, new).await?;
        }
        Change::UpdatePermission { id, after, .. } => {
            permissions::update(db, organization, *id, &after.name, &Operations::These(after.operations.clone()), now).await?;
        }
        Change::ArchivePermission { permission } => permissions::archive(db, organization, permission.id, now).await?,
        Change::RestorePermission { permission } => permissions::restore(db, organization, permission.id, now).await?,
        Change::AssignPermission { permission, user, .. } => {
            let new = NewAssignment {
                id: AssignmentId::from_bytes(created),
                organization,
                permission: permission.id,
                user: user.id,
                created_at: now,
            };
            permissions::assign(db, new).await?;
        }
        Change::RevokeAssignment { id, .. } => permissions::revoke(db, organization, *id).await?,
        Change::OwnAccount(AccountChange::AllowCredential { until }) => {
            let code = context.road.allow_credential(db, context, document.id, *until).await?;
            return Ok(Some(Shown::Code(code)));
        }
        Change::OwnAccount(change) => apply_to_own_account(db, context, change, ids, new).await?,
    }
    Ok(None)
}

async fn apply_to_own_account(
    db: &mut Connection,
    context: &Context<'_>,
    change: &AccountChange,
    ids: Ids,
    new: Option<New>,
) -> Result<(), ActionError> {
    let created = CredentialId::from_bytes(ids.created);
    let (organization, now) = (context.organization, context.now);
    let whom = Actor { organization, user: context.actor.id };
    match (change, new) {
        (AccountChange::AddPasskey { name, .. }, Some(New::Passkey(passkey))) => {
            credentials::insert(db, &passkey_credential(whom, created, name.to_string(), *passkey, now)).await?;
        }
        (AccountChange::AddKey { name, key: new, .. }, Some(New::Key(key))) => {
            let kind = NewKind::Key(KeyPair { credential_id: new.credential_id.clone(), key });
            credentials::insert(db, &key_credential(whom, created, name.to_string(), kind, new, now)).await?;
        }
        (AccountChange::SetRecoveryKey { name, key: new, .. }, Some(New::RecoveryKey { key, sealed })) => {
            credentials::delete_recovery_keys(db, organization, whom.user).await?;
            let kind = NewKind::OwnRecoveryKey { pair: KeyPair { credential_id: new.credential_id.clone(), key }, sealed };
            credentials::insert(db, &key_credential(whom, created, name.to_string(), kind, new, now)).await?;
        }
        (AccountChange::RenamePasskey { id, after, .. }, _) => {
            credentials::rename(db, organization, whom.user, *id, after.as_str()).await?;
        }
        (AccountChange::RemovePasskey { id, .. }, _) => credentials::delete(db, organization, whom.user, *id).await?,
        (AccountChange::DeactivateCredential { id, .. }, _) => {
            credentials::mark_deactivated(db, organization, whom.user, *id, Some(now)).await?;
        }
        (AccountChange::ActivateCredential { id, .. }, _) => {
            credentials::mark_deactivated(db, organization, whom.user, *id, None).await?;
        }
        (AccountChange::ReplaceRecoveryKey { challenge, recovery_key }, _) => {
            credentials::delete_recovery_keys(db, organization, whom.user).await?;
            credentials::insert(db, &recovery_credential(whom, created, challenge, recovery_key, now)).await?;
        }
        (AccountChange::Recover { name, passkey: new, recovery_key }, Some(New::Passkey(passkey))) => {
            end_all(db, whom, now).await?;
            credentials::insert(db, &passkey_credential(whom, created, name.to_string(), *passkey, now)).await?;
            let key = CredentialId::from_bytes(ids.recovery_key);
            credentials::insert(db, &recovery_credential(whom, key, &new.challenge, recovery_key, now)).await?;
            context.road.tell_admins(db, organization, context.actor, AdminEvent::Recovered, &context.client.in_words(), now).await?;
        }
        // What was checked is always what the change brings.
        (
            AccountChange::AddPasskey { .. }
            | AccountChange::AddKey { .. }
            | AccountChange::SetRecoveryKey { .. }
            | AccountChange::AllowCredential { .. }
            | AccountChange::Recover { .. },
            _,
        ) => return Err(ActionError::NotAsked),
    }
    context.road.tell(db, organization, context.actor, &Event::of(change), &context.client.in_words(), now).await
}

/// Everything that somebody signs with or is signed in with ends, with the codes that are under way.
pub(super) async fn end_all(db: &mut Connection, whom: Actor, now: Timestamp) -> Result<(), StorageError> {
    credentials::delete_of_user(db, whom.organization, whom.user).await?;
    sessions::delete_of_user(db, whom.organization, whom.user).await?;
    registrations::end_codes(db, whom.user, now).await
}

async fn create_user(
    db: &mut Connection,
    context: &Context<'_>,
    id: UserId,
    email: &EmailAddress,
    kind: UserKind,
    external_id: Option<&ExternalId>,
) -> Result<(), StorageError> {
    let new = NewUser {
        id,
        organization: context.organization,
        email,
        name: "",
        kind,
        external_id: external_id.map(ExternalId::as_str),
        created_at: context.now,
    };
    users::insert(db, new).await
}

/// Nobody goes on by the code that was sent, nor in a browser where it was typed already.
async fn end_invitation(db: &mut Connection, user: UserId, now: Timestamp) -> Result<(), StorageError> {
    registrations::end_codes(db, user, now).await?;
    registrations::end_of_user(db, user, now).await
}

impl Context<'_> {
    async fn invite_by_mail(
        &self,
        db: &mut Connection,
        user: UserId,
        email: &EmailAddress,
        code: Option<FreshCode>,
        write: fn(&message::RegistrationCode<'_>, &By<'_>) -> Message,
    ) -> Result<(), ActionError> {
        let invitation = self.invite(db, user, email, code).await?;
        let organization_name = organizations::find_name(db, self.organization).await?.unwrap_or_default();
        let facts = message::RegistrationCode {
            to: email,
            name: "",
            organization: &organization_name,
            organization_id: self.organization,
            code: &invitation.code,
            activate_link: &invitation.link,
            expires_at: invitation.expires_at,
        };
        let message = write(&facts, &By { admin: &self.actor.email, at: self.now, from: &self.client.in_words() });
        self.road.outbox.queue(db, &message, self.organization, user, invitation.expires_at).await?;
        Ok(())
    }

    async fn invite(
        &self,
        db: &mut Connection,
        user: UserId,
        email: &EmailAddress,
        code: Option<FreshCode>,
    ) -> Result<Invitation, ActionError> {
        let user = UserRef { id: user, email: email.clone() };
        self.road.invite(db, self.organization, &user, code.ok_or(ActionError::NoCode)?, self.now).await
    }
}

impl Road {
    /// Writes the code's hash; the code and the link to type it at.
    pub(super) async fn invite(
        &self,
        db: &mut Connection,
        organization: OrganizationId,
        user: &UserRef,
        code: FreshCode,
        now: Timestamp,
    ) -> Result<Invitation, ActionError> {
        let FreshCode { code, hash } = code;
        let expires_at = now.plus(CODE_LIFE);
        let id = CodeId::from_bytes(self.ambient.bytes());
        let purpose = Purpose::Registration;
        let new = NewCode { id, organization, user: user.id, purpose, hash: &hash, created_at: now, expires_at };
        registrations::replace_code(db, new).await?;
        let link = format!("{}{}", self.site.origin, activate_path(user.email.as_str(), Some(organization)));
        Ok(Invitation { link, code: code.digits().to_owned(), expires_at })
    }
}

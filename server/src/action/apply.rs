//! What a change does to the database: the only place that alters an organization's users, permissions and assignments.
//! The rules allowed it, in the same transaction.

use super::{
    ActionError, Actor, Event, Road, Shown,
    break_glass::begin_anew,
    commit::{Ids, NewToken},
    enrolment::{New, key_credential},
    keep_credential, passkey_credential, recovery_credential,
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
        credentials::{self, KeyPair, NewCredential, NewKind},
        identities, organizations,
        permissions::{self, NewAssignment, NewPermission},
        registrations::{self, NewCode, Purpose},
        sessions,
        tokens::{self, Token, TokenKind},
        users::{self, Mark, NewUser},
    },
};
use app::{
    action::{
        account_change::AccountChange,
        change::{Change, NewProgram, UserRef},
        cose::PublicKey,
        document::Document,
        history::state::renamed,
        rules::Denial,
    },
    domain::{
        handle::Handle,
        id::{AssignmentId, CodeId, CredentialId, OrganizationId, PermissionId, TokenId, UserId},
        operation::Operations,
        text::{EmailAddress, ExternalId, KeyId},
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
            context.invite_by_mail(db, user.id, address(user)?, code, message::invitation).await?;
        }
        Change::ShareInvitation { user } => {
            users::mark(db, organization, user.id, Mark::Revoked, None).await?;
            let invitation = context.invite(db, user.id, address(user)?, code).await?;
            return Ok(Some(Shown::Invitation(invitation)));
        }
        Change::RevokeInvitation { user } => {
            users::mark(db, organization, user.id, Mark::Revoked, Some(now)).await?;
            registrations::end_enrolment(db, user.id, now).await?;
        }
        Change::ReEnrolUser { user } => {
            begin_anew(db, Actor { organization, user: user.id }, now).await?;
            context.invite_by_mail(db, user.id, address(user)?, code, message::re_enrolment).await?;
        }
        Change::DeactivateUser { user } => {
            users::mark(db, organization, user.id, Mark::Deactivated, Some(now)).await?;
            registrations::end_enrolment(db, user.id, now).await?;
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
        Change::CreateServiceAccount(new) => return create_program(db, context, new, None, ids).await.map(Some),
        Change::CreateAccessToken(new) => return create_program(db, context, new, Some(context.actor.id), ids).await.map(Some),
        Change::UpdateProgram { user, after, .. } => {
            if let Some(handle) = renamed(&user.handle, &after.name) {
                identities::rename_program(db, organization, user.id, &handle, after.external_id.as_ref()).await?;
            }
        }
        Change::RegisterEndUser { email, external_id } => {
            create_user(db, context, UserId::from_bytes(created), email, UserKind::EndUser, external_id.as_ref()).await?;
        }
        // That it was said stands in history; what follows is up to whoever asked.
        Change::KeepSignIn { .. } | Change::LogInEndUser { .. } | Change::RecoverEndUser { .. } => {}
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
            keep_credential(db, &passkey_credential(whom, created, name.to_string(), *passkey, now)).await?;
        }
        (AccountChange::AddKey { name, key: new, .. }, Some(New::Key(key))) => {
            let kind = NewKind::Key(KeyPair { credential_id: new.credential_id.clone(), key });
            keep_credential(db, &key_credential(whom, created, name.to_string(), kind, new, now)).await?;
        }
        (AccountChange::SetRecoveryKey { name, key: new, .. }, Some(New::RecoveryKey { key, sealed })) => {
            credentials::delete_recovery_keys(db, organization, whom.user).await?;
            let kind = NewKind::OwnRecoveryKey { pair: KeyPair { credential_id: new.credential_id.clone(), key }, sealed };
            keep_credential(db, &key_credential(whom, created, name.to_string(), kind, new, now)).await?;
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
            keep_credential(db, &recovery_credential(whom, created, challenge, recovery_key, now)).await?;
        }
        (AccountChange::Recover { name, passkey: new, recovery_key }, Some(New::Passkey(passkey))) => {
            end_all(db, whom, now).await?;
            keep_credential(db, &passkey_credential(whom, created, name.to_string(), *passkey, now)).await?;
            let key = CredentialId::from_bytes(ids.recovery_key);
            keep_credential(db, &recovery_credential(whom, key, &new.challenge, recovery_key, now)).await?;
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

/// Where a person is written to; the rules let no program be invited.
fn address(user: &UserRef) -> Result<&EmailAddress, ActionError> {
    user.handle.email().ok_or_else(|| Denial::NotForThis(user.handle.clone()).into())
}

/// A program with its key, its token's row and the permission that it begins with.
async fn create_program(
    db: &mut Connection,
    context: &Context<'_>,
    new: &NewProgram,
    owner: Option<UserId>,
    ids: Ids,
) -> Result<Shown, ActionError> {
    let (organization, now, id) = (context.organization, context.now, UserId::from_bytes(ids.created));
    let handle = match (owner, context.actor.handle.email()) {
        (None, _) => Handle::ServiceAccount(new.terms.name.clone()),
        (Some(_), Some(owner)) => Handle::AccessToken { name: new.terms.name.clone(), owner: owner.clone() },
        (Some(_), None) => return Err(Denial::PeopleOnly.into()),
    };
    let external_id = new.terms.external_id.as_ref();
    let program = identities::NewProgram { id, organization, handle: &handle, owner, external_id, created_at: now };
    identities::insert_program(db, program).await?;
    let key_id = CredentialId::from_bytes(ids.key);
    let key = PublicKey::from_pem(new.public_key.as_str()).map_err(|error| ActionError::NewKey(error.into()))?;
    let credential_id = KeyId::parse(&key_id.to_string()).map_err(|_| ActionError::NotAsked)?;
    let credential = NewCredential {
        id: key_id,
        organization,
        user: id,
        kind: NewKind::Key(KeyPair { credential_id, key }),
        name: "Key".to_owned(),
        client_data: String::new(),
        attestation_object: String::new(),
        created_at: now,
    };
    credentials::insert(db, &credential).await?;
    let token = Token {
        id: TokenId::from_bytes(id.to_bytes()),
        organization,
        user: id,
        kind: TokenKind::Program,
        created_at: now,
        expires_at: new.until,
        last_used_at: None,
    };
    // Its user was written just now, and is let in.
    if !tokens::insert(db, &token, None).await? {
        return Err(StorageError::Inconsistent { table: "users", column: "registered_at" }.into());
    }
    if let Some(given) = &new.permission {
        let assignment = AssignmentId::from_bytes(ids.assignment);
        let new = NewAssignment { id: assignment, organization, permission: given.permission.id, user: id, created_at: now };
        permissions::assign(db, new).await?;
    }
    Ok(Shown::Token(NewToken { row: token, whose: owner.unwrap_or(id), key: key_id }))
}

/// Everything that somebody signs with or is signed in with ends, with the codes that are under way.
pub(super) async fn end_all(db: &mut Connection, whom: Actor, now: Timestamp) -> Result<(), StorageError> {
    // Whoever signs in at this moment is signed out with the others, or isn't let in.
    users::hold(db, whom.organization, whom.user).await?;
    credentials::delete_of_user(db, whom.organization, whom.user).await?;
    identities::delete_access_tokens(db, whom.organization, whom.user).await?;
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
        let message = write(&facts, &By { admin: &self.actor.handle, at: self.now, from: &self.client.in_words() });
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
        let user = UserRef { id: user, handle: email.clone().into() };
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
        let link = format!("{}{}", self.site.origin, activate_path(user.handle.as_str(), Some(organization)));
        Ok(Invitation { link, code: code.digits().to_owned(), expires_at })
    }
}

//! Every change there is, as one enum: what is asked for, what is signed, what history keeps, and what is executed.
//!
//! A change holds all that will be applied, and of what it alters, what was there before, so that nothing has to be looked
//! up to understand or to verify it. A new variant makes the compiler ask for its operation, its sentence, its rule and its
//! effect; no `match` on it has a `_` arm.

use super::account_change::AccountChange;
use crate::domain::{
    handle::Handle,
    id::{AssignmentId, PermissionId, UserId},
    operation::{Operation, Operations},
    text::{EmailAddress, ExternalId, PermissionName, ProgramName, PublicKeyPem},
    time::Timestamp,
    user::UserKind,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A user, a service account or an access token, as a document names them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenUser", into = "WrittenUser")]
pub struct UserRef {
    /// Id.
    pub id: UserId,
    /// What whoever signs knows them by.
    pub handle: Handle,
}

/// The same in JSON: beside the id, a member for each kind of handle.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenUser {
    id: UserId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<EmailAddress>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service_account: Option<ProgramName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    access_token: Option<ProgramName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<EmailAddress>,
}

impl From<UserRef> for WrittenUser {
    fn from(user: UserRef) -> Self {
        let nothing = Self { id: user.id, email: None, service_account: None, access_token: None, owner: None };
        match user.handle {
            Handle::Email(email) => Self { email: Some(email), ..nothing },
            Handle::ServiceAccount(name) => Self { service_account: Some(name), ..nothing },
            Handle::AccessToken { name, owner } => Self { access_token: Some(name), owner: Some(owner), ..nothing },
        }
    }
}

/// Members of no kind of handle, or of several.
#[derive(Debug, thiserror::Error)]
#[error("a user is named by one of email, service_account, or access_token with owner")]
struct NotOneHandle;

impl TryFrom<WrittenUser> for UserRef {
    type Error = NotOneHandle;

    fn try_from(written: WrittenUser) -> Result<Self, NotOneHandle> {
        let WrittenUser { id, email, service_account, access_token, owner } = written;
        let handle = match (email, service_account, access_token, owner) {
            (Some(email), None, None, None) => Handle::Email(email),
            (None, Some(name), None, None) => Handle::ServiceAccount(name),
            (None, None, Some(name), Some(owner)) => Handle::AccessToken { name, owner },
            _ => return Err(NotOneHandle),
        };
        Ok(Self { id, handle })
    }
}

/// What a program is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramTerms {
    /// Its name.
    pub name: ProgramName,
    /// By which another system knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<ExternalId>,
}

/// A new service account or access token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewProgram {
    /// What it is called.
    pub terms: ProgramTerms,
    /// What it signs with.
    pub public_key: PublicKeyPem,
    /// Until when its token counts.
    pub until: Timestamp,
    /// The permission that it has from the start, and what that allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permission: Option<GivenPermission>,
}

/// A permission with what it allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenPermission {
    /// Which.
    pub permission: PermissionRef,
    /// What it allows.
    pub operations: Operations,
}

/// A permission as a document names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PermissionRef {
    /// Id.
    pub id: PermissionId,
    /// The name that whoever signs knows it by.
    pub name: PermissionName,
    /// How often it was changed: 1 at first.
    pub version: u64,
}

/// What a permission says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PermissionTerms {
    /// Its name.
    pub name: PermissionName,
    /// What it allows.
    pub operations: BTreeSet<Operation>,
}

/// One alteration of an organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// Creates a user without any permission and mails them an invitation.
    CreateUser {
        /// Where the invitation goes.
        email: EmailAddress,
        /// What they are.
        kind: UserKind,
        /// By which another system knows them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        external_id: Option<ExternalId>,
    },
    /// Mails a new registration code; the one before stops working.
    ResendInvitation {
        /// Who is invited.
        user: UserRef,
    },
    /// Makes a new registration code and shows it to whoever signed, for when mail doesn't arrive; the one before stops working.
    ShareInvitation {
        /// Who is invited.
        user: UserRef,
    },
    /// Ends the registration code; nobody can sign up with it until the invitation is sent again.
    RevokeInvitation {
        /// Who was invited.
        user: UserRef,
    },
    /// Ends a user's passkeys, recovery kit and sessions, and mails them an invitation to make new ones. They stay who they are,
    /// with their permissions.
    ReEnrolUser {
        /// Who lost everything.
        user: UserRef,
    },
    /// Ends a user's sessions and lets them do nothing.
    DeactivateUser {
        /// Who.
        user: UserRef,
    },
    /// Takes a deactivation back.
    ActivateUser {
        /// Who.
        user: UserRef,
    },
    /// Removes a user with their credentials, sessions and permissions.
    DeleteUser {
        /// Who.
        user: UserRef,
    },
    /// Defines a permission.
    CreatePermission {
        /// What it says.
        terms: PermissionTerms,
    },
    /// Changes what a permission says, for everyone who has it.
    UpdatePermission {
        /// Which.
        id: PermissionId,
        /// The version that is changed.
        version: u64,
        /// What it says in that version.
        before: PermissionTerms,
        /// What it will say.
        after: PermissionTerms,
    },
    /// Puts a permission away that nobody has.
    ArchivePermission {
        /// Which.
        permission: PermissionRef,
    },
    /// Takes a permission out again that was put away.
    RestorePermission {
        /// Which.
        permission: PermissionRef,
    },
    /// Gives a user a permission.
    AssignPermission {
        /// Which.
        permission: PermissionRef,
        /// What it allows.
        operations: Operations,
        /// To whom.
        user: UserRef,
    },
    /// Takes a permission away from a user.
    RevokeAssignment {
        /// The assignment.
        id: AssignmentId,
        /// Of which permission.
        permission: PermissionRef,
        /// Of whom.
        user: UserRef,
    },
    /// Creates a service account: a program with a key, a token and rights of its own.
    CreateServiceAccount(NewProgram),
    /// Creates an access token of the actor's: a program acts in their name, with no more rights than they have.
    CreateAccessToken(NewProgram),
    /// Changes what a service account or an access token is called.
    UpdateProgram {
        /// Which.
        user: UserRef,
        /// What it is called.
        before: ProgramTerms,
        /// What it will be called.
        after: ProgramTerms,
    },
    /// Says that a user signs in with passkeys and keys, not by single sign-on: there is no other way here.
    KeepSignIn {
        /// Who.
        user: UserRef,
    },
    /// Creates a customer, without a mail to them: the program that signs passes on what they need to register.
    RegisterEndUser {
        /// Their mail address.
        email: EmailAddress,
        /// By which another system knows them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        external_id: Option<ExternalId>,
    },
    /// Signs a customer in: the program that signs passes on their token.
    LogInEndUser {
        /// Who.
        user: UserRef,
    },
    /// Lets a customer recover without a code from a mail: their recovery key has yet to sign.
    RecoverEndUser {
        /// Who.
        user: UserRef,
    },
    /// Alters the actor's own account.
    OwnAccount(AccountChange),
}

impl Change {
    /// What somebody must be allowed to do to make this change; nothing, where it concerns only themselves.
    pub const fn operation(&self) -> Option<Operation> {
        Some(match self {
            Self::OwnAccount(_) => return None,
            Self::CreateUser { .. }
            | Self::ResendInvitation { .. }
            | Self::ShareInvitation { .. }
            | Self::RevokeInvitation { .. }
            | Self::ReEnrolUser { .. } => Operation::UsersCreate,
            Self::DeactivateUser { user } => match user.handle {
                Handle::Email(_) => Operation::UsersDeactivate,
                Handle::ServiceAccount(_) => Operation::ServiceAccountsDeactivate,
                // Everyone's own tokens are theirs.
                Handle::AccessToken { .. } => return None,
            },
            Self::ActivateUser { user } => match user.handle {
                Handle::Email(_) => Operation::UsersActivate,
                Handle::ServiceAccount(_) => Operation::ServiceAccountsActivate,
                Handle::AccessToken { .. } => return None,
            },
            Self::DeleteUser { user } => match user.handle {
                Handle::Email(_) => Operation::UsersDelete,
                Handle::ServiceAccount(_) => Operation::ServiceAccountsDelete,
                Handle::AccessToken { .. } => return None,
            },
            Self::UpdateProgram { user, .. } => match user.handle {
                Handle::Email(_) | Handle::ServiceAccount(_) => Operation::ServiceAccountsUpdate,
                Handle::AccessToken { .. } => return None,
            },
            Self::CreateServiceAccount(_) => Operation::ServiceAccountsCreate,
            Self::CreateAccessToken(_) => Operation::TokensCreate,
            Self::KeepSignIn { .. } => Operation::UsersUpdate,
            Self::RegisterEndUser { .. } => Operation::RegisterDelegated,
            Self::LogInEndUser { .. } => Operation::LoginDelegated,
            Self::RecoverEndUser { .. } => Operation::RecoverDelegated,
            Self::CreatePermission { .. } => Operation::PermissionsCreate,
            Self::UpdatePermission { .. } => Operation::PermissionsUpdate,
            Self::ArchivePermission { .. } | Self::RestorePermission { .. } => Operation::PermissionsArchive,
            Self::AssignPermission { .. } => Operation::PermissionsAssign,
            Self::RevokeAssignment { .. } => Operation::PermissionsRevoke,
        })
    }

    /// The user whom it is about, if they exist already and needn't be the actor.
    pub const fn user(&self) -> Option<&UserRef> {
        match self {
            Self::ResendInvitation { user }
            | Self::ShareInvitation { user }
            | Self::RevokeInvitation { user }
            | Self::ReEnrolUser { user }
            | Self::DeactivateUser { user }
            | Self::ActivateUser { user }
            | Self::DeleteUser { user }
            | Self::UpdateProgram { user, .. }
            | Self::KeepSignIn { user }
            | Self::LogInEndUser { user }
            | Self::RecoverEndUser { user }
            | Self::AssignPermission { user, .. }
            | Self::RevokeAssignment { user, .. } => Some(user),
            Self::CreateServiceAccount(_)
            | Self::CreateAccessToken(_)
            | Self::RegisterEndUser { .. }
            | Self::CreateUser { .. }
            | Self::CreatePermission { .. }
            | Self::UpdatePermission { .. }
            | Self::ArchivePermission { .. }
            | Self::RestorePermission { .. }
            | Self::OwnAccount(_) => None,
        }
    }

    /// The permission that it is about, if it exists already.
    pub fn permission(&self) -> Option<PermissionId> {
        self.permission_looked_at().map(|(id, _)| id)
    }

    /// The version that this permission was looked at in.
    pub fn version(&self) -> Option<u64> {
        self.permission_looked_at().map(|(_, version)| version)
    }

    const fn permission_looked_at(&self) -> Option<(PermissionId, u64)> {
        match self {
            Self::UpdatePermission { id, version, .. } => Some((*id, *version)),
            Self::ArchivePermission { permission }
            | Self::RestorePermission { permission }
            | Self::AssignPermission { permission, .. }
            | Self::RevokeAssignment { permission, .. } => Some((permission.id, permission.version)),
            Self::CreateServiceAccount(new) | Self::CreateAccessToken(new) => match &new.permission {
                Some(given) => Some((given.permission.id, given.permission.version)),
                None => None,
            },
            Self::CreateUser { .. }
            | Self::ResendInvitation { .. }
            | Self::ShareInvitation { .. }
            | Self::RevokeInvitation { .. }
            | Self::ReEnrolUser { .. }
            | Self::DeactivateUser { .. }
            | Self::ActivateUser { .. }
            | Self::DeleteUser { .. }
            | Self::CreatePermission { .. }
            | Self::UpdateProgram { .. }
            | Self::KeepSignIn { .. }
            | Self::RegisterEndUser { .. }
            | Self::LogInEndUser { .. }
            | Self::RecoverEndUser { .. }
            | Self::OwnAccount(_) => None,
        }
    }

    /// The time until when something that it makes counts.
    pub const fn until(&self) -> Option<Timestamp> {
        match self {
            Self::CreateServiceAccount(new) | Self::CreateAccessToken(new) => Some(new.until),
            Self::OwnAccount(AccountChange::AllowCredential { until }) => Some(*until),
            Self::CreateUser { .. }
            | Self::ResendInvitation { .. }
            | Self::ShareInvitation { .. }
            | Self::RevokeInvitation { .. }
            | Self::ReEnrolUser { .. }
            | Self::DeactivateUser { .. }
            | Self::ActivateUser { .. }
            | Self::DeleteUser { .. }
            | Self::UpdateProgram { .. }
            | Self::KeepSignIn { .. }
            | Self::RegisterEndUser { .. }
            | Self::LogInEndUser { .. }
            | Self::RecoverEndUser { .. }
            | Self::CreatePermission { .. }
            | Self::UpdatePermission { .. }
            | Self::ArchivePermission { .. }
            | Self::RestorePermission { .. }
            | Self::AssignPermission { .. }
            | Self::RevokeAssignment { .. }
            | Self::OwnAccount(_) => None,
        }
    }
}

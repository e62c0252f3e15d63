//! Every change there is, as one enum: what is asked for, what is signed, what history keeps, and what is executed.
//!
//! A change holds all that will be applied, and of what it alters, what was there before, so that nothing has to be looked
//! up to understand or to verify it. A new variant makes the compiler ask for its operation, its sentence, its rule and its
//! effect; no `match` on it has a `_` arm.

use super::account_change::AccountChange;
use crate::domain::{
    id::{AssignmentId, PermissionId, UserId},
    operation::{Operation, Operations},
    text::{EmailAddress, ExternalId, PermissionName},
    user::UserKind,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A user as a document names them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserRef {
    /// Id.
    pub id: UserId,
    /// The mail address that whoever signs knows them by.
    pub email: EmailAddress,
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
            Self::DeactivateUser { .. } => Operation::UsersDeactivate,
            Self::ActivateUser { .. } => Operation::UsersActivate,
            Self::DeleteUser { .. } => Operation::UsersDelete,
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
            | Self::AssignPermission { user, .. }
            | Self::RevokeAssignment { user, .. } => Some(user),
            Self::CreateUser { .. }
            | Self::CreatePermission { .. }
            | Self::UpdatePermission { .. }
            | Self::ArchivePermission { .. }
            | Self::RestorePermission { .. }
            | Self::OwnAccount(_) => None,
        }
    }

    /// The permission that it is about, if it exists already.
    pub const fn permission(&self) -> Option<PermissionId> {
        match self {
            Self::UpdatePermission { id, .. } => Some(*id),
            Self::ArchivePermission { permission }
            | Self::RestorePermission { permission }
            | Self::AssignPermission { permission, .. }
            | Self::RevokeAssignment { permission, .. } => Some(permission.id),
            Self::CreateUser { .. }
            | Self::ResendInvitation { .. }
            | Self::ShareInvitation { .. }
            | Self::RevokeInvitation { .. }
            | Self::ReEnrolUser { .. }
            | Self::DeactivateUser { .. }
            | Self::ActivateUser { .. }
            | Self::DeleteUser { .. }
            | Self::CreatePermission { .. }
            | Self::OwnAccount(_) => None,
        }
    }

    /// The version that this permission was looked at in.
    pub const fn version(&self) -> Option<u64> {
        match self {
            Self::UpdatePermission { version, .. } => Some(*version),
            Self::ArchivePermission { permission }
            | Self::RestorePermission { permission }
            | Self::AssignPermission { permission, .. }
            | Self::RevokeAssignment { permission, .. } => Some(permission.version),
            Self::CreateUser { .. }
            | Self::ResendInvitation { .. }
            | Self::ShareInvitation { .. }
            | Self::RevokeInvitation { .. }
            | Self::ReEnrolUser { .. }
            | Self::DeactivateUser { .. }
            | Self::ActivateUser { .. }
            | Self::DeleteUser { .. }
            | Self::CreatePermission { .. }
            | Self::OwnAccount(_) => None,
        }
    }
}

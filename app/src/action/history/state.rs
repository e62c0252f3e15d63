//! What an organization is after so many entries: users, permissions, assignments, credentials. Replaying a history makes
//! one, and it must be the one that the database holds.

use super::entry::SignerKey;
use crate::{
    action::{
        account_change::AccountChange,
        bytes::Bytes,
        change::{Change, ProgramTerms},
        cose::PublicKey,
        rules::{self, Facts, PasskeyFacts, PermissionFacts, UserFacts},
    },
    domain::{
        handle::Handle,
        id::{ActionId, AssignmentId, CredentialId, OrganizationId, PermissionId, UserId},
        operation::Operations,
        text::{ExternalId, OrganizationName, PermissionName, ProgramName},
        time::Timestamp,
        user::{UserKind, UserStatus},
    },
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Id.
    pub organization: OrganizationId,
    /// Name.
    pub name: OrganizationName,
    /// Everyone who wasn't deleted.
    pub users: BTreeMap<UserId, User>,
    /// Every permission, archived ones too.
    pub permissions: BTreeMap<PermissionId, Permission>,
    /// The passkeys and recovery keys of everyone who wasn't deleted.
    pub credentials: BTreeMap<CredentialId, UserId>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// What they are known by.
    pub handle: Handle,
    /// Of an access token: in whose name it acts.
    pub owner: Option<UserId>,
    /// What they are.
    pub kind: UserKind,
    /// By which another system knows them.
    pub external_id: Option<ExternalId>,
    /// What they can do at all.
    pub status: UserStatus,
    /// Whether they have credentials; a deactivated user may have none.
    pub is_registered: bool,
    /// Whether their invitation was revoked.
    pub is_revoked: bool,
    /// Their permissions.
    pub assignments: BTreeMap<PermissionId, AssignmentId>,
}

impl User {
    /// Somebody who has nothing yet.
    pub(super) fn invited(handle: Handle, kind: UserKind, external_id: Option<ExternalId>) -> Self {
        Self {
            handle,
            owner: None,
            kind,
            external_id,
            status: UserStatus::Invited,
            is_registered: false,
            is_revoked: false,
            assignments: BTreeMap::new(),
        }
    }
}

/// A new service account or access token.
pub(super) struct Program {
    pub(super) handle: Handle,
    pub(super) owner: Option<UserId>,
    pub(super) external_id: Option<ExternalId>,
    pub(super) key_id: CredentialId,
    pub(super) key: PublicKey,
    pub(super) permission: Option<(AssignmentId, PermissionId)>,
}

/// A program's handle with another name; people have none.
pub fn renamed(handle: &Handle, name: &ProgramName) -> Option<Handle> {
    match handle {
        Handle::Email(_) => None,
        Handle::ServiceAccount(_) => Some(Handle::ServiceAccount(name.clone())),
        Handle::AccessToken { owner, .. } => Some(Handle::AccessToken { name: name.clone(), owner: owner.clone() }),
    }
}

/// A permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// Name.
    pub name: PermissionName,
    /// What it allows.
    pub operations: Operations,
    /// How often it was changed: 1 at first.
    pub version: u64,
    /// Whether it came with the organization.
    pub is_managed: bool,
    /// Whether it was put away.
    pub is_archived: bool,
}

/// What makes looking things up cheap while a long history is replayed; all of it follows from the [`State`].
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    handles: HashMap<String, UserId>,
    full_admins: BTreeSet<UserId>,
    holders: HashMap<PermissionId, u64>,
    /// What each user signs with.
    owned: HashMap<UserId, Owned>,
    pub(super) signers: HashMap<CredentialId, Signer>,
    /// The ids that were chosen for these, and for recovery keys that programs brought.
    chosen: HashSet<Chosen>,
    /// Who let whoever has a code add a credential, by which action, and until when.
    allowed: HashMap<UserId, (ActionId, Timestamp)>,
}

/// What a user signs with.
#[derive(Debug, Clone, Default)]
struct Owned {
    signers: BTreeSet<CredentialId>,
    recovery_key: Option<RecoveryKey>,
}

/// The key that an account is recovered with.
#[derive(Debug, Clone)]
pub(super) struct RecoveryKey {
    pub(super) id: CredentialId,
    pub(super) key: PublicKey,
    /// The id that its owner chose; none, of a recovery kit's.
    pub(super) chosen: Option<Chosen>,
}

/// A passkey or a key.
#[derive(Debug, Clone)]
pub(super) struct Signer {
    pub(super) owner: UserId,
    pub(super) key: SignerKey,
    /// The id that its authenticator, or its owner, chose.
    pub(super) chosen: Chosen,
    /// Whether it can sign.
    pub(super) is_active: bool,
}

impl Signer {
    const fn is_key(&self) -> bool {
        matches!(self.key, SignerKey::Key(_))
    }
}

/// The id that was chosen for a passkey or a key; no two have the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Chosen {
    /// By an authenticator.
    Passkey(Vec<u8>),
    /// By a key's owner.
    Key(String),
}

impl std::fmt::Display for Chosen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Passkey(id) => std::fmt::Display::fmt(&Bytes(id.clone()), f),
            Self::Key(id) => f.write_str(id),
        }
    }
}

impl Index {
    /// A user's recovery key.
    pub(super) fn recovery_key(&self, owner: UserId) -> Option<&RecoveryKey> {
        self.owned.get(&owner)?.recovery_key.as_ref()
    }

    fn set_active(&mut self, id: CredentialId, is_active: bool) {
        if let Some(signer) = self.signers.get_mut(&id) {
            signer.is_active = is_active;
        }
    }

    /// The handle, if somebody else than this user has it.
    fn taken(&self, handle: &Handle, except: Option<UserId>) -> Option<String> {
        self.handles.get(&handle.key()).filter(|id| Some(**id) != except).map(|_| handle.to_string())
    }

    /// How many passkeys of this user can sign; with their keys, unless only passkeys count.
    fn active_signers(&self, owner: UserId, passkeys_only: bool) -> usize {
        let counts =
            |id: &&CredentialId| self.signers.get(id).is_some_and(|signer| signer.is_active && !(passkeys_only && signer.is_key()));
        self.owned.get(&owner).map_or(0, |has| has.signers.iter().filter(counts).count())
    }

    /// Notes that this user lets whoever has a code add one credential.
    pub(super) fn allow(&mut self, owner: UserId, action: ActionId, until: Timestamp) {
        self.allowed.insert(owner, (action, until));
    }

    /// Whether this user still allowed this at this time, by this action; it is used up.
    pub(super) fn take_allowance(&mut self, owner: UserId, action: ActionId, at: Timestamp) -> bool {
        let is_allowed = self.allowed.get(&owner).is_some_and(|(allowed, until)| *allowed == action && at < *until);
        if is_allowed {
            self.allowed.remove(&owner);
        }
        is_allowed
    }
}

impl State {
    /// What a user may do.
    pub fn held_by(&self, user: UserId) -> Operations {
        let Some(user) = self.active(user) else { return Operations::NONE };
        match user.owner {
            None => self.permitted(user),
            Some(owner) => {
                let narrowed = (!user.assignments.is_empty()).then(|| self.permitted(user));
                rules::held_by_token(&self.held_by(owner), narrowed.as_ref())
            }
        }
    }

    /// The user, if they may act: an access token, as long as its owner may.
    pub(super) fn active(&self, user: UserId) -> Option<&User> {
        let is_active = |user: &&User| user.status == UserStatus::Active;
        let user = self.users.get(&user).filter(is_active)?;
        match user.owner {
            Some(owner) => self.users.get(&owner).filter(is_active).map(|_| user),
            None => Some(user),
        }
    }

    /// What a user's permissions allow, whether or not they are active.
    fn permitted(&self, user: &User) -> Operations {
        let permissions = user.assignments.keys().filter_map(|id| self.permissions.get(id));
        permissions.map(|permission| permission.operations.clone()).collect()
    }

    /// What must be known to judge this change, which a passkey signs. Whether a name looks like another one is left to the server that executed
    /// it: that isn't about who may do what, and Unicode's tables of what looks alike change.
    pub(super) fn facts(&self, index: &Index, change: &Change, actor: UserId, now: Timestamp) -> Facts {
        let user_id = change.user().map(|user| user.id);
        let user = user_id.and_then(|id| self.users.get(&id));
        let permission_id = change.permission();
        let assignment = user.zip(permission_id).and_then(|(user, permission)| user.assignments.get(&permission));
        let about = match change {
            Change::OwnAccount(
                AccountChange::RenamePasskey { id, .. }
                | AccountChange::RemovePasskey { id, .. }
                | AccountChange::DeactivateCredential { id, .. }
                | AccountChange::ActivateCredential { id, .. },
            ) => index.signers.get(id).filter(|signer| signer.owner == actor),
            _ => None,
        };
        let ends_a_passkey =
            matches!(change, Change::OwnAccount(AccountChange::RemovePasskey { .. })) && about.is_some_and(|signer| !signer.is_key());
        Facts {
            now,
            held: self.held_by(actor),
            user: user.map(|user| UserFacts {
                handle: user.handle.clone(),
                kind: user.kind,
                external_id: user.external_id.clone(),
                permissions: user.assignments.len(),
                is_actors_token: user.owner == Some(actor),
                status: user.status,
                is_revoked: user.is_revoked,
                held: self.permitted(user),
            }),
            permission: permission_id.and_then(|id| {
                let permission = self.permissions.get(&id)?;
                Some(PermissionFacts {
                    id,
                    name: permission.name.clone(),
                    operations: permission.operations.clone(),
                    version: permission.version,
                    is_managed: permission.is_managed,
                    is_archived: permission.is_archived,
                    holders: index.holders.get(&id).copied().unwrap_or_default(),
                })
            }),
            is_assigned: match change {
                Change::RevokeAssignment { id, .. } => assignment == Some(id),
                _ => assignment.is_some(),
            },
            taken: match change {
                Change::CreateUser { email, .. } | Change::RegisterEndUser { email, .. } => index.taken(&email.clone().into(), None),
                Change::CreateServiceAccount(new) => index.taken(&Handle::ServiceAccount(new.terms.name.clone()), None),
                Change::CreateAccessToken(new) => self
                    .users
                    .get(&actor)
                    .and_then(|user| user.handle.email())
                    .and_then(|owner| index.taken(&Handle::AccessToken { name: new.terms.name.clone(), owner: owner.clone() }, None)),
                Change::UpdateProgram { user, after, .. } => {
                    renamed(&user.handle, &after.name).and_then(|handle| index.taken(&handle, Some(user.id)))
                }
                _ => None,
            },
            another_full_admin: index
                .full_admins
                .iter()
                .any(|id| Some(*id) != user_id && self.users.get(id).is_some_and(|user| user.status == UserStatus::Active)),
            signer: rules::Signer::Passkey,
            passkey: about.map(|signer| PasskeyFacts { name: None, is_active: signer.is_active }),
            passkeys: index.active_signers(actor, ends_a_passkey),
            is_program: self.users.get(&actor).is_some_and(|user| !user.kind.is_person()),
        }
    }

    /// Takes a new passkey or key in.
    ///
    /// # Errors
    /// The id that is in use already: ours, or the one that was chosen.
    pub(super) fn add_signer(&mut self, index: &mut Index, id: CredentialId, signer: Signer) -> Result<(), String> {
        if !index.chosen.insert(signer.chosen.clone()) {
            return Err(signer.chosen.to_string());
        }
        self.add_credential(id, signer.owner)?;
        index.owned.entry(signer.owner).or_default().signers.insert(id);
        index.signers.insert(id, signer);
        Ok(())
    }

    /// Takes a user's new recovery key in; the one before goes.
    ///
    /// # Errors
    /// The id that is in use already.
    pub(super) fn set_recovery_key(&mut self, index: &mut Index, owner: UserId, new: RecoveryKey) -> Result<(), String> {
        let (id, chosen) = (new.id, new.chosen.clone());
        // The new one may have the id that was chosen for the old one.
        if let Some(old) = index.owned.entry(owner).or_default().recovery_key.replace(new) {
            self.credentials.remove(&old.id);
            if let Some(chosen) = &old.chosen {
                index.chosen.remove(chosen);
            }
        }
        if let Some(chosen) = chosen
            && !index.chosen.insert(chosen.clone())
        {
            return Err(chosen.to_string());
        }
        self.add_credential(id, owner)
    }

    fn add_credential(&mut self, id: CredentialId, owner: UserId) -> Result<(), String> {
        if self.credentials.insert(id, owner).is_some() { Err(id.to_string()) } else { Ok(()) }
    }

    pub(super) fn add_user(&mut self, index: &mut Index, id: UserId, user: User) {
        index.handles.insert(user.handle.key(), id);
        self.users.insert(id, user);
    }

    pub(super) fn assign(&mut self, index: &mut Index, id: AssignmentId, permission: PermissionId, user: UserId) {
        if let Some(holder) = self.users.get_mut(&user) {
            holder.assignments.insert(permission, id);
            *index.holders.entry(permission).or_default() += 1;
            let is_person = holder.kind.is_person();
            if is_person && self.permissions.get(&permission).is_some_and(|permission| permission.operations == Operations::All) {
                index.full_admins.insert(user);
            }
        }
    }

    /// Makes the change, which was found to be allowed. `created` are the bits of the id of whatever it creates. Credentials
    /// that it brings are taken in beside this, with what their registration shows.
    pub(super) fn apply(&mut self, index: &mut Index, change: Change, created: [u8; 16]) {
        match change {
            Change::CreateUser { email, kind, external_id } => {
                self.add_user(index, UserId::from_bytes(created), User::invited(email.into(), kind, external_id));
            }
            Change::RegisterEndUser { email, external_id } => {
                self.add_user(index, UserId::from_bytes(created), User::invited(email.into(), UserKind::EndUser, external_id));
            }
            Change::UpdateProgram { user, after, .. } => self.rename_program(index, user.id, after),
            Change::ResendInvitation { user } | Change::ShareInvitation { user } => self.alter(user.id, |user| user.is_revoked = false),
            Change::RevokeInvitation { user } => self.alter(user.id, |user| user.is_revoked = true),
            Change::ReEnrolUser { user } => self.begin_anew(index, user.id),
            Change::DeactivateUser { user } => self.alter(user.id, |user| user.status = UserStatus::Deactivated),
            Change::ActivateUser { user } => self.alter(user.id, |user| {
                user.status = if user.is_registered { UserStatus::Active } else { UserStatus::Invited };
            }),
            Change::DeleteUser { user } => self.delete(index, user.id),
            Change::CreatePermission { terms } => {
                let permission = Permission {
                    name: terms.name,
                    operations: Operations::These(terms.operations),
                    version: 1,
                    is_managed: false,
                    is_archived: false,
                };
                self.permissions.insert(PermissionId::from_bytes(created), permission);
            }
            Change::UpdatePermission { id, after, .. } => {
                if let Some(permission) = self.permissions.get_mut(&id) {
                    permission.name = after.name;
                    permission.operations = Operations::These(after.operations);
                    permission.version += 1;
                }
            }
            Change::ArchivePermission { permission } => {
                if let Some(permission) = self.permissions.get_mut(&permission.id) {
                    permission.is_archived = true;
                    permission.version += 1;
                }
            }
            Change::RestorePermission { permission } => {
                if let Some(permission) = self.permissions.get_mut(&permission.id) {
                    permission.is_archived = false;
                    permission.version += 1;
                }
            }
            Change::AssignPermission { permission, user, .. } => {
                self.assign(index, AssignmentId::from_bytes(created), permission.id, user.id);
            }
            Change::RevokeAssignment { permission, user, .. } => {
                self.alter(user.id, |user| {
                    user.assignments.remove(&permission.id);
                });
                self.let_go(index, permission.id, user.id);
            }
            Change::OwnAccount(AccountChange::RemovePasskey { id, .. }) => self.drop_signer(index, id),
            Change::OwnAccount(AccountChange::DeactivateCredential { id, .. }) => index.set_active(id, false),
            Change::OwnAccount(AccountChange::ActivateCredential { id, .. }) => index.set_active(id, true),
            // A program is taken in beside this, with its key, and so is a credential. The others alter nothing that lasts.
            Change::CreateServiceAccount(_)
            | Change::CreateAccessToken(_)
            | Change::KeepSignIn { .. }
            | Change::LogInEndUser { .. }
            | Change::RecoverEndUser { .. }
            | Change::OwnAccount(
                AccountChange::AddPasskey { .. }
                | AccountChange::AddKey { .. }
                | AccountChange::SetRecoveryKey { .. }
                | AccountChange::AllowCredential { .. }
                | AccountChange::RenamePasskey { .. }
                | AccountChange::ReplaceRecoveryKey { .. }
                | AccountChange::Recover { .. },
            ) => {}
        }
    }

    /// Takes a new program in, with its key; the permission that it has from the start.
    pub(super) fn add_program(&mut self, index: &mut Index, id: UserId, new: Program) -> Result<(), String> {
        let Program { handle, owner, external_id, key_id, key, permission } = new;
        let kind = if owner.is_some() { UserKind::AccessToken } else { UserKind::ServiceAccount };
        let user = User { status: UserStatus::Active, is_registered: true, owner, ..User::invited(handle, kind, external_id) };
        self.add_user(index, id, user);
        let chosen = Chosen::Key(key_id.to_string());
        self.add_signer(index, key_id, Signer { owner: id, key: SignerKey::Key(key), chosen, is_active: true })?;
        if let Some((assignment, permission)) = permission {
            self.assign(index, assignment, permission, id);
        }
        Ok(())
    }

    fn rename_program(&mut self, index: &mut Index, id: UserId, terms: ProgramTerms) {
        let Some(user) = self.users.get_mut(&id) else { return };
        index.handles.remove(&user.handle.key());
        if let Some(handle) = renamed(&user.handle, &terms.name) {
            user.handle = handle;
        }
        user.external_id = terms.external_id;
        index.handles.insert(user.handle.key(), id);
    }

    /// Removes the access tokens of a user.
    pub(super) fn drop_tokens(&mut self, index: &mut Index, owner: UserId) {
        let tokens: Vec<UserId> = self.users.iter().filter(|(_, user)| user.owner == Some(owner)).map(|(id, _)| *id).collect();
        for token in tokens {
            self.delete(index, token);
        }
    }

    /// Lets a user enrol again: what they signed with ends, and what they may do stays.
    pub(super) fn begin_anew(&mut self, index: &mut Index, id: UserId) {
        self.drop_credentials(index, id);
        self.drop_tokens(index, id);
        self.alter(id, |user| (user.status, user.is_registered, user.is_revoked) = (UserStatus::Invited, false, false));
    }

    pub(super) fn alter(&mut self, id: UserId, how: impl FnOnce(&mut User)) {
        if let Some(user) = self.users.get_mut(&id) {
            how(user);
        }
    }

    fn delete(&mut self, index: &mut Index, id: UserId) {
        let Some(user) = self.users.remove(&id) else { return };
        self.drop_tokens(index, id);
        index.handles.remove(&user.handle.key());
        for permission in user.assignments.into_keys() {
            self.let_go(index, permission, id);
        }
        self.drop_credentials(index, id);
    }

    pub(super) fn drop_credentials(&mut self, index: &mut Index, id: UserId) {
        let Owned { signers, recovery_key } = index.owned.remove(&id).unwrap_or_default();
        for signer in signers {
            self.drop_signer(index, signer);
        }
        if let Some(recovery_key) = recovery_key {
            self.credentials.remove(&recovery_key.id);
            if let Some(chosen) = &recovery_key.chosen {
                index.chosen.remove(chosen);
            }
        }
        index.allowed.remove(&id);
    }

    fn drop_signer(&mut self, index: &mut Index, id: CredentialId) {
        self.credentials.remove(&id);
        let Some(signer) = index.signers.remove(&id) else { return };
        index.chosen.remove(&signer.chosen);
        if let Some(owned) = index.owned.get_mut(&signer.owner) {
            owned.signers.remove(&id);
        }
    }

    fn let_go(&self, index: &mut Index, permission: PermissionId, user: UserId) {
        if let Some(holders) = index.holders.get_mut(&permission) {
            *holders = holders.saturating_sub(1);
        }
        if self.permissions.get(&permission).is_some_and(|permission| permission.operations == Operations::All) {
            index.full_admins.remove(&user);
        }
    }
}

//! When a change may be made: one function, from facts to a verdict. The server asks it before a document is written and
//! again in the transaction that executes it, with facts from the database; whoever verifies a history asks it with facts
//! from what came before. So both go by the same rules.

use super::{
    account_change::AccountChange,
    change::{Change, GivenPermission, PermissionRef, PermissionTerms, ProgramTerms, UserRef},
    sentence::all_names,
};
use crate::domain::{
    handle::Handle,
    id::PermissionId,
    operation::{Operation, Operations},
    text::{ExternalId, PasskeyName, PermissionName},
    time::Timestamp,
    user::{UserKind, UserStatus},
};
use std::{collections::BTreeSet, time::Duration};

/// A program's token counts so long at most.
pub const LONGEST_TOKEN: Duration = Duration::from_hours(730 * 24);
/// So many holders of a permission are counted, and no more: a page of permissions costs the same however many hold them.
pub const COUNTED_HOLDERS: u64 = 100;

/// What must be known to judge a change. What a change isn't about stays at its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// What the actor may do.
    pub held: Operations,
    /// The user whom it is about.
    pub user: Option<UserFacts>,
    /// The permission that it is about.
    pub permission: Option<PermissionFacts>,
    /// Whether the user has the permission: by the assignment that the change names, if it names one.
    pub is_assigned: bool,
    /// Whether the mail address or the name that it gives is in use already, and by what name.
    pub taken: Option<String>,
    /// Whether anyone beside the user is active and has every operation.
    pub another_full_admin: bool,
    /// What signs it.
    pub signer: Signer,
    /// The actor's own passkey that it is about.
    pub passkey: Option<PasskeyFacts>,
    /// How many passkeys and keys the actor has that can sign. Where a passkey ends, only passkeys count: a key opens no page.
    pub passkeys: usize,
    /// Whether the actor is a program.
    pub is_program: bool,
    /// When it is asked.
    pub now: Timestamp,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            held: Operations::NONE,
            user: None,
            permission: None,
            is_assigned: false,
            taken: None,
            another_full_admin: false,
            signer: Signer::Passkey,
            passkey: None,
            passkeys: 0,
            is_program: false,
            now: Timestamp::from_millis(0),
        }
    }
}

/// What a document is signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signer {
    /// A passkey.
    Passkey,
    /// The key of a recovery kit.
    RecoveryKey,
}

/// A user, as far as rules care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserFacts {
    /// What they are known by.
    pub handle: Handle,
    /// What they are.
    pub kind: UserKind,
    /// By which another system knows them.
    pub external_id: Option<ExternalId>,
    /// How many permissions they have.
    pub permissions: usize,
    /// Whether it is an access token of the actor's.
    pub is_actors_token: bool,
    /// What they can do at all.
    pub status: UserStatus,
    /// Whether their invitation was revoked.
    pub is_revoked: bool,
    /// What their permissions allow, whether or not they are active.
    pub held: Operations,
}

impl UserFacts {
    /// Programs don't count: somebody has to be there.
    fn is_full_admin(&self) -> bool {
        self.kind.is_person() && self.held == Operations::All
    }
}

/// A permission, as far as rules care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionFacts {
    /// Id.
    pub id: PermissionId,
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
    /// How many users and programs have it; a database counts them up to [`COUNTED_HOLDERS`].
    pub holders: u64,
}

/// How many users and programs have a permission.
pub fn holders_in_words(count: u64) -> String {
    match count {
        0 => "Nobody".to_owned(),
        1 => "1 holder".to_owned(),
        COUNTED_HOLDERS.. => format!("{COUNTED_HOLDERS} or more holders"),
        count => format!("{count} holders"),
    }
}

impl PermissionFacts {
    /// As documents name it.
    pub fn named(&self) -> PermissionRef {
        PermissionRef { id: self.id, name: self.name.clone(), version: self.version }
    }

    /// As documents give it.
    pub fn given(self) -> GivenPermission {
        GivenPermission { permission: self.named(), operations: self.operations }
    }
}

/// A passkey of the actor, as far as rules care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasskeyFacts {
    /// What it is called. History doesn't know: the first name of a passkey isn't signed by anyone.
    pub name: Option<PasskeyName>,
    /// Whether it can sign.
    pub is_active: bool,
}

/// Why a change may not be made; its text is for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// The actor isn't allowed to.
    #[error("You need the operation {0} for this, and none of your permissions has it.")]
    NotPermitted(Operation),
    /// The user isn't there, or never was in this organization.
    #[error("There is no such user in this organization any more.")]
    NoSuchUser,
    /// The permission isn't there.
    #[error("There is no such permission in this organization.")]
    NoSuchPermission,
    /// The user's state has moved on.
    #[error("{email} is {} now, so this can't be done.", .status.label().to_lowercase())]
    Status {
        /// Who.
        email: Handle,
        /// What they are.
        status: UserStatus,
    },
    /// The user has another mail address by now.
    #[error("This is {0} now. Look at it again before you sign.")]
    EmailChanged(Handle),
    /// The invitation was revoked already.
    #[error("The invitation of {0} was revoked already.")]
    RevokedAlready(Handle),
    /// The permission has changed.
    #[error(
        "The permission was changed since you looked at it. It is called “{name}” now and allows: {operations}. Look at it again before you sign."
    )]
    PermissionChanged {
        /// Its name now.
        name: PermissionName,
        /// What it allows now, by name.
        operations: String,
    },
    /// The permission came with the organization.
    #[error("“{0}” came with the organization and can't be changed.")]
    Managed(PermissionName),
    /// The permission was put away.
    #[error("“{0}” is archived.")]
    Archived(PermissionName),
    /// Somebody has it.
    #[error("{} still {} “{name}”. Take it away from them first.", holders_in_words(*.holders), if *.holders == 1 { "has" } else { "have" })]
    Held {
        /// Its name.
        name: PermissionName,
        /// How many.
        holders: u64,
    },
    /// Nothing would change.
    #[error("This changes nothing.")]
    NothingChanges,
    /// A permission without operations.
    #[error("Pick at least one operation.")]
    NoOperations,
    /// More than the actor has.
    #[error("You can only give what you hold yourself. You don't hold: {0}.")]
    BeyondOwn(String),
    /// Whoever gets the user's code gets their permissions, and the actor doesn't hold them.
    #[error("{email} holds what you don't: {operations}. Only someone who holds it, too, can let them enrol.")]
    Outranked {
        /// Who.
        email: Handle,
        /// What the actor doesn't hold of it.
        operations: String,
    },
    /// The user has the permission.
    #[error("{0} has this permission already.")]
    AssignedAlready(Handle),
    /// The user doesn't have the permission.
    #[error("{0} doesn't have this permission any more.")]
    NotAssigned(Handle),
    /// The address is in use.
    #[error("{0} is a user of this organization already.")]
    EmailTaken(String),
    /// The name is in use, or looks like one that is.
    #[error(
        "There is a permission called “{0}” already, perhaps an archived one, and this name is the same or looks like it. Choose another name."
    )]
    NameTaken(String),
    /// A recovery, and no recovery kit.
    #[error("Only a recovery kit can sign this.")]
    NeedsKit,
    /// A recovery kit, and no recovery.
    #[error("A recovery kit signs nothing but a recovery.")]
    NeedsPasskey,
    /// The passkey isn't one of the actor's.
    #[error("There is no such passkey in your account any more.")]
    NoSuchPasskey,
    /// The passkey has another name by now.
    #[error("This passkey is called “{0}” now. Look at it again before you sign.")]
    PasskeyRenamed(PasskeyName),
    /// The passkey's name is in use.
    #[error("Another passkey of yours is called “{0}” already. Choose another name.")]
    PasskeyNameTaken(String),
    /// The account would be left without a passkey.
    #[error("This is your only passkey, and without one you can't sign in. Add another one first.")]
    LastPasskey,
    /// A program, where only a person may.
    #[error("Only people can do this, with a passkey or a key of their own.")]
    PeopleOnly,
    /// A person, where it is about programs, or the other way round.
    #[error("This can't be done with {0}.")]
    NotForThis(Handle),
    /// The program's name is in use.
    #[error("{0} is there already. Choose another name.")]
    ProgramNameTaken(String),
    /// What is given for a time is over already, or lasts longer than anything may.
    #[error("It has to end later than now, and within {0}.")]
    Until(&'static str),
    /// An access token's only permission, which narrows what it may do.
    #[error("{0} has no other permission, and without one it may do whatever its owner may. Give it another one first, or deactivate it.")]
    WouldWiden(Handle),
    /// The organization would be left without an admin.
    #[error("{0} is the last active admin with every operation. Give “Full admin” to someone else first.")]
    LastAdmin(Handle),
}

impl Denial {
    /// The form's field that it is about, if it is about one.
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::EmailTaken(_) => Some("email"),
            Self::NameTaken(_) | Self::PasskeyNameTaken(_) | Self::ProgramNameTaken(_) => Some("name"),
            Self::NoOperations | Self::BeyondOwn(_) => Some("operations"),
            _ => None,
        }
    }

    /// Whether it is about what somebody may do, not about how things are.
    pub const fn is_for_lack_of_rights(&self) -> bool {
        matches!(
            self,
            Self::NotPermitted(_) | Self::BeyondOwn(_) | Self::Outranked { .. } | Self::NeedsKit | Self::NeedsPasskey | Self::PeopleOnly
        )
    }

    /// The operation that is lacking, if it is one.
    pub const fn operation(&self) -> Option<Operation> {
        match self {
            Self::NotPermitted(operation) => Some(*operation),
            _ => None,
        }
    }
}

/// Whether the change may be made now.
///
/// # Errors
/// The first reason why not.
pub fn check(change: &Change, facts: &Facts) -> Result<(), Denial> {
    match (change, facts.signer) {
        (Change::OwnAccount(AccountChange::Recover { .. }), Signer::Passkey) => return Err(Denial::NeedsKit),
        (Change::OwnAccount(AccountChange::Recover { .. }), Signer::RecoveryKey) | (_, Signer::Passkey) => {}
        (_, Signer::RecoveryKey) => return Err(Denial::NeedsPasskey),
    }
    if let Some(operation) = change.operation().filter(|operation| !facts.held.allows(*operation)) {
        return Err(Denial::NotPermitted(operation));
    }
    if let Some(until) = change.until() {
        ends_in_time(change, until, facts.now)?;
    }
    match change {
        Change::OwnAccount(_) | Change::CreateAccessToken(_) if facts.is_program => Err(Denial::PeopleOnly),
        Change::OwnAccount(change) => of_own_account(change, facts),
        // Customers and programs come by other ways.
        Change::CreateUser { kind, email, .. } if *kind != UserKind::Employee => Err(Denial::NotForThis(email.clone().into())),
        Change::CreateServiceAccount(new) | Change::CreateAccessToken(new) => {
            program_name_is_free(facts)?;
            let Some(given) = &new.permission else { return Ok(()) };
            let permission = given_from_the_start(given, facts)?;
            // An access token's only narrows what its owner may do anyway.
            if matches!(change, Change::CreateAccessToken(_)) { Ok(()) } else { may_be_given(permission, &facts.held) }
        }
        Change::UpdateProgram { user, before, after } => update_program(user, before, after, facts),
        Change::KeepSignIn { user } => person(user, facts).map(|_| ()),
        Change::LogInEndUser { user } | Change::RecoverEndUser { user } => match must_be(user, facts, UserStatus::Active)? {
            now if now.kind == UserKind::EndUser => Ok(()),
            now => Err(Denial::NotForThis(now.handle.clone())),
        },
        Change::CreateUser { .. } | Change::RegisterEndUser { .. } => match &facts.taken {
            Some(email) => Err(Denial::EmailTaken(email.clone())),
            None => Ok(()),
        },
        // Whoever enrols again has permissions already: whoever sends or sees their code must not gain by it.
        Change::ResendInvitation { user } | Change::ShareInvitation { user } => {
            not_outranked(must_be(user, facts, UserStatus::Invited)?, &facts.held)?;
            person(user, facts).map(|_| ())
        }
        Change::ReEnrolUser { user } => {
            let now = must_be(user, facts, UserStatus::Active)?;
            person(user, facts)?;
            not_outranked(now, &facts.held)?;
            keeps_an_admin(now, facts)
        }
        Change::RevokeInvitation { user } => match must_be(user, facts, UserStatus::Invited)? {
            now if now.is_revoked => Err(Denial::RevokedAlready(user.handle.clone())),
            _ => Ok(()),
        },
        Change::DeactivateUser { user } => match own_if_token(user, facts)? {
            now if now.status == UserStatus::Deactivated => Err(status(now)),
            now => keeps_an_admin(now, facts),
        },
        Change::ActivateUser { user } => {
            own_if_token(user, facts)?;
            must_be(user, facts, UserStatus::Deactivated).map(|_| ())
        }
        // Someone must be able to stop any program; and a token may be the last that has a permission.
        Change::DeleteUser { user } if facts.held.allows(Operation::UsersDelete) => keeps_an_admin(known(user, facts)?, facts),
        Change::DeleteUser { user } => keeps_an_admin(own_if_token(user, facts)?, facts),
        Change::CreatePermission { terms } => {
            can_be_said(&terms.operations, &facts.held)?;
            name_is_free(facts)
        }
        Change::UpdatePermission { id, version, before, after } => update(*id, *version, before, after, facts),
        Change::ArchivePermission { permission } => match own(unchanged(permission, facts)?)? {
            now if now.holders > 0 => Err(Denial::Held { name: now.name.clone(), holders: now.holders }),
            _ => Ok(()),
        },
        Change::RestorePermission { permission } => match unchanged(permission, facts)? {
            now if now.is_managed => Err(Denial::Managed(now.name.clone())),
            now if now.is_archived => Ok(()),
            _ => Err(Denial::NothingChanges),
        },
        Change::AssignPermission { permission, operations, user } => assign(permission, operations, user, facts),
        Change::RevokeAssignment { permission, user, .. } => {
            let now = known(user, facts)?;
            let permission = called(permission, facts)?;
            if !facts.is_assigned {
                return Err(Denial::NotAssigned(user.handle.clone()));
            }
            // Whoever may only take permissions away, such a token itself among them, mustn't let it do more by that.
            if now.kind == UserKind::AccessToken && now.permissions <= 1 {
                return Err(Denial::WouldWiden(now.handle.clone()));
            }
            if permission.operations == Operations::All { keeps_an_admin(now, facts) } else { Ok(()) }
        }
    }
}

/// That it is the actor's own account is given by the change: there is nobody else whom it could be about.
fn of_own_account(change: &AccountChange, facts: &Facts) -> Result<(), Denial> {
    match change {
        AccountChange::AddPasskey { .. } | AccountChange::AddKey { .. } => passkey_name_is_free(facts),
        AccountChange::RenamePasskey { before, after, .. } => {
            own_passkey(before, facts)?;
            if before == after {
                return Err(Denial::NothingChanges);
            }
            passkey_name_is_free(facts)
        }
        AccountChange::RemovePasskey { name, .. } => {
            let passkey = own_passkey(name, facts)?;
            if facts.passkeys > 1 || !passkey.is_active { Ok(()) } else { Err(Denial::LastPasskey) }
        }
        AccountChange::DeactivateCredential { name, .. } => match own_passkey(name, facts)? {
            passkey if !passkey.is_active => Err(Denial::NothingChanges),
            _ if facts.passkeys > 1 => Ok(()),
            _ => Err(Denial::LastPasskey),
        },
        AccountChange::ActivateCredential { name, .. } => {
            if own_passkey(name, facts)?.is_active {
                Err(Denial::NothingChanges)
            } else {
                Ok(())
            }
        }
        AccountChange::ReplaceRecoveryKey { .. }
        | AccountChange::SetRecoveryKey { .. }
        | AccountChange::AllowCredential { .. }
        | AccountChange::Recover { .. } => Ok(()),
    }
}

fn own_passkey<'a>(called: &PasskeyName, facts: &'a Facts) -> Result<&'a PasskeyFacts, Denial> {
    let passkey = facts.passkey.as_ref().ok_or(Denial::NoSuchPasskey)?;
    match &passkey.name {
        Some(name) if name != called => Err(Denial::PasskeyRenamed(name.clone())),
        _ => Ok(passkey),
    }
}

fn passkey_name_is_free(facts: &Facts) -> Result<(), Denial> {
    facts.taken.as_ref().map_or(Ok(()), |name| Err(Denial::PasskeyNameTaken(name.clone())))
}

fn update(id: PermissionId, version: u64, before: &PermissionTerms, after: &PermissionTerms, facts: &Facts) -> Result<(), Denial> {
    let named = PermissionRef { id, name: before.name.clone(), version };
    let now = own(unchanged(&named, facts)?)?;
    if now.operations != Operations::These(before.operations.clone()) {
        return Err(changed(now));
    }
    if before == after {
        return Err(Denial::NothingChanges);
    }
    if after.operations.is_empty() {
        return Err(Denial::NoOperations);
    }
    // What was in it before was given by someone who held it.
    can_be_given(after.operations.difference(&before.operations), &facts.held)?;
    name_is_free(facts)
}

fn assign(permission: &PermissionRef, operations: &Operations, user: &UserRef, facts: &Facts) -> Result<(), Denial> {
    let permission = unchanged(permission, facts)?;
    if permission.is_archived {
        return Err(Denial::Archived(permission.name.clone()));
    }
    if permission.operations != *operations {
        return Err(changed(permission));
    }
    // What a token's owner lets it do is theirs to say: its first permission takes the rest away.
    own_if_token(user, facts)?;
    // Whoever gets hold of an invitation must not find rights waiting there.
    must_be(user, facts, UserStatus::Active)?;
    if facts.is_assigned {
        return Err(Denial::AssignedAlready(user.handle.clone()));
    }
    may_be_given(permission, &facts.held)
}

/// Whether whoever holds these operations may give this permission.
///
/// # Errors
/// What they don't hold of it.
pub fn may_be_given(permission: &PermissionFacts, held: &Operations) -> Result<(), Denial> {
    match &permission.operations {
        // Nothing to give, and nobody has wallets here yet, so nobody is asked to hold them.
        operations if permission.is_managed && *operations != Operations::All => Ok(()),
        Operations::All if *held == Operations::All => Ok(()),
        Operations::All => Err(Denial::BeyondOwn(all_names(&Operations::All))),
        Operations::These(operations) => can_be_given(operations, held),
    }
}

fn known<'a>(user: &UserRef, facts: &'a Facts) -> Result<&'a UserFacts, Denial> {
    let now = facts.user.as_ref().ok_or(Denial::NoSuchUser)?;
    if now.handle == user.handle { Ok(now) } else { Err(Denial::EmailChanged(now.handle.clone())) }
}

/// A person, by the handle that whoever signs reads.
fn person<'a>(user: &UserRef, facts: &'a Facts) -> Result<&'a UserFacts, Denial> {
    let now = known(user, facts)?;
    if now.kind.is_person() { Ok(now) } else { Err(Denial::NotForThis(now.handle.clone())) }
}

/// Anyone; but an access token only for its owner.
fn own_if_token<'a>(user: &UserRef, facts: &'a Facts) -> Result<&'a UserFacts, Denial> {
    let now = known(user, facts)?;
    if now.kind == UserKind::AccessToken && !now.is_actors_token { Err(Denial::NoSuchUser) } else { Ok(now) }
}

/// A token counts for two years at most, a code for an hour.
fn ends_in_time(change: &Change, until: Timestamp, now: Timestamp) -> Result<(), Denial> {
    let (longest, in_words) = match change {
        Change::OwnAccount(_) => (Duration::from_hours(1), "an hour"),
        _ => (LONGEST_TOKEN, "730 days"),
    };
    if now < until && until <= now.plus(longest) { Ok(()) } else { Err(Denial::Until(in_words)) }
}

fn update_program(user: &UserRef, before: &ProgramTerms, after: &ProgramTerms, facts: &Facts) -> Result<(), Denial> {
    let now = own_if_token(user, facts)?;
    if now.kind.is_person() {
        return Err(Denial::NotForThis(now.handle.clone()));
    }
    if now.handle.as_str() != before.name.as_str() || now.external_id != before.external_id {
        return Err(Denial::EmailChanged(now.handle.clone()));
    }
    if before == after {
        return Err(Denial::NothingChanges);
    }
    program_name_is_free(facts)
}

fn program_name_is_free(facts: &Facts) -> Result<(), Denial> {
    facts.taken.as_ref().map_or(Ok(()), |name| Err(Denial::ProgramNameTaken(name.clone())))
}

/// The permission that a program has from the start.
fn given_from_the_start<'a>(given: &GivenPermission, facts: &'a Facts) -> Result<&'a PermissionFacts, Denial> {
    let permission = unchanged(&given.permission, facts)?;
    if permission.is_archived {
        return Err(Denial::Archived(permission.name.clone()));
    }
    if permission.operations == given.operations { Ok(permission) } else { Err(changed(permission)) }
}

/// What an access token may do: what its owner may, as far as its permissions go, if it has any. What makes people, programs
/// and tokens, or acts for customers, stays with people and service accounts.
pub fn held_by_token(owner: &Operations, narrowed_to: Option<&Operations>) -> Operations {
    const KEPT: [Operation; 6] = [
        Operation::UsersCreate,
        Operation::ServiceAccountsCreate,
        Operation::TokensCreate,
        Operation::RegisterDelegated,
        Operation::LoginDelegated,
        Operation::RecoverDelegated,
    ];
    let may = |operation: &Operation| !KEPT.contains(operation) && narrowed_to.is_none_or(|narrowed| narrowed.allows(*operation));
    owner.iter().filter(may).collect()
}

fn must_be<'a>(user: &UserRef, facts: &'a Facts, wanted: UserStatus) -> Result<&'a UserFacts, Denial> {
    let now = known(user, facts)?;
    if now.status == wanted { Ok(now) } else { Err(status(now)) }
}

fn status(now: &UserFacts) -> Denial {
    Denial::Status { email: now.handle.clone(), status: now.status }
}

/// The actor must hold whatever the user holds.
fn not_outranked(user: &UserFacts, held: &Operations) -> Result<(), Denial> {
    if held.covers(&user.held) {
        return Ok(());
    }
    let beyond = match &user.held {
        Operations::All => Operations::All,
        Operations::These(operations) => operations.iter().copied().filter(|operation| !held.allows(*operation)).collect(),
    };
    Err(Denial::Outranked { email: user.handle.clone(), operations: all_names(&beyond) })
}

/// Without this user, someone active must be left who can do everything.
fn keeps_an_admin(user: &UserFacts, facts: &Facts) -> Result<(), Denial> {
    if user.is_full_admin() && user.status == UserStatus::Active && !facts.another_full_admin {
        return Err(Denial::LastAdmin(user.handle.clone()));
    }
    Ok(())
}

fn named<'a>(permission: &PermissionRef, facts: &'a Facts) -> Result<&'a PermissionFacts, Denial> {
    facts.permission.as_ref().filter(|now| now.id == permission.id).ok_or(Denial::NoSuchPermission)
}

/// The permission by the name that whoever signs reads, in whichever version: taking it away must not wait for anyone to
/// look at what else has changed.
fn called<'a>(permission: &PermissionRef, facts: &'a Facts) -> Result<&'a PermissionFacts, Denial> {
    let now = named(permission, facts)?;
    if now.name == permission.name { Ok(now) } else { Err(changed(now)) }
}

/// The permission in the version that was looked at.
fn unchanged<'a>(permission: &PermissionRef, facts: &'a Facts) -> Result<&'a PermissionFacts, Denial> {
    let now = named(permission, facts)?;
    if now.version == permission.version && now.name == permission.name { Ok(now) } else { Err(changed(now)) }
}

fn changed(now: &PermissionFacts) -> Denial {
    let operations = match &now.operations {
        Operations::All => "everything".to_owned(),
        Operations::These(operations) => list(operations),
    };
    Denial::PermissionChanged { name: now.name.clone(), operations }
}

/// A permission that people defined and may alter.
fn own(permission: &PermissionFacts) -> Result<&PermissionFacts, Denial> {
    if permission.is_managed {
        return Err(Denial::Managed(permission.name.clone()));
    }
    if permission.is_archived {
        return Err(Denial::Archived(permission.name.clone()));
    }
    Ok(permission)
}

fn can_be_said(operations: &BTreeSet<Operation>, held: &Operations) -> Result<(), Denial> {
    if operations.is_empty() {
        return Err(Denial::NoOperations);
    }
    can_be_given(operations, held)
}

fn can_be_given<'a>(operations: impl IntoIterator<Item = &'a Operation>, held: &Operations) -> Result<(), Denial> {
    let beyond: Vec<&Operation> = operations.into_iter().filter(|operation| !held.allows(**operation)).collect();
    if beyond.is_empty() { Ok(()) } else { Err(Denial::BeyondOwn(list(beyond))) }
}

fn name_is_free(facts: &Facts) -> Result<(), Denial> {
    match &facts.taken {
        Some(name) => Err(Denial::NameTaken(name.clone())),
        None => Ok(()),
    }
}

fn list<'a>(operations: impl IntoIterator<Item = &'a Operation>) -> String {
    operations.into_iter().map(|operation| operation.name()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;

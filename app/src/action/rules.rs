//! When a change may be made: one function, from facts to a verdict. The server asks it before a document is written and
//! again in the transaction that executes it, with facts from the database; whoever verifies a history asks it with facts
//! from what came before. So both go by the same rules.

use super::{
    change::{Change, PermissionRef, PermissionTerms, UserRef},
    sentence::all_names,
};
use crate::domain::{
    id::PermissionId,
    operation::{Operation, Operations},
    text::{EmailAddress, PermissionName},
    user::UserStatus,
};
use std::collections::BTreeSet;

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
}

impl Default for Facts {
    fn default() -> Self {
        Self { held: Operations::NONE, user: None, permission: None, is_assigned: false, taken: None, another_full_admin: false }
    }
}

/// A user, as far as rules care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserFacts {
    /// Mail address.
    pub email: EmailAddress,
    /// What they can do at all.
    pub status: UserStatus,
    /// Whether their invitation was revoked.
    pub is_revoked: bool,
    /// What their permissions allow, whether or not they are active.
    pub held: Operations,
}

impl UserFacts {
    fn is_full_admin(&self) -> bool {
        self.held == Operations::All
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
    /// How many users have it.
    pub holders: u64,
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
        email: EmailAddress,
        /// What they are.
        status: UserStatus,
    },
    /// The user has another mail address by now.
    #[error("This user's mail address is {0} now. Look at it again before you sign.")]
    EmailChanged(EmailAddress),
    /// The invitation was revoked already.
    #[error("The invitation of {0} was revoked already.")]
    RevokedAlready(EmailAddress),
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
    #[error("{holders} {} “{name}”. Take it away from them first.", if *.holders == 1 { "person still has" } else { "people still have" })]
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
    /// Operations that people don't pick.
    #[error("{0} can't be put into a permission: nothing here does that yet.")]
    NotOffered(Operation),
    /// More than the actor has.
    #[error("You can only give what you hold yourself. You don't hold: {0}.")]
    BeyondOwn(String),
    /// Whoever gets the user's code gets their permissions, and the actor doesn't hold them.
    #[error("{email} holds what you don't: {operations}. Only someone who holds it, too, can let them enrol.")]
    Outranked {
        /// Who.
        email: EmailAddress,
        /// What the actor doesn't hold of it.
        operations: String,
    },
    /// The user has the permission.
    #[error("{0} has this permission already.")]
    AssignedAlready(EmailAddress),
    /// The user doesn't have the permission.
    #[error("{0} doesn't have this permission any more.")]
    NotAssigned(EmailAddress),
    /// The address is in use.
    #[error("{0} is a user of this organization already.")]
    EmailTaken(String),
    /// The name is in use, or looks like one that is.
    #[error(
        "There is a permission called “{0}” already, perhaps an archived one, and this name is the same or looks like it. Choose another name."
    )]
    NameTaken(String),
    /// The organization would be left without an admin.
    #[error("{0} is the last active admin with every operation. Give “Full admin” to someone else first.")]
    LastAdmin(EmailAddress),
}

impl Denial {
    /// The form's field that it is about, if it is about one.
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::EmailTaken(_) => Some("email"),
            Self::NameTaken(_) => Some("name"),
            Self::NoOperations | Self::NotOffered(_) | Self::BeyondOwn(_) => Some("operations"),
            _ => None,
        }
    }
}

/// Whether the change may be made now.
///
/// # Errors
/// The first reason why not.
pub fn check(change: &Change, facts: &Facts) -> Result<(), Denial> {
    let operation = change.operation();
    if !facts.held.allows(operation) {
        return Err(Denial::NotPermitted(operation));
    }
    match change {
        Change::CreateUser { .. } => match &facts.taken {
            Some(email) => Err(Denial::EmailTaken(email.clone())),
            None => Ok(()),
        },
        // Whoever enrols again has permissions already: whoever sends or sees their code must not gain by it.
        Change::ResendInvitation { user } | Change::ShareInvitation { user } => {
            not_outranked(must_be(user, facts, UserStatus::Invited)?, &facts.held)
        }
        Change::ReEnrolUser { user } => {
            let now = must_be(user, facts, UserStatus::Active)?;
            not_outranked(now, &facts.held)?;
            keeps_an_admin(now, facts)
        }
        Change::RevokeInvitation { user } => match must_be(user, facts, UserStatus::Invited)? {
            now if now.is_revoked => Err(Denial::RevokedAlready(user.email.clone())),
            _ => Ok(()),
        },
        Change::DeactivateUser { user } => match known(user, facts)? {
            now if now.status == UserStatus::Deactivated => Err(status(now)),
            now => keeps_an_admin(now, facts),
        },
        Change::ActivateUser { user } => must_be(user, facts, UserStatus::Deactivated).map(|_| ()),
        Change::DeleteUser { user } => keeps_an_admin(known(user, facts)?, facts),
        Change::CreatePermission { terms } => {
            can_be_said(&terms.operations, &facts.held)?;
            name_is_free(facts)
        }
        Change::UpdatePermission { id, version, before, after } => update(*id, *version, before, after, facts),
        Change::ArchivePermission { permission } => match own(unchanged(permission, facts)?)? {
            now if now.holders > 0 => Err(Denial::Held { name: now.name.clone(), holders: now.holders }),
            _ => Ok(()),
        },
        Change::AssignPermission { permission, operations, user } => assign(permission, operations, user, facts),
        Change::RevokeAssignment { permission, user, .. } => {
            let now = known(user, facts)?;
            let permission = called(permission, facts)?;
            if !facts.is_assigned {
                return Err(Denial::NotAssigned(user.email.clone()));
            }
            if permission.operations == Operations::All { keeps_an_admin(now, facts) } else { Ok(()) }
        }
    }
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
    // Whoever gets hold of an invitation must not find rights waiting there.
    must_be(user, facts, UserStatus::Active)?;
    if facts.is_assigned {
        return Err(Denial::AssignedAlready(user.email.clone()));
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
    if now.email == user.email { Ok(now) } else { Err(Denial::EmailChanged(now.email.clone())) }
}

fn must_be<'a>(user: &UserRef, facts: &'a Facts, wanted: UserStatus) -> Result<&'a UserFacts, Denial> {
    let now = known(user, facts)?;
    if now.status == wanted { Ok(now) } else { Err(status(now)) }
}

fn status(now: &UserFacts) -> Denial {
    Denial::Status { email: now.email.clone(), status: now.status }
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
    Err(Denial::Outranked { email: user.email.clone(), operations: all_names(&beyond) })
}

/// Without this user, someone active must be left who can do everything.
fn keeps_an_admin(user: &UserFacts, facts: &Facts) -> Result<(), Denial> {
    if user.is_full_admin() && user.status == UserStatus::Active && !facts.another_full_admin {
        return Err(Denial::LastAdmin(user.email.clone()));
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

fn can_be_given<'a>(operations: impl IntoIterator<Item = &'a Operation> + Clone, held: &Operations) -> Result<(), Denial> {
    if let Some(operation) = operations.clone().into_iter().find(|operation| !operation.is_offered()) {
        return Err(Denial::NotOffered(*operation));
    }
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
mod tests {
    use super::*;
    use crate::{
        action::sentence::sentence,
        domain::{
            id::{AssignmentId, UserId},
            user::UserKind,
        },
    };
    use UserStatus::{Active, Deactivated, Invited};

    fn bob() -> UserRef {
        UserRef { id: UserId::from_bytes([1; 16]), email: EmailAddress::parse("bob@example.org").unwrap() }
    }

    fn name(name: &str) -> PermissionName {
        PermissionName::parse(name).unwrap()
    }

    fn reading() -> PermissionRef {
        PermissionRef { id: PermissionId::from_bytes([2; 16]), name: name("Reading"), version: 3 }
    }

    fn these(operations: &[Operation]) -> Operations {
        operations.iter().copied().collect()
    }

    fn terms(called: &str, operations: &[Operation]) -> PermissionTerms {
        PermissionTerms { name: name(called), operations: operations.iter().copied().collect() }
    }

    fn create_user() -> Change {
        Change::CreateUser { email: bob().email, kind: UserKind::Employee, external_id: None }
    }

    fn update(after: PermissionTerms) -> Change {
        Change::UpdatePermission { id: reading().id, version: 3, before: terms("Reading", &[Operation::UsersRead]), after }
    }

    fn assign(operations: Operations) -> Change {
        Change::AssignPermission { permission: reading(), operations, user: bob() }
    }

    fn revoke() -> Change {
        Change::RevokeAssignment { id: AssignmentId::from_bytes([3; 16]), permission: reading(), user: bob() }
    }

    /// Whoever asks may do everything, and there are other admins; Bob is what is said here, and has “Reading”, which allows
    /// to see people.
    fn facts(status: UserStatus) -> Facts {
        Facts {
            held: Operations::All,
            user: Some(UserFacts { email: bob().email, status, is_revoked: false, held: Operations::NONE }),
            permission: Some(PermissionFacts {
                id: reading().id,
                name: name("Reading"),
                operations: these(&[Operation::UsersRead]),
                version: 3,
                is_managed: false,
                is_archived: false,
                holders: 1,
            }),
            is_assigned: true,
            taken: None,
            another_full_admin: true,
        }
    }

    fn but(status: UserStatus, alter: impl FnOnce(&mut Facts)) -> Facts {
        let mut facts = facts(status);
        alter(&mut facts);
        facts
    }

    fn but_user(status: UserStatus, alter: impl FnOnce(&mut UserFacts)) -> Facts {
        but(status, |facts| alter(facts.user.as_mut().unwrap()))
    }

    fn but_permission(alter: impl FnOnce(&mut PermissionFacts)) -> Facts {
        but(Active, |facts| alter(facts.permission.as_mut().unwrap()))
    }

    /// Bob doesn't have the permission.
    fn unassigned(alter: impl FnOnce(&mut Facts)) -> Facts {
        but(Active, |facts| {
            facts.is_assigned = false;
            alter(facts);
        })
    }

    /// Bob has every operation, by “Reading” here.
    fn admin(status: UserStatus, another_full_admin: bool) -> Facts {
        but(status, |facts| {
            facts.another_full_admin = another_full_admin;
            facts.user.as_mut().unwrap().held = Operations::All;
            let permission = facts.permission.as_mut().unwrap();
            (permission.operations, permission.is_managed) = (Operations::All, true);
        })
    }

    /// Bob has every operation, but not by “Reading”.
    fn last_admin_of_little() -> Facts {
        but(Active, |facts| {
            facts.another_full_admin = false;
            facts.user.as_mut().unwrap().held = Operations::All;
        })
    }

    #[derive(Default)]
    struct Table(Vec<String>);

    impl Table {
        fn of<const CASES: usize>(&mut self, change: &Change, cases: [(&str, Facts); CASES]) {
            self.0.push(sentence(change));
            for (circumstance, facts) in cases {
                let verdict = check(change, &facts).map_or_else(|denial| denial.to_string(), |()| "yes".to_owned());
                self.0.push(format!("    {circumstance}: {verdict}"));
            }
        }
    }

    #[test]
    fn about_people() {
        let mut table = Table::default();
        let taken = |facts: &mut Facts| facts.taken = Some("Bob@example.org".to_owned());
        table.of(&create_user(), [("a new address", facts(Active)), ("an address in use", but(Active, taken))]);
        let renamed = |status| but_user(status, |user| user.email = EmailAddress::parse("rob@example.org").unwrap());
        let revoked = || but_user(Invited, |user| user.is_revoked = true);
        let gone = || but(Active, |facts| facts.user = None);
        for change in
            [Change::ResendInvitation { user: bob() }, Change::ShareInvitation { user: bob() }, Change::RevokeInvitation { user: bob() }]
        {
            table.of(
                &change,
                [
                    ("invited", facts(Invited)),
                    ("revoked", revoked()),
                    ("active", facts(Active)),
                    ("deactivated", facts(Deactivated)),
                    ("another address", renamed(Invited)),
                    ("gone", gone()),
                ],
            );
        }
        for change in [Change::DeactivateUser { user: bob() }, Change::DeleteUser { user: bob() }] {
            table.of(
                &change,
                [
                    ("invited", facts(Invited)),
                    ("active", facts(Active)),
                    ("deactivated", facts(Deactivated)),
                    ("one of several admins", admin(Active, true)),
                    ("the last admin", admin(Active, false)),
                    ("no admin", but(Active, |facts| facts.another_full_admin = false)),
                    ("an admin, but deactivated", admin(Deactivated, false)),
                    ("another address", renamed(Active)),
                    ("gone", gone()),
                ],
            );
        }
        table.of(
            &Change::ActivateUser { user: bob() },
            [
                ("invited", facts(Invited)),
                ("active", facts(Active)),
                ("deactivated", facts(Deactivated)),
                ("another address", renamed(Deactivated)),
                ("gone", gone()),
            ],
        );
        insta::assert_snapshot!(table.0.join("\n"), @"
        Create user bob@example.org as Employee
            a new address: yes
            an address in use: Bob@example.org is a user of this organization already.
        Send bob@example.org a new invitation
            invited: yes
            revoked: yes
            active: bob@example.org is active now, so this can't be done.
            deactivated: bob@example.org is deactivated now, so this can't be done.
            another address: This user's mail address is rob@example.org now. Look at it again before you sign.
            gone: There is no such user in this organization any more.
        Show a new invitation code for bob@example.org
            invited: yes
            revoked: yes
            active: bob@example.org is active now, so this can't be done.
            deactivated: bob@example.org is deactivated now, so this can't be done.
            another address: This user's mail address is rob@example.org now. Look at it again before you sign.
            gone: There is no such user in this organization any more.
        Revoke the invitation of bob@example.org
            invited: yes
            revoked: The invitation of bob@example.org was revoked already.
            active: bob@example.org is active now, so this can't be done.
            deactivated: bob@example.org is deactivated now, so this can't be done.
            another address: This user's mail address is rob@example.org now. Look at it again before you sign.
            gone: There is no such user in this organization any more.
        Deactivate bob@example.org
            invited: yes
            active: yes
            deactivated: bob@example.org is deactivated now, so this can't be done.
            one of several admins: yes
            the last admin: bob@example.org is the last active admin with every operation. Give “Full admin” to someone else first.
            no admin: yes
            an admin, but deactivated: bob@example.org is deactivated now, so this can't be done.
            another address: This user's mail address is rob@example.org now. Look at it again before you sign.
            gone: There is no such user in this organization any more.
        Delete bob@example.org
            invited: yes
            active: yes
            deactivated: yes
            one of several admins: yes
            the last admin: bob@example.org is the last active admin with every operation. Give “Full admin” to someone else first.
            no admin: yes
            an admin, but deactivated: yes
            another address: This user's mail address is rob@example.org now. Look at it again before you sign.
            gone: There is no such user in this organization any more.
        Activate bob@example.org
            invited: bob@example.org is invited now, so this can't be done.
            active: bob@example.org is active now, so this can't be done.
            deactivated: yes
            another address: This user's mail address is rob@example.org now. Look at it again before you sign.
            gone: There is no such user in this organization any more.
        ");
    }

    #[test]
    fn about_those_who_lost_everything() {
        let mut table = Table::default();
        let inviting = |status, held: &[Operation]| {
            but(status, |facts| {
                facts.held = these(&[Operation::UsersCreate, Operation::UsersRead]);
                facts.user.as_mut().unwrap().held = these(held);
            })
        };
        table.of(
            &Change::ReEnrolUser { user: bob() },
            [
                ("invited", facts(Invited)),
                ("active", facts(Active)),
                ("deactivated", facts(Deactivated)),
                ("holds what the actor holds", inviting(Active, &[Operation::UsersRead])),
                ("holds more than the actor", inviting(Active, &[Operation::UsersRead, Operation::HistoryRead])),
                ("one of several admins", admin(Active, true)),
                (
                    "an admin, by someone who may only invite",
                    but(Active, |facts| {
                        facts.held = these(&[Operation::UsersCreate]);
                        facts.user.as_mut().unwrap().held = Operations::All;
                    }),
                ),
                ("the last admin", admin(Active, false)),
                ("another address", but_user(Active, |user| user.email = EmailAddress::parse("rob@example.org").unwrap())),
                ("gone", but(Active, |facts| facts.user = None)),
            ],
        );
        for change in [Change::ResendInvitation { user: bob() }, Change::ShareInvitation { user: bob() }] {
            table.of(
                &change,
                [
                    ("enrols again with what the actor holds", inviting(Invited, &[Operation::UsersRead])),
                    ("enrols again with more", inviting(Invited, &[Operation::HistoryRead])),
                ],
            );
        }
        insta::assert_snapshot!(table.0.join("\n"), @"
        Let bob@example.org enrol again with a new passkey
            invited: bob@example.org is invited now, so this can't be done.
            active: yes
            deactivated: bob@example.org is deactivated now, so this can't be done.
            holds what the actor holds: yes
            holds more than the actor: bob@example.org holds what you don't: Auth:Logs:Read. Only someone who holds it, too, can let them enrol.
            one of several admins: yes
            an admin, by someone who may only invite: bob@example.org holds what you don't: every operation, also future ones. Only someone who holds it, too, can let them enrol.
            the last admin: bob@example.org is the last active admin with every operation. Give “Full admin” to someone else first.
            another address: This user's mail address is rob@example.org now. Look at it again before you sign.
            gone: There is no such user in this organization any more.
        Send bob@example.org a new invitation
            enrols again with what the actor holds: yes
            enrols again with more: bob@example.org holds what you don't: Auth:Logs:Read. Only someone who holds it, too, can let them enrol.
        Show a new invitation code for bob@example.org
            enrols again with what the actor holds: yes
            enrols again with more: bob@example.org holds what you don't: Auth:Logs:Read. Only someone who holds it, too, can let them enrol.
        ");
    }

    #[test]
    fn about_permissions() {
        let mut table = Table::default();
        let holding = |operations: &[Operation]| but(Active, |facts| facts.held = these(operations));
        let taken = || but(Active, |facts| facts.taken = Some("READING".to_owned()));
        let creating = [Operation::PermissionsCreate, Operation::UsersRead];
        table.of(
            &Change::CreatePermission { terms: terms("Reading", &[Operation::UsersRead]) },
            [
                ("everything held", facts(Active)),
                ("held", holding(&creating)),
                ("not held", holding(&creating[..1])),
                ("a name in use", taken()),
            ],
        );
        table.of(&Change::CreatePermission { terms: terms("Nothing", &[]) }, [("everything held", facts(Active))]);
        table.of(&Change::CreatePermission { terms: terms("Paying", &[Operation::TransfersCreate]) }, [("everything held", facts(Active))]);

        let updating = [Operation::PermissionsUpdate, Operation::HistoryRead];
        let moved_on = || but_permission(|permission| permission.version = 4);
        let renamed = || but_permission(|permission| permission.name = name("Records"));
        let managed = || but_permission(|permission| permission.is_managed = true);
        let archived = || but_permission(|permission| permission.is_archived = true);
        let gone = || but(Active, |facts| facts.permission = None);
        let another = || but_permission(|permission| permission.id = PermissionId::from_bytes([9; 16]));
        table.of(
            &update(terms("Records", &[Operation::UsersRead, Operation::HistoryRead])),
            [
                ("everything held", facts(Active)),
                ("what is added is held", holding(&updating)),
                ("what is added isn't held", holding(&updating[..1])),
                ("a name in use", taken()),
                ("changed since", moved_on()),
                ("called otherwise", renamed()),
                ("allows something else", but_permission(|permission| permission.operations = these(&[Operation::HistoryRead]))),
                ("managed", managed()),
                ("archived", archived()),
                ("gone", gone()),
                ("another one", another()),
            ],
        );
        table.of(&update(terms("Records", &[Operation::UsersRead])), [("nothing of it held", holding(&updating[..1]))]);
        table.of(&update(terms("Reading", &[Operation::UsersRead])), [("the same again", facts(Active))]);
        table.of(&update(terms("Reading", &[])), [("nothing left", facts(Active))]);
        table.of(&update(terms("Reading", &[Operation::WalletsRead])), [("not offered", facts(Active))]);
        table.of(
            &Change::ArchivePermission { permission: reading() },
            [
                ("nobody has it", but_permission(|permission| permission.holders = 0)),
                ("one has it", facts(Active)),
                ("two have it", but_permission(|permission| permission.holders = 2)),
                ("changed since", moved_on()),
                ("called otherwise", renamed()),
                ("managed", managed()),
                ("archived", archived()),
                ("gone", gone()),
            ],
        );
        insta::assert_snapshot!(table.0.join("\n"), @"
        Create permission “Reading” with 1 operation
            everything held: yes
            held: yes
            not held: You can only give what you hold yourself. You don't hold: Auth:Users:Read.
            a name in use: There is a permission called “READING” already, perhaps an archived one, and this name is the same or looks like it. Choose another name.
        Create permission “Nothing” with 0 operations
            everything held: Pick at least one operation.
        Create permission “Paying” with 1 operation
            everything held: Wallets:Transfers:Create can't be put into a permission: nothing here does that yet.
        Change permission “Reading”, and call it “Records”
            everything held: yes
            what is added is held: yes
            what is added isn't held: You can only give what you hold yourself. You don't hold: Auth:Logs:Read.
            a name in use: There is a permission called “READING” already, perhaps an archived one, and this name is the same or looks like it. Choose another name.
            changed since: The permission was changed since you looked at it. It is called “Reading” now and allows: Auth:Users:Read. Look at it again before you sign.
            called otherwise: The permission was changed since you looked at it. It is called “Records” now and allows: Auth:Users:Read. Look at it again before you sign.
            allows something else: The permission was changed since you looked at it. It is called “Reading” now and allows: Auth:Logs:Read. Look at it again before you sign.
            managed: “Reading” came with the organization and can't be changed.
            archived: “Reading” is archived.
            gone: There is no such permission in this organization.
            another one: There is no such permission in this organization.
        Change permission “Reading”, and call it “Records”
            nothing of it held: yes
        Change what permission “Reading” allows
            the same again: This changes nothing.
        Change what permission “Reading” allows
            nothing left: Pick at least one operation.
        Change what permission “Reading” allows
            not offered: Wallets:Read can't be put into a permission: nothing here does that yet.
        Archive permission “Reading”
            nobody has it: yes
            one has it: 1 person still has “Reading”. Take it away from them first.
            two have it: 2 people still have “Reading”. Take it away from them first.
            changed since: The permission was changed since you looked at it. It is called “Reading” now and allows: Auth:Users:Read. Look at it again before you sign.
            called otherwise: The permission was changed since you looked at it. It is called “Records” now and allows: Auth:Users:Read. Look at it again before you sign.
            managed: “Reading” came with the organization and can't be changed.
            archived: “Reading” is archived.
            gone: There is no such permission in this organization.
        ");
    }

    #[test]
    fn about_who_has_which() {
        let mut table = Table::default();
        let held = |operations: &[Operation]| unassigned(|facts| facts.held = these(operations));
        let permission = |alter: fn(&mut PermissionFacts)| unassigned(|facts| alter(facts.permission.as_mut().unwrap()));
        let assigning = [Operation::PermissionsAssign, Operation::UsersRead];
        let status = |status| but(status, |facts| facts.is_assigned = false);
        table.of(
            &assign(these(&[Operation::UsersRead])),
            [
                ("everything held", unassigned(|_| ())),
                ("held", held(&assigning)),
                ("not held", held(&assigning[..1])),
                ("has it already", facts(Active)),
                ("invited", status(Invited)),
                ("deactivated", status(Deactivated)),
                ("gone", unassigned(|facts| facts.user = None)),
                ("changed since", permission(|permission| permission.version = 4)),
                ("called otherwise", permission(|permission| permission.name = name("Records"))),
                ("allows something else", permission(|permission| permission.operations = these(&[Operation::HistoryRead]))),
                ("allows everything", permission(|permission| permission.operations = Operations::All)),
                ("archived", permission(|permission| permission.is_archived = true)),
                ("no such permission", unassigned(|facts| facts.permission = None)),
            ],
        );
        let managed = |held: Operations, operations: Operations| {
            unassigned(|facts| {
                facts.held = held;
                let permission = facts.permission.as_mut().unwrap();
                (permission.operations, permission.is_managed) = (operations, true);
            })
        };
        let every: Operations = Operation::ALL.iter().copied().collect();
        table.of(
            &assign(Operations::All),
            [
                ("everything held", managed(Operations::All, Operations::All)),
                ("only every operation of today held", managed(every, Operations::All)),
                ("allows less", managed(Operations::All, these(&[Operation::UsersRead]))),
            ],
        );
        let wallets = Operations::of_end_users();
        table.of(
            &assign(wallets.clone()),
            [
                ("the managed one, nothing of it held", managed(these(&assigning[..1]), wallets.clone())),
                ("no managed one", permission(|permission| permission.operations = Operations::of_end_users())),
            ],
        );
        table.of(
            &revoke(),
            [
                ("has it", facts(Active)),
                ("has it, and is deactivated", facts(Deactivated)),
                ("changed since", but_permission(|permission| permission.version = 4)),
                ("called otherwise", but_permission(|permission| permission.name = name("Records"))),
                ("doesn't have it, or by another assignment", unassigned(|_| ())),
                ("one of several admins", admin(Active, true)),
                ("the last admin", admin(Active, false)),
                ("an admin, but deactivated", admin(Deactivated, false)),
                ("the last admin, another permission", last_admin_of_little()),
                ("gone", but(Active, |facts| facts.user = None)),
                ("no such permission", but(Active, |facts| facts.permission = None)),
            ],
        );
        insta::assert_snapshot!(table.0.join("\n"), @"
        Give bob@example.org the permission “Reading”
            everything held: yes
            held: yes
            not held: You can only give what you hold yourself. You don't hold: Auth:Users:Read.
            has it already: bob@example.org has this permission already.
            invited: bob@example.org is invited now, so this can't be done.
            deactivated: bob@example.org is deactivated now, so this can't be done.
            gone: There is no such user in this organization any more.
            changed since: The permission was changed since you looked at it. It is called “Reading” now and allows: Auth:Users:Read. Look at it again before you sign.
            called otherwise: The permission was changed since you looked at it. It is called “Records” now and allows: Auth:Users:Read. Look at it again before you sign.
            allows something else: The permission was changed since you looked at it. It is called “Reading” now and allows: Auth:Logs:Read. Look at it again before you sign.
            allows everything: The permission was changed since you looked at it. It is called “Reading” now and allows: everything. Look at it again before you sign.
            archived: “Reading” is archived.
            no such permission: There is no such permission in this organization.
        Give bob@example.org the permission “Reading”
            everything held: yes
            only every operation of today held: You can only give what you hold yourself. You don't hold: every operation, also future ones.
            allows less: The permission was changed since you looked at it. It is called “Reading” now and allows: Auth:Users:Read. Look at it again before you sign.
        Give bob@example.org the permission “Reading”
            the managed one, nothing of it held: yes
            no managed one: Wallets:Read can't be put into a permission: nothing here does that yet.
        Take the permission “Reading” from bob@example.org
            has it: yes
            has it, and is deactivated: yes
            changed since: yes
            called otherwise: The permission was changed since you looked at it. It is called “Records” now and allows: Auth:Users:Read. Look at it again before you sign.
            doesn't have it, or by another assignment: bob@example.org doesn't have this permission any more.
            one of several admins: yes
            the last admin: bob@example.org is the last active admin with every operation. Give “Full admin” to someone else first.
            an admin, but deactivated: yes
            the last admin, another permission: yes
            gone: There is no such user in this organization any more.
            no such permission: There is no such permission in this organization.
        ");
    }

    #[test]
    fn a_change_takes_its_own_operation_and_no_other() {
        let changes = [
            create_user(),
            Change::ResendInvitation { user: bob() },
            Change::ShareInvitation { user: bob() },
            Change::RevokeInvitation { user: bob() },
            Change::DeactivateUser { user: bob() },
            Change::ActivateUser { user: bob() },
            Change::DeleteUser { user: bob() },
            Change::CreatePermission { terms: terms("Reading", &[Operation::UsersRead]) },
            update(terms("Records", &[Operation::UsersRead])),
            Change::ArchivePermission { permission: reading() },
            assign(these(&[Operation::UsersRead])),
            revoke(),
        ];
        let mut table = Vec::new();
        for change in changes {
            let denied = Err(Denial::NotPermitted(change.operation()));
            for operation in Operation::ALL {
                let facts = but(Active, |facts| facts.held = these(&[*operation]));
                assert_eq!(check(&change, &facts) != denied, *operation == change.operation(), "{operation} for {change:?}");
            }
            // Before anything else: who may not ask learns nothing about what there is.
            assert_eq!(check(&change, &Facts::default()), denied);
            table.push(format!("{}: {}", sentence(&change), change.operation()));
        }
        insta::assert_snapshot!(table.join("\n"), @"
        Create user bob@example.org as Employee: Auth:Users:Create
        Send bob@example.org a new invitation: Auth:Users:Create
        Show a new invitation code for bob@example.org: Auth:Users:Create
        Revoke the invitation of bob@example.org: Auth:Users:Create
        Deactivate bob@example.org: Auth:Users:Deactivate
        Activate bob@example.org: Auth:Users:Activate
        Delete bob@example.org: Auth:Users:Delete
        Create permission “Reading” with 1 operation: Permissions:Create
        Change permission “Reading”, and call it “Records”: Permissions:Update
        Archive permission “Reading”: Permissions:Archive
        Give bob@example.org the permission “Reading”: Permissions:Assign
        Take the permission “Reading” from bob@example.org: Permissions:Revoke
        ");
    }

    #[test]
    fn denials_that_are_about_a_field_name_it() {
        assert_eq!(Denial::EmailTaken("bob@example.org".to_owned()).field(), Some("email"));
        assert_eq!(Denial::NameTaken("Reading".to_owned()).field(), Some("name"));
        for denial in [Denial::NoOperations, Denial::NotOffered(Operation::WalletsRead), Denial::BeyondOwn(String::new())] {
            assert_eq!(denial.field(), Some("operations"));
        }
        assert_eq!(Denial::NoSuchUser.field(), None);
    }
}

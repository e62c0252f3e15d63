use super::*;
use crate::{
    action::{
        account_change::{NewPasskey, NewRecoveryKey},
        bytes::Bytes,
        change::NewProgram,
        cose::PublicKey,
        sentence::sentence,
    },
    domain::{
        id::{AssignmentId, CredentialId, UserId},
        text::{EmailAddress, ProgramName, PublicKeyPem},
        time::Timestamp,
    },
};
use UserStatus::{Active, Deactivated, Invited};

fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

fn bob() -> UserRef {
    UserRef { id: UserId::from_bytes([1; 16]), handle: address("bob@example.org").into() }
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
    Change::CreateUser { email: address("bob@example.org"), kind: UserKind::Employee, external_id: None }
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
        user: Some(UserFacts {
            handle: bob().handle,
            kind: UserKind::Employee,
            external_id: None,
            permissions: 1,
            is_actors_token: false,
            status,
            is_revoked: false,
            held: Operations::NONE,
        }),
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
        signer: Signer::Passkey,
        passkey: Some(PasskeyFacts { name: Some(PasskeyName::parse("YubiKey").unwrap()), is_active: true }),
        passkeys: 2,
        is_program: false,
        now: Timestamp::from_millis(1_800_000_000_000),
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
    let renamed = |status| but_user(status, |user| user.handle = address("rob@example.org").into());
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
        another address: This is rob@example.org now. Look at it again before you sign.
        gone: There is no such user in this organization any more.
    Show a new invitation code for bob@example.org
        invited: yes
        revoked: yes
        active: bob@example.org is active now, so this can't be done.
        deactivated: bob@example.org is deactivated now, so this can't be done.
        another address: This is rob@example.org now. Look at it again before you sign.
        gone: There is no such user in this organization any more.
    Revoke the invitation of bob@example.org
        invited: yes
        revoked: The invitation of bob@example.org was revoked already.
        active: bob@example.org is active now, so this can't be done.
        deactivated: bob@example.org is deactivated now, so this can't be done.
        another address: This is rob@example.org now. Look at it again before you sign.
        gone: There is no such user in this organization any more.
    Deactivate bob@example.org
        invited: yes
        active: yes
        deactivated: bob@example.org is deactivated now, so this can't be done.
        one of several admins: yes
        the last admin: bob@example.org is the last active admin with every operation. Give “Full admin” to someone else first.
        no admin: yes
        an admin, but deactivated: bob@example.org is deactivated now, so this can't be done.
        another address: This is rob@example.org now. Look at it again before you sign.
        gone: There is no such user in this organization any more.
    Delete bob@example.org
        invited: yes
        active: yes
        deactivated: yes
        one of several admins: yes
        the last admin: bob@example.org is the last active admin with every operation. Give “Full admin” to someone else first.
        no admin: yes
        an admin, but deactivated: yes
        another address: This is rob@example.org now. Look at it again before you sign.
        gone: There is no such user in this organization any more.
    Activate bob@example.org
        invited: bob@example.org is invited now, so this can't be done.
        active: bob@example.org is active now, so this can't be done.
        deactivated: yes
        another address: This is rob@example.org now. Look at it again before you sign.
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
            ("another address", but_user(Active, |user| user.handle = address("rob@example.org").into())),
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
        another address: This is rob@example.org now. Look at it again before you sign.
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
    table.of(&update(terms("Reading", &[Operation::WalletsRead])), [("what is done elsewhere", facts(Active))]);
    table.of(
        &Change::ArchivePermission { permission: reading() },
        [
            ("nobody has it", but_permission(|permission| permission.holders = 0)),
            ("one has it", facts(Active)),
            ("two have it", but_permission(|permission| permission.holders = 2)),
            ("many have it", but_permission(|permission| permission.holders = 523)),
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
        everything held: yes
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
        what is done elsewhere: yes
    Archive permission “Reading”
        nobody has it: yes
        one has it: 1 holder still has “Reading”. Take it away from them first.
        two have it: 2 holders still have “Reading”. Take it away from them first.
        many have it: 100 or more holders still have “Reading”. Take it away from them first.
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
        no managed one: yes
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
        let needed = change.operation().unwrap();
        let denied = Err(Denial::NotPermitted(needed));
        for operation in Operation::ALL {
            let facts = but(Active, |facts| facts.held = these(&[*operation]));
            assert_eq!(check(&change, &facts) != denied, *operation == needed, "{operation} for {change:?}");
        }
        // Before anything else: who may not ask learns nothing about what there is.
        assert_eq!(check(&change, &Facts::default()), denied);
        table.push(format!("{}: {needed}", sentence(&change)));
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
    for denial in [Denial::NoOperations, Denial::BeyondOwn(String::new())] {
        assert_eq!(denial.field(), Some("operations"));
    }
    assert_eq!(Denial::NoSuchUser.field(), None);
}

#[test]
fn about_ones_own_passkeys() {
    let yubikey = || PasskeyName::parse("YubiKey").unwrap();
    let id = CredentialId::from_bytes([9; 16]);
    let bytes = || Bytes(vec![1; 32]);
    let passkey = NewPasskey {
        challenge: bytes(),
        credential_id: bytes(),
        client_data: bytes(),
        attestation_object: bytes(),
        transports: Vec::new(),
    };
    let recovery_key = NewRecoveryKey { public_key: bytes(), salt: bytes(), signature: bytes() };
    // Nobody needs a permission for it.
    let nobody = |alter: fn(&mut Facts)| {
        but(Active, |facts| {
            (facts.held, facts.user, facts.permission) = (Operations::NONE, None, None);
            alter(facts);
        })
    };
    let renamed: fn(&mut Facts) =
        |facts| facts.passkey = Some(PasskeyFacts { name: Some(PasskeyName::parse("Safe").unwrap()), is_active: true });
    let unknown: fn(&mut Facts) = |facts| facts.passkey = Some(PasskeyFacts { name: None, is_active: true });
    let gone: fn(&mut Facts) = |facts| facts.passkey = None;
    let by_kit: fn(&mut Facts) = |facts| facts.signer = Signer::RecoveryKey;
    let taken: fn(&mut Facts) = |facts| facts.taken = Some("YubiKey".to_owned());
    let mut table = Table::default();
    table.of(
        &Change::OwnAccount(AccountChange::AddPasskey { name: yubikey(), passkey: passkey.clone() }),
        [("no permission at all", nobody(|_| ())), ("a name in use", nobody(taken))],
    );
    table.of(
        &Change::OwnAccount(AccountChange::RenamePasskey { id, before: yubikey(), after: PasskeyName::parse("Safe").unwrap() }),
        [
            ("no permission at all", nobody(|_| ())),
            ("a name in use", nobody(taken)),
            ("renamed since", nobody(renamed)),
            ("whose name nobody knows", nobody(unknown)),
            ("gone", nobody(gone)),
        ],
    );
    table.of(
        &Change::OwnAccount(AccountChange::RenamePasskey { id, before: yubikey(), after: yubikey() }),
        [("the same name", nobody(|_| ()))],
    );
    table.of(
        &Change::OwnAccount(AccountChange::RemovePasskey { id, name: yubikey() }),
        [
            ("one of two", nobody(|_| ())),
            ("the only one", nobody(|facts| facts.passkeys = 1)),
            ("renamed since", nobody(renamed)),
            ("gone", nobody(gone)),
        ],
    );
    table.of(
        &Change::OwnAccount(AccountChange::ReplaceRecoveryKey { challenge: bytes(), recovery_key: recovery_key.clone() }),
        [("no permission at all", nobody(|_| ())), ("signed by a kit", nobody(by_kit))],
    );
    table.of(
        &Change::OwnAccount(AccountChange::Recover { name: yubikey(), passkey, recovery_key }),
        [("signed by a kit", nobody(by_kit)), ("signed by a passkey", nobody(|_| ()))],
    );
    table.of(&create_user(), [("signed by a kit", but(Active, by_kit))]);
    insta::assert_snapshot!(table.0.join("\n"), @"
    Add the passkey “YubiKey” to your own account
        no permission at all: yes
        a name in use: Another passkey of yours is called “YubiKey” already. Choose another name.
    Call your passkey “YubiKey” “Safe”
        no permission at all: yes
        a name in use: Another passkey of yours is called “YubiKey” already. Choose another name.
        renamed since: This passkey is called “Safe” now. Look at it again before you sign.
        whose name nobody knows: yes
        gone: There is no such passkey in your account any more.
    Call your passkey “YubiKey” “YubiKey”
        the same name: This changes nothing.
    Remove the passkey “YubiKey” from your own account
        one of two: yes
        the only one: This is your only passkey, and without one you can't sign in. Add another one first.
        renamed since: This passkey is called “Safe” now. Look at it again before you sign.
        gone: There is no such passkey in your account any more.
    Replace the recovery kit of your own account
        no permission at all: yes
        signed by a kit: A recovery kit signs nothing but a recovery.
    Recover your own account with the recovery kit
        signed by a kit: yes
        signed by a passkey: Only a recovery kit can sign this.
    Create user bob@example.org as Employee
        signed by a kit: A recovery kit signs nothing but a recovery.
    ");
}

fn program(kind: UserKind, alter: impl FnOnce(&mut UserFacts)) -> Facts {
    but_user(Active, |user| {
        user.kind = kind;
        user.handle = Handle::ServiceAccount(ProgramName::parse("Payroll").unwrap());
        alter(user);
    })
}

fn payroll() -> UserRef {
    UserRef { handle: Handle::ServiceAccount(ProgramName::parse("Payroll").unwrap()), ..bob() }
}

fn program_terms(name: &str) -> ProgramTerms {
    ProgramTerms { name: ProgramName::parse(name).unwrap(), external_id: None }
}

fn new_program(permission: Option<&[Operation]>) -> NewProgram {
    NewProgram {
        terms: program_terms("Payroll"),
        public_key: PublicKeyPem::parse(&PublicKey::Ed25519([11; 32]).to_pem()).unwrap(),
        until: Timestamp::from_millis(1_850_000_000_000),
        permission: permission.map(|operations| GivenPermission { permission: reading(), operations: these(operations) }),
    }
}

#[test]
fn about_new_programs() {
    let mut table = Table::default();
    let holding = |operations: &[Operation]| but(Active, |facts| facts.held = these(operations));
    let at = |now| but(Active, |facts| facts.now = Timestamp::from_millis(now));
    let by_a_program = || but(Active, |facts| facts.is_program = true);
    let taken = || but(Active, |facts| facts.taken = Some("Payroll".to_owned()));
    for of in [Change::CreateServiceAccount, Change::CreateAccessToken] {
        table.of(
            &of(new_program(None)),
            [
                ("a new name", facts(Active)),
                ("a name in use", taken()),
                ("by a program", by_a_program()),
                ("over already", at(1_850_000_000_000)),
                ("further than two years away", at(1_700_000_000_000)),
            ],
        );
        table.of(
            &of(new_program(Some(&[Operation::UsersRead]))),
            [
                ("everything held", facts(Active)),
                ("nothing of it held", holding(&[Operation::ServiceAccountsCreate, Operation::TokensCreate])),
                ("archived", but_permission(|permission| permission.is_archived = true)),
                ("changed", but_permission(|permission| permission.version = 4)),
                ("allows something else", but_permission(|permission| permission.operations = these(&[Operation::HistoryRead]))),
                ("gone", but(Active, |facts| facts.permission = None)),
            ],
        );
    }
    insta::assert_snapshot!(table.0.join("\n"), @"
    Create service account “Payroll”
        a new name: yes
        a name in use: Payroll is there already. Choose another name.
        by a program: yes
        over already: It has to end later than now, and within 730 days.
        further than two years away: It has to end later than now, and within 730 days.
    Create service account “Payroll” with the permission “Reading”
        everything held: yes
        nothing of it held: You can only give what you hold yourself. You don't hold: Auth:Users:Read.
        archived: “Reading” is archived.
        changed: The permission was changed since you looked at it. It is called “Reading” now and allows: Auth:Users:Read. Look at it again before you sign.
        allows something else: The permission was changed since you looked at it. It is called “Reading” now and allows: Auth:Logs:Read. Look at it again before you sign.
        gone: There is no such permission in this organization.
    Create access token “Payroll” of your own
        a new name: yes
        a name in use: Payroll is there already. Choose another name.
        by a program: Only people can do this, with a passkey or a key of their own.
        over already: It has to end later than now, and within 730 days.
        further than two years away: It has to end later than now, and within 730 days.
    Create access token “Payroll” of your own with the permission “Reading”
        everything held: yes
        nothing of it held: yes
        archived: “Reading” is archived.
        changed: The permission was changed since you looked at it. It is called “Reading” now and allows: Auth:Users:Read. Look at it again before you sign.
        allows something else: The permission was changed since you looked at it. It is called “Reading” now and allows: Auth:Logs:Read. Look at it again before you sign.
        gone: There is no such permission in this organization.
    ");
}

#[test]
fn about_programs() {
    let mut table = Table::default();
    let rename = Change::UpdateProgram { user: payroll(), before: program_terms("Payroll"), after: program_terms("Wages") };
    table.of(
        &rename,
        [
            ("a service account", program(UserKind::ServiceAccount, |_| ())),
            ("one's own token", program(UserKind::AccessToken, |user| user.is_actors_token = true)),
            ("someone else's token", program(UserKind::AccessToken, |_| ())),
            ("a person", program(UserKind::Employee, |_| ())),
            ("known elsewhere by now", program(UserKind::ServiceAccount, |user| user.external_id = ExternalId::parse("7").ok())),
        ],
    );
    table.of(
        &Change::UpdateProgram { user: payroll(), before: program_terms("Payroll"), after: program_terms("Payroll") },
        [("the same again", program(UserKind::ServiceAccount, |_| ()))],
    );
    let mut keeper = program(UserKind::AccessToken, |_| ());
    keeper.held = these(&[Operation::ServiceAccountsDeactivate, Operation::ServiceAccountsDelete]);
    for change in [Change::DeactivateUser { user: payroll() }, Change::DeleteUser { user: payroll() }] {
        table.of(
            &change,
            [
                ("a service account", program(UserKind::ServiceAccount, |_| ())),
                ("one's own token", program(UserKind::AccessToken, |user| user.is_actors_token = true)),
                ("someone else's token", program(UserKind::AccessToken, |_| ())),
                ("someone else's token, without deleting people", keeper.clone()),
                ("a program with every operation", program(UserKind::ServiceAccount, |user| user.held = Operations::All)),
            ],
        );
    }
    table.of(&Change::ReEnrolUser { user: payroll() }, [("a service account", program(UserKind::ServiceAccount, |_| ()))]);
    let mut unassigned = program(UserKind::AccessToken, |user| user.is_actors_token = true);
    unassigned.is_assigned = false;
    let give = Change::AssignPermission { permission: reading(), operations: these(&[Operation::UsersRead]), user: payroll() };
    let mut foreign = unassigned.clone();
    foreign.user.as_mut().unwrap().is_actors_token = false;
    table.of(&give, [("one's own token", unassigned), ("someone else's token", foreign)]);
    let take = Change::RevokeAssignment { id: AssignmentId::from_bytes([3; 16]), permission: reading(), user: payroll() };
    table.of(
        &take,
        [
            ("a service account's only one", program(UserKind::ServiceAccount, |_| ())),
            ("a token's only one", program(UserKind::AccessToken, |user| user.is_actors_token = true)),
            ("one of a token's two", program(UserKind::AccessToken, |user| user.permissions = 2)),
        ],
    );
    table.of(&Change::KeepSignIn { user: payroll() }, [("a service account", program(UserKind::ServiceAccount, |_| ()))]);
    insta::assert_snapshot!(table.0.join("\n"), @"
    Change service account “Payroll”, and call it “Wages”
        a service account: yes
        one's own token: yes
        someone else's token: There is no such user in this organization any more.
        a person: This can't be done with service account “Payroll”.
        known elsewhere by now: This is service account “Payroll” now. Look at it again before you sign.
    Change service account “Payroll”
        the same again: This changes nothing.
    Deactivate service account “Payroll”
        a service account: yes
        one's own token: yes
        someone else's token: There is no such user in this organization any more.
        someone else's token, without deleting people: There is no such user in this organization any more.
        a program with every operation: yes
    Delete service account “Payroll”
        a service account: yes
        one's own token: yes
        someone else's token: yes
        someone else's token, without deleting people: There is no such user in this organization any more.
        a program with every operation: yes
    Let service account “Payroll” enrol again with a new passkey
        a service account: This can't be done with service account “Payroll”.
    Give service account “Payroll” the permission “Reading”
        one's own token: yes
        someone else's token: There is no such user in this organization any more.
    Take the permission “Reading” from service account “Payroll”
        a service account's only one: yes
        a token's only one: service account “Payroll” has no other permission, and without one it may do whatever its owner may. Give it another one first, or deactivate it.
        one of a token's two: yes
    Let service account “Payroll” sign in with passkeys and keys, and not by single sign-on
        a service account: This can't be done with service account “Payroll”.
    ");
}

#[test]
fn about_customers() {
    let mut table = Table::default();
    let customer = |status| but_user(status, |user| user.kind = UserKind::EndUser);
    let taken = but(Active, |facts| facts.taken = Some("Bob@example.org".to_owned()));
    table.of(
        &Change::CreateUser { email: address("bob@example.org"), kind: UserKind::EndUser, external_id: None },
        [("a new address", facts(Active))],
    );
    table.of(
        &Change::RegisterEndUser { email: address("bob@example.org"), external_id: None },
        [("a new address", facts(Active)), ("an address in use", taken)],
    );
    for change in [Change::LogInEndUser { user: bob() }, Change::RecoverEndUser { user: bob() }] {
        let employee = but_user(Active, |user| user.kind = UserKind::Employee);
        table.of(
            &change,
            [
                ("a customer", customer(Active)),
                ("a deactivated one", customer(Deactivated)),
                ("an invited one", customer(Invited)),
                ("an employee", employee),
                ("gone", but(Active, |facts| facts.user = None)),
            ],
        );
    }
    insta::assert_snapshot!(table.0.join("\n"), @"
    Create user bob@example.org as End user
        a new address: This can't be done with bob@example.org.
    Register customer bob@example.org
        a new address: yes
        an address in use: Bob@example.org is a user of this organization already.
    Sign customer bob@example.org in
        a customer: yes
        a deactivated one: bob@example.org is deactivated now, so this can't be done.
        an invited one: bob@example.org is invited now, so this can't be done.
        an employee: This can't be done with bob@example.org.
        gone: There is no such user in this organization any more.
    Let customer bob@example.org recover without a mail
        a customer: yes
        a deactivated one: bob@example.org is deactivated now, so this can't be done.
        an invited one: bob@example.org is invited now, so this can't be done.
        an employee: This can't be done with bob@example.org.
        gone: There is no such user in this organization any more.
    ");
}

/// What an access token may never do, however much its owner may.
#[test]
fn tokens_make_nothing_that_acts() {
    let held = held_by_token(&Operations::All, None);
    let beyond: Vec<&str> = Operations::All.iter().filter(|operation| !held.allows(*operation)).map(Operation::name).collect();
    insta::assert_snapshot!(beyond.join("\n"), @"
    Auth:Users:Create
    Auth:ServiceAccounts:Create
    Auth:Pats:Create
    Auth:Register:Delegated
    Auth:Login:Delegated
    Auth:Recover:Delegated
    ");
    let owner = these(&[Operation::UsersRead, Operation::UsersUpdate, Operation::TokensCreate]);
    assert_eq!(held_by_token(&owner, None), these(&[Operation::UsersRead, Operation::UsersUpdate]));
    let narrow = these(&[Operation::UsersRead, Operation::HistoryRead]);
    assert_eq!(held_by_token(&owner, Some(&narrow)), these(&[Operation::UsersRead]), "no more than both say");
}

//! Who may do what at which point of a history. Every signature here is right; what isn't is that it was executed.

use super::story::{Person, Story, address, create_user, terms};
use app::{
    action::{
        change::{Change, PermissionRef, UserRef},
        document::{Document, challenge, created_id},
        history::{entry::SignedAction, replay::ReplayError},
        rules::Denial,
        sentence::sentence,
    },
    domain::{
        id::{AssignmentId, PermissionId, UserId},
        operation::{Operation, Operations},
        text::PermissionName,
    },
};

/// What is said if this person did this now; the story stays as it was.
fn verdict(story: &mut Story, person: &mut Person, change: Change) -> Result<(), ReplayError> {
    recorded(story, person, change, |_| ())
}

/// The same, with what is done to the entry.
fn recorded(story: &mut Story, person: &mut Person, change: Change, forge: impl FnOnce(&mut SignedAction)) -> Result<(), ReplayError> {
    let count = person.passkey.sign_count;
    let document = story.document(person, change).to_bytes().unwrap();
    let mut action = Story::sign(person, &document, |_| ());
    forge(&mut action);
    // It didn't happen, so nobody counted it.
    person.passkey.sign_count = count;
    story.verdict_on_action(action)
}

/// Who asks for what, and what is said to it: lines of a table.
#[derive(Default)]
struct Table(Vec<String>);

impl Table {
    fn asks(&mut self, story: &mut Story, person: &mut Person, change: Change) {
        let (who, what) = (person.email.as_str().split('@').next().unwrap().to_owned(), sentence(&change));
        let said = match verdict(story, person, change) {
            Ok(()) => "done".to_owned(),
            Err(ReplayError::Denied(denial)) => denial.to_string(),
            Err(error) => format!("!! {error}"),
        };
        self.0.push(format!("{who}: {what}\n    {said}"));
    }

    fn says(&mut self, heading: &str) {
        self.0.push(format!("-- {heading}"));
    }
}

/// Bob may do six things, Cleo may see people, and Dora hasn't signed up yet.
struct Staff {
    story: Story,
    ada: Person,
    bob: Person,
    cleo: Person,
    dora: Person,
    desk: PermissionId,
}

const DESK: [Operation; 6] = [
    Operation::UsersRead,
    Operation::UsersCreate,
    Operation::PermissionsCreate,
    Operation::PermissionsUpdate,
    Operation::PermissionsAssign,
    Operation::PermissionsRevoke,
];

fn staff() -> Staff {
    let (mut story, mut ada) = Story::begin();
    let bob = story.join(&mut ada, "bob@example.org");
    let cleo = story.join(&mut ada, "cleo@example.org");
    let dora = story.invite(&mut ada, "dora@example.org");
    let desk = story.define(&mut ada, "Desk", &DESK);
    let reading = story.define(&mut ada, "Reading", &[Operation::UsersRead]);
    story.give(&mut ada, desk, &bob);
    story.give(&mut ada, reading, &cleo);
    Staff { story, ada, bob, cleo, dora, desk }
}

#[test]
fn who_may_only_read_changes_nothing() {
    let Staff { mut story, bob, mut cleo, dora, desk, .. } = staff();
    let mut table = Table::default();
    for change in [
        create_user("eve@example.org"),
        Change::ShareInvitation { user: dora.named() },
        Change::DeactivateUser { user: bob.named() },
        Change::DeleteUser { user: cleo.named() },
        story.giving(desk, &cleo),
    ] {
        table.asks(&mut story, &mut cleo, change);
    }
    insta::assert_snapshot!(table.0.join("\n"), @"
    cleo: Create user eve@example.org as Employee
        You need the operation Auth:Users:Create for this, and none of your permissions has it.
    cleo: Show a new invitation code for dora@example.org
        You need the operation Auth:Users:Create for this, and none of your permissions has it.
    cleo: Deactivate bob@example.org
        You need the operation Auth:Users:Deactivate for this, and none of your permissions has it.
    cleo: Delete cleo@example.org
        You need the operation Auth:Users:Delete for this, and none of your permissions has it.
    cleo: Give cleo@example.org the permission “Desk”
        You need the operation Permissions:Assign for this, and none of your permissions has it.
    ");
}

#[test]
fn people_do_what_their_permissions_allow_and_give_no_more() {
    let Staff { mut story, mut ada, mut bob, cleo, dora, desk } = staff();
    let records = story.define(&mut ada, "Records", &[Operation::HistoryRead]);
    let mut table = Table::default();
    table.says("Bob's operations");
    table.asks(&mut story, &mut bob, create_user("eve@example.org"));
    table.asks(&mut story, &mut bob, Change::DeleteUser { user: cleo.named() });
    let change = story.taking(story.full_admin, &ada);
    table.asks(&mut story, &mut bob, change);
    table.says("New permissions");
    for terms in [
        terms("Inviting", &[Operation::UsersCreate]),
        terms("Deleting", &[Operation::UsersDelete]),
        terms("Paying", &[Operation::TransfersCreate]),
        terms("Nothing", &[]),
    ] {
        table.asks(&mut story, &mut bob, Change::CreatePermission { terms });
    }
    table.says("Permissions for others");
    for (permission, to) in [(desk, &cleo), (records, &cleo), (story.full_admin, &cleo), (story.end_user, &cleo), (desk, &dora)] {
        let change = story.giving(permission, to);
        table.asks(&mut story, &mut bob, change);
    }
    let change = story.giving(story.full_admin, &bob);
    table.asks(&mut story, &mut bob, change);
    table.says("More, less and the same in his own permission");
    for operations in [&[&DESK[..], &[Operation::UsersDelete]].concat(), &DESK[1..], &DESK] {
        let (before, after) = (terms("Desk", &DESK), terms("Desk", operations));
        table.asks(&mut story, &mut bob, Change::UpdatePermission { id: desk, version: 1, before, after });
    }
    insta::assert_snapshot!(table.0.join("\n"), @"
    -- Bob's operations
    bob: Create user eve@example.org as Employee
        done
    bob: Delete cleo@example.org
        You need the operation Auth:Users:Delete for this, and none of your permissions has it.
    bob: Take the permission “Full admin” from ada@example.org
        ada@example.org is the last active admin with every operation. Give “Full admin” to someone else first.
    -- New permissions
    bob: Create permission “Inviting” with 1 operation
        done
    bob: Create permission “Deleting” with 1 operation
        You can only give what you hold yourself. You don't hold: Auth:Users:Delete.
    bob: Create permission “Paying” with 1 operation
        You can only give what you hold yourself. You don't hold: Wallets:Transfers:Create.
    bob: Create permission “Nothing” with 0 operations
        Pick at least one operation.
    -- Permissions for others
    bob: Give cleo@example.org the permission “Desk”
        done
    bob: Give cleo@example.org the permission “Records”
        You can only give what you hold yourself. You don't hold: Auth:Logs:Read.
    bob: Give cleo@example.org the permission “Full admin”
        You can only give what you hold yourself. You don't hold: every operation, also future ones.
    bob: Give cleo@example.org the permission “End user”
        done
    bob: Give dora@example.org the permission “Desk”
        dora@example.org is invited now, so this can't be done.
    bob: Give bob@example.org the permission “Full admin”
        You can only give what you hold yourself. You don't hold: every operation, also future ones.
    -- More, less and the same in his own permission
    bob: Change what permission “Desk” allows
        You can only give what you hold yourself. You don't hold: Auth:Users:Delete.
    bob: Change what permission “Desk” allows
        done
    bob: Change what permission “Desk” allows
        This changes nothing.
    ");
}

#[test]
fn what_a_permission_allows_ends_with_it() {
    let Staff { mut story, mut ada, mut bob, desk, .. } = staff();
    let mut table = Table::default();
    table.says("Bob is deactivated");
    story.act(&mut ada, Change::DeactivateUser { user: bob.named() });
    table.asks(&mut story, &mut bob, create_user("eve@example.org"));
    assert_eq!(story.state().held_by(bob.id), Operations::NONE);
    table.says("and activated");
    story.act(&mut ada, Change::ActivateUser { user: bob.named() });
    table.asks(&mut story, &mut bob, create_user("eve@example.org"));
    table.says("His permission says less");
    let (before, after) = (terms("Desk", &DESK), terms("Desk", &[Operation::UsersRead]));
    story.act(&mut ada, Change::UpdatePermission { id: desk, version: 1, before: before.clone(), after: after.clone() });
    table.asks(&mut story, &mut bob, create_user("eve@example.org"));
    table.says("and what it said before");
    story.act(&mut ada, Change::UpdatePermission { id: desk, version: 2, before: after, after: before });
    table.asks(&mut story, &mut bob, create_user("eve@example.org"));
    table.says("It is taken away");
    let change = story.taking(desk, &bob);
    story.act(&mut ada, change);
    table.asks(&mut story, &mut bob, create_user("eve@example.org"));
    insta::assert_snapshot!(table.0.join("\n"), @"
    -- Bob is deactivated
    bob: Create user eve@example.org as Employee
        !! us-1vhg0-kec0g-4jv4zf4jda8wafy9 asked for this, but wasn't an active user at this point
    -- and activated
    bob: Create user eve@example.org as Employee
        done
    -- His permission says less
    bob: Create user eve@example.org as Employee
        You need the operation Auth:Users:Create for this, and none of your permissions has it.
    -- and what it said before
    bob: Create user eve@example.org as Employee
        done
    -- It is taken away
    bob: Create user eve@example.org as Employee
        You need the operation Auth:Users:Create for this, and none of your permissions has it.
    ");
}

#[test]
fn there_is_always_an_active_admin() {
    let (mut story, mut ada) = Story::begin();
    let mut bob = story.join(&mut ada, "bob@example.org");
    let everything = story.define(&mut ada, "Everything of today", &offered());
    story.give(&mut ada, everything, &bob);

    let mut table = Table::default();
    table.says("Ada is the only one, though Bob may do all that there is today");
    let taking_adas = story.taking(story.full_admin, &ada);
    for change in [Change::DeactivateUser { user: ada.named() }, Change::DeleteUser { user: ada.named() }, taking_adas.clone()] {
        table.asks(&mut story, &mut ada, change.clone());
        table.asks(&mut story, &mut bob, change);
    }
    table.says("Bob is one too");
    story.give(&mut ada, story.full_admin, &bob);
    for change in [Change::DeactivateUser { user: ada.named() }, Change::DeleteUser { user: ada.named() }, taking_adas.clone()] {
        table.asks(&mut story, &mut ada, change);
    }
    table.says("Ada is deactivated");
    story.act(&mut bob, Change::DeactivateUser { user: ada.named() });
    let taking_bobs = story.taking(story.full_admin, &bob);
    for change in [Change::DeactivateUser { user: bob.named() }, Change::DeleteUser { user: bob.named() }, taking_bobs] {
        table.asks(&mut story, &mut bob, change);
    }
    table.asks(&mut story, &mut bob, taking_adas);
    table.asks(&mut story, &mut bob, Change::DeleteUser { user: ada.named() });
    insta::assert_snapshot!(table.0.join("\n"), @"
    -- Ada is the only one, though Bob may do all that there is today
    ada: Deactivate ada@example.org
        ada@example.org is the last active admin with every operation. Give “Full admin” to someone else first.
    bob: Deactivate ada@example.org
        ada@example.org is the last active admin with every operation. Give “Full admin” to someone else first.
    ada: Delete ada@example.org
        ada@example.org is the last active admin with every operation. Give “Full admin” to someone else first.
    bob: Delete ada@example.org
        ada@example.org is the last active admin with every operation. Give “Full admin” to someone else first.
    ada: Take the permission “Full admin” from ada@example.org
        ada@example.org is the last active admin with every operation. Give “Full admin” to someone else first.
    bob: Take the permission “Full admin” from ada@example.org
        ada@example.org is the last active admin with every operation. Give “Full admin” to someone else first.
    -- Bob is one too
    ada: Deactivate ada@example.org
        done
    ada: Delete ada@example.org
        done
    ada: Take the permission “Full admin” from ada@example.org
        done
    -- Ada is deactivated
    bob: Deactivate bob@example.org
        bob@example.org is the last active admin with every operation. Give “Full admin” to someone else first.
    bob: Delete bob@example.org
        bob@example.org is the last active admin with every operation. Give “Full admin” to someone else first.
    bob: Take the permission “Full admin” from bob@example.org
        bob@example.org is the last active admin with every operation. Give “Full admin” to someone else first.
    bob: Take the permission “Full admin” from ada@example.org
        done
    bob: Delete ada@example.org
        done
    ");
}

#[test]
fn who_was_an_admin_does_not_count_as_one() {
    let ends: [fn(&mut Story, &mut Person, &Person); 2] = [
        |story, bob, ada| {
            let change = story.taking(story.full_admin, ada);
            story.act(bob, change);
        },
        |story, bob, ada| {
            story.act(bob, Change::DeleteUser { user: ada.named() });
        },
    ];
    for end in ends {
        let (mut story, mut ada) = Story::begin();
        let mut bob = story.join(&mut ada, "bob@example.org");
        story.give(&mut ada, story.full_admin, &bob);
        end(&mut story, &mut bob, &ada);
        let last = Err(ReplayError::Denied(Denial::LastAdmin(bob.email.clone().into())));
        let change = Change::DeactivateUser { user: bob.named() };
        assert_eq!(verdict(&mut story, &mut bob, change), last);
    }
}

fn offered() -> Vec<Operation> {
    Operation::ALL.iter().copied().filter(|operation| operation.is_offered()).collect()
}

/// “Reading”, which Bob has and Cleo doesn't.
struct Given {
    story: Story,
    ada: Person,
    bob: Person,
    cleo: Person,
    reading: PermissionRef,
    assignment: AssignmentId,
}

impl Given {
    fn new() -> Self {
        let (mut story, mut ada) = Story::begin();
        let bob = story.join(&mut ada, "bob@example.org");
        let cleo = story.join(&mut ada, "cleo@example.org");
        let id = story.define(&mut ada, "Reading", &[Operation::UsersRead]);
        let assignment = story.give(&mut ada, id, &bob);
        let (reading, _) = story.permission(id);
        Self { story, ada, bob, cleo, reading, assignment }
    }

    fn update(&self, version: u64, before: (&str, &[Operation]), after: (&str, &[Operation])) -> Change {
        let (before, after) = (terms(before.0, before.1), terms(after.0, after.1));
        Change::UpdatePermission { id: self.reading.id, version, before, after }
    }
}

fn giving(permission: &PermissionRef, operations: &[Operation], to: &Person) -> Change {
    let operations = operations.iter().copied().collect();
    Change::AssignPermission { permission: permission.clone(), operations, user: to.named() }
}

fn taking(id: AssignmentId, permission: &PermissionRef, from: &Person) -> Change {
    Change::RevokeAssignment { id, permission: permission.clone(), user: from.named() }
}

const READING: (&str, &[Operation]) = ("Reading", &[Operation::UsersRead]);
const RECORDS: (&str, &[Operation]) = ("Records", &[Operation::UsersRead, Operation::HistoryRead]);

#[test]
fn what_is_given_and_taken_is_what_the_document_says() {
    let Given { mut story, mut ada, bob, cleo, reading, assignment } = Given::new();
    let harmless = PermissionRef { name: PermissionName::parse("Harmless").unwrap(), ..reading.clone() };
    let mut table = Table::default();
    table.says("Giving: as it is, as everything, under another name, and once more");
    let everything = Change::AssignPermission { permission: reading.clone(), operations: Operations::All, user: cleo.named() };
    for change in [giving(&reading, READING.1, &cleo), everything, giving(&harmless, READING.1, &cleo), giving(&reading, READING.1, &bob)] {
        table.asks(&mut story, &mut ada, change);
    }
    table.says("Taking: as it is, under another name, another assignment, from someone else, and another permission");
    let end_user = story.permission(story.end_user).0;
    for change in [
        taking(assignment, &reading, &bob),
        taking(assignment, &harmless, &bob),
        taking(AssignmentId::from_bytes([7; 16]), &reading, &bob),
        taking(assignment, &reading, &cleo),
        taking(assignment, &end_user, &bob),
    ] {
        table.asks(&mut story, &mut ada, change);
    }
    insta::assert_snapshot!(table.0.join("\n"), @"
    -- Giving: as it is, as everything, under another name, and once more
    ada: Give cleo@example.org the permission “Reading”
        done
    ada: Give cleo@example.org the permission “Reading”
        The permission was changed since you looked at it. It is called “Reading” now and allows: Auth:Users:Read. Look at it again before you sign.
    ada: Give cleo@example.org the permission “Harmless”
        The permission was changed since you looked at it. It is called “Reading” now and allows: Auth:Users:Read. Look at it again before you sign.
    ada: Give bob@example.org the permission “Reading”
        bob@example.org has this permission already.
    -- Taking: as it is, under another name, another assignment, from someone else, and another permission
    ada: Take the permission “Reading” from bob@example.org
        done
    ada: Take the permission “Harmless” from bob@example.org
        The permission was changed since you looked at it. It is called “Reading” now and allows: Auth:Users:Read. Look at it again before you sign.
    ada: Take the permission “Reading” from bob@example.org
        bob@example.org doesn't have this permission any more.
    ada: Take the permission “Reading” from cleo@example.org
        cleo@example.org doesn't have this permission any more.
    ada: Take the permission “End user” from bob@example.org
        bob@example.org doesn't have this permission any more.
    ");
}

#[test]
fn a_permission_is_what_it_was_when_someone_looked() {
    let mut given = Given::new();
    let reading = given.reading.clone();
    let mut table = Table::default();
    table.says("An edit of another version, other operations, another name, and as it is");
    for change in [
        given.update(2, READING, RECORDS),
        given.update(1, ("Reading", RECORDS.1), RECORDS),
        given.update(1, ("Harmless", READING.1), RECORDS),
        given.update(1, READING, RECORDS),
    ] {
        table.asks(&mut given.story, &mut given.ada, change);
    }
    table.says("After the edit, nothing goes on with what was there before");
    let edit = given.update(1, READING, RECORDS);
    given.story.act(&mut given.ada, edit.clone());
    let archive = Change::ArchivePermission { permission: reading.clone() };
    for change in [edit, giving(&reading, READING.1, &given.cleo), archive, taking(given.assignment, &reading, &given.bob)] {
        table.asks(&mut given.story, &mut given.ada, change);
    }
    table.says("but it is taken away in whichever version, if only its name is right");
    let renamed = given.update(2, RECORDS, ("Reading", RECORDS.1));
    given.story.act(&mut given.ada, renamed);
    let change = taking(given.assignment, &reading, &given.bob);
    table.asks(&mut given.story, &mut given.ada, change);
    insta::assert_snapshot!(table.0.join("\n"), @"
    -- An edit of another version, other operations, another name, and as it is
    ada: Change permission “Reading”, and call it “Records”
        The permission was changed since you looked at it. It is called “Reading” now and allows: Auth:Users:Read. Look at it again before you sign.
    ada: Change permission “Reading”, and call it “Records”
        The permission was changed since you looked at it. It is called “Reading” now and allows: Auth:Users:Read. Look at it again before you sign.
    ada: Change permission “Harmless”, and call it “Records”
        The permission was changed since you looked at it. It is called “Reading” now and allows: Auth:Users:Read. Look at it again before you sign.
    ada: Change permission “Reading”, and call it “Records”
        done
    -- After the edit, nothing goes on with what was there before
    ada: Change permission “Reading”, and call it “Records”
        The permission was changed since you looked at it. It is called “Records” now and allows: Auth:Users:Read, Auth:Logs:Read. Look at it again before you sign.
    ada: Give cleo@example.org the permission “Reading”
        The permission was changed since you looked at it. It is called “Records” now and allows: Auth:Users:Read, Auth:Logs:Read. Look at it again before you sign.
    ada: Archive permission “Reading”
        The permission was changed since you looked at it. It is called “Records” now and allows: Auth:Users:Read, Auth:Logs:Read. Look at it again before you sign.
    ada: Take the permission “Reading” from bob@example.org
        The permission was changed since you looked at it. It is called “Records” now and allows: Auth:Users:Read, Auth:Logs:Read. Look at it again before you sign.
    -- but it is taken away in whichever version, if only its name is right
    ada: Take the permission “Reading” from bob@example.org
        done
    ");
}

#[test]
fn permissions_are_put_away_when_nobody_has_them() {
    let mut given = Given::new();
    let reading = given.reading.clone();
    let mut table = Table::default();
    let archive = Change::ArchivePermission { permission: reading.clone() };
    table.asks(&mut given.story, &mut given.ada, archive.clone());
    let change = taking(given.assignment, &reading, &given.bob);
    given.story.act(&mut given.ada, change);
    table.asks(&mut given.story, &mut given.ada, archive.clone());
    table.says("Put away, it stays so");
    given.story.act(&mut given.ada, archive);
    let (archived, _) = given.story.permission(reading.id);
    let archive = Change::ArchivePermission { permission: archived.clone() };
    for change in [archive, giving(&archived, READING.1, &given.cleo), given.update(archived.version, READING, RECORDS)] {
        table.asks(&mut given.story, &mut given.ada, change);
    }
    table.says("Those that came with the organization stay as they are");
    for id in [given.story.full_admin, given.story.end_user] {
        let (permission, operations) = given.story.permission(id);
        let before = terms(permission.name.as_str(), &operations.iter().collect::<Vec<_>>());
        let edit = Change::UpdatePermission { id, version: 1, before, after: terms(RECORDS.0, RECORDS.1) };
        table.asks(&mut given.story, &mut given.ada, Change::ArchivePermission { permission });
        table.asks(&mut given.story, &mut given.ada, edit);
    }
    table.says("An unknown one isn't there");
    let permission = PermissionRef { id: PermissionId::from_bytes([7; 16]), ..reading };
    table.asks(&mut given.story, &mut given.ada, Change::ArchivePermission { permission });
    insta::assert_snapshot!(table.0.join("\n"), @"
    ada: Archive permission “Reading”
        1 holder still has “Reading”. Take it away from them first.
    ada: Archive permission “Reading”
        done
    -- Put away, it stays so
    ada: Archive permission “Reading”
        “Reading” is archived.
    ada: Give cleo@example.org the permission “Reading”
        “Reading” is archived.
    ada: Change permission “Reading”, and call it “Records”
        “Reading” is archived.
    -- Those that came with the organization stay as they are
    ada: Archive permission “Full admin”
        “Full admin” came with the organization and can't be changed.
    ada: Change permission “Full admin”, and call it “Records”
        “Full admin” came with the organization and can't be changed.
    ada: Archive permission “End user”
        “End user” came with the organization and can't be changed.
    ada: Change permission “End user”, and call it “Records”
        “End user” came with the organization and can't be changed.
    -- An unknown one isn't there
    ada: Archive permission “Reading”
        There is no such permission in this organization.
    ");
}

/// All that can be done about someone.
fn about(user: &UserRef) -> [Change; 7] {
    [
        Change::ResendInvitation { user: user.clone() },
        Change::ShareInvitation { user: user.clone() },
        Change::RevokeInvitation { user: user.clone() },
        Change::ReEnrolUser { user: user.clone() },
        Change::ActivateUser { user: user.clone() },
        Change::DeactivateUser { user: user.clone() },
        Change::DeleteUser { user: user.clone() },
    ]
}

#[test]
fn invitations_are_for_who_has_not_signed_up() {
    let (mut story, mut ada) = Story::begin();
    let bob = story.join(&mut ada, "bob@example.org");
    let cleo = story.invite(&mut ada, "cleo@example.org");
    let mut table = Table::default();
    table.says("Cleo is invited");
    for change in about(&cleo.named()) {
        table.asks(&mut story, &mut ada, change);
    }
    table.says("Her invitation is revoked");
    story.act(&mut ada, Change::RevokeInvitation { user: cleo.named() });
    for change in about(&cleo.named()) {
        table.asks(&mut story, &mut ada, change);
    }
    table.says("Bob is active");
    for change in about(&bob.named()) {
        table.asks(&mut story, &mut ada, change);
    }
    table.says("He is deactivated");
    story.act(&mut ada, Change::DeactivateUser { user: bob.named() });
    for change in about(&bob.named()) {
        table.asks(&mut story, &mut ada, change);
    }
    insta::assert_snapshot!(table.0.join("\n"), @"
    -- Cleo is invited
    ada: Send cleo@example.org a new invitation
        done
    ada: Show a new invitation code for cleo@example.org
        done
    ada: Revoke the invitation of cleo@example.org
        done
    ada: Let cleo@example.org enrol again with a new passkey
        cleo@example.org is invited now, so this can't be done.
    ada: Activate cleo@example.org
        cleo@example.org is invited now, so this can't be done.
    ada: Deactivate cleo@example.org
        done
    ada: Delete cleo@example.org
        done
    -- Her invitation is revoked
    ada: Send cleo@example.org a new invitation
        done
    ada: Show a new invitation code for cleo@example.org
        done
    ada: Revoke the invitation of cleo@example.org
        The invitation of cleo@example.org was revoked already.
    ada: Let cleo@example.org enrol again with a new passkey
        cleo@example.org is invited now, so this can't be done.
    ada: Activate cleo@example.org
        cleo@example.org is invited now, so this can't be done.
    ada: Deactivate cleo@example.org
        done
    ada: Delete cleo@example.org
        done
    -- Bob is active
    ada: Send bob@example.org a new invitation
        bob@example.org is active now, so this can't be done.
    ada: Show a new invitation code for bob@example.org
        bob@example.org is active now, so this can't be done.
    ada: Revoke the invitation of bob@example.org
        bob@example.org is active now, so this can't be done.
    ada: Let bob@example.org enrol again with a new passkey
        done
    ada: Activate bob@example.org
        bob@example.org is active now, so this can't be done.
    ada: Deactivate bob@example.org
        done
    ada: Delete bob@example.org
        done
    -- He is deactivated
    ada: Send bob@example.org a new invitation
        bob@example.org is deactivated now, so this can't be done.
    ada: Show a new invitation code for bob@example.org
        bob@example.org is deactivated now, so this can't be done.
    ada: Revoke the invitation of bob@example.org
        bob@example.org is deactivated now, so this can't be done.
    ada: Let bob@example.org enrol again with a new passkey
        bob@example.org is deactivated now, so this can't be done.
    ada: Activate bob@example.org
        done
    ada: Deactivate bob@example.org
        bob@example.org is deactivated now, so this can't be done.
    ada: Delete bob@example.org
        done
    ");
}

#[test]
fn people_are_named_as_they_are() {
    let (mut story, mut ada) = Story::begin();
    let bob = story.join(&mut ada, "bob@example.org");
    for change in about(&UserRef { handle: address("rob@example.org").into(), ..bob.named() }) {
        let verdict = verdict(&mut story, &mut ada, change);
        assert_eq!(verdict, Err(ReplayError::Denied(Denial::EmailChanged(bob.email.clone().into()))));
    }
    for change in about(&UserRef { id: UserId::from_bytes([7; 16]), ..bob.named() }) {
        assert_eq!(verdict(&mut story, &mut ada, change), Err(ReplayError::Denied(Denial::NoSuchUser)));
    }
    // Someone of another organization is nobody here.
    let (_, eve) = Story::begin_from(1000);
    for change in about(&eve.named()) {
        assert_eq!(verdict(&mut story, &mut ada, change), Err(ReplayError::Denied(Denial::NoSuchUser)));
    }
}

#[test]
fn an_address_is_taken_once_in_any_spelling_until_its_user_is_deleted() {
    let (mut story, mut ada) = Story::begin();
    let bob = story.join(&mut ada, "bob@example.org");
    let taken = Denial::EmailTaken("BOB@example.org".to_owned());
    assert_eq!(verdict(&mut story, &mut ada, create_user("BOB@example.org")), Err(ReplayError::Denied(taken)));
    story.act(&mut ada, Change::DeleteUser { user: bob.named() });
    assert_eq!(verdict(&mut story, &mut ada, create_user("BOB@example.org")), Ok(()));
}

#[test]
fn the_id_of_what_is_created_follows_from_the_document() {
    let (mut story, mut ada) = Story::begin();
    let bob = story.join(&mut ada, "bob@example.org");
    let reading = story.define(&mut ada, "Reading", &[Operation::UsersRead]);
    let giving = story.giving(reading, &bob);
    let creating =
        [create_user("cleo@example.org"), Change::CreatePermission { terms: terms("Records", &[Operation::HistoryRead]) }, giving];
    for change in creating {
        assert_eq!(verdict(&mut story, &mut ada, change.clone()), Ok(()));
        for created in [None, Some("us-00000-00000-0000000000000000".to_owned()), Some(bob.id.to_string())] {
            let verdict = recorded(&mut story, &mut ada, change.clone(), |action| action.created = created);
            assert!(matches!(verdict, Err(ReplayError::Created { .. })), "{verdict:?}");
        }
        // The right bits under another kind's prefix.
        let verdict = recorded(&mut story, &mut ada, change, |action| {
            let created = action.created.as_mut().unwrap();
            created.replace_range(..2, "cr");
        });
        assert!(matches!(verdict, Err(ReplayError::Created { .. })), "{verdict:?}");
    }
    let change = Change::DeactivateUser { user: bob.named() };
    let verdict = recorded(&mut story, &mut ada, change, |action| action.created = Some(bob.id.to_string()));
    let expected = ReplayError::Created { found: bob.id.to_string(), expected: "nothing".to_owned() };
    assert_eq!(verdict, Err(expected));
}

#[test]
fn an_id_that_is_in_use_is_not_created_again() {
    // The server chooses the ids of its genesis. Here it knows beforehand what Ada will sign.
    let (mut story, mut ada) = Story::begin();
    let document = story.document(&ada, Change::CreatePermission { terms: terms("Reading", &[Operation::UsersRead]) });
    let document = document.to_bytes().unwrap();
    let id = PermissionId::from_bytes(created_id(&challenge(&document)));
    let action = Story::sign(&mut ada, &document, |_| ());
    assert_eq!(story.verdict_on_action(action.clone()), Ok(()));
    story.lines[0] = story.lines[0].replace(&story.end_user.to_string(), &id.to_string());
    assert_eq!(story.verdict_on_action(action), Err(ReplayError::IdTaken(id.to_string())));
}

#[test]
fn who_was_deleted_comes_back_as_someone_else() {
    let (mut story, mut ada) = Story::begin();
    let mut bob = story.join(&mut ada, "bob@example.org");
    story.give(&mut ada, story.full_admin, &bob);
    story.act(&mut ada, Change::DeleteUser { user: bob.named() });
    let again = story.join(&mut ada, "bob@example.org");
    assert_eq!(story.state().held_by(again.id), Operations::NONE);
    assert_eq!(verdict(&mut story, &mut bob, create_user("cleo@example.org")), Err(ReplayError::Actor(bob.id)));
    bob.id = again.id;
    let passkey = bob.passkey.id;
    assert_eq!(verdict(&mut story, &mut bob, create_user("cleo@example.org")), Err(ReplayError::Credential(passkey)));
}

#[test]
fn a_denial_names_the_operation_that_is_missing() {
    let (mut story, mut ada) = Story::begin();
    let mut bob = story.join(&mut ada, "bob@example.org");
    let change = create_user("cleo@example.org");
    let denied = verdict(&mut story, &mut bob, change.clone());
    assert_eq!(denied, Err(ReplayError::Denied(Denial::NotPermitted(Operation::UsersCreate))));
    // It doesn't help to name an operation that is held.
    let document = Document { operation: Some(Operation::UsersRead), ..story.document(&bob, change) };
    let action = Story::sign(&mut bob, &document.to_bytes().unwrap(), |_| ());
    assert!(matches!(story.verdict_on_action(action), Err(ReplayError::Document(_))));
}

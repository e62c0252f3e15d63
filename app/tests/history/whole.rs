//! A whole organization, from its first admin to its last change, through every change that there is.

use super::{
    authenticator::Passkey,
    story::{Person, Story, address, create_user, replay, terms, verify},
};
use app::{
    action::{
        change::Change,
        history::{
            entry::Entry,
            replay::{END_USER, FULL_ADMIN},
            state::{Permission, State, User},
        },
    },
    domain::{
        id::{AssignmentId, PermissionId, UserId},
        operation::{Operation, Operations},
        text::{ExternalId, OrganizationName, PermissionName},
        user::{UserKind, UserStatus},
    },
};
use std::collections::BTreeMap;

/// The people at the story's end, and what was created on the way.
struct End {
    story: Story,
    ada: Person,
    bob: Person,
    cleo: Person,
    customer: UserId,
    inviting: PermissionId,
    reading: PermissionId,
    assignments: [AssignmentId; 4],
}

fn whole_story() -> End {
    let (mut story, mut ada) = Story::begin();
    // Bob is invited thrice, because his mail is slow, and once not at all.
    let bob = story.invite(&mut ada, "bob@example.org");
    story.act(&mut ada, Change::ResendInvitation { user: bob.named() });
    story.act(&mut ada, Change::RevokeInvitation { user: bob.named() });
    story.act(&mut ada, Change::ShareInvitation { user: bob.named() });
    let mut bob = story.register(bob);
    // He may invite people, and then also shut them out.
    let inviting = story.define(&mut ada, "Inviting", &[Operation::UsersRead, Operation::UsersCreate]);
    let bobs = story.give(&mut ada, inviting, &bob);
    let (permission, _) = story.permission(inviting);
    let change = Change::UpdatePermission {
        id: inviting,
        version: permission.version,
        before: terms("Inviting", &[Operation::UsersRead, Operation::UsersCreate]),
        after: terms("Reception", &[Operation::UsersRead, Operation::UsersCreate, Operation::UsersDeactivate]),
    };
    story.act(&mut ada, change);
    let cleo = story.invite(&mut bob, "cleo@example.org");
    // Cleo's passkey is in a password manager, which doesn't count.
    let passkey = Passkey::in_password_manager(story.chance.bytes(), cleo.passkey.id);
    let mut cleo = story.register(Person { passkey, ..cleo });
    // Dora comes and goes before she has signed up.
    let dora = story.invite(&mut bob, "dora@example.org");
    story.act(&mut bob, Change::DeactivateUser { user: dora.named() });
    story.act(&mut ada, Change::ActivateUser { user: dora.named() });
    story.act(&mut ada, Change::DeleteUser { user: dora.named() });
    // Cleo becomes an admin, and sends Ada on holiday.
    let cleos = story.give(&mut ada, story.full_admin, &cleo);
    story.act(&mut cleo, Change::DeactivateUser { user: ada.named() });
    let change =
        Change::RegisterEndUser { email: address("customer@example.com"), external_id: Some(ExternalId::parse("customer 1").unwrap()) };
    let customer = UserId::from_bytes(story.act(&mut cleo, change));
    let ends = story.give(&mut cleo, story.end_user, &bob);
    // A permission that nobody has any more is put away.
    let reading = story.define(&mut cleo, "Reading", &[Operation::HistoryRead]);
    story.give(&mut cleo, reading, &bob);
    let change = story.taking(reading, &bob);
    story.act(&mut cleo, change);
    let change = Change::ArchivePermission { permission: story.permission(reading).0 };
    story.act(&mut cleo, change);
    story.act(&mut cleo, Change::ActivateUser { user: ada.named() });
    story.act(&mut ada, create_user("dora@example.org"));
    let assignments = [story.first_assignment, bobs, cleos, ends];
    End { story, ada, bob, cleo, customer, inviting, reading, assignments }
}

#[test]
fn the_whole_story_reads_as_it_went() {
    let End { story, .. } = whole_story();
    let told: Vec<String> = story
        .lines
        .iter()
        .map(|line| {
            let entry = Entry::parse(line).unwrap();
            let summary = entry.summary().unwrap();
            format!("{:2}  {}: {}", entry.index, summary.who, summary.sentence)
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @"
     0  ada@example.org: Created the organization “Analytical Engines” and became its first admin
     1  ada@example.org: Create user bob@example.org as Employee
     2  ada@example.org: Send bob@example.org a new invitation
     3  ada@example.org: Revoke the invitation of bob@example.org
     4  ada@example.org: Show a new invitation code for bob@example.org
     5  bob@example.org: Signed up with a passkey and a recovery kit
     6  ada@example.org: Create permission “Inviting” with 2 operations
     7  ada@example.org: Give bob@example.org the permission “Inviting”
     8  ada@example.org: Change permission “Inviting”, and call it “Reception”
     9  bob@example.org: Create user cleo@example.org as Employee
    10  cleo@example.org: Signed up with a passkey and a recovery kit
    11  bob@example.org: Create user dora@example.org as Employee
    12  bob@example.org: Deactivate dora@example.org
    13  ada@example.org: Activate dora@example.org
    14  ada@example.org: Delete dora@example.org
    15  ada@example.org: Give cleo@example.org the permission “Full admin”
    16  cleo@example.org: Deactivate ada@example.org
    17  cleo@example.org: Register customer customer@example.com, external id customer 1
    18  cleo@example.org: Give bob@example.org the permission “End user”
    19  cleo@example.org: Create permission “Reading” with 1 operation
    20  cleo@example.org: Give bob@example.org the permission “Reading”
    21  cleo@example.org: Take the permission “Reading” from bob@example.org
    22  cleo@example.org: Archive permission “Reading”
    23  cleo@example.org: Activate ada@example.org
    24  ada@example.org: Create user dora@example.org as Employee
    ");
}

#[test]
fn the_whole_story_verifies_to_the_organization_that_it_made() {
    let End { story, ada, bob, cleo, customer, inviting, reading, assignments } = whole_story();
    let state = verify(&story.lines, &story.checkpoint()).unwrap();

    let [adas, bobs, cleos, ends] = assignments;
    let active = |person: &Person, assignments: &[(PermissionId, AssignmentId)]| {
        let user = User {
            handle: person.email.clone().into(),
            owner: None,
            kind: UserKind::Employee,
            external_id: None,
            status: UserStatus::Active,
            is_registered: true,
            is_revoked: false,
            assignments: assignments.iter().copied().collect(),
        };
        (person.id, user)
    };
    let invited = |email, kind, external_id: Option<&str>| User {
        handle: address(email).into(),
        owner: None,
        kind,
        external_id: external_id.map(|id| ExternalId::parse(id).unwrap()),
        status: UserStatus::Invited,
        is_registered: false,
        is_revoked: false,
        assignments: BTreeMap::new(),
    };
    let permission = |name: &str, operations, version| Permission {
        name: PermissionName::parse(name).unwrap(),
        operations,
        version,
        is_managed: false,
        is_archived: false,
    };
    let managed = |name, operations| Permission { is_managed: true, ..permission(name, operations, 1) };
    // The second Dora: the first one's address was free again.
    let dora = *state.users.iter().find(|(_, user)| user.handle.as_str() == "dora@example.org").unwrap().0;
    let expected = State {
        organization: story.organization,
        name: OrganizationName::parse("Analytical Engines").unwrap(),
        users: BTreeMap::from([
            active(&ada, &[(story.full_admin, adas)]),
            active(&bob, &[(inviting, bobs), (story.end_user, ends)]),
            active(&cleo, &[(story.full_admin, cleos)]),
            (dora, invited("dora@example.org", UserKind::Employee, None)),
            (customer, invited("customer@example.com", UserKind::EndUser, Some("customer 1"))),
        ]),
        permissions: BTreeMap::from([
            (story.full_admin, managed(FULL_ADMIN, Operations::All)),
            (story.end_user, managed(END_USER, Operations::of_end_users())),
            (
                inviting,
                permission(
                    "Reception",
                    [Operation::UsersRead, Operation::UsersCreate, Operation::UsersDeactivate].into_iter().collect(),
                    2,
                ),
            ),
            (reading, Permission { is_archived: true, ..permission("Reading", [Operation::HistoryRead].into_iter().collect(), 2) }),
        ]),
        credentials: [&ada, &bob, &cleo]
            .into_iter()
            .flat_map(|person| [(person.passkey.id, person.id), (person.recovery_key.id, person.id)])
            .collect(),
    };
    assert_eq!(state, expected);
    assert_eq!(state.held_by(ada.id), Operations::All);
    let wallets = Operations::of_end_users();
    let bobs: Operations =
        [Operation::UsersRead, Operation::UsersCreate, Operation::UsersDeactivate].into_iter().chain(wallets.iter()).collect();
    assert_eq!(state.held_by(bob.id), bobs);
    assert_eq!(state.held_by(customer), Operations::NONE);
}

#[test]
fn every_beginning_of_a_story_verifies_too() {
    let End { story, .. } = whole_story();
    for size in 1..=story.lines.len() {
        let lines = &story.lines[..size];
        assert!(verify(lines, &story.checkpoint_over(lines)).is_ok(), "{size}");
    }
    assert!(replay(&[]).unwrap().state().is_none());
}

#[test]
fn a_story_is_the_same_whenever_it_is_told() {
    assert_eq!(whole_story().story.lines, whole_story().story.lines);
}

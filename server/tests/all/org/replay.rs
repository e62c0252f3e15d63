//! Whatever people try, in whatever order, rightly or wrongly: afterwards the history verifies, and replaying it from nothing
//! gives the very state that the database holds.

use crate::support::{
    answer::{DONE, Verdict},
    app::TestApp,
    database::TestDatabase,
    device::{Device, RecoveryKit},
    own_account::{passkey_name, removing, renaming},
    person::Person,
    signing::{assign, create_user, new_program, program_terms, terms, update},
};
use app::{
    action::{
        account_change::AccountChange,
        change::{Change, GivenPermission, NewProgram, PermissionRef, ProgramTerms, UserRef},
        history::{replay::Replay, state::State},
    },
    domain::{
        id::{AssignmentId, OrganizationId, UserId},
        operation::{Operation, Operations},
        text::{EmailAddress, ExternalId, ProgramName},
        user::UserStatus,
    },
    rpc::permissions::PermissionRow,
};
use server::{action::Actor, storage::credentials};
use std::collections::BTreeMap;

on_sqlite!(random_changes_leave_a_history_that_replays_to_the_database);
on_both_databases!(a_long_random_sequence_leaves_a_history_that_replays_to_the_database);

/// `COUNTERSIGN_TEST_SEED` tries other sequences than those of every run.
async fn random_changes_leave_a_history_that_replays_to_the_database(database: &TestDatabase) {
    let chosen = std::env::var("COUNTERSIGN_TEST_SEED").ok();
    let seeds = match &chosen {
        Some(seed) => vec![seed.parse().expect("a number")],
        None => vec![1, 2, 3, 4, 6],
    };
    let app = TestApp::init(database).await;
    let mut outcomes = Outcomes::default();
    for seed in seeds {
        let mut town = Town::found(&app, seed).await;
        for _ in 0..150 {
            town.try_something(&mut outcomes).await;
        }
        town.compare(seed).await;
    }
    // Sequences in which something never happens don't show enough.
    for kind in Kind::ALL.into_iter().filter(|_| chosen.is_none()) {
        let (done, refused) = outcomes.0.get(&kind).copied().unwrap_or_default();
        let is_never_refused = matches!(kind, Kind::Accept | Kind::ReplaceRecoveryKey);
        assert!((done > 0 || kind == Kind::LogInEndUser) && (refused > 0 || is_never_refused), "{kind:?}: {outcomes:?}");
    }
}

async fn a_long_random_sequence_leaves_a_history_that_replays_to_the_database(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut town = Town::found(&app, 5).await;
    for _ in 0..120 {
        town.try_something(&mut Outcomes::default()).await;
    }
    town.compare(5).await;
}

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    CreateUser,
    ResendInvitation,
    ShareInvitation,
    RevokeInvitation,
    ReEnrolUser,
    DeactivateUser,
    ActivateUser,
    DeleteUser,
    CreatePermission,
    UpdatePermission,
    ArchivePermission,
    RestorePermission,
    AssignPermission,
    RevokeAssignment,
    CreateServiceAccount,
    CreateAccessToken,
    UpdateProgram,
    RegisterEndUser,
    KeepSignIn,
    LogInEndUser,
    AddPasskey,
    RenamePasskey,
    RemovePasskey,
    ReplaceRecoveryKey,
    AddKey,
    SetRecoveryKey,
    DeactivateCredential,
    ActivateCredential,
    /// Someone lost every passkey, and has their kit.
    Recover,
    /// The operator lets someone enrol again.
    BreakGlass,
    /// Someone signs up by their invitation.
    Accept,
}

impl Kind {
    const ALL: [Self; 31] = [
        Self::CreateUser,
        Self::ResendInvitation,
        Self::ShareInvitation,
        Self::RevokeInvitation,
        Self::ReEnrolUser,
        Self::DeactivateUser,
        Self::ActivateUser,
        Self::DeleteUser,
        Self::CreatePermission,
        Self::UpdatePermission,
        Self::ArchivePermission,
        Self::RestorePermission,
        Self::AssignPermission,
        Self::RevokeAssignment,
        Self::CreateServiceAccount,
        Self::CreateAccessToken,
        Self::UpdateProgram,
        Self::RegisterEndUser,
        Self::KeepSignIn,
        Self::LogInEndUser,
        Self::AddPasskey,
        Self::RenamePasskey,
        Self::RemovePasskey,
        Self::ReplaceRecoveryKey,
        Self::AddKey,
        Self::SetRecoveryKey,
        Self::DeactivateCredential,
        Self::ActivateCredential,
        Self::Recover,
        Self::BreakGlass,
        Self::Accept,
    ];
}

/// The programs that there are, with their external ids.
fn programs(state: &State) -> Vec<(UserRef, Option<ExternalId>)> {
    let programs = state.users.iter().filter(|(_, user)| !user.kind.is_person());
    programs.map(|(id, user)| (UserRef { id: *id, handle: user.handle.clone() }, user.external_id.clone())).collect()
}

/// How often each was done, and refused.
#[derive(Debug, Default)]
struct Outcomes(BTreeMap<Kind, (u32, u32)>);

impl Outcomes {
    fn count(&mut self, kind: Kind, is_done: bool) {
        let (done, refused) = self.0.entry(kind).or_default();
        *if is_done { done } else { refused } += 1;
    }
}

/// The same numbers from the same seed (Steele, Lea, Flood: `SplitMix64`).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(below).unwrap()).unwrap()
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        if from.is_empty() { None } else { Some(&from[self.roll(from.len())]) }
    }
}

/// An organization in which three people, and those who join them, try things.
struct Town {
    app: TestApp,
    organization: OrganizationId,
    dice: Dice,
    people: Vec<(Person, UserId)>,
    /// All that ever was, as someone saw it, out of date as it may be.
    users: Vec<UserRef>,
    permissions: Vec<PermissionRow>,
    assignments: Vec<(AssignmentId, PermissionRef, UserRef)>,
}

impl Town {
    async fn found(app: &TestApp, seed: u64) -> Self {
        let mut admin = app.admin(&format!("ada{seed}@example.org")).await;
        let full_admin = admin.permission("Full admin").await;
        let clerk = [Operation::UsersCreate, Operation::PermissionsCreate, Operation::PermissionsUpdate, Operation::PermissionsAssign];
        let clerks = admin.define("Clerks", &clerk).await;
        let (other, second) = app.colleague(&mut admin, &format!("bob{seed}@example.org"), &[&full_admin]).await;
        let (clerk, third) = app.colleague(&mut admin, &format!("carl{seed}@example.org"), &[&clerks]).await;
        let (organization, first) = (admin.organization, admin.as_user().await);
        let mut town = Self {
            app: app.clone(),
            organization,
            dice: Dice(seed),
            people: vec![(admin, first.id), (other, second.id), (clerk, third.id)],
            users: Vec::new(),
            permissions: Vec::new(),
            assignments: Vec::new(),
        };
        town.look_around().await;
        town
    }

    /// Remembers what is new; what it knew already stays as it was seen first.
    async fn look_around(&mut self) {
        let state = self.app.state(self.organization).await;
        // In an order that doesn't hang on random ids.
        let mut permissions: Vec<_> = state.permissions.iter().collect();
        permissions.sort_by_key(|(_, permission)| permission.name.as_str());
        for (id, permission) in permissions {
            let seen = PermissionRef { id: *id, name: permission.name.clone(), version: permission.version };
            if !self.permissions.iter().any(|known| known.permission == seen) {
                let operations = permission.operations.clone();
                let (is_managed, is_archived) = (permission.is_managed, permission.is_archived);
                self.permissions.push(PermissionRow { permission: seen, operations, is_managed, is_archived, holders: None });
            }
        }
        let mut users: Vec<_> = state.users.iter().collect();
        users.sort_by_key(|(_, user)| user.handle.key());
        for (id, user) in users {
            let seen = UserRef { id: *id, handle: user.handle.clone() };
            if !self.users.contains(&seen) {
                self.users.push(seen.clone());
            }
            let mut held: Vec<_> =
                user.assignments.iter().map(|(permission, id)| (&state.permissions[permission], *permission, *id)).collect();
            held.sort_by_key(|(permission, ..)| permission.name.as_str());
            for (permission, permission_id, id) in held {
                if !self.assignments.iter().any(|(known, ..)| *known == id) {
                    let permission = PermissionRef { id: permission_id, name: permission.name.clone(), version: permission.version };
                    self.assignments.push((id, permission, seen.clone()));
                }
            }
        }
    }

    /// Anyone; more often someone who is there.
    fn user(&mut self, state: &State, status: UserStatus) -> UserRef {
        let fitting: Vec<UserRef> =
            self.users.iter().filter(|user| state.users.get(&user.id).is_some_and(|user| user.status == status)).cloned().collect();
        let from = if fitting.is_empty() || self.dice.roll(4) == 0 { &self.users } else { &fitting };
        self.dice.pick(from).expect("there is always someone").clone()
    }

    /// Any version of any permission; more often one that is true.
    fn permission(&mut self, state: &State) -> PermissionRow {
        let is_true = |row: &&PermissionRow| {
            state
                .permissions
                .get(&row.permission.id)
                .is_some_and(|now| now.version == row.permission.version && !now.is_archived && !now.is_managed)
        };
        let fitting: Vec<PermissionRow> = self.permissions.iter().filter(is_true).cloned().collect();
        let from = if fitting.is_empty() || self.dice.roll(4) == 0 { &self.permissions } else { &fitting };
        self.dice.pick(from).expect("there is always one").clone()
    }

    /// A program that begins with a permission, at times.
    fn program(&mut self, name: &str, state: &State) -> NewProgram {
        let permission = self.permission(state);
        let given = GivenPermission { permission: permission.permission, operations: permission.operations };
        NewProgram { permission: (self.dice.roll(2) == 0).then_some(given), ..new_program(name) }
    }

    /// A permission that was put away, if there is one.
    fn archived_or_any(&mut self, state: &State) -> PermissionRef {
        let archived = state.permissions.iter().filter(|(_, permission)| permission.is_archived);
        let archived: Vec<PermissionRef> =
            archived.map(|(id, now)| PermissionRef { id: *id, name: now.name.clone(), version: now.version }).collect();
        match self.dice.pick(&archived) {
            Some(permission) => permission.clone(),
            None => self.permission(state).permission,
        }
    }

    /// A few operations, at times none and at times one that nobody may give.
    fn operations(&mut self) -> Vec<Operation> {
        let offered: Vec<Operation> = Operation::ALL.iter().copied().filter(|operation| operation.is_offered()).collect();
        let (from, count) = match self.dice.roll(8) {
            0 => (Operation::ALL, self.dice.roll(3)),
            _ => (offered.as_slice(), 1 + self.dice.roll(3)),
        };
        (0..count).map(|_| *self.dice.pick(from).expect("there are some")).collect()
    }

    /// One of few, so that names meet.
    fn name(&mut self) -> String {
        match self.dice.roll(24) {
            0 => "Full admin".to_owned(),
            1 => "clerks".to_owned(),
            number => format!("Helpers {number}"),
        }
    }

    fn change(&mut self, kind: Kind, state: &State) -> Option<Change> {
        Some(match kind {
            Kind::CreateUser => create_user(&format!("user{}@example.org", self.dice.roll(20))),
            Kind::ResendInvitation => Change::ResendInvitation { user: self.user(state, UserStatus::Invited) },
            Kind::ShareInvitation => Change::ShareInvitation { user: self.user(state, UserStatus::Invited) },
            Kind::RevokeInvitation => Change::RevokeInvitation { user: self.user(state, UserStatus::Invited) },
            Kind::ReEnrolUser => Change::ReEnrolUser { user: self.user(state, UserStatus::Active) },
            Kind::DeactivateUser => {
                let status = if self.dice.roll(2) == 0 { UserStatus::Active } else { UserStatus::Invited };
                Change::DeactivateUser { user: self.user(state, status) }
            }
            Kind::ActivateUser => Change::ActivateUser { user: self.user(state, UserStatus::Deactivated) },
            Kind::DeleteUser => {
                let status = if self.dice.roll(2) == 0 { UserStatus::Deactivated } else { UserStatus::Invited };
                Change::DeleteUser { user: self.user(state, status) }
            }
            Kind::CreatePermission => {
                let name = self.name();
                Change::CreatePermission { terms: terms(&name, &self.operations()) }
            }
            Kind::UpdatePermission => {
                let permission = self.permission(state);
                let name = if self.dice.roll(2) == 0 { self.name() } else { permission.permission.name.to_string() };
                let after = terms(&name, &self.operations());
                match permission.operations {
                    Operations::These(_) => update(&permission, after),
                    Operations::All => return None,
                }
            }
            Kind::ArchivePermission => Change::ArchivePermission { permission: self.permission(state).permission },
            Kind::RestorePermission => Change::RestorePermission { permission: self.archived_or_any(state) },
            Kind::AssignPermission => {
                let user = self.user(state, UserStatus::Active);
                assign(&self.permission(state), &user)
            }
            Kind::RevokeAssignment => {
                let (id, permission, user) = self.dice.pick(&self.assignments)?.clone();
                // By the name that it has now, mostly.
                let now = state.permissions.get(&permission.id).filter(|_| self.dice.roll(4) > 0);
                let name = now.map_or(permission.name, |now| now.name.clone());
                Change::RevokeAssignment { id, permission: PermissionRef { name, ..permission }, user }
            }
            Kind::CreateServiceAccount => {
                let name = self.name();
                Change::CreateServiceAccount(self.program(&name, state))
            }
            Kind::CreateAccessToken => {
                let name = self.name();
                Change::CreateAccessToken(self.program(&name, state))
            }
            Kind::UpdateProgram => {
                let (user, external_id) = self.dice.pick(&programs(state))?.clone();
                let before = ProgramTerms { name: ProgramName::parse(user.handle.as_str()).unwrap(), external_id };
                Change::UpdateProgram { user, before, after: program_terms(&self.name()) }
            }
            Kind::RegisterEndUser => {
                let email = EmailAddress::parse(&format!("customer{}@example.org", self.dice.roll(6))).unwrap();
                Change::RegisterEndUser { email, external_id: None }
            }
            Kind::KeepSignIn => Change::KeepSignIn { user: self.user(state, UserStatus::Active) },
            // None of them ever registers here: that it can be done is told elsewhere.
            Kind::LogInEndUser => Change::LogInEndUser { user: self.user(state, UserStatus::Active) },
            Kind::AddPasskey
            | Kind::RenamePasskey
            | Kind::RemovePasskey
            | Kind::ReplaceRecoveryKey
            | Kind::AddKey
            | Kind::SetRecoveryKey
            | Kind::DeactivateCredential
            | Kind::ActivateCredential
            | Kind::Recover
            | Kind::BreakGlass
            | Kind::Accept => return None,
        })
    }

    async fn try_something(&mut self, outcomes: &mut Outcomes) {
        let kind = *self.dice.pick(&Kind::ALL).expect("there are some");
        let state = self.app.state(self.organization).await;
        if kind == Kind::Accept {
            let user = self.user(&state, UserStatus::Invited);
            let is_in = self.accept(&user).await;
            outcomes.count(kind, is_in);
        } else if kind == Kind::Recover {
            let who = self.dice.roll(self.people.len());
            let is_done = self.recover(who, &state).await;
            outcomes.count(kind, is_done);
        } else if kind == Kind::BreakGlass {
            // Anyone but the founder, who is to keep the town going.
            let user = self.user(&state, UserStatus::Deactivated);
            let whom = Actor { organization: self.organization, user: user.id };
            let is_done = user.id != self.people[0].1 && self.app.services.road.break_glass(whom).await.is_ok();
            outcomes.count(kind, is_done);
        } else if let Some((who, change)) = self.own_change(kind).await {
            let verdict = self.sign(who, &change).await;
            assert!(verdict == DONE || (400..500).contains(&verdict.0), "{change:?}: {verdict:?}");
            outcomes.count(kind, verdict == DONE);
        } else if let Some(change) = self.change(kind, &state) {
            let who = self.who(&state, &change);
            let verdict = self.sign(who, &change).await;
            assert!(verdict == DONE || (400..500).contains(&verdict.0), "{change:?}: {verdict:?}");
            outcomes.count(kind, verdict == DONE);
        }
        self.look_around().await;
    }

    /// A change of the own account of someone who is in.
    async fn own_change(&mut self, kind: Kind) -> Option<(usize, Change)> {
        let who = self.dice.roll(self.people.len());
        // One that everybody's first passkey has, at times.
        let name = if self.dice.roll(2) == 0 { "Passkey".to_owned() } else { format!("Passkey {}", self.dice.roll(4)) };
        let (which, whose) = (self.dice.roll(8), self.dice.roll(4));
        let person = &mut self.people[who].0;
        if person.browser.viewer().await.verdict() != DONE && person.sign_in().await.verdict() != DONE {
            return None;
        }
        // Few have more passkeys than one, and the last one stays.
        if kind == Kind::RemovePasskey && which % 2 == 0 {
            let mut device = Device::password_manager(&person.device.origin);
            let adding = person.adding(&format!("Spare {}", self.dice.roll(1000)), &mut device).await;
            person.try_to_sign(&adding).await;
        }
        let change = match kind {
            Kind::AddPasskey => {
                let mut device = Device::password_manager(&person.device.origin);
                person.adding(&name, &mut device).await
            }
            Kind::RenamePasskey | Kind::RemovePasskey => {
                // At times somebody else's, if they are in.
                let other = &self.people[0].0;
                let is_others = whose == 0 && other.browser.viewer().await.verdict() == DONE;
                let owner = if is_others { other } else { &self.people[who].0 };
                let passkeys = owner.account().await.passkeys;
                // Never the one of the device that they sign with: that it can be done is told elsewhere.
                let passkey = passkeys.get(1 + which % passkeys.len().max(2).saturating_sub(1)).unwrap_or(&passkeys[0]).clone();
                if kind == Kind::RemovePasskey { removing(passkey.id, &passkey.name) } else { renaming(passkey.id, &passkey.name, &name) }
            }
            Kind::ReplaceRecoveryKey => person.replacing_kit().await.0,
            Kind::AddKey => person.adding_key(&name, whose > 0).await,
            Kind::SetRecoveryKey => person.setting_recovery_key(&name, whose > 0).await,
            Kind::DeactivateCredential | Kind::ActivateCredential => {
                let all = self.app.credentials(self.organization, self.people[who].1).await;
                // Never the one of the device that they sign with.
                let (id, name) = all.get(1 + which % all.len().max(2).saturating_sub(1)).unwrap_or(&all[0]).clone();
                let name = passkey_name(&name);
                Change::OwnAccount(if kind == Kind::DeactivateCredential {
                    AccountChange::DeactivateCredential { id, name }
                } else {
                    AccountChange::ActivateCredential { id, name }
                })
            }
            _ => return None,
        };
        Some((who, change))
    }

    /// By their kit, which an enrolment or a recovery since may have ended.
    async fn recover(&mut self, who: usize, state: &State) -> bool {
        let (person, id) = &mut self.people[who];
        if state.users.get(id).is_none_or(|user| user.status != UserStatus::Active) {
            return false;
        }
        // Whoever brought a recovery key of their own has no kit any more.
        let kit = credentials::find_recovery_key(&mut *self.app.connection().await, self.organization, *id).await.unwrap();
        if kit.is_none() {
            return false;
        }
        let old = std::mem::replace(&mut person.kit, RecoveryKit::new());
        // At times the kit is somebody else's.
        if self.dice.roll(4) > 0 {
            person.kit = old;
            return self.app.recover(person).await.verdict() == DONE;
        }
        let verdict = self.app.recover(person).await.verdict();
        person.kit = old;
        assert_ne!(verdict, DONE);
        false
    }

    /// Anyone; more often someone who may.
    fn who(&mut self, state: &State, change: &Change) -> usize {
        let all: Vec<usize> = (0..self.people.len()).collect();
        let may = |person: &usize| change.operation().is_none_or(|operation| state.held_by(self.people[*person].1).allows(operation));
        let those: Vec<usize> = all.iter().copied().filter(may).collect();
        let from = if those.is_empty() || self.dice.roll(4) == 0 { &all } else { &those };
        *self.dice.pick(from).expect("there is always someone")
    }

    async fn sign(&mut self, who: usize, change: &Change) -> Verdict {
        let person = &mut self.people[who].0;
        let verdict = person.verdict_on(change).await;
        // Whoever was shut out and let in again signs in again.
        if verdict.0 == 401 && person.sign_in().await.verdict() == DONE {
            return person.verdict_on(change).await;
        }
        verdict
    }

    /// By the newest mail, which may be as dead as its user.
    async fn accept(&mut self, user: &UserRef) -> bool {
        let of_here = self.organization.to_string();
        if !self.app.mails_to(user.handle.as_str()).await.iter().any(|mail| mail.text.contains(&of_here)) {
            return false;
        }
        let mut person = self.app.invited(user.handle.as_str(), self.organization).await;
        let is_in =
            person.activate().await.verdict() == DONE && person.make_passkey().await == DONE && person.finish().await.verdict() == DONE;
        if is_in {
            self.people.push((person, user.id));
        }
        is_in
    }

    async fn compare(&self, seed: u64) {
        self.app.verify(self.organization).await;
        // Whoever verifies a copy finds the same.
        let (lines, checkpoint) = self.app.export(self.organization).await;
        let copy: Vec<String> = lines.join("\n").lines().map(str::to_owned).collect();
        let [first, second] = [&lines, &copy].map(|lines| {
            let mut replay = Replay::default();
            for line in lines {
                replay.entry(line).unwrap_or_else(|error| panic!("seed {seed}: {error}: {line}"));
            }
            (replay.finish(&checkpoint).unwrap(), replay.state().cloned())
        });
        assert_eq!(first, second, "seed {seed}");
    }
}

//! An organization with one of everything, so that every change can be tried on it.

use super::{
    app::TestApp,
    device::Device,
    own_account::{passkey_name, removing, renaming},
    person::Person,
    signing::{assign, create_permission, new_program, program_terms, terms, update},
};
use app::{
    action::{
        account_change::AccountChange,
        change::{Change, UserRef},
    },
    domain::{
        id::{ActionId, AssignmentId, CredentialId},
        operation::Operation,
        text::{EmailAddress, ExternalId},
        user::UserKind,
    },
    rpc::permissions::PermissionRow,
};
use std::time::Duration;

/// Everyone and everything in it, by what can be done about them.
pub struct Company {
    pub admin: Person,
    /// Active, and has `held`.
    pub active: UserRef,
    pub invited: UserRef,
    pub deactivated: UserRef,
    /// A permission that nobody has.
    pub free: PermissionRow,
    /// A permission that `active` has.
    pub held: PermissionRow,
    /// A permission that was put away.
    pub archived: PermissionRow,
    /// A service account.
    pub robot: UserRef,
    /// An access token of the admin.
    pub token: UserRef,
    /// A customer who has registered.
    pub customer: UserRef,
    /// By which they have it.
    pub assignment: AssignmentId,
    /// An action that the admin prepared and didn't sign.
    pub action: ActionId,
    /// A second passkey of the admin.
    pub passkey: CredentialId,
    /// One change of each kind that the admin can make of their own account.
    own: Vec<Change>,
    /// What its mail addresses end with.
    domain: String,
}

impl Company {
    /// People at this domain; the permissions' names are those of every company.
    pub async fn open(app: &TestApp, domain: &str) -> Self {
        let mut admin = app.admin(&format!("ada@{domain}")).await;
        let held = admin.define("Readers", &[Operation::UsersRead]).await;
        let free = admin.define("Auditors", &[Operation::HistoryRead]).await;
        let archived = admin.define("Before", &[Operation::UsersRead]).await;
        admin.sign(&Change::ArchivePermission { permission: archived.permission }).await;
        let archived = admin.permission("Before").await;
        let (_, active) = app.colleague(&mut admin, &format!("bob@{domain}"), &[&held]).await;
        let invited = admin.invite(&format!("carl@{domain}")).await;
        let deactivated = admin.invite(&format!("dora@{domain}")).await;
        admin.sign(&Change::DeactivateUser { user: deactivated.clone() }).await;
        let assignment = admin.user_details(&active).await.permissions.expect("the admin may see them")[0].assignment;
        let action = admin.prepared(&create_permission("Prepared only", &[Operation::UsersRead])).await.action;
        let passkey = admin.add_passkey("Spare", &mut Device::password_manager(&app.origin())).await;
        let robot = admin.service_account("Robot").await;
        let token = admin.access_token("Script").await;
        let customer = admin.customer(&format!("buyer@{domain}")).await;
        app.register(admin.organization, &customer).await;
        let inactive = admin.add_passkey("Inactive", &mut Device::security_key(&app.origin())).await;
        let name = passkey_name("Inactive");
        admin.sign(&Change::OwnAccount(AccountChange::DeactivateCredential { id: inactive, name })).await;
        let own = vec![
            admin.adding("Third", &mut Device::security_key(&app.origin())).await,
            renaming(admin.passkeys().await[0], "Passkey", "First"),
            removing(passkey, "Spare"),
            admin.replacing_kit().await.0,
            admin.adding_key("Robot", true).await,
            admin.setting_recovery_key("Safe", true).await,
            Change::OwnAccount(AccountChange::DeactivateCredential { id: passkey, name: passkey_name("Spare") }),
            Change::OwnAccount(AccountChange::ActivateCredential { id: inactive, name: passkey_name("Inactive") }),
            Change::OwnAccount(AccountChange::AllowCredential { until: app.services.ambient.now().plus(Duration::from_mins(5)) }),
        ];
        Self {
            admin,
            active,
            invited,
            deactivated,
            free,
            held,
            archived,
            robot,
            token,
            customer,
            assignment,
            action,
            passkey,
            own,
            domain: domain.to_owned(),
        }
    }

    /// One change of each kind. The admin may make each of them now.
    pub fn every_change(&self) -> Vec<Change> {
        let (active, invited, deactivated) = (self.active.clone(), self.invited.clone(), self.deactivated.clone());
        let mut changes = vec![
            Change::CreateUser {
                email: EmailAddress::parse(&format!("new@{}", self.domain)).unwrap(),
                kind: UserKind::Employee,
                external_id: Some(ExternalId::parse("4711").unwrap()),
            },
            Change::ResendInvitation { user: invited.clone() },
            Change::ShareInvitation { user: invited.clone() },
            Change::RevokeInvitation { user: invited },
            Change::ReEnrolUser { user: active.clone() },
            Change::DeactivateUser { user: active.clone() },
            Change::ActivateUser { user: deactivated },
            Change::DeleteUser { user: active.clone() },
            create_permission("Inviters", &[Operation::UsersRead, Operation::UsersCreate]),
            update(&self.held, terms("Readers and auditors", &[Operation::UsersRead, Operation::HistoryRead])),
            Change::ArchivePermission { permission: self.free.permission.clone() },
            Change::RestorePermission { permission: self.archived.permission.clone() },
            assign(&self.free, &active),
            Change::RevokeAssignment { id: self.assignment, permission: self.held.permission.clone(), user: active.clone() },
            Change::CreateServiceAccount(new_program("New robot")),
            Change::CreateAccessToken(new_program("New token")),
            Change::UpdateProgram { user: self.robot.clone(), before: program_terms("Robot"), after: program_terms("Robot again") },
            Change::KeepSignIn { user: active },
            Change::RegisterEndUser { email: EmailAddress::parse(&format!("customer@{}", self.domain)).unwrap(), external_id: None },
            Change::LogInEndUser { user: self.customer.clone() },
            Change::RecoverEndUser { user: self.customer.clone() },
        ];
        changes.extend(self.own.iter().cloned());
        let mut kinds: Vec<usize> = changes.iter().map(place).collect();
        kinds.dedup();
        assert_eq!(kinds, (0..KINDS).collect::<Vec<_>>(), "one of each kind, in order");
        changes
    }
}

const KINDS: usize = 30;

/// A new kind of change has to be named here, and then one of it above.
const fn place(change: &Change) -> usize {
    match change {
        Change::CreateUser { .. } => 0,
        Change::ResendInvitation { .. } => 1,
        Change::ShareInvitation { .. } => 2,
        Change::RevokeInvitation { .. } => 3,
        Change::ReEnrolUser { .. } => 4,
        Change::DeactivateUser { .. } => 5,
        Change::ActivateUser { .. } => 6,
        Change::DeleteUser { .. } => 7,
        Change::CreatePermission { .. } => 8,
        Change::UpdatePermission { .. } => 9,
        Change::ArchivePermission { .. } => 10,
        Change::RestorePermission { .. } => 11,
        Change::AssignPermission { .. } => 12,
        Change::RevokeAssignment { .. } => 13,
        Change::CreateServiceAccount(_) => 14,
        Change::CreateAccessToken(_) => 15,
        Change::UpdateProgram { .. } => 16,
        Change::KeepSignIn { .. } => 17,
        Change::RegisterEndUser { .. } => 18,
        Change::LogInEndUser { .. } => 19,
        Change::RecoverEndUser { .. } => 20,
        Change::OwnAccount(AccountChange::AddPasskey { .. }) => 21,
        Change::OwnAccount(AccountChange::RenamePasskey { .. }) => 22,
        Change::OwnAccount(AccountChange::RemovePasskey { .. }) => 23,
        Change::OwnAccount(AccountChange::ReplaceRecoveryKey { .. }) => 24,
        Change::OwnAccount(AccountChange::AddKey { .. }) => 25,
        Change::OwnAccount(AccountChange::SetRecoveryKey { .. }) => 26,
        Change::OwnAccount(AccountChange::DeactivateCredential { .. }) => 27,
        Change::OwnAccount(AccountChange::ActivateCredential { .. }) => 28,
        Change::OwnAccount(AccountChange::AllowCredential { .. }) => 29,
        // Nobody who is signed in can: it is told in `recovery`.
        Change::OwnAccount(AccountChange::Recover { .. }) => KINDS,
    }
}

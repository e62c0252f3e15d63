//! One document of every change, with fixed values.

use app::{
    action::{
        account_change::{AccountChange, NewPasskey, NewRecoveryKey},
        bytes::Bytes,
        change::{Change, GivenPermission, NewProgram, PermissionRef, PermissionTerms, ProgramTerms, UserRef},
        cose::PublicKey,
        document::{self, Document},
        key::NewKey,
    },
    domain::{
        handle::Handle,
        id::{ActionId, AssignmentId, CredentialId, OrganizationId, PermissionId, UserId},
        operation::{Operation, Operations},
        text::{EmailAddress, ExternalId, KeyId, PasskeyName, PermissionName, ProgramName, PublicKeyPem},
        time::Timestamp,
        user::UserKind,
    },
};

/// A change's name in JSON, and of its golden file. A change that isn't here doesn't compile; one that isn't in
/// [`every_change`] fails the test below.
pub const fn name(change: &Change) -> &'static str {
    match change {
        Change::CreateUser { .. } => "create_user",
        Change::ResendInvitation { .. } => "resend_invitation",
        Change::ShareInvitation { .. } => "share_invitation",
        Change::RevokeInvitation { .. } => "revoke_invitation",
        Change::ReEnrolUser { .. } => "re_enrol_user",
        Change::DeactivateUser { .. } => "deactivate_user",
        Change::ActivateUser { .. } => "activate_user",
        Change::DeleteUser { .. } => "delete_user",
        Change::CreatePermission { .. } => "create_permission",
        Change::UpdatePermission { .. } => "update_permission",
        Change::ArchivePermission { .. } => "archive_permission",
        Change::RestorePermission { .. } => "restore_permission",
        Change::AssignPermission { .. } => "assign_permission",
        Change::RevokeAssignment { .. } => "revoke_assignment",
        Change::CreateServiceAccount(_) => "create_service_account",
        Change::CreateAccessToken(_) => "create_access_token",
        Change::UpdateProgram { .. } => "update_program",
        Change::KeepSignIn { .. } => "keep_sign_in",
        Change::RegisterEndUser { .. } => "register_end_user",
        Change::LogInEndUser { .. } => "log_in_end_user",
        Change::RecoverEndUser { .. } => "recover_end_user",
        Change::OwnAccount(AccountChange::AddPasskey { .. }) => "add_passkey",
        Change::OwnAccount(AccountChange::RenamePasskey { .. }) => "rename_passkey",
        Change::OwnAccount(AccountChange::RemovePasskey { .. }) => "remove_passkey",
        Change::OwnAccount(AccountChange::ReplaceRecoveryKey { .. }) => "replace_recovery_key",
        Change::OwnAccount(AccountChange::AddKey { .. }) => "add_key",
        Change::OwnAccount(AccountChange::SetRecoveryKey { .. }) => "set_recovery_key",
        Change::OwnAccount(AccountChange::DeactivateCredential { .. }) => "deactivate_credential",
        Change::OwnAccount(AccountChange::ActivateCredential { .. }) => "activate_credential",
        Change::OwnAccount(AccountChange::AllowCredential { .. }) => "allow_credential",
        Change::OwnAccount(AccountChange::Recover { .. }) => "recover",
    }
}

fn user(number: u8, email: &str) -> UserRef {
    UserRef { id: UserId::from_bytes([number; 16]), handle: EmailAddress::parse(email).unwrap().into() }
}

fn terms(name: &str, operations: &[Operation]) -> PermissionTerms {
    PermissionTerms { name: PermissionName::parse(name).unwrap(), operations: operations.iter().copied().collect() }
}

fn reading() -> PermissionRef {
    PermissionRef { id: PermissionId::from_bytes([4; 16]), name: PermissionName::parse("Lesen & Prüfen").unwrap(), version: 3 }
}

fn new_program(name: &str, permission: Option<PermissionRef>) -> NewProgram {
    NewProgram {
        terms: ProgramTerms { name: ProgramName::parse(name).unwrap(), external_id: None },
        public_key: PublicKeyPem::parse(&PublicKey::Ed25519([11; 32]).to_pem()).unwrap(),
        until: Timestamp::from_millis(1_850_000_000_000),
        permission: permission.map(|permission| GivenPermission { permission, operations: [Operation::UsersRead].into_iter().collect() }),
    }
}

fn new_key() -> NewKey {
    NewKey {
        credential_id: KeyId::parse("robot-1").unwrap(),
        client_data: Bytes(br#"{"type":"key.create","challenge":"CQkJ"}"#.to_vec()),
        attestation: Bytes(br#"{"publicKey":"-----BEGIN PUBLIC KEY-----","signature":"00"}"#.to_vec()),
    }
}

/// Every change once, in the order of the enum.
pub fn every_change() -> Vec<Change> {
    let bob = || user(3, "bob@example.org");
    vec![
        Change::CreateUser {
            email: EmailAddress::parse("Grace.O'Malley+1@example.org").unwrap(),
            kind: UserKind::EndUser,
            external_id: Some(ExternalId::parse("customer \"№ 1\" \\ 李").unwrap()),
        },
        Change::ResendInvitation { user: bob() },
        Change::ShareInvitation { user: bob() },
        Change::RevokeInvitation { user: bob() },
        Change::ReEnrolUser { user: bob() },
        Change::DeactivateUser { user: bob() },
        Change::ActivateUser { user: bob() },
        Change::DeleteUser { user: bob() },
        Change::CreatePermission { terms: terms("Lesen & Prüfen", &[Operation::UsersRead, Operation::HistoryRead]) },
        Change::UpdatePermission {
            id: reading().id,
            version: 3,
            before: terms("Lesen & Prüfen", &[Operation::UsersRead, Operation::HistoryRead]),
            after: terms("Empfang", &[Operation::UsersRead, Operation::UsersCreate]),
        },
        Change::ArchivePermission { permission: reading() },
        Change::RestorePermission { permission: reading() },
        Change::AssignPermission {
            permission: reading(),
            operations: [Operation::UsersRead, Operation::HistoryRead].into_iter().collect(),
            user: bob(),
        },
        Change::RevokeAssignment { id: AssignmentId::from_bytes([5; 16]), permission: reading(), user: bob() },
        Change::CreateServiceAccount(new_program("Deploy", Some(reading()))),
        Change::CreateAccessToken(new_program("Laptop", None)),
        Change::UpdateProgram {
            user: UserRef {
                id: UserId::from_bytes([8; 16]),
                handle: Handle::AccessToken {
                    name: ProgramName::parse("Laptop").unwrap(),
                    owner: EmailAddress::parse("bob@example.org").unwrap(),
                },
            },
            before: ProgramTerms { name: ProgramName::parse("Laptop").unwrap(), external_id: None },
            after: ProgramTerms { name: ProgramName::parse("Desk").unwrap(), external_id: Some(ExternalId::parse("4711").unwrap()) },
        },
        Change::KeepSignIn { user: bob() },
        Change::RegisterEndUser { email: EmailAddress::parse("carl@example.com").unwrap(), external_id: None },
        Change::LogInEndUser { user: bob() },
        Change::RecoverEndUser { user: bob() },
        Change::OwnAccount(AccountChange::AddPasskey { name: yubikey(), passkey: new_passkey() }),
        Change::OwnAccount(AccountChange::RenamePasskey {
            id: CredentialId::from_bytes([7; 16]),
            before: yubikey(),
            after: PasskeyName::parse("Büro & zu Hause").unwrap(),
        }),
        Change::OwnAccount(AccountChange::RemovePasskey { id: CredentialId::from_bytes([7; 16]), name: yubikey() }),
        Change::OwnAccount(AccountChange::ReplaceRecoveryKey { challenge: Bytes(vec![8; 32]), recovery_key: new_recovery_key() }),
        Change::OwnAccount(AccountChange::AddKey {
            name: PasskeyName::parse("Robot").unwrap(),
            challenge: Bytes(vec![9; 32]),
            key: new_key(),
        }),
        Change::OwnAccount(AccountChange::SetRecoveryKey {
            name: PasskeyName::parse("Safe").unwrap(),
            challenge: Bytes(vec![9; 32]),
            key: new_key(),
            sealed: Some(Bytes(vec![10; 32])),
        }),
        Change::OwnAccount(AccountChange::DeactivateCredential {
            id: CredentialId::from_bytes([7; 16]),
            name: PasskeyName::parse("YubiKey").unwrap(),
        }),
        Change::OwnAccount(AccountChange::ActivateCredential {
            id: CredentialId::from_bytes([7; 16]),
            name: PasskeyName::parse("YubiKey").unwrap(),
        }),
        Change::OwnAccount(AccountChange::AllowCredential { until: Timestamp::from_millis(1_790_000_000_000) }),
        Change::OwnAccount(AccountChange::Recover { name: yubikey(), passkey: new_passkey(), recovery_key: new_recovery_key() }),
    ]
}

fn yubikey() -> PasskeyName {
    PasskeyName::parse("YubiKey 5 with NFC").unwrap()
}

/// Bytes that nothing here looks into.
fn new_passkey() -> NewPasskey {
    NewPasskey {
        challenge: Bytes(vec![8; 32]),
        credential_id: Bytes((0..40).collect()),
        client_data: Bytes(br#"{"type":"webauthn.create"}"#.to_vec()),
        attestation_object: Bytes((100..200).collect()),
        transports: vec!["usb".to_owned(), "nfc".to_owned()],
    }
}

fn new_recovery_key() -> NewRecoveryKey {
    NewRecoveryKey { public_key: Bytes(vec![9; 32]), salt: Bytes(vec![10; 32]), signature: Bytes(vec![11; 64]) }
}

/// The last permission to be given may be every operation there will be, which is written otherwise.
pub fn giving_everything() -> Change {
    let permission = PermissionRef { name: PermissionName::parse("Full admin").unwrap(), version: 1, ..reading() };
    Change::AssignPermission { permission, operations: Operations::All, user: user(3, "bob@example.org") }
}

/// The document of a change; all else in it is fixed.
pub fn document(change: Change) -> Document {
    Document {
        v: document::VERSION,
        id: ActionId::from_bytes([1; 16]),
        organization: OrganizationId::from_bytes([2; 16]),
        origin: "https://id.example.org".to_owned(),
        rp_id: "id.example.org".to_owned(),
        actor: user(6, "ada@example.org"),
        operation: change.operation(),
        change,
        issued_at: Timestamp::from_millis(1_795_000_000_000),
        expires_at: Timestamp::from_millis(1_795_000_300_000),
        nonce: Bytes((0..32).collect()),
    }
}

/// The names of a JSON enum's variants, out of the mouth of whoever reads them.
fn variants_of_json<Enum: serde::de::DeserializeOwned + std::fmt::Debug>() -> Vec<String> {
    let error = serde_json::from_str::<Enum>(r#"{"no such change":{}}"#).unwrap_err().to_string();
    let (_, expected) = error.split_once("expected one of ").unwrap();
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_change_is_in_the_list() {
    let listed: Vec<&str> = every_change().iter().map(name).collect();
    let (own, mut all) = (variants_of_json::<AccountChange>(), variants_of_json::<Change>());
    assert_eq!(all.pop().as_deref(), Some("own_account"));
    assert_eq!(listed, [all, own].concat());
}

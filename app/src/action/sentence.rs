//! A change in words: the one function that dialogs, receipts, mails and history take their sentences from.

use super::{
    account_change::{AccountChange, NewPasskey, NewRecoveryKey},
    change::{Change, GivenPermission, NewProgram, PermissionTerms, ProgramTerms},
    key::NewKey,
};
use crate::domain::{
    handle::Handle,
    operation::{Operation, Operations},
    text::ExternalId,
};

/// One line of a change's details.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// What it is about.
    pub label: &'static str,
    /// What was there before, where something is altered.
    pub before: Option<String>,
    /// What it says, or will say.
    pub value: String,
}

impl Detail {
    fn new(label: &'static str, value: impl Into<String>) -> Self {
        Self { label, before: None, value: value.into() }
    }
}

/// The change as one sentence in the imperative, without a full stop: `Create user ada@example.org as Employee`.
pub fn sentence(change: &Change) -> String {
    match change {
        Change::CreateUser { email, kind, external_id: None } => format!("Create user {email} as {}", kind.label()),
        Change::CreateUser { email, kind, external_id: Some(id) } => {
            format!("Create user {email} as {}, external id {id}", kind.label())
        }
        Change::ResendInvitation { user } => format!("Send {} a new invitation", user.handle),
        Change::ShareInvitation { user } => format!("Show a new invitation code for {}", user.handle),
        Change::RevokeInvitation { user } => format!("Revoke the invitation of {}", user.handle),
        Change::ReEnrolUser { user } => format!("Let {} enrol again with a new passkey", user.handle),
        Change::DeactivateUser { user } => format!("Deactivate {}", user.handle),
        Change::ActivateUser { user } => format!("Activate {}", user.handle),
        Change::DeleteUser { user } => format!("Delete {}", user.handle),
        Change::CreatePermission { terms } => {
            format!("Create permission “{}” with {}", terms.name, count(terms.operations.len()))
        }
        Change::UpdatePermission { before, after, .. } if before.name == after.name => {
            format!("Change what permission “{}” allows", after.name)
        }
        Change::UpdatePermission { before, after, .. } => format!("Change permission “{}”, and call it “{}”", before.name, after.name),
        Change::ArchivePermission { permission } => format!("Archive permission “{}”", permission.name),
        Change::RestorePermission { permission } => format!("Restore permission “{}”", permission.name),
        Change::AssignPermission { permission, user, .. } => format!("Give {} the permission “{}”", user.handle, permission.name),
        Change::RevokeAssignment { permission, user, .. } => format!("Take the permission “{}” from {}", permission.name, user.handle),
        Change::CreateServiceAccount(new) => format!("Create service account “{}”{}", new.terms.name, with(new.permission.as_ref())),
        Change::CreateAccessToken(new) => {
            format!("Create access token “{}” of your own{}", new.terms.name, with(new.permission.as_ref()))
        }
        Change::UpdateProgram { user, before, after } if before.name == after.name => format!("Change {}", user.handle),
        Change::UpdateProgram { user, after, .. } => format!("Change {}, and call it “{}”", user.handle, after.name),
        Change::KeepSignIn { user } => format!("Let {} sign in with passkeys and keys, and not by single sign-on", user.handle),
        Change::RegisterEndUser { email, external_id: None } => format!("Register customer {email}"),
        Change::RegisterEndUser { email, external_id: Some(id) } => format!("Register customer {email}, external id {id}"),
        Change::LogInEndUser { user } => format!("Sign customer {} in", user.handle),
        Change::RecoverEndUser { user } => format!("Let customer {} recover without a mail", user.handle),
        Change::OwnAccount(change) => match change {
            AccountChange::AddPasskey { name, .. } => format!("Add the passkey “{name}” to your own account"),
            AccountChange::RenamePasskey { before, after, .. } => format!("Call your passkey “{before}” “{after}”"),
            AccountChange::RemovePasskey { name, .. } => format!("Remove the passkey “{name}” from your own account"),
            AccountChange::ReplaceRecoveryKey { .. } => "Replace the recovery kit of your own account".to_owned(),
            AccountChange::AddKey { name, .. } => format!("Add the key “{name}” to your own account"),
            AccountChange::SetRecoveryKey { name, .. } => format!("Make “{name}” the recovery key of your own account"),
            AccountChange::DeactivateCredential { name, .. } => format!("Deactivate “{name}” of your own account"),
            AccountChange::ActivateCredential { name, .. } => format!("Activate “{name}” of your own account"),
            AccountChange::AllowCredential { until } => {
                format!("Let whoever has a code add one credential to your own account until {until}")
            }
            AccountChange::Recover { .. } => "Recover your own account with the recovery kit".to_owned(),
        },
    }
}

/// What the button says that signs the change.
pub const fn verb(change: &Change) -> &'static str {
    match change {
        Change::CreateUser { .. } | Change::CreatePermission { .. } | Change::CreateServiceAccount(_) | Change::CreateAccessToken(_) => {
            "Create and sign"
        }
        Change::KeepSignIn { .. } => "Keep and sign",
        Change::RegisterEndUser { .. } => "Register and sign",
        Change::LogInEndUser { .. } => "Sign in and sign",
        Change::RecoverEndUser { .. } => "Let recover and sign",
        Change::ResendInvitation { .. } => "Send and sign",
        Change::ShareInvitation { .. } => "Show and sign",
        Change::RevokeInvitation { .. } | Change::RevokeAssignment { .. } => "Revoke and sign",
        Change::ReEnrolUser { .. } => "End passkeys and sign",
        Change::DeactivateUser { .. } | Change::OwnAccount(AccountChange::DeactivateCredential { .. }) => "Deactivate and sign",
        Change::ActivateUser { .. } | Change::OwnAccount(AccountChange::ActivateCredential { .. }) => "Activate and sign",
        Change::DeleteUser { .. } => "Delete and sign",
        Change::UpdatePermission { .. } | Change::UpdateProgram { .. } => "Change and sign",
        Change::ArchivePermission { .. } => "Archive and sign",
        Change::RestorePermission { .. } => "Restore and sign",
        Change::AssignPermission { .. } => "Give and sign",
        Change::OwnAccount(AccountChange::AddPasskey { .. } | AccountChange::AddKey { .. }) => "Add and sign",
        Change::OwnAccount(AccountChange::RenamePasskey { .. }) => "Rename and sign",
        Change::OwnAccount(AccountChange::RemovePasskey { .. }) => "Remove and sign",
        Change::OwnAccount(AccountChange::ReplaceRecoveryKey { .. } | AccountChange::SetRecoveryKey { .. }) => "Replace and sign",
        Change::OwnAccount(AccountChange::AllowCredential { .. }) => "Allow and sign",
        Change::OwnAccount(AccountChange::Recover { .. }) => "Recover and sign",
    }
}

/// What comes of it, for whoever is about to sign.
pub const fn consequence(change: &Change) -> &'static str {
    match change {
        Change::CreateUser { .. } => {
            "A mail with a code goes to this address. Whoever has it can sign up with a passkey; they have no permission until you give them one."
        }
        Change::ResendInvitation { .. } => "A mail with a new code goes to this address. The code before it stops working.",
        Change::ShareInvitation { .. } => {
            "You will see a link and a code, once. Pass them on separately, to this person only. The code before stops working."
        }
        Change::RevokeInvitation { .. } => "The code in the mail stops working. The user stays, and can be invited again.",
        Change::ReEnrolUser { .. } => {
            "Their passkeys, keys, access tokens, recovery kit and sessions end at once. A mail with a code goes to their address: whoever has it makes a new passkey, and has their permissions."
        }
        Change::CreateServiceAccount(_) => {
            "You will see its token, once. Whatever program has it, and the private half of this key, acts as this service account."
        }
        Change::CreateAccessToken(_) => {
            "You will see the token, once. Whatever program has it, and the private half of this key, acts in your name."
        }
        Change::UpdateProgram { .. } => "Only what it is called changes: its key, token and permissions stay.",
        Change::KeepSignIn { .. } => "There is no other way to sign in here.",
        Change::RegisterEndUser { .. } => "Whoever gets what they register with from the program that signs becomes this customer.",
        Change::LogInEndUser { .. } => "The program that signs gets a token by which it acts as this customer.",
        Change::RecoverEndUser { .. } => "Whoever has the customer's recovery key, and what the program that signs gets, registers anew.",
        Change::DeactivateUser { user } if user.handle.email().is_none() => "Its token stops working at once, until it is activated again.",
        Change::ActivateUser { user } if user.handle.email().is_none() => "Its token works again, with the permissions that it had.",
        Change::DeleteUser { user } if user.handle.email().is_none() => {
            "Its key, token and permissions are removed for good. What it did stays in history."
        }
        Change::DeactivateUser { .. } => {
            "They are signed out everywhere at once, their access tokens stop, and they can do nothing until someone activates them again."
        }
        Change::ActivateUser { .. } => "They can sign in again, with the permissions that they had.",
        Change::DeleteUser { .. } => {
            "Their passkeys, keys, access tokens, sessions and permissions are removed for good. What they did stays in history."
        }
        Change::CreatePermission { .. } => "Nobody has it until it is given to someone.",
        Change::UpdatePermission { .. } => "It applies at once to everyone who has this permission.",
        Change::ArchivePermission { .. } => "It can't be given to anyone any more. Its name stays taken.",
        Change::RestorePermission { .. } => "It can be given to people again. Nobody has it until then.",
        Change::AssignPermission { user, .. } if matches!(user.handle, Handle::AccessToken { .. }) => {
            "From now on it may do no more than the permissions that it has allow, and that only as far as its owner may. They can't all be taken from it again."
        }
        Change::AssignPermission { .. } => "They may do this at once.",
        Change::RevokeAssignment { .. } => "What this permission allowed ends at once.",
        Change::OwnAccount(change) => match change {
            AccountChange::AddPasskey { .. } => {
                "Whoever has it can sign in as you, and sign in your name. Sign with a passkey that you had before."
            }
            AccountChange::RenamePasskey { .. } => "Only the name changes, here; your device may go on showing another one.",
            AccountChange::RemovePasskey { .. } => {
                "It can't sign in or sign anything any more. Browsers stay signed in: end their sessions, too, if its device is lost."
            }
            AccountChange::ReplaceRecoveryKey { .. } => "The kit that you had stops working at once. Destroy it.",
            AccountChange::AddKey { .. } => "Whatever program has it can sign in as you, and sign in your name.",
            AccountChange::SetRecoveryKey { .. } => "The recovery kit or key that you had stops working at once.",
            AccountChange::DeactivateCredential { .. } => "It can't sign in or sign anything until you activate it again.",
            AccountChange::ActivateCredential { .. } => "It can sign in as you again, and sign in your name.",
            AccountChange::AllowCredential { .. } => {
                "Whoever has the code can add a passkey or a key that signs in as you, or replace your recovery key. Give it to nobody but yourself."
            }
            AccountChange::Recover { .. } => "Every passkey that you had, the kit before and every session end at once.",
        },
    }
}

/// What the sentence doesn't say, line by line: every value that will be applied is here or in the sentence.
pub fn details(change: &Change) -> Vec<Detail> {
    match change {
        Change::CreateUser { email, kind, external_id } => vec![
            Detail::new("Email", email.as_str()),
            Detail::new("Kind", kind.label()),
            Detail::new("External id", external_id.as_ref().map_or("none", ExternalId::as_str)),
        ],
        Change::ResendInvitation { user }
        | Change::ShareInvitation { user }
        | Change::RevokeInvitation { user }
        | Change::ReEnrolUser { user }
        | Change::DeactivateUser { user }
        | Change::ActivateUser { user }
        | Change::KeepSignIn { user }
        | Change::LogInEndUser { user }
        | Change::RecoverEndUser { user }
        | Change::DeleteUser { user } => {
            vec![Detail::new("User", user.handle.to_string()), Detail::new("User id", user.id.to_string())]
        }
        Change::CreatePermission { terms } => {
            vec![Detail::new("Name", terms.name.as_str()), Detail::new("Operations", names(&terms.operations))]
        }
        Change::UpdatePermission { id, before, after, .. } => {
            compared(before, after).into_iter().chain([Detail::new("Permission id", id.to_string())]).collect()
        }
        Change::ArchivePermission { permission } | Change::RestorePermission { permission } => {
            vec![Detail::new("Permission", permission.name.as_str()), Detail::new("Permission id", permission.id.to_string())]
        }
        Change::AssignPermission { permission, operations, user } => vec![
            Detail::new("User", user.handle.to_string()),
            Detail::new("User id", user.id.to_string()),
            Detail::new("Permission", permission.name.as_str()),
            Detail::new("Permission id", permission.id.to_string()),
            Detail::new("Operations", all_names(operations)),
        ],
        Change::RevokeAssignment { permission, user, .. } => vec![
            Detail::new("User", user.handle.to_string()),
            Detail::new("User id", user.id.to_string()),
            Detail::new("Permission", permission.name.as_str()),
            Detail::new("Permission id", permission.id.to_string()),
        ],
        Change::CreateServiceAccount(new) | Change::CreateAccessToken(new) => program_details(new),
        Change::UpdateProgram { user, before, after } => {
            let changed = |label, before: String, value: String| Detail { label, before: (before != value).then_some(before), value };
            let external_id = |terms: &ProgramTerms| terms.external_id.as_ref().map_or_else(|| "none".to_owned(), ExternalId::to_string);
            vec![
                changed("Name", before.name.to_string(), after.name.to_string()),
                changed("External id", external_id(before), external_id(after)),
                Detail::new("Which", user.handle.to_string()),
                Detail::new("Id", user.id.to_string()),
            ]
        }
        Change::RegisterEndUser { email, external_id } => {
            vec![Detail::new("Email", email.as_str()), Detail::new("External id", external_id.as_ref().map_or("none", ExternalId::as_str))]
        }
        Change::OwnAccount(change) => account_details(change),
    }
}

/// With which permission a program begins.
fn with(permission: Option<&GivenPermission>) -> String {
    permission.map_or_else(String::new, |given| format!(" with the permission “{}”", given.permission.name))
}

fn program_details(new: &NewProgram) -> Vec<Detail> {
    let mut details = vec![
        Detail::new("Name", new.terms.name.as_str()),
        Detail::new("External id", new.terms.external_id.as_ref().map_or("none", ExternalId::as_str)),
        Detail::new("Its token counts until", new.until.to_string()),
        Detail::new("Public key", new.public_key.as_str()),
    ];
    match &new.permission {
        None => details.push(Detail::new("Permission", "none")),
        Some(GivenPermission { permission, operations }) => details.extend([
            Detail::new("Permission", permission.name.as_str()),
            Detail::new("Permission id", permission.id.to_string()),
            Detail::new("Operations", all_names(operations)),
        ]),
    }
    details
}

fn account_details(change: &AccountChange) -> Vec<Detail> {
    match change {
        AccountChange::AddPasskey { name, passkey } => {
            [Detail::new("Name", name.as_str())].into_iter().chain(passkey_details(passkey)).collect()
        }
        AccountChange::RenamePasskey { id, before, after } => vec![
            Detail { label: "Name", before: Some(before.to_string()), value: after.to_string() },
            Detail::new("Passkey id", id.to_string()),
        ],
        AccountChange::RemovePasskey { id, name } => vec![Detail::new("Name", name.as_str()), Detail::new("Passkey id", id.to_string())],
        AccountChange::AddKey { name, key, .. } => vec![Detail::new("Name", name.as_str()), key_detail(key)],
        AccountChange::SetRecoveryKey { name, key, sealed, .. } => vec![
            Detail::new("Name", name.as_str()),
            key_detail(key),
            Detail::new(
                "Sealed copy kept by the server",
                sealed.as_ref().map_or_else(|| "none".to_owned(), |hash| format!("SHA-256 {hash}")),
            ),
        ],
        AccountChange::DeactivateCredential { id, name } | AccountChange::ActivateCredential { id, name } => {
            vec![Detail::new("Name", name.as_str()), Detail::new("Credential id", id.to_string())]
        }
        AccountChange::AllowCredential { until } => vec![Detail::new("Until", until.to_string())],
        AccountChange::ReplaceRecoveryKey { recovery_key, .. } => vec![recovery_key_detail(recovery_key)],
        AccountChange::Recover { name, passkey, recovery_key } => {
            let named = [Detail::new("New passkey", name.as_str())];
            named.into_iter().chain(passkey_details(passkey)).chain([recovery_key_detail(recovery_key)]).collect()
        }
    }
}

/// The rest of it proves this key, and says nothing that people could compare.
fn passkey_details(passkey: &NewPasskey) -> [Detail; 2] {
    let transports = if passkey.transports.is_empty() { "not told".to_owned() } else { passkey.transports.join(", ") };
    [Detail::new("Its authenticator's id", passkey.credential_id.to_string()), Detail::new("Reached through", transports)]
}

/// The rest of it proves this key.
fn key_detail(key: &NewKey) -> Detail {
    Detail::new("Its id", key.credential_id.as_str())
}

fn recovery_key_detail(key: &NewRecoveryKey) -> Detail {
    Detail::new("New recovery key", key.public_key.to_string())
}

fn compared(before: &PermissionTerms, after: &PermissionTerms) -> Vec<Detail> {
    let changed = |label, before: String, value: String| Detail { label, before: (before != value).then_some(before), value };
    vec![
        changed("Name", before.name.to_string(), after.name.to_string()),
        changed("Operations", names(&before.operations), names(&after.operations)),
    ]
}

pub(super) fn all_names(operations: &Operations) -> String {
    match operations {
        Operations::All => "every operation, also future ones".to_owned(),
        Operations::These(operations) => names(operations),
    }
}

fn names<'a>(operations: impl IntoIterator<Item = &'a Operation>) -> String {
    let names: Vec<&str> = operations.into_iter().map(|operation| operation.name()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn count(operations: usize) -> String {
    if operations == 1 { "1 operation".to_owned() } else { format!("{operations} operations") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        action::{
            bytes::Bytes,
            change::{PermissionRef, UserRef},
            cose::PublicKey,
        },
        domain::{
            id::{AssignmentId, CredentialId, PermissionId, UserId},
            text::{EmailAddress, KeyId, PasskeyName, PermissionName, ProgramName, PublicKeyPem},
            time::Timestamp,
            user::UserKind,
        },
    };
    use serde_json::Value;

    fn bob() -> UserRef {
        UserRef { id: UserId::from_bytes([1; 16]), handle: EmailAddress::parse("bob@example.org").unwrap().into() }
    }

    fn reading() -> PermissionRef {
        PermissionRef { id: PermissionId::from_bytes([2; 16]), name: PermissionName::parse("Reading").unwrap(), version: 7 }
    }

    fn terms(name: &str, operations: &[Operation]) -> PermissionTerms {
        PermissionTerms { name: PermissionName::parse(name).unwrap(), operations: operations.iter().copied().collect() }
    }

    fn changes() -> Vec<Change> {
        let create = |kind, external_id: Option<&str>| Change::CreateUser {
            email: EmailAddress::parse("bob@example.org").unwrap(),
            kind,
            external_id: external_id.map(|id| ExternalId::parse(id).unwrap()),
        };
        let update =
            |after| Change::UpdatePermission { id: reading().id, version: 7, before: terms("Reading", &[Operation::UsersRead]), after };
        let assign = |operations| Change::AssignPermission { permission: reading(), operations, user: bob() };
        vec![
            create(UserKind::Employee, None),
            create(UserKind::EndUser, Some("customer 1")),
            Change::ResendInvitation { user: bob() },
            Change::ShareInvitation { user: bob() },
            Change::RevokeInvitation { user: bob() },
            Change::ReEnrolUser { user: bob() },
            Change::DeactivateUser { user: bob() },
            Change::ActivateUser { user: bob() },
            Change::DeleteUser { user: bob() },
            Change::CreatePermission { terms: terms("Reading", &[Operation::UsersRead]) },
            Change::CreatePermission { terms: terms("Records", &[Operation::UsersRead, Operation::HistoryRead]) },
            update(terms("Records", &[Operation::UsersRead])),
            update(terms("Reading", &[Operation::UsersRead, Operation::HistoryRead])),
            update(terms("Records", &[Operation::HistoryRead])),
            Change::ArchivePermission { permission: reading() },
            Change::RestorePermission { permission: reading() },
            assign(Operations::All),
            assign([Operation::UsersRead, Operation::HistoryRead].into_iter().collect()),
            Change::RevokeAssignment { id: AssignmentId::from_bytes([3; 16]), permission: reading(), user: bob() },
        ]
    }

    fn changes_about_programs_and_customers() -> Vec<Change> {
        let terms = |name, external_id: Option<&str>| ProgramTerms {
            name: ProgramName::parse(name).unwrap(),
            external_id: external_id.map(|id| ExternalId::parse(id).unwrap()),
        };
        let new = |permission| NewProgram {
            terms: terms("Payroll", None),
            public_key: PublicKeyPem::parse(&PublicKey::Ed25519([11; 32]).to_pem()).unwrap(),
            until: Timestamp::from_millis(1_850_000_000_000),
            permission,
        };
        let given = GivenPermission { permission: reading(), operations: [Operation::UsersRead].into_iter().collect() };
        let payroll = || UserRef { id: bob().id, handle: Handle::ServiceAccount(ProgramName::parse("Payroll").unwrap()) };
        vec![
            Change::CreateServiceAccount(new(Some(given.clone()))),
            Change::CreateServiceAccount(new(None)),
            Change::CreateAccessToken(new(Some(given))),
            Change::CreateAccessToken(new(None)),
            Change::UpdateProgram { user: payroll(), before: terms("Payroll", None), after: terms("Wages", Some("7")) },
            Change::KeepSignIn { user: bob() },
            Change::RegisterEndUser { email: EmailAddress::parse("bob@example.org").unwrap(), external_id: None },
            Change::LogInEndUser { user: bob() },
            Change::RecoverEndUser { user: bob() },
            Change::DeactivateUser { user: payroll() },
        ]
    }

    fn changes_of_ones_own() -> Vec<Change> {
        vec![
            Change::OwnAccount(AccountChange::AddPasskey { name: passkey_name("YubiKey"), passkey: new_passkey(&["usb", "nfc"]) }),
            Change::OwnAccount(AccountChange::AddPasskey { name: passkey_name("YubiKey"), passkey: new_passkey(&[]) }),
            Change::OwnAccount(AccountChange::RenamePasskey {
                id: CredentialId::from_bytes([4; 16]),
                before: passkey_name("YubiKey"),
                after: passkey_name("YubiKey in the safe"),
            }),
            Change::OwnAccount(AccountChange::RemovePasskey { id: CredentialId::from_bytes([4; 16]), name: passkey_name("YubiKey") }),
            Change::OwnAccount(AccountChange::ReplaceRecoveryKey { challenge: Bytes(vec![5; 32]), recovery_key: new_recovery_key() }),
            Change::OwnAccount(AccountChange::AddKey { name: passkey_name("Robot"), challenge: Bytes(vec![5; 32]), key: new_key() }),
            Change::OwnAccount(AccountChange::SetRecoveryKey {
                name: passkey_name("Safe"),
                challenge: Bytes(vec![5; 32]),
                key: new_key(),
                sealed: None,
            }),
            Change::OwnAccount(AccountChange::SetRecoveryKey {
                name: passkey_name("Safe"),
                challenge: Bytes(vec![5; 32]),
                key: new_key(),
                sealed: Some(Bytes(vec![9; 32])),
            }),
            Change::OwnAccount(AccountChange::DeactivateCredential {
                id: CredentialId::from_bytes([4; 16]),
                name: passkey_name("YubiKey"),
            }),
            Change::OwnAccount(AccountChange::ActivateCredential { id: CredentialId::from_bytes([4; 16]), name: passkey_name("YubiKey") }),
            Change::OwnAccount(AccountChange::AllowCredential { until: Timestamp::from_millis(1_800_000_000_000) }),
            Change::OwnAccount(AccountChange::Recover {
                name: passkey_name("YubiKey"),
                passkey: new_passkey(&["usb"]),
                recovery_key: new_recovery_key(),
            }),
        ]
    }

    fn new_key() -> NewKey {
        NewKey { credential_id: KeyId::parse("robot-1").unwrap(), client_data: Bytes(b"{}".to_vec()), attestation: Bytes(b"{}".to_vec()) }
    }

    fn new_recovery_key() -> NewRecoveryKey {
        NewRecoveryKey { public_key: Bytes(vec![6; 32]), salt: Bytes(vec![7; 32]), signature: Bytes(vec![8; 64]) }
    }

    fn passkey_name(name: &str) -> PasskeyName {
        PasskeyName::parse(name).unwrap()
    }

    fn new_passkey(transports: &[&str]) -> NewPasskey {
        NewPasskey {
            challenge: Bytes(vec![5; 32]),
            credential_id: Bytes(vec![6; 16]),
            client_data: Bytes(b"{}".to_vec()),
            attestation_object: Bytes(vec![7; 64]),
            transports: transports.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn in_words(change: &Change) -> String {
        let details = details(change).into_iter().map(|Detail { label, before, value }| match before {
            Some(before) => format!("    {label}: {before} → {value}"),
            None => format!("    {label}: {value}"),
        });
        let heading = [sentence(change), format!("    [{}] {}", verb(change), consequence(change))];
        heading.into_iter().chain(details).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn changes_about_programs_and_customers_in_words() {
        let table: Vec<String> = changes_about_programs_and_customers().iter().map(in_words).collect();
        insta::assert_snapshot!(table.join("\n"), @"
        Create service account “Payroll” with the permission “Reading”
            [Create and sign] You will see its token, once. Whatever program has it, and the private half of this key, acts as this service account.
            Name: Payroll
            External id: none
            Its token counts until: 2028-08-16T00:53:20Z
            Public key: -----BEGIN PUBLIC KEY-----
        MCowBQYDK2VwAyEACwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCws=
        -----END PUBLIC KEY-----
            Permission: Reading
            Permission id: pm-02081-040g2-081040g2081040g2
            Operations: Auth:Users:Read
        Create service account “Payroll”
            [Create and sign] You will see its token, once. Whatever program has it, and the private half of this key, acts as this service account.
            Name: Payroll
            External id: none
            Its token counts until: 2028-08-16T00:53:20Z
            Public key: -----BEGIN PUBLIC KEY-----
        MCowBQYDK2VwAyEACwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCws=
        -----END PUBLIC KEY-----
            Permission: none
        Create access token “Payroll” of your own with the permission “Reading”
            [Create and sign] You will see the token, once. Whatever program has it, and the private half of this key, acts in your name.
            Name: Payroll
            External id: none
            Its token counts until: 2028-08-16T00:53:20Z
            Public key: -----BEGIN PUBLIC KEY-----
        MCowBQYDK2VwAyEACwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCws=
        -----END PUBLIC KEY-----
            Permission: Reading
            Permission id: pm-02081-040g2-081040g2081040g2
            Operations: Auth:Users:Read
        Create access token “Payroll” of your own
            [Create and sign] You will see the token, once. Whatever program has it, and the private half of this key, acts in your name.
            Name: Payroll
            External id: none
            Its token counts until: 2028-08-16T00:53:20Z
            Public key: -----BEGIN PUBLIC KEY-----
        MCowBQYDK2VwAyEACwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCwsLCws=
        -----END PUBLIC KEY-----
            Permission: none
        Change service account “Payroll”, and call it “Wages”
            [Change and sign] Only what it is called changes: its key, token and permissions stay.
            Name: Payroll → Wages
            External id: none → 7
            Which: service account “Payroll”
            Id: us-01040-g2081-040g2081040g2081
        Let bob@example.org sign in with passkeys and keys, and not by single sign-on
            [Keep and sign] There is no other way to sign in here.
            User: bob@example.org
            User id: us-01040-g2081-040g2081040g2081
        Register customer bob@example.org
            [Register and sign] Whoever gets what they register with from the program that signs becomes this customer.
            Email: bob@example.org
            External id: none
        Sign customer bob@example.org in
            [Sign in and sign] The program that signs gets a token by which it acts as this customer.
            User: bob@example.org
            User id: us-01040-g2081-040g2081040g2081
        Let customer bob@example.org recover without a mail
            [Let recover and sign] Whoever has the customer's recovery key, and what the program that signs gets, registers anew.
            User: bob@example.org
            User id: us-01040-g2081-040g2081040g2081
        Deactivate service account “Payroll”
            [Deactivate and sign] Its token stops working at once, until it is activated again.
            User: service account “Payroll”
            User id: us-01040-g2081-040g2081040g2081
        ");
    }

    #[test]
    fn changes_in_words() {
        let table: Vec<String> = changes().iter().map(in_words).collect();
        insta::assert_snapshot!(table.join("\n"), @"
        Create user bob@example.org as Employee
            [Create and sign] A mail with a code goes to this address. Whoever has it can sign up with a passkey; they have no permission until you give them one.
            Email: bob@example.org
            Kind: Employee
            External id: none
        Create user bob@example.org as End user, external id customer 1
            [Create and sign] A mail with a code goes to this address. Whoever has it can sign up with a passkey; they have no permission until you give them one.
            Email: bob@example.org
            Kind: End user
            External id: customer 1
        Send bob@example.org a new invitation
            [Send and sign] A mail with a new code goes to this address. The code before it stops working.
            User: bob@example.org
            User id: us-01040-g2081-040g2081040g2081
        Show a new invitation code for bob@example.org
            [Show and sign] You will see a link and a code, once. Pass them on separately, to this person only. The code before stops working.
            User: bob@example.org
            User id: us-01040-g2081-040g2081040g2081
        Revoke the invitation of bob@example.org
            [Revoke and sign] The code in the mail stops working. The user stays, and can be invited again.
            User: bob@example.org
            User id: us-01040-g2081-040g2081040g2081
        Let bob@example.org enrol again with a new passkey
            [End passkeys and sign] Their passkeys, keys, access tokens, recovery kit and sessions end at once. A mail with a code goes to their address: whoever has it makes a new passkey, and has their permissions.
            User: bob@example.org
            User id: us-01040-g2081-040g2081040g2081
        Deactivate bob@example.org
            [Deactivate and sign] They are signed out everywhere at once, their access tokens stop, and they can do nothing until someone activates them again.
            User: bob@example.org
            User id: us-01040-g2081-040g2081040g2081
        Activate bob@example.org
            [Activate and sign] They can sign in again, with the permissions that they had.
            User: bob@example.org
            User id: us-01040-g2081-040g2081040g2081
        Delete bob@example.org
            [Delete and sign] Their passkeys, keys, access tokens, sessions and permissions are removed for good. What they did stays in history.
            User: bob@example.org
            User id: us-01040-g2081-040g2081040g2081
        Create permission “Reading” with 1 operation
            [Create and sign] Nobody has it until it is given to someone.
            Name: Reading
            Operations: Auth:Users:Read
        Create permission “Records” with 2 operations
            [Create and sign] Nobody has it until it is given to someone.
            Name: Records
            Operations: Auth:Users:Read, Auth:Logs:Read
        Change permission “Reading”, and call it “Records”
            [Change and sign] It applies at once to everyone who has this permission.
            Name: Reading → Records
            Operations: Auth:Users:Read
            Permission id: pm-02081-040g2-081040g2081040g2
        Change what permission “Reading” allows
            [Change and sign] It applies at once to everyone who has this permission.
            Name: Reading
            Operations: Auth:Users:Read → Auth:Users:Read, Auth:Logs:Read
            Permission id: pm-02081-040g2-081040g2081040g2
        Change permission “Reading”, and call it “Records”
            [Change and sign] It applies at once to everyone who has this permission.
            Name: Reading → Records
            Operations: Auth:Users:Read → Auth:Logs:Read
            Permission id: pm-02081-040g2-081040g2081040g2
        Archive permission “Reading”
            [Archive and sign] It can't be given to anyone any more. Its name stays taken.
            Permission: Reading
            Permission id: pm-02081-040g2-081040g2081040g2
        Restore permission “Reading”
            [Restore and sign] It can be given to people again. Nobody has it until then.
            Permission: Reading
            Permission id: pm-02081-040g2-081040g2081040g2
        Give bob@example.org the permission “Reading”
            [Give and sign] They may do this at once.
            User: bob@example.org
            User id: us-01040-g2081-040g2081040g2081
            Permission: Reading
            Permission id: pm-02081-040g2-081040g2081040g2
            Operations: every operation, also future ones
        Give bob@example.org the permission “Reading”
            [Give and sign] They may do this at once.
            User: bob@example.org
            User id: us-01040-g2081-040g2081040g2081
            Permission: Reading
            Permission id: pm-02081-040g2-081040g2081040g2
            Operations: Auth:Users:Read, Auth:Logs:Read
        Take the permission “Reading” from bob@example.org
            [Revoke and sign] What this permission allowed ends at once.
            User: bob@example.org
            User id: us-01040-g2081-040g2081040g2081
            Permission: Reading
            Permission id: pm-02081-040g2-081040g2081040g2
        ");
    }

    #[test]
    fn changes_of_ones_own_account_in_words() {
        let table: Vec<String> = changes_of_ones_own().iter().map(in_words).collect();
        insta::assert_snapshot!(table.join("\n"), @"
        Add the passkey “YubiKey” to your own account
            [Add and sign] Whoever has it can sign in as you, and sign in your name. Sign with a passkey that you had before.
            Name: YubiKey
            Its authenticator's id: BgYGBgYGBgYGBgYGBgYGBg
            Reached through: usb, nfc
        Add the passkey “YubiKey” to your own account
            [Add and sign] Whoever has it can sign in as you, and sign in your name. Sign with a passkey that you had before.
            Name: YubiKey
            Its authenticator's id: BgYGBgYGBgYGBgYGBgYGBg
            Reached through: not told
        Call your passkey “YubiKey” “YubiKey in the safe”
            [Rename and sign] Only the name changes, here; your device may go on showing another one.
            Name: YubiKey → YubiKey in the safe
            Passkey id: cr-040g2-08104-0g2081040g208104
        Remove the passkey “YubiKey” from your own account
            [Remove and sign] It can't sign in or sign anything any more. Browsers stay signed in: end their sessions, too, if its device is lost.
            Name: YubiKey
            Passkey id: cr-040g2-08104-0g2081040g208104
        Replace the recovery kit of your own account
            [Replace and sign] The kit that you had stops working at once. Destroy it.
            New recovery key: BgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgY
        Add the key “Robot” to your own account
            [Add and sign] Whatever program has it can sign in as you, and sign in your name.
            Name: Robot
            Its id: robot-1
        Make “Safe” the recovery key of your own account
            [Replace and sign] The recovery kit or key that you had stops working at once.
            Name: Safe
            Its id: robot-1
            Sealed copy kept by the server: none
        Make “Safe” the recovery key of your own account
            [Replace and sign] The recovery kit or key that you had stops working at once.
            Name: Safe
            Its id: robot-1
            Sealed copy kept by the server: SHA-256 CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk
        Deactivate “YubiKey” of your own account
            [Deactivate and sign] It can't sign in or sign anything until you activate it again.
            Name: YubiKey
            Credential id: cr-040g2-08104-0g2081040g208104
        Activate “YubiKey” of your own account
            [Activate and sign] It can sign in as you again, and sign in your name.
            Name: YubiKey
            Credential id: cr-040g2-08104-0g2081040g208104
        Let whoever has a code add one credential to your own account until 2027-01-15T08:00:00Z
            [Allow and sign] Whoever has the code can add a passkey or a key that signs in as you, or replace your recovery key. Give it to nobody but yourself.
            Until: 2027-01-15T08:00:00Z
        Recover your own account with the recovery kit
            [Recover and sign] Every passkey that you had, the kit before and every session end at once.
            New passkey: YubiKey
            Its authenticator's id: BgYGBgYGBgYGBgYGBgYGBg
            Reached through: usb
            New recovery key: BgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgY
        ");
    }

    fn every_change() -> Vec<Change> {
        changes().into_iter().chain(changes_of_ones_own()).collect()
    }

    /// The texts in a change's JSON, but for what says nothing by itself: an assignment follows from its user and its
    /// permission, the words for a user's kind and for every operation are others, and what proves a new key says nothing
    /// to people.
    fn values(name: &str, value: &Value, found: &mut Vec<String>) {
        const PROOFS: [&str; 6] = ["challenge", "client_data", "attestation", "attestation_object", "salt", "signature"];
        match value {
            _ if PROOFS.contains(&name) => {}
            Value::Object(members) => members.iter().for_each(|(name, value)| values(name, value, found)),
            Value::Array(members) => members.iter().for_each(|value| values(name, value, found)),
            Value::String(text) if text.starts_with("as-") || name == "kind" || text == "all" => {}
            Value::String(text) => found.push(text.clone()),
            Value::Number(time) if name == "until" => found.push(Timestamp::from_millis(time.as_i64().unwrap()).to_string()),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    #[test]
    fn whoever_signs_reads_every_value() {
        for change in every_change() {
            let (said, mut found) = (in_words(&change), Vec::new());
            values("", &serde_json::to_value(&change).unwrap(), &mut found);
            assert!(!found.is_empty());
            for value in found {
                assert!(said.contains(&value), "{value} is missing in: {said}");
            }
        }
    }

    #[test]
    fn different_changes_are_said_differently() {
        let said: std::collections::BTreeSet<_> = every_change().iter().map(in_words).collect();
        assert_eq!(said.len(), every_change().len());
    }
}

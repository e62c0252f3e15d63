//! Who may do what: every server function and every change, for every kind of person, as tables that reviewers read. Whatever
//! isn't in them fails a test.

use crate::support::{
    answer::{Answer, DONE, Verdict, refused},
    app::TestApp,
    blessed::assert_committed,
    browser::Browser,
    database::TestDatabase,
    device::{Device, RecoveryKit},
    own_account::{passkey_name, removing, renaming},
    person::Person,
    signing::{assign, create_permission, create_user, new_program, program_terms, terms, update},
};
use app::{
    action::{
        account_change::{AccountChange, NewPasskey},
        bytes::Bytes,
        change::{Change, UserRef},
    },
    domain::{
        id::{ActionId, ChallengeId, CodeId, CredentialId, PermissionId, UserId},
        operation::Operation,
        text::EmailAddress,
        time::Timestamp,
    },
    refusal::Code,
};
use axum::http::Method;
use serde_json::{Value, json};
use std::{fmt::Write, fs, path::Path, time::Duration};

/// Who a browser must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Anyone.
    Stranger,
    /// Someone who typed a code and isn't finished.
    Registering,
    /// Someone who lost every passkey and typed the code for a recovery.
    Recovering,
    /// A device on which a code from another one was typed.
    Adding,
    /// Someone with a session; what they may do is in the table of operations.
    SignedIn,
}

/// Every endpoint below `/rpc`. A new one doesn't pass before it is in here.
pub const FUNCTIONS: [(&str, Who); 51] = [
    ("about", Who::Stranger),
    ("local_mails", Who::Stranger),
    ("create_organization", Who::Stranger),
    ("send_new_code", Who::Stranger),
    ("code_state", Who::Stranger),
    ("activate", Who::Stranger),
    ("registration", Who::Registering),
    ("start_passkey", Who::Registering),
    ("keep_passkey", Who::Registering),
    ("finish_registration", Who::Registering),
    ("start_recovery", Who::Stranger),
    ("type_recovery_code", Who::Stranger),
    ("recovery", Who::Recovering),
    ("prove_recovery_kit", Who::Recovering),
    ("start_recovery_passkey", Who::Recovering),
    ("prepare_recovery", Who::Recovering),
    ("commit_recovery", Who::Recovering),
    ("start_sign_in", Who::Stranger),
    ("finish_sign_in", Who::Stranger),
    ("sign_out", Who::Stranger),
    ("sign_out_everywhere", Who::SignedIn),
    ("viewer", Who::SignedIn),
    ("account", Who::SignedIn),
    ("start_kit_test", Who::SignedIn),
    ("finish_kit_test", Who::SignedIn),
    ("start_new_passkey", Who::SignedIn),
    ("kit_identity", Who::SignedIn),
    ("start_new_kit", Who::SignedIn),
    ("offer_passkey", Who::SignedIn),
    ("offered_passkey", Who::SignedIn),
    ("type_device_code", Who::Stranger),
    ("addition", Who::Adding),
    ("start_offered_passkey", Who::Adding),
    ("present_passkey", Who::Adding),
    ("sessions", Who::SignedIn),
    ("end_session", Who::SignedIn),
    ("end_other_sessions", Who::SignedIn),
    ("prepare_change", Who::SignedIn),
    ("commit_change", Who::SignedIn),
    ("users", Who::SignedIn),
    ("user", Who::SignedIn),
    ("permissions", Who::SignedIn),
    ("permission", Who::SignedIn),
    ("service_accounts", Who::SignedIn),
    ("service_account", Who::SignedIn),
    ("service_account_choice", Who::SignedIn),
    ("access_tokens", Who::SignedIn),
    ("access_token", Who::SignedIn),
    ("access_token_choice", Who::SignedIn),
    ("history", Who::SignedIn),
    ("history_entry", Who::SignedIn),
];

on_both_databases!(only_those_who_may_are_let_in, what_an_operation_lets_someone_do);

/// What stands in `#[server(…)]` of `app/src/rpc`.
fn declared() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../app/src/rpc");
    let sources = fs::read_dir(folder).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let mut endpoints = Vec::new();
    for source in sources {
        for attribute in source.lines().filter(|line| line.trim_start().starts_with("#[server")) {
            assert!(attribute.contains("prefix = \"/rpc\""), "{attribute}: every server function is below /rpc");
            let endpoint =
                attribute.split("endpoint = \"").nth(1).unwrap_or_else(|| panic!("{attribute}: an endpoint has a name of its own"));
            endpoints.push(endpoint.split('"').next().unwrap().to_owned());
        }
    }
    endpoints.sort();
    endpoints
}

#[test]
fn every_server_function_is_in_the_table() {
    let mut listed: Vec<&str> = FUNCTIONS.iter().map(|(name, _)| *name).collect();
    listed.sort_unstable();
    assert_eq!(declared(), listed);
}

/// Something that the function can read, but that is wrong in itself.
async fn ask(browser: &Browser, function: &str) -> Answer {
    let nobody = json!({ "public_key": "", "salt": "", "signature": "" });
    let change = create_user("nobody@example.org");
    let arguments: Option<Value> = match function {
        "prepare_change" => Some(json!({ "change": change })),
        "commit_change" => Some(json!({ "action": ActionId::from_bytes([7; 16]), "response": {} })),
        "start_passkey"
        | "start_sign_in"
        | "start_kit_test"
        | "start_new_passkey"
        | "start_new_kit"
        | "start_recovery_passkey"
        | "offer_passkey"
        | "start_offered_passkey" => Some(json!({})),
        "offered_passkey" => Some(json!({ "id": CodeId::from_bytes([7; 16]) })),
        "present_passkey" => Some(json!({ "passkey": no_passkey() })),
        "prove_recovery_kit" => Some(json!({ "signature": "" })),
        "prepare_recovery" => {
            Some(json!({ "change": { "remove_passkey": { "id": CredentialId::from_bytes([7; 16]), "name": "Passkey" } } }))
        }
        "commit_recovery" => Some(json!({ "action": ActionId::from_bytes([7; 16]), "signature": "" })),
        "finish_kit_test" => Some(json!({ "id": ChallengeId::from_bytes([7; 16]), "signature": "" })),
        "keep_passkey" => Some(json!({ "response": {} })),
        "finish_registration" => Some(json!({ "recovery_key": nobody })),
        "finish_sign_in" => Some(json!({ "challenge": ChallengeId::from_bytes([7; 16]), "response": {} })),
        _ => None,
    };
    if let Some(arguments) = arguments {
        return browser.call_json(function, &arguments).await;
    }
    let user = UserId::from_bytes([7; 16]).to_string();
    let permission = PermissionId::from_bytes([7; 16]).to_string();
    let id = if function == "permission" { permission } else { user };
    let fields =
        [("email", ""), ("name", ""), ("organization", ""), ("code", ""), ("search", ""), ("status", ""), ("after", ""), ("index", "0")];
    browser.call(function, &[fields.as_slice(), &[("id", &id)]].concat()).await
}

async fn only_those_who_may_are_let_in(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut table = format!("{:<20}stranger  registering  recovering  adding  signed in\n", "");
    for (function, who) in FUNCTIONS {
        let stranger = app.browser();
        let registering = app.registering("bob@example.org").await.browser;
        let adding = app.adding_elsewhere(&app.admin(&format!("dora.{function}@example.org")).await).await.0;
        let recovering = app.recovering(&app.admin(&format!("cleo.{function}@example.org")).await).await;
        let signed_in = app.admin("ada@example.org").await.browser;
        let mut row = String::new();
        for (browser, is, width) in [
            (&stranger, Who::Stranger, 6),
            (&registering, Who::Registering, 13),
            (&recovering, Who::Recovering, 12),
            (&adding, Who::Adding, 11),
            (&signed_in, Who::SignedIn, 9),
        ] {
            let answer = ask(browser, function).await;
            let is_let_in = answer.status != 401 || answer.refusal().code == Code::UnknownPasskey;
            assert_eq!(is_let_in, who == Who::Stranger || who == is, "{function} for {is:?}: {} {}", answer.status, answer.text());
            write!(row, "{:>width$}", if is_let_in { '✔' } else { '✘' }).unwrap();
        }
        writeln!(table, "{function:<22}{row}").unwrap();
    }
    insta::allow_duplicates! {
        insta::assert_snapshot!(table, @"
                            stranger  registering  recovering  adding  signed in
        about                      ✔            ✔           ✔          ✔        ✔
        local_mails                ✔            ✔           ✔          ✔        ✔
        create_organization        ✔            ✔           ✔          ✔        ✔
        send_new_code              ✔            ✔           ✔          ✔        ✔
        code_state                 ✔            ✔           ✔          ✔        ✔
        activate                   ✔            ✔           ✔          ✔        ✔
        registration               ✘            ✔           ✘          ✘        ✘
        start_passkey              ✘            ✔           ✘          ✘        ✘
        keep_passkey               ✘            ✔           ✘          ✘        ✘
        finish_registration        ✘            ✔           ✘          ✘        ✘
        start_recovery             ✔            ✔           ✔          ✔        ✔
        type_recovery_code         ✔            ✔           ✔          ✔        ✔
        recovery                   ✘            ✘           ✔          ✘        ✘
        prove_recovery_kit         ✘            ✘           ✔          ✘        ✘
        start_recovery_passkey     ✘            ✘           ✔          ✘        ✘
        prepare_recovery           ✘            ✘           ✔          ✘        ✘
        commit_recovery            ✘            ✘           ✔          ✘        ✘
        start_sign_in              ✔            ✔           ✔          ✔        ✔
        finish_sign_in             ✔            ✔           ✔          ✔        ✔
        sign_out                   ✔            ✔           ✔          ✔        ✔
        sign_out_everywhere        ✘            ✘           ✘          ✘        ✔
        viewer                     ✘            ✘           ✘          ✘        ✔
        account                    ✘            ✘           ✘          ✘        ✔
        start_kit_test             ✘            ✘           ✘          ✘        ✔
        finish_kit_test            ✘            ✘           ✘          ✘        ✔
        start_new_passkey          ✘            ✘           ✘          ✘        ✔
        kit_identity               ✘            ✘           ✘          ✘        ✔
        start_new_kit              ✘            ✘           ✘          ✘        ✔
        offer_passkey              ✘            ✘           ✘          ✘        ✔
        offered_passkey            ✘            ✘           ✘          ✘        ✔
        type_device_code           ✔            ✔           ✔          ✔        ✔
        addition                   ✘            ✘           ✘          ✔        ✘
        start_offered_passkey      ✘            ✘           ✘          ✔        ✘
        present_passkey            ✘            ✘           ✘          ✔        ✘
        sessions                   ✘            ✘           ✘          ✘        ✔
        end_session                ✘            ✘           ✘          ✘        ✔
        end_other_sessions         ✘            ✘           ✘          ✘        ✔
        prepare_change             ✘            ✘           ✘          ✘        ✔
        commit_change              ✘            ✘           ✘          ✘        ✔
        users                      ✘            ✘           ✘          ✘        ✔
        user                       ✘            ✘           ✘          ✘        ✔
        permissions                ✘            ✘           ✘          ✘        ✔
        permission                 ✘            ✘           ✘          ✘        ✔
        service_accounts           ✘            ✘           ✘          ✘        ✔
        service_account            ✘            ✘           ✘          ✘        ✔
        service_account_choice     ✘            ✘           ✘          ✘        ✔
        access_tokens              ✘            ✘           ✘          ✘        ✔
        access_token               ✘            ✘           ✘          ✘        ✔
        access_token_choice        ✘            ✘           ✘          ✘        ✔
        history                    ✘            ✘           ✘          ✘        ✔
        history_entry              ✘            ✘           ✘          ✘        ✔
        ");
    }
}

/// Where the table stands that reviewers read. `COUNTERSIGN_BLESS=1` writes it anew.
const TABLE: &str = "tests/all/authorization.txt";

/// What someone may try, as a row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
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
    UpdateServiceAccount,
    DeactivateServiceAccount,
    ActivateServiceAccount,
    DeleteServiceAccount,
    CreateAccessToken,
    KeepSignIn,
    RegisterEndUser,
    LogInEndUser,
    RecoverEndUser,
    AddPasskey,
    RenamePasskey,
    RemovePasskey,
    ReplaceRecoveryKey,
    AddKey,
    SetRecoveryKey,
    DeactivateCredential,
    ActivateCredential,
    AllowCredential,
    Recover,
    ReadUsers,
    ReadUser,
    ReadPermissions,
    ReadPermission,
    ReadServiceAccounts,
    ReadServiceAccount,
    ChooseServiceAccount,
    ChooseAccessToken,
    ReadHistory,
    ReadHistoryEntry,
    ExportHistory,
}

impl Deed {
    const ALL: [Self; 45] = [
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
        Self::UpdateServiceAccount,
        Self::DeactivateServiceAccount,
        Self::ActivateServiceAccount,
        Self::DeleteServiceAccount,
        Self::CreateAccessToken,
        Self::KeepSignIn,
        Self::RegisterEndUser,
        Self::LogInEndUser,
        Self::RecoverEndUser,
        Self::AddPasskey,
        Self::RenamePasskey,
        Self::RemovePasskey,
        Self::ReplaceRecoveryKey,
        Self::AddKey,
        Self::SetRecoveryKey,
        Self::DeactivateCredential,
        Self::ActivateCredential,
        Self::AllowCredential,
        Self::Recover,
        Self::ReadUsers,
        Self::ReadUser,
        Self::ReadPermissions,
        Self::ReadPermission,
        Self::ReadServiceAccounts,
        Self::ReadServiceAccount,
        Self::ChooseServiceAccount,
        Self::ChooseAccessToken,
        Self::ReadHistory,
        Self::ReadHistoryEntry,
        Self::ExportHistory,
    ];

    /// The row of a change. A new variant of [`Change`] doesn't compile before it has one.
    fn of(change: &Change) -> Self {
        match change {
            Change::CreateUser { .. } => Self::CreateUser,
            Change::ResendInvitation { .. } => Self::ResendInvitation,
            Change::ShareInvitation { .. } => Self::ShareInvitation,
            Change::RevokeInvitation { .. } => Self::RevokeInvitation,
            Change::ReEnrolUser { .. } => Self::ReEnrolUser,
            Change::DeactivateUser { user } if user.handle.email().is_none() => Self::DeactivateServiceAccount,
            Change::ActivateUser { user } if user.handle.email().is_none() => Self::ActivateServiceAccount,
            Change::DeleteUser { user } if user.handle.email().is_none() => Self::DeleteServiceAccount,
            Change::DeactivateUser { .. } => Self::DeactivateUser,
            Change::ActivateUser { .. } => Self::ActivateUser,
            Change::DeleteUser { .. } => Self::DeleteUser,
            Change::CreateServiceAccount(_) => Self::CreateServiceAccount,
            Change::UpdateProgram { .. } => Self::UpdateServiceAccount,
            Change::CreateAccessToken(_) => Self::CreateAccessToken,
            Change::KeepSignIn { .. } => Self::KeepSignIn,
            Change::RegisterEndUser { .. } => Self::RegisterEndUser,
            Change::LogInEndUser { .. } => Self::LogInEndUser,
            Change::RecoverEndUser { .. } => Self::RecoverEndUser,
            Change::CreatePermission { .. } => Self::CreatePermission,
            Change::UpdatePermission { .. } => Self::UpdatePermission,
            Change::ArchivePermission { .. } => Self::ArchivePermission,
            Change::RestorePermission { .. } => Self::RestorePermission,
            Change::AssignPermission { .. } => Self::AssignPermission,
            Change::RevokeAssignment { .. } => Self::RevokeAssignment,
            Change::OwnAccount(AccountChange::AddPasskey { .. }) => Self::AddPasskey,
            Change::OwnAccount(AccountChange::RenamePasskey { .. }) => Self::RenamePasskey,
            Change::OwnAccount(AccountChange::RemovePasskey { .. }) => Self::RemovePasskey,
            Change::OwnAccount(AccountChange::ReplaceRecoveryKey { .. }) => Self::ReplaceRecoveryKey,
            Change::OwnAccount(AccountChange::AddKey { .. }) => Self::AddKey,
            Change::OwnAccount(AccountChange::SetRecoveryKey { .. }) => Self::SetRecoveryKey,
            Change::OwnAccount(AccountChange::DeactivateCredential { .. }) => Self::DeactivateCredential,
            Change::OwnAccount(AccountChange::ActivateCredential { .. }) => Self::ActivateCredential,
            Change::OwnAccount(AccountChange::AllowCredential { .. }) => Self::AllowCredential,
            Change::OwnAccount(AccountChange::Recover { .. }) => Self::Recover,
        }
    }
}

/// An organization in which everything can be tried, and whoever may set it up anew.
struct Office {
    app: TestApp,
    admin: Person,
    number: u32,
}

impl Office {
    async fn open(database: &TestDatabase) -> Self {
        let app = TestApp::init(database).await;
        let admin = app.admin("ada@example.org").await;
        Self { app, admin, number: 0 }
    }

    fn address(&mut self) -> String {
        self.number += 1;
        format!("user{}@example.org", self.number)
    }

    async fn invited(&mut self) -> UserRef {
        let email = self.address();
        self.admin.invite(&email).await
    }

    /// A customer who has registered.
    async fn customer(&mut self) -> UserRef {
        let email = self.address();
        let user = self.admin.customer(&email).await;
        self.app.register(self.admin.organization, &user).await;
        user
    }

    async fn service_account(&mut self) -> UserRef {
        let name = self.address();
        self.admin.service_account(&name).await
    }

    async fn active(&mut self) -> UserRef {
        let email = self.address();
        self.app.colleague(&mut self.admin, &email, &[]).await.1
    }

    /// A change of this row that nothing but the actor's operations stands in the way of.
    async fn change(&mut self, deed: Deed, person: &mut Person, operation: Operation) -> Option<Change> {
        let change = match deed {
            Deed::CreateUser => create_user(&self.address()),
            Deed::ResendInvitation => Change::ResendInvitation { user: self.invited().await },
            Deed::ShareInvitation => Change::ShareInvitation { user: self.invited().await },
            Deed::RevokeInvitation => Change::RevokeInvitation { user: self.invited().await },
            Deed::ReEnrolUser => Change::ReEnrolUser { user: self.active().await },
            Deed::DeactivateUser => Change::DeactivateUser { user: self.invited().await },
            Deed::ActivateUser => {
                let user = self.invited().await;
                self.admin.sign(&Change::DeactivateUser { user: user.clone() }).await;
                Change::ActivateUser { user }
            }
            Deed::DeleteUser => Change::DeleteUser { user: self.invited().await },
            // Of operations that the actor holds, so that nothing else is in the way.
            Deed::CreatePermission => create_permission(&format!("Permission {}", self.address()), &[operation]),
            Deed::UpdatePermission => {
                let name = format!("Permission {}", self.address());
                let permission = self.admin.define(&name, &[operation]).await;
                update(&permission, terms(&format!("{name} again"), &[operation]))
            }
            Deed::ArchivePermission => {
                let name = format!("Permission {}", self.address());
                Change::ArchivePermission { permission: self.admin.define(&name, &[operation]).await.permission }
            }
            Deed::RestorePermission => {
                let name = format!("Permission {}", self.address());
                let permission = self.admin.define(&name, &[operation]).await.permission;
                self.admin.sign(&Change::ArchivePermission { permission }).await;
                Change::RestorePermission { permission: self.admin.permission(&name).await.permission }
            }
            Deed::AssignPermission => {
                let user = self.active().await;
                assign(&self.admin.permission("End user").await, &user)
            }
            Deed::RevokeAssignment => {
                let user = self.active().await;
                let end_user = self.admin.permission("End user").await;
                self.admin.give(&end_user, &user).await;
                self.admin.revocation("End user", &user).await
            }
            Deed::CreateServiceAccount => Change::CreateServiceAccount(new_program(&self.address())),
            Deed::UpdateServiceAccount => {
                let name = self.address();
                let user = self.admin.service_account(&name).await;
                Change::UpdateProgram { user, before: program_terms(&name), after: program_terms(&format!("{name} again")) }
            }
            Deed::DeactivateServiceAccount => Change::DeactivateUser { user: self.service_account().await },
            Deed::ActivateServiceAccount => {
                let user = self.service_account().await;
                self.admin.sign(&Change::DeactivateUser { user: user.clone() }).await;
                Change::ActivateUser { user }
            }
            Deed::DeleteServiceAccount => Change::DeleteUser { user: self.service_account().await },
            Deed::CreateAccessToken => Change::CreateAccessToken(new_program(&self.address())),
            Deed::KeepSignIn => Change::KeepSignIn { user: self.active().await },
            Deed::RegisterEndUser => Change::RegisterEndUser { email: EmailAddress::parse(&self.address()).unwrap(), external_id: None },
            Deed::LogInEndUser => Change::LogInEndUser { user: self.customer().await },
            Deed::RecoverEndUser => Change::RecoverEndUser { user: self.customer().await },
            Deed::AddPasskey
            | Deed::RenamePasskey
            | Deed::RemovePasskey
            | Deed::ReplaceRecoveryKey
            | Deed::Recover
            | Deed::AddKey
            | Deed::SetRecoveryKey
            | Deed::DeactivateCredential
            | Deed::ActivateCredential
            | Deed::AllowCredential => own(deed, person, self.app.services.ambient.now()).await,
            Deed::ReadUsers
            | Deed::ReadUser
            | Deed::ReadPermissions
            | Deed::ReadPermission
            | Deed::ReadServiceAccounts
            | Deed::ReadServiceAccount
            | Deed::ChooseServiceAccount
            | Deed::ChooseAccessToken
            | Deed::ReadHistory
            | Deed::ReadHistoryEntry
            | Deed::ExportHistory => return None,
        };
        assert_eq!(Deed::of(&change), deed);
        Some(change)
    }
}

/// A change of someone's own account; of nothing, for those who aren't let in.
async fn own(deed: Deed, person: &mut Person, now: Timestamp) -> Change {
    let id = CredentialId::from_bytes([7; 16]);
    let is_in = person.browser.viewer().await.verdict() == DONE;
    let mut device = Device::security_key(&person.device.origin);
    match deed {
        Deed::AddPasskey if is_in => person.adding("Spare", &mut device).await,
        Deed::AddPasskey => Change::OwnAccount(AccountChange::AddPasskey { name: passkey_name("Spare"), passkey: no_passkey() }),
        Deed::Recover => Change::OwnAccount(AccountChange::Recover {
            name: passkey_name("Spare"),
            passkey: no_passkey(),
            recovery_key: RecoveryKit::new().new_key(&Bytes(vec![7; 32])),
        }),
        Deed::RenamePasskey if is_in => renaming(person.passkeys().await[0], "Passkey", "First"),
        Deed::RenamePasskey => renaming(id, "Passkey", "First"),
        Deed::RemovePasskey if is_in => removing(person.add_passkey("Third", &mut device).await, "Third"),
        Deed::RemovePasskey => removing(id, "Third"),
        Deed::AddKey => person.adding_key("Robot", is_in).await,
        Deed::SetRecoveryKey => person.setting_recovery_key("Safe", is_in).await,
        Deed::DeactivateCredential if is_in => {
            let id = person.add_passkey("Fourth", &mut device).await;
            Change::OwnAccount(AccountChange::DeactivateCredential { id, name: passkey_name("Fourth") })
        }
        Deed::DeactivateCredential => Change::OwnAccount(AccountChange::DeactivateCredential { id, name: passkey_name("Fourth") }),
        Deed::ActivateCredential if is_in => {
            let (id, name) = (person.add_passkey("Fifth", &mut device).await, passkey_name("Fifth"));
            person.sign(&Change::OwnAccount(AccountChange::DeactivateCredential { id, name: name.clone() })).await;
            Change::OwnAccount(AccountChange::ActivateCredential { id, name })
        }
        Deed::ActivateCredential => Change::OwnAccount(AccountChange::ActivateCredential { id, name: passkey_name("Fifth") }),
        Deed::AllowCredential => Change::OwnAccount(AccountChange::AllowCredential { until: now.plus(Duration::from_mins(5)) }),
        _ if is_in => person.replacing_kit().await.0,
        _ => Change::OwnAccount(AccountChange::ReplaceRecoveryKey {
            challenge: Bytes(vec![7; 32]),
            recovery_key: RecoveryKit::new().new_key(&Bytes(vec![7; 32])),
        }),
    }
}

fn no_passkey() -> NewPasskey {
    let bytes = || Bytes(vec![7; 32]);
    NewPasskey { challenge: bytes(), credential_id: bytes(), client_data: bytes(), attestation_object: bytes(), transports: Vec::new() }
}

async fn read(browser: &Browser, deed: Deed, user: &UserRef, robot: &str, permission: &str) -> Verdict {
    match deed {
        Deed::ReadUsers => browser.call("users", &[("search", ""), ("status", ""), ("after", "")]).await.verdict(),
        Deed::ReadUser => browser.call("user", &[("id", &user.id.to_string())]).await.verdict(),
        Deed::ReadPermissions => browser.call("permissions", &[("after", "")]).await.verdict(),
        Deed::ReadPermission => browser.call("permission", &[("id", permission), ("after", "")]).await.verdict(),
        Deed::ReadServiceAccounts => browser.call("service_accounts", &[("after", "")]).await.verdict(),
        Deed::ReadServiceAccount => browser.call("service_account", &[("id", robot)]).await.verdict(),
        Deed::ChooseServiceAccount => browser.call("service_account_choice", &[]).await.verdict(),
        Deed::ChooseAccessToken => browser.call("access_token_choice", &[]).await.verdict(),
        Deed::ReadHistory => browser.call("history", &[]).await.verdict(),
        Deed::ReadHistoryEntry => browser.call("history_entry", &[("index", "0")]).await.verdict(),
        Deed::ExportHistory => browser.open(Method::GET, "/org/history/export").await.verdict(),
        other => unreachable!("{other:?} is a change"),
    }
}

/// The operation that a row needs, as SIGNING.md and PRODUCT.md have it; written here once more, on purpose.
const fn needed(deed: Deed) -> Option<Operation> {
    Some(match deed {
        // Everyone's own account is theirs.
        Deed::AddPasskey
        | Deed::RenamePasskey
        | Deed::RemovePasskey
        | Deed::ReplaceRecoveryKey
        | Deed::Recover
        | Deed::AddKey
        | Deed::SetRecoveryKey
        | Deed::DeactivateCredential
        | Deed::ActivateCredential
        | Deed::AllowCredential => return None,
        Deed::CreateUser | Deed::ResendInvitation | Deed::ShareInvitation | Deed::RevokeInvitation | Deed::ReEnrolUser => {
            Operation::UsersCreate
        }
        Deed::DeactivateUser => Operation::UsersDeactivate,
        Deed::ActivateUser => Operation::UsersActivate,
        Deed::DeleteUser => Operation::UsersDelete,
        Deed::CreateServiceAccount | Deed::ChooseServiceAccount => Operation::ServiceAccountsCreate,
        Deed::UpdateServiceAccount => Operation::ServiceAccountsUpdate,
        Deed::DeactivateServiceAccount => Operation::ServiceAccountsDeactivate,
        Deed::ActivateServiceAccount => Operation::ServiceAccountsActivate,
        Deed::DeleteServiceAccount => Operation::ServiceAccountsDelete,
        Deed::CreateAccessToken | Deed::ChooseAccessToken => Operation::TokensCreate,
        Deed::KeepSignIn => Operation::UsersUpdate,
        Deed::RegisterEndUser => Operation::RegisterDelegated,
        Deed::LogInEndUser => Operation::LoginDelegated,
        Deed::RecoverEndUser => Operation::RecoverDelegated,
        Deed::CreatePermission => Operation::PermissionsCreate,
        Deed::UpdatePermission => Operation::PermissionsUpdate,
        Deed::ArchivePermission | Deed::RestorePermission => Operation::PermissionsArchive,
        Deed::AssignPermission => Operation::PermissionsAssign,
        Deed::RevokeAssignment => Operation::PermissionsRevoke,
        Deed::ReadUsers | Deed::ReadUser => Operation::UsersRead,
        Deed::ReadPermissions | Deed::ReadPermission => Operation::PermissionsRead,
        Deed::ReadServiceAccounts | Deed::ReadServiceAccount => Operation::ServiceAccountsRead,
        Deed::ReadHistory | Deed::ReadHistoryEntry | Deed::ExportHistory => Operation::HistoryRead,
    })
}

/// Every row for every kind of holder: nobody's permission, each managed one, a permission with just one operation (each of
/// them), someone deactivated, and the admin of another organization.
async fn what_an_operation_lets_someone_do(database: &TestDatabase) {
    let mut office = Office::open(database).await;
    let mut holders: Vec<(String, Person, Option<Operation>)> = Vec::new();
    let (nobody, subject) = office.app.colleague(&mut office.admin, "none@example.org", &[]).await;
    holders.push(("no permission".to_owned(), nobody, None));
    for name in ["End user", "Full admin"] {
        let permission = office.admin.permission(name).await;
        let email = format!("{}@example.org", name.replace(' ', "").to_lowercase());
        let (person, _) = office.app.colleague(&mut office.admin, &email, &[&permission]).await;
        holders.push((name.to_owned(), person, None));
    }
    let offered: Vec<Operation> = Operation::ALL.iter().copied().filter(|operation| operation.is_offered()).collect();
    for (number, operation) in offered.iter().enumerate() {
        let permission = office.admin.define(&format!("Only {operation}"), &[*operation]).await;
        let (person, _) = office.app.colleague(&mut office.admin, &format!("only{number}@example.org"), &[&permission]).await;
        holders.push((format!("only {operation}"), person, Some(*operation)));
    }
    let full_admin = office.admin.permission("Full admin").await;
    let (deactivated, user) = office.app.colleague(&mut office.admin, "gone@example.org", &[&full_admin]).await;
    office.admin.sign(&Change::DeactivateUser { user }).await;
    holders.push(("deactivated full admin".to_owned(), deactivated, None));
    holders.push(("full admin elsewhere".to_owned(), office.app.admin("eve@example.org").await, None));
    let permission = full_admin.permission.id.to_string();
    let robot = office.service_account().await.id.to_string();

    let mut rows: Vec<(Deed, Vec<bool>)> = Vec::new();
    for deed in Deed::ALL {
        let mut row = Vec::new();
        for (who, person, only) in &mut holders {
            // What was refused is there for the next one; what was done needs another one.
            let verdict = match office.change(deed, person, only.unwrap_or(Operation::UsersRead)).await {
                Some(change) => person.verdict_on(&change).await,
                None => read(&person.browser, deed, &subject, &robot, &permission).await,
            };
            let is_elsewhere = who == "full admin elsewhere";
            let expected = match (who.as_str(), *only) {
                ("deactivated full admin", _) => refused(Code::SignedOut),
                // With a recovery kit, and with nothing else.
                _ if deed == Deed::Recover => refused(Code::Conflict),
                ("Full admin", _) => DONE,
                _ if needed(deed).is_none() => DONE,
                ("full admin elsewhere", _)
                    if matches!(
                        deed,
                        Deed::CreateUser
                            | Deed::CreateServiceAccount
                            | Deed::CreateAccessToken
                            | Deed::RegisterEndUser
                            | Deed::CreatePermission
                            | Deed::ReadUsers
                            | Deed::ReadPermissions
                            | Deed::ReadServiceAccounts
                            | Deed::ChooseServiceAccount
                            | Deed::ChooseAccessToken
                            | Deed::ReadHistory
                            | Deed::ReadHistoryEntry
                            | Deed::ExportHistory
                    ) =>
                {
                    DONE
                }
                ("full admin elsewhere", _) => refused(Code::NotFound),
                (_, Some(only)) if Some(only) == needed(deed) => DONE,
                _ => refused(Code::NotPermitted),
            };
            assert_eq!(verdict, expected, "{deed:?} by {who}");
            // In one's own organization one may; that nothing of this one is touched or told is for the story of tenants.
            row.push(verdict == DONE && !is_elsewhere);
        }
        rows.push((deed, row));
    }
    office.app.verify(office.admin.organization).await;
    let names: Vec<&str> = holders.iter().map(|(name, ..)| name.as_str()).collect();
    assert_committed(TABLE, &print(&names, &rows));
}

fn print(holders: &[&str], rows: &[(Deed, Vec<bool>)]) -> String {
    let mut table = String::from("Who may do what in an organization. Columns:\n\n");
    for (number, name) in holders.iter().enumerate() {
        writeln!(table, "  {:>2}  {name}", number + 1).unwrap();
    }
    write!(table, "\n{:<26}", "").unwrap();
    for number in 1..=holders.len() {
        write!(table, "{number:>3}").unwrap();
    }
    table.push('\n');
    for (deed, row) in rows {
        write!(table, "{:<26}", format!("{deed:?}")).unwrap();
        for may in row {
            write!(table, "{:>3}", if *may { '✔' } else { '✘' }).unwrap();
        }
        table.push('\n');
    }
    table
}

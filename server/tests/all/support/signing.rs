//! The road of a change, as people in stories go it: prepare, sign with their device, commit. And the state of an
//! organization in the database, as a replay of its history must give it.

use super::{
    answer::{Answer, DONE, Verdict},
    app::TestApp,
    device::{Device, RecoveryKit, base64url},
    key::KeyPair,
    person::{Person, code_in},
};
use app::{
    action::{
        change::{Change, NewProgram, PermissionRef, PermissionTerms, ProgramTerms, UserRef},
        document,
        history::{replay::Replay, state::State},
    },
    domain::{
        credential::CredentialKind,
        handle::Handle,
        id::{CredentialId, OrganizationId, UserId},
        operation::{Operation, Operations},
        text::{EmailAddress, PermissionName, ProgramName, PublicKeyPem},
        time::Timestamp,
        user::UserKind,
    },
    rpc::{
        change::{Prepared, Receipt},
        permissions::{PermissionList, PermissionRow},
        users::{UserDetails, UserList},
    },
};
use serde_json::{Value, json};
use server::{
    action::{Actor, Grounds, NewCredentials, NewSigner},
    client::Client,
    log::Lines,
    storage::{self, credentials, history, state},
};
use std::net::Ipv4Addr;

impl Person {
    /// Asks for the document of a change.
    pub async fn prepare(&self, change: &Change) -> Answer {
        self.browser.call_json("prepare_change", &json!({ "change": change })).await
    }

    pub async fn prepared(&self, change: &Change) -> Prepared {
        self.prepare(change).await.done()
    }

    /// Signs with their own device what they were handed: the challenge is computed here.
    pub fn signature(&mut self, prepared: &Prepared) -> Value {
        self.device.get(&options(prepared))
    }

    /// Hands in a signature.
    pub async fn commit(&self, prepared: &Prepared, response: &Value) -> Answer {
        self.browser.call_json("commit_change", &json!({ "action": prepared.action, "response": response })).await
    }

    /// The whole road.
    pub async fn try_to_sign(&mut self, change: &Change) -> Answer {
        let answer = self.prepare(change).await;
        if answer.verdict() != DONE {
            return answer;
        }
        let prepared: Prepared = answer.done();
        let response = self.signature(&prepared);
        self.commit(&prepared, &response).await
    }

    /// The whole road, to its end.
    pub async fn sign(&mut self, change: &Change) -> Receipt {
        self.try_to_sign(change).await.done()
    }

    pub async fn verdict_on(&mut self, change: &Change) -> Verdict {
        self.try_to_sign(change).await.verdict()
    }

    /// Creates a user, who is invited by mail.
    pub async fn invite(&mut self, email: &str) -> UserRef {
        let receipt = self.sign(&create_user(email)).await;
        UserRef { id: receipt.created.expect("a user was created").parse().unwrap(), handle: EmailAddress::parse(email).unwrap().into() }
    }

    /// Creates a service account of this name.
    pub async fn service_account(&mut self, name: &str) -> UserRef {
        let receipt = self.sign(&Change::CreateServiceAccount(new_program(name))).await;
        let handle = Handle::ServiceAccount(ProgramName::parse(name).unwrap());
        UserRef { id: receipt.created.expect("a program was created").parse().unwrap(), handle }
    }

    /// Makes an access token of their own.
    pub async fn access_token(&mut self, name: &str) -> UserRef {
        let receipt = self.sign(&Change::CreateAccessToken(new_program(name))).await;
        let owner = self.viewer().await.email;
        let handle = Handle::AccessToken { name: ProgramName::parse(name).unwrap(), owner };
        UserRef { id: receipt.created.expect("a program was created").parse().unwrap(), handle }
    }

    /// Registers a customer, who has nothing yet.
    pub async fn customer(&mut self, email: &str) -> UserRef {
        let email = EmailAddress::parse(email).unwrap();
        let receipt = self.sign(&Change::RegisterEndUser { email: email.clone(), external_id: None }).await;
        UserRef { id: receipt.created.expect("a customer was registered").parse().unwrap(), handle: email.into() }
    }

    /// As documents name them.
    pub async fn as_user(&self) -> UserRef {
        let viewer = self.viewer().await;
        UserRef { id: viewer.user, handle: viewer.email.into() }
    }

    pub async fn user_details(&self, user: &UserRef) -> UserDetails {
        self.browser.call("user", &[("id", &user.id.to_string())]).await.done()
    }

    pub async fn users(&self) -> UserList {
        self.browser.call("users", &[("search", ""), ("status", ""), ("after", "")]).await.done()
    }

    /// The organization's permission of this name.
    pub async fn permission(&self, name: &str) -> PermissionRow {
        let mut after = String::new();
        loop {
            let list: PermissionList = self.browser.call("permissions", &[("after", &after)]).await.done();
            if let Some(row) = list.permissions.into_iter().find(|row| row.permission.name.as_str() == name) {
                return row;
            }
            after = list.next.unwrap_or_else(|| panic!("no permission {name}"));
        }
    }

    /// Defines a permission.
    pub async fn define(&mut self, name: &str, operations: &[Operation]) -> PermissionRow {
        self.sign(&create_permission(name, operations)).await;
        self.permission(name).await
    }

    /// Gives someone a permission.
    pub async fn give(&mut self, permission: &PermissionRow, user: &UserRef) -> Receipt {
        self.sign(&assign(permission, user)).await
    }

    /// What takes a permission away from someone who has it.
    pub async fn revocation(&self, name: &str, user: &UserRef) -> Change {
        let held = self.user_details(user).await.permissions.expect("the viewer may see assignments");
        let held = held.into_iter().find(|held| held.permission.name.as_str() == name).unwrap_or_else(|| panic!("{user:?} has no {name}"));
        Change::RevokeAssignment { id: held.assignment, permission: held.permission, user: user.clone() }
    }
}

impl TestApp {
    /// Someone who follows an invitation's newest mail until they are signed in.
    pub async fn accept(&self, email: &str, organization: OrganizationId) -> Person {
        let mut person = self.invited(email, organization).await;
        assert_eq!(person.activate().await.verdict(), DONE);
        assert_eq!(person.make_passkey().await, DONE);
        assert_eq!(person.finish().await.verdict(), DONE);
        person
    }

    /// Someone with an invitation in their mailbox.
    pub async fn invited(&self, email: &str, organization: OrganizationId) -> Person {
        let mails = self.mails_to(email).await;
        let mail = mails.iter().find(|mail| mail.text.contains(&organization.to_string())).expect("a mail names the organization");
        Person {
            browser: self.browser(),
            email: email.to_owned(),
            organization,
            code: code_in(&mail.text),
            device: Device::security_key(&self.origin()),
            kit: RecoveryKit::new(),
        }
    }

    /// Someone of this admin's organization, active and with these permissions.
    pub async fn colleague(&self, admin: &mut Person, email: &str, permissions: &[&PermissionRow]) -> (Person, UserRef) {
        let user = admin.invite(email).await;
        let person = self.accept(email, admin.organization).await;
        for permission in permissions {
            admin.give(permission, &user).await;
        }
        (person, user)
    }

    /// A customer registers, with a key.
    pub async fn register(&self, organization: OrganizationId, customer: &UserRef) {
        let road = &self.services.road;
        let whom = Actor { organization, user: customer.id };
        let request = road.ask_for_credential(whom, Grounds::Invitation { registration: None }).await.unwrap();
        let signer = NewSigner::Key(KeyPair::ed25519().new_key(&request.challenge));
        let new = NewCredentials { signer: Some((signer, None)), recovery_key: None };
        let client = Client { address: Ipv4Addr::LOCALHOST.into(), user_agent: String::new(), lines: Lines::of_this_request() };
        road.enrol(request.id, new, None, &client).await.unwrap();
    }

    /// What a user signs with, oldest first: our ids, and what they call it.
    pub async fn credentials(&self, organization: OrganizationId, user: UserId) -> Vec<(CredentialId, String)> {
        let all = credentials::list(&mut *self.connection().await, organization, user).await.unwrap();
        let signs = all.into_iter().filter(|credential| credential.kind != CredentialKind::RecoveryKey);
        signs.map(|credential| (credential.id, credential.name)).collect()
    }

    /// Appends these lines to a history, past the road of a change: only reading is looked at.
    pub async fn lengthen(&self, organization: OrganizationId, lines: impl IntoIterator<Item = String>) {
        let mut transaction = self.services.storage.begin().await.unwrap();
        for line in lines {
            let head = history::claim_head(&mut transaction, organization).await.unwrap().unwrap();
            let entry = history::NewEntry {
                organization,
                line: &line,
                action: None,
                credential: Some(CredentialId::from_bytes([7; 16])),
                actor: Some(UserId::from_bytes([7; 16])),
                subject: None,
                registers: &[],
            };
            history::append(&mut transaction, head, entry).await.unwrap();
        }
        storage::commit(transaction).await.unwrap();
    }

    /// The lines of an organization's history and the checkpoint over them, as an export has them.
    pub async fn export(&self, organization: OrganizationId) -> (Vec<String>, String) {
        let mut export = self.services.road.export(organization, 0).await.unwrap().expect("there is such an organization");
        let mut lines: Vec<String> = Vec::new();
        while let Some(chunk) = export.next().await.unwrap() {
            lines.extend(chunk.lines().map(str::to_owned));
        }
        let last: Value = serde_json::from_str(&lines.pop().expect("the checkpoint")).unwrap();
        (lines, last["checkpoint"].as_str().unwrap().to_owned())
    }

    /// Verifies an organization's history, and that its replay gives the state that the database holds.
    pub async fn verify(&self, organization: OrganizationId) {
        let (lines, checkpoint) = self.export(organization).await;
        let mut replay = Replay::default();
        for (index, line) in lines.iter().enumerate() {
            let signatures = replay.entry(line).unwrap_or_else(|error| panic!("entry {index}: {error}: {line}"));
            assert!(signatures.iter().all(|signature| signature.verify().is_ok()), "entry {index}: {line}");
        }
        replay.finish(&checkpoint).unwrap();
        assert_eq!(replay.state(), Some(&self.state(organization).await));
    }

    /// An organization as the database holds it.
    pub async fn state(&self, organization: OrganizationId) -> State {
        state::find(&mut *self.connection().await, organization).await.unwrap().expect("there is such an organization")
    }
}

/// What a browser asks an authenticator to sign a document with.
pub fn options(prepared: &Prepared) -> Value {
    json!({ "challenge": base64url(&document::challenge(&prepared.document.0)), "rpId": "localhost" })
}

/// A program of this name, with a key of its own.
pub fn new_program(name: &str) -> NewProgram {
    new_program_with(name, &KeyPair::ed25519())
}

/// A program of this name, with this key.
pub fn new_program_with(name: &str, key: &KeyPair) -> NewProgram {
    NewProgram {
        terms: program_terms(name),
        public_key: PublicKeyPem::parse(&key.pem()).unwrap(),
        until: Timestamp::from_millis(4_150_000_000_000),
        permission: None,
    }
}

pub fn program_terms(name: &str) -> ProgramTerms {
    ProgramTerms { name: ProgramName::parse(name).unwrap(), external_id: None }
}

pub fn create_user(email: &str) -> Change {
    Change::CreateUser { email: EmailAddress::parse(email).unwrap(), kind: UserKind::Employee, external_id: None }
}

pub fn create_permission(name: &str, operations: &[Operation]) -> Change {
    Change::CreatePermission { terms: terms(name, operations) }
}

pub fn terms(name: &str, operations: &[Operation]) -> PermissionTerms {
    PermissionTerms { name: PermissionName::parse(name).unwrap(), operations: operations.iter().copied().collect() }
}

pub fn assign(permission: &PermissionRow, user: &UserRef) -> Change {
    Change::AssignPermission { permission: permission.permission.clone(), operations: permission.operations.clone(), user: user.clone() }
}

/// What makes this permission say something else.
pub fn update(permission: &PermissionRow, after: PermissionTerms) -> Change {
    let PermissionRef { id, name, version } = permission.permission.clone();
    let Operations::These(operations) = permission.operations.clone() else { panic!("{name} has every operation") };
    Change::UpdatePermission { id, version, before: PermissionTerms { name, operations }, after }
}

//! Histories as an honest server writes them: people who found an organization, join it, and sign. Ids, nonces, keys and
//! times follow from a counter, so that a story is the same in every run. A test then spoils one thing.

use super::authenticator::{HAS_CREDENTIAL, Passkey, RecoveryKey, Says};
use app::{
    action::{
        bytes::Bytes,
        challenge::sha256,
        change::{Change, PermissionRef, PermissionTerms, UserRef},
        document::{self, Document},
        history::{
            checkpoint::{Checkpoint, CheckpointSigner},
            entry::{self, Credentials, Enrolment, Entry, Genesis, NewSigner, Registration, SignedAction, What},
            reader::created,
            replay::{FinishError, Replay, ReplayError},
            state::State,
            statement::{KeyChange, KeyStatement, key_change_message},
        },
    },
    domain::{
        id::{ActionId, AssignmentId, CredentialId, OrganizationId, PermissionId, UserId},
        operation::{Operation, Operations},
        text::{EmailAddress, OrganizationName, PermissionName},
        time::Timestamp,
        user::UserKind,
    },
};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use sha2::Sha256;
use std::time::Duration;

pub const ORIGIN: &str = "https://id.example.org";
pub const RP_ID: &str = "id.example.org";

/// Random bytes that aren't.
pub struct Chance(u64);

impl Chance {
    pub fn bytes(&mut self) -> [u8; 32] {
        self.0 += 1;
        sha256(&self.0.to_be_bytes())
    }

    pub fn id(&mut self) -> [u8; 16] {
        *self.bytes().first_chunk().unwrap()
    }
}

/// Someone with a passkey and a recovery kit.
pub struct Person {
    pub id: UserId,
    pub email: EmailAddress,
    pub passkey: Passkey,
    pub recovery_key: RecoveryKey,
}

impl Person {
    fn new(chance: &mut Chance, id: UserId, email: &str) -> Self {
        let passkey = Passkey::on_security_key(chance.bytes(), CredentialId::from_bytes(chance.id()));
        let recovery_key = RecoveryKey::new(chance.bytes(), CredentialId::from_bytes(chance.id()));
        Self { id, email: address(email), passkey, recovery_key }
    }

    /// As documents name them.
    pub fn named(&self) -> UserRef {
        UserRef { id: self.id, handle: self.email.clone().into() }
    }
}

/// An organization's history so far.
pub struct Story {
    pub chance: Chance,
    pub now: Timestamp,
    pub organization: OrganizationId,
    pub full_admin: PermissionId,
    pub end_user: PermissionId,
    /// By which the first admin has the first permission.
    pub first_assignment: AssignmentId,
    /// Of the server's key.
    pub checkpoint_seed: [u8; 32],
    pub lines: Vec<String>,
}

impl Story {
    /// Ada founds the organization.
    pub fn begin() -> (Self, Person) {
        Self::begin_from(0)
    }

    /// The same with other ids, nonces and keys.
    pub fn begin_from(counter: u64) -> (Self, Person) {
        let mut chance = Chance(counter);
        let ada = UserId::from_bytes(chance.id());
        let ada = Person::new(&mut chance, ada, "ada@example.org");
        let mut story = Self {
            now: Timestamp::from_millis(1_795_000_000_000),
            organization: OrganizationId::from_bytes(chance.id()),
            full_admin: PermissionId::from_bytes(chance.id()),
            end_user: PermissionId::from_bytes(chance.id()),
            first_assignment: AssignmentId::from_bytes(chance.id()),
            checkpoint_seed: chance.bytes(),
            lines: Vec::new(),
            chance,
        };
        let (credentials, ada) = story.credentials(ada, |_| ());
        story.append(What::Genesis(Box::new(Genesis {
            name: OrganizationName::parse("Analytical Engines").unwrap(),
            admin: ada.named(),
            full_admin: story.full_admin,
            end_user: story.end_user,
            assignment: story.first_assignment,
            checkpoint_key: story.signer().key().to_owned(),
            credentials,
        })));
        (story, ada)
    }

    /// What someone registers; the passkey says what `lie` leaves.
    pub fn credentials(&mut self, mut person: Person, lie: impl FnOnce(&mut Says)) -> (Credentials, Person) {
        let challenge = self.chance.bytes();
        let mut says = person.passkey.about_to_say("webauthn.create", &challenge, ORIGIN, RP_ID);
        says.flags |= HAS_CREDENTIAL;
        lie(&mut says);
        let credentials = Credentials {
            origin: ORIGIN.to_owned(),
            rp_id: RP_ID.to_owned(),
            challenge: Bytes(challenge.to_vec()),
            passkey: person.passkey.present(&says),
            recovery_key: person.recovery_key.prove(&challenge),
        };
        (credentials, person)
    }

    /// Appends an entry, a minute after the one before.
    pub fn append(&mut self, what: What) {
        self.now = self.now.plus(Duration::from_mins(1));
        let index = u64::try_from(self.lines.len()).unwrap();
        let entry = Entry { v: entry::VERSION, index, organization: self.organization, executed_at: self.now, what };
        self.lines.push(entry.to_line().unwrap());
    }

    /// What is said to the last entry. All before it must be right.
    pub fn last_verdict(&self) -> Result<(), ReplayError> {
        match replay(&self.lines) {
            Ok(_) => Ok(()),
            Err(Failure::Entry(index, error)) if index + 1 == self.lines.len() => Err(error),
            Err(failure) => panic!("before the last entry: {failure:?}"),
        }
    }

    /// What would be said to this entry if it came next; the story stays as it was.
    pub fn verdict_on(&mut self, what: What) -> Result<(), ReplayError> {
        let now = self.now;
        self.append(what);
        let verdict = self.last_verdict();
        self.lines.pop();
        self.now = now;
        verdict
    }

    /// What would be said to this action.
    pub fn verdict_on_action(&mut self, action: SignedAction) -> Result<(), ReplayError> {
        self.verdict_on(What::Action(Box::new(action)))
    }

    /// The document that the server writes when someone asks for a change.
    pub fn document(&mut self, actor: &Person, change: Change) -> Document {
        Document {
            v: document::VERSION,
            id: ActionId::from_bytes(self.chance.id()),
            organization: self.organization,
            origin: ORIGIN.to_owned(),
            rp_id: RP_ID.to_owned(),
            actor: actor.named(),
            operation: change.operation(),
            change,
            issued_at: self.now,
            expires_at: self.now.plus(Duration::from_mins(5)),
            nonce: Bytes(self.chance.bytes().to_vec()),
        }
    }

    /// Someone signs a document, honestly but for `lie`. The id of what it creates is the right one.
    pub fn sign(person: &mut Person, document: &[u8], lie: impl FnOnce(&mut Says)) -> SignedAction {
        let challenge = document::challenge(document);
        let mut says = person.passkey.about_to_say("webauthn.get", &challenge, ORIGIN, RP_ID);
        lie(&mut says);
        let assertion = person.passkey.sign(&says);
        let change = Document::parse(document).map(|document| document.change);
        SignedAction {
            document: Bytes(document.to_vec()),
            credential: person.passkey.id,
            key: None,
            authenticator_data: Some(Bytes(assertion.authenticator_data)),
            client_data: Bytes(assertion.client_data),
            signature: Bytes(assertion.signature),
            created: change.ok().and_then(|change| created(&change, document::created_id(&challenge))),
        }
    }

    /// Someone asks for a change and signs it, and it is executed. The bits of the id of what it creates.
    pub fn act(&mut self, person: &mut Person, change: Change) -> [u8; 16] {
        let document = self.document(person, change).to_bytes().unwrap();
        let action = Self::sign(person, &document, |_| ());
        self.append(What::Action(Box::new(action)));
        document::created_id(&document::challenge(&document))
    }

    /// Someone is invited, and hasn't signed up yet.
    pub fn invite(&mut self, by: &mut Person, email: &str) -> Person {
        let id = UserId::from_bytes(self.act(by, create_user(email)));
        Person::new(&mut self.chance, id, email)
    }

    /// Someone who was invited signs up.
    pub fn register(&mut self, person: Person) -> Person {
        let (credentials, person) = self.credentials(person, |_| ());
        self.append(What::Registration(Box::new(Registration { user: person.named(), credentials })));
        person
    }

    /// Someone is invited and signs up.
    pub fn join(&mut self, by: &mut Person, email: &str) -> Person {
        let person = self.invite(by, email);
        self.register(person)
    }

    /// A permission of these operations is created.
    pub fn define(&mut self, by: &mut Person, name: &str, operations: &[Operation]) -> PermissionId {
        PermissionId::from_bytes(self.act(by, Change::CreatePermission { terms: terms(name, operations) }))
    }

    /// Someone is given a permission.
    pub fn give(&mut self, by: &mut Person, permission: PermissionId, to: &Person) -> AssignmentId {
        let change = self.giving(permission, to);
        AssignmentId::from_bytes(self.act(by, change))
    }

    /// The change that gives someone a permission, as it is now.
    pub fn giving(&self, permission: PermissionId, to: &Person) -> Change {
        let (permission, operations) = self.permission(permission);
        Change::AssignPermission { permission, operations, user: to.named() }
    }

    /// The change that takes a permission away from someone who has it.
    pub fn taking(&self, permission: PermissionId, from: &Person) -> Change {
        let id = self.state().users[&from.id].assignments[&permission];
        Change::RevokeAssignment { id, permission: self.permission(permission).0, user: from.named() }
    }

    /// A permission as documents name it, and what it allows.
    pub fn permission(&self, id: PermissionId) -> (PermissionRef, Operations) {
        let permission = self.state().permissions.remove(&id).unwrap();
        (PermissionRef { id, name: permission.name, version: permission.version }, permission.operations)
    }

    /// What the server says if another key follows by the next entry.
    pub fn key_statement(&self, new: &[u8; 32]) -> KeyStatement {
        KeyStatement {
            index: u64::try_from(self.lines.len()).unwrap(),
            organization: self.organization,
            executed_at: self.now.plus(Duration::from_mins(1)),
            key: signer(new).key().to_owned(),
        }
    }

    /// The same, signed by the key in force and by the new one, both by their seeds.
    pub fn key_change(statement: &KeyStatement, before: &[u8; 32], new: &[u8; 32]) -> KeyChange {
        let statement = statement.to_bytes().unwrap();
        let signed_by = |seed| Bytes(signer(seed).sign_message(&key_change_message(&statement)));
        KeyChange { signature: signed_by(before), new_signature: signed_by(new), statement: Bytes(statement) }
    }

    /// The server's operator exchanges the secret.
    pub fn change_key(&mut self) {
        let new = self.chance.bytes();
        let change = Self::key_change(&self.key_statement(&new), &self.checkpoint_seed, &new);
        self.append(What::KeyChange(Box::new(change)));
        self.checkpoint_seed = new;
    }

    /// The organization now.
    pub fn state(&self) -> State {
        verify(&self.lines, &self.checkpoint()).unwrap()
    }

    /// The server's checkpoint now.
    pub fn checkpoint(&self) -> String {
        self.checkpoint_over(&self.lines)
    }

    /// The checkpoint that the server, or whoever has its key, signs over these lines.
    pub fn checkpoint_over(&self, lines: &[String]) -> String {
        let size = u64::try_from(lines.len()).unwrap();
        self.sign_checkpoint(&Checkpoint { organization: self.organization, size, root: root(lines) })
    }

    pub fn sign_checkpoint(&self, checkpoint: &Checkpoint) -> String {
        self.signer().sign(checkpoint).unwrap()
    }

    fn signer(&self) -> CheckpointSigner {
        signer(&self.checkpoint_seed)
    }
}

/// The server's signer with this seed.
pub fn signer(seed: &[u8; 32]) -> CheckpointSigner {
    CheckpointSigner::new(RP_ID, seed).unwrap()
}

/// The root of the lines' tree, by another implementation than ours.
fn root(lines: &[String]) -> [u8; 32] {
    let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    for line in lines {
        tree.push(line.clone().into_bytes());
    }
    tree.root().as_bytes().as_slice().try_into().unwrap()
}

pub fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

pub fn create_user(email: &str) -> Change {
    Change::CreateUser { email: address(email), kind: UserKind::Employee, external_id: None }
}

pub fn terms(name: &str, operations: &[Operation]) -> PermissionTerms {
    PermissionTerms { name: PermissionName::parse(name).unwrap(), operations: operations.iter().copied().collect() }
}

/// Where a history stopped being right.
#[derive(Debug, PartialEq)]
pub enum Failure {
    /// At this entry, counted from 0.
    Entry(usize, ReplayError),
    /// No entry is wrong by itself, but they don't lead to the checkpoint.
    Finish(FinishError),
}

/// Goes through these lines, signatures included.
pub fn replay(lines: &[String]) -> Result<Replay, Failure> {
    let mut replay = Replay::default();
    for (index, line) in lines.iter().enumerate() {
        let signatures = replay.entry(line).map_err(|error| Failure::Entry(index, error))?;
        assert!(!signatures.is_empty() || brings_a_passkey_alone(line), "an entry without a signature");
        for signature in signatures {
            signature.verify().map_err(|_| Failure::Entry(index, ReplayError::Signature))?;
        }
    }
    Ok(replay)
}

/// A passkey proves itself by what is in its registration: registered through the API and alone, it brings no signature.
fn brings_a_passkey_alone(line: &str) -> bool {
    let What::Enrolment(enrolment) = Entry::parse(line).unwrap().what else { return false };
    matches!(*enrolment, Enrolment { signer: Some(NewSigner::Passkey(_)), recovery_key: None, .. })
}

/// A verdict as a line of a table has it.
pub fn in_words(verdict: Result<(), ReplayError>) -> String {
    verdict.map_or_else(|error| error.to_string(), |()| "accepted".to_owned())
}

/// The whole verification: what the organization is in the end.
pub fn verify(lines: &[String], checkpoint: &str) -> Result<State, Failure> {
    let replay = replay(lines)?;
    replay.finish(checkpoint).map_err(Failure::Finish)?;
    Ok(replay.state().unwrap().clone())
}

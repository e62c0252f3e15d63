//! Fills an organization up, past the road of a change: 100,000 users and a million entries within a minute or two. History is as
//! real as can be: every entry is signed by the admin's passkey, and the tree over them is right. What users have (a name, permissions,
//! a passkey) is in the database only.
//!
//! ```text
//! a thread: changes ─► signed ─► lines, roots ──(a few thousand at a time)──► transactions
//! ```

use crate::{
    place::Size,
    signer::{Signer, cose_p256, line, p256},
    support::{app::TestApp, person::Person, signing::create_permission},
    table::thousands,
};
use app::{
    action::{
        challenge::sha256,
        change::{Change, UserRef},
        document::id_bits,
        history::{entry::What, merkle::Frontier},
    },
    domain::{
        id::{ActionId, AssignmentId, CredentialId, OrganizationId, PermissionId, UserId},
        operation::Operation,
        text::EmailAddress,
        time::Timestamp,
        user::UserKind,
    },
};
use data_encoding::BASE64URL_NOPAD;
use ring::signature::KeyPair;
use server::storage::{
    self, Connection,
    credentials::{self, NewCredential, NewKind},
    history,
};
use sqlx::{AssertSqlSafe, Database, Sqlite};
use std::thread;
use tokio::sync::mpsc;

/// What is in the organization now.
pub struct Filled {
    /// Of the users that were added, in their order.
    pub addresses: Vec<String>,
    pub users: Vec<UserId>,
    /// The permission that every one of them has.
    pub everyone: PermissionId,
}

/// Permissions beside that of everyone: more than a page shows.
const TEAMS: usize = 60;
/// Entries that are handed over, and saved, together.
const TOGETHER: usize = 5000;
/// Rows in one statement: more make the statement's preparation cost more than they save.
const ROWS: usize = 100;
/// Over how long the entries' times are spread, in milliseconds: the admin's session must not get old.
const SPREAD: u64 = 500_000;

/// An entry to save.
struct Made {
    line: String,
    roots: String,
    action: ActionId,
    /// The user that is created, or altered.
    user: UserRef,
    is_new: bool,
    at: Timestamp,
}

/// Whose history is written.
struct Writer {
    organization: OrganizationId,
    actor: UserId,
    credential: CredentialId,
    everyone: PermissionId,
    teams: Vec<PermissionId>,
    /// The key of every passkey that is only looked at.
    key: String,
}

/// Adds users and entries until there are so many. Nobody else may write meanwhile.
pub async fn fill(app: &TestApp, mut admin: Person, size: Size) -> Filled {
    let everyone = admin.define("Everyone", &[Operation::UsersRead]).await.permission.id;
    let mut teams = Vec::new();
    for (number, operation) in (1..=TEAMS).zip(Operation::ALL.iter().copied().cycle()) {
        let change = create_permission(&format!("Team {number}"), &[Operation::UsersRead, operation]);
        teams.push(admin.sign(&change).await.created.unwrap().parse().unwrap());
    }
    let (organization, actor) = (admin.organization, admin.as_user().await);
    let services = &app.services;
    let mut db = services.storage.connection().await.unwrap();
    let credential = credentials::list_passkeys(&mut db, organization, actor.id).await.unwrap()[0].id;
    let head = history::head(&mut db, organization).await.unwrap().unwrap();
    let there = count(&mut db, "users", organization).await;
    drop(db);
    let (start, device) = (services.ambient.now(), admin.device);
    let signer = Signer {
        organization,
        origin: app.origin(),
        rp_id: "localhost".to_owned(),
        actor: actor.clone(),
        passkey: credential,
        sign_count: device.sign_count,
        sign: Box::new(move |message| device.sign(message)),
    };
    assert!(head.size() < size.entries && there < size.users, "{size} are more than there are already");
    let (sender, mut made) = mpsc::channel(2);
    let writing = thread::spawn(move || invent(signer, head, size, size.users - there, start, &sender));

    let key = BASE64URL_NOPAD.encode(&cose_p256(p256().public_key().as_ref()));
    let writer = Writer { organization, actor: actor.id, credential, everyone, teams, key };
    let mut index = size.entries;
    let mut filled = Filled { addresses: Vec::new(), users: Vec::new(), everyone };
    while let Some((from, entries)) = made.recv().await {
        let mut transaction = services.storage.begin().await.unwrap();
        let new: Vec<&Made> = entries.iter().filter(|entry| entry.is_new).collect();
        writer.users(&mut transaction, &new, filled.users.len()).await;
        filled.users.extend(new.iter().map(|made| made.user.id));
        filled.addresses.extend(new.iter().map(|made| made.user.handle.to_string()));
        writer.entries(&mut transaction, from, &entries).await;
        storage::commit(transaction).await.unwrap();
        index = from + entries.len() as u64;
        eprint!("\r{} of {} entries", thousands(index), thousands(size.entries));
    }
    eprintln!();
    let head = writing.join().unwrap();
    assert_eq!((index, head.size()), (size.entries, size.entries));
    writer.finish(app, &head, size).await;
    filled.addresses.sort();
    filled
}

/// Makes up entries until there are enough: the users that are created, and then the same ones shut out and let in again, in turn. What
/// the tree is in the end.
fn invent(
    mut signer: Signer,
    mut tree: Frontier,
    size: Size,
    users: u64,
    start: Timestamp,
    to: &mpsc::Sender<(u64, Vec<Made>)>,
) -> Frontier {
    let (mut people, mut made) = (Vec::<UserRef>::new(), Vec::new());
    let from = tree.size();
    for index in from..size.entries {
        let at = Timestamp::from_millis(start.as_millis() + i64::try_from(SPREAD * (index - from) / (size.entries - from)).unwrap());
        let is_new = (people.len() as u64) < users;
        let number = (index - from - users.min(index - from)) as usize;
        let change = if is_new {
            Change::CreateUser { email: address(people.len()), kind: UserKind::Employee, external_id: None }
        } else {
            let user = people[number % people.len()].clone();
            if (number / people.len()).is_multiple_of(2) { Change::DeactivateUser { user } } else { Change::ActivateUser { user } }
        };
        let done = signer.sign(change, at);
        if is_new {
            people.push(UserRef { id: UserId::from_bytes(done.creates), handle: address(people.len()).into() });
        }
        let user = if is_new { people[people.len() - 1].clone() } else { people[number % people.len()].clone() };
        let line = line(signer.organization, index, at, What::Action(Box::new(done.change)));
        let roots = BASE64URL_NOPAD.encode(&tree.append(line.as_bytes()).concat());
        made.push(Made { line, roots, action: done.action, user, is_new, at });
        if made.len() == TOGETHER || index + 1 == size.entries {
            let first = index + 1 - made.len() as u64;
            to.blocking_send((first, std::mem::take(&mut made))).expect("somebody saves them");
        }
    }
    tree
}

const GIVEN: [&str; 16] = [
    "Ada",
    "Alan",
    "Barbara",
    "Claude",
    "Donald",
    "Edsger",
    "Frances",
    "Grace",
    "Hedy",
    "John",
    "Katherine",
    "Leslie",
    "Margaret",
    "Niklaus",
    "Radia",
    "Tony",
];
const FAMILY: [&str; 16] = [
    "Allen", "Dijkstra", "Hamilton", "Hoare", "Hopper", "Johnson", "Knuth", "Lamarr", "Lamport", "Liskov", "Lovelace", "Neumann",
    "Perlman", "Shannon", "Turing", "Wirth",
];

fn name(number: usize) -> String {
    format!("{} {}", GIVEN[number % GIVEN.len()], FAMILY[number / GIVEN.len() % FAMILY.len()])
}

fn address(number: usize) -> EmailAddress {
    EmailAddress::parse(&format!("{}.{number}@example.org", name(number).to_lowercase().replace(' ', "."))).unwrap()
}

impl Writer {
    /// Of ten users one is invited only; of twenty, one is shut out; of ten, one has a passkey to look at.
    async fn users(&self, db: &mut Connection, made: &[&Made], first: usize) {
        let (mut users, mut assignments) = (Vec::new(), Vec::new());
        for (number, Made { user, at, .. }) in (first..).zip(made) {
            let (email, since) = (address(number), Some(at.as_millis()));
            let signed_up = since.filter(|_| !number.is_multiple_of(10));
            users.push([
                user.id.to_string().into(),
                self.organization.to_string().into(),
                email.to_string().into(),
                email.key().into(),
                signed_up.map(|_| name(number)).unwrap_or_default().into(),
                UserKind::Employee.name().to_owned().into(),
                Value::Number(since),
                Value::Number(signed_up),
                Value::Number(signed_up.filter(|_| number % 20 == 7)),
                Value::Number(signed_up),
            ]);
            let permissions = [self.everyone, self.teams[number % self.teams.len()]];
            assignments.extend(permissions.into_iter().filter(|_| signed_up.is_some()).map(|permission| {
                let bits = id_bits(&sha256(&[user.id.to_bytes(), permission.to_bytes()].concat()));
                [
                    AssignmentId::from_bytes(bits).to_string().into(),
                    self.organization.to_string().into(),
                    permission.to_string().into(),
                    user.id.to_string().into(),
                    Value::Number(since),
                ]
            }));
        }
        let columns = "id, organization_id, email, email_key, name, kind, created_at, registered_at, deactivated_at, last_seen_at";
        insert(db, "users", columns, &users).await;
        insert(db, "assignments", "id, organization_id, permission_id, user_id, created_at", &assignments).await;
        for (_, Made { user, at, .. }) in (first..).zip(made).filter(|(number, _)| number % 10 == 3) {
            credentials::insert(db, &self.passkey(user.id, *at)).await.unwrap();
        }
    }

    /// A passkey that is only looked at.
    fn passkey(&self, user: UserId, created_at: Timestamp) -> NewCredential {
        let bits = sha256(&user.to_bytes());
        NewCredential {
            id: CredentialId::from_bytes(id_bits(&bits)),
            organization: self.organization,
            user,
            kind: NewKind::Passkey {
                credential_id: BASE64URL_NOPAD.encode(&bits),
                algorithm: -7,
                public_key: self.key.clone(),
                sign_count: 1,
                aaguid: BASE64URL_NOPAD.encode(&[0; 16]),
                transports: r#"["internal"]"#.to_owned(),
                backup_eligible: true,
                backed_up: true,
                webauthn: "{}".to_owned(),
            },
            name: "Passkey".to_owned(),
            client_data: BASE64URL_NOPAD.encode(&[1; 120]),
            attestation_object: BASE64URL_NOPAD.encode(&[2; 200]),
            created_at,
        }
    }

    async fn entries(&self, db: &mut Connection, from: u64, entries: &[Made]) {
        let rows: Vec<_> = (from..)
            .zip(entries)
            .map(|(index, made)| {
                [
                    self.organization.to_string().into(),
                    Value::Number(i64::try_from(index).ok()),
                    made.line.clone().into(),
                    made.action.to_string().into(),
                    self.credential.to_string().into(),
                    self.actor.to_string().into(),
                    made.user.id.to_string().into(),
                    made.roots.clone().into(),
                ]
            })
            .collect();
        let columns = "organization_id, entry_index, line, action_id, credential_id, actor_id, subject_id, subtree_roots";
        insert(db, "history", columns, &rows).await;
    }

    /// Leaves the head of the history where the next change begins, and looks whether everything is there.
    async fn finish(&self, app: &TestApp, head: &Frontier, size: Size) {
        let mut transaction = app.services.storage.begin().await.unwrap();
        sqlx::query("UPDATE organizations SET history_size = $2, history_frontier = $3 WHERE id = $1")
            .bind(self.organization.to_string())
            .bind(i64::try_from(head.size()).unwrap())
            .bind(head.to_text())
            .execute(&mut *transaction)
            .await
            .unwrap();
        // PostgreSQL does that by itself in the minutes after.
        if transaction.backend_name() != Sqlite::NAME {
            sqlx::query("ANALYZE").execute(&mut *transaction).await.unwrap();
        }
        storage::commit(transaction).await.unwrap();
        let mut db = app.services.storage.connection().await.unwrap();
        assert_eq!(count(&mut db, "users", self.organization).await, size.users);
        assert_eq!(count(&mut db, "history", self.organization).await, size.entries);
    }
}

/// What is in a column.
enum Value {
    Text(String),
    Number(Option<i64>),
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// Many rows in one statement, which storage has no need of.
async fn insert<const COLUMNS: usize>(db: &mut Connection, table: &str, columns: &str, rows: &[[Value; COLUMNS]]) {
    for rows in rows.chunks(ROWS) {
        let values: Vec<String> = (0..rows.len())
            .map(|row| {
                let places: Vec<String> = (1..=COLUMNS).map(|column| format!("${}", COLUMNS * row + column)).collect();
                format!("({})", places.join(", "))
            })
            .collect();
        let mut query = sqlx::query(AssertSqlSafe(format!("INSERT INTO {table} ({columns}) VALUES {}", values.join(", "))));
        for value in rows.iter().flatten() {
            query = match value {
                Value::Text(text) => query.bind(text),
                Value::Number(number) => query.bind(*number),
            };
        }
        query.execute(&mut *db).await.unwrap();
    }
}

/// How many rows of a table are of this organization; of users, people only.
async fn count(db: &mut Connection, table: &str, organization: OrganizationId) -> u64 {
    let people = if table == "users" { "AND kind = 'CustomerEmployee'" } else { "" };
    let statement = format!("SELECT COUNT(*) FROM {table} WHERE organization_id = $1 {people}");
    let number: i64 = sqlx::query_scalar(AssertSqlSafe(statement)).bind(organization.to_string()).fetch_one(db).await.unwrap();
    u64::try_from(number).unwrap()
}

//! The storage functions themselves, where HTTP can't show everything that they promise.

use crate::support::{
    answer::{DONE, refused},
    app::{TestApp, tables_in_migrations},
    database::TestDatabase,
    logs::Logs,
};
use app::{
    domain::{
        id::{ChallengeId, CredentialId, OrganizationId, UserId},
        text::{EmailAddress, OrganizationName},
        user::UserKind,
    },
    refusal::Code,
    rpc::sign_in::Viewer,
};
use server::storage::{
    Connection, StorageError, challenges, commit,
    credentials::{self, NewCredential, NewKind},
    organizations, sessions, users,
};
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use std::time::Duration;
use tokio::task::JoinSet;

on_both_databases!(
    a_new_database_is_ready_and_empty,
    what_was_written_is_there_after_a_restart,
    two_servers_share_one_database,
    servers_that_start_at_once_bring_the_schema_up_once,
    a_transaction_is_whole_or_nothing,
    transactions_at_the_same_time_do_not_sink_each_other,
    whoever_goes_away_leaves_nobody_waiting,
    an_address_is_taken_once_in_an_organization_however_it_is_written,
    a_credential_id_is_taken_once_anywhere,
    a_challenge_is_taken_once,
    a_session_that_was_ended_does_not_come_back,
    an_organization_takes_everything_with_it,
    a_row_that_can_not_be_is_named_without_its_content,
);

on_sqlite!(what_is_deleted_finds_what_goes_with_it_by_an_index,);

/// What people have now. An organization's is looked for row by row (migration 0008 says why).
const WITHOUT_INDEX_BY_ORGANIZATION: [&str; 7] =
    ["actions", "assignments", "credentials", "registration_codes", "registrations", "sessions", "tokens"];

async fn what_is_deleted_finds_what_goes_with_it_by_an_index(database: &TestDatabase) {
    TestApp::init(database).await;
    let mut db = SqliteConnection::connect(database.url()).await.unwrap();
    let mut searched = 0;
    for table in tables_in_migrations() {
        let columns: Vec<String> =
            sqlx::query_scalar("SELECT \"from\" FROM pragma_foreign_key_list($1)").bind(&table).fetch_all(&mut db).await.unwrap();
        for column in columns {
            if column == "organization_id" && WITHOUT_INDEX_BY_ORGANIZATION.contains(&table.as_str()) {
                continue;
            }
            let plan = format!("EXPLAIN QUERY PLAN SELECT 1 FROM {table} WHERE {column} = 'id'");
            let (.., how): (i64, i64, i64, String) = sqlx::query_as(AssertSqlSafe(plan)).fetch_one(&mut db).await.unwrap();
            assert!(how.starts_with("SEARCH "), "{table}.{column}: {how}");
            searched += 1;
        }
    }
    assert!(searched > 15, "{searched}");
}

async fn a_new_database_is_ready_and_empty(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    for table in tables_in_migrations() {
        assert_eq!(app.count(&table).await, 0, "{table}");
    }
    assert_eq!(app.browser().get("/health/ready").await.text(), "ok\n");
}

async fn what_was_written_is_there_after_a_restart(database: &TestDatabase) {
    let before = TestApp::init(database).await;
    let mut person = before.admin("ada@example.org").await;
    let half = before.with_passkey("bob@example.org").await;
    let viewer = person.viewer().await;
    let tables = before.dump().await;
    before.services.storage.close().await;

    let after = TestApp::init(database).with_clock_of(&before).await;
    assert_eq!(after.dump().await, tables);
    // Sessions go on, and so does what was half done.
    let browser = after.browser();
    browser.set_session(&person.browser.session().unwrap());
    assert_eq!(browser.viewer().await.done::<Viewer>(), viewer);
    let browser = after.browser();
    browser.set_session(&half.browser.session().unwrap());
    let half = crate::support::person::Person { browser, ..half };
    assert_eq!(half.finish().await.verdict(), DONE);
    person.browser = after.browser();
    assert_eq!(person.sign_in().await.verdict(), DONE);
}

async fn two_servers_share_one_database(database: &TestDatabase) {
    let one = TestApp::init(database).await;
    let other = TestApp::init(database).with_clock_of(&one).await;
    let over_there = |browser: &crate::support::browser::Browser| {
        let there = other.browser();
        there.set_session(&browser.session().unwrap());
        there
    };
    // Code on one, passkey on the other, and so on.
    let mut person = one.registering("ada@example.org").await;
    person.browser = over_there(&person.browser);
    assert_eq!(person.make_passkey().await, DONE);
    assert_eq!(person.finish().await.verdict(), DONE);
    let challenge = one.browser().sign_in_challenge().await;
    let answer = person.device.get(&challenge.options);
    let browser = other.browser();
    assert_eq!(browser.finish_sign_in(&challenge, &answer).await.verdict(), DONE);
    assert_eq!(one.browser().finish_sign_in(&challenge, &answer).await.verdict(), refused(Code::BadRequest));
    assert_eq!(browser.sign_out().await.verdict(), DONE);
    assert_eq!(one.count("sessions").await, 1);
}

/// SQLite is for one server.
async fn servers_that_start_at_once_bring_the_schema_up_once(database: &TestDatabase) {
    if !database.is_postgres() {
        return;
    }
    let (first, second, third) = tokio::join!(async { TestApp::init(database).await }, async { TestApp::init(database).await }, async {
        TestApp::init(database).await
    });
    for app in [first, second, third] {
        app.founder("ada@example.org").await;
    }
}

fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

async fn a_transaction_is_whole_or_nothing(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let (id, name, now) = (OrganizationId::from_bytes([1; 16]), OrganizationName::parse("Acme").unwrap(), app.services.ambient.now());
    let mut dropped = app.services.storage.begin().await.unwrap();
    organizations::insert(&mut dropped, id, &name, now).await.unwrap();
    drop(dropped);
    assert_eq!(app.count("organizations").await, 0);

    // A statement that fails in the middle leaves nothing of what came before it.
    let mut failing = app.services.storage.begin().await.unwrap();
    organizations::insert(&mut failing, id, &name, now).await.unwrap();
    let (user, nobodys, email) = (UserId::from_bytes([1; 16]), OrganizationId::from_bytes([2; 16]), address("ada@example.org"));
    let user = users::NewUser {
        id: user,
        organization: nobodys,
        email: &email,
        name: "Ada",
        kind: UserKind::Employee,
        external_id: None,
        created_at: now,
    };
    assert!(users::insert(&mut failing, user).await.is_err(), "there is no such organization");
    drop(failing);
    assert_eq!(app.count("organizations").await, 0);

    let mut kept = app.services.storage.begin().await.unwrap();
    organizations::insert(&mut kept, id, &name, now).await.unwrap();
    commit(kept).await.unwrap();
    assert_eq!(app.count("organizations").await, 1);
}

/// Some are dropped, some fail in the middle, some are left while they wait; the others are saved, all of them.
async fn transactions_at_the_same_time_do_not_sink_each_other(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let id = |number: u8| ChallengeId::from_bytes([number; 16]);
    let until = app.services.ambient.now().plus(Duration::from_mins(5));
    let mut tasks = JoinSet::new();
    for number in 0..150_u8 {
        let storage = app.services.storage.clone();
        tasks.spawn(async move {
            let mut transaction = storage.begin().await.unwrap();
            challenges::insert(&mut transaction, id(number), "", until).await.unwrap();
            match number % 3 {
                0 => drop(transaction),
                1 => {
                    let twice = challenges::insert(&mut transaction, id(number), "", until).await;
                    assert!(matches!(twice, Err(StorageError::Conflict(_))), "{twice:?}");
                }
                _ => commit(transaction).await.unwrap(),
            }
            number
        });
    }
    while let Some(number) = tasks.join_next().await.transpose().unwrap() {
        // Whoever was told that it is saved finds it, on any connection.
        let found = challenges::find(&mut *app.connection().await, id(number), until.minus(Duration::from_mins(5))).await.unwrap();
        assert!(number % 3 != 2 || found.is_some(), "{number}");
    }
    assert_eq!(app.count("challenges").await, 50);
}

async fn whoever_goes_away_leaves_nobody_waiting(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let until = app.services.ambient.now().plus(Duration::from_mins(5));
    let mut tasks = JoinSet::new();
    for number in 0..100_u8 {
        let storage = app.services.storage.clone();
        let work = async move {
            let mut transaction = storage.begin().await.unwrap();
            challenges::insert(&mut transaction, ChallengeId::from_bytes([number; 16]), "", until).await.unwrap();
            commit(transaction).await.unwrap();
        };
        // At a different place of the work each time.
        let patience = Duration::from_micros(u64::from(number) * 150);
        tasks.spawn(async move { tokio::time::timeout(patience, work).await.is_ok() });
    }
    let saved = tasks.join_all().await.into_iter().filter(|is_saved| *is_saved).count();
    // The next one gets its turn, and what was acknowledged is there.
    let transaction = app.services.storage.begin().await.unwrap();
    commit(transaction).await.unwrap();
    assert!(app.count("challenges").await >= i64::try_from(saved).unwrap());
}

async fn an_address_is_taken_once_in_an_organization_however_it_is_written(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let now = app.services.ambient.now();
    let db = &mut *app.connection().await;
    for organization in [1, 2] {
        let id = OrganizationId::from_bytes([organization; 16]);
        organizations::insert(db, id, &OrganizationName::parse("Acme").unwrap(), now).await.unwrap();
        let insert = async |db: &mut Connection, number, email| {
            let new = users::NewUser {
                id: UserId::from_bytes([number; 16]),
                organization: id,
                email: &address(email),
                name: "Ada",
                kind: UserKind::Employee,
                external_id: None,
                created_at: now,
            };
            users::insert(db, new).await
        };
        insert(db, organization * 10, "Ada@example.org").await.unwrap();
        let second = insert(db, organization * 10 + 1, "ADA@Example.org").await;
        assert!(matches!(second, Err(StorageError::Conflict(_))), "{second:?}");
    }
    assert_eq!(app.count("users").await, 2);
}

async fn a_credential_id_is_taken_once_anywhere(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let ada = app.admin("ada@example.org").await.viewer().await;
    let bob = app.admin("bob@example.org").await.viewer().await;
    let db = &mut *app.connection().await;
    let taken = credentials::records(db, ada.organization, ada.user).await.unwrap()[0].credential_id.clone();
    let new = NewCredential {
        id: CredentialId::from_bytes([1; 16]),
        organization: bob.organization,
        user: bob.user,
        kind: NewKind::Passkey {
            credential_id: taken.clone(),
            algorithm: -7,
            public_key: String::new(),
            sign_count: 0,
            aaguid: String::new(),
            transports: "[]".to_owned(),
            backup_eligible: false,
            backed_up: false,
            webauthn: "{}".to_owned(),
        },
        name: "Passkey 2".to_owned(),
        client_data: String::new(),
        attestation_object: String::new(),
        created_at: app.services.ambient.now(),
    };
    let refused = credentials::insert(db, &new).await;
    assert!(matches!(refused, Err(StorageError::Conflict(_))), "{refused:?}");
    assert_eq!(credentials::find_passkey(db, &taken).await.unwrap().unwrap().user, ada.user);
    assert_eq!(app.count("credentials").await, 4);
}

async fn a_challenge_is_taken_once(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let now = app.services.ambient.now();
    let id = ChallengeId::from_bytes([1; 16]);
    challenges::insert(&mut *app.connection().await, id, "state", now.plus(Duration::from_mins(5))).await.unwrap();
    let mut taking = JoinSet::new();
    for _ in 0..12 {
        let app = app.clone();
        taking.spawn(async move { challenges::take(&mut *app.connection().await, id, now).await.unwrap() });
    }
    let taken: Vec<String> = taking.join_all().await.into_iter().flatten().collect();
    assert_eq!(taken, ["state"]);
    challenges::insert(&mut *app.connection().await, id, "late", now).await.unwrap();
    assert_eq!(challenges::take(&mut *app.connection().await, id, now).await.unwrap(), None);
}

async fn a_session_that_was_ended_does_not_come_back(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    app.admin("ada@example.org").await;
    let hash = app.text("SELECT id_hash FROM sessions").await;
    let now = app.services.ambient.now();
    let db = &mut *app.connection().await;
    sessions::delete(db, &hash).await.unwrap();
    // As a request does that began before the end and ends after it.
    let updated = sessions::update(db, &hash, None, "{}", now.plus(Duration::from_hours(1)), now).await.unwrap();
    assert!(!updated);
    sessions::touch(db, &hash, now).await.unwrap();
    assert_eq!(app.count("sessions").await, 0);
}

async fn an_organization_takes_everything_with_it(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let gone = app.admin("ada@example.org").await;
    let stays = app.admin("bob@example.org").await;
    let rows_of = async |organization: OrganizationId| {
        let dump = app.dump().await;
        dump.into_values().flatten().filter(|row| row.contains(&organization.to_string())).count()
    };
    let (before, others) = (rows_of(gone.organization).await, rows_of(stays.organization).await);
    assert!(before >= 7, "{before}");
    app.run(&format!("DELETE FROM organizations WHERE id = '{}'", gone.organization)).await;
    assert_eq!((rows_of(gone.organization).await, rows_of(stays.organization).await), (0, others));
    assert_eq!(gone.browser.viewer().await.verdict(), refused(Code::SignedOut));
    assert_eq!(stays.browser.viewer().await.verdict(), DONE);
}

async fn a_row_that_can_not_be_is_named_without_its_content(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.admin("ada@example.org").await;
    app.run("UPDATE users SET email = 'broken by hand'").await;
    let logs = Logs::listen();
    let answer = person.browser.viewer().await;
    assert_eq!(answer.verdict(), refused(Code::Internal));
    let refusal = answer.refusal();
    // Whoever quotes the number helps to find the cause.
    let logged = logs.text();
    let line = logged.lines().find(|line| line.contains(refusal.incident.as_deref().unwrap())).expect("the incident is in the log");
    assert!(line.contains("the row in users has an unreadable email"), "{line}");
    drop(logs);
    assert_eq!(refusal.message, "Something went wrong on the server. Nothing was changed.");
    assert_eq!(refusal.incident.as_deref().map(str::len), Some(8));
    assert!(!answer.text().contains("broken") && !answer.text().contains("users"), "{}", answer.text());
    let page = person.browser.get("/org").await;
    assert_eq!(page.status, 500);
    assert!(!page.text().contains("broken by hand"), "{}", page.text());
}

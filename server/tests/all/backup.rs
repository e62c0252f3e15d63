//! `countersign backup`, run as the program that it is: the copy is whole, holds what was acknowledged before, and nothing half is
//! ever left.

use crate::{
    check::{Desk, Ran, file_of, names_in},
    support::{answer::DONE, app::TestApp, company::Company, database::TestDatabase, signing::create_user},
};
use sqlx::{Connection, SqliteConnection};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    sync::{Arc, Mutex},
    time::Duration,
};

on_sqlite!(
    a_copy_has_whatever_was_acknowledged_before,
    a_copy_is_restored_and_goes_on,
    a_file_that_is_there_stays_as_it_is,
    what_fails_leaves_nothing_behind,
    a_database_that_is_not_there_is_not_made,
    a_copy_migrates_nothing,
);

#[track_caller]
fn assert_refused(ran: &Ran, words: &str) {
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{}", ran.stderr);
    assert!(ran.stderr.starts_with("countersign can't go on: ") && ran.stderr.contains(words), "{words}: {}", ran.stderr);
}

async fn a_copy_has_whatever_was_acknowledged_before(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let writing = tokio::spawn({
        let acknowledged = Arc::clone(&acknowledged);
        async move {
            for number in 0.. {
                let email = format!("user{number}@example.org");
                admin.sign(&create_user(&email)).await;
                acknowledged.lock().unwrap().push(email);
            }
        }
    });
    let desk = Desk::new(database.url());
    for copy in ["one.db", "two.db", "three.db"] {
        let seen = acknowledged.lock().unwrap().len();
        while acknowledged.lock().unwrap().len() < seen + 5 {
            assert!(!writing.is_finished(), "whoever writes goes on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let before = acknowledged.lock().unwrap().clone();
        let ran = desk.run(&["backup", copy]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
        let path = desk.path(copy);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let url = format!("sqlite:{}", path.display());
        let mut db = SqliteConnection::connect(&format!("{url}?mode=ro")).await.unwrap();
        let there: Vec<String> = sqlx::query_scalar("SELECT email FROM users").fetch_all(&mut db).await.unwrap();
        db.close().await.unwrap();
        for email in before {
            assert!(there.contains(&email), "{email} was acknowledged before the copy began");
        }
        Desk::new(&url).check().assert_fine();
    }
    assert!(!writing.is_finished(), "whoever writes goes on");
    writing.abort();
    assert_eq!(names_in(desk.folder.path()), ["countersign", "one.db", "site", "three.db", "two.db"], "nothing else is left");
}

async fn a_copy_is_restored_and_goes_on(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut company = Company::open(&app, "example.org").await;
    let desk = Desk::new(database.url());
    let ran = desk.run(&["backup", "copy.db"]);
    let said = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.starts_with("copy.db is a copy of "), "{said}");
    assert!(said.contains("It doesn't have the server's secret, which is in COUNTERSIGN_SECRET."), "{said}");
    assert!(said.contains("To restore it: stop the server"), "{said}");
    let kept = app.dump().await;
    company.admin.sign(&create_user("later@example.org")).await;

    let restored = TestDatabase::sqlite();
    fs::copy(desk.path("copy.db"), file_of(&restored)).unwrap();
    let there = TestApp::init(&restored).with_clock_of(&app).await;
    assert_eq!(there.dump().await, kept);
    company.admin.browser = there.browser();
    assert_eq!(company.admin.sign_in().await.verdict(), DONE);
    company.admin.sign(&create_user("again@example.org")).await;
    there.verify(company.admin.organization).await;
    Desk::new(restored.url()).check().assert_fine();
}

async fn a_file_that_is_there_stays_as_it_is(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    app.admin("ada@example.org").await;
    let desk = Desk::new(database.url());
    fs::write(desk.path("copy.db"), "of yesterday").unwrap();
    assert_refused(&desk.run(&["backup", "copy.db"]), "copy.db is there already, and isn't overwritten");
    assert_eq!(fs::read(desk.path("copy.db")).unwrap(), b"of yesterday");
    // Nor is a link followed to where there is nothing yet.
    std::os::unix::fs::symlink(desk.path("elsewhere.db"), desk.path("link.db")).unwrap();
    assert_refused(&desk.run(&["backup", "link.db"]), "link.db is there already");
    // The database itself is a file that is there, too.
    let itself = file_of(database);
    assert_refused(&desk.run(&["backup", itself.to_str().unwrap()]), "is there already");
    desk.check().assert_fine();
    assert_eq!(names_in(desk.folder.path()), ["copy.db", "countersign", "link.db", "site"]);
}

async fn what_fails_leaves_nothing_behind(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    Company::open(&app, "example.org").await;
    let desk = Desk::new(database.url());
    assert_refused(&desk.run(&["backup", "nowhere/copy.db"]), "nowhere/copy.db can't be written");
    // As on a disk that is full: no file may grow beyond 50 kB, and the copy has more.
    let full = ["sh", "-c", "trap '' XFSZ; ulimit -f 100; exec \"$0\" \"$@\""];
    assert_refused(&desk.run_by(&full, &["backup", "copy.db"]), "the database can't be copied");
    assert_eq!(names_in(desk.folder.path()), ["countersign", "site"]);
    assert_eq!(desk.run(&["backup", "copy.db"]).code, Some(0));
    assert!(fs::metadata(desk.path("copy.db")).unwrap().len() > 51_200, "it wouldn't have fitted");
}

async fn a_database_that_is_not_there_is_not_made(database: &TestDatabase) {
    let desk = Desk::new(database.url());
    assert_refused(&desk.run(&["backup", "copy.db"]), "there is no database ");
    assert_eq!(names_in(file_of(database).parent().unwrap()), [""; 0]);
    assert_eq!(names_in(desk.folder.path()), ["countersign", "site"]);
}

/// It is what one makes before an upgrade.
async fn a_copy_migrates_nothing(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    app.admin("ada@example.org").await;
    app.run("DELETE FROM _sqlx_migrations WHERE version = 6").await;
    let (rows, migrations) = (app.dump().await, app.count("_sqlx_migrations").await);
    let desk = Desk::new(database.url());
    assert_eq!(desk.run(&["backup", "copy.db"]).code, Some(0));
    assert_eq!((app.dump().await, app.count("_sqlx_migrations").await), (rows, migrations));
    let mut db = SqliteConnection::connect(&format!("sqlite:{}?mode=ro", desk.path("copy.db").display())).await.unwrap();
    let copied: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM _sqlx_migrations").fetch_one(&mut db).await.unwrap();
    assert_eq!(copied, migrations);
}

#[test]
fn postgres_is_left_to_its_own_programs() {
    let url = "postgres://ada:hunter2@db.example.org/countersign?sslmode=verify-full&statement-cache-capacity=10&password=hunter3";
    let desk = Desk::new(url);
    let ran = desk.run(&["backup", "it's.dump"]);
    let line = "pg_dump --format=custom --file='it'\\''s.dump' 'postgres://ada@db.example.org/countersign?sslmode=verify-full'\n";
    assert_refused(&ran, line);
    assert!(ran.stderr.contains("pg_basebackup") && !ran.stderr.contains("hunter"), "{}", ran.stderr);
    assert_eq!(names_in(desk.folder.path()), ["countersign", "site"]);
}

//! `countersign check`, run as the program that it is: it finds what is wrong, says it in words, goes on, and changes nothing.

use crate::support::{
    answer::DONE,
    app::{SECRET, TestApp},
    company::Company,
    database::TestDatabase,
    signing::{create_permission, create_user},
};
use app::domain::{id::AssignmentId, operation::Operation};
use server::action::Actor;
use sqlx::AssertSqlSafe;
use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tempfile::TempDir;

on_both_databases!(
    a_company_with_everything_is_in_order,
    an_organization_that_was_never_activated_is_no_fault,
    a_change_by_hand_is_told_in_words,
    a_history_that_was_touched_is_told,
    a_secret_that_does_not_fit_is_told,
    other_tables_are_told_and_left_alone,
    a_reference_to_nobody_is_told,
    whatever_is_wrong_is_told_at_once,
    beside_a_server_that_writes_it_finds_nothing,
    an_empty_database_stays_empty,
    nothing_is_changed,
);

on_sqlite!(a_server_that_was_killed_leaves_what_can_be_checked, a_damaged_file_is_told);

/// What came of running the command.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    #[track_caller]
    pub fn assert_fine(&self) {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{}", self.stdout);
        assert!(self.stdout.ends_with("\nEverything is in order.\n") && !self.stdout.contains("WRONG"), "{}", self.stdout);
    }

    /// What is wrong, without anything else.
    #[track_caller]
    pub fn wrong(&self) -> Vec<&str> {
        let wrong: Vec<&str> = self.stdout.lines().filter_map(|line| line.strip_prefix("WRONG  ")).collect();
        assert_eq!((self.code, self.stderr.as_str(), wrong.is_empty()), (Some(1), "", false), "{}", self.stdout);
        wrong
    }

    #[track_caller]
    fn assert_only_wrong(&self, words: &str) {
        let wrong = self.wrong();
        assert!(wrong.len() == 1 && wrong[0].contains(words), "{words}: {}", self.stdout);
        assert!(self.stdout.ends_with("\n1 thing is wrong.\n"), "{}", self.stdout);
    }

    fn says(&self, line: &str) -> bool {
        self.stdout.lines().any(|said| said == line)
    }
}

/// A folder with the program, its site, and its settings.
pub struct Desk {
    pub folder: TempDir,
    settings: BTreeMap<&'static str, String>,
}

impl Desk {
    pub fn new(database: &str) -> Self {
        // In the same file system as the program, which is linked there.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        fs::hard_link(env!("CARGO_BIN_EXE_countersign"), path("countersign")).unwrap();
        fs::create_dir_all(path("site/pkg")).unwrap();
        for name in ["countersign.js", "countersign.wasm", "countersign.css"] {
            fs::write(folder.path().join("site/pkg").join(name), "").unwrap();
        }
        let settings = BTreeMap::from([
            ("COUNTERSIGN_DATABASE_URL", database.to_owned()),
            ("COUNTERSIGN_DATA_DIR", path("data")),
            ("COUNTERSIGN_SECRET", SECRET.to_owned()),
            ("COUNTERSIGN_SITE_ROOT", path("site")),
        ]);
        Self { folder, settings }
    }

    pub fn with(mut self, setting: &'static str, value: &str) -> Self {
        self.settings.insert(setting, value.to_owned());
        self
    }

    pub fn without(mut self, setting: &str) -> Self {
        self.settings.remove(setting);
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the program, by something that becomes it in the end if that is given.
    pub fn run_by(&self, before: &[&str], arguments: &[&str]) -> Ran {
        let program = self.path("countersign");
        let words: Vec<&str> = before.iter().copied().chain([program.to_str().unwrap()]).chain(arguments.iter().copied()).collect();
        let output =
            Command::new(words[0]).args(&words[1..]).env_clear().envs(&self.settings).current_dir(self.folder.path()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_by(&[], arguments)
    }

    pub fn check(&self) -> Ran {
        self.run(&["check"])
    }
}

/// The file of an SQLite database.
pub fn file_of(database: &TestDatabase) -> PathBuf {
    database.url().strip_prefix("sqlite:").unwrap().into()
}

/// The names in a folder.
pub fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

async fn a_company_with_everything_is_in_order(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut company = Company::open(&app, "example.org").await;
    let organization = company.admin.organization;
    let mut done = 0;
    for change in company.every_change() {
        // Some of them undo what others need.
        done += u32::from(company.admin.verdict_on(&change).await == DONE);
    }
    assert!(done > 18, "{done}");
    let reading = company.admin.define("Reading", &[Operation::UsersRead]).await;
    let (mut bob, user) = app.colleague(&mut company.admin, "robert@example.org", &[&reading]).await;
    assert_eq!(app.recover(&mut bob).await.verdict(), DONE);
    app.services.road.break_glass(Actor { organization, user: user.id }).await.unwrap();
    let other = app.admin("eve@example.net").await.organization;
    let ran = Desk::new(database.url()).check();
    ran.assert_fine();
    let state = app.state(organization).await;
    let line = format!(
        "fine   “Acme” ({organization}): {} entries verify; {} users, {} permissions and {} passkeys and keys are what they say",
        app.number(&format!("SELECT COUNT(*) FROM history WHERE organization_id = '{organization}'")).await,
        state.users.len(),
        state.permissions.len(),
        state.credentials.len()
    );
    assert!(ran.says(&line), "{line}: {}", ran.stdout);
    assert!(ran.stdout.contains(&format!("({other}): 1 entries verify")), "{}", ran.stdout);
    assert!(ran.says("fine   secret: COUNTERSIGN_SECRET has the one that the database was used with"), "{}", ran.stdout);
    assert!(ran.says("fine   references: every row's are there") && ran.says("fine   damage: none"), "{}", ran.stdout);
}

async fn an_organization_that_was_never_activated_is_no_fault(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    app.founder("ada@example.org").await;
    let desk = Desk::new(database.url());
    let ran = desk.check();
    ran.assert_fine();
    assert!(ran.stdout.contains("): was never activated, and has no history\n"), "{}", ran.stdout);
    app.run("UPDATE organizations SET activated_at = 1").await;
    desk.check().assert_only_wrong("it is active, and has no history");
}

async fn a_change_by_hand_is_told_in_words(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let company = Company::open(&app, "example.org").await;
    let organization = company.admin.organization;
    let desk = Desk::new(database.url());
    let (admin, assignment) = (company.admin.as_user().await, AssignmentId::from_bytes([5; 16]));
    let (active, deactivated, invited) = (company.active.id, company.deactivated.id, company.invited.id);
    let (free, held, passkey) = (company.free.permission.id, company.held.permission.id, company.passkey);
    let given = company.assignment;
    // What somebody does by hand, how it is taken back, and what is said.
    let cases = [
        (
            format!("INSERT INTO assignments VALUES ('{assignment}', '{organization}', '{free}', '{active}', 1)"),
            format!("DELETE FROM assignments WHERE id = '{assignment}'"),
            format!(
                "the permission “Auditors” ({free}) of the user bob@example.org ({active}): not given by history, given by {assignment} in the database"
            ),
        ),
        (
            format!("UPDATE users SET deactivated_at = NULL WHERE id = '{deactivated}'"),
            format!("UPDATE users SET deactivated_at = 1 WHERE id = '{deactivated}'"),
            format!("the status of the user dora@example.org ({deactivated}): Deactivated by history, Invited in the database"),
        ),
        (
            format!("UPDATE users SET revoked_at = 1 WHERE id = '{invited}'"),
            format!("UPDATE users SET revoked_at = NULL WHERE id = '{invited}'"),
            format!("the invitation of the user carl@example.org ({invited}): not revoked by history, revoked in the database"),
        ),
        (
            format!("UPDATE users SET email = 'mallory@example.org' WHERE id = '{active}'"),
            format!("UPDATE users SET email = 'bob@example.org' WHERE id = '{active}'"),
            format!(
                "the address or name of the user bob@example.org ({active}): bob@example.org by history, mallory@example.org in the database"
            ),
        ),
        (
            format!("UPDATE permissions SET operations = '\"all\"' WHERE id = '{held}'"),
            format!("UPDATE permissions SET operations = '{{\"these\":[\"Auth:Users:Read\"]}}' WHERE id = '{held}'"),
            format!("the operations of the permission “Readers” ({held}): 1 operations by history, every operation in the database"),
        ),
        (
            format!("UPDATE credentials SET user_id = '{active}' WHERE id = '{passkey}'"),
            format!("UPDATE credentials SET user_id = '{}' WHERE id = '{passkey}'", admin.id),
            format!("the passkey or key {passkey}: of {} by history, of {active} in the database", admin.id),
        ),
        (
            format!("UPDATE organizations SET name = 'Bcme' WHERE id = '{organization}'"),
            format!("UPDATE organizations SET name = 'Acme' WHERE id = '{organization}'"),
            "the organization's name: “Acme” by history, “Bcme” in the database".to_owned(),
        ),
        (
            format!("UPDATE users SET kind = 'Emperor' WHERE id = '{active}'"),
            format!("UPDATE users SET kind = 'CustomerEmployee' WHERE id = '{active}'"),
            format!("the row {active} in users has an unreadable kind"),
        ),
        (
            format!("UPDATE assignments SET user_id = '{invited}' WHERE id = '{given}'"),
            format!("UPDATE assignments SET user_id = '{active}' WHERE id = '{given}'"),
            String::new(),
        ),
    ];
    for (by_hand, back, words) in cases {
        assert_eq!(app.run(&by_hand).await, 1, "{by_hand}");
        let ran = desk.check();
        if words.is_empty() {
            // Taken from one, and given to another.
            assert_eq!(ran.wrong().len(), 2, "{}", ran.stdout);
        } else {
            ran.assert_only_wrong(&words);
        }
        assert!(ran.wrong().iter().all(|line| line.contains(&organization.to_string())), "{}", ran.stdout);
        assert_eq!(app.run(&back).await, 1, "{back}");
    }
    desk.check().assert_fine();
}

async fn a_history_that_was_touched_is_told(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let organization = Company::open(&app, "example.org").await.admin.organization;
    let desk = Desk::new(database.url());
    let entry = |index: i64| format!("organization_id = '{organization}' AND entry_index = {index}");
    let last = app.number("SELECT MAX(entry_index) FROM history").await;
    // A byte of what was signed, and one of the signature itself.
    let line = app.text(&format!("SELECT line FROM history WHERE {}", entry(3))).await;
    for (member, words) in [("document", "entry 3 is bad: "), ("signature", "entry 3 is bad: the signature isn't valid")] {
        let at = line.find(&format!("\"{member}\":\"")).expect("it is an action") + member.len() + 60;
        let other = if line.as_bytes()[at] == b'A' { "B" } else { "A" };
        let flipped = format!("{}{other}{}", &line[..at], &line[at + 1..]);
        app.run(&format!("UPDATE history SET line = '{flipped}' WHERE {}", entry(3))).await;
        desk.check().assert_only_wrong(words);
        app.run(&format!("UPDATE history SET line = '{line}' WHERE {}", entry(3))).await;
    }
    // An entry that is gone: in the middle, and at the end.
    for (index, words) in [
        (4, "entry 4 is missing: the next one is 5".to_owned()),
        (last, format!("its head counts {} entries, and there are {last}", last + 1)),
    ] {
        app.run(&format!("CREATE TABLE aside AS SELECT * FROM history WHERE {}", entry(index))).await;
        assert_eq!(app.run(&format!("DELETE FROM history WHERE {}", entry(index))).await, 1);
        let wrong = desk.check().wrong().join("\n");
        assert!(wrong.contains(&words), "{words}: {wrong}");
        app.run("INSERT INTO history SELECT * FROM aside").await;
        app.run("DROP TABLE aside").await;
    }
    // What is kept beside the entries, for proofs and for what comes next.
    let roots = app.text(&format!("SELECT subtree_roots FROM history WHERE {}", entry(2))).await;
    app.run(&format!("UPDATE history SET subtree_roots = '{}' WHERE {}", "A".repeat(43), entry(2))).await;
    desk.check().assert_only_wrong("the roots that are kept for proofs with entry 2 aren't those of the tree");
    app.run(&format!("UPDATE history SET subtree_roots = NULL WHERE {}", entry(2))).await;
    desk.check().assert_only_wrong("the roots that are kept for proofs with entry 2 aren't there");
    app.run(&format!("UPDATE history SET subtree_roots = '{roots}' WHERE {}", entry(2))).await;
    let frontier = app.text("SELECT history_frontier FROM organizations").await;
    app.run(&format!("UPDATE organizations SET history_frontier = 'AAAA{}'", &frontier[4..])).await;
    desk.check().assert_only_wrong("its head isn't that of its entries");
    app.run("UPDATE organizations SET history_frontier = 'A'").await;
    desk.check().assert_only_wrong("the row in organizations has an unreadable history_frontier");
    app.run(&format!("UPDATE organizations SET history_frontier = '{frontier}'")).await;
    desk.check().assert_fine();
}

async fn a_secret_that_does_not_fit_is_told(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let organization = admin.organization;
    admin.invite("bob@example.org").await;
    // The tests' clock isn't the program's: the mail would have run out long ago.
    app.run("UPDATE outbox SET expires_at = 4102444800000 WHERE sealed IS NOT NULL").await;
    let ran = Desk::new(database.url()).check();
    ran.assert_fine();
    let waiting = app.count("outbox").await;
    assert!(ran.stdout.contains(&format!("fine   waiting mails: {waiting}, and the secret opens them\n")), "{}", ran.stdout);
    // What is kept in the local mailbox was delivered.
    app.run("UPDATE outbox SET sent_at = 1 WHERE recipient <> 'bob@example.org'").await;
    let ran = Desk::new(database.url()).check();
    assert!(ran.stdout.contains("fine   waiting mails: 1, and the secret opens them\n"), "{}", ran.stdout);

    let other = Desk::new(database.url()).with("COUNTERSIGN_SECRET", &"ab".repeat(32));
    let ran = other.check();
    let wrong = ran.wrong();
    assert!(
        wrong[0].starts_with(&format!("secret: it isn't the one whose key is in force in the history of “Acme” ({organization})")),
        "{wrong:?}"
    );
    assert!(wrong[1].starts_with("waiting mails: ") && wrong[1].contains("can't be opened with this secret"), "{wrong:?}");
    assert_eq!(wrong.len(), 2);
    assert!(ran.stdout.contains(&format!("fine   “Acme” ({organization}): ")), "the entries are what they were: {}", ran.stdout);

    Desk::new(database.url())
        .with("COUNTERSIGN_ORIGIN", "http://localhost:4000")
        .check()
        .assert_only_wrong("has checkpoints of localhost:3000: those of another name or port don't verify");
    Desk::new(database.url())
        .with("COUNTERSIGN_SECRET", "nonsense")
        .check()
        .assert_only_wrong("COUNTERSIGN_SECRET: the server's secret must be");

    // In a file, or in none: it isn't made.
    let desk = Desk::new(database.url()).without("COUNTERSIGN_SECRET");
    desk.check().assert_only_wrong("data/secret isn't there, and the database has organizations");
    assert!(!desk.path("data").exists());
    fs::create_dir(desk.path("data")).unwrap();
    fs::write(desk.path("data/secret"), SECRET).unwrap();
    fs::set_permissions(desk.path("data/secret"), Permissions::from_mode(0o640)).unwrap();
    desk.check().assert_only_wrong("data/secret can be read or changed by other users of this machine");
    fs::set_permissions(desk.path("data/secret"), Permissions::from_mode(0o600)).unwrap();
    desk.check().assert_fine();
}

async fn other_tables_are_told_and_left_alone(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    app.admin("ada@example.org").await;
    let desk = Desk::new(database.url());
    let migrations = app.count("_sqlx_migrations").await;
    app.run("CREATE TABLE aside AS SELECT * FROM _sqlx_migrations WHERE version = 6").await;
    app.run("DELETE FROM _sqlx_migrations WHERE version = 6").await;
    desk.check().assert_only_wrong("are those of an older version, and the server's next start changes them (migrations: 1)");
    assert_eq!(app.count("_sqlx_migrations").await, migrations - 1, "a check migrates nothing");
    app.run("INSERT INTO _sqlx_migrations SELECT * FROM aside").await;
    app.run("UPDATE _sqlx_migrations SET version = 99 WHERE version = 6").await;
    desk.check().assert_only_wrong("are those of a newer version (migration 99)");
    app.run("UPDATE _sqlx_migrations SET version = 6 WHERE version = 99").await;
    app.run("UPDATE _sqlx_migrations SET success = FALSE WHERE version = 6").await;
    desk.check().assert_only_wrong("broke off: restore the backup of before");
    app.run("UPDATE _sqlx_migrations SET success = TRUE WHERE version = 6").await;
    app.run("UPDATE _sqlx_migrations SET checksum = (SELECT checksum FROM _sqlx_migrations WHERE version = 1) WHERE version = 6").await;
    desk.check().assert_only_wrong("migration 6 of");
}

async fn a_reference_to_nobody_is_told(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let organization = app.admin("ada@example.org").await.organization;
    let (off, on) = if database.is_postgres() {
        ("SET session_replication_role = replica", "SET session_replication_role = origin")
    } else {
        ("PRAGMA foreign_keys = OFF", "PRAGMA foreign_keys = ON")
    };
    let row = format!("INSERT INTO activity VALUES ('1', '{organization}', 'nobody', 1, 'sign_in', '', '', '')");
    let mut db = app.connection().await;
    for statement in [off, &row, on] {
        sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut *db).await.unwrap();
    }
    let desk = Desk::new(database.url());
    desk.check().assert_only_wrong("references: 1 × activity, without its users");
    app.run("DELETE FROM activity WHERE user_id = 'nobody'").await;
    if database.is_postgres() {
        app.run("ALTER TABLE activity DISABLE TRIGGER ALL").await;
        desk.check().assert_only_wrong("damage: the references of activity aren't enforced");
        app.run("ALTER TABLE activity ENABLE TRIGGER ALL").await;
        app.run("ALTER TABLE users ADD CONSTRAINT short CHECK (length(name) < 1000) NOT VALID").await;
        desk.check().assert_only_wrong("damage: the constraint short of users was never validated");
        app.run("ALTER TABLE users DROP CONSTRAINT short").await;
    }
    desk.check().assert_fine();
}

async fn whatever_is_wrong_is_told_at_once(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let [one, other, third] = [app.admin("ada@example.org").await, app.admin("eve@example.net").await, app.admin("zoe@example.com").await]
        .map(|admin| admin.organization);
    app.run(&format!("UPDATE users SET deactivated_at = 1 WHERE organization_id = '{one}'")).await;
    app.run(&format!("UPDATE history SET line = 'nonsense' WHERE organization_id = '{other}'")).await;
    let desk = Desk::new(database.url()).with("COUNTERSIGN_SITE_ROOT", "nowhere");
    let ran = desk.check();
    let wrong = ran.wrong();
    assert_eq!(wrong.len(), 3, "{wrong:?}");
    assert!(wrong[0].starts_with("browser's files: nowhere/pkg isn't there"), "{wrong:?}");
    assert!(wrong[1].contains(&one.to_string()) && wrong[1].contains("Active by history, Deactivated in the database"), "{wrong:?}");
    assert!(wrong[2].contains(&other.to_string()) && wrong[2].contains("entry 0 is bad"), "{wrong:?}");
    assert!(ran.stdout.contains(&format!("({third}): 1 entries verify")), "{}", ran.stdout);
    assert!(ran.stdout.ends_with("\n3 things are wrong.\n"), "{}", ran.stdout);
    // A setting that can't be read ends it: nothing else would be about this server.
    desk.with("COUNTERSIGN_ORIGIN", "nonsense").check().assert_only_wrong("settings: COUNTERSIGN_ORIGIN `nonsense` is not an origin");
}

async fn beside_a_server_that_writes_it_finds_nothing(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let desk = Desk::new(database.url());
    let writing = tokio::spawn(async move {
        let mut number = 0;
        loop {
            admin.sign(&create_user(&format!("user{number}@example.org"))).await;
            admin.define(&format!("Permission {number}"), &[Operation::UsersRead]).await;
            number += 1;
        }
    });
    let mut before = 0;
    for _ in 0..8 {
        desk.check().assert_fine();
        // It goes on between one check and the next.
        while app.count("history").await == before {
            assert!(!writing.is_finished(), "whoever writes goes on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        before = app.count("history").await;
    }
    assert!(!writing.is_finished());
    writing.abort();
}

async fn an_empty_database_stays_empty(database: &TestDatabase) {
    let desk = Desk::new(database.url()).without("COUNTERSIGN_SECRET");
    let ran = desk.check();
    ran.assert_fine();
    let words = if database.is_postgres() {
        " has no tables yet: the first start makes them"
    } else {
        " isn't there yet: the first start makes it"
    };
    let line = ran.stdout.lines().find(|line| line.starts_with("fine   database: ")).unwrap();
    assert!(line.ends_with(words), "{line}");
    assert!(ran.stdout.contains("data/secret isn't there yet: the first start makes it\n"), "{}", ran.stdout);
    assert!(!desk.path("data").exists(), "no folder, and no secret");
    // Whatever was made would be found by another check.
    assert_eq!(desk.check().stdout, ran.stdout);
    if !database.is_postgres() {
        assert_eq!(names_in(file_of(database).parent().unwrap()), [""; 0]);
        // The file is there, and nothing in it.
        fs::write(file_of(database), "").unwrap();
        let ran = desk.check();
        ran.assert_fine();
        assert!(ran.stdout.contains(" has no tables yet: the first start makes them\n"), "{}", ran.stdout);
        assert_eq!(fs::read(file_of(database)).unwrap(), b"");
    }
}

async fn nothing_is_changed(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    Company::open(&app, "example.org").await;
    let desk = Desk::new(database.url());
    let bytes = || {
        let file = |end: &str| fs::read(format!("{}{end}", file_of(database).display())).unwrap();
        (!database.is_postgres()).then(|| (file(""), file("-wal")))
    };
    let (rows, files, around) = (app.dump().await, bytes(), names_in(desk.folder.path()));
    desk.check().assert_fine();
    assert_eq!(app.dump().await, rows);
    assert!(bytes() == files, "the files are what they were, byte by byte");
    assert_eq!(names_in(desk.folder.path()), around);
}

/// Its newest changes are in the file beside the database only.
async fn a_server_that_was_killed_leaves_what_can_be_checked(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    admin.sign(&create_permission("Newest", &[Operation::UsersRead])).await;
    // As the files lie there at this moment.
    let folder = tempfile::tempdir().unwrap();
    let there = |end: &str| folder.path().join(format!("killed.db{end}"));
    for end in ["", "-wal"] {
        fs::copy(format!("{}{end}", file_of(database).display()), there(end)).unwrap();
    }
    let before = ["", "-wal"].map(|end| fs::read(there(end)).unwrap());
    assert!(!before[1].is_empty());
    let desk = Desk::new(&format!("sqlite:{}", there("").display()));
    for _ in 0..2 {
        let ran = desk.check();
        ran.assert_fine();
        assert!(ran.stdout.contains(&format!("({}): 2 entries verify; 1 users, 3 permissions", admin.organization)), "{}", ran.stdout);
        assert!(before == ["", "-wal"].map(|end| fs::read(there(end)).unwrap()), "what is to be saved stays where it is");
    }
}

async fn a_damaged_file_is_told(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    Company::open(&app, "example.org").await;
    // All of it into the one file, which is then taken elsewhere.
    app.run("PRAGMA wal_checkpoint(TRUNCATE)").await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.db");
    let mut bytes = fs::read(file_of(database)).unwrap();
    let pages = bytes.len() / 4096;
    assert!(pages > 20, "{pages}");
    bytes[pages / 2 * 4096..(pages / 2 + 3) * 4096].fill(0x5a);
    fs::write(&path, bytes).unwrap();
    let desk = Desk::new(&format!("sqlite:{}", path.display()));
    let wrong = desk.check().wrong().join("\n");
    assert!(wrong.contains("damage: "), "{wrong}");
    fs::write(&path, "this is no database").unwrap();
    let wrong = desk.check().wrong().join("\n");
    assert!(wrong.contains("database: ") && wrong.contains("not a database"), "{wrong}");
}

#[test]
fn the_browsers_files_must_be_those_that_pages_ask_for() {
    let desk = Desk::new("sqlite:none.db");
    desk.check().assert_fine();
    let (pkg, hashes) = (desk.path("site/pkg"), desk.path("hash.txt"));
    fs::remove_file(pkg.join("countersign.wasm")).unwrap();
    desk.check().assert_only_wrong("site/pkg lacks countersign.wasm");
    fs::rename(pkg.join("countersign.js"), pkg.join("countersign.yE2n2.js")).unwrap();
    fs::rename(pkg.join("countersign.css"), pkg.join("countersign.0crRl.css")).unwrap();
    fs::write(pkg.join("countersign.nxpI5.wasm"), "").unwrap();
    desk.check().assert_only_wrong("hash.txt isn't there: put the hash.txt of the same build there");
    fs::write(&hashes, "js: yE2n2\nwasm: nxpI5\ncss: older\n").unwrap();
    desk.check().assert_only_wrong("countersign.older.css would have to be");
    fs::write(&hashes, "js: yE2n2\nwasm: nxpI5\ncss: 0crRl\n").unwrap();
    desk.check().assert_fine();
    fs::write(desk.path("data"), "").unwrap();
    desk.check().assert_only_wrong("data folder: ");
}

//! `countersign rotate-secret`, run as the program that it is: what was signed before and after it verifies, everybody is told, and
//! where it breaks off, it goes on when it is run again.

use crate::{
    check::{Desk, Ran, names_in},
    support::{
        answer::DONE,
        app::{SECRET, TestApp},
        database::TestDatabase,
        person::Person,
        signing::create_user,
    },
};
use app::{
    action::history::{
        checkpoint::Checkpoint,
        entry::{Entry, What},
        merkle::Frontier,
        reader,
    },
    domain::id::{EntryId, OrganizationId},
    rpc::{change::Receipt, history::HistoryPage},
};
use serde_json::json;
use server::action::{ActionError, Actor};
use std::{
    fs::{self, Permissions},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::Duration,
};

on_both_databases!(
    what_was_signed_before_and_after_verifies,
    admins_are_told_and_every_page_shows_it,
    people_stay_signed_in_and_tokens_count_no_more,
    mails_that_wait_are_sent_all_the_same,
    a_break_glass_is_by_the_key_in_force,
    a_receipt_that_got_lost_before_is_given_by_the_new_key,
    what_broke_off_goes_on_when_it_is_run_again,
    a_secret_that_the_operator_keeps_is_exchanged_by_them,
    another_port_is_a_name_that_history_can_learn,
    a_secret_that_never_was_the_servers_changes_nothing,
);

on_sqlite!(nothing_is_done_unless_it_is_meant);

/// A server's desk with its secret in a file, and at no port of anybody's.
fn desk(database: &TestDatabase) -> Desk {
    let desk = Desk::new(database.url()).without("COUNTERSIGN_SECRET").with("COUNTERSIGN_LISTEN", "127.0.0.1:0");
    fs::create_dir(desk.path("data")).unwrap();
    put_secret(&desk.path("data/secret"), SECRET);
    desk
}

fn put_secret(path: &Path, secret: &str) {
    fs::write(path, secret).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

fn secret_of(desk: &Desk) -> String {
    fs::read_to_string(desk.path("data/secret")).unwrap()
}

/// Runs it, and types this when it asks.
fn typed(desk: &Desk, word: &str, arguments: &[&str]) -> Ran {
    desk.run_by(&["sh", "-c", &format!("echo {word} | \"$0\" \"$@\"")], &[&["rotate-secret"], arguments].concat())
}

/// Runs it to its end.
#[track_caller]
fn rotate(desk: &Desk, arguments: &[&str], histories: usize) {
    let ran = typed(desk, "rotate", arguments);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains(&format!("Histories that got an entry about it: {histories}.")), "{}", ran.stdout);
}

#[track_caller]
fn assert_refused(ran: &Ran, words: &str) {
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("countersign can't go on: ") && ran.stderr.contains(words), "{words}: {}", ran.stderr);
}

/// The server that is started afterwards.
async fn with_secret(app: &TestApp, database: &TestDatabase, secret: &str) -> TestApp {
    TestApp::init(database).with_secret(secret).with_clock_of(app).await
}

/// The same person at that server, in the same browser.
fn move_to(app: &TestApp, person: &mut Person) {
    let session = person.browser.session().unwrap();
    person.browser = app.browser();
    person.browser.set_session(&session);
}

/// How many entries say that the key was changed.
async fn changes(app: &TestApp, organization: OrganizationId) -> usize {
    let lines = app.export(organization).await.0;
    lines.iter().filter(|line| matches!(Entry::parse(line).unwrap().what, What::KeyChange(_))).count()
}

async fn what_was_signed_before_and_after_verifies(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    app.live_in_the_present();
    let mut admin = app.admin("ada@example.org").await;
    let organization = admin.organization;
    let (before, kept) = app.export(organization).await;
    // One that was never activated has no history to say it.
    app.founder("eve@example.net").await;
    let desk = desk(database);
    rotate(&desk, &[], 1);
    let secret = secret_of(&desk);
    assert_ne!(secret.trim(), SECRET);
    assert_eq!(fs::metadata(desk.path("data/secret")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(names_in(&desk.path("data")), ["secret"]);
    desk.check().assert_fine();

    let there = with_secret(&app, database, &secret).await;
    move_to(&there, &mut admin);
    admin.sign(&create_user("bob@example.org")).await;
    there.verify(organization).await;
    let (lines, note) = there.export(organization).await;
    assert_eq!((lines.len(), &lines[..before.len()]), (before.len() + 2, before.as_slice()));

    let ran = desk.run(&["export", "history.jsonl", "--organization", &organization.to_string()]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let verify = |name: &str, note: &str| {
        fs::write(desk.path(name), note).unwrap();
        desk.run(&["verify", "--checkpoint", name, "history.jsonl"])
    };
    for (name, note) in [("of-before", &kept), ("of-now", &note)] {
        let ran = verify(name, note);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{name}");
        assert!(ran.stdout.contains("\nCheckpoints were signed by localhost:3000+"), "{}", ran.stdout);
        let changed = format!("\nEntry {} changes the server's key: checkpoints of {} entries", before.len(), before.len() + 1);
        assert!(ran.stdout.contains(&changed), "{}", ran.stdout);
    }
    // Whoever stole the secret of before signs what nobody believes: nothing later, and nothing else of then.
    let mut tree = Frontier::default();
    for line in &lines {
        tree.append(line.as_bytes());
    }
    let stolen = app.services.road.checkpoint(organization, &tree).unwrap();
    let ran = verify("stolen", &stolen);
    assert_eq!(ran.code, Some(1), "{}", ran.stdout);
    assert!(ran.stderr.contains("stolen doesn't fit: the checkpoint's signature isn't valid"), "{}", ran.stderr);
    let mut tree = Frontier::default();
    for line in &before {
        tree.append(line.replace("ada@", "eve@").as_bytes());
    }
    let rewritten = app.services.road.checkpoint(organization, &tree).unwrap();
    let ran = verify("rewritten", &rewritten);
    assert!(ran.stderr.contains("rewritten doesn't fit: the entries aren't the ones"), "{}", ran.stderr);

    // And once more, from that one on.
    rotate(&desk, &[], 1);
    let there = with_secret(&app, database, &secret_of(&desk)).await;
    there.verify(organization).await;
    assert_eq!(changes(&there, organization).await, 2);
}

async fn admins_are_told_and_every_page_shows_it(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    app.live_in_the_present();
    let mut admin = app.admin("ada@example.org").await;
    let full_admin = admin.permission("Full admin").await;
    app.colleague(&mut admin, "cleo@example.org", &[&full_admin]).await;
    app.colleague(&mut admin, "bob@example.org", &[]).await;
    let desk = desk(database);
    rotate(&desk, &[], 1);
    let there = with_secret(&app, database, &secret_of(&desk)).await;
    move_to(&there, &mut admin);
    let page: HistoryPage = admin.browser.call("history", &[]).await.done();
    let newest = Entry::parse(&page.lines[0]).unwrap();
    for email in ["ada@example.org", "cleo@example.org"] {
        let mail = there.mails_to(email).await.remove(0);
        assert_eq!(mail.subject, "The key that signs your organization's history was changed");
        assert!(mail.text.contains(&format!("/org/history/{}", newest.index)), "{}", mail.text);
    }
    let told = there.mails_to("bob@example.org").await;
    assert!(told.iter().all(|mail| !mail.subject.contains("The key")), "only admins are told");

    assert!(newest.is_loud());
    assert_eq!(newest.summary().unwrap().sentence, "Changed the key by which the server signs checkpoints");
    // What their browsers need to verify it.
    let registrations: Vec<Entry> = page.registrations.iter().map(|line| Entry::parse(line).unwrap()).collect();
    let What::KeyChange(change) = &newest.what else { panic!("{newest:?}") };
    let signatures = reader::key_change(&registrations, &newest, change).unwrap();
    assert!(signatures.len() == 2 && signatures.iter().all(|signed| signed.key.verify(&signed.message, &signed.signature).is_ok()));
    let path = format!("/org/history/{}", newest.index);
    for path in ["/org/history", &path] {
        let html = admin.browser.get(path).await.text().to_owned();
        assert!(html.contains("loud") && html.contains("Changed the key by which the server signs checkpoints"), "{path}: {html}");
    }
    let html = admin.browser.get(&path).await.text().to_owned();
    for key in app_keys(&app, &there) {
        assert!(html.contains(&key), "{key}: {html}");
    }
    let caller = there.caller(&mut admin).await;
    let keys = caller.get("/countersign/v1/keys").await.answer();
    let [first, second] = app_keys(&app, &there);
    assert_eq!(keys, json!({ "items": [{ "from": 1, "key": first }, { "from": newest.index + 1, "key": second }] }));
    let log = caller.get(&format!("/auth/action/logs/{}", EntryId::new(newest.organization, newest.index))).await.answer();
    assert_eq!((log["action"].as_str(), log["actionToken"].as_str()), (Some("change_key"), Some(change.statement.to_string().as_str())));
}

/// The public keys of two servers.
fn app_keys(before: &TestApp, after: &TestApp) -> [String; 2] {
    [before, after].map(|app| app.services.road.signer().key().to_owned())
}

async fn people_stay_signed_in_and_tokens_count_no_more(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    app.live_in_the_present();
    let mut admin = app.admin("ada@example.org").await;
    let token = app.caller(&mut admin).await.token;
    let desk = desk(database);
    rotate(&desk, &[], 1);
    let there = with_secret(&app, database, &secret_of(&desk)).await;
    move_to(&there, &mut admin);
    assert_eq!(admin.browser.viewer().await.verdict(), DONE);
    let mut caller = there.caller(&mut admin).await;
    assert_eq!(caller.get("/auth/users").await.status, 200);
    caller.token = token;
    assert_eq!(caller.get("/auth/users").await.status, 401);
}

async fn mails_that_wait_are_sent_all_the_same(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    app.live_in_the_present();
    let mut admin = app.admin("ada@example.org").await;
    admin.invite("bob@example.org").await;
    let before = app.mails_to("bob@example.org").await;
    // What opens under neither stays what it is.
    app.run("UPDATE outbox SET sealed = 'AAAA' WHERE recipient = 'ada@example.org'").await;
    let desk = desk(database);
    rotate(&desk, &[], 1);
    app.run("DELETE FROM outbox WHERE sealed = 'AAAA'").await;
    let there = with_secret(&app, database, &secret_of(&desk)).await;
    assert_eq!(there.mails_to("bob@example.org").await, before);
    there.accept("bob@example.org", admin.organization).await;
    there.verify(admin.organization).await;
}

async fn a_break_glass_is_by_the_key_in_force(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    app.live_in_the_present();
    let mut admin = app.admin("ada@example.org").await;
    let (bob, _) = app.colleague(&mut admin, "bob@example.org", &[]).await;
    let whom = Actor { organization: bob.organization, user: bob.viewer().await.user };
    app.services.road.break_glass(whom).await.unwrap();
    let desk = desk(database);
    rotate(&desk, &[], 1);
    let rows = app.dump().await;
    assert!(matches!(app.services.road.break_glass(whom).await, Err(ActionError::AnotherSecret)));
    assert_eq!(app.dump().await, rows);
    let there = with_secret(&app, database, &secret_of(&desk)).await;
    there.services.road.break_glass(whom).await.unwrap();
    there.verify(admin.organization).await;

    // Both of them verify in a browser, each by its key.
    move_to(&there, &mut admin);
    let page: HistoryPage = admin.browser.call("history", &[]).await.done();
    let registrations: Vec<Entry> = page.registrations.iter().map(|line| Entry::parse(line).unwrap()).collect();
    let mut by = Vec::new();
    for entry in page.lines.iter().map(|line| Entry::parse(line).unwrap()) {
        if let What::BreakGlass(order) = &entry.what {
            let signatures = reader::break_glass(&registrations, &entry, order).unwrap();
            assert!(signatures.iter().all(|signed| signed.key.verify(&signed.message, &signed.signature).is_ok()));
            by.push(signatures.last().unwrap().key.clone());
        }
    }
    assert!(by.len() == 2 && by[0] != by[1]);
}

async fn a_receipt_that_got_lost_before_is_given_by_the_new_key(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    app.live_in_the_present();
    let mut admin = app.admin("ada@example.org").await;
    let prepared = admin.prepared(&create_user("bob@example.org")).await;
    let response = admin.signature(&prepared);
    let receipt: Receipt = admin.commit(&prepared, &response).await.done();
    let desk = desk(database);
    rotate(&desk, &[], 1);
    let there = with_secret(&app, database, &secret_of(&desk)).await;
    move_to(&there, &mut admin);
    admin.invite("cleo@example.org").await;
    let repeat: Receipt = admin.commit(&prepared, &response).await.done();
    assert_eq!((repeat.is_repeat, repeat.index), (true, receipt.index));
    let [first, second] = app_keys(&app, &there);
    assert_eq!(Checkpoint::verify(&receipt.checkpoint, &first).unwrap().size, receipt.index + 1);
    // The first that counts it and that this key may sign.
    let checkpoint = Checkpoint::verify(&repeat.checkpoint, &second).unwrap();
    assert_eq!(checkpoint.size, receipt.index + 2);
    let mut tree = Frontier::default();
    for line in &there.export(admin.organization).await.0[..3] {
        tree.append(line.as_bytes());
    }
    assert_eq!((tree.size(), tree.root()), (checkpoint.size, checkpoint.root));
}

/// The second of three histories can't be written to at first.
async fn what_broke_off_goes_on_when_it_is_run_again(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    app.live_in_the_present();
    let mut organizations = Vec::new();
    for email in ["ada@example.org", "eve@example.net", "zoe@example.com"] {
        organizations.push(app.admin(email).await.organization);
        app.advance(Duration::from_secs(1));
    }
    let frontier = app.text(&format!("SELECT history_frontier FROM organizations WHERE id = '{}'", organizations[1])).await;
    let set = async |to: &str| {
        app.run(&format!("UPDATE organizations SET history_frontier = '{to}' WHERE id = '{}'", organizations[1])).await;
    };
    set("A").await;
    let desk = desk(database);
    for _ in 0..2 {
        assert_refused(&typed(&desk, "rotate", &[]), "it broke off: the row in organizations has an unreadable history_frontier");
        assert_eq!(names_in(&desk.path("data")), ["secret", "secret.next"]);
        assert_eq!(secret_of(&desk), SECRET);
    }
    set(&frontier).await;
    let next = fs::read_to_string(desk.path("data/secret.next")).unwrap();
    assert_eq!(fs::metadata(desk.path("data/secret.next")).unwrap().permissions().mode() & 0o777, 0o600);
    let there = with_secret(&app, database, &next).await;
    let counts = async || {
        let mut counts = Vec::new();
        for organization in &organizations {
            counts.push(changes(&there, *organization).await);
        }
        counts
    };
    assert_eq!(counts().await, [1, 0, 0]);
    // Meanwhile nothing is signed with either, and what is there stays what it is.
    let rows = app.dump().await;
    for arguments in [&["serve"][..], &["export", "x.jsonl"], &["break-glass", "--user", "ada@example.org"]] {
        assert_refused(&desk.run(arguments), "secret.next is still there. Run `countersign rotate-secret` again");
    }
    let ran = desk.check();
    let wrong = ran.wrong();
    assert!(wrong.len() == 1 && wrong[0].contains("secret.next is still there"), "{wrong:?}");
    put_secret(&desk.path("old"), SECRET);
    assert_refused(&typed(&desk, "rotate", &["--from", "old"]), "secret.next is still there");
    assert_eq!(app.dump().await, rows);

    rotate(&desk, &[], 2);
    assert_eq!((secret_of(&desk), names_in(&desk.path("data"))), (next, vec!["secret".to_owned()]));
    assert_eq!(counts().await, [1, 1, 1]);
    for organization in &organizations {
        there.verify(*organization).await;
    }
    let told = there.mails_to("ada@example.org").await;
    assert_eq!(told.iter().filter(|mail| mail.subject.starts_with("The key ")).count(), 1);
    desk.check().assert_fine();
}

async fn a_secret_that_the_operator_keeps_is_exchanged_by_them(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    app.live_in_the_present();
    let organization = app.admin("ada@example.org").await.organization;
    let new = "ab".repeat(32);
    let desk = Desk::new(database.url()).with("COUNTERSIGN_LISTEN", "127.0.0.1:0");
    assert_refused(&typed(&desk, "rotate", &[]), "say where the file is by --from");
    let desk = desk.with("COUNTERSIGN_SECRET", &new);
    assert_refused(&typed(&desk, "rotate", &["--from", "old"]), "there is no secret old");
    put_secret(&desk.path("old"), SECRET);
    fs::set_permissions(desk.path("old"), Permissions::from_mode(0o644)).unwrap();
    assert_refused(&typed(&desk, "rotate", &["--from", "old"]), "old can be read or changed by other users");
    put_secret(&desk.path("old"), SECRET);
    let wrong = desk.check();
    assert!(wrong.wrong()[0].contains("it isn't the one whose key is in force"), "{}", wrong.stdout);
    rotate(&desk, &["--from", "old"], 1);
    // Nothing is left to do.
    rotate(&desk, &["--from", "old"], 0);
    assert_eq!(fs::read_to_string(desk.path("old")).unwrap(), SECRET);
    desk.check().assert_fine();
    let there = with_secret(&app, database, &new).await;
    there.verify(organization).await;
    assert_eq!(changes(&there, organization).await, 1);

    // As after a backup of before was restored, in a folder that has the new one already.
    let later = "cd".repeat(32);
    let desk = desk.without("COUNTERSIGN_SECRET");
    fs::create_dir_all(desk.path("data")).unwrap();
    put_secret(&desk.path("data/secret"), &later);
    put_secret(&desk.path("old"), &new);
    rotate(&desk, &["--from", "old"], 1);
    assert_eq!(secret_of(&desk), later);
    with_secret(&app, database, &later).await.verify(organization).await;
}

async fn another_port_is_a_name_that_history_can_learn(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    app.live_in_the_present();
    let organization = app.admin("ada@example.org").await.organization;
    let origin = "http://localhost:4000";
    let desk = desk(database).with("COUNTERSIGN_ORIGIN", origin);
    assert!(desk.check().wrong()[0].contains("has checkpoints of localhost:3000"));
    rotate(&desk, &[], 1);
    desk.check().assert_fine();
    let there = TestApp::init(database).with_origin(origin).with_secret(&secret_of(&desk)).with_clock_of(&app).await;
    there.verify(organization).await;
}

async fn a_secret_that_never_was_the_servers_changes_nothing(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    app.live_in_the_present();
    let organization = app.admin("ada@example.org").await.organization;
    let desk = desk(database);
    put_secret(&desk.path("data/secret"), &"ef".repeat(32));
    let rows = app.dump().await;
    assert_refused(&typed(&desk, "rotate", &[]), &format!("by neither secret in the history of\n{organization}\n"));
    assert_eq!(app.dump().await, rows);
    assert_eq!(names_in(&desk.path("data")), ["secret"]);
    // Nor does the road itself do it, whoever asks.
    let there = with_secret(&app, database, &"ab".repeat(32)).await;
    let stranger = with_secret(&app, database, &"ef".repeat(32)).await;
    let refused = there.services.road.change_key(organization, stranger.services.road.signer()).await;
    assert!(matches!(refused, Err(ActionError::AnotherSecret)));
    assert_eq!(app.dump().await, rows);
}

async fn nothing_is_done_unless_it_is_meant(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    app.live_in_the_present();
    app.admin("ada@example.org").await;
    let desk = desk(database);
    let rows = app.dump().await;
    for word in ["", "yes", "Rotate"] {
        assert_refused(&typed(&desk, word, &[]), "what was typed isn't rotate: nothing was changed");
    }
    // A server of this machine would go on with the key of before.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let desk = desk.with("COUNTERSIGN_LISTEN", &address);
    assert_refused(&typed(&desk, "rotate", &[]), &format!("something listens on {address}: stop the server"));
    drop(taken);
    fs::remove_file(desk.path("data/secret")).unwrap();
    assert_refused(&typed(&desk, "rotate", &[]), "there is no secret ");
    assert_eq!(names_in(&desk.path("data")), [""; 0]);
    assert_eq!(app.dump().await, rows);
}

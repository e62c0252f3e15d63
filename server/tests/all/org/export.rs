//! History as a file: by its page's link, by the command on the server's machine, and verified by the command on any machine,
//! which finds whatever was done to it.

use crate::support::{
    answer::DONE,
    app::{SECRET, TestApp},
    company::Company,
    database::TestDatabase,
    signing::{create_permission, create_user},
};
use app::{
    action::history::{
        entry::{Entry, What},
        merkle::Frontier,
    },
    domain::{id::OrganizationId, operation::Operation},
};
use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};
use tempfile::TempDir;

on_both_databases!(
    the_export_is_the_history_and_its_checkpoint,
    the_command_exports_the_same_bytes,
    a_long_export_is_whole_and_as_old_as_its_beginning
);

on_sqlite!(
    an_export_verifies_anywhere_and_says_so_in_one_line,
    an_entry_that_was_changed_is_named,
    entries_that_were_dropped_swapped_repeated_or_cut_are_named,
    a_cut_end_is_shown_by_a_checkpoint_that_was_kept,
    a_checkpoint_that_was_kept_shows_another_history,
    what_is_no_export_does_not_verify,
);

/// What came of running the command.
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ran {
    /// What went wrong, when something did and nothing else was said.
    #[track_caller]
    fn problem(&self) -> &str {
        assert_eq!((self.code, self.stdout.as_str()), (Some(1), ""), "{}", self.stderr);
        let line = self.stderr.strip_suffix('\n').expect("a line");
        assert!(!line.contains('\n'), "{line}");
        line.strip_prefix("Not verified: ").unwrap_or_else(|| panic!("{line}"))
    }
}

/// Runs `countersign` with these arguments and nothing of this environment but what is given here.
fn countersign(arguments: &[&str], environment: &[(&str, &str)], input: &[u8]) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may stop reading before the end.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A folder with an export in it, which is written anew for each try.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn verify(&self, export: impl AsRef<[u8]>, kept: &[&str]) -> Ran {
        let mut arguments = vec!["verify".to_owned(), self.put("history.jsonl", export)];
        for (number, note) in kept.iter().enumerate() {
            arguments.push("--checkpoint".to_owned());
            arguments.push(self.put(&format!("checkpoint{number}"), note));
        }
        countersign(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), &[], b"")
    }
}

fn in_lines(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}

/// An export of these lines.
fn written(lines: &[String], checkpoint: &str) -> String {
    let last = serde_json::json!({ "checkpoint": checkpoint }).to_string();
    in_lines(lines) + &last + "\n"
}

/// An organization with a dozen entries of every kind.
async fn story(app: &TestApp) -> Company {
    let mut company = Company::open(app, "example.org").await;
    for change in company.every_change() {
        // Whoever was shut out can't be given anything.
        let verdict = company.admin.verdict_on(&change).await;
        assert!(verdict == DONE || verdict.0 == 404 || verdict.0 == 409, "{change:?}: {verdict:?}");
    }
    company
}

async fn the_export_is_the_history_and_its_checkpoint(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let company = story(&app).await;
    let organization = company.admin.organization;
    let answer = company.admin.browser.get("/org/history/export").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/jsonl; charset=utf-8");
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"history.jsonl\"");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let (lines, checkpoint) = app.export(organization).await;
    assert_eq!(answer.text(), written(&lines, &checkpoint));
    assert!(lines.len() > 12);
    // As in the database, and as on the entries' pages.
    for (index, line) in lines.iter().enumerate() {
        let kept = app.text(&format!("SELECT line FROM history WHERE organization_id = '{organization}' AND entry_index = {index}")).await;
        assert_eq!(*line, kept);
        assert_eq!(Entry::parse(line).unwrap().index, index as u64);
    }
    // Asking again, or by HEAD, changes nothing.
    assert_eq!(company.admin.browser.get("/org/history/export").await.text(), answer.text());
    assert_eq!(company.admin.browser.open(axum::http::Method::HEAD, "/org/history/export").await.status, 200);
    assert_eq!(company.admin.browser.open(axum::http::Method::POST, "/org/history/export").await.status, 405);
}

/// The settings of a server over this database.
fn settings<'a>(database: &'a TestDatabase, site: &'a str, data: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("COUNTERSIGN_DATABASE_URL", database.url()),
        ("COUNTERSIGN_SECRET", SECRET),
        ("COUNTERSIGN_SITE_ROOT", site),
        ("COUNTERSIGN_DATA_DIR", data),
    ]
}

async fn the_command_exports_the_same_bytes(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut company = story(&app).await;
    let own = company.admin.organization.to_string();
    let desk = Desk::new();
    let data = desk.folder.path().join("data");
    let settings = settings(database, app.site().to_str().unwrap(), data.to_str().unwrap());
    let by_link = company.admin.browser.get("/org/history/export").await.text().to_owned();

    let ran = countersign(&["export"], &settings, b"");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), by_link.as_str()), "{}", ran.stderr);
    let path = desk.folder.path().join("file.jsonl");
    let file = path.to_str().unwrap();
    let ran = countersign(&["export", file, "--organization", &own], &settings, b"");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(&path).unwrap(), by_link);
    assert_eq!(countersign(&["verify", file], &[], b"").code, Some(0));
    // A file that is there isn't written over.
    company.admin.sign(&create_permission("One more", &[Operation::UsersRead])).await;
    let ran = countersign(&["export", file], &settings, b"");
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.starts_with("countersign can't go on: the export can't be written: "), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(&path).unwrap(), by_link);

    // With a second organization one has to say which.
    let other = app.admin("eve@example.org").await;
    let ran = countersign(&["export"], &settings, b"");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    for part in ["there are 2 active organizations; say which one with --organization:", &own, &other.organization.to_string()] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    let ran = countersign(&["export", "--organization", &other.organization.to_string()], &settings, b"");
    assert_eq!(ran.stdout, other.browser.get("/org/history/export").await.text());
    let ran = countersign(&["export", "--organization", &OrganizationId::from_bytes([7; 16]).to_string()], &settings, b"");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    assert!(ran.stderr.contains("there is no such organization"), "{}", ran.stderr);
    let ran = countersign(&["export", "--organization", &company.active.id.to_string()], &settings, b"");
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    // Under another secret it isn't this server: its checkpoint is nothing to those who verify.
    let another = SECRET.replace('0', "1");
    let settings: Vec<_> =
        settings.into_iter().map(|(name, value)| (name, if name == "COUNTERSIGN_SECRET" { another.as_str() } else { value })).collect();
    let ran = countersign(&["export", "--organization", &own], &settings, b"");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let verified = desk.verify(&ran.stdout, &[]);
    assert!(verified.problem().starts_with("the checkpoint doesn't fit: the checkpoint's signature isn't valid"), "{}", verified.stderr);
}

async fn a_long_export_is_whole_and_as_old_as_its_beginning(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let organization = admin.organization;
    app.lengthen(organization, (0..1_502).map(|line| format!("{{\"line\":{line}}}"))).await;
    let (lines, _) = app.export(organization).await;
    let expected: Vec<String> = (0..1_502).map(|line| format!("{{\"line\":{line}}}")).collect();
    assert_eq!(lines[1..], expected);
    // What is appended while it goes on isn't part of it, and its checkpoint doesn't count it.
    let mut export = app.services.road.export(organization, 0).await.unwrap().unwrap();
    let mut text = export.next().await.unwrap().unwrap();
    admin.sign(&create_user("bob@example.org")).await;
    while let Some(chunk) = export.next().await.unwrap() {
        text.push_str(&chunk);
    }
    assert_eq!(text.lines().count(), 1_504);
    let mut frontier = Frontier::default();
    for line in &lines {
        frontier.append(line.as_bytes());
    }
    let note = app.services.road.checkpoint(organization, &frontier).unwrap();
    assert_eq!(text, written(&lines, &note));
    // When the organization is gone before the end, there is no checkpoint, and so it doesn't verify.
    let mut export = app.services.road.export(organization, 0).await.unwrap().unwrap();
    let mut text = export.next().await.unwrap().unwrap();
    app.run(&format!("DELETE FROM organizations WHERE id = '{organization}'")).await;
    while let Some(chunk) = export.next().await.unwrap() {
        text.push_str(&chunk);
    }
    assert!(text.lines().count() < 1_503 && !text.contains("checkpoint\":\""), "{}", text.lines().count());
    assert!(app.services.road.export(organization, 0).await.unwrap().is_none());
}

async fn an_export_verifies_anywhere_and_says_so_in_one_line(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let company = story(&app).await;
    let organization = company.admin.organization;
    let (lines, checkpoint) = app.export(organization).await;
    let state = app.state(organization).await;
    let root = checkpoint.lines().nth(2).unwrap();
    let line = format!(
        "Verified: {} entries of “Acme” ({organization}), {} users, {} programs, {} permissions; root {root}\n",
        lines.len(),
        state.users.values().filter(|user| user.kind.is_person()).count(),
        state.users.values().filter(|user| !user.kind.is_person()).count(),
        state.permissions.len()
    );
    let (desk, export) = (Desk::new(), written(&lines, &checkpoint));
    let ran = desk.verify(&export, &[]);
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), line.as_str(), ""));
    // From standard input, and with whatever checkpoints were kept on the way.
    let ran = countersign(&["verify", "-"], &[], export.as_bytes());
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), line.as_str(), ""));
    let kept = kept_on_the_way(&app, organization, &lines);
    let ran = desk.verify(&export, &kept.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), line.as_str(), ""));
    let ran = desk.verify(export.trim_end(), &[]);
    assert_eq!(ran.code, Some(0), "an editor took the last line break away: {}", ran.stderr);
    // Every kind of entry is in it.
    let has = |wanted: fn(&What) -> bool| lines.iter().any(|line| wanted(&Entry::parse(line).unwrap().what));
    assert!(has(|what| matches!(what, What::Genesis(_))) && has(|what| matches!(what, What::Registration(_))));
}

/// The checkpoint after each entry, as receipts carried them.
fn kept_on_the_way(app: &TestApp, organization: OrganizationId, lines: &[String]) -> Vec<String> {
    let mut frontier = Frontier::default();
    let notes = lines.iter().map(|line| {
        frontier.append(line.as_bytes());
        app.services.road.checkpoint(organization, &frontier).unwrap()
    });
    notes.collect()
}

async fn an_entry_that_was_changed_is_named(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let company = story(&app).await;
    let (lines, checkpoint) = app.export(company.admin.organization).await;
    let desk = Desk::new();
    // The checkpoint, too, can be one over the changed lines: then nothing but the entries themselves shows it.
    let resigned = |lines: &[String]| {
        let note = kept_on_the_way(&app, company.admin.organization, lines).pop().unwrap();
        written(lines, &note)
    };
    let mut named = 0;
    for (index, line) in lines.iter().enumerate() {
        let Ok(Entry { what: What::Action(_), .. }) = Entry::parse(line) else { continue };
        // A symbol of what the passkey signed with, of what it signed, and of the document.
        for member in ["\"signature\":\"", "\"authenticator_data\":\"", "\"document\":\"", "\"client_data\":\""] {
            let mut lines = lines.clone();
            let place = line.find(member).unwrap() + member.len() + 30;
            let other = if line.as_bytes()[place] == b'A' { "B" } else { "A" };
            lines[index].replace_range(place..=place, other);
            for export in [written(&lines, &checkpoint), resigned(&lines)] {
                let ran = desk.verify(export, &[]);
                assert!(ran.problem().starts_with(&format!("entry {index} is bad: ")), "{index} {member}: {}", ran.stderr);
                named += 1;
            }
        }
    }
    assert!(named > 60, "{named}");
    // Any byte of anything: whatever isn't found in the entry is found by one that comes later, or by the checkpoint.
    let export = written(&lines, &checkpoint).into_bytes();
    for place in (0..export.len()).step_by(export.len() / 60) {
        for changed in [export[place] ^ 1, 0xff, b'\n'] {
            if export[place] == changed {
                continue;
            }
            let mut export = export.clone();
            export[place] = changed;
            let index = export[..place].split(|byte| *byte == b'\n').count() - 1;
            let ran = desk.verify(&export, &[]);
            let problem = ran.problem();
            let named: Option<usize> = problem.strip_prefix("entry ").map(|rest| rest.split(' ').next().unwrap().parse().unwrap());
            assert!(named.is_some_and(|named| named >= index) || problem.starts_with("the checkpoint doesn't fit: "), "{place}: {problem}");
        }
    }
    // What isn't text is found where it stands.
    let mut broken = written(&lines, &checkpoint).into_bytes();
    let place = lines[0].len() + 1 + lines[1].len() / 2;
    broken[place] = 0xff;
    let ran = desk.verify(&broken, &[]);
    assert!(ran.problem().starts_with("entry 1 is bad: "), "{}", ran.stderr);
}

async fn entries_that_were_dropped_swapped_repeated_or_cut_are_named(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let company = story(&app).await;
    let (lines, checkpoint) = app.export(company.admin.organization).await;
    let desk = Desk::new();
    let last = lines.len() - 1;
    for index in 0..=last {
        let mut dropped = lines.clone();
        dropped.remove(index);
        let expected = if index == last {
            format!("the checkpoint doesn't fit: the checkpoint counts {} entries, and here are {last}", last + 1)
        } else {
            format!("entry {index} is bad: this is entry {} where entry {index} must be", index + 1)
        };
        assert_eq!(desk.verify(written(&dropped, &checkpoint), &[]).problem(), expected);

        let mut repeated = lines.clone();
        repeated.insert(index, lines[index].clone());
        let next = index + 1;
        assert_eq!(
            desk.verify(written(&repeated, &checkpoint), &[]).problem(),
            format!("entry {next} is bad: this is entry {index} where entry {next} must be")
        );

        if index < last {
            let mut swapped = lines.clone();
            swapped.swap(index, next);
            assert_eq!(
                desk.verify(written(&swapped, &checkpoint), &[]).problem(),
                format!("entry {index} is bad: this is entry {next} where entry {index} must be")
            );
        }

        let mut cut = lines.clone();
        cut[index].truncate(lines[index].len() / 2);
        let ran = desk.verify(written(&cut, &checkpoint), &[]);
        assert!(ran.problem().starts_with(&format!("entry {index} is bad: the entry can't be read: ")), "{}", ran.stderr);
    }
}

async fn a_cut_end_is_shown_by_a_checkpoint_that_was_kept(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let company = story(&app).await;
    let organization = company.admin.organization;
    let (lines, checkpoint) = app.export(organization).await;
    let desk = Desk::new();
    let kept = kept_on_the_way(&app, organization, &lines);
    assert_eq!(kept.last(), Some(&checkpoint));
    for length in 1..lines.len() {
        // The history as it was then is a history; whoever has nothing from later can't know.
        let cut = written(&lines[..length], &kept[length - 1]);
        let ran = desk.verify(&cut, &[]);
        assert_eq!(ran.code, Some(0), "{length}: {}", ran.stderr);
        let ran = desk.verify(&cut, &[&kept[length - 1]]);
        assert_eq!(ran.code, Some(0), "{length}: {}", ran.stderr);
        let ran = desk.verify(&cut, &[&kept[length / 2], &checkpoint]);
        let path = desk.folder.path().join("checkpoint1");
        assert_eq!(
            ran.problem(),
            format!(
                "the kept checkpoint {} doesn't fit: the checkpoint counts {} entries, and here are {length}",
                path.display(),
                lines.len()
            )
        );
    }
}

async fn a_checkpoint_that_was_kept_shows_another_history(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let company = story(&app).await;
    let organization = company.admin.organization;
    let (lines, checkpoint) = app.export(organization).await;
    let desk = Desk::new();
    let path = desk.folder.path().join("checkpoint0");
    let kept = |export: &str, note: &str| {
        let ran = desk.verify(export, &[note]);
        let problem = ran.problem().to_owned();
        problem
            .strip_prefix(&format!("the kept checkpoint {} doesn't fit: ", path.display()))
            .map_or(Err(problem.clone()), |why| Ok(why.to_owned()))
    };
    // As long, but with something else in it: the server forgot what it signed.
    let mut others = lines.clone();
    others[3] = others[3].replacen("\"executed_at\":4", "\"executed_at\":5", 1);
    assert_ne!(others, lines);
    for length in [4, 7, lines.len()] {
        let note = kept_on_the_way(&app, organization, &others[..length]).pop().unwrap();
        assert_eq!(
            kept(&written(&lines, &checkpoint), &note),
            Ok("the entries aren't the ones that the checkpoint was signed over: the roots differ".to_owned())
        );
    }
    // Another organization's, another key's, and none at all.
    let other = app.admin("eve@example.org").await;
    let (_, of_other) = app.export(other.organization).await;
    assert_eq!(kept(&written(&lines, &checkpoint), &of_other), Ok(format!("the checkpoint is of {}", other.organization)));
    let forged = checkpoint.replacen(&format!("\n{}\n", lines.len()), "\n5\n", 1);
    assert_ne!(forged, checkpoint);
    assert!(kept(&written(&lines, &checkpoint), &forged).unwrap().starts_with("the checkpoint's signature isn't valid"));
    assert!(kept(&written(&lines, &checkpoint), "nonsense").unwrap().starts_with("the checkpoint isn't a signed note"));
    // A bad entry is named, even where a kept checkpoint would show it as well.
    let mut changed = lines.clone();
    let index = lines.iter().position(|line| line.contains("\"signature\":\"") && line.contains("\"document\":\"")).unwrap();
    let place = lines[index].find("\"signature\":\"").unwrap() + 50;
    let other = if lines[index].as_bytes()[place] == b'A' { "B" } else { "A" };
    changed[index].replace_range(place..=place, other);
    let note = kept_on_the_way(&app, organization, &lines[..=index + 1]).pop().unwrap();
    let found = kept(&written(&changed, &checkpoint), &note);
    assert_eq!(found, Err(format!("entry {index} is bad: the signature isn't valid for this credential and this document")));
}

async fn what_is_no_export_does_not_verify(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let company = story(&app).await;
    let (lines, checkpoint) = app.export(company.admin.organization).await;
    let (desk, export, size) = (Desk::new(), written(&lines, &checkpoint), lines.len());
    let without = in_lines(&lines);
    let last = export.strip_prefix(&without).unwrap();
    for (what, content, problem) in [
        ("without a checkpoint", without.clone(), format!("after {size} entries there is no checkpoint: the export is incomplete")),
        ("nothing", String::new(), "after 0 entries there is no checkpoint: the export is incomplete".to_owned()),
        ("only a checkpoint", last.to_owned(), "the checkpoint doesn't fit: there is no entry at all".to_owned()),
        ("the checkpoint first", format!("{last}{without}"), "something follows the checkpoint, which must be the last line".to_owned()),
        ("two checkpoints", format!("{export}{last}"), "something follows the checkpoint, which must be the last line".to_owned()),
        ("two histories", format!("{export}{export}"), "something follows the checkpoint, which must be the last line".to_owned()),
    ] {
        assert_eq!(desk.verify(content, &[]).problem(), problem, "{what}");
    }
    let endless = format!("{}\n", "x".repeat(3 * 1024 * 1024));
    for (what, content) in [
        ("another line break", export.replace('\n', "\r\n")),
        ("an empty line", format!("\n{export}")),
        ("a mark of Windows", format!("\u{feff}{export}")),
        ("something else", "<!DOCTYPE html>\n".to_owned()),
        ("an endless line", endless),
        ("spaces", export.replacen("{\"index\"", "{ \"index\"", 1).replacen("{\"", "{ \"", 1)),
    ] {
        let ran = desk.verify(content, &[]);
        assert!(ran.problem().starts_with("entry 0 is bad: "), "{what}: {}", ran.stderr);
    }
    let nowhere = desk.folder.path().join("nowhere").to_str().unwrap().to_owned();
    let folder = desk.folder.path().to_str().unwrap().to_owned();
    let good = desk.put("good.jsonl", &export);
    for arguments in [vec!["verify", &nowhere], vec!["verify", &folder], vec!["verify", &good, "--checkpoint", &nowhere]] {
        let ran = countersign(&arguments, &[], b"");
        assert!(ran.problem().contains(" can't be read: "), "{arguments:?}: {}", ran.stderr);
    }
    assert_eq!(countersign(&["verify"], &[], b"").code, Some(2));
    assert!(Path::new(&good).is_file());
}

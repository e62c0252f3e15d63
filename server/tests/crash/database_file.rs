//! The file of SQLite can't be written: at the start, and while the server runs.

use crate::{
    cluster::is_root,
    support::database::TestDatabase,
    world::{World, program},
};
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
};

/// So many changes are acknowledged before and after.
const CHANGES: usize = 10;
/// Somebody whom no file belongs to.
const NOBODY: &str = "65534";

/// Root may write everything, so the server runs as somebody else then.
fn as_somebody(program: &str) -> Vec<String> {
    let (user, group) = (format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"));
    let words: Vec<&str> = if is_root() { vec!["setpriv", &user, &group, "--clear-groups", "--", program] } else { vec![program] };
    words.into_iter().map(str::to_owned).collect()
}

/// Files that not even those who have them open may write.
struct Immutable<'a>([&'a str; 2]);

impl<'a> Immutable<'a> {
    fn new(files: [&'a str; 2]) -> Self {
        assert!(run(&[&["chattr", "+i"], &files[..]].concat()));
        Self(files)
    }
}

/// Also when the test failed: otherwise nobody could remove them.
impl Drop for Immutable<'_> {
    fn drop(&mut self) {
        run(&[&["chattr", "-i"], &self.0[..]].concat());
    }
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn run(words: &[&str]) -> bool {
    Command::new(words[0]).args(&words[1..]).stderr(std::process::Stdio::null()).status().unwrap().success()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_start_says_that_the_file_cannot_be_written() {
    let database = TestDatabase::sqlite();
    let mut world = World::found("a file that can't be written", &database).await;
    let file = Path::new(database.url().trim_start_matches("sqlite:"));
    let folder = file.parent().unwrap();
    // Whoever runs the server can read the program and the site, wherever the checkout is.
    let ours = world.folder.path().join("countersign");
    fs::hard_link(program(), &ours).or_else(|_| fs::copy(program(), &ours).map(drop)).unwrap();
    allow(world.folder.path(), 0o755);
    let command = as_somebody(ours.to_str().unwrap());
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    if is_root() {
        assert!(run(&["chown", "-R", NOBODY, folder.to_str().unwrap()]));
    }
    let mut server = world.try_by(&command, database.url(), &[]).await.unwrap_or_else(|said| panic!("{said}"));
    world.goes_on(&server, CHANGES).await;
    assert!(server.stop().success());

    for (what, file_mode, folder_mode, why) in [
        (
            "the file",
            0o444,
            0o755,
            "it can't be written: the user that runs this program needs write access to the file, to those beside it",
        ),
        (
            "file and folder",
            0o444,
            0o555,
            "it can't be written: the user that runs this program needs write access to the file, to those beside it",
        ),
        ("nothing can be read", 0o000, 0o755, "the database is locked or can't be reached\n  because"),
    ] {
        allow(file, file_mode);
        allow(folder, folder_mode);
        let said = server.restart().await.err().unwrap_or_else(|| panic!("{what}: it starts"));
        let path = file.to_str().unwrap();
        assert!(said.contains(&format!("countersign can't go on: the database sqlite:{path} can't be used: {why}")), "{what}: {said}");
        assert!(!said.contains("panicked"), "{said}");
        allow(folder, 0o755);
        // SQLite gives those beside it the same mode.
        for entry in fs::read_dir(folder).unwrap() {
            allow(&entry.unwrap().path(), 0o644);
        }
        server.restart().await.unwrap_or_else(|said| panic!("{what}: {said}"));
        world.goes_on(&server, CHANGES).await;
        assert!(server.stop().success());
    }
    if is_root() {
        assert!(run(&["chown", "-R", "0", folder.to_str().unwrap()]));
    }
    world.check(&database).await;
    world.report("3 starts refused");
    assert!(world.ledger.acknowledged() >= 4 * CHANGES);
    assert_eq!(world.ledger.refused_at_all() + world.ledger.unknown(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_file_that_cannot_be_written_for_a_while_is_written_again_afterwards() {
    let database = TestDatabase::sqlite();
    let mut world = World::found("a file that can't be written for a while", &database).await;
    let mut server = world.server(database.url()).await;
    let file = database.url().trim_start_matches("sqlite:");
    let log = format!("{file}-wal");
    if !run(&["chattr", "+i", file]) {
        println!("Left out: chattr doesn't make files immutable here. A server that can't write is looked at in full_disk, too.");
        return;
    }
    run(&["chattr", "-i", file]);
    for _ in 0..2 {
        world.goes_on(&server, CHANGES).await;
        let signed = world.aside.sign_in_advance(&server).await;
        let immutable = Immutable::new([file, &log]);
        let acknowledged = world.ledger.acknowledged();
        world.is_full(&server, &signed).await;
        let load = world.load(&[&server]);
        wait_until!(world.ledger.refused_at_all() >= 3 * CHANGES, "changes are refused: {}", server.said());
        assert_eq!(world.ledger.acknowledged(), acknowledged);
        world.loaders = load.end().await;
        drop(immutable);
        world.has_room(&server, &signed).await;
    }
    assert!(server.stop().success(), "{}", server.said());
    world.check(&database).await;
    world.report("not writable twice");
    assert!(world.ledger.acknowledged() >= 4 * CHANGES && world.ledger.refused() > 0);
    assert_eq!(world.ledger.missing(), 0, "the server answers everything");
}

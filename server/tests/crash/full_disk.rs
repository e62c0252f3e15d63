//! The disk is full for a while. Twice: a real small disk, where this machine lets one be mounted, and a limit of what the process may
//! write, which works everywhere.

use crate::{
    cut::Signed,
    load::in_words,
    support::{answer::DONE, database::TestDatabase, live::Server},
    world::{World, program},
};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// So many changes are acknowledged before the disk is full, and after there is room again.
const CHANGES: usize = 10;
/// So many are refused meanwhile.
const REFUSED: usize = 20;

impl World {
    /// What a full disk lets people do.
    pub async fn is_full(&mut self, server: &Server, signed: &Signed) {
        let answer = self.ledger.hand_in(&self.aside, &signed.change, &signed.prepared, &signed.signature).await;
        in_words(&answer);
        // Whose session wasn't heard of for ten minutes: that can't be noted now, and nobody is kept from reading by it.
        let reader = server.browser();
        reader.set_session(&self.admin.browser.session().unwrap());
        for path in ["/org/users", "/org/history", "/login", "/health/ready"] {
            let answer = reader.get(path).await;
            assert_eq!(answer.status, 200, "{path}: {}\n{}", answer.text(), server.said());
        }
    }

    /// There is room again: what was refused can be handed in again as it is, and everybody goes on.
    pub async fn has_room(&mut self, server: &Server, signed: &Signed) {
        let answer = self.ledger.hand_in(&self.aside, &signed.change, &signed.prepared, &signed.signature).await;
        assert_eq!(answer.verdict(), DONE, "{}", answer.text());
        self.goes_on(server, CHANGES).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_cannot_be_written_is_refused_until_there_is_room() {
    let database = TestDatabase::sqlite();
    let mut world = World::found("nothing can be written", &database).await;
    // The signal would end the program, as it would any; a disk that is full sends none.
    let command = ["sh", "-c", "trap '' XFSZ; exec \"$0\"", program().to_str().unwrap()];
    let mut server = world.try_by(&command, database.url(), &[]).await.unwrap_or_else(|said| panic!("{said}"));
    world.goes_on(&server, CHANGES).await;
    for _ in 0..2 {
        let signed = world.aside.sign_in_advance(&server).await;
        limit(&server, "0");
        let (acknowledged, refused) = (world.ledger.acknowledged(), world.ledger.refused_at_all());
        world.is_full(&server, &signed).await;
        let load = world.load(&[&server]);
        wait_until!(world.ledger.refused_at_all() >= refused + REFUSED, "changes are refused: {}", server.said());
        assert_eq!(world.ledger.acknowledged(), acknowledged, "nothing is acknowledged that can't be written");
        world.loaders = load.end().await;
        limit(&server, "unlimited");
        world.has_room(&server, &signed).await;
        // And in the middle of a load, when commits are under way.
        let load = world.load(&[&server]);
        let acknowledged = world.ledger.acknowledged();
        wait_until!(world.ledger.acknowledged() >= acknowledged + CHANGES, "changes are acknowledged");
        let refused = world.ledger.refused_at_all();
        limit(&server, "0");
        wait_until!(world.ledger.refused_at_all() >= refused + REFUSED, "changes are refused: {}", server.said());
        limit(&server, "unlimited");
        let acknowledged = world.ledger.acknowledged();
        wait_until!(world.ledger.acknowledged() >= acknowledged + CHANGES, "it recovers by itself: {}", server.said());
        world.loaders = load.end().await;
        world.check(&database).await;
    }
    assert!(server.stop().success(), "{}", server.said());
    world.check(&database).await;
    world.report("nothing could be written 4 times");
    assert!(world.ledger.acknowledged() >= 7 * CHANGES && world.ledger.refused() > 0);
    assert_eq!(world.ledger.missing(), 0, "the server answers everything");
}

/// Up to which place in a file the server may write.
fn limit(server: &Server, bytes: &str) {
    let (pid, limit) = (server.id().to_string(), format!("--fsize={bytes}:"));
    let done = Command::new("prlimit").args(["--pid", &pid, &limit]).status().expect("util-linux has prlimit");
    assert!(done.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_full_disk_is_refused_until_there_is_room() {
    let beginning = TestDatabase::sqlite();
    let mut world = World::found("a full disk", &beginning).await;
    let Some(disk) = Disk::mount(&world.folder.path().join("disk")) else {
        println!("A full disk is left out: nothing can be mounted here. What can't be written is looked at all the same.");
        return;
    };
    let from = PathBuf::from(beginning.url().trim_start_matches("sqlite:"));
    fs::copy(&from, disk.seen_from_here().join("test.db")).unwrap();
    let url = format!("sqlite:{}", disk.folder.join("test.db").display());
    let command: Vec<&str> = disk.enter.iter().map(String::as_str).chain([program().to_str().unwrap()]).collect();
    let mut server = world.try_by(&command, &url, &[]).await.unwrap_or_else(|said| panic!("{said}"));
    for _ in 0..2 {
        world.goes_on(&server, CHANGES).await;
        let signed = world.aside.sign_in_advance(&server).await;
        let load = world.load(&[&server]);
        disk.fill();
        // Some go into what the log has already; then there is no room.
        let refused = world.ledger.refused_at_all();
        wait_until!(world.ledger.refused_at_all() >= refused + REFUSED, "changes are refused: {}", server.said());
        world.loaders = load.end().await;
        world.is_full(&server, &signed).await;
        disk.empty();
        world.has_room(&server, &signed).await;
    }
    assert!(server.stop().success(), "{}", server.said());
    let after = TestDatabase::sqlite();
    fs::copy(disk.seen_from_here().join("test.db"), after.url().trim_start_matches("sqlite:")).unwrap();
    assert!(!disk.seen_from_here().join("test.db-wal").exists(), "who stops writes everything into the database");
    world.check(&after).await;
    world.report("full twice");
    assert!(world.ledger.acknowledged() >= 4 * CHANGES && world.ledger.refused() > 0);
    assert_eq!(world.ledger.missing(), 0, "the server answers everything");
}

/// A disk of a few megabytes that only whoever enters sees, and that goes with the process that holds it.
struct Disk {
    holder: Child,
    folder: PathBuf,
    enter: Vec<String>,
}

impl Disk {
    fn mount(folder: &Path) -> Option<Self> {
        fs::create_dir(folder).unwrap();
        for (unshare, enter) in [(vec!["-m"], vec!["-m"]), (vec!["-r", "-m"], vec!["-U", "--preserve-credentials", "-m"])] {
            let mount = "mount -t tmpfs -o size=12m countersign-test \"$0\" && echo mounted && exec sleep 600";
            let mut holder = Command::new("unshare")
                .args(unshare)
                .args(["sh", "-c", mount])
                .arg(folder)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .ok()?;
            let mut said = String::new();
            BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
            if said == "mounted\n" {
                let mut all = vec!["nsenter".to_owned(), "-t".to_owned(), holder.id().to_string()];
                all.extend(enter.into_iter().map(str::to_owned));
                all.push("--".to_owned());
                return Some(Self { holder, folder: folder.to_owned(), enter: all });
            }
            holder.wait().unwrap();
        }
        None
    }

    fn seen_from_here(&self) -> PathBuf {
        Path::new(&format!("/proc/{}/root", self.holder.id())).join(self.folder.strip_prefix("/").unwrap())
    }

    /// To the last byte.
    fn fill(&self) {
        let mut file = fs::File::create(self.seen_from_here().join("fill")).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
    }

    fn empty(&self) {
        fs::remove_file(self.seen_from_here().join("fill")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

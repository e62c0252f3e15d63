//! A PostgreSQL of one test's own, which may be stopped. `server/tests/postgres.sh` makes it; here it is told to keep what it
//! acknowledges, which the other tests can do without.

use crate::load::PATIENCE;
use sqlx::{Connection, Executor, PgConnection};
use std::{
    env, fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

pub struct Cluster {
    folder: PathBuf,
    _around: TempDir,
    binaries: String,
    pub url: String,
}

impl Cluster {
    /// Makes and starts one, unless PostgreSQL isn't installed and nobody requires it.
    pub async fn start() -> Option<Self> {
        let around = tempfile::tempdir().unwrap();
        // Whoever it belongs to has to get there.
        let open = Command::new("chmod").arg("711").arg(around.path()).status().unwrap();
        assert!(open.success());
        let folder = around.path().join("pg");
        let made = script("start", &folder);
        if made.status.code() == Some(3) {
            let why = String::from_utf8_lossy(&made.stderr);
            assert!(env::var("COUNTERSIGN_REQUIRE_POSTGRES").is_err(), "COUNTERSIGN_REQUIRE_POSTGRES is set, but: {why}");
            eprintln!("PostgreSQL is left out: {why}");
            return None;
        }
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let url = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        let mut cluster = Self { folder, _around: around, binaries: String::new(), url };
        let mut connection = PgConnection::connect(&cluster.url).await.unwrap();
        connection.execute("ALTER SYSTEM SET synchronous_commit = on").await.unwrap();
        connection.execute("SELECT pg_reload_conf()").await.unwrap();
        cluster.binaries =
            sqlx::query_scalar("SELECT setting FROM pg_config WHERE name = 'BINDIR'").fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        wait_until!(cluster.keeps_what_it_acknowledges().await, "the cluster reads its settings again");
        Some(cluster)
    }

    async fn keeps_what_it_acknowledges(&self) -> bool {
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        let setting: String = sqlx::query_scalar("SHOW synchronous_commit").fetch_one(&mut connection).await.unwrap();
        setting == "on"
    }

    /// Stops it, `fast` or `immediate`ly. Both end connections; the second doesn't even say goodbye.
    pub fn stop(&self, mode: &str) {
        let stopped = self.pg_ctl(&["-m", mode, "-w", "stop"]);
        assert!(stopped, "pg_ctl stops it ({mode})");
    }

    /// The main process is killed; the others go when they notice.
    pub fn kill9(&self) {
        let pid = fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        let pid = pid.lines().next().unwrap().to_owned();
        assert!(Command::new("sh").args(["-c", "kill -KILL $0", &pid]).status().unwrap().success());
    }

    /// Starts it again. After a kill this has to wait for what is left of the one before.
    pub async fn start_again(&self) {
        let log = self.folder.join("data/server.log");
        wait_until!(self.pg_ctl(&["-l", log.to_str().unwrap(), "-w", "start"]), "the cluster starts again: {}", log.display());
    }

    fn pg_ctl(&self, arguments: &[&str]) -> bool {
        let data = self.folder.join("data");
        let program = format!("{}/pg_ctl", self.binaries);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--", &program]);
            command
        } else {
            Command::new(program)
        };
        let timeout = PATIENCE.as_secs().to_string();
        command.args(["-s", "-t", &timeout, "-D"]).arg(&data).args(arguments).current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        script("stop", &self.folder);
    }
}

fn script(what: &str, folder: &Path) -> std::process::Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/postgres.sh");
    Command::new(script).arg(what).arg(folder).stdin(Stdio::null()).output().unwrap()
}

/// Whether this process may do everything.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

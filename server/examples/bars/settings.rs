//! What is measured, how long, and with how much: the command's arguments name groups, the environment changes figures.

use crate::place::Size;
use std::{env, path::PathBuf};

/// What can be measured alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Changes,
    SignIn,
    Pages,
    Start,
    Memory,
    Verify,
    Sizes,
    Micro,
}

const GROUPS: [(&str, Group); 8] = [
    ("changes", Group::Changes),
    ("sign-in", Group::SignIn),
    ("pages", Group::Pages),
    ("start", Group::Start),
    ("memory", Group::Memory),
    ("verify", Group::Verify),
    ("sizes", Group::Sizes),
    ("micro", Group::Micro),
];

pub struct Settings {
    groups: Vec<Group>,
    /// The release build, unless `COUNTERSIGN_BENCH_PROGRAM` names another.
    pub program: PathBuf,
    /// How long one run takes: `COUNTERSIGN_BENCH_SECONDS`.
    pub seconds: u64,
    /// How many users the large organization has: `COUNTERSIGN_BENCH_USERS`.
    users: u64,
    /// How many entries its history has: `COUNTERSIGN_BENCH_ENTRIES`.
    entries: u64,
    /// What the server is asked in an hour: `COUNTERSIGN_BENCH_REQUESTS`.
    pub requests: u64,
}

impl Settings {
    /// # Errors
    /// A sentence about the first thing that can't be understood.
    pub fn of_this_process() -> Result<Self, String> {
        let mut groups = Vec::new();
        for name in env::args().skip(1) {
            let group = GROUPS.iter().find(|(known, _)| *known == name).map(|(_, group)| *group);
            groups.push(group.ok_or_else(|| format!("{name} can't be measured. There are: {}.", GROUPS.map(|(name, _)| name).join(", ")))?);
        }
        if groups.is_empty() {
            groups.extend(GROUPS.map(|(_, group)| group));
        }
        let program = env::var_os("COUNTERSIGN_BENCH_PROGRAM").map_or_else(|| root().join("target/release/countersign"), PathBuf::from);
        if !program.is_file() {
            return Err(format!("{} isn't there. Build it with `make build`.", program.display()));
        }
        Ok(Self {
            groups,
            program: program.canonicalize().map_err(|error| error.to_string())?,
            seconds: number("COUNTERSIGN_BENCH_SECONDS", 5)?,
            users: number("COUNTERSIGN_BENCH_USERS", 100_000)?,
            entries: number("COUNTERSIGN_BENCH_ENTRIES", 1_000_000)?,
            requests: number("COUNTERSIGN_BENCH_REQUESTS", 36_000)?,
        })
    }

    pub fn wants(&self, group: Group) -> bool {
        self.groups.contains(&group)
    }

    /// Whether anything is measured that needs organizations of several sizes.
    pub fn needs_places(&self) -> bool {
        [Group::Pages, Group::Start, Group::Memory].into_iter().any(|group| self.wants(group))
    }

    /// What memory is measured with.
    pub fn middle(&self) -> Size {
        let users = self.users.min(10_000);
        Size { users, entries: self.entries.min(2 * users) }
    }

    pub fn large(&self) -> Size {
        Size { users: self.users, entries: self.entries }
    }

    /// How long the export is that is verified.
    pub fn exported(&self) -> u64 {
        self.entries.min(100_000)
    }
}

fn number(name: &str, usual: u64) -> Result<u64, String> {
    let Ok(text) = env::var(name) else { return Ok(usual) };
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| format!("{name} has to be a whole number above 0, and is {text}."))
}

/// The folder of the whole project.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

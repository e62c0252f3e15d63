//! `countersign verify FILE`: an export is verified from nothing but itself, with no server and no settings.
//!
//! ```text
//! line ──► Replay (in order, on this thread) ──► signatures, thousands at a time ──► every processor
//! ```

use crate::action::first_bad;
use app::action::history::{
    checkpoint::Checkpoint,
    entry::EntryError,
    replay::{FinishError, PendingSignature, Replay, ReplayError},
    statement::ServerKey,
};
use data_encoding::BASE64;
use serde::Deserialize;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, IsTerminal, Write},
    path::PathBuf,
};

/// What to verify.
#[derive(Debug, Clone, clap::Args)]
pub struct Verify {
    /// The export, as /org/history/export or `countersign export` gives it; `-` for standard input
    file: PathBuf,
    /// A checkpoint that was kept from earlier (a file with a signed note): shows whether the history was cut or rewritten since
    #[arg(long = "checkpoint", value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
}

/// Signatures that are checked together: enough that starting threads costs nothing beside them.
const BATCH: usize = 4096;
/// Lines between two words of progress.
const PROGRESS: u64 = 2000;
/// No line is longer: a document of 32 KiB, twice in base64url, and what is around it.
const LONGEST_LINE: u64 = 1024 * 1024;

/// Why an export doesn't verify.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A file can't be read.
    #[error("{path} can't be read: {source}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// An entry is wrong: the first one.
    #[error("entry {index} is bad: {source}")]
    Entry {
        /// Its place.
        index: u64,
        /// What is wrong with it.
        source: ReplayError,
    },
    /// There is no checkpoint at the end.
    #[error("after {0} entries there is no checkpoint: the export is incomplete")]
    NoCheckpoint(u64),
    /// Something follows the checkpoint.
    #[error("something follows the checkpoint, which must be the last line")]
    AfterCheckpoint,
    /// The checkpoint doesn't fit.
    #[error("the checkpoint doesn't fit: {0}")]
    Checkpoint(FinishError),
    /// A kept checkpoint doesn't fit: the history isn't the one that it was signed over.
    #[error("the kept checkpoint {path} doesn't fit: {source}")]
    Kept {
        /// Which.
        path: String,
        /// Why.
        source: FinishError,
    },
}

/// What was found.
#[derive(Debug)]
pub struct Verified {
    checkpoint: Checkpoint,
    name: String,
    users: usize,
    programs: usize,
    permissions: usize,
    break_glasses: Vec<u64>,
    keys: Vec<ServerKey>,
}

impl std::fmt::Display for Verified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { checkpoint, name, users, programs, permissions, break_glasses, keys } = self;
        write!(
            f,
            "Verified: {} entries of “{name}” ({}), {users} users, {programs} programs, {permissions} permissions; root {}",
            checkpoint.size,
            checkpoint.organization,
            BASE64.encode(&checkpoint.root)
        )?;
        for index in break_glasses {
            write!(
                f,
                "\nEntry {index} is a break-glass: whoever runs the server opened an account, and nobody of the organization signed it"
            )?;
        }
        // What a dishonest server calls its key is nothing for a terminal to obey.
        if let [first, later @ ..] = keys.as_slice()
            && !later.is_empty()
        {
            write!(f, "\nCheckpoints were signed by {} at first", first.key.escape_debug())?;
            for ServerKey { from, key } in later {
                let index = from - 1;
                write!(
                    f,
                    "\nEntry {index} changes the server's key: checkpoints of {from} entries and more are signed by {}",
                    key.escape_debug()
                )?;
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LastLine {
    checkpoint: String,
}

/// Verifies the export.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn verify(what: &Verify) -> Result<Verified, VerifyError> {
    let file = |path: &PathBuf| {
        let path = path.clone();
        move |source| VerifyError::File { path: path.display().to_string(), source }
    };
    let mut kept = Vec::new();
    for path in &what.checkpoints {
        kept.push((path.display().to_string(), std::fs::read_to_string(path).map_err(file(path))?));
    }
    let (input, length): (Box<dyn BufRead>, u64) = if what.file.as_os_str() == "-" {
        (Box::new(BufReader::new(io::stdin())), 0)
    } else {
        let opened = File::open(&what.file).map_err(file(&what.file))?;
        let length = opened.metadata().map(|metadata| metadata.len()).unwrap_or_default();
        (Box::new(BufReader::with_capacity(1 << 20, opened)), length)
    };
    let mut progress = Progress { length, read: 0, shown: io::stderr().is_terminal() };
    let outcome = read(input, &kept, &mut progress, &file(&what.file));
    progress.clear();
    outcome
}

fn read(
    mut input: Box<dyn BufRead>,
    kept: &[(String, String)],
    progress: &mut Progress,
    failed: &dyn Fn(io::Error) -> VerifyError,
) -> Result<Verified, VerifyError> {
    let mut replay = Replay::default();
    let mut pending = Batch::default();
    let mut note = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = io::Read::take(&mut input, LONGEST_LINE).read_until(b'\n', &mut line).map_err(failed)?;
        if read == 0 {
            break;
        }
        progress.line(read as u64, replay.size());
        if note.is_some() {
            pending.check()?;
            return Err(VerifyError::AfterCheckpoint);
        }
        let text = str::from_utf8(line.strip_suffix(b"\n").unwrap_or(&line));
        if let Some(last) = text.ok().and_then(|text| serde_json::from_str::<LastLine>(text).ok()) {
            note = Some(last.checkpoint);
            continue;
        }
        let index = replay.size();
        let entry = text.map_err(|error| ReplayError::from(EntryError::Malformed(error.to_string()))).and_then(|text| replay.entry(text));
        let fitting = match entry {
            Ok(signatures) => {
                pending.add(index, signatures)?;
                check_kept(kept, &replay)
            }
            Err(source) => Err(VerifyError::Entry { index, source }),
        };
        if let Err(error) = fitting {
            // Whatever is wrong before it is told first.
            pending.check()?;
            return Err(error);
        }
    }
    pending.check()?;
    let note = note.ok_or(VerifyError::NoCheckpoint(replay.size()))?;
    let checkpoint = replay.finish(&note).map_err(VerifyError::Checkpoint)?;
    // The others fitted when the history was as long as they say.
    for (path, note) in kept.iter().filter(|(_, note)| counted(note).is_none_or(|size| size > checkpoint.size)) {
        replay.finish(note).map_err(|source| VerifyError::Kept { path: path.clone(), source })?;
    }
    let state = replay.state();
    let count = |are_people: bool| state.map_or(0, |state| state.users.values().filter(|user| user.kind.is_person() == are_people).count());
    Ok(Verified {
        checkpoint,
        name: state.map(|state| state.name.to_string()).unwrap_or_default(),
        users: count(true),
        programs: count(false),
        permissions: state.map_or(0, |state| state.permissions.len()),
        break_glasses: replay.break_glasses().to_vec(),
        keys: replay.keys().to_vec(),
    })
}

/// A kept checkpoint must fit when the history is as long as it says; one that can't be read doesn't fit at all. Each is
/// looked at once: its signature takes as long to check as an entry's.
fn check_kept(kept: &[(String, String)], replay: &Replay) -> Result<(), VerifyError> {
    for (path, note) in kept.iter().filter(|(_, note)| counted(note).is_none_or(|size| size.max(1) == replay.size())) {
        match replay.finish(note) {
            Ok(_) | Err(FinishError::Size { .. }) => {}
            Err(source) => return Err(VerifyError::Kept { path: path.clone(), source }),
        }
    }
    Ok(())
}

/// How many entries a note says that there are, its signature not yet looked at.
fn counted(note: &str) -> Option<u64> {
    note.lines().nth(1)?.parse().ok()
}

/// Signatures that wait, with the entries that they belong to.
#[derive(Default)]
struct Batch(Vec<(u64, PendingSignature)>);

impl Batch {
    fn add(&mut self, index: u64, signatures: Vec<PendingSignature>) -> Result<(), VerifyError> {
        self.0.extend(signatures.into_iter().map(|signature| (index, signature)));
        if self.0.len() < BATCH { Ok(()) } else { self.check() }
    }

    /// Checks all of them; of several bad ones the first is told.
    fn check(&mut self) -> Result<(), VerifyError> {
        let bad = first_bad(&std::mem::take(&mut self.0));
        bad.map_or(Ok(()), |index| Err(VerifyError::Entry { index, source: ReplayError::Signature }))
    }
}

/// How far it is, where somebody looks.
struct Progress {
    length: u64,
    read: u64,
    shown: bool,
}

impl Progress {
    fn line(&mut self, bytes: u64, entries: u64) {
        self.read += bytes;
        if self.shown && entries.is_multiple_of(PROGRESS) && entries > 0 {
            let done = (self.read * 100).checked_div(self.length).map(|percent| format!(" ({percent} %)")).unwrap_or_default();
            // Whoever closed the terminal misses nothing else.
            let _ = write!(io::stderr(), "\r{entries} entries{done} ");
        }
    }

    fn clear(&self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

//! On what, and what, is measured: without it no figure can be compared with another.

use crate::{
    load::RUNS,
    settings::{Settings, root},
    table::thousands,
};
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Instant,
};

pub fn head(settings: &Settings) {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let model = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned());
    let memory = field("/proc/meminfo", "MemTotal").and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let version = answer(Command::new(&settings.program).arg("--version"));
    let commit = answer(Command::new("git").args(["describe", "--always", "--dirty", "--tags"]).current_dir(root()));
    let folder = std::env::temp_dir();
    println!("# Bars\n");
    println!("- Machine: {cores} cores of {model}, {} GB, Linux {}", memory.unwrap_or_default() / 1_000_000, kernel.trim());
    println!("- Databases in a folder on {}, where it takes {:.2} ms to be sure of 4 kB", file_system(&folder), millis_to_sync(&folder));
    println!("- Measured: {version}, commit {commit}, a program of {} MB", megabytes(&settings.program));
    println!("- The load comes from the same machine; each figure is the run in the middle of {RUNS} of {} s", settings.seconds);
    let (middle, large) = (settings.middle(), settings.large());
    println!("- Organizations of 100 users and 1,000 entries of history, of {middle}, and of {large}");
}

/// What stands behind a name in one of the kernel's files.
fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn answer(command: &mut Command) -> String {
    let output = command.output().ok().filter(|output| output.status.success());
    output.map_or_else(|| "unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The kind of file system that a folder is on: the one whose place is the longest beginning of the folder's.
fn file_system(folder: &Path) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        Some((PathBuf::from(words.next()?), words.next()?.to_owned()))
    });
    let around = mounts.filter(|(place, _)| folder.starts_with(place)).max_by_key(|(place, _)| place.components().count());
    around.map_or_else(|| "unknown".to_owned(), |(_, kind)| kind)
}

/// What a commit waits for, at best: the median of a hundred.
fn millis_to_sync(folder: &Path) -> f64 {
    let within = tempfile::tempdir_in(folder).unwrap();
    let mut file = File::create(within.path().join("synced")).unwrap();
    let mut millis: Vec<f64> = (0..100)
        .map(|_| {
            let began = Instant::now();
            file.write_all(&[1; 4096]).unwrap();
            file.sync_data().unwrap();
            began.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    millis.sort_by(f64::total_cmp);
    millis[millis.len() / 2]
}

fn megabytes(path: &Path) -> String {
    thousands(fs::metadata(path).map_or(0, |file| file.len() / 1_000_000))
}

//! The steps of the core, one by one: `server/benches/micro.rs` measures them, and what it found is read from its files.

use crate::{
    settings::{Settings, root},
    table,
};
use serde_json::Value;
use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
};

pub fn measure(settings: &Settings) {
    let found = tempfile::tempdir().unwrap();
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["bench", "--locked", "--quiet", "-p", "server", "--bench", "micro", "--", "--noplot", "--warm-up-time", "1"])
        .args(["--measurement-time", &settings.seconds.to_string()])
        .env("CRITERION_HOME", found.path())
        .current_dir(root())
        .stdout(Stdio::null())
        .status();
    assert!(status.expect("cargo can be run").success(), "the steps of the core can't be measured");
    println!("\n## Steps of the core, on one core");
    table::heading(&["what", "median µs", "per second"]);
    let mut rows: Vec<(String, f64)> = fs::read_dir(found.path()).unwrap().filter_map(|folder| read(&folder.unwrap().path())).collect();
    assert!(!rows.is_empty(), "there are figures in {}", found.path().display());
    rows.sort_by(|one, other| one.0.cmp(&other.0));
    for (what, nanos) in rows {
        table::row(&[&what, &format!("{:.2}", nanos / 1000.0), &table::thousands((1e9 / nanos) as u64)]);
    }
}

/// The name of a measurement, and its median in nanoseconds; nothing, where there is none in this folder.
fn read(folder: &Path) -> Option<(String, f64)> {
    let json = |name: &str| -> Option<Value> { serde_json::from_str(&fs::read_to_string(folder.join("new").join(name)).ok()?).ok() };
    let name = json("benchmark.json")?["full_id"].as_str()?.to_owned();
    Some((name, json("estimates.json")?["median"]["point_estimate"].as_f64()?))
}

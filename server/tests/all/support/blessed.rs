//! Files that tests write and reviewers read.

use std::{env, fs, path::Path};

/// Asserts that a file holds this text; its path begins at the server's `Cargo.toml`. With `COUNTERSIGN_BLESS=1` it is written
/// anew.
#[track_caller]
pub fn assert_committed(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if env::var_os("COUNTERSIGN_BLESS").is_some() {
        fs::write(&path, text).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "{file} is out of date: write it with COUNTERSIGN_BLESS=1, and read what changed");
}

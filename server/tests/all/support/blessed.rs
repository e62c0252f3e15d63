//! Files that tests write and reviewers read.

use std::{env, fs, path::Path};

/// Asserts that a file holds this text; its path begins at the server's `Cargo.toml`. With `COUNTERSIGN_BLESS=1` it is written
/// anew.
#[track_caller]
pub fn assert_committed(file: &str, text: &str) {
    assert_bytes_committed(file, text.as_bytes());
}

/// The same of a file that isn't text.
#[track_caller]
pub fn assert_bytes_committed(file: &str, bytes: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if env::var_os("COUNTERSIGN_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
    }
    let committed = fs::read(&path).unwrap_or_default();
    assert!(committed == bytes, "{file} is out of date: write it with COUNTERSIGN_BLESS=1, and read what changed");
}

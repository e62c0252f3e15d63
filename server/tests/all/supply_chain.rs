//! What this is built and tested with: pinned, from one registry each, without crates that are banned; and our own crates have no
//! `unsafe`. What takes a tool or a database (licences, advisories) is in `make audit`.

use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: impl AsRef<Path>) -> String {
    let path = workspace().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines of one table of a TOML file, as they stand there.
fn table<'a>(toml: &'a str, name: &str) -> Vec<&'a str> {
    let heading = format!("[{name}]");
    toml.lines()
        .skip_while(|line| *line != heading)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.is_empty())
        .collect()
}

/// What stands between quotation marks in a line.
fn quoted(line: &str) -> Vec<&str> {
    line.split('"').skip(1).step_by(2).collect()
}

/// The folders of our crates, as the workspace lists them.
fn crates() -> Vec<String> {
    let workspace = read("Cargo.toml");
    let members = table(&workspace, "workspace").into_iter().find(|line| line.starts_with("members = ")).unwrap();
    let members: Vec<_> = quoted(members).into_iter().map(str::to_owned).collect();
    assert!(members.len() >= 3, "{members:?}");
    members
}

/// The files below `end2end` with a name like this. What npm and the tests put there doesn't count.
fn end2end_files(wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![PathBuf::from("end2end")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(workspace().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = folder.join(&name);
            if entry.path().is_dir() {
                if name != "node_modules" && name != "test-results" && name != "screenshots" && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if wanted(&name) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn no_crate_of_ours_can_have_unsafe_code() {
    let manifest = read("Cargo.toml");
    // `forbid` is what no attribute in a file can lower.
    assert!(table(&manifest, "workspace.lints.rust").contains(&"unsafe_code = \"forbid\""));
    for member in crates() {
        assert_eq!(table(&read(format!("{member}/Cargo.toml")), "lints"), ["workspace = true"], "{member}");
    }
}

/// The lock file of the workspace and that of the fuzzer's targets, each with our own crates in it.
fn locks() -> [(&'static str, BTreeSet<String>); 2] {
    let of_fuzz = ["app", "server", "server-fuzz"].map(str::to_owned);
    [("Cargo.lock", crates().into_iter().collect()), ("server/fuzz/Cargo.lock", of_fuzz.into())]
}

#[test]
fn every_crate_comes_from_crates_io_with_a_checksum() {
    for (file, crates) in locks() {
        let lock = read(file);
        let (mut ours, mut others) = (BTreeSet::new(), 0);
        for package in lock.split("[[package]]").skip(1) {
            let name = quoted(package)[0];
            let value =
                |key: &str| package.lines().find_map(|line| line.strip_prefix(&format!("{key} = "))).map(|value| value.trim_matches('"'));
            if let Some(source) = value("source") {
                assert_eq!(source, CRATES_IO, "{file}: {name}");
                assert_eq!(value("checksum").map(str::len), Some(64), "{file}: {name}");
                others += 1;
            } else {
                ours.insert(name.to_owned());
            }
        }
        assert_eq!(ours, crates, "{file}: what comes from no registry is ours");
        assert!(others > 100, "{file}: {others}");
    }
}

#[test]
fn crates_that_deny_toml_bans_are_not_in_the_tree() {
    let deny = read("deny.toml");
    let banned: Vec<_> = table(&deny, "bans").into_iter().filter(|line| line.contains("crate = \"")).map(|line| quoted(line)[0]).collect();
    for wanted in ["openssl", "openssl-sys", "native-tls", "aws-lc-rs", "aws-lc-sys"] {
        assert!(banned.contains(&wanted), "{wanted} isn't banned any more");
    }
    for (file, _) in locks() {
        let lock = read(file);
        for name in &banned {
            assert!(!lock.contains(&format!("name = \"{name}\"\n")), "{name} is in {file}");
        }
    }
}

#[test]
fn every_dependency_is_named_once_with_what_it_is_for() {
    let manifest = read("Cargo.toml");
    let lines = table(&manifest, "workspace.dependencies");
    let mut dependencies = 0;
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| !line.starts_with('#')) {
        let above = at.checked_sub(1).is_some_and(|before| lines[before].starts_with("# ") && !lines[before].starts_with("# ---"));
        assert!(above || line.contains(" # "), "{line}: say what it is for");
        dependencies += 1;
    }
    assert!(dependencies > 30, "{dependencies}");
    for member in crates() {
        let manifest = read(format!("{member}/Cargo.toml"));
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            // A list of features goes over several lines.
            let named = table(&manifest, kind).into_iter().filter(|line| line.starts_with(|first: char| first.is_ascii_alphanumeric()));
            for line in named {
                let elsewhere = line.contains("workspace = true") || line.contains("path = \"../");
                assert!(elsewhere, "{member}: {line}: its version belongs into the workspace's manifest");
            }
        }
    }
}

/// `1.2.3`, perhaps with `-beta.1`: no range, no tag, no address.
fn is_exact(version: &str) -> bool {
    let (numbers, rest) = version.split_once('-').unwrap_or((version, "0"));
    let numbers: Vec<_> = numbers.split('.').collect();
    numbers.len() == 3
        && numbers.iter().all(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
        && !rest.is_empty()
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
}

#[test]
fn exact_versions_are_told_from_ranges() {
    for exact in ["1.2.3", "0.8.21", "2.0.0-rc.1"] {
        assert!(is_exact(exact), "{exact}");
    }
    for range in
        ["^1.2.3", "~1.2.3", ">=1.2.3", "1.2", "1.2.x", "*", "", "latest", "1.2.3 - 2.0.0", "1.2.3 || 2.0.0", "file:../x", "npm:y@1.2.3"]
    {
        assert!(!is_exact(range), "{range}");
    }
}

#[test]
fn npm_packages_are_pinned_to_what_was_looked_at() {
    let manifests = end2end_files(|name| name == "package.json");
    assert!(manifests.contains(&PathBuf::from("end2end/package.json")), "{manifests:?}");
    for path in manifests {
        let folder = path.parent().unwrap();
        let what = folder.display();
        let manifest: Value = serde_json::from_str(&read(&path)).unwrap();
        for kind in ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"] {
            for (name, version) in manifest[kind].as_object().into_iter().flatten() {
                assert!(version.as_str().is_some_and(is_exact), "{what}: {name} {version}: give one version");
            }
        }

        let lock: Value = serde_json::from_str(&read(folder.join("package-lock.json"))).unwrap();
        let packages = lock["packages"].as_object().unwrap();
        assert_eq!(packages[""]["devDependencies"], manifest["devDependencies"], "{what}: the lock file is another package.json's");
        assert_eq!(packages[""]["dependencies"], manifest["dependencies"], "{what}: the lock file is another package.json's");
        for (name, package) in packages.iter().filter(|(name, _)| !name.is_empty()) {
            let integrity = package["integrity"].as_str();
            assert!(integrity.is_some_and(|hash| hash.starts_with("sha512-")), "{what}: {name} has no hash");
            assert_eq!(package["resolved"], Value::Null, "{what}: {name} is bound to a registry's address");
        }

        // What a package runs while it is installed runs before anybody could look at it.
        let settings = read(folder.join(".npmrc"));
        for setting in ["ignore-scripts=true", "save-exact=true"] {
            assert!(settings.lines().any(|line| line == setting), "{what}/.npmrc has no {setting}");
        }
    }
}

#[test]
fn python_packages_are_pinned_to_what_was_looked_at() {
    let lists =
        end2end_files(|name| name.starts_with("requirements") && Path::new(name).extension().is_some_and(|extension| extension == "txt"));
    assert!(lists.contains(&PathBuf::from("end2end/requirements.txt")), "{lists:?}");
    for path in lists {
        let text = read(&path).replace("\\\n", " ");
        let packages: Vec<_> = text.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')).collect();
        assert!(!packages.is_empty(), "{}", path.display());
        for package in packages {
            let mut words = package.split_whitespace();
            let pinned = words.next().and_then(|first| first.split_once("==")).is_some_and(|(name, version)| {
                let of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
                !name.is_empty() && name.bytes().all(of_name) && version.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
            });
            assert!(pinned, "{}: {package}: write name==version", path.display());
            let hashes: Vec<_> = words.collect();
            let hash = |word: &&str| word.strip_prefix("--hash=sha256:").is_some_and(|digits| digits.len() == 64);
            assert!(!hashes.is_empty() && hashes.iter().all(hash), "{}: {package}: hashes, and nothing else", path.display());
        }
    }
}

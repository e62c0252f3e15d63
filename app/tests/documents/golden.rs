//! The golden files.

use super::{
    every_change::{document, every_change, giving_everything, name},
    story::Story,
};
use app::action::{
    document::{Document, challenge, created_id, fingerprint},
    history::{
        entry::{Entry, EntryError, What},
        reader::created,
    },
    sentence::sentence,
};
use app::domain::time::Timestamp;
use data_encoding::HEXLOWER;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{env, fs, path::PathBuf};

fn path(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file)
}

fn is_blessing() -> bool {
    env::var_os("COUNTERSIGN_BLESS").is_some()
}

/// These bytes are what the file holds, or become it.
fn assert_golden(file: &str, bytes: &[u8]) {
    let path = path(file);
    if is_blessing() {
        fs::write(&path, bytes).unwrap();
    }
    let golden = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(golden == bytes, "{file} isn't what is written now:\n{}\n{}", String::from_utf8_lossy(&golden), String::from_utf8_lossy(bytes));
}

/// The golden documents with their files' names.
pub fn documents() -> Vec<(String, Document)> {
    let mut documents: Vec<_> = every_change().into_iter().map(|change| (name(&change).to_owned(), document(change))).collect();
    documents.push(("assign_permission-all".to_owned(), document(giving_everything())));
    documents
}

/// The golden entries with their files' names: one of every kind.
pub fn entries() -> Vec<(String, String)> {
    let (mut story, mut ada) = Story::begin();
    story.join(&mut ada, "bob@example.org");
    story.change_key();
    let named = story.lines.into_iter().map(|line| {
        let kind = match Entry::parse(&line).unwrap().what {
            What::Genesis(_) => "genesis",
            What::Registration(_) => "registration",
            What::Action(_) => "action",
            What::Recovery(_) => "recovery",
            What::BreakGlass(_) => "break-glass",
            What::Enrolment(_) => "enrolment",
            What::KeyChange(_) => "key-change",
        };
        (format!("entry-{kind}.json"), line)
    });
    named.collect()
}

#[test]
fn documents_are_written_as_ever() {
    for (name, document) in documents() {
        let bytes = document.to_bytes().unwrap();
        assert_golden(&format!("{name}.json"), &bytes);
        assert_eq!(Document::parse(&bytes).as_ref(), Ok(&document));
    }
}

#[test]
fn challenges_fingerprints_and_sentences_are_as_ever() {
    let mut text = String::new();
    for (name, document) in documents() {
        let challenge = challenge(&document.to_bytes().unwrap());
        let created = created(&document.change, created_id(&challenge));
        for (label, value) in [
            ("", name),
            ("  sentence     ", sentence(&document.change)),
            ("  challenge    ", HEXLOWER.encode(&challenge)),
            ("  fingerprint  ", fingerprint(&challenge)),
            ("  creates      ", created.unwrap_or_else(|| "nothing".to_owned())),
        ] {
            text.extend([label, &value, "\n"]);
        }
    }
    assert_golden("challenges.txt", text.as_bytes());
}

#[test]
fn entries_are_written_as_ever() {
    let entries = entries();
    assert_eq!(entries.len(), 4);
    for (file, line) in entries {
        assert_golden(&file, line.as_bytes());
        assert_eq!(Entry::parse(&line).unwrap().to_line().as_deref(), Ok(line.as_str()));
    }
}

#[test]
fn an_entry_of_another_version_is_not_read() {
    for (_, line) in entries() {
        let other = line.replacen("\"v\":1", "\"v\":2", 1);
        assert_eq!(Entry::parse(&other), Err(EntryError::Version(2)));
    }
}

#[test]
fn an_entrys_integers_are_those_that_every_reader_of_json_keeps() {
    for (_, line) in entries() {
        let entry = Entry::parse(&line).unwrap();
        for (index, millis) in [(1 << 53, 0), (u64::MAX, 0), (1, 1 << 53), (1, i64::MIN)] {
            let other = Entry { index, executed_at: Timestamp::from_millis(millis), ..entry.clone() };
            assert_eq!(other.to_line(), Err(EntryError::Integer));
            assert_eq!(Entry::parse(&serde_json::to_string(&other).unwrap()), Err(EntryError::Integer));
        }
        let last = Entry { index: (1 << 53) - 1, executed_at: Timestamp::from_millis(1 - (1 << 53)), ..entry };
        assert_eq!(Entry::parse(&last.to_line().unwrap()), Ok(last));
    }
}

#[test]
fn no_golden_file_is_left_over() {
    if is_blessing() {
        return;
    }
    let mut expected: Vec<String> = documents().into_iter().map(|(name, _)| format!("{name}.json")).collect();
    expected.extend(entries().into_iter().map(|(file, _)| file));
    expected.push("challenges.txt".to_owned());
    expected.sort();
    let mut found: Vec<String> = fs::read_dir(path("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    found.sort();
    assert_eq!(found, expected);
}

/// What anybody can do with a document and a hash function, without any code of ours.
#[test]
fn challenges_are_those_of_the_specification() {
    for (name, document) in documents() {
        let bytes = document.to_bytes().unwrap();
        let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        let hashed: [u8; 32] = Sha256::digest([b"countersign/action/v1\0".as_slice(), &length, &bytes].concat()).into();
        assert_eq!(challenge(&bytes), hashed, "{name}");
        let created = Sha256::digest([b"countersign/created-id/v1\0\0\0\0\x20".as_slice(), &hashed].concat());
        assert_eq!(created_id(&hashed), created[..16], "{name}");
    }
}

/// RFC 8785 by another implementation: members in order, no spaces. It is enough while names are ASCII and numbers integers.
#[test]
fn documents_are_canonical_json() {
    for (name, document) in documents() {
        let bytes = document.to_bytes().unwrap();
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(value.to_string().as_bytes(), bytes, "{name}");
    }
}

#[test]
fn fingerprints_are_the_first_forty_bits() {
    let challenge = |start: [u8; 5]| {
        let mut challenge = [0xee; 32];
        challenge[..5].copy_from_slice(&start);
        challenge
    };
    assert_eq!(fingerprint(&challenge([0; 5])), "0000-0000");
    assert_eq!(fingerprint(&challenge([0xff; 5])), "ZZZZ-ZZZZ");
    // 00000 00001 00010 00011 00100 00101 00110 00111
    assert_eq!(fingerprint(&challenge([0x00, 0x44, 0x32, 0x14, 0xc7])), "0123-4567");
    // 01000 01001 01010 10010 11000 11011 11110 11111
    assert_eq!(fingerprint(&challenge([0x42, 0x55, 0x2c, 0x6f, 0xdf])), "89AJ-RVYZ");
}

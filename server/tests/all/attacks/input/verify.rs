//! What `countersign verify` reads.

use super::{ambiguous, registered, written};
use crate::support::{app::TestApp, company::Company, database::TestDatabase, device::base64url};
use app::action::{
    document::Document,
    history::entry::{Entry, What},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, path::Path, process::Command};

on_sqlite!(no_history_says_anything_twice_or_has_no_bottom);

/// Runs `countersign verify` on this file; its exit code, and what it said.
fn verify(file: &Path, content: &[u8]) -> (Option<i32>, String) {
    fs::write(file, content).unwrap();
    let ran = Command::new(env!("CARGO_BIN_EXE_countersign")).arg("verify").arg(file).env_clear().output().unwrap();
    (ran.status.code(), String::from_utf8(ran.stderr).unwrap())
}

/// With the entry's document, or statement, written as `write` says. Whether it is signed is looked at after it was read.
fn rewritten(line: &str, write: impl Fn(&Value) -> String) -> Option<String> {
    let mut entry: Value = serde_json::from_str(line).unwrap();
    let place = ["/what/action/document", "/what/recovery/document", "/what/break_glass/statement", "/what/key_change/statement"]
        .into_iter()
        .find(|place| entry.pointer(place).is_some())?;
    let bytes = data_encoding::BASE64URL_NOPAD.decode(entry.pointer(place)?.as_str()?.as_bytes()).unwrap();
    let document: Value = serde_json::from_slice(&bytes).unwrap();
    *entry.pointer_mut(place)? = json!(base64url(write(&document).as_bytes()));
    Some(entry.to_string())
}

async fn no_history_says_anything_twice_or_has_no_bottom(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let company = Company::open(&app, "example.org").await;
    let mut admin = company.admin;
    registered(&app, &mut admin, "zoe@example.org").await;
    app.recover(&mut admin).await;
    let (lines, checkpoint) = app.export(admin.organization).await;
    let kinds: BTreeSet<String> = lines.iter().map(|line| Entry::parse(line).unwrap().kind()).collect();
    assert!(kinds.len() > 10, "{kinds:?}");
    // Every entry, and every document in one, as each reader of them reads it.
    let mut tried = 0;
    for line in &lines {
        let entry: Value = serde_json::from_str(line).unwrap();
        for text in ambiguous(&entry).into_iter().chain(
            ["1e400", "1.0", "-1", "18446744073709551616"]
                .map(|index| line.replacen(&format!("\"index\":{}", entry["index"]), &format!("\"index\":{index}"), 1)),
        ) {
            assert!(Entry::parse(&text).is_err(), "{text}");
            tried += 1;
        }
        let bytes = match Entry::parse(line).unwrap().what {
            What::Action(action) => action.document.0,
            What::Recovery(recovery) => recovery.document.0,
            _ => continue,
        };
        for text in ambiguous(&serde_json::from_slice(&bytes).unwrap()) {
            assert!(Document::parse(text.as_bytes()).is_err(), "{text}");
            tried += 1;
        }
    }
    assert!(tried > 1000, "{tried}");

    // The command says which, and why, and neither breaks nor runs out of stack.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.jsonl");
    let export = |place: usize, line: &str| {
        let mut all = lines.clone();
        line.clone_into(&mut all[place]);
        all.push(json!({ "checkpoint": checkpoint }).to_string());
        all.join("\n") + "\n"
    };
    assert_eq!(verify(&file, export(0, &lines[0]).as_bytes()).0, Some(0));
    let signed = lines.iter().position(|line| line.contains("\"document\"")).unwrap();
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for (what, place, line) in [
        ("deep", 0, deep(100_000)),
        ("deeper than a line", 0, deep(1_000_000)),
        ("deep objects", 0, "{\"what\":".repeat(100_000)),
        ("a deep member", 0, lines[0].replacen("\"v\":1", &format!("\"v\":{}", deep(100_000)), 1)),
        ("an unknown deep member", 0, lines[0].replacen("\"v\":1", &format!("\"v\":1,\"zebra\":{}", deep(100_000)), 1)),
        ("twice", 0, lines[0].replacen("\"v\":1", "\"v\":2,\"v\":1", 1)),
        ("huge numbers", 0, lines[0].replacen("\"v\":1", &format!("\"v\":1{}", "0".repeat(100_000)), 1)),
        ("huge exponents", 0, lines[0].replacen("\"v\":1", "\"v\":1e-999999999", 1)),
        ("a surrogate", 0, lines[0].replacen("\"v\":1", "\"v\":\"\\ud800\"", 1)),
        ("a deep document", signed, rewritten(&lines[signed], |_| deep(16_000)).unwrap()),
        ("a document larger than any", signed, rewritten(&lines[signed], |_| deep(100_000)).unwrap()),
        (
            "a document that says something twice",
            signed,
            rewritten(&lines[signed], |document| written(document, "", "", "\"v\":1")).unwrap(),
        ),
        (
            "a document with more in it",
            signed,
            rewritten(&lines[signed], |document| written(document, "", "/change", "\"zebra\":1")).unwrap(),
        ),
    ] {
        let (code, said) = verify(&file, export(place, &line).as_bytes());
        assert!(said.len() < 2000, "{what}: {} bytes are said", said.len());
        assert_eq!(code, Some(1), "{what}: {said}");
        assert!(
            said.starts_with(&format!("Not verified: entry {place} is bad: the ")) && said.matches('\n').count() == 1,
            "{what}: {said}"
        );
        assert!(!said.contains("panicked"), "{what}: {said}");
    }
    // Bytes that are no text, and a last line like those.
    let good = export(0, &lines[0]);
    let whole = &good[..=good[..good.len() - 1].rfind('\n').unwrap()];
    for (what, last) in [
        ("no text", b"\xff\xfe\n".to_vec()),
        ("a deep end", format!("{{\"checkpoint\":{}}}\n", deep(100_000)).into_bytes()),
        ("two ends in one", format!("{{\"checkpoint\":\"x\",\"checkpoint\":{}}}\n", Value::from(checkpoint.as_str())).into_bytes()),
        ("an end with more in it", format!("{{\"checkpoint\":{},\"zebra\":1}}\n", Value::from(checkpoint.as_str())).into_bytes()),
        ("an end that has none", json!({ "checkpoint": "x".repeat(900_000) }).to_string().into_bytes()),
        ("zeros", vec![0; 3_000_000]),
    ] {
        let (code, said) = verify(&file, &[whole.as_bytes(), &last].concat());
        assert_eq!(code, Some(1), "{what}: {said}");
        assert!(said.starts_with("Not verified: ") && said.matches('\n').count() == 1 && said.len() < 2000, "{what}: {said}");
    }
}

//! `/countersign/v1`: the history with its proofs, and how the server is.

use super::{programs::Program, refused};
use crate::support::{
    app::TestApp,
    database::TestDatabase,
    key::KeyPair,
    person::Person,
    signing::{create_permission, terms},
};
use app::{
    action::{
        change::Change,
        history::{checkpoint::Checkpoint, entry::Entry},
    },
    domain::operation::Operation,
};
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use data_encoding::BASE64;
use serde_json::Value;
use server::storage::Storage;
use sha2::Sha256;

on_both_databases!(
    a_history_is_read_whole_or_from_somewhere_on,
    every_entry_is_proven_to_be_in_the_history,
    every_history_is_proven_to_begin_with_those_before,
    entries_of_before_proofs_are_proven_too,
    what_asks_for_nothing_that_is_there_is_refused,
    how_the_server_is,
);

/// Someone whose history has some entries, and what reads it by their token.
async fn writer(app: &TestApp, entries: usize) -> (Person, Program) {
    let mut ada = app.admin("ada@example.org").await;
    for number in 1..entries {
        ada.sign(&create_permission(&format!("Permission {number}"), &[Operation::UsersRead])).await;
    }
    let token = app.caller(&mut ada).await.token.clone();
    (ada, Program::with(app, &token, KeyPair::ed25519()))
}

async fn checkpoint(caller: &Program) -> Checkpoint {
    let answer = caller.get("/countersign/v1/checkpoint").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "text/plain; charset=utf-8"));
    read(caller, answer.text()).await
}

/// What a note says, verified by the key that stands in the first entry.
async fn read(caller: &Program, note: &str) -> Checkpoint {
    let history = caller.get("/countersign/v1/history").await;
    let first: Value = serde_json::from_str(history.text().lines().next().unwrap()).unwrap();
    let key = find(&first, "checkpoint_key").expect("the first entry names the key");
    Checkpoint::verify(note, key).unwrap()
}

/// A text member of this name, however deep.
fn find<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    match value {
        Value::Object(members) => {
            members.get(name).and_then(Value::as_str).or_else(|| members.values().find_map(|member| find(member, name)))
        }
        _ => None,
    }
}

fn proof(hashes: &Value) -> Vec<u8> {
    hashes.as_array().unwrap().iter().flat_map(|hash| BASE64.decode(hash.as_str().unwrap().as_bytes()).unwrap()).collect()
}

fn root(checkpoint: &Checkpoint) -> RootHash<Sha256> {
    RootHash::new(checkpoint.root.into(), checkpoint.size)
}

async fn a_history_is_read_whole_or_from_somewhere_on(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let (ada, caller) = writer(&app, 5).await;
    let (lines, note) = app.export(ada.organization).await;
    let answer = caller.get("/countersign/v1/history").await;
    assert_eq!(answer.header("content-type"), "application/jsonl; charset=utf-8");
    let read: Vec<&str> = answer.text().lines().collect();
    assert_eq!(read[..read.len() - 1], lines);
    let last: Value = serde_json::from_str(read.last().unwrap()).unwrap();
    assert_eq!(last["checkpoint"], note);
    for from in [0, 2, lines.len()] {
        let rest = caller.get(&format!("/countersign/v1/history?from={from}")).await;
        assert_eq!(rest.text().lines().collect::<Vec<_>>(), read[from..], "{from}");
    }
    refused(&caller.get(&format!("/countersign/v1/history?from={}", lines.len() + 1)).await, 400, "BadRequest");
}

async fn every_entry_is_proven_to_be_in_the_history(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let (ada, caller) = writer(&app, 7).await;
    let (lines, _) = app.export(ada.organization).await;
    for (index, line) in lines.iter().enumerate() {
        let shown = caller.get(&format!("/countersign/v1/entries/{index}")).await.answer();
        assert_eq!((shown["index"].as_u64(), shown["line"].as_str()), (Some(index as u64), Some(line.as_str())));
        assert_eq!(Entry::parse(line).unwrap().index, index as u64);
        let checkpoint = read(&caller, shown["checkpoint"].as_str().unwrap()).await;
        assert_eq!(checkpoint.size, lines.len() as u64);
        let proof = InclusionProof::<Sha256>::try_from_bytes(proof(&shown["inclusionProof"])).unwrap();
        root(&checkpoint).verify_inclusion(&line.as_bytes().to_vec(), index as u64, &proof).unwrap();
        let altered = line.replacen('a', "b", 1).into_bytes();
        root(&checkpoint).verify_inclusion(&altered, index as u64, &proof).unwrap_err();
    }
}

async fn every_history_is_proven_to_begin_with_those_before(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let (mut ada, caller) = writer(&app, 1).await;
    let mut kept = vec![checkpoint(&caller).await];
    for number in 0..6 {
        let permission = terms(&format!("Permission {number}"), &[Operation::UsersRead]);
        ada.sign(&Change::CreatePermission { terms: permission }).await;
        kept.push(checkpoint(&caller).await);
    }
    for (place, later) in kept.iter().enumerate() {
        for earlier in &kept[..place] {
            let path = format!("/countersign/v1/consistency?from={}&to={}", earlier.size, later.size);
            let shown = caller.get(&path).await.answer();
            let proof = ConsistencyProof::<Sha256>::try_from_bytes(proof(&shown["consistencyProof"])).unwrap();
            root(later).verify_consistency(&root(earlier), &proof).unwrap();
            root(earlier).verify_consistency(&root(later), &proof).unwrap_err();
        }
        let same = caller.get(&format!("/countersign/v1/consistency?from={0}&to={0}", later.size)).await.answer();
        assert_eq!(same["consistencyProof"], Value::Array(Vec::new()));
    }
}

/// As a database is that an earlier version wrote, with more entries than are read at a time, of two organizations.
async fn entries_of_before_proofs_are_proven_too(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let (ada, ours) = writer(&app, 4).await;
    let (bob, theirs) = writer(&app, 3).await;
    app.lengthen(ada.organization, (0..1_100).map(|number| format!("ours {number}"))).await;
    app.lengthen(bob.organization, (0..1_050).map(|number| format!("theirs {number}"))).await;
    let paths = ["entries/1", "entries/1003", "entries/1052", "consistency?from=2&to=1053"].map(|path| format!("/countersign/v1/{path}"));
    let shown = async || {
        let mut shown = Vec::new();
        for path in &paths {
            shown.push([ours.get(path).await.answer(), theirs.get(path).await.answer()]);
        }
        shown
    };
    let before = shown().await;
    assert!(before.iter().all(|[ours, theirs]| ours != theirs), "each has a tree of its own");
    app.run("UPDATE history SET subtree_roots = NULL").await;
    refused(&ours.get(&paths[0]).await, 500, "Internal");
    drop(Storage::open(&app.services.config.database).await.unwrap());
    assert_eq!(shown().await, before);
}

async fn what_asks_for_nothing_that_is_there_is_refused(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let (_, caller) = writer(&app, 2).await;
    let size = checkpoint(&caller).await.size;
    for entry in ["-1", "x", "1.5", "18446744073709551616", "18446744073709551615", &size.to_string()] {
        refused(&caller.get(&format!("/countersign/v1/entries/{entry}")).await, 404, "NotFound");
    }
    for query in [
        String::new(),
        "from=1".to_owned(),
        "from=0&to=1".to_owned(),
        "from=2&to=1".to_owned(),
        format!("from=1&to={}", size + 1),
        format!("from=1&to={}", u64::MAX),
        "from=1&to=1&x=1".to_owned(),
    ] {
        refused(&caller.get(&format!("/countersign/v1/consistency?{query}")).await, 400, "BadRequest");
    }
    for path in ["/countersign/v1/history?from=-1", "/countersign/v1/history?size=1"] {
        refused(&caller.get(path).await, 400, "BadRequest");
    }
    refused(&caller.get("/countersign/v2/history").await, 404, "NotFound");
}

async fn how_the_server_is(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let stranger = app.browser();
    assert_eq!(stranger.get("/countersign/v1/health").await.answer()["status"], "ok");
    assert_eq!(stranger.get("/countersign/v1/version").await.answer()["version"], env!("CARGO_PKG_VERSION"));
    app.services.storage.close().await;
    refused(&stranger.get("/countersign/v1/health").await, 503, "Unavailable");
    assert_eq!(stranger.get("/countersign/v1/version").await.status, 200);
}

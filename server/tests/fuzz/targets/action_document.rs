//! Action documents, and the change that a page sends to get one.

use super::{Target, json};
use app::{
    action::{
        change::Change,
        document::{Document, DocumentError, LARGEST, challenge, fingerprint},
        sentence::sentence,
    },
    rpc::change::PrepareChange,
};

pub const TARGET: Target = Target { name: "action_document", check, words: WORDS, growing: json::growing };

const WORDS: &[&[u8]] = &[
    b"\"operation\":\"Auth:Users:Create\",",
    b"\"own_account\":",
    b"\"create_user\":",
    b"\"email\":\"eve@example.org\",",
    b"\"service_account\":\"Robot\",",
    b"\"access_token\":\"Robot\",\"owner\":\"eve@example.org\",",
    b"\"operations\":\"all\"",
    b"\"operations\":{\"these\":[]}",
    b"\"external_id\":null,",
    b"\"version\":9007199254740992",
    b"us-00000-00000-0000000000000000",
    b"us-7zzzz-zzzzz-zzzzzzzzzzzzzzzz",
    b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
];

fn check(bytes: &[u8]) -> bool {
    let document = match Document::parse(bytes) {
        Ok(document) => document,
        Err(error) => {
            assert_eq!(error == DocumentError::TooLarge, bytes.len() > LARGEST);
            return false;
        }
    };
    assert_eq!(document.operation, document.change.operation());
    assert_eq!(fingerprint(&challenge(bytes)).len(), 9);
    is_one_line(&sentence(&document.change));
    document.actor.handle.to_string();
    let _ = (document.issued_at.to_string(), document.expires_at.to_minute());

    // Members that stand in a list have no names; with them it may be too long.
    if let Ok(written) = document.to_bytes() {
        assert_eq!(Document::parse(&written).as_ref(), Ok(&document), "it reads otherwise once it was written");
        assert_eq!(document.to_bytes(), Ok(written));
    }
    let text = std::str::from_utf8(bytes).expect("JSON is text");
    for spoiled in json::with_a_member_twice(text).iter().chain(&json::with_an_unknown_member(text)) {
        let verdict = Document::parse(spoiled.as_bytes());
        assert!(matches!(verdict, Err(DocumentError::Malformed(_) | DocumentError::TooLarge)), "{verdict:?}: {spoiled}");
    }
    is_sent_as_it_is(&document.change);
    true
}

/// What a page sends arrives.
fn is_sent_as_it_is(change: &Change) {
    let sent = serde_json::to_string(&PrepareChange { change: change.clone() }).unwrap();
    let arrived: PrepareChange = serde_json::from_str(&sent).unwrap();
    assert_eq!(arrived.change, *change);
}

/// Nothing in a sentence can break out of its line.
pub fn is_one_line(sentence: &str) {
    assert!(!sentence.is_empty() && !sentence.contains(char::is_control), "{sentence:?}");
}

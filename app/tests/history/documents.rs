//! What is signed must be a document. Each of these is signed honestly, bytes and all, by someone who may do everything.

use super::story::{Story, create_user, in_words};
use app::action::{
    document::{self, DocumentError},
    history::replay::ReplayError,
};

/// What is said to these bytes, signed by Ada as a document.
fn verdict(write: impl FnOnce(&str) -> String) -> String {
    let (mut story, mut ada) = Story::begin();
    let honest = story.document(&ada, create_user("bob@example.org")).to_bytes().unwrap();
    let bytes = write(std::str::from_utf8(&honest).unwrap());
    let action = Story::sign(&mut ada, bytes.as_bytes(), |_| ());
    let verdict = in_words(story.verdict_on_action(action));
    // What would have been right there, and in which column, is the JSON reader's business.
    let verdict = verdict.split(", expected").next().unwrap();
    verdict.split(" at line ").next().unwrap().to_owned()
}

fn with(from: &'static str, to: &str) -> String {
    verdict(|document| {
        assert_eq!(document.matches(from).count(), 1, "{from}");
        document.replace(from, to)
    })
}

#[test]
fn only_documents_of_the_one_form_count() {
    let to_the_brim = |bytes: usize| move |document: &str| format!("{document}{}", " ".repeat(bytes - document.len()));
    let cut_nonce = |keep: usize| {
        move |document: &str| {
            let (start, rest) = document.split_once(r#""nonce":""#).unwrap();
            let (nonce, end) = rest.split_once('"').unwrap();
            format!("{start}\"nonce\":\"{}\"{end}", &format!("{nonce}AAAA")[..keep])
        }
    };
    // 43 symbols hold 32 bytes and two bits more, which are zero: the last symbol is one of every fourth.
    let stray_bits = |document: &str| {
        let (start, end) = document.split_once(r#"","operation""#).unwrap();
        let last = start.bytes().last().unwrap() + 1;
        format!("{}{}\",\"operation\"{end}", &start[..start.len() - 1], char::from(last))
    };
    let table = [
        ("as the server writes it", verdict(str::to_owned)),
        ("another version", with(r#""v":1"#, r#""v":2"#)),
        ("no version", with(r#","v":1"#, "")),
        ("the version as text", with(r#""v":1"#, r#""v":"1""#)),
        ("the version with a point", with(r#""v":1"#, r#""v":1.0"#)),
        ("an unknown member", with(r#","v":1"#, r#","v":1,"w":1"#)),
        ("an unknown member of the change", with(r#""email":"bob@"#, r#""admin":true,"email":"bob@"#)),
        ("an unknown member of the actor", with(r#""email":"ada@"#, r#""admin":true,"email":"ada@"#)),
        ("a member twice", with(r#","v":1"#, r#","v":1,"v":1"#)),
        ("a member twice, once spelled otherwise", with(r#","v":1"#, r#","v":1,"\u0076":1"#)),
        ("a member of the change twice", with(r#""email":"bob@"#, r#""email":"eve@example.org","email":"bob@"#)),
        (
            "two changes",
            with(r#""CustomerEmployee"}}"#, r#""CustomerEmployee"},"create_user":{"email":"eve@example.org","kind":"EndUser"}}"#),
        ),
        ("an unknown change", with("create_user", "promote_user")),
        ("an operation that doesn't match", with("Auth:Users:Create", "Auth:Users:Read")),
        ("an unknown operation", with("Auth:Users:Create", "Auth:Users:Everything")),
        ("an id of another kind", with(r#""id":"ac-"#, r#""id":"us-"#)),
        ("an address that is none", with("bob@example.org", "bob")),
        ("a line break in an address", with("bob@example.org", r"bob@example.org\nBcc: eve@example.org")),
        ("no nonce", verdict(cut_nonce(0))),
        ("a nonce of 30 bytes", verdict(cut_nonce(40))),
        ("a nonce of 33 bytes", verdict(cut_nonce(44))),
        ("a nonce with stray bits", verdict(stray_bits)),
        ("32 KiB", verdict(to_the_brim(document::LARGEST))),
        ("a byte more than 32 KiB", verdict(to_the_brim(document::LARGEST + 1))),
        ("a byte-order mark", verdict(|document| format!("\u{feff}{document}"))),
        ("two documents", verdict(|document| format!("{document}{document}"))),
        ("half a document", verdict(|document| document[..document.len() / 2].to_owned())),
        ("nothing", verdict(|_| String::new())),
        ("null", verdict(|_| "null".to_owned())),
        ("deep nesting", verdict(|_| "[".repeat(document::LARGEST))),
    ];
    let table: Vec<String> = table.into_iter().map(|(name, verdict)| format!("{name}: {verdict}")).collect();
    insta::assert_snapshot!(table.join("\n"), @r#"
    as the server writes it: accepted
    another version: the document has the version 2, which this program doesn't know
    no version: the document can't be read: missing field `v`
    the version as text: the document can't be read: invalid type: string "1"
    the version with a point: the document can't be read: invalid type: floating point `1.0`
    an unknown member: the document can't be read: unknown field `w`
    an unknown member of the change: the document can't be read: unknown field `admin`
    an unknown member of the actor: the document can't be read: unknown field `admin`
    a member twice: the document can't be read: duplicate field `v`
    a member twice, once spelled otherwise: the document can't be read: duplicate field `v`
    a member of the change twice: the document can't be read: duplicate field `email`
    two changes: the document can't be read: expected value
    an unknown change: the document can't be read: unknown variant `promote_user`
    an operation that doesn't match: the document names the operation Auth:Users:Read, but its change needs Auth:Users:Create
    an unknown operation: the document can't be read: unknown variant `Auth:Users:Everything`
    an id of another kind: the document can't be read: this is not an id of the form ac-xxxxx-xxxxx-xxxxxxxxxxxxxxxx
    an address that is none: the document can't be read: This is not a complete mail address, such as ada@example.org.
    a line break in an address: the document can't be read: This contains a line break or an invisible character. Type it again on one line.
    no nonce: the document's nonce doesn't have 32 bytes
    a nonce of 30 bytes: the document's nonce doesn't have 32 bytes
    a nonce of 33 bytes: the document's nonce doesn't have 32 bytes
    a nonce with stray bits: the document can't be read: this is not unpadded base64url
    32 KiB: accepted
    a byte more than 32 KiB: the document has more than 32768 bytes
    a byte-order mark: the document can't be read: expected value
    two documents: the document can't be read: trailing characters
    half a document: the document can't be read: EOF while parsing a string
    nothing: the document can't be read: EOF while parsing a value
    null: the document can't be read: invalid type: null
    deep nesting: the document can't be read: invalid type: sequence
    "#);
}

#[test]
fn a_document_expires_after_it_was_issued() {
    let (mut story, mut ada) = Story::begin();
    let mut document = story.document(&ada, create_user("bob@example.org"));
    document.expires_at = document.issued_at;
    let action = Story::sign(&mut ada, &document.to_bytes().unwrap(), |_| ());
    assert_eq!(story.verdict_on_action(action), Err(ReplayError::Document(DocumentError::Times)));
}

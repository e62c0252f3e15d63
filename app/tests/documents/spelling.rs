//! JSON has many spellings for one value. That is why bytes are hashed, and never a document that was read and written again.

use super::golden::documents;
use app::action::document::{Document, DocumentError, LARGEST, challenge};
use app::domain::time::Timestamp;
use std::collections::BTreeSet;

/// A value in a golden document, by its quoted text.
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} in {text}");
    text.replacen(from, to, 1)
}

#[test]
fn a_document_in_other_bytes_has_another_challenge() {
    let all = documents();
    let text = |name: &str| {
        let (_, document) = all.iter().find(|(found, _)| found == name).unwrap();
        String::from_utf8(document.to_bytes().unwrap()).unwrap()
    };
    let user = text("create_user");
    let permission = text("create_permission");
    let without_id = replaced(&user, r#","external_id":"customer \"№ 1\" \\ 李""#, "");
    for (canonical, other) in [
        // White space, escapes, another order.
        (user.clone(), format!(" {user}\n")),
        (user.clone(), replaced(&user, ":", ": ")),
        (user.clone(), replaced(&user, "\"v\"", "\"\\u0076\"")),
        (user.clone(), replaced(&replaced(&user, ",\"v\":1", ""), "{", "{\"v\":1,")),
        // An address is trimmed, and its domain is put into lower case, as if someone had typed it.
        (user.clone(), replaced(&user, "ada@example.org", " ada@Example.ORG ")),
        // What isn't there may be said not to be.
        (without_id.clone(), replaced(&without_id, r#""kind""#, r#""external_id":null,"kind""#)),
        // A set has no order.
        (permission.clone(), replaced(&permission, r#""Auth:Users:Read""#, r#""Auth:Users:Read","Auth:Users:Read""#)),
        (permission.clone(), replaced(&permission, r#""Auth:Users:Read","Auth:Logs:Read""#, r#""Auth:Logs:Read","Auth:Users:Read""#)),
        // Members may stand in a list, without their names.
        (
            user.clone(),
            replaced(
                &user,
                r#"{"email":"ada@example.org","id":"us-060r3-0c1g6-0r30c1g60r30c1g6"}"#,
                r#"["us-060r3-0c1g6-0r30c1g60r30c1g6","ada@example.org"]"#,
            ),
        ),
    ] {
        assert_ne!(canonical, other);
        let document = Document::parse(canonical.as_bytes()).unwrap();
        assert_eq!(Document::parse(other.as_bytes()), Ok(document.clone()), "{other}");
        assert_ne!(challenge(canonical.as_bytes()), challenge(other.as_bytes()));
        // Written again it would be the canonical one, and the signature over the other one would be lost.
        assert_eq!(document.to_bytes().unwrap(), canonical.as_bytes());
    }
}

/// Every bit of every golden document is flipped: the result isn't a document, or it is another one. The only equal ones are
/// those where the domain of a mail address went into upper case.
#[test]
fn a_flipped_bit_is_no_document_or_another_one() {
    let mut equal = BTreeSet::new();
    for (name, document) in documents() {
        let bytes = document.to_bytes().unwrap();
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[place] ^= 1 << bit;
                assert_ne!(challenge(&changed), challenge(&bytes));
                match Document::parse(&changed) {
                    Err(_) => {}
                    Ok(other) if other != document => {}
                    Ok(_) => {
                        let start = bytes[..place].iter().rposition(|byte| *byte == b'"').unwrap();
                        let end = place + bytes[place..].iter().position(|byte| *byte == b'"').unwrap();
                        let value = String::from_utf8(bytes[start..=end].to_vec()).unwrap();
                        assert!(value.contains('@') && bit == 5 && bytes[start..place].contains(&b'@'), "{name}: {value}");
                        equal.insert(value);
                    }
                }
            }
        }
    }
    let equal: Vec<String> = equal.into_iter().collect();
    assert_eq!(equal, ["\"Grace.O'Malley+1@example.org\"", "\"ada@example.org\"", "\"bob@example.org\"", "\"carl@example.com\""]);
}

#[test]
fn a_document_has_at_most_32_kib() {
    let (_, document) = documents().remove(0);
    let bytes = document.to_bytes().unwrap();
    let origin = document.origin.len() + LARGEST - bytes.len();
    let to_the_brim = Document { origin: "x".repeat(origin), ..document.clone() };
    assert_eq!(to_the_brim.to_bytes().unwrap().len(), LARGEST);
    let over = Document { origin: "x".repeat(origin + 1), ..document };
    assert_eq!(over.to_bytes(), Err(DocumentError::TooLarge));
}

#[test]
fn integers_are_those_that_every_reader_of_json_keeps() {
    let (_, document) = documents().remove(0);
    let until = |millis| Document { expires_at: Timestamp::from_millis(millis), ..document.clone() };
    let last = until((1 << 53) - 1);
    assert_eq!(Document::parse(&last.to_bytes().unwrap()), Ok(last));
    for millis in [1 << 53, (1 << 53) + 1, i64::MAX] {
        assert_eq!(until(millis).to_bytes(), Err(DocumentError::Integer));
        let text = String::from_utf8(document.to_bytes().unwrap()).unwrap();
        let text = replaced(&text, &document.expires_at.as_millis().to_string(), &millis.to_string());
        assert_eq!(Document::parse(text.as_bytes()), Err(DocumentError::Integer));
    }
    let issued = |millis| Document { issued_at: Timestamp::from_millis(millis), ..document.clone() };
    assert!(issued(1 - (1 << 53)).to_bytes().is_ok());
    assert_eq!(issued(i64::MIN).to_bytes(), Err(DocumentError::Integer));
    // A permission's version is one too.
    for (name, document) in documents() {
        let text = String::from_utf8(document.to_bytes().unwrap()).unwrap();
        if let Some((_, version)) = text.split_once("\"version\":") {
            let version = version.split([',', '}']).next().unwrap();
            let text = replaced(&text, &format!("\"version\":{version}"), "\"version\":9007199254740993");
            assert_eq!(Document::parse(text.as_bytes()), Err(DocumentError::Integer), "{name}");
        }
    }
}

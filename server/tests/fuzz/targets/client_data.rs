//! `clientDataJSON`, of browsers and of programs.

use super::{
    Target,
    cases::{CHALLENGE, ORIGIN},
    json,
};
use app::action::client_data::{Ceremony, ClientDataError, challenge_handed, check_client_data, check_key_client_data};
use data_encoding::BASE64URL_NOPAD;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

pub const TARGET: Target = Target { name: "client_data", check, words: WORDS, growing: json::growing };

const WORDS: &[&[u8]] = &[
    b"\"type\":\"webauthn.get\"",
    b"\"type\":\"webauthn.create\"",
    b"\"type\":\"key.get\"",
    b"\"type\":\"key.create\"",
    b"\"challenge\":\"xcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcU\"",
    b"\"origin\":\"https://countersign.example\"",
    b"\"crossOrigin\":false",
    b"\"crossOrigin\":true",
    b"\"topOrigin\":\"https://countersign.example\"",
    b"typ\\u0065",
];

fn judge(bytes: &[u8], ceremony: Ceremony, challenge: &[u8], origin: &str) -> Result<(), ClientDataError> {
    match ceremony {
        Ceremony::Registration | Ceremony::Authentication => check_client_data(bytes, ceremony, challenge, origin),
        Ceremony::KeyRegistration | Ceremony::KeyUse => check_key_client_data(bytes, ceremony, challenge),
    }
}

fn check(bytes: &[u8]) -> bool {
    let handed = challenge_handed(bytes, CHALLENGE);
    assert!(handed == CHALLENGE || handed == BASE64URL_NOPAD.encode(CHALLENGE).as_bytes(), "another challenge was handed");
    let ceremonies = [Ceremony::Registration, Ceremony::Authentication, Ceremony::KeyRegistration, Ceremony::KeyUse];
    let accepting: Vec<Ceremony> = ceremonies.into_iter().filter(|ceremony| judge(bytes, *ceremony, CHALLENGE, ORIGIN).is_ok()).collect();
    let [ceremony] = accepting.as_slice() else {
        assert_eq!(accepting, [], "it is from one ceremony or from none");
        return false;
    };
    assert_eq!(handed, CHALLENGE);

    // Another reader of JSON finds what was asked for, and nothing that speaks against it.
    let text = std::str::from_utf8(bytes).expect("it is text");
    assert!(!text.starts_with('\u{feff}'), "a byte-order mark");
    let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).expect("it is an object");
    let is_text = |name: &str, expected: &str| {
        assert_eq!(serde_json::from_str::<String>(members[name].get()).as_deref().ok(), Some(expected), "{name}");
    };
    is_text("type", ceremony.client_data_type());
    is_text("challenge", &BASE64URL_NOPAD.encode(CHALLENGE));
    if matches!(ceremony, Ceremony::Registration | Ceremony::Authentication) {
        is_text("origin", ORIGIN);
        assert!(members.get("crossOrigin").is_none_or(|value| value.get() == "false"), "made in another site's page");
        assert!(!members.contains_key("topOrigin"), "made in another site's page");
        assert!(judge(bytes, *ceremony, CHALLENGE, "https://countersign.example.org").is_err(), "it counts for another site");
    }
    assert!(judge(bytes, *ceremony, &[0xc4; 32], ORIGIN).is_err(), "it counts for another challenge");
    for twice in json::with_a_member_twice(text) {
        let verdict = judge(twice.as_bytes(), *ceremony, CHALLENGE, ORIGIN);
        assert!(matches!(verdict, Err(ClientDataError::DuplicateMember(_))), "{verdict:?}: {twice}");
    }
    true
}

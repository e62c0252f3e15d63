//! What the browser says it asked the authenticator for: `clientDataJSON`, read strictly.
//!
//! The bytes are checked as they were signed. Two JSON readers may disagree about a member that appears twice, so a
//! duplicate is refused at every depth; unknown members are allowed, since browsers add some on purpose to keep
//! verifiers from comparing whole texts.

use std::collections::BTreeSet;
use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use thiserror::Error;

/// Which ceremony the client data must be from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ceremony {
    /// A new credential, `webauthn.create`.
    Registration,
    /// A signature by a known credential, `webauthn.get`.
    Authentication,
    /// A new key of a program, `key.create`.
    KeyRegistration,
    /// A signature by a program's key, `key.get`.
    KeyUse,
}

impl Ceremony {
    /// The value of `type` in the client data (WebAuthn L3 §5.8.1).
    pub fn client_data_type(self) -> &'static str {
        match self {
            Self::Registration => "webauthn.create",
            Self::Authentication => "webauthn.get",
            Self::KeyRegistration => "key.create",
            Self::KeyUse => "key.get",
        }
    }
}

/// Why client data was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ClientDataError {
    /// The bytes are not UTF-8.
    #[error("The client data is not valid UTF-8.")]
    NotUtf8,
    /// U+FEFF stands before the JSON.
    #[error("The client data begins with a byte-order mark.")]
    ByteOrderMark,
    /// No JSON, or something after it.
    #[error("The client data is not one JSON value.")]
    NotJson,
    /// JSON, but not an object.
    #[error("The client data is not a JSON object.")]
    NotAnObject,
    /// A member appears twice in the same object.
    #[error("The client data has the member {0:?} twice.")]
    DuplicateMember(String),
    /// `type`, `challenge` or `origin` is missing or no string.
    #[error("The client data's member {0:?} is missing or is not text.")]
    NotText(&'static str),
    /// The client data is from another ceremony.
    #[error("The client data's type is {found:?}, but {expected:?} was asked for.")]
    TypeDiffers {
        /// What was asked for.
        expected: &'static str,
        /// What the client data says.
        found: String,
    },
    /// The challenge is padded, or not canonical base64url.
    #[error("The client data's challenge is not base64url without padding.")]
    ChallengeEncoding,
    /// The signature is over another challenge.
    #[error("The client data's challenge is not the one that was given out.")]
    ChallengeDiffers,
    /// The signature was made for another site.
    #[error("The client data's origin is {found:?}, but only {expected:?} is accepted.")]
    OriginDiffers {
        /// Our own origin.
        expected: String,
        /// What the client data says.
        found: String,
    },
    /// `crossOrigin` is there and is not `false`.
    #[error("The signature was asked for inside another site's page: crossOrigin is not false.")]
    CrossOrigin,
    /// `topOrigin` is there.
    #[error("The signature was asked for inside another site's page: the client data has a topOrigin.")]
    TopOrigin,
}

/// Checks the bytes of `clientDataJSON` against what was asked for (WebAuthn L3 §5.8.1, §7.1 and §7.2; where
/// those leave a choice, the stricter one).
///
/// # Errors
///
/// The first rule that the client data breaks.
pub fn check_client_data(bytes: &[u8], ceremony: Ceremony, challenge: &[u8], origin: &str) -> Result<(), ClientDataError> {
    let members = members(bytes)?;
    check_type(&members, ceremony)?;
    check_challenge(&members, challenge)?;
    check_origin(&members, origin)?;
    match find(&members, "crossOrigin") {
        None | Some(Json::Bool(false)) => {}
        Some(_) => return Err(ClientDataError::CrossOrigin),
    }
    match find(&members, "topOrigin") {
        None => Ok(()),
        Some(_) => Err(ClientDataError::TopOrigin),
    }
}

/// Checks the client data of a program's key. A program says of origins what it likes, so what it says isn't looked at; that it
/// is what such client data may hold is.
///
/// # Errors
///
/// The first rule that the client data breaks.
pub fn check_key_client_data(bytes: &[u8], ceremony: Ceremony, challenge: &[u8]) -> Result<(), ClientDataError> {
    let members = members(bytes)?;
    check_type(&members, ceremony)?;
    check_challenge(&members, challenge)?;
    if find(&members, "origin").is_some() {
        text(&members, "origin")?;
    }
    match find(&members, "crossOrigin") {
        None | Some(Json::Bool(_)) => Ok(()),
        Some(_) => Err(ClientDataError::CrossOrigin),
    }
}

/// What an authenticator was handed for this challenge, by what its client data says: the challenge's bytes or, as a published
/// client does it, its text (base64url). Either way the signature is over this challenge, or over something else altogether,
/// which whoever verifies finds out.
pub fn challenge_handed(client_data: &[u8], challenge: &[u8]) -> Vec<u8> {
    let text = BASE64URL_NOPAD.encode(challenge).into_bytes();
    let found = members(client_data).ok().and_then(|members| self::text(&members, "challenge").map(str::to_owned).ok());
    if found.is_some_and(|found| found == BASE64URL_NOPAD.encode(&text)) { text } else { challenge.to_vec() }
}

/// Whether this is JSON that two readers can't understand differently: no object in it has a member twice.
pub fn has_unique_members(json: &str) -> bool {
    serde_json::from_str::<Json>(json).is_ok_and(|json| first_duplicate(&json).is_none())
}

fn check_type(members: &Members, ceremony: Ceremony) -> Result<(), ClientDataError> {
    let found = text(members, "type")?;
    let expected = ceremony.client_data_type();
    if found == expected { Ok(()) } else { Err(ClientDataError::TypeDiffers { expected, found: found.to_owned() }) }
}

fn check_challenge(members: &Members, challenge: &[u8]) -> Result<(), ClientDataError> {
    let found = text(members, "challenge")?;
    // The decoder refuses padding and stray trailing bits, so that a challenge has exactly one spelling.
    let found = BASE64URL_NOPAD.decode(found.as_bytes()).map_err(|_| ClientDataError::ChallengeEncoding)?;
    if found == challenge { Ok(()) } else { Err(ClientDataError::ChallengeDiffers) }
}

fn check_origin(members: &Members, origin: &str) -> Result<(), ClientDataError> {
    let found = text(members, "origin")?;
    if found == origin { Ok(()) } else { Err(ClientDataError::OriginDiffers { expected: origin.to_owned(), found: found.to_owned() }) }
}

type Members = Vec<(String, Json)>;

fn members(bytes: &[u8]) -> Result<Members, ClientDataError> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(ClientDataError::ByteOrderMark);
    }
    let json = std::str::from_utf8(bytes).map_err(|_| ClientDataError::NotUtf8)?;
    let json: Json = serde_json::from_str(json).map_err(|_| ClientDataError::NotJson)?;
    if let Some(name) = first_duplicate(&json) {
        return Err(ClientDataError::DuplicateMember(name.to_owned()));
    }
    match json {
        Json::Object(members) => Ok(members),
        _ => Err(ClientDataError::NotAnObject),
    }
}

fn find<'a>(members: &'a Members, name: &str) -> Option<&'a Json> {
    members.iter().find_map(|(found, value)| (found == name).then_some(value))
}

fn text<'a>(members: &'a Members, name: &'static str) -> Result<&'a str, ClientDataError> {
    match find(members, name) {
        Some(Json::Text(text)) => Ok(text),
        _ => Err(ClientDataError::NotText(name)),
    }
}

fn first_duplicate(json: &Json) -> Option<&str> {
    match json {
        Json::Object(members) => {
            let mut seen = BTreeSet::new();
            members.iter().find_map(|(name, value)| if seen.insert(name) { first_duplicate(value) } else { Some(name.as_str()) })
        }
        Json::Array(values) => values.iter().find_map(first_duplicate),
        Json::Bool(_) | Json::Text(_) | Json::NullOrNumber => None,
    }
}

/// A JSON value that keeps duplicate members, which `serde_json::Value` merges without a word.
enum Json {
    NullOrNumber,
    Bool(bool),
    Text(String),
    Array(Vec<Json>),
    Object(Members),
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::NullOrNumber)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Json, E> {
        Ok(Json::NullOrNumber)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json, E> {
        Ok(Json::NullOrNumber)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::NullOrNumber)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = access.next_element()? {
            values.push(value);
        }
        Ok(Json::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = access.next_entry()? {
            members.push(member);
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // "AQID" in base64url.
    const CHALLENGE: &[u8] = &[1, 2, 3];
    const ORIGIN: &str = "https://example.org";

    fn check(json: impl AsRef<[u8]>) -> Result<(), ClientDataError> {
        check_client_data(json.as_ref(), Ceremony::Authentication, CHALLENGE, ORIGIN)
    }

    fn with(more: &str) -> String {
        format!(r#"{{"type":"webauthn.get","challenge":"AQID","origin":"https://example.org"{more}}}"#)
    }

    fn with_challenge(challenge: &str) -> String {
        format!(r#"{{"type":"webauthn.get","challenge":"{challenge}","origin":"https://example.org"}}"#)
    }

    fn with_origin(origin: &str) -> String {
        format!(r#"{{"type":"webauthn.get","challenge":"AQID","origin":"{origin}"}}"#)
    }

    #[test]
    fn plain_client_data_is_accepted() {
        assert_eq!(check(with("")), Ok(()));
        assert_eq!(check(with(r#","crossOrigin":false"#)), Ok(()));
        assert_eq!(check(format!(" {} \n", with(""))), Ok(()));
    }

    #[test]
    fn unknown_members_are_accepted() {
        let more = r#","a":[{"x":1,"y":null},{"x":-2.5}],"clientExtensions":{},"ä":"\u00e4""#;
        assert_eq!(check(with(more)), Ok(()));
    }

    #[test]
    fn a_registration_is_no_authentication() {
        let json = with("").replace("webauthn.get", "webauthn.create");
        assert_eq!(check_client_data(json.as_bytes(), Ceremony::Registration, CHALLENGE, ORIGIN), Ok(()));
        assert_eq!(check(json), Err(ClientDataError::TypeDiffers { expected: "webauthn.get", found: "webauthn.create".to_owned() }));
        assert!(check(with("").replace("webauthn.get", "Webauthn.get")).is_err());
    }

    #[test]
    fn bytes_that_are_not_text_are_refused() {
        let mut latin1 = with(r#","a":"X""#).into_bytes();
        let place = latin1.iter().rposition(|byte| *byte == b'X').unwrap();
        latin1[place] = 0xe4;
        assert_eq!(check(latin1), Err(ClientDataError::NotUtf8));
        assert_eq!(check(format!("\u{feff}{}", with(""))), Err(ClientDataError::ByteOrderMark));
    }

    #[test]
    fn what_is_not_one_object_is_refused() {
        for json in ["", "{", &format!("{}x", with("")), &format!("{0}{0}", with("")), r#"{"a":"\ud800"}"#] {
            assert!(matches!(check(json), Err(ClientDataError::NotJson)), "{json}");
        }
        for json in ["null", "1", "\"a\"", "[]"] {
            assert_eq!(check(json), Err(ClientDataError::NotAnObject), "{json}");
        }
        let deep = with(&format!(r#","a":{}{}"#, "[".repeat(10_000), "]".repeat(10_000)));
        assert!(matches!(check(deep), Err(ClientDataError::NotJson)));
    }

    #[test]
    fn duplicate_members_are_refused_at_every_depth() {
        for (more, name) in [
            (r#","type":"webauthn.get""#, "type"),
            (r#","typ\u0065":"webauthn.get""#, "type"),
            (r#","crossOrigin":false,"crossOrigin":false"#, "crossOrigin"),
            (r#","unknown":1,"unknown":2"#, "unknown"),
            (r#","a":{"b":1,"b":1}"#, "b"),
            (r#","a":[[{"b":{"c":1,"c":1}}]]"#, "c"),
        ] {
            assert_eq!(check(with(more)), Err(ClientDataError::DuplicateMember(name.to_owned())), "{more}");
        }
    }

    #[test]
    fn json_that_says_something_twice_has_no_unique_members() {
        for json in ["{}", "1", r#"{"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]}"#] {
            assert!(has_unique_members(json), "{json}");
        }
        for json in [r#"{"a":1,"a":1}"#, r#"{"a":{"b":1,"\u0062":1}}"#, r#"[[{"a":1,"b":1,"a":2}]]"#, "{", "", "{}{}"] {
            assert!(!has_unique_members(json), "{json}");
        }
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(!has_unique_members(&deep));
    }

    #[test]
    fn missing_and_mistyped_members_are_refused() {
        assert_eq!(check("{}"), Err(ClientDataError::NotText("type")));
        assert_eq!(check(r#"{"type":1}"#), Err(ClientDataError::NotText("type")));
        assert_eq!(check(r#"{"type":"webauthn.get"}"#), Err(ClientDataError::NotText("challenge")));
        assert_eq!(check(r#"{"type":"webauthn.get","challenge":"AQID","origin":null}"#), Err(ClientDataError::NotText("origin")));
    }

    #[test]
    fn the_challenge_has_one_spelling() {
        assert_eq!(check(with_challenge("AQIE")), Err(ClientDataError::ChallengeDiffers));
        assert_eq!(check(with_challenge("")), Err(ClientDataError::ChallengeDiffers));
        assert_eq!(check(with_challenge("AQID=")), Err(ClientDataError::ChallengeEncoding));
        assert_eq!(check(with_challenge("AQID====")), Err(ClientDataError::ChallengeEncoding));
        assert_eq!(check(with_challenge("AQ+D")), Err(ClientDataError::ChallengeEncoding));
        assert_eq!(check(with_challenge("AQ ID")), Err(ClientDataError::ChallengeEncoding));
        // "AQE" and "AQF" differ in bits that carry nothing.
        let of_two_bytes = |text: &str| check_client_data(with_challenge(text).as_bytes(), Ceremony::Authentication, &[1, 1], ORIGIN);
        assert_eq!(of_two_bytes("AQE"), Ok(()));
        assert_eq!(of_two_bytes("AQE="), Err(ClientDataError::ChallengeEncoding));
        assert_eq!(of_two_bytes("AQF"), Err(ClientDataError::ChallengeEncoding));
    }

    #[test]
    fn the_origin_is_compared_byte_for_byte() {
        for origin in [
            "https://example.org/",
            "https://example.org/path",
            "https://EXAMPLE.org",
            "HTTPS://example.org",
            "https://example.org:443",
            "https://user@example.org",
            "https://example.org.",
            "http://example.org",
            "https://sub.example.org",
            " https://example.org",
            "https://ex\u{430}mple.org",
            "null",
            "",
        ] {
            assert_eq!(
                check(with_origin(origin)),
                Err(ClientDataError::OriginDiffers { expected: ORIGIN.to_owned(), found: origin.to_owned() })
            );
        }
    }

    #[test]
    fn frames_of_other_sites_are_refused() {
        for value in ["true", "null", "0", "\"false\"", "[]", "{}"] {
            let more = format!(r#","crossOrigin":{value}"#);
            assert_eq!(check(with(&more)), Err(ClientDataError::CrossOrigin), "{value}");
        }
        for value in ["\"https://example.org\"", "null", "false"] {
            let more = format!(r#","crossOrigin":false,"topOrigin":{value}"#);
            assert_eq!(check(with(&more)), Err(ClientDataError::TopOrigin), "{value}");
        }
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = check(bytes);
        }

        #[test]
        fn random_text_in_place_of_json_never_panics(text in "[\\[\\]{}\":,a\\\\u0-9 ]{0,60}") {
            let _ = check(text);
        }

        #[test]
        fn a_changed_byte_never_passes(place in 0..60_usize, byte in any::<u8>()) {
            // All that stands here is syntax, a known name, or a value that is compared.
            let good = with("").into_bytes();
            let mut changed = good.clone();
            changed[place % good.len()] = byte;
            prop_assert!(changed == good || check(changed).is_err());
        }
    }
}

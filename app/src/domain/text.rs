//! Texts that people type: each a type of its own, which only holds what was checked. They go into mails, pages and
//! signed documents, so nothing gets in that could break a line, hide or reorder what is read.

use crate::action::cose::PublicKey;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is wrong with a text, said to the one who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing was typed.
    #[error("Fill in this field.")]
    Empty,
    /// More characters than the field takes.
    #[error("This is longer than {0} characters. Shorten it.")]
    TooLong(usize),
    /// A control character, a line break, or one that hides or turns around what is read.
    #[error("This contains a line break or an invisible character. Type it again on one line.")]
    Invisible,
    /// Angle brackets: a name with them would look like markup or like a mail address.
    #[error("Leave out < and >.")]
    Brackets,
    /// Quotation marks: a sentence that quotes the name would end where the name says.
    #[error("Leave out quotation marks.")]
    Quotes,
    /// Not a mail address.
    #[error("This is not a complete mail address, such as ada@example.org.")]
    Address,
    /// A mail address that could exist, but that we can't write to.
    #[error("Only mail addresses of plain letters, digits and the usual signs work here.")]
    AddressLetters,
    /// An id with other characters than ids of keys have.
    #[error("Use letters, digits, - and _ only.")]
    KeyIdLetters,
    /// Not a public key that can be used.
    #[error("This isn't a public key in PEM (BEGIN PUBLIC KEY) for P-256, Ed25519 or RSA with 2048 bits or more.")]
    PublicKey,
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $parse:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks what was typed; spaces around it don't count.
            ///
            /// # Errors
            /// Says what is wrong, as a sentence for the person who typed it.
            pub fn parse(typed: &str) -> Result<Self, TextError> {
                $parse(typed.trim()).map(Self)
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = TextError;

            fn try_from(text: String) -> Result<Self, TextError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }
    };
}

text!(
    /// A person's name, at most 100 characters.
    PersonName,
    name
);
text!(
    /// An organization's name, at most 100 characters.
    OrganizationName,
    name
);
text!(
    /// A permission's name, at most 100 characters, without the quotation marks in which sentences set it.
    PermissionName,
    quotable_name
);
text!(
    /// How people call a passkey of theirs, at most 100 characters, without quotation marks.
    PasskeyName,
    quotable_name
);
text!(
    /// How a service account or an access token is called, at most 100 characters, without quotation marks.
    ProgramName,
    quotable_name
);
text!(
    /// A public key in PEM, as its owner gave it.
    PublicKeyPem,
    pem
);
text!(
    /// The id that a program chose for a key of its own, at most 255 characters.
    KeyId,
    key_id
);
text!(
    /// By which another system knows a user, at most 100 characters.
    ExternalId,
    name
);
text!(
    /// A mail address, at most 254 characters, its domain in lower case.
    EmailAddress,
    address
);

impl EmailAddress {
    /// By which two spellings of one address are found equal: all in lower case.
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

#[cfg(feature = "ssr")]
impl PermissionName {
    /// By which two names that look the same are found equal: upper and lower case, and letters of different scripts that
    /// look alike (UTS 39, skeleton), are one; runs of spaces count as one.
    pub fn look(&self) -> String {
        let words: Vec<&str> = self.0.split_whitespace().collect();
        let lower = words.join(" ").to_lowercase();
        unicode_security::confusable_detection::skeleton(&lower).flat_map(char::to_lowercase).collect()
    }
}

const NAME_LENGTH: usize = 100;
/// RFC 5321, sections 4.5.3.1.1 and 4.5.3.1.3 (a path of 256 with its angle brackets).
const ADDRESS_LENGTH: usize = 254;
const LOCAL_PART_LENGTH: usize = 64;
const LABEL_LENGTH: usize = 63;

fn name(typed: &str) -> Result<String, TextError> {
    one_line(typed, NAME_LENGTH)?;
    if typed.contains(['<', '>']) {
        return Err(TextError::Brackets);
    }
    Ok(typed.to_owned())
}

fn quotable_name(typed: &str) -> Result<String, TextError> {
    if typed.contains(['"', '“', '”', '„', '‟', '«', '»', '‹', '›']) {
        return Err(TextError::Quotes);
    }
    name(typed)
}

fn one_line(typed: &str, longest: usize) -> Result<(), TextError> {
    if typed.is_empty() {
        return Err(TextError::Empty);
    }
    if typed.chars().count() > longest {
        return Err(TextError::TooLong(longest));
    }
    if typed.chars().any(|char| char.is_control() || is_invisible(char)) {
        return Err(TextError::Invisible);
    }
    Ok(())
}

/// Characters that take no room or turn the reading direction around (Unicode's "default ignorable" ones that occur in
/// spoofed names, bidirectional controls, line and paragraph separators). The joiners U+200C and U+200D are left in:
/// Persian and Indic names need them.
fn is_invisible(char: char) -> bool {
    matches!(
        char,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}'
            | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}'
    )
}

/// Kept as it came, since it is what its owner compares.
fn pem(text: &str) -> Result<String, TextError> {
    match PublicKey::from_pem(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(TextError::PublicKey),
    }
}

fn key_id(text: &str) -> Result<String, TextError> {
    const LONGEST: usize = 255;
    if text.is_empty() {
        return Err(TextError::Empty);
    }
    if text.len() > LONGEST {
        return Err(TextError::TooLong(LONGEST));
    }
    let is_fit = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if is_fit { Ok(text.to_owned()) } else { Err(TextError::KeyIdLetters) }
}

/// The addresses that mail servers on the Internet take: RFC 5321's dot-string before the @, a host name of at least
/// two labels behind it. No quoted local parts, no address literals, no SMTPUTF8.
fn address(typed: &str) -> Result<String, TextError> {
    one_line(typed, ADDRESS_LENGTH)?;
    let (local, domain) = typed.rsplit_once('@').ok_or(TextError::Address)?;
    if !typed.is_ascii() {
        return Err(TextError::AddressLetters);
    }
    let local_fits = local.len() <= LOCAL_PART_LENGTH && local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atom_text));
    let domain_fits = domain.contains('.') && domain.split('.').all(is_label) && !domain.ends_with(|char: char| char.is_ascii_digit());
    if local_fits && domain_fits { Ok(format!("{local}@{}", domain.to_ascii_lowercase())) } else { Err(TextError::Address) }
}

/// RFC 5322, section 3.2.3: `atext`.
fn is_atom_text(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

fn is_label(label: &str) -> bool {
    (1..=LABEL_LENGTH).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_pass_and_lose_their_outer_spaces() {
        for name in ["Ada Lovelace", "Łukasz", "李小龍", "O’Connor & Söhne", "محمد", "A"] {
            assert_eq!(PersonName::parse(&format!("  {name} ")).unwrap().as_str(), name);
        }
    }

    #[test]
    fn hostile_names_are_refused_with_their_own_sentence() {
        let long = "x".repeat(10_000);
        for (name, error) in [
            ("", TextError::Empty),
            (" \t ", TextError::Empty),
            ("Ada\nBcc: eve@example.org", TextError::Invisible),
            ("Ada\r\nX", TextError::Invisible),
            ("Ada\0", TextError::Invisible),
            ("Ada\u{202E}ecalevoL", TextError::Invisible),
            ("Ada\u{200B}", TextError::Invisible),
            ("<script>alert(1)</script>", TextError::Brackets),
            (long.as_str(), TextError::TooLong(100)),
        ] {
            assert_eq!(OrganizationName::parse(name), Err(error), "{name:?}");
        }
    }

    #[test]
    fn a_permissions_name_can_not_end_its_own_quotation() {
        for name in ["Harmless” from bob, and “Auditors", "\"Auditors\"", "«Auditors»"] {
            assert_eq!(PermissionName::parse(name), Err(TextError::Quotes), "{name}");
        }
        assert!(PermissionName::parse("Bob's auditors").is_ok());
    }

    #[cfg(feature = "ssr")]
    #[test]
    fn names_that_look_alike_are_the_same() {
        let look = |name: &str| PermissionName::parse(name).unwrap().look();
        // The A of the third and the o of the fourth are Cyrillic.
        for name in ["Auditors", "AUDITORS", "\u{0410}uditors", "auditоrs", "Auditors "] {
            assert_eq!(look(name), look("auditors"), "{name}");
        }
        assert_eq!(look("Full  admin"), look("full admin"));
        assert_ne!(look("Auditor"), look("auditors"));
    }

    #[test]
    fn addresses_that_can_exist_pass() {
        for (typed, kept) in [
            ("ada@example.org", "ada@example.org"),
            (" Ada.Lovelace+work@Example.ORG ", "Ada.Lovelace+work@example.org"),
            ("o'neil@xn--bcher-kva.example", "o'neil@xn--bcher-kva.example"),
        ] {
            assert_eq!(EmailAddress::parse(typed).unwrap().as_str(), kept);
        }
        assert_eq!(EmailAddress::parse("Ada@Example.org").unwrap().key(), "ada@example.org");
    }

    #[test]
    fn addresses_that_can_not_exist_are_refused() {
        for typed in [
            "ada",
            "ada@",
            "@example.org",
            "ada@localhost",
            "ada@example..org",
            "ada@-example.org",
            "ada@exa_mple.org",
            ".ada@example.org",
            "ada.@example.org",
            "a..da@example.org",
            "ada@[127.0.0.1]",
            "ada@127.0.0.1",
            "ada lovelace@example.org",
            "ada@example.org,eve@example.org",
            "\"ada\"@example.org",
            "ada@example.org.",
            "<ada@example.org>",
        ] {
            assert_eq!(EmailAddress::parse(typed), Err(TextError::Address), "{typed}");
        }
        assert_eq!(EmailAddress::parse("ada@bücher.example"), Err(TextError::AddressLetters));
        assert_eq!(EmailAddress::parse(&format!("{}@example.org", "a".repeat(65))), Err(TextError::Address));
        assert_eq!(EmailAddress::parse(&format!("ada@{}.org", "a".repeat(300))), Err(TextError::TooLong(254)));
        assert_eq!(EmailAddress::parse("ada@example.org\r\nBcc: eve@example.org"), Err(TextError::Invisible));
    }
}

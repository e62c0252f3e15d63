//! Codes as people type them: of recovery kits, from mails, from another device.

use super::{Growing, Target};
use app::action::recovery_code::{GroupNumber, GroupState, RecoveryCode};
use server::code::{DeviceCode, RegistrationCode};

pub const TARGET: Target = Target { name: "recovery_code", check, words: WORDS, growing };

const WORDS: &[&[u8]] = &[
    b"-",
    b" ",
    b"\n",
    b"\t",
    "\u{2011}".as_bytes(),
    "–".as_bytes(),
    "\u{a0}".as_bytes(),
    "\u{200b}".as_bytes(),
    "ı".as_bytes(),
    "K".as_bytes(),
    "٣".as_bytes(),
    "８".as_bytes(),
    b"O",
    b"o",
    b"I",
    b"l",
    b"U",
    b"10003",
    b"00002",
    b"7",
];

fn growing() -> Vec<Growing> {
    vec![
        Growing::new(b"", b"0", b""),
        Growing::new(b"1234567890123456", b" ", b""),
        Growing::new(b"", "–".as_bytes(), b""),
        Growing::new(b"", b"#-", b""),
    ]
}

const ALPHABET: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

fn check(bytes: &[u8]) -> bool {
    let Ok(typed) = std::str::from_utf8(bytes) else { return false };
    let kit = kit(typed);
    let mail = RegistrationCode::parse(typed);
    if let Ok(code) = &mail {
        let digits: String = typed.chars().filter(char::is_ascii_digit).collect();
        assert_eq!(code.digits(), digits);
        assert_eq!(digits.len(), 16);
        assert!(!typed.contains(char::is_alphabetic), "letters are no digits");
    }
    let device = DeviceCode::parse(typed);
    if let Ok(code) = &device {
        assert!(code.symbols().len() == 9 && code.symbols().chars().all(|symbol| ALPHABET.contains(symbol)), "{}", code.symbols());
        for again in [code.to_string(), code.to_string().to_lowercase()] {
            assert_eq!(DeviceCode::parse(&again).as_ref().map(DeviceCode::symbols), Ok(code.symbols()));
        }
    }
    kit || mail.is_ok() || device.is_ok()
}

fn kit(typed: &str) -> bool {
    let groups = GroupNumber::ALL.map(|number| RecoveryCode::check_group(number, typed));
    assert!(groups.iter().filter(|state| **state == GroupState::Right).count() <= 1, "it is two groups at once");
    let code = match RecoveryCode::parse(typed) {
        Ok(code) => code,
        Err(error) => {
            is_a_sentence(&error.to_string());
            return false;
        }
    };
    let text = code.to_string();
    let bare = text.replace('-', "");
    assert!(text.len() == 41 && bare.len() == 35 && bare.chars().all(|symbol| ALPHABET.contains(symbol)), "{text}");
    assert_eq!(symbols(typed), bare, "other symbols than those that were typed");
    let secret: String = GroupNumber::ALL.map(|number| code.group(number)[..4].to_owned()).concat();
    assert_eq!(code.secret().as_slice(), secret.as_bytes());
    for number in GroupNumber::ALL {
        assert_eq!(code.check_own_group(number, code.group(number)), GroupState::Right);
    }
    assert_eq!(RecoveryCode::parse(&text).as_ref(), Ok(&code));
    // One other symbol is found wherever it stands.
    for (place, symbol) in bare.char_indices() {
        let other = if symbol == '0' { "1" } else { "0" };
        let changed = [&bare[..place], other, &bare[place + 1..]].concat();
        assert!(RecoveryCode::parse(&changed).is_err(), "{changed}");
    }
    // So are two neighbours that changed places.
    for place in 1..bare.len() {
        let (before, after) = (&bare[place - 1..place], &bare[place..=place]);
        let swapped = [&bare[..place - 1], after, before, &bare[place + 1..]].concat();
        assert!(before == after || RecoveryCode::parse(&swapped).is_err(), "{swapped}");
    }
    true
}

/// What was typed, as far as it can be in a code.
fn symbols(typed: &str) -> String {
    let upper = typed.to_ascii_uppercase().replace(['I', 'L'], "1").replace('O', "0");
    upper.chars().filter(|symbol| ALPHABET.contains(*symbol)).collect()
}

fn is_a_sentence(text: &str) {
    assert!(text.ends_with('.') && text.len() < 300, "{text}");
}

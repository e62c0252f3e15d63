//! Codes that people type: 16 digits out of a mail, or nine symbols from one device to another. They have 53 and 45 bits, so
//! only a slow, salted hash of one is kept.

use crate::ambient::Ambient;
use argon2::{
    Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version,
    password_hash::{Error, SaltString},
};
use std::{sync::Arc, time::Duration};
use tokio::{sync::Semaphore, task::spawn_blocking};

/// How long a code works.
pub const CODE_LIFE: Duration = Duration::from_hours(4);
/// How many digits a code has.
const DIGITS: usize = 16;

/// What was typed isn't 16 digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Something else than digits.
    #[error("A code has only digits. Compare it with the mail.")]
    NotDigits,
    /// Not 16.
    #[error("A code has 16 digits; these are {0}. Compare them with the mail.")]
    Length(usize),
}

/// A registration code in readable form: only ever on its way into a mail or to the comparison.
pub struct RegistrationCode(String);

impl RegistrationCode {
    /// A new one; every digit is equally likely.
    pub fn generate(ambient: &Ambient) -> Self {
        let mut digits = String::with_capacity(DIGITS);
        while digits.len() < DIGITS {
            // 250 is the largest multiple of 10 that fits a byte: the rest would favour small digits.
            let [byte] = ambient.bytes();
            if byte < 250 {
                digits.push(char::from(b'0' + byte % 10));
            }
        }
        Self(digits)
    }

    /// Reads what was typed; spaces and hyphens don't count.
    ///
    /// # Errors
    /// Says what is wrong, as a sentence for the person who typed it.
    pub fn parse(typed: &str) -> Result<Self, CodeError> {
        let digits: String =
            typed.chars().filter(|char| !(char.is_whitespace() || matches!(char, '-' | '‐' | '‑' | '–' | '—'))).take(200).collect();
        if !digits.chars().all(|char| char.is_ascii_digit()) {
            return Err(CodeError::NotDigits);
        }
        if digits.len() == DIGITS { Ok(Self(digits)) } else { Err(CodeError::Length(digits.len())) }
    }

    /// The 16 digits.
    pub fn digits(&self) -> &str {
        &self.0
    }
}

/// Nine symbols of Crockford's base32.
const SYMBOLS: usize = 9;
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// What was typed isn't a code for another device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceCodeError {
    /// Something that no such code has.
    #[error("“{0}” isn't in such a code. Compare it with the other device.")]
    Symbol(char),
    /// Not nine.
    #[error("A code has nine letters and digits; these are {0}.")]
    Length(usize),
}

/// A code that brings another device to one's account, in readable form.
pub struct DeviceCode(String);

impl DeviceCode {
    /// A new one; every symbol is equally likely.
    pub fn generate(ambient: &Ambient) -> Self {
        let bytes: [u8; SYMBOLS] = ambient.bytes();
        Self(bytes.iter().map(|byte| char::from(CROCKFORD[usize::from(byte & 31)])).collect())
    }

    /// Reads what was typed: spaces, hyphens and capitals don't count, and I, L and O are what they look like.
    ///
    /// # Errors
    /// Says what is wrong, as a sentence for the person who typed it.
    pub fn parse(typed: &str) -> Result<Self, DeviceCodeError> {
        let mut symbols = String::with_capacity(SYMBOLS);
        for char in typed.chars().filter(|char| !(char.is_whitespace() || matches!(char, '-' | '‐' | '‑' | '–' | '—'))).take(200) {
            symbols.push(match char.to_ascii_uppercase() {
                'I' | 'L' => '1',
                'O' => '0',
                symbol if symbol.is_ascii() && CROCKFORD.contains(&(symbol as u8)) => symbol,
                _ => return Err(DeviceCodeError::Symbol(char)),
            });
        }
        if symbols.len() == SYMBOLS { Ok(Self(symbols)) } else { Err(DeviceCodeError::Length(symbols.len())) }
    }

    /// The nine symbols.
    pub fn symbols(&self) -> &str {
        &self.0
    }
}

/// In groups of three.
impl std::fmt::Display for DeviceCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (first, rest) = self.0.split_at(3);
        let (second, third) = rest.split_at(3);
        write!(f, "{first}-{second}-{third}")
    }
}

/// What a hash costs: as OWASP's ASVS 5.0 wants it at least (appendix C), 12 MiB, 3 passes, 1 lane.
pub const COST: Params = match Params::new(12 * 1024, 3, 1, None) {
    Ok(cost) => cost,
    Err(_) => panic!("these are within Argon2's bounds"),
};

/// Hashes and compares codes, as many at once as there are processors.
pub struct Codes {
    room: Arc<Semaphore>,
    argon2: Argon2<'static>,
}

impl Codes {
    /// With room for every processor; every new hash costs this. Servers take [`COST`], tests of something else what is cheaper.
    pub fn new(cost: Params) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self { room: Arc::new(Semaphore::new(processors)), argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, cost) }
    }

    /// A PHC string: Argon2id with a fresh salt.
    ///
    /// # Errors
    /// When the work couldn't be done.
    pub async fn hash(&self, code: &str, ambient: &Ambient) -> Result<String, Error> {
        let digits = code.to_owned();
        let salt = SaltString::encode_b64(&ambient.bytes::<16>())?;
        self.work(move |argon2| Ok(argon2.hash_password(digits.as_bytes(), &salt)?.to_string())).await
    }

    /// Which of these hashes is the code's, if any. Always does the work of `places` comparisons, so that its time tells
    /// nothing about how many there are.
    ///
    /// # Errors
    /// When a hash can't be read or the work couldn't be done.
    pub async fn find(&self, code: &str, hashes: Vec<String>, places: usize) -> Result<Option<usize>, Error> {
        let digits = code.to_owned();
        self.work(move |argon2| {
            let mut found = None;
            for place in 0..places {
                match hashes.get(place) {
                    Some(hash) => {
                        if argon2.verify_password(digits.as_bytes(), &PasswordHash::new(hash)?).is_ok() {
                            found = Some(place);
                        }
                    }
                    None => {
                        argon2.hash_password(digits.as_bytes(), &SaltString::encode_b64(&[0; 16])?)?;
                    }
                }
            }
            Ok(found)
        })
        .await
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce(Argon2<'static>) -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
        let room = Arc::clone(&self.room).acquire_owned().await.map_err(|_| Error::Crypto)?;
        let argon2 = self.argon2.clone();
        spawn_blocking(move || {
            let _room = room;
            work(argon2)
        })
        .await
        .map_err(|_| Error::Crypto)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_with_any_spacing() {
        for typed in ["1234567890123456", "1234 5678 9012 3456", " 1234-5678-9012-3456\n", "1234–5678 – 9012‑3456"] {
            assert_eq!(RegistrationCode::parse(typed).map(|code| code.0), Ok("1234567890123456".to_owned()), "{typed}");
        }
    }

    #[test]
    fn malformed_codes_say_what_is_wrong() {
        for (typed, error) in [
            ("", CodeError::Length(0)),
            ("123", CodeError::Length(3)),
            ("12345678901234567", CodeError::Length(17)),
            ("1234 5678 9012 345x", CodeError::NotDigits),
            ("١٢٣٤٥٦٧٨٩٠١٢٣٤٥٦", CodeError::NotDigits),
        ] {
            assert_eq!(RegistrationCode::parse(typed).err(), Some(error), "{typed}");
        }
        assert_eq!(RegistrationCode::parse(&"1".repeat(10_000)).err(), Some(CodeError::Length(200)));
    }

    #[test]
    fn codes_for_a_device_are_read_as_people_type_them() {
        let read = |typed: &str| DeviceCode::parse(typed).map(|code| code.to_string());
        for typed in ["7Q2-MXK-104", "7q2mxk1o4", " 7Q2 MXK lO4 ", "7Q2–MXK‑i04"] {
            assert_eq!(read(typed).as_deref(), Ok("7Q2-MXK-104"), "{typed}");
        }
        assert_eq!(read("7Q2-MXK"), Err(DeviceCodeError::Length(6)));
        assert_eq!(read("7Q2-MXK-1U4"), Err(DeviceCodeError::Symbol('U')));
        assert_eq!(read("é"), Err(DeviceCodeError::Symbol('é')));
        let code = DeviceCode::generate(&Ambient::of_this_machine());
        assert_eq!(DeviceCode::parse(&code.to_string()).map(|read| read.0), Ok(code.0));
    }

    #[tokio::test]
    async fn a_code_is_found_among_hashes_and_no_other_is() {
        let (codes, ambient) = (Codes::new(COST), Ambient::of_this_machine());
        let (code, other) = (RegistrationCode::generate(&ambient), RegistrationCode::generate(&ambient));
        let hashes = vec![codes.hash(other.digits(), &ambient).await.unwrap(), codes.hash(code.digits(), &ambient).await.unwrap()];
        assert!(hashes.iter().all(|hash| hash.starts_with("$argon2id$v=19$m=12288,t=3,p=1$")), "{hashes:?}");
        assert!(!hashes[1].contains(code.digits()));
        assert_eq!(codes.find(code.digits(), hashes.clone(), 3).await, Ok(Some(1)));
        assert_eq!(codes.find(RegistrationCode::generate(&ambient).digits(), hashes, 3).await, Ok(None));
    }
}

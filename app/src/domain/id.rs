//! Ids: a prefix that names the kind, then 128 random bits in lower-case Crockford base32 in groups of 5, 5 and 16, as in
//! `us-01234-56789-abcdefghjkmnpqrs`. An id of one kind can't be taken for another, neither by the compiler nor on the wire.

use serde::{Deserialize, Deserializer, Serialize, de};
use std::{fmt, str::FromStr};

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 26 symbols of 5 bits hold 128 bits; the two left over are zero.
const SYMBOLS: usize = 26;
const GROUPS: [usize; 3] = [5, 5, 16];
const NO_SYMBOL: u8 = 0xff;
/// What each byte stands for: pages and histories read thousands of ids.
const VALUES: [u8; 256] = {
    let mut values = [NO_SYMBOL; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        #[expect(clippy::cast_possible_truncation, reason = "there are 32")]
        let of_symbol = value as u8;
        values[ALPHABET[value] as usize] = of_symbol;
        value += 1;
    }
    values
};

/// A text that isn't an id of the expected kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not an id of the form {prefix}-xxxxx-xxxxx-xxxxxxxxxxxxxxxx")]
pub struct IdError {
    prefix: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The id made of these 128 (random) bits.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The 128 bits without their prefix.
            pub const fn to_bytes(self) -> [u8; 16] {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write(f, $prefix, self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                decode($prefix, text).map(Self).ok_or(IdError { prefix: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

id!(
    /// An organization.
    OrganizationId,
    "or"
);
id!(
    /// A user of one organization; its 16 bytes are the WebAuthn user handle.
    UserId,
    "us"
);
id!(
    /// A credential of a user: a passkey or a recovery key. Not the id that an authenticator chose.
    CredentialId,
    "cr"
);
id!(
    /// A registration: what happens in one browser between typing the code and being registered.
    RegistrationId,
    "re"
);
id!(
    /// A registration code. The code itself is only kept as a hash.
    CodeId,
    "co"
);
id!(
    /// A WebAuthn challenge that waits for its answer.
    ChallengeId,
    "ch"
);
id!(
    /// A mail in the outbox.
    MailId,
    "ma"
);
id!(
    /// Something that happened around an account.
    ActivityId,
    "ev"
);
id!(
    /// A permission.
    PermissionId,
    "pm"
);
id!(
    /// A permission given to a user.
    AssignmentId,
    "as"
);
id!(
    /// An action: a change that someone asked for.
    ActionId,
    "ac"
);
id!(
    /// A token of the API.
    TokenId,
    "to"
);
id!(
    /// An entry of history, as the API calls it: its organization and its place, written as an id.
    EntryId,
    "uj"
);

impl EntryId {
    /// The entry at this place of this organization's history: eight bytes of the organization's id, then the place.
    pub fn new(organization: OrganizationId, index: u64) -> Self {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&organization.0[..8]);
        bytes[8..].copy_from_slice(&index.to_be_bytes());
        Self(bytes)
    }

    /// Its place in this organization's history; nothing, when it is another organization's.
    pub fn index(self, organization: OrganizationId) -> Option<u64> {
        let (of, index) = self.0.split_at(8);
        let index = index.try_into().map(u64::from_be_bytes).ok()?;
        (of == &organization.0[..8]).then_some(index)
    }
}

fn write(f: &mut fmt::Formatter<'_>, prefix: &str, bytes: [u8; 16]) -> fmt::Result {
    let mut bits = u128::from_be_bytes(bytes);
    let mut symbols = [0_u8; SYMBOLS];
    for symbol in symbols.iter_mut().rev() {
        *symbol = ALPHABET[(bits & 31) as usize];
        bits >>= 5;
    }
    f.write_str(prefix)?;
    let mut rest = symbols.as_slice();
    for length in GROUPS {
        let (group, tail) = rest.split_at(length);
        f.write_str("-")?;
        f.write_str(str::from_utf8(group).map_err(|_| fmt::Error)?)?;
        rest = tail;
    }
    Ok(())
}

/// The one text for these bits or nothing: no upper case, no missing hyphens, no overflow of the first symbol.
fn decode(prefix: &str, text: &str) -> Option<[u8; 16]> {
    let mut bits: u128 = 0;
    let mut rest = text.strip_prefix(prefix)?.as_bytes();
    for length in GROUPS {
        let (group, tail) = rest.strip_prefix(b"-")?.split_at_checked(length)?;
        for symbol in group {
            let value = VALUES[usize::from(*symbol)];
            if value == NO_SYMBOL || bits.leading_zeros() < 5 {
                return None;
            }
            bits = bits << 5 | u128::from(value);
        }
        rest = tail;
    }
    rest.is_empty().then(|| bits.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_id_is_written_in_groups_behind_its_prefix() {
        let id = UserId::from_bytes(*b"0123456789abcdef");
        assert_eq!(id.to_string(), "us-1g64s-36d1n-6rvkgeb1c9hp8sb6");
        assert_eq!("us-1g64s-36d1n-6rvkgeb1c9hp8sb6".parse(), Ok(id));
    }

    #[test]
    fn another_kind_another_case_and_other_groupings_are_refused() {
        for text in [
            "or-1g64s-36d1n-6rvkgeb1c9hp8sb6",
            "us-1G64S-36d1n-6rvkgeb1c9hp8sb6",
            "us-1g64s36d1n-6rvkgeb1c9hp8sb6",
            "us-1g64s-36d1n-6rvkgeb1c9hp8sb",
            "us-1g64s-36d1n-6rvkgeb1c9hp8sb6-",
            "us-zzzzz-zzzzz-zzzzzzzzzzzzzzzz",
            "us-é",
            "",
        ] {
            assert!(text.parse::<UserId>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_id_reads_back(bytes: [u8; 16]) {
            let id = OrganizationId::from_bytes(bytes);
            prop_assert_eq!(id.to_string().parse::<OrganizationId>(), Ok(id));
        }

        #[test]
        fn any_text_is_answered_without_a_panic(text in ".*") {
            let _ = text.parse::<UserId>();
        }
    }
}

//! A small CBOR reader (RFC 8949) for what authenticators send: COSE keys, extension outputs, attestation objects.
//!
//! It is our own because the question here is not only what the bytes mean but whether they are the one allowed way of
//! saying it: CTAP2's canonical form (CTAP 2.1 §8, "Message Encoding"), with definite lengths, shortest integers, no tags,
//! and for keys sorted map keys. The maintained crates read generously and forget how a value was written, so two
//! different byte strings would pass for the same key.

use std::collections::BTreeMap;

use thiserror::Error;

/// CTAP2 allows four levels in a message; a compound attestation statement needs one more, and nothing honest needs eight.
const MAX_DEPTH: usize = 8;

/// Why bytes were refused as CBOR.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum CborError {
    /// The bytes end inside a value.
    #[error("The CBOR ends too early.")]
    Truncated,
    /// Bytes follow the value.
    #[error("Bytes follow the CBOR value.")]
    TrailingBytes,
    /// A length isn't announced, or a break code stands alone.
    #[error("The CBOR has a value of indefinite length.")]
    IndefiniteLength,
    /// A number or a length takes more bytes than it needs.
    #[error("The CBOR has a number that isn't written in its shortest form.")]
    NotShortest,
    /// An initial byte or a simple value that RFC 8949 reserves.
    #[error("The CBOR uses an encoding that is reserved.")]
    Reserved,
    /// CTAP2 has no tags.
    #[error("The CBOR has a tag.")]
    Tag,
    /// A text is not UTF-8.
    #[error("The CBOR has a text that isn't valid UTF-8.")]
    NotUtf8,
    /// Arrays and maps nest too deeply.
    #[error("The CBOR nests more than {MAX_DEPTH} levels deep.")]
    TooDeep,
    /// Another type is needed here.
    #[error("The CBOR has a value of another type than its place asks for.")]
    UnexpectedType,
    /// A map has the same key twice.
    #[error("The CBOR has a map with the same key twice.")]
    DuplicateKey,
    /// Map keys are out of canonical order.
    #[error("The CBOR has a map whose keys are out of order.")]
    KeysNotSorted,
}

/// A value of a map that [`Reader::canonical_integer_map`] read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Integer(i128),
    Bytes(&'a [u8]),
    /// Well-formed, and of a type that no COSE key we know has.
    Other,
}

/// Major types, RFC 8949 §3.1.
mod major {
    pub const UNSIGNED: u8 = 0;
    pub const NEGATIVE: u8 = 1;
    pub const BYTES: u8 = 2;
    pub const TEXT: u8 = 3;
    pub const ARRAY: u8 = 4;
    pub const MAP: u8 = 5;
    pub const TAG: u8 = 6;
}

/// The start of a value: its major type, and the number that is the value or its length.
struct Head {
    major: u8,
    argument: u64,
}

/// Reads values from the front of a byte string.
#[derive(Clone)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What hasn't been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Refuses bytes after the values that were read.
    pub fn end(&self) -> Result<(), CborError> {
        if self.rest.is_empty() { Ok(()) } else { Err(CborError::TrailingBytes) }
    }

    /// The bytes of one well-formed value, whatever it is.
    pub fn item(&mut self) -> Result<&'a [u8], CborError> {
        let start = self.rest;
        self.skip(0)?;
        let length = start.len() - self.rest.len();
        start.get(..length).ok_or(CborError::Truncated)
    }

    pub fn bytes(&mut self) -> Result<&'a [u8], CborError> {
        let length = self.argument_of(major::BYTES)?;
        self.take(length)
    }

    pub fn text(&mut self) -> Result<&'a str, CborError> {
        let length = self.argument_of(major::TEXT)?;
        std::str::from_utf8(self.take(length)?).map_err(|_| CborError::NotUtf8)
    }

    /// A map from anything to anything, of which only the head is read.
    pub fn any_map(&mut self) -> Result<(), CborError> {
        self.argument_of(major::MAP).map(drop)
    }

    /// A map from texts to values of any type, given as their bytes. The order of the keys is not judged.
    pub fn text_map(&mut self) -> Result<BTreeMap<&'a str, &'a [u8]>, CborError> {
        let count = self.argument_of(major::MAP)?;
        let mut entries = BTreeMap::new();
        for _ in 0..count {
            let key = self.text()?;
            if entries.insert(key, self.item()?).is_some() {
                return Err(CborError::DuplicateKey);
            }
        }
        Ok(entries)
    }

    /// A map from integers to integers and byte strings, with its keys in canonical order.
    pub fn canonical_integer_map(&mut self) -> Result<Vec<(i128, Value<'a>)>, CborError> {
        let count = self.argument_of(major::MAP)?;
        let mut entries: Vec<(i128, Value)> = Vec::new();
        for _ in 0..count {
            let key = self.integer()?;
            if let Some((previous, _)) = entries.last() {
                check_order(*previous, key)?;
            }
            entries.push((key, self.value()?));
        }
        Ok(entries)
    }

    fn integer(&mut self) -> Result<i128, CborError> {
        let head = self.head()?;
        match head.major {
            major::UNSIGNED => Ok(i128::from(head.argument)),
            major::NEGATIVE => Ok(-1 - i128::from(head.argument)),
            _ => Err(CborError::UnexpectedType),
        }
    }

    fn value(&mut self) -> Result<Value<'a>, CborError> {
        match self.peek()? >> 5 {
            major::UNSIGNED | major::NEGATIVE => self.integer().map(Value::Integer),
            major::BYTES => self.bytes().map(Value::Bytes),
            _ => self.item().map(|_| Value::Other),
        }
    }

    fn skip(&mut self, depth: usize) -> Result<(), CborError> {
        let head = self.head()?;
        match head.major {
            major::BYTES => self.take(head.argument).map(drop),
            major::TEXT => {
                std::str::from_utf8(self.take(head.argument)?).map_err(|_| CborError::NotUtf8)?;
                Ok(())
            }
            major::ARRAY | major::MAP if depth == MAX_DEPTH => Err(CborError::TooDeep),
            // Every value takes a byte or more, so a huge count ends with the bytes.
            major::ARRAY => (0..head.argument).try_for_each(|_| self.skip(depth + 1)),
            major::MAP => (0..head.argument).try_for_each(|_| {
                self.skip(depth + 1)?;
                self.skip(depth + 1)
            }),
            major::TAG => Err(CborError::Tag),
            // Integers, simple values and floats are complete with their head.
            _ => Ok(()),
        }
    }

    fn argument_of(&mut self, major: u8) -> Result<u64, CborError> {
        let head = self.head()?;
        if head.major == major { Ok(head.argument) } else { Err(CborError::UnexpectedType) }
    }

    fn head(&mut self) -> Result<Head, CborError> {
        let initial = self.peek()?;
        self.take(1)?;
        let major = initial >> 5;
        let information = initial & 0b1_1111;
        let (argument, least) = match information {
            0..=23 => (u64::from(information), 0),
            24 => (u64::from(u8::from_be_bytes(self.array()?)), 24),
            25 => (u64::from(u16::from_be_bytes(self.array()?)), 1 << 8),
            26 => (u64::from(u32::from_be_bytes(self.array()?)), 1 << 16),
            27 => (u64::from_be_bytes(self.array()?), 1 << 32),
            28..=30 => return Err(CborError::Reserved),
            _ => return Err(CborError::IndefiniteLength),
        };
        match (major, information) {
            // Simple values below 32 have no second byte (RFC 8949 §3.3).
            (7, 24) if argument < 32 => Err(CborError::Reserved),
            // The argument of a float is the float itself; CTAP2 leaves its width alone.
            (0..=6, _) if argument < least => Err(CborError::NotShortest),
            _ => Ok(Head { major, argument }),
        }
    }

    fn peek(&self) -> Result<u8, CborError> {
        self.rest.first().copied().ok_or(CborError::Truncated)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CborError> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(CborError::Truncated)?;
        self.rest = rest;
        Ok(*array)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], CborError> {
        let length = usize::try_from(length).map_err(|_| CborError::Truncated)?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(CborError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }
}

/// CTAP2 sorts by major type first, then by length, then by bytes: for integers the positive ones come first, both kinds
/// by growing distance from zero.
fn check_order(previous: i128, key: i128) -> Result<(), CborError> {
    let rank = |key: i128| (key < 0, key.unsigned_abs());
    match rank(previous).cmp(&rank(key)) {
        std::cmp::Ordering::Less => Ok(()),
        std::cmp::Ordering::Equal => Err(CborError::DuplicateKey),
        std::cmp::Ordering::Greater => Err(CborError::KeysNotSorted),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn item(bytes: &[u8]) -> Result<&[u8], CborError> {
        let mut reader = Reader::new(bytes);
        let item = reader.item()?;
        reader.end()?;
        Ok(item)
    }

    fn integer_map(bytes: &[u8]) -> Result<Vec<(i128, Value<'_>)>, CborError> {
        Reader::new(bytes).canonical_integer_map()
    }

    #[test]
    fn every_kind_of_value_is_skipped() {
        for bytes in [
            &b"\x00"[..],
            b"\x17",
            b"\x18\x18",
            b"\x19\x01\x00",
            b"\x1a\x00\x01\x00\x00",
            b"\x1b\x00\x00\x00\x01\x00\x00\x00\x00",
            b"\x3b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x42ab",
            b"\x62ab",
            b"\x82\x01\x41a",
            b"\xa2\x61a\x01\x61b\xa0",
            b"\xf4",
            b"\xf6",
            b"\xf8\x20",
            b"\xf9\x00\x00",
            b"\xfa\x00\x00\x00\x00",
            b"\xfb\x00\x00\x00\x00\x00\x00\x00\x00",
        ] {
            assert_eq!(item(bytes), Ok(bytes));
        }
    }

    #[test]
    fn what_is_not_canonical_is_refused() {
        for (bytes, error) in [
            (&b""[..], CborError::Truncated),
            (b"\x18", CborError::Truncated),
            (b"\x42a", CborError::Truncated),
            (b"\x82\x01", CborError::Truncated),
            (b"\xa1\x01", CborError::Truncated),
            (b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff", CborError::Truncated),
            (b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff\x00", CborError::Truncated),
            (b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x00", CborError::Truncated),
            (b"\x00\x00", CborError::TrailingBytes),
            (b"\x5f\x41a\xff", CborError::IndefiniteLength),
            (b"\x7f\xff", CborError::IndefiniteLength),
            (b"\x9f\xff", CborError::IndefiniteLength),
            (b"\xbf\xff", CborError::IndefiniteLength),
            (b"\xff", CborError::IndefiniteLength),
            (b"\x18\x17", CborError::NotShortest),
            (b"\x38\x00", CborError::NotShortest),
            (b"\x58\x01a", CborError::NotShortest),
            (b"\x19\x00\xff", CborError::NotShortest),
            (b"\x1a\x00\x00\xff\xff", CborError::NotShortest),
            (b"\x1b\x00\x00\x00\x00\xff\xff\xff\xff", CborError::NotShortest),
            (b"\x1c", CborError::Reserved),
            (b"\xfd", CborError::Reserved),
            (b"\xf8\x1f", CborError::Reserved),
            (b"\xc0\x00", CborError::Tag),
            (b"\x61\xff", CborError::NotUtf8),
        ] {
            assert_eq!(item(bytes), Err(error), "{bytes:02x?}");
        }
    }

    #[test]
    fn depth_is_limited() {
        let nested = |depth: usize| [vec![0x81; depth], vec![0x00]].concat();
        assert!(item(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(item(&nested(MAX_DEPTH + 1)), Err(CborError::TooDeep));
        assert_eq!(item(&nested(1_000_000)), Err(CborError::TooDeep));
        assert_eq!(item(&b"\xa1\x00".repeat(9)), Err(CborError::TooDeep));
    }

    #[test]
    fn integer_maps_are_read_in_canonical_order_only() {
        assert_eq!(
            integer_map(b"\xa4\x01\x02\x18\x18\x41a\x20\xf6\x38\x18\x26"),
            Ok(vec![(1, Value::Integer(2)), (24, Value::Bytes(b"a")), (-1, Value::Other), (-25, Value::Integer(-7)),])
        );
        assert_eq!(integer_map(b"\xa2\x03\x00\x01\x00"), Err(CborError::KeysNotSorted));
        assert_eq!(integer_map(b"\xa2\x20\x00\x01\x00"), Err(CborError::KeysNotSorted));
        assert_eq!(integer_map(b"\xa2\x21\x00\x20\x00"), Err(CborError::KeysNotSorted));
        assert_eq!(integer_map(b"\xa2\x01\x00\x01\x00"), Err(CborError::DuplicateKey));
        assert_eq!(integer_map(b"\xa1\x61a\x00"), Err(CborError::UnexpectedType));
        assert_eq!(integer_map(b"\x80"), Err(CborError::UnexpectedType));
    }

    #[test]
    fn text_maps_take_any_order_and_no_duplicates() {
        let entries = Reader::new(b"\xa2\x61b\x81\x01\x61a\x02").text_map();
        assert_eq!(entries, Ok(BTreeMap::from([("a", &b"\x02"[..]), ("b", b"\x81\x01")])));
        assert_eq!(Reader::new(b"\xa2\x61a\x01\x61a\x02").text_map(), Err(CborError::DuplicateKey));
        assert_eq!(Reader::new(b"\xa1\x01\x01").text_map(), Err(CborError::UnexpectedType));
        assert_eq!(Reader::new(b"\xa1\x61\xff\x01").text_map(), Err(CborError::NotUtf8));
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = item(&bytes);
            let _ = integer_map(&bytes);
            let _ = Reader::new(&bytes).text_map();
        }

        #[test]
        fn an_item_is_a_prefix(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let mut reader = Reader::new(&bytes);
            if let Ok(item) = reader.item() {
                prop_assert!(!item.is_empty());
                prop_assert_eq!([item, reader.rest()].concat(), bytes);
            }
        }
    }
}

//! JSON as server functions take their arguments: an object with the members that the function knows, and no others. The library's
//! own reading passes over what it doesn't know, and takes a list for an object.

use leptos::server_fn::{Bytes, ContentType, Decodes, Encodes, Format, FormatType, codec::Post};
use serde::{
    Deserializer, Serialize,
    de::{DeserializeOwned, Error as _, IgnoredAny, Visitor},
    forward_to_deserialize_any,
};
use serde_json::Error;
use std::collections::BTreeMap;

/// For `#[server(input = StrictJson)]`.
pub type StrictJson = Post<StrictEncoding>;

/// How the arguments are written and read.
#[derive(Debug)]
pub struct StrictEncoding;

impl ContentType for StrictEncoding {
    const CONTENT_TYPE: &'static str = "application/json";
}

impl FormatType for StrictEncoding {
    const FORMAT_TYPE: Format = Format::Text;
}

impl<T: Serialize> Encodes<T> for StrictEncoding {
    type Error = Error;

    fn encode(arguments: &T) -> Result<Bytes, Error> {
        serde_json::to_vec(arguments).map(Bytes::from)
    }
}

impl<T: DeserializeOwned> Decodes<T> for StrictEncoding {
    type Error = Error;

    fn decode(bytes: Bytes) -> Result<T, Error> {
        let text = std::str::from_utf8(&bytes).map_err(Error::custom)?;
        T::deserialize(Arguments(text))
    }
}

/// The arguments of a function, whose struct says which it knows.
struct Arguments<'a>(&'a str);

impl<'de> Deserializer<'de> for Arguments<'de> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let members: BTreeMap<String, IgnoredAny> = serde_json::from_str(self.0)?;
        if let Some(unknown) = members.keys().find(|member| !known.contains(&member.as_str())) {
            return Err(Error::unknown_field(unknown, known));
        }
        let mut whole = serde_json::Deserializer::from_str(self.0);
        let arguments = whole.deserialize_struct(name, known, visitor)?;
        whole.end()?;
        Ok(arguments)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("arguments are an object"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq
        tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Two {
        first: u32,
        second: String,
    }

    fn read(text: &str) -> Option<Two> {
        StrictEncoding::decode(Bytes::copy_from_slice(text.as_bytes())).ok()
    }

    #[test]
    fn what_was_written_is_read() {
        let two = Two { first: 1, second: "two".to_owned() };
        assert_eq!(StrictEncoding::decode(StrictEncoding::encode(&two).unwrap()).ok(), Some(two));
        assert_eq!(read(r#" {"second":"\u0032", "first":7} "#), Some(Two { first: 7, second: "2".to_owned() }));
    }

    #[test]
    fn only_the_functions_own_members_each_once_are_read() {
        for text in [
            r#"{"first":1,"second":"","third":1}"#,
            r#"{"first":1,"second":"","":null}"#,
            r#"{"first":1,"first":1,"second":""}"#,
            r#"{"first":1,"second":"","f\u0069rst":1}"#,
            r#"{"first":1}"#,
            r#"[1,""]"#,
            r#"{"first":1,"second":""}{}"#,
            r#"{"first":1,"second":"""#,
            "null",
            "",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        let deep = format!(r#"{{"first":{}{},"second":""}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(read(&deep), None);
        assert!(<StrictEncoding as Decodes<Two>>::decode(Bytes::from_static(b"\xff")).is_err());
    }
}

//! WebAuthn's own JSON, which the pages hand from the server to the browser and back without looking into it. As a text it
//! needs no JSON tree (and no printing of decimal fractions) in the browser's bundle.

#[cfg(feature = "ssr")]
use crate::action::client_data::has_unique_members;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A valid JSON text; on the wire it is the JSON itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WebAuthnJson(Box<RawValue>);

impl WebAuthnJson {
    /// Takes over a JSON text.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text).map(Self)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

#[cfg(feature = "ssr")]
impl From<serde_json::Value> for WebAuthnJson {
    fn from(value: serde_json::Value) -> Self {
        // A value can always be written: its keys are texts.
        Self(serde_json::value::to_raw_value(&value).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

#[cfg(feature = "ssr")]
impl From<WebAuthnJson> for serde_json::Value {
    fn from(json: WebAuthnJson) -> Self {
        // It was checked when it was parsed; what is too deep for a tree reads as nothing, and nothing is refused. So does what says
        // something twice, of which a tree would keep the last.
        if has_unique_members(json.as_str()) { serde_json::from_str(json.as_str()).unwrap_or_default() } else { serde_json::Value::Null }
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn on_the_wire_it_is_the_json_itself() {
        let options = json!({ "challenge": "AAAA", "timeout": 300_000, "allowCredentials": [] });
        let passed_on: WebAuthnJson = serde_json::from_str(&serde_json::to_string(&WebAuthnJson::from(options.clone())).unwrap()).unwrap();
        assert_eq!(Value::from(passed_on), options);
    }

    #[test]
    fn what_says_something_twice_reads_as_nothing() {
        for text in [r#"{"id":"a","id":"a"}"#, r#"{"response":{"signature":"a","signature":"b"}}"#] {
            assert_eq!(Value::from(WebAuthnJson::parse(text.to_owned()).unwrap()), Value::Null, "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        assert!(WebAuthnJson::parse("{".to_owned()).is_err());
    }
}

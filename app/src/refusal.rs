//! The one error that leaves the server towards a person: a stable code, a sentence, and, for what was typed, the field
//! that it is about. Internals never travel; they are logged under the incident's id, which the person can quote.

use leptos::{
    prelude::{FromServerFnError, ServerFnErrorErr},
    server_fn::codec::JsonEncoding,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What went wrong, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Something typed isn't acceptable; `fields` says what.
    InvalidInput,
    /// The request itself is malformed or isn't allowed in this state.
    BadRequest,
    /// The registration code isn't the one that was sent, or there is none.
    WrongCode,
    /// The right registration code, after its time.
    ExpiredCode,
    /// The right registration code, ended by wrong tries, by a newer one, or by having been used.
    EndedCode,
    /// No registration is under way in this browser, or it took too long.
    NoRegistration,
    /// No recovery is under way in this browser, or it took too long.
    NoRecovery,
    /// No passkey is being added in this browser, or it took too long.
    NoAddition,
    /// The passkey's answer didn't hold.
    PasskeyRefused,
    /// Nobody here has this passkey.
    UnknownPasskey,
    /// A recovery code that is one, but of another kit.
    WrongKit,
    /// Nobody is signed in.
    SignedOut,
    /// The operator doesn't let strangers create organizations.
    Closed,
    /// No such thing, or not for this person to know.
    NotFound,
    /// The viewer isn't allowed to; the message names the operation.
    NotPermitted,
    /// Something moved on, or exists already; the message says what.
    Conflict,
    /// The action was executed already, or its time is over.
    ActionOver,
    /// Too often; `retry_after` says when again.
    TooMany,
    /// Storage is locked or gone; nothing was changed.
    Unavailable,
    /// A fault of the server.
    Internal,
    /// The server's answer didn't arrive.
    Unreachable,
}

impl Code {
    /// The HTTP status that goes with it.
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidInput | Self::PasskeyRefused | Self::WrongKit => 422,
            Self::BadRequest | Self::WrongCode | Self::ExpiredCode | Self::EndedCode => 400,
            Self::NoRegistration | Self::NoRecovery | Self::NoAddition | Self::SignedOut | Self::UnknownPasskey => 401,
            Self::Closed | Self::NotPermitted => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::ActionOver => 410,
            Self::TooMany => 429,
            Self::Unavailable | Self::Unreachable => 503,
            Self::Internal => 500,
        }
    }
}

/// A complaint about one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// The field's name in the form.
    pub field: String,
    /// What to do about it.
    pub message: String,
}

/// Why something wasn't done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct Refusal {
    /// For programs.
    pub code: Code,
    /// For people: one or two sentences, with a way on.
    pub message: String,
    /// The fields it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldError>,
    /// Under which the server's log has the details.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    /// Seconds to wait before the next try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl Refusal {
    /// A refusal that isn't about a field.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), fields: Vec::new(), incident: None, retry_after: None }
    }

    /// A refusal of what was typed.
    pub fn invalid(fields: Vec<FieldError>) -> Self {
        Self { fields, ..Self::new(Code::InvalidInput, "Some of this can't be right yet. Nothing was saved.") }
    }

    /// What is wrong with this field, if anything.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|error| error.field == name).map(|error| error.message.as_str())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl FromServerFnError for Refusal {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Request(_) | ServerFnErrorErr::Response(_) => {
                Self::new(Code::Unreachable, "The server can't be reached. Nothing was changed. Check the connection and try again.")
            }
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) | ServerFnErrorErr::Deserialization(_) => {
                // Nothing of ours was called, so nothing else says that it is the request's fault.
                crate::response::set_status(Code::BadRequest.status());
                Self::new(Code::BadRequest, "The server couldn't read this request. Reload the page and try again.")
            }
            _ => Self::new(Code::Internal, "Something went wrong on the server. Nothing was changed."),
        }
    }
}

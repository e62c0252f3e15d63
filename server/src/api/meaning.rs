//! What a call's body means, read as the call itself reads it, without executing anything. The tests in `tests/fuzz` ask this with
//! hostile bodies, more of them than any database could be set up for.

use super::{
    action,
    call::{Given, find_call},
    credentials, customers,
    error::ApiError,
    input::from_json,
    log_in::{Arriving, Leaving},
    recovery,
    registration::{Invited, Recipient, Register},
};
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// A body in words, or what is wrong with it.
type Reader = fn(&[u8]) -> Result<String, ApiError>;

/// The calls that aren't signed and have a body.
const UNSIGNED: [(&str, &str, Reader); 15] = [
    ("POST", "/auth/registration/init", in_words::<Invited>),
    ("POST", "/auth/registration", |body| taken::<Register, _>(body, Register::brought)),
    ("PUT", "/auth/registration/code", in_words::<Recipient>),
    ("POST", "/auth/registration/enduser", |body| taken::<customers::RegisterEndUser, _>(body, customers::RegisterEndUser::brought)),
    ("POST", "/auth/login/init", in_words::<Arriving>),
    ("POST", "/auth/login", signature),
    ("PUT", "/auth/logout", |body| if body.is_empty() { Ok(String::new()) } else { in_words::<Leaving>(body) }),
    ("POST", "/auth/recover/user/code", in_words::<Recipient>),
    ("POST", "/auth/recover/user/init", in_words::<recovery::ComingBack>),
    ("POST", "/auth/recover/user", |body| taken::<recovery::Recover, _>(body, |recover| recover.read())),
    ("POST", "/auth/action/init", |body| from_json::<action::Announced>(body)?.call()?.text()),
    ("POST", "/auth/action", signature),
    ("POST", "/auth/credentials/init", in_words::<credentials::Wanted>),
    ("POST", "/auth/credentials/code/init", in_words::<credentials::WantedWithCode>),
    ("POST", "/auth/credentials/code/verify", |body| taken::<credentials::NewCredential, _>(body, credentials::NewCredential::brought)),
];

/// What this call means, as a text that is the same for the same meaning.
///
/// # Errors
/// What whoever makes the call is told.
pub fn meaning(method: &str, target: &str, body: &[u8]) -> Result<String, String> {
    let unsigned = UNSIGNED.iter().find(|(known, path, _)| *known == method && *path == target);
    let read = match unsigned {
        Some((_, _, read)) => read(body),
        None => find_call(&Given::announced(method, target, body)).and_then(|call| call.text()),
    };
    read.map_err(|error| error.message().to_owned())
}

fn in_words<T: DeserializeOwned + Debug>(body: &[u8]) -> Result<String, ApiError> {
    from_json::<T>(body).map(|body| format!("{body:?}"))
}

/// In words, if what it brings can be taken.
fn taken<T: DeserializeOwned + Debug, B>(body: &[u8], take: fn(T) -> Result<B, ApiError>) -> Result<String, ApiError> {
    let read: T = from_json(body)?;
    let words = format!("{read:?}");
    take(read).map(|_| words)
}

fn signature(body: &[u8]) -> Result<String, ApiError> {
    taken::<action::Signature, _>(body, |signature| signature.first_factor.read())
}

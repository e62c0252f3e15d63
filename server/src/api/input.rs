//! What callers send, read strictly: JSON where a body is due, no member and no parameter that the call doesn't know.

use super::error::{ApiError, Code};
use crate::http::media_type;
use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request, rejection::BytesRejection},
    http::{HeaderMap, request::Parts},
};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::error::Category;
use std::str::FromStr;
use utoipa::IntoParams;

/// A body of JSON.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let headers = request.headers().clone();
        let bytes = whole_body(request, state).await?;
        require_json(&headers)?;
        from_json(&bytes).map(Self)
    }
}

pub(super) async fn whole_body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection {
        BytesRejection::FailedToBufferBody(_) if rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE => {
            ApiError::new(Code::TooLarge, "The body is larger than any call needs.")
        }
        _ => ApiError::bad_request("The body couldn't be read to its end."),
    })
}

pub(super) fn require_json(headers: &HeaderMap) -> Result<(), ApiError> {
    if media_type(headers).eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(ApiError::new(Code::UnsupportedMediaType, "The body must be JSON, and say so: `Content-Type: application/json`."))
}

pub(super) fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // A list of what an object's members hold would be taken for the object.
    if bytes.trim_ascii_start().first().is_some_and(|first| *first == b'[') {
        return Err(ApiError::bad_request("The body can't be read: it must be an object."));
    }
    serde_json::from_slice(bytes).map_err(|error| ApiError::bad_request(format!("The body can't be read: {}.", problem(&error))))
}

/// What is wrong with a text, in words about the text: not about what it is read into.
fn problem(error: &serde_json::Error) -> String {
    if error.classify() != Category::Data {
        return format!("it isn't JSON, ends too early or nests too deep, at line {}, column {}", error.line(), error.column());
    }
    let text = error.to_string();
    let said = text.rsplit_once(" at line ").map_or(text.as_str(), |(said, _)| said);
    let names_a_type = |wanted: &str| ["struct ", "enum ", "tagged enum", "identifier"].iter().any(|word| wanted.contains(word));
    cut(said.split_once(", expected ").filter(|(_, wanted)| names_a_type(wanted)).map_or(said, |(said, _)| said))
}

/// The same of a query string, by what the library says.
fn query_problem(text: &str) -> String {
    let said = text.split_once("query string: ").map_or(text, |(_, said)| said);
    let is_about_members = ["unknown field ", "missing field ", "duplicate field "].iter().any(|words| said.contains(words));
    match said.split_once(": ") {
        Some((name, _)) if !is_about_members => format!("The query string can't be read: `{}` has a value that it can't have.", cut(name)),
        _ => format!("The query string can't be read: {}.", cut(said)),
    }
}

/// What came from outside is repeated only so far.
pub(super) fn cut(text: &str) -> String {
    const LONGEST: usize = 300;
    text.chars().take(LONGEST).collect()
}

/// An id in the path. One of another form is as unknown as one of another organization.
pub(super) struct Id<T>(pub(super) T);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let found = Path::<String>::from_request_parts(parts, state).await.ok().and_then(|Path(text)| text.parse().ok());
        found.map(Self).ok_or_else(|| ApiError::new(Code::NotFound, "There is nothing with this id."))
    }
}

/// Parameters of the query string.
pub(super) struct Parameters<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let found = Query::<T>::from_request_parts(parts, state).await;
        found.map(|Query(found)| Self(found)).map_err(|rejection| ApiError::bad_request(query_problem(&rejection.body_text())))
    }
}

/// Which part of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// At most so many items.
    #[param(minimum = 1, maximum = 200, default = 100)]
    limit: Option<u32>,
    /// Where the page before ended: its `nextPageToken`.
    pagination_token: Option<String>,
}

impl Page {
    pub(super) fn new(limit: Option<u32>, pagination_token: Option<String>) -> Self {
        Self { limit, pagination_token }
    }

    /// How many are asked of storage: one more than is shown tells whether there is a next page.
    pub(super) fn one_more(&self) -> Result<i64, ApiError> {
        self.length().map(|length| i64::from(length) + 1)
    }

    /// The key behind which the page begins; empty at first.
    pub(super) fn after(&self) -> Result<String, ApiError> {
        let Some(token) = &self.pagination_token else { return Ok(String::new()) };
        let key = BASE64URL_NOPAD.decode(token.as_bytes()).ok().and_then(|key| String::from_utf8(key).ok());
        // PostgreSQL takes no text with a zero in it.
        key.filter(|key| !key.contains('\0')).ok_or_else(|| ApiError::bad_request("`paginationToken` isn't one that this list gave out."))
    }

    /// The page, and the token of the next one, by this key of its last item.
    pub(super) fn cut<T>(&self, mut found: Vec<T>, key: impl Fn(&T) -> String) -> Result<(Vec<T>, Option<String>), ApiError> {
        let length = self.length()? as usize;
        let more = found.len() > length;
        found.truncate(length);
        let next = found.last().filter(|_| more).map(|last| BASE64URL_NOPAD.encode(key(last).as_bytes()));
        Ok((found, next))
    }

    fn length(&self) -> Result<u32, ApiError> {
        const USUAL: u32 = 100;
        const MOST: u32 = 200;
        let length = self.limit.unwrap_or(USUAL);
        if (1..=MOST).contains(&length) { Ok(length) } else { Err(ApiError::bad_request(format!("`limit` must be from 1 to {MOST}."))) }
    }
}

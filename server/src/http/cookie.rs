//! The session's cookie, as it may come from a browser.

use crate::log::SECURITY;
use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue,
        header::{COOKIE, SET_COOKIE},
    },
    middleware::Next,
    response::Response,
};

/// A session that ends takes along what its pages left in the browser's storage.
const CLEAR: HeaderName = HeaderName::from_static("clear-site-data");
const STORAGE: HeaderValue = HeaderValue::from_static("\"storage\"");

/// Its name. The prefix makes browsers refuse a cookie of this name from a subdomain or from http.
pub(super) const fn name(is_https: bool) -> &'static str {
    if is_https { "__Host-countersign" } else { "countersign" }
}

/// Lets only the session's cookie on, and that only when it is there once and its name is written as we write it.
///
/// The session layer unescapes names and trims any white space around them, so that `%5F%5FHost-countersign`, which browsers take
/// from any site of the same domain, would count as ours. Of two, nobody knows which one another site has planted.
pub(super) async fn only_own(State(name): State<&'static str>, mut request: Request, next: Next) -> Response {
    let own = the_one(request.headers(), name);
    request.headers_mut().remove(COOKIE);
    if let Some(own) = own {
        request.headers_mut().insert(COOKIE, own);
    }
    let mut response = next.run(request).await;
    let given = response.headers().get(SET_COOKIE).and_then(|cookie| cookie.as_bytes().strip_prefix(name.as_bytes()));
    if given.is_some_and(|value| value.starts_with(b"=;")) {
        response.headers_mut().insert(CLEAR, STORAGE);
    }
    response
}

fn the_one(headers: &HeaderMap, name: &str) -> Option<HeaderValue> {
    let pairs = headers.get_all(COOKIE).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    let mut own =
        pairs.map(<[u8]>::trim_ascii).filter(|pair| pair.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b"=")));
    let first = own.next()?;
    if own.next().is_some() {
        tracing::warn!(target: SECURITY, "there were two session cookies, so neither counts");
        return None;
    }
    HeaderValue::from_bytes(first).ok()
}

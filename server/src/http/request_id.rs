//! The id of a request, which stands in the log and in the answer.

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue},
};

const NAME: HeaderName = HeaderName::from_static("x-request-id");
const LONGEST: usize = 64;

/// Takes away an id from outside that could be more than an id: it gets one of ours.
pub(super) async fn only_harmless(mut request: Request) -> Request {
    let mut ids = request.headers().get_all(NAME).iter();
    let is_one = ids.next().is_none_or(is_harmless) && ids.next().is_none();
    if !is_one {
        request.headers_mut().remove(NAME);
    }
    request
}

fn is_harmless(id: &HeaderValue) -> bool {
    let id = id.as_bytes();
    (1..=LONGEST).contains(&id.len()) && id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte))
}

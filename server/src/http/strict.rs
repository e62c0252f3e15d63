//! What is refused before anybody looks at what it asks for, and the words for what is refused without any.

use app::refusal::{Code, Refusal};
use axum::{
    Json,
    extract::Request,
    http::{
        HeaderMap, StatusCode, Version,
        header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HOST},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};

/// Whether a path can't be one of the browser's files, so that nobody looks for it: it is longer than names may be, has a zero in it,
/// of both of which the system makes a fault, or leads to something that begins with a dot, which is some tool's, left lying there.
pub(super) fn is_no_file(path: &str) -> bool {
    const LONGEST: usize = 255;
    let plain = || path.to_ascii_lowercase().replace("%2f", "/").replace("%2e", ".");
    path.len() > LONGEST || path.contains("%00") || plain().contains("/.")
}

/// Refuses what a proxy in front may understand otherwise than this server: without a path, or with more or fewer than one name
/// (RFC 9112, section 3.2). A proxy's health check of HTTP/1.0 names none.
pub(super) async fn only_clear(request: Request, next: Next) -> Response {
    let names = request.headers().get_all(HOST).iter().count();
    let is_named = names == 1 || (names == 0 && request.version() < Version::HTTP_11);
    if is_named && request.uri().path().starts_with('/') { next.run(request).await } else { StatusCode::BAD_REQUEST.into_response() }
}

/// Gives words to what layers and libraries refuse without any, or in words of their own: to the pages' scripts as a refusal, to
/// everybody else as a text.
pub(super) async fn in_words(request: Request, next: Next) -> Response {
    let accepts_pages = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|all| all.contains("text/html"));
    let is_for_a_script = request.uri().path().starts_with("/rpc/") && !accepts_pages;
    let response = next.run(request).await;
    let (status, media_type) = (response.status(), response.headers().get(CONTENT_TYPE));
    // Of those that say of what type they are, only this one may not be ours.
    let is_said = media_type.is_some_and(|found| status != StatusCode::PAYLOAD_TOO_LARGE || found == "application/json");
    if is_said || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (code, words) = match status {
        StatusCode::FORBIDDEN => (Code::BadRequest, "Another site's page asked for this. Nothing was changed."),
        StatusCode::METHOD_NOT_ALLOWED => (Code::BadRequest, "This address can't be asked in this way."),
        StatusCode::PAYLOAD_TOO_LARGE => (Code::BadRequest, "This is larger than anything that the server takes. Nothing was changed."),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (Code::BadRequest, "The server takes forms and JSON only. Nothing was changed."),
        StatusCode::RANGE_NOT_SATISFIABLE => (Code::BadRequest, "The file has no such part."),
        StatusCode::SERVICE_UNAVAILABLE => (Code::Unavailable, "This took too long. Try again in a minute."),
        status if status.is_client_error() => (Code::BadRequest, "The server couldn't read this request. Reload the page and try again."),
        _ => (Code::Internal, "Something went wrong on the server. Try again in a minute."),
    };
    let written = if is_for_a_script { Json(Refusal::new(code, words)).into_response() } else { format!("{words}\n").into_response() };
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    let (said, body) = written.into_parts();
    parts.headers.extend(said.headers);
    Response::from_parts(parts, body)
}

/// Whether a body is of a kind that server functions take.
pub(super) fn is_form_or_json(headers: &HeaderMap) -> bool {
    let found = media_type(headers);
    ["application/x-www-form-urlencoded", "application/json"].iter().any(|known| found.eq_ignore_ascii_case(known))
}

/// What a body says that it is, without parameters such as the character set; empty, when it doesn't say.
pub(crate) fn media_type(headers: &HeaderMap) -> &str {
    let said = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    said.split(';').next().unwrap_or_default().trim()
}

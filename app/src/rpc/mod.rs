//! What pages may ask the server: server functions, a few lines each, and the shapes that travel. Every one of them asks
//! the [`Backend`](crate::port::Backend), which decides whether this browser may.

pub mod about;
pub mod account;
pub mod change;
pub mod get_started;
pub mod history;
pub mod other_device;
pub mod permissions;
pub mod programs;
pub mod recovery;
pub mod sessions;
pub mod sign_in;
pub mod strict_json;
pub mod users;
pub mod webauthn_json;

/// Gives a refusal's HTTP status (and how long to wait) to the response before it is sent, if that response is an answer to
/// a program. A page that asks while it is rendered chooses its own status, and a plain form is sent back to its page by a
/// redirect, whose status must stay.
#[cfg(feature = "ssr")]
fn answer<T>(result: Result<T, crate::refusal::Refusal>) -> Result<T, crate::refusal::Refusal> {
    use crate::response::set_status;
    use axum::http::{HeaderValue, header::RETRY_AFTER};

    if let (Err(refusal), Some(response), true) =
        (&result, leptos::prelude::use_context::<leptos_axum::ResponseOptions>(), is_for_a_program())
    {
        set_status(refusal.code.status());
        if let Some(seconds) = refusal.retry_after {
            response.insert_header(RETRY_AFTER, HeaderValue::from(seconds));
        }
    }
    result
}

#[cfg(feature = "ssr")]
fn is_for_a_program() -> bool {
    use axum::http::{header::ACCEPT, request::Parts};

    leptos::prelude::use_context::<Parts>().is_some_and(|request| {
        let accepts_pages =
            request.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("text/html"));
        request.uri.path().starts_with("/rpc/") && !accepts_pages
    })
}

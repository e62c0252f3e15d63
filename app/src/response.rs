//! What goes with a page or an answer beside its body. In the browser, nothing does.

#[cfg(feature = "ssr")]
use leptos::{nonce::use_nonce, prelude::use_context};

/// Where browsers report what a page's policy didn't allow.
pub const REPORTS: &str = "/csp-report";

/// Gives the response its HTTP status; nothing while the routes are listed without a request.
pub fn set_status(status: u16) {
    #[cfg(feature = "ssr")]
    if let Some(response) = use_context::<leptos_axum::ResponseOptions>()
        && let Ok(status) = axum::http::StatusCode::from_u16(status)
    {
        response.set_status(status);
    }
    #[cfg(not(feature = "ssr"))]
    let _ = status;
}

/// Sends the browser to another page instead of this one.
pub fn redirect(path: &str) {
    #[cfg(feature = "ssr")]
    if let Some(response) = use_context::<leptos_axum::ResponseOptions>()
        && let Ok(path) = axum::http::HeaderValue::from_str(path)
    {
        response.set_status(axum::http::StatusCode::SEE_OTHER);
        response.insert_header(axum::http::header::LOCATION, path);
    }
    #[cfg(not(feature = "ssr"))]
    let _ = path;
}

/// Only this server's own files, only this response's own scripts, no frames, no inline styles; and of texts that scripts make markup of
/// only those of `browser::trusted_types`.
#[cfg(feature = "ssr")]
pub fn set_content_security_policy() {
    use axum::http::{HeaderValue, header::CONTENT_SECURITY_POLICY};

    let (Some(response), Some(nonce)) = (use_context::<leptos_axum::ResponseOptions>(), use_nonce()) else {
        return;
    };
    // cargo-leptos reloads pages under development through a web socket on another port.
    let reload = if std::env::var_os("LEPTOS_WATCH").is_some() { " ws:" } else { "" };
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; \
         font-src 'self'; connect-src 'self'{reload}; form-action 'self'; base-uri 'none'; object-src 'none'; \
         frame-ancestors 'none'; manifest-src 'self'; require-trusted-types-for 'script'; trusted-types default; \
         report-uri {REPORTS}"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.insert_header(CONTENT_SECURITY_POLICY, policy);
    }
}

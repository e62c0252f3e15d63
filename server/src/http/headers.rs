//! Security headers on every answer, and how long files may be kept.

use axum::{
    extract::{Request, State},
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, SET_COOKIE, STRICT_TRANSPORT_SECURITY,
            X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
        },
    },
    middleware::Next,
    response::Response,
};

/// What isn't a page needs nothing; pages bring their own policy with a nonce.
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
const ALWAYS: [(HeaderName, HeaderValue); 5] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    // The policies say the same (`frame-ancestors`); browsers that don't know it can still send the forms.
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    // The link in a mail holds an address: no other site is told of it.
    (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];
const PERMISSIONS: HeaderName = HeaderName::from_static("permissions-policy");
const ALLOWED: HeaderValue = HeaderValue::from_static(
    "publickey-credentials-create=(self), publickey-credentials-get=(self), camera=(), microphone=(), geolocation=(), payment=(), usb=()",
);
/// The same for the pages that read a recovery kit's square.
const ALLOWED_WITH_CAMERA: HeaderValue = HeaderValue::from_static(
    "publickey-credentials-create=(self), publickey-credentials-get=(self), camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
);
const READING_KITS: [&str; 2] = ["/account", "/recover/kit"];
/// Two years, as browsers' preload lists ask.
const HTTPS_ONLY: HeaderValue = HeaderValue::from_static("max-age=63072000; includeSubDomains");

/// Adds what every answer carries. The state says whether browsers come by https.
pub async fn secure(State(is_https): State<bool>, request: Request, next: Next) -> Response {
    let reads_kits = READING_KITS.contains(&request.uri().path());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(PERMISSIONS, if reads_kits { ALLOWED_WITH_CAMERA } else { ALLOWED });
    for (name, value) in ALWAYS {
        headers.insert(name, value);
    }
    if is_https {
        headers.insert(STRICT_TRANSPORT_SECURITY, HTTPS_ONLY);
    }
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(NOTHING);
    // Pages and answers are about one person at one moment. Files say otherwise themselves; but a cookie is for one browser.
    if headers.contains_key(SET_COOKIE) || !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Texts among the files, by the type that their name gives them: all are in UTF-8.
const TEXTS: [&str; 4] = ["text/css", "text/javascript", "text/plain", "image/svg+xml"];

/// Files with a hash in their name never change; the others are asked for again.
pub async fn cache_files(request: Request, next: Next) -> Response {
    let hashed = request.uri().path().starts_with("/pkg/");
    let mut response = next.run(request).await;
    // What hasn't changed is kept on as what it was.
    if response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED {
        let kept = if hashed { "public, max-age=31536000, immutable" } else { "public, max-age=3600" };
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(kept));
    }
    let text = response.headers().get(CONTENT_TYPE).and_then(|kind| TEXTS.into_iter().find(|text| kind == text));
    if let Some(kind) = text.and_then(|text| HeaderValue::from_str(&format!("{text}; charset=utf-8")).ok()) {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response
}

//! HTTP: the router, and what every request passes before a page or a server function sees it.
//!
//! ```text
//! connection ─► request ─► id ─► log ─► count ─► panic ─► headers ─► words
//!                 ─┬► same origin ─► size ─► how often ─► session ─► pages · /rpc · files
//!                  ├► size ─► errors in JSON ─► other sites' pages? ─► how often ─► token ─► API
//!                  └► /health/live · /health/ready
//! ```

mod client;
mod cookie;
mod headers;
mod health;
pub mod listener;
mod reports;
mod request_id;
mod session_store;
mod strict;

pub use client::Forwarding;
pub use health::Stopping;
pub(crate) use strict::media_type;

use crate::{
    api,
    client::Client,
    log::SECURITY,
    metrics,
    service::{AddressBlock, RequestBackend, Services},
};
use app::{App, port::Backend, refusal::Refusal, response::REPORTS, shell};
use axum::{
    Extension, Json, Router,
    body::{Body, Bytes},
    extract::{FromRef, FromRequest, Request, State},
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{CONTENT_DISPOSITION, CONTENT_TYPE, HOST, RETRY_AFTER},
    },
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use leptos::{config::LeptosOptions, prelude::provide_context};
use leptos_axum::{AxumRouteListing, LeptosRoutes, generate_route_list, handle_server_fns_with_context, render_route_with_context};
use serde_json::json;
use session_store::DatabaseSessions;
use std::{future::ready, sync::Arc, time::Duration};
use tower_http::{
    catch_panic::CatchPanicLayer,
    csrf::{CsrfLayer, ProtectionError},
    limit::RequestBodyLimitLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    services::ServeDir,
    timeout::TimeoutLayer,
    trace::TraceLayer,
};
use tower_sessions::{
    Expiry, Session, SessionManagerLayer,
    cookie::{SameSite, time::Duration as CookieDuration},
};
use tracing::field;

/// No request needs more: the largest is a new passkey.
const LARGEST_BODY: usize = 64 * 1024;
pub(crate) const LONGEST_REQUEST: Duration = Duration::from_secs(30);

/// Everything that this server answers. Once it is stopping, it says that it isn't ready.
pub fn router(services: Arc<Services>, stopping: Stopping) -> Router {
    let options = leptos_options(&services);
    let routes = generate_route_list(App);
    // A folder is nothing to look at; sending people on to it would send them wherever two slashes say.
    let site =
        ServeDir::new(services.config.site_root.clone()).append_index_html_on_directories(false).precompressed_br().precompressed_gzip();
    let rendered = {
        let options = options.clone();
        move || shell(options.clone())
    };
    let render = Pages { options: options.clone(), routes: Arc::new(routes.clone()) };
    let pages = Router::<Pages>::new()
        .route("/rpc/{*function}", any(server_function))
        .route("/org/history/export", get(export))
        .route(REPORTS, post(reports::note))
        .leptos_routes_with_handler(routes, page)
        .with_state(render);
    let not_found = leptos_axum::render_app_to_stream_with_context(|| (), rendered);
    // Where password managers send people to look after their passkeys (W3C, passkey endpoints).
    let account = format!("{}/account", services.config.origin_text());
    let endpoints = json!({ "enroll": format!("{account}#passkeys"), "manage": account });
    let asked = Arc::clone(&services);
    let lost = move |request: Request<Body>| {
        let (not_found, services) = (not_found.clone(), Arc::clone(&asked));
        async move {
            if api::is_meant(request.uri().path()) {
                return api::no_such_call(&services);
            }
            let mut response = not_found(request).await.into_response();
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    };
    let files = Router::new()
        .fallback_service(site.not_found_service(any(lost.clone())))
        .layer(middleware::from_fn(move |request: Request, next: Next| {
            let lost = lost.clone();
            async move { if strict::is_no_file(request.uri().path()) { lost(request).await } else { next.run(request).await } }
        }))
        .route("/.well-known/passkey-endpoints", get(move || ready(Json(endpoints))))
        .layer(middleware::from_fn(headers::cache_files));
    // The last layer is the outermost: what a request passes first stands at the end.
    let pages = pages
        .merge(files)
        .layer(middleware::from_fn_with_state(Arc::clone(&services), attach_backend))
        .layer(sessions(&services))
        .layer(middleware::from_fn_with_state(cookie::name(services.config.is_https()), cookie::only_own))
        .layer(middleware::from_fn_with_state(Arc::clone(&services), limit));
    let all = guarded(pages, &services)
        .layer(CsrfLayer::new().with_rejection_response(|_: ProtectionError| foreign()))
        // Who calls is in a token that no browser sends by itself, so a call may come from anywhere.
        .merge(api::finished(guarded(api::router(&services), &services), &services))
        .merge(health::router(&services, stopping))
        .layer(middleware::from_fn(strict::only_clear))
        .layer(middleware::from_fn(strict::in_words))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(services.config.is_https(), headers::secure));
    let counted = match services.config.metrics_listen {
        Some(_) => all.layer(middleware::from_fn_with_state(metrics::Functions::known(), metrics::count_request)),
        None => all,
    };
    counted
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(TraceLayer::new_for_http().make_span_with(span))
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(middleware::map_request(request_id::only_harmless))
}

/// What pages and the API share: whom a request is from and to, how long it may take, and how large it may be.
fn guarded(router: Router, services: &Services) -> Router {
    router
        .layer(middleware::from_fn_with_state(Arc::<str>::from(services.config.origin_text()), own_name))
        .layer(middleware::from_fn_with_state(Forwarding::new(services.config.trusted_proxies.clone()), client::identify))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, LONGEST_REQUEST))
        .layer(RequestBodyLimitLayer::new(LARGEST_BODY))
}

/// The backend of one request, handed from the middleware to the page or server function.
#[derive(Clone)]
struct ForRequest(Arc<RequestBackend>);

async fn attach_backend(
    State(services): State<Arc<Services>>,
    Extension(session): Extension<Session>,
    Extension(client): Extension<Client>,
    mut request: Request,
    next: Next,
) -> Response {
    request.extensions_mut().insert(ForRequest(Arc::new(RequestBackend::new(services, session, client))));
    next.run(request).await
}

/// What pages and server functions ask.
fn provide(backend: &Arc<RequestBackend>) {
    provide_context::<Arc<dyn Backend>>(Arc::clone(backend) as _);
}

async fn server_function(Extension(ForRequest(backend)): Extension<ForRequest>, request: Request) -> Response {
    // A server function only ever answers POST: whatever else comes is a mistake or a trick.
    if request.method() != Method::POST {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let (parts, body) = request.into_parts();
    // It is read here, because to the library one that is too large is only one that can't be read.
    let body = match Bytes::from_request(Request::new(body), &()).await {
        Ok(body) => body,
        Err(rejection) => return rejection.status().into_response(),
    };
    if !body.is_empty() && !strict::is_form_or_json(&parts.headers) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let request = Request::from_parts(parts, Body::from(body));
    handle_server_fns_with_context(move || provide(&backend), request).await.into_response()
}

/// What rendering a page needs to know.
#[derive(Clone)]
struct Pages {
    options: LeptosOptions,
    routes: Arc<Vec<AxumRouteListing>>,
}

impl FromRef<Pages> for LeptosOptions {
    fn from_ref(pages: &Pages) -> Self {
        pages.options.clone()
    }
}

async fn page(State(pages): State<Pages>, Extension(ForRequest(backend)): Extension<ForRequest>, request: Request) -> Response {
    let options = pages.options.clone();
    let render = render_route_with_context(pages.routes.to_vec(), move || provide(&backend), move || shell(options.clone()));
    render(State(pages.options), request).await.into_response()
}

/// The signed-in user's history as a file, sent while it is read. That takes as long as the history is, so no other site can begin it.
async fn export(Extension(ForRequest(backend)): Extension<ForRequest>, headers: HeaderMap) -> Response {
    if headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
        return foreign();
    }
    let export = match backend.export().await {
        Ok(export) => export,
        Err(refusal) => return refuse(&refusal),
    };
    let headers = [(CONTENT_TYPE, "application/jsonl; charset=utf-8"), (CONTENT_DISPOSITION, "attachment; filename=\"history.jsonl\"")];
    (headers, Body::from_stream(export.into_stream())).into_response()
}

/// What another site's page is told.
fn foreign() -> Response {
    tracing::warn!(target: SECURITY, "another site's page asked for something");
    StatusCode::FORBIDDEN.into_response()
}

/// On localhost the local mailbox is open to whoever sits at this machine, and so to every page in their browser that lets its
/// own name point here (DNS rebinding). Such a page asks under that name. Elsewhere a proxy may rename, and nothing is open.
async fn own_name(State(origin): State<Arc<str>>, request: Request, next: Next) -> Response {
    let own = origin.strip_prefix("http://").filter(|own| own.split(':').next() == Some("localhost"));
    let asked = request.headers().get(HOST).map(HeaderValue::as_bytes);
    match (own, asked) {
        (Some(own), Some(asked)) if asked != own.as_bytes() => {
            (StatusCode::MISDIRECTED_REQUEST, format!("This server is reached as {origin} only. Open that address.\n")).into_response()
        }
        _ => next.run(request).await,
    }
}

async fn limit(State(services): State<Arc<Services>>, Extension(client): Extension<Client>, request: Request, next: Next) -> Response {
    if request.method() == Method::POST
        && let Err(refusal) = services.limits.request(AddressBlock::from(client.address))
    {
        return refuse(&refusal);
    }
    next.run(request).await
}

/// A refusal outside of a server function, in the form that server functions answer with.
fn refuse(refusal: &Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let retry_after = refusal.retry_after.map(|seconds| [(RETRY_AFTER, seconds.to_string())]);
    (status, retry_after, Json(refusal)).into_response()
}

fn sessions(services: &Services) -> SessionManagerLayer<DatabaseSessions> {
    let is_https = services.config.is_https();
    SessionManagerLayer::new(DatabaseSessions::new(services.storage.clone(), services.ambient.clone()))
        .with_name(cookie::name(is_https))
        .with_secure(is_https)
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_path("/")
        .with_expiry(Expiry::OnInactivity(CookieDuration::days(7)))
}

/// cargo-leptos puts `hash.txt`, with the hashes in the file names, beside the program that it builds.
fn leptos_options(services: &Services) -> LeptosOptions {
    let hash_file = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.join("hash.txt")));
    LeptosOptions::builder()
        .output_name("countersign")
        .site_root(services.config.site_root.display().to_string())
        .hash_files(hash_file.is_some_and(|file| file.is_file()))
        .build()
}

/// Method and path only: query strings may hold mail addresses. Whose it is stands there once it is known.
fn span(request: &Request<Body>) -> tracing::Span {
    let id = request.headers().get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    tracing::info_span!(
        "request",
        %id,
        method = %request.method(),
        path = request.uri().path(),
        organization = field::Empty,
        user = field::Empty
    )
}

fn panicked(panic: Box<dyn std::any::Any + Send + 'static>) -> Response {
    let what = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = what.unwrap_or("unknown"), "a request panicked");
    (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong on the server. Nothing was changed.\n").into_response()
}

//! The HTTP API for programs, laid out like its URLs. A published client speaks it (`@dfns/sdk`), so paths, shapes and the order
//! of things are its; what happens is what happens for the pages: the same services, and the same road of a change.
//!
//! ```text
//! read:    token ──► caller ──► storage ──► JSON
//! change:  POST /auth/action/init   token ─► the call that will come ─► Change ─► document, challenge      (prepare)
//!          POST /auth/action        signature ─► checked, kept ─► userAction
//!          the call itself          token, userAction ─► the same call? ─► executed from the stored document  (commit)
//! ```
//!
//! A new call is a handler with its description ([`utoipa`]); one that changes something implements [`call::Call`] and stands in
//! [`call::CALLS`].

#![expect(clippy::struct_field_names, reason = "members are named as the client names them")]
#![expect(unused_qualifications, reason = "a macro of utoipa writes them")]

mod action;
mod assertion;
mod call;
mod caller;
mod countersign;
mod credentials;
mod customers;
mod error;
mod input;
mod log_in;
mod logs;
mod meaning;
mod permissions;
mod programs;
mod recovery;
mod reference;
mod registration;
mod token;
mod users;

pub use meaning::meaning;
pub use token::{Metadata, Purpose, TokenSigner};

use crate::service::{AddressBlock, Services};
use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{Request, State},
    http::{HeaderName, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use error::{ApiError, Code};
use std::{future::ready, sync::Arc, time::Duration};
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{Http, HttpAuthScheme, SecurityScheme},
};
use utoipa_axum::{router::OpenApiRouter, routes};

/// What shows that a request was signed.
const USER_ACTION: HeaderName = HeaderName::from_static("x-dfns-useraction");
/// How long a browser remembers that another site's pages may call.
const CORS_LIFE: Duration = Duration::from_hours(1);

/// What the page about the API may load: its style, and what that names.
const PAGE: &str = "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
                    frame-ancestors 'none'";

#[derive(OpenApi)]
#[openapi(
    info(title = "Countersign", description = "The HTTP API for programs. Every call that changes something is signed with a passkey or a key, over exactly that change."),
    modifiers(&Security),
    components(schemas(error::ErrorBody)),
    tags(
        (name = "Signing in"),
        (name = "Signing", description = "How a change is signed before it is executed: init, sign, then the call itself with the header X-DFNS-USERACTION."),
        (name = "Registration and recovery"),
        (name = "Credentials"),
        (name = "Users"),
        (name = "Permissions"),
        (name = "Programs", description = "Service accounts, and access tokens by which a program acts in somebody's name."),
        (name = "Customers", description = "What a program with the operations Auth:Register:Delegated, Auth:Login:Delegated and Auth:Recover:Delegated does for customers."),
        (name = "History", description = "What was changed, by whom, with the proof of it. As the published client reads it, and whole, to be verified by anybody."),
        (name = "Server"),
    )
)]
struct Description;

struct Security;

impl Modify for Security {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let token = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        description.components.get_or_insert_default().add_security_scheme("token", token);
    }
}

fn described() -> OpenApiRouter<Arc<Services>> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(registration::init))
        .routes(routes!(registration::finish))
        .routes(routes!(registration::send_code))
        .routes(routes!(log_in::init))
        .routes(routes!(log_in::finish))
        .routes(routes!(log_in::out))
        .routes(routes!(recovery::send_code))
        .routes(routes!(recovery::init))
        .routes(routes!(recovery::finish))
        .routes(routes!(action::init))
        .routes(routes!(action::sign))
        .routes(routes!(logs::list))
        .routes(routes!(logs::show))
        .routes(routes!(credentials::list, credentials::create))
        .routes(routes!(credentials::init))
        .routes(routes!(credentials::activate))
        .routes(routes!(credentials::deactivate))
        .routes(routes!(credentials::make_code))
        .routes(routes!(credentials::init_with_code))
        .routes(routes!(credentials::create_with_code))
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::show, users::update, users::delete))
        .routes(routes!(users::activate))
        .routes(routes!(users::deactivate))
        .routes(routes!(programs::list_accounts, programs::create_account))
        .routes(routes!(programs::show_account, programs::update_account, programs::delete_account))
        .routes(routes!(programs::activate_account))
        .routes(routes!(programs::deactivate_account))
        .routes(routes!(programs::list_tokens, programs::create_token))
        .routes(routes!(programs::show_token, programs::update_token, programs::delete_token))
        .routes(routes!(programs::activate_token))
        .routes(routes!(programs::deactivate_token))
        .routes(routes!(customers::register))
        .routes(routes!(customers::finish))
        .routes(routes!(customers::log_in))
        .routes(routes!(customers::recover))
        .routes(routes!(permissions::list, permissions::create))
        .routes(routes!(permissions::show, permissions::update))
        .routes(routes!(permissions::archive))
        .routes(routes!(permissions::list_assignments, permissions::assign))
        .routes(routes!(permissions::revoke))
        .routes(routes!(countersign::read))
        .routes(routes!(countersign::checkpoint))
        .routes(routes!(countersign::keys))
        .routes(routes!(countersign::entry))
        .routes(routes!(countersign::consistency))
        .routes(routes!(countersign::health))
        .routes(routes!(countersign::version))
}

/// The API's description (`OpenAPI` 3.1).
pub fn description() -> utoipa::openapi::OpenApi {
    parts().1
}

fn parts() -> (Router<Arc<Services>>, utoipa::openapi::OpenApi) {
    let (calls, mut description) = described().split_for_parts();
    for (path, item) in &mut description.paths.paths {
        let operations = [("get", &mut item.get), ("post", &mut item.post), ("put", &mut item.put), ("delete", &mut item.delete)];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                operation.operation_id = Some(operation_id(method, path));
            }
        }
    }
    (calls, description)
}

/// A call's name, one of its own as generators of clients need it: `GET /auth/users/{userId}` is `getAuthUsersUserId`.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.split(|char: char| !char.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let capitals = words.map(|word| word[..1].to_ascii_uppercase() + &word[1..]);
    std::iter::once(method.to_owned()).chain(capitals).collect()
}

/// What the API answers, to be put beside the pages: no session cookie counts here.
pub fn router(services: &Arc<Services>) -> Router {
    let (calls, description) = parts();
    let page = Bytes::from(reference::page(&description));
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, PAGE)];
    calls
        .route("/docs", get(move || ready((headers, page))))
        .route("/openapi.json", get(move || ready(Json(description))))
        .method_not_allowed_fallback(other_method)
        .with_state(Arc::clone(services))
        .layer(middleware::from_fn_with_state(Arc::clone(services), limit))
}

/// What every answer passes on its way out, whichever layer it is from: errors get their form, and browsers are told which
/// pages may read it.
pub fn finished(calls: Router, services: &Arc<Services>) -> Router {
    let calls = calls.layer(middleware::from_fn_with_state(Arc::clone(services), error::finish));
    // Without it, browsers let no page of another origin read anything.
    if services.config.api_origins.is_empty() { calls } else { calls.layer(cors(services)) }
}

/// Whether a path that leads nowhere was meant for the API.
pub fn is_meant(path: &str) -> bool {
    ["/auth/", "/permissions/", "/countersign/"].into_iter().any(|root| path.starts_with(root))
}

/// What a call that there isn't is told.
pub fn no_such_call(services: &Services) -> Response {
    error::write(ApiError::new(Code::NotFound, "The API has no such call."), &services.ambient)
}

/// Whoever asks what can be done here is told, and whoever does something else, too: `Allow` is added by the router.
async fn other_method(method: Method) -> Response {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    ApiError::new(Code::MethodNotAllowed, format!("This path has no {method}; the header Allow names what it has.")).into_response()
}

async fn limit(
    State(services): State<Arc<Services>>,
    Extension(client): Extension<crate::client::Client>,
    request: Request,
    next: Next,
) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
        && let Err(refusal) = services.limits.request(AddressBlock::from(client.address))
    {
        return ApiError::from(refusal).into_response();
    }
    next.run(request).await
}

/// Pages of the origins that the operator named may call from a browser.
fn cors(services: &Services) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(services.config.api_origins.iter().cloned()))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, USER_ACTION, HeaderName::from_static("x-dfns-sdk-version")])
        .expose_headers([header::RETRY_AFTER, logs::TRUNCATED])
        .max_age(CORS_LIFE)
}

//! The one error that the API answers with: `{"error": {"message", "code", "id"}}`. Handlers say what is wrong; on the way out it
//! gets the id under which the log has it.

use crate::{
    action::{ActionError, Executed},
    ambient::Ambient,
    log::SECURITY,
    service::{Services, incident},
    storage::StorageError,
};
use app::{
    action::rules::Denial,
    domain::operation::Operation,
    refusal::{self, Refusal},
};
use axum::{
    Json,
    extract::{Request, State},
    http::{
        StatusCode,
        header::{ALLOW, RETRY_AFTER, VARY},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use std::sync::Arc;
use utoipa::{IntoResponses, ToSchema};

/// What went wrong, for programs: stable, one word each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub enum Code {
    /// The request can't be read: its form, a member, a value.
    BadRequest,
    /// What the request shows was used already.
    AlreadyUsed,
    /// There is no token, or none that counts.
    Unauthorized,
    /// Whoever asks isn't allowed to; the message names the operation.
    NotPermitted,
    /// The request isn't signed, or what was signed is another one.
    NotSigned,
    /// The signature doesn't hold.
    SignatureRefused,
    /// No such thing in this organization.
    NotFound,
    /// The path is known, the method isn't.
    MethodNotAllowed,
    /// It exists already.
    Duplicate,
    /// It moved on in the meantime.
    Conflict,
    /// More than the server takes.
    TooLarge,
    /// The body isn't JSON.
    UnsupportedMediaType,
    /// Understood, and impossible.
    Impossible,
    /// Too often; `Retry-After` says when again.
    TooMany,
    /// The server's storage doesn't answer; nothing was changed.
    Unavailable,
    /// A fault of the server.
    Internal,
}

impl Code {
    const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest | Self::AlreadyUsed => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NotPermitted | Self::NotSigned | Self::SignatureRefused => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Duplicate | Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Impossible => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// Why a call wasn't answered.
#[derive(Debug, Clone)]
pub(super) struct ApiError {
    code: Code,
    message: String,
    incident: Option<String>,
    retry_after: Option<u64>,
    receipt: Option<Box<Receipt>>,
}

impl ApiError {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), incident: None, retry_after: None, receipt: None }
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("There is no such {what} in this organization."))
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Code::BadRequest, message)
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(
            Code::Unauthorized,
            "This call needs a token that counts: `Authorization: Bearer …`, not expired, not revoked, of an active user.",
        )
    }

    /// Whoever asks lacks this operation.
    pub(super) fn not_permitted(operation: Operation) -> Self {
        Self::denied(&Denial::NotPermitted(operation))
    }

    /// An error of the road of a change.
    pub(super) fn of_action(services: &Services, error: ActionError) -> Self {
        match error {
            ActionError::Denied(denial) => Self::denied(&denial),
            ActionError::NotActive => Self::unauthorized(),
            ActionError::DoneAlready(executed) => Self::done_already(*executed),
            error => Self::from(services.refused(error)),
        }
    }

    /// An error of storage.
    pub(super) fn of_storage(services: &Services, error: StorageError) -> Self {
        Self::from(services.storage_failed(error))
    }

    /// The same call, sent again: the answer before didn't reach whoever made it.
    fn done_already(executed: Executed) -> Self {
        let Executed { index, executed_at, checkpoint, created, .. } = executed;
        let message = format!(
            "This was done already, as entry {index} of the history, and nothing was done twice. Had it a token or a code to show, that can't be shown again."
        );
        let receipt = Receipt { index, executed_at: executed_at.to_string(), checkpoint, created };
        Self { receipt: Some(Box::new(receipt)), ..Self::new(Code::AlreadyUsed, message) }
    }

    /// The rules say no.
    pub(super) fn denied(denial: &Denial) -> Self {
        let code = match denial {
            denial if denial.is_for_lack_of_rights() => Code::NotPermitted,
            Denial::NoSuchUser | Denial::NoSuchPermission | Denial::NoSuchPasskey | Denial::NotAssigned(_) => Code::NotFound,
            Denial::EmailTaken(_)
            | Denial::NameTaken(_)
            | Denial::PasskeyNameTaken(_)
            | Denial::ProgramNameTaken(_)
            | Denial::AssignedAlready(_) => Code::Duplicate,
            Denial::EmailChanged(_) | Denial::PermissionChanged { .. } | Denial::PasskeyRenamed(_) => Code::Conflict,
            _ => Code::Impossible,
        };
        Self::new(code, denial.to_string())
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        use refusal::Code as C;
        let code = match refusal.code {
            C::PasskeyRefused | C::UnknownPasskey | C::WrongKit => Code::SignatureRefused,
            C::BadRequest | C::WrongCode | C::ExpiredCode => Code::BadRequest,
            C::EndedCode | C::ActionOver => Code::AlreadyUsed,
            C::InvalidInput => Code::Impossible,
            C::NoRegistration | C::NoRecovery | C::NoAddition | C::SignedOut => Code::Unauthorized,
            C::Closed | C::NotPermitted => Code::NotPermitted,
            C::NotFound => Code::NotFound,
            C::Conflict => Code::Conflict,
            C::TooMany => Code::TooMany,
            C::Unavailable | C::Unreachable => Code::Unavailable,
            C::Internal => Code::Internal,
        };
        let fields: Vec<String> = refusal.fields.iter().map(|field| format!("{}: {}", field.field, field.message)).collect();
        let message = if fields.is_empty() { refusal.message } else { fields.join(" ") };
        Self { code, message, incident: refusal.incident, retry_after: refusal.retry_after, receipt: None }
    }
}

impl IntoResponse for ApiError {
    /// Left for [`finish`] to write: only there is an id to be had.
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Gives every error its id, writes it out, and logs it.
pub(super) async fn finish(State(services): State<Arc<Services>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let error = response.extensions_mut().remove::<ApiError>().or_else(|| of_a_layer(response.status()));
    let Some(error) = error else { return response };
    let mut written = write(error, &services.ambient);
    // Which methods there are is said by whoever found that this one isn't.
    for name in [ALLOW, VARY] {
        if let Some(value) = response.headers().get(&name) {
            written.headers_mut().insert(name, value.clone());
        }
    }
    written
}

/// What the layers around the handlers answer without words of their own.
fn of_a_layer(status: StatusCode) -> Option<ApiError> {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => Some(ApiError::new(Code::TooLarge, "The body is larger than any call needs.")),
        StatusCode::SERVICE_UNAVAILABLE => Some(ApiError::new(Code::Unavailable, "This took too long. Try again in a minute.")),
        _ => None,
    }
}

/// An error as it leaves the server.
pub(super) fn write(error: ApiError, ambient: &Ambient) -> Response {
    let id = error.incident.unwrap_or_else(|| incident(ambient));
    // Not the words: they may repeat what was sent, and that may be a code.
    tracing::info!(target: SECURITY, %id, code = ?error.code, "a call was refused");
    let retry_after = error.retry_after.map(|seconds| [(RETRY_AFTER, seconds.to_string())]);
    let body = ErrorBody { error: Details { message: error.message, code: error.code, id, receipt: error.receipt } };
    (error.code.status(), retry_after, Json(body)).into_response()
}

/// An error.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Error)]
pub(super) struct ErrorBody {
    error: Details,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ErrorDetails)]
struct Details {
    /// For people.
    message: String,
    /// For programs: stable.
    code: Code,
    /// By which the server's log knows it.
    id: String,
    /// Of a signed call that was sent again: as what it was executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<Box<Receipt>>,
}

/// What shows that a change was executed.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Receipt {
    /// Its place in the organization's history.
    index: u64,
    /// When, in UTC.
    executed_at: String,
    /// The checkpoint that counts it as its last entry; if the server's key was changed since, the first one by the new key.
    checkpoint: String,
    /// The id of what was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
}

/// What every call may answer instead.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes answers and is never made")]
pub(super) enum Errors {
    /// Malformed, or used already.
    #[response(status = 400)]
    BadRequest(ErrorBody),
    /// No token, or none that counts.
    #[response(status = 401)]
    Unauthorized(ErrorBody),
    /// Not permitted, or not signed.
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// No such thing in this organization.
    #[response(status = 404)]
    NotFound(ErrorBody),
    /// The path has no such method.
    #[response(status = 405)]
    MethodNotAllowed(ErrorBody),
    /// It exists already, or moved on.
    #[response(status = 409)]
    Conflict(ErrorBody),
    /// Larger than any call needs.
    #[response(status = 413)]
    TooLarge(ErrorBody),
    /// The body isn't JSON.
    #[response(status = 415)]
    UnsupportedMediaType(ErrorBody),
    /// Understood, and impossible.
    #[response(status = 422)]
    Unprocessable(ErrorBody),
    /// Too often.
    #[response(status = 429)]
    TooMany(ErrorBody),
    /// A fault of the server.
    #[response(status = 500)]
    Internal(ErrorBody),
    /// The storage doesn't answer.
    #[response(status = 503)]
    Unavailable(ErrorBody),
}

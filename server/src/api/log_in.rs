//! `/auth/login` and `/auth/logout`: a token for whoever has a credential.

use super::{
    action::{Allowed, Challenge, Signature},
    assertion,
    caller::Caller,
    error::{ApiError, Code, Errors},
    input::Body,
    token::{Metadata, Purpose},
};
use crate::{
    action::Actor,
    client::Client,
    service::{Services, sign_in},
    storage::{
        sessions,
        tokens::{self, Token, TokenKind},
    },
};
use app::domain::{
    activity::ActivityKind,
    id::{ChallengeId, OrganizationId, TokenId},
    text::EmailAddress,
};
use axum::{Extension, Json, body::Bytes, extract::State};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use utoipa::ToSchema;

/// A token that somebody signed in for counts so long.
const LIFE: Duration = Duration::from_hours(6);

/// Who wants to sign in, and where.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = LoginChallengeBody)]
pub(super) struct Arriving {
    /// Mail address; may be left out by whoever has a passkey.
    username: Option<String>,
    /// Organization.
    org_id: String,
}

/// Asks for a challenge to sign in with
///
/// The answer doesn't say whether the user is known.
#[utoipa::path(
    post,
    path = "/auth/login/init",
    tag = "Signing in",
    request_body = Arriving,
    responses((status = 200, body = Challenge), Errors)
)]
pub(super) async fn init(State(services): State<Arc<Services>>, Body(arriving): Body<Arriving>) -> Result<Json<Challenge>, ApiError> {
    let organization: OrganizationId =
        arriving.org_id.parse().map_err(|_| ApiError::bad_request("`orgId` isn't the id of an organization."))?;
    let username = arriving.username.filter(|name| !name.is_empty());
    let username = username.map(|name| EmailAddress::parse(&name)).transpose();
    let username = username.map_err(|error| ApiError::bad_request(format!("`username`: {error}")))?;
    let begun = sign_in::begin(&services, Some(sign_in::Expected { organization, email: username })).await?;
    Ok(Json(Challenge::new(&services, begun.challenge, begun.id.to_string(), Allowed::default())))
}

/// A token.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Login)]
pub(super) struct SignedIn {
    /// For the header `Authorization: Bearer …`.
    token: String,
}

/// Signs in
#[utoipa::path(
    post,
    path = "/auth/login",
    tag = "Signing in",
    request_body = Signature,
    responses((status = 200, body = SignedIn), Errors)
)]
pub(super) async fn finish(
    State(services): State<Arc<Services>>,
    Extension(client): Extension<Client>,
    Body(signature): Body<Signature>,
) -> Result<Json<SignedIn>, ApiError> {
    let challenge: ChallengeId = signature.challenge_identifier.parse().map_err(|_| {
        ApiError::new(Code::AlreadyUsed, "No such challenge waits for an answer: it was answered already, or its time is over.")
    })?;
    let assertion::Signed::Passkey(passkey) = signature.first_factor.read()?;
    let whom = sign_in::verify(&services, &client, challenge, Ok(passkey)).await?;
    let token = give_token(&services, whom, TokenKind::LogIn, LIFE).await?;
    let failed = |error| ApiError::of_storage(&services, error);
    let mut db = services.storage.connection().await.map_err(failed)?;
    services.note(&mut db, whom, ActivityKind::SignedIn, &client).await.map_err(failed)?;
    Ok(Json(SignedIn { token }))
}

/// A new token for a user.
async fn give_token(services: &Services, whom: Actor, kind: TokenKind, life: Duration) -> Result<String, ApiError> {
    let now = services.ambient.now();
    let id = TokenId::from_bytes(services.ambient.bytes());
    let row = Token {
        id,
        organization: whom.organization,
        user: whom.user,
        kind,
        created_at: now,
        expires_at: now.plus(life),
        last_used_at: None,
    };
    let failed = |error| ApiError::of_storage(services, error);
    let mut db = services.storage.connection().await.map_err(failed)?;
    tokens::insert(&mut db, &row).await.map_err(failed)?;
    let says = Metadata { org_id: whom.organization, user_id: whom.user.to_string(), token_id: id.to_string() };
    let written = services.tokens.write(Purpose::Api, says, now, row.expires_at);
    written.map_err(|error| ApiError::from(services.hide(app::refusal::Code::Internal, &error)))
}

/// What ends.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = LogoutBody)]
pub(super) struct Leaving {
    /// Every session and token that the user signed in with, in browsers too.
    all_sessions: Option<bool>,
}

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Message {
    message: String,
}

/// Ends the token
#[utoipa::path(
    put,
    path = "/auth/logout",
    tag = "Signing in",
    request_body = Option<Leaving>,
    responses((status = 200, body = Message), Errors),
    security(("token" = []))
)]
pub(super) async fn out(caller: Caller, body: Bytes) -> Result<Json<Message>, ApiError> {
    let leaving: Leaving = if body.is_empty() { Leaving::default() } else { super::input::from_json(&body)? };
    let organization = caller.actor.organization;
    let mut db = caller.connection().await?;
    let message = if leaving.all_sessions == Some(true) {
        sessions::delete_of_user(&mut db, organization, caller.actor.user).await.map_err(caller.failed())?;
        "Signed out everywhere."
    } else {
        "Signed out."
    };
    tokens::delete(&mut db, organization, caller.token).await.map_err(caller.failed())?;
    Ok(Json(Message { message: message.to_owned() }))
}

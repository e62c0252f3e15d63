//! `/auth/login` and `/auth/logout`: a token for whoever has a credential.

use super::{
    action::{Allowed, AllowedCredential, Challenge, Signature},
    assertion,
    caller::Caller,
    error::{ApiError, Code, Errors},
    input::Body,
};
use crate::{
    action::Actor,
    client::Client,
    service::{
        Services,
        sign_in::{self, Answer, Verified},
    },
    storage::{
        commit, credentials, sessions,
        tokens::{self, Token, TokenKind},
        users,
    },
};
use app::{
    action::rules::Denial,
    domain::{
        activity::ActivityKind,
        id::{ChallengeId, CredentialId, OrganizationId, TokenId, UserId},
        text::EmailAddress,
    },
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
    let key = match &username {
        Some(username) => keys_of(&services, organization, username).await?,
        None => Vec::new(),
    };
    let begun = sign_in::begin(&services, Some(sign_in::Expected { organization, email: username })).await?;
    // Passkeys of this site are found by themselves.
    let allowed = Allowed { key: key.into_iter().map(AllowedCredential::new).collect(), webauthn: Vec::new() };
    Ok(Json(Challenge::new(&services, begun.challenge, begun.id.to_string(), allowed)))
}

/// The ids of a user's keys: without them, the client's signer signs nothing. Of whoever has none, or isn't there, one that is
/// always the same and nobody's.
async fn keys_of(services: &Services, organization: OrganizationId, username: &EmailAddress) -> Result<Vec<String>, ApiError> {
    let failed = |error| ApiError::of_storage(services, error);
    let mut db = services.storage.connection().await.map_err(failed)?;
    // In one step, and the other id is made whether it is needed or not: the time must not tell who is known.
    let mut keys = credentials::keys_by_email(&mut db, organization, username).await.map_err(failed)?;
    let decoy = services.outbox.secret().decoy(&format!("{organization} {}", username.key()));
    let decoy = decoy.map_err(|error| ApiError::from(services.hide(app::refusal::Code::Internal, &error)))?;
    if keys.is_empty() {
        keys.push(decoy);
    }
    Ok(keys)
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
    let answer = match signature.first_factor.read()? {
        assertion::Signed::Passkey(signature) => Answer::Passkey(signature),
        assertion::Signed::Key(proof) => Answer::Key(proof),
    };
    let Verified { whom, by } = sign_in::verify(&services, &client, challenge, Ok(answer)).await?;
    give_token(&services, &client, whom, Some(by)).await.map(Json)
}

/// A new token for a user who signs in, by this credential, if it was one.
pub(super) async fn give_token(services: &Services, client: &Client, whom: Actor, by: Option<CredentialId>) -> Result<SignedIn, ApiError> {
    let now = services.ambient.now();
    let token = Token {
        id: TokenId::from_bytes(services.ambient.bytes()),
        organization: whom.organization,
        user: whom.user,
        kind: TokenKind::LogIn,
        created_at: now,
        expires_at: now.plus(LIFE),
        last_used_at: None,
    };
    let failed = |error| ApiError::of_storage(services, error);
    let mut db = services.storage.begin().await.map_err(failed)?;
    // First, so that nobody is shut out in between.
    users::note_seen(&mut db, whom.organization, whom.user, now).await.map_err(failed)?;
    if !tokens::insert(&mut db, &token, by).await.map_err(failed)? {
        return Err(ApiError::unauthorized());
    }
    services.note(&mut db, whom, ActivityKind::SignedIn, client).await.map_err(failed)?;
    commit(db).await.map_err(failed)?;
    Ok(SignedIn { token: write_token(services, &token, whom.user)? })
}

/// The token of a row, for its bearer.
pub(super) fn write_token(services: &Services, token: &Token, whose: UserId) -> Result<String, ApiError> {
    services.write_token(token, whose).map_err(|error| ApiError::from(services.hide(app::refusal::Code::Internal, &error)))
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

impl Message {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
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
    if caller.is_program {
        // It never signed in, and its token would be gone for good.
        return Err(ApiError::denied(&Denial::PeopleOnly));
    }
    let organization = caller.actor.organization;
    let mut db = caller.writing().await?;
    let message = if leaving.all_sessions == Some(true) {
        sessions::delete_of_user(&mut db, organization, caller.actor.user).await.map_err(caller.failed())?;
        "Signed out everywhere."
    } else {
        "Signed out."
    };
    tokens::delete(&mut db, organization, caller.token).await.map_err(caller.failed())?;
    commit(db).await.map_err(caller.failed())?;
    Ok(Json(Message::new(message)))
}

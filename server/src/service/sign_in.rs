//! Signing in with a discoverable passkey, and who is signed in.

use super::{RequestBackend, Services};
use crate::{
    action::Actor,
    client::Client,
    passkey::{Signature, Stored},
    storage::{challenges, credentials, permissions, sessions, users},
};
use app::{
    domain::{
        activity::ActivityKind,
        id::{ChallengeId, OrganizationId},
        text::EmailAddress,
        user::UserStatus,
    },
    refusal::{Code, Refusal},
    rpc::sign_in::{SignInChallenge, Viewer},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// As long as a browser keeps its dialog open.
const CHALLENGE: Duration = Duration::from_mins(5);

/// A challenge that waits for an answer.
pub struct Begun {
    /// By which it is found.
    pub id: ChallengeId,
    /// What is to be signed, base64url.
    pub challenge: String,
    /// What a browser's `navigator.credentials.get()` takes.
    pub options: Value,
}

/// Who is expected to answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Expected {
    /// Of which organization.
    pub organization: OrganizationId,
    /// With which mail address; whoever has a passkey needn't say.
    pub email: Option<EmailAddress>,
}

/// What waits for an answer.
#[derive(Serialize, Deserialize)]
struct Waiting {
    /// What webauthn-rs wants to see again.
    ceremony: String,
    expected: Option<Expected>,
}

/// Gives out a challenge: to anyone, or to whoever is expected.
///
/// # Errors
/// When the database fails.
pub async fn begin(services: &Services, expected: Option<Expected>) -> Result<Begun, Refusal> {
    let begun = services.ceremonies.begin_sign_in().map_err(|error| services.hide(Code::Internal, &error))?;
    let id = ChallengeId::from_bytes(services.ambient.bytes());
    let waiting = Waiting { ceremony: begun.ceremony, expected };
    let waiting = serde_json::to_string(&waiting).map_err(|error| services.hide(Code::Internal, &error))?;
    let failed = |error| services.storage_failed(error);
    let mut db = services.storage.connection().await.map_err(failed)?;
    challenges::insert(&mut db, id, &waiting, services.ambient.now().plus(CHALLENGE)).await.map_err(failed)?;
    Ok(Begun { id, challenge: begun.challenge, options: begun.options })
}

/// Who answered a challenge with a passkey of theirs. Each challenge is answered once, also by what can't be read.
///
/// # Errors
/// Why the answer doesn't count.
pub async fn verify(
    services: &Services,
    client: &Client,
    challenge: ChallengeId,
    signature: Result<Signature, Refusal>,
) -> Result<Actor, Refusal> {
    let failed = |error| services.storage_failed(error);
    let mut db = services.storage.connection().await.map_err(failed)?;
    let waiting = challenges::take(&mut db, challenge, services.ambient.now()).await.map_err(failed)?;
    // Whatever else waits there isn't a sign-in.
    let waiting: Waiting = waiting
        .and_then(|waiting| serde_json::from_str(&waiting).ok())
        .ok_or_else(|| Refusal::new(Code::BadRequest, "That took longer than five minutes, or was sent twice. Try again."))?;
    let signature = signature?;
    let passkey = credentials::find_passkey(&mut db, &signature.credential_id()).await.map_err(failed)?.ok_or_else(unknown)?;
    if signature.user_handle().is_some_and(|handle| handle != passkey.user)
        || (signature.user_handle().is_none() && waiting.expected.is_none())
    {
        tracing::warn!(credential = %passkey.id, "a passkey came without its owner's handle, or with another user's");
        return Err(passkey_refused());
    }
    let user = users::find(&mut db, passkey.organization, passkey.user).await.map_err(failed)?.ok_or_else(unknown)?;
    let is_expected = waiting.expected.is_none_or(|expected| {
        expected.organization == user.organization && expected.email.is_none_or(|email| email.key() == user.email.key())
    });
    if !is_expected {
        return Err(unknown());
    }
    let stored = Stored {
        public_key: &passkey.public_key,
        algorithm: passkey.algorithm,
        sign_count: passkey.sign_count,
        backup_eligible: passkey.backup_eligible,
        webauthn: &passkey.webauthn,
    };
    let whom = Actor { organization: passkey.organization, user: passkey.user };
    let after = match services.ceremonies.finish_sign_in(&waiting.ceremony, &signature, stored) {
        Ok(after) => after,
        Err(error) => {
            tracing::warn!(credential = %passkey.id, "a sign-in was refused");
            services.note(&mut db, whom, ActivityKind::SignInRefused, client).await.map_err(failed)?;
            return Err(refused(&error));
        }
    };
    // Only told to whoever has just proved to be that user.
    if user.deactivated_at.is_some() {
        services.note(&mut db, whom, ActivityKind::SignInRefused, client).await.map_err(failed)?;
        return Err(Refusal::new(Code::SignedOut, "Your account is deactivated. Ask an admin of your organization."));
    }
    let noted = credentials::note_use(&mut db, &passkey, after.sign_count, after.backed_up, &after.webauthn, services.ambient.now())
        .await
        .map_err(failed)?;
    if !noted {
        return Err(Refusal::new(Code::BadRequest, "This passkey was used twice at the same moment. Try again."));
    }
    Ok(whom)
}

pub(super) async fn start(backend: &RequestBackend) -> Result<SignInChallenge, Refusal> {
    let begun = begin(&backend.services, None).await?;
    Ok(SignInChallenge { challenge: begun.id, options: begun.options })
}

pub(super) async fn finish(backend: &RequestBackend, challenge: ChallengeId, response: Value) -> Result<(), Refusal> {
    let signature = Signature::read(response).map_err(|error| refused(&error));
    let whom = verify(&backend.services, &backend.client, challenge, signature).await?;
    // The session takes a connection of its own: whoever holds one while waiting for another can wait for ever.
    backend.begin_session(whom).await
}

pub(super) async fn sign_out(backend: &RequestBackend) -> Result<(), Refusal> {
    if let Some(whom) = backend.signed_in().await? {
        let failed = |error| backend.storage_failed(error);
        let mut db = backend.services.storage.connection().await.map_err(failed)?;
        backend.note(&mut db, whom, ActivityKind::SignedOut).await.map_err(failed)?;
    }
    backend.end_session().await
}

pub(super) async fn sign_out_everywhere(backend: &RequestBackend) -> Result<(), Refusal> {
    let failed = |error| backend.storage_failed(error);
    let signed_in = backend.signed_in().await?.ok_or_else(signed_out)?;
    let mut db = backend.services.storage.connection().await.map_err(failed)?;
    sessions::delete_of_user(&mut db, signed_in.organization, signed_in.user).await.map_err(failed)?;
    backend.note(&mut db, signed_in, ActivityKind::SignedOutEverywhere).await.map_err(failed)?;
    drop(db);
    backend.end_session().await
}

pub(super) async fn viewer(backend: &RequestBackend) -> Result<Viewer, Refusal> {
    let failed = |error| backend.storage_failed(error);
    let signed_in = backend.signed_in().await?.ok_or_else(signed_out)?;
    let mut db = backend.services.storage.connection().await.map_err(failed)?;
    let user = users::find(&mut db, signed_in.organization, signed_in.user)
        .await
        .map_err(failed)?
        .filter(|user| user.status() == UserStatus::Active)
        .ok_or_else(signed_out)?;
    let passkeys = credentials::count_passkeys(&mut db, user.organization, user.id).await.map_err(failed)?;
    let operations = permissions::operations_of(&mut db, user.organization, user.id).await.map_err(failed)?;
    Ok(Viewer {
        user: user.id,
        name: user.name,
        email: user.email,
        operations,
        organization: user.organization,
        organization_name: user.organization_name,
        passkeys,
        session: backend.session_life(),
    })
}

pub(super) fn signed_out() -> Refusal {
    Refusal::new(Code::SignedOut, "You are signed out. Sign in with your passkey.")
}

fn unknown() -> Refusal {
    Refusal::new(
        Code::UnknownPasskey,
        "This passkey isn't known here. It may belong to an account that was removed. Choose another passkey, or create an organization.",
    )
}

fn refused(error: &crate::passkey::PasskeyError) -> Refusal {
    tracing::warn!(%error, "a passkey's answer didn't hold");
    passkey_refused()
}

fn passkey_refused() -> Refusal {
    Refusal::new(
        Code::PasskeyRefused,
        "The passkey's answer couldn't be verified, so you weren't signed in. Try again, or use another passkey.",
    )
}

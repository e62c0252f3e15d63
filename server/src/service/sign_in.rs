//! Signing in with a discoverable passkey, and who is signed in.

use super::{RequestBackend, Services, activity::note_behind};
use crate::{
    action::{Actor, KeyProof},
    client::Client,
    log::SECURITY,
    passkey::{self, Signature, Stored},
    storage::{Connection, challenges, commit, credentials, permissions, sessions, users},
};
use app::{
    action::{
        bytes::Bytes,
        client_data::{Ceremony, check_key_client_data},
        cose::PublicKey,
    },
    domain::{
        activity::ActivityKind,
        id::{ChallengeId, CredentialId, OrganizationId},
        text::EmailAddress,
        user::UserStatus,
    },
    refusal::{Code, Refusal},
    rpc::sign_in::{SignInChallenge, Viewer},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tracing::field::display;

/// The generator of Ed25519. What it verifies doesn't count.
static NOBODYS_KEY: PublicKey = PublicKey::Ed25519([
    0x58, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
    0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
]);
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
    /// What is to be signed, base64url.
    challenge: String,
    expected: Option<Expected>,
}

/// Gives out a challenge: to anyone, or to whoever is expected.
///
/// # Errors
/// When the database fails.
pub async fn begin(services: &Services, expected: Option<Expected>) -> Result<Begun, Refusal> {
    let begun = services.ceremonies.begin_sign_in().map_err(|error| services.hide(Code::Internal, &error))?;
    let id = ChallengeId::from_bytes(services.ambient.bytes());
    let waiting = Waiting { ceremony: begun.ceremony, challenge: begun.challenge.clone(), expected };
    let waiting = serde_json::to_string(&waiting).map_err(|error| services.hide(Code::Internal, &error))?;
    let failed = |error| services.storage_failed(error);
    let mut db = services.storage.begin().await.map_err(failed)?;
    challenges::insert(&mut db, id, &waiting, services.ambient.now().plus(CHALLENGE)).await.map_err(failed)?;
    commit(db).await.map_err(failed)?;
    Ok(Begun { id, challenge: begun.challenge, options: begun.options })
}

/// An answer to a challenge.
pub enum Answer {
    /// Of a passkey.
    Passkey(Signature),
    /// Of a key.
    Key(KeyProof),
}

/// Who answered a challenge.
#[derive(Debug, Clone, Copy)]
pub struct Verified {
    /// Who they are.
    pub whom: Actor,
    /// With which credential.
    pub by: CredentialId,
}

/// Who answered a challenge with a credential of theirs. Each challenge is answered once, also by what can't be read.
///
/// # Errors
/// Why the answer doesn't count.
pub async fn verify(
    services: &Arc<Services>,
    client: &Client,
    challenge: ChallengeId,
    answer: Result<Answer, Refusal>,
) -> Result<Verified, Refusal> {
    let failed = |error| services.storage_failed(error);
    let now = services.ambient.now();
    let mut db = services.storage.connection().await.map_err(failed)?;
    // Whatever else waits there isn't a sign-in.
    let waiting = challenges::find(&mut db, challenge, now).await.map_err(failed)?;
    let waiting: Waiting = waiting.and_then(|waiting| serde_json::from_str(&waiting).ok()).ok_or_else(too_late)?;
    let with = if matches!(answer, Ok(Answer::Key(_))) { "key" } else { "passkey" };
    // Verifying takes a while: not while others wait to write.
    let judged = match answer {
        Ok(Answer::Passkey(signature)) => judge_passkey(services, &mut db, &waiting, &signature).await,
        Ok(Answer::Key(proof)) => judge_key(services, &mut db, &waiting, &proof).await,
        Err(refusal) => Err(refusal.into()),
    };
    drop(db);
    let mut db = services.storage.begin().await.map_err(failed)?;
    let is_first = challenges::take(&mut db, challenge, now).await.map_err(failed)?.is_some();
    let by_key = judged.as_ref().err().filter(|refused| is_first && refused.is_by_key).map(|refused| refused.whom);
    let outcome = if is_first { settle(services, client, &mut db, judged).await } else { Err(too_late()) };
    // What was noted about a refusal stays, too.
    commit(db).await.map_err(failed)?;
    if let Some(whom) = by_key {
        note_behind(services, client, whom.into_iter().collect(), ActivityKind::SignInRefused);
    }
    if let Ok(Verified { whom, by }) = &outcome {
        client.lines.are_about(*whom);
        tracing::info!(credential = %by, with, "somebody signed in");
    }
    outcome
}

/// An answer that holds.
struct Holds {
    whom: Actor,
    with: Used,
}

/// What it was made with.
enum Used {
    Passkey(Box<credentials::Passkey>, passkey::Used),
    Key(CredentialId),
}

/// An answer that doesn't.
struct Refused {
    refusal: Refusal,
    /// Whose credential it was, where that is known: they are told of it.
    whom: Option<Actor>,
    /// Which one.
    credential: Option<CredentialId>,
    /// Whether it was a key. That it is anybody's mustn't show, so they are told behind the answer.
    is_by_key: bool,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, whom: None, credential: None, is_by_key: false }
    }
}

/// Notes what came of an answer, in the transaction that took the challenge.
async fn settle(services: &Services, client: &Client, db: &mut Connection, judged: Result<Holds, Refused>) -> Result<Verified, Refusal> {
    let failed = |error| services.storage_failed(error);
    let Refused { refusal, whom, credential, is_by_key } = match judged {
        Ok(Holds { whom, with }) if is_let_in(services, db, whom).await? => {
            let now = services.ambient.now();
            return match with {
                Used::Passkey(passkey, after) => {
                    let noted = credentials::note_use(db, &passkey, after.sign_count, after.backed_up, Some(&after.webauthn), now);
                    let twice = || Refusal::new(Code::BadRequest, "This passkey was used twice at the same moment. Try again.");
                    if noted.await.map_err(failed)? { Ok(Verified { whom, by: passkey.id }) } else { Err(twice()) }
                }
                Used::Key(id) => {
                    if credentials::note_key_use(db, id, now).await.map_err(failed)? {
                        Ok(Verified { whom, by: id })
                    } else {
                        Err(unknown())
                    }
                }
            };
        }
        // Only told to whoever has just proved to be that user.
        Ok(Holds { whom, with }) => {
            let credential = match with {
                Used::Passkey(passkey, _) => passkey.id,
                Used::Key(id) => id,
            };
            let refusal = Refusal::new(Code::SignedOut, "Your account is deactivated. Ask an admin of your organization.");
            Refused { refusal, whom: Some(whom), credential: Some(credential), is_by_key: false }
        }
        Err(refused) => refused,
    };
    let (credential, owner) = (credential.map(display), credential.and(whom));
    let (organization, user) = (owner.map(|owner| display(owner.organization)), owner.map(|owner| display(owner.user)));
    tracing::warn!(target: SECURITY, why = ?refusal.code, organization, user, credential, "a sign-in was refused");
    if let Some(whom) = whom.filter(|_| !is_by_key) {
        services.note(db, whom, ActivityKind::SignInRefused, client).await.map_err(failed)?;
    }
    Err(refusal)
}

/// Whether they aren't deactivated, now that nobody can do it before they are signed in.
async fn is_let_in(services: &Services, db: &mut Connection, whom: Actor) -> Result<bool, Refusal> {
    let user = users::find(db, whom.organization, whom.user).await.map_err(|error| services.storage_failed(error))?;
    Ok(user.is_some_and(|user| user.deactivated_at.is_none()))
}

async fn judge_passkey(services: &Services, db: &mut Connection, waiting: &Waiting, signature: &Signature) -> Result<Holds, Refused> {
    let failed = |error| services.storage_failed(error);
    let passkey = credentials::find_passkey(db, &signature.credential_id()).await.map_err(failed)?.ok_or_else(unknown)?;
    if signature.user_handle().is_some_and(|handle| handle != passkey.user)
        || (signature.user_handle().is_none() && waiting.expected.is_none())
    {
        tracing::warn!(target: SECURITY, credential = %passkey.id, "a passkey came without its owner's handle, or with another user's");
        return Err(passkey_refused().into());
    }
    let whom = Actor { organization: passkey.organization, user: passkey.user };
    check_expected(services, db, whom, waiting.expected.as_ref()).await?;
    let stored = Stored {
        public_key: &passkey.public_key,
        algorithm: passkey.algorithm,
        sign_count: passkey.sign_count,
        backup_eligible: passkey.backup_eligible,
        webauthn: &passkey.webauthn,
    };
    let after = services.ceremonies.finish_sign_in(&waiting.ceremony, signature, stored).map_err(|error| Refused {
        refusal: refused(&error),
        whom: Some(whom),
        credential: Some(passkey.id),
        is_by_key: false,
    })?;
    Ok(Holds { whom, with: Used::Passkey(Box::new(passkey), after) })
}

/// Whoever asks is told the ids of somebody's keys, or one that is made up. So one that isn't known is answered like a signature that
/// doesn't hold, and as much is done for it.
async fn judge_key(services: &Services, db: &mut Connection, waiting: &Waiting, proof: &KeyProof) -> Result<Holds, Refused> {
    let failed = |error| services.storage_failed(error);
    let found = credentials::find_key(db, &proof.credential_id).await.map_err(failed)?;
    let challenge = Bytes::decode(&waiting.challenge).ok_or_else(key_refused)?;
    let public_key = found.as_ref().map_or(&NOBODYS_KEY, |key| &key.key);
    let holds = check_key_client_data(&proof.client_data, Ceremony::KeyUse, &challenge.0).is_ok()
        && public_key.verify(&proof.client_data, &proof.signature).is_ok();
    let (whom, id) = found.map(|key| (Actor { organization: key.organization, user: key.user }, key.id)).unzip();
    match (whom, id) {
        (Some(whom), Some(id)) if holds => {
            check_expected(services, db, whom, waiting.expected.as_ref()).await?;
            Ok(Holds { whom, with: Used::Key(id) })
        }
        (whom, credential) => Err(Refused { refusal: key_refused(), whom, credential, is_by_key: true }),
    }
}

/// Lets only the owner of a credential on who is expected, if somebody is.
async fn check_expected(services: &Services, db: &mut Connection, whom: Actor, expected: Option<&Expected>) -> Result<(), Refusal> {
    let Some(expected) = expected else { return Ok(()) };
    let user = users::find(db, whom.organization, whom.user).await.map_err(|error| services.storage_failed(error))?.ok_or_else(unknown)?;
    let is_expected =
        expected.organization == user.organization && expected.email.as_ref().is_none_or(|email| email.key() == user.email.key());
    if is_expected { Ok(()) } else { Err(unknown()) }
}

pub(super) async fn start(backend: &RequestBackend) -> Result<SignInChallenge, Refusal> {
    let begun = begin(&backend.services, None).await?;
    Ok(SignInChallenge { challenge: begun.id, options: begun.options })
}

pub(super) async fn finish(backend: &RequestBackend, challenge: ChallengeId, response: Value) -> Result<(), Refusal> {
    let answer = Signature::read(response).map(Answer::Passkey).map_err(|error| refused(&error));
    let Verified { whom, by } = verify(&backend.services, &backend.client, challenge, answer).await?;
    // The session takes a connection of its own: whoever holds one while waiting for another can wait for ever.
    backend.begin_session(whom, Some(by)).await
}

pub(super) async fn sign_out(backend: &RequestBackend) -> Result<(), Refusal> {
    if let Some(whom) = backend.signed_in().await? {
        let failed = |error| backend.storage_failed(error);
        let mut db = backend.services.storage.begin().await.map_err(failed)?;
        backend.note(&mut db, whom, ActivityKind::SignedOut).await.map_err(failed)?;
        commit(db).await.map_err(failed)?;
    }
    backend.end_session().await
}

pub(super) async fn sign_out_everywhere(backend: &RequestBackend) -> Result<(), Refusal> {
    let failed = |error| backend.storage_failed(error);
    let signed_in = backend.signed_in().await?.ok_or_else(signed_out)?;
    let mut db = backend.services.storage.begin().await.map_err(failed)?;
    sessions::delete_of_user(&mut db, signed_in.organization, signed_in.user).await.map_err(failed)?;
    backend.note(&mut db, signed_in, ActivityKind::SignedOutEverywhere).await.map_err(failed)?;
    commit(db).await.map_err(failed)?;
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

fn too_late() -> Refusal {
    tracing::warn!(target: SECURITY, "a sign-in came too late, or twice");
    Refusal::new(Code::BadRequest, "That took longer than five minutes, or was sent twice. Try again.")
}

fn unknown() -> Refusal {
    Refusal::new(
        Code::UnknownPasskey,
        "This passkey isn't known here. It may belong to an account that was removed. Choose another passkey, or create an organization.",
    )
}

fn refused(error: &passkey::PasskeyError) -> Refusal {
    tracing::warn!(target: SECURITY, %error, "a passkey's answer didn't hold");
    passkey_refused()
}

/// Whatever is wrong with it.
fn key_refused() -> Refusal {
    Refusal::new(
        Code::PasskeyRefused,
        "The signature couldn't be verified, or the key isn't known here, so you weren't signed in. Sign another challenge.",
    )
}

fn passkey_refused() -> Refusal {
    Refusal::new(
        Code::PasskeyRefused,
        "The passkey's answer couldn't be verified, so you weren't signed in. Try again, or use another passkey.",
    )
}

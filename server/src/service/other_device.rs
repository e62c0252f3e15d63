//! A passkey on another device: a short code, made where someone is signed in and typed where the passkey will live. The new
//! passkey counts once the first device has signed that it is one's own; until then it is only shown there.
//!
//! ```text
//! signed in: code ──(by eye or QR)──► other device: typed ──► passkey made, presented ──► signed in: seen, compared, signed
//! ```

use super::{
    RequestBackend, account,
    change::refused,
    get_started::{check_email, complaint},
    live_codes::{self, Tried, compare},
};
use crate::{
    action::Actor,
    code::DeviceCode,
    storage::{
        PooledConnection, StorageError, challenges, commit, credentials,
        registrations::{self, NewCode, Purpose},
        users::{self, User},
    },
};
use app::{
    action::account_change::NewPasskey,
    domain::{
        id::{ChallengeId, CodeId, CredentialId},
        text::PasskeyName,
        time::Timestamp,
        user::UserStatus,
    },
    refusal::{Code, FieldError, Refusal},
    rpc::other_device::{Addition, DeviceOffer, OfferState, Presented},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// How long the code works.
const CODE_LIFE: Duration = Duration::from_mins(5);
/// From typing the code to the signature.
const ADDITION: Duration = Duration::from_mins(15);

/// What a browser's session remembers that typed the right code. It is signed in nowhere.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Adding {
    whom: Actor,
    offer: CodeId,
    expires_at: Timestamp,
    /// The account's kit of then. Whatever ends the account's passkeys ends its kit, and this with it.
    kit: Option<CredentialId>,
}

/// What waits for the first device to look at it.
#[derive(Serialize, Deserialize)]
struct Waiting {
    whom: Actor,
    presented: Presented,
}

pub(super) async fn offer(backend: &RequestBackend) -> Result<DeviceOffer, Refusal> {
    let services = &backend.services;
    // The hash takes a while, and connections are few.
    let actor = backend.active_actor().await?;
    let code = DeviceCode::generate(&services.ambient);
    let hash = services.codes.hash(code.symbols(), &services.ambient).await.map_err(|error| backend.hide(Code::Internal, &error))?;
    let failed = |error| backend.storage_failed(error);
    let mut transaction = services.storage.begin().await.map_err(failed)?;
    let (now, id) = (services.ambient.now(), CodeId::from_bytes(services.ambient.bytes()));
    let expires_at = now.plus(CODE_LIFE);
    let purpose = Purpose::Device;
    let new = NewCode { id, organization: actor.organization, user: actor.user, purpose, hash: &hash, created_at: now, expires_at };
    registrations::replace_code(&mut transaction, new).await.map_err(|error| match error {
        StorageError::Conflict(_) => Refusal::new(Code::Conflict, "Another code was made at the same moment. Begin again."),
        error => failed(error),
    })?;
    commit(transaction).await.map_err(failed)?;
    Ok(DeviceOffer { id, code: code.to_string(), origin: services.config.origin_text(), expires_at, life: millis(CODE_LIFE) })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(super) async fn offered(backend: &RequestBackend, id: CodeId) -> Result<OfferState, Refusal> {
    let failed = |error| backend.storage_failed(error);
    let (mut db, actor) = backend.active().await?;
    let now = backend.services.ambient.now();
    let state = challenges::find(&mut db, presented_under(id), now).await.map_err(failed)?;
    let waiting: Option<Waiting> = state.and_then(|state| serde_json::from_str(&state).ok());
    if let Some(waiting) = waiting.filter(|waiting| waiting.whom == actor) {
        return Ok(OfferState::Presented(Box::new(waiting.presented)));
    }
    let is_live = registrations::is_live(&mut db, actor.organization, actor.user, id, now).await.map_err(failed)?;
    Ok(if is_live { OfferState::Waiting } else { OfferState::Taken })
}

pub(super) async fn type_code(backend: &RequestBackend, email: &str, typed: &str) -> Result<(), Refusal> {
    let email = check_email(email)?;
    let typed = DeviceCode::parse(typed).map_err(|error| Refusal::invalid(vec![complaint("code", &error)]))?;
    let Tried { codes, found } = compare(&backend.services, &backend.client, &email, Purpose::Device, typed.symbols()).await?;
    let services = &backend.services;
    let now = services.ambient.now();
    let whom: Vec<Actor> = codes.iter().map(|code| Actor { organization: code.organization, user: code.user }).collect();
    let refused = || live_codes::refused(Purpose::Device, &whom, wrong_code());
    let (code, _) = found.filter(|(code, has_try)| *has_try && now < code.expires_at).ok_or_else(refused)?;
    let failed = |error| backend.storage_failed(error);
    let mut db = services.storage.begin().await.map_err(failed)?;
    // One use: of two that type it at the same time exactly one goes on.
    if !registrations::end_code(&mut db, code.id, now).await.map_err(failed)? {
        return Err(refused());
    }
    commit(db).await.map_err(failed)?;
    let whom = Actor { organization: code.organization, user: code.user };
    let kit = account::kit_of(services, whom).await?;
    backend.begin_addition(Adding { whom, offer: code.id, expires_at: now.plus(ADDITION), kit }).await
}

pub(super) async fn addition(backend: &RequestBackend) -> Result<Addition, Refusal> {
    let failed = |error| backend.storage_failed(error);
    let Current { mut db, adding, user } = current(backend).await?;
    let state = challenges::find(&mut db, presented_under(adding.offer), backend.services.ambient.now()).await.map_err(failed)?;
    let waiting: Option<Waiting> = state.and_then(|state| serde_json::from_str(&state).ok());
    let is_added = match &waiting {
        Some(waiting) => {
            let passkey = credentials::find_passkey(&mut db, &waiting.presented.passkey.credential_id.to_string()).await.map_err(failed)?;
            passkey.is_some_and(|passkey| passkey.user == adding.whom.user)
        }
        None => false,
    };
    Ok(Addition {
        email: user.email.into(),
        organization_name: user.organization_name,
        presented: waiting.map(|waiting| waiting.presented.passkey),
        is_added,
        expires_at: adding.expires_at,
    })
}

pub(super) async fn start_passkey(backend: &RequestBackend) -> Result<Value, Refusal> {
    let Current { db, adding, .. } = current(backend).await?;
    drop(db);
    backend.services.road.ask_for_passkey(adding.whom).await.map_err(|error| refused(backend, error))
}

pub(super) async fn present(backend: &RequestBackend, passkey: NewPasskey) -> Result<(), Refusal> {
    let failed = |error| backend.storage_failed(error);
    let Current { mut db, adding, .. } = current(backend).await?;
    let present = credentials::list_passkeys(&mut db, adding.whom.organization, adding.whom.user).await.map_err(failed)?;
    let names: Vec<&str> = present.iter().map(|passkey| passkey.name.as_str()).collect();
    let found = backend.services.road.look_at_passkey(&mut db, adding.whom, &passkey).await.map_err(|error| refused(backend, error))?;
    let name = PasskeyName::parse(&found.default_name(&names)).map_err(|error| backend.hide(Code::Internal, &error))?;
    let presented = Presented { passkey, name, from: backend.client.in_words() };
    let state = serde_json::to_string(&Waiting { whom: adding.whom, presented }).map_err(|error| backend.hide(Code::Internal, &error))?;
    let until = backend.services.ambient.now().plus(ADDITION);
    drop(db);
    let mut db = backend.services.storage.begin().await.map_err(failed)?;
    match challenges::insert(&mut db, presented_under(adding.offer), &state, until).await {
        Ok(()) => commit(db).await.map_err(failed),
        Err(StorageError::Conflict(_)) => Err(Refusal::new(
            Code::Conflict,
            "A passkey was made with this code already. Confirm that one, or begin again with a new code.",
        )),
        Err(error) => Err(failed(error)),
    }
}

struct Current {
    db: PooledConnection,
    adding: Adding,
    user: User,
}

async fn current(backend: &RequestBackend) -> Result<Current, Refusal> {
    let none = || {
        Refusal::new(Code::NoAddition, "No passkey is being added in this browser. Make a new code on your other device, and type it here.")
    };
    let failed = |error| backend.storage_failed(error);
    let adding = backend.adding().await?.filter(|adding| backend.services.ambient.now() < adding.expires_at).ok_or_else(none)?;
    let mut db = backend.services.storage.connection().await.map_err(failed)?;
    let user = users::find(&mut db, adding.whom.organization, adding.whom.user).await.map_err(failed)?;
    let user = user.filter(|user| user.status() == UserStatus::Active).ok_or_else(none)?;
    let kit = credentials::find_recovery_key(&mut db, adding.whom.organization, adding.whom.user).await.map_err(failed)?;
    if kit.map(|kit| kit.id) != adding.kit {
        return Err(none());
    }
    Ok(Current { db, adding, user })
}

/// What was presented waits under the offer's own random bits.
fn presented_under(offer: CodeId) -> ChallengeId {
    ChallengeId::from_bytes(offer.to_bytes())
}

fn wrong_code() -> Refusal {
    Refusal {
        fields: vec![FieldError { field: "code".to_owned(), message: "This isn't the code that the other device shows now.".to_owned() }],
        ..Refusal::new(
            Code::WrongCode,
            "This isn't a code for this address that works now. A code works once, for five minutes; make a new one on the other device.",
        )
    }
}

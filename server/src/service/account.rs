//! One's own account: passkeys, and the recovery kit with its test.

use super::{RequestBackend, Services, activity, change::refused, sign_in::signed_out, users};
use crate::{
    action::{Actor, Event},
    log::SECURITY,
    storage::{
        Connection, StorageError, challenges, commit, credentials,
        users::{self as storage_users, User},
    },
};
use app::{
    action::{bytes::Bytes, recovery_key::verify_recovery_test},
    domain::{
        activity::ActivityKind,
        id::{ChallengeId, CredentialId},
    },
    refusal::{Code, Refusal},
    rpc::account::{Account, Kit, KitIdentity, KitTest},
};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// Long enough to compare a code sign by sign.
const TEST: Duration = Duration::from_mins(15);

/// A test that waits for its signature: of this kit, over this challenge (base64url).
#[derive(Serialize, Deserialize)]
struct Waiting {
    kit: CredentialId,
    challenge: String,
}

pub(super) async fn account(backend: &RequestBackend) -> Result<Account, Refusal> {
    let failed = |error| backend.storage_failed(error);
    let (mut db, actor) = backend.active().await?;
    let passkeys = users::passkeys(&mut db, actor.organization, actor.user).await.map_err(failed)?;
    let keys = users::keys(&mut db, actor.organization, actor.user).await.map_err(failed)?;
    let kit = credentials::find_recovery_key(&mut db, actor.organization, actor.user).await.map_err(failed)?;
    let kit = kit.map(|key| Kit { made_at: key.created_at, tested_at: key.tested_at });
    let activity = activity::recent(&mut db, actor.organization, actor.user).await.map_err(failed)?;
    Ok(Account { passkeys, keys, kit, activity, now: backend.services.ambient.now() })
}

pub(super) async fn start_kit_test(backend: &RequestBackend) -> Result<KitTest, Refusal> {
    let failed = |error| backend.storage_failed(error);
    let (mut db, actor) = backend.active().await?;
    let key = own_kit(backend, &mut db, actor).await?;
    let ambient = &backend.services.ambient;
    let (id, challenge) = (ChallengeId::from_bytes(ambient.bytes()), BASE64URL_NOPAD.encode(&ambient.bytes::<32>()));
    let waiting = Waiting { kit: key.id, challenge };
    let state = serde_json::to_string(&waiting).map_err(|error| backend.hide(Code::Internal, &error))?;
    drop(db);
    let mut db = backend.services.storage.begin().await.map_err(failed)?;
    challenges::insert(&mut db, id, &state, ambient.now().plus(TEST)).await.map_err(failed)?;
    commit(db).await.map_err(failed)?;
    Ok(KitTest { id, challenge: waiting.challenge, salt: key.salt })
}

pub(super) async fn finish_kit_test(backend: &RequestBackend, id: ChallengeId, signature: &str) -> Result<(), Refusal> {
    let failed = |error| backend.storage_failed(error);
    let (mut db, actor) = backend.active().await?;
    let key = own_kit(backend, &mut db, actor).await?;
    let now = backend.services.ambient.now();
    drop(db);
    let mut db = backend.services.storage.begin().await.map_err(failed)?;
    let state = challenges::take(&mut db, id, now).await.map_err(failed)?;
    // Whatever else waits there, as a sign-in, isn't one of these.
    let waiting = state.and_then(|state| serde_json::from_str::<Waiting>(&state).ok()).filter(|waiting| waiting.kit == key.id);
    let Some(waiting) = waiting else {
        return Err(Refusal::new(Code::BadRequest, "This test took too long, or was sent twice. Begin it again."));
    };
    let inconsistent = || failed(StorageError::Inconsistent { table: "credentials", column: "public_key" });
    let public_key = decode(&key.public_key).and_then(|key| key.try_into().ok()).ok_or_else(inconsistent)?;
    let signed = decode(&waiting.challenge).zip(decode(signature));
    if signed.is_none_or(|(challenge, signature)| verify_recovery_test(&public_key, &challenge, &signature).is_err()) {
        backend.note(&mut db, actor, ActivityKind::KitTestRefused).await.map_err(failed)?;
        commit(db).await.map_err(failed)?;
        tracing::warn!(target: SECURITY, "a recovery kit was refused, when it was tested");
        return Err(Refusal::new(
            Code::WrongKit,
            "This code is written correctly, but it isn't of your present kit. Perhaps it belongs to another account, or to a kit that was replaced.",
        ));
    }
    credentials::note_test(&mut db, key.id, now).await.map_err(failed)?;
    backend
        .services
        .road
        .tell_active(&mut db, actor, &Event::kit_tested(), &backend.client)
        .await
        .map_err(|error| refused(backend, error))?;
    backend.note(&mut db, actor, ActivityKind::KitTested).await.map_err(failed)?;
    commit(db).await.map_err(failed)
}

pub(super) async fn start_passkey(backend: &RequestBackend) -> Result<Value, Refusal> {
    let actor = backend.active_actor().await?;
    backend.services.road.ask_for_passkey(actor).await.map_err(|error| refused(backend, error))
}

pub(super) async fn kit_identity(backend: &RequestBackend) -> Result<KitIdentity, Refusal> {
    let failed = |error| backend.storage_failed(error);
    let (mut db, actor) = backend.active().await?;
    let user = storage_users::find(&mut db, actor.organization, actor.user).await.map_err(failed)?.ok_or_else(signed_out)?;
    Ok(identity(backend, user))
}

/// What stands on a kit that this user makes now.
pub(super) fn identity(backend: &RequestBackend, user: User) -> KitIdentity {
    KitIdentity {
        name: user.called().to_owned(),
        email: user.email.into(),
        organization: user.organization,
        organization_name: user.organization_name,
        made_at: backend.services.ambient.now(),
        recovery_url: backend.recovery_url(),
    }
}

pub(super) async fn start_kit(backend: &RequestBackend) -> Result<Bytes, Refusal> {
    let actor = backend.active_actor().await?;
    backend.services.road.ask_for_recovery_key(actor).await.map_err(|error| refused(backend, error))
}

/// Which kit this account has now, if it has one.
pub(super) async fn kit_of(services: &Services, whom: Actor) -> Result<Option<CredentialId>, Refusal> {
    let failed = |error| services.storage_failed(error);
    let mut db = services.storage.connection().await.map_err(failed)?;
    let kit = credentials::find_recovery_key(&mut db, whom.organization, whom.user).await.map_err(failed)?;
    Ok(kit.map(|kit| kit.id))
}

async fn own_kit(backend: &RequestBackend, db: &mut Connection, actor: Actor) -> Result<credentials::RecoveryKey, Refusal> {
    credentials::find_recovery_key(db, actor.organization, actor.user)
        .await
        .map_err(|error| backend.storage_failed(error))?
        .ok_or_else(|| Refusal::new(Code::NotFound, "This account has no recovery kit."))
}

fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()
}

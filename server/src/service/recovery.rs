//! Recovering an account whose every passkey is lost: a code by mail, then the recovery kit. Neither is worth anything alone.
//!
//! ```text
//! email ──► code by mail (10 min) ──► this browser recovers an account ──► kit proven, new passkey, new kit ──► a document
//!                                                                          signed by the old kit's key ──► history
//! ```
//!
//! Whether an address is known shows nowhere: the answers are the same, and so is the work that a caller can time.

use super::{
    RequestBackend, Services, account,
    activity::note_behind,
    change::{receipt, refused},
    get_started::{check_email, complaint, new_code},
    live_codes::{self, Tried, compare},
};
use crate::{
    action::{ActionError, Actor, Proof},
    client::Client,
    code::RegistrationCode,
    mail::message,
    storage::{
        Connection, commit,
        credentials::{self, RecoveryKey},
        registrations::{self, NewCode, Purpose},
        users::{self, User},
    },
};
use app::{
    action::{
        account_change::AccountChange,
        bytes::Bytes,
        change::{Change, UserRef},
        recovery_key::verify_recovery_test,
        review,
        rules::Signer,
    },
    domain::{
        activity::ActivityKind,
        credential::CredentialKind,
        id::{ActionId, CodeId, CredentialId, OrganizationId},
        text::EmailAddress,
        time::Timestamp,
        user::UserStatus,
    },
    page::recover::code_path,
    refusal::{Code, FieldError, Refusal},
    rpc::{
        change::Receipt,
        recovery::{PreparedRecovery, Recovery},
    },
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tracing::Instrument;

/// How long the mailed code works.
const CODE_LIFE: Duration = Duration::from_mins(10);

/// What a browser's session remembers that typed the right code.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Recovering {
    whom: Actor,
    /// What the kit's key signs to show that it is the right one, before anything is made.
    challenge: Bytes,
    expires_at: Timestamp,
    /// The kit that it is about. Whatever ends the account's passkeys ends its kit, and this with it.
    kit: Option<CredentialId>,
}

pub(super) async fn start(backend: &RequestBackend, email: &str) -> Result<EmailAddress, Refusal> {
    send_code(&backend.services, &backend.client, email, None).await
}

/// Sends whoever has something to recover with a code; it is answered the same when there is nobody. Without an organization,
/// a code for each that they have a recovery kit in.
///
/// # Errors
/// When it was asked for too often, or the database fails.
pub async fn send_code(
    services: &Arc<Services>,
    client: &Client,
    email: &str,
    organization: Option<OrganizationId>,
) -> Result<EmailAddress, Refusal> {
    let email = check_email(email)?;
    services.count_mail(&email, client.address).await?;
    // Behind the answer: how long this takes would tell whether there is such a user.
    let (later, from, to) = (Arc::clone(services), client.in_words(), email.clone());
    tokio::spawn(
        async move {
            // A refusal was logged where it arose; the person sees no mail and asks again.
            let _ = send_codes(&later, &from, &to, organization).await;
        }
        .in_current_span(),
    );
    Ok(email)
}

/// A code for every active account of this address that can be recovered: by its kit or, where an organization is named, by
/// whatever recovery key.
async fn send_codes(services: &Services, from: &str, email: &EmailAddress, organization: Option<OrganizationId>) -> Result<(), Refusal> {
    let failed = |error| services.storage_failed(error);
    let mut db = services.storage.connection().await.map_err(failed)?;
    let accounts = users::active_by_email(&mut db, email).await.map_err(failed)?;
    drop(db);
    let accounts: Vec<User> =
        accounts.into_iter().filter(|user| organization.is_none_or(|organization| organization == user.organization)).collect();
    if accounts.is_empty() {
        // Behind the answer, too, there is a code to hash: whoever asks next for what needs a processor could time it.
        new_code(services).await?;
    }
    for user in accounts {
        let (code, hash) = new_code(services).await?;
        let mut transaction = services.storage.begin().await.map_err(failed)?;
        let can_recover = if organization.is_none() {
            credentials::find_recovery_key(&mut transaction, user.organization, user.id).await.map_err(failed)?.is_some()
        } else {
            let all = credentials::list(&mut transaction, user.organization, user.id).await.map_err(failed)?;
            all.iter().any(|credential| credential.kind == CredentialKind::RecoveryKey)
        };
        if can_recover {
            mail_code(services, from, &mut transaction, &user, &code, &hash).await?;
            commit(transaction).await.map_err(failed)?;
            services.outbox.wake();
        }
    }
    Ok(())
}

async fn mail_code(
    services: &Services,
    from: &str,
    db: &mut Connection,
    user: &User,
    code: &RegistrationCode,
    hash: &str,
) -> Result<(), Refusal> {
    let now = services.ambient.now();
    let expires_at = now.plus(CODE_LIFE);
    let id = CodeId::from_bytes(services.ambient.bytes());
    let purpose = Purpose::Recovery;
    let new = NewCode { id, organization: user.organization, user: user.id, purpose, hash, created_at: now, expires_at };
    registrations::replace_code(db, new).await.map_err(|error| services.storage_failed(error))?;
    let message = message::recovery_code(&message::RecoveryCode {
        to: &user.email,
        organization: &user.organization_name,
        organization_id: user.organization,
        code: code.digits(),
        link: &format!("{}{}", services.config.origin_text(), code_path(user.email.as_str())),
        expires_at,
        at: now,
        from,
        contact: services.config.contact.as_deref(),
    });
    let queued = services.outbox.queue(db, &message, user.organization, user.id, expires_at).await;
    queued.map_err(|error| services.hide(Code::Internal, &error))
}

pub(super) async fn type_code(backend: &RequestBackend, email: &str, typed: &str) -> Result<(), Refusal> {
    let services = &backend.services;
    let whom = check_code(services, &backend.client, email, typed).await?;
    let kit = account::kit_of(services, whom).await?;
    let challenge = Bytes(services.ambient.bytes::<32>().to_vec());
    let expires_at = services.ambient.now().plus(super::session::REGISTRATION);
    backend.begin_recovery(Recovering { whom, challenge, expires_at, kit }).await
}

/// Whose code from a mail this is.
///
/// # Errors
/// Why it isn't one that works.
pub async fn check_code(services: &Arc<Services>, client: &Client, email: &str, typed: &str) -> Result<Actor, Refusal> {
    let email = check_email(email)?;
    let typed = RegistrationCode::parse(typed).map_err(|error| Refusal::invalid(vec![complaint("code", &error)]))?;
    let Tried { codes, found } = compare(services, client, &email, Purpose::Recovery, typed.digits()).await?;
    let Some((code, has_try)) = found else {
        let whom: Vec<Actor> = codes.iter().map(|code| Actor { organization: code.organization, user: code.user }).collect();
        let refusal = live_codes::refused(Purpose::Recovery, &whom, wrong_code());
        note_behind(services, client, whom, ActivityKind::RecoveryRefused);
        return Err(refusal);
    };
    let whom = Actor { organization: code.organization, user: code.user };
    let refuse = |code, words: &str| Err(live_codes::refused(Purpose::Recovery, &[whom], Refusal::new(code, words)));
    if !has_try {
        return refuse(Code::EndedCode, "This code was stopped after five wrong tries. Ask for a new one; nothing has changed.");
    }
    if code.expires_at <= services.ambient.now() {
        return refuse(Code::ExpiredCode, "This code was right, but its ten minutes are over. Ask for a new one.");
    }
    let failed = |error| services.storage_failed(error);
    let mut db = services.storage.begin().await.map_err(failed)?;
    for code in &codes {
        registrations::give_try_back(&mut db, code.id).await.map_err(failed)?;
    }
    commit(db).await.map_err(failed)?;
    Ok(whom)
}

pub(super) async fn recovery(backend: &RequestBackend) -> Result<Recovery, Refusal> {
    let Current { recovering, user, kit, .. } = current(backend).await?;
    Ok(Recovery {
        signer: review::Signer { user: UserRef { id: user.id, handle: user.email.clone().into() }, organization: user.organization },
        challenge: recovering.challenge,
        salt: kit.salt,
        expires_at: recovering.expires_at,
        identity: account::identity(backend, user),
    })
}

pub(super) async fn prove_kit(backend: &RequestBackend, signature: &Bytes) -> Result<(), Refusal> {
    let Current { recovering, kit, .. } = current(backend).await?;
    backend.services.count_kit(recovering.whom).await?;
    let public_key = Bytes::decode(&kit.public_key).and_then(|key| <[u8; 32]>::try_from(key.0).ok());
    if public_key.is_some_and(|key| verify_recovery_test(&key, &recovering.challenge.0, &signature.0).is_ok()) {
        return Ok(());
    }
    let failed = |error| backend.storage_failed(error);
    let mut db = backend.services.storage.begin().await.map_err(failed)?;
    backend.note(&mut db, recovering.whom, ActivityKind::RecoveryRefused).await.map_err(failed)?;
    commit(db).await.map_err(failed)?;
    Err(refused(backend, ActionError::NotTheirKit))
}

pub(super) async fn start_passkey(backend: &RequestBackend) -> Result<Value, Refusal> {
    let Current { recovering, .. } = current(backend).await?;
    backend.services.road.ask_for_only_passkey(recovering.whom).await.map_err(|error| explained(backend, error))
}

pub(super) async fn prepare(backend: &RequestBackend, change: AccountChange) -> Result<PreparedRecovery, Refusal> {
    let Current { recovering, .. } = current(backend).await?;
    let change = Change::OwnAccount(change);
    let waiting = backend.services.road.prepare(recovering.whom, change, Signer::RecoveryKey, None).await;
    let waiting = waiting.map_err(|error| explained(backend, error))?;
    Ok(PreparedRecovery { action: waiting.action.id, document: Bytes(waiting.action.document) })
}

pub(super) async fn finish(backend: &RequestBackend, action: ActionId, signature: &Bytes) -> Result<Receipt, Refusal> {
    // Not by its kit: what was done already, and not answered, has replaced it.
    let (Recovering { whom, .. }, _) = under_way(backend).await?;
    backend.services.count_kit(whom).await?;
    let executed = backend.services.road.commit(whom, action, Proof::RecoveryKey(&signature.0), &backend.client).await;
    let executed = executed.map_err(|error| explained(backend, error))?;
    let noted = async {
        let mut db = backend.services.storage.begin().await?;
        backend.note(&mut db, whom, ActivityKind::Recovered).await?;
        commit(db).await
    };
    if let Err(error) = noted.await {
        // It stands in history; what is told now must be that it is done.
        tracing::warn!(error = &error as &dyn std::error::Error, "a recovery wasn't noted among the account's activity");
    }
    backend.begin_session(whom, None).await.map_err(|refusal| Refusal {
        message: "Your account is recovered, but signing in didn't work. Go to the sign-in page and use your new passkey.".to_owned(),
        ..refusal
    })?;
    receipt(backend, Ok(executed))
}

/// The recovery that this browser is in.
struct Current {
    recovering: Recovering,
    user: User,
    kit: RecoveryKey,
}

async fn current(backend: &RequestBackend) -> Result<Current, Refusal> {
    let (recovering, user) = under_way(backend).await?;
    let failed = |error| backend.storage_failed(error);
    let mut db = backend.services.storage.connection().await.map_err(failed)?;
    let kit = credentials::find_recovery_key(&mut db, user.organization, user.id).await.map_err(failed)?;
    let kit = kit.filter(|kit| recovering.kit == Some(kit.id)).ok_or_else(none)?;
    Ok(Current { recovering, user, kit })
}

/// What was begun in this browser, for an account that is active still.
async fn under_way(backend: &RequestBackend) -> Result<(Recovering, User), Refusal> {
    let failed = |error| backend.storage_failed(error);
    let recovering = backend.recovering().await?.filter(|recovering| backend.services.ambient.now() < recovering.expires_at);
    let recovering = recovering.ok_or_else(none)?;
    let whom = recovering.whom;
    let mut db = backend.services.storage.connection().await.map_err(failed)?;
    let user = users::find(&mut db, whom.organization, whom.user).await.map_err(failed)?;
    // Whoever was shut out in the meantime doesn't come back by this way.
    let user = user.filter(|user| user.status() == UserStatus::Active).ok_or_else(shut)?;
    backend.client.lines.are_about(whom);
    Ok((recovering, user))
}

fn none() -> Refusal {
    Refusal::new(
        Code::NoRecovery,
        "No recovery is under way in this browser. If you finished it, sign in with your new passkey. If not, begin again: ask for a code by mail.",
    )
}

fn explained(backend: &RequestBackend, error: ActionError) -> Refusal {
    match error {
        ActionError::NotActive => shut(),
        other => refused(backend, other),
    }
}

fn shut() -> Refusal {
    Refusal::new(
        Code::Conflict,
        "This account can't be recovered now, and nothing was changed. An admin of your organization can let you in.",
    )
}

fn wrong_code() -> Refusal {
    Refusal {
        fields: vec![FieldError { field: "code".to_owned(), message: "This isn't the code. Compare it with the newest mail.".to_owned() }],
        ..Refusal::new(
            Code::WrongCode,
            "This isn't a code for this address that works now. After five wrong tries or ten minutes a code stops working; then ask for a new one.",
        )
    }
}

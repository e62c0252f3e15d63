//! Creating an organization, and signing up in one by invitation: account, code by mail, activation, passkey and recovery
//! key.
//!
//! Whether an address is known shows nowhere: the answers are the same, and so is the work that a caller can time.

use super::{RequestBackend, Services, live_codes};
use crate::{
    action::{ActionError, Actor, Registered, check_recovery_key, passkey_credential, recovery_credential},
    client::Client,
    code::{CODE_LIFE, RegistrationCode},
    config::Organizations,
    log::SECURITY,
    mail::message,
    passkey::{NewPasskey, Owner},
    storage::{
        StorageError, commit, credentials, history, organizations,
        registrations::{self, NewCode, Purpose, Registration as Row},
        users::{self, NewUser, User},
    },
};
use app::{
    action::{account_change::NewRecoveryKey, bytes::Bytes},
    domain::{
        id::{CodeId, CredentialId, OrganizationId, RegistrationId, UserId},
        text::{EmailAddress, OrganizationName, PersonName, TextError},
        time::Timestamp,
        user::UserKind,
    },
    page::get_started::activate_path,
    refusal::{Code, FieldError, Refusal},
    rpc::{
        about::Founding,
        get_started::{CodeState, NewOrganization, Registration, RegistrationStep, Started},
    },
};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tracing::Instrument;

/// How often it may be typed wrongly.
pub(super) const CODE_TRIES: i64 = 5;
/// With how many of a user's codes a typed one is compared, so that an old one can be told from a wrong one.
const CODES_COMPARED: usize = 3;

pub(super) async fn create_organization(backend: &RequestBackend, new: NewOrganization) -> Result<Started, Refusal> {
    require_open(backend, None).await?;
    let (email, name, organization_name) = check_fields(&new)?;
    backend.services.count_mail(&email, backend.client.address).await?;
    let (code, hash) = new_code(&backend.services).await?;
    let ambient = &backend.services.ambient;
    let organization = OrganizationId::from_bytes(ambient.bytes());
    let user = UserId::from_bytes(ambient.bytes());
    let now = ambient.now();

    let failed = |error| backend.storage_failed(error);
    let mut transaction = backend.services.storage.begin().await.map_err(failed)?;
    organizations::insert(&mut transaction, organization, &organization_name, now).await.map_err(failed)?;
    let new_user = NewUser {
        id: user,
        organization,
        email: &email,
        name: name.as_str(),
        kind: UserKind::Employee,
        external_id: None,
        created_at: now,
    };
    users::insert(&mut transaction, new_user).await.map_err(failed)?;
    let recipient = Recipient { organization, user, email: &email, name: name.as_str(), organization_name: organization_name.as_str() };
    send_code(&backend.services, &mut transaction, recipient, &code, &hash, now).await?;
    commit(transaction).await.map_err(failed)?;
    backend.services.outbox.wake();
    Ok(Started { organization, email: email.into() })
}

/// Sends whoever is invited a new code; it is answered the same when there is nobody.
///
/// # Errors
/// When it was asked for too often, or the database fails.
pub async fn send_new_code(
    services: &Arc<Services>,
    client: &Client,
    email: &str,
    organization: Option<OrganizationId>,
) -> Result<(), Refusal> {
    let email = check_email(email)?;
    services.count_mail(&email, client.address).await?;
    // Behind the answer: how long this takes would tell whether there is such a user.
    let later = Arc::clone(services);
    tokio::spawn(
        async move {
            // A refusal was logged where it arose; the person sees no mail and asks again.
            let _ = replace_code(&later, &email, organization).await;
        }
        .in_current_span(),
    );
    Ok(())
}

async fn replace_code(services: &Services, email: &EmailAddress, organization: Option<OrganizationId>) -> Result<(), Refusal> {
    let failed = |error| services.storage_failed(error);
    let (code, hash) = new_code(services).await?;
    let mut transaction = services.storage.begin().await.map_err(failed)?;
    let Some(user) = find_user(&mut transaction, email, organization).await.map_err(failed)?.filter(User::may_register) else {
        return Ok(());
    };
    let now = services.ambient.now();
    let recipient = Recipient {
        organization: user.organization,
        user: user.id,
        email: &user.email,
        name: user.called(),
        organization_name: &user.organization_name,
    };
    send_code(services, &mut transaction, recipient, &code, &hash, now).await?;
    commit(transaction).await.map_err(failed)?;
    services.outbox.wake();
    Ok(())
}

pub(super) async fn code_state(backend: &RequestBackend, email: &str, organization: Option<OrganizationId>) -> Result<CodeState, Refusal> {
    // Whoever names the organization by its random id has the link; without it, nothing is told.
    let (Ok(email), Some(_)) = (EmailAddress::parse(email), organization) else { return Ok(CodeState::NotLive) };
    let failed = |error| backend.storage_failed(error);
    let mut db = backend.services.storage.connection().await.map_err(failed)?;
    let Some(user) = find_user(&mut db, &email, organization).await.map_err(failed)?.filter(User::may_register) else {
        return Ok(CodeState::NotLive);
    };
    let now = backend.services.ambient.now();
    let newest = registrations::newest_codes(&mut db, user.id).await.map_err(failed)?;
    let live = newest.iter().find(|code| code.ended_at.is_none() && code.tries < CODE_TRIES && now < code.expires_at);
    Ok(live.map_or(CodeState::NotLive, |code| CodeState::Live { expires_at: code.expires_at }))
}

pub(super) async fn activate(
    backend: &RequestBackend,
    email: &str,
    organization: Option<OrganizationId>,
    typed: &str,
) -> Result<(), Refusal> {
    let (user, code) = check_code(&backend.services, &backend.client, email, organization, typed).await?;
    begin(backend, &user, code).await
}

/// Who is invited, and by which code, if this is it.
///
/// # Errors
/// Why it isn't, or doesn't count any more.
pub async fn check_code(
    services: &Services,
    client: &Client,
    email: &str,
    organization: Option<OrganizationId>,
    typed: &str,
) -> Result<(User, CodeId), Refusal> {
    let email = check_email(email)?;
    let typed = RegistrationCode::parse(typed).map_err(|error| Refusal::invalid(vec![complaint("code", &error)]))?;
    let failed = |error| services.storage_failed(error);
    let mut db = services.storage.begin().await.map_err(failed)?;
    services.count_code(&mut db, &email, client.address).await?;
    let user = find_user(&mut db, &email, organization).await.map_err(failed)?;
    // As many statements for whoever isn't there, or has no code.
    let id = user.as_ref().map_or(users::NOBODY, |user| user.id);
    let codes = registrations::newest_codes(&mut db, id).await.map_err(failed)?;
    let live = codes.iter().find(|code| code.ended_at.is_none()).map_or(registrations::NO_CODE, |code| code.id);
    let try_left = !registrations::take_tries(&mut db, [live], CODE_TRIES).await.map_err(failed)?.is_empty();
    // The comparison takes a while, and others want to write.
    commit(db).await.map_err(failed)?;
    let hashes = codes.iter().map(|code| code.hash.clone()).collect();
    let found = services.codes.find(typed.digits(), hashes, CODES_COMPARED).await.map_err(|error| services.hide(Code::Internal, &error))?;
    let whom: Option<Actor> = user.as_ref().map(|user| Actor { organization: user.organization, user: user.id });
    let refuse = |refusal| Err(live_codes::refused(Purpose::Registration, whom.as_slice(), refusal));
    let (Some(user), Some(code)) = (user, found.and_then(|place| codes.get(place))) else { return refuse(wrong_code()) };
    if user.registered_at.is_some() {
        return refuse(Refusal::new(Code::EndedCode, "This code was used: you are registered already. Sign in with your passkey."));
    }
    if user.revoked_at.is_some() {
        return refuse(Refusal::new(Code::EndedCode, "This invitation was revoked. Ask an admin of the organization for a new one."));
    }
    if code.ended_at.is_some() {
        return refuse(Refusal::new(
            Code::EndedCode,
            "A newer code was sent, so this one no longer works. Use the newest mail, or send a new code.",
        ));
    }
    if !try_left {
        return refuse(Refusal::new(
            Code::EndedCode,
            "This code was stopped after five wrong tries. Send a new code; your account is untouched.",
        ));
    }
    let mut db = services.storage.begin().await.map_err(failed)?;
    registrations::give_try_back(&mut db, code.id).await.map_err(failed)?;
    commit(db).await.map_err(failed)?;
    if code.expires_at <= services.ambient.now() {
        return refuse(Refusal::new(Code::ExpiredCode, "This code was right, but its four hours are over. Send a new code."));
    }
    Ok((user, code.id))
}

/// Begins the registration in this browser, and ends it wherever else it was.
async fn begin(backend: &RequestBackend, user: &User, code: CodeId) -> Result<(), Refusal> {
    let services = &backend.services;
    let owner = Owner { id: user.id.to_bytes(), email: user.email.as_str(), name: user.called(), organization: &user.organization_name };
    let begun = services.ceremonies.begin_registration(owner, &[]).map_err(|error| backend.hide(Code::Internal, &error))?;
    let registration = Row {
        challenge: begun.challenge,
        options: begun.options.to_string(),
        ceremony: begun.ceremony,
        ..begun_now(services, user, code, super::session::REGISTRATION)
    };
    keep_begun(services, &registration).await?;
    backend.begin_registration(registration.id).await
}

/// Begins a registration that goes on outside of any browser, and ends it wherever else it was. What it is made over waits beside it.
///
/// # Errors
/// When it begins elsewhere at the same moment, or the database fails.
pub async fn begin_elsewhere(services: &Services, user: &User, code: CodeId, life: Duration) -> Result<RegistrationId, Refusal> {
    let registration = begun_now(services, user, code, life);
    keep_begun(services, &registration).await?;
    Ok(registration.id)
}

/// A registration without a ceremony of its own.
fn begun_now(services: &Services, user: &User, code: CodeId, life: Duration) -> Row {
    let now = services.ambient.now();
    Row {
        id: RegistrationId::from_bytes(services.ambient.bytes()),
        organization: user.organization,
        user: user.id,
        code,
        challenge: String::new(),
        options: String::new(),
        ceremony: String::new(),
        passkey: None,
        created_at: now,
        expires_at: now.plus(life),
        ended_at: None,
    }
}

async fn keep_begun(services: &Services, registration: &Row) -> Result<(), Refusal> {
    let failed = |error| match error {
        StorageError::Conflict(_) => {
            Refusal::new(Code::Conflict, "This code was typed elsewhere at the same moment. Type it again where you want to go on.")
        }
        error => services.storage_failed(error),
    };
    let mut transaction = services.storage.begin().await.map_err(failed)?;
    registrations::begin(&mut transaction, registration).await.map_err(failed)?;
    commit(transaction).await.map_err(failed)
}

pub(super) async fn registration(backend: &RequestBackend) -> Result<Registration, Refusal> {
    let (row, user) = current(backend).await?;
    Ok(Registration {
        name: user.called().to_owned(),
        email: user.email.into(),
        organization: user.organization,
        organization_name: user.organization_name,
        step: if row.passkey.is_some() { RegistrationStep::RecoveryKit } else { RegistrationStep::Passkey },
        challenge: row.challenge,
        started_at: row.created_at,
        expires_at: row.expires_at,
        recovery_url: backend.recovery_url(),
    })
}

pub(super) async fn start_passkey(backend: &RequestBackend) -> Result<Value, Refusal> {
    let (row, _) = current(backend).await?;
    serde_json::from_str(&row.options).map_err(|error| backend.hide(Code::Internal, &error))
}

pub(super) async fn keep_passkey(backend: &RequestBackend, response: Value) -> Result<(), Refusal> {
    let (row, _) = current(backend).await?;
    let passkey = backend.services.ceremonies.finish_registration(&row.ceremony, &row.challenge, response).map_err(|error| {
        tracing::warn!(target: SECURITY, registration = %row.id, %error, "a new passkey was refused");
        Refusal::new(Code::PasskeyRefused, "The new passkey couldn't be verified. Nothing was saved. Try again, or use another device.")
    })?;
    let failed = |error| backend.storage_failed(error);
    let mut db = backend.services.storage.begin().await.map_err(failed)?;
    if credentials::find_passkey(&mut db, &passkey.credential_id).await.map_err(failed)?.is_some() {
        return Err(taken());
    }
    let json = serde_json::to_string(&passkey).map_err(|error| backend.hide(Code::Internal, &error))?;
    if registrations::keep_passkey(&mut db, row.id, &json).await.map_err(failed)? {
        commit(db).await.map_err(failed)
    } else {
        Err(Refusal::new(Code::BadRequest, "A passkey was made for this registration already. Go on with the recovery kit."))
    }
}

pub(super) async fn finish_registration(backend: &RequestBackend, proof: NewRecoveryKey) -> Result<(), Refusal> {
    let (row, user) = current(backend).await?;
    if !user.is_organization_active {
        require_open(backend, Some(user.organization)).await?;
    }
    let Some(passkey) = &row.passkey else {
        return Err(Refusal::new(Code::BadRequest, "Make a passkey first; the recovery kit comes after it."));
    };
    let passkey: NewPasskey = serde_json::from_str(passkey).map_err(|error| backend.hide(Code::Internal, &error))?;
    let challenge = Bytes::decode(&row.challenge).ok_or_else(over)?;
    check_recovery_key(&proof, &challenge).map_err(|_| {
        Refusal::new(Code::BadRequest, "The recovery key's proof doesn't hold. Nothing was registered. Reload the page and try again.")
    })?;
    match register(backend, &row, &challenge, &user, passkey, proof).await {
        Ok(Outcome::Registered) => {}
        Ok(Outcome::Over) => return Err(over()),
        Ok(Outcome::AnotherWasFirst) => return Err(closed(backend.services.config.contact.as_deref())),
        Err(ActionError::Storage(StorageError::Conflict(_))) => return Err(taken()),
        Err(ActionError::Storage(error)) => return Err(backend.storage_failed(error)),
        Err(error) => return Err(backend.hide(Code::Internal, &error)),
    }
    backend.begin_session(Actor { organization: user.organization, user: user.id }, None).await.map_err(|refusal| Refusal {
        message: "You are registered, but signing in didn't work. Go to the sign-in page and use your new passkey.".to_owned(),
        ..refusal
    })
}

/// What became of a registration.
enum Outcome {
    /// It is done.
    Registered,
    /// It was finished or went on elsewhere in the meantime.
    Over,
    /// Only the first organization may be founded, and this isn't it.
    AnotherWasFirst,
}

/// One transaction: history's entry, registration, user, code, credentials and organization, or none of them.
async fn register(
    backend: &RequestBackend,
    row: &Row,
    challenge: &Bytes,
    user: &User,
    passkey: NewPasskey,
    proof: NewRecoveryKey,
) -> Result<Outcome, ActionError> {
    let services = &backend.services;
    let mut transaction = services.storage.begin().await?;
    let founds = !user.is_organization_active;
    if founds && services.config.organizations == Organizations::First {
        // Before the head is claimed: two that found at the same time would each hold what the other waits for.
        organizations::lock_inactive(&mut transaction).await?;
        if organizations::another_is_active(&mut transaction, Some(row.organization)).await? {
            return Ok(Outcome::AnotherWasFirst);
        }
    }
    let Some(head) = history::claim_head(&mut transaction, row.organization).await? else { return Ok(Outcome::Over) };
    let now = services.ambient.now();
    // Each of these is taken by exactly one of two that come at the same time.
    let ours = registrations::end(&mut transaction, row.id, now).await?
        && users::register(&mut transaction, row.organization, row.user, now).await?;
    if !ours {
        return Ok(Outcome::Over);
    }
    // Anyone can ask for a new code: that must not stop whoever has typed the one before.
    registrations::end_codes(&mut transaction, row.user, now).await?;
    let [passkey_id, recovery_key_id] = [(); 2].map(|()| CredentialId::from_bytes(services.ambient.bytes()));
    let registered = Registered { challenge: &row.challenge, passkey_id, passkey: &passkey, recovery_key_id, recovery_key: &proof };
    services.road.record(&mut transaction, head, user, &registered, now).await?;
    let whom = Actor { organization: row.organization, user: row.user };
    let name = passkey.default_name(&[]);
    credentials::insert(&mut transaction, &passkey_credential(whom, passkey_id, name, passkey, now)).await?;
    credentials::insert(&mut transaction, &recovery_credential(whom, recovery_key_id, challenge, &proof, now)).await?;
    organizations::activate(&mut transaction, row.organization, now).await?;
    commit(transaction).await?;
    Ok(Outcome::Registered)
}

/// The registration that this browser is in, still under way, and its user.
async fn current(backend: &RequestBackend) -> Result<(Row, User), Refusal> {
    let none = || {
        Refusal::new(
            Code::NoRegistration,
            "No registration is under way in this browser. Type the code from your mail to begin or to go on.",
        )
    };
    let failed = |error| backend.storage_failed(error);
    let id = backend.registration_id().await?.ok_or_else(none)?;
    let mut db = backend.services.storage.connection().await.map_err(failed)?;
    let row = registrations::find(&mut db, id).await.map_err(failed)?.ok_or_else(none)?;
    if row.ended_at.is_some() {
        return Err(over());
    }
    if row.expires_at <= backend.services.ambient.now() {
        return Err(Refusal::new(
            Code::NoRegistration,
            "More than an hour has passed, so this registration was stopped. Type the code from your mail to begin again.",
        ));
    }
    let user = users::find(&mut db, row.organization, row.user).await.map_err(failed)?.ok_or_else(none)?;
    Ok((row, user))
}

/// Whom a code is for.
#[derive(Clone, Copy)]
struct Recipient<'a> {
    organization: OrganizationId,
    user: UserId,
    email: &'a EmailAddress,
    name: &'a str,
    organization_name: &'a str,
}

/// Writes the code's hash and the mail that carries the code, in the caller's transaction.
async fn send_code(
    services: &Services,
    transaction: &mut crate::storage::Transaction,
    to: Recipient<'_>,
    code: &RegistrationCode,
    hash: &str,
    now: Timestamp,
) -> Result<(), Refusal> {
    let failed = |error| services.storage_failed(error);
    let expires_at = now.plus(CODE_LIFE);
    let id = CodeId::from_bytes(services.ambient.bytes());
    let new_code =
        NewCode { id, organization: to.organization, user: to.user, purpose: Purpose::Registration, hash, created_at: now, expires_at };
    registrations::replace_code(transaction, new_code).await.map_err(failed)?;
    let elsewhere = users::organizations_of(transaction, to.email).await.map_err(failed)?;
    let origin = services.config.origin_text();
    let facts = message::RegistrationCode {
        to: to.email,
        name: to.name,
        organization: to.organization_name,
        organization_id: to.organization,
        code: code.digits(),
        activate_link: &format!("{origin}{}", activate_path(to.email.as_str(), Some(to.organization))),
        expires_at,
    };
    let message = if elsewhere.is_empty() {
        message::registration_code(&facts)
    } else {
        let accounts = message::Accounts { organizations: &elsewhere, sign_in_link: &format!("{origin}/login") };
        message::registration_code_beside(&facts, &accounts)
    };
    let queued = services.outbox.queue(transaction, &message, to.organization, to.user, expires_at).await;
    queued.map_err(|error| services.hide(Code::Internal, &error))
}

/// A code, and the hash that is kept of it.
pub(super) async fn new_code(services: &Services) -> Result<(RegistrationCode, String), Refusal> {
    let code = RegistrationCode::generate(&services.ambient);
    let hash = services.codes.hash(code.digits(), &services.ambient).await;
    hash.map(|hash| (code, hash)).map_err(|error| services.hide(Code::Internal, &error))
}

/// Deactivated users are left out: nothing here is for them.
async fn find_user(
    db: &mut crate::storage::Connection,
    email: &EmailAddress,
    organization: Option<OrganizationId>,
) -> Result<Option<User>, StorageError> {
    Ok(users::find_by_email(db, email, organization).await?.filter(|user| user.deactivated_at.is_none()))
}

async fn require_open(backend: &RequestBackend, own: Option<OrganizationId>) -> Result<(), Refusal> {
    match backend.founding(own).await? {
        Founding::Open => Ok(()),
        Founding::Closed { contact } => Err(closed(contact.as_deref())),
    }
}

fn closed(contact: Option<&str>) -> Refusal {
    let whom = contact.unwrap_or("whoever runs this server");
    Refusal::new(Code::Closed, format!("New organizations can't be created here. Ask {whom}."))
}

fn check_fields(new: &NewOrganization) -> Result<(EmailAddress, PersonName, OrganizationName), Refusal> {
    let email = EmailAddress::parse(&new.email);
    let name = PersonName::parse(&new.name);
    let organization = OrganizationName::parse(&new.organization);
    match (email, name, organization) {
        (Ok(email), Ok(name), Ok(organization)) => Ok((email, name, organization)),
        (email, name, organization) => {
            let complaints = [("email", email.err()), ("name", name.err()), ("organization", organization.err())];
            Err(Refusal::invalid(complaints.into_iter().filter_map(|(field, error)| Some(complaint(field, &error?))).collect()))
        }
    }
}

pub(super) fn check_email(email: &str) -> Result<EmailAddress, Refusal> {
    EmailAddress::parse(email).map_err(|error: TextError| Refusal::invalid(vec![complaint("email", &error)]))
}

pub(super) fn complaint(field: &str, error: &dyn std::error::Error) -> FieldError {
    FieldError { field: field.to_owned(), message: error.to_string() }
}

fn wrong_code() -> Refusal {
    Refusal {
        fields: vec![FieldError { field: "code".to_owned(), message: "This isn't the code. Compare it with the newest mail.".to_owned() }],
        ..Refusal::new(
            Code::WrongCode,
            "This isn't the code for this address. After five wrong tries a code stops working; then send a new one.",
        )
    }
}

fn over() -> Refusal {
    Refusal::new(
        Code::NoRegistration,
        "This registration was finished, or went on in another browser. Sign in, or type the code from your mail to go on here.",
    )
}

fn taken() -> Refusal {
    Refusal::new(Code::PasskeyRefused, "This passkey is registered already. Nothing was saved. Make another one.")
}

//! `/auth/recover/user`: whoever lost what they sign with comes back by a code from their mail and their recovery key.

use super::{
    assertion::{KeyAssertion, base64url},
    error::{ApiError, Code, Errors},
    input::Body,
    log_in::Message,
    registration::{AllowedRecovery, Recipient, Register, Registered, RegistrationChallenge, Temporary, organization},
    token::Purpose,
};
use crate::{
    action::{Actor, Grounds, NewCredentials, RecoverySignature},
    client::Client,
    service::{Services, recovery},
    storage::{
        Connection,
        credentials::{self, Credential},
    },
};
use app::{
    action::{bytes::Bytes, client_data::has_unique_members},
    domain::credential::CredentialKind,
};
use axum::{Extension, Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use std::sync::Arc;
use utoipa::ToSchema;

/// Sends a code to recover with
///
/// The answer doesn't say whether the user is known.
#[utoipa::path(
    post,
    path = "/auth/recover/user/code",
    tag = "Registration and recovery",
    request_body = Recipient,
    responses((status = 200, body = Message), Errors)
)]
pub(super) async fn send_code(
    State(services): State<Arc<Services>>,
    Extension(client): Extension<Client>,
    Body(to): Body<Recipient>,
) -> Result<Json<Message>, ApiError> {
    recovery::send_code(&services, &client, &to.username, Some(organization(&to.org_id)?)).await?;
    Ok(Json(Message::new("If this user can be recovered, a mail with a code is on its way.")))
}

/// Who comes back, by which code and which recovery key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = RecoveryChallengeBody)]
pub(super) struct ComingBack {
    /// Mail address.
    username: String,
    /// From the mail.
    verification_code: String,
    org_id: String,
    /// The recovery key's id, as its owner chose it.
    credential_id: String,
}

/// Begins a recovery, by the code from the mail
#[utoipa::path(
    post,
    path = "/auth/recover/user/init",
    tag = "Registration and recovery",
    request_body = ComingBack,
    responses((status = 200, body = RegistrationChallenge), Errors)
)]
pub(super) async fn init(
    State(services): State<Arc<Services>>,
    Extension(client): Extension<Client>,
    Body(coming): Body<ComingBack>,
) -> Result<Json<RegistrationChallenge>, ApiError> {
    let organization = organization(&coming.org_id)?;
    let whom = recovery::check_code(&services, &client, &coming.username, &coming.verification_code).await?;
    if whom.organization != organization {
        return Err(ApiError::bad_request("This isn't the code for this user of this organization."));
    }
    begin(&services, whom, &coming.credential_id).await.map(Json)
}

/// The challenge for whoever has this recovery key.
pub(super) async fn begin(services: &Services, whom: Actor, credential: &str) -> Result<RegistrationChallenge, ApiError> {
    let mut db = services.storage.connection().await.map_err(|error| ApiError::of_storage(services, error))?;
    let key = require_key(services, &mut db, whom, credential).await?;
    drop(db);
    let request = services.road.ask_for_credential(whom, Grounds::Recovery).await;
    let request = request.map_err(|error| ApiError::of_action(services, error))?;
    let allowed = AllowedRecovery { id: key.credential_id, encrypted_recovery_key: key.sealed.unwrap_or_default() };
    let mut challenge = RegistrationChallenge::new(services, whom, Purpose::Recovery, &request)?;
    challenge.allowed_recovery_credentials = Some(vec![allowed]);
    Ok(challenge)
}

/// The user's recovery key of this id.
pub(super) async fn require_key(services: &Services, db: &mut Connection, whom: Actor, id: &str) -> Result<Credential, ApiError> {
    let all = credentials::list(db, whom.organization, whom.user).await.map_err(|error| ApiError::of_storage(services, error))?;
    all.into_iter()
        .find(|own| own.kind == CredentialKind::RecoveryKey && (own.credential_id == id || own.id.to_string() == id))
        .ok_or_else(|| ApiError::not_found("recovery credential of this user"))
}

/// What the recovery key signed, and what is registered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = RecoverBody)]
pub(super) struct Recover {
    recovery: RecoveryAssertion,
    /// Its JSON text, base64url, is the challenge that the recovery key signs.
    #[schema(value_type = Register)]
    new_credentials: Box<RawValue>,
}

impl Recover {
    /// What is registered, and what the recovery key signed: one names the other.
    pub(super) fn read(&self) -> Result<(NewCredentials, RecoverySignature), ApiError> {
        let RecoveryAssertion::RecoveryKey(assertion) = &self.recovery;
        let proof = assertion.read()?;
        let new_credentials = signed_text(&proof.client_data)?;
        let shown = self.new_credentials.get();
        // Of two members of one name a tree keeps the last.
        if !has_unique_members(shown) {
            return Err(ApiError::bad_request("`newCredentials` has a member twice, or is too deep."));
        }
        if serde_json::from_slice::<Value>(&new_credentials.0).ok() != serde_json::from_str(shown).ok() {
            return Err(ApiError::new(
                Code::NotSigned,
                "What the recovery key signed isn't `newCredentials`: its JSON text, base64url, is the challenge.",
            ));
        }
        let register: Register = super::input::from_json(&new_credentials.0)?;
        let signature = RecoverySignature { proof, new_credentials };
        Ok((register.brought()?, signature))
    }
}

/// By which key a recovery is signed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "kind", content = "credentialAssertion", deny_unknown_fields)]
enum RecoveryAssertion {
    RecoveryKey(KeyAssertion),
}

/// Finishes a recovery: everything that the user had before ends
#[utoipa::path(
    post,
    path = "/auth/recover/user",
    tag = "Registration and recovery",
    request_body = Recover,
    responses((status = 200, body = Registered), Errors),
    security(("token" = []))
)]
pub(super) async fn finish(
    temporary: Temporary,
    State(services): State<Arc<Services>>,
    Extension(client): Extension<Client>,
    Body(recover): Body<Recover>,
) -> Result<Json<Registered>, ApiError> {
    let challenge = temporary.of(Purpose::Recovery)?;
    let (new, signature) = recover.read()?;
    let enrolled = services.road.enrol(challenge, new, Some(signature), &client).await;
    enrolled.map(|enrolled| Json(Registered::new(enrolled))).map_err(|error| ApiError::of_action(&services, error))
}

/// The text that was signed: the challenge in the client data.
fn signed_text(client_data: &[u8]) -> Result<Bytes, ApiError> {
    let says: Value = super::input::from_json(client_data)?;
    base64url("challenge", says["challenge"].as_str().unwrap_or_default())
}

//! `/auth/action`: a call is announced, and its document signed; the call itself comes after that.

use super::{
    assertion::{Assertion, CredentialKind},
    call::{AnyCall, Asking, Given, find_call, hash},
    caller::Caller,
    error::{ApiError, Code, Errors},
    input::Body,
};
use crate::{
    service::Services,
    storage::{
        actions, commit,
        credentials::{self, AllowedPasskey},
    },
};
use app::{
    action::{document, rules::Signer},
    domain::id::ActionId,
};
use axum::{Json, extract::State};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// The call that will come.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = UserActionChallengeBody)]
pub(super) struct Announced {
    /// The JSON text of its body; empty, when it has none.
    user_action_payload: String,
    /// Its method.
    user_action_http_method: String,
    /// Its path.
    user_action_http_path: String,
    /// Always this API.
    #[expect(dead_code, reason = "reading it is all: it can say nothing else")]
    user_action_server_kind: Option<ServerKind>,
}

impl Announced {
    pub(super) fn call(&self) -> Result<Box<dyn AnyCall>, ApiError> {
        let payload = self.user_action_payload.as_bytes();
        find_call(&Given::announced(&self.user_action_http_method, &self.user_action_http_path, payload))
    }
}

#[derive(Debug, Deserialize, ToSchema)]
enum ServerKind {
    Api,
}

/// What is to be signed, and with what.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UserActionChallenge)]
pub(super) struct Challenge {
    /// The document's challenge, base64url: SHA-256 over the framed bytes of `action`.
    pub(super) challenge: String,
    /// By which the signature says what it belongs to.
    pub(super) challenge_identifier: String,
    /// The action document's bytes, base64url: compute the challenge yourself, and look whether this is the change that you want.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) action: Option<String>,
    /// For whom passkeys are asked.
    pub(super) rp: RelyingParty,
    /// What may sign.
    pub(super) supported_credential_kinds: Vec<SupportedKind>,
    /// What of the caller's may sign.
    pub(super) allow_credentials: Allowed,
    /// Always `required`.
    pub(super) user_verification: &'static str,
    /// Always `none`.
    pub(super) attestation: &'static str,
    /// Always empty.
    pub(super) external_authentication_url: &'static str,
}

/// The site that passkeys are made for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RelyingParty {
    /// Its id.
    pub(super) id: String,
    /// Its name.
    pub(super) name: &'static str,
}

impl RelyingParty {
    pub(super) fn new(services: &Services) -> Self {
        Self { id: services.config.origin.domain().unwrap_or_default().to_owned(), name: "Countersign" }
    }
}

/// A kind of credential.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SupportedKind {
    kind: CredentialKind,
    /// Always `either`.
    factor: &'static str,
    /// Always false.
    requires_second_factor: bool,
}

/// Credentials that may sign.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct Allowed {
    /// Key pairs.
    pub(super) key: Vec<AllowedCredential>,
    /// Passkeys; none, when any of this site will do.
    pub(super) webauthn: Vec<AllowedCredential>,
}

/// A credential that may sign.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AllowedCredential {
    /// Always `public-key`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Its id.
    id: String,
}

impl AllowedCredential {
    pub(super) fn new(id: String) -> Self {
        Self { kind: "public-key", id }
    }
}

impl Challenge {
    pub(super) fn new(services: &Services, challenge: String, identifier: String, allowed: Allowed) -> Self {
        Self {
            challenge,
            challenge_identifier: identifier,
            action: None,
            rp: RelyingParty::new(services),
            supported_credential_kinds: [CredentialKind::Fido2, CredentialKind::Key]
                .map(|kind| SupportedKind { kind, factor: "either", requires_second_factor: false })
                .into(),
            allow_credentials: allowed,
            user_verification: "required",
            attestation: "none",
            external_authentication_url: "",
        }
    }
}

/// Announces a call, to sign it
///
/// Refuses what couldn't be executed now, and changes nothing.
#[utoipa::path(
    post,
    path = "/auth/action/init",
    tag = "Signing",
    request_body = Announced,
    responses((status = 200, body = Challenge), Errors),
    security(("token" = []))
)]
pub(super) async fn init(
    caller: Caller,
    State(services): State<Arc<Services>>,
    Body(announced): Body<Announced>,
) -> Result<Json<Challenge>, ApiError> {
    let call = announced.call()?;
    let mut db = caller.connection().await?;
    let mut asking = Asking { services: &services, db: &mut db, actor: caller.actor, may: &caller.may, to_keep: None };
    let change = call.change_of(&mut asking).await?;
    let to_keep = asking.to_keep;
    // Whoever holds a connection while waiting for another can wait for ever.
    drop(db);
    if let Some((id, sealed)) = to_keep {
        services.road.keep_sealed(caller.actor, id, sealed).await.map_err(|error| ApiError::of_action(&services, error))?;
    }
    let waiting = services.road.prepare(caller.actor, change.clone(), Signer::Passkey, Some(&call.text()?)).await;
    let waiting = waiting.map_err(|error| ApiError::of_action(&services, error))?;
    services.count_mails_of(caller.actor.organization, &change).await?;
    let mut db = caller.connection().await?;
    let passkeys = waiting.passkeys.into_iter().map(|AllowedPasskey { credential_id, .. }| AllowedCredential::new(credential_id));
    let keys = credentials::allowed_keys(&mut db, caller.actor.organization, caller.actor.user).await.map_err(caller.failed())?;
    let allowed = Allowed { webauthn: passkeys.collect(), key: keys.into_iter().map(AllowedCredential::new).collect() };
    let challenge = BASE64URL_NOPAD.encode(&document::challenge(&waiting.action.document));
    Ok(Json(Challenge {
        action: Some(BASE64URL_NOPAD.encode(&waiting.action.document)),
        ..Challenge::new(&services, challenge, waiting.action.id.to_string(), allowed)
    }))
}

/// A signature over a challenge.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = UserActionSignatureBody)]
pub(super) struct Signature {
    /// Which challenge.
    pub(super) challenge_identifier: String,
    /// The signature.
    pub(super) first_factor: Assertion,
}

/// What the call has to show.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UserActionSignature)]
pub(super) struct UserAction {
    /// For the header `X-DFNS-USERACTION` of that one call.
    user_action: String,
}

/// Hands in the signature
///
/// It is checked at once, and again when the call comes.
#[utoipa::path(
    post,
    path = "/auth/action",
    tag = "Signing",
    request_body = Signature,
    responses((status = 200, body = UserAction), Errors),
    security(("token" = []))
)]
pub(super) async fn sign(
    caller: Caller,
    State(services): State<Arc<Services>>,
    Body(signature): Body<Signature>,
) -> Result<Json<UserAction>, ApiError> {
    let over = || {
        ApiError::new(Code::AlreadyUsed, "No such challenge waits for a signature: it was signed already, or its five minutes are over.")
    };
    let action: ActionId = signature.challenge_identifier.parse().map_err(|_| over())?;
    let signed = signature.first_factor.read()?;
    let checked = services.road.check_signature(caller.actor, action, signed.proof()).await;
    checked.map_err(|error| ApiError::of_action(&services, error))?;
    let user_action = BASE64URL_NOPAD.encode(&services.ambient.bytes::<32>());
    let proof = serde_json::to_string(&signature.first_factor)
        .map_err(|error| ApiError::from(services.hide(app::refusal::Code::Internal, &error)))?;
    let mut transaction = services.storage.begin().await.map_err(caller.failed())?;
    if !actions::keep_proof(&mut transaction, action, &proof, &hash(&user_action)).await.map_err(caller.failed())? {
        return Err(over());
    }
    commit(transaction).await.map_err(caller.failed())?;
    Ok(Json(UserAction { user_action }))
}

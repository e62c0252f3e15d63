//! `/auth/registration`: whoever was invited registers what they sign with.

use super::{
    action::RelyingParty,
    credentials::{Asked, CredentialKind, Excluded, Info, Owner, check_sealed},
    error::{ApiError, Errors},
    input::Body,
    log_in::Message,
    token::{Metadata, Purpose},
};
use crate::{
    action::{Actor, Enrolled, Grounds, NewCredentials, Request},
    client::Client,
    service::{Services, get_started},
};
use app::domain::{
    id::{ChallengeId, OrganizationId},
    text::PasskeyName,
};
use axum::{
    Extension, Json,
    extract::{FromRequestParts, State},
    http::request::Parts,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use utoipa::ToSchema;

/// A temporary token counts as long as its challenge.
const LIFE: Duration = Duration::from_mins(30);

/// Whose invitation it is, and its code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = RegistrationChallengeBody)]
pub(super) struct Invited {
    org_id: String,
    /// Mail address.
    username: String,
    /// From the mail.
    registration_code: String,
}

/// What new credentials have to sign.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RegistrationChallenge)]
pub(super) struct RegistrationChallenge {
    user: Owner,
    /// For the header `Authorization: Bearer …` of the call that finishes this.
    temporary_authentication_token: String,
    /// Base64url: every credential signs it.
    challenge: String,
    rp: RelyingParty,
    supported_credential_kinds: Supported,
    #[schema(value_type = Object)]
    authenticator_selection: Value,
    /// Always `none`.
    attestation: &'static str,
    #[schema(value_type = Vec<Object>)]
    pub_key_cred_params: Value,
    exclude_credentials: Vec<Excluded>,
    /// Always empty.
    otp_url: &'static str,
    /// What may recover the account, with the private half that its owner left here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) allowed_recovery_credentials: Option<Vec<AllowedRecovery>>,
}

/// A recovery key that may sign.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AllowedRecoveryCredential)]
pub(super) struct AllowedRecovery {
    pub(super) id: String,
    /// As its owner left it; empty, if they didn't.
    pub(super) encrypted_recovery_key: String,
}

/// What may be registered.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SupportedCredentialKinds)]
struct Supported {
    first_factor: Vec<CredentialKind>,
    second_factor: Vec<CredentialKind>,
}

impl RegistrationChallenge {
    pub(super) fn new(services: &Services, whom: Actor, purpose: Purpose, request: &Request) -> Result<Self, ApiError> {
        let now = services.ambient.now();
        let says = Metadata { org_id: whom.organization, user_id: whom.user.to_string(), token_id: request.id.to_string() };
        let token = services.tokens.write(purpose, says, now, now.plus(LIFE));
        let asked = Asked::new(whom.user, &request.options);
        Ok(Self {
            user: asked.user,
            temporary_authentication_token: token.map_err(|error| ApiError::from(services.hide(app::refusal::Code::Internal, &error)))?,
            challenge: request.challenge.clone(),
            rp: RelyingParty::new(services),
            supported_credential_kinds: Supported {
                first_factor: vec![CredentialKind::Fido2, CredentialKind::Key],
                second_factor: Vec::new(),
            },
            authenticator_selection: asked.authenticator_selection,
            attestation: "none",
            pub_key_cred_params: asked.pub_key_cred_params,
            exclude_credentials: asked.exclude_credentials,
            otp_url: "",
            allowed_recovery_credentials: None,
        })
    }
}

/// The challenge that a temporary token is for.
pub(super) struct Temporary(pub(super) ChallengeId, pub(super) Purpose);

impl FromRequestParts<Arc<Services>> for Temporary {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Arc<Services>) -> Result<Self, ApiError> {
        let unauthorized = || {
            ApiError::new(
                super::error::Code::Unauthorized,
                "This call needs the `temporaryAuthenticationToken` of the call that began it: `Authorization: Bearer …`.",
            )
        };
        let token = super::caller::bearer(parts).ok_or_else(unauthorized)?;
        let now = services.ambient.now();
        let found = [Purpose::Registration, Purpose::Recovery]
            .into_iter()
            .find_map(|purpose| Some((services.tokens.read(token, purpose, now)?.token_id.parse().ok()?, purpose)));
        found.map(|(id, purpose)| Self(id, purpose)).ok_or_else(unauthorized)
    }
}

impl Temporary {
    /// The challenge, for a token of this purpose.
    pub(super) fn of(self, purpose: Purpose) -> Result<ChallengeId, ApiError> {
        if self.1 == purpose { Ok(self.0) } else { Err(ApiError::unauthorized()) }
    }
}

pub(super) fn organization(text: &str) -> Result<OrganizationId, ApiError> {
    text.parse().map_err(|_| ApiError::bad_request("`orgId` isn't the id of an organization."))
}

/// Begins a registration, by the code from the mail
#[utoipa::path(
    post,
    path = "/auth/registration/init",
    tag = "Registration and recovery",
    request_body = Invited,
    responses((status = 200, body = RegistrationChallenge), Errors)
)]
pub(super) async fn init(
    State(services): State<Arc<Services>>,
    Extension(client): Extension<Client>,
    Body(invited): Body<Invited>,
) -> Result<Json<RegistrationChallenge>, ApiError> {
    let organization = organization(&invited.org_id)?;
    let (user, code) =
        get_started::check_code(&services, &client, &invited.username, Some(organization), &invited.registration_code).await?;
    let whom = Actor { organization: user.organization, user: user.id };
    let registration = Some(get_started::begin_elsewhere(&services, &user, code, LIFE).await?);
    let request = services.road.ask_for_credential(whom, Grounds::Invitation { registration }).await;
    let request = request.map_err(|error| ApiError::of_action(&services, error))?;
    RegistrationChallenge::new(&services, whom, Purpose::Registration, &request).map(Json)
}

/// What is registered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = RegisterBody)]
pub(super) struct Register {
    pub(super) first_factor_credential: FirstFactor,
    pub(super) recovery_credential: Option<Recovery>,
}

/// What somebody will sign with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = FirstFactorCredential)]
pub(super) struct FirstFactor {
    /// `Fido2` or `Key`.
    credential_kind: CredentialKind,
    credential_info: Info,
    #[schema(value_type = Option<String>, max_length = 100)]
    credential_name: Option<PasskeyName>,
}

/// What somebody will recover with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = RecoveryCredential)]
pub(super) struct Recovery {
    /// `RecoveryKey`.
    credential_kind: CredentialKind,
    credential_info: Info,
    #[schema(value_type = Option<String>, max_length = 100)]
    credential_name: Option<PasskeyName>,
    #[schema(max_length = 8192)]
    encrypted_private_key: Option<String>,
}

impl Register {
    pub(super) fn brought(self) -> Result<NewCredentials, ApiError> {
        let first = self.first_factor_credential;
        let signer = Some((first.credential_info.signer(first.credential_kind)?, first.credential_name));
        let recovery_key = match self.recovery_credential {
            None => None,
            Some(recovery) if recovery.credential_kind == CredentialKind::RecoveryKey => {
                check_sealed(recovery.credential_kind, recovery.encrypted_private_key.as_deref())?;
                Some((recovery.credential_info.key()?, recovery.credential_name, recovery.encrypted_private_key))
            }
            Some(_) => return Err(ApiError::bad_request("`recoveryCredential` must be of the kind `RecoveryKey`.")),
        };
        Ok(NewCredentials { signer, recovery_key })
    }
}

/// What was registered, and whose it is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Registered)]
pub(super) struct Registered {
    credential: RegisteredCredential,
    user: RegisteredUser,
}

#[derive(Debug, Serialize, ToSchema)]
struct RegisteredCredential {
    uuid: String,
    kind: CredentialKind,
    name: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RegisteredUser {
    id: String,
    username: String,
    org_id: String,
}

impl Registered {
    pub(super) fn new(enrolled: Enrolled) -> Self {
        Self {
            credential: RegisteredCredential { uuid: enrolled.credential.to_string(), kind: enrolled.kind.into(), name: enrolled.name },
            user: RegisteredUser {
                id: enrolled.user.id.to_string(),
                username: enrolled.user.email.to_string(),
                org_id: enrolled.user.organization.to_string(),
            },
        }
    }
}

/// Finishes a registration
#[utoipa::path(
    post,
    path = "/auth/registration",
    tag = "Registration and recovery",
    request_body = Register,
    responses((status = 200, body = Registered), Errors),
    security(("token" = []))
)]
pub(super) async fn finish(
    temporary: Temporary,
    State(services): State<Arc<Services>>,
    Extension(client): Extension<Client>,
    Body(register): Body<Register>,
) -> Result<Json<Registered>, ApiError> {
    let challenge = temporary.of(Purpose::Registration)?;
    let enrolled = services.road.enrol(challenge, register.brought()?, None, &client).await;
    enrolled.map(|enrolled| Json(Registered::new(enrolled))).map_err(|error| ApiError::of_action(&services, error))
}

/// Who wants a new code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CodeBody)]
pub(super) struct Recipient {
    /// Mail address.
    pub(super) username: String,
    pub(super) org_id: String,
}

/// Sends a new registration code
///
/// The answer doesn't say whether the user is known.
#[utoipa::path(
    put,
    path = "/auth/registration/code",
    tag = "Registration and recovery",
    request_body = Recipient,
    responses((status = 200, body = Message), Errors)
)]
pub(super) async fn send_code(
    State(services): State<Arc<Services>>,
    Extension(client): Extension<Client>,
    Body(to): Body<Recipient>,
) -> Result<Json<Message>, ApiError> {
    get_started::send_new_code(&services, &client, &to.username, Some(organization(&to.org_id)?)).await?;
    Ok(Json(Message::new("If this user is invited, a mail with a new code is on its way.")))
}

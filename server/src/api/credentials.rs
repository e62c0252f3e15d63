//! `/auth/credentials`: what the caller signs with.

use super::{
    action::RelyingParty,
    assertion::base64url,
    call::{Asking, Call, Given, Places, Signed},
    caller::Caller,
    error::{ApiError, Code, Errors},
    input::Body,
    log_in::Message,
};
use crate::{
    action::{Actor, Grounds, NewCredentials, NewSigner, Request, Shown},
    client::Client,
    service::Services,
    storage::credentials::{self, Credential},
};
use app::{
    action::{
        account_change::{AccountChange, NewPasskey},
        bytes::Bytes,
        challenge::sha256,
        change::Change,
        key::NewKey,
    },
    domain::{
        credential,
        id::{ChallengeId, CredentialId, UserId},
        text::{KeyId, PasskeyName},
        time::Timestamp,
    },
};
use async_trait::async_trait;
use axum::{Extension, Json, extract::State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use utoipa::ToSchema;

/// A kind of credential. Passwords and one-time codes aren't among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) enum CredentialKind {
    /// A passkey.
    Fido2,
    /// A key pair.
    Key,
    /// A key pair that signs recoveries only.
    RecoveryKey,
}

impl From<credential::CredentialKind> for CredentialKind {
    fn from(kind: credential::CredentialKind) -> Self {
        match kind {
            credential::CredentialKind::Passkey => Self::Fido2,
            credential::CredentialKind::Key => Self::Key,
            credential::CredentialKind::RecoveryKey => Self::RecoveryKey,
        }
    }
}

/// A credential.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Credential)]
pub(super) struct Shape {
    kind: CredentialKind,
    /// The id that its authenticator, or its owner, chose.
    credential_id: String,
    /// Our id.
    credential_uuid: String,
    #[schema(format = DateTime)]
    date_created: String,
    /// Whether it can sign.
    is_active: bool,
    name: String,
    /// PEM.
    public_key: String,
    relying_party_id: String,
    origin: String,
}

impl Shape {
    fn new(services: &Services, credential: Credential) -> Self {
        Self {
            kind: credential.kind.into(),
            credential_id: credential.credential_id,
            credential_uuid: credential.id.to_string(),
            date_created: credential.created_at.to_string(),
            is_active: credential.deactivated_at.is_none(),
            name: credential.name,
            public_key: credential.key.to_pem(),
            relying_party_id: services.config.origin.domain().unwrap_or_default().to_owned(),
            origin: services.config.origin_text(),
        }
    }
}

/// The caller's credentials.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Credentials)]
pub(super) struct Shapes {
    items: Vec<Shape>,
}

async fn one(services: &Services, whom: Actor, id: CredentialId) -> Result<Shape, ApiError> {
    let failed = |error| ApiError::of_storage(services, error);
    let mut db = services.storage.connection().await.map_err(failed)?;
    let all = credentials::list(&mut db, whom.organization, whom.user).await.map_err(failed)?;
    let found = all.into_iter().find(|credential| credential.id == id).ok_or_else(|| ApiError::not_found("credential"))?;
    Ok(Shape::new(services, found))
}

/// Lists the caller's own credentials
#[utoipa::path(
    get,
    path = "/auth/credentials",
    tag = "Credentials",
    responses((status = 200, body = Shapes), Errors),
    security(("token" = []))
)]
pub(super) async fn list(caller: Caller, State(services): State<Arc<Services>>) -> Result<Json<Shapes>, ApiError> {
    let mut db = caller.connection().await?;
    let all = credentials::list(&mut db, caller.actor.organization, caller.whose).await.map_err(caller.failed())?;
    Ok(Json(Shapes { items: all.into_iter().map(|credential| Shape::new(&services, credential)).collect() }))
}

/// Which kind of credential will be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CredentialChallengeBody)]
pub(super) struct Wanted {
    kind: CredentialKind,
}

/// What a new credential has to sign.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CredentialChallenge)]
pub(super) struct CredentialChallenge {
    kind: CredentialKind,
    user: Owner,
    challenge_identifier: String,
    /// Base64url.
    challenge: String,
    rp: RelyingParty,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    authenticator_selection: Option<Value>,
    /// Always `none`.
    attestation: &'static str,
    #[schema(value_type = Vec<Object>)]
    pub_key_cred_params: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    exclude_credentials: Option<Vec<Excluded>>,
    /// The challenge's identifier once more.
    temporary_authentication_token: String,
}

/// Whose credential it will be, as a device shows them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CredentialOwner)]
pub(super) struct Owner {
    id: String,
    display_name: String,
    name: String,
}

/// A passkey that is there already.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExcludedCredential)]
pub(super) struct Excluded {
    /// Always `public-key`.
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
}

/// What a browser is asked for, in the client's words.
pub(super) struct Asked {
    pub(super) user: Owner,
    pub(super) authenticator_selection: Value,
    pub(super) pub_key_cred_params: Value,
    pub(super) exclude_credentials: Vec<Excluded>,
}

impl Asked {
    pub(super) fn new(user: UserId, options: &Value) -> Self {
        let text = |place: &str| options.pointer(place).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut selection = options["authenticatorSelection"].clone();
        // The client's type knows no other members.
        if let Some(members) = selection.as_object_mut() {
            members.retain(|name, value| {
                !value.is_null()
                    && ["authenticatorAttachment", "residentKey", "requireResidentKey", "userVerification"].contains(&name.as_str())
            });
        }
        let excluded = options["excludeCredentials"].as_array().cloned().unwrap_or_default();
        Self {
            user: Owner { id: user.to_string(), display_name: text("/user/displayName"), name: text("/user/name") },
            authenticator_selection: selection,
            pub_key_cred_params: options["pubKeyCredParams"].clone(),
            exclude_credentials: excluded
                .iter()
                .filter_map(|credential| Some(Excluded { kind: "public-key", id: credential["id"].as_str()?.to_owned() }))
                .collect(),
        }
    }
}

fn challenge(services: &Services, kind: CredentialKind, whom: Actor, request: &Request) -> CredentialChallenge {
    let asked = Asked::new(whom.user, &request.options);
    let is_passkey = kind == CredentialKind::Fido2;
    CredentialChallenge {
        kind,
        user: asked.user,
        challenge_identifier: request.id.to_string(),
        challenge: request.challenge.clone(),
        rp: RelyingParty::new(services),
        authenticator_selection: is_passkey.then_some(asked.authenticator_selection),
        attestation: "none",
        pub_key_cred_params: asked.pub_key_cred_params,
        exclude_credentials: is_passkey.then_some(asked.exclude_credentials),
        temporary_authentication_token: request.id.to_string(),
    }
}

/// Asks for a challenge for a new credential
#[utoipa::path(
    post,
    path = "/auth/credentials/init",
    tag = "Credentials",
    request_body = Wanted,
    responses((status = 200, body = CredentialChallenge), Errors),
    security(("token" = []))
)]
pub(super) async fn init(
    caller: Caller,
    State(services): State<Arc<Services>>,
    Body(wanted): Body<Wanted>,
) -> Result<Json<CredentialChallenge>, ApiError> {
    let request = services.road.ask_for_credential(caller.actor, Grounds::OwnChange).await;
    let request = request.map_err(|error| ApiError::of_action(&services, error))?;
    Ok(Json(challenge(&services, wanted.kind, caller.actor, &request)))
}

/// What was made for a challenge; base64url but for the id of a key.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CredentialInfo)]
pub(super) struct Info {
    /// The id that the authenticator, or the key's owner, chose.
    cred_id: String,
    /// Of a passkey `clientDataJSON`; of a key the JSON text `{"type":"key.create","challenge":…}`.
    client_data: String,
    /// Of a passkey the attestation object; of a key the JSON text `{"publicKey": PEM, "signature": hex}`, where the signature
    /// covers `{"clientDataHash": hex(SHA-256(clientData)), "publicKey": PEM}`.
    attestation_data: String,
}

impl Info {
    pub(super) fn key(&self) -> Result<NewKey, ApiError> {
        Ok(NewKey {
            credential_id: KeyId::parse(&self.cred_id).map_err(|error| ApiError::bad_request(format!("`credId`: {error}")))?,
            client_data: base64url("clientData", &self.client_data)?,
            attestation: base64url("attestationData", &self.attestation_data)?,
        })
    }

    /// What somebody will sign with.
    pub(super) fn signer(&self, kind: CredentialKind) -> Result<NewSigner, ApiError> {
        match kind {
            CredentialKind::Fido2 => Ok(NewSigner::Passkey {
                credential_id: base64url("credId", &self.cred_id)?,
                client_data: base64url("clientData", &self.client_data)?,
                attestation_object: base64url("attestationData", &self.attestation_data)?,
            }),
            CredentialKind::Key => self.key().map(NewSigner::Key),
            CredentialKind::RecoveryKey => {
                Err(ApiError::bad_request("A recovery key signs recoveries only: it can't be the first factor."))
            }
        }
    }
}

/// A new credential.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CreateCredentialBody)]
pub(super) struct NewCredential {
    credential_kind: CredentialKind,
    credential_info: Info,
    /// How its owner calls it.
    #[schema(value_type = String, max_length = 100)]
    credential_name: PasskeyName,
    /// Which challenge it was made for.
    challenge_identifier: String,
    /// Of a recovery key: its private half, sealed by its owner. It is kept, and given back when they recover.
    #[schema(max_length = 8192)]
    encrypted_private_key: Option<String>,
}

/// A sealed private half has at most so many characters.
const SEALED: usize = 8192;

pub(super) fn check_sealed(kind: CredentialKind, sealed: Option<&str>) -> Result<(), ApiError> {
    match (kind, sealed) {
        (_, None) => Ok(()),
        (CredentialKind::RecoveryKey, Some(sealed)) if sealed.len() <= SEALED => Ok(()),
        (CredentialKind::RecoveryKey, Some(_)) => {
            Err(ApiError::bad_request(format!("`encryptedPrivateKey` may have {SEALED} characters.")))
        }
        (_, Some(_)) => Err(ApiError::bad_request("Only a recovery key has an `encryptedPrivateKey`.")),
    }
}

impl NewCredential {
    fn challenge_id(&self) -> Result<ChallengeId, ApiError> {
        self.challenge_identifier.parse().map_err(|_| no_challenge())
    }

    /// What is registered by a code.
    pub(super) fn brought(self) -> Result<NewCredentials, ApiError> {
        check_sealed(self.credential_kind, self.encrypted_private_key.as_deref())?;
        let name = Some(self.credential_name);
        Ok(match self.credential_kind {
            CredentialKind::RecoveryKey => {
                NewCredentials { signer: None, recovery_key: Some((self.credential_info.key()?, name, self.encrypted_private_key)) }
            }
            kind => NewCredentials { signer: Some((self.credential_info.signer(kind)?, name)), recovery_key: None },
        })
    }
}

fn no_challenge() -> ApiError {
    ApiError::new(Code::AlreadyUsed, "No such challenge waits for a credential: it was used already, or its half an hour is over.")
}

/// Adds a credential to the caller's account.
#[derive(Debug, Serialize)]
pub(super) struct Create(NewCredential);

#[async_trait]
impl Call for Create {
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/auth/credentials";

    fn read(given: &Given, _: &Places<'_>) -> Result<Self, ApiError> {
        given.parameters(&[])?;
        let new: NewCredential = given.body()?;
        check_sealed(new.credential_kind, new.encrypted_private_key.as_deref())?;
        Ok(Self(new))
    }

    async fn change(&self, asking: &mut Asking<'_>) -> Result<Change, ApiError> {
        let new = &self.0;
        let id = new.challenge_id()?;
        let challenge = asking.services.road.challenge_for(asking.db, asking.actor, id).await;
        let challenge = challenge.map_err(|error| ApiError::of_action(asking.services, error))?;
        asking.to_keep = new.encrypted_private_key.clone().map(|sealed| (id, sealed));
        let name = new.credential_name.clone();
        Ok(Change::OwnAccount(match new.credential_kind {
            CredentialKind::Fido2 => {
                let info = &new.credential_info;
                let passkey = NewPasskey {
                    challenge,
                    credential_id: base64url("credId", &info.cred_id)?,
                    client_data: base64url("clientData", &info.client_data)?,
                    attestation_object: base64url("attestationData", &info.attestation_data)?,
                    transports: Vec::new(),
                };
                AccountChange::AddPasskey { name, passkey }
            }
            CredentialKind::Key => AccountChange::AddKey { name, challenge, key: new.credential_info.key()? },
            CredentialKind::RecoveryKey => AccountChange::SetRecoveryKey {
                name,
                challenge,
                key: new.credential_info.key()?,
                sealed: new.encrypted_private_key.as_ref().map(|text| Bytes(sha256(text.as_bytes()).to_vec())),
            },
        }))
    }
}

/// Adds a credential to the caller's account
#[utoipa::path(
    post,
    path = "/auth/credentials",
    tag = "Credentials",
    request_body = NewCredential,
    params(("X-DFNS-USERACTION" = String, Header)),
    responses((status = 200, body = Shape), Errors),
    security(("token" = []))
)]
pub(super) async fn create(State(services): State<Arc<Services>>, signed: Signed<Create>) -> Result<Json<Shape>, ApiError> {
    let executed = signed.execute().await?;
    let id = executed.created.and_then(|id| id.parse().ok()).ok_or_else(|| ApiError::not_found("credential"))?;
    one(&services, signed.caller.actor, id).await.map(Json)
}

/// Which credential.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CredentialBody)]
pub(super) struct Which {
    credential_uuid: String,
}

/// The credential's id, and what its owner calls it.
async fn named(asking: &mut Asking<'_>, which: &Which) -> Result<(CredentialId, PasskeyName), ApiError> {
    let all = credentials::list(asking.db, asking.actor.organization, asking.actor.user).await.map_err(|error| asking.failed(error))?;
    let found = all.into_iter().find(|credential| credential.id.to_string() == which.credential_uuid);
    let found = found.ok_or_else(|| ApiError::not_found("credential"))?;
    if found.kind == credential::CredentialKind::RecoveryKey {
        return Err(ApiError::new(Code::Impossible, "A recovery key is replaced by a new one, not deactivated."));
    }
    let name = PasskeyName::parse(&found.name).map_err(|error| ApiError::new(Code::Impossible, error.to_string()))?;
    Ok((found.id, name))
}

macro_rules! change_of_activity {
    ($(#[$doc:meta])* $name:ident, $function:ident, $path:literal, $change:ident, $done:literal) => {
        $(#[$doc])*
        #[derive(Debug, Serialize)]
        pub(super) struct $name(Which);

        #[async_trait]
        impl Call for $name {
            const METHOD: &'static str = "PUT";
            const PATH: &'static str = $path;

            fn read(given: &Given, _: &Places<'_>) -> Result<Self, ApiError> {
                given.parameters(&[])?;
                given.body().map(Self)
            }

            async fn change(&self, asking: &mut Asking<'_>) -> Result<Change, ApiError> {
                let (id, name) = named(asking, &self.0).await?;
                Ok(Change::OwnAccount(AccountChange::$change { id, name }))
            }
        }

        $(#[$doc])*
        #[utoipa::path(
            put,
            path = $path,
            tag = "Credentials",
            request_body = Which,
            params(("X-DFNS-USERACTION" = String, Header)),
            responses((status = 200, body = Message), Errors),
            security(("token" = []))
        )]
        pub(super) async fn $function(signed: Signed<$name>) -> Result<Json<Message>, ApiError> {
            signed.execute().await?;
            Ok(Json(Message::new($done)))
        }
    };
}

change_of_activity!(
    /// Lets one of the caller's credentials sign again
    Activate, activate, "/auth/credentials/activate", ActivateCredential, "The credential is active."
);
change_of_activity!(
    /// Lets one of the caller's credentials sign nothing
    Deactivate, deactivate, "/auth/credentials/deactivate", DeactivateCredential, "The credential is deactivated."
);

/// Makes a code by which one credential can be added.
#[derive(Debug, Serialize)]
pub(super) struct MakeCode(Expiring);

/// Until when a code works: from one minute to five from now on.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CredentialCodeBody)]
pub(super) struct Expiring {
    expiration: Moment,
}

/// ISO 8601, or seconds or milliseconds since 1970.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
enum Moment {
    Text(String),
    Number(i64),
}

impl Moment {
    fn read(&self) -> Option<Timestamp> {
        /// Seconds of the year 5138, milliseconds of 1973: nobody means either the other way.
        const SECONDS_END: u64 = 100_000_000_000;
        match self {
            Self::Number(seconds) if seconds.unsigned_abs() < SECONDS_END => Some(Timestamp::from_millis(seconds * 1000)),
            Self::Number(millis) => Some(Timestamp::from_millis(*millis)),
            Self::Text(text) => {
                let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
                i64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok().map(Timestamp::from_millis)
            }
        }
    }
}

#[async_trait]
impl Call for MakeCode {
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/auth/credentials/code";

    fn read(given: &Given, _: &Places<'_>) -> Result<Self, ApiError> {
        given.parameters(&[])?;
        let wanted: Expiring = given.body()?;
        wanted.expiration.read().ok_or_else(other_time)?;
        Ok(Self(wanted))
    }

    async fn change(&self, asking: &mut Asking<'_>) -> Result<Change, ApiError> {
        let now = asking.services.ambient.now();
        let until =
            self.0.expiration.read().filter(|until| (now.plus(Duration::from_mins(1))..=now.plus(Duration::from_mins(5))).contains(until));
        let until = until.ok_or_else(other_time)?;
        Ok(Change::OwnAccount(AccountChange::AllowCredential { until }))
    }
}

fn other_time() -> ApiError {
    ApiError::bad_request("`expiration` must be a time from one minute to five from now on.")
}

/// A code; it is shown once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CredentialCode)]
pub(super) struct MadeCode {
    code: String,
    #[schema(format = DateTime)]
    expiration: String,
}

/// Makes a code by which one credential can be added to the caller's account
#[utoipa::path(
    post,
    path = "/auth/credentials/code",
    tag = "Credentials",
    request_body = Expiring,
    params(("X-DFNS-USERACTION" = String, Header)),
    responses((status = 200, body = MadeCode), Errors),
    security(("token" = []))
)]
pub(super) async fn make_code(signed: Signed<MakeCode>) -> Result<Json<MadeCode>, ApiError> {
    let until = signed.call.0.expiration.read().map(|until| until.to_string()).unwrap_or_default();
    match signed.execute().await?.shown {
        Some(Shown::Code(code)) => Ok(Json(MadeCode { code, expiration: until })),
        _ => Err(ApiError::not_found("code")),
    }
}

/// Which kind of credential will be made, by which code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CredentialChallengeWithCodeBody)]
pub(super) struct WantedWithCode {
    credential_kind: CredentialKind,
    code: String,
}

/// Asks for a challenge for a new credential, by a code
#[utoipa::path(
    post,
    path = "/auth/credentials/code/init",
    tag = "Credentials",
    request_body = WantedWithCode,
    responses((status = 200, body = CredentialChallenge), Errors)
)]
pub(super) async fn init_with_code(
    State(services): State<Arc<Services>>,
    Body(wanted): Body<WantedWithCode>,
) -> Result<Json<CredentialChallenge>, ApiError> {
    let of_action = |error| ApiError::of_action(&services, error);
    let mut db = services.storage.connection().await.map_err(|error| ApiError::of_storage(&services, error))?;
    let found = services.road.grounds_of_code(&mut db, &wanted.code).await.map_err(of_action)?;
    let (whom, grounds) = found
        .ok_or_else(|| ApiError::new(Code::AlreadyUsed, "This isn't a code that works now: it was used already, or its time is over."))?;
    // Whoever holds a connection while waiting for another can wait for ever.
    drop(db);
    let request = services.road.ask_for_credential(whom, grounds).await.map_err(of_action)?;
    Ok(Json(challenge(&services, wanted.credential_kind, whom, &request)))
}

/// Adds a credential by a code
#[utoipa::path(
    post,
    path = "/auth/credentials/code/verify",
    tag = "Credentials",
    request_body = NewCredential,
    responses((status = 200, body = Shape), Errors)
)]
pub(super) async fn create_with_code(
    State(services): State<Arc<Services>>,
    Extension(client): Extension<Client>,
    Body(new): Body<NewCredential>,
) -> Result<Json<Shape>, ApiError> {
    let id = new.challenge_id()?;
    let enrolled = services.road.enrol(id, new.brought()?, None, &client).await.map_err(|error| ApiError::of_action(&services, error))?;
    let whom = Actor { organization: enrolled.user.organization, user: enrolled.user.id };
    one(&services, whom, enrolled.credential).await.map(Json)
}

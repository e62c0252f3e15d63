//! Customers: a program registers them, signs them in and lets them recover, in its own words to them and without a mail.

use super::{
    call::{Asking, Call, Given, Places, Signed},
    error::{ApiError, Code, Errors},
    input::Body,
    log_in::{SignedIn, give_token},
    recovery,
    registration::{FirstFactor, Recovery, Register, Registered, RegistrationChallenge, Temporary},
    token::Purpose,
};
use crate::{
    action::{Actor, Grounds, NewCredentials},
    client::Client,
    service::Services,
    storage::users,
};
use app::{
    action::change::{Change, UserRef},
    domain::{
        id::UserId,
        operation::Operation,
        text::{EmailAddress, ExternalId},
    },
};
use async_trait::async_trait;
use axum::{Extension, Json, extract::State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use utoipa::ToSchema;

/// The one kind that programs register.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
enum Customer {
    EndUser,
}

/// Whom to register.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = DelegatedRegistrationBody)]
pub(super) struct NewCustomer {
    #[schema(value_type = String, format = Email)]
    email: EmailAddress,
    kind: Customer,
    /// By which another system knows them.
    #[schema(value_type = Option<String>, max_length = 100)]
    external_id: Option<ExternalId>,
}

/// Registers a customer.
#[derive(Debug, Serialize)]
pub(super) struct RegisterCustomer(NewCustomer);

#[async_trait]
impl Call for RegisterCustomer {
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/auth/registration/delegated";

    fn read(given: &Given, _: &Places<'_>) -> Result<Self, ApiError> {
        given.parameters(&[])?;
        given.body().map(Self)
    }

    async fn change(&self, _: &mut Asking<'_>) -> Result<Change, ApiError> {
        Ok(Change::RegisterEndUser { email: self.0.email.clone(), external_id: self.0.external_id.clone() })
    }
}

/// Creates a customer, and begins their registration
#[utoipa::path(
    post,
    path = "/auth/registration/delegated",
    tag = "Customers",
    request_body = NewCustomer,
    params(("X-DFNS-USERACTION" = String, Header)),
    responses((status = 200, body = RegistrationChallenge), Errors),
    security(("token" = []))
)]
pub(super) async fn register(
    State(services): State<Arc<Services>>,
    signed: Signed<RegisterCustomer>,
) -> Result<Json<RegistrationChallenge>, ApiError> {
    let executed = signed.execute().await?;
    let user = executed.created.and_then(|id| id.parse().ok()).ok_or_else(|| ApiError::not_found("user"))?;
    let whom = Actor { organization: signed.caller.actor.organization, user };
    let request = services.road.ask_for_credential(whom, Grounds::Invitation { registration: None }).await;
    let request = request.map_err(|error| ApiError::of_action(&services, error))?;
    RegistrationChallenge::new(&services, whom, Purpose::Registration, &request).map(Json)
}

/// What a customer registers.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = RegisterEndUserBody)]
pub(super) struct RegisterEndUser {
    first_factor_credential: FirstFactor,
    recovery_credential: Option<Recovery>,
    /// Empty: there are no wallets here.
    #[schema(value_type = Vec<Object>, max_items = 0)]
    wallets: Vec<Value>,
}

impl RegisterEndUser {
    pub(super) fn brought(self) -> Result<NewCredentials, ApiError> {
        if !self.wallets.is_empty() {
            return Err(ApiError::new(Code::Impossible, "There are no wallets here: `wallets` must be empty."));
        }
        let Self { first_factor_credential, recovery_credential, .. } = self;
        Register { first_factor_credential, recovery_credential }.brought()
    }
}

/// What was registered, and a token of the customer's.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisteredEndUser)]
pub(super) struct RegisteredEndUser {
    #[serde(flatten)]
    registered: Registered,
    authentication: SignedIn,
    /// Always empty.
    #[schema(value_type = Vec<Object>)]
    wallets: [(); 0],
}

/// Finishes a customer's registration
#[utoipa::path(
    post,
    path = "/auth/registration/enduser",
    tag = "Customers",
    request_body = RegisterEndUser,
    responses((status = 200, body = RegisteredEndUser), Errors),
    security(("token" = []))
)]
pub(super) async fn finish(
    temporary: Temporary,
    State(services): State<Arc<Services>>,
    Extension(client): Extension<Client>,
    Body(body): Body<RegisterEndUser>,
) -> Result<Json<RegisteredEndUser>, ApiError> {
    let challenge = temporary.of(Purpose::Registration)?;
    let enrolled = services.road.enrol(challenge, body.brought()?, None, &client).await;
    let enrolled = enrolled.map_err(|error| ApiError::of_action(&services, error))?;
    let whom = Actor { organization: enrolled.user.organization, user: enrolled.user.id };
    let authentication = give_token(&services, &client, whom, Some(enrolled.credential)).await?;
    Ok(Json(RegisteredEndUser { registered: Registered::new(enrolled), authentication, wallets: [] }))
}

/// Which customer.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = DelegatedLoginBody)]
pub(super) struct Which {
    /// Mail address.
    username: String,
}

/// The customer with this address, for whoever may do this.
async fn named(asking: &mut Asking<'_>, username: &str, operation: Operation) -> Result<UserRef, ApiError> {
    asking.require(operation)?;
    let user = find(asking.services, asking.db, asking.actor, username).await?;
    Ok(UserRef { id: user.id, handle: user.email.into() })
}

async fn find(services: &Services, db: &mut crate::storage::Connection, actor: Actor, username: &str) -> Result<users::User, ApiError> {
    let email = EmailAddress::parse(username).map_err(|error| ApiError::bad_request(format!("`username`: {error}")))?;
    let found = users::find_by_email(db, &email, Some(actor.organization)).await;
    found.map_err(|error| ApiError::of_storage(services, error))?.ok_or_else(|| ApiError::not_found("user"))
}

/// Signs a customer in.
#[derive(Debug, Serialize)]
pub(super) struct LogIn(Which);

#[async_trait]
impl Call for LogIn {
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/auth/login/delegated";

    fn read(given: &Given, _: &Places<'_>) -> Result<Self, ApiError> {
        given.parameters(&[])?;
        given.body().map(Self)
    }

    async fn change(&self, asking: &mut Asking<'_>) -> Result<Change, ApiError> {
        Ok(Change::LogInEndUser { user: named(asking, &self.0.username, Operation::LoginDelegated).await? })
    }
}

/// Signs a customer in
#[utoipa::path(
    post,
    path = "/auth/login/delegated",
    tag = "Customers",
    request_body = Which,
    params(("X-DFNS-USERACTION" = String, Header)),
    responses((status = 200, body = SignedIn), Errors),
    security(("token" = []))
)]
pub(super) async fn log_in(
    State(services): State<Arc<Services>>,
    Extension(client): Extension<Client>,
    signed: Signed<LogIn>,
) -> Result<Json<SignedIn>, ApiError> {
    let user = executed_for(&services, &signed, &signed.call.0.username).await?;
    give_token(&services, &client, user, None).await.map(Json)
}

/// Executes it; whom it is about.
async fn executed_for<C>(services: &Services, signed: &Signed<C>, username: &str) -> Result<Actor, ApiError> {
    let actor = signed.caller.actor;
    signed.execute().await?;
    let mut db = signed.caller.connection().await?;
    let user: UserId = find(services, &mut db, actor, username).await?.id;
    Ok(Actor { organization: actor.organization, user })
}

/// Which customer, and which recovery key of theirs.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = DelegatedRecoveryBody)]
pub(super) struct Recovering {
    /// Mail address.
    username: String,
    /// The recovery key's id, as its owner chose it.
    credential_id: String,
}

/// Lets a customer recover.
#[derive(Debug, Serialize)]
pub(super) struct Recover(Recovering);

#[async_trait]
impl Call for Recover {
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/auth/recover/user/delegated";

    fn read(given: &Given, _: &Places<'_>) -> Result<Self, ApiError> {
        given.parameters(&[])?;
        given.body().map(Self)
    }

    async fn change(&self, asking: &mut Asking<'_>) -> Result<Change, ApiError> {
        let user = named(asking, &self.0.username, Operation::RecoverDelegated).await?;
        let whom = Actor { organization: asking.actor.organization, user: user.id };
        recovery::require_key(asking.services, asking.db, whom, &self.0.credential_id).await?;
        Ok(Change::RecoverEndUser { user })
    }
}

/// Begins a customer's recovery, without a code from a mail
#[utoipa::path(
    post,
    path = "/auth/recover/user/delegated",
    tag = "Customers",
    request_body = Recovering,
    params(("X-DFNS-USERACTION" = String, Header)),
    responses((status = 200, body = RegistrationChallenge), Errors),
    security(("token" = []))
)]
pub(super) async fn recover(
    State(services): State<Arc<Services>>,
    signed: Signed<Recover>,
) -> Result<Json<RegistrationChallenge>, ApiError> {
    let whom = executed_for(&services, &signed, &signed.call.0.username).await?;
    recovery::begin(&services, whom, &signed.call.0.credential_id).await.map(Json)
}

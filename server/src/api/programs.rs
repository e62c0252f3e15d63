//! `/auth/service-accounts` and `/auth/pats`: programs with rights of their own, and programs that act in somebody's name.

use super::{
    call::{Asking, Call, Given, Places, Signed},
    caller::Caller,
    error::{ApiError, Errors},
    input::{Id, Page, Parameters},
    log_in::write_token,
    permissions::{PermissionAssignment, given_permission, held},
    users::UserKind,
};
use crate::{
    action::Shown,
    service::Services,
    storage::{
        Connection,
        credentials::{self, Credential},
        identities::{self, Identity},
        permissions::{self, Held},
    },
};
use app::{
    action::{
        change::{Change, NewProgram, ProgramTerms},
        rules::LONGEST_TOKEN,
    },
    domain::{
        id::{TokenId, UserId},
        operation::Operation,
        text::{ExternalId, ProgramName, PublicKeyPem},
        time::Timestamp,
        user,
    },
};
use async_trait::async_trait;
use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, sync::Arc, time::Duration};
use utoipa::ToSchema;

/// Shorter ones are mistakes.
const SHORTEST: Duration = Duration::from_mins(1);
/// A service account, as a user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ServiceAccountUser)]
struct UserInfo {
    username: String,
    name: String,
    user_id: String,
    kind: UserKind,
    credential_uuid: String,
    org_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    is_active: bool,
    /// Always true.
    is_service_account: bool,
    /// Always true.
    is_registered: bool,
    permission_assignments: Vec<PermissionAssignment>,
}

/// Whose token it is.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
enum TokenKind {
    ServiceAccount,
    Pat,
}

/// A token.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AccessToken)]
pub(super) struct AccessToken {
    /// Shown once, when it is made: for the header `Authorization: Bearer …`.
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
    #[schema(format = DateTime)]
    date_created: String,
    /// Until when it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    date_expires: Option<String>,
    /// When it was last used, to the minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    date_last_used: Option<String>,
    /// The id of the key that signs with it.
    cred_id: String,
    is_active: bool,
    kind: TokenKind,
    linked_user_id: String,
    /// Always empty.
    linked_app_id: &'static str,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    org_id: String,
    permission_assignments: Vec<PermissionAssignment>,
    /// PEM.
    public_key: String,
    token_id: String,
}

/// A service account with its token.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServiceAccount {
    user_info: UserInfo,
    access_tokens: Vec<AccessToken>,
}

/// A page of the service accounts.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServiceAccounts {
    items: Vec<ServiceAccount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// The caller's access tokens.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AccessTokens {
    items: Vec<AccessToken>,
}

/// What is shown of programs, looked up for all of them at once.
struct Facts {
    now: Timestamp,
    keys: HashMap<UserId, Credential>,
    tokens: HashMap<UserId, (Timestamp, Option<Timestamp>)>,
    held: Vec<Held>,
    org_id: String,
}

impl Facts {
    async fn of(caller: &Caller, db: &mut Connection, programs: &[Identity]) -> Result<Self, ApiError> {
        let organization = caller.actor.organization;
        let ids: Vec<UserId> = programs.iter().map(|program| program.id).collect();
        let mut keys = HashMap::new();
        for id in &ids {
            let first = credentials::list(db, organization, *id).await.map_err(caller.failed())?.into_iter().next();
            keys.extend(first.map(|key| (*id, key)));
        }
        let sees = caller.may.allows(Operation::AssignmentsRead) || programs.iter().all(|program| program.owner.is_some());
        let held = if sees { permissions::held_by_each(db, organization, &ids).await.map_err(caller.failed())? } else { Vec::new() };
        let tokens = identities::tokens_of(db, organization, &ids).await.map_err(caller.failed())?;
        Ok(Self { now: caller.now(), keys, tokens, held, org_id: organization.to_string() })
    }

    fn assignments(&self, id: UserId) -> Vec<PermissionAssignment> {
        self.held.iter().filter(|held| held.user == id).map(held).collect()
    }

    fn token(&self, program: &Identity) -> AccessToken {
        let key = self.keys.get(&program.id);
        let token = self.tokens.get(&program.id);
        AccessToken {
            access_token: None,
            date_created: program.created_at.to_string(),
            date_expires: token.map(|(until, _)| until.to_string()),
            date_last_used: token.and_then(|(_, used)| *used).map(|used| used.to_string()),
            cred_id: key.map(|key| key.credential_id.clone()).unwrap_or_default(),
            is_active: program.may_act() && token.is_some_and(|(until, _)| self.now < *until),
            kind: if program.owner.is_some() { TokenKind::Pat } else { TokenKind::ServiceAccount },
            linked_user_id: program.owner.unwrap_or(program.id).to_string(),
            linked_app_id: "",
            name: program.handle.as_str().to_owned(),
            external_id: program.external_id.as_ref().map(ExternalId::to_string),
            org_id: self.org_id.clone(),
            permission_assignments: self.assignments(program.id),
            public_key: key.map(|key| key.key.to_pem()).unwrap_or_default(),
            token_id: TokenId::from_bytes(program.id.to_bytes()).to_string(),
        }
    }

    fn service_account(&self, program: &Identity) -> ServiceAccount {
        let name = program.handle.as_str().to_owned();
        ServiceAccount {
            user_info: UserInfo {
                username: name.clone(),
                name,
                user_id: program.id.to_string(),
                kind: UserKind::CustomerEmployee,
                credential_uuid: self.keys.get(&program.id).map(|key| key.id.to_string()).unwrap_or_default(),
                org_id: self.org_id.clone(),
                external_id: program.external_id.as_ref().map(ExternalId::to_string),
                is_active: program.may_act(),
                is_service_account: true,
                is_registered: true,
                permission_assignments: self.assignments(program.id),
            },
            access_tokens: vec![self.token(program)],
        }
    }
}

async fn find_account(caller: &Caller, db: &mut Connection, id: UserId) -> Result<Identity, ApiError> {
    let found = identities::find(db, caller.actor.organization, id).await.map_err(caller.failed())?;
    found.filter(|found| found.kind == user::UserKind::ServiceAccount).ok_or_else(|| ApiError::not_found("service account"))
}

async fn account(caller: &Caller, id: UserId) -> Result<ServiceAccount, ApiError> {
    let mut db = caller.connection().await?;
    let program = find_account(caller, &mut db, id).await?;
    let facts = Facts::of(caller, &mut db, std::slice::from_ref(&program)).await?;
    Ok(facts.service_account(&program))
}

/// One of the caller's own.
async fn find_token(caller: &Caller, db: &mut Connection, id: UserId) -> Result<Identity, ApiError> {
    let found = identities::find(db, caller.actor.organization, id).await.map_err(caller.failed())?;
    found.filter(|found| found.owner == Some(caller.whose)).ok_or_else(|| ApiError::not_found("access token"))
}

async fn token(caller: &Caller, id: UserId) -> Result<AccessToken, ApiError> {
    let mut db = caller.connection().await?;
    let program = find_token(caller, &mut db, id).await?;
    let facts = Facts::of(caller, &mut db, std::slice::from_ref(&program)).await?;
    Ok(facts.token(&program))
}

/// Lists service accounts
#[utoipa::path(
    get,
    path = "/auth/service-accounts",
    tag = "Programs",
    params(Page),
    responses((status = 200, body = ServiceAccounts), Errors),
    security(("token" = []))
)]
pub(super) async fn list_accounts(caller: Caller, Parameters(page): Parameters<Page>) -> Result<Json<ServiceAccounts>, ApiError> {
    let mut db = caller.reading(Operation::ServiceAccountsRead).await?;
    let (after, limit) = (page.after()?, page.one_more()?);
    let found = identities::service_accounts(&mut db, caller.actor.organization, &after, limit).await.map_err(caller.failed())?;
    let (programs, next_page_token) = page.cut(found, |program| program.handle.key())?;
    let facts = Facts::of(&caller, &mut db, &programs).await?;
    Ok(Json(ServiceAccounts { items: programs.iter().map(|program| facts.service_account(program)).collect(), next_page_token }))
}

/// Shows a service account
#[utoipa::path(
    get,
    path = "/auth/service-accounts/{serviceAccountId}",
    tag = "Programs",
    params(("serviceAccountId" = String, Path)),
    responses((status = 200, body = ServiceAccount), Errors),
    security(("token" = []))
)]
pub(super) async fn show_account(caller: Caller, Id(id): Id<UserId>) -> Result<Json<ServiceAccount>, ApiError> {
    drop(caller.reading(Operation::ServiceAccountsRead).await?);
    account(&caller, id).await.map(Json)
}

/// Lists the caller's own access tokens
#[utoipa::path(
    get,
    path = "/auth/pats",
    tag = "Programs",
    responses((status = 200, body = AccessTokens), Errors),
    security(("token" = []))
)]
pub(super) async fn list_tokens(caller: Caller) -> Result<Json<AccessTokens>, ApiError> {
    let mut db = caller.connection().await?;
    let programs = identities::access_tokens(&mut db, caller.actor.organization, caller.whose).await.map_err(caller.failed())?;
    let facts = Facts::of(&caller, &mut db, &programs).await?;
    Ok(Json(AccessTokens { items: programs.iter().map(|program| facts.token(program)).collect() }))
}

/// Shows one of the caller's own access tokens
#[utoipa::path(
    get,
    path = "/auth/pats/{tokenId}",
    tag = "Programs",
    params(("tokenId" = String, Path)),
    responses((status = 200, body = AccessToken), Errors),
    security(("token" = []))
)]
pub(super) async fn show_token(caller: Caller, Id(id): Id<TokenId>) -> Result<Json<AccessToken>, ApiError> {
    token(&caller, UserId::from_bytes(id.to_bytes())).await.map(Json)
}

/// A new program.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CreateProgramBody)]
pub(super) struct New {
    #[schema(value_type = String, max_length = 100)]
    name: ProgramName,
    /// PEM: what it signs with. The private half stays with whoever made it.
    #[schema(value_type = String)]
    public_key: PublicKeyPem,
    /// The permission that it has from the start.
    permission_id: Option<String>,
    #[schema(value_type = Option<String>, max_length = 100)]
    external_id: Option<ExternalId>,
    /// How many days its token counts: 730 at most, and unless it is said otherwise.
    #[schema(minimum = 1, maximum = 730)]
    days_valid: Option<u64>,
    /// The same in seconds, for access tokens.
    #[schema(minimum = 60, maximum = 63_072_000)]
    seconds_valid: Option<u64>,
}

impl New {
    fn life(&self) -> Result<Duration, ApiError> {
        let life = match (self.days_valid, self.seconds_valid) {
            (None, None) => Some(LONGEST_TOKEN),
            (Some(days), None) => days.checked_mul(24 * 60 * 60).filter(|seconds| *seconds > 0).map(Duration::from_secs),
            (None, Some(seconds)) => Some(Duration::from_secs(seconds)),
            (Some(_), Some(_)) => return Err(ApiError::bad_request("Give `daysValid` or `secondsValid`, not both.")),
        };
        life.filter(|life| (SHORTEST..=LONGEST_TOKEN).contains(life))
            .ok_or_else(|| ApiError::bad_request("A token counts from one minute to 730 days."))
    }

    async fn program(&self, asking: &mut Asking<'_>, needed: Operation) -> Result<NewProgram, ApiError> {
        asking.require(needed)?;
        let permission = match &self.permission_id {
            Some(id) => Some(given_permission(asking, id).await?),
            None => None,
        };
        Ok(NewProgram {
            terms: ProgramTerms { name: self.name.clone(), external_id: self.external_id.clone() },
            public_key: self.public_key.clone(),
            until: asking.services.ambient.now().plus(self.life()?),
            permission,
        })
    }
}

/// What a program will be called; what is left out stays.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = UpdateProgramBody)]
pub(super) struct Renamed {
    #[schema(value_type = Option<String>, max_length = 100)]
    name: Option<ProgramName>,
    #[schema(value_type = Option<String>, max_length = 100)]
    external_id: Option<ExternalId>,
}

/// Whether to go on without approval: nobody has to approve here.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ForceBody)]
pub(super) struct Force {
    force: Option<bool>,
}

/// A service account by its id, or an access token by its own.
trait Kind: Send + Sync + 'static {
    const KIND: user::UserKind;
    const WHAT: &'static str;

    fn id(places: &Places<'_>) -> Result<UserId, ApiError>;
}

/// What a change about a program is about, and what is there now.
async fn about<K: Kind>(asking: &mut Asking<'_>, id: UserId, needed: Option<Operation>) -> Result<Identity, ApiError> {
    needed.map_or(Ok(()), |operation| asking.require(operation))?;
    let found = identities::find(asking.db, asking.actor.organization, id).await.map_err(|error| asking.failed(error))?;
    let actor = asking.actor.user;
    found
        .filter(|found| found.kind == K::KIND && found.owner.is_none_or(|owner| owner == actor))
        .ok_or_else(|| ApiError::not_found(K::WHAT))
}

struct Accounts;

impl Kind for Accounts {
    const KIND: user::UserKind = user::UserKind::ServiceAccount;
    const WHAT: &'static str = "service account";

    fn id(places: &Places<'_>) -> Result<UserId, ApiError> {
        places.id(0, Self::WHAT)
    }
}

struct Tokens;

impl Kind for Tokens {
    const KIND: user::UserKind = user::UserKind::AccessToken;
    const WHAT: &'static str = "access token";

    fn id(places: &Places<'_>) -> Result<UserId, ApiError> {
        places.id::<TokenId>(0, Self::WHAT).map(|id| UserId::from_bytes(id.to_bytes()))
    }
}

macro_rules! creating {
    ($(#[$doc:meta])* $name:ident, $path:literal, $change:ident, $needed:ident) => {
        $(#[$doc])*
        #[derive(Debug, Serialize)]
        pub(super) struct $name(New);

        #[async_trait]
        impl Call for $name {
            const METHOD: &'static str = "POST";
            const PATH: &'static str = $path;

            fn read(given: &Given, _: &Places<'_>) -> Result<Self, ApiError> {
                given.parameters(&[])?;
                let new: New = given.body()?;
                new.life()?;
                Ok(Self(new))
            }

            async fn change(&self, asking: &mut Asking<'_>) -> Result<Change, ApiError> {
                Ok(Change::$change(self.0.program(asking, Operation::$needed).await?))
            }
        }
    };
}

creating!(
    /// Creates a service account.
    CreateAccount, "/auth/service-accounts", CreateServiceAccount, ServiceAccountsCreate
);
creating!(
    /// Creates an access token.
    CreateToken, "/auth/pats", CreateAccessToken, TokensCreate
);

/// Creates a service account
///
/// Its token is in the answer, and never shown again.
#[utoipa::path(
    post,
    path = "/auth/service-accounts",
    tag = "Programs",
    request_body = New,
    params(("X-DFNS-USERACTION" = String, Header)),
    responses((status = 200, body = ServiceAccount), Errors),
    security(("token" = []))
)]
pub(super) async fn create_account(
    State(services): State<Arc<Services>>,
    signed: Signed<CreateAccount>,
) -> Result<Json<ServiceAccount>, ApiError> {
    let (id, written) = made(&services, &signed).await?;
    let mut shown = account(&signed.caller, id).await?;
    if let Some(token) = shown.access_tokens.first_mut() {
        token.access_token = Some(written);
    }
    Ok(Json(shown))
}

/// Creates an access token of the caller's own
///
/// It is in the answer, and never shown again.
#[utoipa::path(
    post,
    path = "/auth/pats",
    tag = "Programs",
    request_body = New,
    params(("X-DFNS-USERACTION" = String, Header)),
    responses((status = 200, body = AccessToken), Errors),
    security(("token" = []))
)]
pub(super) async fn create_token(
    State(services): State<Arc<Services>>,
    signed: Signed<CreateToken>,
) -> Result<Json<AccessToken>, ApiError> {
    let (id, written) = made(&services, &signed).await?;
    let shown = token(&signed.caller, id).await?;
    Ok(Json(AccessToken { access_token: Some(written), ..shown }))
}

/// Executes it; the program's id and its token, written.
async fn made<C>(services: &Services, signed: &Signed<C>) -> Result<(UserId, String), ApiError> {
    match signed.execute().await?.shown {
        Some(Shown::Token(token)) => Ok((token.row.user, write_token(services, &token.row, token.whose)?)),
        _ => Err(ApiError::not_found("program")),
    }
}

macro_rules! changing {
    ($(#[$doc:meta])* $name:ident, $kind:ident, $verb:literal, $method:ident, $path:literal, $id:literal, $body:expr, [$($request:tt)*], $needed:expr, |$call:ident, $now:ident| $change:expr, $function:ident, $shown:ident, $shape:ident, $gone:expr) => {
        $(#[$doc])*
        #[derive(Debug, Serialize)]
        pub(super) struct $name {
            program: UserId,
            new: Option<Renamed>,
            force: Option<String>,
        }

        #[async_trait]
        impl Call for $name {
            const METHOD: &'static str = $verb;
            const PATH: &'static str = $path;

            fn read(given: &Given, places: &Places<'_>) -> Result<Self, ApiError> {
                let program = $kind::id(places)?;
                let read: fn(&Given) -> Result<(Option<Renamed>, Option<String>), ApiError> = $body;
                let (new, force) = read(given)?;
                Ok(Self { program, new, force })
            }

            async fn change(&self, asking: &mut Asking<'_>) -> Result<Change, ApiError> {
                let $now = about::<$kind>(asking, self.program, $needed).await?;
                let $call = self;
                Ok($change)
            }
        }

        $(#[$doc])*
        #[utoipa::path(
            $method,
            path = $path,
            tag = "Programs",
            $($request)*
            params(($id = String, Path), ("X-DFNS-USERACTION" = String, Header)),
            responses((status = 200, body = $shape), Errors),
            security(("token" = []))
        )]
        pub(super) async fn $function(signed: Signed<$name>) -> Result<Json<$shape>, ApiError> {
            let before = $shown(&signed.caller, signed.call.program).await?;
            signed.execute().await?;
            let after = $shown(&signed.caller, signed.call.program).await;
            // Of what is gone, what it was is shown.
            let gone: fn($shape) -> $shape = $gone;
            Ok(Json(after.unwrap_or_else(|_| gone(before))))
        }
    };
}

fn nothing(given: &Given) -> Result<(Option<Renamed>, Option<String>), ApiError> {
    given.parameters(&[])?;
    given.no_body().map(|()| (None, None))
}

fn force_in_query(given: &Given) -> Result<(Option<Renamed>, Option<String>), ApiError> {
    given.no_body()?;
    Ok((None, given.force()?))
}

fn force_in_body(given: &Given) -> Result<(Option<Renamed>, Option<String>), ApiError> {
    given.parameters(&[])?;
    let Force { force } = if given.is_empty() { Force::default() } else { given.body()? };
    Ok((None, force.map(|force| force.to_string())))
}

fn renamed(given: &Given) -> Result<(Option<Renamed>, Option<String>), ApiError> {
    given.parameters(&[])?;
    Ok((Some(given.body()?), None))
}

/// What it is called, and will be called.
fn update(program: &Identity, new: Option<&Renamed>) -> Result<Change, ApiError> {
    let unreadable = |error: app::domain::text::TextError| ApiError::bad_request(error.to_string());
    let name = ProgramName::parse(program.handle.as_str()).map_err(unreadable)?;
    let before = ProgramTerms { name, external_id: program.external_id.clone() };
    let after = ProgramTerms {
        name: new.and_then(|new| new.name.clone()).unwrap_or_else(|| before.name.clone()),
        external_id: new.and_then(|new| new.external_id.clone()).or_else(|| before.external_id.clone()),
    };
    Ok(Change::UpdateProgram { user: program.as_user(), before, after })
}

fn account_gone(before: ServiceAccount) -> ServiceAccount {
    ServiceAccount {
        user_info: UserInfo { is_active: false, ..before.user_info },
        access_tokens: before.access_tokens.into_iter().map(token_gone).collect(),
    }
}

fn token_gone(before: AccessToken) -> AccessToken {
    AccessToken { is_active: false, ..before }
}

changing!(
    /// Changes a service account's name and external id
    UpdateAccount, Accounts, "PUT", put, "/auth/service-accounts/{serviceAccountId}", "serviceAccountId", renamed, [request_body = Renamed,], Some(Operation::ServiceAccountsUpdate),
    |call, now| update(&now, call.new.as_ref())?, update_account, account, ServiceAccount, account_gone
);
changing!(
    /// Lets a service account in again
    ActivateAccount, Accounts, "PUT", put, "/auth/service-accounts/{serviceAccountId}/activate", "serviceAccountId", nothing, [], Some(Operation::ServiceAccountsActivate),
    |_call, now| Change::ActivateUser { user: now.as_user() }, activate_account, account, ServiceAccount, account_gone
);
changing!(
    /// Shuts a service account out, at once
    DeactivateAccount, Accounts, "PUT", put, "/auth/service-accounts/{serviceAccountId}/deactivate", "serviceAccountId", force_in_body, [request_body = Option<Force>,], Some(Operation::ServiceAccountsDeactivate),
    |_call, now| Change::DeactivateUser { user: now.as_user() }, deactivate_account, account, ServiceAccount, account_gone
);
changing!(
    /// Removes a service account for good
    DeleteAccount, Accounts, "DELETE", delete, "/auth/service-accounts/{serviceAccountId}", "serviceAccountId", force_in_query, [], Some(Operation::ServiceAccountsDelete),
    |_call, now| Change::DeleteUser { user: now.as_user() }, delete_account, account, ServiceAccount, account_gone
);
changing!(
    /// Changes an access token's name and external id
    UpdateToken, Tokens, "PUT", put, "/auth/pats/{tokenId}", "tokenId", renamed, [request_body = Renamed,], None,
    |call, now| update(&now, call.new.as_ref())?, update_token, token, AccessToken, token_gone
);
changing!(
    /// Lets an access token in again
    ActivateToken, Tokens, "PUT", put, "/auth/pats/{tokenId}/activate", "tokenId", nothing, [], None,
    |_call, now| Change::ActivateUser { user: now.as_user() }, activate_token, token, AccessToken, token_gone
);
changing!(
    /// Shuts an access token out, at once
    DeactivateToken, Tokens, "PUT", put, "/auth/pats/{tokenId}/deactivate", "tokenId", nothing, [], None,
    |_call, now| Change::DeactivateUser { user: now.as_user() }, deactivate_token, token, AccessToken, token_gone
);
changing!(
    /// Removes an access token for good
    DeleteToken, Tokens, "DELETE", delete, "/auth/pats/{tokenId}", "tokenId", nothing, [], None,
    |_call, now| Change::DeleteUser { user: now.as_user() }, delete_token, token, AccessToken, token_gone
);

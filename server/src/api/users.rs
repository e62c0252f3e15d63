//! `/auth/users`.

use super::{
    call::{Asking, Call, Given, Places, Signed},
    caller::Caller,
    error::{ApiError, Code, Errors},
    input::{Id, Page, Parameters},
    permissions::{PermissionAssignment, held},
};
use crate::storage::{
    Connection, StorageError, credentials,
    permissions::{self},
    users::{self, Filter},
};
use app::{
    action::change::{Change, UserRef},
    domain::{
        id::{OrganizationId, UserId},
        operation::{Operation, Operations},
        text::{EmailAddress, ExternalId},
        user::{self, UserStatus},
    },
};
use async_trait::async_trait;
use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What a user is to the organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) enum UserKind {
    /// Someone who works there.
    CustomerEmployee,
    /// A customer.
    EndUser,
}

impl From<user::UserKind> for UserKind {
    /// The client has no names of their own for programs.
    fn from(kind: user::UserKind) -> Self {
        match kind {
            user::UserKind::Employee | user::UserKind::ServiceAccount | user::UserKind::AccessToken => Self::CustomerEmployee,
            user::UserKind::EndUser => Self::EndUser,
        }
    }
}

impl From<UserKind> for user::UserKind {
    fn from(kind: UserKind) -> Self {
        match kind {
            UserKind::CustomerEmployee => Self::Employee,
            UserKind::EndUser => Self::EndUser,
        }
    }
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "they are the client's")]
pub(super) struct User {
    /// Mail address.
    username: String,
    /// Name; of those who were invited by address only, the address.
    name: String,
    /// Id.
    user_id: String,
    kind: UserKind,
    /// The first credential; empty, while there is none.
    credential_uuid: String,
    /// Organization.
    org_id: String,
    /// By which another system knows them.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    /// Whether they may do anything.
    is_active: bool,
    /// Whether it is a program.
    is_service_account: bool,
    /// Whether they have signed up.
    is_registered: bool,
    /// Always false: people sign in with passkeys and keys.
    #[serde(rename = "isSSORequired")]
    is_sso_required: bool,
    /// What they have; empty for callers who may not see it.
    permission_assignments: Vec<PermissionAssignment>,
}

/// A page of users.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Users)]
pub(super) struct UserPage {
    items: Vec<User>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// These users as the API shows them.
async fn shown(
    db: &mut Connection,
    organization: OrganizationId,
    found: Vec<users::User>,
    may: &Operations,
) -> Result<Vec<User>, StorageError> {
    let ids: Vec<UserId> = found.iter().map(|user| user.id).collect();
    let first = credentials::first_of_each(db, organization, &ids).await?;
    let assignments =
        if may.allows(Operation::AssignmentsRead) { permissions::held_by_each(db, organization, &ids).await? } else { Vec::new() };
    let show = |user: users::User| User {
        is_active: user.status() == UserStatus::Active || (user.deactivated_at.is_none() && user.may_register()),
        is_registered: user.registered_at.is_some(),
        name: user.called().to_owned(),
        username: user.email.to_string(),
        user_id: user.id.to_string(),
        kind: user.kind.into(),
        credential_uuid: first.get(&user.id).map(ToString::to_string).unwrap_or_default(),
        org_id: organization.to_string(),
        external_id: user.external_id,
        is_service_account: false,
        is_sso_required: false,
        permission_assignments: assignments.iter().filter(|held| held.user == user.id).map(held).collect(),
    };
    Ok(found.into_iter().map(show).collect())
}

/// A user of the caller's organization.
async fn one(caller: &Caller, db: &mut Connection, id: UserId) -> Result<User, ApiError> {
    let organization = caller.actor.organization;
    let user = users::find(db, organization, id).await.map_err(caller.failed())?.ok_or_else(|| ApiError::not_found("user"))?;
    let mut shown = shown(db, organization, vec![user], &caller.may).await.map_err(caller.failed())?;
    shown.pop().ok_or_else(|| ApiError::not_found("user"))
}

/// A person, as a change names them.
async fn named(asking: &mut Asking<'_>, id: UserId) -> Result<UserRef, ApiError> {
    let user = users::find(asking.db, asking.actor.organization, id).await.map_err(|error| asking.failed(error))?;
    user.map(|user| UserRef { id, handle: user.email.into() }).ok_or_else(|| ApiError::not_found("user"))
}

/// Of which kind only.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Of this kind only.
    kind: Option<UserKind>,
    /// At most so many items.
    #[param(minimum = 1, maximum = 200, default = 100)]
    limit: Option<u32>,
    /// Where the page before ended: its `nextPageToken`.
    pagination_token: Option<String>,
}

/// Lists users
#[utoipa::path(
    get,
    path = "/auth/users",
    tag = "Users",
    params(Which),
    responses((status = 200, body = UserPage), Errors),
    security(("token" = []))
)]
pub(super) async fn list(caller: Caller, Parameters(which): Parameters<Which>) -> Result<Json<UserPage>, ApiError> {
    let Which { kind, limit, pagination_token } = which;
    let page = Page::new(limit, pagination_token);
    let mut db = caller.reading(Operation::UsersRead).await?;
    let after = page.after()?;
    let filter = Filter { search: "", status: None, kind: kind.map(Into::into), after: &after };
    let found = users::list(&mut db, caller.actor.organization, filter, page.one_more()?).await.map_err(caller.failed())?;
    let (found, next_page_token) = page.cut(found, |(user, _)| user.email.key())?;
    let found = found.into_iter().map(|(user, _)| user).collect();
    let items = shown(&mut db, caller.actor.organization, found, &caller.may).await.map_err(caller.failed())?;
    Ok(Json(UserPage { items, next_page_token }))
}

/// Shows a user
#[utoipa::path(
    get,
    path = "/auth/users/{userId}",
    tag = "Users",
    params(("userId" = String, Path)),
    responses((status = 200, body = User), Errors),
    security(("token" = []))
)]
pub(super) async fn show(caller: Caller, Id(id): Id<UserId>) -> Result<Json<User>, ApiError> {
    let mut db = caller.reading(Operation::UsersRead).await?;
    one(&caller, &mut db, id).await.map(Json)
}

/// Creates a user.
#[derive(Debug, Serialize)]
pub(super) struct Create(NewUser);

/// Whom to create.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CreateUserBody)]
pub(super) struct NewUser {
    /// Where the invitation goes.
    #[schema(value_type = String, format = Email)]
    email: EmailAddress,
    kind: Employee,
    /// By which another system knows them.
    #[schema(value_type = Option<String>, max_length = 100)]
    external_id: Option<ExternalId>,
    /// Not to be set: there is no single sign-on here.
    #[serde(rename = "isSSORequired")]
    is_sso_required: Option<bool>,
    /// Not to be given: whoever is invited registers a key of their own.
    public_key: Option<String>,
}

/// The one kind that is invited: customers come through delegated registration.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
enum Employee {
    CustomerEmployee,
}

#[async_trait]
impl Call for Create {
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/auth/users";

    fn read(given: &Given, _: &Places<'_>) -> Result<Self, ApiError> {
        given.parameters(&[])?;
        let new: NewUser = given.body()?;
        if new.is_sso_required == Some(true) {
            return Err(no_single_sign_on());
        }
        if new.public_key.is_some() {
            return Err(ApiError::new(Code::Impossible, "Whoever is invited registers a key of their own: leave `publicKey` out."));
        }
        Ok(Self(new))
    }

    async fn change(&self, _: &mut Asking<'_>) -> Result<Change, ApiError> {
        Ok(Change::CreateUser { email: self.0.email.clone(), kind: user::UserKind::Employee, external_id: self.0.external_id.clone() })
    }
}

/// Creates a user
///
/// They get an invitation by mail, and no permission.
#[utoipa::path(
    post,
    path = "/auth/users",
    tag = "Users",
    request_body = NewUser,
    params(("X-DFNS-USERACTION" = String, Header)),
    responses((status = 200, body = User), Errors),
    security(("token" = []))
)]
pub(super) async fn create(signed: Signed<Create>) -> Result<Json<User>, ApiError> {
    let executed = signed.execute().await?;
    let id = executed.created.and_then(|id| id.parse().ok()).ok_or_else(|| ApiError::not_found("user"))?;
    let mut db = signed.caller.connection().await?;
    one(&signed.caller, &mut db, id).await.map(Json)
}

/// Says how a user signs in.
#[derive(Debug, Serialize)]
pub(super) struct Update {
    user: UserId,
    body: SignInBy,
}

/// How a user signs in.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateUserBody)]
pub(super) struct SignInBy {
    /// Always false: people sign in with passkeys and keys.
    #[serde(rename = "isSSORequired")]
    is_sso_required: bool,
}

#[async_trait]
impl Call for Update {
    const METHOD: &'static str = "PUT";
    const PATH: &'static str = "/auth/users/{userId}";

    fn read(given: &Given, places: &Places<'_>) -> Result<Self, ApiError> {
        given.parameters(&[])?;
        let body: SignInBy = given.body()?;
        if body.is_sso_required {
            return Err(no_single_sign_on());
        }
        Ok(Self { user: places.id(0, "user")?, body })
    }

    async fn change(&self, asking: &mut Asking<'_>) -> Result<Change, ApiError> {
        asking.require(Operation::UsersUpdate)?;
        Ok(Change::KeepSignIn { user: named(asking, self.user).await? })
    }
}

fn no_single_sign_on() -> ApiError {
    ApiError::new(Code::Impossible, "There is no single sign-on here: people sign in with passkeys and keys.")
}

/// Says how a user signs in
#[utoipa::path(
    put,
    path = "/auth/users/{userId}",
    tag = "Users",
    request_body = SignInBy,
    params(("userId" = String, Path), ("X-DFNS-USERACTION" = String, Header)),
    responses((status = 200, body = User), Errors),
    security(("token" = []))
)]
pub(super) async fn update(signed: Signed<Update>) -> Result<Json<User>, ApiError> {
    signed.execute().await?;
    let mut db = signed.caller.connection().await?;
    one(&signed.caller, &mut db, signed.call.user).await.map(Json)
}

macro_rules! change_of_status {
    ($(#[$doc:meta])* $name:ident, $function:ident, $method:ident, $verb:literal, $path:literal, $change:ident, $operation:ident) => {
        $(#[$doc])*
        #[derive(Debug, Serialize)]
        pub(super) struct $name {
            user: UserId,
        }

        #[async_trait]
        impl Call for $name {
            const METHOD: &'static str = $verb;
            const PATH: &'static str = $path;

            fn read(given: &Given, places: &Places<'_>) -> Result<Self, ApiError> {
                given.parameters(&[])?;
                given.no_body()?;
                Ok(Self { user: places.id(0, "user")? })
            }

            async fn change(&self, asking: &mut Asking<'_>) -> Result<Change, ApiError> {
                asking.require(Operation::$operation)?;
                Ok(Change::$change { user: named(asking, self.user).await? })
            }
        }

        $(#[$doc])*
        #[utoipa::path(
            $method,
            path = $path,
            tag = "Users",
            params(("userId" = String, Path), ("X-DFNS-USERACTION" = String, Header)),
            responses((status = 200, body = User), Errors),
            security(("token" = []))
        )]
        pub(super) async fn $function(signed: Signed<$name>) -> Result<Json<User>, ApiError> {
            let mut db = signed.caller.connection().await?;
            let before = one(&signed.caller, &mut db, signed.call.user).await?;
            drop(db);
            signed.execute().await?;
            let mut db = signed.caller.connection().await?;
            let after = one(&signed.caller, &mut db, signed.call.user).await;
            // Of whoever is gone, what they were is shown.
            Ok(Json(after.unwrap_or(User { is_active: false, ..before })))
        }
    };
}

change_of_status!(
    /// Lets a user in again
    Activate, activate, put, "PUT", "/auth/users/{userId}/activate", ActivateUser, UsersActivate
);
change_of_status!(
    /// Shuts a user out, at once
    Deactivate, deactivate, put, "PUT", "/auth/users/{userId}/deactivate", DeactivateUser, UsersDeactivate
);
change_of_status!(
    /// Removes a user for good
    Delete, delete, delete, "DELETE", "/auth/users/{userId}", DeleteUser, UsersDelete
);

//! `/permissions`, and who has which.

use super::{
    call::{Asking, Call, Given, Places, Signed},
    caller::Caller,
    error::{ApiError, Code, Errors},
    input::{Id, Page, Parameters},
};
use crate::storage::{
    Connection, identities,
    permissions::{self, Held},
};
use app::{
    action::{
        change::{Change, GivenPermission, PermissionTerms},
        rules::PermissionFacts,
    },
    domain::{
        id::{AssignmentId, PermissionId, TokenId, UserId},
        operation::{Operation, Operations},
        text::PermissionName,
        time::Timestamp,
    },
};
use async_trait::async_trait;
use axum::{Json, http::StatusCode};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// A permission that somebody has.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PermissionAssignment {
    permission_name: String,
    permission_id: String,
    assignment_id: String,
    operations: Vec<&'static str>,
}

pub(super) fn held(held: &Held) -> PermissionAssignment {
    PermissionAssignment {
        permission_name: name(&held.name, held.is_managed, &held.operations),
        permission_id: held.permission.to_string(),
        assignment_id: held.assignment.to_string(),
        operations: names(&held.operations),
    }
}

/// The managed ones have names of their own here.
fn name(name: &PermissionName, is_managed: bool, operations: &Operations) -> String {
    match (is_managed, operations) {
        (false, _) => name.to_string(),
        (true, Operations::All) => "ManagedFullAdminAccess".to_owned(),
        (true, Operations::These(_)) => "ManagedDefaultEndUserAccess".to_owned(),
    }
}

fn names(operations: &Operations) -> Vec<&'static str> {
    operations.iter().map(Operation::name).collect()
}

/// A permission.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Permission {
    id: String,
    name: String,
    operations: Vec<&'static str>,
    /// Always `Active`.
    status: &'static str,
    /// Whether it came with the organization.
    is_immutable: bool,
    /// Whether it was put away.
    is_archived: bool,
    #[schema(format = DateTime)]
    date_created: String,
    #[schema(format = DateTime)]
    date_updated: String,
}

/// A page of permissions.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Permissions)]
pub(super) struct PermissionPage {
    items: Vec<Permission>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

async fn shown(caller: &Caller, db: &mut Connection, found: Vec<PermissionFacts>) -> Result<Vec<Permission>, ApiError> {
    let ids: Vec<PermissionId> = found.iter().map(|permission| permission.id).collect();
    let dates = permissions::dates(db, caller.actor.organization, &ids).await.map_err(caller.failed())?;
    let show = |permission: PermissionFacts| {
        let [created, updated] = dates.get(&permission.id).copied().unwrap_or([Timestamp::from_millis(0); 2]);
        Permission {
            id: permission.id.to_string(),
            name: name(&permission.name, permission.is_managed, &permission.operations),
            operations: names(&permission.operations),
            status: "Active",
            is_immutable: permission.is_managed,
            is_archived: permission.is_archived,
            date_created: created.to_string(),
            date_updated: updated.to_string(),
        }
    };
    Ok(found.into_iter().map(show).collect())
}

async fn find(caller: &Caller, db: &mut Connection, id: PermissionId) -> Result<PermissionFacts, ApiError> {
    let found = permissions::find(db, caller.actor.organization, id).await.map_err(caller.failed())?;
    found.ok_or_else(|| ApiError::not_found("permission"))
}

async fn one(caller: &Caller, db: &mut Connection, id: PermissionId) -> Result<Permission, ApiError> {
    let found = find(caller, db, id).await?;
    let mut shown = shown(caller, db, vec![found]).await?;
    shown.pop().ok_or_else(|| ApiError::not_found("permission"))
}

/// What is there now of the permission that a change will be about, for whoever may make that change.
async fn present(asking: &mut Asking<'_>, id: PermissionId, operation: Operation) -> Result<PermissionFacts, ApiError> {
    asking.require(operation)?;
    let found = permissions::find(asking.db, asking.actor.organization, id).await.map_err(|error| asking.failed(error))?;
    found.ok_or_else(|| ApiError::not_found("permission"))
}

/// A permission that a new program begins with.
pub(super) async fn given_permission(asking: &mut Asking<'_>, id: &str) -> Result<GivenPermission, ApiError> {
    let id = id.parse().map_err(|_| ApiError::not_found("permission"))?;
    let found = permissions::find(asking.db, asking.actor.organization, id).await.map_err(|error| asking.failed(error))?;
    let permission = found.ok_or_else(|| ApiError::not_found("permission"))?;
    Ok(permission.given())
}

/// A user's or a service account's id, or an access token's.
fn identity(text: &str) -> Option<UserId> {
    let token = || text.parse::<TokenId>().ok().map(|id| UserId::from_bytes(id.to_bytes()));
    text.parse().ok().or_else(token)
}

/// Lists permissions
#[utoipa::path(
    get,
    path = "/permissions",
    tag = "Permissions",
    params(Page),
    responses((status = 200, body = PermissionPage), Errors),
    security(("token" = []))
)]
pub(super) async fn list(caller: Caller, Parameters(page): Parameters<Page>) -> Result<Json<PermissionPage>, ApiError> {
    let mut db = caller.reading(Operation::PermissionsRead).await?;
    let after = page.after()?.parse().ok();
    let found = permissions::list(&mut db, caller.actor.organization, after, page.one_more()?).await.map_err(caller.failed())?;
    let (found, next_page_token) = page.cut(found, |permission| permission.id.to_string())?;
    Ok(Json(PermissionPage { items: shown(&caller, &mut db, found).await?, next_page_token }))
}

/// Shows a permission
#[utoipa::path(
    get,
    path = "/permissions/{permissionId}",
    tag = "Permissions",
    params(("permissionId" = String, Path)),
    responses((status = 200, body = Permission), Errors),
    security(("token" = []))
)]
pub(super) async fn show(caller: Caller, Id(id): Id<PermissionId>) -> Result<Json<Permission>, ApiError> {
    let mut db = caller.reading(Operation::PermissionsRead).await?;
    one(&caller, &mut db, id).await.map(Json)
}

/// Defines a permission.
#[derive(Debug, Serialize)]
pub(super) struct Create(Terms);

/// What a permission says.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreatePermissionBody)]
pub(super) struct Terms {
    /// Unique, also among archived ones.
    #[schema(value_type = String, max_length = 100)]
    name: PermissionName,
    /// What it allows.
    #[schema(value_type = Vec<String>)]
    #[serde(deserialize_with = "operations")]
    operations: BTreeSet<Operation>,
}

/// By their names, also by those that the client has from before.
fn operations<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<Operation>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    let read = |name: &String| Operation::from_any_name(name).map_err(|_| D::Error::custom(format!("`{name}` is no operation")));
    names.iter().map(read).collect()
}

fn some_operations<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<BTreeSet<Operation>>, D::Error> {
    operations(deserializer).map(Some)
}

#[async_trait]
impl Call for Create {
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/permissions";

    fn read(given: &Given, _: &Places<'_>) -> Result<Self, ApiError> {
        given.parameters(&[])?;
        given.body().map(Self)
    }

    async fn change(&self, _: &mut Asking<'_>) -> Result<Change, ApiError> {
        let Terms { name, operations } = &self.0;
        Ok(Change::CreatePermission { terms: PermissionTerms { name: name.clone(), operations: operations.clone() } })
    }
}

/// Defines a permission
#[utoipa::path(
    post,
    path = "/permissions",
    tag = "Permissions",
    request_body = Terms,
    params(("X-DFNS-USERACTION" = String, Header)),
    responses((status = 200, body = Permission), Errors),
    security(("token" = []))
)]
pub(super) async fn create(signed: Signed<Create>) -> Result<Json<Permission>, ApiError> {
    let executed = signed.execute().await?;
    let id = executed.created.and_then(|id| id.parse().ok()).ok_or_else(|| ApiError::not_found("permission"))?;
    let mut db = signed.caller.connection().await?;
    one(&signed.caller, &mut db, id).await.map(Json)
}

/// Changes what a permission says.
#[derive(Debug, Serialize)]
pub(super) struct Update {
    permission: PermissionId,
    new: NewTerms,
}

/// What a permission will say; what is left out stays.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdatePermissionBody)]
pub(super) struct NewTerms {
    #[schema(value_type = Option<String>, max_length = 100)]
    name: Option<PermissionName>,
    #[schema(value_type = Option<Vec<String>>)]
    #[serde(default, deserialize_with = "some_operations")]
    operations: Option<BTreeSet<Operation>>,
}

#[async_trait]
impl Call for Update {
    const METHOD: &'static str = "PUT";
    const PATH: &'static str = "/permissions/{permissionId}";

    fn read(given: &Given, places: &Places<'_>) -> Result<Self, ApiError> {
        given.parameters(&[])?;
        Ok(Self { permission: places.id(0, "permission")?, new: given.body()? })
    }

    async fn change(&self, asking: &mut Asking<'_>) -> Result<Change, ApiError> {
        let now = present(asking, self.permission, Operation::PermissionsUpdate).await?;
        let Operations::These(operations) = now.operations.clone() else {
            return Err(ApiError::new(Code::Impossible, "This permission came with the organization, and can't be changed."));
        };
        let before = PermissionTerms { name: now.name.clone(), operations };
        let after = PermissionTerms {
            name: self.new.name.clone().unwrap_or_else(|| before.name.clone()),
            operations: self.new.operations.clone().unwrap_or_else(|| before.operations.clone()),
        };
        Ok(Change::UpdatePermission { id: now.id, version: now.version, before, after })
    }
}

/// Changes what a permission says, for everyone who has it
#[utoipa::path(
    put,
    path = "/permissions/{permissionId}",
    tag = "Permissions",
    request_body = NewTerms,
    params(("permissionId" = String, Path), ("X-DFNS-USERACTION" = String, Header)),
    responses((status = 200, body = Permission), Errors),
    security(("token" = []))
)]
pub(super) async fn update(signed: Signed<Update>) -> Result<Json<Permission>, ApiError> {
    signed.execute().await?;
    let mut db = signed.caller.connection().await?;
    one(&signed.caller, &mut db, signed.call.permission).await.map(Json)
}

/// Puts a permission away.
#[derive(Debug, Serialize)]
pub(super) struct Archive {
    permission: PermissionId,
    body: Archived,
}

/// Whether a permission is put away.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ArchivePermissionBody)]
pub(super) struct Archived {
    is_archived: bool,
}

#[async_trait]
impl Call for Archive {
    const METHOD: &'static str = "PUT";
    const PATH: &'static str = "/permissions/{permissionId}/archive";

    fn read(given: &Given, places: &Places<'_>) -> Result<Self, ApiError> {
        given.parameters(&[])?;
        Ok(Self { permission: places.id(0, "permission")?, body: given.body()? })
    }

    async fn change(&self, asking: &mut Asking<'_>) -> Result<Change, ApiError> {
        let permission = present(asking, self.permission, Operation::PermissionsArchive).await?.named();
        Ok(if self.body.is_archived { Change::ArchivePermission { permission } } else { Change::RestorePermission { permission } })
    }
}

/// Puts a permission away that nobody has, or takes it out again
#[utoipa::path(
    put,
    path = "/permissions/{permissionId}/archive",
    tag = "Permissions",
    request_body = Archived,
    params(("permissionId" = String, Path), ("X-DFNS-USERACTION" = String, Header)),
    responses((status = 200, body = Permission), Errors),
    security(("token" = []))
)]
pub(super) async fn archive(signed: Signed<Archive>) -> Result<Json<Permission>, ApiError> {
    signed.execute().await?;
    let mut db = signed.caller.connection().await?;
    one(&signed.caller, &mut db, signed.call.permission).await.map(Json)
}

/// A permission given to somebody.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Assignment {
    id: String,
    permission_id: String,
    /// To whom.
    identity_id: String,
    /// Always false.
    is_immutable: bool,
    #[schema(format = DateTime)]
    date_created: String,
    #[schema(format = DateTime)]
    date_updated: String,
}

impl Assignment {
    fn new(id: AssignmentId, permission: PermissionId, identity: UserId, at: Timestamp) -> Self {
        Self {
            id: id.to_string(),
            permission_id: permission.to_string(),
            identity_id: identity.to_string(),
            is_immutable: false,
            date_created: at.to_string(),
            date_updated: at.to_string(),
        }
    }
}

/// A page of assignments.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Assignments)]
pub(super) struct AssignmentPage {
    items: Vec<Assignment>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// Lists who has a permission
#[utoipa::path(
    get,
    path = "/permissions/{permissionId}/assignments",
    tag = "Permissions",
    params(("permissionId" = String, Path), Page),
    responses((status = 200, body = AssignmentPage), Errors),
    security(("token" = []))
)]
pub(super) async fn list_assignments(
    caller: Caller,
    Id(id): Id<PermissionId>,
    Parameters(page): Parameters<Page>,
) -> Result<Json<AssignmentPage>, ApiError> {
    let mut db = caller.reading(Operation::AssignmentsRead).await?;
    find(&caller, &mut db, id).await?;
    let organization = caller.actor.organization;
    let found = permissions::holders(&mut db, organization, id, &page.after()?, page.one_more()?).await.map_err(caller.failed())?;
    let (found, next_page_token) = page.cut(found, |(_, user, _)| user.handle.key())?;
    let items = found.into_iter().map(|(assignment, user, at)| Assignment::new(assignment, id, user.id, at)).collect();
    Ok(Json(AssignmentPage { items, next_page_token }))
}

/// Gives somebody a permission.
#[derive(Debug, Serialize)]
pub(super) struct Assign {
    permission: PermissionId,
    body: Whom,
}

/// Who gets a permission.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CreateAssignmentBody)]
pub(super) struct Whom {
    /// Id of a user, a service account or an access token.
    identity_id: String,
}

#[async_trait]
impl Call for Assign {
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/permissions/{permissionId}/assignments";

    fn read(given: &Given, places: &Places<'_>) -> Result<Self, ApiError> {
        given.parameters(&[])?;
        Ok(Self { permission: places.id(0, "permission")?, body: given.body()? })
    }

    async fn change(&self, asking: &mut Asking<'_>) -> Result<Change, ApiError> {
        let permission = present(asking, self.permission, Operation::PermissionsAssign).await?;
        let identity = identity(&self.body.identity_id).ok_or_else(|| ApiError::not_found("user"))?;
        let found = identities::find(asking.db, asking.actor.organization, identity).await.map_err(|error| asking.failed(error))?;
        let user = found.map(|found| found.as_user()).ok_or_else(|| ApiError::not_found("user"))?;
        Ok(Change::AssignPermission { permission: permission.named(), operations: permission.operations, user })
    }
}

/// Gives somebody a permission
#[utoipa::path(
    post,
    path = "/permissions/{permissionId}/assignments",
    tag = "Permissions",
    request_body = Whom,
    params(("permissionId" = String, Path), ("X-DFNS-USERACTION" = String, Header)),
    responses((status = 200, body = Assignment), Errors),
    security(("token" = []))
)]
pub(super) async fn assign(signed: Signed<Assign>) -> Result<Json<Assignment>, ApiError> {
    let executed = signed.execute().await?;
    let created = executed.created.and_then(|id| id.parse().ok()).zip(identity(&signed.call.body.identity_id));
    let (id, user) = created.ok_or_else(|| ApiError::not_found("assignment"))?;
    Ok(Json(Assignment::new(id, signed.call.permission, user, executed.executed_at)))
}

/// Takes a permission away from somebody.
#[derive(Debug, Serialize)]
pub(super) struct Revoke {
    permission: PermissionId,
    assignment: AssignmentId,
    force: Option<String>,
}

#[async_trait]
impl Call for Revoke {
    const METHOD: &'static str = "DELETE";
    const PATH: &'static str = "/permissions/{permissionId}/assignments/{assignmentId}";

    fn read(given: &Given, places: &Places<'_>) -> Result<Self, ApiError> {
        given.no_body()?;
        Ok(Self { permission: places.id(0, "permission")?, assignment: places.id(1, "assignment")?, force: given.force()? })
    }

    async fn change(&self, asking: &mut Asking<'_>) -> Result<Change, ApiError> {
        let permission = present(asking, self.permission, Operation::PermissionsRevoke).await?;
        let holder = permissions::holder(asking.db, asking.actor.organization, permission.id, self.assignment).await;
        let user = holder.map_err(|error| asking.failed(error))?.ok_or_else(|| ApiError::not_found("assignment"))?;
        Ok(Change::RevokeAssignment { id: self.assignment, permission: permission.named(), user })
    }
}

/// Takes a permission away from somebody
#[utoipa::path(
    delete,
    path = "/permissions/{permissionId}/assignments/{assignmentId}",
    tag = "Permissions",
    params(
        ("permissionId" = String, Path),
        ("assignmentId" = String, Path),
        ("force" = Option<bool>, Query, description = "Changes nothing: nobody has to approve here."),
        ("X-DFNS-USERACTION" = String, Header)
    ),
    responses((status = 204, description = "Done"), Errors),
    security(("token" = []))
)]
pub(super) async fn revoke(signed: Signed<Revoke>) -> Result<StatusCode, ApiError> {
    signed.execute().await?;
    Ok(StatusCode::NO_CONTENT)
}

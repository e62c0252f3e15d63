//! Reading the organization's service accounts, and one's own access tokens.

use super::{
    ONE_MORE, RequestBackend, one_page,
    users::{CHOICE, as_shown, assignable, recent_changes},
};
use crate::{
    action::Actor,
    storage::{
        Connection, StorageError, credentials,
        identities::{self, Identity},
        permissions,
    },
};
use app::{
    action::{
        change::GivenPermission,
        rules::{PermissionFacts, may_be_given},
    },
    domain::{
        id::{OrganizationId, UserId},
        operation::{Operation, Operations},
        user::{UserKind, UserStatus},
    },
    refusal::{Code, Refusal},
    rpc::programs::{ProgramChoice, ProgramDetails, ProgramKey, ProgramList, ProgramRow},
};

pub(super) async fn service_accounts(backend: &RequestBackend, after: &str) -> Result<ProgramList, Refusal> {
    let failed = |error| backend.storage_failed(error);
    let actor = backend.actor().await?;
    let mut db = backend.services.storage.connection().await.map_err(failed)?;
    let may = backend.require(&mut db, actor, Operation::ServiceAccountsRead).await?;
    let found = identities::service_accounts(&mut db, actor.organization, after, ONE_MORE).await.map_err(failed)?;
    let (found, next) = one_page(found, |program| program.handle.key());
    let programs = rows(&mut db, actor.organization, found, may.allows(Operation::AssignmentsRead)).await.map_err(failed)?;
    Ok(ProgramList { programs, next, now: backend.services.ambient.now() })
}

pub(super) async fn access_tokens(backend: &RequestBackend) -> Result<ProgramList, Refusal> {
    let failed = |error| backend.storage_failed(error);
    let (mut db, actor) = backend.active().await?;
    let programs = tokens_of(&mut db, actor.organization, actor.user, true).await.map_err(failed)?;
    Ok(ProgramList { programs, next: None, now: backend.services.ambient.now() })
}

/// The access tokens that act in somebody's name.
pub(super) async fn tokens_of(
    db: &mut Connection,
    organization: OrganizationId,
    owner: UserId,
    sees_permissions: bool,
) -> Result<Vec<ProgramRow>, StorageError> {
    let found = identities::access_tokens(db, organization, owner).await?;
    rows(db, organization, found, sees_permissions).await
}

pub(super) async fn service_account(backend: &RequestBackend, id: UserId) -> Result<ProgramDetails, Refusal> {
    let actor = backend.actor().await?;
    let mut db = backend.services.storage.connection().await.map_err(|error| backend.storage_failed(error))?;
    let may = backend.require(&mut db, actor, Operation::ServiceAccountsRead).await?;
    let found = identities::find(&mut db, actor.organization, id).await.map_err(|error| backend.storage_failed(error))?;
    let program = found
        .filter(|found| found.kind == UserKind::ServiceAccount)
        .ok_or_else(|| Refusal::new(Code::NotFound, "There is no such service account in this organization."))?;
    let sees_permissions = may.allows(Operation::AssignmentsRead);
    details(backend, &mut db, actor, &may, program, sees_permissions).await.map_err(|error| backend.storage_failed(error))
}

pub(super) async fn access_token(backend: &RequestBackend, id: UserId) -> Result<ProgramDetails, Refusal> {
    let (mut db, actor) = backend.active().await?;
    let found = identities::find(&mut db, actor.organization, id).await.map_err(|error| backend.storage_failed(error))?;
    let program = found
        .filter(|found| found.owner == Some(actor.user))
        .ok_or_else(|| Refusal::new(Code::NotFound, "You have no such access token."))?;
    let may = permissions::operations_of(&mut db, actor.organization, actor.user).await.map_err(|error| backend.storage_failed(error))?;
    details(backend, &mut db, actor, &may, program, true).await.map_err(|error| backend.storage_failed(error))
}

/// What a new service account or access token could have from the start. Whoever may not read permissions chooses among
/// those that they have themselves.
pub(super) async fn choice(backend: &RequestBackend, needed: Operation) -> Result<ProgramChoice, Refusal> {
    let failed = |error| backend.storage_failed(error);
    let actor = backend.actor().await?;
    let mut db = backend.services.storage.connection().await.map_err(failed)?;
    let may = backend.require(&mut db, actor, needed).await?;
    let own = permissions::held_by(&mut db, actor.organization, actor.user).await.map_err(failed)?;
    let all = permissions::list(&mut db, actor.organization, None, CHOICE).await.map_err(failed)?;
    let reads = may.allows(Operation::PermissionsRead);
    let permissions: Vec<GivenPermission> = all
        .into_iter()
        .filter(|permission| !permission.is_archived && (reads || own.iter().any(|(_, own, _)| own.id == permission.id)))
        // An access token's permission only narrows what its owner may do.
        .filter(|permission| needed == Operation::TokensCreate || may_be_given(permission, &may).is_ok())
        .map(PermissionFacts::given)
        .collect();
    Ok(ProgramChoice { permissions, now: backend.services.ambient.now() })
}

async fn rows(
    db: &mut Connection,
    organization: OrganizationId,
    found: Vec<Identity>,
    sees_permissions: bool,
) -> Result<Vec<ProgramRow>, StorageError> {
    let ids: Vec<UserId> = found.iter().map(|program| program.id).collect();
    let tokens = identities::tokens_of(db, organization, &ids).await?;
    let held = if sees_permissions { permissions::held_by_each(db, organization, &ids).await? } else { Vec::new() };
    Ok(found
        .into_iter()
        .map(|program| {
            let token = tokens.get(&program.id);
            let names = || held.iter().filter(|held| held.user == program.id).map(|held| held.name.to_string()).collect();
            ProgramRow {
                permissions: sees_permissions.then(names),
                user: program.as_user(),
                external_id: program.external_id,
                status: program.status,
                until: token.map(|(until, _)| *until),
                last_used_at: token.and_then(|(_, used)| *used),
            }
        })
        .collect())
}

async fn details(
    backend: &RequestBackend,
    db: &mut Connection,
    actor: Actor,
    may: &Operations,
    program: Identity,
    sees_permissions: bool,
) -> Result<ProgramDetails, StorageError> {
    let organization = actor.organization;
    let (id, created_at, is_active) = (program.id, program.created_at, program.status == UserStatus::Active);
    let held = permissions::held_by(db, organization, id).await?;
    let assignable = if is_active { assignable(db, organization, may, &held).await? } else { Vec::new() };
    let key = credentials::list(db, organization, id).await?.into_iter().next();
    let changes = recent_changes(db, organization, may, id).await?;
    let row = rows(db, organization, vec![program], sees_permissions).await?.pop();
    Ok(ProgramDetails {
        row: row.ok_or(StorageError::Inconsistent { table: "users", column: "id" })?,
        created_at,
        key: key.map(|key| ProgramKey {
            credential_id: key.credential_id,
            algorithm: key.key.algorithm().label().to_owned(),
            pem: key.key.to_pem(),
        }),
        permissions: sees_permissions.then(|| as_shown(held)),
        assignable,
        changes,
        now: backend.services.ambient.now(),
    })
}

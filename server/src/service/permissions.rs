//! Reading the organization's permissions.

use super::{ONE_MORE, RequestBackend, one_page};
use crate::storage::permissions;
use app::{
    action::rules::PermissionFacts,
    domain::{
        id::PermissionId,
        operation::{Operation, Operations},
    },
    refusal::{Code, Refusal},
    rpc::permissions::{Holder, PermissionDetails, PermissionList, PermissionRow},
};

pub(super) async fn list(backend: &RequestBackend, after: &str) -> Result<PermissionList, Refusal> {
    let failed = |error| backend.storage_failed(error);
    let actor = backend.actor().await?;
    let mut db = backend.services.storage.connection().await.map_err(failed)?;
    let may = backend.require(&mut db, actor, Operation::PermissionsRead).await?;
    let found = permissions::list(&mut db, actor.organization, after.parse().ok(), ONE_MORE).await.map_err(failed)?;
    let (found, next) = one_page(found, |permission| permission.id.to_string());
    Ok(PermissionList { permissions: found.into_iter().map(|permission| row(permission, &may)).collect(), next })
}

pub(super) async fn details(backend: &RequestBackend, id: PermissionId, after: &str) -> Result<PermissionDetails, Refusal> {
    let failed = |error| backend.storage_failed(error);
    let actor = backend.actor().await?;
    let mut db = backend.services.storage.connection().await.map_err(failed)?;
    let may = backend.require(&mut db, actor, Operation::PermissionsRead).await?;
    let permission = permissions::find(&mut db, actor.organization, id)
        .await
        .map_err(failed)?
        .ok_or_else(|| Refusal::new(Code::NotFound, "There is no such permission in this organization."))?;
    let (mut holders, mut next) = (None, None);
    if may.allows(Operation::AssignmentsRead) {
        let found = permissions::holders(&mut db, actor.organization, id, after, ONE_MORE).await.map_err(failed)?;
        let (found, behind) = one_page(found, |(_, user, _)| user.handle.key());
        next = behind;
        holders = Some(found.into_iter().map(|(assignment, user, _)| Holder { assignment, user }).collect());
    }
    Ok(PermissionDetails { row: row(permission, &may), holders, next })
}

fn row(permission: PermissionFacts, may: &Operations) -> PermissionRow {
    PermissionRow {
        permission: permission.named(),
        operations: permission.operations,
        is_managed: permission.is_managed,
        is_archived: permission.is_archived,
        holders: may.allows(Operation::AssignmentsRead).then_some(permission.holders),
    }
}

//! Reading the organization's permissions.

use super::RequestBackend;
use crate::storage::permissions;
use app::{
    action::{change::PermissionRef, rules::PermissionFacts},
    domain::{
        id::PermissionId,
        operation::{Operation, Operations},
    },
    refusal::{Code, Refusal},
    rpc::permissions::{Holder, PermissionDetails, PermissionList, PermissionRow},
};

/// Permissions, or holders of one, on one page.
const PAGE: usize = 50;

pub(super) async fn list(backend: &RequestBackend, after: &str) -> Result<PermissionList, Refusal> {
    let failed = |error| backend.storage_failed(error);
    let actor = backend.actor().await?;
    let mut db = backend.services.storage.connection().await.map_err(failed)?;
    let may = backend.require(&mut db, actor, Operation::PermissionsRead).await?;
    let mut found = permissions::list(&mut db, actor.organization, after.parse().ok(), one_more()).await.map_err(failed)?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let next = found.last().filter(|_| more).map(|permission| permission.id.to_string());
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
        let mut found = permissions::holders(&mut db, actor.organization, id, after, one_more()).await.map_err(failed)?;
        let more = found.len() > PAGE;
        found.truncate(PAGE);
        next = found.last().filter(|_| more).map(|(_, user)| user.email.key());
        holders = Some(found.into_iter().map(|(assignment, user)| Holder { assignment, user }).collect());
    }
    Ok(PermissionDetails { row: row(permission, &may), holders, next })
}

/// One more than is shown tells whether there is a next page.
fn one_more() -> i64 {
    i64::try_from(PAGE + 1).unwrap_or(i64::MAX)
}

fn row(permission: PermissionFacts, may: &Operations) -> PermissionRow {
    PermissionRow {
        permission: PermissionRef { id: permission.id, name: permission.name, version: permission.version },
        operations: permission.operations,
        is_managed: permission.is_managed,
        is_archived: permission.is_archived,
        holders: may.allows(Operation::AssignmentsRead).then_some(permission.holders),
    }
}

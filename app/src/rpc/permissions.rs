//! The organization's permissions, and who has them.

#![expect(missing_docs, reason = "the fields of the structs that `#[server]` makes are the documented arguments")]

use crate::{
    action::change::{PermissionRef, UserRef},
    domain::{
        id::{AssignmentId, PermissionId},
        operation::Operations,
    },
    refusal::Refusal,
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// A permission, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermissionRow {
    /// Id, name and version.
    pub permission: PermissionRef,
    /// What it allows.
    pub operations: Operations,
    /// Whether it came with the organization.
    pub is_managed: bool,
    /// Whether it was put away.
    pub is_archived: bool,
    /// How many users have it; nothing, when the viewer may not see assignments.
    pub holders: Option<u64>,
}

/// One page of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermissionList {
    /// Managed ones first, then by name, archived ones last.
    pub permissions: Vec<PermissionRow>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

/// Someone who has a permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// By which assignment.
    pub assignment: AssignmentId,
    /// Who.
    pub user: UserRef,
}

/// Everything about one permission that the viewer may know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermissionDetails {
    /// What it says.
    pub row: PermissionRow,
    /// Who has it, in the order of their addresses, at most a page; nothing, when the viewer may not see assignments.
    pub holders: Option<Vec<Holder>>,
    /// Where the next page of them begins, if there is one.
    pub next: Option<String>,
}

/// One page of the permissions, behind `after`.
///
/// # Errors
/// When the viewer may not read permissions.
#[server(GetPermissions, prefix = "/rpc", endpoint = "permissions")]
pub async fn permissions(after: String) -> Result<PermissionList, Refusal> {
    super::answer(crate::port::backend()?.permissions(after).await)
}

/// One permission, with those of its holders whose addresses come behind `after`.
///
/// # Errors
/// When there is no such permission here, or the viewer may not read permissions.
#[server(GetPermission, prefix = "/rpc", endpoint = "permission")]
pub async fn permission(id: PermissionId, after: String) -> Result<PermissionDetails, Refusal> {
    super::answer(crate::port::backend()?.permission(id, after).await)
}

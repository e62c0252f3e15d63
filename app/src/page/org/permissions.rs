//! `/org/permissions`: what people may be allowed to do, as named lists of operations.

use super::door::{escaped, signed_in};
use crate::{
    action::rules::holders_in_words,
    component::{
        frame::{Frame, Place},
        icon::{Glyph, Icon},
        operation_list::count,
        paging::Paging,
    },
    domain::operation::Operation,
    rpc::{
        permissions::{PermissionList, PermissionRow, permissions},
        sign_in::Viewer,
    },
};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

/// The list of permissions.
#[component]
pub fn Permissions() -> impl IntoView {
    let after = use_query_map().with_untracked(|query| query.get("after")).unwrap_or_default();
    signed_in(Place::Permissions, |viewer| async move {
        let list = permissions(after.clone()).await?;
        Ok(view! { <PermissionsPage viewer after list /> }.into_any())
    })
}

#[component]
fn PermissionsPage(viewer: Viewer, after: String, list: PermissionList) -> impl IntoView {
    let PermissionList { permissions, next } = list;
    let may_create = viewer.operations.allows(Operation::PermissionsCreate);
    let only_managed = after.is_empty() && permissions.iter().all(|row| row.is_managed);
    let shows_holders = permissions.iter().any(|row| row.holders.is_some());
    let list = if permissions.is_empty() {
        view! {
            <div class="empty">
                <p>"There is no permission on this page."</p>
            </div>
        }
        .into_any()
    } else {
        view! { <Table permissions shows_holders /> }.into_any()
    };
    let action = may_create.then(|| {
        view! {
            <a class="button main" href="/org/permissions/new">
                <Icon glyph=Glyph::Plus />
                "New permission"
            </a>
        }
        .into_any()
    });
    view! {
        <Frame viewer title="Permissions" current=Place::Permissions action>
            <p class="lead measure">
                "A permission is a named list of operations. Whoever has it may do what is in it; whoever has none may do nothing."
            </p>
            {list}
            <Paging
                label="Pages of permissions"
                first=(!after.is_empty()).then(|| Place::Permissions.path().to_owned())
                next=next.map(|after| format!("{}?after={}", Place::Permissions.path(), escaped(&after)))
            />
            {(only_managed && may_create)
                .then(|| {
                    view! {
                        <div class="empty">
                            <p>
                                "These came with the organization. "
                                <a href="/org/permissions/new">"Define one of your own"</a>
                                " for someone who shall do a part of what an admin does, such as inviting people or reading the history."
                            </p>
                        </div>
                    }
                })}
        </Frame>
    }
}

#[component]
fn Table(permissions: Vec<PermissionRow>, shows_holders: bool) -> impl IntoView {
    // The roles are the elements' own; said aloud, because on a phone the rows are laid out as cards.
    view! {
        <table class="table" role="table">
            <caption class="unseen">"Permissions: managed ones first, then by name, archived ones last"</caption>
            <thead role="rowgroup">
                <tr role="row">
                    <th scope="col" role="columnheader">"Permission"</th>
                    <th scope="col" role="columnheader">"Allows"</th>
                    {shows_holders.then(|| view! { <th scope="col" role="columnheader">"Held by"</th> })}
                </tr>
            </thead>
            <tbody role="rowgroup">
                {permissions
                    .into_iter()
                    .map(|row| {
                        view! {
                            <tr role="row">
                                <th scope="row" role="rowheader">
                                    <a href=format!("/org/permissions/{}", row.permission.id)><bdi>{row.permission.name.to_string()}</bdi></a>
                                    <PermissionBadges is_managed=row.is_managed is_archived=row.is_archived />
                                </th>
                                <td role="cell" data-label="Allows">{count(&row.operations)}</td>
                                {shows_holders
                                    .then(|| view! { <td role="cell" data-label="Held by">{row.holders.map(holders_in_words)}</td> })}
                            </tr>
                        }
                    })
                    .collect_view()}
            </tbody>
        </table>
    }
}

/// What is special about a permission.
#[component]
pub(super) fn PermissionBadges(
    /// Whether it came with the organization.
    is_managed: bool,
    /// Whether it was put away.
    is_archived: bool,
) -> impl IntoView {
    view! {
        {is_managed.then(|| view! { " " <span class="badge">"Managed"</span> })}
        {is_archived.then(|| view! { " " <span class="badge">"Archived"</span> })}
    }
}

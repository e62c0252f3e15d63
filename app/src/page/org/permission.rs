//! `/org/permissions/:id`: one permission: what it lets someone do, and who has it.

use super::{
    door::{escaped, missing, signed_in},
    offer::{offer, offer_danger},
    permissions::PermissionBadges,
};
use crate::{
    action::{
        change::{Change, PermissionRef, UserRef},
        rules::holders_in_words,
        sentence::consequence,
    },
    component::{
        copy_button::IdFact,
        frame::{Frame, Place},
        icon::{Glyph, Icon},
        needs_script::NeedsScript,
        operation_list::GroupedOperations,
        paging::Paging,
        sign_dialog::After,
    },
    domain::{handle::Handle, id::PermissionId, operation::Operation},
    rpc::{
        permissions::{Holder, PermissionDetails, PermissionRow, permission},
        sign_in::Viewer,
    },
};
use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};

/// One permission.
#[component]
pub fn Permission() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get_str("id").and_then(|id| id.parse::<PermissionId>().ok()));
    let after = use_query_map().with_untracked(|query| query.get("after")).unwrap_or_default();
    signed_in(Place::Permissions, move |viewer| async move {
        let details = permission(id.ok_or_else(missing)?, after.clone()).await?;
        Ok(view! { <PermissionPage viewer after details /> }.into_any())
    })
}

#[component]
fn PermissionPage(viewer: Viewer, after: String, details: PermissionDetails) -> impl IntoView {
    let PermissionDetails { row, holders, next } = details;
    let path = format!("/org/permissions/{}", row.permission.id);
    let can_change = !row.is_managed && !row.is_archived;
    let edit = (can_change && viewer.operations.allows(Operation::PermissionsUpdate)).then(|| {
        view! {
            <a class="button main" href=format!("{path}/edit")>
                <Icon glyph=Glyph::Edit />
                "Edit"
            </a>
        }
        .into_any()
    });
    let archive = can_change.then(|| view! { <Archive viewer=viewer.clone() permission=row.permission.clone() holders=row.holders /> });
    let restore = row.is_archived.then(|| view! { <Restore viewer=viewer.clone() permission=row.permission.clone() /> });
    view! {
        <Frame viewer=viewer.clone() title=row.permission.name.to_string() current=Place::Permissions below=true action=edit>
            <Identity row=row.clone() />
            <section>
                <h2>"What it lets someone do"</h2>
                <GroupedOperations operations=row.operations />
            </section>
            {holders
                .map(|list| {
                    view! {
                        <section>
                            <h2>"Who has it"</h2>
                            <Holders list is_first_page=after.is_empty() viewer />
                            <Paging
                                label="Pages of those who have it"
                                first=(!after.is_empty()).then(|| path.clone())
                                next=next.map(|after| format!("{path}?after={}", escaped(&after)))
                            />
                        </section>
                    }
                })}
            {archive}
            {restore}
        </Frame>
    }
}

#[component]
fn Identity(row: PermissionRow) -> impl IntoView {
    let PermissionRow { permission, is_managed, is_archived, holders, .. } = row;
    let id = permission.id.to_string();
    let kind = match (is_managed, is_archived) {
        (true, _) => "It came with the organization and can't be changed.",
        (false, true) => "It was put away: it can't be changed, or given to anyone.",
        (false, false) => "Defined by your organization.",
    };
    view! {
        <section class="card">
            <h2 class="unseen">"What this is"</h2>
            <dl class="facts columns">
                <div>
                    <dt>"Kind"</dt>
                    <dd>{kind} <PermissionBadges is_managed is_archived /></dd>
                </div>
                {holders.map(|holders| view! { <div><dt>"Held by"</dt><dd>{holders_in_words(holders)}</dd></div> })}
                <div>
                    <dt>"Version"</dt>
                    <dd>{permission.version}</dd>
                </div>
                <IdFact label="Permission id" id what="the permission id" />
            </dl>
        </section>
    }
}

#[component]
fn Holders(list: Vec<Holder>, is_first_page: bool, viewer: Viewer) -> impl IntoView {
    if list.is_empty() {
        let words = if is_first_page { "Nobody. It is given to someone on their own page." } else { "There is nobody on this page." };
        return view! { <p class="aside">{words}</p> }.into_any();
    }
    view! {
        <ul class="rows">
            {list
                .into_iter()
                .map(|holder| {
                    let called = holder.user.handle.to_string();
                    view! {
                        <li class="row">
                            <p class="row-words">
                                {match page_of(&holder.user, &viewer) {
                                    Some(path) => view! { <a href=path>{called}</a> }.into_any(),
                                    None => called.into_any(),
                                }}
                            </p>
                        </li>
                    }
                })
                .collect_view()}
        </ul>
    }
    .into_any()
}

/// Where this viewer can see somebody, or a program.
fn page_of(user: &UserRef, viewer: &Viewer) -> Option<String> {
    let place = match &user.handle {
        Handle::Email(_) => Place::Users,
        Handle::ServiceAccount(_) => Place::ServiceAccounts,
        Handle::AccessToken { owner, .. } if *owner == viewer.email => Place::AccessTokens,
        Handle::AccessToken { .. } => return None,
    };
    place.is_open_to(viewer).then(|| format!("{}/{}", place.path(), user.id))
}

/// Taking it out again.
#[component]
fn Restore(viewer: Viewer, permission: PermissionRef) -> impl IntoView {
    let change = Change::RestorePermission { permission };
    let words = consequence(&change);
    let button = offer(&viewer, "Restore", change, After::Reload);
    button.map(|button| {
        view! {
            <section>
                <h2>"Restore"</h2>
                <NeedsScript />
                <div class="row">
                    <p class="row-words">{words}</p>
                    {button}
                </div>
            </section>
        }
    })
}

/// Putting it away, or why that can't be done yet.
#[component]
fn Archive(viewer: Viewer, permission: PermissionRef, holders: Option<u64>) -> impl IntoView {
    let change = Change::ArchivePermission { permission };
    if change.operation().is_some_and(|operation| !viewer.operations.allows(operation)) {
        return ().into_any();
    }
    let words = match holders {
        Some(0) => consequence(&change).to_owned(),
        Some(holders) => {
            format!(
                "It can be archived once nobody has it. {} {} it now: take it away on their pages first.",
                holders_in_words(holders),
                if holders == 1 { "has" } else { "have" }
            )
        }
        // Whoever may not see who has it is told by the server.
        None => format!("{} This only works when nobody has it.", consequence(&change)),
    };
    let is_held = holders.is_some_and(|holders| holders > 0);
    let button = (!is_held).then(|| offer_danger(&viewer, "Archive", change, After::Reload)).flatten();
    view! {
        <section class="danger-zone">
            <h2>"Archive"</h2>
            {button.is_some().then(|| view! { <NeedsScript /> })}
            <div class="row">
                <p class="row-words">{words}</p>
                {button}
            </div>
        </section>
    }
    .into_any()
}

//! What somebody, or a program, may do; giving and taking it.

use super::give_permission::GivePermission;
use crate::{
    action::change::{Change, GivenPermission, UserRef},
    component::{
        operation_list::{EVERY_OPERATION, OperationList, count},
        sign_dialog::After,
    },
    domain::{
        handle::Handle,
        operation::{Operation, Operations},
        user::UserStatus,
    },
    page::org::offer::offer_danger,
    rpc::{sign_in::Viewer, users::HeldPermission},
};
use leptos::prelude::*;

/// The section of their page.
#[component]
pub(in crate::page) fn Permissions(
    /// Who looks at it.
    viewer: Viewer,
    /// Whose they are.
    user: UserRef,
    /// What they can do at all.
    status: UserStatus,
    /// Which they have; nothing, when the viewer may not see them.
    held: Option<Vec<HeldPermission>>,
    /// What having none means.
    without: &'static str,
    /// What the viewer could give them.
    assignable: Vec<GivenPermission>,
) -> impl IntoView {
    let list = match held {
        None => view! { <p class="aside">"You can't see them: that needs the operation " <code>{Operation::AssignmentsRead.name()}</code> "."</p> }.into_any(),
        Some(held) if held.is_empty() => view! { <p class="aside">"None. " {without}</p> }.into_any(),
        Some(held) => {
            // Without any it would do more again, so that the last one stays.
            let is_pinned = held.len() == 1 && matches!(user.handle, Handle::AccessToken { .. });
            view! {
                <ul class="rows">
                    {held
                        .into_iter()
                        .map(|held| view! { <Held viewer=viewer.clone() user=user.clone() held is_pinned /> })
                        .collect_view()}
                </ul>
                {is_pinned.then(|| view! { <p class="fine">"Its only permission can't be taken from it: without one it could do whatever its owner may."</p> })}
            }
                .into_any()
        }
    };
    let may_give = viewer.operations.allows(Operation::PermissionsAssign);
    let give = may_give.then(|| match status {
        UserStatus::Invited => view! { <p class="aside">"A permission can be given once they have signed up."</p> }.into_any(),
        UserStatus::Deactivated => view! { <p class="aside">"A permission can be given after the next activation."</p> }.into_any(),
        UserStatus::Active if assignable.is_empty() => view! {
            <p class="aside">"There is no other permission that you could give here: only what you hold yourself, and what isn't given yet."</p>
        }
        .into_any(),
        UserStatus::Active => view! { <GivePermission user assignable signer=viewer.signer() /> }.into_any(),
    });
    view! {
        <section>
            <h2>"Permissions"</h2>
            {list}
            {give}
        </section>
    }
}

#[component]
fn Held(viewer: Viewer, user: UserRef, held: HeldPermission, is_pinned: bool) -> impl IntoView {
    let HeldPermission { assignment, permission, operations } = held;
    let name = permission.name.to_string();
    let title = if viewer.operations.allows(Operation::PermissionsRead) {
        view! { <a href=format!("/org/permissions/{}", permission.id)><bdi>{name.clone()}</bdi></a> }.into_any()
    } else {
        view! { <bdi>{name.clone()}</bdi> }.into_any()
    };
    let change = Change::RevokeAssignment { id: assignment, permission, user };
    let revoke = (!is_pinned).then(|| offer_danger(&viewer, &format!("Revoke “{name}”"), change, After::Reload)).flatten();
    view! {
        <li class="row">
            <div class="row-words">
                <h3>{title}</h3>
                <details>
                    <summary>{count(&operations)}</summary>
                    {(operations == Operations::All).then(|| view! { <p>{EVERY_OPERATION} ". In this version:"</p> })}
                    <OperationList operations=operations.iter().collect() />
                </details>
            </div>
            {revoke}
        </li>
    }
}

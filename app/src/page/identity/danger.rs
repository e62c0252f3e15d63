//! Shutting out, letting in again, removing: what the viewer may do of it.

use crate::{
    action::{
        change::{Change, UserRef},
        sentence::consequence,
    },
    component::sign_dialog::After,
    domain::user::UserStatus,
    page::org::offer::{offer, offer_danger},
    rpc::sign_in::Viewer,
};
use leptos::prelude::*;

/// The section of their page; nothing for a viewer who may do nothing of it.
#[component]
pub(in crate::page) fn Danger(
    /// Who looks at it.
    viewer: Viewer,
    /// About whom it is.
    user: UserRef,
    /// What they can do at all.
    status: UserStatus,
    /// Where to go when they are deleted.
    list: &'static str,
) -> impl IntoView {
    let activate = Change::ActivateUser { user: user.clone() };
    let deactivate = Change::DeactivateUser { user: user.clone() };
    let re_enrol = Change::ReEnrolUser { user: user.clone() };
    let delete = Change::DeleteUser { user: user.clone() };
    let words = [consequence(&activate), consequence(&re_enrol), consequence(&deactivate), consequence(&delete)];
    let is_active_person = status == UserStatus::Active && user.handle.email().is_some();
    let is_deactivated = status == UserStatus::Deactivated;
    let buttons = [
        is_deactivated.then(|| offer(&viewer, "Activate", activate, After::Reload)).flatten(),
        is_active_person.then(|| offer_danger(&viewer, "Enrol again", re_enrol, After::Reload)).flatten(),
        (!is_deactivated).then(|| offer_danger(&viewer, "Deactivate", deactivate, After::Reload)).flatten(),
        offer_danger(&viewer, "Delete", delete, After::Go(list.to_owned())),
    ];
    let rows: Vec<_> = words
        .into_iter()
        .zip(buttons)
        .filter_map(|(words, button)| {
            button.map(|button| {
                view! {
                    <li class="row">
                        <p class="row-words">{words}</p>
                        {button}
                    </li>
                }
            })
        })
        .collect();
    (!rows.is_empty()).then(|| {
        view! {
            <section class="danger-zone">
                <h2>"Danger"</h2>
                {(user.id == viewer.user).then(|| view! { <p><strong>"This is you."</strong> " You would shut yourself out."</p> })}
                <ul class="rows">{rows}</ul>
            </section>
        }
    })
}

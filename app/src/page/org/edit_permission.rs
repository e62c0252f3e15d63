//! `/org/permissions/:id/edit`: changing what a permission says, for everyone who has it.

use super::{
    door::{missing, needs, signed_in},
    permission_form::{Existing, PermissionForm},
};
use crate::{
    action::{
        change::{PermissionRef, PermissionTerms},
        rules::holders_in_words,
    },
    component::{
        frame::{Frame, Place},
        needs_script::NeedsScript,
        notice::Notice,
    },
    domain::{
        id::PermissionId,
        operation::{Operation, Operations},
    },
    rpc::{
        permissions::{PermissionRow, permission},
        sign_in::Viewer,
    },
};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

/// The form for a permission that exists.
#[component]
pub fn EditPermission() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get_str("id").and_then(|id| id.parse::<PermissionId>().ok()));
    signed_in(Place::Permissions, move |viewer| async move {
        needs(&viewer, Operation::PermissionsUpdate)?;
        let row = permission(id.ok_or_else(missing)?, String::new()).await?.row;
        Ok(view! { <EditPage viewer row /> }.into_any())
    })
}

#[component]
fn EditPage(viewer: Viewer, row: PermissionRow) -> impl IntoView {
    let PermissionRow { permission: PermissionRef { id, name, version }, operations, is_managed, is_archived, holders } = row;
    let (signer, held) = (viewer.signer(), viewer.operations.clone());
    let title = format!("Edit “{name}”");
    let body = match operations {
        Operations::These(operations) if !is_managed && !is_archived => {
            let existing = Existing { id, version, terms: PermissionTerms { name, operations } };
            view! {
                <p class="lead measure">
                    "A change applies at once to everyone who has this permission"
                    {holders.map(|holders| format!(": {} now", holders_in_words(holders).to_lowercase()))} "."
                </p>
                <NeedsScript />
                <PermissionForm existing=Some(existing) held signer />
            }
            .into_any()
        }
        _ => {
            let why =
                if is_managed { "It came with the organization and can't be changed." } else { "It is archived and can't be changed." };
            view! {
                <Notice>
                    <p>{why}</p>
                </Notice>
                <div class="actions">
                    <a class="button" href=format!("/org/permissions/{id}")>"Look at it"</a>
                </div>
            }
            .into_any()
        }
    };
    view! {
        <Frame viewer title current=Place::Permissions below=true>
            {body}
        </Frame>
    }
}

//! `/org/permissions/new`: defining a permission.

use super::{
    door::{needs, signed_in},
    permission_form::PermissionForm,
};
use crate::{
    component::{
        frame::{Frame, Place},
        needs_script::NeedsScript,
    },
    domain::operation::Operation,
};
use leptos::prelude::*;

/// The form for a new permission.
#[component]
pub fn NewPermission() -> impl IntoView {
    signed_in(Place::Permissions, |viewer| async move {
        needs(&viewer, Operation::PermissionsCreate)?;
        let (signer, held) = (viewer.signer(), viewer.operations.clone());
        Ok(view! {
            <Frame viewer title="New permission" current=Place::Permissions below=true>
                <p class="lead measure">"Nobody has it until it is given to someone, on their page."</p>
                <NeedsScript />
                <PermissionForm existing=None held signer />
            </Frame>
        }
        .into_any())
    })
}

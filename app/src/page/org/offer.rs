//! Buttons for changes, offered only to those who may make them.

use crate::{
    action::change::Change,
    component::sign_dialog::{After, SignButton},
    rpc::sign_in::Viewer,
};
use leptos::prelude::*;

/// A button that opens the signing dialog with this change; nothing for a viewer who would be refused.
pub fn offer(viewer: &Viewer, label: &str, change: Change, after: After) -> Option<AnyView> {
    button(viewer, label, change, after, false)
}

/// [`offer`], for what takes something away.
pub fn offer_danger(viewer: &Viewer, label: &str, change: Change, after: After) -> Option<AnyView> {
    button(viewer, label, change, after, true)
}

fn button(viewer: &Viewer, label: &str, change: Change, after: After, danger: bool) -> Option<AnyView> {
    let label = label.to_owned();
    let signer = viewer.signer();
    let may = change.operation().is_none_or(|operation| viewer.operations.allows(operation));
    may.then(|| view! { <SignButton label change signer after danger /> }.into_any())
}

//! A page that can't be shown, because the server refused or failed.

use crate::{
    component::{alert::Alert, sheet::Sheet},
    refusal::Refusal,
    response::set_status,
};
use leptos::prelude::*;

/// Says what is the matter, under the status that goes with it.
#[component]
pub fn Trouble(
    /// What is the matter.
    refusal: Refusal,
) -> impl IntoView {
    set_status(refusal.code.status());
    view! {
        <Sheet title="This page can't be shown">
            <Alert refusal=RwSignal::new(Some(refusal)) />
            <p><a href="">"Try again"</a></p>
        </Sheet>
    }
}

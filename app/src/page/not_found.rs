//! Where no page is.

use crate::{component::sheet::Sheet, refusal::Code, response::set_status};
use leptos::prelude::*;

/// Says that there is nothing here, and where to go.
#[component]
pub fn NotFound() -> impl IntoView {
    set_status(Code::NotFound.status());
    view! {
        <Sheet title="Page not found">
            <p class="lead">"There is nothing at this address. It may have been mistyped, or the link may be cut off."</p>
            <div class="actions">
                <a class="button main" href="/">"Go to the start page"</a>
            </div>
        </Sheet>
    }
}

//! Copying a text that is next to the button, such as an id.

use super::{
    form::react,
    icon::{Glyph, Icon},
};
use crate::browser::document;
use leptos::{prelude::*, task::spawn_local};

/// A button that copies, and says whether that worked.
#[island]
pub(crate) fn CopyButton(
    /// What it copies.
    text: String,
    /// What that is, for those who only hear the button: "Copy …".
    what: String,
) -> impl IntoView {
    let outcome = RwSignal::new("");
    // Until the page is alive the button couldn't do anything.
    let asleep = RwSignal::new(true);
    react(Box::new(move || asleep.set(false)));
    let copy = move |_| {
        let text = text.clone();
        spawn_local(async move {
            outcome.set(if document::copy(&text).await { "Copied" } else { "Select and copy it by hand" });
        });
    };
    view! {
        <span class="copy">
            <button type="button" class="button small" disabled=asleep on:click=copy>
                <Icon glyph=Glyph::Copy />
                "Copy"
                <span class="unseen">{format!(" {what}")}</span>
            </button>
            <span class="fine" role="status">{outcome}</span>
        </span>
    }
}

/// An id among the facts about something, with the button that copies it.
#[component]
pub fn IdFact(
    /// What it is called.
    label: &'static str,
    /// The id.
    id: String,
    /// What that is, for those who only hear the button.
    what: &'static str,
) -> impl IntoView {
    view! {
        <div class="whole">
            <dt>{label}</dt>
            <dd class="facts-copy">
                <code class="id">{id.clone()}</code>
                <CopyButton text=id what=what.to_owned() />
            </dd>
        </div>
    }
}

//! The seal: a notary's rosette, and in it two strokes that answer each other, one for the sign and one for the countersign.

use leptos::prelude::*;

const ROSETTE: &str = "M59 32Q62.8 36.9 57.7 40.3 59.8 46.2 53.8 47.9 54 54 47.9 53.8 46.2 59.8 40.3 57.7 36.9 62.8 32 59 27.1 62.8 23.7 57.7 17.8 59.8 16.1 53.8 10 54 10.2 47.9 4.2 46.2 6.3 40.3 1.2 36.9 5 32 1.2 27.1 6.3 23.7 4.2 17.8 10.2 16.1 10 10 16.1 10.2 17.8 4.2 23.7 6.3 27.1 1.2 32 5 36.9 1.2 40.3 6.3 46.2 4.2 47.9 10.2 54 10 53.8 16.1 59.8 17.8 57.7 23.7 62.8 27.1 59 32Z";
const STROKES: &str = "M46.6 44.2A19 19 0 1 1 46.6 19.8M23.6 25A10.9 10.9 0 1 1 23.6 39";

/// The seal, in the colour of the text around it.
#[component]
pub fn Seal() -> impl IntoView {
    view! {
        <svg class="seal" viewBox="0 0 64 64" aria-hidden="true">
            <path class="seal-wax" d=ROSETTE />
            <path class="seal-strokes" d=STROKES />
            <circle class="seal-point" cx="32" cy="32" r="3.4" />
        </svg>
    }
}

/// The seal and the name: the way home.
#[component]
pub fn Brand() -> impl IntoView {
    view! {
        <a class="brand" href="/">
            <Seal />
            "Countersign"
        </a>
    }
}

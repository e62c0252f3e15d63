//! A remark that isn't an error: what just happened, or what is worth knowing.

use super::icon::{Glyph, Icon};
use leptos::prelude::*;

/// A remark with an icon in front of it.
#[component]
pub fn Notice(
    /// What kind of remark.
    #[prop(default = Glyph::Info)]
    glyph: Glyph,
    /// The remark.
    children: Children,
) -> impl IntoView {
    view! {
        <div class="notice">
            <Icon glyph />
            <div>{children()}</div>
        </div>
    }
}

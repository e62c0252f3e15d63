//! For browsers without JavaScript: the page can be read, and says what it can't do.

use super::{icon::Glyph, notice::Notice};
use leptos::prelude::*;

/// Goes above what has to be signed.
#[component]
pub fn NeedsScript() -> impl IntoView {
    view! {
        <noscript>
            <Notice glyph=Glyph::Warning>
                <p>"Changes are signed with a passkey, and that needs JavaScript. Switch it on for this page, then reload. Reading works without it."</p>
            </Notice>
        </noscript>
    }
}

//! The way through a list that is longer than a page. Pages follow one another by where the last one ended, so there are two
//! links and no numbers; both work without JavaScript.

use super::icon::{Glyph, Icon};
use leptos::prelude::*;

/// Links to the first and to the next page; nothing, where the list fits on one.
#[component]
pub fn Paging(
    /// Pages of what, for those who jump from landmark to landmark.
    label: &'static str,
    /// Back to the first page, unless it is this one.
    #[prop(optional_no_strip)]
    first: Option<String>,
    /// On to the next page, if there is one.
    #[prop(optional_no_strip)]
    next: Option<String>,
) -> impl IntoView {
    (first.is_some() || next.is_some()).then(|| {
        view! {
            <nav class="paging" aria-label=label>
                {first
                    .map(|path| {
                        view! {
                            <a class="button" href=path>
                                <Icon glyph=Glyph::Back />
                                "First page"
                            </a>
                        }
                    })}
                {next
                    .map(|path| {
                        view! {
                            <a class="button" href=path rel="next">
                                "Next page"
                                <Icon glyph=Glyph::Forward />
                            </a>
                        }
                    })}
            </nav>
        }
    })
}

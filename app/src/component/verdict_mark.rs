//! What the reader's own browser found out about an entry of history: the seal, the broken seal, or why it can't tell. The
//! place is there from the start, so that nothing moves when the seal is stamped.

use super::{
    icon::{Glyph, Icon},
    seal::Seal,
};
use crate::action::history::reader::Verdict;
use leptos::{either::EitherOf4, prelude::*};

/// The mark and its words.
#[component]
pub fn VerdictMark(
    /// The verdict; nothing while there is none.
    verdict: RwSignal<Option<Verdict>>,
) -> impl IntoView {
    move || match verdict.get() {
        None => EitherOf4::A(view! { <p class="verdict"><span class="verdict-mark"></span><span>"Not verified yet"</span></p> }),
        Some(Verdict::Verified) => EitherOf4::B(view! {
            <p class="verdict verified"><span class="verdict-mark stamped"><Seal /></span><span>"Verified in this browser"</span></p>
        }),
        Some(Verdict::Broken(why)) => EitherOf4::C(view! {
            <p class="verdict broken">
                <span class="verdict-mark"><BrokenSeal /></span>
                <span>"This entry doesn't verify: " {why.trim_end_matches('.').to_owned()} "."</span>
            </p>
        }),
        Some(Verdict::Unknown(why)) => EitherOf4::D(view! {
            <p class="verdict">
                <span class="verdict-mark"><Icon glyph=Glyph::Warning /></span>
                <span>"Not verified. " {why}</span>
            </p>
        }),
    }
}

/// The seal in two halves.
#[component]
fn BrokenSeal() -> impl IntoView {
    view! {
        <span class="broken-seal" aria-hidden="true">
            <Seal />
            <Seal />
        </span>
    }
}

//! A change's details as a two-column list: what each is about, and its value, behind what was there before.

use super::icon::{Glyph, Icon};
use crate::action::sentence::Detail;
use leptos::prelude::*;

/// The list.
#[component]
pub fn Particulars(
    /// What is in it.
    details: Vec<Detail>,
) -> impl IntoView {
    view! {
        <dl class="particulars">
            {details
                .into_iter()
                .map(|Detail { label, before, value }| {
                    view! {
                        <div>
                            <dt>{label}</dt>
                            <dd>
                                {before
                                    .map(|before| {
                                        view! {
                                            <span class="unseen">"Before: "</span>
                                            <del dir="auto">{before}</del>
                                            <Icon glyph=Glyph::Forward />
                                            <span class="unseen">"After: "</span>
                                        }
                                    })}
                                <ins dir="auto">{value}</ins>
                            </dd>
                        </div>
                    }
                })
                .collect_view()}
        </dl>
    }
}

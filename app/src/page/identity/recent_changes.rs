//! What was changed about somebody or by them.

use crate::{component::relative::Relative, domain::time::Timestamp, rpc::users::RecentEntry};
use leptos::prelude::*;

/// The newest entries of history that are about them or by them.
#[component]
pub(in crate::page) fn RecentChanges(
    /// Which, newest first.
    changes: Vec<RecentEntry>,
    /// The server's time.
    now: Timestamp,
) -> impl IntoView {
    let list = if changes.is_empty() {
        view! { <p class="aside">"Nothing yet."</p> }.into_any()
    } else {
        view! {
            <ol class="rows">
                {changes
                    .into_iter()
                    .map(|entry| {
                        view! {
                            <li class=if entry.is_loud { "row loud" } else { "row" }>
                                <div class="row-words">
                                    <p><a href=format!("/org/history/{}", entry.index)><bdi>{entry.sentence}</bdi></a></p>
                                    <p class="fine">"By " <bdi>{entry.who}</bdi> " · " <Relative at=entry.at now /></p>
                                </div>
                            </li>
                        }
                    })
                    .collect_view()}
            </ol>
        }
        .into_any()
    };
    view! {
        <section>
            <h2>"Recent changes"</h2>
            {list}
        </section>
    }
}

//! Points in time on a page.

use crate::domain::time::Timestamp;
use leptos::prelude::*;

/// A time, to the minute and in UTC, exact for machines.
#[component]
pub fn Moment(
    /// When.
    at: Timestamp,
) -> impl IntoView {
    view! { <time datetime=at.to_string()>{at.to_minute()}</time> }
}

//! What happened around an account: sign-ins, refusals, mails. Not what was changed: that is history.

use super::{
    icon::{Glyph, Icon},
    relative::Relative,
};
use crate::{domain::time::Timestamp, rpc::users::ActivityRow};
use leptos::prelude::*;

/// The events, newest first.
#[component]
pub fn ActivityList(
    /// What happened.
    events: Vec<ActivityRow>,
    /// The server's time.
    now: Timestamp,
) -> impl IntoView {
    if events.is_empty() {
        return view! { <p class="aside">"Nothing yet. Sign-ins, refusals and mails of the last months will be here."</p> }.into_any();
    }
    view! {
        <ul class="rows activity">
            {events
                .into_iter()
                .map(|event| {
                    view! {
                        <li class="row">
                            <p class="row-words">
                                {event.kind.is_failure().then(|| view! { <Icon glyph=Glyph::Warning /> })}
                                <span>{event.kind.label()}</span>
                                {(!event.detail.is_empty()).then(|| view! { ": “" <bdi>{event.detail}</bdi> "”" })}
                            </p>
                            <p class="fine">
                                {event.from.map(|(browser, address)| view! { {browser} " · " <span class="id">{address}</span> " · " })}
                                <Relative at=event.at now />
                            </p>
                        </li>
                    }
                })
                .collect_view()}
        </ul>
    }
    .into_any()
}

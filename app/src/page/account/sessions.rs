//! The browsers that are signed in, and ending their sessions.

use crate::{
    component::{
        icon::{Glyph, Icon},
        relative::Relative,
    },
    domain::time::Timestamp,
    rpc::{
        sessions::{EndOtherSessions, EndSession, SessionList, SessionRow},
        sign_in::SignOutEverywhere,
    },
};
use leptos::{prelude::*, server_fn::ServerFn};

/// The section of the account's page. Its forms work without JavaScript.
#[component]
pub(super) fn Sessions(
    /// The viewer's sessions.
    list: SessionList,
) -> impl IntoView {
    let SessionList { sessions, now } = list;
    let has_others = sessions.iter().any(|session| !session.is_this);
    view! {
        <section id="sessions">
            <h2>"Sessions"</h2>
            <p class="measure">
                "The browsers in which you are signed in. A session ends 12 hours after it was last heard of, and after 7 days whatever happens."
            </p>
            <ul class="rows">{sessions.into_iter().map(|session| view! { <Session session now /> }).collect_view()}</ul>
            <div class="actions">
                {has_others
                    .then(|| {
                        view! {
                            <form method="post" action=EndOtherSessions::url()>
                                <button type="submit" class="button">"End all other sessions"</button>
                            </form>
                        }
                    })}
                <form method="post" action=SignOutEverywhere::url()>
                    <button type="submit" class="button">"Sign out everywhere"</button>
                </form>
            </div>
        </section>
    }
    .into_any()
}

#[component]
fn Session(session: SessionRow, now: Timestamp) -> impl IntoView {
    let SessionRow { id, browser, address, started_at, last_seen_at, ends_at, is_this } = session;
    let end = (!is_this).then(|| {
        let label = format!("End the session of {browser}");
        view! {
            <form method="post" action=EndSession::url()>
                <input type="hidden" name="id" value=id />
                <button type="submit" class="button small" aria-label=label>
                    <Icon glyph=Glyph::Off />
                    "End"
                </button>
            </form>
        }
    });
    view! {
        <li class="row">
            <div class="row-words">
                <p>
                    <strong>{browser}</strong>
                    {is_this.then(|| view! { " " <span class="tag">"This browser"</span> })}
                </p>
                <p class="fine">
                    <span class="id">{address}</span>
                    " · started "
                    <Relative at=started_at now />
                    " · last active "
                    <Relative at=last_seen_at now />
                    " · ends "
                    <Relative at=ends_at now />
                </p>
            </div>
            {end}
        </li>
    }
    .into_any()
}

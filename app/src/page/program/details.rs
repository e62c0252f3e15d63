//! One program: what it is, what it may do, how it is called, and what can be done about it.

use super::{
    kind::Kind,
    rename::RenameProgram,
    standing::{Standing, StandingBadge},
};
use crate::{
    action::change::{Change, ProgramTerms},
    component::{copy_button::IdFact, frame::Frame, moment::Moment, needs_script::NeedsScript, relative::Relative},
    domain::{text::ProgramName, time::Timestamp},
    page::identity::{Danger, Permissions, RecentChanges},
    rpc::{
        programs::{ProgramDetails, ProgramKey, ProgramRow},
        sign_in::Viewer,
    },
};
use leptos::prelude::*;

/// The page of a service account or an access token.
#[component]
pub(in crate::page) fn ProgramPage(
    /// Who looks at it.
    viewer: Viewer,
    /// What it is.
    kind: Kind,
    /// The program.
    details: ProgramDetails,
) -> impl IntoView {
    let ProgramDetails { row, created_at, key, permissions, assignable, changes, now } = details;
    let (user, status) = (row.user.clone(), row.status);
    // A name that no text field would take can't be there; nothing is lost without the form.
    let terms = ProgramName::parse(user.handle.as_str()).ok().map(|name| ProgramTerms { name, external_id: row.external_id.clone() });
    let rename = terms.filter(|terms| may_rename(&viewer, &row, terms)).map(|terms| {
        view! {
            <section>
                <h2>"Rename"</h2>
                <RenameProgram user=user.clone() terms signer=viewer.signer() />
            </section>
        }
    });
    view! {
        <Frame viewer=viewer.clone() title=user.handle.as_str().to_owned() current=kind.place() below=true>
            <Identity kind row created_at key now />
            <NeedsScript />
            <Permissions
                viewer=viewer.clone()
                user=user.clone()
                status
                held=permissions
                without=kind.without_permission()
                assignable
            />
            {rename}
            {changes.map(|changes| view! { <RecentChanges changes now /> })}
            <Danger viewer user status list=kind.place().path() />
        </Frame>
    }
}

fn may_rename(viewer: &Viewer, row: &ProgramRow, terms: &ProgramTerms) -> bool {
    let change = Change::UpdateProgram { user: row.user.clone(), before: terms.clone(), after: terms.clone() };
    change.operation().is_none_or(|operation| viewer.operations.allows(operation))
}

#[component]
fn Identity(kind: Kind, row: ProgramRow, created_at: Timestamp, key: Option<ProgramKey>, now: Timestamp) -> impl IntoView {
    let standing = Standing::of(&row, now);
    let id = kind.id_in_api(row.user.id);
    view! {
        <section class="card">
            <h2 class="unseen">"What this is"</h2>
            <dl class="facts columns">
                <div>
                    <dt>"Kind"</dt>
                    <dd>{kind.label()}</dd>
                </div>
                <div>
                    <dt>"Status"</dt>
                    <dd><StandingBadge standing /></dd>
                </div>
                {row.external_id.map(|id| view! { <div><dt>"External id"</dt><dd><bdi>{id.to_string()}</bdi></dd></div> })}
                <div>
                    <dt>"Created"</dt>
                    <dd><Moment at=created_at /></dd>
                </div>
                <div>
                    <dt>"Token counts until"</dt>
                    <dd>
                        {match row.until {
                            Some(at) => view! { <Moment at /> ", " <Relative at now /> }.into_any(),
                            None => "Its time is over".into_any(),
                        }}
                    </dd>
                </div>
                <div>
                    <dt>"Last used"</dt>
                    <dd>
                        {match row.last_used_at {
                            Some(at) => view! { <Moment at /> ", " <Relative at now /> }.into_any(),
                            None => "Never".into_any(),
                        }}
                    </dd>
                </div>
                <IdFact label="Id" id what="the id" />
                {key.map(|key| view! { <Key key /> })}
            </dl>
        </section>
    }
}

#[component]
fn Key(key: ProgramKey) -> impl IntoView {
    let ProgramKey { credential_id, algorithm, pem } = key;
    view! {
        <IdFact label="Key id" id=credential_id what="the key id" />
        <div class="whole">
            <dt>"Public key, " {algorithm}</dt>
            <dd>
                <pre class="bytes">{pem}</pre>
            </dd>
        </div>
    }
}

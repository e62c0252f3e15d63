//! Programs in a table.

use super::{
    kind::Kind,
    standing::{Standing, StandingBadge},
};
use crate::{component::relative::Relative, domain::time::Timestamp, rpc::programs::ProgramRow};
use leptos::prelude::*;

/// The table; on a phone, cards.
#[component]
pub(in crate::page) fn ProgramTable(
    /// What they are.
    kind: Kind,
    /// Which.
    programs: Vec<ProgramRow>,
    /// The server's time.
    now: Timestamp,
) -> impl IntoView {
    let shows_permissions = programs.iter().any(|program| program.permissions.is_some());
    let caption = format!("{}s, in the order of their names", kind.label());
    // The roles are the elements' own; said aloud, because on a phone the rows are laid out as cards.
    view! {
        <table class="table" role="table">
            <caption class="unseen">{caption}</caption>
            <thead role="rowgroup">
                <tr role="row">
                    <th scope="col" role="columnheader">{kind.label()}</th>
                    <th scope="col" role="columnheader">"Status"</th>
                    {shows_permissions.then(|| view! { <th scope="col" role="columnheader">"Permissions"</th> })}
                    <th scope="col" role="columnheader">"Counts until"</th>
                    <th scope="col" role="columnheader">"Last used"</th>
                </tr>
            </thead>
            <tbody role="rowgroup">
                {programs.into_iter().map(|row| view! { <Row kind row now shows_permissions /> }).collect_view()}
            </tbody>
        </table>
    }
}

#[component]
fn Row(kind: Kind, row: ProgramRow, now: Timestamp, shows_permissions: bool) -> impl IntoView {
    let standing = Standing::of(&row, now);
    view! {
        <tr role="row">
            <th scope="row" role="rowheader">
                <a href=format!("{}{}", kind.path(), row.user.id)><bdi>{row.user.handle.as_str().to_owned()}</bdi></a>
                {row.external_id.map(|id| view! { <span class="beneath fine">"External id " <bdi>{id.to_string()}</bdi></span> })}
            </th>
            <td role="cell" data-label="Status"><StandingBadge standing /></td>
            {shows_permissions
                .then(|| {
                    let names = row.permissions.unwrap_or_default();
                    view! {
                        <td role="cell" data-label="Permissions">
                            {if names.is_empty() {
                                let words = if kind == Kind::AccessToken { "What you may" } else { "None" };
                                view! { <span class="aside">{words}</span> }.into_any()
                            } else {
                                view! { <ul class="names">{names.into_iter().map(|name| view! { <li><bdi>{name}</bdi></li> }).collect_view()}</ul> }
                                    .into_any()
                            }}
                        </td>
                    }
                })}
            <td role="cell" data-label="Counts until">
                {match row.until {
                    Some(at) => view! { <Relative at now /> }.into_any(),
                    None => view! { <span class="aside">"Over"</span> }.into_any(),
                }}
            </td>
            <td role="cell" data-label="Last used">
                {match row.last_used_at {
                    Some(at) => view! { <Relative at now /> }.into_any(),
                    None => view! { <span class="aside">"Never"</span> }.into_any(),
                }}
            </td>
        </tr>
    }
}

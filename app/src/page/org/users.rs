//! `/org/users`: the organization's people. Searching, filtering and paging are links and one GET form.

use super::{
    door::{escaped, signed_in},
    standing::{Standing, StandingBadge},
};
use crate::{
    component::{
        frame::{Frame, Place},
        icon::{Glyph, Icon},
        paging::Paging,
        relative::Relative,
    },
    domain::{
        operation::{Operation, Operations},
        time::Timestamp,
        user::UserStatus,
    },
    rpc::{
        sign_in::Viewer,
        users::{UserList, UserRow, users},
    },
};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

/// What of the list is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Shown {
    search: String,
    /// A status in lower case, or empty for all.
    status: String,
    /// Behind which entry the page begins; empty for the first page.
    after: String,
}

impl Shown {
    fn of_this_page() -> Self {
        use_query_map().with_untracked(|query| {
            let text = |key| query.get_str(key).unwrap_or_default().trim().to_owned();
            Self { search: text("q"), status: text("status"), after: query.get("after").unwrap_or_default() }
        })
    }

    fn is_filtered(&self) -> bool {
        !self.search.is_empty() || STATUSES.iter().any(|status| is(*status, &self.status))
    }

    /// The same search and filter from another place on.
    fn path(&self, after: &str) -> String {
        let filled: Vec<_> = [("q", self.search.as_str()), ("status", self.status.as_str()), ("after", after)]
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(key, value)| format!("{key}={}", escaped(value)))
            .collect();
        if filled.is_empty() { Place::Users.path().to_owned() } else { format!("{}?{}", Place::Users.path(), filled.join("&")) }
    }
}

const STATUSES: [UserStatus; 3] = [UserStatus::Invited, UserStatus::Active, UserStatus::Deactivated];

fn is(status: UserStatus, text: &str) -> bool {
    status.label().eq_ignore_ascii_case(text)
}

/// The list of users.
#[component]
pub fn Users() -> impl IntoView {
    let shown = Shown::of_this_page();
    signed_in(Place::Users, |viewer| async move {
        let list = users(shown.search.clone(), shown.status.clone(), shown.after.clone()).await?;
        Ok(view! { <UsersPage viewer shown list /> }.into_any())
    })
}

#[component]
fn UsersPage(viewer: Viewer, shown: Shown, list: UserList) -> impl IntoView {
    let UserList { users, next, now } = list;
    let may_create = viewer.operations.allows(Operation::UsersCreate);
    let is_alone = !shown.is_filtered() && shown.after.is_empty() && users.iter().all(|row| row.user.id == viewer.user);
    let list = if users.is_empty() {
        view! { <Nobody shown=shown.clone() /> }.into_any()
    } else {
        view! { <Table users now shows_permissions=viewer.operations.allows(Operation::AssignmentsRead) /> }.into_any()
    };
    let action = may_create.then(|| {
        view! {
            <a class="button main" href="/org/users/new">
                <Icon glyph=Glyph::Plus />
                "New user"
            </a>
        }
        .into_any()
    });
    view! {
        <Frame viewer=viewer.clone() title="Users" current=Place::Users action>
            // Whoever is alone has nobody to look for.
            {(!is_alone).then(|| view! { <Filter shown=shown.clone() /> })}
            {list}
            <Paging
                label="Pages of users"
                first=(!shown.after.is_empty()).then(|| shown.path(""))
                next=next.map(|after| shown.path(&after))
            />
            {is_alone.then(|| view! { <Alone is_admin=viewer.operations == Operations::All may_create /> })}
        </Frame>
    }
}

/// Search and status, as a form that loads this page anew.
#[component]
fn Filter(shown: Shown) -> impl IntoView {
    let is_filtered = shown.is_filtered();
    view! {
        <form class="filter" role="search" method="get" action=Place::Users.path()>
            <div class="field">
                <label for="q">"Search"</label>
                <input
                    id="q"
                    name="q"
                    type="search"
                    value=shown.search
                    placeholder="Email, name or external id"
                    autocomplete="off"
                    autocapitalize="none"
                    spellcheck="false"
                    maxlength="100"
                />
            </div>
            <div class="field">
                <label for="status">"Status"</label>
                <select id="status" name="status">
                    <option value="">"All"</option>
                    {STATUSES
                        .map(|status| {
                            view! { <option value=status.label().to_lowercase() selected=is(status, &shown.status)>{status.label()}</option> }
                        })}
                </select>
            </div>
            <div class="actions">
                <button type="submit" class="button">
                    <Icon glyph=Glyph::Search />
                    "Search"
                </button>
                {is_filtered.then(|| view! { <a class="quiet" href=Place::Users.path()>"Show all"</a> })}
            </div>
        </form>
    }
}

#[component]
fn Table(users: Vec<UserRow>, now: Timestamp, shows_permissions: bool) -> impl IntoView {
    // The roles are the elements' own; said aloud, because on a phone the rows are laid out as cards.
    view! {
        <table class="table" role="table">
            <caption class="unseen">"Users, in the order of their addresses"</caption>
            <thead role="rowgroup">
                <tr role="row">
                    <th scope="col" role="columnheader">"User"</th>
                    <th scope="col" role="columnheader">"Kind"</th>
                    <th scope="col" role="columnheader">"Status"</th>
                    {shows_permissions.then(|| view! { <th scope="col" role="columnheader">"Permissions"</th> })}
                    <th scope="col" role="columnheader">"Last seen"</th>
                </tr>
            </thead>
            <tbody role="rowgroup">
                {users.into_iter().map(|row| view! { <Row row now shows_permissions /> }).collect_view()}
            </tbody>
        </table>
    }
}

#[component]
fn Row(row: UserRow, now: Timestamp, shows_permissions: bool) -> impl IntoView {
    let standing = Standing::of(&row, now);
    view! {
        <tr role="row">
            <th scope="row" role="rowheader">
                <a href=format!("/org/users/{}", row.user.id)>{row.user.handle.to_string()}</a>
                {(!row.name.is_empty()).then(|| view! { <span class="beneath"><bdi>{row.name}</bdi></span> })}
                {row.external_id.map(|id| view! { <span class="beneath fine">"External id " <bdi>{id}</bdi></span> })}
            </th>
            <td role="cell" data-label="Kind">{row.kind.label()}</td>
            <td role="cell" data-label="Status"><StandingBadge standing now /></td>
            {shows_permissions
                .then(|| {
                    view! {
                        <td role="cell" data-label="Permissions">
                            {if row.permissions.is_empty() {
                                view! { <span class="aside">"None"</span> }.into_any()
                            } else {
                                view! {
                                    <ul class="names">{row.permissions.into_iter().map(|name| view! { <li><bdi>{name}</bdi></li> }).collect_view()}</ul>
                                }
                                    .into_any()
                            }}
                        </td>
                    }
                })}
            <td role="cell" data-label="Last seen">
                {match row.last_seen_at {
                    Some(at) => view! { <Relative at now /> }.into_any(),
                    None => view! { <span class="aside">"Never"</span> }.into_any(),
                }}
            </td>
        </tr>
    }
}

/// For a list without anyone in it: it was searched too narrowly, or someone was deleted meanwhile.
#[component]
fn Nobody(shown: Shown) -> impl IntoView {
    let words = if shown.is_filtered() {
        "Nobody here fits this search. Try a part of their email, name or external id."
    } else {
        "There is nobody on this page."
    };
    view! {
        <div class="empty">
            <p>{words}</p>
            <p><a href=Place::Users.path()>"Show all users"</a></p>
        </div>
    }
}

/// For whoever is the only one.
#[component]
fn Alone(is_admin: bool, may_create: bool) -> impl IntoView {
    view! {
        <div class="empty">
            <p>
                <strong>"You are the only one here so far"</strong>
                {if is_admin { ", and you are an admin: you may do everything." } else { "." }}
            </p>
            {may_create
                .then(|| {
                    view! {
                        <p>
                            <a href="/org/users/new">"Invite a coworker"</a>
                            ": they get a mail, and sign up with a passkey of their own."
                        </p>
                    }
                })}
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_and_filter_stay_from_page_to_page() {
        let all = Shown::default();
        assert_eq!(all.path(""), "/org/users");
        assert!(!all.is_filtered());
        let some = Shown { search: "ada+w@x".to_owned(), status: "invited".to_owned(), after: "a".to_owned() };
        assert_eq!(some.path("b@c"), "/org/users?q=ada%2Bw%40x&status=invited&after=b%40c");
        assert_eq!(some.path(""), "/org/users?q=ada%2Bw%40x&status=invited");
        assert!(!Shown { status: "everything".to_owned(), ..all }.is_filtered());
    }
}

//! Where an organization's history and its rows in the database disagree, in words. They never should: a row was changed by hand,
//! or a fault of this program.

use app::{
    action::history::state::{Permission, State, User},
    domain::{
        id::{CredentialId, PermissionId, UserId},
        operation::Operations,
    },
};
use std::{collections::BTreeMap, fmt::Display};

/// Each difference as a sentence. Of equal ones there is none.
pub fn differences(history: &State, database: &State) -> Vec<String> {
    let mut found = Vec::new();
    let mut differ = |what: &str, history: String, database: String| {
        if history != database {
            found.push(format!("{what}: {history} by history, {database} in the database"));
        }
    };
    differ("the organization's id", history.organization.to_string(), database.organization.to_string());
    differ("the organization's name", quoted(&history.name), quoted(&database.name));
    for (id, sides) in paired(&history.users, &database.users) {
        match sides {
            (Some(one), Some(other)) => of_user(id, one, other, (history, database), &mut differ),
            (one, other) => {
                let handle = one.or(other).map(|user| user.handle.to_string()).unwrap_or_default();
                differ(&format!("the user {handle} ({id})"), there(one), there(other));
            }
        }
    }
    for (id, sides) in paired(&history.permissions, &database.permissions) {
        match sides {
            (Some(one), Some(other)) => of_permission(id, one, other, &mut differ),
            (one, other) => {
                let name = one.or(other).map(|permission| quoted(&permission.name)).unwrap_or_default();
                differ(&format!("the permission {name} ({id})"), there(one), there(other));
            }
        }
    }
    for (id, (one, other)) in paired(&history.credentials, &database.credentials) {
        of_credential(id, one.copied(), other.copied(), &mut differ);
    }
    found
}

/// What takes a thing, what history says of it, and what the database says.
type Differ<'a> = dyn FnMut(&str, String, String) + 'a;

fn of_user(id: UserId, history: &User, database: &User, all: (&State, &State), differ: &mut Differ<'_>) {
    let who = format!("the user {} ({id})", history.handle);
    let mut of = |what: &str, history: String, database: String| differ(&format!("{what} of {who}"), history, database);
    of("the kind", history.kind.label().to_owned(), database.kind.label().to_owned());
    of("the address or name", history.handle.to_string(), database.handle.to_string());
    of("the owner", or_nobody(history.owner), or_nobody(database.owner));
    let external_id = |user: &User| user.external_id.as_ref().map_or_else(|| "none".to_owned(), quoted);
    of("the external id", external_id(history), external_id(database));
    of("the status", history.status.label().to_owned(), database.status.label().to_owned());
    of("the sign-up", signed_up(history), signed_up(database));
    let invitation = |user: &User| if user.is_revoked { "revoked" } else { "not revoked" }.to_owned();
    of("the invitation", invitation(history), invitation(database));
    for (permission, (one, other)) in paired(&history.assignments, &database.assignments) {
        let known = all.0.permissions.get(&permission).or_else(|| all.1.permissions.get(&permission));
        let name = known.map_or_else(|| "unknown".to_owned(), |permission| quoted(&permission.name));
        let held = |assignment: Option<&_>| assignment.map_or_else(|| "not given".to_owned(), |id| format!("given by {id}"));
        of(&format!("the permission {name} ({permission})"), held(one), held(other));
    }
}

fn of_permission(id: PermissionId, history: &Permission, database: &Permission, differ: &mut Differ<'_>) {
    let which = format!("the permission {} ({id})", quoted(&history.name));
    let mut of = |what: &str, history: String, database: String| differ(&format!("{what} of {which}"), history, database);
    of("the name", quoted(&history.name), quoted(&database.name));
    let (one, other) = operations(&history.operations, &database.operations);
    of("the operations", one, other);
    of("the version", history.version.to_string(), database.version.to_string());
    let managed = |permission: &Permission| if permission.is_managed { "from the start" } else { "defined by someone" }.to_owned();
    of("the origin", managed(history), managed(database));
    let archived = |permission: &Permission| if permission.is_archived { "archived" } else { "in use" }.to_owned();
    of("the state", archived(history), archived(database));
}

fn of_credential(id: CredentialId, history: Option<UserId>, database: Option<UserId>, differ: &mut Differ<'_>) {
    let owner = |user: Option<UserId>| user.map_or_else(|| "not there".to_owned(), |user| format!("of {user}"));
    differ(&format!("the passkey or key {id}"), owner(history), owner(database));
}

/// All keys of both, in order.
fn paired<'a, K: Ord + Copy, V>(one: &'a BTreeMap<K, V>, other: &'a BTreeMap<K, V>) -> BTreeMap<K, (Option<&'a V>, Option<&'a V>)> {
    one.keys().chain(other.keys()).map(|key| (*key, (one.get(key), other.get(key)))).collect()
}

/// What only one side allows; of long lists nobody sees it otherwise.
fn operations(one: &Operations, other: &Operations) -> (String, String) {
    let beyond = |own: &Operations, theirs: &Operations| match (own, theirs) {
        (Operations::All, _) => "every operation".to_owned(),
        (Operations::These(own), Operations::All) => format!("{} operations", own.len()),
        (Operations::These(own), Operations::These(theirs)) => {
            let more: Vec<&str> = own.difference(theirs).map(|operation| operation.name()).collect();
            if more.is_empty() { "nothing more".to_owned() } else { format!("also {}", more.join(", ")) }
        }
    };
    (beyond(one, other), beyond(other, one))
}

fn there<T>(thing: Option<&T>) -> String {
    if thing.is_some() { "there" } else { "not there" }.to_owned()
}

fn quoted(text: impl Display) -> String {
    format!("“{text}”")
}

fn signed_up(user: &User) -> String {
    if user.is_registered { "done" } else { "not done" }.to_owned()
}

fn or_nobody(user: Option<UserId>) -> String {
    user.map_or_else(|| "nobody".to_owned(), |id| id.to_string())
}

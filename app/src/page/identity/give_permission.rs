//! Giving somebody, or a program, one of the permissions that the viewer may give: choose, see what it allows, sign.

use crate::{
    action::{
        change::{Change, GivenPermission, UserRef},
        review::Signer,
    },
    component::{
        alert::Alert,
        form::react,
        operation_list::OperationList,
        select::Select,
        sign_dialog::{After, SignDialog},
    },
    domain::{handle::Handle, operation::Operations},
    refusal::{FieldError, Refusal},
};
use leptos::{either::Either, ev::SubmitEvent, prelude::*};

/// The field's name: complaints about it come under this one.
const FIELD: &str = "permission";

/// The list of permissions, what the chosen one allows, and the dialog that signs.
#[island]
pub(super) fn GivePermission(
    /// To whom.
    user: UserRef,
    /// What could be given to them.
    assignable: Vec<GivenPermission>,
    /// Who signs.
    signer: Signer,
) -> impl IntoView {
    let refusal = RwSignal::new(None::<Refusal>);
    let change = RwSignal::new(None::<Change>);
    let chosen = RwSignal::new(String::new());
    let asleep = RwSignal::new(true);
    react(Box::new(move || asleep.set(false)));
    let options = options(&assignable);
    let assignable = StoredValue::new(assignable);
    let narrows = matches!(user.handle, Handle::AccessToken { .. });
    let user = StoredValue::new(user);
    let find = move |id: &str| assignable.with_value(|all| find(all, id));
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if let Some(GivenPermission { permission, operations }) = find(&chosen.get_untracked()) {
            refusal.set(None);
            change.set(Some(Change::AssignPermission { permission, operations, user: user.get_value() }));
        } else {
            let complaint = FieldError { field: FIELD.to_owned(), message: "Choose the one to give.".to_owned() };
            refusal.set(Some(Refusal::invalid(vec![complaint])));
        }
    };
    view! {
        <form class="form give" novalidate on:submit=submit>
            <h3>"Give a permission"</h3>
            <Alert refusal />
            <Select name=FIELD label="Permission" placeholder="Choose a permission" options chosen refusal />
            <Preview assignable chosen narrows />
            <div class="actions">
                <button type="submit" class="button" disabled=asleep>"Give permission"</button>
            </div>
        </form>
        <SignDialog change signer after=After::Reload refusal />
    }
}

/// What the chosen permission allows.
#[component]
pub(in crate::page) fn Preview(
    /// What could be chosen.
    assignable: StoredValue<Vec<GivenPermission>>,
    /// The id of what is.
    chosen: RwSignal<String>,
    /// Whether it is for an access token, which may do no more than its owner, whatever it has.
    narrows: bool,
) -> impl IntoView {
    let [everything, these] = if narrows {
        ["It may do everything that you may.", "Of what you may do, it may do only this:"]
    } else {
        ["It allows everything, also what later versions bring.", "It allows this:"]
    };
    let allows = move || {
        assignable.with_value(|all| find(all, &chosen.get())).map(|given| match given.operations {
            Operations::All => Either::Left(view! { <p>{everything}</p> }),
            Operations::These(operations) => Either::Right(view! {
                <p>{these}</p>
                <OperationList operations=operations.into_iter().collect() />
            }),
        })
    };
    view! { <div class="preview" aria-live="polite">{allows}</div> }
}

/// The permissions to choose from, by id and name.
pub(in crate::page) fn options(assignable: &[GivenPermission]) -> Vec<(String, String)> {
    assignable.iter().map(|given| (given.permission.id.to_string(), given.permission.name.to_string())).collect()
}

/// The one with this id.
pub(in crate::page) fn find(assignable: &[GivenPermission], id: &str) -> Option<GivenPermission> {
    assignable.iter().find(|given| given.permission.id.to_string() == id).cloned()
}

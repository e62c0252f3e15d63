//! Giving a user one of the permissions that the viewer may give: choose, see what it allows, sign.

use crate::{
    action::{
        change::{Change, PermissionRef, UserRef},
        review::Signer,
    },
    component::{
        alert::Alert,
        form::react,
        operation_list::OperationList,
        select::Select,
        sign_dialog::{After, SignDialog},
    },
    domain::operation::Operations,
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
    assignable: Vec<(PermissionRef, Operations)>,
    /// Who signs.
    signer: Signer,
) -> impl IntoView {
    let refusal = RwSignal::new(None::<Refusal>);
    let change = RwSignal::new(None::<Change>);
    let chosen = RwSignal::new(String::new());
    let asleep = RwSignal::new(true);
    react(Box::new(move || asleep.set(false)));
    let options = assignable.iter().map(|(permission, _)| (permission.id.to_string(), permission.name.to_string())).collect();
    let assignable = StoredValue::new(assignable);
    let user = StoredValue::new(user);
    let find = move |id: &str| assignable.with_value(|all| all.iter().find(|(permission, _)| permission.id.to_string() == id).cloned());
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if let Some((permission, operations)) = find(&chosen.get_untracked()) {
            refusal.set(None);
            change.set(Some(Change::AssignPermission { permission, operations, user: user.get_value() }));
        } else {
            let complaint = FieldError { field: FIELD.to_owned(), message: "Choose the one to give.".to_owned() };
            refusal.set(Some(Refusal::invalid(vec![complaint])));
        }
    };
    let allows = move || {
        find(&chosen.get()).map(|(_, operations)| match operations {
            Operations::All => Either::Left(view! { <p>"It lets them do everything, also what later versions bring."</p> }),
            Operations::These(operations) => Either::Right(view! {
                <p>"It lets them do this:"</p>
                <OperationList operations=operations.into_iter().collect() />
            }),
        })
    };
    view! {
        <form class="form give" novalidate on:submit=submit>
            <h3>"Give a permission"</h3>
            <Alert refusal />
            <Select name=FIELD label="Permission" placeholder="Choose a permission" options chosen refusal />
            <div class="preview" aria-live="polite">{allows}</div>
            <div class="actions">
                <button type="submit" class="button" disabled=asleep>"Give permission"</button>
            </div>
        </form>
        <SignDialog change signer after=After::Reload refusal />
    }
}

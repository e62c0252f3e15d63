//! The form for a permission, new or changed: its name, the operations in it, and beside them what they amount to.

use crate::{
    action::{
        change::{Change, PermissionTerms},
        review::Signer,
    },
    component::{
        alert::Alert,
        field::{Field, FieldKind},
        form::{react, typed},
        operation_list::OperationList,
        operation_picker::{self, OperationPicker},
        sign_dialog::{After, SignDialog},
    },
    domain::{
        id::PermissionId,
        operation::{Operation, Operations},
        text::PermissionName,
    },
    refusal::{Code, FieldError, Refusal},
};
use leptos::{either::Either, ev::SubmitEvent, prelude::*};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

const NAME: FieldKind = FieldKind {
    name: "name",
    label: "Name",
    input: "text",
    autocomplete: "off",
    inputmode: "text",
    hint: "What the person does who gets it, such as “Invites people”.",
    class: "",
};

/// A permission that is to be changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Existing {
    /// Which.
    pub id: PermissionId,
    /// The version that was looked at.
    pub version: u64,
    /// What it says in that version.
    pub terms: PermissionTerms,
}

impl Existing {
    fn path(&self) -> String {
        format!("/org/permissions/{}", self.id)
    }
}

/// Name and operations, what they amount to, and the dialog that signs.
#[island]
pub(super) fn PermissionForm(
    /// What is changed; nothing for a new one.
    existing: Option<Existing>,
    /// What the viewer holds: more can't be given.
    held: Operations,
    /// Who signs.
    signer: Signer,
) -> impl IntoView {
    let refusal = RwSignal::new(None::<Refusal>);
    let change = RwSignal::new(None::<Change>);
    let asleep = RwSignal::new(true);
    react(Box::new(move || asleep.set(false)));
    let before = existing.as_ref().map(|existing| existing.terms.operations.clone()).unwrap_or_default();
    let name_before = existing.as_ref().map(|existing| existing.terms.name.to_string()).unwrap_or_default();
    let (after, up) = match &existing {
        Some(existing) => (After::Go(existing.path()), existing.path()),
        None => (After::ToCreated("/org/permissions/".to_owned()), "/org/permissions".to_owned()),
    };
    let chosen = RwSignal::new(before.clone());
    let name = NodeRef::new();
    let existing = StoredValue::new(existing);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        match existing.with_value(|existing| permission(existing.as_ref(), &typed(name), chosen.get_untracked())) {
            Ok(wanted) => {
                refusal.set(None);
                change.set(Some(wanted));
            }
            Err(refused) => refusal.set(Some(refused)),
        }
    };
    view! {
        <form class="form composer" autocomplete="off" novalidate on:submit=submit>
            <div class="composer-fields">
                <Alert refusal />
                <Field kind=NAME value=name_before refusal input=name />
                <OperationPicker held before chosen refusal />
            </div>
            <Summary chosen />
            <div class="actions">
                <button type="submit" class="button main" disabled=asleep>"Review and sign"</button>
                <a class="button" href=up>"Cancel"</a>
            </div>
        </form>
        <SignDialog change signer after refusal />
    }
}

/// What is picked, in sentences.
#[component]
fn Summary(chosen: RwSignal<BTreeSet<Operation>>) -> impl IntoView {
    let count = move || match chosen.with(BTreeSet::len) {
        0 => "Nothing yet. Pick at least one operation.".to_owned(),
        1 => "1 operation".to_owned(),
        count => format!("{count} operations"),
    };
    let list = move || {
        let operations: Vec<_> = chosen.get().into_iter().collect();
        // A list without entries would be announced all the same.
        if operations.is_empty() { Either::Left(()) } else { Either::Right(view! { <OperationList operations /> }) }
    };
    view! {
        <section class="summary" aria-labelledby="summary-title">
            <h2 id="summary-title">"What this lets someone do"</h2>
            <p class="aside" role="status">{count}</p>
            {list}
        </section>
    }
}

/// The change that was put together, or what is wrong with it.
fn permission(existing: Option<&Existing>, name: &str, operations: BTreeSet<Operation>) -> Result<Change, Refusal> {
    let complaint = |field: &str, message: String| FieldError { field: field.to_owned(), message };
    let name = PermissionName::parse(name).map_err(|error| complaint(NAME.name, error.to_string()));
    let nothing = operations.is_empty().then(|| complaint(operation_picker::NAME, "Pick at least one operation.".to_owned()));
    let terms = match (name, nothing) {
        (Ok(name), None) => PermissionTerms { name, operations },
        (name, nothing) => return Err(Refusal::invalid(name.err().into_iter().chain(nothing).collect())),
    };
    match existing {
        None => Ok(Change::CreatePermission { terms }),
        Some(existing) if existing.terms == terms => {
            Err(Refusal::new(Code::InvalidInput, "This changes nothing yet: name and operations are as they were."))
        }
        Some(existing) => {
            Ok(Change::UpdatePermission { id: existing.id, version: existing.version, before: existing.terms.clone(), after: terms })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(name: &str, operations: &[Operation]) -> PermissionTerms {
        PermissionTerms { name: PermissionName::parse(name).unwrap(), operations: operations.iter().copied().collect() }
    }

    #[test]
    fn what_is_put_together_becomes_a_change() {
        let wanted = terms("Auditors", &[Operation::HistoryRead]);
        assert_eq!(permission(None, " Auditors ", wanted.operations.clone()), Ok(Change::CreatePermission { terms: wanted.clone() }));
        let existing = Existing { id: PermissionId::from_bytes([7; 16]), version: 3, terms: wanted.clone() };
        let after = terms("Auditors", &[Operation::HistoryRead, Operation::UsersRead]);
        assert_eq!(
            permission(Some(&existing), "Auditors", after.operations.clone()),
            Ok(Change::UpdatePermission { id: existing.id, version: 3, before: wanted, after })
        );
    }

    #[test]
    fn what_is_missing_is_said_at_its_field() {
        let refusal = permission(None, " ", BTreeSet::new()).unwrap_err();
        assert!(refusal.field("name").is_some() && refusal.field("operations").is_some());
    }

    #[test]
    fn an_edit_without_a_difference_is_no_change() {
        let terms = terms("Auditors", &[Operation::HistoryRead]);
        let existing = Existing { id: PermissionId::from_bytes([7; 16]), version: 1, terms: terms.clone() };
        assert!(permission(Some(&existing), "Auditors", terms.operations).is_err());
    }
}

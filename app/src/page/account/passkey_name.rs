//! The name of one's own passkey.

use crate::{
    action::{
        account_change::{AccountChange, NewPasskey},
        change::Change,
    },
    component::{
        alert::Alert,
        field::{Field, FieldKind},
        form::{react, typed},
        icon::{Glyph, Icon},
    },
    domain::text::PasskeyName,
    refusal::{FieldError, Refusal},
};
use leptos::{ev::SubmitEvent, html::Input, prelude::*};

/// Its field.
const NAME: FieldKind = FieldKind {
    name: "name",
    label: "How to call it",
    input: "text",
    autocomplete: "off",
    inputmode: "text",
    hint: "Only you and those who may read users see it.",
    class: "",
};

/// The name of a passkey that was made.
#[component]
pub(super) fn NameIt(
    /// It.
    new: NewPasskey,
    /// How it would be called.
    name: String,
    /// Opens the dialog to sign for it.
    wanted: RwSignal<Option<Change>>,
    /// Where complaints about the name come from.
    refusal: RwSignal<Option<Refusal>>,
) -> impl IntoView {
    let input = NodeRef::<Input>::new();
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        refusal.set(None);
        match PasskeyName::parse(&typed(input)) {
            Ok(name) => wanted.set(Some(Change::OwnAccount(AccountChange::AddPasskey { name, passkey: new.clone() }))),
            Err(error) => {
                let complaint = FieldError { field: NAME.name.to_owned(), message: error.to_string() };
                refusal.set(Some(Refusal::invalid(vec![complaint])));
            }
        }
    };
    react(Box::new(move || {
        if let Some(input) = input.get() {
            let _ = input.focus();
            input.select();
        }
    }));
    view! {
        <form class="form card" novalidate on:submit=submit>
            <p role="status">
                <Icon glyph=Glyph::Check />
                " The passkey is made. It counts once you have signed, with a passkey that you had before, that it is yours."
            </p>
            <Alert refusal />
            <Field kind=NAME value=name refusal input />
            <div class="actions">
                <button type="submit" class="button main">"Review and sign"</button>
            </div>
        </form>
    }
}

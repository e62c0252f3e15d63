//! `/org/users/new`: inviting someone. The form only says what is wanted; nothing exists before it is signed.

use super::door::{needs, signed_in};
use crate::{
    action::{change::Change, review::Signer},
    component::{
        alert::Alert,
        field::{Field, FieldKind},
        form::{react, typed},
        frame::{Frame, Place},
        needs_script::NeedsScript,
        sign_dialog::{After, SignDialog},
    },
    domain::{
        operation::Operation,
        text::{EmailAddress, ExternalId},
        user::UserKind,
    },
    refusal::{FieldError, Refusal},
};
use leptos::{ev::SubmitEvent, prelude::*};

const EMAIL: FieldKind = FieldKind { autocomplete: "off", hint: "The invitation goes there.", ..FieldKind::EMAIL };
const EXTERNAL_ID: FieldKind = FieldKind {
    name: "external_id",
    label: "External id (optional)",
    input: "text",
    autocomplete: "off",
    inputmode: "text",
    hint: "By which another system knows them, such as a personnel number.",
    class: "",
};

/// The form for a new user.
#[component]
pub fn NewUser() -> impl IntoView {
    signed_in(Place::Users, |viewer| async move {
        needs(&viewer, Operation::UsersCreate)?;
        let signer = viewer.signer();
        Ok(view! {
            <Frame viewer title="New user" current=Place::Users below=true>
                <p class="lead measure">
                    "They get a mail with a code, and sign up with a passkey of their own. They have no permission until you give them one."
                </p>
                <NeedsScript />
                <NewUserForm signer />
            </Frame>
        }
        .into_any())
    })
}

/// Email and external id, and the dialog that signs.
#[island]
fn NewUserForm(
    /// Who signs.
    signer: Signer,
) -> impl IntoView {
    let refusal = RwSignal::new(None::<Refusal>);
    let change = RwSignal::new(None::<Change>);
    // Until the page is alive the button couldn't do anything.
    let asleep = RwSignal::new(true);
    react(Box::new(move || asleep.set(false)));
    let [email, external_id] = [NodeRef::new(), NodeRef::new()];
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        match new_user(&typed(email), &typed(external_id)) {
            Ok(new) => {
                refusal.set(None);
                change.set(Some(new));
            }
            Err(fields) => refusal.set(Some(Refusal::invalid(fields))),
        }
    };
    view! {
        <form class="form" novalidate on:submit=submit>
            <Alert refusal />
            <Field kind=EMAIL refusal input=email />
            <div class="field">
                <p class="field-title">"Kind"</p>
                <p>{UserKind::Employee.label()}</p>
                <p class="hint">
                    "Someone who works with you. Customers come through "
                    <a href="/docs#customers">"delegated registration in the API"</a>
                    ", by a service account that may, not through this page."
                </p>
            </div>
            <Field kind=EXTERNAL_ID may_be_empty=true refusal input=external_id />
            <div class="actions">
                <button type="submit" class="button main" disabled=asleep>"Review and sign"</button>
                <a class="button" href=Place::Users.path()>"Cancel"</a>
            </div>
        </form>
        <SignDialog change signer after=After::ToCreated("/org/users/".to_owned()) refusal />
    }
}

/// The change that was typed, or what is wrong with it, field by field.
fn new_user(email: &str, external_id: &str) -> Result<Change, Vec<FieldError>> {
    let complaint = |field: &str, message: String| FieldError { field: field.to_owned(), message };
    let email = EmailAddress::parse(email).map_err(|error| complaint("email", error.to_string()));
    let external_id = match external_id.trim() {
        "" => Ok(None),
        typed => ExternalId::parse(typed).map(Some).map_err(|error| complaint("external_id", error.to_string())),
    };
    match (email, external_id) {
        (Ok(email), Ok(external_id)) => Ok(Change::CreateUser { email, kind: UserKind::Employee, external_id }),
        (email, external_id) => Err(email.err().into_iter().chain(external_id.err()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_becomes_a_change() {
        assert_eq!(
            new_user(" ada@Example.org ", "  "),
            Ok(Change::CreateUser { email: EmailAddress::parse("ada@example.org").unwrap(), kind: UserKind::Employee, external_id: None })
        );
        let Ok(Change::CreateUser { external_id: Some(id), .. }) = new_user("ada@example.org", " 4711 ") else { panic!() };
        assert_eq!(id.as_str(), "4711");
    }

    #[test]
    fn every_field_gets_its_own_complaint() {
        let fields = new_user("", "<b>").unwrap_err();
        assert_eq!(fields.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(), ["email", "external_id"]);
        assert_eq!(new_user("ada", "").unwrap_err().len(), 1);
    }
}

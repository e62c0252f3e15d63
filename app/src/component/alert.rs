//! What went wrong, in one place that takes the focus: the sentence, the fields it is about, and the incident to quote.

use super::{
    form::react,
    icon::{Glyph, Icon},
};
use crate::refusal::{Code, Refusal};
use leptos::{html, prelude::*};

/// Shows a refusal and moves the focus to it, each time that one comes in.
#[component]
pub fn Alert(
    /// What to show; nothing while there is none.
    refusal: RwSignal<Option<Refusal>>,
) -> impl IntoView {
    let place = NodeRef::<html::Div>::new();
    react(Box::new(move || {
        if refusal.with(Option::is_some)
            && let Some(element) = place.get()
        {
            // Where it can't be focused it is still announced.
            let _ = element.focus();
        }
    }));
    move || {
        refusal.get().map(|refusal| {
            view! {
                <div class="alert" role="alert" tabindex="-1" node_ref=place>
                    <Icon glyph=Glyph::Warning />
                    <div>
                        <p>{refusal.message}</p>
                        {refusal
                            .fields
                            .into_iter()
                            .map(|error| view! { <p><a href=format!("#{}", error.field)>{label(&error.field)} {error.message}</a></p> })
                            .collect_view()}
                        {way_on(refusal.code).map(|(path, words)| view! { <p><a href=path>{words}</a></p> })}
                        {refusal
                            .incident
                            .map(|incident| view! { <p class="fine">"When you ask for help, quote " <code>{incident}</code> "."</p> })}
                    </div>
                </div>
            }
        })
    }
}

/// Which field a complaint is about, where its message doesn't say.
fn label(field: &str) -> &'static str {
    match field {
        "email" => "Work email: ",
        "name" => "Name: ",
        "organization" => "Organization's name: ",
        "code" => "Code from the mail: ",
        "kit" => "Recovery code: ",
        "external_id" => "External id: ",
        "operations" => "Operations: ",
        "permission" => "Permission: ",
        _ => "",
    }
}

/// Where to go when trying again here can't help.
const fn way_on(code: Code) -> Option<(&'static str, &'static str)> {
    match code {
        Code::NoAddition => Some(("/add-passkey", "Enter a code")),
        Code::NoRecovery => Some(("/recover", "Ask for a code again")),
        Code::NoRegistration => Some(("/get-started/activate", "Type the code from your mail again")),
        Code::SignedOut => Some(("/login", "Sign in")),
        _ => None,
    }
}

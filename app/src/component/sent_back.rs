//! With what a form that was sent without JavaScript (or before its page was alive) came back.
//!
//! It comes in the URL, and anyone can write a link: so only its code and field names are believed, and the words are ours.

use super::alert::Alert;
use crate::refusal::{Code, FieldError, Refusal};
use leptos::{prelude::*, server::ServerActionError, server_fn::error::ServerFnUrlError};

/// The refusal that this page's address carries, if it does.
pub fn sent_back() -> Option<Refusal> {
    let error = use_context::<ServerActionError>()?;
    let refusal = ServerFnUrlError::<Refusal>::decode_err(error.err());
    let fields = ["email", "name", "organization", "code"]
        .into_iter()
        .filter(|field| refusal.field(field).is_some())
        .map(|field| FieldError { field: field.to_owned(), message: "Check what was typed there.".to_owned() })
        .collect();
    Some(Refusal { fields, ..Refusal::new(refusal.code, words(refusal.code)) })
}

/// Says what came back. It makes way once the page, alive, says something newer.
#[component]
pub fn SentBack() -> impl IntoView {
    sent_back().map(|refusal| view! { <div class="sent-back"><Alert refusal=RwSignal::new(Some(refusal)) /></div> })
}

const fn words(code: Code) -> &'static str {
    match code {
        Code::InvalidInput => "Some of this can't be right yet. Nothing was saved.",
        Code::WrongCode => "This is not the code that was sent. Compare it with the newest mail.",
        Code::ExpiredCode => "This code's time is over. Send a new one.",
        Code::EndedCode => "This code doesn't work any more. Send a new one.",
        Code::NoRegistration => "There is no registration under way in this browser. Type the code from your mail again.",
        Code::NoRecovery => "There is no recovery under way in this browser. Ask for a code by mail again.",
        Code::NoAddition => "No passkey is being added in this browser. Make a new code on your other device.",
        Code::SignedOut => "You are signed out.",
        Code::Closed => "This server takes no new organizations.",
        Code::NotPermitted => "You aren't allowed to do that. Nothing was changed. Ask an admin of your organization.",
        Code::Conflict => "Something has changed in the meantime. Nothing was done. Look at it again.",
        Code::ActionOver => "This was signed already, or its time is over. Look at it again, and begin anew if it is still to be done.",
        Code::TooMany => "That was too often. Wait a while, then try again.",
        Code::Unavailable | Code::Unreachable => "The server can't do that right now. Nothing was changed. Try again in a while.",
        Code::BadRequest | Code::PasskeyRefused | Code::UnknownPasskey | Code::WrongKit | Code::NotFound | Code::Internal => {
            "That didn't work. Nothing was changed. Try again."
        }
    }
}

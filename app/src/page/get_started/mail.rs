//! `/get-started/mail`: what to look for in the mailbox, and what to do when it isn't there.

use super::{Addressee, activate_path};
use crate::{
    component::{
        code_form::NewCode,
        icon::Glyph,
        notice::Notice,
        sheet::{Sheet, Step},
    },
    rpc::about::{MailDelivery, about},
};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

/// Says that a mail is on its way.
#[component]
pub fn Mail() -> impl IntoView {
    let addressee = Addressee::of_this_page();
    let sent_again = use_query_map().with_untracked(|query| query.get_str("sent") == Some("again"));
    Suspend::new(async move {
        // It is only about a hint: without an answer there is none.
        let mailbox_is_local = about().await.is_ok_and(|about| about.mail == MailDelivery::LocalMailbox);
        let (email, organization) = addressee.fields();
        let known = addressee.email.is_some();
        view! {
            <Sheet title="Check your mail" step=Some(Step::Mail)>
                {sent_again.then(|| view! { <Notice glyph=Glyph::Check>"A new code is on its way. Codes from before don't work any more."</Notice> })}
                {known.then(|| view! { <OnItsWay addressee mailbox_is_local /> })}
                <section class="apart">
                    <h2>{if known { "Nothing there?" } else { "Where should the code go?" }}</h2>
                    <p>
                        {if known {
                            "Give it a minute and look among the spam. Then send a new code; it ends the one before."
                        } else {
                            "This page's address doesn't say. Type the email that you began with, and get a new code."
                        }}
                    </p>
                    <NewCode email organization main=!known />
                </section>
            </Sheet>
        }
    })
}

#[component]
fn OnItsWay(addressee: Addressee, mailbox_is_local: bool) -> impl IntoView {
    let email = addressee.email.unwrap_or_default();
    let next = activate_path(&email, addressee.organization);
    view! {
        <p class="lead">"A mail is on its way to " <strong>{email}</strong> "."</p>
        <div class="envelope">
            <p class="envelope-code" aria-hidden="true">
                <span></span>
                <span></span>
                <span></span>
                <span></span>
            </p>
            <p>"It holds a code of 16 digits that works for four hours, and a link to the page where you type it."</p>
            {addressee
                .organization
                .map(|id| view! { <p>"The right one names your organization: " <code class="id">{id.to_string()}</code></p> })}
        </div>
        {mailbox_is_local
            .then(|| {
                view! {
                    <Notice glyph=Glyph::Mail>
                        "This server has no mail server set up and keeps its mails itself: " <a href="/dev/mail">"open the local mailbox"</a> "."
                    </Notice>
                }
            })}
        <div class="actions">
            <a class="button main" href=next>"Enter the code"</a>
        </div>
    }
}

//! `/recover/code`: typing the code from the mail. Opening this page, as mail scanners do, uses nothing up.

use crate::{
    component::{
        alert::Alert,
        code_form::EmailOrField,
        field::{Field, FieldKind},
        form::{FormState, Submit, typed},
        icon::Glyph,
        notice::Notice,
        sheet::Sheet,
    },
    domain::text::EmailAddress,
    rpc::{
        about::{MailDelivery, about},
        recovery::{TypeRecoveryCode, type_recovery_code},
    },
};
use leptos::{ev::SubmitEvent, prelude::*, server_fn::ServerFn};
use leptos_router::hooks::use_query_map;

const CODE: FieldKind = FieldKind {
    name: "code",
    label: "Code from the mail",
    input: "text",
    autocomplete: "one-time-code",
    inputmode: "numeric",
    hint: "16 digits. It works for ten minutes; five wrong tries end it.",
    class: "code",
};
const EMAIL: FieldKind = FieldKind { hint: "The one that the code was sent to.", ..FieldKind::EMAIL };

/// Asks for the code.
#[component]
pub fn RecoveryCodePage() -> impl IntoView {
    // Anyone can write a link: what isn't an address counts as missing.
    let email = use_query_map().with_untracked(|query| query.get_str("email").and_then(|email| EmailAddress::parse(email).ok()));
    Suspend::new(async move {
        // It is only about a hint: without an answer there is none.
        let mailbox_is_local = about().await.is_ok_and(|about| about.mail == MailDelivery::LocalMailbox);
        view! {
            <Sheet title="Enter the code">
                <p class="lead">
                    {match &email {
                        Some(email) => format!("If {email} has an account here with a recovery kit, a mail with a code is on its way there."),
                        None => "Type or paste the code from the mail.".to_owned(),
                    }}
                </p>
                {mailbox_is_local
                    .then(|| {
                        view! {
                            <Notice glyph=Glyph::Mail>
                                "This server has no mail server set up and keeps its mails itself: " <a href="/dev/mail">"open the local mailbox"</a>
                                "."
                            </Notice>
                        }
                    })}
                <TypeCode email=email.map(String::from).unwrap_or_default() />
                <section class="apart">
                    <h2>"Nothing there, or it doesn't work?"</h2>
                    <p>"Give it a minute and look among the spam. A new code ends the one before. " <a href="/recover">"Ask for a new code"</a></p>
                </section>
            </Sheet>
        }
    })
}

#[island]
fn TypeCode(email: String) -> impl IntoView {
    let state = FormState::unsent();
    let (email_input, code_input) = (NodeRef::new(), NodeRef::new());
    let submit = move |event: SubmitEvent| state.send(&event, Box::pin(type_recovery_code(typed(email_input), typed(code_input))));
    view! {
        <form class="form" method="post" action=TypeRecoveryCode::url() novalidate=state.alive on:submit=submit>
            <Alert refusal=state.refusal />
            <EmailOrField email kind=EMAIL refusal=state.refusal input=email_input />
            <Field kind=CODE refusal=state.refusal input=code_input />
            <div class="actions">
                <Submit label="Continue" busy_label="Checking…" busy=state.busy />
            </div>
        </form>
    }
}

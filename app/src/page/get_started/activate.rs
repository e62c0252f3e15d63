//! `/get-started/activate`: typing the code. Opening this page, as mail scanners do, signs nobody in and uses nothing up.

use super::{Addressee, Claims};
use crate::{
    component::{
        alert::Alert,
        code_form::{CodeForm, EmailOrField, NewCode},
        field::{Field, FieldKind},
        form::{FormState, Submit, typed},
        icon::Glyph,
        moment::Moment,
        notice::Notice,
        sent_back::sent_back,
        sheet::{Sheet, Step},
    },
    page::trouble::Trouble,
    refusal::Code,
    rpc::get_started::{Activate as Activation, CodeState, activate, code_state},
};
use leptos::{either::Either, ev::SubmitEvent, prelude::*, server_fn::ServerFn};

const CODE: FieldKind = FieldKind {
    name: "code",
    label: "Code from the mail",
    input: "text",
    autocomplete: "one-time-code",
    inputmode: "numeric",
    hint: "16 digits. Spaces and hyphens don't matter. Five wrong tries end a code; then you get a new one.",
    class: "code",
};
const EMAIL: FieldKind = FieldKind { hint: "The one that the code was sent to.", ..FieldKind::EMAIL };

/// Asks for the code, if there is one to ask for.
#[component]
pub fn Activate() -> impl IntoView {
    let addressee = Addressee::of_this_page();
    let typed_wrong = sent_back().is_some_and(|refusal| matches!(refusal.code, Code::WrongCode | Code::ExpiredCode | Code::EndedCode));
    Suspend::new(async move {
        let (email, organization) = addressee.fields();
        let state = match email.as_str() {
            "" => Ok(None),
            email => code_state(email.to_owned(), organization.clone()).await.map(Some),
        };
        match state {
            Err(refusal) => view! { <Trouble refusal /> }.into_any(),
            // After a refusal the form stays, because it carries the way on.
            Ok(Some(CodeState::NotLive)) if !typed_wrong => {
                view! {
                    <Sheet title="Enter the code" step=Some(Step::Activate)>
                        <Notice glyph=Glyph::Clock>
                            <p>"No code is waiting for this address."</p>
                            <p>"It was used, its time is over, a newer one replaced it, or five wrong tries ended it. Send a new one; nothing else is lost."</p>
                        </Notice>
                        <Claims addressee />
                        <NewCode email organization main=true />
                        <p class="aside">"Wrong address? " <a href="/get-started">"Begin again"</a></p>
                    </Sheet>
                }
                    .into_any()
            }
            Ok(state) => {
                view! {
                    <Sheet title="Enter the code" step=Some(Step::Activate)>
                        <p class="lead">
                            "Type or paste the code from the mail."
                            {match state {
                                Some(CodeState::Live { expires_at }) => view! { " It works until " <Moment at=expires_at /> "." }.into_any(),
                                _ => ().into_any(),
                            }}
                        </p>
                        <Claims addressee />
                        <ActivateForm email organization />
                    </Sheet>
                }
                    .into_any()
            }
        }
    })
}

/// The code's field, and below it a new code, once that is the way on.
#[island]
fn ActivateForm(email: String, organization: String) -> impl IntoView {
    let state = FormState::unsent();
    let (email_input, code_input) = (NodeRef::new(), NodeRef::new());
    let id = StoredValue::new(organization.clone());
    let submit = move |event: SubmitEvent| state.send(&event, Box::pin(activate(typed(email_input), id.get_value(), typed(code_input))));
    let is_over = move || {
        state.refusal.with(|refusal| refusal.as_ref().is_some_and(|refusal| matches!(refusal.code, Code::ExpiredCode | Code::EndedCode)))
    };
    view! {
        <form class="form" method="post" action=Activation::url() novalidate=state.alive on:submit=submit>
            <Alert refusal=state.refusal />
            <input type="hidden" name="organization" value=organization.clone() />
            <EmailOrField email=email.clone() kind=EMAIL refusal=state.refusal input=email_input />
            <Field kind=CODE refusal=state.refusal input=code_input />
            <div class="actions">
                <Submit label="Continue" busy_label="Checking…" busy=state.busy />
            </div>
        </form>
        <section class="apart">
            <h2>{move || if is_over() { "This code is over" } else { "No code, or it doesn't work?" }}</h2>
            // Two fields for one email would be one too many: the mail's page asks for it.
            {if email.is_empty() {
                Either::Left(view! { <p><a href="/get-started/mail">"Get a new code"</a></p> })
            } else {
                Either::Right(view! { <CodeForm email organization main=false /> })
            }}
        </section>
    }
}

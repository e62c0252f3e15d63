//! `/recover`: for whom a code is sent. The answer is the same whether or not there is an account.

use crate::{
    component::{
        alert::Alert,
        field::{Field, FieldKind},
        form::{FormState, Submit, typed},
        sheet::Sheet,
    },
    rpc::recovery::{StartRecovery, start_recovery},
};
use leptos::{ev::SubmitEvent, prelude::*, server_fn::ServerFn};

const EMAIL: FieldKind = FieldKind { hint: "The one of your account. We send a code there.", ..FieldKind::EMAIL };

/// Asks for the email.
#[component]
pub fn Recover() -> impl IntoView {
    view! {
        <Sheet title="Recover your account">
            <p class="lead">"For when every passkey is lost. You need two things: your mail, and your recovery kit."</p>
            <ol class="plan">
                <li>"A code by mail shows that the address is yours."</li>
                <li>"Your kit's code shows that the account is yours. It stays in this browser."</li>
                <li>"You make a new passkey and a new kit. All that you had before ends at once."</li>
            </ol>
            <RecoverForm />
            <p class="aside">"No kit any more? An admin of your organization can let you enrol again. " <a href="/login">"Sign in"</a></p>
        </Sheet>
    }
}

#[island]
fn RecoverForm() -> impl IntoView {
    let state = FormState::unsent();
    let email = NodeRef::new();
    let submit = move |event: SubmitEvent| state.send(&event, Box::pin(start_recovery(typed(email))));
    view! {
        <form class="form" method="post" action=StartRecovery::url() novalidate=state.alive on:submit=submit>
            <Alert refusal=state.refusal />
            <Field kind=EMAIL refusal=state.refusal input=email />
            <div class="actions">
                <Submit label="Send me a code" busy_label="Sending…" busy=state.busy />
            </div>
        </form>
    }
}

//! Asking for a new registration code: the way on from a lost, expired or used-up one.

use super::{
    alert::Alert,
    field::{Field, FieldKind},
    form::{FormState, Submit, typed},
};
use crate::{
    refusal::Refusal,
    rpc::get_started::{SendNewCode, send_new_code},
};
use leptos::{either::Either, ev::SubmitEvent, html::Input, prelude::*, server_fn::ServerFn};

/// The email of a form: asked for where the link didn't say it.
#[component]
pub fn EmailOrField(
    /// What the link said; empty if nothing.
    email: String,
    /// The field, if it is asked for.
    kind: FieldKind,
    /// Where complaints about it come from.
    refusal: RwSignal<Option<Refusal>>,
    /// To read it, typed or not.
    input: NodeRef<Input>,
) -> impl IntoView {
    if email.is_empty() {
        Either::Left(view! { <Field kind refusal input /> })
    } else {
        Either::Right(view! { <input type="hidden" name="email" value=email node_ref=input /> })
    }
}

/// Sends a new code, which ends the old one.
#[component]
pub fn CodeForm(
    /// To whom; asked for when it is empty.
    email: String,
    /// Of which organization, if the link said so; otherwise empty.
    organization: String,
    /// Whether it is the page's main action.
    main: bool,
) -> impl IntoView {
    let state = FormState::unsent();
    let input = NodeRef::new();
    let id = StoredValue::new(organization.clone());
    let submit = move |event: SubmitEvent| state.send(&event, Box::pin(send_new_code(typed(input), id.get_value())));
    view! {
        <form class="form" method="post" action=SendNewCode::url() novalidate=state.alive on:submit=submit>
            <Alert refusal=state.refusal />
            <input type="hidden" name="organization" value=organization />
            <EmailOrField email kind=FieldKind::EMAIL refusal=state.refusal input />
            <div class="actions">
                <Submit label="Send a new code" busy_label="Sending…" busy=state.busy main />
            </div>
        </form>
    }
}

/// [`CodeForm`] on a page by itself.
#[island]
pub(crate) fn NewCode(
    /// To whom; asked for when it is empty.
    email: String,
    /// Of which organization, if the link said so; otherwise empty.
    organization: String,
    /// Whether it is the page's main action.
    main: bool,
) -> impl IntoView {
    view! { <CodeForm email organization main /> }
}

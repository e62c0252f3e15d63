//! `/get-started`: the first step. The organization exists from here on, not active yet.

use crate::{
    component::{
        alert::Alert,
        field::{Field, FieldKind},
        form::{FormState, Submit, typed},
        notice::Notice,
        sheet::{Sheet, Step},
    },
    page::trouble::Trouble,
    rpc::{
        about::{Founding, about},
        get_started::{CreateOrganization, create_organization},
    },
};
use leptos::{ev::SubmitEvent, prelude::*, server_fn::ServerFn};

const NAME: FieldKind = FieldKind {
    name: "name",
    label: "Your name",
    input: "text",
    autocomplete: "name",
    inputmode: "text",
    hint: "As your coworkers know you.",
    class: "",
};
const ORGANIZATION: FieldKind = FieldKind {
    name: "organization",
    label: "Organization's name",
    input: "text",
    autocomplete: "organization",
    inputmode: "text",
    hint: "It appears on your passkey, on the recovery kit and in mails.",
    class: "",
};

/// Asks for email, name and organization; or says whom to ask, where strangers may not found.
#[component]
pub fn Account() -> impl IntoView {
    Suspend::new(async move {
        match about().await {
            Ok(about) => view! { <AccountSheet founding=about.founding /> }.into_any(),
            Err(refusal) => view! { <Trouble refusal /> }.into_any(),
        }
    })
}

#[component]
fn AccountSheet(founding: Founding) -> impl IntoView {
    view! {
        <Sheet title="Create an organization" step=Some(Step::Account)>
            {match founding {
                Founding::Open => {
                    view! {
                        <p class="lead">
                            "You will be its first admin. It takes about five minutes; have your mail at hand, and a printer or a safe place for one code."
                        </p>
                        <AccountForm />
                    }
                        .into_any()
                }
                Founding::Closed { contact } => {
                    view! {
                        <Notice>
                            <p>"This server takes no new organizations."</p>
                            {match contact {
                                Some(contact) => view! { <p>"Ask " <strong>{contact}</strong> " for one."</p> }.into_any(),
                                None => view! { <p>"Ask whoever runs it for one."</p> }.into_any(),
                            }}
                        </Notice>
                    }
                        .into_any()
                }
            }}
            <p class="aside">"Already have one? " <a href="/login">"Sign in"</a></p>
        </Sheet>
    }
}

#[island]
fn AccountForm() -> impl IntoView {
    let state = FormState::unsent();
    let [email, name, organization] = [NodeRef::new(), NodeRef::new(), NodeRef::new()];
    let submit =
        move |event: SubmitEvent| state.send(&event, Box::pin(create_organization(typed(email), typed(name), typed(organization))));
    view! {
        <form class="form" method="post" action=CreateOrganization::url() novalidate=state.alive on:submit=submit>
            <Alert refusal=state.refusal />
            <Field kind=FieldKind::EMAIL refusal=state.refusal input=email />
            <Field kind=NAME refusal=state.refusal input=name />
            <Field kind=ORGANIZATION refusal=state.refusal input=organization />
            <div class="actions">
                <Submit label="Continue" busy_label="Creating…" busy=state.busy />
            </div>
        </form>
    }
}

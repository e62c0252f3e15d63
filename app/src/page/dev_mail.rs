//! `/dev/mail`: the mails of a server that has no mail server, for trying things out. It works without JavaScript.

use super::{not_found::NotFound, trouble::Trouble};
use crate::{
    component::{moment::Moment, sheet::Sheet},
    refusal::Code,
    rpc::about::{LocalMail, local_mails},
};
use leptos::prelude::*;

/// The local mailbox, newest first.
#[component]
pub fn DevMail() -> impl IntoView {
    Suspend::new(async move {
        match local_mails().await {
            Ok(mails) => view! { <Mailbox mails /> }.into_any(),
            Err(refusal) if refusal.code == Code::NotFound => view! { <NotFound /> }.into_any(),
            Err(refusal) => view! { <Trouble refusal /> }.into_any(),
        }
    })
}

#[component]
fn Mailbox(mails: Vec<LocalMail>) -> impl IntoView {
    view! {
        <Sheet title="Local mailbox">
            <p class="lead">
                "This server has no mail server set up, so it keeps its mails here instead of sending them. Everyone who reaches this machine's own address can read them: good for trying things out, and for nothing else."
            </p>
            {if mails.is_empty() {
                view! {
                    <div class="empty">
                        <p>"No mail yet. The first one comes when you " <a href="/get-started">"create an organization"</a> "."</p>
                    </div>
                }
                    .into_any()
            } else {
                mails.into_iter().map(|mail| view! { <Letter mail /> }).collect_view().into_any()
            }}
        </Sheet>
    }
}

#[component]
fn Letter(mail: LocalMail) -> impl IntoView {
    view! {
        <article class="letter">
            <h2>{mail.subject}</h2>
            <p class="fine">"To " {mail.to} " · " <Moment at=mail.written_at /></p>
            <pre>{linked(&mail.text)}</pre>
        </article>
    }
}

/// The text with its web addresses as links.
fn linked(text: &str) -> Vec<AnyView> {
    text.split_inclusive(char::is_whitespace)
        .map(|word| {
            let address = word.trim_end();
            if address.starts_with("https://") || address.starts_with("http://") {
                let rest = word[address.len()..].to_owned();
                view! { <a href=address.to_owned()>{address.to_owned()}</a> {rest} }.into_any()
            } else {
                word.to_owned().into_any()
            }
        })
        .collect()
}

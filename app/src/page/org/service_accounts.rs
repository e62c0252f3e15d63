//! `/org/service-accounts`: the organization's programs, one of them, and a new one.

use super::door::{escaped, missing, signed_in};
use crate::{
    component::{
        frame::{Frame, Place},
        icon::{Glyph, Icon},
        needs_script::NeedsScript,
        paging::Paging,
    },
    domain::id::UserId,
    page::program::{Kind, NewProgramForm, ProgramPage, ProgramTable},
    rpc::{
        programs::{ProgramChoice, ProgramList, service_account, service_account_choice, service_accounts},
        sign_in::Viewer,
    },
};
use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};

const KIND: Kind = Kind::ServiceAccount;
const NEW: &str = "/org/service-accounts/new";

/// The list of service accounts.
#[component]
pub fn ServiceAccounts() -> impl IntoView {
    let after = use_query_map().with_untracked(|query| query.get("after")).unwrap_or_default();
    signed_in(Place::ServiceAccounts, |viewer| async move {
        let list = service_accounts(after.clone()).await?;
        Ok(view! { <ServiceAccountsPage viewer after list /> }.into_any())
    })
}

#[component]
fn ServiceAccountsPage(viewer: Viewer, after: String, list: ProgramList) -> impl IntoView {
    let ProgramList { programs, next, now } = list;
    let may_create = viewer.operations.allows(KIND.creating());
    let action = may_create.then(|| {
        view! {
            <a class="button main" href=NEW>
                <Icon glyph=Glyph::Plus />
                "New service account"
            </a>
        }
        .into_any()
    });
    let list = if programs.is_empty() {
        let words = if after.is_empty() { "There is no service account yet." } else { "There is no service account on this page." };
        view! {
            <div class="empty">
                <p>{words}</p>
                {may_create
                    .then(|| {
                        view! {
                            <p>
                                <a href=NEW>"Create one"</a>
                                " for a program that acts by itself, such as one that invites people from your personnel system. "
                                "Programs speak to the " <a href="/docs">"HTTP API"</a> "."
                            </p>
                        }
                    })}
            </div>
        }
        .into_any()
    } else {
        view! { <ProgramTable kind=KIND programs now /> }.into_any()
    };
    view! {
        <Frame viewer title="Service accounts" current=Place::ServiceAccounts action>
            <p class="lead measure">"Programs that belong to the organization. Each signs what it changes with a key of its own, and may do what its permissions allow."</p>
            {list}
            <Paging
                label="Pages of service accounts"
                first=(!after.is_empty()).then(|| Place::ServiceAccounts.path().to_owned())
                next=next.map(|after| format!("{}?after={}", Place::ServiceAccounts.path(), escaped(&after)))
            />
        </Frame>
    }
}

/// One service account.
#[component]
pub fn ServiceAccount() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get_str("id").and_then(|id| id.parse::<UserId>().ok()));
    signed_in(Place::ServiceAccounts, move |viewer| async move {
        let details = service_account(id.ok_or_else(missing)?).await?;
        Ok(view! { <ProgramPage viewer kind=KIND details /> }.into_any())
    })
}

/// The form for a new service account.
#[component]
pub fn NewServiceAccount() -> impl IntoView {
    signed_in(Place::ServiceAccounts, |viewer| async move {
        let ProgramChoice { permissions, now } = service_account_choice().await?;
        let signer = viewer.signer();
        Ok(view! {
            <Frame viewer title="New service account" current=Place::ServiceAccounts below=true>
                <p class="lead measure">
                    "Once you have signed, you see its token, this one time. The program sends it along, and signs its changes with its key."
                </p>
                <NeedsScript />
                <NewProgramForm kind=KIND permissions now signer />
            </Frame>
        }
        .into_any())
    })
}

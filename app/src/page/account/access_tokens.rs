//! `/account/access-tokens`: the programs that act in one's own name, one of them, and a new one.

use crate::{
    component::{
        frame::{Frame, Place},
        icon::{Glyph, Icon},
        needs_script::NeedsScript,
    },
    domain::id::UserId,
    page::{
        org::door::{missing, signed_in},
        program::{Kind, NewProgramForm, ProgramPage, ProgramTable},
    },
    rpc::{
        programs::{ProgramChoice, ProgramList, access_token, access_token_choice, access_tokens},
        sign_in::Viewer,
    },
};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

const KIND: Kind = Kind::AccessToken;
const NEW: &str = "/account/access-tokens/new";

/// The list of the viewer's access tokens.
#[component]
pub fn AccessTokens() -> impl IntoView {
    signed_in(Place::AccessTokens, |viewer| async move {
        let list = access_tokens().await?;
        Ok(view! { <AccessTokensPage viewer list /> }.into_any())
    })
}

#[component]
fn AccessTokensPage(viewer: Viewer, list: ProgramList) -> impl IntoView {
    let ProgramList { programs, now, .. } = list;
    let may_create = viewer.operations.allows(KIND.creating());
    let action = may_create.then(|| {
        view! {
            <a class="button main" href=NEW>
                <Icon glyph=Glyph::Plus />
                "New access token"
            </a>
        }
        .into_any()
    });
    let list = if programs.is_empty() {
        view! {
            <div class="empty">
                <p>"You have no access token."</p>
                {if may_create {
                    view! {
                        <p>
                            <a href=NEW>"Create one"</a>
                            " for a program of your own that speaks to the " <a href="/docs">"HTTP API"</a> " in your name."
                        </p>
                    }
                        .into_any()
                } else {
                    view! { <p>"To make one, you need the operation " <code>{KIND.creating().name()}</code> "."</p> }.into_any()
                }}
            </div>
        }
        .into_any()
    } else {
        view! { <ProgramTable kind=KIND programs now /> }.into_any()
    };
    view! {
        <Frame viewer title="Access tokens" current=Place::AccessTokens action>
            <p class="lead measure">
                "Programs that act in your name. Each signs what it changes with a key of its own, and never may more than you. "
                "When you are deactivated, they stop."
            </p>
            {list}
        </Frame>
    }
}

/// One of the viewer's access tokens.
#[component]
pub fn AccessToken() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get_str("id").and_then(|id| id.parse::<UserId>().ok()));
    signed_in(Place::AccessTokens, move |viewer| async move {
        let details = access_token(id.ok_or_else(missing)?).await?;
        Ok(view! { <ProgramPage viewer kind=KIND details /> }.into_any())
    })
}

/// The form for a new access token.
#[component]
pub fn NewAccessToken() -> impl IntoView {
    signed_in(Place::AccessTokens, |viewer| async move {
        let ProgramChoice { permissions, now } = access_token_choice().await?;
        let signer = viewer.signer();
        Ok(view! {
            <Frame viewer title="New access token" current=Place::AccessTokens below=true>
                <p class="lead measure">
                    "Once you have signed, you see the token, this one time. The program sends it along, and signs its changes with its key, in your name."
                </p>
                <NeedsScript />
                <NewProgramForm kind=KIND permissions now signer />
            </Frame>
        }
        .into_any())
    })
}

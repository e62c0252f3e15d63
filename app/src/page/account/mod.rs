//! `/account`: one's own passkeys, recovery kit and sessions, and what happened around the account.

mod access_tokens;
mod keys;
mod kit;
mod new_kit;
mod other_device;
mod passkey_name;
mod passkeys;
mod sessions;

use super::org::door::signed_in;
use crate::{
    component::{
        activity_list::ActivityList,
        frame::{Frame, Place},
        icon::{Glyph, Icon},
    },
    rpc::{
        account::{self, account},
        sessions::{SessionList, sessions},
        sign_in::Viewer,
    },
};
pub use access_tokens::{AccessToken, AccessTokens, NewAccessToken};
use keys::Keys;
use kit::Kit;
use leptos::prelude::*;
pub use new_kit::ReplaceKit;
use passkeys::Passkeys;
use sessions::Sessions;

/// The account of whoever is signed in.
#[component]
pub fn Account() -> impl IntoView {
    signed_in(Place::Account, |viewer| async move {
        let (account, sessions) = (account().await?, sessions().await?);
        Ok(view! { <AccountPage viewer account sessions /> }.into_any())
    })
}

#[component]
fn AccountPage(viewer: Viewer, account: account::Account, sessions: SessionList) -> impl IntoView {
    let account::Account { passkeys, keys, kit, activity, now } = account;
    view! {
        <Frame viewer=viewer.clone() title="Account" current=Place::Account>
            <Passkeys viewer=viewer.clone() passkeys now />
            <Kit kit has_recovery_key=keys.iter().any(|key| key.is_for_recovery && key.is_active) now />
            {(!keys.is_empty()).then(|| view! { <Keys signer=viewer.signer() keys now /> })}
            <TokensSection />
            <Sessions list=sessions />
            <section id="activity">
                <h2>"Activity"</h2>
                <p class="measure">"What happened around your account in the last months. If something here wasn't you, end all other sessions and tell an admin."</p>
                <ActivityList events=activity now />
            </section>
        </Frame>
    }
}

/// The way to the programs that act in the viewer's name.
#[component]
fn TokensSection() -> impl IntoView {
    view! {
        <section id="access-tokens">
            <h2>"Access tokens"</h2>
            <p class="measure">"With one of these a program acts in your name, with its own key, and with no more rights than you have."</p>
            <div class="actions">
                <a class="button" href=Place::AccessTokens.path()>
                    <Icon glyph=Glyph::Program />
                    "See your access tokens"
                </a>
            </div>
        </section>
    }
}

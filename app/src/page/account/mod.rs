//! `/account`: one's own passkeys, recovery kit and sessions, and what happened around the account.

mod kit;
mod new_kit;
mod other_device;
mod passkeys;
mod sessions;

use super::org::door::signed_in;
use crate::{
    component::{
        activity_list::ActivityList,
        frame::{Frame, Place},
    },
    rpc::{
        account::{self, account},
        sessions::{SessionList, sessions},
        sign_in::Viewer,
    },
};
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
    let account::Account { passkeys, kit, activity, now } = account;
    view! {
        <Frame viewer=viewer.clone() title="Account" current=Place::Account>
            <Passkeys viewer=viewer.clone() passkeys now />
            <Kit kit now />
            <Sessions list=sessions />
            <section id="activity">
                <h2>"Activity"</h2>
                <p class="measure">"What happened around your account in the last months. If something here wasn't you, end all other sessions and tell an admin."</p>
                <ActivityList events=activity now />
            </section>
        </Frame>
    }
}

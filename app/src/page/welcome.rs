//! `/`: what this is, for strangers.

use crate::{
    component::{
        icon::{Glyph, Icon},
        seal::{Brand, Seal},
    },
    rpc::sign_in::viewer,
};
use leptos::prelude::*;
use leptos_meta::Title;

/// What this is in two sentences, and the two ways in.
#[component]
pub fn Welcome() -> impl IntoView {
    Suspend::new(async move {
        // Whoever can't be told apart right now is greeted like a stranger.
        let viewer = viewer().await.ok();
        view! {
            <Title text="Countersign" />
            <a class="skip" href="#main">"Skip to the content"</a>
            <div class="desk">
                <header class="letterhead">
                    <Brand />
                </header>
                <main id="main" tabindex="-1" class="welcome">
                    <div class="welcome-words">
                        <h1>"Every change, signed"</h1>
                        <p class="lead">
                            "Countersign is a home for your organization and its people's rights, on your own server. Nobody has a password, and nothing changes until someone signs exactly that change with a passkey."
                        </p>
                        {match viewer {
                            Some(viewer) => {
                                view! {
                                    <div class="actions">
                                        <a class="button main" href="/org">"Go to " {viewer.organization_name}</a>
                                    </div>
                                    <p class="fine">"You are signed in as " {viewer.email.to_string()} "."</p>
                                }
                                    .into_any()
                            }
                            None => {
                                view! {
                                    <div class="actions">
                                        <a class="button main" href="/get-started">"Create an organization"</a>
                                        <a class="button" href="/login">"Sign in"</a>
                                    </div>
                                }
                                    .into_any()
                            }
                        }}
                    </div>
                    <Specimen />
                </main>
                <footer class="imprint">
                    <ul class="welcome-facts">
                        <li><Icon glyph=Glyph::Passkey />"Face ID, Touch ID, Windows Hello, a phone, a YubiKey, a password manager"</li>
                        <li><Icon glyph=Glyph::Kit />"A recovery kit on paper, made in your browser"</li>
                        <li><Icon glyph=Glyph::Safe />"Your server, your data: nobody else's cloud"</li>
                    </ul>
                </footer>
            </div>
        }
    })
}

/// A sealed sheet, to look at: what founding an organization amounts to.
#[component]
fn Specimen() -> impl IntoView {
    view! {
        <div class="specimen" aria-hidden="true">
            <p class="specimen-title">"Analytical Engines"</p>
            <dl>
                <dt>"Founded by"</dt>
                <dd>"Ada Lovelace"</dd>
                <dt>"Signed with"</dt>
                <dd>"a passkey on her phone"</dd>
                <dt>"Recovery kit"</dt>
                <dd>"printed, put away"</dd>
            </dl>
            <p class="specimen-id">"7QX2 M4TK"</p>
            <svg class="specimen-signature" viewBox="0 0 220 64">
                <path d="M6 50C22 44 40 12 47 8c5-3 3 12-1 26-2 7-3 14 1 12 6-3 8-14 13-15 4-1 0 9 3 13 4 4 9-6 12-13 2-5 3-4 2 2-1 7 2 12 7 9 5-3 7-13 11-15 5-2 2 8 4 13 3 6 9-2 13-8 15-22 25-33 27-29 3 5-17 27-21 38-2 5 2 7 6 3 7-6 9-15 14-16 5 0-1 12 3 14 5 2 7-10 12-13 4-2 1 7 4 10 4 3 9-3 13-7 6-5 12-7 20-6" />
            </svg>
            <span class="specimen-seal"><Seal /></span>
        </div>
    }
}

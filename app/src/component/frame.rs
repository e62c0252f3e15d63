//! The frame for those who are signed in: a narrow bar at the side (on a phone on top), and the page with its title.

use super::{
    icon::{Glyph, Icon},
    seal::Brand,
    sent_back::SentBack,
};
use crate::rpc::sign_in::{SignOut, Viewer};
use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;

/// A page of an organization.
#[component]
pub fn Frame(
    /// Who looks at it.
    viewer: Viewer,
    /// The page's title and its one `h1`.
    #[prop(into)]
    title: String,
    /// The page.
    children: Children,
) -> impl IntoView {
    view! {
        <Title text=format!("{title} · Countersign") />
        <a class="skip" href="#main">"Skip to the content"</a>
        <div class="office">
            <header class="side">
                <Brand />
                <nav aria-label="Organization">
                    <p class="side-organization">{viewer.organization_name}</p>
                    <ul>
                        <li>
                            <a href="/org" aria-current="page">
                                <Icon glyph=Glyph::Home />
                                "Home"
                            </a>
                        </li>
                    </ul>
                </nav>
                <div class="side-person">
                    <p>
                        <span class="side-name">{viewer.name}</span>
                        <span class="fine">{viewer.email}</span>
                    </p>
                    <form method="post" action=SignOut::url()>
                        <button type="submit" class="button small">
                            <Icon glyph=Glyph::SignOut />
                            "Sign out"
                        </button>
                    </form>
                </div>
            </header>
            <main id="main" tabindex="-1">
                <h1>{title}</h1>
                <SentBack />
                {children()}
            </main>
        </div>
    }
    .into_any()
}

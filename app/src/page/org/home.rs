//! `/org`: where one lands after signing in: who one is, in which organization, and what to do next.

use crate::{
    component::{
        copy_button::CopyButton,
        frame::Frame,
        icon::{Glyph, Icon},
        seal::Seal,
    },
    page::{redirect, trouble::Trouble},
    refusal::Code,
    rpc::sign_in::{SignOutEverywhere, Viewer, viewer},
};
use leptos::{prelude::*, server_fn::ServerFn};

/// The dashboard's first page.
#[component]
pub fn Home() -> impl IntoView {
    Suspend::new(async move {
        match viewer().await {
            Ok(viewer) => view! { <HomePage viewer /> }.into_any(),
            Err(refusal) if refusal.code == Code::SignedOut => {
                redirect("/login?next=/org");
                ().into_any()
            }
            Err(refusal) => view! { <Trouble refusal /> }.into_any(),
        }
    })
}

#[component]
fn HomePage(viewer: Viewer) -> impl IntoView {
    let organization = viewer.organization.to_string();
    view! {
        <Frame viewer=viewer.clone() title=viewer.organization_name.clone()>
            <section class="card identity">
                <span class="stamp"><Seal /></span>
                <dl class="facts">
                    <div><dt>"You"</dt><dd>{viewer.name} <span class="fine">{viewer.email}</span></dd></div>
                    <div>
                        <dt>"Signed in with"</dt>
                        <dd>{if viewer.passkeys == 1 { "your only passkey".to_owned() } else { format!("one of your {} passkeys", viewer.passkeys) }}</dd>
                    </div>
                    <div>
                        <dt>"Organization id"</dt>
                        <dd class="facts-copy">
                            <code class="id">{organization.clone()}</code>
                            <CopyButton text=organization what="the organization id".to_owned() />
                        </dd>
                    </div>
                </dl>
            </section>
            <section>
                <h2>"What to do next"</h2>
                <ul class="tasks">
                    <Task glyph=Glyph::Kit title="Put the recovery kit away">
                        "On paper, apart from your devices. You don't need it before every passkey is lost."
                    </Task>
                    <Task glyph=Glyph::Passkey title="Sign in once, to see it work">
                        "Sign out, then sign in with the passkey that you just made."
                    </Task>
                    <Task glyph=Glyph::People title="Invite your coworkers" later=true>
                        "By mail; each signs up with a passkey of their own."
                    </Task>
                    <Task glyph=Glyph::SecurityKey title="Add a second passkey" later=true>
                        "On another device, so that losing one is no drama."
                    </Task>
                </ul>
            </section>
            <Elsewhere />
        </Frame>
    }
}

/// For whoever left a session open on another device.
#[component]
fn Elsewhere() -> impl IntoView {
    view! {
        <section class="apart">
            <h2>"Signed in somewhere else, too?"</h2>
            <p>"This ends every session of yours, in this browser and in all others. Your passkey stays as it is."</p>
            <form method="post" action=SignOutEverywhere::url()>
                <button type="submit" class="button">"Sign out everywhere"</button>
            </form>
        </section>
    }
    .into_any()
}

#[component]
fn Task(
    glyph: Glyph,
    title: &'static str,
    /// Whether it can't be done yet.
    #[prop(optional)]
    later: bool,
    children: Children,
) -> impl IntoView {
    view! {
        <li class=if later { "task later" } else { "task" }>
            <Icon glyph />
            <div>
                <h3>{title} {later.then(|| view! { <span class="tag">"With the next version"</span> })}</h3>
                <p>{children()}</p>
            </div>
        </li>
    }
    .into_any()
}

//! `/org`: where one lands after signing in: who one is, in which organization, and what to do next.

use super::door::signed_in;
use crate::{
    component::{
        copy_button::CopyButton,
        frame::{Frame, Place},
        icon::{Glyph, Icon},
        notice::Notice,
        seal::Seal,
    },
    domain::operation::{Operation, Operations},
    rpc::sign_in::{SignOutEverywhere, Viewer},
};
use leptos::{prelude::*, server_fn::ServerFn};

/// The dashboard's first page.
#[component]
pub fn Home() -> impl IntoView {
    signed_in(Place::Home, |viewer| async move { Ok(view! { <HomePage viewer /> }.into_any()) })
}

#[component]
fn HomePage(viewer: Viewer) -> impl IntoView {
    let organization = viewer.organization.to_string();
    let may_invite = viewer.operations.allows(Operation::UsersCreate);
    let may_nothing = viewer.operations == Operations::NONE;
    view! {
        <Frame viewer=viewer.clone() title=viewer.organization_name.clone() current=Place::Home>
            <section class="card identity">
                <span class="stamp"><Seal /></span>
                <dl class="facts">
                    <div>
                        <dt>"You"</dt>
                        <dd>{who(&viewer)}</dd>
                    </div>
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
            {may_nothing
                .then(|| {
                    view! {
                        <Notice glyph=Glyph::Key>
                            <p>"You have no permission yet. An admin can give you one."</p>
                        </Notice>
                    }
                })}
            <section>
                <h2>"What to do next"</h2>
                <ul class="tasks">
                    <Task glyph=Glyph::Kit title="Put the recovery kit away">
                        "On paper, apart from your devices. You don't need it before every passkey is lost."
                    </Task>
                    <Task glyph=Glyph::Passkey title="Sign in once, to see it work">
                        "Sign out, then sign in with the passkey that you just made."
                    </Task>
                    {may_invite
                        .then(|| {
                            view! {
                                <Task glyph=Glyph::People title="Invite your coworkers" path="/org/users/new">
                                    "By mail; each signs up with a passkey of their own."
                                </Task>
                            }
                        })}
                    <Task glyph=Glyph::SecurityKey title="Add a second passkey" later=true>
                        "On another device, so that losing one is no drama."
                    </Task>
                </ul>
            </section>
            <Elsewhere />
        </Frame>
    }
}

/// Name and address, or the address alone where there is no name.
fn who(viewer: &Viewer) -> AnyView {
    let email = viewer.email.to_string();
    if viewer.name.is_empty() {
        return email.into_any();
    }
    view! { <bdi>{viewer.name.clone()}</bdi> " " <span class="fine">{email}</span> }.into_any()
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
    /// Where it is done, if it has a page.
    #[prop(optional)]
    path: Option<&'static str>,
    /// Whether it can't be done yet.
    #[prop(optional)]
    later: bool,
    children: Children,
) -> impl IntoView {
    let title = match path {
        Some(path) => view! { <a href=path>{title}</a> }.into_any(),
        None => title.into_any(),
    };
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

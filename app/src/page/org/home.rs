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
    rpc::{
        account::{Kit, account},
        sign_in::Viewer,
    },
};
use leptos::prelude::*;

/// The dashboard's first page.
#[component]
pub fn Home() -> impl IntoView {
    signed_in(Place::Home, |viewer| async move {
        let kit = account().await?.kit;
        Ok(view! { <HomePage viewer kit /> }.into_any())
    })
}

#[component]
fn HomePage(viewer: Viewer, kit: Option<Kit>) -> impl IntoView {
    let organization = viewer.organization.to_string();
    let may_invite = viewer.operations.allows(Operation::UsersCreate);
    let kit_is_untested = kit.is_some_and(|kit| kit.tested_at.is_none());
    let has_one_passkey = viewer.passkeys == 1;
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
                    {kit_is_untested
                        .then(|| {
                            view! {
                                <Task glyph=Glyph::Kit title="Test your recovery kit" path="/account#recovery-kit">
                                    "Type its code once, to see that the copy you saved works. Then put it away, apart from your devices."
                                </Task>
                            }
                        })}
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
                    {has_one_passkey
                        .then(|| {
                            view! {
                                <Task glyph=Glyph::SecurityKey title="Add a second passkey" path="/account#passkeys">
                                    "On another device, so that losing one is no drama."
                                </Task>
                            }
                        })}
                </ul>
            </section>
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

#[component]
fn Task(
    glyph: Glyph,
    title: &'static str,
    /// Where it is done, if it has a page.
    #[prop(optional)]
    path: Option<&'static str>,
    children: Children,
) -> impl IntoView {
    let title = match path {
        Some(path) => view! { <a href=path>{title}</a> }.into_any(),
        None => title.into_any(),
    };
    view! {
        <li class="task">
            <Icon glyph />
            <div>
                <h3>{title}</h3>
                <p>{children()}</p>
            </div>
        </li>
    }
    .into_any()
}

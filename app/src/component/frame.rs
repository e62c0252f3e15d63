//! The frame for those who are signed in: a narrow bar at the side (on a phone one line on top, and the places at the bottom),
//! and the page with its title and its one main action.

use super::{
    icon::{Glyph, Icon},
    seal::Brand,
    sent_back::SentBack,
    session_watch::SessionWatch,
};
use crate::{
    domain::operation::Operation,
    rpc::sign_in::{SignOut, Viewer},
};
use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;

/// The parts of an organization that the bar leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Where one lands.
    Home,
    /// The organization's people.
    Users,
    /// What people may do.
    Permissions,
    /// The organization's programs.
    ServiceAccounts,
    /// Every change.
    History,
    /// One's own passkeys, kit and sessions.
    Account,
    /// One's own programs; the bar doesn't lead there, one's account does.
    AccessTokens,
}

impl Place {
    const IN_THE_BAR: [Self; 6] = [Self::Home, Self::Users, Self::Permissions, Self::ServiceAccounts, Self::History, Self::Account];

    /// Its name.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Home => "Home",
            Self::Users => "Users",
            Self::Permissions => "Permissions",
            Self::ServiceAccounts => "Service accounts",
            Self::History => "History",
            Self::Account => "Account",
            Self::AccessTokens => "Access tokens",
        }
    }

    /// Its page.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Home => "/org",
            Self::Users => "/org/users",
            Self::Permissions => "/org/permissions",
            Self::ServiceAccounts => "/org/service-accounts",
            Self::History => "/org/history",
            Self::Account => "/account",
            Self::AccessTokens => "/account/access-tokens",
        }
    }

    /// What someone needs to go there, if anything.
    pub const fn operation(self) -> Option<Operation> {
        match self {
            Self::Home | Self::Account | Self::AccessTokens => None,
            Self::Users => Some(Operation::UsersRead),
            Self::Permissions => Some(Operation::PermissionsRead),
            Self::ServiceAccounts => Some(Operation::ServiceAccountsRead),
            Self::History => Some(Operation::HistoryRead),
        }
    }

    /// The place that it is a part of, where the bar doesn't lead to it.
    const fn part_of(self) -> Option<Self> {
        match self {
            Self::AccessTokens => Some(Self::Account),
            Self::Home | Self::Users | Self::Permissions | Self::ServiceAccounts | Self::History | Self::Account => None,
        }
    }

    /// Whether the viewer may go there.
    pub fn is_open_to(self, viewer: &Viewer) -> bool {
        self.operation().is_none_or(|operation| viewer.operations.allows(operation))
    }

    const fn glyph(self) -> Glyph {
        match self {
            Self::Home => Glyph::Home,
            Self::Users => Glyph::People,
            Self::Permissions => Glyph::Key,
            Self::ServiceAccounts | Self::AccessTokens => Glyph::Program,
            Self::History => Glyph::Scroll,
            Self::Account => Glyph::Passkey,
        }
    }
}

/// A page of an organization: `<Frame viewer title="Users" current=Place::Users action=new_user>…</Frame>`.
#[component]
pub fn Frame(
    /// Who looks at it.
    viewer: Viewer,
    /// The page's title and its one `h1`.
    #[prop(into)]
    title: String,
    /// Where in the organization it is.
    current: Place,
    /// Whether it is a page below that place, such as one user: then a link above the title leads up to it.
    #[prop(optional)]
    below: bool,
    /// The page's one main action, a link or an island, beside its title; `None` where the viewer may not do it.
    #[prop(optional_no_strip)]
    action: Option<AnyView>,
    /// The page.
    children: Children,
) -> impl IntoView {
    let places = Place::IN_THE_BAR.into_iter().filter(|place| place.is_open_to(&viewer));
    let above = if below { Some(current) } else { current.part_of() };
    let up = above.filter(|above| above.is_open_to(&viewer)).map(|above| {
        view! {
            <p class="up">
                <a href=above.path()>
                    <Icon glyph=Glyph::Back />
                    {above.label()}
                </a>
            </p>
        }
    });
    let in_the_bar = current.part_of().unwrap_or(current);
    view! {
        <Title text=format!("{title} · Countersign") />
        <a class="skip" href="#main">"Skip to the content"</a>
        <div class="office">
            <header class="side">
                <Brand />
                <nav aria-label="Organization">
                    <p class="side-organization"><bdi>{viewer.organization_name.clone()}</bdi></p>
                    <ul>
                        {places
                            .map(|place| {
                                let here = (place == in_the_bar).then_some(if above.is_some() { "true" } else { "page" });
                                view! {
                                    <li>
                                        <a href=place.path() aria-current=here>
                                            <Icon glyph=place.glyph() />
                                            {place.label()}
                                        </a>
                                    </li>
                                }
                            })
                            .collect_view()}
                    </ul>
                </nav>
                <div class="side-person">
                    <p>
                        {(!viewer.name.is_empty()).then(|| view! { <bdi class="side-name">{viewer.name.clone()}</bdi> })}
                        <span class="fine" title=viewer.email.to_string()>{viewer.email.to_string()}</span>
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
                <SessionWatch life=viewer.session />
                <div class="head">
                    {up}
                    <h1><bdi>{breakable(&title)}</bdi></h1>
                    {action.map(|action| view! { <div class="head-action">{action}</div> })}
                </div>
                <SentBack />
                {children()}
            </main>
        </div>
    }
    .into_any()
}

/// A title that is broken behind the @ of a mail address, sooner than within its words.
fn breakable(title: &str) -> impl IntoView + use<> {
    title.split_inclusive('@').map(|part| view! { {part.to_owned()} <wbr /> }).collect_view()
}

//! What browser and server agree on, and the pages.
//!
//! The server renders every page; what has to be alive in the browser is an island (`#[island]`), and only islands and what
//! they use are in the bundle. There is no router in the browser: a link or a finished form loads the next page, with its own
//! status, title and focus.

// A view's type nests as deep as its elements do, and the compiler counts every level.
#![recursion_limit = "256"]

pub mod action;
pub mod browser;
pub mod component;
pub mod domain;
pub mod page;
#[cfg(feature = "ssr")]
pub mod port;
pub mod refusal;
pub mod response;
pub mod rpc;

use component::not_alive::NotAlive;
use leptos::{config::LeptosOptions, hydration::AutoReload, prelude::*};
use leptos_meta::{HashedStylesheet, MetaTags, provide_meta_context};
use leptos_router::{
    SsrMode,
    components::{FlatRoutes, Route, Router},
    path,
};
use page::{
    account::{AccessToken, AccessTokens, Account as OwnAccount, NewAccessToken, ReplaceKit},
    add_passkey::{AddPasskey, MakeAddedPasskey},
    dev_mail::DevMail,
    get_started::{account::Account, activate::Activate, mail::Mail, passkey::Passkey, recovery_kit::RecoveryKit},
    login::Login,
    not_found::NotFound,
    org::{
        EditPermission, History, HistoryEntry, Home, NewPermission, NewServiceAccount, NewUser, Permission, Permissions, ServiceAccount,
        ServiceAccounts, User, Users,
    },
    recover::{Recover, RecoverNewKit, RecoverWithKit, RecoveryCodePage},
    welcome::Welcome,
};

/// The document around every page.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    #[cfg(feature = "ssr")]
    response::set_content_security_policy();
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <meta name="theme-color" content="#f6f3ec" media="(prefers-color-scheme: light)" />
                <meta name="theme-color" content="#12151d" media="(prefers-color-scheme: dark)" />
                <link rel="icon" href="/seal.svg" type="image/svg+xml" />
                <link rel="preload" href="/fonts/next-400.woff2" r#as="font" r#type="font/woff2" crossorigin="anonymous" />
                <link rel="preload" href="/fonts/next-600.woff2" r#as="font" r#type="font/woff2" crossorigin="anonymous" />
                <HashedStylesheet options=options.clone() />
                <AutoReload options=options.clone() />
                <HydrationScripts options islands=true />
                <MetaTags />
            </head>
            <body>
                <NotAlive />
                <App />
            </body>
        </html>
    }
}

/// All pages: the site map.
///
/// Each is rendered as a whole before its first byte is sent, because its status, its redirect and its title depend on what
/// the server knows.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Router>
            <FlatRoutes fallback=NotFound>
                <Route path=path!("/") view=Welcome ssr=SsrMode::Async />
                <Route path=path!("/login") view=Login ssr=SsrMode::Async />
                <Route path=path!("/get-started") view=Account ssr=SsrMode::Async />
                <Route path=path!("/get-started/mail") view=Mail ssr=SsrMode::Async />
                <Route path=path!("/get-started/activate") view=Activate ssr=SsrMode::Async />
                <Route path=path!("/get-started/passkey") view=Passkey ssr=SsrMode::Async />
                <Route path=path!("/get-started/recovery-kit") view=RecoveryKit ssr=SsrMode::Async />
                <Route path=path!("/org") view=Home ssr=SsrMode::Async />
                <Route path=path!("/org/users") view=Users ssr=SsrMode::Async />
                <Route path=path!("/org/users/new") view=NewUser ssr=SsrMode::Async />
                <Route path=path!("/org/users/:id") view=User ssr=SsrMode::Async />
                <Route path=path!("/org/permissions") view=Permissions ssr=SsrMode::Async />
                <Route path=path!("/org/permissions/new") view=NewPermission ssr=SsrMode::Async />
                <Route path=path!("/org/permissions/:id") view=Permission ssr=SsrMode::Async />
                <Route path=path!("/org/permissions/:id/edit") view=EditPermission ssr=SsrMode::Async />
                <Route path=path!("/org/service-accounts") view=ServiceAccounts ssr=SsrMode::Async />
                <Route path=path!("/org/service-accounts/new") view=NewServiceAccount ssr=SsrMode::Async />
                <Route path=path!("/org/service-accounts/:id") view=ServiceAccount ssr=SsrMode::Async />
                <Route path=path!("/org/history") view=History ssr=SsrMode::Async />
                <Route path=path!("/org/history/:index") view=HistoryEntry ssr=SsrMode::Async />
                <Route path=path!("/account") view=OwnAccount ssr=SsrMode::Async />
                <Route path=path!("/account/access-tokens") view=AccessTokens ssr=SsrMode::Async />
                <Route path=path!("/account/access-tokens/new") view=NewAccessToken ssr=SsrMode::Async />
                <Route path=path!("/account/access-tokens/:id") view=AccessToken ssr=SsrMode::Async />
                <Route path=path!("/account/recovery-kit") view=ReplaceKit ssr=SsrMode::Async />
                <Route path=path!("/add-passkey") view=AddPasskey ssr=SsrMode::Async />
                <Route path=path!("/add-passkey/make") view=MakeAddedPasskey ssr=SsrMode::Async />
                <Route path=path!("/recover") view=Recover ssr=SsrMode::Async />
                <Route path=path!("/recover/code") view=RecoveryCodePage ssr=SsrMode::Async />
                <Route path=path!("/recover/kit") view=RecoverWithKit ssr=SsrMode::Async />
                <Route path=path!("/recover/new-kit") view=RecoverNewKit ssr=SsrMode::Async />
                <Route path=path!("/dev/mail") view=DevMail ssr=SsrMode::Async />
            </FlatRoutes>
        </Router>
    }
}

//! `/login`: signing in with a passkey that the browser finds by itself, by a button or by a field's autofill.

use crate::{
    browser::{
        document,
        passkey::{self, PasskeyError},
    },
    component::{
        alert::Alert,
        form::{NEXT_PAGE_TAKES, react},
        icon::{Glyph, Icon},
        notice::Notice,
        sheet::Sheet,
    },
    refusal::{Code, Refusal},
    rpc::sign_in::{SignInRequest, finish_sign_in, start_sign_in, viewer},
};
use leptos::{ev, prelude::*, task::spawn_local};
use leptos_router::hooks::use_query_map;
use std::time::Duration;

/// Where people land who weren't on their way to another page.
const DASHBOARD: &str = "/org";
/// Challenges live for five minutes; a waiting one is replaced a little before that.
const CHALLENGE_LASTS: Duration = Duration::from_mins(4);

/// Sign in.
#[component]
pub fn Login() -> impl IntoView {
    let query = use_query_map();
    Suspend::new(async move {
        let (next, signed_out) = query.with_untracked(|query| {
            (
                query.get("next").filter(|path| is_local(path)).unwrap_or_else(|| DASHBOARD.to_owned()),
                query.get_str("signed") == Some("out"),
            )
        });
        let viewer = viewer().await.ok();
        view! {
            <Sheet title="Sign in">
                {signed_out.then(|| view! { <Notice glyph=Glyph::Check>"You are signed out."</Notice> })}
                {viewer
                    .map(|viewer| {
                        view! {
                            <Notice>
                                "You are signed in to " <a href="/org">{viewer.organization_name}</a> " as " {viewer.email.to_string()} "."
                            </Notice>
                        }
                    })}
                <p class="lead">"Your passkey says who you are and which organization you mean. There is nothing to type."</p>
                <noscript>
                    <Notice glyph=Glyph::Warning>"Signing in with a passkey needs JavaScript. Switch it on for this page, then reload."</Notice>
                </noscript>
                <SignIn next />
                <details>
                    <summary>"Lost your passkey?"</summary>
                    <p>
                        "First look for it elsewhere: on your other devices, in your password manager, on a security key. With a phone that has it, press the button and scan the QR code that your browser shows."
                    </p>
                    <p>
                        "Every one of them is gone? " <a href="/recover">"Recover your account with your recovery kit"</a>
                        ". Without the kit, an admin of your organization can let you enrol again."
                    </p>
                </details>
                <p class="aside">"No organization yet? " <a href="/get-started">"Create an organization"</a></p>
            </Sheet>
        }
    })
}

/// The button, and the field in whose autofill browsers offer passkeys.
#[island]
fn SignIn(next: String) -> impl IntoView {
    let refusal = RwSignal::new(None::<Refusal>);
    // Until the page is alive the button couldn't do anything.
    let busy = RwSignal::new(true);
    let autofill = RwSignal::new(true);
    // How often a request was put behind the field; each ends the one before.
    let offers = RwSignal::new(0_u32);
    let stale = RwSignal::new(false);
    let next = StoredValue::new(next);

    react(Box::new(move || {
        busy.set(false);
        if !passkey::is_supported() {
            refusal.set(Some(Refusal::new(Code::PasskeyRefused, PasskeyError::Unsupported.to_string())));
        }
        spawn_local(async move {
            let available = passkey::autofill_available().await;
            autofill.set(available);
            offers.set(u32::from(available));
        });
    }));
    react(Box::new(move || {
        if offers.get() == 0 {
            return;
        }
        stale.set(false);
        set_timeout(move || stale.set(true), CHALLENGE_LASTS);
        spawn_local(async move {
            // An offer that nobody took up ends silently.
            if let Err(Some(refused)) = sign_in(Ask::ByAutofill, busy, next).await {
                busy.set(false);
                refusal.set(Some(refused));
                offers.update(|offers| *offers += 1);
            }
        });
    }));
    let offer_again = move || {
        if autofill.get_untracked() {
            offers.update(|offers| *offers += 1);
        }
    };
    let submit = move |event: ev::SubmitEvent| {
        event.prevent_default();
        busy.set(true);
        refusal.set(None);
        spawn_local(async move {
            if let Err(refused) = sign_in(Ask::ByDialog, busy, next).await {
                busy.set(false);
                refusal.set(refused);
                offer_again();
            }
        });
    };
    let renew = move |_| {
        if stale.get_untracked() && !busy.get_untracked() {
            offer_again();
        }
    };
    view! {
        <form class="form sign-in" on:submit=submit>
            <Alert refusal />
            <button type="submit" class="button main wide" disabled=busy>
                <Icon glyph=Glyph::Passkey />
                "Sign in with a passkey"
            </button>
            <div class="field" hidden=move || !autofill.get()>
                <label for="passkey">"Email or passkey"</label>
                <input
                    id="passkey"
                    type="text"
                    autocomplete="username webauthn"
                    autocapitalize="none"
                    spellcheck="false"
                    aria-describedby="passkey-hint"
                    on:focus=renew
                />
                <p class="hint" id="passkey-hint">"Or pick your passkey from the list that this field offers."</p>
            </div>
        </form>
    }
}

/// How the browser is asked for a passkey.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ask {
    ByDialog,
    ByAutofill,
}

/// The whole way from the challenge to the next page. An error of `None` is one that nobody needs to hear of.
async fn sign_in(ask: Ask, busy: RwSignal<bool>, next: StoredValue<String>) -> Result<(), Option<Refusal>> {
    // Whoever didn't ask for anything needn't hear that it failed: the button is still there.
    let loud = |refusal| (ask == Ask::ByDialog).then_some(refusal);
    let SignInRequest { challenge, options } = start_sign_in().await.map_err(loud)?;
    let answer = match ask {
        Ask::ByDialog => passkey::get(&options).await,
        Ask::ByAutofill => passkey::get_by_autofill(&options).await,
    };
    let response = answer.map_err(|error| loud(Refusal::new(Code::PasskeyRefused, error.to_string())))?;
    busy.set(true);
    if let Err(refusal) = finish_sign_in(challenge, response.clone()).await {
        if refusal.code == Code::UnknownPasskey {
            passkey::signal_unknown(&options, &response).await;
        }
        return Err(Some(refusal));
    }
    document::go(&next.get_value());
    // Whoever comes back by the browser's button finds this one working again.
    set_timeout(move || busy.set(false), NEXT_PAGE_TAKES);
    Ok(())
}

/// Whether this is a path on this site, for browsers too: they take `//host` and `/\host` for other sites, and leave out
/// tabs and line breaks before they look.
fn is_local(path: &str) -> bool {
    path.starts_with('/') && !path.starts_with("//") && !path.contains(|char: char| char == '\\' || char.is_control())
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn only_paths_on_this_site_are_gone_to() {
        for path in ["/", "/org", "/org/users?page=2#top", "/a//b"] {
            assert!(is_local(path), "{path}");
        }
        for path in [
            "",
            "org",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            " //evil.example",
            "javascript:alert(1)",
        ] {
            assert!(!is_local(path), "{path}");
        }
    }
}

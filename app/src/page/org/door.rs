//! What every page of the dashboard does before it shows anything: who is here, are they allowed, is it there.
//!
//! A page is written as what it shows when all is well, and the three other endings are the same for all of them:
//!
//! ```ignore
//! #[component]
//! pub fn History() -> impl IntoView {
//!     let before = /* from use_query_map(), before the page waits for anything */;
//!     signed_in(Place::History, move |viewer| async move {
//!         let entries = history(before).await?;
//!         Ok(view! { <HistoryPage viewer entries /> }.into_any())
//!     })
//! }
//! ```

use super::not_permitted::NotPermitted;
use crate::{
    action::rules::Denial,
    component::frame::{Frame, Place},
    domain::operation::Operation,
    page::trouble::Trouble,
    refusal::{Code, Refusal},
    response::{redirect, set_status},
    rpc::sign_in::{Viewer, viewer},
};
use leptos::prelude::*;
use leptos_router::hooks::use_url;
use std::fmt::Write as _;

/// The page for whoever is signed in. Others are sent to sign in and come back to this address. What `page` is refused is
/// shown under its own status: [`NotPermitted`] (403), [`Missing`] (404), or [`Trouble`].
pub fn signed_in<P, F>(current: Place, page: P) -> impl IntoView
where
    P: FnOnce(Viewer) -> F + Send + 'static,
    F: Future<Output = Result<AnyView, Refusal>> + Send + 'static,
{
    let (path, query) = use_url().with_untracked(|url| (url.path().to_owned(), url.search().to_owned()));
    Suspend::new(async move {
        let viewer = match viewer().await {
            Ok(viewer) => viewer,
            Err(refusal) if refusal.code == Code::SignedOut => {
                redirect(&sign_in_path(&path, &query));
                return ().into_any();
            }
            Err(refusal) => return view! { <Trouble refusal /> }.into_any(),
        };
        match page(viewer.clone()).await {
            Ok(page) => page,
            Err(refusal) => match refusal.code {
                // The session ended between the two questions.
                Code::SignedOut => {
                    redirect(&sign_in_path(&path, &query));
                    ().into_any()
                }
                Code::NotPermitted => view! { <NotPermitted viewer refusal current /> }.into_any(),
                Code::NotFound => view! { <Missing viewer current /> }.into_any(),
                _ => view! { <Trouble refusal /> }.into_any(),
            },
        }
    })
}

/// Lets those on who may do this, for pages that ask the server for nothing that would say so.
///
/// # Errors
/// [`Code::NotPermitted`], in the words of the rule.
pub fn needs(viewer: &Viewer, operation: Operation) -> Result<(), Refusal> {
    if viewer.operations.allows(operation) {
        return Ok(());
    }
    Err(Refusal::new(Code::NotPermitted, Denial::NotPermitted(operation).to_string()))
}

/// An address that names nothing here, or nothing any more.
pub fn missing() -> Refusal {
    Refusal::new(Code::NotFound, "There is nothing at this address.")
}

/// Says that there is nothing here, and where to go.
#[component]
pub fn Missing(
    /// Who looks for it.
    viewer: Viewer,
    /// Where they are.
    current: Place,
) -> impl IntoView {
    set_status(Code::NotFound.status());
    let up = if current.is_open_to(&viewer) { current } else { Place::Home };
    view! {
        <Frame viewer title="Not found" current below=true>
            <p class="lead">"There is nothing at this address in your organization. It may have been deleted, or the link may be cut off."</p>
            <div class="actions">
                <a class="button main" href=up.path()>"Go to " {up.label()}</a>
            </div>
        </Frame>
    }
}

/// Where to sign in and come back from.
fn sign_in_path(path: &str, query: &str) -> String {
    let mut sign_in = format!("/login?next={}", escaped(path));
    if !query.is_empty() {
        sign_in.push_str(&escaped(&format!("?{query}")));
    }
    sign_in
}

/// A text as a value in a query.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            // The router unescapes every value twice, so that a percent sign must survive that.
            b'%' => escaped.push_str("%2525"),
            // RFC 3986, section 2.3: these need no escape, and a slash in a query needs none either (section 3.4).
            byte if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) => escaped.push(char::from(byte)),
            // Writing to a string can't fail.
            byte => _ = write!(escaped, "%{byte:02X}"),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_signs_in_comes_back_to_the_same_address() {
        assert_eq!(sign_in_path("/org/users", ""), "/login?next=/org/users");
        assert_eq!(sign_in_path("/org/users", "q=a%2Bb"), "/login?next=/org/users%3Fq%3Da%25252Bb");
    }
}

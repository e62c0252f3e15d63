//! `/get-started`: the wizard that creates an organization, a page for each step. Every page finds out by itself where its
//! reader is, from its address or from the registration that this browser is in, so that a reload or coming back from the mail
//! on another device never loses the way.

pub mod account;
pub mod activate;
pub mod mail;
pub mod passkey;
pub mod recovery_kit;

use crate::domain::{id::OrganizationId, text::EmailAddress};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use std::fmt::Write as _;

/// Where to read that a mail is on its way to `email`.
pub fn mail_path(email: &str, organization: Option<OrganizationId>) -> String {
    path("/get-started/mail", email, organization)
}

/// Where to type the code that `email` got: the link in the mail.
pub fn activate_path(email: &str, organization: Option<OrganizationId>) -> String {
    path("/get-started/activate", email, organization)
}

// Writing to a string can't fail.
pub(super) fn path(page: &str, email: &str, organization: Option<OrganizationId>) -> String {
    let mut path = format!("{page}?email=");
    for byte in email.bytes() {
        // RFC 3986, section 2.3: these need no escape.
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "%{byte:02X}");
        }
    }
    if let Some(organization) = organization {
        let _ = write!(path, "&organization={organization}");
    }
    path
}

/// Whom a link is about. Anyone can write a link, so what isn't an address or an id counts as missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Addressee {
    email: Option<String>,
    organization: Option<OrganizationId>,
}

impl Addressee {
    fn of_this_page() -> Self {
        use_query_map().with_untracked(|query| Self {
            email: query.get_str("email").and_then(|email| EmailAddress::parse(email).ok()).map(String::from),
            organization: query.get_str("organization").and_then(|id| id.parse().ok()),
        })
    }

    /// For a form's fields: empty where the link didn't say.
    fn fields(&self) -> (String, String) {
        (self.email.clone().unwrap_or_default(), self.organization.map(|id| id.to_string()).unwrap_or_default())
    }
}

/// Addressed like [`mail_path`] or [`activate_path`] say, as a list of what the link claims.
#[component]
fn Claims(addressee: Addressee) -> impl IntoView {
    let (email, organization) = addressee.fields();
    // A list without entries would be announced all the same.
    (addressee != Addressee::default()).then(|| {
        view! {
            <dl class="facts">
                {(!email.is_empty()).then(|| view! { <div><dt>"Email"</dt><dd>{email}</dd></div> })}
                {(!organization.is_empty())
                    .then(|| view! { <div><dt>"Organization id"</dt><dd><code class="id">{organization}</code></dd></div> })}
            </dl>
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_escaped_into_links() {
        let organization = OrganizationId::from_bytes([0; 16]);
        assert_eq!(mail_path("ada+work@example.org", None), "/get-started/mail?email=ada%2Bwork%40example.org");
        assert_eq!(
            activate_path("a&b=c#d@example.org", Some(organization)),
            format!("/get-started/activate?email=a%26b%3Dc%23d%40example.org&organization={organization}")
        );
    }
}

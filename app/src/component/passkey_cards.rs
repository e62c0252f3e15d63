//! Passkeys and keys as cards: what each is called, who keeps it, and how it is used.

use super::{
    icon::{Glyph, Icon},
    moment::Moment,
    relative::Relative,
};
use crate::{
    domain::time::Timestamp,
    rpc::users::{KeyRow, PasskeyRow},
};
use leptos::prelude::*;

/// One card for each passkey, in their order.
#[component]
pub fn PasskeyCards(
    /// Which.
    passkeys: Vec<PasskeyRow>,
    /// The server's time.
    now: Timestamp,
) -> impl IntoView {
    view! { <ul class="passkeys">{passkeys.into_iter().map(|passkey| view! { <PasskeyCard passkey now /> }).collect_view()}</ul> }
}

/// A passkey.
#[component]
pub fn PasskeyCard(
    /// Which.
    passkey: PasskeyRow,
    /// The server's time.
    now: Timestamp,
    /// What can be done about it here.
    #[prop(optional_no_strip)]
    actions: Option<AnyView>,
) -> impl IntoView {
    let reached = reached(&passkey.transports);
    view! {
        <li class="card passkey">
            <Icon glyph=Glyph::Passkey />
            <div class="passkey-words">
                <h3><bdi>{passkey.name}</bdi> <Ended is_active=passkey.is_active /></h3>
                <p>{passkey.provider.unwrap_or_else(|| "Provider not known".to_owned())}</p>
                <p class="aside">{if passkey.is_synced { "Synced by its provider" } else { "Bound to one device" }}</p>
                {(!reached.is_empty()).then(|| view! { <p class="aside">"Reached through " {reached}</p> })}
                <Used made_at=passkey.created_at last_used_at=passkey.last_used_at now />
                {actions}
            </div>
        </li>
    }
}

/// One card for each key, in their order.
#[component]
pub fn KeyCards(
    /// Which.
    keys: Vec<KeyRow>,
    /// The server's time.
    now: Timestamp,
) -> impl IntoView {
    view! { <ul class="passkeys">{keys.into_iter().map(|key| view! { <KeyCard key now /> }).collect_view()}</ul> }
}

/// The key of a program.
#[component]
pub fn KeyCard(
    /// Which.
    key: KeyRow,
    /// The server's time.
    now: Timestamp,
    /// What can be done about it here.
    #[prop(optional_no_strip)]
    actions: Option<AnyView>,
) -> impl IntoView {
    view! {
        <li class="card passkey">
            <Icon glyph=Glyph::Key />
            <div class="passkey-words">
                <h3><bdi>{key.name}</bdi> <Ended is_active=key.is_active /></h3>
                <p>{if key.is_for_recovery { "Recovery key of a program, " } else { "Key of a program, " }} {key.algorithm}</p>
                <p class="aside">"Its id: " <code class="id">{key.credential_id}</code></p>
                <Used made_at=key.created_at last_used_at=key.last_used_at now />
                {actions}
            </div>
        </li>
    }
}

/// A mark for what can sign nothing at the moment.
#[component]
fn Ended(is_active: bool) -> impl IntoView {
    (!is_active).then(|| view! { <span class="badge"><Icon glyph=Glyph::Off /> "Deactivated"</span> })
}

#[component]
fn Used(made_at: Timestamp, last_used_at: Option<Timestamp>, now: Timestamp) -> impl IntoView {
    view! {
        <p class="aside">
            "Made " <Moment at=made_at /> " · "
            {match last_used_at {
                Some(at) => view! { "last used " <Relative at now /> }.into_any(),
                None => "never used since".into_any(),
            }}
        </p>
    }
}

/// The transports in words. Browsers may name some that this version doesn't know; those are left out.
fn reached(transports: &[String]) -> String {
    let words: Vec<&str> = transports.iter().filter_map(|transport| words(transport)).collect();
    words.join(", ")
}

fn words(transport: &str) -> Option<&'static str> {
    Some(match transport {
        "internal" => "this kind of device itself",
        "usb" => "USB",
        "nfc" => "NFC",
        "ble" => "Bluetooth",
        "hybrid" => "a phone by QR code",
        "smart-card" => "smart card",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transports_are_said_in_words_as_far_as_they_are_known() {
        let said = |transports: &[&str]| reached(&transports.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(said(&["internal", "hybrid"]), "this kind of device itself, a phone by QR code");
        assert_eq!(said(&["usb", "telepathy", "nfc"]), "USB, NFC");
        assert_eq!(said(&["telepathy"]), "");
        assert_eq!(said(&[]), "");
    }
}

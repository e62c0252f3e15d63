//! The keys that programs sign with in one's own name. Programs bring them, through the API; here they are seen, and can be
//! shut out.

use crate::{
    action::{account_change::AccountChange, change::Change, review::Signer},
    component::{
        passkey_cards::KeyCard,
        sign_dialog::{After, SignButton},
    },
    domain::{text::PasskeyName, time::Timestamp},
    rpc::users::KeyRow,
};
use leptos::prelude::*;

/// The section of the account's page.
#[component]
pub(super) fn Keys(
    /// Who would sign.
    signer: Signer,
    /// Which.
    keys: Vec<KeyRow>,
    /// The server's time.
    now: Timestamp,
) -> impl IntoView {
    let cards = keys.into_iter().map(|key| {
        let actions = actions(&key, &signer);
        view! { <KeyCard key now actions /> }
    });
    view! {
        <section id="keys">
            <h2>"Keys"</h2>
            <p class="measure">"Programs brought these along. Whatever program has the private half signs in your name, as you do with a passkey."</p>
            <ul class="passkeys">{cards.collect_view()}</ul>
        </section>
    }
    .into_any()
}

/// What can be done about one of them. A recovery key goes by making another one, or a kit, in its place.
fn actions(key: &KeyRow, signer: &Signer) -> Option<AnyView> {
    let name = PasskeyName::parse(&key.name).ok().filter(|_| !key.is_for_recovery)?;
    let id = key.id;
    let (label, change) = if key.is_active {
        ("Deactivate", AccountChange::DeactivateCredential { id, name })
    } else {
        ("Activate", AccountChange::ActivateCredential { id, name })
    };
    let (change, danger) = (Change::OwnAccount(change), key.is_active);
    Some(
        view! {
            <div class="passkey-actions">
                <SignButton label=label.to_owned() change signer=signer.clone() after=After::Reload danger />
            </div>
        }
        .into_any(),
    )
}

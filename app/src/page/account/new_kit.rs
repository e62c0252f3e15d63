//! `/account/recovery-kit`: a new recovery kit in place of the one before. The sheet is made and saved first; then its key is
//! registered by a change, signed with a passkey.

use crate::{
    action::{account_change::AccountChange, change::Change, recovery_code::RecoveryCode, review::Signer},
    browser::recovery_kit,
    component::{
        frame::{Frame, Place},
        icon::Glyph,
        new_kit::{KeepKit, Kit},
        notice::Notice,
        sign_dialog::{After, SignDialog},
    },
    page::org::door::signed_in,
    refusal::{Code, Refusal},
    rpc::{
        account::{KitIdentity, kit_identity, start_new_kit},
        sign_in::Viewer,
    },
};
use leptos::{prelude::*, task::spawn_local};

/// Leads to a new kit.
#[component]
pub fn ReplaceKit() -> impl IntoView {
    signed_in(Place::Account, |viewer| async move {
        let identity = kit_identity().await?;
        Ok(view! { <ReplaceKitPage viewer identity /> }.into_any())
    })
}

#[component]
fn ReplaceKitPage(viewer: Viewer, identity: KitIdentity) -> impl IntoView {
    let signer = viewer.signer();
    // Until it is registered, this tab goes on with the same code: a printed kit must stay good when the page is reloaded.
    let key = format!("replacement of {}", viewer.user);
    view! {
        <Frame viewer title="New recovery kit" current=Place::Account below=true>
            <p class="lead measure">"Save this one first. The kit that you have works until you have signed that this one takes its place."</p>
            <noscript>
                <Notice glyph=Glyph::Warning>"Making the kit needs JavaScript. Switch it on for this page, then reload."</Notice>
            </noscript>
            <Kit identity=identity.clone() key=key.clone() />
            <KeepReplaced identity key signer />
        </Frame>
    }
}

/// The ways to save it, the groups to type back, and the dialog to sign.
#[island]
fn KeepReplaced(identity: KitIdentity, key: String, signer: Signer) -> impl IntoView {
    let (refusal, busy) = (RwSignal::new(None::<Refusal>), RwSignal::new(false));
    let wanted = RwSignal::new(None);
    let saved = move |code: RecoveryCode| {
        spawn_local(async move {
            match replacement(&code).await {
                Ok(change) => wanted.set(Some(change)),
                Err(refused) => refusal.set(Some(refused)),
            }
            busy.set(false);
        });
    };
    let saved = Callback::new(saved);
    view! {
        <KeepKit identity key refusal busy label="Review and sign" busy_label="Getting ready…" saved />
        <SignDialog change=wanted signer after=After::Go("/account#recovery-kit".to_owned()) on_done=recovery_kit::forget />
    }
}

async fn replacement(code: &RecoveryCode) -> Result<Change, Refusal> {
    let challenge = start_new_kit().await?;
    let recovery_key =
        recovery_kit::prove(code, &challenge.to_string()).await.map_err(|sentence| Refusal::new(Code::BadRequest, sentence))?;
    Ok(Change::OwnAccount(AccountChange::ReplaceRecoveryKey { challenge, recovery_key }))
}

//! `/recover/new-kit`: a new kit is made and saved, and then the kit of before signs the recovery: new passkey and new kit
//! count, and all that was there ends.

use super::{KIT_PATH, refused};
use crate::{
    action::{account_change::AccountChange, bytes::Bytes, recovery_code::RecoveryCode, review::Signer},
    browser::{
        document,
        recovery::{self, InHand},
        recovery_kit,
    },
    component::{
        form::{NEXT_PAGE_TAKES, react},
        icon::Glyph,
        new_kit::{KeepKit, Kit},
        notice::Notice,
        sheet::Sheet,
    },
    refusal::{Code, Refusal},
    rpc::{
        account::KitIdentity,
        recovery::{Recovery, commit_recovery, prepare_recovery, recovery as current},
    },
};
use leptos::{prelude::*, task::spawn_local};

const TITLE: &str = "Save your new kit";

/// Leads to a new kit and through the recovery.
#[component]
pub fn RecoverNewKit() -> impl IntoView {
    Suspend::new(async move {
        match current().await {
            Ok(recovery) => view! { <NewKitPage recovery /> }.into_any(),
            Err(refusal) => refused(TITLE, refusal),
        }
    })
}

#[component]
fn NewKitPage(recovery: Recovery) -> impl IntoView {
    let Recovery { signer, identity, challenge, salt, .. } = recovery;
    let key = challenge.to_string();
    view! {
        <Sheet title=TITLE>
            <p class="lead">
                "The kit that you have just used is used up with this step. This one takes its place; it was made in your browser just now, and nobody else has it."
            </p>
            <noscript>
                <Notice glyph=Glyph::Warning>"Making the kit needs JavaScript. Switch it on for this page, then reload."</Notice>
            </noscript>
            <Kit identity=identity.clone() key=key.clone() />
            <FinishRecovery identity key signer salt />
        </Sheet>
    }
}

/// The ways to save the kit, the groups to type back, and the recovery itself.
#[island]
fn FinishRecovery(
    /// What stands on the kit.
    identity: KitIdentity,
    /// Under which the tab keeps its code.
    key: String,
    /// Whose account it is.
    signer: Signer,
    /// The salt of the old key's derivation, base64url.
    salt: String,
) -> impl IntoView {
    let (refusal, busy) = (RwSignal::new(None::<Refusal>), RwSignal::new(false));
    let stored = StoredValue::new((signer, salt));
    // Whoever comes here in another tab, or after closing this one, has nothing in hand.
    react(Box::new(move || {
        if recovery::kept().is_none() {
            document::go(KIT_PATH);
        }
    }));
    let saved = move |code: RecoveryCode| {
        spawn_local(async move {
            let (signer, salt) = stored.get_value();
            match recover(&code, &signer, &salt).await {
                Ok(()) => {
                    recovery_kit::forget();
                    recovery::forget();
                    document::go("/account");
                    set_timeout(move || busy.set(false), NEXT_PAGE_TAKES);
                }
                Err(refused) => {
                    busy.set(false);
                    refusal.set(Some(refused));
                }
            }
        });
    };
    let saved = Callback::new(saved);
    view! { <KeepKit identity key refusal busy label="Recover my account" busy_label="Recovering…" saved /> }
}

async fn recover(new_code: &RecoveryCode, signer: &Signer, salt: &str) -> Result<(), Refusal> {
    let sentence = |sentence: String| Refusal::new(Code::BadRequest, sentence);
    let InHand { code, name, passkey } =
        recovery::kept().ok_or_else(|| sentence("This tab has lost the recovery. Use your kit again.".to_owned()))?;
    let recovery_key = recovery_kit::prove(new_code, &passkey.challenge.to_string()).await.map_err(sentence)?;
    let change = AccountChange::Recover { name, passkey, recovery_key };
    let prepared = prepare_recovery(change.clone()).await?;
    let signature = recovery::sign(&change, signer, &prepared, &code, salt).await.map_err(sentence)?;
    commit_recovery(prepared.action, Bytes(signature)).await.map(|_| ())
}

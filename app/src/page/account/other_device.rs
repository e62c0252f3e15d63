//! A passkey on another device, as the first one sees it: the code with its square, then what was made there, and the dialog
//! to sign that it is one's own.

use super::passkey_name::NameIt;
use crate::{
    action::review::Signer,
    browser::enrolment,
    component::{
        alert::Alert,
        form::react,
        icon::{Glyph, Icon},
        qr::Qr,
        sign_dialog::{After, SignDialog},
    },
    refusal::{Code, Refusal},
    rpc::other_device::{DeviceOffer, OfferState, Presented, offer_passkey, offered_passkey},
};
use leptos::{prelude::*, task::spawn_local};
use std::time::Duration;

/// Between two looks at what became of the code.
const LOOK: Duration = Duration::from_secs(2);

/// Where it stands.
#[derive(Debug, Clone)]
enum Stage {
    /// The page isn't alive yet.
    Asleep,
    Ready,
    Offered(DeviceOffer),
    /// The code was typed; nothing is made yet.
    Taken,
    Presented(Box<Presented>, String),
}

/// Offers a code, and shows what comes of it.
#[island]
pub(super) fn OtherDevice(
    /// Who would sign.
    signer: Signer,
) -> impl IntoView {
    let stage = RwSignal::new(Stage::Asleep);
    let refusal = RwSignal::new(None::<Refusal>);
    let wanted = RwSignal::new(None);
    let email = StoredValue::new(signer.user.handle.to_string());
    react(Box::new(move || stage.set(Stage::Ready)));
    let offer = move |_| {
        stage.set(Stage::Asleep);
        refusal.set(None);
        spawn_local(async move {
            match offer_passkey().await {
                Ok(offer) => {
                    stage.set(Stage::Offered(offer.clone()));
                    look(offer, 0, stage, refusal);
                }
                Err(refused) => {
                    stage.set(Stage::Ready);
                    refusal.set(Some(refused));
                }
            }
        });
    };
    let content = move || {
        match stage.get() {
        Stage::Offered(DeviceOffer { code, origin, .. }) => {
            let address = format!("{origin}/add-passkey");
            let square = email.with_value(|email| format!("{address}#{email}/{code}"));
            view! {
                <div class="card device-offer" role="status">
                    <p>"On the other device, open " <strong>{address}</strong> " and type, or scan the square:"</p>
                    <p class="device-code"><code class="code">{code}</code></p>
                    <Qr text=square label="QR code that leads the other device to this code" />
                    <p class="fine">"It works once, for five minutes. Keep this page open: what is made there has to be confirmed here."</p>
                </div>
            }
            .into_any()
        }
        Stage::Taken => {
            view! { <p class="card device-offer" role="status">"The code was typed. Now make the passkey on the other device; it will appear here."</p> }
                .into_any()
        }
        Stage::Presented(presented, mark) => {
            let Presented { passkey, name, from } = *presented;
            view! {
                <div class="card device-offer">
                    <p role="status">"Another device has made a passkey: " <strong>{from}</strong></p>
                    <p>"Confirm it only if that was you, and if the other device shows this very mark:"</p>
                    <p class="device-mark"><code class="fingerprint">{mark}</code></p>
                </div>
                <NameIt new=passkey name=name.to_string() wanted refusal />
            }
            .into_any()
        }
        stage => view! {
            <Alert refusal />
            <div class="actions">
                <button type="button" class="button" disabled=!matches!(stage, Stage::Ready) on:click=offer>
                    <Icon glyph=Glyph::Phone />
                    "Add on another device"
                </button>
            </div>
        }
        .into_any(),
    }
    };
    view! {
        <div class="add-passkey">{content}</div>
        <SignDialog change=wanted signer after=After::Reload refusal />
    }
}

/// Looks again and again, until there is something, or the time is over.
fn look(offer: DeviceOffer, looks: u32, stage: RwSignal<Stage>, refusal: RwSignal<Option<Refusal>>) {
    set_timeout(
        move || {
            spawn_local(async move {
                let again = |offer: DeviceOffer| look(offer, looks + 1, stage, refusal);
                match offered_passkey(offer.id).await {
                    Ok(OfferState::Presented(presented)) => match enrolment::mark(&presented.passkey).await {
                        Ok(mark) => stage.set(Stage::Presented(presented, mark)),
                        Err(sentence) => over(stage, refusal, Refusal::new(Code::BadRequest, sentence)),
                    },
                    Ok(OfferState::Waiting) => again(offer),
                    Ok(OfferState::Taken) if LOOK * looks < TAKEN_LIFE => {
                        stage.set(Stage::Taken);
                        again(offer);
                    }
                    Ok(OfferState::Taken) => {
                        let words = "Nothing came of the code: it wasn't typed in time, or no passkey was made. Make a new one.";
                        over(stage, refusal, Refusal::new(Code::ExpiredCode, words));
                    }
                    // The network may be gone for a moment.
                    Err(refused) if refused.code == Code::Unreachable => again(offer),
                    Err(refused) => over(stage, refusal, refused),
                }
            });
        },
        LOOK,
    );
}

/// From the code to the passkey: five minutes to type it, and fifteen to make it.
const TAKEN_LIFE: Duration = Duration::from_mins(20);

fn over(stage: RwSignal<Stage>, refusal: RwSignal<Option<Refusal>>, why: Refusal) {
    stage.set(Stage::Ready);
    refusal.set(Some(why));
}

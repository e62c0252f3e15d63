//! `/get-started/passkey`: says what will happen, asks the system for a passkey, and says what happened. The passkey is kept
//! aside; it is registered with the recovery key, on the next page.

use super::recovery_kit::NoRegistration;
use crate::{
    browser::{
        document,
        passkey::{self, PasskeyError},
    },
    component::{
        alert::Alert,
        form::react,
        icon::{Glyph, Icon},
        moment::Moment,
        notice::Notice,
        sheet::{Sheet, Step},
    },
    page::trouble::Trouble,
    refusal::{Code, Refusal},
    rpc::get_started::{Registration, RegistrationStep, keep_passkey, registration, start_passkey},
};
use leptos::{prelude::*, task::spawn_local};

const NEXT: &str = "/get-started/recovery-kit";

/// Leads to a passkey.
#[component]
pub fn Passkey() -> impl IntoView {
    Suspend::new(async move {
        match registration().await {
            Ok(registration) => view! { <PasskeySheet registration /> }.into_any(),
            Err(refusal) if refusal.code == Code::NoRegistration => {
                view! { <NoRegistration title="Make a passkey" step=Step::Passkey /> }.into_any()
            }
            Err(refusal) => view! { <Trouble refusal /> }.into_any(),
        }
    })
}

#[component]
fn PasskeySheet(registration: Registration) -> impl IntoView {
    view! {
        <Sheet title="Make a passkey" step=Some(Step::Passkey)>
            {if registration.step == RegistrationStep::RecoveryKit {
                view! {
                    <Notice glyph=Glyph::Check>
                        <p>"Your passkey is made. It is registered together with your recovery kit, which comes next."</p>
                    </Notice>
                    <div class="actions">
                        <a class="button main" href=NEXT>"Go on to the recovery kit"</a>
                    </div>
                }
                    .into_any()
            } else {
                view! {
                    <p class="lead">
                        "A passkey replaces the password of " <strong>{registration.email}</strong> " in " <strong>{registration.organization_name}</strong> "."
                    </p>
                    <ol class="plan">
                        <li>"Press the button. Your device opens a dialog of its own."</li>
                        <li>"Choose where the passkey will live, and show that it's you: face, finger or PIN."</li>
                        <li>"The secret stays on that device. This server gets the half that only checks signatures."</li>
                        <li>"Whoever can unlock the device can sign as you. Keep it locked; if it is lost, remove its passkey on your account's page."</li>
                    </ol>
                    <noscript>
                        <Notice glyph=Glyph::Warning>"Making a passkey needs JavaScript. Switch it on for this page, then reload."</Notice>
                    </noscript>
                    <MakePasskey />
                    <p class="fine">
                        "Nothing is registered before the recovery kit is saved, too. You have until " <Moment at=registration.expires_at /> "."
                    </p>
                    <details>
                        <summary>"This device can't, or shouldn't?"</summary>
                        <ul class="ways">
                            <li>
                                <Icon glyph=Glyph::Phone />
                                <span>"A phone: choose it in the dialog and scan the QR code that your browser shows."</span>
                            </li>
                            <li>
                                <Icon glyph=Glyph::SecurityKey />
                                <span>"A security key, such as a YubiKey: plug it in or hold it to the device."</span>
                            </li>
                            <li>
                                <Icon glyph=Glyph::Safe />
                                <span>"A password manager that keeps passkeys: unlock it first."</span>
                            </li>
                        </ul>
                    </details>
                }
                    .into_any()
            }}
        </Sheet>
    }
}

/// Where making a passkey stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The page isn't alive yet.
    Asleep,
    Ready,
    /// The system's dialog is, or is about to be, on the screen.
    Waiting,
    /// The server looks at the new passkey.
    Checking,
    Made,
}

#[island]
fn MakePasskey() -> impl IntoView {
    let refusal = RwSignal::new(None::<Refusal>);
    let stage = RwSignal::new(Stage::Asleep);
    react(Box::new(move || {
        stage.set(Stage::Ready);
        if !passkey::is_supported() {
            refusal.set(Some(nothing_saved(&PasskeyError::Unsupported)));
        }
    }));
    let make = move |_| {
        stage.set(Stage::Waiting);
        refusal.set(None);
        spawn_local(async move {
            match make_passkey(stage).await {
                Ok(()) => {
                    stage.set(Stage::Made);
                    document::go(NEXT);
                }
                Err(refused) => {
                    stage.set(Stage::Ready);
                    refusal.set(Some(refused));
                }
            }
        });
    };
    let status = move || match stage.get() {
        Stage::Asleep | Stage::Ready => "",
        Stage::Waiting => "Waiting for your device. Its dialog may be behind this window.",
        Stage::Checking => "Checking the new passkey…",
        Stage::Made => "Your passkey is made. Going on to the recovery kit…",
    };
    view! {
        <div class="form">
            <Alert refusal />
            <button type="button" class="button main wide" disabled=move || stage.get() != Stage::Ready on:click=make>
                <Icon glyph=Glyph::Passkey />
                "Make a passkey"
            </button>
            <p class="status" role="status">{status}</p>
        </div>
    }
}

async fn make_passkey(stage: RwSignal<Stage>) -> Result<(), Refusal> {
    let options = start_passkey().await?;
    let response = passkey::create(&options).await.map_err(|error| nothing_saved(&error))?;
    stage.set(Stage::Checking);
    keep_passkey(response).await
}

/// The error's own sentences, sure to say what became of the passkey.
fn nothing_saved(error: &PasskeyError) -> Refusal {
    let words = error.to_string().replace(" Nothing was changed.", "");
    Refusal::new(Code::PasskeyRefused, format!("Nothing was saved. {words}"))
}

//! `/get-started/recovery-kit`: the kit is made in the browser, saved on paper or as a file, and two of its groups are typed
//! back. Then passkey and recovery key are registered together. The code never leaves the browser.

use crate::{
    action::recovery_code::RecoveryCode,
    browser::{document, recovery_kit},
    component::{
        form::NEXT_PAGE_TAKES,
        icon::Glyph,
        new_kit::{KeepKit, Kit},
        notice::Notice,
        sheet::{Sheet, Step},
    },
    page::trouble::Trouble,
    refusal::{Code, Refusal},
    rpc::{
        account::KitIdentity,
        get_started::{Registration, RegistrationStep, finish_registration, registration},
    },
};
use leptos::{prelude::*, task::spawn_local};

/// Leads to a saved kit.
#[component]
pub fn RecoveryKit() -> impl IntoView {
    Suspend::new(async move {
        match registration().await {
            Ok(registration) if registration.step == RegistrationStep::Passkey => view! {
                <Sheet title="Save your recovery kit" step=Some(Step::RecoveryKit)>
                    <Notice>"The passkey comes first; the kit is made after it."</Notice>
                    <div class="actions">
                        <a class="button main" href="/get-started/passkey">"Go to the passkey"</a>
                    </div>
                </Sheet>
            }
            .into_any(),
            Ok(registration) => view! { <KitSheet registration /> }.into_any(),
            Err(refusal) if refusal.code == Code::NoRegistration => {
                view! { <NoRegistration title="Save your recovery kit" step=Step::RecoveryKit /> }.into_any()
            }
            Err(refusal) => view! { <Trouble refusal /> }.into_any(),
        }
    })
}

/// For a browser that isn't in a registration, or whose time is over.
#[component]
pub(super) fn NoRegistration(
    /// The page's title.
    title: &'static str,
    /// Which step it is.
    step: Step,
) -> impl IntoView {
    crate::response::set_status(Code::NoRegistration.status());
    view! {
        <Sheet title step=Some(step)>
            <Notice glyph=Glyph::Clock>
                <p>"No registration is under way in this browser. It may have been begun in another one, or it took too long."</p>
                <p>"Nothing is lost: type the code from your mail again, here."</p>
            </Notice>
            <div class="actions">
                <a class="button main" href="/get-started/activate">"Enter the code"</a>
                <a class="button" href="/login">"Sign in"</a>
            </div>
        </Sheet>
    }
}

#[component]
fn KitSheet(registration: Registration) -> impl IntoView {
    let identity = KitIdentity {
        name: registration.name,
        email: registration.email,
        organization: registration.organization,
        organization_name: registration.organization_name,
        made_at: registration.started_at,
        recovery_url: registration.recovery_url,
    };
    view! {
        <Sheet title="Save your recovery kit" step=Some(Step::RecoveryKit)>
            <p class="lead">
                "If every passkey is gone, this code is what brings you back. It was made in your browser just now, and nobody else has it: not this server either."
            </p>
            <noscript>
                <Notice glyph=Glyph::Warning>"Making the kit needs JavaScript. Switch it on for this page, then reload."</Notice>
            </noscript>
            <Kit identity=identity.clone() key=registration.challenge.clone() />
            <KeepRegistered identity challenge=registration.challenge />
        </Sheet>
    }
}

/// The ways to save the kit, and the two groups to type back; then passkey and recovery key are registered.
#[island]
fn KeepRegistered(
    /// What stands on the kit.
    identity: KitIdentity,
    /// What its key must sign.
    challenge: String,
) -> impl IntoView {
    let (refusal, busy) = (RwSignal::new(None::<Refusal>), RwSignal::new(false));
    let key = challenge.clone();
    let saved = move |code: RecoveryCode| {
        let challenge = challenge.clone();
        spawn_local(async move {
            match register(&code, &challenge).await {
                Ok(()) => {
                    recovery_kit::forget();
                    document::go("/org");
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
    view! { <KeepKit identity key refusal busy label="Finish" busy_label="Registering…" saved /> }
}

async fn register(code: &RecoveryCode, challenge: &str) -> Result<(), Refusal> {
    let proof = recovery_kit::prove(code, challenge).await.map_err(|sentence| Refusal::new(Code::BadRequest, sentence))?;
    finish_registration(proof).await
}

//! `/recover/kit`: the kit shows that the account is one's own, and a new passkey is made. Nothing is changed yet.

use super::{NEW_KIT_PATH, refused};
use crate::{
    action::bytes::Bytes,
    action::recovery_code::RecoveryCode,
    browser::{
        document, enrolment,
        recovery::{self, InHand},
        recovery_kit,
    },
    component::{
        alert::Alert,
        form::{FormState, NEXT_PAGE_TAKES, Submit},
        icon::{Glyph, Icon},
        kit_field::{KitField, clear, typed_code},
        moment::Moment,
        notice::Notice,
        sheet::Sheet,
    },
    domain::{provider, text::PasskeyName},
    refusal::{Code, Refusal},
    rpc::recovery::{Recovery, prove_recovery_kit, recovery as current, start_recovery_passkey},
};
use leptos::{ev::SubmitEvent, html::Input, prelude::*, task::spawn_local};

const TITLE: &str = "Use your kit";

/// Asks for the kit's code, then for a passkey.
#[component]
pub fn RecoverWithKit() -> impl IntoView {
    Suspend::new(async move {
        match current().await {
            Ok(recovery) => view! { <KitPage recovery /> }.into_any(),
            Err(refusal) => refused(TITLE, refusal),
        }
    })
}

#[component]
fn KitPage(recovery: Recovery) -> impl IntoView {
    let Recovery { signer, identity, challenge, salt, expires_at } = recovery;
    view! {
        <Sheet title=TITLE>
            <p class="lead">
                "Type the code of the recovery kit of " <strong>{signer.user.handle.to_string()}</strong> " in "
                <strong>{identity.organization_name}</strong> "."
            </p>
            <noscript>
                <Notice glyph=Glyph::Warning>"Using the kit needs JavaScript. Switch it on for this page, then reload."</Notice>
            </noscript>
            <UseKit challenge=challenge.to_string() salt />
            <p class="fine">"Nothing is changed before the last step. You have until " <Moment at=expires_at /> "."</p>
        </Sheet>
    }
}

/// First the code, then the passkey.
#[island]
fn UseKit(
    /// What the kit's key signs to show that it is the right one, base64url.
    challenge: String,
    /// The salt of its derivation, base64url.
    salt: String,
) -> impl IntoView {
    let FormState { refusal, busy, alive } = FormState::unsent();
    let proven = RwSignal::new(None::<RecoveryCode>);
    let input = NodeRef::<Input>::new();
    let question = StoredValue::new((challenge, salt));
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if busy.get_untracked() {
            return;
        }
        refusal.set(None);
        let code = match typed_code(input) {
            Ok(code) => code,
            Err(refused) => {
                refusal.set(Some(refused));
                return;
            }
        };
        busy.set(true);
        spawn_local(async move {
            let (challenge, salt) = question.get_value();
            match prove(&code, &salt, &challenge).await {
                Ok(()) => {
                    clear(input);
                    proven.set(Some(code));
                }
                Err(refused) => refusal.set(Some(refused)),
            }
            busy.set(false);
        });
    };
    let make = move |_| {
        let Some(code) = proven.get_untracked().filter(|_| !busy.get_untracked()) else { return };
        busy.set(true);
        refusal.set(None);
        spawn_local(async move {
            match make_passkey(code).await {
                Ok(()) => {
                    document::go(NEW_KIT_PATH);
                    set_timeout(move || busy.set(false), NEXT_PAGE_TAKES);
                }
                Err(refused) => {
                    busy.set(false);
                    refusal.set(Some(refused));
                }
            }
        });
    };
    view! {
        <form class="form" method="post" novalidate on:submit=submit hidden=move || proven.with(Option::is_some)>
            <Alert refusal />
            <KitField refusal input />
            <div class="actions">
                <Submit label="Continue" busy_label="Checking…" busy alive />
            </div>
        </form>
        <div class="form" hidden=move || proven.with(Option::is_none)>
            <Alert refusal />
            <p role="status">
                {move || {
                    proven
                        .with(Option::is_some)
                        .then(|| {
                            view! {
                                <Icon glyph=Glyph::Check />
                                " This is your kit. Now make a new passkey: your device opens a dialog of its own."
                            }
                        })
                }}
            </p>
            <button type="button" class="button main wide" disabled=busy on:click=make>
                <Icon glyph=Glyph::Passkey />
                "Make a new passkey"
            </button>
            <p class="status" role="status">
                {move || {
                    (busy.get() && proven.with(Option::is_some)).then_some("Waiting for your device. Its dialog may be behind this window.")
                }}
            </p>
        </div>
    }
}

async fn prove(code: &RecoveryCode, salt: &str, challenge: &str) -> Result<(), Refusal> {
    let sentence = |sentence| Refusal::new(Code::BadRequest, sentence);
    let signature = recovery_kit::sign_test(code, salt, challenge).await.map_err(sentence)?;
    let signature = Bytes::decode(&signature).ok_or_else(|| sentence("This browser's signature can't be read.".to_owned()))?;
    prove_recovery_kit(signature).await
}

async fn make_passkey(code: RecoveryCode) -> Result<(), Refusal> {
    let options = start_recovery_passkey().await?;
    let (passkey, credential) = enrolment::make(&options).await.map_err(|error| Refusal::new(Code::PasskeyRefused, error.to_string()))?;
    let name = provider::default_name(&credential.aaguid, &[]);
    let sentence = |sentence| Refusal::new(Code::BadRequest, sentence);
    // Every provider's name can be one.
    let name = PasskeyName::parse(&name).map_err(|error| sentence(error.to_string()))?;
    recovery::keep(&InHand { code, name, passkey }).map_err(sentence)
}

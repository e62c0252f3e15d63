//! `/add-passkey`: the device on which a passkey will live. Its code comes from a device on which one is signed in, which
//! also has the last word: nobody is signed in here, and nothing counts before it is signed there.

use crate::{
    action::account_change::NewPasskey,
    browser::{document, enrolment, passkey},
    component::{
        alert::Alert,
        field::{Field, FieldKind},
        form::{FormState, Submit, react, typed},
        icon::{Glyph, Icon},
        notice::Notice,
        sheet::Sheet,
    },
    page::trouble::Trouble,
    refusal::{Code, Refusal},
    response::set_status,
    rpc::other_device::{Addition, TypeDeviceCode, addition, present_passkey, start_offered_passkey, type_device_code},
};
use leptos::{ev::SubmitEvent, html::Input, prelude::*, server_fn::ServerFn, task::spawn_local};
use std::time::Duration;

const EMAIL: FieldKind = FieldKind { hint: "The one of your account.", ..FieldKind::EMAIL };
const CODE: FieldKind = FieldKind {
    name: "code",
    label: "Code from your other device",
    input: "text",
    autocomplete: "off",
    inputmode: "text",
    hint: "Nine letters and digits. Capitals, spaces and hyphens don't matter.",
    class: "code",
};
/// Between two looks at whether the passkey was confirmed.
const LOOK: Duration = Duration::from_secs(2);

/// Asks for email and code.
#[component]
pub fn AddPasskey() -> impl IntoView {
    view! {
        <Sheet title="Add a passkey on this device">
            <p class="lead">"You are signed in on another device? Make a code there: Account, Passkeys, “Add on another device”. Then type it here."</p>
            <TypeCode />
            <p class="aside">"Not signed in anywhere? " <a href="/login">"Sign in"</a> " or " <a href="/recover">"recover your account"</a></p>
        </Sheet>
    }
}

#[island]
fn TypeCode() -> impl IntoView {
    let state = FormState::unsent();
    let (email, code) = (NodeRef::<Input>::new(), NodeRef::<Input>::new());
    // The square on the other device leads here, with both behind the #, which no server sees.
    react(Box::new(move || {
        let (Some(email), Some(code)) = (email.get(), code.get()) else { return };
        if let Some((address, symbols)) = document::fragment().as_deref().and_then(|fragment| fragment.rsplit_once('/')) {
            email.set_value(address);
            code.set_value(symbols);
        }
    }));
    let submit = move |event: SubmitEvent| state.send(&event, Box::pin(type_device_code(typed(email), typed(code))));
    view! {
        <form class="form" method="post" action=TypeDeviceCode::url() novalidate=state.alive on:submit=submit>
            <Alert refusal=state.refusal />
            <Field kind=EMAIL refusal=state.refusal input=email />
            <Field kind=CODE refusal=state.refusal input=code />
            <div class="actions">
                <Submit label="Continue" busy_label="Checking…" busy=state.busy />
            </div>
        </form>
    }
}

/// Leads to a passkey, and waits until it is confirmed.
#[component]
pub fn MakeAddedPasskey() -> impl IntoView {
    const TITLE: &str = "Make a passkey on this device";
    Suspend::new(async move {
        match addition().await {
            Ok(addition) => view! {
                <Sheet title=TITLE>
                    <p class="lead">
                        "It will belong to the account of " <strong>{addition.email.clone()}</strong> " in "
                        <strong>{addition.organization_name.clone()}</strong> "."
                    </p>
                    <noscript>
                        <Notice glyph=Glyph::Warning>"Making a passkey needs JavaScript. Switch it on for this page, then reload."</Notice>
                    </noscript>
                    <MakeIt addition />
                </Sheet>
            }
            .into_any(),
            Err(refusal) if refusal.code == Code::NoAddition => {
                set_status(refusal.code.status());
                view! {
                    <Sheet title=TITLE>
                        <Notice glyph=Glyph::Clock>
                            <p>{refusal.message}</p>
                        </Notice>
                        <div class="actions">
                            <a class="button main" href="/add-passkey">"Enter a code"</a>
                        </div>
                    </Sheet>
                }
                .into_any()
            }
            Err(refusal) => view! { <Trouble refusal /> }.into_any(),
        }
    })
}

/// Where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    /// The page isn't alive yet.
    Asleep,
    Ready,
    /// The system's dialog is, or is about to be, on the screen.
    Making,
    /// The other device has to confirm; it shows the same mark.
    Unconfirmed(String),
    Added,
}

#[island]
fn MakeIt(addition: Addition) -> impl IntoView {
    let refusal = RwSignal::new(None::<Refusal>);
    let stage = RwSignal::new(Stage::Asleep);
    let made = StoredValue::new(addition.presented);
    react(Box::new(move || {
        if !passkey::is_supported() {
            refusal.set(Some(Refusal::new(Code::PasskeyRefused, passkey::PasskeyError::Unsupported.to_string())));
        }
        match made.get_value() {
            Some(passkey) => wait(passkey, stage, refusal),
            None => stage.set(Stage::Ready),
        }
    }));
    let make = move |_| {
        stage.set(Stage::Making);
        refusal.set(None);
        spawn_local(async move {
            match make_and_present().await {
                Ok(passkey) => wait(passkey, stage, refusal),
                Err(refused) => {
                    stage.set(Stage::Ready);
                    refusal.set(Some(refused));
                }
            }
        });
    };
    let content = move || match stage.get() {
        Stage::Unconfirmed(mark) => view! {
            <p role="status">"The passkey is made. Now look at your other device: it shows the same mark, and asks you to confirm."</p>
            <p class="device-mark"><code class="fingerprint">{mark}</code></p>
            <p class="fine">"Keep this page open. The passkey counts for nothing before you have signed there."</p>
        }
        .into_any(),
        Stage::Added => view! {
            <Notice glyph=Glyph::Check>
                <p role="status">"Confirmed. You can sign in with this device now."</p>
            </Notice>
            <div class="actions">
                <a class="button main" href="/login">"Sign in"</a>
            </div>
        }
        .into_any(),
        stage => view! {
            <button type="button" class="button main wide" disabled=stage != Stage::Ready on:click=make>
                <Icon glyph=Glyph::Passkey />
                "Make a passkey"
            </button>
            <p class="status" role="status">
                {(stage == Stage::Making).then_some("Waiting for your device. Its dialog may be behind this window.")}
            </p>
        }
        .into_any(),
    };
    view! {
        <div class="form">
            <Alert refusal />
            {content}
        </div>
    }
}

async fn make_and_present() -> Result<NewPasskey, Refusal> {
    let options = start_offered_passkey().await?;
    let (passkey, _) = enrolment::make(&options).await.map_err(|error| Refusal::new(Code::PasskeyRefused, error.to_string()))?;
    present_passkey(passkey.clone()).await?;
    Ok(passkey)
}

/// Shows the mark until the passkey is confirmed, or can't be any more.
fn wait(passkey: NewPasskey, stage: RwSignal<Stage>, refusal: RwSignal<Option<Refusal>>) {
    spawn_local(async move {
        match enrolment::mark(&passkey).await {
            Ok(mark) => stage.set(Stage::Unconfirmed(mark)),
            Err(sentence) => refusal.set(Some(Refusal::new(Code::BadRequest, sentence))),
        }
        look(stage, refusal);
    });
}

fn look(stage: RwSignal<Stage>, refusal: RwSignal<Option<Refusal>>) {
    set_timeout(
        move || {
            spawn_local(async move {
                match addition().await {
                    Ok(addition) if addition.is_added => stage.set(Stage::Added),
                    // The network may be gone for a moment.
                    Ok(_) => look(stage, refusal),
                    Err(refused) if refused.code == Code::Unreachable => look(stage, refusal),
                    Err(refused) => refusal.set(Some(refused)),
                }
            });
        },
        LOOK,
    );
}

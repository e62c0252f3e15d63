//! One's own passkeys: another name, one more, one less. Each of these is signed, and the browser is told afterwards which
//! passkeys there are, where it can be told.

use super::{other_device::OtherDevice, passkey_name::NameIt};
use crate::{
    action::{
        account_change::{AccountChange, NewPasskey},
        change::Change,
        review::Signer,
    },
    browser::{
        enrolment,
        passkey::{self, PasskeyError},
    },
    component::{
        alert::Alert,
        form::{react, typed},
        icon::{Glyph, Icon},
        notice::Notice,
        passkey_cards::PasskeyCard,
        sign_dialog::{After, SignButton, SignDialog},
    },
    domain::{
        id::{CredentialId, UserId},
        provider,
        text::PasskeyName,
        time::Timestamp,
        user::name_on_devices,
    },
    refusal::{Code, Refusal},
    rpc::{account::start_new_passkey, sign_in::Viewer, users::PasskeyRow},
};
use leptos::{ev::SubmitEvent, html::Input, prelude::*, task::spawn_local};

/// The section of the account's page.
#[component]
pub(super) fn Passkeys(
    /// Whose.
    viewer: Viewer,
    /// Which.
    passkeys: Vec<PasskeyRow>,
    /// The server's time.
    now: Timestamp,
) -> impl IntoView {
    let signer = viewer.signer();
    let names: Vec<String> = passkeys.iter().map(|passkey| passkey.name.clone()).collect();
    let accepted = passkeys.iter().map(|passkey| passkey.credential_id.clone()).collect();
    let is_only = passkeys.iter().filter(|passkey| passkey.is_active).count() == 1;
    let called = if viewer.name.is_empty() { viewer.email.as_str() } else { &viewer.name };
    let shown = [name_on_devices(viewer.email.as_str(), &viewer.organization_name), name_on_devices(called, &viewer.organization_name)];
    let cards = passkeys.into_iter().map(|passkey| {
        let actions = actions(&passkey, &signer, is_only);
        view! { <PasskeyCard passkey now actions /> }
    });
    view! {
        <section id="passkeys">
            <h2>"Passkeys"</h2>
            <p class="measure">
                "Each of these signs you in, and signs in your name. Have two at least: when one is lost, the other is there. "
                "Keep your devices locked, and remove what is lost or stolen at once."
            </p>
            <ul class="passkeys">{cards.collect_view()}</ul>
            <noscript>
                <Notice glyph=Glyph::Warning>
                    <p>"Changing passkeys needs JavaScript. Switch it on for this page, then reload."</p>
                </Notice>
            </noscript>
            <AddPasskey signer=signer.clone() names />
            <OtherDevice signer />
            <SignalPasskeys user=viewer.user accepted shown />
        </section>
    }
    .into_any()
}

/// What can be done about one of them. A name that no text field would take can only be removed.
fn actions(passkey: &PasskeyRow, signer: &Signer, is_only: bool) -> Option<AnyView> {
    let name = PasskeyName::parse(&passkey.name).ok()?;
    let id = passkey.id;
    let is_only = is_only && passkey.is_active;
    let activate = (!passkey.is_active).then(|| {
        let change = Change::OwnAccount(AccountChange::ActivateCredential { id, name: name.clone() });
        view! { <SignButton label="Activate".to_owned() change signer=signer.clone() after=After::Reload /> }
    });
    let remove = (!is_only).then(|| {
        let change = Change::OwnAccount(AccountChange::RemovePasskey { id, name: name.clone() });
        view! { <SignButton label="Remove".to_owned() change signer=signer.clone() after=After::Reload danger=true /> }
    });
    Some(
        view! {
            <div class="passkey-actions">
                <RenamePasskey id name=name.clone() signer=signer.clone() />
                {activate}
                {remove}
                {is_only.then(|| view! { <p class="fine">"Your only passkey: it can't be removed."</p> })}
            </div>
        }
        .into_any(),
    )
}

/// A name, and the dialog to sign it.
#[island]
fn RenamePasskey(id: CredentialId, name: PasskeyName, signer: Signer) -> impl IntoView {
    let wanted = RwSignal::new(None);
    // Until the page is alive the form couldn't do anything.
    let asleep = RwSignal::new(true);
    react(Box::new(move || asleep.set(false)));
    let complaint = RwSignal::new(None::<String>);
    let input = NodeRef::<Input>::new();
    let value = name.to_string();
    let complaint_id = format!("rename-{id}");
    let described_by = complaint_id.clone();
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        match PasskeyName::parse(&typed(input)) {
            Ok(after) => {
                complaint.set(None);
                wanted.set(Some(Change::OwnAccount(AccountChange::RenamePasskey { id, before: name.clone(), after })));
            }
            Err(error) => complaint.set(Some(error.to_string())),
        }
    };
    view! {
        <details class="rename">
            <summary>"Rename"</summary>
            <form class="rename-form" method="post" novalidate on:submit=submit>
                <label>
                    "New name"
                    <input
                        type="text"
                        autocomplete="off"
                        value=value
                        aria-invalid=move || complaint.get().map(|_| "true")
                        aria-describedby=described_by
                        node_ref=input
                    />
                </label>
                <button type="submit" class="button small" disabled=asleep>"Review"</button>
                <p class="complaint" id=complaint_id role="alert" hidden=move || complaint.get().is_none()>{move || complaint.get()}</p>
            </form>
        </details>
        <SignDialog change=wanted signer after=After::Reload />
    }
}

/// Where adding one stands.
#[derive(Debug, Clone)]
enum Stage {
    /// The page isn't alive yet.
    Asleep,
    Ready,
    /// The system's dialog is, or is about to be, on the screen.
    Waiting,
    /// The passkey is made, counts for nothing yet, and would be called this.
    Made(Box<NewPasskey>, String),
}

/// Makes a passkey on this device, asks for its name, and opens the dialog to sign that it is one's own.
#[island]
fn AddPasskey(
    /// Who would sign.
    signer: Signer,
    /// How their passkeys are called.
    names: Vec<String>,
) -> impl IntoView {
    let stage = RwSignal::new(Stage::Asleep);
    let refusal = RwSignal::new(None::<Refusal>);
    let wanted = RwSignal::new(None);
    let names = StoredValue::new(names);
    react(Box::new(move || stage.set(Stage::Ready)));
    let make = move |_| {
        stage.set(Stage::Waiting);
        refusal.set(None);
        spawn_local(async move {
            match made().await {
                Ok((new, aaguid)) => {
                    let name = names.with_value(|names| {
                        let names: Vec<&str> = names.iter().map(String::as_str).collect();
                        provider::default_name(&aaguid, &names)
                    });
                    stage.set(Stage::Made(Box::new(new), name));
                }
                Err(refused) => {
                    stage.set(Stage::Ready);
                    refusal.set(Some(refused));
                }
            }
        });
    };
    let content = move || match stage.get() {
        Stage::Made(new, name) => view! { <NameIt new=*new name wanted refusal /> }.into_any(),
        stage => {
            let is_waiting = matches!(stage, Stage::Waiting);
            view! {
                <Alert refusal />
                <div class="actions">
                    <button type="button" class="button" disabled=!matches!(stage, Stage::Ready) on:click=make>
                        <Icon glyph=Glyph::Passkey />
                        "Add a passkey on this device"
                    </button>
                </div>
                <p class="status" role="status">
                    {is_waiting.then_some("Waiting for your device. Its dialog may be behind this window.")}
                </p>
            }
            .into_any()
        }
    };
    view! {
        <div class="add-passkey">{content}</div>
        <SignDialog change=wanted signer after=After::Reload refusal />
    }
}

async fn made() -> Result<(NewPasskey, [u8; 16]), Refusal> {
    let options = start_new_passkey().await?;
    let (new, credential) =
        enrolment::make(&options).await.map_err(|error: PasskeyError| Refusal::new(Code::PasskeyRefused, error.to_string()))?;
    Ok((new, credential.aaguid))
}

/// Tells the browser which passkeys there are, each time that this page is opened: it is, after each of them has changed.
#[island]
fn SignalPasskeys(
    /// Whose they are.
    user: UserId,
    /// The ids that authenticators chose, base64url.
    accepted: Vec<String>,
    /// What devices show for the account: address and name.
    shown: [String; 2],
) -> impl IntoView {
    let told = StoredValue::new((accepted, shown));
    react(Box::new(move || {
        spawn_local(async move {
            let (accepted, shown) = told.get_value();
            passkey::signal_accepted(user, &accepted, &shown).await;
        });
    }));
}

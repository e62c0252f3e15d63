//! A new recovery kit: the sheet with its code, the ways to save it, and the two groups that are typed back. The code is
//! made in the browser and never leaves it; what its key is then used for is up to the page.

use super::{
    alert::Alert,
    form::{Submit, react},
    icon::{Glyph, Icon},
    moment::Moment,
    qr::Qr,
    seal::Seal,
};
use crate::{
    action::recovery_code::{GroupNumber, GroupState, RecoveryCode},
    browser::{document, recovery_kit},
    refusal::{Code, FieldError, Refusal},
    rpc::account::KitIdentity,
};
use leptos::{either::Either, ev, prelude::*, task::spawn_local};

/// The kit itself: on the screen a slip of paper, printed a whole page. Everything but the code comes from the server.
#[component]
pub fn Kit(
    /// What stands on it.
    identity: KitIdentity,
    /// Under which the tab keeps the code.
    key: String,
) -> impl IntoView {
    view! {
        <article class="kit" aria-label="Recovery kit">
            <header class="kit-head">
                <p class="kit-title"><Seal /> "Recovery kit"</p>
                <dl class="kit-facts">
                    <div><dt>"Organization"</dt><dd>{identity.organization_name}</dd></div>
                    <div class="kit-paper"><dt>"Its id"</dt><dd><code>{identity.organization.to_string()}</code></dd></div>
                    <div><dt>"Account"</dt><dd>{identity.name} ", " {identity.email}</dd></div>
                    <div><dt>"Made"</dt><dd><Moment at=identity.made_at /></dd></div>
                </dl>
                <div class="kit-paper kit-use">
                    <p>"When every passkey of this account is lost:"</p>
                    <ol>
                        <li>"Open " <strong>{identity.recovery_url}</strong> ". Check that the address is exactly this one."</li>
                        <li>"Type your email and the code, or scan the square below there. Capitals, spaces and hyphens don't matter; the last sign of each group tells whether the group is right."</li>
                        <li>"Make a new passkey, and then a new kit. This one is used up."</li>
                    </ol>
                    <p>
                        "Whoever has this page can take over the account. Keep it as you keep a passport: not with your devices, not in a photo, not in a mail."
                    </p>
                </div>
            </header>
            <p class="kit-paper kit-fold">"Fold here, so that the code is inside"</p>
            <div class="kit-secret">
                <KitCode key />
            </div>
            <div class="kit-paper kit-notes"><p>"Notes"</p></div>
        </article>
    }
}

/// The code on the kit, once it is made.
#[island]
fn KitCode(key: String) -> impl IntoView {
    let code = RwSignal::new(None::<RecoveryCode>);
    react(Box::new(move || code.set(recovery_kit::kept_or_new(&key).ok())));
    move || match code.get() {
        Some(code) => Either::Left(view! {
            <ol class="kit-code" aria-label="Recovery code">
                {GroupNumber::ALL.map(|number| view! { <li><code>{code.group(number).to_owned()}</code></li> })}
            </ol>
            <Qr text=code.to_string() label="QR code of this recovery code" />
        }),
        None => Either::Right(view! { <p class="kit-waiting">"Making the code…"</p> }),
    }
}

/// What is done with the code once it is saved.
pub type Saved = Callback<RecoveryCode>;

/// The ways to save the kit, and two groups to type back, which show that it was saved.
#[component]
pub fn KeepKit(
    /// What stands on it.
    identity: KitIdentity,
    /// Under which the tab keeps the code.
    key: String,
    /// What went wrong.
    refusal: RwSignal<Option<Refusal>>,
    /// Whether something is done with the code.
    busy: RwSignal<bool>,
    /// What the button says.
    label: &'static str,
    /// What it says while that goes on.
    busy_label: &'static str,
    /// What is done.
    saved: Saved,
) -> impl IntoView {
    let code = RwSignal::new(None::<RecoveryCode>);
    let asked = asked_groups(&key);
    react(Box::new(move || match recovery_kit::kept_or_new(&key) {
        Ok(kit) => code.set(Some(kit)),
        Err(sentence) => refusal.set(Some(Refusal::new(Code::BadRequest, sentence))),
    }));
    let file = StoredValue::new((before_code(&identity), after_code(&identity)));
    view! {
        <Ways code file />
        <TypeBack code asked refusal busy label busy_label saved />
    }
}

#[component]
fn TypeBack(
    code: RwSignal<Option<RecoveryCode>>,
    asked: [GroupNumber; 2],
    refusal: RwSignal<Option<Refusal>>,
    busy: RwSignal<bool>,
    label: &'static str,
    busy_label: &'static str,
    saved: Saved,
) -> impl IntoView {
    let typed = [RwSignal::new(String::new()), RwSignal::new(String::new())];
    let finish = move |event: ev::SubmitEvent| {
        event.prevent_default();
        if busy.get_untracked() {
            return;
        }
        let Some(kit) = code.get_untracked() else { return };
        let wrong = (0..2).filter(|index| kit.check_own_group(asked[*index], &typed[*index].get_untracked()) != GroupState::Right);
        let complaints: Vec<_> = wrong.map(|index| complaint(asked[index])).collect();
        if !complaints.is_empty() {
            refusal.set(Some(Refusal { fields: complaints, ..Refusal::new(Code::InvalidInput, "Nothing is registered yet.") }));
            return;
        }
        busy.set(true);
        refusal.set(None);
        saved.run(kit);
    };
    view! {
        <form class="form type-back" novalidate on:submit=finish>
            <h2>"Is it saved?"</h2>
            <p>"Then type these two groups from your copy. Pasting works, too."</p>
            <div class="groups">
                <GroupField code number=asked[0] typed=typed[0] refusal />
                <GroupField code number=asked[1] typed=typed[1] refusal />
            </div>
            <Alert refusal />
            <div class="actions">
                <Submit label busy_label busy />
            </div>
        </form>
    }
}

/// Print, download, copy.
#[component]
fn Ways(code: RwSignal<Option<RecoveryCode>>, file: StoredValue<(String, String)>) -> impl IntoView {
    let copied = RwSignal::new("");
    let asleep = move || code.with(Option::is_none);
    let download = move |_| {
        if let Some(code) = code.get_untracked() {
            let text = file.with_value(|(before, after)| format!("{before}{code}{after}"));
            document::save_text("countersign-recovery-kit.txt", &text);
        }
    };
    let copy = move |_| {
        if let Some(code) = code.get_untracked() {
            spawn_local(async move {
                copied.set(if document::copy(&code.to_string()).await {
                    "The code is copied. Paste it into a password manager, not into a note."
                } else {
                    "This browser didn't allow it. Select the code and copy it."
                });
            });
        }
    };
    view! {
        <div class="ways-to-save">
            <button type="button" class="button" disabled=asleep on:click=move |_| document::print()>
                <Icon glyph=Glyph::Print />
                "Print"
            </button>
            <button type="button" class="button" disabled=asleep on:click=download>
                <Icon glyph=Glyph::Download />
                "Download"
            </button>
            <button type="button" class="button" disabled=asleep on:click=copy>
                <Icon glyph=Glyph::Copy />
                "Copy"
            </button>
            <p class="fine" role="status">{copied}</p>
        </div>
    }
}

/// One group of the code, checked while it is typed.
#[component]
fn GroupField(
    code: RwSignal<Option<RecoveryCode>>,
    number: GroupNumber,
    typed: RwSignal<String>,
    refusal: RwSignal<Option<Refusal>>,
) -> impl IntoView {
    let id = format!("group-{number}");
    let hint_id = format!("{id}-hint");
    let state = move || {
        code.with(|code| code.as_ref().map_or(GroupState::Incomplete, |code| typed.with(|typed| code.check_own_group(number, typed))))
    };
    let input = move |event: ev::Event| {
        let value = event_target_value(&event);
        // What was said about the last try is over.
        refusal.set(None);
        // Someone who pastes the whole code means its group.
        typed.set(RecoveryCode::parse(&value).map_or(value, |whole| whole.group(number).to_owned()));
    };
    view! {
        <div class="field group">
            <label for=id.clone()>{format!("Group {number}")}</label>
            <input
                id=id
                class="code"
                type="text"
                autocomplete="off"
                autocapitalize="characters"
                spellcheck="false"
                aria-describedby=hint_id.clone()
                aria-invalid=move || (state() == GroupState::Wrong).then_some("true")
                prop:value=typed
                on:input=input
            />
            <p class="hint" id=hint_id role="status">
                {move || match state() {
                    GroupState::Incomplete => (None, "5 letters and digits"),
                    GroupState::Right => (Some(view! { <Icon glyph=Glyph::Check /> }), "Right"),
                    GroupState::Wrong => (Some(view! { <Icon glyph=Glyph::Warning /> }), "Not as in your kit"),
                }}
            </p>
        </div>
    }
}

fn complaint(number: GroupNumber) -> FieldError {
    FieldError { field: format!("group-{number}"), message: format!("Group {number} isn't as in your kit. Compare it sign by sign.") }
}

/// Two different groups that vary with the kit, so that nobody learns which ones are asked for. The first group
/// is left out: a part of it is the same in every kit.
fn asked_groups(key: &str) -> [GroupNumber; 2] {
    let sum = key.bytes().map(usize::from).sum::<usize>();
    let (first, distance) = (sum % 6, 1 + sum / 6 % 5);
    let second = (first + distance) % 6;
    [GroupNumber::ALL[1 + first.min(second)], GroupNumber::ALL[1 + first.max(second)]]
}

/// The kit as a file, up to the code.
fn before_code(identity: &KitIdentity) -> String {
    let KitIdentity { organization_name, organization, name, email, made_at, .. } = identity;
    format!(
        "Countersign recovery kit\n\n\
         Organization   {organization_name}\n\
         Its id         {organization}\n\
         Account        {name}, {email}\n\
         Made           {}\n\n\
         Recovery code\n\n    ",
        made_at.to_minute()
    )
}

/// The kit as a file, from the code on.
fn after_code(identity: &KitIdentity) -> String {
    format!(
        "\n\n\
         When every passkey of this account is lost, open exactly\n\n    {}\n\n\
         and type your email and the code. Capitals, spaces and hyphens don't matter.\n\
         Whoever has this file can take over the account: keep it away from your devices.\n",
        identity.recovery_url
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_asked_groups_differ_and_vary_and_never_include_the_first() {
        let asked: HashSet<_> = (b'A'..=b'z').map(|byte| asked_groups(&char::from(byte).to_string())).collect();
        assert!(asked.len() > 10);
        for [first, second] in asked {
            assert!(first < second);
            assert!(first.get() > 1);
        }
    }
}

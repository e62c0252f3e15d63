//! The signing dialog: what will be done, in the words of the very bytes that will be signed; then the passkey; then the
//! receipt. Nothing is changed before the passkey has signed, and the dialog can't be left behind while it is asked.
//!
//! ```text
//! Preparing ──► Review ──► (the system's dialog, the server) ──► Done ──► After
//!     │  ▲         │                        │
//!     ▼  └─────────┴──── Over ◄─────────────┤
//!  Refused                   Unanswered ◄───┘
//! ```

use super::{alert::Alert, copy_button::CopyButton, form::react, moment::Moment, particulars::Particulars, seal::Seal};
use crate::{
    action::{
        change::Change,
        document::Document,
        review::Signer,
        sentence::{consequence, details, sentence, verb},
    },
    browser::{
        document,
        signing::{self, Reviewed, SigningError},
    },
    refusal::{Code, Refusal},
    rpc::{
        change::{Invitation, NewToken, Prepared, Receipt, commit_change, prepare_change},
        webauthn_json::WebAuthnJson,
    },
};
use leptos::{either::EitherOf4, ev, html, mount::mount_to, prelude::*, task::spawn_local, wasm_bindgen::JsCast};
use serde::{Deserialize, Serialize};
use std::{cell::Cell, time::Duration};

/// Only one dialog is open at a time, and the others are empty.
const TITLE: &str = "sign-title";
/// Documents live for five minutes; a timer can't take everything that a server might write.
const LONGEST_LIFE: Duration = Duration::from_hours(1);

/// Where to go when the receipt is dismissed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum After {
    /// This page again, as it is now.
    Reload,
    /// This path.
    Go(String),
    /// This path with the created id appended.
    ToCreated(String),
}

impl After {
    fn path(self, receipt: &Receipt) -> String {
        match (self, &receipt.created) {
            // The address of the page itself.
            (Self::Reload, _) | (Self::ToCreated(_), None) => String::new(),
            (Self::Go(path), _) => path,
            (Self::ToCreated(path), Some(id)) => path + id,
        }
    }
}

/// How far it is.
#[derive(Debug, Clone)]
enum Stage {
    /// The server writes the document.
    Preparing,
    /// There is nothing to sign.
    Refused(WayOn),
    /// The document is here and can be signed.
    Review(Box<Reviewed>),
    /// It was signed and sent, and nobody knows what became of it.
    Unanswered(Box<Reviewed>, WebAuthnJson),
    /// This document can't be signed any more.
    Over(Box<Reviewed>),
    /// It is executed.
    Done(Box<Reviewed>, Box<Receipt>),
}

/// What helps when there is nothing to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WayOn {
    /// Nothing here.
    None,
    /// Asking again.
    Again,
    /// Looking at what has changed.
    Reload,
}

/// Who is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Nobody,
    Passkey,
    Server,
}

/// A dialog's state.
#[derive(Debug, Clone, Copy)]
struct Signing {
    change: RwSignal<Option<Change>>,
    signer: StoredValue<Signer>,
    after: StoredValue<After>,
    on_done: Option<fn()>,
    form: Option<RwSignal<Option<Refusal>>>,
    is_open: RwSignal<bool>,
    stage: RwSignal<Stage>,
    waiting: RwSignal<Waiting>,
    trouble: RwSignal<Option<Refusal>>,
    /// Which preparation is current: what comes back for an earlier one isn't looked at.
    turn: StoredValue<u32>,
    dialog: NodeRef<html::Dialog>,
    title: NodeRef<html::H2>,
}

/// Opens when `change` is set, and sets it back when it closes.
#[component]
pub fn SignDialog(
    /// What is asked for.
    change: RwSignal<Option<Change>>,
    /// Who asks, and will sign.
    signer: Signer,
    /// Where to go when the receipt is dismissed.
    after: After,
    /// What is done in this browser once the change is executed.
    #[prop(optional)]
    on_done: Option<fn()>,
    /// The form's place for complaints about its fields; without one, they are shown in the dialog.
    #[prop(optional)]
    refusal: Option<RwSignal<Option<Refusal>>>,
) -> impl IntoView {
    let signing = Signing {
        change,
        signer: StoredValue::new(signer),
        after: StoredValue::new(after),
        on_done,
        form: refusal,
        is_open: RwSignal::new(false),
        stage: RwSignal::new(Stage::Preparing),
        waiting: RwSignal::new(Waiting::Nobody),
        trouble: RwSignal::new(None),
        turn: StoredValue::new(0),
        dialog: NodeRef::new(),
        title: NodeRef::new(),
    };
    signing.watch();
    view! {
        <dialog
            class="sign"
            aria-labelledby=move || signing.is_open.get().then_some(TITLE)
            node_ref=signing.dialog
            on:cancel=move |event: ev::Event| signing.cancelled(&event)
            on:close=move |_| signing.closed()
        ></dialog>
    }
}

/// A button that opens the dialog for one change.
#[island]
pub(crate) fn SignButton(
    /// What it says.
    label: String,
    /// What it is for.
    change: Change,
    /// Who would sign.
    signer: Signer,
    /// Where to go when the receipt is dismissed.
    after: After,
    /// Whether it takes something away.
    #[prop(optional_no_strip)]
    danger: bool,
    /// Whether it is the page's main action.
    #[prop(optional_no_strip)]
    main: bool,
) -> impl IntoView {
    let class = match (danger, main) {
        (true, _) => "button danger",
        (false, true) => "button main",
        (false, false) => "button",
    };
    let wanted = RwSignal::new(None);
    let button = NodeRef::<html::Button>::new();
    // Until the page is alive the button couldn't do anything.
    let asleep = RwSignal::new(true);
    react(Box::new(move || asleep.set(false)));
    let ask = move |_| {
        // Not every browser gives a button the focus that was clicked, and it is to come back here.
        if let Some(button) = button.get_untracked() {
            let _ = button.focus();
        }
        wanted.set(Some(change.clone()));
    };
    view! {
        <button type="button" class=class disabled=asleep aria-haspopup="dialog" node_ref=button on:click=ask>
            {label}
        </button>
        <SignDialog change=wanted signer after />
    }
}

/// What happens.
impl Signing {
    fn watch(self) {
        react(Box::new(move || {
            if self.change.with(Option::is_some) && !self.is_open.get_untracked() {
                self.is_open.set(true);
                self.prepare();
            }
        }));
        // The server never renders an open dialog, so nothing in it has to be brought to life: it is put in when it opens.
        let inside = Cell::new(None);
        react(Box::new(move || {
            let dialog = self.dialog.get().filter(|_| self.is_open.get());
            inside.set(dialog.clone().map(|dialog| mount_to(dialog.unchecked_into(), move || self.content())));
            if let (Some(dialog), Some(title)) = (dialog, self.title.get_untracked()) {
                if dialog.show_modal().is_err() {
                    // Better within the page than nowhere.
                    dialog.set_open(true);
                }
                let _ = title.focus();
            }
        }));
        react(Box::new(move || {
            if self.stage.with(|stage| matches!(stage, Stage::Done(..)))
                && let Some(title) = self.title.get_untracked()
            {
                let _ = title.focus();
            }
        }));
    }

    fn is_busy(self) -> bool {
        self.waiting.get() != Waiting::Nobody || self.stage.with(|stage| matches!(stage, Stage::Preparing))
    }

    fn prepare(self) {
        let Some(change) = self.change.get_untracked() else { return };
        self.turn.update_value(|turn| *turn = turn.wrapping_add(1));
        let turn = self.turn.get_value();
        self.trouble.set(None);
        self.stage.set(Stage::Preparing);
        spawn_local(async move {
            let answer = prepare_change(change.clone()).await;
            let opened = match answer {
                Ok(prepared) => Ok(self.open(&change, &prepared).await),
                Err(refusal) => Err(refusal),
            };
            if self.turn.get_value() != turn {
                return;
            }
            match opened {
                Ok(Ok(reviewed)) => {
                    self.end_in_time(turn, &reviewed.document);
                    self.stage.set(Stage::Review(Box::new(reviewed)));
                }
                Ok(Err(error)) => self.refuse(Refusal::new(Code::BadRequest, error.to_string()), WayOn::None),
                Err(refusal) => self.hand_on(refusal),
            }
        });
    }

    async fn open(self, change: &Change, prepared: &Prepared) -> Result<Reviewed, SigningError> {
        let signer = self.signer.get_value();
        signing::open(change, &signer, prepared).await
    }

    /// Complaints about fields belong to the form; whatever else is shown here.
    fn hand_on(self, refusal: Refusal) {
        match self.form {
            Some(form) if !refusal.fields.is_empty() => {
                self.leave();
                form.set(Some(refusal));
            }
            _ => {
                let way_on = if refusal.code == Code::Conflict { WayOn::Reload } else { WayOn::Again };
                self.refuse(refusal, way_on);
            }
        }
    }

    fn refuse(self, mut refusal: Refusal, way_on: WayOn) {
        if !refusal.fields.is_empty() {
            // There are no fields here that anyone could be led to.
            refusal.message = refusal.fields.drain(..).map(|error| error.message).collect::<Vec<_>>().join(" ");
        }
        self.stage.set(Stage::Refused(way_on));
        self.trouble.set(Some(refusal));
    }

    /// So that nobody is asked for a passkey in vain. The server decides, by its own clock.
    fn end_in_time(self, turn: u32, document: &Document) {
        let millis = document.expires_at.as_millis().saturating_sub(document.issued_at.as_millis());
        let life = Duration::from_millis(u64::try_from(millis).unwrap_or(0)).min(LONGEST_LIFE);
        set_timeout(
            move || {
                if self.turn.get_value() != turn || self.waiting.get_untracked() != Waiting::Nobody {
                    return;
                }
                if let Stage::Review(reviewed) = self.stage.get_untracked() {
                    self.stage.set(Stage::Over(reviewed));
                    let words = "The time to sign this is over. Nothing was changed. Review it again.";
                    self.trouble.set(Some(Refusal::new(Code::ActionOver, words)));
                }
            },
            life,
        );
    }

    /// The main button.
    fn act(self) {
        if untrack(move || self.is_busy()) {
            return;
        }
        match self.stage.get_untracked() {
            Stage::Preparing | Stage::Refused(WayOn::None) => {}
            Stage::Refused(WayOn::Again) | Stage::Over(_) => self.prepare(),
            Stage::Refused(WayOn::Reload) => document::go(""),
            Stage::Review(reviewed) => self.sign(reviewed),
            Stage::Unanswered(reviewed, answer) => self.send(reviewed, answer),
            Stage::Done(..) => self.leave(),
        }
    }

    fn sign(self, reviewed: Box<Reviewed>) {
        // From here on a second press does nothing.
        self.waiting.set(Waiting::Passkey);
        self.trouble.set(None);
        spawn_local(async move {
            match signing::sign(&reviewed).await {
                Ok(answer) => self.send(reviewed, answer),
                Err(error) => {
                    self.waiting.set(Waiting::Nobody);
                    self.trouble.set(Some(Refusal::new(Code::PasskeyRefused, error.to_string())));
                }
            }
        });
    }

    fn send(self, reviewed: Box<Reviewed>, answer: WebAuthnJson) {
        let was_sent = self.stage.with_untracked(|stage| matches!(stage, Stage::Unanswered(..)));
        self.waiting.set(Waiting::Server);
        self.trouble.set(None);
        spawn_local(async move {
            let outcome = commit_change(reviewed.action, answer.clone()).await;
            self.waiting.set(Waiting::Nobody);
            let refusal = match outcome {
                Ok(receipt) => {
                    if let Some(on_done) = self.on_done {
                        on_done();
                    }
                    self.stage.set(Stage::Done(reviewed, Box::new(receipt)));
                    return;
                }
                Err(refusal) => refusal,
            };
            match refusal.code {
                // The same document can be signed again, with another passkey perhaps.
                Code::PasskeyRefused | Code::UnknownPasskey => self.trouble.set(Some(refusal)),
                Code::Unreachable => {
                    self.stage.set(Stage::Unanswered(reviewed, answer));
                    let words = "The server's answer didn't arrive, so nobody knows here whether this was executed. Send it again: it can't be executed twice.";
                    self.trouble.set(Some(Refusal { message: words.to_owned(), ..refusal }));
                }
                Code::Unavailable | Code::TooMany | Code::Internal => {
                    self.stage.set(Stage::Unanswered(reviewed, answer));
                    self.trouble.set(Some(refusal));
                }
                Code::ActionOver if was_sent => {
                    let words =
                        "It was executed when it was sent before, or its time is over. Reload the page and look, before you begin anew.";
                    self.refuse(Refusal { message: words.to_owned(), ..refusal }, WayOn::Reload);
                }
                _ if !refusal.fields.is_empty() => self.hand_on(refusal),
                _ => {
                    self.stage.set(Stage::Over(reviewed));
                    self.trouble.set(Some(refusal));
                }
            }
        });
    }

    /// Closes the dialog; [`Self::closed`] follows, as it does when the browser closes it.
    fn leave(self) {
        if self.waiting.get_untracked() == Waiting::Nobody
            && let Some(dialog) = self.dialog.get_untracked()
        {
            dialog.close();
        }
    }

    /// Esc, or the phone's gesture for going back.
    fn cancelled(self, event: &ev::Event) {
        if self.waiting.get_untracked() != Waiting::Nobody {
            event.prevent_default();
        }
    }

    fn closed(self) {
        if self.waiting.get_untracked() != Waiting::Nobody {
            // Browsers close it at the second Esc, asked or not. What the passkey signs now must be seen.
            if let Some(dialog) = self.dialog.get_untracked() {
                let _ = dialog.show_modal();
            }
            return;
        }
        let next = match self.stage.get_untracked() {
            Stage::Done(_, receipt) => Some(self.after.get_value().path(&receipt)),
            _ => None,
        };
        self.turn.update_value(|turn| *turn = turn.wrapping_add(1));
        self.is_open.set(false);
        self.change.set(None);
        self.trouble.set(None);
        self.stage.set(Stage::Preparing);
        if let Some(path) = next {
            document::go(&path);
        }
    }
}

/// What is seen.
impl Signing {
    fn content(self) -> impl IntoView {
        let is_done = move || self.stage.with(|stage| matches!(stage, Stage::Done(..)));
        let label = move || self.stage.with(main_label);
        let busy = move || self.is_busy().then_some("true");
        view! {
            <h2 id=TITLE tabindex="-1" node_ref=self.title>
                {move || if is_done() { "Signed and done" } else { "Review and sign" }}
            </h2>
            {move || self.stage.with(body)}
            <Alert refusal=self.trouble />
            <p class="sign-status" role="status">
                <span class="unseen">{move || self.stage.with(announcement)}</span>
                {move || match self.waiting.get() {
                    Waiting::Nobody => "",
                    Waiting::Passkey => "Your device asks for your passkey now.",
                    Waiting::Server => "Signed. The server executes it…",
                }}
            </p>
            <div class="actions">
                <button
                    type="button"
                    class="button main"
                    hidden=move || label().is_empty()
                    aria-disabled=busy
                    aria-busy=busy
                    on:click=move |_| self.act()
                >
                    {label}
                </button>
                <button
                    type="button"
                    class="button"
                    hidden=is_done
                    aria-disabled=move || (self.waiting.get() != Waiting::Nobody).then_some("true")
                    on:click=move |_| self.leave()
                >
                    "Cancel"
                </button>
            </div>
        }
    }
}

/// What the main button says; nothing, where there is none.
fn main_label(stage: &Stage) -> &'static str {
    match stage {
        Stage::Preparing => "Getting ready…",
        Stage::Refused(WayOn::None) => "",
        Stage::Refused(WayOn::Again) => "Try again",
        Stage::Refused(WayOn::Reload) => "Reload the page",
        Stage::Review(reviewed) => verb(&reviewed.document.change),
        Stage::Unanswered(..) => "Send again",
        Stage::Over(_) => "Review again",
        Stage::Done(..) => "Close",
    }
}

/// What those hear who don't see that something new is there.
fn announcement(stage: &Stage) -> String {
    match stage {
        Stage::Preparing => "The server writes the document.".to_owned(),
        Stage::Review(reviewed) => ["Ready to sign: ", &sentence(&reviewed.document.change)].concat(),
        Stage::Done(reviewed, _) => ["Done: ", &sentence(&reviewed.document.change)].concat(),
        Stage::Refused(_) | Stage::Unanswered(..) | Stage::Over(_) => String::new(),
    }
}

fn body(stage: &Stage) -> impl IntoView + use<> {
    match stage {
        Stage::Preparing => {
            EitherOf4::A(view! { <div class="sign-waiting" aria-hidden="true"><span></span><span></span><span></span><span></span></div> })
        }
        Stage::Refused(_) => EitherOf4::B(()),
        Stage::Review(reviewed) | Stage::Unanswered(reviewed, _) | Stage::Over(reviewed) => EitherOf4::C(review(reviewed)),
        Stage::Done(reviewed, receipt) => EitherOf4::D(done(reviewed, receipt)),
    }
}

/// Everything here is read from the bytes that are signed.
fn review(reviewed: &Reviewed) -> impl IntoView + use<> {
    let change = &reviewed.document.change;
    view! {
        <p class="sign-sentence" dir="auto">{sentence(change)}</p>
        <Particulars details=details(change) />
        <p>{consequence(change)}</p>
        <dl class="sign-facts">
            <div>
                <dt>"Fingerprint"</dt>
                <dd>
                    <code class="fingerprint">{reviewed.fingerprint.clone()}</code>
                    <span class="fine">"It will be on the receipt and in history, too."</span>
                </dd>
            </div>
            <div>
                <dt>"You sign as"</dt>
                <dd>{reviewed.document.actor.handle.to_string()} <span class="fine">"with your passkey, in the dialog that your device shows next"</span></dd>
            </div>
        </dl>
    }
}

const DONE_BEFORE: &str = "It was done already, when it was sent the first time; only the answer got lost. Nothing was done twice.";

/// What was in the answer that got lost.
const fn shown_before(change: &Change) -> &'static str {
    match change {
        Change::ShareInvitation { .. } => " The invitation was in that answer and can't be shown again: share another one.",
        Change::CreateServiceAccount(_) | Change::CreateAccessToken(_) => {
            " The token was in that answer and can't be shown again: delete what was made, and make another one."
        }
        _ => "",
    }
}

fn done(reviewed: &Reviewed, receipt: &Receipt) -> impl IntoView + use<> {
    let number = receipt.index.to_string();
    let path = ["/org/history/", &number].concat();
    view! {
        <div class="receipt">
            <span class="receipt-seal stamped"><Seal /></span>
            <p class="sign-sentence" dir="auto">"Done: " {sentence(&reviewed.document.change)}</p>
            {receipt.is_repeat.then(|| view! { <p>{[DONE_BEFORE, shown_before(&reviewed.document.change)].concat()}</p> })}
            {receipt.invitation.as_ref().map(invitation)}
            {receipt.access_token.as_ref().map(access_token)}
            <dl class="sign-facts">
                <div><dt>"In history"</dt><dd><a href=path>"Entry " {number}</a></dd></div>
                <div><dt>"Fingerprint"</dt><dd><code class="fingerprint">{reviewed.fingerprint.clone()}</code></dd></div>
                <div><dt>"Signed by"</dt><dd>{reviewed.document.actor.handle.to_string()}</dd></div>
                <div><dt>"Executed"</dt><dd><Moment at=receipt.executed_at /></dd></div>
            </dl>
            <details>
                <summary>"Checkpoint"</summary>
                <p>"The server's signed statement of how long the history is, with this entry as its last. Keep it elsewhere, and nobody can cut this entry off unnoticed."</p>
                <pre class="bytes">{receipt.checkpoint.clone()}</pre>
                <CopyButton text=receipt.checkpoint.clone() what="the checkpoint".to_owned() />
            </details>
        </div>
    }
}

/// To pass on by hand.
fn invitation(invitation: &Invitation) -> impl IntoView + use<> {
    let Invitation { link, code, expires_at } = invitation;
    view! {
        <section class="handed" aria-label="Invitation">
            <p>
                <strong>"Both are shown only now."</strong>
                " Pass them on to this person only, and separately: the link in one message, the code by another way, such as a call."
            </p>
            <div>
                <p class="handed-label">"Link"</p>
                <code class="handed-text">{link.clone()}</code>
                <CopyButton text=link.clone() what="the link".to_owned() />
            </div>
            <div>
                <p class="handed-label">"Code, valid until " <Moment at=*expires_at /></p>
                <code class="handed-code">{in_fours(code)}</code>
                <CopyButton text=code.clone() what="the code".to_owned() />
            </div>
        </section>
    }
}

/// For the program's settings.
fn access_token(new: &NewToken) -> impl IntoView + use<> {
    let NewToken { token, key } = new;
    view! {
        <section class="handed" aria-label="Token">
            <p>
                <strong>"The token is shown only now."</strong>
                " Put it where the program keeps its secrets, beside the private half of its key: only both together can change anything."
            </p>
            <div>
                <p class="handed-label">"Token"</p>
                <code class="handed-text">{token.clone()}</code>
                <CopyButton text=token.clone() what="the token".to_owned() />
            </div>
            <div>
                <p class="handed-label">"Key id, by which its signatures name the key"</p>
                <code class="handed-text">{key.clone()}</code>
                <CopyButton text=key.clone() what="the key id".to_owned() />
            </div>
        </section>
    }
}

/// `1234 5678 …`, as in the mail.
fn in_fours(code: &str) -> String {
    let mut text = String::with_capacity(code.len() + code.len() / 4);
    for (place, symbol) in code.chars().enumerate() {
        if place > 0 && place % 4 == 0 {
            text.push(' ');
        }
        text.push(symbol);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;

    #[test]
    fn what_was_created_is_gone_to() {
        let receipt = |created: Option<&str>| Receipt {
            is_repeat: false,
            index: 7,
            executed_at: Timestamp::from_millis(0),
            checkpoint: String::new(),
            created: created.map(str::to_owned),
            invitation: None,
            access_token: None,
        };
        let to_created = After::ToCreated("/org/users/".to_owned());
        assert_eq!(to_created.clone().path(&receipt(Some("us-1"))), "/org/users/us-1");
        assert_eq!(to_created.path(&receipt(None)), "");
        assert_eq!(After::Go("/org/users".to_owned()).path(&receipt(Some("us-1"))), "/org/users");
        assert_eq!(After::Reload.path(&receipt(Some("us-1"))), "");
    }

    #[test]
    fn codes_are_read_in_fours() {
        assert_eq!(in_fours("1234567890123456"), "1234 5678 9012 3456");
        assert_eq!(in_fours(""), "");
    }
}

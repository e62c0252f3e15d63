//! What the forms share: whether one is being sent, what came back, and the button that can't be pressed twice.
//!
//! A form is a plain HTML form that posts to a server function, so it works without JavaScript. Once its island is alive, it
//! sends the same by `fetch`: what was typed stays, and a refusal appears in place. Nothing in here is generic, because every
//! instance would be paid for in the browser's bundle.

use crate::refusal::Refusal;
use leptos::{ev::SubmitEvent, html::Input, prelude::*, task::spawn_local};
use std::{pin::Pin, time::Duration};

/// How long a button stays busy after success, while the next page loads. Someone who comes back finds it working again.
pub const NEXT_PAGE_TAKES: Duration = Duration::from_secs(10);

/// A request to a server function that answers with nothing but success or a refusal.
pub type Sending = Pin<Box<dyn Future<Output = Result<(), Refusal>>>>;

/// A form's state, the same for every server function.
#[derive(Debug, Clone, Copy)]
pub struct FormState {
    /// What came back, if it was refused.
    pub refusal: RwSignal<Option<Refusal>>,
    /// Whether it is being sent, or was taken and the next page is loading.
    pub busy: RwSignal<bool>,
    /// Whether this form is alive in the browser: then the server's complaints replace the browser's bubbles.
    pub alive: RwSignal<bool>,
}

impl FormState {
    /// The state of a form that wasn't sent yet.
    pub fn unsent() -> Self {
        let state = Self { refusal: RwSignal::new(None), busy: RwSignal::new(false), alive: RwSignal::new(false) };
        react(Box::new(move || state.alive.set(true)));
        state
    }

    /// Sends the form by `request` instead of by the browser. On success the server names the next page.
    pub fn send(self, event: &SubmitEvent, request: Sending) {
        event.prevent_default();
        if self.busy.get_untracked() {
            return;
        }
        self.busy.set(true);
        spawn_local(async move {
            match request.await {
                Ok(()) => set_timeout(move || self.busy.set(false), NEXT_PAGE_TAKES),
                Err(refusal) => {
                    self.busy.set(false);
                    self.refusal.set(Some(refusal));
                }
            }
        });
    }
}

/// What an input holds right now, also if it was typed before the page was alive.
pub fn typed(input: NodeRef<Input>) -> String {
    input.get_untracked().map(|input| input.value()).unwrap_or_default()
}

/// Runs in the browser when the island is alive, and again when a signal that was read has changed: an effect that isn't
/// generic.
pub fn react(run: Box<dyn Fn()>) {
    Effect::new(run);
}

/// The button that sends a form.
#[component]
pub fn Submit(
    /// What it does, as a verb.
    label: &'static str,
    /// What it says while that goes on.
    busy_label: &'static str,
    /// Whether it goes on.
    busy: RwSignal<bool>,
    /// Whether it is a page's main action.
    #[prop(default = true)]
    main: bool,
    /// Whether the form is alive, for one that does nothing without that.
    #[prop(optional)]
    alive: Option<RwSignal<bool>>,
) -> impl IntoView {
    view! {
        <button
            type="submit"
            class=if main { "button main" } else { "button" }
            disabled=move || busy.get() || alive.is_some_and(|alive| !alive.get())
            aria-busy=move || busy.get().then_some("true")
        >
            {move || if busy.get() { busy_label } else { label }}
        </button>
    }
}

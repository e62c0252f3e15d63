//! One labelled line to type in, with its hint and its complaint.

use super::icon::{Glyph, Icon};
use crate::refusal::Refusal;
use leptos::{html::Input, prelude::*};

/// How a field is told apart and what browsers may help with.
#[derive(Debug, Clone, Copy)]
pub struct FieldKind {
    /// Its name in the form, and its id in the page.
    pub name: &'static str,
    /// Its label.
    pub label: &'static str,
    /// HTML's `type`.
    pub input: &'static str,
    /// HTML's `autocomplete`.
    pub autocomplete: &'static str,
    /// HTML's `inputmode`.
    pub inputmode: &'static str,
    /// A line under the label.
    pub hint: &'static str,
    /// The class of the input: `code` sets it large, in mono.
    pub class: &'static str,
}

impl FieldKind {
    /// A work email.
    pub const EMAIL: Self = Self {
        name: "email",
        label: "Work email",
        input: "email",
        autocomplete: "email",
        inputmode: "email",
        hint: "We send a code there.",
        class: "",
    };
}

/// A text input with its label. What was typed stays when a refusal comes back.
#[component]
pub fn Field(
    /// Which field.
    kind: FieldKind,
    /// What it holds at first.
    #[prop(optional, into)]
    value: String,
    /// Whether it may stay empty.
    #[prop(optional)]
    may_be_empty: bool,
    /// Where complaints about it come from.
    refusal: RwSignal<Option<Refusal>>,
    /// To read what was typed.
    input: NodeRef<Input>,
) -> impl IntoView {
    let complaint = move || refusal.with(|refusal| refusal.as_ref()?.field(kind.name).map(str::to_owned));
    let hint_id = format!("{}-hint", kind.name);
    let complaint_id = format!("{}-error", kind.name);
    view! {
        <div class="field">
            <label for=kind.name>{kind.label}</label>
            <input
                id=kind.name
                name=kind.name
                type=kind.input
                class=kind.class
                value=value
                autocomplete=kind.autocomplete
                inputmode=kind.inputmode
                autocapitalize=if kind.input == "email" { "none" } else { "sentences" }
                spellcheck="false"
                required=!may_be_empty
                aria-invalid=move || complaint().map(|_| "true")
                aria-describedby=move || described_by(kind.name, true, complaint().is_some())
                node_ref=input
            />
            <p class="hint" id=hint_id>{kind.hint}</p>
            <Complaint id=complaint_id complaint=Box::new(complaint) />
        </div>
    }
}

/// The ids of what describes the field of this name: its hint, if it has one, and its complaint while there is one.
pub fn described_by(name: &str, has_hint: bool, complains: bool) -> Option<String> {
    match (has_hint, complains) {
        (true, true) => Some(format!("{name}-hint {name}-error")),
        (true, false) => Some(format!("{name}-hint")),
        (false, true) => Some(format!("{name}-error")),
        (false, false) => None,
    }
}

/// What is wrong with what was typed or chosen, if something is.
#[component]
pub fn Complaint(
    /// By which its field refers to it.
    id: String,
    /// The sentence.
    complaint: Box<dyn Fn() -> Option<String> + Send + Sync>,
) -> impl IntoView {
    move || {
        complaint().map(|complaint| {
            view! {
                <p class="complaint" id=id.clone()>
                    <Icon glyph=Glyph::Warning />
                    {complaint}
                </p>
            }
        })
    }
}

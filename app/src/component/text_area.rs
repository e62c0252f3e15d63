//! Several labelled lines to paste something into, with their complaint.

use super::field::{Complaint, described_by};
use crate::refusal::Refusal;
use leptos::{html::Textarea, prelude::*};

/// A text of several lines in mono, with its label. What was typed stays when a refusal comes back.
#[component]
pub fn TextArea(
    /// Its name in the form, and its id in the page.
    name: &'static str,
    /// Its label.
    label: &'static str,
    /// How many lines are seen.
    rows: u32,
    /// Where complaints about it come from.
    refusal: RwSignal<Option<Refusal>>,
    /// To read what was typed.
    input: NodeRef<Textarea>,
    /// What is said between label and text.
    children: Children,
) -> impl IntoView {
    let complaint = move || refusal.with(|refusal| refusal.as_ref()?.field(name).map(str::to_owned));
    let hint_id = format!("{name}-hint");
    let complaint_id = format!("{name}-error");
    view! {
        <div class="field">
            <label for=name>{label}</label>
            <div class="hint" id=hint_id>{children()}</div>
            <textarea
                id=name
                name=name
                rows=rows
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                required
                aria-invalid=move || complaint().map(|_| "true")
                aria-describedby=move || described_by(name, true, complaint().is_some())
                node_ref=input
            ></textarea>
            <Complaint id=complaint_id complaint=Box::new(complaint) />
        </div>
    }
}

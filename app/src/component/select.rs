//! One labelled list to choose from, with its hint and its complaint.

use super::{
    field::{Complaint, described_by},
    form::react,
};
use crate::refusal::Refusal;
use leptos::{ev, html, prelude::*};

/// A list to choose from. At first nothing is chosen.
#[component]
pub fn Select(
    /// Its name in the form, and its id in the page.
    name: &'static str,
    /// Its label.
    label: &'static str,
    /// What it says while nothing is chosen.
    placeholder: &'static str,
    /// The values with their words.
    options: Vec<(String, String)>,
    /// The value that is chosen; empty while none is.
    chosen: RwSignal<String>,
    /// Whether nothing needs to be chosen.
    #[prop(optional)]
    may_be_empty: bool,
    /// Where complaints about it come from.
    refusal: RwSignal<Option<Refusal>>,
) -> impl IntoView {
    let input = NodeRef::<html::Select>::new();
    // What was chosen before the page was alive counts too.
    react(Box::new(move || {
        if let Some(input) = input.get() {
            chosen.set(input.value());
        }
    }));
    let complaint = move || refusal.with(|refusal| refusal.as_ref()?.field(name).map(str::to_owned));
    let complaint_id = format!("{name}-error");
    view! {
        <div class="field">
            <label for=name>{label}</label>
            <select
                id=name
                name=name
                autocomplete="off"
                required=!may_be_empty
                aria-invalid=move || complaint().map(|_| "true")
                aria-describedby=move || described_by(name, false, complaint().is_some())
                on:change=move |event: ev::Event| chosen.set(event_target_value(&event))
                node_ref=input
            >
                <option value="">{placeholder}</option>
                {options.into_iter().map(|(value, words)| view! { <option value=value>{words}</option> }).collect_view()}
            </select>
            <Complaint id=complaint_id complaint=Box::new(complaint) />
        </div>
    }
}

//! Picking operations from a grouped list that explains each of them.

use super::{
    field::{Complaint, described_by},
    form::react,
};
use crate::{
    domain::operation::{Group, Operation, Operations},
    refusal::Refusal,
};
use leptos::{html::Input, prelude::*};
use std::collections::BTreeSet;

/// The group of fields' name: complaints about it come under this one.
pub const NAME: &str = "operations";

/// Checkboxes for every operation that people may put into a permission. Those that the viewer doesn't hold can't be picked,
/// unless they are in the permission already. The form has to say `autocomplete="off"`: Firefox would tick boxes as they were before the
/// page was loaded again, while nothing else on it is as it was.
#[component]
pub fn OperationPicker(
    /// What the viewer holds.
    held: Operations,
    /// What the permission allows so far.
    before: BTreeSet<Operation>,
    /// What is picked now.
    chosen: RwSignal<BTreeSet<Operation>>,
    /// Where complaints about it come from.
    refusal: RwSignal<Option<Refusal>>,
) -> impl IntoView {
    let boxes: Vec<(Operation, NodeRef<Input>)> =
        Group::OFFERED.into_iter().flat_map(Operation::of).map(|operation| (operation, NodeRef::new())).collect();
    let groups = Group::OFFERED.map(|group| {
        let those: Vec<_> = boxes.iter().copied().filter(|(operation, _)| operation.group() == group).collect();
        view! { <OperationGroup group boxes=those held=held.clone() before=before.clone() /> }
    });
    let boxes = StoredValue::new(boxes);
    // The boxes themselves know what is picked, also what was picked before the page was alive.
    react(Box::new(move || chosen.set(boxes.with_value(|boxes| picked(boxes, |input| input.get().is_some_and(|input| input.checked()))))));
    let pick =
        move |_| chosen.set(boxes.with_value(|boxes| picked(boxes, |input| input.get_untracked().is_some_and(|input| input.checked()))));
    let complaint = move || refusal.with(|refusal| refusal.as_ref()?.field(NAME).map(str::to_owned));
    view! {
        <fieldset
            class="picker"
            id=NAME
            tabindex="-1"
            aria-describedby=move || described_by(NAME, true, complaint().is_some())
            on:change=pick
        >
            <legend>"Operations"</legend>
            <p class="hint" id="operations-hint">"Whoever has this permission may do what you pick here, and nothing else."</p>
            <Complaint id=format!("{NAME}-error") complaint=Box::new(complaint) />
            {groups}
        </fieldset>
    }
}

fn picked(boxes: &[(Operation, NodeRef<Input>)], is_checked: fn(NodeRef<Input>) -> bool) -> BTreeSet<Operation> {
    boxes.iter().filter(|(_, input)| is_checked(*input)).map(|(operation, _)| *operation).collect()
}

#[component]
fn OperationGroup(group: Group, boxes: Vec<(Operation, NodeRef<Input>)>, held: Operations, before: BTreeSet<Operation>) -> impl IntoView {
    view! {
        <fieldset class="picker-group">
            <legend>{group.label()}</legend>
            {boxes
                .into_iter()
                .map(|(operation, input)| {
                    let (is_in, is_held) = (before.contains(&operation), held.allows(operation));
                    let reason = match (is_held, is_in) {
                        (true, _) => None,
                        (false, true) => Some("You don't hold this yourself: once it is taken out, you can't put it back."),
                        (false, false) => Some("You don't hold this yourself, so you can't give it."),
                    };
                    let hint_id = format!("{operation}-hint");
                    view! {
                        <div class="check">
                            <input
                                type="checkbox"
                                id=operation.name()
                                name=NAME
                                value=operation.name()
                                checked=is_in
                                disabled=!is_held && !is_in
                                aria-describedby=hint_id.clone()
                                node_ref=input
                            />
                            <label for=operation.name()>
                                <code>{operation.name()}</code>
                            </label>
                            <p class="hint" id=hint_id>
                                {operation.allows()}
                                {reason.map(|reason| view! { <span class="check-reason">{reason}</span> })}
                            </p>
                        </div>
                    }
                })
                .collect_view()}
        </fieldset>
    }
}

//! What operations let someone do, explained one by one.

use crate::domain::operation::{Group, Operation, Operations};
use leptos::prelude::*;

/// What stands for every operation there is and will be.
pub const EVERY_OPERATION: &str = "Every operation, also those that later versions bring";

/// How many operations, in words.
pub fn count(operations: &Operations) -> String {
    match operations {
        Operations::All => "Every operation".to_owned(),
        Operations::These(operations) if operations.is_empty() => "No operation".to_owned(),
        Operations::These(operations) if operations.len() == 1 => "1 operation".to_owned(),
        Operations::These(operations) => format!("{} operations", operations.len()),
    }
}

/// Each operation with what it allows, in one list.
#[component]
pub fn OperationList(
    /// Which.
    operations: Vec<Operation>,
) -> impl IntoView {
    view! {
        <ul class="operation-list">
            {operations
                .into_iter()
                .map(|operation| {
                    view! {
                        <li>
                            <span>{operation.allows()}</span>
                            <code class="id">{operation.name()}</code>
                        </li>
                    }
                })
                .collect_view()}
        </ul>
    }
}

/// Each operation with what it allows, under the titles of their groups.
#[component]
pub fn GroupedOperations(
    /// Which.
    operations: Operations,
) -> impl IntoView {
    let groups = Group::OFFERED.into_iter().chain([Group::Wallets]);
    view! {
        {(operations == Operations::All).then(|| view! { <p class="every">{EVERY_OPERATION} "."</p> })}
        <div class="operation-groups">
            {groups
                .filter_map(|group| {
                    let those: Vec<_> = Operation::of(group).filter(|operation| operations.allows(*operation)).collect();
                    (!those.is_empty())
                        .then(|| {
                            view! {
                                <div class="operation-group">
                                    <h3>{group.label()}</h3>
                                    <OperationList operations=those />
                                </div>
                            }
                        })
                })
                .collect_view()}
        </div>
    }
}

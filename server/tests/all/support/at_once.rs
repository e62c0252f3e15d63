//! What happens at the same moment: whatever it is, and signatures that are handed in.

use super::{answer::Answer, browser::Browser, person::Person};
use app::{action::change::Change, rpc::change::Prepared};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::{sync::Barrier, task::JoinSet};

/// A signature that is ready to be handed in, and the browser that does it.
pub struct Ready {
    pub browser: Browser,
    pub prepared: Prepared,
    pub response: Value,
}

impl Ready {
    pub async fn of(person: &mut Person, change: &Change) -> Self {
        let prepared = person.prepared(change).await;
        let response = person.signature(&prepared);
        Self { browser: person.browser.clone(), prepared, response }
    }

    pub async fn hand_in(&self) -> Answer {
        self.browser.call_json("commit_change", &json!({ "action": self.prepared.action, "response": self.response })).await
    }
}

/// Hands all of them in at the same moment; the answers in the order in which they came.
pub async fn at_once(all: impl IntoIterator<Item = Ready>) -> Vec<Answer> {
    together(all.into_iter().map(|ready| async move { ready.hand_in().await })).await
}

/// Begins all of it at the same moment; what came of it, in the order in which it ended.
pub async fn together<T: Send + 'static>(all: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>) -> Vec<T> {
    let all: Vec<_> = all.into_iter().collect();
    let start = Arc::new(Barrier::new(all.len()));
    let mut going_on = JoinSet::new();
    for one in all {
        let start = Arc::clone(&start);
        going_on.spawn(async move {
            start.wait().await;
            one.await
        });
    }
    going_on.join_all().await
}

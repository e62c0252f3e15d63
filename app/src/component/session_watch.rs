//! Says in time that the session will end, with a way to stay: so that nobody loses what they are typing.

use super::form::react;
use crate::{
    refusal::Code,
    rpc::sign_in::{SessionLife, viewer},
};
use leptos::{prelude::*, task::spawn_local};
use std::time::Duration;

/// How long before the end it is said.
const BEFORE: Duration = Duration::from_mins(5);

/// What there is to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// Nothing yet.
    Nothing,
    /// It ends because nothing was heard of this browser; asking for anything keeps it going.
    Idle,
    /// It ends whatever happens.
    Over,
    /// It has ended.
    Ended,
}

/// Watches the session of this page.
#[island]
pub(crate) fn SessionWatch(
    /// How long it goes on from now.
    life: SessionLife,
) -> impl IntoView {
    let word = RwSignal::new(Word::Nothing);
    // Which watch is current: the timers of an earlier one are nobody's.
    let turn = StoredValue::new(0_u32);
    react(Box::new(move || watch(life, word, turn)));
    let stay = move |_| {
        spawn_local(async move {
            match viewer().await {
                Ok(viewer) => watch(viewer.session, word, turn),
                Err(refusal) if refusal.code == Code::SignedOut => word.set(Word::Ended),
                // Nobody knows now: it stays said.
                Err(_) => {}
            }
        });
    };
    let sentence = move || match word.get() {
        Word::Nothing => "",
        Word::Idle => "You will be signed out in five minutes, because nothing was heard of you for long.",
        Word::Over => {
            "You will be signed out in five minutes: a session ends seven days after it began. Finish what you are doing, or sign in again now."
        }
        Word::Ended => "You are signed out. What you have typed here can't be sent any more: copy it, then sign in again.",
    };
    view! {
        <div class="session-word" role="alert" hidden=move || word.get() == Word::Nothing>
            <p>{sentence}</p>
            <button type="button" class="button small" hidden=move || word.get() != Word::Idle on:click=stay>
                "Stay signed in"
            </button>
            <a class="button small" href="/login" hidden=move || !matches!(word.get(), Word::Over | Word::Ended)>
                "Sign in again"
            </a>
        </div>
    }
}

fn watch(life: SessionLife, word: RwSignal<Word>, turn: StoredValue<u32>) {
    turn.update_value(|turn| *turn = turn.wrapping_add(1));
    let current = turn.get_value();
    word.set(Word::Nothing);
    let (end, last_word) = if life.idle < life.longest { (life.idle, Word::Idle) } else { (life.longest, Word::Over) };
    let end = Duration::from_millis(end);
    for (after, said) in [(end.saturating_sub(BEFORE), last_word), (end, Word::Ended)] {
        set_timeout(
            move || {
                if turn.get_value() == current {
                    word.set(said);
                }
            },
            after,
        );
    }
}

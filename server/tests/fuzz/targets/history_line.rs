//! A line of a history: read by itself, as a page does, and in its place, as whoever verifies the whole does.

use super::{Target, action_document::is_one_line, json};
use app::action::history::{
    entry::{Entry, EntryError, SignedAction, What},
    reader,
    replay::Replay,
};
use std::sync::LazyLock;

pub const TARGET: Target = Target { name: "history_line", check, words: WORDS, growing: json::growing };

const WORDS: &[&[u8]] = &[
    b"\"index\":0,",
    b"\"index\":18446744073709551615,",
    b"\"executed_at\":-9223372036854775808,",
    b"\"genesis\":",
    b"\"registration\":",
    b"\"action\":",
    b"\"recovery\":",
    b"\"break_glass\":",
    b"\"enrolment\":",
    b"\"key_change\":",
    b"\"authenticator_data\":null,",
    b"\"grounds\":\"invitation\"",
    b"id.example.org+e5697434+AXcK6cLtpxQhuqYRmeiKvmo0x5u04pwpQXryxIqTCKdV",
];

/// A short history: someone founds an organization, invites somebody, who signs up; and the server's key is changed.
const GOLDEN: [&str; 4] = [
    include_str!("../../../../app/tests/golden/entry-genesis.json"),
    include_str!("../../../../app/tests/golden/entry-action.json"),
    include_str!("../../../../app/tests/golden/entry-registration.json"),
    include_str!("../../../../app/tests/golden/entry-key-change.json"),
];

/// The same, read, each with the history before it.
static HISTORY: LazyLock<Vec<(Entry, Replay)>> = LazyLock::new(|| {
    let mut replay = Replay::default();
    let entries = GOLDEN.map(|line| {
        let before = replay.clone();
        assert!(goes_on(&mut replay, line.trim()), "{line}");
        (Entry::parse(line).unwrap(), before)
    });
    entries.into()
});

fn goes_on(replay: &mut Replay, line: &str) -> bool {
    replay.entry(line).is_ok_and(|signatures| signatures.iter().all(|signature| signature.verify().is_ok()))
}

fn check(bytes: &[u8]) -> bool {
    let Ok(line) = std::str::from_utf8(bytes) else { return false };
    for (golden, before) in &*HISTORY {
        let mut replay = before.clone();
        if goes_on(&mut replay, line) {
            is_what_happened(&golden.what, line);
        }
    }
    let Ok(entry) = Entry::parse(line) else { return false };
    let written = entry.to_line().expect("it can be written");
    assert_eq!(Entry::parse(&written).as_ref(), Ok(&entry), "it reads otherwise once it was written");
    for spoiled in json::with_a_member_twice(line).iter().chain(&json::with_an_unknown_member(line)) {
        let verdict = Entry::parse(spoiled);
        assert!(matches!(verdict, Err(EntryError::Malformed(_))), "{verdict:?}: {spoiled}");
    }

    // What a page shows of it.
    if let Ok(summary) = entry.summary() {
        is_one_line(&summary.sentence);
        is_one_line(&summary.who.to_string());
    }
    let _ = (entry.kind(), entry.actor(), entry.new_server_key(), entry.executed_at.to_minute());
    assert_eq!(reader::entry(line, entry.organization, entry.index).is_ok(), matches!(entry.what, What::Genesis(_)) == (entry.index == 0));
    true
}

/// Whatever is accepted in the place of a change of the server's key is that change. In the place of a signed change it is that one:
/// but for when, which nobody signed, and the other signature that ECDSA always has. Whoever begins or joins says who they are, and nothing before them can contradict.
fn is_what_happened(golden: &What, line: &str) {
    let found = Entry::parse(line).expect("it was read");
    assert_eq!(found.to_line().as_deref(), Ok(line), "it isn't written in the one way that counts");
    match golden {
        What::Action(golden) => {
            let What::Action(found) = found.what else { panic!("something else was done in its place") };
            assert_eq!(SignedAction { signature: golden.signature.clone(), ..*found }, **golden);
        }
        What::KeyChange(_) => assert_eq!(found.what, *golden),
        _ => {}
    }
}

//! The server's key is changed: what the one before signed counts until then, what the new one signs from then on, and nobody but
//! the two of them can say so.

use super::{
    own_account::{break_glass, signatures_of, signed_by, statement, team},
    story::{Failure, Story, create_user, replay, signer, verify},
};
use app::{
    action::{
        bytes::Bytes,
        challenge::{Purpose, frame},
        history::{
            checkpoint::{Checkpoint, CheckpointError},
            entry::{Entry, What},
            replay::{FinishError, Replay, ReplayError},
            statement::{BreakGlass, KeyChange, KeyStatement, ServerKey, break_glass_message, key_change_message},
        },
    },
    domain::id::OrganizationId,
};
use std::{collections::BTreeMap, time::Duration};

fn what(change: KeyChange) -> What {
    What::KeyChange(Box::new(change))
}

/// The next entry, honest.
fn honest(story: &Story, new: &[u8; 32]) -> KeyChange {
    Story::key_change(&story.key_statement(new), &story.checkpoint_seed, new)
}

fn is_by_another_key(verdict: &Result<app::action::history::state::State, Failure>) -> bool {
    matches!(verdict, Err(Failure::Finish(FinishError::Checkpoint(CheckpointError::Signature(_)))))
}

/// The checkpoint over these lines by the key with this seed.
fn checkpoint_by(seed: [u8; 32], story: &Story, lines: &[String]) -> String {
    let checkpoint = story.checkpoint_over(lines);
    let said = Checkpoint::verify(&checkpoint, signer(&story.checkpoint_seed).key()).unwrap();
    signer(&seed).sign(&said).unwrap()
}

#[test]
fn a_change_alters_nothing_but_the_key() {
    let (mut story, mut ada, _) = team();
    let before = (story.state(), story.checkpoint_seed, u64::try_from(story.lines.len()).unwrap());
    let new = story.chance.bytes();
    let change = what(honest(&story, &new));
    assert_eq!(signatures_of(&mut story, change), [true, true]);
    story.change_key();
    assert_eq!(story.state(), before.0);
    let named = |from, seed| ServerKey { from, key: signer(&seed).key().to_owned() };
    let keys = [named(1, before.1), named(before.2 + 1, story.checkpoint_seed)];
    assert_eq!(replay(&story.lines).unwrap().keys(), keys);
    let by_entries: Vec<_> = story.lines.iter().filter_map(|line| Entry::parse(line).unwrap().new_server_key()).collect();
    assert_eq!(by_entries, keys);
    let entry = Entry::parse(story.lines.last().unwrap()).unwrap();
    assert!(entry.is_loud() && entry.actor().is_none() && entry.credentials().is_none());
    assert_eq!((entry.kind().as_str(), entry.summary().unwrap().who.to_string().as_str()), ("change_key", "The server's operator"));
    story.act(&mut ada, create_user("cleo@example.org"));
    assert_eq!(replay(&story.lines).unwrap().break_glasses(), [0; 0]);
}

/// At every size, of every key of the history, and of a stranger's.
#[test]
fn a_checkpoint_counts_by_the_key_in_force_at_its_size_and_no_other() {
    let (mut story, mut ada, _) = team();
    let (first, one) = (story.checkpoint_seed, story.lines.len());
    story.change_key();
    let second = story.checkpoint_seed;
    story.act(&mut ada, create_user("cleo@example.org"));
    let two = story.lines.len();
    story.change_key();
    let third = story.checkpoint_seed;
    story.act(&mut ada, create_user("dora@example.org"));
    for size in 1..=story.lines.len() {
        let lines = &story.lines[..size];
        let right = if size > two {
            third
        } else if size > one {
            second
        } else {
            first
        };
        for seed in [first, second, third, [7; 32]] {
            let verdict = verify(lines, &checkpoint_by(seed, &story, lines));
            assert_eq!(verdict.is_ok(), seed == right, "{size}");
            assert!(verdict.is_ok() || is_by_another_key(&verdict), "{size}: {verdict:?}");
        }
    }
    // One that was kept counts when the replay is as long as it says, and is too short later.
    let kept = checkpoint_by(first, &story, &story.lines[..one]);
    let mut replay = Replay::default();
    for (index, line) in story.lines.iter().enumerate() {
        replay.entry(line).unwrap();
        assert_eq!(replay.finish(&kept).is_ok(), index + 1 == one);
    }
}

#[test]
fn the_key_may_be_the_first_one_again() {
    let (mut story, _) = Story::begin();
    let first = story.checkpoint_seed;
    story.change_key();
    let change = what(honest(&story, &first));
    story.append(change);
    story.checkpoint_seed = first;
    story.state();
}

#[test]
fn what_the_server_says_itself_is_signed_by_the_key_in_force() {
    let (mut story, _, bob) = team();
    let first = story.checkpoint_seed;
    let before = break_glass(&story, &bob);
    assert_eq!(signatures_of(&mut story, before.clone()), [true]);
    story.append(before);
    story.change_key();
    let by_new = break_glass(&story, &bob);
    let said = statement(&story, &bob).to_bytes().unwrap();
    let signature = signed_by(&first, &break_glass_message(&said));
    let by_first = What::BreakGlass(Box::new(BreakGlass { statement: Bytes(said), signature }));
    assert_eq!(signatures_of(&mut story, by_first.clone()), [false]);
    assert_eq!(story.verdict_on(by_first), Err(ReplayError::Signature));
    assert_eq!(story.verdict_on(by_new.clone()), Ok(()));
    story.append(by_new);
    assert_eq!(replay(&story.lines).unwrap().break_glasses().len(), 2);
}

/// Whoever stole the secret of before can't put a key of theirs in force, nor whoever made a new one without it.
#[test]
fn both_keys_sign_the_change_for_no_other_purpose() {
    let (mut story, ada, _) = team();
    let stolen = story.checkpoint_seed;
    story.change_key();
    let (mine, new) = ([8; 32], [9; 32]);
    let statement = story.key_statement(&new);
    let right = Story::key_change(&statement, &story.checkpoint_seed, &new);
    let message = key_change_message(&right.statement.0);
    for (before, by_new, expected) in [
        (stolen, new, [false, true]),
        (mine, new, [false, true]),
        (new, new, [false, true]),
        (story.checkpoint_seed, story.checkpoint_seed, [true, false]),
        (story.checkpoint_seed, stolen, [true, false]),
        (new, story.checkpoint_seed, [false, false]),
    ] {
        let forged = what(Story::key_change(&statement, &before, &by_new));
        assert_eq!(signatures_of(&mut story, forged.clone()), expected);
        assert_eq!(story.verdict_on(forged), Err(ReplayError::Signature));
    }
    let others = Purpose::ALL.into_iter().filter(|purpose| *purpose != Purpose::KeyChange);
    let messages = others.map(|purpose| frame(purpose, &right.statement.0)).chain([right.statement.0.clone()]);
    for other in messages {
        let by_before = KeyChange { signature: signed_by(&story.checkpoint_seed, &other), ..right.clone() };
        assert_eq!(signatures_of(&mut story, what(by_before)), [false, true]);
        let by_new = KeyChange { new_signature: signed_by(&new, &other), ..right.clone() };
        assert_eq!(signatures_of(&mut story, what(by_new)), [true, false]);
    }
    for signature in [Bytes(ada.recovery_key.sign(&message)), Bytes(Vec::new())] {
        assert_eq!(story.verdict_on(what(KeyChange { signature, ..right.clone() })), Err(ReplayError::Signature));
    }
    assert_eq!(story.verdict_on(what(right)), Ok(()));
}

#[test]
fn a_change_is_about_its_own_entry_and_names_a_key() {
    let forgeries: [fn(&mut KeyStatement); 4] = [
        |statement| statement.index += 1,
        |statement| statement.index -= 1,
        |statement| statement.organization = OrganizationId::from_bytes([7; 16]),
        |statement| statement.executed_at = statement.executed_at.plus(Duration::from_millis(1)),
    ];
    let (mut story, _, _) = team();
    let new = [9; 32];
    let signed = |story: &Story, statement: &KeyStatement| what(Story::key_change(statement, &story.checkpoint_seed, &new));
    for forge in forgeries {
        let mut forged = story.key_statement(&new);
        forge(&mut forged);
        let forged = signed(&story, &forged);
        assert_eq!(story.verdict_on(forged), Err(ReplayError::Statement));
    }
    for key in ["", "id.example.org", "id.example.org+00000000+AAAA", "id.example.org+00000000+!"] {
        let nonsense = KeyStatement { key: key.to_owned(), ..story.key_statement(&new) };
        let nonsense = signed(&story, &nonsense);
        assert_eq!(story.verdict_on(nonsense), Err(ReplayError::ServerKey), "{key}");
    }
    let unreadable = KeyChange { statement: Bytes(b"{}".to_vec()), ..honest(&story, &new) };
    let verdict = story.verdict_on(what(unreadable));
    assert!(matches!(verdict, Err(ReplayError::Document(_))), "{verdict:?}");
    // Once it is done, the same says nothing any more; and nothing begins with it.
    let change = what(honest(&story, &new));
    story.append(change.clone());
    story.checkpoint_seed = new;
    assert_eq!(story.verdict_on(change.clone()), Err(ReplayError::Statement));
    story.lines.clear();
    assert_eq!(story.verdict_on(change), Err(ReplayError::Genesis));
}

#[test]
fn no_bit_of_a_change_is_changed_unnoticed() {
    let (mut story, _, _) = team();
    let before = replay(&story.lines).unwrap();
    story.change_key();
    let line = story.lines.last().unwrap();
    let mut found = BTreeMap::new();
    for place in 0..line.len() {
        for bit in 0..7 {
            let mut bytes = line.clone().into_bytes();
            bytes[place] ^= 1 << bit;
            let changed = String::from_utf8(bytes).unwrap();
            let verdict = before.clone().entry(&changed);
            let is_right = verdict.as_ref().is_ok_and(|signatures| signatures.iter().all(|signature| signature.verify().is_ok()));
            assert!(!is_right, "bit {bit} of byte {place}: {changed}");
            *found.entry(verdict.is_ok()).or_insert(0) += 1;
        }
    }
    assert!(found[&true] > 500 && found[&false] > 500, "by a signature, and before one is looked at: {found:?}");
}

#[test]
fn without_the_change_or_in_another_place_nothing_after_it_verifies() {
    let (mut story, mut ada, bob) = team();
    let place = story.lines.len();
    story.change_key();
    let order = break_glass(&story, &bob);
    story.append(order);
    story.act(&mut ada, create_user("cleo@example.org"));
    let renumbered = |lines: Vec<String>| -> Vec<String> {
        let entries = lines.iter().map(|line| Entry::parse(line).unwrap());
        entries.zip(0..).map(|(entry, index)| Entry { index, ..entry }.to_line().unwrap()).collect()
    };
    let mut without = story.lines.clone();
    without.remove(place);
    let failed = |lines: Vec<String>| replay(&renumbered(lines)).err();
    assert_eq!(failed(without), Some(Failure::Entry(place, ReplayError::Statement)), "the order is about another place");
    let mut swapped = story.lines.clone();
    swapped.swap(place, place + 1);
    assert_eq!(failed(swapped), Some(Failure::Entry(place, ReplayError::Statement)));
    // Cut off with all that follows: only whoever has the secret of before can sign that, or kept a later checkpoint.
    let cut = &story.lines[..place];
    assert!(is_by_another_key(&verify(cut, &story.checkpoint_over(cut))));
}

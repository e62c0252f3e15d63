//! A history is changed after the fact: a bit here, a line there. The first entry that is wrong is named, or, where an
//! entry can't know by itself, the checkpoint shows that something is.

use super::story::{Failure, Story, create_user, replay, verify};
use app::{
    action::{
        bytes::Bytes,
        change::Change,
        history::{
            checkpoint::{Checkpoint, CheckpointError},
            entry::{Entry, What},
            replay::{FinishError, Replay, ReplayError},
        },
    },
    domain::{id::OrganizationId, operation::Operation},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

/// Twelve entries, of every kind, in which everyone who signs up also signs.
fn story() -> Story {
    let (mut story, mut ada) = Story::begin();
    let mut bob = story.join(&mut ada, "bob@example.org");
    let inviting = story.define(&mut ada, "Inviting", &[Operation::UsersCreate]);
    story.give(&mut ada, inviting, &bob);
    let mut cleo = story.join(&mut bob, "cleo@example.org");
    story.give(&mut ada, story.full_admin, &cleo);
    story.act(&mut cleo, Change::DeactivateUser { user: bob.named() });
    story.act(&mut cleo, Change::ActivateUser { user: bob.named() });
    let change = story.taking(inviting, &bob);
    story.act(&mut ada, change);
    let change = Change::ArchivePermission { permission: story.permission(inviting).0 };
    story.act(&mut cleo, change);
    assert_eq!(story.lines.len(), 12);
    story
}

/// Where something wrong with an entry is found.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    Here,
    Later,
    ByTheCheckpoint,
}

/// One flipped bit: in which entry, where in its line, and who found it.
struct Flip {
    index: usize,
    place: usize,
    changed: String,
}

/// One for every byte. It is the second bit, because the lowest makes many symbols of base64url into none, which is found too
/// easily.
fn flips(lines: &[String]) -> Vec<Flip> {
    let flip = |index: usize, place: usize| {
        let mut bytes = lines[index].clone().into_bytes();
        bytes[place] ^= 2;
        Flip { index, place, changed: String::from_utf8(bytes).unwrap() }
    };
    (0..lines.len()).flat_map(|index| (0..lines[index].len()).map(move |place| flip(index, place))).collect()
}

/// Who finds it. `replay` has gone through the entries before it.
fn found(mut replay: Replay, lines: &[String], flip: &Flip, checkpoint: &str) -> Found {
    for (place, line) in [&flip.changed].into_iter().chain(&lines[flip.index + 1..]).enumerate() {
        let is_right = replay.entry(line).is_ok_and(|signatures| signatures.iter().all(|signature| signature.verify().is_ok()));
        if !is_right {
            return if place == 0 { Found::Here } else { Found::Later };
        }
    }
    match replay.finish(checkpoint) {
        Err(_) => Found::ByTheCheckpoint,
        Ok(_) => panic!("entry {}, byte {} changed unnoticed: {}", flip.index, flip.place, flip.changed),
    }
}

#[test]
fn no_byte_changes_unnoticed() {
    let story = story();
    let (lines, checkpoint) = (&story.lines, &story.checkpoint());
    verify(lines, checkpoint).unwrap();
    let befores: Vec<Replay> = (0..lines.len()).map(|index| replay(&lines[..index]).unwrap()).collect();
    let (befores, flips) = (&befores, flips(lines));
    let threads = std::thread::available_parallelism().unwrap().get();
    let parts: Vec<Vec<Found>> = std::thread::scope(|scope| {
        let parts = flips.chunks(flips.len().div_ceil(threads));
        let parts: Vec<_> = parts
            .map(|part| scope.spawn(|| part.iter().map(|flip| found(befores[flip.index].clone(), lines, flip, checkpoint)).collect()))
            .collect();
        parts.into_iter().map(|part| part.join().unwrap()).collect()
    });
    let leaves: Vec<_> = lines.iter().map(|line| leaves(line)).collect();
    let mut places: BTreeMap<(&str, String), BTreeSet<Found>> = BTreeMap::new();
    for (flip, found) in flips.iter().zip(parts.into_iter().flatten()) {
        let line = &lines[flip.index];
        let leaf = leaves[flip.index].iter().find(|(range, _)| range.contains(&flip.place));
        let name = leaf
            .map_or_else(|| "syntax and names".to_owned(), |(range, path)| named(path, &line[range.clone()], &flip.changed[range.clone()]));
        places.entry((kind(line), name)).or_default().insert(found);
    }
    // Whatever isn't in this table is always found in the entry itself: above all, everything that was signed.
    let table: Vec<String> = places
        .into_iter()
        .filter(|(_, found)| found.iter().any(|found| *found != Found::Here))
        .map(|((kind, name), found)| format!("{kind:12} {name:84} {found:?}"))
        .collect();
    insta::assert_snapshot!(table.join("\n"), @"
    action       executed_at                                                                          {Here, ByTheCheckpoint}
    genesis      executed_at                                                                          {Here, ByTheCheckpoint}
    genesis      organization                                                                         {Here, Later}
    genesis      what.genesis.admin.email                                                             {Here, Later}
    genesis      what.genesis.admin.id                                                                {Here, Later}
    genesis      what.genesis.assignment                                                              {Here, ByTheCheckpoint}
    genesis      what.genesis.checkpoint_key                                                          {Here, ByTheCheckpoint}
    genesis      what.genesis.credentials.passkey.attestation_object, AAGUID                          {ByTheCheckpoint}
    genesis      what.genesis.credentials.passkey.attestation_object, count                           {Later}
    genesis      what.genesis.credentials.passkey.attestation_object, fmt                             {Here, ByTheCheckpoint}
    genesis      what.genesis.credentials.passkey.attestation_object, the public key's x              {Later}
    genesis      what.genesis.credentials.passkey.attestation_object, the public key's y              {Later}
    genesis      what.genesis.credentials.passkey.client_data, crossOrigin                            {Here, ByTheCheckpoint}
    genesis      what.genesis.credentials.passkey.id                                                  {Here, Later}
    genesis      what.genesis.credentials.recovery_key.id                                             {Here, ByTheCheckpoint}
    genesis      what.genesis.credentials.recovery_key.salt                                           {Here, ByTheCheckpoint}
    genesis      what.genesis.end_user                                                                {Here, ByTheCheckpoint}
    genesis      what.genesis.full_admin                                                              {Here, Later}
    genesis      what.genesis.name                                                                    {Here, ByTheCheckpoint}
    registration executed_at                                                                          {Here, ByTheCheckpoint}
    registration what.registration.credentials.passkey.attestation_object, AAGUID                     {ByTheCheckpoint}
    registration what.registration.credentials.passkey.attestation_object, count                      {Later}
    registration what.registration.credentials.passkey.attestation_object, fmt                        {Here, ByTheCheckpoint}
    registration what.registration.credentials.passkey.attestation_object, the public key's x         {Later}
    registration what.registration.credentials.passkey.attestation_object, the public key's y         {Later}
    registration what.registration.credentials.passkey.client_data, crossOrigin                       {Here, ByTheCheckpoint}
    registration what.registration.credentials.passkey.id                                             {Here, Later}
    registration what.registration.credentials.recovery_key.id                                        {Here, ByTheCheckpoint}
    registration what.registration.credentials.recovery_key.salt                                      {Here, ByTheCheckpoint}
    ");
}

fn kind(line: &str) -> &'static str {
    match Entry::parse(line).unwrap().what {
        What::Genesis(_) => "genesis",
        What::Registration(_) => "registration",
        What::Action(_) => "action",
        What::Recovery(_) => "recovery",
        What::BreakGlass(_) => "break-glass",
        What::Enrolment(_) => "enrolment",
        What::KeyChange(_) => "key-change",
    }
}

/// The values in a line of canonical JSON, each with where it stands and how one gets there.
fn leaves(line: &str) -> Vec<(Range<usize>, String)> {
    fn write(value: &Value, path: &str, text: &mut String, leaves: &mut Vec<(Range<usize>, String)>) {
        let Value::Object(members) = value else {
            let start = text.len();
            text.push_str(&value.to_string());
            leaves.push((start..text.len(), path.to_owned()));
            return;
        };
        for (place, (name, value)) in members.iter().enumerate() {
            text.push_str(if place == 0 { "{" } else { "," });
            text.extend(["\"", name, "\":"]);
            write(value, &format!("{path}{}{name}", if path.is_empty() { "" } else { "." }), text, leaves);
        }
        text.push('}');
    }

    let (mut text, mut leaves) = (String::new(), Vec::new());
    write(&serde_json::from_str(line).unwrap(), "", &mut text, &mut leaves);
    assert_eq!(text, line, "not canonical, or not as this test reads it");
    leaves
}

/// The place's name; of what a browser or an authenticator said, down to the part.
fn named(path: &str, value: &str, changed: &str) -> String {
    let decode = |json: &str| serde_json::from_str(json).ok().and_then(|text: String| Bytes::decode(&text));
    let (Some(before), Some(after)) = (decode(value), decode(changed)) else { return path.to_owned() };
    let Some(offset) = before.0.iter().zip(&after.0).position(|(before, after)| before != after) else { return path.to_owned() };
    match path.rsplit('.').next() {
        Some("client_data") => format!("{path}, {}", part_of_client_data(&before.0, offset)),
        Some("attestation_object") => format!("{path}, {}", part_of_attestation(offset)),
        _ => path.to_owned(),
    }
}

fn part_of_client_data(json: &[u8], offset: usize) -> &'static str {
    let json = std::str::from_utf8(json).unwrap();
    let members = ["type", "challenge", "origin", "crossOrigin"];
    let begun = |member: &&&str| json.find(&format!("\"{member}\":")).unwrap() <= offset;
    members.iter().rfind(begun).copied().unwrap_or("syntax")
}

/// The attestation object of a story's authenticator: `{"fmt": "none", "attStmt": {}, "authData": …}` in CBOR.
fn part_of_attestation(offset: usize) -> &'static str {
    let parts = [
        (5, "syntax"),
        (10, "fmt"),
        (30, "syntax"),
        (62, "hash of the relying party"),
        (63, "flags"),
        (67, "count"),
        (83, "AAGUID"),
        (117, "credential id"),
        (127, "the public key's kind"),
        (159, "the public key's x"),
        (162, "the public key's kind"),
        (194, "the public key's y"),
    ];
    parts.into_iter().find_map(|(end, name)| (offset < end).then_some(name)).unwrap()
}

/// The lines as if they had always stood in this order: each with the number of its place.
fn renumbered(lines: &[String]) -> Vec<String> {
    let entries = lines.iter().map(|line| Entry::parse(line).unwrap());
    entries.zip(0..).map(|(entry, index)| Entry { index, ..entry }.to_line().unwrap()).collect()
}

fn without(lines: &[String], index: usize) -> Vec<String> {
    [&lines[..index], &lines[index + 1..]].concat()
}

#[test]
fn an_entry_that_is_missing_is_missed_where_it_was() {
    let story = story();
    for missing in 0..story.lines.len() - 1 {
        let expected = ReplayError::Index { found: u64::try_from(missing).unwrap() + 1, expected: u64::try_from(missing).unwrap() };
        let failure = replay(&without(&story.lines, missing)).err();
        assert_eq!(failure, Some(Failure::Entry(missing, expected)));
    }
}

#[test]
fn entries_that_changed_places_are_out_of_place() {
    let story = story();
    for first in 0..story.lines.len() - 1 {
        let mut lines = story.lines.clone();
        lines.swap(first, first + 1);
        let expected = ReplayError::Index { found: u64::try_from(first).unwrap() + 1, expected: u64::try_from(first).unwrap() };
        assert_eq!(replay(&lines).err(), Some(Failure::Entry(first, expected)));
    }
}

#[test]
fn an_entry_that_comes_twice_is_one_too_many() {
    let story = story();
    for repeated in 0..story.lines.len() {
        let mut lines = story.lines.clone();
        lines.insert(repeated + 1, lines[repeated].clone());
        let expected = ReplayError::Index { found: u64::try_from(repeated).unwrap(), expected: u64::try_from(repeated).unwrap() + 1 };
        assert_eq!(replay(&lines).err(), Some(Failure::Entry(repeated + 1, expected)));
    }
}

/// What is said to lines that were renumbered, if whoever did it can sign checkpoints, and by whoever kept the last one.
fn judged(story: &Story, lines: &[String]) -> String {
    let lines = renumbered(lines);
    let kept = verify(&lines, &story.checkpoint()).unwrap_err();
    match verify(&lines, &story.checkpoint_over(&lines)) {
        Ok(_) => match kept {
            Failure::Finish(error) => format!("only whoever kept a checkpoint knows: {error}"),
            Failure::Entry(..) => panic!("the same lines were right and wrong"),
        },
        Err(Failure::Entry(index, error)) => format!("entry {index}: {error}"),
        Err(Failure::Finish(error)) => panic!("a checkpoint over other lines: {error}"),
    }
}

#[test]
fn renumbering_hides_little() {
    let story = story();
    let size = story.lines.len();
    let mut table = Vec::new();
    for missing in 0..size {
        table.push(format!("without {missing:2}: {}", judged(&story, &without(&story.lines, missing))));
    }
    for first in 0..size - 1 {
        let mut lines = story.lines.clone();
        lines.swap(first, first + 1);
        table.push(format!("{first:2} and {:2} swapped: {}", first + 1, judged(&story, &lines)));
    }
    for repeated in 0..size {
        let mut lines = story.lines.clone();
        lines.push(lines[repeated].clone());
        table.push(format!("{repeated:2} once more: {}", judged(&story, &lines)));
    }
    insta::assert_snapshot!(table.join("\n"), @"
    without  0: entry 0: a history has one genesis, at its beginning
    without  1: entry 1: us-1vhg0-kec0g-4jv4zf4jda8wafy9 signed up, but wasn't invited at this point
    without  2: entry 3: this wasn't allowed at this point: bob@example.org is invited now, so this can't be done.
    without  3: entry 3: this wasn't allowed at this point: There is no such permission in this organization.
    without  4: entry 4: this wasn't allowed at this point: You need the operation Auth:Users:Create for this, and none of your permissions has it.
    without  5: entry 5: us-60jr3-shq4x-6ah16wf912q2r9vc signed up, but wasn't invited at this point
    without  6: entry 6: this wasn't allowed at this point: cleo@example.org is invited now, so this can't be done.
    without  7: entry 7: this wasn't allowed at this point: You need the operation Auth:Users:Deactivate for this, and none of your permissions has it.
    without  8: entry 8: this wasn't allowed at this point: bob@example.org is active now, so this can't be done.
    without  9: only whoever kept a checkpoint knows: the checkpoint counts 12 entries, and here are 11
    without 10: entry 10: this wasn't allowed at this point: 1 holder still has “Inviting”. Take it away from them first.
    without 11: only whoever kept a checkpoint knows: the checkpoint counts 12 entries, and here are 11
     0 and  1 swapped: entry 0: a history has one genesis, at its beginning
     1 and  2 swapped: entry 1: us-1vhg0-kec0g-4jv4zf4jda8wafy9 signed up, but wasn't invited at this point
     2 and  3 swapped: only whoever kept a checkpoint knows: the entries aren't the ones that the checkpoint was signed over: the roots differ
     3 and  4 swapped: entry 3: this wasn't allowed at this point: There is no such permission in this organization.
     4 and  5 swapped: entry 4: this wasn't allowed at this point: You need the operation Auth:Users:Create for this, and none of your permissions has it.
     5 and  6 swapped: entry 5: us-60jr3-shq4x-6ah16wf912q2r9vc signed up, but wasn't invited at this point
     6 and  7 swapped: entry 6: this wasn't allowed at this point: cleo@example.org is invited now, so this can't be done.
     7 and  8 swapped: entry 7: this wasn't allowed at this point: You need the operation Auth:Users:Deactivate for this, and none of your permissions has it.
     8 and  9 swapped: entry 8: this wasn't allowed at this point: bob@example.org is active now, so this can't be done.
     9 and 10 swapped: only whoever kept a checkpoint knows: the entries aren't the ones that the checkpoint was signed over: the roots differ
    10 and 11 swapped: entry 10: this wasn't allowed at this point: 1 holder still has “Inviting”. Take it away from them first.
     0 once more: entry 12: a history has one genesis, at its beginning
     1 once more: entry 12: the action ac-6jfa6-sn39r-ryhqs4h4a2kt35gz was executed before
     2 once more: entry 12: us-1vhg0-kec0g-4jv4zf4jda8wafy9 signed up, but wasn't invited at this point
     3 once more: entry 12: the action ac-0vhm0-g7rx8-v778qphvzxrj4pz4 was executed before
     4 once more: entry 12: the action ac-78bx2-0q1jx-e1f31h750rtzze48 was executed before
     5 once more: entry 12: the action ac-5etaw-28qyw-hb64bvd53ay7t1z6 was executed before
     6 once more: entry 12: us-60jr3-shq4x-6ah16wf912q2r9vc signed up, but wasn't invited at this point
     7 once more: entry 12: the action ac-28n5z-445a6-z3acnrefh32hmhct was executed before
     8 once more: entry 12: the action ac-3gfnb-f3wm2-nvh38nvycm5ymbkv was executed before
     9 once more: entry 12: the action ac-2deqv-1gt8g-9en4skznqssk26z9 was executed before
    10 once more: entry 12: the action ac-5a5je-9tyzb-rjrpcnj7naqpp0m7 was executed before
    11 once more: entry 12: the action ac-79mqt-j07nk-rf45dr524h97nxdc was executed before
    ");
}

#[test]
fn a_cut_end_shows_only_to_whoever_kept_a_checkpoint() {
    let mut story = story();
    let kept = story.checkpoint();
    for size in 1..12 {
        let cut = &story.lines[..size];
        assert!(verify(cut, &story.checkpoint_over(cut)).is_ok());
        let expected = FinishError::Size { checkpoint: 12, found: u64::try_from(size).unwrap() };
        assert_eq!(verify(cut, &kept), Err(Failure::Finish(expected)));
    }
    assert_eq!(verify(&[], &kept), Err(Failure::Finish(FinishError::Empty)));

    // Even if something else is executed in place of what was cut off.
    let (mut other, mut ada) = Story::begin();
    other.join(&mut ada, "bob@example.org");
    for guest in 0..9 {
        other.act(&mut ada, create_user(&format!("guest{guest}@example.org")));
    }
    assert_eq!(other.lines[..3], story.lines[..3]);
    assert!(verify(&other.lines, &other.checkpoint()).is_ok());
    assert_eq!(verify(&other.lines, &kept), Err(Failure::Finish(FinishError::Root)));

    // And a checkpoint that is older than the lines is asked about as many as it counts.
    let another = other.lines[11].replace("\"index\":11", "\"index\":12");
    story.lines.push(another);
    assert!(verify(&story.lines[..12], &kept).is_ok());
    assert_eq!(verify(&story.lines, &kept), Err(Failure::Finish(FinishError::Size { checkpoint: 12, found: 13 })));
}

#[test]
fn a_checkpoint_counts_as_it_was_signed() {
    let story = story();
    let checkpoint = story.checkpoint();
    assert!(verify(&story.lines, &checkpoint).is_ok());
    let replay = replay(&story.lines).unwrap();
    for place in 0..checkpoint.len() {
        for bit in 0..8 {
            let mut bytes = checkpoint.clone().into_bytes();
            bytes[place] ^= 1 << bit;
            if let Ok(changed) = String::from_utf8(bytes) {
                assert!(replay.finish(&changed).is_err(), "byte {place}, bit {bit}: {changed}");
            }
        }
        assert!(replay.finish(&checkpoint[..checkpoint.floor_char_boundary(place)]).is_err(), "cut at {place}");
    }
    assert!(replay.finish(&format!("{checkpoint}\n")).is_err());
    assert!(replay.finish(&checkpoint.replace('\n', "\r\n")).is_err());
}

#[test]
fn a_checkpoint_is_of_this_history_by_the_key_that_its_genesis_names() {
    let (story, (other, _)) = (story(), Story::begin_from(1000));
    let checkpoint = Checkpoint::verify(&story.checkpoint(), &genesis_key(&story)).unwrap();
    let by_another = other.sign_checkpoint(&checkpoint);
    assert!(matches!(verify(&story.lines, &by_another), Err(Failure::Finish(FinishError::Checkpoint(CheckpointError::Signature(_))))));
    let organization = OrganizationId::from_bytes([7; 16]);
    let of_another = story.sign_checkpoint(&Checkpoint { organization, ..checkpoint.clone() });
    assert_eq!(verify(&story.lines, &of_another), Err(Failure::Finish(FinishError::Organization(organization))));
    let of_other_entries = story.sign_checkpoint(&Checkpoint { root: [7; 32], ..checkpoint });
    assert_eq!(verify(&story.lines, &of_other_entries), Err(Failure::Finish(FinishError::Root)));
}

fn genesis_key(story: &Story) -> String {
    match Entry::parse(&story.lines[0]).unwrap().what {
        What::Genesis(genesis) => genesis.checkpoint_key,
        What::Registration(_) | What::Action(_) | What::Recovery(_) | What::BreakGlass(_) | What::Enrolment(_) | What::KeyChange(_) => {
            panic!("a story begins with its genesis")
        }
    }
}

#[test]
fn a_line_has_one_spelling() {
    let (story, _) = Story::begin();
    let line = story.lines[0].as_str();
    let spellings = [
        format!(" {line}"),
        format!("{line}\n"),
        format!("{line}\r"),
        line.replace(':', ": "),
        line.replacen('A', "\\u0041", 1),
        line.replacen("\"index\":0", "\"index\":-0", 1),
        line.replacen("\"index\":0", "\"index\":0.0", 1),
        line.replacen("\"v\":1", "\"v\":1e0", 1),
        line.replacen("{\"executed_at\"", "{\"v\":1,\"executed_at\"", 1).replacen(",\"v\":1}", "}", 1),
        line.replacen("@example.org", "@Example.org", 1),
        line.replacen("{\"executed_at\"", "{\"admin\":true,\"executed_at\"", 1),
        line.replacen("{\"admin\"", "{\"a\":true,\"admin\"", 1),
    ];
    for spelling in spellings {
        assert_ne!(spelling, line);
        let failure = replay(&[spelling]).err();
        assert!(matches!(failure, Some(Failure::Entry(0, ReplayError::Entry(_) | ReplayError::NotCanonical))), "{failure:?}");
    }
}

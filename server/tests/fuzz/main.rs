//! Hostile input, by chance: every committed seed (`server/fuzz/seeds`), the same with bits flipped, pieces cut out, put in and
//! exchanged, members of JSON twice, and input that grows. What must hold of it, whatever it is, stands in `targets`; nothing may panic,
//! and nothing may take long.
//!
//! A run is repeated by its seed, which is printed. `COUNTERSIGN_FUZZ_SECONDS` says how long each format is tried (otherwise a fixed
//! number of rounds, always the same ones), `COUNTERSIGN_FUZZ_SEED` repeats a seed. An input that breaks a rule is printed and kept
//! in a file; put into the seeds, it is tried ever after. `cargo-fuzz` calls the same functions, guided by which code they reach.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that can't go on may panic where it stands, and its name is its documentation"
)]
#![allow(clippy::disallowed_methods, reason = "how long something takes is told by a real clock")]

#[allow(dead_code, reason = "the other tests write texts")]
#[path = "../all/support/blessed.rs"]
mod blessed;
mod mutate;
mod run;
mod seeds;
mod targets;

use run::{Plan, run};
use std::hint::black_box;
use targets::{Growing, Target, named};

macro_rules! hold {
    ($($name:ident)+) => {
        $(
            #[test]
            fn $name() {
                let figures = run(named(stringify!($name)), &Plan::from_environment());
                println!("{figures}");
            }
        )+

        #[test]
        fn every_target_is_run() {
            assert_eq!(targets::ALL.map(|target| target.name), [$(stringify!($name)),+]);
        }
    };
}

hold!(client_data authenticator_data cose_key assertion action_document history_line recovery_code forwarded_for api_body);

/// Every call of the API that has a body is known here, so that a new one can't be left out.
#[test]
fn every_body_that_the_api_describes_can_be_read_here() {
    let mut known = 0;
    for (path, item) in server::api::description().paths.paths {
        for (method, operation) in [("POST", item.post), ("PUT", item.put), ("DELETE", item.delete)] {
            if operation.is_some_and(|operation| operation.request_body.is_some()) {
                let told = server::api::meaning(method, &path, b"?").unwrap_err();
                assert!(!told.starts_with("There is nothing to sign"), "{method} {path} is missing in api/meaning.rs");
                known += 1;
            }
        }
    }
    assert!(known > 25, "{known}");
}

/// A format that accepts what begins with a letter, and breaks when there is a question mark in it.
const FRAGILE: Target = Target {
    name: "fragile",
    check: |bytes| {
        assert!(!bytes.contains(&b'?'), "a question mark");
        bytes.first().is_some_and(u8::is_ascii_alphabetic)
    },
    words: &[b"?"],
    growing: Vec::new,
};

#[test]
fn an_input_that_breaks_a_rule_is_found_and_kept() {
    let seeds = [("accepted-a".to_owned(), b"abc".to_vec()), ("refused-b".to_owned(), b"123".to_vec())];
    let broken = run::try_all(&FRAGILE, &seeds, &Plan { seed: 1, rounds: 1000, seconds: None }).unwrap_err();
    assert!(broken.input.contains(&b'?'), "{broken:?}");
    assert_eq!(std::fs::read(&broken.file).unwrap(), broken.input);
    let again = run::try_all(&FRAGILE, &seeds, &Plan { seed: 1, rounds: 1000, seconds: None }).unwrap_err();
    assert_eq!(again.input, broken.input, "the seed repeats it");
}

#[test]
fn a_seed_that_is_judged_otherwise_than_it_says_is_noticed() {
    let seeds = [("accepted-a".to_owned(), b"123".to_vec())];
    let broken = run::try_all(&FRAGILE, &seeds, &Plan { seed: 1, rounds: 0, seconds: None }).unwrap_err();
    assert_eq!(broken.input, b"123");
}

#[test]
fn work_that_grows_faster_than_its_input_is_noticed() {
    fn work(steps: usize) -> bool {
        (0..steps).fold(0_usize, |sum, step| black_box(sum ^ step)) > 0
    }
    fn slow(bytes: &[u8]) -> bool {
        // Long enough to be told on a fast machine, too.
        work(bytes.len() * bytes.len() / 4)
    }
    fn steady(bytes: &[u8]) -> bool {
        work(bytes.len() * 1000)
    }
    let growing = || vec![Growing::new(b"", b"a", b"")];
    let target = |check: fn(&[u8]) -> bool| Target { name: "slow", check, words: &[], growing };
    assert!(run::grows_too_fast(&target(slow), &growing()[0], 20_000));
    assert!(!run::grows_too_fast(&target(steady), &growing()[0], 20_000));
}

//! The formats of `../tests/fuzz/targets`, for `fuzz_targets`. Those have no lint against `unsafe`: their macro exports the function that
//! libFuzzer calls by its name.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc, reason = "a rule that doesn't hold ends the run")]

#[allow(dead_code, reason = "the tests ask for more")]
#[path = "../../tests/fuzz/targets/mod.rs"]
mod targets;

/// Tries an input in the format of this name; panics when a rule doesn't hold.
pub fn check(target: &str, input: &[u8]) {
    (targets::named(target).check)(input);
}

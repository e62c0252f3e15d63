//! What the bars are measured with: the release build over real HTTP, with real signatures by keys that were made before. `make bench`
//! runs it and prints Markdown tables; `make bench ONLY="changes pages"` runs some of its groups.
//!
//! ```text
//! changes, sign-in    32 people and programs of one organization sign, and sign in          live.rs
//! pages               what a page costs with 100 users, and with 100,000                    pages.rs
//! start, memory       of the server, with databases of these sizes                          start.rs, memory.rs
//! verify              `countersign verify` of an export                                     verify.rs
//! sizes, micro        of the files; the steps of the core, one by one                       sizes.rs, micro.rs
//! ```
//!
//! Organizations are set up in this process, as in the tests, and large ones are filled up in bulk (`fill.rs`); then the server is started
//! on the same database.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a measurement may panic, and prints")]
#![allow(clippy::disallowed_methods, reason = "what is measured is the real time")]
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "figures for people")]

#[allow(dead_code, unused_macros, reason = "the tests use more of it")]
#[macro_use]
#[path = "../../tests/all/support/mod.rs"]
mod support;

#[path = "../../benches/signer/mod.rs"]
mod signer;

mod engine;
mod export;
mod fill;
mod live;
mod load;
mod machine;
mod memory;
mod micro;
mod pages;
mod place;
mod settings;
mod sizes;
mod start;
mod table;
mod verify;

use engine::Engine;
use place::{Place, Size};
use settings::{Group, Settings};
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let settings = match Settings::of_this_process() {
        Ok(settings) => settings,
        Err(sentence) => {
            eprintln!("{sentence}");
            return ExitCode::from(2);
        }
    };
    tokio::select! {
        () = everything(&settings) => ExitCode::SUCCESS,
        // Servers and databases are ended and removed on the way out.
        _ = tokio::signal::ctrl_c() => ExitCode::from(130),
    }
}

async fn everything(settings: &Settings) {
    machine::head(settings);
    if settings.wants(Group::Changes) || settings.wants(Group::SignIn) || settings.needs_places() {
        for engine in Engine::all().await {
            println!("\n## {}", engine.described().await);
            if settings.wants(Group::Changes) || settings.wants(Group::SignIn) {
                live::measure(settings, &engine).await;
            }
            if settings.needs_places() {
                with_places(settings, &engine).await;
            }
        }
    }
    for (group, measure) in
        [(Group::Verify, verify::measure as fn(&Settings)), (Group::Sizes, sizes::measure), (Group::Micro, micro::measure)]
    {
        if settings.wants(group) {
            // They wait for other programs.
            tokio::task::block_in_place(|| measure(settings));
        }
    }
}

/// What is measured with a small organization, one of 10,000 and a large one.
async fn with_places(settings: &Settings, engine: &Engine) {
    let small = Place::make(settings, engine, Size::SMALL).await;
    if settings.wants(Group::Memory) {
        let middle = Place::make(settings, engine, settings.middle()).await;
        memory::measure(settings, &small, middle).await;
    }
    if settings.wants(Group::Pages) || settings.wants(Group::Start) {
        let large = Place::make(settings, engine, settings.large()).await;
        if settings.wants(Group::Start) {
            start::measure(settings, engine, &small, &large).await;
        }
        if settings.wants(Group::Pages) {
            pages::measure(settings, &small, &large).await;
        }
    }
}

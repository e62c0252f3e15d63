//! Who may call what: every server function, for every kind of browser, as a table that reviewers read.

use crate::support::{answer::Answer, app::TestApp, browser::Browser, database::TestDatabase};
use app::domain::id::ChallengeId;
use serde_json::{Value, json};
use std::{fmt::Write, fs, path::Path};

/// Who a browser must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Anyone.
    Stranger,
    /// Someone who typed a code and isn't finished.
    Registering,
    /// Someone with a session.
    SignedIn,
}

/// Every endpoint below `/rpc`. A new one doesn't pass before it is in here.
pub const FUNCTIONS: [(&str, Who); 15] = [
    ("about", Who::Stranger),
    ("local_mails", Who::Stranger),
    ("create_organization", Who::Stranger),
    ("send_new_code", Who::Stranger),
    ("code_state", Who::Stranger),
    ("activate", Who::Stranger),
    ("registration", Who::Registering),
    ("start_passkey", Who::Registering),
    ("keep_passkey", Who::Registering),
    ("finish_registration", Who::Registering),
    ("start_sign_in", Who::Stranger),
    ("finish_sign_in", Who::Stranger),
    ("sign_out", Who::Stranger),
    ("sign_out_everywhere", Who::SignedIn),
    ("viewer", Who::SignedIn),
];

on_both_databases!(only_those_who_may_are_let_in);

/// What stands in `#[server(…)]` of `app/src/rpc`.
fn declared() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../app/src/rpc");
    let sources = fs::read_dir(folder).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let mut endpoints = Vec::new();
    for source in sources {
        for attribute in source.lines().filter(|line| line.trim_start().starts_with("#[server")) {
            assert!(attribute.contains("prefix = \"/rpc\""), "{attribute}: every server function is below /rpc");
            let endpoint =
                attribute.split("endpoint = \"").nth(1).unwrap_or_else(|| panic!("{attribute}: an endpoint has a name of its own"));
            endpoints.push(endpoint.split('"').next().unwrap().to_owned());
        }
    }
    endpoints.sort();
    endpoints
}

#[test]
fn every_server_function_is_in_the_table() {
    let mut listed: Vec<&str> = FUNCTIONS.iter().map(|(name, _)| *name).collect();
    listed.sort_unstable();
    assert_eq!(declared(), listed);
}

/// Something that the function can read, but that is wrong in itself.
async fn ask(browser: &Browser, function: &str) -> Answer {
    let nobody = json!({ "public_key": "", "salt": "", "signature": "" });
    let arguments: Option<Value> = match function {
        "start_passkey" | "start_sign_in" => Some(json!({})),
        "keep_passkey" => Some(json!({ "response": {} })),
        "finish_registration" => Some(json!({ "recovery_key": nobody })),
        "finish_sign_in" => Some(json!({ "challenge": ChallengeId::from_bytes([7; 16]), "response": {} })),
        _ => None,
    };
    match arguments {
        Some(arguments) => browser.call_json(function, &arguments).await,
        None => browser.call(function, &[("email", ""), ("name", ""), ("organization", ""), ("code", "")]).await,
    }
}

async fn only_those_who_may_are_let_in(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut table = format!("{:<18}stranger  registering  signed in\n", "");
    for (function, who) in FUNCTIONS {
        let stranger = app.browser();
        let registering = app.registering("bob@example.org").await.browser;
        let signed_in = app.admin("ada@example.org").await.browser;
        let mut row = String::new();
        for (browser, is, width) in [(&stranger, Who::Stranger, 6), (&registering, Who::Registering, 13), (&signed_in, Who::SignedIn, 11)] {
            let answer = ask(browser, function).await;
            let is_let_in = answer.status != 401 || answer.refusal().code == app::refusal::Code::UnknownPasskey;
            assert_eq!(is_let_in, who == Who::Stranger || who == is, "{function} for {is:?}: {} {}", answer.status, answer.text());
            write!(row, "{:>width$}", if is_let_in { '✔' } else { '✘' }).unwrap();
        }
        writeln!(table, "{function:<20}{row}").unwrap();
    }
    insta::allow_duplicates! {
        insta::assert_snapshot!(table, @"
                          stranger  registering  signed in
        about                    ✔            ✔          ✔
        local_mails              ✔            ✔          ✔
        create_organization      ✔            ✔          ✔
        send_new_code            ✔            ✔          ✔
        code_state               ✔            ✔          ✔
        activate                 ✔            ✔          ✔
        registration             ✘            ✔          ✘
        start_passkey            ✘            ✔          ✘
        keep_passkey             ✘            ✔          ✘
        finish_registration      ✘            ✔          ✘
        start_sign_in            ✔            ✔          ✔
        finish_sign_in           ✔            ✔          ✔
        sign_out                 ✔            ✔          ✔
        sign_out_everywhere      ✘            ✘          ✔
        viewer                   ✘            ✘          ✔
        ");
    }
}

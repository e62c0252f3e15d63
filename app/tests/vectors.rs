//! Runs assertions and registrations that others made, and our own, through the strict verifier.
//!
//! Others' cases are in the folder that `COUNTERSIGN_VECTORS` names, or `shared/vectors` beside the checkout; its README
//! describes their form. Our own are in `vectors/`, written by `vectors/own.rs`, and run always. Every case, authentication or
//! registration, must end as it says; none is skipped.
#![cfg(feature = "ssr")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on may panic where it stands")]

#[path = "vectors/own.rs"]
mod own;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use app::action::cose::{PASSKEY_ALGORITHMS, PublicKey};
use app::action::verify::{
    Assertion, Expected, Registration, RelyingParty, StoredCredential, UserVerification, check_registration, verify_assertion,
};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

/// A file of cases.
#[derive(Debug, Deserialize, Serialize, PartialEq)]
struct Vectors {
    source: String,
    licence: String,
    cases: Vec<Case>,
}

/// One case; byte strings are unpadded base64url.
#[derive(Debug, Deserialize, Serialize, PartialEq)]
struct Case {
    name: String,
    ceremony: Ceremony,
    rp_id: String,
    origin: String,
    challenge: String,
    user_verification: Verification,
    credential_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public_key_cose: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stored: Option<Stored>,
    response: Response,
    expect: Answer,
    why: String,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Ceremony {
    Authentication,
    Registration,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Verification {
    Required,
    Preferred,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Accept,
    Reject,
}

#[derive(Debug, Deserialize, Serialize, PartialEq)]
struct Stored {
    sign_count: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    backup_eligible: Option<bool>,
}

#[derive(Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
struct Response {
    #[serde(rename = "clientDataJSON")]
    client_data_json: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authenticator_data: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attestation_object: Option<String>,
}

/// The bytes of a case. What can't be decoded is a mistake in the file, not a refusal.
fn bytes(case: &Case, member: &str, text: Option<&String>) -> Vec<u8> {
    let text = text.unwrap_or_else(|| panic!("{}: {member} is missing", case.name));
    BASE64URL_NOPAD.decode(text.as_bytes()).unwrap_or_else(|error| panic!("{}: {member} is not base64url: {error}", case.name))
}

/// What the verifier says about a case: nothing, or why not.
fn judge(case: &Case) -> Result<(), String> {
    let challenge = bytes(case, "challenge", Some(&case.challenge));
    let relying_party = RelyingParty::new(&case.rp_id, case.origin.as_str());
    let expected = Expected {
        relying_party: &relying_party,
        challenge: &challenge,
        user_verification: match case.user_verification {
            Verification::Required => UserVerification::Required,
            Verification::Preferred => UserVerification::Preferred,
        },
    };
    match case.ceremony {
        Ceremony::Authentication => judge_authentication(case, &expected),
        Ceremony::Registration => judge_registration(case, &expected),
    }
}

fn judge_authentication(case: &Case, expected: &Expected) -> Result<(), String> {
    let public_key_cose = bytes(case, "public_key_cose", case.public_key_cose.as_ref());
    let client_data_json = bytes(case, "clientDataJSON", Some(&case.response.client_data_json));
    let authenticator_data = bytes(case, "authenticatorData", case.response.authenticator_data.as_ref());
    let signature = bytes(case, "signature", case.response.signature.as_ref());
    let stored = case.stored.as_ref().unwrap_or_else(|| panic!("{}: stored is missing", case.name));
    // The files don't name the algorithm that was stored; a key that registration refuses was never stored.
    let key = PublicKey::from_cose(&public_key_cose, PASSKEY_ALGORITHMS).map_err(|error| error.to_string())?;
    let stored = StoredCredential {
        public_key_cose: &public_key_cose,
        algorithm: key.algorithm(),
        sign_count: stored.sign_count,
        backup_eligible: stored.backup_eligible,
    };
    let assertion = Assertion { client_data_json: &client_data_json, authenticator_data: &authenticator_data, signature: &signature };
    verify_assertion(expected, &stored, &assertion).map_err(|error| error.to_string())?;
    Ok(())
}

fn judge_registration(case: &Case, expected: &Expected) -> Result<(), String> {
    let credential_id = bytes(case, "credential_id", Some(&case.credential_id));
    let client_data_json = bytes(case, "clientDataJSON", Some(&case.response.client_data_json));
    let attestation_object = bytes(case, "attestationObject", case.response.attestation_object.as_ref());
    let registration =
        Registration { credential_id: &credential_id, client_data_json: &client_data_json, attestation_object: &attestation_object };
    check_registration(expected, &registration, PASSKEY_ALGORITHMS).map_err(|error| error.to_string())?;
    Ok(())
}

/// Writes past the test harness, which would keep the lines of a test that passes to itself.
fn say(line: &str) {
    io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// What is wrong with how a case ends, if it doesn't end as it says.
fn complaint(case: &Case) -> Option<String> {
    let name = &case.name;
    match (case.expect, judge(case)) {
        (Answer::Accept, Ok(())) | (Answer::Reject, Err(_)) => None,
        (Answer::Accept, Err(why)) => Some(format!("{name} should be accepted, but: {why}")),
        (Answer::Reject, Ok(())) => Some(format!("{name} should be rejected ({}), but is accepted", case.why)),
    }
}

fn read(path: &Path) -> Vectors {
    let file = path.display();
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{file}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn run(path: &Path) -> usize {
    let (file, cases) = (path.display(), read(path).cases);
    assert!(!cases.is_empty(), "{file} has no case");
    for case in &cases {
        if let Some(complaint) = complaint(case) {
            panic!("{file}: {complaint}");
        }
    }
    let accepted = cases.iter().filter(|case| case.expect == Answer::Accept).count();
    let registrations = cases.iter().filter(|case| case.ceremony == Ceremony::Registration).count();
    let (all, rejected, others) = (cases.len(), cases.len() - accepted, cases.len() - registrations);
    let kinds = format!("{others} authentications and {registrations} registrations");
    say(&format!("{file}: {all} cases as expected: {accepted} accepted, {rejected} rejected; {kinds}"));
    all
}

/// The `*.json` files of a folder in the order of their names; there is one at least.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    assert!(!files.is_empty(), "{} has no *.json", folder.display());
    files.sort();
    files
}

/// The folder of others' cases. One that is named must be there; the one beside the checkout needn't.
fn others_folder() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors");
    let named = env::var_os("COUNTERSIGN_VECTORS").map(PathBuf::from);
    if named.is_none() && !beside.is_dir() {
        say(&format!("{}: no such folder, so only the project's own vectors run", beside.display()));
        return None;
    }
    Some(named.unwrap_or(beside))
}

fn own_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

#[test]
fn every_vector_ends_as_it_says() {
    let theirs: usize = others_folder().iter().flat_map(|folder| files(folder)).map(|path| run(&path)).sum();
    let ours: usize = files(&own_folder()).iter().map(|path| run(path)).sum();
    say(&format!("vectors: {} cases ran, {theirs} of others and {ours} of our own", theirs + ours));
}

/// Of either ceremony, whether it is accepted or not.
#[test]
fn a_case_that_ends_otherwise_than_it_says_is_found() {
    let mut kinds = BTreeSet::new();
    for mut case in files(&own_folder()).iter().flat_map(|path| read(path).cases) {
        kinds.insert(format!("{:?} {:?}", case.ceremony, case.expect));
        case.expect = match case.expect {
            Answer::Accept => Answer::Reject,
            Answer::Reject => Answer::Accept,
        };
        assert!(complaint(&case).is_some_and(|complaint| complaint.starts_with(&case.name)), "{}", case.name);
    }
    assert_eq!(kinds.len(), 4, "{kinds:?}");
}

//! What programs and pages send: a line with method and path, then the body.

use super::{Growing, Target, json};
use app::{
    action::client_data::has_unique_members,
    rpc::{
        account::FinishKitTest,
        change::{CommitChange, PrepareChange},
        get_started::{FinishRegistration, KeepPasskey},
        other_device::PresentPasskey,
        recovery::{CommitRecovery, PrepareRecovery, ProveRecoveryKit},
        sign_in::FinishSignIn,
        strict_json::StrictEncoding,
        webauthn_json::WebAuthnJson,
    },
};
use leptos::server_fn::{Decodes, bytes_export::Bytes};
use serde::Serialize;
use serde_json::Value;
use server::{api::meaning, passkey::Signature};

pub const TARGET: Target = Target { name: "api_body", check, words: WORDS, growing };

const WORDS: &[&[u8]] = &[
    b"?force=true",
    b"&force=false",
    b"?",
    b"/",
    b"%2f",
    b"\"externalId\":\"4711\",",
    b"\"isSSORequired\":false,",
    b"\"credentialKind\":\"Fido2\",",
    b"\"credentialKind\":\"Key\",",
    b"\"kind\":\"RecoveryKey\",",
    b"\"wallets\":[{}]",
    b"\"expiration\":-9223372036854775808",
    b"\"operations\":[\"Auth:Apps:Read\",\"Auth:ServiceAccounts:Read\"]",
    b"\"algorithm\":\"sha256\",",
    b"\"userHandle\":\"\",",
    b"us-00000-00000-0000000000000000",
];

fn growing() -> Vec<Growing> {
    let calls = ["POST /auth/users", "PUT /auth/pats/x/activate", "POST /auth/recover/user", "POST /rpc/finish_sign_in"];
    calls.into_iter().flat_map(|call| json::growing_behind(format!("{call}\n").as_bytes())).chain(more()).collect()
}

fn more() -> [Growing; 4] {
    [
        Growing::new(b"POST /permissions\n{\"name\":\"x\",\"operations\":[", b"\"Analytics:Read\",", b"\"Analytics:Read\"]}"),
        Growing::new(b"POST /permissions\n{\"name\":\"", b"x", b"\",\"operations\":[]}"),
        Growing::new(b"DELETE /auth/service-accounts/us-00000-00000-0000000000000000?", b"force=true&", b"\n"),
        Growing::new(b"DELETE ", b"/", b"\n"),
    ]
}

fn check(bytes: &[u8]) -> bool {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return false };
    let (line, body) = (&bytes[..end], &bytes[end + 1..]);
    let Some((method, target)) = std::str::from_utf8(line).ok().and_then(|line| line.split_once(' ')) else { return false };
    let read = |body: &[u8]| match target.strip_prefix("/rpc/") {
        Some(function) => argument(function, body),
        None => meaning(method, target, body),
    };
    let Ok(says) = read(body) else { return false };
    // A call may do without a body.
    if body.is_empty() {
        return true;
    }
    let text = std::str::from_utf8(body).expect("JSON is text");
    assert!(text.trim_ascii_start().starts_with('{'), "no object: {text}");
    assert!(has_unique_members(text), "something is there twice: {text}");
    for spoiled in json::with_a_member_twice(text) {
        assert!(read(spoiled.as_bytes()).is_err(), "it was accepted: {spoiled}");
    }
    // What the browser's own interfaces give may have more members.
    if !text.contains("\"response\"") {
        for spoiled in json::with_an_unknown_member(text) {
            assert!(read(spoiled.as_bytes()).is_err(), "it was accepted: {spoiled}");
        }
    }
    // What it means doesn't depend on how it is written.
    assert_eq!(read(format!("\n {text}\t").as_bytes()).as_ref(), Ok(&says));
    true
}

/// What a page's call means, read as the library does.
fn argument(function: &str, body: &[u8]) -> Result<String, String> {
    match function {
        "prepare_change" => read(body, |argument: &PrepareChange| written(&argument.change)),
        "commit_change" => read(body, |argument: &CommitChange| signature(&argument.response)),
        "finish_sign_in" => read(body, |argument: &FinishSignIn| signature(&argument.response)),
        "keep_passkey" => read(body, |argument: &KeepPasskey| tree(&argument.response)),
        "finish_registration" => read(body, |argument: &FinishRegistration| written(&argument.recovery_key)),
        "finish_kit_test" => read(body, |argument: &FinishKitTest| written(&(argument.id, &argument.signature))),
        "present_passkey" => read(body, |argument: &PresentPasskey| written(&argument.passkey)),
        "prove_recovery_kit" => read(body, |argument: &ProveRecoveryKit| written(&argument.signature)),
        "prepare_recovery" => read(body, |argument: &PrepareRecovery| written(&argument.change)),
        "commit_recovery" => read(body, |argument: &CommitRecovery| written(&(argument.action, &argument.signature))),
        _ => Err("there is no such function".to_owned()),
    }
}

fn read<T>(body: &[u8], says: impl Fn(&T) -> Result<String, String>) -> Result<String, String>
where
    StrictEncoding: Decodes<T, Error = serde_json::Error>,
{
    let argument = StrictEncoding::decode(Bytes::copy_from_slice(body)).map_err(|error| error.to_string())?;
    says(&argument)
}

fn written(value: &impl Serialize) -> Result<String, String> {
    serde_json::to_string(value).map_err(|error| error.to_string())
}

/// What the browser gave, as a tree: nothing, when two readers could understand it differently.
fn tree(given: &WebAuthnJson) -> Result<String, String> {
    match Value::from(given.clone()) {
        Value::Null => Err("it says nothing".to_owned()),
        tree => Ok(tree.to_string()),
    }
}

fn signature(given: &WebAuthnJson) -> Result<String, String> {
    let signature = Signature::read(given.clone().into()).map_err(|error| error.to_string())?;
    Ok(format!("{signature:?}"))
}

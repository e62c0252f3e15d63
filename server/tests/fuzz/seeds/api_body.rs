//! A call of each kind, most of them such that they could be made.

use super::{Seeds, golden};
use crate::targets::cases;
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

const ORGANIZATION: &str = "or-02081-040g2-081040g2081040g2";
const USER: &str = "us-030c1-g60r3-0c1g60r30c1g60r3";
const PERMISSION: &str = "pm-040g2-08104-0g2081040g208104";
const CHALLENGE: &str = "ch-01234-56789-abcdefghjkmnpqrs";
const ACTION: &str = "ac-01040-g2081-040g2081040g2081";
const BOB: &str = "bob@example.org";

/// What a seed is called, method and path, and the body.
type Calls = Vec<(&'static str, String, Value)>;

pub fn seeds() -> Seeds {
    let all = [entering(), signing(), users(), programs(), permissions(), pages()].concat();
    all.into_iter().map(|(name, call, body)| (name.to_owned(), format!("{call}\n{body}").into_bytes())).collect()
}

fn call(name: &'static str, call: impl Into<String>, body: Value) -> (&'static str, String, Value) {
    (name, call.into(), body)
}

fn case(name: &str) -> &'static cases::Case {
    cases::ALL.iter().find(|case| case.name == name).unwrap()
}

fn base64url(json: &Value) -> String {
    BASE64URL_NOPAD.encode(json.to_string().as_bytes())
}

fn bytes(length: u8) -> String {
    BASE64URL_NOPAD.encode(&(0..length).collect::<Vec<_>>())
}

fn pem() -> String {
    cases::SIGNED[0].key.to_pem()
}

/// What a new passkey gives.
fn passkey() -> Value {
    let create = case("own/registration/es256");
    json!({
        "credId": create.credential_id,
        "clientData": create.response.client_data_json,
        "attestationData": create.response.attestation_object,
    })
}

/// What a new key gives.
fn key() -> Value {
    let client_data = json!({ "type": "key.create", "challenge": BASE64URL_NOPAD.encode(cases::CHALLENGE) });
    let attestation = json!({ "publicKey": pem(), "signature": "00" });
    json!({ "credId": "robot-1", "clientData": base64url(&client_data), "attestationData": base64url(&attestation) })
}

fn first_factor() -> Value {
    json!({ "credentialKind": "Fido2", "credentialInfo": passkey(), "credentialName": "YubiKey" })
}

/// What somebody registers.
fn new_credentials() -> Value {
    let recovery = json!({ "credentialKind": "RecoveryKey", "credentialInfo": key(), "encryptedPrivateKey": "c2VhbGVk" });
    json!({ "firstFactorCredential": first_factor(), "recoveryCredential": recovery })
}

/// What a key signs.
fn proof(challenge: &Value) -> Value {
    let says = json!({ "type": "key.get", "challenge": base64url(challenge) });
    json!({ "credId": "robot-1", "clientData": base64url(&says), "signature": "AAAA", "algorithm": "sha256" })
}

/// Registering, signing in, recovering.
fn entering() -> Calls {
    let whom = json!({ "username": BOB, "orgId": ORGANIZATION });
    let invited = json!({ "username": BOB, "orgId": ORGANIZATION, "registrationCode": "1234 5678 9012 3456" });
    let back = json!({ "username": BOB, "orgId": ORGANIZATION, "verificationCode": "1234567890123456", "credentialId": "robot-1" });
    let get = case("own/authentication/es256");
    let assertion = json!({
        "credId": get.credential_id,
        "clientData": get.response.client_data_json,
        "authenticatorData": get.response.authenticator_data,
        "signature": get.response.signature,
        "userHandle": "",
    });
    let by_passkey = json!({ "kind": "Fido2", "credentialAssertion": assertion });
    let by_recovery_key = json!({ "kind": "RecoveryKey", "credentialAssertion": proof(&new_credentials()) });
    let wallets = json!([{ "network": "Ethereum" }]);
    vec![
        call("registration-init", "POST /auth/registration/init", invited),
        call("registration", "POST /auth/registration", new_credentials()),
        call("registration-code", "PUT /auth/registration/code", whom.clone()),
        call("registration-delegated", "POST /auth/registration/delegated", json!({ "email": BOB, "kind": "EndUser" })),
        call("end-user", "POST /auth/registration/enduser", json!({ "firstFactorCredential": first_factor(), "wallets": [] })),
        call("end-user-wallets", "POST /auth/registration/enduser", json!({ "firstFactorCredential": first_factor(), "wallets": wallets })),
        call("log-in-init", "POST /auth/login/init", whom.clone()),
        call("log-in", "POST /auth/login", json!({ "challengeIdentifier": CHALLENGE, "firstFactor": by_passkey })),
        call("log-in-delegated", "POST /auth/login/delegated", json!({ "username": BOB })),
        call("log-out", "PUT /auth/logout", json!({ "allSessions": true })),
        call("recover-code", "POST /auth/recover/user/code", whom),
        call("recover-init", "POST /auth/recover/user/init", back),
        call("recover", "POST /auth/recover/user", json!({ "recovery": by_recovery_key, "newCredentials": new_credentials() })),
        call("recover-delegated", "POST /auth/recover/user/delegated", json!({ "username": BOB, "credentialId": "robot-1" })),
    ]
}

/// Announcing and signing a call, and what one signs with.
fn signing() -> Calls {
    let announced = json!({
        "userActionPayload": new_user().to_string(),
        "userActionHttpMethod": "POST",
        "userActionHttpPath": "/auth/users",
        "userActionServerKind": "Api",
    });
    let by_key = json!({ "kind": "Key", "credentialAssertion": proof(&json!({})) });
    let created = |kind: &str, info: Value| {
        let mut new = json!({ "credentialKind": kind, "credentialName": "New", "challengeIdentifier": CHALLENGE });
        new["credentialInfo"] = info;
        new
    };
    let until = |time: Value| json!({ "expiration": time });
    let by_code = json!({ "credentialKind": "RecoveryKey", "code": bytes(20) });
    vec![
        call("action-init", "POST /auth/action/init", announced),
        call("action", "POST /auth/action", json!({ "challengeIdentifier": CHALLENGE, "firstFactor": by_key })),
        call("credentials-init", "POST /auth/credentials/init", json!({ "kind": "Key" })),
        call("credentials", "POST /auth/credentials", created("Fido2", passkey())),
        call("credentials-key", "POST /auth/credentials", created("Key", key())),
        call("activate", "PUT /auth/credentials/activate", json!({ "credentialUuid": "cr-070w3-ge1r7-0w3ge1r70w3ge1r7" })),
        call("code", "POST /auth/credentials/code", until(json!("2026-11-22T10:30:00Z"))),
        call("code-seconds", "POST /auth/credentials/code", until(json!(1_795_343_400))),
        call("code-least-number", "POST /auth/credentials/code", until(json!(i64::MIN))),
        call("code-nonsense", "POST /auth/credentials/code", until(json!("tomorrow"))),
        call("code-init", "POST /auth/credentials/code/init", by_code),
        call("code-verify", "POST /auth/credentials/code/verify", created("RecoveryKey", key())),
    ]
}

fn new_user() -> Value {
    json!({ "email": BOB, "kind": "CustomerEmployee", "externalId": "4711" })
}

fn users() -> Calls {
    vec![
        call("users", "POST /auth/users", new_user()),
        call("users-update", format!("PUT /auth/users/{USER}"), json!({ "isSSORequired": false })),
        call("users-activate", format!("PUT /auth/users/{USER}/activate"), json!({})),
        call("users-delete", format!("DELETE /auth/users/{USER}"), json!({})),
        call("users-delete-somebody", format!("DELETE /auth/users/{USER}"), json!({ "user": USER })),
    ]
}

fn programs() -> Calls {
    let new = json!({ "name": "Robot", "publicKey": pem(), "daysValid": 30, "externalId": "4711", "permissionId": PERMISSION });
    let account = format!("/auth/service-accounts/{USER}");
    vec![
        call("accounts", "POST /auth/service-accounts", new.clone()),
        call("accounts-update", format!("PUT {account}"), json!({ "name": "Robot", "externalId": "4711" })),
        call("accounts-deactivate", format!("PUT {account}/deactivate"), json!({ "force": true })),
        call("accounts-delete", format!("DELETE {account}?force=true"), json!({})),
        call("accounts-delete-twice", format!("DELETE {account}?force=true&force=true"), json!({})),
        call("access-tokens", "POST /auth/pats", new),
    ]
}

fn permissions() -> Calls {
    let terms = json!({ "name": "Reading", "operations": ["Auth:Users:Read", "Auth:Apps:Read"] });
    let one = format!("/permissions/{PERMISSION}");
    vec![
        call("permissions", "POST /permissions", terms.clone()),
        call("permissions-update", format!("PUT {one}"), terms),
        call("permissions-archive", format!("PUT {one}/archive"), json!({ "isArchived": true })),
        call("permissions-assign", format!("POST {one}/assignments"), json!({ "identityId": USER })),
        call("permissions-revoke", format!("DELETE {one}/assignments/as-050m2-ga185-0m2ga1850m2ga185?force=false"), json!({})),
    ]
}

/// What pages send.
fn pages() -> Calls {
    let get = case("own/authentication/es256");
    let response = json!({
        "id": get.credential_id,
        "rawId": get.credential_id,
        "type": "public-key",
        "clientExtensionResults": {},
        "response": {
            "clientDataJSON": get.response.client_data_json,
            "authenticatorData": get.response.authenticator_data,
            "signature": get.response.signature,
        },
    });
    let documents = golden(false);
    let change = |name: &str| serde_json::from_slice::<Value>(&documents[name]).unwrap()["change"].clone();
    let recovery = change("recover")["own_account"].clone();
    let (passkey, kit) = (recovery["recover"]["passkey"].clone(), recovery["recover"]["recovery_key"].clone());
    vec![
        call("page-prepare-change", "POST /rpc/prepare_change", json!({ "change": change("update_permission") })),
        call("page-commit-change", "POST /rpc/commit_change", json!({ "action": ACTION, "response": response })),
        call("page-finish-sign-in", "POST /rpc/finish_sign_in", json!({ "challenge": CHALLENGE, "response": response })),
        call("page-keep-passkey", "POST /rpc/keep_passkey", json!({ "response": response })),
        call("page-finish-registration", "POST /rpc/finish_registration", json!({ "recovery_key": kit })),
        call("page-finish-kit-test", "POST /rpc/finish_kit_test", json!({ "id": CHALLENGE, "signature": bytes(64) })),
        call("page-present-passkey", "POST /rpc/present_passkey", json!({ "passkey": passkey })),
        call("page-prove-recovery-kit", "POST /rpc/prove_recovery_kit", json!({ "signature": bytes(64) })),
        call("page-prepare-recovery", "POST /rpc/prepare_recovery", json!({ "change": recovery })),
        call("page-commit-recovery", "POST /rpc/commit_recovery", json!({ "action": ACTION, "signature": bytes(64) })),
    ]
}

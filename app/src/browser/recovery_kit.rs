//! The recovery kit's secret: made here, kept in this tab until it is registered, never sent.
//!
//! Kit code → HKDF-SHA-256 (random salt, info `countersign/recovery/v1`) → Ed25519 seed → key pair, all by WebCrypto. What
//! leaves the browser is the public key, the salt, and a signature over the challenge of its registration or of a test.

use super::webcrypto::{crypto, run, subtle, uses};
use crate::action::{
    account_change::NewRecoveryKey,
    bytes::Bytes,
    recovery_code::{RECOVERY_HKDF_INFO, RecoveryCode},
    recovery_key::{recovery_key_message, recovery_message, recovery_test_message},
};
use data_encoding::BASE64URL_NOPAD;
use gloo::storage::{SessionStorage, Storage};
use js_sys::{Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{CryptoKey, SubtleCrypto};

/// Where the tab keeps the code while it isn't registered yet: a printed kit must stay good when the page is reloaded.
const KEPT: &str = "countersign.recovery-kit";
/// PKCS #8 of an Ed25519 seed is this prefix and the 32 bytes (RFC 8410, section 7).
const PKCS8_PREFIX: [u8; 16] = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
const SALT_LENGTH: usize = 32;

/// The code that this tab keeps for this registration, or a new one.
///
/// # Errors
/// A sentence, when the browser has no random source or no storage for the tab.
pub fn kept_or_new(registration_challenge: &str) -> Result<RecoveryCode, String> {
    if let Ok((challenge, code)) = SessionStorage::get::<(String, String)>(KEPT)
        && challenge == registration_challenge
        && let Ok(code) = RecoveryCode::parse(&code)
    {
        return Ok(code);
    }
    let code = RecoveryCode::generate(random()?);
    SessionStorage::set(KEPT, (registration_challenge, code.to_string())).map_err(|_| {
        "This browser doesn't let the page keep the kit for this tab. Allow site data for this page, then reload.".to_owned()
    })?;
    Ok(code)
}

/// Lets go of the code, once it is registered.
pub fn forget() {
    SessionStorage::delete(KEPT);
}

/// Derives the recovery key and proves over the registration's challenge (base64url) that this browser has it.
///
/// # Errors
/// A sentence, when this browser's WebCrypto has no Ed25519.
pub async fn prove(code: &RecoveryCode, challenge: &str) -> Result<NewRecoveryKey, String> {
    let challenge = decode(challenge)?;
    let salt: [u8; SALT_LENGTH] = random()?;
    derive_and_sign(code, &challenge, &salt).await.map_err(|error| {
        format!(
            "This browser can't make the recovery key ({}). Nothing was registered. Update the browser, or continue in another one by typing the code from your mail there.",
            super::describe(&error)
        )
    })
}

/// Signs a test's challenge with the key that this code and this salt make (both base64url): the answer to it.
///
/// # Errors
/// A sentence, when this browser's WebCrypto has no Ed25519.
pub async fn sign_test(code: &RecoveryCode, salt: &str, challenge: &str) -> Result<String, String> {
    let (salt, challenge) = (decode(salt)?, decode(challenge)?);
    derive_and_test(code, &salt, &challenge).await.map_err(|error| {
        format!("This browser can't use the recovery key ({}). Update it, or test in another one.", super::describe(&error))
    })
}

/// Signs the document of a recovery with the key that this code and this salt (base64url) make.
///
/// # Errors
/// A sentence, when this browser's WebCrypto has no Ed25519.
pub async fn sign_recovery(code: &RecoveryCode, salt: &str, document: &[u8]) -> Result<Vec<u8>, String> {
    let salt = decode(salt)?;
    derive_and_recover(code, &salt, document).await.map_err(|error| {
        format!(
            "This browser can't use the recovery key ({}). Nothing was changed. Update it, or use another one.",
            super::describe(&error)
        )
    })
}

async fn derive_and_recover(code: &RecoveryCode, salt: &[u8], document: &[u8]) -> Result<Vec<u8>, JsValue> {
    let subtle = subtle()?;
    let key = derive(&subtle, code, salt).await?;
    sign(&subtle, &key, &recovery_message(document)).await
}

async fn derive_and_test(code: &RecoveryCode, salt: &[u8], challenge: &[u8]) -> Result<String, JsValue> {
    let subtle = subtle()?;
    let key = derive(&subtle, code, salt).await?;
    Ok(BASE64URL_NOPAD.encode(&sign(&subtle, &key, &recovery_test_message(challenge)).await?))
}

async fn derive_and_sign(code: &RecoveryCode, challenge: &[u8], salt: &[u8]) -> Result<NewRecoveryKey, JsValue> {
    let subtle = subtle()?;
    let key = derive(&subtle, code, salt).await?;
    let exported = run(subtle.export_key("jwk", &key)).await?;
    let public_key = Reflect::get(&exported, &"x".into())?.as_string().and_then(|key| Bytes::decode(&key)).ok_or("no public key")?;
    let signature = Bytes(sign(&subtle, &key, &recovery_key_message(challenge)).await?);
    Ok(NewRecoveryKey { public_key, salt: Bytes(salt.to_vec()), signature })
}

async fn derive(subtle: &SubtleCrypto, code: &RecoveryCode, salt: &[u8]) -> Result<CryptoKey, JsValue> {
    let mut pkcs8 = PKCS8_PREFIX.to_vec();
    pkcs8.extend(hkdf(subtle, code.secret(), salt).await?);
    let key = Uint8Array::from(pkcs8.as_slice());
    Ok(run(subtle.import_key_with_str("pkcs8", &key, "Ed25519", true, &uses("sign"))).await?.unchecked_into())
}

async fn sign(subtle: &SubtleCrypto, key: &CryptoKey, message: &[u8]) -> Result<Vec<u8>, JsValue> {
    let signature = run(subtle.sign_with_str_and_u8_array("Ed25519", key, message)).await?;
    Ok(Uint8Array::new(&signature).to_vec())
}

fn decode(base64url: &str) -> Result<Vec<u8>, String> {
    BASE64URL_NOPAD.decode(base64url.as_bytes()).map_err(|_| "The server's challenge can't be read. Reload the page.".to_owned())
}

async fn hkdf(subtle: &SubtleCrypto, secret: &[u8], salt: &[u8]) -> Result<Vec<u8>, JsValue> {
    let key: CryptoKey =
        run(subtle.import_key_with_str("raw", &Uint8Array::from(secret), "HKDF", false, &uses("deriveBits"))).await?.unchecked_into();
    let algorithm = Object::new();
    for (name, value) in [
        ("name", JsValue::from("HKDF")),
        ("hash", JsValue::from("SHA-256")),
        ("salt", Uint8Array::from(salt).into()),
        ("info", Uint8Array::from(RECOVERY_HKDF_INFO).into()),
    ] {
        Reflect::set(&algorithm, &name.into(), &value)?;
    }
    let bits = run(subtle.derive_bits_with_object(&algorithm, &key, 256)).await?;
    Ok(Uint8Array::new(&bits).to_vec())
}

fn random<const LENGTH: usize>() -> Result<[u8; LENGTH], String> {
    let mut bytes = [0; LENGTH];
    crypto()
        .and_then(|crypto| crypto.get_random_values_with_u8_array(&mut bytes).ok())
        .map(|_| bytes)
        .ok_or_else(|| "This browser has no source of randomness, so no kit can be made here. Use another browser.".to_owned())
}

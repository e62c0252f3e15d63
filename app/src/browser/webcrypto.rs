//! Hashes and signature checks by the browser's own cryptography (`SubtleCrypto`), so that the bundle carries none; and what
//! else here calls it.
//!
//! A signature that isn't valid is an answer; a sentence comes back only where this browser can't tell.

use crate::action::{cose::PublicKey, ecdsa::fixed_from_der};
use data_encoding::BASE64URL_NOPAD;
use js_sys::{Array, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Crypto, CryptoKey, SubtleCrypto};

/// SHA-256.
///
/// # Errors
/// A sentence, when this browser's WebCrypto can't be used here.
pub async fn sha256(bytes: &[u8]) -> Result<[u8; 32], String> {
    digest(bytes).await.map_err(|error| ["This browser can't compute SHA-256 (", &super::describe(&error), ")."].concat())
}

async fn digest(bytes: &[u8]) -> Result<[u8; 32], JsValue> {
    let hash = run(subtle()?.digest_with_str_and_u8_array("SHA-256", bytes)).await?;
    Uint8Array::new(&hash).to_vec().try_into().map_err(|_| "not 32 bytes".into())
}

/// Whether `signature` is this key's over `message`. An ES256 signature is DER, as authenticators give it.
///
/// # Errors
/// A sentence, when this browser's WebCrypto doesn't have the algorithm, or can't be used here.
pub async fn verify(key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<bool, String> {
    match check(key, message, signature).await {
        Ok(is_valid) => Ok(is_valid),
        // A key that is none, such as a point that isn't on its curve, has signed nothing.
        Err(error) if error.dyn_ref::<js_sys::Error>().is_some_and(|error| error.name() == "DataError") => Ok(false),
        Err(error) => {
            Err(["This browser can't check ", &key.algorithm().to_string(), " signatures (", &super::describe(&error), ")."].concat())
        }
    }
}

async fn check(key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<bool, JsValue> {
    let subtle = subtle()?;
    let mut signature = signature.to_vec();
    // One object names the algorithm for both calls; each leaves what it doesn't know.
    let (format, data, algorithm): (_, Object, _) = match key {
        PublicKey::Es256 { x, y } => {
            let Some(fixed) = fixed_from_der(&signature) else { return Ok(false) };
            signature = fixed.to_vec();
            let point = [&[4], x.as_slice(), y].concat();
            let algorithm = object(&[("name", "ECDSA"), ("namedCurve", "P-256"), ("hash", "SHA-256")])?;
            ("raw", Uint8Array::from(point.as_slice()).into(), algorithm)
        }
        PublicKey::Rs256 { n, e } => {
            let (n, e) = (BASE64URL_NOPAD.encode(n), BASE64URL_NOPAD.encode(e));
            let jwk = object(&[("kty", "RSA"), ("alg", "RS256"), ("n", &n), ("e", &e)])?;
            ("jwk", jwk, object(&[("name", "RSASSA-PKCS1-v1_5"), ("hash", "SHA-256")])?)
        }
        PublicKey::Ed25519(point) => ("raw", Uint8Array::from(point.as_slice()).into(), object(&[("name", "Ed25519")])?),
    };
    let key: CryptoKey = run(subtle.import_key_with_object(format, &data, &algorithm, false, &uses("verify"))).await?.unchecked_into();
    let answer = run(subtle.verify_with_object_and_u8_array_and_u8_array(&algorithm, &key, &signature, message)).await?;
    Ok(answer == JsValue::TRUE)
}

/// The browser's random source and its cryptography.
pub(super) fn crypto() -> Option<Crypto> {
    web_sys::window()?.crypto().ok()
}

/// Outside of a secure context there is none.
pub(super) fn subtle() -> Result<SubtleCrypto, JsValue> {
    crypto().map(|crypto| crypto.subtle()).filter(|subtle| subtle.is_object()).ok_or_else(|| "no WebCrypto".into())
}

/// Waits for what a call promises.
pub(super) async fn run(promise: Result<Promise, JsValue>) -> Result<JsValue, JsValue> {
    JsFuture::from(promise?).await
}

/// What a key is for.
pub(super) fn uses(name: &str) -> Array {
    Array::of1(&name.into())
}

/// An object whose members are texts.
fn object(members: &[(&str, &str)]) -> Result<Object, JsValue> {
    let object = Object::new();
    for (name, value) in members {
        Reflect::set(&object, &(*name).into(), &(*value).into())?;
    }
    Ok(object)
}

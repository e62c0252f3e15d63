//! The only place that names `web_sys` and `js_sys`: passkeys, signing and verifying, the recovery kit's key, the
//! camera, printing, saving, copying.
//!
//! Everything here compiles for the server too, and is never called there: it is for event handlers and effects.

pub mod camera;
pub mod document;
pub mod enrolment;
pub mod passkey;
pub mod recovery;
pub mod recovery_kit;
pub mod signing;
pub mod trusted_types;
pub mod verify_entry;
pub mod webcrypto;

use wasm_bindgen::{JsCast, JsValue};

/// What a failed promise or call says of itself, as `NotAllowedError: …`.
fn describe(error: &JsValue) -> String {
    error.dyn_ref::<js_sys::Error>().map_or_else(|| format!("{error:?}"), |error| format!("{}: {}", error.name(), error.message()))
}

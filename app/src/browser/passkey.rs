//! `navigator.credentials`, with WebAuthn's own JSON going straight through (WebAuthn Level 3, sections 5.1.7 to 5.1.10).
//!
//! web-sys hides the JSON methods behind an unstable flag and lacks `mediation` and the Signal API, so they are bound here
//! in a few lines. Only one request can be pending in a page: starting another one ends the one that waits for autofill.

use crate::{domain::id::UserId, rpc::webauthn_json::WebAuthnJson};
use data_encoding::BASE64URL_NOPAD;
use js_sys::{Array, Function, Object, Promise, Reflect};
use std::{cell::RefCell, fmt};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, CredentialsContainer};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = PublicKeyCredential, js_name = parseCreationOptionsFromJSON, catch)]
    fn parse_creation_options(json: &JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_namespace = PublicKeyCredential, js_name = parseRequestOptionsFromJSON, catch)]
    fn parse_request_options(json: &JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_namespace = PublicKeyCredential, js_name = isConditionalMediationAvailable, catch)]
    fn is_conditional_mediation_available() -> Result<Promise, JsValue>;
    #[wasm_bindgen(js_namespace = PublicKeyCredential, js_name = signalUnknownCredential, catch)]
    fn signal_unknown_credential(options: &JsValue) -> Result<Promise, JsValue>;

    #[wasm_bindgen(extends = Object)]
    type JsonCredential;
    #[wasm_bindgen(method, js_name = toJSON, catch)]
    fn to_json(this: &JsonCredential) -> Result<JsValue, JsValue>;
}

thread_local! {
    /// The autofill request that waits in this page.
    static WAITING: RefCell<Option<AbortController>> = const { RefCell::new(None) };
}

/// Why there is no passkey's answer. Its text is for the person: what happened, and a way on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasskeyError {
    /// Cancelled, timed out, or not verified; browsers don't tell which.
    Cancelled,
    /// This authenticator has a passkey of this user already.
    AlreadyRegistered,
    /// The page's address isn't the one that this server was set up for.
    WrongSite,
    /// This browser has no WebAuthn (or not the JSON part of it).
    Unsupported,
    /// No authenticator here can do what is asked for.
    NoAuthenticator,
    /// Another request is being shown.
    Pending,
    /// We ended it ourselves, to start another one.
    Aborted,
    /// Anything else, in the browser's words.
    Other(String),
}

impl fmt::Display for PasskeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => f.write_str(
                "That was cancelled, took too long, or your device couldn't tell that it's you. Nothing was changed. Try again when you're ready.",
            ),
            Self::AlreadyRegistered => f.write_str(
                "This device already has a passkey for this account. Nothing was changed. Use that one, or try again with another device or security key.",
            ),
            Self::WrongSite => f.write_str(
                "This page's address isn't the one that this server was set up for, so passkeys don't work here. Open the address from your mail, or ask whoever runs the server.",
            ),
            Self::Unsupported => f.write_str(
                "This browser can't use passkeys. Update it, or use another browser or device.",
            ),
            Self::NoAuthenticator => f.write_str(
                "Nothing on this device can do this. Use a phone by its QR code, a security key such as a YubiKey, or a password manager that keeps passkeys.",
            ),
            Self::Pending => f.write_str("Another passkey request is open. Finish or close it first, then try again."),
            Self::Aborted => f.write_str("That was ended to start something else. Nothing was changed."),
            Self::Other(words) => write!(f, "The browser reported a problem: {words}. Nothing was changed. Try again."),
        }
    }
}

/// WebAuthn Level 3, sections 5.1.3 and 5.1.4: which exception means what.
impl From<JsValue> for PasskeyError {
    fn from(error: JsValue) -> Self {
        let name = Reflect::get(&error, &"name".into()).ok().and_then(|name| name.as_string()).unwrap_or_default();
        match name.as_str() {
            "NotAllowedError" | "TimeoutError" => Self::Cancelled,
            "InvalidStateError" => Self::AlreadyRegistered,
            "SecurityError" => Self::WrongSite,
            "NotSupportedError" | "ConstraintError" => Self::NoAuthenticator,
            "OperationError" => Self::Pending,
            "AbortError" => Self::Aborted,
            _ => Self::Other(super::describe(&error)),
        }
    }
}

/// Whether this browser can use passkeys in the way that these pages do.
pub fn is_supported() -> bool {
    static_method("parseCreationOptionsFromJSON").is_some() && static_method("parseRequestOptionsFromJSON").is_some()
}

/// Makes a passkey. `options` is `PublicKeyCredentialCreationOptionsJSON`, the answer `RegistrationResponseJSON`.
///
/// # Errors
/// Whatever the browser or the person said.
pub async fn create(options: &WebAuthnJson) -> Result<WebAuthnJson, PasskeyError> {
    let container = container()?;
    let public_key = parse_creation_options(&to_js(options)?)?;
    let settings: web_sys::CredentialCreationOptions = settings(&public_key)?.unchecked_into();
    end_waiting();
    answer(container.create_with_options(&settings)?).await
}

/// Asks for a passkey in the system's dialog. `options` is `PublicKeyCredentialRequestOptionsJSON`, the answer
/// `AuthenticationResponseJSON`.
///
/// # Errors
/// Whatever the browser or the person said.
pub async fn get(options: &WebAuthnJson) -> Result<WebAuthnJson, PasskeyError> {
    let container = container()?;
    let public_key = parse_request_options(&to_js(options)?)?;
    let settings: web_sys::CredentialRequestOptions = settings(&public_key)?.unchecked_into();
    end_waiting();
    answer(container.get_with_options(&settings)?).await
}

/// Whether this browser offers passkeys in its autofill.
pub async fn autofill_available() -> bool {
    if !is_supported() || static_method("isConditionalMediationAvailable").is_none() {
        return false;
    }
    match is_conditional_mediation_available() {
        Ok(promise) => JsFuture::from(promise).await.is_ok_and(|available| available.is_truthy()),
        Err(_) => false,
    }
}

/// Waits until the person picks a passkey in the autofill of a field; [`get`] and [`create`] end it.
///
/// # Errors
/// [`PasskeyError::Aborted`] when it was ended; else whatever the browser or the person said.
pub async fn get_by_autofill(options: &WebAuthnJson) -> Result<WebAuthnJson, PasskeyError> {
    let container = container()?;
    let public_key = parse_request_options(&to_js(options)?)?;
    let settings = settings(&public_key)?;
    end_waiting();
    let controller = AbortController::new()?;
    Reflect::set(&settings, &"mediation".into(), &"conditional".into())?;
    Reflect::set(&settings, &"signal".into(), &controller.signal())?;
    WAITING.set(Some(controller));
    let settings: web_sys::CredentialRequestOptions = settings.unchecked_into();
    answer(container.get_with_options(&settings)?).await
}

/// Tells the browser that this server doesn't know a passkey, so that it stops offering it; where the browser can be told.
/// `options` is what was asked with, `response` the answer that nobody here knows.
pub async fn signal_unknown(options: &WebAuthnJson, response: &WebAuthnJson) {
    if static_method("signalUnknownCredential").is_none() {
        return;
    }
    if let Ok(promise) = tell_unknown(options, response) {
        // It is a hint: nothing depends on whether the browser took it.
        let _ = JsFuture::from(promise).await;
    }
}

fn tell_unknown(options: &WebAuthnJson, response: &WebAuthnJson) -> Result<Promise, PasskeyError> {
    let unknown = Object::new();
    Reflect::set(&unknown, &"rpId".into(), &Reflect::get(&to_js(options)?, &"rpId".into())?)?;
    Reflect::set(&unknown, &"credentialId".into(), &Reflect::get(&to_js(response)?, &"id".into())?)?;
    Ok(signal_unknown_credential(&unknown)?)
}

/// Tells the browser all the passkeys that this server accepts of a user, so that it stops offering others, and what to show
/// for them: mail address and name. Where the browser can't be told, nothing happens.
pub async fn signal_accepted(user: UserId, accepted: &[String], shown: &[String; 2]) {
    let [name, display_name] = shown;
    let ids = accepted.iter().map(|id| JsValue::from_str(id)).collect::<Array>();
    for (method, members) in [
        ("signalAllAcceptedCredentials", &[("allAcceptedCredentialIds", ids.into())][..]),
        ("signalCurrentUserDetails", &[("name", name.into()), ("displayName", display_name.into())]),
    ] {
        if let Some(method) = static_method(method)
            && let Ok(promise) = tell(&method, user, members)
        {
            // It is a hint: nothing depends on whether the browser took it.
            let _ = JsFuture::from(promise).await;
        }
    }
}

fn tell(method: &Function, user: UserId, members: &[(&str, JsValue)]) -> Result<Promise, JsValue> {
    let told = Object::new();
    let host = web_sys::window().ok_or("no window")?.location().hostname()?;
    Reflect::set(&told, &"rpId".into(), &host.into())?;
    Reflect::set(&told, &"userId".into(), &BASE64URL_NOPAD.encode(&user.to_bytes()).into())?;
    for (name, value) in members {
        Reflect::set(&told, &(*name).into(), value)?;
    }
    let interface = Reflect::get(&js_sys::global(), &"PublicKeyCredential".into())?;
    method.call1(&interface, &told)?.dyn_into()
}

fn static_method(name: &str) -> Option<Function> {
    let interface = Reflect::get(&js_sys::global(), &"PublicKeyCredential".into()).ok()?;
    Reflect::get(&interface, &name.into()).ok()?.dyn_into().ok()
}

/// Outside of a secure context there is no `navigator.credentials`.
fn container() -> Result<CredentialsContainer, PasskeyError> {
    let container = web_sys::window().map(|window| window.navigator().credentials());
    match container {
        Some(container) if container.is_object() && is_supported() => Ok(container),
        _ => Err(PasskeyError::Unsupported),
    }
}

fn settings(public_key: &JsValue) -> Result<Object, PasskeyError> {
    let settings = Object::new();
    Reflect::set(&settings, &"publicKey".into(), public_key)?;
    Ok(settings)
}

fn end_waiting() {
    if let Some(controller) = WAITING.take() {
        controller.abort();
    }
}

async fn answer(promise: Promise) -> Result<WebAuthnJson, PasskeyError> {
    let credential = JsFuture::from(promise).await?;
    if !credential.is_object() {
        return Err(PasskeyError::Cancelled);
    }
    let json = credential.unchecked_ref::<JsonCredential>().to_json()?;
    let text = js_sys::JSON::stringify(&json)?;
    WebAuthnJson::parse(String::from(text)).map_err(|error| PasskeyError::Other(error.to_string()))
}

fn to_js(json: &WebAuthnJson) -> Result<JsValue, PasskeyError> {
    Ok(js_sys::JSON::parse(json.as_str())?)
}

//! 1Password's `passkey` crate as authenticator and browser: code that nobody here wrote.

use super::device::base64url;
use async_trait::async_trait;
use passkey::{
    authenticator::{Authenticator, CredentialStore, DiscoverabilitySupport, StoreInfo, UiHint, UserCheck, UserValidationMethod},
    client::{Client, DefaultClientData},
    crypto::rust_crypto::RustCryptoBackend,
    types::{
        Passkey,
        ctap2::{
            Aaguid, Ctap2Error, StatusCode,
            make_credential::{Options, PublicKeyCredentialRpEntity, PublicKeyCredentialUserEntity},
        },
        webauthn::{CredentialCreationOptions, CredentialRequestOptions, PublicKeyCredentialDescriptor},
    },
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use url::Url;

pub const AAGUID: [u8; 16] = *b"crate passkey 06";

/// Passkeys, found by id or, for a discoverable sign-in, by the site alone, newest first. The crate's own store only looks
/// up by id.
#[derive(Clone, Default)]
struct Keychain(Arc<Mutex<Vec<Passkey>>>);

#[async_trait]
impl CredentialStore for Keychain {
    type PasskeyItem = Passkey;

    async fn find_credentials(
        &self,
        ids: Option<&[PublicKeyCredentialDescriptor]>,
        rp_id: &str,
        _user_handle: Option<&[u8]>,
    ) -> Result<Vec<Passkey>, StatusCode> {
        let wanted = |passkey: &&Passkey| {
            passkey.rp_id == rp_id
                && match ids {
                    None | Some([]) => true,
                    Some(ids) => ids.iter().any(|id| id.id == passkey.credential_id),
                }
        };
        let found: Vec<Passkey> = self.0.lock().unwrap().iter().rev().filter(wanted).cloned().collect();
        if found.is_empty() { Err(Ctap2Error::NoCredentials.into()) } else { Ok(found) }
    }

    async fn save_credential(
        &mut self,
        passkey: Passkey,
        _user: PublicKeyCredentialUserEntity,
        _rp: PublicKeyCredentialRpEntity,
        _options: Options,
    ) -> Result<(), StatusCode> {
        self.0.lock().unwrap().push(passkey);
        Ok(())
    }

    async fn update_credential(&mut self, used: &Passkey) -> Result<(), StatusCode> {
        let mut passkeys = self.0.lock().unwrap();
        let kept = passkeys.iter_mut().find(|passkey| passkey.credential_id == used.credential_id);
        *kept.ok_or(Ctap2Error::NoCredentials)? = used.clone();
        Ok(())
    }

    async fn get_info(&self) -> StoreInfo {
        StoreInfo { discoverability: DiscoverabilitySupport::Full }
    }
}

/// Someone who is always there and shows their face.
struct Present;

#[async_trait]
impl UserValidationMethod for Present {
    type PasskeyItem = Passkey;

    async fn check_user<'a>(&self, _hint: UiHint<'a, Passkey>, presence: bool, verification: bool) -> Result<UserCheck, Ctap2Error> {
        Ok(UserCheck { presence, verification })
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        Some(true)
    }
}

/// A browser's `navigator.credentials` with an authenticator built in.
pub struct SoftwareAuthenticator {
    origin: Url,
    keychain: Keychain,
}

impl SoftwareAuthenticator {
    pub fn new(origin: &str) -> Self {
        Self { origin: origin.parse().unwrap(), keychain: Keychain::default() }
    }

    /// The type of the client that is made of it can't be named: one of its parts isn't exported.
    fn authenticator(&self) -> Authenticator<Keychain, Present, RustCryptoBackend> {
        Authenticator::new(Aaguid::from(AAGUID), self.keychain.clone(), Present, RustCryptoBackend)
    }

    /// `PublicKeyCredentialCreationOptionsJSON` in, `RegistrationResponseJSON` out.
    pub async fn create(&self, options: &Value) -> Value {
        let options: CredentialCreationOptions = serde_json::from_value(json!({ "publicKey": options })).unwrap();
        let mut client = Client::new(self.authenticator()).allows_insecure_localhost(true);
        let made = client.register(&self.origin, options, DefaultClientData).await.unwrap();
        json!({
            "id": made.id,
            "rawId": base64url(&made.raw_id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": made.client_extension_results,
            "response": {
                "clientDataJSON": base64url(&made.response.client_data_json),
                "attestationObject": base64url(&made.response.attestation_object),
                "authenticatorData": base64url(&made.response.authenticator_data),
                "publicKey": made.response.public_key.as_ref().map(|key| base64url(key)),
                "publicKeyAlgorithm": made.response.public_key_algorithm,
                "transports": made.response.transports,
            },
        })
    }

    /// `PublicKeyCredentialRequestOptionsJSON` in, `AuthenticationResponseJSON` out.
    pub async fn get(&self, options: &Value) -> Value {
        let options: CredentialRequestOptions = serde_json::from_value(json!({ "publicKey": options })).unwrap();
        let mut client = Client::new(self.authenticator()).allows_insecure_localhost(true);
        let signed = client.authenticate(&self.origin, options, DefaultClientData).await.unwrap();
        json!({
            "id": signed.id,
            "rawId": base64url(&signed.raw_id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": signed.client_extension_results,
            "response": {
                "clientDataJSON": base64url(&signed.response.client_data_json),
                "authenticatorData": base64url(&signed.response.authenticator_data),
                "signature": base64url(&signed.response.signature),
                "userHandle": signed.response.user_handle.as_ref().map(|handle| base64url(handle)),
            },
        })
    }
}

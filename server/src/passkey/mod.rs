//! The passkey ceremonies: webauthn-rs makes the challenges and reads the answers, and the strict verifier of `app::action`
//! has to agree. What stands between two requests is kept in the database by the callers.
//!
//! ```text
//! registration:  begin ──► options, ceremony ──(browser)──► finish ──► a passkey to keep
//! sign-in:       begin ──► options, ceremony ──(browser)──► read ──(storage finds the passkey)──► finish ──► new counter
//! ```

use app::{
    action::{
        client_data::challenge_handed,
        cose::{Algorithm, PASSKEY_ALGORITHMS},
        verify::{self, Assertion, AssertionError, Expected, RegistrationError, RelyingParty, StoredCredential, UserVerification},
    },
    domain::{id::UserId, provider, user::name_on_devices},
};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;
use uuid::Uuid;
use webauthn_rs::prelude::{
    CreationChallengeResponse, DiscoverableAuthentication, Passkey, PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential,
    RequestChallengeResponse, Webauthn, WebauthnBuilder, WebauthnError,
};
use webauthn_rs_proto::ResidentKeyRequirement;

/// Why a passkey's answer doesn't count; for the log, not for people.
#[derive(Debug, thiserror::Error)]
pub enum PasskeyError {
    /// It isn't the JSON that a browser sends.
    #[error("the answer is not a credential in JSON: {0}")]
    Malformed(#[from] serde_json::Error),
    /// A member that two places give differently, or that isn't base64url.
    #[error("the answer's {0} is inconsistent")]
    Inconsistent(&'static str),
    /// webauthn-rs refused it.
    #[error("webauthn-rs: {0}")]
    Library(#[from] WebauthnError),
    /// The strict verifier refused a registration.
    #[error("strict verifier: {0}")]
    Registration(#[from] RegistrationError),
    /// The strict verifier refused an assertion.
    #[error("strict verifier: {0}")]
    Assertion(#[from] AssertionError),
}

/// What a browser gets, and what must be kept for its answer.
#[derive(Debug, Clone)]
pub struct Begun {
    /// Base64url.
    pub challenge: String,
    /// `PublicKeyCredentialCreationOptionsJSON` or `…RequestOptionsJSON`.
    pub options: Value,
    /// JSON of webauthn-rs.
    pub ceremony: String,
}

/// Who makes a passkey, as their device will show it.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    /// The user handle.
    pub id: [u8; 16],
    /// Mail address.
    pub email: &'a str,
    /// Name.
    pub name: &'a str,
    /// The organization's name: it tells apart one person's passkeys of several organizations.
    pub organization: &'a str,
}

/// A new passkey with everything that is kept of it. Byte strings are base64url.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewPasskey {
    /// The id that the authenticator chose.
    pub credential_id: String,
    /// COSE key.
    pub public_key: String,
    /// COSE number: -7 (ES256) or -257 (RS256).
    pub algorithm: i64,
    /// Signature counter.
    pub sign_count: u32,
    /// Model or provider.
    pub aaguid: String,
    /// How the browser says that it can be reached; webauthn-rs drops it.
    pub transports: Vec<String>,
    /// Whether it may be synced.
    pub backup_eligible: bool,
    /// Whether it is.
    pub backed_up: bool,
    /// `clientDataJSON`.
    pub client_data: String,
    /// The whole attestation object.
    pub attestation_object: String,
    /// webauthn-rs's own form, JSON.
    pub webauthn: String,
}

impl NewPasskey {
    /// What it is called unless its owner says otherwise, beside others of these names.
    pub fn default_name(&self, others: &[&str]) -> String {
        let aaguid = BASE64URL_NOPAD.decode(self.aaguid.as_bytes()).ok().and_then(|aaguid| aaguid.try_into().ok());
        provider::default_name(&aaguid.unwrap_or_default(), others)
    }
}

/// A signature by a passkey, to sign in or over an action, before it is known whose it is and whether it holds.
#[derive(Debug)]
pub struct Signature {
    answer: PublicKeyCredential,
    user_handle: Option<UserId>,
}

impl Signature {
    /// Reads what the browser sent.
    ///
    /// # Errors
    /// When it isn't an assertion.
    pub fn read(response: Value) -> Result<Self, PasskeyError> {
        let answer: PublicKeyCredential = serde_json::from_value(response)?;
        if answer.id != BASE64URL_NOPAD.encode(answer.get_credential_id()) || answer.type_ != "public-key" {
            return Err(PasskeyError::Inconsistent("id"));
        }
        let user_handle = answer.get_user_unique_id().and_then(owner);
        Ok(Self { answer, user_handle })
    }

    /// The id that the authenticator chose, base64url.
    pub fn credential_id(&self) -> String {
        BASE64URL_NOPAD.encode(self.answer.get_credential_id())
    }

    /// `clientDataJSON`.
    pub fn client_data(&self) -> &[u8] {
        self.answer.response.client_data_json.as_ref()
    }

    /// What the authenticator said.
    pub fn authenticator_data(&self) -> &[u8] {
        self.answer.response.authenticator_data.as_ref()
    }

    /// The signature itself, over both.
    pub fn bytes(&self) -> &[u8] {
        self.answer.response.signature.as_ref()
    }

    /// Whose passkey it is, as the authenticator remembers.
    pub fn user_handle(&self) -> Option<UserId> {
        self.user_handle
    }
}

/// A stored passkey, as verifying needs it.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    /// COSE key, base64url.
    pub public_key: &'a str,
    /// COSE number.
    pub algorithm: i64,
    /// The last counter seen.
    pub sign_count: u32,
    /// Whether it may be synced.
    pub backup_eligible: bool,
    /// webauthn-rs's own form, JSON.
    pub webauthn: &'a str,
}

/// A passkey after it was used.
#[derive(Debug, Clone)]
pub struct Used {
    /// The new counter.
    pub sign_count: u32,
    /// Whether it is synced now.
    pub backed_up: bool,
    /// webauthn-rs's own form, JSON.
    pub webauthn: String,
}

/// The relying party.
pub struct Ceremonies {
    webauthn: Webauthn,
    relying_party: RelyingParty,
}

impl Ceremonies {
    /// For this origin, such as `https://id.example.org`, whose domain is the relying party id.
    ///
    /// # Errors
    /// When the origin has no domain.
    pub fn new(origin: &Url) -> Result<Self, WebauthnError> {
        let id = origin.domain().ok_or(WebauthnError::Configuration)?;
        Ok(Self {
            webauthn: WebauthnBuilder::new(id, origin)?.rp_name("Countersign").build()?,
            relying_party: RelyingParty::new(id, origin.origin().ascii_serialization()),
        })
    }

    /// Asks for a new discoverable passkey, verified by its owner, without attestation, of an authenticator that has none of
    /// `present`: ids that authenticators chose, base64url.
    ///
    /// # Errors
    /// When webauthn-rs refuses the names, or an id isn't base64url.
    pub fn begin_registration(&self, owner: Owner<'_>, present: &[&str]) -> Result<Begun, PasskeyError> {
        let present = present.iter().map(|id| decode(id, "credential id")).collect::<Result<Vec<_>, PasskeyError>>()?;
        let (CreationChallengeResponse { mut public_key }, ceremony) = self.webauthn.start_passkey_registration(
            Uuid::from_bytes(owner.id),
            &name_on_devices(owner.email, owner.organization),
            &name_on_devices(owner.name, owner.organization),
            // Even an empty list is part of what browsers are told.
            Some(present),
        )?;
        // webauthn-rs asks for residentKey "discouraged"; without a discoverable passkey nobody could sign in here.
        if let Some(selection) = public_key.authenticator_selection.as_mut() {
            selection.resident_key = Some(ResidentKeyRequirement::Required);
            selection.require_resident_key = true;
        }
        public_key
            .pub_key_cred_params
            .retain(|parameters| PASSKEY_ALGORITHMS.iter().any(|allowed| i64::from(allowed.cose_id()) == parameters.alg));
        Ok(Begun {
            challenge: BASE64URL_NOPAD.encode(public_key.challenge.as_ref()),
            options: serde_json::to_value(public_key)?,
            ceremony: serde_json::to_string(&ceremony)?,
        })
    }

    /// Checks a new passkey, by webauthn-rs and by the rules of SIGNING.md.
    ///
    /// # Errors
    /// When either refuses.
    pub fn finish_registration(&self, ceremony: &str, challenge: &str, response: Value) -> Result<NewPasskey, PasskeyError> {
        let transports = transports_in(&response)?;
        let answer: RegisterPublicKeyCredential = serde_json::from_value(response)?;
        if answer.id != BASE64URL_NOPAD.encode(answer.raw_id.as_ref()) || answer.type_ != "public-key" {
            return Err(PasskeyError::Inconsistent("id"));
        }
        let challenge = challenge_handed(answer.response.client_data_json.as_ref(), &decode(challenge, "challenge")?);
        let ceremony: PasskeyRegistration = serde_json::from_value(over(&serde_json::from_str(ceremony)?, &challenge))?;
        let passkey = self.webauthn.finish_passkey_registration(&answer, &ceremony)?;
        let (client_data, attestation_object) = (answer.response.client_data_json.as_ref(), answer.response.attestation_object.as_ref());
        let strict = verify::check_registration(
            &self.expected(&challenge),
            &verify::Registration { credential_id: answer.raw_id.as_ref(), client_data_json: client_data, attestation_object },
            PASSKEY_ALGORITHMS,
        )?;
        Ok(NewPasskey {
            credential_id: BASE64URL_NOPAD.encode(&strict.credential_id),
            public_key: BASE64URL_NOPAD.encode(&strict.public_key_cose),
            algorithm: i64::from(strict.algorithm.cose_id()),
            sign_count: strict.sign_count,
            aaguid: BASE64URL_NOPAD.encode(&strict.aaguid),
            transports,
            backup_eligible: strict.backup_eligible,
            backed_up: strict.backed_up,
            client_data: BASE64URL_NOPAD.encode(client_data),
            attestation_object: BASE64URL_NOPAD.encode(attestation_object),
            webauthn: serde_json::to_string(&passkey)?,
        })
    }

    /// Asks for any discoverable passkey of this site.
    ///
    /// # Errors
    /// When webauthn-rs fails.
    pub fn begin_sign_in(&self) -> Result<Begun, PasskeyError> {
        let (RequestChallengeResponse { public_key, .. }, ceremony) = self.webauthn.start_discoverable_authentication()?;
        let challenge = BASE64URL_NOPAD.encode(public_key.challenge.as_ref());
        // webauthn-rs doesn't let its challenge be read again, and the strict verifier needs it.
        let ceremony = serde_json::to_string(&(ceremony, &challenge))?;
        Ok(Begun { challenge, options: serde_json::to_value(public_key)?, ceremony })
    }

    /// Verifies an assertion of a stored passkey, by webauthn-rs and by the strict verifier.
    ///
    /// # Errors
    /// When either refuses.
    pub fn finish_sign_in(&self, ceremony: &str, signature: &Signature, stored: Stored<'_>) -> Result<Used, PasskeyError> {
        let (ceremony, challenge): (Value, String) = serde_json::from_str(ceremony)?;
        let challenge = challenge_handed(signature.client_data(), &decode(&challenge, "challenge")?);
        let ceremony: DiscoverableAuthentication = serde_json::from_value(over(&ceremony, &challenge))?;
        let verified = verify::verify_assertion(
            &self.expected(&challenge),
            &StoredCredential {
                public_key_cose: &decode(stored.public_key, "public key")?,
                algorithm: Algorithm::from_cose_id(stored.algorithm).ok_or(PasskeyError::Inconsistent("algorithm"))?,
                sign_count: stored.sign_count,
                backup_eligible: Some(stored.backup_eligible),
            },
            &Assertion {
                client_data_json: signature.client_data(),
                authenticator_data: signature.authenticator_data(),
                signature: signature.bytes(),
            },
        )?;
        let mut passkey: Value = serde_json::from_str(stored.webauthn)?;
        // The copies of a synced passkey count each on their own. The strict verifier knows that; webauthn-rs doesn't, so it
        // is shown a counter that any other is ahead of.
        if verified.backed_up
            && let Some(counter) = passkey.pointer_mut("/cred/counter")
        {
            *counter = 0.into();
        }
        let mut passkey: Passkey = serde_json::from_value(passkey)?;
        let result = self.webauthn.finish_discoverable_authentication_v2(&signature.answer, ceremony, &passkey)?;
        passkey.update_credential(&result);
        Ok(Used { sign_count: verified.sign_count, backed_up: verified.backed_up, webauthn: serde_json::to_string(&passkey)? })
    }

    fn expected<'a>(&'a self, challenge: &'a [u8]) -> Expected<'a> {
        Expected { relying_party: &self.relying_party, challenge, user_verification: UserVerification::Required }
    }
}

/// The state of a ceremony of webauthn-rs for what the authenticator was handed, which may be the challenge's text.
fn over(ceremony: &Value, challenge: &[u8]) -> Value {
    let mut ceremony = ceremony.clone();
    for place in ["/rs/challenge", "/ast/challenge"] {
        if let Some(found) = ceremony.pointer_mut(place) {
            *found = BASE64URL_NOPAD.encode(challenge).into();
        }
    }
    ceremony
}

/// Level 3, section 5.2.1.1: unknown transports are kept, but nothing that doesn't look like the name of one.
fn transports_in(response: &Value) -> Result<Vec<String>, PasskeyError> {
    const MOST: usize = 16;
    let Some(transports) = response.pointer("/response/transports") else { return Ok(Vec::new()) };
    let transports: Vec<String> = serde_json::from_value(transports.clone())?;
    let is_name = |name: &String| (1..=32).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    if transports.len() > MOST || !transports.iter().all(is_name) {
        return Err(PasskeyError::Inconsistent("transports"));
    }
    Ok(transports)
}

/// The user whom a handle names: by the 16 bytes of their id or, as a published client makes passkeys, by its text.
fn owner(handle: &[u8]) -> Option<UserId> {
    match handle.try_into() {
        Ok(bytes) => Some(UserId::from_bytes(bytes)),
        Err(_) => std::str::from_utf8(handle).ok()?.parse().ok(),
    }
}

fn decode(text: &str, what: &'static str) -> Result<Vec<u8>, PasskeyError> {
    BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| PasskeyError::Inconsistent(what))
}

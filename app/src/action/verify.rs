//! The strict verifier: every rule that a signature or a new credential must keep, in one place.
//!
//! `webauthn-rs` runs the ceremonies but lets through what a strict relying party refuses (frames of other sites, loose
//! origins, trailing bytes, padded challenges); everything is therefore judged here as well, and history can be checked
//! with nothing else. Hashes come in and the signature check happens outside, so that browser and server share the rules:
//!
//! ```text
//! check_assertion ──► CheckedAssertion { message, key, signature } ──► ring | WebCrypto
//!                                       └── signature_was_valid() ──► VerifiedAssertion { sign count, backup state }
//! ```

use thiserror::Error;

use super::authenticator_data::{AuthenticatorData, AuthenticatorDataError};
use super::cbor::{CborError, Reader};
use super::client_data::{Ceremony, ClientDataError, check_client_data};
use super::cose::{Algorithm, CoseError, PublicKey};

/// How long a credential id may be, in bytes: fewer could be guessed, more is beyond WebAuthn L3 §4.
const CREDENTIAL_ID_BYTES: std::ops::RangeInclusive<usize> = 16..=1023;

/// The site that credentials are for: us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingParty {
    /// SHA-256 of the relying party id, such as `example.org`.
    pub id_hash: [u8; 32],
    /// The origin that browsers report, such as `https://example.org`, byte for byte.
    pub origin: String,
}

#[cfg(feature = "ssr")]
impl RelyingParty {
    /// The relying party with this id and this origin.
    pub fn new(id: &str, origin: impl Into<String>) -> Self {
        Self { id_hash: super::challenge::sha256(id.as_bytes()), origin: origin.into() }
    }
}

/// Whether the authenticator must know that it was its owner who used it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserVerification {
    /// A touch without PIN or biometrics is refused.
    Required,
    /// A touch is enough.
    Preferred,
}

/// What a ceremony was started with.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Us.
    pub relying_party: &'a RelyingParty,
    /// The challenge that was given out, any length.
    pub challenge: &'a [u8],
    /// What was asked of the authenticator.
    pub user_verification: UserVerification,
}

/// What is stored about the credential that claims to have signed.
#[derive(Clone, Copy, Debug)]
pub struct StoredCredential<'a> {
    /// The `COSE_Key`, as it was registered.
    pub public_key_cose: &'a [u8],
    /// The algorithm that was allowed and found at registration.
    pub algorithm: Algorithm,
    /// The sign count of its last use.
    pub sign_count: u32,
    /// Whether it was backup eligible at registration, where that is known.
    pub backup_eligible: Option<bool>,
}

/// A signature as the browser hands it over (`AuthenticatorAssertionResponse`).
#[derive(Clone, Copy, Debug)]
pub struct Assertion<'a> {
    /// The client data, as bytes.
    pub client_data_json: &'a [u8],
    /// The authenticator data, as bytes.
    pub authenticator_data: &'a [u8],
    /// The signature over both. ES256: DER.
    pub signature: &'a [u8],
}

/// A new credential as the browser hands it over (`AuthenticatorAttestationResponse`).
#[derive(Clone, Copy, Debug)]
pub struct Registration<'a> {
    /// The credential's id beside the response (`rawId`).
    pub credential_id: &'a [u8],
    /// The client data, as bytes.
    pub client_data_json: &'a [u8],
    /// The attestation object, as bytes.
    pub attestation_object: &'a [u8],
}

/// Why either ceremony was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CeremonyError {
    /// The browser's part is wrong.
    #[error(transparent)]
    ClientData(#[from] ClientDataError),
    /// The authenticator's part can't be read.
    #[error(transparent)]
    AuthenticatorData(#[from] AuthenticatorDataError),
    /// The authenticator spoke to another site.
    #[error("The credential is for another relying party than ours.")]
    RelyingPartyDiffers,
    /// UP is not set.
    #[error("Nobody was present: the authenticator answered without a touch.")]
    UserAbsent,
    /// UV is required and not set.
    #[error("The authenticator didn't verify its owner by PIN or biometrics, which is required.")]
    UserNotVerified,
}

/// Why a signature was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AssertionError {
    /// A rule of both ceremonies.
    #[error(transparent)]
    Ceremony(#[from] CeremonyError),
    /// A key's signature for a passkey, or the other way round.
    #[error("The signature isn't of the kind that this credential makes.")]
    AnotherKind,
    /// AT is set, which only a registration may.
    #[error("The signature comes with a new credential, which only a registration may have.")]
    UnexpectedCredential,
    /// The stored key can't be used.
    #[error(transparent)]
    PublicKey(#[from] CoseError),
    /// BE is not what it was at registration.
    #[error("The passkey says something else than at its registration about whether it can be backed up.")]
    BackupEligibilityChanged,
    /// The signature is not the credential's over this message.
    #[error("The signature isn't valid for this credential.")]
    InvalidSignature,
    /// The signature is valid, but another one was made later or as often: perhaps by a copy of the authenticator.
    #[error(
        "The signature is valid, but its sign count {received} isn't above the last one, {stored}: \
         there may be a copy of the authenticator."
    )]
    SignCountWentBack {
        /// The count of the last signature.
        stored: u32,
        /// The count of this one.
        received: u32,
    },
}

/// Why a new credential was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RegistrationError {
    /// A rule of both ceremonies.
    #[error(transparent)]
    Ceremony(#[from] CeremonyError),
    /// The attestation object is not CBOR.
    #[error("The attestation object can't be read. {0}")]
    AttestationObject(#[from] CborError),
    /// The attestation object has other members.
    #[error("The attestation object doesn't have exactly the members fmt, attStmt and authData.")]
    AttestationMembers,
    /// AT is not set.
    #[error("The authenticator data has no new credential.")]
    NoCredential,
    /// The id is too short or too long.
    #[error("The credential's id has {0} bytes; 16 to 1023 are accepted.")]
    CredentialIdLength(usize),
    /// `rawId` is not the id in the authenticator data.
    #[error("The credential's id isn't the one that the authenticator gave.")]
    CredentialIdDiffers,
    /// The public key is not one that is allowed.
    #[error(transparent)]
    PublicKey(#[from] CoseError),
}

/// An assertion that keeps every rule but two, which need its signature: that this is valid, and the sign count.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedAssertion<'a> {
    message: Vec<u8>,
    public_key: PublicKey,
    signature: &'a [u8],
    stored_sign_count: u32,
    claimed: VerifiedAssertion,
}

impl<'a> CheckedAssertion<'a> {
    /// What was signed: `authenticatorData ‖ SHA-256(clientDataJSON)`.
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// The key that must have signed.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The signature to verify. ES256: DER.
    pub fn signature(&self) -> &'a [u8] {
        self.signature
    }

    /// To be called after the signature was verified. The sign count comes last: whoever can't sign must not be able to
    /// raise the alarm about a copied authenticator.
    ///
    /// # Errors
    ///
    /// [`AssertionError::SignCountWentBack`].
    pub fn signature_was_valid(self) -> Result<VerifiedAssertion, AssertionError> {
        let (stored, received) = (self.stored_sign_count, self.claimed.sign_count);
        let uncounted = stored == 0 && received == 0;
        // The copies of a synced passkey each count on their own, if at all.
        if received > stored || uncounted || self.claimed.backed_up {
            Ok(self.claimed)
        } else {
            Err(AssertionError::SignCountWentBack { stored, received })
        }
    }
}

/// What a verified signature says about the credential, to be stored with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedAssertion {
    /// The new sign count.
    pub sign_count: u32,
    /// Whether the credential may be backed up.
    pub backup_eligible: bool,
    /// Whether the credential is backed up now.
    pub backed_up: bool,
    /// Whether the authenticator knew its owner.
    pub user_verified: bool,
}

/// A new credential that keeps every rule; that its id is unknown so far is for storage to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCredential {
    /// The credential's id, 16 to 1023 bytes.
    pub credential_id: Vec<u8>,
    /// The public key: a canonical `COSE_Key`.
    pub public_key_cose: Vec<u8>,
    /// The one algorithm that the key signs with.
    pub algorithm: Algorithm,
    /// The first sign count.
    pub sign_count: u32,
    /// The authenticator's model; all zeros where it doesn't tell. Not proven, as attestation isn't judged.
    pub aaguid: [u8; 16],
    /// Whether the credential may be backed up.
    pub backup_eligible: bool,
    /// Whether the credential is backed up now.
    pub backed_up: bool,
    /// Whether the authenticator knew its owner.
    pub user_verified: bool,
}

/// Checks a signature against what was asked for and what is stored, up to the signature itself (WebAuthn L3 §7.2).
///
/// `client_data_hash` is SHA-256 of [`Assertion::client_data_json`].
///
/// # Errors
///
/// The first rule that the assertion breaks.
pub fn check_assertion<'a>(
    expected: &Expected,
    stored: &StoredCredential,
    assertion: &Assertion<'a>,
    client_data_hash: &[u8; 32],
) -> Result<CheckedAssertion<'a>, AssertionError> {
    check_client_data_of(expected, Ceremony::Authentication, assertion.client_data_json)?;
    let data = check_authenticator_data(expected, assertion.authenticator_data)?;
    // WebAuthn L3 §6.1: an assertion's authenticator data must not have attested credential data.
    if data.credential.is_some() {
        return Err(AssertionError::UnexpectedCredential);
    }
    let backup_eligible = data.flags.backup_eligible();
    if stored.backup_eligible.is_some_and(|stored| stored != backup_eligible) {
        return Err(AssertionError::BackupEligibilityChanged);
    }
    Ok(CheckedAssertion {
        message: [assertion.authenticator_data, client_data_hash].concat(),
        public_key: PublicKey::from_cose(stored.public_key_cose, &[stored.algorithm])?,
        signature: assertion.signature,
        stored_sign_count: stored.sign_count,
        claimed: VerifiedAssertion {
            sign_count: data.sign_count,
            backup_eligible,
            backed_up: data.flags.backed_up(),
            user_verified: data.flags.user_verified(),
        },
    })
}

/// Checks a signature against what was asked for and what is stored, and verifies it.
///
/// # Errors
///
/// The first rule that the assertion breaks; the sign count is looked at last.
#[cfg(feature = "ssr")]
pub fn verify_assertion(
    expected: &Expected,
    stored: &StoredCredential,
    assertion: &Assertion,
) -> Result<VerifiedAssertion, AssertionError> {
    let client_data_hash = super::challenge::sha256(assertion.client_data_json);
    let checked = check_assertion(expected, stored, assertion, &client_data_hash)?;
    checked
        .public_key()
        .verify(checked.message(), checked.signature())
        .map_err(|super::cose::InvalidSignature| AssertionError::InvalidSignature)?;
    checked.signature_was_valid()
}

/// Checks a new credential against what was asked for (WebAuthn L3 §7.1).
///
/// The attestation statement isn't judged: passkeys are accepted from any maker. It must be well-formed.
///
/// # Errors
///
/// The first rule that the registration breaks.
pub fn check_registration(
    expected: &Expected,
    registration: &Registration,
    allowed: &[Algorithm],
) -> Result<NewCredential, RegistrationError> {
    check_client_data_of(expected, Ceremony::Registration, registration.client_data_json)?;
    let data = check_authenticator_data(expected, authenticator_data_in(registration.attestation_object)?)?;
    let credential = data.credential.ok_or(RegistrationError::NoCredential)?;
    let length = credential.credential_id.len();
    if !CREDENTIAL_ID_BYTES.contains(&length) {
        return Err(RegistrationError::CredentialIdLength(length));
    }
    if credential.credential_id != registration.credential_id {
        return Err(RegistrationError::CredentialIdDiffers);
    }
    let public_key = PublicKey::from_cose(credential.public_key_cose, allowed)?;
    Ok(NewCredential {
        credential_id: credential.credential_id.to_vec(),
        public_key_cose: credential.public_key_cose.to_vec(),
        algorithm: public_key.algorithm(),
        sign_count: data.sign_count,
        aaguid: credential.aaguid,
        backup_eligible: data.flags.backup_eligible(),
        backed_up: data.flags.backed_up(),
        user_verified: data.flags.user_verified(),
    })
}

/// [`check_registration`] of a passkey, whose owner must have been verified, made at `origin` for the relying party whose id
/// hashes to `rp_id_hash`.
///
/// # Errors
///
/// The first rule that the registration breaks.
pub fn check_passkey_registration(
    origin: &str,
    rp_id_hash: [u8; 32],
    challenge: &[u8],
    registration: &Registration,
) -> Result<NewCredential, RegistrationError> {
    let relying_party = RelyingParty { id_hash: rp_id_hash, origin: origin.to_owned() };
    let expected = Expected { relying_party: &relying_party, challenge, user_verification: UserVerification::Required };
    check_registration(&expected, registration, super::cose::PASSKEY_ALGORITHMS)
}

fn check_client_data_of(expected: &Expected, ceremony: Ceremony, json: &[u8]) -> Result<(), CeremonyError> {
    check_client_data(json, ceremony, expected.challenge, &expected.relying_party.origin)?;
    Ok(())
}

fn check_authenticator_data<'a>(expected: &Expected, bytes: &'a [u8]) -> Result<AuthenticatorData<'a>, CeremonyError> {
    let data = AuthenticatorData::parse(bytes)?;
    if data.rp_id_hash != expected.relying_party.id_hash {
        return Err(CeremonyError::RelyingPartyDiffers);
    }
    if !data.flags.user_present() {
        return Err(CeremonyError::UserAbsent);
    }
    match expected.user_verification {
        UserVerification::Required if !data.flags.user_verified() => Err(CeremonyError::UserNotVerified),
        UserVerification::Required | UserVerification::Preferred => Ok(data),
    }
}

/// The authenticator data in an attestation object: a map with exactly `fmt` (text), `attStmt` (map) and `authData`
/// (bytes), in any order, since the object as a whole is not signed (WebAuthn L3 §6.5.4).
fn authenticator_data_in(attestation_object: &[u8]) -> Result<&[u8], RegistrationError> {
    let mut reader = Reader::new(attestation_object);
    let members = reader.text_map()?;
    reader.end()?;
    let (3, Some(fmt), Some(statement), Some(data)) = (members.len(), members.get("fmt"), members.get("attStmt"), members.get("authData"))
    else {
        return Err(RegistrationError::AttestationMembers);
    };
    Reader::new(fmt).text()?;
    Reader::new(statement).any_map()?;
    Ok(Reader::new(data).bytes()?)
}

#[cfg(all(test, feature = "ssr"))]
mod tests;

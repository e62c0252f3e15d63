//! The project's own cases of WebAuthn's ceremonies (`app/tests/vectors`), which fuzzing begins with.

use app::action::{cose::KEY_ALGORITHMS, cose::PublicKey, verify::RelyingParty};
use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use std::sync::LazyLock;

/// What every case was asked to sign.
pub const CHALLENGE: &[u8] = &[0xc5; 32];
/// Whom every case is for.
pub const ORIGIN: &str = "https://countersign.example";

/// Whom every case is for.
pub static RELYING_PARTY: LazyLock<RelyingParty> = LazyLock::new(|| RelyingParty::new("countersign.example", ORIGIN));

/// A case; byte strings are unpadded base64url.
#[derive(Debug, Deserialize)]
pub struct Case {
    pub name: String,
    pub ceremony: String,
    pub user_verification: String,
    pub credential_id: String,
    pub public_key_cose: Option<String>,
    pub stored: Option<Stored>,
    pub response: Response,
    pub expect: String,
}

/// What is known of the credential.
#[derive(Debug, Deserialize)]
pub struct Stored {
    pub sign_count: u32,
    pub backup_eligible: Option<bool>,
}

/// What the browser handed over.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    #[serde(rename = "clientDataJSON")]
    pub client_data_json: String,
    pub authenticator_data: Option<String>,
    pub signature: Option<String>,
    pub attestation_object: Option<String>,
}

/// Every case.
pub static ALL: LazyLock<Vec<Case>> = LazyLock::new(|| {
    #[derive(Deserialize)]
    struct Vectors {
        cases: Vec<Case>,
    }
    let text = include_str!("../../../../app/tests/vectors/own.json");
    serde_json::from_str::<Vectors>(text).unwrap().cases
});

/// The bytes of a member.
pub fn bytes(text: &str) -> Vec<u8> {
    BASE64URL_NOPAD.decode(text.as_bytes()).unwrap()
}

/// Signatures that count.
pub static SIGNED: LazyLock<Vec<Signed>> = LazyLock::new(|| {
    let good = ALL.iter().filter(|case| case.ceremony == "authentication" && case.expect == "accept");
    good.map(|case| {
        let key_cose = bytes(case.public_key_cose.as_ref().unwrap());
        Signed {
            key: PublicKey::from_cose(&key_cose, KEY_ALGORITHMS).unwrap(),
            key_cose,
            stored: case.stored.as_ref().unwrap(),
            is_verification_required: case.user_verification == "required",
            authenticator_data: bytes(case.response.authenticator_data.as_ref().unwrap()),
            client_data: bytes(&case.response.client_data_json),
            signature: bytes(case.response.signature.as_ref().unwrap()),
        }
    })
    .collect()
});

/// A signature that counts.
#[derive(Debug)]
pub struct Signed {
    pub key: PublicKey,
    pub key_cose: Vec<u8>,
    pub stored: &'static Stored,
    pub is_verification_required: bool,
    pub authenticator_data: Vec<u8>,
    pub client_data: Vec<u8>,
    pub signature: Vec<u8>,
}

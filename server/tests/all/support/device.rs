//! An authenticator of our own, in the browser of our own: it speaks as honestly as a test lets it. What a test changes
//! before the signature is signed; what it changes in the JSON afterwards is a forgery.

use app::action::recovery_key::recovery_key_message;
use data_encoding::BASE64URL_NOPAD;
use ring::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    rsa::PublicKeyComponents,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde_json::{Map, Value, json};

pub const USER_PRESENT: u8 = 1;
pub const USER_VERIFIED: u8 = 1 << 2;
pub const BACKUP_ELIGIBLE: u8 = 1 << 3;
pub const BACKED_UP: u8 = 1 << 4;
const HAS_CREDENTIAL: u8 = 1 << 6;

pub fn base64url(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

pub fn random<const LENGTH: usize>() -> [u8; LENGTH] {
    server::ambient::Ambient::of_this_machine().bytes()
}

enum Key {
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
}

/// Holds one discoverable passkey.
pub struct Device {
    key: Key,
    pub credential_id: Vec<u8>,
    pub flags: u8,
    pub sign_count: u32,
    /// Whether it counts its signatures.
    pub counts: bool,
    pub aaguid: [u8; 16],
    pub transports: Vec<&'static str>,
    /// The page's origin, as the browser knows it.
    pub origin: String,
    pub user_handle: Vec<u8>,
}

/// What device and browser are about to say.
pub struct Says {
    pub client_data: Map<String, Value>,
    /// Instead of `client_data`, byte for byte.
    pub client_data_text: Option<String>,
    pub rp_id: String,
    pub flags: u8,
    pub sign_count: u32,
    /// Bytes after the authenticator data.
    pub trailing: Vec<u8>,
    pub credential_id: Vec<u8>,
    pub user_handle: Option<Vec<u8>>,
}

impl Device {
    /// A security key: bound to itself, counting.
    pub fn security_key(origin: &str) -> Self {
        let random_source = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random_source).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random_source).unwrap();
        Self::with_key(Key::Es256(pair), origin)
    }

    /// A computer's authenticator that signs with RSA, as Windows Hello does.
    pub fn signing_with_rsa(origin: &str) -> Self {
        let pkcs8 = include_bytes!("../../../../app/tests/vectors/rsa-2048.pk8");
        Self::with_key(Key::Rs256(RsaKeyPair::from_pkcs8(pkcs8).unwrap()), origin)
    }

    /// A password manager: synced, not counting.
    pub fn password_manager(origin: &str) -> Self {
        let device = Self::security_key(origin);
        Self { flags: device.flags | BACKUP_ELIGIBLE | BACKED_UP, counts: false, transports: vec!["internal", "hybrid"], ..device }
    }

    fn with_key(key: Key, origin: &str) -> Self {
        Self {
            key,
            credential_id: random::<32>().to_vec(),
            flags: USER_PRESENT | USER_VERIFIED,
            sign_count: 0,
            counts: true,
            aaguid: *b"a story's device",
            transports: vec!["usb", "nfc"],
            origin: origin.to_owned(),
            user_handle: Vec::new(),
        }
    }

    pub fn with_credential_id(self, id: &[u8]) -> Self {
        Self { credential_id: id.to_vec(), ..self }
    }

    pub fn with_flags(self, flags: u8) -> Self {
        Self { flags, ..self }
    }

    /// `navigator.credentials.create()`, honestly.
    pub fn create(&mut self, options: &Value) -> Value {
        self.create_with(options, |_| ())
    }

    /// The same, but what is said is changed before it is signed.
    pub fn create_with(&mut self, options: &Value, change: impl FnOnce(&mut Says)) -> Value {
        self.user_handle = BASE64URL_NOPAD.decode(options["user"]["id"].as_str().unwrap().as_bytes()).unwrap();
        let mut says = self.about_to_say("webauthn.create", options, options["rp"]["id"].as_str().unwrap());
        change(&mut says);
        let mut data = says.authenticator_data(HAS_CREDENTIAL);
        data.extend(self.aaguid);
        data.extend(u16::try_from(says.credential_id.len()).unwrap().to_be_bytes());
        data.extend(&says.credential_id);
        data.extend(self.cose_key());
        data.extend(&says.trailing);
        let client_data = says.client_data();
        json!({
            "id": base64url(&says.credential_id),
            "rawId": base64url(&says.credential_id),
            "type": "public-key",
            "authenticatorAttachment": "cross-platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": base64url(client_data.as_bytes()),
                "attestationObject": base64url(&attestation_object(&data)),
                "authenticatorData": base64url(&data),
                "transports": self.transports,
                "publicKeyAlgorithm": match self.key { Key::Es256(_) => -7, Key::Rs256(_) => -257 },
            },
        })
    }

    /// `navigator.credentials.get()`, honestly.
    pub fn get(&mut self, options: &Value) -> Value {
        self.get_with(options, |_| ())
    }

    /// The same, but what is said is changed before it is signed.
    pub fn get_with(&mut self, options: &Value, change: impl FnOnce(&mut Says)) -> Value {
        let mut says = self.about_to_say("webauthn.get", options, options["rpId"].as_str().unwrap());
        change(&mut says);
        let mut data = says.authenticator_data(0);
        data.extend(&says.trailing);
        let client_data = says.client_data();
        let signature = self.sign(&[&data, digest(&SHA256, client_data.as_bytes()).as_ref()].concat());
        json!({
            "id": base64url(&says.credential_id),
            "rawId": base64url(&says.credential_id),
            "type": "public-key",
            "authenticatorAttachment": "cross-platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": base64url(client_data.as_bytes()),
                "authenticatorData": base64url(&data),
                "signature": base64url(&signature),
                "userHandle": says.user_handle.as_deref().map(base64url),
            },
        })
    }

    fn about_to_say(&mut self, kind: &str, options: &Value, rp_id: &str) -> Says {
        if self.counts {
            self.sign_count += 1;
        }
        let client_data = json!({ "type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": false });
        Says {
            client_data: client_data.as_object().unwrap().clone(),
            client_data_text: None,
            rp_id: rp_id.to_owned(),
            flags: self.flags,
            sign_count: self.sign_count,
            trailing: Vec::new(),
            credential_id: self.credential_id.clone(),
            user_handle: Some(self.user_handle.clone()),
        }
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random_source = SystemRandom::new();
        match &self.key {
            Key::Es256(pair) => pair.sign(&random_source, message).unwrap().as_ref().to_vec(),
            Key::Rs256(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random_source, message, &mut signature).unwrap();
                signature
            }
        }
    }

    /// RFC 9053 and RFC 8230, in CTAP2's canonical order.
    pub fn cose_key(&self) -> Vec<u8> {
        match &self.key {
            Key::Es256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                [&[0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20], x, &[0x22, 0x58, 0x20], y].concat()
            }
            Key::Rs256(pair) => {
                let parts: PublicKeyComponents<Vec<u8>> = pair.public().into();
                let (modulus, exponent) = (byte_string(&parts.n), byte_string(&parts.e));
                [&[0xa4, 0x01, 0x03, 0x03, 0x39, 0x01, 0x00, 0x20], modulus.as_slice(), &[0x21], &exponent].concat()
            }
        }
    }
}

impl Says {
    fn authenticator_data(&self, more_flags: u8) -> Vec<u8> {
        let rp_id_hash = digest(&SHA256, self.rp_id.as_bytes());
        [rp_id_hash.as_ref(), &[self.flags | more_flags], &self.sign_count.to_be_bytes()].concat()
    }

    fn client_data(&self) -> String {
        self.client_data_text.clone().unwrap_or_else(|| Value::Object(self.client_data.clone()).to_string())
    }

    /// Says another value of a member of the client data.
    pub fn claim(&mut self, member: &str, value: impl Into<Value>) {
        self.client_data.insert(member.to_owned(), value.into());
    }
}

/// `{"fmt": "none", "attStmt": {}, "authData": …}`
fn attestation_object(authenticator_data: &[u8]) -> Vec<u8> {
    [b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData".as_slice(), &byte_string(authenticator_data)].concat()
}

/// CBOR, in the shortest form.
fn byte_string(bytes: &[u8]) -> Vec<u8> {
    let head = match bytes.len() {
        short @ 0..=23 => vec![0x40 | u8::try_from(short).unwrap()],
        byte @ 24..=255 => vec![0x58, u8::try_from(byte).unwrap()],
        long => [&[0x59], u16::try_from(long).unwrap().to_be_bytes().as_slice()].concat(),
    };
    [head.as_slice(), bytes].concat()
}

/// The recovery kit's key, as the browser derives it.
pub struct RecoveryKit {
    pair: Ed25519KeyPair,
    pub salt: [u8; 32],
}

impl RecoveryKit {
    pub fn new() -> Self {
        Self { pair: Ed25519KeyPair::from_seed_unchecked(&random::<32>()).unwrap(), salt: random() }
    }

    pub fn public_key(&self) -> String {
        base64url(self.pair.public_key().as_ref())
    }

    /// `NewRecoveryKey` over a registration's challenge.
    pub fn proof(&self, challenge: &str) -> Value {
        let challenge = BASE64URL_NOPAD.decode(challenge.as_bytes()).unwrap();
        json!({
            "public_key": self.public_key(),
            "salt": base64url(&self.salt),
            "signature": base64url(self.pair.sign(&recovery_key_message(&challenge)).as_ref()),
        })
    }

    pub fn sign(&self, message: &[u8]) -> String {
        base64url(self.pair.sign(message).as_ref())
    }
}

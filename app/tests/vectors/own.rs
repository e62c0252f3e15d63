//! Writes the project's own vectors, `own.json`: what every strict verifier must accept, and what it must refuse.
//!
//! Every byte is determined: fixed keys, deterministic signatures. To write the file anew after adding a case:
//!
//! ```text
//! cargo test -p app --features ssr --test vectors -- --ignored write_own_vectors
//! ```
//!
//! The keys are for these tests only. `rsa-2048.pk8` was made with `openssl genpkey`.

use std::fs;

use app::action::challenge::sha256;
use data_encoding::BASE64URL_NOPAD;
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use ring::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};

use super::{Answer, Case, Ceremony, Response, Stored, Vectors, Verification, own_folder};

const RP_ID: &str = "countersign.example";
const ORIGIN: &str = "https://countersign.example";
const CHALLENGE: [u8; 32] = [0xc5; 32];
const CREDENTIAL_ID: [u8; 16] = [0x1d; 16];
const RSA: &[u8] = include_bytes!("rsa-2048.pk8");

const UP: u8 = 1;
const UV: u8 = 1 << 2;
const BE: u8 = 1 << 3;
const BS: u8 = 1 << 4;
const AT: u8 = 1 << 6;
const ED: u8 = 1 << 7;

#[test]
fn own_vectors_are_what_this_writes() {
    let written: Vectors = serde_json::from_str(&fs::read_to_string(path()).unwrap()).unwrap();
    assert_eq!(written, vectors());
}

#[test]
#[ignore = "writes own.json"]
fn write_own_vectors() {
    let text = serde_json::to_string_pretty(&vectors()).unwrap();
    fs::write(path(), text + "\n").unwrap();
}

fn path() -> std::path::PathBuf {
    own_folder().join("own.json")
}

fn vectors() -> Vectors {
    Vectors {
        source: "Countersign, app/tests/vectors/own.rs".to_owned(),
        licence: "MIT OR Apache-2.0".to_owned(),
        cases: [
            accepted_authentications(),
            rejected_client_data(),
            rejected_authenticator_data(),
            rejected_keys_and_signatures(),
            registrations_of_keys(),
            rejected_registrations(),
        ]
        .into_iter()
        .flatten()
        .collect(),
    }
}

/// What an authentication case is made of; a case changes what it is about.
struct Authentication {
    client_data: Vec<u8>,
    authenticator_data: Vec<u8>,
    public_key: Vec<u8>,
    sign: fn(&[u8]) -> Vec<u8>,
    user_verification: Verification,
    stored: Stored,
}

impl Authentication {
    fn good() -> Self {
        Self {
            client_data: client_data("webauthn.get", ""),
            authenticator_data: authenticator_data(UP | UV, 8, &[]),
            public_key: es256_cose(),
            sign: sign_es256,
            user_verification: Verification::Required,
            stored: Stored { sign_count: 7, backup_eligible: Some(false) },
        }
    }

    fn with_client_data(client_data: impl Into<Vec<u8>>) -> Self {
        Self { client_data: client_data.into(), ..Self::good() }
    }

    fn with_member(member: &str) -> Self {
        Self::with_client_data(client_data("webauthn.get", member))
    }

    /// Something in the good client data is spelled differently.
    fn with_spelling(good: &str, other: &str) -> Self {
        let text = String::from_utf8(client_data("webauthn.get", "")).unwrap();
        assert!(text.contains(good));
        Self::with_client_data(text.replace(good, other))
    }

    fn with_data(flags: u8, sign_count: u32, rest: &[u8]) -> Self {
        Self {
            authenticator_data: authenticator_data(flags, sign_count, rest),
            stored: Stored { sign_count: 7, backup_eligible: Some(flags & BE != 0) },
            ..Self::good()
        }
    }

    fn case(self, name: &str, expect: Answer, why: &str) -> Case {
        let message = [&self.authenticator_data[..], &sha256(&self.client_data)].concat();
        Case {
            name: format!("own/authentication/{name}"),
            ceremony: Ceremony::Authentication,
            rp_id: RP_ID.to_owned(),
            origin: ORIGIN.to_owned(),
            challenge: base64url(&CHALLENGE),
            user_verification: self.user_verification,
            credential_id: base64url(&CREDENTIAL_ID),
            public_key_cose: Some(base64url(&self.public_key)),
            stored: Some(self.stored),
            response: Response {
                client_data_json: base64url(&self.client_data),
                authenticator_data: Some(base64url(&self.authenticator_data)),
                signature: Some(base64url(&(self.sign)(&message))),
                attestation_object: None,
            },
            expect,
            why: why.to_owned(),
        }
    }

    fn accept(self, name: &str, why: &str) -> Case {
        self.case(name, Answer::Accept, why)
    }

    fn reject(self, name: &str, why: &str) -> Case {
        self.case(name, Answer::Reject, why)
    }
}

fn accepted_authentications() -> Vec<Case> {
    let preferred = Authentication { user_verification: Verification::Preferred, ..Authentication::with_data(UP, 8, &[]) };
    let rs256 = Authentication { public_key: rs256_cose(), sign: sign_rs256, ..Authentication::good() };
    let mut uncounted = Authentication::with_data(UP | UV, 0, &[]);
    uncounted.stored.sign_count = 0;
    vec![
        Authentication::good().accept("es256", "a plain ES256 assertion"),
        rs256.accept("rs256", "a plain RS256 assertion, 2048 bits"),
        preferred.accept("uv-preferred", "user verification preferred and not done"),
        uncounted.accept("sign-count-zero", "an authenticator that doesn't count"),
        Authentication::with_data(UP | UV | BE | BS, 3, &[])
            .accept("sign-count-back-backed-up", "copies of a synced passkey count on their own"),
        Authentication::with_member(r#","crossOrigin":false"#).accept("cross-origin-false", "crossOrigin false"),
        Authentication::with_member(r#","other_keys_can_be_added_here":"do not compare clientDataJSON against a template""#)
            .accept("unknown-member", "browsers add members on purpose"),
        Authentication::with_data(UP | UV | ED, 8, b"\xa1\x6bhmac-secret\x41\x00")
            .accept("extensions", "extension outputs that ED announces"),
    ]
}

fn rejected_client_data() -> Vec<Case> {
    let challenge = base64url(&CHALLENGE);
    let loose_challenge = {
        let (last, start) = (challenge.chars().last().unwrap(), &challenge[..challenge.len() - 1]);
        // 32 bytes leave two bits of the last symbol unused.
        assert_eq!(last, 'U');
        format!("{start}V")
    };
    let mut not_utf8 = client_data("webauthn.get", r#","a":"X""#);
    let place = not_utf8.iter().rposition(|byte| *byte == b'X').unwrap();
    not_utf8[place] = 0xff;
    let good = client_data("webauthn.get", "");
    let with = Authentication::with_client_data;
    let member = Authentication::with_member;
    let spelling = Authentication::with_spelling;
    let origin = |other: &str| Authentication::with_spelling(ORIGIN, other);
    vec![
        member(r#","crossOrigin":true"#).reject("cross-origin-true", "crossOrigin is true"),
        member(r#","crossOrigin":null"#).reject("cross-origin-null", "crossOrigin is not a boolean"),
        member(r#","crossOrigin":"false""#).reject("cross-origin-text", "crossOrigin is not a boolean"),
        member(r#","topOrigin":"https://countersign.example""#).reject("top-origin", "there is a topOrigin"),
        member(r#","crossOrigin":false,"topOrigin":null"#).reject("top-origin-null", "there is a topOrigin"),
        spelling(&challenge, &format!("{challenge}=")).reject("challenge-padded", "the challenge is padded"),
        spelling(&challenge, &loose_challenge).reject("challenge-loose-bits", "the challenge isn't canonical base64url"),
        spelling(&challenge, &base64url(&[0xc6; 32])).reject("challenge-other", "another challenge"),
        origin("https://countersign.example/").reject("origin-slash", "the origin has a path"),
        origin("https://countersign.example/path").reject("origin-path", "the origin has a path"),
        origin("https://user@countersign.example").reject("origin-user", "the origin has user info"),
        origin("https://Countersign.example").reject("origin-upper-case", "the origin is in upper case"),
        origin("https://countersign.example:443").reject("origin-port", "the origin names the default port"),
        origin("https://sub.countersign.example").reject("origin-subdomain", "the origin is a subdomain"),
        origin("http://countersign.example").reject("origin-http", "the origin isn't https"),
        spelling("webauthn.get", "webauthn.create").reject("type-create", "made by a registration"),
        spelling("webauthn.get", "payment.get").reject("type-payment", "made for a payment"),
        member(r#","type":"webauthn.get""#).reject("duplicate-type", "type is there twice"),
        member(r#","\u006frigin":"https://countersign.example""#)
            .reject("duplicate-origin-escaped", "origin is there twice, once with an escape"),
        member(r#","x":1,"x":1"#).reject("duplicate-unknown", "an unknown member is there twice"),
        member(r#","x":{"y":1,"y":1}"#).reject("duplicate-nested", "a member of an unknown member is there twice"),
        with([b"\xef\xbb\xbf", &good[..]].concat()).reject("byte-order-mark", "a byte-order mark"),
        with(not_utf8).reject("not-utf8", "not UTF-8"),
        with([&good[..], b"x"].concat()).reject("trailing-text", "something after the JSON"),
        with([b"[", &good[..], b"]"].concat()).reject("array", "not an object"),
        spelling(r#","origin":"#, r#","origins":"#).reject("no-origin", "there is no origin"),
    ]
}

fn rejected_authenticator_data() -> Vec<Case> {
    let data = Authentication::with_data;
    let mut other_rp = Authentication::good();
    other_rp.authenticator_data[..32].copy_from_slice(&sha256(b"example.org"));
    let mut short = Authentication::good();
    short.authenticator_data.pop();
    let mut eligibility = data(UP | UV | BE, 8, &[]);
    eligibility.stored.backup_eligible = Some(false);
    let mut no_longer_eligible = data(UP | UV, 8, &[]);
    no_longer_eligible.stored.backup_eligible = Some(true);
    let mut went_to_zero = data(UP | UV, 0, &[]);
    went_to_zero.stored.sign_count = 1;
    vec![
        other_rp.reject("rp-id-hash", "made for another relying party"),
        short.reject("short", "authenticatorData is too short"),
        data(UP | UV, 8, &[0]).reject("trailing-byte", "a byte after authenticatorData"),
        data(UP | UV, 8, b"\xa0").reject("extensions-unannounced", "extensions without ED"),
        data(UP | UV | ED, 8, &[]).reject("extensions-missing", "ED without extensions"),
        data(UP | UV | ED, 8, b"\xa0\0").reject("extensions-trailing-byte", "a byte after the extensions"),
        data(UP | UV | ED, 8, b"\x80").reject("extensions-array", "extensions that are no map"),
        data(UP | UV | AT, 8, &attested(&CREDENTIAL_ID, &es256_cose()))
            .reject("attested-credential", "an assertion has no attested credential data"),
        data(UP | UV | BS, 8, &[]).reject("backed-up-not-eligible", "BS without BE"),
        data(UV, 8, &[]).reject("user-absent", "UP is not set"),
        data(UP, 8, &[]).reject("user-not-verified", "user verification required but not done"),
        eligibility.reject("backup-eligible-now", "BE is set, and was not at registration"),
        no_longer_eligible.reject("backup-eligible-no-more", "BE is not set, and was at registration"),
        data(UP | UV, 6, &[]).reject("sign-count-back", "the sign count went back"),
        data(UP | UV, 7, &[]).reject("sign-count-same", "the sign count stood still"),
        data(UP | UV | BE, 6, &[]).reject("sign-count-back-eligible", "the sign count went back, not backed up"),
        went_to_zero.reject("sign-count-to-zero", "the sign count went back to zero"),
    ]
}

fn rejected_keys_and_signatures() -> Vec<Case> {
    let with_key = |public_key| Authentication { public_key, ..Authentication::good() };
    let with_sign = |sign| Authentication { sign, ..Authentication::good() };
    let trailing = [&es256_cose()[..], &[0]].concat();
    let ed25519 = Authentication { public_key: ed25519_cose(), sign: sign_ed25519, ..Authentication::good() };
    vec![
        with_key(p384_cose()).reject("es256-p384-point", "an ES256 key with a P-384 point"),
        with_key(trailing).reject("key-trailing-byte", "a byte after the COSE key"),
        with_key(rs256_cose()).reject("key-of-other-algorithm", "an ES256 signature and an RS256 key"),
        with_sign(sign_es256_fixed).reject("signature-not-der", "an ES256 signature that is not DER"),
        with_sign(|message| [sign_es256(message), vec![0]].concat()).reject("signature-trailing-byte", "a byte after the signature"),
        with_sign(|_| sign_es256(b"something else")).reject("signature-of-other-bytes", "a signature over something else"),
        with_sign(|_| Vec::new()).reject("signature-empty", "no signature"),
        ed25519.reject("ed25519", "Ed25519 is for keys, not for passkeys"),
    ]
}

fn registrations_of_keys() -> Vec<Case> {
    let case = |name: &str, key: &[u8], expect: Answer, why: &str| {
        let data = authenticator_data(UP | UV | AT, 0, &attested(&CREDENTIAL_ID, key));
        registration(name, &CREDENTIAL_ID, &attestation_object(&data), expect, why)
    };
    let accept = |name: &str, key: &[u8], why: &str| case(name, key, Answer::Accept, why);
    let reject = |name: &str, key: &[u8], why: &str| case(name, key, Answer::Reject, why);
    let good = es256_cose();
    let compressed = [&good[..good.len() - 34], b"\xf5"].concat();
    let unsorted = [b"\xa5\x03\x26\x01\x02", &good[5..]].concat();
    let duplicate = [b"\xa6\x01\x02\x01\x02", &good[3..]].concat();
    let unknown_member = [b"\xa6", &good[1..5], b"\x04\x81\x02", &good[5..]].concat();
    let long_integer = [b"\xa5\x01\x18\x02", &good[3..]].concat();
    let indefinite = [b"\xbf", &good[1..], b"\xff"].concat();
    let rsa_1024 = rsa_cose(&[0xff; 128], &[1, 0, 1]);
    let rsa_exponent_1 = rsa_cose(&[0xff; 256], &[1]);
    vec![
        accept("es256", &good, "a plain ES256 registration"),
        accept("rs256", &rs256_cose(), "a plain RS256 registration, 2048 bits"),
        reject("ed25519", &ed25519_cose(), "Ed25519 is for keys, not for passkeys"),
        reject("es256-p384-point", &p384_cose(), "an ES256 key with a P-384 point"),
        reject("es256-compressed", &compressed, "a compressed point"),
        reject("es384", &es384_cose(), "ES384 is not an algorithm of ours"),
        reject("rs256-1024", &rsa_1024, "an RSA key with 1024 bits"),
        reject("rs256-exponent-1", &rsa_exponent_1, "an RSA key with exponent 1"),
        reject("key-unsorted", &unsorted, "the key's members are out of order"),
        reject("key-duplicate", &duplicate, "the key type is there twice"),
        reject("key-unknown-member", &unknown_member, "the key lists its operations"),
        reject("key-long-integer", &long_integer, "an integer is not in its shortest form"),
        reject("key-indefinite", &indefinite, "the key is a map of indefinite length"),
    ]
}

fn rejected_registrations() -> Vec<Case> {
    let id = |name: &str, raw_id: &[u8], id: &[u8], why: &str| {
        let data = authenticator_data(UP | UV | AT, 0, &attested(id, &es256_cose()));
        registration(name, raw_id, &attestation_object(&data), Answer::Reject, why)
    };
    let data = |name: &str, flags: u8, rest: &[u8], why: &str| {
        let object = attestation_object(&authenticator_data(flags, 0, rest));
        registration(name, &CREDENTIAL_ID, &object, Answer::Reject, why)
    };
    let object = |name: &str, object: &[u8], why: &str| registration(name, &CREDENTIAL_ID, object, Answer::Reject, why);
    let credential = attested(&CREDENTIAL_ID, &es256_cose());
    let longer = [&credential[..], &[0]].concat();
    let good = attestation_object(&authenticator_data(UP | UV | AT, 0, &credential));
    let trailing = [&good[..], &[0]].concat();
    let four_members = [b"\xa4", &good[1..], b"\x62ep\xf5"].concat();
    let duplicate = [b"\xa4\x63fmt\x64none", &good[1..]].concat();
    vec![
        id("id-15-bytes", &[1; 15], &[1; 15], "a credential id of 15 bytes"),
        id("id-1024-bytes", &[1; 1024], &[1; 1024], "a credential id of 1024 bytes"),
        id("id-differs", &CREDENTIAL_ID, &[2; 16], "rawId is not the authenticator's id"),
        data("no-credential", UP | UV, &[], "AT is not set"),
        data("user-absent", UV | AT, &credential, "UP is not set"),
        data("user-not-verified", UP | AT, &credential, "user verification required but not done"),
        data("backed-up-not-eligible", UP | UV | BS | AT, &credential, "BS without BE"),
        data("trailing-byte", UP | UV | AT, &longer, "a byte after authenticatorData"),
        object("object-trailing-byte", &trailing, "a byte after the attestation object"),
        object("object-more-members", &four_members, "the attestation object has a fourth member"),
        object("object-duplicate", &duplicate, "the attestation object has fmt twice"),
    ]
}

fn registration(name: &str, credential_id: &[u8], attestation_object: &[u8], expect: Answer, why: &str) -> Case {
    Case {
        name: format!("own/registration/{name}"),
        ceremony: Ceremony::Registration,
        rp_id: RP_ID.to_owned(),
        origin: ORIGIN.to_owned(),
        challenge: base64url(&CHALLENGE),
        user_verification: Verification::Required,
        credential_id: base64url(credential_id),
        public_key_cose: None,
        stored: None,
        response: Response {
            client_data_json: base64url(&client_data("webauthn.create", "")),
            authenticator_data: None,
            signature: None,
            attestation_object: Some(base64url(attestation_object)),
        },
        expect,
        why: why.to_owned(),
    }
}

fn base64url(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

fn client_data(kind: &str, more: &str) -> Vec<u8> {
    let challenge = base64url(&CHALLENGE);
    format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{ORIGIN}"{more}}}"#).into_bytes()
}

fn authenticator_data(flags: u8, sign_count: u32, rest: &[u8]) -> Vec<u8> {
    [&sha256(RP_ID.as_bytes())[..], &[flags], &sign_count.to_be_bytes(), rest].concat()
}

fn attested(id: &[u8], public_key: &[u8]) -> Vec<u8> {
    let length = u16::try_from(id.len()).unwrap().to_be_bytes();
    [&[0xaa; 16][..], &length, id, public_key].concat()
}

fn attestation_object(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap().to_be_bytes();
    let head = if data.len() < 256 { vec![0x58, length[1]] } else { vec![0x59, length[0], length[1]] };
    [b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData", &head[..], data].concat()
}

fn es256() -> SigningKey {
    SigningKey::from_slice(&[0x5e; 32]).unwrap()
}

fn es256_cose() -> Vec<u8> {
    let point = es256().verifying_key().to_encoded_point(false);
    let (x, y) = (point.x().unwrap(), point.y().unwrap());
    [b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20", &x[..], b"\x22\x58\x20", y].concat()
}

/// RFC 6979: the same message gives the same signature.
fn sign_es256(message: &[u8]) -> Vec<u8> {
    let signature: Signature = es256().sign(message);
    signature.to_der().as_bytes().to_vec()
}

fn sign_es256_fixed(message: &[u8]) -> Vec<u8> {
    let signature: Signature = es256().sign(message);
    signature.to_bytes().to_vec()
}

/// The base point of P-384, from FIPS 186-4.
fn p384_point() -> (Vec<u8>, Vec<u8>) {
    let decode = |hex: &[u8]| data_encoding::HEXLOWER.decode(hex).unwrap();
    (
        decode(b"aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7"),
        decode(b"3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f"),
    )
}

/// Algorithm ES256, curve P-384.
fn p384_cose() -> Vec<u8> {
    let (x, y) = p384_point();
    [b"\xa5\x01\x02\x03\x26\x20\x02\x21\x58\x30", &x[..], b"\x22\x58\x30", &y].concat()
}

/// Algorithm ES384, curve P-384.
fn es384_cose() -> Vec<u8> {
    let (x, y) = p384_point();
    [b"\xa5\x01\x02\x03\x38\x22\x20\x02\x21\x58\x30", &x[..], b"\x22\x58\x30", &y].concat()
}

fn rs256_cose() -> Vec<u8> {
    let key: ring::rsa::PublicKeyComponents<Vec<u8>> = RsaKeyPair::from_pkcs8(RSA).unwrap().public().into();
    rsa_cose(&key.n, &key.e)
}

fn rsa_cose(n: &[u8], e: &[u8]) -> Vec<u8> {
    let length = u16::try_from(n.len()).unwrap().to_be_bytes();
    let n_head = if n.len() < 256 { vec![0x58, length[1]] } else { vec![0x59, length[0], length[1]] };
    let e_head = 0x40 | u8::try_from(e.len()).unwrap();
    [b"\xa4\x01\x03\x03\x39\x01\x00\x20", &n_head[..], n, b"\x21", &[e_head], e].concat()
}

/// PKCS #1 v1.5 takes no randomness into the signature; `ring` wants it for blinding.
fn sign_rs256(message: &[u8]) -> Vec<u8> {
    let key = RsaKeyPair::from_pkcs8(RSA).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &ring::rand::SystemRandom::new(), message, &mut signature).unwrap();
    signature
}

fn ed25519() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[0xed; 32]).unwrap()
}

fn ed25519_cose() -> Vec<u8> {
    [b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20", ed25519().public_key().as_ref()].concat()
}

fn sign_ed25519(message: &[u8]) -> Vec<u8> {
    ed25519().sign(message).as_ref().to_vec()
}

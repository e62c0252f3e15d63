//! Public keys as authenticators give them: `COSE_Key` maps (RFC 9052 §7, RFC 9053), in the one form that WebAuthn allows.
//!
//! A key must have exactly the members its algorithm needs, canonically encoded, so that a credential has one key and
//! that key one algorithm (WebAuthn L3 §5.8.5).

use std::fmt;

use data_encoding::BASE64;
use thiserror::Error;

use super::cbor::{CborError, Reader, Value};

/// The fewest bits an RSA modulus may have.
const RSA_MIN_BITS: usize = 2048;
/// The most bits an RSA modulus may have: what `ring` verifies.
const RSA_MAX_BITS: usize = 8192;
/// The least RSA public exponent, and the one that everybody uses.
const RSA_MIN_EXPONENT: u32 = 65_537;

/// A signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// `EdDSA` on Curve25519.
    Ed25519,
}

/// What a passkey may sign with.
pub const PASSKEY_ALGORITHMS: &[Algorithm] = &[Algorithm::Es256, Algorithm::Rs256];

/// What a program's key may sign with.
pub const KEY_ALGORITHMS: &[Algorithm] = &[Algorithm::Es256, Algorithm::Rs256, Algorithm::Ed25519];

impl Algorithm {
    /// As people know it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Es256 => "ECDSA P-256",
            Self::Rs256 => "RSA",
            Self::Ed25519 => "Ed25519",
        }
    }

    /// The algorithm's number in the IANA COSE registry.
    pub fn cose_id(self) -> i32 {
        match self {
            Self::Es256 => -7,
            Self::Ed25519 => -8,
            Self::Rs256 => -257,
        }
    }

    /// The algorithm with this number in the IANA COSE registry, if it is one of ours.
    pub fn from_cose_id(id: i64) -> Option<Self> {
        match id {
            -7 => Some(Self::Es256),
            -8 => Some(Self::Ed25519),
            -257 => Some(Self::Rs256),
            _ => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::Ed25519 => "Ed25519",
        })
    }
}

/// A public key that fits its algorithm.
///
/// That an ES256 point lies on the curve is left to whoever verifies with it: a key off the curve verifies nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// A point on P-256, both coordinates big-endian.
    Es256 {
        /// The point's x coordinate.
        x: [u8; 32],
        /// The point's y coordinate.
        y: [u8; 32],
    },
    /// An RSA key, both numbers big-endian without leading zeros.
    Rs256 {
        /// The modulus, 2048 to 8192 bits.
        n: Vec<u8>,
        /// The public exponent: odd, 65 537 or more, below 2^32.
        e: Vec<u8>,
    },
    /// A compressed point on Curve25519, as in RFC 8032.
    Ed25519([u8; 32]),
}

/// Why a key was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CoseError {
    /// Not CBOR, or not canonical.
    #[error("The public key isn't a canonical COSE key. {0}")]
    Cbor(#[from] CborError),
    /// The key doesn't say what it is for.
    #[error("The public key doesn't name its algorithm.")]
    NoAlgorithm,
    /// An algorithm that we don't have.
    #[error("The public key is for the algorithm with COSE number {0}, which isn't supported.")]
    UnknownAlgorithm(i128),
    /// An algorithm that isn't allowed for this kind of credential.
    #[error("The public key is for {0}, which isn't allowed for this kind of credential.")]
    AlgorithmNotAllowed(Algorithm),
    /// Not a `SubjectPublicKeyInfo` in PEM of a key that we have an algorithm for.
    #[error("The public key isn't one in PEM (BEGIN PUBLIC KEY) for P-256, Ed25519 or RSA.")]
    NotPem,
    /// Other members than the algorithm's own, another curve, another length.
    #[error("The public key says that it is for {0}, but it isn't exactly such a key.")]
    DoesNotFit(Algorithm),
    /// An RSA modulus out of bounds.
    #[error("The RSA key has {bits} bits; {RSA_MIN_BITS} to {RSA_MAX_BITS} are accepted.")]
    RsaSize {
        /// How many bits the modulus has.
        bits: usize,
    },
    /// An RSA exponent that nobody should use.
    #[error("The RSA key's public exponent isn't an odd number from {RSA_MIN_EXPONENT} to 2^32 - 1.")]
    RsaExponent,
}

impl PublicKey {
    /// Reads a `COSE_Key` whose algorithm is one of `allowed`, from exactly these bytes.
    ///
    /// # Errors
    ///
    /// The first rule that the key breaks.
    pub fn from_cose(bytes: &[u8], allowed: &[Algorithm]) -> Result<Self, CoseError> {
        let mut reader = Reader::new(bytes);
        let members = reader.canonical_integer_map()?;
        reader.end()?;
        let algorithm = algorithm(&members)?;
        if !allowed.contains(&algorithm) {
            return Err(CoseError::AlgorithmNotAllowed(algorithm));
        }
        match algorithm {
            Algorithm::Es256 => es256(&members),
            Algorithm::Rs256 => rs256(&members),
            Algorithm::Ed25519 => ed25519(&members),
        }
    }

    /// The one algorithm that this key signs with.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::Es256 { .. } => Algorithm::Es256,
            Self::Rs256 { .. } => Algorithm::Rs256,
            Self::Ed25519(_) => Algorithm::Ed25519,
        }
    }

    /// Reads a key as [`Self::to_pem`] writes it.
    ///
    /// # Errors
    ///
    /// [`CoseError::NotPem`], or what is wrong with the key.
    pub fn from_pem(text: &str) -> Result<Self, CoseError> {
        let body = text.trim().strip_prefix("-----BEGIN PUBLIC KEY-----").and_then(|text| text.strip_suffix("-----END PUBLIC KEY-----"));
        let base64: String = body.ok_or(CoseError::NotPem)?.split_ascii_whitespace().collect();
        Self::from_spki(&BASE64.decode(base64.as_bytes()).map_err(|_| CoseError::NotPem)?)
    }

    /// Reads a key in DER, in the one form that there is of it.
    ///
    /// # Errors
    ///
    /// [`CoseError::NotPem`], or what is wrong with the key.
    pub fn from_spki(bytes: &[u8]) -> Result<Self, CoseError> {
        let key = if let Some(point) = bytes.strip_prefix(P256_SPKI) {
            let (x, y) = point.split_at_checked(32).ok_or(CoseError::NotPem)?;
            let (Ok(x), Ok(y)) = (x.try_into(), y.try_into()) else { return Err(CoseError::NotPem) };
            Self::Es256 { x, y }
        } else if let Some(key) = bytes.strip_prefix(ED25519_SPKI) {
            Self::Ed25519(key.try_into().map_err(|_| CoseError::NotPem)?)
        } else {
            let (n, e) = rsa_numbers(bytes).ok_or(CoseError::NotPem)?;
            rsa(n, e)?
        };
        // Whatever was skipped over has to be there, and nothing else.
        if key.to_spki() == bytes { Ok(key) } else { Err(CoseError::NotPem) }
    }

    /// The key for other programs: `SubjectPublicKeyInfo` (RFC 5280, section 4.1; RFC 5480, RFC 8410, RFC 3279) in PEM (RFC 7468).
    #[cfg(feature = "ssr")]
    pub fn to_pem(&self) -> String {
        let base64 = BASE64.encode(&self.to_spki());
        let lines = base64.as_bytes().chunks(64).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\n");
        format!("-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n")
    }

    /// The same in DER.
    pub fn to_spki(&self) -> Vec<u8> {
        match self {
            Self::Es256 { x, y } => [P256_SPKI, x, y].concat(),
            Self::Ed25519(key) => [ED25519_SPKI, key.as_slice()].concat(),
            Self::Rs256 { n, e } => {
                let key = der(0x30, &[der_integer(n), der_integer(e)].concat());
                der(0x30, &[RSA_ALGORITHM, &der(0x03, &[&[0], key.as_slice()].concat())].concat())
            }
        }
    }

    /// Verifies `signature` over `message`. An ES256 signature is DER (`Ecdsa-Sig-Value`), as WebAuthn L3 §6.5.5 has it.
    ///
    /// # Errors
    ///
    /// The signature isn't valid, or the key isn't.
    #[cfg(feature = "ssr")]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        use ring::signature::{ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};

        match self {
            Self::Es256 { x, y } => {
                let point = [&[4], x.as_slice(), y].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature)
            }
            Self::Rs256 { n, e } => RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
            Self::Ed25519(key) if has_small_order(key) || has_small_order(signature) => Err(ring::error::Unspecified),
            Self::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
        }
        .map_err(|ring::error::Unspecified| InvalidSignature)
    }
}

/// The signature is not this key's over this message.
#[cfg(feature = "ssr")]
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("The signature isn't valid.")]
pub struct InvalidSignature;

/// Whether these bytes begin with one of the eight points of Curve25519 whose order is small, in whichever spelling. For such a key
/// anybody can sign something. `ring` lets them pass; WebCrypto refuses them, as a key and in a signature (Secure Curves in the Web
/// Cryptography API), and what verifies here must verify there.
#[cfg(feature = "ssr")]
fn has_small_order(bytes: &[u8]) -> bool {
    // The y coordinates without the last byte, and that byte: 0, 1, those of the eighth order, p - 1, p, p + 1.
    const PLACES: [([u8; 31], u8); 7] = [
        ([0; 31], 0),
        (with_first(1, 0), 0),
        (*b"\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc", 0x05),
        (*b"\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03", 0x7a),
        (with_first(0xec, 0xff), 0x7f),
        (with_first(0xed, 0xff), 0x7f),
        (with_first(0xee, 0xff), 0x7f),
    ];
    const fn with_first(first: u8, others: u8) -> [u8; 31] {
        let mut bytes = [others; 31];
        bytes[0] = first;
        bytes
    }
    // The highest bit is the sign of x.
    matches!(bytes.split_first_chunk(), Some((y, [last, ..])) if PLACES.contains(&(*y, last & 0x7f)))
}

/// Everything of such a `SubjectPublicKeyInfo` before the point's coordinates.
const P256_SPKI: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
    0x07, 0x03, 0x42, 0x00, 0x04,
];
/// Everything of such a `SubjectPublicKeyInfo` before the key.
const ED25519_SPKI: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// `rsaEncryption` with its NULL.
const RSA_ALGORITHM: &[u8] = &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// One value in DER (X.690, section 8.1).
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let length = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    match (content.len(), u8::try_from(length.len())) {
        (0..128, _) => [&[tag], length.get(..1).unwrap_or(&[0]), content].concat(),
        (_, Ok(octets)) => [&[tag, 0x80 | octets], length, content].concat(),
        // A length has eight octets at most.
        (_, Err(_)) => Vec::new(),
    }
}

/// A number without its sign: one zero before it where its first bit would be taken for one.
fn der_integer(number: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if number.first().is_some_and(|first| first & 0x80 != 0) { &[0] } else { &[] };
    der(0x02, &[sign, number].concat())
}

/// Modulus and exponent of an RSA key, without their signs. What stands around them is compared by whoever calls.
fn rsa_numbers(spki: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, info, _) = der_value(spki)?;
    let (_, _, bits) = der_value(info)?;
    let (_, bits, _) = der_value(bits)?;
    let (_, numbers, _) = der_value(bits.get(1..)?)?;
    let (_, n, rest) = der_value(numbers)?;
    let (_, e, _) = der_value(rest)?;
    let number = |bytes: &'_ [u8]| bytes.iter().take_while(|byte| **byte == 0).count();
    Some((n.get(number(n)..)?, e.get(number(e)..)?))
}

/// The first value: its tag, its content, and what comes behind it.
fn der_value(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [tag, first, rest @ ..] = bytes else { return None };
    let (length, rest) = match usize::from(*first) {
        short @ 0..=0x7f => (short, rest),
        long => {
            let (octets, rest) = rest.split_at_checked(long - 0x80).filter(|(octets, _)| octets.len() <= 4)?;
            (octets.iter().fold(0, |length, octet| (length << 8) | usize::from(*octet)), rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

type Member<'a> = (i128, Value<'a>);

// Labels of RFC 9053 §7 and RFC 8230 §4: 1 is the key type, 3 the algorithm; what -1, -2 and -3 are depends on the type.
fn algorithm(members: &[Member]) -> Result<Algorithm, CoseError> {
    let id = members.iter().find_map(|member| match member {
        (3, Value::Integer(id)) => Some(*id),
        _ => None,
    });
    let id = id.ok_or(CoseError::NoAlgorithm)?;
    i64::try_from(id).ok().and_then(Algorithm::from_cose_id).ok_or(CoseError::UnknownAlgorithm(id))
}

fn es256(members: &[Member]) -> Result<PublicKey, CoseError> {
    use Value::{Bytes, Integer};
    // Key type EC2, curve P-256. A compressed point has a boolean for y and fails here.
    if let [(1, Integer(2)), (3, _), (-1, Integer(1)), (-2, Bytes(x)), (-3, Bytes(y))] = members
        && let (Ok(x), Ok(y)) = ((*x).try_into(), (*y).try_into())
    {
        Ok(PublicKey::Es256 { x, y })
    } else {
        Err(CoseError::DoesNotFit(Algorithm::Es256))
    }
}

fn ed25519(members: &[Member]) -> Result<PublicKey, CoseError> {
    use Value::{Bytes, Integer};
    // Key type OKP, curve Ed25519.
    if let [(1, Integer(1)), (3, _), (-1, Integer(6)), (-2, Bytes(x))] = members
        && let Ok(x) = (*x).try_into()
    {
        Ok(PublicKey::Ed25519(x))
    } else {
        Err(CoseError::DoesNotFit(Algorithm::Ed25519))
    }
}

fn rs256(members: &[Member]) -> Result<PublicKey, CoseError> {
    use Value::{Bytes, Integer};
    // Key type RSA.
    let [(1, Integer(3)), (3, _), (-1, Bytes(n)), (-2, Bytes(e))] = members else {
        return Err(CoseError::DoesNotFit(Algorithm::Rs256));
    };
    rsa(n, e)
}

fn rsa(n: &[u8], e: &[u8]) -> Result<PublicKey, CoseError> {
    // RFC 8230 §4 wants both numbers in their fewest bytes; an even modulus is no product of two large primes.
    let (Some(1..), Some(1..)) = (n.first(), e.first()) else {
        return Err(CoseError::DoesNotFit(Algorithm::Rs256));
    };
    if is_even(n) {
        return Err(CoseError::DoesNotFit(Algorithm::Rs256));
    }
    let bits = bits(n);
    if !(RSA_MIN_BITS..=RSA_MAX_BITS).contains(&bits) {
        return Err(CoseError::RsaSize { bits });
    }
    check_exponent(e)?;
    Ok(PublicKey::Rs256 { n: n.to_vec(), e: e.to_vec() })
}

fn check_exponent(e: &[u8]) -> Result<(), CoseError> {
    let value = e.iter().fold(0_u64, |value, byte| (value << 8) | u64::from(*byte));
    if e.len() <= 4 && value >= u64::from(RSA_MIN_EXPONENT) && !is_even(e) { Ok(()) } else { Err(CoseError::RsaExponent) }
}

fn is_even(number: &[u8]) -> bool {
    number.last().is_none_or(|byte| byte % 2 == 0)
}

fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn es256_key(curve: u8, x: &[u8], y: &[u8]) -> Vec<u8> {
        let length = |bytes: &[u8]| [0x58, u8::try_from(bytes.len()).unwrap()];
        [b"\xa5\x01\x02\x03\x26\x20", &[curve][..], b"\x21", &length(x), x, b"\x22", &length(y), y].concat()
    }

    fn rs256_key(n: &[u8], e: &[u8]) -> Vec<u8> {
        let n_length = u16::try_from(n.len()).unwrap().to_be_bytes();
        let n_head = match n.len() {
            0..=23 => vec![0x40 | n_length[1]],
            24..=255 => vec![0x58, n_length[1]],
            _ => vec![0x59, n_length[0], n_length[1]],
        };
        let e_head = 0x40 | u8::try_from(e.len()).unwrap();
        [b"\xa4\x01\x03\x03\x39\x01\x00\x20", &n_head[..], n, b"\x21", &[e_head], e].concat()
    }

    fn modulus(bits: usize) -> Vec<u8> {
        let mut n = vec![0xff; bits.div_ceil(8)];
        n[0] >>= (8 - bits % 8) % 8;
        n
    }

    fn read(bytes: &[u8]) -> Result<PublicKey, CoseError> {
        PublicKey::from_cose(bytes, KEY_ALGORITHMS)
    }

    const E: &[u8] = &[1, 0, 1];

    #[test]
    fn keys_of_every_algorithm_are_read() {
        let key = read(&es256_key(1, &[7; 32], &[8; 32])).unwrap();
        assert_eq!(key, PublicKey::Es256 { x: [7; 32], y: [8; 32] });
        assert_eq!(key.algorithm(), Algorithm::Es256);

        let key = read(&rs256_key(&modulus(2048), E)).unwrap();
        assert_eq!(key, PublicKey::Rs256 { n: modulus(2048), e: E.to_vec() });
        assert_eq!(key.algorithm(), Algorithm::Rs256);

        let key = read(&[b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20", &[9_u8; 32][..]].concat()).unwrap();
        assert_eq!(key, PublicKey::Ed25519([9; 32]));
        assert_eq!(key.algorithm(), Algorithm::Ed25519);
    }

    #[test]
    fn algorithms_know_their_numbers() {
        for algorithm in KEY_ALGORITHMS {
            assert_eq!(Algorithm::from_cose_id(algorithm.cose_id().into()), Some(*algorithm));
        }
        assert_eq!(Algorithm::from_cose_id(-35), None);
    }

    #[test]
    fn only_allowed_algorithms_are_read() {
        let ed25519 = [b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20", &[9_u8; 32][..]].concat();
        assert_eq!(PublicKey::from_cose(&ed25519, PASSKEY_ALGORITHMS), Err(CoseError::AlgorithmNotAllowed(Algorithm::Ed25519)));
        // ES384 is -35, and 38 22 in CBOR.
        assert_eq!(read(b"\xa2\x01\x02\x03\x38\x22"), Err(CoseError::UnknownAlgorithm(-35)));
        assert_eq!(read(b"\xa2\x01\x02\x03\x3b\xff\xff\xff\xff\xff\xff\xff\xff"), Err(CoseError::UnknownAlgorithm(-(1 << 64))));
        assert_eq!(read(b"\xa1\x01\x02"), Err(CoseError::NoAlgorithm));
        assert_eq!(read(b"\xa1\x03\x41\x26"), Err(CoseError::NoAlgorithm));
        assert_eq!(read(b"\xa0"), Err(CoseError::NoAlgorithm));
    }

    #[test]
    fn es256_keys_must_be_p256_points() {
        let refused = Err(CoseError::DoesNotFit(Algorithm::Es256));
        assert_eq!(read(&es256_key(2, &[7; 48], &[8; 48])), refused, "P-384");
        assert_eq!(read(&es256_key(1, &[7; 48], &[8; 48])), refused, "a P-384 point on P-256");
        assert_eq!(read(&es256_key(2, &[7; 32], &[8; 32])), refused, "another curve");
        assert_eq!(read(&es256_key(8, &[7; 32], &[8; 32])), refused, "secp256k1");
        assert_eq!(read(&es256_key(1, &[7; 31], &[8; 32])), refused, "short x");
        assert_eq!(read(&es256_key(1, &[7; 32], &[8; 33])), refused, "long y");

        let mut compressed = es256_key(1, &[7; 32], &[8; 32]);
        compressed.truncate(compressed.len() - 34);
        compressed.push(0xf5);
        assert_eq!(read(&compressed), refused, "compressed");

        let mut other_type = es256_key(1, &[7; 32], &[8; 32]);
        other_type[2] = 1;
        assert_eq!(read(&other_type), refused, "key type OKP");
    }

    #[test]
    fn members_are_exact() {
        let good = es256_key(1, &[7; 32], &[8; 32]);
        // Six members, with "key operations" (4) between the algorithm and the curve.
        let more = [b"\xa6", &good[1..5], b"\x04\x81\x02", &good[5..]].concat();
        assert_eq!(read(&more), Err(CoseError::DoesNotFit(Algorithm::Es256)));
        let fewer = [b"\xa4", &good[1..good.len() - 35]].concat();
        assert_eq!(read(&fewer), Err(CoseError::DoesNotFit(Algorithm::Es256)));
        let trailing = [&good[..], b"\x00"].concat();
        assert_eq!(read(&trailing), Err(CoseError::Cbor(CborError::TrailingBytes)));
        let unsorted = [b"\xa5\x03\x26\x01\x02", &good[5..]].concat();
        assert_eq!(read(&unsorted), Err(CoseError::Cbor(CborError::KeysNotSorted)));
        let twice = [b"\xa6\x01\x02\x01\x02", &good[3..]].concat();
        assert_eq!(read(&twice), Err(CoseError::Cbor(CborError::DuplicateKey)));
        let long = [b"\xa5\x01\x18\x02", &good[3..]].concat();
        assert_eq!(read(&long), Err(CoseError::Cbor(CborError::NotShortest)));
        let indefinite = [b"\xbf", &good[1..], b"\xff"].concat();
        assert_eq!(read(&indefinite), Err(CoseError::Cbor(CborError::IndefiniteLength)));
    }

    #[test]
    fn rsa_keys_have_2048_to_8192_bits() {
        for bits in [2048, 2049, 3072, 4096, 8192] {
            assert!(read(&rs256_key(&modulus(bits), E)).is_ok(), "{bits}");
        }
        for bits in [1, 1024, 2040, 2047, 8193] {
            assert_eq!(read(&rs256_key(&modulus(bits), E)), Err(CoseError::RsaSize { bits }));
        }
    }

    #[test]
    fn rsa_numbers_are_plain() {
        let refused = Err(CoseError::DoesNotFit(Algorithm::Rs256));
        let padded = [&[0][..], &modulus(2048)].concat();
        assert_eq!(read(&rs256_key(&padded, E)), refused);
        assert_eq!(read(&rs256_key(&modulus(2048), &[0, 1, 0, 1])), refused);
        assert_eq!(read(&rs256_key(&modulus(2048), &[])), refused);
        assert_eq!(read(&rs256_key(&[], E)), refused);
        let mut even = modulus(2048);
        even[255] = 0xfe;
        assert_eq!(read(&rs256_key(&even, E)), refused);
    }

    #[test]
    fn rsa_exponents_are_odd_and_not_small() {
        for e in [&[1][..], &[3], &[17], &[1, 0, 0], &[1, 0, 2], &[1, 0, 0, 0, 1]] {
            assert_eq!(read(&rs256_key(&modulus(2048), e)), Err(CoseError::RsaExponent), "{e:?}");
        }
        assert!(read(&rs256_key(&modulus(2048), &[0xff; 4])).is_ok());
    }

    #[cfg(feature = "ssr")]
    #[test]
    fn a_key_off_the_curve_verifies_nothing() {
        let key = PublicKey::Es256 { x: [7; 32], y: [8; 32] };
        let (r, s) = ([1; 32], [1; 32]);
        let signature = [b"\x30\x44\x02\x20", &r[..], b"\x02\x20", &s].concat();
        assert_eq!(key.verify(b"", &signature), Err(InvalidSignature));
    }

    /// Whoever registered such a key could say of every signature that somebody else made it.
    #[cfg(feature = "ssr")]
    #[test]
    fn a_key_that_anybody_can_sign_for_verifies_nothing() {
        use ring::signature::{ED25519, UnparsedPublicKey};
        let point = |first: u8, others: u8, last: u8| {
            let mut point = [others; 32];
            (point[0], point[31]) = (first, last);
            point
        };
        // What ring takes for everybody's signature.
        let (one, everybodys) = (point(1, 0, 0), [&point(1, 0, 0)[..], &[0; 32]].concat());
        assert!(UnparsedPublicKey::new(&ED25519, one).verify(b"anything", &everybodys).is_ok());
        assert_eq!(PublicKey::Ed25519(one).verify(b"anything", &everybodys), Err(InvalidSignature));

        for key in [one, point(0, 0, 0), point(0xec, 0xff, 0x7f), point(0xed, 0xff, 0x7f), point(0xee, 0xff, 0x7f)] {
            for sign in [0, 0x80] {
                let mut key = key;
                key[31] |= sign;
                assert!(has_small_order(&key), "{key:02x?}");
            }
        }
        assert!(!has_small_order(&[9; 32]) && !has_small_order(&one[..31]) && !has_small_order(b""));
    }

    proptest! {
        #[test]
        fn a_changed_byte_never_panics_nor_passes_for_the_same_key(place in 0..77_usize, byte in any::<u8>()) {
            let good = es256_key(1, &[7; 32], &[8; 32]);
            let mut changed = good.clone();
            changed[place] = byte;
            prop_assert!(changed == good || read(&changed) != read(&good));
        }
    }
}

//! The two ways to write an ECDSA signature on P-256. Authenticators give the DER of `Ecdsa-Sig-Value` (RFC 3279, section
//! 2.2.3; WebAuthn L3 §6.5.5), WebCrypto takes r and s side by side, 32 bytes each. There is one DER for a signature and no
//! other is read, so that nothing counts in the browser that `ring` would refuse on the server.

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;

/// How many bytes r and s take, together.
pub const FIXED_LENGTH: usize = 64;

/// r and s side by side; nothing, when this isn't the DER of two positive integers of at most 32 bytes, and no byte more.
pub fn fixed_from_der(der: &[u8]) -> Option<[u8; FIXED_LENGTH]> {
    let (SEQUENCE, members, []) = element(der)? else { return None };
    let (INTEGER, r, rest) = element(members)? else { return None };
    let (INTEGER, s, []) = element(rest)? else { return None };
    let mut fixed = [0; FIXED_LENGTH];
    let (left, right) = fixed.split_at_mut(FIXED_LENGTH / 2);
    write(magnitude(r)?, left)?;
    write(magnitude(s)?, right)?;
    Some(fixed)
}

/// The first element's tag and content, and what comes behind it. A length of 128 or more is written in another way, which
/// nothing of this size needs.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let ([tag, length], behind) = bytes.split_first_chunk()?;
    if *length >= 0x80 {
        return None;
    }
    let (content, rest) = behind.split_at_checked(usize::from(*length))?;
    Some((*tag, content, rest))
}

/// A positive integer without its sign. One zero byte stands in front of what would be negative without it, and nowhere else.
fn magnitude(content: &[u8]) -> Option<&[u8]> {
    match content {
        [0, rest @ ..] if rest.first().is_some_and(|first| *first >= 0x80) => Some(rest),
        [1..0x80, ..] => Some(content),
        _ => None,
    }
}

/// Writes a number into the end of a place that is zero so far.
fn write(number: &[u8], place: &mut [u8]) -> Option<()> {
    let start = place.len().checked_sub(number.len())?;
    place.get_mut(start..)?.copy_from_slice(number);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use p256::ecdsa::{Signature, SigningKey, signature::Signer};
    use proptest::prelude::*;

    fn integer(content: &[u8]) -> Vec<u8> {
        [&[INTEGER, u8::try_from(content.len()).unwrap()], content].concat()
    }

    fn sequence(members: &[u8]) -> Vec<u8> {
        [&[SEQUENCE, u8::try_from(members.len()).unwrap()], members].concat()
    }

    fn signature(r: &[u8], s: &[u8]) -> Vec<u8> {
        sequence(&[integer(r), integer(s)].concat())
    }

    /// 32 bytes that end in these.
    fn number(end: &[u8]) -> [u8; 32] {
        let mut number = [0; 32];
        number[32 - end.len()..].copy_from_slice(end);
        number
    }

    #[test]
    fn short_and_long_numbers_are_written_in_32_bytes() {
        let fixed = |r: &[u8], s: &[u8]| Some(<[u8; FIXED_LENGTH]>::try_from([number(r), number(s)].concat()).unwrap());
        assert_eq!(fixed_from_der(&signature(&[1], &[0x7f])), fixed(&[1], &[0x7f]));
        assert_eq!(fixed_from_der(&signature(&[0, 0x80], &[1, 0])), fixed(&[0x80], &[1, 0]));
        let largest = [&[0], &[0xff; 32][..]].concat();
        assert_eq!(fixed_from_der(&signature(&largest, &[0x7f; 32])), fixed(&[0xff; 32], &[0x7f; 32]));
    }

    #[test]
    fn every_other_spelling_is_refused() {
        let good = signature(&[1], &[2]);
        assert!(fixed_from_der(&good).is_some());
        for (der, why) in [
            (Vec::new(), "nothing"),
            (vec![SEQUENCE], "no length"),
            (good[..good.len() - 1].to_vec(), "cut off"),
            ([&good[..], &[0]].concat(), "a byte behind"),
            (sequence(&[integer(&[1]), integer(&[2]), integer(&[3])].concat()), "a third number"),
            (sequence(&integer(&[1])), "one number"),
            (sequence(&[]), "no number"),
            (signature(&[], &[2]), "an empty number"),
            (signature(&[0], &[2]), "zero"),
            (signature(&[0, 1], &[2]), "a zero that isn't needed"),
            (signature(&[0, 0, 0x80], &[2]), "two zeros"),
            (signature(&[0x80], &[2]), "a negative number"),
            (signature(&[1], &[0xff; 32]), "a negative number"),
            (signature(&[1; 33], &[2]), "33 bytes"),
            (signature(&[1], &[&[0], &[0xff; 33][..]].concat()), "33 bytes behind a zero"),
            (vec![0x31, 6, INTEGER, 1, 1, INTEGER, 1, 2], "a set"),
            (vec![SEQUENCE, 6, 3, 1, 1, INTEGER, 1, 2], "a bit string"),
            (vec![SEQUENCE, 0x81, 6, INTEGER, 1, 1, INTEGER, 1, 2], "a long form of the length"),
            (vec![SEQUENCE, 0x80, INTEGER, 1, 1, INTEGER, 1, 2, 0, 0], "an indefinite length"),
            (vec![SEQUENCE, 6, INTEGER, 2, 1, INTEGER, 1, 2], "a number that reaches into the next"),
        ] {
            assert_eq!(fixed_from_der(&der), None, "{why}");
        }
    }

    proptest! {
        #[test]
        fn real_signatures_are_converted(key in 1..255_u8, message in proptest::collection::vec(any::<u8>(), 0..40)) {
            let signature: Signature = SigningKey::from_slice(&[key; 32]).unwrap().sign(&message);
            let fixed = fixed_from_der(signature.to_der().as_bytes()).unwrap();
            prop_assert_eq!(&fixed[..], &signature.to_bytes()[..]);
        }

        #[test]
        fn any_bytes_are_answered_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = fixed_from_der(&bytes);
        }

        #[test]
        fn what_is_read_has_no_other_spelling(place in 0..72_usize, byte in any::<u8>()) {
            let key = SigningKey::from_slice(&[7; 32]).unwrap();
            let signature: Signature = key.sign(b"a message");
            let good = signature.to_der().as_bytes().to_vec();
            let mut changed = good.clone();
            if let Some(changed) = changed.get_mut(place) {
                *changed = byte;
            }
            prop_assert!(changed == good || fixed_from_der(&changed) != fixed_from_der(&good));
        }
    }
}

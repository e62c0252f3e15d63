//! What is hashed or signed carries the name of its purpose, so that no signature can be used for another one.

/// What a challenge or a signed message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A new recovery key proves that its owner holds it.
    RecoveryKey,
    /// A recovery kit is tested: its key signs, and nothing else comes of it.
    RecoveryKeyTest,
    /// An action is signed.
    Action,
    /// A recovery is signed, by a recovery key.
    Recovery,
    /// The server says that it let someone in by its operator's order.
    BreakGlass,
    /// The server says that its key is another one from now on.
    KeyChange,
    /// Whatever an action creates gets its id.
    CreatedId,
    /// The recovery key that a recovery registers beside a passkey gets its id.
    CreatedRecoveryKeyId,
    /// The key of a program that an action creates gets its id.
    CreatedKeyId,
    /// The assignment of a program that an action creates gets its id.
    CreatedAssignmentId,
}

impl Purpose {
    /// Every one of them.
    pub const ALL: [Self; 10] = [
        Self::RecoveryKey,
        Self::RecoveryKeyTest,
        Self::Action,
        Self::Recovery,
        Self::BreakGlass,
        Self::KeyChange,
        Self::CreatedId,
        Self::CreatedRecoveryKeyId,
        Self::CreatedKeyId,
        Self::CreatedAssignmentId,
    ];

    /// The tag that opens the framed bytes: ASCII, without a zero byte.
    pub fn tag(self) -> &'static str {
        match self {
            Self::RecoveryKey => "countersign/recovery-key/v1",
            Self::RecoveryKeyTest => "countersign/recovery-key-test/v1",
            Self::Action => "countersign/action/v1",
            Self::Recovery => "countersign/recovery/v1",
            Self::BreakGlass => "countersign/break-glass/v1",
            Self::KeyChange => "countersign/key-change/v1",
            Self::CreatedId => "countersign/created-id/v1",
            Self::CreatedRecoveryKeyId => "countersign/created-recovery-key-id/v1",
            Self::CreatedKeyId => "countersign/created-key-id/v1",
            Self::CreatedAssignmentId => "countersign/created-assignment-id/v1",
        }
    }
}

/// The bytes to hash or to sign: `tag ‖ 0x00 ‖ u32be(length) ‖ bytes`.
///
/// Two different pairs of purpose and bytes never give the same result: the tag ends at the first zero byte, and the
/// bytes reach to the end.
pub fn frame(purpose: Purpose, bytes: &[u8]) -> Vec<u8> {
    // Documents end at 32 KiB and challenges at 64 bytes. Beyond 4 GiB the length would stand at its maximum, which
    // still leaves the frame unambiguous.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [purpose.tag().as_bytes(), &[0], &length.to_be_bytes(), bytes].concat()
}

/// SHA-256 of `bytes`.
#[cfg(feature = "ssr")]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_is_tag_zero_length_bytes() {
        assert_eq!(frame(Purpose::RecoveryKey, b"abc"), b"countersign/recovery-key/v1\0\0\0\0\x03abc");
        assert_eq!(frame(Purpose::RecoveryKey, b""), b"countersign/recovery-key/v1\0\0\0\0\0");
    }

    #[test]
    fn tags_have_no_zero_byte_and_differ() {
        let tags: std::collections::BTreeSet<_> = Purpose::ALL.iter().map(|purpose| purpose.tag()).collect();
        assert_eq!(tags.len(), Purpose::ALL.len());
        assert!(tags.iter().all(|tag| !tag.as_bytes().contains(&0)));
    }

    #[cfg(feature = "ssr")]
    #[test]
    fn sha256_is_sha256() {
        assert_eq!(data_encoding::HEXLOWER.encode(&sha256(b"abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}

//! The server's own secret: 32 bytes outside of the database, from which every key of the server is derived by purpose.
//!
//! It encrypts what must wait in the database in readable form, which is the text of queued mails: they carry registration
//! codes, of which the database otherwise only knows hashes. And it is what the key is derived from that signs checkpoints.

use crate::ambient::Ambient;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, Prk, Salt},
};
use std::{
    fs,
    io::{self, Write},
    path::Path,
};

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The text isn't 64 hexadecimal digits.
    #[error("the server's secret must be 32 bytes as 64 hexadecimal digits (make one with: openssl rand -hex 32)")]
    Malformed,
    /// It isn't a file of its own.
    #[error(
        "the server's secret {path} is a link or no file at all, so who may read it doesn't show: put the file itself there, or give the secret as COUNTERSIGN_SECRET"
    )]
    NotAFile {
        /// Where.
        path: String,
    },
    /// Others can read it.
    #[error(
        "the server's secret {path} can be read or changed by other users of this machine: let nobody but its owner (chmod 600 {path})"
    )]
    Open {
        /// Where.
        path: String,
    },
    /// The file can't be read or written.
    #[error("the server's secret can't be kept in {path}: {source}")]
    File {
        /// Where.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// Something sealed that doesn't open: another secret, another place, or changed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this was sealed under another secret or was changed")]
pub struct SealError;

/// The server's secret.
#[derive(Clone)]
pub struct ServerSecret([u8; 32]);

impl ServerSecret {
    /// Reads 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`SecretError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let bytes = HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes()).map_err(|_| SecretError::Malformed)?;
        bytes.try_into().map(Self).map_err(|_| SecretError::Malformed)
    }

    /// Reads the file; nothing, when there is none.
    ///
    /// # Errors
    /// When the file can't be read, is malformed, or isn't its owner's alone.
    pub fn read(path: &Path) -> Result<Option<Self>, SecretError> {
        let shown = || path.display().to_string();
        let failed = |source| SecretError::File { path: shown(), source };
        let found = match fs::symlink_metadata(path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if !found.is_file() {
            return Err(SecretError::NotAFile { path: shown() });
        }
        if !is_private(&found) {
            return Err(SecretError::Open { path: shown() });
        }
        Self::parse(&fs::read_to_string(path).map_err(failed)?).map(Some)
    }

    /// Reads the file, or makes a secret and writes it there, readable for its owner only. It is on the disk before anything can be
    /// encrypted or signed under it.
    ///
    /// # Errors
    /// When the file can't be read, is malformed, isn't its owner's alone, or can't be written.
    pub fn read_or_create(path: &Path, ambient: &Ambient) -> Result<Self, SecretError> {
        if let Some(secret) = Self::read(path)? {
            return Ok(secret);
        }
        let secret = Self::random(ambient);
        secret.write(path)?;
        Ok(secret)
    }

    /// A new one.
    pub fn random(ambient: &Ambient) -> Self {
        Self(ambient.bytes())
    }

    /// Writes it into a new file, readable for its owner only.
    ///
    /// # Errors
    /// When there is such a file, or it can't be written.
    pub fn write(&self, path: &Path) -> Result<(), SecretError> {
        let written = write_private(path, &format!("{}\n", HEXLOWER_PERMISSIVE.encode(&self.0)));
        written.map_err(|source| SecretError::File { path: path.display().to_string(), source })
    }

    /// Encrypts a text which only opens again for the same place (ChaCha20-Poly1305; nonce ‖ ciphertext ‖ tag, base64url).
    ///
    /// # Errors
    /// Never in practice: the text would have to be longer than 256 GiB.
    pub fn seal(&self, place: &str, text: &str, ambient: &Ambient) -> Result<String, SealError> {
        let nonce: [u8; NONCE_LEN] = ambient.bytes();
        let mut sealed = text.as_bytes().to_vec();
        self.key()?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place.as_bytes()), &mut sealed)
            .map_err(|_| SealError)?;
        Ok(BASE64URL_NOPAD.encode(&[nonce.as_slice(), &sealed].concat()))
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// [`SealError`] when it wasn't.
    pub fn open(&self, place: &str, sealed: &str) -> Result<String, SealError> {
        let bytes = BASE64URL_NOPAD.decode(sealed.as_bytes()).map_err(|_| SealError)?;
        let (nonce, ciphertext) = bytes.split_at_checked(NONCE_LEN).ok_or(SealError)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError)?;
        let mut text = ciphertext.to_vec();
        let text = self.key()?.open_in_place(nonce, Aad::from(place.as_bytes()), &mut text).map_err(|_| SealError)?;
        String::from_utf8(text.to_vec()).map_err(|_| SealError)
    }

    /// The Ed25519 seed of the key that signs checkpoints.
    ///
    /// # Errors
    /// Never in practice: HKDF gives far more than 32 bytes.
    pub fn checkpoint_seed(&self) -> Result<[u8; 32], SealError> {
        self.seed(b"countersign/checkpoint/v1")
    }

    /// The Ed25519 seed of the key that signs the API's tokens.
    ///
    /// # Errors
    /// Never in practice: HKDF gives far more than 32 bytes.
    pub fn token_seed(&self) -> Result<[u8; 32], SealError> {
        self.seed(b"countersign/token/v1")
    }

    /// An id that belongs to nobody, always the same for the same name: whoever asks for the keys of somebody unknown gets one.
    ///
    /// # Errors
    /// Never in practice: HKDF gives far more than 32 bytes.
    pub fn decoy(&self, name: &str) -> Result<String, SealError> {
        let mut bytes = [0; 32];
        let info = [b"countersign/decoy/v1".as_slice(), name.as_bytes()];
        self.derived().expand(&info, HKDF_SHA256).and_then(|key| key.fill(&mut bytes)).map_err(|_| SealError)?;
        Ok(BASE64URL_NOPAD.encode(&bytes))
    }

    fn seed(&self, purpose: &[u8]) -> Result<[u8; 32], SealError> {
        let mut seed = [0; 32];
        self.derived().expand(&[purpose], HKDF_SHA256).and_then(|key| key.fill(&mut seed)).map_err(|_| SealError)?;
        Ok(seed)
    }

    fn key(&self) -> Result<LessSafeKey, SealError> {
        let key = self.derived();
        let key = key.expand(&[b"countersign/sealed-mail/v1"], &CHACHA20_POLY1305).map_err(|_| SealError)?;
        Ok(LessSafeKey::new(UnboundKey::from(key)))
    }

    /// What the key of every purpose is expanded from (HKDF-SHA-256).
    fn derived(&self) -> Prk {
        Salt::new(HKDF_SHA256, b"countersign").extract(&self.0)
    }
}

/// Whether nobody but its owner may do anything with it.
#[cfg(unix)]
fn is_private(file: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    const OTHERS: u32 = 0o077;

    file.permissions().mode() & OTHERS == 0
}

#[cfg(not(unix))]
fn is_private(_file: &fs::Metadata) -> bool {
    true
}

/// The file is there as a whole or not at all, and never in the place of another.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let folder = folder_of(path);
    // Nobody else may read it (mode 600).
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// The folder that a file is in, or will be.
pub(crate) fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// So that the names of its files are on the disk, too.
#[cfg(unix)]
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
pub(crate) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_at_its_place_and_only_there() {
        let ambient = Ambient::of_this_machine();
        let secret = ServerSecret::parse(&"ab".repeat(32)).unwrap();
        let sealed = secret.seal("mail 1", "code 1234", &ambient).unwrap();
        assert!(!sealed.contains("1234"));
        assert_eq!(secret.open("mail 1", &sealed).as_deref(), Ok("code 1234"));
        assert_eq!(secret.open("mail 2", &sealed), Err(SealError));
        assert_eq!(ServerSecret::parse(&"cd".repeat(32)).unwrap().open("mail 1", &sealed), Err(SealError));
        assert_eq!(secret.open("mail 1", "AAAA"), Err(SealError));
    }

    #[test]
    fn a_secret_is_made_once_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let ambient = Ambient::of_this_machine();
        let first = ServerSecret::read_or_create(&path, &ambient).unwrap();
        assert_eq!(ServerSecret::read_or_create(&path, &ambient).unwrap().0, first.0);
        fs::write(&path, "not a secret").unwrap();
        assert!(matches!(ServerSecret::read_or_create(&path, &ambient), Err(SecretError::Malformed)));
    }
}

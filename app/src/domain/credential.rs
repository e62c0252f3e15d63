//! Credentials: what kinds there are.

use serde::{Deserialize, Serialize};

/// What somebody signs with. The names are the API's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CredentialKind {
    /// In an authenticator.
    #[serde(rename = "Fido2")]
    Passkey,
    /// A key pair of a program.
    Key,
    /// Signs a recovery, and nothing else.
    RecoveryKey,
}

impl CredentialKind {
    /// Every one of them.
    pub const ALL: [Self; 3] = [Self::Passkey, Self::Key, Self::RecoveryKey];

    /// As the API and the database name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passkey => "Fido2",
            Self::Key => "Key",
            Self::RecoveryKey => "RecoveryKey",
        }
    }
}

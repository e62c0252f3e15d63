//! Handles: what people, and documents, know a user by. People have a mail address, programs a name.

use super::text::{EmailAddress, ProgramName};
use std::fmt;

/// What a user is known by; unique in their organization.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Handle {
    /// A person, by their mail address.
    Email(EmailAddress),
    /// A service account, by its name.
    ServiceAccount(ProgramName),
    /// An access token, by its name and whose it is.
    AccessToken {
        /// What its owner calls it.
        name: ProgramName,
        /// In whose name it acts.
        owner: EmailAddress,
    },
}

impl Handle {
    /// The mail address of a person.
    pub const fn email(&self) -> Option<&EmailAddress> {
        match self {
            Self::Email(email) => Some(email),
            Self::ServiceAccount(_) | Self::AccessToken { .. } => None,
        }
    }

    /// The bare address or name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Email(email) => email.as_str(),
            Self::ServiceAccount(name) | Self::AccessToken { name, .. } => name.as_str(),
        }
    }

    /// By which two spellings of one handle are found equal, in one organization. No address begins like a program's.
    pub fn key(&self) -> String {
        match self {
            Self::Email(email) => email.key(),
            Self::ServiceAccount(name) => format!("service account: {}", name.as_str().to_lowercase()),
            Self::AccessToken { name, owner } => format!("access token: {} {}", owner.key(), name.as_str().to_lowercase()),
        }
    }
}

/// As sentences say it.
impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Email(email) => fmt::Display::fmt(email, f),
            Self::ServiceAccount(name) => write!(f, "service account “{name}”"),
            Self::AccessToken { name, owner } => write!(f, "access token “{name}” of {owner}"),
        }
    }
}

impl From<EmailAddress> for Handle {
    fn from(email: EmailAddress) -> Self {
        Self::Email(email)
    }
}

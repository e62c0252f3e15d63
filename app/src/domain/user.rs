//! Users: what kinds there are, and what state one can be in.

use serde::{Deserialize, Serialize};

/// What a user is to the organization. The names are the API's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum UserKind {
    /// Someone who works there.
    #[serde(rename = "CustomerEmployee")]
    Employee,
    /// A customer, through delegated registration.
    EndUser,
    /// A program with rights of its own.
    ServiceAccount,
    /// A program that acts in somebody's name.
    AccessToken,
}

impl UserKind {
    /// As pages and sentences say it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Employee => "Employee",
            Self::EndUser => "End user",
            Self::ServiceAccount => "Service account",
            Self::AccessToken => "Access token",
        }
    }

    /// Every one of them.
    pub const ALL: [Self; 4] = [Self::Employee, Self::EndUser, Self::ServiceAccount, Self::AccessToken];

    /// As the database names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Employee => "CustomerEmployee",
            Self::EndUser => "EndUser",
            Self::ServiceAccount => "ServiceAccount",
            Self::AccessToken => "AccessToken",
        }
    }

    /// Whether it is a person.
    pub const fn is_person(self) -> bool {
        matches!(self, Self::Employee | Self::EndUser)
    }
}

/// What a user can do at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    /// Created, without any credential yet.
    Invited,
    /// Has credentials and may use them.
    Active,
    /// May do nothing until activated again.
    Deactivated,
}

impl UserStatus {
    /// As pages and sentences say it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Invited => "Invited",
            Self::Active => "Active",
            Self::Deactivated => "Deactivated",
        }
    }
}

/// What devices show for an account: who, and in which organization, as one person may have passkeys of several.
pub fn name_on_devices(who: &str, organization: &str) -> String {
    format!("{who} ({organization})")
}

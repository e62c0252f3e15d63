//! Activity: what happens around an account and changes nothing in the organization, such as signing in. It is kept apart
//! from history, and for some months only.

use serde::{Deserialize, Serialize};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivityKind {
    /// Signed in with a passkey, or by finishing a registration.
    SignedIn,
    /// One of the account's passkeys was used to sign in, and its answer didn't hold or the account is deactivated.
    SignInRefused,
    /// Signed out.
    SignedOut,
    /// Signed out in every browser.
    SignedOutEverywhere,
    /// Ended sessions in other browsers.
    SessionsEnded,
    /// The recovery kit was tested, and works.
    KitTested,
    /// Another kit's code was typed in a test.
    KitTestRefused,
    /// The account was recovered with its kit.
    Recovered,
    /// A wrong code or a wrong kit was given for a recovery.
    RecoveryRefused,
    /// A mail was written to the account's address.
    MailWritten,
}

impl ActivityKind {
    /// Every one of them.
    pub const ALL: [Self; 10] = [
        Self::SignedIn,
        Self::SignInRefused,
        Self::SignedOut,
        Self::SignedOutEverywhere,
        Self::SessionsEnded,
        Self::KitTested,
        Self::KitTestRefused,
        Self::Recovered,
        Self::RecoveryRefused,
        Self::MailWritten,
    ];

    /// Its name in storage.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SignedIn => "signed_in",
            Self::SignInRefused => "sign_in_refused",
            Self::SignedOut => "signed_out",
            Self::SignedOutEverywhere => "signed_out_everywhere",
            Self::SessionsEnded => "sessions_ended",
            Self::KitTested => "kit_tested",
            Self::KitTestRefused => "kit_test_refused",
            Self::Recovered => "recovered",
            Self::RecoveryRefused => "recovery_refused",
            Self::MailWritten => "mail_written",
        }
    }

    /// As pages say it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::SignedIn => "Signed in",
            Self::SignInRefused => "A sign-in was refused",
            Self::SignedOut => "Signed out",
            Self::SignedOutEverywhere => "Signed out everywhere",
            Self::SessionsEnded => "Ended other sessions",
            Self::KitTested => "Tested the recovery kit: it works",
            Self::KitTestRefused => "Tested a recovery code that isn't of the present kit",
            Self::Recovered => "Recovered the account with the recovery kit",
            Self::RecoveryRefused => "A recovery was refused: wrong code or wrong kit",
            Self::MailWritten => "A mail was sent",
        }
    }

    /// Whether it is worth a second look.
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::SignInRefused | Self::KitTestRefused | Self::RecoveryRefused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own_in_storage_and_on_pages() {
        let names: std::collections::BTreeSet<_> = ActivityKind::ALL.iter().map(|kind| kind.name()).collect();
        let labels: std::collections::BTreeSet<_> = ActivityKind::ALL.iter().map(|kind| kind.label()).collect();
        assert_eq!((names.len(), labels.len()), (ActivityKind::ALL.len(), ActivityKind::ALL.len()));
    }
}

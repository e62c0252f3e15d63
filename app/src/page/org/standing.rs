//! In what state a user is, as the lists and their page say it: in words with a mark, never by colour alone.

use crate::{
    component::{
        icon::{Glyph, Icon},
        relative::TimeLeft,
    },
    domain::{time::Timestamp, user::UserStatus},
    rpc::users::UserRow,
};
use leptos::prelude::*;

/// A user's status, and of someone who is invited, what the invitation is worth now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Can sign up until then.
    Invited(Timestamp),
    /// The registration code's time is over, or it was used up by wrong tries.
    InvitationExpired,
    /// Someone revoked the invitation.
    InvitationRevoked,
    /// Signed up.
    Active,
    /// Shut out.
    Deactivated,
}

impl Standing {
    /// Where this user stands at the server's time.
    pub fn of(row: &UserRow, now: Timestamp) -> Self {
        match (row.status, row.invited_until) {
            (UserStatus::Active, _) => Self::Active,
            (UserStatus::Deactivated, _) => Self::Deactivated,
            (UserStatus::Invited, _) if row.is_revoked => Self::InvitationRevoked,
            (UserStatus::Invited, Some(until)) if until > now => Self::Invited(until),
            (UserStatus::Invited, _) => Self::InvitationExpired,
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Invited(_) => "Invited",
            Self::InvitationExpired => "Invitation expired",
            Self::InvitationRevoked => "Invitation revoked",
            Self::Active => "Active",
            Self::Deactivated => "Deactivated",
        }
    }

    const fn mark(self) -> (Glyph, &'static str) {
        match self {
            Self::Invited(_) => (Glyph::Mail, "badge acting"),
            Self::InvitationExpired => (Glyph::Clock, "badge"),
            Self::InvitationRevoked | Self::Deactivated => (Glyph::Off, "badge"),
            Self::Active => (Glyph::Check, "badge well"),
        }
    }
}

/// The standing as a small badge; of an invitation also how much time is left.
#[component]
pub fn StandingBadge(
    /// Which.
    standing: Standing,
    /// The server's time.
    now: Timestamp,
) -> impl IntoView {
    let (glyph, class) = standing.mark();
    view! {
        <span class=class>
            <Icon glyph />
            {standing.label()}
        </span>
        {match standing {
            Standing::Invited(until) => Some(view! { " " <span class="fine"><TimeLeft until now /></span> }),
            _ => None,
        }}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        action::change::UserRef,
        domain::{id::UserId, text::EmailAddress, user::UserKind},
    };

    #[test]
    fn an_invitation_is_worth_what_its_code_is() {
        let now = Timestamp::from_millis(1_000);
        let invited = UserRow {
            user: UserRef { id: UserId::from_bytes([7; 16]), handle: EmailAddress::parse("ada@example.org").unwrap().into() },
            name: String::new(),
            kind: UserKind::Employee,
            external_id: None,
            status: UserStatus::Invited,
            is_revoked: false,
            invited_until: Some(Timestamp::from_millis(1_001)),
            permissions: Vec::new(),
            last_seen_at: None,
        };
        assert_eq!(Standing::of(&invited, now), Standing::Invited(Timestamp::from_millis(1_001)));
        assert_eq!(Standing::of(&invited, Timestamp::from_millis(1_001)), Standing::InvitationExpired);
        assert_eq!(Standing::of(&UserRow { invited_until: None, ..invited.clone() }, now), Standing::InvitationExpired);
        assert_eq!(Standing::of(&UserRow { is_revoked: true, ..invited.clone() }, now), Standing::InvitationRevoked);
        assert_eq!(Standing::of(&UserRow { status: UserStatus::Deactivated, ..invited }, now), Standing::Deactivated);
    }
}

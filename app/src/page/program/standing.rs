//! In what state a program is: in words with a mark, never by colour alone.

use crate::{
    component::icon::{Glyph, Icon},
    domain::{time::Timestamp, user::UserStatus},
    rpc::programs::ProgramRow,
};
use leptos::prelude::*;

/// What a program can do at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// May act.
    Active,
    /// Its token's time is over. That doesn't come back.
    Expired,
    /// Shut out.
    Deactivated,
}

impl Standing {
    /// Where this program stands at the server's time.
    pub(super) fn of(row: &ProgramRow, now: Timestamp) -> Self {
        match row.until {
            _ if row.status != UserStatus::Active => Self::Deactivated,
            Some(until) if now < until => Self::Active,
            _ => Self::Expired,
        }
    }

    const fn mark(self) -> (&'static str, Glyph, &'static str) {
        match self {
            Self::Active => ("Active", Glyph::Check, "badge well"),
            Self::Expired => ("Expired", Glyph::Clock, "badge"),
            Self::Deactivated => ("Deactivated", Glyph::Off, "badge"),
        }
    }
}

/// How a program stands, for pages about something else.
#[component]
pub(in crate::page) fn ProgramStanding(
    /// Which.
    token: ProgramRow,
    /// The server's time.
    now: Timestamp,
) -> impl IntoView {
    view! { <StandingBadge standing=Standing::of(&token, now) /> }
}

/// The standing as a small badge.
#[component]
pub(super) fn StandingBadge(
    /// Which.
    standing: Standing,
) -> impl IntoView {
    let (label, glyph, class) = standing.mark();
    view! {
        <span class=class>
            <Icon glyph />
            {label}
        </span>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        action::change::UserRef,
        domain::{handle::Handle, id::UserId, text::ProgramName},
    };

    #[test]
    fn a_program_may_act_while_its_token_counts() {
        let now = Timestamp::from_millis(1_000);
        let row = ProgramRow {
            user: UserRef { id: UserId::from_bytes([7; 16]), handle: Handle::ServiceAccount(ProgramName::parse("Payroll").unwrap()) },
            external_id: None,
            status: UserStatus::Active,
            until: Some(Timestamp::from_millis(1_001)),
            last_used_at: None,
            permissions: None,
        };
        assert_eq!(Standing::of(&row, now), Standing::Active);
        assert_eq!(Standing::of(&row, Timestamp::from_millis(1_001)), Standing::Expired);
        assert_eq!(Standing::of(&ProgramRow { until: None, ..row.clone() }, now), Standing::Expired);
        assert_eq!(Standing::of(&ProgramRow { status: UserStatus::Deactivated, ..row }, now), Standing::Deactivated);
    }
}

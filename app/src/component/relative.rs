//! How long ago or how far ahead something is, in words, as the server saw it: the browser's clock isn't asked.

use crate::domain::time::Timestamp;
use leptos::prelude::*;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// A twelfth of a mean year.
const MONTH: i64 = 2_629_746_000;
const YEAR: i64 = 12 * MONTH;

/// "3 hours ago" or "in 3 hours", exact on hover and for machines.
#[component]
pub fn Relative(
    /// When.
    at: Timestamp,
    /// The server's time.
    now: Timestamp,
) -> impl IntoView {
    view! { <time datetime=at.to_string() title=at.to_minute()>{relative(at, now)}</time> }
}

/// "3 hours left", exact on hover and for machines.
#[component]
pub fn TimeLeft(
    /// Until when; later than `now`.
    until: Timestamp,
    /// The server's time.
    now: Timestamp,
) -> impl IntoView {
    let words = amount(until.as_millis().saturating_sub(now.as_millis()));
    let words = if words.is_empty() { "less than a minute left".to_owned() } else { format!("{words} left") };
    view! { <time datetime=until.to_string() title=until.to_minute()>{words}</time> }
}

/// The distance between two times in words, with its direction.
pub fn relative(at: Timestamp, now: Timestamp) -> String {
    let ahead = at.as_millis().saturating_sub(now.as_millis());
    match (amount(ahead.saturating_abs()), ahead > 0) {
        (words, true) if words.is_empty() => "in less than a minute".to_owned(),
        (words, false) if words.is_empty() => "just now".to_owned(),
        (words, true) => format!("in {words}"),
        (words, false) => format!("{words} ago"),
    }
}

/// So many of the largest unit of which there are at least one and a half, rounded; nothing below half a minute.
fn amount(millis: i64) -> String {
    let (unit, name) = [(YEAR, "year"), (MONTH, "month"), (DAY, "day"), (HOUR, "hour")]
        .into_iter()
        .find(|(unit, _)| millis >= unit + unit / 2)
        .unwrap_or((MINUTE, "minute"));
    match millis.saturating_add(unit / 2) / unit {
        ..=0 => String::new(),
        1 => format!("1 {name}"),
        count => format!("{count} {name}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_said_in_the_unit_that_fits() {
        let now = Timestamp::from_millis(1_795_343_400_000);
        for (millis, words) in [
            (0, "just now"),
            (-20_000, "just now"),
            (20_000, "in less than a minute"),
            (-MINUTE, "1 minute ago"),
            (-89 * MINUTE, "89 minutes ago"),
            (-HOUR - 30 * MINUTE, "2 hours ago"),
            (4 * HOUR - 2_000, "in 4 hours"),
            (-35 * HOUR, "35 hours ago"),
            (-36 * HOUR, "2 days ago"),
            (-40 * DAY, "40 days ago"),
            (-100 * DAY, "3 months ago"),
            (-3 * YEAR, "3 years ago"),
        ] {
            assert_eq!(relative(Timestamp::from_millis(now.as_millis() + millis), now), words, "{millis}");
        }
    }

    #[test]
    fn the_ends_of_time_are_answered_without_a_panic() {
        let (first, last) = (Timestamp::from_millis(i64::MIN), Timestamp::from_millis(i64::MAX));
        for (at, now) in [(first, last), (last, first), (last, last)] {
            assert!(!relative(at, now).is_empty());
        }
    }
}

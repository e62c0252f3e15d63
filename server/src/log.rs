//! The log: what its lines look like, and that nobody outside can break one, forge one, or fill the disk with them.
//!
//! ```text
//! event ─► asked for (COUNTERSIGN_LOG)? ─► refused: too many of this kind? ─► its fields, harmless ─► standard error
//! ```

use crate::{action::Actor, ambient::Stopwatch, config::LogFormat};
use std::{
    collections::HashMap,
    fmt::{self, Write},
    io,
    sync::{Arc, Mutex, Once, PoisonError},
    time::Duration,
};
use tracing::{
    Event, Metadata, Span, Subscriber,
    callsite::Identifier,
    field::{Field, Visit, display},
};
use tracing_subscriber::{
    EnvFilter, Layer,
    field::{RecordFields, VisitOutput},
    fmt::{
        FormatFields,
        format::{DefaultVisitor, Writer},
        layer,
    },
    layer::{Context, SubscriberExt},
    registry,
    util::SubscriberInitExt,
};

/// The target of lines about what was refused: by it they are found, or left out. Anybody can bring about as many of them as they like, so
/// of each kind [`MOST`] are written a minute.
pub const SECURITY: &str = "security";

/// As many as one network may send requests, unless the operator says otherwise.
const MOST: u32 = 120;
const WINDOW: Duration = Duration::from_mins(1);

/// Begins to write the log.
pub fn start(format: LogFormat) {
    let asked_for = EnvFilter::try_from_env("COUNTERSIGN_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn,webauthn_rs=error,webauthn_rs_core=off"));
    let subscriber = registry().with(Few::default()).with(asked_for);
    let lines = layer().with_writer(io::stderr);
    match format {
        LogFormat::Text => subscriber.with(lines.fmt_fields(Harmless)).init(),
        LogFormat::Json => subscriber.with(lines.json()).init(),
    }
}

/// Lets only so many lines of each kind through that are about what was refused.
#[derive(Default)]
struct Few(Mutex<HashMap<Identifier, Kind>>);

/// The lines that one place in the program writes.
struct Kind {
    window: Stopwatch,
    number: u32,
}

impl Few {
    /// Of how many in this minute this is one.
    fn count(&self, of: &Metadata<'_>) -> u32 {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = kinds.entry(of.callsite()).or_insert_with(|| Kind { window: Stopwatch::start(), number: 0 });
        if kind.window.elapsed() >= WINDOW {
            *kind = Kind { window: Stopwatch::start(), number: 0 };
        }
        kind.number = kind.number.saturating_add(1);
        kind.number
    }
}

impl<S: Subscriber> Layer<S> for Few {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        if event.metadata().target() != SECURITY {
            return true;
        }
        let number = self.count(event.metadata());
        if number == MOST + 1 {
            let mut what = Message::default();
            event.record(&mut what);
            tracing::warn!(what = what.0, "there are too many of these: the rest of this minute's aren't written");
        }
        number <= MOST
    }
}

/// What an event says, without its fields.
#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

/// Writes fields so that no text in them, whoever it is from, ends a line, begins another, or commands a terminal.
struct Harmless;

impl<'writer> FormatFields<'writer> for Harmless {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut visitor = Fields(DefaultVisitor::new(writer, true));
        fields.record(&mut visitor);
        visitor.0.finish()
    }
}

struct Fields<'a>(DefaultVisitor<'a>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.record_debug(field, &Escaped(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        // What an event says stands there as it is, everything else in quotes.
        if field.name() == "message" {
            self.record_debug(field, &format_args!("{value}"));
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.record_debug(field, &format_args!("{}", Causes(value)));
    }
}

struct Escaped<'a>(&'a dyn fmt::Debug);

impl fmt::Debug for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{:?}", self.0)
    }
}

struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for char in text.chars() {
            if is_harmful(char) {
                write!(self.0, "{}", char.escape_default())?;
            } else {
                self.0.write_char(char)?;
            }
        }
        Ok(())
    }
}

/// Controls, what ends a line to some, and what turns the direction of all that follows.
fn is_harmful(char: char) -> bool {
    char.is_control() || matches!(char, '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// An error with everything behind it.
pub struct Causes<'a>(pub &'a dyn std::error::Error);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

/// The lines about one request. Once it is known who sent it, each of them says so.
#[derive(Debug, Clone)]
pub struct Lines(Arc<(Span, Once)>);

impl Lines {
    /// Those about the request that is being answered.
    pub fn of_this_request() -> Self {
        Self(Arc::new((Span::current(), Once::new())))
    }

    /// They are about a request of this user.
    pub fn are_about(&self, whom: Actor) {
        let (span, once) = &*self.0;
        once.call_once(|| {
            span.record("organization", display(whom.organization)).record("user", display(whom.user));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use app::domain::id::{OrganizationId, UserId};
    use tracing::subscriber::with_default;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            io::Write::write(&mut *self.0.lock().unwrap(), bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written as text.
    fn written(colours: bool, write: impl FnOnce()) -> String {
        let paper = Paper::default();
        let pen = paper.clone();
        let lines = layer().with_writer(move || pen.clone()).with_ansi(colours).fmt_fields(Harmless);
        with_default(registry().with(lines), write);
        let bytes = paper.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Hostile {
        text: String,
        source: Option<Box<Hostile>>,
    }

    /// Everything that ends a line somewhere, and what terminals obey.
    const HOSTILE: &str = "x\r\n2100-01-01T00:00:00Z ERROR server: forged\u{1b}[2J\u{9b}31m\u{7}\u{8}\u{b}\u{c}\0\u{7f}\
                           \u{85}\u{2028}\u{2029}\u{202e}\u{2066}é";

    #[test]
    fn no_text_breaks_a_line_or_commands_a_terminal() {
        let source = Some(Box::new(Hostile { text: HOSTILE.to_owned(), source: None }));
        let error = Hostile { text: HOSTILE.to_owned(), source };
        for colours in [false, true] {
            let text = written(colours, || {
                let span = tracing::info_span!("request", id = %HOSTILE, path = HOSTILE, late = tracing::field::Empty);
                span.record("late", display(HOSTILE));
                let _inside = span.enter();
                tracing::warn!(%error, "as it shows itself");
                tracing::warn!(error = &error as &dyn std::error::Error, "with what is behind it");
                tracing::warn!(?error, text = HOSTILE, raw = format_args!("{HOSTILE}"), "in other ways");
                tracing::warn!("{HOSTILE}");
                tracing::warn!(message = HOSTILE);
            });
            let lines: Vec<&str> = text.split('\n').collect();
            assert_eq!(lines.len(), 6, "five events, and nothing after the last: {text}");
            for line in &lines[..5] {
                // Colours are the only commands, and they are ours.
                let plain = strip_colours(line);
                assert!(!plain.chars().any(is_harmful), "{plain:?}");
                assert!(plain.contains("é") && plain.contains("forged\\u{1b}[2J"), "{plain}");
            }
            assert_eq!(text.contains('\u{1b}'), colours);
        }
    }

    /// Without the sequences by which the formatter sets colours.
    fn strip_colours(line: &str) -> String {
        let mut pieces = line.split("\u{1b}[");
        let first = pieces.next().unwrap_or_default().to_owned();
        pieces.fold(first, |text, piece| {
            let (numbers, rest) = piece.split_once('m').unwrap();
            assert!(numbers.bytes().all(|byte| byte.is_ascii_digit() || byte == b';'), "{piece:?}");
            text + rest
        })
    }

    #[test]
    fn what_is_behind_an_error_is_said_too() {
        let behind = Hostile { text: "the disk is full".to_owned(), source: None };
        let error = Hostile { text: "it wasn't saved".to_owned(), source: Some(Box::new(behind)) };
        let error: &dyn std::error::Error = &error;
        let text = written(false, || tracing::warn!(error, number = 7, name = "Ada", "a request failed"));
        assert!(text.ends_with("a request failed error=it wasn't saved: the disk is full number=7 name=\"Ada\"\n"), "{text}");
    }

    #[test]
    fn of_each_kind_of_refusal_only_so_many_are_written() {
        let paper = Paper::default();
        let pen = paper.clone();
        let lines = layer().with_writer(move || pen.clone()).with_ansi(false);
        with_default(registry().with(Few::default()).with(lines), || {
            for _ in 0..1000 {
                tracing::warn!(target: SECURITY, "of one kind");
            }
            tracing::warn!(target: SECURITY, "of another kind");
            for _ in 0..1000 {
                tracing::warn!("no refusal");
            }
        });
        let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        let number = |words: &str| text.matches(words).count();
        assert_eq!((number("of one kind"), number("of another kind"), number("no refusal")), (120, 1, 1000));
    }

    #[test]
    fn whoever_sent_a_request_stands_in_its_lines_once() {
        let whom = Actor { organization: OrganizationId::from_bytes([1; 16]), user: UserId::from_bytes([2; 16]) };
        let text = written(false, || {
            let span = tracing::info_span!("request", id = 1, organization = tracing::field::Empty, user = tracing::field::Empty);
            let lines = span.in_scope(Lines::of_this_request);
            tracing::info!(parent: &span, "before");
            lines.are_about(whom);
            lines.clone().are_about(whom);
            tracing::info!(parent: &span, "after");
        });
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].contains("request{id=1}:"), "{text}");
        assert!(lines[1].contains(&format!("request{{id=1 organization={} user={}}}:", whom.organization, whom.user)), "{text}");
    }
}

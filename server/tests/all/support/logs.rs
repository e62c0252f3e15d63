//! What the server logs while a test looks.

use std::{
    cell::RefCell,
    io::{self, Write},
    sync::Once,
};
use tracing_subscriber::{Layer, filter::dynamic_filter_fn, fmt, layer::SubscriberExt, registry, util::SubscriberInitExt};

thread_local! {
    /// What this thread has logged since its test listens.
    static HEARD: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

static INSTALLED: Once = Once::new();

/// Everything that this thread logs, down to the last detail, until it is dropped. One subscriber serves all tests and
/// decides at each event: `tracing` remembers what subscribers wanted when it first met a line of code, and tests on other
/// threads would have it forget this one.
pub struct Logs(());

impl Logs {
    pub fn listen() -> Self {
        INSTALLED.call_once(|| {
            let is_heard = dynamic_filter_fn(|_, _| HEARD.with_borrow(Option::is_some));
            registry().with(fmt::layer().with_ansi(false).with_writer(|| Ear).with_filter(is_heard)).init();
        });
        HEARD.set(Some(Vec::new()));
        Self(())
    }

    #[expect(clippy::unused_self, reason = "only who listens has a text")]
    pub fn text(&self) -> String {
        HEARD.with_borrow(|heard| String::from_utf8_lossy(heard.as_deref().unwrap_or_default()).into_owned())
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        HEARD.set(None);
    }
}

struct Ear;

impl Write for Ear {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        HEARD.with_borrow_mut(|heard| heard.get_or_insert_default().extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

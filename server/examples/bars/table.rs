//! Markdown: tables of figures beside their bars.

use crate::load::Figures;

/// Begins a table.
pub fn heading(columns: &[&str]) {
    println!("\n| {} |\n|{}", columns.join(" | "), "---|".repeat(columns.len()));
}

pub fn row(cells: &[&str]) {
    println!("| {} |", cells.join(" | "));
}

/// Begins a table of [`Figures`].
pub fn heading_of_figures() {
    heading(&["what", "clients", "per second", "p50 ms", "p95 ms", "p99 ms", "bar", "met"]);
}

/// What figures have to be; what isn't said may be anything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bar {
    pub per_second: Option<f64>,
    /// Milliseconds.
    pub p50: Option<f64>,
    pub p99: Option<f64>,
}

impl Bar {
    /// So many each second.
    pub const fn per_second(number: f64) -> Self {
        Self { per_second: Some(number), p50: None, p99: None }
    }

    fn words(&self) -> String {
        let parts = [
            self.per_second.map(|number| format!("≥ {}/s", thousands(number as u64))),
            self.p50.map(|millis| format!("p50 ≤ {millis} ms")),
            self.p99.map(|millis| format!("p99 ≤ {millis} ms")),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    fn is_met(&self, figures: &Figures) -> Option<bool> {
        let parts = [
            self.per_second.map(|number| figures.per_second >= number),
            self.p50.map(|millis| figures.p50 <= millis),
            self.p99.map(|millis| figures.p99 <= millis),
        ];
        parts.into_iter().flatten().reduce(|one, other| one && other)
    }
}

pub fn figures(what: &str, clients: usize, figures: &Figures, bar: Bar) {
    let Figures { per_second, p50, p95, p99 } = figures;
    row(&[
        what,
        &clients.to_string(),
        &thousands(per_second.round() as u64),
        &format!("{p50:.1}"),
        &format!("{p95:.1}"),
        &format!("{p99:.1}"),
        &bar.words(),
        verdict(bar.is_met(figures)),
    ]);
}

pub const fn verdict(is_met: Option<bool>) -> &'static str {
    match is_met {
        Some(true) => "yes",
        Some(false) => "no",
        None => "",
    }
}

/// As in 1,234,567.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

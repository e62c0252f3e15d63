//! A text as a QR code, drawn as one path so that it prints sharp at any size.

use leptos::prelude::*;
use qrcode::{Color, EcLevel, QrCode};
use std::fmt::Write as _;

/// Light modules around the code (ISO/IEC 18004, section 6.3.8).
const QUIET_ZONE: usize = 4;

/// A QR code, black on white also in the dark: cameras need it.
#[component]
pub fn Qr(
    /// What it holds; nothing is drawn if that is too long for any QR code.
    text: String,
    /// What it is, for those who don't see it.
    label: &'static str,
) -> impl IntoView {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let size = code.width() + 2 * QUIET_ZONE;
    Some(view! {
        <svg class="qr" viewBox=format!("0 0 {size} {size}") role="img" aria-label=label>
            <rect class="qr-ground" width=size height=size />
            <path class="qr-modules" d=path(&code) />
        </svg>
    })
}

/// Each run of dark modules in a row as a rectangle.
fn path(code: &QrCode) -> String {
    let mut path = String::new();
    for (y, row) in code.to_colors().chunks(code.width()).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|left, right| left == right) {
            if run[0] == Color::Dark {
                let (x, y, length) = (x + QUIET_ZONE, y + QUIET_ZONE, run.len());
                // Writing to a string can't fail.
                let _ = write!(path, "M{x} {y}h{length}v1h-{length}z");
            }
            x += run.len();
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dark_module_is_covered_once() {
        let code = QrCode::new("https://id.example.org/recover").unwrap();
        let covered: usize = path(&code).split('M').filter_map(|run| run.split_once('h')?.1.split_once('v')?.0.parse::<usize>().ok()).sum();
        assert_eq!(covered, code.to_colors().into_iter().filter(|color| *color == Color::Dark).count());
    }
}

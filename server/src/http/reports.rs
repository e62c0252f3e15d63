//! What browsers report of our pages: that something in one wasn't allowed by its policy. It may be a mistake of ours, an attack that
//! came to nothing, or an extension of the browser; the log says it.

use crate::log::SECURITY;
use axum::{body::Bytes, http::StatusCode};
use serde::Deserialize;

/// Longer texts are cut: anybody can write a report.
const LONGEST: usize = 200;

/// A report. Browsers add more, and in other versions something else.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Report {
    csp_report: Violation,
}

/// What is made of it. A sample of the code isn't: it could be what somebody typed.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Violation {
    document_uri: String,
    effective_directive: String,
    violated_directive: String,
    blocked_uri: String,
    source_file: String,
    line_number: u64,
}

/// Notes a report.
pub(super) async fn note(body: Bytes) -> StatusCode {
    let Ok(Report { csp_report: violation }) = serde_json::from_slice(&body) else { return StatusCode::BAD_REQUEST };
    let directive = if violation.effective_directive.is_empty() { &violation.violated_directive } else { &violation.effective_directive };
    tracing::warn!(
        target: SECURITY,
        page = short(&violation.document_uri),
        directive = short(directive),
        blocked = short(&violation.blocked_uri),
        source = short(&violation.source_file),
        line = violation.line_number,
        "a page's policy was violated"
    );
    StatusCode::NO_CONTENT
}

/// Without what may be private: queries have mail addresses, and fragments codes.
fn short(text: &str) -> String {
    let end = text.find(['?', '#']).unwrap_or(text.len());
    text[..end].chars().filter(|char| !char.is_control()).take(LONGEST).collect()
}

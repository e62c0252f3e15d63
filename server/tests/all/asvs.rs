//! What docs/asvs.md and SECURITY.md say of attacks and requirements: that no row is missing, that each says how it stands, and that
//! what they name is there.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// How a requirement may stand.
const STATES: [&str; 3] = ["met", "not applicable", "not met"];

/// Of each section the last requirement that has a row. Those of level 3 stand last in a section, so all before it have one, too.
const LAST: &str = "1.1.2 1.2.9 1.3.11 1.4.3 1.5.2 2.1.3 2.2.3 2.3.4 2.4.1 3.2.2 3.3.4 3.4.8 3.5.5 3.7.2 4.1.3 4.2.1 4.3.2 4.4.4 \
                    5.1.1 5.2.3 5.3.2 5.4.3 6.1.3 6.2.12 6.3.8 6.4.4 6.5.5 6.6.3 6.8.4 7.1.3 7.2.4 7.3.2 7.4.5 7.5.3 7.6.2 \
                    8.1.2 8.2.3 8.3.2 8.4.2 11.1.2 11.2.3 11.3.3 11.4.4 11.5.1 11.6.1 12.1.3 12.2.2 12.3.4 13.1.1 13.2.5 13.3.2 13.4.5 \
                    14.1.2 14.2.4 14.3.3 15.1.3 15.2.3 15.3.7 16.1.1 16.2.5 16.3.4 16.4.3 16.5.3";

/// What begins with one of these is a file of ours, and so is what ends as files at the top do.
const FOLDERS: [&str; 8] = ["app", "server", "frontend", "style", "public", "end2end", "docs", ".ci"];
const ENDINGS: [&str; 5] = [".rs", ".ts", ".md", ".toml", ".txt"];

fn ours(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn document() -> String {
    fs::read_to_string(ours("docs/asvs.md")).unwrap()
}

/// A row of a table that has a column `state`.
struct Row<'a> {
    /// Under which heading.
    heading: &'a str,
    number: &'a str,
    state: &'a str,
    /// Where it is met, or why not.
    place: &'a str,
}

fn rows(document: &str) -> Vec<Row<'_>> {
    let (mut rows, mut heading, mut header) = (Vec::new(), "", None::<Vec<&str>>);
    for line in document.lines() {
        heading = line.strip_prefix("## ").unwrap_or(heading);
        let Some(inside) = line.strip_prefix('|') else {
            header = None;
            continue;
        };
        let cells: Vec<&str> = inside.trim_end().trim_end_matches('|').split('|').map(str::trim).collect();
        let Some(names) = &header else {
            header = Some(cells);
            continue;
        };
        let Some(state) = names.iter().position(|name| *name == "state") else { continue };
        if cells[0].starts_with('-') {
            continue;
        }
        assert_eq!(cells.len(), names.len(), "{line}: a row has as many cells as its table");
        rows.push(Row { heading, number: cells[0], state: cells[state], place: cells[cells.len() - 1] });
    }
    rows
}

/// The files, and functions in files, that a text names.
fn named(text: &str) -> Vec<&str> {
    let is_file = |named: &&str| {
        let (path, _) = named.split_once("::").unwrap_or((named, ""));
        let is_ours = path.split_once('/').is_some_and(|(folder, _)| FOLDERS.contains(&folder));
        !path.contains(char::is_whitespace) && (is_ours || ENDINGS.iter().any(|ending| path.ends_with(ending)))
    };
    text.split('`').skip(1).step_by(2).filter(is_file).collect()
}

/// Whether the file is there, and the function or test in it.
fn is_there(named: &str) -> bool {
    let (path, name) = named.split_once("::").unwrap_or((named, ""));
    let file = ours(path);
    if name.is_empty() {
        return file.exists();
    }
    let declared = match file.extension().and_then(|extension| extension.to_str()) {
        Some("rs") => vec![format!("fn {name}("), format!("fn {name}<")],
        _ => vec![format!("test(\"{name}\"")],
    };
    fs::read_to_string(file).is_ok_and(|source| declared.iter().any(|declared| source.contains(declared)))
}

/// What is wrong with a row.
fn complaints(row: &Row<'_>) -> Vec<String> {
    let (number, named) = (row.number, named(row.place));
    let mut complaints = Vec::new();
    if !STATES.contains(&row.state) {
        complaints.push(format!("{number}: {:?} is none of {STATES:?}", row.state));
    }
    if row.place.is_empty() || (row.state == "met" && named.is_empty()) {
        complaints.push(format!("{number} names nothing"));
    }
    complaints.extend(named.iter().filter(|named| !is_there(named)).map(|named| format!("{number}: there is no {named}")));
    complaints
}

#[test]
fn every_row_says_how_it_stands_and_what_it_names_is_there() {
    let document = document();
    let found: Vec<String> = rows(&document).iter().flat_map(complaints).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_requirement_has_one_row_in_its_chapter() {
    let document = document();
    let mut numbers = BTreeSet::new();
    for row in rows(&document).iter().filter(|row| row.heading.starts_with('V')) {
        let (chapter, _) = row.number.split_once('.').unwrap();
        assert!(row.heading.starts_with(&format!("V{chapter} ")), "{} stands under {}", row.number, row.heading);
        assert!(numbers.insert(row.number), "{} stands there twice", row.number);
    }
    for last in LAST.split_whitespace() {
        let (section, last) = last.rsplit_once('.').unwrap();
        for place in 1..=last.parse().unwrap() {
            let number = format!("{section}.{place}");
            assert!(numbers.contains(number.as_str()), "{number} has no row");
        }
    }
}

#[test]
fn security_md_counts_the_rows_and_names_what_is_there() {
    let (document, security) = (document(), fs::read_to_string(ours("SECURITY.md")).unwrap());
    let rows = rows(&document);
    let [met, not_applicable, not_met] = STATES.map(|state| rows.iter().filter(|row| row.state == state).count());
    let counted = format!("Of its {} rows, {met} are met, {not_applicable} not applicable, and {not_met} not met.", rows.len());
    assert!(security.contains(&counted), "SECURITY.md must say: {counted}");
    let lost: Vec<&str> = named(&security).into_iter().filter(|named| !is_there(named)).collect();
    assert!(lost.is_empty(), "{lost:#?}");
}

#[test]
fn what_is_wrong_with_a_row_is_found() {
    let of = |state: &str, place: &str| {
        let table = format!("| | asks | state | where |\n|---|---|---|---|\n| 1.1.1 | x | {state} | {place} |\n");
        complaints(&rows(&table)[0])
    };
    let there = "`server/tests/all/asvs.rs::complaints`, `Cargo.toml`, `end2end/tests/security.spec.ts::are on every response`";
    assert_eq!(of("met", there), [""; 0]);
    assert_eq!(of("not met", "planned"), [""; 0]);
    assert_eq!(of("mostly", "planned"), ["1.1.1: \"mostly\" is none of [\"met\", \"not applicable\", \"not met\"]"]);
    assert_eq!(of("met", "by `default-src 'none'`"), ["1.1.1 names nothing"]);
    assert_eq!(of("not applicable", ""), ["1.1.1 names nothing"]);
    assert_eq!(of("not met", "`server/tests/all/gone.rs`"), ["1.1.1: there is no server/tests/all/gone.rs"]);
    for gone in ["server/tests/all/asvs.rs::complaint", "end2end/tests/security.spec.ts::are on every", "docs/asvs.md::met", "gone.toml"] {
        assert_eq!(of("met", &format!("`{gone}`")), [format!("1.1.1: there is no {gone}")]);
    }
}

//! How many bytes there are: of the program, and of what the browser loads, by `end2end/size.sh`.

use crate::{
    settings::{Settings, root},
    table::{self, thousands},
};
use std::{fs, process::Command};

pub fn measure(settings: &Settings) {
    println!("\n## Sizes");
    let output = Command::new(root().join("end2end/size.sh")).output().expect("end2end/size.sh can be run");
    assert!(output.status.success(), "build the browser's files with `make build`: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    table::heading(&["what", "kB", "bar, kB", "met"]);
    for (what, bar) in [("first load of /login", 150), ("everything", 260)] {
        let line = text.lines().find_map(|line| line.trim().strip_suffix(what));
        let bytes: u64 = line.and_then(|number| number.trim().parse().ok()).expect("end2end/size.sh says the sum");
        let cells = [&*format!("{what}, brotli"), &format!("{:.1}", bytes as f64 / 1000.0), &format!("≤ {bar}")];
        table::row(&[cells[0], cells[1], cells[2], table::verdict(Some(bytes <= bar * 1000))]);
    }
    let program = fs::metadata(&settings.program).map_or(0, |file| file.len() / 1000);
    table::row(&["the program", &thousands(program), "", ""]);
}

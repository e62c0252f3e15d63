//! What ARCHITECTURE.md promises and a search can find: who names whom.

use crate::support::app::migrations;
use std::{
    fs,
    path::{Path, PathBuf},
};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The files below a folder, with their path in the workspace and their text.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders = vec![workspace().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(workspace()).unwrap().to_str().unwrap().replace('\\', "/");
                files.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!files.is_empty(), "{folder}");
    files
}

/// A name in the code as a path: `name::…`, `use name`, `extern crate name`. Comments and texts don't count.
fn names(source: &str, name: &str) -> Vec<String> {
    let is_named = |line: &&str| {
        let code = line.split("//").next().unwrap();
        let stands_alone = |at: usize| !code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
        let named = |wanted: &str| code.match_indices(wanted).any(|(at, _)| stands_alone(at));
        named(&format!("{name}::"))
            || named(&format!("use {name};"))
            || named(&format!("use {name} "))
            || named(&format!("extern crate {name}"))
    };
    source.lines().filter(is_named).map(|line| line.trim().to_owned()).collect()
}

#[track_caller]
fn assert_names_none_of(folder: &str, unwanted: &[&str], except: &str) {
    let mut found = Vec::new();
    for (file, source) in sources(folder).iter().filter(|(file, _)| except.is_empty() || !file.starts_with(except)) {
        for name in unwanted {
            found.extend(names(source, name).into_iter().map(|line| format!("{file}: {line}")));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn names_are_found_where_they_are() {
    let found = |line: &str| !names(line, "sqlx").is_empty();
    assert!(found("use sqlx::Any;") && found("    #[derive(sqlx::FromRow)]") && found("let x = sqlx::query(\"\");"));
    assert!(!found("// as sqlx::Any does") && !found("let filter = \"info,sqlx=warn\";") && !found("use my_sqlx::Any;"));
}

#[test]
fn the_domain_and_the_actions_are_pure() {
    let unwanted =
        ["leptos", "leptos_axum", "web_sys", "js_sys", "wasm_bindgen", "tokio", "sqlx", "axum", "async_trait", "std::fs", "std::net"];
    assert_names_none_of("app/src/domain", &unwanted, "");
    assert_names_none_of("app/src/action", &unwanted, "");
    for folder in ["app/src/domain", "app/src/action"] {
        for (file, source) in sources(folder) {
            for unwanted in ["async fn", "SystemTime", "Instant::now"] {
                assert!(!source.contains(unwanted), "{file} has {unwanted}");
            }
        }
    }
}

#[test]
fn only_browser_names_the_browser() {
    assert_names_none_of("app/src", &["web_sys", "js_sys", "gloo"], "app/src/browser/");
}

#[test]
fn only_storage_names_the_database() {
    assert_names_none_of("server/src", &["sqlx"], "server/src/storage/");
    assert_names_none_of("app/src", &["sqlx", "webauthn_rs", "lettre"], "");
}

#[test]
fn only_the_passkey_ceremonies_name_webauthn_rs() {
    // cli.rs passes one of its errors on.
    for (file, source) in sources("server/src") {
        if !file.starts_with("server/src/passkey/") && file != "server/src/cli/mod.rs" {
            assert_eq!(names(&source, "webauthn_rs"), [""; 0], "{file}");
        }
    }
}

#[test]
fn the_use_cases_know_no_http_and_no_sql() {
    assert_names_none_of("server/src/service", &["axum", "tower_http", "leptos_axum", "sqlx"], "");
    for (file, source) in sources("server/src/service") {
        for word in ["SELECT ", "INSERT INTO", "DELETE FROM", "UPDATE "] {
            assert!(!source.contains(word), "{file} has {word}");
        }
    }
}

/// Functions that alter an organization's users, permissions and assignments are called on the road of a change, and by
/// founding and registration, where nobody can sign yet.
#[test]
fn only_the_road_of_a_change_alters_an_organization() {
    let altering = [
        "users::insert(",
        "users::mark(",
        "users::delete(",
        "identities::insert_program(",
        "identities::rename_program(",
        "identities::delete_access_tokens(",
        "permissions::insert(",
        "permissions::update(",
        "permissions::archive(",
        "permissions::restore(",
        "permissions::assign(",
        "permissions::revoke(",
        "history::append(",
    ];
    let mut found = Vec::new();
    for (file, source) in sources("server/src") {
        // Tests write rows of their own.
        let code = source.split("#[cfg(test)]").next().unwrap();
        found.extend(altering.iter().filter(|name| code.contains(**name)).map(|name| format!("{file} {name}")));
    }
    found.sort();
    assert_eq!(
        found,
        [
            "server/src/action/apply.rs identities::delete_access_tokens(",
            "server/src/action/apply.rs identities::insert_program(",
            "server/src/action/apply.rs identities::rename_program(",
            "server/src/action/apply.rs permissions::archive(",
            "server/src/action/apply.rs permissions::assign(",
            "server/src/action/apply.rs permissions::insert(",
            "server/src/action/apply.rs permissions::restore(",
            "server/src/action/apply.rs permissions::revoke(",
            "server/src/action/apply.rs permissions::update(",
            "server/src/action/apply.rs users::delete(",
            "server/src/action/apply.rs users::insert(",
            "server/src/action/apply.rs users::mark(",
            "server/src/action/break_glass.rs history::append(",
            "server/src/action/commit.rs history::append(",
            "server/src/action/enrol.rs history::append(",
            "server/src/action/key_change.rs history::append(",
            "server/src/action/record.rs history::append(",
            "server/src/action/record.rs permissions::assign(",
            "server/src/action/record.rs permissions::insert(",
            "server/src/service/get_started.rs users::insert(",
        ]
    );
}

#[test]
fn time_and_chance_come_from_one_place() {
    for (file, source) in sources("server/src").into_iter().filter(|(file, _)| file != "server/src/ambient.rs") {
        for unwanted in ["SystemTime::now", "Instant::now", "Uuid::new_v4", "OffsetDateTime::now_utc", "rand::random"] {
            assert!(!source.contains(unwanted), "{file} has {unwanted}");
        }
    }
}

#[test]
fn the_tables_hold_text_and_numbers_only() {
    let migrations = migrations();
    let statements: Vec<String> = migrations
        .lines()
        .map(|line| line.split("--").next().unwrap())
        .collect::<Vec<_>>()
        .join(" ")
        .split(';')
        .map(|statement| statement.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|statement| !statement.is_empty())
        .collect();
    let mut columns = 0;
    for statement in &statements {
        let definitions = if let Some(table) = statement.strip_prefix("CREATE TABLE ") {
            let (_, inside) = table.split_once('(').unwrap();
            split_at_commas(inside.strip_suffix(')').unwrap())
        } else if statement.starts_with("ALTER TABLE ") && statement.contains(" ADD COLUMN ") {
            vec![statement.split(" ADD COLUMN ").nth(1).unwrap().to_owned()]
        } else {
            continue;
        };
        for definition in definitions {
            let words: Vec<&str> = definition.split_whitespace().collect();
            if ["PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "CONSTRAINT"].contains(&words[0].split('(').next().unwrap()) {
                continue;
            }
            assert!(["TEXT", "BIGINT"].contains(&words[1]), "{definition}: sqlx::Any reads TEXT and BIGINT on both databases");
            columns += 1;
        }
    }
    assert!(columns > 60, "{columns}");
}

/// Commas inside of parentheses don't count.
fn split_at_commas(text: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for char in text.chars() {
        match char {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if char == ',' && depth == 0 { parts.push(String::new()) } else { parts.last_mut().unwrap().push(char) }
    }
    parts.into_iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

#[test]
fn server_functions_answer_to_post_only() {
    for (file, source) in sources("app/src/rpc") {
        for unwanted in ["GetUrl", "GetCbor", "GetJson", "Streaming", "Multipart", "StreamingText"] {
            assert!(!source.contains(unwanted), "{file} has {unwanted}: such a function would take GET, or a body without a limit");
        }
    }
}

#[test]
fn every_folder_at_the_top_is_one_that_is_known() {
    let known = ["app", "server", "frontend", "style", "public", "end2end", "docs"];
    for entry in fs::read_dir(workspace()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() && !name.starts_with('.') && !["target", "data"].contains(&name.as_str()) {
            assert!(known.contains(&name.as_str()), "{name} isn't in ARCHITECTURE.md");
        }
    }
}

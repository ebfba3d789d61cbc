//! docs/security-model.md names the tests that show what it says: every one of them must exist.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Where names are cases of the attack corpus and not functions.
const CORPUS: &str = "tests/attacks/cases";

#[test]
fn every_hole_names_its_tests_and_they_exist() {
    let rows = rows_of_holes(&text("docs/security-model.md"));
    assert!(rows.len() >= 35, "only {} holes", rows.len());
    let mut files = BTreeMap::new();
    let mut wrong = Vec::new();
    for row in &rows {
        let named = named_tests(row.last().unwrap());
        if named.is_empty() {
            wrong.push(format!("{}: no test is named", row[0]));
        }
        for (place, name) in named {
            let known = files.entry(place.clone()).or_insert_with(|| known_in(&place));
            if !exists(&name, known) {
                wrong.push(format!("{}: there is no {name} in {place}", row[0]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_test_sees_a_test_that_is_not_there() {
    let cell = "`tests/attacks/cases`: `xsw-*`, `no-such-*`; `tests/security_model.rs`: `nobody`, `exists`";
    let found: Vec<bool> =
        named_tests(cell).iter().map(|(place, name)| exists(name, &known_in(place))).collect();
    // `exists` is a function here and no test.
    assert_eq!(found, [true, false, false, false]);
    assert_eq!(
        rows_of_holes("| hole | x | y | tests |\n|---|---|---|---|\n| a | b | c | d |\n\n| e | f |\n").len(),
        1
    );
}

/// The rows of the tables whose last column says `tests`, as cells.
fn rows_of_holes(text: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        let Some(cells) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")) else {
            inside &= line.starts_with("|---");
            continue;
        };
        let cells: Vec<String> = cells.split(" | ").map(str::to_owned).collect();
        if cells.last().is_some_and(|cell| cell == "tests") {
            inside = true;
        } else if inside {
            rows.push(cells);
        }
    }
    rows
}

/// The names in a cell, each with the file (or corpus) that stands before it.
fn named_tests(cell: &str) -> Vec<(String, String)> {
    let mut place = String::new();
    let mut named = Vec::new();
    for span in cell.split('`').skip(1).step_by(2) {
        if span.contains('/') {
            span.clone_into(&mut place);
        } else {
            named.push((place.clone(), span.to_owned()));
        }
    }
    named
}

/// What is defined there: the names of tests, or of cases.
fn known_in(place: &str) -> Vec<String> {
    if place == CORPUS {
        let table = text(&format!("{CORPUS}/cases.toml"));
        let names = table.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
        return names.map(str::to_owned).collect();
    }
    let source = text(place);
    let mut known = Vec::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some(rest) = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn ")) {
            let name = rest.split('(').next().unwrap_or_default();
            if std::mem::take(&mut is_test) {
                known.push(name.to_owned());
            }
        }
    }
    known
}

/// A final `*` stands for any end.
fn exists(name: &str, known: &[String]) -> bool {
    match name.strip_suffix('*') {
        Some(start) => known.iter().any(|known| known.starts_with(start)),
        None => known.iter().any(|known| known == name),
    }
}

fn text(path: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

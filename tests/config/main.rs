//! The configuration, from outside: what is good loads, what is bad gives exactly its problems.
//!
//! `good/*.yaml` must load without a problem. Each `bad/*.yaml` has a `.expect` beside it: one line a problem, the key's
//! path, ` | ` and a part of the message; a line `env NAME=VALUE` sets a variable for the run. Not one problem more and
//! not one less.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says so")]

mod doubts;
mod example;
mod include;
mod looks;
mod sign_on;
mod sites;
mod terms;
mod values;

use std::path::{Path, PathBuf};
use vestibule::clock::Moment;
use vestibule::config::{Config, Problems, load};

/// 2026-01-01: inside the life of every certificate here.
pub(crate) const NOW: Moment = Moment::from_seconds(1_767_225_600);

/// The folder of this test.
pub(crate) fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config")
}

/// Loads with these variables alone.
pub(crate) fn load_with(file: &Path, env: &[(&str, &str)]) -> Result<Config, Problems> {
    let env: Vec<(String, String)> = env.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
    load(file, &env, NOW)
}

/// What this text says, which names no file beside it.
pub(crate) fn loaded(text: &str) -> Config {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.yaml");
    std::fs::write(&file, text).expect("the file");
    load_with(&file, &[]).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The files of a folder with this ending, sorted.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(here().join(folder))
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == ending))
        .collect();
    found.sort();
    found
}

#[test]
fn good_files_load() {
    let good = files("good", "yaml");
    assert!(good.len() >= 3, "{good:?}");
    for file in good {
        if let Err(problems) = load_with(&file, &[]) {
            panic!("{}:\n{problems}", file.display());
        }
    }
}

#[test]
fn each_bad_file_gives_exactly_its_problems() {
    let bad = files("bad", "yaml");
    assert!(bad.len() >= 30, "only {} bad files", bad.len());
    let mut wrong = String::new();
    for file in bad {
        let expect = std::fs::read_to_string(file.with_extension("expect"))
            .unwrap_or_else(|error| panic!("{}: {error}", file.with_extension("expect").display()));
        if let Err(why) = judge(&file, &expect) {
            wrong.push_str(&format!("\n{}:\n{why}\n", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn each_expectation_has_its_file() {
    for expect in files("bad", "expect") {
        assert!(expect.with_extension("yaml").exists(), "{} stands alone", expect.display());
    }
}

fn judge(file: &Path, expect: &str) -> Result<(), String> {
    let mut env = Vec::new();
    let mut expected = Vec::new();
    for line in expect.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        if let Some(variable) = line.strip_prefix("env ") {
            env.push(variable.split_once('=').ok_or_else(|| format!("no `=` in {line}"))?);
        } else {
            expected.push(line.split_once(" | ").ok_or_else(|| format!("no ` | ` in {line}"))?);
        }
    }
    if expected.is_empty() {
        return Err("expects nothing".into());
    }
    let Err(Problems(mut problems)) = load_with(file, &env) else { return Err("loads".into()) };
    let mut missing = String::new();
    for (path, part) in expected {
        let found = problems.iter().position(|problem| {
            let written =
                problem.line.map_or_else(|| problem.path.clone(), |line| format!("{line}: {}", problem.path));
            (path == problem.path || path == written) && problem.message.contains(part)
        });
        match found {
            Some(position) => drop(problems.remove(position)),
            None => missing.push_str(&format!("  missing: {path} | {part}\n")),
        }
    }
    let surplus: String = problems.iter().map(|p| format!("  surplus: {p}\n")).collect();
    if missing.is_empty() && surplus.is_empty() { Ok(()) } else { Err(format!("{missing}{surplus}")) }
}

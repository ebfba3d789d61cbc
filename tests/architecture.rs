//! Holds the import directions of docs/architecture.md, and a few habits of the house, against the source.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Which rooms each room may import. A room that is not here may be imported by everybody and imports nothing of ours.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("reason", &[]),
    ("secret", &[]),
    ("seal", &["secret"]),
    ("cookies", &[]),
    ("limits", &["clock"]),
    ("pages", &["reason"]),
    ("observe", &["clock", "reason", "secret"]),
    ("saml", &["clock", "reason", "secret"]),
    ("identity", &["clock", "reason", "saml"]),
    ("access", &["clock", "identity", "reason"]),
    ("admission", &["identity", "reason", "seal"]),
    ("session", &["clock", "identity", "reason"]),
    ("headers", &["clock", "identity", "secret", "session"]),
    ("store", &["clock", "identity", "observe", "seal", "secret", "session"]),
    (
        "site",
        &[
            "access",
            "admission",
            "clock",
            "cookies",
            "headers",
            "identity",
            "pages",
            "reason",
            "saml",
            "session",
        ],
    ),
    ("snippets", &["site"]),
    ("test_link", &["clock", "reason", "seal", "site"]),
    ("federation", &["clock", "observe", "reason", "saml", "seal", "site"]),
    (
        "gate",
        &[
            "clock", "headers", "identity", "limits", "login", "observe", "pages", "reason", "saml", "seal",
            "session", "site",
        ],
    ),
    (
        "login",
        &[
            "access",
            "admission",
            "clock",
            "cookies",
            "explain",
            "gate",
            "identity",
            "limits",
            "observe",
            "pages",
            "reason",
            "saml",
            "seal",
            "session",
            "site",
            "test_link",
        ],
    ),
    (
        "gateway",
        &[
            "access",
            "admission",
            "clock",
            "config",
            "federation",
            "gate",
            "identity",
            "limits",
            "login",
            "observe",
            "reason",
            "secret",
            "session",
            "site",
            "store",
        ],
    ),
    (
        "config",
        &[
            "access",
            "admission",
            "clock",
            "cookies",
            "federation",
            "headers",
            "identity",
            "limits",
            "observe",
            "pages",
            "saml",
            "seal",
            "secret",
            "session",
            "site",
            "store",
        ],
    ),
    ("explain", &["admission", "clock", "identity", "reason", "saml"]),
    (
        "cli",
        &[
            "clock",
            "config",
            "explain",
            "federation",
            "gateway",
            "observe",
            "saml",
            "secret",
            "site",
            "snippets",
            "test_link",
        ],
    ),
];

/// Crates that only some rooms may know.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("pingora", &["gateway"]),
    ("hyper", &["federation", "gateway"]),
    ("hyper_util", &["federation", "gateway"]),
    ("tokio_rustls", &["federation"]),
    ("figment", &["config"]),
    ("saphyr_parser", &["config"]),
    ("uppsala", &["saml"]),
    ("openssl", &["saml"]),
    ("bergshamra_c14n", &["saml"]),
    ("bergshamra_xml", &["saml"]),
    ("quick_xml", &["saml"]),
    ("samael", &["saml"]),
    ("askama", &["pages", "snippets"]),
    ("prometheus_client", &["observe"]),
    ("opentelemetry_proto", &["observe"]),
    ("prost", &["observe"]),
    ("moka", &["gate", "session", "store"]),
    ("redis", &["store"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("sd_notify", &["cli"]),
    ("listenfd", &["gateway"]),
    ("socket2", &["gateway"]),
];

/// What the pure rooms must not know at all.
const NEVER_IN_SAML: &[&str] = &["http::", "std::fs", "std::net", "tokio", "SystemTime", "serde"];

const LONGEST_FILE: usize = 450;

#[test]
fn rooms_import_only_what_they_may() {
    let allowed: BTreeMap<_, BTreeSet<_>> =
        MAY_IMPORT.iter().map(|(room, may)| (*room, may.iter().copied().collect())).collect();
    let mut wrong = Vec::new();
    for (room, file, line) in source_lines() {
        for imported in rooms_named_in(&line) {
            let may = allowed.get(room.as_str()).is_some_and(|may| may.contains(imported.as_str()));
            if imported != room && allowed.contains_key(imported.as_str()) && !may && room != "lib" {
                wrong.push(format!("{}: {room} imports {imported}: {}", file.display(), line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "imports against docs/architecture.md:\n{}", wrong.join("\n"));
}

#[test]
fn no_room_may_import_what_it_does_not() {
    let used: BTreeSet<_> = source_lines()
        .into_iter()
        .flat_map(|(room, _, line)| {
            rooms_named_in(&line)
                .into_iter()
                .map(move |imported| (room.clone(), imported))
                .collect::<Vec<_>>()
        })
        .collect();
    let idle: Vec<_> = MAY_IMPORT
        .iter()
        .flat_map(|(room, may)| may.iter().map(move |imported| ((*room).to_owned(), (*imported).to_owned())))
        .filter(|permission| !used.contains(permission))
        .collect();
    assert!(idle.is_empty(), "permissions that nobody uses: {idle:?}");
}

#[test]
fn each_library_is_known_only_where_it_belongs() {
    let mut wrong = Vec::new();
    for (room, file, line) in source_lines() {
        for (library, rooms) in ONLY_IN {
            if mentions(&line, library) && !rooms.contains(&room.as_str()) {
                wrong.push(format!("{}: {library} in {room}: {}", file.display(), line.trim()));
            }
        }
        if room == "saml" {
            for word in NEVER_IN_SAML.iter().filter(|word| line.contains(**word)) {
                wrong.push(format!("{}: the pure rooms know {word}: {}", file.display(), line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_room_is_in_the_table() {
    let known: BTreeSet<_> = MAY_IMPORT.iter().map(|(room, _)| (*room).to_owned()).collect();
    let found: BTreeSet<_> = source_files()
        .iter()
        .map(|file| room_of(file))
        .filter(|room| room != "lib" && room != "main")
        .collect();
    assert_eq!(found, known);
}

#[test]
fn no_file_is_too_long_to_read() {
    let long: Vec<_> = source_files()
        .into_iter()
        .map(|file| (production_lines(&file).len(), file))
        .filter(|(lines, file)| *lines > LONGEST_FILE && !file.ends_with("reason.rs"))
        .collect();
    assert!(long.is_empty(), "over {LONGEST_FILE} lines without tests: {long:?}");
}

#[test]
fn the_test_sees_a_planted_violation() {
    assert_eq!(rooms_named_in("use crate::config::Config;"), ["config"]);
    assert_eq!(rooms_named_in("use crate::{access::Rules, saml::parties};"), ["access", "saml"]);
    assert!(mentions("use pingora::proxy::Session;", "pingora"));
    assert!(!mentions("//! knows pingora::nothing", "pingora"));
}

#[test]
fn only_what_is_for_tests_is_passed_over() {
    let text = "use a;\n#[cfg(test)]\n#[path = \"x.rs\"]\nmod x;\nuse crate::{\n    access::Rules,\n    saml,\n};\n\
                #[cfg(test)]\nimpl X {\n    fn y() {\n    }\n}\nfn z() {}\n#[cfg(test)]\nmod tests {\n    use b;\n}\n";
    let lines = production_code(text);
    assert_eq!(lines, ["use a;", "use crate::{ access::Rules, saml, };", "fn z() {}"]);
    assert_eq!(rooms_named_in(&lines[1]), ["access", "saml"]);
}

fn production_lines(file: &Path) -> Vec<String> {
    production_code(&fs::read_to_string(file).unwrap())
}

/// The lines of a formatted file without the items that are for tests; a `use` of several lines is one.
fn production_code(text: &str) -> Vec<String> {
    let mut lines = text.lines();
    let mut found: Vec<String> = Vec::new();
    while let Some(line) = lines.next() {
        if line == "#[cfg(test)]" {
            skip_item(&mut lines);
            continue;
        }
        let mut line = line.to_owned();
        if is_use(&line) {
            while !line.ends_with(';') {
                let Some(more) = lines.next() else { break };
                line = format!("{line} {}", more.trim());
            }
        }
        found.push(line);
    }
    found
}

/// Attributes, then the item: to its semicolon, or to the brace that closes it in the first column.
fn skip_item<'a>(lines: &mut impl Iterator<Item = &'a str>) {
    let Some(first) = lines.find(|line| !line.starts_with("#[")) else { return };
    if !first.ends_with(';') && !first.ends_with('}') {
        lines.find(|line| line.starts_with('}'));
    }
}

fn is_use(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("use ") || line.starts_with("pub") && line.contains(" use ")
}

fn source_lines() -> Vec<(String, PathBuf, String)> {
    source_files()
        .into_iter()
        .flat_map(|file| {
            let room = room_of(&file);
            production_lines(&file).into_iter().map(move |line| (room.clone(), file.clone(), line))
        })
        .filter(|(_, _, line)| !line.trim_start().starts_with("//"))
        .collect()
}

/// `src/saml/xml.rs` and `src/saml/mod.rs` are the room saml; `src/seal.rs` is the room seal. Files of tests are left out.
fn room_of(file: &Path) -> String {
    let inside = file.strip_prefix(root()).unwrap();
    inside.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

fn source_files() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs")
                && !path.file_stem().and_then(|name| name.to_str()).is_some_and(is_for_tests)
                && !path.components().any(|part| part.as_os_str() == "tests")
            {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root(), &mut found);
    found.sort();
    found
}

/// Files that only tests are made of.
fn is_for_tests(stem: &str) -> bool {
    matches!(stem, "tests" | "testing" | "tests_support" | "suite") || stem.ends_with("_tests")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Rooms in `crate::room` and `crate::{room::…, room}`.
fn rooms_named_in(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in line.match_indices("crate::") {
        let rest = &line[at + "crate::".len()..];
        let word =
            |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        match rest.strip_prefix('{') {
            Some(list) => {
                let mut depth = 0;
                let mut start = true;
                for (index, character) in list.char_indices() {
                    match character {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        ' ' => {}
                        _ if start && depth == 0 => {
                            found.push(word(&list[index..]));
                            start = false;
                        }
                        _ => {}
                    }
                }
            }
            None => found.push(word(rest)),
        }
    }
    found.retain(|room| !room.is_empty());
    found
}

/// Whether code (not a comment) names a library's path.
fn mentions(line: &str, library: &str) -> bool {
    !line.trim_start().starts_with("//")
        && line
            .match_indices(&format!("{library}::"))
            .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

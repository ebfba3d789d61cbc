//! What the documentation says by name must exist: the codes in its tables, the keys of its configurations, the pages it
//! links to. And each walkthrough in docs/idp must do what it promises: its configuration loads, and lets in the answer
//! of its provider that tests/shapes holds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use vestibule::clock::Moment;
use vestibule::config::load;
use vestibule::reason::Reason;

/// 2026-01-15: inside the life of every certificate that is used here.
const NOW: Moment = Moment::from_seconds(1_768_478_400);

/// A column with this heading holds reason codes and nothing else between backticks.
const HEADINGS_OF_CODES: [&str; 2] = ["code", "the gate says"];

/// The walkthrough, the shape of its provider's answer, and that of its metadata.
const WALKTHROUGHS: [(&str, &str, &str); 13] = [
    ("okta", "okta", "okta"),
    ("entra", "entra", "entra"),
    ("entra", "entra-both-signed", "entra"),
    ("google", "google", "google"),
    ("keycloak", "keycloak", "keycloak"),
    ("adfs", "adfs", "adfs"),
    ("shibboleth", "shibboleth", "shibboleth"),
    ("jumpcloud", "jumpcloud", "jumpcloud"),
    ("onelogin", "onelogin", "onelogin"),
    ("auth0", "auth0", "auth0"),
    ("auth0", "auth0-response-signed", "auth0"),
    ("pingone", "pingone", "pingone"),
    ("authentik", "authentik", "authentik"),
];

#[test]
fn the_codes_in_the_tables_exist() {
    let known = known_codes();
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for page in pages() {
        for code in codes_in_tables(&text(&page)) {
            seen += 1;
            if !known.contains(code.as_str()) {
                wrong.push(format!("{}: there is no code {code}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 100, "only {seen} codes: are the headings of the tables still {HEADINGS_OF_CODES:?}?");
}

#[test]
fn the_test_sees_a_code_that_is_not_there() {
    let table = "| code | cause |\n|---|---|\n| `no-such-code`, `audience-missing` | `mend` |\n\n| x |\n|---|\n| `y` |\n";
    assert_eq!(codes_in_tables(table), ["no-such-code", "audience-missing"]);
    assert!(!known_codes().contains("no-such-code"));
}

#[test]
fn the_links_lead_somewhere() {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for page in pages() {
        for link in links(&text(&page)) {
            seen += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link.as_str(), ""));
            let target = match file {
                "" => page.clone(),
                _ => page.parent().unwrap().join(file),
            };
            if !target.exists() {
                wrong.push(format!("{}: {link} does not exist", page.display()));
            } else if !anchor.is_empty() && !anchors(&text(&target)).contains(anchor) {
                wrong.push(format!("{}: {link} has no such heading", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 100, "only {seen} links");
}

#[test]
fn every_configuration_of_the_walkthroughs_has_known_keys_and_every_whole_one_loads() {
    let mut wrong = Vec::new();
    let mut whole = 0;
    for page in pages().into_iter().filter(|page| page.parent().is_some_and(|folder| folder.ends_with("idp")))
    {
        for yaml in blocks(&text(&page), "yaml") {
            let is_whole = yaml.lines().any(|line| line.starts_with("public_url:"));
            whole += usize::from(is_whole);
            let folder = folder_with(&yaml);
            let problems = load(&folder.path().join("config.yaml"), &[], NOW).err();
            for problem in problems.into_iter().flat_map(|problems| problems.0) {
                // A fragment lacks much and names files of its own; its keys and their values must be right all the same.
                let lacks =
                    problem.message.contains("is missing") || problem.message.contains("cannot be read");
                if is_whole || !lacks {
                    wrong.push(format!("{}: {problem}\n{yaml}", page.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(whole >= 11, "only {whole} whole configurations");
}

#[test]
fn the_configuration_of_each_walkthrough_lets_in_the_answer_of_its_provider() {
    let shapes = root().join("tests/shapes/cases");
    let mut wrong = Vec::new();
    for (walkthrough, shape, metadata) in WALKTHROUGHS {
        let page = text(&root().join(format!("docs/idp/{walkthrough}.md")));
        let whole = blocks(&page, "yaml").into_iter().find(|yaml| yaml.starts_with("public_url:")).unwrap();
        let answer = shapes.join(format!("{shape}.response.xml"));
        let said = text(&answer);
        let destination = attribute(&said, "Destination");
        let site = destination.split("/vestibule/").next().unwrap();
        let described = shapes.join(format!("{metadata}.metadata.xml"));
        let folder = folder_with(&placed(&whole, site, &described));
        let explained = Command::new(env!("CARGO_BIN_EXE_vestibule"))
            .args(["explain", "--show-values", "--request-id", attribute(&said, "InResponseTo"), "--config"])
            .arg(folder.path().join("config.yaml"))
            .arg(&answer)
            .env_clear()
            .output()
            .unwrap();
        if !explained.status.success() {
            let printed = String::from_utf8_lossy(&explained.stdout).into_owned();
            let complained = String::from_utf8_lossy(&explained.stderr).into_owned();
            wrong.push(format!("{walkthrough} with {shape}:\n{complained}{printed}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_page_of_the_walkthroughs_is_in_its_index_and_has_sources() {
    let folder = root().join("docs/idp");
    let index = text(&folder.join("README.md"));
    let mut lacking = BTreeMap::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name != "README.md" {
            let page = text(&path);
            let parts = ["## Here", "## Trying it", "## A tile", "## Sources"];
            let mut missing: Vec<&str> = parts.into_iter().filter(|part| !page.contains(part)).collect();
            if !index.contains(&format!("({name})")) {
                missing.push("a line in README.md");
            }
            if !missing.is_empty() {
                lacking.insert(name, missing);
            }
        }
    }
    assert!(lacking.is_empty(), "{lacking:?}");
}

/// The configuration as the shape was made for: its address, its metadata. What was recorded is not encrypted.
fn placed(yaml: &str, site: &str, metadata: &Path) -> String {
    let line = |line: &str| {
        let bare = line.trim_start();
        let indent = &line[..line.len() - bare.len()];
        if bare.starts_with("public_url:") {
            format!("{indent}public_url: {site}\n")
        } else if bare.starts_with("metadata_url:") || bare.starts_with("metadata_file:") {
            format!("{indent}metadata_file: {}\n", metadata.display())
        } else if bare.starts_with("require_encrypted:") {
            String::new()
        } else {
            format!("{line}\n")
        }
    };
    yaml.lines().map(line).collect()
}

/// The first value of an attribute in a message of the shapes, which are written with double quotes.
fn attribute<'a>(xml: &'a str, name: &str) -> &'a str {
    let start = format!(" {name}=\"");
    let (_, after) = xml.split_once(start.as_str()).unwrap_or_else(|| panic!("no {name}"));
    after.split('"').next().unwrap()
}

/// A folder with the configuration and everything that the walkthroughs name in one.
fn folder_with(yaml: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let put = |from: &str, to: &str| {
        fs::copy(root().join(from), folder.path().join(to)).unwrap();
    };
    fs::create_dir(folder.path().join("keys")).unwrap();
    put("src/saml/fixtures/rsa2048.key.pem", "keys/sp-key.pem");
    put("src/saml/fixtures/rsa2048.crt.pem", "keys/sp-cert.pem");
    put("tests/config/files/secret", "keys/session-secret");
    put("tests/config/files/secret", "keys/state-key");
    put("tests/config/files/idp-metadata.xml", "idp-metadata.xml");
    fs::write(folder.path().join("config.yaml"), yaml).unwrap();
    folder
}

/// The root's README and every page under docs.
fn pages() -> Vec<PathBuf> {
    let mut found = vec![root().join("README.md")];
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The blocks of this language, without the indentation of their fence.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for line in page.lines() {
        let bare = line.trim_start();
        let indent = line.len() - bare.len();
        match &mut open {
            None if bare == format!("```{language}") => open = Some((indent, String::new())),
            None => {}
            Some((_, block)) if bare == "```" => {
                found.push(std::mem::take(block));
                open = None;
            }
            Some((fence, block)) => {
                block.push_str(line.get(*fence..).unwrap_or_default());
                block.push('\n');
            }
        }
    }
    found
}

/// The lines outside of fenced blocks.
fn prose(page: &str) -> Vec<&str> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside {
            lines.push(line);
        }
    }
    lines
}

/// What stands between backticks in the columns of codes.
fn codes_in_tables(page: &str) -> Vec<String> {
    let mut codes = Vec::new();
    // The columns of codes of the table that we are in.
    let mut columns: Option<Vec<usize>> = None;
    for line in prose(page) {
        let Some(cells) = cells(line) else {
            columns = None;
            continue;
        };
        match &columns {
            None => {
                let is_of_codes = |cell: &String| HEADINGS_OF_CODES.contains(&cell.as_str());
                let positions = cells.iter().enumerate().filter(|(_, cell)| is_of_codes(cell));
                columns = Some(positions.map(|(position, _)| position).collect());
            }
            Some(columns) => {
                for cell in columns.iter().filter_map(|position| cells.get(*position)) {
                    // A status without a code is written without backticks.
                    codes.extend(cell.split('`').skip(1).step_by(2).map(str::to_owned));
                }
            }
        }
    }
    codes
}

/// The cells of a table's row; `\|` is a bar inside of one.
fn cells(line: &str) -> Option<Vec<String>> {
    let row = line.trim_start().strip_prefix('|')?.trim_end().strip_suffix('|')?.replace("\\|", "\u{1}");
    Some(row.split('|').map(|cell| cell.replace('\u{1}', "|").trim().to_owned()).collect())
}

/// The targets of links that are no addresses.
fn links(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(page) {
        for rest in line.split("](").skip(1) {
            let target = rest.split(')').next().unwrap_or_default();
            if !target.contains("://") && !target.starts_with("mailto:") && !target.is_empty() {
                found.push(target.to_owned());
            }
        }
    }
    found
}

/// The anchors that GitHub makes of headings. A heading that comes twice gets a number, which nobody here links to.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = prose(page).into_iter().filter(|line| line.starts_with('#'));
    headings
        .map(|heading| {
            let words = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

fn known_codes() -> BTreeSet<&'static str> {
    Reason::ALL.iter().map(|reason| reason.code()).collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

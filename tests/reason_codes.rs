//! Holds docs/reason-codes.md to the table in src/reason.rs. After a change there:
//!
//! ```text
//! UPDATE=1 cargo test --test reason_codes
//! ```

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of a test")]

use std::fmt::Write as _;
use vestibule::reason::Reason;

const SOURCE: &str = include_str!("../src/reason.rs");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reason-codes.md");

const HEAD: &str = "\
# Reason codes

<!-- Written from src/reason.rs: change the table there, then `UPDATE=1 cargo test --test reason_codes`. -->

Every refusal has one of these codes. The visitor sees a page with a short reference and what to do; under the same
reference the log holds one audit event with the code, the values that disagreed, the likely cause and the setting to
look at:

    grep 7f3a-91c2 vestibule.log

A code is never renamed, so that alerts can be built on it. The number is the HTTP status of the answer where it is a
page.
";

#[test]
fn the_page_of_reason_codes_is_that_of_the_table() {
    let written = page();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(PAGE, &written).unwrap();
    }
    let found = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(found == written, "docs/reason-codes.md is out of date: UPDATE=1 cargo test --test reason_codes");
}

#[test]
fn every_code_stands_under_one_theme() {
    let page = page();
    for reason in Reason::ALL {
        assert_eq!(page.matches(&format!("### `{}`\n", reason.code())).count(), 1, "{reason}");
    }
    assert!(themes().len() > 5);
}

fn page() -> String {
    let themes = themes();
    let mut page = HEAD.to_string();
    let mut under = None;
    for reason in Reason::ALL {
        let theme = theme_of(&themes, reason.code());
        if under != Some(theme) {
            write!(page, "\n## {theme}\n").unwrap();
            under = Some(theme);
        }
        write!(
            page,
            "\n### `{}`\n\nHTTP {}: {}\n\n- **Likely cause:** {}\n- **What to change:** {}\n",
            reason.code(),
            reason.status(),
            reason.meaning(),
            reason.likely_cause(),
            reason.what_to_change()
        )
        .unwrap();
    }
    page
}

/// The table's headings (`// --- the signature ---`) and where they stand.
fn themes() -> Vec<(usize, String)> {
    SOURCE
        .match_indices("    // --- ")
        .map(|(at, mark)| {
            let rest = &SOURCE[at + mark.len()..];
            let title = rest.split(" ---").next().unwrap();
            let (first, others) = title.split_at(1);
            (at, first.to_uppercase() + others)
        })
        .collect()
}

fn theme_of<'a>(themes: &'a [(usize, String)], code: &str) -> &'a str {
    let at = SOURCE.find(&format!("= \"{code}\",")).unwrap_or_else(|| panic!("{code} is not in the source"));
    themes.iter().rev().find(|(from, _)| *from < at).map(|(_, title)| title.as_str()).unwrap()
}

//! docs/audit.schema.json and docs/audit.md against what is written.
//!
//! `UPDATE=1 cargo test --lib audit` writes the tables of docs/audit.md anew from the schema.

use super::samples_tests::{VARIANTS, Words, number};
use super::*;
use crate::observe::format::Look;
use json_schema::{valid, words_of};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

#[path = "../../../tests/support/json_schema.rs"]
mod json_schema;

const SCHEMA: &str = include_str!("../../../docs/audit.schema.json");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/audit.md");

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

/// The line of an event as a file gets it.
fn line(event: &Event<'_>, terms: &Terms) -> Value {
    let (name, record) = traces::during(Some(traces::Current::unrecorded()), || written(event, terms));
    let level = if is_warning(event) { Level::WARN } else { Level::INFO };
    let line = Look::Json.line(level, TARGET, name, Some(record), None);
    assert_eq!(line.matches('\n').count(), 1, "{line}");
    serde_json::from_str(&line).unwrap()
}

fn every_term() -> Vec<Terms> {
    let all = [Told::Hash, Told::Value, Told::Off];
    let both = |name_id| all.map(move |user| (name_id, user));
    let of = |(name_id, user)| Terms { name_id, user, group_names: user == Told::Value, ..Terms::default() };
    all.into_iter().flat_map(both).map(of).collect()
}

#[test]
fn every_event_is_as_the_schema_says() {
    let schema = schema();
    let mut seen = BTreeSet::new();
    for word in ["ada", "", "a\nb", &"x".repeat(5000)] {
        let words = Words::of(word);
        for (event, terms) in words.all().iter().flat_map(|e| every_term().into_iter().map(move |t| (e, t))) {
            seen.insert(number(event));
            let line = line(event, &terms);
            let told = valid(&schema, &line);
            assert!(told.is_ok(), "{line}: {told:?}");
        }
    }
    assert_eq!(seen.len(), VARIANTS, "a variant without a sample");
}

#[test]
fn the_schema_has_no_event_and_no_member_that_nobody_writes() {
    let schema = schema();
    let (mut events, mut members) = (BTreeMap::<String, BTreeSet<String>>::new(), BTreeSet::new());
    let words = Words::of("ada");
    for (event, terms) in words.all().iter().flat_map(|e| every_term().into_iter().map(move |t| (e, t))) {
        let line = line(event, &terms);
        let names: Vec<String> = line.as_object().unwrap().keys().cloned().collect();
        members.extend(names.clone());
        events.entry(line["event"].as_str().unwrap().to_owned()).or_default().extend(names);
    }
    let described: BTreeSet<String> = schema["properties"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(members, described);
    let described: BTreeMap<String, BTreeSet<String>> = schema["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|branch| {
            let name = branch["properties"]["event"]["const"].as_str().unwrap();
            (name.to_owned(), words_of(&branch["propertyNames"]["enum"]).map(str::to_owned).collect())
        })
        .collect();
    assert_eq!(events, described);
}

#[test]
fn the_schema_refuses_what_is_not_an_event() {
    let schema = schema();
    let words = Words::of("ada");
    let good = line(&words.sign_in(), &Terms::default());
    assert!(valid(&schema, &good).is_ok());
    for (member, value) in [
        ("schema", Value::from(2)),
        ("event", "sign-on".into()),
        ("groups", "3".into()),
        ("roles", "admin".into()),
        ("timestamp", "2027-01-15 08:00:00".into()),
        ("client", Value::Null),
        ("lost", 3.into()),
        ("assertion", "<Assertion/>".into()),
    ] {
        let mut changed = good.clone();
        changed[member] = value;
        assert!(valid(&schema, &changed).is_err(), "{member}");
    }
    let mut without = good;
    without.as_object_mut().unwrap().remove("session");
    assert!(valid(&schema, &without).is_err());
}

#[test]
fn the_page_describes_every_event_and_member() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let new = with_part(&with_part(&page, "events", &events_table()), "members", &members_table());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(PAGE, &new).unwrap();
    }
    assert!(
        page == new || std::env::var_os("UPDATE").is_some(),
        "docs/audit.md: run `UPDATE=1 cargo test --lib audit`"
    );
}

fn events_table() -> String {
    let schema = schema();
    let words = Words::of("ada");
    let levels: BTreeMap<String, &str> = words
        .all()
        .iter()
        .filter(|event| !matches!(event, Event::SignedIn(SignIn { second_opinion: Some(_), .. })))
        .map(|event| {
            let level = if is_warning(event) { "warn" } else { "info" };
            (written(event, &Terms::default()).0.to_owned(), level)
        })
        .collect();
    let mut table = String::from("| event | level | when |\n|---|---|---|\n");
    for branch in schema["oneOf"].as_array().unwrap() {
        let name = branch["title"].as_str().unwrap();
        let what = branch["description"].as_str().unwrap();
        table.push_str(&format!("| `{name}` | {} | {what} |\n", levels[name]));
    }
    table
}

fn members_table() -> String {
    let schema = schema();
    let branches = schema["oneOf"].as_array().unwrap();
    let in_all = |name: &str| words_of(&schema["required"]).any(|always| always == name);
    let mut table = String::from("| member | in | what |\n|---|---|---|\n");
    for (name, property) in schema["properties"].as_object().unwrap() {
        let places: Vec<String> = branches
            .iter()
            .filter(|branch| words_of(&branch["propertyNames"]["enum"]).any(|member| member == name))
            .map(|branch| {
                let always = words_of(&branch["required"]).any(|member| member == name);
                format!("{}{}", branch["title"].as_str().unwrap(), if always { "" } else { "?" })
            })
            .collect();
        let places = if in_all(name) { "all".to_owned() } else { places.join(", ") };
        let what = property["description"].as_str().unwrap();
        let words: Vec<String> = words_of(&property["enum"]).map(|word| format!("`{word}`")).collect();
        let words = if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) };
        table.push_str(&format!("| `{name}` | {places} | {what}{words} |\n"));
    }
    table
}

/// The page with what stands between two marks replaced.
fn with_part(page: &str, mark: &str, part: &str) -> String {
    let (begin, end) = (format!("<!-- {mark} -->\n"), format!("<!-- end of {mark} -->"));
    let (before, rest) = page.split_once(&begin).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    format!("{before}{begin}{part}{end}{after}")
}

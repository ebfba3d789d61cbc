//! The attack corpus: hostile and honest responses, each with the one verdict that is right.
//!
//! cases/cases.toml is the table: a name, a story and the exact reason code for every attack, and beside it the honest
//! twin that must be let in, so that no attack is refused for a reason that would refuse everybody. The messages are
//! written by generate.sh with signers that share no code with the gate.
//!
//! Every case enters as the browser posts it: the value of the form field, through
//! `ResponseText -> RawResponse -> VerifiedResponse -> AcceptedAssertion`.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// The gates and identity providers of the other tests, for the attacks that need more than a message.
#[path = "../support/browser.rs"]
mod browser;
#[path = "../support/idp.rs"]
mod idp;
#[path = "../support/town.rs"]
mod town;
#[path = "../support/world.rs"]
mod world;

mod explained;
mod mutations;
mod scenarios;
mod scene;
mod second_judge;
#[cfg(feature = "second-opinion")]
mod second_opinion;
mod table;

use scene::{NOW, Scene, Seen};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::{Duration, Instant};
use table::{Message, Table, World, files};
use vestibule::reason::{Reason, Refusal};
use vestibule::saml::parties::RequireSigned;

/// No message may cost more than this in a test build, whatever it holds. The honest ones cost a few milliseconds;
/// the attacks that this is for would cost minutes.
const PATIENCE: Duration = Duration::from_secs(2);

/// Reasons of the SAML part of the table that no message alone can show.
const NOT_IN_A_MESSAGE: &[(Reason, &str)] = &[
    (Reason::FormMalformed, "is about the form around the value: the sign-in's tests"),
    (Reason::NameIdTransient, "is about naming a user: the identity's tests"),
    (Reason::DecryptionTries, "is about the fourth of several messages: tests/flows/encrypted.rs"),
    (
        Reason::SignatureEmpty,
        "is a second line behind xml-namespace-relative: void-* shows that the first holds",
    ),
];

#[test]
fn every_honest_message_is_let_in_and_read_whole() {
    let mut report = Report::default();
    for case in Table::read().accepted {
        let verdict = Scene::of(&case.world()).judge_form(&Message::of(&case.name).form_value());
        let expected = format!("{} {:?}", case.name_id, case.attributes);
        match verdict {
            Ok(seen) => {
                let read: BTreeMap<_, _> = seen.attributes.iter().cloned().collect();
                let attributes = case.attributes.as_ref().map(|_| read);
                report.compare(&case.name, &expected, &format!("{} {attributes:?}", seen.name_id));
            }
            Err(refusal) => report.compare(&case.name, &expected, &refusal.to_string()),
        }
    }
    report.finish();
}

/// What the second judge calls invalid although it is right, each with the reason.
const BEYOND_THE_SECOND_JUDGE: &[(&str, &str)] = &[(
    "attribute-value-normalisation",
    "its parser keeps line breaks in attribute values, which XML 3.3.3 turns into spaces before anything is signed",
)];

#[test]
fn a_second_judge_finds_every_accepted_signature_valid() {
    let mut report = Report::default();
    for case in Table::read().accepted {
        let Message::Xml(octets) = Message::of(&case.name) else { continue };
        // It has no key of ours; libxmlsec1 opened and verified these when the corpus was written. And it does not
        // know what the owner allows.
        if case.world().sp_keys.is_some() || case.world().sha1_until.is_some() {
            continue;
        }
        let xml = String::from_utf8(octets).unwrap();
        let found = match second_judge::calls_it_valid(&xml, &scene::certificates(&case.world())) {
            Ok(()) => "valid".to_owned(),
            Err(problem) => problem,
        };
        if !BEYOND_THE_SECOND_JUDGE.iter().any(|(name, _)| *name == case.name) {
            report.compare(&case.name, "valid", &found);
        }
    }
    report.finish();
}

#[test]
fn every_attack_is_refused_by_exactly_its_rule() {
    let mut report = Report::default();
    for case in Table::read().attack {
        let verdict = Scene::of(&case.world()).judge_form(&Message::of(&case.name).form_value());
        report.verdict(&case.name, &case.expect, verdict);
    }
    report.finish();
}

#[test]
fn every_twin_is_let_in_in_the_world_of_its_attack() {
    let table = Table::read();
    let names: BTreeSet<_> = table.accepted.iter().map(|case| case.name.as_str()).collect();
    let mut report = Report::default();
    for case in &table.attack {
        assert!(names.contains(case.twin.as_str()), "{}: {} is no accepted case", case.name, case.twin);
        match Scene::of(&case.world()).judge_form(&Message::of(&case.twin).form_value()) {
            Ok(seen) => report.compare(&case.name, "alice@example.com", &seen.name_id),
            Err(refusal) => report.compare(&case.name, "alice@example.com", &refusal.to_string()),
        }
    }
    report.finish();
}

#[test]
fn whatever_is_found_between_a_decryption_and_the_inner_signature_is_marked() {
    let mut report = Report::default();
    for case in Table::read().attack.iter().filter(|case| case.world().sp_keys.is_some()) {
        let Err(refusal) = Scene::of(&case.world()).judge_form(&Message::of(&case.name).form_value()) else {
            continue;
        };
        // A ciphertext under a good signature of the identity provider's is nobody's question to us.
        let inside = ["encrypted-inside-", "encrypted-gcm-", "encrypted-cbc-", "encrypted-key-"];
        let expected =
            inside.iter().any(|kind| case.name.starts_with(kind)) && !case.expect.starts_with("encryption-");
        if expected {
            report.compare(
                &case.name,
                "marked",
                if refusal.is_behind_decryption() { "marked" } else { "bare" },
            );
            report.compare(&case.name, "decryption-content", refusal.public_reason().code());
        }
        if refusal.reason.code().starts_with("encryption-") || case.name.starts_with("encrypted-nameid-") {
            report.compare(
                &case.name,
                "bare",
                if refusal.is_behind_decryption() { "marked" } else { "bare" },
            );
        }
    }
    report.finish();
}

#[test]
fn every_attack_differs_from_its_twin() {
    for case in Table::read().attack {
        let same = Message::of(&case.name).form_value() == Message::of(&case.twin).form_value();
        assert!(!same || case.world() != World::default(), "{} is its own twin", case.name);
    }
}

#[test]
fn the_table_and_the_files_name_the_same_cases() {
    let table = Table::read();
    let names: BTreeSet<_> = table.names().map(str::to_string).collect();
    assert_eq!(names.len(), table.accepted.len() + table.attack.len(), "a name occurs twice");
    assert_eq!(names, files());
    assert!(table.attack.len() >= 90, "{} attacks", table.attack.len());
    assert!(table.accepted.len() >= 25, "{} accepted messages", table.accepted.len());
    for (name, story) in table.accepted.iter().map(|c| (&c.name, &c.story)) {
        assert!(story.ends_with('.'), "{name} has no story");
    }
    for (name, story) in table.attack.iter().map(|c| (&c.name, &c.story)) {
        assert!(story.ends_with('.') || story.ends_with('?'), "{name} has no story");
    }
}

#[test]
fn every_rule_about_messages_refuses_at_least_one_attack() {
    let table = Table::read();
    let shown: BTreeSet<_> = table.attack.iter().map(|case| case.expect.as_str()).collect();
    let known: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    let unknown: Vec<_> = shown.difference(&known).collect();
    assert!(unknown.is_empty(), "no such reasons: {unknown:?}");

    for reason in rules_about_messages() {
        let excused = NOT_IN_A_MESSAGE.iter().any(|(excepted, _)| *excepted == reason);
        assert_ne!(excused, shown.contains(reason.code()), "{reason}: either an attack or an excuse");
    }
}

/// The part of the table of reasons that begins with the form and ends with the session.
fn rules_about_messages() -> impl Iterator<Item = Reason> {
    let position = |wanted| Reason::ALL.iter().position(|reason| *reason == wanted).expect("in the table");
    let (first, last) = (position(Reason::FormMalformed), position(Reason::SessionExpired));
    Reason::ALL[first..=last].iter().copied()
}

#[test]
fn both_ways_in_agree() {
    let mut report = Report::default();
    let table = Table::read();
    for name in table.names() {
        let message = Message::of(name);
        let Some(text) = message.text() else { continue };
        let scene = Scene::of(&World::default());
        let by_form = scene.judge_form(&message.form_value());
        report.compare(name, &told(by_form), &told(scene.judge_xml(text)));
    }
    report.finish();
}

#[test]
fn no_message_costs_more_than_patience() {
    for name in Table::read().names() {
        let value = Message::of(name).form_value();
        let scene = Scene::of(&World::default());
        let begin = Instant::now();
        let _ = scene.judge_form(&value);
        let took = begin.elapsed();
        assert!(took < PATIENCE, "{name} took {took:?}");
    }
}

#[test]
fn demanding_both_signatures_lets_no_attack_in() {
    for case in Table::read().attack {
        let scene = Scene::of(&case.world()).requiring(RequireSigned::Both);
        let verdict = scene.judge_form(&Message::of(&case.name).form_value());
        assert!(verdict.is_err(), "{} is let in", case.name);
    }
}

#[test]
fn honest_messages_are_worth_nothing_under_the_keys_of_another() {
    let mut report = Report::default();
    for case in Table::read().accepted {
        let world = World { keys: Some(vec!["other-idp-rsa".to_string()]), ..case.world() };
        let verdict = Scene::of(&world).judge_form(&Message::of(&case.name).form_value());
        report.verdict(&case.name, Reason::SignatureInvalid.code(), verdict);
    }
    report.finish();
}

#[test]
fn honest_messages_are_worth_nothing_a_day_later() {
    let mut report = Report::default();
    for case in Table::read().accepted {
        let scene = Scene::of(&case.world()).at(NOW.plus(Duration::from_secs(86_400)));
        let verdict = scene.judge_form(&Message::of(&case.name).form_value());
        report.verdict(&case.name, Reason::ConfirmationExpired.code(), verdict);
    }
    report.finish();
}

fn told(verdict: Result<Seen, Refusal>) -> String {
    match verdict {
        Ok(seen) => format!("let in: {} {:?}", seen.name_id, seen.attributes),
        Err(refusal) => refusal.reason.code().to_string(),
    }
}

/// All disagreements of a run at once.
#[derive(Default)]
struct Report {
    compared: usize,
    disagreements: String,
}

impl Report {
    fn compare(&mut self, name: &str, expected: &str, got: &str) {
        self.compared += 1;
        if expected != got {
            writeln!(self.disagreements, "{name:<48} expected {expected:<36} got {got}").unwrap();
        }
    }

    /// Compares the code, and shows the detail where it is another one.
    fn verdict(&mut self, name: &str, expected: &str, verdict: Result<Seen, Refusal>) {
        let agrees = matches!(&verdict, Err(refusal) if refusal.reason.code() == expected);
        let got = match verdict {
            Ok(seen) => format!("LET IN as {}", seen.name_id),
            Err(refusal) => refusal.to_string(),
        };
        self.compare(name, expected, if agrees { expected } else { &got });
    }

    fn finish(self) {
        assert!(self.compared > 0, "nothing was compared");
        assert!(self.disagreements.is_empty(), "\n{}", self.disagreements);
    }
}

//! `vestibule explain` names the true cause first: for every case of the corpus it says what the gate says, and the
//! first rule that it shows as broken is that very rule.

use crate::scene::{ACS, NOW, Scene, request};
use crate::table::{Message, Table};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use vestibule::explain::report::{Explained, State};
use vestibule::explain::{Options, Report, explain};
use vestibule::saml::parties::Limits;

/// As a browser records it: the value of the field, posted to the assertion consumer service.
fn recording(value: &str) -> String {
    let body = format!("SAMLResponse={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
    let request = serde_json::json!({ "method": "POST", "url": ACS, "postData": { "text": body } });
    serde_json::json!({ "log": { "entries": [{ "request": request }] } }).to_string()
}

fn explained(scene: &Scene, value: &str) -> Explained {
    let options = Options {
        at: Some(NOW),
        request: Some(request()),
        unsolicited: scene.is_unsolicited(),
        ..Options::default()
    };
    let input = recording(value);
    let report: Report = explain(input.as_bytes(), &[scene.party()], &Limits::default(), &options, NOW)
        .expect("it is a recording");
    report.messages.into_iter().next().expect("there is one message")
}

fn broken(message: &Explained) -> Vec<&'static str> {
    message.rules.iter().filter(|rule| rule.state == State::Failed).map(|rule| rule.code).collect()
}

/// What explain cannot know.
const ONLY_THE_GATE_KNOWS: &[(&str, &str)] =
    &[("unsolicited-before-the-memory-begins", "since when the gate's store remembers")];

#[test]
fn explain_names_the_rule_of_every_attack_first() {
    let (mut report, mut only_one) = (crate::Report::default(), 0);
    for case in Table::read().attack {
        if ONLY_THE_GATE_KNOWS.iter().any(|(name, _)| *name == case.name) {
            continue;
        }
        let (scene, value) = (Scene::of(&case.world()), Message::of(&case.name).form_value());
        let message = explained(&scene, &value);
        let said = message.verdict.as_ref().and_then(|verdict| verdict.refused.as_ref());
        report.compare(&case.name, &case.expect, said.map_or("accepted", |cause| cause.code));
        // Not only the code: it is the gate's own refusal, word for word.
        let (gate, detail) =
            (scene.judge_form(&value).expect_err("an attack"), said.map(|cause| &*cause.detail));
        assert_eq!(detail, Some(&*gate.detail), "{}", case.name);
        let broken = broken(&message);
        report.compare(&case.name, &case.expect, broken.first().copied().unwrap_or("nothing is broken"));
        only_one += usize::from(broken.len() == 1);
        let cause = said.expect("compared above");
        assert!(!cause.likely_cause.is_empty() && !cause.what_to_change.is_empty(), "{}", case.name);
    }
    // What one change breaks and no second rule notices: most of the corpus, or the rest of the list is noise.
    println!("{} attacks explained, {only_one} of them with one broken rule alone", report.compared / 2);
    assert!(only_one * 10 > report.compared / 2 * 9, "{only_one} of {}", report.compared / 2);
    report.finish();
}

/// Honest messages whose person cannot be let in, which is not the message's fault.
const NOT_A_USER: &[(&str, &str)] = &[(
    "white-space-of-unicode",
    "a NameID with a control character in it is read as it was signed, and the identity refuses it",
)];

#[test]
fn explain_finds_nothing_wrong_with_an_honest_message() {
    for case in Table::read().accepted {
        let message = explained(&Scene::of(&case.world()), &Message::of(&case.name).form_value());
        let refused = message.verdict.and_then(|verdict| verdict.refused).map(|cause| cause.code);
        let mut broken = message.rules.iter().filter(|rule| rule.state == State::Failed);
        if NOT_A_USER.iter().any(|(name, _)| *name == case.name) {
            assert_eq!(refused, Some("identity-control-character"), "{}", case.name);
            assert!(broken.all(|rule| rule.part == "the identity"), "{}", case.name);
        } else {
            assert_eq!(refused, None, "{}", case.name);
            assert_eq!(broken.next().map(|rule| rule.code), None, "{}", case.name);
        }
        assert!(
            message.signatures.iter().all(|s| s.made_by.is_some() && s.unaltered == Some(true)),
            "{}",
            case.name
        );
    }
}

#[test]
fn explain_names_nobody_unless_asked() {
    for name in Table::read().names() {
        let message = explained(&Scene::of(&crate::table::World::default()), &Message::of(name).form_value());
        let json = serde_json::to_string(&message).expect("a report is JSON");
        assert!(!json.contains("alice@") && !json.contains("admin@"), "{name}: {json}");
    }
}

#[test]
fn explain_survives_whatever_was_cut_off() {
    let scene = Scene::of(&crate::table::World::default());
    let (limits, options) = (Limits::default(), Options::default());
    let mut explained = 0;
    for name in Table::read().names() {
        let value = Message::of(name).form_value();
        let text = Message::of(name).text().unwrap_or_default();
        for input in
            [value.get(..value.len() / 3 * 2), text.get(..text.len() / 2), text.get(text.len() / 2..)]
        {
            let input = input.unwrap_or_default().as_bytes();
            explained += usize::from(explain(input, &[scene.party()], &limits, &options, NOW).is_ok());
        }
    }
    assert!(explained > 500, "only {explained} could be looked at");
}

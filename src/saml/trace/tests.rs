use super::*;
use crate::saml::demand::Demand;
use crate::saml::response::Answers;
use crate::saml::testing::{ACS, NOW, REQUESTED_AT, idp, replaced, sign, sp, xml};
use std::time::Duration;

fn traced(message: &str, keys: &[&str]) -> Trace {
    let limits = Limits::default();
    let text = ResponseText::from_xml(message.to_owned(), &limits).unwrap();
    let (service_provider, identity_provider) = (sp(&[]), idp(keys));
    let expected = Expected {
        answers: Answers::Request { id: "_request", issued: REQUESTED_AT },
        service_provider: &service_provider,
        identity_provider: &identity_provider,
        acs_url: ACS,
        demand: &Demand::default(),
    };
    trace(&text, &expected, &Policy { clock_skew: Duration::from_secs(60) }, &limits, NOW)
}

fn failed(trace: &Trace) -> Vec<&'static str> {
    trace.rules.iter().filter(|r| r.state == State::Failed).map(|r| r.reason.code()).collect()
}

fn state_of(trace: &Trace, reason: Reason) -> Vec<State> {
    trace.rules.iter().filter(|r| r.reason == reason).map(|r| r.state).collect()
}

#[test]
fn every_rule_about_messages_belongs_to_a_part() {
    let position = |wanted| Reason::ALL.iter().position(|reason| *reason == wanted).unwrap();
    let (first, last) = (position(Reason::MessageTooLarge), position(Reason::SessionExpired));
    let elsewhere = [Reason::NameIdTransient, Reason::DecryptionTries];
    for reason in &Reason::ALL[first..=last] {
        let parts = Part::ALL.into_iter().filter(|part| part.reasons().contains(reason)).count();
        assert_eq!(
            parts == 0,
            elsewhere.contains(reason),
            "{reason}: say in src/saml/trace/part.rs to which part of the way it belongs"
        );
    }
}

#[test]
fn an_accepted_answer_passes_every_rule() {
    let trace = traced(&xml("signxml_response"), &["rsa2048"]);
    assert!(trace.verdict.is_ok(), "{:?}", trace.verdict);
    for rule in &trace.rules {
        assert_eq!((rule.state, rule.unverified), (State::Passed, false), "{rule:?}");
    }
    let known = idp(&["rsa2048"]);
    assert_eq!(trace.signatures[0].made_by.as_ref(), known.keys.certificates().first());
    assert!(trace.said.unwrap().verified);
}

#[test]
fn the_rules_after_the_first_that_fails_are_applied_too() {
    let plain = xml("response");
    let message =
        replaced(&plain, "Recipient=\"https://app.example.org", "Recipient=\"https://other.example.org");
    let message = replaced(&message, "<saml:Audience>https://app", "<saml:Audience>https://other");
    let trace = traced(&sign(&message, "_assertion", "rsa2048"), &["rsa2048"]);
    assert_eq!(failed(&trace), ["recipient-mismatch", "audience-mismatch"]);
    assert_eq!(trace.verdict.unwrap_err().reason, Reason::RecipientMismatch);
}

#[test]
fn what_nobody_vouches_for_is_judged_and_marked() {
    let trace = traced(&sign(&xml("response"), "_assertion", "evil"), &["rsa2048"]);
    assert_eq!(failed(&trace), ["signature-invalid"]);
    assert!(trace.rules.iter().all(|rule| rule.unverified == (rule.part > Part::Signature)));
    assert!(trace.signatures[0].made_by.is_none() && trace.signatures[0].unaltered);
    assert!(!trace.said.unwrap().verified);
}

#[test]
fn what_cannot_be_reached_is_not_called_passed() {
    let trace = traced("<a/>", &["rsa2048"]);
    assert_eq!(failed(&trace), ["not-a-response"]);
    assert_eq!(state_of(&trace, Reason::XmlDoctype), [State::Passed]);
    assert_eq!(state_of(&trace, Reason::AssertionCount), [State::NotReached]);
    assert_eq!(state_of(&trace, Reason::AudienceMismatch), [State::NotReached]);
    let trace = Trace::undecoded(Reason::Base64Invalid.into());
    assert_eq!(failed(&trace), ["base64-invalid"]);
    assert_eq!(state_of(&trace, Reason::XmlDoctype), [State::NotReached]);
}

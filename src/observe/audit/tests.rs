use super::*;
use crate::clock::Moment;
use crate::observe::log::LogFormat;
use crate::observe::log::tests::{captured, settings_as};
use serde_json::Value;

fn line(event: &Event<'_>) -> Value {
    let out = captured(&settings_as(LogFormat::Json), || record(event));
    assert_eq!(out.matches('\n').count(), 1, "{out}");
    serde_json::from_str(&out).unwrap()
}

fn names(line: &Value) -> Vec<&str> {
    line.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn a_sign_in_is_one_line_with_its_members_at_the_top() {
    let line = line(&Event::SignedIn {
        site: "wiki",
        idp: "corp",
        user: "ada",
        session: "c2Vzc2lvbg",
        groups: 3,
        roles: &["admin".into(), "a, b".into()],
        client: Some([192, 0, 2, 7].into()),
        signed: "assertion",
        encrypted: None,
        unsolicited: false,
        second_opinion: None,
    });
    assert_eq!(line["target"], "audit");
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["event"], "sign-in");
    assert_eq!(line["user"], "ada");
    assert_eq!(line["groups"], 3);
    assert_eq!(line["roles"], serde_json::json!(["admin", "a, b"]));
    assert_eq!(line["client"], "192.0.2.7");
    assert!(!names(&line).contains(&"code") && !names(&line).contains(&"record"), "{line}");
    assert!(!names(&line).contains(&"unsolicited"), "{line}");
    assert!(!names(&line).contains(&"second_opinion"), "{line}");
}

#[test]
fn a_sign_in_about_which_opinions_differ_is_a_warning() {
    let with = |opinion| {
        line(&Event::SignedIn {
            site: "wiki",
            idp: "corp",
            user: "ada",
            session: "c2Vzc2lvbg",
            groups: 0,
            roles: &[],
            client: None,
            signed: "assertion",
            encrypted: None,
            unsolicited: false,
            second_opinion: opinion,
        })
    };
    let agreed = with(Some(("agrees", false)));
    assert_eq!((&agreed["level"], &agreed["second_opinion"]), (&"INFO".into(), &"agrees".into()));
    let differed = with(Some(("disagrees: it reads another NameID", true)));
    assert_eq!(differed["level"], "WARN");
    assert_eq!(differed["second_opinion"], "disagrees: it reads another NameID");
}

#[test]
fn a_refusal_behind_a_decryption_has_its_own_code_and_the_status_that_was_shown() {
    let refusal = Refusal::from(Reason::XmlDoctype).behind_decryption();
    let line = line(&Event::SignInRefused {
        site: "wiki",
        idp: Some("corp"),
        reference: "7f3a-91c2",
        refusal: &refusal,
        client: None,
    });
    assert_eq!(line["code"], "xml-doctype");
    assert_eq!(line["status"], 403);
}

#[test]
fn a_refusal_says_why_and_what_to_change() {
    let refusal = Refusal::new(Reason::AudienceMismatch, "the assertion is for https://other");
    let line = line(&Event::SignInRefused {
        site: "wiki",
        idp: Some("corp"),
        reference: "7f3a-91c2",
        refusal: &refusal,
        client: None,
    });
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["event"], "sign-in-refused");
    assert_eq!(line["reference"], "7f3a-91c2");
    assert_eq!(line["code"], "audience-mismatch");
    assert_eq!(line["status"], 403);
    assert_eq!(line["detail"], "the assertion is for https://other");
    assert_eq!(line["likely_cause"], Reason::AudienceMismatch.likely_cause());
    assert_eq!(line["what_to_change"], Reason::AudienceMismatch.what_to_change());
    assert!(!names(&line).contains(&"client"), "{line}");
}

#[test]
fn a_refused_request_is_named_without_its_query() {
    let refusal = Refusal::from(Reason::AccessDenied);
    let line = line(&Event::RequestRefused {
        site: "wiki",
        reference: "7f3a-91c2",
        refusal: &refusal,
        client: None,
        method: "GET",
        path: "/admin?token=s3cr3t",
        user: Some("ada"),
    });
    assert_eq!(line["path"], "/admin");
    assert_eq!(line["user"], "ada");
    assert!(!names(&line).contains(&"detail"), "{line}");
}

#[test]
fn metadata_that_waits_shows_what_is_different() {
    let line = line(&Event::MetadataHeld {
        site: "wiki",
        idp: "corp",
        source: "https://idp.example.com/metadata",
        reason: Reason::MetadataKeysSwapped,
        detail: "all signing keys are new",
        differences: &["+ signing key CN=new\u{1b}[2J".into(), "- signing key CN=old".into()],
    });
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["event"], "metadata-held");
    assert_eq!(line["code"], "metadata-keys-swapped");
    assert_eq!(line["source"], "https://idp.example.com/metadata");
    assert_eq!(line["differences"][0], "+ signing key CN=new\\u{1b}[2J");
    assert_eq!(line["what_to_change"], Reason::MetadataKeysSwapped.what_to_change());
    assert!(!names(&line).contains(&"status"), "nobody was answered");
}

#[test]
fn a_certificate_that_ends_is_theirs_or_ours() {
    let line = line(&Event::CertificateEnding {
        site: "wiki",
        idp: None,
        certificate: "CN=vestibule",
        fingerprint: "AB:CD",
        ends: Moment::from_seconds(1_800_000_000),
        days_left: 7,
    });
    assert_eq!(line["event"], "certificate-ending");
    assert_eq!(line["days_left"], 7);
    assert_eq!(line["ends"], "2027-01-15T08:00:00.000Z");
    assert!(!names(&line).contains(&"idp"), "{line}");
}

#[test]
fn nobody_forges_an_event_by_what_they_send() {
    let evil = "x\n{\"target\":\"audit\",\"event\":\"sign-in\",\"user\":\"root\"}\u{1b}[2J\u{202e}\",\"user\":\"root";
    let event = Event::SignedOut {
        site: "wiki",
        idp: "corp",
        user: evil,
        session: "s",
        way: "user",
        at_idp: None,
        client: None,
    };
    let line = line(&event);
    assert_eq!(line["event"], "sign-out");
    let user = line["user"].as_str().unwrap();
    assert!(user.contains("\\u{a}") && user.contains("\\u{1b}") && user.contains("\\u{202e}"), "{user}");

    let text = captured(&settings_as(LogFormat::Text), || record(&event));
    assert_eq!(text.matches('\n').count(), 1, "{text}");
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
}

#[test]
fn details_are_bounded() {
    let refusal = Refusal::new(Reason::StatusNotSuccess, "x".repeat(5000));
    let line = line(&Event::SignInRefused {
        site: &"s".repeat(5000),
        idp: None,
        reference: "r",
        refusal: &refusal,
        client: None,
    });
    assert_eq!(line["detail"].as_str().unwrap().chars().count(), MAX_DETAIL + 1);
    assert_eq!(line["site"].as_str().unwrap().chars().count(), MAX_VALUE + 1);
}

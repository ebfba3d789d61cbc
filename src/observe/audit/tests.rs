use super::samples_tests::Words;
use super::*;
use crate::clock::Moment;
use crate::observe::log::LogFormat;
use crate::observe::log::tests::{captured, settings_as};
use crate::reason::{Reason, Refusal};
use serde_json::Value;

fn line(event: &Event<'_>) -> Value {
    let out = captured(&settings_as(LogFormat::Json), || record(event));
    assert_eq!(out.matches('\n').count(), 1, "{out}");
    serde_json::from_str(&out).unwrap()
}

/// The record under terms of its own, without the head that the log puts before it.
fn told(event: &Event<'_>, terms: &Terms) -> Value {
    serde_json::from_str(&written(event, terms).1).unwrap()
}

fn names(line: &Value) -> Vec<&str> {
    line.as_object().unwrap().keys().map(String::as_str).collect()
}

fn sign_in_refused<'a>(refusal: &'a Refusal, site: &'a str) -> Event<'a> {
    Event::SignInRefused {
        site,
        idp: Some("corp"),
        authn_request: Some("_a1"),
        user: None,
        name_id: None,
        reference: "7f3a-91c2",
        refusal,
        client: None,
    }
}

#[test]
fn a_sign_in_is_one_line_with_its_members_at_the_top() {
    let words = Words::of("ada");
    let line = line(&words.sign_in());
    assert_eq!(line["target"], "audit");
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["event"], "sign-in");
    assert_eq!(line["schema"], 1);
    assert_eq!(line["user"], "ada");
    assert_eq!(line["groups"], 2);
    assert_eq!(line["roles"], serde_json::json!(["ada", "admin"]));
    assert_eq!(line["client"], "192.0.2.7");
    assert_eq!(line["session_ends"], "2027-01-15T08:00:00.000Z");
    assert_eq!(line["authn_request"], "ada");
    assert!(!names(&line).contains(&"code") && !names(&line).contains(&"record"), "{line}");
    assert!(!names(&line).contains(&"unsolicited"), "{line}");
    assert!(!names(&line).contains(&"second_opinion"), "{line}");
}

#[test]
fn a_name_id_is_a_hash_unless_somebody_wants_more_or_less() {
    let words = Words::of("ada");
    let by_default = told(&words.sign_in(), &Terms::default());
    assert_eq!(by_default["name_id_hash"].as_str().unwrap().len(), 32);
    assert!(!names(&by_default).contains(&"name_id"), "{by_default}");
    assert!(!names(&by_default).contains(&"group_names"), "{by_default}");
    let more = Terms { name_id: Told::Value, user: Told::Hash, group_names: true, ..Terms::default() };
    let more = told(&words.sign_in(), &more);
    assert_eq!((&more["name_id"], &more["group_names"][1]), (&"ada".into(), &"admin".into()));
    assert!(!names(&more).contains(&"user") && names(&more).contains(&"user_hash"), "{more}");
    let less = Terms { name_id: Told::Off, user: Told::Off, ..Terms::default() };
    let less = told(&words.sign_in(), &less);
    assert!(
        !names(&less).iter().any(|name| name.starts_with("user") || name.starts_with("name_id")),
        "{less}"
    );
}

#[test]
fn where_the_user_is_a_hash_or_nobody_no_event_says_who_it_was() {
    let words = Words::of("site");
    let user = "zenobia@example.com";
    for told_as in [Told::Hash, Told::Off] {
        let terms = Terms { name_id: told_as, user: told_as, ..Terms::default() };
        for event in words.all() {
            let event = match event {
                Event::SignedOut { site, idp, session, way, at_idp, client, .. } => {
                    Event::SignedOut { site, idp, user, name_id: user, session, way, at_idp, client }
                }
                Event::SessionReplaced { site, idp, session, client, .. } => {
                    Event::SessionReplaced { site, idp, user, name_id: user, session, client }
                }
                Event::SessionEnded { site, idp, session, why, .. } => {
                    Event::SessionEnded { site, idp, user, name_id: user, session, why }
                }
                Event::RequestRefused { site, reference, refusal, client, face, method, path, .. } => {
                    let visitor = Some(Visitor { idp: "corp", user, session: "s" });
                    Event::RequestRefused { site, reference, refusal, client, face, method, path, visitor }
                }
                Event::SignInRefused { site, idp, authn_request, reference, refusal, client, .. } => {
                    let (user, name_id) = (Some(user), Some(user));
                    Event::SignInRefused {
                        site,
                        idp,
                        authn_request,
                        user,
                        name_id,
                        reference,
                        refusal,
                        client,
                    }
                }
                other => other,
            };
            let (_, json) = written(&event, &terms);
            assert!(!json.contains("zenobia"), "{json}");
        }
    }
}

#[test]
fn a_sign_in_about_which_opinions_differ_is_a_warning() {
    let words = Words::of("disagrees: it reads another NameID");
    let differed = line(&words.unsolicited());
    assert_eq!(differed["level"], "WARN");
    assert_eq!(differed["second_opinion"], "disagrees: it reads another NameID");
    assert_eq!(differed["unsolicited"], true);
    assert!(!names(&differed).contains(&"authn_request"), "{differed}");
}

#[test]
fn a_refusal_behind_a_decryption_has_its_own_code_and_the_status_that_was_shown() {
    let refusal = Refusal::from(Reason::XmlDoctype).behind_decryption();
    let line = line(&sign_in_refused(&refusal, "wiki"));
    assert_eq!(line["code"], "xml-doctype");
    assert_eq!(line["status"], 403);
}

#[test]
fn a_refusal_says_why_and_what_to_change() {
    let refusal = Refusal::new(Reason::AudienceMismatch, "the assertion is for https://other");
    let line = line(&sign_in_refused(&refusal, "wiki"));
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["event"], "sign-in-refused");
    assert_eq!(line["reference"], "7f3a-91c2");
    assert_eq!(line["authn_request"], "_a1");
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
        face: "grpc",
        method: "GET",
        path: "/admin?token=s3cr3t",
        visitor: Some(Visitor { idp: "corp", user: "ada", session: "c2Vzc2lvbg" }),
    });
    assert_eq!((&line["path"], &line["face"]), (&"/admin".into(), &"grpc".into()));
    assert_eq!((&line["user"], &line["session"]), (&"ada".into(), &"c2Vzc2lvbg".into()));
    assert!(!names(&line).contains(&"detail"), "{line}");
}

#[test]
fn metadata_that_waits_shows_what_is_different() {
    let changed = Changed {
        differences: vec!["+ signing key CN=new\u{1b}[2J".into(), "- signing key CN=old".into()],
        certificates_added: vec!["AB:CD".into()],
        certificates_removed: vec!["EF:01".into()],
    };
    let line = line(&Event::MetadataHeld {
        site: "wiki",
        idp: "corp",
        source: "https://idp.example.com/metadata",
        reason: Reason::MetadataKeysSwapped,
        detail: "all signing keys are new",
        changed: &changed,
    });
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["event"], "metadata-held");
    assert_eq!(line["code"], "metadata-keys-swapped");
    assert_eq!(line["source"], "https://idp.example.com/metadata");
    assert_eq!(line["differences"][0], "+ signing key CN=new\\u{1b}[2J");
    assert_eq!(
        (&line["certificates_added"][0], &line["certificates_removed"][0]),
        (&"AB:CD".into(), &"EF:01".into())
    );
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
    let evil = "x\n{\"target\":\"audit\",\"event\":\"sign-in\",\"user\":\"root\"}\r\u{1b}[2J\u{9b}A\u{202e}\u{2028}\",\"user\":\"root";
    let words = Words::of(evil);
    for event in words.all() {
        let json = captured(&settings_as(LogFormat::Json), || record(&event));
        let text = captured(&settings_as(LogFormat::Text), || record(&event));
        for line in [&json, &text] {
            assert_eq!(line.matches('\n').count(), 1, "{line:?}");
            assert!(line.ends_with('\n') && !line.contains('\r'), "{line:?}");
            assert!(!line.contains(['\u{1b}', '\u{9b}', '\u{202e}', '\u{2028}']), "{line:?}");
        }
        let line: Value = serde_json::from_str(&json).unwrap();
        assert_ne!(line["user"], "root", "{line}");
        assert_eq!(json.matches("\"event\":").count(), 1, "{json}");
    }
}

#[test]
fn details_are_bounded() {
    let refusal = Refusal::new(Reason::StatusNotSuccess, "x".repeat(5000));
    let site = "s".repeat(5000);
    let line = line(&sign_in_refused(&refusal, &site));
    assert_eq!(line["detail"].as_str().unwrap().chars().count(), MAX_DETAIL + 1);
    assert_eq!(line["site"].as_str().unwrap().chars().count(), MAX_VALUE + 1);
    let many = Words { words: vec!["x".repeat(5000); 5000], ..Words::of(&"x".repeat(5000)) };
    let terms = Terms { group_names: true, ..Terms::default() };
    for event in many.all() {
        let (_, json) = written(&event, &terms);
        assert!(json.len() < 64 * 1024, "{} octets", json.len());
    }
}

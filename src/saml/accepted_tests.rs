//! What the profile allows, where its limits run exactly, and what comes out.

use super::accept_tests::{ASSERTION_ISSUER, AUDIENCES, BEARER, CONDITIONS, Change, DATA, judged};
use super::demand::Demand;
use super::instant::parse;
use super::parties::{EntityId, IdentityProvider, Limits, Policy};
use super::response::{Answers, Expected, RawResponse, ResponseText};
use super::testing::{ACS, IDP, NOW, REQUESTED_AT, SP, idp, outcome, reason, replaced, sign, sp, xml};
use crate::clock::Moment;
use crate::reason::Reason;
use std::time::Duration;

#[test]
fn clocks_may_differ_by_the_skew_and_no_more() {
    let at =
        |now: &str| outcome(&xml("signxml_both"), &idp(&["rsa2048"]), instant(now)).err().map(|r| r.reason);
    assert_eq!(at("2026-01-15T11:58:59.999Z"), Some(Reason::IssueInstantFuture));
    assert_eq!(at("2026-01-15T11:59:00Z"), None);
    assert_eq!(at("2026-01-15T12:05:59.999Z"), None);
    assert_eq!(at("2026-01-15T12:06:00Z"), Some(Reason::ConfirmationExpired));
}

#[test]
fn a_configured_skew_of_more_than_five_minutes_counts_as_five() {
    let (idp, sp, limits) = (idp(&["rsa2048"]), sp(&[]), Limits::default());
    let at = |now: &str| {
        let text = ResponseText::from_xml(xml("signxml_both"), &limits).unwrap();
        let expected = Expected {
            answers: Answers::Request { id: "_request", issued: REQUESTED_AT },
            service_provider: &sp,
            identity_provider: &idp,
            acs_url: ACS,
            demand: &Demand::default(),
        };
        let policy = Policy { clock_skew: Duration::MAX };
        let verified = RawResponse::parse(&text, &limits).unwrap().verify(&idp, &sp, NOW).unwrap();
        verified.accept(&expected, &policy, instant(now)).err().map(|r| r.reason)
    };
    assert_eq!(at("2026-01-15T12:09:59Z"), None);
    assert_eq!(at("2026-01-15T12:10:00Z"), Some(Reason::ConfirmationExpired));
}

#[test]
fn the_session_end_of_the_idp_knows_no_skew() {
    let with_end = |end: &'static str| judged(&[("2026-01-15T20:00:00Z", end)], "_assertion");
    assert_eq!(with_end("2026-01-15T12:01:00Z"), Some(Reason::SessionExpired));
    assert_eq!(with_end("2026-01-15T12:01:00.001Z"), None);
}

#[test]
fn one_of_several_confirmations_is_enough() {
    let with = |other: &str| {
        let message = replaced(&xml("response"), BEARER, &format!("{other}{BEARER}"));
        reason(&sign(&message, "_assertion", "rsa2048"))
    };
    assert_eq!(with(&replaced(BEARER, "cm:bearer", "cm:holder-of-key")), None);
    assert_eq!(with(&replaced(BEARER, DATA, "")), None);
    assert_eq!(with(&replaced(BEARER, "app.example.org", "other.example.org")), None);
    assert_eq!(
        with(&replaced(BEARER, "NotOnOrAfter=\"2026-01-15T12:05:00Z\" ", "NotOnOrAfter=\"x\" ")),
        None
    );
}

#[test]
fn of_several_failed_confirmations_the_most_telling_is_reported() {
    let of = |bearers: [&str; 2]| {
        let message = replaced(&xml("response"), BEARER, &bearers.concat());
        reason(&sign(&message, "_assertion", "rsa2048"))
    };
    let expired = replaced(BEARER, "12:05:00Z", "11:05:00Z");
    let foreign = replaced(BEARER, "app.example.org", "other.example.org");
    let empty = replaced(BEARER, DATA, "");
    assert_eq!(of([&foreign, &expired]), Some(Reason::ConfirmationExpired));
    assert_eq!(of([&expired, &foreign]), Some(Reason::ConfirmationExpired));
    assert_eq!(of([&empty, &foreign]), Some(Reason::RecipientMismatch));
    let no_recipient = replaced(BEARER, "Recipient=\"https://app.example.org/vestibule/saml/acs\" ", "");
    assert_eq!(of([&no_recipient, &empty]), Some(Reason::RecipientMissing));
}

#[test]
fn what_the_profile_allows_is_accepted() {
    let entity = " Format=\"urn:oasis:names:tc:SAML:2.0:nameid-format:entity\"";
    let changes: &[Change] = &[
        (
            ASSERTION_ISSUER,
            "T12:00:00Z\"><saml:Issuer>\n  https://idp.example.org/metadata\n</saml:Issuer><saml:Subject>",
        ),
        (
            AUDIENCES,
            "<saml:AudienceRestriction><saml:Audience>https://other.example.org</saml:Audience><saml:Audience> https://app.example.org/vestibule/saml/metadata </saml:Audience></saml:AudienceRestriction><saml:OneTimeUse/><saml:ProxyRestriction Count=\"0\"/>",
        ),
        (CONDITIONS, "<saml:Conditions>"),
        ("2026-01-15T12:05:00Z", "2026-01-15T12:05:00.1234567+00:00"),
        ("<saml:SubjectConfirmation ", "\n<saml:SubjectConfirmation "),
        (" SessionNotOnOrAfter=\"2026-01-15T20:00:00Z\"", ""),
        (
            "<samlp:Status>",
            "<samlp:Extensions><x:any xmlns:x=\"urn:x\">thing</x:any></samlp:Extensions><samlp:Status>",
        ),
        ("</saml:AuthnStatement>", "</saml:AuthnStatement><saml:AuthzDecisionStatement/>"),
        ("</saml:Conditions>", "</saml:Conditions><saml:Advice><x:any xmlns:x=\"urn:x\"/></saml:Advice>"),
        ("<saml:Attribute Name=\"groups\">", "<saml:EncryptedAttribute/><saml:Attribute Name=\"groups\">"),
    ];
    for change in changes {
        for signed in ["_assertion", "_response"] {
            assert_eq!(judged(&[*change], signed), None, "{} -> {}", change.0, change.1);
        }
    }
    let message = xml("response").replace("<saml:Issuer>", &format!("<saml:Issuer{entity}>"));
    assert_eq!(reason(&sign(&message, "_response", "rsa2048")), None);
}

#[test]
fn another_idp_with_its_own_keys_cannot_speak_for_the_one_that_was_asked() {
    let message = sign(&xml("response"), "_response", "evil");
    let evil = IdentityProvider { entity_id: EntityId("https://evil.example.org".into()), ..idp(&["evil"]) };
    let (asked, sp, limits) = (idp(&["rsa2048"]), sp(&[]), Limits::default());
    let text = ResponseText::from_xml(message, &limits).unwrap();
    let expected = Expected {
        answers: Answers::Request { id: "_request", issued: REQUESTED_AT },
        service_provider: &sp,
        identity_provider: &asked,
        acs_url: ACS,
        demand: &Demand::default(),
    };
    let verified = RawResponse::parse(&text, &limits).unwrap().verify(&evil, &sp, NOW).unwrap();
    let refusal = verified.accept(&expected, &Policy { clock_skew: Duration::ZERO }, NOW).unwrap_err();
    assert_eq!(refusal.reason, Reason::IssuerMismatch);
}

#[test]
fn the_accepted_assertion_says_what_was_signed() {
    let accepted = outcome(&xml("signxml_both"), &idp(&["rsa2048"]), NOW).unwrap();
    assert_eq!(accepted.id(), "_assertion");
    assert_eq!(accepted.issuer(), IDP);
    assert_eq!(accepted.name_id().value, "ada@example.org");
    assert_eq!(
        accepted.name_id().format.as_deref(),
        Some("urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress")
    );
    assert_eq!(accepted.session_index(), Some("_session"));
    assert_eq!(accepted.authn_instant(), instant("2026-01-15T11:58:00Z"));
    assert_eq!(
        accepted.authn_context_class(),
        Some("urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport")
    );
    assert_eq!(accepted.session_not_on_or_after(), Some(instant("2026-01-15T20:00:00Z")));
    // The conditions end at 12:10, and a minute of skew goes on top.
    assert_eq!(accepted.acceptable_until(), instant("2026-01-15T12:11:00Z"));
    let [mail, groups] = accepted.attributes() else { panic!("two attributes") };
    assert_eq!(mail.name, "urn:oid:0.9.2342.19200300.100.1.3");
    assert_eq!(mail.friendly_name.as_deref(), Some("mail"));
    assert_eq!(mail.name_format.as_deref(), Some("urn:oasis:names:tc:SAML:2.0:attrname-format:uri"));
    assert_eq!(groups.values, ["engineers", "CN=Ops, Night, OU=Groups"]);
}

#[test]
fn the_latest_end_and_the_earliest_session_end_count() {
    let message = replaced(
        &xml("response"),
        BEARER,
        &format!("{BEARER}{}", replaced(BEARER, "12:05:00Z", "12:20:00Z")),
    );
    let message = replaced(
        &message,
        "<saml:AttributeStatement>",
        "<saml:AuthnStatement AuthnInstant=\"2026-01-15T11:58:00Z\" SessionIndex=\"_second\" SessionNotOnOrAfter=\"2026-01-15T13:00:00Z\"><saml:AuthnContext/></saml:AuthnStatement><saml:AttributeStatement>",
    );
    let accepted = outcome(&sign(&message, "_assertion", "rsa2048"), &idp(&["rsa2048"]), NOW).unwrap();
    assert_eq!(accepted.acceptable_until(), instant("2026-01-15T12:21:00Z"));
    assert_eq!(accepted.session_not_on_or_after(), Some(instant("2026-01-15T13:00:00Z")));
    assert_eq!(accepted.session_index(), Some("_session"));
}

#[test]
fn attribute_values_are_the_text_that_was_sent() {
    let message = replaced(
        &xml("response"),
        "<saml:AttributeValue xsi:type=\"xs:string\">engineers</saml:AttributeValue>",
        "<saml:AttributeValue/><saml:AttributeValue xsi:nil=\"true\"/><saml:AttributeValue> spaced </saml:AttributeValue>\
         <saml:AttributeValue> <saml:NameID NameQualifier=\"q\">persistent</saml:NameID> </saml:AttributeValue>\
         <saml:AttributeValue>ad<x:b xmlns:x=\"urn:x\">mi</x:b>n</saml:AttributeValue>\
         <saml:AttributeValue>a&amp;b<!-- c -->d</saml:AttributeValue>",
    );
    let accepted = outcome(&sign(&message, "_assertion", "rsa2048"), &idp(&["rsa2048"]), NOW).unwrap();
    let expected = ["", "", " spaced ", "persistent", "a&bd", "CN=Ops, Night, OU=Groups"];
    assert_eq!(accepted.attributes()[1].values, expected);
}

#[test]
fn refusals_name_the_values_that_disagreed() {
    let message = replaced(
        &xml("response"),
        &format!("<saml:Audience>{SP}"),
        "<saml:Audience>https://other.example.org",
    );
    let refusal = outcome(&sign(&message, "_assertion", "rsa2048"), &idp(&["rsa2048"]), NOW).unwrap_err();
    assert!(refusal.detail.contains("other.example.org") && refusal.detail.contains(SP), "{refusal}");
}

fn instant(text: &str) -> Moment {
    parse(text).unwrap()
}

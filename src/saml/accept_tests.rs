//! Every rule of the profile, missing and wrong, with the code that refuses.

use super::testing::{reason, replaced, sign, xml};
use crate::reason::Reason;

/// How a rule is broken in the message, before it is signed: (from, to).
pub(super) type Change = (&'static str, &'static str);

pub(super) const BEARER: &str = "<saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\"><saml:SubjectConfirmationData NotOnOrAfter=\"2026-01-15T12:05:00Z\" Recipient=\"https://app.example.org/vestibule/saml/acs\" InResponseTo=\"_request\"/></saml:SubjectConfirmation>";
pub(super) const DATA: &str = "<saml:SubjectConfirmationData NotOnOrAfter=\"2026-01-15T12:05:00Z\" Recipient=\"https://app.example.org/vestibule/saml/acs\" InResponseTo=\"_request\"/>";
pub(super) const AUDIENCES: &str = "<saml:AudienceRestriction><saml:Audience>https://app.example.org/vestibule/saml/metadata</saml:Audience></saml:AudienceRestriction>";
pub(super) const CONDITIONS: &str =
    "<saml:Conditions NotBefore=\"2026-01-15T11:59:30Z\" NotOnOrAfter=\"2026-01-15T12:10:00Z\">";
const NAME_ID: &str = "<saml:NameID Format=\"urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress\">ada@example.org</saml:NameID>";
const AUTHN: &str = "<saml:AuthnStatement AuthnInstant=\"2026-01-15T11:58:00Z\" SessionIndex=\"_session\" SessionNotOnOrAfter=\"2026-01-15T20:00:00Z\">";
const CONTEXT: &str = "<saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport</saml:AuthnContextClassRef></saml:AuthnContext>";
pub(super) const ASSERTION_ISSUER: &str =
    "T12:00:00Z\"><saml:Issuer>https://idp.example.org/metadata</saml:Issuer><saml:Subject>";
const RESPONSE_ISSUER: &str = "<saml:Issuer>https://idp.example.org/metadata</saml:Issuer><samlp:Status>";
const STATUS: &str =
    "<samlp:Status><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/></samlp:Status>";
const RESPONSE: &str = "ID=\"_response\" Version=\"2.0\" IssueInstant=\"2026-01-15T12:00:00Z\"";
const ASSERTION: &str = "ID=\"_assertion\" Version=\"2.0\" IssueInstant=\"2026-01-15T12:00:00Z\"";

/// What the rule says of the message changed so and signed anew.
pub(super) fn judged(changes: &[Change], signed: &str) -> Option<Reason> {
    let message = changes.iter().fold(xml("response"), |text, (from, to)| replaced(&text, from, to));
    reason(&sign(&message, signed, "rsa2048"))
}

#[test]
fn the_unchanged_message_is_accepted_whichever_part_is_signed() {
    assert_eq!(judged(&[], "_assertion"), None);
    assert_eq!(judged(&[], "_response"), None);
}

#[test]
fn every_rule_about_the_assertion_refuses_under_its_own_name() {
    #[rustfmt::skip]
    let cases: &[(Change, Reason)] = &[
        (("\" Version=\"2.0\" IssueInstant=\"2026-01-15T12:00:00Z\"><saml:Issuer>https://idp.example.org/metadata</saml:Issuer><saml:Subject>", "\" Version=\"1.1\" IssueInstant=\"2026-01-15T12:00:00Z\"><saml:Issuer>https://idp.example.org/metadata</saml:Issuer><saml:Subject>"), Reason::VersionUnsupported),
        ((ASSERTION, "ID=\"_assertion\" IssueInstant=\"2026-01-15T12:00:00Z\""), Reason::VersionUnsupported),
        ((ASSERTION, "ID=\"_assertion\" Version=\"2.0\""), Reason::IssueInstantInvalid),
        ((ASSERTION, "ID=\"_assertion\" Version=\"2.0\" IssueInstant=\"2026-01-15T12:00:00\""), Reason::IssueInstantInvalid),
        ((ASSERTION, "ID=\"_assertion\" Version=\"2.0\" IssueInstant=\"2026-01-15T12:02:01Z\""), Reason::IssueInstantFuture),
        ((ASSERTION_ISSUER, "T12:00:00Z\"><saml:Issuer></saml:Issuer><saml:Subject>"), Reason::IssuerMissing),
        ((ASSERTION_ISSUER, "T12:00:00Z\"><saml:Issuer>https://other.example.org</saml:Issuer><saml:Subject>"), Reason::IssuerMismatch),
        ((ASSERTION_ISSUER, "T12:00:00Z\"><saml:Issuer>https://idp.example.org/metadata/</saml:Issuer><saml:Subject>"), Reason::IssuerMismatch),
        ((ASSERTION_ISSUER, "T12:00:00Z\"><saml:Issuer>https://IDP.example.org/metadata</saml:Issuer><saml:Subject>"), Reason::IssuerMismatch),
        ((ASSERTION_ISSUER, "T12:00:00Z\"><saml:Issuer Format=\"urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified\">https://idp.example.org/metadata</saml:Issuer><saml:Subject>"), Reason::IssuerFormat),
        ((NAME_ID, ""), Reason::NameIdMissing),
        ((NAME_ID, "<saml:NameID/>"), Reason::NameIdMissing),
        ((NAME_ID, "<saml:NameID> \n </saml:NameID>"), Reason::NameIdMissing),
        ((NAME_ID, "<saml:BaseID/>"), Reason::NameIdMissing),
        ((NAME_ID, "<saml:EncryptedID/>"), Reason::NameIdEncrypted),
        ((NAME_ID, "<saml:NameID>ada<x/>@example.org</saml:NameID>"), Reason::AssertionMalformed),
        ((NAME_ID, "<saml:NameID>ada@example.org</saml:NameID><saml:NameID>eva@example.org</saml:NameID>"), Reason::AssertionMalformed),
        ((BEARER, ""), Reason::SubjectConfirmationMissing),
        (("cm:bearer", "cm:sender-vouches"), Reason::SubjectConfirmationMissing),
        (("cm:bearer", "cm:Bearer"), Reason::SubjectConfirmationMissing),
        ((" Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\"", ""), Reason::SubjectConfirmationMissing),
        ((DATA, ""), Reason::ConfirmationDataMissing),
        ((DATA, "<saml:SubjectConfirmationData/>"), Reason::RecipientMissing),
        ((" Recipient=\"https://app.example.org/vestibule/saml/acs\"", ""), Reason::RecipientMissing),
        (("Recipient=\"https://app.example.org/vestibule/saml/acs\"", "Recipient=\"https://app.example.org/vestibule/saml/acs/\""), Reason::RecipientMismatch),
        (("Recipient=\"https://app.example.org/", "Recipient=\"https://APP.example.org/"), Reason::RecipientMismatch),
        (("Recipient=\"https://app.example.org/vestibule/saml/acs\"", "Recipient=\"\""), Reason::RecipientMismatch),
        (("saml/acs\" InResponseTo=\"_request\"/>", "saml/acs\"/>"), Reason::ConfirmationInResponseToMissing),
        (("saml/acs\" InResponseTo=\"_request\"/>", "saml/acs\" InResponseTo=\"_other\"/>"), Reason::ConfirmationInResponseToMismatch),
        (("saml/acs\" InResponseTo=\"_request\"/>", "saml/acs\" InResponseTo=\"\"/>"), Reason::ConfirmationInResponseToMismatch),
        (("NotOnOrAfter=\"2026-01-15T12:05:00Z\" ", ""), Reason::ConfirmationExpiryMissing),
        (("NotOnOrAfter=\"2026-01-15T12:05:00Z\" ", "NotOnOrAfter=\"2026-01-15T12:05:00\" "), Reason::TimeInvalid),
        (("NotOnOrAfter=\"2026-01-15T12:05:00Z\" ", "NotOnOrAfter=\"never\" "), Reason::TimeInvalid),
        (("NotOnOrAfter=\"2026-01-15T12:05:00Z\" ", "NotOnOrAfter=\"2026-01-15T12:00:00Z\" "), Reason::ConfirmationExpired),
        (("NotOnOrAfter=\"2026-01-15T12:05:00Z\" ", "NotOnOrAfter=\"2026-01-15T12:05:00Z\" NotBefore=\"2026-01-15T11:00:00Z\" "), Reason::ConfirmationNotBefore),
        ((CONDITIONS, "<saml:Conditions/><saml:Conditions>"), Reason::ConditionsMissing),
        (("NotBefore=\"2026-01-15T11:59:30Z\"", "NotBefore=\"2026-01-15T12:02:01Z\""), Reason::ConditionsNotYetValid),
        (("NotBefore=\"2026-01-15T11:59:30Z\"", "NotBefore=\"\""), Reason::TimeInvalid),
        (("NotOnOrAfter=\"2026-01-15T12:10:00Z\"", "NotOnOrAfter=\"2026-01-15T12:00:00Z\""), Reason::ConditionsExpired),
        ((CONDITIONS, "<saml:Conditions NotBefore=\"2026-01-15T12:01:30Z\" NotOnOrAfter=\"2026-01-15T12:01:30Z\">"), Reason::ConditionsExpired),
        (("NotOnOrAfter=\"2026-01-15T12:10:00Z\"", "NotOnOrAfter=\"2026-01-15\""), Reason::TimeInvalid),
        ((AUDIENCES, ""), Reason::AudienceMissing),
        ((AUDIENCES, "<saml:AudienceRestriction/>"), Reason::AudienceMissing),
        ((AUDIENCES, "<saml:AudienceRestriction><saml:Audience>https://app.example.org/vestibule/saml/metadata</saml:Audience></saml:AudienceRestriction><saml:AudienceRestriction/>"), Reason::AudienceMissing),
        ((AUDIENCES, "<saml:AudienceRestriction><saml:Audience/></saml:AudienceRestriction>"), Reason::AudienceMismatch),
        ((AUDIENCES, "<saml:AudienceRestriction><saml:Audience>https://other.example.org</saml:Audience></saml:AudienceRestriction>"), Reason::AudienceMismatch),
        ((AUDIENCES, "<saml:AudienceRestriction><saml:Audience>https://app.example.org/vestibule/saml/metadata</saml:Audience></saml:AudienceRestriction><saml:AudienceRestriction><saml:Audience>https://other.example.org</saml:Audience></saml:AudienceRestriction>"), Reason::AudienceMismatch),
        ((AUDIENCES, "<saml:AudienceRestriction><saml:Audience>https://app.example.org/vestibule/saml/metadata#</saml:Audience></saml:AudienceRestriction>"), Reason::AudienceMismatch),
        (("</saml:AudienceRestriction>", "</saml:AudienceRestriction><saml:Condition/>"), Reason::ConditionUnknown),
        (("</saml:AudienceRestriction>", "</saml:AudienceRestriction><x:Delegate xmlns:x=\"urn:x\"/>"), Reason::ConditionUnknown),
        (("</saml:AudienceRestriction>", "</saml:AudienceRestriction><saml:OneTimeUse/><saml:OneTimeUse/>"), Reason::AssertionMalformed),
        ((AUTHN, "<saml:AuthnStatement>"), Reason::AuthnInstantInvalid),
        (("AuthnInstant=\"2026-01-15T11:58:00Z\"", "AuthnInstant=\"yesterday\""), Reason::AuthnInstantInvalid),
        (("AuthnInstant=\"2026-01-15T11:58:00Z\"", "AuthnInstant=\"2026-01-15T12:02:01Z\""), Reason::AuthnInstantInvalid),
        (("SessionNotOnOrAfter=\"2026-01-15T20:00:00Z\"", "SessionNotOnOrAfter=\"tonight\""), Reason::TimeInvalid),
        (("SessionNotOnOrAfter=\"2026-01-15T20:00:00Z\"", "SessionNotOnOrAfter=\"2026-01-15T12:01:00Z\""), Reason::SessionExpired),
        ((CONTEXT, ""), Reason::AssertionMalformed),
        (("<saml:AttributeStatement>", "<saml:AuthnStatement AuthnInstant=\"2026-01-15T11:58:00Z\" SessionNotOnOrAfter=\"2026-01-15T11:59:00Z\"><saml:AuthnContext/></saml:AuthnStatement><saml:AttributeStatement>"), Reason::SessionExpired),
        ((" Name=\"groups\"", ""), Reason::AssertionMalformed),
        (("<saml:Subject>", "text<saml:Subject>"), Reason::AssertionMalformed),
        (("<saml:Subject>", "<x/><saml:Subject>"), Reason::AssertionMalformed),
        (("<saml:Subject>", "<saml:Unheard/><saml:Subject>"), Reason::AssertionMalformed),
        (("<saml:Subject>", "<saml:Advice/><saml:Subject>"), Reason::AssertionMalformed),
    ];
    for (change, expected) in cases {
        for signed in ["_assertion", "_response"] {
            assert_eq!(
                judged(&[*change], signed),
                Some(*expected),
                "{} signed, {} -> {}",
                signed,
                change.0,
                change.1
            );
        }
    }
}

#[test]
fn whole_parts_of_the_assertion_that_are_missing_are_named() {
    for (from, until, expected) in [
        ("<saml:Subject>", "</saml:Subject>", Reason::SubjectMissing),
        ("<saml:Conditions ", "</saml:Conditions>", Reason::ConditionsMissing),
        ("<saml:AuthnStatement ", "</saml:AuthnStatement>", Reason::AuthnStatementMissing),
    ] {
        let message = xml("response");
        let (before, rest) = message.split_once(from).unwrap();
        let (part, after) = rest.split_once(until).unwrap();
        for signed in ["_assertion", "_response"] {
            let without = sign(&format!("{before}{after}"), signed, "rsa2048");
            assert_eq!(reason(&without), Some(expected), "{signed} signed");
        }
        let doubled =
            sign(&format!("{before}{from}{part}{until}{from}{part}{until}{after}"), "_assertion", "rsa2048");
        let expected = match expected {
            Reason::SubjectMissing => Some(Reason::AssertionMalformed),
            Reason::AuthnStatementMissing => None,
            other => Some(other),
        };
        assert_eq!(reason(&doubled), expected, "two of {from}");
    }
    let issuer =
        ("<saml:Issuer>https://idp.example.org/metadata</saml:Issuer><saml:Subject>", "<saml:Subject>");
    for signed in ["_assertion", "_response"] {
        assert_eq!(judged(&[issuer], signed), Some(Reason::IssuerMissing), "{signed} signed");
    }
}

#[test]
fn every_rule_about_a_signed_response_refuses_under_its_own_name() {
    #[rustfmt::skip]
    let cases: &[(Change, Reason)] = &[
        ((RESPONSE, "ID=\"_response\" Version=\"1.1\" IssueInstant=\"2026-01-15T12:00:00Z\""), Reason::VersionUnsupported),
        ((RESPONSE, "ID=\"_response\" IssueInstant=\"2026-01-15T12:00:00Z\""), Reason::VersionUnsupported),
        ((RESPONSE, "ID=\"_response\" Version=\"2.0\""), Reason::IssueInstantInvalid),
        ((RESPONSE, "ID=\"_response\" Version=\"2.0\" IssueInstant=\"2026-01-15T12:02:01Z\""), Reason::IssueInstantFuture),
        ((RESPONSE, "ID=\"_response\" Version=\"2.0\" IssueInstant=\"2026-01-15T11:58:29Z\""), Reason::IssueInstantOld),
        ((STATUS, ""), Reason::StatusMissing),
        ((STATUS, "<samlp:Status/>"), Reason::StatusMissing),
        ((STATUS, "<samlp:Status><samlp:StatusCode/></samlp:Status>"), Reason::StatusMissing),
        (("<samlp:Status>", "<samlp:Status><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Responder\"/></samlp:Status><samlp:Status>"), Reason::StatusMissing),
        (("<samlp:StatusCode ", "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Responder\"/><samlp:StatusCode "), Reason::StatusMissing),
        (("status:Success", "status:Responder"), Reason::StatusNotSuccess),
        (("status:Success", "status:success"), Reason::StatusNotSuccess),
        ((STATUS, "<samlp:Status><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Responder\"><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/></samlp:StatusCode></samlp:Status>"), Reason::StatusNotSuccess),
        ((" Destination=\"https://app.example.org/vestibule/saml/acs\"", ""), Reason::DestinationMissing),
        ((" Destination=\"https://app.example.org/vestibule/saml/acs\"", " Destination=\"\""), Reason::DestinationMismatch),
        ((" Destination=\"https://app.example.org/", " Destination=\"https://other.example.org/"), Reason::DestinationMismatch),
        ((RESPONSE_ISSUER, "<saml:Issuer>https://other.example.org</saml:Issuer><samlp:Status>"), Reason::ResponseIssuerMismatch),
        ((RESPONSE_ISSUER, "<saml:Issuer/><samlp:Status>"), Reason::ResponseIssuerMismatch),
        ((RESPONSE_ISSUER, "<saml:Issuer Format=\"urn:x\">https://idp.example.org/metadata</saml:Issuer><samlp:Status>"), Reason::IssuerFormat),
        (("acs\" InResponseTo=\"_request\"><saml:Issuer>", "acs\"><saml:Issuer>"), Reason::InResponseToMissing),
        (("acs\" InResponseTo=\"_request\"><saml:Issuer>", "acs\" InResponseTo=\"_other\"><saml:Issuer>"), Reason::InResponseToMismatch),
        (("<samlp:Status>", "<saml:Issuer>https://idp.example.org/metadata</saml:Issuer><samlp:Status>"), Reason::ResponseMalformed),
        (("<samlp:Status>", "<samlp:Artifact/><samlp:Status>"), Reason::ResponseMalformed),
        (("<samlp:Status>", "loose<samlp:Status>"), Reason::ResponseMalformed),
    ];
    for (change, expected) in cases {
        assert_eq!(judged(&[*change], "_response"), Some(*expected), "{} -> {}", change.0, change.1);
        // An envelope that is not signed may refuse as well; only what may be missing there is no refusal.
        let unsigned = (*expected != Reason::DestinationMissing).then_some(*expected);
        assert_eq!(judged(&[*change], "_assertion"), unsigned, "{} -> {}", change.0, change.1);
    }

    // The issuer may be missing where the response is not signed (Profiles 4.1.4.2).
    assert_eq!(
        judged(&[(RESPONSE_ISSUER, "<samlp:Status>")], "_response"),
        Some(Reason::ResponseIssuerMissing)
    );
    assert_eq!(judged(&[(RESPONSE_ISSUER, "<samlp:Status>")], "_assertion"), None);
    // Without an ID a response cannot be signed, and what is inside cannot be read as if it could.
    let without_id = xml("signxml_rsa2048_rsa_sha256").replace("ID=\"_response\" ", "");
    assert_eq!(reason(&without_id), Some(Reason::IdMissing));
}

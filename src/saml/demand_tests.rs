//! What is demanded beyond the profile, and answers that nobody asked for: each rule with its twin.

use super::demand::{Comparison, Demand};
use super::instant::parse;
use super::response::Answers;
use super::testing::{NOW, REQUESTED_AT, outcome_when, replaced, sign, xml};
use crate::clock::Moment;
use crate::reason::Reason;
use std::time::Duration;

const PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";
const MFA: &str = "https://refeds.org/profile/mfa";
const CONTEXT: &str = "<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport</saml:AuthnContextClassRef>";
const OURS: Answers<'static> = Answers::Request { id: "_request", issued: REQUESTED_AT };
/// The store has run for an hour.
const NOBODYS: Answers<'static> =
    Answers::Nobody { remembers_since: Moment::from_seconds(NOW.seconds() - 3600) };

fn judged(message: &str, signed: &str, answers: Answers<'_>, demand: &Demand, now: Moment) -> Option<Reason> {
    outcome_when(&sign(message, signed, "rsa2048"), answers, demand, now).err().map(|refusal| refusal.reason)
}

fn contexts(asked: &[&str], comparison: Comparison, accepted: &[&str]) -> Demand {
    let owned = |classes: &[&str]| classes.iter().map(|class| (*class).to_owned()).collect();
    Demand {
        authn_context: owned(asked),
        authn_context_comparison: comparison,
        authn_context_accepted: owned(accepted),
        ..Demand::default()
    }
}

/// Asked, how to compare, accepted, and the verdict.
type ContextCase = (&'static [&'static str], Comparison, &'static [&'static str], Option<Reason>);

#[test]
fn a_class_that_was_demanded_must_come_back() {
    use Comparison::{Better, Exact, Maximum, Minimum};
    let mismatch = Some(Reason::AuthnContextMismatch);
    let cases: &[ContextCase] = &[
        (&[], Exact, &[], None),
        (&[PASSWORD], Exact, &[], None),
        (&[MFA, PASSWORD], Exact, &[], None),
        (&[MFA], Exact, &[], mismatch),
        // Not demanded of the IdP, and looked at all the same.
        (&[], Exact, &[MFA], mismatch),
        (&[], Exact, &[MFA, PASSWORD], None),
        // Which is stronger only the IdP knows: without a list nothing is refused, with one it decides.
        (&[MFA], Minimum, &[], None),
        (&[MFA], Better, &[], None),
        (&[PASSWORD], Maximum, &[], None),
        (&[PASSWORD], Minimum, &[MFA], mismatch),
        (&[MFA], Exact, &[PASSWORD], None),
        (&["urn:oasis:names:tc:SAML:2.0:ac:classes:passwordProtectedTransport"], Exact, &[], mismatch),
    ];
    for (asked, comparison, accepted, expected) in cases {
        let demand = contexts(asked, *comparison, accepted);
        for signed in ["_assertion", "_response"] {
            let found = judged(&xml("response"), signed, OURS, &demand, NOW);
            assert_eq!(found, *expected, "{asked:?} {comparison:?} {accepted:?}");
        }
    }
}

#[test]
fn an_answer_without_a_class_is_refused_where_one_is_demanded() {
    let without = replaced(&xml("response"), CONTEXT, "");
    let demanded = contexts(&[PASSWORD], Comparison::Exact, &[]);
    assert_eq!(judged(&without, "_assertion", OURS, &demanded, NOW), Some(Reason::AuthnContextMismatch));
    assert_eq!(judged(&without, "_assertion", OURS, &Demand::default(), NOW), None);
}

#[test]
fn how_and_when_are_told_by_one_statement() {
    let strong = "<saml:AuthnStatement AuthnInstant=\"2026-01-15T11:00:00Z\"><saml:AuthnContext>\
                  <saml:AuthnContextClassRef>https://refeds.org/profile/mfa</saml:AuthnContextClassRef></saml:AuthnContext>\
                  </saml:AuthnStatement><saml:AttributeStatement>";
    let recent_without_a_class = replaced(&xml("response"), CONTEXT, "");
    let message = replaced(&recent_without_a_class, "<saml:AttributeStatement>", strong);
    let demand =
        Demand { max_authn_age: Some(Duration::from_secs(600)), ..contexts(&[MFA], Comparison::Exact, &[]) };
    // An hour ago with a second factor, a moment ago without: neither is both.
    assert_eq!(judged(&message, "_assertion", OURS, &demand, NOW), Some(Reason::AuthnTooOld));
    let recent = replaced(&message, "T11:00:00Z", "T11:58:00Z");
    assert_eq!(judged(&recent, "_assertion", OURS, &demand, NOW), None);
}

#[test]
fn a_sign_in_may_be_as_old_as_the_owner_allows_plus_the_skew() {
    // Signed in at 11:58:00; it is 12:01:00 and the clocks may differ by a minute.
    let aged = |seconds| Demand { max_authn_age: Some(Duration::from_secs(seconds)), ..Demand::default() };
    let refused = Some(Reason::AuthnTooOld);
    assert_eq!(judged(&xml("response"), "_assertion", OURS, &aged(120), NOW), None);
    assert_eq!(judged(&xml("response"), "_assertion", OURS, &aged(119), NOW), refused);
    assert_eq!(judged(&xml("response"), "_assertion", OURS, &aged(180), NOW), None);
    assert_eq!(judged(&unsolicited(), "_assertion", NOBODYS, &aged(119), NOW), refused);
}

#[test]
fn whoever_was_to_sign_in_anew_did_so_after_the_request() {
    let forced = Demand { force_authn: true, ..Demand::default() };
    // Asked at 11:59:30, signed in at 11:58:00.
    let at = |instant: &str| replaced(&xml("response"), "T11:58:00Z", instant);
    assert_eq!(judged(&xml("response"), "_assertion", OURS, &forced, NOW), Some(Reason::AuthnTooOld));
    assert_eq!(judged(&at("T11:58:29.999Z"), "_assertion", OURS, &forced, NOW), Some(Reason::AuthnTooOld));
    assert_eq!(judged(&at("T11:58:30Z"), "_assertion", OURS, &forced, NOW), None);
    assert_eq!(judged(&at("T11:59:59Z"), "_assertion", OURS, &forced, NOW), None);
}

/// The honest message, unsolicited: InResponseTo stands nowhere.
fn unsolicited() -> String {
    xml("response").replace(" InResponseTo=\"_request\"", "")
}

#[test]
fn an_unsolicited_response_is_accepted_only_as_one() {
    for signed in ["_assertion", "_response"] {
        let nothing = &Demand::default();
        assert_eq!(judged(&unsolicited(), signed, NOBODYS, nothing, NOW), None, "{signed}");
        assert_eq!(
            judged(&unsolicited(), signed, OURS, nothing, NOW),
            Some(Reason::InResponseToMissing),
            "{signed}"
        );
    }
}

#[test]
fn a_response_to_a_request_is_not_unsolicited() {
    let (nothing, mismatch) = (&Demand::default(), Some(Reason::InResponseToMismatch));
    for signed in ["_assertion", "_response"] {
        assert_eq!(judged(&xml("response"), signed, NOBODYS, nothing, NOW), mismatch, "{signed}");
        let other = xml("response").replace("_request", "_other");
        assert_eq!(judged(&other, signed, NOBODYS, nothing, NOW), mismatch, "{signed}");
        let empty = replaced(
            &xml("response"),
            "InResponseTo=\"_request\"><saml:Issuer>",
            "InResponseTo=\"\"><saml:Issuer>",
        );
        assert_eq!(judged(&empty, signed, NOBODYS, nothing, NOW), mismatch, "{signed}");
    }
}

#[test]
fn an_answer_whose_unsigned_envelope_lost_its_request_is_not_unsolicited() {
    // The stolen answer of another browser: only the assertion is signed, so its envelope can be rewritten.
    let stripped =
        replaced(&xml("response"), "acs\" InResponseTo=\"_request\"><saml:Issuer>", "acs\"><saml:Issuer>");
    assert_eq!(
        judged(&stripped, "_assertion", NOBODYS, &Demand::default(), NOW),
        Some(Reason::ConfirmationInResponseToMismatch)
    );
}

#[test]
fn every_other_rule_holds_for_an_unsolicited_response_too() {
    let nothing = &Demand::default();
    for (from, to, expected) in [
        (
            "<saml:Audience>https://app.example.org",
            "<saml:Audience>https://other.example.org",
            Reason::AudienceMismatch,
        ),
        (
            "Recipient=\"https://app.example.org",
            "Recipient=\"https://other.example.org",
            Reason::RecipientMismatch,
        ),
        ("NotOnOrAfter=\"2026-01-15T12:05:00Z\" ", "", Reason::ConfirmationExpiryMissing),
        (
            "NotOnOrAfter=\"2026-01-15T12:05:00Z\"",
            "NotOnOrAfter=\"2026-01-15T12:00:00Z\"",
            Reason::ConfirmationExpired,
        ),
        (
            " Destination=\"https://app.example.org",
            " Destination=\"https://other.example.org",
            Reason::DestinationMismatch,
        ),
        ("status:Success", "status:Responder", Reason::StatusNotSuccess),
    ] {
        let message = replaced(&unsolicited(), from, to);
        assert_eq!(judged(&message, "_response", NOBODYS, nothing, NOW), Some(expected), "{from}");
    }
}

#[test]
fn an_unsolicited_response_lasts_five_minutes_whatever_it_says() {
    let nothing = &Demand::default();
    // Issued at 12:00:00; its maker calls it valid until midnight.
    let long = unsolicited()
        .replace("NotOnOrAfter=\"2026-01-15T12:05:00Z\"", "NotOnOrAfter=\"2026-01-15T23:59:59Z\"")
        .replace("NotOnOrAfter=\"2026-01-15T12:10:00Z\"", "NotOnOrAfter=\"2026-01-15T23:59:59Z\"");
    let at = |now| judged(&long, "_assertion", NOBODYS, nothing, parse(now).unwrap());
    assert_eq!(at("2026-01-15T12:05:59.999Z"), None);
    assert_eq!(at("2026-01-15T12:06:00Z"), Some(Reason::IssueInstantOld));
}

#[test]
fn what_the_store_cannot_remember_may_have_been_used() {
    let since = |seconds| {
        let answers = Answers::Nobody { remembers_since: parse(seconds).unwrap() };
        judged(&unsolicited(), "_assertion", answers, &Demand::default(), NOW)
    };
    // Issued at 12:00:00 by a clock that may be a minute ahead.
    assert_eq!(since("2026-01-15T11:59:00Z"), None);
    assert_eq!(since("2026-01-15T11:59:00.001Z"), Some(Reason::AttemptBeforeStart));
    assert_eq!(since("2026-01-15T12:00:30Z"), Some(Reason::AttemptBeforeStart));
}

#[test]
fn a_status_about_our_request_has_a_code_of_its_own() {
    for (second, expected) in [
        ("NoPassive", Reason::NoPassive),
        ("NoAuthnContext", Reason::NoAuthnContext),
        ("InvalidNameIDPolicy", Reason::InvalidNameIdPolicy),
        ("RequestDenied", Reason::StatusNotSuccess),
    ] {
        let success = "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/>";
        let failed = format!(
            "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Responder\"><samlp:StatusCode \
             Value=\"urn:oasis:names:tc:SAML:2.0:status:{second}\"/></samlp:StatusCode>"
        );
        let message = replaced(&xml("response"), success, &failed);
        assert_eq!(judged(&message, "_response", OURS, &Demand::default(), NOW), Some(expected));
        // As it really comes: without an assertion, and not always signed.
        let (begin, end) =
            (message.find("<saml:Assertion").unwrap(), message.find("</samlp:Response>").unwrap());
        let alone = format!("{}{}", &message[..begin], &message[end..]);
        let refused = outcome_when(&alone, OURS, &Demand::default(), NOW).unwrap_err();
        assert_eq!(refused.reason, expected);
        assert!(refused.detail.contains(second), "{refused}");
    }
}

#[test]
fn a_demand_is_told_in_words_and_none_in_none() {
    assert_eq!(Demand::default().in_words(), None);
    let demand = Demand {
        force_authn: true,
        max_authn_age: Some(Duration::from_secs(3600)),
        ..contexts(&[MFA], Comparison::Exact, &[])
    };
    let expected = format!(
        "forces a new sign-in each time; asks for exact {MFA}; takes {MFA}; takes sign-ins of the last 1h"
    );
    assert_eq!(demand.in_words(), Some(expected));
}

#[test]
fn a_raised_demand_asks_for_more_and_takes_no_less() {
    use Comparison::{Exact, Minimum};
    let of = |classes: &[&str]| classes.iter().map(|class| (*class).to_owned()).collect::<Vec<_>>();
    let passive =
        Demand { is_passive: true, max_authn_age: Some(Duration::from_secs(60)), ..Demand::default() };
    let raised = passive.raised(&of(&[MFA]), true);
    assert!(raised.force_authn && !raised.is_passive && raised.max_authn_age == passive.max_authn_age);
    assert_eq!((raised.authn_context, raised.authn_context_comparison), (of(&[MFA]), Exact));
    assert!(!Demand::default().raised(&of(&[MFA]), false).force_authn);
    // Only what did before does now: of the wanted ones, or else nothing changes.
    let strict = contexts(&[PASSWORD], Minimum, &[MFA, "urn:card"]);
    assert_eq!(strict.raised(&of(&["urn:card", PASSWORD]), false).authn_context, of(&["urn:card"]));
    let same = strict.raised(&of(&[PASSWORD]), false);
    assert_eq!(
        (&same.authn_context, &same.authn_context_accepted),
        (&strict.authn_context, &strict.authn_context_accepted)
    );
    assert_eq!(strict.raised(&[], true), Demand { force_authn: true, ..strict.clone() });
    // Which class is weaker than the one that is asked for at least, only the identity provider knows.
    let unlisted = contexts(&[MFA], Minimum, &[]);
    assert_eq!(unlisted.raised(&of(&[PASSWORD]), false), unlisted);
}

use super::*;
use crate::clock::Moment;
use crate::saml::authn_request::RequestId;
use crate::saml::decryption_tests::encrypted;
use crate::saml::parties::{Binding, Policy, SloEndpoint};
use crate::saml::redirect;
use crate::saml::response::NameId;
use crate::saml::testing::{IDP, NOW, REQUESTED_AT, SLO, SP, idp, replaced, sign, signing_key, sp};
use crate::saml::xml::{PROTOCOL, SIGNATURE};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::time::Duration;

const POLICY: Policy = Policy { clock_skew: Duration::from_secs(60) };
const PERSISTENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
const RESPONDER: &str = "urn:oasis:names:tc:SAML:2.0:status:Responder";
const PARTIAL: &str = "urn:oasis:names:tc:SAML:2.0:status:PartialLogout";

/// Issued half a minute before NOW.
fn request() -> String {
    format!(
        "<samlp:LogoutRequest xmlns:samlp=\"{PROTOCOL}\" xmlns:saml=\"{ASSERTION}\" ID=\"_logout\" Version=\"2.0\" \
         IssueInstant=\"2026-01-15T12:00:30Z\" Destination=\"{SLO}\" NotOnOrAfter=\"2026-01-15T12:05:30Z\">\
         <saml:Issuer>{IDP}</saml:Issuer><saml:NameID Format=\"{PERSISTENT}\">alice</saml:NameID>\
         <samlp:SessionIndex>_one</samlp:SessionIndex></samlp:LogoutRequest>"
    )
}

fn response() -> String {
    format!(
        "<samlp:LogoutResponse xmlns:samlp=\"{PROTOCOL}\" xmlns:saml=\"{ASSERTION}\" ID=\"_answer\" Version=\"2.0\" \
         IssueInstant=\"2026-01-15T12:00:30Z\" Destination=\"{SLO}\" InResponseTo=\"_request\">\
         <saml:Issuer>{IDP}</saml:Issuer><samlp:Status><samlp:StatusCode Value=\"{SUCCESS}\"/></samlp:Status>\
         </samlp:LogoutResponse>"
    )
}

fn posted(carries: Carries, xml: &str) -> Result<LogoutText, Refusal> {
    LogoutText::from_form(carries, &STANDARD.encode(xml), None, &Limits::default())
}

fn sent(carries: Carries, xml: &str, key: Option<&str>) -> Result<LogoutText, Refusal> {
    let key = key.map(signing_key);
    let address = redirect::address("https://x.test/", carries, xml, "", key.as_ref()).unwrap();
    LogoutText::from_query(address.split_once('?').unwrap().1, &Limits::default())
}

fn requested(text: Result<LogoutText, Refusal>, now: Moment) -> Result<AcceptedLogoutRequest, Refusal> {
    let (text, idp) = (text?, idp(&["rsa2048", "p256"]));
    RawLogout::parse(&text, &Limits::default())?.verify(&idp, &sp(&[]), true)?.accept_request(
        &idp,
        &sp(&[]),
        &POLICY,
        now,
    )
}

fn answered(text: Result<LogoutText, Refusal>) -> Result<LogoutAnswer, Refusal> {
    let (text, idp) = (text?, idp(&["rsa2048"]));
    let expected =
        ExpectedAnswer { request_id: "_request", requested_at: REQUESTED_AT, further_issuers: &[] };
    let verified = RawLogout::parse(&text, &Limits::default())?.verify(&idp, &sp(&[]), true)?;
    verified.accept_response(&expected, &idp, &sp(&[]), &POLICY, NOW)
}

/// Which rule refuses the request, signed by the identity provider after the change: by POST and in a query alike.
fn reason_of(xml: &str) -> Option<Reason> {
    let by_post = requested(posted(Carries::Request, &sign(xml, "_logout", "rsa2048")), NOW);
    let by_query = requested(sent(Carries::Request, xml, Some("rsa2048")), NOW);
    let (by_post, by_query) = (by_post.err().map(|r| r.reason), by_query.err().map(|r| r.reason));
    assert_eq!(by_post, by_query, "the bindings disagree about {xml}");
    by_post
}

fn name(value: &str) -> NameId {
    NameId { value: value.into(), format: None, name_qualifier: None, sp_name_qualifier: None }
}

#[test]
fn a_signed_request_is_accepted_by_both_bindings() {
    for text in [
        posted(Carries::Request, &sign(&request(), "_logout", "rsa2048")),
        posted(Carries::Request, &sign(&request(), "_logout", "p256")),
        sent(Carries::Request, &request(), Some("rsa2048")),
        sent(Carries::Request, &request(), Some("p256")),
        // Signed twice over: both must be good, and both are.
        sent(Carries::Request, &sign(&request(), "_logout", "p256"), Some("rsa2048")),
        sent(Carries::Request, &sign(&request(), "_logout", "rsa2048"), None),
    ] {
        let accepted = requested(text, NOW).unwrap();
        assert_eq!((accepted.id(), accepted.issuer()), ("_logout", IDP));
        assert!(accepted.means(&name("alice"), Some("_one")));
        assert!(accepted.acceptable_until() > NOW);
    }
}

#[test]
fn a_request_that_nobody_signed_or_somebody_else_did_is_refused() {
    let changed = replaced(&sign(&request(), "_logout", "rsa2048"), "alice", "mallory");
    for (text, reason) in [
        (posted(Carries::Request, &request()), Reason::LogoutUnsigned),
        (sent(Carries::Request, &request(), None), Reason::LogoutUnsigned),
        (posted(Carries::Request, &sign(&request(), "_logout", "evil")), Reason::SignatureInvalid),
        (sent(Carries::Request, &request(), Some("evil")), Reason::SignatureInvalid),
        (posted(Carries::Request, &changed), Reason::DigestMismatch),
        // One good signature does not make up for a bad one.
        (
            sent(Carries::Request, &sign(&request(), "_logout", "evil"), Some("rsa2048")),
            Reason::SignatureInvalid,
        ),
        (
            sent(Carries::Request, &sign(&request(), "_logout", "rsa2048"), Some("evil")),
            Reason::SignatureInvalid,
        ),
        (sent(Carries::Request, &changed, Some("rsa2048")), Reason::DigestMismatch),
    ] {
        assert_eq!(requested(text, NOW).err().map(|refusal| refusal.reason), Some(reason));
    }
}

#[test]
fn an_unsigned_request_is_taken_only_where_the_owner_says_so_and_a_bad_signature_never() {
    let judge = |text: Result<LogoutText, Refusal>| {
        let (text, idp) = (text?, idp(&["rsa2048"]));
        let verified = RawLogout::parse(&text, &Limits::default())?.verify(&idp, &sp(&[]), false)?;
        verified.accept_request(&idp, &sp(&[]), &POLICY, NOW)
    };
    assert!(judge(posted(Carries::Request, &request())).is_ok());
    assert!(judge(sent(Carries::Request, &request(), None)).is_ok());
    let bad = judge(posted(Carries::Request, &sign(&request(), "_logout", "evil")));
    assert_eq!(bad.unwrap_err().reason, Reason::SignatureInvalid);
    let elsewhere = replaced(&request(), SLO, "https://other.example.org/slo");
    let bad = judge(posted(Carries::Request, &elsewhere));
    assert_eq!(bad.unwrap_err().reason, Reason::LogoutDestinationMismatch);
}

#[test]
fn a_signed_request_that_breaks_a_rule_is_refused_by_that_rule() {
    let issued = "IssueInstant=\"2026-01-15T12:00:30Z\"";
    let until = " NotOnOrAfter=\"2026-01-15T12:05:30Z\"";
    let destination = format!(" Destination=\"{SLO}\"");
    let issuer = format!("<saml:Issuer>{IDP}</saml:Issuer>");
    let name = format!("<saml:NameID Format=\"{PERSISTENT}\">alice</saml:NameID>");
    let index = "<samlp:SessionIndex>_one</samlp:SessionIndex>";
    for (from, to, reason) in [
        ("Version=\"2.0\"", "Version=\"1.1\"", Some(Reason::VersionUnsupported)),
        (issued, "", Some(Reason::IssueInstantInvalid)),
        (issued, "IssueInstant=\"yesterday\"", Some(Reason::IssueInstantInvalid)),
        (issued, "IssueInstant=\"2026-01-15T12:02:01Z\"", Some(Reason::IssueInstantFuture)),
        (issued, "IssueInstant=\"2026-01-15T12:02:00Z\"", None),
        (issued, "IssueInstant=\"2026-01-15T11:55:00Z\"", None),
        (issued, "IssueInstant=\"2026-01-15T11:54:59Z\"", Some(Reason::LogoutExpired)),
        (until, "", None),
        (until, " NotOnOrAfter=\"2026-01-15T12:00:01Z\"", None),
        (until, " NotOnOrAfter=\"2026-01-15T12:00:00Z\"", Some(Reason::LogoutExpired)),
        (until, " NotOnOrAfter=\"soon\"", Some(Reason::TimeInvalid)),
        (&destination, "", Some(Reason::LogoutDestinationMissing)),
        (
            &destination,
            " Destination=\"https://other.example.org/slo\"",
            Some(Reason::LogoutDestinationMismatch),
        ),
        (&destination, &format!(" Destination=\"{SLO}/\""), Some(Reason::LogoutDestinationMismatch)),
        (&issuer, "<saml:Issuer>https://evil.example.org</saml:Issuer>", Some(Reason::LogoutIssuerUnknown)),
        (&issuer, &format!("<saml:Issuer>{IDP}/</saml:Issuer>"), Some(Reason::LogoutIssuerUnknown)),
        (&issuer, &format!("<saml:Issuer Format=\"urn:x\">{IDP}</saml:Issuer>"), Some(Reason::IssuerFormat)),
        (&issuer, &format!("{issuer}<saml:Issuer>x</saml:Issuer>"), Some(Reason::LogoutMalformed)),
        (&issuer, &format!("{issuer}<samlp:Extensions><x xmlns=\"urn:x\"/></samlp:Extensions>"), None),
        (&name, "", Some(Reason::NameIdMissing)),
        (&name, "<saml:NameID/>", Some(Reason::NameIdMissing)),
        (&name, "<saml:BaseID/>", Some(Reason::NameIdMissing)),
        (&name, "<saml:EncryptedID/>", Some(Reason::NameIdEncrypted)),
        (&name, &format!("{name}{name}"), Some(Reason::LogoutMalformed)),
        (&name, "<saml:NameID>a<x xmlns=\"urn:x\"/>b</saml:NameID>", Some(Reason::AssertionMalformed)),
        (index, "", None),
        (index, &index.repeat(40), None),
        (index, "<samlp:SessionIndex/>", Some(Reason::LogoutMalformed)),
        (index, "<saml:SessionIndex>_one</saml:SessionIndex>", Some(Reason::LogoutMalformed)),
        (index, &format!("{index} and more"), Some(Reason::LogoutMalformed)),
        (index, "<saml:Assertion/>", Some(Reason::LogoutMalformed)),
        (index, "<?pi?>", Some(Reason::XmlProcessingInstruction)),
    ] {
        assert_eq!(reason_of(&replaced(&request(), from, to)), reason, "{to}");
    }
    // Without an issuer there is nowhere for the signature of a form, but a query can be signed.
    let anonymous =
        requested(sent(Carries::Request, &replaced(&request(), &issuer, ""), Some("rsa2048")), NOW);
    assert_eq!(anonymous.unwrap_err().reason, Reason::LogoutIssuerUnknown);
}

#[test]
fn a_wrapped_request_is_refused_before_any_key_is_tried() {
    let signed = sign(&request(), "_logout", "rsa2048");
    let start = signed.find("<ds:Signature").unwrap();
    let end = signed.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    let (signature, bare) = (&signed[start..end], [&signed[..start], &signed[end..]].concat());
    let evil = |extensions: &str, signature: &str, id: &str| {
        let issuer = format!("<saml:Issuer>{IDP}</saml:Issuer>");
        let message = replaced(&request(), "ID=\"_logout\"", &format!("ID=\"{id}\""));
        let message = replaced(&message, "alice", "victim");
        let head = format!("{issuer}{signature}<samlp:Extensions>{extensions}</samlp:Extensions>");
        replaced(&message, &issuer, &head)
    };
    let object =
        replaced(signature, "</ds:Signature>", &format!("<ds:Object>{bare}</ds:Object></ds:Signature>"));
    for (xml, reason) in [
        // The signed message rides inside an evil one, with its signature, without it, and twice under one ID.
        (evil(&signed, "", "_evil"), Reason::SignatureMisplaced),
        (evil(&bare, signature, "_evil"), Reason::SignatureReference),
        (evil(&bare, signature, "_logout"), Reason::XmlIdDuplicate),
        (evil("", &object, "_evil"), Reason::SignatureShape),
        (evil("", signature, "_logout"), Reason::DigestMismatch),
        (evil(&signed, signature, "_evil"), Reason::SignatureMisplaced),
        (format!("<!DOCTYPE a>{signed}"), Reason::XmlDoctype),
    ] {
        let refused = requested(posted(Carries::Request, &xml), NOW);
        assert_eq!(refused.err().map(|refusal| refusal.reason), Some(reason), "{xml}");
    }
}

#[test]
fn a_message_under_the_wrong_name_is_none() {
    let response = sign(&response(), "_answer", "rsa2048");
    let request = sign(&request(), "_logout", "rsa2048");
    assert_eq!(
        requested(posted(Carries::Request, &response), NOW).unwrap_err().reason,
        Reason::NotALogoutMessage
    );
    assert_eq!(answered(posted(Carries::Response, &request)).unwrap_err().reason, Reason::NotALogoutMessage);
    let foreign = replaced(&request, "samlp:LogoutRequest xmlns:samlp", "samlp:AuthnRequest xmlns:samlp");
    let foreign = foreign.replace("</samlp:LogoutRequest>", "</samlp:AuthnRequest>");
    assert_eq!(
        requested(posted(Carries::Request, &foreign), NOW).unwrap_err().reason,
        Reason::NotALogoutMessage
    );
}

#[test]
fn a_comment_does_not_cut_a_name() {
    let signed = sign(&replaced(&request(), "alice", "ali<!-- -->ce"), "_logout", "rsa2048");
    for text in [
        posted(Carries::Request, &signed),
        sent(Carries::Request, &replaced(&request(), "alice", "ali<!-- -->ce"), Some("rsa2048")),
    ] {
        let accepted = requested(text, NOW).unwrap();
        assert!(accepted.means(&name("alice"), None) && !accepted.means(&name("ali"), None));
    }
}

#[test]
fn another_known_identity_provider_cannot_sign_for_this_one() {
    let text = posted(Carries::Request, &sign(&request(), "_logout", "rsa2048")).unwrap();
    let other = crate::saml::parties::IdentityProvider {
        entity_id: EntityId("https://other.example.org".into()),
        ..idp(&["rsa2048"])
    };
    let raw = || RawLogout::parse(&text, &Limits::default()).unwrap();
    // Its own keys, the other's name.
    let refused =
        raw().verify(&other, &sp(&[]), true).unwrap().accept_request(&other, &sp(&[]), &POLICY, NOW);
    assert_eq!(refused.unwrap_err().reason, Reason::LogoutIssuerUnknown);
    // Verified as one, judged as the other.
    let refused = raw().verify(&other, &sp(&[]), true).unwrap().accept_request(
        &idp(&["rsa2048"]),
        &sp(&[]),
        &POLICY,
        NOW,
    );
    assert_eq!(refused.unwrap_err().reason, Reason::LogoutIssuerUnknown);
}

#[test]
fn whom_a_request_means_is_its_whole_name() {
    let accepted = |name: &str, indexes: &[&str]| {
        let indexes: String =
            indexes.iter().map(|i| format!("<samlp:SessionIndex>{i}</samlp:SessionIndex>")).collect();
        let xml = replaced(&request(), "<samlp:SessionIndex>_one</samlp:SessionIndex>", &indexes);
        let xml = replaced(&xml, &format!("<saml:NameID Format=\"{PERSISTENT}\">alice</saml:NameID>"), name);
        requested(sent(Carries::Request, &xml, Some("rsa2048")), NOW).unwrap()
    };
    let session = |format: &str, qualifier: &str, sp_qualifier: &str| {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        NameId {
            value: "alice".into(),
            format: some(format),
            name_qualifier: some(qualifier),
            sp_name_qualifier: some(sp_qualifier),
        }
    };
    let email = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";
    let unspecified = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";
    let persistent = format!("<saml:NameID Format=\"{PERSISTENT}\">alice</saml:NameID>");
    let qualified = format!(
        "<saml:NameID NameQualifier=\"{IDP}\" SPNameQualifier=\"{SP}\" Format=\"{PERSISTENT}\">alice</saml:NameID>"
    );
    let affiliated = format!(
        "<saml:NameID SPNameQualifier=\"urn:affiliation\" Format=\"{PERSISTENT}\">alice</saml:NameID>"
    );
    for (name, held, means) in [
        (persistent.as_str(), session(PERSISTENT, "", ""), true),
        (&persistent, session(PERSISTENT, IDP, SP), true),
        (&qualified, session(PERSISTENT, "", ""), true),
        (&persistent, session("", "", ""), true),
        (&persistent, session(unspecified, "", ""), true),
        ("<saml:NameID>alice</saml:NameID>", session(email, "", ""), true),
        (&persistent, session(email, "", ""), false),
        (&persistent, session(PERSISTENT, "urn:other", ""), false),
        (&persistent, session(PERSISTENT, "", "urn:affiliation"), false),
        (&affiliated, session(PERSISTENT, "", ""), false),
        (&affiliated, session(PERSISTENT, "", "urn:affiliation"), true),
        ("<saml:NameID>Alice</saml:NameID>", session("", "", ""), false),
        ("<saml:NameID> alice </saml:NameID>", session("", "", ""), true),
    ] {
        assert_eq!(accepted(name, &["_one"]).means(&held, Some("_one")), means, "{name} {:?}", held.format);
    }
    let plain = "<saml:NameID>alice</saml:NameID>";
    for (indexes, held, means) in [
        (&[][..], Some("_one"), true),
        (&[], None, true),
        (&["_one"], Some("_one"), true),
        (&["_two"], Some("_one"), false),
        (&["_two", "_one"], Some("_one"), true),
        (&["_one"], None, true),
    ] {
        assert_eq!(accepted(plain, indexes).means(&name("alice"), held), means, "{indexes:?} {held:?}");
    }
}

#[test]
fn an_answer_says_what_its_status_says() {
    let status = format!("<samlp:StatusCode Value=\"{SUCCESS}\"/>");
    let nested = |outer: &str| {
        format!(
            "<samlp:StatusCode Value=\"{outer}\"><samlp:StatusCode Value=\"{PARTIAL}\"/></samlp:StatusCode>"
        )
    };
    for (code, answer) in [
        (status.clone(), Ok("ended")),
        (nested(SUCCESS), Ok("partly")),
        (nested(RESPONDER), Ok("partly")),
        (format!("<samlp:StatusCode Value=\"{RESPONDER}\"/>"), Ok("refused")),
        (String::new(), Err(Reason::StatusMissing)),
        (format!("{status}{status}"), Err(Reason::StatusMissing)),
        ("<samlp:StatusCode/>".to_owned(), Err(Reason::StatusMissing)),
    ] {
        let xml = replaced(&response(), &status, &code);
        for text in [
            posted(Carries::Response, &sign(&xml, "_answer", "rsa2048")),
            sent(Carries::Response, &xml, Some("rsa2048")),
        ] {
            let said = answered(text).map_err(|refusal| refusal.reason).map(|answer| match answer {
                LogoutAnswer::Ended => "ended",
                LogoutAnswer::Partly => "partly",
                LogoutAnswer::Refused(_) => "refused",
            });
            assert_eq!(said, answer, "{code}");
        }
    }
}

#[test]
fn an_answer_that_is_not_ours_is_refused() {
    for (from, to, reason) in [
        (" InResponseTo=\"_request\"", "", Reason::LogoutUnsolicited),
        ("InResponseTo=\"_request\"", "InResponseTo=\"_other\"", Reason::LogoutUnsolicited),
        (IDP, "https://evil.example.org", Reason::LogoutIssuerUnknown),
        (SLO, "https://other.example.org/slo", Reason::LogoutDestinationMismatch),
        ("12:00:30Z", "12:09:30Z", Reason::IssueInstantFuture),
        ("12:00:30Z", "11:58:00Z", Reason::LogoutExpired),
        ("<samlp:Status>", "<samlp:Other/><samlp:Status>", Reason::LogoutMalformed),
    ] {
        let xml = replaced(&response(), from, to);
        let refused = answered(sent(Carries::Response, &xml, Some("rsa2048")));
        assert_eq!(refused.unwrap_err().reason, reason, "{to}");
    }
    assert_eq!(answered(posted(Carries::Response, &response())).unwrap_err().reason, Reason::LogoutUnsigned);
}

#[test]
fn an_answer_under_another_name_of_the_same_identity_provider_counts_where_the_owner_lists_it() {
    let other = "https://login.microsoftonline.com/tenant/";
    let xml = replaced(&response(), IDP, other);
    let (idp, listed) = (idp(&["rsa2048"]), [other.to_owned()]);
    let judged = |key: &str, further_issuers: &[String]| {
        let expected = ExpectedAnswer { request_id: "_request", requested_at: REQUESTED_AT, further_issuers };
        let text = sent(Carries::Response, &xml, Some(key)).unwrap();
        let verified = RawLogout::parse(&text, &Limits::default())?.verify(&idp, &sp(&[]), true)?;
        verified.accept_response(&expected, &idp, &sp(&[]), &POLICY, NOW)
    };
    assert_eq!(judged("rsa2048", &listed).unwrap(), LogoutAnswer::Ended);
    assert_eq!(judged("rsa2048", &[]).unwrap_err().reason, Reason::LogoutIssuerUnknown);
    let nearly = [other.trim_end_matches('/').to_owned()];
    assert_eq!(judged("rsa2048", &nearly).unwrap_err().reason, Reason::LogoutIssuerUnknown);
    // Its keys count as ever.
    assert_eq!(judged("evil", &listed).unwrap_err().reason, Reason::SignatureInvalid);
    // A request under that name ends nothing, whoever is listed.
    assert_eq!(reason_of(&replaced(&request(), IDP, other)), Some(Reason::LogoutIssuerUnknown));
}

fn endpoints(bindings: &[Binding]) -> Vec<SloEndpoint> {
    bindings
        .iter()
        .map(|binding| SloEndpoint {
            binding: *binding,
            location: "https://idp.example.org/slo?a=b".into(),
            response_location: Some("https://idp.example.org/done".into()),
        })
        .collect()
}

/// A message of ours as its receiver gets it: its text, read by the rules of our own reader.
fn received(delivery: &Delivery, carries: Carries) -> (String, LogoutText) {
    match delivery {
        Delivery::Redirect { url } => {
            let query = url.split_once('?').unwrap().1.trim_start_matches("a=b&");
            let text = LogoutText::from_query(query, &Limits::default()).unwrap();
            (text.xml.as_str().to_owned(), text)
        }
        Delivery::Post { message, field, .. } => {
            assert_eq!(*field, carries.field());
            let xml = String::from_utf8(STANDARD.decode(message).unwrap()).unwrap();
            (xml, LogoutText::from_form(carries, message, None, &Limits::default()).unwrap())
        }
    }
}

#[test]
fn our_request_names_the_session_as_it_was_named_to_us_and_nothing_breaks_out_of_it() {
    let evil = "</saml:NameID><evil a=\"&'\">\r\n";
    let name_id = NameId {
        value: evil.into(),
        format: Some("urn:f\"><x/>".into()),
        name_qualifier: Some("q\"q".into()),
        sp_name_qualifier: None,
    };
    let id = RequestId::from_sealed("_ours".into());
    let asks = Asks { id: &id, name_id: &name_id, session_index: Some("</samlp:SessionIndex><y/>") };
    for (binding, key) in
        [(Binding::Redirect, "rsa2048"), (Binding::Post, "rsa2048"), (Binding::Post, "p256")]
    {
        let delivery = logout_request(&sp(&[key]), &endpoints(&[binding]), &asks, NOW).unwrap();
        let (xml, text) = received(&delivery, Carries::Request);
        let document = xml::parse(&xml, 64).unwrap();
        let root = Element::root(&document).unwrap();
        let signed = root.children_named(SIGNATURE, "Signature").count();
        assert_eq!(signed, usize::from(binding == Binding::Post), "{xml}");
        let own: Vec<_> = root.children().filter(|c| !c.is(SIGNATURE, "Signature")).collect();
        let names: Vec<_> = own.iter().map(|child| child.local_name()).collect();
        assert_eq!(names, ["Issuer", "NameID", "SessionIndex"]);
        assert_eq!(own[1].text().unwrap(), evil);
        assert_eq!(own[1].attribute("Format"), Some("urn:f\"><x/>"));
        assert_eq!(own[1].attribute("NameQualifier"), Some("q\"q"));
        assert_eq!(own[1].attribute("SPNameQualifier"), None);
        assert_eq!(own[2].text().unwrap(), "</samlp:SessionIndex><y/>");
        for (attribute, value) in [
            ("ID", "_ours"),
            ("Version", "2.0"),
            ("Destination", "https://idp.example.org/slo?a=b"),
            ("IssueInstant", "2026-01-15T12:01:00Z"),
            ("NotOnOrAfter", "2026-01-15T12:06:00Z"),
            ("Reason", "urn:oasis:names:tc:SAML:2.0:logout:user"),
        ] {
            assert_eq!(root.attribute(attribute), Some(value));
        }
        // Whoever knows our key can verify it.
        let we = crate::saml::parties::IdentityProvider { entity_id: EntityId(SP.into()), ..idp(&[key]) };
        assert!(RawLogout::parse(&text, &Limits::default()).unwrap().verify(&we, &sp(&[]), true).is_ok());
    }
}

#[test]
fn our_response_tells_the_truth_to_the_right_address() {
    for (outcome, first, second) in [
        (Outcome::Ended, SUCCESS, None),
        (Outcome::Partly, RESPONDER, Some(PARTIAL)),
        (Outcome::Failed, RESPONDER, None),
    ] {
        for (offered, came_by, goes_by) in [
            (&[Binding::Redirect, Binding::Post][..], Binding::Post, Binding::Post),
            (&[Binding::Post, Binding::Redirect], Binding::Redirect, Binding::Redirect),
            (&[Binding::Post], Binding::Redirect, Binding::Post),
        ] {
            let we = sp(&["rsa2048"]);
            let delivery =
                logout_response(&we, &endpoints(offered), came_by, "_theirs\"", outcome, "st&te", NOW)
                    .unwrap();
            let went_by = match &delivery {
                Delivery::Redirect { url } => {
                    assert!(url.starts_with("https://idp.example.org/done?SAMLResponse="), "{url}");
                    assert!(url.contains("&RelayState=st%26te&SigAlg="), "{url}");
                    Binding::Redirect
                }
                Delivery::Post { action, relay_state, .. } => {
                    assert_eq!(
                        (action.as_str(), relay_state.as_str()),
                        ("https://idp.example.org/done", "st&te")
                    );
                    Binding::Post
                }
            };
            assert_eq!(went_by, goes_by);
            let (xml, _) = received(&delivery, Carries::Response);
            let document = xml::parse(&xml, 64).unwrap();
            let root = Element::root(&document).unwrap();
            assert_eq!(root.attribute("InResponseTo"), Some("_theirs\""));
            assert_eq!(root.attribute("Destination"), Some("https://idp.example.org/done"));
            let status = root.children_named(PROTOCOL, "Status").next().unwrap().children().next().unwrap();
            assert_eq!(status.attribute("Value"), Some(first));
            assert_eq!(status.children().next().and_then(|code| code.attribute("Value")), second);
        }
    }
    let nowhere = logout_response(&sp(&[]), &[], Binding::Post, "_x", Outcome::Ended, "", NOW);
    assert!(nowhere.is_err());
}

/// Synthesised after what the products document or their sources write.
#[test]
fn messages_as_identity_providers_write_them() {
    let email = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";
    let entra = format!(
        "<samlp:LogoutRequest xmlns:samlp=\"{PROTOCOL}\" ID=\"_one\" Version=\"2.0\" \
         IssueInstant=\"2026-01-15T12:00:49.6004822Z\" Destination=\"{SLO}\"><Issuer xmlns=\"{ASSERTION}\">{IDP}</Issuer>\
         <NameID xmlns=\"{ASSERTION}\"> alice</NameID></samlp:LogoutRequest>"
    );
    let keycloak = format!(
        "<samlp:LogoutRequest xmlns:samlp=\"{PROTOCOL}\" xmlns=\"{ASSERTION}\" Destination=\"{SLO}\" ID=\"ID_3b6e\" \
         IssueInstant=\"2026-01-15T12:00:49.600Z\" Version=\"2.0\"><Issuer>{IDP}</Issuer><NameID Format=\"{email}\">alice\
         </NameID><samlp:SessionIndex>_one</samlp:SessionIndex></samlp:LogoutRequest>"
    );
    let adfs = format!(
        "<samlp:LogoutRequest ID=\"_one\" Version=\"2.0\" IssueInstant=\"2026-01-15T12:00:49.600Z\" \
         Destination=\"{SLO}\" Consent=\"urn:oasis:names:tc:SAML:2.0:consent:unspecified\" \
         NotOnOrAfter=\"2026-01-15T12:05:49.600Z\" xmlns:samlp=\"{PROTOCOL}\"><Issuer xmlns=\"{ASSERTION}\">{IDP}</Issuer>\
         <NameID Format=\"{email}\" xmlns=\"{ASSERTION}\">alice</NameID><samlp:SessionIndex>_one</samlp:SessionIndex>\
         </samlp:LogoutRequest>"
    );
    let shibboleth = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<saml2p:LogoutRequest xmlns:saml2p=\"{PROTOCOL}\" Destination=\"{SLO}\" \
         ID=\"_one\" IssueInstant=\"2026-01-15T12:00:49.600Z\" NotOnOrAfter=\"2026-01-15T12:05:49.600Z\" \
         Reason=\"urn:oasis:names:tc:SAML:2.0:logout:user\" Version=\"2.0\">\n  <saml2:Issuer xmlns:saml2=\"{ASSERTION}\" \
         Format=\"urn:oasis:names:tc:SAML:2.0:nameid-format:entity\">{IDP}</saml2:Issuer>\n  <saml2p:Extensions>\
         <aslo:Asynchronous xmlns:aslo=\"urn:oasis:names:tc:SAML:2.0:protocol:ext:async-slo\"/></saml2p:Extensions>\n  \
         <saml2:NameID xmlns:saml2=\"{ASSERTION}\" Format=\"{email}\" NameQualifier=\"{IDP}\" SPNameQualifier=\"{SP}\">alice\
         </saml2:NameID>\n  <saml2p:SessionIndex>_one</saml2p:SessionIndex>\n</saml2p:LogoutRequest>"
    );
    let session = NameId { format: Some(email.into()), ..name("alice") };
    for xml in [entra, keycloak, adfs, shibboleth] {
        let accepted = requested(sent(Carries::Request, &xml, Some("rsa2048")), NOW);
        let accepted = accepted.unwrap_or_else(|refusal| panic!("{refusal}: {xml}"));
        assert!(accepted.means(&session, Some("_one")), "{xml}");
        assert!(!accepted.means(&name("mallory"), Some("_one")), "{xml}");
    }

    // Entra ID signs no answer and names no destination.
    let answer = format!(
        "<samlp:LogoutResponse ID=\"_f0961a83\" Version=\"2.0\" IssueInstant=\"2026-01-15T12:00:49.405Z\" \
         InResponseTo=\"_request\" xmlns:samlp=\"{PROTOCOL}\"><Issuer xmlns=\"{ASSERTION}\">{IDP}</Issuer><samlp:Status>\
         <samlp:StatusCode Value=\"{SUCCESS}\"/></samlp:Status></samlp:LogoutResponse>"
    );
    let (text, idp) = (sent(Carries::Response, &answer, None).unwrap(), idp(&["rsa2048"]));
    let verified =
        RawLogout::parse(&text, &Limits::default()).unwrap().verify(&idp, &sp(&[]), false).unwrap();
    let expected =
        ExpectedAnswer { request_id: "_request", requested_at: REQUESTED_AT, further_issuers: &[] };
    let said = verified.accept_response(&expected, &idp, &sp(&[]), &POLICY, NOW);
    assert_eq!(said, Ok(LogoutAnswer::Ended));
}

#[test]
fn an_encrypted_name_is_opened_under_a_signature_and_never_without() {
    let name = format!("<saml:NameID Format=\"{PERSISTENT}\">alice</saml:NameID>");
    let hidden = replaced(&request(), &name, &encrypted(&name, "EncryptedID", "rsa2048"));
    let judged = |text: LogoutText, ours: &[&str]| {
        let (idp, sp) = (idp(&["rsa2048"]), sp(ours));
        let verified = RawLogout::parse(&text, &Limits::default())?.verify(&idp, &sp, false)?;
        verified.accept_request(&idp, &sp, &POLICY, NOW)
    };
    let by_post = || posted(Carries::Request, &sign(&hidden, "_logout", "rsa2048")).unwrap();
    let by_query = || sent(Carries::Request, &hidden, Some("rsa2048")).unwrap();
    for text in [by_post(), by_query()] {
        assert_eq!(judged(text, &["rsa2048"]).unwrap().name_id().value, "alice");
    }
    let reason = |text, ours: &[&str]| judged(text, ours).err().map(|refusal| refusal.reason);
    assert_eq!(reason(by_post(), &[]), Some(Reason::NameIdEncrypted));
    assert_eq!(reason(by_post(), &["rsa4096"]), Some(Reason::DecryptionKey));
    // Somebody who may sign nothing asks our key nothing, whatever else is allowed to be unsigned.
    assert_eq!(
        reason(posted(Carries::Request, &hidden).unwrap(), &["rsa2048"]),
        Some(Reason::NameIdEncrypted)
    );
    assert_eq!(
        reason(sent(Carries::Request, &hidden, None).unwrap(), &["rsa2048"]),
        Some(Reason::NameIdEncrypted)
    );
}

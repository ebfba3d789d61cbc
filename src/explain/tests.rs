use super::report::State;
use super::*;
use crate::saml::authn_request::RequestId;
use crate::saml::logout::{Asks, Delivery, logout_request};
use crate::saml::parties::{Binding, SloEndpoint};
use crate::saml::response::NameId;
use crate::saml::testing::{ACS, NOW, REQUESTED_AT, SLO, fixture, idp, replaced, sign, sp, xml};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::time::Duration;

struct House {
    service_provider: ServiceProvider,
    identity_provider: IdentityProvider,
    policy: Policy,
    mapping: Mapping,
    demand: Demand,
    allow_unsolicited: bool,
    logout: LogoutDemand,
    admission: Admission,
}

impl House {
    fn new() -> Self {
        Self {
            service_provider: sp(&["rsa2048"]),
            identity_provider: idp(&["rsa2048"]),
            policy: Policy { clock_skew: Duration::from_secs(60) },
            mapping: Mapping { roles: vec![("engineers".into(), "builder".into())], ..Mapping::default() },
            demand: Demand::default(),
            allow_unsolicited: false,
            logout: LogoutDemand { taken: true, signed_requests: true, signed_responses: true },
            admission: Admission::default(),
        }
    }

    fn party(&self) -> Party<'_> {
        Party {
            site: "app.example.org",
            idp: "corp",
            service_provider: &self.service_provider,
            acs_urls: vec![ACS.to_owned(), format!("{ACS}/corp")],
            slo_url: SLO.to_owned(),
            logout: self.logout,
            identity_provider: &self.identity_provider,
            policy: &self.policy,
            mapping: &self.mapping,
            demand: &self.demand,
            allow_unsolicited: self.allow_unsolicited,
            email_domains: None,
            site_domains: None,
            admission: Some(&self.admission),
        }
    }

    fn explain(&self, input: &str, options: &Options) -> Report {
        explain(input.as_bytes(), &[self.party()], &Limits::default(), options, NOW).unwrap()
    }
}

fn known() -> Options {
    let request =
        Request { id: "_request".into(), issued: Some(REQUESTED_AT), destination: None, acs_url: None };
    Options { at: Some(NOW), request: Some(request), ..Options::default() }
}

fn text_of(report: &Report) -> String {
    let mut out = Vec::new();
    render(&mut anstream::StripStream::new(&mut out), report).unwrap();
    String::from_utf8(out).unwrap()
}

fn failed(message: &Explained) -> Vec<&'static str> {
    message.rules.iter().filter(|rule| rule.state == State::Failed).map(|rule| rule.code).collect()
}

fn state_of(message: &Explained, code: &str) -> State {
    message.rules.iter().find(|rule| rule.code == code).unwrap().state
}

/// The cause by which the first message is refused, with everything said about it.
fn cause(report: &Report) -> (&'static str, String) {
    let cause = report.messages[0].verdict.as_ref().unwrap().refused.as_ref().unwrap();
    (cause.code, cause.hints.join("\n"))
}

#[test]
fn an_answer_that_is_accepted_passes_every_rule_and_names_nobody() {
    let report = House::new().explain(&xml("signxml_both"), &known());
    assert!(!report.refuses(), "{report:#?}");
    let message = &report.messages[0];
    assert_eq!(message.signatures.len(), 2);
    assert!(message.signatures.iter().all(|s| s.made_by.as_ref().is_some_and(|c| c.configured)));
    assert_eq!(message.signatures[0].algorithm, "rsa-sha256");
    let identity = message.identity.as_ref().unwrap();
    assert!(identity.verified);
    let text = text_of(&report);
    assert!(text.contains("Every rule that can be applied here is passed."), "{text}");
    assert!(text.contains("builder"), "{text}");
    assert!(!text.contains("ada@") && !text.contains("Night"), "{text}");
    let json = serde_json::to_string(&report).unwrap();
    assert!(!json.contains("ada@") && !json.contains("Night"), "{json}");
}

#[test]
fn values_are_shown_when_they_are_asked_for() {
    let report = House::new().explain(&xml("signxml_both"), &Options { show_values: true, ..known() });
    let text = text_of(&report);
    assert!(text.contains("ada@example.org") && text.contains("CN=Ops, Night"), "{text}");
}

#[test]
fn without_the_request_its_rules_cannot_be_told_and_the_rest_is_judged_at_the_messages_own_time() {
    let report = House::new().explain(&xml("signxml_both"), &Options::default());
    let message = &report.messages[0];
    for code in ["in-response-to-mismatch", "confirmation-in-response-to-mismatch", "issue-instant-old"] {
        assert_eq!(state_of(message, code), State::CannotBeToldHere, "{code}");
    }
    assert_eq!(state_of(message, "assertion-replayed"), State::CannotBeToldHere);
    assert_eq!(state_of(message, "in-response-to-missing"), State::Passed);
    assert!(!report.refuses(), "{report:#?}");
    assert_eq!(message.against.as_ref().unwrap().at, "2026-01-15T12:00:00.000Z");
    assert!(report.notes[0].contains("--request-id"), "{:?}", report.notes);
}

#[test]
fn an_answer_that_contradicts_itself_is_refused_without_knowing_the_request() {
    let message = replaced(&xml("response"), "InResponseTo=\"_request\"/>", "InResponseTo=\"_other\"/>");
    let report = House::new().explain(&sign(&message, "_response", "rsa2048"), &Options::default());
    assert_eq!(cause(&report).0, "confirmation-in-response-to-mismatch");
}

#[test]
fn addresses_that_differ_are_compared_part_by_part() {
    let message = replaced(
        &xml("response"),
        "Destination=\"https://app.example.org/vestibule/saml/acs\"",
        "Destination=\"http://app.example.org/vestibule/saml/acs/\"",
    );
    let report = House::new().explain(&sign(&message, "_response", "rsa2048"), &known());
    let (code, hints) = cause(&report);
    assert_eq!(code, "destination-mismatch");
    assert!(hints.contains("begins with http:// instead of https://; it has a slash at its end"), "{hints}");
    assert!(
        text_of(&report).contains("cause   The ACS address registered at the IdP"),
        "{}",
        text_of(&report)
    );
}

#[test]
fn an_audience_that_is_nearly_ours_is_told_from_others() {
    let message = replaced(&xml("response"), "/metadata</saml:Audience>", "/metadata/</saml:Audience>");
    let (code, hints) = cause(&House::new().explain(&sign(&message, "_response", "rsa2048"), &known()));
    assert_eq!(code, "audience-mismatch");
    assert!(hints.contains("a slash at its end that the wanted one has not"), "{hints}");
}

#[test]
fn a_new_certificate_of_the_idp_is_named_with_its_fingerprint() {
    let report = House::new().explain(&sign(&xml("response"), "_assertion", "rsa4096"), &known());
    let (code, hints) = cause(&report);
    assert_eq!(code, "signature-invalid");
    assert!(
        hints.contains("not in your metadata of `corp`") && hints.contains("fetch its metadata anew"),
        "{hints}"
    );
    assert!(hints.contains("unaltered since it was signed"), "{hints}");
    let signature = &report.messages[0].signatures[0];
    assert!(hints.contains(&signature.shown[0].sha256), "{hints}");
    assert_eq!(signature.shown[0].sha256.len(), 32 * 3 - 1);
    assert!(!signature.shown[0].configured && signature.made_by.is_none());
    // Everything else would be in order, and that is said, with what it is worth.
    assert_eq!(failed(&report.messages[0]), ["signature-invalid"]);
    assert!(report.messages[0].rules.iter().any(|rule| rule.code == "audience-mismatch" && rule.unverified));
    assert!(!report.messages[0].identity.as_ref().unwrap().verified);
}

#[test]
fn what_was_altered_on_its_way_is_told_from_what_somebody_else_signed() {
    let signed = sign(&xml("response"), "_assertion", "rsa2048");
    let altered = replaced(&signed, "engineers", "directors");
    let (code, hints) = cause(&House::new().explain(&altered, &known()));
    assert_eq!(code, "digest-mismatch");
    assert!(hints.contains("changed on its way"), "{hints}");
}

#[test]
fn a_clock_that_is_ahead_is_named_with_its_seconds() {
    let ahead = Options { at: Some(NOW.minus(Duration::from_secs(60 + 312))), ..Options::default() };
    let report = House::new().explain(&sign(&xml("response"), "_response", "rsa2048"), &ahead);
    let (code, hints) = cause(&report);
    assert_eq!(code, "issue-instant-future");
    assert!(hints.contains("the IdP's clock is 312 s ahead; `clock_skew` allows 60 s"), "{hints}");
    assert!(text_of(&report).contains("the IdP's clock is 312 s ahead"));
}

#[test]
fn what_came_too_late_is_told_with_its_age() {
    let late = Options { at: Some(NOW.plus(Duration::from_secs(600))), ..known() };
    let (code, hints) = cause(&House::new().explain(&sign(&xml("response"), "_response", "rsa2048"), &late));
    assert_eq!(code, "confirmation-expired");
    assert!(
        hints.contains("it was over 360 s before; it had been issued 660 s before, for 300 s"),
        "{hints}"
    );
}

#[test]
fn how_it_would_be_judged_now_is_said_too() {
    let house = House::new();
    let signed = sign(&xml("response"), "_response", "rsa2048");
    let later = NOW.plus(Duration::from_secs(86_400));
    let report =
        explain(signed.as_bytes(), &[house.party()], &Limits::default(), &Options::default(), later).unwrap();
    let verdict = report.messages[0].verdict.as_ref().unwrap();
    assert!(verdict.refused.is_none());
    assert_eq!(verdict.refused_now.as_deref(), Some("confirmation-expired"));
    assert!(text_of(&report).contains("Now it would be refused: confirmation-expired."));
}

#[test]
fn a_name_that_cannot_be_a_user_is_refused_after_saml() {
    let message = replaced(
        &xml("response"),
        "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
        "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
    );
    let report = House::new().explain(&sign(&message, "_response", "rsa2048"), &known());
    assert_eq!(cause(&report).0, "nameid-transient");
    assert_eq!(failed(&report.messages[0]), ["nameid-transient"]);
}

#[test]
fn a_status_is_translated_and_addresses_in_it_are_hidden() {
    let message = replaced(
        &xml("response"),
        "status:Success\"/>",
        "status:Requester\"><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:RequestDenied\"/></samlp:StatusCode><samlp:StatusMessage>ada@example.org is not assigned</samlp:StatusMessage>",
    );
    let report = House::new().explain(&sign(&message, "_response", "rsa2048"), &known());
    let (code, hints) = cause(&report);
    assert_eq!(code, "status-not-success");
    assert!(hints.contains("RequestDenied: the user is not assigned"), "{hints}");
    let text = text_of(&report) + &serde_json::to_string(&report).unwrap();
    assert!(!text.contains("ada@"), "{text}");
}

#[test]
fn an_answer_that_nobody_asked_for_is_judged_as_such_where_that_is_allowed() {
    let message = xml("response").replace(" InResponseTo=\"_request\"", "");
    let signed = sign(&message, "_response", "rsa2048");
    let mut house = House::new();
    assert_eq!(cause(&house.explain(&signed, &known())).0, "in-response-to-missing");
    house.allow_unsolicited = true;
    let report = house.explain(&signed, &Options { at: Some(NOW), ..Options::default() });
    assert!(!report.refuses(), "{}", text_of(&report));
    assert!(report.notes.is_empty() && text_of(&report).contains("nobody asked"), "{}", text_of(&report));
    assert_eq!(state_of(&report.messages[0], "issue-instant-old"), State::Passed);
}

#[test]
fn the_party_is_found_by_the_issuer() {
    let (house, mut other) = (House::new(), House::new());
    other.identity_provider.entity_id.0 = "https://other.example/metadata".into();
    let parties = [Party { idp: "other", ..other.party() }, house.party()];
    let signed = sign(&xml("response"), "_response", "rsa2048");
    let report = explain(signed.as_bytes(), &parties, &Limits::default(), &known(), NOW).unwrap();
    assert_eq!(report.messages[0].against.as_ref().unwrap().idp, "corp");
    assert!(!report.refuses());
}

#[test]
fn a_message_of_another_idp_of_ours_is_named_as_such() {
    let (house, mut other) = (House::new(), House::new());
    other.identity_provider.entity_id.0 = "https://other.example/metadata".into();
    other.identity_provider.single_sign_on[0].1 = "https://other.example/sso".into();
    let parties = [house.party(), Party { idp: "other", ..other.party() }];
    let mut options = known();
    options.request.as_mut().unwrap().destination = Some("https://other.example/sso?x=1".into());
    let signed = sign(&xml("response"), "_response", "rsa2048");
    let report = explain(signed.as_bytes(), &parties, &Limits::default(), &options, NOW).unwrap();
    let (code, hints) = cause(&report);
    assert_eq!(code, "response-issuer-mismatch");
    assert!(
        hints.contains("it is the name of your identity provider `corp`, and `other` was asked"),
        "{hints}"
    );
}

#[test]
fn without_a_configuration_a_message_is_only_decoded() {
    let report =
        explain(xml("signxml_both").as_bytes(), &[], &Limits::default(), &Options::default(), NOW).unwrap();
    let message = &report.messages[0];
    assert!(message.verdict.is_none() && message.rules.is_empty());
    assert!(message.says.iter().any(|fact| fact.name == "audience"));
    assert_eq!(message.signatures[0].algorithm, "rsa-sha256");
    assert!(report.notes[0].contains("no configuration"));
}

const LOGOUT: &str = "<samlp:LogoutRequest xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" \
    xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"_logout\" Version=\"2.0\" \
    IssueInstant=\"2026-01-15T12:00:00Z\" NotOnOrAfter=\"2026-01-15T12:05:00Z\" \
    Destination=\"https://app.example.org/vestibule/saml/slo\"><saml:Issuer>https://idp.example.org/metadata</saml:Issuer>\
    <saml:NameID>ada@example.org</saml:NameID></samlp:LogoutRequest>";

#[test]
fn a_logout_message_is_compared_with_whom_we_know() {
    let house = House::new();
    let unsigned = house.explain(LOGOUT, &Options::default());
    assert_eq!(failed(&unsigned.messages[0]), ["signature"]);
    let signed = house.explain(&STANDARD.encode(sign(LOGOUT, "_logout", "rsa2048")), &Options::default());
    assert!(!signed.refuses(), "{}", text_of(&signed));
    assert_eq!(signed.messages[0].kind, "LogoutRequest");
    let foreign = house.explain(&sign(LOGOUT, "_logout", "evil"), &Options::default());
    assert_eq!(failed(&foreign.messages[0]), ["signature"]);
    let late = Options { at: Some(NOW.plus(Duration::from_secs(3600))), ..Options::default() };
    let late = house.explain(&sign(LOGOUT, "_logout", "rsa2048"), &late);
    assert_eq!(failed(&late.messages[0]), ["not expired"]);
    assert!(!text_of(&late).contains("ada@"));
}

#[test]
fn no_message_moves_the_cursor() {
    let message = "<a xmlns='u:x' ID='\u{9b}31m&#x9;' Destination='\u{202e}x'>\u{85}</a>";
    let report = House::new().explain(message, &Options { show_values: true, ..known() });
    let text = text_of(&report);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{text:?}");
}

#[test]
fn every_fixture_can_be_explained() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/saml/fixtures");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".xml") {
            let report = House::new().explain(&String::from_utf8(fixture(&name)).unwrap(), &known());
            assert!(text_of(&report).contains("the rules"), "{name}");
            count += 1;
        }
    }
    assert!(count > 10);
}

#[test]
fn long_hints_are_shown_whole() {
    let report = House::new().explain(&sign(&xml("response"), "_assertion", "rsa4096"), &known());
    let text = text_of(&report);
    assert!(text.contains("do not take the certificate from the message") && !text.contains('…'), "{text}");
}

#[test]
fn a_logout_request_is_judged_by_the_code_that_judges_it_at_the_gate() {
    let house = House::new();
    // The identity provider's request, made by the writer of ours.
    let mut they = sp(&["rsa2048"]);
    they.entity_id.0.clone_from(&house.identity_provider.entity_id.0);
    let us = SloEndpoint { binding: Binding::Redirect, location: SLO.to_owned(), response_location: None };
    let name_id =
        NameId { value: "ada".to_owned(), format: None, name_qualifier: None, sp_name_qualifier: None };
    let id = RequestId::random().unwrap();
    let asks = Asks { id: &id, name_id: &name_id, session_index: None };
    let Ok(Delivery::Redirect { url }) = logout_request(&they, &[us], &asks, NOW) else {
        panic!("a redirect")
    };

    let at = Options { at: Some(NOW), ..Options::default() };
    let good = house.explain(&url, &at);
    assert_eq!(failed(&good.messages[0]), Vec::<&str>::new());
    assert_eq!(state_of(&good.messages[0], "the gate's verdict"), State::Passed);

    let (address, signature) = url.split_once("&Signature=").unwrap();
    let unsigned = address.split("&SigAlg=").next().unwrap();
    assert_eq!(failed(&house.explain(unsigned, &at).messages[0]), ["logout-unsigned"]);
    assert_eq!(cause(&house.explain(unsigned, &at)).0, "logout-unsigned");
    let mut lax = House::new();
    lax.logout.signed_requests = false;
    assert_eq!(failed(&lax.explain(unsigned, &at).messages[0]), Vec::<&str>::new());
    lax.logout.taken = false;
    assert_eq!(cause(&lax.explain(&url, &at)).0, "logout-switched-off");
    let altered =
        format!("{address}&Signature={}", signature.replacen(|c: char| c.is_ascii_lowercase(), "A", 3));
    assert_eq!(failed(&house.explain(&altered, &at).messages[0]), ["signature-invalid"]);
    let late = Options { at: Some(NOW.plus(Duration::from_secs(3600))), ..Options::default() };
    assert_eq!(failed(&house.explain(&url, &late).messages[0])[0], "logout-expired");
}

#[test]
fn whether_somebody_would_be_let_in_is_told_once_the_answer_is_accepted() {
    use crate::admission::{Admission, Invitation, Invitations, InvitedList, People, Terms, Who};
    use std::sync::Arc;
    let folder = tempfile::tempdir().unwrap();
    let invited = |name: &str, idp: &str, roles: &[&str]| {
        let file = folder.path().join(name);
        std::fs::write(&file, "").unwrap();
        let invitation = Invitation {
            who: Who::Email(name.to_owned()),
            idp: Some(idp.to_owned()),
            roles: Some(roles.iter().map(|role| (*role).to_owned()).collect()),
        };
        let read = move |_: &[u8]| {
            let mut invitations = Invitations::default();
            invitations.add(invitation.clone())?;
            Ok(invitations)
        };
        let list = Arc::new(InvitedList::load(&file, Box::new(read)).unwrap());
        let terms = Terms { just_in_time: false, invited: Some(list), link_by_email: false };
        Admission {
            terms: vec![("corp".to_owned(), terms)],
            people: Some(Arc::new(People::in_memory())),
            ..Admission::default()
        }
    };
    let told = |admission: Admission| {
        let house = House { admission, ..House::new() };
        let mut report = house.explain(&xml("signxml_both"), &known());
        let text = text_of(&report);
        (report.messages.remove(0), text)
    };
    for (admission, code) in [
        (invited("somebody@example.org", "corp", &[]), "not-invited"),
        (invited("ada@example.org", "other", &[]), "account-not-linked"),
    ] {
        let (message, text) = told(admission);
        assert_eq!(failed(&message), [code]);
        assert_eq!(state_of(&message, "email-domain-foreign"), State::Passed);
        assert!(text.contains(code) && !text.contains("ada@"), "{text}");
    }
    let (message, text) = told(invited("ada@example.org", "corp", &["lead"]));
    assert_eq!(failed(&message), [] as [&str; 0]);
    assert_eq!(state_of(&message, "not-invited"), State::Passed);
    assert!(text.contains("lead") && !text.contains("builder"), "the invitation's roles count: {text}");

    // At a sign-on host each site says so for itself; and an answer that is refused lets nobody ask.
    let house = House::new();
    let party = Party { admission: None, ..house.party() };
    let answer = xml("signxml_both");
    let report = explain(answer.as_bytes(), &[party], &Limits::default(), &known(), NOW).unwrap();
    assert_eq!(state_of(&report.messages[0], "not-invited"), State::CannotBeToldHere);
    // The tenant's domains are judged too.
    let domains = [Domain::parse("other.test").unwrap()];
    let party = Party { site_domains: Some(&domains), ..house.party() };
    let report = explain(answer.as_bytes(), &[party], &Limits::default(), &known(), NOW).unwrap();
    assert_eq!(failed(&report.messages[0]), ["email-domain-foreign"]);
    assert_eq!(state_of(&report.messages[0], "not-invited"), State::NotReached);
}

#[test]
fn what_is_required_and_groups_without_a_name_are_told() {
    let guid = "1d2c0f6e-5b0a-4f6e-9d57-8a1b9a3c4d5e";
    let message =
        sign(&replaced(&xml("response"), ">engineers<", &format!(">{guid}<")), "_assertion", "rsa2048");
    let mut house = House::new();
    let text = text_of(&house.explain(&message, &known()));
    assert!(text.contains("1 of them are GUIDs without a name in group_aliases"), "{text}");
    house.mapping.group_aliases = [(guid.to_owned(), "engineers".to_owned())].into();
    let text = text_of(&house.explain(&message, &known()));
    assert!(!text.contains("GUIDs") && text.contains("builder"), "{text}");

    house.mapping.required = vec![crate::identity::Part::Custom("department".into())];
    let report = house.explain(&message, &known());
    assert_eq!(failed(&report.messages[0]), ["identity-incomplete"]);
    assert_eq!(cause(&report).0, "identity-incomplete");
}

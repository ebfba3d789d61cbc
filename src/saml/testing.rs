//! What the tests of this room (and of those who need signed answers) share: the fixtures, the two parties, and a signer of variants.

use super::authn_request::RequestId;
use super::demand::Demand;
use super::enveloping;
use super::parties::{
    Binding, CryptographyPolicy, EntityId, IdentityProvider, Limits, Policy, RequireSigned, ServiceProvider,
    SigningKey, TrustedKeys,
};
use super::response::{AcceptedAssertion, Answers, Expected, RawResponse, ResponseText};
use crate::clock::Moment;
use crate::reason::{Reason, Refusal};
use crate::secret::Secret;
use std::time::Duration;

pub(crate) const IDP: &str = "https://idp.example.org/metadata";
pub(crate) const SP: &str = "https://app.example.org/vestibule/saml/metadata";
pub(crate) const ACS: &str = "https://app.example.org/vestibule/saml/acs";
pub(crate) const SLO: &str = "https://app.example.org/vestibule/saml/slo";

/// 2026-01-15T12:01:00Z: one minute after the fixtures were issued.
pub(crate) const NOW: Moment = Moment::from_seconds(1_768_478_460);
/// 2026-01-15T11:59:30Z
pub(crate) const REQUESTED_AT: Moment = Moment::from_seconds(1_768_478_370);

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/src/saml/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).expect(name)
}

pub(crate) fn xml(name: &str) -> String {
    String::from_utf8(fixture(&format!("{name}.xml"))).unwrap()
}

pub(crate) fn certificate(key: &str) -> Vec<u8> {
    let pem = fixture(&format!("{key}.crt.pem"));
    x509_parser::pem::parse_x509_pem(&pem).unwrap().1.contents
}

pub(crate) fn signing_key(key: &str) -> SigningKey {
    let private = Secret::new(fixture(&format!("{key}.key.pem")));
    SigningKey::from_pem(&private, &fixture(&format!("{key}.crt.pem"))).unwrap()
}

pub(crate) fn idp(keys: &[&str]) -> IdentityProvider {
    let certificates: Vec<_> = keys.iter().map(|key| certificate(key)).collect();
    IdentityProvider {
        entity_id: EntityId(IDP.into()),
        single_sign_on: vec![(Binding::Redirect, "https://idp.example.org/sso".into())],
        keys: TrustedKeys::from_certificates(&certificates).unwrap().0,
        require_signed: RequireSigned::Either,
        cryptography: CryptographyPolicy::default(),
        want_authn_requests_signed: false,
        single_logout: Vec::new(),
        scopes: Vec::new(),
    }
}

pub(crate) fn sp(keys: &[&str]) -> ServiceProvider {
    ServiceProvider {
        entity_id: EntityId(SP.into()),
        acs_url: ACS.into(),
        further_acs_urls: Vec::new(),
        slo_url: SLO.into(),
        signing_keys: keys.iter().map(|key| signing_key(key)).collect(),
    }
}

pub(crate) fn request_id() -> RequestId {
    RequestId::from_sealed("_request".into())
}

/// The message with the element of that ID signed by that key; the signature follows the issuer, where there is one.
pub(crate) fn sign(message: &str, id: &str, key: &str) -> String {
    let element = message.find(&format!("ID=\"{id}\"")).expect(id);
    let inside = element + message[element..].find('>').unwrap() + 1;
    let rest = &message[inside..];
    let issuer = match (rest.starts_with("<saml:Issuer/>"), rest.starts_with("<saml:Issuer")) {
        (true, _) => "<saml:Issuer/>".len(),
        (_, true) => rest.find("</saml:Issuer>").unwrap() + "</saml:Issuer>".len(),
        _ => 0,
    };
    enveloping::envelop(message, inside + issuer, id, &signing_key(key)).unwrap()
}

/// Everything that happens to a message.
pub(crate) fn outcome(
    message: &str,
    idp: &IdentityProvider,
    now: Moment,
) -> Result<AcceptedAssertion, Refusal> {
    outcome_with(message, idp, &sp(&[]), now)
}

/// The same for a service provider with keys.
pub(crate) fn outcome_with(
    message: &str,
    idp: &IdentityProvider,
    sp: &ServiceProvider,
    now: Moment,
) -> Result<AcceptedAssertion, Refusal> {
    let limits = Limits::default();
    let text = ResponseText::from_xml(message.to_owned(), &limits)?;
    let expected = Expected {
        answers: Answers::Request { id: "_request", issued: REQUESTED_AT },
        service_provider: sp,
        identity_provider: idp,
        acs_url: ACS,
        demand: &Demand::default(),
    };
    let policy = Policy { clock_skew: Duration::from_secs(60) };
    RawResponse::parse(&text, &limits)?.verify(idp, sp, now)?.accept(&expected, &policy, now)
}

/// The same where something else is expected: nobody's question answered, or more demanded.
pub(crate) fn outcome_when(
    message: &str,
    answers: Answers<'_>,
    demand: &Demand,
    now: Moment,
) -> Result<AcceptedAssertion, Refusal> {
    let limits = Limits::default();
    let text = ResponseText::from_xml(message.to_owned(), &limits)?;
    let (service_provider, idp) = (sp(&[]), idp(&["rsa2048"]));
    let expected = Expected {
        answers,
        service_provider: &service_provider,
        identity_provider: &idp,
        acs_url: ACS,
        demand,
    };
    let policy = Policy { clock_skew: Duration::from_secs(60) };
    RawResponse::parse(&text, &limits)?.verify(&idp, &service_provider, now)?.accept(&expected, &policy, now)
}

/// Which rule refuses the message from the IdP with the usual key; `None` when it is accepted.
pub(crate) fn reason(message: &str) -> Option<Reason> {
    outcome(message, &idp(&["rsa2048"]), NOW).err().map(|refusal| refusal.reason)
}

/// The text with the first occurrence replaced; the occurrence must be there, so that no test attacks nothing.
pub(crate) fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is not in the message");
    text.replacen(from, to, 1)
}

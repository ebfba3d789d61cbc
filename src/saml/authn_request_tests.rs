use super::*;
use crate::saml::algorithms::{Allowed, SignatureAlgorithm};
use crate::saml::demand::Comparison;
use crate::saml::keys::TrustedKeys;
use crate::saml::signature::Signature;
use crate::saml::testing::{ACS, NOW, SP, certificate, idp, request_id, sp};
use crate::saml::xml::{Element, SIGNATURE, parse};
use percent_encoding::percent_decode_str;
use std::collections::HashSet;
use std::io::Read;
use std::sync::LazyLock;

const SSO: &str = "https://idp.example.org/sso";

fn redirect_to(location: &str, key: Option<&str>, relay_state: &str) -> String {
    let mut idp = idp(&["rsa2048"]);
    idp.single_sign_on = vec![(Binding::Redirect, location.to_owned())];
    let (sp, demand) = (sp(key.as_slice()), Demand::default());
    redirected(&sp, &idp, &demand, |question| Question { relay_state, ..question })
}

static ID: LazyLock<RequestId> = LazyLock::new(request_id);

fn redirected<'a>(
    sp: &'a ServiceProvider,
    idp: &'a IdentityProvider,
    demand: &'a Demand,
    change: impl FnOnce(Question<'a>) -> Question<'a>,
) -> String {
    match asked(sp, idp, demand, change).unwrap() {
        Outgoing::Redirect { url } => url,
        Outgoing::Post { .. } => panic!("Redirect is preferred"),
    }
}

fn asked<'a>(
    service_provider: &'a ServiceProvider,
    identity_provider: &'a IdentityProvider,
    demand: &'a Demand,
    change: impl FnOnce(Question<'a>) -> Question<'a>,
) -> Result<Outgoing, String> {
    let question = Question {
        service_provider,
        identity_provider,
        demand,
        anew: false,
        id: &ID,
        relay_state: "",
        acs_url: ACS,
        prefer: None,
    };
    authn_request(&change(question), NOW)
}

/// What the request says to an IdP that is asked with this demand.
fn message_with(demand: &Demand, anew: bool) -> String {
    let (sp, idp) = (sp(&[]), idp(&["rsa2048"]));
    inflated(&redirected(&sp, &idp, demand, |question| Question { anew, ..question }))
}

fn parameter(url: &str, name: &str) -> Option<Vec<u8>> {
    let (_, query) = url.split_once('?').unwrap();
    let value = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")))?;
    assert!(!value.contains('+'), "a plus is read as a space by some: {value}");
    Some(percent_decode_str(value).collect())
}

fn inflated(url: &str) -> String {
    let deflated = STANDARD.decode(parameter(url, "SAMLRequest").unwrap()).unwrap();
    let mut xml = String::new();
    flate2::read::DeflateDecoder::new(&deflated[..]).read_to_string(&mut xml).unwrap();
    xml
}

#[test]
fn request_ids_are_long_random_and_xml_ids() {
    let ids: HashSet<_> = (0..1000).map(|_| RequestId::random().unwrap().as_str().to_owned()).collect();
    assert_eq!(ids.len(), 1000);
    for id in ids {
        assert_eq!(id.len(), 49, "an underscore and 192 bits in hexadecimal");
        assert!(id.starts_with('_') && id[1..].bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    }
}

#[test]
fn the_message_asks_for_an_answer_by_post_to_our_address_and_for_nothing_else() {
    let xml = inflated(&redirect_to(SSO, None, ""));
    let document = parse(&xml, 64).unwrap();
    let root = Element::root(&document).unwrap();
    assert!(root.is(PROTOCOL, "AuthnRequest"));
    for (name, value) in [
        ("ID", "_request"),
        ("Version", "2.0"),
        ("IssueInstant", "2026-01-15T12:01:00Z"),
        ("Destination", SSO),
        ("ProtocolBinding", "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"),
        ("AssertionConsumerServiceURL", ACS),
    ] {
        assert_eq!(root.attribute(name), Some(value), "{name}");
    }
    let children: Vec<_> = root.children().map(Element::local_name).collect();
    assert_eq!(children, ["Issuer", "NameIDPolicy"]);
    assert_eq!(root.children().next().unwrap().text().unwrap(), SP);
    let policy = root.children().nth(1).unwrap();
    assert_eq!((policy.attribute("AllowCreate"), policy.attribute("Format")), (Some("true"), None));
}

#[test]
fn the_query_is_signed_exactly_as_it_is_sent() {
    for key in ["rsa2048", "rsa4096", "p256", "p384", "p521"] {
        let url = redirect_to(SSO, Some(key), "/deep link?a=b&c=d+e#é");
        let (_, query) = url.split_once('?').unwrap();
        let (signed, _) = query.split_once("&Signature=").unwrap();
        let names: Vec<_> = signed.split('&').map(|pair| pair.split_once('=').unwrap().0).collect();
        assert_eq!(names, ["SAMLRequest", "RelayState", "SigAlg"]);
        assert_eq!(parameter(&url, "RelayState").unwrap(), "/deep link?a=b&c=d+e#é".as_bytes());

        let algorithm = String::from_utf8(parameter(&url, "SigAlg").unwrap()).unwrap();
        let algorithm = SignatureAlgorithm::from_uri(&algorithm).unwrap();
        let value = STANDARD.decode(parameter(&url, "Signature").unwrap()).unwrap();
        let (keys, _) = TrustedKeys::from_certificates(&[certificate(key)]).unwrap();
        assert!(keys.verify(algorithm, signed.as_bytes(), &value).is_ok(), "{key}");
        assert!(keys.verify(algorithm, &signed.as_bytes()[1..], &value).is_err(), "{key}");
    }
    let url = redirect_to(SSO, Some("rsa2048"), "");
    assert!(parameter(&url, "RelayState").is_none() && parameter(&url, "Signature").is_some(), "{url}");
}

#[test]
fn the_address_of_the_idp_may_have_a_query_of_its_own() {
    for (location, start) in [
        ("https://idp.example.org/sso", "https://idp.example.org/sso?SAMLRequest="),
        ("https://idp.example.org/sso?", "https://idp.example.org/sso?SAMLRequest="),
        ("https://idp.example.org/sso?idpid=C0%2B1", "https://idp.example.org/sso?idpid=C0%2B1&SAMLRequest="),
        ("https://idp.example.org/sso?a=b&", "https://idp.example.org/sso?a=b&SAMLRequest="),
        ("https://idp.example.org/sso?a=b#top", "https://idp.example.org/sso?a=b&SAMLRequest="),
    ] {
        let url = redirect_to(location, None, "x");
        assert!(url.starts_with(start), "{url}");
        assert!(inflated(&url).contains("AuthnRequest"));
    }
}

#[test]
fn a_posted_request_carries_a_signature_that_our_own_rules_accept() {
    let mut idp = idp(&["rsa2048"]);
    idp.single_sign_on.push((Binding::Post, "https://idp.example.org/post?a=b&c=\"d\"".to_owned()));
    for key in ["rsa2048", "p256", "p521"] {
        let sp = sp(&[key]);
        let outgoing = asked(&sp, &idp, &Demand::default(), |question| Question {
            relay_state: "relay",
            prefer: Some(Binding::Post),
            ..question
        })
        .unwrap();
        let Outgoing::Post { action, saml_request, relay_state } = outgoing else {
            panic!("POST was asked for")
        };
        assert_eq!(
            (action.as_str(), relay_state.as_str()),
            ("https://idp.example.org/post?a=b&c=\"d\"", "relay")
        );
        let xml = String::from_utf8(STANDARD.decode(saml_request).unwrap()).unwrap();
        let document = parse(&xml, 64).unwrap();
        let root = Element::root(&document).unwrap();
        let children: Vec<_> = root.children().map(Element::local_name).collect();
        assert_eq!(children, ["Issuer", "Signature", "NameIDPolicy"]);
        assert_eq!(root.attribute("Destination"), Some(action.as_str()));
        let signature = root.children_named(SIGNATURE, "Signature").next().unwrap();
        let signature = Signature::parse(&document, signature.node()).unwrap();
        let (keys, _) = TrustedKeys::from_certificates(&[certificate(key)]).unwrap();
        assert!(signature.verify(&document, &keys, &Allowed::strong()).is_ok(), "{key}");
    }
}

#[test]
fn the_binding_is_the_one_that_is_offered() {
    let with = |offered: &[Binding], prefer| {
        let mut idp = idp(&["rsa2048"]);
        idp.single_sign_on = offered.iter().map(|binding| (*binding, SSO.to_owned())).collect();
        let outgoing = asked(&sp(&[]), &idp, &Demand::default(), |question| Question { prefer, ..question })?;
        Ok::<_, String>(match outgoing {
            Outgoing::Redirect { .. } => Binding::Redirect,
            Outgoing::Post { .. } => Binding::Post,
        })
    };
    use Binding::{Post, Redirect};
    assert_eq!(with(&[Post, Redirect], None), Ok(Redirect));
    assert_eq!(with(&[Post, Redirect], Some(Post)), Ok(Post));
    assert_eq!(with(&[Post], None), Ok(Post));
    assert_eq!(with(&[Redirect], Some(Post)), Ok(Redirect));
    assert!(with(&[], None).is_err());
}

#[test]
fn values_cannot_break_out_of_the_message() {
    let mut sp = sp(&[]);
    sp.entity_id.0 = "</saml:Issuer><evil a=\"&'\">".to_owned();
    let idp = idp(&["rsa2048"]);
    let acs = "https://app.example.org/\"><evil/>";
    let hostile = "\"/><evil a='&amp;'>".to_owned();
    let demand = Demand {
        name_id_format: Some(hostile.clone()),
        authn_context: vec![hostile.clone()],
        provider_name: Some(hostile.clone()),
        ..Demand::default()
    };
    let xml = inflated(&redirected(&sp, &idp, &demand, |question| Question { acs_url: acs, ..question }));
    let document = parse(&xml, 64).unwrap();
    let root = Element::root(&document).unwrap();
    assert_eq!(root.children().count(), 3);
    assert_eq!(root.attribute("AssertionConsumerServiceURL"), Some(acs));
    assert_eq!(root.attribute("ProviderName"), Some(hostile.as_str()));
    assert_eq!(root.children().nth(1).unwrap().attribute("Format"), Some(hostile.as_str()));
    let class = root.children().nth(2).unwrap().children().next().unwrap();
    assert_eq!(class.text().unwrap(), hostile);
    assert_eq!(root.children().next().unwrap().text().unwrap(), sp.entity_id.as_str());
}

const PERSISTENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
const MFA: &str = "https://refeds.org/profile/mfa";
const PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";

#[test]
fn everything_that_is_demanded_stands_in_the_request_in_the_order_of_the_schema() {
    let demand = Demand {
        name_id_format: Some(PERSISTENT.to_owned()),
        force_authn: true,
        authn_context: vec![MFA.to_owned(), PASSWORD.to_owned()],
        authn_context_comparison: Comparison::Minimum,
        provider_name: Some("Reports & Co".to_owned()),
        ..Demand::default()
    };
    let xml = message_with(&demand, false);
    let document = parse(&xml, 64).unwrap();
    let root = Element::root(&document).unwrap();
    assert_eq!(root.attribute("ForceAuthn"), Some("true"));
    assert_eq!(root.attribute("IsPassive"), None);
    assert_eq!(root.attribute("ProviderName"), Some("Reports & Co"));
    let children: Vec<_> = root.children().collect();
    let names: Vec<_> = children.iter().map(|child| child.local_name()).collect();
    assert_eq!(names, ["Issuer", "NameIDPolicy", "RequestedAuthnContext"]);
    let policy = children[1];
    assert_eq!(
        (policy.attribute("Format"), policy.attribute("AllowCreate")),
        (Some(PERSISTENT), Some("true"))
    );
    let context = children[2];
    assert!(context.is(PROTOCOL, "RequestedAuthnContext"));
    assert_eq!(context.attribute("Comparison"), Some("minimum"));
    let classes: Vec<_> = context
        .children_named(ASSERTION, "AuthnContextClassRef")
        .map(|class| class.text().unwrap().into_owned())
        .collect();
    assert_eq!(classes, [MFA, PASSWORD]);
}

#[test]
fn every_comparison_is_spelt_as_the_schema_has_it() {
    use Comparison::{Better, Exact, Maximum, Minimum};
    for (comparison, word) in
        [(Exact, "exact"), (Minimum, "minimum"), (Maximum, "maximum"), (Better, "better")]
    {
        let demand = Demand {
            authn_context: vec![MFA.to_owned()],
            authn_context_comparison: comparison,
            ..Demand::default()
        };
        assert!(message_with(&demand, false).contains(&format!("Comparison=\"{word}\"")), "{word}");
    }
    let comparison_alone = Demand { authn_context_comparison: Better, ..Demand::default() };
    assert!(!message_with(&comparison_alone, false).contains("RequestedAuthnContext"));
}

#[test]
fn nothing_is_forced_unless_it_is_said() {
    let plain = message_with(&Demand::default(), false);
    for word in ["ForceAuthn", "IsPassive", "RequestedAuthnContext", "ProviderName", "Format=", "Scoping"] {
        assert!(!plain.contains(word), "{word} in {plain}");
    }
    assert!(message_with(&Demand::default(), true).contains(" ForceAuthn=\"true\""));
    let passive = Demand { is_passive: true, ..Demand::default() };
    assert!(message_with(&passive, false).contains(" IsPassive=\"true\""));
    // A limit of age is ours to judge: the first request does not force anything.
    let aged = Demand { max_authn_age: Some(std::time::Duration::from_secs(60)), ..Demand::default() };
    assert_eq!(message_with(&aged, false), plain);
}

#[test]
fn requests_are_signed_as_the_owner_says() {
    let idp = idp(&["rsa2048"]);
    let signed = |sp: &ServiceProvider, sign_requests| {
        let demand = Demand { sign_requests, ..Demand::default() };
        asked(sp, &idp, &demand, |question| question).map(|outgoing| match outgoing {
            Outgoing::Redirect { url } => parameter(&url, "Signature").is_some(),
            Outgoing::Post { .. } => panic!("Redirect is preferred"),
        })
    };
    let (with_key, without) = (sp(&["rsa2048"]), sp(&[]));
    assert_eq!(signed(&with_key, SignRequests::Auto), Ok(true));
    assert_eq!(signed(&with_key, SignRequests::Always), Ok(true));
    assert_eq!(signed(&with_key, SignRequests::Never), Ok(false));
    assert_eq!(signed(&without, SignRequests::Auto), Ok(false));
    assert_eq!(signed(&without, SignRequests::Never), Ok(false));
    assert!(signed(&without, SignRequests::Always).is_err());
}

#[test]
fn a_signed_query_stays_whole_behind_the_query_of_the_idp() {
    let mut idp = idp(&["rsa2048"]);
    idp.single_sign_on =
        vec![(Binding::Redirect, "https://idp.example.org/sso?idpid=C0%2b1&SigAlg=x".to_owned())];
    let url = redirected(&sp(&["rsa2048"]), &idp, &Demand::default(), |question| question);
    let (own, signed_and_signature) = url.split_once("&SAMLRequest=").unwrap();
    assert_eq!(own, "https://idp.example.org/sso?idpid=C0%2b1&SigAlg=x");
    let query = format!("SAMLRequest={signed_and_signature}");
    let (signed, value) = query.split_once("&Signature=").unwrap();
    let value = STANDARD.decode(percent_decode_str(value).collect::<Vec<u8>>()).unwrap();
    let (keys, _) = TrustedKeys::from_certificates(&[certificate("rsa2048")]).unwrap();
    let algorithm =
        SignatureAlgorithm::from_uri("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256").unwrap();
    // What is signed begins with our own parameter (Bindings 3.4.4.1).
    assert!(keys.verify(algorithm, signed.as_bytes(), &value).is_ok(), "{signed}");
}

use super::*;
use crate::saml::algorithms::{Allowed, SignatureAlgorithm};
use crate::saml::keys::TrustedKeys;
use crate::saml::signature::Signature;
use crate::saml::testing::{ACS, NOW, SP, certificate, idp, request_id, sp};
use crate::saml::xml::{Element, SIGNATURE, parse};
use percent_encoding::percent_decode_str;
use std::collections::HashSet;
use std::io::Read;

const SSO: &str = "https://idp.example.org/sso";

fn redirect_to(location: &str, key: Option<&str>, relay_state: &str) -> String {
    let mut idp = idp(&["rsa2048"]);
    idp.single_sign_on = vec![(Binding::Redirect, location.to_owned())];
    let sp = sp(key.as_slice());
    match authn_request(&sp, &idp, &request_id(), relay_state, NOW, None, ACS).unwrap() {
        Outgoing::Redirect { url } => url,
        Outgoing::Post { .. } => panic!("Redirect is preferred"),
    }
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
        let outgoing =
            authn_request(&sp, &idp, &request_id(), "relay", NOW, Some(Binding::Post), ACS).unwrap();
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
        let outgoing = authn_request(&sp(&[]), &idp, &request_id(), "", NOW, prefer, ACS)?;
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
    let Outgoing::Redirect { url } = authn_request(&sp, &idp, &request_id(), "", NOW, None, acs).unwrap()
    else {
        panic!("Redirect is preferred")
    };
    let xml = inflated(&url);
    let document = parse(&xml, 64).unwrap();
    let root = Element::root(&document).unwrap();
    assert_eq!(root.children().count(), 2);
    assert_eq!(root.attribute("AssertionConsumerServiceURL"), Some(acs));
    assert_eq!(root.children().next().unwrap().text().unwrap(), sp.entity_id.as_str());
}

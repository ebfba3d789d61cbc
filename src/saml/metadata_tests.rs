use super::*;
use crate::saml::testing::{ACS, IDP, NOW, SP, certificate, sp};

fn key(usage: &str, name: &str) -> String {
    let certificate = STANDARD.encode(certificate(name));
    let (first, second) = certificate.split_at(64);
    format!(
        "<md:KeyDescriptor{usage}><ds:KeyInfo><ds:KeyName>x</ds:KeyName><ds:X509Data><ds:X509Certificate>\n  {first}\n  \
         {second}\n</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
    )
}

fn service(binding: &str, location: &str) -> String {
    format!(
        "<md:SingleSignOnService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:{binding}\" Location=\"{location}\"/>"
    )
}

fn role(attributes: &str, content: &str) -> String {
    format!(
        "<md:IDPSSODescriptor {attributes} protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:1.1:protocol {PROTOCOL}\">\
         <md:Extensions><x:any xmlns:x=\"urn:x\"/></md:Extensions>{content}</md:IDPSSODescriptor>"
    )
}

fn entity(id: &str, attributes: &str, content: &str) -> String {
    format!(
        "<!-- c --><md:EntityDescriptor xmlns:md=\"{METADATA}\" xmlns:ds=\"{SIGNATURE}\" entityID=\"{id}\" {attributes}>\
         <ds:Signature/><md:Extensions/>{content}<md:Organization/></md:EntityDescriptor>"
    )
}

fn plain(id: &str, attributes: &str) -> String {
    let content =
        key(" use=\"signing\"", "rsa2048") + &service("HTTP-Redirect", "https://idp.example.org/sso");
    entity(id, attributes, &role("", &content))
}

fn aggregate(attributes: &str, content: &str) -> String {
    format!("<md:EntitiesDescriptor xmlns:md=\"{METADATA}\" {attributes}>{content}</md:EntitiesDescriptor>")
        .replace("<!-- c -->", "")
}

fn read(xml: &str) -> Result<(IdentityProvider, Vec<String>), String> {
    read_identity_provider(xml.as_bytes(), None, NOW)
}

#[test]
fn an_identity_provider_is_read() {
    let content = key(" use=\"encryption\"", "evil")
        + &key(" use=\"signing\"", "rsa2048")
        + &key("", "p256")
        + &service("HTTP-POST", "https://idp.example.org/post?a=b&amp;c=d")
        + &service("SOAP", "https://idp.example.org/soap")
        + &service("HTTP-Redirect", "https://idp.example.org/sso");
    let (idp, warnings) = read(&entity(IDP, "", &role("WantAuthnRequestsSigned=\"1\"", &content))).unwrap();
    assert_eq!(idp.entity_id.0, IDP);
    let kinds: Vec<_> = idp.keys.certificates().iter().map(|c| c.subject.as_str()).collect();
    assert_eq!(kinds, ["CN=test rsa2048", "CN=test p256"], "not the one that encrypts");
    assert_eq!(
        idp.single_sign_on,
        [
            (Binding::Post, "https://idp.example.org/post?a=b&c=d".to_owned()),
            (Binding::Redirect, "https://idp.example.org/sso".to_owned())
        ]
    );
    assert!(idp.want_authn_requests_signed);
    assert_eq!(idp.require_signed, RequireSigned::Either);
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn several_roles_of_one_entity_are_taken_together() {
    let one =
        role("", &(key(" use=\"signing\"", "rsa2048") + &service("HTTP-POST", "https://a.example.org")));
    let two =
        role("", &(key(" use=\"signing\"", "p384") + &service("HTTP-Redirect", "https://b.example.org")));
    let old =
        one.replace(PROTOCOL, "urn:oasis:names:tc:SAML:1.0:protocol").replace("https://a", "https://old");
    let (idp, _) = read(&entity(IDP, "", &format!("{old}{one}<md:SPSSODescriptor/>{two}"))).unwrap();
    assert_eq!(idp.keys.certificates().len(), 2);
    assert_eq!(idp.single_sign_on.len(), 2);
    assert!(!idp.want_authn_requests_signed);
}

#[test]
fn one_entity_of_an_aggregate_is_chosen_by_name() {
    let (one, two) = (plain("https://one.example.org", ""), plain("https://two.example.org", ""));
    let sp = entity("https://sp.example.org", "", "<md:SPSSODescriptor/>");
    let both = aggregate("", &format!("<md:Extensions/>{sp}{one}{}", aggregate("", &two)));
    let choose = |id| read_identity_provider(both.as_bytes(), id, NOW).map(|(idp, _)| idp.entity_id.0);
    assert_eq!(choose(Some("https://two.example.org")).unwrap(), "https://two.example.org");
    let error = choose(None).unwrap_err();
    assert!(error.contains("several") && error.contains("https://one.example.org"), "{error}");
    let error = choose(Some("https://sp.example.org")).unwrap_err();
    assert!(error.contains("no identity provider \"https://sp.example.org\""), "{error}");
    assert!(choose(Some("https://TWO.example.org")).is_err());
    let single = aggregate("", &format!("{sp}{one}"));
    assert_eq!(read(&single).unwrap().0.entity_id.0, "https://one.example.org");
    let doubled = aggregate("", &format!("{one}{one}"));
    assert!(
        read_identity_provider(doubled.as_bytes(), Some("https://one.example.org"), NOW)
            .unwrap_err()
            .contains("several times")
    );
}

#[test]
fn unsuitable_keys_are_skipped_and_none_left_is_an_error() {
    let sso = service("HTTP-Redirect", "https://idp.example.org/sso");
    let name_only =
        "<md:KeyDescriptor><ds:KeyInfo><ds:KeyName>x</ds:KeyName></ds:KeyInfo></md:KeyDescriptor>";
    let broken = "<md:KeyDescriptor><ds:KeyInfo><ds:X509Data><ds:X509Certificate>!</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>";
    let unsuitable = format!("{}{}{name_only}{broken}", key("", "rsa1024"), key("", "dsa"));
    let (idp, warnings) =
        read(&entity(IDP, "", &role("", &format!("{unsuitable}{}{sso}", key("", "p521"))))).unwrap();
    assert_eq!(idp.keys.certificates().len(), 1);
    assert_eq!(warnings.len(), 4, "{warnings:?}");
    assert!(
        read(&entity(IDP, "", &role("", &format!("{unsuitable}{sso}")))).unwrap_err().contains("no suitable")
    );
    let encryption = key(" use=\"encryption\"", "rsa2048");
    assert!(
        read(&entity(IDP, "", &role("", &format!("{encryption}{sso}"))))
            .unwrap_err()
            .contains("no signing certificate")
    );
}

#[test]
fn an_ended_certificate_is_a_warning_only() {
    let later = Moment::from_seconds(2_100_000_000);
    let (_, warnings) = read_identity_provider(plain(IDP, "").as_bytes(), None, later).unwrap();
    assert!(warnings[0].contains("ended 2035-01-01"), "{warnings:?}");
}

#[test]
fn expired_metadata_is_an_error_wherever_it_says_so() {
    let (old, new) = ("validUntil=\"2026-01-15T12:01:00Z\"", "validUntil=\"2026-01-15T12:01:00.001Z\"");
    let content = key("", "rsa2048") + &service("HTTP-Redirect", "https://idp.example.org/sso");
    let on_role = |attribute| entity(IDP, "", &role(attribute, &content));
    for (expired, valid) in [
        (plain(IDP, old), plain(IDP, new)),
        (aggregate(old, &plain(IDP, "")), aggregate(new, &plain(IDP, ""))),
        (
            aggregate(old, &aggregate(new, &plain(IDP, new))),
            aggregate(new, &aggregate(new, &plain(IDP, new))),
        ),
        (on_role(old), on_role(new)),
    ] {
        assert!(read(&expired).unwrap_err().contains("valid until 2026-01-15T12:01:00.000Z"));
        assert!(read(&valid).is_ok());
    }
    assert!(read(&plain(IDP, "validUntil=\"soon\"")).unwrap_err().contains("not a UTC time"));
}

#[test]
fn what_is_not_metadata_says_so() {
    assert!(read(&format!("<!DOCTYPE x>{}", plain(IDP, ""))).unwrap_err().contains("xml-doctype"));
    assert!(read("<html/>").unwrap_err().contains("\"html\" is not SAML 2.0 metadata"));
    assert!(read("nothing").unwrap_err().contains("xml-malformed"));
    assert!(read_identity_provider(&[0xff], None, NOW).unwrap_err().contains("UTF-8"));
    assert!(read(&entity(IDP, "", "<md:SPSSODescriptor/>")).unwrap_err().contains("no entity"));
    assert!(read(&plain("", "")).unwrap_err().contains("no entityID"));
    let content =
        key("", "rsa2048") + &service("HTTP-Redirect", "javascript:alert(1)") + &service("SOAP", "https://x");
    assert!(read(&entity(IDP, "", &role("", &content))).unwrap_err().contains("no sign-on address"));
}

#[test]
fn our_own_metadata_says_what_we_do_and_no_more() {
    let xml = write_service_provider(&sp(&["rsa2048", "p256"]));
    let document = xml::parse(&xml, 64).unwrap();
    let root = Element::root(&document).unwrap();
    assert!(root.is(METADATA, "EntityDescriptor"));
    assert_eq!(root.attribute("entityID"), Some(SP));
    let role = root.children_named(METADATA, "SPSSODescriptor").next().unwrap();
    assert_eq!(role.attribute("AuthnRequestsSigned"), Some("true"));
    assert_eq!(role.attribute("WantAssertionsSigned"), Some("true"));
    assert_eq!(role.attribute("protocolSupportEnumeration"), Some(PROTOCOL));
    let children: Vec<_> = role.children().map(Element::local_name).collect();
    assert_eq!(children, ["KeyDescriptor", "KeyDescriptor", "KeyDescriptor", "AssertionConsumerService"]);
    // Both sign; only the RSA key opens, and tampering is noticed by what is named first.
    let keys: Vec<_> = role.children_named(METADATA, "KeyDescriptor").collect();
    let uses: Vec<_> = keys.iter().filter_map(|key| key.attribute("use")).collect();
    assert_eq!(uses, ["signing", "signing", "encryption"]);
    let methods: Vec<_> = keys[2]
        .children_named(METADATA, "EncryptionMethod")
        .filter_map(|method| method.attribute("Algorithm"))
        .collect();
    assert_eq!(methods[0], "http://www.w3.org/2009/xmlenc11#aes128-gcm");
    assert!(methods[..3].iter().all(|uri| uri.ends_with("-gcm")), "{methods:?}");
    assert!(methods[3..6].iter().all(|uri| uri.ends_with("-cbc")), "{methods:?}");
    assert_eq!(
        methods[6..],
        ["http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p", "http://www.w3.org/2009/xmlenc11#rsa-oaep"]
    );
    let published = keys[2].children_named(SIGNATURE, "KeyInfo").next().unwrap();
    let certificate_of_key =
        published.only_child().and_then(Element::only_child).and_then(Element::token).unwrap();
    assert_eq!(certificate_of_key, STANDARD.encode(certificate("rsa2048")));
    let acs = role.children_named(METADATA, "AssertionConsumerService").next().unwrap();
    assert_eq!((acs.attribute("Location"), acs.attribute("Binding")), (Some(ACS), Some(Binding::Post.uri())));
    assert!(xml.contains(&STANDARD.encode(certificate("p256"))));

    let xml = write_service_provider(&sp(&[]));
    assert!(xml.contains("AuthnRequestsSigned=\"false\"") && !xml.contains("KeyDescriptor"), "{xml}");
}

#[test]
fn values_cannot_break_out_of_our_metadata() {
    let mut sp = sp(&[]);
    sp.entity_id.0 = "https://x/\"><evil>&".to_owned();
    let xml = write_service_provider(&sp);
    let document = xml::parse(&xml, 64).unwrap();
    assert_eq!(Element::root(&document).unwrap().attribute("entityID"), Some(sp.entity_id.as_str()));
}

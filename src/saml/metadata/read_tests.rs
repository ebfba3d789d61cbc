use super::testing::{aggregate, entity, key, logout, plain, read, role, service};
use super::*;
use crate::saml::parties::{Binding, RequireSigned, SloEndpoint};
use crate::saml::testing::{IDP, NOW};
use crate::saml::xml::PROTOCOL;

fn sentence(xml: &str) -> String {
    read(xml).unwrap_err().sentence
}

#[test]
fn an_identity_provider_is_read() {
    let content = key(" use=\"encryption\"", "evil")
        + &key(" use=\"signing\"", "rsa2048")
        + &key("", "p256")
        + &service("HTTP-POST", "https://idp.example.org/post?a=b&amp;c=d")
        + &service("SOAP", "https://idp.example.org/soap")
        + &service("HTTP-Redirect", "https://idp.example.org/sso");
    let found = read(&entity(IDP, "", &role("WantAuthnRequestsSigned=\"1\"", &content))).unwrap();
    let idp = found.identity_provider;
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
    assert!(idp.single_logout.is_empty() && idp.scopes.is_empty());
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
    assert!(!found.signed);
}

#[test]
fn logout_addresses_are_read() {
    let content = key("", "rsa2048")
        + &logout("SOAP", "https://idp.example.org/slo-soap", "")
        + &logout("HTTP-Redirect", "https://idp.example.org/slo", "")
        + &logout(
            "HTTP-POST",
            "https://idp.example.org/slo?p=1&amp;q=2",
            " ResponseLocation=\" https://idp.example.org/answer \"",
        )
        + &logout("HTTP-POST", "javascript:alert(1)", "")
        + &logout("HTTP-POST", "https://idp.example.org/slo3", " ResponseLocation=\"data:x\"")
        + &service("HTTP-Redirect", "https://idp.example.org/sso");
    let found = read(&entity(IDP, "", &role("", &content))).unwrap();
    let endpoint = |binding, location: &str, response: Option<&str>| SloEndpoint {
        binding,
        location: location.to_owned(),
        response_location: response.map(str::to_owned),
    };
    assert_eq!(
        found.identity_provider.single_logout,
        [
            endpoint(Binding::Redirect, "https://idp.example.org/slo", None),
            endpoint(
                Binding::Post,
                "https://idp.example.org/slo?p=1&q=2",
                Some("https://idp.example.org/answer")
            ),
            endpoint(Binding::Post, "https://idp.example.org/slo3", None),
        ]
    );
    assert_eq!(found.warnings.len(), 2, "{:?}", found.warnings);
}

#[test]
fn scopes_are_read_and_regular_expressions_are_not() {
    let scope = |attributes: &str, text: &str| {
        format!(
            "<shibmd:Scope xmlns:shibmd=\"urn:mace:shibboleth:metadata:1.0\"{attributes}>{text}</shibmd:Scope>"
        )
    };
    let scopes = |content: String| format!("<md:Extensions>{content}</md:Extensions>");
    let content = scopes(scope("", "\n example.org ") + &scope(" regexp=\"false\"", "example.com"))
        + &key("", "rsa2048")
        + &service("HTTP-Redirect", "https://idp.example.org/sso");
    let of_entity = scopes(
        scope("", "example.net")
            + &scope(" regexp=\"true\"", "^.*\\.example\\.org$")
            + &scope(" regexp=\"1\"", ".*")
            + &scope("", "")
            + &scope("", "a b"),
    );
    let found = read(&entity(IDP, "", &(of_entity + &role("", &content)))).unwrap();
    let names: Vec<_> = found.scopes().iter().map(|Scope(scope)| scope.as_str()).collect();
    assert_eq!(names, ["example.net", "example.org", "example.com"]);
    assert_eq!(found.warnings.len(), 4, "{:?}", found.warnings);
}

#[test]
fn several_roles_of_one_entity_are_taken_together() {
    let one =
        role("", &(key(" use=\"signing\"", "rsa2048") + &service("HTTP-POST", "https://a.example.org")));
    let two =
        role("", &(key(" use=\"signing\"", "p384") + &service("HTTP-Redirect", "https://b.example.org")));
    let old =
        one.replace(PROTOCOL, "urn:oasis:names:tc:SAML:1.0:protocol").replace("https://a", "https://old");
    let idp =
        read(&entity(IDP, "", &format!("{old}{one}<md:SPSSODescriptor/>{two}"))).unwrap().identity_provider;
    assert_eq!(idp.keys.certificates().len(), 2);
    assert_eq!(idp.single_sign_on.len(), 2);
    assert!(!idp.want_authn_requests_signed);
}

#[test]
fn unsuitable_keys_are_skipped_and_none_left_is_an_error() {
    let sso = service("HTTP-Redirect", "https://idp.example.org/sso");
    let name_only =
        "<md:KeyDescriptor><ds:KeyInfo><ds:KeyName>x</ds:KeyName></ds:KeyInfo></md:KeyDescriptor>";
    let broken = "<md:KeyDescriptor><ds:KeyInfo><ds:X509Data><ds:X509Certificate>!</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>";
    let unsuitable = format!("{}{}{name_only}{broken}", key("", "rsa1024"), key("", "dsa"));
    let found = read(&entity(IDP, "", &role("", &format!("{unsuitable}{}{sso}", key("", "p521"))))).unwrap();
    assert_eq!(found.identity_provider.keys.certificates().len(), 1);
    assert_eq!(found.warnings.len(), 4, "{:?}", found.warnings);
    let problem = read(&entity(IDP, "", &role("", &format!("{unsuitable}{sso}")))).unwrap_err();
    assert_eq!(problem.reason, Reason::MetadataKeyMissing);
    assert!(problem.sentence.contains("no suitable"), "{problem}");
    let encryption = key(" use=\"encryption\"", "rsa2048");
    let problem = read(&entity(IDP, "", &role("", &format!("{encryption}{sso}")))).unwrap_err();
    assert_eq!(problem.reason, Reason::MetadataKeyMissing);
    assert!(problem.sentence.contains("no signing certificate"), "{problem}");
}

#[test]
fn the_key_of_an_authority_is_not_the_identity_providers() {
    use base64::Engine as _;
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
    let params = |name: &str| {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params
    };
    let (root_key, leaf_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut of_root = params("authority");
    of_root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = of_root.self_signed(&root_key).unwrap();
    let leaf = params("leaf").signed_by(&leaf_key, &Issuer::new(of_root, root_key)).unwrap();
    let certificate = |der: &[u8]| {
        let base64 = base64::engine::general_purpose::STANDARD.encode(der);
        format!("<ds:X509Certificate>{base64}</ds:X509Certificate>")
    };
    let (root, leaf) = (certificate(root.der()), certificate(leaf.der()));
    let (one, other) = (
        certificate(&crate::saml::testing::certificate("p256")),
        certificate(&crate::saml::testing::certificate("p384")),
    );
    for (data, expected) in [
        (format!("{root}{leaf}"), &["CN=leaf"][..]),
        (format!("{leaf}{root}"), &["CN=leaf"]),
        (root.clone(), &["CN=authority"]),
        (format!("{one}{other}"), &["CN=test p256", "CN=test p384"]),
    ] {
        let key = format!(
            "<md:KeyDescriptor><ds:KeyInfo><ds:X509Data>{data}</ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
        );
        let content = key + &service("HTTP-Redirect", "https://idp.example.org/sso");
        let found = read(&entity(IDP, "", &role("", &content))).unwrap();
        let names: Vec<_> =
            found.identity_provider.keys.certificates().iter().map(|c| c.subject.as_str()).collect();
        let without_rest: Vec<_> =
            names.iter().map(|name| name.rsplit(", ").next().unwrap_or(name)).collect();
        assert_eq!(without_rest, expected);
        assert_eq!(found.warnings.len(), usize::from(data.contains(&leaf)));
    }
}

#[test]
fn an_ended_certificate_is_a_warning_only() {
    let later = Moment::from_seconds(2_100_000_000);
    let found = describe(plain(IDP, "").as_bytes(), &Source::default(), later).unwrap();
    assert!(found.warnings[0].contains("ended 2035-01-01"), "{:?}", found.warnings);
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
        let problem = read(&expired).unwrap_err();
        assert_eq!(problem.reason, Reason::MetadataExpired);
        assert!(problem.sentence.contains("valid until 2026-01-15T12:01:00.000Z"), "{problem}");
        assert_eq!(read(&valid).unwrap().valid_until, Some(NOW.plus(Duration::from_millis(1))));
    }
    assert!(sentence(&plain(IDP, "validUntil=\"soon\"")).contains("not a UTC time"));
}

#[test]
fn the_earliest_end_and_the_smallest_duration_count() {
    let at = |time: &str, cache: &str| {
        format!("validUntil=\"2026-02-{time}T00:00:00Z\" cacheDuration=\"{cache}\"")
    };
    let content = key("", "rsa2048") + &service("HTTP-Redirect", "https://idp.example.org/sso");
    let inner = entity(IDP, &at("02", "PT6H"), &role(&at("04", "P1D"), &content));
    let found = read(&aggregate(&at("03", "PT7H"), &inner)).unwrap();
    assert_eq!(found.valid_until.unwrap().to_string(), "2026-02-02T00:00:00.000Z");
    assert_eq!(found.cache_duration, Some(Duration::from_secs(6 * 3600)));
    let found = read(&plain(IDP, "cacheDuration=\"a day\"")).unwrap();
    assert_eq!((found.cache_duration, found.warnings.len()), (None, 1));
    assert_eq!(read(&plain(IDP, "")).unwrap().valid_until, None);
}

#[test]
fn an_end_can_be_required_and_not_too_far() {
    let source = Source { require_valid_until: Some(Duration::from_secs(14 * 86_400)), ..Source::default() };
    let reason = |attributes| testing::reason(&plain(IDP, attributes), &source);
    assert_eq!(reason("validUntil=\"2026-01-29T12:01:00Z\""), None);
    assert_eq!(reason("validUntil=\"2026-01-29T12:01:01Z\""), Some(Reason::MetadataValidUntilFar));
    assert_eq!(reason(""), Some(Reason::MetadataValidUntilMissing));
}

#[test]
fn an_older_document_is_told_from_a_newer_one_where_somebody_vouches_for_its_dates() {
    use super::change::{Change, KeyChanges, judge};
    let published = |created: &str, until: &str, keys: &[&str]| {
        let info = format!(
            "<md:Extensions><p:PublicationInfo xmlns:p=\"urn:oasis:names:tc:SAML:metadata:rpi\" publisher=\"x\"{created}/></md:Extensions>"
        );
        read(&aggregate(until, &(info + &testing::with_keys(IDP, "", keys)))).unwrap()
    };
    let created = |day: u8| format!(" creationInstant=\"2026-01-{day:02}T00:00:00Z\"");
    let until = |day: u8| format!("validUntil=\"2026-02-{day:02}T00:00:00Z\"");
    let none = String::new;
    for (last, this, said) in [
        ((created(10), until(10)), (created(9), until(11)), "older"),
        ((created(10), until(10)), (created(10), until(9)), "good"),
        ((created(10), until(10)), (created(11), none()), "good"),
        ((created(10), until(10)), (none(), until(11)), "doubtful"),
        ((created(10), until(10)), (none(), none()), "doubtful"),
        ((none(), until(10)), (none(), until(9)), "doubtful"),
        ((none(), until(10)), (none(), until(11)), "good"),
        ((none(), until(10)), (created(9), until(9)), "doubtful"),
        ((none(), until(10)), (none(), none()), "doubtful"),
        ((none(), until(10)), (created(9), none()), "doubtful"),
        ((none(), none()), (none(), none()), "good"),
        ((none(), none()), (created(9), until(9)), "good"),
    ] {
        let last = published(&last.0, &last.1, &["p256"]);
        let mut found = published(&this.0, &this.1, &["rsa2048", "p256"]);
        let outcome = |found: &_| match judge(&last, found, KeyChanges::Apply) {
            Change::Refuse(why) => {
                assert_eq!(why.reason, Reason::MetadataOlder);
                assert!(why.sentence.contains("made 2026-01-09"), "{why}");
                "older"
            }
            Change::Hold { why, .. } => {
                assert_eq!(why.reason, Reason::MetadataOlder);
                "doubtful"
            }
            Change::Apply(_) => "good",
            Change::Same => "same",
        };
        assert_eq!(outcome(&found), "good", "nobody vouches for {this:?}");
        (found.signed, found.issue.signed) = (true, true);
        assert_eq!(outcome(&found), said, "{last:?} then {this:?}");
        assert_eq!(found.issue.is_older_than(&last.issue), said == "older");
    }
}

#[test]
fn a_document_that_was_made_in_the_future_does_not_say_when_it_was_made() {
    let made = |at: &str| {
        let info = format!(
            "<md:Extensions><p:PublicationInfo xmlns:p=\"urn:oasis:names:tc:SAML:metadata:rpi\" publisher=\"x\" creationInstant=\"{at}\"/></md:Extensions>"
        );
        let found = read(&aggregate("", &(info + &plain(IDP, "")))).unwrap();
        (found.issue.created, found.warnings.join(" "))
    };
    let (near, far) = (NOW.plus(Duration::from_secs(300)), NOW.plus(Duration::from_secs(301)));
    assert_eq!(made(&near.to_string()), (Some(near), String::new()));
    let (created, warning) = made(&far.to_string());
    assert_eq!(created, None);
    assert!(warning.contains("in the future"), "{warning}");
}

#[test]
fn what_is_not_metadata_says_so() {
    let reason = |xml: &str| read(xml).unwrap_err().reason;
    assert!(sentence(&format!("<!DOCTYPE x>{}", plain(IDP, ""))).contains("xml-doctype"));
    assert!(sentence("<other/>").contains("\"other\" is not SAML 2.0 metadata"));
    assert_eq!(reason("nothing"), Reason::MetadataMalformed);
    assert_eq!(reason(" \n"), Reason::MetadataMalformed);
    assert_eq!(reason(&entity(IDP, "", "<md:SPSSODescriptor/>")), Reason::MetadataEntityMissing);
    assert_eq!(reason(&plain("", "")), Reason::MetadataEntityMissing);
    let problem = describe(&[0xff], &Source::default(), NOW).unwrap_err();
    assert_eq!(problem.reason, Reason::MetadataEncoding);
    let content =
        key("", "rsa2048") + &service("HTTP-Redirect", "javascript:alert(1)") + &service("SOAP", "https://x");
    let problem = read(&entity(IDP, "", &role("", &content))).unwrap_err();
    assert_eq!(problem.reason, Reason::MetadataAddressMissing);
    for page in ["<!DOCTYPE html><html/>", "\u{feff} <!doctype HTML>", "<html lang=en><body>502"] {
        assert_eq!(reason(page), Reason::MetadataForeign);
        assert!(sentence(page).contains("an HTML page came instead"));
    }
}

#[test]
fn the_facts_and_not_the_document_make_the_fingerprint() {
    let of = |xml: &str| read(xml).unwrap().fingerprint;
    let one = of(&plain(IDP, ""));
    assert_eq!(
        one,
        of(&aggregate("validUntil=\"2026-02-02T00:00:00Z\"", &plain(IDP, "cacheDuration=\"PT1H\"")))
    );
    assert_ne!(one, of(&plain("https://other.example.org", "")));
    assert_ne!(one, of(&testing::with_keys(IDP, "", &["p256"])));
    assert_ne!(one, of(&plain(IDP, "").replace("/sso", "/other")));
    assert_ne!(
        one,
        of(&plain(IDP, "")
            .replace("<md:IDPSSODescriptor", "<md:IDPSSODescriptor WantAuthnRequestsSigned=\"true\""))
    );
    let both = of(&testing::with_keys(IDP, "", &["p256", "rsa2048"]));
    assert_eq!(both, of(&testing::with_keys(IDP, "", &["rsa2048", "p256"])), "whatever the order");
}

//! Hostile and broken documents, each beside one that is let in.

use super::testing::{aggregate, plain, with_keys};
use super::*;
use crate::saml::testing::{IDP, NOW, certificate, replaced, sign, xml};
use crate::saml::xml::SIGNATURE;

const SIGNER: &str = "p384";
const OTHER: &str = "https://other.example.org";

fn pinned(keys: &[&str]) -> TrustedKeys {
    let certificates: Vec<_> = keys.iter().map(|name| certificate(name)).collect();
    TrustedKeys::from_certificates(&certificates).unwrap().0
}

/// Which rule refuses it where its signer is pinned; `None` when it is let in, and then it says that it was signed.
fn reason(document: &str) -> Option<Reason> {
    let keys = pinned(&[SIGNER]);
    let source = Source { entity_id: Some(IDP), pinned: Some(&keys), ..Source::default() };
    match describe(document.as_bytes(), &source, NOW) {
        Ok(found) => {
            assert!(found.signed);
            None
        }
        Err(problem) => Some(problem.reason),
    }
}

fn without_pin(document: &str) -> Option<Reason> {
    testing::reason(document, &Source { entity_id: Some(IDP), ..Source::default() })
}

fn federation() -> String {
    aggregate("ID=\"_m\"", &format!("<md:Extensions/>{}<!-- c -->{}", plain(OTHER, ""), plain(IDP, "")))
}

fn signed_entity() -> String {
    sign(&plain(IDP, "ID=\"_m\""), "_m", SIGNER)
}

fn signed_federation() -> String {
    sign(&federation(), "_m", SIGNER)
}

fn signature_of(document: &str) -> &str {
    let begin = document.find("<ds:Signature ").unwrap();
    let end = document.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    &document[begin..end]
}

#[test]
fn what_the_pinned_key_signed_is_let_in() {
    for document in [
        signed_entity(),
        signed_federation(),
        replaced(&signed_federation(), "<!-- c -->", ""),
        replaced(&signed_federation(), "<!-- c -->", "<!-- another --><!-- comment -->"),
        format!(
            "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<?pi x?><!-- c -->\n{}\n<!-- c -->\n",
            signed_entity()
        ),
        sign(&aggregate("ID=\"_m\"", &aggregate("ID=\"_i\"", &signed_inside())), "_m", SIGNER),
    ] {
        assert_eq!(reason(&document), None, "{document}");
    }
    let keys = pinned(&["p256", SIGNER]);
    let source = Source { pinned: Some(&keys), ..Source::default() };
    assert_eq!(testing::reason(&signed_entity(), &source), None, "one of several");
}

/// An entity with a signature of its own, by a key that nobody knows: not looked at inside of what is signed.
fn signed_inside() -> String {
    sign(&plain(IDP, "ID=\"_e\""), "_e", "evil")
}

#[test]
fn signatures_of_other_makers_are_verified() {
    // xmlsec1, over a document with everything that canonicalisation is about; see fixtures/metadata.py.
    for name in ["metadata_entity", "metadata_aggregate", "metadata_prefixes"] {
        let keys = pinned(&["rsa2048"]);
        let source = Source { entity_id: Some(IDP), pinned: Some(&keys), ..Source::default() };
        let found = describe(xml(name).as_bytes(), &source, NOW).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(found.signed, "{name}");
        assert_eq!(found.fingerprint, testing::read(&with_keys(IDP, "", &["p256"])).unwrap().fingerprint);
        let changed = replaced(&xml(name), "https://idp.example.org/sso", "https://idp.example.net/sso");
        assert_eq!(testing::reason(&changed, &source), Some(Reason::MetadataDigestMismatch), "{name}");
    }
}

#[test]
fn without_a_pin_a_signature_is_not_looked_at() {
    for document in [
        signed_entity(),
        signed_federation(),
        replaced(&signed_entity(), "https://idp.example.org/sso", "https://idp.example.net/sso"),
        replaced(&signed_entity(), "<ds:SignedInfo", "<ds:Nonsense")
            .replace("</ds:SignedInfo", "</ds:Nonsense"),
    ] {
        assert_eq!(without_pin(&document), None);
    }
}

#[test]
fn the_document_element_must_be_signed_by_the_pinned_key() {
    let (entity, federation) = (signed_entity(), signed_federation());
    let moved = {
        let signature = signature_of(&federation).to_owned();
        replaced(&federation, &signature, "")
            .replace("</md:EntitiesDescriptor>", &format!("{signature}</md:EntitiesDescriptor>"))
    };
    for (name, document, expected) in [
        ("unsigned", plain(IDP, ""), Reason::MetadataUnsigned),
        ("unsigned-aggregate", self::federation(), Reason::MetadataUnsigned),
        ("stripped", replaced(&federation, signature_of(&federation), ""), Reason::MetadataUnsigned),
        ("only-the-entity-is-signed", aggregate("ID=\"_o\"", &entity), Reason::MetadataUnsigned),
        ("only-the-inner-aggregate-is-signed", aggregate("ID=\"_o\"", &federation), Reason::MetadataUnsigned),
        ("signature-is-the-last-child", moved, Reason::MetadataUnsigned),
        ("another-key", sign(&plain(IDP, "ID=\"_m\""), "_m", "evil"), Reason::MetadataSignatureInvalid),
        (
            "another-key-of-the-kind",
            sign(&plain(IDP, "ID=\"_m\""), "_m", "p256"),
            Reason::MetadataSignatureInvalid,
        ),
        (
            "the-idps-own-key",
            sign(&plain(IDP, "ID=\"_m\""), "_m", "rsa2048"),
            Reason::MetadataSignatureInvalid,
        ),
    ] {
        assert_eq!(reason(&document), Some(expected), "{name}");
    }
}

#[test]
fn what_was_changed_after_it_was_signed_is_refused() {
    let federation = signed_federation();
    for (name, from, to) in [
        ("address", "https://idp.example.org/sso", "https://idp.example.net/sso"),
        ("entity-id", IDP, "https://idp.example.org/metadatb"),
        (
            "attribute",
            " entityID=\"https://other.example.org\"",
            " entityID=\"https://other.example.org\" x=\"y\"",
        ),
        ("validity", "ID=\"_m\"", "ID=\"_m\" validUntil=\"2036-01-01T00:00:00Z\""),
        ("white-space", "<md:Extensions/>", "<md:Extensions> </md:Extensions>"),
        ("text", "<md:Organization/>", "<md:Organization>x</md:Organization>"),
        (
            "prefix",
            "<md:Organization/>",
            "<m:Organization xmlns:m=\"urn:oasis:names:tc:SAML:2.0:metadata\"/>",
        ),
        (
            "after-it",
            "</md:EntitiesDescriptor>",
            "<md:EntityDescriptor entityID=\"x\"/></md:EntitiesDescriptor>",
        ),
    ] {
        assert_eq!(reason(&replaced(&federation, from, to)), Some(Reason::MetadataDigestMismatch), "{name}");
    }
    let other = plain(OTHER, "");
    assert_eq!(reason(&replaced(&federation, &other, "")), Some(Reason::MetadataDigestMismatch), "left out");
}

#[test]
fn wrapped_signatures_are_refused() {
    let entity = signed_entity();
    let signature = signature_of(&entity).to_owned();
    let original = replaced(&entity, &signature, "");
    let evil = |attributes: &str, inside: &str| {
        with_keys(IDP, attributes, &["evil"]).replacen(
            "<md:Extensions/>",
            &format!("{inside}<md:Extensions/>"),
            1,
        )
    };
    for (name, document, expected) in [
        // The signature signs another element than the one that it stands in.
        (
            "1-signature-moves-out",
            evil("ID=\"_evil\"", &(signature.clone() + &original)),
            Reason::MetadataSignatureRefused,
        ),
        (
            "2-evil-takes-the-id",
            evil("ID=\"_m\"", &(signature.clone() + &original)),
            Reason::MetadataSignatureRefused,
        ),
        (
            "3-original-without-its-id",
            evil("ID=\"_m\"", &(signature.clone() + &original.replace("ID=\"_m\"", ""))),
            Reason::MetadataDigestMismatch,
        ),
        // The signed one goes along whole.
        (
            "4-evil-around-the-signed",
            evil("ID=\"_evil\"", &format!("<md:Extensions>{entity}</md:Extensions>")),
            Reason::MetadataUnsigned,
        ),
        (
            "5-evil-beside-the-signed",
            aggregate("ID=\"_evil\"", &format!("{}{entity}", evil("", ""))),
            Reason::MetadataUnsigned,
        ),
        (
            "6-signed-inside-the-signature",
            {
                let inside = signature
                    .replace("</ds:KeyInfo>", &format!("<ds:Object>{original}</ds:Object></ds:KeyInfo>"));
                evil("ID=\"_m\"", &inside)
            },
            Reason::MetadataDigestMismatch,
        ),
        (
            "7-object",
            {
                let inside = signature
                    .replace("</ds:Signature>", &format!("<ds:Object>{original}</ds:Object></ds:Signature>"));
                evil("ID=\"_m\"", &inside)
            },
            Reason::MetadataSignatureRefused,
        ),
        (
            "8-second-signature",
            replaced(&entity, "<md:Extensions/>", &format!("{signature}<md:Extensions/>")),
            Reason::MetadataSignatureRefused,
        ),
        ("9-no-id", replaced(&entity, " ID=\"_m\"", ""), Reason::MetadataSignatureRefused),
        (
            "10-id-of-a-namespace",
            replaced(&entity, " ID=\"_m\"", " xml:id=\"_m\""),
            Reason::MetadataSignatureRefused,
        ),
        (
            "11-id-in-another-case",
            replaced(&entity, "<md:Extensions/>", "<md:Extensions Id=\"_m\"/>"),
            Reason::MetadataSignatureRefused,
        ),
    ] {
        assert_eq!(reason(&document), Some(expected), "{name}");
    }
}

#[test]
fn signatures_of_another_shape_are_refused() {
    let entity = signed_entity();
    let reference = {
        let begin = entity.find("<ds:Reference").unwrap();
        let end = entity.find("</ds:Reference>").unwrap() + "</ds:Reference>".len();
        entity[begin..end].to_owned()
    };
    let exclusive = "<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>";
    for (name, from, to) in [
        ("whole-document", "URI=\"#_m\"", "URI=\"\""),
        ("elsewhere", "URI=\"#_m\"", "URI=\"https://example.org/metadata\""),
        ("two-references", &*reference, &*reference.repeat(2)),
        ("xpath", exclusive, "<ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"/>"),
        (
            "not-enveloped",
            "<ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>",
            "",
        ),
        ("sha-1-digest", "http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2000/09/xmldsig#sha1"),
        (
            "sha-1-signature",
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1",
        ),
        (
            "hmac",
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
            "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        ),
        ("comment", "<ds:SignatureValue>", "<ds:SignatureValue><!-- c -->"),
        ("too-long", "<ds:KeyInfo>", &*format!("<ds:KeyInfo>{}", " ".repeat(130 * 1024))),
    ] {
        assert_eq!(reason(&replaced(&entity, from, to)), Some(Reason::MetadataSignatureRefused), "{name}");
    }
    let stretched = replaced(&entity, "<ds:KeyInfo>", &format!("<ds:KeyInfo>{}", " ".repeat(100 * 1024)));
    assert_eq!(reason(&stretched), None, "KeyInfo is not looked at");
    let huge = replaced(&entity, "<ds:KeyInfo>", &format!("<ds:KeyInfo>{}", "<a/>".repeat(40 * 1024)));
    assert_eq!(reason(&huge), Some(Reason::MetadataSignatureRefused));
}

#[test]
fn a_signature_does_not_excuse_what_it_signs() {
    let signed = |document: String| reason(&sign(&document, "_m", SIGNER));
    let twice = plain(IDP, "") + &plain(IDP, "");
    assert_eq!(signed(aggregate("ID=\"_m\"", &twice)), Some(Reason::MetadataEntityDuplicate));
    assert_eq!(
        signed(plain(IDP, "ID=\"_m\" validUntil=\"2026-01-15T12:00:00Z\"")),
        Some(Reason::MetadataExpired)
    );
    assert_eq!(signed(with_keys(IDP, "ID=\"_m\"", &["rsa1024"])), Some(Reason::MetadataKeyMissing));
    assert_eq!(signed(plain(OTHER, "ID=\"_m\"")), Some(Reason::MetadataEntityMissing));
    assert_eq!(signed(plain(IDP, "ID=\"_m\" xmlns:r=\"relative\"")), Some(Reason::MetadataMarkup));
    let evil = replaced(&signed_federation(), "</md:EntitiesDescriptor>", "<md:EntityDescriptor");
    assert_eq!(reason(&evil), Some(Reason::MetadataMalformed));
}

#[test]
fn hostile_xml_is_refused_with_and_without_a_pin() {
    let laughs = "<!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]>";
    let entity = signed_entity();
    let inside = |what: &str| replaced(&entity, "<md:Organization/>", what);
    for (name, document, expected) in [
        ("document-type", format!("<!DOCTYPE x>{entity}"), Reason::MetadataDoctype),
        ("billion-laughs", format!("{laughs}{}", inside("&c;")), Reason::MetadataDoctype),
        (
            "external-entity",
            format!("<!DOCTYPE l [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>{}", inside("&a;")),
            Reason::MetadataDoctype,
        ),
        ("undefined-entity", inside("&c;"), Reason::MetadataMalformed),
        ("too-deep", inside(&("<a>".repeat(70) + &"</a>".repeat(70))), Reason::MetadataMarkup),
        (
            "too-many-attributes",
            inside(&format!("<a{}/>", (0..70).map(|n| format!(" a{n}=''")).collect::<String>())),
            Reason::MetadataMarkup,
        ),
        (
            "too-many-namespaces",
            inside(
                &((0..5)
                    .map(|m| {
                        format!("<a{}>", (0..40).map(|n| format!(" xmlns:p{m}q{n}='u:'")).collect::<String>())
                    })
                    .collect::<String>()
                    + &"</a>".repeat(5)),
            ),
            Reason::MetadataMarkup,
        ),
        ("processing-instruction", inside("<?x y?>"), Reason::MetadataMarkup),
        (
            "latin-1",
            format!("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>{entity}"),
            Reason::MetadataEncoding,
        ),
        ("xml-1.1", format!("<?xml version=\"1.1\"?>{entity}"), Reason::MetadataMalformed),
        ("two-roots", format!("{entity}{entity}"), Reason::MetadataMalformed),
        ("text-after-it", format!("{entity}x"), Reason::MetadataMalformed),
        ("duplicate-attribute", inside("<a b='1' b='2'/>"), Reason::MetadataMalformed),
        ("unbound-prefix", inside("<p:a/>"), Reason::MetadataMalformed),
        ("page", "<!DOCTYPE html><html><body>Sign in</body></html>".to_owned(), Reason::MetadataForeign),
        ("json", "{\"error\": \"not found\"}".to_owned(), Reason::MetadataMalformed),
        ("response", xml("response"), Reason::MetadataForeign),
        (
            "other-namespace",
            replaced(
                &plain(IDP, ""),
                "xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\"",
                "xmlns:md=\"urn:other\"",
            ),
            Reason::MetadataForeign,
        ),
    ] {
        assert_eq!(without_pin(&document), Some(expected), "{name}");
        let unsigned = matches!(name, "response" | "other-namespace");
        let expected = if unsigned { Reason::MetadataUnsigned } else { expected };
        assert_eq!(reason(&document), Some(expected), "{name}, pinned");
    }
    let utf16: Vec<u8> = entity.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(describe(&utf16, &Source::default(), NOW).unwrap_err().reason, Reason::MetadataMalformed);
}

#[test]
fn a_truncated_document_is_never_taken() {
    for document in [signed_entity(), signed_federation(), federation()] {
        for end in (0..document.len()).step_by(7) {
            let cut = &document[..end];
            assert!(without_pin(cut).is_some(), "{cut}");
            assert!(reason(cut).is_some(), "{cut}");
        }
        let half = &document[..document.len() - 5];
        assert_eq!(without_pin(half), Some(Reason::MetadataMalformed));
    }
}

#[test]
fn whatever_byte_changes_the_same_is_described_or_nothing() {
    let document = signed_federation();
    let keys = pinned(&[SIGNER]);
    let source = Source { entity_id: Some(IDP), pinned: Some(&keys), ..Source::default() };
    let good = describe(document.as_bytes(), &source, NOW).unwrap();
    for at in 0..document.len() {
        let mut changed = document.clone().into_bytes();
        changed[at] ^= 1;
        if let Ok(found) = describe(&changed, &source, NOW) {
            assert_eq!(found.fingerprint, good.fingerprint, "octet {at}");
        }
    }
}

#[test]
fn keys_of_the_attacker_in_key_info_change_nothing() {
    use base64::Engine as _;
    let encode = |name| base64::engine::general_purpose::STANDARD.encode(certificate(name));
    let forged = sign(&plain(IDP, "ID=\"_m\""), "_m", "evil").replace(&encode("evil"), &encode(SIGNER));
    assert_eq!(reason(&forged), Some(Reason::MetadataSignatureInvalid));
    let other = replaced(&signed_entity(), &encode(SIGNER), &encode("evil"));
    assert_eq!(reason(&other), None);
    assert!(other.contains(SIGNATURE));
}

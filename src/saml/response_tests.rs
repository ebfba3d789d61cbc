use super::*;
use crate::saml::testing::{
    NOW, certificate, idp, outcome, reason, replaced, sign, signing_key, sp, xml as fixture,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const DS: &str = "http://www.w3.org/2000/09/xmldsig#";

#[test]
fn what_other_signers_make_is_accepted() {
    let all = idp(&["evil", "rsa2048", "rsa4096", "p256", "p384", "p521"]);
    for name in [
        "signxml_rsa2048_rsa_sha256",
        "signxml_rsa2048_rsa_sha384",
        "signxml_rsa2048_rsa_sha512",
        "signxml_rsa2048_sha256_rsa_mgf1",
        "signxml_rsa2048_sha384_rsa_mgf1",
        "signxml_rsa2048_sha512_rsa_mgf1",
        "signxml_rsa4096_rsa_sha256",
        "signxml_p256_ecdsa_sha256",
        "signxml_p256_ecdsa_sha512",
        "signxml_p384_ecdsa_sha384",
        "signxml_p384_ecdsa_sha256",
        "signxml_p521_ecdsa_sha512",
        "signxml_p521_ecdsa_sha256",
        "signxml_response",
        "signxml_both",
        "xmlsec1_prefixes",
        "xmlsec1_inclusive",
        "xmlsec1_response",
        "xmlsec1_p256",
        "xmlsec1_odd_assertion",
        "xmlsec1_odd_response",
    ] {
        let message = fixture(name);
        let accepted = outcome(&message, &all, NOW).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        assert_eq!(accepted.name_id().value, "ada@example.org", "{name}");
        assert_eq!(accepted.attributes()[1].values, ["engineers", "CN=Ops, Night, OU=Groups"], "{name}");
        // Under every other key the same message is a forgery.
        let evil = outcome(&message, &idp(&["evil"]), NOW).unwrap_err();
        assert_eq!(evil.reason, Reason::SignatureInvalid, "{name}");
        // And one changed letter is seen.
        let changed = message.replace("ada@", "eva@");
        assert_eq!(outcome(&changed, &all, NOW).unwrap_err().reason, Reason::DigestMismatch, "{name}");
    }
}

#[test]
fn line_ends_and_comments_of_the_transport_change_nothing() {
    let message = fixture("xmlsec1_odd_assertion");
    let value =
        |message: &str| outcome(message, &idp(&["rsa2048"]), NOW).unwrap().attributes()[0].values.clone();
    let expected = "a&b<c>\r😀 é \u{a0}<d>&.";
    assert_eq!(value(&message), [expected]);
    assert_eq!(value(&message.replace('\n', "\r\n")), [expected]);
    let commented = message.replace("ada@example.org</saml:NameID>", "ada@exa<!---->mple.org</saml:NameID>");
    assert_eq!(value(&commented), [expected]);
}

#[test]
fn a_comment_never_cuts_a_name() {
    let message = replaced(&fixture("response"), "ada@example.org<", "ada@example.org.evil.net<");
    let message = sign(&message, "_assertion", "rsa2048");
    for cut in [
        "ada@example.org<!-- -->.evil.net",
        "ada@example.org<![CDATA[.evil]]>.net",
        "ada@example.org&#46;evil.net",
    ] {
        let message = replaced(&message, "ada@example.org.evil.net", cut);
        let accepted = outcome(&message, &idp(&["rsa2048"]), NOW).unwrap();
        assert_eq!(accepted.name_id().value, "ada@example.org.evil.net", "{cut}");
    }
}

#[test]
fn what_is_not_signed_as_demanded_is_refused() {
    let of = |message: &str, require_signed| {
        outcome(message, &IdentityProvider { require_signed, ..idp(&["rsa2048"]) }, NOW)
            .err()
            .map(|r| r.reason)
    };
    let (unsigned, both) = (fixture("response"), fixture("signxml_both"));
    let (assertion, response) = (fixture("signxml_rsa2048_rsa_sha256"), fixture("signxml_response"));
    use RequireSigned::{Assertion, Both, Either, Response};
    for (require, expected) in [
        (Either, [Some(Reason::SignatureMissing), None, None, None]),
        (Assertion, [Some(Reason::SignatureMissing), None, Some(Reason::SignatureMissingAssertion), None]),
        (Response, [Some(Reason::SignatureMissing), Some(Reason::SignatureMissingResponse), None, None]),
        (
            Both,
            [
                Some(Reason::SignatureMissing),
                Some(Reason::SignatureMissingResponse),
                Some(Reason::SignatureMissingAssertion),
                None,
            ],
        ),
    ] {
        let found = [&unsigned, &assertion, &response, &both].map(|message| of(message, require));
        assert_eq!(found, expected, "{require:?}");
    }
}

#[test]
fn every_signature_that_is_there_must_be_good() {
    let inner = sign(&fixture("response"), "_assertion", "evil");
    assert_eq!(reason(&sign(&inner, "_response", "rsa2048")), Some(Reason::SignatureInvalid));
    let inner = sign(&fixture("response"), "_assertion", "rsa2048");
    assert_eq!(reason(&sign(&inner, "_response", "evil")), Some(Reason::SignatureInvalid));
    assert_eq!(reason(&sign(&inner, "_response", "rsa2048")), None);
}

#[test]
fn the_certificate_in_the_message_decides_nothing() {
    let message = sign(&fixture("response"), "_assertion", "rsa2048");
    let ours = STANDARD.encode(signing_key("rsa2048").certificate_der());
    let evil = STANDARD.encode(certificate("evil"));
    assert_eq!(reason(&replaced(&message, &ours, &evil)), None);
    let forged = sign(&fixture("response"), "_assertion", "evil");
    assert_eq!(reason(&replaced(&forged, &evil, &ours)), Some(Reason::SignatureInvalid));
}

#[test]
fn every_other_shape_of_signature_is_refused_before_any_cryptography() {
    let more = "http://www.w3.org/2001/04/xmldsig-more#";
    let exc = "http://www.w3.org/2001/10/xml-exc-c14n#";
    let method = format!("Algorithm=\"{more}rsa-sha256\"");
    let alg = |name: &str| (method.clone(), format!("Algorithm=\"{name}\""));
    let digest = |name: &str| ("http://www.w3.org/2001/04/xmlenc#sha256".to_owned(), name.to_owned());
    let enveloped = format!("<ds:Transform Algorithm=\"{DS}enveloped-signature\"/>");
    let exclusive = format!("<ds:Transform Algorithm=\"{exc}\"/>");
    let c14n = format!("<ds:CanonicalizationMethod Algorithm=\"{exc}\"/>");
    let swap = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    let before = |place: &str, what: &str| (place.to_owned(), format!("{what}{place}"));
    let many = (0..33).map(|n| format!("p{n} ")).collect::<String>();
    let list = |tag: &str, prefixes: &str| {
        format!(
            "<ds:{tag} Algorithm=\"{exc}\"><i:InclusiveNamespaces xmlns:i=\"{exc}\" PrefixList=\"{prefixes}\"/></ds:{tag}>"
        )
    };
    let cases = [
        (alg(&format!("{DS}rsa-sha1")), Reason::SignatureAlgorithm),
        (alg(&format!("{more}hmac-sha256")), Reason::SignatureAlgorithm),
        (alg(&format!("{more}rsa-md5")), Reason::SignatureAlgorithm),
        (alg(&format!("{DS}dsa-sha1")), Reason::SignatureAlgorithm),
        (alg("none"), Reason::SignatureAlgorithm),
        (alg(""), Reason::SignatureAlgorithm),
        (swap(&method, ""), Reason::SignatureAlgorithm),
        (
            swap(
                &format!("{method}/>"),
                &format!("{method}><ds:HMACOutputLength>1</ds:HMACOutputLength></ds:SignatureMethod>"),
            ),
            Reason::SignatureAlgorithm,
        ),
        (digest(&format!("{DS}sha1")), Reason::DigestAlgorithm),
        (digest(&format!("{more}md5")), Reason::DigestAlgorithm),
        (
            swap(&c14n, "<ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2006/12/xml-c14n11\"/>"),
            Reason::SignatureCanonicalization,
        ),
        (swap(&c14n, "<ds:CanonicalizationMethod Algorithm=\"urn:x\"/>"), Reason::SignatureCanonicalization),
        (swap(&c14n, &list("CanonicalizationMethod", &many)), Reason::SignatureCanonicalization),
        (
            swap(
                &c14n,
                &format!("<ds:CanonicalizationMethod Algorithm=\"{exc}\"><x/></ds:CanonicalizationMethod>"),
            ),
            Reason::SignatureCanonicalization,
        ),
        (swap("URI=\"#_assertion\"", "URI=\"\""), Reason::SignatureReference),
        (swap("URI=\"#_assertion\"", ""), Reason::SignatureReference),
        (swap("URI=\"#_assertion\"", "URI=\"#_response\""), Reason::SignatureReference),
        (swap("URI=\"#_assertion\"", "URI=\"_assertion\""), Reason::SignatureReference),
        (swap("URI=\"#_assertion\"", "URI=\"#xpointer(id('_assertion'))\""), Reason::SignatureReference),
        (swap("URI=\"#_assertion\"", "URI=\"file:///etc/passwd\""), Reason::SignatureReference),
        (swap("URI=\"#_assertion\"", "ds:URI=\"#_assertion\""), Reason::SignatureComment),
        (before("</ds:SignedInfo>", "<ds:Reference URI=\"#_assertion\"/>"), Reason::SignatureReference),
        (
            swap(
                "<ds:Transforms>",
                "<ds:Transforms><ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xslt-19991116\"/>",
            ),
            Reason::SignatureTransforms,
        ),
        (
            swap(&enveloped, "<ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"/>"),
            Reason::SignatureTransforms,
        ),
        (
            swap(
                &enveloped,
                &format!("<ds:Transform Algorithm=\"{DS}enveloped-signature\"><x/></ds:Transform>"),
            ),
            Reason::SignatureTransforms,
        ),
        (swap(&enveloped, ""), Reason::SignatureTransforms),
        (swap(&exclusive, ""), Reason::SignatureTransforms),
        (
            swap(&exclusive, "<ds:Transform Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\"/>"),
            Reason::SignatureTransforms,
        ),
        (swap(&exclusive, &list("Transform", &many)), Reason::SignatureTransforms),
        (
            swap(&format!("{enveloped}{exclusive}"), &format!("{exclusive}{enveloped}")),
            Reason::SignatureTransforms,
        ),
        (swap("<ds:SignedInfo", "<ds:SignedInfo/><ds:SignedInfo"), Reason::SignatureShape),
        (before("<ds:SignedInfo", "<ds:Object/>"), Reason::SignatureShape),
        (before("</ds:Signature>", "<ds:Object/>"), Reason::SignatureShape),
        (before("<ds:SignatureValue>", "<ds:KeyInfo/>"), Reason::SignatureShape),
        (before("<ds:SignatureValue>", "loose text"), Reason::SignatureShape),
        (swap("<ds:SignatureValue>", "<ds:SignatureValue>!"), Reason::SignatureShape),
        (swap("<ds:SignatureValue>", "<ds:SignatureValue><x/>"), Reason::SignatureShape),
        (swap("<ds:DigestValue>", "<ds:DigestValue>="), Reason::SignatureShape),
        (swap("<ds:DigestValue>", "<ds:DigestValue><!-- -->"), Reason::SignatureComment),
        (swap("<ds:X509Certificate>", "<ds:X509Certificate><!-- -->"), Reason::SignatureComment),
        (swap("<ds:Signature ", "<ds:Signature xml:lang=\"en\" "), Reason::SignatureComment),
    ];
    let message = sign(&fixture("response"), "_assertion", "rsa2048");
    assert_eq!(reason(&message), None);
    let limits = Limits::default();
    for ((from, to), expected) in cases {
        let text = ResponseText::from_xml(replaced(&message, &from, &to), &limits).unwrap();
        let refusal = RawResponse::parse(&text, &limits).expect_err(&to);
        assert_eq!(refusal.reason, expected, "{to}: {refusal}");
    }
}

#[test]
fn a_changed_signature_is_no_signature() {
    let message = sign(&fixture("response"), "_assertion", "rsa2048");
    let exc = "http://www.w3.org/2001/10/xml-exc-c14n#";
    for (from, to) in [
        ("<ds:SignatureValue>", "<ds:SignatureValue>AAAA"),
        ("<ds:DigestValue>", "<ds:DigestValue>AAAA"),
        ("rsa-sha256", "ecdsa-sha256"),
        ("rsa-sha256", "rsa-sha512"),
        ("2001/04/xmldsig-more#rsa-sha256", "2007/05/xmldsig-more#sha256-rsa-MGF1"),
        ("URI=\"#_assertion\"", "URI=\"#_assertion\" Type=\"x\""),
    ] {
        assert_eq!(reason(&replaced(&message, from, to)), Some(Reason::SignatureInvalid), "{to}");
    }
    let c14n = format!("<ds:Transform Algorithm=\"{exc}\"/>");
    let other = format!("<ds:Transform Algorithm=\"{exc}WithComments\"/>");
    assert_eq!(reason(&replaced(&message, &c14n, &other)), Some(Reason::SignatureInvalid));
}

#[test]
fn a_signature_wrapped_around_another_assertion_is_refused() {
    let original = sign(&fixture("response"), "_assertion", "rsa2048");
    let (head, rest) = original.split_once("<saml:Assertion ").unwrap();
    let (body, tail) = rest.split_once("</saml:Assertion>").unwrap();
    let signed = format!("<saml:Assertion {body}</saml:Assertion>");
    let signature = &signed[signed.find("<ds:Signature ").unwrap()..];
    let signature = &signature[..signature.find("</ds:Signature>").unwrap() + "</ds:Signature>".len()];
    let bare = signed.replace(signature, "");
    let evil = bare.replace("ada@", "eva@").replace("ID=\"_assertion\"", "ID=\"_evil\"");
    let inside =
        |outer: &str, inner: &str| outer.replace("<saml:Subject>", &format!("{inner}<saml:Subject>"));
    let in_signature = |inner: &str| signature.replace("</ds:Signature>", &format!("{inner}</ds:Signature>"));
    let object = format!("<ds:Object>{bare}</ds:Object>");

    for (name, assertions, expected) in [
        ("beside, before", format!("{evil}{signed}"), Reason::AssertionCount),
        ("beside, after", format!("{signed}{evil}"), Reason::AssertionCount),
        ("around", inside(&evil, &signed), Reason::AssertionCount),
        ("with the signature, beside the original", inside(&evil, signature) + &bare, Reason::AssertionCount),
        ("with the original in the signature", inside(&evil, &in_signature(&bare)), Reason::AssertionCount),
        ("with the original in an object", inside(&evil, &in_signature(&object)), Reason::AssertionCount),
        (
            "in extensions",
            format!("<samlp:Extensions>{evil}</samlp:Extensions>{signed}"),
            Reason::AssertionCount,
        ),
        ("with the same ID", format!("{}{signed}", bare.replace("ada@", "eva@")), Reason::XmlIdDuplicate),
        ("with the signature alone", inside(&evil, signature), Reason::SignatureReference),
        ("detached", format!("{signature}{bare}"), Reason::SignatureReference),
    ] {
        assert_eq!(reason(&format!("{head}{assertions}{tail}")), Some(expected), "{name}");
    }
}

#[test]
fn the_form_value_is_strict_base64_of_utf8_within_the_limit() {
    let limits = Limits { max_decoded_bytes: 100, max_depth: 64 };
    let of = |value: &str| ResponseText::from_form_value(value, &limits).err().map(|r| r.reason);
    let wrapped: String = STANDARD
        .encode([b'x'; 100])
        .as_bytes()
        .chunks(64)
        .map(|c| format!("{}\r\n", str::from_utf8(c).unwrap()))
        .collect();
    for (value, expected) in [
        (STANDARD.encode("<a/>"), None),
        (STANDARD.encode([b'x'; 100]), None),
        (wrapped, None),
        (STANDARD.encode([b'x'; 101]), Some(Reason::MessageTooLarge)),
        ("A".repeat(1000), Some(Reason::MessageTooLarge)),
        (String::new(), Some(Reason::Base64Invalid)),
        ("PGEvPg".to_owned(), Some(Reason::Base64Invalid)),
        ("PGEvPg=".to_owned(), Some(Reason::Base64Invalid)),
        ("PGEvPh==".to_owned(), Some(Reason::Base64Invalid)),
        ("PGEv_g==".to_owned(), Some(Reason::Base64Invalid)),
        ("PGEv Pg==".to_owned(), Some(Reason::Base64Invalid)),
        ("PGEvPg==PGEvPg==".to_owned(), Some(Reason::Base64Invalid)),
        ("PGEv%2Bg==".to_owned(), Some(Reason::Base64Invalid)),
        (STANDARD.encode([0xff, 0xfe, b'<', 0]), Some(Reason::EncodingNotUtf8)),
        (STANDARD.encode([b'<', 0, b'a', 0]), Some(Reason::EncodingNotUtf8)),
        (STANDARD.encode([0, b'<', 0, b'a']), Some(Reason::EncodingNotUtf8)),
        (STANDARD.encode([b'<', 0xe9, b'>']), Some(Reason::EncodingNotUtf8)),
        (STANDARD.encode([b'<', 0xc0, 0xaf]), Some(Reason::EncodingNotUtf8)),
    ] {
        assert_eq!(of(&value), expected, "{value}");
    }
    let large = "x".repeat(101);
    assert_eq!(ResponseText::from_xml(large, &limits).unwrap_err().reason, Reason::MessageTooLarge);
}

#[test]
fn an_answer_without_assertion_is_refused_by_its_status() {
    let message = fixture("response");
    let (before, rest) = message.split_once("<saml:Assertion ").unwrap();
    let (_, after) = rest.split_once("</saml:Assertion>").unwrap();
    let success = "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/>";
    let failed = "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Responder\"><samlp:StatusCode \
                  Value=\"urn:oasis:names:tc:SAML:2.0:status:AuthnFailed\"/></samlp:StatusCode>\
                  <samlp:StatusMessage>Not\nassigned</samlp:StatusMessage>";
    let refusal = outcome(&format!("{}{after}", replaced(before, success, failed)), &idp(&["rsa2048"]), NOW)
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::StatusNotSuccess);
    assert!(refusal.detail.contains("AuthnFailed") && refusal.detail.contains("Not\\nassigned"), "{refusal}");
    assert_eq!(reason(&format!("{before}{after}")), Some(Reason::AssertionCount));
}

#[test]
fn nothing_of_the_message_is_in_debug_output() {
    let limits = Limits::default();
    let text = ResponseText::from_xml(fixture("signxml_both"), &limits).unwrap();
    let raw = RawResponse::parse(&text, &limits).unwrap();
    assert_eq!(raw.claimed_in_response_to(), Some("_request"));
    let mut seen = format!("{text:?}{raw:?}");
    let verified = raw.verify(&idp(&["rsa2048"]), &sp(&[]), NOW).unwrap();
    seen += &format!("{verified:?}");
    let accepted = outcome(&fixture("signxml_both"), &idp(&["rsa2048"]), NOW).unwrap();
    seen += &format!("{accepted:?}{:?}{:?}", accepted.name_id(), accepted.attributes());
    assert!(!seen.contains("ada@") && !seen.contains("engineers"), "{seen}");
}

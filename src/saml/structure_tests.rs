use super::*;
use crate::saml::testing::{replaced, xml};
use crate::saml::xml::parse;

fn inspect(text: &str) -> Result<Structure, Refusal> {
    Structure::inspect(&parse(text, 64)?, Kind::Response)
}

fn reason(text: &str) -> Option<Reason> {
    inspect(text).err().map(|refusal| refusal.reason)
}

#[test]
fn a_plain_response_passes() {
    let structure = inspect(&xml("response")).unwrap();
    assert!(structure.assertion_signature.is_none() && structure.response_signature.is_none());
    let structure = inspect(&xml("signxml_both")).unwrap();
    assert!(structure.assertion_signature.is_some() && structure.response_signature.is_some());
}

#[test]
fn every_structural_rule_refuses_under_its_own_name() {
    const ASSERTION_TAG: &str = "<saml:Assertion ";
    const A: &str = "xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\"";
    const SIG: &str = "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"/>";
    let insert = |before: &str, what: &str| (before.to_owned(), format!("{what}{before}"));
    let swap = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    let cases = [
        (swap("<samlp:Response ", "<?pi?><samlp:Response "), Reason::XmlProcessingInstruction),
        (insert("<saml:Subject>", "<?xml-stylesheet href='x'?>"), Reason::XmlProcessingInstruction),
        (insert("<saml:Subject>", "<x xmlns='relative/name'/>"), Reason::XmlNamespaceRelative),
        (insert("<saml:Subject>", "<x:x xmlns:x='../up'/>"), Reason::XmlNamespaceRelative),
        (insert("<saml:Subject>", "<x:x xmlns:x='1:2'/>"), Reason::XmlNamespaceRelative),
        (insert("<saml:Subject>", "<x:x xmlns:x=':'/>"), Reason::XmlNamespaceRelative),
        (insert("<saml:Subject>", "<x:x xmlns:x='urn:x\u{200d}'/>"), Reason::XmlNamespaceRelative),
        (insert("<saml:Subject>", "<x:x xmlns:x='urn:x y'/>"), Reason::XmlNamespaceRelative),
        (insert("<saml:Subject>", "<x:x xmlns:x='urn:x&amp;y'/>"), Reason::XmlNamespaceRelative),
        (insert("<saml:Subject>", "<x:x xmlns:x='urn:x%2'/>"), Reason::XmlNamespaceRelative),
        (insert("<saml:Subject>", "<x:x xmlns:x='urn:{x}'/>"), Reason::XmlNamespaceRelative),
        (insert("<saml:Subject>", "<x:x xmlns:x='urn:x#a#b'/>"), Reason::XmlNamespaceRelative),
        // The first was found by fuzzing: xmlsec1 cannot read it.
        (
            insert("<saml:Subject>", "<x:x xmlns:x='http://www.wxmlns:saml=XMLSchema'/>"),
            Reason::XmlNamespaceRelative,
        ),
        (insert("<saml:Subject>", "<x:x xmlns:x='http://a:'/>"), Reason::XmlNamespaceRelative),
        (insert("<saml:Subject>", "<x:x xmlns:x='http://a@b@c/'/>"), Reason::XmlNamespaceRelative),
        (insert("<saml:Subject>", "<x:x xmlns:x='http:///path'/>"), Reason::XmlNamespaceRelative),
        (insert("<saml:Subject>", "<x xmlns:y=''/>"), Reason::XmlMalformed),
        (insert("<saml:Subject>", "<saml:a:b/>"), Reason::XmlMalformed),
        (insert("<saml:Subject>", "<:a/>"), Reason::XmlMalformed),
        (insert("<saml:Subject>", "<a saml:b:c=''/>"), Reason::XmlMalformed),
        (insert("<saml:Subject>", "<x:NameID xmlns:x='urn:x'/>"), Reason::XmlNamespaceForeign),
        (insert("<saml:Subject>", "<NameID/>"), Reason::XmlNamespaceForeign),
        (insert("<saml:Subject>", "<Signature xmlns='urn:x'/>"), Reason::XmlNamespaceForeign),
        (insert("<saml:Subject>", "<saml:Response/>"), Reason::XmlNamespaceForeign),
        (
            swap("<saml:Assertion ", "<saml:Assertion xmlns:saml='urn:oasis:names:tc:SAML:1.0:assertion' "),
            Reason::XmlNamespaceForeign,
        ),
        (swap("<saml:Subject>", "<saml:Subject ID='_response'>"), Reason::XmlIdDuplicate),
        (swap("<saml:Subject>", "<saml:Subject Id='_assertion'>"), Reason::XmlIdDuplicate),
        (swap("<saml:Subject>", "<saml:Subject id='_assertion'>"), Reason::XmlIdDuplicate),
        (swap("<saml:Subject>", "<saml:Subject AssertionID='_assertion'>"), Reason::XmlIdDuplicate),
        (swap("<saml:Subject>", "<saml:Subject xml:id='_other'>"), Reason::XmlIdQualified),
        (swap("<saml:Subject>", "<saml:Subject samlp:ID='_other'>"), Reason::XmlIdQualified),
        (insert(ASSERTION_TAG, &format!("<saml:Assertion {A} ID='_other'/>")), Reason::AssertionCount),
        (insert(ASSERTION_TAG, &format!("<saml:EncryptedAssertion {A}/>")), Reason::AssertionCount),
        (
            insert("<saml:Subject>", "<saml:Advice><saml:Assertion ID='_other'/></saml:Advice>"),
            Reason::AssertionCount,
        ),
        (insert("<saml:Subject>", SIG), Reason::SignatureSeveral),
        (insert("<saml:NameID ", SIG), Reason::SignatureMisplaced),
        (insert("<samlp:StatusCode ", SIG), Reason::SignatureMisplaced),
        (
            swap(
                "<samlp:Status>",
                "<samlp:Extensions xmlns:ds='http://www.w3.org/2000/09/xmldsig#'><ds:Signature/></samlp:Extensions><samlp:Status>",
            ),
            Reason::SignatureMisplaced,
        ),
    ];
    let message = xml("signxml_rsa2048_rsa_sha256");
    assert_eq!(reason(&message), None);
    for ((from, to), expected) in cases {
        assert_eq!(reason(&replaced(&message, &from, &to)), Some(expected), "{to}");
    }
}

#[test]
fn the_assertion_must_be_a_child_of_the_response() {
    let message = xml("response");
    let wrapped = replaced(&message, "<saml:Assertion ", "<samlp:Extensions><saml:Assertion ");
    let wrapped = replaced(&wrapped, "</saml:Assertion>", "</saml:Assertion></samlp:Extensions>");
    assert_eq!(reason(&wrapped), Some(Reason::AssertionMisplaced));
}

#[test]
fn an_encrypted_assertion_is_told_apart() {
    let message = xml("response");
    let (before, rest) = message.split_once("<saml:Assertion ").unwrap();
    let (_, after) = rest.split_once("</saml:Assertion>").unwrap();
    let encrypted = format!("{before}<saml:EncryptedAssertion/>{after}");
    assert!(inspect(&encrypted).unwrap().is_encrypted);
    assert!(!inspect(&message).unwrap().is_encrypted);
    assert_eq!(reason(&format!("{before}{after}")), Some(Reason::AssertionCount));
}

#[test]
fn other_messages_are_no_response() {
    for message in [
        "<AuthnRequest xmlns='urn:oasis:names:tc:SAML:2.0:protocol'/>",
        "<Response/>",
        "<Response xmlns='urn:oasis:names:tc:SAML:1.0:protocol'/>",
        "<Assertion xmlns='urn:oasis:names:tc:SAML:2.0:assertion'/>",
    ] {
        assert_eq!(reason(message), Some(Reason::NotAResponse), "{message}");
    }
}

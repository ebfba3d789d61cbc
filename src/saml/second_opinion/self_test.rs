//! The trial: samael must know good from bad before its word counts.
//!
//! Without its feature `xmlsec` its verification finds everything good, and what it is linked with is what the machine
//! has. So at every start it judges one honest message of the past, and forgeries of it, on the very way that a sign-in
//! takes.

use super::super::algorithms::Allowed;
use super::super::keys::TrustedKeys;
use super::super::response::Attribute;
use super::super::signature::Signature;
use super::super::signed_by::SignedBy;
use super::super::structure::{Kind, Structure};
use super::super::xml;
use super::Opinion;
use super::xmlsec::{Evidence, Said, opinion};
use crate::reason::{Reason, Refusal};

/// Response and assertion signed, each by the first key.
const HONEST: &str = include_str!("../fixtures/signxml_both.xml");
const ITS_KEY: &[u8] = include_bytes!("../fixtures/rsa2048.crt.pem");
const ANOTHER_KEY: &[u8] = include_bytes!("../fixtures/evil.crt.pem");

pub(super) fn run() -> Result<(), String> {
    trial().map_err(|what| format!("the second opinion failed its trial: {what}"))
}

fn trial() -> Result<(), String> {
    let signatures =
        signatures(&keys(ITS_KEY)?).map_err(|r| format!("our own code refuses its message: {r}"))?;
    let attributes = [
        attribute("urn:oid:0.9.2342.19200300.100.1.3", &["ada@example.org"]),
        attribute("groups", &["engineers", "CN=Ops, Night, OU=Groups"]),
    ];
    let said = Said { name_id: "ada@example.org", attributes: &attributes };
    match opinion(&[Evidence { document: HONEST, signatures: &signatures }], &said) {
        Opinion::Agrees => {}
        other => return Err(format!("an honest message: {other}")),
    }

    let refuses = |document: &str, signatures: &[SignedBy], said: &Said<'_>| {
        matches!(opinion(&[Evidence { document, signatures }], said), Opinion::Disagrees(_))
    };
    let forgeries = [
        (
            "a name was changed",
            HONEST.replacen(">ada@example.org</saml:NameID>", ">eva@example.org</saml:NameID>", 1),
        ),
        ("an attribute was changed", HONEST.replacen(">engineers<", ">root<", 1)),
        ("a digest was changed", HONEST.replacen("<ds:DigestValue>", "<ds:DigestValue>AAAA", 1)),
        ("a signature was changed", HONEST.replacen("<ds:SignatureValue>", "<ds:SignatureValue>AAAA", 1)),
        ("the signatures were taken away", without_signatures(HONEST)),
        ("nothing is XML", "<".to_owned()),
    ];
    for (how, forgery) in forgeries {
        if forgery == HONEST || !refuses(&forgery, &signatures, &said) {
            return Err(format!("it accepts a message in which {how}"));
        }
    }
    let stranger = keys(ANOTHER_KEY)?.certificates().first().cloned().ok_or("there is no other key")?;
    let under_another_key: Vec<_> =
        signatures.iter().map(|by| SignedBy { certificate: stranger.clone(), ..by.clone() }).collect();
    if !refuses(HONEST, &under_another_key, &said) {
        return Err("it verifies under a key that signed nothing".to_owned());
    }
    if !refuses(HONEST, &signatures, &Said { name_id: "eva@example.org", ..said })
        || !refuses(HONEST, &signatures, &Said { attributes: &attributes[..1], ..said })
    {
        return Err("it does not see who was signed in".to_owned());
    }
    Ok(())
}

fn attribute(name: &str, values: &[&str]) -> Attribute {
    Attribute {
        name: name.to_owned(),
        friendly_name: None,
        name_format: None,
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    }
}

/// The signatures of the honest message, by our own code.
fn signatures(keys: &TrustedKeys) -> Result<Vec<SignedBy>, Refusal> {
    let document = xml::parse(HONEST, 64)?;
    let structure = Structure::inspect(&document, Kind::Response)?;
    [structure.response_signature, structure.assertion_signature]
        .into_iter()
        .flatten()
        .map(|node| {
            let signed = Signature::parse(&document, node)?.verify(&document, keys, &Allowed::strong())?;
            signed.by().cloned().ok_or_else(|| Reason::SignatureMissing.into())
        })
        .collect()
}

fn without_signatures(message: &str) -> String {
    let mut rest = message;
    let mut out = String::with_capacity(message.len());
    while let Some((before, signature)) = rest.split_once("<ds:Signature ") {
        out.push_str(before);
        rest = signature.split_once("</ds:Signature>").map_or("", |(_, after)| after);
    }
    out + rest
}

fn keys(pem: &[u8]) -> Result<TrustedKeys, String> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem).map_err(|_| "a certificate is not PEM")?;
    TrustedKeys::from_certificates(&[pem.contents]).map(|(keys, _)| keys)
}

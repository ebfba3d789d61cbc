//! Signs a message of ours, in the one shape that we accept from others (`signature.rs`).

use super::algorithms::{ENVELOPED, EXCLUSIVE, Hash};
use super::own_keys::SigningKey;
use super::signature::{Method, canonical};
use super::xml::{self, Element, SIGNATURE};
use crate::reason::Refusal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uppsala::NodeId;

/// An enveloped signature for a message of ours: over the element with that ID, put in at octet `at`, which is where
/// that element's issuer ends (Core 3.2.1: the signature follows the issuer).
pub(super) fn envelop(unsigned: &str, at: usize, id: &str, key: &SigningKey) -> Result<String, String> {
    let failed = |refusal: Refusal| format!("our own message cannot be signed: {refusal}");
    let method = Method::exclusive();
    let encode = |octets: &[u8]| STANDARD.encode(octets);
    let (before, after) =
        unsigned.split_at_checked(at).ok_or("our own message has no place for a signature")?;

    let document = xml::parse(unsigned, 64).map_err(failed)?;
    let has_id = |node: &NodeId| Element::at(&document, *node).is_some_and(|e| e.attribute("ID") == Some(id));
    let signed =
        document.descendants(document.root()).into_iter().find(has_id).ok_or("our own message has no ID")?;
    let digest = Hash::Sha256.of(&canonical(&document, signed, None, &method).map_err(failed)?);

    let signed_info = format!(
        "<ds:SignedInfo xmlns:ds=\"{SIGNATURE}\"><ds:CanonicalizationMethod Algorithm=\"{EXCLUSIVE}\"/>\
         <ds:SignatureMethod Algorithm=\"{}\"/><ds:Reference URI=\"#{}\"><ds:Transforms>\
         <ds:Transform Algorithm=\"{ENVELOPED}\"/><ds:Transform Algorithm=\"{EXCLUSIVE}\"/></ds:Transforms>\
         <ds:DigestMethod Algorithm=\"{}\"/><ds:DigestValue>{}</ds:DigestValue></ds:Reference></ds:SignedInfo>",
        key.algorithm().uri(),
        xml::escape(id),
        Hash::Sha256.digest_method(),
        encode(digest.as_ref()),
    );
    let document = xml::parse(&signed_info, 64).map_err(failed)?;
    let root = Element::root(&document).map_err(failed)?.node();
    let value = key.sign(&canonical(&document, root, None, &method).map_err(failed)?)?;

    Ok(format!(
        "{before}<ds:Signature xmlns:ds=\"{SIGNATURE}\">{signed_info}<ds:SignatureValue>{}</ds:SignatureValue>\
         <ds:KeyInfo><ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>\
         </ds:Signature>{after}",
        encode(&value),
        encode(key.certificate_der()),
    ))
}

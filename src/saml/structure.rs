//! The structural pre-check: everything that can be refused without a key, before any cryptography.
//!
//! It walks the whole document once and knows nothing of what the message says. Its rules leave only documents in
//! which "the assertion", "its signature" and "the element with this ID" mean one thing to every reader: that is what
//! signature wrapping needs to be otherwise. The same check runs again over the octets that were digested.

use super::encryption::ENCRYPTION;
use super::xml::{ASSERTION, Element, PROTOCOL, SIGNATURE, shown};
use crate::reason::{Reason, Refusal};
use std::collections::HashSet;
use uppsala::{Document, NodeId, NodeKind};

/// Where everything stands in a document that passed.
#[derive(Debug)]
pub(super) struct Structure {
    /// The document element.
    pub(super) root: NodeId,
    /// The one assertion, or what it is encrypted in: a child of the response, or the document element itself.
    pub(super) assertion: NodeId,
    /// Whether it is an EncryptedAssertion. Then no signature of its own can be seen.
    pub(super) is_encrypted: bool,
    /// The response's own signature.
    pub(super) response_signature: Option<NodeId>,
    /// The assertion's own signature.
    pub(super) assertion_signature: Option<NodeId>,
}

/// What a document may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `samlp:Response`.
    Response,
    /// `saml:Assertion`, alone.
    Assertion,
    /// `saml:Assertion` as it was decrypted, in an element that stands for its place ([`super::decryption`]).
    Decrypted,
}

impl Structure {
    /// Checks the document. The order of the rules is the order of the table in `reason.rs`, except that the root's
    /// name comes first: whoever posts another message hears that, and not how its elements are called.
    pub(super) fn inspect(document: &Document<'_>, kind: Kind) -> Result<Self, Refusal> {
        let root = Element::root(document)?;
        let is_expected = match kind {
            Kind::Response => root.is(PROTOCOL, "Response"),
            Kind::Assertion => root.is(ASSERTION, "Assertion"),
            Kind::Decrypted => true,
        };
        if !is_expected {
            return Err(Refusal::new(
                Reason::NotAResponse,
                format!("the root is {}", shown(root.local_name())),
            ));
        }

        let found = Found::in_document(document)?;
        let assertion = match (&found.assertions[..], &found.encrypted[..]) {
            ([one], []) | ([], [one]) => *one,
            (plain, encrypted) => {
                let detail = format!(
                    "{} assertions, {} of them encrypted",
                    plain.len() + encrypted.len(),
                    encrypted.len()
                );
                return Err(Refusal::new(Reason::AssertionCount, detail));
            }
        };
        let in_place = match kind {
            Kind::Response => document.parent(assertion) == Some(root.node()),
            Kind::Decrypted => root.only_child().is_some_and(|only| only.node() == assertion),
            Kind::Assertion => assertion == root.node(),
        };
        if !in_place {
            return Err(Reason::AssertionMisplaced.into());
        }

        let mut structure = Self {
            root: root.node(),
            assertion,
            is_encrypted: !found.encrypted.is_empty(),
            response_signature: None,
            assertion_signature: None,
        };
        for signature in found.signatures {
            let place = match document.parent(signature) {
                Some(parent) if parent == assertion => &mut structure.assertion_signature,
                Some(parent) if parent == structure.root => &mut structure.response_signature,
                _ => return Err(Reason::SignatureMisplaced.into()),
            };
            if place.replace(signature).is_some() {
                return Err(Reason::SignatureSeveral.into());
            }
        }
        Ok(structure)
    }
}

/// The same check for a message that is neither a response nor an assertion, whose root has this name of the protocol:
/// no assertion anywhere, and at most one signature, which is the root's own. Gives the signature.
pub(super) fn inspect_message(document: &Document<'_>, name: &str) -> Result<Option<NodeId>, Refusal> {
    let root = Element::root(document)?;
    if !root.is(PROTOCOL, name) {
        let detail = format!("the root is {}, expected was {name}", shown(root.local_name()));
        return Err(Refusal::new(Reason::NotALogoutMessage, detail));
    }
    let found = Found::in_document(document)?;
    if !found.assertions.is_empty() || !found.encrypted.is_empty() {
        return Err(Refusal::new(Reason::LogoutMalformed, "there is an assertion in it"));
    }
    if found.signatures.iter().any(|signature| document.parent(*signature) != Some(root.node())) {
        return Err(Reason::SignatureMisplaced.into());
    }
    match found.signatures[..] {
        [] => Ok(None),
        [only] => Ok(Some(only)),
        _ => Err(Reason::SignatureSeveral.into()),
    }
}

/// The one element in what was decrypted and is no assertion: a name or an attribute. The same rules about names; and
/// nothing in it may call itself an assertion or a signature.
pub(super) fn sole_element<'d>(document: &'d Document<'d>) -> Result<Element<'d>, Refusal> {
    let found = Found::in_document(document)?;
    if !found.assertions.is_empty() || !found.encrypted.is_empty() {
        return Err(Reason::AssertionCount.into());
    }
    if !found.signatures.is_empty() {
        return Err(Reason::SignatureMisplaced.into());
    }
    Element::root(document)?
        .only_child()
        .ok_or_else(|| Refusal::new(Reason::DecryptionPlaintext, "it is not exactly one element"))
}

/// What was decrypted must not use an ID of the document around `place`, in which it stood: in one document they would
/// be the same. (What it was encrypted in goes when it comes.)
pub(super) fn refuse_shared_ids(
    outside: &Document<'_>,
    place: NodeId,
    inside: &Document<'_>,
) -> Result<(), Refusal> {
    let gone: HashSet<NodeId> = outside.descendants(place).into_iter().collect();
    let around = outside.descendants(outside.root()).into_iter().filter(|node| !gone.contains(node));
    let ids: HashSet<&str> = around.flat_map(|node| ids_of(outside, node)).collect();
    let mut own = inside.descendants(inside.root()).into_iter().flat_map(|node| ids_of(inside, node));
    match own.find(|id| ids.contains(id)) {
        Some(id) => Err(Refusal::new(Reason::XmlIdDuplicate, shown(id))),
        None => Ok(()),
    }
}

fn ids_of<'d>(document: &'d Document<'_>, node: NodeId) -> impl Iterator<Item = &'d str> {
    let attributes = document.element(node).map_or(&[][..], |element| &element.attributes);
    attributes.iter().filter(|a| is_id(&a.name.local_name)).map(|a| &*a.value)
}

/// What the walk comes across.
#[derive(Default)]
struct Found {
    assertions: Vec<NodeId>,
    encrypted: Vec<NodeId>,
    signatures: Vec<NodeId>,
}

impl Found {
    fn in_document(document: &Document<'_>) -> Result<Self, Refusal> {
        let mut found = Self::default();
        let mut ids = HashSet::new();
        for node in document.descendants(document.root()) {
            let element = match document.node_kind(node) {
                Some(NodeKind::ProcessingInstruction(_)) => {
                    return Err(Reason::XmlProcessingInstruction.into());
                }
                Some(NodeKind::Element(element)) => element,
                _ => continue,
            };
            check_names(element)?;
            for attribute in &element.attributes {
                if is_id(&attribute.name.local_name) {
                    if attribute.name.namespace_uri.is_some() {
                        return Err(Refusal::new(Reason::XmlIdQualified, shown(&attribute.value)));
                    }
                    if !ids.insert(&*attribute.value) {
                        return Err(Refusal::new(Reason::XmlIdDuplicate, shown(&attribute.value)));
                    }
                }
            }
            // Their namespaces were checked above.
            match &*element.name.local_name {
                "Assertion" => found.assertions.push(node),
                "EncryptedAssertion" => found.encrypted.push(node),
                "Signature" => found.signatures.push(node),
                _ => {}
            }
        }
        Ok(found)
    }
}

/// [`check_namespaces`], and the names of SAML only in the namespaces of SAML, so that a reader that looks at local
/// names only sees what we see.
fn check_names(element: &uppsala::Element<'_>) -> Result<(), Refusal> {
    check_namespaces(element)?;
    match namespace_of(&element.name.local_name) {
        Some(expected) if element.name.namespace_uri.as_deref() != Some(expected) => {
            Err(Refusal::new(Reason::XmlNamespaceForeign, shown(&element.name.local_name)))
        }
        _ => Ok(()),
    }
}

/// Namespaces in XML 1.0, where the parser is generous; no relative namespace names, whose meaning nobody agrees on
/// and on which canonicalisers give up.
pub(super) fn check_namespaces(element: &uppsala::Element<'_>) -> Result<(), Refusal> {
    for (prefix, uri) in &element.namespace_declarations {
        if uri.is_empty() && !prefix.is_empty() {
            return Err(Refusal::new(Reason::XmlMalformed, "a prefix is bound to no namespace"));
        }
        if !uri.is_empty() && !is_absolute(uri) {
            return Err(Refusal::new(Reason::XmlNamespaceRelative, shown(uri)));
        }
    }
    let names = element.attributes.iter().map(|a| &a.name).chain([&element.name]);
    for name in names {
        if name.local_name.contains(':') || name.prefix.as_deref() == Some("") {
            return Err(Refusal::new(
                Reason::XmlMalformed,
                "a name with more or fewer parts than prefix and name",
            ));
        }
    }
    Ok(())
}

/// The spellings under which readers look for IDs. Core says `ID`, XML Signature `Id`, others `id`, SAML 1.1
/// `AssertionID`; `xml:id` is caught as a qualified one.
pub(super) fn is_id(local_name: &str) -> bool {
    local_name.eq_ignore_ascii_case("id") || matches!(local_name, "AssertionID" | "ResponseID")
}

/// RFC 3986: an absolute URI begins with a scheme and a colon (3.1), has an authority with a host and perhaps a port after
/// two slashes (3.2), and no characters but those of URIs (2). Other
/// canonicalisers give up on what they cannot read as a URI. An ampersand, which URIs have and names of namespaces do not,
/// is refused as well: libxml2 keeps it as a reference to a character.
fn is_absolute(uri: &str) -> bool {
    uri.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
            && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~:/?#@!$'()*+,;=%".contains(&b))
            && rest.bytes().filter(|b| *b == b'#').count() <= 1
            && rest.split('%').skip(1).all(|after| {
                after.as_bytes().get(..2).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
            })
            && rest.strip_prefix("//").is_none_or(has_authority)
    })
}

/// RFC 3986 section 3.2, of what follows the two slashes: at most one user, and a port that is a number.
fn has_authority(rest: &str) -> bool {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let place = authority.split_once('@').map_or(authority, |(_user, place)| place);
    let (host, port) = place.split_once(':').unwrap_or((place, "0"));
    !host.is_empty()
        && !place.contains('@')
        && (1..=5).contains(&port.len())
        && port.bytes().all(|b| b.is_ascii_digit())
}

/// The names that mean something to readers of SAML, and where alone they may stand.
fn namespace_of(local_name: &str) -> Option<&'static str> {
    match local_name {
        "Assertion"
        | "EncryptedAssertion"
        | "Issuer"
        | "Subject"
        | "NameID"
        | "BaseID"
        | "EncryptedID"
        | "SubjectConfirmation"
        | "SubjectConfirmationData"
        | "Conditions"
        | "AudienceRestriction"
        | "Audience"
        | "OneTimeUse"
        | "ProxyRestriction"
        | "AuthnStatement"
        | "AuthnContext"
        | "AuthnContextClassRef"
        | "AttributeStatement"
        | "AttributeValue"
        | "EncryptedAttribute" => Some(ASSERTION),
        "Response" | "Status" | "StatusCode" => Some(PROTOCOL),
        "Signature"
        | "SignedInfo"
        | "SignatureValue"
        | "SignatureMethod"
        | "CanonicalizationMethod"
        | "DigestValue"
        | "KeyInfo"
        | "RetrievalMethod" => Some(SIGNATURE),
        "EncryptedData" | "EncryptedKey" | "CipherData" | "CipherValue" | "CipherReference" => {
            Some(ENCRYPTION)
        }
        _ => None,
    }
}

#[cfg(test)]
#[path = "structure_tests.rs"]
mod tests;

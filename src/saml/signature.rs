//! XML Signature, as much of it as SAML needs (Core 5.4), and no more.
//!
//! A signature has one shape here: over its own parent, by ID, enveloped, exclusively canonicalised. [`Signature`] is
//! that shape, parsed; everything else in XML Signature (other references, other transforms, keys in the message,
//! objects, manifests) does not parse, and there is no code that could carry it out. `KeyInfo` is never read.
//!
//! [`Signature::verify`] goes through it in the order that costs a forger most and us least: first the value over
//! SignedInfo, which is small and of fixed shape, under the keys that the configuration names; only then the digest of
//! what is signed. What comes back is [`SignedXml`], the very octets that were digested. It has no other constructor,
//! and [`SignedDocument`], from which alone an assertion can be read, is those octets parsed again: what we read is
//! what was signed, whatever the document beside it looks like.

use super::algorithms::{Allowed, Canonicalization, ENVELOPED, EXCLUSIVE, Hash, SignatureAlgorithm};
use super::keys::{SigningCertificate, TrustedKeys};
use super::signed_by::{Part, SignedBy};
use super::structure::{Kind, Structure, inspect_message};
use super::xml::{self, Element, SIGNATURE, shown};
use crate::reason::{Reason, Refusal};
use bergshamra_xml::NodeSet;
use uppsala::{Document, NodeId, NodeKind};

/// More prefixes than any signer lists (three or four).
const MAX_PREFIXES: usize = 32;

/// A signature of the one accepted shape. Nothing is known yet about whether it is true.
#[derive(Debug)]
pub(super) struct Signature {
    node: NodeId,
    /// What it stands in and what it signs: the same element, because its reference says so.
    signed: NodeId,
    signed_info: NodeId,
    canonicalization: Method,
    algorithm: SignatureAlgorithm,
    transform: Method,
    digest: Hash,
    digest_value: Vec<u8>,
    value: Vec<u8>,
}

/// A canonicalisation with its parameter.
#[derive(Debug)]
pub(super) struct Method {
    canonicalization: Canonicalization,
    /// The InclusiveNamespaces PrefixList (Exclusive XML Canonicalization 3).
    prefixes: Vec<String>,
}

impl Signature {
    /// Parses the `ds:Signature` at `node`. XML Signature 4, narrowed by Core 5.4.2 (one reference, to the ID of the
    /// parent), 5.4.3 (exclusive canonicalisation) and 5.4.4 (no other transforms).
    pub(super) fn parse(document: &Document<'_>, node: NodeId) -> Result<Self, Refusal> {
        let signature = Element::at(document, node).ok_or(Reason::SignatureShape)?;
        let signed =
            signature.parent().and_then(|p| Element::at(document, p)).ok_or(Reason::SignatureMisplaced)?;
        refuse_comments(document, node)?;

        let (signed_info, value) = match &elements(signature)?[..] {
            [signed_info, value] if is(signed_info, "SignedInfo") && is(value, "SignatureValue") => {
                (*signed_info, *value)
            }
            [signed_info, value, key_info]
                if is(signed_info, "SignedInfo")
                    && is(value, "SignatureValue")
                    && is(key_info, "KeyInfo") =>
            {
                (*signed_info, *value)
            }
            _ => return Err(shape("the children of Signature")),
        };

        let parts = elements(signed_info)?;
        let references = parts.iter().filter(|part| is(part, "Reference")).count();
        if references != 1 {
            return Err(Refusal::new(Reason::SignatureReference, format!("{references} references")));
        }
        let [canonicalization, method, reference] = parts[..] else {
            return Err(shape("the children of SignedInfo"));
        };
        if !is(&canonicalization, "CanonicalizationMethod")
            || !is(&method, "SignatureMethod")
            || !is(&reference, "Reference")
        {
            return Err(shape("the children of SignedInfo"));
        }

        let canonicalization = Method::parse(canonicalization, Reason::SignatureCanonicalization)?;
        let uri = method.attribute("Algorithm").unwrap_or("");
        let algorithm = SignatureAlgorithm::or_sha1_from_uri(uri)
            .ok_or_else(|| Refusal::new(Reason::SignatureAlgorithm, shown(uri)))?;
        if !elements(method)?.is_empty() {
            // HMACOutputLength, RSAPSSParams: no accepted algorithm takes parameters.
            return Err(Refusal::new(Reason::SignatureAlgorithm, format!("{} with parameters", shown(uri))));
        }

        match (signed.attribute("ID"), reference.attribute("URI").and_then(|uri| uri.strip_prefix('#'))) {
            (Some(id), Some(target)) if !id.is_empty() && id == target => {}
            (_, _) => {
                let uri = reference.attribute("URI").map_or_else(|| "no URI".to_owned(), shown);
                return Err(Refusal::new(Reason::SignatureReference, uri));
            }
        }
        let parts = elements(reference)?;
        if !parts.iter().any(|part| is(part, "Transforms")) {
            return Err(Refusal::new(Reason::SignatureTransforms, "there are none"));
        }
        let [transforms, digest_method, digest_value] = parts[..] else {
            return Err(shape("the children of Reference"));
        };
        if !is(&transforms, "Transforms")
            || !is(&digest_method, "DigestMethod")
            || !is(&digest_value, "DigestValue")
        {
            return Err(shape("the children of Reference"));
        }
        let transform = parse_transforms(transforms)?;
        let uri = digest_method.attribute("Algorithm").unwrap_or("");
        let digest = Hash::or_sha1_from_digest_method(uri)
            .ok_or_else(|| Refusal::new(Reason::DigestAlgorithm, shown(uri)))?;
        if !elements(digest_method)?.is_empty() {
            return Err(shape("something inside DigestMethod"));
        }

        Ok(Self {
            node,
            signed: signed.node(),
            signed_info: signed_info.node(),
            canonicalization,
            algorithm,
            transform,
            digest,
            digest_value: octets(digest_value)?,
            value: octets(value)?,
        })
    }

    /// Verifies it under the keys of one identity provider, which are the only ones there are (Core 5.4.5 is not for
    /// us: keys in the message are not looked at), with the algorithms that its owner allows.
    pub(super) fn verify(
        &self,
        document: &Document<'_>,
        keys: &TrustedKeys,
        allowed: &Allowed<'_>,
    ) -> Result<SignedXml, Refusal> {
        // XML Signature 3.2.2, first: somebody who holds a trusted key signed this SignedInfo.
        let certificate = self.signer(document, keys, allowed)?;
        let octets = self.digested(document)?;
        let signed = Element::at(document, self.signed);
        let (kind, part) = match signed {
            Some(element) if element.is(xml::PROTOCOL, "Response") => (Kind::Response, Part::Response),
            _ => (Kind::Assertion, Part::Assertion),
        };
        let octets = String::from_utf8(octets).map_err(|_| Reason::EncodingNotUtf8)?;
        let by = SignedBy {
            part,
            id: signed.and_then(|element| element.attribute("ID")).unwrap_or_default().to_owned(),
            certificate: certificate.clone(),
            algorithm: self.algorithm,
            digest: self.digest,
            digest_value: self.digest_value.clone(),
        };
        Ok(SignedXml { octets, kind, by: Some(by) })
    }

    /// The first half of [`Self::verify`]: one of the keys made the value over SignedInfo, by algorithms that are
    /// allowed. What it says about the digest is left to whoever has the octets; nothing may be read from them before.
    pub(super) fn verify_value(
        &self,
        document: &Document<'_>,
        keys: &TrustedKeys,
        allowed: &Allowed<'_>,
    ) -> Result<Promised<'_>, Refusal> {
        self.signer(document, keys, allowed)?;
        Ok(Promised { hash: self.digest, prefixes: &self.transform.prefixes, digest: &self.digest_value })
    }

    /// Who made the value over SignedInfo: the certificate of the key.
    pub(super) fn signer<'k>(
        &self,
        document: &Document<'_>,
        keys: &'k TrustedKeys,
        allowed: &Allowed<'_>,
    ) -> Result<&'k SigningCertificate, Refusal> {
        allowed.signature(self.algorithm)?;
        allowed.digest(self.digest)?;
        let signed_info = canonical(document, self.signed_info, None, &self.canonicalization)?;
        keys.verify(self.algorithm, &signed_info, &self.value)
            .map_err(|_| Refusal::new(Reason::SignatureInvalid, self.tried(keys)))
    }

    /// XML Signature 3.2.1, then: this is the element that they signed. The reference was resolved when it was
    /// parsed: it names the ID of the parent, and the structure says that no other element carries that ID. Gives the
    /// octets that were digested, which say nothing about who signed.
    pub(super) fn digested(&self, document: &Document<'_>) -> Result<Vec<u8>, Refusal> {
        let octets = canonical(document, self.signed, Some(self.node), &self.transform)?;
        if self.digest.of(&octets).as_ref() != self.digest_value {
            return Err(Reason::DigestMismatch.into());
        }
        Ok(octets)
    }

    /// Whether SHA-1 is anywhere in it.
    pub(super) fn has_sha1(&self) -> bool {
        self.algorithm.hash() == Hash::Sha1 || self.digest == Hash::Sha1
    }

    fn tried(&self, keys: &TrustedKeys) -> String {
        let known: Vec<_> =
            keys.certificates().iter().map(|c| format!("{} ({})", c.subject, c.key)).collect();
        format!("{} under {}", self.algorithm.uri(), known.join(", "))
    }
}

/// What somebody with a trusted key said about the digest of the element that the signature stands in, without the
/// signature, exclusively canonicalised with these prefixes.
#[must_use]
pub(super) struct Promised<'s> {
    pub(super) hash: Hash,
    pub(super) prefixes: &'s [String],
    pub(super) digest: &'s [u8],
}

/// The octets that were digested under a trusted key, made by [`Signature::verify`]; or those of an assertion whose
/// ciphertext was, made by [`SignedXml::decrypted`] with that document as the proof. Nobody else can make one.
#[must_use]
pub(super) struct SignedXml {
    octets: String,
    kind: Kind,
    by: Option<SignedBy>,
}

impl SignedXml {
    /// An assertion without a signature of its own, opened from a ciphertext that stands in `_signed`.
    pub(super) fn decrypted(
        document: &Document<'_>,
        assertion: NodeId,
        _signed: &SignedDocument<'_>,
    ) -> Result<Self, Refusal> {
        let octets = canonical(document, assertion, None, &Method::exclusive())?;
        let octets = String::from_utf8(octets).map_err(|_| Reason::EncodingNotUtf8)?;
        Ok(Self { octets, kind: Kind::Assertion, by: None })
    }

    /// Whose signature it was; none for what was opened.
    pub(super) const fn by(&self) -> Option<&SignedBy> {
        self.by.as_ref()
    }

    /// What was digested, or opened.
    #[cfg(feature = "second-opinion")]
    pub(super) fn octets(&self) -> &str {
        &self.octets
    }

    /// Whether the whole response was signed, or only its assertion.
    pub(super) fn covers_response(&self) -> bool {
        self.kind == Kind::Response
    }

    /// The octets, parsed again, to read from. The structure is checked again too: should the parser and the
    /// canonicaliser ever disagree about a document, this is where it shows.
    pub(super) fn read(&self) -> Result<SignedDocument<'_>, Refusal> {
        let document = xml::parse_again(&self.octets, u32::MAX)?;
        let structure = Structure::inspect(&document, self.kind)?;
        Ok(SignedDocument { document, structure })
    }

    /// The same for a message without an assertion, whose root has this name of the protocol.
    pub(super) fn read_message(&self, name: &str) -> Result<Document<'_>, Refusal> {
        let document = xml::parse_again(&self.octets, u32::MAX)?;
        match inspect_message(&document, name)? {
            // The signature was left out of what was digested; another one was never looked at.
            Some(_) => Err(Reason::SignatureSeveral.into()),
            None => Ok(document),
        }
    }
}

/// Signed octets, parsed: the only thing that an assertion can be read from.
pub(super) struct SignedDocument<'a> {
    document: Document<'a>,
    structure: Structure,
}

impl SignedDocument<'_> {
    /// The assertion, which is signed itself or lies inside what is.
    pub(super) fn assertion(&self) -> Result<Element<'_>, Refusal> {
        if self.structure.is_encrypted {
            return Err(Reason::AssertionEncrypted.into());
        }
        Element::at(&self.document, self.structure.assertion).ok_or_else(|| Reason::AssertionCount.into())
    }

    /// The EncryptedAssertion of a signed response.
    pub(super) fn encrypted_assertion(&self) -> Result<Element<'_>, Refusal> {
        Element::at(&self.document, self.structure.assertion)
            .filter(|_| self.structure.is_encrypted)
            .ok_or_else(|| Reason::AssertionCount.into())
    }

    /// The document itself, to compare with what was decrypted from it.
    pub(super) const fn document(&self) -> &Document<'_> {
        &self.document
    }

    /// The document element: the response when that was signed, else the assertion.
    pub(super) fn root(&self) -> Result<Element<'_>, Refusal> {
        Element::root(&self.document)
    }
}

impl Method {
    /// Exclusive canonicalisation without parameters.
    pub(super) const fn exclusive() -> Self {
        Self { canonicalization: Canonicalization::Exclusive, prefixes: Vec::new() }
    }

    /// A `ds:CanonicalizationMethod` or a canonicalising `ds:Transform`; `refusal` says which of the two it is.
    fn parse(element: Element<'_>, refusal: Reason) -> Result<Self, Refusal> {
        let uri = element.attribute("Algorithm").unwrap_or("");
        let canonicalization =
            Canonicalization::from_uri(uri).ok_or_else(|| Refusal::new(refusal, shown(uri)))?;
        let prefixes = match (&elements(element)?[..], canonicalization) {
            ([], _) => Vec::new(),
            ([list], Canonicalization::Exclusive) if list.is(EXCLUSIVE, "InclusiveNamespaces") => {
                if !elements(*list)?.is_empty() {
                    return Err(Refusal::new(refusal, "something inside InclusiveNamespaces"));
                }
                let list = list.attribute("PrefixList").unwrap_or("");
                list.split([' ', '\t', '\r', '\n']).filter(|p| !p.is_empty()).map(str::to_owned).collect()
            }
            _ => return Err(Refusal::new(refusal, "an unexpected parameter")),
        };
        if prefixes.len() > MAX_PREFIXES {
            return Err(Refusal::new(refusal, format!("more than {MAX_PREFIXES} prefixes")));
        }
        Ok(Self { canonicalization, prefixes })
    }
}

/// Exactly two: enveloped-signature, then exclusive canonicalisation (Core 5.4.4). A canonicalisation alone, an XPath
/// or an XSLT would let something else be digested than what is read.
fn parse_transforms(transforms: Element<'_>) -> Result<Method, Refusal> {
    let [enveloped, exclusive] = elements(transforms)?[..] else {
        return Err(Refusal::new(Reason::SignatureTransforms, "not exactly two"));
    };
    if !is(&enveloped, "Transform") || !is(&exclusive, "Transform") {
        return Err(shape("the children of Transforms"));
    }
    let first = enveloped.attribute("Algorithm").unwrap_or("");
    if first != ENVELOPED || !elements(enveloped)?.is_empty() {
        return Err(Refusal::new(Reason::SignatureTransforms, format!("the first is {}", shown(first))));
    }
    let method = Method::parse(exclusive, Reason::SignatureTransforms)?;
    if method.canonicalization != Canonicalization::Exclusive {
        return Err(Refusal::new(
            Reason::SignatureTransforms,
            "the second is not exclusive canonicalisation",
        ));
    }
    Ok(method)
}

/// The canonical octets of the element at `node`, without `left_out` and all that is in it; never empty.
pub(super) fn canonical(
    document: &Document<'_>,
    node: NodeId,
    left_out: Option<NodeId>,
    method: &Method,
) -> Result<Vec<u8>, Refusal> {
    let mut nodes = NodeSet::tree_without_comments(node, document);
    for gone in left_out.into_iter().flat_map(|gone| [gone].into_iter().chain(document.descendants(gone))) {
        nodes.remove_id(gone);
    }
    let octets = bergshamra_c14n::canonicalize_doc(
        document,
        method.canonicalization.mode(),
        Some(&nodes),
        &method.prefixes,
    )
    .map_err(|e| Refusal::new(Reason::SignatureCanonicalization, shown(&e.to_string())))?;
    // Void canonicalisation: some canonicalisers give nothing for documents that confuse them, and nothing has a
    // well-known digest.
    if octets.is_empty() {
        return Err(Reason::SignatureEmpty.into());
    }
    Ok(octets)
}

/// The canonical form of a document element, for whoever makes it otherwise.
#[cfg(test)]
pub(super) fn canonical_for_tests(document: &Document<'_>, prefixes: &[String]) -> String {
    let method = Method { canonicalization: Canonicalization::Exclusive, prefixes: prefixes.to_vec() };
    let root = Element::root(document).unwrap().node();
    String::from_utf8(canonical(document, root, None, &method).unwrap()).unwrap()
}

/// Inside a signature a comment splits what one reader sees as one value, and a qualified attribute is what another
/// reader takes for the unqualified one. (Processing instructions are refused everywhere.)
fn refuse_comments(document: &Document<'_>, signature: NodeId) -> Result<(), Refusal> {
    for node in document.descendants(signature).into_iter().chain([signature]) {
        match document.node_kind(node) {
            Some(NodeKind::Comment(_)) => return Err(Refusal::new(Reason::SignatureComment, "a comment")),
            Some(NodeKind::Element(element))
                if element.attributes.iter().any(|a| a.name.namespace_uri.is_some()) =>
            {
                return Err(Refusal::new(Reason::SignatureComment, "a qualified attribute"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The child elements of an element that may hold nothing else.
fn elements<'d>(element: Element<'d>) -> Result<Vec<Element<'d>>, Refusal> {
    if element.has_loose_text() {
        return Err(shape("text between elements"));
    }
    Ok(element.children().collect())
}

fn is(element: &Element<'_>, local: &str) -> bool {
    element.is(SIGNATURE, local)
}

fn octets(element: Element<'_>) -> Result<Vec<u8>, Refusal> {
    element.text().and_then(|text| xml::base64(&text)).ok_or_else(|| shape("a value is not base64"))
}

fn shape(what: &'static str) -> Refusal {
    Refusal::new(Reason::SignatureShape, what)
}

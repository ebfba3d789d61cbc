//! The signature of a document that is too large to be a tree.
//!
//! Only the document element's own signature counts, and it stands where the schema wants it: as its first child
//! (Metadata 2.3.1 and 2.3.2). Its value over SignedInfo is verified in a small document of its own, the start tag
//! around the signature and nothing else: there is nothing else that the canonical form of SignedInfo depends on.
//! What is left is a promise about the digest of the document element, which the pass over the document keeps.

use super::MetadataProblem;
use super::canonical::Canonicalizer;
use super::events::{Event, Events};
use crate::reason::Reason;
use crate::saml::algorithms::Allowed;
use crate::saml::markup;
use crate::saml::parties::TrustedKeys;
use crate::saml::signature::Signature;
use crate::saml::xml::{self, Element, SIGNATURE};
use aws_lc_rs::digest::Context;
use std::ops::Range;

/// More than a signature with a chain of certificates has.
const LONGEST_SIGNATURE: usize = 128 * 1024;

/// A signature whose value is true: somebody who holds the pinned key signed a digest. Whether it is that of this
/// document, [`Promise::kept`] says.
pub(super) struct Promise {
    /// Where the signature begins: what stands there is not part of what is signed.
    pub(super) at: usize,
    prefixes: Vec<String>,
    digest: Context,
    expected: Vec<u8>,
}

impl Promise {
    /// Of the document in `text`, which must be signed by one of the pinned keys.
    pub(super) fn of(text: &str, pinned: &TrustedKeys) -> Result<Self, MetadataProblem> {
        let head = Head::read(text)?;
        let small =
            format!("{}{}</{}>", &text[head.start_tag], &text[head.signature.clone()], head.qualified_name);
        let small = markup::normalize_attributes(small);
        let failed = |refusal| MetadataProblem::of_signature(&refusal);
        let document = xml::parse_again(&small, super::Limits::DEPTH).map_err(failed)?;
        let root = Element::root(&document).map_err(failed)?;
        let [node] = root.children().map(Element::node).collect::<Vec<_>>()[..] else {
            return Err(unsigned());
        };
        let signature = Signature::parse(&document, node).map_err(failed)?;
        let promised = signature.verify_value(&document, pinned, &Allowed::strong()).map_err(failed)?;
        Ok(Self {
            at: head.signature.start,
            prefixes: promised.prefixes.to_vec(),
            digest: promised.hash.running(),
            expected: promised.digest.to_vec(),
        })
    }

    /// Renders what is signed, as the signature wants it.
    pub(super) fn canonicalizer<'a>(&self) -> Canonicalizer<'a> {
        Canonicalizer::new(&self.prefixes)
    }

    /// More of what was rendered.
    pub(super) fn update(&mut self, rendered: &str) {
        self.digest.update(rendered.as_bytes());
    }

    /// Whether all that was rendered is what was signed.
    pub(super) fn kept(self) -> Result<(), MetadataProblem> {
        if self.digest.finish().as_ref() == self.expected {
            return Ok(());
        }
        let sentence = "the metadata was changed after it was signed: its digest is another; look at what lies \
                        between its source and the gate";
        Err(MetadataProblem::new(Reason::MetadataDigestMismatch, sentence))
    }
}

/// The beginning of a document whose document element has a signature.
struct Head {
    start_tag: Range<usize>,
    qualified_name: String,
    signature: Range<usize>,
}

impl Head {
    fn read(text: &str) -> Result<Self, MetadataProblem> {
        let mut events = Events::new(text);
        let mut root = None;
        let mut signature: Option<usize> = None;
        while let Some(event) = events.next()? {
            match (event, signature) {
                (Event::Start(element, 0, at), _) => {
                    root = Some((element.name.prefixed_name().into_owned(), at))
                }
                (Event::Start(element, 1, at), None) => {
                    if !element.matches_name_ns(SIGNATURE, "Signature") {
                        break;
                    }
                    signature = Some(at.start);
                }
                (Event::Start(_, _, Range { end, .. }) | Event::End(_, end), Some(begin))
                    if end - begin > LONGEST_SIGNATURE =>
                {
                    let sentence =
                        format!("the metadata's signature has more than {LONGEST_SIGNATURE} octets");
                    return Err(MetadataProblem::new(Reason::MetadataSignatureRefused, sentence));
                }
                (Event::End(1, end), Some(begin)) => {
                    let (qualified_name, start_tag) = root.ok_or_else(unsigned)?;
                    return Ok(Self { start_tag, qualified_name, signature: begin..end });
                }
                _ => {}
            }
        }
        Err(unsigned())
    }
}

fn unsigned() -> MetadataProblem {
    let sentence = "the metadata is not signed, and its signer is pinned: a signature on the document element, as its \
                    first child, is expected; one further inside does not cover the whole";
    MetadataProblem::new(Reason::MetadataUnsigned, sentence)
}

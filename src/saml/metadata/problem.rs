//! Why a metadata document, or a change in it, is not used.

use crate::reason::{Reason, Refusal};
use std::fmt;

/// A document that is not used, with the rule that it breaks. Displayed as a sentence for the owner: what disagreed,
/// the likely cause, the setting to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataProblem {
    /// The stable code; one of those that begin with `metadata-`.
    pub reason: Reason,
    /// The sentence.
    pub sentence: String,
}

impl MetadataProblem {
    pub(super) fn new(reason: Reason, sentence: impl Into<String>) -> Self {
        Self { reason, sentence: sentence.into() }
    }

    /// A refusal of the reader of XML, told as one of metadata: who serves metadata is no browser that posts.
    pub(super) fn of_xml(refusal: &Refusal) -> Self {
        let reason = match refusal.reason {
            Reason::EncodingNotUtf8 => Reason::MetadataEncoding,
            Reason::XmlMalformed => Reason::MetadataMalformed,
            Reason::XmlDoctype => Reason::MetadataDoctype,
            _ => Reason::MetadataMarkup,
        };
        Self::new(reason, format!("the metadata cannot be read: {refusal}"))
    }

    /// A refusal of the verifier of signatures.
    pub(super) fn of_signature(refusal: &Refusal) -> Self {
        let reason = match refusal.reason {
            Reason::SignatureInvalid => Reason::MetadataSignatureInvalid,
            _ => Reason::MetadataSignatureRefused,
        };
        Self::new(reason, format!("the metadata's signature is refused: {refusal}"))
    }
}

impl fmt::Display for MetadataProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for MetadataProblem {}

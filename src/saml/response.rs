//! From the text of a SAMLResponse to a response that its identity provider signed.
//!
//! ```text
//! ResponseText ──parse──> RawResponse ──verify(idp)──> VerifiedResponse ──accept(expected, policy, now)──> AcceptedAssertion
//! ```
//!
//! Each step takes what stands before it by value. A [`RawResponse`] passed everything that can be checked without a
//! key and tells nothing but which request it claims to answer. A [`VerifiedResponse`] was signed by the identity
//! provider and tells nothing yet either: whether it is meant for us, now and for this request is the profile's
//! question (`accept.rs`).

use super::accept::web_browser_sso;
use super::assertion::Assertion;
use super::envelope::{Envelope, Status};
use super::markup;
use super::parties::{EntityId, IdentityProvider, Limits, Policy, RequireSigned};
use super::signature::{Signature, SignedXml};
use super::signed_by::SignedBy;
use super::structure::{Kind, Structure};
use super::xml::{self, Element};
use crate::clock::Moment;
use crate::reason::{Reason, Refusal};
use std::fmt;
use uppsala::{Document, NodeId};

pub use super::accept::{AcceptedAssertion, Expected};
pub use super::assertion::Attribute;
pub use super::subject::NameId;

/// The decoded text of one SAMLResponse: base64 undone, UTF-8, within the limit. Nothing can be read from it.
pub struct ResponseText {
    text: String,
    /// The same before anything was done to it, for who reads with another parser.
    #[cfg(feature = "second-opinion")]
    posted: String,
}

impl ResponseText {
    /// Undoes the POST binding's base64 (Bindings 3.5.4). Line breaks between its characters are allowed, as MIME
    /// encoders put them there; nothing else is.
    ///
    /// # Errors
    /// `message-too-large` (looked at before and after decoding), `base64-invalid`, `encoding-not-utf8`.
    pub fn from_form_value(value: &str, limits: &Limits) -> Result<Self, Refusal> {
        // Four characters for three octets, and a line break after each 64 of them at most.
        let longest = limits.max_decoded_bytes.div_ceil(3).saturating_mul(4);
        if value.len() > longest.saturating_add(longest / 32).saturating_add(4) {
            return Err(Refusal::new(
                Reason::MessageTooLarge,
                format!("{} characters of base64", value.len()),
            ));
        }
        // A space is a plus that somebody decoded twice.
        if value.contains(' ') {
            return Err(Refusal::new(Reason::Base64Invalid, "a space in it: was a plus sign decoded twice?"));
        }
        let octets = xml::base64(value).filter(|octets| !octets.is_empty()).ok_or(Reason::Base64Invalid)?;
        let text = String::from_utf8(octets).map_err(|_| Reason::EncodingNotUtf8)?;
        Self::from_xml(text, limits)
    }

    /// From XML, for explanations and tests.
    ///
    /// # Errors
    /// `message-too-large`, `encoding-not-utf8`.
    pub fn from_xml(xml: String, limits: &Limits) -> Result<Self, Refusal> {
        if xml.len() > limits.max_decoded_bytes {
            return Err(Refusal::new(Reason::MessageTooLarge, format!("{} octets of XML", xml.len())));
        }
        // UTF-16 and UTF-32 without a byte order mark would be UTF-8 with zeros between.
        if let [0, ..] | [_, 0, ..] = xml.as_bytes() {
            return Err(Reason::EncodingNotUtf8.into());
        }
        Ok(Self {
            #[cfg(feature = "second-opinion")]
            posted: xml.clone(),
            text: markup::normalize_attributes(xml),
        })
    }

    /// The text as it was posted.
    #[cfg(feature = "second-opinion")]
    pub(super) fn as_posted(&self) -> &str {
        &self.posted
    }
}

impl fmt::Debug for ResponseText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResponseText({} octets)", self.text.len())
    }
}

/// A response that passed the pre-check and of which nothing is known to be true.
#[must_use]
pub struct RawResponse<'a> {
    document: Document<'a>,
    root: NodeId,
    response_signature: Option<Signature>,
    assertion_signature: Option<Signature>,
}

impl<'a> RawResponse<'a> {
    /// Parses once, with the whole structural pre-check (everything that needs no key).
    ///
    /// # Errors
    /// Every reason about the message as XML and about the shape of signatures; `status-not-success` when the IdP
    /// sent no assertion and says why.
    pub fn parse(text: &'a ResponseText, limits: &Limits) -> Result<Self, Refusal> {
        let document = xml::parse(&text.text, limits.max_depth)?;
        let structure = Structure::inspect(&document, Kind::Response)
            .map_err(|refusal| instead_of_no_assertion(&document, refusal))?;
        let parse = |node: Option<NodeId>| node.map(|node| Signature::parse(&document, node)).transpose();
        let response_signature = parse(structure.response_signature)?;
        let assertion_signature = parse(structure.assertion_signature)?;
        Ok(Self { root: structure.root, response_signature, assertion_signature, document })
    }

    /// The request ID that the response claims to answer; unverified, good only for choosing which attempt to compare
    /// with.
    pub fn claimed_in_response_to(&self) -> Option<&str> {
        Element::at(&self.document, self.root)?.attribute("InResponseTo")
    }

    /// Verifies every signature with the IdP's keys, applies `require_signed`, and reads the assertion from the octets
    /// that were digested.
    ///
    /// # Errors
    /// `signature-missing…`, `signature-invalid`, `signature-empty`, `digest-mismatch`; then everything that an
    /// assertion or a response lacks, or says in a way that cannot be read.
    pub fn verify(self, idp: &IdentityProvider) -> Result<VerifiedResponse, Refusal> {
        let (missing_assertion, missing_response) =
            (self.assertion_signature.is_none(), self.response_signature.is_none());
        if missing_assertion && missing_response {
            return Err(Reason::SignatureMissing.into());
        }
        if missing_assertion && matches!(idp.require_signed, RequireSigned::Assertion | RequireSigned::Both) {
            return Err(Reason::SignatureMissingAssertion.into());
        }
        if missing_response && matches!(idp.require_signed, RequireSigned::Response | RequireSigned::Both) {
            return Err(Reason::SignatureMissingResponse.into());
        }

        // Every signature that is present must be good, also the one that is not needed.
        let verify = |signature: Option<Signature>| {
            signature.map(|signature| signature.verify(&self.document, &idp.keys)).transpose()
        };
        let response = verify(self.response_signature)?;
        let assertion = verify(self.assertion_signature)?;

        let signed_parts = match (&response, &assertion) {
            (Some(_), Some(_)) => "both",
            (Some(_), None) => "response",
            (None, _) => "assertion",
        };

        let signatures: Vec<_> =
            [&response, &assertion].into_iter().flatten().map(SignedXml::by).cloned().collect();

        // The larger signed part is read: a signed response holds its assertion.
        let signed = response.or(assertion).ok_or(Reason::SignatureMissing)?;
        let document = signed.read()?;
        let envelope = if signed.covers_response() {
            Envelope::parse(document.root()?, true)?
        } else {
            Envelope::parse(Element::root(&self.document)?, false)?
        };
        let assertion = Assertion::parse(&document)?;
        Ok(VerifiedResponse {
            envelope,
            assertion,
            verified_as: idp.entity_id.clone(),
            signed_parts,
            signatures,
        })
    }
}

impl fmt::Debug for RawResponse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawResponse")
            .field("response_signed", &self.response_signature.is_some())
            .field("assertion_signed", &self.assertion_signature.is_some())
            .finish_non_exhaustive()
    }
}

/// An IdP that could not sign somebody in sends a status and no assertion: then the status is what the owner needs to
/// hear.
fn instead_of_no_assertion(document: &Document<'_>, refusal: Refusal) -> Refusal {
    if refusal.reason != Reason::AssertionCount {
        return refusal;
    }
    let Ok(root) = Element::root(document) else { return refusal };
    let has_one = root.children().any(|c| matches!(c.local_name(), "Assertion" | "EncryptedAssertion"));
    match Status::parse(root) {
        Ok(Status::Failed(said)) if !has_one => Refusal::new(Reason::StatusNotSuccess, said),
        _ => refusal,
    }
}

/// Signed by the identity provider; not yet judged by the profile. Nothing can be read from it.
#[must_use]
pub struct VerifiedResponse {
    pub(super) envelope: Envelope,
    pub(super) assertion: Assertion,
    /// Under whose keys it was verified.
    pub(super) verified_as: EntityId,
    /// `response`, `assertion` or `both`.
    pub(super) signed_parts: &'static str,
    /// The signatures that verified, the response's first.
    pub(super) signatures: Vec<SignedBy>,
}

impl VerifiedResponse {
    /// Judges it by the Web Browser SSO profile, paragraph by paragraph (`accept.rs`).
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn accept(
        self,
        expected: &Expected<'_>,
        policy: &Policy,
        now: Moment,
    ) -> Result<AcceptedAssertion, Refusal> {
        web_browser_sso(self, expected, policy, now)
    }
}

impl fmt::Debug for VerifiedResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedResponse").field("verified_as", &self.verified_as.0).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;

//! From the text of a SAMLResponse to a response that its identity provider signed.
//!
//! ```text
//! ResponseText ──parse──> RawResponse ──verify(idp, sp, now)──> VerifiedResponse ──accept(expected, policy, now)──> AcceptedAssertion
//! ```
//!
//! Each step takes what stands before it by value. A [`RawResponse`] passed everything that can be checked without a
//! key and tells nothing but which request it claims to answer. A [`VerifiedResponse`] was signed by the identity
//! provider and tells nothing yet either: whether it is meant for us, now and for this request is the profile's
//! question (`accept.rs`).
//!
//! # Encrypted answers
//!
//! The response's signature covers the ciphertext, so it is verified first and what is opened is taken from the octets
//! that it covers; a signature inside is verified after the opening; both must be good when both are there, and
//! without either nothing is accepted. From the opening to the inner signature every refusal is marked
//! ([`Refusal::is_behind_decryption`]): outside they must all look alike.
//!
//! CBC under an inner signature alone needs more: what that signature does not cover (a KeyInfo, the padding) can be
//! changed without breaking it, so "well signed, but not for you" would tell somebody who sends another person's
//! ciphertext that the change opened to something readable. There every refusal until the acceptance is marked: only
//! whoever is let in anyway learns that a signature was good.

use super::accept::web_browser_sso;
use super::algorithms::Allowed;
use super::assertion::Assertion;
use super::ciphertext::Ciphertext;
use super::decryption::{Decryption, Plaintext};
use super::envelope::{Envelope, Status};
use super::parties::{EntityId, IdentityProvider, Limits, Policy, RequireSigned, ServiceProvider};
use super::signature::{Signature, SignedDocument, SignedXml};
use super::signed_by::SignedBy;
use super::structure::{Kind, Structure};
use super::witness::{Compared, Strict, Witness};
use super::xml::{self, ASSERTION, Element};
use crate::clock::Moment;
use crate::reason::{Reason, Refusal};
use std::fmt;
use uppsala::{Document, NodeId};

pub use super::accept::{AcceptedAssertion, Answers, Expected};
pub use super::assertion::Attribute;
pub use super::response_text::ResponseText;
pub use super::subject::NameId;

/// A response that passed the pre-check and of which nothing is known to be true.
#[must_use]
pub struct RawResponse<'a> {
    document: Document<'a>,
    root: NodeId,
    response_signature: Option<Signature>,
    assertion: RawAssertion,
    max_depth: u32,
}

/// The assertion of a response, as far as it can be seen without a key.
enum RawAssertion {
    Plain { signature: Option<Signature> },
    Encrypted { place: NodeId, ciphertext: Box<Ciphertext> },
}

impl<'a> RawResponse<'a> {
    /// Parses once, with the whole structural pre-check (everything that needs no key).
    ///
    /// # Errors
    /// Every reason about the message as XML and about the shape of signatures; `status-not-success` when the IdP
    /// sent no assertion and says why.
    pub fn parse(text: &'a ResponseText, limits: &Limits) -> Result<Self, Refusal> {
        let document = xml::parse(text.as_str(), limits.max_depth)?;
        let structure = Structure::inspect(&document, Kind::Response)
            .map_err(|refusal| instead_of_no_assertion(&document, refusal))?;
        let parse = |node: Option<NodeId>| node.map(|node| Signature::parse(&document, node)).transpose();
        let response_signature = parse(structure.response_signature)?;
        let assertion = if structure.is_encrypted {
            let place = Element::at(&document, structure.assertion).ok_or(Reason::AssertionCount)?;
            let ciphertext = Box::new(Ciphertext::parse(place)?);
            RawAssertion::Encrypted { place: structure.assertion, ciphertext }
        } else {
            RawAssertion::Plain { signature: parse(structure.assertion_signature)? }
        };
        let max_depth = limits.max_depth;
        Ok(Self { root: structure.root, response_signature, assertion, max_depth, document })
    }

    /// Whether the assertion is encrypted: then [`Self::verify`] uses a private key of ours, and whoever lets a
    /// stranger have it done counts how often.
    pub const fn is_encrypted(&self) -> bool {
        matches!(self.assertion, RawAssertion::Encrypted { .. })
    }

    /// The request ID that the response claims to answer; unverified, good only for choosing which attempt to compare
    /// with.
    pub fn claimed_in_response_to(&self) -> Option<&str> {
        Element::at(&self.document, self.root)?.attribute("InResponseTo")
    }

    /// The entity ID that the response, or else its assertion, claims to come from; unverified, good only for choosing
    /// whose keys must verify it.
    pub fn claimed_issuer(&self) -> Option<String> {
        let root = Element::at(&self.document, self.root)?;
        let assertion = root.children_named(ASSERTION, "Assertion").next();
        [Some(root), assertion]
            .into_iter()
            .flatten()
            .find_map(|element| element.children_named(ASSERTION, "Issuer").next()?.token())
            .filter(|issuer| !issuer.is_empty())
    }

    /// Whether the response as a whole carries a signature, good or bad.
    pub fn is_signed_as_response(&self) -> bool {
        self.response_signature.is_some()
    }

    /// Verifies every signature with the IdP's keys and the algorithms that its owner allows at `now`, opens what is
    /// encrypted for us, applies `require_signed`, and reads the assertion from the octets that were digested.
    ///
    /// # Errors
    /// `encryption-missing`, `signature-missing…`, `signature-algorithm`, `signature-invalid`, `signature-empty`,
    /// `digest-mismatch`; `assertion-encrypted`, `encryption-cbc`, `decryption-…` and, of what was opened, every reason
    /// about the message as XML and about the shape of signatures; then everything that an assertion or a response
    /// lacks, or says in a way that cannot be read.
    pub fn verify(
        self,
        idp: &IdentityProvider,
        sp: &ServiceProvider,
        now: Moment,
    ) -> Result<VerifiedResponse, Refusal> {
        let Self { document, response_signature, assertion, max_depth, .. } = self;
        let theirs = Theirs { idp, allowed: idp.cryptography.at(now) };
        let ours = Decryption::new(sp, &idp.cryptography, max_depth);
        match assertion {
            RawAssertion::Plain { signature } => {
                theirs.verify_plain(&document, response_signature, signature, ours)
            }
            RawAssertion::Encrypted { place, ciphertext } => {
                theirs.verify_encrypted((&document, place), response_signature, *ciphertext, ours)
            }
        }
    }
}

/// The identity provider whose keys decide, with what it may use them for at this moment.
struct Theirs<'a> {
    idp: &'a IdentityProvider,
    allowed: Allowed<'a>,
}

impl Theirs<'_> {
    fn verify_plain(
        &self,
        document: &Document<'_>,
        response: Option<Signature>,
        assertion: Option<Signature>,
        ours: Decryption<'_>,
    ) -> Result<VerifiedResponse, Refusal> {
        if self.idp.cryptography.require_encrypted {
            return Err(Reason::EncryptionMissing.into());
        }
        self.demand_signed(response.is_some(), assertion.is_some())?;
        // Every signature that is present must be good, also the one that is not needed.
        let sha1 = response.iter().chain(&assertion).any(Signature::has_sha1);
        let response = self.verified(document, response)?;
        let assertion = self.verified(document, assertion)?;
        let signed_parts = signed_parts(response.is_some(), assertion.is_some());

        let signatures = signatures(response.as_ref(), assertion.as_ref());
        // The larger signed part is read: a signed response holds its assertion.
        let signed = response.or(assertion).ok_or(Reason::SignatureMissing)?;
        let read = signed.read()?;
        let envelope = if signed.covers_response() {
            Envelope::parse(read.root()?, true)?
        } else {
            Envelope::parse(Element::root(document)?, false)?
        };
        let assertion = Assertion::parse(&read, ours)?;
        Ok(self.verdict(envelope, assertion, Protection { signed_parts, encrypted: None, sha1 }, signatures))
    }

    fn verify_encrypted(
        &self,
        (document, place): (&Document<'_>, NodeId),
        response: Option<Signature>,
        ciphertext: Ciphertext,
        ours: Decryption<'_>,
    ) -> Result<VerifiedResponse, Refusal> {
        if !ours.has_key() {
            return Err(Reason::AssertionEncrypted.into());
        }
        // Whether the assertion is signed will only be seen inside.
        self.demand_signed(response.is_some(), true)?;
        ours.admit(ciphertext.cipher, response.is_some())?;

        // Whoever tampered with a ciphertext that was signed gets no further than this.
        let mut sha1 = response.iter().any(Signature::has_sha1);
        let response = self.verified(document, response)?;
        let signed = response.as_ref().map(SignedXml::read).transpose()?;
        let (envelope, ciphertext) = match &signed {
            Some(signed) => {
                (Envelope::parse(signed.root()?, true)?, Ciphertext::parse(signed.encrypted_assertion()?)?)
            }
            None => (Envelope::parse(Element::root(document)?, false)?, ciphertext),
        };

        let opened = ours
            .open(&ciphertext)
            .and_then(|plaintext| self.verify_opened(&plaintext, signed.as_ref(), (document, place), ours))
            .map_err(Refusal::behind_decryption)?;
        sha1 |= opened.sha1;
        let malleable = ciphertext.cipher.is_cbc() && signed.is_none();
        let assertion = opened
            .assertion
            .read()
            .and_then(|document| Assertion::parse(&document, ours))
            .map_err(|refusal| marked(refusal, malleable))?;
        let signed_parts = signed_parts(signed.is_some(), opened.is_signed);
        let protection = Protection { signed_parts, encrypted: Some(ciphertext.cipher.name()), sha1 };
        let signatures = signatures(response.as_ref(), Some(&opened.assertion));
        Ok(VerifiedResponse {
            malleable,
            #[cfg(feature = "second-opinion")]
            opened: Some(opened.document),
            ..self.verdict(envelope, assertion, protection, signatures)
        })
    }

    /// The same rules for what was opened as for what comes in the clear.
    fn verify_opened(
        &self,
        plaintext: &Plaintext,
        signed: Option<&SignedDocument<'_>>,
        unsigned: (&Document<'_>, NodeId),
        ours: Decryption<'_>,
    ) -> Result<Opened, Refusal> {
        let document = plaintext.document(ours.max_depth())?;
        let outside = match signed {
            Some(signed) => (signed.document(), signed.encrypted_assertion()?.node()),
            None => unsigned,
        };
        let (assertion, signature) = ours.assertion(&document, outside)?;
        let signature = signature.map(|node| Signature::parse(&document, node)).transpose()?;
        let (is_signed, sha1) = (signature.is_some(), signature.iter().any(Signature::has_sha1));
        self.demand_signed(signed.is_some(), is_signed)?;
        let assertion = match (self.verified(&document, signature)?, signed) {
            (Some(verified), _) => verified,
            (None, Some(signed)) => SignedXml::decrypted(&document, assertion, signed)?,
            (None, None) => return Err(Reason::SignatureMissing.into()),
        };
        Ok(Opened {
            // What is signed, others canonicalise themselves.
            #[cfg(feature = "second-opinion")]
            document: if is_signed { plaintext.as_opened() } else { assertion.octets().to_owned() },
            assertion,
            is_signed,
            sha1,
        })
    }

    fn verified(
        &self,
        document: &Document<'_>,
        signature: Option<Signature>,
    ) -> Result<Option<SignedXml>, Refusal> {
        signature.map(|signature| signature.verify(document, &self.idp.keys, &self.allowed)).transpose()
    }

    /// `require_signed`.
    fn demand_signed(&self, response: bool, assertion: bool) -> Result<(), Refusal> {
        demand_signatures((response, assertion), self.idp.require_signed, &mut Strict)
    }

    fn verdict(
        &self,
        envelope: Envelope,
        assertion: Assertion,
        protection: Protection,
        signatures: Vec<SignedBy>,
    ) -> VerifiedResponse {
        VerifiedResponse {
            envelope,
            assertion,
            verified_as: self.idp.entity_id.clone(),
            protection,
            signatures,
            #[cfg(feature = "second-opinion")]
            opened: None,
            malleable: false,
        }
    }
}

fn marked(refusal: Refusal, malleable: bool) -> Refusal {
    if malleable { refusal.behind_decryption() } else { refusal }
}

/// An assertion that was encrypted, and is as good as one that came in the clear.
struct Opened {
    assertion: SignedXml,
    /// It, with its own signature as it was opened, or its octets.
    #[cfg(feature = "second-opinion")]
    document: String,
    is_signed: bool,
    sha1: bool,
}

/// Those of the response and of its assertion, where they have one.
fn signatures(response: Option<&SignedXml>, assertion: Option<&SignedXml>) -> Vec<SignedBy> {
    [response, assertion].into_iter().flatten().filter_map(SignedXml::by).cloned().collect()
}

const fn signed_parts(response: bool, assertion: bool) -> &'static str {
    match (response, assertion) {
        (true, true) => "both",
        (true, false) => "response",
        (false, _) => "assertion",
    }
}

/// How an answer was protected on its way, for the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protection {
    /// Which parts the IdP signed: `response`, `assertion` or `both`.
    pub signed_parts: &'static str,
    /// The cipher of the assertion's content, when it was encrypted: `aes128-gcm`.
    pub encrypted: Option<&'static str>,
    /// Whether any signature rests on SHA-1, which the configuration allows until a day.
    pub sha1: bool,
}

impl fmt::Debug for RawResponse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawResponse")
            .field("response_signed", &self.response_signature.is_some())
            .field("encrypted", &self.is_encrypted())
            .finish_non_exhaustive()
    }
}

/// Which parts must be signed (`require_signed`); `signed` says whether the response is, and whether the assertion is.
pub(super) fn demand_signatures(
    signed: (bool, bool),
    required: RequireSigned,
    witness: &mut impl Witness,
) -> Result<(), Refusal> {
    let (response, assertion) = signed;
    let is = |signed| if signed { "signed" } else { "not signed" };
    let found = || Compared::words(format!("response {}, assertion {}", is(response), is(assertion)));
    witness.demand(response || assertion, Reason::SignatureMissing, found)?;
    let wanted = matches!(required, RequireSigned::Assertion | RequireSigned::Both);
    witness.demand(assertion || !wanted, Reason::SignatureMissingAssertion, found)?;
    let wanted = matches!(required, RequireSigned::Response | RequireSigned::Both);
    witness.demand(response || !wanted, Reason::SignatureMissingResponse, found)
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
        Ok(Status::Failed(failure)) if !has_one => failure.into(),
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
    pub(super) protection: Protection,
    /// The signatures that verified, the response's first.
    pub(super) signatures: Vec<SignedBy>,
    /// What stood in the ciphertext, for who reads it with another parser.
    #[cfg(feature = "second-opinion")]
    pub(super) opened: Option<String>,
    /// It came in CBC under an inner signature alone: refusing it must tell nothing.
    malleable: bool,
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
        let malleable = self.malleable;
        web_browser_sso(self, expected, policy, now).map_err(|refusal| marked(refusal, malleable))
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

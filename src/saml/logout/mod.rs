//! Single logout (Core 3.7, Profiles 4.4), in both directions and by both bindings.
//!
//! ```text
//! LogoutText ──parse──> RawLogout ──verify(idp)──> VerifiedLogout ──accept──> AcceptedLogoutRequest, LogoutAnswer
//!   a query or a field    shape only: which of       signed octets    judge.rs: the profile
//!                         our IdPs may it be from?
//! ```
//!
//! The chain is that of a sign-in (`response.rs`), over the same parser, the same structural check and the same
//! signature. A query (HTTP-Redirect) is signed as it arrived, a form (HTTP-POST) carries its signature inside.
//!
//! What a signed message may do is little: end sessions of the identity provider that signed it. It is judged strictly
//! all the same, because an old or foreign one in the wrong hands would sign people out at will.

mod judge;
mod message;
mod write;

pub use super::redirect::Carries;
pub use judge::{AcceptedLogoutRequest, ExpectedAnswer, LogoutAnswer};
pub use write::{Asks, Delivery, Outcome, logout_request, logout_response};

use super::decryption::Decryption;
use super::parties::{EntityId, IdentityProvider, Limits, ServiceProvider};
use super::redirect::{Query, QuerySignature};
use super::response::ResponseText;
use super::signature::Signature;
use super::structure::inspect_message;
use super::xml::{self, ASSERTION, Element};
use crate::reason::{Reason, Refusal};
use message::Message;
use std::fmt;
use uppsala::{Document, NodeId};

/// A logout message as it arrived, decoded and within the limit. Nothing can be read from it but which of the two it
/// claims to be, and the sender's note to itself.
pub struct LogoutText {
    xml: ResponseText,
    carries: Carries,
    relay_state: Option<String>,
    query_signature: Option<QuerySignature>,
}

impl LogoutText {
    /// From the query of a GET, exactly as it arrived: what stands behind the question mark (Bindings 3.4.4.1).
    ///
    /// # Errors
    /// `query-malformed`, `query-signature-incomplete`, `signature-algorithm`, `base64-invalid`, `deflate-invalid`,
    /// `message-too-large`, `encoding-not-utf8`.
    pub fn from_query(raw: &str, limits: &Limits) -> Result<Self, Refusal> {
        let Query { carries, xml, relay_state, signature } = Query::read(raw, limits.max_decoded_bytes)?;
        Ok(Self {
            xml: ResponseText::from_xml(xml, limits)?,
            carries,
            relay_state,
            query_signature: signature,
        })
    }

    /// From the field of a posted form (Bindings 3.5.4).
    ///
    /// # Errors
    /// `message-too-large`, `base64-invalid`, `encoding-not-utf8`.
    pub fn from_form(
        carries: Carries,
        value: &str,
        relay_state: Option<String>,
        limits: &Limits,
    ) -> Result<Self, Refusal> {
        let xml = ResponseText::from_form_value(value, limits)?;
        Ok(Self { xml, carries, relay_state, query_signature: None })
    }

    /// Whether it came as a request or as a response.
    pub const fn carries(&self) -> Carries {
        self.carries
    }

    /// What the sender wants back with our response, unchanged (Bindings 3.4.3, 3.5.3). It leads nowhere here.
    pub fn relay_state(&self) -> Option<&str> {
        self.relay_state.as_deref()
    }

    /// The root that it must have: a request in `SAMLResponse` is neither.
    const fn root(&self) -> &'static str {
        match self.carries {
            Carries::Request => "LogoutRequest",
            Carries::Response => "LogoutResponse",
        }
    }
}

impl fmt::Debug for LogoutText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogoutText({}, {:?})", self.root(), self.xml)
    }
}

/// A logout message that passed the structural check and of which nothing is known to be true.
#[must_use]
pub struct RawLogout<'a> {
    text: &'a LogoutText,
    document: Document<'a>,
    root: NodeId,
    enveloped: Option<Signature>,
    max_depth: u32,
}

impl<'a> RawLogout<'a> {
    /// Parses once, with everything that needs no key.
    ///
    /// # Errors
    /// Every reason about the message as XML and about the shape of its signature; `not-a-logout-message`.
    pub fn parse(text: &'a LogoutText, limits: &Limits) -> Result<Self, Refusal> {
        let document = xml::parse(text.xml.as_str(), limits.max_depth)?;
        let root = Element::root(&document)?.node();
        let enveloped = inspect_message(&document, text.root())?
            .map(|signature| Signature::parse(&document, signature))
            .transpose()?;
        Ok(Self { text, root, enveloped, document, max_depth: limits.max_depth })
    }

    /// Who it claims to be from; unverified, good only for choosing whose keys must verify it.
    pub fn claimed_issuer(&self) -> Option<String> {
        self.root()?.children_named(ASSERTION, "Issuer").next()?.token()
    }

    /// The request that a response claims to answer; unverified, good only for choosing what to compare it with.
    pub fn claimed_in_response_to(&self) -> Option<&str> {
        self.root()?.attribute("InResponseTo")
    }

    /// Verifies every signature that is there with the keys of one identity provider, and reads the message: from the
    /// octets that were digested, or from what the signed query holds. A name that is encrypted is opened with our keys
    /// when a signature covers it, and never otherwise: an unsigned message would be somebody's question to our key.
    ///
    /// Without `require_signed` a message without any signature is taken for the identity provider's; one that has a
    /// signature must still be signed well.
    ///
    /// # Errors
    /// `logout-unsigned`, `signature-invalid`, `digest-mismatch`; then everything that the message lacks;
    /// `nameid-encrypted`, `decryption-…`, `encryption-cbc`.
    pub fn verify(
        self,
        idp: &IdentityProvider,
        sp: &ServiceProvider,
        require_signed: bool,
    ) -> Result<VerifiedLogout, Refusal> {
        let allowed = idp.cryptography.for_logout();
        let by_query = self.text.query_signature.as_ref();
        if let Some(signature) = by_query {
            signature.verify(&idp.keys, &allowed)?;
        }
        let enveloped =
            self.enveloped.as_ref().map(|s| s.verify(&self.document, &idp.keys, &allowed)).transpose()?;
        let signed = by_query.is_some() || enveloped.is_some();
        if !signed && require_signed {
            return Err(Reason::LogoutUnsigned.into());
        }
        let name = self.text.root();
        let ours = Some(Decryption::new(sp, &idp.cryptography, self.max_depth))
            .filter(|ours| signed && ours.has_key());
        let message = match (&enveloped, by_query) {
            (Some(octets), _) => {
                Message::parse(Element::root(&octets.read_message(name)?)?, self.text.carries, ours)?
            }
            // The query's signature covers the whole document.
            (None, _) => Message::parse(Element::root(&self.document)?, self.text.carries, ours)?,
        };
        Ok(VerifiedLogout { message, signed, verified_as: idp.entity_id.clone() })
    }

    fn root(&self) -> Option<Element<'_>> {
        Element::at(&self.document, self.root)
    }
}

impl fmt::Debug for RawLogout<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawLogout").field("text", &self.text).finish_non_exhaustive()
    }
}

/// Signed by an identity provider (or unsigned, where its owner allows that), not yet judged. Nothing can be read from
/// it; the ways on are [`VerifiedLogout::accept_request`] and [`VerifiedLogout::accept_response`].
#[must_use]
pub struct VerifiedLogout {
    message: Message,
    signed: bool,
    /// Under whose keys it was verified.
    verified_as: EntityId,
}

impl fmt::Debug for VerifiedLogout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedLogout").field("verified_as", &self.verified_as.0).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

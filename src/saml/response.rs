//! RawResponse -> VerifiedResponse -> AcceptedAssertion (SKELETON).

use super::parties::{IdentityProvider, Limits, Policy, ServiceProvider};
use crate::clock::Moment;
use crate::reason::Refusal;
use std::time::Duration;

/// The decoded text of one SAMLResponse: base64 undone, UTF-8, within the limit. Nothing can be read from it.
pub struct ResponseText {}

impl ResponseText {
    /// Undoes the POST binding's base64 (Bindings 3.5.4).
    pub fn from_form_value(_value: &str, _limits: &Limits) -> Result<Self, Refusal> {
        todo!()
    }
    /// From XML, for `explain` and tests.
    pub fn from_xml(_xml: String, _limits: &Limits) -> Result<Self, Refusal> {
        todo!()
    }
}

/// A response that passed the pre-check and of which nothing is known to be true.
pub struct RawResponse<'a> {
    _text: &'a ResponseText,
}

impl<'a> RawResponse<'a> {
    /// Parses once, with the whole structural pre-check (everything that needs no key).
    pub fn parse(_text: &'a ResponseText, _limits: &Limits) -> Result<Self, Refusal> {
        todo!()
    }
    /// The request ID that the response claims to answer; unverified, good only for choosing which attempt to compare with.
    pub fn claimed_in_response_to(&self) -> Option<&str> {
        todo!()
    }
    /// Verifies every signature with the IdP's keys, applies `require_signed`, reads the assertion from the verified node.
    pub fn verify(self, _idp: &IdentityProvider) -> Result<VerifiedResponse, Refusal> {
        todo!()
    }
}

/// Signed by the IdP; not yet judged by the profile. Owned.
pub struct VerifiedResponse {}

/// What the answer must answer.
pub struct Expected<'a> {
    pub request_id: &'a str,
    /// When the request was issued.
    pub requested_at: Moment,
    pub service_provider: &'a ServiceProvider,
    pub identity_provider: &'a IdentityProvider,
    /// The ACS URL that this attempt asked for (an alias may have been used).
    pub acs_url: &'a str,
}

impl VerifiedResponse {
    /// The Web Browser SSO profile, paragraph by paragraph (accept.rs).
    pub fn accept(
        self,
        _expected: &Expected<'_>,
        _policy: &Policy,
        _now: Moment,
    ) -> Result<AcceptedAssertion, Refusal> {
        todo!()
    }
}

/// A NameID (Core 2.2.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameId {
    pub value: String,
    pub format: Option<String>,
    pub name_qualifier: Option<String>,
    pub sp_name_qualifier: Option<String>,
}

/// One attribute: name, friendly name, values (text; a nested NameID gives its text; nil and empty give "").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    pub name: String,
    pub friendly_name: Option<String>,
    pub name_format: Option<String>,
    pub values: Vec<String>,
}

/// An assertion that passed every rule of the profile. Consumed by `Identity::from_accepted`.
/// Whether it was seen before is the store's question: claim `assertion_key` (with the request) until `claim_until`.
#[must_use]
pub struct AcceptedAssertion {}

impl AcceptedAssertion {
    pub fn id(&self) -> &str {
        todo!()
    }
    pub fn issuer(&self) -> &str {
        todo!()
    }
    pub fn name_id(&self) -> &NameId {
        todo!()
    }
    pub fn attributes(&self) -> &[Attribute] {
        todo!()
    }
    pub fn session_index(&self) -> Option<&str> {
        todo!()
    }
    pub fn authn_instant(&self) -> Moment {
        todo!()
    }
    pub fn authn_context_class(&self) -> Option<&str> {
        todo!()
    }
    /// The IdP's own end of the session, when it sent one.
    pub fn session_not_on_or_after(&self) -> Option<Moment> {
        todo!()
    }
    /// The latest moment at which any rule could still accept this assertion (every NotOnOrAfter, plus skew).
    pub fn acceptable_until(&self) -> Moment {
        todo!()
    }
    /// How far the IdP's clock seems ahead of ours (issue instant minus now), for a metric.
    pub fn clock_ahead(&self) -> Option<Duration> {
        todo!()
    }
}

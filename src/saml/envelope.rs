//! The response around the assertion (Core 3.2.2 and 3.3.3).
//!
//! When the response is signed its envelope is read from the signed octets. When only the assertion is, the envelope
//! is whatever the bearer made of it: then it may refuse, and never decides anything in the user's favour, because
//! every rule that matters is demanded again of the assertion.

use super::instant;
use super::xml::{ASSERTION, Element, PROTOCOL, SIGNATURE, shown};
use crate::clock::Moment;
use crate::reason::{Reason, Refusal};

const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
const ENTITY_FORMAT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity";

/// What a response says about itself.
pub(super) struct Envelope {
    /// Whether the signature covers it.
    pub(super) signed: bool,
    pub(super) issue_instant: Moment,
    pub(super) issuer: Option<String>,
    pub(super) destination: Option<String>,
    pub(super) in_response_to: Option<String>,
    pub(super) status: Status,
}

/// The first level of the status (Core 3.2.2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Status {
    Success,
    /// Anything else.
    Failed(Failure),
}

/// Why there is no success, as far as the identity provider says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    reason: Reason,
    /// Both codes and the message, in words for the owner.
    said: String,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::new(failure.reason, failure.said)
    }
}

impl Envelope {
    /// Reads the `samlp:Response` (Core 3.2.2, StatusResponseType; 3.3.3).
    pub(super) fn parse(response: Element<'_>, signed: bool) -> Result<Self, Refusal> {
        check_version(response)?;
        required_id(response)?;
        let issue_instant = issue_instant(response)?;

        // The schema's sequence: Issuer, Signature, Extensions, Status, then the assertion.
        let (mut issuer, mut extensions) = (None, false);
        for child in response.children() {
            if child.is(ASSERTION, "Issuer") {
                if issuer.replace(parse_issuer(child)?).is_some() {
                    return Err(malformed("two issuers"));
                }
            } else if child.is(PROTOCOL, "Extensions") {
                if std::mem::replace(&mut extensions, true) {
                    return Err(malformed("two Extensions"));
                }
            } else if !child.is(SIGNATURE, "Signature")
                && !child.is(PROTOCOL, "Status")
                && !child.is(ASSERTION, "Assertion")
                && !child.is(ASSERTION, "EncryptedAssertion")
            {
                return Err(malformed(&format!("a child named {}", shown(child.local_name()))));
            }
        }
        if response.has_loose_text() {
            return Err(malformed("text between elements"));
        }

        Ok(Self {
            signed,
            issue_instant,
            issuer,
            destination: response.attribute("Destination").map(str::to_owned),
            in_response_to: response.attribute("InResponseTo").map(str::to_owned),
            status: Status::parse(response)?,
        })
    }
}

impl Status {
    /// The status of a response: exactly one, with a code.
    pub(super) fn parse(response: Element<'_>) -> Result<Self, Refusal> {
        let mut all = response.children_named(PROTOCOL, "Status");
        let (Some(status), None) = (all.next(), all.next()) else {
            return Err(Reason::StatusMissing.into());
        };
        let mut codes = status.children_named(PROTOCOL, "StatusCode");
        let (Some(code), None) = (codes.next(), codes.next()) else {
            return Err(Refusal::new(Reason::StatusMissing, "not exactly one status code"));
        };
        let value = code.attribute("Value").ok_or(Reason::StatusMissing)?;
        if value == SUCCESS {
            return Ok(Self::Success);
        }

        let (mut said, mut reason) = (shown(value), Reason::StatusNotSuccess);
        if let Some(nested) = code.children_named(PROTOCOL, "StatusCode").next() {
            let nested = nested.attribute("Value").unwrap_or("");
            said.push_str(" / ");
            said.push_str(&shown(nested));
            // Core 3.2.2.2: of the second level, these speak of what our request asked for.
            reason = match nested {
                "urn:oasis:names:tc:SAML:2.0:status:NoPassive" => Reason::NoPassive,
                "urn:oasis:names:tc:SAML:2.0:status:NoAuthnContext" => Reason::NoAuthnContext,
                "urn:oasis:names:tc:SAML:2.0:status:InvalidNameIDPolicy" => Reason::InvalidNameIdPolicy,
                _ => reason,
            };
        }
        if let Some(message) = status.children_named(PROTOCOL, "StatusMessage").find_map(Element::token) {
            said.push_str(": ");
            said.push_str(&shown(&message));
        }
        Ok(Self::Failed(Failure { reason, said }))
    }
}

/// `Version` must be 2.0 (Core 2.3.3, 3.2.2, 4.1).
pub(super) fn check_version(element: Element<'_>) -> Result<(), Refusal> {
    match element.attribute("Version") {
        Some("2.0") => Ok(()),
        other => {
            Err(Refusal::new(Reason::VersionUnsupported, other.map_or_else(|| "none".to_owned(), shown)))
        }
    }
}

/// `ID` must be there (Core 1.3.4).
pub(super) fn required_id(element: Element<'_>) -> Result<&str, Refusal> {
    element.attribute("ID").filter(|id| !id.is_empty()).ok_or_else(|| Reason::IdMissing.into())
}

/// `IssueInstant` must be there and a time.
pub(super) fn issue_instant(element: Element<'_>) -> Result<Moment, Refusal> {
    let text = element.attribute("IssueInstant").ok_or(Reason::IssueInstantInvalid)?;
    instant::parse(text).ok_or_else(|| Refusal::new(Reason::IssueInstantInvalid, shown(text)))
}

/// The text of a `saml:Issuer`. Its format, when it has one, must say "entity" (Profiles 4.1.4.2).
pub(super) fn parse_issuer(issuer: Element<'_>) -> Result<String, Refusal> {
    match issuer.attribute("Format") {
        None | Some(ENTITY_FORMAT) => {}
        Some(other) => return Err(Refusal::new(Reason::IssuerFormat, shown(other))),
    }
    // Core 8.3.6: an entity identifier has no qualifiers.
    if ["NameQualifier", "SPNameQualifier", "SPProvidedID"]
        .into_iter()
        .any(|name| issuer.attribute(name).is_some())
    {
        return Err(Refusal::new(Reason::IssuerFormat, "a qualified entity identifier"));
    }
    issuer.token().ok_or_else(|| Refusal::new(Reason::IssuerFormat, "there is an element inside"))
}

fn malformed(what: &str) -> Refusal {
    Refusal::new(Reason::ResponseMalformed, what.to_owned())
}

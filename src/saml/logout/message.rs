//! A logout message as its schema has it (Core 3.2.1, 3.2.2, 3.7.1, 3.7.2): complete, not yet judged.

use crate::clock::Moment;
use crate::reason::{Reason, Refusal};
use crate::saml::assertion::time;
use crate::saml::decryption::Decryption;
use crate::saml::envelope::{Status, check_version, issue_instant, parse_issuer, required_id};
use crate::saml::redirect::Carries;
use crate::saml::subject::NameId;
use crate::saml::xml::{ASSERTION, Element, PROTOCOL, SIGNATURE, shown};

/// The second-level status of a logout that did not reach everybody (Core 3.2.2.2).
pub(super) const PARTIAL: &str = "urn:oasis:names:tc:SAML:2.0:status:PartialLogout";

/// What requests and responses have in common, and what is their own.
pub(super) struct Message {
    pub(super) id: String,
    pub(super) issue_instant: Moment,
    pub(super) issuer: String,
    pub(super) destination: Option<String>,
    pub(super) content: Content,
}

/// What is their own.
pub(super) enum Content {
    Request(Request),
    Response(Response),
}

/// `LogoutRequestType` (Core 3.7.1).
pub(super) struct Request {
    pub(super) name_id: NameId,
    /// Empty: every session of the name.
    pub(super) session_indexes: Vec<String>,
    pub(super) not_on_or_after: Option<Moment>,
}

/// `StatusResponseType` (Core 3.2.2, 3.7.2).
pub(super) struct Response {
    pub(super) in_response_to: String,
    pub(super) said: Said,
}

/// What the status says. A partial logout may stand under success or under failure: implementations differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    Success,
    Partial,
    Failed(String),
}

impl Message {
    /// Reads the message whose root this is, by what it was sent as.
    /// `ours` opens an encrypted name; none when nobody signed the message, or we have no key.
    pub(super) fn parse(
        root: Element<'_>,
        carries: Carries,
        ours: Option<Decryption<'_>>,
    ) -> Result<Self, Refusal> {
        check_version(root)?;
        let id = required_id(root)?.to_owned();
        let issue_instant = issue_instant(root)?;
        let destination = root.attribute("Destination").map(str::to_owned);
        if root.has_loose_text() {
            return Err(malformed("text between elements"));
        }

        // The schema's sequence: Issuer, Signature, Extensions, then what is the message's own.
        let (mut issuer, mut extensions, mut own) = (None, false, Vec::new());
        for child in root.children() {
            // Its place and number were checked by the structure; where among its siblings changes nothing.
            if child.is(SIGNATURE, "Signature") {
                continue;
            }
            let head = own.is_empty() && !extensions;
            if child.is(ASSERTION, "Issuer") && head && issuer.is_none() {
                issuer = Some(parse_issuer(child)?);
            } else if child.is(PROTOCOL, "Extensions") && head {
                extensions = true;
            } else if child.is(ASSERTION, "Issuer") || child.is(PROTOCOL, "Extensions") {
                return Err(malformed(&format!("{} is doubled or out of its place", child.local_name())));
            } else {
                own.push(child);
            }
        }
        // Profiles 4.4.4.1 and 4.4.4.2: the issuer must be there.
        let issuer = issuer.filter(|issuer| !issuer.is_empty()).ok_or(Reason::LogoutIssuerUnknown)?;
        let content = match carries {
            Carries::Request => Content::Request(Request::parse(root, &own, ours)?),
            Carries::Response => Content::Response(Response::parse(root, &own)?),
        };
        Ok(Self { id, issue_instant, issuer, destination, content })
    }
}

impl Request {
    fn parse(root: Element<'_>, own: &[Element<'_>], ours: Option<Decryption<'_>>) -> Result<Self, Refusal> {
        let (name, rest) = own.split_first().ok_or(Reason::NameIdMissing)?;
        let name_id = if name.is(ASSERTION, "EncryptedID") {
            let ours = ours.ok_or(Reason::NameIdEncrypted)?;
            ours.open_signed(*name, ASSERTION, "NameID", NameId::parse)?
        } else if name.is(ASSERTION, "NameID") {
            NameId::parse(*name)?
        } else {
            return Err(Refusal::new(Reason::NameIdMissing, format!("{} instead", shown(name.local_name()))));
        };
        let mut session_indexes = Vec::new();
        for child in rest {
            if !child.is(PROTOCOL, "SessionIndex") {
                return Err(malformed(&format!("{} does not belong there", shown(child.local_name()))));
            }
            let index = child.token().filter(|index| !index.is_empty());
            session_indexes.push(index.ok_or_else(|| malformed("a SessionIndex without text"))?);
        }
        Ok(Self { name_id, session_indexes, not_on_or_after: time(root, "NotOnOrAfter")? })
    }
}

impl Response {
    fn parse(root: Element<'_>, own: &[Element<'_>]) -> Result<Self, Refusal> {
        if let Some(other) = own.iter().find(|child| !child.is(PROTOCOL, "Status")) {
            return Err(malformed(&format!("{} does not belong there", shown(other.local_name()))));
        }
        let in_response_to = root.attribute("InResponseTo").ok_or(Reason::LogoutUnsolicited)?.to_owned();
        let partial = root
            .children_named(PROTOCOL, "Status")
            .flat_map(|status| status.children_named(PROTOCOL, "StatusCode"))
            .flat_map(|code| code.children_named(PROTOCOL, "StatusCode"))
            .any(|nested| nested.attribute("Value") == Some(PARTIAL));
        let said = match (Status::parse(root)?, partial) {
            (_, true) => Said::Partial,
            (Status::Success, false) => Said::Success,
            (Status::Failed(failure), false) => Said::Failed(failure.into_words()),
        };
        Ok(Self { in_response_to, said })
    }
}

fn malformed(what: &str) -> Refusal {
    Refusal::new(Reason::LogoutMalformed, what.to_owned())
}

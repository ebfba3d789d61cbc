//! The assertion as the Web Browser SSO profile demands it (Core 2.3 to 2.7, Profiles 4.1.4.2).
//!
//! What the profile demands is not `Option` here: an assertion without it does not parse. It is read from a
//! [`SignedDocument`] only. Elements stand in the order of the schema, once each; what the schema does not know is
//! refused. Left aside, because the standard lets us: `Advice` (Core 2.6), authorization decisions and statements of
//! other kinds (Profiles 4.1.4.2). Encrypted names and attributes are opened with our keys; where the gate has none,
//! encrypted attributes stay unknown and an encrypted name refuses.

use super::decryption::Decryption;
use super::envelope::{check_version, issue_instant, parse_issuer, required_id};
use super::instant;
use super::one_or_more::OneOrMore;
use super::signature::SignedDocument;
use super::subject::{Bearers, NameId};
use super::xml::{ASSERTION, Element, SCHEMA_INSTANCE, SIGNATURE, shown, trim};
use crate::clock::Moment;
use crate::reason::{Reason, Refusal};
use std::fmt;

/// A signed assertion, complete, not yet judged.
pub(super) struct Assertion {
    pub(super) id: String,
    pub(super) issue_instant: Moment,
    pub(super) issuer: String,
    pub(super) name_id: NameId,
    /// The bearer confirmations that say everything they must.
    pub(super) bearers: Bearers,
    pub(super) conditions: Conditions,
    pub(super) authn_statements: OneOrMore<AuthnStatement>,
    pub(super) attributes: Vec<Attribute>,
}

/// One attribute (Core 2.7.3.1).
#[derive(Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// A name for people; not part of its identity.
    pub friendly_name: Option<String>,
    /// How the name is to be read.
    pub name_format: Option<String>,
    /// Its values as text, exactly as they were sent. A NameID inside a value gives its text; nil and empty values
    /// give ""; a value with any other structure is left out.
    pub values: Vec<String>,
}

/// The conditions (Core 2.5.1), all of them understood.
pub(super) struct Conditions {
    pub(super) not_before: Option<Moment>,
    pub(super) not_on_or_after: Option<Moment>,
    /// One entry for each AudienceRestriction: the audiences of which one must be us.
    pub(super) audiences: OneOrMore<OneOrMore<String>>,
}

/// How and when somebody signed in at the IdP (Core 2.7.2).
pub(super) struct AuthnStatement {
    pub(super) authn_instant: Moment,
    pub(super) session_index: Option<String>,
    pub(super) session_not_on_or_after: Option<Moment>,
    pub(super) context_class: Option<String>,
}

impl Assertion {
    /// Reads the assertion of a document whose octets were signed, and with `ours` what is encrypted in it.
    pub(super) fn parse(document: &SignedDocument<'_>, ours: Decryption<'_>) -> Result<Self, Refusal> {
        Self::read(document.assertion()?, ours)
    }

    /// Reads an assertion wherever it stands. Besides [`Self::parse`], `trace` does so, to show what a message says
    /// that nobody signed.
    pub(super) fn read(assertion: Element<'_>, ours: Decryption<'_>) -> Result<Self, Refusal> {
        check_version(assertion)?;
        let id = required_id(assertion)?.to_owned();
        let issue_instant = issue_instant(assertion)?;
        let parts = Parts::of(assertion)?;

        let issuer = parse_issuer(parts.issuer.ok_or(Reason::IssuerMissing)?)?;
        if issuer.is_empty() {
            return Err(Reason::IssuerMissing.into());
        }
        let subject = parts.subject.ok_or(Reason::SubjectMissing)?;
        let name_id = NameId::of_subject(subject, ours)?;
        let bearers = Bearers::of_subject(subject)?;
        let conditions = Conditions::parse(parts.conditions.ok_or(Reason::ConditionsMissing)?)?;
        let authn_statements: Vec<_> =
            parts.authn_statements.into_iter().map(AuthnStatement::parse).collect::<Result<_, _>>()?;
        let authn_statements = OneOrMore::new(authn_statements).ok_or(Reason::AuthnStatementMissing)?;
        let mut attributes = Vec::new();
        for statement in parts.attribute_statements {
            Attribute::parse_statement(statement, ours, &mut attributes)?;
        }
        Ok(Self { id, issue_instant, issuer, name_id, bearers, conditions, authn_statements, attributes })
    }
}

/// Encrypted attributes of a statement; each costs an operation with a private key.
const MAX_ENCRYPTED: usize = 32;

/// The children of an assertion, sorted (Core 2.3.3).
#[derive(Default)]
struct Parts<'d> {
    issuer: Option<Element<'d>>,
    subject: Option<Element<'d>>,
    conditions: Option<Element<'d>>,
    authn_statements: Vec<Element<'d>>,
    attribute_statements: Vec<Element<'d>>,
}

impl<'d> Parts<'d> {
    fn of(assertion: Element<'d>) -> Result<Self, Refusal> {
        no_text_between(assertion)?;
        let mut parts = Self::default();
        let (mut last, mut advice) = (0, None);
        for child in assertion.children() {
            // Its place and number were checked by the structure; where among its siblings changes nothing.
            if child.is(SIGNATURE, "Signature") {
                continue;
            }
            let name = if child.namespace() == ASSERTION { child.local_name() } else { "" };
            let (rank, single) = match name {
                "Issuer" => (1, Some(&mut parts.issuer)),
                "Subject" => (2, Some(&mut parts.subject)),
                "Conditions" => (3, Some(&mut parts.conditions)),
                "Advice" => (4, Some(&mut advice)),
                "AuthnStatement" => {
                    parts.authn_statements.push(child);
                    (5, None)
                }
                "AttributeStatement" => {
                    parts.attribute_statements.push(child);
                    (5, None)
                }
                "AuthzDecisionStatement" | "Statement" => (5, None),
                _ => return Err(unexpected(child)),
            };
            if let Some(place) = single
                && place.replace(child).is_some()
            {
                let reason = if rank == 3 { Reason::ConditionsMissing } else { Reason::AssertionMalformed };
                return Err(Refusal::new(reason, format!("two {name}")));
            }
            if rank < last {
                return Err(Refusal::new(Reason::AssertionMalformed, format!("{name} is out of its place")));
            }
            last = rank;
        }
        Ok(parts)
    }
}

impl Conditions {
    fn parse(element: Element<'_>) -> Result<Self, Refusal> {
        no_text_between(element)?;
        let mut audiences = Vec::new();
        let (mut one_time_use, mut proxy_restriction) = (false, false);
        for condition in element.children() {
            if condition.is(ASSERTION, "AudienceRestriction") {
                audiences.push(parse_audiences(condition)?);
            } else if condition.is(ASSERTION, "OneTimeUse") {
                // Core 2.5.1.5. Every assertion is accepted once here.
                if std::mem::replace(&mut one_time_use, true) {
                    return Err(Refusal::new(Reason::AssertionMalformed, "two OneTimeUse"));
                }
            } else if condition.is(ASSERTION, "ProxyRestriction") {
                // Core 2.5.1.6. We issue no assertions on the strength of this one.
                if std::mem::replace(&mut proxy_restriction, true) {
                    return Err(Refusal::new(Reason::AssertionMalformed, "two ProxyRestriction"));
                }
            } else {
                // Core 2.5.1: a condition that is not understood makes the assertion's validity undetermined.
                return Err(Refusal::new(Reason::ConditionUnknown, shown(condition.local_name())));
            }
        }
        Ok(Self {
            not_before: time(element, "NotBefore")?,
            not_on_or_after: time(element, "NotOnOrAfter")?,
            audiences: OneOrMore::new(audiences).ok_or(Reason::AudienceMissing)?,
        })
    }
}

/// Core 2.5.1.4: one or more audiences, of which one must be us.
fn parse_audiences(restriction: Element<'_>) -> Result<OneOrMore<String>, Refusal> {
    let mut audiences = Vec::new();
    for child in restriction.children() {
        if !child.is(ASSERTION, "Audience") {
            return Err(unexpected(child));
        }
        audiences.push(child.token().ok_or_else(|| unexpected(child))?);
    }
    OneOrMore::new(audiences).ok_or_else(|| Reason::AudienceMissing.into())
}

impl AuthnStatement {
    fn parse(statement: Element<'_>) -> Result<Self, Refusal> {
        let text = statement.attribute("AuthnInstant").ok_or(Reason::AuthnInstantInvalid)?;
        let authn_instant =
            instant::parse(text).ok_or_else(|| Refusal::new(Reason::AuthnInstantInvalid, shown(text)))?;
        let mut contexts = statement.children_named(ASSERTION, "AuthnContext");
        let (Some(context), None) = (contexts.next(), contexts.next()) else {
            return Err(Refusal::new(Reason::AssertionMalformed, "not exactly one AuthnContext"));
        };
        let class = context.children_named(ASSERTION, "AuthnContextClassRef").next();
        Ok(Self {
            authn_instant,
            session_index: statement.attribute("SessionIndex").map(str::to_owned),
            session_not_on_or_after: time(statement, "SessionNotOnOrAfter")?,
            context_class: class.and_then(Element::token).filter(|class| !class.is_empty()),
        })
    }
}

impl Attribute {
    fn parse_statement(
        statement: Element<'_>,
        ours: Decryption<'_>,
        into: &mut Vec<Self>,
    ) -> Result<(), Refusal> {
        let mut opened = 0;
        for child in statement.children() {
            if child.is(ASSERTION, "Attribute") {
                into.push(Self::parse(child)?);
            } else if !child.is(ASSERTION, "EncryptedAttribute") {
                return Err(unexpected(child));
            } else if ours.has_key() {
                opened += 1;
                if opened > MAX_ENCRYPTED {
                    let detail = format!("more than {MAX_ENCRYPTED} encrypted attributes");
                    return Err(Refusal::new(Reason::EncryptionShape, detail));
                }
                into.push(ours.open_signed(child, ASSERTION, "Attribute", Self::parse)?);
            }
        }
        Ok(())
    }

    fn parse(element: Element<'_>) -> Result<Self, Refusal> {
        let attribute = |name| element.attribute(name).map(str::to_owned);
        let mut values = Vec::new();
        for child in element.children() {
            if !child.is(ASSERTION, "AttributeValue") {
                return Err(unexpected(child));
            }
            values.extend(attribute_value(child));
        }
        Ok(Self {
            name: attribute("Name")
                .ok_or_else(|| Refusal::new(Reason::AssertionMalformed, "an attribute without a name"))?,
            friendly_name: attribute("FriendlyName"),
            name_format: attribute("NameFormat"),
            values,
        })
    }
}

/// Says how many values there are, not which.
impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attribute")
            .field("name", &self.name)
            .field("values", &self.values.len())
            .finish_non_exhaustive()
    }
}

/// A value as text (Core 2.7.3.1.1). Pieces of a structure are not joined to a text that nobody wrote.
fn attribute_value(value: Element<'_>) -> Option<String> {
    if matches!(value.attribute_in(SCHEMA_INSTANCE, "nil"), Some("true" | "1")) {
        return Some(String::new());
    }
    if let Some(text) = value.text() {
        return Some(text.into_owned());
    }
    let mut children = value.children();
    match (children.next(), children.next()) {
        (Some(name_id), None) if name_id.is(ASSERTION, "NameID") && !value.has_loose_text() => {
            Some(trim(&name_id.text()?).to_owned())
        }
        _ => None,
    }
}

/// A time in an attribute; one that cannot be read refuses.
pub(super) fn time(element: Element<'_>, name: &str) -> Result<Option<Moment>, Refusal> {
    let Some(text) = element.attribute(name) else { return Ok(None) };
    let refusal = || Refusal::new(Reason::TimeInvalid, format!("{name}={}", shown(text)));
    instant::parse(text).map(Some).ok_or_else(refusal)
}

pub(super) fn no_text_between(element: Element<'_>) -> Result<(), Refusal> {
    if element.has_loose_text() {
        let detail = format!("text between the elements of {}", shown(element.local_name()));
        return Err(Refusal::new(Reason::AssertionMalformed, detail));
    }
    Ok(())
}

pub(super) fn unexpected(element: Element<'_>) -> Refusal {
    Refusal::new(Reason::AssertionMalformed, format!("{} does not belong there", shown(element.local_name())))
}

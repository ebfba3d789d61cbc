//! What others read in the octets that were digested: samael with its own types, and a walk over quick-xml's events.
//!
//! samael's types hold what most identity providers send and not all that the standard allows (a structure inside an
//! attribute's value, statements in another order); where they do not, the walk counts alone. Neither uses our parser.

use super::super::xml::{ASSERTION, PROTOCOL, SCHEMA_INSTANCE, trim};
use super::Opinion;
use super::tree::Tree;
use super::xmlsec::Said;
use samael::schema::{Assertion, Response};

/// Whom an assertion is about and what it says of them, as somebody else reads it.
pub(super) struct Reading {
    /// None: it is encrypted, inside what is signed.
    name_id: Option<String>,
    attributes: Vec<(String, Vec<String>)>,
    /// How many attributes are encrypted, inside what is signed.
    encrypted: usize,
}

impl Reading {
    /// As samael reads a response or an assertion; `None` where its types cannot hold it.
    pub(super) fn of_samael(octets: &str) -> Option<Self> {
        let assertion: Assertion = match octets.parse::<Response>() {
            Ok(response) => response.assertion?,
            Err(_) => octets.parse().ok()?,
        };
        let statements = assertion.attribute_statements.into_iter().flatten();
        let attributes = statements.flat_map(|statement| statement.attributes).map(|attribute| {
            let values = attribute.values.into_iter().map(|value| value.value.unwrap_or_default());
            (attribute.name.unwrap_or_default(), values.collect())
        });
        // What is encrypted it passes over: the events tell.
        if octets.contains("EncryptedID") || octets.contains("EncryptedAttribute") {
            return None;
        }
        let name_id = Some(assertion.subject?.name_id?.value);
        Some(Self { name_id, attributes: attributes.collect(), encrypted: 0 })
    }

    /// As it stands in the events of quick-xml.
    pub(super) fn of_events(octets: &str) -> Result<Self, Opinion> {
        let root = Tree::read(octets).map_err(differs)?;
        let assertion = if root.is(PROTOCOL, "Response") {
            root.only(ASSERTION, "Assertion").ok_or_else(|| differs("it does not find one assertion"))?
        } else {
            &root
        };
        if !assertion.is(ASSERTION, "Assertion") {
            return Err(differs("it finds no assertion"));
        }
        let subject =
            assertion.only(ASSERTION, "Subject").ok_or_else(|| differs("it does not find one subject"))?;
        let name_id = match subject.only(ASSERTION, "NameID") {
            Some(name_id) if name_id.children.is_empty() => Some(name_id.text.clone()),
            None if subject.only(ASSERTION, "EncryptedID").is_some() => None,
            _ => return Err(differs("it does not find one NameID")),
        };
        let statements = || assertion.named(ASSERTION, "AttributeStatement");
        let encrypted = statements().flat_map(|s| s.named(ASSERTION, "EncryptedAttribute")).count();
        let attributes = statements().flat_map(|s| s.named(ASSERTION, "Attribute")).map(|attribute| {
            let values = attribute.named(ASSERTION, "AttributeValue").filter_map(value).collect();
            (attribute.attribute("", "Name").unwrap_or_default().to_owned(), values)
        });
        Ok(Self { name_id, attributes: attributes.collect(), encrypted })
    }

    /// Whether it says what we have read. Ours may hold what was opened of what is encrypted, and no more.
    pub(super) fn compare(&self, said: &Said<'_>) -> Result<(), Opinion> {
        // We take white space off the ends of a name.
        if self.name_id.as_deref().is_some_and(|name_id| trim(name_id) != said.name_id) {
            return Err(differs("it reads another NameID"));
        }
        let mut ours = said.attributes.iter();
        let mut opened = 0;
        for (name, values) in &self.attributes {
            loop {
                match ours.next() {
                    Some(ours) if *name == ours.name && *values == ours.values => break,
                    Some(_) if opened < self.encrypted => opened += 1,
                    Some(ours) if *name == ours.name => {
                        return Err(differs("it reads other values of an attribute"));
                    }
                    Some(_) | None => return Err(differs("it reads other attributes")),
                }
            }
        }
        if opened + ours.count() > self.encrypted {
            return Err(differs("it reads fewer attributes"));
        }
        if self.name_id.is_none() {
            return Err(Opinion::NotComparable("the NameID is encrypted by itself".into()));
        }
        Ok(())
    }
}

fn differs(what: &'static str) -> Opinion {
    Opinion::Disagrees(what.into())
}

/// A value's text; that of a NameID alone in it; nothing for other structures.
fn value(value: &Tree) -> Option<String> {
    if matches!(value.attribute(SCHEMA_INSTANCE, "nil"), Some("true" | "1")) {
        return Some(String::new());
    }
    match &value.children[..] {
        [] => Some(value.text.clone()),
        [one] if one.is(ASSERTION, "NameID") && one.children.is_empty() && trim(&value.text).is_empty() => {
            Some(trim(&one.text).to_owned())
        }
        _ => None,
    }
}

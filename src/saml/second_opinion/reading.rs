//! What others read in the octets that were digested: samael with its own types, and a walk over quick-xml's events.
//!
//! samael's types hold what most identity providers send and not all that the standard allows (a structure inside an
//! attribute's value, statements in another order); where they do not, the walk counts alone. Neither uses our parser.

use super::super::response::Attribute;
use super::super::xml::{ASSERTION, PROTOCOL, SCHEMA_INSTANCE, trim};
use super::tree::Tree;
use super::xmlsec::Said;
use samael::schema::{Assertion, Response};

/// Whom an assertion is about and what it says of them, as somebody else reads it.
pub(super) struct Reading {
    name_id: String,
    attributes: Vec<(String, Vec<String>)>,
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
        Some(Self { name_id: assertion.subject?.name_id?.value, attributes: attributes.collect() })
    }

    /// As it stands in the events of quick-xml.
    pub(super) fn of_events(octets: &str) -> Result<Self, &'static str> {
        let root = Tree::read(octets)?;
        let assertion = if root.is(PROTOCOL, "Response") {
            root.only(ASSERTION, "Assertion").ok_or("it does not find one assertion")?
        } else {
            &root
        };
        if !assertion.is(ASSERTION, "Assertion") {
            return Err("it finds no assertion");
        }
        let name_id = assertion
            .only(ASSERTION, "Subject")
            .and_then(|subject| subject.only(ASSERTION, "NameID"))
            .filter(|name_id| name_id.children.is_empty())
            .ok_or("it does not find one NameID")?;
        let statements = assertion.named(ASSERTION, "AttributeStatement");
        let attributes = statements.flat_map(|s| s.named(ASSERTION, "Attribute")).map(|attribute| {
            let values = attribute.named(ASSERTION, "AttributeValue").filter_map(value).collect();
            (attribute.attribute("", "Name").unwrap_or_default().to_owned(), values)
        });
        Ok(Self { name_id: name_id.text.clone(), attributes: attributes.collect() })
    }

    /// Whether it says what we have read.
    pub(super) fn compare(&self, said: &Said<'_>) -> Result<(), String> {
        // We take white space off the ends of a name.
        if trim(&self.name_id) != said.name_id {
            return Err("it reads another NameID".to_owned());
        }
        let ours = said.attributes;
        if self.attributes.len() != ours.len() {
            return Err(format!("it reads {} attributes, we read {}", self.attributes.len(), ours.len()));
        }
        self.attributes
            .iter()
            .zip(ours)
            .try_for_each(|((name, values), ours)| compare_one(name, values, ours))
    }
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

fn compare_one(name: &str, values: &[String], ours: &Attribute) -> Result<(), String> {
    if name != ours.name {
        return Err("it reads another name of an attribute".to_owned());
    }
    if values != ours.values {
        return Err("it reads other values of an attribute".to_owned());
    }
    Ok(())
}

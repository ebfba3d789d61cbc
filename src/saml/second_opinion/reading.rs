//! What samael reads in the octets that were digested: its own types, over quick-xml.
//!
//! Its reader takes white space off the ends of every text and knows no difference between an empty value and none,
//! so values are compared without either.

use super::super::response::Attribute;
use super::super::xml::trim;
use super::xmlsec::Said;
use samael::schema::{Assertion, Response};

/// Whom an assertion is about and what it says of them, as somebody else reads it.
pub(super) struct Reading {
    name_id: String,
    attributes: Vec<(String, Vec<String>)>,
}

impl Reading {
    /// From a response.
    pub(super) fn of_response(octets: &str) -> Result<Self, String> {
        let response: Response = octets.parse().map_err(|_| "it cannot read the response")?;
        Self::of(response.assertion.ok_or("it finds no assertion in the response")?)
    }

    /// From an assertion alone.
    pub(super) fn of_assertion(octets: &str) -> Result<Self, String> {
        Self::of(octets.parse().map_err(|_| "it cannot read the assertion")?)
    }

    fn of(assertion: Assertion) -> Result<Self, String> {
        let name_id = assertion.subject.and_then(|subject| subject.name_id).ok_or("it finds no NameID")?;
        let statements = assertion.attribute_statements.into_iter().flatten();
        let attributes = statements.flat_map(|statement| statement.attributes).map(|attribute| {
            let values = attribute.values.into_iter().map(|value| value.value.unwrap_or_default());
            (attribute.name.unwrap_or_default(), values.collect())
        });
        Ok(Self { name_id: name_id.value, attributes: attributes.collect() })
    }

    /// Whether it says what we have read.
    pub(super) fn compare(&self, said: &Said<'_>) -> Result<(), String> {
        if trim(&self.name_id) != said.name_id {
            return Err("it reads another NameID".to_owned());
        }
        let ours = said.attributes;
        if self.attributes.len() != ours.len() {
            return Err(format!("it reads {} attributes, we read {}", self.attributes.len(), ours.len()));
        }
        self.attributes.iter().zip(ours).try_for_each(|((name, values), ours)| compare_one(name, values, ours))
    }
}

fn compare_one(name: &str, values: &[String], ours: &Attribute) -> Result<(), String> {
    if name != ours.name {
        return Err("it reads another name of an attribute".to_owned());
    }
    let same = values.len() == ours.values.len()
        && values.iter().zip(&ours.values).all(|(theirs, ours)| trim(theirs) == trim(ours));
    if same { Ok(()) } else { Err("it reads other values of an attribute".to_owned()) }
}

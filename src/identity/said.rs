//! What an assertion says, asked by the names that a configuration uses.

use super::spellings::{is_scoped, same_attribute};
use crate::clock::Moment;
use crate::reason::{Reason, Refusal};
use crate::saml::parties::Scope;
use crate::saml::response::{Attribute, NameId};

/// What the assertion says.
pub(super) struct Said<'a> {
    pub(super) name_id: &'a NameId,
    pub(super) attributes: &'a [Attribute],
    pub(super) session_index: Option<&'a str>,
    pub(super) authn_instant: Moment,
    pub(super) authn_context_class: Option<&'a str>,
    pub(super) forced: bool,
    pub(super) session_not_on_or_after: Option<Moment>,
    pub(super) scopes: &'a [Scope],
}

impl Said<'_> {
    /// The values of a candidate without the spaces around them.
    pub(super) fn values(&self, candidate: &str) -> Vec<&str> {
        if is_name_id(candidate) {
            return vec![self.name_id.value.trim_matches(' ')];
        }
        self.attributes_named(candidate)
            .into_iter()
            .flat_map(|attribute| &attribute.values)
            .filter(|value| !is_scoped(candidate) || self.may_speak_for(value))
            .map(|value| value.trim_matches(' '))
            .collect()
    }

    /// Whether the identity provider's metadata lets it say this of a scoped attribute (shibmd:Scope): anybody of a
    /// federation could otherwise be somebody of any other member. Where it names no scopes, nothing is asked.
    pub(super) fn may_speak_for(&self, value: &str) -> bool {
        let scope = value.trim_matches(' ').split_once('@').map(|(_, scope)| scope);
        let known = |scope: &str| self.scopes.iter().any(|Scope(own)| own.eq_ignore_ascii_case(scope));
        self.scopes.is_empty() || scope.is_some_and(known)
    }

    pub(super) fn refuse_foreign_scope(&self, candidate: &str) -> Result<(), Refusal> {
        let mut values = self.attributes_named(candidate).into_iter().flat_map(|attribute| &attribute.values);
        match values.find(|value| !self.may_speak_for(value)) {
            Some(foreign) if is_scoped(candidate) => {
                let scope = foreign.split_once('@').map_or("none", |(_, scope)| scope);
                let scope: String = scope.chars().filter(|c| !c.is_control()).take(80).collect();
                let own: Vec<_> = self.scopes.iter().take(5).map(|Scope(own)| own.as_str()).collect();
                Err(Refusal::new(
                    Reason::ScopeForeign,
                    format!(
                        "{candidate:?} has the scope {scope:?}; the metadata lets the IdP speak for {own:?}"
                    ),
                ))
            }
            _ => Ok(()),
        }
    }

    /// By exact name; failing that by a spelling of it; failing that by the friendly name, which is for people and
    /// promises nothing (Core 2.7.3.1).
    pub(super) fn attributes_named(&self, candidate: &str) -> Vec<&Attribute> {
        let pick = |suits: &dyn Fn(&Attribute) -> bool| -> Vec<&Attribute> {
            self.attributes.iter().filter(|attribute| suits(attribute)).collect()
        };
        let exact = pick(&|a| a.name == candidate);
        if !exact.is_empty() {
            return exact;
        }
        let spelled = pick(&|a| same_attribute(&a.name, candidate));
        if !spelled.is_empty() {
            return spelled;
        }
        pick(&|a| a.friendly_name.as_deref().is_some_and(|name| same_attribute(name, candidate)))
    }

    pub(super) fn names_sent(&self) -> String {
        let short =
            |attribute: &Attribute| format!("{:?}", attribute.name.chars().take(80).collect::<String>());
        let names: Vec<String> = self.attributes.iter().take(20).map(short).collect();
        if names.is_empty() { "no attributes".into() } else { names.join(", ") }
    }
}

pub(super) fn is_name_id(candidate: &str) -> bool {
    candidate.eq_ignore_ascii_case("NameID")
}

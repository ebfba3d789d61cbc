//! From an accepted assertion to an identity.

use super::spellings::{is_groups_claim, is_groups_link, is_scoped, same_attribute};
use super::{Groups, Identity, Mapping, email};
use crate::clock::Moment;
use crate::reason::{Reason, Refusal};
use crate::saml::parties::Scope;
use crate::saml::response::{AcceptedAssertion, Attribute, NameId};
use std::collections::HashSet;

/// The longest user, in octets. A persistent NameID has at most 256 (Core 8.3.7), an address 254; the header budget
/// rests on it.
const LONGEST_USER: usize = 256;
/// The longest name for display, in octets; a longer one is left out.
const LONGEST_NAME: usize = 256;
/// More groups than any directory gives one person.
const MOST_GROUPS: usize = 10_000;
/// All names of groups together, in octets: what one session may cost.
const MOST_GROUP_OCTETS: usize = 256 * 1024;

const TRANSIENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
const KERBEROS: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:kerberos";
const EMAIL_ADDRESS: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";

impl Identity {
    /// Consumes the assertion. `idp` is the configured id; `email_domains`: None = may speak for any.
    ///
    /// # Errors
    /// `scope-foreign`, `user-missing`, `nameid-transient`, `email-invalid`, `email-domain-foreign`, `identity-control-character`,
    /// `identity-too-large`: see the module's header.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "an assertion is used up by the identity that is made from it"
    )]
    pub fn from_accepted(
        assertion: AcceptedAssertion,
        idp: &str,
        email_domains: Option<&[String]>,
        mapping: &Mapping,
    ) -> Result<Self, Refusal> {
        Self::read_by(&assertion, idp, email_domains, mapping)
    }

    /// Consumes the assertion, as each of several mappings reads it, in their order: what a sign-on host keeps for its
    /// sites.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "an assertion is used up by the identities that are made from it"
    )]
    pub fn each_from_accepted(
        assertion: AcceptedAssertion,
        idp: &str,
        email_domains: Option<&[String]>,
        mappings: &[&Mapping],
    ) -> Vec<Result<Self, Refusal>> {
        mappings.iter().map(|mapping| Self::read_by(&assertion, idp, email_domains, mapping)).collect()
    }

    fn read_by(
        assertion: &AcceptedAssertion,
        idp: &str,
        email_domains: Option<&[String]>,
        mapping: &Mapping,
    ) -> Result<Self, Refusal> {
        let said = Said {
            name_id: assertion.name_id(),
            attributes: assertion.attributes(),
            session_index: assertion.session_index(),
            authn_instant: assertion.authn_instant(),
            authn_context_class: assertion.authn_context_class(),
            session_not_on_or_after: assertion.session_not_on_or_after(),
            scopes: assertion.scopes(),
        };
        said.identify(idp, email_domains, mapping)
    }
}

/// What the assertion says.
pub(super) struct Said<'a> {
    pub(super) name_id: &'a NameId,
    pub(super) attributes: &'a [Attribute],
    pub(super) session_index: Option<&'a str>,
    pub(super) authn_instant: Moment,
    pub(super) authn_context_class: Option<&'a str>,
    pub(super) session_not_on_or_after: Option<Moment>,
    pub(super) scopes: &'a [Scope],
}

impl Said<'_> {
    pub(super) fn identify(
        &self,
        idp: &str,
        email_domains: Option<&[String]>,
        mapping: &Mapping,
    ) -> Result<Identity, Refusal> {
        // Whatever it is used for: it is also the key by which a logout finds the session.
        refuse_control("the NameID", &self.name_id.value)?;

        let user = self.user(&mapping.user)?;
        let email = self.email(&mapping.email)?;
        let mut preferred_username = self.display(&mapping.preferred_username);
        if let Some(domains) = email_domains {
            check_domain("the e-mail address", email.as_deref().and_then(email::domain), domains)?;
            if user.contains('@') {
                // A user that looks like an address speaks for its domain as well: applications compare it.
                check_domain(
                    "the user",
                    email::normalised(&user).as_deref().and_then(email::domain),
                    domains,
                )?;
            }
            preferred_username = preferred_username
                .filter(|name| email::domain(name).is_none_or(|domain| is_among(domains, domain)));
        }
        let groups = self.groups(mapping)?;
        let roles = roles(&groups, mapping);

        Ok(Identity {
            idp: idp.to_owned(),
            user,
            email,
            name: self.display(&mapping.name),
            preferred_username,
            groups,
            roles,
            name_id: self.name_id.clone(),
            session_index: self.session_index.map(str::to_owned),
            authn_instant: self.authn_instant,
            authn_context_class: self.authn_context_class.map(str::to_owned),
            session_not_on_or_after: self.session_not_on_or_after,
            #[cfg(not(test))]
            _made_from_an_assertion: super::MadeFromAnAssertion,
        })
    }

    fn user(&self, candidates: &[String]) -> Result<String, Refusal> {
        for candidate in candidates {
            self.refuse_foreign_scope(candidate)?;
            let Some(user) = self.values(candidate).into_iter().find(|value| !value.is_empty()) else {
                continue;
            };
            if is_name_id(candidate) && self.name_id.format.as_deref() == Some(TRANSIENT) {
                return Err(Reason::NameIdTransient.into());
            }
            refuse_control("the user", user)?;
            if user.len() > LONGEST_USER {
                return Err(Refusal::new(
                    Reason::IdentityTooLarge,
                    format!(
                        "the user from {candidate:?} has {} octets; the limit is {LONGEST_USER}",
                        user.len()
                    ),
                ));
            }
            return Ok(user.to_owned());
        }
        Err(Refusal::new(
            Reason::UserMissing,
            format!("none of {candidates:?} has a value; the IdP sent {}", self.names_sent()),
        ))
    }

    /// The first value with the form of an address. What has an `@` and is no address was meant as one, and skipping
    /// it could let a less trusted attribute speak.
    fn email(&self, candidates: &[String]) -> Result<Option<String>, Refusal> {
        for candidate in candidates {
            let format = is_name_id(candidate).then(|| self.name_id.format.as_deref().unwrap_or_default());
            if matches!(format, Some(TRANSIENT | KERBEROS)) {
                continue;
            }
            // An opaque NameID may hold anything, an `@` too.
            let meant_as_address = matches!(format, None | Some(EMAIL_ADDRESS));
            for value in self.values(candidate) {
                if let Some(address) = email::normalised(value) {
                    return Ok(Some(address));
                }
                if value.contains('@') && meant_as_address {
                    refuse_control("the e-mail address", value)?;
                    let found = format!(
                        "{candidate:?} holds {} octets with {} `@`, which are no address",
                        value.len(),
                        value.matches('@').count()
                    );
                    return Err(Refusal::new(Reason::EmailInvalid, found));
                }
            }
        }
        Ok(None)
    }

    /// A value for display: whatever is odd about it, the person can do without.
    fn display(&self, candidates: &[String]) -> Option<String> {
        let shown = candidates.iter().find_map(|candidate| {
            let parts: Option<Vec<&str>> = candidate
                .split(" + ")
                .map(|part| self.values(part.trim()).into_iter().find(|value| !value.is_empty()))
                .collect();
            parts.map(|parts| parts.join(" "))
        })?;
        (shown.len() <= LONGEST_NAME && !shown.chars().any(char::is_control)).then_some(shown)
    }

    fn groups(&self, mapping: &Mapping) -> Result<Groups, Refusal> {
        let link = self.attributes.iter().any(|a| is_groups_link(&a.name));
        let found = mapping
            .groups
            .iter()
            .map(|candidate| (candidate, self.attributes_named(candidate)))
            .find(|(_, found)| !found.is_empty());
        let Some((candidate, found)) = found else {
            return Ok(if mapping.groups_absent_is_empty && !link {
                Groups::Known(Vec::new())
            } else {
                Groups::Unknown
            });
        };
        // Beside the link, what the groups claim holds is not the whole.
        if link && is_groups_claim(candidate) {
            return Ok(Groups::Unknown);
        }
        let mut seen = HashSet::new();
        let mut octets = 0;
        let mut groups = Vec::new();
        for value in found.iter().flat_map(|attribute| &attribute.values) {
            if is_scoped(candidate) && !self.may_speak_for(value) {
                continue;
            }
            if value.is_empty() || !seen.insert(value) {
                continue;
            }
            octets += value.len();
            if groups.len() == MOST_GROUPS || octets > MOST_GROUP_OCTETS {
                return Err(Refusal::new(
                    Reason::IdentityTooLarge,
                    format!("{candidate:?} has more than {MOST_GROUPS} groups or {MOST_GROUP_OCTETS} octets"),
                ));
            }
            groups.push(value.clone());
        }
        Ok(Groups::Known(groups))
    }

    /// The values of a candidate without the spaces around them.
    fn values(&self, candidate: &str) -> Vec<&str> {
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
    fn may_speak_for(&self, value: &str) -> bool {
        let scope = value.trim_matches(' ').split_once('@').map(|(_, scope)| scope);
        let known = |scope: &str| self.scopes.iter().any(|Scope(own)| own.eq_ignore_ascii_case(scope));
        self.scopes.is_empty() || scope.is_some_and(known)
    }

    fn refuse_foreign_scope(&self, candidate: &str) -> Result<(), Refusal> {
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

    fn names_sent(&self) -> String {
        let short =
            |attribute: &Attribute| format!("{:?}", attribute.name.chars().take(80).collect::<String>());
        let names: Vec<String> = self.attributes.iter().take(20).map(short).collect();
        if names.is_empty() { "no attributes".into() } else { names.join(", ") }
    }
}

fn roles(groups: &Groups, mapping: &Mapping) -> Vec<String> {
    let mut roles: Vec<String> = Vec::new();
    if let Groups::Known(groups) = groups {
        let groups: HashSet<&str> = groups.iter().map(String::as_str).collect();
        for (group, role) in &mapping.roles {
            if groups.contains(group.as_str()) && !roles.contains(role) {
                roles.push(role.clone());
            }
        }
    }
    if roles.is_empty() {
        roles.extend(mapping.default_role.clone());
    }
    roles
}

fn is_name_id(candidate: &str) -> bool {
    candidate.eq_ignore_ascii_case("NameID")
}

fn refuse_control(what: &str, value: &str) -> Result<(), Refusal> {
    match value.chars().find(|c| c.is_control()) {
        None => Ok(()),
        Some(c) => Err(Refusal::new(
            Reason::IdentityControlCharacter,
            format!("{what} holds the character U+{:04X}", u32::from(c)),
        )),
    }
}

/// None: there is no address, or none that can be read.
fn check_domain(what: &str, domain: Option<&str>, admitted: &[String]) -> Result<(), Refusal> {
    match domain {
        Some(domain) if is_among(admitted, domain) => Ok(()),
        Some(domain) => Err(Refusal::new(
            Reason::EmailDomainForeign,
            format!("{what} is in {domain:?}; the IdP speaks for {admitted:?}"),
        )),
        None => Err(Refusal::new(
            Reason::EmailDomainForeign,
            format!("{what} is missing or has no domain; the IdP speaks for {admitted:?}"),
        )),
    }
}

pub(super) fn is_among(domains: &[String], domain: &str) -> bool {
    domains.iter().any(|own| own.eq_ignore_ascii_case(domain))
}

#[cfg(test)]
#[path = "from_assertion_tests.rs"]
mod tests;

//! From an accepted assertion to an identity.

use super::held::{AsSent, Whose};
use super::said::{Said, is_name_id};
use super::{Domain, Groups, Identity, Mapping, Part, email};
use crate::reason::{Reason, Refusal};
use crate::saml::response::AcceptedAssertion;

/// The longest user, in octets. A persistent NameID has at most 256 (Core 8.3.7), an address 254; the header budget
/// rests on it.
const LONGEST_USER: usize = 256;
/// The longest name for display, in octets; a longer one is left out.
const LONGEST_NAME: usize = 256;

const TRANSIENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
const KERBEROS: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:kerberos";
const EMAIL_ADDRESS: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";

impl Identity {
    /// Consumes the assertion. `idp` is the configured id; `email_domains`: None = may speak for any.
    ///
    /// # Errors
    /// `scope-foreign`, `user-missing`, `nameid-transient`, `email-invalid`, `email-domain-foreign`, `identity-incomplete`,
    /// `identity-control-character`, `identity-too-large`, `groups-overage`: see the module's header.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "an assertion is used up by the identity that is made from it"
    )]
    pub fn from_accepted(
        assertion: AcceptedAssertion,
        idp: &str,
        email_domains: Option<&[Domain]>,
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
        email_domains: Option<&[Domain]>,
        mappings: &[&Mapping],
    ) -> Vec<Result<Self, Refusal>> {
        let mut all: Vec<Result<Self, Refusal>> = Vec::with_capacity(mappings.len());
        for mapping in mappings {
            let mut read = Self::read_by(&assertion, idp, email_domains, mapping);
            if let Ok(identity) = &mut read {
                identity.share_groups(&all);
            }
            all.push(read);
        }
        all
    }

    /// A long list of groups is kept once, however many mappings leave it as it is.
    fn share_groups(&mut self, earlier: &[Result<Self, Refusal>]) {
        let mut earlier = earlier.iter().flatten();
        if let Some(same) = earlier.find(|other| other.groups == self.groups) {
            self.groups = same.groups.clone();
        }
    }

    fn read_by(
        assertion: &AcceptedAssertion,
        idp: &str,
        email_domains: Option<&[Domain]>,
        mapping: &Mapping,
    ) -> Result<Self, Refusal> {
        let said = Said {
            name_id: assertion.name_id(),
            attributes: assertion.attributes(),
            session_index: assertion.session_index(),
            authn_instant: assertion.authn_instant(),
            authn_context_class: assertion.authn_context_class(),
            forced: assertion.forced(),
            session_not_on_or_after: assertion.session_not_on_or_after(),
            scopes: assertion.scopes(),
        };
        said.identify(idp, email_domains, mapping)
    }
}

impl Said<'_> {
    pub(super) fn identify(
        &self,
        idp: &str,
        email_domains: Option<&[Domain]>,
        mapping: &Mapping,
    ) -> Result<Identity, Refusal> {
        // Whatever it is used for: it is also the key by which a logout finds the session.
        refuse_control("the NameID", &self.name_id.value)?;

        let named = self.user(mapping)?;
        let found = self.email(mapping)?;
        let (email, sent) = found.map_or((None, None), |found| (Some(found.address), found.sent));
        let (groups, roles) = self.groups_and_roles(idp, mapping)?;
        let parts = Parts { said: self, mapping, email: email.as_deref(), groups: &groups };
        parts.refuse_incomplete()?;
        let as_sent = AsSent {
            user: (named.sent != named.user).then_some(named.sent),
            email: sent.filter(|sent| Some(sent) != email.as_ref()),
        };
        let identity = Identity {
            idp: idp.to_owned(),
            user: named.user,
            name: parts.name(),
            preferred_username: parts.text(&Part::PreferredUsername),
            as_sent,
            carried: (mapping.carried.iter())
                .filter_map(|part| Some((part.key(), parts.text(part)?)))
                .collect(),
            email,
            groups,
            roles,
            name_id: self.name_id.clone(),
            session_index: self.session_index.map(str::to_owned),
            authn_instant: self.authn_instant,
            authn_context_class: self.authn_context_class.map(str::to_owned),
            forced: self.forced,
            session_not_on_or_after: self.session_not_on_or_after,
            #[cfg(not(test))]
            _made_from_an_assertion: super::MadeFromAnAssertion,
        };
        identity.within(email_domains, Whose::IdentityProvider)
    }

    fn user(&self, mapping: &Mapping) -> Result<Named, Refusal> {
        for candidate in &mapping.user {
            self.refuse_foreign_scope(candidate)?;
            let mut values = self.values(candidate).into_iter().filter(|value| !value.is_empty());
            let named = values.find_map(|sent| {
                let user = mapping.transformed(&Part::User, sent).trim_matches(' ').to_owned();
                (!user.is_empty()).then(|| Named { sent: sent.to_owned(), user })
            });
            let Some(named) = named else { continue };
            if is_name_id(candidate) && self.name_id.format.as_deref() == Some(TRANSIENT) {
                return Err(Reason::NameIdTransient.into());
            }
            refuse_control("the user", &named.sent)?;
            refuse_control("the user", &named.user)?;
            if named.user.len() > LONGEST_USER {
                return Err(Refusal::new(
                    Reason::IdentityTooLarge,
                    format!(
                        "the user from {candidate:?} has {} octets; the limit is {LONGEST_USER}",
                        named.user.len()
                    ),
                ));
            }
            return Ok(named);
        }
        Err(Refusal::new(
            Reason::UserMissing,
            format!("none of {:?} has a value; the IdP sent {}", mapping.user, self.names_sent()),
        ))
    }

    /// The first value with the form of an address. What has an `@` and is no address was meant as one, and skipping
    /// it could let a less trusted attribute speak.
    fn email(&self, mapping: &Mapping) -> Result<Option<Address>, Refusal> {
        for candidate in &mapping.email {
            let format = is_name_id(candidate).then(|| self.name_id.format.as_deref().unwrap_or_default());
            if matches!(format, Some(TRANSIENT | KERBEROS)) {
                continue;
            }
            // An opaque NameID may hold anything, an `@` too.
            let meant_as_address = matches!(format, None | Some(EMAIL_ADDRESS));
            for sent in self.values(candidate) {
                let value = mapping.transformed(&Part::Email, sent);
                if let Some(address) = email::normalised(&value) {
                    return Ok(Some(Address { address, sent: email::normalised(sent) }));
                }
                if value.contains('@') && meant_as_address {
                    refuse_control("the e-mail address", &value)?;
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
    pub(super) fn display(&self, part: &Part, mapping: &Mapping) -> Option<String> {
        let shown = mapping.candidates(part).iter().find_map(|candidate| {
            let parts: Option<Vec<&str>> = candidate
                .split(" + ")
                .map(|part| self.values(part.trim()).into_iter().find(|value| !value.is_empty()))
                .collect();
            let joined = parts?.join(" ");
            let shown = mapping.transformed(part, &joined);
            (!shown.is_empty()).then(|| shown.into_owned())
        })?;
        displayable(shown)
    }
}

/// A user, and what was sent for it.
struct Named {
    sent: String,
    user: String,
}

/// An e-mail address, and what was sent for it where that was one before any transform.
struct Address {
    address: String,
    sent: Option<String>,
}

/// The parts that are for display, and whether all are there that must be.
struct Parts<'a> {
    said: &'a Said<'a>,
    mapping: &'a Mapping,
    email: Option<&'a str>,
    groups: &'a Groups,
}

impl Parts<'_> {
    fn text(&self, part: &Part) -> Option<String> {
        self.said.display(part, self.mapping)
    }

    /// Where none was sent, of the given and the family name, or of the one that there is.
    fn name(&self) -> Option<String> {
        self.text(&Part::Name).or_else(|| {
            let parts = [Part::GivenName, Part::FamilyName].map(|part| self.text(&part));
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            (!parts.is_empty()).then(|| parts.join(" ")).and_then(displayable)
        })
    }

    fn refuse_incomplete(&self) -> Result<(), Refusal> {
        let is_missing = |part: &&Part| match part {
            // Without one nobody gets as far as this.
            Part::User => false,
            Part::Email => self.email.is_none(),
            Part::Groups => *self.groups == Groups::Unknown,
            Part::Name => self.name().is_none(),
            part => self.text(part).is_none(),
        };
        let missing: Vec<&Part> = self.mapping.required.iter().filter(is_missing).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let missing: Vec<String> = missing
            .into_iter()
            .map(|part| format!("{part} (from {})", self.mapping.candidates(part).join(", ")))
            .collect();
        let sent = self.said.names_sent();
        let detail = format!("required and not there: {}; the IdP sent {sent}", missing.join("; "));
        Err(Refusal::new(Reason::IdentityIncomplete, detail))
    }
}

fn displayable(text: String) -> Option<String> {
    (text.len() <= LONGEST_NAME && !text.chars().any(char::is_control)).then_some(text)
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

#[cfg(test)]
#[path = "from_assertion_tests.rs"]
mod tests;

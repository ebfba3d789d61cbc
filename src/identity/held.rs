//! A site for the people of some domains only, whoever vouches for them: a tenant whose identity provider is everybody's.

use super::from_assertion::is_among;
use super::{Domain, Identity, email};
use crate::reason::{Reason, Refusal};

impl Identity {
    /// Held to the domains of a site: the e-mail address, and a user that looks like one, since applications compare it.
    ///
    /// # Errors
    /// `email-domain-foreign`.
    pub fn held_to(self, domains: Option<&[Domain]>) -> Result<Self, Refusal> {
        let Some(domains) = domains else { return Ok(self) };
        let foreign = |what: &str| {
            let domains: Vec<String> = domains.iter().map(ToString::to_string).collect();
            let detail = format!(
                "{what}; this site is for the people of {} (email_domains of the tenant)",
                domains.join(", ")
            );
            Err(Refusal::new(Reason::EmailDomainForeign, detail))
        };
        match self.email.as_deref().and_then(email::domain) {
            Some(domain) if is_among(domains, domain) => {}
            Some(domain) => return foreign(&format!("the e-mail address is in {domain:?}")),
            None => return foreign("there is no e-mail address"),
        }
        if !self.user.contains('@') {
            return Ok(self);
        }
        match email::normalised(&self.user).as_deref().and_then(email::domain) {
            Some(domain) if is_among(domains, domain) => Ok(self),
            Some(domain) => foreign(&format!("the user is in {domain:?}")),
            // Whoever compares it may read another domain in it than we do.
            None => foreign("the user holds an `@` and is no address"),
        }
    }
}

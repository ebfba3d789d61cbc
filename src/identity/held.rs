//! Whose people somebody may be: the domains that an identity provider may speak for, and those that a site is for,
//! whoever vouches for its people (a tenant whose identity provider is everybody's). Both are asked of the same values.

use super::{Domain, Identity, email};
use crate::reason::{Reason, Refusal};

/// What was sent, where a transform made something else of it: two people must not become one when their domains are
/// taken away, and a pattern that finds one of our addresses within a foreign one must not make it ours.
#[derive(Debug, Clone, Default)]
pub(crate) struct AsSent {
    /// For the user.
    pub(crate) user: Option<String>,
    /// For the e-mail address, where it was one.
    pub(crate) email: Option<String>,
}

impl AsSent {
    /// About how many octets it takes.
    pub(crate) fn len(&self) -> usize {
        [&self.user, &self.email].into_iter().flatten().map(String::len).sum()
    }
}

/// Whose domains they are, for the owner.
#[derive(Debug, Clone, Copy)]
pub(super) enum Whose {
    IdentityProvider,
    Site,
}

impl Identity {
    /// Held to the domains of a site: the e-mail address, and a user that looks like one, since applications compare it,
    /// each as it is and as it was sent. A preferred user name of another domain is left out.
    ///
    /// # Errors
    /// `email-domain-foreign`.
    pub fn held_to(self, domains: Option<&[Domain]>) -> Result<Self, Refusal> {
        self.within(domains, Whose::Site)
    }

    pub(super) fn within(mut self, domains: Option<&[Domain]>, whose: Whose) -> Result<Self, Refusal> {
        let Some(domains) = domains else { return Ok(self) };
        let check = |what: &str, domain: Option<&str>| check(what, domain, domains, whose);
        check("the e-mail address", self.email.as_deref().and_then(email::domain))?;
        if let Some(sent) = &self.as_sent.email {
            check("the e-mail address that was sent", email::domain(sent))?;
        }
        // Whoever compares a user that holds an `@` and is no address may read another domain in it than we do.
        let users = [self.as_sent.user.as_deref(), Some(self.user.as_str())].into_iter().flatten();
        for user in users.filter(|user| user.contains('@')) {
            let address = email::normalised(user);
            check("the user", address.as_deref().and_then(email::domain))?;
        }
        let foreign = |name: &String| email::domain(name).is_some_and(|domain| !is_among(domains, domain));
        self.preferred_username = self.preferred_username.filter(|name| !foreign(name));
        Ok(self)
    }
}

/// None: there is no address, or none that can be read.
fn check(what: &str, domain: Option<&str>, admitted: &[Domain], whose: Whose) -> Result<(), Refusal> {
    if domain.is_some_and(|domain| is_among(admitted, domain)) {
        return Ok(());
    }
    let found = match domain {
        Some(domain) => format!("{what} is in {domain:?}"),
        None => format!("{what} is missing or has no domain"),
    };
    let listed: Vec<_> = admitted.iter().take(20).map(Domain::to_string).collect();
    let detail = match whose {
        Whose::IdentityProvider => format!("{found}; the IdP speaks for {listed:?}"),
        Whose::Site => {
            format!(
                "{found}; this site is for the people of {} (email_domains of the tenant)",
                listed.join(", ")
            )
        }
    };
    Err(Refusal::new(Reason::EmailDomainForeign, detail))
}

fn is_among(domains: &[Domain], domain: &str) -> bool {
    domains.iter().any(|own| own.covers(domain))
}

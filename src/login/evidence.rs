//! What a session rests on, as the audit is told of it.

use crate::gate::Gate;
use crate::identity::Person as _;
use crate::observe::audit::{self, Event, SignIn};
use crate::saml::response::{AcceptedAssertion, Protection};
use crate::saml::second_opinion::Opinion;
use crate::session::Session;
use crate::site::Site;
use std::net::IpAddr;

/// How an accepted answer was protected. Taken before the answer becomes an identity.
pub(super) struct Evidence {
    /// The exceptions that it needed, and its cipher.
    pub(super) protection: Protection,
    /// The certificates whose keys verified it, each once.
    signed_by: Vec<String>,
}

impl Evidence {
    pub(super) fn of(assertion: &AcceptedAssertion) -> Self {
        let mut signed_by: Vec<String> =
            assertion.signatures().iter().map(|signature| signature.certificate().fingerprint()).collect();
        signed_by.dedup();
        Self { protection: assertion.protection(), signed_by }
    }

    /// A sign-on host vouches; what its own session rests on was told with its own sign-in.
    pub(super) const fn handed_over() -> Self {
        let protection = Protection { signed_parts: "handed-over", encrypted: None, sha1: false };
        Self { protection, signed_by: Vec::new() }
    }

    /// Tells the audit and the metrics of the session. `authn_request`: which one was answered; none: nobody here had
    /// asked.
    pub(super) fn record(
        &self,
        gate: &Gate,
        (site, session): (&Site, &Session),
        authn_request: Option<&str>,
        opinion: Option<&Opinion>,
        client: IpAddr,
    ) {
        let opinion = opinion.map(|opinion| (opinion.to_string(), matches!(opinion, Opinion::Disagrees(_))));
        let (mut groups, mut roles) = (Vec::new(), Vec::new());
        session.each_group(&mut |group| groups.push(group.to_owned()));
        session.each_role(&mut |role| roles.push(role.to_owned()));
        audit::record(&Event::SignedIn(SignIn {
            site: &site.name,
            idp: session.idp(),
            user: session.user(),
            name_id: session.name_id(),
            session: &session.key().public_name(),
            ends: session.ends_at(),
            groups: &groups,
            roles: &roles,
            authn_request,
            authn_instant: session.authn_instant(),
            authn_context: session.authn_context_class(),
            client: Some(client),
            signed: self.protection.signed_parts,
            signed_by: &self.signed_by,
            encrypted: self.protection.encrypted,
            second_opinion: opinion.as_ref().map(|(said, disagrees)| (said.as_str(), *disagrees)),
        }));
        gate.metrics.sign_in_finished(site.id, None);
    }
}

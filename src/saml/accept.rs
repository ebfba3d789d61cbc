//! The Web Browser SSO profile, as one function to be read beside the standard.
//!
//! [`web_browser_sso`] walks SAML 2.0 Profiles 4.1.4.2 (what a response must be) and 4.1.4.3 (what a service provider
//! must check), with the rules of Bindings 3.5.5.2 and Core 2.3.3, 2.5.1, 2.7.2 and 3.2.2 to which they point. Rules
//! that hold before it is called are listed where the standard has them, with the place that holds them.
//!
//! When only the assertion is signed, the envelope (status, destination, issuer, request) may refuse and nothing more:
//! the assertion says all of it again, under the signature.

use super::assertion::Attribute;
use super::envelope::Status;
use super::parties::{IdentityProvider, Policy, ServiceProvider};
use super::response::VerifiedResponse;
use super::signed_by::SignedBy;
use super::subject::{Bearer, NameId, most_telling};
use super::xml::shown;
use crate::clock::Moment;
use crate::reason::{Reason, Refusal};
use std::fmt;
use std::time::Duration;

/// What the answer must answer.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The ID of the request that this browser was sent with.
    pub request_id: &'a str,
    /// When the request was issued.
    pub requested_at: Moment,
    /// Who asked: us.
    pub service_provider: &'a ServiceProvider,
    /// Who was asked; the response must have been verified with this identity provider's keys.
    pub identity_provider: &'a IdentityProvider,
    /// The ACS URL that this attempt asked for (an alias may have been used).
    pub acs_url: &'a str,
}

/// The rules, in the order of the standard.
pub(super) fn web_browser_sso(
    response: VerifiedResponse,
    expected: &Expected<'_>,
    policy: &Policy,
    now: Moment,
) -> Result<AcceptedAssertion, Refusal> {
    let VerifiedResponse { envelope, assertion, verified_as, signed_parts, signatures } = response;
    let skew = policy.clock_skew.min(Policy::MAX_CLOCK_SKEW);
    let idp = expected.identity_provider.entity_id.as_str();
    let sp = expected.service_provider.entity_id.as_str();

    // Profiles 4.1.4.3, first rule: "verify any signatures present on the assertion(s) or the response".
    //   Already: RawResponse::verify; and here: with the keys of the one who was asked, not of another known IdP.
    if verified_as.as_str() != idp {
        let detail = format!("verified with the keys of {verified_as}, asked was {idp}");
        return Err(Refusal::new(Reason::IssuerMismatch, detail));
    }

    // Core 3.2.2: Version is 2.0, ID and IssueInstant are there.      Already: envelope.rs
    // Core 3.2.2: IssueInstant is a moment that has come, and comes after the request that is answered.
    if envelope.issue_instant > now.plus(skew) {
        return Err(times(Reason::IssueInstantFuture, "response issued", envelope.issue_instant, now));
    }
    if envelope.issue_instant.plus(skew) < expected.requested_at {
        let requested = expected.requested_at;
        return Err(times(Reason::IssueInstantOld, "response issued", envelope.issue_instant, requested));
    }

    // Core 3.2.2.2, Profiles 4.1.4.2: the status is success on its first level; without success there is no assertion.
    if let Status::Failed(said) = envelope.status {
        return Err(Refusal::new(Reason::StatusNotSuccess, said));
    }

    // Bindings 3.5.5.2, Core 3.2.2: a signed message names the address it was posted to; any Destination must match.
    match &envelope.destination {
        Some(destination) if destination == expected.acs_url => {}
        Some(destination) => return Err(differs(Reason::DestinationMismatch, destination, expected.acs_url)),
        None if envelope.signed => return Err(Reason::DestinationMissing.into()),
        None => {}
    }

    // Profiles 4.1.4.2: the response's Issuer must be there when the response is signed, and must be the IdP.
    //   Its Format is absent or "entity".                             Already: envelope.rs
    match &envelope.issuer {
        Some(issuer) if issuer == idp => {}
        Some(issuer) => return Err(differs(Reason::ResponseIssuerMismatch, issuer, idp)),
        None if envelope.signed => return Err(Reason::ResponseIssuerMissing.into()),
        None => {}
    }

    // Core 3.2.2, Profiles 4.1.4.3: the response answers our request. Responses that answer none (4.1.5) are refused.
    match &envelope.in_response_to {
        Some(request) if request == expected.request_id => {}
        Some(request) => return Err(differs(Reason::InResponseToMismatch, request, expected.request_id)),
        None => return Err(Reason::InResponseToMissing.into()),
    }

    // Profiles 4.1.4.2: at least one assertion; here exactly one.     Already: structure.rs
    // Core 2.3.3: its Version, ID and IssueInstant.                   Already: assertion.rs
    if assertion.issue_instant > now.plus(skew) {
        return Err(times(Reason::IssueInstantFuture, "assertion issued", assertion.issue_instant, now));
    }
    // ... and comes after the request too: when only the assertion is signed, this is the instant to believe.
    if assertion.issue_instant.plus(skew) < expected.requested_at {
        let reason = Reason::IssueInstantOld;
        return Err(times(reason, "assertion issued", assertion.issue_instant, expected.requested_at));
    }
    // Profiles 4.1.4.2: the assertion's Issuer must be the IdP.       Format already: envelope.rs
    if assertion.issuer != idp {
        return Err(differs(Reason::IssuerMismatch, &assertion.issuer, idp));
    }

    // Profiles 4.1.4.2: a Subject with a NameID, and with a bearer confirmation that has Recipient, NotOnOrAfter and
    //   InResponseTo and has no NotBefore.                            Already: subject.rs
    // Profiles 4.1.4.3: Recipient is this ACS, NotOnOrAfter has not passed, InResponseTo is our request.
    //   Address may be checked; browsers behind proxies show another address than the IdP saw, so it is not.
    let judged = assertion.bearers.complete.iter().map(|bearer| judge(bearer, expected, skew, now));
    let (confirmed, refused): (Vec<_>, Vec<_>) = judged.partition(Result::is_ok);
    if confirmed.is_empty() {
        let refused = refused.into_iter().filter_map(Result::err).chain(assertion.bearers.incomplete);
        return Err(most_telling(refused).unwrap_or_else(|| Reason::SubjectConfirmationMissing.into()));
    }

    // Profiles 4.1.4.3: "valid in other respects", which is Core 2.5.1.
    // Core 2.5.1.2: NotBefore <= now < NotOnOrAfter.
    let conditions = &assertion.conditions;
    if let Some(not_before) = conditions.not_before
        && now.plus(skew) < not_before
    {
        return Err(times(Reason::ConditionsNotYetValid, "valid from", not_before, now));
    }
    if let Some(not_on_or_after) = conditions.not_on_or_after {
        if not_on_or_after.plus(skew) <= now {
            return Err(times(Reason::ConditionsExpired, "valid until", not_on_or_after, now));
        }
        // Core 2.5.1.2: NotBefore must be less than NotOnOrAfter; skew must not open a window that never was.
        if conditions.not_before.is_some_and(|not_before| not_before >= not_on_or_after) {
            return Err(Refusal::new(Reason::ConditionsExpired, "it ends before it begins"));
        }
    }
    // Core 2.5.1.4, Profiles 4.1.4.2: there is an AudienceRestriction, and every one of them names us.
    for audiences in conditions.audiences.iter() {
        if !audiences.iter().any(|audience| audience == sp) {
            let named: Vec<_> = audiences.iter().take(5).map(|audience| shown(audience)).collect();
            let detail = format!("made for {}, we are {}", named.join(", "), shown(sp));
            return Err(Refusal::new(Reason::AudienceMismatch, detail));
        }
    }
    // Core 2.5.1.5 OneTimeUse: every assertion is used once here.     Elsewhere: the store claims AcceptedAssertion::id
    // Core 2.5.1.6 ProxyRestriction: we issue no assertions from it.
    // Core 2.5.1, every other condition: not understood, refused.     Already: assertion.rs

    // Profiles 4.1.4.2: at least one AuthnStatement.                  Already: assertion.rs
    // Core 2.7.2: the authentication has happened; SessionNotOnOrAfter ends the session (Profiles 4.1.4.3).
    for statement in assertion.authn_statements.iter() {
        if statement.authn_instant > now.plus(skew) {
            return Err(times(Reason::AuthnInstantInvalid, "signed in", statement.authn_instant, now));
        }
        // Without skew: it bounds our session, and skew never lengthens a session. One that would be over as soon as
        // it begins would send the user around in a circle.
        if let Some(end) = statement.session_not_on_or_after
            && end <= now
        {
            return Err(times(Reason::SessionExpired, "the session ended", end, now));
        }
    }

    // Profiles 4.1.4.3: "ensure that bearer assertions are not replayed".
    //   Elsewhere: the store claims AcceptedAssertion::id and the request's ID together until acceptable_until.
    // Profiles 4.1.4.3: RelayState must not lead astray.              Elsewhere: login/return_to.rs

    let ends = assertion.bearers.complete.iter().map(|bearer| bearer.not_on_or_after);
    let latest = ends.chain(conditions.not_on_or_after).fold(now, Moment::max);
    let sessions = assertion.authn_statements.iter();
    Ok(AcceptedAssertion {
        id: assertion.id,
        issuer: assertion.issuer,
        name_id: assertion.name_id,
        attributes: assertion.attributes,
        session_index: sessions.clone().find_map(|s| s.session_index.clone()),
        authn_instant: assertion.authn_statements.first().authn_instant,
        authn_context_class: sessions.clone().find_map(|s| s.context_class.clone()),
        session_not_on_or_after: sessions.filter_map(|s| s.session_not_on_or_after).min(),
        acceptable_until: latest.plus(skew),
        signed_parts,
        signatures,
    })
}

/// One bearer confirmation (Profiles 4.1.4.3).
fn judge(bearer: &Bearer, expected: &Expected<'_>, skew: Duration, now: Moment) -> Result<(), Refusal> {
    if bearer.recipient != expected.acs_url {
        return Err(differs(Reason::RecipientMismatch, &bearer.recipient, expected.acs_url));
    }
    if bearer.in_response_to != expected.request_id {
        let reason = Reason::ConfirmationInResponseToMismatch;
        return Err(differs(reason, &bearer.in_response_to, expected.request_id));
    }
    if bearer.not_on_or_after.plus(skew) <= now {
        return Err(times(Reason::ConfirmationExpired, "valid until", bearer.not_on_or_after, now));
    }
    Ok(())
}

fn differs(reason: Reason, found: &str, wanted: &str) -> Refusal {
    Refusal::new(reason, format!("it says {}, expected is {}", shown(found), shown(wanted)))
}

fn times(reason: Reason, what: &str, then: Moment, compared_with: Moment) -> Refusal {
    Refusal::new(reason, format!("{what} {then}, compared with {compared_with}"))
}

/// An assertion that passed every rule of the profile. Consumed by `Identity::from_accepted`.
///
/// Whether it was seen before is the store's question: claim [`Self::id`] under [`Self::issuer`], together with the
/// request, until [`Self::acceptable_until`].
#[must_use]
pub struct AcceptedAssertion {
    id: String,
    issuer: String,
    name_id: NameId,
    attributes: Vec<Attribute>,
    session_index: Option<String>,
    authn_instant: Moment,
    authn_context_class: Option<String>,
    session_not_on_or_after: Option<Moment>,
    acceptable_until: Moment,
    signed_parts: &'static str,
    signatures: Vec<SignedBy>,
}

impl AcceptedAssertion {
    /// One that nobody signed, for the tests of those who take one.
    #[cfg(test)]
    #[allow(dead_code, reason = "for the tests of other rooms")]
    pub(crate) fn made_up(name_id: NameId, attributes: Vec<Attribute>, now: Moment) -> Self {
        Self {
            id: "_made_up".to_owned(),
            issuer: "https://idp.example.org/metadata".to_owned(),
            name_id,
            attributes,
            session_index: Some("_session".to_owned()),
            authn_instant: now,
            authn_context_class: None,
            session_not_on_or_after: None,
            acceptable_until: now.plus(Duration::from_secs(300)),
            signed_parts: "assertion",
            signatures: Vec::new(),
        }
    }

    /// The assertion's own ID, unique for its issuer (Core 1.3.4).
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The entity ID of the identity provider.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Who it is about.
    pub const fn name_id(&self) -> &NameId {
        &self.name_id
    }

    /// What it says about them, in the order in which it was said.
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// The IdP's name for its session, the first one that it gave.
    pub fn session_index(&self) -> Option<&str> {
        self.session_index.as_deref()
    }

    /// When the user proved who they are, by the first statement.
    pub const fn authn_instant(&self) -> Moment {
        self.authn_instant
    }

    /// How they did it, the first class that was given.
    pub fn authn_context_class(&self) -> Option<&str> {
        self.authn_context_class.as_deref()
    }

    /// The IdP's own end of the session, the earliest when it sent several.
    pub const fn session_not_on_or_after(&self) -> Option<Moment> {
        self.session_not_on_or_after
    }

    /// The latest moment at which any rule could still accept this assertion: the latest NotOnOrAfter of its
    /// confirmations and conditions, plus the skew.
    pub const fn acceptable_until(&self) -> Moment {
        self.acceptable_until
    }

    /// Which parts the IdP signed, for the audit: `response`, `assertion` or `both`.
    pub const fn signed_parts(&self) -> &'static str {
        self.signed_parts
    }

    /// The signatures that verified, the response's first. What it says was read from what the first of them covers.
    pub fn signatures(&self) -> &[SignedBy] {
        &self.signatures
    }
}

/// Says which assertion it is, not what it says.
impl fmt::Debug for AcceptedAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptedAssertion")
            .field("id", &self.id)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

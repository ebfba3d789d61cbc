//! The Web Browser SSO profile, as one function to be read beside the standard.
//!
//! [`rules`] walks SAML 2.0 Profiles 4.1.4.2 (what a response must be) and 4.1.4.3 (what a service provider
//! must check), with the rules of Bindings 3.5.5.2 and Core 2.3.3, 2.5.1, 2.7.2 and 3.2.2 to which they point. Rules
//! that hold before it is called are listed where the standard has them, with the place that holds them.
//!
//! When only the assertion is signed, the envelope (status, destination, issuer, request) may refuse and nothing more:
//! the assertion says all of it again, under the signature.

use super::assertion::{Assertion, Attribute};
use super::demand::Demand;
use super::envelope::{Envelope, Status};
use super::parties::{EntityId, IdentityProvider, Policy, Scope, ServiceProvider};
use super::response::{Protection, VerifiedResponse};
use super::signed_by::SignedBy;
use super::subject::{Bearer, NameId};
use super::witness::{Compared, Strict, Witness};
use crate::clock::Moment;
use crate::reason::{Reason, Refusal};
use std::fmt;
use std::time::Duration;

/// What the answer must answer, and to whom.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Whose question it answers.
    pub answers: Answers<'a>,
    /// Who asked: us.
    pub service_provider: &'a ServiceProvider,
    /// Who was asked; the response must have been verified with this identity provider's keys.
    pub identity_provider: &'a IdentityProvider,
    /// The ACS URL that this attempt asked for (an alias may have been used).
    pub acs_url: &'a str,
    /// What the owner demands of this identity provider's answers.
    pub demand: &'a Demand,
}

/// Whose question a response answers. There is no third: a response that names a request which is not ours is nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers<'a> {
    /// Ours.
    Request {
        /// The ID of the request that this browser was sent with.
        id: &'a str,
        /// When the request was issued.
        issued: Moment,
    },
    /// Nobody's: the sign-in begins at the identity provider (Profiles 4.1.5), whose owner was allowed to. Whoever
    /// says so takes on the risk: any page can make a browser post such a response.
    Nobody {
        /// Whoever remembers which assertions were used does so since then. What was issued before may be a replay.
        remembers_since: Moment,
    },
}

/// How old an unsolicited response may be. No request bounds it, and what some identity providers call valid lasts for
/// hours; on its way from the one to the other nobody has to type anything.
const UNSOLICITED_LIFETIME: Duration = Duration::from_secs(5 * 60);

/// Judges a verified response; the only maker of an [`AcceptedAssertion`].
pub(super) fn web_browser_sso(
    response: VerifiedResponse,
    expected: &Expected<'_>,
    policy: &Policy,
    now: Moment,
) -> Result<AcceptedAssertion, Refusal> {
    let VerifiedResponse { envelope, assertion, verified_as, protection, signatures, .. } = response;
    rules(&envelope, &assertion, &verified_as, expected, policy, now, &mut Strict)?;

    let (authn_instant, authn_context_class) = reported(&assertion);
    let ends = assertion.bearers.complete.iter().map(|bearer| bearer.not_on_or_after);
    let latest = ends.chain(assertion.conditions.not_on_or_after).fold(now, Moment::max);
    let sessions = assertion.authn_statements.iter();
    Ok(AcceptedAssertion {
        id: assertion.id,
        issuer: assertion.issuer,
        name_id: assertion.name_id,
        attributes: assertion.attributes,
        session_index: sessions.clone().find_map(|s| s.session_index.clone()),
        authn_instant,
        authn_context_class,
        forced: expected.demand.force_authn && matches!(expected.answers, Answers::Request { .. }),
        session_not_on_or_after: sessions.filter_map(|s| s.session_not_on_or_after).min(),
        acceptable_until: latest.plus(skew_of(policy)),
        protection,
        signatures,
        #[cfg(feature = "second-opinion")]
        opened: response.opened,
        scopes: expected.identity_provider.scopes.clone(),
    })
}

/// When and how somebody signed in, as it is judged and reported: both of one statement, the first that says how.
fn reported(assertion: &Assertion) -> (Moment, Option<String>) {
    let statements = &assertion.authn_statements;
    let told = statements.iter().find(|s| s.context_class.is_some()).unwrap_or_else(|| statements.first());
    (told.authn_instant, told.context_class.clone())
}

/// The rules, in the order of the standard. Each is demanded of the witness, which ends the matter or writes it down
/// (`witness.rs`); nothing is made here.
pub(super) fn rules(
    envelope: &Envelope,
    assertion: &Assertion,
    verified_as: &EntityId,
    expected: &Expected<'_>,
    policy: &Policy,
    now: Moment,
    witness: &mut impl Witness,
) -> Result<(), Refusal> {
    let skew = skew_of(policy);
    let idp = expected.identity_provider.entity_id.as_str();
    let sp = expected.service_provider.entity_id.as_str();

    // Profiles 4.1.4.3, first rule: "verify any signatures present on the assertion(s) or the response".
    //   Already: RawResponse::verify; and here: with the keys of the one who was asked, not of another known IdP.
    witness.demand(verified_as.as_str() == idp, Reason::IssuerMismatch, || {
        Compared::words(format!("verified with the keys of {verified_as}, asked was {idp}"))
    })?;

    // Core 3.2.2: Version is 2.0, ID and IssueInstant are there.      Already: envelope.rs
    // Core 3.2.2: IssueInstant is a moment that has come, and comes after the request that is answered.
    witness.demand(envelope.issue_instant <= now.plus(skew), Reason::IssueInstantFuture, || {
        Compared::times("response issued", envelope.issue_instant, now)
    })?;
    if let Answers::Request { issued, .. } = expected.answers {
        witness.demand(envelope.issue_instant.plus(skew) >= issued, Reason::IssueInstantOld, || {
            Compared::times("response issued", envelope.issue_instant, issued)
        })?;
    }

    // Core 3.2.2.2, Profiles 4.1.4.2: the status is success on its first level; without success there is no assertion.
    match &envelope.status {
        Status::Success => {
            witness.demand(true, Reason::StatusNotSuccess, || Compared::words("Success"))?;
        }
        Status::Failed(failure) => {
            let refusal = Refusal::from(failure.clone());
            witness.demand(false, refusal.reason, || Compared::words(refusal.detail))?;
        }
    }

    // Bindings 3.5.5.2, Core 3.2.2: a signed message names the address it was posted to; any Destination must match.
    match &envelope.destination {
        Some(destination) => {
            witness.demand(destination == expected.acs_url, Reason::DestinationMismatch, || {
                Compared::texts(destination, expected.acs_url)
            })?;
        }
        None => witness.demand(!envelope.signed, Reason::DestinationMissing, || Compared::words(""))?,
    }

    // Profiles 4.1.4.2: the response's Issuer must be there when the response is signed, and must be the IdP.
    //   Its Format is absent or "entity".                             Already: envelope.rs
    match &envelope.issuer {
        Some(issuer) => {
            witness.demand(issuer == idp, Reason::ResponseIssuerMismatch, || Compared::texts(issuer, idp))?;
        }
        None => witness.demand(!envelope.signed, Reason::ResponseIssuerMissing, || Compared::words(""))?,
    }

    // Core 3.2.2, Profiles 4.1.4.3: the response answers our request; 4.1.5: or it is unsolicited and names none.
    match (&envelope.in_response_to, expected.answers) {
        (Some(request), answers) => {
            witness.demand(answers.are_to(request), Reason::InResponseToMismatch, || {
                Compared::texts(request, answers.in_words())
            })?;
        }
        (None, answers) => {
            let unsolicited = matches!(answers, Answers::Nobody { .. });
            witness.demand(unsolicited, Reason::InResponseToMissing, || Compared::words(""))?;
        }
    }

    // Profiles 4.1.4.2: at least one assertion; here exactly one.     Already: structure.rs
    // Core 2.3.3: its Version, ID and IssueInstant.                   Already: assertion.rs
    witness.demand(assertion.issue_instant <= now.plus(skew), Reason::IssueInstantFuture, || {
        Compared::times("assertion issued", assertion.issue_instant, now)
    })?;
    // ... and comes after the request too: when only the assertion is signed, this is the instant to believe.
    if let Answers::Request { issued, .. } = expected.answers {
        witness.demand(assertion.issue_instant.plus(skew) >= issued, Reason::IssueInstantOld, || {
            Compared::times("assertion issued", assertion.issue_instant, issued)
        })?;
    }
    // Profiles 4.1.4.2: the assertion's Issuer must be the IdP.       Format already: envelope.rs
    witness.demand(assertion.issuer == idp, Reason::IssuerMismatch, || {
        Compared::texts(&assertion.issuer, idp)
    })?;

    // Profiles 4.1.4.2: a Subject with a NameID, and with a bearer confirmation that has Recipient and NotOnOrAfter
    //   and has no NotBefore.                                         Already: subject.rs
    // Profiles 4.1.4.3: Recipient is this ACS, NotOnOrAfter has not passed, InResponseTo is our request; 4.1.5: there
    //   is none when the response is unsolicited.
    //   Address may be checked; browsers behind proxies show another address than the IdP saw, so it is not.
    //   Several are alternatives: one that passes is enough.
    match assertion.bearers.decisive(|bearer| judge(bearer, expected, skew, now, &mut Strict)) {
        Ok(bearer) => judge(bearer, expected, skew, now, witness)?,
        Err(lacking) => {
            witness.demand(false, lacking.reason, || Compared::words(lacking.detail.clone()))?;
        }
    }

    // Profiles 4.1.5: no request bounds when an unsolicited response was made, so we do. One from before the store's
    //   memory begins may have been used; the identity provider's clock may be ahead, so skew is on the safe side here.
    if let Answers::Nobody { remembers_since } = expected.answers {
        let issued = assertion.issue_instant;
        let in_time = issued.plus(UNSOLICITED_LIFETIME).plus(skew) > now;
        witness.demand(in_time, Reason::IssueInstantOld, || {
            Compared::times("unsolicited, issued", issued, now)
        })?;
        let remembered = remembers_since.plus(skew);
        witness.demand(issued >= remembered, Reason::AttemptBeforeStart, || {
            Compared::times("unsolicited, issued", issued, remembered)
        })?;
    }

    // Profiles 4.1.4.3: "valid in other respects", which is Core 2.5.1.
    // Core 2.5.1.2: NotBefore <= now < NotOnOrAfter.
    let conditions = &assertion.conditions;
    if let Some(not_before) = conditions.not_before {
        witness.demand(now.plus(skew) >= not_before, Reason::ConditionsNotYetValid, || {
            Compared::times("valid from", not_before, now)
        })?;
    }
    if let Some(not_on_or_after) = conditions.not_on_or_after {
        witness.demand(not_on_or_after.plus(skew) > now, Reason::ConditionsExpired, || {
            Compared::times("valid until", not_on_or_after, now)
        })?;
        // Core 2.5.1.2: NotBefore must be less than NotOnOrAfter; skew must not open a window that never was.
        let backwards = conditions.not_before.is_some_and(|not_before| not_before >= not_on_or_after);
        witness.demand(!backwards, Reason::ConditionsExpired, || {
            Compared::words(if backwards { "it ends before it begins" } else { "it begins before it ends" })
        })?;
    }
    // Core 2.5.1.4, Profiles 4.1.4.2: there is an AudienceRestriction, and every one of them names us.
    for audiences in conditions.audiences.iter() {
        let named = audiences.iter().any(|audience| audience == sp);
        witness.demand(named, Reason::AudienceMismatch, || Compared::one_of(audiences.iter(), sp))?;
    }
    // Core 2.5.1.5 OneTimeUse: every assertion is used once here.     Elsewhere: the store claims AcceptedAssertion::id
    // Core 2.5.1.6 ProxyRestriction: we issue no assertions from it.
    // Core 2.5.1, every other condition: not understood, refused.     Already: assertion.rs

    // Profiles 4.1.4.2: at least one AuthnStatement.                  Already: assertion.rs
    // Core 2.7.2: the authentication has happened; SessionNotOnOrAfter ends the session (Profiles 4.1.4.3).
    for statement in assertion.authn_statements.iter() {
        witness.demand(statement.authn_instant <= now.plus(skew), Reason::AuthnInstantInvalid, || {
            Compared::times("signed in", statement.authn_instant, now)
        })?;
        // Without skew: it bounds our session, and skew never lengthens a session. One that would be over as soon as
        // it begins would send the user around in a circle.
        if let Some(end) = statement.session_not_on_or_after {
            witness.demand(end > now, Reason::SessionExpired, || {
                Compared::times("the session ends", end, now)
            })?;
        }
    }

    // Core 3.3.2.2.1, 3.4.1: how and when somebody signed in is as the owner demands. Judged is what is reported.
    let (authn_instant, authn_context_class) = reported(assertion);
    expected.demand.judge_context(authn_context_class.as_deref(), witness)?;
    expected.demand.judge_age(authn_instant, expected.answers, skew, now, witness)?;

    // Profiles 4.1.4.3: "ensure that bearer assertions are not replayed".
    //   Elsewhere: the store claims AcceptedAssertion::id and the request's ID together until acceptable_until.
    // Profiles 4.1.4.3: RelayState must not lead astray.              Elsewhere: login/return_to.rs
    Ok(())
}

/// One bearer confirmation (Profiles 4.1.4.3).
fn judge(
    bearer: &Bearer,
    expected: &Expected<'_>,
    skew: Duration,
    now: Moment,
    witness: &mut impl Witness,
) -> Result<(), Refusal> {
    let solicited = matches!(expected.answers, Answers::Request { .. });
    let lacks_request = solicited && bearer.in_response_to.is_none();
    witness.demand(!lacks_request, Reason::ConfirmationInResponseToMissing, || Compared::words(""))?;
    witness.demand(bearer.recipient == expected.acs_url, Reason::RecipientMismatch, || {
        Compared::texts(&bearer.recipient, expected.acs_url)
    })?;
    if let Some(request) = &bearer.in_response_to {
        let answers = expected.answers;
        witness.demand(answers.are_to(request), Reason::ConfirmationInResponseToMismatch, || {
            Compared::texts(request, answers.in_words())
        })?;
    }
    witness.demand(bearer.not_on_or_after.plus(skew) > now, Reason::ConfirmationExpired, || {
        Compared::times("valid until", bearer.not_on_or_after, now)
    })
}

impl<'a> Answers<'a> {
    /// Whether it is this request that is answered.
    fn are_to(self, request: &str) -> bool {
        matches!(self, Self::Request { id, .. } if id == request)
    }

    /// What InResponseTo must be.
    const fn in_words(self) -> &'a str {
        match self {
            Self::Request { id, .. } => id,
            Self::Nobody { .. } => "none",
        }
    }
}

/// How far clocks may differ, whatever the configuration says.
fn skew_of(policy: &Policy) -> Duration {
    policy.clock_skew.min(Policy::MAX_CLOCK_SKEW)
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
    forced: bool,
    session_not_on_or_after: Option<Moment>,
    acceptable_until: Moment,
    protection: Protection,
    scopes: Vec<Scope>,
    signatures: Vec<SignedBy>,
    #[cfg(feature = "second-opinion")]
    opened: Option<String>,
}

impl AcceptedAssertion {
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

    /// When the user proved who they are, by the first statement that says how, else by the first.
    pub const fn authn_instant(&self) -> Moment {
        self.authn_instant
    }

    /// How they did it, the first class that was given.
    pub fn authn_context_class(&self) -> Option<&str> {
        self.authn_context_class.as_deref()
    }

    /// Whether they were to do it anew (ForceAuthn, Core 3.4.1) and the answer was held to that.
    pub const fn forced(&self) -> bool {
        self.forced
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
        self.protection.signed_parts
    }

    /// How it was protected on its way, for the audit.
    pub const fn protection(&self) -> Protection {
        self.protection
    }

    /// The scopes that its identity provider may speak for, as metadata says; empty where it says nothing.
    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// The signatures that verified, the response's first. Unless it was encrypted, what it says was read from what
    /// the first of them covers.
    pub fn signatures(&self) -> &[SignedBy] {
        &self.signatures
    }

    /// What stood in the ciphertext: with a signature of its own as it was opened, else its canonical octets.
    #[cfg(feature = "second-opinion")]
    pub(super) fn opened(&self) -> Option<&str> {
        self.opened.as_deref()
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

//! The single logout profile (Profiles 4.4), read beside the standard.

use super::VerifiedLogout;
use super::message::{Content, Message, Said};
use crate::clock::Moment;
use crate::reason::{Reason, Refusal};
use crate::saml::parties::{IdentityProvider, Policy, ServiceProvider};
use crate::saml::subject::NameId;
use crate::saml::xml::shown;
use std::fmt;
use std::time::Duration;

/// How long after it was issued a logout message may arrive. Browsers carry it at once; Core 3.7.1 makes NotOnOrAfter
/// optional, and without a bound of our own an old request would be good for ever.
const LATEST: Duration = Duration::from_secs(5 * 60);

/// An unspecified format says nothing about the name (Core 8.3.1), as none at all does.
const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";

/// What an answer must answer.
#[derive(Debug, Clone, Copy)]
pub struct ExpectedAnswer<'a> {
    /// The ID of our LogoutRequest.
    pub request_id: &'a str,
    /// When it was issued.
    pub requested_at: Moment,
    /// Names beside its entity ID under which the identity provider answers.
    pub further_issuers: &'a [String],
}

/// A LogoutRequest that passed every rule of the profile.
///
/// Whether it was seen before is the store's question: claim [`Self::id`] under [`Self::issuer`] until
/// [`Self::acceptable_until`], if it [is signed](Self::is_signed).
#[must_use]
pub struct AcceptedLogoutRequest {
    id: String,
    issuer: String,
    service_provider: String,
    name_id: NameId,
    session_indexes: Vec<String>,
    signed: bool,
    issued: Moment,
    acceptable_until: Moment,
}

/// What an identity provider says became of its own session and of those at other services.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum LogoutAnswer {
    /// All ended.
    Ended,
    /// Its own did; not every other service could be told.
    Partly,
    /// It says that it ended nothing; its status, in words for the owner.
    Refused(String),
}

impl VerifiedLogout {
    /// Judges a LogoutRequest by Profiles 4.4.3.2 and 4.4.4.1.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn accept_request(
        self,
        idp: &IdentityProvider,
        sp: &ServiceProvider,
        policy: &Policy,
        now: Moment,
    ) -> Result<AcceptedLogoutRequest, Refusal> {
        let skew = policy.clock_skew.min(Policy::MAX_CLOCK_SKEW);
        self.judge_head(idp, &[], sp, skew, now)?;
        let Message { id, issue_instant, issuer, content, .. } = self.message;
        let Content::Request(request) = content else { return Err(Reason::NotALogoutMessage.into()) };

        // Core 3.7.1: NotOnOrAfter, where there is one.
        if let Some(end) = request.not_on_or_after
            && end.plus(skew) <= now
        {
            return Err(times(Reason::LogoutExpired, "good until", end, now));
        }
        Ok(AcceptedLogoutRequest {
            id,
            issuer,
            service_provider: sp.entity_id.0.clone(),
            name_id: request.name_id,
            session_indexes: request.session_indexes,
            signed: self.signed,
            issued: issue_instant,
            // No rule accepts it later, whatever its NotOnOrAfter says.
            acceptable_until: issue_instant.max(now).plus(LATEST).plus(skew).plus(Duration::from_secs(1)),
        })
    }

    /// Judges a LogoutResponse by Profiles 4.4.3.5 and 4.4.4.2.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn accept_response(
        self,
        expected: &ExpectedAnswer<'_>,
        idp: &IdentityProvider,
        sp: &ServiceProvider,
        policy: &Policy,
        now: Moment,
    ) -> Result<LogoutAnswer, Refusal> {
        let skew = policy.clock_skew.min(Policy::MAX_CLOCK_SKEW);
        self.judge_head(idp, expected.further_issuers, sp, skew, now)?;
        let Message { issue_instant, content, .. } = self.message;
        let Content::Response(response) = content else { return Err(Reason::NotALogoutMessage.into()) };

        // Core 3.2.2: it answers our request.
        if response.in_response_to != expected.request_id {
            let detail = format!(
                "it answers {}, asked was {}",
                shown(&response.in_response_to),
                shown(expected.request_id)
            );
            return Err(Refusal::new(Reason::LogoutUnsolicited, detail));
        }
        if issue_instant.plus(skew) < expected.requested_at {
            return Err(times(Reason::LogoutExpired, "issued", issue_instant, expected.requested_at));
        }
        Ok(match response.said {
            Said::Success => LogoutAnswer::Ended,
            Said::Partial => LogoutAnswer::Partly,
            Said::Failed(said) => LogoutAnswer::Refused(said),
        })
    }

    /// The rules that requests and responses share.
    fn judge_head(
        &self,
        idp: &IdentityProvider,
        further_issuers: &[String],
        sp: &ServiceProvider,
        skew: Duration,
        now: Moment,
    ) -> Result<(), Refusal> {
        let Self { message, signed, verified_as } = self;
        // Profiles 4.4.4.1, 4.4.4.2: from the one under whose keys it was verified, and who says so itself.
        if *verified_as != idp.entity_id {
            let detail = format!("verified with the keys of {verified_as}, not of {}", idp.entity_id);
            return Err(Refusal::new(Reason::LogoutIssuerUnknown, detail));
        }
        // Entra ID answers under another name than it signs people in under; its keys are the same.
        if message.issuer != idp.entity_id.as_str() && !further_issuers.contains(&message.issuer) {
            let detail = format!("signed by {}, issued by {}", idp.entity_id, shown(&message.issuer));
            return Err(Refusal::new(Reason::LogoutIssuerUnknown, detail));
        }
        // Bindings 3.4.5.2, 3.5.5.2: a signed message names the address that it was sent to; any that is named is ours.
        match &message.destination {
            Some(destination) if *destination == sp.slo_url => {}
            Some(destination) => {
                let detail = format!("it says {}, ours is {}", shown(destination), shown(&sp.slo_url));
                return Err(Refusal::new(Reason::LogoutDestinationMismatch, detail));
            }
            None if *signed => return Err(Reason::LogoutDestinationMissing.into()),
            None => {}
        }
        // Core 3.2.1: issued in a past that is not long gone.
        if message.issue_instant > now.plus(skew) {
            return Err(times(Reason::IssueInstantFuture, "issued", message.issue_instant, now));
        }
        if message.issue_instant.plus(LATEST).plus(skew) < now {
            return Err(times(Reason::LogoutExpired, "issued", message.issue_instant, now));
        }
        Ok(())
    }
}

impl AcceptedLogoutRequest {
    /// Its own ID, unique for its issuer, which our response names.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The entity ID of the identity provider.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whom it is about.
    pub const fn name_id(&self) -> &NameId {
        &self.name_id
    }

    /// Whether it means the session that began with this name and this SessionIndex (Core 3.7.3.2, 3.3.4).
    ///
    /// No SessionIndex in the request means every session of the name. A session to which the identity provider gave
    /// none cannot be told from others, and ends with them.
    pub fn means(&self, name_id: &NameId, session_index: Option<&str>) -> bool {
        self.is_same_name(name_id)
            && (self.session_indexes.is_empty()
                || session_index.is_none_or(|index| self.session_indexes.iter().any(|named| named == index)))
    }

    /// Whether anybody signed it; always, unless its owner allows unsigned ones. What anybody can make anew need not be
    /// remembered, and must not take memory.
    pub const fn is_signed(&self) -> bool {
        self.signed
    }

    /// When it was issued, by its sender's clock.
    pub const fn issued(&self) -> Moment {
        self.issued
    }

    /// From this moment on no rule would accept this request again.
    pub const fn acceptable_until(&self) -> Moment {
        self.acceptable_until
    }

    /// Values are compared octet by octet. A qualifier that is left out is the identity provider's or our own name
    /// (Core 8.3.7), and a format that is left out or unspecified contradicts none.
    fn is_same_name(&self, other: &NameId) -> bool {
        let one = &self.name_id;
        let format =
            |name: &NameId| name.format.clone().filter(|format| !format.is_empty() && format != UNSPECIFIED);
        let formats_agree = match (format(one), format(other)) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        let qualifier = |given: &Option<String>, default: &str| {
            given.as_deref().filter(|given| !given.is_empty()).unwrap_or(default).to_owned()
        };
        one.value == other.value
            && formats_agree
            && qualifier(&one.name_qualifier, &self.issuer) == qualifier(&other.name_qualifier, &self.issuer)
            && qualifier(&one.sp_name_qualifier, &self.service_provider)
                == qualifier(&other.sp_name_qualifier, &self.service_provider)
    }
}

/// Says which request it is, not about whom.
impl fmt::Debug for AcceptedLogoutRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptedLogoutRequest")
            .field("id", &self.id)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

fn times(reason: Reason, what: &str, then: Moment, compared_with: Moment) -> Refusal {
    Refusal::new(reason, format!("{what} {then}, compared with {compared_with}"))
}

//! Where a sign-in began: here, with an attempt in the browser, or at the identity provider.
//!
//! An answer that nobody asked for (Profiles 4.1.5) is taken only from an identity provider whose owner allows it
//! (`allow_unsolicited`), because any page can make a browser post one: whoever visits it would work in the account of
//! whoever made the page. Three things bound that. The answer comes once more from a page of ours, so that all cookies are
//! there, and a post that only pretends to is refused. Somebody who is signed in as another is asked first. And it leads
//! to an address of the site or to its start page, like everything.

use super::answers::{Stopped, redirect};
use super::ask;
use super::attempt::Attempt;
use super::hand_over;
use super::return_to::ReturnTo;
use super::start::wanted;
use super::trial::Trial;
use crate::clock::Moment;
use crate::pages;
use crate::reason::{Reason, Refusal};
use crate::saml::demand::Demand;
use crate::saml::response::{AcceptedAssertion, RawResponse};
use crate::session::ClaimKey;
use crate::site::{Idp, Site};
use bytes::Bytes;
use http::{Response, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::borrow::Cow;
use std::sync::Arc;

/// Where an accepted answer's sign-in began.
pub(super) enum Begun {
    /// Here: the answer is to this attempt.
    Here(Attempt),
    /// At the identity provider, by its `id`.
    There { idp: String, return_to: ReturnTo },
}

impl Begun {
    /// At the identity provider. Its RelayState may be an address to go to; what is no address of this site is none.
    pub(super) fn there(site: &Site, idp: &Idp, relay_state: Option<&str>) -> Self {
        let return_to = relay_state
            .and_then(|state| hand_over::to_begin_at(site, state).or_else(|| wanted(site, state).ok()))
            .unwrap_or_else(ReturnTo::root);
        Self::There { idp: idp.id.clone(), return_to }
    }

    /// Where the browser goes afterwards.
    pub(super) const fn return_to(&self) -> &ReturnTo {
        match self {
            Self::Here(attempt) => &attempt.return_to,
            Self::There { return_to, .. } => return_to,
        }
    }

    /// The attempt that was answered.
    pub(super) const fn attempt(&self) -> Option<&Attempt> {
        match self {
            Self::Here(attempt) => Some(attempt),
            Self::There { .. } => None,
        }
    }

    /// The way into the application.
    pub(super) fn landing(&self, site: &Site) -> Response<Bytes> {
        let address = self.return_to().absolute(&site.public_url);
        match self.attempt().and_then(|attempt| attempt.kept.as_deref()) {
            Some(key) => pages::arrive(&site.branding, &address, key),
            None => redirect(StatusCode::SEE_OTHER, &address),
        }
    }

    /// The attempt, where it is a trial.
    pub(super) fn trial(&self) -> Option<&Attempt> {
        self.attempt().filter(|attempt| attempt.is_trial)
    }

    /// What is good for once, each with what it is called when it comes again. Claimed together.
    pub(super) fn claims(&self, site: &Site, assertion: &AcceptedAssertion) -> Vec<(ClaimKey, Reason)> {
        let request = self.attempt().map(|attempt| {
            (ClaimKey::request(site.key, attempt.request_id.as_str()), Reason::RequestAnswered)
        });
        let once = ClaimKey::assertion(assertion.issuer(), assertion.id());
        request.into_iter().chain([(once, Reason::AssertionReplayed)]).collect()
    }

    /// From when on nothing of it could be accepted again anyway.
    pub(super) fn over_at(&self, assertion: &AcceptedAssertion) -> Moment {
        let acceptable = assertion.acceptable_until();
        self.attempt().map_or(acceptable, |attempt| attempt.expires_at().max(acceptable))
    }

    /// What is demanded of this sign-in.
    pub(super) fn demand<'i>(&self, site: &Site, idp: &'i Idp) -> Cow<'i, Demand> {
        self.attempt().map_or(Cow::Borrowed(&idp.demand), |attempt| attempt.demand(site, idp))
    }

    /// A refusal that knows which sign-in it is about.
    pub(super) fn stopped(&self, refusal: Refusal) -> Stopped {
        let idp = match self {
            Self::Here(attempt) => &attempt.idp,
            Self::There { idp, .. } => idp,
        };
        let return_to = Some(Box::new(self.return_to().clone()));
        let trial = self.attempt().and_then(Trial::of);
        let authn_request = self.attempt().map(|attempt| attempt.request_id.as_str().into());
        Stopped { idp: Some(idp.as_str().into()), authn_request, return_to, trial, ..Stopped::from(refusal) }
    }

    /// Whether to ask the identity provider once more, for a new sign-in: what it brought was too old, and it had not
    /// been told yet. The request that forces everybody has told it.
    pub(super) fn may_ask_anew(&self, demand: &Demand, refusal: &Refusal) -> bool {
        refusal.reason == Reason::AuthnTooOld
            && demand.max_authn_age.is_some()
            && !demand.force_authn
            // A trial tells its owner so; what begins anew would be a sign-in.
            && self.trial().is_none()
            && !self.attempt().is_some_and(|attempt| attempt.anew)
    }

    /// The address that asks it.
    pub(super) fn asking_anew(&self, site: &Site, idp: &Idp) -> String {
        let here = format!("{}&anew=1", start_here(site, idp, self.return_to()));
        let kept = self.attempt().and_then(|attempt| attempt.kept.as_ref());
        let here = kept.map_or_else(|| here.clone(), |key| format!("{here}&kept={key}"));
        match self.attempt().and_then(|attempt| attempt.step_up) {
            Some(rule) => ask::stepping_up(&here, rule),
            None => here,
        }
    }
}

/// Whose unsolicited answer it is: the one that the address names, else the one that it says it comes from, among those
/// that may send one. What it says is only good for choosing whose keys must verify it.
///
/// # Errors
/// `in-response-to-missing`, with the address at which sign-ins begin.
pub(super) fn sender(
    site: &Site,
    idp_in_path: Option<&str>,
    raw: &RawResponse<'_>,
) -> Result<Arc<Idp>, Refusal> {
    let issuer = raw.claimed_issuer();
    let named = |idp: &Idp| match idp_in_path {
        Some(id) => idp.id == id,
        None => idp.known().is_some_and(|saml| issuer.as_deref() == Some(saml.entity_id.as_str())),
    };
    let Some(idp) = site.identity_providers.iter().find(|idp| named(idp)) else {
        let detail = "the response is unsolicited, and it is of no identity provider of this site";
        return Err(Refusal::new(Reason::InResponseToMissing, detail));
    };
    idp.admits_sign_ins()?;
    if !idp.allow_unsolicited {
        let start = start_here(site, idp, &ReturnTo::root());
        let detail = format!("the response is unsolicited; the tile's address should be {start}");
        return Err(Refusal::new(Reason::InResponseToMissing, detail));
    }
    Ok(Arc::clone(idp))
}

/// Where a sign-in with this identity provider begins.
pub(super) fn start_here(site: &Site, idp: &Idp, return_to: &ReturnTo) -> String {
    let id = utf8_percent_encode(&idp.id, NON_ALPHANUMERIC);
    format!("{}&idp={id}", ask::sign_in_url(site, return_to))
}

//! The judgement of an answer: the part of a sign-in that costs, and that knows no store and no cookie jar of the gate's.

use super::answers::Stopped;
use super::attempt::{Attempt, Held};
use super::begun::{self, Begun};
use super::second_opinion::Asked;
use super::tries::Try;
use crate::clock::Moment;
use crate::reason::{Reason, Refusal};
use crate::saml::parties::Limits;
use crate::saml::response::{AcceptedAssertion, Answers, Expected, RawResponse, ResponseText};
use crate::saml::second_opinion::Opinion;
use crate::site::{Idp, Site};
use std::sync::Arc;

/// Everything that judging an answer needs, owned, so that it can move to another thread.
pub(super) struct Examination {
    pub(super) saml_response: Arc<str>,
    pub(super) limits: Limits,
    pub(super) held: Held,
    pub(super) site: Arc<Site>,
    pub(super) idp_in_path: Option<String>,
    pub(super) posted: Posted,
    pub(super) relay_state: Option<String>,
    /// Where the answer was delivered, which is what Destination and Recipient must name.
    pub(super) acs_url: String,
    pub(super) remembers_since: Moment,
    /// Whether what is encrypted may be opened.
    pub(super) permission: Option<Try>,
    pub(super) second_opinion: Asked,
    pub(super) now: Moment,
}

/// Who let the browser post the answer, and so which cookies came with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Posted {
    /// Another site's page, as an identity provider's is: without Lax cookies.
    FromElsewhere,
    /// Our own page, with all cookies.
    ByUs,
    /// Somebody who says that our own page did, and the browser says otherwise.
    ByAPretender,
}

pub(super) enum Examined {
    Accepted {
        begun: Begun,
        idp: Arc<Idp>,
        assertion: Box<AcceptedAssertion>,
        /// Where one was sought.
        opinion: Option<Opinion>,
    },
    /// The browser did not send the attempt that the answer claims to belong to. Nothing has been verified.
    NotHeld { claimed: String },
    /// The answer is encrypted and nobody has permitted to open it. Nothing has been verified.
    Encrypted { attempt: Attempt },
    /// Nobody asked, and the identity provider may answer all the same. Nothing has been verified: first all cookies
    /// must be here.
    Unasked,
    /// Right in everything but that the person signed in too long ago, which the identity provider can mend.
    TooOld { begun: Begun, idp: Arc<Idp>, refusal: Refusal },
}

impl Examination {
    /// Judges it.
    pub(super) fn run(self) -> Result<Examined, Stopped> {
        let text = ResponseText::from_form_value(&self.saml_response, &self.limits)?;
        let raw = RawResponse::parse(&text, &self.limits)?;
        let Some(claimed) = raw.claimed_in_response_to() else { return self.unasked(&text, raw) };
        let Some(attempt) = self.held.answered_by(claimed).cloned() else {
            return Ok(Examined::NotHeld { claimed: claimed.to_owned() });
        };
        let stopped = |refusal| of(&attempt, refusal);

        let idp = attempt
            .redeem(&self.site, self.idp_in_path.as_deref(), self.remembers_since, self.now)
            .map_err(stopped)?;
        let counts = raw.is_encrypted() && !raw.is_signed_as_response();
        if counts && self.site.service_provider.can_decrypt() && self.permission.is_none() {
            return Ok(Examined::Encrypted { attempt });
        }
        self.judged(&text, raw, idp, Begun::Here(attempt))
    }

    /// An answer that says itself that nobody asked for it.
    fn unasked(&self, text: &ResponseText, raw: RawResponse<'_>) -> Result<Examined, Stopped> {
        let idp = begun::sender(&self.site, self.idp_in_path.as_deref(), &raw)?;
        let begun = Begun::there(&self.site, &idp, self.relay_state.as_deref());
        match self.posted {
            Posted::FromElsewhere => Ok(Examined::Unasked),
            Posted::ByUs => self.judged(text, raw, idp, begun),
            Posted::ByAPretender => {
                let detail = "an unsolicited answer was posted as if by our own page, and Origin and Sec-Fetch-Site \
                              say otherwise, or a gateway took them out";
                Err(begun.stopped(Refusal::new(Reason::CrossSiteRequest, detail)))
            }
        }
    }

    fn judged(
        &self,
        text: &ResponseText,
        raw: RawResponse<'_>,
        idp: Arc<Idp>,
        begun: Begun,
    ) -> Result<Examined, Stopped> {
        if begun.attempt().is_none() && raw.is_encrypted() && !raw.is_signed_as_response() {
            // The tries of a sign-in are counted by its attempt. Without one only what nobody can have altered is opened.
            let detail = "an encrypted answer that nobody asked for must be signed as a response";
            return Err(begun.stopped(Refusal::new(Reason::SignatureMissingResponse, detail)));
        }
        // One reading for the whole judgement, whatever is swapped meanwhile.
        let saml = idp.saml(self.now).map_err(|refusal| begun.stopped(refusal))?;
        let answers = match &begun {
            Begun::Here(attempt) => {
                Answers::Request { id: attempt.request_id.as_str(), issued: attempt.created }
            }
            Begun::There { .. } => Answers::Nobody { remembers_since: self.remembers_since },
        };
        let demand = begun.demand(&self.site, &idp);
        let expected = Expected {
            answers,
            service_provider: &self.site.service_provider,
            identity_provider: &saml,
            acs_url: &self.acs_url,
            demand: &demand,
        };
        let accepted = raw
            .verify(&saml, &self.site.service_provider, self.now)
            .and_then(|verified| verified.accept(&expected, &self.site.policy, self.now))
            .and_then(|assertion| Ok((self.second_opinion.on(text, &assertion)?, assertion)));
        match accepted {
            Ok((opinion, assertion)) => {
                Ok(Examined::Accepted { begun, idp, assertion: Box::new(assertion), opinion })
            }
            Err(refusal) if begun.may_ask_anew(&demand, &refusal) => {
                drop(demand);
                Ok(Examined::TooOld { begun, idp, refusal })
            }
            Err(refusal) => Err(begun.stopped(refusal)),
        }
    }
}

/// A refusal that is about this attempt.
pub(super) fn of(attempt: &Attempt, refusal: Refusal) -> Stopped {
    Stopped::from(refusal).or_about(Some(attempt))
}

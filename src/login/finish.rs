//! The end: the answer of an identity provider becomes a session.
//!
//! [`finish`] is the product on one page; [`Examination::run`](super::examination) is the part of it that costs, and
//! runs on the verifier's threads. Whatever refuses, nothing else changes: a session that the browser holds stays, the attempt
//! stays, no claim is made before the answer has been accepted in full.

use super::admitted::{browser, remembered, replaced};
use super::answers::{Stopped, redirect};
use super::at::At;
use super::attempt::Held;
use super::begun::Begun;
use super::endpoints::Costs;
use super::evidence::Evidence;
use super::examination::{Examination, Examined, Posted, of};
use super::form::{PostedResponse, says_where_from};
use super::hand_over;
use super::landing::Landing;
use super::return_to::ReturnTo;
use super::rounds::Answered;
use super::second_opinion::Asked;
use super::sign_out::is_own_page;
use super::trial;
use super::tries::Try;
use super::verifier::Lane;
use crate::clock::Moment;
use crate::cookies::Kind;
use crate::gate::{Gate, unavailable};
use crate::identity::{Identity, Person as _};
use crate::observe::audit::{self, Event};
use crate::observe::audit_is_kept;
use crate::observe::metrics::LimitLabel;
use crate::observe::traces;
use crate::pages::Exchange;
use crate::reason::{Reason, Refusal};
use crate::saml::response::AcceptedAssertion;
use crate::saml::second_opinion::Opinion;
use crate::session::{Browser, Claim, ClaimKey, Readings, Session, SessionId};
use crate::site::{Idp, Site};
use bytes::Bytes;
use http::header::SET_COOKIE;
use http::{HeaderMap, Response, StatusCode};
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Answers `POST saml/acs`, `POST saml/acs/{idp}` and the same at the paths of `acs_aliases`.
///
/// # Errors
/// Every reason of the form, the message, the attempt and the identity; `busy`; `session-limit`; `store-unavailable`.
pub(super) async fn finish(
    gate: &Gate,
    site: &Site,
    at: At<'_>,
    request: &http::Request<Bytes>,
    client: IpAddr,
    now: Moment,
) -> Result<Response<Bytes>, Stopped> {
    let posted = PostedResponse::read(request.headers(), request.body())?;
    let delivery = Delivery { gate, site, headers: request.headers(), at, posted: &posted, now };
    finished(&delivery, client).await.map_err(|mut stopped| {
        if let Some(trial) = &mut stopped.trial {
            trial.with_answer(posted.at(delivery.acs_url()));
        }
        stopped
    })
}

async fn finished(delivery: &Delivery<'_>, client: IpAddr) -> Result<Response<Bytes>, Stopped> {
    let Delivery { gate, site, headers, now, .. } = *delivery;
    let Verified { begun, idp, assertion, opinion } = match delivery.verified().await? {
        ControlFlow::Continue(verified) => verified,
        ControlFlow::Break(page) => return Ok(page),
    };
    let name_id: Box<str> = assertion.name_id().value.as_str().into();
    let stopped = |refusal| Stopped { name_id: Some(name_id.clone()), ..begun.stopped(refusal).after_saml() };
    if !audit_is_kept() {
        return Err(stopped(Reason::AuditUnavailable.into()));
    }

    let evidence = Evidence::of(&assertion);
    if evidence.protection.sha1 {
        audit::record(&Event::DangerUsed {
            site: &site.name,
            idp: &idp.id,
            danger: "sha1",
            client: Some(client),
        });
        gate.metrics.danger_used(site.id);
    }
    if let (None, Some(attempt)) = (evidence.protection.encrypted, begun.attempt()) {
        gate.tries.refuse_spent(site, attempt, now).map_err(stopped)?;
    }
    let (once, reasons): (Vec<ClaimKey>, Vec<Reason>) = begun.claims(site, &assertion).into_iter().unzip();
    let until = begun.over_at(&assertion);
    let (identity, for_sites) = hand_over::read(gate, site, assertion, &idp).map_err(stopped)?;
    let user: Box<str> = identity.user().into();
    let stopped = |refusal| Stopped { user: Some(user.clone()), ..stopped(refusal) };
    let (identity, admitted) = site.admission.admit(identity).map_err(stopped)?;
    if let Some(page) = delivery.asks_who(&begun, &identity).await? {
        return Ok(page);
    }
    // Whoever is not admitted must be refused before anything is claimed; a trial is told so and spends nothing of it.
    let (id, session) = established(site, &identity, for_sites, browser(headers), now).map_err(stopped)?;
    let replaced = replaced(site, headers, begun.attempt());
    if begun.trial().is_none()
        && let Err(refusal) = gate.has_place(site, &session, &replaced, now).await
    {
        // The session that this browser has by now, which the new one replaces, comes along with a post of our own page only.
        let may_change = refusal.reason == Reason::SessionLimit && !delivery.posted.is_repost;
        return if may_change { Ok(delivery.page_that_posts_again()) } else { Err(stopped(refusal)) };
    }
    match gate.store.claim_once(&once, now, until).await.map_err(unavailable).map_err(stopped)? {
        Claim::First => {}
        Claim::Taken { which } => {
            let reason = reasons.get(which).copied().unwrap_or(Reason::AssertionReplayed);
            return delivery.answered_before(&begun, reason).await;
        }
    }
    if let Some(attempt) = begun.trial() {
        let admission = trial::admission(&trial::Admission {
            terms: site.admission.in_words(&idp.id),
            invited: admitted.is_invited(),
            roles: admitted.roles(),
            is_news: admitted.is_news(),
        });
        let answer = delivery.posted.at(delivery.acs_url());
        let outcome = trial::Outcome { attempt, answer, idp: &idp, session: &session, admission };
        return Ok(trial::accepted(gate, site, outcome, client, now).await);
    }
    remembered(gate, site, admitted).await.map_err(stopped)?;
    gate.let_in(site, &session, &replaced, now).await.map_err(stopped)?;
    let landing = Landing { gate, site, headers, client, now };
    Ok(landing.of(&begun, (&id, &session), &evidence, opinion.as_ref()).await)
}

/// An answer that every rule has accepted, and nobody has been made of yet.
struct Verified {
    begun: Begun,
    idp: Arc<Idp>,
    assertion: AcceptedAssertion,
    opinion: Option<Opinion>,
}

/// One post to the assertion consumer service: what to do when it is not simply the answer that was waited for.
struct Delivery<'a> {
    gate: &'a Gate,
    site: &'a Site,
    headers: &'a HeaderMap,
    at: At<'a>,
    posted: &'a PostedResponse,
    now: Moment,
}

impl Delivery<'_> {
    fn acs_url(&self) -> String {
        self.at.url(self.site)
    }

    /// Judged on the verifier's threads, as long as there is room. A refusal that could not tell which sign-in it was
    /// about is helped out by the RelayState.
    async fn examined(&self, permission: Option<Try>) -> Result<Examined, Stopped> {
        let Some(site) = self.gate.shared(self.site) else {
            return Err(Refusal::new(Reason::Internal, "the site is not one of this gate's").into());
        };
        let held = Held::read(&self.gate.keys, &site, self.headers);
        // What they sealed for it themselves is all that can be believed before the message is read.
        let lane = if held.iter().next().is_some() { Lane::Begun } else { Lane::Strangers };
        if permission.is_none() {
            let idp = held.iter().next().map_or("", |attempt| attempt.idp.as_str());
            self.gate.limiter.count_for_idp(Costs::Answer, idp, self.now)?;
        }
        let begun_in: Vec<_> = held
            .iter()
            .filter_map(|attempt| Some((attempt.request_id.as_str().to_owned(), *attempt.trace.as_deref()?)))
            .collect();
        let probably = self.posted.relay_state.as_deref().and_then(|state| held.named(state)).cloned();
        let examination = Examination {
            saml_response: Arc::clone(&self.posted.saml_response),
            limits: self.gate.message_limits,
            held,
            site,
            idp_in_path: self.at.idp().map(str::to_owned),
            posted: self.posted_by(),
            relay_state: self.posted.relay_state.clone(),
            acs_url: self.acs_url(),
            remembers_since: self.gate.store.remembers_since(),
            permission,
            second_opinion: Asked::of(self.gate),
            now: self.now,
        };
        let mut step = traces::step("verify the answer", traces::Kind::Internal);
        let examined =
            self.gate.verifier.run_on(lane, move || examination.run()).await.map_err(Stopped::from).flatten();
        if let Some(answered) = answered(&examined)
            && let Some((_, trace)) = begun_in.into_iter().find(|(request, _)| request == answered)
        {
            // The seal says that it is ours, and the answer which of them it is.
            traces::continues(trace);
        }
        if let (Some(step), Err(stopped)) = (&mut step, &examined) {
            step.failed(stopped.refusal.reason.code());
        }
        drop(step);
        if examined.as_ref().is_err_and(|stopped| stopped.refusal.reason == Reason::Busy) {
            self.gate.metrics.limit_reached(match lane {
                Lane::Begun => LimitLabel::Verifier,
                Lane::Strangers => LimitLabel::VerifierStrangers,
            });
        }
        examined.map_err(|stopped| stopped.or_about(probably.as_ref()))
    }

    /// The answer, accepted; or the page that is shown in its place. What is encrypted is opened only here, after a try has
    /// been counted for it.
    async fn verified(&self) -> Result<ControlFlow<Response<Bytes>, Verified>, Stopped> {
        let mut examined = self.examined(None).await?;
        if let Examined::Encrypted { attempt } = examined {
            let stopped = |refusal| of(&attempt, refusal);
            let answered = ClaimKey::request(self.site.key, attempt.request_id.as_str());
            let claimed = self.gate.store.is_claimed(&answered, self.now).await;
            if claimed.map_err(unavailable).map_err(stopped)? {
                let page = self.answered_before(&Begun::Here(attempt), Reason::RequestAnswered).await?;
                return Ok(ControlFlow::Break(page));
            }
            let one = self.gate.tries.take(self.site, &attempt, self.now).map_err(stopped)?;
            examined = self.examined(Some(one)).await?;
        }
        Ok(match examined {
            Examined::Accepted { begun, idp, assertion, opinion } => {
                ControlFlow::Continue(Verified { begun, idp, assertion: *assertion, opinion })
            }
            Examined::NotHeld { claimed } => ControlFlow::Break(self.not_held(&claimed).await?),
            Examined::Unasked => ControlFlow::Break(self.page_that_posts_again()),
            Examined::TooOld { begun, idp, refusal } => {
                ControlFlow::Break(self.asked_anew(&begun, &idp, &refusal))
            }
            Examined::Encrypted { .. } => {
                return Err(
                    Refusal::new(Reason::Internal, "a permitted decryption did not take place").into()
                );
            }
        })
    }

    fn posted_by(&self) -> Posted {
        match self.posted.is_repost {
            false => Posted::FromElsewhere,
            true if says_where_from(self.headers) && is_own_page(self.site, self.headers) => Posted::ByUs,
            true => Posted::ByAPretender,
        }
    }

    fn page_that_posts_again(&self) -> Response<Bytes> {
        self.posted.page_that_posts_again(self.site, &self.acs_url())
    }

    /// Once more to the identity provider, which is told to let the person sign in anew.
    fn asked_anew(&self, begun: &Begun, idp: &Idp, refusal: &Refusal) -> Response<Bytes> {
        tracing::info!(site = self.site.name, idp = idp.id, %refusal, "asked for a new sign-in");
        let mut response = redirect(StatusCode::SEE_OTHER, &begun.asking_anew(self.site, idp));
        if let Some(attempt) = begun.attempt() {
            let answered = self.site.cookies.clear(&Kind::Attempt(attempt.suffix()));
            response.headers_mut().append(SET_COOKIE, answered);
        }
        response
    }

    /// Nobody becomes somebody else by an answer that nobody asked for without having said so.
    async fn asks_who(&self, begun: &Begun, identity: &Identity) -> Result<Option<Response<Bytes>>, Stopped> {
        if begun.attempt().is_some() || self.posted.is_confirmed {
            return Ok(None);
        }
        let session = self.gate.resume(self.site, self.headers, self.now).await?;
        let Some(session) = session.filter(|s| (s.idp(), s.user()) != (identity.idp(), identity.user()))
        else {
            return Ok(None);
        };
        let stay = begun.return_to().absolute(&self.site.public_url);
        let who = Exchange { now: session.user(), then: identity.user(), stay: &stay };
        Ok(Some(self.posted.page_that_asks(self.site, &self.acs_url(), &who)))
    }

    /// The attempt is not here: it comes with the re-post, or it is gone. Whoever has a session needs no other.
    async fn not_held(&self, claimed: &str) -> Result<Response<Bytes>, Stopped> {
        if !self.posted.is_repost {
            return Ok(self.page_that_posts_again());
        }
        let return_to = Answered::read(&self.gate.keys, self.site, self.headers)
            .filter(|answered| answered.is_of(claimed))
            .map(|answered| answered.return_to);
        let lost =
            Refusal::new(Reason::AttemptMissing, "no attempt in the browser's cookies has this InResponseTo");
        // Its own word for it: whoever looks for the sign-in that it belonged to has nothing else.
        self.to_target_with_a_session(return_to, lost)
            .await
            .map_err(|stopped| Stopped { authn_request: Some(claimed.into()), ..stopped })
    }

    /// The back button, a reload, or somebody else's copy.
    async fn answered_before(&self, begun: &Begun, reason: Reason) -> Result<Response<Bytes>, Stopped> {
        if begun.trial().is_some() {
            return Err(begun.stopped(reason.into()));
        }
        if !self.posted.is_repost {
            return Ok(self.page_that_posts_again());
        }
        self.to_target_with_a_session(Some(begun.return_to().clone()), reason.into())
            .await
            .map_err(|stopped| begun.stopped(stopped.refusal))
    }

    async fn to_target_with_a_session(
        &self,
        return_to: Option<ReturnTo>,
        otherwise: Refusal,
    ) -> Result<Response<Bytes>, Stopped> {
        if self.gate.resume(self.site, self.headers, self.now).await?.is_some() {
            let target = return_to.unwrap_or_else(ReturnTo::root);
            return Ok(redirect(StatusCode::SEE_OTHER, &target.absolute(&self.site.public_url)));
        }
        Err(Stopped { return_to: return_to.map(Box::new), ..Stopped::from(otherwise) })
    }
}

/// The ID of the request that was answered, as an attempt of this browser says it.
fn answered(examined: &Result<Examined, Stopped>) -> Option<&str> {
    match examined {
        Ok(Examined::Accepted { begun, .. } | Examined::TooOld { begun, .. }) => {
            begun.attempt().map(|attempt| attempt.request_id.as_str())
        }
        Ok(Examined::Encrypted { attempt }) => Some(attempt.request_id.as_str()),
        Ok(Examined::NotHeld { .. } | Examined::Unasked) => None,
        Err(stopped) => stopped.authn_request.as_deref(),
    }
}

/// A new secret for a new session: what the browser presented may have been planted by somebody else.
fn established(
    site: &Site,
    identity: &Identity,
    for_sites: Option<Readings>,
    browser: Browser,
    now: Moment,
) -> Result<(SessionId, Arc<Session>), Refusal> {
    let id = SessionId::random();
    let (key, limits) = (id.key(), &site.session_limits);
    let session = match for_sites {
        Some(readings) => Session::establish_for_sites(identity, readings, site.key, key, limits, now),
        None => Session::establish(identity, site.key, key, limits, now),
    };
    if !session.is_alive(now) {
        // Skew lets in an answer of the last moment; it must not send the browser round for a dead session.
        return Err(Refusal::new(
            Reason::SessionExpired,
            format!("the session would end at {}", session.ends_at()),
        ));
    }
    Ok((id, Arc::new(session.in_browser(browser))))
}

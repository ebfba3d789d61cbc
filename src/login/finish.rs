//! The end: the answer of an identity provider becomes a session.
//!
//! [`finish`] is the product on one page; [`Examination::run`] is the part of it that costs, and runs on the
//! verifier's threads. Whatever refuses, nothing else changes: a session that the browser holds stays, the attempt
//! stays, no claim is made before the answer has been accepted in full.

use super::answers::{Stopped, redirect};
use super::attempt::{Attempt, Held};
use super::form::PostedResponse;
use super::return_to::ReturnTo;
use super::rounds::Answered;
use crate::clock::Moment;
use crate::cookies::Kind;
use crate::gate::{Gate, presented_key, unavailable};
use crate::identity::{Identity, Person as _};
use crate::observe::audit::{self, Event};
use crate::observe::metrics::{Metrics, OpinionLabel};
use crate::reason::{Reason, Refusal};
use crate::saml::parties::Limits;
use crate::saml::response::{AcceptedAssertion, Expected, RawResponse, ResponseText};
use crate::saml::second_opinion::{Opinion, SecondOpinion};
use crate::session::{Claim, ClaimKey, Session, SessionId, SessionKey};
use crate::site::{Idp, Site};
use bytes::Bytes;
use http::header::SET_COOKIE;
use http::{HeaderMap, Response, StatusCode};
use std::net::IpAddr;
use std::sync::Arc;

/// Answers `POST saml/acs` and `POST saml/acs/{idp}`.
///
/// # Errors
/// Every reason of the form, the message, the attempt and the identity; `busy`; `store-unavailable`.
pub(super) async fn finish(
    gate: &Gate,
    site: &Site,
    idp_in_path: Option<&str>,
    request: &http::Request<Bytes>,
    client: IpAddr,
    now: Moment,
) -> Result<Response<Bytes>, Stopped> {
    let posted = PostedResponse::read(request.headers(), request.body())?;
    let delivery = Delivery { gate, site, headers: request.headers(), idp_in_path, posted: &posted, now };
    let (attempt, idp, assertion, opinion) = match delivery.examined().await? {
        Examined::Accepted { attempt, idp, assertion, opinion } => (attempt, idp, *assertion, opinion),
        Examined::NotHeld { claimed } => return delivery.not_held(&claimed).await,
    };
    let stopped = |refusal| of(&attempt, refusal);

    let answered = ClaimKey::request(site.id, attempt.request_id.as_str());
    let accepted = ClaimKey::assertion(assertion.issuer(), assertion.id());
    let signed = assertion.signed_parts();
    let until = attempt.expires_at().max(assertion.acceptable_until());
    let identity = Identity::from_accepted(assertion, &idp.id, idp.email_domains.as_deref(), &site.mapping)
        .map_err(stopped)?;
    let (id, session) = established(site, &identity, now).map_err(stopped)?;
    match gate
        .store
        .claim_once(&[answered, accepted], now, until)
        .await
        .map_err(unavailable)
        .map_err(stopped)?
    {
        Claim::First => {}
        Claim::Taken { which } => return delivery.answered_before(&attempt, which).await,
    }
    gate.store.insert(Arc::clone(&session)).await.map_err(unavailable).map_err(stopped)?;
    // Only now: without a new session the old one stays.
    for old in [presented_key(site, request.headers()), attempt.replaces].iter().flatten() {
        replace(gate, site, old, client).await;
    }
    record(gate, site, &session, signed, opinion.as_ref(), client);

    let mut response = redirect(StatusCode::SEE_OTHER, &attempt.return_to.absolute(&site.public_url));
    for cookie in [
        site.cookies.set(&Kind::Session, &id.to_cookie(), None),
        site.cookies.clear(&Kind::Attempt(attempt.suffix())),
        Answered::from_attempt(&attempt, now).cookie(&gate.keys, site),
    ] {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Everything that judging an answer needs, owned, so that it can move to another thread.
struct Examination {
    saml_response: Arc<str>,
    limits: Limits,
    held: Held,
    site: Arc<Site>,
    idp_in_path: Option<String>,
    /// Where the answer was delivered, which is what Destination and Recipient must name.
    acs_url: String,
    remembers_since: Moment,
    second_opinion: Option<SecondOpinion>,
    metrics: Arc<Metrics>,
    now: Moment,
}

enum Examined {
    Accepted {
        attempt: Attempt,
        idp: Arc<Idp>,
        assertion: Box<AcceptedAssertion>,
        /// Where one was sought.
        opinion: Option<Opinion>,
    },
    /// The browser did not send the attempt that the answer claims to belong to. Nothing has been verified.
    NotHeld { claimed: String },
}

impl Examination {
    fn run(self) -> Result<Examined, Stopped> {
        let text = ResponseText::from_form_value(&self.saml_response, &self.limits)?;
        let raw = RawResponse::parse(&text, &self.limits)?;
        let Some(claimed) = raw.claimed_in_response_to() else {
            return Err(Refusal::new(Reason::InResponseToMissing, "the response is unsolicited").into());
        };
        let Some(attempt) = self.held.answered_by(claimed).cloned() else {
            return Ok(Examined::NotHeld { claimed: claimed.to_owned() });
        };
        let stopped = |refusal| of(&attempt, refusal);

        let idp = attempt
            .redeem(&self.site, self.idp_in_path.as_deref(), self.remembers_since, self.now)
            .map_err(stopped)?;
        let expected = Expected {
            request_id: attempt.request_id.as_str(),
            requested_at: attempt.created,
            service_provider: &self.site.service_provider,
            identity_provider: &idp.saml,
            acs_url: &self.acs_url,
        };
        let verified = raw.verify(&idp.saml).map_err(stopped)?;
        let assertion = verified.accept(&expected, &self.site.policy, self.now).map_err(stopped)?;
        let opinion = self.second_opinion(&text, &assertion).map_err(stopped)?;
        Ok(Examined::Accepted { idp: Arc::clone(&idp), assertion: Box::new(assertion), attempt, opinion })
    }

    /// Last, of what has passed every rule: what other code says of it.
    fn second_opinion(
        &self,
        text: &ResponseText,
        assertion: &AcceptedAssertion,
    ) -> Result<Option<Opinion>, Refusal> {
        let weighed = self.second_opinion.map(|second| second.weigh(text, assertion));
        match &weighed {
            None => {}
            Some(Ok(Opinion::Agrees)) => self.metrics.second_opinion(OpinionLabel::Agrees),
            Some(Ok(Opinion::NotComparable(_))) => self.metrics.second_opinion(OpinionLabel::NotComparable),
            Some(Ok(Opinion::Disagrees(_)) | Err(_)) => self.metrics.second_opinion(OpinionLabel::Disagrees),
        }
        weighed.transpose()
    }
}

/// One post to the assertion consumer service: what to do when it is not simply the answer that was waited for.
struct Delivery<'a> {
    gate: &'a Gate,
    site: &'a Site,
    headers: &'a HeaderMap,
    idp_in_path: Option<&'a str>,
    posted: &'a PostedResponse,
    now: Moment,
}

impl Delivery<'_> {
    fn acs_url(&self) -> String {
        let published = &self.site.service_provider.acs_url;
        self.idp_in_path.map_or_else(|| published.clone(), |idp| format!("{published}/{idp}"))
    }

    /// Judged on the verifier's threads, as long as there is room. A refusal that could not tell which sign-in it was
    /// about is helped out by the RelayState.
    async fn examined(&self) -> Result<Examined, Stopped> {
        let Some(site) = self.gate.shared(self.site) else {
            return Err(Refusal::new(Reason::Internal, "the site is not one of this gate's").into());
        };
        let held = Held::read(&self.gate.keys, &site, self.headers);
        let probably = self.posted.relay_state.as_deref().and_then(|state| held.named(state)).cloned();
        let examination = Examination {
            saml_response: Arc::clone(&self.posted.saml_response),
            limits: self.gate.message_limits,
            held,
            site,
            idp_in_path: self.idp_in_path.map(str::to_owned),
            acs_url: self.acs_url(),
            remembers_since: self.gate.store.remembers_since(),
            second_opinion: self.gate.second_opinion,
            metrics: Arc::clone(&self.gate.metrics),
            now: self.now,
        };
        let examined =
            self.gate.verifier.run(move || examination.run()).await.map_err(Stopped::from).flatten();
        examined.map_err(|stopped| stopped.or_about(probably.as_ref()))
    }

    /// The attempt is not here: it comes with the re-post, or it is gone. Whoever has a session needs no other.
    async fn not_held(&self, claimed: &str) -> Result<Response<Bytes>, Stopped> {
        if !self.posted.is_repost {
            return Ok(self.posted.page_that_posts_again(self.gate, &self.acs_url()));
        }
        let return_to = Answered::read(&self.gate.keys, self.site, self.headers)
            .filter(|answered| answered.is_of(claimed))
            .map(|answered| answered.return_to);
        let lost =
            Refusal::new(Reason::AttemptMissing, "no attempt in the browser's cookies has this InResponseTo");
        self.to_target_with_a_session(return_to, lost).await
    }

    /// The back button, a reload, or somebody else's copy.
    async fn answered_before(&self, attempt: &Attempt, which: usize) -> Result<Response<Bytes>, Stopped> {
        if !self.posted.is_repost {
            return Ok(self.posted.page_that_posts_again(self.gate, &self.acs_url()));
        }
        let reason = if which == 0 { Reason::RequestAnswered } else { Reason::AssertionReplayed };
        self.to_target_with_a_session(Some(attempt.return_to.clone()), reason.into())
            .await
            .map_err(|stopped| Stopped { idp: Some(attempt.idp.clone()), ..stopped })
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
        Err(Stopped { return_to, ..Stopped::from(otherwise) })
    }
}

/// A new secret for a new session: what the browser presented may have been planted by somebody else.
fn established(site: &Site, identity: &Identity, now: Moment) -> Result<(SessionId, Arc<Session>), Refusal> {
    let id = SessionId::random();
    let session = Session::establish(identity, site.id, id.key(), &site.session_limits, now);
    if !session.is_alive(now) {
        // Skew lets in an answer of the last moment; it must not send the browser round for a dead session.
        return Err(Refusal::new(
            Reason::SessionExpired,
            format!("the session would end at {}", session.ends_at()),
        ));
    }
    Ok((id, Arc::new(session)))
}

fn of(attempt: &Attempt, refusal: Refusal) -> Stopped {
    Stopped::from(refusal).or_about(Some(attempt))
}

/// Ends a session in whose place a new one has come. That it could not be ended is no reason to turn away somebody who
/// has signed in: the browser forgets it now, and its time is limited.
async fn replace(gate: &Gate, site: &Site, old: &SessionKey, client: IpAddr) {
    match gate.store.remove(old).await {
        Ok(None) => {}
        Ok(Some(session)) => audit::record(&Event::SessionReplaced {
            site: &site.name,
            idp: session.idp(),
            user: session.user(),
            session: &session.key().public_name(),
            client: Some(client),
        }),
        Err(problem) => tracing::warn!(
            site = site.name,
            session = %old.public_name(),
            %problem,
            "a replaced session could not be ended; it lasts until its time is over"
        ),
    }
}

fn record(
    gate: &Gate,
    site: &Site,
    session: &Session,
    signed: &str,
    opinion: Option<&Opinion>,
    client: IpAddr,
) {
    let opinion = opinion.map(|opinion| (opinion.to_string(), matches!(opinion, Opinion::Disagrees(_))));
    let (mut groups, mut roles) = (0, Vec::new());
    session.each_group(&mut |_| groups += 1);
    session.each_role(&mut |role| roles.push(role.to_owned()));
    audit::record(&Event::SignedIn {
        site: &site.name,
        idp: session.idp(),
        user: session.user(),
        session: &session.key().public_name(),
        groups,
        roles: &roles,
        client: Some(client),
        signed,
        second_opinion: opinion.as_ref().map(|(said, disagrees)| (said.as_str(), *disagrees)),
    });
    gate.metrics.sign_in_finished(site.id, None);
}

//! The single logout service: logout messages of identity providers, by GET and by POST.
//!
//! ```text
//! LogoutRequest  (ending.rs)    verified -> claimed once -> sessions of the name ended, without any cookie
//!                               -> LogoutResponse, which tells what became of them
//! LogoutResponse (leaving.rs)   the browser's leaving cookie -> verified -> a page, or where the person wanted to go
//! ```
//!
//! A LogoutRequest needs nothing of the browser that brings it: the signature says who asks, the store knows the
//! sessions. A LogoutResponse ends nothing, for the session here ended before the question was sent; it only decides
//! what the person is told. So whatever an identity provider answers, or does not, nobody stays signed in here.

mod arrived;
mod ending;
pub(super) mod leaving;

use super::answers::{Stopped, redirect};
use super::ask;
use super::return_to::ReturnTo;
use crate::clock::Moment;
use crate::cookies::Kind;
use crate::gate::Gate;
use crate::observe::audit::{self, Event, Reference};
use crate::pages::{self, SignOutPost, SignedOut, There};
use crate::reason::{Reason, Refusal};
use crate::saml::logout::{
    AcceptedLogoutRequest, Carries, Delivery, ExpectedAnswer, LogoutAnswer, RawLogout, VerifiedLogout,
};
use crate::saml::parties::{IdentityProvider, Limits, ServiceProvider};
use crate::site::{Idp, Site};
use arrived::Arrived;
use bytes::Bytes;
use http::header::SET_COOKIE;
use http::{HeaderMap, Response, StatusCode};
use leaving::Leaving;
use std::net::IpAddr;
use std::sync::Arc;

/// Answers `GET` and `POST saml/slo`. Refusals are answered here too: what they mean to a person is not what a refused
/// sign-in means.
pub(super) async fn receive(
    gate: &Gate,
    site: &Site,
    request: &http::Request<Bytes>,
    client: IpAddr,
    now: Moment,
) -> Response<Bytes> {
    let visit = Visit { gate, site, headers: request.headers(), client, now };
    let arrived = match Arrived::read(request) {
        Ok(arrived) => arrived,
        Err(refusal) => return visit.request_refused(&refusal.into()),
    };
    let leaving = Leaving::read(&gate.keys, site, visit.headers);
    match visit.examined(&arrived, leaving.clone()).await {
        Ok(Examined::Request { idp, request, relay_state }) => {
            match ending::carry_out(&visit, &idp, &request, &relay_state, arrived.binding()).await {
                Ok(response) => response,
                Err(refusal) => visit.request_refused(&Stopped {
                    idp: Some(idp.id.as_str().into()),
                    ..Stopped::from(refusal)
                }),
            }
        }
        Ok(Examined::Answer { answer, leaving }) => visit.answered(&answer, &leaving),
        // A cross-site POST may come without the cookie that is waiting for it; the second one does not.
        Ok(Examined::NotAsked) => match arrived.page_that_posts_again(site) {
            Some(page) => page,
            None => {
                let detail = "no sign-out in the browser's cookies has this InResponseTo";
                visit.answer_refused(&Refusal::new(Reason::LogoutUnsolicited, detail).into(), None).await
            }
        },
        Err(stopped) if arrived.carries() == Carries::Response => {
            visit.answer_refused(&stopped, leaving.as_ref()).await
        }
        Err(stopped) => visit.request_refused(&stopped),
    }
}

/// Everything that judging a message needs, owned, so that it can move to another thread.
struct Examination {
    arrived: Arrived,
    limits: Limits,
    site: Arc<Site>,
    leaving: Option<Leaving>,
    now: Moment,
}

enum Examined {
    Request {
        idp: Arc<Idp>,
        request: Box<AcceptedLogoutRequest>,
        relay_state: String,
    },
    Answer {
        answer: LogoutAnswer,
        leaving: Leaving,
    },
    /// A response, and this browser waits for none or for another one. Nothing has been verified.
    NotAsked,
}

impl Examination {
    fn run(self) -> Result<Examined, Stopped> {
        let Self { arrived, limits, site, leaving, now } = self;
        let text = arrived.text(&limits)?;
        let raw = RawLogout::parse(&text, &limits)?;
        let (sp, policy) = (&site.service_provider, &site.policy);
        match text.carries() {
            Carries::Request => {
                let idp = claimed(&site, &raw)?;
                let stopped =
                    |refusal| Stopped { idp: Some(idp.id.as_str().into()), ..Stopped::from(refusal) };
                let saml = theirs(&idp).map_err(stopped)?;
                let verified = verified(raw, Carries::Request, &idp, (&saml, sp)).map_err(stopped)?;
                let request = verified.accept_request(&saml, sp, policy, now).map_err(stopped)?;
                let relay_state = text.relay_state().unwrap_or_default().to_owned();
                Ok(Examined::Request { request: Box::new(request), relay_state, idp })
            }
            Carries::Response => {
                let claimed = raw.claimed_in_response_to();
                let Some(leaving) = leaving.filter(|leaving| claimed == Some(leaving.request_id.as_str()))
                else {
                    return Ok(Examined::NotAsked);
                };
                let stopped =
                    |refusal| Stopped { idp: Some(leaving.idp.as_str().into()), ..Stopped::from(refusal) };
                let idp = leaving.redeem(&site, now).map_err(stopped)?;
                let expected = ExpectedAnswer {
                    request_id: leaving.request_id.as_str(),
                    requested_at: leaving.created,
                    further_issuers: &idp.logout.issuers,
                };
                let saml = theirs(&idp).map_err(stopped)?;
                let verified = verified(raw, Carries::Response, &idp, (&saml, sp)).map_err(stopped)?;
                let answer = verified.accept_response(&expected, &saml, sp, policy, now).map_err(stopped)?;
                Ok(Examined::Answer { answer, leaving })
            }
        }
    }
}

/// The identity provider that the message claims to be from; its keys decide whether that is true.
fn claimed(site: &Site, raw: &RawLogout<'_>) -> Result<Arc<Idp>, Refusal> {
    let issuer = raw.claimed_issuer().unwrap_or_default();
    let named = |idp: &&Arc<Idp>| idp.known().is_some_and(|saml| saml.entity_id.as_str() == issuer);
    let known = site.identity_providers.iter().find(named);
    known.cloned().ok_or_else(|| {
        Refusal::new(Reason::LogoutIssuerUnknown, "its issuer is none of this site's identity providers")
    })
}

/// As its metadata describes it, valid still or not: an end of sessions does not wait for the next metadata.
fn theirs(idp: &Idp) -> Result<Arc<IdentityProvider>, Refusal> {
    idp.known().ok_or_else(|| {
        Refusal::new(
            Reason::MetadataUnavailable,
            "no metadata of the identity provider has been read since the start",
        )
    })
}

fn verified(
    raw: RawLogout<'_>,
    carries: Carries,
    idp: &Idp,
    (saml, sp): (&IdentityProvider, &ServiceProvider),
) -> Result<VerifiedLogout, Refusal> {
    if !idp.logout.single_logout {
        return Err(Reason::LogoutSwitchedOff.into());
    }
    raw.verify(saml, sp, idp.logout.demands_signature(carries))
}

/// One call of the single logout service.
struct Visit<'a> {
    gate: &'a Gate,
    site: &'a Site,
    headers: &'a HeaderMap,
    client: IpAddr,
    now: Moment,
}

impl Visit<'_> {
    /// Judged on the verifier's threads, as long as there is room.
    async fn examined(&self, arrived: &Arrived, leaving: Option<Leaving>) -> Result<Examined, Stopped> {
        let Some(site) = self.gate.shared(self.site) else {
            return Err(Refusal::new(Reason::Internal, "the site is not one of this gate's").into());
        };
        let limits = self.gate.message_limits;
        let examination = Examination { arrived: arrived.clone(), limits, site, leaving, now: self.now };
        self.gate.verifier.run(move || examination.run()).await.map_err(Stopped::from).flatten()
    }

    /// The identity provider answered our question.
    fn answered(&self, answer: &LogoutAnswer, leaving: &Leaving) -> Response<Bytes> {
        let (outcome, there, detail) = match answer {
            LogoutAnswer::Ended => ("ended", There::Ended, ""),
            LogoutAnswer::Partly => ("partly", There::Partly, ""),
            LogoutAnswer::Refused(said) => ("failed", There::Refused, said.as_str()),
        };
        audit::record(&Event::LogoutAnswered {
            site: &self.site.name,
            idp: &leaving.idp,
            session: &leaving.session,
            outcome,
            detail,
            client: Some(self.client),
        });
        self.gate.metrics.single_logout(self.site.id, "user", outcome, "");
        let mut response = match (&leaving.return_to, there) {
            (Some(rd), There::Ended) => redirect(StatusCode::SEE_OTHER, &rd.absolute(&self.site.public_url)),
            _ => self.signed_out(there, leaving.return_to.as_ref()),
        };
        response.headers_mut().append(SET_COOKIE, self.site.cookies.clear(&Kind::Leaving));
        response
    }

    /// A response that was refused: the session here has ended all the same, unless there is a newer one.
    async fn answer_refused(&self, stopped: &Stopped, leaving: Option<&Leaving>) -> Response<Bytes> {
        let reference = self.refused("user", stopped);
        let reason = stopped.refusal.reason;
        match self.gate.resume(self.site, self.headers, self.now).await {
            Ok(None) => {
                let there = There::Unknown { reason, reference: reference.as_str() };
                self.signed_out(there, leaving.and_then(|leaving| leaving.return_to.as_ref()))
            }
            Ok(Some(_)) | Err(_) => self.refusal_page(reason, &reference),
        }
    }

    fn request_refused(&self, stopped: &Stopped) -> Response<Bytes> {
        let reference = self.refused("idp", stopped);
        self.refusal_page(stopped.refusal.reason, &reference)
    }

    /// Audited and counted.
    fn refused(&self, begun_by: &'static str, stopped: &Stopped) -> Reference {
        let reference = Reference::random();
        audit::record(&Event::LogoutRefused {
            site: &self.site.name,
            idp: stopped.idp.as_deref(),
            reference: reference.as_str(),
            refusal: &stopped.refusal,
            client: Some(self.client),
        });
        let code = stopped.refusal.reason.code();
        self.gate.metrics.single_logout(self.site.id, begun_by, "refused", code);
        reference
    }

    fn refusal_page(&self, reason: Reason, reference: &Reference) -> Response<Bytes> {
        let sign_out = format!("{}{}/sign-out", self.site.public_url.origin(), self.site.path_prefix);
        pages::sign_out_refused(&self.site.branding, reason, reference.as_str(), &sign_out)
    }

    fn signed_out(&self, there: There<'_>, return_to: Option<&ReturnTo>) -> Response<Bytes> {
        let go_on = return_to.map(|rd| rd.absolute(&self.site.public_url));
        let sign_in = ask::sign_in_url(self.site, &ReturnTo::root());
        let page = SignedOut { there, sign_in: &sign_in, go_on: go_on.as_deref() };
        pages::signed_out_there(&self.site.branding, &page)
    }
}

/// A message of ours on its way to the identity provider, which may have us in a frame of these origins.
fn sent(site: &Site, delivery: Delivery, framed_by: &[String]) -> Response<Bytes> {
    match delivery {
        Delivery::Redirect { url } => redirect(StatusCode::SEE_OTHER, &url),
        Delivery::Post { action, field, message, relay_state } => {
            let mut fields = vec![(field, message.as_str())];
            if !relay_state.is_empty() {
                fields.push(("RelayState", relay_state.as_str()));
            }
            pages::post_sign_out(&site.branding, &action, &fields, &SignOutPost::ToIdp { framed_by })
        }
    }
}

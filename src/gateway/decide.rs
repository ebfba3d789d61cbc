//! May this request go on to the application? Asked once for each request on the public listener.
//!
//! The way through is one: limits, host, site, path, our own endpoints, session, rules. Every other end of it is an
//! answer of ours.

use super::forward::{Hops, Passenger};
use super::judge::{Case, Judged, judge};
use super::limits::Patience;
use super::live::{Live, Plan};
use super::record::{InFlight, verdict_of};
use super::reply::body;
use super::request;
use super::seats::Seats;
use super::watch;
use crate::access::{Question, RequestPath};
use crate::gate::Resumed;
use crate::login::refused::Refused;
use crate::login::{ask, endpoints, too_many};
use crate::observe::metrics::{FaceLabel, LimitLabel, VerdictLabel};
use crate::observe::traces::{self, TraceContext};
use crate::reason::{Reason, Refusal};
use crate::session::Session as Visit;
use crate::site::{Face, Site};
use bytes::Bytes;
use http::{Method, Request, Response};
use pingora::http::RequestHeader;
use pingora::proxy::Session;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::time::Instant;

/// What all requests on the public listener share.
pub(super) struct Front {
    pub(super) live: Arc<Live>,
    pub(super) patience: Patience,
    /// Set when the gate is about to go.
    pub(super) leaving: Arc<AtomicBool>,
    /// Where requests are served that may last.
    pub(super) seats: Arc<Seats>,
}

/// What became of a request. pingora goes on to the application by itself when nobody says anything: that is
/// `Undecided`, and whoever is asked to forward it refuses.
#[derive(Default)]
pub(super) enum Passage {
    /// Nobody judged it.
    #[default]
    Undecided,
    /// The rules let it through.
    Permitted(Passenger),
    /// It has had its answer.
    Answered,
}

/// One request from its header to its end.
pub(super) struct Trip {
    /// By which it is served, to its end.
    pub(super) plan: InFlight,
    pub(super) passage: Passage,
    pub(super) site: Option<u16>,
    pub(super) client: IpAddr,
    pub(super) verdict: VerdictLabel,
    pub(super) began: Instant,
    /// How many addresses of the application did not take the connection.
    pub(super) failed_attempts: usize,
    pub(super) first_place: usize,
    /// The address that was tried last.
    pub(super) application: Option<SocketAddr>,
    /// The trace of the request, where anybody traces.
    pub(super) trace: Option<traces::Current>,
    /// The application is asked.
    pub(super) asked: Option<traces::Step>,
    /// Whether the sender's own account of its trace was taken.
    pub(super) sender_traces: bool,
}

/// The end of the way through.
pub(super) enum Decision {
    Forward(Passenger),
    Answer(VerdictLabel, Response<Bytes>),
}

impl Trip {
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        Self {
            plan: InFlight::enter(plan),
            passage: Passage::Undecided,
            site: None,
            client: request::UNKNOWN_CLIENT,
            verdict: VerdictLabel::Failed,
            began: Instant::now(),
            failed_attempts: 0,
            first_place: 0,
            application: None,
            trace: None,
            asked: None,
            sender_traces: false,
        }
    }
}

/// The part of the application that serves a path; none: nothing is forwarded, or not this.
fn part_for(site: &Site, path: &RequestPath) -> Option<usize> {
    match &site.face {
        Face::Proxy(routes) => routes.iter().position(|route| route.serves(path)),
        Face::ForwardAuth | Face::SignOn => None,
    }
}

/// Whether no body follows, which only the connection knows: HTTP/2 announces none. Asked of no other method than that of
/// preflights.
fn has_no_body(session: &mut Session) -> bool {
    session.req_header().method == Method::OPTIONS && session.as_downstream_mut().is_body_empty()
}

/// The limit that a request has run into before anybody judged it.
fn limit_of(refusal: &Refusal) -> Option<LimitLabel> {
    match refusal.reason {
        Reason::HeaderTooLarge => Some(LimitLabel::HeaderSize),
        Reason::MessageTooLarge => Some(LimitLabel::BodySize),
        Reason::BodyIncomplete if refusal.detail == super::reply::NOT_IN_TIME => Some(LimitLabel::BodyTime),
        _ => None,
    }
}

impl Front {
    /// The error is the client's disappearance; every other trouble is an answer.
    pub(super) async fn decide(&self, session: &mut Session, trip: &mut Trip) -> pingora::Result<Decision> {
        let plan = &*trip.plan;
        let hops = match plan.hops(session) {
            Ok(hops) => hops,
            Err((peer, refusal)) => {
                trip.client = peer;
                return Ok(plan.refuse(session, None, &refusal, peer));
            }
        };
        trip.client = hops.client;
        let place = plan.place(session.req_header_mut());
        if let Some(tracer) = &plan.tracer {
            let own = place.as_ref().is_ok_and(|(site, path)| endpoints::is_own(site, path));
            let headers = &session.req_header().headers;
            trip.trace = Some(tracer.begin(headers, hops.peer_is_trusted, trip.began, own));
            trip.sender_traces =
                tracer.follows(hops.peer_is_trusted) && TraceContext::of_headers(headers).is_some();
        }
        let (site, path) = match place {
            Ok(place) => place,
            Err((site, refusal)) => {
                trip.site = site.map(|site| site.id);
                let refuse = || plan.refuse(session, site, &refusal, hops.client);
                return Ok(traces::during(trip.trace.clone(), refuse));
            }
        };
        trip.site = Some(site.id);
        traces::within(trip.trace.clone(), self.decided(plan, session, (site, path), hops)).await
    }

    /// The same of a request whose site and path are known.
    async fn decided(
        &self,
        plan: &Plan,
        session: &mut Session,
        (site, path): (&Site, RequestPath),
        hops: Hops,
    ) -> pingora::Result<Decision> {
        let gate = &*plan.gate;
        if endpoints::is_own(site, &path) {
            return self.own_endpoint(plan, session, site, &path, hops).await;
        }
        let Some(part) = part_for(site, &path) else {
            return Ok(plan.refuse(session, Some(site), &Reason::NotServed.into(), hops.client));
        };
        let bodiless = has_no_body(session);
        let header = session.req_header();
        let now = gate.clock.now();
        let found = match gate.resume_now(site, &header.headers, now) {
            Resumed::Live(visit) => Ok(Some(visit)),
            Resumed::Absent => Ok(None),
            Resumed::Ask(_) => gate.resume(site, &header.headers, now).await,
        };
        let question = Question { method: &header.method, path: &path, client: hops.client, now };
        let case = Case { site, question, headers: &header.headers, bodiless };
        let (judged, visit) = judge(&case, found);
        Ok(match judged {
            Judged::Pass(permit) => {
                let identity = || visit.as_ref().map(|visit| gate.identity_headers(site, visit, now));
                let passenger = Passenger::new(permit, identity, hops, part);
                if passenger.is_identified()
                    && let Some(visit) = visit
                {
                    watch::current_is_taken(&self.seats, visit, site.id, now);
                }
                Decision::Forward(passenger)
            }
            Judged::SignIn(step_up) => {
                let target = header.uri.path_and_query().map_or("/", |target| target.as_str());
                let (method, headers) = (&header.method, &header.headers);
                let mut response = match step_up {
                    Some((rule, because)) => ask::for_step_up(site, method, headers, target, rule, because),
                    None => ask::for_proxy(site, method, headers, target),
                };
                site.cors.let_read(headers, response.headers_mut());
                let redirects = response.status().is_redirection();
                let verdict = if redirects { VerdictLabel::SignIn } else { VerdictLabel::Unauthenticated };
                Decision::Answer(verdict, response)
            }
            Judged::Refused(refusal) => {
                let response = plan.refusal(header, Some(site), &refusal, hops.client, visit.as_deref());
                Decision::Answer(verdict_of(refusal.reason), response)
            }
        })
    }

    async fn own_endpoint(
        &self,
        plan: &Plan,
        session: &mut Session,
        site: &Site,
        path: &RequestPath,
        hops: Hops,
    ) -> pingora::Result<Decision> {
        let client = hops.client;
        // A gateway that names nobody is not the client, and would be everybody.
        let is_gateway = plan.trusted.include(client) || (hops.peer_is_trusted && client == hops.peer);
        let known = Some(client).filter(|_| !is_gateway);
        if let Some(response) = too_many::refused(&plan.gate, site, &session.req_header().method, path, known)
        {
            return Ok(Decision::Answer(VerdictLabel::Own, response));
        }
        let body = match body(session, endpoints::body_limit(&plan.gate, site, path), &self.patience).await? {
            Ok(body) => body,
            Err(refusal) => return Ok(plan.refuse(session, Some(site), &refusal, client)),
        };
        let request = Request::from_parts(session.req_header().as_owned_parts(), body);
        let response = endpoints::answer(&plan.gate, site, request, path, client).await;
        Ok(Decision::Answer(VerdictLabel::Own, response))
    }
}

impl Plan {
    /// Between whom a request travelled. The error comes with its peer.
    fn hops(&self, session: &Session) -> Result<Hops, (IpAddr, Refusal)> {
        let peer = session.client_addr().and_then(|address| address.as_inet()).map(|address| address.ip());
        let no_peer = || (request::UNKNOWN_CLIENT, Refusal::new(Reason::Internal, "the peer has no address"));
        let peer = peer.ok_or_else(no_peer)?.to_canonical();
        let headers = &session.req_header().headers;
        let keeper = self.authz.keeper();
        let is_gateway = keeper.believes(keeper.meet(peer), headers).map_err(|refusal| (peer, refusal))?;
        Ok(Hops { peer, peer_is_trusted: is_gateway, client: self.trusted.client(peer, is_gateway, headers) })
    }

    /// The site and the path that a request is for. Afterwards the request's target is in origin-form.
    ///
    /// The application gets the path as the client wrote it: what is judged is every way in which it can be read.
    fn place<'g>(
        &'g self,
        header: &mut RequestHeader,
    ) -> Result<(&'g Site, RequestPath), (Option<&'g Site>, Refusal)> {
        let nowhere = |refusal| (None, refusal);
        request::within_limits(&header.headers, &self.gate.bounds).map_err(nowhere)?;
        request::forwardable(&header.method).map_err(nowhere)?;
        let authority = request::authority(header).map_err(nowhere)?;
        let site = self.gate.site_for_authority(authority).ok_or_else(|| {
            nowhere(Refusal::new(Reason::SiteUnknown, format!("the host is {authority:?}")))
        })?;
        let here = |refusal| (Some(site), refusal);
        let target = request::target(header).map_err(here)?;
        let path = RequestPath::parse(request::path_of(target), site.allow_encoded_slash).map_err(here)?;
        Ok((site, path))
    }

    fn refuse(&self, session: &Session, site: Option<&Site>, refusal: &Refusal, client: IpAddr) -> Decision {
        let verdict = verdict_of(refusal.reason);
        if let Some(limit) = limit_of(refusal) {
            self.gate.metrics.limit_reached(limit);
        }
        Decision::Answer(verdict, self.refusal(session.req_header(), site, refusal, client, None))
    }

    /// The page for a refusal, and its audit event.
    pub(super) fn refusal(
        &self,
        header: &RequestHeader,
        site: Option<&Site>,
        refusal: &Refusal,
        client: IpAddr,
        visit: Option<&Visit>,
    ) -> Response<Bytes> {
        let refused = Refused {
            site,
            refusal,
            face: FaceLabel::Proxy,
            method: &header.method,
            path: header.uri.path(),
            client,
            session: visit,
            html: ask::is_navigation(&header.method, &header.headers),
        };
        let mut response = refused.answer(&self.gate);
        if let Some(site) = site {
            site.cors.let_read(&header.headers, response.headers_mut());
        }
        response
    }
}

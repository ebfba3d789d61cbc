//! The forward-auth face: the questions of gateways, on the authz listener only.
//!
//! On the public listener a page's own script could ask, and read the signed identity out of the answer. A question
//! is judged as the request itself would be in the proxy face; the answer is exactly 200 or a refusal.

mod answer;
mod dialect;

use super::record::{InFlight, Record, passes_unknown, verdict_of};
use super::request::{self, TrustedProxies};
use super::serve::Answer;
use crate::access::{Question, RequestPath, Verdict};
use crate::clock::Moment;
use crate::gate::{Gate, Resumed};
use crate::login::refused::Refused;
use crate::login::{ask, endpoints};
use crate::observe::metrics::{FaceLabel, VerdictLabel};
use crate::reason::{Reason, Refusal};
use crate::session::{Rendered, Session};
use crate::site::Site;
use async_trait::async_trait;
use bytes::Bytes;
use dialect::{Asked, Dialect};
use hashbrown::HashMap;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::time::Instant;

/// Answers questions.
pub(super) struct Authz {
    gate: Arc<Gate>,
    routes: HashMap<String, Route>,
    trusted: TrustedProxies,
    log_requests: bool,
}

/// What the path of a question says.
#[derive(Debug, Clone, Copy)]
struct Route {
    dialect: Dialect,
    /// The site, where the path and not the host names it.
    pinned: Option<u16>,
}

/// What is known about everybody who asks on a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    address: IpAddr,
    trusted: bool,
}

/// A question as it came.
#[derive(Clone, Copy)]
struct Posed<'a> {
    method: &'a Method,
    path: &'a str,
    headers: &'a HeaderMap,
    peer: Peer,
    began: Instant,
}

/// A question whose answer is found, but for the session.
struct Judgeable<'a> {
    dialect: Dialect,
    site: &'a Site,
    asked: Asked<'a>,
    path: RequestPath,
    client: IpAddr,
}

/// An answer and what is to be recorded about it.
type Told = (VerdictLabel, Response<Bytes>);

impl Authz {
    pub(super) fn new(gate: Arc<Gate>, trusted: TrustedProxies, log_requests: bool) -> Self {
        let mut routes = HashMap::new();
        for site in &gate.sites {
            for dialect in Dialect::ALL {
                let (prefix, last) = (&site.path_prefix, dialect.path());
                routes.insert(format!("{prefix}/authz/{last}"), Route { dialect, pinned: None });
                let pinned = format!("{prefix}/authz/sites/{}/{last}", site.name);
                routes.insert(pinned, Route { dialect, pinned: Some(site.id) });
            }
        }
        Self { gate, routes, trusted, log_requests }
    }
}

#[async_trait]
impl Answer for Authz {
    type Peer = Peer;

    fn meet(&self, peer: Option<IpAddr>) -> Peer {
        let address = peer.unwrap_or(request::UNKNOWN_CLIENT);
        Peer { address, trusted: peer.is_some_and(|peer| self.trusted.include(peer)) }
    }

    fn answer_now(
        &self,
        request: &Request<Incoming>,
        peer: Peer,
        began: Instant,
    ) -> Option<Response<Full<Bytes>>> {
        // Not counted as in flight: it is over before anybody can look.
        self.at_once(&Posed::of(request, peer, began)).map(|response| response.map(Full::new))
    }

    async fn answer_later(
        &self,
        request: Request<Incoming>,
        peer: Peer,
        began: Instant,
    ) -> Response<Full<Bytes>> {
        let _in_flight = InFlight::enter(&*self.gate);
        let (head, _) = request.into_parts();
        let head = Request::from_parts(head, ());
        self.with_the_store(&Posed::of(&head, peer, began)).await.map(Full::new)
    }
}

#[cfg(test)]
impl Authz {
    /// Without a connection.
    pub(super) async fn answered<B>(&self, request: &Request<B>, peer: IpAddr) -> Response<Bytes> {
        self.with_the_store(&Posed::of(request, self.meet(Some(peer)), Instant::now())).await
    }
}

impl<'a> Posed<'a> {
    fn of<B>(request: &'a Request<B>, peer: Peer, began: Instant) -> Self {
        let (method, path, headers) = (request.method(), request.uri().path(), request.headers());
        Self { method, path, headers, peer, began }
    }

    /// Whom the records name: the gateway itself, where it named nobody.
    fn seen(&self, client: IpAddr) -> IpAddr {
        if client == request::UNKNOWN_CLIENT { self.peer.address } else { client }
    }
}

impl Authz {
    /// The answer, unless the store must be asked for the session.
    fn at_once(&self, posed: &Posed<'_>) -> Option<Response<Bytes>> {
        let question = match self.question(posed) {
            Ok(question) => question,
            Err(refused) => return Some(*refused),
        };
        let now = self.gate.clock.now();
        let session = match self.gate.resume_now(question.site, posed.headers, now) {
            Resumed::Live(session) => Some(session),
            Resumed::Absent => None,
            Resumed::Ask(_) => return None,
        };
        Some(self.judged(&question, posed, Ok(session), now))
    }

    async fn with_the_store(&self, posed: &Posed<'_>) -> Response<Bytes> {
        let question = match self.question(posed) {
            Ok(question) => question,
            Err(refused) => return *refused,
        };
        let now = self.gate.clock.now();
        let session = self.gate.resume(question.site, posed.headers, now).await;
        self.judged(&question, posed, session, now)
    }

    /// Reads a question. The error is the answer, recorded already.
    fn question<'a>(&'a self, posed: &Posed<'a>) -> Result<Judgeable<'a>, Box<Response<Bytes>>> {
        let Some(route) = self.routes.get(posed.path) else {
            return Err(Box::new(self.nothing_here(posed)));
        };
        self.read(*route, posed).map_err(|(site, refusal)| {
            let response = self.unreadable(*route, posed, site, &refusal);
            Box::new(response)
        })
    }

    fn read<'a>(
        &'a self,
        route: Route,
        posed: &Posed<'a>,
    ) -> Result<Judgeable<'a>, (Option<&'a Site>, Refusal)> {
        let nowhere = |refusal| (None, refusal);
        let Posed { headers, peer, .. } = *posed;
        if !peer.trusted {
            let detail = format!("the question came from {}", peer.address);
            return Err(nowhere(Refusal::new(Reason::GatewayUntrusted, detail)));
        }
        request::within_limits(headers).map_err(nowhere)?;
        let asked = Asked::read(route.dialect, headers).map_err(nowhere)?;
        request::forwardable(&asked.method).map_err(nowhere)?;
        let site = match route.pinned {
            Some(site) => self.gate.sites.get(usize::from(site)).map(Arc::as_ref),
            None => self.gate.site_for_authority(asked.authority),
        };
        let site = site.ok_or_else(|| {
            nowhere(Refusal::new(Reason::SiteUnknown, format!("the host is {:?}", asked.authority)))
        })?;
        let here = |refusal| (Some(site), refusal);
        let path =
            RequestPath::parse(request::path_of(asked.target), site.allow_encoded_slash).map_err(here)?;
        if endpoints::is_own(site, &path) {
            let detail = "the gate's own endpoints must bypass the question and reach the public listener";
            return Err(here(Refusal::new(Reason::AccessDenied, detail)));
        }
        let client = self.trusted.client_of_question(peer.address, headers);
        Ok(Judgeable { dialect: route.dialect, site, asked, path, client })
    }

    /// The answer, recorded. `session` is what the store said; what nobody need sign in for does not depend on it.
    fn judged(
        &self,
        question: &Judgeable<'_>,
        posed: &Posed<'_>,
        session: Result<Option<Arc<Session>>, Refusal>,
        now: Moment,
    ) -> Response<Bytes> {
        let Judgeable { dialect, site, asked, path, client } = question;
        let (session, unknown) = session.map_or_else(|refusal| (None, Some(refusal)), |found| (found, None));
        let judged = Question { method: &asked.method, path, client: *client, now };
        let (verdict, response): Told = match (site.rules.judge(&judged, session.as_deref()), unknown) {
            (Verdict::Allow(permit), unknown) => {
                if let Some(problem) = &unknown {
                    passes_unknown(site, problem);
                }
                match session.as_ref().filter(|_| permit.identified()) {
                    Some(session) => {
                        let allow = |identity: &Rendered| answer::allow(identity);
                        let response = self.gate.read_identity_headers(site, session, now, allow);
                        (VerdictLabel::Allowed, response)
                    }
                    None => (VerdictLabel::Anonymous, answer::allow_anonymous(site)),
                }
            }
            (verdict @ (Verdict::NeedsSession | Verdict::NeedsStepUp { .. }), None) => {
                let step_up = match verdict {
                    Verdict::NeedsStepUp { rule, because } => Some((rule, because)),
                    _ => None,
                };
                let response =
                    answer::sign_in(*dialect, site, &asked.method, posed.headers, asked.target, step_up);
                let sent = response.headers().contains_key(http::header::LOCATION);
                (if sent { VerdictLabel::SignIn } else { VerdictLabel::Unauthenticated }, response)
            }
            (Verdict::NeedsSession | Verdict::NeedsStepUp { .. }, Some(refusal))
            | (Verdict::Forbidden(refusal), _) => {
                let refused = Refused {
                    site: Some(site),
                    refusal: &refusal,
                    method: &asked.method,
                    path: request::path_of(asked.target),
                    client: posed.seen(*client),
                    session: session.as_deref(),
                    html: ask::is_navigation(&asked.method, posed.headers),
                };
                (verdict_of(refusal.reason), refused.answer_to_gateway(&self.gate))
            }
        };
        let record = Record {
            site: Some(site.id),
            face: face(*dialect),
            verdict,
            method: &asked.method,
            path: request::path_of(asked.target),
            status: response.status().as_u16(),
            octets: 0,
            client: posed.seen(*client),
            began: posed.began,
        };
        record.write(&self.gate, self.log_requests);
        response
    }

    /// A question that cannot be judged. What it does not say is told of the gateway's own request.
    fn unreadable(
        &self,
        route: Route,
        posed: &Posed<'_>,
        site: Option<&Site>,
        refusal: &Refusal,
    ) -> Response<Bytes> {
        let asked = Asked::read(route.dialect, posed.headers).ok();
        let method = asked.as_ref().map_or(posed.method, |asked| &asked.method);
        let path = asked.as_ref().map_or(posed.path, |asked| request::path_of(asked.target));
        let client = posed.seen(self.trusted.client_of_question(posed.peer.address, posed.headers));
        let html = ask::is_navigation(method, posed.headers);
        let refused = Refused { site, refusal, method, path, client, session: None, html };
        let response = refused.answer_to_gateway(&self.gate);
        let record = Record {
            site: site.map(|site| site.id),
            face: face(route.dialect),
            verdict: verdict_of(refusal.reason),
            method,
            path,
            status: response.status().as_u16(),
            octets: 0,
            client,
            began: posed.began,
        };
        record.write(&self.gate, self.log_requests);
        response
    }

    fn nothing_here(&self, posed: &Posed<'_>) -> Response<Bytes> {
        let response = answer::not_found(&self.gate);
        let forward_auth = posed.path.ends_with(Dialect::ForwardAuth.path());
        let record = Record {
            site: None,
            face: face(if forward_auth { Dialect::ForwardAuth } else { Dialect::AuthRequest }),
            verdict: VerdictLabel::Malformed,
            method: posed.method,
            path: posed.path,
            status: response.status().as_u16(),
            octets: 0,
            client: posed.peer.address,
            began: posed.began,
        };
        record.write(&self.gate, self.log_requests);
        response
    }
}

const fn face(dialect: Dialect) -> FaceLabel {
    match dialect {
        Dialect::AuthRequest => FaceLabel::AuthRequest,
        Dialect::ForwardAuth => FaceLabel::ForwardAuth,
    }
}

//! The forward-auth face: the questions of gateways, on the authz listener only.
//!
//! On the public listener a page's own script could ask, and read the signed identity out of the answer. A question
//! is judged as the request itself would be in the proxy face; the answer is exactly 200 or a refusal.

mod answer;
mod dialect;

use super::live::Live;
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

/// Answers questions by the configuration that is in use.
pub(super) struct Questions {
    pub(super) live: Arc<Live>,
}

/// Answers questions by one configuration.
pub(super) struct Authz {
    gate: Arc<Gate>,
    routes: HashMap<String, Route>,
    pins: Vec<Pin>,
    trusted: TrustedProxies,
    /// Of each site, whether its rules ask where the client is.
    asks_where: Box<[bool]>,
    log_requests: bool,
}

/// What the path of a question says.
#[derive(Debug, Clone, Copy)]
struct Route {
    dialect: Dialect,
    /// The place in [`Authz::pins`], where the path and not the host names the site.
    pinned: Option<usize>,
}

/// What a pinned path means: a site under each of its addresses, or all tenants of one.
#[derive(Debug)]
struct Pin {
    /// Ascending.
    sites: Vec<u16>,
    /// The one that is meant when the host is nobody's; none of tenants, whom only the host tells apart.
    otherwise: Option<u16>,
}

/// What is known about everybody who asks on a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    address: IpAddr,
    trusted: bool,
    /// The configuration that says so.
    generation: u64,
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
}

/// An answer and what is to be recorded about it.
type Told = (VerdictLabel, Response<Bytes>);

impl Authz {
    pub(super) fn new(gate: Arc<Gate>, trusted: TrustedProxies, log_requests: bool) -> Self {
        let mut routes = HashMap::new();
        let mut pins: Vec<Pin> = Vec::new();
        for site in &gate.sites {
            let prefix = &site.path_prefix;
            for dialect in Dialect::ALL {
                let unpinned = format!("{prefix}/authz/{}", dialect.path());
                routes.insert(unpinned, Route { dialect, pinned: None });
            }
            // A tenant's own name, and the name of the site that it belongs to.
            let of_site = site.organization.as_ref().map(|_| (&site.audience, None));
            for (name, otherwise) in [(&site.name, Some(site.id))].into_iter().chain(of_site) {
                for dialect in Dialect::ALL {
                    let path = format!("{prefix}/authz/sites/{name}/{}", dialect.path());
                    let pin = routes.get(&path).and_then(|route: &Route| route.pinned).unwrap_or(pins.len());
                    if pin == pins.len() {
                        pins.push(Pin { sites: Vec::new(), otherwise });
                    }
                    if let Some(pin) = pins.get_mut(pin) {
                        pin.sites.push(site.id);
                    }
                    routes.insert(path, Route { dialect, pinned: Some(pin) });
                }
            }
        }
        let asks_where = gate.sites.iter().map(|site| site.rules.ask_for_client()).collect();
        Self { gate, routes, pins, trusted, asks_where, log_requests }
    }
}

#[async_trait]
impl Answer for Questions {
    type Peer = Peer;

    fn meet(&self, peer: IpAddr) -> Peer {
        self.live.look().authz.meet(peer)
    }

    fn answer_now(
        &self,
        request: &Request<Incoming>,
        peer: Peer,
        began: Instant,
    ) -> Option<Response<Full<Bytes>>> {
        // Not counted as in flight: it is over before anybody can look.
        let authz = &self.live.look().authz;
        let posed = Posed::of(request, authz.meet_again(peer), began);
        authz.at_once(&posed).map(|response| response.map(Full::new))
    }

    async fn answer_later(
        &self,
        request: Request<Incoming>,
        peer: Peer,
        began: Instant,
    ) -> Response<Full<Bytes>> {
        let plan = InFlight::enter(self.live.load());
        let (head, _) = request.into_parts();
        let head = Request::from_parts(head, ());
        let posed = Posed::of(&head, plan.authz.meet_again(peer), began);
        plan.authz.with_the_store(&posed).await.map(Full::new)
    }
}

#[cfg(test)]
impl Authz {
    /// Without a connection.
    pub(super) async fn answered<B>(&self, request: &Request<B>, peer: IpAddr) -> Response<Bytes> {
        self.with_the_store(&Posed::of(request, self.meet(peer), Instant::now())).await
    }
}

impl<'a> Posed<'a> {
    fn of<B>(request: &'a Request<B>, peer: Peer, began: Instant) -> Self {
        let (method, path, headers) = (request.method(), request.uri().path(), request.headers());
        Self { method, path, headers, peer, began }
    }
}

impl Authz {
    fn meet(&self, peer: IpAddr) -> Peer {
        Peer { address: peer, trusted: self.trusted.include(peer), generation: self.gate.generation() }
    }

    /// What is known of somebody whom another configuration may have met.
    fn meet_again(&self, peer: Peer) -> Peer {
        if peer.generation == self.gate.generation() { peer } else { self.meet(peer.address) }
    }

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
        let site = self.site_of(route, asked.authority).map_err(nowhere)?;
        let here = |refusal| (Some(site), refusal);
        let path =
            RequestPath::parse(request::path_of(asked.target), site.allow_encoded_slash).map_err(here)?;
        if endpoints::is_own(site, &path) {
            let detail = "the gate's own endpoints must bypass the question and reach the public listener";
            return Err(here(Refusal::new(Reason::AccessDenied, detail)));
        }
        Ok(Judgeable { dialect: route.dialect, site, asked, path })
    }

    /// The site of a question: the one that its path is pinned to, else the one whose host it names. A host that is
    /// another site's contradicts the pin; one that is nobody's may be the gateway's own name for the site.
    fn site_of(&self, route: Route, authority: &str) -> Result<&Site, Refusal> {
        let unknown = |detail: String| Refusal::new(Reason::SiteUnknown, detail);
        let by_host = self.gate.site_for_authority(authority);
        let Some(pin) = route.pinned else {
            return by_host.ok_or_else(|| unknown(format!("the host is {authority:?}")));
        };
        let pin = self.pins.get(pin).ok_or_else(|| unknown("the path is pinned to no site".to_owned()))?;
        match by_host {
            Some(site) if pin.sites.binary_search(&site.id).is_ok() => Ok(site),
            Some(site) => Err(unknown(format!(
                "the path is pinned to a site, and the host {authority:?} is that of {}",
                site.name
            ))),
            None => pin
                .otherwise
                .and_then(|site| self.gate.sites.get(usize::from(site)))
                .map(Arc::as_ref)
                .ok_or_else(|| {
                    unknown(format!(
                        "the path is pinned to a site with tenants, and the host is {authority:?}"
                    ))
                }),
        }
    }

    /// The answer, recorded. `session` is what the store said; what nobody need sign in for does not depend on it.
    fn judged(
        &self,
        question: &Judgeable<'_>,
        posed: &Posed<'_>,
        session: Result<Option<Arc<Session>>, Refusal>,
        now: Moment,
    ) -> Response<Bytes> {
        let Judgeable { dialect, site, asked, path } = question;
        let (session, unknown) = session.map_or_else(|refusal| (None, Some(refusal)), |found| (found, None));
        let where_it_matters = self.asks_where.get(usize::from(site.id)).is_none_or(|asks| *asks);
        let client = if where_it_matters { self.client(posed) } else { request::UNKNOWN_CLIENT };
        let judged = Question { method: &asked.method, path, client, now };
        let preflight = || site.cors.preflight(&asked.method, posed.headers);
        let judged = site.rules.judge(&judged, session.as_deref()).or_preflight(preflight);
        let (verdict, mut response): Told = match (judged, unknown) {
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
                    client: self.seen(posed),
                    session: session.as_deref(),
                    html: ask::is_navigation(&asked.method, posed.headers),
                };
                (verdict_of(refusal.reason), refused.answer_to_gateway(&self.gate))
            }
        };
        if response.status() != http::StatusCode::OK {
            // In an answer that allows, every header is the gateway's to take.
            site.cors.let_read(posed.headers, response.headers_mut());
        }
        let record = Record {
            site: Some(site.id),
            face: face(*dialect),
            verdict,
            method: &asked.method,
            target: asked.target,
            status: response.status().as_u16(),
            octets: 0,
            client: if self.log_requests { self.seen(posed) } else { request::UNKNOWN_CLIENT },
            began: posed.began,
        };
        record.write(&self.gate, self.log_requests);
        response
    }

    /// The client that the gateway names.
    fn client(&self, posed: &Posed<'_>) -> IpAddr {
        self.trusted.client_of_question(posed.peer.address, posed.headers)
    }

    /// Whom the records name: the gateway itself, where it named nobody.
    fn seen(&self, posed: &Posed<'_>) -> IpAddr {
        let client = self.client(posed);
        if client == request::UNKNOWN_CLIENT { posed.peer.address } else { client }
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
        let target = asked.as_ref().map_or(posed.path, |asked| asked.target);
        let client = self.seen(posed);
        let html = ask::is_navigation(method, posed.headers);
        let path = request::path_of(target);
        let refused = Refused { site, refusal, method, path, client, session: None, html };
        let response = refused.answer_to_gateway(&self.gate);
        let record = Record {
            site: site.map(|site| site.id),
            face: face(route.dialect),
            verdict: verdict_of(refusal.reason),
            method,
            target,
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
            target: posed.path,
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

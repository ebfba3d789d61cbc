//! The questions of gateways, on the authz listener only, and what is common to those on the gRPC listener.
//!
//! On the public listener a page's own script could ask, and read the signed identity out of the answer. A question
//! is judged as the request itself would be in the proxy face; the answer is exactly 200 or a refusal.

mod answer;
mod dialect;
mod question;
mod removals;
mod routes;
mod trust;

pub(super) use dialect::{Asked, Dialect, parse_method};
pub(super) use question::Posed;
pub(super) use removals::Removals;
pub(super) use routes::Pinned;
pub(super) use trust::{Doorkeeper, Peer};

use super::live::Live;
use super::record::InFlight;
use super::reply::discard_body;
use super::serve::Answer;
use crate::gate::Gate;
use crate::observe::metrics::FaceLabel;
use crate::observe::traces::Tracer;
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as _;
use http_body_util::Full;
use hyper::body::Incoming;
use routes::Routes;
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
    routes: Routes,
    keeper: Doorkeeper,
    /// Of each site, whether its rules ask where the client is.
    asks_where: Box<[bool]>,
    /// Of each site.
    removals: Box<[Removals]>,
    log_requests: bool,
    tracer: Option<Arc<Tracer>>,
}

/// A peer as one configuration has met it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Met {
    peer: Peer,
    /// Of the configuration that says so.
    generation: u64,
}

impl Authz {
    pub(super) fn new(
        gate: Arc<Gate>,
        keeper: Doorkeeper,
        log_requests: bool,
        tracer: Option<Arc<Tracer>>,
    ) -> Self {
        let routes = Routes::new(&gate.sites);
        let asks_where = gate.sites.iter().map(|site| site.rules.ask_for_client()).collect();
        let removals = gate.sites.iter().map(|site| Removals::of(site)).collect();
        Self { gate, routes, keeper, asks_where, removals, log_requests, tracer }
    }

    pub(super) fn meet(&self, address: IpAddr) -> Met {
        Met { peer: self.keeper.meet(address), generation: self.gate.generation() }
    }

    /// What is known of somebody whom another configuration may have met.
    pub(super) fn meet_again(&self, met: Met) -> Peer {
        if met.generation == self.gate.generation() { met.peer } else { self.keeper.meet(met.peer.address) }
    }

    /// Who may ask.
    pub(super) fn keeper(&self) -> &Doorkeeper {
        &self.keeper
    }

    /// What the gateway's own name for a site means.
    pub(super) fn pinned(&self, site: Option<&str>) -> Pinned {
        self.routes.named(site)
    }

    /// The question in a request over HTTP. The error is the answer to what is none.
    fn posed<'a, B>(
        &self,
        request: &'a Request<B>,
        peer: Peer,
        began: Instant,
    ) -> Result<Posed<'a>, Box<Response<Bytes>>> {
        let (method, headers) = (request.method(), request.headers());
        let target = request.uri().path_and_query().map_or("", |target| target.as_str());
        let Some(route) = self.routes.find(target) else {
            let path = request.uri().path();
            let forward_auth = path.ends_with(Dialect::ForwardAuth.path());
            let face = if forward_auth { FaceLabel::ForwardAuth } else { FaceLabel::AuthRequest };
            return Err(Box::new(self.nothing_here(face, (method, path), peer, began)));
        };
        Ok(Posed {
            dialect: route.dialect,
            peer,
            admitted: self.keeper.admit(peer, headers),
            pinned: route.pinned,
            asked: Asked::read(route.dialect, request, route.rest),
            own: (method, request.uri().path()),
            headers,
            own_headers: headers,
            connected: None,
            began,
        })
    }
}

#[async_trait]
impl Answer for Questions {
    type Peer = Met;
    type Body = Full<Bytes>;

    fn meet(&self, peer: IpAddr) -> Met {
        self.live.look().authz.meet(peer)
    }

    fn header_lines(&self) -> usize {
        self.live.look().gate.bounds.header_lines
    }

    fn header_octets(&self) -> usize {
        self.live.look().gate.bounds.header_octets
    }

    fn answer_now(
        &self,
        request: &Request<Incoming>,
        peer: Met,
        began: Instant,
    ) -> Option<Response<Full<Bytes>>> {
        if !request.body().is_end_stream() {
            return None;
        }
        // Not counted as in flight: it is over before anybody can look.
        let authz = &self.live.look().authz;
        let response = match authz.posed(request, authz.meet_again(peer), began) {
            Ok(posed) => authz.at_once(&posed)?.response,
            Err(nothing) => *nothing,
        };
        Some(response.map(Full::new))
    }

    async fn answer_later(
        &self,
        request: Request<Incoming>,
        peer: Met,
        began: Instant,
    ) -> Response<Full<Bytes>> {
        let plan = InFlight::enter(self.live.load());
        let (head, body) = request.into_parts();
        let head = Request::from_parts(head, ());
        let authz = &plan.authz;
        let response = match authz.posed(&head, authz.meet_again(peer), began) {
            Ok(posed) => authz.with_the_store(&posed).await.response,
            Err(nothing) => *nothing,
        };
        // Some gateways pass a piece of the client's body on; nobody here looks at it.
        if !head.headers().contains_key(http::header::EXPECT) {
            discard_body(body).await;
        }
        response.map(Full::new)
    }
}

#[cfg(test)]
impl Authz {
    /// Without a connection.
    pub(super) async fn answered<B>(&self, request: &Request<B>, peer: IpAddr) -> Response<Bytes> {
        match self.posed(request, self.keeper.meet(peer), Instant::now()) {
            Ok(posed) => self.with_the_store(&posed).await.response,
            Err(nothing) => *nothing,
        }
    }
}

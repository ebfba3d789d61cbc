//! Envoy's questions over gRPC, on a listener of their own (`listen.grpc`).
//!
//! `envoy.service.auth.v3.Authorization/Check` says of a request what the HTTP dialects say in headers; it is read
//! here and judged there ([`Authz`]), and the answer is put into Envoy's words. What cannot be read is denied: never a
//! failed call, which a gateway may be told to let pass. `grpc.health.v1.Health/Check` answers whoever asks.

mod answer;
mod check;
mod wire;

use super::authz::{Asked, Authz, Dialect, Met, Pinned, Posed};
use super::limits::{MAX_GRPC_MESSAGE, Patience};
use super::live::{Live, Plan};
use super::record::InFlight;
use super::serve::Answer;
use crate::gate::Gate;
use crate::observe::metrics::LimitLabel;
use crate::reason::{Reason, Refusal};
pub(super) use answer::Removed;
use answer::{Reply, Status, Taken};
use async_trait::async_trait;
use bytes::{Buf as _, Bytes, BytesMut};
use check::Check;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request, Response, Version};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::time::Instant;

const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";
const HEALTH: &str = "/grpc.health.v1.Health/Check";

/// The services that health is asked of by name.
const SERVICES: [&[u8]; 2] = [b"", b"envoy.service.auth.v3.Authorization"];

/// Octets before a message: whether it is compressed, and its length.
const FRAME_HEAD: usize = 5;

/// Answers questions over gRPC.
pub(super) struct Grpc {
    pub(super) live: Arc<Live>,
    pub(super) patience: Patience,
    /// Set when the gate is about to go.
    pub(super) leaving: Arc<AtomicBool>,
}

/// Whether a request is a call whose message is written as protobuf: `application/grpc` is, and other subtypes
/// (grpc-web, JSON) frame or write it in another way.
fn is_call(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
    let essence = kind.split(|octet| *octet == b';').next().unwrap_or_default().trim_ascii();
    [&b"application/grpc"[..], b"application/grpc+proto"]
        .iter()
        .any(|known| essence.eq_ignore_ascii_case(known))
}

/// Of each site, what the gateway is to take away, in Envoy's words.
pub(super) fn removed(gate: &Gate, authz: &Authz) -> Box<[Removed]> {
    gate.sites.iter().filter_map(|site| authz.removals_at(site.id)).map(Removed::at).collect()
}

#[async_trait]
impl Answer for Grpc {
    type Peer = Met;
    type Body = Reply;

    fn meet(&self, peer: IpAddr) -> Met {
        self.live.look().authz.meet(peer)
    }

    fn header_lines(&self) -> usize {
        self.live.look().gate.bounds.header_lines
    }

    fn header_octets(&self) -> usize {
        self.live.look().gate.bounds.header_octets
    }

    /// Every call has a message that must be read first.
    fn answer_now(
        &self,
        _request: &Request<Incoming>,
        _peer: Met,
        _began: Instant,
    ) -> Option<Response<Reply>> {
        None
    }

    async fn answer_later(&self, request: Request<Incoming>, peer: Met, began: Instant) -> Response<Reply> {
        let plan = InFlight::enter(self.live.load());
        let (head, body) = request.into_parts();
        if head.version != Version::HTTP_2 || !is_call(&head.headers) {
            return answer::no_call(head.version);
        }
        match head.uri.path() {
            CHECK => self.check(&plan, &head.headers, body, (peer, began)).await,
            HEALTH => self.health(&plan, body).await,
            _ => answer::failed(Status::Unimplemented),
        }
    }
}

impl Grpc {
    async fn check(
        &self,
        plan: &Plan,
        headers: &HeaderMap,
        body: Incoming,
        (met, began): (Met, Instant),
    ) -> Response<Reply> {
        let authz = &plan.authz;
        let peer = authz.meet_again(met);
        let admitted = authz.keeper().admit(peer, headers);
        // Whoever may not ask is not listened to.
        let message = match &admitted {
            Ok(()) => self.message(plan, body).await,
            Err(_) => Err(Refusal::new(Reason::GatewayUntrusted, "not read")),
        };
        let check = message.as_ref().map_err(Clone::clone).and_then(Check::read);
        let nothing = HeaderMap::new();
        let (asked, pinned, connected, of_client) = match check {
            Ok(Check { asked, site, connected, headers }) => {
                (Ok(asked), authz.pinned(site), connected, headers)
            }
            Err(refusal) => (Err::<Asked<'_>, _>(refusal), Pinned::No, None, nothing),
        };
        let posed = Posed {
            dialect: Dialect::Grpc,
            peer,
            admitted,
            pinned,
            asked,
            own: (&Method::POST, CHECK),
            headers: &of_client,
            own_headers: headers,
            connected,
            began,
        };
        let answered = match authz.at_once(&posed) {
            Some(answered) => answered,
            None => authz.with_the_store(&posed).await,
        };
        let taken = answered.site.and_then(|site| {
            Some(Taken {
                removed: plan.grpc_removed.get(usize::from(site))?,
                removals: authz.removals_at(site)?,
                site: plan.gate.sites.get(usize::from(site))?,
                sent: &of_client,
            })
        });
        answer::reply(answer::check_response(&answered.response, taken.as_ref()))
    }

    async fn health(&self, plan: &Plan, body: Incoming) -> Response<Reply> {
        let Ok(message) = self.message(plan, body).await else { return answer::failed(Status::NotFound) };
        let service = wire::Fields::of(&message).try_fold(&b""[..], |service, field| match field? {
            (1, wire::Content::Octets(named)) => Ok(named),
            _ => Ok::<_, wire::Malformed>(service),
        });
        match service {
            Ok(service) if SERVICES.contains(&service) => {
                answer::reply(answer::health_response(!self.leaving.load(Ordering::Relaxed)))
            }
            _ => answer::failed(Status::NotFound),
        }
    }

    /// The one message of a call.
    async fn message(&self, plan: &Plan, mut body: Incoming) -> Result<Bytes, Refusal> {
        let reached = |limit| plan.gate.metrics.limit_reached(limit);
        let malformed = |detail: &'static str| Refusal::new(Reason::OriginalUrlMalformed, detail);
        let reading = async {
            // Nearly always one piece, which is not copied.
            let mut whole = Bytes::new();
            while let Some(frame) = body.frame().await {
                let Ok(Ok(piece)) = frame.map(hyper::body::Frame::into_data) else {
                    return Err(malformed("the message ended early"));
                };
                if whole.len() + piece.len() > MAX_GRPC_MESSAGE {
                    reached(LimitLabel::BodySize);
                    return Err(malformed("the message is too large: let the gateway send no bodies"));
                }
                if whole.is_empty() {
                    whole = piece;
                } else {
                    let mut both = BytesMut::with_capacity(whole.len() + piece.len());
                    both.extend_from_slice(&whole);
                    both.extend_from_slice(&piece);
                    whole = both.freeze();
                }
            }
            Ok(whole)
        };
        let whole = tokio::time::timeout(self.patience.body, reading).await;
        let mut whole = whole.unwrap_or_else(|_| {
            reached(LimitLabel::BodyTime);
            Err(malformed("the message did not arrive in time"))
        })?;
        if whole.len() < FRAME_HEAD {
            return Err(malformed("no message"));
        }
        let (compressed, length) = (whole.get_u8(), whole.get_u32());
        if compressed != 0 {
            return Err(malformed("the message is compressed"));
        }
        if usize::try_from(length).ok() != Some(whole.len()) {
            return Err(malformed("not exactly one message"));
        }
        Ok(whole)
    }
}

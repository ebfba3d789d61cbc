//! What runs on connections: pingora's proxy on those that pingora accepted, or hyper with a service of ours.

use super::connections::{Connections, Open};
use super::decide::Front;
use super::limits::Patience;
use super::live::Live;
use super::seldom::Seldom;
use super::watch::{Overdue, Watch, Watched};
use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use pingora::apps::{HttpServerApp, HttpServerOptions, ReusedHttpStream, ServerApp};
use pingora::listeners::tls::Acceptor;
use pingora::protocols::Stream;
use pingora::protocols::http::ServerSession;
use pingora::protocols::http::v2::server::H2Options;
use pingora::protocols::l4::stream::Stream as Plain;
use pingora::proxy::HttpProxy;
use pingora::server::ShutdownWatch;
use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;

/// The proxy face on a connection.
pub(super) struct Proxying {
    pub(super) requests: Arc<Requests>,
    pub(super) live: Arc<Live>,
    pub(super) patience: Patience,
    pub(super) connections: Connections,
    /// Connections begin with a handshake.
    pub(super) tls: Option<Arc<Acceptor>>,
}

/// pingora's proxy for one request, which can be cut.
pub(super) struct Requests {
    pub(super) proxy: Arc<HttpProxy<Front>>,
    pub(super) patience: Patience,
}

type Served<'a> = Pin<Box<dyn Future<Output = Option<ReusedHttpStream>> + Send + 'a>>;

impl HttpServerApp for Requests {
    /// Written out, because an `async fn` would put a box of its own around the proxy's for each request.
    fn process_new_http<'a, 'b, 'c>(
        self: &'a Arc<Self>,
        session: ServerSession,
        shutdown: &'b ShutdownWatch,
    ) -> Served<'c>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        if !session.is_http2() {
            // Its connection is watched, and cut as a whole.
            return self.proxy.process_new_http(session, shutdown);
        }
        Box::pin(async move {
            let watch = Watch::of_stream(self.patience);
            tokio::select! {
                biased;
                served = watch.while_serving(self.proxy.process_new_http(session, shutdown)) => served,
                () = watch.seat.is_cut() => None,
            }
        })
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        self.proxy.server_options()
    }

    fn h2_options(&self) -> Option<H2Options> {
        self.proxy.h2_options()
    }

    fn http_cleanup<'a, 'b>(&'a self) -> Pin<Box<dyn Future<Output = ()> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        self.proxy.http_cleanup()
    }
}

#[async_trait]
impl ServerApp for Proxying {
    async fn process_new(self: &Arc<Self>, stream: Stream, shutdown: &ShutdownWatch) -> Option<Stream> {
        let _open = self.enter(&stream)?;
        let stream = match &self.tls {
            None => stream,
            // In a box: connections without TLS need no room for it.
            Some(tls) => Box::pin(self.shaken_hands(tls, stream, shutdown)).await?,
        };
        let (stream, watch) = Watched::accepted(stream, self.patience);
        tokio::select! {
            biased;
            _ = watch.while_serving(self.requests.process_new(Box::new(stream), shutdown)) => {}
            why = Seldom::new(watch.overdue()) => {
                if why == Overdue::Header {
                    self.connections.header_was_too_slow();
                }
            }
        }
        None
    }

    /// The listeners are closed: connections on which nothing is asked end in a moment, the others after their answer.
    async fn cleanup(&self) {
        let _ = tokio::time::timeout(self.patience.farewell, self.connections.all_ended()).await;
        self.requests.cleanup().await;
    }
}

impl Proxying {
    /// One more connection, if there may be one more of its address. Behind a trusted proxy is everybody.
    fn enter(&self, stream: &Stream) -> Option<Open> {
        let digest = stream.get_socket_digest();
        let address = digest.as_ref().and_then(|digest| digest.peer_addr()?.as_inet()).map(|peer| peer.ip());
        let plan = self.live.look();
        match (address, plan.gate.bounds.connections_per_address) {
            (Some(address), Some(most)) if !plan.trusted.include(address) => {
                self.connections.enter_from(address, most)
            }
            _ => self.connections.enter(),
        }
    }

    /// The connection after its handshake, which is ours and not pingora's: pingora hands over a connection only after it, and
    /// whoever does not shake hands would be counted nowhere and keep a descriptor for a minute.
    async fn shaken_hands(&self, tls: &Acceptor, stream: Stream, shutdown: &ShutdownWatch) -> Option<Stream> {
        let plain = stream.into_any().downcast::<Plain>().ok()?;
        let mut closing = shutdown.clone();
        let leaving = async {
            let _ = closing.wait_for(|now| *now).await;
            tokio::time::sleep(self.patience.farewell).await;
        };
        tokio::select! {
            biased;
            shaken = tls.tls_handshake(*plain) => match shaken {
                Ok(shaken) => {
                    let shaken: Stream = Box::new(shaken);
                    Some(shaken)
                }
                Err(problem) => {
                    tracing::debug!(problem = problem.etype().as_str(), "a TLS handshake failed");
                    None
                }
            },
            () = tokio::time::sleep(self.patience.header) => {
                self.connections.header_was_too_slow();
                None
            }
            () = leaving => None,
        }
    }
}

/// Something that answers requests whose bodies hardly matter.
#[async_trait]
pub(super) trait Answer: Send + Sync + 'static {
    /// What it needs to know about a connection.
    type Peer: Copy + Send + Sync;

    /// What answers are made of.
    type Body: http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static;

    /// Asked once for each connection.
    fn meet(&self, peer: IpAddr) -> Self::Peer;

    /// Lines in a header that are read on a connection that begins now (`limits.header_lines`): what is above it is refused by
    /// whoever answers, and not by hyper.
    fn header_lines(&self) -> usize {
        LINES_OF_HYPER
    }

    /// Octets of names and values in a header that are read on a connection that begins now (`limits.header_size`), in the
    /// same way.
    fn header_octets(&self) -> usize {
        OCTETS_OF_HYPER
    }

    /// The answer, when it can be given without waiting for anything: the way of nearly all requests, without the
    /// allocation of a boxed future. Gives none when [`Self::answer_later`] must be asked.
    fn answer_now(
        &self,
        request: &Request<Incoming>,
        peer: Self::Peer,
        began: Instant,
    ) -> Option<Response<Self::Body>>;

    /// The answer, when somebody else must be asked first.
    async fn answer_later(
        &self,
        request: Request<Incoming>,
        peer: Self::Peer,
        began: Instant,
    ) -> Response<Self::Body>;
}

/// Goes with a request of whose target hyper dropped a fragment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fragment;

/// hyper on connections without TLS.
pub(super) struct Answering<A> {
    pub(super) answer: Arc<A>,
    pub(super) patience: Patience,
    pub(super) connections: Connections,
    /// The gate will go soon: who asks is to come back on a new connection, which will find another gate.
    pub(super) leaving: Arc<AtomicBool>,
}

/// Lines in a header for which hyper needs no memory of the heap.
const LINES_OF_HYPER: usize = 100;

/// Octets of a header that are read where nobody says.
const OCTETS_OF_HYPER: usize = 64 * 1024;

/// What HTTP/2 counts for a line beside its octets (RFC 9113, 6.5.2).
const OCTETS_OF_A_LINE: usize = 32;

/// The largest header that is read over HTTP/2. What is above the limits is still read to be refused by whoever answers, who
/// counts it; what is far above is refused by hyper.
fn header_list_size(lines: usize, octets: usize) -> u32 {
    let all = (octets + lines * OCTETS_OF_A_LINE).saturating_mul(2).min(super::limits::MAX_UNFINISHED_HEADER);
    u32::try_from(all).unwrap_or(u32::MAX)
}

impl<A: Answer> Answering<A> {
    /// Serves one connection to its end. `closing` turns true when the listener does.
    pub(super) async fn serve(
        self: Arc<Self>,
        stream: TcpStream,
        peer: IpAddr,
        mut closing: watch::Receiver<bool>,
    ) {
        let peer = self.answer.meet(peer);
        let (mut stream, watch) = Watched::new(stream, self.patience);
        let progress = watch.clone();
        let (connections, farewell) = (self.connections.clone(), self.patience.farewell);
        let mut outside = Seldom::new(async move {
            tokio::select! {
                () = async {
                    let _ = closing.wait_for(|now| *now).await;
                    // In a box: hardly any connection lives to see it.
                    Box::pin(tokio::time::sleep(farewell)).await;
                } => Outside::Leaving,
                why = watch.overdue() => {
                    if why == Overdue::Header {
                        connections.header_was_too_slow();
                    }
                    Outside::Overdue
                }
            }
        });
        let speaks_http2 = tokio::select! {
            biased;
            first = stream.speaks_http2() => first,
            _ = &mut outside => return,
        };
        // Without a first word there is nothing to answer.
        let Ok(speaks_http2) = speaks_http2 else { return };
        let (idle, header_lines) = (self.patience.idle, self.answer.header_lines());
        let header_list = header_list_size(header_lines, self.answer.header_octets());
        let service = service_fn(move |mut request: Request<Incoming>| {
            // A question is complete with its header, and what comes next is another one.
            let began = progress.complete_at_once();
            if progress.takes_fragment() {
                request.extensions_mut().insert(Fragment);
            }
            // HTTP/2 has its own way to say so, once the listener is closed.
            let says_goodbye = !speaks_http2 && self.leaving.load(Ordering::Relaxed);
            let step = match self.answer.answer_now(&request, peer, began) {
                Some(response) => Ok(response),
                None => Err((self.answer.clone(), request)),
            };
            async move {
                let mut response = match step {
                    Ok(response) => response,
                    Err((answer, request)) => answer.answer_later(request, peer, began).await,
                };
                if says_goodbye {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response)
            }
        });
        let stream = TokioIo::new(stream);
        if speaks_http2 {
            let mut http = http2::Builder::new(TokioExecutor::new());
            http.timer(TokioTimer::new())
                .keep_alive_interval(Some(idle))
                .max_header_list_size(header_list)
                .max_concurrent_streams(256);
            until_its_end(http.serve_connection(stream, service), outside).await;
        } else {
            let mut http = http1::Builder::new();
            // The watch keeps the time for headers: hyper's own would make a timer for each request.
            // An answer is a header and hardly anything else: one piece costs less than a list of pieces.
            http.writev(false).header_read_timeout(None).max_buf_size(super::limits::MAX_UNFINISHED_HEADER);
            if header_lines > LINES_OF_HYPER {
                http.max_headers(header_lines);
            }
            until_its_end(http.serve_connection(stream, service), outside).await;
        }
    }
}

/// Serves what is asked on the connection, unless something outside ends it first. How it ended nobody need know.
async fn until_its_end<C: GracefulConnection>(connection: C, outside: impl Future<Output = Outside>) {
    let mut connection = pin!(connection);
    tokio::select! {
        biased;
        _ = connection.as_mut() => return,
        called = outside => match called {
            Outside::Leaving => connection.as_mut().graceful_shutdown(),
            Outside::Overdue => return,
        },
    }
    let _ = connection.await;
}

/// What can end a connection besides its own end.
enum Outside {
    /// The gate goes: the request under way is the last.
    Leaving,
    /// The client has used up our patience.
    Overdue,
}

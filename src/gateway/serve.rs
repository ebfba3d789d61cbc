//! What runs on the connections that pingora's listeners accept: the proxy, or hyper with a service of ours.

use super::decide::Front;
use super::lane::Connections;
use super::limits::Patience;
use super::seldom::Seldom;
use super::watch::Watched;
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use pingora::apps::ServerApp;
use pingora::protocols::Stream;
use pingora::proxy::HttpProxy;
use pingora::server::ShutdownWatch;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::time::Instant;

/// The proxy face on a connection.
pub(super) struct Proxying {
    pub(super) proxy: Arc<HttpProxy<Front>>,
    pub(super) patience: Patience,
    pub(super) connections: Connections,
}

#[async_trait]
impl ServerApp for Proxying {
    async fn process_new(self: &Arc<Self>, stream: Stream, shutdown: &ShutdownWatch) -> Option<Stream> {
        let _open = self.connections.enter();
        let (stream, watch) = Watched::new(stream, self.patience);
        tokio::select! {
            biased;
            _ = watch.while_serving(self.proxy.process_new(Box::new(stream), shutdown)) => {}
            () = Seldom::new(watch.overdue()) => {}
        }
        None
    }

    /// The listeners are closed: connections on which nothing is asked end now, the others after their answer.
    async fn cleanup(&self) {
        self.proxy.cleanup().await;
    }
}

/// Something that answers requests whose bodies do not matter.
#[async_trait]
pub(super) trait Answer: Send + Sync + 'static {
    /// What it needs to know about a connection.
    type Peer: Copy + Send + Sync;

    /// Asked once for each connection.
    fn meet(&self, peer: Option<IpAddr>) -> Self::Peer;

    /// The answer, when it can be given without waiting for anything: the way of nearly all requests, without the
    /// allocation of a boxed future. Gives none when [`Self::answer_later`] must be asked.
    fn answer_now(
        &self,
        request: &Request<Incoming>,
        peer: Self::Peer,
        began: Instant,
    ) -> Option<Response<Full<Bytes>>>;

    /// The answer, when somebody else must be asked first.
    async fn answer_later(
        &self,
        request: Request<Incoming>,
        peer: Self::Peer,
        began: Instant,
    ) -> Response<Full<Bytes>>;
}

/// hyper on a connection.
pub(super) struct Answering<A> {
    pub(super) answer: Arc<A>,
    pub(super) patience: Patience,
    pub(super) connections: Connections,
}

#[async_trait]
impl<A: Answer> ServerApp for Answering<A> {
    async fn process_new(self: &Arc<Self>, stream: Stream, shutdown: &ShutdownWatch) -> Option<Stream> {
        let _open = self.connections.enter();
        let address = stream.get_socket_digest().and_then(|digest| {
            digest.peer_addr().and_then(|address| address.as_inet()).map(|address| address.ip())
        });
        let peer = self.answer.meet(address);
        let (stream, watch) = Watched::new(stream, self.patience);
        let (app, progress) = (self.clone(), watch.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            // A question is complete with its header, and what comes next is another one.
            let began = progress.complete_at_once();
            let step = match app.answer.answer_now(&request, peer, began) {
                Some(response) => Ok(response),
                None => Err((app.answer.clone(), request)),
            };
            async move {
                Ok::<_, Infallible>(match step {
                    Ok(response) => response,
                    Err((answer, request)) => answer.answer_later(request, peer, began).await,
                })
            }
        });
        let mut http = auto::Builder::new(TokioExecutor::new());
        // The watch keeps the time for headers: hyper's own would make a timer for each request.
        http.http1()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_buf_size(super::limits::MAX_UNFINISHED_HEADER);
        http.http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(Some(self.patience.idle))
            .max_header_list_size(64 * 1024)
            .max_concurrent_streams(256);
        let connection = http.serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let mut shutdown = shutdown.clone();
        let outside = Seldom::new(async move {
            tokio::select! {
                _ = shutdown.wait_for(|now| *now) => Outside::Leaving,
                () = watch.overdue() => Outside::Overdue,
            }
        });
        tokio::select! {
            biased;
            _ = connection.as_mut() => return None,
            called = outside => match called {
                Outside::Leaving => connection.as_mut().graceful_shutdown(),
                Outside::Overdue => return None,
            },
        }
        let _ = connection.await;
        None
    }
}

/// What can end a connection besides its own end.
enum Outside {
    /// The gate goes: the request under way is the last.
    Leaving,
    /// The client has used up our patience.
    Overdue,
}

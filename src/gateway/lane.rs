//! A lane: one listener, the runtime that serves it, and the way to close it.
//!
//! pingora's own `Server` is left out: it sleeps through its whole grace period on SIGTERM, and brings a pid file and
//! an upgrade socket in /tmp. Its services run on our runtimes as well.

use crate::login::verifier::stand_back;
use pingora::apps::ServerApp;
use pingora::listeners::TcpSocketOptions;
use pingora::listeners::tls::TlsSettings;
use pingora::server::Fds;
use pingora::services::Service as _;
use pingora::services::listening::Service;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::IntoRawFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

/// How long threads are waited for after everything they served has ended or was given up.
const LAST_BREATH: Duration = Duration::from_secs(2);

/// Counts what is open, and tells when nothing is.
#[derive(Debug, Clone)]
pub(super) struct Connections(Arc<watch::Sender<usize>>);

/// An open connection.
#[derive(Debug)]
pub(super) struct Open(Arc<watch::Sender<usize>>);

impl Connections {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    pub(super) fn enter(&self) -> Open {
        self.0.send_modify(|open| *open += 1);
        Open(self.0.clone())
    }

    async fn all_ended(&self) {
        let mut open = self.0.subscribe();
        let _ = open.wait_for(|open| *open == 0).await;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

/// A listener that is bound and not yet served.
#[derive(Debug)]
pub(super) struct Bound {
    listener: TcpListener,
    pub(super) address: SocketAddr,
}

impl Bound {
    /// `key` is the one of the configuration, for the error.
    pub(super) fn bind(address: SocketAddr, key: &str) -> Result<Self, String> {
        let problem = |problem: std::io::Error| format!("{key}: cannot listen on {address}: {problem}");
        // The standard library sets SO_REUSEADDR, so that a restart need not wait for old connections.
        let listener = TcpListener::bind(address).map_err(problem)?;
        listener.set_nonblocking(true).map_err(problem)?;
        let address = listener.local_addr().map_err(problem)?;
        Ok(Self { listener, address })
    }
}

/// A served listener.
#[derive(Debug)]
pub(super) struct Lane {
    name: &'static str,
    /// None once it is given up.
    runtime: Option<Runtime>,
    close: watch::Sender<bool>,
    service: Option<tokio::task::JoinHandle<()>>,
    connections: Connections,
}

impl Lane {
    /// Serves `bound` with what `make` makes, on `threads` threads of its own.
    pub(super) fn serve<A: ServerApp + Send + Sync + 'static>(
        name: &'static str,
        threads: Threads,
        bound: Bound,
        tls: Option<TlsSettings>,
        make: impl FnOnce(Connections) -> A,
    ) -> Result<Self, String> {
        let runtime = runtime(name, threads)?;
        let connections = Connections::new();
        let mut service = Service::new(name.to_owned(), make(connections.clone()));
        let address = bound.address.to_string();
        let mut options = TcpSocketOptions::default();
        options.tcp_keepalive = Some(super::upstream::tcp_keepalive());
        match tls {
            Some(tls) => service.add_tls_with_settings(&address, Some(options), tls),
            None => service.add_tcp_with_settings(&address, options),
        }
        let mut listeners = Fds::new();
        listeners.add(address, bound.listener.into_raw_fd());
        let listeners = Arc::new(parking_lot::Mutex::new(listeners));
        let (close, closing) = watch::channel(false);
        let service = runtime.spawn(async move { service.start_service(Some(listeners), closing, 1).await });
        Ok(Self { name, runtime: Some(runtime), close, service: Some(service), connections })
    }

    /// Takes no more connections and waits until the open ones have ended, for at most `drain`.
    pub(super) fn close(&mut self, drain: Duration) {
        let Some(runtime) = &self.runtime else { return };
        let _ = self.close.send(true);
        let (service, connections, name) = (self.service.take(), self.connections.clone(), self.name);
        runtime.block_on(async move {
            let ended = async {
                if let Some(service) = service {
                    let _ = service.await;
                }
                connections.all_ended().await;
            };
            if tokio::time::timeout(drain, ended).await.is_err() {
                tracing::warn!(listener = name, "connections were cut at the end of shutdown.drain");
            }
        });
    }

    /// Ends what is still open and joins the threads.
    pub(super) fn end(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(LAST_BREATH);
        }
    }
}

/// Without waiting: a runtime may not be waited for from within another one, where tests drop gates.
impl Drop for Lane {
    fn drop(&mut self) {
        let _ = self.close.send(true);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// How many threads serve a lane, and how they stand to the others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Threads {
    pub(super) count: usize,
    /// 0, or more for lanes whose flood must not slow another lane.
    pub(super) niceness: i32,
}

/// A runtime whose threads are called `name`.
pub(super) fn runtime(name: &'static str, threads: Threads) -> Result<Runtime, String> {
    Builder::new_multi_thread()
        .worker_threads(threads.count)
        .thread_name(name)
        .on_thread_start(move || {
            if threads.niceness > 0 {
                stand_back(threads.niceness);
            }
        })
        .enable_all()
        .build()
        .map_err(|problem| format!("cannot start the threads of {name}: {problem}"))
}

//! A lane: one listener, the runtime that serves it, and the way to close it.
//!
//! pingora's own `Server` is left out: it sleeps through its whole grace period on SIGTERM, and brings a pid file and
//! an upgrade socket in /tmp. Its services run on our runtimes as well.

use super::connections::Connections;
use super::door::Door;
use super::serve::{Answer, Answering};
use crate::login::verifier::stand_back;
use pingora::apps::ServerApp;
use pingora::listeners::TcpSocketOptions;
use pingora::server::Fds;
use pingora::services::Service as _;
use pingora::services::listening::Service;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::IntoRawFd;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;
use tokio::net::TcpListener as Listener;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{oneshot, watch};

/// How long threads are waited for after everything they served has ended or was given up.
const LAST_BREATH: Duration = Duration::from_secs(2);

/// After a connection could not be accepted, most likely for want of descriptors, which others must give back first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A listener that is bound and not yet served.
#[derive(Debug)]
pub(super) struct Bound {
    listener: TcpListener,
    pub(super) address: SocketAddr,
    /// Nobody else has it open.
    ends_with_us: bool,
}

impl Bound {
    /// `key` is the one of the configuration, for the error.
    pub(super) fn bind(address: SocketAddr, key: &str) -> Result<Self, String> {
        let problem = |problem: std::io::Error| format!("{key}: cannot listen on {address}: {problem}");
        // The standard library sets SO_REUSEADDR, so that a restart need not wait for old connections.
        Self::of(TcpListener::bind(address).map_err(problem)?, true).map_err(problem)
    }

    /// One that somebody else has opened, and keeps.
    pub(super) fn handed(listener: TcpListener) -> std::io::Result<Self> {
        Self::of(listener, false)
    }

    fn of(listener: TcpListener, ends_with_us: bool) -> std::io::Result<Self> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, ends_with_us })
    }

    /// None where the listener outlives us: the next process would find the door shut, and nobody is reset who waits for it.
    fn door(&self) -> Result<Option<Door>, String> {
        let problem = |problem: std::io::Error| format!("{}: cannot listen: {problem}", self.address);
        self.ends_with_us.then(|| Door::of(&self.listener).map_err(problem)).transpose()
    }
}

/// A served listener.
#[derive(Debug)]
pub(super) struct Lane {
    name: &'static str,
    crew: Crew,
    close: watch::Sender<bool>,
    service: Option<tokio::task::JoinHandle<()>>,
    connections: Connections,
    /// None once it is shut and gone.
    door: Option<Door>,
}

impl Lane {
    /// Serves `bound` with what `make` makes, on `threads` threads of its own.
    pub(super) fn serve<A: ServerApp + Send + Sync + 'static>(
        threads: Threads,
        bound: Bound,
        connections: Connections,
        make: impl FnOnce(Connections) -> A,
    ) -> Result<Self, String> {
        let name = connections.listener();
        let crew = Crew::new(name, threads)?;
        let door = bound.door()?;
        let mut service = Service::new(name.to_owned(), make(connections.clone()));
        let address = bound.address.to_string();
        let mut options = TcpSocketOptions::default();
        options.tcp_keepalive = Some(super::upstream::tcp_keepalive());
        service.add_tcp_with_settings(&address, options);
        let mut listeners = Fds::new();
        listeners.add(address, bound.listener.into_raw_fd());
        let listeners = Arc::new(parking_lot::Mutex::new(listeners));
        let (close, closing) = watch::channel(false);
        let service = crew.spawn(async move { service.start_service(Some(listeners), closing, 1).await });
        Ok(Self { name, crew, close, service: Some(service), connections, door })
    }

    /// Serves `bound` without TLS and without pingora, whose streams cost a question more than its whole judgement.
    pub(super) fn answer<A: Answer>(
        threads: Threads,
        bound: Bound,
        connections: Connections,
        make: impl FnOnce(Connections) -> Answering<A>,
    ) -> Result<Self, String> {
        let name = connections.listener();
        let crew = Crew::new(name, threads)?;
        let door = bound.door()?;
        let answering = Arc::new(make(connections.clone()));
        let listener = {
            let _within = crew.handle.enter();
            let problem = |problem: std::io::Error| format!("{name}: cannot listen: {problem}");
            Listener::from_std(bound.listener).map_err(problem)?
        };
        let (close, closing) = watch::channel(false);
        let service = crew.spawn(accept(name, listener, answering, closing));
        Ok(Self { name, crew, close, service: Some(service), connections, door })
    }

    /// Lets nobody new in, and goes on with who is.
    pub(super) fn shut_the_door(&self) {
        if let Some(problem) = self.door.as_ref().and_then(|door| door.shut().err()) {
            tracing::debug!(listener = self.name, %problem, "who connects at the last moment may be cut");
        }
    }

    /// Takes no more connections and waits until the open ones have ended, for at most `drain`.
    pub(super) fn close(&mut self, drain: Duration) {
        self.door = None;
        let _ = self.close.send(true);
        let (service, connections, name) = (self.service.take(), self.connections.clone(), self.name);
        let (tell, told) = mpsc::channel();
        self.crew.spawn(async move {
            let ended = async {
                if let Some(service) = service {
                    let _ = service.await;
                }
                connections.all_ended().await;
            };
            if tokio::time::timeout(drain, ended).await.is_err() {
                tracing::warn!(listener = name, "connections were cut at the end of shutdown.drain");
            }
            let _ = tell.send(());
        });
        // An error says that the threads are gone already, and nothing is open.
        let _ = told.recv();
    }

    /// Ends what is still open and joins the threads.
    pub(super) fn end(&mut self) {
        self.crew.end();
    }
}

/// Without waiting: a runtime may not be waited for from within another one, where tests drop gates.
impl Drop for Lane {
    fn drop(&mut self) {
        let _ = self.close.send(true);
    }
}

/// Accepts until the lane closes.
async fn accept<A: Answer>(
    name: &'static str,
    listener: Listener,
    answering: Arc<Answering<A>>,
    closing: watch::Receiver<bool>,
) {
    let mut closed = closing.clone();
    let mut closed = std::pin::pin!(closed.wait_for(|now| *now));
    loop {
        let accepted = tokio::select! {
            biased;
            _ = &mut closed => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(open) = answering.connections.enter() else { continue };
                // An error says that the client has gone already, and serving finds that too.
                let _ = stream.set_nodelay(true);
                let serving = answering.clone().serve(stream, peer.ip(), closing.clone());
                tokio::spawn(async move {
                    serving.await;
                    drop(open);
                });
            }
            Err(problem) => {
                tracing::warn!(listener = name, %problem, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
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

/// The threads of a lane or of the background work.
///
/// One thread needs none of the machinery by which several share their work, and that is felt: a container with one core
/// has such lanes.
#[derive(Debug)]
pub(super) struct Crew {
    handle: Handle,
    /// None once it is given up.
    at_work: Option<AtWork>,
}

#[derive(Debug)]
enum AtWork {
    /// One thread, which owns its runtime and ends when the sender goes.
    Alone(oneshot::Sender<()>, thread::JoinHandle<()>),
    /// Several that share.
    Together(Runtime),
}

impl Crew {
    /// Threads that are called `name`.
    pub(super) fn new(name: &'static str, threads: Threads) -> Result<Self, String> {
        let problem = |problem: std::io::Error| format!("cannot start the threads of {name}: {problem}");
        let stand_back = move || {
            if threads.niceness > 0 {
                stand_back(threads.niceness);
            }
        };
        if threads.count > 1 {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(threads.count).thread_name(name).on_thread_start(stand_back);
            let runtime = builder.enable_all().build().map_err(problem)?;
            return Ok(Self { handle: runtime.handle().clone(), at_work: Some(AtWork::Together(runtime)) });
        }
        let runtime =
            Builder::new_current_thread().thread_name(name).enable_all().build().map_err(problem)?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        let work = move || {
            stand_back();
            // An error is the sender's end, which says the same.
            let _ = runtime.block_on(ended);
            runtime.shutdown_timeout(LAST_BREATH);
        };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(work).map_err(problem)?;
        Ok(Self { handle, at_work: Some(AtWork::Alone(end, thread)) })
    }

    /// To have something done by these threads from elsewhere.
    pub(super) const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Has `work` done.
    pub(super) fn spawn<F>(&self, work: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(work)
    }

    /// Ends what is under way and joins the threads.
    pub(super) fn end(&mut self) {
        match self.at_work.take() {
            Some(AtWork::Alone(end, thread)) => {
                drop(end);
                let _ = thread.join();
            }
            Some(AtWork::Together(runtime)) => runtime.shutdown_timeout(LAST_BREATH),
            None => {}
        }
    }
}

/// Without waiting. A thread that is alone ends by itself when its sender goes.
impl Drop for Crew {
    fn drop(&mut self) {
        if let Some(AtWork::Together(runtime)) = self.at_work.take() {
            runtime.shutdown_background();
        }
    }
}

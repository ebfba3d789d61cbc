//! The only room that knows pingora and hyper: listeners, both faces, our own endpoints. What may pass is decided in one
//! place for all of them, [`judge`].
//!
//! ```text
//! public listener -> serve (pingora) -> decide -> forward -> the application
//!                                          \----> login::endpoints, pages
//! authz listener  -> serve (hyper) ---> authz ---> 200 with headers, 401, 403 ...
//! grpc listener   -> serve (hyper) ---> grpc ----> authz, in Envoy's words
//! admin listener  -> serve (hyper) ---> admin ---> health, metrics
//! console         -> hyper -----------> console -> sessions, for the owner
//! ```
//!
//! Each listener is a [`lane`]: a runtime of its own, so that a flood on one does not slow the others. Below the HTTP
//! libraries a [`watch`] keeps the time; beside them [`background`] tasks keep addresses and certificates fresh.

mod admin;
mod authz;
mod background;
mod connections;
mod console;
mod decide;
mod forward;
mod grpc;
mod hesitant;
mod judge;
mod lane;
mod limits;
mod proxy;
mod record;
mod reply;
mod request;
mod seats;
mod seldom;
mod serve;
mod tls;
mod upstream;
mod watch;

pub use limits::Patience;

use crate::clock::Clock;
use crate::config::{Config, ConsoleAddress, Shutdown};
use crate::federation::Watch;
use crate::gate::{Gate, Parts};
use crate::observe::metrics::ListenerLabel;
use crate::session::{MemoryStore, Store};
use crate::store::RedisStore;
use admin::Admin;
use authz::{Authz, Doorkeeper};
use connections::Connections;
use console::Console;
use decide::Front;
use forward::Edge;
use grpc::Grpc;
use lane::{Crew, Lane, Threads};
use pingora::apps::HttpServerOptions;
use pingora::server::configuration::ServerConf;
use request::TrustedProxies;
use seats::Seats;
use serve::{Answering, Proxying, Requests};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;
use tls::LiveCertificate;

/// How long the start waits for the addresses of applications.
const FIRST_RESOLUTION: Duration = Duration::from_secs(2);

/// How long the start waits for the store that is shared with other gates.
const FIRST_STORE: Duration = Duration::from_secs(2);

/// How long the start waits for metadata of which there is no copy.
const FIRST_METADATA: Duration = Duration::from_secs(5);

/// The niceness of the threads that read metadata: an aggregate takes seconds of one, and nobody waits for it.
const METADATA_STANDS_BACK: i32 = 10;

/// Idle connections to applications that are kept, in all.
const KEPT_UPSTREAM_CONNECTIONS: usize = 512;

/// The niceness of the public listener's threads where it serves sign-ins only.
const SIGN_INS_STAND_BACK: i32 = 10;

/// A running gate.
pub struct Gateway {
    bound: Bound,
    gate: Arc<Gate>,
    leaving: Arc<AtomicBool>,
    shutdown: Shutdown,
    /// Public, then authz and grpc: what is drained.
    faces: Vec<Lane>,
    /// Answers to the last.
    admin: Option<Lane>,
    console: Option<Console>,
    background: Crew,
    /// Reads metadata; not on the thread of `background`, which keeps the time.
    metadata: Option<Crew>,
    /// Keeps the store that is shared with other gates.
    store: Option<Crew>,
}

/// What is bound where.
#[derive(Debug, Clone)]
pub struct Bound {
    /// The application's address, or our own endpoints' where a gateway forwards.
    pub public: SocketAddr,
    /// The questions of gateways over HTTP.
    pub authz: Option<SocketAddr>,
    /// The questions of gateways over gRPC.
    pub grpc: Option<SocketAddr>,
    /// Health and metrics.
    pub admin: Option<SocketAddr>,
    /// The owner's console.
    pub console: Option<ConsoleAddress>,
}

impl Gateway {
    /// Opens every listener, starts the threads and returns. Port 0 is allowed and found in [`Self::bound`].
    ///
    /// # Errors
    /// What could not be opened or read, with the key of the configuration that names it.
    pub fn start(config: Config, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let patience = Patience::from(&config.bounds);
        Self::start_with(config, clock, patience)
    }

    /// Like [`Self::start`], with other limits to the patience with clients.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_with(mut config: Config, clock: Arc<dyn Clock>, patience: Patience) -> Result<Self, String> {
        // The first provider that is installed stays; a second gate in the same process finds it there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let edges: Arc<[Edge]> = config.sites.iter().map(Edge::new).collect::<Result<_, _>>()?;
        let listeners = config.listeners.clone();
        let certificate = listeners.public_tls.as_ref().map(LiveCertificate::load).transpose()?;
        let public = lane::Bound::bind(listeners.public, "listen.public")?;
        let authz = listeners.authz.map(|at| lane::Bound::bind(at, "listen.authz")).transpose()?;
        let grpc = listeners.grpc.map(|at| lane::Bound::bind(at, "listen.grpc")).transpose()?;
        let admin = listeners.admin.map(|at| lane::Bound::bind(at, "admin.listen")).transpose()?;
        let console = config.console.clone().map(console::Bound::bind).transpose()?;
        let bound = Bound {
            console: console.as_ref().map(|bound| bound.address.clone()),
            public: public.address,
            authz: authz.as_ref().map(|bound| bound.address),
            grpc: grpc.as_ref().map(|bound| bound.address),
            admin: admin.as_ref().map(|bound| bound.address),
        };

        let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let leaving = Arc::new(AtomicBool::new(false));
        let trusted = TrustedProxies::new(config.trusted_proxies.clone());
        let gateways = std::mem::take(&mut config.gateways);
        let (shutdown, log_requests) = (config.shutdown, config.log.requests);
        let most = config.connections;
        let watches = std::mem::take(&mut config.watches);
        let (store, store_crew) = start_shared_store(&config, &clock)?.unzip();
        let gate = Arc::new(gate(config, clock, store)?);
        let metadata = start_metadata(&gate, watches)?;

        let seats = Arc::new(Seats::default());
        let front = Front {
            gate: gate.clone(),
            edges: edges.clone(),
            trusted: trusted.clone(),
            patience,
            log_requests,
            leaving: leaving.clone(),
            seats: seats.clone(),
        };
        let proxy = proxying(front, &edges, threads, patience)?;
        let settings = certificate.as_ref().map(LiveCertificate::settings).transpose()?;
        let requests = Arc::new(Requests { proxy, patience });
        let serve = |connections| Proxying { requests, patience, connections };
        // Where a gateway asks, the public listener serves nothing but sign-ins: a flood of them must not slow the questions.
        let only_sign_ins = !edges.iter().any(Edge::forwards);
        let public_threads =
            Threads { count: threads, niceness: if only_sign_ins { SIGN_INS_STAND_BACK } else { 0 } };
        let threads = Threads { count: threads, niceness: 0 };
        let connections = |listener, most| Connections::at_most(most, listener, &gate.metrics);
        let header_lines = gate.bounds.header_lines;
        let of_public = connections(ListenerLabel::Public, most);
        let mut faces = vec![Lane::serve(public_threads, public, settings, of_public, serve)?];
        let keeper = Doorkeeper::new(trusted, gateways);
        let authz_answers = Arc::new(Authz::new(gate.clone(), keeper, log_requests));
        if let Some(authz) = authz {
            let answer = authz_answers.clone();
            let serve = |connections| Answering { answer, patience, connections, header_lines };
            let connections = connections(ListenerLabel::Authz, most);
            faces.push(Lane::answer(threads, authz, connections, serve)?);
        }
        if let Some(grpc) = grpc {
            let answer = Arc::new(Grpc::new(gate.clone(), authz_answers, patience, leaving.clone()));
            let serve = |connections| Answering { answer, patience, connections, header_lines };
            let connections = connections(ListenerLabel::Grpc, most);
            faces.push(Lane::answer(threads, grpc, connections, serve)?);
        }
        let admin = match admin {
            Some(admin) => {
                let answer = Arc::new(Admin { gate: gate.clone(), leaving: leaving.clone() });
                let serve = |connections| Answering { answer, patience, connections, header_lines };
                let threads = Threads { count: 1, niceness: 0 };
                let connections = connections(ListenerLabel::Admin, limits::MAX_ADMIN_CONNECTIONS);
                Some(Lane::answer(threads, admin, connections, serve)?)
            }
            None => None,
        };
        let console = console.map(|bound| Console::serve(bound, gate.clone())).transpose()?;
        let background = start_background(&gate, &edges, certificate)?;
        if edges.iter().any(Edge::forwards) {
            background.spawn(background::keep_seats(gate.clone(), seats));
        }
        Ok(Self {
            bound,
            gate,
            leaving,
            shutdown,
            faces,
            admin,
            console,
            background,
            metadata,
            store: store_crew,
        })
    }

    /// Where the listeners are.
    pub fn bound(&self) -> &Bound {
        &self.bound
    }

    /// What both faces share.
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Goes in good order: readiness fails first; after `shutdown.delay` the listeners close; what is under way, also
    /// streams and WebSockets, has `shutdown.drain` to end; then everything does. Blocks until then, so it is not to
    /// be called from within an asynchronous task.
    pub fn stop(mut self) {
        self.leaving.store(true, Ordering::Relaxed);
        std::thread::sleep(self.shutdown.delay);
        let drain = self.shutdown.drain;
        std::thread::scope(|scope| {
            for face in &mut self.faces {
                scope.spawn(move || face.close(drain));
            }
        });
        for face in &mut self.faces {
            face.end();
        }
        if let Some(admin) = &mut self.admin {
            admin.close(Duration::ZERO);
            admin.end();
        }
        if let Some(console) = &mut self.console {
            console.end();
        }
        self.background.end();
        if let Some(metadata) = &mut self.metadata {
            metadata.end();
        }
        if let Some(store) = &mut self.store {
            store.end();
        }
    }
}

fn gate(config: Config, clock: Arc<dyn Clock>, shared: Option<Arc<RedisStore>>) -> Result<Gate, String> {
    let figures = shared.as_ref().map(|store| store.figures());
    let store: Arc<dyn Store> = match shared {
        Some(store) => store,
        None => Arc::new(MemoryStore::new(config.store_max_bytes, clock.now())),
    };
    let parts = Parts {
        sites: config.sites,
        keys: config.keys,
        jwt_keys: config.jwt_keys,
        branding: config.branding,
        message_limits: config.message_limits,
        second_opinion: config.second_opinion,
        bounds: config.bounds,
    };
    let gate = Gate::new(parts, store, clock)
        .map_err(|problem| format!("cannot start the verifier's threads: {problem}"))?;
    if let Some(figures) = figures {
        gate.metrics.set_shared_store(figures);
    }
    Ok(gate)
}

/// The store that is shared with other gates, and who keeps it. A server that is down holds up the start for a moment
/// only: the gate refuses until it is there.
fn start_shared_store(
    config: &Config,
    clock: &Arc<dyn Clock>,
) -> Result<Option<(Arc<RedisStore>, Crew)>, String> {
    let Some(settings) = &config.shared_store else { return Ok(None) };
    let store = RedisStore::new(settings, config.keys.clone(), clock.clone());
    let store = Arc::new(store.map_err(|problem| format!("redis: {problem}"))?);
    let crew = Crew::new("store", Threads { count: 1, niceness: 0 })?;
    crew.spawn(store.clone().keep());
    let (tell, told) = mpsc::channel();
    let asked = store.clone();
    crew.spawn(async move {
        let connected = async {
            while !asked.is_connected() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        // Nobody waits any longer, so nobody looks any longer.
        let _ = tokio::time::timeout(FIRST_STORE, connected).await;
        let _ = tell.send(());
    });
    let _ = told.recv();
    Ok(Some((store, crew)))
}

fn proxying(
    front: Front,
    edges: &[Edge],
    threads: usize,
    patience: Patience,
) -> Result<Arc<pingora::proxy::HttpProxy<Front>>, String> {
    let mut conf = ServerConf {
        threads,
        upstream_keepalive_pool_size: KEPT_UPSTREAM_CONNECTIONS,
        ..ServerConf::default()
    };
    let applications = || edges.iter().flat_map(|edge| &edge.parts).map(|part| &part.application);
    if applications().any(upstream::Application::trusts_the_system) {
        // pingora reads them too, and panics when it cannot.
        let mut store = rustls::RootCertStore::empty();
        pingora::tls::load_platform_certs_incl_env_into_store(&mut store).map_err(|problem| {
            format!("the system's certificate authorities cannot be read, which upstream needs: {problem}")
        })?;
    } else {
        // Nobody asks the system's authorities: an empty list saves reading them.
        conf.ca_file = Some("/dev/null".to_owned());
    }
    let mut proxy = pingora::proxy::http_proxy(&Arc::new(conf), front);
    let mut options = HttpServerOptions::default();
    options.h2c = true;
    options.h2_idle_timeout = Some(patience.idle);
    proxy.server_options = Some(options);
    Ok(Arc::new(proxy))
}

fn start_background(
    gate: &Arc<Gate>,
    edges: &Arc<[Edge]>,
    certificate: Option<Arc<LiveCertificate>>,
) -> Result<Crew, String> {
    let crew = Crew::new("background", Threads { count: 1, niceness: 0 })?;
    let (resolved, first) = mpsc::channel();
    for (site, edge) in edges.iter().enumerate() {
        for (number, _) in edge.parts.iter().enumerate().filter(|(_, part)| part.application.is_named()) {
            crew.spawn(background::keep_resolved(edges.clone(), (site, number), resolved.clone()));
        }
    }
    drop(resolved);
    // The first requests should find the applications; a dead name server should not hold up everything else. The
    // channel ends when every task has let go of it.
    let _ = first.recv_timeout(FIRST_RESOLUTION);
    crew.spawn(background::keep_tidy(gate.clone()));
    crew.spawn(background::keep_told(gate.clone()));
    let lists = background::invited_lists(gate);
    if !lists.is_empty() {
        crew.spawn(background::keep_invited(lists));
    }
    if let Some(certificate) = certificate {
        crew.spawn(background::keep_certificate(certificate, background::LOOK_AT_CERTIFICATE_EVERY));
    }
    Ok(crew)
}

/// Takes up what earlier processes knew, and begins to ask. An identity provider that is down holds up nothing: its
/// sign-ins wait for it, the gate does not.
fn start_metadata(gate: &Arc<Gate>, watches: Vec<Watch>) -> Result<Option<Crew>, String> {
    if watches.is_empty() {
        return Ok(None);
    }
    let crew = Crew::new("metadata", Threads { count: 1, niceness: METADATA_STANDS_BACK })?;
    let (asked, first) = mpsc::channel();
    for mut watch in watches {
        watch.restore(&gate.metrics);
        let waited_for = watch.running().is_none().then(|| asked.clone());
        crew.spawn(background::keep_metadata(watch, gate.clone(), waited_for));
    }
    drop(asked);
    // The channel ends when every task has let go of it.
    let _ = first.recv_timeout(FIRST_METADATA);
    Ok(Some(crew))
}

#[cfg(test)]
mod tests;

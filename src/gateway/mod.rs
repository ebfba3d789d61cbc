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
mod door;
mod forward;
mod grpc;
mod handed;
mod hesitant;
mod judge;
mod lane;
mod limits;
mod live;
mod proxy;
mod record;
mod reload;
mod reply;
mod request;
mod seats;
mod seldom;
mod serve;
mod sessions;
mod telemetry;
mod tls;
mod upstream;
mod watch;

pub use handed::Handed;
pub use limits::Patience;
pub use reload::Reloaded;

use crate::clock::Clock;
use crate::config::{Config, ConsoleAddress, Shutdown};
use crate::gate::Gate;
use crate::observe::metrics::{ListenerLabel, Metrics};
use admin::Admin;
use authz::Questions;
use connections::Connections;
use console::Console;
use decide::Front;
use forward::Edge;
use grpc::Grpc;
use handed::Place;
use lane::{Crew, Lane, Threads};
use live::Live;
use pingora::apps::HttpServerOptions;
use pingora::server::configuration::ServerConf;
use reload::{Beside, Ready};
use seats::Seats;
use serve::{Answering, Proxying, Requests};
use sessions::Sessions;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use telemetry::Telemetry;
use tls::LiveCertificate;

/// Idle connections to applications that are kept, in all.
const KEPT_UPSTREAM_CONNECTIONS: usize = 512;

/// How long before the listeners close nobody new gets in: time for those who are in to say what they want.
const DOORS_SHUT: Duration = Duration::from_millis(100);

/// The niceness of the public listener's threads where it serves sign-ins only.
const SIGN_INS_STAND_BACK: i32 = 10;

/// How long the last traces may take when all of `shutdown` has been used up.
const LAST_TRACES: Duration = Duration::from_millis(500);

/// A running gate.
pub struct Gateway {
    bound: Bound,
    beside: Arc<Beside>,
    leaving: Arc<AtomicBool>,
    /// Public, then authz and grpc: what is drained.
    faces: Vec<Lane>,
    /// Answers to the last.
    admin: Option<Lane>,
    console: Option<Console>,
    background: Crew,
    telemetry: Option<Telemetry>,
    sessions: Sessions,
}

/// Gives a running gate another configuration.
#[derive(Clone)]
pub struct Reloader(Arc<Beside>);

impl Reloader {
    /// Takes a checked configuration over in one step: requests that have begun end by the old one. What was known of
    /// identity providers and applications that are still there is known still; sessions end whose site or identity provider
    /// is gone, and so do the WebSockets that were opened with them. Blocks for some seconds at most where something must be
    /// asked for the first time, so it is not to be called from within an asynchronous task.
    ///
    /// # Errors
    /// Why it cannot be taken over; then nothing has changed.
    pub fn reload(&self, config: Config) -> Result<Reloaded, String> {
        self.0.reload(config)
    }

    /// What is counted.
    pub fn metrics(&self) -> Arc<Metrics> {
        self.0.live().look().gate.metrics.clone()
    }
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
        Self::start_handed(config, clock, Handed::default())
    }

    /// Like [`Self::start`], on listeners that somebody else has opened, as far as there are some.
    ///
    /// # Errors
    /// As [`Self::start`]; also of a listener that the configuration does not name, or elsewhere.
    pub fn start_handed(config: Config, clock: Arc<dyn Clock>, handed: Handed) -> Result<Self, String> {
        let patience = Patience::from(&config.bounds);
        Self::start_with(config, clock, patience, handed)
    }

    /// Like [`Self::start_handed`], with other limits to the patience with clients.
    ///
    /// # Errors
    /// As [`Self::start_handed`].
    pub fn start_with(
        config: Config,
        clock: Arc<dyn Clock>,
        patience: Patience,
        mut handed: Handed,
    ) -> Result<Self, String> {
        // The first provider that is installed stays; a second gate in the same process finds it there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (listeners, console) = (config.listeners.clone(), config.console.clone());
        handed.fit(&listeners).map_err(|problems| problems.join("; "))?;
        let tracing = config.tracing.clone();
        let ready = Ready::new(config)?;
        let certificate = listeners.public_tls.as_ref().map(LiveCertificate::load).transpose()?;
        let public = handed.take_or_bind(Place::Public, listeners.public)?;
        let authz = listeners.authz.map(|at| handed.take_or_bind(Place::Authz, at)).transpose()?;
        let grpc = listeners.grpc.map(|at| handed.take_or_bind(Place::Grpc, at)).transpose()?;
        let admin = listeners.admin.map(|at| handed.take_or_bind(Place::Admin, at)).transpose()?;
        let console = console.map(console::Bound::bind).transpose()?;
        let bound = Bound {
            console: console.as_ref().map(|bound| bound.address.clone()),
            public: public.address,
            authz: authz.as_ref().map(|bound| bound.address),
            grpc: grpc.as_ref().map(|bound| bound.address),
            admin: admin.as_ref().map(|bound| bound.address),
        };

        let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let leaving = Arc::new(AtomicBool::new(false));
        // Where a gateway asks, the public listener serves nothing but sign-ins: a flood of them must not slow the questions.
        let only_sign_ins = !ready.edges().iter().any(Edge::forwards);
        let authorities = system_authorities(ready.trusts_the_system(), only_sign_ins)?;
        let background = Crew::new("background", Threads { count: 1, niceness: 0 })?;
        let most = ready.config().connections;
        let sessions = Sessions::begin(&ready, &clock)?;
        let store = sessions.store();
        let telemetry = tracing.map(|settings| Telemetry::start(settings, clock.clone(), &background));
        let tracer = telemetry.as_ref().map(|telemetry| telemetry.tracer.clone());
        let make = |parts| {
            Gate::new(parts, store, clock)
                .map_err(|problem| format!("cannot start the verifier's threads: {problem}"))
        };
        let beside =
            ready.begin(make, &background, authorities.are_known, sessions.shared_store(), tracer)?;
        let live = beside.live().clone();
        let metrics = live.look().gate.metrics.clone();
        sessions.tell(&metrics);
        if let Some(telemetry) = &telemetry {
            metrics.set_traces(telemetry.figures.clone());
        }

        let seats = Arc::new(Seats::default());
        let front = Front { live: live.clone(), patience, leaving: leaving.clone(), seats: seats.clone() };
        let proxy = proxying(front, authorities, threads, patience);
        let settings = certificate.as_ref().map(LiveCertificate::settings).transpose()?;
        let tls = settings.map(|settings| Arc::new(settings.build()));
        let requests = Arc::new(Requests { proxy, patience });
        let serve = {
            let live = live.clone();
            |connections| Proxying { requests, live, patience, connections, tls }
        };
        let public_threads =
            Threads { count: threads, niceness: if only_sign_ins { SIGN_INS_STAND_BACK } else { 0 } };
        let threads = Threads { count: threads, niceness: 0 };
        let connections = |listener, most| Connections::at_most(most, listener, &metrics);
        let of_public = connections(ListenerLabel::Public, most);
        let mut faces = vec![Lane::serve(public_threads, public, of_public, serve)?];
        if let Some(authz) = authz {
            let (answer, leaving) = (Arc::new(Questions { live: live.clone() }), leaving.clone());
            let serve = |connections| Answering { answer, patience, connections, leaving };
            let connections = connections(ListenerLabel::Authz, most);
            faces.push(Lane::answer(threads, authz, connections, serve)?);
        }
        if let Some(grpc) = grpc {
            let answer = Arc::new(Grpc { live: live.clone(), patience, leaving: leaving.clone() });
            let leaving = leaving.clone();
            let serve = |connections| Answering { answer, patience, connections, leaving };
            let connections = connections(ListenerLabel::Grpc, most);
            faces.push(Lane::answer(threads, grpc, connections, serve)?);
        }
        let admin = match admin {
            Some(admin) => {
                let answer = Arc::new(Admin {
                    live: live.clone(),
                    leaving: leaving.clone(),
                    store_reached: sessions.reached(),
                });
                let leaving = leaving.clone();
                let serve = |connections| Answering { answer, patience, connections, leaving };
                let threads = Threads { count: 1, niceness: 0 };
                let connections = connections(ListenerLabel::Admin, limits::MAX_ADMIN_CONNECTIONS);
                Some(Lane::answer(threads, admin, connections, serve)?)
            }
            None => None,
        };
        let console = console.map(|bound| Console::serve(bound, live.clone())).transpose()?;
        start_background(&live, &background, certificate, seats);
        Ok(Self { bound, beside, leaving, faces, admin, console, background, telemetry, sessions })
    }

    /// Where the listeners are.
    pub fn bound(&self) -> &Bound {
        &self.bound
    }

    /// What both faces share.
    pub fn gate(&self) -> Arc<Gate> {
        self.beside.live().load().gate.clone()
    }

    /// The way to another configuration while this one is served.
    pub fn reloader(&self) -> Reloader {
        Reloader(self.beside.clone())
    }

    /// How to go, by the configuration that is in use.
    pub fn shutdown(&self) -> Shutdown {
        self.beside.live().look().shutdown
    }

    /// Goes in good order: readiness fails first, and every answer ends its connection, so that what is asked next is asked
    /// elsewhere; after `shutdown.delay` the listeners close, and nobody is in the door then; what is under way, also
    /// streams and WebSockets, has `shutdown.drain` to end; then everything does. Blocks until then, so it is not to
    /// be called from within an asynchronous task.
    pub fn stop(mut self) {
        self.leaving.store(true, Ordering::Relaxed);
        let Shutdown { delay, drain } = self.shutdown();
        let began = Instant::now();
        let doors_shut = delay.min(DOORS_SHUT);
        std::thread::sleep(delay - doors_shut);
        self.faces.iter().for_each(Lane::shut_the_door);
        std::thread::sleep(doors_shut);
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
        if let Some(telemetry) = &mut self.telemetry {
            // What is left of the time that the owner gave us to go; where nothing is, a moment all the same.
            telemetry.end((delay + drain).saturating_sub(began.elapsed()).max(LAST_TRACES));
        }
        self.background.end();
        self.beside.end();
        let now = self.gate().clock.now();
        self.sessions.end(now);
    }
}

/// The system's certificate authorities, for applications whose certificates they judge.
struct Authorities {
    are_known: bool,
}

/// Whether pingora can read them, which it does at the start or never: a later configuration may want them. pingora panics when
/// it cannot.
fn system_authorities(wanted: bool, only_sign_ins: bool) -> Result<Authorities, String> {
    if only_sign_ins {
        return Ok(Authorities { are_known: false });
    }
    let mut store = rustls::RootCertStore::empty();
    match pingora::tls::load_platform_certs_incl_env_into_store(&mut store) {
        Ok(()) => Ok(Authorities { are_known: true }),
        Err(problem) if wanted => Err(format!(
            "the system's certificate authorities cannot be read, which upstream needs: {problem}"
        )),
        Err(_) => Ok(Authorities { are_known: false }),
    }
}

fn proxying(
    front: Front,
    authorities: Authorities,
    threads: usize,
    patience: Patience,
) -> Arc<pingora::proxy::HttpProxy<Front>> {
    let mut conf = ServerConf {
        threads,
        upstream_keepalive_pool_size: KEPT_UPSTREAM_CONNECTIONS,
        ..ServerConf::default()
    };
    if !authorities.are_known {
        // Nobody asks them: an empty list saves reading them.
        conf.ca_file = Some("/dev/null".to_owned());
    }
    let mut proxy = pingora::proxy::http_proxy(&Arc::new(conf), front);
    let mut options = HttpServerOptions::default();
    options.h2c = true;
    options.h2_idle_timeout = Some(patience.idle);
    proxy.server_options = Some(options);
    Arc::new(proxy)
}

fn start_background(
    live: &Arc<Live>,
    crew: &Crew,
    certificate: Option<Arc<LiveCertificate>>,
    seats: Arc<Seats>,
) {
    crew.spawn(background::keep_seats(live.clone(), seats));
    crew.spawn(background::keep_tidy(live.clone()));
    crew.spawn(background::keep_told(live.clone()));
    let now = live.clone();
    crew.spawn(background::keep_invited(move || background::invited_lists(&now.look().gate)));
    if let Some(certificate) = certificate {
        crew.spawn(background::keep_certificate(certificate, background::LOOK_AT_CERTIFICATE_EVERY));
    }
}

#[cfg(test)]
mod tests;

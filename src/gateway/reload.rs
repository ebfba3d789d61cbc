//! Another configuration while the gate runs.
//!
//! ```text
//! config ─> edges, gate ─> metadata and addresses that were known go over ─> what is new is asked for, for a while
//!        ─> one swap ─> sessions end that have no place any more ─> tasks of the old configuration end
//! ```
//!
//! Everything that can fail comes before the first thing that is touched, so that a configuration is taken over whole or
//! not at all. Whoever has begun with the old one holds it and ends with it.

use super::background::{self, Settled};
use super::forward::Edge;
use super::lane::{Crew, Threads};
use super::live::{Live, Plan, Terms};
use super::upstream::Application;
use crate::admission::People;
use crate::config::{Config, Fingerprints};
use crate::federation::{Folder, Watch};
use crate::gate::{Gate, Keep, Parts};
use crate::identity::Person as _;
use crate::observe::traces::Tracer;
use crate::session::Session;
use crate::site::Status;
use crate::store::RedisStore;
use parking_lot::Mutex;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long is waited for the addresses of applications.
const FIRST_RESOLUTION: Duration = Duration::from_secs(2);

/// How long is waited for metadata of which there is no copy.
const FIRST_METADATA: Duration = Duration::from_secs(5);

/// How long is waited for the end of the sessions that have no place any more. It takes as long as a look at every session.
const FIRST_ENDINGS: Duration = Duration::from_secs(20);

/// The niceness of the threads that read metadata: an aggregate takes seconds of one, and nobody waits for it.
const METADATA_STANDS_BACK: i32 = 10;

/// Keys whose values are what they were at the start until the next one; with each, whatever stands below it.
const FIXED: [&str; 17] = [
    "listen",
    "tls",
    "admin",
    "console",
    "session.max_bytes",
    "store",
    "redis",
    "limits.connections",
    "limits.header_timeout",
    "limits.body_timeout",
    "limits.idle_timeout",
    "limits.write_timeout",
    "state_dir",
    "state_key_file",
    "log.format",
    "audit",
    "tracing",
];

/// What a taken-over configuration is different in.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Reloaded {
    /// The keys that are different, `+`, `-` or `~` in front.
    pub differences: Vec<String>,
    /// Those of them, and of earlier ones, that count from the next start only.
    pub at_next_start: Vec<String>,
}

/// What runs beside the requests, and changes with the configuration.
pub(super) struct Beside {
    live: Arc<Live>,
    /// Those of the background, which keeps the time.
    background: Handle,
    /// Whether pingora knows the system's certificate authorities, which it reads at the start.
    knows_the_system: bool,
    /// The store of the sessions, where other gates share it.
    shared_store: Option<Arc<RedisStore>>,
    state_dir: Option<Folder>,
    at_start: Fingerprints,
    changing: Mutex<Changing>,
    tracer: Option<Arc<Tracer>>,
}

struct Changing {
    fingerprints: Fingerprints,
    keys_are_ephemeral: bool,
    jwt_keys_are_ephemeral: bool,
    /// What is remembered of people, once a configuration wanted it.
    people: Option<Arc<People>>,
    resolving: Vec<JoinHandle<()>>,
    /// Reads metadata; not on the thread of `background`. None while there is none to read.
    metadata: Option<Crew>,
    watched: Vec<Watched>,
    tracer: Option<Arc<Tracer>>,
}

/// A task that keeps metadata up to date, and the way to have it back.
struct Watched {
    stop: oneshot::Sender<()>,
    given_back: mpsc::Receiver<Watch>,
}

/// A configuration that may be served by: whatever could fail has not.
pub(super) struct Ready {
    edges: Arc<[Edge]>,
    config: Config,
}

impl Ready {
    /// Errors name the key of the configuration.
    pub(super) fn new(config: Config) -> Result<Self, String> {
        let edges: Arc<[Edge]> = config.sites.iter().map(Edge::new).collect::<Result<_, _>>()?;
        Ok(Self { edges, config })
    }

    pub(super) const fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn edges(&self) -> &Arc<[Edge]> {
        &self.edges
    }

    /// Whether an application's certificate is judged by the system's authorities.
    pub(super) fn trusts_the_system(&self) -> bool {
        applications(&self.edges).any(Application::trusts_the_system)
    }

    /// Whether there is a site for it still, and who signed it in may sign people in there.
    pub(super) fn has_a_place_for(&self, session: &Session) -> bool {
        let site = self.config.sites.iter().find(|site| site.key == session.site());
        site.is_some_and(|site| {
            let idp = site.identity_providers.iter().find(|idp| idp.id == session.idp());
            idp.is_some_and(|idp| idp.status != Status::Retired)
        })
    }

    /// The first one that is served by, and what runs beside it.
    pub(super) fn begin(
        self,
        gate: impl FnOnce(Parts) -> Result<Gate, String>,
        background: &Crew,
        knows_the_system: bool,
        shared_store: Option<Arc<RedisStore>>,
        tracer: Option<Arc<Tracer>>,
    ) -> Result<Arc<Beside>, String> {
        let Self { edges, mut config } = self;
        let watches = std::mem::take(&mut config.watches);
        let (state_dir, fingerprints) = (config.state.take(), std::mem::take(&mut config.fingerprints));
        let mut changing = Changing {
            fingerprints: fingerprints.clone(),
            keys_are_ephemeral: config.keys_are_ephemeral,
            jwt_keys_are_ephemeral: config.jwt_keys_are_ephemeral,
            people: None,
            resolving: Vec::new(),
            metadata: None,
            watched: Vec::new(),
            tracer: tracer.clone(),
        };
        changing.remember_people(&mut config);
        let terms = Terms::of(&config);
        let gate = Arc::new(gate(parts(config))?);
        changing.watch(&gate, watches.into_iter().map(|watch| (watch, None)).collect())?;
        changing.resolve(&edges, None, background.handle());
        let live = Live::new(Plan::new(gate, edges, terms, tracer.clone()));
        Ok(Arc::new(Beside {
            live,
            background: background.handle().clone(),
            knows_the_system,
            shared_store,
            state_dir,
            at_start: fingerprints,
            changing: Mutex::new(changing),
            tracer,
        }))
    }
}

impl Beside {
    pub(super) fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// Takes a checked configuration over, whole or not at all. Blocks for as long as it takes to ask for what nobody knew
    /// before, some seconds at most; not to be called from within an asynchronous task.
    pub(super) fn reload(&self, config: Config) -> Result<Reloaded, String> {
        let ready = Ready::new(config)?;
        if ready.trusts_the_system() && !self.knows_the_system {
            return Err(
                "upstream: its certificate is judged by the system's certificate authorities, which were \
                        not read at the start: restart the gate"
                    .to_owned(),
            );
        }
        let Ready { edges, mut config } = ready;
        // One after the other; from here on nothing fails.
        let mut changing = self.changing.lock();
        let before = self.live.load();
        let told = Reloaded {
            differences: config.fingerprints.differences(&changing.fingerprints),
            at_next_start: fixed(config.fingerprints.differences(&self.at_start)),
        };
        changing.fingerprints = std::mem::take(&mut config.fingerprints);
        changing.remember_people(&mut config);
        let keep = changing.keep(&config, self.shared_store.is_some());
        let watches: Vec<Watch> = std::mem::take(&mut config.watches)
            .into_iter()
            .map(|watch| Watch { folder: self.state_dir.clone(), ..watch })
            .collect();
        let terms = Terms::of(&config);
        let gate = Arc::new(before.gate.successor(parts(config), keep));
        let watched: Vec<_> =
            watches.iter().map(|watch| (watch.site.clone(), watch.idp.id.clone())).collect();
        let mut known = changing.stop_watching();
        let watches = watches
            .into_iter()
            .map(|watch| {
                let place = known.iter().position(|known| known.idp.id == watch.idp.id);
                (watch, place.map(|place| known.swap_remove(place)))
            })
            .collect();
        if let Err(problem) = changing.watch(&gate, watches) {
            // What is known signs people in; it is only not renewed.
            tracing::error!(problem, "metadata is not kept up to date from here on: restart the gate");
        }
        let resolving = std::mem::take(&mut changing.resolving);
        changing.resolve(&edges, Some(&before.edges), &self.background);
        let plan = Plan::new(gate.clone(), edges, terms, self.tracer.clone());
        if let Some(store) = &self.shared_store {
            // What was sealed under a key that is still there is read as before, and found under its name.
            store.rekey((*gate.keys).clone());
        }
        let before_gate = before.gate.clone();
        drop(before);
        let before = Arc::downgrade(&self.live.swap(plan));
        let names: Vec<_> = watched.iter().map(|(site, idp)| (site.as_str(), idp.as_str())).collect();
        gate.metrics.retain_metadata(&names);
        resolving.iter().for_each(JoinHandle::abort);
        self.end_sessions(before_gate, before);
        Ok(told)
    }

    /// Ends the sessions that have no place any more: now, and once more when the last request has ended that began by the
    /// old configuration, since it may have been a sign-in.
    fn end_sessions(&self, old: Arc<Gate>, before: std::sync::Weak<Plan>) {
        let (tell, told) = mpsc::channel();
        let end = background::end_what_is_gone(self.live.clone(), old, before, Settled(tell));
        self.background.spawn(end);
        // The channel ends with the first pass.
        let _ = told.recv_timeout(FIRST_ENDINGS);
    }

    /// Ends what reads metadata. The background ends with its threads.
    pub(super) fn end(&self) {
        let mut changing = self.changing.lock();
        changing.watched.clear();
        if let Some(mut crew) = changing.metadata.take() {
            crew.end();
        }
    }
}

impl Changing {
    /// What is remembered of people must not be forgotten, and no two may write it down.
    fn remember_people(&mut self, config: &mut Config) {
        for people in config.sites.iter_mut().filter_map(|site| site.admission.people.as_mut()) {
            let known = self.people.get_or_insert_with(|| people.clone());
            *people = known.clone();
        }
    }

    /// A ring that was made at the start goes on where the configuration names none still; and so does any, where it opens
    /// what other gates share: a store goes until the next start.
    fn keep(&mut self, config: &Config, shared: bool) -> Keep {
        let keep = Keep {
            keys: config.keys_are_ephemeral && (self.keys_are_ephemeral || shared),
            jwt_keys: self.jwt_keys_are_ephemeral && config.jwt_keys_are_ephemeral,
        };
        self.keys_are_ephemeral = config.keys_are_ephemeral;
        self.jwt_keys_are_ephemeral = config.jwt_keys_are_ephemeral;
        keep
    }

    fn stop_watching(&mut self) -> Vec<Watch> {
        let stopped = std::mem::take(&mut self.watched).into_iter().map(|watched| {
            drop(watched.stop);
            watched.given_back
        });
        // All at once first: a task gives back as soon as its next step is due.
        let stopped: Vec<_> = stopped.collect();
        stopped.into_iter().filter_map(|given_back| given_back.recv_timeout(FIRST_METADATA).ok()).collect()
    }

    /// Takes up what was known, and begins to ask. An identity provider that is down holds up nothing: its sign-ins wait for
    /// it, the gate does not.
    fn watch(&mut self, gate: &Arc<Gate>, watches: Vec<(Watch, Option<Watch>)>) -> Result<(), String> {
        if watches.is_empty() {
            return Ok(());
        }
        if self.metadata.is_none() {
            let threads = Threads { count: 1, niceness: METADATA_STANDS_BACK };
            self.metadata = Some(Crew::new("metadata", threads)?);
        }
        let Some(crew) = &self.metadata else { return Ok(()) };
        let (asked, first) = mpsc::channel();
        for (mut watch, before) in watches {
            let succeeds = before.is_some_and(|before| watch.succeed(before, &gate.metrics));
            if !succeeds {
                watch.restore(&gate.metrics);
            }
            let waited_for = (!succeeds && watch.running().is_none()).then(|| asked.clone());
            let (stop, stopped) = oneshot::channel();
            let (give_back, given_back) = mpsc::channel();
            crew.spawn(background::keep_metadata(
                watch,
                (gate.clone(), self.tracer.clone()),
                waited_for,
                stopped,
                give_back,
            ));
            self.watched.push(Watched { stop, given_back });
        }
        drop(asked);
        // The channel ends when every task has let go of it.
        let _ = first.recv_timeout(FIRST_METADATA);
        Ok(())
    }

    /// The first requests should find the applications; a dead name server should not hold up everything else.
    fn resolve(&mut self, edges: &Arc<[Edge]>, before: Option<&Arc<[Edge]>>, background: &Handle) {
        let (resolved, first) = mpsc::channel();
        for (site, edge) in edges.iter().enumerate() {
            for (number, part) in edge.parts.iter().enumerate() {
                let known = before.into_iter().flat_map(|edges| applications(edges));
                let inherits = { known }.any(|known| part.application.inherit(known));
                if part.application.is_named() {
                    let waited_for = (!inherits).then(|| resolved.clone());
                    let keep = background::keep_resolved(edges.clone(), (site, number), waited_for);
                    self.resolving.push(background.spawn(keep));
                }
            }
        }
        drop(resolved);
        // The channel ends when every task has let go of it.
        let _ = first.recv_timeout(FIRST_RESOLUTION);
    }
}

fn applications(edges: &[Edge]) -> impl Iterator<Item = &Application> {
    edges.iter().flat_map(|edge| &edge.parts).map(|part| &part.application)
}

pub(super) fn parts(config: Config) -> Parts {
    Parts {
        sites: config.sites,
        keys: config.keys,
        jwt_keys: config.jwt_keys,
        branding: config.branding,
        message_limits: config.message_limits,
        second_opinion: config.second_opinion,
        bounds: config.bounds,
    }
}

/// Those of the differences that do not count yet.
fn fixed(mut differences: Vec<String>) -> Vec<String> {
    let is_fixed = |difference: &str| {
        let key = difference.get(2..).unwrap_or_default();
        FIXED.iter().any(|fixed| {
            key.strip_prefix(fixed).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[', ' ']))
        })
    };
    differences.retain(|difference| is_fixed(difference));
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_from_the_next_start_is_told_from_what_counts_now() {
        let told =
            ["~ listen", "+ listen.authz", "~ listening", "- audit.file.path", "~ log.level", "+ log.format"];
        let found = fixed(told.map(str::to_owned).to_vec());
        assert_eq!(found, ["~ listen", "+ listen.authz", "- audit.file.path", "+ log.format"]);
    }
}

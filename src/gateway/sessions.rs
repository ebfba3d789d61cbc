//! Where sessions are, and what becomes of them when the gate has gone.

use super::lane::{Crew, Threads};
use super::reload::Ready;
use crate::clock::{Clock, Moment};
use crate::config::Config;
use crate::gate::SessionFile;
use crate::observe::metrics::{Metrics, SessionFileOutcome};
use crate::session::{MemoryStore, Session, Store};
use crate::store::RedisStore;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// How long the start waits for the store that is shared with other gates.
const FIRST_STORE: Duration = Duration::from_secs(2);

/// How long it is waited between two looks at whether it is there.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The store of this process, and what it needs beside.
pub(super) enum Sessions {
    /// In memory.
    Own {
        store: Arc<MemoryStore>,
        /// Where they are left for the process that comes after this one.
        file: Option<SessionFile>,
        /// What became of those of the process before.
        outcome: Option<SessionFileOutcome>,
    },
    /// On a server that other gates share; they outlive this process there.
    Shared {
        store: Arc<RedisStore>,
        /// Keeps it.
        crew: Crew,
        /// Whether it was there, once.
        reached: Arc<AtomicBool>,
    },
}

impl Sessions {
    /// To be called once the addresses are ours: whoever could not serve must leave the sessions of the process before where
    /// they are.
    ///
    /// # Errors
    /// Settings of the shared store that cannot be, in words.
    pub(super) fn begin(ready: &Ready, clock: &Arc<dyn Clock>) -> Result<Self, String> {
        let config = ready.config();
        if config.shared_store.is_some() {
            return Self::shared(config, clock);
        }
        let max_bytes = config.store_max_bytes;
        let file = config.state.as_ref().map(|folder| folder.beside("sessions"));
        let file = file.map(|(file, keys)| SessionFile::new(file, keys));
        let wanted = |session: &Session| ready.has_a_place_for(session);
        let taken_up = file.as_ref().map(|file| file.take_up(max_bytes, clock.now(), &wanted));
        let (store, outcome) = taken_up.unwrap_or_default();
        let store = Arc::new(store.unwrap_or_else(|| MemoryStore::new(max_bytes, clock.now())));
        Ok(Self::Own { store, file, outcome })
    }

    /// A server that is down holds up the start for a moment only: the gate refuses until it is there.
    fn shared(config: &Config, clock: &Arc<dyn Clock>) -> Result<Self, String> {
        let settings = config.shared_store.as_ref().ok_or("redis: it is not configured")?;
        let store = RedisStore::new(settings, config.keys.clone(), clock.clone());
        let store = Arc::new(store.map_err(|problem| format!("redis: {problem}"))?);
        let crew = Crew::new("store", Threads { count: 1, niceness: 0 })?;
        crew.spawn(store.clone().keep());
        let (tell, told) = mpsc::channel();
        let asked = store.clone();
        let reached = Arc::new(AtomicBool::new(false));
        let is_reached = reached.clone();
        crew.spawn(async move {
            let mut pause = FIRST_PAUSE;
            while !asked.is_connected() {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            is_reached.store(true, Ordering::Relaxed);
            let _ = tell.send(());
        });
        let _ = told.recv_timeout(FIRST_STORE);
        Ok(Self::Shared { store, crew, reached })
    }

    pub(super) fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Own { store, .. } => store.clone(),
            Self::Shared { store, .. } => store.clone(),
        }
    }

    /// The store that other gates share.
    pub(super) fn shared_store(&self) -> Option<Arc<RedisStore>> {
        match self {
            Self::Own { .. } => None,
            Self::Shared { store, .. } => Some(store.clone()),
        }
    }

    /// Turns true once sessions can be kept, and stays so. A gate that has never reached its store, for its address or its
    /// password is wrong, must not take the place of one that has.
    pub(super) fn reached(&self) -> Arc<AtomicBool> {
        match self {
            Self::Own { .. } => Arc::new(AtomicBool::new(true)),
            Self::Shared { reached, .. } => reached.clone(),
        }
    }

    /// What is counted of it.
    pub(super) fn tell(&self, metrics: &Metrics) {
        match self {
            Self::Own { outcome, .. } => outcome.iter().for_each(|outcome| metrics.session_file(*outcome)),
            Self::Shared { store, .. } => metrics.set_shared_store(store.figures()),
        }
    }

    /// Nobody is served any more, so that what is written is what is so.
    pub(super) fn end(&mut self, now: Moment) {
        match self {
            Self::Own { store, file: Some(file), .. } => match file.leave(store, now) {
                Ok(Some(sessions)) => tracing::info!(sessions, "sessions are left for the next start"),
                Ok(None) => {
                    tracing::warn!("no sessions are left: another gate has begun in state_dir meanwhile");
                }
                Err(problem) => {
                    tracing::error!(%problem, "sessions cannot be left for the next start");
                }
            },
            Self::Own { .. } => {}
            Self::Shared { crew, .. } => crew.end(),
        }
    }
}

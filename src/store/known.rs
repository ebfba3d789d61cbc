//! Sessions that this process knows, each with when the store last confirmed it.
//!
//! A known session passes without a question for `max_staleness`; half-way it is put down to be confirmed in the
//! background, so that somebody who keeps working never waits. What ends elsewhere is told on a channel and leaves at
//! once.

use crate::clock::Moment;
use crate::session::{FirstOctets, Session, SessionKey};
use moka::notification::RemovalCause;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// One of them.
pub(super) struct Known {
    pub(super) session: Arc<Session>,
    /// Milliseconds since the table was made.
    confirmed: AtomicU64,
    /// In milliseconds.
    fresh_for: u64,
    /// The last use that the store knows, in seconds since the epoch.
    written: AtomicI64,
    /// It was put down to be confirmed.
    put_down: AtomicBool,
}

/// How fresh a known session is.
pub(super) enum Freshness {
    /// It may pass.
    Fresh,
    /// It may pass, and the caller is the first to see that it should be confirmed.
    Ageing,
    /// Only the store can tell.
    Stale,
}

/// All of them.
pub(super) struct Table {
    sessions: Cache<SessionKey, Arc<Known>, FirstOctets>,
    max_bytes: u64,
    began: Instant,
    max_staleness: Duration,
    evicted: Arc<AtomicU64>,
    /// Ends that were heard of, by an octet of the key: who was reading meanwhile reads again.
    endings: [AtomicU64; ENDINGS],
    /// Everything confirmed before is stale: messages may have been lost.
    doubted: AtomicU64,
    /// Those that the store was asked for, and when: whoever asked is about to use them.
    asked_for: Mutex<Vec<(Arc<Known>, u64)>>,
}

const ENDINGS: usize = 64;

/// In milliseconds: from the answer of the store to the use of what it told, which follows at once.
const A_MOMENT: u64 = 1000;

/// Uses are written back this many times an idle timeout.
pub(super) const WRITES_AN_IDLE_TIMEOUT: u32 = 10;

impl Table {
    pub(super) fn new(max_bytes: u64, max_staleness: Duration) -> Self {
        let evicted = Arc::new(AtomicU64::new(0));
        let its_evicted = Arc::clone(&evicted);
        let sessions = Cache::builder()
            .max_capacity(max_bytes)
            .weigher(|_, known: &Arc<Known>| known.session.weight().saturating_add(OVERHEAD))
            .eviction_policy(EvictionPolicy::lru())
            .eviction_listener(move |_, known: Arc<Known>, cause| {
                if cause == RemovalCause::Size {
                    its_evicted.fetch_add(1, Ordering::Relaxed);
                    // It lives on in the store, but nobody would tell whoever holds this one when it ends there.
                    known.session.end();
                }
            })
            .build_with_hasher(FirstOctets);
        Self {
            sessions,
            max_bytes,
            began: Instant::now(),
            max_staleness,
            evicted,
            endings: std::array::from_fn(|_| AtomicU64::new(0)),
            doubted: AtomicU64::new(0),
            asked_for: Mutex::default(),
        }
    }

    pub(super) fn now(&self) -> u64 {
        // One more, so that nothing is confirmed at the moment at which everything is doubted.
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }

    /// Whether it could be known here at all.
    pub(super) fn has_room_for(&self, session: &Session) -> bool {
        u64::from(session.weight().saturating_add(OVERHEAD)) <= self.max_bytes
    }

    pub(super) fn get(&self, key: &SessionKey) -> Option<Arc<Known>> {
        self.sessions.get(key)
    }

    /// Takes in what the store had at `asked`; whoever was here first stays.
    pub(super) fn take_in(&self, session: Arc<Session>, asked: u64) -> Arc<Known> {
        let by_idle = session.idle_timeout() / 4;
        let fresh_for = self.max_staleness.min(by_idle);
        let known = Arc::new(Known {
            confirmed: AtomicU64::new(asked),
            fresh_for: u64::try_from(fresh_for.as_millis()).unwrap_or(u64::MAX),
            written: AtomicI64::new(session.last_use().seconds()),
            put_down: AtomicBool::new(false),
            session,
        });
        self.sessions.entry(*known.session.key()).or_insert(known).into_value()
    }

    /// Forgets and ends a session.
    pub(super) fn forget(&self, key: &SessionKey) -> Option<Arc<Session>> {
        self.endings_of(key).fetch_add(1, Ordering::AcqRel);
        let known = self.sessions.remove(key)?;
        known.session.end();
        Some(Arc::clone(&known.session))
    }

    /// How many ends were heard of so far, this one's or a few others'.
    pub(super) fn ends_heard(&self, key: &SessionKey) -> u64 {
        self.endings_of(key).load(Ordering::Acquire)
    }

    fn endings_of(&self, key: &SessionKey) -> &AtomicU64 {
        &self.endings[usize::from(key.0[1]) % ENDINGS]
    }

    pub(super) fn freshness(&self, known: &Known) -> Freshness {
        let confirmed = known.confirmed.load(Ordering::Acquire);
        let age = self.now().saturating_sub(confirmed);
        if age >= known.fresh_for {
            return Freshness::Stale;
        }
        let ageing = age >= known.fresh_for / 2 || confirmed <= self.doubted.load(Ordering::Acquire);
        if ageing && !known.put_down.load(Ordering::Relaxed) && !known.put_down.swap(true, Ordering::AcqRel) {
            Freshness::Ageing
        } else {
            Freshness::Fresh
        }
    }

    /// Messages may have been lost: all that is known here, to be confirmed.
    pub(super) fn doubt(&self) -> Vec<Arc<Known>> {
        self.doubted.store(self.now(), Ordering::Release);
        self.sessions.iter().map(|(_, known)| known).collect()
    }

    /// The store was asked for this one. The use comes only then, when it was found to be alive, and perhaps nobody asks
    /// again for nearly an idle timeout: so somebody has to look a moment later.
    pub(super) fn was_asked_for(&self, known: &Arc<Known>) {
        self.asked_for.lock().push((Arc::clone(known), self.now()));
    }

    /// Of those that were asked for a moment ago, the ones whose use is to be written back. Each is told once.
    pub(super) fn used_since(&self) -> Vec<Arc<Known>> {
        let now = self.now();
        let a_moment_ago = |(_, asked): &(Arc<Known>, u64)| now.saturating_sub(*asked) >= A_MOMENT;
        let mut asked_for = self.asked_for.lock();
        let (used, recent): (Vec<_>, Vec<_>) = asked_for.drain(..).partition(a_moment_ago);
        *asked_for = recent;
        drop(asked_for);
        used.into_iter().map(|(known, _)| known).filter(|known| known.to_write_back().is_some()).collect()
    }

    /// Keeps the books, so that the bound is kept exactly.
    pub(super) fn settle(&self) {
        self.sessions.run_pending_tasks();
    }

    pub(super) fn len(&self) -> u64 {
        self.sessions.entry_count()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.sessions.weighted_size()
    }

    pub(super) fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }
}

impl Known {
    /// The use that is to be written back, if it is time.
    pub(super) fn to_write_back(&self) -> Option<Moment> {
        let last_use = self.session.last_use();
        let step = self.session.idle_timeout() / WRITES_AN_IDLE_TIMEOUT;
        let step = i64::try_from(step.as_secs()).unwrap_or(i64::MAX).max(1);
        let written = self.written.load(Ordering::Relaxed);
        (last_use.seconds().saturating_sub(written) >= step).then_some(last_use)
    }

    /// The store had it at `asked`, last used at `last_use` as far as it knows.
    pub(super) fn confirm(&self, asked: u64, last_use: Moment) {
        self.session.was_used(last_use);
        self.written.fetch_max(last_use.seconds(), Ordering::Relaxed);
        self.confirmed.fetch_max(asked, Ordering::AcqRel);
        self.put_back();
    }

    /// It may be put down again.
    pub(super) fn put_back(&self) {
        self.put_down.store(false, Ordering::Release);
    }
}

/// What an entry takes beside its session.
const OVERHEAD: u32 = 96;

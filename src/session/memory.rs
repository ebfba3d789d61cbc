//! The store in this process's memory: moka, bounded by bytes.
//!
//! moka's usual admission counts how often a key was asked for, and would turn away the person who has just signed in
//! for the sake of those who were here before: with a full store nobody could sign in any more, and browsers would go
//! in circles. So the policy is plain LRU: the newcomer always comes in, and the least recently used go. Uses are noted in
//! a short log that look-ups never wait for; when it overflows some are lost, and the order is nearly that of use.
//!
//! moka keeps the session under a key that *is* the session, compared by its [`SessionKey`], so that the key is in
//! memory once. Whatever way a session leaves the cache, moka's listener takes it out of the index and ends it.

use super::claims::{CLAIM_BYTES, Claims};
use super::index::{Index, SHARDS};
use super::{
    Claim, ClaimKey, Departed, Departure, OnLimit, Peek, PerUser, Placed, Selection, Session, SessionKey,
    SiteKey, Store, StoreError, StoreSize,
};
use crate::clock::Moment;
use async_trait::async_trait;
use moka::notification::RemovalCause;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use parking_lot::Mutex;
use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Sessions, indexes and claims in memory; gone with the process.
pub struct MemoryStore {
    pub(super) sessions: Cache<ByKey, Arc<Session>, FirstOctets>,
    pub(super) max_bytes: u64,
    index: Arc<Index>,
    evicted: Arc<AtomicU64>,
    departed: Arc<Mutex<Departed>>,
    pub(super) claims: Mutex<Claims>,
    pub(super) made_at: Moment,
    /// Sign-ins that are counted come one after the other.
    placing: Mutex<()>,
    /// The part of the index that the next sweep begins with.
    next_part: AtomicUsize,
}

impl MemoryStore {
    /// A store for sessions of `max_bytes` together, index included, that remembers from `now` on. Claims have a quarter
    /// of it as room of their own, see [`MemoryStore::with_max_claims`].
    pub fn new(max_bytes: u64, now: Moment) -> Self {
        let max_claims = (max_bytes / 4 / CLAIM_BYTES).max(MIN_CLAIMS);
        Self::with_max_claims(max_bytes, usize::try_from(max_claims).unwrap_or(usize::MAX), now)
    }

    /// The same with a number of claims. A sign-in makes two, which last as long as the attempt or the assertion.
    pub fn with_max_claims(max_bytes: u64, max_claims: usize, now: Moment) -> Self {
        let index = Arc::new(Index::new());
        let evicted = Arc::new(AtomicU64::new(0));
        let departed = Arc::new(Mutex::new(Departed::default()));
        let (its_index, its_evicted, its_departed) =
            (Arc::clone(&index), Arc::clone(&evicted), Arc::clone(&departed));
        let sessions = Cache::builder()
            .max_capacity(max_bytes)
            .weigher(|_, session: &Arc<Session>| session.weight())
            .eviction_policy(EvictionPolicy::lru())
            .eviction_listener(move |_, session: Arc<Session>, cause| {
                its_index.remove(&session);
                session.end();
                if cause == RemovalCause::Size {
                    its_evicted.fetch_add(1, Ordering::Relaxed);
                    remember(&its_departed, session, Departure::Evicted);
                }
            })
            .build_with_hasher(FirstOctets);
        let claims = Mutex::new(Claims::with_limit(max_claims));
        Self {
            sessions,
            max_bytes,
            index,
            evicted,
            departed,
            claims,
            made_at: now,
            placing: Mutex::new(()),
            next_part: AtomicUsize::new(0),
        }
    }
}

impl MemoryStore {
    pub(super) fn admit(&self, session: Arc<Session>) {
        // First into the index: the listener takes it out again should it be evicted at once.
        self.index.add(&session);
        self.sessions.insert(ByKey(Arc::clone(&session)), session);
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn peek(&self, key: &SessionKey) -> Peek {
        self.sessions.get(key).map_or(Peek::Absent, Peek::Live)
    }

    async fn load(&self, key: &SessionKey) -> Result<Option<Arc<Session>>, StoreError> {
        Ok(self.sessions.get(key))
    }

    async fn insert(&self, session: Arc<Session>) -> Result<(), StoreError> {
        if u64::from(session.weight()) > self.max_bytes {
            return Err(StoreError::Full);
        }
        if self.sessions.get(session.key()).is_some_and(|held| Arc::ptr_eq(&held, &session)) {
            return Ok(());
        }
        self.admit(session);
        // moka would evict by and by; sign-ins are rare enough to keep the bound exactly.
        self.sessions.run_pending_tasks();
        Ok(())
    }

    async fn insert_within(
        &self,
        session: Arc<Session>,
        limit: &PerUser,
        instead_of: &[SessionKey],
        now: Moment,
    ) -> Result<Placed, StoreError> {
        if u64::from(session.weight()) > self.max_bytes {
            return Err(StoreError::Full);
        }
        let _placing = self.placing.lock();
        if self.sessions.get(session.key()).is_some_and(|held| Arc::ptr_eq(&held, &session)) {
            return Ok(Placed::In { ended: Vec::new() });
        }
        let living = self.index.beside(&session, instead_of, now);
        if limit.on_limit == OnLimit::Refuse && limit.is_reached_by(living.len()) {
            return Ok(Placed::Full { living: living.len() });
        }
        let mut ended = limit.surplus(living);
        // Who signs out at this moment takes it away first, and is told of by others.
        ended.retain(|old| self.sessions.remove(old.key()).is_some());
        self.admit(session);
        self.sessions.run_pending_tasks();
        Ok(Placed::In { ended })
    }

    async fn remove(&self, key: &SessionKey) -> Result<Option<Arc<Session>>, StoreError> {
        let removed = self.sessions.remove(key);
        self.sessions.run_pending_tasks();
        Ok(removed)
    }

    async fn by_name_id(
        &self,
        site: SiteKey,
        idp: &str,
        name_id: &str,
        session_index: Option<&str>,
    ) -> Result<Vec<SessionKey>, StoreError> {
        Ok(self.index.by_name_id(site, idp, name_id, session_index))
    }

    async fn by_user(&self, idp: &str, user: &str) -> Result<Vec<SessionKey>, StoreError> {
        Ok(self.index.by_user(idp, user))
    }

    async fn by_idp(&self, site: SiteKey, idp: &str) -> Result<Vec<SessionKey>, StoreError> {
        Ok(self.index.by_idp(site, idp))
    }

    async fn select(&self, selection: &Selection<'_>, limit: usize) -> Result<Vec<Arc<Session>>, StoreError> {
        Ok(self.index.select(selection, limit))
    }

    async fn claim_once(&self, keys: &[ClaimKey], now: Moment, until: Moment) -> Result<Claim, StoreError> {
        self.claims.lock().claim_once(keys, now, until)
    }

    async fn is_claimed(&self, key: &ClaimKey, now: Moment) -> Result<bool, StoreError> {
        Ok(self.claims.lock().is_claimed(key, now))
    }

    fn remembers_since(&self) -> Moment {
        self.made_at
    }

    /// Looks through one thirty-second of the sessions, and drops some thousand claims.
    fn sweep(&self, now: Moment) {
        let first = self.next_part.fetch_add(PARTS_A_SWEEP, Ordering::Relaxed);
        for part in first..first.saturating_add(PARTS_A_SWEEP) {
            for session in self.index.expired(part, now) {
                // Who signs out at this moment takes it away first, and is told of by others.
                if let Some(gone) = self.sessions.remove(session.key()) {
                    let over = gone.ends_at() <= now;
                    remember(&self.departed, gone, if over { Departure::Over } else { Departure::Idle });
                }
            }
        }
        self.sessions.run_pending_tasks();
        self.claims.lock().forget_ended(now, CLAIMS_A_SWEEP);
    }

    fn departed(&self) -> Departed {
        std::mem::take(&mut self.departed.lock())
    }

    fn size(&self) -> StoreSize {
        StoreSize {
            sessions: self.sessions.entry_count(),
            bytes: self.sessions.weighted_size(),
            evicted: self.evicted.load(Ordering::Relaxed),
            claims: self.claims.lock().len() as u64,
        }
    }
}

/// Keeps a session to be told of, as long as there are not too many: they take memory that the bound does not know.
fn remember(departed: &Mutex<Departed>, session: Arc<Session>, why: Departure) {
    let mut departed = departed.lock();
    if departed.sessions.len() < MAX_DEPARTED {
        departed.sessions.push((session, why));
    } else {
        departed.others += 1;
    }
}

/// More than end in a second of an ordinary day; some megabytes.
const MAX_DEPARTED: usize = 4096;

/// A session as the key to itself.
pub(super) struct ByKey(Arc<Session>);

impl Borrow<SessionKey> for ByKey {
    fn borrow(&self) -> &SessionKey {
        self.0.key()
    }
}

impl PartialEq for ByKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.key() == other.0.key()
    }
}

impl Eq for ByKey {}

impl Hash for ByKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.key().hash(state);
    }
}

/// Takes a [`SessionKey`]'s eight octets as they are. The keys in the map are hashes of our own random numbers, so nobody
/// can choose where they lie; a made-up cookie can choose only where it is not found.
#[derive(Debug, Clone, Copy)]
pub struct FirstOctets;

impl BuildHasher for FirstOctets {
    type Hasher = AsTheyAre;

    fn build_hasher(&self) -> AsTheyAre {
        AsTheyAre(0)
    }
}

/// The hasher of [`FirstOctets`].
#[derive(Debug)]
pub struct AsTheyAre(u64);

impl Hasher for AsTheyAre {
    fn write_u64(&mut self, octets: u64) {
        self.0 = octets;
    }

    fn write(&mut self, bytes: &[u8]) {
        // Not reached: a SessionKey hashes as one u64.
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A store of any size can take this many claims.
const MIN_CLAIMS: u64 = 10_000;
const PARTS_A_SWEEP: usize = SHARDS / 32;
const CLAIMS_A_SWEEP: usize = 8192;

#[cfg(test)]
mod tests {
    use super::super::suite::{self, Room, sample};
    use super::*;
    use futures_util::FutureExt as _;
    use std::sync::Barrier;
    use std::time::Duration;

    const NOW: Moment = Moment::from_seconds(1_700_000_000);

    fn make(room: Room) -> MemoryStore {
        MemoryStore::with_max_claims(room.max_bytes, room.max_claims, room.now)
    }

    /// The memory store never waits.
    fn at_once<T>(future: impl Future<Output = Result<T, StoreError>>) -> T {
        future.now_or_never().unwrap().unwrap()
    }

    #[tokio::test]
    async fn does_what_a_store_must_do() {
        suite::run(make).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn does_so_on_many_threads() {
        suite::run(make).await;
    }

    #[test]
    fn one_of_many_threads_is_first() {
        let store = MemoryStore::new(1 << 20, NOW);
        let until = NOW.plus(Duration::from_secs(60));
        for round in 0..50 {
            let start = Barrier::new(8);
            let firsts: usize = std::thread::scope(|threads| {
                let tries: Vec<_> = (0..8)
                    .map(|thread| {
                        let (store, start) = (&store, &start);
                        threads.spawn(move || {
                            // Everybody has a key of their own and the contended one, in either order.
                            let contended = ClaimKey::request(SiteKey::of("a"), &format!("{round}"));
                            let own = ClaimKey::assertion("idp", &format!("{round}-{thread}"));
                            let keys = if thread % 2 == 0 { [contended, own] } else { [own, contended] };
                            start.wait();
                            let claim = at_once(store.claim_once(&keys, NOW, until));
                            assert_eq!(at_once(store.is_claimed(&own, NOW)), claim == Claim::First);
                            usize::from(claim == Claim::First)
                        })
                    })
                    .collect();
                tries.into_iter().map(|one| one.join().unwrap()).sum()
            });
            assert_eq!(firsts, 1);
        }
    }

    #[test]
    fn the_index_is_right_after_a_stampede() {
        // Threads sign in, look and sign out in a store that is far too small.
        let store = MemoryStore::new(40 * u64::from(sample(0, NOW).weight()), NOW);
        std::thread::scope(|threads| {
            for thread in 0..4 {
                let store = &store;
                threads.spawn(move || {
                    for n in 0..2_000 {
                        let session = Arc::new(sample(thread * 10_000 + n, NOW));
                        at_once(store.insert(Arc::clone(&session)));
                        store.peek(sample(thread * 10_000 + n / 2, NOW).key());
                        if n % 3 == 0 {
                            at_once(store.remove(session.key()));
                            assert!(!session.touch(NOW));
                        }
                    }
                });
            }
        });
        store.sessions.run_pending_tasks();
        let size = store.size();
        assert!(size.sessions > 0 && size.bytes <= store.max_bytes, "{size:?}");
        assert_eq!(store.index.entries(), (size.sessions as usize, size.sessions as usize));
        assert_eq!(store.sessions.iter().count() as u64, size.sessions);
    }

    #[test]
    fn everything_goes_in_the_end() {
        let store = MemoryStore::new(1 << 30, NOW);
        for n in 0..5_000 {
            at_once(store.insert(Arc::new(sample(n, NOW))));
        }
        assert_eq!(store.index.entries(), (5_000, 5_000));
        let later = NOW.plus(Duration::from_secs(100_000_000));
        (0..SHARDS / PARTS_A_SWEEP).for_each(|_| store.sweep(later));
        assert_eq!(store.index.entries(), (0, 0));
        assert_eq!(store.size(), StoreSize::default(), "swept sessions are not counted as evicted");
    }
}

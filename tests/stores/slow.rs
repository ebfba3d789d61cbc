//! A store as simple as can be, behind a line that takes five milliseconds and loses every hundredth question or answer.

use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use vestibule::clock::Moment;
use vestibule::identity::Person as _;
use vestibule::session::suite::Room;
use vestibule::session::{
    Claim, ClaimKey, OnLimit, Peek, PerUser, Placed, Selection, Session, SessionKey, SiteKey, Store,
    StoreError, StoreSize,
};

/// Everything is found by looking at everything.
pub(crate) struct SlowStore {
    room: Room,
    shelves: Mutex<Shelves>,
    tally: Tally,
}

#[derive(Default)]
struct Shelves {
    sessions: HashMap<SessionKey, (u64, Arc<Session>)>,
    claims: HashMap<ClaimKey, Moment>,
    uses: u64,
    evicted: u64,
}

/// Counts the questions to stores, from any number on, and what failed of them.
#[derive(Clone)]
pub(crate) struct Tally(Arc<Counts>);

struct Counts {
    questions: AtomicU64,
    failures: AtomicU64,
}

impl Tally {
    pub(crate) fn from(first: u64) -> Self {
        Self(Arc::new(Counts { questions: AtomicU64::new(first), failures: AtomicU64::new(0) }))
    }

    pub(crate) fn failures(&self) -> u64 {
        self.0.failures.load(Ordering::Relaxed)
    }

    fn next(&self) -> Fate {
        let fate = match self.0.questions.fetch_add(1, Ordering::Relaxed) % 200 {
            50 => Fate::QuestionLost,
            150 => Fate::AnswerLost,
            _ => return Fate::Answered,
        };
        self.0.failures.fetch_add(1, Ordering::Relaxed);
        fate
    }
}

/// 1 % are lost, the same in every run, question and answer by turns.
enum Fate {
    Answered,
    QuestionLost,
    AnswerLost,
}

impl SlowStore {
    pub(crate) fn new(room: Room, tally: &Tally) -> Self {
        Self { room, shelves: Mutex::default(), tally: tally.clone() }
    }

    /// Does `work` five milliseconds from now, unless the question is lost; the answer may be lost as well.
    async fn ask<T>(
        &self,
        work: impl FnOnce(&mut Shelves) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let lost = |what: &str| Err(StoreError::Unavailable(format!("the {what} was lost")));
        let fate = self.tally.next();
        tokio::time::sleep(Duration::from_millis(5)).await;
        if let Fate::QuestionLost = fate {
            return lost("question");
        }
        let answer = work(&mut self.shelves());
        if let Fate::AnswerLost = fate { lost("answer") } else { answer }
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelves {
    fn bytes(&self) -> u64 {
        self.sessions.values().map(|(_, session)| u64::from(session.weight())).sum()
    }

    fn find(&self, wanted: impl Fn(&Session) -> bool) -> Vec<SessionKey> {
        self.sessions
            .values()
            .filter(|(_, session)| wanted(session))
            .map(|(_, session)| *session.key())
            .collect()
    }

    fn make_room(&mut self, weight: u64, max_bytes: u64) {
        while self.bytes() + weight > max_bytes {
            let oldest = self.sessions.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| *key);
            let Some((_, evicted)) = oldest.and_then(|key| self.sessions.remove(&key)) else { return };
            evicted.end();
            self.evicted += 1;
        }
    }
}

#[async_trait]
impl Store for SlowStore {
    fn peek(&self, _key: &SessionKey) -> Peek {
        Peek::Ask
    }

    async fn load(&self, key: &SessionKey) -> Result<Option<Arc<Session>>, StoreError> {
        self.ask(|shelves| {
            shelves.uses += 1;
            let now = shelves.uses;
            Ok(shelves.sessions.get_mut(key).map(|(used, session)| {
                *used = now;
                Arc::clone(session)
            }))
        })
        .await
    }

    async fn insert(&self, session: Arc<Session>) -> Result<(), StoreError> {
        self.ask(|shelves| {
            let weight = u64::from(session.weight());
            if weight > self.room.max_bytes {
                return Err(StoreError::Full);
            }
            if !shelves.sessions.contains_key(session.key()) {
                shelves.make_room(weight, self.room.max_bytes);
            }
            shelves.uses += 1;
            shelves.sessions.insert(*session.key(), (shelves.uses, session));
            Ok(())
        })
        .await
    }

    async fn insert_within(
        &self,
        session: Arc<Session>,
        limit: &PerUser,
        instead_of: &[SessionKey],
        now: Moment,
    ) -> Result<Placed, StoreError> {
        let placed = self
            .ask(|shelves| {
                let all = shelves.sessions.values().map(|(_, session)| Arc::clone(session));
                let beside =
                    |other: &Arc<Session>| other.is_beside(&session, instead_of) && other.is_alive(now);
                let living: Vec<_> = all.filter(beside).collect();
                if limit.on_limit == OnLimit::Refuse && limit.is_reached_by(living.len()) {
                    return Ok(Placed::Full { living: living.len() });
                }
                let ended = limit.surplus(living);
                for old in &ended {
                    shelves.sessions.remove(old.key());
                    old.end();
                }
                let weight = u64::from(session.weight());
                if weight > self.room.max_bytes {
                    return Err(StoreError::Full);
                }
                shelves.make_room(weight, self.room.max_bytes);
                shelves.uses += 1;
                shelves.sessions.insert(*session.key(), (shelves.uses, Arc::clone(&session)));
                Ok(Placed::In { ended })
            })
            .await?;
        Ok(placed)
    }

    async fn remove(&self, key: &SessionKey) -> Result<Option<Arc<Session>>, StoreError> {
        self.ask(|shelves| {
            let removed = shelves.sessions.remove(key).map(|(_, session)| session);
            if let Some(session) = &removed {
                session.end();
            }
            Ok(removed)
        })
        .await
    }

    async fn by_name_id(
        &self,
        site: SiteKey,
        idp: &str,
        name_id: &str,
        session_index: Option<&str>,
    ) -> Result<Vec<SessionKey>, StoreError> {
        self.ask(|shelves| {
            Ok(shelves.find(|session| {
                (session.site(), session.idp(), session.name_id()) == (site, idp, name_id)
                    && session_index.is_none_or(|index| session.session_index() == Some(index))
            }))
        })
        .await
    }

    async fn by_user(&self, idp: &str, user: &str) -> Result<Vec<SessionKey>, StoreError> {
        self.ask(|shelves| Ok(shelves.find(|session| (session.idp(), session.user()) == (idp, user)))).await
    }

    async fn by_idp(&self, site: SiteKey, idp: &str) -> Result<Vec<SessionKey>, StoreError> {
        self.ask(|shelves| Ok(shelves.find(|session| (session.site(), session.idp()) == (site, idp)))).await
    }

    async fn select(&self, selection: &Selection<'_>, limit: usize) -> Result<Vec<Arc<Session>>, StoreError> {
        self.ask(|shelves| {
            let sessions = shelves.sessions.values().map(|(_, session)| session);
            Ok(sessions.filter(|session| selection.takes(session)).take(limit).cloned().collect())
        })
        .await
    }

    async fn claim_once(&self, keys: &[ClaimKey], now: Moment, until: Moment) -> Result<Claim, StoreError> {
        self.ask(|shelves| {
            shelves.claims.retain(|_, end| *end > now);
            if let Some(which) = keys.iter().position(|key| shelves.claims.contains_key(key)) {
                return Ok(Claim::Taken { which });
            }
            if shelves.claims.len() + keys.len() > self.room.max_claims {
                return Err(StoreError::Full);
            }
            shelves.claims.extend(keys.iter().map(|key| (*key, until)));
            Ok(Claim::First)
        })
        .await
    }

    async fn is_claimed(&self, key: &ClaimKey, now: Moment) -> Result<bool, StoreError> {
        self.ask(|shelves| Ok(shelves.claims.get(key).is_some_and(|end| *end > now))).await
    }

    fn remembers_since(&self) -> Moment {
        self.room.now
    }

    fn sweep(&self, now: Moment) {
        self.shelves().sessions.retain(|_, (_, session)| {
            let alive = session.is_alive(now);
            if !alive {
                session.end();
            }
            alive
        });
    }

    fn size(&self) -> StoreSize {
        let shelves = self.shelves();
        StoreSize {
            sessions: shelves.sessions.len() as u64,
            bytes: shelves.bytes(),
            evicted: shelves.evicted,
            claims: shelves.claims.len() as u64,
        }
    }
}

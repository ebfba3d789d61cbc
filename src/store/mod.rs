//! The store that several gates share: Redis or Valkey, one server, Sentinel or Cluster.
//!
//! ```text
//! peek ──▶ known (this process, seconds old at most) ──▶ load ──▶ line ──▶ the server
//!             ▲                                                     │
//!             └──────── keeper: confirms, listens, reconnects ◀─────┘
//! ```
//!
//! An entry is sealed by the gate's key ring, with its own key as context: who reads the server learns of nobody, and an
//! entry that was put under another key opens as nothing. Whatever is no session of ours (rubbish, a key that we do not
//! have, a later release) is no session; it is counted, and left where it is.
//!
//! What a failure means is the same everywhere: [`StoreError::Unavailable`], and the caller refuses. Nothing is asked
//! again by itself after a claim whose answer was lost.

mod claims;
mod doors;
mod indexes;
mod keeper;
mod known;
mod line;
mod names;
mod places;
mod settings;

pub use settings::{Certificates, Credentials, OnFailure, Server, Settings, Topology};

use crate::clock::{Clock, Moment};
use crate::identity::Person as _;
use crate::observe::metrics::{StoreFigures, StoreOperation, StoreTrouble, UnreadableEntry};
use crate::seal::{KeyRing, Purpose, Unopened};
use crate::session::{
    Claim, ClaimKey, Named, Peek, PerUser, Placed, Selection, Session, SessionKey, SiteKey, Store,
    StoreError, StoreSize, Unreadable,
};
use arc_swap::ArcSwap;
use async_trait::async_trait;
use claims::Since;
use known::{Freshness, Known, Table, WRITES_AN_IDLE_TIMEOUT};
use line::Line;
use names::{Names, PARTS};
use redis::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};

/// Sessions, their indexes and claims on Redis or Valkey. To work, it must be [kept](RedisStore::keep).
pub struct RedisStore {
    line: Line,
    ring: ArcSwap<Ring>,
    known: Table,
    since: Since,
    /// The server may forget claims to make room.
    forgets: AtomicBool,
    on_failure: OnFailure,
    clock: Arc<dyn Clock>,
    to_confirm: mpsc::Sender<Arc<Known>>,
    confirming: Mutex<mpsc::Receiver<Arc<Known>>>,
}

/// What seals and names.
struct Ring {
    keys: KeyRing,
    names: Names,
    prefix: String,
}

impl RedisStore {
    /// A store that nobody keeps yet. `keys` must be the same in every process that shares it.
    ///
    /// # Errors
    /// Settings that cannot be, in words.
    pub fn new(settings: &Settings, keys: KeyRing, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let (to_confirm, confirming) = mpsc::channel(MOST_TO_CONFIRM);
        Ok(Self {
            line: Line::new(settings, Arc::default())?,
            ring: ArcSwap::from_pointee(Ring::new(&settings.prefix, keys)),
            known: Table::new(settings.max_bytes, settings.max_staleness),
            since: Since::new(clock.now()),
            forgets: AtomicBool::new(false),
            on_failure: settings.on_failure,
            clock,
            to_confirm,
            confirming: Mutex::new(confirming),
        })
    }

    /// What is counted.
    pub fn figures(&self) -> Arc<StoreFigures> {
        Arc::clone(&self.line.figures)
    }

    /// Whether the store can be asked now.
    pub fn is_connected(&self) -> bool {
        self.line.is_open()
    }

    /// Whether ends of sessions elsewhere are heard of.
    pub fn is_listening(&self) -> bool {
        self.line.figures.is_listening()
    }

    /// From now on the first of these keys seals; what any of them sealed opens.
    pub fn rekey(&self, keys: KeyRing) {
        let prefix = self.ring.load().prefix.clone();
        self.ring.store(Arc::new(Ring::new(&prefix, keys)));
    }

    /// What the server has under a session's key, as a session.
    fn read(&self, key: &SessionKey, entry: &[u8]) -> Option<Session> {
        let unreadable = |why| {
            self.line.figures.unreadable(why);
            tracing::debug!(session = key.public_name(), ?why, "an entry of the store is no session");
            None
        };
        let Some((last_use, sealed)) = entry.split_first_chunk() else {
            return unreadable(UnreadableEntry::Garbage);
        };
        let octets = match self.ring.load().keys.open_kept(Purpose::Session, &key.0, sealed) {
            Ok(octets) => octets,
            Err(Unopened::UnknownKey) => return unreadable(UnreadableEntry::UnknownKey),
            Err(Unopened::Damaged) => return unreadable(UnreadableEntry::Garbage),
        };
        match Session::from_octets(*key, &octets, self.no_later_than_now(*last_use)) {
            Ok(session) => Some(session),
            Err(Unreadable::Future) => unreadable(UnreadableEntry::Future),
            Err(Unreadable::Damaged) => unreadable(UnreadableEntry::Garbage),
        }
    }

    /// The last use stands in the clear: whoever can write to the server may make it later, but not than now.
    fn no_later_than_now(&self, last_use: [u8; LAST_USE]) -> Moment {
        Moment::from_seconds(u32::from_be_bytes(last_use).into()).min(self.clock.now())
    }

    /// How long the server keeps an entry: until it ends or has idled, and a little longer, because it is we who judge that.
    fn kept_for(&self, session: &Session) -> u64 {
        let idle = session.idle_timeout();
        let idle = idle + idle / WRITES_AN_IDLE_TIMEOUT + GRACE;
        let left = session.ends_at().since(self.clock.now());
        u64::try_from(idle.min(left).as_millis()).unwrap_or(u64::MAX).max(1000)
    }

    /// Puts a session there, under its own key.
    async fn write(&self, session: &Session) -> Result<(), StoreError> {
        let (key, ring) = (session.key(), self.ring.load_full());
        let sealed = ring.keys.seal_kept(Purpose::Session, &key.0, &session.to_octets());
        let sealed = sealed.ok_or_else(|| StoreError::Unavailable("the session cannot be sealed".into()))?;
        let entry = [&seconds(session.last_use())[..], &sealed].concat();
        let name = ring.names.session(key);
        let mut command = redis::cmd("SET");
        command.arg(&name).arg(entry).arg("PX").arg(self.kept_for(session));
        self.line.ask_surely(StoreOperation::Insert, &name, command).await?;
        Ok(())
    }

    /// Whether a known session is still there; writes back its last use when it is time. Ends it when it is not.
    async fn confirm(&self, known: &Known) -> Result<bool, StoreError> {
        let key = known.session.key();
        let name = self.ring.load().names.session(key);
        let asked = self.known.now();
        let command = match known.to_write_back() {
            Some(last_use) => {
                let mut command = redis::cmd("EVAL");
                command.arg(TOUCH).arg(1).arg(name);
                command.arg(&seconds(last_use)[..]).arg(self.kept_for(&known.session));
                command
            }
            None => {
                let mut command = redis::cmd("GETRANGE");
                command.arg(name).arg(0).arg(LAST_USE - 1);
                command
            }
        };
        let answer = match self.line.ask(StoreOperation::Confirm, &command).await {
            Ok(answer) => answer,
            Err(failure) if failure.wrong_type => Value::Nil,
            Err(failure) => {
                known.put_back();
                return Err(failure.into());
            }
        };
        let last_use = match &answer {
            Value::BulkString(octets) => octets.as_slice().try_into().ok(),
            _ => None,
        };
        if let Some(last_use) = last_use {
            known.confirm(asked, self.no_later_than_now(last_use));
            return Ok(true);
        }
        if self.known.forget(key).is_some() {
            self.line.figures.ended_elsewhere();
        }
        Ok(false)
    }

    /// Tells all gates that a session has ended; whom it does not reach asks within `max_staleness`.
    async fn tell_ended(&self, key: &SessionKey) {
        let mut command = redis::cmd("PUBLISH");
        command.arg(self.ring.load().names.ended()).arg(&key.0[..]);
        let _ = self.line.ask(StoreOperation::Remove, &command).await;
    }
}

#[async_trait]
impl Store for RedisStore {
    fn peek(&self, key: &SessionKey) -> Peek {
        let Some(known) = self.known.get(key) else { return Peek::Ask };
        if self.on_failure == OnFailure::Refuse && !self.line.is_open() {
            return Peek::Ask;
        }
        match self.known.freshness(&known) {
            Freshness::Stale => return Peek::Ask,
            Freshness::Fresh => {}
            Freshness::Ageing => {
                if let Err(
                    mpsc::error::TrySendError::Full(known) | mpsc::error::TrySendError::Closed(known),
                ) = self.to_confirm.try_send(Arc::clone(&known))
                {
                    known.put_back();
                }
            }
        }
        self.line.figures.hit(key.0[2]);
        Peek::Live(Arc::clone(&known.session))
    }

    async fn load(&self, key: &SessionKey) -> Result<Option<Arc<Session>>, StoreError> {
        if let Peek::Live(session) = self.peek(key) {
            return Ok(Some(session));
        }
        self.line.figures.missed();
        if let Some(known) = self.known.get(key) {
            if !self.confirm(&known).await? {
                return Ok(None);
            }
            self.known.was_asked_for(&known);
            return Ok(Some(Arc::clone(&known.session)));
        }
        let heard = self.known.ends_heard(key);
        let asked = self.known.now();
        let mut command = redis::cmd("GET");
        command.arg(self.ring.load().names.session(key));
        let entry = match self.line.ask(StoreOperation::Load, &command).await {
            Ok(Value::BulkString(entry)) => entry,
            Ok(_) => return Ok(None),
            Err(failure) if failure.wrong_type => {
                self.line.figures.unreadable(UnreadableEntry::Garbage);
                return Ok(None);
            }
            Err(failure) => return Err(failure.into()),
        };
        let Some(session) = self.read(key, &entry) else { return Ok(None) };
        let known = self.known.take_in(Arc::new(session), asked);
        if self.known.ends_heard(key) != heard && !self.confirm(&known).await? {
            return Ok(None);
        }
        self.known.was_asked_for(&known);
        Ok(Some(Arc::clone(&known.session)))
    }

    async fn insert(&self, session: Arc<Session>) -> Result<(), StoreError> {
        // What could never be known here would be asked for at every request.
        if !self.known.has_room_for(&session) {
            return Err(StoreError::Full);
        }
        if self.known.get(session.key()).is_some_and(|known| Arc::ptr_eq(&known.session, &session)) {
            return Ok(());
        }
        let asked = self.known.now();
        let indexes = self.ring.load().names.indexes(&session);
        self.index(&session, indexes).await?;
        self.write(&session).await?;
        self.known.take_in(session, asked);
        self.known.settle();
        Ok(())
    }

    async fn insert_within(
        &self,
        session: Arc<Session>,
        limit: &PerUser,
        instead_of: &[SessionKey],
        now: Moment,
    ) -> Result<Placed, StoreError> {
        self.take_in_within(session, limit, instead_of, now).await
    }

    async fn remove(&self, key: &SessionKey) -> Result<Option<Arc<Session>>, StoreError> {
        let known = self.known.forget(key);
        let name = self.ring.load().names.session(key);
        let mut command = redis::cmd("GETDEL");
        command.arg(&name);
        let answer = self.line.ask_surely(StoreOperation::Remove, &name, command).await;
        // Who read it meanwhile may know it again.
        let known = self.known.forget(key).or(known);
        self.known.settle();
        let entry = match answer {
            Ok(Value::BulkString(entry)) => entry,
            Ok(_) => return Ok(None),
            Err(failure) if failure.wrong_type => return Ok(None),
            Err(failure) => {
                // It may be gone, and then others should know.
                self.tell_ended(key).await;
                return Err(failure.into());
            }
        };
        self.tell_ended(key).await;
        let session = match known {
            Some(session) => Some(session),
            None => self.read(key, &entry).map(Arc::new),
        };
        if let Some(session) = &session {
            session.end();
            self.unindex(session).await;
        }
        Ok(session)
    }

    async fn by_name_id(
        &self,
        site: SiteKey,
        idp: &str,
        name_id: &str,
        session_index: Option<&str>,
    ) -> Result<Vec<SessionKey>, StoreError> {
        self.keys_by_name_id(site, idp, name_id, session_index).await
    }

    async fn by_user(&self, idp: &str, user: &str) -> Result<Vec<SessionKey>, StoreError> {
        let names = self.ring.load().names.user(idp, user);
        let members = self.members(names).await?;
        self.meant(members, |session| session.idp() == idp && session.user() == user).await
    }

    async fn longest(
        &self,
        site: SiteKey,
        idp: &str,
        named: Named<'_>,
        now: Moment,
        most: usize,
    ) -> Result<Vec<Arc<Session>>, StoreError> {
        self.longest_living(site, idp, named, now, most).await
    }

    async fn living(&self, keys: &[SessionKey], now: Moment) -> Result<Vec<Arc<Session>>, StoreError> {
        self.those_living(keys, now).await
    }

    /// May name sessions that have just ended: there may be a million, and whoever asks looks at each.
    async fn by_idp(&self, site: SiteKey, idp: &str) -> Result<Vec<SessionKey>, StoreError> {
        let tags = self.ring.load().names.idp_tags(idp);
        let mut keys = Vec::new();
        for part in 0..PARTS {
            let mut members = self.part(part).await?;
            members.retain(|member| member.site == site && tags.contains(&member.idp_tag));
            keys.extend(members.iter().map(|member| member.key));
        }
        Ok(keys)
    }

    async fn select(&self, selection: &Selection<'_>, limit: usize) -> Result<Vec<Arc<Session>>, StoreError> {
        let mut found = Vec::new();
        for part in 0..PARTS {
            if found.len() >= limit {
                break;
            }
            found.extend(self.selected(part, selection, limit - found.len()).await?);
        }
        Ok(found)
    }

    async fn claim_once(&self, keys: &[ClaimKey], now: Moment, until: Moment) -> Result<Claim, StoreError> {
        if self.forgets.load(Ordering::Relaxed) {
            self.line.figures.failed(StoreTrouble::Forgetful);
            return Err(StoreError::Unavailable(FORGETFUL.into()));
        }
        let ring = self.ring.load_full();
        claims::claim_once(&self.line, &ring.names, &self.since, keys, now, until).await
    }

    async fn is_claimed(&self, key: &ClaimKey, now: Moment) -> Result<bool, StoreError> {
        let ring = self.ring.load_full();
        claims::is_claimed(&self.line, &ring.names, key, now).await
    }

    fn remembers_since(&self) -> Moment {
        self.since.get()
    }

    fn sweep(&self, _now: Moment) {
        self.known.settle();
        for known in self.known.used_since() {
            // Who finds no room is written back when it is next confirmed.
            let _ = self.to_confirm.try_send(known);
        }
    }

    /// Sessions and bytes are those that this process knows; the server tells its own.
    fn size(&self) -> StoreSize {
        self.known.settle();
        StoreSize {
            sessions: self.known.len(),
            bytes: self.known.bytes(),
            evicted: self.known.evicted(),
            claims: 0,
        }
    }
}

impl Ring {
    fn new(prefix: &str, keys: KeyRing) -> Self {
        Self { names: Names::new(prefix, &keys), keys, prefix: prefix.to_owned() }
    }
}

fn seconds(moment: Moment) -> [u8; LAST_USE] {
    u32::try_from(moment.seconds().max(0)).unwrap_or(u32::MAX).to_be_bytes()
}

/// Writes a later use down, and keeps the entry for longer. Answers the use that stands there then, or nothing where there
/// is no entry.
const TOUCH: &str = r"
local held = redis.call('GETRANGE', KEYS[1], 0, 3)
if #held < 4 then return '' end
if held >= ARGV[1] then return held end
redis.call('SETRANGE', KEYS[1], 0, ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return ARGV[1]
";

const FORGETFUL: &str =
    "it may forget what was answered, to make room: its maxmemory-policy must be noeviction";

/// Octets of an entry before what is sealed.
const LAST_USE: usize = 4;

/// The clocks of gates differ.
const GRACE: Duration = Duration::from_secs(60);

/// Sessions to be confirmed in the background; who finds no room waits for the store once in a while.
const MOST_TO_CONFIRM: usize = 16_384;

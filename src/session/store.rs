//! What a store of sessions must do; [`MemoryStore`](super::MemoryStore) is the first that does.

use super::{ClaimKey, PerUser, Placed, Session, SessionKey, SiteKey};
use crate::clock::Moment;
use crate::identity::Person as _;
use async_trait::async_trait;
use std::sync::Arc;

/// Where sessions, their indexes and claims live. Fallible and asynchronous, so that a store may be on another machine;
/// [`peek`](Store::peek) is the fast path for what this process knows.
///
/// A store does not judge expiry, which is [`Session::touch`]'s. It may forget a session at any time to stay within its
/// bounds, the least recently used first, and never refuses a new one for the sake of an old. It never forgets a claim
/// before its end, and refuses when it cannot hold another. What it forgot or removed is [ended](Session::end) for
/// whoever still holds it.
#[async_trait]
pub trait Store: Send + Sync {
    /// The session, from this process's memory only; counts as a use. The memory store never says [`Peek::Ask`].
    fn peek(&self, key: &SessionKey) -> Peek;

    /// The session, wherever it is; counts as a use.
    async fn load(&self, key: &SessionKey) -> Result<Option<Arc<Session>>, StoreError>;

    /// Takes a session in, at the expense of the least recently used ones. Taking in the same one again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Full`] only for a session that is larger than the whole store.
    async fn insert(&self, session: Arc<Session>) -> Result<(), StoreError>;

    /// Like [`Store::insert`], where the person may have only so many on the site. Sessions of theirs that are over do not count,
    /// nor do those in whose place this one comes. However many sign in at the same moment: once all have been answered there
    /// are no more than the limit allows, and nobody was told [`Placed::Full`] by sessions that were not there.
    async fn insert_within(
        &self,
        session: Arc<Session>,
        limit: &PerUser,
        instead_of: &[SessionKey],
        now: Moment,
    ) -> Result<Placed, StoreError>;

    /// Forgets and ends a session; answers the one that was there.
    async fn remove(&self, key: &SessionKey) -> Result<Option<Arc<Session>>, StoreError>;

    /// The sessions on `site` of the IdP's NameID and SessionIndex; no SessionIndex: all of the NameID (as in a
    /// LogoutRequest, Core 3.7.1).
    async fn by_name_id(
        &self,
        site: SiteKey,
        idp: &str,
        name_id: &str,
        session_index: Option<&str>,
    ) -> Result<Vec<SessionKey>, StoreError>;

    /// The sessions of (IdP, user) on every site.
    async fn by_user(&self, idp: &str, user: &str) -> Result<Vec<SessionKey>, StoreError>;

    /// The living sessions on `site` of whoever an identity provider names so, at most so many: of more those that last longest, which come
    /// first. A store on another machine is asked for many at a time, and none counts as used by it.
    async fn longest(
        &self,
        site: SiteKey,
        idp: &str,
        named: Named<'_>,
        now: Moment,
        most: usize,
    ) -> Result<Vec<Arc<Session>>, StoreError> {
        let keys = match named {
            Named::User(user) => self.by_user(idp, user).await?,
            Named::NameId(name_id) => self.by_name_id(site, idp, name_id, None).await?,
        };
        let mut found = self.living(&keys, now).await?;
        found.retain(|session| session.site() == site);
        found.sort_by_key(|session| std::cmp::Reverse(session.ends_at()));
        found.truncate(most);
        Ok(found)
    }

    /// Those of these that are there and alive, in no order; asked for as above.
    async fn living(&self, keys: &[SessionKey], now: Moment) -> Result<Vec<Arc<Session>>, StoreError> {
        let mut found = Vec::new();
        for key in keys {
            found.extend(self.load(key).await?.filter(|session| session.is_alive(now)));
        }
        Ok(found)
    }

    /// The sessions on `site` that came by an identity provider: for the day on which it is retired. May look at every
    /// session.
    async fn by_idp(&self, site: SiteKey, idp: &str) -> Result<Vec<SessionKey>, StoreError>;

    /// The sessions that are selected, at most so many, in no order: for the owner who looks or revokes. May look at every
    /// session.
    async fn select(&self, selection: &Selection<'_>, limit: usize) -> Result<Vec<Arc<Session>>, StoreError>;

    /// Claims all keys at once until `until`, or none when one is taken at `now`. Of any number of concurrent calls for
    /// one key, one is told [`Claim::First`]. `until` must lie after `now`.
    ///
    /// # Errors
    /// [`StoreError::Full`] when there is no room for more claims. After [`StoreError::Unavailable`] the claim may have
    /// been made or not: the caller refuses, and claims nothing again.
    async fn claim_once(&self, keys: &[ClaimKey], now: Moment, until: Moment) -> Result<Claim, StoreError>;

    /// Whether a key is claimed at `now`.
    async fn is_claimed(&self, key: &ClaimKey, now: Moment) -> Result<bool, StoreError>;

    /// Claims made before this moment may be forgotten (the memory store: since it was made), so what was begun before
    /// it cannot be told from a replay.
    fn remembers_since(&self) -> Moment;

    /// Drops some of what ended before `now`: a bounded piece of work, to be called every second or so from the
    /// background. Repeated calls get through everything. A store that forgets by itself does nothing.
    fn sweep(&self, _now: Moment) {}

    /// The sessions that ended by themselves since this was asked last, and why; each is told once. A store that cannot
    /// know tells of none.
    fn departed(&self) -> Departed {
        Departed::default()
    }

    /// Figures for metrics.
    fn size(&self) -> StoreSize;
}

/// How an identity provider names somebody.
#[derive(Debug, Clone, Copy)]
pub enum Named<'a> {
    /// The user.
    User(&'a str),
    /// The NameID.
    NameId(&'a str),
}

impl Named<'_> {
    /// Whether the session is theirs.
    pub fn is_of(self, session: &Session) -> bool {
        match self {
            Self::User(user) => session.user() == user,
            Self::NameId(name_id) => session.name_id() == name_id,
        }
    }
}

/// Which sessions are meant. What is not said is not asked; nothing said means all of them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Selection<'a> {
    /// On this site.
    pub site: Option<SiteKey>,
    /// Signed in by the identity provider with this `id`.
    pub idp: Option<&'a str>,
    /// Of this user, or of the user with this e-mail address.
    pub user: Option<&'a str>,
    /// With this public name ([`SessionKey::is_called`]).
    pub session: Option<&'a str>,
    /// Still alive at this moment: a store may hold for a while what has ended by itself.
    pub alive_at: Option<Moment>,
}

impl Selection<'_> {
    /// Whether a session is meant.
    pub fn takes(&self, session: &Session) -> bool {
        let named = |user: &str| {
            session.user() == user || session.email().is_some_and(|email| email.eq_ignore_ascii_case(user))
        };
        self.site.is_none_or(|site| session.site() == site)
            && self.idp.is_none_or(|idp| session.idp() == idp)
            && self.user.is_none_or(named)
            && self.session.is_none_or(|name| session.key().is_called(name))
            && self.alive_at.is_none_or(|now| session.is_alive(now))
    }
}

/// Sessions that ended by themselves.
#[derive(Debug, Default)]
pub struct Departed {
    /// One by one, with why.
    pub sessions: Vec<(Arc<Session>, Departure)>,
    /// How many there were beside these: a store keeps only so many to be told of.
    pub others: usize,
}

/// Why a session ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// Nobody used it.
    Idle,
    /// Its time was over: `max_age`, or the IdP's own end.
    Over,
    /// It had to make room.
    Evicted,
}

/// The store cannot answer; callers refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Why, in words for the log.
    #[error("the session store cannot be reached: {0}")]
    Unavailable(String),
    /// There is no room.
    #[error("the session store is full")]
    Full,
}

/// What this process can say about a session without asking anybody.
#[derive(Debug, Clone)]
pub enum Peek {
    /// It is here.
    Live(Arc<Session>),
    /// There is none.
    Absent,
    /// Only [`Store::load`] can tell.
    Ask,
}

/// How a claim ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Claim {
    /// All keys were free and are now claimed.
    First,
    /// A key was taken, and nothing was claimed.
    Taken {
        /// The first of the keys that was.
        which: usize,
    },
}

/// Figures for metrics. With many threads they are a moment old.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreSize {
    /// Sessions held, expired ones included until they are swept.
    pub sessions: u64,
    /// Bytes held for sessions and their indexes, as far as they can be reckoned.
    pub bytes: u64,
    /// Sessions that had to go before their time since the store was made.
    pub evicted: u64,
    /// Claims held.
    pub claims: u64,
}

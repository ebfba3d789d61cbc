//! The ways to a session that do not know its key: by the IdP's NameID, and by the user.
//!
//! A table of pointers and nothing else: what is looked up is read from the sessions themselves. NameID and user are
//! often the same, so (IdP, user) is the first table, and the second, (IdP, NameID), holds only the sessions where it
//! differs.

use super::{Selection, Session, SessionKey, SiteKey};
use crate::clock::Moment;
use crate::identity::Person as _;
use hashbrown::HashTable;
use parking_lot::Mutex;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

/// Both indexes.
pub(super) struct Index {
    /// Many, so that none is long under its lock when it grows or is swept.
    shards: Box<[Mutex<Shard>]>,
    /// Seeded: users and NameIDs come from outside.
    hashing: RandomState,
}

#[derive(Default)]
struct Shard {
    by_user: HashTable<Arc<Session>>,
    /// Only sessions whose NameID is not their user.
    by_name_id: HashTable<Arc<Session>>,
}

impl Index {
    pub(super) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), hashing: RandomState::new() }
    }

    pub(super) fn add(&self, session: &Arc<Session>) {
        let by_user = self.user_hash(session);
        let mut shard = self.shard(by_user);
        shard.by_user.insert_unique(by_user, Arc::clone(session), |other| self.user_hash(other));
        drop(shard);
        if session.name_id() != session.user() {
            let by_name_id = self.name_id_hash(session);
            let mut shard = self.shard(by_name_id);
            shard.by_name_id.insert_unique(by_name_id, Arc::clone(session), |other| self.name_id_hash(other));
        }
    }

    /// Takes this very session out.
    pub(super) fn remove(&self, session: &Arc<Session>) {
        let by_user = self.user_hash(session);
        take_out(&mut self.shard(by_user).by_user, by_user, session);
        if session.name_id() != session.user() {
            let by_name_id = self.name_id_hash(session);
            take_out(&mut self.shard(by_name_id).by_name_id, by_name_id, session);
        }
    }

    pub(super) fn by_user(&self, idp: &str, user: &str) -> Vec<SessionKey> {
        let hash = self.hash(idp, user);
        let shard = self.shard(hash);
        let found = shard.by_user.iter_hash(hash);
        found
            .filter(|session| session.user() == user && session.idp() == idp)
            .map(|session| *session.key())
            .collect()
    }

    /// The living sessions of the same person on the same site, but for those that are left out.
    pub(super) fn beside(
        &self,
        session: &Session,
        left_out: &[SessionKey],
        now: Moment,
    ) -> Vec<Arc<Session>> {
        let hash = self.user_hash(session);
        let shard = self.shard(hash);
        let found = shard.by_user.iter_hash(hash);
        found.filter(|other| other.is_beside(session, left_out) && other.is_alive(now)).cloned().collect()
    }

    /// One part after the other, so that nobody waits long.
    pub(super) fn by_idp(&self, site: SiteKey, idp: &str) -> Vec<SessionKey> {
        let mut found = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock();
            let of_idp =
                shard.by_user.iter().filter(|session| session.site() == site && session.idp() == idp);
            found.extend(of_idp.map(|session| *session.key()));
        }
        found
    }

    /// One part after the other, as above.
    pub(super) fn select(&self, selection: &Selection<'_>, limit: usize) -> Vec<Arc<Session>> {
        let mut found = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock();
            let selected = shard.by_user.iter().filter(|session| selection.takes(session));
            found.extend(selected.take(limit - found.len()).cloned());
            if found.len() == limit {
                break;
            }
        }
        found
    }

    pub(super) fn by_name_id(
        &self,
        site: SiteKey,
        idp: &str,
        name_id: &str,
        session_index: Option<&str>,
    ) -> Vec<SessionKey> {
        let hash = self.hash(idp, name_id);
        let shard = self.shard(hash);
        let found = shard.by_name_id.iter_hash(hash).chain(shard.by_user.iter_hash(hash));
        found
            .filter(|session| {
                session.site() == site
                    && session.name_id() == name_id
                    && session.idp() == idp
                    && (session_index.is_none() || session.session_index() == session_index)
            })
            .map(|session| *session.key())
            .collect()
    }

    /// The sessions in one part of the index that are not alive any more. Gives back what memory the part no longer
    /// needs.
    pub(super) fn expired(&self, part: usize, now: Moment) -> Vec<Arc<Session>> {
        let Some(shard) = self.shards.get(part % SHARDS) else { return Vec::new() };
        let mut shard = shard.lock();
        let Shard { by_user, by_name_id } = &mut *shard;
        give_back(by_user, |session| self.user_hash(session));
        give_back(by_name_id, |session| self.name_id_hash(session));
        by_user.iter().filter(|session| !session.is_alive(now)).cloned().collect()
    }

    fn shard(&self, hash: u64) -> parking_lot::MutexGuard<'_, Shard> {
        // Bits that the tables inside do not look at first.
        self.shards[(hash >> 40) as usize % SHARDS].lock()
    }

    fn user_hash(&self, session: &Session) -> u64 {
        self.hash(session.idp(), session.user())
    }

    fn name_id_hash(&self, session: &Session) -> u64 {
        self.hash(session.idp(), session.name_id())
    }

    fn hash(&self, idp: &str, name: &str) -> u64 {
        self.hashing.hash_one((idp, name))
    }
}

fn take_out(table: &mut HashTable<Arc<Session>>, hash: u64, session: &Arc<Session>) {
    if let Ok(entry) = table.find_entry(hash, |other| Arc::ptr_eq(other, session)) {
        entry.remove();
    }
}

fn give_back(table: &mut HashTable<Arc<Session>>, hasher: impl Fn(&Arc<Session>) -> u64) {
    if table.capacity() > SMALL && table.len() < table.capacity() / 8 {
        table.shrink_to(table.len() * 2, hasher);
    }
}

/// Parts of the index, each with its lock.
pub(super) const SHARDS: usize = 256;
const SMALL: usize = 64;

#[cfg(test)]
impl Index {
    /// Entries in both tables.
    pub(super) fn entries(&self) -> (usize, usize) {
        self.shards.iter().map(|shard| shard.lock()).fold((0, 0), |(users, names), shard| {
            (users + shard.by_user.len(), names + shard.by_name_id.len())
        })
    }
}

//! The ways to a session that do not know its key. An index may say more than there is, never less: a session is put into
//! its indexes before it is there, and what is found by them is read before it is believed.

use super::names::Member;
use super::{GRACE, RedisStore};
use crate::clock::Moment;
use crate::identity::Person as _;
use crate::observe::metrics::StoreOperation;
use crate::session::{Named, Selection, Session, SessionKey, SiteKey, Store as _, StoreError};
use redis::Value;
use std::collections::HashSet;
use std::sync::Arc;

impl RedisStore {
    /// The keys of sessions in an index, whichever key of the ring it was written under.
    pub(super) async fn members(&self, names: Vec<String>) -> Result<Vec<Member>, StoreError> {
        let mut found: Vec<Member> = Vec::new();
        for name in names {
            let mut command = redis::cmd("ZRANGEBYSCORE");
            command.arg(name).arg(self.clock.now().minus(GRACE).millis()).arg("+inf");
            let answer = match self.line.ask(StoreOperation::Index, &command).await {
                Ok(answer) => answer,
                Err(failure) if failure.wrong_type => Value::Nil,
                Err(failure) => return Err(failure.into()),
            };
            let Value::Array(members) = answer else { continue };
            for member in members {
                let Value::BulkString(octets) = member else { continue };
                found.extend(Member::read(&octets));
            }
        }
        Ok(found)
    }

    /// The keys of those that are still there and are meant: an index may say more than there is.
    pub(super) async fn meant(
        &self,
        members: Vec<Member>,
        meant: impl Fn(&Session) -> bool + Send,
    ) -> Result<Vec<SessionKey>, StoreError> {
        let mut keys: Vec<SessionKey> = Vec::new();
        for member in members {
            if keys.contains(&member.key) {
                continue;
            }
            if self.load(&member.key).await?.is_some_and(|session| meant(&session)) {
                keys.push(member.key);
            }
        }
        Ok(keys)
    }

    /// What [`by_name_id`](crate::session::Store::by_name_id) says.
    pub(super) async fn keys_by_name_id(
        &self,
        site: SiteKey,
        idp: &str,
        name_id: &str,
        session_index: Option<&str>,
    ) -> Result<Vec<SessionKey>, StoreError> {
        let (by_name_id, by_user) = {
            let ring = self.ring.load();
            (ring.names.name_id(idp, name_id), ring.names.user(idp, name_id))
        };
        let mut members = self.members(by_name_id).await?;
        members.extend(self.members(by_user).await?.into_iter().filter(|member| member.named_as_user));
        members.retain(|member| member.site == site);
        self.meant(members, |session| {
            session.site() == site
                && session.idp() == idp
                && session.name_id() == name_id
                && (session_index.is_none() || session.session_index() == session_index)
        })
        .await
    }

    /// What [`longest`](crate::session::Store::longest) says: an index has what ends last at its end.
    pub(super) async fn longest_living(
        &self,
        site: SiteKey,
        idp: &str,
        named: Named<'_>,
        now: Moment,
        most: usize,
    ) -> Result<Vec<Arc<Session>>, StoreError> {
        let (own, as_user) = {
            let names = &self.ring.load().names;
            match named {
                Named::User(user) => (names.user(idp, user), Vec::new()),
                Named::NameId(name_id) => (names.name_id(idp, name_id), names.user(idp, name_id)),
            }
        };
        let (mut keys, mut seen) = (Vec::new(), HashSet::new());
        for (name, as_user) in
            own.into_iter().map(|name| (name, false)).chain(as_user.into_iter().map(|name| (name, true)))
        {
            let members = self.members(vec![name]).await?;
            let theirs = members.iter().rev().filter(|member| {
                member.site == site && (member.named_as_user || !as_user) && seen.insert(member.key)
            });
            keys.extend(theirs.map(|member| member.key));
        }
        let mut found = Vec::new();
        for some in keys.chunks(READ_AT_ONCE) {
            let mut living = self.those_living(some, now).await?;
            living.retain(|one| one.site() == site && one.idp() == idp && named.is_of(one));
            found.append(&mut living);
            if found.len() >= most {
                break;
            }
        }
        found.sort_by_key(|session| std::cmp::Reverse(session.ends_at()));
        found.truncate(most);
        Ok(found)
    }

    /// Puts a session into these of its indexes: before it is there itself, so that there is none that a sign-out would not
    /// find.
    pub(super) async fn index(&self, session: &Session, indexes: Vec<Vec<String>>) -> Result<(), StoreError> {
        let now = self.clock.now();
        let kept = session.ends_at().since(now).saturating_add(GRACE);
        let members = self.ring.load().names.members(session);
        let Some(member) = members.first() else { return Ok(()) };
        for index in indexes {
            let Some(name) = index.first() else { continue };
            let mut command = redis::cmd("EVAL");
            command.arg(INDEX).arg(1).arg(name).arg(member).arg(session.ends_at().millis());
            command.arg(now.minus(GRACE).millis());
            command.arg(u64::try_from(kept.as_millis()).unwrap_or(u64::MAX));
            self.line.ask_surely(StoreOperation::Index, name, command).await?;
        }
        Ok(())
    }

    /// Takes a session that is gone out of its indexes. What stays behind leads nowhere and goes with its time.
    pub(super) async fn unindex(&self, session: &Session) {
        let (indexes, members) = {
            let ring = self.ring.load();
            (ring.names.indexes(session), ring.names.members(session))
        };
        for name in indexes.into_iter().flatten() {
            let mut command = redis::cmd("ZREM");
            command.arg(name).arg(&members);
            let _ = self.line.ask(StoreOperation::Index, &command).await;
        }
    }

    /// What one part of the index of all sessions says.
    pub(super) async fn part(&self, part: u8) -> Result<Vec<Member>, StoreError> {
        let name = self.ring.load().names.all(part);
        self.members(vec![name]).await
    }

    /// The selected sessions of one part. They are read for this once, and do not push out those that are in use.
    pub(super) async fn selected(
        &self,
        part: u8,
        selection: &Selection<'_>,
        limit: usize,
    ) -> Result<Vec<Arc<Session>>, StoreError> {
        let tags = selection.idp.map(|idp| self.ring.load().names.idp_tags(idp));
        let mut members = self.part(part).await?;
        members.retain(|member| {
            selection.site.is_none_or(|site| member.site == site)
                && tags.as_ref().is_none_or(|tags| tags.contains(&member.idp_tag))
                && selection.session.is_none_or(|name| member.key.is_called(name))
        });
        let mut found = Vec::new();
        for some in members.chunks(READ_AT_ONCE) {
            let mut command = redis::cmd("MGET");
            for member in some {
                command.arg(self.ring.load().names.session(&member.key));
            }
            let Value::Array(entries) = self.line.ask(StoreOperation::Load, &command).await? else {
                continue;
            };
            for (member, entry) in some.iter().zip(entries) {
                let Value::BulkString(entry) = entry else { continue };
                let session = match self.known.get(&member.key) {
                    Some(known) => Some(Arc::clone(&known.session)),
                    None => self.read(&member.key, &entry).map(Arc::new),
                };
                let now = self.clock.now();
                found.extend(session.filter(|session| session.is_alive(now) && selection.takes(session)));
                if found.len() >= limit {
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }
}

/// Puts a key into an index, with its end, and takes those out that have ended. The index goes with its last.
const INDEX: &str = r"
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
return 1
";

/// Sessions that are read with one question.
const READ_AT_ONCE: usize = 128;

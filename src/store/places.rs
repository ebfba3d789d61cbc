//! Sign-ins where a person may have only so many sessions on a site.
//!
//! The index of a user is where places are given: one script on one entry counts who is in it and puts the newcomer in, so
//! that of many who come at once each sees all before it. What is counted must be there: the newcomer's session is stored
//! before it asks for its place, whoever is found in the index without a living session does not count, and the script is
//! asked again without them. A newcomer that finds no place takes its session out again; nobody has its cookie.
//!
//! Who takes the place of the oldest comes in first and makes room then: every one that came in ends those that are too many
//! of all that came before it, so that the last of them leaves as many as there may be.

use super::names::Member;
use super::{GRACE, RedisStore};
use crate::clock::Moment;
use crate::observe::metrics::StoreOperation;
use crate::session::{OnLimit, PerUser, Placed, Session, SessionKey, Store as _, StoreError};
use redis::Value;
use std::collections::HashSet;
use std::sync::Arc;

impl RedisStore {
    /// What [`insert_within`](crate::session::Store::insert_within) says.
    pub(super) async fn take_in_within(
        &self,
        session: Arc<Session>,
        limit: &PerUser,
        instead_of: &[SessionKey],
        now: Moment,
    ) -> Result<Placed, StoreError> {
        if !self.known.has_room_for(&session) {
            return Err(StoreError::Full);
        }
        let heard = self.known.ends_heard(session.key());
        let asked = self.known.now();
        let indexes = self.ring.load().names.indexes_but_the_users(&session);
        self.index(&session, indexes).await?;
        self.write(&session).await?;
        let placed = self.placed(&session, limit, instead_of, now).await;
        if let Ok(Placed::In { .. }) = &placed {
            let known = self.known.take_in(session, asked);
            self.known.settle();
            // Whoever came after it may have ended it already.
            if self.known.ends_heard(known.session.key()) != heard {
                self.confirm(&known).await?;
            }
        } else {
            // Nobody has its cookie: should it stay behind, it counts for nobody and goes with its time.
            let _ = self.remove(session.key()).await;
        }
        placed
    }

    /// A place for a session that is stored, and in every index but that of its user.
    async fn placed(
        &self,
        session: &Arc<Session>,
        limit: &PerUser,
        instead_of: &[SessionKey],
        now: Moment,
    ) -> Result<Placed, StoreError> {
        let mut left_out = instead_of.to_vec();
        // Each round leaves out some more that are gone.
        for _ in 0..MOST_ROUNDS {
            // While keys of the ring change, some of the person's sessions are found under another name.
            let elsewhere = self.under_old_names(session, &left_out, now).await?;
            let places = match limit.on_limit {
                OnLimit::EndOldest => usize::MAX,
                OnLimit::Refuse => (limit.most.get() as usize).saturating_sub(elsewhere.len()),
            };
            let (is_in, others) = self.ask_for_a_place(session, places, &left_out).await?;
            if is_in && limit.on_limit == OnLimit::Refuse {
                return Ok(Placed::In { ended: Vec::new() });
            }
            let mut living = self.those_living(&others, now).await?;
            living.retain(|other| other.is_beside(session, &left_out));
            if is_in {
                living.extend(elsewhere);
                let mut ended = Vec::new();
                for old in limit.surplus(living) {
                    ended.extend(self.remove(old.key()).await?);
                }
                return Ok(Placed::In { ended });
            }
            let there: HashSet<[u8; 32]> = living.iter().map(|other| other.key().0).collect();
            if limit.is_reached_by(there.len() + elsewhere.len()) {
                return Ok(Placed::Full { living: there.len() + elsewhere.len() });
            }
            left_out.extend(others.into_iter().filter(|key| !there.contains(&key.0)));
        }
        Err(StoreError::Unavailable("sessions of the same person come and go too fast to be counted".into()))
    }

    /// Whether the script has put the session into its user's index, and who is there beside it.
    async fn ask_for_a_place(
        &self,
        session: &Session,
        places: usize,
        left_out: &[SessionKey],
    ) -> Result<(bool, Vec<SessionKey>), StoreError> {
        let now = self.clock.now();
        let kept = session.ends_at().since(now).saturating_add(GRACE);
        let (name, member) = {
            let ring = self.ring.load();
            let names = ring.names.user_of(session);
            (names.into_iter().next(), ring.names.members(session).into_iter().next())
        };
        let strange = || StoreError::Unavailable("its answer to a sign-in makes no sense".to_owned());
        let (name, member) = name.zip(member).ok_or_else(strange)?;
        let mut command = redis::cmd("EVAL");
        command.arg(PLACE).arg(1).arg(&name).arg(member).arg(session.ends_at().millis());
        command.arg(now.minus(GRACE).millis());
        command.arg(u64::try_from(kept.as_millis()).unwrap_or(u64::MAX));
        command.arg(&session.site().to_bytes()[..]).arg(u32::try_from(places).unwrap_or(u32::MAX));
        for key in left_out {
            command.arg(&key.0[..]);
        }
        let answer = self.line.ask_surely(StoreOperation::Index, &name, command).await?;
        let Value::Array(parts) = answer else { return Err(strange()) };
        let mut parts = parts.into_iter();
        let Some(Value::Int(is_in)) = parts.next() else { return Err(strange()) };
        let others = parts.filter_map(|part| match part {
            Value::BulkString(octets) => Member::read(&octets).map(|member| member.key),
            _ => None,
        });
        Ok((is_in == 1, others.collect()))
    }

    async fn under_old_names(
        &self,
        session: &Session,
        left_out: &[SessionKey],
        now: Moment,
    ) -> Result<Vec<Arc<Session>>, StoreError> {
        let names = self.ring.load().names.user_of(session);
        let Some((_, old)) = names.split_first() else { return Ok(Vec::new()) };
        if old.is_empty() {
            return Ok(Vec::new());
        }
        let mut members = self.members(old.to_vec()).await?;
        members.retain(|member| member.site == session.site());
        let keys: Vec<SessionKey> = members.iter().map(|member| member.key).collect();
        let mut living = self.those_living(&keys, now).await?;
        living.retain(|other| other.is_beside(session, left_out));
        Ok(living)
    }

    /// Those of these that the server has, and that are alive by the last use that anybody knows.
    pub(super) async fn those_living(
        &self,
        keys: &[SessionKey],
        now: Moment,
    ) -> Result<Vec<Arc<Session>>, StoreError> {
        let mut found = Vec::new();
        for some in keys.chunks(READ_AT_ONCE) {
            let mut command = redis::cmd("MGET");
            for key in some {
                command.arg(self.ring.load().names.session(key));
            }
            let Value::Array(entries) = self.line.ask(StoreOperation::Load, &command).await? else {
                continue;
            };
            for (key, entry) in some.iter().zip(entries) {
                let Value::BulkString(entry) = entry else { continue };
                let Some(read) = self.read(key, &entry) else { continue };
                let session = match self.known.get(key) {
                    Some(known) => {
                        known.session.was_used(read.last_use());
                        Arc::clone(&known.session)
                    }
                    None => Arc::new(read),
                };
                found.extend(session.is_alive(now).then_some(session));
            }
        }
        Ok(found)
    }
}

/// Puts a key into the index of its user, with its end, if fewer than so many others of its site are there, and answers
/// whether it did and who they are. ARGV: the member, its end, since when others have ended, milliseconds to keep, the site,
/// places, and keys that do not count.
const PLACE: &str = r"
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
local left_out = {}
for n = 7, #ARGV do left_out[ARGV[n]] = true end
local answer = {0}
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '+inf')) do
  if member ~= ARGV[1] and string.sub(member, 33, 36) == ARGV[5] and not left_out[string.sub(member, 1, 32)] then
    answer[#answer + 1] = member
  end
end
if #answer - 1 < tonumber(ARGV[6]) then
  redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
  if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
  answer[1] = 1
end
return answer
";

/// Sessions end while they are counted; some rounds are enough for all that ended before.
const MOST_ROUNDS: usize = 16;

/// Sessions that are read with one question.
const READ_AT_ONCE: usize = 128;

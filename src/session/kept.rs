//! What a memory store knows, in pieces of octets: for the process that comes after this one. Always sealed by whoever
//! keeps them; never in the clear.
//!
//! ```text
//! piece: 1 | version | remembers since            first
//!        2 | number | ( claim key | until ) …
//!        3 | number | ( session key | last use | octets ) …
//!        4 | claims | sessions                    last: without it, or with other numbers, there was nothing
//! ```
//!
//! Times are those of the clock, so that every limit goes on counting while no process is there.

use super::{ClaimKey, MemoryStore, Session, SessionKey, StoreError, portable};
use crate::clock::Moment;
use crate::identity::octets::{Reader, Writer};
use std::sync::Arc;

const HEAD: u8 = 1;
const CLAIMS: u8 = 2;
const SESSIONS: u8 = 3;
const END: u8 = 4;

/// How this release writes pieces.
const VERSION: u8 = 1;

/// A piece is begun anew beyond this size. A session has some hundred octets, seldom a megabyte.
const PIECE: usize = 256 * 1024;

/// What was read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadBack {
    /// Sessions that go on.
    pub sessions: usize,
    /// Sessions whose time was over, or that have no place any more.
    pub left_out: usize,
}

impl MemoryStore {
    /// Hands every piece to `write`, in order; answers how many sessions there were. Nobody may sign in or out meanwhile.
    ///
    /// # Errors
    /// What `write` says.
    pub fn write_down<E>(
        &self,
        now: Moment,
        mut write: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<usize, E> {
        let mut head = Writer::default();
        head.byte(HEAD);
        head.byte(VERSION);
        head.moment(self.made_at);
        write(&head.finish())?;

        let claims = self.claims.lock().all_at(now);
        for some in claims.chunks(PIECE / 40) {
            let mut piece = Writer::default();
            piece.byte(CLAIMS);
            piece.count(some.len());
            for (key, until) in some {
                piece.octets(&key.0);
                piece.moment(*until);
            }
            write(&piece.finish())?;
        }

        self.sessions.run_pending_tasks();
        let mut sessions: Vec<Arc<Session>> = self
            .sessions
            .iter()
            .map(|(_, session)| session)
            .filter(|session| session.is_alive(now))
            .collect();
        // The least recently used first, as they will be taken in again.
        sessions.sort_by_key(|session| session.last_use());
        let (mut piece, mut size, mut count) = (Writer::default(), 0, 0);
        for session in &sessions {
            let octets = session.to_octets();
            piece.octets(&session.key().0);
            piece.moment(session.last_use());
            piece.count(octets.len());
            piece.octets(&octets);
            (size, count) = (size + octets.len(), count + 1);
            if size > PIECE {
                write(&of_sessions(count, std::mem::take(&mut piece)))?;
                (size, count) = (0, 0);
            }
        }
        if count > 0 {
            write(&of_sessions(count, piece))?;
        }

        let mut end = Writer::default();
        end.byte(END);
        end.count(claims.len());
        end.count(sessions.len());
        write(&end.finish())?;
        Ok(sessions.len())
    }

    /// A store that knows what another one wrote down. What has ended by `now`, or is not wanted, is left out.
    ///
    /// # Errors
    /// Why there is nothing: `read` fails, or the pieces are not those of a whole store.
    pub fn read_back(
        max_bytes: u64,
        now: Moment,
        wanted: &dyn Fn(&Session) -> bool,
        mut read: impl FnMut() -> Result<Option<Vec<u8>>, String>,
    ) -> Result<(Self, ReadBack), String> {
        let mut next = || read()?.ok_or_else(|| "it is cut off".to_owned());
        let broken = || "it is broken".to_owned();
        let head = next()?;
        let mut head = Reader(&head);
        match (head.byte(), head.byte()) {
            (Some(HEAD), Some(VERSION)) => {}
            (Some(HEAD), Some(_)) => return Err("another release wrote it".to_owned()),
            _ => return Err(broken()),
        }
        let made_at = head.moment().filter(|made_at| head.is_done() && *made_at <= now).ok_or_else(broken)?;
        let mut store = Self::new(max_bytes, made_at);
        let (mut claims, mut found) = (0, ReadBack { sessions: 0, left_out: 0 });
        loop {
            let piece = next()?;
            let mut piece = Reader(&piece);
            let kind = piece.byte().ok_or_else(broken)?;
            let count = piece.number().ok_or_else(broken)?;
            match kind {
                CLAIMS => {
                    for _ in 0..count {
                        let claim = piece.array().map(ClaimKey).zip(piece.moment()).ok_or_else(broken)?;
                        claims += 1;
                        store
                            .take_claim(claim, now)
                            .map_err(|_| "there is no room for its claims".to_owned())?;
                    }
                }
                SESSIONS => {
                    for _ in 0..count {
                        let session = read_session(&mut piece)?;
                        if session.is_alive(now) && wanted(&session) {
                            store.take_session(session);
                            found.sessions += 1;
                        } else {
                            found.left_out += 1;
                        }
                    }
                }
                END => {
                    let sessions = piece.number().ok_or_else(broken)?;
                    let whole =
                        count as usize == claims && sessions as usize == found.sessions + found.left_out;
                    if !whole || !piece.is_done() || read()?.is_some() {
                        return Err(broken());
                    }
                    store.sessions.run_pending_tasks();
                    return Ok((store, found));
                }
                _ => return Err(broken()),
            }
            if !piece.is_done() {
                return Err(broken());
            }
        }
    }

    fn take_claim(&mut self, (key, until): (ClaimKey, Moment), now: Moment) -> Result<(), StoreError> {
        if until > now {
            // Whether it was there already does not matter: it is now.
            let _ = self.claims.get_mut().claim_once(&[key], now, until)?;
        }
        Ok(())
    }

    fn take_session(&self, session: Session) {
        let session = Arc::new(session);
        if u64::from(session.weight()) <= self.max_bytes {
            self.admit(session);
        }
    }
}

fn of_sessions(count: usize, sessions: Writer) -> Vec<u8> {
    let mut piece = Writer::default();
    piece.byte(SESSIONS);
    piece.count(count);
    piece.octets(&sessions.finish());
    piece.finish()
}

fn read_session(piece: &mut Reader<'_>) -> Result<Session, String> {
    let broken = || "it is broken".to_owned();
    let key = SessionKey(piece.array().ok_or_else(broken)?);
    let last_use = piece.moment().ok_or_else(broken)?;
    let length = piece.number().ok_or_else(broken)?;
    let octets = piece.take(length as usize).ok_or_else(broken)?;
    Session::from_octets(key, octets, last_use).map_err(|problem| match problem {
        portable::Unreadable::Future => "a later release wrote it".to_owned(),
        portable::Unreadable::Damaged => broken(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::suite::{Sample, sample};
    use super::super::{Claim, Peek, SiteKey, Store as _};
    use super::*;
    use crate::identity::Person as _;
    use futures_util::FutureExt as _;
    use std::time::Duration;

    const NOW: Moment = Moment::from_seconds(1_700_000_000);
    const LATER: Moment = Moment::from_seconds(1_700_000_060);
    const MAX: u64 = 1 << 22;

    fn pieces(store: &MemoryStore, now: Moment) -> Vec<Vec<u8>> {
        let mut pieces = Vec::new();
        let write = |piece: &[u8]| {
            pieces.push(piece.to_vec());
            Ok::<_, ()>(())
        };
        store.write_down(now, write).unwrap();
        pieces
    }

    fn read(pieces: &[Vec<u8>], now: Moment) -> Result<(MemoryStore, ReadBack), String> {
        let mut pieces = pieces.iter().cloned();
        MemoryStore::read_back(MAX, now, &|_| true, || Ok(pieces.next()))
    }

    fn with(sessions: u64) -> MemoryStore {
        let store = MemoryStore::new(MAX, NOW);
        for n in 0..sessions {
            store.insert(Arc::new(sample(n, NOW))).now_or_never().unwrap().unwrap();
        }
        store
    }

    fn claim(store: &MemoryStore, name: &str, until: Moment, now: Moment) -> Claim {
        let keys = [ClaimKey::request(SiteKey::of("a"), name)];
        store.claim_once(&keys, now, until).now_or_never().unwrap().unwrap()
    }

    #[test]
    fn a_store_is_read_back_as_it_was() {
        let store = with(3_000);
        let hour = NOW.plus(Duration::from_secs(3600));
        assert_eq!(claim(&store, "short", LATER, NOW), Claim::First);
        assert_eq!(claim(&store, "long", hour, NOW), Claim::First);
        let written = pieces(&store, NOW);
        assert!(written.len() > 3, "it takes several pieces");
        let (again, found) = read(&written, LATER).unwrap();
        assert_eq!(found, ReadBack { sessions: 3_000, left_out: 0 });
        assert_eq!((again.size().sessions, again.size().bytes), (3_000, store.size().bytes));
        assert_eq!(again.remembers_since(), NOW, "so attempts of then can be finished");
        assert_eq!(claim(&again, "long", hour, LATER), Claim::Taken { which: 0 });
        assert_eq!(claim(&again, "short", hour, LATER), Claim::First, "its time was over");
        let one = sample(17, NOW);
        let Peek::Live(found) = again.peek(one.key()) else { panic!("gone") };
        assert_eq!((found.user(), found.expires_at()), (one.user(), one.expires_at()));
        let by_user = again.by_user(one.idp(), one.user()).now_or_never().unwrap().unwrap();
        assert_eq!(by_user, [*one.key()], "the index too");
    }

    #[test]
    fn limits_of_age_go_on_counting_while_nobody_is_there() {
        let store = with(10);
        let idle = sample(0, NOW).expires_at();
        let (_, found) = read(&pieces(&store, NOW), idle).unwrap();
        assert_eq!(found, ReadBack { sessions: 0, left_out: 10 });
    }

    #[test]
    fn what_has_ended_is_not_written_and_what_has_no_place_is_not_read() {
        let store = with(10);
        store.remove(sample(3, NOW).key()).now_or_never().unwrap().unwrap();
        let written = pieces(&store, NOW);
        let gone = *sample(4, NOW).key();
        let mut left = written.into_iter();
        let (again, found) =
            MemoryStore::read_back(MAX, NOW, &|session| *session.key() != gone, || Ok(left.next())).unwrap();
        assert_eq!(found, ReadBack { sessions: 8, left_out: 1 });
        for key in [gone, *sample(3, NOW).key()] {
            assert!(matches!(again.peek(&key), Peek::Absent));
        }
    }

    #[test]
    fn pieces_that_are_not_all_there_are_nothing() {
        let store = with(1_500);
        assert_eq!(claim(&store, "one", LATER, NOW), Claim::First);
        let whole = pieces(&store, NOW);
        for missing in 0..whole.len() {
            let mut some = whole.clone();
            some.remove(missing);
            assert!(read(&some, NOW).is_err(), "without piece {missing} of {}", whole.len());
        }
        let twice = [whole.clone(), whole.clone()].concat();
        assert!(read(&twice, NOW).is_err());
        for (at, piece) in whole.iter().enumerate() {
            for length in [0, 1, piece.len() / 2, piece.len() - 1] {
                let mut some = whole.clone();
                some[at].truncate(length);
                assert!(read(&some, NOW).is_err(), "piece {at} cut to {length}");
            }
        }
        assert!(read(&whole, NOW.minus(Duration::from_secs(1))).is_err(), "made later than now");
        let failing = MemoryStore::read_back(MAX, NOW, &|_| true, || Err("the disk".into()));
        assert_eq!(failing.err().as_deref(), Some("the disk"));
    }

    #[test]
    fn a_smaller_store_keeps_those_that_were_used_last() {
        let store = MemoryStore::new(MAX, NOW);
        for n in 0..1_000 {
            let session = Sample::new(n).session(NOW);
            assert!(session.touch(NOW.plus(Duration::from_secs(n))));
            store.insert(Arc::new(session)).now_or_never().unwrap().unwrap();
        }
        let (mut left, now) = (pieces(&store, NOW).into_iter(), NOW);
        let small = 100 * u64::from(sample(0, NOW).weight());
        let (again, _) = MemoryStore::read_back(small, now, &|_| true, || Ok(left.next())).unwrap();
        assert!(again.size().bytes <= small && again.size().sessions > 50, "{:?}", again.size());
        assert!(matches!(again.peek(sample(999, NOW).key()), Peek::Live(_)));
    }
}

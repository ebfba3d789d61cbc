//! Where the headers that were made for sessions are kept, and for how long.

use crate::session::{Rendered, Session, SessionKey};
use moka::policy::EvictionPolicy;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Enough for the headers of some thirty thousand people who are active in the same five minutes.
pub(super) const RENDERED_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The life of the JWT: older headers are of no use to anybody.
const RENDERED_MAX_AGE: Duration = Duration::from_secs(5 * 60);

/// What the cache itself and the parts of a header list cost beside their text.
const RENDERED_OVERHEAD: usize = 1700;

/// A session whose slot holds headers. Weak: the cache must not keep an ended session.
#[derive(Clone)]
pub(super) struct Slot {
    pub(super) session: Weak<Session>,
    pub(super) rendered: Weak<Rendered>,
    pub(super) bytes: usize,
}

impl Slot {
    /// Takes the headers out of the session, unless it has newer ones: those have an entry of their own by now. The
    /// cause of an eviction does not tell: an entry that is replaced after its time is reported as expired.
    fn clear(&self) {
        let Some(session) = self.session.upgrade() else { return };
        let held = session.rendered().load();
        if held.as_ref().is_some_and(|held| std::ptr::eq(Arc::as_ptr(held), self.rendered.as_ptr())) {
            session.rendered().compare_and_swap(&held, None);
        }
    }
}

pub(super) fn rendered_cache(max_bytes: u64) -> moka::sync::Cache<SessionKey, Slot> {
    moka::sync::Cache::builder()
        .max_capacity(max_bytes)
        .weigher(|_, slot: &Slot| u32::try_from(slot.bytes + RENDERED_OVERHEAD).unwrap_or(u32::MAX))
        // The default policy turns newcomers away, whose headers would then be signed anew at each request.
        .eviction_policy(EvictionPolicy::lru())
        .time_to_live(RENDERED_MAX_AGE)
        .eviction_listener(|_, slot: Slot, _cause| slot.clear())
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;
    use crate::session::suite::Sample;
    use http::{HeaderName, HeaderValue};

    const NOW: Moment = Moment::from_seconds(1_700_000_000);

    fn with_headers(n: u64) -> Arc<Session> {
        let session = Arc::new(Sample::new(n).session(NOW));
        renew(&session);
        session
    }

    fn renew(session: &Session) {
        let headers = Box::new([(HeaderName::from_static("x"), HeaderValue::from_static("y"))]);
        session.rendered().store(Some(Arc::new(Rendered::new(headers, NOW))));
    }

    fn slot(session: &Arc<Session>) -> Slot {
        let rendered = session.rendered().load().as_ref().map(Arc::downgrade).unwrap_or_default();
        Slot { session: Arc::downgrade(session), rendered, bytes: 2000 - RENDERED_OVERHEAD }
    }

    #[test]
    fn headers_are_forgotten_with_their_own_entry_and_no_other() {
        let session = with_headers(1);
        let old = slot(&session);
        renew(&session);
        let new = slot(&session);
        // What the cache reports about an entry that is replaced after its time.
        old.clear();
        assert!(session.rendered().load().is_some());
        new.clear();
        assert!(session.rendered().load().is_none());
        new.clear();
    }

    #[test]
    fn headers_beyond_the_bound_leave_the_session_that_was_asked_for_longest_ago() {
        let cache = rendered_cache(6000);
        let sessions: Vec<_> = (0..5).map(with_headers).collect();
        for session in &sessions {
            cache.insert(*session.key(), slot(session));
            cache.run_pending_tasks();
        }
        let kept: Vec<bool> = sessions.iter().map(|session| session.rendered().load().is_some()).collect();
        assert_eq!(kept, [false, false, true, true, true]);
    }

    #[test]
    fn renewed_headers_are_not_taken_for_forgotten_ones() {
        let cache = rendered_cache(6000);
        let session = with_headers(1);
        for _ in 0..3 {
            renew(&session);
            cache.insert(*session.key(), slot(&session));
            cache.run_pending_tasks();
        }
        assert!(session.rendered().load().is_some());
    }

    #[test]
    fn the_cache_keeps_no_session() {
        let cache = rendered_cache(6000);
        let session = with_headers(1);
        cache.insert(*session.key(), slot(&session));
        cache.run_pending_tasks();
        assert_eq!(Arc::strong_count(&session), 1);
    }
}

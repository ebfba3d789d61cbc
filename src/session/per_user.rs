//! How many sessions one person may have on a site at the same time.

use super::{Session, SessionKey};
use std::num::NonZeroU32;
use std::sync::Arc;

/// The most sessions of one person, (IdP, user), on one site, and what becomes of one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerUser {
    /// So many.
    pub most: NonZeroU32,
    /// What becomes of one more.
    pub on_limit: OnLimit,
}

/// What becomes of a sign-in that is one too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLimit {
    /// It is refused.
    Refuse,
    /// It takes the place of the oldest session.
    EndOldest,
}

/// Whether a session found a place beside the others of its person.
#[derive(Debug)]
#[must_use]
pub enum Placed {
    /// It is in the store.
    In {
        /// Those that made room: they have been removed and ended.
        ended: Vec<Arc<Session>>,
    },
    /// It is not: there are so many already, all of them living.
    Full {
        /// How many.
        living: usize,
    },
}

impl PerUser {
    /// Whether one more has no place beside so many.
    pub const fn is_reached_by(&self, living: usize) -> bool {
        living >= self.most()
    }

    /// Those of the living that have to go for one more: the ones that signed in first. Everybody who knows the same sessions
    /// names the same.
    pub fn surplus(&self, mut living: Vec<Arc<Session>>) -> Vec<Arc<Session>> {
        let too_many = (living.len() + 1).saturating_sub(self.most());
        living.sort_by_key(|session| (session.established_at(), session.key().0));
        living.truncate(too_many);
        living
    }

    const fn most(&self) -> usize {
        // A number of sessions: no machine has more memory than numbers.
        self.most.get() as usize
    }
}

impl Session {
    /// Whether it is one of the same person on the same site as the other, and not one of those that are left out.
    pub fn is_beside(&self, other: &Self, left_out: &[SessionKey]) -> bool {
        use crate::identity::Person as _;
        self.key() != other.key()
            && self.site() == other.site()
            && self.idp() == other.idp()
            && self.user() == other.user()
            && !left_out.contains(self.key())
    }
}

#[cfg(test)]
mod tests {
    use super::super::suite::{Sample, site};
    use super::*;
    use crate::clock::Moment;
    use std::time::Duration;

    const NOW: Moment = Moment::from_seconds(1_700_000_000);

    fn ada(n: u64, at: u64) -> Arc<Session> {
        let sample = Sample { user: "ada".into(), ..Sample::new(n) };
        Arc::new(sample.session(NOW.plus(Duration::from_secs(at))))
    }

    #[test]
    fn the_first_to_come_are_the_first_to_go() {
        let most = |most| PerUser { most: NonZeroU32::new(most).unwrap(), on_limit: OnLimit::EndOldest };
        let all = vec![ada(1, 30), ada(2, 10), ada(3, 20)];
        let going = |limit: PerUser| -> Vec<_> {
            limit.surplus(all.clone()).iter().map(|session| session.established_at().seconds()).collect()
        };
        let at = |seconds: i64| NOW.seconds() + seconds;
        assert_eq!(going(most(4)), [] as [i64; 0]);
        assert_eq!(going(most(3)), [at(10)]);
        assert_eq!(going(most(1)), [at(10), at(20), at(30)]);
        assert!(most(3).is_reached_by(3) && !most(3).is_reached_by(2));
    }

    #[test]
    fn a_person_is_who_signed_in_by_the_same_identity_provider_at_the_same_site() {
        let one = ada(1, 0);
        assert!(ada(2, 0).is_beside(&one, &[]));
        assert!(!ada(2, 0).is_beside(&one, &[*ada(2, 0).key()]), "left out");
        assert!(!one.is_beside(&one, &[]), "itself");
        let sample = || Sample { user: "ada".into(), ..Sample::new(3) };
        for other in [
            Sample { idp: "other", ..sample() },
            Sample { site: site(1), ..sample() },
            Sample { user: "Ada".into(), ..sample() },
        ] {
            assert!(!other.session(NOW).is_beside(&one, &[]), "{other:?}");
        }
    }
}

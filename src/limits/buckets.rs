//! Counting how often somebody asks, in a table of fixed size.
//!
//! Whoever asks is a stranger, and strangers take no memory: the table is as large at the first question as at the
//! millionth. Who asks is hashed, under a key that is made at the start, to a place in each of four rows, and has as much
//! left as the best of the four says: to be in somebody's way, others must have used up all four places, which they can
//! neither find nor hit on purpose. Somebody may be counted with too little; nobody is locked out while few others ask
//! too much.
//!
//! Each place holds one moment, at which everything that was asked will have been paid for (the generic cell rate
//! algorithm): what is not asked for longer than [`Rate::per`] is as if it had never asked.

use super::Rate;
use crate::clock::Moment;
use parking_lot::Mutex;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::time::Duration;

const ROWS: usize = 4;

/// With the rows, a mebibyte; of which only what is used takes memory.
const PLACES: usize = 1 << 15;

/// The counts of everybody who asks.
pub struct Buckets {
    rate: Rate,
    hasher: RandomState,
    since: Moment,
    /// Microseconds since `since`; row by row.
    places: Mutex<Box<[u64]>>,
}

impl Buckets {
    /// Nobody has asked yet.
    pub fn new(rate: Rate, now: Moment) -> Self {
        let places = vec![0; ROWS * PLACES].into_boxed_slice();
        Self { rate, hasher: RandomState::new(), since: now, places: Mutex::new(places) }
    }

    /// What it holds everybody to.
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// Counts a question. What is refused is not counted.
    ///
    /// # Errors
    /// How long to wait before the next one.
    pub fn take(&self, who: &impl Hash, now: Moment) -> Result<(), Duration> {
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX / 4);
        let now = micros(now.since(self.since));
        let whole = micros(self.rate.per).max(1);
        let one = (whole / u64::from(self.rate.count.max(1))).max(1);
        // With one of them left to pay for.
        let most = whole.saturating_sub(one);
        let mut hash = self.hasher.hash_one(who);
        let mine: [usize; ROWS] = std::array::from_fn(|row| {
            let place = usize::try_from(hash % PLACES as u64).unwrap_or_default();
            hash /= PLACES as u64;
            row * PLACES + place
        });
        let mut places = self.places.lock();
        // A debt that is larger than any can be: the clock was set back.
        let due = |at: u64| if at > now + whole { now } else { at.max(now) };
        let best = mine.iter().filter_map(|at| places.get(*at)).map(|at| due(*at)).min().unwrap_or(u64::MAX);
        if best - now > most {
            return Err(Duration::from_micros(best - now - most));
        }
        for at in mine {
            if let Some(place) = places.get_mut(at) {
                *place = due(*place).max(best + one);
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Buckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buckets").field("rate", &self.rate).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_seconds(1_700_000_000);
    const RATE: Rate = Rate { count: 60, per: Duration::from_secs(60) };

    fn later(millis: u64) -> Moment {
        NOW.plus(Duration::from_millis(millis))
    }

    fn taken(buckets: &Buckets, who: u64, now: Moment, tries: usize) -> usize {
        (0..tries).filter(|_| buckets.take(&who, now).is_ok()).count()
    }

    #[test]
    fn so_many_at_once_and_then_one_by_one() {
        let buckets = Buckets::new(RATE, NOW);
        assert_eq!(taken(&buckets, 1, NOW, 100), 60);
        assert_eq!(buckets.take(&1_u64, NOW), Err(Duration::from_secs(1)));
        assert_eq!(buckets.take(&1_u64, later(400)), Err(Duration::from_millis(600)));
        assert_eq!(taken(&buckets, 1, later(1000), 5), 1);
        assert_eq!(taken(&buckets, 1, later(11_000), 50), 10);
        assert_eq!(taken(&buckets, 1, later(3_600_000), 100), 60, "no more is saved up");
    }

    #[test]
    fn others_are_others() {
        let buckets = Buckets::new(RATE, NOW);
        assert_eq!(taken(&buckets, 1, NOW, 100), 60);
        assert_eq!(taken(&buckets, 2, NOW, 100), 60);
    }

    #[test]
    fn a_flood_of_strangers_leaves_nearly_everybody_alone_and_takes_no_memory() {
        let buckets = Buckets::new(RATE, NOW);
        // Four thousand addresses that each ask for all they can get.
        for who in 0..4_000_u64 {
            taken(&buckets, who, NOW, 61);
        }
        let refused = (1_000_000..1_002_000_u64).filter(|who| buckets.take(who, NOW).is_err()).count();
        assert!(refused < 20, "{refused} of 2000 honest ones");
        assert_eq!(buckets.places.lock().len(), ROWS * PLACES);
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let buckets = Buckets::new(RATE, NOW);
        assert_eq!(taken(&buckets, 1, later(7_200_000), 100), 60);
        assert_eq!(taken(&buckets, 1, later(0), 100), 60);
        assert_eq!(taken(&buckets, 1, NOW.minus(Duration::from_secs(60)), 1), 0, "as if it were the start");
    }

    #[test]
    fn rates_of_any_size_count() {
        for rate in [
            Rate { count: 1, per: Duration::from_secs(3600) },
            Rate { count: 1_000_000, per: Duration::from_secs(1) },
        ] {
            let buckets = Buckets::new(rate, NOW);
            let most = rate.count as usize;
            assert_eq!(taken(&buckets, 9, NOW, most + 10), most, "{rate}");
        }
    }
}

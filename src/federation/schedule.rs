//! When to look again: as often as the metadata asks for, within what the owner allows; never all gates at once; less
//! and less often where it fails.

use crate::clock::Moment;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Without a `cacheDuration`. A question with a condition costs next to nothing.
const USUAL: Duration = HOUR;
/// Whatever `cacheDuration` says.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Whatever `cacheDuration` says, where nothing shorter is configured.
const SHORTEST: Duration = HOUR;

/// How often a source is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// An address. `at_most`: `metadata_refresh`.
    Polite {
        /// The longest interval that the owner wants.
        at_most: Option<Duration>,
    },
    /// A file of this machine, of which only the date is looked at.
    Watching,
}

/// How often a file's date is looked at.
const WATCH_EVERY: Duration = Duration::from_secs(5);

impl Pace {
    /// How long to wait after a good reading.
    pub(super) fn after_success(
        self,
        cache_duration: Option<Duration>,
        valid_until: Option<Moment>,
        now: Moment,
    ) -> Duration {
        let Self::Polite { at_most } = self else { return WATCH_EVERY };
        let longest = at_most.unwrap_or(LONGEST);
        let wanted = cache_duration.unwrap_or(USUAL).clamp(SHORTEST.min(longest), longest);
        // There must be time for some tries before it ends.
        let left = valid_until.map_or(Duration::MAX, |until| until.since(now) / 2);
        wanted.min(left.max(MINUTE))
    }

    /// How long to wait after so many failures in a row. `urgent`: nobody can sign in until it succeeds.
    pub(super) fn after_failure(self, failures: u32, urgent: bool) -> Duration {
        let Self::Polite { at_most } = self else { return WATCH_EVERY };
        let (first, longest) = if urgent { (5, 5 * MINUTE) } else { (30, HOUR) };
        let doubled = Duration::from_secs(first << failures.saturating_sub(1).min(12));
        doubled.min(longest).min(at_most.unwrap_or(LONGEST))
    }
}

/// The same, shorter by up to a tenth, so that a thousand gates that were started together do not ask together.
/// `chance` is a random octet.
pub(super) fn jittered(pause: Duration, chance: u8) -> Duration {
    pause - pause / 10 * u32::from(chance) / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_seconds(1_800_000_000);
    const DEFAULT: Pace = Pace::Polite { at_most: None };

    #[test]
    fn cache_duration_is_honoured_within_bounds() {
        let after =
            |pace: Pace, hours: Option<u64>| pace.after_success(hours.map(|h| HOUR * h as u32), None, NOW);
        assert_eq!(after(DEFAULT, None), HOUR);
        assert_eq!(after(DEFAULT, Some(6)), 6 * HOUR);
        assert_eq!(after(DEFAULT, Some(0)), HOUR);
        assert_eq!(after(DEFAULT, Some(1000)), 24 * HOUR);
        let often = Pace::Polite { at_most: Some(5 * MINUTE) };
        assert_eq!(after(often, None), 5 * MINUTE);
        assert_eq!(after(often, Some(6)), 5 * MINUTE);
        let seldom = Pace::Polite { at_most: Some(12 * HOUR) };
        assert_eq!(after(seldom, Some(1000)), 12 * HOUR);
        assert_eq!(after(seldom, None), HOUR);
    }

    #[test]
    fn before_the_end_of_validity_it_is_read_several_times() {
        let until = |left| Some(NOW.plus(left));
        assert_eq!(DEFAULT.after_success(None, until(10 * HOUR), NOW), HOUR);
        assert_eq!(DEFAULT.after_success(None, until(HOUR), NOW), HOUR / 2);
        assert_eq!(DEFAULT.after_success(None, until(MINUTE / 6), NOW), MINUTE);
        assert_eq!(DEFAULT.after_success(None, Some(NOW.minus(HOUR)), NOW), MINUTE);
    }

    #[test]
    fn failures_are_followed_by_longer_and_longer_pauses() {
        let pauses: Vec<u64> = (1..=9).map(|n| DEFAULT.after_failure(n, false).as_secs()).collect();
        assert_eq!(pauses, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
        assert_eq!(DEFAULT.after_failure(1, true).as_secs(), 5);
        assert_eq!(DEFAULT.after_failure(u32::MAX, true), 5 * MINUTE);
        assert_eq!(Pace::Watching.after_failure(9, true), WATCH_EVERY);
    }

    #[test]
    fn jitter_only_shortens_and_by_a_tenth_at_most() {
        assert_eq!(jittered(HOUR, 0), HOUR);
        assert_eq!(jittered(HOUR, 255), HOUR - HOUR / 10);
        assert!(jittered(HOUR, 100) > jittered(HOUR, 101));
    }
}

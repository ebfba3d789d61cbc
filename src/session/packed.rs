//! What a session knows beside its person, in few bits: there may be a million of them, and each octet counts.

use super::browser::Browser;

/// The idle timeout, whether the sign-in was forced, and the browser.
///
/// ```text
/// 31                    7   6   5    3 2    0
/// | idle timeout, 25 bits | forced | name | system |
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Traits(u32);

impl Traits {
    /// Of an idle timeout in seconds: at least one. A year and three weeks or more are for ever; the configuration allows 366
    /// days.
    pub(super) fn new(idle_timeout: u32, forced: bool) -> Self {
        Self(idle_timeout.clamp(1, FOR_EVER) << IDLE | u32::from(forced) << FORCED)
    }

    pub(super) const fn idle_timeout(self) -> u32 {
        let idle_timeout = self.0 >> IDLE;
        if idle_timeout == FOR_EVER { u32::MAX } else { idle_timeout }
    }

    pub(super) const fn is_forced(self) -> bool {
        self.0 >> FORCED & 1 == 1
    }

    pub(super) const fn in_browser(self, browser: Browser) -> Self {
        let [name, system] = browser.to_bytes();
        let bits = (name as u32 & BROWSER) << NAME | system as u32 & BROWSER;
        Self(self.0 & !((1 << FORCED) - 1) | bits)
    }

    pub(super) fn browser(self) -> Browser {
        let [name, system] = [self.0 >> NAME & BROWSER, self.0 & BROWSER];
        Browser::from_bytes([name, system].map(|bits| u8::try_from(bits).unwrap_or_default()))
    }
}

/// How long before its end something was, to two seconds, as what is used is mostly an even number of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BeforeEnd([u8; 3]);

impl BeforeEnd {
    /// Both in seconds since the epoch. What was longer before the end than a year and three weeks was so long before it.
    pub(super) const fn new(at: u32, end: u32) -> Self {
        let longest = (1 << 24) - 1;
        let pairs = end.saturating_sub(at).div_ceil(2);
        let [_, a, b, c] = if pairs < longest { pairs } else { longest }.to_be_bytes();
        Self([a, b, c])
    }

    /// In seconds since the epoch; never later than it was, unless that was too long ago.
    pub(super) const fn of(self, end: u32) -> u32 {
        let [a, b, c] = self.0;
        end.saturating_sub(u32::from_be_bytes([0, a, b, c]) * 2)
    }
}

/// Bits below the idle timeout.
const IDLE: u32 = 7;
const FOR_EVER: u32 = u32::MAX >> IDLE;
const FORCED: u32 = 6;
const NAME: u32 = 3;
const BROWSER: u32 = 0b111;

#[cfg(test)]
mod tests {
    use super::super::{BrowserName, System};
    use super::*;

    #[test]
    fn what_is_packed_is_read_as_it_was() {
        let browser = Browser { name: BrowserName::Samsung, system: System::ChromeOs };
        for (idle, forced) in [(1, true), (3600, false), (366 * 24 * 3600, true)] {
            let plain = Traits::new(idle, forced);
            assert_eq!((plain.idle_timeout(), plain.is_forced()), (idle, forced));
            assert_eq!(plain.browser(), Browser::default());
            let with = plain.in_browser(browser);
            assert_eq!((with.idle_timeout(), with.is_forced(), with.browser()), (idle, forced, browser));
            assert_eq!(with.in_browser(Browser::default()), plain);
        }
        assert_eq!(Traits::new(0, false).idle_timeout(), 1);
        assert_eq!(Traits::new(u32::MAX, false).idle_timeout(), u32::MAX);
    }

    #[test]
    fn a_moment_before_the_end_is_known_to_two_seconds() {
        let end = 1_800_000_000;
        for (before, told) in [(0, 0), (1, 2), (2, 2), (43_200, 43_200), (366 * 24 * 3600, 366 * 24 * 3600)] {
            assert_eq!(BeforeEnd::new(end - before, end).of(end), end - told, "{before}");
        }
        assert_eq!(BeforeEnd::new(end + 5, end).of(end), end);
        assert!(BeforeEnd::new(0, end).of(end) > 0, "so long ago that nobody knows");
    }
}

//! Durations as XML Schema writes them (`PT1H`, `P1D`), for `cacheDuration`.

use std::time::Duration;

/// The units in their order, in seconds. A month has the fewest days that one can have, and a year 365, so that
/// nothing is kept longer than it may be.
const DATE: [(u8, u64); 3] = [(b'Y', 365 * 86_400), (b'M', 28 * 86_400), (b'D', 86_400)];
const TIME: [(u8, u64); 3] = [(b'H', 3600), (b'M', 60), (b'S', 1)];

/// Reads such a duration; `None` when it is not one, is negative, or does not fit. Fractions of a second are cut off.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let rest = text.trim_matches([' ', '\t', '\r', '\n']).strip_prefix('P')?;
    let (date, time) = match rest.split_once('T') {
        Some((date, time)) if !time.is_empty() => (date, Some(time)),
        Some(_) => return None,
        None => (rest, None),
    };
    if date.is_empty() && time.is_none() {
        return None;
    }
    let seconds = sum(date, &DATE)?.checked_add(sum(time.unwrap_or(""), &TIME)?)?;
    Some(Duration::from_secs(seconds))
}

fn sum(mut text: &str, units: &[(u8, u64)]) -> Option<u64> {
    let mut sum: u64 = 0;
    let mut units = units.iter();
    while !text.is_empty() {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = text.split_at(digits);
        let (whole, unit) = match rest.strip_prefix('.') {
            Some(fraction) => {
                let end = fraction.bytes().take_while(u8::is_ascii_digit).count();
                let unit = fraction.get(end..).filter(|unit| end > 0 && unit.starts_with('S'))?;
                (number, unit)
            }
            None => (number, rest),
        };
        let letter = *unit.as_bytes().first()?;
        let (_, seconds) = units.find(|(known, _)| *known == letter)?;
        sum = sum.checked_add(whole.parse::<u64>().ok()?.checked_mul(*seconds)?)?;
        text = unit.get(1..)?;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, seconds) in [
            ("PT1H", 3600),
            ("PT6H0M0.000S", 21_600),
            ("P1D", 86_400),
            ("P1DT12H", 129_600),
            ("PT604800S", 604_800),
            ("P0Y0M7DT0H0M0.5S", 604_800),
            ("P1Y2M", 365 * 86_400 + 56 * 86_400),
            ("PT0S", 0),
            (" PT5M\n", 300),
        ] {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_not_read() {
        for text in [
            "",
            "P",
            "PT",
            "P1",
            "1D",
            "PT1D",
            "P1H",
            "-P1D",
            "P-1D",
            "PT1M1H",
            "PT1.5H",
            "PT1.S",
            "PT.5S",
            "P1DT",
            "PTS",
            "PT1HT1M",
            "P1W",
            "3600",
            "P99999999999999999999D",
            "PT18446744073709551615H",
            "PT١S",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}

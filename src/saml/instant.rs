//! Times as SAML writes them (Core 1.3.3): xs:dateTime in UTC.
//!
//! One spelling is read: `YYYY-MM-DDThh:mm:ss`, perhaps a fraction, then `Z`. `+00:00` and `-00:00` say the same and
//! are read too, because some libraries write them. Every other zone, a missing zone (a local time, which means
//! something else on every machine), years that do not have four digits, `24:00:00` and leap seconds are refused: a
//! time that two readers could understand differently has no place in a decision.

use crate::clock::Moment;
use jiff::civil::DateTime;
use std::time::Duration;

/// Reads such a time; `None` when it is not one. Below the millisecond it is cut off, not rounded.
pub(super) fn parse(text: &str) -> Option<Moment> {
    let (clock, fraction_and_zone) = text.split_at_checked("2000-01-01T00:00:00".len())?;
    let fraction = strip_utc(fraction_and_zone)?;
    let millis = match fraction.strip_prefix('.') {
        Some(digits) => millis_of(digits)?,
        None if fraction.is_empty() => 0,
        None => return None,
    };

    let octets = clock.as_bytes();
    for (position, separator) in [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')] {
        if octets.get(position) != Some(&separator) {
            return None;
        }
    }
    let number = |from: usize, to: usize| -> Option<i16> {
        let digits = clock.get(from..to)?;
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        digits.parse().ok()
    };
    let small = |from: usize| number(from, from + 2).and_then(|n| i8::try_from(n).ok());
    let civil =
        DateTime::new(number(0, 4)?, small(5)?, small(8)?, small(11)?, small(14)?, small(17)?, 0).ok()?;
    // Not through a timestamp: jiff's end a day before the year 9999 does, and "never" is often written as its last
    // second.
    let epoch = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    Some(Moment::from_seconds(civil.duration_since(epoch).as_secs()).plus(Duration::from_millis(millis)))
}

/// The time as our own messages write it: whole seconds, `Z`.
pub(super) fn write(at: Moment) -> String {
    match jiff::Timestamp::from_second(at.seconds()) {
        Ok(timestamp) => timestamp.to_string(),
        // Outside the years that jiff knows: no clock shows that, and no IdP would take it.
        Err(_) => at.to_string(),
    }
}

fn strip_utc(text: &str) -> Option<&str> {
    ["Z", "+00:00", "-00:00"].iter().find_map(|zone| text.strip_suffix(zone))
}

fn millis_of(fraction: &str) -> Option<u64> {
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(3);
    Some(digits.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utc_is_read_with_and_without_a_fraction() {
        let base = 1_700_000_000_000;
        for (text, millis) in [
            ("2023-11-14T22:13:20Z", 0),
            ("2023-11-14T22:13:20+00:00", 0),
            ("2023-11-14T22:13:20-00:00", 0),
            ("2023-11-14T22:13:20.5Z", 500),
            ("2023-11-14T22:13:20.123Z", 123),
            ("2023-11-14T22:13:20.1239999Z", 123),
            ("2023-11-14T22:13:20.12+00:00", 120),
        ] {
            assert_eq!(parse(text), Some(Moment::from_millis(base + millis)), "{text}");
        }
        assert_eq!(parse("2024-02-29T00:00:00Z"), Some(Moment::from_seconds(1_709_164_800)));
        assert_eq!(parse("1969-12-31T23:59:59.999Z"), Some(Moment::from_millis(-1)));
        assert_eq!(parse("9999-12-31T23:59:59.999Z"), Some(Moment::from_millis(253_402_300_799_999)));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_not_read() {
        for text in [
            "",
            "Z",
            "2023-11-14T22:13:20",
            "2023-11-14T22:13:20+01:00",
            "2023-11-14T22:13:20+0000",
            "2023-11-14T22:13:20z",
            "2023-11-14t22:13:20Z",
            "2023-11-14 22:13:20Z",
            " 2023-11-14T22:13:20Z",
            "2023-11-14T22:13:20Z ",
            "2023-11-14T22:13:20.Z",
            "2023-11-14T22:13:20,5Z",
            "2023-11-14T22:13:20.5x1Z",
            "2023-11-14T22:13:20ZZ",
            "2023-11-14T22:13:60Z",
            "2023-11-14T24:00:00Z",
            "2023-02-29T00:00:00Z",
            "2023-13-01T00:00:00Z",
            "2023-00-01T00:00:00Z",
            "12023-11-14T22:13:20Z",
            "-2023-11-14T22:13:20Z",
            "+023-11-14T22:13:20Z",
            "2023-11-14T22:13:+0Z",
            "2023-11-14",
            "1700000000",
            "２０23-11-14T22:13:20Z",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let at = Moment::from_seconds(1_700_000_000);
        assert_eq!(write(at), "2023-11-14T22:13:20Z");
        assert_eq!(parse(&write(at)), Some(at));
    }
}

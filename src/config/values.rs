//! The kinds of values: each reads the text that stands under its key.

use super::reader::{Field, Found, Place, Read, Reader, Slot, is_list, kind};
use super::schema::{Shape, closest};
use crate::clock::Moment;
use crate::config::ConsoleAddress;
use crate::secret::Secret;
use figment::value::Value;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A value made from one text. The error is what comes after the key in the problem: "is not a …".
pub(super) trait Scalar: Sized {
    fn parse(text: &str) -> Result<Self, String>;
}

impl<T: Scalar> Read for T {
    fn shape() -> Shape {
        Shape::Scalar
    }

    fn read(value: &Value, place: &Place, reader: &mut Reader<'_>) -> Option<Self> {
        let text = text(value, place, reader)?;
        T::parse(text).map_err(|message| reader.report.error(place.problem(message))).ok()
    }
}

fn text<'v>(value: &'v Value, place: &Place, reader: &mut Reader<'_>) -> Option<&'v str> {
    let message = match value.as_str() {
        Some(text) if text.trim().is_empty() => "is empty".to_owned(),
        Some(text) => return Some(text),
        None => format!("must be a single value, not {}", kind(value)),
    };
    reader.report.error(place.problem(message));
    None
}

/// One line of text.
impl Scalar for String {
    fn parse(text: &str) -> Result<Self, String> {
        if text.chars().any(char::is_control) {
            return Err("must be one line without control characters".into());
        }
        Ok(text.to_owned())
    }
}

/// Text of several lines: PEM, XML.
#[derive(Debug, Clone)]
pub(super) struct Block(pub(super) String);

impl Scalar for Block {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned()))
    }
}

/// A secret as it stands in the file; never shown.
impl Scalar for Secret {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self::from(text.to_owned()))
    }
}

impl Scalar for bool {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "true" | "True" | "TRUE" => Ok(true),
            "false" | "False" | "FALSE" => Ok(false),
            other => Err(format!("must be true or false, not `{other}`")),
        }
    }
}

/// `30m`, `12h`, `1h30m`, `250ms`: numbers with a unit each. A number without a unit is refused: seconds for one
/// product are minutes for the next.
impl Scalar for Duration {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("is not a duration: `{text}`; write a number and a unit, such as 30m, 12h or 5s");
        let mut total = Self::ZERO;
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
            let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
            let after = &rest[digits..];
            let unit = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
            let millis = match &after[..unit] {
                "ms" => 1,
                "s" => 1000,
                "m" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                _ => return Err(wrong()),
            };
            let part = number.checked_mul(millis).ok_or_else(wrong)?;
            total = total.checked_add(Self::from_millis(part)).ok_or_else(wrong)?;
            rest = &after[unit..];
        }
        // Moments are 64-bit milliseconds; a hundred years is for ever.
        if total > Self::from_secs(100 * 366 * 86_400) {
            return Err(format!("is longer than a hundred years: `{text}`"));
        }
        Ok(total)
    }
}

/// A day, as `2027-01-31`, and the moment at which it is over in UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Date {
    pub(super) text: String,
    pub(super) end: Moment,
}

impl Scalar for Date {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("is not a date: `{text}`; write it as 2027-01-31");
        // jiff would take other spellings of a date too.
        if text.len() != 10 {
            return Err(wrong());
        }
        let day: jiff::civil::Date = text.parse().map_err(|_| wrong())?;
        let midnight =
            day.tomorrow().and_then(|next| next.to_zoned(jiff::tz::TimeZone::UTC)).map_err(|_| wrong())?;
        Ok(Self { text: text.to_owned(), end: Moment::from_millis(midnight.timestamp().as_millisecond()) })
    }
}

/// A duration as it is written in the file, for messages.
pub(super) fn show(duration: Duration) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")];
    let mut millis = duration.as_millis();
    let mut shown = String::new();
    for (size, unit) in units {
        if millis >= size {
            shown.push_str(&format!("{}{unit}", millis / size));
            millis %= size;
        }
    }
    if shown.is_empty() { "0s".into() } else { shown }
}

/// `64KiB`, `512MiB`; a bare number is bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size(pub(super) u64);

impl Scalar for Size {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse::<bytesize::ByteSize>().map(|size| Self(size.0)).map_err(|_| {
            format!("is not a size: `{text}`; write a number and a unit, such as 64KiB or 512MiB")
        })
    }
}

/// A part of the whole: from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Share(pub(super) f64);

impl Scalar for Share {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("is not a share from 0 to 1: `{text}`; write 0.1 for one of ten, 1 for all");
        let share: f64 = text.parse().map_err(|_| wrong())?;
        // Not a number is in no range.
        if (0.0..=1.0).contains(&share) { Ok(Self(share)) } else { Err(wrong()) }
    }
}

/// How many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count(pub(super) u32);

impl Scalar for Count {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| format!("is not a number: `{text}`"))
    }
}

impl Scalar for SocketAddr {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| {
            format!("is not an address: `{text}`; write IP:PORT, such as 127.0.0.1:4180, 0.0.0.0:4180 or [::]:4180")
        })
    }
}

/// `127.0.0.1:9091`, or `unix:/run/vestibule/console.sock`.
impl Scalar for ConsoleAddress {
    fn parse(text: &str) -> Result<Self, String> {
        let Some(path) = text.strip_prefix("unix:") else {
            return SocketAddr::parse(text)
                .map(Self::Tcp)
                .map_err(|e| format!("{e}, or unix:/run/vestibule/console.sock"));
        };
        let path = Path::new(path);
        match path.is_absolute() && path.file_name().is_some() {
            true => Ok(Self::Unix(path.to_owned())),
            false => Err(format!(
                "is not the whole path of a socket: `{text}`; write unix:/run/vestibule/console.sock"
            )),
        }
    }
}

/// `10.0.0.0/8`, or one address.
impl Scalar for IpNet {
    fn parse(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::from(address));
        }
        let net: Self = text
            .parse()
            .map_err(|_| format!("is not a network: `{text}`; write it as 10.0.0.0/8 or fd00::/8"))?;
        if net.trunc() != net {
            return Err(format!("has host bits set: `{text}`; the network is {}", net.trunc()));
        }
        Ok(net)
    }
}

/// A value that can be switched off with the word `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OrOff<T> {
    Off,
    On(T),
}

impl<T: Scalar> Scalar for OrOff<T> {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "off" {
            Ok(Self::Off)
        } else {
            T::parse(text).map(Self::On).map_err(|e| format!("{e}, or off"))
        }
    }
}

/// One of a few words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word<T>(pub(super) T);

/// The words of an enum.
pub(super) trait Words: Clone + 'static {
    const WORDS: &'static [(&'static str, Self)];
    /// Words that somebody may expect, and what to do instead.
    const REFUSED: &'static [(&'static str, &'static str)] = &[];
}

impl<T: Words> Scalar for Word<T> {
    fn parse(text: &str) -> Result<Self, String> {
        if let Some((_, value)) = T::WORDS.iter().find(|(word, _)| *word == text) {
            return Ok(Self(value.clone()));
        }
        let words = T::WORDS.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        if let Some((_, instead)) = T::REFUSED.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)) {
            return Err(format!("cannot be `{text}`: {instead}"));
        }
        let slip = closest(&text.to_ascii_lowercase(), T::WORDS.iter().map(|(word, _)| *word))
            .filter(|(_, likeness)| *likeness >= 0.6);
        Err(match slip {
            Some((word, _)) => format!("cannot be `{text}`: did you mean `{word}`?"),
            None => format!("cannot be `{text}`: it can be {words}"),
        })
    }
}

/// The known word that somebody who wrote this one may have meant.
pub fn nearest_word<'w>(written: &str, known: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let (word, likeness) = closest(written, known)?;
    (likeness >= 0.5).then_some(word)
}

/// A file; a relative path is relative to the configuration's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FilePath(pub(super) PathBuf);

impl Read for FilePath {
    fn shape() -> Shape {
        Shape::Scalar
    }

    fn read(value: &Value, place: &Place, reader: &mut Reader<'_>) -> Option<Self> {
        let text = text(value, place, reader)?;
        match String::parse(text) {
            Ok(path) => Some(Self(reader.resolve(&path))),
            Err(message) => {
                reader.report.error(place.problem(message));
                None
            }
        }
    }
}

/// A section that may contain itself.
#[derive(Debug)]
pub(super) struct Nested<S>(pub(super) Box<S>);

impl<S: Slot> Read for Nested<S> {
    fn shape() -> Shape {
        S::shape()
    }

    fn read(value: &Value, place: &Place, reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self(Box::new(S::fill(Found::Value(value), place.clone(), reader))))
    }
}

/// A list.
impl<S: Slot> Read for Vec<S> {
    fn shape() -> Shape {
        Shape::List(S::shape)
    }

    fn read(value: &Value, place: &Place, reader: &mut Reader<'_>) -> Option<Self> {
        let items = reader.items(value, place)?;
        let mut list = Self::with_capacity(items.len());
        for (key, value) in items {
            let at = reader.place(place, &key);
            list.push(S::fill(Found::Value(value), at, reader));
        }
        Some(list)
    }
}

/// A list that may be written as its only item.
#[derive(Debug)]
pub(super) struct OneOrMany<T>(pub(super) Vec<Field<T>>);

impl<T: Read> Read for OneOrMany<T> {
    fn shape() -> Shape {
        Shape::Short(|| Shape::List(T::shape))
    }

    fn read(value: &Value, place: &Place, reader: &mut Reader<'_>) -> Option<Self> {
        match value {
            Value::String(..) => Some(Self(vec![Field::fill(Found::Value(value), place.clone(), reader)])),
            _ => Vec::read(value, place, reader).map(Self),
        }
    }
}

/// A section, or one value as its short form.
#[derive(Debug)]
pub(super) enum Short<T, L> {
    Short(T),
    Long(L),
}

impl<T: Read, L: Slot> Read for Short<T, L> {
    const NOTHING_IS_ABSENT: bool = true;

    fn shape() -> Shape {
        Shape::Short(L::shape)
    }

    fn read(value: &Value, place: &Place, reader: &mut Reader<'_>) -> Option<Self> {
        match value {
            Value::Dict(..) => Some(Self::Long(L::fill(Found::Value(value), place.clone(), reader))),
            // A list with nothing in it.
            Value::Array(..) if matches!(L::shape(), Shape::List(_)) => {
                Some(Self::Long(L::fill(Found::Value(value), place.clone(), reader)))
            }
            _ => T::read(value, place, reader).map(Self::Short),
        }
    }
}

/// Keys of the owner's own choice, in the order of the file.
#[derive(Debug)]
pub(super) struct Table<S>(pub(super) Vec<(String, S)>);

impl<S: Slot> Read for Table<S> {
    fn shape() -> Shape {
        Shape::Table(S::shape)
    }

    fn read(value: &Value, place: &Place, reader: &mut Reader<'_>) -> Option<Self> {
        let Value::Dict(_, entries) = value else {
            let message = format!("must be a section of `name: value` lines, not {}", kind(value));
            reader.report.error(place.problem(message));
            return None;
        };
        if is_list(value) {
            reader.report.error(place.problem("must be a section of `name: value` lines, not a list"));
            return None;
        }
        let mut rows: Vec<(Option<usize>, String, S)> = Vec::with_capacity(entries.len());
        for (name, value) in entries {
            let at = reader.place(place, name);
            rows.push((at.line(), name.clone(), S::fill(Found::Value(value), at, reader)));
        }
        rows.sort_by_key(|(line, ..)| line.unwrap_or(usize::MAX));
        Some(Self(rows.into_iter().map(|(_, name, row)| (name, row)).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_units_and_add_up() {
        let read = |text| <Duration as Scalar>::parse(text);
        assert_eq!(read("30m"), Ok(Duration::from_secs(1800)));
        assert_eq!(read("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(read("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(read("2d"), Ok(Duration::from_secs(172_800)));
        for bad in [
            "30",
            "m",
            "30x",
            "-5s",
            "5 s",
            "1.5h",
            "99999999999999999999s",
            "18446744073709551615d",
            "200000d",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        for text in ["0s", "30m", "1h30m", "1d", "1s250ms"] {
            assert_eq!(show(read(text).expect(text)), text);
        }
    }

    #[test]
    fn a_date_ends_when_its_day_does() {
        let end = |text| Date::parse(text).map(|date| date.end.to_string());
        assert_eq!(end("2027-01-31"), Ok("2027-02-01T00:00:00.000Z".into()));
        assert_eq!(end("2028-02-29"), Ok("2028-03-01T00:00:00.000Z".into()));
        for bad in
            ["2027-02-29", "31.01.2027", "2027-1-31", "2027-01-31T00:00", "20270131", "never", "9999-12-31x"]
        {
            assert!(end(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_know_their_units() {
        assert_eq!(Size::parse("64KiB"), Ok(Size(65_536)));
        assert_eq!(Size::parse("512MiB"), Ok(Size(512 << 20)));
        assert_eq!(Size::parse("4096"), Ok(Size(4096)));
        assert!(Size::parse("lots").is_err());
        assert!(Size::parse("-1KiB").is_err());
    }

    #[test]
    fn networks_say_what_they_mean() {
        assert_eq!(IpNet::parse("10.1.2.3").map(|n| n.to_string()), Ok("10.1.2.3/32".into()));
        assert_eq!(IpNet::parse("10.0.0.0/8").map(|n| n.to_string()), Ok("10.0.0.0/8".into()));
        assert!(IpNet::parse("10.0.0.1/8").is_err_and(|e| e.contains("10.0.0.0/8")));
        assert!(IpNet::parse("everything").is_err());
    }

    #[test]
    fn only_true_is_true() {
        assert_eq!(bool::parse("true"), Ok(true));
        for not in ["yes", "on", "1", "t", "tRUE"] {
            assert!(bool::parse(not).is_err(), "{not}");
        }
    }

    #[test]
    fn an_address_can_be_off() {
        assert_eq!(OrOff::<SocketAddr>::parse("off"), Ok(OrOff::Off));
        assert!(matches!(OrOff::<SocketAddr>::parse("127.0.0.1:0"), Ok(OrOff::On(_))));
        assert!(OrOff::<SocketAddr>::parse("localhost:80").is_err_and(|e| e.ends_with(", or off")));
    }
}

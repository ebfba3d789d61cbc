//! W3C Trace Context, level 1: which trace a request belongs to, as `traceparent` says it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::cell::Cell;
use std::fmt;

/// The header that carries a trace.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What others add to it. Nothing of ours is in it.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Sixteen octets, not all of them zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(pub(super) [u8; 16]);

/// Eight octets, not all of them zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(pub(super) [u8; 8]);

/// A place in a trace.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TraceContext {
    /// The trace.
    pub trace: TraceId,
    /// The span whose part is what comes next.
    pub span: SpanId,
    /// Whether somebody records it.
    pub sampled: bool,
}

impl TraceContext {
    /// What a request says of itself: one `traceparent`, written as the standard wants it. Whatever is there twice, or
    /// otherwise, is nothing.
    pub fn of_headers(headers: &HeaderMap) -> Option<Self> {
        let mut lines = headers.get_all(TRACEPARENT).iter();
        let only = lines.next().filter(|_| lines.next().is_none())?;
        Self::parse(only.as_bytes())
    }

    /// `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01` (Trace Context, 3.2). Of a later version what this one knows.
    fn parse(text: &[u8]) -> Option<Self> {
        let (known, further) = text.split_at_checked(LENGTH)?;
        let [version] = octets(known.get(..2)?)?;
        let hyphens = [2, 35, 52].iter().all(|place| known.get(*place) == Some(&b'-'));
        let may_go_on = version != 0 && further.first() == Some(&b'-');
        if version == 0xff || !hyphens || !(further.is_empty() || may_go_on) {
            return None;
        }
        let trace = octets(known.get(3..35)?).filter(|id: &[u8; 16]| id.iter().any(|octet| *octet != 0))?;
        let span = octets(known.get(36..52)?).filter(|id: &[u8; 8]| id.iter().any(|octet| *octet != 0))?;
        let [flags] = octets(known.get(53..)?)?;
        Some(Self { trace: TraceId(trace), span: SpanId(span), sampled: flags & 1 == 1 })
    }

    /// The value of `traceparent`.
    pub fn header(&self) -> HeaderValue {
        let text = format!("00-{}-{}-{:02x}", self.trace, self.span, u8::from(self.sampled));
        // Digits, letters and hyphens are always a value.
        HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
    }

    /// For a value that is sealed and in which every octet counts.
    pub fn to_short(self) -> String {
        let mut octets = [0; 25];
        let (trace, rest) = octets.split_at_mut(16);
        let (span, sampled) = rest.split_at_mut(8);
        trace.copy_from_slice(&self.trace.0);
        span.copy_from_slice(&self.span.0);
        sampled.fill(u8::from(self.sampled));
        URL_SAFE_NO_PAD.encode(octets)
    }

    /// The same, opened.
    pub fn from_short(text: &str) -> Option<Self> {
        let octets: [u8; 25] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (trace, rest) = octets.split_first_chunk()?;
        let (span, sampled) = rest.split_first_chunk()?;
        Some(Self { trace: TraceId(*trace), span: SpanId(*span), sampled: sampled == [1] })
    }
}

impl TraceId {
    pub(in crate::observe) fn random() -> Self {
        let mut id = [0; 16];
        let (first, second) = id.split_at_mut(8);
        first.copy_from_slice(&draw().to_be_bytes());
        second.copy_from_slice(&(draw() | 1).to_be_bytes());
        Self(id)
    }

    /// The part that decides whether a trace is recorded, as other programs take it (`TraceIdRatioBased`): a trace that
    /// begins elsewhere with the same share is decided alike.
    pub(super) fn chance(self) -> u64 {
        let (_, last) = self.0.split_at(8);
        u64::from_be_bytes(last.try_into().unwrap_or_default()) >> 1
    }
}

impl SpanId {
    pub(super) fn random() -> Self {
        Self((draw() | 1).to_be_bytes())
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Of a version 00.
const LENGTH: usize = 55;

/// Hexadecimal digits, the small ones only.
fn octets<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut octets = [0; N];
    if digits.len() != 2 * N {
        return None;
    }
    for (octet, pair) in octets.iter_mut().zip(digits.chunks_exact(2)) {
        let &[high, low] = pair else { return None };
        *octet = digit(high)? << 4 | digit(low)?;
    }
    Some(octets)
}

thread_local! {
    static STATE: Cell<Option<u64>> = const { Cell::new(None) };
}

/// SplitMix64, begun anew for each thread. Names of traces must differ, and nothing rests on their being secret; a system
/// call for each request would cost more than the rest of it.
fn draw() -> u64 {
    let state = STATE.get().unwrap_or_else(|| {
        let mut seed = [0; 8];
        // Without randomness nothing else works either.
        let _ = aws_lc_rs::rand::fill(&mut seed);
        u64::from_ne_bytes(seed)
    });
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    STATE.set(Some(state));
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn of(lines: &[&[u8]]) -> Option<TraceContext> {
        let headers =
            lines.iter().map(|line| (TRACEPARENT, HeaderValue::from_bytes(line).unwrap())).collect();
        TraceContext::of_headers(&headers)
    }

    #[test]
    fn what_the_standard_writes_is_read() {
        let context = of(&[GOOD.as_bytes()]).unwrap();
        assert_eq!(context.trace.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.span.to_string(), "00f067aa0ba902b7");
        assert!(context.sampled);
        assert_eq!(context.header(), GOOD);
        assert!(!of(&[GOOD.replace("-01", "-00").as_bytes()]).unwrap().sampled);
        // Other flags say nothing to us.
        assert!(of(&[GOOD.replace("-01", "-ff").as_bytes()]).unwrap().sampled);
        assert!(!of(&[GOOD.replace("-01", "-02").as_bytes()]).unwrap().sampled);
        // A later version, with what it has added.
        assert!(of(&[GOOD.replacen("00-", "cc-", 1).as_bytes()]).is_some());
        assert!(of(&[format!("{}-what-comes", GOOD.replacen("00-", "cc-", 1)).as_bytes()]).is_some());
    }

    #[test]
    fn whatever_is_written_otherwise_is_nothing() {
        let zeros = "0".repeat(32);
        for line in [
            String::new(),
            " ".into(),
            "-".repeat(55),
            "0".repeat(55),
            GOOD[..54].into(),
            format!("{GOOD}-"),
            format!("{GOOD}-00"),
            format!("{GOOD} "),
            format!(" {GOOD}"),
            format!("{GOOD},{GOOD}"),
            GOOD.to_uppercase(),
            GOOD.replacen("00-", "ff-", 1),
            GOOD.replacen("00-", "0-0", 1),
            GOOD.replacen("00-", "0g-", 1),
            format!("{}x", GOOD.replacen("00-", "cc-", 1)),
            GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &zeros),
            GOOD.replace("00f067aa0ba902b7", &zeros[..16]),
            GOOD.replace("4b", "4B"),
            GOOD.replace("4b", "é"),
            GOOD.replace('-', "_"),
            GOOD.replace("-01", "-0x"),
            "x".repeat(8000),
        ] {
            assert_eq!(of(&[line.as_bytes()]), None, "{line}");
        }
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[GOOD.as_bytes(), GOOD.as_bytes()]), None, "twice");
        assert_eq!(of(&[&[0xff; 55]]), None);
    }

    #[test]
    fn names_differ_and_are_never_zero() {
        let mut names = std::collections::HashSet::new();
        for _ in 0..10_000 {
            let (trace, span) = (TraceId::random(), SpanId::random());
            assert!(trace.0[8..] != [0; 8] && span.0 != [0; 8]);
            assert!(names.insert(trace.to_string()) && names.insert(span.to_string()));
        }
    }

    #[test]
    fn the_short_form_is_the_same_context() {
        let context = of(&[GOOD.as_bytes()]).unwrap();
        assert_eq!(TraceContext::from_short(&context.to_short()), Some(context));
        let unsampled = TraceContext { sampled: false, ..context };
        assert_eq!(TraceContext::from_short(&unsampled.to_short()), Some(unsampled));
        for wrong in ["", "AAAA", "not base64!"] {
            assert_eq!(TraceContext::from_short(wrong), None);
        }
    }
}

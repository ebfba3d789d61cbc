//! Every cookie of ours: names and attributes in one table.
//!
//! | kind | https | loopback http | SameSite |
//! |---|---|---|---|
//! | session | `__Host-vestibule` | `vestibule` | Lax |
//! | attempt | `__Host-vestibule-attempt-<suffix>` | `vestibule-attempt-<suffix>` | None, on http Lax |
//! | answered | `__Host-vestibule-answered` | `vestibule-answered` | Lax |
//! | leaving | `__Host-vestibule-leaving` | `vestibule-leaving` | None, on http Lax |
//! | choice | `__Host-vestibule-choice` | `vestibule-choice` | Lax |
//!
//! All are HttpOnly with Path=/ and never a Domain; on https all are Secure. What comes back is read strictly: a browser
//! that keeps the `__Host-` promise sends exactly our name, so another spelling is not ours. What is forwarded is
//! cleaned loosely: every spelling that an application might fold to one of our names is taken out.

use cookie::{Cookie, SameSite};
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use memchr::memchr;
use std::time::Duration;

/// How cookies are made for a site.
#[derive(Debug, Clone)]
pub struct CookiePolicy {
    /// The site is https: `__Host-` names, Secure, and attempts that come along cross-site.
    pub secure: bool,
    /// As sent, e.g. `__Host-vestibule` or `vestibule`. The other names begin with it.
    pub session_name: String,
}

/// The kinds of cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// The session's secret.
    Session,
    /// One sign-in under way, told apart by a suffix of letters, digits, `-` and `_`.
    Attempt(String),
    /// The last attempt that was answered.
    Answered,
    /// A sign-out under way at the identity provider.
    Leaving,
    /// The identity provider that was chosen last.
    Choice,
}

impl CookiePolicy {
    /// The policy for an https site (`secure`) or one on loopback http. `configured_name` is `session.cookie_name`,
    /// with or without its prefix: the prefix follows the scheme, whatever was configured.
    pub fn new(secure: bool, configured_name: &str) -> Self {
        let bare = without_prefix(configured_name);
        let bare = if is_token(bare) { bare } else { DEFAULT_NAME };
        let session_name = if secure { format!("{HOST_PREFIX}{bare}") } else { bare.to_owned() };
        Self { secure, session_name }
    }

    /// Whether `session.cookie_name` can be a cookie's name; [`CookiePolicy::new`] takes the default for one that can't.
    pub fn accepts_name(configured_name: &str) -> bool {
        is_token(without_prefix(configured_name))
    }

    /// The name on the wire.
    pub fn name(&self, kind: &Kind) -> String {
        match kind {
            Kind::Session => self.session_name.clone(),
            Kind::Attempt(suffix) => {
                let suffix: String =
                    suffix.chars().filter(|c| c.is_ascii() && is_suffix_byte(*c as u8)).collect();
                format!("{}{ATTEMPT}{suffix}", self.session_name)
            }
            Kind::Answered => format!("{}{ANSWERED}", self.session_name),
            Kind::Leaving => format!("{}{LEAVING}", self.session_name),
            Kind::Choice => format!("{}{CHOICE}", self.session_name),
        }
    }

    /// A Set-Cookie value. `max_age` None: until the browser closes.
    ///
    /// Values are sealed or random, so base64url; one that a cookie cannot hold clears the cookie instead.
    pub fn set(&self, kind: &Kind, value: &str, max_age: Option<Duration>) -> HeaderValue {
        if !value.bytes().all(is_cookie_octet) {
            return self.clear(kind);
        }
        let same_site = match kind {
            // The identity provider's answer is a cross-site POST, and browsers take None only with Secure.
            Kind::Attempt(_) | Kind::Leaving if self.secure => SameSite::None,
            Kind::Attempt(_) | Kind::Session | Kind::Answered | Kind::Leaving | Kind::Choice => SameSite::Lax,
        };
        let mut cookie = Cookie::build((self.name(kind), value))
            .path("/")
            .http_only(true)
            .secure(self.secure)
            .same_site(same_site);
        if let Some(age) = max_age {
            let seconds = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
            cookie = cookie.max_age(cookie::time::Duration::seconds(seconds));
        }
        // Name, value and attributes are visible ASCII by now, so the fallback is never taken.
        let mut header =
            HeaderValue::try_from(cookie.to_string()).unwrap_or_else(|_| HeaderValue::from_static(""));
        header.set_sensitive(true);
        header
    }

    /// A Set-Cookie value that removes the cookie.
    pub fn clear(&self, kind: &Kind) -> HeaderValue {
        self.set(kind, "", Some(Duration::ZERO))
    }

    /// The session cookie's value, from any of the Cookie lines (h2 splits them). Doubled with different values it is
    /// ambiguous, and nobody's. The hot path: allocates nothing.
    pub fn session<'a>(&self, headers: &'a HeaderMap) -> Option<&'a [u8]> {
        let name = self.session_name.as_bytes();
        the_only(crumbs(headers).filter_map(|crumb| value_of(crumb, name)))
    }

    /// The attempt cookies as (suffix, value), in the order in which the browser sent them; at most
    /// [`MAX_ATTEMPTS`] of them. A suffix that is doubled with different values is left out.
    pub fn attempts<'a>(&self, headers: &'a HeaderMap) -> Vec<(String, &'a str)> {
        let stem = [self.session_name.as_bytes(), ATTEMPT.as_bytes()].concat();
        let mut found: Vec<(&str, Option<&'a str>)> = Vec::new();
        for crumb in crumbs(headers) {
            let Some((suffix, value)) = crumb.strip_prefix(&stem[..]).and_then(split_pair) else { continue };
            if suffix.is_empty() || suffix.len() > MAX_SUFFIX || !suffix.iter().copied().all(is_suffix_byte) {
                continue;
            }
            let (Ok(suffix), Ok(value)) = (str::from_utf8(suffix), str::from_utf8(value)) else { continue };
            if let Some((_, known)) = found.iter_mut().find(|(known, _)| *known == suffix) {
                *known = known.filter(|first| *first == value);
            } else if found.len() < MAX_ATTEMPTS {
                found.push((suffix, Some(value)));
            }
        }
        found.into_iter().filter_map(|(suffix, value)| Some((suffix.to_owned(), value?))).collect()
    }

    /// The answered mark's value; doubled with different values it is nobody's.
    pub fn answered<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        self.only(&Kind::Answered, headers)
    }

    /// The value of a sign-out under way; doubled with different values it is nobody's.
    pub fn leaving<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        self.only(&Kind::Leaving, headers)
    }

    /// The last choice's value; doubled with different values it is nobody's.
    pub fn choice<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        self.only(&Kind::Choice, headers)
    }

    fn only<'a>(&self, kind: &Kind, headers: &'a HeaderMap) -> Option<&'a str> {
        let name = self.name(kind);
        let value = the_only(crumbs(headers).filter_map(|crumb| value_of(crumb, name.as_bytes())))?;
        str::from_utf8(value).ok()
    }

    /// Rewrites the Cookie header for the upstream: several lines become one joined by `; `, ours are removed in every
    /// spelling, every other byte stays, and the header goes when nothing is left.
    pub fn strip_ours(&self, headers: &mut HeaderMap) {
        let lines = headers.get_all(COOKIE).iter().count();
        if lines == 0 || (lines == 1 && !crumbs(headers).any(|crumb| self.could_be_ours(crumb))) {
            return;
        }
        let mut kept = Vec::new();
        for line in headers.get_all(COOKIE) {
            let mut first_of_line = true;
            for segment in line.as_bytes().split(|byte| *byte == b';') {
                if self.could_be_ours(segment) {
                    continue;
                }
                match (kept.is_empty(), first_of_line) {
                    // What stood after a removed cookie keeps no separator at the start of the line.
                    (true, _) => kept.extend_from_slice(segment.trim_ascii_start()),
                    (false, true) => {
                        kept.extend_from_slice(b"; ");
                        kept.extend_from_slice(segment.trim_ascii_start());
                    }
                    (false, false) => {
                        kept.push(b';');
                        kept.extend_from_slice(segment);
                    }
                }
                first_of_line = false;
            }
        }
        headers.remove(COOKIE);
        if kept.iter().all(|byte| matches!(byte, b';' | b' ' | b'\t')) {
            return;
        }
        // The bytes come from header values, so they make one.
        if let Ok(mut value) = HeaderValue::from_bytes(&kept) {
            value.set_sensitive(true);
            headers.insert(COOKIE, value);
        }
    }

    /// Whether anybody might read this `name=value` as one of our cookies: case, blanks, quotes, control and non-ASCII
    /// characters around the name do not count, nor does a nameless cookie's leading `=`.
    fn could_be_ours(&self, segment: &[u8]) -> bool {
        let ignored = |byte: &u8| !byte.is_ascii_graphic() || matches!(byte, b'=' | b'"' | b'\'');
        let Some(start) = segment.iter().position(|byte| !ignored(byte)) else { return false };
        let rest = segment.get(start..).unwrap_or_default();
        let name = rest.split(|byte| *byte == b'=').next().unwrap_or_default();
        let end = name.iter().rposition(|byte| !ignored(byte)).map_or(0, |last| last + 1);
        let name = name.get(..end).unwrap_or_default();

        let ours = self.session_name.as_bytes();
        let Some((stem, tail)) = name.split_at_checked(ours.len()) else { return false };
        stem.eq_ignore_ascii_case(ours)
            && (tail.is_empty()
                || tail.eq_ignore_ascii_case(ANSWERED.as_bytes())
                || tail.eq_ignore_ascii_case(LEAVING.as_bytes())
                || tail.eq_ignore_ascii_case(CHOICE.as_bytes())
                || tail
                    .get(..ATTEMPT.len())
                    .is_some_and(|begins| begins.eq_ignore_ascii_case(ATTEMPT.as_bytes())))
    }
}

/// How many attempt cookies are looked at: a browser of ours holds five.
pub const MAX_ATTEMPTS: usize = 16;

const HOST_PREFIX: &str = "__Host-";
const DEFAULT_NAME: &str = "vestibule";
const ATTEMPT: &str = "-attempt-";
const ANSWERED: &str = "-answered";
const LEAVING: &str = "-leaving";
const CHOICE: &str = "-choice";
const MAX_SUFFIX: usize = 64;

/// The `name=value` pieces of all Cookie lines. Browsers put `; ` between two, so one space is taken off, and not more.
fn crumbs(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|line| segments(line.as_bytes()))
        .map(|segment| segment.strip_prefix(b" ").unwrap_or(segment))
}

/// What stands between the semicolons.
fn segments(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest.take()?;
        let Some((segment, after)) = memchr(b';', line).and_then(|end| line.split_at_checked(end)) else {
            return Some(line);
        };
        rest = after.get(1..);
        Some(segment)
    })
}

fn value_of<'a>(crumb: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    crumb.strip_prefix(name)?.strip_prefix(b"=")
}

fn split_pair(crumb: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = crumb.iter().position(|byte| *byte == b'=')?;
    Some((crumb.get(..at)?, crumb.get(at + 1..)?))
}

/// The value that all of them are; none when there is none, or when two differ.
fn the_only<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    let first = values.next()?;
    values.all(|other| other == first).then_some(first)
}

fn without_prefix(name: &str) -> &str {
    [HOST_PREFIX, "__Secure-"]
        .iter()
        .find_map(|prefix| {
            let (head, tail) = name.split_at_checked(prefix.len())?;
            head.eq_ignore_ascii_case(prefix).then_some(tail)
        })
        .unwrap_or(name)
}

/// RFC 9110 section 5.6.2, which RFC 6265 section 4.1.1 takes for names.
fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// `cookie-octet` of RFC 6265 section 4.1.1.
const fn is_cookie_octet(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

const fn is_suffix_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests;

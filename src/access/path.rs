//! The path of a request: read in one way only, or judged under every reading that a common server has.
//!
//! Refused, because two servers in a row may see two different paths: `\` and `%5C`; `%2F` (unless the site allows
//! it); NUL and other control characters, raw or encoded; anything that would give something when decoded a second
//! time (`%252e`, `%25u002e`); broken escapes and the `%u` of old IIS; invalid UTF-8; dot segments with parameters
//! (`..;x`), with trailing dots or spaces (`.. `, `...`), or between encoded slashes; raw and encoded dot segments in one
//! path; `..` that would leave the root, or step back over a segment that some servers see as empty (`/a//..`,
//! `/a/;x/..`: one server's `/`, the other's `/a`); `?` and `#` in it; a target that is not an absolute path (`*`, a
//! whole URL, an authority: what to do with those is the gateway's question).
//!
//! Everything else has a *name*, which is what rules are written for and what the audit log shows: percent-decoded,
//! dot segments resolved, `//` merged. Beside it stand the other readings, under which the path must pass as well:
//!
//! | reading | for a server that |
//! |---|---|
//! | dot segments or doubled slashes as they are | does not resolve, or does not merge (Express, most WSGI and Rack routers) |
//! | as written | does not decode letters, digits, `-._` (Express, PHP's `REQUEST_URI`) |
//! | `//host/path` as `/path` | takes a leading `//` for a network-path reference (`new URL`, Python's `urlsplit`) |
//! | `%2F` as `/` | decodes before it routes, where the site allows encoded slashes |
//! | up to an encoded `?` or `#` | decodes, then parses |
//! | loosely: each of these without case, `;parameters`, trailing dots and spaces, empty segments, final slash; `+` as a space | is IIS or Express (case), Tomcat, Jetty or Spring (parameters), Windows (dots), Rails, Spring or Laravel (final slash) |
//!
//! upstream_tests.rs holds models of such servers against all paths over an alphabet of tricks.
//!
//! Not covered: a suffix that a framework routes like the plain name (`/admin.json` for `/admin` in Rails). It is
//! another name here; the pattern `/admin*` covers both.

use super::decode::{Decoded, ENCODED_SLASH, decode, is_hollow, significant};
use crate::reason::{Reason, Refusal};
use std::borrow::Cow;

/// A path that was read as the module's header says. Compared by what it was read as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPath {
    name: String,
    /// The loose reading of the name, where it differs.
    loose: Option<String>,
    /// Further readings; empty for nearly every honest request.
    others: Vec<Other>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Other {
    text: String,
    loose: bool,
}

/// One way in which a server may read the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading<'a> {
    pub(super) text: &'a str,
    /// To be compared with the loose form of a pattern.
    pub(super) loose: bool,
}

impl RequestPath {
    /// Reads the raw path of a request target, without its query. `allow_encoded_slash` keeps `%2F` as it is: it
    /// never ends a segment of the name, and a pattern for what a decoding server would see still applies.
    ///
    /// # Errors
    /// [`Reason::PathMalformed`], with what was wrong.
    pub fn parse(raw: &str, allow_encoded_slash: bool) -> Result<Self, Refusal> {
        match shape(raw) {
            Shape::Plain => Ok(Self { name: raw.to_owned(), loose: None, others: Vec::new() }),
            Shape::Even => Ok(Self { name: raw.to_owned(), loose: differing_loose(raw), others: Vec::new() }),
            Shape::Odd => {
                read(raw, allow_encoded_slash).map_err(|wrong| Refusal::new(Reason::PathMalformed, wrong))
            }
        }
    }

    /// The name: decoded, dot segments resolved, `//` merged; `%2F` where encoded slashes are allowed.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Every reading, the name first.
    pub(super) fn readings(&self) -> impl Iterator<Item = Reading<'_>> {
        let loose = self.loose.as_deref().unwrap_or(&self.name);
        [Reading { text: &self.name, loose: false }, Reading { text: loose, loose: true }]
            .into_iter()
            .chain(self.others.iter().map(|other| Reading { text: &other.text, loose: other.loose }))
    }
}

/// How much care a path needs; found in one pass, because this runs for every request.
#[derive(PartialEq, Eq)]
enum Shape {
    /// Read alike by everybody.
    Plain,
    /// One name, but its loose reading differs: upper case, a final slash, `+`.
    Even,
    /// All else.
    Odd,
}

fn shape(raw: &str) -> Shape {
    let mut shape = Shape::Plain;
    let mut previous = 0;
    for byte in raw.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' => {}
            b'-' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b',' | b'=' | b':'
            | b'@' => {}
            b'A'..=b'Z' | b'+' => shape = Shape::Even,
            b'.' if previous != b'/' && previous != b'+' => {}
            b'/' if previous != b'/' && previous != b'.' => {}
            _ => return Shape::Odd,
        }
        previous = byte;
    }
    match raw.as_bytes() {
        [b'/'] => Shape::Plain,
        [b'/', .., b'.'] => Shape::Odd,
        [b'/', .., b'/'] => Shape::Even,
        [b'/', ..] => shape,
        _ => Shape::Odd,
    }
}

/// More readings than any honest path has; every trick of [`readings_of`] in one path has about a dozen.
const MOST_READINGS: usize = 24;

/// All readings together, in octets: what a path of tricks may cost.
const MOST_OCTETS: usize = 64 * 1024;

fn read(raw: &str, allow_encoded_slash: bool) -> Result<RequestPath, &'static str> {
    let decoded = decode(raw, allow_encoded_slash)?;
    let name = shown(&merged(&resolved(&decoded.full)?)).into_owned();
    let loose = differing_loose(&name);
    let mut others: Vec<Other> = Vec::new();
    let mut add = |text: &str, is_loose: bool| {
        let first = if is_loose { loose.as_deref().unwrap_or(&name) } else { &name };
        if text != first && !others.iter().any(|o| o.loose == is_loose && o.text == text) {
            others.push(Other { text: text.to_owned(), loose: is_loose });
        }
    };
    for text in readings_of(decoded)? {
        let text = shown(&text);
        add(&text, false);
        add(&loosened(&text), true);
    }
    Ok(RequestPath { name, loose, others })
}

/// What servers make of the path that resolve, merge, open encoded slashes, drop parameters, cut and split off, in
/// whatever order, or do only some of it.
fn readings_of(decoded: Decoded) -> Result<Vec<String>, &'static str> {
    let mut texts = vec![decoded.full];
    texts.extend(decoded.written);
    let mut at = 0;
    while let Some(text) = texts.get(at) {
        let next = [
            resolved(text)?,
            merged(text),
            text.replace(ENCODED_SLASH, "/"),
            without_parameters(text),
            cut(text),
            after_authority(text),
        ];
        for text in next {
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        if texts.len() > MOST_READINGS || texts.iter().map(String::len).sum::<usize>() > MOST_OCTETS {
            return Err("too many tricks at once");
        }
        at += 1;
    }
    Ok(texts)
}

/// Without dot segments (RFC 3986, 5.2.4); a doubled slash stays.
fn resolved(text: &str) -> Result<String, &'static str> {
    let mut kept: Vec<&str> = Vec::new();
    let mut directory = false;
    for segment in text.split('/').skip(1) {
        directory = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => match kept.pop() {
                None => return Err("`..` above the root"),
                Some(popped) if is_hollow(significant(popped)) => {
                    return Err("`..` after a segment that some servers see as empty");
                }
                Some(_) => {}
            },
            other => kept.push(other),
        }
    }
    let mut resolved = String::with_capacity(text.len());
    for segment in &kept {
        resolved.push('/');
        resolved.push_str(segment);
    }
    if directory || resolved.is_empty() {
        resolved.push('/');
    }
    Ok(resolved)
}

/// With one slash where there are several.
fn merged(text: &str) -> String {
    let mut merged = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '/' || !merged.ends_with('/') {
            merged.push(c);
        }
    }
    merged
}

/// Without `;…` in each segment; an encoded slash in it goes as well, and another reading keeps it.
fn without_parameters(text: &str) -> String {
    let segments: Vec<&str> = text.split('/').map(|s| s.split(';').next().unwrap_or_default()).collect();
    segments.join("/")
}

/// Without what follows an encoded `?` or `#`, as a server sees it that decodes and then parses.
fn cut(text: &str) -> String {
    text.find(['?', '#']).map_or(text, |end| &text[..end]).to_owned()
}

/// The path of `//authority/path`, as a server sees it that takes the text for a reference.
fn after_authority(text: &str) -> String {
    match text.strip_prefix("//") {
        Some(rest) => {
            let rest = rest.trim_start_matches('/');
            rest.find('/').map_or("/", |slash| &rest[slash..]).to_owned()
        }
        None => text.to_owned(),
    }
}

/// The loose reading, see the module's header. Patterns have one too.
pub(super) fn loosened(text: &str) -> Cow<'_, str> {
    if shape(text) == Shape::Plain {
        return Cow::Borrowed(text);
    }
    let mut loose = String::with_capacity(text.len());
    for segment in text.split('/') {
        let start = loose.len();
        loose.push('/');
        for c in segment.split(';').next().unwrap_or_default().chars() {
            match c {
                '+' => loose.push(' '),
                'A'..='Z' => loose.push(c.to_ascii_lowercase()),
                _ if c.is_ascii() => loose.push(c),
                // Both ways, so that letters with one capital between them (k and the Kelvin sign) become one.
                _ => loose.extend(c.to_uppercase().flat_map(char::to_lowercase)),
            }
        }
        let trimmed = loose.trim_end_matches(['.', ' ']).len();
        loose.truncate(if trimmed == start + 1 { start } else { trimmed });
    }
    if loose.is_empty() {
        loose.push('/');
    }
    Cow::Owned(loose)
}

fn differing_loose(name: &str) -> Option<String> {
    match loosened(name) {
        Cow::Owned(loose) if loose != name => Some(loose),
        _ => None,
    }
}

fn shown(text: &str) -> Cow<'_, str> {
    if text.contains(ENCODED_SLASH) {
        Cow::Owned(text.replace(ENCODED_SLASH, "%2F"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The name of a path written in the configuration, where `//` and dot segments are mistakes.
pub(super) fn parse_plain(text: &str) -> Result<String, String> {
    let decoded = decode(text, true).map_err(|wrong| format!("the path has {wrong}"))?;
    let resolved = merged(&resolved(&decoded.full).map_err(|wrong| format!("the path has {wrong}"))?);
    if resolved != decoded.full {
        return Err(format!(
            "write it as `{}`: dot segments and `//` are never seen by rules",
            shown(&resolved)
        ));
    }
    Ok(shown(&resolved).into_owned())
}

#[cfg(test)]
#[path = "path_tests.rs"]
mod tests;

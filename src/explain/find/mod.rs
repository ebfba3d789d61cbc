//! Finds SAML messages in whatever somebody has at hand: the value of a form field, a form body, an address, a page that
//! posts itself, XML, or the recording of a browser (HAR).
//!
//! What a browser sent is taken literally, so that the verdict is the gate's. What somebody copied by hand is helped
//! along where only one reading makes sense, and a note says how.

mod har;
mod pasted;

use crate::clock::Moment;
use crate::saml::parties::Limits;
use crate::saml::reading;
use flate2::read::DeflateDecoder;
use percent_encoding::percent_decode_str;
use std::fmt;
use std::io::Read as _;

/// A message as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Where, for people.
    pub(super) place: String,
    /// How it was carried.
    pub(super) carried: Carried,
    /// Under which name, where it had one.
    pub(super) field: Option<&'static str>,
    /// To which address it was sent, without its query.
    pub(super) sent_to: Option<String>,
    /// When it was sent, by the browser's clock.
    pub(super) sent_at: Option<Moment>,
    /// What was noticed.
    pub(super) notes: Vec<String>,
}

/// How a message was carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Carried {
    /// As the value of a form field (Bindings 3.5).
    Post(String),
    /// As a parameter of a query, deflated (Bindings 3.4): what it inflates to, and the query as it was sent, which is
    /// what a signature is over; empty when only the value is there.
    Redirect { xml: String, query: String },
    /// As a document.
    Xml(String),
}

impl Carried {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Post(_) => "post",
            Self::Redirect { .. } => "redirect",
            Self::Xml(_) => "xml",
        }
    }

    /// Whether it came in a query that is signed.
    pub(super) fn has_signed_query(&self) -> bool {
        matches!(self, Self::Redirect { query, .. } if query.split('&').any(|pair| pair.starts_with("Signature=")))
    }

    /// The document, where there is one.
    pub(super) fn xml(&self) -> Option<String> {
        match self {
            Self::Post(value) => String::from_utf8(reading::base64(value)?).ok(),
            Self::Redirect { xml, .. } | Self::Xml(xml) => Some(xml.clone()),
        }
    }
}

/// Why nothing was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable(pub(super) String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unreadable {}

/// A recording of a whole session is some ten megabytes.
const LONGEST_INPUT: usize = 256 * 1024 * 1024;

/// All messages of the input, in their order.
pub(super) fn find(input: &[u8], limits: &Limits) -> Result<Vec<Found>, Unreadable> {
    if input.len() > LONGEST_INPUT {
        return Err(Unreadable(format!("the input is larger than {LONGEST_INPUT} octets")));
    }
    let text = std::str::from_utf8(input).map_err(|_| {
        Unreadable("the input is not UTF-8 text; save the message as UTF-8, or give its base64".to_owned())
    })?;
    let text = text.trim_start_matches('\u{feff}').trim();
    let found = if text.is_empty() {
        return Err(Unreadable("the input is empty".to_owned()));
    } else if text.starts_with('{') {
        har::messages(text, limits)?
    } else if text.starts_with('<') && !pasted::is_page(text) {
        vec![Found::plain("the input", Carried::Xml(text.to_owned()))]
    } else {
        pasted::messages(text, limits)?
    };
    if found.is_empty() {
        return Err(Unreadable(
            "there is no SAML message in the input: no XML, no base64 of it, and no SAMLResponse or SAMLRequest"
                .to_owned(),
        ));
    }
    Ok(found)
}

impl Found {
    fn plain(place: &str, carried: Carried) -> Self {
        Self {
            place: place.to_owned(),
            carried,
            field: None,
            sent_to: None,
            sent_at: None,
            notes: Vec::new(),
        }
    }
}

/// The two parameters that carry messages (Bindings 3.4.4.1, 3.5.4).
const FIELDS: [&str; 2] = ["SAMLResponse", "SAMLRequest"];

/// The pairs of a form body or a query, decoded as forms are.
fn pairs(encoded: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(encoded.as_bytes()).into_owned().collect()
}

/// The parameter that carries a message, with its value.
fn field(pairs: &[(String, String)]) -> Option<(&'static str, &str)> {
    FIELDS.into_iter().find_map(|field| {
        let (_, value) = pairs.iter().find(|(name, _)| name == field)?;
        Some((field, value.as_str()))
    })
}

/// The message in a query, or in a text that may be a query or a body.
fn in_query(place: &str, query: &str, limits: &Limits) -> Option<Found> {
    let pairs = pairs(query);
    let (field, value) = field(&pairs)?;
    let carried = match inflated(value, limits) {
        Some(xml) => Carried::Redirect { xml, query: query.to_owned() },
        // Whatever it is, a browser would post it.
        None => Carried::Post(value.to_owned()),
    };
    Some(Found { field: Some(field), ..Found::plain(place, carried) })
}

/// The document, when the value is one that was deflated; never more than the limit and a little.
fn inflated(value: &str, limits: &Limits) -> Option<String> {
    let octets = reading::base64(value)?;
    if looks_like_a_document(&octets) {
        return None;
    }
    let mut xml = Vec::new();
    let most = u64::try_from(limits.max_decoded_bytes).unwrap_or(u64::MAX).saturating_add(1);
    DeflateDecoder::new(&*octets).take(most).read_to_end(&mut xml).ok()?;
    looks_like_a_document(&xml).then(|| String::from_utf8(xml).ok())?
}

/// Begins as XML does, perhaps after a byte order mark and white space.
fn looks_like_a_document(octets: &[u8]) -> bool {
    let octets = octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets);
    octets.trim_ascii_start().starts_with(b"<")
}

fn percent_decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(|decoded| decoded.into_owned())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

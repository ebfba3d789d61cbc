//! The HTTP-Redirect binding (Bindings 3.4): a message deflated into a query, and signed over that very query.
//!
//! The signature covers octets of the query, percent-encoding included. Two writers encode one value in different
//! ways, so nothing here is ever encoded again: what is verified are the pieces of the query as they arrived, and what
//! is sent is put together once and signed as it stands.

use super::algorithms::{Allowed, SignatureAlgorithm};
use super::keys::TrustedKeys;
use super::own_keys::SigningKey;
use super::xml::{self, shown};
use crate::reason::{Reason, Refusal};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::fmt::{self, Write as _};
use std::io::{Read as _, Write as _};

/// The one encoding of messages in queries (Bindings 3.4.4.1).
const DEFLATE: &str = "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE";

/// What a parameter or form field carries (Bindings 3.4.3, 3.5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carries {
    /// A request: `SAMLRequest`.
    Request,
    /// A response: `SAMLResponse`.
    Response,
}

impl Carries {
    /// The name of the parameter or field.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Request => "SAMLRequest",
            Self::Response => "SAMLResponse",
        }
    }
}

/// A message out of a query. Nothing is known yet about whether its signature is true.
pub(super) struct Query {
    pub(super) carries: Carries,
    pub(super) xml: String,
    /// Decoded; none when the query has none.
    pub(super) relay_state: Option<String>,
    pub(super) signature: Option<QuerySignature>,
}

/// The signature of a query: over the message, the relay state and the algorithm's name.
pub(super) struct QuerySignature {
    /// The octets that were signed, as they arrived.
    signed: String,
    algorithm: SignatureAlgorithm,
    value: Vec<u8>,
}

/// The parameters that mean something, in the order in which they are signed.
const NAMES: [&str; 6] = ["SAMLRequest", "SAMLResponse", "RelayState", "SigAlg", "Signature", "SAMLEncoding"];

impl Query {
    /// Takes a query apart that came with a redirect; `raw` is what stands behind the question mark, as it arrived.
    pub(super) fn read(raw: &str, max_decoded_bytes: usize) -> Result<Self, Refusal> {
        let [request, response, relay_state, algorithm, signature, encoding] = parameters(raw)?;
        let (carries, message) = match (request, response) {
            (Some(message), None) => (Carries::Request, message),
            (None, Some(message)) => (Carries::Response, message),
            (None, None) => return Err(malformed("neither SAMLRequest nor SAMLResponse")),
            (Some(_), Some(_)) => return Err(malformed("SAMLRequest and SAMLResponse")),
        };
        if let Some(other) = encoding.map(decoded).transpose()?.filter(|encoding| encoding != DEFLATE) {
            return Err(Refusal::new(Reason::QueryMalformed, format!("SAMLEncoding is {}", shown(&other))));
        }
        let signature = match (algorithm, signature) {
            (Some(algorithm), Some(value)) => {
                // Bindings 3.4.4.1: these, in this order, whatever their order in the query.
                let mut signed = format!("{}={message}", carries.field());
                if let Some(state) = relay_state {
                    let _ = write!(signed, "&RelayState={state}");
                }
                let _ = write!(signed, "&SigAlg={algorithm}");
                Some(QuerySignature::parse(signed, algorithm, value)?)
            }
            (None, None) => None,
            (Some(_), None) => {
                return Err(Refusal::new(Reason::QuerySignatureIncomplete, "SigAlg without Signature"));
            }
            (None, Some(_)) => {
                return Err(Refusal::new(Reason::QuerySignatureIncomplete, "Signature without SigAlg"));
            }
        };
        let relay_state =
            relay_state.map(|raw| decoded(&raw.replace('+', " "))).transpose()?.filter(|s| !s.is_empty());
        Ok(Self { carries, xml: inflated(message, max_decoded_bytes)?, relay_state, signature })
    }
}

impl QuerySignature {
    fn parse(signed: String, algorithm: &str, value: &str) -> Result<Self, Refusal> {
        let uri = decoded(algorithm)?;
        let algorithm = SignatureAlgorithm::from_uri(&uri)
            .ok_or_else(|| Refusal::new(Reason::SignatureAlgorithm, shown(&uri)))?;
        let value = xml::base64(&decoded(value)?).ok_or_else(|| malformed("Signature is not base64"))?;
        Ok(Self { signed, algorithm, value })
    }

    /// Whether one of these keys signed the query, by an algorithm that is allowed.
    pub(super) fn verify(&self, keys: &TrustedKeys, allowed: &Allowed<'_>) -> Result<(), Refusal> {
        allowed.signature(self.algorithm)?;
        let _ = keys.verify(self.algorithm, self.signed.as_bytes(), &self.value).map_err(|_| {
            let known: Vec<_> =
                keys.certificates().iter().map(|c| format!("{} ({})", c.subject, c.key)).collect();
            let detail = format!("{} over the query, under {}", self.algorithm.uri(), known.join(", "));
            Refusal::new(Reason::SignatureInvalid, detail)
        })?;
        Ok(())
    }
}

/// The raw values, each at most once. A name that is only ours after decoding is refused: another reader might have
/// read it, or not.
fn parameters(raw: &str) -> Result<[Option<&str>; NAMES.len()], Refusal> {
    let mut found = [None; NAMES.len()];
    for pair in raw.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let plain = percent_decode_str(name).decode_utf8_lossy();
        let Some((known, place)) = NAMES.iter().zip(&mut found).find(|(known, _)| **known == plain) else {
            continue;
        };
        if name != *known {
            return Err(Refusal::new(Reason::QueryMalformed, format!("{known} under another spelling")));
        }
        if place.replace(value).is_some() {
            return Err(Refusal::new(Reason::QueryMalformed, format!("{known} is doubled")));
        }
    }
    Ok(found)
}

/// Percent-decoded and nothing else: a plus is a plus, which base64 needs and nothing else here has.
fn decoded(raw: &str) -> Result<String, Refusal> {
    percent_decode_str(raw)
        .decode_utf8()
        .map(|text| text.into_owned())
        .map_err(|_| malformed("a parameter is not UTF-8"))
}

/// The message: base64, then raw DEFLATE (RFC 1951), which may not grow beyond the limit.
fn inflated(raw: &str, max_decoded_bytes: usize) -> Result<String, Refusal> {
    let deflated = xml::base64(&decoded(raw)?).filter(|octets| !octets.is_empty());
    let deflated = deflated.ok_or(Reason::Base64Invalid)?;
    let mut decoder = DeflateDecoder::new(&deflated[..]);
    let mut octets = Vec::new();
    let one_more = u64::try_from(max_decoded_bytes).unwrap_or(u64::MAX).saturating_add(1);
    decoder
        .by_ref()
        .take(one_more)
        .read_to_end(&mut octets)
        .map_err(|_| Refusal::new(Reason::DeflateInvalid, "it does not inflate"))?;
    if octets.len() > max_decoded_bytes {
        let detail = format!("more than {max_decoded_bytes} octets out of {}", deflated.len());
        return Err(Refusal::new(Reason::MessageTooLarge, detail));
    }
    if decoder.total_in() != deflated.len() as u64 {
        return Err(Refusal::new(Reason::DeflateInvalid, "something follows the message"));
    }
    String::from_utf8(octets).map_err(|_| Reason::EncodingNotUtf8.into())
}

fn malformed(what: &'static str) -> Refusal {
    Refusal::new(Reason::QueryMalformed, what)
}

/// The address that carries a message of ours: `location` with our query behind its own, if it has one. Signed with
/// the key, where there is one; an empty relay state is left out.
pub(super) fn address(
    location: &str,
    carries: Carries,
    xml: &str,
    relay_state: &str,
    key: Option<&SigningKey>,
) -> Result<String, String> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    let deflated = encoder
        .write_all(xml.as_bytes())
        .and_then(|()| encoder.finish())
        .map_err(|e| format!("our own message cannot be compressed: {e}"))?;

    // Bindings 3.4.4.1: the query is signed octet by octet as it is sent, so it is put together once and never again.
    let mut query = format!("{}={}", carries.field(), encode(&STANDARD.encode(deflated)));
    if !relay_state.is_empty() {
        let _ = write!(query, "&RelayState={}", encode(relay_state));
    }
    if let Some(key) = key {
        let _ = write!(query, "&SigAlg={}", encode(key.algorithm().uri()));
        let value = STANDARD.encode(key.sign(query.as_bytes())?);
        let _ = write!(query, "&Signature={}", encode(&value));
    }

    // Some IdPs have a query of their own in their address; a fragment would swallow ours.
    let location = location.split_once('#').map_or(location, |(before, _)| before);
    let separator = match location.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some((_, own)) if own.ends_with('&') => "",
        Some(_) => "&",
    };
    Ok(format!("{location}{separator}{query}"))
}

/// Everything but the unreserved characters of RFC 3986, which no reader decodes differently.
fn encode(value: &str) -> impl fmt::Display + '_ {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(value, RESERVED)
}

#[cfg(test)]
#[path = "redirect_tests.rs"]
mod tests;

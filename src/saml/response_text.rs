//! What the POST binding carries, before anything is read from it.

use super::markup;
use super::parties::Limits;
use super::xml;
use crate::reason::{Reason, Refusal};
use std::fmt;

/// The decoded text of one SAMLResponse: base64 undone, UTF-8, within the limit. Nothing can be read from it.
pub struct ResponseText {
    text: String,
    /// The same before anything was done to it, for who reads with another parser.
    #[cfg(feature = "second-opinion")]
    posted: String,
}

impl ResponseText {
    /// Undoes the POST binding's base64 (Bindings 3.5.4). Line breaks between its characters are allowed, as MIME
    /// encoders put them there; nothing else is.
    ///
    /// # Errors
    /// `message-too-large` (looked at before and after decoding), `base64-invalid`, `encoding-not-utf8`.
    pub fn from_form_value(value: &str, limits: &Limits) -> Result<Self, Refusal> {
        // Four characters for three octets, and a line break after each 64 of them at most.
        let longest = limits.max_decoded_bytes.div_ceil(3).saturating_mul(4);
        if value.len() > longest.saturating_add(longest / 32).saturating_add(4) {
            return Err(Refusal::new(
                Reason::MessageTooLarge,
                format!("{} characters of base64", value.len()),
            ));
        }
        // A space is a plus that somebody decoded twice.
        if value.contains(' ') {
            return Err(Refusal::new(Reason::Base64Invalid, "a space in it: was a plus sign decoded twice?"));
        }
        let octets = xml::base64(value).filter(|octets| !octets.is_empty()).ok_or(Reason::Base64Invalid)?;
        let text = String::from_utf8(octets).map_err(|_| Reason::EncodingNotUtf8)?;
        Self::from_xml(text, limits)
    }

    /// From XML, for explanations and tests.
    ///
    /// # Errors
    /// `message-too-large`, `encoding-not-utf8`.
    pub fn from_xml(xml: String, limits: &Limits) -> Result<Self, Refusal> {
        if xml.len() > limits.max_decoded_bytes {
            return Err(Refusal::new(Reason::MessageTooLarge, format!("{} octets of XML", xml.len())));
        }
        // UTF-16 and UTF-32 without a byte order mark would be UTF-8 with zeros between.
        if let [0, ..] | [_, 0, ..] = xml.as_bytes() {
            return Err(Reason::EncodingNotUtf8.into());
        }
        Ok(Self {
            #[cfg(feature = "second-opinion")]
            posted: xml.clone(),
            text: markup::normalize_attributes(xml),
        })
    }

    /// The text as it was posted.
    #[cfg(feature = "second-opinion")]
    pub(super) fn as_posted(&self) -> &str {
        &self.posted
    }

    /// The XML, for the parsers of this room.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for ResponseText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResponseText({} octets)", self.text.len())
    }
}

//! XML Encryption, as much of it as SAML needs (Core 2.2.4, 2.3.4, 2.7.3.2 and 6), and no more.
//!
//! An encrypted element has one shape here: `xenc:EncryptedData` with its content in it, and the keys to it, each
//! encrypted for somebody, in its KeyInfo or beside it. Content elsewhere (`CipherReference`), keys elsewhere (a
//! `RetrievalMethod` that leads out of the element), agreed and shared keys do not parse, and there is no code that
//! could fetch them. All of this is looked at before a key of ours is used, so whatever is refused here tells nobody
//! anything about a key.

use super::encryption::{ContentCipher, ENCRYPTION, ENCRYPTION_11, Oaep};
use super::one_or_more::OneOrMore;
use super::xml::{self, Element, SIGNATURE, escape, shown};
use crate::reason::{Reason, Refusal};
use std::fmt::Write;

/// More keys than any identity provider sends (one for each of our certificates). Each may cost us an operation.
const MAX_KEYS: usize = 8;

/// The type of an encrypted element (XML Encryption 3.1; Core 2.3.4 wants it).
const TYPE_ELEMENT: &str = "http://www.w3.org/2001/04/xmlenc#Element";

/// An encrypted element of the one accepted shape. Nothing has been opened.
#[derive(Debug)]
pub(super) struct Ciphertext {
    pub(super) cipher: ContentCipher,
    /// The content of CipherValue.
    pub(super) octets: Vec<u8>,
    /// The key to it, encrypted for one or several readers.
    pub(super) keys: OneOrMore<WrappedKey>,
    /// The namespaces in scope where it stands, as declarations of a start tag: the plaintext stands there too (XML
    /// Encryption 4.4), and some identity providers rely on it.
    pub(super) context: String,
}

/// The key to the content, encrypted for one reader (`xenc:EncryptedKey`).
#[derive(Debug)]
pub(super) struct WrappedKey {
    pub(super) transport: Oaep,
    pub(super) octets: Vec<u8>,
    /// For whom, when it says so: an entity ID.
    pub(super) recipient: Option<String>,
}

impl Ciphertext {
    /// Parses an `EncryptedAssertion`, `EncryptedID` or `EncryptedAttribute`.
    pub(super) fn parse(place: Element<'_>) -> Result<Self, Refusal> {
        let (data, beside): (Vec<_>, Vec<_>) =
            elements(place)?.into_iter().partition(|child| child.is(ENCRYPTION, "EncryptedData"));
        let [data] = data[..] else {
            return Err(shape("not exactly one EncryptedData"));
        };
        // Before anything looks from one to the other.
        if beside.len() > MAX_KEYS {
            return Err(Refusal::new(Reason::EncryptionShape, format!("{} EncryptedKey", beside.len())));
        }
        if beside.iter().any(|child| !child.is(ENCRYPTION, "EncryptedKey")) {
            return Err(shape("something beside EncryptedData that is no EncryptedKey"));
        }
        if let Some(other) = data.attribute("Type").filter(|kind| *kind != TYPE_ELEMENT) {
            return Err(Refusal::new(Reason::EncryptionShape, format!("the Type {}", shown(other))));
        }

        let parts = Parts::of(data)?;
        let cipher = ContentCipher::from_uri(parts.method.attribute("Algorithm").unwrap_or(""))?;
        if elements(parts.method)?.iter().any(|child| !child.is(ENCRYPTION, "KeySize")) {
            return Err(shape("something in the content's EncryptionMethod"));
        }
        let mut keys = keys_in(parts.key_info, &beside)?;
        keys.extend(beside);
        if keys.len() > MAX_KEYS {
            return Err(Refusal::new(Reason::EncryptionShape, format!("{} EncryptedKey", keys.len())));
        }
        let keys: Vec<_> = keys.into_iter().map(WrappedKey::parse).collect::<Result<_, _>>()?;
        Ok(Self {
            cipher,
            octets: parts.value()?,
            keys: OneOrMore::new(keys).ok_or_else(|| shape("there is no EncryptedKey"))?,
            context: declarations_in_scope(place),
        })
    }
}

impl WrappedKey {
    fn parse(element: Element<'_>) -> Result<Self, Refusal> {
        let parts = Parts::of(element)?;
        let (mut digest, mut mask) = (None, None);
        for child in elements(parts.method)? {
            let place = if child.is(SIGNATURE, "DigestMethod") {
                &mut digest
            } else if child.is(ENCRYPTION_11, "MGF") {
                &mut mask
            } else if child.is(ENCRYPTION, "KeySize") {
                continue;
            } else if child.is(ENCRYPTION, "OAEPparams") {
                if child.token().is_some_and(|label| label.is_empty()) {
                    continue;
                }
                return Err(Refusal::new(Reason::EncryptionKeyTransport, "RSA-OAEP with a label"));
            } else {
                return Err(shape("something in the key's EncryptionMethod"));
            };
            if place.replace(child.attribute("Algorithm").unwrap_or("")).is_some() {
                return Err(shape("a parameter of the key's EncryptionMethod twice"));
            }
        }
        let uri = parts.method.attribute("Algorithm").unwrap_or("");
        Ok(Self {
            transport: Oaep::from_uris(uri, digest, mask)?,
            octets: parts.value()?,
            recipient: element.attribute("Recipient").map(|name| xml::trim(name).to_owned()),
        })
    }
}

/// What EncryptedData and EncryptedKey have in common (XML Encryption 3.1).
struct Parts<'d> {
    method: Element<'d>,
    key_info: Option<Element<'d>>,
    data: Element<'d>,
}

impl<'d> Parts<'d> {
    fn of(element: Element<'d>) -> Result<Self, Refusal> {
        let (mut method, mut key_info, mut data) = (None, None, None);
        for child in elements(element)? {
            let place = if child.is(ENCRYPTION, "EncryptionMethod") {
                &mut method
            } else if child.is(SIGNATURE, "KeyInfo") {
                &mut key_info
            } else if child.is(ENCRYPTION, "CipherData") {
                &mut data
            } else if ["EncryptionProperties", "ReferenceList", "CarriedKeyName"]
                .iter()
                .any(|name| child.is(ENCRYPTION, name))
            {
                // Which content a key is for is plain where they stand together; names and properties decide nothing.
                continue;
            } else {
                return Err(shape("an element that does not belong into EncryptedData or EncryptedKey"));
            };
            if place.replace(child).is_some() {
                return Err(shape("an element of EncryptedData or EncryptedKey twice"));
            }
        }
        match (method, data) {
            (Some(method), Some(data)) => Ok(Self { method, key_info, data }),
            (None, _) => Err(shape("EncryptionMethod is missing")),
            (_, None) => Err(shape("CipherData is missing")),
        }
    }

    /// The octets of CipherValue.
    fn value(&self) -> Result<Vec<u8>, Refusal> {
        match elements(self.data)?[..] {
            [value] if value.is(ENCRYPTION, "CipherValue") => value
                .text()
                .and_then(|text| xml::base64(&text))
                .filter(|octets| !octets.is_empty())
                .ok_or_else(|| shape("CipherValue is not base64")),
            [reference] if reference.is(ENCRYPTION, "CipherReference") => {
                let uri = shown(reference.attribute("URI").unwrap_or(""));
                Err(Refusal::new(Reason::EncryptionReference, format!("CipherReference to {uri}")))
            }
            _ => Err(shape("not exactly one CipherValue")),
        }
    }
}

/// The keys in a KeyInfo. A RetrievalMethod may only name one that stands beside the content; those are taken anyway.
fn keys_in<'d>(key_info: Option<Element<'d>>, beside: &[Element<'d>]) -> Result<Vec<Element<'d>>, Refusal> {
    let mut keys = Vec::new();
    for child in key_info.into_iter().flat_map(Element::children) {
        if child.is(ENCRYPTION, "EncryptedKey") {
            keys.push(child);
        } else if child.is(SIGNATURE, "RetrievalMethod") {
            let uri = child.attribute("URI").unwrap_or("");
            let named = |key: &Element<'_>| {
                key.attribute("Id").is_some_and(|id| !id.is_empty() && uri.strip_prefix('#') == Some(id))
            };
            if !beside.iter().any(named) || child.children().next().is_some() {
                let detail = format!("RetrievalMethod to {}", shown(uri));
                return Err(Refusal::new(Reason::EncryptionReference, detail));
            }
        } else if child.is(ENCRYPTION, "AgreementMethod") || child.is(ENCRYPTION_11, "DerivedKey") {
            let detail = format!("{}: the key is agreed or derived", shown(child.local_name()));
            return Err(Refusal::new(Reason::EncryptionKeyTransport, detail));
        }
        // KeyName and X509Data describe the key; which one opens is found by opening.
    }
    Ok(keys)
}

/// ` xmlns:p="…"` for every prefix that is bound at the element, and the default namespace.
fn declarations_in_scope(element: Element<'_>) -> String {
    let mut out = String::new();
    let mut seen: Vec<&str> = Vec::new();
    for (prefix, uri) in element.with_ancestors().flat_map(Element::declarations) {
        if seen.contains(&prefix) {
            continue;
        }
        seen.push(prefix);
        // Writing to a String cannot fail.
        let _ = match prefix {
            "" if uri.is_empty() => Ok(()),
            "" => write!(out, " xmlns=\"{}\"", escape(uri)),
            prefix => write!(out, " xmlns:{prefix}=\"{}\"", escape(uri)),
        };
    }
    out
}

/// The child elements of an element that may hold nothing else.
fn elements<'d>(element: Element<'d>) -> Result<Vec<Element<'d>>, Refusal> {
    if element.has_loose_text() {
        return Err(shape("text between elements"));
    }
    Ok(element.children().collect())
}

fn shape(what: &'static str) -> Refusal {
    Refusal::new(Reason::EncryptionShape, what)
}

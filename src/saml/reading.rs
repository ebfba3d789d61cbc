//! What a message says, for people to look at, whoever sent it.
//!
//! Explanations show messages that are not signed, not meant for us or not even responses. Everything here is copied
//! out of the message as it stands and proves nothing; no type of this file leads to an accepted assertion.

use super::instant;
use super::keys::{KeyKind, SigningCertificate, parse_certificate};
use super::markup;
use super::parties::Limits;
use super::xml::{self, Element};
use crate::clock::Moment;
use crate::reason::{Reason, Refusal};

/// One element with all that is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The namespace of its name; empty for none.
    pub namespace: String,
    /// Its local name.
    pub name: String,
    /// Its attributes without a namespace, in order.
    pub attributes: Vec<(String, String)>,
    /// Its text, trimmed; empty when there are elements inside.
    pub text: String,
    /// Its child elements, in order.
    pub children: Vec<Self>,
}

impl Node {
    /// Reads a document, under the same limits as the gate does.
    ///
    /// # Errors
    /// The reasons of reading XML, and `message-too-large`.
    pub fn read(text: &str, limits: &Limits) -> Result<Self, Refusal> {
        if text.len() > limits.max_decoded_bytes {
            return Err(Reason::MessageTooLarge.into());
        }
        let text = markup::normalize_attributes(text.to_owned());
        let document = xml::parse(&text, limits.max_depth)?;
        Ok(Self::copy(Element::root(&document)?))
    }

    fn copy(element: Element<'_>) -> Self {
        Self {
            namespace: element.namespace().to_owned(),
            name: element.local_name().to_owned(),
            attributes: element.plain_attributes().map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
            text: element.token().unwrap_or_default(),
            // As deep as the document, which `Limits::max_depth` bounds.
            children: element.children().map(Self::copy).collect(),
        }
    }

    /// The attribute of that name.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The children of that local name, in any namespace.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The first child of that local name, in any namespace.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// Follows local names downwards, the first of each.
    pub fn at(&self, names: &[&str]) -> Option<&Self> {
        names.iter().try_fold(self, |node, name| node.child(name))
    }
}

/// A time as SAML writes it; `None` when it is not one that the gate would read.
pub fn moment(text: &str) -> Option<Moment> {
    instant::parse(text)
}

/// A value from a message as a terminal or a log may show it: quoted, control characters escaped, at most 200
/// characters.
pub fn shown(text: &str) -> String {
    xml::shown(text)
}

/// A text in which such values may stand, for a terminal: control characters escaped, whole.
pub fn tame(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    // Short pieces, of which `shown` leaves nothing out.
    let pieces = characters.chunks(100).map(|piece| shown(&String::from_iter(piece)));
    pieces.filter_map(|piece| Some(piece.strip_prefix('"')?.strip_suffix('"')?.to_owned())).collect()
}

/// A certificate that a message shows, described for people. Nothing is trusted by it: an unsuitable key is described
/// too.
///
/// # Errors
/// A sentence for the owner when it is not an X.509 certificate.
pub fn certificate(der: &[u8]) -> Result<SigningCertificate, String> {
    let certificate = parse_certificate(der)?;
    let kind =
        KeyKind::of(&certificate).map_or_else(|why| format!("unsuitable: {why}"), |kind| kind.to_string());
    Ok(SigningCertificate::of(der, &certificate, kind))
}

/// Base64 as messages carry it, with line breaks between its characters.
pub fn base64(text: &str) -> Option<Vec<u8>> {
    xml::base64(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_copied_with_its_names_values_and_texts() {
        let text = "<p:a xmlns:p='u:p' xmlns:q='u:q' one='1' q:two='2'><b> x<!-- y -->z </b><b/></p:a>";
        let node = Node::read(text, &Limits::default()).unwrap();
        assert_eq!((node.namespace.as_str(), node.name.as_str()), ("u:p", "a"));
        assert_eq!(node.attributes, [("one".to_owned(), "1".to_owned())]);
        assert_eq!(node.child("b").unwrap().text, "xz");
        assert_eq!(node.all("b").count(), 2);
        assert!(node.at(&["b", "c"]).is_none());
    }

    #[test]
    fn a_tame_text_is_whole() {
        let text = format!("\"{}\u{1b}[31m\"", "é".repeat(500));
        assert_eq!(tame(&text), text.replace('\u{1b}', "\\u{1b}"));
        assert_eq!(tame(""), "");
    }

    #[test]
    fn limits_hold_for_what_is_only_looked_at() {
        let reason = |text: &str| Node::read(text, &Limits::default()).err().map(|r| r.reason);
        assert_eq!(reason("<!DOCTYPE a><a/>"), Some(Reason::XmlDoctype));
        assert_eq!(reason(&"<a>".repeat(100)), Some(Reason::XmlTooDeep));
        assert_eq!(reason(&" ".repeat(300_000)), Some(Reason::MessageTooLarge));
    }
}

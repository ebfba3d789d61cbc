//! The one XML reader of this room: locked down, and with few words.
//!
//! No document type (so no entities), a bounded depth, UTF-8 only, XML 1.0 only, and no element so crowded that
//! reading it takes longer than its bytes deserve. [`Element`] is a view of a node that can be asked five things.
//! Names are always compared with their namespace, attributes are found only without one, and text is always the
//! whole text: comments and CDATA sections never cut it.

use super::markup;
use crate::reason::{Reason, Refusal};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;
use std::fmt::Write;
use uppsala::{Document, NodeId, NodeKind, Parser, XmlDeclaration, XmlError};

pub(super) const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
pub(super) const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
pub(super) const METADATA: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
pub(super) const SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";
pub(super) const SCHEMA_INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Parses a document from outside, or says which rule of reading it breaks.
pub(super) fn parse(text: &str, max_depth: u32) -> Result<Document<'_>, Refusal> {
    markup::refuse_crowded(text)?;
    parse_again(text, max_depth)
}

/// Parses what comes from a document that [`parse`] has read before: the same rules, without the look at its crowds.
pub(super) fn parse_again(text: &str, max_depth: u32) -> Result<Document<'_>, Refusal> {
    let parser = Parser::new().with_forbid_dtd(true).with_forbid_entities(true).with_max_depth(max_depth);
    let document = parser.parse(text).map_err(|error| refusal(error, max_depth))?;
    if let Some(declaration) = &document.xml_declaration {
        check_declaration(declaration)?;
    }
    Ok(document)
}

/// Which rule of reading an error of the parser is about.
pub(super) fn refusal(error: XmlError, max_depth: u32) -> Refusal {
    match error {
        // uppsala has no variants for these two; if its wording changes they come out as malformed, and the tests
        // below say so.
        XmlError::Parse(e) if e.message.starts_with("DOCTYPE") => Refusal::from(Reason::XmlDoctype),
        XmlError::Parse(e) if e.message.starts_with("Element nesting") => {
            Refusal::new(Reason::XmlTooDeep, format!("deeper than {max_depth}"))
        }
        other => Refusal::new(Reason::XmlMalformed, shown(&other.to_string())),
    }
}

/// UTF-8 and XML 1.0, or nothing said.
pub(super) fn check_declaration(declaration: &XmlDeclaration<'_>) -> Result<(), Refusal> {
    if let Some(encoding) = &declaration.encoding
        && !encoding.eq_ignore_ascii_case("utf-8")
    {
        return Err(Refusal::new(Reason::EncodingNotUtf8, format!("declared: {}", shown(encoding))));
    }
    if declaration.version != "1.0" {
        return Err(Refusal::new(Reason::XmlMalformed, "only XML 1.0 is read"));
    }
    Ok(())
}

/// A view of one element.
#[derive(Clone, Copy)]
pub(super) struct Element<'d> {
    document: &'d Document<'d>,
    node: NodeId,
}

impl<'d> Element<'d> {
    /// The document element.
    pub(super) fn root(document: &'d Document<'d>) -> Result<Self, Refusal> {
        let node = document.document_element().ok_or(Reason::XmlMalformed)?;
        Ok(Self { document, node })
    }

    /// The element at that node, when it is one.
    pub(super) fn at(document: &'d Document<'d>, node: NodeId) -> Option<Self> {
        document.element(node).map(|_| Self { document, node })
    }

    pub(super) const fn node(self) -> NodeId {
        self.node
    }

    pub(super) fn parent(self) -> Option<NodeId> {
        self.document.parent(self.node)
    }

    /// Whether it has this name in this namespace.
    pub(super) fn is(self, namespace: &str, local: &str) -> bool {
        self.document.element(self.node).is_some_and(|e| e.matches_name_ns(namespace, local))
    }

    /// The local name, for telling somebody about it.
    pub(super) fn local_name(self) -> &'d str {
        self.document.element(self.node).map_or("", |e| &e.name.local_name)
    }

    /// The namespace of its name; empty for none.
    pub(super) fn namespace(self) -> &'d str {
        self.document.element(self.node).and_then(|e| e.name.namespace_uri.as_deref()).unwrap_or("")
    }

    /// The attribute of that name in no namespace. (uppsala's own look-up ignores the namespace.)
    pub(super) fn attribute(self, local: &str) -> Option<&'d str> {
        let attributes = &self.document.element(self.node)?.attributes;
        attributes
            .iter()
            .find(|a| a.name.namespace_uri.is_none() && a.name.prefix.is_none() && a.name.local_name == local)
            .map(|a| &*a.value)
    }

    /// The attribute of that name in that namespace.
    pub(super) fn attribute_in(self, namespace: &str, local: &str) -> Option<&'d str> {
        self.document.element(self.node)?.get_attribute_ns(namespace, local)
    }

    /// The attributes in no namespace, in order.
    pub(super) fn plain_attributes(self) -> impl Iterator<Item = (&'d str, &'d str)> {
        let attributes = self.document.element(self.node).map(|element| &element.attributes);
        let plain = attributes.into_iter().flatten().filter(|a| a.name.namespace_uri.is_none());
        plain.map(|a| (&*a.name.local_name, &*a.value))
    }

    /// The child elements, in order.
    pub(super) fn children(self) -> impl Iterator<Item = Self> + use<'d> {
        let document = self.document;
        document.children_iter(self.node).filter_map(move |node| Self::at(document, node))
    }

    /// The only child element, when there is exactly one and no text beside it.
    pub(super) fn only_child(self) -> Option<Self> {
        let mut children = self.children();
        match (children.next(), children.next()) {
            (Some(only), None) if !self.has_loose_text() => Some(only),
            _ => None,
        }
    }

    /// It, its parent, and so on to the document element.
    pub(super) fn with_ancestors(self) -> impl Iterator<Item = Self> + use<'d> {
        std::iter::successors(Some(self), |element| Self::at(element.document, element.parent()?))
    }

    /// The namespace declarations on it: prefix (empty for the default) and name.
    pub(super) fn declarations(self) -> impl Iterator<Item = (&'d str, &'d str)> + use<'d> {
        let declared = self.document.element(self.node).map_or(&[][..], |e| &e.namespace_declarations);
        declared.iter().map(|(prefix, uri)| (&**prefix, &**uri))
    }

    /// The child elements of that name.
    pub(super) fn children_named(
        self,
        namespace: &'static str,
        local: &'static str,
    ) -> impl Iterator<Item = Self> + use<'d> {
        self.children().filter(move |child| child.is(namespace, local))
    }

    /// Whether there is text other than white space directly inside.
    pub(super) fn has_loose_text(self) -> bool {
        self.document.children_iter(self.node).any(|node| match self.document.node_kind(node) {
            Some(NodeKind::Text(text) | NodeKind::CData(text)) => !trim(text).is_empty(),
            _ => false,
        })
    }

    /// The whole text of an element that holds nothing but text; `None` when there is an element inside.
    pub(super) fn text(self) -> Option<Cow<'d, str>> {
        let mut whole = Cow::Borrowed("");
        for node in self.document.children_iter(self.node) {
            match self.document.node_kind(node) {
                Some(NodeKind::Text(text) | NodeKind::CData(text)) => {
                    if whole.is_empty() {
                        whole = Cow::Borrowed(text);
                    } else {
                        whole.to_mut().push_str(text);
                    }
                }
                Some(NodeKind::Comment(_)) => {}
                _ => return None,
            }
        }
        Some(whole)
    }

    /// The text without the white space around it, for elements whose text is a name or an address.
    pub(super) fn token(self) -> Option<String> {
        Some(trim(&self.text()?).to_owned())
    }
}

/// Without the white space of XML around it; other white space is part of the value.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}

/// Strict base64, after the line breaks that encoders put in are taken out.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let is_break = |b: &u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n');
    if text.as_bytes().iter().any(is_break) {
        let joined: Vec<u8> = text.bytes().filter(|b| !is_break(b)).collect();
        STANDARD.decode(joined).ok()
    } else {
        STANDARD.decode(text).ok()
    }
}

/// A value from a message as the owner may see it: quoted, control characters escaped, at most 200 characters.
pub(super) fn shown(text: &str) -> String {
    format!("\"{}\"", tame(text))
}

/// [`shown`] without the quotes, for values that stand in a line of their own.
pub(super) fn tame(text: &str) -> String {
    const LONGEST: usize = 200;
    let mut out = String::new();
    out.extend(text.chars().take(LONGEST).flat_map(|c| {
        // Quotes and backslashes stay readable; what could start a new line or colour a terminal does not stay.
        let harmless = !c.is_control()
            && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let escaped = if harmless { None } else { Some(c.escape_default()) };
        harmless.then_some(c).into_iter().chain(escaped.into_iter().flatten())
    }));
    if text.chars().nth(LONGEST).is_some() {
        out.push('…');
    }
    out
}

/// The value as it stands in an attribute or a text of XML that we write. What XML cannot carry becomes U+FFFD.
pub(super) fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => {
                // Writing to a String cannot fail.
                let _ = write!(out, "&#x{:X};", u32::from(c));
            }
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(text: &str) -> Option<Reason> {
        parse(text, 64).err().map(|refusal| refusal.reason)
    }

    #[test]
    fn what_no_idp_sends_is_refused_by_name() {
        for (text, expected) in [
            ("<a/>", None),
            ("\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><a/>", None),
            ("<!DOCTYPE a><a/>", Some(Reason::XmlDoctype)),
            ("<!-- x --> <!DOCTYPE a [<!ENTITY e \"x\">]><a>&e;</a>", Some(Reason::XmlDoctype)),
            ("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a/>", Some(Reason::EncodingNotUtf8)),
            ("<?xml version=\"1.0\" encoding=\"UTF-16\"?><a/>", Some(Reason::EncodingNotUtf8)),
            ("<?xml version=\"1.0\" encoding=\"UTF-7\"?><a/>", Some(Reason::EncodingNotUtf8)),
            ("<?xml version=\"1.1\"?><a/>", Some(Reason::XmlMalformed)),
            ("", Some(Reason::XmlMalformed)),
            ("<a>", Some(Reason::XmlMalformed)),
            ("<a/><a/>", Some(Reason::XmlMalformed)),
            ("<a/>x", Some(Reason::XmlMalformed)),
            ("<a b='1' b='2'/>", Some(Reason::XmlMalformed)),
            ("<a xmlns:p='u:' xmlns:q='u:' p:b='1' q:b='2'/>", Some(Reason::XmlMalformed)),
            ("<p:a/>", Some(Reason::XmlMalformed)),
            ("<a>&undefined;</a>", Some(Reason::XmlMalformed)),
            ("<a>\u{1}</a>", Some(Reason::XmlMalformed)),
            ("<a>&#0;</a>", Some(Reason::XmlMalformed)),
            ("<a>]]></a>", Some(Reason::XmlMalformed)),
            ("<a><!-- -- --></a>", Some(Reason::XmlMalformed)),
            ("<a b=\"<\"/>", Some(Reason::XmlMalformed)),
        ] {
            assert_eq!(reason(text), expected, "{text}");
        }
    }

    #[test]
    fn depth_ends_at_the_limit() {
        let nested = |depth: usize| "<a>".repeat(depth) + &"</a>".repeat(depth);
        assert_eq!(reason(&nested(64)), None);
        assert_eq!(reason(&nested(65)), Some(Reason::XmlTooDeep));
        assert_eq!(reason(&nested(40_000)), Some(Reason::XmlTooDeep));
    }

    #[test]
    fn text_is_never_cut_by_comments_or_cdata() {
        let document = parse("<a>one<!-- x -->two<![CDATA[<three>]]>&#102;our<!----></a>", 64).unwrap();
        let root = Element::root(&document).unwrap();
        assert_eq!(root.text().unwrap(), "onetwo<three>four");
        let document = parse("<a>one<b/>two</a>", 64).unwrap();
        assert!(Element::root(&document).unwrap().text().is_none());
    }

    #[test]
    fn attributes_are_found_without_a_namespace_only() {
        let document = parse("<a xmlns:x='u:x' x:ID='foreign' Id='other'/>", 64).unwrap();
        let root = Element::root(&document).unwrap();
        assert_eq!(root.attribute("ID"), None);
        assert_eq!(root.attribute("Id"), Some("other"));
        assert_eq!(root.attribute_in("u:x", "ID"), Some("foreign"));
    }

    #[test]
    fn shown_values_are_short_and_tame() {
        assert_eq!(shown("a\r\nb\u{1b}[31m\u{202e}é"), "\"a\\r\\nb\\u{1b}[31m\\u{202e}é\"");
        assert_eq!(shown(&"x".repeat(1000)).chars().count(), 203);
    }

    #[test]
    fn escaped_values_come_back_when_parsed() {
        let value = "a&b<c>\"d'\t\n\r é \u{10ffff}";
        let text = format!("<a v=\"{}\">{}</a>", escape(value), escape(value));
        let document = parse(&text, 64).unwrap();
        let root = Element::root(&document).unwrap();
        assert_eq!(root.attribute("v"), Some(value));
        assert_eq!(root.text().unwrap(), value);
    }
}

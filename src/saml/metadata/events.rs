//! A document as a stream: the tokenizer of `xml.rs`, without the tree.

use super::{Limits, MetadataProblem};
use crate::reason::Reason;
use crate::saml::{markup, xml};
use std::borrow::Cow;
use std::ops::Range;
use uppsala::{Element, PullEvent, PullParser, XmlError};

/// What comes along, in order. Comments, and what stands outside the document element, do not.
pub(super) enum Event<'a> {
    /// A start tag, at its depth (0: the document element) and octets.
    Start(Element<'a>, usize, Range<usize>),
    /// An end tag, or the end of an empty element; where it ends.
    End(usize, usize),
    /// Text or a CDATA section.
    Text(Cow<'a, str>),
}

/// The stream. It ends with the document; what is not well-formed is an error, wherever it stands.
pub(super) struct Events<'a> {
    text: &'a str,
    parser: PullParser<'a>,
    /// How many elements are open.
    open: usize,
}

impl<'a> Events<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let parser = PullParser::new(text)
            .with_forbid_dtd(true)
            .with_forbid_entities(true)
            .with_max_depth(Limits::DEPTH);
        Self { text, parser, open: 0 }
    }

    /// The next event; `None` at the end of the document.
    pub(super) fn next(&mut self) -> Result<Option<Event<'a>>, MetadataProblem> {
        loop {
            let event = match self.parser.next_event() {
                Ok(Some(event)) => event,
                Ok(None) => return Ok(None),
                Err(XmlError::UnexpectedEof) => return Err(truncated()),
                Err(error) => return Err(MetadataProblem::of_xml(&xml::refusal(error, Limits::DEPTH))),
            };
            return Ok(Some(match event {
                PullEvent::StartElement {
                    name,
                    attributes,
                    namespace_declarations,
                    byte_start,
                    byte_end,
                    depth,
                } => {
                    self.open += 1;
                    let mut element = Element { name, attributes, namespace_declarations };
                    normalize(&mut element, &self.text[byte_start..byte_end]);
                    Event::Start(element, depth as usize, byte_start..byte_end)
                }
                PullEvent::EndElement { byte_end, depth, .. } => {
                    self.open = self.open.saturating_sub(1);
                    Event::End(depth as usize, byte_end)
                }
                PullEvent::Text { content, .. } | PullEvent::CData { content, .. } => {
                    if self.open == 0 {
                        continue;
                    }
                    Event::Text(content)
                }
                PullEvent::ProcessingInstruction { .. } if self.open > 0 => {
                    // Nobody writes one there; a reader that carries it out would see another document.
                    let sentence = "the metadata has a processing instruction inside its document element";
                    return Err(MetadataProblem::new(Reason::MetadataMarkup, sentence));
                }
                PullEvent::XmlDeclaration(declaration) => {
                    xml::check_declaration(&declaration).map_err(|r| MetadataProblem::of_xml(&r))?;
                    continue;
                }
                PullEvent::ProcessingInstruction { .. }
                | PullEvent::Comment { .. }
                | PullEvent::Doctype(_)
                | PullEvent::StartNamespace { .. }
                | PullEvent::EndNamespace => continue,
            }));
        }
    }
}

/// Line breaks in the values of attributes become spaces (`markup.rs`), here tag by tag, so that a large document is
/// not copied for the sake of one of them.
fn normalize(element: &mut Element<'_>, tag: &str) {
    let Cow::Owned(normal) = markup::normalized_attributes(tag) else { return };
    // The tag alone, which the tokenizer has taken already: its attributes are the same, in the same order.
    let mut alone = PullParser::with_namespace_aware(&normal, false);
    while let Ok(Some(event)) = alone.next_event() {
        let PullEvent::StartElement { attributes, namespace_declarations, .. } = event else { continue };
        for (attribute, normal) in element.attributes.iter_mut().zip(attributes) {
            attribute.value = Cow::Owned(normal.value.into_owned());
        }
        for (declared, normal) in element.namespace_declarations.iter_mut().zip(namespace_declarations) {
            declared.1 = Cow::Owned(normal.1.into_owned());
        }
        return;
    }
}

fn truncated() -> MetadataProblem {
    let sentence = "the metadata breaks off before its end; it was cut on its way, or is still being written";
    MetadataProblem::new(Reason::MetadataMalformed, sentence)
}

/// The attribute of that name in no namespace.
pub(super) fn attribute<'e>(element: &'e Element<'_>, local: &str) -> Option<&'e str> {
    let named = |a: &&uppsala::Attribute<'_>| {
        a.name.namespace_uri.is_none() && a.name.prefix.is_none() && a.name.local_name == local
    };
    element.attributes.iter().find(named).map(|a| &*a.value)
}

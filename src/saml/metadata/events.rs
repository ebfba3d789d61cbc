//! A document as a stream: the tokenizer of `xml.rs`, without the tree.

use super::{Limits, MetadataProblem};
use crate::reason::Reason;
use crate::saml::xml;
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
        Self { parser, open: 0 }
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
                    let element = Element { name, attributes, namespace_declarations };
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

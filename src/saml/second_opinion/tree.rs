//! A document as quick-xml sees it, as much of it as has to be read.

use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::{NsReader, XmlVersion};

/// An element with what stands in it.
pub(super) struct Tree {
    namespace: String,
    name: String,
    /// Namespace, name, value.
    attributes: Vec<(String, String, String)>,
    /// All its text, without that of its children.
    pub(super) text: String,
    pub(super) children: Vec<Tree>,
}

const UNREADABLE: &str = "it cannot read the XML";

/// Deeper than anything that our own parser lets through.
const DEEPEST: usize = 128;

impl Tree {
    /// Reads a document of canonical octets: nothing but elements, text and references to characters.
    pub(super) fn read(octets: &str) -> Result<Self, &'static str> {
        let mut reader = NsReader::from_str(octets);
        reader.config_mut().expand_empty_elements = true;
        let mut open: Vec<Self> = Vec::new();
        loop {
            match reader.read_event().map_err(|_| UNREADABLE)? {
                Event::Start(start) => {
                    if open.len() == DEEPEST {
                        return Err(UNREADABLE);
                    }
                    open.push(Self::begin(&reader, &start)?);
                }
                Event::End(_) => {
                    let done = open.pop().ok_or(UNREADABLE)?;
                    match open.last_mut() {
                        Some(parent) => parent.children.push(done),
                        None => return Ok(done),
                    }
                }
                Event::Text(text) => {
                    let inside = open.last_mut().ok_or(UNREADABLE)?;
                    inside.text.push_str(&text.decode().map_err(|_| UNREADABLE)?);
                }
                Event::GeneralRef(reference) => {
                    let inside = open.last_mut().ok_or(UNREADABLE)?;
                    match reference.resolve_char_ref().map_err(|_| UNREADABLE)? {
                        Some(character) => inside.text.push(character),
                        None => {
                            let name = reference.decode().map_err(|_| UNREADABLE)?;
                            inside.text.push_str(resolve_xml_entity(&name).ok_or(UNREADABLE)?);
                        }
                    }
                }
                // Canonical XML has none of the others.
                _ => return Err(UNREADABLE),
            }
        }
    }

    fn begin(reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<Self, &'static str> {
        let (namespace, name) = reader.resolver().resolve_element(start.name());
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| UNREADABLE)?;
            let (namespace, name) = reader.resolver().resolve_attribute(attribute.key);
            let value = attribute.normalized_value(XmlVersion::Explicit1_0).map_err(|_| UNREADABLE)?;
            attributes.push((address(namespace)?, utf8(name.as_ref())?, value.into_owned()));
        }
        Ok(Self {
            namespace: address(namespace)?,
            name: utf8(name.as_ref())?,
            attributes,
            text: String::new(),
            children: Vec::new(),
        })
    }

    /// Whether it has this name in this namespace.
    pub(super) fn is(&self, namespace: &str, name: &str) -> bool {
        self.namespace == namespace && self.name == name
    }

    /// The attribute of that name in that namespace; empty for none.
    pub(super) fn attribute(&self, namespace: &str, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(of, called, _)| of == namespace && called == name);
        found.map(|(_, _, value)| value.as_str())
    }

    /// The children of that name.
    pub(super) fn named(&self, namespace: &'static str, name: &'static str) -> impl Iterator<Item = &Self> {
        self.children.iter().filter(move |child| child.is(namespace, name))
    }

    /// The one child of that name.
    pub(super) fn only(&self, namespace: &'static str, name: &'static str) -> Option<&Self> {
        let mut all = self.named(namespace, name);
        all.next().filter(|_| all.next().is_none())
    }
}

fn address(namespace: ResolveResult<'_>) -> Result<String, &'static str> {
    match namespace {
        ResolveResult::Bound(namespace) => utf8(namespace.into_inner()),
        ResolveResult::Unbound => Ok(String::new()),
        ResolveResult::Unknown(_) => Err(UNREADABLE),
    }
}

fn utf8(octets: &[u8]) -> Result<String, &'static str> {
    std::str::from_utf8(octets).map(str::to_owned).map_err(|_| UNREADABLE)
}

//! Exclusive XML Canonicalization 1.0 of a whole document element, one event at a time.
//!
//! `bergshamra-c14n` does the same over a tree, which an aggregate is too large for. The tests hold the two together.

use std::borrow::Cow;
use uppsala::{Attribute, Element, QName};

const XML: &str = "http://www.w3.org/XML/1998/namespace";

type Binding<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Renders the events that it is given; comments must not be among them, and every start needs its end.
pub(super) struct Canonicalizer<'a> {
    /// The InclusiveNamespaces PrefixList, with `#default` as the empty prefix.
    inclusive: Vec<Cow<'a, str>>,
    /// Prefix and namespace, innermost last; the empty prefix is the default namespace.
    in_scope: Vec<Binding<'a>>,
    /// What stands in the output already, innermost last.
    rendered: Vec<Binding<'a>>,
    open: Vec<Open<'a>>,
}

struct Open<'a> {
    name: QName<'a>,
    in_scope: usize,
    rendered: usize,
}

impl<'a> Canonicalizer<'a> {
    pub(super) fn new(prefixes: &[String]) -> Self {
        let inclusive = prefixes
            .iter()
            .map(|prefix| if prefix == "#default" { Cow::Borrowed("") } else { Cow::Owned(prefix.clone()) })
            .collect();
        Self { inclusive, in_scope: Vec::new(), rendered: Vec::new(), open: Vec::new() }
    }

    /// Exclusive Canonicalization 3: the namespaces that are visibly used, or listed, and not rendered yet; then the
    /// attributes, sorted by namespace and name (Canonical XML 2.2).
    pub(super) fn start(&mut self, element: Element<'a>, out: &mut String) {
        let Element { name, mut attributes, namespace_declarations } = element;
        let (in_scope, rendered) = (self.in_scope.len(), self.rendered.len());
        self.in_scope.extend(namespace_declarations);

        let mut used: Vec<Cow<'a, str>> = vec![name.prefix.clone().unwrap_or_default()];
        used.extend(attributes.iter().filter_map(prefix_of));
        used.extend(self.inclusive.iter().cloned());
        used.sort_unstable();
        used.dedup();

        out.push('<');
        push_name(&name, out);
        // Sorted: the default namespace comes first.
        for prefix in used.into_iter().filter(|prefix| prefix != "xml") {
            let bound = lookup(&self.in_scope, &prefix);
            let uri = match bound {
                Some(uri) => uri.clone(),
                None if prefix.is_empty() => Cow::Borrowed(""),
                // Listed in PrefixList, and not declared here.
                None => continue,
            };
            let known = lookup(&self.rendered, &prefix);
            if known == Some(&uri) || known.is_none() && prefix.is_empty() && uri.is_empty() {
                continue;
            }
            out.push_str(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
            out.push_str(&prefix);
            push_value(&uri, out);
            self.rendered.push((prefix, uri));
        }
        attributes.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));
        for attribute in &attributes {
            out.push(' ');
            if let Some(prefix) = prefix_of(attribute) {
                out.push_str(&prefix);
                out.push(':');
            }
            out.push_str(&attribute.name.local_name);
            push_value(&attribute.value, out);
        }
        out.push('>');
        self.open.push(Open { name, in_scope, rendered });
    }

    /// The end tag of the element that was started last.
    pub(super) fn end(&mut self, out: &mut String) {
        let Some(Open { name, in_scope, rendered }) = self.open.pop() else { return };
        self.in_scope.truncate(in_scope);
        self.rendered.truncate(rendered);
        out.push_str("</");
        push_name(&name, out);
        out.push('>');
    }

    pub(super) fn text(text: &str, out: &mut String) {
        escape(text, out, |c| match c {
            b'&' => Some("&amp;"),
            b'<' => Some("&lt;"),
            b'>' => Some("&gt;"),
            b'\r' => Some("&#xD;"),
            _ => None,
        });
    }
}

fn lookup<'s, 'a>(bindings: &'s [Binding<'a>], prefix: &str) -> Option<&'s Cow<'a, str>> {
    bindings.iter().rev().find(|(known, _)| known == prefix).map(|(_, uri)| uri)
}

/// The prefix that an attribute is rendered with; those without a namespace have none.
fn prefix_of<'a>(attribute: &Attribute<'a>) -> Option<Cow<'a, str>> {
    match attribute.name.namespace_uri.as_deref()? {
        XML => Some(Cow::Borrowed("xml")),
        _ => attribute.name.prefix.clone().filter(|prefix| !prefix.is_empty()),
    }
}

fn sort_key<'s>(attribute: &'s Attribute<'_>) -> (&'s str, &'s str) {
    (attribute.name.namespace_uri.as_deref().unwrap_or(""), &attribute.name.local_name)
}

fn push_name(name: &QName<'_>, out: &mut String) {
    if let Some(prefix) = name.prefix.as_deref().filter(|prefix| !prefix.is_empty()) {
        out.push_str(prefix);
        out.push(':');
    }
    out.push_str(&name.local_name);
}

/// `="…"`.
fn push_value(value: &str, out: &mut String) {
    out.push_str("=\"");
    escape(value, out, |c| match c {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'"' => Some("&quot;"),
        b'\t' => Some("&#x9;"),
        b'\n' => Some("&#xA;"),
        b'\r' => Some("&#xD;"),
        _ => None,
    });
    out.push('"');
}

fn escape(text: &str, out: &mut String, replacement: impl Fn(u8) -> Option<&'static str>) {
    let mut done = 0;
    for (at, octet) in text.bytes().enumerate() {
        // All of them are ASCII, so that a piece never ends inside a character.
        if let Some(instead) = replacement(octet) {
            out.push_str(&text[done..at]);
            out.push_str(instead);
            done = at + 1;
        }
    }
    out.push_str(&text[done..]);
}

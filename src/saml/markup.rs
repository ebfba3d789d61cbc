//! A look at the tags of a text before it is parsed, for two things that the parser does not do.
//!
//! It compares each attribute of an element with each other and looks through all declared prefixes for each name:
//! [`refuse_crowded`] keeps out what would make that expensive. And it leaves white space in attribute values as it
//! is, where XML 1.0 3.3.3 wants spaces, so that the digest of a value with a line break in it would not be the
//! signer's: [`normalize_attributes`] puts the spaces there.
//!
//! The look need not understand everything: it follows quotes, comments, CDATA sections and instructions. What it
//! misjudges is not well-formed, and the parser says so afterwards.

use crate::reason::{Reason, Refusal};
use std::borrow::Cow;
use std::ops::{ControlFlow, Range};

/// More attributes than any IdP puts on an element (ten or so).
const MAX_ATTRIBUTES: usize = 64;
/// More prefixes than any IdP has in scope at once.
const MAX_DECLARATIONS_IN_SCOPE: usize = 128;

/// Refuses, in one pass, elements so crowded that parsing them would take time out of proportion to their length.
pub(super) fn refuse_crowded(text: &str) -> Result<(), Refusal> {
    let mut declared_by_open_elements: Vec<usize> = Vec::new();
    let mut in_scope = 0;
    let walked = walk(text, |markup| {
        match markup {
            Markup::Value(_) => {}
            Markup::Start { attributes, declarations, empty } => {
                if attributes > MAX_ATTRIBUTES || in_scope + declarations > MAX_DECLARATIONS_IN_SCOPE {
                    return ControlFlow::Break(Reason::XmlCrowded);
                }
                if !empty {
                    declared_by_open_elements.push(declarations);
                    in_scope += declarations;
                }
            }
            Markup::End => in_scope -= declared_by_open_elements.pop().unwrap_or(0),
        }
        ControlFlow::Continue(())
    });
    match walked {
        ControlFlow::Break(reason) => Err(reason.into()),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// The text with the white space in attribute values made spaces, as XML 1.0 2.11 and 3.3.3 tell every parser.
/// Character references stay: they are how a value says that it means a line break.
pub(super) fn normalize_attributes(text: String) -> String {
    match normalized_attributes(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(normal) => normal,
    }
}

/// [`normalize_attributes`], copied only where there is something to change.
pub(super) fn normalized_attributes(text: &str) -> Cow<'_, str> {
    let is_break = |b: &u8| matches!(b, b'\t' | b'\n' | b'\r');
    let mut broken: Vec<Range<usize>> = Vec::new();
    if !text.as_bytes().iter().any(is_break) {
        return Cow::Borrowed(text);
    }
    let _: ControlFlow<()> = walk(text, |markup| {
        if let Markup::Value(range) = markup
            && text.as_bytes()[range.clone()].iter().any(is_break)
        {
            broken.push(range);
        }
        ControlFlow::Continue(())
    });
    if broken.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for range in broken {
        out.push_str(&text[done..range.start]);
        out.push_str(&text[range.clone()].replace("\r\n", " ").replace(['\t', '\n', '\r'], " "));
        done = range.end;
    }
    out.push_str(&text[done..]);
    Cow::Owned(out)
}

/// What the look comes across.
enum Markup {
    /// What stands between the quotes of an attribute or declaration.
    Value(Range<usize>),
    /// The end of a start tag, by counting only.
    Start { attributes: usize, declarations: usize, empty: bool },
    /// An end tag.
    End,
}

/// Goes through the tags until the end or until `visit` breaks.
fn walk<B>(text: &str, mut visit: impl FnMut(Markup) -> ControlFlow<B>) -> ControlFlow<B> {
    let after = |rest: &str, end: &str| rest.find(end).map_or(rest.len(), |at| at + end.len());
    let mut at = 0;
    while let Some(found) = text[at..].find('<') {
        at += found + 1;
        let tag = &text[at..];
        if let Some(comment) = tag.strip_prefix("!--") {
            // Past the opening, so that `<!-->` does not end it.
            at += 3 + after(comment, "-->");
        } else if tag.starts_with("![CDATA[") {
            at += after(tag, "]]>");
        } else if tag.starts_with('?') {
            at += after(tag, "?>");
        } else if tag.starts_with('/') {
            visit(Markup::End)?;
        } else {
            at = walk_tag(text, at, &mut visit)?;
        }
    }
    ControlFlow::Continue(())
}

/// One start tag from behind its `<`; gives where it ends.
fn walk_tag<B>(
    text: &str,
    mut at: usize,
    visit: &mut impl FnMut(Markup) -> ControlFlow<B>,
) -> ControlFlow<B, usize> {
    let octets = text.as_bytes();
    let (mut attributes, mut declarations) = (0, 0);
    while let Some(found) = octets[at..].iter().position(|b| matches!(b, b'"' | b'\'' | b'>')) {
        let before = &octets[at..at + found];
        let stop = octets[at + found];
        at += found + 1;
        if stop == b'>' {
            visit(Markup::Start { attributes, declarations, empty: before.ends_with(b"/") })?;
            return ControlFlow::Continue(at);
        }
        attributes += 1;
        declarations += usize::from(before.trim_ascii_start().starts_with(b"xmlns"));
        let length = octets[at..].iter().position(|b| *b == stop).unwrap_or(octets.len() - at);
        visit(Markup::Value(at..at + length))?;
        at = (at + length + 1).min(octets.len());
    }
    ControlFlow::Continue(octets.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saml::xml::{Element, parse};

    fn reason(text: &str) -> Option<Reason> {
        parse(text, 64).err().map(|refusal| refusal.reason)
    }

    #[test]
    fn crowded_elements_are_refused_before_they_are_parsed() {
        let attributes = |n: usize| (0..n).map(|i| format!(" a{i}='x>y'")).collect::<String>();
        assert_eq!(reason(&format!("<a{}/>", attributes(64))), None);
        assert_eq!(reason(&format!("<a{}/>", attributes(65))), Some(Reason::XmlCrowded));
        assert_eq!(reason(&format!("<a><!-- <b {} --></a>", attributes(65))), None);

        let declarations = |n: usize| (0..n).map(|i| format!(" xmlns:p{i}='u:{i}'")).collect::<String>();
        let one = format!("<a{}/>", declarations(60));
        assert_eq!(
            reason(&format!("<a>{}</a>", one.repeat(50))),
            None,
            "beside each other is not in scope together"
        );
        let open = format!("<a{}>", declarations(60));
        assert_eq!(reason(&format!("{}{}", open.repeat(3), "</a>".repeat(3))), Some(Reason::XmlCrowded));
    }

    #[test]
    fn white_space_in_attributes_becomes_spaces_and_nothing_else_changes() {
        let text = "<?pi '\n'?><!--> '\n' --><a v='x\r\ny\tz\n&#10;&#13;&#9;>' \n w=\"'\n'é\n\">1\r\n'2\r3'&#13;\n<![CDATA[<a b='\n'>]]></a>\n";
        let normal = normalize_attributes(text.to_owned());
        let expected = "<?pi '\n'?><!--> '\n' --><a v='x y z &#10;&#13;&#9;>' \n w=\"' 'é \">1\r\n'2\r3'&#13;\n<![CDATA[<a b='\n'>]]></a>\n";
        assert_eq!(normal, expected);
        let document = parse(&normal, 64).unwrap();
        let root = Element::root(&document).unwrap();
        assert_eq!(root.attribute("v"), Some("x y z \n\r\t>"));
        assert_eq!(root.text().unwrap(), "1\n'2\n3'\r\n<a b='\n'>");
    }

    #[test]
    fn broken_texts_come_through_without_harm() {
        for text in [
            "",
            "<",
            "<a",
            "<a b",
            "<a b='",
            "<a b='\n",
            "<a b=\"é\n",
            "<!--",
            "<!-",
            "<![CDATA[",
            "<?",
            "</",
            "<a 'é'\u{10ffff}",
            "é<é'é",
        ] {
            assert_eq!(normalize_attributes(text.to_owned()).len(), text.len());
            assert!(parse(text, 64).is_err());
        }
    }
}

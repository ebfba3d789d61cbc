//! A figment provider over `saphyr-parser`'s events, which keeps the line of every key.
//!
//! figment's own YAML feature rests on a deprecated parser and forgets lines. Ours is stricter than YAML on purpose: a
//! configuration is read by people under pressure, so whatever lets a value come from somewhere else than the place
//! where it is read (anchors, aliases, merge keys, tags, a second document, a key given twice) is refused.
//!
//! Scalars keep their text, because the key decides what they are; only the plain null of the YAML 1.2 core schema
//! (nothing, `~`, `null`) is told apart from text. Lists become dictionaries with the keys `[0]`, `[1]`, …: figment
//! merges dictionaries key by key and replaces lists whole, so an item's twin from the environment can be laid over the
//! file's list. An empty list stays a list.

use super::path::{KeyPath, item_index, item_key};
use super::report::{Problem, Report};
use figment::value::{Dict, Empty, Map, Tag, Value};
use figment::{Metadata, Profile, Provider, Source};
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};
use std::collections::HashMap;

/// Metadata may stand inline, so a file can be long; more than this is not a configuration.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Rules nest terms; nobody nests them this deep.
const MAX_DEPTH: usize = 32;

/// The file as a tree of texts, or several as one ([`super::include`]).
#[derive(Debug)]
pub(super) struct Document {
    /// The first is the one of the command line.
    pub(super) files: Vec<String>,
    pub(super) root: Dict,
    pub(super) lines: HashMap<KeyPath, Line>,
}

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    /// Which of the document's files.
    pub(super) file: usize,
    /// 1-based.
    pub(super) line: usize,
}

impl Document {
    /// Reads the file's bytes. None when they could not be read to the end: then `report` says why.
    pub(super) fn parse(file: &str, bytes: &[u8], report: &mut Report) -> Option<Self> {
        let fail = |line, message: String| Problem::at_file(file, line, message);
        if bytes.len() > MAX_BYTES {
            report.error(fail(None, format!("is larger than {} MiB", MAX_BYTES >> 20)));
            return None;
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
            Err(error) => {
                let line = 1 + bytes[..error.valid_up_to()].iter().filter(|b| **b == b'\n').count();
                report.error(fail(Some(line), "is not UTF-8 from here on".into()));
                return None;
            }
        };
        let mut builder = Builder { file, parser: Parser::new_from_str(text), lines: HashMap::new(), report };
        match builder.document() {
            Ok(root) => {
                let lines =
                    builder.lines.into_iter().map(|(path, line)| (path, Line { file: 0, line })).collect();
                Some(Self { files: vec![file.into()], root, lines })
            }
            Err(Stop { line, message, hint }) => {
                let problem = fail(Some(line), message);
                report.error(Problem { hint: hint.map(str::to_owned), ..problem });
                None
            }
        }
    }

    /// The file's name, as given on the command line.
    pub(super) fn file(&self) -> &str {
        self.files.first().map_or("", String::as_str)
    }

    /// The file in which a key or a list's item stands, and its line there.
    pub(super) fn stands(&self, path: &KeyPath) -> Option<(&str, usize)> {
        let at = self.lines.get(path)?;
        Some((self.files.get(at.file)?, at.line))
    }

    /// The items of the list under a key of the top, in order, each with its line. No list has none.
    pub(super) fn items(&self, key: &str) -> Vec<(usize, &Value)> {
        let Some(Value::Dict(_, items)) = self.root.get(key) else { return Vec::new() };
        let path = KeyPath::default().join(key);
        (0..items.len())
            .filter_map(|index| {
                let value = items.get(&item_key(index))?;
                Some((self.line(&path.item(index)).unwrap_or(0), value))
            })
            .collect()
    }

    /// The line of a key or of a list's item.
    pub(super) fn line(&self, path: &KeyPath) -> Option<usize> {
        self.lines.get(path).map(|at| at.line)
    }
}

impl Provider for Document {
    fn metadata(&self) -> Metadata {
        Metadata::from("configuration file", Source::File(self.file().into()))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.root.clone()))
    }
}

/// Nothing after this can be understood.
struct Stop {
    line: usize,
    message: String,
    hint: Option<&'static str>,
}

impl Stop {
    fn at(line: usize, message: impl Into<String>) -> Self {
        Self { line, message: message.into(), hint: None }
    }
}

impl From<ScanError> for Stop {
    fn from(error: ScanError) -> Self {
        let line = error.marker().line();
        let message = format!("is not YAML: {} (column {})", error.info(), error.marker().col() + 1);
        let hint =
            "look at the indentation, and for a missing colon or quote, on this line or the one before";
        Self { hint: Some(hint), ..Self::at(line, message) }
    }
}

/// Turns events into a tree. What is refused but understood is reported and skipped, so that one run names it all.
struct Builder<'a> {
    file: &'a str,
    parser: Parser<'a, StrInput<'a>>,
    lines: HashMap<KeyPath, usize>,
    report: &'a mut Report,
}

impl<'a> Builder<'a> {
    fn document(&mut self) -> Result<Dict, Stop> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(_) if root.is_some() => {
                    let message = "starts a second document: one file is one configuration";
                    return Err(Stop::at(line(span), message));
                }
                Event::DocumentStart(_) => {
                    let (event, span) = self.next()?;
                    root = Some((self.value(event, span, &KeyPath::default(), 0)?, line(span)));
                }
                _ => {}
            }
        }
        match root {
            None | Some((Value::Empty(..), _)) => Ok(Dict::new()),
            Some((Value::Dict(_, dict), _)) if !dict.keys().any(|key| item_index(key).is_some()) => Ok(dict),
            Some((_, line)) => Err(Stop::at(line, "is not a configuration: `key: value` lines are expected")),
        }
    }

    fn value(&mut self, event: Event<'a>, span: Span, path: &KeyPath, depth: usize) -> Result<Value, Stop> {
        if depth > MAX_DEPTH {
            return Err(Stop::at(line(span), format!("nests deeper than {MAX_DEPTH} levels")));
        }
        let (anchor, tagged) = match &event {
            Event::Scalar(_, _, anchor, tag) => (*anchor, tag.is_some()),
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => (*anchor, tag.is_some()),
            _ => (0, false),
        };
        if anchor != 0 {
            self.refuse(path, span, "an anchor (`&`) is not accepted: write the value where it is used");
        }
        if tagged {
            self.refuse(path, span, "a tag (`!`) is not accepted: the key says what the value is");
        }
        match event {
            Event::Scalar(text, style, ..) => Ok(scalar(&text, style)),
            Event::SequenceStart(..) => self.list(path, depth),
            Event::MappingStart(..) => self.section(path, depth),
            Event::Alias(_) => {
                self.refuse(path, span, "an alias (`*`) is not accepted: write the value out");
                Ok(empty())
            }
            _ => Err(Stop::at(line(span), "is not YAML: a value is expected here")),
        }
    }

    fn list(&mut self, path: &KeyPath, depth: usize) -> Result<Value, Stop> {
        let mut items = Dict::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                break;
            }
            let item = path.item(items.len());
            self.lines.insert(item.clone(), line(span));
            let value = self.value(event, span, &item, depth + 1)?;
            items.insert(item_key(items.len()), value);
        }
        Ok(if items.is_empty() {
            Value::Array(Tag::Default, Vec::new())
        } else {
            Value::Dict(Tag::Default, items)
        })
    }

    fn section(&mut self, path: &KeyPath, depth: usize) -> Result<Value, Stop> {
        let mut entries = Dict::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok(Value::Dict(Tag::Default, entries));
            }
            let key = self.key(event, span, path, depth)?;
            let key_path = key.as_deref().map_or_else(|| path.clone(), |key| path.join(key));
            let earlier = key.as_ref().and_then(|_| self.line_of(&key_path));
            if key.is_some() && earlier.is_none() {
                self.lines.insert(key_path.clone(), line(span));
            }
            let (event, value_span) = self.next()?;
            // A key's second value must not overwrite the lines below the first.
            let value_path = if earlier.is_some() { key_path.join("(again)") } else { key_path.clone() };
            let value = self.value(event, value_span, &value_path, depth + 1)?;
            match (key, earlier) {
                (Some(_), Some(earlier)) => {
                    self.refuse(&key_path, span, &format!("is given twice: first on line {earlier}"));
                }
                (Some(key), None) => {
                    entries.insert(key, value);
                }
                (None, _) => {}
            }
        }
    }

    /// The key's text; None when it was refused and only its value is to be read past.
    fn key(
        &mut self,
        event: Event<'a>,
        span: Span,
        path: &KeyPath,
        depth: usize,
    ) -> Result<Option<String>, Stop> {
        let text = match &event {
            Event::Scalar(text, style, ..) => Some((text.to_string(), *style)),
            _ => None,
        };
        self.value(event, span, path, depth + 1)?;
        let refusal = match &text {
            None => "a key must be a word",
            Some((key, ScalarStyle::Plain)) if key == "<<" => {
                "a merge key (`<<`) is not accepted: write the keys out"
            }
            Some((key, _)) if key.is_empty() => "a key must not be empty",
            Some((key, _)) if item_index(key).is_some() => "a key must not look like a list's index",
            Some(_) => return Ok(text.map(|(key, _)| key)),
        };
        self.refuse(path, span, refusal);
        Ok(None)
    }

    fn line_of(&self, path: &KeyPath) -> Option<usize> {
        self.lines.get(path).copied()
    }

    fn refuse(&mut self, path: &KeyPath, span: Span, message: &str) {
        let problem = Problem::at_file(self.file, Some(line(span)), message);
        self.report.error(Problem { path: path.to_string(), ..problem });
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Stop> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => Err(error.into()),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    match (style, text) {
        (ScalarStyle::Plain, "" | "~" | "null" | "Null" | "NULL") => empty(),
        _ => Value::String(Tag::Default, text.to_owned()),
    }
}

const fn empty() -> Value {
    Value::Empty(Tag::Default, Empty::None)
}

fn line(span: Span) -> usize {
    span.start.line().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (Option<Document>, Vec<String>) {
        let mut report = Report::default();
        let document = Document::parse("c.yaml", text.as_bytes(), &mut report);
        (document, report.into_problems().0.iter().map(ToString::to_string).collect())
    }

    fn text_at(document: &Document, steps: &[&str]) -> String {
        let mut value = Value::Dict(Tag::Default, document.root.clone());
        for step in steps {
            value = value.into_dict().expect("a section")[*step].clone();
        }
        value.into_string().expect("a text")
    }

    #[test]
    fn scalars_keep_their_text_and_keys_their_lines() {
        let (document, problems) = parse("a: 0123\nb:\n  - x: yes\n  - x: 1e3\n    y: 'null'\n");
        let document = document.expect("a document");
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(text_at(&document, &["a"]), "0123");
        assert_eq!(text_at(&document, &["b", "[1]", "x"]), "1e3");
        assert_eq!(text_at(&document, &["b", "[1]", "y"]), "null");
        let y = KeyPath::default().join("b").item(1).join("y");
        assert_eq!(document.line(&y), Some(5));
        assert_eq!(document.line(&KeyPath::default().join("b").item(1)), Some(4));
    }

    #[test]
    fn what_brings_values_from_elsewhere_is_refused_and_the_rest_still_read() {
        let text = "a: &x 1\nb: !!str 2\nc: 1\nc: 2\nd: {<<: {e: 1}}\n? [k]\n: 3\n'[0]': 1\nz: 1\n";
        let (document, problems) = parse(text);
        let said = problems.join("\n");
        for part in [
            "c.yaml:1: a: an anchor",
            "c.yaml:2: b: a tag",
            "c.yaml:4: c: is given twice: first on line 3",
            "c.yaml:5: d: a merge key",
            "c.yaml:6: a key must be a word",
            "c.yaml:8: a key must not look like",
        ] {
            assert!(said.contains(part), "{part} in\n{said}");
        }
        assert_eq!(problems.len(), 6, "{said}");
        assert_eq!(text_at(&document.expect("a document"), &["z"]), "1");
    }

    #[test]
    fn an_alias_is_refused() {
        let (_, problems) = parse("a: &x 1\nb: *x\n");
        assert!(problems.iter().any(|p| p.starts_with("c.yaml:2: b: an alias")), "{problems:?}");
    }

    #[test]
    fn what_is_no_configuration_stops_with_a_line() {
        for (text, expected) in [
            ("a: 1\n---\nb: 2\n", "c.yaml:2: starts a second document"),
            ("- a\n", "c.yaml:1: is not a configuration"),
            ("just words\n", "c.yaml:1: is not a configuration"),
            ("a: [1\nb: 2\n", "is not YAML"),
            ("a: \"\\q\"\n", "c.yaml:1: is not YAML"),
        ] {
            let (document, problems) = parse(text);
            assert!(document.is_none(), "{text:?}");
            assert!(problems.iter().any(|p| p.contains(expected)), "{text:?}: {problems:?}");
        }
        let deep = format!("a: {}{}", "[".repeat(40), "]".repeat(40));
        assert!(parse(&deep).1[0].contains("nests deeper"), "{:?}", parse(&deep).1);
    }

    #[test]
    fn a_slip_of_the_syntax_comes_with_advice() {
        let (_, problems) = parse("a: 1\nb 2\nc: 3\n");
        assert!(problems.iter().any(|p| p.contains("\n    look at the indentation")), "{problems:?}");
    }

    #[test]
    fn depth_is_bounded_without_taking_the_stack() {
        let deep = format!("a: {}", "[".repeat(200_000));
        assert!(parse(&deep).0.is_none());
    }

    #[test]
    fn bytes_that_are_not_text_are_refused() {
        let mut report = Report::default();
        assert!(Document::parse("c.yaml", b"a: 1\nb: \xff\n", &mut report).is_none());
        assert_eq!(report.into_problems().to_string(), "c.yaml:2: is not UTF-8 from here on");
        let mut report = Report::default();
        assert!(Document::parse("c.yaml", &vec![b'#'; MAX_BYTES + 1], &mut report).is_none());
    }

    #[test]
    fn an_empty_file_is_an_empty_configuration() {
        for text in ["", "# nothing\n", "---\n", "\u{feff}"] {
            let (document, problems) = parse(text);
            assert!(document.is_some_and(|d| d.root.is_empty()), "{text:?} {problems:?}");
        }
    }
}

//! Reads the merged tree into the sections of [`super::file`], and remembers of each value where it stood.
//!
//! A key is in one of three states: absent, given, or broken. Broken means that a problem was already reported; whoever
//! asks for a broken value gets nothing and says nothing, so that no problem is named twice under different names.

use super::env::Twins;
use super::file::File;
use super::fingerprint::Fingerprints;
use super::path::{KeyPath, item_index};
use super::report::{Problem, Report};
use super::schema::{Key, Keys, Later, Nearest, Shape, nearest};
use super::yaml::Document;
use figment::value::{Dict, Value};
use figment::{Figment, Profile, Provider};
use std::path::PathBuf;
use std::sync::Arc;

/// Where a value stands, or where it is missing.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    path: KeyPath,
    line: Option<usize>,
    origin: Option<String>,
}

impl Place {
    /// Something to say about this place.
    pub(super) fn problem(&self, message: impl Into<String>) -> Problem {
        Problem {
            path: self.path.to_string(),
            line: self.line,
            origin: self.origin.clone(),
            message: message.into(),
            hint: None,
        }
    }

    /// The key that stands one level down, for messages that name a neighbour.
    pub(super) fn key(&self, name: &str) -> String {
        self.path.join(name).to_string()
    }

    /// The place in words, for messages about another: `sites[0].public_url (line 7)`.
    pub(super) fn in_words(&self) -> String {
        match self.line {
            Some(line) => format!("{} (line {line})", self.path),
            None => self.path.to_string(),
        }
    }

    /// The same, for a message that stands at another place: with `include`, that may be in another file.
    pub(super) fn in_words_beside(&self, here: &Self) -> String {
        match (self.line, &self.origin) {
            (Some(line), Some(file)) if self.origin != here.origin => {
                format!("{} (line {line} of {file})", self.path)
            }
            _ => self.in_words(),
        }
    }

    /// The path alone: `identity_providers[0]`.
    pub(super) fn path(&self) -> String {
        self.path.to_string()
    }

    /// Lines order what the tree has sorted by name.
    pub(super) const fn line(&self) -> Option<usize> {
        self.line
    }
}

/// What was found under a key.
#[derive(Clone, Copy)]
pub(super) enum Found<'v> {
    Absent,
    /// The section around is not what it should be; that has been said.
    Broken,
    Value(&'v Value),
}

/// Something that fills the place of a key, whatever was found there.
pub(super) trait Slot: Sized {
    fn shape() -> Shape;
    fn fill(found: Found<'_>, place: Place, reader: &mut Reader<'_>) -> Self;
    /// What counts when this stands in a site and `below` at the top level: key by key, what the site says and else what
    /// the top level says.
    fn over(&self, below: &Self) -> Self;
}

/// A value that can be read from what was found; says itself what is wrong.
pub(super) trait Read: Sized {
    /// Whether a key with nothing after it is as good as no key: a section whose lines are all commented out.
    const NOTHING_IS_ABSENT: bool = false;
    fn shape() -> Shape;
    fn read(value: &Value, place: &Place, reader: &mut Reader<'_>) -> Option<Self>;
}

/// One key with its value, if it has one. A copy shares the value: each site reads what stands at the top level.
#[derive(Debug)]
pub(super) struct Field<T> {
    /// Where it stands, or would.
    pub(super) place: Place,
    given: Given<T>,
}

#[derive(Debug)]
enum Given<T> {
    No,
    /// The section around is broken, and nobody knows whether the key was meant to be there.
    Unknown,
    Broken,
    Yes(Arc<T>),
}

// Written out, because a derived one would ask for values that can be copied.
impl<T> Clone for Field<T> {
    fn clone(&self) -> Self {
        let given = match &self.given {
            Given::No => Given::No,
            Given::Unknown => Given::Unknown,
            Given::Broken => Given::Broken,
            Given::Yes(value) => Given::Yes(Arc::clone(value)),
        };
        Self { place: self.place.clone(), given }
    }
}

impl<T> Field<T> {
    /// A value that follows from what is written at this place.
    pub(super) fn following(place: Place, value: T) -> Self {
        Self { place, given: Given::Yes(Arc::new(value)) }
    }

    /// As if nobody had written it.
    pub(super) const fn absent(place: Place) -> Self {
        Self { place, given: Given::No }
    }

    /// Nothing, and nobody complains: what is wrong has been said.
    pub(super) const fn unknown(place: Place) -> Self {
        Self { place, given: Given::Unknown }
    }

    /// The value, when it was given and could be read.
    pub(super) fn get(&self) -> Option<&T> {
        match &self.given {
            Given::Yes(value) => Some(value),
            _ => None,
        }
    }

    /// Whether the key is not there at all.
    pub(super) const fn is_absent(&self) -> bool {
        matches!(self.given, Given::No)
    }

    /// Whether somebody wrote the key, readable or not.
    pub(super) const fn is_written(&self) -> bool {
        matches!(self.given, Given::Broken | Given::Yes(_))
    }

    /// The value; a missing one is a problem.
    pub(super) fn required(&self, report: &mut Report) -> Option<&T> {
        if self.is_absent() {
            report.error(self.problem("is missing"));
        }
        self.get()
    }

    /// The value; a missing one is a problem, with advice.
    pub(super) fn required_as(&self, hint: &str, report: &mut Report) -> Option<&T> {
        if self.is_absent() {
            report.error(self.problem("is missing").hint(hint));
        }
        self.get()
    }

    /// Something to say about this key.
    pub(super) fn problem(&self, message: impl Into<String>) -> Problem {
        self.place.problem(message)
    }
}

impl<T: Clone> Field<T> {
    /// The value or the default. A broken value gives the default too: the problem has been said, and the checks that
    /// follow may go on.
    pub(super) fn or(&self, default: T) -> T {
        self.get().cloned().unwrap_or(default)
    }
}

impl<T: Read> Slot for Field<T> {
    fn shape() -> Shape {
        T::shape()
    }

    fn fill(found: Found<'_>, place: Place, reader: &mut Reader<'_>) -> Self {
        let given = match found {
            Found::Absent => Given::No,
            Found::Value(Value::Empty(..)) if T::NOTHING_IS_ABSENT => Given::No,
            Found::Broken => Given::Unknown,
            Found::Value(Value::Empty(..)) => {
                let hint = "write a value, or remove the line for the default (a bare # begins a comment: what begins with one goes in quotes)";
                reader.report.error(place.problem("has no value").hint(hint));
                Given::Broken
            }
            Found::Value(value) => {
                T::read(value, &place, reader).map_or(Given::Broken, |value| Given::Yes(Arc::new(value)))
            }
        };
        Self { place, given }
    }

    fn over(&self, below: &Self) -> Self {
        if self.is_absent() { below.clone() } else { self.clone() }
    }
}

/// Reads the tree.
pub(super) struct Reader<'a> {
    document: &'a Document,
    twins: &'a Twins,
    pub(super) report: &'a mut Report,
}

impl<'a> Reader<'a> {
    /// A reader over the file and what the environment lays over it.
    pub(super) const fn new(document: &'a Document, twins: &'a Twins, report: &'a mut Report) -> Self {
        Self { document, twins, report }
    }

    /// The configuration as it was written, and what to compare another one with. Problems are in the report.
    pub(super) fn read(mut self) -> (File, Fingerprints) {
        let figment = Figment::new().merge(self.document).merge(self.twins);
        let merged: Dict = match figment.data() {
            Ok(mut profiles) => profiles.remove(&Profile::Default).unwrap_or_default(),
            Err(error) => {
                self.report.error(Problem::at_file(self.document.file(), None, error.to_string()));
                Dict::new()
            }
        };
        let top = Place { origin: Some(self.document.file().to_owned()), ..Place::default() };
        let fingerprints = Fingerprints::of(&merged);
        (File::fill(Found::Value(&Value::from(merged)), top, &mut self), fingerprints)
    }

    /// Opens a section: whatever stands in it and is not one of `keys` is refused.
    pub(super) fn open<'v>(&mut self, found: Found<'v>, place: &Place, keys: &'static Keys) -> Section<'v> {
        let value = match found {
            Found::Absent | Found::Value(Value::Empty(..)) => return Section::Absent,
            Found::Broken => return Section::Broken,
            Found::Value(value) => value,
        };
        let entries = match value {
            Value::Dict(_, entries) if !is_list(value) => entries,
            // A section of a later release, written as a switch.
            other if keys.known.is_empty() => {
                if !matches!(other.as_str(), Some("off" | "false")) {
                    let hint = keys.later.first().map_or("remove the line", |later| later.meanwhile);
                    self.report.error(place.problem("is not in this release").hint(hint));
                }
                return Section::Broken;
            }
            other => {
                let some = keys.known.iter().take(3).map(|key| key.name).collect::<Vec<_>>().join(", ");
                let message = format!("must be a section, not {}", kind(other));
                self.report.error(place.problem(message).hint(format!("its keys are {some}…")));
                return Section::Broken;
            }
        };
        let mut faulty = false;
        for (name, value) in entries {
            let at = self.place(place, name);
            if keys.known.iter().any(|key: &Key| key.name == name) {
                continue;
            }
            faulty = true;
            match keys.later.iter().find(|later| later.name == name) {
                Some(later) => self.refuse_later(later, value, &at),
                None => self.refuse_unknown(name, keys, place, &at),
            }
        }
        Section::Given(entries, faulty)
    }

    /// The place one step below `parent`.
    pub(super) fn place(&self, parent: &Place, step: &str) -> Place {
        let path = parent.path.join(step);
        if let Some(variable) = self.twins.variable(&path) {
            return Place { path, line: None, origin: Some(variable.to_owned()) };
        }
        match self.document.stands(&path) {
            Some((file, line)) => Place { line: Some(line), origin: Some(file.to_owned()), path },
            None if self.twins.reach_below(&path) => {
                Place { path, line: None, origin: Some("environment".into()) }
            }
            None => Place { path, line: parent.line, origin: parent.origin.clone() },
        }
    }

    /// The items of a list; None, and a problem, when it is none.
    pub(super) fn items<'v>(&mut self, value: &'v Value, place: &Place) -> Option<Vec<(String, &'v Value)>> {
        let entries = match value {
            Value::Array(..) => return Some(Vec::new()),
            Value::Dict(_, entries) if is_list(value) => entries,
            other => {
                let message = format!("must be a list, not {}", kind(other));
                let hint = "write `[one, two]`, or each item on a line of its own after `- `; in the environment end \
                            the variable's name with the item's number: `__0`";
                self.report.error(place.problem(message).hint(hint));
                return None;
            }
        };
        let mut items: Vec<(usize, String, &Value)> = entries
            .iter()
            .filter_map(|(key, value)| item_index(key).map(|index| (index, key.clone(), value)))
            .collect();
        items.sort_by_key(|(index, ..)| *index);
        if items.len() != entries.len() {
            self.report.error(place.problem("is a list in one place and a section in another"));
            return None;
        }
        if let Some((expected, (_, key, _))) =
            items.iter().enumerate().find(|(expected, (index, ..))| expected != index)
        {
            let at = self.place(place, key);
            let message = format!("the list has no item {expected} before this one");
            self.report.error(at.problem(message));
            return None;
        }
        Some(items.into_iter().map(|(_, key, value)| (key, value)).collect())
    }

    /// A path as written, relative to the configuration's folder.
    pub(super) fn resolve(&self, written: &str) -> PathBuf {
        std::path::Path::new(self.document.file())
            .parent()
            .map_or_else(|| PathBuf::from(written), |folder| folder.join(written))
    }

    fn refuse_later(&mut self, later: &Later, value: &Value, at: &Place) {
        if !later.only.is_empty() && value.as_str() == Some(later.only) {
            return;
        }
        let message = match later.only {
            "" => "is not in this release".to_owned(),
            only => format!("is not in this release: only `{only}` is possible"),
        };
        self.report.error(at.problem(message).hint(later.meanwhile));
    }

    fn refuse_unknown(&mut self, name: &str, keys: &'static Keys, section: &Place, at: &Place) {
        if name.starts_with("danger_") {
            let message = "is an unknown key: the `danger_` exceptions are `identity_providers[].danger_allow_sha1_until`";
            return self.report.error(at.problem(message));
        }
        let here = |key: &str| match self.twins.variable(&at.path) {
            Some(_) => section.path.join(key).twin(),
            None => section.key(key),
        };
        let message = match nearest(name, keys) {
            Some(Nearest::Slip(key)) => format!("is an unknown key: did you mean `{}`?", here(key)),
            Some(Nearest::Elsewhere(key)) if !key.contains(['.', '[']) => {
                format!("is an unknown key here: `{key}` stands at the top level of the file")
            }
            Some(Nearest::Elsewhere(key)) => format!("is an unknown key here: did you mean `{key}`?"),
            Some(Nearest::Far(key)) => format!("is an unknown key: the nearest known one is `{}`", here(key)),
            None => "is an unknown key: nothing can be set here in this release".to_owned(),
        };
        self.report.error(at.problem(message));
    }
}

/// An opened section.
pub(super) enum Section<'v> {
    Absent,
    Broken,
    /// With whether something in it was refused as unknown.
    Given(&'v Dict, bool),
}

impl Section<'_> {
    /// Whether something was reported about the section itself or one of its keys' names.
    pub(super) const fn is_faulty(&self) -> bool {
        matches!(self, Self::Broken | Self::Given(_, true))
    }

    /// Whether it is there.
    pub(super) const fn is_written(&self) -> bool {
        !matches!(self, Self::Absent)
    }

    /// Fills the place of one key.
    pub(super) fn slot<S: Slot>(&self, key: &str, place: &Place, reader: &mut Reader<'_>) -> S {
        let found = match self {
            Self::Absent => Found::Absent,
            Self::Broken => Found::Broken,
            Self::Given(entries, _) => entries.get(key).map_or(Found::Absent, Found::Value),
        };
        let below = reader.place(place, key);
        S::fill(found, below, reader)
    }
}

/// Whether the dictionary is a list in disguise, see [`super::yaml`].
pub(super) fn is_list(value: &Value) -> bool {
    match value {
        Value::Array(..) => true,
        Value::Dict(_, entries) => entries.keys().any(|key| item_index(key).is_some()),
        _ => false,
    }
}

/// What was written instead, in words.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Empty(..) => "nothing",
        _ if is_list(value) => "a list",
        Value::Dict(..) => "a section",
        _ => "a single value",
    }
}

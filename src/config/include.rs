//! `include:`: one configuration in several files, for those who keep a file for each application.
//!
//! Sections are laid together key by key, and lists at the top (`sites`, `identity_providers`, `rules`) are put one after
//! the other, in the order in which the files are named and, in a folder, by their names. Nothing wins over anything: a
//! value that two files give is refused with both places, so that what is read in one file is what counts.

use super::path::{KeyPath, item_index, item_key};
use super::reader::is_list;
use super::report::{Problem, Report};
use super::yaml::{Document, Line};
use figment::value::{Dict, Value};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The name of the key.
const INCLUDE: &str = "include";
/// A folder of more files than this was not meant.
const MAX_FILES: usize = 1000;

/// Reads the file and what it includes. None when one of them could not be read to the end; `report` has said why.
/// `places` get every file that was read, and the folders in which more may come.
pub(super) fn read(file: &Path, report: &mut Report, places: &mut Vec<PathBuf>) -> Option<Document> {
    places.push(file.to_owned());
    let mut document = read_one(file, report)?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut whole = true;
    for (path, pattern) in written(&document) {
        places.push(place_of(folder, &pattern));
        let found = match find(folder, &pattern) {
            Ok(found) => found,
            Err(message) => {
                report.error(problem(&document, &path, message));
                whole = false;
                continue;
            }
        };
        for file in found {
            places.push(file.clone());
            if document.files.iter().any(|name| Path::new(name) == file) {
                report.error(problem(&document, &path, format!("{} is read already", file.display())));
                continue;
            }
            match read_one(&file, report) {
                Some(part) => add(&mut document, part, report),
                None => whole = false,
            }
        }
    }
    whole.then_some(document)
}

fn read_one(file: &Path, report: &mut Report) -> Option<Document> {
    let name = file.display().to_string();
    match std::fs::read(file) {
        Ok(bytes) => Document::parse(&name, &Zeroizing::new(bytes), report),
        Err(error) => {
            report.error(Problem::at_file(&name, None, format!("cannot be read: {error}")));
            None
        }
    }
}

/// What `include` says, where. What is no text is left to the section's own reading, which says so.
fn written(document: &Document) -> Vec<(KeyPath, String)> {
    let at = KeyPath::default().join(INCLUDE);
    match document.root.get(INCLUDE) {
        Some(Value::String(_, pattern)) => vec![(at, pattern.clone())],
        Some(Value::Dict(_, items)) => (0..items.len())
            .filter_map(|index| match items.get(&item_key(index)) {
                Some(Value::String(_, pattern)) => Some((at.item(index), pattern.clone())),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// The file or the folder that changes when a pattern means something else.
fn place_of(folder: &Path, pattern: &str) -> PathBuf {
    let place = folder.join(pattern);
    match place.file_name().and_then(|name| name.to_str()) {
        Some(last) if last.contains('*') => place.parent().unwrap_or(folder).to_owned(),
        _ => place,
    }
}

/// The files that a pattern names, by name: a file, a folder (its `*.yaml` and `*.yml`), or a folder's names with a `*`.
fn find(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    if pattern.rsplit_once('/').is_some_and(|(above, _)| above.contains('*')) {
        return Err("a * may stand in the last part only: conf.d/*.yaml".into());
    }
    let place = folder.join(pattern);
    let last = place.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let (inside, wanted): (&Path, &dyn Fn(&str) -> bool) = if last.contains('*') {
        (place.parent().unwrap_or(folder), &|name| matches(&last, name))
    } else if place.is_dir() {
        (&place, &|name| name.ends_with(".yaml") || name.ends_with(".yml"))
    } else {
        return match place.metadata() {
            Ok(found) if found.is_file() => Ok(vec![place]),
            // A pipe would be waited for.
            Ok(_) => Err(format!("{} is not a file", place.display())),
            Err(_) => Err(format!("{} does not exist", place.display())),
        };
    };
    let entries = std::fs::read_dir(inside).map_err(|error| format!("{}: {error}", inside.display()))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        // Hidden ones are editors' copies, and Kubernetes' own links.
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| !name.starts_with('.') && wanted(name)))
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .take(MAX_FILES + 1)
        .collect();
    if found.len() > MAX_FILES {
        return Err(format!("{} holds more than {MAX_FILES} files", inside.display()));
    }
    found.sort();
    Ok(found)
}

/// Whether a name is as a pattern says, in which `*` is any text.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let (Some(first), Some(last)) = (parts.next(), parts.next_back()) else { return pattern == name };
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// Lays a file beside what has been read.
fn add(whole: &mut Document, mut part: Document, report: &mut Report) {
    if part.root.remove(INCLUDE).is_some() {
        let path = KeyPath::default().join(INCLUDE);
        let message = "can stand in the first file only: a file that is included includes none";
        report.error(problem(&part, &path, message));
        part.lines.retain(|at, _| !at.steps().starts_with(path.steps()));
    }
    // Items that come after others are numbered on, and so are the paths to them.
    for (key, value) in &mut part.root {
        let before = whole.root.get(key).map_or(0, items);
        if before > 0 && is_list(value) {
            *value = moved_down(value, before);
            part.lines = part
                .lines
                .into_iter()
                .map(|(at, line)| {
                    (if at.steps().first() == Some(key) { at.moved_down(before) } else { at }, line)
                })
                .collect();
        }
    }
    let file = whole.files.len();
    let root = std::mem::take(&mut part.root);
    let mut merge = Merge { whole: &whole.lines, files: &whole.files, part: &part, report };
    merge.sections(&mut whole.root, root, &KeyPath::default());
    whole.files.append(&mut part.files);
    for (path, at) in part.lines {
        whole.lines.entry(path).or_insert(Line { file, ..at });
    }
}

/// How many items a list has; what is none has none.
fn items(value: &Value) -> usize {
    match value {
        Value::Dict(_, entries) if is_list(value) => entries.len(),
        _ => 0,
    }
}

fn moved_down(list: &Value, by: usize) -> Value {
    match list {
        Value::Dict(tag, entries) => {
            let moved = entries.iter().map(|(key, value)| match item_index(key) {
                Some(index) => (item_key(index.saturating_add(by)), value.clone()),
                None => (key.clone(), value.clone()),
            });
            Value::Dict(*tag, moved.collect())
        }
        other => other.clone(),
    }
}

/// What is needed to say where two values stand.
struct Merge<'a> {
    whole: &'a HashMap<KeyPath, Line>,
    files: &'a [String],
    part: &'a Document,
    report: &'a mut Report,
}

impl Merge<'_> {
    /// Key by key. At the top lists grow; anything else that is there already is refused.
    fn sections(&mut self, there: &mut Dict, new: Dict, path: &KeyPath) {
        let top = path.steps().is_empty();
        for (key, value) in new {
            let at = path.join(&*key);
            match (there.get_mut(&key), value) {
                (None, value) => {
                    there.insert(key, value);
                }
                // A section whose lines are all commented out, in either file.
                (Some(_), Value::Empty(..)) => {}
                (Some(old @ Value::Empty(..)), value) => *old = value,
                (Some(old), value) if top && is_list(old) && is_list(&value) => match (old, value) {
                    (Value::Dict(_, old), Value::Dict(_, new)) => old.extend(new),
                    (_, Value::Array(..)) => {}
                    (old, value) => *old = value,
                },
                (Some(Value::Dict(_, old)), Value::Dict(_, new)) if !lists(old) && !lists(&new) => {
                    self.sections(old, new, &at);
                }
                (Some(_), _) => self.refuse(&at),
            }
        }
    }

    fn refuse(&mut self, at: &KeyPath) {
        let first = self.whole.get(at).and_then(|line| Some((self.files.get(line.file)?, line.line)));
        let message = match first {
            Some((file, line)) => format!("is given twice: first on line {line} of {file}"),
            None => "is given twice".to_owned(),
        };
        self.report.error(problem(self.part, at, message).hint(
            "no file wins over another; lists are put together at the top only (sites, identity_providers, rules)",
        ));
    }
}

fn lists(entries: &Dict) -> bool {
    entries.keys().any(|key| item_index(key).is_some())
}

/// Something to say about a key that has been read.
fn problem(document: &Document, path: &KeyPath, message: impl Into<String>) -> Problem {
    let (file, line) = document.stands(path).unzip();
    let problem = Problem::at_file(file.unwrap_or_else(|| document.file()), line, message);
    Problem { path: path.to_string(), ..problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text() {
        for (pattern, name, expected) in [
            ("*.yaml", "a.yaml", true),
            ("*.yaml", "a.yml", false),
            ("site-*.yaml", "site-a.yaml", true),
            ("site-*.yaml", "my-site-a.yaml", false),
            ("*a*b", "xaxb", true),
            ("*a*b", "b", false),
            ("a*a", "a", false),
            ("plain", "plain", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}

//! A figment provider of the environment twins: `VESTIBULE__SESSION__IDLE_TIMEOUT=30m`.
//!
//! The levels of a variable's name are steps down the schema, so that a number is an item of a list where a list
//! stands (`VESTIBULE__IDENTITY_PROVIDERS__0__LABEL`), and a group's name keeps its case where groups stand
//! (`VESTIBULE__ROLES__Ops`). The value is a text, and the key reads it, as in the file.
//!
//! A name that no key has is not swallowed: it goes into the tree as it is, and the reader refuses it with the nearest
//! key, as it does for the file.

use super::path::{KeyPath, TWIN_PREFIX};
use super::report::{Problem, Problems, Report};
use super::schema;
use figment::value::{Dict, Map, Tag, Value};
use figment::{Metadata, Profile, Provider};
use std::collections::HashMap;

/// As deep as the file may nest.
const MAX_LEVELS: usize = 32;

/// What the environment says.
#[derive(Debug, Default)]
pub(super) struct Twins {
    root: Dict,
    variables: HashMap<KeyPath, String>,
}

impl Twins {
    /// Takes what is ours; `VESTIBULE_PORT`, with its single underscore, is Kubernetes' and not ours.
    pub(super) fn read(environment: &[(String, String)], report: &mut Report) -> Self {
        let mut ours: Vec<(&str, &str, &str)> = environment
            .iter()
            .filter_map(|(name, value)| {
                Some((name.strip_prefix(TWIN_PREFIX)?, name.as_str(), value.as_str()))
            })
            .collect();
        ours.sort_unstable();
        let mut twins = Self::default();
        for (levels, variable, value) in ours {
            if let Err(message) = twins.take(levels, variable, value) {
                report.error(Problem::at_file(variable, None, message));
            }
        }
        twins
    }

    /// The variable that sets this key.
    pub(super) fn variable(&self, path: &KeyPath) -> Option<&str> {
        self.variables.get(path).map(String::as_str)
    }

    /// Whether some variable sets a key below.
    pub(super) fn reach_below(&self, path: &KeyPath) -> bool {
        self.variables.keys().any(|set| set.steps().starts_with(path.steps()))
    }

    fn take(&mut self, levels: &str, variable: &str, value: &str) -> Result<(), String> {
        let path = path_of(levels)?;
        if let Some(other) = self.variable(&path) {
            return Err(format!("sets the same key as {other}"));
        }
        let clash = "sets a key and another variable sets a key below it: one of the two must go";
        let (last, above) = path.steps().split_last().ok_or("names no key")?;
        let mut section = &mut self.root;
        for step in above {
            let below = section.entry(step.clone()).or_insert_with(|| Value::Dict(Tag::Default, Dict::new()));
            let Value::Dict(_, entries) = below else { return Err(clash.into()) };
            section = entries;
        }
        if section.contains_key(last) {
            return Err(clash.into());
        }
        section.insert(last.clone(), Value::String(Tag::Default, value.to_owned()));
        self.variables.insert(path, variable.to_owned());
        Ok(())
    }
}

impl Provider for Twins {
    fn metadata(&self) -> Metadata {
        Metadata::named(format!("`{TWIN_PREFIX}` environment variables"))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.root.clone()))
    }
}

/// Variables with single underscores that a key's twin would have with double ones. Nobody reads them, and whoever
/// set them thinks otherwise. Kubernetes' own (`VESTIBULE_PORT`, `VESTIBULE_SERVICE_HOST`) are no key's.
pub(super) fn misread(environment: &[(String, String)]) -> Vec<Problem> {
    let known = schema::known_keys();
    let mut found: Vec<Problem> = environment
        .iter()
        .filter_map(|(variable, _)| {
            let words = variable.strip_prefix("VESTIBULE_").filter(|rest| !rest.starts_with('_'))?;
            let (key, twin) = known.iter().find_map(|key| twin_of(key, words))?;
            let problem =
                Problem::at_file(variable, None, "is not read: levels are parted by two underscores");
            Some(Problem { path: key, ..problem.hint(format!("did you mean {twin}?")) })
        })
        .collect();
    found.sort_by(|left, right| left.origin.cmp(&right.origin));
    found
}

/// The key's path and its twin, when `words` are the key's levels with single underscores between them.
fn twin_of(key: &str, words: &str) -> Option<(String, String)> {
    let words = words.to_ascii_lowercase();
    let mut rest = words.as_str();
    let mut path = KeyPath::default();
    for step in key.split('.') {
        let (name, item) = step.strip_suffix("[]").map_or((step, false), |name| (name, true));
        let bare = rest.strip_prefix('_').unwrap_or(rest);
        rest = bare.strip_prefix(name)?;
        path = path.join(name);
        if item {
            let digits = rest.strip_prefix('_')?;
            let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
            path = path.item(digits[..end].parse().ok()?);
            rest = &digits[end..];
        }
        if !rest.is_empty() && !rest.starts_with('_') {
            return None;
        }
    }
    rest.is_empty().then(|| (path.to_string(), path.twin()))
}

/// A key that is missing because its variable was misspelt says so.
pub(super) fn explain(Problems(mut problems): Problems, misread: &[Problem]) -> Problems {
    for problem in &mut problems {
        let variable = misread.iter().find(|variable| variable.path == problem.path);
        if let Some(Problem { origin: Some(name), hint: Some(hint), .. }) = variable {
            problem.hint = Some(format!("{name} is not read: {hint}"));
        }
    }
    Problems(problems)
}

fn path_of(levels: &str) -> Result<KeyPath, String> {
    let mut path = KeyPath::default();
    let mut shape = Some(schema::root());
    if levels.split("__").count() > MAX_LEVELS {
        return Err(format!("has more than {MAX_LEVELS} levels"));
    }
    for level in levels.split("__") {
        if level.is_empty() {
            return Err("names no key: levels are parted by two underscores, and none is empty".into());
        }
        let step = shape.as_ref().and_then(|shape| shape.step(level));
        match step {
            Some((step, below)) => {
                path = path.join(step);
                shape = below;
            }
            None => {
                path = path.join(level.to_ascii_lowercase());
                shape = None;
            }
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> (Twins, String) {
        let environment: Vec<(String, String)> =
            variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let mut report = Report::default();
        let twins = Twins::read(&environment, &mut report);
        (twins, report.into_problems().to_string())
    }

    #[test]
    fn levels_become_steps_and_numbers_items() {
        let (twins, problems) = read(&[
            ("VESTIBULE__IDENTITY_PROVIDERS__0__LABEL", "Corp"),
            ("VESTIBULE__ROLES__Ops_Team", "admin"),
            ("VESTIBULE_PORT", "tcp://10.0.0.1:80"),
            ("VESTIBULE_SERVICE_HOST", "10.0.0.1"),
            ("PATH", "/bin"),
        ]);
        assert_eq!(problems, "");
        let label = KeyPath::default().join("identity_providers").item(0).join("label");
        assert_eq!(twins.variable(&label), Some("VESTIBULE__IDENTITY_PROVIDERS__0__LABEL"));
        assert!(twins.variable(&KeyPath::default().join("roles").join("Ops_Team")).is_some());
        assert!(twins.reach_below(&KeyPath::default().join("identity_providers").item(0)));
        assert!(!twins.reach_below(&KeyPath::default().join("session")));
        assert_eq!(twins.root.len(), 2);
    }

    #[test]
    fn a_variable_with_single_underscores_is_told_of_and_kubernetes_own_are_not() {
        let told = |variable: &str| {
            misread(&[(variable.to_owned(), "x".to_owned())]).first().map(ToString::to_string)
        };
        for (variable, twin) in [
            ("VESTIBULE_SESSION_IDLE_TIMEOUT", "VESTIBULE__SESSION__IDLE_TIMEOUT"),
            ("VESTIBULE_PUBLIC_URL", "VESTIBULE__PUBLIC_URL"),
            ("VESTIBULE_IDENTITY_PROVIDERS_0_LABEL", "VESTIBULE__IDENTITY_PROVIDERS__0__LABEL"),
        ] {
            let said = told(variable).expect(variable);
            assert!(said.contains(&format!("did you mean {twin}?")), "{said}");
        }
        for variable in [
            "VESTIBULE_PORT",
            "VESTIBULE_SERVICE_HOST",
            "VESTIBULE_SERVICE_PORT_HTTP",
            "VESTIBULE_PORT_4180_TCP",
            "VESTIBULE_PORT_4180_TCP_ADDR",
            "VESTIBULE__SESSION__IDLE_TIMEOUT",
            "VESTIBULE_SESSIONIDLE_TIMEOUT",
            "VESTIBULE_",
        ] {
            assert_eq!(told(variable), None, "{variable}");
        }
    }

    #[test]
    fn a_digit_is_a_key_where_no_list_stands() {
        let (twins, _) = read(&[("VESTIBULE__SESSION__0", "x")]);
        assert!(twins.variable(&KeyPath::default().join("session").join("0")).is_some());
    }

    #[test]
    fn variables_that_contradict_each_other_are_refused() {
        for (variables, expected) in [
            (vec![("VESTIBULE__UPSTREAM", "a"), ("VESTIBULE__UPSTREAM__URL", "b")], "one of the two must go"),
            (
                vec![("VESTIBULE__LISTEN", "a"), ("VESTIBULE__listen", "b")],
                "the same key as VESTIBULE__LISTEN",
            ),
            (vec![("VESTIBULE__", "a")], "names no key"),
            (vec![("VESTIBULE__SESSION____SECRET", "a")], "none is empty"),
        ] {
            let (_, problems) = read(&variables);
            assert!(problems.contains(expected), "{variables:?}: {problems}");
        }
    }
}

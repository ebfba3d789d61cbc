//! What is wrong with a configuration, as a list that a person can work through.

use std::fmt;

/// One thing wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `identity_providers[0].metadata_file`; empty when the file as a whole is meant.
    pub path: String,
    /// 1-based line in the file: of the key, or of the section that lacks it.
    pub line: Option<usize>,
    /// Where the value was read: the file's name, or `VESTIBULE__SESSION__IDLE_TIMEOUT`.
    pub origin: Option<String>,
    /// What is wrong, in plain words; never holds a secret.
    pub message: String,
    /// What to write instead, when there is something to say.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem of the file itself rather than of one of its keys.
    pub(super) fn at_file(file: &str, line: Option<usize>, message: impl Into<String>) -> Self {
        Self { path: String::new(), line, origin: Some(file.into()), message: message.into(), hint: None }
    }

    /// The same problem with advice.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// `config.yaml:12: identity_providers[0].metadata_file: cannot be read`, and the hint on a line of its own.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.origin, self.line) {
            (Some(origin), Some(line)) => write!(f, "{origin}:{line}: ")?,
            (Some(origin), None) => write!(f, "{origin}: ")?,
            (None, Some(line)) => write!(f, "line {line}: ")?,
            (None, None) => {}
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n    {hint}")?;
        }
        Ok(())
    }
}

/// All problems at once, in the order of the file; what comes from the environment stands last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, problem) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Collects what is found on the way.
#[derive(Debug, Default)]
pub(super) struct Report {
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Report {
    /// Something that stops the start. What is wrong at the top level is found at every site, and said once.
    pub(super) fn error(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Something that the owner should know and that does not stop the start.
    pub(super) fn warn(&mut self, problem: Problem) {
        if !self.warnings.contains(&problem) {
            self.warnings.push(problem);
        }
    }

    /// Whether anything stops the start.
    pub(super) fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }

    /// The end when something is wrong.
    pub(super) fn into_problems(self) -> Problems {
        Problems(in_order(self.problems))
    }

    /// The end when nothing is wrong.
    pub(super) fn into_warnings(self) -> Vec<Problem> {
        in_order(self.warnings)
    }
}

fn in_order(mut problems: Vec<Problem>) -> Vec<Problem> {
    // Which file comes first is as they were read; a sort of what stands in one keeps what has no line where it was.
    let mut files: Vec<Option<String>> = Vec::new();
    for problem in problems.iter().filter(|problem| problem.line.is_some()) {
        if !files.contains(&problem.origin) {
            files.push(problem.origin.clone());
        }
    }
    problems.sort_by_key(|problem| {
        let file = files.iter().position(|file| *file == problem.origin).filter(|_| problem.line.is_some());
        (file.unwrap_or(usize::MAX), problem.line.unwrap_or(usize::MAX))
    });
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_file_line_key_and_advice() {
        let problem = Problem {
            path: "session.idle_timeout".into(),
            line: Some(12),
            origin: Some("config.yaml".into()),
            message: "is longer than max_age".into(),
            hint: Some("make it 12h or less".into()),
        };
        let shown = "config.yaml:12: session.idle_timeout: is longer than max_age\n    make it 12h or less";
        assert_eq!(problem.to_string(), shown);
        assert_eq!(Problem::at_file("c.yaml", None, "is empty").to_string(), "c.yaml: is empty");
    }

    #[test]
    fn the_list_follows_the_file() {
        let mut report = Report::default();
        report.error(Problem::at_file("VESTIBULE__X", None, "last"));
        report.error(Problem::at_file("f", Some(9), "second"));
        report.error(Problem::at_file("f", Some(2), "first"));
        let lines: Vec<String> = report.into_problems().0.into_iter().map(|p| p.message).collect();
        assert_eq!(lines, ["first", "second", "last"]);
    }
}

//! What is done to a value before it counts.

use regex::{Regex, RegexBuilder};

/// The largest program and cache that a pattern may need, in octets. The engine takes time in proportion to the value
/// whatever the pattern is; this bounds the memory.
const LARGEST_PATTERN: usize = 256 * 1024;

/// One step. What leaves nothing of a value makes it one that was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transform {
    /// ASCII letters in lower case. Others stay: lowering them would make one person of two.
    Lower,
    /// What stands before the last `@`.
    StripDomain,
    /// Something before it.
    Prefix(String),
    /// What the pattern's one group matches; nothing when the pattern does not match.
    Capture(Pattern),
}

/// A pattern with one group.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

impl Pattern {
    pub(super) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Transform {
    /// A pattern; it is searched for anywhere unless it says `^` and `$`.
    ///
    /// # Errors
    /// The end of a sentence: what is wrong with it.
    pub fn capture(pattern: &str) -> Result<Self, String> {
        let regex = RegexBuilder::new(pattern)
            .size_limit(LARGEST_PATTERN)
            .dfa_size_limit(LARGEST_PATTERN)
            .build()
            .map_err(|problem| {
                let said = problem.to_string();
                format!("is not a pattern: {}", said.lines().last().unwrap_or_default().trim())
            })?;
        match regex.captures_len() {
            2 => Ok(Self::Capture(Pattern(regex))),
            groups => Err(format!(
                "must have one group in parentheses, not {}: (?:…) groups without counting",
                groups - 1
            )),
        }
    }

    /// The value afterwards; empty when nothing is left.
    pub(super) fn apply(&self, value: &str) -> String {
        match self {
            Self::Lower => value.to_ascii_lowercase(),
            Self::StripDomain => value.rsplit_once('@').map_or(value, |(local, _)| local).to_owned(),
            Self::Prefix(prefix) => format!("{prefix}{value}"),
            Self::Capture(Pattern(regex)) => regex
                .captures(value)
                .and_then(|found| Some(found.get(1)?.as_str().to_owned()))
                .unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_does_what_it_says() {
        let cn = Transform::capture("(?i)^CN=([^,]+),").unwrap();
        for (step, before, after) in [
            (Transform::Lower, "Ada Ä\u{212a}", "ada Ä\u{212a}"),
            (Transform::StripDomain, "ada@example.com", "ada"),
            (Transform::StripDomain, "ada", "ada"),
            (Transform::StripDomain, "@example.com", ""),
            (Transform::Prefix("corp-".into()), "ada", "corp-ada"),
            (cn.clone(), "CN=Ops,OU=Groups", "Ops"),
            (cn, "OU=Groups", ""),
        ] {
            assert_eq!(step.apply(before), after, "{step:?} of {before:?}");
        }
    }

    #[test]
    fn a_pattern_has_one_group_and_a_bounded_size() {
        for wrong in ["(", "ada", "(a)(b)", "(\\w{1000}){100}"] {
            assert!(Transform::capture(wrong).is_err(), "{wrong}");
        }
        assert!(Transform::capture("^(?:a|b)-(.+)$").is_ok());
    }
}

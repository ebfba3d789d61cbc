//! What transforms can leave of a value, whatever it is: enough to say of a configuration that an e-mail address or a
//! user could never come out. It errs on one side: what is said to be impossible is.

use super::transform::Transform;
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind};

/// What can be left.
#[derive(Debug, Clone)]
pub struct Reach {
    /// The characters of which it is made.
    chars: ClassUnicode,
    /// Whether there is any.
    something: bool,
}

impl Reach {
    /// Of any value, after these steps.
    pub fn after(steps: &[Transform]) -> Self {
        let anything = ClassUnicode::new([ClassUnicodeRange::new('\0', char::MAX)]);
        steps.iter().fold(Self { chars: anything, something: true }, Self::then)
    }

    /// Whether nothing is ever left.
    pub const fn is_nothing(&self) -> bool {
        !self.something
    }

    /// Whether what is left may hold this character.
    pub fn may_hold(&self, c: char) -> bool {
        self.something && holds(&self.chars, c)
    }

    fn then(mut self, step: &Transform) -> Self {
        match step {
            Transform::Lower => {
                for c in ('A'..='Z').filter(|c| holds(&self.chars, *c)).collect::<Vec<_>>() {
                    self.chars.push(ClassUnicodeRange::new(c.to_ascii_lowercase(), c.to_ascii_lowercase()));
                }
                self.chars.difference(&ClassUnicode::new([ClassUnicodeRange::new('A', 'Z')]));
            }
            // Of two `@` one stays.
            Transform::StripDomain => {}
            Transform::Prefix(prefix) => {
                prefix.chars().for_each(|c| self.chars.push(ClassUnicodeRange::new(c, c)))
            }
            Transform::Capture(pattern) => {
                // The same reader has read it already.
                let Ok(pattern) = regex_syntax::parse(pattern.as_str()) else { return self };
                let Some(group) = group(&pattern) else { return self };
                let possible =
                    may_match(&pattern, &self.chars) && group.properties().maximum_len() != Some(0);
                let mut left = ClassUnicode::empty();
                collect(group, &mut left);
                self.chars.intersect(&left);
                self.something &= possible && !self.chars.ranges().is_empty();
            }
        }
        self
    }
}

/// The one group.
fn group(hir: &Hir) -> Option<&Hir> {
    match hir.kind() {
        HirKind::Capture(capture) => Some(&capture.sub),
        HirKind::Repetition(repetition) => group(&repetition.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().find_map(group),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => None,
    }
}

/// Whether a text of these characters may match, as far as characters alone tell.
fn may_match(hir: &Hir, of: &ClassUnicode) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            Ok(text) => text.chars().all(|c| holds(of, c)),
            Err(_) => true,
        },
        HirKind::Class(Class::Unicode(class)) => {
            let mut both = class.clone();
            both.intersect(of);
            !both.ranges().is_empty()
        }
        HirKind::Class(Class::Bytes(class)) => !class.ranges().is_empty(),
        HirKind::Repetition(repetition) => repetition.min == 0 || may_match(&repetition.sub, of),
        HirKind::Capture(capture) => may_match(&capture.sub, of),
        HirKind::Concat(parts) => parts.iter().all(|part| may_match(part, of)),
        HirKind::Alternation(parts) => parts.iter().any(|part| may_match(part, of)),
    }
}

/// Every character that a match may hold.
fn collect(hir: &Hir, into: &mut ClassUnicode) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => {
            for c in String::from_utf8_lossy(&literal.0).chars() {
                into.push(ClassUnicodeRange::new(c, c));
            }
        }
        HirKind::Class(Class::Unicode(class)) => into.union(class),
        HirKind::Class(Class::Bytes(_)) => into.push(ClassUnicodeRange::new('\0', char::MAX)),
        HirKind::Repetition(repetition) => collect(&repetition.sub, into),
        HirKind::Capture(capture) => collect(&capture.sub, into),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().for_each(|part| collect(part, into));
        }
    }
}

fn holds(class: &ClassUnicode, c: char) -> bool {
    class.ranges().iter().any(|range| (range.start()..=range.end()).contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture(pattern: &str) -> Transform {
        Transform::capture(pattern).unwrap()
    }

    #[test]
    fn what_can_never_match_leaves_nothing() {
        for steps in [
            vec![capture(r"([^\s\S])")],
            vec![capture("^()$")],
            vec![Transform::Lower, capture("^([A-Z]+)$")],
            vec![Transform::Lower, capture("^CN=([^,]+)")],
            vec![capture("^([0-9]+)$"), capture("^corp-(.+)$")],
            vec![capture("^([0-9]+)$"), Transform::Prefix("u".into()), capture("^([v-z]+)")],
        ] {
            assert!(Reach::after(&steps).is_nothing(), "{steps:?}");
        }
        for steps in [
            vec![],
            vec![Transform::Lower, Transform::StripDomain, Transform::Prefix("corp-".into())],
            vec![Transform::Lower, capture("(?i)^CN=([^,]+)")],
            vec![capture("^([0-9]+)$"), Transform::Prefix("corp-".into()), capture("^corp-(.+)$")],
            vec![capture("^(?:a|b)-(.*)$")],
            vec![capture("(?-u)^([a-z]+)$")],
        ] {
            assert!(!Reach::after(&steps).is_nothing(), "{steps:?}");
        }
    }

    #[test]
    fn a_group_without_an_at_sign_yields_no_address() {
        let may = |steps: &[Transform]| Reach::after(steps).may_hold('@');
        assert!(!may(&[capture("^([^@]+)@")]));
        assert!(!may(&[capture(r"^(\w+)")]));
        assert!(!may(&[capture("^([^@]+)@"), Transform::Lower]));
        assert!(may(&[capture("^smtp:(.+)$")]));
        assert!(may(&[capture(r"^([^@]+@corp\.test)$")]));
        assert!(may(&[capture("^([^@]+)@"), Transform::Prefix("x@".into())]));
    }

    #[test]
    fn what_is_said_to_be_impossible_is() {
        let patterns = ["^([^@]+)@", "@(.+)$", "^([A-Z]+)", "([a-z]+)$", "^x(.?)", "^(a|b@c)$", "(?i)^(K)$"];
        let values = ["", "a", "b@c", "Ada@Example.com", "xY", "K", "k", "\u{212a}", "@", "ADA"];
        let steps = patterns.iter().map(|pattern| capture(pattern)).chain([
            Transform::Lower,
            Transform::StripDomain,
            Transform::Prefix("X@".into()),
        ]);
        let steps: Vec<Transform> = steps.collect();
        for (one, other) in steps.iter().flat_map(|one| steps.iter().map(move |other| (one, other))) {
            let both = [one.clone(), other.clone()];
            let reach = Reach::after(&both);
            for value in values.iter().filter(|value| !value.is_empty()) {
                let first = one.apply(value);
                let left = if first.is_empty() { first } else { other.apply(&first) };
                assert!(left.is_empty() || !reach.is_nothing(), "{both:?} of {value:?}");
                assert!(left.chars().all(|c| reach.may_hold(c)), "{both:?} of {value:?} leaves {left:?}");
            }
        }
    }
}

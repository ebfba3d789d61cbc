//! What each rule would say of somebody, for explanations. Decides nothing: which rule is asked depends on the request.

use super::rules::{Access, Outcome, Rule, Rules, outcome};
use super::term::Given;
use crate::clock::Moment;
use crate::identity::Person;
use crate::reason::Reason;
use std::fmt;

/// One rule, and what it says of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Previewed {
    /// Where it stands: `rules[0]`, or `default_access`.
    pub place: String,
    /// What it selects, in words.
    pub selects: String,
    /// What it takes to pass, in words.
    pub access: String,
    /// What it says.
    pub says: Says,
}

/// What a rule says of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// Passes.
    Passes,
    /// Does not, until the person signs in in another way.
    NeedsStepUp,
    /// Does not.
    Denied,
    /// Does not, because the groups that it asks for are not known.
    UnknownGroups,
}

impl Rules {
    /// Every rule in its order, the default last, as it would answer this person at `now`.
    pub fn preview<P: Person + ?Sized>(&self, person: &P, now: Moment) -> Vec<Previewed> {
        let rules = self.rules().iter().enumerate().map(|(at, rule)| Previewed {
            place: format!("rules[{at}]"),
            selects: selection(rule),
            access: rule.access.to_string(),
            says: Says::of(&rule.access, person, now),
        });
        let default = Previewed {
            place: "default_access".to_owned(),
            selects: "everything else".to_owned(),
            access: self.default_access().to_string(),
            says: Says::of(self.default_access(), person, now),
        };
        rules.chain([default]).collect()
    }
}

impl Says {
    fn of<P: Person + ?Sized>(access: &Access, person: &P, now: Moment) -> Self {
        match outcome(access, Some(person), Given { now, stepped_up: false }) {
            Outcome::Pass => Self::Passes,
            Outcome::NeedsStepUp(_) => Self::NeedsStepUp,
            Outcome::Refused(Reason::AccessUnknownGroups) => Self::UnknownGroups,
            Outcome::NeedsSession | Outcome::Refused(_) => Self::Denied,
        }
    }
}

fn selection(rule: &Rule) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut add = |what: &str, listed: Vec<String>| {
        if !listed.is_empty() {
            parts.push(format!("{what}{}", listed.join(", ")));
        }
    };
    add("", rule.paths.iter().map(ToString::to_string).collect());
    add("by ", rule.methods.iter().map(ToString::to_string).collect());
    add("from ", rule.networks.iter().map(ToString::to_string).collect());
    if parts.is_empty() { "everything".to_owned() } else { parts.join(" ") }
}

/// For the owner: `any of (role "admin", group "ops")`.
impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => f.write_str("public"),
            Self::Optional => f.write_str("optional"),
            Self::Authenticated => f.write_str("authenticated"),
            Self::Deny => f.write_str("deny"),
            Self::When(term) => term.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PathPattern, Term};
    use super::*;
    use crate::identity::tests_support::FakePerson;

    #[test]
    fn every_rule_answers_for_itself() {
        let rule = |path: &str, access| Rule {
            paths: vec![PathPattern::parse(path).unwrap()],
            methods: Vec::new(),
            networks: Vec::new(),
            access,
        };
        let rules = Rules::new(
            vec![
                rule("/assets/*", Access::Public),
                rule("/admin/*", Access::When(Term::Role("admin".into()))),
                rule("/board/*", Access::When(Term::Group("board".into()))),
                Rule { methods: vec![http::Method::PUT], ..rule("/api/*", Access::Deny) },
            ],
            Access::Authenticated,
        );
        let of = |person: &FakePerson| -> Vec<(String, Says)> {
            rules
                .preview(person, Moment::from_seconds(0))
                .into_iter()
                .map(|rule| (rule.selects, rule.says))
                .collect()
        };
        let expected = |board| {
            [
                ("/assets/*", Says::Passes),
                ("/admin/*", Says::Passes),
                ("/board/*", board),
                ("/api/* by PUT", Says::Denied),
                ("everything else", Says::Passes),
            ]
            .map(|(selects, says)| (selects.to_owned(), says))
        };
        assert_eq!(of(&FakePerson::ada()), expected(Says::Denied));
        assert_eq!(of(&FakePerson { groups: None, ..FakePerson::ada() }), expected(Says::UnknownGroups));
    }
}

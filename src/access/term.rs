//! What a rule asks about a person, answered in three ways: yes, no, and not known.
//!
//! Kleene's logic: `any` is yes as soon as one part is, `all` is no as soon as one part is, and `not` leaves what is not
//! known unknown. What is not known never lets anybody in, under `not` too: without a list of groups nobody can say
//! that somebody is *not* a contractor.

use crate::clock::Moment;
use crate::identity::Person;
use std::fmt;
use std::time::Duration;

/// any / all / not over facts about the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// At least one holds. An empty list is an error of the configuration; here it is never known.
    Any(Vec<Term>),
    /// Each holds. An empty list is an error of the configuration; here it is never known.
    All(Vec<Term>),
    /// It is known not to hold.
    Not(Box<Term>),
    /// Has the role; exact, case-sensitive. Unknown when the groups are, unless the role is held anyway.
    Role(String),
    /// Is in the group, by our name for it where it has one, else by the IdP's; exact, case-sensitive. Unknown when the
    /// groups are.
    Group(String),
    /// Has this e-mail address, ASCII letters compared without case. Unknown for somebody without an address.
    Email(String),
    /// Has an address in exactly this domain, not in one below it, ASCII letters compared without case. Unknown for
    /// somebody without an address.
    EmailDomain(String),
    /// Signed in at the identity provider with this `id`.
    Idp(String),
    /// Signed in by one of these classes of authentication, exactly (AuthnContextClassRef, Core 2.7.2.2).
    AuthnContext(Vec<String>),
    /// Signed in at the identity provider no longer ago than this (AuthnInstant, Core 2.7.2).
    AuthnAge(Duration),
    /// The same, and the identity provider was told to let them sign in anew for it (ForceAuthn, Core 3.4.1).
    Fresh(Duration),
}

/// Under which circumstances a term is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given {
    pub(super) now: Moment,
    /// As if the person had signed in as every term about the sign-in wants it.
    pub(super) stepped_up: bool,
}

/// The answer to a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Yes,
    No,
    Unknown,
}

impl From<bool> for Answer {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

impl From<Option<bool>> for Answer {
    fn from(known: Option<bool>) -> Self {
        known.map_or(Self::Unknown, Self::from)
    }
}

impl Term {
    /// Asks. Takes no memory.
    pub(super) fn ask<P: Person + ?Sized>(&self, person: &P, given: Given) -> Answer {
        match self {
            Self::Any(terms) => among(terms, person, given, Answer::Yes, Answer::No),
            Self::All(terms) => among(terms, person, given, Answer::No, Answer::Yes),
            Self::Not(term) => match term.ask(person, given) {
                Answer::Yes => Answer::No,
                Answer::No => Answer::Yes,
                Answer::Unknown => Answer::Unknown,
            },
            Self::Role(role) => person.has_role(role).into(),
            Self::Group(group) => person.in_group(group).into(),
            // Only ASCII is folded: more would make one address of two (a Kelvin sign is a k in lower case).
            Self::Email(email) => person.email().map(|own| own.eq_ignore_ascii_case(email)).into(),
            Self::EmailDomain(domain) => person
                .email()
                .map(|own| own.rsplit_once('@').is_some_and(|(_, own)| own.eq_ignore_ascii_case(domain)))
                .into(),
            Self::Idp(idp) => (person.idp() == idp).into(),
            Self::AuthnContext(_) | Self::AuthnAge(_) | Self::Fresh(_) => self.ask_of_sign_in(person, given),
        }
    }

    /// Whether some part asks for a group or role that is not known of this person.
    pub(super) fn lacks_groups<P: Person + ?Sized>(&self, person: &P, given: Given) -> bool {
        match self {
            Self::Any(terms) | Self::All(terms) => terms.iter().any(|term| term.lacks_groups(person, given)),
            Self::Not(term) => term.lacks_groups(person, given),
            Self::Role(_) | Self::Group(_) => self.ask(person, given) == Answer::Unknown,
            Self::Email(_) | Self::EmailDomain(_) | Self::Idp(_) => false,
            Self::AuthnContext(_) | Self::AuthnAge(_) | Self::Fresh(_) => false,
        }
    }
}

/// `decisive` as soon as one part answers it; otherwise unknown if one is; otherwise `rest`.
fn among<P: Person + ?Sized>(
    terms: &[Term],
    person: &P,
    given: Given,
    decisive: Answer,
    rest: Answer,
) -> Answer {
    // "All of nothing" is true in logic and a hole in a gate.
    let mut answer = if terms.is_empty() { Answer::Unknown } else { rest };
    for term in terms {
        match term.ask(person, given) {
            found if found == decisive => return decisive,
            Answer::Unknown => answer = Answer::Unknown,
            _ => {}
        }
    }
    answer
}

/// For the owner: `any of (role "admin", group "ops")`.
impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any(terms) => list(f, "any of", terms),
            Self::All(terms) => list(f, "all of", terms),
            Self::Not(term) => write!(f, "not {term}"),
            Self::Role(role) => write!(f, "role {role:?}"),
            Self::Group(group) => write!(f, "group {group:?}"),
            Self::Email(email) => write!(f, "e-mail {email:?}"),
            Self::EmailDomain(domain) => write!(f, "e-mail domain {domain:?}"),
            Self::Idp(idp) => write!(f, "identity provider {idp:?}"),
            Self::AuthnContext(classes) => write!(f, "a sign-in by {}", classes.join(" or ")),
            Self::AuthnAge(age) => write!(f, "a sign-in of the last {} s", age.as_secs()),
            Self::Fresh(age) => write!(f, "a forced sign-in of the last {} s", age.as_secs()),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, word: &str, terms: &[Term]) -> fmt::Result {
    write!(f, "{word} (")?;
    for (i, term) in terms.iter().enumerate() {
        let comma = if i == 0 { "" } else { ", " };
        write!(f, "{comma}{term}")?;
    }
    f.write_str(")")
}

#[cfg(test)]
mod tests {
    use super::Answer::{No, Unknown, Yes};
    use super::*;
    use crate::identity::tests_support::FakePerson;

    const NOW: Given = Given { now: Moment::from_seconds(1_800_000_000), stepped_up: false };

    fn role(name: &str) -> Term {
        Term::Role(name.into())
    }
    fn group(name: &str) -> Term {
        Term::Group(name.into())
    }
    fn not(term: Term) -> Term {
        Term::Not(Box::new(term))
    }

    #[test]
    fn known_groups_answer_yes_or_no() {
        let ada = FakePerson::ada();
        assert_eq!(group("ops").ask(&ada, NOW), Yes);
        assert_eq!(group("Ops").ask(&ada, NOW), No);
        assert_eq!(group("op").ask(&ada, NOW), No);
        assert_eq!(role("admin").ask(&ada, NOW), Yes);
        assert_eq!(role("Admin").ask(&ada, NOW), No);
        assert_eq!(not(group("ops")).ask(&ada, NOW), No);
        assert_eq!(not(group("contractors")).ask(&ada, NOW), Yes);
    }

    #[test]
    fn unknown_groups_stay_unknown_under_not_any_and_all() {
        let ada = FakePerson { groups: None, roles: vec!["user".into()], ..FakePerson::ada() };
        let idp = || Term::Idp("corp".into());
        let other = || Term::Idp("other".into());
        assert_eq!(group("ops").ask(&ada, NOW), Unknown);
        assert_eq!(role("admin").ask(&ada, NOW), Unknown);
        assert_eq!(role("user").ask(&ada, NOW), Yes);
        assert_eq!(not(group("ops")).ask(&ada, NOW), Unknown);
        assert_eq!(not(not(group("ops"))).ask(&ada, NOW), Unknown);
        assert_eq!(Term::Any(vec![group("ops"), idp()]).ask(&ada, NOW), Yes);
        assert_eq!(Term::Any(vec![group("ops"), other()]).ask(&ada, NOW), Unknown);
        assert_eq!(Term::Any(vec![other(), group("ops"), other()]).ask(&ada, NOW), Unknown);
        assert_eq!(Term::All(vec![group("ops"), idp()]).ask(&ada, NOW), Unknown);
        assert_eq!(Term::All(vec![group("ops"), other()]).ask(&ada, NOW), No);
        assert_eq!(not(Term::Any(vec![group("ops"), other()])).ask(&ada, NOW), Unknown);
        assert_eq!(not(Term::All(vec![group("ops"), idp()])).ask(&ada, NOW), Unknown);
    }

    #[test]
    fn an_empty_list_is_never_known() {
        let ada = FakePerson::ada();
        for term in [Term::Any(vec![]), Term::All(vec![]), not(Term::Any(vec![])), not(Term::All(vec![]))] {
            assert_eq!(term.ask(&ada, NOW), Unknown, "{term}");
        }
    }

    #[test]
    fn addresses_are_compared_whole_and_without_ascii_case() {
        let ada = FakePerson::ada();
        for (address, answer) in [
            ("ada@example.com", Yes),
            ("Ada@Example.COM", Yes),
            ("ada@example.co", No),
            ("xada@example.com", No),
            ("ada@evil.example.com", No),
        ] {
            assert_eq!(Term::Email(address.into()).ask(&ada, NOW), answer, "{address}");
        }
        let kelvin = FakePerson { email: Some("\u{212a}im@example.com".into()), ..FakePerson::ada() };
        assert_eq!(Term::Email("kim@example.com".into()).ask(&kelvin, NOW), No);
    }

    #[test]
    fn a_domain_is_not_the_domains_below_or_beside_it() {
        for (email, answer) in [
            ("ada@example.com", Yes),
            ("ada@EXAMPLE.com", Yes),
            ("ada@sub.example.com", No),
            ("ada@notexample.com", No),
            ("ada@example.com.evil.test", No),
            ("example.com@evil.test", No),
            ("ada@example.com@evil.test", No),
        ] {
            let person = FakePerson { email: Some(email.into()), ..FakePerson::ada() };
            assert_eq!(Term::EmailDomain("example.com".into()).ask(&person, NOW), answer, "{email}");
        }
    }

    #[test]
    fn no_address_is_unknown_and_passes_nowhere() {
        let nobody = FakePerson { email: None, ..FakePerson::ada() };
        for term in [Term::Email("a@b".into()), Term::EmailDomain("b".into())] {
            assert_eq!(term.ask(&nobody, NOW), Unknown);
            assert_eq!(not(term).ask(&nobody, NOW), Unknown);
        }
    }

    #[test]
    fn prints_for_the_owner() {
        let term = Term::Any(vec![role("admin"), not(Term::All(vec![group("a\nb"), Term::Idp("x".into())]))]);
        assert_eq!(
            term.to_string(),
            r#"any of (role "admin", not all of (group "a\nb", identity provider "x"))"#
        );
    }
}

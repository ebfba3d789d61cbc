//! What a rule may ask about the sign-in itself, and what a browser is sent back for when it falls short.

use super::term::{Answer, Given, Term};
use crate::identity::Person;

/// What a sign-in must bring for a rule to hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StepUp {
    /// One of these classes of authentication (AuthnContextClassRef, Core 2.7.2.2); none: any.
    pub classes: Vec<String>,
    /// The person signs in anew (ForceAuthn, Core 3.4.1), whatever the identity provider remembers.
    pub anew: bool,
}

impl StepUp {
    fn both(self, other: Self) -> Self {
        let classes = match (self.classes.is_empty(), other.classes.is_empty()) {
            (true, _) => other.classes,
            (_, true) => self.classes,
            _ => self.classes.into_iter().filter(|class| other.classes.contains(class)).collect(),
        };
        Self { classes, anew: self.anew || other.anew }
    }

    fn either(mut self, other: Self) -> Self {
        let new = other.classes.into_iter().filter(|class| !self.classes.contains(class)).collect::<Vec<_>>();
        self.classes.extend(new);
        Self { anew: self.anew || other.anew, ..self }
    }
}

impl Term {
    /// The answer to a term about the sign-in.
    pub(super) fn ask_of_sign_in<P: Person + ?Sized>(&self, person: &P, given: Given) -> Answer {
        if given.stepped_up {
            return Answer::Yes;
        }
        let how = person.authentication();
        let within = |age| how.instant.is_some_and(|instant| given.now.since(instant) <= age);
        let holds = match self {
            Self::AuthnContext(classes) => {
                how.class.is_some_and(|class| classes.iter().any(|one| one == class))
            }
            Self::AuthnAge(age) => within(*age),
            Self::Fresh(age) => how.forced && within(*age),
            _ => return Answer::Unknown,
        };
        holds.into()
    }

    /// What the terms about the sign-in ask for together; none: there are none.
    pub(super) fn step_up(&self) -> Option<StepUp> {
        let folded = |terms: &[Self], join: fn(StepUp, StepUp) -> StepUp| {
            terms.iter().filter_map(Self::step_up).reduce(join)
        };
        match self {
            Self::AuthnContext(classes) => Some(StepUp { classes: classes.clone(), anew: false }),
            Self::AuthnAge(_) | Self::Fresh(_) => Some(StepUp { classes: Vec::new(), anew: true }),
            Self::All(terms) => folded(terms, StepUp::both),
            Self::Any(terms) => folded(terms, StepUp::either),
            // The configuration lets none in here: nobody can be sent to sign in worse.
            Self::Not(_) => None,
            Self::Role(_) | Self::Group(_) | Self::Email(_) | Self::EmailDomain(_) | Self::Idp(_) => None,
        }
    }

    /// Whether nobody meets the term without a sign-in of a certain kind, whoever they are.
    pub(super) fn is_about_the_sign_in(&self) -> bool {
        match self {
            Self::AuthnContext(_) | Self::AuthnAge(_) | Self::Fresh(_) => true,
            Self::All(terms) => terms.iter().any(Self::is_about_the_sign_in),
            Self::Any(terms) => !terms.is_empty() && terms.iter().all(Self::is_about_the_sign_in),
            Self::Not(_) => false,
            Self::Role(_) | Self::Group(_) | Self::Email(_) | Self::EmailDomain(_) | Self::Idp(_) => false,
        }
    }
}

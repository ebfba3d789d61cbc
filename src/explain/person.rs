//! Who a message is about, and whether they would be let in: the rules by which a sign-in can still end when SAML has
//! nothing against it.

use super::report::{RuleSeen, State, Values};
use super::{Party, advice};
use crate::admission::Applicant;
use crate::identity::{self, Groups, Preview, Speakers};
use crate::reason::{Reason, Refusal};
use crate::saml::trace::Said;

const OF_THE_IDENTITY: &[Reason] = &[
    Reason::IdentityControlCharacter,
    Reason::ScopeForeign,
    Reason::UserMissing,
    Reason::NameIdTransient,
    Reason::EmailInvalid,
    Reason::GroupsOverage,
    Reason::IdentityIncomplete,
    Reason::EmailDomainForeign,
    Reason::IdentityTooLarge,
];

const OF_ADMISSION: &[Reason] = &[Reason::NotInvited, Reason::AccountNotLinked];

/// Somebody, as far as the rules got.
pub(super) struct Person {
    /// With the roles that count.
    read: Result<Preview, Refusal>,
    /// None: there is nobody to judge, or it is judged elsewhere.
    let_in: Option<Result<(), Refusal>>,
}

impl Person {
    pub(super) fn of(said: &Said, party: &Party<'_>) -> Self {
        let speakers =
            Speakers { idp: party.idp, email_domains: party.email_domains, site_domains: party.site_domains };
        let scopes = &party.identity_provider.scopes;
        let mut read = identity::preview(&said.name_id, &said.attributes, scopes, &speakers, party.mapping);
        let let_in = party.admission.zip(read.as_mut().ok()).map(|(admission, person)| {
            let admitted = admission.judge(&Applicant {
                idp: party.idp,
                user: &person.user,
                email: person.email.as_deref(),
                roles: &person.roles,
                groups_are_known: matches!(person.groups, Groups::Known(_)),
            })?;
            if let Some(roles) = admitted.roles() {
                person.roles = roles.to_vec();
            }
            Ok(())
        });
        Self { read, let_in }
    }

    /// Who it is, if anybody.
    pub(super) fn known(&self) -> Option<&Preview> {
        self.read.as_ref().ok()
    }

    /// What there is against them.
    pub(super) fn refusal(&self) -> Option<&Refusal> {
        let let_in = self.let_in.as_ref().and_then(|let_in| let_in.as_ref().err());
        self.read.as_ref().err().or(let_in)
    }
}

/// Each rule, and what became of it.
pub(super) fn rules(person: Option<&Person>, said: Option<&Said>, case: &advice::Case<'_>) -> Vec<RuleSeen> {
    let refused = person.and_then(Person::refusal);
    let state = |reason: Reason, reached: bool| match refused {
        _ if !reached => State::NotReached,
        None => State::Passed,
        Some(refusal) if refusal.reason == reason => State::Failed,
        Some(_) => State::NotReached,
    };
    let rule = |part: &'static str, reason: Reason, state: State| {
        let refusal = refused.filter(|refusal| refusal.reason == reason);
        let words = |refusal: &Refusal| Values::Words { words: refusal.detail.to_string() };
        RuleSeen {
            part,
            code: reason.code(),
            state,
            unverified: said.is_some_and(|said| !said.verified)
                && !matches!(state, State::NotReached | State::CannotBeToldHere),
            compared: refusal.filter(|refusal| !refusal.detail.is_empty()).map(words),
            cause: refusal.map(|refusal| case.cause(refusal, None)),
        }
    };
    let is_somebody = person.is_some_and(|person| person.read.is_ok());
    let of_the_identity = OF_THE_IDENTITY.iter().map(|reason| {
        // Somebody who is not let in has passed all of these.
        let state = if is_somebody { State::Passed } else { state(*reason, person.is_some()) };
        rule("the identity", *reason, state)
    });
    let of_admission = OF_ADMISSION.iter().map(|reason| {
        let judged = person.is_some_and(|person| person.let_in.is_some());
        let state = match case.party.admission {
            None => State::CannotBeToldHere,
            Some(_) => state(*reason, judged),
        };
        rule("the admission", *reason, state)
    });
    of_the_identity.chain(of_admission).collect()
}

//! Who is let in at all, once the identity provider has said who somebody is.
//!
//! A person is (identity provider, user). [`Admission::judge`] asks three things of one, before a session exists and
//! before anything is claimed:
//!
//! | | when not |
//! |---|---|
//! | is everybody let in whom the identity provider vouches for (`just_in_time`), or is the person on the list of the invited? | `not-invited` |
//! | is the invitation theirs? One by e-mail address is bound to the first (identity provider, user) who takes it up | `account-not-linked`, unless `link_by_email` is said of both identity providers |
//! | which roles? Those of the invitation, else (`role_sync: first_sign_in`) those of the first sign-in, else those that their groups give now | |
//!
//! Nothing is remembered by the judgement. [`Admission::settle`] does, when the answer has been claimed: the first of two
//! who take up one invitation at the same moment has it, and the other is refused there.

mod invited;
mod journal;
mod list;
mod people;

pub use invited::{Invitation, Invitations, Who};
pub use list::InvitedList;
pub use people::People;

use crate::identity::{Groups, Identity, Person as _};
use crate::reason::{Reason, Refusal};
use people::Fact;
use std::sync::Arc;

/// Who is let in at a site. The default lets everybody in whom an identity provider vouches for.
#[derive(Debug, Clone, Default)]
pub struct Admission {
    /// The name of the site, under which first roles are remembered.
    pub site: String,
    /// By the `id` of an identity provider; one that is not there: [`Terms::default`].
    pub terms: Vec<(String, Terms)>,
    /// `role_sync`.
    pub role_sync: RoleSync,
    /// What is remembered; none: there is nothing to remember.
    pub people: Option<Arc<People>>,
}

/// Whom one identity provider may bring.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Whoever it vouches for.
    pub just_in_time: bool,
    /// Those who were invited; the same list may stand for several identity providers.
    pub invited: Option<Arc<InvitedList>>,
    /// Whether equal e-mail addresses are one person, as far as the other identity provider says so too.
    pub link_by_email: bool,
}

impl Default for Terms {
    fn default() -> Self {
        Self { just_in_time: true, invited: None, link_by_email: false }
    }
}

/// `role_sync`: when roles follow groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RoleSync {
    /// At every sign-in; what was before does not count.
    #[default]
    EverySignIn,
    /// At the first sign-in; they stay.
    FirstSignIn,
}

/// Who asks to be let in.
#[derive(Debug, Clone, Copy)]
pub struct Applicant<'a> {
    /// The `id` of the identity provider.
    pub idp: &'a str,
    /// The user.
    pub user: &'a str,
    /// The e-mail address, as an identity has it.
    pub email: Option<&'a str>,
    /// What the groups give.
    pub roles: &'a [String],
    /// Whether the groups are known: nobody's first roles are made of what is not.
    pub groups_are_known: bool,
}

/// Who may come in, as what, and what is to be remembered about it.
#[derive(Debug)]
#[must_use]
pub struct Admitted {
    roles: Option<Vec<String>>,
    invited: bool,
    facts: Vec<Fact>,
    may_link: bool,
}

impl Admitted {
    /// The roles that count instead of those that the groups give.
    pub fn roles(&self) -> Option<&[String]> {
        self.roles.as_deref()
    }

    /// Whether there is something to remember.
    pub const fn is_news(&self) -> bool {
        !self.facts.is_empty()
    }

    /// Whether it was by an invitation.
    pub const fn is_invited(&self) -> bool {
        self.invited
    }
}

impl Admission {
    /// Lists of the invited, which may change while people sign in.
    pub fn lists(&self) -> impl Iterator<Item = &Arc<InvitedList>> {
        self.terms.iter().filter_map(|(_, terms)| terms.invited.as_ref())
    }

    /// Whom this identity provider may bring, for the owner; none: whoever it vouches for.
    pub fn in_words(&self, idp: &str) -> Option<String> {
        let terms = self.terms_of(idp)?;
        match (&terms.invited, terms.just_in_time) {
            (Some(list), true) => {
                Some(format!("whoever it vouches for; with roles of their own, people of {list}"))
            }
            (Some(list), false) => Some(format!("only people of {list}")),
            (None, true) => None,
            (None, false) => Some("nobody".to_owned()),
        }
    }

    /// May this person come in?
    ///
    /// # Errors
    /// `not-invited`, `account-not-linked`.
    pub fn judge(&self, applicant: &Applicant<'_>) -> Result<Admitted, Refusal> {
        let open = Terms::default();
        let terms = self.terms_of(applicant.idp).unwrap_or(&open);
        let mut admitted =
            Admitted { roles: None, invited: false, facts: Vec::new(), may_link: terms.link_by_email };
        let found = match &terms.invited {
            Some(list) => self.invitation(list, terms, applicant, &mut admitted)?,
            None => None,
        };
        match found {
            Some(invitation) => {
                admitted.invited = true;
                admitted.roles = invitation.roles;
            }
            None if terms.just_in_time => {}
            None => {
                let list =
                    terms.invited.as_ref().map_or_else(|| "no list".to_owned(), |list| list.to_string());
                // Who it was, the audit says in the way that its owner chose.
                let detail = format!("a user of {:?} is not on {list}", applicant.idp);
                return Err(Refusal::new(Reason::NotInvited, detail));
            }
        }
        if admitted.roles.is_none() && self.role_sync == RoleSync::FirstSignIn {
            let known = self.people.as_ref().and_then(|people| people.first_roles(&self.site, applicant));
            match known {
                Some(first) => admitted.roles = Some(first),
                None if applicant.groups_are_known => {
                    admitted.facts.push(Fact::first_roles(&self.site, applicant));
                }
                None => {}
            }
        }
        Ok(admitted)
    }

    /// The same for an identity: it comes back with the roles that count.
    ///
    /// # Errors
    /// As [`Self::judge`].
    pub fn admit(&self, identity: Identity) -> Result<(Identity, Admitted), Refusal> {
        let mut roles = Vec::new();
        identity.each_role(&mut |role| roles.push(role.to_owned()));
        let admitted = self.judge(&Applicant {
            idp: identity.idp(),
            user: identity.user(),
            email: identity.email(),
            roles: &roles,
            groups_are_known: matches!(identity.groups(), Groups::Known(_)),
        })?;
        let identity = match admitted.roles() {
            Some(roles) => identity.with_roles(roles.to_vec()),
            None => identity,
        };
        Ok((identity, admitted))
    }

    /// Remembers what is to be remembered, for good.
    ///
    /// # Errors
    /// `account-not-linked` when somebody else has taken up the invitation since; `store-unavailable` when nothing more can
    /// be remembered.
    pub fn settle(&self, admitted: Admitted) -> Result<(), Refusal> {
        if admitted.facts.is_empty() {
            return Ok(());
        }
        let Some(people) = &self.people else {
            return Err(Refusal::new(Reason::Internal, "there is something to remember and nobody to do it"));
        };
        let may_link = |other: &str| admitted.may_link && self.links(other);
        admitted.facts.into_iter().try_for_each(|fact| people.remember(fact, may_link))
    }

    fn terms_of(&self, idp: &str) -> Option<&Terms> {
        self.terms.iter().find(|(id, _)| id == idp).map(|(_, terms)| terms)
    }

    fn links(&self, idp: &str) -> bool {
        self.terms_of(idp).is_some_and(|terms| terms.link_by_email)
    }

    /// The invitation of this person.
    fn invitation(
        &self,
        list: &InvitedList,
        terms: &Terms,
        applicant: &Applicant<'_>,
        admitted: &mut Admitted,
    ) -> Result<Option<Invitation>, Refusal> {
        let invitations = list.current();
        // By name goes before by address: it says more.
        if let Some(own) = invitations.by_user(applicant.user, applicant.idp) {
            return Ok(Some(own.clone()));
        }
        let Some(email) = applicant.email else { return Ok(None) };
        let may_link = |other: &str| terms.link_by_email && self.links(other);
        let found = match invitations.by_email(email, applicant.idp) {
            Some(own) => own,
            None => match invitations.of_others(email) {
                [] => return Ok(None),
                others => {
                    let linked = others.iter().find(|other| other.idp.as_deref().is_some_and(may_link));
                    linked.ok_or_else(|| {
                        let whose: Vec<_> = others.iter().filter_map(|other| other.idp.as_deref()).collect();
                        let detail = format!(
                            "a user of {:?} has the address of an invitation for {whose:?}",
                            applicant.idp
                        );
                        Refusal::new(Reason::AccountNotLinked, detail)
                    })?
                }
            },
        };
        let people = self.people.as_ref().ok_or_else(|| {
            Refusal::new(
                Reason::Internal,
                "an invitation is bound to who takes it up, and nobody remembers it",
            )
        })?;
        let binding = Fact::binding(list.name(), email, applicant);
        if people.is_free(&binding, may_link)? {
            admitted.facts.push(binding);
        }
        Ok(Some(found.clone()))
    }
}

#[cfg(test)]
mod tests;

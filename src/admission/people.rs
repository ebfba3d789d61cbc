//! What is remembered of people from one sign-in to the next: who took up which invitation, and, with `role_sync:
//! first_sign_in`, which roles they were given.
//!
//! In memory, and in a journal in `state_dir` where there is one. Only somebody whom an identity provider vouched for
//! and who was admitted is remembered, and nothing is ever forgotten to make room: whoever could push an entry out could
//! take up somebody else's invitation. A full memory refuses.

use super::Applicant;
use super::journal::Journal;
use crate::reason::{Reason, Refusal};
use crate::seal::KeyRing;
use hashbrown::HashMap;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// More than any list invites; some 100 MB.
const MOST: usize = 500_000;

/// One thing to remember.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) enum Fact {
    /// The invitation `by` of this list was taken up by this person.
    #[serde(rename = "b")]
    Bound { list: String, by: String, idp: String, user: String },
    /// This person had these roles at first.
    #[serde(rename = "r")]
    FirstRoles { site: String, idp: String, user: String, roles: Vec<String> },
}

impl Fact {
    pub(super) fn binding(list: String, email: &str, applicant: &Applicant<'_>) -> Self {
        let (idp, user) = (applicant.idp.to_owned(), applicant.user.to_owned());
        Self::Bound { list, by: email.to_owned(), idp, user }
    }

    pub(super) fn first_roles(site: &str, applicant: &Applicant<'_>) -> Self {
        let (idp, user) = (applicant.idp.to_owned(), applicant.user.to_owned());
        Self::FirstRoles { site: site.to_owned(), idp, user, roles: applicant.roles.to_vec() }
    }
}

/// (list, address) and (identity provider, user).
type Bound = HashMap<(String, String), (String, String)>;
/// (site, identity provider, user) and the roles.
type FirstRoles = HashMap<(String, String, String), Vec<String>>;

#[derive(Default)]
struct Known {
    bound: Bound,
    first_roles: FirstRoles,
}

/// What is remembered, for all sites.
pub struct People {
    known: Mutex<Known>,
    journal: Option<Mutex<Journal>>,
    most: usize,
}

impl People {
    /// Until this process ends.
    pub fn in_memory() -> Self {
        Self { known: Mutex::default(), journal: None, most: MOST }
    }

    /// In this file, sealed under these keys. A file that is not there yet is made with the first entry.
    ///
    /// # Errors
    /// The end of a sentence: it cannot be read, or was sealed under another key, or by nobody of us.
    pub fn kept_in(file: PathBuf, keys: Arc<KeyRing>) -> Result<Self, String> {
        let (journal, facts) = Journal::open(file, keys)?;
        let mut known = Known::default();
        for fact in facts {
            let fact =
                serde_json::from_slice(&fact).map_err(|_| "holds an entry that is not of ours".to_owned())?;
            known.take(fact);
        }
        Ok(Self { known: Mutex::new(known), journal: Some(Mutex::new(journal)), most: MOST })
    }

    /// How much is remembered.
    pub fn len(&self) -> usize {
        self.known.lock().len()
    }

    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn first_roles(&self, site: &str, applicant: &Applicant<'_>) -> Option<Vec<String>> {
        let key = (site.to_owned(), applicant.idp.to_owned(), applicant.user.to_owned());
        self.known.lock().first_roles.get(&key).cloned()
    }

    /// Whether the invitation has not been taken up yet; false: by this very person, or one who is linked with them.
    pub(super) fn is_free(&self, binding: &Fact, may_link: impl Fn(&str) -> bool) -> Result<bool, Refusal> {
        self.known.lock().is_free(binding, may_link)
    }

    /// Remembers it, unless that has been done. The entry is on the disk when this returns; where the disk fails it is
    /// remembered all the same, until the process ends.
    pub(super) fn remember(&self, fact: Fact, may_link: impl Fn(&str) -> bool) -> Result<(), Refusal> {
        {
            let mut known = self.known.lock();
            if !known.is_free(&fact, may_link)? {
                return Ok(());
            }
            if known.len() >= self.most {
                let detail = format!("{} people are remembered, and no more can be", self.most);
                return Err(Refusal::new(Reason::StoreUnavailable, detail));
            }
            known.take(fact.clone());
        }
        if let Some(journal) = &self.journal {
            // Strings only: cannot fail, and an empty entry would not be read again.
            let entry = serde_json::to_vec(&fact).unwrap_or_default();
            if let Err(problem) = journal.lock().append(&entry) {
                tracing::error!(
                    problem,
                    "what is remembered of a person will be forgotten when this process ends"
                );
            }
        }
        Ok(())
    }
}

impl Known {
    fn len(&self) -> usize {
        self.bound.len() + self.first_roles.len()
    }

    /// The first counts.
    fn take(&mut self, fact: Fact) {
        match fact {
            Fact::Bound { list, by, idp, user } => {
                self.bound.entry((list, by)).or_insert((idp, user));
            }
            Fact::FirstRoles { site, idp, user, roles } => {
                self.first_roles.entry((site, idp, user)).or_insert(roles);
            }
        }
    }

    fn is_free(&self, fact: &Fact, may_link: impl Fn(&str) -> bool) -> Result<bool, Refusal> {
        match fact {
            Fact::Bound { list, by, idp, user } => {
                let Some((own_idp, own_user)) = self.bound.get(&(list.clone(), by.clone())) else {
                    return Ok(true);
                };
                if (own_idp, own_user) == (idp, user) || may_link(own_idp) {
                    return Ok(false);
                }
                let whose = if own_idp == idp { "another user" } else { "a user" };
                let detail = format!(
                    "a user of {idp:?} has the address of an invitation that {whose} of {own_idp:?} took up"
                );
                Err(Refusal::new(Reason::AccountNotLinked, detail))
            }
            Fact::FirstRoles { site, idp, user, .. } => {
                Ok(!self.first_roles.contains_key(&(site.clone(), idp.clone(), user.clone())))
            }
        }
    }
}

/// Says how many and nothing of whom.
impl fmt::Debug for People {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "People({} remembered)", self.len())
    }
}

#[cfg(test)]
impl People {
    pub(super) fn holding(most: usize) -> Self {
        Self { most, ..Self::in_memory() }
    }
}

//! Looking at sessions and ending them, for the owner.

use super::Gate;
use crate::identity::Person as _;
use crate::observe::audit::{self, Event};
use crate::session::{Selection, Session, SessionKey, SiteKey, StoreError};
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// Why these sessions end, for the audit.
const REVOKED: &str = "revoked";

/// How many sessions are taken from the store at a time.
const AT_A_TIME: usize = 1000;

/// Which sessions the owner means, in the words of the configuration. What is not said is not asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Meant {
    /// The site's name.
    pub site: Option<String>,
    /// The identity provider's `id`.
    pub idp: Option<String>,
    /// The user, or the user's e-mail address.
    pub user: Option<String>,
    /// The session's public name, which is the `session` of the audit and the `sid` of the JWT.
    pub session: Option<String>,
    /// Every session there is, and nothing else beside.
    pub all: bool,
}

/// What cannot be done for the owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cannot {
    /// Nothing is called so.
    #[error("there is no site `{0}`; there is: {1}")]
    NoSuchSite(String, String),
    /// Nobody is called so.
    #[error("there is no identity provider `{0}`; there is: {1}")]
    NoSuchIdp(String, String),
    /// The store's.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Meant {
    /// Whether it says anything, and nothing contradictory.
    pub fn is_clear(&self) -> bool {
        let some = [&self.site, &self.idp, &self.user, &self.session].into_iter().any(Option::is_some);
        self.all != some
    }

    /// In words, for an audit that may not name users: each session that ends is told of by itself, as it may be.
    fn for_audit(&self, names_users: bool) -> String {
        let mut meant = self.clone();
        if let Some(user) = meant.user.as_mut().filter(|_| !names_users) {
            *user = "(not named)".to_owned();
        }
        meant.to_string()
    }
}

/// `user ada at identity provider corp`.
impl fmt::Display for Meant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        for (word, said) in [
            ("session", &self.session),
            ("user", &self.user),
            ("identity provider", &self.idp),
            ("site", &self.site),
        ] {
            words.extend(said.as_ref().map(|said| format!("{word} {said}")));
        }
        f.write_str(&if words.is_empty() { "all".to_owned() } else { words.join(", ") })
    }
}

impl Gate {
    /// The live sessions that are meant, at most so many, the one used last first; and whether there are more. Of more it is any so many:
    /// to find those used last, each would have to be read, and there may be a million.
    ///
    /// # Errors
    /// Nothing is called so, or the store cannot answer.
    pub async fn find_sessions(
        &self,
        meant: &Meant,
        limit: usize,
    ) -> Result<(Vec<Arc<Session>>, bool), Cannot> {
        let selection = Selection { alive_at: Some(self.clock.now()), ..self.selection(meant)? };
        let mut found = self.store.select(&selection, limit.saturating_add(1)).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        found.sort_by_key(|session| std::cmp::Reverse(session.last_use()));
        Ok((found, more))
    }

    /// The name of the site that a session is good for.
    pub fn site_name_of(&self, session: &Session) -> &str {
        self.sites.iter().find(|site| site.key == session.site()).map_or("", |site| &site.name)
    }

    /// Ends the sessions that are meant, and with each all others of the same sign-in: at a sign-on host a session that
    /// was left there would give back at once what was taken away. Answers how many ended.
    ///
    /// # Errors
    /// Nothing is called so, or the store cannot answer; what had ended by then stays ended.
    pub async fn revoke(&self, meant: &Meant, by: &str) -> Result<usize, Cannot> {
        let mut ended = 0;
        let done = self.revoke_each(meant, &mut ended).await;
        audit::record(&Event::SessionsRevoked {
            detail: &meant.for_audit(audit::names_users()),
            sessions: ended,
            by,
            client: None,
        });
        done.map(|()| ended)
    }

    async fn revoke_each(&self, meant: &Meant, ended: &mut usize) -> Result<(), Cannot> {
        let selection = self.selection(meant)?;
        let mut seen = HashSet::new();
        loop {
            let found = self.store.select(&selection, AT_A_TIME).await?;
            // A store that finds what it has given up already must not keep us here for ever.
            let new: Vec<_> = found.into_iter().filter(|session| seen.insert(*session.key())).collect();
            if new.is_empty() {
                return Ok(());
            }
            for session in new {
                let root = session.came_from().unwrap_or_else(|| *session.key());
                *ended += usize::from(self.end_one(session.key(), REVOKED).await?);
                for key in self.of_the_same_sign_in(&session, &root).await? {
                    *ended += usize::from(self.end_one(&key, REVOKED).await?);
                }
            }
        }
    }

    /// Ends a session and tells the audit why; whether there was one.
    pub(super) async fn end_one(&self, key: &SessionKey, why: &'static str) -> Result<bool, StoreError> {
        let removed = self.store.remove(key).await?;
        if let Some(session) = &removed {
            self.tell_ended(session, why);
        }
        Ok(removed.is_some())
    }

    /// The session at the sign-on host and those that came from it.
    pub(super) async fn of_the_same_sign_in(
        &self,
        session: &Session,
        root: &SessionKey,
    ) -> Result<Vec<SessionKey>, StoreError> {
        let Some(site) = self.sites.iter().find(|site| site.key == session.site()) else {
            return Ok(Vec::new());
        };
        let host = self.sign_on_of(site).map_or(&**site, |host| &**host);
        let keys: Vec<SiteKey> = self.keys_under(host);
        let mut others = Vec::new();
        if keys.len() < 2 {
            return Ok(others);
        }
        for site in keys {
            for found in self.store.by_name_id(site, session.idp(), session.name_id(), None).await? {
                let other = self.store.load(&found).await?;
                let belongs = |other: &Session| other.key() == root || other.came_from() == Some(*root);
                if other.is_some_and(|other| belongs(&other)) {
                    others.push(found);
                }
            }
        }
        Ok(others)
    }

    fn selection<'a>(&self, meant: &'a Meant) -> Result<Selection<'a>, Cannot> {
        let site = match &meant.site {
            None => None,
            Some(name) => {
                let found = self.sites.iter().find(|site| site.name == *name).map(|site| site.key);
                let names = || listed(self.sites.iter().map(|site| site.name.as_str()));
                Some(found.ok_or_else(|| Cannot::NoSuchSite(name.clone(), names()))?)
            }
        };
        let ids = || self.sites.iter().flat_map(|site| &site.identity_providers).map(|idp| idp.id.as_str());
        if let Some(id) = &meant.idp
            && !ids().any(|known| known == id)
        {
            return Err(Cannot::NoSuchIdp(id.clone(), listed(ids())));
        }
        Ok(Selection {
            site,
            idp: meant.idp.as_deref(),
            user: meant.user.as_deref(),
            session: meant.session.as_deref(),
            alive_at: None,
        })
    }
}

/// Each name once.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: std::collections::BTreeSet<&str> = names.collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_must_be_said_and_all_is_nothing_else() {
        let user = Meant { user: Some("ada".into()), ..Meant::default() };
        assert!(user.is_clear() && Meant { all: true, ..Meant::default() }.is_clear());
        assert!(!Meant::default().is_clear() && !Meant { all: true, ..user.clone() }.is_clear());
        let both = Meant { idp: Some("corp".into()), ..user };
        assert_eq!(both.to_string(), "user ada, identity provider corp");
        assert_eq!(both.for_audit(true), both.to_string());
        assert_eq!(both.for_audit(false), "user (not named), identity provider corp");
        assert_eq!(Meant { all: true, ..Meant::default() }.to_string(), "all");
    }
}

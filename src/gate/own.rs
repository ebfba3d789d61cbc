//! The sessions of one person, as that person may see and end them.
//!
//! At a site these are the sessions of this site and no others. Its application is at the same origin, so that its scripts can
//! read what the page says and press its buttons: an application must not learn in this way where else somebody has an
//! account, nor a tenant that of another. At a sign-on host there is no application; there each sign-in is shown with all the
//! sites that it was handed over to.

use super::Gate;
use crate::clock::Moment;
use crate::identity::Person as _;
use crate::session::{Named, Session, SessionKey, StoreError};
use crate::site::{Face, Site};
use std::collections::HashSet;
use std::sync::Arc;

/// Why these sessions end, for the audit.
const BY_OWNER: &str = "ended-by-user";

/// So many sessions of a person on a site are looked at for a page: more than it lists, and a bound for what it costs.
const MOST_LOOKED_AT: usize = 200;

/// One sign-in of a person: a session of a site or, at a sign-on host, the one there and those that came from it.
#[derive(Debug)]
pub struct OwnSignIn {
    /// The session at the sign-on host that all came from, even if it is gone; else the session itself.
    root: SessionKey,
    /// At least one.
    sessions: Vec<Arc<Session>>,
    /// It is that of whoever asks.
    is_asking: bool,
}

impl OwnSignIn {
    /// What stands for it: the key of a session, to be sealed before anybody sees it.
    pub const fn root(&self) -> &SessionKey {
        &self.root
    }

    /// Its sessions.
    pub fn sessions(&self) -> &[Arc<Session>] {
        &self.sessions
    }

    /// Whether it is that of whoever asks.
    pub const fn is_asking(&self) -> bool {
        self.is_asking
    }

    fn last_use(&self) -> Moment {
        let all = self.sessions.iter().map(|session| session.last_use());
        all.max().unwrap_or(Moment::from_seconds(0))
    }
}

impl Gate {
    /// The sign-ins of the person whose session this is, the one that asks first, then the one used last: of more than
    /// [`MOST_LOOKED_AT`] on a site those that last longest.
    ///
    /// # Errors
    /// The store's.
    pub async fn own_sign_ins(
        &self,
        site: &Site,
        asking: &Session,
        now: Moment,
    ) -> Result<Vec<OwnSignIn>, StoreError> {
        let named = Named::User(asking.user());
        let mut sessions = self.store.longest(site.key, asking.idp(), named, now, MOST_LOOKED_AT).await?;
        if !sessions.iter().any(|session| session.key() == asking.key()) {
            // It is never left out, however many there are.
            sessions.extend(self.store.living(std::slice::from_ref(asking.key()), now).await?);
        }
        let mut found: Vec<OwnSignIn> = Vec::new();
        for session in sessions {
            let is_asking = session.key() == asking.key();
            found.push(OwnSignIn { root: *session.key(), sessions: vec![session], is_asking });
        }
        if matches!(site.face, Face::SignOn) {
            self.handed_over(site, asking, &mut found, now).await?;
        }
        found.sort_by_key(|one| (!one.is_asking, std::cmp::Reverse(one.last_use())));
        Ok(found)
    }

    /// Adds the sessions at the host's sites. What came from a session here that is gone stands by itself, where it is of
    /// whom the host would hand this person over as: the identity provider may call two people the same.
    async fn handed_over(
        &self,
        host: &Site,
        asking: &Session,
        found: &mut Vec<OwnSignIn>,
        now: Moment,
    ) -> Result<(), StoreError> {
        let mut name_ids: HashSet<String> = HashSet::from([asking.name_id().to_owned()]);
        let mut alone: Vec<(SessionKey, Arc<Session>)> = Vec::new();
        name_ids.extend(found.iter().flat_map(|one| &one.sessions).map(|at| at.name_id().to_owned()));
        for site in self.keys_under(host).into_iter().filter(|key| *key != host.key) {
            let at_host = found.iter().flat_map(|one| &one.sessions);
            let known_as: HashSet<String> = at_host
                .filter_map(|at| at.hand_over(site)?.ok())
                .map(|handed| handed.identity.user().to_owned())
                .collect();
            for name_id in &name_ids {
                let named = Named::NameId(name_id);
                for session in self.store.longest(site, asking.idp(), named, now, MOST_LOOKED_AT).await? {
                    let Some(root) = session.came_from() else { continue };
                    match found.iter_mut().find(|one| one.root == root) {
                        Some(one) => one.sessions.push(session),
                        // Another's, whom the identity provider calls the same.
                        None if !known_as.contains(session.user()) => {}
                        None => alone.push((root, session)),
                    }
                }
            }
        }
        // There, and not among this person's: the identity provider calls two people the same.
        let roots: HashSet<SessionKey> = alone.iter().map(|(root, _)| *root).collect();
        let living = self.store.living(&roots.into_iter().collect::<Vec<_>>(), now).await?;
        alone.retain(|(root, _)| !living.iter().any(|other| other.key() == root));
        for (root, session) in alone {
            match found.iter_mut().find(|one| one.root == root) {
                Some(one) => one.sessions.push(session),
                None => found.push(OwnSignIn { root, sessions: vec![session], is_asking: false }),
            }
        }
        Ok(())
    }

    /// Ends a sign-in of [`Gate::own_sign_ins`], and at a site of a sign-on host all others of it, which would give it back at
    /// once. Answers whether there was something to end.
    ///
    /// # Errors
    /// The store's; what had ended by then stays ended.
    pub async fn end_own(&self, one: &OwnSignIn, asking: &Session) -> Result<bool, StoreError> {
        let mut ended = false;
        for session in &one.sessions {
            ended |= self.end_one(session.key(), BY_OWNER).await?;
        }
        if let Some(session) = one.sessions.first() {
            self.end_same_sign_in(session, asking, BY_OWNER).await?;
        }
        Ok(ended)
    }

    /// After a session has ended: the others of the same sign-in at a sign-on host, unless it is also the one of `but`.
    pub(super) async fn end_same_sign_in(
        &self,
        ended: &Session,
        but: &Session,
        why: &'static str,
    ) -> Result<(), StoreError> {
        let root_of = |session: &Session| session.came_from().unwrap_or_else(|| *session.key());
        let root = root_of(ended);
        if root == root_of(but) {
            return Ok(());
        }
        for key in self.of_the_same_sign_in(ended, &root).await? {
            self.end_one(&key, why).await?;
        }
        Ok(())
    }
}

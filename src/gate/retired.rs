//! Sessions that came by an identity provider that signs nobody in any more, or are of a site that is no more.
//!
//! They end once, where the gate begins, and where a session comes in from a store on another machine. A session that
//! this process knows has passed one of the two, so a request is not asked again.

use super::{Gate, unavailable};
use crate::identity::Person as _;
use crate::reason::Refusal;
use crate::session::{Session, StoreError};
use crate::site::{Site, Status};
use std::sync::Arc;

/// Why these sessions end, for the audit.
const RETIRED: &str = "retired";
const SITE_GONE: &str = "site-gone";
const NOT_ADMITTED: &str = "idp-gone";

impl Gate {
    /// Ends every session of a retired identity provider and answers how many there were. To be called when the gate
    /// begins, and whenever the configuration has changed.
    ///
    /// # Errors
    /// The store's. What is left over does not come in: it is asked about when it is loaded.
    pub async fn end_sessions_of_retired(&self) -> Result<usize, StoreError> {
        let mut ended = 0;
        for site in &self.sites {
            for idp in site.identity_providers.iter().filter(|idp| idp.status == Status::Retired) {
                for key in self.store.by_idp(site.key, &idp.id).await? {
                    if let Some(session) = self.store.remove(&key).await? {
                        self.tell_ended(&session, RETIRED);
                        ended += 1;
                    }
                }
            }
        }
        Ok(ended)
    }

    /// Ends the sessions for which there was a place `before` and is none here: their site is gone, or who signed them in is
    /// not admitted to it any more. Answers how many there were.
    ///
    /// # Errors
    /// The store's. What is left over of an identity provider does not come in where sessions are loaded.
    pub async fn end_sessions_of_what_is_gone(&self, before: &Self) -> Result<usize, StoreError> {
        let mut ended = 0;
        for old in before.sites.iter().filter(|site| site.is_canonical()) {
            let site = self.sites.iter().find(|site| site.key == old.key);
            let why = if site.is_some() { NOT_ADMITTED } else { SITE_GONE };
            let admits =
                |idp: &str| site.is_some_and(|site| site.identity_providers.iter().any(|own| own.id == idp));
            for idp in old.identity_providers.iter().filter(|idp| !admits(&idp.id)) {
                for key in self.store.by_idp(old.key, &idp.id).await? {
                    if let Some(session) = self.store.remove(&key).await? {
                        before.tell_ended(&session, why);
                        ended += 1;
                    }
                }
            }
        }
        Ok(ended)
    }

    /// The session, unless who signed it in was retired, or is not admitted to the site any more: then it ends.
    pub(super) async fn unless_retired(
        &self,
        site: &Site,
        session: Option<Arc<Session>>,
    ) -> Result<Option<Arc<Session>>, Refusal> {
        let Some(session) = session else { return Ok(None) };
        let signs_in = |idp: &str| {
            let known = site.identity_providers.iter().find(|known| known.id == idp);
            known.is_some_and(|known| known.status != Status::Retired)
        };
        if signs_in(session.idp()) {
            return Ok(Some(session));
        }
        if let Some(session) = self.store.remove(session.key()).await.map_err(unavailable)? {
            self.tell_ended(&session, RETIRED);
        }
        Ok(None)
    }
}

//! Only so many sessions of one person on a site: `session.limit_per_user`.

use super::{Gate, unavailable};
use crate::clock::Moment;
use crate::identity::Person as _;
use crate::reason::{Reason, Refusal};
use crate::session::{Named, OnLimit, PerUser, Placed, Session, SessionKey};
use crate::site::Site;
use std::sync::Arc;

/// Why these sessions end, for the audit.
const LIMIT: &str = "session-limit";

impl Gate {
    /// Whether a person may have one more session here, without doing anything: to be asked while nothing has been claimed, so
    /// that whoever is refused has lost nothing. [`Gate::let_in`] decides.
    ///
    /// # Errors
    /// `session-limit`, where more are refused; `store-unavailable`.
    pub async fn has_place(
        &self,
        site: &Site,
        session: &Session,
        instead_of: &[SessionKey],
        now: Moment,
    ) -> Result<(), Refusal> {
        let Some(limit) = site.sessions_per_user.filter(|limit| limit.on_limit == OnLimit::Refuse) else {
            return Ok(());
        };
        // So many tell whether there is a place, however many there are.
        let enough = (limit.most.get() as usize).saturating_add(instead_of.len()).saturating_add(1);
        let named = Named::User(session.user());
        let others = self.store.longest(site.key, session.idp(), named, now, enough).await;
        let mut others = others.map_err(unavailable)?;
        others.retain(|other| other.is_beside(session, instead_of));
        let living = others.len();
        if limit.is_reached_by(living) { Err(full(&limit, living)) } else { Ok(()) }
    }

    /// Takes a new session in. Where a person may have only so many, it may be refused, or the oldest end, each together with
    /// all others of the same sign-in. `instead_of` are those that it replaces: they do not count.
    ///
    /// # Errors
    /// `session-limit`, `store-unavailable`.
    pub async fn let_in(
        &self,
        site: &Site,
        session: &Arc<Session>,
        instead_of: &[SessionKey],
        now: Moment,
    ) -> Result<(), Refusal> {
        let Some(limit) = &site.sessions_per_user else {
            return self.store.insert(Arc::clone(session)).await.map_err(unavailable);
        };
        let placed = self.store.insert_within(Arc::clone(session), limit, instead_of, now).await;
        match placed.map_err(unavailable)? {
            Placed::Full { living } => Err(full(limit, living)),
            Placed::In { ended } => {
                for old in ended {
                    self.tell_ended(&old, LIMIT);
                    // What is left behind of them lasts until its time is over: no reason to turn away who came in.
                    if let Err(problem) = self.end_same_sign_in(&old, session, LIMIT).await {
                        tracing::warn!(site = site.name, %problem, "not all sessions of one sign-in could be ended");
                    }
                }
                Ok(())
            }
        }
    }
}

fn full(limit: &PerUser, living: usize) -> Refusal {
    let detail = format!("the person has {living} living sessions at this site, {} may be", limit.most);
    Refusal::new(Reason::SessionLimit, detail)
}

//! Whether a session on which something lasts, a WebSocket for example, is still good.

use super::{Gate, unavailable};
use crate::clock::Moment;
use crate::reason::Refusal;
use crate::session::{Peek, Session};
use crate::site::Site;
use std::sync::Arc;

impl Gate {
    /// The session as the store has it now, if it is still good; `used`: something went over the connection, which counts as
    /// use. `place` is where its site was when the connection began.
    ///
    /// # Errors
    /// `store-unavailable`.
    pub async fn still_good(
        &self,
        session: &Arc<Session>,
        place: u16,
        used: bool,
        now: Moment,
    ) -> Result<Option<Arc<Session>>, Refusal> {
        let Some(site) = self.site_of_session(session, place) else { return Ok(None) };
        let found = match self.store.peek(session.key()) {
            Peek::Live(found) => Some(found),
            Peek::Absent => None,
            Peek::Ask => {
                let loaded = self.store.load(session.key()).await.map_err(unavailable)?;
                self.unless_retired(site, loaded).await?
            }
        };
        Ok(found.filter(|found| found.site() == site.key && found.is_still(used, now)))
    }

    /// The site of a session; `place` is where to look first.
    pub fn site_of_session(&self, session: &Session, place: u16) -> Option<&Site> {
        let is_its = |site: &&Arc<Site>| site.key == session.site();
        let here = self.sites.get(usize::from(place)).filter(is_its);
        here.or_else(|| self.sites.iter().find(is_its)).map(Arc::as_ref)
    }
}

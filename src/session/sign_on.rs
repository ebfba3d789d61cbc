//! Sessions that belong together: the one at a sign-on host, and those that it was handed over to its sites as.
//!
//! What a site may know of a person depends on its own mapping, and an assertion is read once. So the session at the
//! sign-on host keeps, beside who the person is there, how the mappings of its sites read the same assertion:
//! [`Readings`], one for all sites that read alike. A site's session is made from its reading and from nothing else, and
//! knows which session it came from, so that both can end together.
//!
//! What ties sessions together lies in a table beside them: nearly all sessions have no tie, and there may be a million.

use super::{Facts, Limits, Session, SessionKey, SiteKey, whole_seconds};
use crate::clock::Moment;
use crate::identity::{Groups, Identity, Person as _};
use crate::reason::Refusal;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

/// The ties of the sessions of this process, each as long as its session is there; with how many there are of it: what
/// comes from a store on another machine may be here twice for a moment.
static TIES: LazyLock<Mutex<Ties>> = LazyLock::new(Mutex::default);

type Ties = HashMap<SessionKey, (Arc<Tie>, usize)>;

/// How some sites of a sign-on host read one assertion.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Whose reading it is.
    pub sites: Arc<[SiteKey]>,
    /// Who the person is there, or why nobody.
    pub read: Result<Identity, Refusal>,
}

/// How all sites of a sign-on host read one assertion.
#[derive(Debug, Clone, Default)]
pub struct Readings(pub Vec<Reading>);

/// What ties a session to others.
pub(super) enum Tie {
    /// It is one at a sign-on host.
    SignOn(Readings, Moment),
    /// It is one of a site that came from there.
    From(SessionKey),
}

/// Where a handed-over session comes from. Made by [`Session::hand_over`] and nowhere else.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    session: SessionKey,
    signed_in: Moment,
}

/// Somebody as a site may know them, handed over.
#[derive(Debug)]
pub struct HandedOver {
    /// Who it is, by the site's own mapping of the assertion that was accepted at the sign-on host.
    pub identity: Identity,
    /// Where it comes from.
    pub origin: Origin,
}

impl Session {
    /// Like [`Session::establish`], at a sign-on host.
    pub fn establish_for_sites(
        identity: &Identity,
        readings: Readings,
        site: SiteKey,
        key: SessionKey,
        limits: &Limits,
        now: Moment,
    ) -> Self {
        Self::establish(identity, site, key, limits, now).tied(Tie::SignOn(readings, now))
    }

    /// Like [`Session::establish`], of somebody who was handed over. `max_age` counts from the sign-in, not from here.
    pub fn establish_from(
        origin: &Origin,
        identity: &Identity,
        site: SiteKey,
        key: SessionKey,
        limits: &Limits,
        now: Moment,
    ) -> Self {
        let facts = Facts::from(identity);
        let by_sign_in = origin.signed_in.plus(limits.max_age);
        let end = facts.session_not_on_or_after.map_or(by_sign_in, |idp_end| idp_end.min(by_sign_in));
        let mut session = Self::of(&facts, site, key, limits, now);
        session.ends_at = whole_seconds(end).min(session.ends_at);
        session.tied(Tie::From(origin.session))
    }

    /// This session as a site may know it. None: it is not one of a sign-on host, or knows nothing of this site.
    ///
    /// # Errors
    /// Why the site's mapping makes nobody of the person.
    pub fn hand_over(&self, site: SiteKey) -> Option<Result<HandedOver, Refusal>> {
        let tie = self.tie()?;
        let Tie::SignOn(Readings(readings), signed_in) = &*tie else { return None };
        let reading = readings.iter().find(|reading| reading.sites.contains(&site))?;
        let origin = Origin { session: self.key, signed_in: *signed_in };
        Some(reading.read.clone().map(|identity| HandedOver { identity, origin }))
    }

    /// When the person signed in here, where this is a session of a sign-on host that knows something of this site.
    pub fn known_to(&self, site: SiteKey) -> Option<Moment> {
        match &*self.tie()? {
            Tie::SignOn(Readings(readings), signed_in) => {
                readings.iter().any(|reading| reading.sites.contains(&site)).then_some(*signed_in)
            }
            Tie::From(_) => None,
        }
    }

    /// The session at the sign-on host that this one came from.
    pub fn came_from(&self) -> Option<SessionKey> {
        match &*self.tie()? {
            Tie::From(origin) => Some(*origin),
            Tie::SignOn(..) => None,
        }
    }

    pub(super) fn tied(mut self, tie: Tie) -> Self {
        TIES.lock().entry(self.key).or_insert_with(|| (Arc::new(tie), 0)).1 += 1;
        self.tied = true;
        self
    }

    pub(super) fn tie(&self) -> Option<Arc<Tie>> {
        if self.tied { TIES.lock().get(&self.key).map(|(tie, _)| Arc::clone(tie)) } else { None }
    }
}

impl Drop for Session {
    /// Sessions of one key are one session: keys are hashes of random secrets.
    fn drop(&mut self) {
        if !self.tied {
            return;
        }
        let mut ties = TIES.lock();
        if let Some((_, sessions)) = ties.get_mut(&self.key) {
            *sessions = sessions.saturating_sub(1);
            if *sessions == 0 {
                ties.remove(&self.key);
            }
        }
    }
}

impl Tie {
    /// About how many bytes it takes.
    pub(super) fn size(&self) -> usize {
        let readings = match self {
            Self::SignOn(Readings(readings), _) => readings.as_slice(),
            Self::From(_) => &[],
        };
        size_of::<Self>() + readings.iter().map(Reading::size).sum::<usize>()
    }
}

impl Reading {
    fn size(&self) -> usize {
        let strings = match &self.read {
            Err(refusal) => refusal.detail.len(),
            Ok(identity) => {
                let groups: usize = match identity.groups() {
                    Groups::Known(groups) => groups.iter().map(|group| group.len() + STRING).sum(),
                    Groups::Unknown => 0,
                };
                let mut roles = 0;
                identity.each_role(&mut |role| roles += role.len() + STRING);
                let one = |text: Option<&str>| text.map_or(0, str::len);
                let rest = one(Some(identity.user()))
                    + one(identity.email())
                    + one(identity.name())
                    + one(identity.preferred_username())
                    + one(identity.session_index())
                    + one(identity.authn_context_class())
                    + identity.as_sent.len()
                    + 2 * identity.name_id().value.len();
                groups + roles + rest
            }
        };
        size_of::<Self>() + strings
    }
}

/// A `String` beside its text, with what the allocator adds.
const STRING: usize = 40;

#[cfg(test)]
mod tests {
    use super::super::{MemoryStore, SessionId, Store as _};
    use super::*;
    use crate::reason::Reason;
    use crate::session::tests::ada;
    use std::time::Duration;

    const NOW: Moment = Moment::from_seconds(1_700_000_000);
    const LIMITS: Limits =
        Limits { idle_timeout: Duration::from_secs(600), max_age: Duration::from_secs(3600) };

    fn key(name: &str) -> SiteKey {
        SiteKey::of(name)
    }

    fn at_the_host() -> Session {
        let of_wiki = Identity { user: "ada-of-the-wiki".into(), ..ada() };
        let readings = Readings(vec![
            Reading { sites: [key("wiki"), key("docs")].into(), read: Ok(of_wiki) },
            Reading { sites: [key("shop")].into(), read: Err(Reason::UserMissing.into()) },
        ]);
        let id = SessionId::random();
        Session::establish_for_sites(&ada(), readings, key("corp"), id.key(), &LIMITS, NOW)
    }

    #[test]
    fn each_site_is_handed_its_own_reading() {
        let session = at_the_host();
        for site in ["wiki", "docs"] {
            let handed = session.hand_over(key(site)).unwrap().unwrap();
            assert_eq!(handed.identity.user(), "ada-of-the-wiki");
        }
        assert_eq!(session.user(), "ada@example.com");
        let refused = session.hand_over(key("shop")).unwrap().unwrap_err();
        assert_eq!(refused.reason, Reason::UserMissing);
        assert!(session.hand_over(key("other")).is_none() && session.known_to(key("other")).is_none());
        assert_eq!(session.known_to(key("wiki")), Some(NOW));
    }

    #[test]
    fn a_handed_over_session_ends_no_later_than_one_that_began_at_the_sign_in() {
        let host = at_the_host();
        let HandedOver { identity, origin } = host.hand_over(key("wiki")).unwrap().unwrap();
        let later = NOW.plus(Duration::from_secs(3000));
        let id = SessionId::random().key();
        let session = Session::establish_from(&origin, &identity, key("wiki"), id, &LIMITS, later);
        assert_eq!(session.ends_at(), NOW.plus(LIMITS.max_age));
        assert_eq!(session.came_from(), Some(*host.key()));
        assert!(session.hand_over(key("wiki")).is_none(), "what was handed over is not handed on");
        let idle = NOW.plus(Duration::from_secs(3599));
        assert!(
            session.is_alive(later) && session.is_alive(idle) && !session.is_alive(NOW.plus(LIMITS.max_age))
        );
        assert!(host.came_from().is_none());
    }

    #[test]
    fn a_tie_goes_with_its_session() {
        let session = at_the_host();
        let key = *session.key();
        assert!(TIES.lock().contains_key(&key));
        drop(session);
        assert!(!TIES.lock().contains_key(&key));
    }

    #[tokio::test]
    async fn what_is_kept_for_sites_counts_in_the_store() {
        let id = SessionId::random();
        let plain = Session::establish(&ada(), key("corp"), id.key(), &LIMITS, NOW);
        let host = at_the_host();
        assert!(host.weight() > plain.weight() + 300, "{} {}", host.weight(), plain.weight());
        let store = MemoryStore::new(u64::from(plain.weight()) + 100, NOW);
        assert!(store.insert(Arc::new(host)).await.is_err());
        assert!(store.insert(Arc::new(plain)).await.is_ok());
    }
}

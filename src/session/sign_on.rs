//! Sessions that belong together: the one at a sign-on host, and those that it was handed over to its sites as.
//!
//! What a site may know of a person depends on its own mapping, and an assertion is read once. So the session at the
//! sign-on host keeps, beside who the person is there, how the mappings of its sites read the same assertion:
//! [`Readings`], one for all sites that read alike. A site's session is made from its reading and from nothing else, and
//! knows which session it came from, so that both can end together.
//!
//! What ties a session to others lies beside its record, in the same two words: nearly all sessions have no tie, there may be
//! a million, and they pay nothing for it.

use super::packed::BeforeEnd;
use super::record::Record;
use super::{Facts, Limits, Session, SessionKey, SiteKey, whole_seconds};
use crate::clock::Moment;
use crate::identity::{Groups, Identity, Person as _};
use crate::reason::{Reason, Refusal};
use std::collections::HashSet;
use std::ops::Deref;
use std::sync::Arc;

/// How some sites of a sign-on host read one assertion.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Whose reading it is.
    pub sites: Arc<[SiteKey]>,
    /// Who the person is there, or why nobody.
    pub read: Result<Identity, Refusal>,
}

/// How all sites of a sign-on host read one assertion, in a bounded room.
#[derive(Debug, Clone, Default)]
pub struct Readings(Vec<Reading>);

/// A session's record, with what ties it to others where something does.
pub(super) enum Kept {
    /// Nothing does.
    Alone(Record),
    /// Something does.
    Tied(Box<(Record, Tie)>),
}

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
        let end = whole_seconds(end).min(session.ends_at);
        session.established = BeforeEnd::new(whole_seconds(now), end);
        session.ends_at = end;
        session.tied(Tie::From(origin.session))
    }

    /// This session as a site may know it. None: it is not one of a sign-on host, or knows nothing of this site.
    ///
    /// # Errors
    /// Why the site's mapping makes nobody of the person.
    pub fn hand_over(&self, site: SiteKey) -> Option<Result<HandedOver, Refusal>> {
        let Tie::SignOn(Readings(readings), signed_in) = self.tie()? else { return None };
        let reading = readings.iter().find(|reading| reading.sites.contains(&site))?;
        let origin = Origin { session: self.key, signed_in: *signed_in };
        Some(reading.read.clone().map(|identity| HandedOver { identity, origin }))
    }

    /// When the person signed in here, where this is a session of a sign-on host that knows something of this site.
    pub fn known_to(&self, site: SiteKey) -> Option<Moment> {
        match self.tie()? {
            Tie::SignOn(Readings(readings), signed_in) => {
                readings.iter().any(|reading| reading.sites.contains(&site)).then_some(*signed_in)
            }
            Tie::From(_) => None,
        }
    }

    /// The session at the sign-on host that this one came from.
    pub fn came_from(&self) -> Option<SessionKey> {
        match self.tie()? {
            Tie::From(origin) => Some(*origin),
            Tie::SignOn(..) => None,
        }
    }

    pub(super) fn tied(mut self, tie: Tie) -> Self {
        self.record = match self.record {
            Kept::Alone(record) => Kept::Tied(Box::new((record, tie))),
            Kept::Tied(both) => Kept::Tied(Box::new((both.0, tie))),
        };
        self
    }

    pub(super) fn tie(&self) -> Option<&Tie> {
        match &self.record {
            Kept::Alone(_) => None,
            Kept::Tied(both) => Some(&both.1),
        }
    }
}

impl Deref for Kept {
    type Target = Record;

    fn deref(&self) -> &Record {
        match self {
            Self::Alone(record) => record,
            Self::Tied(both) => &both.0,
        }
    }
}

impl Readings {
    /// Each of them.
    pub(super) fn as_slice(&self) -> &[Reading] {
        &self.0
    }

    /// Keeps as many as there is room for in one session. The sites of the others refuse the person: what one sign-in may
    /// cost must not grow with the number of sites.
    pub fn new(mut readings: Vec<Reading>) -> Self {
        share_groups(&mut readings);
        let (mut lists, mut bytes) = (HashSet::new(), 0);
        for reading in &mut readings {
            let size = reading.size(&mut lists);
            bytes += size;
            if bytes > MOST_BYTES {
                bytes -= size;
                let detail = format!(
                    "what the sites of the sign-on host read of this person takes more than {MOST_BYTES} octets"
                );
                reading.read = Err(Refusal::new(Reason::IdentityTooLarge, detail));
            }
        }
        Self(readings)
    }
}

/// Equal lists become one: also those of a session that was kept outside of memory.
fn share_groups(readings: &mut [Reading]) {
    let mut lists: Vec<Arc<[String]>> = Vec::new();
    for identity in readings.iter_mut().filter_map(|reading| reading.read.as_mut().ok()) {
        let Groups::Known(groups) = &mut identity.groups else { continue };
        match lists.iter().find(|list| **list == *groups) {
            Some(list) => *groups = Arc::clone(list),
            None => lists.push(Arc::clone(groups)),
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
        let mut lists = HashSet::new();
        size_of::<(Record, Self)>() + readings.iter().map(|reading| reading.size(&mut lists)).sum::<usize>()
    }
}

impl Reading {
    /// About how many bytes it takes beside others, of whose lists of groups these are counted already.
    fn size(&self, lists: &mut HashSet<*const String>) -> usize {
        let strings = match &self.read {
            Err(refusal) => refusal.detail.len(),
            Ok(identity) => {
                let groups: usize = match identity.groups() {
                    Groups::Known(groups) if lists.insert(groups.as_ptr()) => {
                        groups.iter().map(|group| group.len() + STRING).sum()
                    }
                    Groups::Known(_) | Groups::Unknown => 0,
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
                let carried: usize = identity.carried.iter().map(|(_, text)| text.len() + STRING).sum();
                groups + roles + carried + rest
            }
        };
        size_of::<Self>() + size_of_val(&*self.sites) + strings
    }
}

/// What all readings of one session may take: four people in very many groups, or some thousand ordinary ones.
const MOST_BYTES: usize = 1024 * 1024;

/// A `String` beside its text, with what the allocator adds.
const STRING: usize = 40;

#[cfg(test)]
mod tests {
    use super::super::{MemoryStore, SessionId, Store as _};
    use super::*;
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
        let readings = Readings::new(vec![
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
    fn two_that_hold_the_same_session_do_not_share_its_tie() {
        // As two gates of one process do whose common store is on another machine.
        let id = SessionId::random();
        let of = |site: &str| {
            let readings = Readings::new(vec![Reading { sites: [key(site)].into(), read: Ok(ada()) }]);
            Session::establish_for_sites(&ada(), readings, key("corp"), id.key(), &LIMITS, NOW)
        };
        let (here, there) = (of("wiki"), of("shop"));
        assert!(here.known_to(key("wiki")).is_some() && here.known_to(key("shop")).is_none());
        drop(there);
        assert!(here.known_to(key("wiki")).is_some(), "the end of one is not the end of the other");
    }

    #[test]
    fn what_is_kept_for_sites_is_bounded() {
        let groups: Vec<String> = (0..1000).map(|n| format!("{n:0200}")).collect();
        let shared = Groups::Known(groups.clone().into());
        let of = |n: usize, groups: Groups| Reading {
            sites: [key(&format!("site-{n}"))].into(),
            read: Ok(Identity { groups, ..ada() }),
        };
        let held = |readings: &Readings| readings.0.iter().filter(|reading| reading.read.is_ok()).count();
        // One list, however many sites read it, also where each brings a copy.
        let copy = Groups::Known(groups.clone().into());
        let alike = |n: usize| of(n, if n.is_multiple_of(2) { shared.clone() } else { copy.clone() });
        assert_eq!(held(&Readings::new((0..200).map(alike).collect())), 200);
        // A list of its own for each: some of 240 KB fit, and the others are refused by name.
        let own = |n: usize| {
            let groups = groups.iter().map(|group| format!("{group}{n:03}")).collect();
            of(n, Groups::Known(groups))
        };
        let readings = Readings::new((0..200).map(own).collect());
        assert_eq!(held(&readings), 4);
        let id = SessionId::random();
        let session = Session::establish_for_sites(&ada(), readings, key("corp"), id.key(), &LIMITS, NOW);
        assert!(session.weight() < 1_400_000, "{}", session.weight());
        assert!(session.hand_over(key("site-0")).unwrap().is_ok());
        let refused = session.hand_over(key("site-199")).unwrap().unwrap_err();
        assert_eq!(refused.reason, Reason::IdentityTooLarge);
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

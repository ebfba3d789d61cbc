//! A session as octets, for a store that is not this process. Always sealed by whoever stores it; never in the clear.
//!
//! The first octet says how the rest is written. A release reads what it wrote and what the one before it wrote; what a
//! later one wrote is no session to it ([`Unreadable::Future`]), and it leaves it where it is. What is added to a
//! session must change that octet: a session of which a part was passed over would be another session.

use super::browser::Browser;
use super::names::NAMES;
use super::packed::{BeforeEnd, Traits};
use super::record::{FIELDS, Field, Record};
use super::sign_on::{Kept, Reading, Readings, Tie};
use super::{Session, SessionKey, SiteKey, whole_seconds};
use crate::clock::Moment;
use crate::identity::octets::{Reader, Writer};
use crate::identity::{Identity, PartKey};
use crate::reason::{Reason, Refusal};
use arc_swap::ArcSwapOption;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// How this release writes sessions down.
pub const VERSION: u8 = 2;

/// The release before: without the browser and the moment at which it began.
const WITHOUT_BROWSER: u8 = 1;

/// Why octets are no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// A later release wrote them.
    Future,
    /// They are cut off, or nobody wrote them.
    Damaged,
}

impl Session {
    /// Writes everything down but its key and its last use, which [`Session::last_use`] tells.
    pub fn to_octets(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.byte(VERSION);
        to.octets(&self.site.to_bytes());
        to.number(self.ends_at);
        to.number(self.authn_instant);
        to.number(self.traits.idle_timeout());
        to.byte(self.traits.is_forced().into());
        to.number(self.established.of(self.ends_at));
        to.octets(&self.browser().to_bytes());
        for field in Field::ALL {
            to.maybe(self.record.string(field));
        }
        let names = |numbers: &mut dyn Iterator<Item = u32>| -> Vec<String> {
            numbers.filter_map(|number| NAMES.name(number)).map(|name| name.to_string()).collect()
        };
        match self.record.groups() {
            None => to.byte(0),
            Some(mut groups) => {
                to.byte(1);
                to.texts(&names(&mut groups));
            }
        }
        to.texts(&names(&mut self.record.roles()));
        to.maybe(self.record.name_qualifier().as_deref());
        to.maybe(self.record.sp_name_qualifier().as_deref());
        let carried: Vec<_> = self.record.each_carried().collect();
        to.count(carried.len());
        for (part, text) in carried {
            to.number(part.0);
            to.text(text);
        }
        write_tie(self.tie(), &mut to);
        to.finish()
    }

    /// The session of this key that [`Session::to_octets`] wrote, last used at `last_use`.
    ///
    /// # Errors
    /// Why the octets are none.
    pub fn from_octets(key: SessionKey, octets: &[u8], last_use: Moment) -> Result<Self, Unreadable> {
        let mut from = Reader(octets);
        let version = match from.byte() {
            Some(version @ (WITHOUT_BROWSER | VERSION)) => version,
            Some(version) if version > VERSION => return Err(Unreadable::Future),
            _ => return Err(Unreadable::Damaged),
        };
        let session = read(key, &mut from, version, last_use).ok_or(Unreadable::Damaged)?;
        if from.is_done() { Ok(session) } else { Err(Unreadable::Damaged) }
    }

    /// Another process saw it used at `at`.
    pub fn was_used(&self, at: Moment) {
        self.last_use.fetch_max(whole_seconds(at), Ordering::Relaxed);
    }

    /// Longest time between two uses.
    pub fn idle_timeout(&self) -> Duration {
        Duration::from_secs(self.traits.idle_timeout().into())
    }

    /// Whether it was ended for everybody who holds it.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

fn read(key: SessionKey, from: &mut Reader<'_>, version: u8, last_use: Moment) -> Option<Session> {
    let site = SiteKey::from_bytes(from.array()?);
    let (ends_at, authn_instant, idle_timeout) = (from.number()?, from.number()?, from.number()?);
    let forced = from.flag()?;
    let (established, browser) = match version {
        WITHOUT_BROWSER => (authn_instant, Browser::default()),
        _ => (from.number()?, Browser::from_bytes(from.array()?)),
    };
    let mut strings = [None; FIELDS];
    for string in &mut strings {
        *string = from.maybe()?;
    }
    let groups = if from.flag()? { Some(from.texts()?) } else { None };
    let roles = from.texts()?;
    let qualifiers = [from.maybe()?, from.maybe()?];
    let carried = from.list(|from| Some((PartKey(from.number()?), from.text()?.to_owned())))?;
    let record = Record::new(strings, groups.as_deref(), &roles, qualifiers, &carried);
    let session = Session {
        key,
        record: Kept::Alone(record),
        rendered: ArcSwapOption::empty(),
        last_use: AtomicU32::new(whole_seconds(last_use)),
        ends_at,
        authn_instant,
        traits: Traits::new(idle_timeout, forced).in_browser(browser),
        site,
        established: BeforeEnd::new(established, ends_at),
        ended: AtomicBool::new(false),
    };
    Some(match read_tie(from)? {
        None => session,
        Some(tie) => session.tied(tie),
    })
}

fn write_tie(tie: Option<&Tie>, to: &mut Writer) {
    match tie {
        None => to.byte(0),
        Some(Tie::From(origin)) => {
            to.byte(1);
            to.octets(&origin.0);
        }
        Some(Tie::SignOn(readings, signed_in)) => {
            to.byte(2);
            to.moment(*signed_in);
            to.count(readings.as_slice().len());
            for reading in readings.as_slice() {
                to.count(reading.sites.len());
                reading.sites.iter().for_each(|site| to.octets(&site.to_bytes()));
                match &reading.read {
                    Ok(identity) => {
                        to.byte(1);
                        identity.write(to);
                    }
                    Err(refusal) => {
                        to.byte(0);
                        to.text(refusal.reason.code());
                        to.text(&refusal.detail);
                    }
                }
            }
        }
    }
}

/// The inner `None`: there is no tie.
#[allow(clippy::option_option, reason = "absent is one thing, unreadable another")]
fn read_tie(from: &mut Reader<'_>) -> Option<Option<Tie>> {
    Some(match from.byte()? {
        0 => None,
        1 => Some(Tie::From(SessionKey(from.array()?))),
        2 => {
            let signed_in = from.moment()?;
            Some(Tie::SignOn(Readings::new(from.list(read_reading)?), signed_in))
        }
        _ => return None,
    })
}

fn read_reading(from: &mut Reader<'_>) -> Option<Reading> {
    let sites = from.list(|from| from.array().map(SiteKey::from_bytes))?;
    let read = if from.flag()? {
        Ok(Identity::read_kept(from)?)
    } else {
        let code = from.text()?;
        let reason = Reason::ALL.iter().find(|reason| reason.code() == code)?;
        Err(Refusal::new(*reason, from.text()?.to_owned()))
    };
    Some(Reading { sites: sites.into(), read })
}

#[cfg(test)]
mod tests {
    use super::super::suite::{Sample, sample};
    use super::super::{Limits, SessionId};
    use super::*;
    use crate::identity::{AsSent, Person as _};
    use crate::session::tests::ada;

    const NOW: Moment = Moment::from_seconds(1_700_000_000);
    const LIMITS: Limits =
        Limits { idle_timeout: Duration::from_secs(600), max_age: Duration::from_secs(3600) };

    fn again(session: &Session) -> Session {
        Session::from_octets(*session.key(), &session.to_octets(), session.last_use()).unwrap()
    }

    #[test]
    fn a_session_is_read_as_it_was_written() {
        let carrying = Identity { carried: vec![(PartKey(1), "Sales".into())], ..ada() };
        for session in [
            Session::establish(&carrying, SiteKey::of("a"), SessionId::random().key(), &LIMITS, NOW),
            sample(1, NOW),
            Sample { groups: None, roles: Vec::new(), index: None, ..Sample::new(2) }.session(NOW),
            Session::establish(&ada(), SiteKey::of("a"), SessionId::random().key(), &LIMITS, NOW),
        ] {
            let read = again(&session);
            assert_eq!(read.to_octets(), session.to_octets());
            assert_eq!(
                (read.site(), read.user(), read.idp()),
                (session.site(), session.user(), session.idp())
            );
            assert_eq!(read.expires_at(), session.expires_at());
            assert_eq!(read.in_group("group-000013"), session.in_group("group-000013"));
            assert_eq!(read.carried(PartKey(1)), session.carried(PartKey(1)));
            assert_eq!(read.session_index(), session.session_index());
            assert_eq!(read.name_qualifier(), session.name_qualifier());
        }
    }

    #[test]
    fn the_browser_and_the_beginning_are_kept_and_what_the_release_before_wrote_is_read_without() {
        let browser = Browser::of(b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0");
        let later = NOW.plus(Duration::from_secs(7));
        let id = SessionId::random().key();
        let session = Session::establish(&ada(), SiteKey::of("a"), id, &LIMITS, later).in_browser(browser);
        let read = again(&session);
        assert_eq!((read.browser(), read.established_at()), (browser, later));
        let mut octets = session.to_octets();
        // version, site, end, instant, idle timeout, forced; then the two that are new.
        let mut head = Reader(&octets[1..]);
        let _: [u8; 4] = head.array().unwrap();
        for _ in 0..3 {
            head.number().unwrap();
        }
        head.flag().unwrap();
        let begin = octets.len() - head.0.len();
        head.number().unwrap();
        let _: [u8; 2] = head.array().unwrap();
        let end = octets.len() - head.0.len();
        octets.drain(begin..end);
        octets[0] = WITHOUT_BROWSER;
        let old = Session::from_octets(id, &octets, later).unwrap();
        assert_eq!((old.browser(), old.established_at()), (Browser::default(), old.authn_instant()));
        assert_eq!((old.user(), old.ends_at()), (session.user(), session.ends_at()));
    }

    #[test]
    fn what_ties_sessions_is_read_as_it_was_written() {
        let as_sent = AsSent { user: Some("ada@elsewhere.example".into()), email: Some("Ada@X".into()) };
        let of_wiki = Identity { as_sent, carried: vec![(PartKey(7), "x".into())], ..ada() };
        let readings = Readings::new(vec![
            Reading { sites: [SiteKey::of("wiki")].into(), read: Ok(of_wiki) },
            Reading { sites: [SiteKey::of("shop")].into(), read: Err(Reason::UserMissing.into()) },
        ]);
        let key = SessionId::random().key();
        let host = Session::establish_for_sites(&ada(), readings, SiteKey::of("corp"), key, &LIMITS, NOW);
        let octets = host.to_octets();
        drop(host);
        let host = Session::from_octets(key, &octets, NOW).unwrap();
        assert_eq!(host.to_octets(), octets);
        let handed = host.hand_over(SiteKey::of("wiki")).unwrap().unwrap();
        assert_eq!(handed.identity.user(), ada().user());
        // Domains are held against what was sent, also where the session was read again.
        assert_eq!(handed.identity.as_sent.user.as_deref(), Some("ada@elsewhere.example"));
        let refused = host.hand_over(SiteKey::of("shop")).unwrap().unwrap_err();
        assert_eq!(refused.reason, Reason::UserMissing);

        let id = SessionId::random().key();
        let site =
            Session::establish_from(&handed.origin, &handed.identity, SiteKey::of("wiki"), id, &LIMITS, NOW);
        let octets = site.to_octets();
        drop(site);
        assert_eq!(Session::from_octets(id, &octets, NOW).unwrap().came_from(), Some(key));
    }

    #[test]
    fn what_is_cut_off_or_longer_is_no_session() {
        let session = sample(1, NOW);
        let octets = session.to_octets();
        for length in 0..octets.len() {
            let cut = Session::from_octets(*session.key(), &octets[..length], NOW);
            assert_eq!(cut.err(), Some(Unreadable::Damaged), "{length} octets");
        }
        let longer = [&octets[..], &[0]].concat();
        assert_eq!(Session::from_octets(*session.key(), &longer, NOW).err(), Some(Unreadable::Damaged));
    }

    #[test]
    fn what_a_later_release_wrote_is_told_from_rubbish() {
        let session = sample(1, NOW);
        let mut octets = session.to_octets();
        octets[0] = VERSION + 1;
        assert_eq!(Session::from_octets(*session.key(), &octets, NOW).err(), Some(Unreadable::Future));
        octets[0] = 0;
        assert_eq!(Session::from_octets(*session.key(), &octets, NOW).err(), Some(Unreadable::Damaged));
    }
}

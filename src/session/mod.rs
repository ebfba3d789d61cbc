//! Sessions: 256 random bits in a cookie, only their hash in the store.
//!
//! - [`SessionId`] is the secret, [`SessionKey`] its hash and the name in the store.
//! - [`Session`] is who somebody is and until when: one small head and one record of bytes, shared as `Arc`, asked
//!   through [`Person`] without an allocation.
//! - [`Store`] says what a store must do: sessions, two indexes to them, and claims, which are what makes an assertion
//!   good for one sign-in. [`MemoryStore`] does it in this process.
//!
//! A session that was removed, evicted or swept is *ended*: whoever still holds it, a WebSocket for example, learns so
//! at the next [`Session::touch`] or [`Session::is_still`].

mod browser;
mod claims;
mod id;
mod index;
mod kept;
mod memory;
mod names;
mod packed;
mod per_user;
mod portable;
mod record;
mod sign_on;
mod store;
#[doc(hidden)]
pub mod suite;

pub use browser::{Browser, BrowserName, System};
pub use claims::ClaimKey;
pub use id::{SessionId, SessionKey, SiteKey};
pub use kept::ReadBack;
pub use memory::{FirstOctets, MemoryStore};
pub use per_user::{OnLimit, PerUser, Placed};
pub use portable::{Unreadable, VERSION};
pub use sign_on::{HandedOver, Origin, Reading, Readings};
pub use store::{Claim, Departed, Departure, Named, Peek, Selection, Store, StoreError, StoreSize};

use crate::clock::Moment;
use crate::identity::{Authentication, Groups, Identity, PartKey, Person};
use arc_swap::ArcSwapOption;
use names::NAMES;
use packed::{BeforeEnd, Traits};
use record::{FIELDS, Field, Qualifiers, Record};
use sign_on::Kept;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// How long sessions live, per site.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest time between two uses. Whole seconds count, at least one.
    pub idle_timeout: Duration,
    /// Longest time since the sign-in.
    pub max_age: Duration,
}

/// A live session; compact inside; shared as `Arc`. Times are kept in whole seconds and rounded so that a session never
/// lives longer than it may, at most a second less.
pub struct Session {
    key: SessionKey,
    record: Kept,
    rendered: ArcSwapOption<Rendered>,
    /// Seconds since the epoch, as all that follow.
    last_use: AtomicU32,
    ends_at: u32,
    authn_instant: u32,
    traits: Traits,
    site: SiteKey,
    /// When it began here.
    established: BeforeEnd,
    ended: AtomicBool,
}

impl Session {
    /// Made from an identity; ends at the first of `max_age` and SessionNotOnOrAfter; the idle timeout counts from the
    /// last use, and this is the first.
    pub fn establish(
        identity: &Identity,
        site: SiteKey,
        key: SessionKey,
        limits: &Limits,
        now: Moment,
    ) -> Self {
        Self::of(&Facts::from(identity), site, key, limits, now)
    }

    fn of(facts: &Facts<'_>, site: SiteKey, key: SessionKey, limits: &Limits, now: Moment) -> Self {
        let by_age = now.plus(limits.max_age);
        let end = facts.session_not_on_or_after.map_or(by_age, |idp_end| idp_end.min(by_age));
        Self {
            key,
            record: Kept::Alone(Record::new(
                facts.strings,
                facts.groups,
                facts.roles,
                facts.qualifiers,
                facts.carried,
            )),
            rendered: ArcSwapOption::empty(),
            last_use: AtomicU32::new(whole_seconds(now)),
            ends_at: whole_seconds(end),
            authn_instant: whole_seconds(facts.authn_instant),
            traits: Traits::new(
                u32::try_from(limits.idle_timeout.as_secs()).unwrap_or(u32::MAX),
                facts.forced,
            ),
            site,
            established: BeforeEnd::new(whole_seconds(now), whole_seconds(end)),
            ended: AtomicBool::new(false),
        }
    }

    /// The same session, in this browser.
    pub const fn in_browser(mut self, browser: Browser) -> Self {
        self.traits = self.traits.in_browser(browser);
        self
    }

    /// Which browser it began in, as far as it says.
    pub fn browser(&self) -> Browser {
        self.traits.browser()
    }

    /// When it began on its site, to two seconds.
    pub fn established_at(&self) -> Moment {
        Moment::from_seconds(self.established.of(self.ends_at).into())
    }

    /// The site it is good for, and no other.
    pub const fn site(&self) -> SiteKey {
        self.site
    }

    /// Its name in the store.
    pub const fn key(&self) -> &SessionKey {
        &self.key
    }

    /// Absolute end.
    pub fn ends_at(&self) -> Moment {
        Moment::from_seconds(self.ends_at.into())
    }

    /// Earlier of the absolute end and last use + idle timeout.
    pub fn expires_at(&self) -> Moment {
        let idle = self.last_use.load(Ordering::Relaxed).saturating_add(self.traits.idle_timeout());
        Moment::from_seconds(self.ends_at.min(idle).into())
    }

    /// When it was used last, to the second.
    pub fn last_use(&self) -> Moment {
        Moment::from_seconds(self.last_use.load(Ordering::Relaxed).into())
    }

    /// Whether it would still be good at `now`; not a use.
    pub fn is_alive(&self, now: Moment) -> bool {
        !self.ended.load(Ordering::Acquire) && now < self.expires_at()
    }

    /// Alive at `now`: records the use (whole seconds) and answers true; false when expired or ended.
    pub fn touch(&self, now: Moment) -> bool {
        if !self.is_alive(now) {
            return false;
        }
        let second = whole_seconds(now);
        // Written once a second, so that busy sessions do not pull one cache line from core to core.
        if self.last_use.load(Ordering::Relaxed) < second {
            self.last_use.fetch_max(second, Ordering::Relaxed);
        }
        true
    }

    /// Like [`Session::touch`] where it was `used`, and else like [`Session::is_alive`].
    pub fn is_still(&self, used: bool, now: Moment) -> bool {
        if used { self.touch(now) } else { self.is_alive(now) }
    }

    /// Ends it for everybody who holds it, at once and for ever. Removing it from the store does this.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.rendered.store(None);
    }

    /// When the person signed in at the IdP, to the second.
    pub fn authn_instant(&self) -> Moment {
        Moment::from_seconds(self.authn_instant.into())
    }

    /// How, in the IdP's words.
    pub fn authn_context_class(&self) -> Option<&str> {
        self.record.string(Field::AuthnContextClass)
    }

    /// The NameID's value: by it and the SessionIndex the IdP ends the session.
    pub fn name_id(&self) -> &str {
        self.record.string(Field::NameId).unwrap_or_default()
    }

    /// The NameID's format.
    pub fn name_id_format(&self) -> Option<&str> {
        self.record.string(Field::NameIdFormat)
    }

    /// The NameID's NameQualifier.
    pub fn name_qualifier(&self) -> Option<Arc<str>> {
        self.record.name_qualifier()
    }

    /// The NameID's SPNameQualifier.
    pub fn sp_name_qualifier(&self) -> Option<Arc<str>> {
        self.record.sp_name_qualifier()
    }

    /// The IdP's name for its own session.
    pub fn session_index(&self) -> Option<&str> {
        self.record.string(Field::SessionIndex)
    }

    /// The headers made for this session; who fills the slot bounds how many are filled.
    pub const fn rendered(&self) -> &ArcSwapOption<Rendered> {
        &self.rendered
    }

    /// What the session takes in a store in bytes, index included and [`Session::rendered`] left out.
    pub fn weight(&self) -> u32 {
        let index_entries = if self.name_id() == self.user() { 1 } else { 2 };
        let bytes = STORE_ENTRY
            + allocated(size_of::<Self>() + 2 * size_of::<usize>())
            + allocated(self.record.len())
            + index_entries * INDEX_ENTRY
            + self.tie().map_or(0, |tie| allocated(tie.size()));
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

impl Person for Session {
    fn user(&self) -> &str {
        self.record.string(Field::User).unwrap_or_default()
    }

    fn email(&self) -> Option<&str> {
        self.record.string(Field::Email)
    }

    fn name(&self) -> Option<&str> {
        self.record.string(Field::Name)
    }

    fn preferred_username(&self) -> Option<&str> {
        self.record.string(Field::PreferredUsername)
    }

    fn idp(&self) -> &str {
        self.record.string(Field::Idp).unwrap_or_default()
    }

    fn in_group(&self, group: &str) -> Option<bool> {
        let mut groups = self.record.groups()?;
        Some(NAMES.number(group).is_some_and(|number| groups.any(|held| held == number)))
    }

    fn has_role(&self, role: &str) -> Option<bool> {
        if NAMES.number(role).is_some_and(|number| self.record.roles().any(|held| held == number)) {
            return Some(true);
        }
        // Which other roles the unknown groups would give is unknown too.
        self.record.groups().map(|_| false)
    }

    fn each_group(&self, f: &mut dyn FnMut(&str)) {
        self.record
            .groups()
            .into_iter()
            .flatten()
            .filter_map(|number| NAMES.name(number))
            .for_each(|name| f(&name));
    }

    fn each_role(&self, f: &mut dyn FnMut(&str)) {
        self.record.roles().filter_map(|number| NAMES.name(number)).for_each(|name| f(&name));
    }

    fn carried(&self, part: PartKey) -> Option<&str> {
        self.record.carried(part)
    }

    fn authentication(&self) -> Authentication<'_> {
        let class = self.authn_context_class();
        Authentication { instant: Some(self.authn_instant()), class, forced: self.traits.is_forced() }
    }
}

/// Says which session and nothing of whom.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({} on site {:?})", self.key.public_name(), self.site)
    }
}

/// Header values made once per session, site and half-life of the JWT; a slot in the session, bounded elsewhere.
#[derive(Debug)]
pub struct Rendered {
    /// In the site's configured order; cheap to clone (shared bytes).
    pub headers: Box<[(http::HeaderName, http::HeaderValue)]>,
    /// The same as a gateway is told them, not to be stored: cloning this for an answer costs no hashing.
    pub answer: http::HeaderMap,
    /// The JWT inside is to be signed anew from here on.
    pub renew_at: Moment,
    /// By which configuration of this process they were made: another one makes them anew.
    pub generation: u64,
}

impl Rendered {
    /// `headers` in the site's order, good until `renew_at`.
    pub fn new(headers: Box<[(http::HeaderName, http::HeaderValue)]>, renew_at: Moment) -> Self {
        // Room for what the HTTP library adds, so that it need not grow.
        let mut answer = http::HeaderMap::with_capacity(headers.len() + 3);
        for (name, value) in &headers {
            answer.insert(name.clone(), value.clone());
        }
        answer.insert(http::header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
        Self { headers, answer, renew_at, generation: 0 }
    }
}

/// What a session is made of: the identity's parts, in the record's order.
struct Facts<'a> {
    strings: [Option<&'a str>; FIELDS],
    /// None: unknown.
    groups: Option<&'a [String]>,
    roles: &'a [String],
    qualifiers: Qualifiers<'a>,
    carried: &'a [(PartKey, String)],
    authn_instant: Moment,
    forced: bool,
    session_not_on_or_after: Option<Moment>,
}

impl<'a> From<&'a Identity> for Facts<'a> {
    fn from(identity: &'a Identity) -> Self {
        let mut strings = [None; FIELDS];
        for (field, string) in [
            (Field::User, Some(identity.user.as_str())),
            (Field::Email, identity.email.as_deref()),
            (Field::Name, identity.name.as_deref()),
            (Field::PreferredUsername, identity.preferred_username.as_deref()),
            (Field::Idp, Some(identity.idp.as_str())),
            (Field::NameId, Some(identity.name_id.value.as_str())),
            (Field::NameIdFormat, identity.name_id.format.as_deref()),
            (Field::SessionIndex, identity.session_index.as_deref()),
            (Field::AuthnContextClass, identity.authn_context_class.as_deref()),
        ] {
            strings[field as usize] = string;
        }
        Self {
            strings,
            groups: match &identity.groups {
                Groups::Known(groups) => Some(groups),
                Groups::Unknown => None,
            },
            roles: &identity.roles,
            qualifiers: [
                identity.name_id.name_qualifier.as_deref(),
                identity.name_id.sp_name_qualifier.as_deref(),
            ],
            carried: &identity.carried,
            authn_instant: identity.authn_instant,
            forced: identity.forced,
            session_not_on_or_after: identity.session_not_on_or_after,
        }
    }
}

/// Rounded down; from 1970 to 2106.
fn whole_seconds(moment: Moment) -> u32 {
    u32::try_from(moment.seconds().max(0)).unwrap_or(u32::MAX)
}

/// What an allocator takes for so many bytes: it has four sizes between one power of two and the next.
const fn allocated(bytes: usize) -> usize {
    let step = if bytes <= 128 { 16 } else { bytes.next_power_of_two() / 8 };
    bytes.next_multiple_of(step)
}

/// What moka keeps for each entry in six allocations of its own, and what the allocator cannot use: set so that the sum
/// is what examples/session_memory.rs finds to be resident.
const STORE_ENTRY: usize = 290;
/// A pointer and a control byte in a table that is between 7/16 and 7/8 full.
const INDEX_ENTRY: usize = 16;

#[cfg(test)]
mod tests;

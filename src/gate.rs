//! What both faces and our own endpoints share: the sites, the keys, the store, and the two questions asked of every
//! request: whose session is this, and which headers tell the application so.
//!
//! Knows neither pingora nor hyper. The check of a known session ([`Gate::resume_now`], [`Gate::identity_headers`]) is
//! the hot path: one cookie, one hash, one look-up, no allocation; headers and the signature in them are made once and
//! lie in the session until half of the JWT's life is over.

mod kept;
mod own;
mod per_user;
mod rendered;
mod retired;
mod revoke;
mod sign_on;
mod still_good;
mod told;

pub use kept::SessionFile;
pub use own::OwnSignIn;
pub use revoke::{Cannot, Meant};
pub use told::Told;

use crate::clock::{Clock, Moment};
use crate::headers::jwt::JwtKeys;
use crate::headers::{Subject, Token};
use crate::identity::Person as _;
use crate::limits::Limits as Bounds;
use crate::login::too_many::Limiter;
use crate::login::tries::Tries;
use crate::login::verifier::Verifier;
use crate::observe::audit::{self, Event};
use crate::observe::metrics::Metrics;
use crate::pages::Branding;
use crate::reason::{Reason, Refusal};
use crate::saml::parties::Limits;
use crate::saml::second_opinion::SecondOpinion;
use crate::seal::KeyRing;
use crate::session::{Departed, Departure, Peek, Rendered, Session, SessionKey, Store, StoreError};
use crate::site::Site;
use hashbrown::HashMap;
use http::HeaderMap;
use parking_lot::Mutex;
use rendered::{RENDERED_MAX_BYTES, Slot, rendered_cache};
use sign_on::SignOnHosts;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// What the configuration gives to a gate.
#[derive(Debug)]
pub struct Parts {
    /// Every site; [`Site::id`] is its place in this list.
    pub sites: Vec<Site>,
    /// Seals attempts and everything else that the browser keeps for us.
    pub keys: KeyRing,
    /// Signs the identity JWT.
    pub jwt_keys: JwtKeys,
    /// The look of pages that belong to no site.
    pub branding: Branding,
    /// How large and deep a SAML message may be.
    pub message_limits: Limits,
    /// Who is asked about every accepted answer once more.
    pub second_opinion: Option<SecondOpinion>,
    /// How much is borne from strangers.
    pub bounds: Bounds,
}

/// One running gate.
pub struct Gate {
    /// Every site, in the order of the configuration.
    pub sites: Vec<Arc<Site>>,
    /// Seals attempts and everything else that the browser keeps for us.
    pub keys: Arc<KeyRing>,
    /// Signs the identity JWT where a site has no keys of its own.
    pub jwt_keys: Arc<JwtKeys>,
    /// Sessions and claims.
    pub store: Arc<dyn Store>,
    /// Who tells the time.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The look of pages that belong to no site.
    pub branding: Branding,
    /// How large and deep a SAML message may be.
    pub message_limits: Limits,
    /// Who is asked about every accepted answer once more.
    pub second_opinion: Option<SecondOpinion>,
    /// Where answers of identity providers are verified.
    pub verifier: Arc<Verifier>,
    /// How often each sign-in has had something opened.
    pub tries: Arc<Tries>,
    /// How much is borne from strangers.
    pub bounds: Bounds,
    /// How often they asked.
    pub limiter: Arc<Limiter>,
    by_authority: HashMap<String, usize>,
    sign_on: SignOnHosts,
    rendered: moka::sync::Cache<SessionKey, Slot>,
    renewing: Arc<[Mutex<()>; RENEWAL_LOCKS]>,
    /// Which configuration of this process it is, counted from the start.
    generation: u64,
}

/// What a gate's successor keeps of it, whatever its configuration brings.
#[derive(Debug, Clone, Copy, Default)]
pub struct Keep {
    /// The ring: it was made at the start, and so was the new one.
    pub keys: bool,
    /// The same of the JWT's keys.
    pub jwt_keys: bool,
}

/// What this process can say at once about a request's session.
#[derive(Debug)]
#[must_use]
pub enum Resumed {
    /// A live session of this site; its use has been recorded.
    Live(Arc<Session>),
    /// None, or one that has ended.
    Absent,
    /// The store must be asked: [`Gate::resume`].
    Ask(SessionKey),
}

impl Gate {
    /// Puts a gate together and starts the threads that verify answers.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn new(parts: Parts, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let verifier = Verifier::start()?;
        Ok(Self::with_verifier(parts, store, clock, verifier))
    }

    /// A gate with a pool of the caller's own choice.
    pub fn with_verifier(
        parts: Parts,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        verifier: Verifier,
    ) -> Self {
        let metrics = Metrics::new(&names(&parts.sites));
        metrics.set_config_loaded(clock.now());
        let lasting = Lasting {
            keys: Arc::new(parts.keys),
            jwt_keys: Arc::new(parts.jwt_keys),
            store,
            metrics: Arc::new(metrics),
            verifier: Arc::new(verifier),
            tries: Arc::new(Tries::new(clock.now())),
            limiter: Arc::new(Limiter::new(&parts.bounds.rates, clock.now())),
            clock,
            rendered: rendered_cache(RENDERED_MAX_BYTES),
            renewing: Arc::new(std::array::from_fn(|_| Mutex::new(()))),
            generation: 0,
        };
        let Parts { sites, branding, message_limits, second_opinion, bounds, .. } = parts;
        Self::of(sites, branding, message_limits, second_opinion, bounds, lasting)
    }

    /// A gate by another configuration with the same sessions, claims, figures and threads: who has come in by the one is in
    /// at the other. Both may serve at the same time. Headers that were made for a session are made anew at its next use.
    pub fn successor(&self, parts: Parts, keep: Keep) -> Self {
        let now = self.clock.now();
        let metrics = self.metrics.renumbered(&names(&parts.sites));
        metrics.set_config_loaded(now);
        // Who has asked too often must not begin anew because something else has changed.
        let same_rates = self.bounds.rates == parts.bounds.rates;
        let limiter = || Arc::new(Limiter::new(&parts.bounds.rates, now));
        let lasting = Lasting {
            keys: if keep.keys { self.keys.clone() } else { Arc::new(parts.keys) },
            jwt_keys: if keep.jwt_keys { self.jwt_keys.clone() } else { Arc::new(parts.jwt_keys) },
            store: self.store.clone(),
            metrics: Arc::new(metrics),
            verifier: self.verifier.clone(),
            tries: self.tries.clone(),
            limiter: if same_rates { self.limiter.clone() } else { limiter() },
            clock: self.clock.clone(),
            rendered: self.rendered.clone(),
            renewing: self.renewing.clone(),
            generation: self.generation + 1,
        };
        let Parts { sites, branding, message_limits, second_opinion, bounds, .. } = parts;
        Self::of(sites, branding, message_limits, second_opinion, bounds, lasting)
    }

    fn of(
        sites: Vec<Site>,
        branding: Branding,
        message_limits: Limits,
        second_opinion: Option<SecondOpinion>,
        bounds: Bounds,
        lasting: Lasting,
    ) -> Self {
        let by_authority = sites
            .iter()
            .enumerate()
            .map(|(place, site)| (site.public_url.authority().to_owned(), place))
            .collect();
        let sites: Vec<Arc<Site>> = sites.into_iter().map(Arc::new).collect();
        let sign_on = SignOnHosts::of(&sites);
        let Lasting { keys, jwt_keys, store, metrics, verifier, tries, limiter, clock, .. } = lasting;
        let Lasting { rendered, renewing, generation, .. } = lasting;
        Self {
            sites,
            keys,
            jwt_keys,
            store,
            clock,
            metrics,
            branding,
            message_limits,
            second_opinion,
            verifier,
            tries,
            limiter,
            bounds,
            by_authority,
            sign_on,
            rendered,
            renewing,
            generation,
        }
    }

    /// Which configuration of this process it is, counted from the start.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// The site whose public address has this host and port. Case does not matter, nor does a default port that is
    /// written out.
    pub fn site_for_authority(&self, host_header: &str) -> Option<&Site> {
        let lower = if host_header.bytes().any(|b| b.is_ascii_uppercase()) {
            Cow::Owned(host_header.to_ascii_lowercase())
        } else {
            Cow::Borrowed(host_header)
        };
        let named = |authority: &str| {
            self.by_authority.get(authority).and_then(|place| self.sites.get(*place)).map(Arc::as_ref)
        };
        named(&lower).or_else(|| {
            let (host, secure) = match lower.strip_suffix(":443") {
                Some(host) => (host, true),
                None => (lower.strip_suffix(":80")?, false),
            };
            named(host).filter(|site| site.public_url.is_secure() == secure)
        })
    }

    /// The site as a value that can go to another thread.
    pub fn shared(&self, site: &Site) -> Option<Arc<Site>> {
        self.sites.get(usize::from(site.id)).filter(|shared| shared.name == site.name).cloned()
    }

    /// The live session of this request on this site, from this process's memory only. Records the use. A session of
    /// another site is none.
    pub fn resume_now(&self, site: &Site, headers: &HeaderMap, now: Moment) -> Resumed {
        let Some(key) = presented_key(site, headers) else { return Resumed::Absent };
        match self.store.peek(&key) {
            Peek::Live(session) if is_alive_on(&session, site, now) => Resumed::Live(session),
            Peek::Live(_) | Peek::Absent => Resumed::Absent,
            Peek::Ask => Resumed::Ask(key),
        }
    }

    /// The live session of this request on this site, wherever the store keeps it. Records the use.
    ///
    /// # Errors
    /// `store-unavailable`.
    pub async fn resume(
        &self,
        site: &Site,
        headers: &HeaderMap,
        now: Moment,
    ) -> Result<Option<Arc<Session>>, Refusal> {
        match self.resume_now(site, headers, now) {
            Resumed::Live(session) => Ok(Some(session)),
            Resumed::Absent => Ok(None),
            Resumed::Ask(key) => {
                let loaded = self.store.load(&key).await.map_err(unavailable)?;
                self.unless_retired(site, loaded.filter(|session| is_alive_on(session, site, now))).await
            }
        }
    }

    /// The identity headers of a session, with its JWT: made at most once a session and half-life of the JWT. They lie
    /// in the session; a cache bounded by bytes takes them out again when nobody asks for them.
    pub fn identity_headers(&self, site: &Site, session: &Arc<Session>, now: Moment) -> Arc<Rendered> {
        let fresh = || session.rendered().load_full().filter(|rendered| self.is_fresh(rendered, now));
        fresh().unwrap_or_else(|| self.renew(site, session, now))
    }

    /// Like [`Self::identity_headers`], for one look at them: nobody else need keep them alive meanwhile.
    pub fn read_identity_headers<R>(
        &self,
        site: &Site,
        session: &Arc<Session>,
        now: Moment,
        read: impl FnOnce(&Rendered) -> R,
    ) -> R {
        match &*session.rendered().load() {
            Some(rendered) if self.is_fresh(rendered, now) => read(rendered),
            _ => read(&self.renew(site, session, now)),
        }
    }

    fn is_fresh(&self, rendered: &Rendered, now: Moment) -> bool {
        now < rendered.renew_at && rendered.generation == self.generation
    }

    #[cold]
    fn renew(&self, site: &Site, session: &Arc<Session>, now: Moment) -> Arc<Rendered> {
        let fresh = || session.rendered().load_full().filter(|rendered| self.is_fresh(rendered, now));
        // Requests that find the headers gone at the same moment wait for the one that signs.
        let lock = self.renewing.get(usize::from(session.key().0[0]) % RENEWAL_LOCKS);
        let _renewing = lock.map(Mutex::lock);
        if let Some(rendered) = fresh() {
            return rendered;
        }
        let rendered = Rendered { generation: self.generation, ..self.render(site, session, now) };
        let rendered = Arc::new(rendered);
        session.rendered().store(Some(Arc::clone(&rendered)));
        let bytes =
            rendered.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>();
        let slot = Slot { session: Arc::downgrade(session), rendered: Arc::downgrade(&rendered), bytes };
        self.rendered.insert(*session.key(), slot);
        rendered
    }

    /// What signs the JWTs of a site.
    pub fn jwt_keys_of<'a>(&'a self, site: &'a Site) -> &'a JwtKeys {
        site.jwt_keys.as_deref().unwrap_or(&self.jwt_keys)
    }

    /// Forgets some of what is over: sessions, which the audit is told of, and headers that nobody asks for. To be called every second or so.
    pub fn tidy(&self, now: Moment) {
        self.store.sweep(now);
        self.rendered.run_pending_tasks();
        self.tell_departed();
    }

    /// Tells the audit of a session that nobody ended.
    fn tell_ended(&self, session: &Session, why: &'static str) {
        audit::record(&Event::SessionEnded {
            site: self.sites.iter().find(|site| site.key == session.site()).map_or("", |site| &site.name),
            idp: session.idp(),
            user: session.user(),
            name_id: session.name_id(),
            session: &session.key().public_name(),
            why,
        });
    }

    fn tell_departed(&self) {
        let Departed { sessions, others } = self.store.departed();
        for (session, why) in sessions {
            let why = match why {
                Departure::Idle => "idle",
                Departure::Over => "max-age",
                Departure::Evicted => "no-room",
            };
            self.tell_ended(&session, why);
        }
        if others > 0 {
            audit::record(&Event::SessionsEnded { sessions: others });
        }
    }

    fn render(&self, site: &Site, session: &Session, now: Moment) -> Rendered {
        let idp = site.identity_providers.iter().find(|idp| idp.id == session.idp());
        let idp = idp.and_then(|idp| idp.known());
        let subject = Subject {
            person: session,
            sid: &session.key().public_name(),
            name_id: session.name_id(),
            idp_entity_id: idp.as_ref().map(|idp| idp.entity_id.0.as_str()),
            authn_instant: session.authn_instant(),
            authn_context_class: session.authn_context_class(),
            ends_at: session.ends_at(),
        };
        let token = Token {
            keys: self.jwt_keys_of(site),
            issuer: site.canonical_url.origin(),
            audience: &site.audience,
            organization: site.organization.as_deref(),
        };
        site.headers.render(&subject, &token, now)
    }
}

/// What outlasts a configuration.
struct Lasting {
    keys: Arc<KeyRing>,
    jwt_keys: Arc<JwtKeys>,
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    verifier: Arc<Verifier>,
    tries: Arc<Tries>,
    limiter: Arc<Limiter>,
    clock: Arc<dyn Clock>,
    rendered: moka::sync::Cache<SessionKey, Slot>,
    renewing: Arc<[Mutex<()>; RENEWAL_LOCKS]>,
    generation: u64,
}

fn names(sites: &[Site]) -> Vec<&str> {
    sites.iter().map(|site| site.name.as_str()).collect()
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("sites", &self.by_authority).finish_non_exhaustive()
    }
}

/// The key of the session that the request presents, live or not.
pub(crate) fn presented_key(site: &Site, headers: &HeaderMap) -> Option<SessionKey> {
    site.cookies.session(headers).and_then(SessionKey::of_cookie)
}

/// What a store's failure means to a request.
pub(crate) fn unavailable(error: StoreError) -> Refusal {
    Refusal::new(Reason::StoreUnavailable, error.to_string())
}

/// Sessions share renewal locks; a signature takes microseconds.
const RENEWAL_LOCKS: usize = 16;

fn is_alive_on(session: &Session, site: &Site, now: Moment) -> bool {
    session.site() == site.key && session.touch(now)
}

//! One sign-in under way, kept by the browser in a sealed cookie.
//!
//! The cookie's name ends in a short hash of the request ID, so that several tabs do not overwrite each other and
//! exactly the answered attempt can be cleared. The seal makes the content ours; that it belongs to this site, this
//! service and this answer is compared when it is redeemed.

use super::return_to::ReturnTo;
use crate::access::StepUp;
use crate::clock::Moment;
use crate::cookies::Kind;
use crate::observe::traces::{self, TraceContext};
use crate::reason::{Reason, Refusal};
use crate::saml::authn_request::RequestId;
use crate::saml::demand::Demand;
use crate::seal::{KeyRing, Purpose};
use crate::session::SessionKey;
use crate::site::{Idp, Site};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// How long somebody may take at the identity provider.
pub(super) const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// A sign-in under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attempt {
    /// The site's name.
    pub(super) site: String,
    /// The identity provider that was asked, by its `id`.
    pub(super) idp: String,
    /// The assertion consumer service that the request named.
    pub(super) acs_url: String,
    /// What the answer must be in response to.
    pub(super) request_id: RequestId,
    /// When the request was made.
    pub(super) created: Moment,
    /// Where the browser goes afterwards.
    pub(super) return_to: ReturnTo,
    /// 1 for an ordinary sign-in; more when the same one has just been completed ([`super::rounds`]).
    pub(super) rounds: u8,
    /// The session that the browser held when it asked, to be ended when the new one begins: the answer itself comes
    /// without the session cookie.
    pub(super) replaces: Option<SessionKey>,
    /// Begun because the answer to an earlier one was too old for `max_authn_age`: this one asks for a new sign-in,
    /// and there will be no third.
    pub(super) anew: bool,
    /// The browser keeps a `#fragment` for the address to go to, under this name.
    pub(super) kept: Option<String>,
    /// Begun with a test link: whatever is answered, nobody becomes anybody by it ([`super::trial`]).
    pub(super) is_trial: bool,
    /// The rule that asks for more than the session, or an ordinary sign-in, brings.
    pub(super) step_up: Option<u16>,
    /// At a sign-on host: what a rule of the site asks for that sent the browser here.
    pub(super) raised: Option<StepUp>,
    /// The trace in which it began, and in which its answer goes on.
    pub(super) trace: Option<Box<TraceContext>>,
}

impl Attempt {
    /// The end of the cookie's name; also the RelayState, which thus says nothing to the identity provider.
    pub(super) fn suffix(&self) -> String {
        suffix_of(&self.request_id)
    }

    /// The cookie's value.
    pub(super) fn seal(&self, keys: &KeyRing) -> String {
        keys.seal(Purpose::Attempt, CONTEXT, &self.to_bytes())
    }

    /// What is demanded of this sign-in: what is of everyone, and what the rule asks for that it was begun for.
    pub(super) fn demand<'i>(&self, site: &Site, idp: &'i Idp) -> Cow<'i, Demand> {
        let by_rule = || self.step_up.and_then(|rule| site.rules.step_up(rule));
        match self.raised.clone().or_else(by_rule) {
            Some(StepUp { classes, anew }) => Cow::Owned(idp.demand.raised(&classes, anew)),
            None => Cow::Borrowed(&idp.demand),
        }
    }

    /// What is being served answers it, or seems to: it goes on in the same trace.
    pub(super) fn goes_on(&self) {
        if let Some(trace) = &self.trace {
            traces::continues(**trace);
        }
    }

    /// From this moment on the answer comes too late.
    pub(super) fn expires_at(&self) -> Moment {
        self.created.plus(LIFETIME)
    }

    /// Whether this attempt may be finished here and now, and with whom.
    ///
    /// # Errors
    /// `attempt-foreign`, `attempt-expired`, `attempt-before-start`, `idp-unknown`, `idp-staged`, `idp-retired`.
    pub(super) fn redeem(
        &self,
        site: &Site,
        idp_in_path: Option<&str>,
        remembers_since: Moment,
        now: Moment,
    ) -> Result<Arc<Idp>, Refusal> {
        let asked_with = |url: &str| self.acs_url == url;
        if self.site != site.name || !site.service_provider.acs_urls().any(asked_with) {
            return Err(Refusal::new(
                Reason::AttemptForeign,
                format!("the sign-in asked for an answer at {}", self.acs_url),
            ));
        }
        if idp_in_path.is_some_and(|idp| idp != self.idp) {
            return Err(Refusal::new(
                Reason::AttemptForeign,
                format!("the sign-in asked the identity provider {:?}", self.idp),
            ));
        }
        if now >= self.expires_at() {
            return Err(Refusal::new(
                Reason::AttemptExpired,
                format!("the sign-in began at {}", self.created),
            ));
        }
        if self.created < remembers_since {
            return Err(Refusal::new(
                Reason::AttemptBeforeStart,
                format!(
                    "the sign-in began at {}, answers are remembered since {remembers_since}",
                    self.created
                ),
            ));
        }
        let idp = site.identity_providers.iter().find(|idp| idp.id == self.idp).ok_or_else(|| {
            Refusal::new(Reason::IdpUnknown, format!("the sign-in asked {:?}, which is gone", self.idp))
        })?;
        // Its status may have changed since.
        if self.is_trial { idp.admits_trials() } else { idp.admits_sign_ins() }?;
        Ok(Arc::clone(idp))
    }

    fn to_bytes(&self) -> Vec<u8> {
        let wire = Wire {
            v: VERSION,
            s: self.site.clone(),
            i: self.idp.clone(),
            a: self.acs_url.clone(),
            r: self.request_id.as_str().to_owned(),
            c: self.created.millis(),
            t: self.return_to.as_str().to_owned(),
            n: self.rounds,
            o: self.replaces.map(|key| URL_SAFE_NO_PAD.encode(key.0)),
            f: self.anew,
            k: self.kept.clone(),
            x: self.is_trial,
            u: self.step_up,
            d: self.raised.clone().map(|StepUp { classes, anew }| (classes, anew)),
            w: self.trace.as_deref().copied().map(TraceContext::to_short),
        };
        // Strings and numbers only: cannot fail, and an empty value would not open again.
        serde_json::to_vec(&wire).unwrap_or_default()
    }

    fn from_bytes(bytes: &[u8], site: &Site) -> Option<Self> {
        let wire: Wire = serde_json::from_slice(bytes).ok()?;
        if wire.v != VERSION {
            return None;
        }
        let replaces = match wire.o {
            Some(text) => Some(SessionKey(URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?)),
            None => None,
        };
        Some(Self {
            site: wire.s,
            idp: wire.i,
            acs_url: wire.a,
            request_id: RequestId::from_sealed(wire.r),
            created: Moment::from_millis(wire.c),
            return_to: ReturnTo::parse(&wire.t, &site.public_url).ok()?,
            rounds: wire.n,
            replaces,
            anew: wire.f,
            kept: wire.k,
            is_trial: wire.x,
            step_up: wire.u,
            raised: wire.d.map(|(classes, anew)| StepUp { classes, anew }),
            trace: wire.w.as_deref().and_then(TraceContext::from_short).map(Box::new),
        })
    }
}

/// The attempts that a browser sent along.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Opened, each with its cookie's size in the browser.
    opened: Vec<(Attempt, usize)>,
    /// Suffixes of cookies that are to go: they do not open (another key, another version, tampered with, too many).
    useless: Vec<String>,
}

impl Held {
    /// Opens the attempt cookies of a request, at most [`MAX_OPENED`].
    pub(super) fn read(keys: &KeyRing, site: &Site, headers: &HeaderMap) -> Self {
        let mut held = Self::default();
        for (number, (suffix, value)) in site.cookies.attempts(headers).into_iter().enumerate() {
            // The suffix comes back to the browser in a Set-Cookie, and is nothing of ours unless it looks so.
            if !is_suffix(&suffix) {
                continue;
            }
            let opened = (number < MAX_OPENED)
                .then(|| keys.open(Purpose::Attempt, CONTEXT, value))
                .flatten()
                .and_then(|bytes| Attempt::from_bytes(&bytes, site))
                .filter(|attempt| attempt.suffix() == suffix);
            match opened {
                Some(attempt) => {
                    let size = cookie_size(site, &suffix, value.len());
                    held.opened.push((attempt, size));
                }
                None => held.useless.push(suffix),
            }
        }
        held
    }

    /// The attempt whose request the answer claims to answer.
    pub(super) fn answered_by(&self, claimed_in_response_to: &str) -> Option<&Attempt> {
        self.iter().find(|attempt| attempt.request_id.as_str() == claimed_in_response_to)
    }

    /// The attempt of that short name, as the RelayState carries it: a hint for the owner and for a link, no proof.
    pub(super) fn named(&self, suffix: &str) -> Option<&Attempt> {
        self.iter().find(|attempt| attempt.suffix() == suffix)
    }

    /// Every attempt that opened.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Attempt> {
        self.opened.iter().map(|(attempt, _)| attempt)
    }

    /// Gives up the attempts that lead to this address: somebody begins it anew.
    pub(super) fn forget(&mut self, return_to: &ReturnTo) {
        let (given_up, kept) = std::mem::take(&mut self.opened)
            .into_iter()
            .partition::<Vec<_>, _>(|(attempt, _)| attempt.return_to == *return_to);
        self.opened = kept;
        self.useless.extend(given_up.iter().map(|(attempt, _)| attempt.suffix()));
    }

    /// Gives up the attempt of that short name, whose place another one takes.
    pub(super) fn forget_one(&mut self, given_up: &str) {
        if self.named(given_up).is_some() {
            self.opened.retain(|(attempt, _)| attempt.suffix() != given_up);
            self.useless.push(given_up.to_owned());
        }
    }

    /// The Set-Cookie values that give the browser one more attempt and take away what then is too much: unreadable
    /// and expired ones, and the oldest beyond five attempts or 4 KiB.
    pub(super) fn admit(
        self,
        attempt: &Attempt,
        keys: &KeyRing,
        site: &Site,
        now: Moment,
    ) -> Vec<HeaderValue> {
        let suffix = attempt.suffix();
        let sealed = attempt.seal(keys);
        let mut room = MAX_BYTES.saturating_sub(cookie_size(site, &suffix, sealed.len()));
        let mut places = MAX_ATTEMPTS - 1;
        let mut full = false;
        let mut cookies = vec![site.cookies.set(&Kind::Attempt(suffix), &sealed, Some(LIFETIME))];
        let mut clear: Vec<String> = self.useless;
        let mut others = self.opened;
        others.sort_by_key(|(other, _)| std::cmp::Reverse(other.created));
        for (other, size) in others {
            if now >= other.expires_at() {
                clear.push(other.suffix());
                continue;
            }
            // Once one is too much, all older ones are: the newest stay.
            full |= places == 0 || size > room;
            if full {
                clear.push(other.suffix());
            } else {
                places -= 1;
                room -= size;
            }
        }
        clear.sort_unstable();
        clear.dedup();
        cookies.extend(clear.into_iter().map(|suffix| site.cookies.clear(&Kind::Attempt(suffix))));
        cookies
    }
}

/// The short name of a request.
pub(super) fn suffix_of(request_id: &RequestId) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, request_id.as_str().as_bytes());
    URL_SAFE_NO_PAD.encode(digest.as_ref().get(..SUFFIX_BYTES).unwrap_or_default())
}

/// Whether it can be the short name of a request.
pub(super) fn is_suffix(text: &str) -> bool {
    text.len() == SUFFIX_LENGTH && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Name, `=` and value: what the cookie costs in each request.
fn cookie_size(site: &Site, suffix: &str, value: usize) -> usize {
    site.cookies.name(&Kind::Attempt(suffix.to_owned())).len() + 1 + value
}

/// More would soon fill the request headers that gateways and applications take.
const MAX_ATTEMPTS: usize = 5;
const MAX_BYTES: usize = 4096;

/// We never leave more than five; who sends more has made them up, and opening costs time.
const MAX_OPENED: usize = 10;

/// 64 bits, base64url without padding.
const SUFFIX_BYTES: usize = 8;
const SUFFIX_LENGTH: usize = 11;

/// The same for every site: an attempt of another site is to be recognised and refused by name, not mistaken for
/// rubbish. (Sites that share a host share a cookie jar: loopback addresses that differ in the port.)
const CONTEXT: &[u8] = b"";

const VERSION: u8 = 1;

/// The content of the cookie; one letter a field, because it is paid for in every request.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    v: u8,
    s: String,
    i: String,
    a: String,
    r: String,
    c: i64,
    t: String,
    n: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    o: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    f: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    k: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    x: bool,
    u: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    d: Option<(Vec<String>, bool)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    w: Option<String>,
}

//! Stops a sign-in that goes round in circles.
//!
//! A gateway that drops our Set-Cookie, or does not pass the browser's Cookie to us, makes a loop: the user signs in,
//! comes back, is not known, is sent to sign in, and the identity provider answers at once because its own session
//! lives. Nobody clicks, so nobody stops it. Completed rounds leave two traces in the browser. The `answered` cookie,
//! set with the session, is there when only the session is kept from us. An attempt cookie whose request has been
//! answered is there when the answer's Set-Cookie lines never arrived, for the one that clears it is among them.

use super::attempt::{Attempt, Held, suffix_of};
use super::return_to::ReturnTo;
use crate::clock::Moment;
use crate::cookies::Kind;
use crate::gate::{Gate, unavailable};
use crate::reason::Refusal;
use crate::saml::authn_request::RequestId;
use crate::seal::{KeyRing, Purpose};
use crate::session::ClaimKey;
use crate::site::Site;
use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The round that is not begun any more.
pub(super) const STOPPED_AT: u8 = 3;

/// How many rounds of this sign-in this browser has just completed.
///
/// # Errors
/// `store-unavailable`.
pub(super) async fn completed(
    gate: &Gate,
    site: &Site,
    headers: &HeaderMap,
    held: &Held,
    return_to: &ReturnTo,
    now: Moment,
) -> Result<u8, Refusal> {
    let by_cookie = Answered::read(&gate.keys, site, headers)
        .filter(|answered| answered.return_to == *return_to && now.since(answered.at) < WINDOW)
        .map_or(0, |answered| answered.rounds);
    let mut rounds = by_cookie;
    for attempt in held.iter() {
        let same = attempt.site == site.name
            && !attempt.is_trial
            && attempt.return_to == *return_to
            && now.since(attempt.created) < WINDOW
            && attempt.rounds > rounds;
        if same {
            let claim = ClaimKey::request(site.key, attempt.request_id.as_str());
            if gate.store.is_claimed(&claim, now).await.map_err(unavailable)? {
                rounds = attempt.rounds;
            }
        }
    }
    Ok(rounds)
}

/// What the browser keeps of the sign-in that it completed last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answered {
    /// The short name of the request, as in the attempt's cookie.
    request: String,
    /// Where it led: an answer that is posted again leads there again.
    pub(super) return_to: ReturnTo,
    /// Which round it was.
    pub(super) rounds: u8,
    /// For which rule, if it was for one.
    step_up: Option<u16>,
    at: Moment,
}

impl Answered {
    /// The attempt has just been redeemed.
    pub(super) fn from_attempt(attempt: &Attempt, now: Moment) -> Self {
        Self {
            request: attempt.suffix(),
            return_to: attempt.return_to.clone(),
            rounds: attempt.rounds,
            step_up: attempt.step_up,
            at: now,
        }
    }

    /// The Set-Cookie value.
    pub(super) fn cookie(&self, keys: &KeyRing, site: &Site) -> HeaderValue {
        let wire = Wire {
            v: VERSION,
            r: self.request.clone(),
            t: self.return_to.as_str().to_owned(),
            n: self.rounds,
            c: self.at.millis(),
            u: self.step_up,
        };
        let bytes = serde_json::to_vec(&wire).unwrap_or_default();
        let sealed = keys.seal(Purpose::Answered, site.name.as_bytes(), &bytes);
        site.cookies.set(&Kind::Answered, &sealed, Some(super::attempt::LIFETIME))
    }

    /// From the request's cookies; none when it is missing or cannot be opened.
    pub(super) fn read(keys: &KeyRing, site: &Site, headers: &HeaderMap) -> Option<Self> {
        let sealed = site.cookies.answered(headers)?;
        let bytes = keys.open(Purpose::Answered, site.name.as_bytes(), sealed)?;
        let wire: Wire = serde_json::from_slice(&bytes).ok()?;
        if wire.v != VERSION {
            return None;
        }
        Some(Self {
            request: wire.r,
            return_to: ReturnTo::parse(&wire.t, &site.public_url).ok()?,
            rounds: wire.n,
            step_up: wire.u,
            at: Moment::from_millis(wire.c),
        })
    }

    /// Whether the browser has just come back here from a sign-in for this very rule.
    pub(super) fn was_for(&self, rule: u16, return_to: &ReturnTo, now: Moment) -> bool {
        self.step_up == Some(rule) && self.return_to == *return_to && now.since(self.at) < RETURN
    }

    /// Whether it was this request that was answered.
    pub(super) fn is_of(&self, claimed_in_response_to: &str) -> bool {
        self.request == suffix_of(&RequestId::from_sealed(claimed_in_response_to.to_owned()))
    }
}

/// How long after a sign-in for a rule the same address is taken for its return. Less than any age that a rule may ask for.
const RETURN: Duration = Duration::from_secs(30);

/// Longer than any automatic round takes; shorter than a person needs to come back for the same page a third time.
const WINDOW: Duration = Duration::from_secs(2 * 60);

const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    v: u8,
    r: String,
    t: String,
    n: u8,
    c: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    u: Option<u16>,
}

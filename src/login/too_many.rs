//! Who asks too often: counted by address and, where the owner says so, by identity provider; answered with 429.
//!
//! The audit is told once in [`TELL_EVERY`], and the pages of that time all show its reference: a flood of refusals must
//! not become a flood of events. The metrics count every one.

use super::answers::with_manners;
use super::endpoints::{self, Costs};
use crate::access::RequestPath;
use crate::clock::Moment;
use crate::gate::Gate;
use crate::limits::{Buckets, RateLimits, Rates, network};
use crate::observe::audit::{self, Event, Reference};
use crate::observe::metrics::{FaceLabel, LimitLabel};
use crate::pages::{self, RefusalPage};
use crate::reason::{Reason, Refusal};
use crate::site::Site;
use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderValue, Method, Response};
use parking_lot::Mutex;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// How often the audit is told.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Who asked how often.
pub struct Limiter {
    sign_ins: Pair,
    answers: Pair,
    told: Mutex<Option<Told>>,
}

struct Pair {
    per_address: Option<Buckets>,
    per_idp: Option<Buckets>,
}

/// The last event.
struct Told {
    at: Moment,
    reference: Reference,
    /// Refusals since then.
    more: u64,
}

impl Limiter {
    /// Nobody has asked yet.
    pub fn new(rates: &RateLimits, now: Moment) -> Self {
        let pair = |rates: Rates| Pair {
            per_address: rates.per_address.map(|rate| Buckets::new(rate, now)),
            per_idp: rates.per_idp.map(|rate| Buckets::new(rate, now)),
        };
        Self { sign_ins: pair(rates.sign_ins), answers: pair(rates.answers), told: Mutex::default() }
    }

    /// Counts a question to an identity provider, or an answer that is said to be its; an empty name is that of strangers,
    /// who belong to none.
    ///
    /// # Errors
    /// `rate-limited`.
    pub(super) fn count_for_idp(&self, costs: Costs, idp: &str, now: Moment) -> Result<(), Refusal> {
        let Some(buckets) = &self.of(costs).per_idp else { return Ok(()) };
        buckets.take(&idp, now).map_err(|_| {
            let whose =
                if idp.is_empty() { "nobody who began one here".to_owned() } else { format!("{idp:?}") };
            Refusal::new(
                Reason::RateLimited,
                format!("more than {} {}.per_idp, of {whose}", buckets.rate(), costs.key()),
            )
        })
    }

    fn count_for_address(
        &self,
        costs: Costs,
        client: IpAddr,
        now: Moment,
    ) -> Result<(), (Refusal, Duration)> {
        let Some(buckets) = &self.of(costs).per_address else { return Ok(()) };
        let Some(network) = network(client) else { return Ok(()) };
        buckets.take(&network, now).map_err(|wait| {
            let detail = format!("more than {} {}.per_address", buckets.rate(), costs.key());
            (Refusal::new(Reason::RateLimited, detail), wait)
        })
    }

    const fn of(&self, costs: Costs) -> &Pair {
        match costs {
            Costs::SignIn => &self.sign_ins,
            Costs::Answer => &self.answers,
        }
    }

    /// The reference that a refusal of this moment is known by; and, where it is to be told, how many were not.
    fn reference(&self, now: Moment) -> (Reference, Option<u64>) {
        let mut told = self.told.lock();
        match &mut *told {
            // A clock that was set back tells again.
            Some(last) if last.at <= now && now.since(last.at) < TELL_EVERY => {
                last.more += 1;
                (last.reference.clone(), None)
            }
            last => {
                let more = last.as_ref().map_or(0, |last| last.more);
                let reference = Reference::random();
                *last = Some(Told { at: now, reference: reference.clone(), more: 0 });
                (reference, Some(more))
            }
        }
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").finish_non_exhaustive()
    }
}

/// Counts a request to one of our own endpoints; an answer for whoever asks too often. To be asked before anything of the
/// body is read. `client` none: nobody knows who asks, as behind a proxy that does not say, and everybody would be
/// counted as one.
pub fn refused(
    gate: &Gate,
    site: &Site,
    method: &Method,
    path: &RequestPath,
    client: Option<IpAddr>,
) -> Option<Response<Bytes>> {
    let (costs, client) = (endpoints::costs(site, path, method)?, client?);
    let (refusal, wait) = gate.limiter.count_for_address(costs, client, gate.clock.now()).err()?;
    let mut response = page(gate, site, (method, path.as_str()), client, &refusal, costs);
    // At least one whole second, and the part of one counts as one.
    let seconds = wait.as_secs() + 1;
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    Some(with_manners(response))
}

/// The page for whoever asks too often, and now and then an event.
pub(super) fn page(
    gate: &Gate,
    site: &Site,
    (method, path): (&Method, &str),
    client: IpAddr,
    refusal: &Refusal,
    costs: Costs,
) -> Response<Bytes> {
    gate.metrics.limit_reached(match costs {
        Costs::SignIn => LimitLabel::SignIns,
        Costs::Answer => LimitLabel::Answers,
    });
    let (reference, untold) = gate.limiter.reference(gate.clock.now());
    if let Some(more) = untold {
        let detail = match more {
            0 => refusal.detail.to_string(),
            more => format!("{}; {more} more since the event before", refusal.detail),
        };
        audit::record(&Event::RequestRefused {
            site: &site.name,
            reference: reference.as_str(),
            refusal: &Refusal::new(refusal.reason, detail),
            client: Some(client),
            method: method.as_str(),
            path,
            face: FaceLabel::Proxy.as_str(),
            visitor: None,
        });
    }
    let page = RefusalPage {
        reason: refusal.reason,
        reference: reference.as_str(),
        start_again: None,
        sign_out: None,
        signed_in_as: None,
    };
    pages::refusal(&site.branding, &page)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_seconds(1_700_000_000);

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_of_ipv6_is_counted_with_its_network_and_one_of_ipv4_alone() {
        assert_eq!(network(ip("2001:db8:1:2::1")), network(ip("2001:db8:1:2:ffff:ffff:ffff:ffff")));
        assert_ne!(network(ip("2001:db8:1:2::1")), network(ip("2001:db8:1:3::1")));
        assert_ne!(network(ip("192.0.2.1")), network(ip("192.0.2.2")));
        assert_eq!(network(ip("192.0.2.1")), network(ip("::ffff:192.0.2.1")));
        assert_eq!(network(ip("0.0.0.0")), None, "a gateway that names nobody");
    }

    #[test]
    fn refusals_of_ten_seconds_share_an_event() {
        let limiter = Limiter::new(&RateLimits::default(), NOW);
        let (first, told) = limiter.reference(NOW);
        assert_eq!(told, Some(0));
        for second in [0, 5, 9] {
            let (reference, told) = limiter.reference(NOW.plus(Duration::from_secs(second)));
            assert_eq!((reference, told), (first.clone(), None));
        }
        let (next, told) = limiter.reference(NOW.plus(Duration::from_secs(10)));
        assert_ne!(next, first);
        assert_eq!(told, Some(3), "those that were not told");
        assert_eq!(limiter.reference(NOW).1, Some(0), "a clock that was set back");
    }

    #[test]
    fn five_hundred_people_of_one_office_sign_in_at_nine() {
        let limiter = Limiter::new(&RateLimits::default(), NOW);
        let office = ip("198.51.100.7");
        for person in 0..500_u64 {
            // In the same minute, by a page that keeps the fragment, with an answer that is posted twice.
            let now = NOW.plus(Duration::from_millis(person * 120));
            for costs in
                [Costs::SignIn, Costs::SignIn, Costs::SignIn, Costs::SignIn, Costs::Answer, Costs::Answer]
            {
                assert!(limiter.count_for_address(costs, office, now).is_ok(), "person {person}");
            }
        }
    }
}

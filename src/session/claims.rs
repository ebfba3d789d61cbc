//! What may happen once: an answer to a request, the acceptance of an assertion.

use super::{Claim, SiteKey, StoreError};
use crate::clock::Moment;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::fmt;

/// What is claimed: SHA-256 over a purpose and its parts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimKey(pub [u8; 32]);

impl ClaimKey {
    /// The answer to one request of a site (InResponseTo).
    pub fn request(site: SiteKey, request_id: &str) -> Self {
        Self::of(&[b"request", &site.to_bytes(), request_id.as_bytes()])
    }

    /// The acceptance of one assertion of an issuer, whatever message carries it. IDs of two issuers may be equal.
    pub fn assertion(issuer: &str, assertion_id: &str) -> Self {
        Self::of(&[b"assertion", issuer.as_bytes(), assertion_id.as_bytes()])
    }

    /// Carrying out one LogoutRequest of an issuer.
    pub fn logout(issuer: &str, request_id: &str) -> Self {
        Self::of(&[b"logout", issuer.as_bytes(), request_id.as_bytes()])
    }

    /// Bringing one hand-over of a sign-on host, or one message of a site to it.
    pub fn hand_over(id: &[u8]) -> Self {
        Self::of(&[b"hand-over", id])
    }

    /// Each part behind its length, so that no two lists of parts read alike.
    fn of(parts: &[&[u8]]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut key = [0; 32];
        key.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
        Self(key)
    }
}

impl fmt::Debug for ClaimKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClaimKey({})", URL_SAFE_NO_PAD.encode(self.0))
    }
}

/// Claims in memory, never more than a limit. To be held under a lock.
pub(super) struct Claims {
    limit: usize,
    until: HashMap<ClaimKey, Moment>,
    /// Every end that was ever written into `until`, the earliest on top. A key that was claimed anew after its end is
    /// here twice; the first of the two no longer agrees with `until` and removes nothing.
    ends: BinaryHeap<Reverse<(Moment, ClaimKey)>>,
}

impl Claims {
    pub(super) fn with_limit(limit: usize) -> Self {
        Self { limit, until: HashMap::new(), ends: BinaryHeap::new() }
    }

    pub(super) fn claim_once(
        &mut self,
        keys: &[ClaimKey],
        now: Moment,
        until: Moment,
    ) -> Result<Claim, StoreError> {
        self.forget_ended(now, FORGET_ALONG);
        if let Some(which) = keys.iter().position(|key| self.is_claimed(key, now)) {
            return Ok(Claim::Taken { which });
        }
        // A key that is named twice is counted twice here, which at worst refuses a little early.
        if self.ends.len() + keys.len() > self.limit {
            self.forget_ended(now, FORGET_WHEN_FULL);
        }
        if self.ends.len() + keys.len() > self.limit {
            return Err(StoreError::Full);
        }
        for key in keys {
            self.until.insert(*key, until);
            self.ends.push(Reverse((until, *key)));
        }
        Ok(Claim::First)
    }

    pub(super) fn is_claimed(&self, key: &ClaimKey, now: Moment) -> bool {
        self.until.get(key).is_some_and(|until| *until > now)
    }

    /// Forgets at most `limit` claims that have ended.
    pub(super) fn forget_ended(&mut self, now: Moment, limit: usize) {
        for _ in 0..limit {
            let Some(Reverse((end, key))) = self.ends.peek().copied().filter(|Reverse((end, _))| *end <= now)
            else {
                break;
            };
            self.ends.pop();
            if self.until.get(&key) == Some(&end) {
                self.until.remove(&key);
            }
        }
        // A burst of sign-ins leaves no memory behind.
        if self.ends.capacity() > SMALL && self.ends.len() < self.ends.capacity() / 8 {
            self.ends.shrink_to(self.ends.len() * 2);
            self.until.shrink_to(self.until.len() * 2);
        }
    }

    /// Every claim that has not ended.
    pub(super) fn all_at(&self, now: Moment) -> Vec<(ClaimKey, Moment)> {
        self.until.iter().filter(|(_, until)| **until > now).map(|(key, until)| (*key, *until)).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.until.len()
    }
}

/// What a claim takes in the map and in the heap, in bytes, with the room that both keep to grow.
pub(super) const CLAIM_BYTES: u64 = 160;

/// Forgotten with each new claim: more than a claim adds, so that the ended ones go even if nobody sweeps.
const FORGET_ALONG: usize = 8;
const FORGET_WHEN_FULL: usize = 4096;
const SMALL: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u32) -> ClaimKey {
        ClaimKey::request(SiteKey::of("a"), &n.to_string())
    }

    fn at(seconds: i64) -> Moment {
        Moment::from_seconds(seconds)
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let all = [
            ClaimKey::assertion("a", "bc"),
            ClaimKey::assertion("ab", "c"),
            ClaimKey::assertion("", "abc"),
            ClaimKey::logout("a", "bc"),
            ClaimKey::request(SiteKey::of("a"), "abc"),
            ClaimKey::request(SiteKey::of("b"), "abc"),
        ];
        for (n, one) in all.iter().enumerate() {
            assert!(all[n + 1..].iter().all(|other| other != one));
        }
        assert_eq!(ClaimKey::assertion("a", "bc"), ClaimKey::assertion("a", "bc"));
    }

    #[test]
    fn a_claim_that_was_renewed_after_its_end_is_not_forgotten_with_the_old_one() {
        let mut claims = Claims::with_limit(100);
        // More ends of the first second than are forgotten along with a claim.
        let crowd: Vec<_> = (0..20).map(key).collect();
        assert_eq!(claims.claim_once(&crowd, at(0), at(1)), Ok(Claim::First));
        assert_eq!(claims.claim_once(&crowd, at(1), at(9)), Ok(Claim::First));
        claims.forget_ended(at(2), 1000);
        assert!(crowd.iter().all(|key| claims.is_claimed(key, at(8))));
        assert_eq!(claims.len(), 20);
        claims.forget_ended(at(9), 1000);
        assert_eq!((claims.len(), claims.ends.len()), (0, 0));
    }

    #[test]
    fn ended_claims_go_without_a_sweep() {
        let mut claims = Claims::with_limit(1000);
        for n in 0..10_000_u32 {
            let now = at(n.into());
            assert_eq!(
                claims.claim_once(&[key(n)], now, now.plus(std::time::Duration::from_secs(10))),
                Ok(Claim::First)
            );
        }
        assert!(claims.len() <= 20, "{}", claims.len());
    }

    #[test]
    fn memory_is_given_back_after_a_burst() {
        let mut claims = Claims::with_limit(100_000);
        let many: Vec<_> = (0..50_000).map(key).collect();
        assert_eq!(claims.claim_once(&many, at(0), at(1)), Ok(Claim::First));
        claims.forget_ended(at(1), 100_000);
        assert!(claims.until.capacity() <= SMALL && claims.ends.capacity() <= SMALL);
    }
}

//! What makes a decryption useless to ask: answers that look alike, come at fixed times, and are few.
//!
//! Whoever can tell how the decryption of a message failed, by a page, a status or the time that it took, can change
//! somebody's ciphertext a little, ask again, and so read it octet by octet within some ten thousand questions (Jager
//! and Somorovsky, "How to Break XML Encryption", 2011). Identity providers still send CBC, whose ciphertexts can be
//! changed. So from the decryption to the signature inside every refusal is the same page with the same status
//! ([`Refusal::is_behind_decryption`]), it is held until a full second is over ([`hold`]), and a sign-in takes three
//! of them ([`Try`]). The owner's audit has the exact reason.

use super::attempt::Attempt;
use crate::clock::Moment;
use crate::gate::{Gate, unavailable};
use crate::reason::{Reason, Refusal};
use crate::session::{Claim, ClaimKey};
use crate::site::Site;
use std::time::Duration;
use tokio::time::Instant;

/// How many encrypted answers a sign-in takes. An honest one needs one; two more are for a proxy that repeats a post.
const TRIES: u8 = 3;

/// Longer than any answer takes to be judged. When the queue was longer still, the next whole multiple.
const HELD: Duration = Duration::from_secs(1);

/// The permission to open one encrypted answer. Claimed before a key is used, so that answers that are posted at the
/// same moment cannot share one; only somebody who holds the sealed cookie of an attempt gets this far.
#[derive(Debug)]
pub(super) struct Try(());

impl Try {
    /// # Errors
    /// `decryption-tries`; `store-unavailable`, also when the store is full: what cannot be counted is not tried.
    pub(super) async fn claim(
        gate: &Gate,
        site: &Site,
        attempt: &Attempt,
        now: Moment,
    ) -> Result<Self, Refusal> {
        for number in 1..=TRIES {
            let key = ClaimKey::decryption(site.id, attempt.request_id.as_str(), number);
            match gate.store.claim_once(&[key], now, attempt.expires_at()).await.map_err(unavailable)? {
                Claim::First => return Ok(Self(())),
                Claim::Taken { .. } => {}
            }
        }
        Err(Reason::DecryptionTries.into())
    }

    /// An attempt whose tries are spent takes no answer in the clear either.
    ///
    /// # Errors
    /// `decryption-tries`, `store-unavailable`.
    pub(super) async fn refuse_spent(
        gate: &Gate,
        site: &Site,
        attempt: &Attempt,
        now: Moment,
    ) -> Result<(), Refusal> {
        if !site.service_provider.can_decrypt() {
            return Ok(());
        }
        let last = ClaimKey::decryption(site.id, attempt.request_id.as_str(), TRIES);
        if gate.store.is_claimed(&last, now).await.map_err(unavailable)? {
            return Err(Reason::DecryptionTries.into());
        }
        Ok(())
    }
}

/// Waits until a whole multiple of [`HELD`] has passed since `came`, without using the processor.
pub(super) async fn hold(came: Instant) {
    let mut until = came + HELD;
    while until < Instant::now() {
        until += HELD;
    }
    tokio::time::sleep_until(until).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_held_until_a_full_second_is_over() {
        for (took, until) in [(0, 1000), (1, 1000), (999, 1000), (1001, 2000), (2500, 3000)] {
            let came = Instant::now();
            tokio::time::advance(Duration::from_millis(took)).await;
            hold(came).await;
            assert_eq!(came.elapsed().as_millis(), until, "after {took} ms");
        }
    }
}

//! What makes a decryption useless to ask: answers that look alike, come at fixed times, and are few.
//!
//! Whoever can tell how the decryption of a message failed, by a page, a status or the time that it took, can change
//! somebody's ciphertext a little, ask again, and so read it octet by octet within some ten thousand questions (Jager
//! and Somorovsky, "How to Break XML Encryption", 2011). Identity providers still send CBC, whose ciphertexts can be
//! changed. So from the decryption to the signature inside every refusal is the same page with the same status
//! ([`Refusal::is_behind_decryption`]), it is held until a full second is over ([`hold`]), and a sign-in takes three
//! of them ([`Tries`]). The owner's audit has the exact reason.
//!
//! An answer that is signed as a response needs no permission: its ciphertext is the identity provider's, or it is
//! refused before anything is opened.

use super::attempt::{Attempt, LIFETIME};
use crate::clock::Moment;
use crate::reason::{Reason, Refusal};
use crate::site::Site;
use aws_lc_rs::digest;
use parking_lot::Mutex;
use std::fmt;
use std::time::Duration;
use tokio::time::Instant;

/// How many encrypted answers a sign-in takes. An honest one needs one; two more are for a proxy that repeats a post.
const TRIES: u8 = 3;

/// Counters of one generation. Whoever wants to be in the way of others must begin millions of sign-ins within a quarter of
/// an hour; untouched, they take no memory.
const COUNTERS: usize = 1 << 22;

/// Longer than any answer takes to be judged. When the queue was longer still, the next whole multiple.
const HELD: Duration = Duration::from_secs(1);

/// The permission to open one encrypted answer. Taken before a key is used, so that answers that are posted at the same
/// moment cannot share one; only somebody who holds the sealed cookie of an attempt gets this far.
#[derive(Debug)]
pub(super) struct Try(());

/// Counts the encrypted answers of each attempt in a table of fixed size: whoever posts them is a stranger, and strangers
/// take no memory. Two attempts may share a counter by chance, and one of them then has fewer tries; none ever has more.
pub struct Tries(Mutex<Generations>);

/// What an attempt lives through at most.
struct Generations {
    current: Vec<u8>,
    previous: Vec<u8>,
    began: Moment,
}

impl Tries {
    /// All counters at zero.
    pub fn new(now: Moment) -> Self {
        let generation = || vec![0; COUNTERS];
        Self(Mutex::new(Generations { current: generation(), previous: generation(), began: now }))
    }

    /// # Errors
    /// `decryption-tries`.
    pub(super) fn take(&self, site: &Site, attempt: &Attempt, now: Moment) -> Result<Try, Refusal> {
        let mut generations = self.0.lock();
        generations.turn(now);
        let place = place(site, attempt);
        if generations.counted(place) >= TRIES {
            return Err(Reason::DecryptionTries.into());
        }
        if let Some(counter) = generations.current.get_mut(place) {
            *counter += 1;
        }
        Ok(Try(()))
    }

    /// An attempt whose tries are spent takes no answer in the clear either.
    ///
    /// # Errors
    /// `decryption-tries`.
    pub(super) fn refuse_spent(&self, site: &Site, attempt: &Attempt, now: Moment) -> Result<(), Refusal> {
        let mut generations = self.0.lock();
        generations.turn(now);
        match generations.counted(place(site, attempt)) {
            TRIES.. if site.service_provider.can_decrypt() => Err(Reason::DecryptionTries.into()),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Tries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tries").finish_non_exhaustive()
    }
}

impl Generations {
    fn counted(&self, place: usize) -> u8 {
        let of = |generation: &[u8]| generation.get(place).copied().unwrap_or(TRIES);
        of(&self.current).saturating_add(of(&self.previous))
    }

    /// A counter is remembered for as long as the attempt can live, and at most twice as long.
    fn turn(&mut self, now: Moment) {
        if now < self.began.plus(LIFETIME) {
            return;
        }
        let skipped = now >= self.began.plus(2 * LIFETIME);
        std::mem::swap(&mut self.current, &mut self.previous);
        self.current = vec![0; COUNTERS];
        if skipped {
            self.previous = vec![0; COUNTERS];
        }
        self.began = now;
    }
}

/// The attempt's counter.
fn place(site: &Site, attempt: &Attempt) -> usize {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&site.key.to_bytes());
    context.update(attempt.request_id.as_str().as_bytes());
    let hash = context.finish();
    let hash = hash.as_ref().iter().take(4).fold(0_usize, |sum, octet| sum << 8 | usize::from(*octet));
    hash % COUNTERS
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

    #[test]
    fn counters_outlive_an_attempt_and_are_forgotten_after_it() {
        let began = Moment::from_seconds(1_700_000_000);
        let mut generations = Generations { current: vec![0; COUNTERS], previous: vec![0; COUNTERS], began };
        generations.current[7] = TRIES;
        for (later, counted) in [(0, TRIES), (899, TRIES), (900, TRIES), (1799, TRIES), (1800, 0), (3600, 0)]
        {
            generations.turn(began.plus(Duration::from_secs(later)));
            assert_eq!(generations.counted(7), counted, "after {later} s");
        }
        generations.current[7] = TRIES;
        generations.turn(began.plus(Duration::from_secs(36_000)));
        assert_eq!(generations.counted(7), 0, "after a long silence");
    }

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

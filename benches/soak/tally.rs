//! What was done, and what must not have happened.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Every kind of work: of each, something has to be done.
pub const KINDS: [&str; 20] = [
    "pages of known sessions",
    "forms of known sessions",
    "sign-ins",
    "first pages at the other gate",
    "sign-outs",
    "signed out at both gates",
    "questions over gRPC",
    "questions over HTTP",
    "WebSockets of revoked sessions closed",
    "altered answers refused",
    "replayed answers refused",
    "made-up cookies refused",
    "rubbish refused",
    "broken requests",
    "slow clients",
    "reloads, applied",
    "reloads, broken",
    "connections to the store cut",
    "channels cut",
    "restarts of the store",
];

/// Counts by name.
#[derive(Default)]
pub struct Tally {
    done: Mutex<BTreeMap<&'static str, u64>>,
    refused: Mutex<BTreeMap<&'static str, u64>>,
    /// The first of each kind, so that one can see what it was.
    wrong: Mutex<BTreeMap<&'static str, (u64, String)>>,
}

impl Tally {
    /// It went as it should.
    pub fn done(&self, what: &'static str) {
        assert!(KINDS.contains(&what), "{what} is not in KINDS");
        *self.done.lock().entry(what).or_default() += 1;
    }

    /// It was refused, while the Redis was away.
    pub fn refused(&self, what: &'static str) {
        *self.refused.lock().entry(what).or_default() += 1;
    }

    /// It must not happen.
    pub fn wrong(&self, what: &'static str, how: &str) {
        self.wrong.lock().entry(what).or_insert_with(|| (0, how.to_owned())).0 += 1;
    }

    pub fn has_failed(&self) -> bool {
        !self.wrong.lock().is_empty()
    }

    /// A table for people.
    pub fn summary(&self) -> String {
        let mut text = format!("{:<44}{:>12}{:>28}\n", "", "well", "refused, the store away");
        let (done, refused) = (self.done.lock(), self.refused.lock());
        let names: std::collections::BTreeSet<_> = done.keys().chain(refused.keys()).collect();
        for name in names {
            let get = |counts: &BTreeMap<&'static str, u64>| counts.get(*name).copied().unwrap_or_default();
            let _ = writeln!(text, "{name:<44}{:>12}{:>28}", get(&done), get(&refused));
        }
        let wrong = self.wrong.lock();
        for what in ["lost sessions", "wrong user", "unexpected answers", "sessions that came back", "panics"]
        {
            let _ = writeln!(text, "{what:<44}{:>12}", wrong.get(what).map_or(0, |(count, _)| *count));
        }
        text.trim_end().to_owned()
    }

    /// Fails when anything happened that must not, or when nothing was done of a kind of work.
    pub fn judge(&self) {
        let wrong = self.wrong.lock();
        assert!(wrong.is_empty(), "{wrong:#?}");
        let missing = self.missing();
        assert!(missing.is_empty(), "never done: {missing:?}");
    }

    /// The kinds of work that were never done well.
    fn missing(&self) -> Vec<&'static str> {
        let done = self.done.lock();
        KINDS.into_iter().filter(|kind| !done.contains_key(kind)).collect()
    }
}

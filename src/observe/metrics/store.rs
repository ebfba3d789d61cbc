//! Figures of a store on another machine. Without one they are not there.

use super::{Durations, Figures, Metrics, count, gauge};
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::registry::Unit;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What is asked of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreOperation {
    /// A session that this process does not know.
    Load,
    /// Whether a session that it knows is still there.
    Confirm,
    /// A new session.
    Insert,
    /// The end of a session.
    Remove,
    /// The names by which sessions are found.
    Index,
    /// A claim.
    Claim,
    /// Whether anybody answers.
    Probe,
}

impl StoreOperation {
    const ALL: [Self; 7] =
        [Self::Load, Self::Confirm, Self::Insert, Self::Remove, Self::Index, Self::Claim, Self::Probe];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Confirm => "confirm",
            Self::Insert => "insert",
            Self::Remove => "remove",
            Self::Index => "index",
            Self::Claim => "claim",
            Self::Probe => "probe",
        }
    }
}

/// Why the store did not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreTrouble {
    /// No answer in time.
    Timeout,
    /// No connection, or it broke.
    Connection,
    /// Not asked, because the last questions were not answered.
    Open,
    /// Not asked, because too many questions were under way.
    Busy,
    /// Whoever answered may not be written to: a replica, or a cluster that is not whole.
    ReadOnly,
    /// No room.
    Full,
    /// Too few replicas have it.
    Unacknowledged,
    /// It may forget claims: its memory policy, or another server than before.
    Forgetful,
    /// User, password or permission.
    Forbidden,
    /// Anything else.
    Other,
}

impl StoreTrouble {
    const ALL: [Self; 10] = [
        Self::Timeout,
        Self::Connection,
        Self::Open,
        Self::Busy,
        Self::ReadOnly,
        Self::Full,
        Self::Unacknowledged,
        Self::Forgetful,
        Self::Forbidden,
        Self::Other,
    ];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::Open => "open",
            Self::Busy => "busy",
            Self::ReadOnly => "read_only",
            Self::Full => "full",
            Self::Unacknowledged => "unacknowledged",
            Self::Forgetful => "forgetful",
            Self::Forbidden => "forbidden",
            Self::Other => "other",
        }
    }
}

/// Why an entry is no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnreadableEntry {
    /// Damaged, moved from another key, or never one of ours.
    Garbage,
    /// Sealed by a key that this process does not have.
    UnknownKey,
    /// Written by a later release.
    Future,
}

impl UnreadableEntry {
    const ALL: [Self; 3] = [Self::Garbage, Self::UnknownKey, Self::Future];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Garbage => "garbage",
            Self::UnknownKey => "unknown_key",
            Self::Future => "future_version",
        }
    }
}

/// What is counted of a store on another machine.
#[derive(Debug, Default)]
pub struct StoreFigures {
    latency: [Durations; StoreOperation::ALL.len()],
    in_vain: [Durations; StoreOperation::ALL.len()],
    trouble: [AtomicU64; StoreTrouble::ALL.len()],
    unreadable: [AtomicU64; UnreadableEntry::ALL.len()],
    /// Many, each in a line of its own: every request counts here.
    hits: [Padded; HIT_COUNTERS],
    misses: AtomicU64,
    connected: AtomicBool,
    listening: AtomicBool,
    reconnects: AtomicU64,
    ended_elsewhere: AtomicU64,
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Padded(AtomicU64);

const HIT_COUNTERS: usize = 16;

impl StoreFigures {
    /// The store answered.
    pub fn answered(&self, operation: StoreOperation, seconds: f64) {
        self.latency[operation as usize].observe(seconds);
    }

    /// It was asked and did not answer, or not well.
    pub fn asked_in_vain(&self, operation: StoreOperation, seconds: f64) {
        self.in_vain[operation as usize].observe(seconds);
    }

    /// It did not answer, or was not asked.
    pub fn failed(&self, why: StoreTrouble) {
        count(&self.trouble[why as usize]);
    }

    /// An entry is no session.
    pub fn unreadable(&self, why: UnreadableEntry) {
        count(&self.unreadable[why as usize]);
    }

    /// A session was found in this process's memory. `spread` is any octet of its key.
    pub fn hit(&self, spread: u8) {
        count(&self.hits[usize::from(spread) % HIT_COUNTERS].0);
    }

    /// It was not, and the store was asked.
    pub fn missed(&self) {
        count(&self.misses);
    }

    /// Whether questions are asked (the breaker is closed); each time that they are again is counted.
    pub fn set_connected(&self, connected: bool) {
        if !self.connected.swap(connected, Ordering::Relaxed) && connected {
            count(&self.reconnects);
        }
    }

    /// Whether what ends elsewhere is heard of at once.
    pub fn set_listening(&self, listening: bool) {
        self.listening.store(listening, Ordering::Relaxed);
    }

    /// Whether what ends elsewhere is heard of at once.
    pub fn is_listening(&self) -> bool {
        self.listening.load(Ordering::Relaxed)
    }

    /// A session was ended by another process.
    pub fn ended_elsewhere(&self) {
        count(&self.ended_elsewhere);
    }

    /// How often entries were no session, for this reason.
    pub fn unreadable_so_far(&self, why: UnreadableEntry) -> u64 {
        self.unreadable[why as usize].load(Ordering::Relaxed)
    }

    /// How often the store failed, for this reason.
    pub fn failures_so_far(&self, why: StoreTrouble) -> u64 {
        self.trouble[why as usize].load(Ordering::Relaxed)
    }

    /// Sessions found in this process's memory so far, and those that the store was asked for.
    pub fn hits_and_misses(&self) -> (u64, u64) {
        let hits = self.hits.iter().map(|hits| hits.0.load(Ordering::Relaxed)).sum();
        (hits, self.misses.load(Ordering::Relaxed))
    }
}

impl Metrics {
    /// The store is on another machine, and this is counted of it. The first one stays.
    pub fn set_shared_store(&self, figures: Arc<StoreFigures>) {
        let _ = self.figures.shared_store.set(figures);
    }
}

impl Figures {
    pub(super) fn encode_shared_store(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Some(store) = self.shared_store.get() else { return Ok(()) };
        let mut latency = to.encode_descriptor(
            "vestibule_store_duration",
            "From a question to the shared store to its answer, or until nobody waited any more",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        for operation in StoreOperation::ALL {
            for (outcome, times) in [("answered", &store.latency), ("failed", &store.in_vain)] {
                let labels = [("operation", operation.as_str()), ("outcome", outcome)];
                times[operation as usize].encode(latency.encode_family(&labels)?)?;
            }
        }
        let help = "Questions to the shared store that were not answered, by kind";
        let mut errors = to.encode_descriptor("vestibule_store_errors", help, None, MetricType::Counter)?;
        for why in StoreTrouble::ALL {
            let n = store.failures_so_far(why);
            ConstCounter::new(n).encode(errors.encode_family(&[("kind", why.as_str())])?)?;
        }
        let help = "Entries of the shared store that are no session, by reason";
        let mut entries =
            to.encode_descriptor("vestibule_store_unreadable", help, None, MetricType::Counter)?;
        for why in UnreadableEntry::ALL {
            let n = store.unreadable_so_far(why);
            ConstCounter::new(n).encode(entries.encode_family(&[("reason", why.as_str())])?)?;
        }
        let (hits, misses) = store.hits_and_misses();
        let help = "Look-ups of sessions, by who answered: this process's memory, or the shared store";
        let mut lookups = to.encode_descriptor("vestibule_store_lookups", help, None, MetricType::Counter)?;
        for (from, n) in [("memory", hits), ("store", misses)] {
            ConstCounter::new(n).encode(lookups.encode_family(&[("from", from)])?)?;
        }
        let help = "Times that the shared store could be asked again after it could not";
        let counter = to.encode_descriptor("vestibule_store_connects", help, None, MetricType::Counter)?;
        ConstCounter::new(store.reconnects.load(Ordering::Relaxed)).encode(counter)?;
        let help = "Sessions of this process's memory that another process ended";
        let counter =
            to.encode_descriptor("vestibule_store_ended_elsewhere", help, None, MetricType::Counter)?;
        ConstCounter::new(store.ended_elsewhere.load(Ordering::Relaxed)).encode(counter)?;
        let help = "1 while the shared store is not asked because it did not answer";
        let open = u64::from(!store.connected.load(Ordering::Relaxed));
        gauge(to, "vestibule_store_breaker_open", help, open)?;
        let help = "1 while this process hears of sessions that end elsewhere";
        gauge(to, "vestibule_store_listening", help, store.listening.load(Ordering::Relaxed).into())
    }
}

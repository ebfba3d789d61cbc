//! The open connections of a listener: how many there may be, how many there are, and when there are none.
//!
//! A connection beyond the bound is closed at once: whoever waits for it learns so, and the ones that are there keep their
//! memory and their descriptors.

use crate::observe::metrics::{LimitLabel, ListenerLabel, Metrics};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Counts what is open, keeps it within bounds, and tells when nothing is.
#[derive(Debug, Clone)]
pub(super) struct Connections(Arc<Counted>);

#[derive(Debug)]
struct Counted {
    open: watch::Sender<usize>,
    most: usize,
    listener: ListenerLabel,
    metrics: Arc<Metrics>,
    /// When the log was last told of refusals.
    told: Mutex<Option<Instant>>,
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Open(Arc<Counted>);

impl Connections {
    /// At most so many at once.
    pub(super) fn at_most(most: u32, listener: ListenerLabel, metrics: &Arc<Metrics>) -> Self {
        Self(Arc::new(Counted {
            open: watch::Sender::new(0),
            most: usize::try_from(most).unwrap_or(usize::MAX),
            listener,
            metrics: Arc::clone(metrics),
            told: Mutex::new(None),
        }))
    }

    /// What the listener is called in the log.
    pub(super) fn listener(&self) -> &'static str {
        self.0.listener.as_str()
    }

    /// One more; none: it is to be closed.
    pub(super) fn enter(&self) -> Option<Open> {
        let has_room = self.0.open.send_if_modified(|open| {
            let has_room = *open < self.0.most;
            *open += usize::from(has_room);
            has_room
        });
        if !has_room {
            self.0.refuse();
            return None;
        }
        self.0.metrics.connections(self.0.listener).fetch_add(1, Ordering::Relaxed);
        Some(Open(Arc::clone(&self.0)))
    }

    /// One is cut, because the header of its request did not arrive in time.
    pub(super) fn header_was_too_slow(&self) {
        self.0.metrics.limit_reached(LimitLabel::HeaderTime);
    }

    pub(super) async fn all_ended(&self) {
        let mut open = self.0.open.subscribe();
        let _ = open.wait_for(|open| *open == 0).await;
    }
}

impl Counted {
    /// Counted each time, told now and then: a flood must not fill the log.
    #[cold]
    fn refuse(&self) {
        self.metrics.connection_refused(self.listener);
        let now = Instant::now();
        let mut told = self.told.lock();
        if told.is_none_or(|told| now.duration_since(told) >= TELL_EVERY) {
            *told = Some(now);
            tracing::warn!(
                listener = self.listener.as_str(),
                open = self.most,
                "connections are closed at once: as many are open as limits.connections allows"
            );
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.metrics.connections(self.0.listener).fetch_sub(1, Ordering::Relaxed);
        self.0.open.send_modify(|open| *open -= 1);
    }
}

const TELL_EVERY: Duration = Duration::from_secs(10);

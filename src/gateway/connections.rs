//! The open connections of a listener: how many there may be, how many there are, and when there are none.
//!
//! A connection beyond the bound is closed at once: whoever waits for it learns so, and the ones that are there keep their
//! memory and their descriptors. One address may have a part of them only, so that it does not take everybody's.

use crate::limits::network;
use crate::observe::metrics::{LimitLabel, ListenerLabel, Metrics};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
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
    /// By network, where that is counted: no more entries than there are open connections.
    of_one: Mutex<HashMap<[u8; 8], u32>>,
    listener: ListenerLabel,
    metrics: Arc<Metrics>,
    /// When the log was last told of refusals, and of those of one address.
    told: [Mutex<Option<Instant>>; 2],
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Open {
    counted: Arc<Counted>,
    /// Where it was counted beside the listener.
    network: Option<[u8; 8]>,
}

/// The part of all that is full.
#[derive(Debug, Clone, Copy)]
enum Full {
    Listener,
    Address(IpAddr, u32),
}

impl Connections {
    /// At most so many at once.
    pub(super) fn at_most(most: u32, listener: ListenerLabel, metrics: &Arc<Metrics>) -> Self {
        Self(Arc::new(Counted {
            open: watch::Sender::new(0),
            most: usize::try_from(most).unwrap_or(usize::MAX),
            of_one: Mutex::default(),
            listener,
            metrics: Arc::clone(metrics),
            told: [Mutex::new(None), Mutex::new(None)],
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
            self.0.refuse(Full::Listener);
            return None;
        }
        self.0.metrics.connections(self.0.listener).fetch_add(1, Ordering::Relaxed);
        Some(Open { counted: Arc::clone(&self.0), network: None })
    }

    /// One more of this address, of which there may be `most`; none: it is to be closed.
    pub(super) fn enter_from(&self, address: IpAddr, most: u32) -> Option<Open> {
        let Some(network) = network(address) else { return self.enter() };
        let mut open = self.enter()?;
        let mut of_one = self.0.of_one.lock();
        let here = of_one.entry(network).or_default();
        if *here >= most {
            drop(of_one);
            self.0.refuse(Full::Address(address, most));
            return None;
        }
        *here += 1;
        open.network = Some(network);
        Some(open)
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
    fn refuse(&self, full: Full) {
        self.metrics.connection_refused(self.listener);
        let [of_all, of_one] = &self.told;
        let told = match full {
            Full::Listener => of_all,
            Full::Address(..) => {
                self.metrics.limit_reached(LimitLabel::Connections);
                of_one
            }
        };
        let now = Instant::now();
        let mut told = told.lock();
        if told.is_some_and(|told| now.duration_since(told) < TELL_EVERY) {
            return;
        }
        *told = Some(now);
        let listener = self.listener.as_str();
        match full {
            Full::Listener => tracing::warn!(
                listener,
                open = self.most,
                "connections are closed at once: as many are open as limits.connections allows"
            ),
            Full::Address(address, most) => tracing::warn!(
                listener,
                %address,
                open = most,
                "connections of an address are closed at once: as many are open as limits.connections_per_address \
                 allows; is it a gateway, trusted_proxies should hold it"
            ),
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let counted = &self.counted;
        if let Some(network) = self.network {
            let mut of_one = counted.of_one.lock();
            if let Some(here) = of_one.get_mut(&network) {
                *here -= 1;
                if *here == 0 {
                    of_one.remove(&network);
                }
            }
        }
        counted.metrics.connections(counted.listener).fetch_sub(1, Ordering::Relaxed);
        counted.open.send_modify(|open| *open -= 1);
    }
}

const TELL_EVERY: Duration = Duration::from_secs(10);

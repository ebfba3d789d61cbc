//! What lasts ends with the session: WebSockets, event streams, long polls, and every other request that does not come to
//! its end.
//!
//! A request is judged when it begins. One that goes on for hours would outlive the session that let it in, so the gate
//! looks at it again. Each connection of HTTP/1, and each stream of HTTP/2, has a [`Seat`]; a request that goes to the
//! application for somebody sits down on it with its session, which costs one lock that nobody else wants. Once a second
//! one task looks at all seats that were ever taken: whatever ended the session (its times, a sign-out here or at the
//! identity provider, a revocation, a retired identity provider), it is no longer good, and the connection is cut.
//!
//! What goes over such a connection counts as use of the session, so that somebody at work in a page that only talks over
//! its WebSocket is not signed out for being idle; `max_age` holds all the same.

use super::watch::Watch;
use crate::clock::Moment;
use crate::gate::Gate;
use crate::session::Session;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::Notify;

/// How long a request may take that is neither an upgrade nor an event stream before it counts as one that lasts: whoever
/// signs out in another tab shall not find a form half sent.
const ORDINARY: Duration = Duration::from_secs(10);

/// The place of one request at a time.
#[derive(Debug, Default)]
pub(super) struct Seat {
    place: Mutex<Place>,
    /// Something went over the connection since somebody looked.
    used: AtomicBool,
    cut: Notify,
}

#[derive(Debug, Default)]
struct Place {
    sitting: Option<Sitting>,
    /// Counts who sat here, so that nobody is taken for the one before.
    number: u64,
    /// Whether the seat is among those that are looked at.
    is_known: bool,
}

/// Whose request is being served.
#[derive(Debug, Clone)]
struct Sitting {
    session: Arc<Session>,
    /// `Site::id`.
    site: u16,
    since: Moment,
    /// It is an upgrade or an event stream: meant to last.
    lasts: bool,
    /// When the session was first found to have ended.
    over: Option<Moment>,
}

/// All seats that were ever taken, as long as they are there.
#[derive(Debug, Default)]
pub(super) struct Seats(Mutex<Vec<Weak<Watch>>>);

impl Seat {
    /// The application's answer is one that lasts.
    pub(super) fn lasts(&self) {
        if let Some(sitting) = &mut self.place.lock().sitting {
            sitting.lasts = true;
        }
    }

    /// The request has come to its end.
    pub(super) fn leave(&self) {
        // The session is dropped outside the lock.
        let _left = self.place.lock().sitting.take();
    }

    /// Something went over the connection.
    pub(super) fn is_used(&self) {
        // Read first, so that a busy connection does not write each time.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }

    /// Resolves when the connection has to end.
    pub(super) async fn is_cut(&self) {
        self.cut.notified().await;
    }

    /// Who sits here for so long that somebody should look, with their number.
    fn lasting(&self, now: Moment) -> Option<(u64, Sitting)> {
        let place = self.place.lock();
        let sitting = place.sitting.as_ref()?;
        (sitting.lasts || now.since(sitting.since) >= ORDINARY).then(|| (place.number, sitting.clone()))
    }

    /// Changes who sits here, unless it is somebody else by now.
    fn with(&self, number: u64, change: impl FnOnce(&mut Sitting)) {
        let mut place = self.place.lock();
        if place.number == number
            && let Some(sitting) = &mut place.sitting
        {
            change(sitting);
        }
    }

    /// Cuts the connection, unless somebody else sits here by now. Whether it did.
    fn cut(&self, number: u64) -> bool {
        let mut place = self.place.lock();
        let still = place.number == number && place.sitting.take().is_some();
        drop(place);
        if still {
            self.cut.notify_one();
        }
        still
    }
}

impl Seats {
    /// A request of this session begins to be served on the connection or stream of `watch`.
    pub(super) fn take(&self, watch: &Arc<Watch>, session: Arc<Session>, site: u16, now: Moment) {
        let sitting = Sitting { session, site, since: now, lasts: false, over: None };
        let mut place = watch.seat.place.lock();
        let before = place.sitting.replace(sitting);
        place.number += 1;
        let is_new = !std::mem::replace(&mut place.is_known, true);
        drop(place);
        drop(before);
        watch.seat.used.store(false, Ordering::Relaxed);
        // Only who is signed in gets here: strangers make no list longer.
        if is_new {
            self.0.lock().push(Arc::downgrade(watch));
        }
    }

    /// Looks at everybody who sits for long, and cuts the connections of those whose session has ended for as long as their
    /// site allows. To be called every second or so.
    pub(super) async fn look(&self, gate: &Gate, now: Moment) {
        let mut store_answers = true;
        for watch in self.known() {
            let seat = &watch.seat;
            let Some((number, sitting)) = seat.lasting(now) else { continue };
            let used = seat.used.swap(false, Ordering::Relaxed);
            let good = if store_answers {
                match gate.still_good(&sitting.session, sitting.site, used, now).await {
                    Ok(good) => good,
                    Err(refusal) => {
                        tracing::debug!(%refusal, "what lasts is judged by what is known here");
                        store_answers = false;
                        sitting.session.is_still(used, now).then(|| Arc::clone(&sitting.session))
                    }
                }
            } else {
                sitting.session.is_still(used, now).then(|| Arc::clone(&sitting.session))
            };
            match good {
                Some(session) => seat.with(number, |sitting| {
                    sitting.session = session;
                    sitting.over = None;
                }),
                None => {
                    let since = sitting.over.unwrap_or(now);
                    seat.with(number, |sitting| sitting.over = Some(since));
                    let site = gate.site_of_session(&sitting.session, sitting.site);
                    let grace = site.map_or(Duration::ZERO, |site| site.close_connections_after);
                    if now.since(since) >= grace && seat.cut(number) {
                        gate.metrics.connection_closed();
                        tracing::info!(
                            site = site.map_or("", |site| &site.name),
                            session = sitting.session.key().public_name(),
                            "closed a connection: its session has ended"
                        );
                    }
                }
            }
        }
    }

    /// Those that are still there.
    fn known(&self) -> Vec<Arc<Watch>> {
        let mut known = self.0.lock();
        let mut there = Vec::with_capacity(known.len());
        known.retain(|watch| match watch.upgrade() {
            Some(watch) => {
                there.push(watch);
                true
            }
            None => false,
        });
        there
    }
}

//! Which requests are recorded, and where those go that are done.

use super::context::{SpanId, TraceContext, TraceId};
use super::recording::{Current, Recording, Served, State, finish_steps, within};
use crate::clock::{Clock, Moment};
use crate::observe::metrics::TraceFigures;
use http::HeaderMap;
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Requests that are done and not yet sent. Of more the newest are lost, and counted.
const QUEUE: usize = 2048;

/// Which requests are recorded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// The share of traces that begin here: from 0 to 1.
    pub share: f64,
    /// Whether a `traceparent` is followed of whoever is trusted to say who the client is.
    pub follows_trusted: bool,
    /// Whether of everybody.
    pub follows_anybody: bool,
}

/// Decides, and takes what is done.
pub struct Tracer {
    sampling: Sampling,
    /// Traces whose chance is below are recorded.
    below: u64,
    clock: Arc<dyn Clock>,
    queue: mpsc::Sender<Done>,
    figures: Arc<TraceFigures>,
}

/// A request that is done, with its steps.
pub struct Done {
    /// None: steps that nobody asked for.
    pub(super) served: Option<Served>,
    pub(super) state: State,
    pub(super) began: Instant,
    pub(super) ended: Instant,
    /// The time of `ended`.
    pub(super) at: Moment,
}

impl Done {
    /// How many spans it is.
    pub fn spans(&self) -> usize {
        self.state.steps.len() + usize::from(self.served.is_some())
    }
}

impl fmt::Debug for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Done").field("spans", &self.spans()).finish_non_exhaustive()
    }
}

impl Tracer {
    /// What is done comes out of the other end.
    pub fn new(
        sampling: Sampling,
        clock: Arc<dyn Clock>,
        figures: Arc<TraceFigures>,
    ) -> (Arc<Self>, mpsc::Receiver<Done>) {
        let (queue, done) = mpsc::channel(QUEUE);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates, and is not negative"
        )]
        let below = (sampling.share * TWO_TO_63) as u64;
        (Arc::new(Self { sampling, below, clock, queue, figures }), done)
    }

    /// The trace of a request. `trusted`: whoever sent it may say who the client is. `whole`: it is noted whatever comes,
    /// because it may turn out to be a part of an earlier one.
    pub fn begin(
        self: &Arc<Self>,
        headers: &HeaderMap,
        trusted: bool,
        began: Instant,
        whole: bool,
    ) -> Current {
        let follows = self.sampling.follows_anybody || (trusted && self.sampling.follows_trusted);
        let parent = if follows { TraceContext::of_headers(headers) } else { None };
        let context = match parent {
            Some(parent) => TraceContext { span: SpanId::random(), ..parent },
            None => self.new_trace(),
        };
        let recording = (context.sampled || whole)
            .then(|| self.recording(context, parent.map(|parent| parent.span), began));
        Current::new(context, recording)
    }

    /// Whether a trace of the peer would be followed.
    pub const fn follows(&self, trusted: bool) -> bool {
        self.sampling.follows_anybody || (trusted && self.sampling.follows_trusted)
    }

    /// Work that no request asked for, of which each step is a span of its own.
    pub async fn unasked<F: Future>(self: &Arc<Self>, work: F) -> F::Output {
        let context = self.new_trace();
        let recording = context.sampled.then(|| self.recording(context, None, Instant::now()));
        let current = Current::new(context, recording);
        let done = within(Some(current.clone()), work).await;
        finish_steps(&current);
        done
    }

    fn new_trace(&self) -> TraceContext {
        let trace = TraceId::random();
        TraceContext { trace, span: SpanId::random(), sampled: trace.chance() < self.below }
    }

    fn recording(
        self: &Arc<Self>,
        context: TraceContext,
        parent: Option<SpanId>,
        began: Instant,
    ) -> Recording {
        let state =
            State { context, parent, link: None, attributes: Vec::new(), steps: Vec::new(), steps_lost: 0 };
        Recording { tracer: Arc::clone(self), began, state: Mutex::new(state) }
    }

    /// Never waits.
    pub(super) fn take(&self, served: Option<Served>, state: State, began: Instant) {
        let done = Done { served, state, began, ended: Instant::now(), at: self.clock.now() };
        let spans = done.spans();
        if self.queue.try_send(done).is_err() {
            self.figures.lost(spans);
        }
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracer").field("sampling", &self.sampling).finish_non_exhaustive()
    }
}

/// The whole of [`TraceId::chance`].
const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;

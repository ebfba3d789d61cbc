//! What is noted while a request is served.

use super::context::{SpanId, TraceContext, TraceId};
use super::tracer::Tracer;
use parking_lot::Mutex;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use tokio::task::futures::TaskLocalFuture;
use tokio::time::Instant;

tokio::task_local! {
    /// What is being served; none where nobody traces.
    static CURRENT: Option<Current>;
}

/// The trace of a request that is being served.
#[derive(Clone)]
pub struct Current {
    context: TraceContext,
    recording: Option<Arc<Recording>>,
}

/// What is noted of a request of which it is worth it.
pub(super) struct Recording {
    pub(super) tracer: Arc<Tracer>,
    pub(super) began: Instant,
    pub(super) state: Mutex<State>,
}

/// What is known so far.
#[derive(Clone)]
pub(super) struct State {
    pub(super) context: TraceContext,
    pub(super) parent: Option<SpanId>,
    /// Another trace that it could be a part of too.
    pub(super) link: Option<TraceContext>,
    pub(super) attributes: Vec<(&'static str, Value)>,
    pub(super) steps: Vec<StepDone>,
    /// Steps beyond [`MOST_STEPS`].
    pub(super) steps_lost: u32,
}

/// A step that has ended.
#[derive(Clone)]
pub(super) struct StepDone {
    pub(super) span: SpanId,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) began: Instant,
    pub(super) ended: Instant,
    pub(super) attributes: Vec<(&'static str, Value)>,
    pub(super) failed: bool,
}

/// What a request is a part of: work of our own, or a question to somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Ours.
    Internal,
    /// Somebody was asked.
    Client,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A word of ours or of the configuration.
    Text(Cow<'static, str>),
    /// A figure.
    Number(i64),
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

/// What is known of a request at its end.
pub struct Served {
    /// The span's name: the method, and the route where it is one of ours.
    pub name: String,
    /// Whether it failed: by us, or by the application.
    pub failed: bool,
    /// The attributes.
    pub attributes: Vec<(&'static str, Value)>,
}

/// More are not noted: a request that asks the store in a circle must not grow.
const MOST_STEPS: usize = 64;

impl Current {
    pub(super) fn new(context: TraceContext, recording: Option<Recording>) -> Self {
        Self { context, recording: recording.map(Arc::new) }
    }

    /// Where in its trace it is.
    pub fn context(&self) -> TraceContext {
        self.recording.as_ref().map_or(self.context, |recording| recording.state.lock().context)
    }
}

#[cfg(test)]
impl Current {
    /// Of a trace that nobody records.
    pub(crate) fn unrecorded() -> Self {
        let (trace, span) = (TraceId::random(), SpanId::random());
        Self::new(TraceContext { trace, span, sampled: false }, None)
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Current").field(&self.context).finish_non_exhaustive()
    }
}

/// Lets `work` run as a part of this.
pub fn within<F: Future>(current: Option<Current>, work: F) -> TaskLocalFuture<Option<Current>, F> {
    CURRENT.scope(current, work)
}

/// The same for what waits for nothing.
pub fn during<R>(current: Option<Current>, work: impl FnOnce() -> R) -> R {
    match current {
        None => work(),
        current => CURRENT.sync_scope(current, work),
    }
}

fn look<R>(at: impl FnOnce(&Current) -> R) -> Option<R> {
    CURRENT.try_with(|current| current.as_ref().map(at)).ok().flatten()
}

fn record<R>(into: impl FnOnce(&Arc<Recording>) -> R) -> Option<R> {
    look(|current| current.recording.as_ref().map(into)).flatten()
}

/// Where in which trace we are.
pub fn current() -> Option<TraceContext> {
    look(Current::context)
}

/// What is served goes on with what has begun in an earlier request, of which we said so ourselves, sealed. A trace in which a
/// gateway already records it is left only for one that is recorded too.
pub fn continues(earlier: TraceContext) {
    record(|recording| {
        let mut state = recording.state.lock();
        if state.link.is_some() || state.context.trace == earlier.trace {
            return;
        }
        if let Some(parent) = state.parent {
            if !earlier.sampled && state.context.sampled {
                return;
            }
            state.link = Some(TraceContext { span: parent, ..state.context });
        }
        state.context.trace = earlier.trace;
        state.context.sampled = earlier.sampled;
        state.parent = Some(earlier.span);
    });
}

/// It was refused: the code, and what the page shows.
pub fn refused(code: &'static str, reference: &str, idp: Option<&str>) {
    record(|recording| {
        let attributes = &mut recording.state.lock().attributes;
        if attributes.iter().any(|(key, _)| *key == "vestibule.code") {
            return;
        }
        attributes.push(("vestibule.code", code.into()));
        attributes.push(("vestibule.reference", reference.to_owned().into()));
        attributes.extend(idp.map(|idp| ("vestibule.idp", idp.to_owned().into())));
    });
}

/// A part of what is served, from now on until it is dropped or ended. None where nobody records.
#[must_use = "a step lasts until it is dropped"]
pub struct Step {
    recording: Arc<Recording>,
    /// On the heap: a request has room for a step, and mostly nobody records.
    done: Option<Box<StepDone>>,
}

/// Begins a part of what is served.
pub fn step(name: &'static str, kind: Kind) -> Option<Step> {
    record(|recording| {
        let now = Instant::now();
        let done = StepDone {
            span: SpanId::random(),
            name,
            kind,
            began: now,
            ended: now,
            attributes: Vec::new(),
            failed: false,
        };
        Step { recording: Arc::clone(recording), done: Some(Box::new(done)) }
    })
}

impl Step {
    /// Says something of it.
    pub fn say(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(done) = &mut self.done {
            done.attributes.push((key, value.into()));
        }
    }

    /// It came to no good end: `error.type` of OpenTelemetry.
    pub fn failed(&mut self, why: &'static str) {
        self.say("error.type", why);
        if let Some(done) = &mut self.done {
            done.failed = true;
        }
    }

    /// Where whoever is asked is to go on.
    pub fn context(&self) -> TraceContext {
        let context = self.recording.state.lock().context;
        self.done.as_ref().map_or(context, |done| TraceContext { span: done.span, ..context })
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        let Some(done) = self.done.take() else { return };
        let mut state = self.recording.state.lock();
        if state.steps.len() < MOST_STEPS {
            state.steps.push(StepDone { ended: Instant::now(), ..*done });
        } else {
            state.steps_lost = state.steps_lost.saturating_add(1);
        }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Step(…)")
    }
}

/// What is served is done. Answers the trace where it is recorded, for whoever counts the time it took.
pub fn finish(served: impl FnOnce() -> Served) -> Option<TraceId> {
    record(|recording| {
        // What has begun in another process decides at its end, so that it must be asked here.
        let state = recording.state.lock().clone();
        let trace = state.context.trace;
        state.context.sampled.then(|| {
            recording.tracer.take(Some(served()), state, recording.began);
            trace
        })
    })
    .flatten()
}

/// The same of what nobody asked for: its steps are all there is.
pub(super) fn finish_steps(current: &Current) {
    if let Some(recording) = &current.recording {
        let state = recording.state.lock().clone();
        if !state.steps.is_empty() {
            recording.tracer.take(None, state, recording.began);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every request has room for one, and mostly nobody records.
    #[test]
    fn a_step_that_nobody_takes_is_two_pointers_large() {
        assert_eq!(size_of::<Option<Step>>(), 2 * size_of::<usize>());
    }
}

//! Figures of the traces that are sent to a collector. Without one they are not there.

use super::{Figures, Metrics};
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What became of the spans of this process.
#[derive(Debug, Default)]
pub struct TraceFigures {
    sent: AtomicU64,
    no_room: AtomicU64,
    not_taken: AtomicU64,
}

impl TraceFigures {
    /// So many spans found no room in the queue.
    pub fn lost(&self, spans: usize) {
        self.no_room.fetch_add(spans as u64, Ordering::Relaxed);
    }

    /// The collector has so many.
    pub fn sent(&self, spans: usize) {
        self.sent.fetch_add(spans as u64, Ordering::Relaxed);
    }

    /// It did not answer, or would not have so many.
    pub fn not_taken(&self, spans: usize) {
        self.not_taken.fetch_add(spans as u64, Ordering::Relaxed);
    }
}

impl Metrics {
    /// Traces are sent, and this is counted of them. The first one stays.
    pub fn set_traces(&self, figures: Arc<TraceFigures>) {
        let _ = self.figures.traces.set(figures);
    }
}

impl Figures {
    pub(super) fn encode_traces(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Some(figures) = self.traces.get() else { return Ok(()) };
        let help = "Spans of recorded traces, by what became of them";
        let mut spans = to.encode_descriptor("vestibule_spans", help, None, MetricType::Counter)?;
        for (outcome, n) in
            [("sent", &figures.sent), ("no_room", &figures.no_room), ("not_taken", &figures.not_taken)]
        {
            let n = n.load(Ordering::Relaxed);
            ConstCounter::new(n).encode(spans.encode_family(&[("outcome", outcome)])?)?;
        }
        Ok(())
    }
}

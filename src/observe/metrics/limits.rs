//! Figures of what was refused or cut because it was too much, too slow, or had outlived its session.

use super::{Figures, Metrics, count};
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Which limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitLabel {
    /// Sign-ins begun too often.
    SignIns,
    /// Messages of identity providers brought too often.
    Answers,
    /// More messages than can be verified, of somebody who began a sign-in.
    Verifier,
    /// The same of strangers.
    VerifierStrangers,
    /// Connections of one address.
    Connections,
    /// A header that is too large or has too many lines.
    HeaderSize,
    /// A header that did not arrive in time.
    HeaderTime,
    /// A body that is too large.
    BodySize,
    /// A body that did not arrive in time.
    BodyTime,
}

impl LimitLabel {
    const ALL: [Self; 9] = [
        Self::SignIns,
        Self::Answers,
        Self::Verifier,
        Self::VerifierStrangers,
        Self::Connections,
        Self::HeaderSize,
        Self::HeaderTime,
        Self::BodySize,
        Self::BodyTime,
    ];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignIns => "sign_ins",
            Self::Answers => "answers",
            Self::Verifier => "verifier",
            Self::VerifierStrangers => "verifier_strangers",
            Self::Connections => "connections_per_address",
            Self::HeaderSize => "header_size",
            Self::HeaderTime => "header_time",
            Self::BodySize => "body_size",
            Self::BodyTime => "body_time",
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct OfLimits {
    reached: [AtomicU64; LimitLabel::ALL.len()],
    closed: AtomicU64,
}

impl Metrics {
    /// Somebody was refused or cut for it.
    pub fn limit_reached(&self, limit: LimitLabel) {
        count(&self.figures.limits.reached[limit as usize]);
    }

    /// A connection, or a stream of HTTP/2, was closed because its session had ended.
    pub fn connection_closed(&self) {
        count(&self.figures.limits.closed);
    }
}

impl Figures {
    pub(super) fn encode_limits(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "What was refused or cut because it was too much or too slow, by limit";
        let mut reached =
            to.encode_descriptor("vestibule_limits_reached", help, None, MetricType::Counter)?;
        for limit in LimitLabel::ALL {
            let n = self.limits.reached[limit as usize].load(Ordering::Relaxed);
            ConstCounter::new(n).encode(reached.encode_family(&[("limit", limit.as_str())])?)?;
        }
        let help =
            "WebSockets, event streams and other requests that were closed because their session had ended";
        let closed = to.encode_descriptor("vestibule_connections_closed", help, None, MetricType::Counter)?;
        ConstCounter::new(self.limits.closed.load(Ordering::Relaxed)).encode(closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_there_from_the_start_and_counts() {
        let metrics = Metrics::new(&["wiki"]);
        for limit in LimitLabel::ALL {
            let line = |n: u64| format!("vestibule_limits_reached_total{{limit=\"{}\"}} {n}", limit.as_str());
            assert!(metrics.encode().contains(&line(0)), "{}", line(0));
            metrics.limit_reached(limit);
            assert!(metrics.encode().contains(&line(1)), "{}", line(1));
        }
        metrics.connection_closed();
        assert!(metrics.encode().contains("vestibule_connections_closed_total 1"));
    }
}

//! Figures of the configuration that is in use, and of what the process before left.

use super::{Figures, Metrics, count};
use crate::clock::Moment;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// How a reading of the configuration went while the gate ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReloadOutcome {
    /// It is in use now.
    Applied,
    /// It says what the one in use says.
    Unchanged,
    /// It is not used, and the one before goes on.
    Refused,
}

impl ReloadOutcome {
    const ALL: [Self; 3] = [Self::Applied, Self::Unchanged, Self::Refused];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Unchanged => "unchanged",
            Self::Refused => "refused",
        }
    }
}

/// What became of the sessions that the process before has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionFileOutcome {
    /// They go on here.
    TakenUp,
    /// The file is not one of ours, or not whole: there were none.
    Refused,
}

impl SessionFileOutcome {
    const ALL: [Self; 2] = [Self::TakenUp, Self::Refused];

    const fn as_str(self) -> &'static str {
        match self {
            Self::TakenUp => "taken_up",
            Self::Refused => "refused",
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct OfReloads {
    /// By outcome.
    reloads: [AtomicU64; ReloadOutcome::ALL.len()],
    /// In seconds since the epoch.
    loaded: AtomicI64,
    /// By outcome.
    session_files: [AtomicU64; SessionFileOutcome::ALL.len()],
}

impl Metrics {
    /// The configuration was read while the gate ran.
    pub fn reload(&self, outcome: ReloadOutcome) {
        count(&self.figures.reload.reloads[outcome as usize]);
    }

    /// A configuration was taken over.
    pub fn set_config_loaded(&self, now: Moment) {
        self.figures.reload.loaded.store(now.seconds(), Ordering::Relaxed);
    }

    /// The sessions that the process before has left were looked at.
    pub fn session_file(&self, outcome: SessionFileOutcome) {
        count(&self.figures.reload.session_files[outcome as usize]);
    }
}

impl Figures {
    pub(super) fn encode_reloads(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let OfReloads { reloads, loaded, session_files } = &self.reload;
        let help = "Readings of the configuration while the gate ran, by outcome";
        let mut family = to.encode_descriptor("vestibule_reloads", help, None, MetricType::Counter)?;
        for outcome in ReloadOutcome::ALL {
            let n = reloads[outcome as usize].load(Ordering::Relaxed);
            ConstCounter::new(n).encode(family.encode_family(&[("outcome", outcome.as_str())])?)?;
        }
        let help = "When the configuration in use was taken over";
        let name = "vestibule_config_loaded_timestamp_seconds";
        let gauge = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
        ConstGauge::new(loaded.load(Ordering::Relaxed)).encode(gauge)?;
        let help = "Files with the sessions of the process before, at the start, by outcome";
        let mut family = to.encode_descriptor("vestibule_session_files", help, None, MetricType::Counter)?;
        for outcome in SessionFileOutcome::ALL {
            let n = session_files[outcome as usize].load(Ordering::Relaxed);
            ConstCounter::new(n).encode(family.encode_family(&[("outcome", outcome.as_str())])?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reloads_are_counted_by_outcome() {
        let metrics = Metrics::new(&["wiki"]);
        metrics.reload(ReloadOutcome::Refused);
        metrics.reload(ReloadOutcome::Applied);
        metrics.reload(ReloadOutcome::Applied);
        metrics.set_config_loaded(Moment::from_millis(1_800_000_000_900));
        metrics.session_file(SessionFileOutcome::TakenUp);
        let text = metrics.encode();
        for line in [
            r#"vestibule_reloads_total{outcome="applied"} 2"#,
            r#"vestibule_reloads_total{outcome="unchanged"} 0"#,
            r#"vestibule_reloads_total{outcome="refused"} 1"#,
            "vestibule_config_loaded_timestamp_seconds 1800000000",
            r#"vestibule_session_files_total{outcome="taken_up"} 1"#,
        ] {
            assert!(text.lines().any(|l| l == line), "no line {line} in\n{text}");
        }
        for (at, outcome) in ReloadOutcome::ALL.iter().enumerate() {
            assert_eq!(*outcome as usize, at);
        }
    }
}

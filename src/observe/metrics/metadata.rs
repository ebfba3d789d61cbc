//! Figures of identity providers' metadata and of certificates.

use super::{Figures, Metrics};
use crate::clock::Moment;
use parking_lot::Mutex;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::collections::BTreeMap;
use std::fmt;

/// How one reading of metadata went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetadataOutcome {
    /// Nothing about the identity provider is different.
    Unchanged,
    /// Something is, and it is in use now.
    Changed,
    /// Something is, and waits for the owner.
    Held,
    /// The document was read and is not used.
    Refused,
    /// No document came.
    Unreachable,
}

impl MetadataOutcome {
    const ALL: [Self; 5] = [Self::Unchanged, Self::Changed, Self::Held, Self::Refused, Self::Unreachable];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Changed => "changed",
            Self::Held => "held",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
        }
    }
}

/// How the metadata of an identity provider stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MetadataFigures {
    /// When its source last confirmed what is in use; none: nothing is.
    pub confirmed: Option<Moment>,
    /// Until when what is in use is valid, if it says so.
    pub valid_until: Option<Moment>,
    /// Whether a change waits for the owner.
    pub held: bool,
}

/// By (site, idp).
#[derive(Debug, Default)]
pub(super) struct OfMetadata(Mutex<BTreeMap<[String; 2], OfOne>>);

#[derive(Debug, Default)]
struct OfOne {
    figures: MetadataFigures,
    /// By outcome.
    readings: [u64; MetadataOutcome::ALL.len()],
}

impl Metrics {
    /// The source of an identity provider's metadata was read.
    pub fn metadata_read(&self, site: &str, idp: &str, outcome: MetadataOutcome) {
        let mut all = self.figures.metadata.0.lock();
        all.entry([site.to_owned(), idp.to_owned()]).or_default().readings[outcome as usize] += 1;
    }

    /// Forgets the figures of identity providers that are watched no longer, by (site, idp).
    pub fn retain_metadata(&self, watched: &[(&str, &str)]) {
        let mut all = self.figures.metadata.0.lock();
        all.retain(|[site, idp], _| watched.contains(&(site.as_str(), idp.as_str())));
    }

    /// How the metadata of an identity provider stands.
    pub fn set_metadata(&self, site: &str, idp: &str, figures: MetadataFigures) {
        self.figures.metadata.0.lock().entry([site.to_owned(), idp.to_owned()]).or_default().figures =
            figures;
    }
}

impl Figures {
    pub(super) fn encode_metadata(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let all = self.metadata.0.lock();
        let mut read = to.encode_descriptor(
            "vestibule_idp_metadata_read",
            "Readings of the source of an identity provider's metadata, by outcome",
            None,
            MetricType::Counter,
        )?;
        for ([site, idp], one) in &*all {
            for outcome in MetadataOutcome::ALL {
                let labels = [("site", site.as_str()), ("idp", idp.as_str()), ("outcome", outcome.as_str())];
                ConstCounter::new(one.readings[outcome as usize]).encode(read.encode_family(&labels)?)?;
            }
        }
        let seconds = |moment: Moment| moment.seconds();
        let mut gauge = |name: &str, help: &str, value: &dyn Fn(&MetadataFigures) -> Option<i64>| {
            let mut family = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for ([site, idp], one) in &*all {
                if let Some(value) = value(&one.figures) {
                    let labels = [("site", site.as_str()), ("idp", idp.as_str())];
                    ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
                }
            }
            Ok(())
        };
        gauge(
            "vestibule_idp_metadata_confirmed_timestamp_seconds",
            "When the source last confirmed the metadata in use; missing while nothing is known",
            &|figures| figures.confirmed.map(seconds),
        )?;
        gauge(
            "vestibule_idp_metadata_valid_until_timestamp_seconds",
            "Until when the metadata in use is valid, where it says so",
            &|figures| figures.valid_until.map(seconds),
        )?;
        gauge("vestibule_idp_metadata_held", "Whether a change waits for the owner", &|figures| {
            Some(i64::from(figures.held))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_as_last_set_and_readings_are_counted() {
        let metrics = Metrics::new(&["wiki"]);
        let confirmed = Some(Moment::from_millis(1_800_000_000_999));
        metrics.set_metadata("wiki", "corp", MetadataFigures { confirmed, valid_until: None, held: true });
        metrics.metadata_read("wiki", "corp", MetadataOutcome::Held);
        metrics.set_own_certificate_days_left("wiki", "ab12", 12.5);
        let text = metrics.encode();
        for line in [
            r#"vestibule_idp_metadata_confirmed_timestamp_seconds{site="wiki",idp="corp"} 1800000000"#,
            r#"vestibule_idp_metadata_held{site="wiki",idp="corp"} 1"#,
            r#"vestibule_idp_metadata_read_total{site="wiki",idp="corp",outcome="held"} 1"#,
            r#"vestibule_idp_metadata_read_total{site="wiki",idp="corp",outcome="unreachable"} 0"#,
            r#"vestibule_sp_certificate_days_left{site="wiki",fingerprint="ab12"} 12.5"#,
        ] {
            assert!(text.lines().any(|l| l == line), "no line {line} in\n{text}");
        }
        assert!(!text.contains("valid_until_timestamp_seconds{"), "it says nothing about it");
        metrics.clear_certificates();
        assert!(!metrics.encode().contains("ab12"));
    }

    #[test]
    fn labels_and_places_agree() {
        for (at, outcome) in MetadataOutcome::ALL.iter().enumerate() {
            assert_eq!(*outcome as usize, at);
        }
    }
}

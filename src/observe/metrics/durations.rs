//! How long things took, and which trace shows one of them.

use super::{FaceLabel, Figures, count};
use crate::clock::Moment;
use crate::observe::traces::TraceId;
use parking_lot::Mutex;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};

/// A histogram of a few atomics: two additions an observation, no lock.
#[derive(Debug, Default)]
pub(super) struct Durations {
    buckets: [AtomicU64; Self::BUCKETS],
    nanoseconds: AtomicU64,
}

impl Durations {
    /// Upper bounds in seconds: from the check of a known session to an upload.
    const BOUNDS: [f64; 14] =
        [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

    const BUCKETS: usize = Self::BOUNDS.len() + 1;

    /// Answers the bucket.
    pub(super) fn observe(&self, seconds: f64) -> usize {
        let at =
            Self::BOUNDS.iter().position(|&bound| seconds.max(0.0) <= bound).unwrap_or(Self::BOUNDS.len());
        self.observe_at(at, seconds);
        at
    }

    /// The same where the bucket is known.
    pub(super) fn observe_at(&self, bucket: usize, seconds: f64) {
        if let Some(bucket) = self.buckets.get(bucket) {
            count(bucket);
        }
        // Not a number and negative count as nothing; casts from float saturate.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates, and is not negative"
        )]
        self.nanoseconds.fetch_add((seconds.max(0.0) * 1e9) as u64, Ordering::Relaxed);
    }

    pub(super) fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let bounds = Self::BOUNDS.iter().copied().chain([f64::INFINITY]);
        let buckets: Vec<_> =
            bounds.zip(&self.buckets).map(|(bound, n)| (bound, n.load(Ordering::Relaxed))).collect();
        let total = buckets.iter().map(|(_, n)| n).sum();
        #[expect(clippy::cast_precision_loss, reason = "a sum of seconds")]
        let seconds = self.nanoseconds.load(Ordering::Relaxed) as f64 / 1e9;
        encoder.encode_histogram::<NoLabelSet>(seconds, total, &buckets, None::<&HashMap<_, _>>)
    }
}

/// Of each bucket the last request that was traced.
#[derive(Debug, Default)]
pub(super) struct Exemplars(Mutex<[Option<Exemplar>; Durations::BUCKETS]>);

#[derive(Debug, Clone, Copy)]
struct Exemplar {
    trace: TraceId,
    seconds: f64,
    at: Moment,
}

impl Exemplars {
    /// Only requests that are recorded come here, which are few: a lock does not matter.
    pub(super) fn put(&self, bucket: usize, trace: TraceId, seconds: f64, at: Moment) {
        if let Some(place) = self.0.lock().get_mut(bucket) {
            *place = Some(Exemplar { trace, seconds, at });
        }
    }

    fn encoded(&self) -> impl Iterator<Item = (usize, String)> {
        let all = *self.0.lock();
        all.into_iter().enumerate().filter_map(|(bucket, exemplar)| {
            let Exemplar { trace, seconds, at } = exemplar?;
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of this age fit")]
            let at = at.millis() as f64 / 1e3;
            Some((bucket, format!(" # {{trace_id=\"{trace}\"}} {seconds} {at}")))
        })
    }
}

/// The families that have exemplars.
const BY_FACE: &str = "vestibule_request_duration_seconds_bucket";
const BY_SITE: &str = "vestibule_site_request_duration_seconds_bucket";

impl Figures {
    pub(super) fn encode_durations_of_sites(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        if self.not_by_site.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut durations = to.encode_descriptor(
            "vestibule_site_request_duration",
            "From the head of a request for a site to the end of its answer",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        for site in &*self.sites.lock() {
            let labels = [("site", site.name.as_str())];
            site.durations.encode(durations.encode_family(&labels)?)?;
        }
        Ok(())
    }

    /// The scrape with each exemplar behind the line of its bucket. The library writes exemplars of its own histograms only.
    pub(super) fn with_exemplars(&self, scrape: String) -> String {
        // Those of before a reload that switched them off are still there.
        if self.no_exemplars.load(Ordering::Relaxed) {
            return scrape;
        }
        let exemplars = self.exemplars();
        if exemplars.is_empty() {
            return scrape;
        }
        let mut text = String::with_capacity(scrape.len() + exemplars.len() * 96);
        for line in scrape.lines() {
            text.push_str(line);
            let exemplar = place_of(line).and_then(|place| exemplars.get(&place));
            // Writing to a String does not fail.
            let _ = writeln!(text, "{}", exemplar.map_or("", String::as_str));
        }
        text
    }

    /// By family, labels without `le`, and bucket.
    fn exemplars(&self) -> HashMap<(&'static str, String, usize), String> {
        let mut all = HashMap::new();
        for face in FaceLabel::ALL {
            for (bucket, text) in self.exemplars[face as usize].encoded() {
                all.insert((BY_FACE, format!("face=\"{}\"", face.as_str()), bucket), text);
            }
        }
        for site in &*self.sites.lock() {
            // As the library escapes a label.
            let name = site.name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            for (bucket, text) in site.exemplars.encoded() {
                all.insert((BY_SITE, format!("site=\"{name}\""), bucket), text);
            }
        }
        all
    }
}

/// `vestibule_…_bucket{le="0.1",site="wiki"} 7`: family, labels without `le`, and which bucket.
fn place_of(line: &str) -> Option<(&'static str, String, usize)> {
    let (family, rest) = line.split_once("{le=\"")?;
    let family = [BY_FACE, BY_SITE].into_iter().find(|known| *known == family)?;
    let (bound, rest) = rest.split_once("\",")?;
    let (labels, _) = rest.rsplit_once("} ")?;
    let bound: f64 = bound.parse().ok()?;
    let bucket = Durations::BOUNDS.iter().position(|known| bound <= *known);
    Some((family, labels.to_owned(), bucket.unwrap_or(Durations::BOUNDS.len())))
}

//! A scrape: names, help and labels put to the figures.

use super::super::outputs;
use super::{FaceLabel, Figures, ListenerLabel, OpinionLabel, SiteFigures, VerdictLabel};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

impl Collector for Figures {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let to = &mut to;
        self.encode_requests(to)?;
        self.encode_sign_ins(to)?;
        self.encode_store(to)?;
        self.encode_shared_store(to)?;
        self.encode_certificates(to)?;
        self.encode_metadata(to)?;
        self.encode_limits(to)?;
        self.encode_reloads(to)?;
        self.encode_traces(to)?;

        let help = "Audit events that could not be written";
        let lost = to.encode_descriptor("vestibule_audit_dropped", help, None, MetricType::Counter)?;
        ConstCounter::new(outputs::audit_events_lost()).encode(lost)?;
        let help = "Lines of the log that could not be written";
        let lost = to.encode_descriptor("vestibule_log_dropped", help, None, MetricType::Counter)?;
        ConstCounter::new(outputs::log_lines_lost()).encode(lost)?;

        let in_flight = self.in_flight.load(Ordering::Relaxed);
        gauge(to, "vestibule_in_flight", "Requests being served", in_flight)?;
        self.encode_connections(to)?;
        let mut info =
            to.encode_descriptor("vestibule_build_info", "The program that runs", None, MetricType::Gauge)?;
        ConstGauge::new(1_u64).encode(info.encode_family(&[("version", env!("CARGO_PKG_VERSION"))])?)
    }
}

impl Figures {
    fn encode_requests(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut requests =
            to.encode_descriptor("vestibule_requests", "Requests by verdict", None, MetricType::Counter)?;
        for site in &*self.sites.lock() {
            for face in FaceLabel::ALL {
                for verdict in VerdictLabel::ALL {
                    let n = site.requests[face as usize][verdict as usize].load(Ordering::Relaxed);
                    let labels = [
                        ("site", site.name.as_str()),
                        ("face", face.as_str()),
                        ("verdict", verdict.as_str()),
                    ];
                    ConstCounter::new(n).encode(requests.encode_family(&labels)?)?;
                }
            }
        }
        let mut durations = to.encode_descriptor(
            "vestibule_request_duration",
            "From the head of a request to the end of its answer",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        for face in FaceLabel::ALL {
            let labels = [("face", face.as_str())];
            self.durations[face as usize].encode(durations.encode_family(&labels)?)?;
        }
        self.encode_durations_of_sites(to)
    }

    fn encode_connections(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Open connections of clients";
        let mut open = to.encode_descriptor("vestibule_connections", help, None, MetricType::Gauge)?;
        for listener in ListenerLabel::ALL {
            let n = self.connections[listener as usize].load(Ordering::Relaxed);
            ConstGauge::new(n).encode(open.encode_family(&[("listener", listener.as_str())])?)?;
        }
        let help = "Connections that were closed at once, because limits.connections were open";
        let mut refused =
            to.encode_descriptor("vestibule_connections_refused", help, None, MetricType::Counter)?;
        for listener in ListenerLabel::ALL {
            let n = self.connections_refused[listener as usize].load(Ordering::Relaxed);
            ConstCounter::new(n).encode(refused.encode_family(&[("listener", listener.as_str())])?)?;
        }
        Ok(())
    }

    fn encode_sign_ins(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Browsers sent to an identity provider";
        self.per_site(to, "vestibule_sign_ins_started", help, |site| &site.sign_ins_started)?;
        let help = "Sessions ended by their owner, here or at the identity provider";
        self.per_site(to, "vestibule_sign_outs", help, |site| &site.sign_outs)?;
        let help = "Answers that only a danger_ key of the configuration let in";
        let mut used = to.encode_descriptor("vestibule_danger_used", help, None, MetricType::Counter)?;
        for site in &*self.sites.lock() {
            let labels = [("site", site.name.as_str()), ("danger", "sha1")];
            let n = site.danger_sha1.load(Ordering::Relaxed);
            ConstCounter::new(n).encode(used.encode_family(&labels)?)?;
        }
        let mut ended = to.encode_descriptor(
            "vestibule_sign_ins",
            "Sign-ins that ended, by outcome and reason code",
            None,
            MetricType::Counter,
        )?;
        for site in &*self.sites.lock() {
            let name = ("site", site.name.as_str());
            let labels = [name, ("outcome", "accepted"), ("code", "")];
            let accepted = site.sign_ins_accepted.load(Ordering::Relaxed);
            ConstCounter::new(accepted).encode(ended.encode_family(&labels)?)?;
            for (code, n) in &*site.sign_ins_refused.lock() {
                let labels = [name, ("outcome", "refused"), ("code", *code)];
                ConstCounter::new(*n).encode(ended.encode_family(&labels)?)?;
            }
        }
        let help = "Logout messages of identity providers, by who began, outcome and reason code";
        let mut logouts =
            to.encode_descriptor("vestibule_single_logouts", help, None, MetricType::Counter)?;
        for site in &*self.sites.lock() {
            for ([begun_by, outcome, code], n) in &*site.single_logouts.lock() {
                let labels = [
                    ("site", site.name.as_str()),
                    ("begun_by", *begun_by),
                    ("outcome", *outcome),
                    ("code", *code),
                ];
                ConstCounter::new(*n).encode(logouts.encode_family(&labels)?)?;
            }
        }
        let mut opinions = to.encode_descriptor(
            "vestibule_second_opinions",
            "Accepted answers that were judged once more, by what the second opinion was",
            None,
            MetricType::Counter,
        )?;
        for opinion in OpinionLabel::ALL {
            let n = self.second_opinions[opinion as usize].load(Ordering::Relaxed);
            ConstCounter::new(n).encode(opinions.encode_family(&[("opinion", opinion.as_str())])?)?;
        }
        Ok(())
    }

    fn encode_store(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let [sessions, bytes, evicted, claims] = self.store.each_ref().map(|f| f.load(Ordering::Relaxed));
        gauge(to, "vestibule_sessions", "Live sessions in the store", sessions)?;
        gauge(to, "vestibule_session_bytes", "Bytes that the sessions take", bytes)?;
        let help = "Sessions that had to make room for newer ones";
        let counter = to.encode_descriptor("vestibule_sessions_evicted", help, None, MetricType::Counter)?;
        ConstCounter::new(evicted).encode(counter)?;
        gauge(to, "vestibule_claims", "Answered requests and assertions that are remembered", claims)
    }

    fn encode_certificates(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut days = to.encode_descriptor(
            "vestibule_idp_certificate_days_left",
            "Days until a signing certificate of an identity provider ends",
            None,
            MetricType::Gauge,
        )?;
        for ([site, idp, fingerprint], left) in &*self.certificates.lock() {
            let labels =
                [("site", site.as_str()), ("idp", idp.as_str()), ("fingerprint", fingerprint.as_str())];
            ConstGauge::new(*left).encode(days.encode_family(&labels)?)?;
        }
        let mut days = to.encode_descriptor(
            "vestibule_sp_certificate_days_left",
            "Days until a signing certificate of our own ends",
            None,
            MetricType::Gauge,
        )?;
        for ([site, fingerprint], left) in &*self.own_certificates.lock() {
            let labels = [("site", site.as_str()), ("fingerprint", fingerprint.as_str())];
            ConstGauge::new(*left).encode(days.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn per_site(
        &self,
        to: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        of: impl Fn(&SiteFigures) -> &AtomicU64,
    ) -> fmt::Result {
        let mut counter = to.encode_descriptor(name, help, None, MetricType::Counter)?;
        for site in &*self.sites.lock() {
            let n = of(site).load(Ordering::Relaxed);
            ConstCounter::new(n).encode(counter.encode_family(&[("site", site.name.as_str())])?)?;
        }
        Ok(())
    }
}

pub(super) fn gauge(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    ConstGauge::new(value).encode(to.encode_descriptor(name, help, None, MetricType::Gauge)?)
}

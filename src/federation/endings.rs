//! Certificates that end: theirs, by which answers are verified, and ours, by which requests are signed. Nothing here is
//! refused when one ends; identity providers do refuse ours, and people who look at theirs have something to do.

use crate::clock::Moment;
use crate::observe::audit::{self, Event};
use crate::saml::parties::SigningCertificate;
use crate::site::{Site, each_idp};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Told once for each of these, and from the last-but-one on once a day.
const MILESTONES: [u32; 3] = [30, 7, 1];

/// Who has been told what.
#[derive(Debug, Default)]
pub struct Endings {
    /// (site, IdP or none, fingerprint) to the last time.
    told: HashMap<(String, String, [u8; 32]), Told>,
}

#[derive(Debug, Clone, Copy)]
struct Told {
    at: Moment,
    milestone: u32,
}

/// A certificate in use.
struct InUse<'a> {
    site: &'a str,
    /// None: ours.
    idp: Option<&'a str>,
    certificate: SigningCertificate,
}

impl Endings {
    /// Audits what ends in 30 days, in 7 and in 1, and from 7 days on every day. To be called now and then.
    pub fn look(&mut self, sites: &[Arc<Site>], now: Moment) {
        for in_use in all_in_use(sites) {
            let Some(milestone) = milestone(in_use.certificate.not_after, now) else { continue };
            let (site, idp) = (in_use.site.to_owned(), in_use.idp.unwrap_or_default().to_owned());
            let key = (site, idp, in_use.certificate.sha256);
            let again = |told: &Told| {
                milestone < told.milestone || milestone <= MILESTONES[1] && now.since(told.at) >= DAY
            };
            if self.told.get(&key).is_none_or(again) {
                in_use.tell(now);
                self.told.insert(key, Told { at: now, milestone });
            }
        }
    }
}

/// The tightest milestone that is reached; 0 when it is over.
fn milestone(not_after: Moment, now: Moment) -> Option<u32> {
    if not_after <= now {
        return Some(0);
    }
    let left = not_after.since(now);
    MILESTONES.into_iter().rev().find(|days| left <= DAY * *days)
}

fn all_in_use(sites: &[Arc<Site>]) -> Vec<InUse<'_>> {
    let mut all = Vec::new();
    for (site, idp) in each_idp(sites) {
        let known = idp.known();
        let theirs = known.iter().flat_map(|saml| saml.keys.certificates()).cloned();
        all.extend(theirs.map(|certificate| InUse { site, idp: Some(&idp.id), certificate }));
    }
    for site in sites.iter().filter(|site| site.sign_on.is_none()) {
        let ours = site.service_provider.signing_keys.iter().map(|key| key.certificate().clone());
        all.extend(ours.map(|certificate| InUse { site: &site.name, idp: None, certificate }));
    }
    all
}

impl InUse<'_> {
    fn tell(&self, now: Moment) {
        let SigningCertificate { subject, not_after, .. } = &self.certificate;
        audit::record(&Event::CertificateEnding {
            site: self.site,
            idp: self.idp,
            certificate: subject,
            fingerprint: &self.certificate.fingerprint(),
            ends: *not_after,
            days_left: now.whole_days_until(*not_after),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milestones_are_thirty_days_a_week_and_a_day() {
        let now = Moment::from_seconds(1_800_000_000);
        let at = |days: u32| milestone(now.plus(DAY * days), now);
        assert_eq!(
            [at(31), at(30), at(8), at(7), at(2), at(1)],
            [None, Some(30), Some(30), Some(7), Some(7), Some(1)]
        );
        assert_eq!(milestone(now, now), Some(0));
        assert_eq!(milestone(now.minus(DAY), now), Some(0));
    }
}

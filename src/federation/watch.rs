//! One identity provider's metadata through the years: read, judged, taken over, held, refused.
//!
//! ```text
//!             unreachable, 304             refused            held                 taken over
//! source ──read──> document ──describe──> Described ──judge──> Change ──> running ──> Idp::metadata
//!                                                       \──> held ──(owner agrees, or a delay)──/
//! ```
//!
//! A document that is not used changes nothing: what runs goes on until its own validUntil. The running description is
//! kept as it was judged, so that what the next one is compared with is what signs people in.

use super::folder::{Copy, Folder, Kind};
use super::held::Held;
use super::schedule::{Pace, jittered};
use super::source::{Reading, Source, Version};
use super::terms::Terms;
use crate::clock::{Clock, Moment};
use crate::observe::audit::{self, Changed, Event};
use crate::observe::metrics::{MetadataFigures, MetadataOutcome, Metrics};
use crate::observe::traces;
use crate::saml::metadata::change::{Change, Difference, KeyChanges, judge};
use crate::saml::metadata::{Described, MetadataProblem};
use crate::saml::parties::SigningCertificate;
use crate::site::{Idp, Known};
use aws_lc_rs::digest::{SHA256, digest};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Held while a name is compared with those in use and put into use, so that no two take it at once.
static INSTALLING: Mutex<()> = Mutex::new(());

/// What to do about changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changes {
    /// `key_changes`.
    pub keys: KeyChanges,
    /// `apply_held_after`. `None`: only the owner lets a held change in.
    pub apply_held_after: Option<Duration>,
}

/// One identity provider under watch. One task owns it.
#[derive(Debug)]
pub struct Watch {
    /// The site's name.
    pub site: String,
    /// Whose metadata it is.
    pub idp: Arc<Idp>,
    /// Where it comes from.
    pub source: Arc<dyn Source>,
    /// How its documents are read.
    pub terms: Terms,
    /// How often.
    pub pace: Pace,
    /// What may change by itself.
    pub changes: Changes,
    /// Where copies are kept, if anywhere.
    pub folder: Option<Folder>,
    /// What happened so far.
    pub standing: Standing,
}

/// What happened so far.
#[derive(Debug, Default)]
pub struct Standing {
    pub(super) running: Option<Running>,
    pub(super) held: Option<Held>,
    /// The document that was read last, with what became of it.
    pub(super) seen: Option<Seen>,
    pub(super) due: Option<Moment>,
    pub(super) failures: u32,
    /// An agreement that could not be read has been told about.
    pub(super) complained: bool,
    /// An agreement to something that was not held: its source has been read for its sake.
    pub(super) sought: Option<[u8; 32]>,
}

/// What signs people in.
#[derive(Debug)]
pub struct Running {
    /// As it was judged.
    pub described: Described,
    /// When its source last said so.
    pub confirmed: Moment,
}

/// A document that was read.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) version: Version,
    pub(super) digest: [u8; 32],
    pub(super) became: Became,
}

/// What became of it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Became {
    Running,
    Held,
    Refused,
}

/// A document with what it says.
struct Found {
    document: Vec<u8>,
    version: Version,
    digest: [u8; 32],
    described: Result<Described, MetadataProblem>,
}

impl Standing {
    /// Begins with what the configuration has read already.
    pub fn running(described: Described, now: Moment) -> Self {
        Self { running: Some(Running { described, confirmed: now }), ..Self::default() }
    }
}

impl Watch {
    /// What signs people in, if anything is known.
    pub fn running(&self) -> Option<&Running> {
        self.standing.running.as_ref()
    }

    /// What waits for the owner.
    pub fn held(&self) -> Option<&Held> {
        self.standing.held.as_ref()
    }

    /// What is to be done now, if anything: an agreement is carried out, the source is read when it is time or when the
    /// owner agreed to something that it may say by now, a held change whose time has come is let in. Never fails: what does not work is told and tried again.
    pub async fn round(&mut self, clock: &dyn Clock, metrics: &Metrics) {
        let agreed = self.agreed().filter(|agreed| !self.carry_out(agreed, clock.now()));
        let due = self.standing.due.is_none_or(|due| due <= clock.now());
        if due || agreed.is_some() && self.standing.sought != agreed {
            self.standing.sought = agreed;
            let outcome = self.read(clock, metrics).await;
            if let Some(agreed) = agreed.filter(|agreed| !self.carry_out(agreed, clock.now())) {
                self.give_up_unless(outcome == MetadataOutcome::Unreachable, &agreed);
            }
        }
        self.let_in_after_delay(clock.now());
        self.show(metrics);
    }

    /// Reads the source now. Nothing is changed: for a person who wants to know.
    ///
    /// # Errors
    /// The sentence of the source or of the document.
    pub async fn look(&self, now: Moment) -> Result<Described, String> {
        match self.source.read(None).await.map_err(|problem| problem.to_string())? {
            Reading::Unchanged => Err("the source says that nothing has changed since never".to_owned()),
            Reading::Document { octets, version } => {
                let found = self.described(octets, version, now).await?;
                found.described.map_err(|problem| format!("{}: {problem}", problem.reason.code()))
            }
        }
    }

    async fn read(&mut self, clock: &dyn Clock, metrics: &Metrics) -> MetadataOutcome {
        let known = self.standing.seen.as_ref().map(|seen| seen.version.clone());
        let mut step = traces::step("read metadata", traces::Kind::Client);
        let read = self.source.read(known.as_ref()).await;
        // Reading may have taken minutes.
        let now = clock.now();
        let outcome = match read {
            Err(problem) => self.unreachable(&problem.0),
            Ok(Reading::Unchanged) => self.unchanged(now),
            Ok(Reading::Document { octets, version }) if self.is_seen(&octets) => {
                if let Some(seen) = &mut self.standing.seen {
                    seen.version = version;
                }
                self.unchanged(now)
            }
            Ok(Reading::Document { octets, version }) => match self.described(octets, version, now).await {
                Ok(found) => self.judged(found, now),
                Err(problem) => self.unreachable(&problem),
            },
        };
        metrics.metadata_read(&self.site, &self.idp.id, outcome);
        if let Some(step) = &mut step {
            step.say("vestibule.idp", self.idp.id.clone());
            step.say("vestibule.outcome", outcome.as_str());
            if matches!(outcome, MetadataOutcome::Unreachable | MetadataOutcome::Refused) {
                step.failed(outcome.as_str());
            }
        }
        drop(step);
        let pause = match outcome {
            MetadataOutcome::Unreachable | MetadataOutcome::Refused => {
                self.standing.failures = self.standing.failures.saturating_add(1);
                self.pace.after_failure(self.standing.failures, self.idp.saml(now).is_err())
            }
            _ => {
                self.standing.failures = 0;
                let described = self.running().map(|running| &running.described);
                let cache_duration = described.and_then(|described| described.cache_duration);
                let valid_until = described.and_then(|described| described.valid_until);
                self.pace.after_success(cache_duration, valid_until, now)
            }
        };
        let mut chance = [0];
        // Without randomness there is no jitter, and nothing else works either.
        let _ = aws_lc_rs::rand::fill(&mut chance);
        self.standing.due = Some(now.plus(jittered(pause, chance[0])));
        outcome
    }

    fn is_seen(&self, octets: &[u8]) -> bool {
        self.standing.seen.as_ref().is_some_and(|seen| seen.digest == sha256(octets))
    }

    /// Described on a thread of its own: an aggregate takes its time.
    async fn described(&self, octets: Vec<u8>, version: Version, now: Moment) -> Result<Found, String> {
        let terms = self.terms.clone();
        let describing = tokio::task::spawn_blocking(move || {
            let (digest, described) = (sha256(&octets), terms.describe(&octets, now));
            Found { document: octets, version, digest, described }
        });
        describing
            .await
            .map_err(|_| "the document could not be read: this is a fault of Vestibule".to_owned())
    }

    fn unreachable(&self, problem: &str) -> MetadataOutcome {
        let running = self.running().map(|running| running.confirmed.to_string());
        tracing::warn!(
            site = self.site,
            idp = self.idp.id,
            in_use_since = running,
            problem,
            "its metadata cannot be read now; what is known stays in use"
        );
        MetadataOutcome::Unreachable
    }

    /// The source says what it said last time, and so do we.
    fn unchanged(&mut self, now: Moment) -> MetadataOutcome {
        match self.standing.seen.as_ref().map(|seen| seen.became) {
            Some(Became::Refused) => MetadataOutcome::Refused,
            Some(Became::Held) => {
                if let Some(held) = &mut self.standing.held {
                    held.confirmed = now;
                }
                MetadataOutcome::Held
            }
            _ => {
                if let Some(running) = &mut self.standing.running {
                    running.confirmed = now;
                }
                MetadataOutcome::Unchanged
            }
        }
    }

    fn judged(&mut self, found: Found, now: Moment) -> MetadataOutcome {
        let Found { document, version, digest, described } = found;
        let described = match described {
            Ok(described) => described,
            Err(problem) => return self.refused(problem, version, digest),
        };
        let change = match &self.standing.running {
            None => Change::Apply(Vec::new()),
            Some(Running { described: running, .. }) => judge(running, &described, self.changes.keys),
        };
        let seen = |became| Some(Seen { version: version.clone(), digest, became });
        match change {
            Change::Refuse(problem) => self.refused(problem, version, digest),
            Change::Hold { differences, why } => {
                self.standing.seen = seen(Became::Held);
                let held = Held { described, since: now, confirmed: now, why, differences };
                self.hold(held, document, version);
                MetadataOutcome::Held
            }
            Change::Same | Change::Apply(_) => {
                let first = self.standing.running.is_none();
                let how = if first { "the first reading" } else { "the rules" };
                let differences = match change {
                    Change::Apply(differences) => differences,
                    _ => Vec::new(),
                };
                let warnings = self.warnings_of(&described);
                let seen = seen(Became::Running);
                if let Err(problem) = self.take_over(described, document, version.clone(), now) {
                    return self.refused(problem, version, digest);
                }
                self.standing.seen = seen;
                self.drop_held();
                for warning in warnings {
                    tracing::warn!(site = self.site, idp = self.idp.id, "its metadata: {warning}");
                }
                if first || !differences.is_empty() {
                    self.tell_change(how, None, &differences);
                    return MetadataOutcome::Changed;
                }
                MetadataOutcome::Unchanged
            }
        }
    }

    /// It changes nothing, and is told about once.
    fn refused(&mut self, problem: MetadataProblem, version: Version, digest: [u8; 32]) -> MetadataOutcome {
        audit::record(&Event::MetadataRefused {
            site: &self.site,
            idp: &self.idp.id,
            source: self.source.name(),
            reason: problem.reason,
            detail: &problem.sentence,
        });
        self.standing.seen = Some(Seen { version, digest, became: Became::Refused });
        MetadataOutcome::Refused
    }

    /// From here on it signs people in.
    pub(super) fn take_over(
        &mut self,
        described: Described,
        document: Vec<u8>,
        version: Version,
        now: Moment,
    ) -> Result<(), MetadataProblem> {
        self.install(described, now)?;
        if let Some(folder) = &self.folder {
            let copy = self.copy(document, version, now);
            self.told(folder.save(&self.idp.id, Kind::Good, &copy));
        }
        Ok(())
    }

    /// Fails when another identity provider of the site has taken the name since the document was described: two that
    /// are read for the first time at the same time.
    pub(super) fn install(&mut self, described: Described, confirmed: Moment) -> Result<(), MetadataProblem> {
        // What it guards is in no state of its own, so that a panic elsewhere spoils nothing.
        let _one_at_a_time = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
        self.terms.refuse_taken(&described.identity_provider.entity_id)?;
        self.idp.metadata.replace(Known {
            identity_provider: Arc::new(described.identity_provider.clone()),
            valid_until: described.valid_until,
        });
        self.standing.running = Some(Running { described, confirmed });
        Ok(())
    }

    /// The warnings that have not been told about what runs.
    fn warnings_of(&self, found: &Described) -> Vec<String> {
        let told = self.running().map_or(&[][..], |running| &running.described.warnings);
        found.warnings.iter().filter(|warning| !told.contains(warning)).cloned().collect()
    }

    /// To be called when the terms are complete, which they are not yet when the configuration reads a file: what they say
    /// of it has been told by `check`, and the first look does not tell it again.
    pub fn complete(&mut self, terms: Terms) {
        self.terms = terms;
        if let Some(running) = &mut self.standing.running {
            // What is refused has been told as well, and nothing starts.
            let _ = self.terms.lay_over(&mut running.described);
        }
    }

    pub(super) fn copy(&self, document: Vec<u8>, version: Version, at: Moment) -> Copy {
        Copy { source: self.source.name().to_owned(), at, version, document }
    }

    pub(super) fn tell_change(&self, how: &str, by: Option<&str>, changed: &[Difference]) {
        audit::record(&Event::MetadataChanged {
            site: &self.site,
            idp: &self.idp.id,
            source: self.source.name(),
            how,
            by,
            changed: &told(changed),
        });
    }

    /// What could not be kept or removed is told; the gate goes on without.
    pub(super) fn told(&self, done: Result<(), String>) {
        if let Err(problem) = done {
            tracing::warn!(
                site = self.site,
                idp = self.idp.id,
                problem,
                "state_dir does not work as it should"
            );
        }
    }

    pub(super) fn show(&self, metrics: &Metrics) {
        let figures = MetadataFigures {
            confirmed: self.running().map(|running| running.confirmed),
            valid_until: self.running().and_then(|running| running.described.valid_until),
            held: self.held().is_some(),
        };
        metrics.set_metadata(&self.site, &self.idp.id, figures);
        self.idp.metadata.set_change_held(figures.held);
    }
}

/// For the audit: in words, and the certificates by themselves.
pub(super) fn told(differences: &[Difference]) -> Changed {
    let mut changed = Changed::default();
    for difference in differences {
        changed.differences.push(difference.to_string());
        let (added, removed) = match difference {
            Difference::KeyAdded(certificate) => (Some(certificate), None),
            Difference::KeyRemoved(certificate) => (None, Some(certificate)),
            Difference::CertificateRenewed { from, to } => (Some(to), Some(from)),
            _ => (None, None),
        };
        changed.certificates_added.extend(added.map(SigningCertificate::fingerprint));
        changed.certificates_removed.extend(removed.map(SigningCertificate::fingerprint));
    }
    changed
}

pub(super) fn sha256(octets: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, octets).as_ref());
    out
}

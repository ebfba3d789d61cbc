//! What outlives the process, taken up by the next one; and shown to somebody who looks on.

use super::folder::{Copy, Folder, Kind};
use super::held::Held;
use super::watch::{Became, Running, Seen, Standing, Watch, sha256};
use crate::observe::metrics::Metrics;
use crate::saml::metadata::change::{Change, differences, judge};

impl Watch {
    /// Takes up what an earlier process knew. A copy counts only if it came from where we would ask now and passes by
    /// the terms of now; that it has ended meanwhile is no reason to forget whom it named. A file that the configuration
    /// names counts as it is: whoever wrote it and restarted the gate has decided.
    pub fn restore(&mut self, metrics: &Metrics) {
        if let Some(folder) = self.folder.clone() {
            match &self.standing.running {
                None => self.recall_good(&folder),
                Some(_) => self.tell_what_changed_meanwhile(&folder),
            }
            if self.is_held_still(&folder) == Some(false) {
                // Other terms than then, or what was held runs: the next reading decides.
                self.told(folder.remove(&self.idp.id, Kind::Held));
            }
        }
        self.show(metrics);
    }

    /// Goes on with what another watch knew of the same identity provider, when the configuration has changed: as it is where
    /// it would be read alike, and under the owner's new word where only that is different. False where it is to be read
    /// anew: it comes from elsewhere, who must have signed it is another, or what is known does not pass any more.
    pub fn succeed(&mut self, before: Self, metrics: &Metrics) -> bool {
        let same_source = self.source.name() == before.source.name();
        if !same_source || !self.terms.takes_the_same_for_good(&before.terms) {
            return false;
        }
        let same_terms = self.terms.lays_the_same_over(&before.terms);
        let same_changes = self.changes == before.changes;
        let same_pace = self.pace == before.pace;
        let Standing { running, held, seen, due, failures, complained, sought } = before.standing;
        let begun = std::mem::take(&mut self.standing);
        if let Some(Running { mut described, confirmed }) = running {
            let laid = if same_terms { Ok(()) } else { self.terms.lay_over(&mut described) };
            if laid.is_err() || self.install(described, confirmed).is_err() {
                self.standing = begun;
                return false;
            }
        }
        let running = self.standing.running.take();
        self.standing = Standing {
            running,
            held,
            // Other rules than those by which it was judged: it is judged once more.
            seen: seen.filter(|_| same_terms && same_changes),
            due: due.filter(|_| same_terms && same_changes && same_pace),
            failures,
            complained,
            sought,
        };
        self.show(metrics);
        true
    }

    /// A file is read before there is anybody to compare it with: what is different since it was last in use is told now.
    fn tell_what_changed_meanwhile(&self, folder: &Folder) {
        let Some(running) = &self.standing.running else { return };
        let Some(copy) = self.loaded(folder, Kind::Good) else { return };
        let Ok(before) = self.terms.describe(&copy.document, copy.at) else { return };
        let differences = differences(&before.identity_provider, &running.described.identity_provider);
        if !differences.is_empty() {
            self.tell_change("a file that was changed before the start", None, &differences);
        }
    }

    /// For somebody who looks on: what the gate that runs has kept, and nothing else: what a file says by now may not run
    /// yet, or nowhere. Nothing is changed.
    pub fn recall(&mut self) {
        self.standing = Standing::default();
        if let Some(folder) = self.folder.clone() {
            self.recall_good(&folder);
            self.is_held_still(&folder);
        }
    }

    fn recall_good(&mut self, folder: &Folder) {
        let Some(copy) = self.loaded(folder, Kind::Good) else { return };
        match self.terms.describe(&copy.document, copy.at) {
            Ok(described) => {
                self.standing.seen = Some(Seen::of(&copy, Became::Running));
                if let Err(problem) = self.install(described, copy.at) {
                    self.standing.seen = None;
                    self.told(Err(problem.sentence));
                }
            }
            Err(problem) => tracing::warn!(
                site = self.site,
                idp = self.idp.id,
                code = problem.reason.code(),
                %problem,
                "the copy of its metadata in state_dir is not used"
            ),
        }
    }

    /// Whether the rules of now hold what was held; none when nothing was.
    fn is_held_still(&mut self, folder: &Folder) -> Option<bool> {
        let copy = self.loaded(folder, Kind::Held)?;
        let described = self.terms.describe(&copy.document, copy.at).ok();
        let judged = self.standing.running.as_ref().zip(described).map(|(running, described)| {
            (judge(&running.described, &described, self.changes.keys), described)
        });
        let Some((Change::Hold { differences, why }, described)) = judged else { return Some(false) };
        self.standing.seen = Some(Seen::of(&copy, Became::Held));
        self.standing.held = Some(Held { described, since: copy.at, confirmed: copy.at, why, differences });
        Some(true)
    }

    fn loaded(&self, folder: &Folder, kind: Kind) -> Option<Copy> {
        let copy = match folder.load(&self.idp.id, kind) {
            Ok(copy) => copy?,
            Err(problem) => {
                self.told(Err(problem));
                return None;
            }
        };
        (copy.source == self.source.name()).then_some(copy)
    }
}

impl Seen {
    fn of(copy: &Copy, became: Became) -> Self {
        Self { version: copy.version.clone(), digest: sha256(&copy.document), became }
    }
}

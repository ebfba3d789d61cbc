//! A change that waits for the owner: kept, told once, let in by agreement or after a delay, dropped when its source thinks
//! better of it.

use super::folder::Kind;
use super::source::Version;
use super::watch::{Became, Watch, told};
use crate::clock::Moment;
use crate::observe::audit::{self, Event};
use crate::reason::Reason;
use crate::saml::metadata::change::Difference;
use crate::saml::metadata::{Described, MetadataProblem};

/// What waits for the owner.
#[derive(Debug)]
pub struct Held {
    /// What it would be.
    pub described: Described,
    /// Since when.
    pub since: Moment,
    /// When its source last said so.
    pub confirmed: Moment,
    /// Which rule holds it.
    pub why: MetadataProblem,
    /// Against what runs.
    pub differences: Vec<Difference>,
}

impl Watch {
    pub(super) fn hold(&mut self, mut held: Held, document: Vec<u8>, version: Version) {
        let known = self.standing.held.take();
        if let Some(known) = known.filter(|known| known.described.fingerprint == held.described.fingerprint) {
            held.since = known.since;
        } else {
            audit::record(&Event::MetadataHeld {
                site: &self.site,
                idp: &self.idp.id,
                source: self.source.name(),
                reason: held.why.reason,
                detail: &held.why.sentence,
                changed: &told(&held.differences),
            });
        }
        if let Some(folder) = &self.folder {
            let copy = self.copy(document, version, held.since);
            self.told(folder.save(&self.idp.id, Kind::Held, &copy));
        }
        self.standing.held = Some(held);
    }

    pub(super) fn drop_held(&mut self) {
        if self.standing.held.take().is_some() {
            tracing::info!(
                site = self.site,
                idp = self.idp.id,
                "the change that was held is gone from its source"
            );
        }
        if let Some(folder) = &self.folder {
            self.told(folder.remove(&self.idp.id, Kind::Held));
        }
    }

    /// What the owner has agreed to since the last look.
    pub(super) fn agreed(&mut self) -> Option<[u8; 32]> {
        match self.folder.as_ref()?.agreed(&self.idp.id) {
            Ok(agreed) => agreed,
            Err(problem) => {
                if !std::mem::replace(&mut self.standing.complained, true) {
                    self.told(Err(problem));
                }
                None
            }
        }
    }

    /// Whether the agreement is done with: exactly what it names was held, or runs already.
    pub(super) fn carry_out(&mut self, agreed: &[u8; 32], now: Moment) -> bool {
        let is_agreed = |described: &Described| described.fingerprint == *agreed;
        if self.held().is_some_and(|held| is_agreed(&held.described)) {
            let by = self.folder.as_ref().and_then(|folder| folder.agreed_by(&self.idp.id));
            self.let_in("vestibule metadata apply", by.as_deref(), now);
        } else if !self.running().is_some_and(|running| is_agreed(&running.described)) {
            return false;
        }
        self.forget_agreement();
        true
    }

    /// What was agreed to is neither held nor what its source says. While the source is silent it may say so yet.
    pub(super) fn give_up_unless(&mut self, silent: bool, agreed: &[u8; 32]) {
        // It may have been replaced while the source was read.
        if silent || self.agreed().as_ref() != Some(agreed) {
            return;
        }
        tracing::warn!(
            site = self.site,
            idp = self.idp.id,
            "an agreement is about metadata that its source does not say (any more); look at `vestibule metadata diff`"
        );
        self.forget_agreement();
    }

    fn forget_agreement(&mut self) {
        self.standing.sought = None;
        if let Some(folder) = &self.folder {
            self.told(folder.forget_agreement(&self.idp.id));
        }
    }

    /// Only what its source still says when the time is over: what somebody smuggled in for an hour is not let in
    /// because the source has been silent ever since.
    pub(super) fn let_in_after_delay(&mut self, now: Moment) {
        let Some(delay) = self.changes.apply_held_after else { return };
        // A document that may be an old one is no better for being served again and again.
        let counts = |held: &Held| held.why.reason != Reason::MetadataOlder;
        if self.held().is_some_and(|held| counts(held) && held.since.plus(delay) <= held.confirmed) {
            self.let_in("apply_held_after", None, now);
        }
    }

    fn let_in(&mut self, how: &str, by: Option<&str>, now: Moment) {
        let Some(held) = self.standing.held.take() else { return };
        if held.described.valid_until.is_some_and(|until| until <= now) {
            tracing::warn!(
                site = self.site,
                idp = self.idp.id,
                "what was held has ended meanwhile and is not let in; the next document from its source is judged anew"
            );
            if let Some(folder) = &self.folder {
                self.told(folder.remove(&self.idp.id, Kind::Held));
            }
            return;
        }
        if let Err(problem) = self.install(held.described, now) {
            tracing::warn!(site = self.site, idp = self.idp.id, %problem, "what was held is not let in");
            return;
        }
        // Its source may have said something else since, which is no better for that.
        if let Some(seen) = self.standing.seen.as_mut().filter(|seen| matches!(seen.became, Became::Held)) {
            seen.became = Became::Running;
        }
        if let Some(folder) = &self.folder {
            self.told(folder.promote(&self.idp.id));
        }
        self.tell_change(how, by, &held.differences);
    }
}

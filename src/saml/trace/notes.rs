//! The listener: every rule, as it was applied and as it was not.

use super::{Part, Rule, State};
use crate::reason::{Reason, Refusal};
use crate::saml::witness::{Compared, Witness};
use std::collections::BTreeSet;

/// What is written down.
#[derive(Debug, Default)]
pub(super) struct Notes {
    listening_to: Option<Part>,
    recorded: Vec<Rule>,
    /// The parts that were gone through to their end.
    done: BTreeSet<Part>,
    /// What is read now is vouched for by no signature.
    pub(super) unverified: bool,
}

impl Notes {
    /// These parts were gone through, and refused nothing that they did not report.
    pub(super) fn passed(&mut self, parts: impl IntoIterator<Item = Part>) {
        self.done.extend(parts);
    }

    /// Listens to rules that report themselves.
    pub(super) fn listen(&mut self, part: Part, rules: impl FnOnce(&mut Self) -> Result<(), Refusal>) {
        self.listening_to = Some(part);
        match rules(self) {
            Ok(()) => {
                self.done.insert(part);
            }
            // A rule that was not demanded of us but said so itself.
            Err(refusal) => self.failed(part, refusal),
        }
    }

    /// What came of a step that is taken whole or not at all.
    pub(super) fn read<T>(&mut self, part: Part, taken: Result<T, Refusal>) -> Option<T> {
        match taken {
            Ok(value) => {
                if !self.recorded.iter().any(|rule| rule.part == part && rule.state == State::Failed) {
                    self.done.insert(part);
                }
                Some(value)
            }
            Err(refusal) => {
                self.failed(part, refusal);
                None
            }
        }
    }

    pub(super) fn found(&mut self, part: Part, reason: Reason, what: String) {
        self.record(part, reason, State::Passed, Some(Compared::words(what)));
    }

    pub(super) fn failed(&mut self, part: Part, refusal: Refusal) {
        self.done.remove(&part);
        let compared = (!refusal.detail.is_empty()).then_some(Compared::Words(refusal.detail));
        self.record(part, refusal.reason, State::Failed, compared);
    }

    fn record(&mut self, part: Part, reason: Reason, state: State, compared: Option<Compared>) {
        // Before the signatures nothing claims to be verified.
        let unverified = self.unverified && part > Part::Signature;
        self.recorded.push(Rule { part, reason, state, compared, unverified });
    }

    /// Every rule: those that were recorded, and around them those that had nothing to report. The rule by which the
    /// gate refused is among them, whatever happened to the rest.
    pub(super) fn rules(mut self, refused: Option<&Refusal>) -> Vec<Rule> {
        if let Some(refusal) = refused {
            let first = self.recorded.iter().find(|rule| rule.state == State::Failed);
            if first.is_none_or(|rule| rule.reason != refusal.reason) {
                self.failed(Part::of(refusal.reason), refusal.clone());
            }
        }
        let mut rules = Vec::new();
        for part in Part::ALL {
            let silent = if self.done.contains(&part) { State::Passed } else { State::NotReached };
            let unverified = self.unverified && part > Part::Signature && silent == State::Passed;
            let recorded: Vec<_> = self.recorded.iter().filter(|rule| rule.part == part).cloned().collect();
            let had_nothing_to_report = part
                .reasons()
                .iter()
                .filter(|reason| !recorded.iter().any(|rule| rule.reason == **reason))
                .map(|reason| Rule { part, reason: *reason, state: silent, compared: None, unverified });
            let others: Vec<_> = had_nothing_to_report.collect();
            rules.extend(recorded);
            rules.extend(others);
        }
        rules
    }
}

/// Writes every rule down and lets the next one speak.
impl Witness for Notes {
    fn demand(
        &mut self,
        holds: bool,
        reason: Reason,
        compared: impl FnOnce() -> Compared,
    ) -> Result<(), Refusal> {
        let state = if holds { State::Passed } else { State::Failed };
        let compared = Some(compared()).filter(|compared| *compared != Compared::words(""));
        self.record(self.listening_to.unwrap_or(Part::Profile), reason, state, compared);
        Ok(())
    }
}

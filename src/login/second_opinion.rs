//! Last, of what has passed every rule: what other code says of it.

use crate::gate::Gate;
use crate::observe::metrics::{Metrics, OpinionLabel};
use crate::reason::Refusal;
use crate::saml::response::{AcceptedAssertion, ResponseText};
use crate::saml::second_opinion::{Opinion, SecondOpinion};
use std::sync::Arc;

/// Who is asked, if anybody is, and where it is counted.
pub(super) struct Asked {
    whom: Option<SecondOpinion>,
    metrics: Arc<Metrics>,
}

impl Asked {
    pub(super) fn of(gate: &Gate) -> Self {
        Self { whom: gate.second_opinion, metrics: Arc::clone(&gate.metrics) }
    }

    /// The opinion on an accepted answer, where one is sought.
    ///
    /// # Errors
    /// `second-opinion-disagrees`.
    pub(super) fn on(
        &self,
        text: &ResponseText,
        assertion: &AcceptedAssertion,
    ) -> Result<Option<Opinion>, Refusal> {
        let weighed = self.whom.map(|second| second.weigh(text, assertion));
        match &weighed {
            None => {}
            Some(Ok(Opinion::Agrees)) => self.metrics.second_opinion(OpinionLabel::Agrees),
            Some(Ok(Opinion::NotComparable(_))) => self.metrics.second_opinion(OpinionLabel::NotComparable),
            Some(Ok(Opinion::Disagrees(_)) | Err(_)) => self.metrics.second_opinion(OpinionLabel::Disagrees),
        }
        weighed.transpose()
    }
}

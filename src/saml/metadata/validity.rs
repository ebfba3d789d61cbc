//! Until when a document may be used, when to look again, and which of two is the older one.

use super::{MetadataProblem, duration};
use crate::clock::Moment;
use crate::reason::Reason;
use crate::saml::instant;
use crate::saml::xml::{Element, METADATA, shown};
use std::time::Duration;

/// SAML V2.0 Metadata Extensions for Registration and Publication Information.
const PUBLICATION: &str = "urn:oasis:names:tc:SAML:metadata:rpi";

/// What everything around the entity, and in it, says about time.
#[derive(Debug, Default)]
pub(super) struct Validity {
    pub(super) until: Option<Moment>,
    pub(super) cache: Option<Duration>,
    pub(super) created: Option<Moment>,
}

impl Validity {
    /// Takes what this element says: the earliest end and the smallest duration count (Metadata 2.3.1 and 2.3.2: what
    /// is inside cannot outlive what is around it), and the outermost word about the publication.
    pub(super) fn narrow(
        &mut self,
        element: Element<'_>,
        warnings: &mut Vec<String>,
    ) -> Result<(), MetadataProblem> {
        if let Some(text) = element.attribute("validUntil") {
            let until = instant::parse(text).ok_or_else(|| {
                let sentence = format!("validUntil is not a UTC time: {}", shown(text));
                MetadataProblem::new(Reason::MetadataTimeInvalid, sentence)
            })?;
            self.until = Some(self.until.map_or(until, |known| known.min(until)));
        }
        if let Some(text) = element.attribute("cacheDuration") {
            // Advice, so one that cannot be understood costs no sign-in.
            match duration::parse(text) {
                Some(cache) => self.cache = Some(self.cache.map_or(cache, |known| known.min(cache))),
                None => warnings.push(format!("cacheDuration is not a duration: {}", shown(text))),
            }
        }
        let said = element
            .children_named(METADATA, "Extensions")
            .flat_map(|extensions| extensions.children_named(PUBLICATION, "PublicationInfo"))
            .find_map(|info| info.attribute("creationInstant"));
        if let Some(text) = said.filter(|_| self.created.is_none()) {
            self.created = instant::parse(text);
            if self.created.is_none() {
                warnings.push(format!("creationInstant is not a UTC time: {}", shown(text)));
            }
        }
        Ok(())
    }

    pub(super) fn check(&self, name: &str, now: Moment) -> Result<(), MetadataProblem> {
        match self.until {
            Some(until) if until <= now => {
                let sentence =
                    format!("the metadata of {name} was valid until {until}; get it anew from the IdP");
                Err(MetadataProblem::new(Reason::MetadataExpired, sentence))
            }
            _ => Ok(()),
        }
    }
}

/// [`super::Source::require_valid_until`].
pub(super) fn check_required(
    until: Option<Moment>,
    longest: Option<Duration>,
    now: Moment,
) -> Result<(), MetadataProblem> {
    match (until, longest) {
        (_, None) => Ok(()),
        (None, Some(_)) => {
            let sentence = "the metadata does not say until when it is valid, and that is required here";
            Err(MetadataProblem::new(Reason::MetadataValidUntilMissing, sentence))
        }
        (Some(until), Some(longest)) if until > now.plus(longest) => {
            let days = longest.as_secs() / 86_400;
            let sentence =
                format!("the metadata is valid until {until}: more than the {days} days allowed here");
            Err(MetadataProblem::new(Reason::MetadataValidUntilFar, sentence))
        }
        (Some(_), Some(_)) => Ok(()),
    }
}

/// When a document was made, as far as it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Issue {
    /// What its publisher says (mdrpi:PublicationInfo).
    pub created: Option<Moment>,
    /// Who makes documents anew moves this on each time.
    pub valid_until: Option<Moment>,
}

impl Issue {
    /// Whether this document is older than `last`: by when they were made, where both say so, else by until when they
    /// are valid. Documents that say nothing are of the same age.
    pub fn is_older_than(&self, last: &Self) -> bool {
        match (self.created, last.created, self.valid_until, last.valid_until) {
            (Some(this), Some(last), ..) | (_, _, Some(this), Some(last)) => this < last,
            _ => false,
        }
    }

    /// Refuses a document that is older than the `last` one that was good: somebody who can stand between us and the
    /// source could bring back a key that was let go.
    ///
    /// # Errors
    /// `metadata-older`.
    pub fn refuse_older_than(&self, last: &Self) -> Result<(), MetadataProblem> {
        if !self.is_older_than(last) {
            return Ok(());
        }
        let shown = |issue: &Self| {
            let at = |moment: Option<Moment>| moment.map_or_else(|| "not said".to_owned(), |m| m.to_string());
            format!("made {}, valid until {}", at(issue.created), at(issue.valid_until))
        };
        let sentence = format!(
            "the metadata ({}) is older than what was seen before ({}): a mirror that lags behind, or somebody who \
             brings back a key that was let go",
            shown(self),
            shown(last)
        );
        Err(MetadataProblem::new(Reason::MetadataOlder, sentence))
    }
}

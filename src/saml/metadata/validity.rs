//! Until when a document may be used, when to look again, and which of two is the older one.

use super::{MetadataProblem, duration};
use crate::clock::Moment;
use crate::reason::Reason;
use crate::saml::instant;
use crate::saml::xml::{Element, METADATA, shown};
use std::time::Duration;

/// SAML V2.0 Metadata Extensions for Registration and Publication Information.
const PUBLICATION: &str = "urn:oasis:names:tc:SAML:metadata:rpi";

/// How far a publisher's clock may be ahead of ours.
const FASTEST_CLOCK: Duration = Duration::from_secs(300);

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

    /// A moment that has not come cannot be that of the making; believed, it would make everything after it the older
    /// one.
    pub(super) fn disbelieve_future(&mut self, now: Moment, warnings: &mut Vec<String>) {
        if let Some(created) = self.created.filter(|created| *created > now.plus(FASTEST_CLOCK)) {
            warnings.push(format!("creationInstant is in the future and does not count: {created}"));
            self.created = None;
        }
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
    /// Whether the pinned key vouches for it. A document of which nobody vouches is never the older one: whoever holds its
    /// source for one reading would write a date of the far future beside a key of their own, and nothing honest could
    /// take that key away again.
    pub signed: bool,
}

/// How the age of a document compares with the last good one's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    /// Nothing speaks against it.
    Good,
    /// It may be older: the dates that both give are not those of their making, or it is silent where the last spoke.
    Doubtful,
    /// It was made earlier.
    Older,
}

impl Issue {
    /// Whether this document was made before `last`. Never so where its signature is not looked at.
    pub fn is_older_than(&self, last: &Self) -> bool {
        self.age(last) == Age::Older
    }

    /// Refuses a document that was made before the `last` one that was good.
    ///
    /// # Errors
    /// `metadata-older`.
    pub fn refuse_older_than(&self, last: &Self) -> Result<(), MetadataProblem> {
        if self.is_older_than(last) { Err(self.older_than(last)) } else { Ok(()) }
    }

    pub(super) fn age(&self, last: &Self) -> Age {
        match (self.created, last.created, self.valid_until, last.valid_until) {
            _ if !self.signed => Age::Good,
            (Some(this), Some(last), ..) if this < last => Age::Older,
            (Some(_), Some(_), ..) => Age::Good,
            // A document from before its publisher began to write dates can be replayed, too.
            (None, Some(_), ..) | (_, None, None, Some(_)) => Age::Doubtful,
            (_, None, Some(this), Some(last)) if this < last => Age::Doubtful,
            (_, None, ..) => Age::Good,
        }
    }

    /// What is said of a document that is, or may be, older than the `last` one that was good: somebody who can stand
    /// between us and the source could bring back a key that was let go.
    pub(super) fn older_than(&self, last: &Self) -> MetadataProblem {
        let shown = |issue: &Self| {
            let at = |moment: Option<Moment>| moment.map_or_else(|| "not said".to_owned(), |m| m.to_string());
            format!("made {}, valid until {}", at(issue.created), at(issue.valid_until))
        };
        let verdict = if self.is_older_than(last) { "is older" } else { "may be older" };
        let sentence = format!(
            "the metadata ({}) {verdict} than what was seen before ({}): a mirror that lags behind, or somebody who \
             brings back a key that was let go",
            shown(self),
            shown(last)
        );
        MetadataProblem::new(Reason::MetadataOlder, sentence)
    }
}

//! The subject of an assertion: who it is about, and who may present it (Core 2.4, Profiles 4.1.4.2).

use super::assertion::{no_text_between, time, unexpected};
use super::decryption::Decryption;
use super::one_or_more::OneOrMore;
use super::xml::{ASSERTION, Element};
use crate::clock::Moment;
use crate::reason::{Reason, Refusal};
use std::fmt;

const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";

/// A NameID (Core 2.2.3).
#[derive(Clone, PartialEq, Eq)]
pub struct NameId {
    /// The name itself, exactly as it was sent but for white space around it. Never empty.
    pub value: String,
    /// What kind of name it is; none means unspecified (Core 8.3.1).
    pub format: Option<String>,
    /// The domain that qualifies the name.
    pub name_qualifier: Option<String>,
    /// The service provider that the name was made for.
    pub sp_name_qualifier: Option<String>,
}

/// A bearer confirmation with everything that Profiles 4.1.4.2 demands of it.
pub(super) struct Bearer {
    pub(super) recipient: String,
    /// None in an unsolicited response (Profiles 4.1.5); whether it may be is the profile's question.
    pub(super) in_response_to: Option<String>,
    pub(super) not_on_or_after: Moment,
}

/// The bearer confirmations: at least one complete one, and what was wrong with the others.
pub(super) struct Bearers {
    pub(super) complete: OneOrMore<Bearer>,
    incomplete: Vec<Refusal>,
}

impl NameId {
    /// Core 2.4.1: a subject is named by a BaseID, a NameID or an EncryptedID; here only a NameID will do, in the clear
    /// or encrypted (Core 2.2.4).
    pub(super) fn of_subject(subject: Element<'_>, ours: Decryption<'_>) -> Result<Self, Refusal> {
        no_text_between(subject)?;
        let (mut found, mut confirmations) = (None, false);
        for child in subject.children() {
            if child.is(ASSERTION, "SubjectConfirmation") {
                confirmations = true;
            } else if confirmations {
                // The schema's sequence: the name first.
                return Err(unexpected(child));
            } else if child.is(ASSERTION, "NameID") || child.is(ASSERTION, "EncryptedID") {
                if found.replace(child).is_some() {
                    return Err(Refusal::new(Reason::AssertionMalformed, "two NameID"));
                }
            } else if !child.is(ASSERTION, "BaseID") {
                return Err(unexpected(child));
            }
        }
        let found = found.ok_or(Reason::NameIdMissing)?;
        if found.is(ASSERTION, "NameID") {
            Self::parse(found)
        } else if ours.has_key() {
            ours.open_signed(found, ASSERTION, "NameID", Self::parse)
        } else {
            Err(Reason::NameIdEncrypted.into())
        }
    }

    pub(super) fn parse(element: Element<'_>) -> Result<Self, Refusal> {
        let value = element
            .token()
            .ok_or_else(|| Refusal::new(Reason::AssertionMalformed, "there is an element inside NameID"))?;
        if value.is_empty() {
            return Err(Refusal::new(Reason::NameIdMissing, "it is empty"));
        }
        let attribute = |name| element.attribute(name).map(str::to_owned);
        Ok(Self {
            value,
            format: attribute("Format"),
            name_qualifier: attribute("NameQualifier"),
            sp_name_qualifier: attribute("SPNameQualifier"),
        })
    }
}

/// Says what kind of name it is, not which.
impl fmt::Debug for NameId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NameId").field("format", &self.format).finish_non_exhaustive()
    }
}

impl Bearers {
    /// Profiles 4.1.4.2: at least one confirmation with the bearer method. Others (holder of key, sender vouches) may
    /// stand beside it and count for nothing. Several bearers are alternatives, so an incomplete one only refuses
    /// when no complete one is there.
    pub(super) fn of_subject(subject: Element<'_>) -> Result<Self, Refusal> {
        let (mut complete, mut incomplete) = (Vec::new(), Vec::new());
        for confirmation in subject.children_named(ASSERTION, "SubjectConfirmation") {
            if confirmation.attribute("Method") == Some(BEARER) {
                match Bearer::parse(confirmation) {
                    Ok(bearer) => complete.push(bearer),
                    Err(refusal) => incomplete.push(refusal),
                }
            }
        }
        match OneOrMore::new(complete) {
            Some(complete) => Ok(Self { complete, incomplete }),
            None => Err(incomplete
                .into_iter()
                .max_by_key(how_telling)
                .unwrap_or_else(|| Reason::SubjectConfirmationMissing.into())),
        }
    }

    /// The confirmation by which the assertion stands or falls: one that passes `judge`, or else the one whose
    /// refusal tells most, which may be an incomplete one's.
    pub(super) fn decisive(
        &self,
        judge: impl Fn(&Bearer) -> Result<(), Refusal>,
    ) -> Result<&Bearer, &Refusal> {
        let complete = self.complete.iter().map(|bearer| match judge(bearer) {
            Ok(()) => ((true, None), Ok(bearer)),
            Err(refusal) => ((false, how_telling(&refusal)), Ok(bearer)),
        });
        let incomplete = self.incomplete.iter().map(|refusal| ((false, how_telling(refusal)), Err(refusal)));
        let most_telling = complete.chain(incomplete).max_by_key(|(rank, _)| *rank);
        most_telling.map_or_else(|| Ok(self.complete.first()), |(_, decisive)| decisive)
    }
}

impl Bearer {
    fn parse(confirmation: Element<'_>) -> Result<Self, Refusal> {
        let mut all = confirmation.children_named(ASSERTION, "SubjectConfirmationData");
        let (data, second) = (all.next().ok_or(Reason::ConfirmationDataMissing)?, all.next());
        if second.is_some() {
            return Err(Refusal::new(Reason::AssertionMalformed, "two SubjectConfirmationData"));
        }
        let recipient = data.attribute("Recipient").ok_or(Reason::RecipientMissing)?;
        let not_on_or_after = time(data, "NotOnOrAfter")?.ok_or(Reason::ConfirmationExpiryMissing)?;
        if data.attribute("NotBefore").is_some() {
            return Err(Reason::ConfirmationNotBefore.into());
        }
        Ok(Self {
            recipient: recipient.to_owned(),
            in_response_to: data.attribute("InResponseTo").map(str::to_owned),
            not_on_or_after,
        })
    }
}

/// Among the refusals of several confirmations the one that came furthest is the one to report: a confirmation with
/// the wrong recipient was probably meant for somebody else, one that has only expired was meant for us.
fn how_telling(refusal: &Refusal) -> Option<usize> {
    const IN_ORDER: &[Reason] = &[
        Reason::AssertionMalformed,
        Reason::ConfirmationDataMissing,
        Reason::RecipientMissing,
        Reason::ConfirmationInResponseToMissing,
        Reason::ConfirmationExpiryMissing,
        Reason::TimeInvalid,
        Reason::ConfirmationNotBefore,
        Reason::RecipientMismatch,
        Reason::ConfirmationInResponseToMismatch,
        Reason::ConfirmationExpired,
    ];
    IN_ORDER.iter().position(|reason| *reason == refusal.reason)
}

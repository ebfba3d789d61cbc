//! What the owner demands of one identity provider: what our requests ask it for (Core 3.4.1), and what its answers
//! must show.
//!
//! Both in one value, because a request travels through a browser that can change it, and because not every identity
//! provider does what it is asked: a demand is worth as much as the answer is held to it.

use super::accept::Answers;
use super::witness::{Compared, Witness};
use super::xml::shown;
use crate::clock::Moment;
use crate::reason::{Reason, Refusal};
use std::time::Duration;

/// The demands on one identity provider. The default demands nothing: what is not asked for cannot be refused, and the
/// owner configures the rest at the identity provider.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Demand {
    /// The format of the NameID, as a URI (Core 3.4.1.1, 8.3). Asked for and not enforced: whether the name will do is
    /// the identity's question.
    pub name_id_format: Option<String>,
    /// Everybody signs in anew (`ForceAuthn`, Core 3.4.1). An answer to our request must show it.
    pub force_authn: bool,
    /// The identity provider shows nobody a page (`IsPassive`, Core 3.4.1).
    pub is_passive: bool,
    /// The classes of authentication to ask for (Core 3.3.2.2.1), the preferred first; none: nothing is asked.
    pub authn_context: Vec<String>,
    /// What they are to the class that is wanted.
    pub authn_context_comparison: Comparison,
    /// The classes that an answer may carry; empty: those that were asked for where the comparison is exact, else any.
    pub authn_context_accepted: Vec<String>,
    /// How long ago somebody may have authenticated (AuthnInstant, Core 2.7.2).
    pub max_authn_age: Option<Duration>,
    /// Our name for people, which some identity providers show (Core 3.4.1).
    pub provider_name: Option<String>,
    /// Whether requests are signed.
    pub sign_requests: SignRequests,
}

/// `Comparison` of RequestedAuthnContext (Core 3.3.2.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Comparison {
    /// One of the classes.
    #[default]
    Exact,
    /// As strong as one of them, or stronger.
    Minimum,
    /// As strong as possible, and no stronger than one of them.
    Maximum,
    /// Stronger than any of them.
    Better,
}

impl Comparison {
    /// As the message spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Minimum => "minimum",
            Self::Maximum => "maximum",
            Self::Better => "better",
        }
    }
}

/// Whether the requests to an identity provider are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SignRequests {
    /// When we have a key.
    #[default]
    Auto,
    /// Always; without a key no request is made.
    Always,
    /// Never.
    Never,
}

/// In the largest unit that says it whole.
fn spoken(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds % 3600 == 0 => format!("{}h", seconds / 3600),
        seconds if seconds % 60 == 0 => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}

impl Demand {
    /// What is demanded, for the owner; None: nothing.
    pub fn in_words(&self) -> Option<String> {
        let classes = |verb: &str, listed: &[String]| {
            (!listed.is_empty()).then(|| format!("{verb} {}", listed.join(" or ")))
        };
        let words: Vec<String> = [
            self.name_id_format.as_ref().map(|format| format!("asks for a NameID of {format}")),
            self.force_authn.then(|| "forces a new sign-in each time".to_owned()),
            self.is_passive.then(|| "shows nobody a page".to_owned()),
            classes(&format!("asks for {}", self.authn_context_comparison.as_str()), &self.authn_context),
            classes("takes", self.accepted_classes()),
            self.max_authn_age.map(|age| format!("takes sign-ins of the last {}", spoken(age))),
        ]
        .into_iter()
        .flatten()
        .collect();
        (!words.is_empty()).then(|| words.join("; "))
    }

    /// The same demand for one sign-in of which more is wanted: one of these classes, unless the list is empty, or to sign
    /// in anew. It never takes less than before: a class that did not do does not now either, and where none of the wanted
    /// ones did, or nobody but the identity provider knows which would, nothing else is asked for.
    #[must_use]
    pub fn raised(&self, classes: &[String], anew: bool) -> Self {
        let mut raised = self.clone();
        let did = self.accepted_classes();
        // What is asked for at least, better or at most, without a list: any other class could be a weaker one.
        let unknown = did.is_empty() && !self.authn_context.is_empty();
        let would_do = |class: &&String| !unknown && (did.is_empty() || did.contains(class));
        let wanted: Vec<String> = classes.iter().filter(would_do).cloned().collect();
        if !wanted.is_empty() {
            raised.authn_context = wanted;
            raised.authn_context_comparison = Comparison::Exact;
            raised.authn_context_accepted = Vec::new();
        }
        raised.force_authn |= anew;
        // Without a page nobody could do more than before.
        raised.is_passive = false;
        raised
    }

    /// The classes that will do; none: any.
    fn accepted_classes(&self) -> &[String] {
        match (self.authn_context_accepted.as_slice(), self.authn_context_comparison) {
            ([], Comparison::Exact) => &self.authn_context,
            (listed, _) => listed,
        }
    }

    /// Core 3.3.2.2.1: the answer's class is one of those that will do. Which class is stronger than another only the
    /// identity provider knows, so a comparison other than exact is enforced by a list of accepted classes or not at all.
    pub(super) fn judge_context(
        &self,
        class: Option<&str>,
        witness: &mut impl Witness,
    ) -> Result<(), Refusal> {
        let accepted = self.accepted_classes();
        if accepted.is_empty() {
            return Ok(());
        }
        let will_do = class.is_some_and(|class| accepted.iter().any(|one| one == class));
        witness.demand(will_do, Reason::AuthnContextMismatch, || {
            let listed: Vec<_> = accepted.iter().take(5).map(|class| shown(class)).collect();
            let found = class.map_or_else(|| "none".to_owned(), shown);
            Compared::words(format!("it says {found}, accepted is {}", listed.join(" or ")))
        })
    }

    /// Core 3.4.1 and 2.7.2: whoever was to sign in anew did so after our request, and nobody did so longer ago than
    /// the owner allows. Nobody's request cannot have forced anything.
    pub(super) fn judge_age(
        &self,
        authn_instant: Moment,
        answers: Answers<'_>,
        skew: Duration,
        now: Moment,
        witness: &mut impl Witness,
    ) -> Result<(), Refusal> {
        if let Some(most) = self.max_authn_age {
            witness.demand(authn_instant.plus(most).plus(skew) >= now, Reason::AuthnTooOld, || {
                let (ago, most) = (now.since(authn_instant).as_secs(), most.as_secs());
                Compared::words(format!(
                    "signed in {authn_instant}, {ago} s ago; `max_authn_age` is {most} s"
                ))
            })?;
        }
        if let Answers::Request { issued, .. } = answers
            && self.force_authn
        {
            witness.demand(authn_instant.plus(skew) >= issued, Reason::AuthnTooOld, || {
                Compared::words(format!(
                    "signed in {authn_instant}; `force_authn` asked for a new sign-in {issued}"
                ))
            })?;
        }
        Ok(())
    }
}

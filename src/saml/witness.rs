//! Who hears what the rules of the profile find.
//!
//! `accept.rs` demands each rule of a [`Witness`]. The gate's is [`Strict`]: the first rule that does not hold ends the
//! matter. Explanations bring one that writes every rule down and lets the next one speak (`trace.rs`). So there is one
//! list of rules, and what an explanation shows is what the gate does.
//!
//! A witness decides nothing: the rules give back nothing but refusals, and `web_browser_sso`, which alone makes an
//! `AcceptedAssertion`, takes no witness.

use super::xml::shown;
use crate::clock::Moment;
use crate::reason::{Reason, Refusal};
use std::borrow::Cow;
use std::fmt;

/// Somebody to whom each rule is told as it is applied.
pub(super) trait Witness {
    /// A rule that refuses by `reason` unless it `holds`. What it compared is only asked for by those who show it.
    ///
    /// # Errors
    /// The refusal, when the rules shall end here.
    fn demand(
        &mut self,
        holds: bool,
        reason: Reason,
        compared: impl FnOnce() -> Compared,
    ) -> Result<(), Refusal>;
}

/// The gate's own: nothing comes after the first rule that does not hold, and nothing is written down before it.
#[derive(Debug)]
pub(super) struct Strict;

impl Witness for Strict {
    fn demand(
        &mut self,
        holds: bool,
        reason: Reason,
        compared: impl FnOnce() -> Compared,
    ) -> Result<(), Refusal> {
        if holds { Ok(()) } else { Err(Refusal::new(reason, compared().to_string())) }
    }
}

/// What a rule compared with what. As text it is the detail of the refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    /// A text that must be exactly another one.
    Texts {
        /// What the message says.
        found: String,
        /// What it should say.
        wanted: String,
    },
    /// Texts of which one must be ours.
    OneOf {
        /// What the message says.
        found: Vec<String>,
        /// Which one it should have among them.
        wanted: String,
    },
    /// Two moments.
    Times {
        /// What happened, or is allowed until or from, at the first of them.
        what: &'static str,
        /// When, by the message.
        then: Moment,
        /// The moment that it is compared with; clock skew is not in it.
        compared_with: Moment,
    },
    /// Whatever else there is to say.
    Words(Cow<'static, str>),
}

impl Compared {
    /// Two texts that must be the same.
    pub(super) fn texts(found: &str, wanted: &str) -> Self {
        Self::Texts { found: found.to_owned(), wanted: wanted.to_owned() }
    }

    /// Texts of which one must be that.
    pub(super) fn one_of<'a>(found: impl Iterator<Item = &'a String>, wanted: &str) -> Self {
        Self::OneOf { found: found.cloned().collect(), wanted: wanted.to_owned() }
    }

    /// Two moments.
    pub(super) const fn times(what: &'static str, then: Moment, compared_with: Moment) -> Self {
        Self::Times { what, then, compared_with }
    }

    /// Words.
    pub(super) fn words(words: impl Into<Cow<'static, str>>) -> Self {
        Self::Words(words.into())
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Texts { found, wanted } => {
                write!(f, "it says {}, expected is {}", shown(found), shown(wanted))
            }
            Self::OneOf { found, wanted } => {
                let named: Vec<_> = found.iter().take(5).map(|one| shown(one)).collect();
                write!(f, "made for {}, we are {}", named.join(", "), shown(wanted))
            }
            Self::Times { what, then, compared_with } => {
                write!(f, "{what} {then}, compared with {compared_with}")
            }
            Self::Words(words) => f.write_str(words),
        }
    }
}

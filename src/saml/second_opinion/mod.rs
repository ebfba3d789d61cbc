//! The second opinion: whatever our own core has accepted is verified and read once more by code that shares nothing
//! with it.
//!
//! Our core is Rust over one parser; the second opinion is samael over libxml2, xmlsec1 and OpenSSL, all of them C, and
//! quick-xml. It is asked last, of what has passed every rule of ours, with exactly the certificates whose keys
//! verified it, and its word can only take away: a hole in a parser or a canonicaliser must be in both, and in the
//! same way, to let anybody in. And its C code sees nothing that has not passed the pre-check and the signature.
//!
//! It gets the message as it was posted, and must
//!
//! * call every signature in it valid;
//! * have digested, for the part that we read from, the very octets that we digested;
//! * read the same NameID and the same attributes with the same values from them.
//!
//! It never decrypts. Of an encrypted answer it judges what was posted, where the response is signed, and what we
//! opened, where that is signed; what we opened is read once more in any case.
//!
//! What it cannot judge is [`Opinion::NotComparable`], and let pass: only what is signed itself can make a message
//! so, which nobody but the identity provider decides.
//!
//! It needs C libraries, so it is a feature of the build (`second-opinion`), off in a plain one. Then there is no
//! [`SecondOpinion`]: it has no value, and [`SecondOpinion::seek`] says how to build with it.

#[cfg(feature = "second-opinion")]
mod reading;
#[cfg(feature = "second-opinion")]
mod self_test;
#[cfg(feature = "second-opinion")]
mod tree;
#[cfg(feature = "second-opinion")]
mod xmlsec;

use super::response::{AcceptedAssertion, ResponseText};
#[cfg(feature = "second-opinion")]
use super::signed_by::Part;
use crate::reason::{Reason, Refusal};
use std::borrow::Cow;
use std::fmt;
#[cfg(feature = "second-opinion")]
use std::sync::LazyLock;

// samael hands keys of the `openssl` crate to xmlsec1: there must be one OpenSSL in the program (docs/dependencies.md).
#[cfg(feature = "second-opinion")]
const _: () = assert!(
    option_env!("OPENSSL_NO_VENDOR").is_some(),
    "the feature `second-opinion` needs the system's OpenSSL: set OPENSSL_NO_VENDOR=1 for this build"
);

/// Whether this program was built with the second opinion.
pub const COMPILED_IN: bool = cfg!(feature = "second-opinion");

/// What the second opinion counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// It is not asked.
    Off,
    /// It is asked and recorded, and nobody is refused by it.
    Report,
    /// Whoever it disagrees about is refused.
    Enforce,
}

impl Default for Weight {
    /// What counts when the configuration says nothing.
    fn default() -> Self {
        if COMPILED_IN { Self::Enforce } else { Self::Off }
    }
}

/// What the other code says of a message that ours accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opinion {
    /// It verifies too, and says the same.
    Agrees,
    /// The other code cannot judge such a message; what it lacks.
    NotComparable(Cow<'static, str>),
    /// It does not verify, or says something else; what disagreed, without the values.
    Disagrees(Cow<'static, str>),
}

impl fmt::Display for Opinion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agrees => f.write_str("agrees"),
            Self::NotComparable(why) => write!(f, "not comparable: {why}"),
            Self::Disagrees(what) => write!(f, "disagrees: {what}"),
        }
    }
}

/// Somebody to ask, who has been shown to know good from bad.
#[derive(Debug, Clone, Copy)]
pub struct SecondOpinion {
    judge: Judge,
    weight: Weight,
}

impl SecondOpinion {
    /// Somebody to ask, after a trial: a good message must be found good, and a tampered one, an unsigned one and one
    /// of another key bad. (Built another way, samael finds every message good.) `None` when nobody is to be asked.
    ///
    /// # Errors
    /// A sentence for the owner: this program was built without a second opinion, or it failed the trial.
    pub fn seek(weight: Weight) -> Result<Option<Self>, String> {
        match weight {
            Weight::Off => Ok(None),
            Weight::Report | Weight::Enforce => Ok(Some(Self { judge: Judge::on_trial()?, weight })),
        }
    }

    /// What the other code says of this message, which our own code accepted as this assertion. Costs about a
    /// millisecond.
    pub fn of(&self, text: &ResponseText, accepted: &AcceptedAssertion) -> Opinion {
        self.judge.opinion(text, accepted)
    }

    /// The same, for who has to decide.
    ///
    /// # Errors
    /// `second-opinion-disagrees`, when that is what it does and it is enforced.
    pub fn weigh(&self, text: &ResponseText, accepted: &AcceptedAssertion) -> Result<Opinion, Refusal> {
        match self.of(text, accepted) {
            Opinion::Disagrees(what) if self.weight == Weight::Enforce => {
                let refusal = Refusal::new(Reason::SecondOpinionDisagrees, what);
                // It must not tell how an opening ended, nor that a signature inside was good.
                Err(if accepted.protection().encrypted.is_some() {
                    refusal.behind_decryption()
                } else {
                    refusal
                })
            }
            opinion => Ok(opinion),
        }
    }

    /// What it counts.
    pub const fn weight(&self) -> Weight {
        self.weight
    }
}

/// Who is asked. Without the feature it has no value.
#[derive(Debug, Clone, Copy)]
enum Judge {
    #[cfg(feature = "second-opinion")]
    Samael,
}

impl Judge {
    #[cfg(feature = "second-opinion")]
    fn on_trial() -> Result<Self, String> {
        // Once for this process: it is the same afterwards.
        static TRIAL: LazyLock<Result<(), String>> = LazyLock::new(self_test::run);
        TRIAL.clone().map(|()| Self::Samael)
    }

    #[cfg(not(feature = "second-opinion"))]
    fn on_trial() -> Result<Self, String> {
        Err("this program was built without a second opinion: build it with `OPENSSL_NO_VENDOR=1 cargo build \
             --release --features second-opinion` (the container image is), or say `second_opinion: off`"
            .to_owned())
    }

    #[cfg(feature = "second-opinion")]
    fn opinion(self, text: &ResponseText, accepted: &AcceptedAssertion) -> Opinion {
        let Self::Samael = self;
        let said = xmlsec::Said { name_id: &accepted.name_id().value, attributes: accepted.attributes() };
        let signatures = accepted.signatures();
        let Some(opened) = accepted.opened() else {
            return xmlsec::opinion(&[xmlsec::Evidence { document: text.as_posted(), signatures }], &said);
        };
        let (outside, inside) =
            signatures.split_at(signatures.partition_point(|by| by.part() == Part::Response));
        let opened = xmlsec::Evidence { document: opened, signatures: inside };
        if outside.is_empty() {
            return xmlsec::opinion(&[opened], &said);
        }
        let posted = xmlsec::Evidence { document: text.as_posted(), signatures: outside };
        xmlsec::opinion(&[posted, opened], &said)
    }

    #[cfg(not(feature = "second-opinion"))]
    fn opinion(self, _text: &ResponseText, _accepted: &AcceptedAssertion) -> Opinion {
        match self {}
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

//! `second_opinion`: sought here, so that `check` says what `run` would meet.

use super::Desk;
use crate::config::reader::Field;
use crate::config::values::{Word, Words};
use crate::saml::second_opinion::{SecondOpinion, Weight};

impl Words for Weight {
    const WORDS: &'static [(&'static str, Self)] =
        &[("enforce", Self::Enforce), ("report", Self::Report), ("off", Self::Off)];
}

/// Nobody is asked who has not passed the trial, which takes a few milliseconds.
pub(super) fn second_opinion(field: &Field<Word<Weight>>, desk: &mut Desk) -> Option<SecondOpinion> {
    let weight = field.or(Word(Weight::default())).0;
    match with_standard_error_closed(|| SecondOpinion::seek(weight)) {
        Ok(second_opinion) => second_opinion,
        Err(why) => {
            desk.error(field.problem(why));
            None
        }
    }
}

/// xmlsec1 tells standard error of every signature that it finds bad, and the trial has several, which nobody needs to
/// hear of. Where it cannot be silenced, it talks.
#[cfg(feature = "second-opinion")]
fn with_standard_error_closed<T>(work: impl FnOnce() -> T) -> T {
    use rustix::stdio::{dup2_stderr, stderr};
    use std::os::fd::OwnedFd;

    /// Opens it again, also when the work panics.
    struct Again(OwnedFd);
    impl Drop for Again {
        fn drop(&mut self) {
            let _ = dup2_stderr(&self.0);
        }
    }

    let _again = match (rustix::io::dup(stderr()), std::fs::File::create("/dev/null")) {
        (Ok(before), Ok(nowhere)) => dup2_stderr(&nowhere).is_ok().then(|| Again(before)),
        _ => None,
    };
    work()
}

#[cfg(not(feature = "second-opinion"))]
fn with_standard_error_closed<T>(work: impl FnOnce() -> T) -> T {
    work()
}

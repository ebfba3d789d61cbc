//! What an identity provider may use of cryptography, beyond the list that holds for everybody.

use super::Desk;
use crate::clock::Moment;
use crate::config::file::IdentityProvider as IdpFile;
use crate::config::values::{Date, Word};
use crate::federation::NO_KEY_FITS;
use crate::saml::parties::{CryptographyPolicy, IdentityProvider, ServiceProvider, SignatureAlgorithm};
use std::time::Duration;

/// An exception that lasts longer has no end.
const LONGEST_EXCEPTION: Duration = Duration::from_secs(2 * 366 * 86_400);

/// The policy as it is written; what has no line is as strict as everybody's identity providers can bear.
pub(super) fn policy(written: &IdpFile, desk: &mut Desk) -> Option<CryptographyPolicy> {
    let default = CryptographyPolicy::default();
    let (algorithms, sha1_until) = (algorithms(written, desk), sha1_until(written, desk));
    Some(CryptographyPolicy {
        cbc: written.cbc.or(Word(default.cbc)).0,
        require_encrypted: written.require_encrypted.or(default.require_encrypted),
        algorithms: algorithms?,
        sha1_until: sha1_until?,
    })
}

/// What only both sides together can show: whether there is a key for what must be encrypted.
pub(super) fn fits(written: &IdpFile, ours: &ServiceProvider, desk: &mut Desk) {
    if written.require_encrypted.or(CryptographyPolicy::default().require_encrypted) && !ours.can_decrypt() {
        let message = "is true, and we have no RSA key that could open anything: nobody could sign in";
        let hint =
            "set service_provider.private_key_file and certificate_file to an RSA key of 2048 to 4096 bits";
        desk.error(written.require_encrypted.problem(message).hint(hint));
    }
}

/// Whether a known key can be used with what is listed. Metadata that is read again may have another one tomorrow, and
/// must not keep the gate from starting.
pub(super) fn has_a_key(written: &IdpFile, idp: &IdentityProvider, read_again: bool, desk: &mut Desk) {
    if idp.has_a_key_that_fits() {
        return;
    }
    let mut kinds: Vec<&str> = idp.keys.certificates().iter().map(|one| one.key.as_str()).collect();
    kinds.dedup();
    let hint = format!("it has: {}; list what they sign with, or remove the line", kinds.join(", "));
    let problem = written.algorithms.problem(NO_KEY_FITS).hint(hint);
    match read_again {
        true => desk.warn(problem),
        false => desk.error(problem),
    }
}

fn algorithms(written: &IdpFile, desk: &mut Desk) -> Option<Option<Vec<SignatureAlgorithm>>> {
    let Some(listed) = written.algorithms.get() else {
        // Absent, or said to be broken.
        return written.algorithms.is_absent().then_some(None);
    };
    if listed.is_empty() {
        let message = "is empty: no signature could be accepted";
        desk.error(written.algorithms.problem(message).hint("remove the line to accept every safe one"));
        return None;
    }
    let read: Option<Vec<_>> =
        listed.iter().map(|item| item.get().map(|Word(algorithm)| *algorithm)).collect();
    read.map(Some)
}

/// The end of the day that is named. Loud at every start: an exception that nobody sees stays for ever.
fn sha1_until(written: &IdpFile, desk: &mut Desk) -> Option<Option<Moment>> {
    let field = &written.danger_allow_sha1_until;
    let Some(Date { end, text }) = field.get() else {
        return field.is_absent().then_some(None);
    };
    if *end > desk.now.plus(LONGEST_EXCEPTION) {
        let message = format!(
            "{text} is more than two years away: an exception needs an end that somebody lives to see"
        );
        desk.error(field.problem(message));
        return None;
    }
    if *end <= desk.now {
        let hint = "let this identity provider sign with SHA-256 and remove the line";
        desk.warn(
            field.problem(format!("{text} has passed: signatures with SHA-1 are refused again")).hint(hint),
        );
    } else {
        let message = format!(
            "until {text} answers of this identity provider may be signed with SHA-1, for which forgeries can be made"
        );
        let hint = "let it sign with SHA-256 and remove the line; every use is in the audit as danger-used";
        desk.warn(field.problem(message).hint(hint));
    }
    Some(Some(*end))
}

//! Our own secrets: what seals cookies, what signs the JWT.

use super::Desk;
use super::files::read_secret;
use crate::config::file::{Jwt, Session};
use crate::config::reader::{Field, Place};
use crate::config::values::{FilePath, OneOrMany};
use crate::headers::jwt::JwtKeys;
use crate::seal::KeyRing;
use crate::secret::Secret;

/// As long as the key that is derived from it.
const SHORTEST_SECRET: usize = 32;
/// A random secret of 32 bytes has some 30 different ones, its hexadecimal spelling some 14; `changeme` in a row, few.
const FEWEST_DIFFERENT: usize = 8;

/// The key ring, and whether it lives only as long as the process.
pub(super) fn seal_keys(session: &Session, desk: &mut Desk) -> Option<(KeyRing, bool)> {
    if session.secret.is_absent() && session.secret_file.is_absent() {
        let message = "no secret is set: a random one is made at each start";
        let hint = "little is lost: a sign-in that a restart interrupts forgets the page that it was \
                    for; `openssl rand -base64 32` makes a secret";
        desk.warn(session.secret_file.problem(message).hint(hint));
        return Some((KeyRing::random(), true));
    }
    let secrets = secrets(&session.secret, &session.secret_file, &session.place, desk)?;
    match KeyRing::new(&secrets) {
        Ok(ring) => Some((ring, false)),
        Err(message) => {
            desk.error(session.place.problem(format!("secret: {message}")));
            None
        }
    }
}

/// The secrets of a section, in order, written there or in files; none after a problem was said, or where neither key
/// is there.
pub(super) fn secrets(
    inline: &Field<OneOrMany<Secret>>,
    files: &Field<OneOrMany<FilePath>>,
    section: &Place,
    desk: &mut Desk,
) -> Option<Vec<Secret>> {
    if inline.is_written() && files.is_written() {
        let message = "secret and secret_file are both given: one of the two must go";
        desk.error(files.problem(message));
        return None;
    }
    let mut secrets: Vec<Secret> = Vec::new();
    let mut complete = true;
    let absent = inline.is_absent() && files.is_absent();
    let inline = inline.get().map_or(&[][..], |many| &many.0);
    let files = files.get().map_or(&[][..], |many| &many.0);
    let written = inline.iter().map(|field| (&field.place, field.get().cloned()));
    let read: Vec<_> = files.iter().map(|field| (&field.place, read_secret(field, desk))).collect();
    for (place, secret) in written.chain(read) {
        match secret {
            Some(secret) if strong(&secret, place, desk) => secrets.push(secret),
            _ => complete = false,
        }
    }
    if secrets.is_empty() && complete && !absent && !desk.report.has_problems() {
        desk.error(section.problem("the list of secrets is empty: write at least one"));
    }
    (complete && !secrets.is_empty()).then_some(secrets)
}

pub(super) fn strong(secret: &Secret, place: &Place, desk: &mut Desk) -> bool {
    let bytes = secret.expose();
    let hint = "`openssl rand -base64 32` makes a good one";
    if bytes.len() < SHORTEST_SECRET {
        let message = format!("the secret has {} bytes: at least {SHORTEST_SECRET} are needed", bytes.len());
        desk.error(place.problem(message).hint(hint));
        return false;
    }
    let mut seen = [false; 256];
    bytes.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    if seen.iter().filter(|seen| **seen).count() < FEWEST_DIFFERENT {
        desk.error(place.problem("the secret repeats a few characters: it can be guessed").hint(hint));
        return false;
    }
    true
}

/// The JWT's keys: from files, or made at the start. Applications fetch the public keys, so a new key at each start is
/// no harm as long as one process runs.
pub(super) fn jwt_keys(jwt: &Jwt, desk: &mut Desk) -> Option<JwtKeys> {
    let others: Vec<_> = jwt.additional_key_files.get().map_or(&[][..], Vec::as_slice).iter().collect();
    if jwt.private_key_file.is_absent() {
        if !others.is_empty() {
            let message = "additional keys need a first one: set jwt.private_key_file";
            desk.error(jwt.additional_key_files.problem(message));
            return None;
        }
        return jwt.additional_key_files.is_absent().then(JwtKeys::generate);
    }
    let current = read_secret(&jwt.private_key_file, desk);
    let additional: Vec<Option<Secret>> = others.iter().map(|field| read_secret(field, desk)).collect();
    let current = current?;
    // One by one first, so that the problem names the file; then together.
    let mut keys = sole(&current, &jwt.private_key_file.place, desk);
    let mut all = Vec::with_capacity(additional.len());
    for (field, secret) in others.iter().zip(additional) {
        match secret {
            Some(secret) if sole(&secret, &field.place, desk).is_some() => all.push(secret),
            _ => keys = None,
        }
    }
    keys?;
    match JwtKeys::from_pem(&current, &all) {
        Ok(keys) => Some(keys),
        Err(message) => {
            desk.error(jwt.place.problem(message));
            None
        }
    }
}

fn sole(key: &Secret, place: &Place, desk: &mut Desk) -> Option<JwtKeys> {
    let hint = "`openssl ecparam -name prime256v1 -genkey -noout` makes one";
    JwtKeys::from_pem(key, &[]).map_err(|message| desk.error(place.problem(message).hint(hint))).ok()
}

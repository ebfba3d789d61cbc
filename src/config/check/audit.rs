//! `audit`: where events go, and what they say of people.

use super::Desk;
use super::files::read_secret;
use super::keys::strong;
use crate::config::file::{Audit, File};
use crate::config::values::{FilePath, Word};
use crate::config::words::{AuditOutput, GroupsTold};
use crate::observe::audit::{HashKey, Terms, Told};
use crate::observe::{AuditSettings, FileSettings, Output};
use crate::seal::KeyRing;

/// A file is turned at 64 MiB, and eight old ones stay: half a gigabyte.
const DEFAULT_SIZE: u64 = 64 << 20;
const DEFAULT_KEEP: u32 = 8;
/// Less would turn the file at every burst.
const SMALLEST_SIZE: u64 = 64 << 10;
const MOST_KEPT: u32 = 1000;

/// The settings. `keys` are those of `session.secret`, when they outlive the process.
pub(super) fn audit(file: &File, keys: Option<&KeyRing>, desk: &mut Desk) -> AuditSettings {
    let audit = &file.audit;
    AuditSettings {
        output: output(audit, desk),
        required: audit.required.or(false),
        terms: terms(audit, keys, desk),
    }
}

fn output(audit: &Audit, desk: &mut Desk) -> Output {
    let word = audit.output.or(Word(AuditOutput::Log)).0;
    let into_file = matches!(word, AuditOutput::File | AuditOutput::Both);
    let settings = file(audit, desk);
    if into_file && audit.file.is_absent() {
        desk.error(audit.file.problem("is missing: audit.output says that events go into a file"));
    }
    let is_known = audit.output.is_absent() || audit.output.get().is_some();
    if is_known && !into_file {
        for (written, place) in [
            (audit.file.is_written(), &audit.file.place),
            (audit.rotate.max_size.is_written(), &audit.rotate.max_size.place),
            (audit.rotate.keep.is_written(), &audit.rotate.keep.place),
        ] {
            if written {
                let message = "is about a file, and audit.output names none: say `output: file` or `both`";
                desk.error(place.problem(message));
            }
        }
    }
    match (word, settings) {
        (AuditOutput::Stdout, _) => Output::Stdout,
        (AuditOutput::File, Some(settings)) => Output::File(settings),
        (AuditOutput::Both, Some(settings)) => Output::Both(settings),
        // Without a file the problem has been said.
        (AuditOutput::Log, _) | (_, None) => Output::Log,
    }
}

/// Nothing is made or opened here; what `run` would meet is said as far as it can be seen.
fn file(audit: &Audit, desk: &mut Desk) -> Option<FileSettings> {
    let rotate = &audit.rotate;
    let max_size = desk.size(&rotate.max_size, DEFAULT_SIZE, SMALLEST_SIZE, u64::MAX);
    let keep = rotate.keep.or(DEFAULT_KEEP);
    if !(1..=MOST_KEPT).contains(&keep) {
        desk.error(rotate.keep.problem(format!("must be from 1 to {MOST_KEPT}")));
    }
    let FilePath(path) = audit.file.get()?;
    if path.is_dir() {
        desk.error(audit.file.problem(format!("{} is a folder", path.display())));
    } else if path.parent().is_some_and(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        let hint = "a relative path starts at the folder of the configuration file";
        desk.error(audit.file.problem(format!("the folder of {} does not exist", path.display())).hint(hint));
    }
    Some(FileSettings { path: path.clone(), max_size, keep })
}

fn terms(audit: &Audit, keys: Option<&KeyRing>, desk: &mut Desk) -> Terms {
    let default = Terms::default();
    let name_id = audit.name_id.or(Word(default.name_id)).0;
    let user = audit.user.or(Word(default.user)).0;
    let group_names = audit.groups.or(Word(GroupsTold::Count)).0 == GroupsTold::Names;
    if audit.hash_key_file.is_written() && ![name_id, user].contains(&Told::Hash) {
        let message = "is used by nobody: neither audit.name_id nor audit.user is `hash`";
        desk.warn(audit.hash_key_file.problem(message));
    }
    let given = read_secret(&audit.hash_key_file, desk)
        .filter(|secret| strong(secret, &audit.hash_key_file.place, desk))
        .map(|secret| HashKey::new(&secret));
    let of_session = || keys.and_then(KeyRing::derived_for_hashes).map(|secret| HashKey::new(&secret));
    let key = given.or_else(of_session).unwrap_or(default.key);
    Terms { name_id, user, group_names, key }
}

impl crate::config::values::Scalar for u32 {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("is not a whole number: `{text}`"))
    }
}

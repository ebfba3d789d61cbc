//! Reads the files that the configuration names.

use super::Desk;
use crate::config::reader::Field;
use crate::config::values::FilePath;
use crate::secret::Secret;
use aws_lc_rs::digest::{SHA256, digest};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Reads files that somebody of their own looks at again and again while the gate runs.
pub(super) fn looked_at_by_others<T>(desk: &mut Desk, reading: impl FnOnce(&mut Desk) -> T) -> T {
    let before = std::mem::take(&mut desk.contents);
    let read = reading(desk);
    desk.contents = before;
    read
}

/// Aggregates of federations are large; this is larger than the largest.
pub(super) const METADATA_LIMIT: u64 = 128 << 20;
/// Keys, certificates and secrets are small.
pub(super) const SMALL_LIMIT: u64 = 1 << 20;

/// The file's bytes; None when the key is absent, or after the problem was said.
pub(super) fn read(field: &Field<FilePath>, limit: u64, desk: &mut Desk) -> Option<Vec<u8>> {
    let FilePath(path) = field.get()?;
    let found = read_bounded(path, limit);
    if limit < METADATA_LIMIT {
        let digest = found.as_ref().map(|bytes| digest(&SHA256, bytes).as_ref().to_vec());
        desk.contents.0.push((field.place.path(), path.clone(), digest.unwrap_or_default()));
    }
    match found {
        Ok(bytes) => Some(bytes),
        Err(why) => {
            let hint = "a relative path starts at the folder of the configuration file";
            let problem = field.problem(format!("{}: {why}", path.display()));
            desk.error(if path.exists() { problem } else { problem.hint(hint) });
            None
        }
    }
}

/// A secret from its file, without the line end that editors add. A file that everybody may read is a warning.
pub(super) fn read_secret(field: &Field<FilePath>, desk: &mut Desk) -> Option<Secret> {
    let mut bytes = read(field, SMALL_LIMIT, desk)?;
    while matches!(bytes.last(), Some(b'\n' | b'\r')) {
        bytes.pop();
    }
    let FilePath(path) = field.get()?;
    if everybody_may_read(path) {
        let hint = format!("chmod o-r {}", path.display());
        desk.warn(field.problem("every user of this machine may read this secret").hint(hint));
    }
    Some(Secret::new(bytes))
}

fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    // Asked before it is opened: a pipe would be waited for, and a folder has no bytes.
    let metadata = std::fs::metadata(path).map_err(cannot)?;
    if !metadata.is_file() {
        return Err("is not a file".into());
    }
    // Room for all at once: a secret that grows leaves copies of itself behind.
    let room = usize::try_from(metadata.len().min(limit)).unwrap_or(0) + 2;
    let mut bytes = Vec::with_capacity(room);
    File::open(path).map_err(cannot)?.take(limit + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.is_empty() {
        return Err("is empty".into());
    }
    if bytes.len() as u64 > limit {
        return Err(format!("is larger than {} MiB", limit >> 20));
    }
    Ok(bytes)
}

#[cfg(unix)]
fn everybody_may_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
const fn everybody_may_read(_: &Path) -> bool {
    false
}

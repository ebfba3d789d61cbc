//! Where what must outlive the process is kept.

use super::Desk;
use super::files::read_secret;
use super::keys::strong;
use crate::config::file::File;
use crate::config::values::{FilePath, OneOrMany};
use crate::federation::{Folder, Pace};
use crate::seal::KeyRing;

/// `state_dir` under `state_key_file`: both or none.
pub(super) fn folder(file: &File, desk: &mut Desk) -> Option<Folder> {
    let (dir, keys) = (&file.state_dir, &file.state_key_file);
    if dir.is_absent() && keys.is_absent() {
        return None;
    }
    if dir.is_absent() {
        desk.error(keys.problem("is the key to state_dir, which is not set"));
    }
    if keys.is_absent() {
        let message =
            "needs state_key_file: what is kept is sealed, since whoever could change it could sign in";
        desk.error(dir.problem(message).hint("`vestibule keygen` makes one"));
    }
    let keys = {
        let OneOrMany(listed) = keys.get()?;
        let mut secrets = Vec::new();
        for field in listed {
            let secret = read_secret(field, desk)?;
            if !strong(&secret, &field.place, desk) {
                return None;
            }
            secrets.push(secret);
        }
        KeyRing::new(&secrets).map_err(|message| desk.error(keys.problem(message))).ok()?
    };
    let FilePath(path) = dir.get()?;
    if path.exists() && !path.is_dir() {
        desk.error(dir.problem(format!("{} is not a folder", path.display())));
    }
    Some(Folder::new(path, keys))
}

/// A word to who keeps no copies and would be glad of them one day.
pub(super) fn wanted(file: &File, desk: &mut Desk) {
    let absent = file.state_dir.is_absent() && file.state_key_file.is_absent();
    if absent && desk.watches.iter().any(|watch| matches!(watch.pace, Pace::Polite { .. })) {
        let message = "is not set, and metadata comes from an address: no copy of it outlives a restart";
        let hint = "started while the identity provider is down, the gate could sign nobody in by it; and \
                    `vestibule metadata diff` and `apply` do not know what runs. `vestibule keygen` makes the key \
                    for state_key_file";
        desk.warn(file.state_dir.problem(message).hint(hint));
    }
}

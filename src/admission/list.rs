//! The file of the invited: taken anew when it changes, without a restart.

use super::invited::Invitations;
use arc_swap::ArcSwap;
use aws_lc_rs::digest::{SHA256, digest};
use parking_lot::Mutex;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// More than a hundred thousand invitations; larger is no list.
const LARGEST: u64 = 8 << 20;

/// How the file is written is the configuration's business: it reads the octets.
pub(super) type Reader = Box<dyn Fn(&[u8]) -> Result<Invitations, String> + Send + Sync>;

/// What the file said when it last made sense.
pub struct InvitedList {
    file: PathBuf,
    /// Under which it is remembered who took up which invitation: the whole path, from whatever folder the gate was
    /// started, and with no link followed, for a link may lead to another place at each change.
    name: String,
    read: Reader,
    current: ArcSwap<Invitations>,
    /// What the file held when it was last looked at, good or not: a broken one is told about once.
    seen: Mutex<Vec<u8>>,
}

impl InvitedList {
    /// Reads the file for the first time.
    ///
    /// # Errors
    /// The end of a sentence: it cannot be read, or what is wrong in it.
    pub fn load(file: &Path, read: Reader) -> Result<Self, String> {
        let octets = octets(file)?;
        let current = ArcSwap::from_pointee(read(&octets)?);
        let name = std::path::absolute(file).unwrap_or_else(|_| file.to_owned()).display().to_string();
        Ok(Self { file: file.to_owned(), name, read, current, seen: Mutex::new(mark(&Ok(octets))) })
    }

    /// Takes over what the file says now, if that is new and makes sense; otherwise the old list stays. A file that is
    /// gone is one that makes no sense: nobody is shut out by a volume that is not there.
    pub fn look_again(&self) {
        let found = octets(&self.file);
        let mark = mark(&found);
        if std::mem::replace(&mut *self.seen.lock(), mark.clone()) == mark {
            return;
        }
        let file = self.file.display();
        match found.and_then(|octets| (self.read)(&octets)) {
            Ok(list) => {
                tracing::info!(%file, invited = list.len(), "a new list of invited people counts");
                self.current.store(Arc::new(list));
            }
            Err(problem) => {
                tracing::warn!(%file, problem, "the new list of invited people is refused and the old one counts");
            }
        }
    }

    /// Who is invited now.
    pub fn current(&self) -> Arc<Invitations> {
        self.current.load_full()
    }

    pub(super) fn name(&self) -> String {
        self.name.clone()
    }
}

fn octets(file: &Path) -> Result<Vec<u8>, String> {
    let mut octets = Vec::new();
    File::open(file)
        .and_then(|opened| opened.take(LARGEST + 1).read_to_end(&mut octets))
        .map_err(|problem| format!("cannot be read: {problem}"))?;
    if octets.len() as u64 > LARGEST {
        return Err(format!("is larger than {} MiB", LARGEST >> 20));
    }
    Ok(octets)
}

fn mark(found: &Result<Vec<u8>, String>) -> Vec<u8> {
    match found {
        Ok(octets) => digest(&SHA256, octets).as_ref().to_vec(),
        Err(problem) => problem.clone().into_bytes(),
    }
}

impl fmt::Display for InvitedList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, which invites {}", self.file.display(), self.current.load().len())
    }
}

impl fmt::Debug for InvitedList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InvitedList({self})")
    }
}

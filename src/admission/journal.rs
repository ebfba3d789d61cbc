//! A file that only grows: sealed entries, each behind its length. What somebody is remembered for is written once, so
//! that an entry costs one write however many there are.
//!
//! ```text
//! ( length of what follows, 4 octets, big-endian | sealed entry ) …
//! ```
//!
//! Entries are sealed one by one under `state_key_file`: nobody else can read or make one. A last entry that was not
//! written to its end, because the machine went down, is as if it had never been begun.

use crate::seal::KeyRing;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::sync::Arc;

/// What the entries are sealed for.
const CONTEXT: &[u8] = b"people";

pub(super) struct Journal {
    file: PathBuf,
    keys: Arc<KeyRing>,
    /// How much of the file is whole entries.
    whole: u64,
}

impl Journal {
    /// Reads every entry. Nothing is written.
    ///
    /// # Errors
    /// The end of a sentence: the file cannot be read, or an entry does not open.
    pub(super) fn open(file: PathBuf, keys: Arc<KeyRing>) -> Result<(Self, Vec<Vec<u8>>), String> {
        let octets = match fs::read(&file) {
            Ok(octets) => octets,
            Err(problem) if problem.kind() == ErrorKind::NotFound => Vec::new(),
            Err(problem) => return Err(format!("cannot be read: {problem}")),
        };
        let mut rest = octets.as_slice();
        let mut entries = Vec::new();
        while let Some((sealed, after)) = entry(rest) {
            let opened = keys.open_file(CONTEXT, sealed);
            entries.push(opened.ok_or("was not sealed under state_key_file, or has been changed since")?);
            rest = after;
        }
        let whole = (octets.len() - rest.len()) as u64;
        Ok((Self { file, keys, whole }, entries))
    }

    /// Adds an entry; it is on the disk when this returns.
    ///
    /// # Errors
    /// A sentence: it could not be written.
    pub(super) fn append(&mut self, plain: &[u8]) -> Result<(), String> {
        let sealed = self.keys.seal_file(CONTEXT, plain).ok_or("an entry cannot be sealed")?;
        let length = u32::try_from(sealed.len()).map_err(|_| "an entry is too long")?;
        let entry = [&length.to_be_bytes(), sealed.as_slice()].concat();
        self.write(&entry)
            .map_err(|problem| format!("{} cannot be written: {problem}", self.file.display()))?;
        self.whole += entry.len() as u64;
        Ok(())
    }

    fn write(&self, entry: &[u8]) -> std::io::Result<()> {
        if let Some(folder) = self.file.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.file)?;
        // Half an entry of an earlier process, or of a disk that was full. (What another process that uses the folder has
        // written in whole is not cut off.)
        let length = file.metadata()?.len();
        if length > self.whole && entry_count(&fs::read(&self.file)?, self.whole).is_none() {
            file.set_len(self.whole)?;
        }
        file.write_all(entry)?;
        file.sync_all()
    }
}

/// The first entry, and what follows it.
fn entry(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = octets.split_first_chunk()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
}

/// How many whole entries stand from there to the end; none: the last is not whole.
fn entry_count(octets: &[u8], from: u64) -> Option<usize> {
    let mut rest = octets.get(usize::try_from(from).ok()?..)?;
    let mut count = 0;
    while !rest.is_empty() {
        (_, rest) = entry(rest)?;
        count += 1;
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn keys(fill: u8) -> Arc<KeyRing> {
        Arc::new(KeyRing::new(&[Secret::new(vec![fill; 32])]).unwrap())
    }

    #[test]
    fn entries_come_back_in_their_order_and_half_a_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state/people");
        let (mut journal, none) = Journal::open(file.clone(), keys(1)).unwrap();
        assert!(none.is_empty() && !file.exists(), "nothing is written by looking");
        journal.append(b"one").unwrap();
        journal.append(b"two").unwrap();
        let whole = fs::read(&file).unwrap();
        for cut in 1..30 {
            fs::write(&file, &whole[..whole.len() - cut]).unwrap();
            let (mut journal, entries) = Journal::open(file.clone(), keys(1)).unwrap();
            assert_eq!(entries, [b"one"], "{cut}");
            journal.append(b"three").unwrap();
            let (_, entries) = Journal::open(file.clone(), keys(1)).unwrap();
            assert_eq!(entries, [b"one".to_vec(), b"three".to_vec()], "{cut}");
        }
    }

    #[test]
    fn what_another_process_has_added_meanwhile_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("people");
        let (mut one, _) = Journal::open(file.clone(), keys(1)).unwrap();
        let (mut other, _) = Journal::open(file.clone(), keys(1)).unwrap();
        one.append(b"a").unwrap();
        other.append(b"b").unwrap();
        one.append(b"c").unwrap();
        let (_, entries) = Journal::open(file, keys(1)).unwrap();
        assert_eq!(entries, [b"a", b"b", b"c"]);
    }

    #[test]
    fn an_entry_of_another_key_or_a_changed_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("people");
        let (mut journal, _) = Journal::open(file.clone(), keys(1)).unwrap();
        journal.append(b"one").unwrap();
        assert!(Journal::open(file.clone(), keys(2)).is_err());
        let mut octets = fs::read(&file).unwrap();
        let last = octets.len() - 1;
        octets[last] ^= 1;
        fs::write(&file, octets).unwrap();
        assert!(Journal::open(file, keys(1)).is_err());
    }
}

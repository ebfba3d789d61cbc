//! What outlives the process: the last good copy of each identity provider's metadata, a change that is held, and the
//! owner's agreement to it.
//!
//! ```text
//! state_dir/metadata/corp.good      the document that runs, when and from where it was read
//! state_dir/metadata/corp.held      one that waits for the owner
//! state_dir/metadata/corp.agreed    the fingerprint that `vestibule metadata apply` agreed to, and who gave the command
//! state_dir/metadata/.config        digests of the configuration at the last start, by key
//! ```
//!
//! Whoever could write here could name the keys that sign people in, so that each file is sealed under `state_key_file`,
//! for its name and its identity provider. A file is replaced as a whole or not at all. Documents are kept as they came
//! and are read again by the same rules, with the pinned key, if there is one: this folder proves nothing by itself.

use super::source::{LARGEST_DOCUMENT, Version};
use crate::clock::Moment;
use crate::seal::KeyRing;
use flate2::Compression;
use flate2::read::{DeflateDecoder, DeflateEncoder};
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `state_dir`, with the keys that its files are sealed under.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    keys: Arc<KeyRing>,
}

/// What a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What runs.
    Good,
    /// What waits for the owner.
    Held,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Held => "held",
        }
    }
}

const AGREED: &str = "agreed";

/// What belongs to no identity provider: an id is never empty.
const NO_IDP: &str = "";
const CONFIG: &str = "config";

/// A document as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// Where from, [`super::source::Source::name`].
    pub source: String,
    /// When it was taken over, or held.
    pub at: Moment,
    /// By which the source can say that it is unchanged.
    pub version: Version,
    /// The document.
    pub document: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    v: u8,
    source: String,
    at: i64,
    version: Version,
}

const VERSION: u8 = 1;

impl Folder {
    /// The folder at `state_dir`. Nothing is touched yet.
    pub fn new(state_dir: &Path, keys: KeyRing) -> Self {
        Self { path: state_dir.join("metadata"), keys: Arc::new(keys) }
    }

    /// A file of this name in `state_dir`, and the keys: for what others keep there.
    pub fn beside(&self, name: &str) -> (PathBuf, Arc<KeyRing>) {
        (self.path.with_file_name(name), Arc::clone(&self.keys))
    }

    /// The copy; none when there is none.
    ///
    /// # Errors
    /// A sentence: the file cannot be read, or was sealed under another key, or by nobody of us.
    pub fn load(&self, idp: &str, kind: Kind) -> Result<Option<Copy>, String> {
        let Some(plain) = self.open(idp, kind.name())? else { return Ok(None) };
        let broken = || format!("{} is broken", self.file(idp, kind.name()).display());
        let mut parts = plain.splitn(2, |octet| *octet == b'\n');
        let head: Head =
            parts.next().and_then(|head| serde_json::from_slice(head).ok()).ok_or_else(broken)?;
        if head.v != VERSION {
            return Err(broken());
        }
        let mut document = Vec::new();
        DeflateDecoder::new(parts.next().unwrap_or_default())
            .take(LARGEST_DOCUMENT as u64)
            .read_to_end(&mut document)
            .map_err(|_| broken())?;
        let Head { source, at, version, .. } = head;
        Ok(Some(Copy { source, at: Moment::from_millis(at), version, document }))
    }

    /// Keeps the copy in the place of the one before.
    ///
    /// # Errors
    /// A sentence: the folder cannot be made or the file not written.
    pub fn save(&self, idp: &str, kind: Kind, copy: &Copy) -> Result<(), String> {
        let (source, version) = (copy.source.clone(), copy.version.clone());
        let head = Head { v: VERSION, source, at: copy.at.millis(), version };
        // Strings and numbers only: cannot fail, and an empty head does not open.
        let mut plain = serde_json::to_vec(&head).unwrap_or_default();
        plain.push(b'\n');
        DeflateEncoder::new(copy.document.as_slice(), Compression::default())
            .read_to_end(&mut plain)
            .map_err(|problem| problem.to_string())?;
        self.seal(idp, kind.name(), &plain)
    }

    /// What was held becomes what runs.
    ///
    /// # Errors
    /// A sentence: the one cannot be read or the other not written.
    pub fn promote(&self, idp: &str) -> Result<(), String> {
        if let Some(copy) = self.load(idp, Kind::Held)? {
            self.save(idp, Kind::Good, &copy)?;
        }
        self.remove(idp, Kind::Held)
    }

    /// Lets the copy go. That there is none is well.
    ///
    /// # Errors
    /// A sentence: it cannot be removed.
    pub fn remove(&self, idp: &str, kind: Kind) -> Result<(), String> {
        self.unlink(idp, kind.name())
    }

    /// Keeps what the owner agreed to, for the gate that runs; and who it was, as the machine knows them.
    ///
    /// # Errors
    /// A sentence: it cannot be written.
    pub fn agree(&self, idp: &str, fingerprint: &[u8; 32], by: &str) -> Result<(), String> {
        self.seal(idp, AGREED, &[fingerprint, by.as_bytes()].concat())
    }

    /// The fingerprint that the owner agreed to.
    ///
    /// # Errors
    /// A sentence: there is a file, and it is not of ours.
    pub fn agreed(&self, idp: &str) -> Result<Option<[u8; 32]>, String> {
        let Some(plain) = self.open(idp, AGREED)? else { return Ok(None) };
        match plain.first_chunk() {
            Some(fingerprint) => Ok(Some(*fingerprint)),
            None => Err(format!("{} is broken", self.file(idp, AGREED).display())),
        }
    }

    /// Who agreed, where that was kept.
    pub fn agreed_by(&self, idp: &str) -> Option<String> {
        let plain = self.open(idp, AGREED).ok().flatten()?;
        let by = plain.get(32..).filter(|by| !by.is_empty())?;
        Some(String::from_utf8_lossy(by).into_owned())
    }

    /// The agreement has been carried out, or is about something that is gone.
    ///
    /// # Errors
    /// A sentence: it cannot be removed.
    pub fn forget_agreement(&self, idp: &str) -> Result<(), String> {
        self.unlink(idp, AGREED)
    }

    /// Keeps what a configuration says, for the next start to compare with.
    ///
    /// # Errors
    /// A sentence: it cannot be written.
    pub fn keep_config(&self, fingerprints: &[u8]) -> Result<(), String> {
        self.seal(NO_IDP, CONFIG, fingerprints)
    }

    /// What was kept at an earlier start; none when there was none.
    ///
    /// # Errors
    /// A sentence: there is a file, and it is not of ours.
    pub fn kept_config(&self) -> Result<Option<Vec<u8>>, String> {
        self.open(NO_IDP, CONFIG)
    }

    fn file(&self, idp: &str, kind: &str) -> PathBuf {
        // The configuration lets nothing into an id but letters, digits, `-`, `_` and `.`, and no dot in front.
        self.path.join(format!("{idp}.{kind}"))
    }

    fn open(&self, idp: &str, kind: &str) -> Result<Option<Vec<u8>>, String> {
        let file = self.file(idp, kind);
        let mut sealed = Vec::new();
        let read = File::open(&file).and_then(|opened| {
            // Deflated and sealed it is shorter than plain, or longer by next to nothing.
            opened.take(LARGEST_DOCUMENT as u64 + (1 << 20)).read_to_end(&mut sealed)
        });
        match read {
            Ok(_) => {}
            Err(problem) if problem.kind() == ErrorKind::NotFound => return Ok(None),
            Err(problem) => return Err(format!("{} cannot be read: {problem}", file.display())),
        }
        let opened = self.keys.open_file(&context(idp, kind), &sealed);
        opened.map(Some).ok_or_else(|| {
            format!("{} was not sealed under state_key_file, or has been changed since", file.display())
        })
    }

    fn seal(&self, idp: &str, kind: &str, plain: &[u8]) -> Result<(), String> {
        let file = self.file(idp, kind);
        let sealed = self.keys.seal_file(&context(idp, kind), plain);
        let sealed = sealed.ok_or_else(|| format!("{} cannot be sealed", file.display()))?;
        let new = self.path.join(format!(".{idp}.{kind}.new"));
        self.prepare()
            .and_then(|()| write(&new, &sealed))
            .and_then(|()| self.give_to_the_owner_of_the_folder(&new))
            .and_then(|()| fs::rename(&new, &file))
            .and_then(|()| File::open(&self.path)?.sync_all())
            .map_err(|problem| format!("{} cannot be written: {problem}", file.display()))
    }

    fn prepare(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.path)
    }

    /// `vestibule metadata apply` may be run by root, and must not leave a file that the gate cannot read.
    fn give_to_the_owner_of_the_folder(&self, file: &Path) -> io::Result<()> {
        let (folder, made) = (fs::metadata(&self.path)?, fs::metadata(file)?);
        if (folder.uid(), folder.gid()) == (made.uid(), made.gid()) || made.uid() != 0 {
            return Ok(());
        }
        std::os::unix::fs::chown(file, Some(folder.uid()), Some(folder.gid()))
    }

    fn unlink(&self, idp: &str, kind: &str) -> Result<(), String> {
        let file = self.file(idp, kind);
        match fs::remove_file(&file) {
            Err(problem) if problem.kind() != ErrorKind::NotFound => {
                Err(format!("{} cannot be removed: {problem}", file.display()))
            }
            _ => Ok(()),
        }
    }
}

/// One file must not be taken for another. An id has no blanks.
fn context(idp: &str, kind: &str) -> Vec<u8> {
    format!("metadata {kind} {idp}").into_bytes()
}

/// For its owner only, and on the disk when this returns.
fn write(path: &Path, octets: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(octets)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use std::os::unix::fs::PermissionsExt as _;

    fn folder(at: &Path, key: u8) -> Folder {
        Folder::new(at, KeyRing::new(&[Secret::new(vec![key; 32])]).unwrap())
    }

    fn copy() -> Copy {
        Copy {
            source: "https://idp.test/metadata".into(),
            at: Moment::from_millis(1_800_000_000_123),
            version: Version { etag: Some("\"a\"".into()), last_modified: None },
            document: b"<EntityDescriptor/>\n".repeat(100),
        }
    }

    #[test]
    fn a_copy_comes_back_as_it_went() {
        let at = tempfile::tempdir().unwrap();
        let folder = folder(&at.path().join("state"), 1);
        assert_eq!(folder.load("corp", Kind::Good), Ok(None));
        folder.save("corp", Kind::Good, &copy()).unwrap();
        assert_eq!(folder.load("corp", Kind::Good), Ok(Some(copy())));
        let newer = Copy { document: b"<x/>".to_vec(), ..copy() };
        folder.save("corp", Kind::Good, &newer).unwrap();
        assert_eq!(folder.load("corp", Kind::Good), Ok(Some(newer)));
        folder.remove("corp", Kind::Good).unwrap();
        folder.remove("corp", Kind::Good).unwrap();
        assert_eq!(folder.load("corp", Kind::Good), Ok(None));
    }

    #[test]
    fn an_agreement_comes_back_until_it_is_forgotten() {
        let at = tempfile::tempdir().unwrap();
        let folder = folder(at.path(), 1);
        assert_eq!(folder.agreed("corp"), Ok(None));
        folder.agree("corp", &[7; 32], "uid 7").unwrap();
        assert_eq!(folder.agreed_by("corp").as_deref(), Some("uid 7"));
        assert_eq!(folder.agreed("corp"), Ok(Some([7; 32])));
        assert_eq!(folder.agreed("other"), Ok(None));
        folder.forget_agreement("corp").unwrap();
        assert_eq!(folder.agreed("corp"), Ok(None));
    }

    #[test]
    fn nobody_without_the_key_reads_or_makes_a_copy() {
        let at = tempfile::tempdir().unwrap();
        folder(at.path(), 1).save("corp", Kind::Good, &copy()).unwrap();
        assert!(folder(at.path(), 2).load("corp", Kind::Good).unwrap_err().contains("state_key_file"));
        let file = at.path().join("metadata/corp.good");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let sealed = fs::read(&file).unwrap();
        assert!(!sealed.windows(8).any(|window| window == b"idp.test"));
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            fs::write(&file, &changed).unwrap();
            assert!(folder(at.path(), 1).load("corp", Kind::Good).is_err(), "octet {place}");
        }
        fs::write(&file, &sealed[..sealed.len() / 2]).unwrap();
        assert!(folder(at.path(), 1).load("corp", Kind::Good).is_err());
    }

    #[test]
    fn one_file_is_not_taken_for_another() {
        let at = tempfile::tempdir().unwrap();
        let folder = folder(at.path(), 1);
        folder.save("corp", Kind::Held, &copy()).unwrap();
        for name in ["corp.good", "other.held", "other.good", "corp.agreed"] {
            fs::copy(at.path().join("metadata/corp.held"), at.path().join("metadata").join(name)).unwrap();
        }
        assert!(folder.load("corp", Kind::Held).is_ok());
        assert!(folder.load("corp", Kind::Good).is_err(), "what is held must not come to run by a rename");
        assert!(folder.load("other", Kind::Held).is_err());
        assert!(folder.agreed("corp").is_err());
    }
}

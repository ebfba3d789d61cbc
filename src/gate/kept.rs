//! The sessions of a process, for the one that comes after it.
//!
//! ```text
//! state_dir/sessions         magic | id | ( length | sealed piece ) …     written when a gate has gone in good order
//! state_dir/sessions.owner   the id of the gate that began last, sealed
//! ```
//!
//! A session that was ended must not come back. So the file is written once, when nobody is served any more; it is taken
//! away by who reads it, before anybody is served, so that a gate that is killed leaves none; and it counts only if its gate
//! was the last that began here: where two run at the same time, the elder does not know who left at the younger.
//!
//! Each piece is sealed for its file and its place in it, so that no piece can be left out, moved or taken from another file.

use crate::clock::Moment;
use crate::observe::audit::{self, Event};
use crate::observe::metrics::SessionFileOutcome;
use crate::seal::KeyRing;
use crate::session::{MemoryStore, ReadBack, Session};
use aws_lc_rs::rand;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const MAGIC: [u8; 8] = *b"VSTBSES1";

/// A piece has a quarter of a megabyte and at most one session more.
const LARGEST_PIECE: u32 = 32 << 20;

const OWNER: &[u8] = b"sessions owner";

/// The place in `state_dir`, and who this gate is.
#[derive(Debug)]
pub struct SessionFile {
    file: PathBuf,
    keys: Arc<KeyRing>,
    id: [u8; 16],
}

impl SessionFile {
    /// The place of this file. Nothing is touched yet.
    pub fn new(file: PathBuf, keys: Arc<KeyRing>) -> Self {
        let mut id = [0; 16];
        // Without randomness there is no gate either; an id of zeros is one that another gate may have too, which then
        // takes up nothing that it should not: the file is taken away with the first reading.
        let _ = rand::fill(&mut id);
        Self { file, keys, id }
    }

    /// Takes up what the gate before has left, which is gone afterwards; and makes this gate the last that began here. Only
    /// sessions that are `wanted`. A file that is of no use is told about, and there were no sessions. None: there is no
    /// file, or nothing of use in it.
    pub fn take_up(
        &self,
        max_bytes: u64,
        now: Moment,
        wanted: &dyn Fn(&Session) -> bool,
    ) -> (Option<MemoryStore>, Option<SessionFileOutcome>) {
        let source = self.file.display().to_string();
        let before = self.owner();
        let opened = self.open_and_take_away();
        let owned = self.own();
        let read = match (opened, owned) {
            (Ok(None), Ok(())) => return (None, None),
            (Ok(Some(file)), Ok(())) => self.read(file, before, max_bytes, now, wanted),
            (Err(problem), _) | (_, Err(problem)) => Err(format!("{source}: {problem}")),
        };
        match read {
            Ok((store, ReadBack { sessions, left_out })) => {
                tracing::info!(sessions, left_out, "the sessions of the process before go on");
                audit::record(&Event::SessionsTakenUp { source: &source, sessions });
                (Some(store), Some(SessionFileOutcome::TakenUp))
            }
            Err(detail) => {
                tracing::warn!(detail, "the sessions of the process before are not taken up");
                audit::record(&Event::SessionsRefused { source: &source, detail: &detail });
                (None, Some(SessionFileOutcome::Refused))
            }
        }
    }

    /// Writes down what the store knows, for the next one. To be called when nobody is served any more. Answers how many
    /// sessions there were; none: another gate has begun here meanwhile, and what this one knows may not be so any more.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn leave(&self, store: &MemoryStore, now: Moment) -> io::Result<Option<usize>> {
        if self.owner().as_ref() != Some(&self.id) {
            return Ok(None);
        }
        let new = self.beside(".sessions.new");
        let written = self.write(&new, store, now);
        let moved = written.and_then(|sessions| {
            fs::rename(&new, &self.file)?;
            File::open(self.folder())?.sync_all()?;
            Ok(Some(sessions))
        });
        if moved.is_err() {
            // It may be in the way of the next one, and nobody reads it.
            let _ = fs::remove_file(&new);
        }
        moved
    }

    fn write(&self, new: &Path, store: &MemoryStore, now: Moment) -> io::Result<usize> {
        let mut to = BufWriter::new(create(new)?);
        to.write_all(&MAGIC)?;
        to.write_all(&self.id)?;
        let mut place = 0;
        let sessions = store.write_down(now, |piece| {
            let sealed = self.keys.seal_file(&context(&self.id, place), piece);
            let sealed = sealed.ok_or_else(|| io::Error::other("it cannot be sealed"))?;
            place += 1;
            let length = u32::try_from(sealed.len()).ok().filter(|length| *length <= LARGEST_PIECE);
            let length = length.ok_or_else(|| io::Error::other("a session is too large"))?;
            to.write_all(&length.to_be_bytes())?;
            to.write_all(&sealed)
        })?;
        to.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok(sessions)
    }

    fn read(
        &self,
        file: File,
        before: Option<[u8; 16]>,
        max_bytes: u64,
        now: Moment,
        wanted: &dyn Fn(&Session) -> bool,
    ) -> Result<(MemoryStore, ReadBack), String> {
        let mut from = BufReader::new(file);
        let cut = |_| "it is cut off".to_owned();
        let (mut magic, mut id) = ([0; 8], [0; 16]);
        from.read_exact(&mut magic).map_err(cut)?;
        from.read_exact(&mut id).map_err(cut)?;
        if magic != MAGIC {
            return Err("it is no file of sessions".to_owned());
        }
        if before != Some(id) {
            return Err(
                "another gate has begun here after the one that wrote it: who left there is not known here"
                    .to_owned(),
            );
        }
        let mut place = 0;
        MemoryStore::read_back(max_bytes, now, wanted, || {
            let mut length = [0; 4];
            match from.read(&mut length) {
                Ok(0) => return Ok(None),
                Ok(some) => from.read_exact(length.get_mut(some..).unwrap_or_default()).map_err(cut)?,
                Err(problem) => return Err(problem.to_string()),
            }
            let length = u32::from_be_bytes(length);
            if length > LARGEST_PIECE {
                return Err("it is broken".to_owned());
            }
            let mut sealed = Vec::new();
            (&mut from)
                .take(length.into())
                .read_to_end(&mut sealed)
                .map_err(|problem| problem.to_string())?;
            let piece = self.keys.open_file(&context(&id, place), &sealed);
            place += 1;
            piece.map(Some).ok_or_else(|| {
                "it was not sealed under state_key_file, is cut off, or has been changed since".to_owned()
            })
        })
    }

    /// None: there is none. It is gone afterwards, or else nothing is read: it would be there the next time too.
    fn open_and_take_away(&self) -> Result<Option<File>, String> {
        let file = match File::open(&self.file) {
            Ok(file) => file,
            Err(problem) if problem.kind() == ErrorKind::NotFound => return Ok(None),
            Err(problem) => return Err(format!("cannot be read: {problem}")),
        };
        let gone = fs::remove_file(&self.file).and_then(|()| File::open(self.folder())?.sync_all());
        gone.map_err(|problem| format!("cannot be removed: {problem}"))?;
        Ok(Some(file))
    }

    /// Who began last here, as far as it can be told.
    fn owner(&self) -> Option<[u8; 16]> {
        let mut sealed = Vec::new();
        File::open(self.beside("sessions.owner")).ok()?.take(1024).read_to_end(&mut sealed).ok()?;
        self.keys.open_file(OWNER, &sealed)?.try_into().ok()
    }

    /// From here on this gate is the last that began.
    fn own(&self) -> Result<(), String> {
        let cannot = |problem: io::Error| format!("its folder cannot be written to: {problem}");
        let sealed = self.keys.seal_file(OWNER, &self.id).ok_or("it cannot be sealed")?;
        DirBuilder::new().recursive(true).mode(0o700).create(self.folder()).map_err(cannot)?;
        let new = self.beside(".sessions.owner.new");
        let write = || {
            let mut file = create(&new)?;
            file.write_all(&sealed)?;
            file.sync_all()?;
            fs::rename(&new, self.beside("sessions.owner"))?;
            File::open(self.folder())?.sync_all()
        };
        write().map_err(cannot)
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.file.with_file_name(name)
    }

    fn folder(&self) -> &Path {
        match self.file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }
}

/// For its owner only.
fn create(path: &Path) -> io::Result<File> {
    // An earlier one may have other permissions, or be a link to elsewhere.
    match fs::remove_file(path) {
        Err(problem) if problem.kind() != ErrorKind::NotFound => return Err(problem),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// A piece is for its file and its place.
fn context(id: &[u8; 16], place: u64) -> Vec<u8> {
    [b"sessions ".as_slice(), id, &place.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use crate::session::suite::sample;
    use crate::session::{Peek, Store as _};
    use futures_util::FutureExt as _;
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Duration;

    const NOW: Moment = Moment::from_seconds(1_700_000_000);
    const MAX: u64 = 1 << 22;

    fn keys(fill: u8) -> Arc<KeyRing> {
        Arc::new(KeyRing::new(&[Secret::new(vec![fill; 32])]).unwrap())
    }

    /// A gate that begins in this folder, and what it has taken up.
    fn begun(folder: &Path, key: u8) -> (SessionFile, Option<MemoryStore>, Option<SessionFileOutcome>) {
        let file = SessionFile::new(folder.join("state/sessions"), keys(key));
        let (store, outcome) = file.take_up(MAX, NOW, &|_| true);
        (file, store, outcome)
    }

    fn with(sessions: u64) -> MemoryStore {
        let store = MemoryStore::new(MAX, NOW);
        for n in 0..sessions {
            store.insert(Arc::new(sample(n, NOW))).now_or_never().unwrap().unwrap();
        }
        store
    }

    fn left(folder: &Path, sessions: u64) -> PathBuf {
        let (file, ..) = begun(folder, 1);
        assert_eq!(file.leave(&with(sessions), NOW).unwrap(), Some(usize::try_from(sessions).unwrap()));
        file.file
    }

    #[test]
    fn sessions_go_on_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = left(folder.path(), 1_000);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let octets = fs::read(&path).unwrap();
        assert!(!octets.windows(7).any(|window| window == b"example"), "nobody is named");
        let (_, store, outcome) = begun(folder.path(), 1);
        assert_eq!(outcome, Some(SessionFileOutcome::TakenUp));
        assert!(matches!(store.unwrap().peek(sample(7, NOW).key()), Peek::Live(_)));
        assert!(!path.exists(), "a gate that is killed leaves none");
        let (_, store, outcome) = begun(folder.path(), 1);
        assert!(store.is_none() && outcome.is_none());
    }

    #[test]
    fn what_is_torn_changed_or_foreign_is_no_session_and_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = left(folder.path(), 20);
        let whole = fs::read(&path).unwrap();
        // The id of the gate that wrote it is told by the owner's file.
        let owner = path.with_file_name("sessions.owner");
        let owner_was = fs::read(&owner).unwrap();
        let refused = |octets: &[u8], key: u8| {
            fs::write(&owner, &owner_was).unwrap();
            fs::write(&path, octets).unwrap();
            let (_, store, outcome) = begun(folder.path(), key);
            assert!(!path.exists());
            (store.is_none(), outcome) == (true, Some(SessionFileOutcome::Refused))
        };
        assert!(refused(&whole, 2), "of another key");
        for length in (0..whole.len()).step_by(97).chain([whole.len() - 1]) {
            assert!(refused(&whole[..length], 1), "cut to {length}");
        }
        for place in (0..whole.len()).step_by(61) {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            assert!(refused(&changed, 1), "octet {place}");
        }
        assert!(refused(&[&whole[..], b"more"].concat(), 1));
        assert!(refused(b"garbage", 1) && refused(&[0xff; 4096], 1));
        assert!(!refused(&whole, 1), "and the file itself is good");
    }

    #[test]
    fn an_older_file_does_not_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = left(folder.path(), 5);
        let old = fs::read(&path).unwrap();
        let (second, store, _) = begun(folder.path(), 1);
        assert!(store.is_some());
        // Somebody puts a copy back, or a gate that began before has gone only now.
        fs::write(&path, &old).unwrap();
        let (third, store, outcome) = begun(folder.path(), 1);
        assert!(store.is_none() && outcome == Some(SessionFileOutcome::Refused));
        assert_eq!(second.leave(&with(5), NOW).unwrap(), None, "it is not the last that began");
        assert!(!path.exists());
        assert_eq!(third.leave(&with(2), NOW).unwrap(), Some(2));
    }

    #[test]
    fn a_file_that_cannot_be_taken_away_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = left(folder.path(), 5);
        fs::remove_file(&path).unwrap();
        // Nobody, not even root, removes a folder as a file.
        fs::create_dir(&path).unwrap();
        let (_, store, outcome) = begun(folder.path(), 1);
        assert!(store.is_none() && outcome == Some(SessionFileOutcome::Refused));
    }

    #[test]
    fn what_is_over_by_then_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = left(folder.path(), 5);
        let file = SessionFile::new(path, keys(1));
        let (store, _) = file.take_up(MAX, NOW.plus(Duration::from_secs(100_000_000)), &|_| true);
        assert_eq!(store.unwrap().size().sessions, 0);
    }
}
